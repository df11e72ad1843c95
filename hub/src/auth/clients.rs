//! Clients of sync: apps that keep a copy of their own, and come with a token made for that.

use kairos_core::Millis;
use kairos_core::ids::UserId;
use kairos_core::principal::{Principal, Via};

use super::jwt::{self, Flaw};
use super::{Auth, AuthError, Caller, Credential, secret};

/// Begins the `sid` of a token that was made for an API token, before that one's id. A session's id is a UUID.
const OF_TOKEN: &str = "token:";

/// A client that came in.
#[derive(Debug, Clone)]
pub struct Client {
    /// Who it is.
    pub caller: Caller,
    /// When what it came in with runs out; an API token does not.
    pub expires_at: Option<Millis>,
}

/// Why a client does not come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Its token is not right.
    Flawed(Flaw),
    /// It was right, and is no longer: signed out, revoked, disabled.
    Ended,
    /// Displays have nothing to sync.
    Display,
    /// It could not be looked up.
    Unavailable,
}

/// A token for a client of sync.
pub struct ClientToken {
    /// The token.
    pub token: String,
    /// When it runs out.
    pub expires_at: Millis,
}

impl Auth {
    /// Who a client of sync is, and until when; or what is wrong, for it acts on that.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn client(&self, bearer: &str) -> Result<Client, Refusal> {
        let opaque = bearer.starts_with(secret::API_TOKEN) || bearer.starts_with(secret::DISPLAY_TOKEN);
        let expires_at = if opaque {
            None
        } else {
            // Whoever syncs is told to renew its token in time: there is no grace.
            let now = self.now();
            let claims = self.0.tokens.judge(&self.0.keys, bearer, now).map_err(Refusal::Flawed)?;
            let at = claims.exp.saturating_mul(1000);
            if at <= now {
                return Err(Refusal::Flawed(Flaw::Expired));
            }
            Some(at)
        };
        match self.app(bearer).await {
            Ok(caller @ Caller::Person { .. }) => Ok(Client { caller, expires_at }),
            Ok(Caller::Display { .. }) => Err(Refusal::Display),
            Err(AuthError::Refused) if opaque => Err(Refusal::Flawed(Flaw::Malformed)),
            Err(AuthError::Refused) => Err(Refusal::Ended),
            Err(_) => Err(Refusal::Unavailable),
        }
    }

    /// A token of fifteen minutes for a person's session or API token: it ends with that, at the latest.
    ///
    /// # Errors
    /// [`AuthError::Refused`] when the session or API token has ended.
    pub async fn client_token(&self, person: &Principal, credential: &Credential) -> Result<ClientToken, AuthError> {
        let caller = Caller::Person { principal: person.clone(), credential: credential.clone() };
        if !self.still_holds(&caller).await? {
            return Err(AuthError::Refused);
        }
        let (sid, admin) = match credential {
            Credential::Session(id) => (id.clone(), person.admin),
            Credential::Token(id) => (format!("{OF_TOKEN}{id}"), false),
        };
        let now = self.now();
        let token = self.0.tokens.issue_for_sync(&self.0.keys, person.user.as_str(), &sid, admin, now);
        let token = token.ok_or_else(|| AuthError::Unavailable("there is no signing key".into()))?;
        Ok(ClientToken { token, expires_at: (now.div_euclid(1000) + jwt::LIFETIME) * 1000 })
    }

    /// Who a token is that was made for an API token; asks whether that one still lives. `None` for one of a session.
    pub(super) async fn caller_of_token(&self, sid: &str, user: &UserId) -> Option<Result<Caller, AuthError>> {
        let id = sid.strip_prefix(OF_TOKEN)?.to_owned();
        let token = id.clone();
        let lives = match self.0.store.read(move |snapshot| snapshot.api_token_lives(&token)).await {
            Ok(lives) => lives,
            Err(error) => return Some(Err(error.into())),
        };
        if !lives || self.0.standing.active(user).is_none() {
            return Some(Err(AuthError::Refused));
        }
        self.token_used(&id);
        let scopes = self.scopes(user);
        let principal = Principal { user: user.clone(), via: Via::Token, admin: false, scopes };
        Some(Ok(Caller::Person { principal, credential: Credential::Token(id) }))
    }
}
