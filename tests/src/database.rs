//! The hub's database, read from outside: what is true, whatever the hub says.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use kairos_core::schema::TABLES;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

/// A read-only look at a database, beside a running hub or after it.
pub struct Database(Connection);

impl Database {
    /// Opens it for reading.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a look from outside must not go through the hub")]
    pub fn open(path: &Path) -> Self {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        connection.busy_timeout(crate::PATIENCE).unwrap();
        Self(connection)
    }

    /// Whether a word stands anywhere in the database: rows, the log, whatever else is kept. What SQLite has freed does not count.
    #[must_use]
    pub fn has_word(&self, word: &str) -> bool {
        let dir = tempfile::tempdir().unwrap();
        let copy = dir.path().join("copy.db");
        self.0.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
        let file = std::fs::read(copy).unwrap();
        file.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Whether something has a value in a column of a table.
    #[must_use]
    pub fn names(&self, table: &str, column: &str, value: &str) -> bool {
        let sql = format!("SELECT 1 FROM {table} WHERE {column} = ?1");
        self.0.prepare(&sql).unwrap().exists([value]).unwrap()
    }

    /// How often each press stands in the events, by its id.
    #[must_use]
    pub fn presses(&self) -> BTreeMap<String, u32> {
        let sql = "SELECT press_id, count(*) FROM completion_events WHERE press_id IS NOT NULL AND deleted_at IS NULL
                   GROUP BY press_id";
        self.pairs(sql)
    }

    /// How often these presses stand in the events.
    #[must_use]
    pub fn count_of(&self, press_ids: impl IntoIterator<Item = String>) -> BTreeMap<String, u32> {
        let known = self.presses();
        press_ids.into_iter().map(|id| (known.get(&id).copied().unwrap_or(0), id)).map(|(n, id)| (id, n)).collect()
    }

    /// How many events each habit has.
    #[must_use]
    pub fn events_by_habit(&self) -> BTreeMap<String, u32> {
        self.pairs("SELECT habit_id, count(*) FROM completion_events WHERE deleted_at IS NULL GROUP BY habit_id")
    }

    fn pairs(&self, sql: &str) -> BTreeMap<String, u32> {
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// What a habit's days amount to, over all days.
    #[must_use]
    pub fn amount(&self, habit_id: &str) -> f64 {
        let sql = "SELECT coalesce(sum(amount), 0.0) FROM completions WHERE habit_id = ?1 AND deleted_at IS NULL";
        self.0.query_row(sql, [habit_id], |row| row.get(0)).unwrap()
    }

    /// The day each press counts for.
    #[must_use]
    pub fn date_of(&self, press_id: &str) -> String {
        let sql = "SELECT date FROM completion_events WHERE press_id = ?1";
        self.0.query_row(sql, [press_id], |row| row.get(0)).unwrap()
    }

    /// The newest change's place in the log.
    #[must_use]
    pub fn head(&self) -> i64 {
        self.0.query_row("SELECT coalesce(max(seq), 0) FROM changes", [], |row| row.get(0)).unwrap()
    }

    /// The places in the log of one scope's changes, after one of them.
    #[must_use]
    pub fn log_of(&self, scope: &str, after: i64) -> Vec<i64> {
        let mut statement =
            self.0.prepare("SELECT seq FROM changes WHERE scope = ?1 AND seq > ?2 ORDER BY seq").unwrap();
        let rows = statement.query_map((scope, after), |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// The ids of a scope's rows that are not deleted, in order.
    #[must_use]
    pub fn living(&self, table: &str, scope: &str) -> Vec<String> {
        let sql = format!("SELECT id FROM {table} WHERE scope = ?1 AND deleted_at IS NULL ORDER BY id");
        let mut statement = self.0.prepare(&sql).unwrap();
        statement.query_map([scope], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// The id of every press's event, by the press.
    #[must_use]
    pub fn event_of_press(&self) -> BTreeMap<String, String> {
        self.texts("SELECT press_id, id FROM completion_events WHERE press_id IS NOT NULL")
    }

    /// What `meta` holds.
    #[must_use]
    pub fn meta(&self) -> BTreeMap<String, String> {
        self.texts("SELECT key, value FROM meta")
    }

    fn texts(&self, sql: &str) -> BTreeMap<String, String> {
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// Every table and its columns.
    #[must_use]
    pub fn columns(&self) -> BTreeMap<String, Vec<String>> {
        let sql =
            "SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table'";
        let mut tables = BTreeMap::<String, Vec<String>>::new();
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).for_each(|(table, column)| tables.entry(table).or_default().push(column));
        tables
    }

    /// Every row of every table of the schema, in words, without the tables named.
    #[must_use]
    pub fn content(&self, without: &[&str]) -> BTreeMap<String, Vec<String>> {
        let tables = self.texts("SELECT name, type FROM sqlite_schema WHERE type = 'table'");
        let read = |table: String| {
            let mut statement = self.0.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let width = statement.column_count();
            let row = |row: &rusqlite::Row<'_>| (0..width).map(|n| row.get::<_, Sql>(n)).collect::<Result<Vec<_>, _>>();
            let mut rows: Vec<String> =
                statement.query_map([], row).unwrap().map(|row| format!("{:?}", row.unwrap())).collect();
            rows.sort();
            (table, rows)
        };
        tables.into_keys().filter(|table| !without.contains(&table.as_str())).map(read).collect()
    }

    /// The living rows of a table as JSON, by column.
    #[must_use]
    pub fn rows(&self, table: &str) -> Vec<Value> {
        let mut statement =
            self.0.prepare(&format!("SELECT * FROM {table} WHERE deleted_at IS NULL ORDER BY id")).unwrap();
        let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
        let read = |row: &rusqlite::Row<'_>| {
            let mut json = serde_json::Map::new();
            for (n, name) in names.iter().enumerate() {
                let value = match row.get_ref(n)? {
                    rusqlite::types::ValueRef::Integer(number) => number.into(),
                    rusqlite::types::ValueRef::Real(number) => number.into(),
                    rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned().into(),
                    _ => Value::Null,
                };
                json.insert(name.clone(), value);
            }
            Ok(Value::Object(json))
        };
        statement.query_map([], read).unwrap().map(Result::unwrap).collect()
    }

    /// What a question answers with one number.
    #[must_use]
    pub fn number(&self, sql: &str) -> i64 {
        self.0.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Asserts that the file is whole, every row is what its last change says, and the buckets sum up the log.
    pub fn is_consistent(&self) {
        // One snapshot: a running hub may commit in between.
        self.0.execute_batch("BEGIN").unwrap();
        let integrity: String = self.0.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(integrity, "ok");
        let mut last = self.last_changes();
        for table in TABLES {
            self.rows_are_as_logged(table.name, &mut last);
        }
        assert!(last.is_empty(), "the log knows rows that are not there: {:?}", last.keys());
        self.buckets_sum_up();
        self.0.execute_batch("COMMIT").unwrap();
    }

    fn last_changes(&self) -> HashMap<(String, String), Option<String>> {
        let sql = "SELECT tbl, row_id, row_json, max(seq) FROM changes GROUP BY tbl, row_id";
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn rows_are_as_logged(&self, table: &str, last: &mut HashMap<(String, String), Option<String>>) {
        let mut statement = self.0.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let names: Vec<String> = statement.column_names().iter().map(|name| (*name).to_owned()).collect();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let id: String = row.get("id").unwrap();
            let logged = last.remove(&(table.to_owned(), id.clone()));
            let logged = logged.unwrap_or_else(|| panic!("{table} {id} is not in the log"));
            let deleted: Option<i64> = row.get("deleted_at").unwrap();
            assert_eq!(deleted.is_some(), logged.is_none(), "{table} {id}: deleted or not");
            let Some(logged) = logged else { continue };
            let logged: Value = serde_json::from_str(&logged).unwrap();
            for (n, name) in names.iter().enumerate() {
                // Local columns, and those whose preset is shown in place of nothing.
                let (Some(said), held) = (logged.get(name), row.get::<_, Sql>(n).unwrap()) else { continue };
                let same = match &held {
                    Sql::Null => true,
                    Sql::Integer(number) => said.as_i64() == Some(*number) || said.as_bool() == Some(*number != 0),
                    Sql::Real(number) => said.as_f64() == Some(*number),
                    Sql::Text(text) => {
                        said.as_str() == Some(text) || serde_json::from_str(text).ok().as_ref() == Some(said)
                    }
                    Sql::Blob(_) => false,
                };
                assert!(same, "{table} {id} {name}: the row has {held:?}, the log {said}");
            }
        }
    }

    fn buckets_sum_up(&self) {
        let read = |sql: &str| -> BTreeMap<String, (i64, i64)> {
            let mut statement = self.0.prepare(sql).unwrap();
            let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))).unwrap();
            rows.map(Result::unwrap).collect()
        };
        let log = read("SELECT scope, sum(checksum) & 4294967295, count(*) FROM changes GROUP BY scope");
        let buckets = read("SELECT scope, sum(checksum) & 4294967295, sum(count) FROM buckets GROUP BY scope");
        assert_eq!(buckets, log, "checksum and count of each scope");
    }
}
