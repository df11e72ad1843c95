//! What a person sees of a day.

use std::collections::HashMap;

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

/// What of a cell a day shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// What became of the habit.
    pub status: Option<Status>,
    /// The amount so far.
    pub amount: Option<f64>,
}

impl Standing {
    /// Reads it from a cell.
    #[must_use]
    pub fn of(cell: &Row) -> Self {
        Self { status: Status::parse(&cell.text("type")), amount: cell.number("amount") }
    }
}

impl Item {
    /// Builds it from a (repaired) habit and the day's cell, if there is one.
    #[must_use]
    pub fn of(habit: &Row, cell: Option<&Row>, date: Date) -> Self {
        let kind = habit.text("kind");
        let mut item = Self {
            habit_id: habit.id.clone(),
            name: habit.text("name"),
            due: due(habit, date),
            done: false,
            status: None,
            value: None,
            target: if kind == "measurable" { habit.number("target_value") } else { None },
            unit: habit.opt_text("unit"),
            kind,
            date: date.to_string(),
        };
        item.stand(cell.filter(|cell| cell.deleted_at.is_none()).map(Standing::of));
        item
    }

    /// Shows another standing of the same habit on the same day; `None`: nothing stands.
    pub fn stand(&mut self, standing: Option<Standing>) {
        let counted = self.kind == "measurable";
        self.status = standing.and_then(|standing| standing.status);
        self.done = match self.status {
            Some(Status::Full) => true,
            // Part of it counts; an amount goes on until its target.
            Some(Status::Partial) => !counted,
            Some(Status::Skipped | Status::Missed) | None => false,
        };
        self.value = counted.then(|| standing.and_then(|standing| standing.amount).unwrap_or(0.0));
    }

    /// Whether the day shows it: due, or done anyway.
    #[must_use]
    pub fn shown(&self) -> bool {
        self.due || self.status.is_some()
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

/// Puts habits into the person's order.
pub fn in_order(habits: &mut [Row]) {
    habits.sort_by_cached_key(|habit| (habit.opt_text("sort_key"), habit.created_at, habit.id.clone()));
}

/// Builds every habit's item of a day, in the person's order, shown or not. `cells` may hold other habits' cells too.
#[must_use]
pub fn items(mut habits: Vec<Row>, cells: &[Row], date: Date) -> Vec<Item> {
    in_order(&mut habits);
    let day = date.to_string();
    let mut of_habit: HashMap<String, &Row> = HashMap::new();
    for cell in cells.iter().filter(|cell| cell.text("date") == day) {
        of_habit.entry(cell.text("habit_id")).or_insert(cell);
    }
    habits.iter().map(|habit| Item::of(habit, of_habit.get(&habit.id).copied(), date)).collect()
}

/// Builds the day from habits and cells.
#[must_use]
pub fn today(habits: Vec<Row>, cells: &[Row], date: Date) -> Today {
    let items = items(habits, cells, date).into_iter().filter(Item::shown).collect();
    Today { date: date.to_string(), items }
}
