//! What the replaced database holds and the restored one does not: named, so that nothing vanishes unsaid.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use kairos_core::Millis;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::verify;
use crate::store::error::in_words;

/// How many ids of a table an answer names; the report names them all.
const SHOWN: usize = 20;

/// What one table lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lack {
    /// The table.
    pub table: String,
    /// How many rows were written.
    pub count: usize,
    /// When the newest of them was.
    pub newest_at: Millis,
    /// The first of their ids.
    pub ids: Vec<String>,
}

/// What a restored database lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// How many changes.
    pub changes: i64,
    /// The rows, by table.
    pub rows: Vec<Lack>,
    /// Why the replaced database could not be read; it is kept all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// Changes of the one log that the other does not hold. Two logs of one hub are the same up to a place, also over several
/// restores, so a change is known by its place, its clock and its checksum.
const LACKED: &str = "FROM main.changes AS mine WHERE NOT EXISTS (
    SELECT 1 FROM other.changes AS theirs WHERE theirs.seq = mine.seq AND theirs.hlc = mine.hlc
    AND theirs.checksum = mine.checksum AND theirs.tbl = mine.tbl AND theirs.row_id = mine.row_id)";

/// Opens the replaced database with the restored one beside it.
fn both(replaced: &Path, restored: &Path) -> rusqlite::Result<Connection> {
    let connection = verify::open(replaced)?;
    connection.execute("ATTACH ?1 AS other", [restored.to_string_lossy()])?;
    Ok(connection)
}

/// What the restored database lacks. One that cannot be read is told as such.
pub(crate) fn between(replaced: &Path, restored: &Path) -> Missing {
    let read = || -> rusqlite::Result<Missing> {
        let connection = both(replaced, restored)?;
        let changes = connection.query_row(&format!("SELECT count(*) {LACKED}"), [], |row| row.get(0))?;
        let mut rows = BTreeMap::<String, Lack>::new();
        each_row(&connection, |table, id, at| {
            let lack = rows.entry(table.to_owned()).or_default();
            lack.count += 1;
            lack.newest_at = lack.newest_at.max(at);
            if lack.ids.len() < SHOWN {
                lack.ids.push(id.to_owned());
            }
            Ok(())
        })?;
        let rows = rows.into_iter().map(|(table, lack)| Lack { table, ..lack }).collect();
        Ok(Missing { changes, rows, unreadable: None })
    };
    read().unwrap_or_else(|error| Missing { unreadable: Some(in_words(&error)), ..Missing::default() })
}

/// Shows every row that was written, once, by table.
fn each_row(
    connection: &Connection,
    mut each: impl FnMut(&str, &str, Millis) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let sql = format!("SELECT tbl, row_id, max(at) {LACKED} GROUP BY tbl, row_id");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (table, id): (String, String) = (row.get(0)?, row.get(1)?);
        each(&table, &id, row.get(2)?)?;
    }
    Ok(())
}

/// Writes the report: all of it, row by row, so that a year of rows needs no memory.
pub(crate) fn report(
    path: &Path,
    about: &serde_json::Value,
    missing: &Missing,
    (replaced, restored): (&Path, &Path),
) -> Result<(), Fault> {
    let io = |error: std::io::Error| Fault::io(path, &error);
    let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path).map_err(io)?;
    let mut out = BufWriter::new(file);
    let head = serde_json::json!({ "restore": about, "changes": missing.changes, "unreadable": missing.unreadable });
    let head = head.to_string();
    let open = head.strip_suffix('}').unwrap_or(&head);
    write!(out, "{open},\n\"rows\": [").map_err(io)?;
    if missing.unreadable.is_none() {
        let mut written = Ok(());
        let mut first = true;
        let read = both(replaced, restored).and_then(|connection| {
            each_row(&connection, |table, id, at| {
                let row = serde_json::json!({ "table": table, "id": id, "at": at });
                let between = if std::mem::take(&mut first) { "" } else { "," };
                if written.is_ok() {
                    written = write!(out, "{between}\n  {row}");
                }
                Ok(())
            })
        });
        read.map_err(|error| Fault::sqlite(replaced, &error))?;
        written.map_err(io)?;
    }
    write!(out, "\n]}}\n").map_err(io)?;
    let file = out.into_inner().map_err(|error| io(error.into_error()))?;
    file.sync_all().map_err(io)
}
