//! Replication with the server of a household, in both directions, losing nothing whatever happens in between.
//!
//! - [`link`]: reaching it, and bringing its schema up to date.
//! - [`session`]: transactions as one person; the word that both sides renew with each step.
//! - [`handshake`]: whether both still know each other, and what is to be done if not.
//! - [`push`], [`refold`]: our rows, merged with what is there; the days that follow, folded from the events there.
//! - [`pull`]: what changed there, a page at a time, through the one door.
//! - [`replica`]: one scope, step by step; what is here, its rounds over all of them.
//! - [`service`]: which server it is, as an administrator decides.
//! - [`wire`]: rows in and out of Postgres; [`fault`], [`status`], [`backoff`]: words and waits.
//!
//! The log is the outbox: what waits for the server is what the log holds after `pushed`. See docs/UPSTREAM.md.

mod backoff;
mod fault;
mod handshake;
mod link;
mod pull;
mod push;
mod refold;
mod replica;
mod service;
mod session;
mod status;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kairos_core::scope::Scope;
use sqlx::PgConnection;
use sqlx::postgres::{PgConnectOptions, PgListener};
use tokio::sync::{Notify, watch};

pub use fault::Fault;
pub use service::{Refusal, Service};
pub use status::{State, Status};

use crate::commands::Commands;
use crate::store::Store;
use backoff::Backoff;
use handshake::Verdict;
use replica::Replica;
use session::Who;

/// How often the server is asked though it said nothing: a wake-up may be lost.
const POLL: Duration = Duration::from_secs(60);
/// How long changes gather before they are pushed together.
const GATHER: Duration = Duration::from_millis(20);
/// How many waiting changes are counted.
const COUNTED: usize = 100_000;

/// Replication with one server. Cheap to clone.
#[derive(Clone)]
struct Upstream(Arc<Inner>);

struct Inner {
    store: Store,
    commands: Commands,
    options: PgConnectOptions,
    status: watch::Sender<Status>,
    now: Notify,
}

/// What was carried in a round.
#[derive(Debug, Default, PartialEq, Eq)]
enum Round {
    /// Both sides have the same.
    #[default]
    Even,
    /// Something was left, for others took their turn.
    More,
}

impl Upstream {
    /// Replication with the database at an address.
    ///
    /// It tells `status` how it goes.
    ///
    /// # Errors
    /// [`Fault::WrongService`] when it is no address of a database.
    fn new(store: Store, commands: Commands, url: &str, status: watch::Sender<Status>) -> Result<Self, Fault> {
        let options = link::options(url)?;
        let begun = Status { state: State::Syncing, server: Some(link::shown(&options)), ..Status::none() };
        status.send_replace(begun);
        Ok(Self(Arc::new(Inner { store, commands, options, status, now: Notify::new() })))
    }

    /// Tries again at once, whatever it waits for.
    fn sync_now(&self) {
        self.0.now.notify_one();
    }

    /// Looks whether the server can be reached and used, without changing anything of what is stored here.
    ///
    /// # Errors
    /// What is the matter with it.
    async fn test(url: &str) -> Result<(), Fault> {
        link::open(&link::options(url)?).await.map(drop)
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
        let mut connection = link::open(&self.0.options).await?;
        let mut listener = link::listen(&self.0.options).await?;
        let mut feed = self.0.store.feed().watch();
        let mut greeted = BTreeSet::new();
        loop {
            let who = self.who().await?;
            feed.borrow_and_update();
            let mut round = Round::Even;
            for scope in who.members.keys() {
                if self.carry(&mut connection, &who, scope, &mut greeted).await? == Round::More {
                    round = Round::More;
                }
            }
            backoff.reset();
            if round == Round::More {
                continue;
            }
            self.say(State::Synced, None).await;
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

    /// Brings one scope a step further.
    async fn carry(
        &self,
        connection: &mut PgConnection,
        who: &Who,
        scope: &Scope,
        greeted: &mut BTreeSet<Scope>,
    ) -> Result<Round, Fault> {
        let replica = Replica { store: &self.0.store, commands: &self.0.commands, who, scope: scope.clone() };
        if !greeted.contains(scope) {
            let verdict = replica.hello(connection).await?;
            if let Some(words) = verdict.in_words() {
                tracing::warn!("{words}");
            }
            if verdict != Verdict::Ok {
                self.say(State::Syncing, verdict.in_words()).await;
            }
            greeted.insert(scope.clone());
        }
        replica.settle(connection).await?;
        let more = replica.push(connection).await?;
        let behind = replica.listen(connection).await?;
        Ok(if more || behind { Round::More } else { Round::Even })
    }

    /// Whose rows are replicated: those of everybody with an account here, and of their households.
    async fn who(&self) -> Result<Who, Fault> {
        let identity = self.0.store.identity();
        #[allow(clippy::redundant_closure_for_method_calls)] // without it the lifetimes do not come out
        let members: BTreeMap<Scope, _> = self.0.store.read(|snapshot| snapshot.replicated()).await?;
        Ok(Who { hub: format!("{}/{}", identity.hub_id, identity.epoch), members })
    }

    /// How many changes wait, over all scopes.
    async fn pending(&self) -> usize {
        let epoch = self.0.store.identity().epoch.clone();
        let count = self.0.store.read(move |snapshot| {
            let mut count = 0;
            for scope in snapshot.replicated()?.into_keys() {
                let pushed = snapshot.link(&scope, &epoch)?.unwrap_or_default().pushed;
                count += snapshot.count_unpushed(&scope, pushed, COUNTED - count)?;
            }
            Ok(count)
        });
        count.await.unwrap_or(0)
    }

    async fn say(&self, state: State, message: Option<&str>) {
        let pending = self.pending().await;
        let now = self.0.store.clock().now();
        self.0.status.send_if_modified(|status| {
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
