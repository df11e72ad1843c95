//! Who people are at the server that keeps the accounts. Local to this hub, never synced.

use kairos_core::Millis;
use kairos_core::ids::UserId;
use rusqlite::{Connection, OptionalExtension};

use super::error::StoreError;
use super::reader::Snapshot;
use super::tx::Tx;

/// A person here and there. No `Debug`: it holds a token, though a sealed one.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// Which server: `pocketbase`.
    pub provider: String,
    /// Who they are there.
    pub subject: String,
    /// Who they are here.
    pub user: UserId,
    /// The server's token, sealed; `None` while nothing vouches for them.
    pub token: Option<Vec<u8>>,
    /// When it was last found good.
    pub checked_at: Millis,
}

const IDENTITY: &str = "SELECT provider, subject, user_id, token, checked_at FROM identities";

fn identity(row: &rusqlite::Row<'_>) -> rusqlite::Result<Identity> {
    let broken = |_| rusqlite::Error::InvalidColumnType(2, "user_id".into(), rusqlite::types::Type::Text);
    Ok(Identity {
        provider: row.get(0)?,
        subject: row.get(1)?,
        user: UserId::new(row.get::<_, String>(2)?).map_err(broken)?,
        token: row.get(3)?,
        checked_at: row.get(4)?,
    })
}

fn of_subject(connection: &Connection, provider: &str, subject: &str) -> Result<Option<Identity>, StoreError> {
    let sql = format!("{IDENTITY} WHERE provider = ?1 AND subject = ?2");
    Ok(connection.prepare_cached(&sql)?.query_row([provider, subject], identity).optional()?)
}

fn of_user(connection: &Connection, provider: &str, user: &UserId) -> Result<Option<Identity>, StoreError> {
    let sql = format!("{IDENTITY} WHERE provider = ?1 AND user_id = ?2");
    Ok(connection.prepare_cached(&sql)?.query_row([provider, user.as_str()], identity).optional()?)
}

impl Tx<'_> {
    /// The person here of somebody there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn identity(&self, provider: &str, subject: &str) -> Result<Option<Identity>, StoreError> {
        of_subject(self.connection, provider, subject)
    }

    /// Who a person is there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn identity_of(&self, provider: &str, user: &UserId) -> Result<Option<Identity>, StoreError> {
        of_user(self.connection, provider, user)
    }

    /// Notes who a person is there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written, or when either of the two is somebody already.
    pub fn add_identity(&mut self, new: &Identity) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO identities (provider, subject, user_id, linked_at, token, checked_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((&new.provider, &new.subject, new.user.as_str(), self.now, &new.token, new.checked_at))?;
        Ok(())
    }

    /// Keeps a token in place of the one before, found good at `checked_at`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn keep_token(&mut self, known: &Identity, token: Option<&[u8]>, checked_at: Millis) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE identities SET token = ?3, checked_at = ?4 WHERE provider = ?1 AND subject = ?2")?
            .execute((&known.provider, &known.subject, token, checked_at))?;
        Ok(())
    }

    /// Forgets who a person is there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn remove_identity(&mut self, known: &Identity) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("DELETE FROM identities WHERE provider = ?1 AND subject = ?2")?
            .execute((&known.provider, &known.subject))?;
        Ok(())
    }

    /// Follows a mail address that was changed there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn set_email(&mut self, user: &UserId, email: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE accounts SET email = ?2 WHERE user_id = ?1")?
            .execute((user.as_str(), email))?;
        Ok(())
    }
}

impl Snapshot<'_> {
    /// Who a person is there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn identity_of(&self, provider: &str, user: &UserId) -> Result<Option<Identity>, StoreError> {
        of_user(self.connection, provider, user)
    }

    /// Who somebody is here who is a subject there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn identity(&self, provider: &str, subject: &str) -> Result<Option<Identity>, StoreError> {
        of_subject(self.connection, provider, subject)
    }

    /// Who a person is at every provider: which, and who there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn identities_of(&self, user: &UserId) -> Result<Vec<(String, String)>, StoreError> {
        let sql = "SELECT provider, subject FROM identities WHERE user_id = ?1 ORDER BY 1, 2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let found = statement.query_map([user.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The same, with when each was linked.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn links_of(&self, user: &UserId) -> Result<Vec<(String, String, Millis)>, StoreError> {
        let sql = "SELECT provider, subject, linked_at FROM identities WHERE user_id = ?1 ORDER BY 1, 2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let found = statement.query_map([user.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The person whose session a refresh token belongs to, as they are there, while the session lives.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn identity_of_refresh(&self, provider: &str, hash: &[u8]) -> Result<Option<Identity>, StoreError> {
        let sql = format!(
            "{IDENTITY} WHERE provider = ?1 AND user_id = (
               SELECT s.user_id FROM refresh_tokens r JOIN sessions s ON s.id = r.session_id
               WHERE r.hash = ?2 AND s.ended_at IS NULL)"
        );
        Ok(self.connection.prepare_cached(&sql)?.query_row((provider, hash), identity).optional()?)
    }

    /// People with a living session who were last found good before a time, the longest ago first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn identities_unchecked_since(&self, provider: &str, time: Millis) -> Result<Vec<Identity>, StoreError> {
        let sql = format!(
            "{IDENTITY} WHERE provider = ?1 AND checked_at <= ?2
             AND EXISTS (SELECT 1 FROM sessions s WHERE s.user_id = identities.user_id AND s.ended_at IS NULL)
             ORDER BY checked_at LIMIT 500"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let found = statement.query_map((provider, time), identity)?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }
}
