//! People who leave for good: who they are, and what goes with them that is only this hub's.

use kairos_core::ids::{DeviceId, UserId};
use kairos_core::schema::{DEVICES, HOUSEHOLD_MEMBERS, Table};
use kairos_core::scope::Scope;

use super::error::StoreError;
use super::{Snapshot, Tx, rows};

/// How many notes of a person's go in one wish.
const AT_A_TIME: u16 = 1000;

impl Tx<'_> {
    /// Notes that a person leaves: nothing of theirs is taken in from now on. Their imports end as they are.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn begin_leaving(&mut self, user: &UserId) -> Result<(), StoreError> {
        let sql = "INSERT INTO leaving (user_id, since) VALUES (?1, ?2) ON CONFLICT (user_id) DO NOTHING";
        self.connection.prepare_cached(sql)?.execute((user.as_str(), self.now))?;
        let sql = "UPDATE imports SET state = 'withdrawn' WHERE user_id = ?1 AND state IN ('running', 'undoing')";
        self.connection.prepare_cached(sql)?.execute([user.as_str()])?;
        self.connection.prepare_cached("DELETE FROM api_tokens WHERE user_id = ?1")?.execute([user.as_str()])?;
        Ok(())
    }

    /// Whether a person leaves, or has left.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn has_left(&self, user: &UserId) -> Result<bool, StoreError> {
        Ok(self.connection.prepare_cached("SELECT 1 FROM leaving WHERE user_id = ?1")?.exists([user.as_str()])?)
    }

    /// Forgets that somebody left who is made anew under the same id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub(super) fn came_back(&mut self, user: &UserId) -> Result<(), StoreError> {
        self.connection.prepare_cached("DELETE FROM leaving WHERE user_id = ?1")?.execute([user.as_str()])?;
        Ok(())
    }

    /// Empties what the log says of rows of a scope that were deleted since: some of it, after a place; gives the place to go
    /// on from, `None` at the end.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn empty_log_of_deleted(&mut self, scope: &Scope, after: i64) -> Result<Option<i64>, StoreError> {
        let found: Vec<(i64, String, String, bool)> = {
            let mut statement = self.connection.prepare_cached(
                "SELECT seq, tbl, row_id, op = 'PUT' FROM changes WHERE scope = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
            )?;
            let found = statement.query_map((scope.to_string(), after, AT_A_TIME / 2), |change| {
                Ok((change.get(0)?, change.get(1)?, change.get(2)?, change.get(3)?))
            })?;
            found.collect::<rusqlite::Result<_>>()?
        };
        let last = found.last().map(|(seq, ..)| *seq);
        for (seq, table, id, _) in found.into_iter().filter(|(.., says)| *says) {
            let Some(table) = Table::named(&table) else { continue };
            let lives = format!("SELECT 1 FROM {} WHERE id = ?1 AND deleted_at IS NULL", table.name);
            if self.connection.prepare_cached(&lives)?.exists([id])? {
                continue;
            }
            // The deletion behind it is what there is to be told: of what nobody has read yet nothing is lost.
            self.connection
                .prepare_cached("UPDATE changes SET op = 'MOVE', row_json = NULL, command_id = NULL WHERE seq = ?1")?
                .execute([seq])?;
            self.connection
                .prepare_cached("UPDATE buckets SET moved = moved + 1 WHERE scope = ?1 AND stream = ?2")?
                .execute((scope.to_string(), table.stream.as_str()))?;
        }
        Ok(last)
    }

    /// Forgets some of what this hub alone noted of a person's rows and commands; gives how much, zero when nothing is left.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn forget_notes_of(&mut self, user: &UserId) -> Result<usize, StoreError> {
        let author = format!("u:{user}");
        let mut gone = 0;
        for (sql, of) in [
            ("DELETE FROM commands WHERE (author, id) IN (SELECT author, id FROM commands WHERE author = ?1 LIMIT ?2)", author.as_str()),
            ("DELETE FROM large_operations WHERE n IN (SELECT n FROM large_operations WHERE user_id = ?1 LIMIT ?2)", user.as_str()),
            (
                "DELETE FROM import_rows WHERE (import_id, tbl, row_id) IN (SELECT import_id, tbl, row_id FROM import_rows
                 WHERE import_id IN (SELECT id FROM imports WHERE user_id = ?1) LIMIT ?2)",
                user.as_str(),
            ),
        ] {
            gone += self.connection.prepare_cached(sql)?.execute((of, AT_A_TIME))?;
        }
        Ok(gone)
    }

    /// Takes a person's account away, and everything of theirs that stands beside it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn remove_account(&mut self, user: &UserId) -> Result<(), StoreError> {
        let scope = Scope::Person(user.clone()).to_string();
        for device in rows::select(self.connection, &DEVICES, "WHERE scope = ?1", [&scope])? {
            if let Ok(device) = DeviceId::new(device.id) {
                self.forget_device(&device)?;
                let author = format!("d:{device}");
                self.connection.prepare_cached("DELETE FROM commands WHERE author = ?1")?.execute([author])?;
            }
        }
        for (sql, of) in [
            (
                "DELETE FROM refresh_tokens WHERE session_id IN (SELECT id FROM sessions WHERE user_id = ?1)",
                user.as_str(),
            ),
            ("DELETE FROM sessions WHERE user_id = ?1", user.as_str()),
            ("DELETE FROM api_tokens WHERE user_id = ?1", user.as_str()),
            ("DELETE FROM identities WHERE user_id = ?1", user.as_str()),
            ("DELETE FROM imports WHERE user_id = ?1", user.as_str()),
            ("DELETE FROM write_checkpoints WHERE user_id = ?1", user.as_str()),
            ("DELETE FROM write_checkpoint_floors WHERE user_id = ?1", user.as_str()),
            ("DELETE FROM upstream_scopes WHERE scope = ?1", scope.as_str()),
            // The log waits for them no longer.
            ("DELETE FROM cursors WHERE scope = ?1", scope.as_str()),
            ("DELETE FROM accounts WHERE user_id = ?1", user.as_str()),
        ] {
            self.connection.prepare_cached(sql)?.execute([of])?;
        }
        let sql = "UPDATE leaving SET gone_at = ?2 WHERE user_id = ?1";
        self.connection.prepare_cached(sql)?.execute((user.as_str(), self.now))?;
        Ok(())
    }
}

