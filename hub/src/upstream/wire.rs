//! Rows in and out of Postgres, by their description in core: read as JSON, written column by column with one UNNEST a table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::OnceLock;

use kairos_core::hlc::Hlc;
use kairos_core::ids::{EventId, UserId};
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETION_EVENTS, Kind, TABLES, Table};
use kairos_core::scope::Scope;
use kairos_core::value::Value;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};
use sqlx::{AssertSqlSafe, PgConnection};

use super::fault::Fault;

/// The schema that holds everything of ours in the server's database.
pub(super) const SCHEMA: &str = "kairos";

/// The largest row that is read, in bytes of its texts: no hub writes one as large.
pub(super) const LARGEST: i64 = 4 << 20;
/// About how many bytes a page has at most.
const PAGE_BYTES: i64 = 8 << 20;

/// A row as the server has it.
#[derive(Debug)]
pub(super) struct Stored {
    /// The row.
    pub(super) row: Row,
    /// Whether there was something in it for which there is no word here, and which is nothing therefore: it is to be written there
    /// as it was read.
    pub(super) mended: bool,
}

/// Rows of one table as the server has them, by their ids.
#[derive(Debug, Default)]
pub(super) struct There {
    /// The rows.
    pub(super) rows: BTreeMap<String, Row>,
    mended: BTreeSet<String>,
}

impl There {
    /// Whether a row has to be written as it was read.
    pub(super) fn is_mended(&self, id: &str) -> bool {
        self.mended.contains(id)
    }
}

impl std::ops::Deref for There {
    type Target = BTreeMap<String, Row>;
    fn deref(&self) -> &Self::Target {
        &self.rows
    }
}

/// The next rows of a scope.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Those that can be read, in the order of their numbers.
    pub(super) rows: Vec<Stored>,
    /// Those that cannot: their table and id.
    pub(super) unreadable: Vec<(&'static Table, String)>,
    /// The number of the last; `None`: there is nothing more.
    pub(super) last: Option<i64>,
}

/// How large a row `t` of a table is, in bytes of its texts: told without reading the texts.
fn size_of(table: &'static Table) -> String {
    let texts = table.columns.iter().filter(|column| column.kind == Kind::Text).map(|column| column.name);
    let texts = texts.chain(["id", "user_id", "hlc"]).map(|name| format!("coalesce(octet_length(t.{name}), 0)"));
    // What is small as it is stored is small.
    let json = ["extra", "_clk"].map(|name| {
        format!(
            "CASE WHEN t.{name} IS NULL THEN 0 WHEN pg_column_size(t.{name}) < 4096 THEN 4096
             ELSE octet_length(t.{name}::text) END"
        )
    });
    texts.chain(json).map(|one| format!("({one})::bigint")).collect::<Vec<_>>().join(" + ")
}

/// The rows that can be read among those that were found; of the others nothing is known.
fn readable(table: &'static Table, found: &[String]) -> Vec<Stored> {
    let read = found.iter().map(|text| decode(table, text));
    read.filter_map(|one| one.inspect_err(|fault| tracing::debug!("The server has {fault}.")).ok()).collect()
}

/// Reads rows by their ids, whichever of them are there and may be seen. One that cannot be read is as one that is not there: what is
/// written over it puts it right.
pub(super) async fn by_ids(connection: &mut PgConnection, table: &'static Table, ids: &[&str]) -> Result<There, Fault> {
    if ids.is_empty() {
        return Ok(There::default());
    }
    let (name, size) = (table.name, size_of(table));
    let sql =
        format!("SELECT row_to_json(t)::text FROM {SCHEMA}.{name} AS t WHERE id = ANY($1) AND {size} <= {LARGEST}");
    let found: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).bind(ids).fetch_all(connection).await?;
    let mut there = There::default();
    for stored in readable(table, &found) {
        if stored.mended {
            there.mended.insert(stored.row.id.clone());
        }
        there.rows.insert(stored.row.id.clone(), stored.row);
    }
    Ok(there)
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
    Ok(readable(table, &found).into_iter().map(|stored| stored.row).collect())
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
    Ok(readable(&COMPLETION_EVENTS, &found).into_iter().map(|stored| stored.row).collect())
}

/// The next rows of a scope in the order of their numbers, of all tables.
pub(super) async fn page(connection: &mut PgConnection, scope: &Scope, after: i64, most: i64) -> Result<Page, Fault> {
    static SQL: OnceLock<String> = OnceLock::new();
    let sql = SQL.get_or_init(page_sql);
    let query = sqlx::query_as(AssertSqlSafe(sql.clone())).bind(scope.to_string()).bind(after).bind(most);
    let found: Vec<(String, i64, String, Option<String>)> = query.fetch_all(connection).await?;
    let mut page = Page { last: found.last().map(|(_, seq, ..)| *seq), ..Page::default() };
    for (table, _, id, text) in found {
        let table = Table::named(&table).ok_or_else(|| Fault::broken("a table that is not described"))?;
        match text.map(|text| decode(table, &text)) {
            Some(Ok(stored)) => page.rows.push(stored),
            _ => page.unreadable.push((table, id)),
        }
    }
    Ok(page)
}

