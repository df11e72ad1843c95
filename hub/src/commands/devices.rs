//! Adding, binding and revoking devices.

use std::collections::BTreeSet;

use kairos_core::change::Origin;
use kairos_core::command::{Action, Binding, Fields, Receipt, Rejection, RejectionCode};
use kairos_core::ids::{self, DeviceId, HabitId, RoutineId, UserId};
use kairos_core::principal::{Principal, Via};
use kairos_core::row::Row;
use kairos_core::schema::{DEVICE_BINDINGS, DEVICES, HABITS, ROUTINES};
use kairos_core::scope::Scope;

use super::{applied, require_edit, set_fields, unchanged, visible};
use crate::store::{StoreError, Tx};

/// How many devices one person may have at a time.
const MAX_DEVICES: usize = 200;
/// How many triggers one device may have.
const MAX_BINDINGS: usize = 64;

pub(super) fn add(
    tx: &mut Tx<'_>,
    by: &Principal,
    id: &DeviceId,
    fields: &Fields,
    secret_hash: &[u8],
) -> Result<Receipt, StoreError> {
    let scope = Scope::Person(by.user.clone());
    require_edit(by, &scope)?;
    if tx.row(&DEVICES, id.as_str())?.is_some() {
        return Err(Rejection::new(RejectionCode::Conflict, "This id is already in use.").into());
    }
    let active =
        tx.rows_where(&DEVICES, "scope", &scope.to_string())?.into_iter().filter(|row| row.text("status") == "active");
    if active.count() >= MAX_DEVICES {
        let message = format!("A person has at most {MAX_DEVICES} devices; revoke one first.");
        return Err(Rejection::new(RejectionCode::Conflict, message).into());
    }
    let mut row = Row::new(&DEVICES, id.as_str(), scope, by.user.clone(), tx.now());
    let at = tx.tick();
    row.stamp_all(&at);
    set_fields(tx, &mut row, fields, &["household_id", "status", "paired_at"])?;
    row.set("paired_at", tx.now(), &at);
    tx.put_device_secret(id, secret_hash)?;
    Ok(applied(tx.put(&row, Origin::Local)?))
}

pub(super) fn revoke(tx: &mut Tx<'_>, by: &Principal, id: &DeviceId) -> Result<Receipt, StoreError> {
    let mut row = visible(tx, by, &DEVICES, id.as_str(), "device")?;
    require_edit(by, &row.scope)?;
    tx.forget_device(id)?;
    if row.text("status") == "revoked" {
        return Ok(unchanged());
    }
    let at = tx.tick();
    row.set("status", "revoked", &at);
    Ok(applied(tx.put(&row, Origin::Local)?))
}

pub(super) fn note(tx: &mut Tx<'_>, by: &Principal, id: &DeviceId, fields: &Fields) -> Result<Receipt, StoreError> {
    let own = matches!(&by.via, Via::Device(own) if own == id);
    let mut row = visible(tx, by, &DEVICES, id.as_str(), "device")?;
    if !own || row.text("status") != "active" {
        return Err(Rejection::not_found("device").into());
    }
    if !set_fields(tx, &mut row, fields, &["household_id", "name", "kind", "status", "paired_at", "config", "hub_id"])?
    {
        return Ok(unchanged());
    }
    Ok(applied(tx.put(&row, Origin::Local)?))
}

