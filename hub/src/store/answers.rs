//! First answers: a repeated command gets the same one.

use std::time::Duration;

use rusqlite::OptionalExtension;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Store;
use super::error::StoreError;
use super::tx::Tx;

/// How many answers are forgotten in one go: a few milliseconds of the writer's time.
const AT_A_TIME: u16 = 1000;
/// How long the writer is left to others in between.
const PAUSE: Duration = Duration::from_millis(20);

impl Store {
    /// Forgets first answers older than `before`, all of them, with a pause after each thousand so that presses get
    /// through; gives how many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written; what was forgotten before stays so.
    pub async fn forget_answers(&self, before: kairos_core::Millis) -> Result<usize, StoreError> {
        let mut forgotten = 0;
        loop {
            let some = self.write(move |tx| tx.forget_answers(before)).await?;
            forgotten += some;
            if some < usize::from(AT_A_TIME) {
                return Ok(forgotten);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Tx<'_> {
    /// The first answer to a command or an uploaded operation, and the fingerprint of what was asked then.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn answer<T: DeserializeOwned>(&self, author: &str, id: &str) -> Result<Option<(Vec<u8>, T)>, StoreError> {
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

    /// Remembers the first answer to a command, in place of what was answered under that id before.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn remember(
        &mut self,
        author: &str,
        id: &str,
        fingerprint: &[u8],
        receipt: &impl Serialize,
    ) -> Result<(), StoreError> {
        let receipt =
            serde_json::to_string(receipt).map_err(|_| StoreError::Unavailable("an answer cannot be stored".into()))?;
        self.connection
            .prepare_cached(
                "INSERT INTO commands (author, id, fingerprint, receipt, at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (author, id) DO UPDATE SET
                   fingerprint = excluded.fingerprint, receipt = excluded.receipt, at = excluded.at",
            )?
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
                "DELETE FROM commands WHERE (author, id) IN (SELECT author, id FROM commands WHERE at < ?1 LIMIT ?2)",
            )?
            .execute((before, AT_A_TIME))?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use kairos_core::command::{Outcome, Receipt};

    use super::*;
    use crate::clock::Clock;
    use crate::health::Board;

    const MANY: usize = 2_500;

    #[tokio::test]
    async fn all_that_is_old_is_forgotten_however_much_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(1_000);
        let store = Store::open(dir.path(), clock.clone(), &Board::default()).await.unwrap();
        let remember = |from: usize, count: usize| {
            let receipt = Receipt { seq: 1, outcome: Outcome::Applied, event_id: None, repeated: false };
            store.write(move |tx| {
                (from..from + count).try_for_each(|n| tx.remember("device", &n.to_string(), &[], &receipt))
            })
        };
        remember(0, MANY).await.unwrap();
        clock.set(2_000);
        remember(10_000, 7).await.unwrap();
        assert_eq!(store.forget_answers(2_000).await.unwrap(), MANY);
        assert_eq!(store.forget_answers(2_000).await.unwrap(), 0);
        assert!(store.write(|tx| tx.answer::<Receipt>("device", "10006")).await.unwrap().is_some());
    }
}
