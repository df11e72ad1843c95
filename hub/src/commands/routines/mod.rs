//! Routines: made, changed and arranged here; [`runs`] moves them step by step.

mod runs;
mod steps;

pub(super) use runs::settle_runs;

use kairos_core::change::Origin;
use kairos_core::command::{Fields, Receipt, Rejection, RejectionCode};
use kairos_core::ids::{CommandId, RoutineId, VariantId};
use kairos_core::principal::Principal;
use kairos_core::routine::{MAX_ROUTINES, MAX_VARIANTS, Wish};
use kairos_core::row::Row;
use kairos_core::schema::{DEVICE_BINDINGS, ROUTINE_HABITS, ROUTINE_VARIANTS, ROUTINES, Table};
use kairos_core::scope::Scope;

use super::{applied, parents, require_edit, set_fields, unchanged, visible};
use crate::store::{StoreError, Tx};

/// What sharing sets, and nobody else.
pub(crate) const CLOSED: &[&str] = &["household_id"];

/// What nobody sets of a variant: it stays with its routine.
pub(crate) const VARIANT_CLOSED: &[&str] = &["routine_id"];

pub(super) fn carry_out(
    tx: &mut Tx<'_>,
    by: &Principal,
    command: &CommandId,
    wish: &Wish,
) -> Result<Receipt, StoreError> {
    match wish {
        Wish::Add { id, fields } => add(tx, by, id, fields),
        Wish::Edit { id, fields } => edit(tx, by, id, fields),
        Wish::Delete { id } => delete(tx, by, id),
        Wish::Arrange { id, steps } => steps::arrange(tx, by, id, steps),
        Wish::AddVariant { id, routine, fields } => add_variant(tx, by, id, routine, fields),
        Wish::EditVariant { id, routine, fields } => edit_variant(tx, by, id, routine, fields),
        Wish::DeleteVariant { id, routine } => delete_variant(tx, by, id, routine),
        Wish::Start { routine, variant, when } => runs::start(tx, by, command, (routine, variant.as_ref()), *when),
        Wish::Next { routine, when } => runs::next(tx, by, routine, *when),
        Wish::Move { run, what, when } => runs::go(tx, by, run, what, *when),
    }
}

/// A routine its person may change.
fn editable(tx: &Tx<'_>, by: &Principal, id: &RoutineId) -> Result<Row, StoreError> {
    let row = visible(tx, by, &ROUTINES, id.as_str(), "routine")?;
    require_edit(by, &row.scope)?;
    Ok(row)
}

/// The living rows that belong to a routine.
fn parts(tx: &Tx<'_>, table: &'static Table, routine: &str) -> Result<Vec<Row>, StoreError> {
    let mut rows = tx.rows_where(table, "routine_id", routine)?;
    rows.retain(|row| row.deleted_at.is_none());
    Ok(rows)
}

fn full(most: usize, what: &str) -> StoreError {
    Rejection::new(RejectionCode::Conflict, format!("{what} at most {most}; delete one first.")).into()
}

fn in_use() -> StoreError {
    Rejection::new(RejectionCode::Conflict, "This id is already in use.").into()
}

fn remove(tx: &mut Tx<'_>, mut row: Row) -> Result<i64, StoreError> {
    let at = tx.tick();
    row.set_deleted(Some(tx.now()), &at);
    tx.put(&row, Origin::Local)
}

fn add(tx: &mut Tx<'_>, by: &Principal, id: &RoutineId, fields: &Fields) -> Result<Receipt, StoreError> {
    let scope = Scope::Person(by.user.clone());
    require_edit(by, &scope)?;
    if tx.row(&ROUTINES, id.as_str())?.is_some() {
        return Err(in_use());
    }
    if tx.count_living(&ROUTINES, &scope)? >= MAX_ROUTINES {
        return Err(full(MAX_ROUTINES, "The routines of a person are"));
    }
    let mut row = Row::new(&ROUTINES, id.as_str(), scope, by.user.clone(), tx.now());
    let at = tx.tick();
    row.stamp_all(&at);
    set_fields(tx, &mut row, fields, CLOSED)?;
    Ok(applied(tx.put(&row, Origin::Local)?))
}

