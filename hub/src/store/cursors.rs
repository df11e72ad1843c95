//! Where each outlet stands in the log.

use kairos_core::change::Cursor;
use kairos_core::ids::UserId;
use rusqlite::OptionalExtension;

use super::error::StoreError;
use super::{Snapshot, Store};

impl Store {
    /// Where an outlet stands, as last saved.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub async fn cursor(&self, outlet: &str) -> Result<Option<Cursor>, StoreError> {
        let outlet = outlet.to_owned();
        self.read(move |snapshot| {
            Ok(snapshot
                .connection
                .prepare_cached("SELECT epoch, seq FROM cursors WHERE outlet = ?1 AND scope = ''")?
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
    /// Whether somebody joined or left a household after a place in the log: what is in the log from there on is then not
    /// all that is new to them, and not all they have is theirs to see.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn moved_house(&self, user: &UserId, after: i64) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM household_members AS m JOIN changes AS c
                   ON c.scope = m.scope AND c.seq > ?2 AND c.tbl = 'household_members' AND c.row_id = m.id
                   WHERE m.user_id = ?1)";
        Ok(self.connection.prepare_cached(sql)?.query_row((user.as_str(), after), |row| row.get(0))?)
    }
}
