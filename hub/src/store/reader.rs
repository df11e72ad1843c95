//! Read-only connections: answers for people, while the writer writes.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use kairos_core::change::{Change, Op, Origin};
use kairos_core::command::Rejection;
use kairos_core::day::Date;
use kairos_core::ids::HabitId;
use kairos_core::plan::{Schedule, longest_period};
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETIONS, HABIT_SCHEDULES, HABITS, Table};
use kairos_core::scope::Scope;
use kairos_core::today::Rows;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use tokio::sync::Semaphore;

use super::error::{OpenError, StoreError};
use super::{life, rows};
use crate::feed::Room;

/// A few connections, handed out one request at a time. Requests beyond that wait their turn.
pub(super) struct Pool {
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
}

impl Pool {
    pub(super) fn open(path: &Path, count: usize) -> Result<Self, OpenError> {
        let idle = (0..count)
            .map(|_| connect(path))
            .collect::<rusqlite::Result<Vec<_>>>()
            .map_err(|error| OpenError::sqlite(path, &error))?;
        Ok(Self { idle: Arc::new(Mutex::new(idle)), turns: Arc::new(Semaphore::new(count)) })
    }

    /// Closes the connections. Whoever wishes to read afterwards hears that the hub is stopping.
    pub(super) fn close(&self) {
        self.turns.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Snapshot<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| StoreError::stopping())?;
        let idle = self.idle.clone();
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(connection) = taken else { return Err(StoreError::Unavailable("no connection is free".into())) };
            // A fault in one reader's work takes no connection from the others.
            let result = catch_unwind(AssertUnwindSafe(|| snapshot(&connection, work)));
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            result.unwrap_or_else(|fault| resume_unwind(fault))
        })
        .await
        .map_err(|_| StoreError::Unavailable("an internal fault while reading".into()))?
    }
}

/// One transaction, so that what is read together belongs together.
pub(super) fn snapshot<T>(
    connection: &Connection,
    work: impl FnOnce(&Snapshot<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.execute_batch("BEGIN")?;
    // A panic in the work leaves the transaction open; the guard ends it either way.
    let end = End(connection);
    let result = work(&Snapshot { connection });
    drop(end);
    result
}

struct End<'a>(&'a Connection);

impl Drop for End<'_> {
    fn drop(&mut self) {
        let _ = self.0.execute_batch("COMMIT");
    }
}

#[allow(clippy::disallowed_methods)] // the one place that opens the database for reading
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -1024; PRAGMA temp_store = MEMORY;")?;
    Ok(connection)
}

/// The database as it stood at one moment.
pub struct Snapshot<'a> {
    pub(super) connection: &'a Connection,
}

