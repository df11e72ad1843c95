//! Every synced table and column is in all four places: the hub's SQLite, the server's Postgres, the streams of a PowerSync
//! Service, and the schema of the app.

use std::collections::{BTreeMap, BTreeSet};

use kairos_core::schema::{COMMON, Kind, Stream, TABLES, Table};
use kairos_tests::streams::{client_schema, reader, shipped, through};
use kairos_tests::{Database, House, Postgres, workspace};
use serde_json::json;

use super::{at, row};

/// Tables and their columns.
type Tables = BTreeMap<String, Vec<String>>;

/// What of the description a place lacks.
fn lacking(place: &str, have: &Tables, wanted: impl Fn(&Table) -> Vec<&'static str>) -> Vec<String> {
    let mut lacking = Vec::new();
    for table in TABLES {
        let wanted = wanted(table);
        match have.get(table.name) {
            None if wanted.is_empty() => {}
            None => lacking.push(format!("{place} lacks the table {}", table.name)),
            Some(have) => {
                let have: BTreeSet<&str> = have.iter().map(String::as_str).collect();
                let columns = wanted.into_iter().filter(|column| !have.contains(column));
                lacking.extend(columns.map(|column| format!("{place} lacks {}.{column}", table.name)));
            }
        }
    }
    lacking
}

fn own(table: &Table) -> impl Iterator<Item = &'static str> {
    table.columns.iter().map(|column| column.name)
}

/// Databases hold all tables, with clocks.
fn in_a_database(table: &Table) -> Vec<&'static str> {
    COMMON.into_iter().chain(own(table)).collect()
}

/// Clients get no clocks, and no table that only hubs and servers need.
fn on_a_phone(table: &Table) -> Vec<&'static str> {
    if table.stream == Stream::Internal {
        return Vec::new();
    }
    COMMON.into_iter().filter(|name| *name != "_clk").chain(own(table)).collect()
}

/// What the app asks its database for.
fn in_the_app(table: &Table) -> Vec<&'static str> {
    // An SDK's tables have an id by themselves; hlc, deleted_at and extra are no concern of a screen.
    let hidden = ["id", "hlc", "deleted_at", "extra"];
    on_a_phone(table).into_iter().filter(|name| !hidden.contains(name)).collect()
}

/// A real hub's database, after all of its migrations.
async fn sqlite() -> Tables {
    let mut house = House::start().await;
    house.stop().await;
    Database::open(&house.database()).columns()
}

/// A real Postgres, after all of its own.
async fn postgres(server: &Postgres) -> Tables {
    let sql = "SELECT table_name || ' ' || column_name FROM information_schema.columns WHERE table_schema = 'kairos'";
    let mut tables = Tables::new();
    for line in server.psql(sql).await.lines() {
        let (table, column) = line.split_once(' ').unwrap();
        tables.entry(table.to_owned()).or_default().push(column.to_owned());
    }
    tables
}

/// What comes out of the shipped streams when every column of every table is full.
async fn streams(server: &Postgres) -> Tables {
    let mut all = Vec::new();
    for table in TABLES {
        let mut columns: Vec<(&str, &str)> = Vec::new();
        for column in table.columns {
            columns.push((column.name, if column.kind == Kind::Text { "'x'" } else { "1" }));
        }
        all.push(row(table.name, "full", "u:ada", &columns, &at(0)));
    }
    server.psql(&format!("SET session_replication_role = replica; {}", all.join(";\n"))).await;
    let ada = reader("ada", &json!({ "events": [{ "habit": "x" }] }));
    let said = through(server, &shipped(), &[ada]).await;
    assert_eq!(said.problems, Vec::<String>::new());
    let rows = said.seen[0].rows.iter();
    rows.map(|((table, _), (_, row))| (table.clone(), row.keys().cloned().collect())).collect()
}

#[tokio::test]
async fn every_synced_table_and_column_is_in_all_four_places() {
    let server = Postgres::with_tables().await;
    let app = client_schema(&workspace().join("docs/sync/schema.js")).await;
    let found = [
        lacking("SQLite", &sqlite().await, in_a_database),
        lacking("Postgres", &postgres(&server).await, in_a_database),
        lacking("the app's schema", &app, in_the_app),
    ];
    assert!(found.iter().all(Vec::is_empty), "{found:#?}");
    // What Postgres lacks the streams cannot give.
    let found = lacking("the file of streams", &streams(&server).await, on_a_phone);
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn what_one_of_the_places_lacks_is_seen() {
    let server = Postgres::with_tables().await;
    let dir = tempfile::tempdir().unwrap();
    let without_unit = dir.path().join("schema.js");
    let app = std::fs::read_to_string(workspace().join("docs/sync/schema.js")).unwrap();
    std::fs::write(&without_unit, app.replacen("    unit: column.text,\n", "", 1)).unwrap();
    let app = client_schema(&without_unit).await;
    assert_eq!(lacking("the app's schema", &app, in_the_app), ["the app's schema lacks habits.unit"]);

    let mut phones = streams(&server).await;
    phones.remove("pauses");
    phones.get_mut("habits").unwrap().retain(|column| column != "unit");
    let told = ["the file of streams lacks habits.unit", "the file of streams lacks the table pauses"];
    assert_eq!(lacking("the file of streams", &phones, on_a_phone), told);

    server.psql("DROP PUBLICATION powersync; ALTER TABLE kairos.habits DROP COLUMN unit").await;
    let have = postgres(&server).await;
    assert_eq!(lacking("Postgres", &have, in_a_database), ["Postgres lacks habits.unit"]);
}
