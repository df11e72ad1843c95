//! Seeing off who leaves for good: slice by slice, and from the beginning again when the hub was stopped in between.

use std::collections::HashMap;
use std::time::Duration;

use kairos_core::ids::UserId;
use kairos_core::scope::Scope;

use crate::auth::{Auth, AuthError};
use crate::broker::Broker;
use crate::commands::Commands;
use crate::store::Store;
use crate::upstream::Service;

/// How long to wait before a server, a disk or a provider that did not answer is asked again.
const AGAIN: Duration = Duration::from_secs(5);

/// What is needed to see somebody off.
pub(super) struct Farewell {
    pub(super) auth: Auth,
    pub(super) commands: Commands,
    pub(super) store: Store,
    pub(super) broker: Broker,
    pub(super) upstream: Service,
}

impl Farewell {
    /// Works until it is dropped.
    pub(super) async fn run(self) {
        // Of whom everything is empty as of which change: as many as are leaving.
        let mut empty = HashMap::new();
        loop {
            let done = match self.round(&mut empty).await {
                Ok(done) => done,
                Err(error) => {
                    tracing::warn!(%error, "Deleting somebody's account has to wait.");
                    false
                }
            };
            if done {
                self.auth.somebody_leaves().await;
            } else {
                let _ = tokio::time::timeout(AGAIN, self.auth.somebody_leaves()).await;
            }
        }
    }

    /// Does what can be done now; gives whether nobody is left.
    async fn round(&self, empty: &mut HashMap<UserId, i64>) -> Result<bool, AuthError> {
        let mut done = true;
        for user in self.auth.leaving().await? {
            if self.see_off(&user, empty).await? {
                empty.remove(&user);
            } else {
                done = false;
            }
        }
        Ok(done)
    }

    /// Gives whether it is done; `false`: the server or the provider is away.
    async fn see_off(&self, user: &UserId, empty: &mut HashMap<UserId, i64>) -> Result<bool, AuthError> {
        loop {
            self.empty(user, empty).await?;
            if self.upstream.is_connected() {
                // While it has an account here the server takes what is of this person, and not after.
                let scopes = self.scopes(user).await?;
                match tokio::time::timeout(AGAIN, self.upstream.carried(&scopes)).await {
                    Ok(carried) => carried?,
                    Err(_) => return Ok(false),
                }
            }
            // It may have brought something meanwhile.
            if self.newest(user).await? == empty.get(user).copied() {
                break;
            }
        }
        if !self.auth.unknown_there(user).await? {
            return Ok(false);
        }
        self.auth.gone(user).await?;
        Ok(true)
    }

    /// Empties what is not known to be empty.
    async fn empty(&self, user: &UserId, empty: &mut HashMap<UserId, i64>) -> Result<(), AuthError> {
        if self.newest(user).await? == empty.get(user).copied() {
            return Ok(());
        }
        let newest = self.commands.empty(user).await?;
        // The broker has them in memory, and forgets them on disk as well.
        let of = user.clone();
        for topic in self.store.read(move |snapshot| snapshot.retained_of(&of)).await? {
            self.broker.publish(&topic, "", 1, true).await;
        }
        empty.insert(user.clone(), newest);
        Ok(())
    }

    async fn newest(&self, user: &UserId) -> Result<Option<i64>, AuthError> {
        let scope = Scope::Person(user.clone());
        Ok(Some(self.store.read(move |snapshot| snapshot.newest_of(&scope)).await?))
    }

    /// Their own scope, and those of the households they left in which somebody else of this hub is: in the name of those the
    /// server hears that they left.
    async fn scopes(&self, user: &UserId) -> Result<Vec<Scope>, AuthError> {
        #[allow(clippy::redundant_closure_for_method_calls)] // without it the lifetimes do not come out
        let replicated = self.store.read(|snapshot| snapshot.replicated()).await?;
        let own = Scope::Person(user.clone());
        let theirs = replicated.into_iter().filter(|(scope, seats)| {
            *scope == own || (seats.iter().any(|seat| seat.user == *user) && seats.iter().any(|seat| !seat.left))
        });
        Ok(theirs.map(|(scope, _)| scope).collect())
    }
}
