//! The one thread that writes.
//!
//! Wishes that wait are taken together: one transaction, one sync of the disk, a SAVEPOINT for each so
//! that one refused wish does not undo its neighbours. Answers go out after the commit and never
//! before it. When a commit does not succeed every wish of the group hears so, the connection is opened
//! anew, and the next group tries again: the hub recovers without a restart.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kairos_core::hlc::HybridClock;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{mpsc, watch};

use super::error::{FAULT, OpenError, StoreError, in_words};
use super::health::Pulse;
use super::known::Known;
use super::{Tx, meta, migrations};
use crate::clock::Clock;
use crate::feed::Feed;

/// A wish: does its work (or hears that there is no transaction to do it in), and hands back what to do
/// when the group's commit is known.
pub(super) type Job = Box<dyn FnOnce(Result<&mut Tx<'_>, StoreError>) -> Reply + Send>;
/// Answers the wish.
pub(super) type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// How many wishes share a commit at most: bounds the time a first wish waits for a last.
const GROUP: usize = 256;

/// The writer before it runs.
pub(super) struct Writer {
    path: PathBuf,
    connection: Connection,
    clock: Clock,
    hybrid: HybridClock,
    known: Known,
    identity: meta::Identity,
    head: i64,
    /// Whether the hub was ever linked with a server; read anew after anything was undone.
    linked: bool,
}

impl Writer {
    /// Opens, migrates and reads where the hub stood.
    pub(super) fn open(path: &Path, clock: Clock) -> Result<Self, OpenError> {
        // Made here so that it has its mode from the first byte; SQLite gives -wal and -shm the same.
        drop(crate::files::open_private(path).map_err(|error| OpenError::new(path, &crate::files::in_words(&error)))?);
        let sqlite = |error: rusqlite::Error| OpenError::sqlite(path, &error);
        let mut connection = open(path).map_err(sqlite)?;
        // Before anything is set: another program's file stays as it is.
        migrations::recognise(&connection, path)?;
        set_up(&connection).map_err(sqlite)?;
        migrations::migrate(&mut connection, path)?;
        let identity = meta::identity(&connection, clock.now()).map_err(sqlite)?;
        let high_water = meta::get(&connection, "hlc").map_err(sqlite)?.and_then(|text| text.parse().ok()).unwrap_or(0);
        let head = super::rows::head(&connection).map_err(sqlite)?;
        let hybrid = HybridClock::new(&identity.node, high_water);
        clock.resume_from(hybrid.last_millis());
        let known = Known::default();
        let linked = super::upstream::is_linked(&connection).map_err(sqlite)?;
        Ok(Self { path: path.to_owned(), connection, clock, hybrid, known, identity, head, linked })
    }

    pub(super) fn head(&self) -> i64 {
        self.head
    }

    pub(super) fn identity(&self) -> &meta::Identity {
        &self.identity
    }

    /// Starts the thread. It ends when the last sender is gone and all that was sent is done; then `alive` closes.
    pub(super) fn start(
        mut self,
        mut jobs: mpsc::Receiver<Job>,
        feed: Arc<Feed>,
        alive: watch::Sender<()>,
    ) -> Arc<Pulse> {
        let pulse = Arc::new(Pulse::default());
        let beats = pulse.clone();
        let run = move || {
            let mut group = Vec::with_capacity(GROUP);
            while let Some(first) = jobs.blocking_recv() {
                group.push(first);
                while group.len() < GROUP {
                    match jobs.try_recv() {
                        Ok(job) => group.push(job),
                        Err(_) => break,
                    }
                }
                beats.begin();
                let outcome = self.commit(group.drain(..), &feed, &beats);
                beats.end(outcome);
            }
            // Folds the write-ahead log back into the database, so that a copy of the file is whole.
            let _ = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
            drop((self, alive));
        };
        if let Err(error) = std::thread::Builder::new().name("store".into()).spawn(run) {
            pulse.end(Err(format!("the writer could not start: {error}")));
        }
        pulse
    }

    /// Commits one group and answers all of it.
    fn commit(&mut self, group: impl Iterator<Item = Job>, feed: &Feed, beats: &Pulse) -> Result<(), String> {
        let mut changes = Vec::new();
        let mut replies: Vec<Reply> = Vec::new();
        let result = self.transaction(group, &mut changes, &mut replies, beats);
        let answer = match &result {
            Ok(()) => {
                feed.announce(changes);
                Ok(())
            }
            Err(reason) => {
                self.recover();
                Err(StoreError::Unavailable(reason.clone()))
            }
        };
        for reply in replies {
            reply(answer.clone());
        }
        result
    }

    fn transaction(
        &mut self,
        mut group: impl Iterator<Item = Job>,
        changes: &mut Vec<Arc<kairos_core::change::Change>>,
        replies: &mut Vec<Reply>,
        beats: &Pulse,
    ) -> Result<(), String> {
        if let Err(error) = self.run("BEGIN IMMEDIATE") {
            return Err(refuse(replies, group, in_words(&error)));
        }
        while let Some(job) = group.next() {
            self.known.begin();
            let mut tx = Tx {
                connection: &self.connection,
                clock: &mut self.hybrid,
                known: &mut self.known,
                changes,
                now: self.clock.now(),
                guessing: self.clock.is_guessing(),
                linked: &mut self.linked,
                command: None,
            };
            // A fault in one wish must not end the hub's only writer. The group is undone: what the
            // wish left half-done is not known.
            match catch_unwind(AssertUnwindSafe(|| job(Ok(&mut tx)))) {
                Ok(reply) => replies.push(reply),
                Err(_) => {
                    tracing::error!("A command came upon an internal fault; what was to be saved with it was undone.");
                    return Err(refuse(replies, group, FAULT.into()));
                }
            }
            if self.connection.is_autocommit() {
                // SQLite undoes everything by itself when, say, the disk is full.
                return Err(refuse(replies, group, "the disk did not take the change".into()));
            }
        }
        meta::set(&self.connection, "hlc", &self.hybrid.high_water().to_string()).map_err(|error| in_words(&error))?;
        beats.commit();
        self.run("COMMIT").map_err(|error| in_words(&error))
    }

    /// Runs a statement that is prepared once.
    fn run(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    /// After a group that could not be committed: undo it, and open the file anew, since it may have
    /// been replaced or its file system remounted.
    fn recover(&mut self) {
        self.known.forget();
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        if let Ok(fresh) = open(&self.path)
            && set_up(&fresh).is_ok()
        {
            self.connection = fresh;
        }
        self.linked = super::upstream::is_linked(&self.connection).unwrap_or(true);
    }
}

/// Tells wishes that had no transaction to work in that they were not saved.
fn refuse(replies: &mut Vec<Reply>, rest: impl Iterator<Item = Job>, reason: String) -> String {
    replies.extend(rest.map(|job| job(Err(StoreError::Unavailable(reason.clone())))));
    reason
}

/// Opens the writing connection.
#[allow(clippy::disallowed_methods)] // the one place that opens the database for writing
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Write-ahead log, and every commit synced to the disk.
///
/// The log may grow to 4000 pages (16 MB) before it is folded back. Presses write the same few pages again and again, so
/// a longer log means fewer writes in all, which flash likes too; its file keeps its length, which no sync need write.
fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = 4000;
         PRAGMA journal_size_limit = 33554432;
         PRAGMA cache_size = -4096;
         PRAGMA temp_store = MEMORY;",
    )
}
