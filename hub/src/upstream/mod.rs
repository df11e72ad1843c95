//! Replication with the server of a household, in both directions, losing nothing whatever happens in between.
//!
//! - [`link`]: reaching it, and bringing its schema up to date.
//! - [`session`]: transactions as one person; the word that both sides renew with each step.
//! - [`handshake`]: whether both still know each other, and what is to be done if not.
//! - [`push`], [`refold`]: our rows, merged with what is there; the days that follow, folded from the events there.
//! - [`pull`]: what changed there, a page at a time, through the one door.
//! - [`replica`]: one scope, step by step; [`mod@line`]: one connection, and rounds over all scopes.
//! - [`household`]: who of this hub speaks for a household there, and who belongs to it.
//! - [`service`]: which server it is, as an administrator decides; [`preview`]: what a first merge would bring together.
//! - [`relay`]: what a hub beside the server does for other houses.
//! - [`identity`]: who somebody is at the provider of accounts.
//! - [`lease`]: which hub does for a scope what time itself does.
//! - [`wire`]: rows in and out of Postgres; [`fault`], [`status`], [`backoff`]: words and waits.
//!
//! The log is the outbox: what waits for the server is what the log holds after `pushed`. See docs/UPSTREAM.md.

mod backoff;
mod fault;
mod handshake;
mod household;
mod identity;
mod lease;
mod line;
mod link;
mod preview;
mod pull;
mod push;
mod refold;
mod relay;
mod replica;
mod service;
mod session;
mod status;
mod wire;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kairos_core::scope::Scope;
use sqlx::postgres::{PgConnectOptions, PgListener};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

pub use fault::Fault;
pub use link::Target;
pub use preview::Meeting;
pub use relay::{Given, NotGiven, Relay};
pub(crate) use service::try_out;
pub use service::{Refusal, Service};
pub use status::{State, Status};

use crate::commands::Commands;
use crate::leases::Leases;
use crate::store::Store;
use backoff::Backoff;
use line::{Line, Round};
use replica::Replica;
use session::Who;

/// How often the server is asked though it said nothing: a wake-up may be lost.
const POLL: Duration = Duration::from_secs(60);
/// How long changes gather before they are pushed together.
const GATHER: Duration = Duration::from_millis(20);
/// How many waiting changes are counted.
const COUNTED: usize = 100_000;
/// From so many on, they are counted once a second, however often somebody asks.
const MANY: usize = 1000;

/// What is said where the server lets nobody of this hub into a household.
const OUTSIDE: &str = "A household's changes wait: on the server nobody of this hub belongs to it. Its administrators can take \
                       somebody in, on the hub where they are.";

/// Replication with one server. Cheap to clone.
#[derive(Clone)]
struct Upstream(Arc<Inner>);

struct Inner {
    ground: Ground,
    options: PgConnectOptions,
    now: Notify,
    /// How many changes waited, and when they were counted.
    counted: Mutex<Option<(Instant, usize)>>,
}

/// What replication works with, whichever server it is. Cheap to clone.
#[derive(Clone)]
struct Ground {
    store: Store,
    commands: Commands,
    leases: Leases,
    /// How it goes.
    status: watch::Sender<Status>,
    /// Changes whenever something was carried.
    carried: watch::Sender<u64>,
    /// The households that the server lets nobody of this hub into, who still belongs to them here.
    outside: Arc<Mutex<BTreeSet<Scope>>>,
}

impl Ground {
    fn new(store: Store, commands: Commands, leases: Leases) -> Self {
        let (status, carried) = (watch::Sender::new(Status::none()), watch::Sender::new(0));
        Self { store, commands, leases, status, carried, outside: Arc::default() }
    }

    // Held for a look and never across an await.
    fn outside(&self) -> MutexGuard<'_, BTreeSet<Scope>> {
        self.outside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whoever waits for something to be carried.
    fn moved(&self) {
        self.carried.send_modify(|count| *count = count.wrapping_add(1));
    }
}

impl Upstream {
    /// Replication with the database at an address.
    ///
    /// # Errors
    /// [`Fault::WrongService`] when it is no address of a database.
    fn new(ground: Ground, target: &Target) -> Result<Self, Fault> {
        let options = link::options(target)?;
        let begun = Status { state: State::Syncing, server: Some(link::shown(&options)), ..Status::none() };
        ground.status.send_replace(begun);
        Ok(Self(Arc::new(Inner { ground, options, now: Notify::new(), counted: Mutex::default() })))
    }

    /// Tries again at once, whatever it waits for.
    fn sync_now(&self) {
        self.0.now.notify_one();
    }

