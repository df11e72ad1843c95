//! The store: one SQLite database, one writer, and the log of what happened. Only this module and `backup` hold SQL.
//!
//! - [`writer`]: the one thread that writes. Many wishes share a commit; none is answered before it.
//! - [`tx`]: what can be done inside a wish's transaction. Every change of a synced row ends in the log.
//! - [`rows`]: synced rows in and out, by their description in core.
//! - [`reader`]: read-only connections; [`apart`]: one more, for a whole export.
//! - a file per local concern: [`answers`], [`buckets`], [`checkpoints`], [`conflicts`], [`retained`], [`cursors`], [`devices`], [`identities`], [`imports`], [`large`], [`leaving`], [`people`], [`sessions`], [`meta`], [`migrations`], [`upstream`].

mod answers;
mod apart;
pub(crate) mod buckets;
mod check;
pub(crate) mod checkpoints;
mod compact;
mod conflicts;
mod cursors;
mod devices;
pub(crate) mod error;
mod health;
mod identities;
mod imports;
mod known;
mod large;
mod leaving;
mod life;
pub(crate) mod meta;
pub(crate) mod migrations;
mod people;
mod reader;
mod retained;
mod rows;
mod runs;
mod sessions;
pub(crate) mod tx;
mod upstream;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kairos_core::change::Change;
use kairos_core::scope::Scope;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

pub(crate) use apart::Turn;
pub use compact::Compacted;
pub use error::{OpenError, StoreError};
pub use identities::Identity;
pub use imports::{ImportNote, ImportRow, ImportState};
pub use life::Life;
pub use people::{Account, StoredCode};
pub use reader::Snapshot;
pub(crate) use reader::place;
pub use retained::RetainedMessage;
pub use sessions::{ApiToken, RefreshToken, Session};
pub use tx::Tx;
pub(crate) use upstream::server_beside;
pub use upstream::{Base, Batch, Landed, Link, Outgoing, Pending, Place, Seat, Standing, Walk};

use crate::clock::Clock;
use crate::feed::Feed;
use crate::health::Board;

/// How many wishes may wait for the writer. When it is full, senders wait; whoever gives up waiting
/// was not saved and is told so.
const QUEUE: usize = 1024;

/// How much text of rows one stretch of the log holds, about, in bytes.
const STRETCH: usize = 1 << 20;

/// Read-only connections.
const READERS: usize = 4;

/// The database of this hub. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    /// Gone once the store is closed.
    writer: Mutex<Option<mpsc::Sender<writer::Job>>>,
    readers: reader::Pool,
    apart: apart::Apart,
    /// One file at a time is read and taken in.
    files: Arc<Semaphore>,
    /// Counts imports that ended, one way or the other.
    settled: watch::Sender<u64>,
    feed: Arc<Feed>,
    identity: meta::Identity,
    clock: Clock,
    path: PathBuf,
    /// Closes when the writer has ended.
    alive: watch::Receiver<()>,
    pulse: Arc<health::Pulse>,
    check: check::Check,
    /// Rises when buckets of sync begin new generations.
    generations: watch::Sender<u64>,
    /// Keeps a second hub out of the data directory; gone once the store is closed.
    lock: Mutex<Option<std::fs::File>>,
    _watchdog: tokio_util::task::AbortOnDropHandle<()>,
}

/// A stretch of the log.
#[derive(Debug)]
pub struct Stretch {
    /// The changes the reader may see.
    pub changes: Vec<Arc<Change>>,
    /// How far the log was read: where the reader goes on, also when nothing was for its eyes.
    pub upto: i64,
    /// Whether deletions of this stretch have left the log: who has rows from before starts again from current ones.
    pub gap: bool,
}

impl Store {
    /// Opens the database in a data directory, making and migrating it as needed.
    ///
    /// # Errors
    /// [`OpenError`], one sentence for whoever started the hub: directory not writable, already in use,
    /// not a database, damaged, from a newer version. Nothing is changed in those cases.
    pub async fn open(data_dir: &Path, clock: Clock, board: &Board) -> Result<Self, OpenError> {
        let dir = data_dir.to_owned();
        let path = dir.join("hub.db");
        let lock = error::lock_directory(&dir)?;
        crate::backup::swap::settle(&dir)?;
        let opened = {
            let (path, clock) = (path.clone(), clock.clone());
            tokio::task::spawn_blocking(move || writer::Writer::open(&path, clock))
                .await
                .map_err(|_| OpenError::new(&dir, "opening it was interrupted"))??
        };
        let feed = Arc::new(Feed::new(opened.head()));
        let identity = opened.identity().clone();
        let (sender, receiver) = mpsc::channel(QUEUE);
        let (living, alive) = watch::channel(());
        let pulse = opened.start(receiver, feed.clone(), living);
        let watchdog = health::watch(pulse.clone(), sender.downgrade(), path.clone(), board.clone());
        let readers = reader::Pool::open(&path, READERS)?;
        Ok(Self(Arc::new(Inner {
            writer: Mutex::new(Some(sender)),
            readers,
            apart: apart::Apart::new(path.clone()),
            files: Arc::new(Semaphore::new(1)),
            settled: watch::Sender::new(0),
            feed,
            identity,
            clock,
            path: path.clone(),
            alive,
            check: check::Check::start(path, pulse.clone(), check::AFTER),
            pulse,
            generations: watch::Sender::new(0),
            lock: Mutex::new(Some(lock)),
            _watchdog: watchdog,
        })))
    }

