//! Bringing habits in from files, and taking them away.
//!
//! `kairos_transfer` reads and writes the files; here they become rows for the one door ([`rows`]), and imports run as
//! jobs ([`jobs`]) since they take longer than a request may.

mod console;
mod jobs;
mod rows;

pub use console::{read_file, write_file};
pub use jobs::{Job, JobState, Jobs};
pub use rows::{Contents, Outlook, read};

use std::collections::{HashMap, HashSet};

use kairos_core::command::Rejection;
use kairos_core::ids::{HabitId, UserId};
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETIONS, HABITS};
use kairos_core::scope::Scope;
use kairos_transfer::completions::{CompletionRow, completions_csv};
use kairos_transfer::{PortableEntry, PortableHabit, loop_zip, whole};

use crate::store::{Snapshot, Store, StoreError};

/// What an export looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Everything, to come back as it was.
    Json,
    /// The days as a table.
    Csv,
    /// A zip that Loop Habit Tracker reads.
    Loop,
}

impl Form {
    /// Reads its word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            "loop" => Some(Self::Loop),
            _ => None,
        }
    }

    /// Its type for browsers, and what its file is called.
    #[must_use]
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Json => ("application/json", "habits.json"),
            Self::Csv => ("text/csv; charset=utf-8", "completions.csv"),
            Self::Loop => ("application/zip", "loop.zip"),
        }
    }
}

/// Writes what a person has.
///
/// # Errors
/// [`StoreError`]: the database cannot be read, or something cannot be written in this form.
pub async fn export(store: &Store, user: &UserId, form: Form) -> Result<Vec<u8>, StoreError> {
    let scope = Scope::Person(user.clone());
    store.read(move |snapshot| written(snapshot, &scope, form)).await
}

fn written(snapshot: &Snapshot<'_>, scope: &Scope, form: Form) -> Result<Vec<u8>, StoreError> {
    let alive = |table| snapshot.rows_in(table, std::slice::from_ref(scope), "", usize::MAX);
    let habits: Vec<Row> = alive(&HABITS)?;
    let ids: HashSet<&str> = habits.iter().map(|habit| habit.id.as_str()).collect();
    let known = |row: &Row| row.opt_text("habit_id").is_none_or(|id| ids.contains(id.as_str()));
    if form == Form::Json {
        let mut rows = Vec::new();
        for table in whole::TABLES {
            // Days of habits that were deleted stay here: without their habit they could not come back.
            rows.extend(alive(table)?.into_iter().filter(known));
        }
        return Ok(whole::write(&rows).into_bytes());
    }
    let mut cells: Vec<Row> = alive(&COMPLETIONS)?.into_iter().filter(known).map(repair::sound).collect();
    cells.sort_by_cached_key(|cell| (cell.text("habit_id"), cell.text("date"), cell.text("actor")));
    let habits: Vec<Row> = habits.iter().map(repair::repaired).collect();
    let written = match form {
        Form::Csv => completions_csv(&table(&habits, &cells)),
        _ => loop_zip(&portable(&habits, &cells), last(&cells)),
    };
    written.map_err(|fault| Rejection::field("format", format!("This cannot be written so: {fault}")).into())
}

fn last(cells: &[Row]) -> kairos_core::day::Date {
    let dates = cells.iter().filter_map(|cell| repair::parse_date(&cell.text("date")));
    dates.max().unwrap_or(kairos_core::day::Date::ZERO)
}

fn table(habits: &[Row], cells: &[Row]) -> Vec<CompletionRow> {
    let by_id: HashMap<&str, &Row> = habits.iter().map(|habit| (habit.id.as_str(), habit)).collect();
    let mut rows: Vec<CompletionRow> = cells
        .iter()
        .filter_map(|cell| {
            let habit = by_id.get(cell.text("habit_id").as_str())?;
            Some(CompletionRow {
                habit: habit.text("name"),
                date: repair::parse_date(&cell.text("date"))?,
                kind: cell.text("type"),
                percent: cell.integer("partial_percent"),
                amount: cell.number("amount"),
                unit: habit.text("unit"),
                note: cell.text("note"),
                source: cell.text("source"),
                completed_at: cell.integer("completed_at"),
            })
        })
        .collect();
    rows.sort_by(|a, b| (&a.habit, a.date).cmp(&(&b.habit, b.date)));
    rows
}

fn portable(habits: &[Row], cells: &[Row]) -> Vec<PortableHabit> {
    let entry = |cell: &Row| {
        use kairos_core::event::Verb;
        let amount = cell.number("amount");
        let (verb, value) = match cell.text("type").as_str() {
            "SKIPPED" => (Verb::Skip, None),
            "MISSED" if cell.text("source") == "engine" => return None,
            "MISSED" => (Verb::Lapse, amount),
            _ if amount.is_some() => (Verb::Set, amount),
            "PARTIAL" => (Verb::Partial, cell.number("partial_percent")),
            _ => (Verb::Full, None),
        };
        let date = repair::parse_date(&cell.text("date"))?;
        Some(PortableEntry { value, note: cell.opt_text("note"), ..PortableEntry::new(date, verb) })
    };
    // In the order of habits: each one's cells are one stretch.
    let days = |habit: &Row| {
        let from = cells.partition_point(|cell| cell.text("habit_id") < habit.id);
        let to = cells.partition_point(|cell| cell.text("habit_id") <= habit.id);
        cells.get(from..to).unwrap_or_default().iter().filter_map(entry).collect()
    };
    habits
        .iter()
        .map(|habit| PortableHabit {
            reference: habit.id.clone(),
            fields: habit
                .table
                .columns
                .iter()
                .map(|column| (column.name.to_owned(), habit.get(column.name)))
                .filter(|(_, value)| !value.is_null())
                .collect(),
            entries: days(habit),
            scores: None,
        })
        .collect()
}

/// Reads a habit's id that came from a row.
fn habit_id(text: &str) -> Result<HabitId, Rejection> {
    HabitId::new(text).map_err(|_| Rejection::not_found("habit"))
}
