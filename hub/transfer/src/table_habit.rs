//! Table Habit: a list of habits, each with its records; days are counted from 1970-01-01.

use kairos_core::event::Verb;
use serde_json::Value;

use crate::days;
use crate::fault::Fault;
use crate::json;
use crate::model::{Origin, Portable, PortableEntry, RemarkKind};
use crate::reading::{Draft, Place, Reading, Twice};

/// How a record of a habit is understood.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Done or not; part of it is part of 1.
    Plain,
    /// Amounts.
    Amounts,
    /// Amounts of what one stays away from.
    Avoid,
}

/// Reads one.
pub(crate) fn read(bytes: &[u8]) -> Result<Portable, Fault> {
    let file = json::parse(bytes)?;
    let mut reading = Reading::new(Origin::TableHabit);
    for (index, habit) in json::list(&file, "habits", "")?.iter().enumerate() {
        let place = Place::Item("habit", index);
        let name = json::text(habit, "name").unwrap_or_default();
        if !habit.is_object() {
            reading.left_out("", place, "This is no habit. It was left out.");
            continue;
        }
        if json::integer(habit, "status") == Some(2) {
            reading.left_out(name, place, "The habit was deleted there. It was left out.");
            continue;
        }
        let made = json::integer(habit, "create_t").map(|time| format!("{time}"));
        let mut draft = Draft::new(json::text(habit, "uuid").or(made.as_deref()), name);
        draft.set("description", json::text(habit, "desc"));
        if json::integer(habit, "status") == Some(3) {
            draft.set("status", "ARCHIVED");
        }
        schedule(&mut reading, &mut draft, habit, place);
        let kind = kind(&mut draft, habit);
        for (inner, record) in json::list(habit, "records", &place.to_string())?.iter().enumerate() {
            day(&mut reading, &mut draft, kind, record, Place::Inner("habit", index, "record", inner))?;
        }
        reading.add(draft, place)?;
    }
    Ok(reading.done())
}

/// `freq_type` 1 is so many times a week, 2 a month, 3 in so many days; the numbers stand in `freq_custom`.
fn schedule(reading: &mut Reading, draft: &mut Draft, habit: &Value, place: Place<'_>) {
    let numbers: Vec<i64> = match habit.get("freq_custom") {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(list @ Value::Array(_)) => serde_json::from_value(list.clone()).unwrap_or_default(),
        Some(Value::Number(number)) => number.as_i64().into_iter().collect(),
        _ => Vec::new(),
    };
    match (json::integer(habit, "freq_type"), numbers.as_slice()) {
        (Some(1), [num, ..]) => draft.often(*num, 7, "calendar"),
        (Some(2), [num, ..]) => draft.often(*num, 30, "calendar"),
        (Some(3), [num, den, ..]) => draft.often(*num, *den, "rolling"),
        _ => {
            let message = "Its rhythm is none that is known. It is asked for every day.";
            reading.remark(RemarkKind::Mended, &draft.name, place, message);
            draft.often(1, 1, "calendar")
        }
    };
}

/// `type` 2 is a habit to do less of; else a goal of one without a unit is done or not.
fn kind(draft: &mut Draft, habit: &Value) -> Kind {
    let goal = json::number(habit, "daily_goal").unwrap_or(1.0);
    let unit = json::text(habit, "daily_goal_unit").unwrap_or_default();
    if json::integer(habit, "type") == Some(2) {
        if goal <= 0.0 {
            draft.set("kind", "avoid");
            return Kind::Avoid;
        }
        draft.measured("at_most", goal, unit);
        return Kind::Amounts;
    }
    if goal == 1.0 && unit.trim().is_empty() {
        return Kind::Plain;
    }
    draft.measured("at_least", goal, unit);
    Kind::Amounts
}

fn day(reading: &mut Reading, draft: &mut Draft, kind: Kind, record: &Value, place: Place<'_>) -> Result<(), Fault> {
    let Some(date) = json::integer(record, "record_date").and_then(days::of_epoch_day) else {
        reading.left_out(&draft.name, place, days::NOT_A_DAY);
        return Ok(());
    };
    let note = json::text(record, "reason").map(str::to_owned);
    let value = json::number(record, "record_value");
    let (verb, value) = match (json::integer(record, "record_type"), kind, value) {
        (Some(2), ..) => (Verb::Skip, None),
        (Some(1), Kind::Amounts, Some(value)) => (Verb::Set, Some(value)),
        (Some(1), Kind::Avoid, Some(value)) if value > 0.0 => (Verb::Lapse, Some(value)),
        (Some(1), Kind::Plain, None) => (Verb::Full, None),
        (Some(1), Kind::Plain, Some(value)) if value >= 1.0 => (Verb::Full, None),
        (Some(1), Kind::Plain, Some(value)) if value > 0.0 => {
            (Verb::Partial, Some((value * 100.0).round().clamp(1.0, 99.0)))
        }
        (Some(0 | 1) | None, ..) => {
            reading.unknown(&draft.name, note.as_deref(), place);
            return Ok(());
        }
        (Some(_), ..) => {
            reading.left_out(&draft.name, place, "`record_type` is none that is known. The day was left out.");
            return Ok(());
        }
    };
    let entry = PortableEntry { value, note, ..PortableEntry::new(date, verb) };
    reading.enter(draft, entry, Twice::First, place)
}