    /// Runs a piece of work in the writer's next group and answers after its commit.
    ///
    /// The work is undone as a whole when it returns an error. It may run even when the caller has
    /// stopped waiting.
    ///
    /// # Errors
    /// What the work returned, or [`StoreError::Unavailable`] when it could not be committed.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: writer::Job = Box::new(move |tx| {
            let result = tx.and_then(|tx| tx.attempt(work));
            Box::new(move |committed| {
                // Nobody may be waiting any more; what was saved is saved.
                let _ = answer.send(committed.and(result));
            })
        });
        let writer = self.writer().clone().ok_or_else(StoreError::stopping)?;
        writer.send(job).await.map_err(|_| StoreError::stopping())?;
        drop(writer);
        self.heed(answered.await.map_err(|_| self.unanswered())?)
    }

    /// Why a wish that was taken got no answer: it panicked, unless the writer has ended.
    fn unanswered(&self) -> StoreError {
        let ended = self.0.alive.has_changed().is_err();
        if ended { StoreError::stopping() } else { StoreError::fault() }
    }

    /// Looks whether an answer tells of a damaged file.
    fn heed<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if result.as_ref().is_err_and(StoreError::is_damage) {
            self.0.pulse.damaged();
        }
        result
    }

    /// Ends the writer once all that was sent is done, and folds the write-ahead log into the database, so that the
    /// file is whole. Whoever wishes something afterwards hears that the hub is stopping.
    pub async fn close(&self) {
        self.0.check.stop().await;
        self.0.apart.stop().await;
        // The last connection takes the write-ahead log away, but only when it may write.
        self.0.readers.close();
        drop(self.writer().take());
        let _ = self.0.alive.clone().changed().await;
        // Whoever still holds a clone holds nothing of the directory: the hub may start again beside it.
        drop(self.0.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    // Held for a clone and never across an await.
    fn writer(&self) -> MutexGuard<'_, Option<mpsc::Sender<writer::Job>>> {
        self.0.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a piece of work on a read-only snapshot of the database.
    ///
    /// # Errors
    /// What the work returned, or [`StoreError::Unavailable`] when the database cannot be read.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Snapshot<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.heed(self.0.readers.run(work).await)
    }

    /// The turn to have a file read and taken in; `None` while somebody else has it.
    pub(crate) fn turn_for_file(&self) -> Option<OwnedSemaphorePermit> {
        self.0.files.clone().try_acquire_owned().ok()
    }

    /// Notes that an import ended, one way or the other.
    pub(crate) fn import_settled(&self) {
        self.0.settled.send_modify(|count| *count += 1);
    }

    /// Hears of every import that ends.
    pub(crate) fn watch_imports(&self) -> watch::Receiver<u64> {
        self.0.settled.subscribe()
    }

    /// The turn for a read that takes as long as whoever listens takes; `None` while somebody else keeps it.
    pub(crate) async fn turn_apart(&self, user: &kairos_core::ids::UserId) -> Option<Turn> {
        self.0.apart.turn(user).await
    }

    /// The changes after a place in the log, oldest first: from memory when the reader is nearly up to date.
    /// At most `limit` of them, and about a mebibyte of rows.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub async fn changes_after(&self, seq: i64, scopes: Option<&[Scope]>, limit: usize) -> Result<Stretch, StoreError> {
        if let Some(mut changes) = self.feed().page(seq, limit, STRETCH) {
            let upto = changes.last().map_or(seq, |change| change.seq);
            changes.retain(|change| scopes.is_none_or(|scopes| scopes.contains(&change.scope)));
            return Ok(Stretch { changes, upto, gap: false });
        }
        let scopes = scopes.map(<[Scope]>::to_vec);
        self.read(move |snapshot| {
            let head = snapshot.head()?;
            let (changes, all) = snapshot.page_after(seq, scopes.as_deref(), limit, STRETCH)?;
            let upto = if all { head } else { changes.last().map_or(head, |change| change.seq) };
            let gap = snapshot.swept_after(scopes.as_deref(), seq)?;
            Ok(Stretch { changes, upto, gap })
        })
        .await
    }

    /// The newest part of the log, and its nudges.
    #[must_use]
    pub fn feed(&self) -> &Arc<Feed> {
        &self.0.feed
    }

    /// Who this hub is: its id, its epoch, the name of its clock.
    #[must_use]
    pub fn identity(&self) -> &meta::Identity {
        &self.0.identity
    }

    /// The hub's clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Where the database is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[tokio::test]
    async fn a_wish_with_a_fault_is_told_so_and_the_hub_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Clock::manual(1_000), &Board::default()).await.unwrap();
        let wish = store.write(|tx| -> Result<(), StoreError> {
            meta::set(tx.connection, "half", "done")?;
            panic!("a fault of ours")
        });
        let told = wish.await.unwrap_err();
        assert_eq!(told, StoreError::Unavailable("an internal fault in a command".into()));
        let half = store.write(|tx| Ok(meta::get(tx.connection, "half")?)).await.unwrap();
        assert_eq!(half, None, "undone");
        store.close().await;
        let told = store.write(|_| Ok(())).await.unwrap_err();
        assert_eq!(told, StoreError::stopping());
    }
}
