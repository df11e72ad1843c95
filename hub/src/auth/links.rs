//! An account that was here first, and the one its person has at the provider: linked by who has both, seen, and parted again.
//!
//! An account keeps a way in: while the provider's password is the only one that opens it, it is parted only by who gives it
//! one of this hub's own, and proves with the provider's that the account is theirs.

use std::net::IpAddr;

use kairos_core::Millis;
use kairos_core::command::{Rejection, RejectionCode};
use kairos_core::ids::UserId;

use super::people::read_email;
use super::provider::Vouched;
use super::throttle::Lane;
use super::{Auth, AuthError, password};
use crate::store::{Account, Identity, StoreError};

/// Who somebody is at a provider.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(example = json!({"provider": "pocketbase", "subject": "sjncd1g8njb6trq", "user_id": "0190a7b2-1d20-7a3b-8c4d-5e6f7a8b9c0d"}))]
pub struct Linked {
    /// Which provider.
    #[schema(example = "pocketbase")]
    pub provider: String,
    /// Who they are there.
    #[schema(example = "sjncd1g8njb6trq")]
    pub subject: String,
    /// Who they are here: the same as before.
    pub user_id: String,
}

/// What opens an account.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(example = json!({"provider": "pocketbase", "has_password": false, "items": [{"provider": "pocketbase", "subject": "sjncd1g8njb6trq", "linked_at": 1_795_514_400_000_i64, "only_way_in": true}], "next": null}))]
pub struct Links {
    /// Which server keeps the accounts of this hub; null: the hub itself, and there is nothing to link with.
    #[schema(example = "pocketbase")]
    pub provider: Option<&'static str>,
    /// Whether a password of this hub's own opens the account, which `DELETE /api/me` asks for.
    pub has_password: bool,
    /// What the account is linked with.
    pub items: Vec<Link>,
    /// Always null: all of them are listed.
    pub next: Option<String>,
}

/// Something an account is linked with.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Link {
    /// Which provider.
    #[schema(example = "pocketbase")]
    pub provider: String,
    /// Who they are there.
    #[schema(example = "sjncd1g8njb6trq")]
    pub subject: String,
    /// Since when, in milliseconds since the epoch.
    pub linked_at: Millis,
    /// Whether the password there is the only one that opens the account: who parts the two gives it one of this hub's own.
    pub only_way_in: bool,
}

/// What somebody signs in with at the provider. No `Debug`: it holds a password.
pub struct Login {
    /// The mail address there.
    pub email: String,
    /// The password there.
    pub password: String,
}

/// What parting from the only way in takes. No `Debug`: it holds passwords.
pub struct Parting {
    /// The mail address there, where it is not the one here.
    pub email: Option<String>,
    /// The password there: whoever has it is the person.
    pub password: String,
    /// What opens the account from then on.
    pub new_password: String,
}

fn conflict(message: &str) -> Rejection {
    Rejection::new(RejectionCode::Conflict, message)
}

/// Said as at the sign-in, and to a person who stays signed in.
fn wrong_login() -> AuthError {
    Rejection::field("password", AuthError::WrongLogin.to_string()).into()
}

impl Auth {
    /// What opens somebody's account.
    ///
    /// # Errors
    /// [`AuthError::Rejected`] for an unknown person.
    pub async fn links(&self, user: &UserId) -> Result<Links, AuthError> {
        let (user, provider) = (user.clone(), self.0.provider.name());
        let read = self.0.store.read(move |snapshot| {
            let account = snapshot.account(&user)?.ok_or_else(|| Rejection::not_found("person"))?;
            let linked = snapshot.links_of(&user)?;
            let items: Vec<Link> = linked
                .into_iter()
                .map(|(name, subject, linked_at)| {
                    let only_way_in = Some(name.as_str()) == provider;
                    Link { provider: name, subject, linked_at, only_way_in }
                })
                .collect();
            let has_password = !account.password_hash.is_empty() && !items.iter().any(|link| link.only_way_in);
            Ok(Links { provider, has_password, items, next: None })
        });
        Ok(read.await?)
    }

    /// Links the account of whoever is asking with somebody the provider vouches for by a token. Its password ends: from now on
    /// the provider's counts.
    ///
    /// # Errors
    /// [`AuthError::Rejected`] when the token is not good, when either of the two is linked otherwise, or when accounts are
    /// kept by the hub itself; [`AuthError::UpstreamDown`], [`AuthError::Throttled`].
    pub async fn link(&self, user: &UserId, token: &str) -> Result<Linked, AuthError> {
        let provider = self.links_with()?;
        self.0.throttle.named(Lane::Exchange, user.as_str())?;
        let wrong = || AuthError::from(Rejection::field("token", "This token is not good, or not any more."));
        let vouched = self.0.provider.exchange(token).await.map_err(|fault| self.told(fault, wrong()))?;
        self.link_vouched(provider, user, vouched).await
    }

    /// As [`Auth::link`], by mail address and password there. Tries are counted as those of a sign-in.
    ///
    /// # Errors
    /// As [`Auth::link`]; [`AuthError::Rejected`] when the login is not right.
    pub async fn link_by_login(&self, user: &UserId, login: &Login, from: IpAddr) -> Result<Linked, AuthError> {
        let provider = self.links_with()?;
        let vouched = self.vouched_for(login, from).await?;
        self.link_vouched(provider, user, vouched).await
    }

