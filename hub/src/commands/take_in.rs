//! Taking in what a file brought, and taking it back: all of it or nothing, in one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use kairos_core::Millis;
use kairos_core::change::Origin;
use kairos_core::command::{Import, Progress, Receipt, Rejection, RejectionCode};
use kairos_core::day::Date;
use kairos_core::event::Event;
use kairos_core::hlc::Hlc;
use kairos_core::ids::HabitId;
use kairos_core::merge::merge;
use kairos_core::principal::Principal;
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETION_EVENTS, COMPLETIONS, HABIT_SCHEDULES, HABITS, PAUSES, ROUTINES, Table};
use kairos_core::scope::Scope;

use super::habits::MAX_HABITS;
use super::plans::MAX_PAUSES;
use super::{applied, record, require_edit, unchanged};
use crate::store::{ImportNote, StoreError, Tx};

/// How far ahead of ours a clock in a file may be before it is held.
const MAX_AHEAD: Millis = 5 * 60 * 1000;

/// How much a person may have, also by way of a file.
const MOST: [(&Table, usize, &str); 4] = [
    (&HABITS, MAX_HABITS, "habits"),
    (&PAUSES, MAX_PAUSES, "breaks"),
    (&HABIT_SCHEDULES, 5000, "changes of schedules"),
    (&ROUTINES, 100, "routines"),
];

/// A cell: habit, day, actor.
type Cell = (String, Date, String);

pub(super) fn take_in(tx: &mut Tx<'_>, by: &Principal, import: &Import) -> Result<Receipt, StoreError> {
    let scope = Scope::Person(by.user.clone());
    require_edit(by, &scope)?;
    let at = tx.tick();
    let mut taken = Taken::default();
    for row in &import.rows {
        if row.scope != scope {
            return Err(Rejection::new(RejectionCode::Forbidden, "An import is for oneself.").into());
        }
        taken.place(tx, row, &at, &import.id)?;
        import.done.fetch_add(1, Ordering::Relaxed);
    }
    for (table, most, what) in MOST {
        if tx.count_living(table, &scope)? > most {
            let message = format!("A person has at most {most} {what}; with this file there would be more.");
            return Err(Rejection::new(RejectionCode::Conflict, message).into());
        }
    }
    if taken.seq == 0 {
        return Ok(unchanged());
    }
    let seq = taken.fold(tx)?;
    tx.note_import(&ImportNote {
        id: import.id.clone(),
        user: by.user.to_string(),
        source: import.source.clone(),
        at: tx.now(),
        habits: taken.habits,
        entries: taken.entries,
        undone_at: None,
    })?;
    Ok(applied(seq))
}

/// What was taken in so far.
#[derive(Default)]
struct Taken {
    seq: i64,
    habits: i64,
    entries: i64,
    /// Habits that were not there before: all their events are in the file.
    fresh: BTreeSet<String>,
    cells: BTreeMap<Cell, Vec<Event>>,
}

impl Taken {
    fn place(&mut self, tx: &mut Tx<'_>, row: &Row, at: &Hlc, import: &str) -> Result<(), StoreError> {
        let known = tx.row(row.table, &row.id)?;
        if known.as_ref().is_some_and(|known| known.scope != row.scope) {
            let message = "This file belongs to somebody else on this hub; some of it already lives there.";
            return Err(Rejection::new(RejectionCode::Conflict, message).into());
        }
        let was_there = known.as_ref().is_some_and(|known| known.deleted_at.is_none());
        let Some(placed) = self.placed(tx, row, known, at)? else { return Ok(()) };
        self.seq = tx.put(&placed, Origin::Local)?;
        if !was_there && placed.deleted_at.is_none() && placed.table != &COMPLETIONS {
            tx.note_import_row(import, placed.table.name, &placed.id)?;
            if placed.table == &HABITS {
                self.habits += 1;
            } else if placed.table == &COMPLETION_EVENTS {
                self.entries += 1;
            }
        }
        Ok(())
    }

    /// The row as it is to be written; `None` when nothing changes.
    fn placed(&mut self, tx: &mut Tx<'_>, row: &Row, known: Option<Row>, at: &Hlc) -> Result<Option<Row>, StoreError> {
        if row.table == &HABITS && known.is_none() {
            self.fresh.insert(row.id.clone());
        }
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
            let cell = (event.habit_id.to_string(), event.date, event.actor.clone());
            self.cells.entry(cell).or_default().push(event);
        } else if placed.table == &COMPLETIONS
            && let Some(date) = repair::parse_date(&placed.text("date"))
        {
            self.cells.entry((placed.text("habit_id"), date, placed.text("actor"))).or_default();
        }
        Ok(Some(placed))
    }

    /// Folds every cell that something was taken in for.
    fn fold(&mut self, tx: &mut Tx<'_>) -> Result<i64, StoreError> {
        let mut habit: Option<Row> = None;
        for ((id, date, actor), events) in std::mem::take(&mut self.cells) {
            if habit.as_ref().is_none_or(|habit| habit.id != id) {
                habit = tx.row(&HABITS, &id)?.map(repair::sound);
            }
            let Some(habit) = &habit else {
                return Err(Rejection::field("habit_id", "The file has days of a habit that it does not have.").into());
            };
            let fresh = self.fresh.contains(&id) && !events.is_empty();
            let seq = if fresh {
                record::fold_new(tx, habit, date, &events)?
            } else {
                record::refold(tx, habit, date, &actor)?
            };
            self.seq = self.seq.max(seq);
        }
        Ok(self.seq)
    }
}

/// Takes an import back: what came with it goes, what was done since stays.
pub(super) fn undo(tx: &mut Tx<'_>, by: &Principal, id: &str, done: &Progress) -> Result<Receipt, StoreError> {
    let import = tx.import(id)?.filter(|import| import.user == by.user.as_str());
    let Some(import) = import else { return Err(Rejection::not_found("import").into()) };
    require_edit(by, &Scope::Person(by.user.clone()))?;
    if import.undone_at.is_some() {
        return Ok(unchanged());
    }
    let at = tx.tick();
    let mut cells: BTreeSet<Cell> = BTreeSet::new();
    let mut seq = 0;
    let mut rows = tx.import_rows(id)?;
    // Habits last: one in which something was done since stays.
    rows.sort_by_key(|(table, _)| table == HABITS.name);
    for (table, row) in rows {
        done.fetch_add(1, Ordering::Relaxed);
        let Some(table) = Table::named(&table) else { continue };
        let Some(mut row) = tx.row(table, &row)?.filter(|row| row.deleted_at.is_none()) else { continue };
        if table == &HABITS && tx.habit_is_used(&row.id)? {
            continue;
        }
        if let Some(event) = Event::from_row(&row).filter(|_| table == &COMPLETION_EVENTS) {
            cells.insert((event.habit_id.to_string(), event.date, event.actor));
        }
        row.set_deleted(Some(tx.now()), &at);
        seq = tx.put(&row, Origin::Local)?;
    }
    for (habit, date, actor) in cells {
        let Some(row) = tx.row(&HABITS, &habit)?.map(repair::sound) else { continue };
        let id = HabitId::new(habit).map_err(|_| Rejection::not_found("habit"))?;
        seq = record::fold_what_is_left(tx, &row, &id, date, &actor)?.max(seq);
    }
    tx.import_undone(id)?;
    Ok(applied(seq))
}
