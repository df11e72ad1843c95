//! What a person sees of a day.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::due::due;
use crate::fold::Status;
use crate::row::Row;

/// One habit on one day. Serialised as INTERFACES promise: clients rely on these names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The habit's id.
    pub habit_id: String,
    /// Its name.
    pub name: String,
    /// `boolean`, `measurable` or `avoid`.
    pub kind: String,
    /// Whether it is asked for on this day.
    pub due: bool,
    /// Whether nothing more is asked for.
    pub done: bool,
    /// `FULL`, `PARTIAL`, `SKIPPED`, `MISSED`, or nothing yet.
    #[serde(rename = "type")]
    pub status: Option<Status>,
    /// The amount so far, for measurable habits.
    pub value: Option<f64>,
    /// The amount aimed at.
    pub target: Option<f64>,
    /// Its unit.
    pub unit: Option<String>,
    /// The day.
    pub date: String,
}

impl Item {
    /// Builds it from a (repaired) habit and the day's cell, if there is one.
    #[must_use]
    pub fn of(habit: &Row, cell: Option<&Row>, date: Date) -> Self {
        let cell = cell.filter(|cell| cell.deleted_at.is_none());
        let status = cell.and_then(|cell| Status::parse(&cell.text("type")));
        let kind = habit.text("kind");
        let counted = kind == "measurable";
        let done = match status {
            Some(Status::Full) => true,
            // Part of it counts; an amount goes on until its target.
            Some(Status::Partial) => !counted,
            Some(Status::Skipped | Status::Missed) | None => false,
        };
        Self {
            habit_id: habit.id.clone(),
            name: habit.text("name"),
            due: due(habit, date),
            done,
            status,
            value: counted.then(|| cell.and_then(|cell| cell.number("amount")).unwrap_or(0.0)),
            target: if counted { habit.number("target_value") } else { None },
            unit: habit.opt_text("unit"),
            kind,
            date: date.to_string(),
        }
    }

    /// Whether it still waits for the person: due, not done, not left out.
    #[must_use]
    pub fn open(&self) -> bool {
        self.due && !self.done && !matches!(self.status, Some(Status::Skipped | Status::Missed))
    }
}

/// A person's day: what is due or was done anyway, in the person's order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Today {
    /// The logical day.
    pub date: String,
    /// The habits.
    pub items: Vec<Item>,
}

/// Builds the day from habits and cells. `cells` may hold other habits' cells too.
#[must_use]
pub fn today(habits: &[Row], cells: &[Row], date: Date) -> Today {
    let mut habits: Vec<&Row> = habits.iter().collect();
    habits.sort_by_key(|habit| (habit.opt_text("sort_key"), habit.created_at, habit.id.clone()));
    let day = date.to_string();
    let items = habits
        .into_iter()
        .map(|habit| {
            let cell = cells.iter().find(|cell| cell.text("habit_id") == habit.id && cell.text("date") == day);
            Item::of(habit, cell, date)
        })
        .filter(|item| item.due || item.status.is_some())
        .collect();
    Today { date: day, items }
}