impl Snapshot<'_> {
    /// Who leaves, and has an account still; who asked first comes first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn leaving(&self) -> Result<Vec<UserId>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT user_id FROM leaving WHERE gone_at IS NULL ORDER BY since, user_id")?;
        let found = statement.query_map([], |row| row.get::<_, String>(0))?;
        let found: Vec<String> = found.collect::<rusqlite::Result<_>>()?;
        Ok(found.into_iter().filter_map(|user| UserId::new(user).ok()).collect())
    }

    /// The households a person belongs to, or did.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn households_ever_of(&self, user: &UserId) -> Result<Vec<Scope>, StoreError> {
        let rows = rows::select(self.connection, &HOUSEHOLD_MEMBERS, "WHERE user_id = ?1", [user.as_str()])?;
        Ok(rows.into_iter().map(|row| row.scope).filter(|scope| matches!(scope, Scope::Household(_))).collect())
    }

    /// The newest change of a scope.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn newest_of(&self, scope: &Scope) -> Result<i64, StoreError> {
        let sql = "SELECT coalesce(max(seq), 0) FROM changes WHERE scope = ?1";
        Ok(self.connection.prepare_cached(sql)?.query_row([scope.to_string()], |row| row.get(0))?)
    }

    /// The topics of a person's devices on which something is retained.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn retained_of(&self, user: &UserId) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT topic FROM retained WHERE EXISTS (SELECT 1 FROM devices WHERE devices.scope = ?1
                   AND substr(topic, 1, length('kairos/device/' || devices.id || '/')) = 'kairos/device/' || devices.id || '/')";
        let mut statement = self.connection.prepare_cached(sql)?;
        let found = statement.query_map([Scope::Person(user.clone()).to_string()], |row| row.get(0))?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }
}
