//! One connection to the server, and rounds over all scopes on it.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use kairos_core::ids::UserId;
use kairos_core::scope::Scope;
use sqlx::PgConnection;
use tokio::time::Instant;

use super::Upstream;
use super::collect;
use super::fault::Fault;
use super::handshake::Verdict;
use super::household;
use super::identity;
use super::lease;
use super::session::{self, Who};
use super::status::State;
use crate::leases::TERM;
use crate::store::Seat;

/// What was carried in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    /// Both sides have the same.
    Even,
    /// Something was left, for others took their turn.
    More,
}

/// A connection, and what was said on it.
pub(super) struct Line {
    upstream: Upstream,
    connection: PgConnection,
    greeted: BTreeMap<Scope, Greeted>,
}

/// A scope for which hello was said.
struct Greeted {
    who: Who,
    /// When the lease is to be asked for again.
    lease: Instant,
    /// Whether there may be old tombstones that are this hub's to collect.
    collects: bool,
    /// Who belongs to it, as the server was told.
    told: Vec<Seat>,
    /// Who its person is at the providers of accounts, as the server was told.
    known: Vec<(String, String)>,
}

impl Line {
    pub(super) fn new(upstream: Upstream, connection: PgConnection) -> Self {
        Self { upstream, connection, greeted: BTreeMap::new() }
    }

    /// Brings scopes a step further: all of them, or those in which something waits here, which come first in any case. What is
    /// wrong with one of them keeps no other back.
    pub(super) async fn round(&mut self, whole: bool) -> Result<Round, Fault> {
        let ground = self.upstream.0.ground.clone();
        let epoch = ground.store.identity().epoch.clone();
        let read = ground.store.read(move |snapshot| {
            let mut scopes = Vec::new();
            for (scope, seats) in snapshot.replicated()? {
                let link = snapshot.link(&scope, &epoch)?.unwrap_or_default();
                let waits = link.pending.is_some() || snapshot.count_unpushed(&scope, link.pushed, 1)? > 0;
                scopes.push((scope, seats, waits));
            }
            Ok(scopes)
        });
        let mut scopes = read.await?;
        let is_there = |scope: &Scope| scopes.iter().any(|(other, ..)| other == scope);
        ground.outside().retain(is_there);
        ground.ill.keep(is_there);
        scopes.sort_by_key(|(_, _, waits)| !waits);
        let (mut round, count) = (Round::Even, scopes.len());
        for (scope, seats, waits) in scopes {
            let is_due = ground.ill.is_due(&scope);
            if is_due.unwrap_or(whole || waits) && self.tend(&scope, &seats).await? == Round::More {
                round = Round::More;
            }
        }
        ground.ill.all_of(count).map_or(Ok(round), Err)
    }

    /// Carries one scope; what is wrong with it alone is noted, and it has to wait for its next try.
    async fn tend(&mut self, scope: &Scope, seats: &[Seat]) -> Result<Round, Fault> {
        let ground = self.upstream.0.ground.clone();
        let carried = AssertUnwindSafe(self.carry(scope, seats)).catch_unwind().await.unwrap_or(Err(Fault::Fell));
        match carried {
            Ok(round) => {
                ground.ill.heal(scope);
                Ok(round)
            }
            Err(fault) => {
                let is_of_the_line = fault.is_of_the_line();
                if !is_of_the_line || fault == Fault::Fell {
                    self.greeted.remove(scope);
                    if ground.ill.note(scope, fault.clone()) && !fault.is_passing() {
                        tracing::warn!(%scope, %fault, "A scope does not get through; the others go on.");
                    }
                }
                if is_of_the_line { Err(fault) } else { Ok(Round::Even) }
            }
        }
    }

    /// Brings one scope a step further.
    async fn carry(&mut self, scope: &Scope, seats: &[Seat]) -> Result<Round, Fault> {
        if !self.greeted.contains_key(scope) {
            let Some(person) = self.speaker(scope, seats).await? else {
                tracing::debug!(%scope, "The server lets nobody of this hub in there.");
                if seats.iter().any(|seat| !seat.left) {
                    self.upstream.0.ground.outside().insert(scope.clone());
                }
                return Ok(Round::Even);
            };
            self.upstream.0.ground.outside().remove(scope);
            self.hello(scope, person).await?;
        }
        let Some(greeted) = self.greeted.get(scope) else { return Ok(Round::Even) };
        let (who, upstream) = (greeted.who.clone(), self.upstream.clone());
        let replica = upstream.replica(&who, scope);
        replica.settle(&mut self.connection).await?;
        let more = replica.push(&mut self.connection).await?;
        self.upstream.0.ground.pulse.beat();
        let behind = replica.listen(&mut self.connection).await?;
        if more || behind {
            return Ok(Round::More);
        }
        self.lease(scope, &who).await?;
        let collects = self.collect(scope, &who).await?;
        self.tell_identities(scope).await?;
        let told = self.tell_members(scope, &who).await?;
        Ok(if collects { Round::More } else { told })
    }

