//! Why there is no backup, or no restore: one sentence for the person who asked.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, ErrorCode};

use crate::store::error::in_words;

/// Why it did not happen. Nothing was changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// What was asked cannot be right, however often it is asked: the file is not one to restore, or already there.
    #[error("{0}")]
    Refused(String),
    /// It did not work now; another time it may.
    #[error("{0}")]
    Unavailable(String),
}

impl Fault {
    /// A file cannot be used, and why.
    pub(crate) fn refused(path: &Path, why: &str) -> Self {
        Self::Refused(format!("Cannot use {}: {why}.", path.display()))
    }

    /// A file could not be read or written, and why.
    pub(crate) fn unavailable(path: &Path, why: &str) -> Self {
        Self::Unavailable(format!("Cannot use {}: {why}.", path.display()))
    }

    /// What the system said about a file.
    pub(crate) fn io(path: &Path, error: &io::Error) -> Self {
        Self::unavailable(path, &crate::files::in_words(error))
    }

    /// What the database said about a file that is to be written or that must be there.
    pub(crate) fn sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => Self::stopping(),
            _ => Self::unavailable(path, &in_words(error)),
        }
    }

    /// What the database said about a file that is being judged: damage is the file's own.
    pub(crate) fn judged(path: &Path, error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) | None => Self::refused(path, &in_words(error)),
            // A column or table that ought to be there.
            Some(ErrorCode::Unknown) => Self::refused(path, "it is not a whole database of Kairos Hub"),
            Some(_) => Self::sqlite(path, error),
        }
    }

    /// The hub is stopping.
    pub(crate) fn stopping() -> Self {
        Self::Unavailable("The hub is stopping.".into())
    }

    /// A part of the program ended where it should not.
    pub(crate) fn internal() -> Self {
        Self::Unavailable("There was an internal fault.".into())
    }

    /// The sentence as a part of another one.
    #[must_use]
    pub fn clause(&self) -> String {
        let text = self.to_string();
        text.trim_end_matches('.').to_owned()
    }
}

/// Tells long work that nobody waits for it any more: the process must be able to end.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From now on, work that looks here ends.
    pub fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Ends work in between.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        if self.0.load(Ordering::Relaxed) { Err(Fault::stopping()) } else { Ok(()) }
    }

    /// Ends statements of this connection in between, too.
    pub(crate) fn watch(&self, connection: &Connection) -> rusqlite::Result<()> {
        let stop = self.0.clone();
        connection.progress_handler(10_000, Some(move || stop.load(Ordering::Relaxed)))
    }
}
