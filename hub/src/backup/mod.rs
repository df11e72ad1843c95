//! Copies of the running database, and the way back.
//!
//! Reading order:
//!
//! 1. [`copy`]: a consistent copy in one file, checked and sealed (`seal`), or no file at all.
//! 2. [`verify`]: whether a file is a whole database of ours.
//! 3. [`restore`]: from a file to a database with a new epoch and a new clock; `missing` names what it lacks.
//! 4. `swap`: one database in another's place, whole, under `kill -9` at any moment.
//! 5. `schedule`: a copy a day, and how many are kept. [`restart`]: a running hub takes a restored database.
//!
//! A backup is the database and nothing else. Keys, certificates and settings stand in other files, so that whoever
//! finds a backup cannot sign as this hub. docs/OPERATIONS.md tells people so.

pub mod copy;
pub mod fault;
mod folder;
mod missing;
mod name;
pub mod restart;
pub mod restore;
mod schedule;
mod seal;
pub(crate) mod swap;
pub mod verify;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Mutex as Turn, Notify, mpsc, oneshot};

pub use fault::{Fault, Stop};
pub use folder::Backup;
pub use missing::{Lack, Missing};
pub use name::Name;
pub(crate) use name::readable;
pub use restart::Order;

use crate::admin::{Refusal, Request};
use crate::config::Config;
use crate::health::{Board, State};
use crate::store::Store;

/// Where backups go, how often, and how many are kept.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder.
    pub folder: PathBuf,
    /// How often; `None`: only when somebody asks.
    pub every: Option<Duration>,
    /// How many are kept.
    pub keep: usize,
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        let backup = &config.store.backup;
        Self {
            folder: match &backup.folder {
                Some(folder) => std::path::absolute(folder).unwrap_or_else(|_| folder.clone()),
                None => config.data_dir.join("backups"),
            },
            every: backup.every.period(),
            keep: usize::try_from(backup.keep).unwrap_or(usize::MAX),
        }
    }
}

/// The backups of a running hub. Cheap to clone.
#[derive(Clone)]
pub struct Backups(Arc<Inner>);

struct Inner {
    settings: Settings,
    data_dir: PathBuf,
    store: Store,
    board: Board,
    /// One at a time: two would only slow each other.
    turn: Turn<()>,
    stop: Stop,
    /// What is known of the files in the folder.
    known: Mutex<folder::Known>,
    /// Somebody saw a file of which nothing is known.
    look: Notify,
    orders: mpsc::Sender<Order>,
}

impl Backups {
    /// The backups of a hub, and where restores are ordered.
    #[must_use]
    pub fn new(settings: Settings, store: Store, board: Board) -> (Self, mpsc::Receiver<Order>) {
        // One restore is one restart; a second has nothing left to wait for.
        let (orders, ordered) = mpsc::channel(1);
        let data_dir = copy::folder_of(store.path());
        let inner = Inner {
            settings,
            data_dir,
            store,
            board,
            turn: Turn::default(),
            stop: Stop::default(),
            known: Mutex::default(),
            look: Notify::new(),
            orders,
        };
        (Self(Arc::new(inner)), ordered)
    }

    /// Ends work under way: the process must be able to end.
    pub fn stop(&self) {
        self.0.stop.now();
    }

    /// Copies the database into a file of somebody's choice.
    ///
    /// # Errors
    /// [`Fault`]: one sentence.
    pub async fn write(&self, target: PathBuf) -> Result<verify::Facts, Fault> {
        let _turn = self.0.turn.lock().await;
        let (database, stop) = (self.0.store.path().to_owned(), self.0.stop.clone());
        let facts = blocking(move || copy::write(&database, &target, &stop)).await?;
        tracing::info!(bytes = facts.bytes, head = facts.head, "A backup was made.");
        Ok(facts)
    }

    /// Makes a backup in the folder, and takes away those beyond the number to keep.
    ///
    /// # Errors
    /// [`Fault::Unavailable`]; `/health` says so too until one succeeds.
    pub async fn make(&self) -> Result<Backup, Fault> {
        let made = self.try_make().await;
        match &made {
            Ok(_) => self.0.board.set("backup", State::Ok),
            Err(fault) if *fault == Fault::stopping() => {}
            Err(fault) => {
                let reason = fault.clause();
                self.0.board.set("backup", State::Degraded(format!("the last backup could not be made: {reason}")));
            }
        }
        made
    }

