//! Imports as jobs: they take longer than a request may, and show how far they are.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use kairos_core::command::{Command, Import, Outcome, Progress, Wish};
use kairos_core::ids::{CommandId, UserId};
use kairos_core::principal::Principal;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Contents;
use crate::commands::Commands;
use crate::store::StoreError;

/// How many jobs are remembered, finished ones included.
const REMEMBERED: usize = 64;

/// Import jobs of this run of the hub. Cheap to clone.
#[derive(Clone)]
pub struct Jobs {
    commands: Commands,
    /// One file at a time: read, it takes several times its size.
    turn: Arc<Semaphore>,
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
    pub fn new(commands: Commands) -> Self {
        Self { commands, turn: Arc::new(Semaphore::new(1)), known: Arc::default() }
    }

    /// The turn to send a file; `None` while somebody else has it.
    #[must_use]
    pub fn turn(&self) -> Option<OwnedSemaphorePermit> {
        self.turn.clone().try_acquire_owned().ok()
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
        let (source, rows) = (contents.outlook.source, contents.rows);
        let total = rows.len();
        self.begin(&by.user.clone(), id, total, Some(turn), |job| {
            let import = Import { id: job.id.clone(), source, rows, done: job.done.clone() };
            Command { id: command, by, wish: Wish::TakeIn { import: Arc::new(import) } }
        })
    }

    /// Begins to take an import back.
    ///
    /// # Errors
    /// The person's other job that still runs: one at a time.
    pub fn undo(&self, by: Principal, command: CommandId, id: String) -> Result<Arc<Job>, Arc<Job>> {
        self.begin(&by.user.clone(), id, 0, None, |job| {
            let wish = Wish::UndoImport { id: job.id.clone(), done: job.done.clone() };
            Command { id: command, by, wish }
        })
    }

    fn begin(
        &self,
        user: &UserId,
        id: String,
        total: usize,
        turn: Option<OwnedSemaphorePermit>,
        command: impl FnOnce(&Job) -> Command,
    ) -> Result<Arc<Job>, Arc<Job>> {
        let job = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(running) = known.iter().find(|job| job.user == *user && job.state() == JobState::Running) {
                return if running.id == id { Ok(running.clone()) } else { Err(running.clone()) };
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
            job
        };
        let (commands, command, working) = (self.commands.clone(), command(&job), job.clone());
        tokio::spawn(async move {
            let answer = commands.submit(command).await;
            // The next file may come once this one's rows are gone.
            drop(turn);
            working.ends(match answer.map(|receipt| receipt.outcome) {
                Ok(Outcome::Applied) => JobState::Done,
                Ok(Outcome::Unchanged) => JobState::Unchanged,
                Ok(Outcome::Rejected(rejection)) => JobState::Refused(rejection.message),
                Err(StoreError::Rejected(rejection)) => JobState::Refused(rejection.message),
                Err(StoreError::Unavailable(_)) => {
                    JobState::Refused("The hub could not save; nothing was changed. Please try again.".into())
                }
            });
        });
        Ok(job)
    }
}
