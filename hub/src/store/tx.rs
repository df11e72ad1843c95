//! What can be done inside a wish's transaction.

use std::sync::{Arc, OnceLock};

use kairos_core::change::{Change, Op, Origin};
use kairos_core::event::Event;
use kairos_core::hlc::{HORIZON, Hlc, HybridClock};
use kairos_core::ids::HabitId;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETION_EVENTS, Table};
use kairos_core::scope::Scope;
use kairos_core::{Millis, value::Value};
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::error::StoreError;
use super::known::Known;
use super::rows;

/// How many changes of one transaction are kept to be announced; the feed keeps no more.
const ANNOUNCED: usize = 8192;

/// One wish's part of the writer's transaction. Work that returns an error leaves no trace.
pub struct Tx<'a> {
    pub(super) connection: &'a Connection,
    pub(super) clock: &'a mut HybridClock,
    pub(super) known: &'a mut Known,
    /// Changes of the whole group so far; announced after the commit.
    pub(super) changes: &'a mut Vec<Arc<Change>>,
    pub(super) now: Millis,
    pub(super) guessing: bool,
    /// Whether the hub was ever linked with a server.
    pub(super) linked: &'a mut bool,
    /// The command whose changes these are.
    pub(super) command: Option<String>,
}

impl Tx<'_> {
    /// The time of this wish.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.now
    }

    /// Takes note of a clock from elsewhere, so that the hub's next reading is later; one far ahead is not believed.
    pub fn observe(&mut self, other: &Hlc, max_ahead: Millis) {
        self.clock.observe(other, self.now, max_ahead);
    }

    /// Whether that time is only a guess, since the machine was not told it yet.
    #[must_use]
    pub fn is_guessing(&self) -> bool {
        self.guessing
    }

    /// The next reading of the hub's clock.
    pub fn tick(&mut self) -> Hlc {
        self.clock.tick(self.now)
    }

    /// As [`Tx::tick`], for an event of one cell: later than every event that is there, also where the clock of another hub had
    /// run ahead. Whoever writes now has seen what they write over; an undo that came before its deed would take nothing back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn tick_in_cell(&mut self, habit: &HabitId, date: &str, actor: &str) -> Result<Hlc, StoreError> {
        // Readings that are not believed come before all others, though not as text.
        let horizon = Hlc::from_parts(HORIZON, 0, "").to_string();
        let latest: Option<String> = self
            .connection
            .prepare_cached(
                "SELECT max(hlc) FROM completion_events WHERE habit_id = ?1 AND date = ?2 AND actor = ?3 AND hlc < ?4",
            )?
            .query_row((habit.as_str(), date, actor, horizon), |row| row.get(0))?;
        let at = self.tick();
        Ok(match latest.and_then(|latest| Hlc::parse(&latest).ok()) {
            Some(latest) if latest >= at => latest.next(at.node()),
            _ => at,
        })
    }

    /// How many changes the log has so far, all of this transaction among them: by their difference, how much was written.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn head(&self) -> Result<i64, StoreError> {
        Ok(rows::head(self.connection)?)
    }

    /// Names the command whose changes follow, for the log.
    pub fn set_command(&mut self, id: &str) {
        self.command = Some(id.to_owned());
    }

    /// Runs work that leaves no trace when it returns an error.
    ///
    /// # Errors
    /// What the work returned, or that the database could not follow.
    pub fn attempt<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let before = self.changes.last().map_or(0, |change| change.seq);
        let mark = self.known.mark();
        self.connection.prepare_cached("SAVEPOINT wish")?.execute([])?;
        let result = work(self);
        if result.is_err() {
            let kept = self.changes.partition_point(|change| change.seq <= before);
            self.changes.truncate(kept);
            // When SQLite has already undone the whole transaction there is no savepoint left; the
            // writer notices and fails the group.
            if self.connection.is_autocommit() {
                self.known.forget();
            } else {
                self.known.undone_since(mark);
                self.connection.prepare_cached("ROLLBACK TO wish")?.execute([])?;
            }
        }
        if !self.connection.is_autocommit() {
            self.connection.prepare_cached("RELEASE wish")?.execute([])?;
        }
        result
    }

    /// Reads a row by its id, whatever its scope: the caller asks whether it may be seen.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn row(&self, table: &'static Table, id: &str) -> Result<Option<Row>, StoreError> {
        Ok(rows::by_id(self.connection, table, id)?)
    }

    /// As [`Tx::row`], repaired, from memory when it was read before: for rows read far more often than they change.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn known(&mut self, table: &'static Table, id: &str) -> Result<Option<Arc<Row>>, StoreError> {
        Ok(self.known.row(self.connection, table, id)?)
    }

    /// Reads the rows of a table in which one column has a value.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn rows_where(&self, table: &'static Table, column: &'static str, value: &str) -> Result<Vec<Row>, StoreError> {
        Ok(rows::select(self.connection, table, &format!("WHERE {column} = ?1"), [value])?)
    }

    /// How many rows of a table are alive in a scope.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn count_living(&self, table: &'static Table, scope: &Scope) -> Result<usize, StoreError> {
        let sql = format!("SELECT count(*) FROM {} WHERE scope = ?1 AND deleted_at IS NULL", table.name);
        let count: i64 = self.connection.prepare_cached(&sql)?.query_row([scope.to_string()], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// How many rows of a table and scope name this whole in a column: those that live, or also those that are deleted.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn count_parts(
        &self,
        table: &'static Table,
        scope: &Scope,
        (column, of): (&'static str, &str),
        deleted_too: bool,
    ) -> Result<usize, StoreError> {
        let name = table.name;
        let sql =
            format!("SELECT count(*) FROM {name} WHERE {column} = ?1 AND scope = ?2 AND (?3 OR deleted_at IS NULL)");
        let params = (of, scope.to_string(), deleted_too);
        let count: i64 = self.connection.prepare_cached(&sql)?.query_row(params, |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// The events of one cell: those of its habit's own scope.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn cell_events(&self, habit: &HabitId, date: &str, actor: &str) -> Result<Vec<Event>, StoreError> {
        cell_events(self.connection, habit.as_str(), date, actor)
    }

    /// The days of a habit that have events in its scope: day and actor.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn cells_with_events(&self, habit: &str) -> Result<Vec<(kairos_core::day::Date, String)>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT DISTINCT date, actor FROM completion_events WHERE habit_id = ?1
             AND scope = (SELECT scope FROM habits WHERE id = ?1)",
        )?;
        let found = statement.query_map([habit], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
        let mut cells = Vec::new();
        for cell in found {
            let (date, actor): (String, String) = cell?;
            cells.extend(kairos_core::repair::parse_date(&date).map(|date| (date, actor)));
        }
        Ok(cells)
    }

    /// As [`Tx::cell_events`], from memory when they were read before in this piece of work; in no order, and one may stand
    /// there twice. Whoever asks lets go of them at the end, with [`Tx::let_days_go`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn known_events(&mut self, habit: &Row, date: &str, actor: &str) -> Result<Arc<Vec<Event>>, StoreError> {
        let connection = self.connection;
        self.known.events((habit, date, actor), || cell_events(connection, &habit.id, date, actor))
    }

    /// Lets go of the events that were kept in memory.
    pub fn let_days_go(&mut self) {
        self.known.let_days_go();
    }

    /// The dated schedules of a habit, repaired, from memory when they were read before; in no order, and those of scopes
    /// the habit has left among them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn dated_schedules(&mut self, habit: &str) -> Result<Arc<Vec<Row>>, StoreError> {
        Ok(self.known.dated(self.connection, habit)?)
    }

    /// Whether a habit has days before a day.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn has_cells_before(&self, habit: &str, date: &str) -> Result<bool, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT 1 FROM completions WHERE habit_id = ?1 AND date < ?2 AND deleted_at IS NULL AND type IS NOT NULL
             AND scope = (SELECT scope FROM habits WHERE id = ?1) LIMIT 1",
        )?;
        Ok(statement.exists((habit, date))?)
    }

    /// Whether a cell has at least so many events.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn cell_is_full(&self, habit: &HabitId, date: &str, most: usize) -> Result<bool, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT 1 FROM completion_events WHERE habit_id = ?1 AND date = ?2
             AND scope = (SELECT scope FROM habits WHERE id = ?1) LIMIT 1 OFFSET ?3",
        )?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        Ok(statement.exists((habit.as_str(), date, most.saturating_sub(1)))?)
    }

    /// Writes a row and its change; gives its place in the log.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when the id lives in another scope.
    pub fn put(&mut self, row: &Row, origin: Origin) -> Result<i64, StoreError> {
        self.note_bases(row, origin)?;
        if !rows::upsert(self.connection, row)? {
            return Err(kairos_core::command::Rejection::new(
                kairos_core::command::RejectionCode::Conflict,
                "This id is already in use.",
            )
            .into());
        }
        self.known.wrote(row);
        self.log(row, origin)
    }

    /// Runs statements that nothing in the hub runs yet.
    #[cfg(test)]
    pub(crate) fn execute_for_test(&mut self, sql: &str) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch(sql)?)
    }

    fn log(&mut self, row: &Row, origin: Origin) -> Result<i64, StoreError> {
        let op = if row.deleted_at.is_some() { Op::Remove } else { Op::Put };
        let json = match op {
            Op::Put => Some(row.to_json_text()),
            Op::Remove => None,
        };
        let checksum = checksum(row.table.name, &row.id, json.as_deref());
        let scope = row.scope.to_string();
        self.connection
            .prepare_cached(
                "INSERT INTO changes (at, hlc, scope, tbl, row_id, op, keys, row_json, checksum, origin, command_id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute((
                self.now,
                row.hlc().map(Hlc::to_string).unwrap_or_default(),
                &scope,
                row.table.name,
                &row.id,
                op.as_str(),
                keys(row),
                json.as_deref(),
                checksum,
                origin.as_str(),
                self.command.as_deref(),
            ))?;
        let seq = self.connection.last_insert_rowid();
        self.connection
            .prepare_cached(
                "INSERT INTO buckets (scope, stream, checksum, count) VALUES (?1, ?2, ?3, 1)
                 ON CONFLICT (scope, stream) DO UPDATE SET checksum = (checksum + excluded.checksum) & 4294967295, count = count + 1",
            )?
            .execute((&scope, row.table.stream.as_str(), checksum))?;
        // What is announced at once is bounded: whoever is further behind asks the log.
        if self.changes.len() >= ANNOUNCED {
            self.changes.drain(..ANNOUNCED / 2);
        }
        self.changes.push(Arc::new(Change {
            seq,
            at: self.now,
            scope: row.scope.clone(),
            table: row.table.name,
            row_id: row.id.clone(),
            op,
            row: json.map(Into::into),
            origin,
            checksum,
            encoded: OnceLock::new(),
            operation: OnceLock::new(),
        }));
        Ok(seq)
    }
}

