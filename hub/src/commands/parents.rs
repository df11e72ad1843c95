//! What rows belong to. Ids are known beyond their scope, so that a row names another is no proof that it may: rows hang
//! on rows of their own scope, and nothing of one person is counted among the days of another.
//!
//! Parts go with the whole they belong to, since a phone shows them by their own rows, and come back with it. That they
//! went in one act is seen by the clock of their deletion, which is the whole's to the last bit: no other act has it, on
//! whichever hub, and a part that somebody removed or brought back by itself has another.

use kairos_core::change::Origin;
use kairos_core::principal::Principal;
use kairos_core::row::Row;
use kairos_core::schema::{
    DELETED_AT, DEVICE_BINDINGS, DEVICES, HABITS, ROUTINE_HABITS, ROUTINE_VARIANTS, ROUTINES, Table,
};

use crate::store::{StoreError, Tx};

/// The columns that name what a row belongs to.
const PARENTS: [(&str, &Table); 3] =
    [("routine_id", &ROUTINES), ("habit_id", &HABITS), ("variant_id", &ROUTINE_VARIANTS)];

/// What a row that is being made names first as what it belongs to: where it lives follows from that.
pub(super) fn first_named<'a>(
    table: &Table,
    text: impl Fn(&str) -> Option<&'a str>,
) -> Option<(&'static Table, &'a str)> {
    let own = PARENTS.iter().filter(|(column, _)| table.column(column).is_some());
    own.filter_map(|(column, parent)| Some((*parent, text(column)?))).next()
}

/// What a row names as what it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// All of it is there, and of the row's own scope; or it names nothing.
    Sound,
    /// It is not there: a part of it may have gone, or come later.
    Missing(&'static str),
    /// It is somebody else's.
    Foreign(&'static str),
}

/// How a row stands to what it names.
pub(super) fn standing(tx: &Tx<'_>, by: &Principal, row: &Row) -> Result<Standing, StoreError> {
    let mut found = Standing::Sound;
    for (column, table) in PARENTS {
        if row.table.column(column).is_none() {
            continue;
        }
        let Some(id) = row.opt_text(column).filter(|id| !id.is_empty()) else { continue };
        match tx.row(table, &id)? {
            Some(parent) if parent.scope == row.scope => {}
            // One's own routine may lead through a habit of the household.
            Some(parent) if row.table == &ROUTINE_HABITS && table == &HABITS && by.may_read(&parent.scope) => {}
            Some(_) => return Ok(Standing::Foreign(column)),
            None if found == Standing::Sound => found = Standing::Missing(column),
            None => {}
        }
    }
    Ok(found)
}

/// What a row names as what it belongs to, there or not.
pub(super) fn named(row: &Row) -> impl Iterator<Item = (&'static Table, String)> + '_ {
    let own = PARENTS.iter().filter(|(column, _)| row.table.column(column).is_some());
    own.filter_map(|(column, table)| Some((*table, row.opt_text(column)?)))
}

/// Whether a part was deleted with what it belongs to, in one act.
pub(super) fn went_with(part: &Row, whole: &Row) -> bool {
    let at = |row: &Row| row.deleted_at.and_then(|_| row.clocks.get(DELETED_AT).cloned());
    at(part).is_some_and(|gone| at(whole) == Some(gone))
}

/// Removes a part with a whole that is deleted.
pub(super) fn take_along(tx: &mut Tx<'_>, mut part: Row, whole: &Row) -> Result<(), StoreError> {
    let Some(at) = whole.clocks.get(DELETED_AT) else { return Ok(()) };
    // What somebody brought back since the deletion was written stays, to be seen when the whole comes back.
    if part.deleted_at.is_some() || part.clocks.get(DELETED_AT).is_some_and(|since| since >= at) {
        return Ok(());
    }
    part.set_deleted(whole.deleted_at, at);
    tx.put(&part, Origin::Local).map(drop)
}

/// Lets a part that was deleted just before its whole, in the same act, count as gone with it.
pub(super) fn count_with(tx: &mut Tx<'_>, mut part: Row, whole: &Row) -> Result<(), StoreError> {
    let Some(at) = whole.clocks.get(DELETED_AT) else { return Ok(()) };
    if part.deleted_at.is_none() || part.clocks.get(DELETED_AT).is_none_or(|gone| gone >= at) {
        return Ok(());
    }
    part.set_deleted(whole.deleted_at, at);
    tx.put(&part, Origin::Local).map(drop)
}

/// Brings back the rows of some tables that went with a whole; `gone` is the whole as it was, `back` as it is again.
pub(super) fn bring_back(
    tx: &mut Tx<'_>,
    (gone, back): (&Row, &Row),
    column: &'static str,
    tables: &[&'static Table],
) -> Result<(), StoreError> {
    let Some(at) = back.clocks.get(DELETED_AT) else { return Ok(()) };
    for table in tables {
        for mut part in tx.rows_where(table, column, &back.id)? {
            if went_with(&part, gone) && has_device(tx, &part)? {
                part.set_deleted(None, at);
                tx.put(&part, Origin::Local)?;
            }
        }
    }
    Ok(())
}

/// Whether the device of a binding is still in use; what is no binding needs none.
fn has_device(tx: &Tx<'_>, part: &Row) -> Result<bool, StoreError> {
    if part.table != &DEVICE_BINDINGS {
        return Ok(true);
    }
    let device = tx.row(&DEVICES, &part.text("device_id"))?;
    Ok(device.is_some_and(|device| device.deleted_at.is_none() && device.text("status") != "revoked"))
}
