//! Making, changing and deleting habits.

use kairos_core::change::Origin;
use kairos_core::command::{Fields, Receipt, Rejection, RejectionCode};
use kairos_core::ids::HabitId;
use kairos_core::principal::Principal;
use kairos_core::row::Row;
use kairos_core::schema::{DEVICE_BINDINGS, HABITS, PAUSES, RECOVERY_SESSIONS, ROUTINE_HABITS};
use kairos_core::scope::Scope;
use kairos_core::value::Value;

use super::bounds::MAX_HABITS;
use super::{applied, parents, plans, record, require_edit, set_fields, unchanged, visible};
use crate::store::{StoreError, Tx};

/// What a day is measured by.
const MEASURE: &[&str] = &["kind", "target_type", "target_value"];

/// What the engine, sharing and imports set, and nobody else.
pub(crate) const CLOSED: &[&str] = &[
    "household_id",
    "phase",
    "derived_from",
    "import_ref",
    "paused_at",
    "archived_at",
    "completion_mode",
    "assigned_to",
    "rotation_config",
];

pub(super) fn add(tx: &mut Tx<'_>, by: &Principal, id: &HabitId, fields: &Fields) -> Result<Receipt, StoreError> {
    let scope = Scope::Person(by.user.clone());
    require_edit(by, &scope)?;
    if tx.row(&HABITS, id.as_str())?.is_some() {
        return Err(Rejection::new(RejectionCode::Conflict, "This id is already in use.").into());
    }
    if tx.count_living(&HABITS, &scope)? >= MAX_HABITS {
        let message = format!("A person has at most {MAX_HABITS} habits; delete one first.");
        return Err(Rejection::new(RejectionCode::Conflict, message).into());
    }
    let mut row = Row::new(&HABITS, id.as_str(), scope, by.user.clone(), tx.now());
    let at = tx.tick();
    row.stamp_all(&at);
    set_fields(tx, &mut row, fields, CLOSED)?;
    begin(tx, row).map(applied)
}

/// Writes a new habit, and what follows from how it begins.
pub(super) fn begin(tx: &mut Tx<'_>, mut row: Row) -> Result<i64, StoreError> {
    let at = row.hlc().cloned().unwrap_or_else(|| tx.tick());
    let first = record::person(tx, &row.user_id)?.today(row.created_at);
    if row.look("start_date").is_null() {
        // Written down, since a person who travels would otherwise move it.
        row.set("start_date", first.to_string(), &at);
    }
    match row.text("status").as_str() {
        "PAUSED" => row.set("paused_at", row.created_at, &at),
        "ARCHIVED" => row.set("archived_at", row.created_at, &at),
        _ => {}
    }
    if row.text("status") != "ACTIVE" {
        plans::open_rest(tx, &row, first)?;
    }
    if let Scope::Household(household) = &row.scope {
        let household = household.to_string();
        row.set("household_id", household, &at);
    }
    tx.put(&row, Origin::Local)
}

pub(super) fn edit(tx: &mut Tx<'_>, by: &Principal, id: &HabitId, fields: &Fields) -> Result<Receipt, StoreError> {
    let before = visible(tx, by, &HABITS, id.as_str(), "habit")?;
    require_edit(by, &before.scope)?;
    let mut row = before.clone();
    if !set_fields(tx, &mut row, fields, CLOSED)? {
        return Ok(unchanged());
    }
    change(tx, by, &before, row)
}

/// Pauses, archives or resumes a habit.
pub(super) fn set_status(tx: &mut Tx<'_>, by: &Principal, before: &Row, status: &str) -> Result<(), StoreError> {
    let mut row = before.clone();
    let at = tx.tick();
    row.set("status", status, &at);
    change(tx, by, before, row).map(drop)
}

/// Writes a changed habit, and what follows from the change for the days that were and the one that is.
pub(super) fn change(tx: &mut Tx<'_>, by: &Principal, before: &Row, mut row: Row) -> Result<Receipt, StoreError> {
    let person = record::person(tx, &row.user_id)?;
    let today = person.today(tx.now());
    if before.look("status") != row.look("status") {
        let at = tx.tick();
        let since = |wanted: &str| if row.text("status") == wanted { Value::Integer(tx.now()) } else { Value::Null };
        let (paused, archived) = (since("PAUSED"), since("ARCHIVED"));
        row.set("paused_at", paused, &at);
        row.set("archived_at", archived, &at);
        plans::follow_status(tx, before, &row, today)?;
    }
    plans::date_schedule(tx, before, &row, &person, today)?;
    let seq = tx.put(&row, Origin::Local)?;
    if MEASURE.iter().all(|name| before.look(name) == row.look(name)) {
        return Ok(applied(seq));
    }
    // The present day is measured by the new rule at once; earlier days stay as they were judged.
    let habit = kairos_core::repair::sound(row);
    let mut last = seq;
    for actor in ["", by.user.as_str()] {
        last = record::refold(tx, &habit, today, actor)?.max(last);
    }
    Ok(applied(last))
}

/// The habit goes, and with it what buttons would do for it and what it asks; what was done stays in its events.
pub(super) fn delete(tx: &mut Tx<'_>, by: &Principal, id: &HabitId) -> Result<Receipt, StoreError> {
    let mut row = visible(tx, by, &HABITS, id.as_str(), "habit")?;
    require_edit(by, &row.scope)?;
    let at = tx.tick();
    row.set_deleted(Some(tx.now()), &at);
    detach(tx, &row)?;
    Ok(applied(tx.put(&row, Origin::Local)?))
}

/// Takes away what buttons would do for a habit that is deleted, and the offers of a way back that wait for an answer.
pub(super) fn detach(tx: &mut Tx<'_>, habit: &Row) -> Result<(), StoreError> {
    for binding in tx.rows_where(&DEVICE_BINDINGS, "habit_id", &habit.id)? {
        parents::take_along(tx, binding, habit)?;
    }
    for mut session in tx.rows_where(&RECOVERY_SESSIONS, "habit_id", &habit.id)? {
        if session.deleted_at.is_none() && session.text("status") == "PENDING" {
            let at = tx.tick();
            session.set_deleted(Some(tx.now()), &at);
            tx.put(&session, Origin::Local)?;
        }
    }
    Ok(())
}

/// Gives a habit that comes back what buttons did for it, and the places and breaks that an app deleted with it. What it asks,
/// the engine finds out anew.
pub(super) fn attach(tx: &mut Tx<'_>, gone: &Row, back: &Row) -> Result<(), StoreError> {
    parents::bring_back(tx, (gone, back), "habit_id", &[&DEVICE_BINDINGS, &ROUTINE_HABITS, &PAUSES])
}