fn cell_events(connection: &Connection, habit: &str, date: &str, actor: &str) -> Result<Vec<Event>, StoreError> {
    let found = rows::select(
        connection,
        &COMPLETION_EVENTS,
        "WHERE habit_id = ?1 AND date = ?2 AND actor = ?3 AND deleted_at IS NULL
         AND scope = (SELECT scope FROM habits WHERE id = ?1)",
        [habit, date, actor],
    )?;
    Ok(found.iter().filter_map(Event::from_row).collect())
}

/// The checksum of one change, a number clients only add up.
pub(crate) fn checksum(table: &str, id: &str, json: Option<&str>) -> u32 {
    let mut hash = Sha256::new();
    match json {
        Some(json) => ["put.", table, ".", id, ".", json].iter().for_each(|part| hash.update(part)),
        None => ["remove.", table, ".", id].iter().for_each(|part| hash.update(part)),
    }
    let digest = hash.finalize();
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
}

/// The immutable values by which streams with parameters select; a date also by its month.
fn keys(row: &Row) -> Option<String> {
    if row.table.keys.is_empty() {
        return None;
    }
    let mut keys = serde_json::Map::new();
    for name in row.table.keys {
        let value = row.get(name);
        if let (&"date", Value::Text(date)) = (name, &value) {
            keys.insert("month".into(), date.get(..7).unwrap_or_default().into());
        }
        keys.insert((*name).into(), value.to_json());
    }
    Some(serde_json::Value::Object(keys).to_string())
}
