//! Rows in and out of Postgres, by their description in core: read as JSON, written column by column with one UNNEST a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::OnceLock;

use kairos_core::hlc::Hlc;
use kairos_core::ids::UserId;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETION_EVENTS, Kind, TABLES, Table};
use kairos_core::scope::Scope;
use kairos_core::value::Value;
use serde_json::{Map, Value as Json};
use sqlx::{AssertSqlSafe, PgConnection};

use super::fault::Fault;

/// The schema that holds everything of ours in the server's database.
pub(super) const SCHEMA: &str = "kairos";

/// A row as the server has it, and the number of its last change there.
#[derive(Debug)]
pub(super) struct Stored {
    /// The row.
    pub(super) row: Row,
    /// Its number in its scope.
    pub(super) seq: i64,
}

/// Reads rows by their ids, whichever of them are there and may be seen.
pub(super) async fn by_ids(
    connection: &mut PgConnection,
    table: &'static Table,
    ids: &[&str],
) -> Result<BTreeMap<String, Row>, Fault> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = format!("SELECT row_to_json(t)::text FROM {SCHEMA}.{} AS t WHERE id = ANY($1)", table.name);
    let found: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).bind(ids).fetch_all(connection).await?;
    let decoded = found.iter().map(|text| decode(table, text).map(|stored| (stored.row.id.clone(), stored.row)));
    decoded.collect()
}

/// Reads rows that meet a condition on two parameters: a scope and a list of texts.
pub(super) async fn in_scope(
    connection: &mut PgConnection,
    table: &'static Table,
    condition: &'static str,
    scope: &Scope,
    texts: &[&str],
) -> Result<Vec<Row>, Fault> {
    let sql = format!(
        "SELECT row_to_json(t)::text FROM {SCHEMA}.{} AS t WHERE scope = $1 AND deleted_at IS NULL AND {condition}",
        table.name
    );
    let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(scope.to_string()).bind(texts);
    let found: Vec<String> = query.fetch_all(connection).await?;
    found.iter().map(|text| decode(table, text).map(|stored| stored.row)).collect()
}

/// Reads the living events of days, each a habit and a date, none named twice.
///
/// Day by day along the index (`OFFSET 0` keeps it so): left to choose, Postgres reads all events there ever were, for a single
/// press.
pub(super) async fn events_of(
    connection: &mut PgConnection,
    scope: &Scope,
    (habits, dates): (&[String], &[String]),
) -> Result<Vec<Row>, Fault> {
    let sql = format!(
        "SELECT row_to_json(t)::text FROM UNNEST($2::text[], $3::text[]) AS w (habit, day) CROSS JOIN LATERAL
         (SELECT * FROM {SCHEMA}.{} WHERE habit_id = w.habit AND date = w.day AND scope = $1 AND deleted_at IS NULL OFFSET 0) AS t",
        COMPLETION_EVENTS.name
    );
    let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(scope.to_string()).bind(habits).bind(dates);
    let found: Vec<String> = query.fetch_all(connection).await?;
    found.iter().map(|text| decode(&COMPLETION_EVENTS, text).map(|stored| stored.row)).collect()
}

/// The next rows of a scope in the order of their numbers, of all tables.
pub(super) async fn page(
    connection: &mut PgConnection,
    scope: &Scope,
    after: i64,
    most: i64,
) -> Result<Vec<Stored>, Fault> {
    static SQL: OnceLock<String> = OnceLock::new();
    let sql = SQL.get_or_init(page_sql);
    let query = sqlx::query_as(AssertSqlSafe(sql.clone())).bind(scope.to_string()).bind(after).bind(most);
    let found: Vec<(String, String)> = query.fetch_all(connection).await?;
    let decode = |(table, text): &(String, String)| {
        let table = Table::named(table).ok_or_else(|| Fault::broken("a table that is not described"))?;
        decode(table, text)
    };
    found.iter().map(decode).collect()
}

