//! From what a request or connection carries to who is asking.

use kairos_core::ids::{DeviceId, UserId};
use kairos_core::principal::{Principal, Via};
use kairos_core::row::Row;
use kairos_core::schema::DEVICES;
use kairos_core::scope::Scope;

use super::standing::{Access, Revoked};
use super::{Auth, AuthError, secret};

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A person, in the app or by a script.
    Person {
        /// Who, and what they belong to.
        principal: Principal,
        /// By what they came in.
        credential: Credential,
    },
    /// A display: sees some people's day, and may act as one of them.
    Display {
        /// The person it acts as, else its owner; `Via::Display` says whether it may act.
        principal: Principal,
        /// Whose it is: when they are disabled it goes dark.
        owner: UserId,
        /// Whose day it shows.
        show: Vec<UserId>,
    },
}

/// By what a person came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// An access token of this session.
    Session(String),
    /// An API token, by its id.
    Token(String),
}

impl Caller {
    /// What `commands` asks about.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        match self {
            Self::Person { principal, .. } | Self::Display { principal, .. } => principal,
        }
    }

    /// Whether a connection of this caller must close now.
    #[must_use]
    pub fn ended_by(&self, revoked: &Revoked) -> bool {
        match (self, revoked) {
            (Self::Person { principal, .. }, Revoked::User(user) | Revoked::Scopes(user)) => principal.user == *user,
            (Self::Person { credential: Credential::Session(id), .. }, Revoked::Session(ended)) => id == ended,
            (Self::Person { credential: Credential::Token(id), .. }, Revoked::Token(ended)) => id == ended,
            (Self::Display { principal, owner, show }, Revoked::User(user)) => {
                principal.user == *user || owner == user || show.contains(user)
            }
            (Self::Display { principal, .. }, Revoked::Device(device)) => {
                matches!(&principal.via, Via::Display { id, .. } if id == device)
            }
            _ => false,
        }
    }
}

impl Auth {
    /// Who a bearer token belongs to: an access token, an API token or a display's. A device's password
    /// is none of these.
    ///
    /// # Errors
    /// [`AuthError::ForSync`] for a token of a client of sync, which keeps a person's rows in step and nothing else;
    /// [`AuthError::Refused`] whatever else is wrong with it.
    pub async fn principal(&self, bearer: &str) -> Result<Caller, AuthError> {
        match self.who(bearer).await? {
            (_, true) => Err(AuthError::ForSync),
            (caller, false) => Ok(caller),
        }
    }

    /// As [`Auth::principal`], a client of sync let in: for what such a client needs.
    ///
    /// # Errors
    /// [`AuthError::Refused`] whatever is wrong with the token.
    pub async fn app(&self, bearer: &str) -> Result<Caller, AuthError> {
        Ok(self.who(bearer).await?.0)
    }

    /// Who it is, and whether the token is for syncing only.
    async fn who(&self, bearer: &str) -> Result<(Caller, bool), AuthError> {
        let opaque = |prefix: &str| bearer.starts_with(prefix) && bearer.len() == prefix.len() + 43;
        if opaque(secret::API_TOKEN) {
            Ok((self.token_caller(bearer).await?, false))
        } else if opaque(secret::DISPLAY_TOKEN) {
            Ok((self.display_caller(bearer).await?, false))
        } else {
            self.session_caller(bearer).await
        }
    }

    /// Asks memory only: an access token is verified thousands of times for each that is issued. But for one that was
    /// made for an API token.
    async fn session_caller(&self, bearer: &str) -> Result<(Caller, bool), AuthError> {
        let claims = self.0.tokens.read(&self.0.keys, bearer, self.now()).ok_or(AuthError::Refused)?;
        let user = UserId::new(claims.sub).map_err(|_| AuthError::Refused)?;
        if let Some(caller) = self.caller_of_token(&claims.sid, &user).await {
            return Ok((caller?, true));
        }
        if self.0.standing.session_ended(&claims.sid) {
            return Err(AuthError::Refused);
        }
        let person = self.0.standing.active(&user).ok_or(AuthError::Refused)?;
        let scopes = self.scopes(&user);
        let principal = Principal { user, via: Via::Session, admin: person.admin, scopes };
        Ok((Caller::Person { principal, credential: Credential::Session(claims.sid) }, claims.sync))
    }

    async fn token_caller(&self, bearer: &str) -> Result<Caller, AuthError> {
        let hash = secret::hash(bearer);
        let found = self.0.store.read(move |snapshot| snapshot.api_token_of_hash(&hash)).await?;
        let token = found.ok_or(AuthError::Refused)?;
        self.0.standing.active(&token.user).ok_or(AuthError::Refused)?;
        self.token_used(&token.id);
        let scopes = self.scopes(&token.user);
        Ok(Caller::Person {
            principal: Principal { user: token.user, via: Via::Token, admin: false, scopes },
            credential: Credential::Token(token.id),
        })
    }

