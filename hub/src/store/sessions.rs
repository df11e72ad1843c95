//! Sessions with their refresh tokens, and API tokens: hashes only. Local to this hub, never synced.

use kairos_core::Millis;
use kairos_core::ids::UserId;
use rusqlite::OptionalExtension;

use super::error::StoreError;
use super::reader::Snapshot;
use super::tx::Tx;

/// A device somebody signed in on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// Whose.
    pub user: UserId,
    /// By which way its refresh token travels; it is honoured on no other.
    pub channel: String,
    /// What the device called itself.
    pub device_name: String,
    /// When the person signed in.
    pub created_at: Millis,
    /// When it runs out unless it is used.
    pub expires_at: Millis,
    /// When it was ended, if it was.
    pub ended_at: Option<Millis>,
}

/// A refresh token as stored: the session it belongs to, and when it was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// Its session.
    pub session: Session,
    /// When it was exchanged for its successor, if it was.
    pub used_at: Option<Millis>,
}

/// An API token as listed: never the token itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its id.
    pub id: String,
    /// Whose.
    pub user: UserId,
    /// What its owner calls it.
    pub name: String,
    /// When it was made.
    pub created_at: Millis,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Millis>,
}

/// How many used refresh tokens of a session are kept to be recognised: three weeks of constant use.
const USED_KEPT: i64 = 2000;

const SESSION: &str = "s.id, s.user_id, s.channel, s.device_name, s.created_at, s.expires_at, s.ended_at";
const API_TOKEN: &str = "SELECT id, user_id, name, created_at, last_used_at FROM api_tokens";

fn person(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<UserId> {
    UserId::new(row.get::<_, String>(index)?)
        .map_err(|_| rusqlite::Error::InvalidColumnType(index, "user_id".into(), rusqlite::types::Type::Text))
}

fn session(row: &rusqlite::Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: row.get(0)?,
        user: person(row, 1)?,
        channel: row.get(2)?,
        device_name: row.get(3)?,
        created_at: row.get(4)?,
        expires_at: row.get(5)?,
        ended_at: row.get(6)?,
    })
}

fn api_token(row: &rusqlite::Row<'_>) -> rusqlite::Result<ApiToken> {
    Ok(ApiToken {
        id: row.get(0)?,
        user: person(row, 1)?,
        name: row.get(2)?,
        created_at: row.get(3)?,
        last_used_at: row.get(4)?,
    })
}

