//! One look over the whole file, some time after the start: damage is better found before somebody needs the page.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::InterruptHandle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::error::StoreError;
use super::health::Pulse;
use super::reader;

/// How long after the start: whoever waits for the hub comes first.
pub(super) const AFTER: Duration = Duration::from_secs(10);
/// How long it may take. It holds a snapshot, and the write-ahead log cannot be folded back beyond one.
const BOUND: Duration = Duration::from_secs(60);

/// The look, on a connection of its own. Ends when dropped.
pub(super) struct Check {
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
    _guard: DropGuard,
}

impl Check {
    pub(super) fn start(path: PathBuf, pulse: Arc<Pulse>, after: Duration) -> Self {
        let stop = CancellationToken::new();
        let token = stop.clone();
        let task = tokio::spawn(async move {
            tokio::select! {
                () = token.cancelled() => {}
                () = tokio::time::sleep(after) => look(path, &pulse, &token).await,
            }
        });
        Self { _guard: stop.clone().drop_guard(), stop, task: Mutex::new(Some(task)) }
    }

    /// Ends it and waits until its connection is closed.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            let _ = task.await;
        }
    }
}

async fn look(path: PathBuf, pulse: &Pulse, stop: &CancellationToken) {
    let (sender, interrupt) = oneshot::channel();
    let mut looking = tokio::task::spawn_blocking(move || damaged(&path, sender));
    let Ok(interrupt) = interrupt.await else { return };
    let found = tokio::select! {
        found = &mut looking => found,
        () = async { tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(BOUND) => {} } } => {
            interrupt.interrupt();
            looking.await
        }
    };
    if found.is_ok_and(|damaged| damaged) {
        pulse.damaged();
    }
}

/// Whether something is wrong with the file. A look that did not come to its end found nothing.
fn damaged(path: &Path, interrupt: oneshot::Sender<InterruptHandle>) -> bool {
    let connection = match reader::connect(path) {
        Ok(connection) => connection,
        Err(error) => return StoreError::from(error).is_damage(),
    };
    if interrupt.send(connection.get_interrupt_handle()).is_err() {
        return false;
    }
    match connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)) {
        Ok(verdict) => verdict != "ok",
        Err(error) => StoreError::from(error).is_damage(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use kairos_core::schema::HABITS;

    use super::*;
    use crate::clock::Clock;
    use crate::health::{Board, State};
    use crate::store::Store;

    const PAGE: usize = 4096;

    /// A closed store some of whose pages hold nothing but ones.
    async fn damaged_store(pages: std::ops::Range<usize>) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        Store::open(dir.path(), Clock::manual(1), &Board::default()).await.unwrap().close().await;
        let path = dir.path().join("hub.db");
        let mut bytes = std::fs::read(&path).unwrap();
        assert!(bytes.len() > pages.end * PAGE);
        bytes[pages.start * PAGE..pages.end * PAGE].fill(0xff);
        std::fs::write(&path, bytes).unwrap();
        dir
    }

    async fn until_degraded(board: &Board) -> String {
        for _ in 0..1000 {
            if let Some(State::Degraded(reason)) = board.get("store") {
                return reason;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("never degraded: {:?}", board.get("store"))
    }

    #[tokio::test]
    async fn a_read_that_meets_damage_is_on_the_board_and_stays_there() {
        let dir = damaged_store(2..11).await;
        let board = Board::default();
        let store = Store::open(dir.path(), Clock::manual(2), &board).await.unwrap();
        let met = store.read(|snapshot| snapshot.rows_where(&HABITS, "status", "ACTIVE")).await;
        assert!(met.unwrap_err().is_damage());
        let reason = until_degraded(&board).await;
        assert!(reason.contains("damaged") && reason.contains("backup of hub.db"), "{reason}");
        // What can still be written does not hide it.
        let _ = store.forget_answers(0).await;
        assert!(store.0.pulse.is_damaged());
    }

    #[tokio::test]
    async fn damage_is_found_before_anybody_needs_the_page() {
        let pulse = Arc::new(Pulse::default());
        let dir = damaged_store(2..11).await;
        let check = Check::start(dir.path().join("hub.db"), pulse.clone(), Duration::ZERO);
        let task = check.task.lock().unwrap().take().unwrap();
        task.await.unwrap();
        assert!(pulse.is_damaged());

        let (pulse, dir) = (Arc::new(Pulse::default()), tempfile::tempdir().unwrap());
        let store = Store::open(dir.path(), Clock::manual(1), &Board::default()).await.unwrap();
        let check = Check::start(dir.path().join("hub.db"), pulse.clone(), Duration::ZERO);
        let task = check.task.lock().unwrap().take().unwrap();
        task.await.unwrap();
        assert!(!pulse.is_damaged(), "a sound file is sound");
        store.close().await;
        assert!(!dir.path().join("hub.db-wal").exists(), "closed whole");
    }

    #[tokio::test]
    async fn a_stop_does_not_wait_for_it() {
        let dir = damaged_store(2..3).await;
        let pulse = Arc::new(Pulse::default());
        let check = Check::start(dir.path().join("hub.db"), pulse.clone(), Duration::from_secs(3600));
        check.stop().await;
        assert!(!pulse.is_damaged());
    }
}
