//! What handlers take out of a request.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use kairos_core::ids::CommandId;
use kairos_core::principal::Principal;
use serde::de::DeserializeOwned;

use super::Api;
use super::caller::AuthApi;
use super::error::ApiError;
use crate::auth::Caller;
use crate::clock::Clock;

/// Wraps an extractor of axum so that its errors are ours.
macro_rules! ours {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub(super) struct $name<T>(pub T);

        impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for $name<T> {
            type Rejection = ApiError;
            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
                Ok(Self(axum::extract::$name::from_request_parts(parts, state).await?.0))
            }
        }
    };
}

ours!(
    /// A query.
    Query
);
ours!(
    /// Parts of the path.
    Path
);

/// A JSON body.
pub(super) struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        Ok(Self(axum::Json::from_request(request, state).await?.0))
    }
}

/// The token of `Authorization: Bearer …` (or `Token …`, as sync clients write it).
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token");
    known.then(|| token.trim()).filter(|token| !token.is_empty())
}

/// A person, by session or token. Displays and everybody else are refused.
pub(super) struct Person(pub Principal);

impl FromRequestParts<Api> for Person {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let token = bearer(&parts.headers).ok_or_else(ApiError::unauthorized)?;
        match api.auth.principal(token).await? {
            Caller::Person { principal, .. } => Ok(Self(principal)),
            Caller::Display { .. } => Err(ApiError::forbidden("A display only shows; it may not ask for this.")),
        }
    }
}

/// The command's id: the `Idempotency-Key` header, else one of our own.
pub(super) struct Idempotency(pub CommandId);

impl FromRequestParts<Api> for Idempotency {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        Self::of(&parts.headers, api.store.clock())
    }
}

impl FromRequestParts<AuthApi> for Idempotency {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &AuthApi) -> Result<Self, ApiError> {
        Self::of(&parts.headers, api.store.clock())
    }
}

impl Idempotency {
    fn of(headers: &HeaderMap, clock: &Clock) -> Result<Self, ApiError> {
        let Some(key) = headers.get("idempotency-key") else {
            return Ok(Self(CommandId::mint(clock.now(), crate::random::bytes())));
        };
        let key = key.to_str().ok().and_then(|key| CommandId::new(key).ok());
        key.map(Self).ok_or_else(|| {
            ApiError::new(
                StatusCode::BAD_REQUEST,
                "invalid_idempotency_key",
                "Idempotency-Key is 1 to 128 printable characters without spaces.",
            )
        })
    }
}
