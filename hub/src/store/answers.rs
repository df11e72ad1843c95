//! First answers: a repeated command gets the same one.

use kairos_core::command::Receipt;
use rusqlite::OptionalExtension;

use super::Store;
use super::error::StoreError;
use super::tx::Tx;

impl Store {
    /// Forgets first answers older than `before`, a bounded number; gives how many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub async fn forget_answers(&self, before: kairos_core::Millis) -> Result<usize, StoreError> {
        self.write(move |tx| tx.forget_answers(before)).await
    }
}

impl Tx<'_> {
    /// The first answer to a command, and the fingerprint of what was asked then.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn answer(&self, author: &str, id: &str) -> Result<Option<(Vec<u8>, Receipt)>, StoreError> {
        let found: Option<(Vec<u8>, String)> = self
            .connection
            .prepare_cached("SELECT fingerprint, receipt FROM commands WHERE author = ?1 AND id = ?2")?
            .query_row((author, id), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((fingerprint, receipt)) = found else { return Ok(None) };
        let receipt = serde_json::from_str(&receipt)
            .map_err(|_| StoreError::Unavailable("a stored answer cannot be read".into()))?;
        Ok(Some((fingerprint, receipt)))
    }

    /// Remembers the first answer to a command.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn remember(
        &mut self,
        author: &str,
        id: &str,
        fingerprint: &[u8],
        receipt: &Receipt,
    ) -> Result<(), StoreError> {
        let receipt =
            serde_json::to_string(receipt).map_err(|_| StoreError::Unavailable("an answer cannot be stored".into()))?;
        self.connection
            .prepare_cached("INSERT INTO commands (author, id, fingerprint, receipt, at) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute((author, id, fingerprint, receipt, self.now))?;
        Ok(())
    }

    /// Forgets answers older than `before`, a bounded number at a time; gives how many.
    ///
    /// A deed repeated even later is still recognised: the id of its event is derived from the command's.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn forget_answers(&mut self, before: kairos_core::Millis) -> Result<usize, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "DELETE FROM commands WHERE (author, id) IN (SELECT author, id FROM commands WHERE at < ?1 LIMIT 1000)",
            )?
            .execute([before])?)
    }
}
