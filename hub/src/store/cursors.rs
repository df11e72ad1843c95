//! Where each outlet stands in the log.

use kairos_core::change::Cursor;
use rusqlite::OptionalExtension;

use super::Store;
use super::error::StoreError;

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
