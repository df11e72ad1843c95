//! What the routes about people, tokens and displays need, and who is asking them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use kairos_core::principal::Principal;

use super::error::ApiError;
use super::extract::bearer;
use super::gatekeeper::Hosts;
use super::server::Secure;
use crate::auth::{Auth, AuthError, Caller, Credential};
use crate::commands::Commands;
use crate::places::Places;
use crate::store::Store;
use crate::upstream::Relay;

/// How many uploads are on their way at once.
const UPLOADS_AT_ONCE: usize = 8;
/// How many of one person: a client sends one at a time, and a person has a few.
const UPLOADS_OF_PERSON: usize = 3;

/// The part of the hub these routes need. Cheap to clone.
#[derive(Clone)]
pub(super) struct AuthApi {
    pub(super) auth: Auth,
    pub(super) commands: Commands,
    pub(super) store: Store,
    pub(super) hosts: Arc<Hosts>,
    /// For uploads on their way in.
    pub(super) uploads: Places,
    /// For a hub beside a server.
    pub(super) relay: Option<Relay>,
}

impl From<&super::Api> for AuthApi {
    fn from(api: &super::Api) -> Self {
        Self {
            auth: api.auth.clone(),
            commands: api.commands.clone(),
            store: api.store.clone(),
            hosts: api.hosts.clone(),
            uploads: Places::new(UPLOADS_AT_ONCE, UPLOADS_OF_PERSON),
            relay: api.relay.clone(),
        }
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let message = error.to_string();
        match error {
            AuthError::WrongLogin => Self::new(StatusCode::UNAUTHORIZED, "invalid_credentials", message),
            AuthError::Refused => Self::unauthorized(),
            // Asked with a token that was made for a client of sync, where more than that is needed.
            AuthError::ForSync => Self::new(StatusCode::FORBIDDEN, "sign_in_again", message),
            AuthError::Forbidden(_) => Self::forbidden(message),
            AuthError::Throttled(wait) => Self::too_often(wait.as_millis().div_ceil(1000).try_into().unwrap_or(60)),
            AuthError::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message).with("retry_after", 2),
            AuthError::UpstreamDown | AuthError::ServerDown => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "auth_upstream_down", message).with("retry_after", 10)
            }
            AuthError::WrongCode(left) => {
                Self::new(StatusCode::FORBIDDEN, "wrong_setup_code", message).with("tries_left", left)
            }
            AuthError::CodeSpent => Self::new(StatusCode::FORBIDDEN, "setup_code_spent", message),
            AuthError::AlreadySetUp => Self::new(StatusCode::CONFLICT, "already_set_up", message),
            AuthError::CodeGone => Self::new(StatusCode::GONE, "code_gone", message),
            AuthError::Rejected(rejection) => rejection.into(),
            AuthError::Unavailable(reason) => crate::store::StoreError::Unavailable(reason).into(),
        }
    }
}

/// A person, by session or API token.
pub(super) struct Who(pub(super) Principal, pub(super) Credential);

impl FromRequestParts<AuthApi> for Who {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &AuthApi) -> Result<Self, ApiError> {
        let token = bearer(&parts.headers).ok_or_else(ApiError::unauthorized)?;
        let (principal, credential) = person(api.auth.principal(token).await?)?;
        Ok(Self(principal, credential))
    }
}

/// A person by session, API token, or the token of a client of sync.
pub(super) struct App(pub(super) Principal, pub(super) Credential);

impl<S> FromRequestParts<S> for App
where
    S: Send + Sync,
    Auth: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let token = bearer(&parts.headers).ok_or_else(ApiError::unauthorized)?;
        let (principal, credential) = person(Auth::from_ref(state).app(token).await?)?;
        Ok(Self(principal, credential))
    }
}

/// A caller, when it is a person.
pub(super) fn person(caller: Caller) -> Result<(Principal, Credential), ApiError> {
    match caller {
        Caller::Person { principal, credential } => Ok((principal, credential)),
        Caller::Display { .. } => Err(ApiError::forbidden("A display only shows; it may not ask for this.")),
    }
}

impl FromRef<AuthApi> for Auth {
    fn from_ref(api: &AuthApi) -> Self {
        api.auth.clone()
    }
}

impl FromRef<super::Api> for Auth {
    fn from_ref(api: &super::Api) -> Self {
        api.auth.clone()
    }
}

/// A person in a session: tokens and displays are not handed out to scripts, nor to what a session has handed out itself. (Devices are: a script may set up
/// buttons. They act as the person who added them, stand under Devices, and are revoked there.)
pub(super) struct InSession(pub(super) Principal);

impl FromRequestParts<AuthApi> for InSession {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &AuthApi) -> Result<Self, ApiError> {
        let Who(principal, credential) = Who::from_request_parts(parts, api).await?;
        match credential {
            Credential::Session(_) => Ok(Self(principal)),
            Credential::Token(_) => Err(ApiError::forbidden("An API token may not do this; please sign in.")),
        }
    }
}

/// An administrator in a session.
pub(super) struct Admin(pub(super) Principal);

impl FromRequestParts<AuthApi> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &AuthApi) -> Result<Self, ApiError> {
        let InSession(principal) = InSession::from_request_parts(parts, api).await?;
        if principal.may_administer() {
            Ok(Self(principal))
        } else {
            Err(ApiError::forbidden("Only an administrator may do this."))
        }
    }
}

/// From where a request came, and whether it came in TLS.
pub(super) struct Peer {
    pub(super) address: IpAddr,
    pub(super) secure: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let address = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        let secure = parts.extensions.get::<Secure>().is_some_and(|secure| secure.0);
        Ok(Self { address, secure })
    }
}
