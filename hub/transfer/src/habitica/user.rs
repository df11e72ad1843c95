//! `userdata.json`.

use serde_json::Value;

use super::{Days, Kind, Point, enter};
use crate::fault::Fault;
use crate::json;
use crate::model::{Origin, Portable, RemarkKind};
use crate::reading::{Draft, Place, Reading};

/// Weekdays as Habitica abbreviates them, Monday first.
const WEEK: [&str; 7] = ["m", "t", "w", "th", "f", "s", "su"];

/// Reads one.
pub(crate) fn read(bytes: &[u8]) -> Result<Portable, Fault> {
    let file = json::parse(bytes)?;
    let mut reading = Reading::new(Origin::Habitica);
    let none = Value::Null;
    let tasks = file.get("tasks").unwrap_or(&none);
    let days = days(file.get("preferences").unwrap_or(&none));
    for (list, what) in [("dailys", "daily"), ("habits", "habit")] {
        for (index, task) in json::list(tasks, list, "tasks")?.iter().enumerate() {
            add(&mut reading, task, days, what, index)?;
        }
    }
    let others = json::list(tasks, "todos", "tasks")?.len() + json::list(tasks, "rewards", "tasks")?.len();
    if others > 0 {
        reading.left_out("", Place::Whole, format!("{others} to-dos and rewards are no habits. They were left out."));
    }
    Ok(reading.done())
}

/// `timezoneOffset` counts from local time to UTC, as browsers do; `dayStart` is in hours.
fn days(preferences: &Value) -> Days {
    let bounded = |key: &str, most: i64| json::integer(preferences, key).filter(|n| n.abs() <= most).unwrap_or(0);
    Days { offset: -bounded("timezoneOffset", 1560), start: bounded("dayStart", 23).max(0) * 60 }
}

fn add(reading: &mut Reading, task: &Value, days: Days, what: &str, index: usize) -> Result<(), Fault> {
    let place = Place::Item(what, index);
    if !task.is_object() {
        reading.left_out("", place, "This is no task. It was left out.");
        return Ok(());
    }
    let id = json::text(task, "_id").or_else(|| json::text(task, "id"));
    let mut draft = Draft::new(id, json::text(task, "text").unwrap_or_default());
    draft.set("description", json::text(task, "notes"));
    let kind = if what == "daily" {
        schedule(reading, &mut draft, task, place);
        Kind::Daily
    } else {
        counted(reading, &mut draft, task, place)
    };
    let mut points = Vec::new();
    for (inner, point) in json::list(task, "history", &place.to_string())?.iter().enumerate() {
        let place = Place::Inner(what, index, "entry", inner);
        let (Some(time), Some(value)) = (json::integer(point, "date"), json::number(point, "value")) else {
            reading.left_out(&draft.name, place, "`date` and `value` must be numbers. The entry was left out.");
            continue;
        };
        let completed = point.get("completed").and_then(Value::as_bool);
        let (up, down) = (json::number(point, "scoredUp"), json::number(point, "scoredDown"));
        points.push((Point { time, value, up, down, completed }, place));
    }
    points.sort_by_key(|(point, _)| point.time);
    enter(reading, &mut draft, kind, days, points)?;
    reading.add(draft, place)
}

/// When a daily is due.
fn schedule(reading: &mut Reading, draft: &mut Draft, task: &Value, place: Place<'_>) {
    let every = json::integer(task, "everyX").unwrap_or(1);
    let mut exact = true;
    match json::text(task, "frequency").unwrap_or("weekly") {
        "daily" if every > 1 => drop(draft.often(1, every, "rolling")),
        "daily" => exact = every == 1,
        "weekly" => {
            let repeat = task.get("repeat");
            let due = |day: &&str| repeat.is_none_or(|repeat| repeat.get(*day) != Some(&Value::Bool(false)));
            let list: Vec<usize> = (1..).zip(WEEK.iter()).filter(|(_, day)| due(day)).map(|(n, _)| n).collect();
            match list.as_slice() {
                [1, 2, 3, 4, 5, 6, 7] => {}
                [1, 2, 3, 4, 5] => drop(draft.set("frequency", "WEEKDAYS")),
                [6, 7] => drop(draft.set("frequency", "WEEKENDS")),
                [] => exact = false,
                days => drop(draft.set("frequency", "CUSTOM").set("active_days", format!("{days:?}").replace(' ', ""))),
            }
            exact &= every == 1;
        }
        "monthly" => drop(draft.often(1, 30 * every.clamp(1, 12), "calendar")),
        "yearly" => drop(draft.often(1, 365, "calendar")),
        _ => exact = false,
    }
    if !exact {
        let message = "Its rhythm is none that can be kept. The nearest one was taken.";
        reading.remark(RemarkKind::Mended, &draft.name, place, message);
    }
}

/// Whether a habit is counted up or down.
fn counted(reading: &mut Reading, draft: &mut Draft, task: &Value, place: Place<'_>) -> Kind {
    let (up, down) = (task.get("up") != Some(&Value::Bool(false)), json::truth(task, "down"));
    if !up && down {
        draft.set("kind", "avoid");
        return Kind::Avoid;
    }
    if up && down {
        reading.remark(
            RemarkKind::Note,
            &draft.name,
            place,
            "Of a habit that goes both ways, the ups are brought along.",
        );
    }
    draft.measured("at_least", 1.0, "");
    Kind::Habit
}
