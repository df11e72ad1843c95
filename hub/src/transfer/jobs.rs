//! Imports as jobs: they take longer than a request may, and show how far they are.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use kairos_core::command::{Outcome, Progress};
use kairos_core::ids::{CommandId, UserId};
use kairos_core::principal::Principal;

use tokio::sync::OwnedSemaphorePermit;

use super::{Contents, taking};
use crate::store::{Store, StoreError};

/// How many jobs are remembered, finished ones included.
const REMEMBERED: usize = 64;

/// Import jobs of this run of the hub. Cheap to clone.
#[derive(Clone)]
pub struct Jobs {
    store: Store,
    known: Arc<Mutex<VecDeque<Arc<Job>>>>,
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
        Self { store, known: Arc::default() }
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

    /// The turn to send a file, one at a time on a hub; `None` while somebody else has it.
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

    /// Begins an import; the one that is running when there is one under this id.
    ///
    /// # Errors
    /// The person's other job that still runs: one at a time.
    pub fn import(
        &self,
        by: Principal,
        command: CommandId,
        id: String,
        contents: Contents,
        turn: OwnedSemaphorePermit,
    ) -> Result<Arc<Job>, Arc<Job>> {
        let store = self.store.clone();
        let (job, new) = self.begin(&by.user, id, contents.total())?;
        if new {
            let working = job.clone();
            tokio::spawn(async move {
                let answer = taking::take_in(&store, &by, command, &working.id, contents, &working.done).await;
                // The next file may come once this one is gone.
                drop(turn);
                working.ends(match answer {
                    Ok(Outcome::Applied) => JobState::Done,
                    Ok(Outcome::Unchanged) => JobState::Unchanged,
                    Ok(Outcome::Rejected(rejection)) | Err(StoreError::Rejected(rejection)) => {
                        JobState::Refused(rejection.message)
                    }
                    Err(StoreError::Unavailable(_)) => {
                        JobState::Refused("The hub could not save; nothing was changed. Please try again.".into())
                    }
                });
            });
        }
        Ok(job)
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
