//! Which server the hub replicates with, as an administrator decides while it runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::{Fault, State, Status, Upstream};
use crate::commands::Commands;
use crate::health::{self, Board};
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
    board: Board,
    /// Whether the settings name the server.
    fixed: bool,
    current: Mutex<Option<Running>>,
    status: watch::Sender<Status>,
}

struct Running {
    upstream: Upstream,
    /// Ended when dropped.
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl Service {
    /// Begins to replicate with the server of the settings, else with the one an administrator connected, if any.
    ///
    /// # Errors
    /// [`Refusal`] when the settings name no database, or what is stored cannot be read.
    pub async fn start(
        store: Store,
        commands: Commands,
        board: Board,
        configured: Option<&str>,
    ) -> Result<Self, Refusal> {
        #[allow(clippy::redundant_closure_for_method_calls)] // without it the lifetimes do not come out
        let stored = store.read(|snapshot| snapshot.server()).await?;
        let status = watch::Sender::new(Status::none());
        let service = Self(Arc::new(Inner {
            store,
            commands,
            board,
            fixed: configured.is_some(),
            current: Mutex::new(None),
            status,
        }));
        match configured.map(str::to_owned).or(stored) {
            Some(url) => service.run(&url)?,
            None => service.tell(Status::none()),
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
    /// [`Refusal`]: nothing is changed then.
    pub async fn connect(&self, url: &str) -> Result<Status, Refusal> {
        if self.0.fixed {
            return Err(Refusal::Fixed);
        }
        Upstream::test(url).await?;
        drop(self.current().take());
        let kept = url.to_owned();
        self.0.store.write(move |tx| tx.set_server(Some(&kept))).await?;
        self.run(url)?;
        Ok(self.status())
    }

    /// Lets the server go. What is here stays here, and what is there stays there.
    ///
    /// # Errors
    /// [`Refusal`]: nothing is changed then.
    pub async fn disconnect(&self) -> Result<(), Refusal> {
        if self.0.fixed {
            return Err(Refusal::Fixed);
        }
        drop(self.current().take());
        self.0.store.write(|tx| tx.set_server(None)).await?;
        self.tell(Status::none());
        Ok(())
    }

    fn run(&self, url: &str) -> Result<(), Fault> {
        let upstream = Upstream::new(self.0.store.clone(), self.0.commands.clone(), url)?;
        let mut news = upstream.watch();
        self.tell(news.borrow_and_update().clone());
        let (teller, weak) = (upstream.clone(), Arc::downgrade(&self.0));
        let telling = tokio::spawn(async move {
            while news.changed().await.is_ok() {
                let Some(inner) = weak.upgrade() else { return };
                Self(inner).tell(teller.status());
            }
        });
        let carrying = tokio::spawn(upstream.clone().run());
        let tasks = [AbortOnDropHandle::new(carrying), AbortOnDropHandle::new(telling)];
        *self.current() = Some(Running { upstream, _tasks: tasks });
        Ok(())
    }

    fn tell(&self, status: Status) {
        let told = |status: &Status| status.message.clone().unwrap_or_else(|| status.in_words());
        self.0.board.set(
            "upstream",
            match status.state {
                State::NotConfigured => health::State::Off(status.in_words()),
                State::Synced | State::Syncing | State::Pending => health::State::Ok,
                State::Offline | State::Error => health::State::Degraded(told(&status)),
            },
        );
        self.0.status.send_replace(status);
    }

    // Held for a look and never across an await.
    fn current(&self) -> MutexGuard<'_, Option<Running>> {
        self.0.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