    /// Parts somebody's account from the one at a provider. It stays what it is, and those who are signed in stay so.
    ///
    /// # Errors
    /// [`AuthError::Rejected`] when they are not linked, when `parting` is needed and is not there or not right, and when the
    /// other houses of a server know of the link, which nobody can take back there; [`AuthError::UpstreamDown`],
    /// [`AuthError::ServerDown`], [`AuthError::Throttled`], [`AuthError::Busy`].
    pub async fn unlink(
        &self,
        user: &UserId,
        provider: &str,
        parting: Option<Parting>,
        from: IpAddr,
    ) -> Result<Links, AuthError> {
        let (id, name) = (user.clone(), provider.to_owned());
        let found = self.0.store.read(move |snapshot| {
            let account = snapshot.account(&id)?.ok_or_else(|| Rejection::not_found("person"))?;
            let identity = snapshot.identity_of(&name, &id)?.ok_or_else(|| Rejection::not_found("link"))?;
            Ok((account, identity))
        });
        let (account, identity) = found.await?;
        let hash = if self.0.provider.name() == Some(provider) {
            Some(self.own_way_in(&account, &identity, parting, from).await?)
        } else if account.password_hash.is_empty() {
            return Err(
                conflict("Nothing else opens this account. Have an administrator give it a password first.").into()
            );
        } else {
            None
        };
        if self.person_elsewhere(provider, &identity.subject).await?.is_some() {
            let message = "Your other houses know of this link by the server they share, and it cannot be taken back there. It stays.";
            return Err(conflict(message).into());
        }
        let (auth, id) = (self.clone(), user.clone());
        self.to_the_end(async move {
            let parted = auth.0.store.write(move |tx| {
                // Somebody may have parted them meanwhile, and linked another.
                if tx.identity_of(&identity.provider, &id)?.is_none_or(|now| now.subject != identity.subject) {
                    return Err(Rejection::not_found("link").into());
                }
                tx.remove_identity(&identity)?;
                hash.map_or(Ok(()), |hash| tx.set_password(&id, &hash))
            });
            Ok(parted.await?)
        })
        .await?;
        self.links(user).await
    }

    /// The hash of the password that opens an account once the provider's does not, from who has proved that it is theirs.
    async fn own_way_in(
        &self,
        account: &Account,
        identity: &Identity,
        parting: Option<Parting>,
        from: IpAddr,
    ) -> Result<String, AuthError> {
        let Some(Parting { email, password, new_password }) = parting else {
            let message = "This is the only way into your account. Give it a password of its own with it.";
            return Err(Rejection::field("new_password", message).into());
        };
        password::check(&new_password).map_err(|fault| Rejection { field: Some("new_password".into()), ..fault })?;
        let login = Login { email: email.unwrap_or_else(|| account.email.clone()), password };
        if self.vouched_for(&login, from).await?.subject != identity.subject {
            return Err(wrong_login());
        }
        self.0.hasher.hash(new_password).await
    }

    /// The provider that accounts can be linked with.
    fn links_with(&self) -> Result<&'static str, AuthError> {
        self.0
            .provider
            .name()
            .ok_or_else(|| conflict("This hub keeps its accounts itself; there is nothing to link them with.").into())
    }

    /// Whom the provider knows by a login.
    async fn vouched_for(&self, Login { email, password }: &Login, from: IpAddr) -> Result<Vouched, AuthError> {
        let email = read_email(email)?;
        let admitted = self.0.throttle.login(from, &email)?;
        if password.chars().count() > *password::LENGTH.end() {
            return Err(wrong_login());
        }
        let vouched = self.0.provider.check(&email, password).await;
        let vouched = vouched.map_err(|fault| self.told(fault, wrong_login()))?;
        self.0.throttle.succeeded(&admitted);
        Ok(vouched)
    }

    async fn link_vouched(&self, provider: &'static str, user: &UserId, vouched: Vouched) -> Result<Linked, AuthError> {
        if self.person_elsewhere(provider, &vouched.subject).await?.is_some_and(|person| person != *user) {
            let message = "In another house you are somebody else: there you signed in with PocketBase before you linked this \
                           account. Export what is here, and import it there.";
            return Err(conflict(message).into());
        }
        let (auth, user) = (self.clone(), user.clone());
        self.to_the_end(async move {
            let sealed = auth.seal(provider, &vouched);
            let linked = auth.0.store.write(move |tx| {
                let other = |message: &str| StoreError::from(conflict(message));
                match (tx.identity(provider, &vouched.subject)?, tx.identity_of(provider, &user)?) {
                    (Some(there), _) if there.user == user => {}
                    (Some(_), _) => return Err(other("This is somebody else's account on this hub already.")),
                    (None, Some(_)) => return Err(other("Your account is linked with another one there.")),
                    (None, None) => {
                        let (subject, user, checked_at) = (vouched.subject.clone(), user.clone(), tx.now());
                        tx.set_password(&user, "")?;
                        tx.add_identity(&Identity {
                            provider: provider.into(),
                            subject,
                            user,
                            token: sealed,
                            checked_at,
                        })?;
                    }
                }
                Ok(Linked { provider: provider.into(), subject: vouched.subject, user_id: user.to_string() })
            });
            let linked = linked.await?;
            auth.tell_elsewhere();
            Ok(linked)
        })
        .await
    }
}