fn edit(tx: &mut Tx<'_>, by: &Principal, id: &RoutineId, fields: &Fields) -> Result<Receipt, StoreError> {
    let mut row = editable(tx, by, id)?;
    if !set_fields(tx, &mut row, fields, CLOSED)? {
        return Ok(unchanged());
    }
    Ok(applied(tx.put(&row, Origin::Local)?))
}

/// The routine goes with its parts. A run took its steps with it and can still be finished.
fn delete(tx: &mut Tx<'_>, by: &Principal, id: &RoutineId) -> Result<Receipt, StoreError> {
    let mut row = editable(tx, by, id)?;
    let at = tx.tick();
    row.set_deleted(Some(tx.now()), &at);
    take_apart(tx, &row)?;
    Ok(applied(tx.put(&row, Origin::Local)?))
}

/// What goes with a routine: its steps and variants, and what buttons would do for it.
const PARTS: [&Table; 3] = [&ROUTINE_HABITS, &ROUTINE_VARIANTS, &DEVICE_BINDINGS];

/// Removes what belongs to a routine that is deleted.
pub(super) fn take_apart(tx: &mut Tx<'_>, routine: &Row) -> Result<(), StoreError> {
    for table in PARTS {
        for part in parts(tx, table, &routine.id)? {
            parents::take_along(tx, part, routine)?;
        }
    }
    Ok(())
}

/// Brings back what went with a routine that comes back.
pub(super) fn put_together(tx: &mut Tx<'_>, gone: &Row, back: &Row) -> Result<(), StoreError> {
    parents::bring_back(tx, (gone, back), "routine_id", &PARTS)
}

fn add_variant(
    tx: &mut Tx<'_>,
    by: &Principal,
    id: &VariantId,
    routine: &RoutineId,
    fields: &Fields,
) -> Result<Receipt, StoreError> {
    let owner = editable(tx, by, routine)?;
    if tx.row(&ROUTINE_VARIANTS, id.as_str())?.is_some() {
        return Err(in_use());
    }
    if parts(tx, &ROUTINE_VARIANTS, routine.as_str())?.len() >= MAX_VARIANTS {
        return Err(full(MAX_VARIANTS, "The variants of a routine are"));
    }
    let mut row = Row::new(&ROUTINE_VARIANTS, id.as_str(), owner.scope, owner.user_id, tx.now());
    let at = tx.tick();
    row.stamp_all(&at);
    row.set("routine_id", routine.as_str(), &at);
    set_fields(tx, &mut row, fields, VARIANT_CLOSED)?;
    put_variant(tx, &row)
}

fn edit_variant(
    tx: &mut Tx<'_>,
    by: &Principal,
    id: &VariantId,
    routine: &RoutineId,
    fields: &Fields,
) -> Result<Receipt, StoreError> {
    let mut row = variant(tx, by, id, routine)?;
    if !set_fields(tx, &mut row, fields, VARIANT_CLOSED)? {
        return Ok(unchanged());
    }
    put_variant(tx, &row)
}

/// A variant of a routine its person may change.
fn variant(tx: &Tx<'_>, by: &Principal, id: &VariantId, routine: &RoutineId) -> Result<Row, StoreError> {
    editable(tx, by, routine)?;
    let row = visible(tx, by, &ROUTINE_VARIANTS, id.as_str(), "variant")?;
    if row.text("routine_id") == routine.as_str() { Ok(row) } else { Err(Rejection::not_found("variant").into()) }
}

/// Writes a variant; a new default one takes the place of the old.
pub(super) fn put_variant(tx: &mut Tx<'_>, row: &Row) -> Result<Receipt, StoreError> {
    if row.integer("is_default") == Some(1) {
        for mut other in parts(tx, &ROUTINE_VARIANTS, &row.text("routine_id"))? {
            if other.id != row.id && other.integer("is_default") == Some(1) {
                let at = tx.tick();
                other.set("is_default", 0_i64, &at);
                tx.put(&other, Origin::Local)?;
            }
        }
    }
    Ok(applied(tx.put(row, Origin::Local)?))
}

fn delete_variant(tx: &mut Tx<'_>, by: &Principal, id: &VariantId, routine: &RoutineId) -> Result<Receipt, StoreError> {
    let row = variant(tx, by, id, routine)?;
    steps::forget_variant(tx, routine, id)?;
    Ok(applied(remove(tx, row)?))
}

#[cfg(test)]
mod tests;
