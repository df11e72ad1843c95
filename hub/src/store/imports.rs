//! What came in with each import, so that it can be taken back as a whole. Only this hub knows.

use std::fmt;

use kairos_core::Millis;
use kairos_core::ids::UserId;
use rusqlite::OptionalExtension;

use super::error::StoreError;
use super::{Snapshot, Tx};

/// How many imports of a person that came to nothing are remembered.
const WITHDRAWN: i64 = 50;

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportState {
    /// Its slices are taken in, or, after it ended half-way, taken back.
    Running,
    /// All of it is there.
    Done,
    /// It is being taken back, as somebody wished.
    Undoing,
    /// It was taken back, as somebody wished.
    Undone,
    /// It ended half-way, and what had come was taken back.
    Withdrawn,
}

impl ImportState {
    const ALL: [Self; 5] = [Self::Running, Self::Done, Self::Undoing, Self::Undone, Self::Withdrawn];

    fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl fmt::Display for ImportState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportNote {
    /// Its id.
    pub id: String,
    /// Whose.
    pub user: String,
    /// The app it came from.
    pub source: String,
    /// When it began.
    pub at: Millis,
    /// How many habits were new.
    pub habits: i64,
    /// How many days were new.
    pub entries: i64,
    /// When it was taken back.
    pub undone_at: Option<Millis>,
    /// How far it is.
    pub state: ImportState,
    /// Why it was withdrawn.
    pub message: Option<String>,
}

/// A row that an import brought or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// Its table.
    pub table: String,
    /// Its id.
    pub id: String,
    /// Where it was there before: each column that was changed, with its earlier value and the clock of the new one, as
    /// JSON.
    pub changed: Option<String>,
    /// Where it came with the import: a hash of its clocks as they were then.
    pub print: Option<String>,
    /// Whether it was there, deleted, and was brought back.
    pub revived: bool,
}

const COLUMNS: &str = "SELECT id, user_id, source, at, habits, entries, undone_at, state, message FROM imports";

fn note(row: &rusqlite::Row<'_>) -> rusqlite::Result<ImportNote> {
    let state: String = row.get(7)?;
    Ok(ImportNote {
        id: row.get(0)?,
        user: row.get(1)?,
        source: row.get(2)?,
        at: row.get(3)?,
        habits: row.get(4)?,
        entries: row.get(5)?,
        undone_at: row.get(6)?,
        state: ImportState::ALL.into_iter().find(|known| known.as_str() == state).unwrap_or(ImportState::Done),
        message: row.get(8)?,
    })
}

const BUSY: &str = "SELECT 1 FROM imports WHERE user_id = ?1 AND state IN ('running', 'undoing')";