/// First up to which number the page reaches by rows, from the indexes alone; then by bytes; then the rows, without those that are
/// too large.
fn page_sql() -> String {
    let (mut numbers, mut sizes, mut rows) = (String::new(), String::new(), String::new());
    for (n, table) in TABLES.iter().enumerate() {
        let union = if n == 0 { "" } else { " UNION ALL " };
        let (name, size) = (table.name, size_of(table));
        let _ = write!(
            numbers,
            "{union}(SELECT seq FROM {SCHEMA}.{name} WHERE scope = $1 AND seq > $2 ORDER BY seq LIMIT $3)"
        );
        let _ = write!(
            sizes,
            "{union}SELECT seq, {size} AS size FROM {SCHEMA}.{name} AS t
             WHERE scope = $1 AND seq > $2 AND seq <= (SELECT last FROM reach)"
        );
        let _ = write!(
            rows,
            "{union}SELECT '{name}'::text AS tbl, seq, left(id, 200) AS id,
               CASE WHEN {size} <= {LARGEST} THEN row_to_json(t)::text END AS doc FROM {SCHEMA}.{name} AS t
             WHERE scope = $1 AND seq > $2 AND seq <= (SELECT last FROM room)"
        );
    }
    format!(
        "WITH reach AS MATERIALIZED (
           SELECT coalesce(max(seq), 0) AS last FROM (SELECT seq FROM ({numbers}) AS n ORDER BY seq LIMIT $3) AS m
         ), room AS MATERIALIZED (
           SELECT coalesce(max(seq), 0) AS last FROM (
             SELECT seq, sum(CASE WHEN size <= {LARGEST} THEN size ELSE 0 END) OVER (ORDER BY seq) AS total, min(seq) OVER () AS first
             FROM ({sizes}) AS s
           ) AS r WHERE total <= {PAGE_BYTES} OR seq = first
         ) SELECT tbl, seq, id, doc FROM ({rows}) AS found ORDER BY seq"
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
    let mut mended = false;
    let mut json = match serde_json::from_str(text) {
        Ok(json) => json,
        // There is a number in it that is larger than any here.
        Err(_) => {
            mended = true;
            read_each(text).ok_or_else(|| broken("that is no object"))?
        }
    };
    let scope = text_of(&json, "scope").and_then(|text| Scope::parse(&text).ok());
    let scope = scope.ok_or_else(|| broken("without a scope"))?;
    let user = text_of(&json, "user_id").and_then(|text| UserId::new(text).ok());
    let user = user.ok_or_else(|| broken("without a user_id"))?;
    let id = text_of(&json, "id").filter(|id| EventId::new(id.as_str()).is_ok());
    let id = id.ok_or_else(|| broken("without an id"))?;
    let hlc = text_of(&json, "hlc").and_then(|text| Hlc::parse(&text).ok());
    let hlc = hlc.ok_or_else(|| broken("without a clock"))?;
    let number = |name: &str| json.get(name).and_then(Json::as_i64);
    let mut row = Row::new(table, id, scope, user, number("created_at").unwrap_or(hlc.millis()));
    row.deleted_at = number("deleted_at");
    for column in table.columns {
        // A number is one of the column's kind, however it is written.
        let value = match (column.kind, json.remove(column.name).map(Value::from_json)) {
            #[allow(clippy::cast_precision_loss)] // amounts, far below 2^53
            (Kind::Real, Some(Value::Integer(number))) => Value::Real(number as f64),
            // NaN and the infinities come as texts.
            (Kind::Real, Some(Value::Text(_))) => {
                mended = true;
                Value::Null
            }
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
    Ok(Stored { row: row.typed(), mended })
}

/// Reads an object value by value, also in those below it: one that cannot be read is nothing.
fn read_each(text: &str) -> Option<Map<String, Json>> {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    let read = |(name, raw): (String, &RawValue)| {
        let read = serde_json::from_str(raw.get()).ok();
        (name, read.or_else(|| read_each(raw.get()).map(Json::Object)).unwrap_or_default())
    };
    Some(fields.into_iter().map(read).collect())
}

fn text_of(json: &Map<String, Json>, name: &str) -> Option<String> {
    json.get(name).and_then(Json::as_str).map(str::to_owned)
}