/// First up to which number the page reaches, from the indexes alone; then the rows.
fn page_sql() -> String {
    let mut numbers = String::new();
    let mut rows = String::new();
    for (n, table) in TABLES.iter().enumerate() {
        let union = if n == 0 { "" } else { " UNION ALL " };
        let name = table.name;
        let _ = write!(
            numbers,
            "{union}(SELECT seq FROM {SCHEMA}.{name} WHERE scope = $1 AND seq > $2 ORDER BY seq LIMIT $3)"
        );
        let _ = write!(
            rows,
            "{union}SELECT '{name}'::text AS tbl, seq, row_to_json(t)::text AS doc FROM {SCHEMA}.{name} AS t
             WHERE scope = $1 AND seq > $2 AND seq <= (SELECT last FROM reach)"
        );
    }
    format!(
        "WITH reach AS MATERIALIZED (
           SELECT coalesce(max(seq), 0) AS last FROM (SELECT seq FROM ({numbers}) AS n ORDER BY seq LIMIT $3) AS m
         ) SELECT tbl, doc FROM ({rows}) AS found ORDER BY seq"
    )
}

/// Writes rows over what is there, numbered from `first` on, in their order.
///
/// # Errors
/// [`Fault::Foreign`] when the id of one of them lives in a scope that whoever writes may not see.
pub(super) async fn upsert(
    connection: &mut PgConnection,
    table: &'static Table,
    scope: &Scope,
    rows: &[&Row],
    first: i64,
) -> Result<(), Fault> {
    let clocks: Vec<Option<&Hlc>> = rows.iter().map(|row| row.hlc()).collect();
    let mut query = sqlx::query(AssertSqlSafe(upsert_sql(table)))
        .bind(scope.to_string())
        .bind(rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.user_id.as_str()).collect::<Vec<_>>());
    for column in table.columns {
        let preset = column.preset.value(column.kind);
        let values = rows.iter().map(|row| row.columns.get(column.name).unwrap_or(&preset));
        query = match column.kind {
            Kind::Text => query.bind(values.map(Value::as_text).collect::<Vec<_>>()),
            Kind::Integer => query.bind(values.map(Value::as_integer).collect::<Vec<_>>()),
            Kind::Real => query.bind(values.map(Value::as_number).collect::<Vec<_>>()),
        };
    }
    let updated = |(row, clock): (&&Row, &Option<&Hlc>)| clock.map_or(row.created_at, Hlc::millis);
    let query = query
        .bind(rows.iter().map(|row| row.created_at).collect::<Vec<_>>())
        .bind(rows.iter().zip(&clocks).map(updated).collect::<Vec<_>>())
        .bind(clocks.iter().map(|clock| clock.map(Hlc::to_string).unwrap_or_default()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.deleted_at).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| extra(row)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| written_out(row)).collect::<Vec<_>>())
        .bind((first..).take(rows.len()).collect::<Vec<i64>>());
    let written = match query.execute(connection).await {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42501") => return Err(Fault::Foreign),
        done => done?.rows_affected(),
    };
    // What stands in another scope was left as it is.
    if usize::try_from(written).is_ok_and(|written| written == rows.len()) { Ok(()) } else { Err(Fault::Foreign) }
}

fn upsert_sql(table: &'static Table) -> String {
    static ALL: OnceLock<BTreeMap<&'static str, String>> = OnceLock::new();
    let all = ALL.get_or_init(|| TABLES.iter().map(|table| (table.name, build_upsert(table))).collect());
    all.get(table.name).cloned().unwrap_or_default()
}