impl Snapshot<'_> {
    /// A row by its id, whatever its scope.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn row(&self, table: &'static Table, id: &str) -> Result<Option<Row>, StoreError> {
        Ok(rows::by_id(self.connection, table, id)?)
    }

    /// The rows of a table in which one column has a value.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn rows_where(&self, table: &'static Table, column: &'static str, value: &str) -> Result<Vec<Row>, StoreError> {
        Ok(rows::select(self.connection, table, &format!("WHERE {column} = ?1 AND deleted_at IS NULL"), [value])?)
    }

    /// The living rows of a table in the given scopes, at most `limit`, in the order of their [`place`]s, after `after`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn rows_in(
        &self,
        table: &'static Table,
        scopes: &[Scope],
        after: &str,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let mut found = Vec::new();
        for scope in scopes {
            let scope = scope.to_string();
            found.extend(if table == &COMPLETIONS {
                let (date, id) = after.split_once(' ').unwrap_or_default();
                rows::select(self.connection, table, DAYS, (scope, date, id, bounded(limit)))?
            } else {
                rows::select(self.connection, table, ROWS, (scope, after, bounded(limit)))?
            });
        }
        found.sort_by_cached_key(place);
        found.truncate(limit);
        Ok(found)
    }

    /// The next living rows of one scope in the order of their ids: for reading a whole table page by page.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn next_rows(
        &self,
        table: &'static Table,
        scope: &Scope,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        // The plus keeps the index of scopes out: by it, every page would sort all of the person's rows anew.
        let condition = "WHERE +scope = ?1 AND deleted_at IS NULL AND id > ?2 ORDER BY id LIMIT ?3";
        Ok(rows::select(self.connection, table, condition, (scope.to_string(), after, bounded(limit)))?)
    }

    /// What a day of the given scopes is made of, repaired.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn day(&self, scopes: &[Scope], date: Date) -> Result<Rows, StoreError> {
        let mut day = Rows::default();
        for scope in scopes {
            let alive = |table| rows::select(self.connection, table, ALIVE, [scope.to_string()]);
            let habits = life::repaired(alive(&HABITS)?);
            day.schedules.extend(life::repaired(alive(&HABIT_SCHEDULES)?));
            day.pauses.extend(life::pauses(self.connection, scope)?);
            let of_day = (scope.to_string(), date.to_string());
            let condition = "WHERE scope = ?1 AND date = ?2 AND deleted_at IS NULL";
            day.cells.extend(life::repaired(rows::select(self.connection, &COMPLETIONS, condition, of_day)?));
            // Whether a quota is met is told by the other days of its period.
            for habit in habits.iter().filter(|habit| has_quota(habit, &day.schedules)) {
                let id = HabitId::new(habit.id.as_str()).map_err(|_| Rejection::not_found("habit"))?;
                let (from, to) = longest_period(date);
                let period = self.cells(&id, &from.to_string(), &to.to_string(), usize::MAX)?;
                day.cells.extend(period.into_iter().filter(|cell| cell.text("date") != date.to_string()));
            }
            day.habits.extend(habits);
        }
        Ok(day)
    }

    /// The newest change's place in the log.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn head(&self) -> Result<i64, StoreError> {
        Ok(rows::head(self.connection)?)
    }

    /// Running checksum and count of one stream of a scope.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn bucket(&self, scope: &str, stream: &str) -> Result<(i64, i64), StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT checksum, count FROM buckets WHERE scope = ?1 AND stream = ?2")?;
        Ok(statement.query_row([scope, stream], |row| Ok((row.get(0)?, row.get(1)?))).optional()?.unwrap_or_default())
    }

    /// The sum of the checksums in the log, to hold the running one against.
    #[cfg(test)]
    pub(crate) fn sum_checksums(&self, scope: &str, table: &str) -> Result<i64, StoreError> {
        let mut statement =
            self.connection.prepare("SELECT coalesce(sum(checksum), 0) FROM changes WHERE scope = ?1 AND tbl = ?2")?;
        Ok(statement.query_row([scope, table], |row| row.get(0))?)
    }

    /// The changes after a place in the log, of the given scopes, oldest first; `None`: of all scopes.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn changes_after(
        &self,
        seq: i64,
        scopes: Option<&[Scope]>,
        limit: usize,
    ) -> Result<Vec<Arc<Change>>, StoreError> {
        Ok(self.page_after(seq, scopes, limit, usize::MAX)?.0)
    }

    /// As [`Snapshot::changes_after`], at most about `bytes` of rows a scope, but at least one; and whether that was
    /// all.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn page_after(
        &self,
        seq: i64,
        scopes: Option<&[Scope]>,
        limit: usize,
        bytes: usize,
    ) -> Result<(Vec<Arc<Change>>, bool), StoreError> {
        const COLUMNS: &str = "SELECT seq, at, scope, tbl, row_id, op, row_json, origin, checksum FROM changes";
        type Page = (Vec<Arc<Change>>, bool);
        let read = |condition: &str, params: &[&dyn rusqlite::ToSql]| -> Result<Page, StoreError> {
            let mut statement = self.connection.prepare_cached(&format!(
                // What was compacted away says nothing but a number, to clients of sync.
                "{COLUMNS} {condition} AND op <> 'MOVE' ORDER BY seq LIMIT {}",
                bounded(limit)
            ))?;
            let mut found = statement.query(params)?;
            let mut changes = Vec::new();
            let mut room = Room(bytes);
            let mut looked = 0;
            while let Some(row) = found.next()? {
                looked += 1;
                let Some(change) = change(row)? else { continue };
                if !room.takes(change.weight()) {
                    return Ok((changes, false));
                }
                changes.push(change);
            }
            // Counted as they stand there: a change this version does not know still fills the page.
            Ok((changes, looked < limit))
        };
        let Some(scopes) = scopes else { return read("WHERE seq > ?1", &[&seq]) };
        let (mut changes, mut reach) = (Vec::new(), i64::MAX);
        for scope in scopes {
            let (found, all) = read("WHERE scope = ?1 AND seq > ?2", &[&scope.to_string(), &seq])?;
            if let (false, Some(last)) = (all, found.last()) {
                reach = reach.min(last.seq);
            }
            changes.extend(found);
        }
        changes.sort_by_key(|change| change.seq);
        // Beyond the place where one scope was cut, its changes are missing.
        changes.retain(|change| change.seq <= reach);
        let all = reach == i64::MAX && changes.len() <= limit;
        changes.truncate(limit);
        Ok((changes, all))
    }
}

