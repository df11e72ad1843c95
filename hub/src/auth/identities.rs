//! People whom a provider vouches for: who they are here, and whether they still are.
//!
//! A person comes about here when the provider first vouches for them, under the id they have there: hubs that never met
//! make the same person. An account that was here first is never taken for somebody there because their mail addresses
//! are equal, nor because another house says so; whoever is signed in to it links the two: see `super::links`.
//!
//! The provider is asked again about everybody who is signed in, at most once an hour: with an access token's quarter of an
//! hour, a changed password ends access within an hour and a quarter. A provider that does not answer ends nothing.

use std::sync::PoisonError;

use kairos_core::Millis;
use kairos_core::command::{Rejection, RejectionCode};
use kairos_core::ids::UserId;

use super::people::{Draft, NewPerson, end_all, read_email};
use super::provider::{Fault, Vouched, Wanted};
use super::sessions::{Channel, Grant};
use super::{Auth, AuthError};
use crate::health::{Board, State};
use crate::store::{Account, Identity, StoreError, Tx};

/// How long the provider's word is good.
const GOOD_FOR: Millis = 60 * 60 * 1000;
/// How long after a question that got no answer about somebody the next is asked.
const AGAIN: Millis = 60 * 1000;
/// How often the provider is looked at when all is well, and when it is not.
const LOOK_EVERY: Millis = 15 * 60 * 1000;
const LOOK_AGAIN: Millis = 30 * 1000;
/// Asked about in place of what is no mail address, so that the answer takes the same time.
pub(super) const NOBODY: &str = "nobody@nobody.invalid";

impl Auth {
    /// Signs a person in on a device by a token of the provider.
    ///
    /// # Errors
    /// [`AuthError::Refused`] when the token is not good, [`AuthError::UpstreamDown`], [`AuthError::Throttled`];
    /// [`AuthError::Rejected`] when there is an account of that mail address that was not linked.
    pub async fn exchange(
        &self,
        token: &str,
        from: std::net::IpAddr,
        channel: Channel,
        device_name: &str,
    ) -> Result<Grant, AuthError> {
        let admitted = self.0.throttle.exchange(from)?;
        let vouched = self.0.provider.exchange(token).await.map_err(|fault| self.told(fault, AuthError::Refused))?;
        let account = self.known(vouched).await?;
        let account = account.filter(|account| account.disabled_at.is_none()).ok_or(AuthError::Refused)?;
        self.0.throttle.succeeded(&admitted);
        self.begin_session(&account, channel, device_name).await
    }

    /// Asks the provider about a login that fits no password of this hub.
    pub(super) async fn login_there(&self, email: &str, password: &str) -> Result<Option<Account>, AuthError> {
        let email = if email.is_empty() { NOBODY } else { email };
        let vouched = self.0.provider.check(email, password).await;
        self.known(vouched.map_err(|fault| self.told(fault, AuthError::WrongLogin))?).await
    }

    /// The account of somebody the provider vouches for; made when this hub sees them for the first time. `None`: they
    /// cannot have one.
    async fn known(&self, vouched: Vouched) -> Result<Option<Account>, AuthError> {
        let Some(provider) = self.0.provider.name() else { return Ok(None) };
        let tz = self.usual_zone().await?;
        let subject = vouched.subject.clone();
        let is_known = self.0.store.read(move |snapshot| snapshot.identity(provider, &subject)).await?.is_some();
        let elsewhere = if is_known { None } else { self.person_elsewhere(provider, &vouched.subject).await? };
        let auth = self.clone();
        self.to_the_end(async move {
            let sealed = auth.seal(provider, &vouched);
            let (known, made) = auth
                .0
                .store
                .write(move |tx| match tx.identity(provider, &vouched.subject)? {
                    Some(identity) => {
                        let now = tx.now();
                        tx.keep_token(&identity, sealed.as_deref(), now)?;
                        follow_email(tx, &identity.user, &vouched.email)?;
                        Ok((tx.account(&identity.user)?, false))
                    }
                    None => Ok((Some(make(tx, (provider, elsewhere), &vouched, sealed, tz)?), true)),
                })
                .await?;
            if let Some(account) = known.as_ref().filter(|_| made) {
                auth.account_made(account);
                auth.tell_elsewhere();
                tracing::info!("Somebody signed in for the first time; the hub knows them now.");
            }
            Ok(known)
        })
        .await
    }

    /// Makes a person at the provider, before they are made here; `None` where the hub itself is it.
    pub(super) async fn make_there(&self, draft: &Draft) -> Result<Option<String>, AuthError> {
        if self.0.provider.name().is_none() {
            return Ok(None);
        }
        let new = Wanted { email: &draft.email, password: &draft.password, name: &draft.display_name };
        let made = self.0.provider.create(&new).await;
        Ok(Some(made.map_err(|fault| self.told(fault, AuthError::WrongLogin))?))
    }

    /// Takes away a person who was made at the provider and could not be made here.
    pub(super) async fn unmake_there(&self, subject: &str) {
        if self.0.provider.delete(subject).await.is_err() {
            tracing::warn!("Somebody was made at the provider who could not be made here, and is left there.");
        }
    }

