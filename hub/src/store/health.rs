//! Watches the writer: says when it cannot commit or does not come back, and tries again meanwhile. Says also when the
//! file is damaged, whoever comes upon it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::meta;
use super::writer::Job;
use crate::health::{Board, State};

/// A commit that takes longer is a disk that does not answer; work before it that takes longer is much work.
const STALLED: Duration = Duration::from_secs(2);
/// How often the writer is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// How often a writer that cannot commit is asked to try, when nobody else asks.
const RETRY: Duration = Duration::from_secs(2);

/// How often the disk is asked for its room.
const MEASURE: Duration = Duration::from_secs(10);
/// Less room than this is said: time to make some while presses are still saved. In bytes.
const LITTLE: u64 = 32 << 20;

/// What is said about a damaged file.
const DAMAGE: &str =
    "the database is damaged and part of it cannot be read; stop the hub and put a backup of hub.db in its place";

/// What the store tells of itself.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    beat: Mutex<Beat>,
}

#[derive(Debug, Default, Clone)]
struct Beat {
    /// Since when the writer works on a group of wishes, or waits for the disk to take it.
    busy_since: Option<Instant>,
    /// Whether it waits for the disk.
    committing: bool,
    trouble: Option<String>,
    /// Something was found that cannot be read. Nothing heals a file: it stays so until the next start.
    damaged: bool,
}

impl Pulse {
    /// The writer begins a group.
    pub(super) fn begin(&self) {
        self.set_busy(false);
    }

    /// All of the group is done; now the disk is to take it.
    pub(super) fn commit(&self) {
        self.set_busy(true);
    }

    fn set_busy(&self, committing: bool) {
        let mut beat = self.beat.lock().unwrap_or_else(PoisonError::into_inner);
        (beat.busy_since, beat.committing) = (Some(Instant::now()), committing);
    }

    pub(super) fn end(&self, outcome: Result<(), String>) {
        let mut beat = self.beat.lock().unwrap_or_else(PoisonError::into_inner);
        *beat = Beat { busy_since: None, committing: false, trouble: outcome.err(), damaged: beat.damaged };
    }

    /// Notes that the file is damaged, whoever came upon it.
    pub(super) fn damaged(&self) {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner).damaged = true;
    }

    #[cfg(test)]
    pub(super) fn is_damaged(&self) -> bool {
        self.beats().damaged
    }

    fn beats(&self) -> Beat {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether there is room on the disk.
fn room(database: &Path) -> State {
    match crate::files::room(database) {
        Some(has) if has < LITTLE => State::Degraded(format!(
            "{} MB are left on the disk with the hub's data; once it is full nothing can be saved",
            has >> 20
        )),
        _ => State::Ok,
    }
}

/// Reports to the board until dropped.
pub(super) fn watch(
    pulse: Arc<Pulse>,
    writer: mpsc::WeakSender<Job>,
    database: PathBuf,
    board: Board,
) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut tried = Instant::now();
        let mut measured: Option<Instant> = None;
        loop {
            if measured.is_none_or(|at| at.elapsed() > MEASURE) {
                measured = Some(Instant::now());
                board.set("disk", room(&database));
            }
            let beat = pulse.beats();
            let stalled = beat.busy_since.is_some_and(|since| since.elapsed() > STALLED);
            let state = match (stalled, beat.trouble) {
                (true, _) if !beat.committing => State::Degraded(
                    "much is being written at once, or the disk is slow; presses are acknowledged once they are saved"
                        .into(),
                ),
                (true, _) => {
                    State::Degraded("the disk does not answer; presses are not acknowledged until it does".into())
                }
                _ if beat.damaged => State::Degraded(DAMAGE.into()),
                (false, Some(reason)) => {
                    if tried.elapsed() > RETRY
                        && let Some(writer) = writer.upgrade()
                    {
                        tried = Instant::now();
                        // A full queue has wishes enough to try with.
                        let _ = writer.try_send(probe());
                    }
                    State::Degraded(format!("{reason}; presses are not acknowledged until this is mended"))
                }
                (false, None) => State::Ok,
            };
            board.set("store", state);
            tokio::time::sleep(LOOK).await;
        }
    }))
}

/// A wish that changes nothing anybody sees but must reach the disk.
fn probe() -> Job {
    Box::new(|tx| {
        if let Ok(tx) = tx {
            let _ = meta::set(tx.connection, "probe", &tx.now().to_string());
        }
        Box::new(|_| {})
    })
}