/// Replaces a device's bindings as a whole: those not listed go.
pub(super) fn bind(
    tx: &mut Tx<'_>,
    by: &Principal,
    device: &DeviceId,
    bindings: &[Binding],
) -> Result<Receipt, StoreError> {
    let owner = visible(tx, by, &DEVICES, device.as_str(), "device")?;
    require_edit(by, &owner.scope)?;
    if owner.text("status") == "revoked" {
        return Err(Rejection::not_found("device").into());
    }
    if bindings.len() > MAX_BINDINGS {
        return Err(Rejection::field("bindings", format!("A device has at most {MAX_BINDINGS} bindings.")).into());
    }
    let mut wanted = BTreeSet::new();
    let mut seq = 0;
    for (n, binding) in bindings.iter().enumerate() {
        let place = |field: &str| format!("bindings[{n}].{field}");
        // First of all: without `|` in the words, the id below stands for one button and trigger only.
        binding.check().map_err(|(field, message)| Rejection::field(place(field), message))?;
        let id = ids::derive(&format!("binding|{device}|{}|{}", binding.button, binding.trigger));
        if !wanted.insert(id.clone()) {
            return Err(Rejection::field(
                place("trigger"),
                "Each trigger of a button does one thing; this one is listed twice.",
            )
            .into());
        }
        check(tx, by, binding, &place)?;
        seq = put(tx, &owner, id, binding)?.max(seq);
    }
    for mut row in tx.rows_where(&DEVICE_BINDINGS, "device_id", device.as_str())? {
        if row.deleted_at.is_none() && !wanted.contains(&row.id) {
            let at = tx.tick();
            row.set_deleted(Some(tx.now()), &at);
            seq = tx.put(&row, Origin::Local)?;
        }
    }
    Ok(if seq == 0 { unchanged() } else { applied(seq) })
}

fn check(tx: &Tx<'_>, by: &Principal, binding: &Binding, place: &dyn Fn(&str) -> String) -> Result<(), StoreError> {
    let of_routine = matches!(binding.action, Action::RoutineStart | Action::RoutineNext);
    match &binding.routine {
        Some(_) if !of_routine => {
            return Err(
                Rejection::field(place("routine_id"), "routine_id goes with routine_start and routine_next.").into()
            );
        }
        Some(routine) if visible(tx, by, &ROUTINES, routine.as_str(), "routine").is_err() => {
            return Err(Rejection::field(place("routine_id"), "There is no such routine.").into());
        }
        None if of_routine => {
            return Err(Rejection::field(place("routine_id"), "routine_id is required for this action.").into());
        }
        _ => {}
    }
    match (binding.action, &binding.habit) {
        (Action::RoutineStart | Action::RoutineNext, Some(_)) => {
            return Err(Rejection::field(place("habit_id"), "A routine knows its habits; leave habit_id out.").into());
        }
        (Action::Show | Action::RoutineStart | Action::RoutineNext, _) => {}
        (_, None) => return Err(Rejection::field(place("habit_id"), "habit_id is required for this action.").into()),
        (_, Some(habit)) => {
            if visible(tx, by, &HABITS, habit.as_str(), "habit").is_err() {
                return Err(Rejection::field(place("habit_id"), "There is no such habit.").into());
            }
        }
    }
    // Acting for somebody else needs that person's word, which they cannot give yet.
    if binding.act_as.as_ref().is_some_and(|person| *person != by.user) {
        return Err(Rejection::field(place("act_as"), "A button acts as the person it belongs to.").into());
    }
    Ok(())
}

fn put(tx: &mut Tx<'_>, owner: &Row, id: String, binding: &Binding) -> Result<i64, StoreError> {
    let at = tx.tick();
    let before = tx.row(&DEVICE_BINDINGS, &id)?;
    let mut row = before.clone().unwrap_or_else(|| {
        let mut row = Row::new(&DEVICE_BINDINGS, id, owner.scope.clone(), owner.user_id.clone(), tx.now());
        row.stamp_all(&at);
        row
    });
    let fields: Fields = [
        ("device_id", owner.id.as_str().into()),
        ("button", binding.button.as_str().into()),
        ("trigger_key", binding.trigger.as_str().into()),
        ("action", binding.action.as_str().into()),
        ("habit_id", binding.habit.as_ref().map(HabitId::as_str).into()),
        ("routine_id", binding.routine.as_ref().map(RoutineId::as_str).into()),
        ("value", binding.value.into()),
        ("act_as", binding.act_as.as_ref().map(UserId::as_str).into()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    let mut differs = set_fields(tx, &mut row, &fields, &[])?;
    if row.deleted_at.is_some() {
        row.set_deleted(None, &at);
        differs = true;
    }
    if before.is_some() && !differs { Ok(0) } else { tx.put(&row, Origin::Local) }
}
