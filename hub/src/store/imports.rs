//! What came in with each import, so that it can be taken back as a whole. Only this hub knows.

use kairos_core::Millis;
use kairos_core::ids::UserId;
use rusqlite::OptionalExtension;

use super::error::StoreError;
use super::{Snapshot, Tx};

/// An import that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportNote {
    /// Its id.
    pub id: String,
    /// Whose.
    pub user: String,
    /// The app it came from.
    pub source: String,
    /// When.
    pub at: Millis,
    /// How many habits were new.
    pub habits: i64,
    /// How many days were new.
    pub entries: i64,
    /// When it was taken back.
    pub undone_at: Option<Millis>,
}

const COLUMNS: &str = "SELECT id, user_id, source, at, habits, entries, undone_at FROM imports";

fn note(row: &rusqlite::Row<'_>) -> rusqlite::Result<ImportNote> {
    Ok(ImportNote {
        id: row.get(0)?,
        user: row.get(1)?,
        source: row.get(2)?,
        at: row.get(3)?,
        habits: row.get(4)?,
        entries: row.get(5)?,
        undone_at: row.get(6)?,
    })
}

impl Tx<'_> {
    /// Notes an import.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn note_import(&self, import: &ImportNote) -> Result<(), StoreError> {
        let sql = "INSERT INTO imports (id, user_id, source, at, habits, entries) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        self.connection.prepare_cached(sql)?.execute((
            &import.id,
            &import.user,
            &import.source,
            import.at,
            import.habits,
            import.entries,
        ))?;
        Ok(())
    }

    /// Notes a row that came with an import.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn note_import_row(&self, import: &str, table: &str, row: &str) -> Result<(), StoreError> {
        let sql = "INSERT OR IGNORE INTO import_rows (import_id, tbl, row_id) VALUES (?1, ?2, ?3)";
        self.connection.prepare_cached(sql)?.execute((import, table, row))?;
        Ok(())
    }

    /// An import by its id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn import(&self, id: &str) -> Result<Option<ImportNote>, StoreError> {
        Ok(self.connection.prepare_cached(&format!("{COLUMNS} WHERE id = ?1"))?.query_row([id], note).optional()?)
    }

    /// The rows that came with an import: table and id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn import_rows(&self, id: &str) -> Result<Vec<(String, String)>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT tbl, row_id FROM import_rows WHERE import_id = ?1")?;
        let found = statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }

    /// Whether something was done in a habit, the engine's notes left out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn habit_is_used(&self, habit: &str) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM completion_events
                   WHERE habit_id = ?1 AND deleted_at IS NULL AND source <> 'engine' LIMIT 1";
        Ok(self.connection.prepare_cached(sql)?.exists([habit])?)
    }

    /// Notes that an import was taken back; what came with it need not be known any more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn import_undone(&self, id: &str) -> Result<(), StoreError> {
        self.connection.prepare_cached("UPDATE imports SET undone_at = ?2 WHERE id = ?1")?.execute((id, self.now))?;
        self.connection.prepare_cached("DELETE FROM import_rows WHERE import_id = ?1")?.execute([id])?;
        Ok(())
    }
}

impl Snapshot<'_> {
    /// A person's imports, newest first, at most two hundred.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn imports(&self, user: &UserId) -> Result<Vec<ImportNote>, StoreError> {
        let sql = format!("{COLUMNS} WHERE user_id = ?1 ORDER BY at DESC, id LIMIT 200");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let found = statement.query_map([user.as_str()], note)?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }
}