    async fn display_caller(&self, bearer: &str) -> Result<Caller, AuthError> {
        let hash = secret::hash(bearer);
        let row = self
            .0
            .store
            .read(move |snapshot| {
                let Some(id) = snapshot.device_of_secret(&hash)? else { return Ok(None) };
                snapshot.row(&DEVICES, &id)
            })
            .await?
            .ok_or(AuthError::Refused)?;
        self.display(&row).ok_or(AuthError::Refused)
    }

    /// A display's row as a caller; `None` when it may not come in.
    fn display(&self, row: &Row) -> Option<Caller> {
        if !is_active(row) || row.text("kind") != "display" {
            return None;
        }
        let owner = row.user_id.clone();
        self.0.standing.active(&owner)?;
        let config: serde_json::Value = serde_json::from_str(&row.text("config")).ok()?;
        let person = |id: &serde_json::Value| id.as_str().and_then(|id| UserId::new(id).ok());
        let active = |user: &UserId| self.0.standing.active(user).is_some();
        // Nobody but the owner has agreed to anything yet, whatever a synced row says.
        let show: Vec<UserId> = config["show"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(person)
            .filter(|user| *user == owner && active(user))
            .collect();
        let act_as = person(&config["act_as"]).filter(|user| *user == owner && active(user));
        let via = Via::Display { id: DeviceId::new(row.id.as_str()).ok()?, may_act: act_as.is_some() };
        let scopes = show.iter().cloned().map(Scope::Person).collect();
        let user = act_as.unwrap_or_else(|| owner.clone());
        Some(Caller::Display { principal: Principal { user, via, admin: false, scopes }, owner, show })
    }

    /// Who a device is, by its id and password; `None` when it may not connect. A display has no
    /// business where devices log in.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] when the database cannot be read: the device should try again.
    pub async fn device_login(&self, device: &str, password: &[u8]) -> Result<Option<Principal>, AuthError> {
        let Ok(id) = DeviceId::new(device) else { return Ok(None) };
        let hash = secret::hash(password);
        let found = self
            .0
            .store
            .read(move |snapshot| {
                let stored = snapshot.device_secret(id.as_str())?;
                // Compared even when there is none, so that the answer takes the same time.
                let fits = secret::same(stored.as_deref().unwrap_or(&[0; 32]), &hash) && stored.is_some();
                if fits { snapshot.row(&DEVICES, id.as_str()) } else { Ok(None) }
            })
            .await?;
        Ok(found.and_then(|row| self.device(&row)))
    }

    fn device(&self, row: &Row) -> Option<Principal> {
        if !is_active(row) || matches!(row.text("kind").as_str(), "display" | "mirror") {
            return None;
        }
        self.0.standing.active(&row.user_id)?;
        let via = Via::Device(DeviceId::new(row.id.as_str()).ok()?);
        let scopes = self.scopes(&row.user_id);
        Some(Principal { user: row.user_id.clone(), via, admin: false, scopes })
    }

    /// Whether a caller who came in earlier would still come in: for connections that stay open, after
    /// [`super::Notice::AskAgain`].
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] when the database cannot be read.
    pub async fn still_holds(&self, caller: &Caller) -> Result<bool, AuthError> {
        match caller {
            Caller::Person { principal, credential } => {
                if self.0.standing.active(&principal.user).is_none() || !self.sees_the_same(principal) {
                    return Ok(false);
                }
                let credential = credential.clone();
                let lives = self.0.store.read(move |snapshot| match credential {
                    Credential::Session(id) => snapshot.session_lives(&id),
                    Credential::Token(id) => snapshot.api_token_lives(&id),
                });
                Ok(lives.await?)
            }
            Caller::Display { principal: Principal { via: Via::Display { id, .. }, .. }, .. } => {
                let id = id.clone();
                let row = self.0.store.read(move |snapshot| snapshot.row(&DEVICES, id.as_str())).await?;
                Ok(row.and_then(|row| self.display(&row)).is_some_and(|now| now == *caller))
            }
            Caller::Display { .. } => Ok(false),
        }
    }

    /// Whether what a person sees is what they saw when they came in.
    fn sees_the_same(&self, principal: &Principal) -> bool {
        principal.scopes == self.scopes(&principal.user)
    }

    /// Whether a person sees something else than when they came in.
    pub(super) fn sees_other_now(&self, caller: &Caller) -> bool {
        matches!(caller, Caller::Person { principal, .. } if !self.sees_the_same(principal))
    }

    /// Whether a device that connected earlier may still be connected. When that cannot be known it may
    /// not: it connects again, and is asked for its password.
    pub async fn device_holds(&self, device: &str) -> bool {
        let id = device.to_owned();
        let row = self.0.store.read(move |snapshot| snapshot.row(&DEVICES, &id)).await;
        row.ok().flatten().and_then(|row| self.device(&row)).is_some()
    }

    /// Tells when a caller's access ends: for connections that stay open.
    #[must_use]
    pub fn watch(&self, caller: &Caller) -> Access {
        Access::new(self.clone(), caller.clone())
    }
}

fn is_active(row: &Row) -> bool {
    row.deleted_at.is_none() && row.text("status") == "active"
}
