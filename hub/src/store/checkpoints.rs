//! How far each client's uploads have come: a number a client is told, and sees again in a later checkpoint of sync.
//!
//! It must never go back: a client that waits for a number and then sees only smaller ones shows nothing new, for ever.

use kairos_core::ids::UserId;
use rusqlite::{Connection, OptionalExtension};

use super::error::StoreError;
use super::{Snapshot, Store, meta};

/// In `meta`: no client's number is below this. Raised to the present time when a backup is restored; what a person's
/// clients were given beyond that stands in the person's own floor, so that nobody moves the numbers of others.
pub(crate) const FLOOR: &str = "write_checkpoint_floor";

/// How many clients of a person are remembered; a phone that is set up anew is a new one.
const MAX_CLIENTS: i64 = 1000;

fn floor(connection: &Connection, user: &UserId) -> rusqlite::Result<i64> {
    let own: Option<i64> = connection
        .prepare_cached("SELECT id FROM write_checkpoint_floors WHERE user_id = ?1")?
        .query_row([user.as_str()], |row| row.get(0))
        .optional()?;
    let all = meta::get(connection, FLOOR)?.and_then(|text| text.parse().ok()).unwrap_or(0);
    Ok(own.unwrap_or(0).max(all))
}

fn effective(connection: &Connection, user: &UserId, client: &str) -> rusqlite::Result<i64> {
    let stored: Option<i64> = connection
        .prepare_cached("SELECT id FROM write_checkpoints WHERE user_id = ?1 AND client_id = ?2")?
        .query_row((user.as_str(), client), |row| row.get(0))
        .optional()?;
    Ok(stored.unwrap_or(0).max(floor(connection, user)?))
}

impl Snapshot<'_> {
    /// A client's number; zero when it never asked for one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn write_checkpoint(&self, user: &UserId, client: &str) -> Result<i64, StoreError> {
        Ok(effective(self.connection, user, client)?)
    }
}

impl Store {
    /// Gives a client a new number, above all it had: `asked` when that is higher (or the present one, when it is not),
    /// else the next.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it could not be saved.
    pub async fn raise_write_checkpoint(
        &self,
        user: UserId,
        client: String,
        asked: Option<i64>,
    ) -> Result<i64, StoreError> {
        self.write(move |tx| {
            let (connection, now) = (tx.connection, tx.now);
            let present = effective(connection, &user, &client)?;
            let id = asked.map_or(present.saturating_add(1), |asked| asked.max(present));
            connection
                .prepare_cached(
                    "INSERT INTO write_checkpoints (user_id, client_id, id, at) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (user_id, client_id) DO UPDATE SET id = excluded.id, at = excluded.at",
                )?
                .execute((user.as_str(), &client, id, now))?;
            forget_oldest(connection, &user)?;
            Ok(id)
        })
        .await
    }
}

/// Keeps the number of a person's clients bounded. The one that is forgotten finds itself at the person's floor, so that rises.
fn forget_oldest(connection: &Connection, user: &UserId) -> rusqlite::Result<()> {
    let count: i64 = connection
        .prepare_cached("SELECT count(*) FROM write_checkpoints WHERE user_id = ?1")?
        .query_row([user.as_str()], |row| row.get(0))?;
    if count <= MAX_CLIENTS {
        return Ok(());
    }
    let (client, id): (String, i64) = connection
        .prepare_cached(
            "SELECT client_id, id FROM write_checkpoints WHERE user_id = ?1 ORDER BY at, client_id LIMIT 1",
        )?
        .query_row([user.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    connection
        .prepare_cached("DELETE FROM write_checkpoints WHERE user_id = ?1 AND client_id = ?2")?
        .execute((user.as_str(), client))?;
    connection
        .prepare_cached(
            "INSERT INTO write_checkpoint_floors (user_id, id) VALUES (?1, ?2)
             ON CONFLICT (user_id) DO UPDATE SET id = max(id, excluded.id)",
        )?
        .execute((user.as_str(), id))
        .map(drop)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::clock::Clock;
    use crate::health::Board;

    const T: kairos_core::Millis = 1_795_514_400_000;

    #[tokio::test]
    async fn numbers_rise_and_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let open = async || Store::open(dir.path(), Clock::manual(T), &Board::default()).await;
        let store = open().await.unwrap();
        let (ada, bo) = (UserId::new("ada").unwrap(), UserId::new("bo").unwrap());
        for (user, client, asked, expected) in [
            (&ada, "phone", None, 1),
            (&ada, "phone", None, 2),
            (&ada, "watch", None, 1),
            (&bo, "phone", None, 1),
            (&ada, "phone", Some(9), 9),
            (&ada, "phone", Some(3), 9),
            (&ada, "phone", None, 10),
        ] {
            let given = store.raise_write_checkpoint(user.clone(), client.into(), asked).await.unwrap();
            assert_eq!(given, expected, "{user} {client}");
        }
        store.close().await;
        let store = open().await.unwrap();
        let person = ada.clone();
        let kept = store.read(move |snapshot| snapshot.write_checkpoint(&person, "phone")).await.unwrap();
        assert_eq!(kept, 10);
        store.write(|tx| Ok(meta::set(tx.connection, FLOOR, "5000")?)).await.unwrap();
        assert_eq!(store.raise_write_checkpoint(ada.clone(), "phone".into(), None).await.unwrap(), 5001);
        assert_eq!(store.raise_write_checkpoint(ada, "new".into(), Some(5)).await.unwrap(), 5000);
    }

    #[tokio::test]
    async fn a_person_has_a_bounded_number_of_clients_and_none_goes_back() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Clock::manual(T), &Board::default()).await.unwrap();
        let ada = UserId::new("ada").unwrap();
        store.raise_write_checkpoint(ada.clone(), "old".into(), Some(77)).await.unwrap();
        store.clock().set(T + 1);
        let user = ada.clone();
        store
            .write(move |tx| {
                for n in 0..MAX_CLIENTS {
                    tx.connection.execute(
                        "INSERT INTO write_checkpoints (user_id, client_id, id, at) VALUES (?1, ?2, 1, ?3)",
                        (user.as_str(), n.to_string(), T + 1),
                    )?;
                }
                Ok(())
            })
            .await
            .unwrap();
        store.raise_write_checkpoint(ada.clone(), "5".into(), None).await.unwrap();
        let bo = UserId::new("bo").unwrap();
        let others = store.read(move |snapshot| snapshot.write_checkpoint(&bo, "old")).await.unwrap();
        assert_eq!(others, 0, "what one person's clients ask moves nobody else's numbers");
        let (kept, count) = store
            .read(move |snapshot| {
                let sql = "SELECT count(*) FROM write_checkpoints";
                let count: i64 = snapshot.connection.query_row(sql, [], |row| row.get(0))?;
                Ok((snapshot.write_checkpoint(&ada, "old")?, count))
            })
            .await
            .unwrap();
        assert_eq!((kept, count), (77, MAX_CLIENTS));
    }
}
