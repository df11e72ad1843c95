//! What a device is told: pure.

use kairos_core::adapter::Handled;
use kairos_core::command::{Outcome, RejectionCode};
use kairos_core::fold::Status;
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

fn habit(item: &Item) -> Value {
    json!({ "name": item.name, "done": item.done, "value": item.value, "target": item.target })
}

/// The `ack` message: `{"press_id","result","habit","light"}`, and `reason` for a refusal.
#[must_use]
pub fn ack(handled: &Handled, item: Option<&Item>) -> String {
    let (result, reason) = match &handled.answer {
        Ok(receipt) => match &receipt.outcome {
            Outcome::Rejected(rejection) => ("rejected", Some(rejection.code)),
            Outcome::Applied | Outcome::Unchanged if receipt.repeated => ("duplicate", None),
            Outcome::Applied | Outcome::Unchanged => ("applied", None),
        },
        Err(rejection) => ("rejected", Some(rejection.code)),
    };
    let mut message = json!({ "press_id": handled.press_id, "result": result, "habit": item.map(habit) });
    message["light"] = if reason.is_some() { "error".into() } else { item.map_or("open", light).into() };
    if let Some(reason) = reason {
        message["reason"] = RejectionCode::as_str(reason).into();
    }
    message.to_string()
}

/// The retained `state` message: what each button shows now, for the day it was made for.
#[must_use]
pub fn state(date: &str, buttons: &[(String, Option<Item>)]) -> String {
    let buttons: serde_json::Map<String, Value> = buttons
        .iter()
        .map(|(button, item)| {
            let shown = match item {
                Some(item) => json!({ "light": light(item), "habit": habit(item) }),
                None => json!({ "light": "error", "habit": null }),
            };
            (button.clone(), shown)
        })
        .collect();
    json!({ "date": date, "buttons": buttons }).to_string()
}
