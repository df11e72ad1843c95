//! Where each outlet stands in the log.

use kairos_core::change::Cursor;
use kairos_core::ids::UserId;
use kairos_core::scope::Scope;
use rusqlite::OptionalExtension;

use super::error::StoreError;
use super::{Snapshot, Store};

/// Buckets a person (`?1` their scope, `?2` their id) sees, or saw.
const THEIRS: &str = "(scope = ?1 OR scope IN (SELECT scope FROM household_members WHERE user_id = ?2))";

impl Store {
    /// Where an outlet stands, as last saved; `None` also for one that was away for so long that deletions it has not seen
    /// have left the log: it starts again from current rows.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub async fn cursor(&self, outlet: &str) -> Result<Option<Cursor>, StoreError> {
        let outlet = outlet.to_owned();
        self.read(move |snapshot| {
            Ok(snapshot
                .connection
                .prepare_cached(
                    "SELECT epoch, seq FROM cursors WHERE outlet = ?1 AND scope = ''
                     AND seq >= (SELECT coalesce(max(swept), 0) FROM buckets)",
                )?
                .query_row([outlet], |row| Ok(Cursor { epoch: row.get(0)?, seq: row.get(1)? }))
                .optional()?)
        })
        .await
    }

    /// Saves where an outlet stands.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub async fn save_cursor(&self, outlet: &str, cursor: &Cursor) -> Result<(), StoreError> {
        let (outlet, cursor) = (outlet.to_owned(), cursor.clone());
        self.write(move |tx| {
            tx.connection
                .prepare_cached(
                    "INSERT INTO cursors (outlet, scope, epoch, seq) VALUES (?1, '', ?2, ?3)
                     ON CONFLICT (outlet, scope) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq",
                )?
                .execute((outlet, cursor.epoch, cursor.seq))?;
            Ok(())
        })
        .await
    }
}

impl Snapshot<'_> {
    /// Up to where deletions are told no longer in what a person sees, or saw in a household they have left.
    fn swept(&self, user: &UserId) -> Result<i64, StoreError> {
        let own = Scope::Person(user.clone()).to_string();
        let sql = format!("SELECT coalesce(max(swept), 0) FROM buckets WHERE {THEIRS}");
        Ok(self.connection.prepare_cached(&sql)?.query_row((own, user.as_str()), |row| row.get(0))?)
    }

    /// Whether the log leads on from a place to all that a person may see: nothing they may have is gone from it untold, and
    /// they joined and left no household since.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn leads_on(&self, user: &UserId, after: i64) -> Result<bool, StoreError> {
        Ok(!self.moved_house(user, after)? && self.swept(user)? <= after)
    }

    /// What is another whenever something may have left the log of what a person sees, or they joined or left a household.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn stamp(&self, user: &UserId) -> Result<String, StoreError> {
        let own = Scope::Person(user.clone()).to_string();
        let sql = format!(
            "SELECT (SELECT coalesce(sum(generation), 0) FROM buckets WHERE {THEIRS}) || '-' ||
               (SELECT coalesce(max(c.seq), 0) FROM household_members AS m JOIN changes AS c
                  ON c.scope = m.scope AND c.tbl = 'household_members' AND c.row_id = m.id WHERE m.user_id = ?2)"
        );
        Ok(self.connection.prepare_cached(&sql)?.query_row((own, user.as_str()), |row| row.get(0))?)
    }

    /// Whether deletions after a place in the log have left it, in the given scopes; `None`: in any.
    pub(super) fn swept_after(&self, scopes: Option<&[Scope]>, seq: i64) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM buckets WHERE swept > ?1 AND (?2 IS NULL OR scope = ?2))";
        let mut statement = self.connection.prepare_cached(sql)?;
        let Some(scopes) = scopes else { return Ok(statement.query_row((seq, None::<String>), |row| row.get(0))?) };
        for scope in scopes {
            if statement.query_row((seq, Some(scope.to_string())), |row| row.get(0))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether somebody joined or left a household after a place in the log: what is in the log from there on is then not
    /// all that is new to them, and not all they have is theirs to see.
    fn moved_house(&self, user: &UserId, after: i64) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM household_members AS m JOIN changes AS c
                   ON c.scope = m.scope AND c.seq > ?2 AND c.tbl = 'household_members' AND c.row_id = m.id
                   WHERE m.user_id = ?1)";
        Ok(self.connection.prepare_cached(sql)?.query_row((user.as_str(), after), |row| row.get(0))?)
    }
}
