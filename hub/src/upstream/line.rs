//! One connection to the server, and rounds over all scopes on it.

use std::collections::BTreeMap;

use kairos_core::ids::UserId;
use kairos_core::scope::Scope;
use sqlx::PgConnection;
use tokio::time::Instant;

use super::Upstream;
use super::fault::Fault;
use super::handshake::Verdict;
use super::household;
use super::identity;
use super::lease;
use super::session::Who;
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
    /// Who belongs to it, as the server was told.
    told: Vec<Seat>,
    /// Who its person is at the providers of accounts, as the server was told.
    known: Vec<(String, String)>,
}

impl Line {
    pub(super) fn new(upstream: Upstream, connection: PgConnection) -> Self {
        Self { upstream, connection, greeted: BTreeMap::new() }
    }

    /// Brings every scope a step further.
    pub(super) async fn round(&mut self) -> Result<Round, Fault> {
        #[allow(clippy::redundant_closure_for_method_calls)] // without it the lifetimes do not come out
        let scopes = self.upstream.0.ground.store.read(|snapshot| snapshot.replicated()).await?;
        let mut round = Round::Even;
        self.upstream.0.ground.outside().retain(|scope| scopes.contains_key(scope));
        for (scope, seats) in scopes {
            if self.carry(&scope, &seats).await? == Round::More {
                round = Round::More;
            }
        }
        Ok(round)
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
        self.upstream.0.ground.moved();
        let behind = replica.listen(&mut self.connection).await?;
        if more || behind {
            return Ok(Round::More);
        }
        self.lease(scope, &who).await?;
        self.tell_identities(scope).await?;
        self.tell_members(scope, &who).await
    }

    /// Tells the server who a person is at the providers of accounts, where it was not told yet.
    async fn tell_identities(&mut self, scope: &Scope) -> Result<(), Fault> {
        let Scope::Person(user) = scope else { return Ok(()) };
        let person = user.clone();
        let known = self.upstream.0.ground.store.read(move |snapshot| snapshot.identities_of(&person)).await?;
        let Some(greeted) = self.greeted.get_mut(scope).filter(|greeted| greeted.known != known) else { return Ok(()) };
        for (provider, subject) in &known {
            if !identity::tell(&mut self.connection, user, provider, subject).await? {
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
        match lease::ask(&mut self.connection, who, scope, TERM).await? {
            None => self.upstream.0.ground.leases.is_kept_here(scope),
            Some(rest) => self.upstream.0.ground.leases.is_kept_elsewhere(scope, rest),
        }
        greeted.lease = now + TERM / 4;
        Ok(())
    }

    async fn speaker(&mut self, scope: &Scope, seats: &[Seat]) -> Result<Option<UserId>, Fault> {
        match scope {
            Scope::Person(user) => Ok(Some(user.clone())),
            Scope::Household(id) => household::speaker(&mut self.connection, id, seats).await,
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
        self.greeted.insert(scope.clone(), Greeted { who, lease: Instant::now(), told: Vec::new(), known: Vec::new() });
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
        household::tell(&mut self.connection, &who.person, household, &seats).await?;
        greeted.told = seats;
        if greeted.told.iter().any(|seat| seat.user == who.person && seat.left) {
            // Somebody else speaks from now on, if anybody here still belongs to it.
            self.greeted.remove(scope);
        }
        Ok(Round::Even)
    }
}
