//! What is written into something that another client deleted, or deleted with something that its client had not seen. It is
//! kept, but stands where nobody sees it: that the whole stands deleted is noted as a loss of the whole, and whoever has the
//! whole back has it with what was written.

use kairos_core::hlc::Hlc;
use kairos_core::principal::Principal;
use kairos_core::row::Row;
use kairos_core::schema::{DELETED_AT, DEVICE_BINDINGS, PAUSES, ROUTINE_HABITS, ROUTINE_VARIANTS, Table};
use kairos_core::upload::place::{Loss, Placed};

use super::super::parents;
use super::{Uploader, quarantine};
use crate::store::{StoreError, Tx};

/// What nobody sees where the whole is deleted. A run of a routine is history, and so is a schedule: they are no parts.
const PARTS: [&Table; 3] = [&ROUTINE_HABITS, &ROUTINE_VARIANTS, &PAUSES];

/// A row's table and id.
pub(super) type Id = (&'static str, String);

/// Notes which parts are deleted one by one. An app that deletes a routine with its steps does so in one transaction: what
/// that deleted before the whole went with it, too.
pub(super) fn note_removed(
    tx: &mut Tx<'_>,
    uploader: &mut Uploader,
    known: &Row,
    placed: &Placed,
) -> Result<(), StoreError> {
    let row = &placed.row;
    let goes = known.deleted_at.is_none() && row.deleted_at.is_some();
    if !goes {
        return Ok(());
    }
    if PARTS.contains(&row.table) {
        for (table, id) in parents::named(row) {
            let parts = uploader.removed.entry((table.name, id)).or_default();
            parts.push((uploader.operation, (row.table.name, row.id.clone())));
        }
    }
    for (n, (table, id)) in uploader.removed.remove(&(row.table.name, row.id.clone())).unwrap_or_default() {
        if uploader.is_same_act(n)
            && let Some(table) = Table::named(table)
            && let Some(part) = tx.row(table, &id)?
        {
            parents::count_with(tx, part, row)?;
        }
    }
    Ok(())
}

/// Notes what lost to a placed operation, and what is lost with the whole; gives the entries.
pub(super) fn note_losses(
    tx: &mut Tx<'_>,
    uploader: &mut Uploader,
    known: &Row,
    placed: &Placed,
    at: &Hlc,
) -> Result<Vec<String>, StoreError> {
    let mut entries = Vec::new();
    let wholes = deleted_wholes(tx, &uploader.by, &placed.row)?;
    for loss in &placed.losses {
        // What went with its whole comes back with it, and not alone.
        let whole = wholes.iter().find(|whole| loss.is_of_row() && parents::went_with(known, whole));
        entries.push(match whole {
            Some(whole) => note(tx, uploader, whole, &loss.lost_at)?,
            None => quarantine::note_loss(tx, uploader, known, loss)?,
        });
    }
    if !placed.changed {
        return Ok(entries);
    }
    match (known.deleted_at, placed.row.deleted_at) {
        (was_gone, None) => {
            for whole in &wholes {
                // A break does not go with its habit: it may be edited by who had not seen that the habit went.
                let unseen = known.table == &PAUSES && whole.clocks.get(DELETED_AT).is_some_and(|gone| gone > at);
                if was_gone.is_some() || unseen {
                    entries.push(note(tx, uploader, whole, at)?);
                }
            }
        }
        (None, Some(_)) if !placed.losses.iter().any(Loss::is_of_row) => {
            if let Some(later) = later_part(tx, &placed.row)? {
                entries.push(note(tx, uploader, &placed.row, &later)?);
            }
        }
        _ => {}
    }
    Ok(entries)
}

/// Notes what is lost with the whole of a row that is made; gives the entries.
pub(super) fn note_hidden(
    tx: &mut Tx<'_>,
    uploader: &mut Uploader,
    row: &Row,
    at: &Hlc,
) -> Result<Vec<String>, StoreError> {
    if row.deleted_at.is_some() {
        return Ok(Vec::new());
    }
    let wholes = deleted_wholes(tx, &uploader.by, row)?;
    wholes.iter().map(|whole| note(tx, uploader, whole, at)).collect()
}

/// Notes that a whole stands deleted; gives the entry.
fn note(tx: &mut Tx<'_>, uploader: &mut Uploader, whole: &Row, at: &Hlc) -> Result<String, StoreError> {
    quarantine::note_loss(tx, uploader, whole, &Loss::of_row(whole, at))
}

/// What a part belongs to and its person could have back.
fn deleted_wholes(tx: &Tx<'_>, by: &Principal, part: &Row) -> Result<Vec<Row>, StoreError> {
    if !PARTS.contains(&part.table) {
        return Ok(Vec::new());
    }
    let mut wholes = Vec::new();
    for (table, id) in parents::named(part) {
        wholes.extend(tx.row(table, &id)?.filter(|whole| whole.deleted_at.is_some() && by.may_edit(&whole.scope)));
    }
    Ok(wholes)
}

/// When somebody else last wrote a part of a row that is deleted, if that was after the deletion was written: whoever deleted
/// it cannot have seen that.
fn later_part(tx: &Tx<'_>, whole: &Row) -> Result<Option<Hlc>, StoreError> {
    let (tables, column): (&[&'static Table], _) = match whole.table.name {
        "routines" => (&[&ROUTINE_HABITS, &ROUTINE_VARIANTS, &DEVICE_BINDINGS], "routine_id"),
        "habits" => (&[&ROUTINE_HABITS, &DEVICE_BINDINGS], "habit_id"),
        _ => return Ok(None),
    };
    let Some(gone) = whole.clocks.get(DELETED_AT) else { return Ok(None) };
    let mut latest = None;
    for table in tables {
        let parts = tx.rows_where(table, column, &whole.id)?;
        let living = parts.iter().filter(|part| part.deleted_at.is_none()).filter_map(Row::hlc);
        latest = living.filter(|at| *at > gone && at.node() != gone.node()).max().cloned().max(latest);
    }
    Ok(latest)
}
