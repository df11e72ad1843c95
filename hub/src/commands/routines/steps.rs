//! A routine's steps: which habits, in which order.

use std::collections::{BTreeMap, BTreeSet};

use kairos_core::change::Origin;
use kairos_core::command::{Receipt, Rejection};
use kairos_core::ids::{self, RoutineId, VariantId};
use kairos_core::principal::Principal;
use kairos_core::repair;
use kairos_core::routine::{MAX_STEPS, Place};
use kairos_core::row::Row;
use kairos_core::schema::{HABITS, ROUTINE_HABITS, ROUTINE_VARIANTS};
use kairos_core::value::Value;
use kairos_core::{hlc::Hlc, order};

use super::super::{applied, unchanged, visible};
use super::{editable, parts, remove};
use crate::store::{StoreError, Tx};

/// Replaces the steps as a whole: those not listed go. Only what differs is written.
pub(super) fn arrange(tx: &mut Tx<'_>, by: &Principal, id: &RoutineId, steps: &[Place]) -> Result<Receipt, StoreError> {
    let routine = editable(tx, by, id)?;
    check(tx, by, id, steps)?;
    let mut known: BTreeMap<String, Row> = tx
        .rows_where(&ROUTINE_HABITS, "routine_id", id.as_str())?
        .into_iter()
        .map(|row| (row.id.clone(), row))
        .collect();
    let row_ids: Vec<String> = steps.iter().map(|step| ids::step(id.as_str(), step.habit.as_str())).collect();
    let had =
        |row_id: &String| known.get(row_id).filter(|row| row.deleted_at.is_none()).map(|row| row.text("sort_key"));
    let had: Vec<Option<String>> = row_ids.iter().map(had).collect();
    let keys = order::arrange(&had.iter().map(Option::as_deref).collect::<Vec<_>>());
    let mut seq = 0;
    for (n, ((step, row_id), key)) in steps.iter().zip(row_ids).zip(keys).enumerate() {
        let at = tx.tick();
        let (mut row, mut differs) = match known.remove(&row_id) {
            Some(row) => (row, false),
            None => {
                let mut row =
                    Row::new(&ROUTINE_HABITS, row_id, routine.scope.clone(), routine.user_id.clone(), tx.now());
                row.stamp_all(&at);
                row.set("routine_id", id.as_str(), &at);
                row.set("habit_id", step.habit.as_str(), &at);
                (row, true)
            }
        };
        if row.deleted_at.is_some() {
            row.set_deleted(None, &at);
            differs = true;
        }
        for (name, value) in [
            ("sort_key", Value::from(key)),
            ("order_index", Value::Integer(i64::try_from(n).unwrap_or(i64::MAX))),
            ("override_duration_seconds", step.seconds.into()),
            ("variant_ids", step.variants.as_deref().map(write_variants).into()),
        ] {
            differs |= update(&mut row, name, value, &at);
        }
        if differs {
            seq = tx.put(&row, Origin::Local)?;
        }
    }
    for row in known.into_values().filter(|row| row.deleted_at.is_none()) {
        seq = remove(tx, row)?;
    }
    Ok(if seq == 0 { unchanged() } else { applied(seq) })
}

fn update(row: &mut Row, name: &'static str, value: Value, at: &Hlc) -> bool {
    let differs = *row.look(name) != value;
    if differs {
        row.set(name, value, at);
    }
    differs
}

fn check(tx: &Tx<'_>, by: &Principal, id: &RoutineId, steps: &[Place]) -> Result<(), StoreError> {
    if steps.len() > MAX_STEPS {
        return Err(Rejection::field("steps", format!("A routine has at most {MAX_STEPS} steps.")).into());
    }
    let variants: BTreeSet<String> = parts(tx, &ROUTINE_VARIANTS, id.as_str())?.into_iter().map(|row| row.id).collect();
    let mut habits = BTreeSet::new();
    for (n, step) in steps.iter().enumerate() {
        let bad = |field: &str, message: &str| -> Result<(), StoreError> {
            Err(Rejection::field(format!("steps[{n}].{field}"), message).into())
        };
        if visible(tx, by, &HABITS, step.habit.as_str(), "habit").is_err() {
            return bad("habit_id", "There is no such habit.");
        }
        if !habits.insert(&step.habit) {
            return bad("habit_id", "A habit has one place in a routine; this one is listed twice.");
        }
        let seconds = ROUTINE_HABITS.column("override_duration_seconds");
        if let Some(Err(message)) = seconds.map(|column| repair::check(column, &step.seconds.into())) {
            return bad("override_duration_seconds", &format!("override_duration_seconds {message}."));
        }
        let known = |variant: &VariantId| variants.contains(variant.as_str());
        if !step.variants.iter().flatten().all(known) {
            return bad("variant_ids", "variant_ids lists variants of this routine.");
        }
    }
    Ok(())
}

/// Reads which variants have a step; `None` is all of them.
pub(super) fn read_variants(step: &Row) -> Option<Vec<String>> {
    serde_json::from_str(&step.opt_text("variant_ids")?).ok()
}

fn write_variants(variants: &[VariantId]) -> String {
    let variants: BTreeSet<&str> = variants.iter().map(VariantId::as_str).collect();
    serde_json::json!(variants).to_string()
}

/// Takes a variant out of all steps. A step of no variant is a step of the whole routine.
pub(super) fn forget_variant(tx: &mut Tx<'_>, routine: &RoutineId, id: &VariantId) -> Result<(), StoreError> {
    for mut row in parts(tx, &ROUTINE_HABITS, routine.as_str())? {
        let Some(mut variants) = read_variants(&row) else { continue };
        let before = variants.len();
        variants.retain(|variant| variant != id.as_str());
        if variants.len() != before {
            let at = tx.tick();
            row.set("variant_ids", serde_json::json!(variants).to_string(), &at);
            tx.put(&row, Origin::Local)?;
        }
    }
    Ok(())
}
