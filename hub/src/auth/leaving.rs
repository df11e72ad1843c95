//! Leaving for good: access ends at once; what is the person's is emptied by whoever carries on ([`crate::hub`]), and then the
//! account goes.

use std::net::IpAddr;

use kairos_core::change::Origin;
use kairos_core::command::{Rejection, RejectionCode};
use kairos_core::ids::UserId;
use kairos_core::schema::HOUSEHOLD_MEMBERS;
use kairos_core::scope::Scope;
use kairos_core::value::Value;

use super::people::{PersonView, end_all};
use super::provider::Fault;
use super::standing::Person;
use super::{Auth, AuthError};

impl Auth {
    /// Lets a person leave for good, as they wish themselves; with their password, where it is the hub's.
    ///
    /// # Errors
    /// As [`Auth::leave`]; [`AuthError::Rejected`] when the password is not theirs, [`AuthError::Throttled`].
    pub async fn leave_oneself(
        &self,
        user: &UserId,
        password: Option<String>,
        from: IpAddr,
    ) -> Result<PersonView, AuthError> {
        let (id, provider) = (user.clone(), self.0.provider.name());
        let found = self.0.store.read(move |snapshot| {
            let account = snapshot.account(&id)?.ok_or_else(|| Rejection::not_found("person"))?;
            let linked = provider.map(|provider| snapshot.identity_of(provider, &id)).transpose()?.flatten();
            Ok((account, linked.is_some()))
        });
        let (account, linked) = found.await?;
        if !linked && !account.password_hash.is_empty() {
            let admitted = self.0.throttle.login(from, &account.email)?;
            if !self.0.hasher.verify(password.unwrap_or_default(), Some(account.password_hash)).await? {
                return Err(Rejection::field("password", "This is not your password.").into());
            }
            self.0.throttle.succeeded(&admitted);
        }
        self.leave(user).await
    }

    /// Lets a person leave for good: their sessions, tokens and devices end at once, and there is no way back. What is theirs
    /// goes while the hub runs, then the account.
    ///
    /// # Errors
    /// [`AuthError::Rejected`] for an unknown person and for the last administrator.
    pub async fn leave(&self, user: &UserId) -> Result<PersonView, AuthError> {
        let (auth, id) = (self.clone(), user.clone());
        self.to_the_end(async move {
            let user = id.clone();
            let (admin, ended) = auth
                .0
                .store
                .write(move |tx| {
                    let account = tx.account(&id)?.ok_or_else(|| Rejection::not_found("person"))?;
                    if account.admin && !tx.another_admin(&id)? {
                        let message = "The last administrator cannot be deleted; add another one first.";
                        return Err(Rejection::new(RejectionCode::Conflict, message).into());
                    }
                    let now = tx.now();
                    tx.begin_leaving(&id)?;
                    tx.set_disabled(&id, Some(account.disabled_at.unwrap_or(now)))?;
                    for mut member in tx.rows_where(&HOUSEHOLD_MEMBERS, "user_id", id.as_str())? {
                        if member.deleted_at.is_none() && matches!(member.scope, Scope::Household(_)) {
                            let at = tx.tick();
                            member.set_deleted(Some(now), &at);
                            member.set("display_name", Value::Null, &at);
                            tx.put(&member, Origin::Local)?;
                        }
                    }
                    Ok((account.admin, end_all(tx, &id, "leaving")?))
                })
                .await?;
            auth.0.standing.set(&user, Person { admin, disabled: true });
            auth.sessions_ended(ended);
            auth.0.leaves.notify_one();
            Ok(())
        })
        .await?;
        self.person(user).await
    }

    /// Waits until somebody leaves.
    pub(crate) async fn somebody_leaves(&self) {
        self.0.leaves.notified().await;
    }

    /// Who leaves, and has an account still.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] when the database cannot be read.
    pub(crate) async fn leaving(&self) -> Result<Vec<UserId>, AuthError> {
        #[allow(clippy::redundant_closure_for_method_calls)] // without it the lifetimes do not come out
        Ok(self.0.store.read(|snapshot| snapshot.leaving()).await?)
    }

    /// Takes a person away at the provider, where it lets the hub do that. `false`: it does not answer.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] when the database cannot be read.
    pub(crate) async fn unknown_there(&self, user: &UserId) -> Result<bool, AuthError> {
        let Some(provider) = self.0.provider.name() else { return Ok(true) };
        let id = user.clone();
        let Some(identity) = self.0.store.read(move |snapshot| snapshot.identity_of(provider, &id)).await? else {
            return Ok(true);
        };
        match self.0.provider.delete(&identity.subject).await {
            Ok(()) => Ok(true),
            Err(Fault::Down(why)) => {
                tracing::debug!(why, "The provider does not answer; who leaves is still known there.");
                Ok(false)
            }
            Err(_) => {
                tracing::warn!("The hub may delete nobody in PocketBase: somebody who has left is still known there.");
                Ok(true)
            }
        }
    }

    /// Takes the account of somebody away of whom nothing else is left.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] when the database cannot be written.
    pub(crate) async fn gone(&self, user: &UserId) -> Result<(), AuthError> {
        let (auth, user) = (self.clone(), user.clone());
        self.to_the_end(async move {
            let id = user.clone();
            auth.0.store.write(move |tx| tx.remove_account(&id)).await?;
            auth.0.standing.forget(&user);
            tracing::info!("Somebody's account was deleted, and all that was theirs.");
            Ok(())
        })
        .await
    }

    /// Whether the hub can delete people where accounts are kept; where not, what is to be said about it.
    #[must_use]
    pub fn stays_there(&self) -> Option<&'static str> {
        (!self.0.provider.may_delete()).then_some(
            "The hub has no superuser's login of PocketBase: the record there stays. Delete it in PocketBase, else the \
             person can sign in again, with nothing.",
        )
    }
}