    /// Replicates until it is dropped.
    async fn run(self) {
        let mut backoff = Backoff::default();
        loop {
            let fault = match self.connected(&mut backoff).await {
                Ok(never) => match never {},
                Err(fault) => fault,
            };
            let [chance] = crate::random::bytes::<1>();
            let wait = if fault.is_passing() { Duration::from_millis(200) } else { backoff.next(chance) };
            self.say_fault(&fault).await;
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.0.now.notified() => {}
            }
        }
    }

    /// One connection, for as long as it holds.
    async fn connected(&self, backoff: &mut Backoff) -> Result<std::convert::Infallible, Fault> {
        let connection = link::open(&self.0.options).await?;
        let mut listener = link::listen(&self.0.options).await?;
        let mut feed = self.0.ground.store.feed().watch();
        let mut line = Line::new(self.clone(), connection);
        loop {
            feed.borrow_and_update();
            let round = line.round().await?;
            backoff.reset();
            if round == Round::More {
                self.say_syncing();
                continue;
            }
            let is_outside = !self.0.ground.outside().is_empty();
            match is_outside {
                false => self.say(State::Synced, None).await,
                true => self.say(State::Pending, Some(OUTSIDE)).await,
            }
            self.wait(&mut feed, &mut listener).await?;
        }
    }

    /// Waits until something may have changed, here or there.
    async fn wait(&self, feed: &mut watch::Receiver<i64>, listener: &mut PgListener) -> Result<(), Fault> {
        tokio::select! {
            changed = feed.changed() => {
                changed.map_err(|_| Fault::Here("it is closed".into()))?;
                tokio::time::sleep(GATHER).await;
            }
            heard = listener.try_recv() => {
                // Nothing was heard while it was cut off, nor will the other connection have lived.
                if heard?.is_none() {
                    return Err(Fault::Unreachable("the connection was cut".into()));
                }
                while listener.next_buffered().is_some() {}
            }
            () = self.0.now.notified() => {}
            () = tokio::time::sleep(POLL) => {}
        }
        Ok(())
    }

    /// This life of this hub, as the server knows it: a restored database is another.
    fn name(&self) -> String {
        let identity = self.0.ground.store.identity();
        format!("{}/{}", identity.hub_id, identity.epoch)
    }

    fn replica<'a>(&'a self, who: &'a Who, scope: &Scope) -> Replica<'a> {
        Replica { store: &self.0.ground.store, commands: &self.0.ground.commands, who, scope: scope.clone() }
    }

    /// How many changes wait, over all scopes. Of many it may be a second old; none are none.
    async fn pending(&self) -> usize {
        let known = *self.0.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.filter(|(at, count)| *count >= MANY && at.elapsed() < Duration::from_secs(1));
        match known {
            Some((_, count)) if self.count(1).await > 0 => count,
            _ => {
                let count = self.count(COUNTED).await;
                *self.0.counted.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), count));
                count
            }
        }
    }

    /// How many changes wait, over all scopes, `most` at most.
    async fn count(&self, most: usize) -> usize {
        let epoch = self.0.ground.store.identity().epoch.clone();
        let count = self.0.ground.store.read(move |snapshot| {
            let mut count = 0;
            for (scope, seats) in snapshot.replicated()? {
                // What one has left is others'.
                if seats.iter().all(|seat| seat.left) {
                    continue;
                }
                let pushed = snapshot.link(&scope, &epoch)?.unwrap_or_default().pushed;
                count += snapshot.count_unpushed(&scope, pushed, most - count)?;
            }
            Ok(count)
        });
        count.await.unwrap_or(0)
    }

    async fn say(&self, state: State, message: Option<&str>) {
        let pending = self.pending().await;
        let now = self.0.ground.store.clock().now();
        self.0.ground.status.send_if_modified(|status| {
            let synced_at = if state == State::Synced { Some(now) } else { status.synced_at };
            let next = Status {
                state,
                pending,
                synced_at,
                message: message.map(str::to_owned),
                server: status.server.clone(),
            };
            let differs = *status != next;
            *status = next;
            differs
        });
    }

    /// Says that rows are on their way; how many is counted for who asks.
    fn say_syncing(&self) {
        self.0.ground.status.send_if_modified(|status| {
            let differs = status.state != State::Syncing;
            if differs {
                (status.state, status.message) = (State::Syncing, None);
            }
            differs
        });
    }

    async fn say_fault(&self, fault: &Fault) {
        let state = match fault {
            Fault::Busy(_) => State::Pending,
            Fault::SetBack => State::Syncing,
            Fault::Unreachable(_) => State::Offline,
            _ => State::Error,
        };
        tracing::debug!(%fault, "The server did not answer as hoped.");
        self.say(state, Some(&fault.to_string())).await;
    }
}

#[cfg(test)]
mod tests;
