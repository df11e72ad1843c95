//! Who may come in: accounts, sessions, tokens, devices' credentials.
//!
//! Reading order:
//!
//! 1. [`secret`] and [`password`]: how secrets are made, stored and compared.
//! 2. [`keys`] and [`jwt`]: access tokens and the keys that sign them.
//! 3. [`setup`], [`people`], [`sessions`], [`tokens`], [`displays`]: what a person does; `leaving`: for good.
//! 4. [`provider`], `identities` and `links`: who vouches for a person where the hub itself does not, what becomes of it here,
//!    and how an account that was here first is linked with theirs, and parted again.
//! 5. [`caller`]: from what a request carries to a `Principal`. What that one may do is not asked here
//!    but in `commands`. [`clients`] are those of sync.
//! 6. [`standing`] and `members`: who belongs where, and what ended, at once and for everybody who holds a connection open.
//! 7. [`throttle`] and `upkeep`: bounds, and what time itself does.
//!
//! The database is the truth; what stands in memory is read from it at the start and follows every
//! commit. No error, log line or `Debug` of this module holds a name, a mail address or a secret.

pub mod caller;
pub mod clients;
pub mod displays;
pub(crate) mod elsewhere;
mod identities;
pub mod jwt;
pub mod keys;
mod leaving;
mod links;
mod members;
pub mod password;
pub mod people;
pub mod provider;
pub mod secret;
pub mod sessions;
pub mod setup;
pub mod standing;
pub mod throttle;
pub mod tokens;
mod upkeep;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use kairos_core::Millis;
use kairos_core::command::Rejection;
use kairos_core::ids::UserId;
use kairos_core::scope::Scope;
use tokio::sync::{Notify, watch};

pub use caller::{Caller, Credential};
pub use clients::{Client, Refusal};
pub use links::{Linked, Links, Login, Parting};
pub use provider::Provider;
pub use standing::{Access, Notice, Revocations, Revoked};

use crate::commands::Commands;
use crate::store::{Store, StoreError};

/// Accounts, sessions and tokens of this hub. Cheap to clone.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    store: Store,
    commands: Commands,
    keys: keys::Keys,
    tokens: jwt::AccessTokens,
    hasher: password::Hasher,
    provider: Provider,
    /// Said when the provider does not answer, to whoever keeps an eye on it.
    provider_fell: Notify,
    /// Said when somebody leaves, to whoever sees them off.
    leaves: Notify,
    /// When the provider was last asked about somebody whom it had not vouched for within the hour.
    asked: Mutex<HashMap<UserId, Millis>>,
    throttle: throttle::Throttle,
    standing: standing::Standing,
    pairings: displays::Pairings,
    /// The other houses of the same server.
    elsewhere: OnceLock<Box<dyn elsewhere::Elsewhere>>,
    setup: watch::Sender<setup::Setup>,
    /// When API tokens were last used, until upkeep writes it down: a read must not wait for the disk.
    /// Bounded by the number of tokens.
    used: Mutex<HashMap<String, Millis>>,
}

impl Auth {
    /// Admits a try of a code that another house brings.
    ///
    /// # Errors
    /// [`AuthError::Throttled`].
    pub(crate) fn admit_house(&self, from: std::net::IpAddr) -> Result<(), AuthError> {
        self.0.throttle.address(throttle::Lane::House, from)
    }
}

