//! Who stands how, in memory: asked at every request, and told to everybody who holds a connection open.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use kairos_core::Millis;
use kairos_core::ids::{DeviceId, HouseholdId, UserId};
use kairos_core::schema::HOUSEHOLD_MEMBERS;
use kairos_core::scope::Scope;
use tokio::sync::broadcast;

use super::jwt::LIFETIME;
use super::members::Members;
use super::{Auth, Caller};
use crate::store::{Store, StoreError};

/// How many revocations a listener may be behind before it is told to ask again about everything.
const BEHIND: usize = 64;

/// How long to wait before the database is asked once more.
const RETRY: Duration = Duration::from_secs(1);

/// How long an ended session is remembered: as long as an access token of it could still be shown,
/// with a margin for clocks.
const REMEMBERED: Millis = (LIFETIME + 5 * 60) * 1000;

/// What ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoked {
    /// Everything of a person: their account was disabled.
    User(UserId),
    /// A session: signed out, ended, or its refresh token was used twice.
    Session(String),
    /// An API token, by its id.
    Token(String),
    /// A device or display.
    Device(DeviceId),
    /// What a person may see is no longer the same: they joined a household, or left one.
    Scopes(UserId),
}

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// This ended.
    Revoked(Revoked),
    /// More ended than could be kept for this listener: ask [`Auth::still_holds`] about each
    /// connection.
    AskAgain,
}

/// Hears of what ends.
pub struct Revocations(broadcast::Receiver<Revoked>);

impl Revocations {
    /// Waits for the next; `None` when the hub is stopping.
    pub async fn next(&mut self) -> Option<Notice> {
        match self.0.recv().await {
            Ok(revoked) => Some(Notice::Revoked(revoked)),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Notice::AskAgain),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// The access of one open connection.
pub struct Access {
    auth: Auth,
    caller: Caller,
    news: Revocations,
    /// Something was not heard, and the database was not asked yet.
    unsure: bool,
}

impl Access {
    /// Begins to listen, and asks once: the access may have ended between the caller's coming in and now.
    pub(super) fn new(auth: Auth, caller: Caller) -> Self {
        let news = auth.revocations();
        Self { auth, caller, news, unsure: true }
    }

    /// Whether it ends because they see something else now, and they may come in again as they are.
    #[must_use]
    pub fn sees_other_now(&self) -> bool {
        self.auth.sees_other_now(&self.caller)
    }

    /// Waits until the access ends. May be dropped and called again at any time.
    pub async fn ended(&mut self) {
        loop {
            while self.unsure {
                match self.auth.still_holds(&self.caller).await {
                    Ok(true) => self.unsure = false,
                    Ok(false) => return,
                    // Nobody is signed out because the disk does not answer.
                    Err(_) => tokio::time::sleep(RETRY).await,
                }
            }
            match self.news.next().await {
                Some(Notice::Revoked(revoked)) if self.caller.ended_by(&revoked) => {
                    // Stays so, should it be asked again.
                    self.unsure = true;
                    return;
                }
                Some(Notice::Revoked(_)) => {}
                Some(Notice::AskAgain) => self.unsure = true,
                // The hub is stopping; whoever holds the connection hears so by other ways.
                None => std::future::pending().await,
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) admin: bool,
    pub(super) disabled: bool,
}

/// People are few and bounded; ended sessions are forgotten after twenty minutes, and begun sessions
/// are throttled and bounded per person.
pub(super) struct Standing {
    people: RwLock<HashMap<UserId, Person>>,
    members: RwLock<Members>,
    /// How far the log was read when this was.
    pub(super) read_at: i64,
    ended: RwLock<HashMap<String, Millis>>,
    news: broadcast::Sender<Revoked>,
}

impl Standing {
    pub(super) async fn read(store: &Store) -> Result<Self, StoreError> {
        let since = store.clock().now().saturating_sub(REMEMBERED);
        let (accounts, ended, members, read_at) = store
            .read(move |snapshot| {
                let ended = snapshot.sessions_ended_after(since)?;
                Ok((snapshot.accounts()?, ended, snapshot.living(&HOUSEHOLD_MEMBERS)?, snapshot.head()?))
            })
            .await?;
        let people = accounts
            .into_iter()
            .map(|account| (account.user, Person { admin: account.admin, disabled: account.disabled_at.is_some() }))
            .collect();
        Ok(Self {
            people: RwLock::new(people),
            members: RwLock::new(Members::of(&members)),
            read_at,
            ended: RwLock::new(ended.into_iter().collect()),
            news: broadcast::Sender::new(BEHIND),
        })
    }

    pub(super) fn subscribe(&self) -> Revocations {
        Revocations(self.news.subscribe())
    }

    /// A person who may come in.
    pub(super) fn active(&self, user: &UserId) -> Option<Person> {
        let people = self.people.read().unwrap_or_else(PoisonError::into_inner);
        people.get(user).copied().filter(|person| !person.disabled)
    }

    pub(super) fn set(&self, user: &UserId, person: Person) {
        self.people.write().unwrap_or_else(PoisonError::into_inner).insert(user.clone(), person);
        if person.disabled {
            self.announce(Revoked::User(user.clone()));
        }
    }

    /// Forgets a person who is no more.
    pub(super) fn forget(&self, user: &UserId) {
        self.people.write().unwrap_or_else(PoisonError::into_inner).remove(user);
    }

    /// The scopes a person belongs to: their own, and those of their households.
    pub(super) fn scopes(&self, user: &UserId) -> Vec<Scope> {
        let households = self.members.read().unwrap_or_else(PoisonError::into_inner).households(user);
        std::iter::once(Scope::Person(user.clone())).chain(households.into_iter().map(Scope::Household)).collect()
    }

    /// Takes in what became of a member's row, and tells whoever is concerned.
    pub(super) fn member_changed(&self, row_id: &str, now: Option<(UserId, HouseholdId)>) {
        let concerned = self.members.write().unwrap_or_else(PoisonError::into_inner).change(row_id, now);
        for user in concerned {
            self.announce(Revoked::Scopes(user));
        }
    }

    pub(super) fn session_ended(&self, session: &str) -> bool {
        self.ended.read().unwrap_or_else(PoisonError::into_inner).contains_key(session)
    }

    pub(super) fn end_session(&self, session: String, now: Millis) {
        self.ended.write().unwrap_or_else(PoisonError::into_inner).insert(session.clone(), now);
        self.announce(Revoked::Session(session));
    }

    /// Tells everybody. Nobody may be listening.
    pub(super) fn announce(&self, revoked: Revoked) {
        let _ = self.news.send(revoked);
    }

    /// Forgets sessions whose access tokens have all run out.
    pub(super) fn sweep(&self, now: Millis) {
        let kept = now.saturating_sub(REMEMBERED);
        self.ended.write().unwrap_or_else(PoisonError::into_inner).retain(|_, ended| *ended >= kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_that_falls_behind_is_told_to_ask_again() {
        let news = broadcast::Sender::new(BEHIND);
        let mut listener = Revocations(news.subscribe());
        for n in 0..BEHIND + 5 {
            let _ = news.send(Revoked::Session(n.to_string()));
        }
        assert_eq!(listener.next().await, Some(Notice::AskAgain));
        assert_eq!(listener.next().await, Some(Notice::Revoked(Revoked::Session("5".into()))));
        drop(news);
        for _ in 0..BEHIND - 1 {
            assert!(listener.next().await.is_some());
        }
        assert_eq!(listener.next().await, None);
    }
}
