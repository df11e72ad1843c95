//! The fold: from the events of one habit, day and actor to how the day stands.
//!
//! A function of the *set* of events: their order of arrival does not matter, a repeated event does
//! not count twice. Author class weighs before time, so that the engine's note that a day passed
//! never erases a deed that arrived late from a phone that was offline.

use std::collections::HashSet;

use crate::Millis;
use crate::day::Date;
use crate::event::{AuthorClass, Event, Source, Verb, words};
use crate::hlc::Hlc;
use crate::ids::{CellId, DeviceId, HabitId, UserId};
use crate::plan::{Kind, Schedule};
use crate::row::Row;
use crate::schema::{COMPLETIONS, MAX_AMOUNT};
use crate::value::Value;

words!(
    /// How a day stands.
    Status {
        /// Done.
        Full = "FULL",
        /// Done in part, which counts.
        Partial = "PARTIAL",
        /// Left out on purpose.
        Skipped = "SKIPPED",
        /// It passed.
        Missed = "MISSED",
    }
);

/// What the fold needs to know of the habit.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// Whether amounts are counted.
    pub counted: bool,
    /// Whether less is better.
    pub at_most: bool,
    /// The amount aimed at; above zero.
    pub target: f64,
    /// A shared habit that anyone may do once: the first deed is shown.
    pub anyone_once: bool,
}

impl Measure {
    /// As the habit was measured on a day.
    #[must_use]
    pub fn on(habit: &Row, schedule: &Schedule) -> Self {
        Self {
            counted: schedule.kind == Kind::Measurable,
            at_most: schedule.at_most,
            target: schedule.target.filter(|target| *target > 0.0).unwrap_or(1.0),
            ..Self::of(habit)
        }
    }

    /// Reads it from a habit's row.
    #[must_use]
    pub fn of(habit: &Row) -> Self {
        Self {
            counted: habit.text("kind") == "measurable",
            at_most: habit.text("target_type") == "at_most",
            target: habit.number("target_value").filter(|target| *target > 0.0).unwrap_or(1.0),
            anyone_once: habit.text("completion_mode") == "ANYONE_ONCE",
        }
    }
}

/// How a day stands, and whose deed is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// How it stands.
    pub status: Status,
    /// For [`Status::Partial`], 1 to 99.
    pub percent: Option<i64>,
    /// For counted habits.
    pub amount: Option<f64>,
    /// For [`Status::Skipped`].
    pub skip_reason: Option<String>,
    /// Whose deed is shown.
    pub by: UserId,
    /// When it occurred.
    pub occurred_at: Millis,
    /// Where it came from.
    pub source: Source,
    /// By which device.
    pub device_id: Option<DeviceId>,
}

/// The events that stand: sorted by clock, repetitions and what was taken back left out.
///
/// An undo counts only against what came before it and weighs no less; an undo can itself be undone.
#[must_use]
pub fn standing_events(events: &[Event]) -> Vec<&Event> {
    let mut sorted: Vec<&Event> = events.iter().collect();
    sorted.sort_by(|a, b| (&a.at, &a.id).cmp(&(&b.at, &b.id)));
    sorted.dedup_by(|a, b| a.id == b.id);

    let mut taken_back: HashSet<(&str, AuthorClass)> = HashSet::new();
    let mut all_before: Option<AuthorClass> = None;
    let mut standing = Vec::with_capacity(sorted.len());
    for event in sorted.into_iter().rev() {
        let class = event.source.class();
        let gone = all_before >= Some(class)
            || [AuthorClass::System, AuthorClass::Rule, AuthorClass::Person]
                .iter()
                .any(|&by| by >= class && taken_back.contains(&(event.id.as_str(), by)));
        if gone {
            continue;
        }
        if event.verb == Verb::Undo {
            match &event.undo_of {
                Some(target) => drop(taken_back.insert((target.as_str(), class))),
                None => all_before = all_before.max(Some(class)),
            }
        } else {
            standing.push(event);
        }
    }
    standing.reverse();
    standing
}

/// Folds the events of one cell. `None`: nothing stands, the cell is empty.
#[must_use]
pub fn fold(events: &[Event], measure: &Measure) -> Option<Standing> {
    let mut standing = standing_events(events);
    if !measure.counted {
        // Adding nothing to something that is not counted is no deed.
        standing.retain(|event| event.verb != Verb::Add || event.value.unwrap_or(1.0) > 0.0);
    }
    let class = standing.iter().map(|event| event.source.class()).max()?;
    let deeds: Vec<&Event> = standing.iter().copied().filter(|event| event.source.class() == class).collect();
    let last = *deeds.last()?;
    let shape = if measure.counted { counted(&standing, last, measure) } else { plain(last) };
    let Some((status, percent, amount)) = shape else {
        // Deeds that add up to nothing do not hide that the day passed.
        let noted = |event: &&Event| event.verb == Verb::Miss && event.source.class() == AuthorClass::System;
        let missed = standing.iter().copied().rfind(noted)?;
        return Some(standing_of(Status::Missed, None, None, missed, missed));
    };
    let shown = if measure.anyone_once { first_deed(&deeds).unwrap_or(last) } else { last };
    Some(standing_of(status, percent, amount, last, shown))
}

