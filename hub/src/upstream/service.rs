//! Which server the hub replicates with, as an administrator decides while it runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::Method;
use kairos_core::scope::Scope;
use serde_json::json;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::identity;
use super::preview::{self, Meeting};
use super::{Fault, Ground, State, Status, Target, Upstream, link};
use crate::auth::elsewhere::{Elsewhere, Known};
use crate::auth::secret;
use crate::commands::Commands;
use crate::health::{self, Board};
use crate::leases::Leases;
use crate::store::{Store, StoreError};
use crate::web::Web;

/// How long a sign-in waits for the server.
const ASKED: Duration = Duration::from_secs(5);

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
    ground: Ground,
    /// Whether the settings name the server.
    fixed: bool,
    current: Mutex<Option<Running>>,
    /// Held while another one is taken.
    changing: tokio::sync::Mutex<()>,
    /// By which a hub beside a server knows again who brought a code: until this hub ends.
    word: String,
    /// Ended when dropped.
    _telling: AbortOnDropHandle<()>,
}

struct Running {
    upstream: Upstream,
    target: Target,
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
        configured: Option<Target>,
    ) -> Result<Self, Refusal> {
        let stored = stored(&store).await?;
        let ground = Ground::new(store, commands, leases);
        let telling = AbortOnDropHandle::new(tokio::spawn(tell(ground.pulse.status.subscribe(), board)));
        let (fixed, current) = (configured.is_some(), Mutex::new(None));
        let service = Self(Arc::new(Inner {
            ground,
            fixed,
            current,
            changing: tokio::sync::Mutex::default(),
            word: secret::mint(""),
            _telling: telling,
        }));
        if let Some(target) = configured.or(stored) {
            service.run(&target)?;
        }
        Ok(service)
    }

    /// How the hub stands with its server.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.ground.pulse.status.borrow().clone()
    }

    /// As [`Service::status`], with what waits at this moment.
    pub async fn standing(&self) -> Status {
        let upstream = self.current().as_ref().map(|running| running.upstream.clone());
        let Some(upstream) = upstream else { return self.status() };
        let pending = upstream.pending().await;
        let mut status = Status { pending, ..self.status() };
        if status.state == State::Synced && pending > 0 {
            status.state = State::Pending;
        }
        status
    }

    /// Hears of each change of that.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.0.ground.pulse.status.subscribe()
    }

    /// Tries again at once; does nothing where there is no server.
    pub fn sync_now(&self) {
        if let Some(running) = &*self.current() {
            running.upstream.sync_now();
        }
    }

    /// Whether there is a server, reached or not.
    pub(crate) fn is_connected(&self) -> bool {
        self.current().is_some()
    }

    /// Where the server of the moment is.
    pub(super) fn target(&self) -> Option<Target> {
        self.current().as_ref().map(|running| running.target.clone())
    }

    /// What is meant by an address: a database, or the hub beside it, which gives away a login for a code.
    ///
    /// # Errors
    /// What is the matter with it.
    pub async fn find(&self, url: &str, code: Option<&str>) -> Result<Target, Fault> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Ok(Target { url: url.to_owned(), ca: None });
        }
        let Some(code) = code else {
            return Err(Fault::WrongService("for the address of a hub a code of that hub is needed".into()));
        };
        let server = Web::at(url, None).map_err(Fault::WrongService)?;
        let asked = json!({ "code": code, "word": self.0.word });
        let answer = server.ask(Method::POST, "/api/upstream/redeem", None, Some(&asked)).await;
        let answer = answer
            .map_err(|why| if why.contains("certificate") { Fault::Untrusted(why) } else { Fault::Unreachable(why) })?;
        let text = |name: &str| answer.body[name].as_str().map(str::to_owned);
        match (answer.status, text("database_url"), answer.body["error"]["message"].as_str()) {
            (200, Some(url), _) => Ok(Target { url, ca: text("ca") }),
            (403, ..) => Err(Fault::Code),
            (429 | 503, _, Some(why)) => Err(Fault::Busy(why.trim_end_matches('.').to_owned())),
            (409 | 422, _, Some(why)) => Err(Fault::Refused(why.trim_end_matches('.').to_owned())),
            _ => Err(Fault::WrongService("no hub answers there that stands beside a server".into())),
        }
    }

    /// Compares what is here with what a server has; changes nothing on either side.
    ///
    /// # Errors
    /// What is the matter with the server.
    pub async fn preview(&self, target: &Target) -> Result<(String, Vec<(Scope, Meeting)>), Fault> {
        let options = link::options(target)?;
        let mut connection = link::look(&options).await?;
        let store = &self.0.ground.store;
        #[allow(clippy::redundant_closure_for_method_calls)] // without it the lifetimes do not come out
        let scopes = store.read(|snapshot| snapshot.replicated()).await?;
        let mut met = Vec::new();
        for (scope, seats) in scopes.into_iter().filter(|(_, seats)| seats.iter().any(|seat| !seat.left)) {
            let meeting = preview::meet(connection.as_mut(), store, &scope, &seats).await?;
            met.push((scope, meeting));
        }
        Ok((link::shown(&options), met))
    }

    /// Connects a server that can be reached now, in the place of the present one.
    ///
    /// # Errors
    /// [`Refusal`]: the present one stays.
    pub async fn connect(&self, target: Target) -> Result<Status, Refusal> {
        self.require_free()?;
        // What it lacks is made now, while somebody looks on who can do something about it.
        drop(link::open(&link::options(&target)?).await?);
        self.change(Some(target)).await?;
        Ok(self.status())
    }

    /// Lets the server go. What is here stays here, and what is there stays there.
    ///
    /// # Errors
    /// [`Refusal`]: the present one stays.
    pub async fn disconnect(&self) -> Result<(), Refusal> {
        self.change(None).await
    }

    /// # Errors
    /// [`Refusal::Fixed`]: the settings name the server.
    pub fn require_free(&self) -> Result<(), Refusal> {
        if self.0.fixed { Err(Refusal::Fixed) } else { Ok(()) }
    }

    /// Runs to its end though whoever asked hangs up: what is noted must also run, or not.
    async fn change(&self, target: Option<Target>) -> Result<(), Refusal> {
        let service = self.clone();
        let changed = tokio::spawn(async move { service.change_to(target).await }).await;
        changed.map_err(|_| Refusal::Fault(Fault::Fell))?
    }

    async fn change_to(&self, target: Option<Target>) -> Result<(), Refusal> {
        let _alone = self.0.changing.lock().await;
        self.require_free()?;
        let store = &self.0.ground.store;
        let before = stored(store).await?;
        // It ends before anything is noted: what it was about to note is of the former server.
        drop(self.current().take());
        self.0.ground.leases.forget();
        self.0.ground.outside().clear();
        self.0.ground.ill.keep(|_| false);
        let noting = target.clone();
        let noted = store.write(move |tx| match &noting {
            Some(Target { url, ca }) => tx.set_server(Some(url), ca.as_deref()),
            None => tx.set_server(None, None),
        });
        let noted = noted.await;
        match if noted.is_ok() { target } else { before } {
            Some(target) => self.run(&target)?,
            None => drop(self.0.ground.pulse.status.send_replace(Status::none())),
        }
        Ok(noted?)
    }

    /// Waits until all that is saved now in these scopes is on the server, for what the server takes at all.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub(crate) async fn carried(&self, scopes: &[Scope]) -> Result<(), StoreError> {
        let store = &self.0.ground.store;
        let (upto, epoch) = (store.feed().head(), store.identity().epoch.clone());
        let mut carried = self.0.ground.pulse.carried.subscribe();
        loop {
            carried.borrow_and_update();
            let (mut open, epoch) = (scopes.to_vec(), epoch.clone());
            open.retain(|scope| !self.0.ground.outside().contains(scope));
            let is_there = store.read(move |snapshot| {
                for scope in open {
                    let pushed = snapshot.link(&scope, &epoch)?.unwrap_or_default().pushed;
                    if snapshot.is_unpushed(&scope, pushed, upto)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            });
            if is_there.await? {
                return Ok(());
            }
            if carried.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn run(&self, target: &Target) -> Result<(), Fault> {
        let upstream = Upstream::new(self.0.ground.clone(), target)?;
        let carrying = AbortOnDropHandle::new(tokio::spawn(upstream.clone().run()));
        *self.current() = Some(Running { upstream, target: target.clone(), _carrying: carrying });
        Ok(())
    }

    // Held for a look and never across an await.
    fn current(&self) -> MutexGuard<'_, Option<Running>> {
        self.0.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Elsewhere for Service {
    fn person_of<'a>(&'a self, provider: &'a str, subject: &'a str) -> Known<'a> {
        Box::pin(async move {
            let Some(target) = self.target() else { return Ok(None) };
            let asked = async {
                // It is this hub's server already; the first connection ever may be making its tables.
                let mut connection = link::open(&link::options(&target)?).await?;
                identity::ask(&mut connection, provider, subject).await
            };
            let answered = tokio::time::timeout(ASKED, asked).await;
            answered.map_err(|_| "it does not answer".to_owned())?.map_err(|fault| fault.to_string())
        })
    }

    fn tell(&self) {
        self.sync_now();
    }
}

/// Looks whether a server can be reached and used; changes nothing, here or there.
///
/// # Errors
/// What is the matter with it.
pub(crate) async fn try_out(target: &Target) -> Result<(), Fault> {
    link::look(&link::options(target)?).await.map(drop)
}

/// The server that an administrator connected, if any.
async fn stored(store: &Store) -> Result<Option<Target>, StoreError> {
    #[allow(clippy::redundant_closure_for_method_calls)] // without it the lifetimes do not come out
    let stored = store.read(|snapshot| snapshot.server()).await?;
    Ok(stored.map(|(url, ca)| Target { url, ca }))
}

/// Keeps the board in step.
async fn tell(mut news: watch::Receiver<Status>, board: Board) {
    loop {
        let status = news.borrow_and_update().clone();
        let mut words = status.message.clone().unwrap_or_else(|| status.in_words());
        if let (State::Offline | State::Error, Some(since)) = (status.state, status.since) {
            words = format!("{words} Since {}.", kairos_core::day::instant(since));
        }
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