    /// The first administrator, as the provider knows them: by their password there, else made there.
    pub(super) async fn first_there(&self, draft: &mut Draft) -> Result<(), AuthError> {
        let Some(provider) = self.0.provider.name() else { return Ok(()) };
        let unknown = || {
            let message = "PocketBase does not know this mail address and password. Accounts are kept there: add the person \
                           there first, then come back with the same.";
            AuthError::from(Rejection::field("email", message))
        };
        let vouched = match self.0.provider.check(&draft.email, &draft.password).await {
            Err(Fault::Refused) => {
                match self.make_there(draft).await {
                    Ok(_) => {}
                    // It has them, with another password; or the hub may not add anybody.
                    Err(AuthError::Rejected(Rejection { code: RejectionCode::Conflict, .. })) => return Err(unknown()),
                    Err(error) => return Err(error),
                }
                self.0.provider.check(&draft.email, &draft.password).await
            }
            answered => answered,
        };
        let vouched = vouched.map_err(|fault| self.told(fault, unknown()))?;
        let elsewhere = self.person_elsewhere(provider, &vouched.subject).await?;
        let token = self.seal(provider, &vouched);
        draft.is_there((provider, &vouched.subject), elsewhere, token)
    }

    /// Asks the provider about the person of a refresh token, when it was not asked for an hour. Ends their sessions when
    /// it says no.
    pub(super) async fn ask_about(&self, refresh_hash: [u8; 32]) -> Result<(), AuthError> {
        let Some(provider) = self.0.provider.name() else { return Ok(()) };
        let found = self.0.store.read(move |snapshot| snapshot.identity_of_refresh(provider, &refresh_hash)).await?;
        match found.filter(|identity| self.is_due(identity)) {
            Some(identity) => self.ask(identity).await.map(drop),
            None => Ok(()),
        }
    }

    /// Asks about everybody who is signed in and was not asked about for an hour: also of those who never come back for
    /// another access token, and before a token of the provider runs out.
    pub(super) async fn ask_about_all(&self) -> Result<(), AuthError> {
        let Some(provider) = self.0.provider.name() else { return Ok(()) };
        let since = self.now().saturating_sub(GOOD_FOR);
        let due = self.0.store.read(move |snapshot| snapshot.identities_unchecked_since(provider, since)).await?;
        for identity in due {
            // One that does not answer about one answers about nobody.
            if self.is_due(&identity) && !self.ask(identity).await? {
                break;
            }
        }
        Ok(())
    }

    /// Whether the provider's word about somebody is old, and it was not asked just now.
    fn is_due(&self, identity: &Identity) -> bool {
        let now = self.now();
        // Also when the clock was set back.
        if now.abs_diff(identity.checked_at) < GOOD_FOR.unsigned_abs() {
            return false;
        }
        // As many as there are accounts.
        let mut asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = asked.get(&identity.user).is_none_or(|at| now.abs_diff(*at) >= AGAIN.unsigned_abs());
        if due {
            asked.insert(identity.user.clone(), now);
        }
        due
    }

    /// Asks about one; gives whether there was an answer.
    async fn ask(&self, identity: Identity) -> Result<bool, AuthError> {
        let token = identity.token.as_deref().and_then(|sealed| self.0.keys.open_sealed(&context(&identity), sealed));
        let answer = match token {
            Some(token) => self.0.provider.exchange(&token).await,
            // Sealed with keys that are gone: nobody vouches for them.
            None => Err(Fault::Refused),
        };
        match answer {
            Ok(vouched) if vouched.subject == identity.subject => {
                self.still_good(identity, vouched).await.map(|()| true)
            }
            Ok(_) | Err(Fault::Refused) => self.no_more(identity).await.map(|()| true),
            Err(fault) => {
                let _ = self.told(fault, AuthError::Refused);
                Ok(false)
            }
        }
    }

    async fn still_good(&self, identity: Identity, vouched: Vouched) -> Result<(), AuthError> {
        let sealed = self.seal(&identity.provider, &vouched);
        let auth = self.clone();
        self.to_the_end(async move {
            let kept = auth.0.store.write(move |tx| {
                let now = tx.now();
                if same_token(tx, &identity)? {
                    tx.keep_token(&identity, sealed.as_deref(), now)?;
                    follow_email(tx, &identity.user, &vouched.email)?;
                }
                Ok(())
            });
            Ok(kept.await?)
        })
        .await
    }

    async fn no_more(&self, identity: Identity) -> Result<(), AuthError> {
        let auth = self.clone();
        self.to_the_end(async move {
            let ended = auth.0.store.write(move |tx| {
                // Somebody may have signed in with the new password while the old token was asked about.
                if !same_token(tx, &identity)? {
                    return Ok(Vec::new());
                }
                let now = tx.now();
                tx.keep_token(&identity, None, now)?;
                end_all(tx, &identity.user, "provider")
            });
            let ended = ended.await?;
            if !ended.is_empty() {
                tracing::info!(
                    sessions = ended.len(),
                    "The provider vouches for somebody no more; their sessions ended."
                );
            }
            auth.sessions_ended(ended);
            Ok(())
        })
        .await
    }