impl Tx<'_> {
    /// Notes that an import begins. Those that came to nothing long ago are forgotten.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn open_import(&self, id: &str, user: &UserId, source: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO imports (id, user_id, source, at, habits, entries, state) VALUES (?1, ?2, ?3, ?4, 0, 0, 'running')";
        self.connection.prepare_cached(sql)?.execute((id, user.as_str(), source, self.now))?;
        let sql = "DELETE FROM imports WHERE user_id = ?1 AND state = 'withdrawn' AND id NOT IN
                   (SELECT id FROM imports WHERE user_id = ?1 AND state = 'withdrawn' ORDER BY at DESC LIMIT ?2)";
        self.connection.prepare_cached(sql)?.execute((user.as_str(), WITHDRAWN))?;
        Ok(())
    }

    /// Counts what a slice brought.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn count_import(&self, id: &str, habits: i64, entries: i64) -> Result<(), StoreError> {
        let sql = "UPDATE imports SET habits = habits + ?2, entries = entries + ?3 WHERE id = ?1";
        self.connection.prepare_cached(sql)?.execute((id, habits, entries))?;
        Ok(())
    }

    /// Notes how far an import is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn set_import(&self, id: &str, state: ImportState, message: Option<&str>) -> Result<(), StoreError> {
        let undone = matches!(state, ImportState::Undone | ImportState::Withdrawn).then_some(self.now);
        let sql = "UPDATE imports SET state = ?2, message = ?3, undone_at = ?4 WHERE id = ?1";
        self.connection.prepare_cached(sql)?.execute((id, state.as_str(), message, undone))?;
        Ok(())
    }

    /// Forgets an import that brought nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn forget_import(&self, id: &str) -> Result<(), StoreError> {
        self.connection.prepare_cached("DELETE FROM imports WHERE id = ?1")?.execute([id])?;
        Ok(())
    }

    /// Notes a row that an import brought, or changed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn note_import_row(&self, import: &str, row: &ImportRow) -> Result<(), StoreError> {
        let sql = "INSERT OR IGNORE INTO import_rows (import_id, tbl, row_id, changed, print, revived)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        self.connection.prepare_cached(sql)?.execute((
            import,
            &row.table,
            &row.id,
            row.changed.as_deref(),
            row.print.as_deref(),
            row.revived,
        ))?;
        Ok(())
    }

    /// An import by its id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn import(&self, id: &str) -> Result<Option<ImportNote>, StoreError> {
        Ok(self.connection.prepare_cached(&format!("{COLUMNS} WHERE id = ?1"))?.query_row([id], note).optional()?)
    }

    /// Whether an import of a person is taken in or back just now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn is_importing(&self, user: &str) -> Result<bool, StoreError> {
        Ok(self.connection.prepare_cached(BUSY)?.exists([user])?)
    }

    /// Some rows of an import that are not yet taken back; habits last.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn import_rows(&self, id: &str, limit: usize) -> Result<Vec<ImportRow>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        for habits in ["<>", "="] {
            let mut statement = self.connection.prepare_cached(&format!(
                "SELECT tbl, row_id, changed, print, revived FROM import_rows WHERE import_id = ?1 AND tbl {habits} 'habits' LIMIT ?2"
            ))?;
            let found = statement.query_map((id, limit), |row| {
                let (table, id, changed) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(ImportRow { table, id, changed, print: row.get(3)?, revived: row.get(4)? })
            })?;
            let found: Vec<ImportRow> = found.collect::<rusqlite::Result<_>>()?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    /// Forgets a row of an import: it was taken back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn forget_import_row(&self, id: &str, row: &ImportRow) -> Result<(), StoreError> {
        let sql = "DELETE FROM import_rows WHERE import_id = ?1 AND tbl = ?2 AND row_id = ?3";
        self.connection.prepare_cached(sql)?.execute((id, &row.table, &row.id))?;
        Ok(())
    }

    /// Whether something was done in a habit since a moment, the engine's notes left out, or a button or a routine leads
    /// to it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn habit_is_used(&self, habit: &str, since: Millis) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM completion_events
                   WHERE habit_id = ?1 AND deleted_at IS NULL AND source <> 'engine' AND created_at >= ?2
                   UNION ALL SELECT 1 FROM device_bindings WHERE habit_id = ?1 AND deleted_at IS NULL
                   UNION ALL SELECT 1 FROM routine_habits WHERE habit_id = ?1 AND deleted_at IS NULL LIMIT 1";
        Ok(self.connection.prepare_cached(sql)?.exists((habit, since))?)
    }

    /// Whether a button leads to a routine.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn routine_is_bound(&self, routine: &str) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM device_bindings WHERE routine_id = ?1 AND deleted_at IS NULL LIMIT 1";
        Ok(self.connection.prepare_cached(sql)?.exists([routine])?)
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

    /// A person's import by its id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn import(&self, user: &UserId, id: &str) -> Result<Option<ImportNote>, StoreError> {
        let sql = format!("{COLUMNS} WHERE id = ?1 AND user_id = ?2");
        Ok(self.connection.prepare_cached(&sql)?.query_row([id, user.as_str()], note).optional()?)
    }

    /// Imports that are half there: when a hub starts, those that it left so.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn half_imports(&self) -> Result<Vec<ImportNote>, StoreError> {
        let sql = format!("{COLUMNS} WHERE state IN ('running', 'undoing') ORDER BY at");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let found = statement.query_map([], note)?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }

    /// Whether an import of a person is taken in or back just now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn is_importing(&self, user: &str) -> Result<bool, StoreError> {
        Ok(self.connection.prepare_cached(BUSY)?.exists([user])?)
    }
}
