//! API tokens: for scripts and Home Assistant. Named, listed, revocable; they never administer.

use kairos_core::Millis;
use kairos_core::command::{Rejection, RejectionCode};
use kairos_core::ids::{CommandId, UserId};
use kairos_core::principal::Principal;

use super::standing::Revoked;
use super::{Auth, AuthError, secret};
use crate::commands::Once;
use crate::store::ApiToken;

/// How many API tokens a person has.
const MAX_TOKENS: u32 = 50;
/// How long a token's name is.
const MAX_NAME: usize = 100;

/// An API token as its owner sees it.
#[derive(Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(example = json!({"id": "0190a7b2-8b11-7d2c-9e3f-4a5b6c7d8e9f", "name": "Home Assistant", "created_at": 1_795_514_400_000_i64, "last_used_at": 1_795_514_400_000_i64}))]
pub struct TokenView {
    /// Its id.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// When it was made, in milliseconds since the epoch.
    pub created_at: Millis,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Millis>,
}

/// A new API token. No `Debug`: this is the only time the token itself is seen.
#[derive(Clone, serde::Serialize, utoipa::ToSchema)]
#[schema(example = json!({"id": "0190a7b2-8b11-7d2c-9e3f-4a5b6c7d8e9f", "name": "Home Assistant", "token": "krs_8fQ2mZxT"}))]
pub struct NewToken {
    /// Its id.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// The token, shown this once.
    #[schema(example = "krs_…")]
    pub token: String,
}

impl Auth {
    /// Makes an API token for a person.
    ///
    /// # Errors
    /// [`AuthError::Rejected`] for a name that is empty or long, and beyond fifty tokens.
    pub async fn add_token(&self, user: &UserId, name: &str) -> Result<NewToken, AuthError> {
        self.make_token(user, name, None).await
    }

    /// As [`Auth::add_token`], once for each id.
    ///
    /// # Errors
    /// As [`Auth::add_token`], and when it was made under this id before: the token was shown then.
    pub(crate) async fn add_token_once(
        &self,
        by: &Principal,
        id: CommandId,
        name: &str,
    ) -> Result<NewToken, AuthError> {
        let once = Once::new(by, id, &format!("add token {:?}", name.trim()));
        self.make_token(&by.user, name, Some(once)).await
    }

    async fn make_token(&self, user: &UserId, name: &str, once: Option<Once>) -> Result<NewToken, AuthError> {
        let name = name.trim().to_owned();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(Rejection::field("name", format!("A name has 1 to {MAX_NAME} characters, on one line.")).into());
        }
        let token = secret::mint(secret::API_TOKEN);
        let hash = secret::hash(&token);
        let new = ApiToken { id: self.mint_id(), user: user.clone(), name, created_at: self.now(), last_used_at: None };
        let (id, name) = (new.id.clone(), new.name.clone());
        self.0
            .store
            .write(move |tx| {
                if let Some(once) = once {
                    once.begin(tx)?;
                }
                if tx.api_token_count(&new.user)? >= MAX_TOKENS {
                    let message = format!("A person has at most {MAX_TOKENS} tokens. Remove one first.");
                    return Err(Rejection::new(RejectionCode::Conflict, message).into());
                }
                tx.add_api_token(&new, &hash)
            })
            .await?;
        Ok(NewToken { id, name, token })
    }

    /// A person's API tokens, the oldest first.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] when the database cannot be read.
    pub async fn tokens(&self, user: &UserId) -> Result<Vec<TokenView>, AuthError> {
        let user = user.clone();
        let found = self.0.store.read(move |snapshot| snapshot.api_tokens(&user)).await?;
        let used = self.0.used.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(found
            .into_iter()
            .map(|token| TokenView {
                last_used_at: used.get(&token.id).copied().or(token.last_used_at),
                id: token.id,
                name: token.name,
                created_at: token.created_at,
            })
            .collect())
    }

    /// Takes an API token away; open connections that came in with it close.
    ///
    /// # Errors
    /// [`AuthError::Rejected`] when the person has none of that id.
    pub async fn revoke_token(&self, user: &UserId, id: &str) -> Result<(), AuthError> {
        let (auth, user, id) = (self.clone(), user.clone(), id.to_owned());
        self.to_the_end(async move {
            let token = id.clone();
            if !auth.0.store.write(move |tx| tx.remove_api_token(&user, &token)).await? {
                return Err(Rejection::not_found("token").into());
            }
            auth.0.used.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&id);
            auth.0.standing.announce(Revoked::Token(id));
            Ok(())
        })
        .await
    }

    /// Notes that a token was used; written down by upkeep.
    pub(super) fn token_used(&self, id: &str) {
        let now = self.now();
        let mut used = self.0.used.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match used.get_mut(id) {
            Some(at) => *at = now,
            None => {
                used.insert(id.to_owned(), now);
            }
        }
    }
}
