//! Reading a deed out of a written day: phones see and write cells, the hub keeps events.

use serde_json::Value as Json;

use super::{Kind, Operation};
use crate::event::Verb;
use crate::row::Row;
use crate::schema::MAX_AMOUNT;

/// What of a cell says how the day stands, and is a deed when it is written.
pub const SHAPE: [&str; 4] = ["type", "partial_percent", "amount", "skip_reason"];

/// What the hub must know of the habit to read a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Habit {
    /// Whether amounts are counted.
    pub counted: bool,
    /// Whether it is about staying away.
    pub avoid: bool,
    /// The amount aimed at.
    pub target: f64,
}

/// What was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Deed {
    /// The verb; [`Verb::Undo`] takes back all that stood.
    pub verb: Verb,
    /// Amount or percent.
    pub value: Option<f64>,
    /// Why the day was left out.
    pub skip_reason: Option<String>,
}

impl Deed {
    fn of(verb: Verb, value: Option<f64>) -> Self {
        Self { verb, value, skip_reason: None }
    }
}

/// Reads a deed out of an operation on a day, given the cell as it is shown; `None` when the day was not touched by it,
/// but for its note or energy.
///
/// What the client says it meant goes before what can be inferred. A day that passed is the hub's own to note: a client
/// that writes MISSED says nothing, except of a habit of staying away, where it is a lapse.
///
/// # Errors
/// A sentence about a value that says nothing.
pub fn read(operation: &Operation, cell: Option<&Row>, habit: Habit) -> Result<Option<Deed>, String> {
    let alive = cell.filter(|cell| cell.deleted_at.is_none());
    if operation.deletes() {
        return Ok(Some(Deed::of(Verb::Undo, None)));
    }
    let data = |name: &str| operation.data.get(name);
    let skip_reason = || data("skip_reason").and_then(Json::as_str).map(str::to_owned);
    if let Some(verb) = operation.meaning.verb {
        return said(verb, operation.meaning.value, habit)
            .map(|deed| Some(Deed { skip_reason: skip_reason(), ..deed }));
    }
    let changed = |name: &str| {
        let Some(now) = data(name) else { return false };
        match operation.previous.as_ref().map(|previous| previous.get(name)) {
            Some(Some(before)) => !same(now, before),
            // A day that is written as a whole is a deed of whoever wrote it, also where another did the same.
            None if operation.kind == Kind::Put => !now.is_null(),
            _ => alive.map_or(!now.is_null(), |cell| !same(now, &cell.get(name).to_json())),
        }
    };
    if !SHAPE.into_iter().any(changed) {
        return Ok(None);
    }
    let status = data("type")
        .and_then(Json::as_str)
        .map_or_else(|| alive.map(|cell| cell.text("type")), |status| Some(status.into()));
    let status = status.unwrap_or_default();
    if data("type").is_some_and(Json::is_null) {
        return Ok(Some(Deed::of(Verb::Undo, None)));
    }
    if status == "SKIPPED" {
        return Ok(Some(Deed { skip_reason: skip_reason(), ..Deed::of(Verb::Skip, None) }));
    }
    if status == "MISSED" {
        return Ok(habit.avoid.then(|| Deed::of(Verb::Lapse, None)));
    }
    if habit.counted
        && let Some(amount) = data("amount").filter(|amount| !amount.is_null() && changed("amount"))
    {
        let amount = amount.as_f64().filter(|amount| (0.0..=MAX_AMOUNT).contains(amount));
        let amount = amount.ok_or("amount must be zero or more.")?;
        let before = operation.previous.as_ref().and_then(|previous| previous.get("amount"));
        return Ok(match before {
            Some(before) => {
                let more = amount - before.as_f64().unwrap_or_default();
                (more != 0.0).then(|| Deed::of(Verb::Add, Some(more)))
            }
            None => Some(Deed::of(Verb::Set, Some(amount))),
        });
    }
    if !habit.counted && !changed("type") && !changed("partial_percent") && changed("amount") {
        return Err("This habit is not counted: an amount has no place on its days.".into());
    }
    match status.as_str() {
        "FULL" if habit.counted => Ok(Some(Deed::of(Verb::Set, Some(habit.target)))),
        "FULL" => Ok(Some(Deed::of(Verb::Full, None))),
        "PARTIAL" => {
            let percent = match data("partial_percent") {
                Some(percent) if !percent.is_null() => percent.as_f64(),
                _ => alive.and_then(|cell| cell.number("partial_percent")).or(Some(50.0)),
            };
            let percent = percent.filter(|percent| (1.0..=99.0).contains(percent));
            Ok(Some(Deed::of(Verb::Partial, Some(percent.ok_or("partial_percent must be from 1 to 99.")?))))
        }
        _ => Err("type is FULL, PARTIAL or SKIPPED.".into()),
    }
}

/// What a client says it meant, if that can be meant of this habit.
fn said(verb: Verb, value: Option<f64>, habit: Habit) -> Result<Deed, String> {
    if value.is_some_and(|value| value.abs() > MAX_AMOUNT) {
        return Err("An amount is at most a thousand million.".into());
    }
    let amount = value;
    match verb {
        Verb::Full if habit.counted => Ok(Deed::of(Verb::Set, Some(habit.target))),
        Verb::Add => Ok(Deed::of(verb, Some(amount.unwrap_or(1.0)))),
        Verb::Set => match amount.filter(|amount| *amount >= 0.0) {
            Some(amount) => Ok(Deed::of(verb, Some(amount))),
            None => Err("A set amount must be zero or more.".into()),
        },
        Verb::Partial => match value.filter(|percent| (1.0..=99.0).contains(percent)) {
            Some(percent) => Ok(Deed::of(verb, Some(percent))),
            None => Err("A partial deed has a percent from 1 to 99.".into()),
        },
        Verb::Lapse if !habit.avoid => Err("Only a habit of staying away has lapses; skipping is free.".into()),
        Verb::Miss => Err("Only the hub itself says that a day has passed.".into()),
        Verb::Full | Verb::Skip | Verb::Undo | Verb::Lapse => Ok(Deed::of(verb, None)),
    }
}

/// Whether two values are the same to a client: 2 and 2.0 are.
#[must_use]
pub fn same(a: &Json, b: &Json) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}
