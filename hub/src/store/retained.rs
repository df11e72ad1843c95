//! What stands on the broker's topics: kept here, because the broker keeps it in memory only.

use super::Store;
use super::error::StoreError;

/// One retained message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetainedMessage {
    /// Its topic.
    pub topic: String,
    /// Its bytes.
    pub payload: Vec<u8>,
    /// Its quality of service, 0 to 2.
    pub qos: u8,
}

impl Store {
    /// Every retained message.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub async fn retained(&self) -> Result<Vec<RetainedMessage>, StoreError> {
        self.read(|snapshot| {
            let mut statement = snapshot.connection.prepare_cached("SELECT topic, payload, qos FROM retained")?;
            let rows = statement.query_map([], |row| {
                Ok(RetainedMessage { topic: row.get(0)?, payload: row.get(1)?, qos: row.get(2)? })
            })?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
        })
        .await
    }

    /// Keeps a retained message, or clears its topic when the payload is `None`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub async fn retain(&self, topic: &str, payload: Option<&[u8]>, qos: u8) -> Result<(), StoreError> {
        let (topic, payload) = (topic.to_owned(), payload.map(<[u8]>::to_vec));
        self.write(move |tx| {
            match payload {
                Some(payload) => tx
                    .connection
                    .prepare_cached(
                        "INSERT INTO retained (topic, payload, qos) VALUES (?1, ?2, ?3)
                         ON CONFLICT (topic) DO UPDATE SET payload = excluded.payload, qos = excluded.qos",
                    )?
                    .execute((topic, payload, qos))?,
                None => tx.connection.prepare_cached("DELETE FROM retained WHERE topic = ?1")?.execute([topic])?,
            };
            Ok(())
        })
        .await
    }
}