fn build_upsert(table: &'static Table) -> String {
    let kind = |kind| match kind {
        Kind::Text => "text",
        Kind::Integer => "bigint",
        Kind::Real => "double precision",
    };
    let mut columns = vec![("id", "text"), ("user_id", "text")];
    columns.extend(table.columns.iter().map(|column| (column.name, kind(column.kind))));
    columns.extend([
        ("created_at", "bigint"),
        ("updated_at", "bigint"),
        ("hlc", "text"),
        ("deleted_at", "bigint"),
        ("extra", "text"),
        ("_clk", "text"),
        ("seq", "bigint"),
    ]);
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let shown = columns.iter().map(|(name, _)| match *name {
        "extra" => "u.extra::jsonb".to_owned(),
        "_clk" => "u._clk::jsonb".to_owned(),
        name => format!("u.{name}"),
    });
    let arrays = columns.iter().enumerate().map(|(n, (_, kind))| format!("${}::{kind}[]", n + 2));
    let sets = names.iter().filter(|name| **name != "id").map(|name| format!("{name} = excluded.{name}"));
    format!(
        "INSERT INTO {SCHEMA}.{table} AS t (scope, {names}) SELECT $1, {shown} FROM UNNEST({arrays}) AS u ({names})
         ON CONFLICT (id) DO UPDATE SET {sets} WHERE t.scope = excluded.scope",
        table = table.name,
        names = names.join(", "),
        shown = shown.collect::<Vec<_>>().join(", "),
        arrays = arrays.collect::<Vec<_>>().join(", "),
        sets = sets.collect::<Vec<_>>().join(", "),
    )
}

fn extra(row: &Row) -> Option<String> {
    let fields = row.extra.iter().map(|(name, value)| (name.clone(), value.to_json()));
    (!row.extra.is_empty()).then(|| Json::Object(fields.collect()).to_string())
}

/// The clocks of a row, where they are not all the same.
fn written_out(row: &Row) -> Option<String> {
    if row.has_one_clock() { None } else { serde_json::to_string(&row.clocks).ok() }
}

/// Reads a row as Postgres writes it in JSON.
fn decode(table: &'static Table, text: &str) -> Result<Stored, Fault> {
    let broken = |what: &str| Fault::broken(&format!("a row of {} {what}", table.name));
    let mut json: Map<String, Json> = serde_json::from_str(text).map_err(|_| broken("that is no object"))?;
    let scope = text_of(&json, "scope").and_then(|text| Scope::parse(&text).ok());
    let scope = scope.ok_or_else(|| broken("without a scope"))?;
    let user = text_of(&json, "user_id").and_then(|text| UserId::new(text).ok());
    let user = user.ok_or_else(|| broken("without a user_id"))?;
    let id = text_of(&json, "id").ok_or_else(|| broken("without an id"))?;
    let hlc = text_of(&json, "hlc").and_then(|text| Hlc::parse(&text).ok());
    let hlc = hlc.ok_or_else(|| broken("without a clock"))?;
    let number = |name: &str| json.get(name).and_then(Json::as_i64);
    let mut row = Row::new(table, id, scope, user, number("created_at").unwrap_or(hlc.millis()));
    row.deleted_at = number("deleted_at");
    let seq = number("seq").unwrap_or(0);
    for column in table.columns {
        // A number is one of the column's kind, however it is written.
        let value = match (column.kind, json.remove(column.name).map(Value::from_json)) {
            #[allow(clippy::cast_precision_loss)] // amounts, far below 2^53
            (Kind::Real, Some(Value::Integer(number))) => Value::Real(number as f64),
            (_, value) => value.unwrap_or(Value::Null),
        };
        row.columns.insert(column.name, value);
    }
    if let Some(Json::Object(extra)) = json.remove("extra") {
        row.extra = extra.into_iter().map(|(name, value)| (name, Value::from_json(value))).collect();
    }
    match json.remove("_clk") {
        None | Some(Json::Null) => row.spread_clock(&hlc),
        Some(clocks) => row.clocks = serde_json::from_value(clocks).map_err(|_| broken("with broken clocks"))?,
    }
    row.touched = Some(hlc);
    Ok(Stored { row: row.typed(), seq })
}

fn text_of(json: &Map<String, Json>, name: &str) -> Option<String> {
    json.get(name).and_then(Json::as_str).map(str::to_owned)
}
