//! What is to be pushed: changes of the log after a place, or every row there is.

use std::collections::HashSet;

use kairos_core::change::Origin;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETIONS, TABLES, Table};
use kairos_core::scope::Scope;

use super::super::error::StoreError;
use super::super::reader::Snapshot;
use super::super::rows;
use super::base::{Base, can_differ};

/// A row on its way to the server, and what that last had of it.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The row as it stands.
    pub row: Row,
    /// What the server last had of what was changed here.
    pub base: Base,
}

/// A stretch of what is to be pushed.
#[derive(Debug, Default)]
pub struct Batch {
    /// The rows as they stand, each once.
    pub rows: Vec<Outgoing>,
    /// Up to which of our changes that is all.
    pub upto: i64,
    /// Where the log stood when the rows were read.
    pub head: i64,
    /// Whether more follows.
    pub more: bool,
}

/// How a row stands: its id, its latest clock, and whether it lives.
pub type Standing = (String, String, bool);

/// Where a walk through all rows of a scope stands: a table, in the order of the walk, and an id in it.
pub type Place = (usize, String);

impl Snapshot<'_> {
    /// Up to where changes of a scope were emptied or have left the log: from before that it does not lead on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn compacted_to(&self, scope: &Scope) -> Result<i64, StoreError> {
        let sql = "SELECT coalesce(max(compacted), 0) FROM buckets WHERE scope = ?1";
        Ok(self.connection.prepare_cached(sql)?.query_row([scope.to_string()], |row| row.get(0))?)
    }

    /// How many changes of a scope are not pushed yet, at most `most`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn count_unpushed(&self, scope: &Scope, pushed: i64, most: usize) -> Result<usize, StoreError> {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM changes WHERE scope = ?1 AND seq > ?2 AND op <> 'MOVE'
                   AND origin <> 'upstream' LIMIT ?3)";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let params = (scope.to_string(), pushed, most);
        let count: i64 = self.connection.prepare_cached(sql)?.query_row(params, |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Whether something of a scope that was saved up to a place in the log waits to be pushed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn is_unpushed(&self, scope: &Scope, pushed: i64, upto: i64) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM changes WHERE scope = ?1 AND seq > ?2 AND seq <= ?3 AND op <> 'MOVE'
                   AND origin <> 'upstream' LIMIT 1";
        Ok(self.connection.prepare_cached(sql)?.exists((scope.to_string(), pushed, upto))?)
    }

    /// How the next rows of a table and scope stand, deleted ones too, in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn standings(
        &self,
        table: &'static Table,
        scope: &Scope,
        after: &str,
        most: usize,
    ) -> Result<Vec<Standing>, StoreError> {
        let sql = format!(
            "SELECT id, hlc, deleted_at IS NULL FROM {} WHERE +scope = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
            table.name
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let found =
            statement.query_map((scope.to_string(), after, most), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// What of a scope was changed here after a place in the log: the rows as they stand now, of about `most` changes.
    ///
    /// What one command wrote is not torn apart, as long as it is not more than as much again: a day that goes up after the batch
    /// with its events would be folded there meanwhile, as another hub's, and come back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn unpushed(&self, scope: &Scope, pushed: i64, most: usize) -> Result<Batch, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT seq, tbl, row_id, origin, command_id FROM changes WHERE scope = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        )?;
        let limit = i64::try_from(most.saturating_mul(2)).unwrap_or(i64::MAX);
        let mut found = statement.query((scope.to_string(), pushed, limit))?;
        let mut batch = Batch { upto: pushed, head: self.head()?, ..Batch::default() };
        let mut seen = HashSet::new();
        let mut count = 0;
        let mut last: Option<String> = None;
        while let Some(change) = found.next()? {
            let command: Option<String> = change.get(4)?;
            if count >= most && (command.is_none() || command != last) {
                batch.more = true;
                break;
            }
            (count, last) = (count + 1, command);
            batch.upto = change.get(0)?;
            let (table, id): (String, String) = (change.get(1)?, change.get(2)?);
            let theirs = change.get_ref(3)?.as_str().map_err(rusqlite::Error::from)? == Origin::Upstream.as_str();
            let Some(table) = Table::named(&table).filter(|_| !theirs) else { continue };
            if !seen.insert((table.name, id.clone())) {
                continue;
            }
            // Of another scope is what was moved by hand, or by a version that knows more.
            if let Some(row) = self.row(table, &id)?.filter(|row| row.scope == *scope) {
                let base = self.base(table, &id)?;
                batch.rows.push(Outgoing { row, base });
            }
        }
        batch.more |= count == most * 2;
        if !batch.more {
            // What other scopes wrote is none of its.
            batch.upto = batch.head.max(batch.upto);
        }
        Ok(batch)
    }

    /// Rows on their way, as they stand now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn again(&self, scope: &Scope, rows: Vec<Outgoing>) -> Result<Vec<Outgoing>, StoreError> {
        let mut found = Vec::with_capacity(rows.len());
        for Outgoing { row, .. } in rows {
            if let Some(row) = self.row(row.table, &row.id)?.filter(|row| row.scope == *scope) {
                let base = self.base(row.table, &row.id)?;
                found.push(Outgoing { row, base });
            }
        }
        Ok(found)
    }

    /// The next rows of a scope, deleted ones too, table by table in the order of their ids; after `after`, which is a table
    /// and an id. `first`: to a server that has seen nothing of them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn all_rows(
        &self,
        scope: &Scope,
        after: &Place,
        most: usize,
        first: bool,
    ) -> Result<(Vec<Outgoing>, Option<Place>), StoreError> {
        let (mut place, mut id) = after.clone();
        let mut found = Vec::new();
        // Days last: they follow from all the others.
        let others = TABLES.iter().copied().filter(|table| *table != &COMPLETIONS);
        let order: Vec<&'static Table> = others.chain([&COMPLETIONS]).collect();
        while let Some(table) = order.get(place).copied() {
            let room = most - found.len();
            let condition = "WHERE +scope = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
            let limit = i64::try_from(room).unwrap_or(i64::MAX);
            let page = rows::select(self.connection, table, condition, (scope.to_string(), &id, limit))?;
            let full = page.len() == room;
            for row in page {
                id.clone_from(&row.id);
                let base = if first && can_differ(table) { Base::unseen() } else { self.base(table, &row.id)? };
                found.push(Outgoing { row, base });
            }
            if full {
                return Ok((found, Some((place, id))));
            }
            (place, id) = (place + 1, String::new());
        }
        Ok((found, None))
    }
}
