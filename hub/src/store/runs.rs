//! Runs of routines: a person's that go on, and a routine's over time.

use kairos_core::row::Row;
use kairos_core::schema::ROUTINE_EXECUTIONS;
use kairos_core::scope::Scope;
use rusqlite::Connection;

use super::error::StoreError;
use super::reader::Snapshot;
use super::rows;
use super::tx::Tx;

impl Tx<'_> {
    /// The runs of a scope that go on: one, or more where screens did not know of each other.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn runs_in_progress(&self, scope: &Scope) -> Result<Vec<Row>, StoreError> {
        in_progress(self.connection, scope)
    }

    /// The run of a routine that began last.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn last_run(&self, routine: &str) -> Result<Option<Row>, StoreError> {
        last(self.connection, routine)
    }
}

impl Snapshot<'_> {
    /// As [`Tx::runs_in_progress`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn runs_in_progress(&self, scope: &Scope) -> Result<Vec<Row>, StoreError> {
        in_progress(self.connection, scope)
    }

    /// As [`Tx::last_run`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn last_run(&self, routine: &str) -> Result<Option<Row>, StoreError> {
        last(self.connection, routine)
    }

    /// The paused run of a scope that began last.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn last_paused_run(&self, scope: &Scope) -> Result<Option<Row>, StoreError> {
        let condition =
            "WHERE scope = ?1 AND status = 'PAUSED' AND deleted_at IS NULL ORDER BY started_at DESC, id DESC LIMIT 1";
        Ok(rows::select(self.connection, &ROUTINE_EXECUTIONS, condition, [scope.to_string()])?.pop())
    }

    /// The runs of a routine before one of them (when it began, and its id), the latest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn runs_before(&self, routine: &str, before: (i64, &str), limit: usize) -> Result<Vec<Row>, StoreError> {
        let condition = "WHERE routine_id = ?1 AND deleted_at IS NULL AND (started_at, id) < (?2, ?3)
                         ORDER BY started_at DESC, id DESC LIMIT ?4";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Ok(rows::select(self.connection, &ROUTINE_EXECUTIONS, condition, (routine, before.0, before.1, limit))?)
    }
}

fn in_progress(connection: &Connection, scope: &Scope) -> Result<Vec<Row>, StoreError> {
    let condition = "WHERE scope = ?1 AND status = 'IN_PROGRESS' AND deleted_at IS NULL";
    Ok(rows::select(connection, &ROUTINE_EXECUTIONS, condition, [scope.to_string()])?)
}

fn last(connection: &Connection, routine: &str) -> Result<Option<Row>, StoreError> {
    let condition = "WHERE routine_id = ?1 AND deleted_at IS NULL ORDER BY started_at DESC, id DESC LIMIT 1";
    Ok(rows::select(connection, &ROUTINE_EXECUTIONS, condition, [routine])?.pop())
}
