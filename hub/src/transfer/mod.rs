//! Bringing habits in from files, and taking them away.
//!
//! `kairos_transfer` reads and writes the files; here they become rows for the one door ([`rows`]), and imports run as
//! jobs ([`jobs`]) since they take longer than a request may, in slices ([`taking`]) so that nobody else waits. Exports are written piece by piece as they are read ([`mod@export`]).

mod console;
mod contents;
mod export;
mod jobs;
mod known;
mod rows;
mod tabled;
mod taking;
mod target;

pub use console::{read_file, write_file};
pub use contents::Contents;
pub use export::{Pieces, export};
pub use jobs::{Job, JobState, Jobs, NotBegun};
pub use known::Known;
pub use rows::{Outlook, read};

use kairos_core::command::Rejection;
use kairos_core::ids::{HabitId, UserId};
use kairos_core::schema::HABITS;
use kairos_core::scope::Scope;

use crate::store::{Store, StoreError};

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

/// What a person has already that files may tell of under another name.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database cannot be read.
pub async fn known(store: &Store, user: &UserId) -> Result<Known, StoreError> {
    let user = user.clone();
    let scope = Scope::Person(user.clone());
    store.read(move |snapshot| Ok(Known::of(&user, &snapshot.rows_in(&HABITS, &[scope], "", usize::MAX)?))).await
}

/// What a file would bring, for a person who has not decided yet; said first where the disk may have no room for it.
#[must_use]
pub fn foreseen(store: &Store, contents: &Contents) -> Outlook {
    let mut outlook = contents.outlook.clone();
    if let Some(why) = taking::too_large(store, contents) {
        outlook.remarks.insert(0, why);
    }
    outlook
}

/// Reads a habit's id that came from a row.
fn habit_id(text: &str) -> Result<HabitId, Rejection> {
    HabitId::new(text).map_err(|_| Rejection::not_found("habit"))
}
