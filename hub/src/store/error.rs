//! What can go wrong with the database, and for whom it is said.

use std::fs::{File, TryLockError};
use std::path::Path;

use kairos_core::command::Rejection;
use rusqlite::ErrorCode;

/// Why a piece of work has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It was refused; saying it again gives the same answer.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// It could not be saved or read right now; saying it again may help.
    #[error("{0}")]
    Unavailable(String),
}

impl StoreError {
    /// Whether it is the file itself that is broken: asking again does not help.
    pub(super) fn is_damage(&self) -> bool {
        matches!(self, Self::Unavailable(reason) if reason == DAMAGED || reason == NO_DATABASE)
    }

    /// The hub is stopping.
    pub(crate) fn stopping() -> Self {
        Self::Unavailable(STOPPING.into())
    }

    /// Whether it is that the hub is stopping: nothing will be saved any more.
    pub(crate) fn is_stopping(&self) -> bool {
        matches!(self, Self::Unavailable(reason) if reason == STOPPING)
    }

    /// Whether a command panicked: it will again.
    pub(crate) fn is_fault(&self) -> bool {
        matches!(self, Self::Unavailable(reason) if reason == FAULT)
    }

    /// A wish came upon a fault of ours.
    pub(crate) fn fault() -> Self {
        Self::Unavailable(FAULT.into())
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable(in_words(&error))
    }
}

/// What is said where a command panicked, to whoever wished it and to those who shared its commit.
pub(super) const FAULT: &str = "an internal fault in a command";
const STOPPING: &str = "the hub is stopping";
const NO_DATABASE: &str = "the file is not a database";
const DAMAGED: &str = "the database is damaged";

/// One sentence about a failed database operation, without a value of any row.
pub(crate) fn in_words(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full".into(),
        Some(ErrorCode::ReadOnly) => "the disk is read-only".into(),
        Some(ErrorCode::SystemIoFailure) => "the disk reports an error".into(),
        Some(ErrorCode::CannotOpen) => "the database file cannot be opened".into(),
        Some(ErrorCode::PermissionDenied) => "the database file may not be read".into(),
        Some(ErrorCode::NotADatabase) => NO_DATABASE.into(),
        Some(ErrorCode::DatabaseCorrupt) => DAMAGED.into(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another program holds the database".into(),
        Some(ErrorCode::OutOfMemory) => "memory ran out".into(),
        // The text of SQLite names tables and columns, never values.
        _ => format!("the database said: {error}"),
    }
}

/// What the index of the write-ahead log needs at least, in bytes.
const INDEX: u64 = 32 << 10;

/// Why the database could not be opened, in one sentence that names the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(String);

impl OpenError {
    pub(crate) fn new(path: &Path, what: &str) -> Self {
        Self(format!("Cannot use {}: {what}.", path.display()))
    }

    pub(super) fn sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let hint = match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                "; nothing was changed: bring a backup back with `kairos-hub restore FILE`, or move the file away to start anew"
            }
            _ => "",
        };
        // SQLite says only that something failed where it finds no room for the index of its write-ahead log.
        let full = error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure)
            && crate::files::room(path).is_some_and(|room| room < INDEX);
        let what = if full { "the disk is full; make room and start the hub again".into() } else { in_words(error) };
        Self::new(path, &format!("{what}{hint}"))
    }
}

/// Makes the data directory (mode 0700) and takes the lock that keeps a second hub out.
pub(crate) fn lock_directory(dir: &Path) -> Result<File, OpenError> {
    let cannot = |error: &std::io::Error| {
        OpenError::new(dir, &format!("the data directory is not writable ({})", crate::files::in_words(error)))
    };
    crate::files::create_private_dir(dir).map_err(|error| cannot(&error))?;
    let path = dir.join("hub.lock");
    let file = crate::files::open_private(&path).map_err(|error| cannot(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::new(dir, "another hub is running there")),
        Err(TryLockError::Error(error)) => Err(cannot(&error)),
    }
}
