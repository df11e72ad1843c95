//! Is this file a whole database of ours, that this program can read?

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use kairos_core::Millis;
use kairos_core::change::Op;
use kairos_core::schema::Table;
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};

use super::fault::{Fault, Stop};
use super::seal::{self, Outside};
use crate::store::{meta, migrations, tx};

const MAGIC: &[u8] = b"SQLite format 3\0";

/// What a database says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// How large it is.
    pub bytes: u64,
    /// The version of its tables.
    pub version: usize,
    /// The hub it belongs to.
    pub hub_id: String,
    /// Which life of the database it is from.
    pub epoch: String,
    /// The newest change's place in the log.
    pub head: i64,
    /// How many changes the log holds.
    pub changes: i64,
    /// When the newest was made.
    pub newest_at: Option<Millis>,
}

/// Opens a database for reading.
#[allow(clippy::disallowed_methods)] // a backup reads through a connection of its own
pub(crate) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.execute_batch("PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY;")?;
    Ok(connection)
}

/// Looks at a file from outside, and refuses what cannot be a backup. Gives where its database ends.
pub(crate) fn outside(path: &Path) -> Result<Outside, Fault> {
    let io = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Fault::refused(path, "there is no such file"),
        std::io::ErrorKind::PermissionDenied => Fault::refused(path, "the hub may not read it"),
        _ => Fault::io(path, &error),
    };
    // Asked before it is opened: a pipe would wait for a writer.
    let metadata = std::fs::metadata(path).map_err(io)?;
    if metadata.is_dir() {
        return Err(Fault::refused(path, "it is a folder"));
    }
    if !metadata.is_file() {
        return Err(Fault::refused(path, "it is not a file"));
    }
    if metadata.len() == 0 {
        return Err(Fault::refused(path, "it is empty"));
    }
    let mut file = File::open(path).map_err(io)?;
    let mut head = [0; 100];
    let whole = file.read_exact(&mut head).is_ok();
    if head.get(..MAGIC.len()) != Some(MAGIC) {
        return Err(Fault::refused(path, "it is not a database"));
    }
    if !whole {
        return Err(Fault::refused(path, "it is cut off"));
    }
    file.seek(SeekFrom::Start(0)).map_err(io)?;
    let outside = seal::outside(&mut file).map_err(io)?;
    let said = length_in(&head);
    if said.is_some_and(|said| outside.length < said || (outside.seal.is_none() && outside.length != said)) {
        return Err(Fault::refused(path, "it is cut off"));
    }
    let log = path.with_file_name(format!("{}-wal", path.file_name().unwrap_or_default().to_string_lossy()));
    if outside.seal.is_none() && std::fs::metadata(log).is_ok_and(|log| log.len() > 0) {
        return Err(Fault::refused(
            path,
            "it is a database in use, or of a hub that was not stopped properly; make a backup of it with `kairos-hub backup`",
        ));
    }
    Ok(outside)
}

/// Whether a file begins as a database does. SQLite takes the log beside one that does not for rubbish, and away.
pub(crate) fn begins_well(path: &Path) -> bool {
    let mut head = [0; MAGIC.len()];
    File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == MAGIC
}

/// The length that a database's header tells, when it tells one.
fn length_in(head: &[u8; 100]) -> Option<u64> {
    let number = |at: usize| head.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    let page = match u16::from_be_bytes([head[16], head[17]]) {
        1 => 65536,
        size => u64::from(size),
    };
    // Valid only when the last to change the file kept it so.
    (number(24)? == number(92)?).then_some(())?;
    number(28).filter(|pages| *pages > 0).map(|pages| u64::from(pages) * page)
}

/// Whether two paths lead to the same file.
pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    match (std::fs::metadata(a), std::fs::metadata(b)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// Checks a database through and through: pages, whose it is, its version, its log against the sums of its buckets.
/// `named` is the file to speak of.
pub(crate) fn whole(path: &Path, named: &Path, stop: &Stop) -> Result<Facts, Fault> {
    let judged = |error: rusqlite::Error| Fault::judged(named, &error);
    let connection = open(path).map_err(judged)?;
    let version = migrations::recognise(&connection, named).map_err(|error| Fault::Refused(error.to_string()))?;
    if version == 0 {
        return Err(Fault::refused(named, "it is a database without anything in it"));
    }
    stop.watch(&connection).map_err(judged)?;
    let answer: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(judged)?;
    if answer != "ok" {
        return Err(Fault::refused(named, "the database is damaged"));
    }
    log_adds_up(&connection, named)?;
    facts(&connection, version).map_err(judged)
}

/// What a database says of itself, unchecked.
pub(crate) fn facts(connection: &Connection, version: usize) -> rusqlite::Result<Facts> {
    let text = |key: &str| meta::get(connection, key).map(Option::unwrap_or_default);
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let bytes = u64::try_from(pragma("page_count")? * pragma("page_size")?).unwrap_or(0);
    let (head, changes, newest_at) =
        connection.query_row("SELECT coalesce(max(seq), 0), count(*), max(at) FROM changes", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    Ok(Facts { bytes, version, hub_id: text("hub_id")?, epoch: text("epoch")?, head, changes, newest_at })
}

/// Holds every change against its checksum, and their sums against those that were kept while they were made.
fn log_adds_up(connection: &Connection, named: &Path) -> Result<(), Fault> {
    let judged = |error: rusqlite::Error| Fault::judged(named, &error);
    let mut sums: HashMap<(String, String), (u32, i64)> = HashMap::new();
    let mut known = true;
    let mut statement =
        connection.prepare("SELECT scope, tbl, row_id, op, row_json, checksum FROM changes").map_err(judged)?;
    let mut rows = statement.query([]).map_err(judged)?;
    while let Some(row) = rows.next().map_err(judged)? {
        let text = |at: usize| row.get::<_, String>(at);
        let (scope, table, id, op) = (|| Ok((text(0)?, text(1)?, text(2)?, text(3)?)))().map_err(judged)?;
        let json: Option<String> = row.get(4).map_err(judged)?;
        let checksum: u32 = row.get(5).map_err(judged)?;
        if Op::parse(&op).is_some() && tx::checksum(&table, &id, json.as_deref()) != checksum {
            return Err(Fault::refused(named, "a change in its log is not as it was written"));
        }
        match Table::named(&table) {
            Some(table) => {
                let (sum, count) = sums.entry((scope, table.stream.as_str().to_owned())).or_default();
                *sum = sum.wrapping_add(checksum);
                *count += 1;
            }
            None => known = false,
        }
    }
    let mut kept = HashMap::new();
    let mut statement = connection.prepare("SELECT scope, stream, checksum, count FROM buckets").map_err(judged)?;
    let mut rows = statement.query([]).map_err(judged)?;
    while let Some(row) = rows.next().map_err(judged)? {
        let (scope, stream, sum, count) =
            (|| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))().map_err(judged)?;
        kept.insert((scope, stream), (sum, count));
    }
    if known && sums != kept {
        return Err(Fault::refused(named, "its log does not add up"));
    }
    Ok(())
}
