//! A person's answer to an offer of a way back.

use kairos_core::change::Origin;
use kairos_core::command::{Receipt, Rejection, RejectionCode, Saying};
use kairos_core::ids::HabitId;
use kairos_core::principal::Principal;
use kairos_core::progress::Recovery;
use kairos_core::repair;
use kairos_core::schema::{HABITS, RECOVERY_SESSIONS};
use kairos_core::value::Value;

use super::{applied, habits, keep, record, require_edit, visible};
use crate::store::{StoreError, Tx};

pub(super) fn answer(tx: &mut Tx<'_>, by: &Principal, id: &str, saying: &Saying) -> Result<Receipt, StoreError> {
    let mut session = visible(tx, by, &RECOVERY_SESSIONS, id, "recovery session")?;
    require_edit(by, &session.scope)?;
    let state = repair::shown(&session).into_owned();
    let again = || Rejection::new(RejectionCode::Conflict, "This was answered already, or no longer applies.");
    let answered = state.text("status") == "COMPLETED" && state.text("answered_by") == "person";
    if answered || state.text("status") == "ABANDONED" {
        return Err(again().into());
    }
    let habit = HabitId::new(session.text("habit_id")).map_err(|_| Rejection::not_found("habit"))?;
    let mut row = visible(tx, by, &HABITS, habit.as_str(), "habit")?;
    let today = record::person(tx, &row.user_id.clone())?.today(tx.now());
    let at = tx.tick();
    for (column, value) in [
        ("status", Value::from("COMPLETED")),
        ("action", saying.action.as_str().into()),
        ("answered_by", "person".into()),
        ("answered_on", today.to_string().into()),
        ("completed_at", tx.now().into()),
        ("blockers", saying.blockers.clone().into()),
        ("notes", saying.notes.clone().into()),
    ] {
        session.set(column, value, &at);
    }
    if let Some(fault) = repair::faults(&session).into_iter().next() {
        return Err(Rejection::field(fault.column, format!("{} {}.", fault.column, fault.message)).into());
    }
    let seq = tx.put(&session, Origin::Local)?;
    match saying.action {
        Recovery::Simplify => {
            row.set("micro_active", 1_i64, &at);
            tx.put(&row, Origin::Local)?;
        }
        Recovery::Pause => habits::set_status(tx, by, &row, "PAUSED")?,
        Recovery::Archive => habits::set_status(tx, by, &row, "ARCHIVED")?,
        Recovery::Resume | Recovery::FreshStart => {}
    }
    let kept = keep::keep(tx, &habit)?;
    Ok(applied(seq.max(kept.seq)))
}
