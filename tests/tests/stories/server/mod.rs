//! The server of several houses: a real Postgres with what `deploy/postgres` makes of it, and a real PocketBase.

mod accounts;
mod copies;
mod fences;
mod hand;
mod houses;
mod keeping;
mod places;
mod relay;
mod replica;
mod shipped;
mod streams;
mod tables;

use kairos_core::hlc::Hlc;
use kairos_core::ids::UserId;
use kairos_core::row::Row;
use kairos_core::schema::{DELETED_AT, Table};
use kairos_core::scope::Scope;
use kairos_core::value::Value;
use kairos_tests::postgres::Session;
use serde_json::Value as Json;

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
    let json: Json = serde_json::from_str(&text).unwrap();
    let scope = Scope::parse(json["scope"].as_str().unwrap()).unwrap();
    let by = UserId::new(json["user_id"].as_str().unwrap()).unwrap();
    let mut row = Row::new(table, id, scope, by, json["created_at"].as_i64().unwrap());
    let mut registers = Vec::new();
    for column in table.columns {
        row.columns.insert(column.name, Value::from_json(json[column.name].clone()));
        if !column.derived {
            registers.push(column.register.to_owned());
        }
    }
    for (name, value) in json["extra"].as_object().into_iter().flatten() {
        row.extra.insert(name.clone(), Value::from_json(value.clone()));
        registers.push(name.clone());
    }
    row.deleted_at = json["deleted_at"].as_i64();
    if row.deleted_at.is_some() && !table.columns.iter().any(|column| column.derived) {
        registers.push(DELETED_AT.into());
    }
    let hlc = Hlc::parse(json["hlc"].as_str().unwrap()).unwrap();
    row.clocks = match &json["_clk"] {
        Json::Null => registers.into_iter().map(|register| (register.into(), hlc.clone())).collect(),
        clocks => serde_json::from_value(clocks.clone()).unwrap(),
    };
    row.touched = Some(hlc);
    row
}