/// A page of rows in the order of their ids.
const ROWS: &str = "WHERE scope = ?1 AND deleted_at IS NULL AND id > ?2 ORDER BY id LIMIT ?3";
/// A page of days in the order of their dates: an index of their ids, which are random, would cost every press.
const DAYS: &str =
    "WHERE scope = ?1 AND deleted_at IS NULL AND date >= ?2 AND (date > ?2 OR id > ?3) ORDER BY date, id LIMIT ?4";

/// Where a row stands among those of its table, for [`Snapshot::rows_in`] to go on after it.
pub(crate) fn place(row: &Row) -> String {
    if row.table == &COMPLETIONS { format!("{} {}", row.text("date"), row.id) } else { row.id.clone() }
}

/// The condition under which a row is alive in a scope.
const ALIVE: &str = "WHERE scope = ?1 AND deleted_at IS NULL";

/// Whether a habit has a quota, now or in one of its dated schedules.
fn has_quota(habit: &Row, schedules: &[Row]) -> bool {
    let dated = schedules.iter().filter(|row| row.text("habit_id") == habit.id);
    std::iter::once(habit).chain(dated).any(|row| Schedule::of(row, habit).has_quota())
}

fn bounded(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Reads a change; `None` for one of a table this version does not know.
fn change(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Arc<Change>>> {
    let (table, scope, op, origin): (String, String, String, String) =
        (row.get(3)?, row.get(2)?, row.get(5)?, row.get(7)?);
    let known = (Table::named(&table), Scope::parse(&scope), Op::parse(&op), Origin::parse(&origin));
    let (Some(table), Ok(scope), Some(op), Some(origin)) = known else { return Ok(None) };
    Ok(Some(Arc::new(Change {
        seq: row.get(0)?,
        at: row.get(1)?,
        scope,
        table: table.name,
        row_id: row.get(4)?,
        op,
        row: row.get::<_, Option<String>>(6)?.map(Into::into),
        origin,
        checksum: row.get(8)?,
        encoded: OnceLock::new(),
        operation: OnceLock::new(),
    })))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use kairos_core::hlc::Hlc;
    use kairos_core::ids::UserId;

    use super::*;
    use crate::clock::Clock;
    use crate::health::Board;
    use crate::store::Store;
    use kairos_core::change::Origin;

    #[tokio::test]
    async fn days_come_page_by_page_in_the_order_of_their_dates_and_none_is_sorted_twice() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Clock::manual(1), &Board::default()).await.unwrap();
        let people = ["ada", "bo"].map(|name| UserId::new(name).unwrap());
        let scopes = people.clone().map(Scope::Person);
        let expected = store
            .write(move |tx| {
                let at = Hlc::from_parts(1, 0, "a");
                let mut places = Vec::new();
                for n in 0..60 {
                    let user = people[n % 2].clone();
                    let id = format!("{:02}", (n * 37) % 60);
                    let mut cell = Row::new(&COMPLETIONS, id, Scope::Person(user.clone()), user, 1);
                    cell.set("habit_id", "h", &at);
                    cell.set("date", format!("2026-11-{:02}", 1 + n % 7), &at);
                    cell.set("type", "FULL", &at);
                    tx.put(&cell, Origin::Local)?;
                    places.push(place(&cell));
                }
                places.sort();
                Ok(places)
            })
            .await
            .unwrap();
        let (seen, plan) = store
            .read(move |snapshot| {
                let (mut seen, mut after) = (Vec::new(), String::new());
                loop {
                    let page = snapshot.rows_in(&COMPLETIONS, &scopes, &after, 7)?;
                    let Some(last) = page.last() else { break };
                    after = place(last);
                    seen.extend(page.iter().map(place));
                }
                let sql = format!("EXPLAIN QUERY PLAN SELECT id FROM completions {DAYS}");
                let mut statement = snapshot.connection.prepare(&sql)?;
                let plan = statement.query_map(("u:ada", "", "", 7), |row| row.get::<_, String>(3))?;
                Ok((seen, plan.collect::<rusqlite::Result<Vec<_>>>()?.join("; ")))
            })
            .await
            .unwrap();
        assert_eq!(seen, expected);
        assert!(plan.contains("completions_scope_day (scope=? AND date>?)"), "{plan}");
        assert!(!plan.contains("FOR ORDER BY"), "{plan}");
    }
}
