//! What a PowerSync Service would give to phones, as PowerSync's own parser of streams tells it: the shipped streams over
//! the rows of a real Postgres (`tests/peers/powersync/streams.mjs`).

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Map, Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::postgres::Postgres;
use crate::{sdk, workspace};

/// What the parser said.
#[derive(Debug)]
pub struct Said {
    /// Errors and warnings.
    pub problems: Vec<String>,
    /// What each reader would get, in the order in which they were named.
    pub seen: Vec<Seen>,
}

/// What a reader would get.
#[derive(Debug)]
pub struct Seen {
    /// How many buckets it has.
    pub buckets: u64,
    /// What was wrong with what was asked.
    pub errors: Vec<Value>,
    /// The rows, by table and id, with the most urgent priority of their buckets.
    pub rows: BTreeMap<(String, String), (u64, Map<String, Value>)>,
}

impl Seen {
    /// The ids of a table, with blanks between.
    #[must_use]
    pub fn ids(&self, table: &str) -> String {
        let ids: Vec<&str> = self.rows.keys().filter(|(of, _)| of == table).map(|(_, id)| id.as_str()).collect();
        ids.join(" ")
    }
}

/// The shipped streams.
#[must_use]
pub fn shipped() -> String {
    std::fs::read_to_string(workspace().join("deploy/powersync/sync-streams.yaml")).unwrap()
}

/// A person who reads, and what they ask for beside what everybody gets: `{ stream: [parameters] }`.
#[must_use]
pub fn reader(user: &str, asked: &Value) -> Value {
    json!({ "user": user, "streams": asked })
}

/// Puts everything the publication offers through streams.
pub async fn through(postgres: &Postgres, streams: &str, readers: &[Value]) -> Said {
    let offered = "SELECT coalesce(jsonb_object_agg(relname, columns), '{}') FROM (
           SELECT p.tablename AS relname, jsonb_object_agg(a.attname, format_type(a.atttypid, NULL)) AS columns
           FROM pg_publication_tables p
           JOIN pg_attribute a ON a.attrelid = ('kairos.' || p.tablename)::regclass AND a.attname = ANY (p.attnames)
           WHERE p.pubname = 'powersync' AND p.schemaname = 'kairos' GROUP BY p.tablename) t";
    let columns: Value = serde_json::from_str(&postgres.psql(offered).await).unwrap();
    let mut rows = Map::new();
    for (table, columns) in columns.as_object().unwrap() {
        let columns: Vec<&str> = columns.as_object().unwrap().keys().map(String::as_str).collect();
        let sql = format!(
            "SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]') FROM (SELECT {} FROM kairos.{table} ORDER BY id) t",
            columns.join(", ")
        );
        rows.insert(table.clone(), serde_json::from_str(&postgres.psql(&sql).await).unwrap());
    }
    run(streams, &json!({ "columns": columns, "rows": rows, "readers": readers })).await
}

async fn run(streams: &str, input: &Value) -> Said {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("streams.yaml");
    std::fs::write(&file, streams).unwrap();
    let mut command = Command::new(sdk::node());
    command.args(["--no-warnings", "streams.mjs"]).arg(&file);
    command.current_dir(workspace().join("tests/peers/powersync"));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = input.to_string();
    // It reads to the end before it says anything.
    stdin.write_all(text.as_bytes()).await.unwrap();
    drop(stdin);
    let done = child.wait_with_output().await.unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    let mut lines = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let first = lines.next().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&done.stderr)));
    let problems = first["problems"].as_array().unwrap().iter().map(|p| p.as_str().unwrap().to_owned()).collect();
    Said { problems, seen: lines.map(|line| seen(&line)).collect() }
}

fn seen(line: &Value) -> Seen {
    let mut rows = BTreeMap::<_, (u64, Map<String, Value>)>::new();
    for row in line["rows"].as_array().unwrap() {
        let data = row["data"].as_object().unwrap().clone();
        let key = (row["table"].as_str().unwrap().to_owned(), data["id"].as_str().unwrap().to_owned());
        let priority = row["priority"].as_u64().unwrap();
        // A row may be in several buckets, and is the same in each.
        let entry = rows.entry(key).or_insert_with(|| (priority, data.clone()));
        assert_eq!(entry.1, data, "one row in two buckets");
        entry.0 = entry.0.min(priority);
    }
    Seen { buckets: line["buckets"].as_u64().unwrap(), errors: line["errors"].as_array().unwrap().clone(), rows }
}

/// The tables and columns of the schema that apps open their database with, as PowerSync's SDK reads it.
pub async fn client_schema(file: &Path) -> BTreeMap<String, Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(file, dir.path().join("schema.mjs")).unwrap();
    let modules = workspace().join("tests/peers/powersync/node_modules");
    std::os::unix::fs::symlink(modules, dir.path().join("node_modules")).unwrap();
    let script = "import { schema } from './schema.mjs';
        const tables = schema.tables.map((table) => [table.name, table.columns.map((column) => column.name)]);
        console.log(JSON.stringify(Object.fromEntries(tables)));";
    let done = Command::new(sdk::node())
        .args(["--no-warnings", "--input-type=module", "--eval", script])
        .current_dir(dir.path())
        .output()
        .await
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}
