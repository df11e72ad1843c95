//! Signing in, staying in, signing out, and the keys that tell our tokens.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::{AuthApi, Peer, Who};
use super::cookies;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, Maybe, bearer};
use super::gatekeeper::host;
use crate::auth::sessions::{Channel, Grant, device_name};
use crate::auth::{Auth, AuthError, Caller, Credential};

pub(super) fn router() -> OpenApiRouter<AuthApi> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(exchange))
        .routes(routes!(refresh))
        .routes(routes!(logout))
        .routes(routes!(jwks))
        .routes(routes!(jwks_behind_api))
        .routes(routes!(jwks_as_keys))
        .routes(routes!(client_token))
}

/// Who wants to sign in.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"email": "ada@example.org", "password": "correct horse battery", "device_name": "Kitchen tablet"}))]
struct Login {
    #[schema(example = "ada@example.org")]
    email: String,
    password: String,
    /// What this device calls itself; taken from `User-Agent` when absent.
    device_name: Option<String>,
}

/// What a client that signed in holds.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"access_token": "eyJhbGciOiJFZERTQSIsImtpZCI6Ii4uLiJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl", "token_type": "Bearer", "expires_in": 900, "refresh_token": "krr_9m4VxQ2s", "user_id": "0190a7b2-1d20-7a3b-8c4d-5e6f7a8b9c0d"}))]
pub(super) struct Tokens {
    /// For `Authorization: Bearer`.
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// For how many seconds the access token is good.
    #[schema(example = 900)]
    expires_in: i64,
    /// For the next access token; changes at each use. Absent when it travels as a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    user_id: String,
}

/// Writes a grant, with the refresh token where this client wants it.
pub(super) fn granted(status: StatusCode, grant: Grant, channel: Channel) -> Response {
    let cookie = cookies::set(channel, &grant.refresh_token);
    let tokens = Tokens {
        access_token: grant.access_token,
        token_type: "Bearer",
        expires_in: Auth::access_lifetime(),
        refresh_token: cookie.is_none().then_some(grant.refresh_token),
        user_id: grant.user.to_string(),
    };
    with_cookie((status, Answer(tokens)).into_response(), cookie)
}

fn with_cookie(mut response: Response, cookie: Option<header::HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// What this device calls itself.
pub(super) fn named(given: Option<String>, headers: &HeaderMap) -> String {
    let agent = || headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    given.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| device_name(agent()))
}

/// Signs a person in. With `X-Kairos-Cookie: 1` the refresh token comes as an httpOnly cookie.
#[utoipa::path(
    post, path = "/api/auth/login", tag = "auth", security(()), request_body = Login,
    responses((status = 200, body = Tokens), (status = 401, body = ErrorBody, description = "`invalid_credentials`: the address or the password is not right"), (status = 429, body = ErrorBody), (status = 503, body = ErrorBody, description = "`auth_upstream_down`: the server that keeps the accounts does not answer; whoever is signed in stays so. `busy`, `unavailable`: try again"))
)]
async fn login(
    State(api): State<AuthApi>,
    peer: Peer,
    headers: HeaderMap,
    Json(body): Json<Login>,
) -> Result<Response, ApiError> {
    let channel = cookies::wanted(&headers, peer.secure);
    let device = named(body.device_name, &headers);
    let grant = api.auth.login(&body.email, body.password, peer.address, channel, &device).await?;
    Ok(granted(StatusCode::OK, grant, channel))
}

/// A token of the server that keeps the accounts.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"token": "eyJhbGciOiJIUzI1NiJ9.eyJ0eXBlIjoiYXV0aCJ9.c2lnbmF0dXJl", "device_name": "Kitchen tablet"}))]
struct Exchange {
    token: String,
    /// What this device calls itself; taken from `User-Agent` when absent.
    device_name: Option<String>,
}

/// Signs a person in by a token of PocketBase, where that keeps the accounts (`auth.provider: pocketbase`). With
/// `X-Kairos-Cookie: 1` the refresh token comes as an httpOnly cookie.
#[utoipa::path(
    post, path = "/api/auth/exchange", tag = "auth", security(()), request_body = Exchange,
    responses(
        (status = 200, body = Tokens),
        (status = 401, body = ErrorBody, description = "The token is not good, or not any more; or nobody here takes such tokens"),
        (status = 409, body = ErrorBody, description = "`conflict`: the hub has an account with this mail address that was not linked"),
        (status = 429, body = ErrorBody),
        (status = 503, body = ErrorBody, description = "`auth_upstream_down`: PocketBase does not answer; whoever is signed in stays so")
    )
)]
async fn exchange(
    State(api): State<AuthApi>,
    peer: Peer,
    headers: HeaderMap,
    Json(body): Json<Exchange>,
) -> Result<Response, ApiError> {
    let channel = cookies::wanted(&headers, peer.secure);
    let device = named(body.device_name, &headers);
    let grant = api.auth.exchange(&body.token, peer.address, channel, &device).await?;
    Ok(granted(StatusCode::OK, grant, channel))
}

/// The refresh token, unless it is in the cookie.
#[derive(Default, Deserialize, ToSchema)]
#[schema(example = json!({"refresh_token": "krr_9m4VxQ2s"}))]
struct Refresh {
    refresh_token: Option<String>,
}

