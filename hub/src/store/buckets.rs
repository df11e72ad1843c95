//! Buckets of sync, read from the log: their sums, and their operations a line at a time.

use kairos_core::row::Row;
use kairos_core::schema::{Stream, TABLES, Table};
use kairos_core::sync::bucket::{Source, Sum};
use kairos_core::sync::lines::{Data, MAX_OPS, Operation};
use rusqlite::{Connection, OptionalExtension, ToSql};
use tokio::sync::watch;

use super::error::StoreError;
use super::{Snapshot, Store, rows};

/// How a bucket stands at a place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Under which name.
    pub generation: i64,
    /// What its operations sum up to.
    pub sum: Sum,
}

/// A line of a bucket's operations.
pub struct Page {
    /// The operations.
    pub data: Data,
    /// Whether there are more of them.
    pub more: bool,
    /// The generation they are of.
    pub generation: i64,
    /// The newest change when they were read.
    pub head: i64,
    /// Whether something was compacted away that a change after the checkpoint may have replaced.
    pub moved: bool,
}

impl Snapshot<'_> {
    /// How a bucket stands; what is known of it from an earlier place in the log spares reading what was before.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn bucket_standing(&self, source: &Source, known: Option<(i64, Standing)>) -> Result<Standing, StoreError> {
        let (generation, sum) = stored(self.connection, source)?;
        let sum = match source {
            Source::Rows(_) => sum,
            Source::Events(..) | Source::Month(..) => match known {
                Some((upto, known)) if known.generation == generation => known.sum.plus(self.summed(source, upto)?),
                _ => self.summed(source, 0)?,
            },
        };
        Ok(Standing { generation, sum })
    }

    /// The sum of a bucket's operations after a place in the log.
    fn summed(&self, source: &Source, after: i64) -> Result<Sum, StoreError> {
        let (condition, key) = condition(source);
        let sql = format!("SELECT coalesce(sum(checksum), 0), count(*) FROM changes WHERE {condition} AND seq > ?2");
        let scope = source.scope().to_string();
        let read = |row: &rusqlite::Row<'_>| {
            let (checksum, count): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok(Sum { checksum: u32::try_from(checksum & 0xffff_ffff).unwrap_or(0), count })
        };
        let mut statement = self.connection.prepare_cached(&sql)?;
        Ok(match key {
            Some(key) => statement.query_row((scope, after, key), read)?,
            None => statement.query_row((scope, after), read)?,
        })
    }

    /// The operations of a bucket after one place in the log, up to another: as many as a line holds.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn bucket_page(&self, source: &Source, after: i64, upto: i64, raw: bool) -> Result<Page, StoreError> {
        let (condition, key) = condition(source);
        let sql = format!(
            "SELECT seq, op, tbl, row_id, checksum, row_json FROM changes
             WHERE {condition} AND seq > ?2 AND seq <= {upto_at} ORDER BY seq LIMIT {}",
            MAX_OPS + 1,
            upto_at = if key.is_some() { "?4" } else { "?3" },
        );
        let scope = source.scope().to_string();
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut params: Vec<&dyn ToSql> = vec![&scope, &after];
        if let Some(key) = &key {
            params.push(key);
        }
        params.push(&upto);
        let mut found = statement.query(&*params)?;
        let (mut data, mut more, mut moved) = (Data::new(after, raw), false, false);
        while let Some(row) = found.next()? {
            let op = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
            let added = data.add(&Operation {
                seq: row.get(0)?,
                op,
                table: row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?,
                id: row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?,
                checksum: row.get(4)?,
                row: row.get_ref(5)?.as_str_or_null().map_err(rusqlite::Error::from)?,
            });
            if !added {
                more = true;
                break;
            }
            moved |= op == "MOVE";
        }
        drop(found);
        let (generation, _) = stored(self.connection, source)?;
        let head = self.head()?;
        Ok(Page { data, more, generation, head, moved: moved && head > upto })
    }

    /// All living rows of a table: for tables that hold a few rows a household.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn living(&self, table: &'static Table) -> Result<Vec<Row>, StoreError> {
        Ok(rows::select(self.connection, table, "WHERE deleted_at IS NULL", [])?)
    }
}

/// Generation, and sum of the whole stream.
fn stored(connection: &Connection, source: &Source) -> rusqlite::Result<(i64, Sum)> {
    let found = connection
        .prepare_cached("SELECT generation, checksum, count FROM buckets WHERE scope = ?1 AND stream = ?2")?
        .query_row((source.scope().to_string(), source.stream().as_str()), |row| {
            Ok((row.get(0)?, Sum { checksum: row.get(1)?, count: row.get(2)? }))
        })
        .optional()?;
    Ok(found.unwrap_or((1, Sum::default())))
}

/// Which changes a bucket holds: its scope is `?1`, its habit or month, if any, `?3`. The words are those of the
/// indexes `changes_habit` and `changes_month`.
fn condition(source: &Source) -> (String, Option<String>) {
    match source {
        Source::Rows(_) => {
            let others = TABLES.iter().filter(|table| table.stream != Stream::Rows);
            let others: Vec<String> = others.map(|table| format!("'{}'", table.name)).collect();
            (format!("scope = ?1 AND tbl NOT IN ({})", others.join(", ")), None)
        }
        Source::Events(_, habit) => {
            let words = "scope = ?1 AND json_extract(keys, '$.habit_id') = ?3 AND tbl = 'completion_events'";
            (words.to_owned(), Some(habit.clone()))
        }
        Source::Month(_, month) => {
            let words = "scope = ?1 AND json_extract(keys, '$.month') = ?3 AND tbl = 'completions'";
            (words.to_owned(), Some(month.clone()))
        }
    }
}

impl Store {
    /// Hears that buckets began new generations, which no change of the log tells.
    #[must_use]
    pub fn generations(&self) -> watch::Receiver<u64> {
        self.0.generations.subscribe()
    }

    /// Says that buckets began new generations; to be called after the commit.
    pub fn say_new_generations(&self) {
        self.0.generations.send_modify(|said| *said = said.wrapping_add(1));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use kairos_core::scope::Scope;

    use super::*;
    use crate::clock::Clock;
    use crate::health::Board;

    /// A scan of the whole log for each stream with parameters would be felt after a year.
    #[tokio::test]
    async fn every_bucket_is_read_by_an_index() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Clock::manual(0), &Board::default()).await.unwrap();
        let scope = Scope::parse("u:ada").unwrap();
        for (source, index) in [
            (Source::Rows(scope.clone()), "changes_scope (scope=? AND seq>?)"),
            (Source::Events(scope.clone(), "h".into()), "changes_habit (scope=? AND <expr>=? AND seq>?)"),
            (Source::Month(scope, "2026-11".into()), "changes_month (scope=? AND <expr>=? AND seq>?)"),
        ] {
            let (condition, _) = condition(&source);
            let plan = store
                .read(move |snapshot| {
                    let sql = format!("EXPLAIN QUERY PLAN SELECT sum(checksum) FROM changes WHERE {condition} AND seq > ?2 ORDER BY seq");
                    let mut statement = snapshot.connection.prepare(&sql)?;
                    let none = vec![rusqlite::types::Null; statement.parameter_count()];
                    let lines = statement.query_map(rusqlite::params_from_iter(none), |row| row.get::<_, String>(3))?;
                    Ok(lines.collect::<rusqlite::Result<Vec<_>>>()?.join("; "))
                })
                .await
                .unwrap();
            assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
