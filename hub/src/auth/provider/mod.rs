//! Who checks passwords: the hub itself, or a server that keeps the accounts.
//!
//! Only what a provider answers stands here: whether somebody is who they say, and who that is there. What becomes of it
//! here (sessions, the person, what ends) is the hub's own, whichever provider it is: see `super::identities`.
//! A further provider is a variant of [`Provider`], and the compiler says what it has to answer.

mod pocketbase;

use kairos_core::command::{Rejection, RejectionCode};

pub(super) use pocketbase::PocketBase;

use crate::config::{self, AuthProvider};

/// Who checks passwords.
pub enum Provider {
    /// The hub: everything is in its own database.
    Local,
    /// A PocketBase.
    PocketBase(Box<PocketBase>),
}

/// Somebody for whom a provider vouches. No `Debug`: it holds a name, an address and a token.
pub(super) struct Vouched {
    /// Who they are there.
    pub(super) subject: String,
    /// Their mail address there, as it is.
    pub(super) email: String,
    /// Their name there; may be empty.
    pub(super) name: String,
    /// What proves it once more later.
    pub(super) token: String,
}

/// Somebody to be made there.
pub(super) struct Wanted<'a> {
    pub(super) email: &'a str,
    pub(super) password: &'a str,
    pub(super) name: &'a str,
}

/// Why a provider does not do what it was asked. What it said in detail stays in it.
#[derive(Debug)]
pub(super) enum Fault {
    /// It says no: a wrong password, a token that is not good (any more), somebody who is not there (any more).
    Refused,
    /// The password is right, and it wants more than that.
    SecondFactor,
    /// It understands, and will not, for a reason that whoever asked can mend.
    Rejected(Rejection),
    /// It did not answer, or not as such a server does. Nothing is known then, and nothing ends.
    Down(String),
}

impl Provider {
    /// The one of the settings.
    ///
    /// # Errors
    /// A sentence for whoever started the hub.
    pub fn of(settings: &config::Auth) -> Result<Self, String> {
        match settings.provider {
            AuthProvider::Local => Ok(Self::Local),
            AuthProvider::PocketBase => Ok(Self::PocketBase(Box::new(PocketBase::of(&settings.pocketbase)?))),
        }
    }

    /// Its name in the database; `None`: there is no provider but the hub itself.
    pub(super) fn name(&self) -> Option<&'static str> {
        match self {
            Self::Local => None,
            Self::PocketBase(_) => Some("pocketbase"),
        }
    }

    /// Asks whether a password is somebody's.
    pub(super) async fn check(&self, email: &str, password: &str) -> Result<Vouched, Fault> {
        match self {
            Self::Local => Err(Fault::Refused),
            Self::PocketBase(there) => there.check(email, password).await,
        }
    }

    /// Asks whose a token of the provider is, and whether it is still good; gives a newer one.
    pub(super) async fn exchange(&self, token: &str) -> Result<Vouched, Fault> {
        match self {
            Self::Local => Err(Fault::Refused),
            Self::PocketBase(there) => there.exchange(token).await,
        }
    }

    /// Makes a person there; gives who they are there.
    pub(super) async fn create(&self, new: &Wanted<'_>) -> Result<String, Fault> {
        match self {
            Self::Local => Err(Fault::Rejected(Rejection::new(RejectionCode::Conflict, "Accounts are kept here."))),
            Self::PocketBase(there) => there.create(new).await,
        }
    }

    /// Whether the hub can take people away there, as far as its settings go.
    pub(super) fn may_delete(&self) -> bool {
        match self {
            Self::Local => true,
            Self::PocketBase(there) => there.has_superuser(),
        }
    }

    /// Takes a person away there. One who is not there is no fault.
    pub(super) async fn delete(&self, subject: &str) -> Result<(), Fault> {
        match self {
            Self::Local => Ok(()),
            Self::PocketBase(there) => there.delete(subject).await,
        }
    }

    /// Looks how the provider is set up; gives what an operator should mend, a sentence each.
    pub(super) async fn look(&self) -> Result<Vec<String>, Fault> {
        match self {
            Self::Local => Ok(Vec::new()),
            Self::PocketBase(there) => there.look().await,
        }
    }
}
