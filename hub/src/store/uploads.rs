//! What clients uploaded, so that a repetition is recognised; and what is set aside for them.

use kairos_core::Millis;
use kairos_core::row::Row;
use kairos_core::schema::CONFLICTS;
use kairos_core::scope::Scope;
use rusqlite::OptionalExtension;

use super::Store;
use super::error::StoreError;
use super::reader::Snapshot;
use super::rows;
use super::tx::Tx;

/// How many are forgotten in one go.
const AT_A_TIME: u16 = 1000;

/// The name of one uploaded operation.
#[derive(Debug, Clone, Copy)]
pub struct UploadKey<'a> {
    /// Who uploaded.
    pub user: &'a str,
    /// From which database, or in which session.
    pub client: &'a str,
    /// Its number there.
    pub op: &'a str,
}

impl Tx<'_> {
    /// The fingerprint of what was uploaded under a name, and what was answered then.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn upload(&self, key: UploadKey<'_>) -> Result<Option<(Vec<u8>, String)>, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT fingerprint, result FROM uploads WHERE user_id = ?1 AND client_id = ?2 AND op_id = ?3",
            )?
            .query_row((key.user, key.client, key.op), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?)
    }

    /// Remembers what was uploaded under a name, in place of what was before.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn note_upload(&mut self, key: UploadKey<'_>, fingerprint: &[u8], result: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO uploads (user_id, client_id, op_id, fingerprint, result, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET fingerprint = excluded.fingerprint, result = excluded.result, at = excluded.at",
            )?
            .execute((key.user, key.client, key.op, fingerprint, result, self.now))?;
        Ok(())
    }

    /// Forgets uploads older than `before`, a bounded number at a time; gives how many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn forget_uploads(&mut self, before: Millis) -> Result<usize, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "DELETE FROM uploads WHERE (user_id, client_id, op_id) IN
                 (SELECT user_id, client_id, op_id FROM uploads WHERE at < ?1 LIMIT ?2)",
            )?
            .execute((before, AT_A_TIME))?)
    }

    /// The open entry of what was set aside for a row, in a scope.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn set_aside(&self, scope: &Scope, table: &str, row: &str) -> Result<Option<Row>, StoreError> {
        let condition = "WHERE table_name = ?1 AND row_id = ?2 AND scope = ?3 AND kind = 'quarantined'
                         AND status = 'OPEN' AND deleted_at IS NULL ORDER BY created_at DESC, rowid DESC LIMIT 1";
        Ok(rows::select(self.connection, &CONFLICTS, condition, (table, row, scope.to_string()))?.pop())
    }

    /// The oldest open conflict of a scope.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn oldest_open_conflict(&self, scope: &Scope) -> Result<Option<Row>, StoreError> {
        let condition = "WHERE scope = ?1 AND status = 'OPEN' AND deleted_at IS NULL ORDER BY created_at LIMIT 1";
        Ok(rows::select(self.connection, &CONFLICTS, condition, [scope.to_string()])?.pop())
    }

    /// How many conflicts are open in a scope.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn count_open_conflicts(&self, scope: &Scope) -> Result<usize, StoreError> {
        let sql = "SELECT count(*) FROM conflicts WHERE scope = ?1 AND status = 'OPEN' AND deleted_at IS NULL";
        let count: i64 = self.connection.prepare_cached(sql)?.query_row([scope.to_string()], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }
}

impl Snapshot<'_> {
    /// Conflicts of the given scopes, the newest first, at most `limit`, older than `before`; only those that are open,
    /// or all.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn conflicts(
        &self,
        scopes: &[Scope],
        open: bool,
        before: Option<(Millis, &str)>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let (at, id) = before.unwrap_or((Millis::MAX, ""));
        let open = if open { "AND status = 'OPEN'" } else { "" };
        let condition = format!(
            "WHERE scope = ?1 AND deleted_at IS NULL {open} AND (created_at, id) < (?2, ?3)
             ORDER BY created_at DESC, id DESC LIMIT ?4"
        );
        let limit_sql = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut found = Vec::new();
        for scope in scopes {
            found.extend(rows::select(
                self.connection,
                &CONFLICTS,
                &condition,
                (scope.to_string(), at, id, limit_sql),
            )?);
        }
        found.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        found.truncate(limit);
        Ok(found)
    }
}

impl Store {
    /// As [`Store::forget_answers`], for uploads.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written; what was forgotten before stays so.
    pub async fn forget_uploads(&self, before: Millis) -> Result<(), StoreError> {
        while self.write(move |tx| tx.forget_uploads(before)).await? == usize::from(AT_A_TIME) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Ok(())
    }
}