/// Why somebody does not come in, or does not get what they asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The mail address, the password, or both: the answer never says which.
    #[error("The mail address or the password is not right.")]
    WrongLogin,
    /// The token is none of ours, ran out or was revoked.
    #[error("Please sign in again.")]
    Refused,
    /// The token is for syncing only; there is more to be done with the one it was made for.
    #[error("This token is for syncing only. Please ask with the session or API token it was made for.")]
    ForSync,
    /// Signed in, but not for this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Too many tries; when the next one counts.
    #[error("Too many tries. Please wait a little.")]
    Throttled(Duration),
    /// More at once than this hub takes on.
    #[error("The hub is busy. Please try again in a moment.")]
    Busy,
    /// The setup code is not right; how many tries are left.
    #[error("This is not the setup code.")]
    WrongCode(u32),
    /// The setup code was tried too often.
    #[error(
        "The setup code was tried too often. Make a new one with `kairos-hub setup-code --renew`, or restart the hub."
    )]
    CodeSpent,
    /// Setup was done before.
    #[error("This hub is already set up.")]
    AlreadySetUp,
    /// The display's code or secret is unknown, ran out, or was used.
    #[error("This code is no longer valid. Show a new one on the display.")]
    CodeGone,
    /// The server that keeps the accounts does not answer.
    #[error(
        "The server that keeps the accounts does not answer. Whoever is signed in stays signed in; please try again later."
    )]
    UpstreamDown,
    /// The server that several houses share does not answer, and only it knows who somebody is.
    #[error(
        "The server of your houses does not answer, and it has to the first time you sign in here: it knows who you are in the \
         other houses. Please try again later."
    )]
    ServerDown,
    /// Understood and refused, for a reason the caller can mend.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The database could not be read or written.
    #[error("{0}")]
    Unavailable(String),
}

impl From<StoreError> for AuthError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Rejected(rejection) => Self::Rejected(rejection),
            StoreError::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

/// Why accounts cannot be used, in a sentence for whoever started the hub.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The signing keys.
    #[error(transparent)]
    Keys(#[from] keys::KeysError),
    /// The database.
    #[error("Cannot read the accounts: {0}.")]
    Store(String),
    /// The configured setup code.
    #[error("{0}")]
    SetupCode(String),
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

impl Auth {
    /// Reads who there is; makes the keys, and the setup code of a hub that nobody has set up.
    ///
    /// `setup_code` is the configured one, if any.
    ///
    /// # Errors
    /// [`OpenError`], one sentence.
    pub async fn open(store: Store, setup_code: Option<&str>) -> Result<Self, OpenError> {
        Self::open_with(store, setup_code, Provider::Local).await
    }

    /// As [`Auth::open`], where a provider may keep the accounts.
    ///
    /// # Errors
    /// As [`Auth::open`].
    pub async fn open_with(store: Store, setup_code: Option<&str>, provider: Provider) -> Result<Self, OpenError> {
        let configured = setup::read_configured(setup_code)?;
        let now = store.clock().now();
        let data_dir = store.path().parent().unwrap_or(store.path()).to_owned();
        let keys = tokio::task::spawn_blocking(move || keys::Keys::open(&data_dir, now))
            .await
            .map_err(|_| OpenError::Store("it was interrupted".into()))??;
        let setup = setup::at_start(&store, configured).await?;
        let standing = standing::Standing::read(&store).await?;
        Ok(Self(Arc::new(Inner {
            commands: Commands::new(store.clone()),
            keys,
            tokens: jwt::AccessTokens::new(&store.identity().hub_id),
            hasher: password::Hasher::default(),
            provider,
            provider_fell: Notify::new(),
            leaves: Notify::new(),
            asked: Mutex::default(),
            throttle: throttle::Throttle::new(store.clock().clone()),
            standing,
            pairings: displays::Pairings::default(),
            elsewhere: OnceLock::new(),
            setup: watch::Sender::new(setup),
            used: Mutex::default(),
            store,
        })))
    }

    /// The public keys, for those who verify our access tokens.
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        self.0.keys.jwks()
    }

    /// Hears of everything that is revoked from now on.
    #[must_use]
    pub fn revocations(&self) -> Revocations {
        self.0.standing.subscribe()
    }

    fn now(&self) -> Millis {
        self.0.store.clock().now()
    }

    fn mint_id(&self) -> String {
        kairos_core::ids::mint(self.now(), crate::random::bytes())
    }

    /// The scopes a person belongs to: their own first.
    fn scopes(&self, user: &UserId) -> Vec<Scope> {
        self.0.standing.scopes(user)
    }

    /// Runs work that must not stop half-way when whoever asked hangs up: what is committed must also
    /// reach the memory of the hub and those who listen.
    async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, AuthError>> + Send + 'static,
    ) -> Result<T, AuthError> {
        tokio::spawn(work).await.map_err(|_| AuthError::Unavailable("an internal fault".into()))?
    }
}