/// Takes the refresh token out of the body, else out of the cookie of the hub's own page.
fn presented(headers: &HeaderMap, secure: bool, body: Refresh) -> Result<Option<(String, Channel)>, ApiError> {
    if let Some(token) = body.refresh_token {
        return Ok(Some((token, Channel::Body)));
    }
    let Some(token) = cookies::read(headers, secure) else { return Ok(None) };
    if !cookies::own_page(headers) {
        return Err(ApiError::forbidden("This page may not speak to the hub."));
    }
    Ok(Some((token, cookies::of_page(secure))))
}

/// Exchanges a refresh token for its successor and a new access token.
#[utoipa::path(
    post, path = "/api/auth/refresh", tag = "auth", security(()), request_body = Option<Refresh>,
    responses((status = 200, body = Tokens), (status = 401, body = ErrorBody, description = "There is no refresh token, or it is not good any more"), (status = 429, body = ErrorBody))
)]
async fn refresh(
    State(api): State<AuthApi>,
    peer: Peer,
    headers: HeaderMap,
    Maybe(body): Maybe<Refresh>,
) -> Result<Response, ApiError> {
    let (token, channel) = presented(&headers, peer.secure, body)?.ok_or_else(ApiError::unauthorized)?;
    match api.auth.refresh(&token, channel).await {
        Ok(grant) => Ok(granted(StatusCode::OK, grant, channel)),
        Err(AuthError::Refused) => Ok(with_cookie(ApiError::unauthorized().into_response(), cookies::clear(channel))),
        Err(error) => Err(error.into()),
    }
}

/// Signs this device out: by its refresh token (body or cookie), else by its access token. Always 204.
#[utoipa::path(
    post, path = "/api/auth/logout", tag = "auth", security((), ("bearer" = [])), request_body = Option<Refresh>,
    responses((status = 204))
)]
async fn logout(
    State(api): State<AuthApi>,
    peer: Peer,
    headers: HeaderMap,
    Maybe(body): Maybe<Refresh>,
) -> Result<Response, ApiError> {
    let mut cookie = None;
    if let Some((token, channel)) = presented(&headers, peer.secure, body)? {
        api.auth.logout(&token, channel).await?;
        cookie = cookies::clear(channel);
    } else if let Some(token) = bearer(&headers)
        && let Ok(Caller::Person { credential: Credential::Session(id), .. }) = api.auth.app(token).await
    {
        api.auth.end_session(&id).await?;
    }
    Ok(with_cookie(StatusCode::NO_CONTENT.into_response(), cookie))
}

/// Public keys.
#[derive(ToSchema)]
#[allow(dead_code)] // describes what `Auth::jwks` builds
struct KeySet {
    keys: Vec<PublicKey>,
}

/// One public key (RFC 8037).
#[derive(ToSchema)]
#[allow(dead_code)]
#[schema(example = json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}))]
struct PublicKey {
    #[schema(example = "OKP")]
    kty: String,
    #[schema(example = "Ed25519")]
    crv: String,
    #[schema(example = "EdDSA")]
    alg: String,
    #[schema(example = "sig")]
    r#use: String,
    /// The key's RFC 7638 thumbprint.
    kid: String,
    x: String,
}

fn keys(api: &AuthApi) -> Response {
    // Shorter than the hour a key is published before its first use.
    ([(header::CACHE_CONTROL, "public, max-age=300")], Answer(api.auth.jwks())).into_response()
}

/// The keys that verify our access tokens.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "auth", security(()), responses((status = 200, body = KeySet)))]
async fn jwks(State(api): State<AuthApi>) -> Response {
    keys(&api)
}

/// The same, for those who see only /api.
#[utoipa::path(get, path = "/api/.well-known/jwks.json", tag = "auth", security(()), responses((status = 200, body = KeySet)))]
async fn jwks_behind_api(State(api): State<AuthApi>) -> Response {
    keys(&api)
}

/// The same, where PowerSync's demo back ends have it.
#[utoipa::path(get, path = "/api/auth/keys", tag = "auth", security(()), responses((status = 200, body = KeySet)))]
async fn jwks_as_keys(State(api): State<AuthApi>) -> Response {
    keys(&api)
}

/// What a client of sync connects with.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"token": "eyJhbGciOiJFZERTQSIsImtpZCI6Ii4uLiJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl", "powersync_url": "http://kairos.local:8420", "expires_at": 1_795_514_400_000_i64}))]
struct ClientToken {
    token: String,
    /// Where to sync: this hub, under the name it was asked by; or the PowerSync Service beside it (`upstream.powersync_url`).
    #[schema(example = "http://kairos.local:8420")]
    powersync_url: String,
    /// When the token runs out, in milliseconds since the epoch.
    expires_at: kairos_core::Millis,
}

/// A token of fifteen minutes for a client of sync. It ends with the session or API token it was asked with, and asks for
/// none after it.
#[utoipa::path(
    get, path = "/api/auth/token", tag = "sync",
    responses((status = 200, body = ClientToken), (status = 403, body = ErrorBody, description = "`sign_in_again`: asked with such a token, and not with the session or API token; or a display asks"))
)]
async fn client_token(
    State(api): State<AuthApi>,
    Who(person, credential): Who,
    peer: Peer,
    headers: HeaderMap,
) -> Result<Answer<ClientToken>, ApiError> {
    let made = api.auth.client_token(&person, &credential).await?;
    let elsewhere = api.relay.as_ref().and_then(|relay| relay.powersync_url().map(str::to_owned));
    let scheme = if peer.secure { "https" } else { "http" };
    let here = || format!("{scheme}://{}", host(&headers).unwrap_or("localhost"));
    let powersync_url = elsewhere.unwrap_or_else(here);
    Ok(Answer(ClientToken { token: made.token, powersync_url, expires_at: made.expires_at }))
}
