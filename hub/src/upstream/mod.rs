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
//! - [`lease`]: which hub does for a scope what time itself does; [`collect`]: it has the server forget old deletions.
//! - [`pulse`], [`ill`]: what moves, and which scopes do not while others do.
//! - [`wire`]: rows in and out of Postgres; [`fault`], [`status`], [`backoff`]: words and waits.
//!
//! The log is the outbox: what waits for the server is what the log holds after `pushed`. See docs/UPSTREAM.md.

mod backoff;
mod collect;
mod fault;
mod handshake;
mod household;
mod identity;
mod ill;
mod lease;
mod line;
mod link;
mod preview;
mod pull;
mod pulse;
mod push;
mod refold;
mod relay;
mod replica;
mod service;
mod session;
mod status;
mod wire;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
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
use ill::{MOMENT, Sickbay};
use line::{Line, Round};
use pulse::Pulse;
use replica::Replica;
use session::Who;

/// How often the server is asked though it said nothing: a wake-up may be lost.
const POLL: Duration = Duration::from_secs(60);
/// How long changes gather before they are pushed together.
const GATHER: Duration = Duration::from_millis(20);
/// How often wake-ups are heeded: anybody who reaches the database can call, and as often as they like.
const BREATH: Duration = Duration::from_millis(250);
/// How long a server that somebody wants to be asked at once may say nothing before the line is made anew.
const NUDGED: Duration = Duration::from_secs(8);
/// How many waiting changes are counted.
const COUNTED: usize = 100_000;
/// From so many on, they are counted once a second, however often somebody asks.
const MANY: usize = 20_000;

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
    /// Somebody asked for another round while one ran.
    again: AtomicBool,
}

/// What replication works with, whichever server it is. Cheap to clone.
#[derive(Clone)]
struct Ground {
    store: Store,
    commands: Commands,
    leases: Leases,
    /// How it goes, and what moves.
    pulse: Arc<Pulse>,
    /// The scopes that do not get through while others do.
    ill: Arc<Sickbay>,
    /// The households that the server lets nobody of this hub into, who still belongs to them here.
    outside: Arc<Mutex<BTreeSet<Scope>>>,
}

impl Ground {
    fn new(store: Store, commands: Commands, leases: Leases) -> Self {
        Self { store, commands, leases, pulse: Arc::default(), ill: Arc::default(), outside: Arc::default() }
    }

