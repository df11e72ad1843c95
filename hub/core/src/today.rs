//! What a person sees of a day.

use std::collections::HashMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::fold::Status;
use crate::plan::{Kind, Marks, Person, Plan};
use crate::repair::parse_date;
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
    /// How far its quota is met in the day's period; absent where it has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quota: Option<Met>,
    /// Whether there is a note for the day; absent where there is none.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub noted: bool,
    /// Whether other days of its period decide if it is due.
    #[serde(skip)]
    pub has_quota: bool,
    /// Whether a day without a word is as good as done: such a habit asks for nothing.
    #[serde(skip)]
    pub kept_by_nothing: bool,
}

/// How far a quota is met: 1 of 3 in 7 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Met {
    /// How many deeds the period has, the day with it.
    pub done: i64,
    /// How many it wants; at least one.
    pub of: i64,
    /// The length of the period in days, as the habit says it.
    pub days: i64,
    /// Whether it is any stretch of so many days, and not one of the calendar.
    pub rolling: bool,
}

/// What of a cell a day shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// What became of the habit.
    pub status: Option<Status>,
    /// The amount so far.
    pub amount: Option<f64>,
    /// Whether there is a note.
    pub noted: bool,
}

impl Standing {
    /// Reads it from a cell.
    #[must_use]
    pub fn of(cell: &Row) -> Self {
        let noted = cell.opt_text("note").is_some_and(|note| !note.is_empty());
        Self { status: Status::parse(&cell.text("type")), amount: cell.number("amount"), noted }
    }
}

impl Item {
    /// Builds it from a (repaired) habit, its plan and marks, and the day's cell, if there is one.
    #[must_use]
    pub fn of(habit: &Row, plan: &Plan, marks: &Marks, cell: Option<&Row>, date: Date) -> Self {
        let schedule = plan.schedules.on(date);
        let kind = schedule.kind;
        let mut item = Self {
            habit_id: habit.id.clone(),
            name: habit.text("name"),
            due: plan.due(date, marks),
            done: false,
            status: None,
            value: None,
            target: if kind == Kind::Measurable { schedule.target } else { None },
            unit: schedule.unit.clone(),
            kind: kind.as_str().to_owned(),
            date: date.to_string(),
            quota: plan.met(date, marks),
            noted: false,
            has_quota: schedule.has_quota(),
            kept_by_nothing: plan.kept_by_nothing(date),
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
        self.noted = standing.is_some_and(|standing| standing.noted);
        self.value = counted.then(|| standing.and_then(|standing| standing.amount).unwrap_or(0.0));
    }

    /// Whether the day shows it: due, or done anyway.
    #[must_use]
    pub fn shown(&self) -> bool {
        self.due || self.status.is_some()
    }

    /// Whether it still waits for the person: due, not done, not left out. What is kept by doing nothing waits for nobody.
    #[must_use]
    pub fn open(&self) -> bool {
        self.due
            && !self.kept_by_nothing
            && !self.done
            && !matches!(self.status, Some(Status::Skipped | Status::Missed))
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

/// The rows a day is made of, all repaired. Rows of other habits do no harm.
#[derive(Debug, Default)]
pub struct Rows {
    /// The habits.
    pub habits: Vec<Row>,
    /// The day's cells, and those of the periods of habits with a quota.
    pub cells: Vec<Row>,
    /// Dated schedules.
    pub schedules: Vec<Row>,
    /// Breaks.
    pub pauses: Vec<Row>,
}

/// Builds every habit's item of a day, in the person's order, shown or not.
#[must_use]
pub fn items(rows: &mut Rows, person: &Person, date: Date) -> Vec<Item> {
    in_order(&mut rows.habits);
    let day = date.to_string();
    let mut of_day: HashMap<String, &Row> = HashMap::new();
    let mut cells: HashMap<String, Vec<&Row>> = HashMap::new();
    for cell in &rows.cells {
        let habit = cell.text("habit_id");
        if cell.text("date") == day {
            of_day.entry(habit.clone()).or_insert(cell);
        }
        cells.entry(habit).or_default().push(cell);
    }
    let item = |habit: &Row| {
        let plan = Plan::of(habit, &rows.schedules, &rows.pauses, person);
        let cells = cells.get(&habit.id).map_or(&[][..], Vec::as_slice);
        let mark = |cell: &&Row| {
            let date = parse_date(&cell.text("date")).filter(|_| cell.deleted_at.is_none())?;
            Some((date, plan.mark(date, &cell.text("type"), &cell.text("source"))?))
        };
        let marks: Marks = cells.iter().filter_map(mark).collect();
        Item::of(habit, &plan, &marks, of_day.get(&habit.id).copied(), date)
    };
    rows.habits.iter().map(item).collect()
}
