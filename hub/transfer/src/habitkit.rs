//! HabitKit: habits, completions and goals in lists of their own, tied by the habit's id.

use std::collections::BTreeMap;

use kairos_core::event::Verb;
use serde_json::Value;

use crate::days;
use crate::fault::Fault;
use crate::json;
use crate::model::{Origin, Portable, PortableEntry, RemarkKind};
use crate::reading::{Draft, Place, Reading, Twice};

/// The farthest that a place on earth is from UTC, in minutes, and some.
const OFFSETS: std::ops::RangeInclusive<i64> = -1560..=1560;

/// A habit as it is being read.
struct Habit {
    index: usize,
    draft: Draft,
    inverse: bool,
    /// How often a day; more than once makes it one of amounts.
    per_day: f64,
    /// Completions that hold more than the habit counts.
    exceeding: usize,
}

/// Reads one.
pub(crate) fn read(bytes: &[u8]) -> Result<Portable, Fault> {
    let file = json::parse(bytes)?;
    let mut reading = Reading::new(Origin::HabitKit);
    let mut habits = habits(&mut reading, &file)?;
    for (id, goals) in goals(&mut reading, &file, &habits)? {
        if let Some(habit) = habits.get_mut(&id) {
            goal(&mut reading, habit, &goals);
        }
    }
    for habit in habits.values_mut() {
        if habit.inverse {
            habit.draft.set("kind", "avoid");
        } else if habit.per_day > 1.0 {
            habit.draft.measured("at_least", habit.per_day, "");
        }
    }
    for (index, completion) in json::list(&file, "completions", "")?.iter().enumerate() {
        day(&mut reading, &mut habits, completion, Place::Item("completion", index))?;
    }
    for (list, message) in
        [("reminders", "Reminders are not brought along."), ("categoryMappings", "Categories are not brought along.")]
    {
        if !json::list(&file, list, "")?.is_empty() {
            reading.remark(RemarkKind::Note, "", Place::Whole, message);
        }
    }
    let mut habits: Vec<Habit> = habits.into_values().collect();
    habits.sort_by(|a, b| {
        let key = |habit: &Habit| habit.draft.fields.get("sort_key").and_then(|key| key.as_text().map(str::to_owned));
        key(a).cmp(&key(b)).then(a.index.cmp(&b.index))
    });
    for habit in habits {
        let place = Place::Item("habit", habit.index);
        if habit.exceeding > 0 {
            let message = format!("{} days hold more than once; each counts as done.", habit.exceeding);
            reading.remark(RemarkKind::Note, &habit.draft.name, place, message);
        }
        reading.add(habit.draft, place)?;
    }
    Ok(reading.done())
}

fn habits(reading: &mut Reading, file: &Value) -> Result<BTreeMap<String, Habit>, Fault> {
    let mut found = BTreeMap::new();
    for (index, habit) in json::list(file, "habits", "")?.iter().enumerate() {
        let place = Place::Item("habit", index);
        let name = json::text(habit, "name").unwrap_or_default();
        let Some(id) = json::text(habit, "id").filter(|id| !id.trim().is_empty()) else {
            reading.left_out(name, place, "The habit has no id. It was left out.");
            continue;
        };
        if found.contains_key(id) {
            reading.left_out(name, place, "The habit's id stands twice. What was there first stays.");
            continue;
        }
        let mut draft = Draft::new(Some(id), name);
        draft
            .set("description", json::text(habit, "description"))
            .set("icon", json::text(habit, "emoji").or_else(|| json::text(habit, "icon")))
            .set("color", json::text(habit, "color"));
        if let Some(order) = json::integer(habit, "orderIndex") {
            draft.set("sort_key", format!("{:06}", order.clamp(0, 999_999)));
        }
        if json::truth(habit, "archived") {
            draft.set("status", "ARCHIVED");
        }
        let inverse = json::truth(habit, "isInverse");
        found.insert(id.to_owned(), Habit { index, draft, inverse, per_day: 1.0, exceeding: 0 });
    }
    Ok(found)
}

/// The goals of each habit, in the file's order.
fn goals<'a>(
    reading: &mut Reading,
    file: &'a Value,
    habits: &BTreeMap<String, Habit>,
) -> Result<BTreeMap<String, Vec<&'a Value>>, Fault> {
    let mut found: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for (index, interval) in json::list(file, "intervals", "")?.iter().enumerate() {
        match json::text(interval, "habitId").filter(|id| habits.contains_key(*id)) {
            Some(id) => found.entry(id.to_owned()).or_default().push(interval),
            None => reading.left_out("", Place::Item("interval", index), "The goal belongs to no habit."),
        }
    }
    Ok(found)
}

/// Takes the goal that holds now: the one without an end, or that which began last.
fn goal(reading: &mut Reading, habit: &mut Habit, goals: &[&Value]) {
    let age = |goal: &&&Value| {
        let began = json::text(goal, "startDate").and_then(days::instant);
        (json::text(goal, "endDate").is_none(), began)
    };
    let Some(goal) = goals.iter().max_by_key(age) else { return };
    let place = Place::Item("habit", habit.index);
    if goals.len() > 1 {
        let message = "Its goal changed over time. The newest one is brought along.";
        reading.remark(RemarkKind::Note, &habit.draft.name, place, message);
    }
    let times = json::integer(goal, "requiredNumberOfCompletions").filter(|times| *times > 0).unwrap_or(1);
    match json::text(goal, "type").unwrap_or("none") {
        "none" | "day" => {}
        "week" => drop(habit.draft.often(times, 7, "calendar")),
        "month" => drop(habit.draft.often(times, 30, "calendar")),
        "year" => drop(habit.draft.often(times, 365, "calendar")),
        _ => {
            let message = "Its goal is of a kind that is not known. It is asked for every day.";
            reading.remark(RemarkKind::Mended, &habit.draft.name, place, message);
        }
    }
    habit.per_day = json::number(goal, "requiredNumberOfCompletionsPerDay").unwrap_or(1.0);
}

fn day(
    reading: &mut Reading,
    habits: &mut BTreeMap<String, Habit>,
    completion: &Value,
    place: Place<'_>,
) -> Result<(), Fault> {
    let Some(habit) = json::text(completion, "habitId").and_then(|id| habits.get_mut(id)) else {
        reading.left_out("", place, "The completion belongs to no habit. It was left out.");
        return Ok(());
    };
    let offset = json::integer(completion, "timezoneOffsetInMinutes").unwrap_or(0);
    let time = json::text(completion, "date").and_then(days::instant);
    let date = time.filter(|_| OFFSETS.contains(&offset)).and_then(|time| days::local(time, offset));
    let Some(date) = date else {
        reading.left_out(&habit.draft.name, place, days::NOT_A_DAY);
        return Ok(());
    };
    let note = json::text(completion, "note");
    let amount = json::number(completion, "amountOfCompletions").unwrap_or(1.0);
    // A completion of nothing only marks the day.
    if amount == 0.0 {
        reading.unknown(&habit.draft.name, note, place);
        return Ok(());
    }
    let (verb, value) = match (habit.inverse, habit.per_day > 1.0) {
        (true, _) => (Verb::Lapse, Some(amount)),
        (false, true) => (Verb::Set, Some(amount)),
        (false, false) => {
            habit.exceeding += usize::from(amount > 1.0);
            (Verb::Full, None)
        }
    };
    let entry = PortableEntry { date, verb, value, note: note.map(str::to_owned), occurred_at: time };
    reading.enter(&mut habit.draft, entry, Twice::Sum, place)
}
