//! Reads that take as long as whoever listens takes: a whole export. Each has a connection of its own, so that nobody who
//! asks for a page waits for it, and there is one at a time on a hub.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::error::StoreError;
use super::reader::{self, Snapshot};

/// How long somebody waits for another's read to end before they are asked to come back.
const WAIT: Duration = Duration::from_secs(5);

/// Where such reads come from.
pub(super) struct Apart {
    path: PathBuf,
    turn: Arc<Semaphore>,
    stop: CancellationToken,
    running: TaskTracker,
}

/// The turn to read apart. Whoever holds it is the only one.
pub(crate) struct Turn {
    path: PathBuf,
    stop: CancellationToken,
    _permit: OwnedSemaphorePermit,
    _running: TaskTrackerToken,
}

impl Apart {
    pub(super) fn new(path: PathBuf) -> Self {
        let running = TaskTracker::new();
        Self { path, turn: Arc::new(Semaphore::new(1)), stop: CancellationToken::new(), running }
    }

    /// The turn; `None` when somebody else keeps it for longer than one waits for an answer.
    pub(super) async fn turn(&self) -> Option<Turn> {
        let permit = tokio::time::timeout(WAIT, self.turn.clone().acquire_owned()).await.ok()?.ok()?;
        let (path, stop) = (self.path.clone(), self.stop.clone());
        Some(Turn { path, stop, _permit: permit, _running: self.running.token() })
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
