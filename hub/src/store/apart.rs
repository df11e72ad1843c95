//! Reads that take as long as whoever listens takes: a whole export. Each has a connection of its own, so that nobody who
//! asks for a page waits for it. A person has one at a time, and a hub two: one who takes it slowly keeps nobody else out.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use kairos_core::ids::UserId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::error::StoreError;
use super::reader::{self, Snapshot};

/// How long somebody waits for another's read to end before they are asked to come back.
const WAIT: Duration = Duration::from_secs(5);

/// How many there may be on a hub at once: each holds a snapshot, beyond which the write-ahead log cannot be folded back.
const AT_ONCE: usize = 2;

/// Where such reads come from.
pub(super) struct Apart {
    path: PathBuf,
    turn: Arc<Semaphore>,
    /// Of those who read, or wait to.
    people: Mutex<HashMap<UserId, Weak<Semaphore>>>,
    stop: CancellationToken,
    running: TaskTracker,
}

/// The turn to read apart. Whoever holds it is the only one of its person.
pub(crate) struct Turn {
    path: PathBuf,
    stop: CancellationToken,
    _permits: [OwnedSemaphorePermit; 2],
    _running: TaskTrackerToken,
}

impl Apart {
    pub(super) fn new(path: PathBuf) -> Self {
        let running = TaskTracker::new();
        let turn = Arc::new(Semaphore::new(AT_ONCE));
        Self { path, turn, people: Mutex::default(), stop: CancellationToken::new(), running }
    }

    /// The turn; `None` when it is kept by others for longer than one waits for an answer.
    pub(super) async fn turn(&self, user: &UserId) -> Option<Turn> {
        let own = self.own(user);
        let both = async {
            let own = own.acquire_owned().await.ok()?;
            Some([own, self.turn.clone().acquire_owned().await.ok()?])
        };
        let permits = tokio::time::timeout(WAIT, both).await.ok()??;
        let (path, stop) = (self.path.clone(), self.stop.clone());
        Some(Turn { path, stop, _permits: permits, _running: self.running.token() })
    }

    /// A person's own turn.
    fn own(&self, user: &UserId) -> Arc<Semaphore> {
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        people.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = people.get(user).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::new(Semaphore::new(1));
        people.insert(user.clone(), Arc::downgrade(&turn));
        turn
    }

    /// Ends what is being read, and waits until its connection is closed.
    pub(super) async fn stop(&self) {
        self.turn.close();
        self.stop.cancel();
        self.running.close();
        self.running.wait().await;
    }
}

impl Turn {
    /// Ends when the hub stops: the work has to heed it wherever it waits.
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Reads one snapshot. For a thread that may block.
    ///
    /// # Errors
    /// What the work returned, or [`StoreError::Unavailable`] when the database cannot be read.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Snapshot<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let connection = reader::connect(&self.path)?;
        reader::snapshot(&connection, work)
    }
}
