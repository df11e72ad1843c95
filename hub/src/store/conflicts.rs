//! What lost a merge or was set aside: found by row, by age, page by page.

use kairos_core::Millis;
use kairos_core::row::Row;
use kairos_core::schema::CONFLICTS;
use kairos_core::scope::Scope;

use super::error::StoreError;
use super::reader::Snapshot;
use super::rows;
use super::tx::Tx;

/// What is set aside of a row, found by that row however many others are open: a plus keeps SQLite from choosing the index
/// of those.
const SET_ASIDE: &str = "WHERE table_name = ?1 AND row_id = ?2 AND +scope = ?3 AND kind = 'quarantined'
                         AND +status = 'OPEN' AND deleted_at IS NULL";

impl Tx<'_> {
    /// The open entry of what was set aside for a row, in a scope; the newest, where there are several.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn set_aside(&self, scope: &Scope, table: &str, row: &str) -> Result<Option<Row>, StoreError> {
        let condition = format!("{SET_ASIDE} ORDER BY created_at DESC, rowid DESC LIMIT 1");
        Ok(rows::select(self.connection, &CONFLICTS, &condition, (table, row, scope.to_string()))?.pop())
    }

    /// All open entries of what was set aside for a row, in a scope.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn all_set_aside(&self, scope: &Scope, table: &str, row: &str) -> Result<Vec<Row>, StoreError> {
        Ok(rows::select(self.connection, &CONFLICTS, SET_ASIDE, (table, row, scope.to_string()))?)
    }

    /// The open entry of values of a row that lost, in the row's scope.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn open_loss(&self, row: &Row, lost: &str) -> Result<Option<Row>, StoreError> {
        let condition = "WHERE table_name = ?1 AND row_id = ?2 AND +scope = ?3 AND kind = 'lost' AND lost_value = ?4
                         AND +status = 'OPEN' AND deleted_at IS NULL LIMIT 1";
        let params = (row.table.name, row.id.as_str(), row.scope.to_string(), lost);
        Ok(rows::select(self.connection, &CONFLICTS, condition, params)?.pop())
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
