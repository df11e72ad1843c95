//! Taking in what a file brought, and taking it back: slice by slice, so that others are heard in between. What has come is
//! noted with each slice; an import that ends half-way is taken back as one that somebody does not want any more
//! ([decision 3](../../../docs/decisions/0003-imports-in-slices.md)).

mod undo;

use std::collections::BTreeSet;

use kairos_core::change::Origin;
use kairos_core::command::{Receipt, Rejection, RejectionCode, Slice};
use kairos_core::day::Date;
use kairos_core::event::Event;
use kairos_core::hlc::Hlc;
use kairos_core::ids::{CellId, HabitId};
use kairos_core::merge::merge;
use kairos_core::principal::Principal;
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETION_EVENTS, COMPLETIONS, HABITS};
use kairos_core::scope::Scope;
use kairos_core::value::Value;
use kairos_transfer::limits;

use super::bounds::{MAX_AHEAD, MOST};
use super::parents::{self, Standing};
use super::{applied, record, require_edit, unchanged};
use crate::store::{ImportRow, ImportState, StoreError, Tx};

pub(super) use undo::undo;

/// A cell: habit, day, actor.
type Cell = (String, Date, String);

/// Begins an import. Until it is settled the engine leaves this person's habits alone: of half a file nothing follows.
pub(super) fn open(tx: &mut Tx<'_>, by: &Principal, id: &str, source: &str) -> Result<Receipt, StoreError> {
    require_edit(by, &Scope::Person(by.user.clone()))?;
    if tx.is_importing(by.user.as_str())? {
        let message = "Another import of yours is still running; please wait for it.";
        return Err(Rejection::new(RejectionCode::Conflict, message).into());
    }
    match tx.import(id)?.map(|import| import.state) {
        Some(ImportState::Withdrawn) => tx.forget_import(id)?,
        Some(_) => return Ok(unchanged()),
        None => {}
    }
    tx.open_import(id, &by.user, source)?;
    Ok(applied(0))
}

/// Takes in a slice. After the last one the import is settled: done, or forgotten when nothing was new.
pub(super) fn take_in(tx: &mut Tx<'_>, by: &Principal, slice: &Slice) -> Result<Receipt, StoreError> {
    let scope = Scope::Person(by.user.clone());
    require_edit(by, &scope)?;
    let import = tx.import(&slice.import)?.filter(|import| import.user == by.user.as_str());
    if import.is_none_or(|import| import.state != ImportState::Running) {
        return Err(Rejection::new(RejectionCode::Conflict, "This import does not run any more.").into());
    }
    let at = tx.tick();
    // One who wrote it further east may be two days ahead. While the time is only guessed it says nothing.
    let person = record::person(tx, &by.user)?;
    let latest =
        (!tx.is_guessing()).then(|| person.today(tx.now()).tomorrow().and_then(Date::tomorrow).unwrap_or(Date::MAX));
    let mut taken = Taken { latest, ..Taken::default() };
    for row in &slice.rows {
        if row.scope != scope {
            return Err(Rejection::new(RejectionCode::Forbidden, "An import is for oneself.").into());
        }
        taken.place(tx, by, row, &at, &slice.import)?;
    }
    for (table, most, what) in MOST {
        if slice.rows.iter().any(|row| row.table == table) && tx.count_living(table, &scope)? > most {
            let message = format!("A person has at most {most} {what}; with this file there would be more.");
            return Err(Rejection::new(RejectionCode::Conflict, message).into());
        }
    }
    let seq = taken.fold(tx)?;
    tx.count_import(&slice.import, taken.habits, taken.entries)?;
    if !slice.last {
        return Ok(applied(seq));
    }
    if tx.import_rows(&slice.import, 1)?.is_empty() {
        tx.forget_import(&slice.import)?;
        return Ok(unchanged());
    }
    tx.set_import(&slice.import, ImportState::Done, None)?;
    Ok(applied(seq))
}

/// What a slice brought so far.
#[derive(Default)]
struct Taken {
    /// The last day that may have come.
    latest: Option<Date>,
    seq: i64,
    habits: i64,
    entries: i64,
    cells: BTreeSet<Cell>,
}

impl Taken {
    fn place(&mut self, tx: &mut Tx<'_>, by: &Principal, row: &Row, at: &Hlc, import: &str) -> Result<(), StoreError> {
        require_home(tx, by, row)?;
        self.require_past(row)?;
        let known = tx.row(row.table, &row.id)?;
        if known.as_ref().is_some_and(|known| known.scope != row.scope) {
            let message = "This file belongs to somebody else on this hub; some of it already lives there.";
            return Err(Rejection::new(RejectionCode::Conflict, message).into());
        }
        let revived = known.as_ref().is_some_and(|known| known.deleted_at.is_some());
        let before = known.clone().filter(|known| known.deleted_at.is_none());
        let Some(placed) = self.placed(tx, row, known, at)? else { return Ok(()) };
        if before.is_none()
            && let Some(event) = Event::from_row(&placed)
            && tx.cell_is_full(&event.habit_id, &event.date.to_string(), limits::DEEDS)?
        {
            let full =
                format!("A day holds at most {} deeds of one habit; with this file it would be more.", limits::DEEDS);
            return Err(Rejection::new(RejectionCode::Conflict, full).into());
        }
        self.seq = tx.put(&placed, Origin::Local)?;
        let changed = before.map(|before| changes(&before, &placed));
        let print = changed.is_none().then(|| undo::print(&placed));
        let (table, id) = (placed.table.name.to_owned(), placed.id.clone());
        let noted = ImportRow { table, id, changed: changed.clone(), print, revived };
        tx.note_import_row(import, &noted)?;
        if changed.is_none() && placed.table == &HABITS {
            self.habits += 1;
        } else if changed.is_none() && placed.table == &COMPLETION_EVENTS {
            self.entries += 1;
        }
        Ok(())
    }