impl Tx<'_> {
    /// Begins a session with its first refresh token.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn add_session(&mut self, new: &Session, hash: &[u8]) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO sessions (id, user_id, channel, device_name, created_at, last_seen_at, expires_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)",
            )?
            .execute((&new.id, new.user.as_str(), &new.channel, &new.device_name, new.created_at, new.expires_at))?;
        self.add_refresh_token(&new.id, hash)
    }

    fn add_refresh_token(&mut self, session: &str, hash: &[u8]) -> Result<(), StoreError> {
        // A successor is derived from its predecessor: two uses at the same moment make the same one.
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO refresh_tokens (hash, session_id) VALUES (?1, ?2)")?
            .execute((hash, session))?;
        Ok(())
    }

    /// Exchanges a refresh token for its successor, and lets the session live on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn rotate(&mut self, session: &str, hash: &[u8], next: &[u8], expires_at: Millis) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE refresh_tokens SET used_at = ?2 WHERE hash = ?1")?
            .execute((hash, self.now))?;
        self.add_refresh_token(session, next)?;
        self.connection
            .prepare_cached("UPDATE sessions SET last_seen_at = ?2, expires_at = ?3 WHERE id = ?1")?
            .execute((session, self.now, expires_at))?;
        Ok(())
    }

    /// A refresh token by its hash, also one that was used.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn refresh_token(&self, hash: &[u8]) -> Result<Option<RefreshToken>, StoreError> {
        Ok(self
            .connection
            .prepare_cached(&format!(
                "SELECT {SESSION}, r.used_at FROM refresh_tokens r JOIN sessions s ON s.id = r.session_id WHERE r.hash = ?1"
            ))?
            .query_row([hash], |row| Ok(RefreshToken { session: session(row)?, used_at: row.get(7)? }))
            .optional()?)
    }

    /// Ends a session; its refresh tokens go. `false`: it had ended before, or never was.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn end_session(&mut self, id: &str, why: &str) -> Result<bool, StoreError> {
        self.connection.prepare_cached("DELETE FROM refresh_tokens WHERE session_id = ?1")?.execute([id])?;
        Ok(self
            .connection
            .prepare_cached("UPDATE sessions SET ended_at = ?2, ended_why = ?3 WHERE id = ?1 AND ended_at IS NULL")?
            .execute((id, self.now, why))?
            > 0)
    }

    /// The ids of a person's living sessions, the longest unused first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn sessions_of(&self, user: &UserId) -> Result<Vec<String>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id FROM sessions WHERE user_id = ?1 AND ended_at IS NULL ORDER BY last_seen_at, id",
        )?;
        let found = statement.query_map([user.as_str()], |row| row.get(0))?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }

    /// Forgets what no longer opens anything: sessions that ended or ran out before `before`, and the
    /// oldest used tokens of long sessions. A bounded number at a time.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn sweep_sessions(&mut self, before: Millis) -> Result<(), StoreError> {
        let gone = "SELECT id FROM sessions WHERE ended_at < ?1 OR expires_at < ?1 LIMIT 500";
        self.connection
            .prepare_cached(&format!("DELETE FROM refresh_tokens WHERE session_id IN ({gone})"))?
            .execute([before])?;
        self.connection.prepare_cached(&format!("DELETE FROM sessions WHERE id IN ({gone})"))?.execute([before])?;
        self.connection
            .prepare_cached(
                "DELETE FROM refresh_tokens WHERE hash IN (
                   SELECT hash FROM (
                     SELECT hash, row_number() OVER (PARTITION BY session_id ORDER BY used_at DESC) AS n
                     FROM refresh_tokens WHERE used_at IS NOT NULL)
                   WHERE n > ?1 LIMIT 2000)",
            )?
            .execute([USED_KEPT])?;
        Ok(())
    }

    /// Adds an API token.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn add_api_token(&mut self, new: &ApiToken, hash: &[u8]) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("INSERT INTO api_tokens (id, user_id, name, hash, created_at) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute((&new.id, new.user.as_str(), &new.name, hash, new.created_at))?;
        Ok(())
    }

    /// How many API tokens a person has.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn api_token_count(&self, user: &UserId) -> Result<u32, StoreError> {
        Ok(self
            .connection
            .prepare_cached("SELECT count(*) FROM api_tokens WHERE user_id = ?1")?
            .query_row([user.as_str()], |row| row.get(0))?)
    }

    /// Removes a person's API token; `false` when they have none of that id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn remove_api_token(&mut self, user: &UserId, id: &str) -> Result<bool, StoreError> {
        Ok(self
            .connection
            .prepare_cached("DELETE FROM api_tokens WHERE id = ?1 AND user_id = ?2")?
            .execute((id, user.as_str()))?
            > 0)
    }

    /// Notes when an API token was last used.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn api_token_used(&mut self, id: &str, at: Millis) -> Result<(), StoreError> {
        self.connection.prepare_cached("UPDATE api_tokens SET last_used_at = ?2 WHERE id = ?1")?.execute((id, at))?;
        Ok(())
    }
}

impl Snapshot<'_> {
    /// Sessions that ended after a time: access tokens issued to them may not have run out yet.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn sessions_ended_after(&self, time: Millis) -> Result<Vec<(String, Millis)>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT id, ended_at FROM sessions WHERE ended_at >= ?1")?;
        let found = statement.query_map([time], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }

    /// Whether a session is there and has not ended.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn session_lives(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.connection.prepare_cached("SELECT 1 FROM sessions WHERE id = ?1 AND ended_at IS NULL")?.exists([id])?)
    }

    /// The API token with a hash.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn api_token_of_hash(&self, hash: &[u8]) -> Result<Option<ApiToken>, StoreError> {
        Ok(self
            .connection
            .prepare_cached(&format!("{API_TOKEN} WHERE hash = ?1"))?
            .query_row([hash], api_token)
            .optional()?)
    }

    /// Whether an API token is still there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn api_token_lives(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.connection.prepare_cached("SELECT 1 FROM api_tokens WHERE id = ?1")?.exists([id])?)
    }

    /// A person's API tokens, the oldest first. Their number is bounded when they are made.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn api_tokens(&self, user: &UserId) -> Result<Vec<ApiToken>, StoreError> {
        let mut statement =
            self.connection.prepare_cached(&format!("{API_TOKEN} WHERE user_id = ?1 ORDER BY created_at, id"))?;
        let found = statement.query_map([user.as_str()], api_token)?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }
}