    // Held for a look and never across an await.
    fn outside(&self) -> MutexGuard<'_, BTreeSet<Scope>> {
        self.outside.lock().unwrap_or_else(PoisonError::into_inner)
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
        ground.pulse.status.send_replace(begun);
        let again = AtomicBool::new(false);
        Ok(Self(Arc::new(Inner { ground, options, now: Notify::new(), counted: Mutex::default(), again })))
    }

    /// Tries again at once, whatever it waits for.
    fn sync_now(&self) {
        self.0.now.notify_one();
    }

    /// Replicates until it is dropped.
    async fn run(self) {
        let mut backoff = Backoff::default();
        loop {
            let pulse = &self.0.ground.pulse;
            let before = pulse.rows();
            let fault = match AssertUnwindSafe(self.connected(&mut backoff)).catch_unwind().await {
                Ok(Ok(never)) => match never {},
                Ok(Err(fault)) => fault,
                Err(_) => Fault::Fell,
            };
            let [chance] = crate::random::bytes::<1>();
            let was_cut = matches!(fault, Fault::Unreachable(_));
            let has_moved = pulse.rows() != before;
            match (has_moved, was_cut) {
                (true, _) => backoff.reset(),
                (false, true) => pulse.shorten(),
                (false, false) => {}
            }
            let wait = if fault.is_passing() { MOMENT } else { backoff.next(chance) };
            // While rows get through between two cuts the server is not away.
            let is_carrying = has_moved && was_cut && pulse.status.borrow().state == State::Syncing;
            if !is_carrying {
                self.say_fault(&fault).await;
            }
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
        let (mut whole, mut rounded) = (true, Instant::now());
        loop {
            feed.borrow_and_update();
            if whole {
                rounded = Instant::now();
            }
            let round = self.hurried(line.round(whole)).await?;
            backoff.reset();
            if round == Round::More {
                self.say_syncing();
                continue;
            }
            self.say_standing().await;
            whole = self.wait(rounded, &mut feed, &mut listener).await?;
        }
    }

    /// A round; where somebody wants the server to be asked at once and it says nothing, the line is given up.
    async fn hurried(&self, round: impl Future<Output = Result<Round, Fault>>) -> Result<Round, Fault> {
        tokio::pin!(round);
        loop {
            tokio::select! {
                done = &mut round => return done,
                () = self.0.now.notified() => {}
            }
            self.0.again.store(true, Ordering::Relaxed);
            let beats = self.0.ground.pulse.beats();
            tokio::select! {
                done = &mut round => return done,
                () = tokio::time::sleep(NUDGED) => {}
            }
            if self.0.ground.pulse.beats() == beats {
                return Err(Fault::silent());
            }
        }
    }

    /// Waits until something may have changed, here or there; gives whether all is to be looked at, or only what waits here.
    async fn wait(
        &self,
        rounded: Instant,
        feed: &mut watch::Receiver<i64>,
        listener: &mut PgListener,
    ) -> Result<bool, Fault> {
        if self.0.again.swap(false, Ordering::Relaxed) {
            return Ok(true);
        }
        let ill = self.0.ground.ill.next();
        tokio::select! {
            changed = feed.changed() => {
                changed.map_err(|_| Fault::Here("it is closed".into()))?;
                tokio::time::sleep(GATHER).await;
                return Ok(false);
            }
            () = tokio::time::sleep_until(ill.unwrap_or(rounded)), if ill.is_some() => return Ok(false),
            heard = listener.try_recv() => {
                // Nothing was heard while it was cut off, nor will the other connection have lived.
                if heard?.is_none() {
                    return Err(Fault::Unreachable("the connection was cut".into()));
                }
                // The first at once, and those of a storm together.
                tokio::time::sleep_until(rounded + BREATH).await;
                while listener.next_buffered().is_some() {}
            }
            () = self.0.now.notified() => self.0.ground.ill.hurry(),
            () = tokio::time::sleep_until(rounded + POLL) => link::is_heard(listener).await?,
        }
        Ok(true)
    }

    /// This life of this hub, as the server knows it: a restored database is another.
    fn name(&self) -> String {
        let identity = self.0.ground.store.identity();
        format!("{}/{}", identity.hub_id, identity.epoch)
    }

    fn replica<'a>(&'a self, who: &'a Who, scope: &Scope) -> Replica<'a> {
        let Ground { store, commands, pulse, .. } = &self.0.ground;
        Replica { store, commands, who, pulse, scope: scope.clone() }
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

    /// Says how it stands after a round.
    async fn say_standing(&self) {
        let ground = &self.0.ground;
        let stuck = ground.ill.told();
        let is_outside = !ground.outside().is_empty();
        if let Some((_, why)) = stuck.first() {
            let message = format!("What belongs to some does not get through, and everything else does. {why}");
            self.say(State::Error, Some(&message)).await;
        } else if is_outside {
            self.say(State::Pending, Some(OUTSIDE)).await;
        } else if ground.ill.is_passing() {
            self.say(State::Pending, None).await;
        } else {
            self.say(State::Synced, None).await;
        }
    }

    async fn say(&self, state: State, message: Option<&str>) {
        let pending = self.pending().await;
        let now = self.0.ground.store.clock().now();
        let stuck = self.0.ground.ill.told();
        self.0.ground.pulse.status.send_if_modified(|status| {
            let synced_at = if state == State::Synced { Some(now) } else { status.synced_at };
            let next = Status {
                state,
                pending,
                synced_at,
                message: message.map(str::to_owned),
                since: if state == status.state { status.since } else { Some(now) },
                stuck,
                server: status.server.clone(),
            };
            let differs = *status != next;
            *status = next;
            differs
        });
    }

    /// Says that rows are on their way; how many is counted for who asks.
    fn say_syncing(&self) {
        self.0.ground.pulse.status.send_if_modified(|status| {
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
        // Everybody hears how it goes, and nobody by which login.
        let words = fault.to_string().replace(&format!("\"{}\"", self.0.options.get_username()), "of this hub");
        self.say(state, Some(&words)).await;
    }
}

#[cfg(test)]
mod tests;
