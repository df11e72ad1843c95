//! Imports as jobs: they take longer than a request may, and show how far they are.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use kairos_core::command::{Outcome, Progress};
use kairos_core::ids::{CommandId, UserId};
use kairos_core::principal::Principal;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{Contents, taking};
use crate::places::{Place, Places};
use crate::store::{Store, StoreError};

/// How many jobs are remembered, finished ones included.
const REMEMBERED: usize = 64;

/// How many files may be on their way at once, each of another person.
const RECEIVED_AT_ONCE: usize = 4;

/// Import jobs of this run of the hub. Cheap to clone.
#[derive(Clone)]
pub struct Jobs {
    store: Store,
    known: Arc<Mutex<VecDeque<Arc<Job>>>>,
    sending: Places,
}

/// Why an import did not begin.
#[derive(Debug)]
pub enum NotBegun {
    /// The person's other job still runs: one at a time.
    Busy(Arc<Job>),
    /// It was refused, or could not be saved.
    Store(StoreError),
}

/// One import, or taking one back.
#[derive(Debug)]
pub struct Job {
    /// The import's id.
    pub id: String,
    user: UserId,
    /// How many rows there are in all; 0 where that is not known.
    pub total: usize,
    done: Progress,
    state: Mutex<JobState>,
}

/// Where a job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobState {
    /// It works.
    Running,
    /// All is saved.
    Done,
    /// Nothing was new.
    Unchanged,
    /// Nothing was changed, and why.
    Refused(String),
}

impl Job {
    /// Where it is.
    #[must_use]
    pub fn state(&self) -> JobState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many rows are done.
    #[must_use]
    pub fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    fn ends(&self, state: JobState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Jobs {
    /// No jobs yet.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, known: Arc::default(), sending: Places::new(RECEIVED_AT_ONCE, 1) }
    }

    /// Takes back what the hub left half-way when it stopped last. Until that is done no file is taken in, lest some of
    /// it goes with the other.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub async fn settle(&self) -> Result<(), StoreError> {
        #[allow(clippy::redundant_closure_for_method_calls)] // the method alone is not general enough in its lifetime
        let halves = self.store.read(|snapshot| snapshot.half_imports()).await?;
        if !halves.is_empty() {
            let (store, turn) = (self.store.clone(), self.turn());
            tokio::spawn(async move {
                taking::settle(&store, halves).await;
                drop(turn);
            });
        }
        Ok(())
    }

    /// The turn to have a file read and taken in, one at a time on a hub; `None` while somebody else has it.
    #[must_use]
    pub fn turn(&self) -> Option<OwnedSemaphorePermit> {
        self.store.turn_for_file()
    }

    /// A person's job by its import's id.
    #[must_use]
    pub fn find(&self, user: &UserId, id: &str) -> Option<Arc<Job>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().rev().find(|job| job.user == *user && job.id == id).cloned()
    }

    /// Begins an import; the one that is running when there is one under this id. It answers once the import is open; it
    /// goes on by itself, also when nobody waits for the answer.
    ///
    /// # Errors
    /// [`NotBegun`].
    pub async fn import(
        &self,
        by: Principal,
        command: CommandId,
        id: String,
        contents: Contents,
        turn: OwnedSemaphorePermit,
    ) -> Result<Arc<Job>, NotBegun> {
        let store = self.store.clone();
        let (job, new) = self.begin(&by.user, id, contents.total()).map_err(NotBegun::Busy)?;
        if !new {
            return Ok(job);
        }
        let (begun, begins) = oneshot::channel();
        let working = job.clone();
        tokio::spawn(async move {
            let answer = match taking::open(&store, &by, command, &working.id, &contents).await {
                Ok(None) => {
                    let _ = begun.send(Ok(()));
                    taking::take_in(&store, &by, &working.id, contents, &working.done).await
                }
                Ok(Some(standing)) => {
                    working.ends(ended(Ok(standing)));
                    drop(turn);
                    let _ = begun.send(Ok(()));
                    return;
                }
                Err(error) => {
                    let told = match &error {
                        StoreError::Rejected(rejection) => StoreError::Rejected(rejection.clone()),
                        StoreError::Unavailable(reason) => StoreError::Unavailable(reason.clone()),
                    };
                    let _ = begun.send(Err(told));
                    Err(error)
                }
            };
            // The next file may come once this one is gone.
            drop(turn);
            working.ends(ended(answer));
        });
        match begins.await {
            Ok(Ok(())) => Ok(job),
            Ok(Err(error)) => Err(NotBegun::Store(error)),
            Err(_) => Err(NotBegun::Store(StoreError::fault())),
        }
    }

    /// Lets a person send a file, until what is given is dropped; `None` while they send another, or as many as may come
    /// at once are on their way. Each is kept in memory until it is whole, however slowly it comes.
    #[must_use]
    pub fn receive(&self, user: &UserId) -> Option<Place> {
        self.sending.take(user)
    }

    /// Begins to take an import back.
    ///
    /// # Errors
    /// The person's other job that still runs: one at a time.
    pub fn undo(&self, by: Principal, id: String) -> Result<Arc<Job>, Arc<Job>> {
        let store = self.store.clone();
        let (job, new) = self.begin(&by.user, id, 0)?;
        if new {
            let working = job.clone();
            tokio::spawn(async move {
                let any = taking::withdraw(&store, &by, &working.id, None, &working.done).await;
                working.ends(if any { JobState::Done } else { JobState::Unchanged });
            });
        }
        Ok(job)
    }

    /// Notes a job; the one that is running when there is one under this id, and whether this one is new.
    fn begin(&self, user: &UserId, id: String, total: usize) -> Result<(Arc<Job>, bool), Arc<Job>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = known.iter().find(|job| job.user == *user && job.state() == JobState::Running) {
            return if running.id == id { Ok((running.clone(), false)) } else { Err(running.clone()) };
        }
        if known.len() >= REMEMBERED
            && let Some(ended) = known.iter().position(|job| job.state() != JobState::Running)
        {
            known.remove(ended);
        }
        let job = Arc::new(Job {
            id,
            user: user.clone(),
            total,
            done: Arc::new(AtomicUsize::new(0)),
            state: Mutex::new(JobState::Running),
        });
        known.push_back(job.clone());
        Ok((job, true))
    }
}

/// How a job ended.
fn ended(answer: Result<Outcome, StoreError>) -> JobState {
    match answer {
        Ok(Outcome::Applied) => JobState::Done,
        Ok(Outcome::Unchanged) => JobState::Unchanged,
        Ok(Outcome::Rejected(rejection)) | Err(StoreError::Rejected(rejection)) => JobState::Refused(rejection.message),
        Err(StoreError::Unavailable(_)) => {
            JobState::Refused("The hub could not save; nothing was changed. Please try again.".into())
        }
    }
}
