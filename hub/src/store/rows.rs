//! Synced rows in and out of SQLite, by their description in core.
//!
//! `_clk` holds the clock of each register as JSON; NULL says that all of them have the row's `hlc`,
//! which is how most rows are written and saves most of the space.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::OnceLock;

use kairos_core::hlc::Hlc;
use kairos_core::ids::UserId;
use kairos_core::row::Row;
use kairos_core::schema::{TABLES, Table};
use kairos_core::scope::Scope;
use kairos_core::value::Value;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Params};

/// The statements of one table, written once from its description.
struct Statements {
    select: String,
    upsert: String,
}

fn statements(table: &'static Table) -> &'static Statements {
    static ALL: OnceLock<BTreeMap<&'static str, Statements>> = OnceLock::new();
    let all = ALL.get_or_init(|| TABLES.iter().map(|table| (table.name, build(table))).collect());
    // Every `&'static Table` is one of TABLES: there is no other way to make one outside of core.
    all.get(table.name).unwrap_or_else(|| unreachable!("{} is not described", table.name))
}

fn build(table: &'static Table) -> Statements {
    let own: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let all: Vec<&str> = ["id", "scope", "user_id"]
        .into_iter()
        .chain(own)
        .chain(["created_at", "updated_at", "hlc", "deleted_at", "extra", "_clk"])
        .collect();
    let columns = all.join(", ");
    let marks: Vec<String> = (1..=all.len()).map(|n| format!("?{n}")).collect();
    let mut upsert =
        format!("INSERT INTO {} ({columns}) VALUES ({}) ON CONFLICT (id) DO UPDATE SET ", table.name, marks.join(", "));
    for (n, column) in all.iter().filter(|column| !matches!(**column, "id" | "scope")).enumerate() {
        let comma = if n == 0 { "" } else { ", " };
        let _ = write!(upsert, "{comma}{column} = excluded.{column}");
    }
    // An id that lives in another scope is never overwritten; the caller sees that no row changed.
    let _ = write!(upsert, " WHERE scope = excluded.scope");
    Statements { select: format!("SELECT {columns} FROM {}", table.name), upsert }
}

struct Sql<'a>(&'a Value);

impl ToSql for Sql<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Real(number) => ValueRef::Real(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// Writes a row over its earlier version. `false`: the id lives in another scope, nothing was written.
pub(super) fn upsert(connection: &Connection, row: &Row) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(&statements(row.table).upsert)?;
    let scope = row.scope.to_string();
    let hlc = row.hlc().map(Hlc::to_string).unwrap_or_default();
    let extra = if row.extra.is_empty() {
        None
    } else {
        let json: serde_json::Map<String, serde_json::Value> =
            row.extra.iter().map(|(name, value)| (name.clone(), value.to_json())).collect();
        Some(serde_json::Value::Object(json).to_string())
    };
    let clocks = encode_clocks(row);
    let mut n = 0;
    let mut bind = |value: &dyn ToSql| -> rusqlite::Result<()> {
        n += 1;
        statement.raw_bind_parameter(n, value)
    };
    bind(&row.id)?;
    bind(&scope)?;
    bind(&row.user_id.as_str())?;
    for column in row.table.columns {
        match row.columns.get(column.name) {
            Some(value) => bind(&Sql(value))?,
            None => bind(&Sql(&column.preset.value(column.kind)))?,
        }
    }
    bind(&row.created_at)?;
    bind(&row.updated_at())?;
    bind(&hlc)?;
    bind(&row.deleted_at)?;
    bind(&extra)?;
    bind(&clocks)?;
    Ok(statement.raw_execute()? > 0)
}

/// Reads the rows that meet a condition (`WHERE …`), in the order it asks for.
pub(super) fn select(
    connection: &Connection,
    table: &'static Table,
    condition: &str,
    params: impl Params,
) -> rusqlite::Result<Vec<Row>> {
    let sql = format!("{} {condition}", statements(table).select);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(params)?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push(decode(table, row)?);
    }
    Ok(rows)
}

/// The newest change's place in the log; 0 where there is none.
pub(super) fn head(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT coalesce(max(seq), 0) FROM changes")?.query_row([], |row| row.get(0))
}

/// Reads one row by its id.
pub(super) fn by_id(connection: &Connection, table: &'static Table, id: &str) -> rusqlite::Result<Option<Row>> {
    Ok(select(connection, table, "WHERE id = ?1", [id])?.pop())
}