/// The deed that occurred first: the one shown where anyone may do it once.
fn first_deed<'a>(deeds: &[&'a Event]) -> Option<&'a Event> {
    deeds
        .iter()
        .copied()
        .filter(|event| matches!(event.verb, Verb::Full | Verb::Partial | Verb::Add | Verb::Set))
        .min_by(|a, b| (a.occurred_at, &a.id).cmp(&(b.occurred_at, &b.id)))
}

type Shape = (Status, Option<i64>, Option<f64>);

/// The percent of a day that is done in part: 1 to 99.
#[must_use]
#[allow(clippy::cast_possible_truncation)] // clamped to 1..=99 first
pub fn percent_of(share: f64) -> i64 {
    // A hundredth that binary numbers miss by a hair is that hundredth.
    (share * 100.0 + 1e-9).floor().clamp(1.0, 99.0) as i64
}

/// Amounts are sums of what people write in decimals: told apart by a millionth, so that ten tenths are one.
fn in_millionths(amount: f64) -> f64 {
    if amount.abs() < MAX_AMOUNT { (amount * 1e6).round() / 1e6 } else { amount }
}

fn plain(last: &Event) -> Option<Shape> {
    match last.verb {
        Verb::Full | Verb::Add => Some((Status::Full, None, None)),
        Verb::Set if last.value.unwrap_or(1.0) > 0.0 => Some((Status::Full, None, None)),
        Verb::Partial => Some((Status::Partial, Some(percent_of(last.value.unwrap_or(50.0) / 100.0)), None)),
        Verb::Skip => Some((Status::Skipped, None, None)),
        Verb::Miss | Verb::Lapse => Some((Status::Missed, None, None)),
        Verb::Set | Verb::Undo => None,
    }
}

fn counted(standing: &[&Event], last: &Event, measure: &Measure) -> Option<Shape> {
    let amount = amount(standing, measure.target);
    match last.verb {
        Verb::Skip => return Some((Status::Skipped, None, Some(amount).filter(|amount| *amount > 0.0))),
        Verb::Miss | Verb::Lapse => return Some((Status::Missed, None, Some(amount).filter(|amount| *amount > 0.0))),
        _ => {}
    }
    if measure.at_most {
        let share = 1.0 - (amount - measure.target) / measure.target;
        return Some(if amount <= measure.target {
            (Status::Full, None, Some(amount))
        } else {
            (Status::Partial, Some(percent_of(share)), Some(amount))
        });
    }
    if amount <= 0.0 {
        None
    } else if amount >= measure.target {
        Some((Status::Full, None, Some(amount)))
    } else {
        Some((Status::Partial, Some(percent_of(amount / measure.target)), Some(amount)))
    }
}

/// Adds count whoever makes them; an amount that is *set* yields to one of a weightier author.
fn amount(standing: &[&Event], target: f64) -> f64 {
    let (mut amount, mut weight) = (0.0_f64, AuthorClass::System);
    for event in standing {
        let class = event.source.class();
        let outweighed = class < weight;
        match event.verb {
            // Less than nothing is nothing: a slip must not swallow the presses that follow.
            Verb::Add => amount = in_millionths((amount + event.value.unwrap_or(1.0)).max(0.0)),
            Verb::Set if !outweighed => amount = event.value.unwrap_or(0.0).max(0.0),
            Verb::Full if !outweighed => amount = amount.max(target),
            Verb::Partial if !outweighed => amount = (target * event.value.unwrap_or(50.0) / 100.0).max(0.0),
            _ => continue,
        }
        weight = weight.max(class);
    }
    amount
}