    /// Keeps an eye on the provider until it is dropped, and writes on the board how it is. The hub runs it once.
    pub async fn watch_provider(&self, board: &Board) {
        if self.0.provider.name().is_none() {
            board.set("auth", State::Ok);
            return;
        }
        let clock = self.0.store.clock().clone();
        loop {
            let looked = self.0.provider.look().await;
            let (state, wait) = match looked {
                Ok(hints) if hints.is_empty() => (State::Ok, LOOK_EVERY),
                Ok(hints) => (State::Degraded(hints.join(" ")), LOOK_EVERY),
                Err(Fault::Down(why)) => {
                    let reason = format!(
                        "PocketBase does not answer as it should: {why}. Whoever is signed in stays so; nobody else can sign in."
                    );
                    (State::Degraded(reason), LOOK_AGAIN)
                }
                Err(_) => (State::Degraded("PocketBase refuses the hub.".into()), LOOK_EVERY),
            };
            board.set("auth", state);
            tokio::select! {
                () = clock.sleep_until(self.now().saturating_add(wait)) => {}
                () = self.0.provider_fell.notified() => {}
            }
        }
    }

    /// What a fault of the provider is to whoever asked.
    pub(super) fn told(&self, fault: Fault, refused: AuthError) -> AuthError {
        match fault {
            Fault::Refused => refused,
            Fault::SecondFactor => AuthError::Forbidden(
                "PocketBase asks for a second factor, which the hub cannot ask for. Sign in there, and exchange its token.",
            ),
            Fault::Rejected(rejection) => rejection.into(),
            Fault::Down(why) => {
                tracing::debug!(why, "The provider of accounts does not answer.");
                self.0.provider_fell.notify_one();
                AuthError::UpstreamDown
            }
        }
    }

    pub(super) fn seal(&self, provider: &str, vouched: &Vouched) -> Option<Vec<u8>> {
        self.0.keys.seal(&format!("{provider}|{}", vouched.subject), &vouched.token)
    }
}

fn context(identity: &Identity) -> String {
    format!("{}|{}", identity.provider, identity.subject)
}

fn same_token(tx: &Tx<'_>, identity: &Identity) -> Result<bool, StoreError> {
    Ok(tx.identity(&identity.provider, &identity.subject)?.is_some_and(|now| now.token == identity.token))
}

/// Takes over a mail address that was changed there, unless somebody here has it.
fn follow_email(tx: &mut Tx<'_>, user: &UserId, there: &str) -> Result<(), StoreError> {
    let Ok(email) = read_email(there) else { return Ok(()) };
    if tx.account_of_email(&email)?.is_none() {
        tx.set_email(user, &email)?;
    }
    Ok(())
}

/// Makes the person a provider vouches for, under the id by which the other houses know them, if they do.
///
/// What the others say names somebody who is new here, and opens no account that is here: whoever has a login of the server
/// can say anything about anybody. Who has an account links it while they are signed in to it ([`Auth::link`]).
fn make(
    tx: &mut Tx<'_>,
    (provider, elsewhere): (&str, Option<UserId>),
    vouched: &Vouched,
    token: Option<Vec<u8>>,
    tz: Option<String>,
) -> Result<Account, StoreError> {
    let taken = |message: &str| StoreError::from(Rejection::new(RejectionCode::Conflict, message));
    let strange = || taken("Your id at the provider cannot be one here.");
    let user = elsewhere.clone().map_or_else(|| UserId::new(vouched.subject.as_str()).map_err(|_| strange()), Ok)?;
    if tx.account(&user)?.is_some() {
        return Err(taken(match (&elsewhere, tx.identity_of(provider, &user)?) {
            (Some(_), None) => {
                "In another house you are somebody who has an account on this hub, and the hub cannot know that it is yours. \
                 Sign in to it with the password it has on this hub, and link the two."
            }
            (Some(_), Some(_)) => "The account that is yours in another house is linked with another one there.",
            (None, _) => "There is somebody of this id on this hub already.",
        }));
    }
    if read_email(&vouched.email).is_ok_and(|email| matches!(tx.account_of_email(&email), Ok(Some(_)))) {
        return Err(taken(
            "This hub has an account with your mail address, and cannot know that it is yours. Sign in to it with the \
             password it has on this hub, and link the two.",
        ));
    }
    let name = vouched.name.trim();
    let name = if name.is_empty() { vouched.email.split('@').next().unwrap_or_default() } else { name };
    let new = NewPerson {
        email: vouched.email.clone(),
        password: String::new(),
        display_name: name.chars().filter(|letter| !letter.is_control()).take(100).collect(),
        admin: false,
        tz,
    };
    let mut draft = Draft::of(new, user)?;
    draft.is_there((provider, &vouched.subject), elsewhere, token).map_err(|_| strange())?;
    draft.write(tx, "")
}
