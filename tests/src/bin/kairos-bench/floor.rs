//! The floors: what the disk and SQLite alone take for the same bytes, in this run, in this directory.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rusqlite::Connection;

/// How far a write-ahead log runs before it is written from its start again.
const ZONE: u64 = 4 << 20;

/// A file that is written the way a write-ahead log is: on and on, and from the start again.
pub(crate) struct Raw {
    file: File,
    at: u64,
    bytes: Vec<u8>,
    data_only: bool,
}

impl Raw {
    /// Appends of `size` bytes; `data_only` syncs with fdatasync instead of fsync.
    pub(crate) fn new(dir: &Path, size: usize, data_only: bool) -> Self {
        let path = dir.join(if data_only { "raw-fdatasync" } else { "raw-fsync" });
        let file = OpenOptions::new().create(true).truncate(true).write(true).open(path).unwrap();
        file.write_all_at(&vec![1; usize::try_from(ZONE).unwrap()], 0).unwrap();
        file.sync_all().unwrap();
        Self { file, at: 0, bytes: vec![2; size], data_only }
    }

    pub(crate) fn append(&mut self) {
        if self.at + self.bytes.len() as u64 > ZONE {
            self.at = 0;
        }
        self.file.write_all_at(&self.bytes, self.at).unwrap();
        self.at += self.bytes.len() as u64;
        if self.data_only { self.file.sync_data().unwrap() } else { self.file.sync_all().unwrap() }
    }
}

/// SQLite as the hub uses it, and nothing else.
#[allow(clippy::disallowed_methods)] // the floor is SQLite without the store
fn sqlite(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE one (id INTEGER PRIMARY KEY, at INTEGER, text TEXT);
             CREATE TABLE event (id TEXT PRIMARY KEY, at INTEGER, text TEXT);
             CREATE TABLE cell (id TEXT PRIMARY KEY, at INTEGER, text TEXT);
             CREATE TABLE log (seq INTEGER PRIMARY KEY, at INTEGER, text TEXT);",
        )
        .unwrap();
    connection
}

/// About what an event, a cell and a line of the log hold.
const TEXT: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Single-row commits.
pub(crate) struct Commits {
    connection: Connection,
    n: i64,
}

impl Commits {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { connection: sqlite(&dir.join("single.db")), n: 0 }
    }

    pub(crate) fn commit(&mut self) {
        self.n += 1;
        let mut insert = self.connection.prepare_cached("INSERT INTO one (at, text) VALUES (?1, ?2)").unwrap();
        insert.execute((self.n, TEXT)).unwrap();
    }
}

/// Group commit without a hub: one writer, `clients` commands waiting, three rows a command, answers after the
/// commit. Gives commands a second.
pub(crate) fn group_commit(dir: &Path, clients: usize, time: Duration) -> f64 {
    let path = dir.join("group.db");
    let (wishes, waiting) = mpsc::sync_channel::<i64>(clients);
    let (answers, answered) = mpsc::sync_channel::<usize>(clients);
    let writer = std::thread::spawn(move || {
        let connection = sqlite(&path);
        while let Ok(first) = waiting.recv() {
            connection.execute_batch("BEGIN IMMEDIATE").unwrap();
            let mut count = 0;
            for n in std::iter::once(first).chain(waiting.try_iter()) {
                let id = format!("{n:032x}");
                for table in ["event", "cell"] {
                    let sql = format!("INSERT INTO {table} VALUES (?1, ?2, ?3)");
                    connection.prepare_cached(&sql).unwrap().execute((&id, n, TEXT)).unwrap();
                }
                let mut log = connection.prepare_cached("INSERT INTO log (at, text) VALUES (?1, ?2)").unwrap();
                log.execute((n, TEXT)).unwrap();
                count += 1;
            }
            connection.execute_batch("COMMIT").unwrap();
            if answers.send(count).is_err() {
                break;
            }
        }
        drop(connection);
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
        }
    });
    let mut sent = 0_i64;
    let mut say = |count: usize| {
        for _ in 0..count {
            // Far apart, as ids of many devices are.
            sent = sent.wrapping_add(0x09e3_779b_97f4_a7c1_i64);
            wishes.send(sent).unwrap();
        }
    };
    say(clients);
    let begun = Instant::now();
    let mut done = 0;
    while begun.elapsed() < time {
        let count = answered.recv().unwrap();
        done += count;
        say(count);
    }
    let rate = done as f64 / begun.elapsed().as_secs_f64();
    drop(wishes);
    drop(answered);
    writer.join().unwrap();
    rate
}
