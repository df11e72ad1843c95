//! What a device is told: pure, but for [`shown`], which asks the hub how things stand.

use kairos_core::adapter::{Handled, Hub, Unavailable};
use kairos_core::command::{Outcome, RejectionCode};
use kairos_core::fold::Status;
use kairos_core::ids::{HabitId, RoutineId};
use kairos_core::principal::Principal;
use kairos_core::routine::{self, Stage};
use kairos_core::today::Item;
use serde_json::{Value, json};

/// What a light should show for a habit: `done`, `partial` or `open`.
///
/// A day that was left out on purpose shows `done`: nothing more is asked.
#[must_use]
pub fn light(item: &Item) -> &'static str {
    match item.status {
        Some(Status::Full | Status::Skipped) => "done",
        Some(Status::Partial) => "partial",
        Some(Status::Missed) | None => "open",
    }
}

/// What a button shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// A habit's day.
    Habit(Item),
    /// A routine, and today's item of the step that waits.
    Routine(Stage, Option<Item>),
}

/// Asks what a button shows; `None` when what it is bound to is gone.
///
/// # Errors
/// [`Unavailable`] when the hub cannot read.
pub async fn shown(
    hub: &dyn Hub,
    by: &Principal,
    habit: Option<&HabitId>,
    routine: Option<&RoutineId>,
) -> Result<Option<Shown>, Unavailable> {
    if let Some(routine) = routine {
        let Some(stage) = hub.routine(by, routine).await? else { return Ok(None) };
        let item = match &stage.habit {
            Some(habit) => hub.item(by, habit).await?,
            None => None,
        };
        return Ok(Some(Shown::Routine(stage, item)));
    }
    match habit {
        Some(habit) => Ok(hub.item(by, habit).await?.map(Shown::Habit)),
        None => Ok(None),
    }
}

impl Shown {
    /// What its light should show.
    #[must_use]
    pub fn light(&self) -> &'static str {
        match self {
            Self::Habit(item) => light(item),
            Self::Routine(stage, _) => match &stage.run {
                Some((_, routine::Status::Completed)) => "done",
                Some((_, routine::Status::InProgress | routine::Status::Paused)) => "partial",
                Some((_, routine::Status::Abandoned)) | None => "open",
            },
        }
    }

    /// The habit whose name it shows.
    fn item(&self) -> Option<&Item> {
        match self {
            Self::Habit(item) => Some(item),
            Self::Routine(_, item) => item.as_ref(),
        }
    }

    /// Adds what there is to say of a routine.
    fn write(&self, message: &mut Value) {
        message["light"] = self.light().into();
        message["habit"] = self.item().map(habit).into();
        if let Self::Routine(stage, _) = self {
            message["routine"] = json!({ "name": stage.name, "step": stage.step, "total": stage.total });
        }
    }
}

fn habit(item: &Item) -> Value {
    json!({ "name": item.name, "done": item.done, "value": item.value, "target": item.target })
}

/// The `ack` message: `{"press_id","result","habit","light"}`, `routine` for one of a routine, and `reason` for a refusal.
#[must_use]
pub fn ack(handled: &Handled, shown: Option<&Shown>) -> String {
    let (result, reason) = match &handled.answer {
        Ok(receipt) => match &receipt.outcome {
            Outcome::Rejected(rejection) => ("rejected", Some(rejection.code)),
            Outcome::Applied | Outcome::Unchanged if receipt.repeated => ("duplicate", None),
            Outcome::Applied | Outcome::Unchanged => ("applied", None),
        },
        Err(rejection) => ("rejected", Some(rejection.code)),
    };
    let mut message = json!({ "press_id": handled.press_id, "result": result, "habit": null, "light": "open" });
    if let Some(shown) = shown {
        shown.write(&mut message);
    }
    if let Some(reason) = reason {
        message["light"] = "error".into();
        message["reason"] = RejectionCode::as_str(reason).into();
    }
    message.to_string()
}

/// The retained `state` message: what each button shows now, for the day it was made for.
#[must_use]
pub fn state(date: &str, buttons: &[(String, Option<Shown>)]) -> String {
    let buttons: serde_json::Map<String, Value> = buttons
        .iter()
        .map(|(button, shown)| {
            let mut message = json!({ "light": "error", "habit": null });
            if let Some(shown) = shown {
                shown.write(&mut message);
            }
            (button.clone(), message)
        })
        .collect();
    json!({ "date": date, "buttons": buttons }).to_string()
}
