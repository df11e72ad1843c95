//! The server of several houses: a real Postgres with what `deploy/postgres` makes of it, and a real PocketBase.

mod accounts;
mod apart;
mod console;
mod dumps;
mod engines;
mod fences;
mod hand;
mod houses;
mod keeping;
mod leaving;
mod lines;
mod outage;
mod persons;
mod places;
mod relay;
mod replica;
mod restored;
mod shipped;
mod storm;
mod streams;
mod tables;
mod tombstones;

use kairos_core::hlc::Hlc;
use kairos_core::row::Row;
use kairos_core::schema::Table;
use kairos_tests::copies;
use kairos_tests::postgres::Session;

/// A clock of a hub in the year 2026, and one a minute after the other.
fn at(minutes: i64) -> Hlc {
    Hlc::from_parts(1_796_000_000_000 + minutes * 60_000, 0, "hub")
}

/// What a hub writes: a row whose registers all have one clock.
fn row(table: &str, id: &str, scope: &str, columns: &[(&str, &str)], hlc: &Hlc) -> String {
    let names: String = columns.iter().map(|(name, _)| format!(", {name}")).collect();
    let values: String = columns.iter().map(|(_, value)| format!(", {value}")).collect();
    let millis = hlc.millis();
    format!(
        "INSERT INTO kairos.{table} (id, scope, user_id, created_at, updated_at, hlc{names})
         VALUES ('{id}', '{scope}', 'ada', {millis}, {millis}, '{hlc}'{values})"
    )
}

/// A row as a hub reads it.
async fn read(session: &mut Session, table: &'static Table, id: &str) -> Row {
    let text = session.ask(&format!("SELECT to_jsonb(t) FROM kairos.{} t WHERE id = '{id}'", table.name)).await;
    copies::row_of(table, serde_json::from_str(&text).unwrap())
}
