//! What lost a merge or was set aside: found by row, by age, page by page.

use kairos_core::Millis;
use kairos_core::change::Origin;
use kairos_core::row::Row;
use kairos_core::schema::CONFLICTS;
use kairos_core::scope::Scope;
use kairos_core::value::Value;

use super::Store;
use super::error::StoreError;
use super::reader::Snapshot;
use super::rows;
use super::tx::Tx;

/// What is set aside of a row.
const SET_ASIDE: &str =
    "WHERE table_name = ?1 AND row_id = ?2 AND scope = ?3 AND kind = 'quarantined' AND status = 'OPEN'
                         AND column_name IS NULL AND deleted_at IS NULL";
/// How many settled conflicts a scope keeps: beyond, the oldest go for good.
const MOST_SETTLED: i64 = if cfg!(test) { 20 } else { 10_000 };
/// How many of those go in one piece of work.
const SLICE: i64 = 500;

impl Store {
    /// Removes the oldest settled conflicts of scopes that have too many, in small steps between other work; gives how many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer; what was done before stays done.
    #[allow(clippy::redundant_closure_for_method_calls)] // without it the lifetimes do not come out
    pub async fn tidy_conflicts(&self) -> Result<usize, StoreError> {
        let mut gone = 0;
        loop {
            let step = self.write(|tx: &mut Tx<'_>| tx.remove_settled()).await?;
            if step == 0 {
                return Ok(gone);
            }
            gone += step;
        }
    }
}

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

    /// The open entry of a value of a row's column that lost, in the row's scope.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn open_loss(&self, row: &Row, column: &str, lost: &str) -> Result<Option<Row>, StoreError> {
        let condition = "WHERE table_name = ?1 AND row_id = ?2 AND scope = ?3 AND kind = 'lost' AND status = 'OPEN'
                         AND column_name = ?4 AND lost_value = ?5 AND deleted_at IS NULL LIMIT 1";
        let params = (row.table.name, row.id.as_str(), row.scope.to_string(), column, lost);
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

    /// Removes some of the settled conflicts beyond those that are kept; gives how many.
    fn remove_settled(&mut self) -> Result<usize, StoreError> {
        let scopes: Vec<(String, i64)> = {
            let mut statement = self.connection.prepare_cached(
                "SELECT scope, count(*) FROM conflicts WHERE status <> 'OPEN' AND deleted_at IS NULL
                 GROUP BY scope HAVING count(*) > ?1",
            )?;
            let found = statement.query_map([MOST_SETTLED], |row| Ok((row.get(0)?, row.get(1)?)))?;
            found.collect::<rusqlite::Result<_>>()?
        };
        let mut gone = 0;
        for (scope, settled) in scopes {
            let condition = "WHERE scope = ?1 AND status <> 'OPEN' AND deleted_at IS NULL ORDER BY settled_at LIMIT ?2";
            let over = (settled - MOST_SETTLED).min(SLICE);
            for mut entry in rows::select(self.connection, &CONFLICTS, condition, (scope, over))? {
                let at = self.tick();
                for column in ["lost_value", "kept_value", "reason", "operations"] {
                    entry.set(column, Value::Null, &at);
                }
                entry.set_deleted(Some(self.now()), &at);
                self.forget_large(&entry.id, None)?;
                self.put(&entry, Origin::Local)?;
                gone += 1;
            }
        }
        Ok(gone)
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

#[cfg(test)]
#[path = "conflicts_tests.rs"]
mod tests;