    /// Refuses a day that has not come, or lies before all days.
    fn require_past(&self, row: &Row) -> Result<(), StoreError> {
        if row.table != &COMPLETION_EVENTS && row.table != &COMPLETIONS {
            return Ok(());
        }
        let Some(date) = repair::parse_date(&row.text("date")) else {
            return Err(Rejection::field("date", "date must be a date such as 2026-11-24.").into());
        };
        if date.year() < 1970 || self.latest.is_some_and(|latest| date > latest) {
            let message = format!("The file has something done on {date}: date is a day since 1970 that has come.");
            return Err(Rejection::field("date", message).into());
        }
        Ok(())
    }

    /// The row as it is to be written; `None` when nothing changes.
    fn placed(&mut self, tx: &mut Tx<'_>, row: &Row, known: Option<Row>, at: &Hlc) -> Result<Option<Row>, StoreError> {
        let mut placed = row.clone();
        let placed = if row.clocks.is_empty() {
            match known {
                Some(known) if known.deleted_at.is_none() => return Ok(None),
                Some(mut known) => {
                    known.set_deleted(None, at);
                    known
                }
                None => {
                    placed.stamp_all(at);
                    placed
                }
            }
        } else {
            placed.hold_clocks(tx.now().saturating_add(MAX_AHEAD), at);
            if let Some(hlc) = placed.hlc().cloned() {
                tx.observe(&hlc, MAX_AHEAD);
            }
            match known {
                Some(known) => {
                    let mut merged = merge(&known, &placed).map_err(|error| {
                        Rejection::new(RejectionCode::Conflict, format!("A row cannot be taken in: {error}."))
                    })?;
                    // Whoever brings a row back wants it back, whenever it was deleted. A cell is there while its events are.
                    if merged.deleted_at.is_some() && row.deleted_at.is_none() && row.table != &COMPLETIONS {
                        merged.set_deleted(None, at);
                    }
                    if merged == known {
                        return Ok(None);
                    }
                    merged
                }
                None => placed,
            }
        };
        if let Some(fault) = repair::faults(&placed).into_iter().next().filter(|_| placed.table == &COMPLETION_EVENTS) {
            return Err(Rejection::field(fault.column, format!("{} {}.", fault.column, fault.message)).into());
        }
        if let Some(event) = Event::from_row(&placed) {
            self.cells.insert((event.habit_id.to_string(), event.date, event.actor));
        } else if placed.table == &COMPLETIONS
            && let Some(date) = repair::parse_date(&placed.text("date"))
        {
            self.cells.insert((placed.text("habit_id"), date, placed.text("actor")));
        }
        Ok(Some(placed))
    }

    /// Folds every cell that something was taken in for.
    fn fold(&mut self, tx: &mut Tx<'_>) -> Result<i64, StoreError> {
        let mut habit: Option<Row> = None;
        for (id, date, actor) in std::mem::take(&mut self.cells) {
            if habit.as_ref().is_none_or(|habit| habit.id != id) {
                habit = tx.row(&HABITS, &id)?.map(repair::sound);
            }
            let Some(habit) = &habit else { return Err(Rejection::not_found("habit").into()) };
            self.seq = self.seq.max(record::fold_imported(tx, habit, date, &actor)?);
        }
        Ok(self.seq)
    }
}

/// Refuses a row that belongs to nothing, or to something of somebody else: both in the same words. A cell has the id
/// that follows from its day, lest it stand where the day of another is to be.
fn require_home(tx: &Tx<'_>, by: &Principal, row: &Row) -> Result<(), StoreError> {
    match parents::standing(tx, by, row)? {
        // A variant may have gone since a run was made with it.
        Standing::Sound | Standing::Missing("variant_id") => {}
        Standing::Missing(column) | Standing::Foreign(column) => {
            let message = "The file has rows of something that it does not have.";
            return Err(Rejection::field(column, format!("{message} ({}, {column})", row.table.name)).into());
        }
    }
    if row.table == &COMPLETIONS {
        let date = repair::parse_date(&row.text("date"));
        let habit = HabitId::new(row.text("habit_id")).ok();
        let id = habit.zip(date).map(|(habit, date)| CellId::of(&habit, date, &row.text("actor")));
        if id.is_none_or(|id| id.as_str() != row.id) {
            return Err(Rejection::field("id", "The file has a day under an id that is not its own.").into());
        }
    }
    Ok(())
}

/// What an import changes in a row that was there: each column's earlier value, and the clock of the new one. Taken back,
/// a column gets the earlier value again, unless somebody has changed it since.
fn changes(before: &Row, after: &Row) -> String {
    let described = after.table.columns.iter().filter(|column| !column.derived);
    let described = described.map(|column| (column.name, column.register));
    let unknown = after.extra.keys().map(|name| (name.as_str(), name.as_str()));
    let value = |row: &Row, name: &str| match row.table.column(name) {
        Some(_) => row.get(name),
        None => row.extra.get(name).cloned().unwrap_or(Value::Null),
    };
    let changed = described.chain(unknown).filter_map(|(name, register)| {
        let (old, new) = (value(before, name), value(after, name));
        let clock = after.clocks.get(register)?;
        (old != new).then(|| (name.to_owned(), serde_json::json!([old.to_json(), clock.to_string()])))
    });
    serde_json::Value::Object(changed.collect()).to_string()
}

#[cfg(test)]
mod tests;
