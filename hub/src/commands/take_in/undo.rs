//! Taking an import back, slice by slice.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use kairos_core::Millis;
use kairos_core::change::Origin;
use kairos_core::command::{Progress, Receipt, Rejection};
use kairos_core::event::Event;
use kairos_core::hlc::Hlc;
use kairos_core::ids::HabitId;
use kairos_core::principal::Principal;
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETION_EVENTS, COMPLETIONS, DELETED_AT, HABITS, ROUTINES, Table};
use kairos_core::scope::Scope;
use kairos_core::value::Value;
use sha2::{Digest, Sha256};

use super::super::{applied, habits, record, require_edit, routines, unchanged};
use super::Cell;
use crate::store::{ImportRow, ImportState, StoreError, Tx};

/// How many rows are taken back at once.
const SLICE: usize = 200;

/// Registers that the engine writes: what it notes is no change of a person's.
const ENGINES: &[&str] = &["phase"];

/// What the clocks of a row say, as a hash: while it is the same, nobody has changed the row.
pub(super) fn print(row: &Row) -> String {
    let mut hash = Sha256::new();
    for (register, clock) in &row.clocks {
        if register != DELETED_AT && !ENGINES.contains(&register.as_ref()) {
            hash.update(format!("{register}={clock};"));
        }
    }
    hash.finalize()[..8].iter().fold(String::with_capacity(16), |mut print, byte| {
        let _ = write!(print, "{byte:02x}");
        print
    })
}

/// Whether a row that came with an import stays: somebody has changed it since, or does something with it.
fn stays(tx: &Tx<'_>, noted: &ImportRow, row: &Row, began: Millis) -> Result<bool, StoreError> {
    if noted.print.as_ref().is_some_and(|then| *then != print(row)) {
        return Ok(true);
    }
    if row.table == &HABITS {
        // What was done in it before it was deleted is not done since.
        return tx.habit_is_used(&row.id, if noted.revived { began } else { Millis::MIN });
    }
    Ok(row.table == &ROUTINES && tx.routine_is_bound(&row.id)?)
}

/// Gives columns their earlier values again. Whether there was one to give.
fn restore(row: &mut Row, changed: &str, at: &Hlc) -> bool {
    let changed: BTreeMap<String, (serde_json::Value, String)> = serde_json::from_str(changed).unwrap_or_default();
    let clocks = row.clocks.clone();
    let mut restored = false;
    for (name, (old, clock)) in changed {
        let register = row.table.column(&name).map_or(name.as_str(), |column| column.register);
        if clocks.get(register).is_none_or(|now| now.to_string() != clock) {
            continue;
        }
        restored = true;
        let old = Value::from_json(old);
        if row.table.column(&name).is_some() {
            row.set(&name, old, at);
        } else {
            row.clocks.insert(Cow::Owned(name.clone()), at.clone());
            row.extra.insert(name, old);
            row.touch(at);
        }
    }
    restored
}

/// Takes back a slice of an import: what came with it goes, what it changed is as it was, what was done since stays. When
/// nothing is left it is settled.
pub(in crate::commands) fn undo(
    tx: &mut Tx<'_>,
    by: &Principal,
    id: &str,
    why: Option<&str>,
    done: &Progress,
) -> Result<Receipt, StoreError> {
    let import = tx.import(id)?.filter(|import| import.user == by.user.as_str());
    let Some(import) = import else { return Err(Rejection::not_found("import").into()) };
    require_edit(by, &Scope::Person(by.user.clone()))?;
    match import.state {
        ImportState::Undone | ImportState::Withdrawn => return Ok(unchanged()),
        ImportState::Done => tx.set_import(id, ImportState::Undoing, None)?,
        ImportState::Running | ImportState::Undoing => {}
    }
    let rows = tx.import_rows(id, SLICE)?;
    if rows.is_empty() {
        let state = if import.state == ImportState::Running { ImportState::Withdrawn } else { ImportState::Undone };
        tx.set_import(id, state, why)?;
        return Ok(applied(0));
    }
    let at = tx.tick();
    let mut cells: BTreeMap<Cell, BTreeSet<String>> = BTreeMap::new();
    // Whose words came with the import, and were not changed since.
    let mut wordless: BTreeSet<Cell> = BTreeSet::new();
    let mut seq = 0;
    for noted in rows {
        done.fetch_add(1, Ordering::Relaxed);
        tx.forget_import_row(id, &noted)?;
        let Some(table) = Table::named(&noted.table) else { continue };
        let Some(mut row) = tx.row(table, &noted.id)?.filter(|row| row.deleted_at.is_none()) else { continue };
        if let Some(event) = Event::from_row(&row).filter(|_| table == &COMPLETION_EVENTS) {
            cells.entry((event.habit_id.to_string(), event.date, event.actor)).or_default().extend(event.note);
        }
        if let Some(changed) = &noted.changed {
            if !restore(&mut row, changed, &at) {
                continue;
            }
            if let Some(event) = Event::from_row(&row).filter(|_| table == &COMPLETION_EVENTS) {
                cells.entry((event.habit_id.to_string(), event.date, event.actor)).or_default();
            }
        } else if table == &COMPLETIONS {
            // A cell is there while its events are, or words.
            if let Some(date) = repair::parse_date(&row.text("date")) {
                let cell = (row.text("habit_id"), date, row.text("actor"));
                if !stays(tx, &noted, &row, import.at)? {
                    wordless.insert(cell.clone());
                }
                cells.entry(cell).or_default();
            }
            continue;
        } else if stays(tx, &noted, &row, import.at)? {
            continue;
        } else {
            row.set_deleted(Some(tx.now()), &at);
            if table == &HABITS {
                habits::detach(tx, &row)?;
            } else if table == &ROUTINES {
                routines::take_apart(tx, &row)?;
            }
        }
        seq = tx.put(&row, Origin::Local)?;
    }
    for (cell, notes) in cells {
        let all = wordless.contains(&cell);
        let (habit, date, actor) = cell;
        let Some(row) = tx.row(&HABITS, &habit)?.map(repair::sound) else { continue };
        let id = HabitId::new(habit).map_err(|_| Rejection::not_found("habit"))?;
        let gone = |cell: &Row| all || notes.contains(&cell.text("note"));
        seq = record::fold_what_is_left(tx, &row, &id, (date, &actor), gone)?.max(seq);
    }
    Ok(applied(seq))
}
