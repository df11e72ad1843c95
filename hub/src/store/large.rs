//! Operations that were set aside and are large: kept here and not in `conflicts`, which comes to every phone of a person.

use kairos_core::ids::UserId;
use rusqlite::{Connection, OptionalExtension};

use super::error::StoreError;
use super::{Snapshot, Tx};

fn read(connection: &Connection, entry: &str, n: i64) -> Result<Option<String>, StoreError> {
    let sql = "SELECT operation FROM large_operations WHERE n = ?1 AND entry = ?2";
    Ok(connection.prepare_cached(sql)?.query_row((n, entry), |row| row.get(0)).optional()?)
}

impl Tx<'_> {
    /// Keeps the JSON of an operation for an entry; gives its number.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it could not be saved.
    pub fn keep_large(&mut self, user: &UserId, entry: &str, operation: &str) -> Result<i64, StoreError> {
        let bytes = i64::try_from(operation.len()).unwrap_or(i64::MAX);
        self.connection
            .prepare_cached("INSERT INTO large_operations (user_id, entry, bytes, operation) VALUES (?1, ?2, ?3, ?4)")?
            .execute((user.as_str(), entry, bytes, operation))?;
        Ok(self.connection.last_insert_rowid())
    }

    /// The JSON of an operation of an entry; `None` when it is kept no longer.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn large(&self, entry: &str, n: i64) -> Result<Option<String>, StoreError> {
        read(self.connection, entry, n)
    }

    /// How many bytes of a person's are kept.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn large_bytes(&self, user: &UserId) -> Result<i64, StoreError> {
        let sql = "SELECT coalesce(sum(bytes), 0) FROM large_operations WHERE user_id = ?1";
        Ok(self.connection.prepare_cached(sql)?.query_row([user.as_str()], |row| row.get(0))?)
    }

    /// The entry of a person's whose operations were kept first, of all or of those that are settled.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn first_large(&self, user: &UserId, settled: bool) -> Result<Option<String>, StoreError> {
        let sql = if settled {
            "SELECT entry FROM large_operations WHERE user_id = ?1
             AND coalesce((SELECT status FROM conflicts WHERE id = entry), '') <> 'OPEN' ORDER BY n LIMIT 1"
        } else {
            "SELECT entry FROM large_operations WHERE user_id = ?1 ORDER BY n LIMIT 1"
        };
        Ok(self.connection.prepare_cached(sql)?.query_row([user.as_str()], |row| row.get(0)).optional()?)
    }

    /// Forgets what is kept for an entry, or one operation of it; gives how many bytes that were.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it could not be saved.
    pub fn forget_large(&mut self, entry: &str, n: Option<i64>) -> Result<i64, StoreError> {
        let sql = "DELETE FROM large_operations WHERE entry = ?1 AND (?2 IS NULL OR n = ?2) RETURNING bytes";
        let mut statement = self.connection.prepare_cached(sql)?;
        let forgotten = statement.query_map((entry, n), |row| row.get::<_, i64>(0))?;
        Ok(forgotten.sum::<rusqlite::Result<i64>>()?)
    }
}

impl Snapshot<'_> {
    /// As [`Tx::large`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn large(&self, entry: &str, n: i64) -> Result<Option<String>, StoreError> {
        read(self.connection, entry, n)
    }
}