/// Folds one more event into a cell that already holds all others; `None` where only a fold of all of them can tell.
///
/// A press costs the same however many came before it on that day. It may be counted on top of the cell when it is the
/// latest of all, takes nothing back, and is a person's as the cell already is: then nothing before it weighs more, and
/// the cell's amount is the sum so far. The cell must have been folded with the same measure.
#[must_use]
pub fn fold_next(cell: &Row, event: &Event, measure: &Measure) -> Option<Standing> {
    let latest = cell.touched.as_ref().is_some_and(|touched| *touched < event.at);
    let of_person = |source: Source| source.class() == AuthorClass::Person;
    let ours = stands(cell) && Source::parse(&cell.text("source")).is_some_and(of_person);
    if !latest || !ours || !of_person(event.source) || event.verb == Verb::Undo || measure.anyone_once {
        return None;
    }
    if !measure.counted && event.verb == Verb::Add && event.value.unwrap_or(1.0) <= 0.0 {
        return None;
    }
    let (status, percent, amount) = if measure.counted {
        // A cell without an amount may be of a time when the habit was not counted: its deeds add up to one.
        let sum = cell.number("amount")?;
        let before = Event { verb: Verb::Set, value: Some(sum), ..event.clone() };
        counted(&[&before, event], event, measure)?
    } else {
        plain(event)?
    };
    Some(standing_of(status, percent, amount, event, event))
}

fn standing_of(status: Status, percent: Option<i64>, amount: Option<f64>, last: &Event, shown: &Event) -> Standing {
    Standing {
        status,
        percent,
        amount,
        skip_reason: if status == Status::Skipped { last.skip_reason.clone() } else { None },
        by: shown.user_id.clone(),
        occurred_at: shown.occurred_at,
        source: shown.source,
        device_id: shown.device_id.clone(),
    }
}

/// What a person may write on a day beside what was done.
pub const WORDS: [&str; 2] = ["note", "energy_level"];

/// Whether a cell holds a person's words.
#[must_use]
pub fn has_words(cell: &Row) -> bool {
    WORDS.iter().any(|name| match cell.look(name).as_ref() {
        Value::Null => false,
        Value::Text(text) => !text.is_empty(),
        _ => true,
    })
}

/// Whether anything stands in a cell: words alone are no deed.
#[must_use]
pub fn stands(cell: &Row) -> bool {
    cell.deleted_at.is_none() && Status::parse(&cell.text("type")).is_some()
}

/// Writes a standing into its cell's derived columns. A cell in which nothing stands is a deleted one, unless somebody
/// wrote words there: those stay to be seen, with no `type`.
pub fn write_cell(cell: &mut Row, standing: Option<&Standing>, at: &Hlc) {
    cell.touch(at);
    let Some(standing) = standing else {
        cell.deleted_at = (!has_words(cell)).then(|| at.millis());
        for column in cell.table.columns.iter().filter(|column| column.derived) {
            cell.set(column.name, column.preset.value(column.kind), at);
        }
        return;
    };
    cell.deleted_at = None;
    cell.set("type", standing.status.as_str(), at);
    cell.set("partial_percent", standing.percent, at);
    cell.set("amount", standing.amount, at);
    cell.set("skip_reason", standing.skip_reason.as_deref(), at);
    cell.set("completed_by", standing.by.as_str(), at);
    cell.set("completed_at", standing.occurred_at, at);
    cell.set("source", standing.source.as_str(), at);
    cell.set("device_id", standing.device_id.as_ref().map(DeviceId::as_str), at);
}

/// The cell of a day, folded from its events; `None` where it stands so already, or there is nothing of it.
///
/// Whoever folds the same events of the same cell gets the same: its clocks are those of the events, and none is read.
#[must_use]
pub fn refolded(
    habit: &Row,
    known: Option<&Row>,
    (date, actor): (Date, &str),
    events: &[Event],
    measure: &Measure,
) -> Option<Row> {
    let last = events.iter().map(|event| &event.at).max();
    let mut cell = match known {
        Some(known) => known.clone(),
        None => {
            let first = events.iter().min_by(|a, b| (&a.at, &a.id).cmp(&(&b.at, &b.id)))?;
            let id = CellId::of(&HabitId::new(habit.id.as_str()).ok()?, date, actor);
            let by = first.user_id.clone();
            let mut cell = Row::new(&COMPLETIONS, id.as_str(), habit.scope.clone(), by, first.at.millis());
            cell.set("habit_id", habit.id.as_str(), &first.at);
            cell.set("date", date.to_string(), &first.at);
            cell.set("actor", actor, &first.at);
            cell
        }
    };
    let at = last.or(cell.hlc())?.clone();
    let was_deleted = cell.deleted_at;
    write_cell(&mut cell, fold(events, measure).as_ref(), &at);
    if let (Some(was), Some(_)) = (was_deleted, cell.deleted_at) {
        cell.deleted_at = Some(was);
    }
    let folded = |row: &Row| -> Vec<Value> {
        let derived = row.table.columns.iter().filter(|column| column.derived);
        derived.map(|column| row.get(column.name)).chain([row.deleted_at.into()]).collect()
    };
    known.is_none_or(|known| folded(known) != folded(&cell)).then_some(cell)
}

#[cfg(test)]
mod tests;