    async fn try_make(&self) -> Result<Backup, Fault> {
        let folder = &self.0.settings.folder;
        let (name, target) = {
            let (folder, now) = (folder.clone(), self.0.store.clock().now());
            blocking(move || folder::free_name(&folder, now)).await?
        };
        self.write(target).await?;
        let inner = self.0.clone();
        blocking(move || {
            let made = inner.known().made(&inner.settings.folder, &name)?;
            let hub_id = &inner.store.identity().hub_id;
            folder::retain(&inner.settings.folder, inner.settings.keep, &name, hub_id);
            Ok(made)
        })
        .await
    }

    /// The backups in the folder, the newest first.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when the folder cannot be read.
    pub async fn list(&self) -> Result<Vec<Backup>, Fault> {
        let inner = self.0.clone();
        let items = blocking(move || inner.known().list(&inner.settings.folder)).await?;
        if items.iter().any(|item| item.verified.is_none()) {
            self.0.look.notify_one();
        }
        Ok(items)
    }

    /// The file of a backup in the folder; `None` when there is no such backup.
    pub async fn file(&self, name: &str) -> Option<PathBuf> {
        let name = Name::parse(name)?;
        let path = self.0.settings.folder.join(name.as_str());
        let found = tokio::fs::symlink_metadata(&path).await.ok()?;
        found.is_file().then_some(path)
    }

    /// Checks a file and copies it beside the database.
    ///
    /// # Errors
    /// [`Fault::Refused`] with the reason.
    pub async fn prepare(&self, file: PathBuf) -> Result<restore::Prepared, Fault> {
        let (dir, stop) = (self.0.data_dir.clone(), self.0.stop.clone());
        blocking(move || restore::prepare(&dir, &file, &stop)).await
    }

    /// Orders that the hub starts again with a prepared restore. Gives where the outcome will be told.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when the hub is restarting already.
    pub fn order(
        &self,
        prepared: restore::Prepared,
    ) -> Result<oneshot::Receiver<Result<restore::Outcome, Fault>>, Fault> {
        let (done, outcome) = oneshot::channel();
        self.0.orders.try_send(Order { prepared, done }).map_err(|_| Fault::stopping())?;
        Ok(outcome)
    }

    /// Does what the command line asks about backups.
    ///
    /// # Errors
    /// [`Refusal`], for a person.
    pub(crate) async fn carry_out(&self, request: Request) -> Result<Value, Refusal> {
        let done = match request {
            Request::Backup { file } => {
                let target = PathBuf::from(&file);
                self.write(target).await.map(|facts| json!({ "file": file, "holds": facts }))
            }
            Request::RestorePlan { file } => self.plan(file.into()).await.map(|plan| json!(plan)),
            Request::Restore { file } => self.restore(file.into()).await.map(|outcome| json!(outcome)),
            _ => Err(Fault::internal()),
        };
        done.map_err(Refusal::from)
    }

    async fn plan(&self, file: PathBuf) -> Result<restore::Plan, Fault> {
        let prepared = self.prepare(file).await?;
        blocking(move || Ok(prepared.plan())).await
    }

    async fn restore(&self, file: PathBuf) -> Result<restore::Outcome, Fault> {
        let prepared = self.prepare(file).await?;
        self.order(prepared)?.await.map_err(|_| Fault::stopping())?
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self { usage: false, message: fault.to_string() }
    }
}

/// Runs work on files where it holds nobody up.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Fault::internal())?
}

/// Copies the database of a hub that does not run.
///
/// # Errors
/// [`Fault`]: one sentence; also when the hub does run.
pub fn write_stopped(data_dir: &Path, target: &Path) -> Result<verify::Facts, Fault> {
    let database = data_dir.join("hub.db");
    if !database.is_file() {
        return Err(Fault::refused(data_dir, "there is no database in it"));
    }
    let lock = crate::store::error::lock_directory(data_dir).map_err(|error| Fault::Unavailable(error.to_string()))?;
    swap::settle(data_dir).map_err(|error| Fault::Unavailable(error.to_string()))?;
    let facts = copy::write(&database, target, &Stop::default());
    drop(lock);
    facts
}

#[cfg(test)]
mod tests;
