//! What each of those who share a family's rows holds: every row, every register with its clock, deleted ones too.
//!
//! Hubs and their server must hold the same in the end; [`Copy::unlike`] tells where two of them do not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kairos_core::hlc::Hlc;
use kairos_core::ids::UserId;
use kairos_core::row::Row;
use kairos_core::schema::{DELETED_AT, TABLES, Table};
use kairos_core::scope::Scope;
use kairos_core::value::Value;
use kairos_postgres::Postgres;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, Value as Json};

/// A row's table and id.
pub type Name = (&'static str, String);

/// All the rows that somebody holds, at one moment.
#[derive(Debug)]
pub struct Copy {
    /// Whose they are.
    pub whose: String,
    /// The rows, deleted ones too.
    pub rows: BTreeMap<Name, Row>,
}

impl Copy {
    /// What a hub holds, running or not.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a look from outside must not go through the hub")]
    pub fn of_hub(whose: &str, database: &Path) -> Self {
        let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        connection.busy_timeout(crate::PATIENCE).unwrap();
        connection.execute_batch("BEGIN").unwrap();
        let mut rows = BTreeMap::new();
        for table in TABLES.iter().copied() {
            let mut statement = connection.prepare(&format!("SELECT * FROM {}", table.name)).unwrap();
            let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
            let mut found = statement.query([]).unwrap();
            while let Some(stored) = found.next().unwrap() {
                let columns =
                    names.iter().enumerate().map(|(n, name)| (name.clone(), json_of(name, stored.get_ref(n).unwrap())));
                let row = row_of(table, columns.collect());
                rows.insert((table.name, row.id.clone()), row);
            }
        }
        Self { whose: whose.to_owned(), rows }
    }

    /// What a server holds, of everybody.
    pub async fn of_server(server: &Postgres) -> Self {
        let each =
            TABLES.iter().map(|table| format!("SELECT '{0}', row_to_json(t)::text FROM kairos.{0} t", table.name));
        let answer = server.psql(&each.collect::<Vec<_>>().join(" UNION ALL ")).await;
        let mut rows = BTreeMap::new();
        for line in answer.lines() {
            let (table, text) = line.split_once('|').unwrap();
            let table = Table::named(table).unwrap();
            let row = row_of(table, serde_json::from_str(text).unwrap());
            rows.insert((table.name, row.id.clone()), row);
        }
        Self { whose: "the server".into(), rows }
    }

    /// The rows of a table that are not deleted, by id.
    pub fn living(&self, table: &'static Table) -> impl Iterator<Item = &Row> {
        self.rows.values().filter(move |row| row.table == table && row.deleted_at.is_none())
    }

    /// Where this and another copy differ, in words; nowhere when they are the same.
    #[must_use]
    pub fn unlike(&self, other: &Self) -> Vec<String> {
        let names: BTreeSet<&Name> = self.rows.keys().chain(other.rows.keys()).collect();
        let mut told = Vec::new();
        for name in names {
            let (table, id) = name;
            match (self.rows.get(name), other.rows.get(name)) {
                (Some(a), Some(b)) => {
                    let differences = differences(a, b);
                    if !differences.is_empty() {
                        told.push(format!("{table} {id}: {}", differences.join("; ")));
                    }
                }
                (a, b) => {
                    let (has, lacks) = if a.is_some() { (self, other) } else { (other, self) };
                    let deleted = a.or(b).is_some_and(|row| row.deleted_at.is_some());
                    let word = if deleted { "a tombstone of " } else { "" };
                    told.push(format!("{table} {id}: {} has {word}it, {} does not", has.whose, lacks.whose));
                }
            }
        }
        if !told.is_empty() {
            told.insert(0, format!("{} / {}", self.whose, other.whose));
        }
        told
    }
}

/// What tells two versions of a row apart: its values, those that are folded from others too, and every clock.
fn differences(a: &Row, b: &Row) -> Vec<String> {
    let mut told = Vec::new();
    let mut tell = |what: &str, a: String, b: String| {
        if a != b {
            told.push(format!("{what} {a} / {b}"));
        }
    };
    tell("scope", a.scope.to_string(), b.scope.to_string());
    tell("user_id", a.user_id.to_string(), b.user_id.to_string());
    tell("created_at", a.created_at.to_string(), b.created_at.to_string());
    // Of a day it follows from its events whether something stands there; since when nothing does is nobody's to tell.
    let deleted = |row: &Row| if row.table.is_derived() { row.deleted_at.map(|_| 0) } else { row.deleted_at };
    tell("deleted_at", format!("{:?}", deleted(a)), format!("{:?}", deleted(b)));
    for column in a.table.columns {
        tell(column.name, format!("{:?}", a.look(column.name)), format!("{:?}", b.look(column.name)));
    }
    tell("extra", format!("{:?}", a.extra), format!("{:?}", b.extra));
    for register in a.clocks.keys().chain(b.clocks.keys()).collect::<BTreeSet<_>>() {
        let clock = |row: &Row| format!("{:?}", row.clocks.get(register).map(Hlc::to_string));
        tell(&format!("clock of {register}"), clock(a), clock(b));
    }
    told
}

/// A column of SQLite as JSON.
fn json_of(name: &str, value: ValueRef<'_>) -> Json {
    match value {
        ValueRef::Null | ValueRef::Blob(_) => Json::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) if matches!(name, "extra" | "_clk") => serde_json::from_slice(text).unwrap(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned().into(),
    }
}

/// A row as it is stored, by its columns: with `_clk` where its registers have clocks of their own.
#[must_use]
pub fn row_of(table: &'static Table, mut json: Map<String, Json>) -> Row {
    let text = |name: &str| json[name].as_str().unwrap_or_else(|| panic!("{} without {name}", table.name)).to_owned();
    let (scope, by) = (Scope::parse(&text("scope")).unwrap(), UserId::new(text("user_id")).unwrap());
    let hlc = Hlc::parse(&text("hlc")).unwrap();
    let mut row = Row::new(table, text("id"), scope, by, json["created_at"].as_i64().unwrap());
    row.deleted_at = json["deleted_at"].as_i64();
    let mut registers = Vec::new();
    for column in table.columns {
        row.columns.insert(column.name, Value::from_json(json.remove(column.name).unwrap()));
        if !column.derived {
            registers.push(column.register.to_owned());
        }
    }
    for (name, value) in json["extra"].as_object().into_iter().flatten() {
        row.extra.insert(name.clone(), Value::from_json(value.clone()));
        registers.push(name.clone());
    }
    if row.deleted_at.is_some() && !table.is_derived() {
        registers.push(DELETED_AT.into());
    }
    row.clocks = match &json["_clk"] {
        Json::Null => registers.into_iter().map(|register| (register.into(), hlc.clone())).collect(),
        clocks => serde_json::from_value(clocks.clone()).unwrap(),
    };
    row.touched = Some(hlc);
    row.typed()
}
