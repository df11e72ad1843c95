//! Which server the hub replicates with, as an administrator decides while it runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::{Fault, State, Status, Upstream};
use crate::commands::Commands;
use crate::health::{self, Board};
use crate::leases::Leases;
use crate::store::{Store, StoreError};

/// Why a server cannot be connected or let go.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The settings of the hub name a server; it is changed there.
    #[error("The server is set in the hub's configuration (upstream.url); change it there.")]
    Fixed,
    /// What is the matter with the server.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// It could not be noted.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Replication with the server of the moment, if there is one. Cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    store: Store,
    commands: Commands,
    leases: Leases,
    /// Whether the settings name the server.
    fixed: bool,
    current: Mutex<Option<Running>>,
    status: watch::Sender<Status>,
    /// Ended when dropped.
    _telling: AbortOnDropHandle<()>,
}

struct Running {
    upstream: Upstream,
    /// Ended when dropped.
    _carrying: AbortOnDropHandle<()>,
}

impl Service {
    /// Begins to replicate with the server of the settings, else with the one an administrator connected, if any.
    ///
    /// # Errors
    /// [`Refusal`] when the settings name no database, or what is stored cannot be read.
    pub(crate) async fn start(
        store: Store,
        commands: Commands,
        board: Board,
        leases: Leases,
        configured: Option<&str>,
    ) -> Result<Self, Refusal> {
        #[allow(clippy::redundant_closure_for_method_calls)] // without it the lifetimes do not come out
        let stored = store.read(|snapshot| snapshot.server()).await?;
        let status = watch::Sender::new(Status::none());
        let telling = AbortOnDropHandle::new(tokio::spawn(tell(status.subscribe(), board)));
        let (fixed, current) = (configured.is_some(), Mutex::new(None));
        let service = Self(Arc::new(Inner { store, commands, leases, fixed, current, status, _telling: telling }));
        if let Some(url) = configured.map(str::to_owned).or(stored) {
            service.run(&url)?;
        }
        Ok(service)
    }

    /// How the hub stands with its server.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.status.borrow().clone()
    }

    /// Hears of each change of that.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.0.status.subscribe()
    }

    /// Tries again at once; does nothing where there is no server.
    pub fn sync_now(&self) {
        if let Some(running) = &*self.current() {
            running.upstream.sync_now();
        }
    }

    /// Looks whether a server can be reached and used; changes nothing here.
    ///
    /// # Errors
    /// What is the matter with it.
    pub async fn test(&self, url: &str) -> Result<(), Fault> {
        Upstream::test(url).await
    }

    /// Connects a server that can be reached now, in the place of the present one.
    ///
    /// # Errors
    /// [`Refusal`]: the present one stays.
    pub async fn connect(&self, url: &str) -> Result<Status, Refusal> {
        if !self.0.fixed {
            Upstream::test(url).await?;
        }
        self.change(Some(url)).await?;
        Ok(self.status())
    }

    /// Lets the server go. What is here stays here, and what is there stays there.
    ///
    /// # Errors
    /// [`Refusal`]: the present one stays.
    pub async fn disconnect(&self) -> Result<(), Refusal> {
        self.change(None).await
    }

    async fn change(&self, url: Option<&str>) -> Result<(), Refusal> {
        if self.0.fixed {
            return Err(Refusal::Fixed);
        }
        #[allow(clippy::redundant_closure_for_method_calls)] // without it the lifetimes do not come out
        let before = self.0.store.read(|snapshot| snapshot.server()).await?;
        // It ends before anything is noted: what it was about to note is of the former server.
        drop(self.current().take());
        self.0.leases.forget();
        let noted = url.map(str::to_owned);
        let noted = self.0.store.write(move |tx| tx.set_server(noted.as_deref())).await;
        match if noted.is_ok() { url } else { before.as_deref() } {
            Some(url) => self.run(url)?,
            None => drop(self.0.status.send_replace(Status::none())),
        }
        Ok(noted?)
    }

    fn run(&self, url: &str) -> Result<(), Fault> {
        let Inner { store, commands, leases, status, .. } = &*self.0;
        let upstream = Upstream::new((store.clone(), commands.clone(), leases.clone()), url, status.clone())?;
        let carrying = AbortOnDropHandle::new(tokio::spawn(upstream.clone().run()));
        *self.current() = Some(Running { upstream, _carrying: carrying });
        Ok(())
    }

    // Held for a look and never across an await.
    fn current(&self) -> MutexGuard<'_, Option<Running>> {
        self.0.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the board in step.
async fn tell(mut news: watch::Receiver<Status>, board: Board) {
    loop {
        let status = news.borrow_and_update().clone();
        let words = status.message.clone().unwrap_or_else(|| status.in_words());
        board.set(
            "upstream",
            match status.state {
                State::NotConfigured => health::State::Off(words),
                State::Synced | State::Syncing | State::Pending => health::State::Ok,
                State::Offline | State::Error => health::State::Degraded(words),
            },
        );
        if news.changed().await.is_err() {
            return;
        }
    }
}