    /// Tells the server who a person is at the providers of accounts, where it was not told yet.
    async fn tell_identities(&mut self, scope: &Scope) -> Result<(), Fault> {
        let Scope::Person(user) = scope else { return Ok(()) };
        let person = user.clone();
        let known = self.upstream.0.ground.store.read(move |snapshot| snapshot.identities_of(&person)).await?;
        let Some(greeted) = self.greeted.get_mut(scope).filter(|greeted| greeted.known != known) else { return Ok(()) };
        for (provider, subject) in &known {
            if !session::step(identity::tell(&mut self.connection, user, provider, subject)).await? {
                tracing::warn!(%user, provider, "In another house this person is somebody else; what is theirs does not meet.");
            }
        }
        greeted.known = known;
        Ok(())
    }

    /// Asks whether this hub is to do for a scope what time itself does, now and then.
    async fn lease(&mut self, scope: &Scope, who: &Who) -> Result<(), Fault> {
        let now = Instant::now();
        // Without the time nobody knows which days have passed.
        let knows_time = !self.upstream.0.ground.store.clock().is_guessing();
        let Some(greeted) = self.greeted.get_mut(scope).filter(|greeted| knows_time && greeted.lease <= now) else {
            return Ok(());
        };
        let lease = session::step(lease::ask(&mut self.connection, who, scope, TERM)).await?;
        match lease.elsewhere {
            None => self.upstream.0.ground.leases.is_kept_here(scope),
            Some(rest) => self.upstream.0.ground.leases.is_kept_elsewhere(scope, rest),
        }
        greeted.collects = lease.elsewhere.is_none() && lease.is_due;
        greeted.lease = now + TERM / 4;
        Ok(())
    }

    /// Has the server forget some of what was deleted long ago, if that is this hub's to do; gives whether there may be more.
    async fn collect(&mut self, scope: &Scope, who: &Who) -> Result<bool, Fault> {
        let Some(greeted) = self.greeted.get_mut(scope).filter(|greeted| greeted.collects) else { return Ok(false) };
        greeted.collects = session::step(collect::collect(&mut self.connection, who, scope)).await?;
        Ok(greeted.collects)
    }

    async fn speaker(&mut self, scope: &Scope, seats: &[Seat]) -> Result<Option<UserId>, Fault> {
        match scope {
            Scope::Person(user) => Ok(Some(user.clone())),
            Scope::Household(id) => session::step(household::speaker(&mut self.connection, id, seats)).await,
        }
    }

    async fn hello(&mut self, scope: &Scope, person: UserId) -> Result<(), Fault> {
        let who = Who { hub: self.upstream.name(), person };
        let verdict = self.upstream.replica(&who, scope).hello(&mut self.connection).await?;
        if let Some(words) = verdict.in_words() {
            tracing::warn!("{words}");
        }
        if verdict != Verdict::Ok {
            self.upstream.say(State::Syncing, verdict.in_words()).await;
        }
        let greeted = Greeted { who, lease: Instant::now(), collects: false, told: Vec::new(), known: Vec::new() };
        self.greeted.insert(scope.clone(), greeted);
        Ok(())
    }

    /// Tells the server who belongs to a household, where that is other than it was told. Only after both sides have the same:
    /// what others said of it meanwhile stands in the rows then, and the row of who left is there before the door is closed.
    async fn tell_members(&mut self, scope: &Scope, who: &Who) -> Result<Round, Fault> {
        let Scope::Household(household) = scope else { return Ok(Round::Even) };
        let (id, of, epoch) = (household.clone(), scope.clone(), self.upstream.0.ground.store.identity().epoch.clone());
        let read = self.upstream.0.ground.store.read(move |snapshot| {
            let pushed = snapshot.link(&of, &epoch)?.unwrap_or_default().pushed;
            Ok((snapshot.seats(&id)?, snapshot.count_unpushed(&of, pushed, 1)? == 0))
        });
        let (seats, is_pushed) = read.await?;
        let Some(greeted) = self.greeted.get_mut(scope).filter(|greeted| greeted.told != seats) else {
            return Ok(Round::Even);
        };
        if !is_pushed {
            return Ok(Round::More);
        }
        session::step(household::tell(&mut self.connection, &who.person, household, &seats)).await?;
        greeted.told = seats;
        if greeted.told.iter().any(|seat| seat.user == who.person && seat.left) {
            // Somebody else speaks from now on, if anybody here still belongs to it.
            self.greeted.remove(scope);
        }
        Ok(Round::Even)
    }
}