fn decode(table: &'static Table, stored: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let broken = |index: usize, what: &'static str| {
        rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, what.into())
    };
    let scope = Scope::parse(stored.get_ref(1)?.as_str()?).map_err(|_| broken(1, "scope"))?;
    let user_id = UserId::new(stored.get::<_, String>(2)?).map_err(|_| broken(2, "user_id"))?;
    let after = 3 + table.columns.len();
    let mut row = Row::new(table, stored.get::<_, String>(0)?, scope, user_id, stored.get(after)?);
    for (n, column) in table.columns.iter().enumerate() {
        let value = match stored.get_ref(3 + n)? {
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Real(number) => Value::from(number),
            ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Null | ValueRef::Blob(_) => Value::Null,
        };
        row.columns.insert(column.name, value);
    }
    let hlc = Hlc::parse(stored.get_ref(after + 2)?.as_str()?).map_err(|_| broken(after + 2, "hlc"))?;
    row.deleted_at = stored.get(after + 3)?;
    if let Some(extra) = stored.get::<_, Option<String>>(after + 4)? {
        let extra: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&extra).map_err(|_| broken(after + 4, "extra"))?;
        row.extra = extra.into_iter().map(|(name, value)| (name, Value::from_json(value))).collect();
    }
    match stored.get::<_, Option<String>>(after + 5)? {
        Some(clocks) => row.clocks = serde_json::from_str(&clocks).map_err(|_| broken(after + 5, "_clk"))?,
        None => row.spread_clock(&hlc),
    }
    row.touched = Some(hlc);
    Ok(row)
}

fn encode_clocks(row: &Row) -> Option<String> {
    if row.has_one_clock() { None } else { serde_json::to_string(&row.clocks).ok() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use kairos_core::schema::{COMPLETIONS, HABITS};

    use super::*;

    fn database() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../migrations/0001_spine.sql")).unwrap();
        connection
    }

    fn at(n: i64) -> Hlc {
        Hlc::from_parts(n, 0, "a")
    }

    fn habit() -> Row {
        let ada = UserId::new("ada").unwrap();
        let mut row = Row::new(&HABITS, "h", Scope::Person(ada.clone()), ada, 1);
        row.set("name", "Water", &at(3));
        row
    }

    fn round_trip(row: &Row) -> (Row, Option<String>) {
        let connection = database();
        assert!(upsert(&connection, row).unwrap());
        let clocks =
            connection.query_row(&format!("SELECT _clk FROM {}", row.table.name), [], |row| row.get(0)).unwrap();
        (by_id(&connection, row.table, &row.id).unwrap().unwrap(), clocks)
    }

    #[test]
    fn a_row_comes_back_as_it_went_in() {
        let mut whole = habit();
        whole.stamp_all(&at(3));
        let (back, clocks) = round_trip(&whole);
        assert_eq!((back.clocks.clone(), back.to_json()), (whole.clocks.clone(), whole.to_json()));
        assert_eq!(clocks, None, "one clock for all is not written out");

        let mut edited = whole.clone();
        edited.set("color", "blue", &at(9));
        edited.set_deleted(Some(9), &at(9));
        edited.extra.insert("mood".into(), "good".into());
        edited.clocks.insert("mood".into(), at(4));
        let (back, clocks) = round_trip(&edited);
        assert!(clocks.is_some());
        assert_eq!(
            (back.clocks.clone(), back.to_json(), back.deleted_at),
            (edited.clocks.clone(), edited.to_json(), Some(9))
        );
    }

    #[test]
    fn a_cell_keeps_the_clock_of_its_last_fold() {
        let ada = UserId::new("ada").unwrap();
        let mut cell = Row::new(&COMPLETIONS, "c", Scope::Person(ada.clone()), ada, 1);
        cell.set("habit_id", "h", &at(1));
        cell.set("date", "2026-11-24", &at(1));
        cell.set("type", "FULL", &at(5));
        let (back, _) = round_trip(&cell);
        assert_eq!((back.hlc().cloned(), back.clocks), (Some(at(5)), cell.clocks));
    }

    #[test]
    fn an_id_of_another_scope_is_not_overwritten() {
        let connection = database();
        assert!(upsert(&connection, &habit()).unwrap());
        let mut other = habit();
        other.scope = Scope::parse("u:bo").unwrap();
        other.set("name", "Mine now", &at(99));
        assert!(!upsert(&connection, &other).unwrap());
        assert_eq!(by_id(&connection, &HABITS, "h").unwrap().unwrap().text("name"), "Water");
    }
}
