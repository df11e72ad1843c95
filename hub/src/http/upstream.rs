//! How the hub stands with its server, and which that is.

use axum::Json as Answer;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::{Admin, AuthApi, Who};
use super::error::{ApiError, ErrorBody};
use super::extract::Json;
use crate::upstream::{Fault, Refusal, Service, State as Word, Status};

/// What these routes need. Cheap to clone.
#[derive(Clone)]
pub(super) struct Desk {
    people: AuthApi,
    upstream: Service,
}

impl From<&super::Api> for Desk {
    fn from(api: &super::Api) -> Self {
        Self { people: api.into(), upstream: api.upstream.clone() }
    }
}

/// An administrator: the server's address holds a password, and everybody's rows go there.
struct Keeper;

impl FromRequestParts<Desk> for Keeper {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, ApiError> {
        Admin::from_request_parts(parts, &desk.people).await.map(|Admin(_)| Self)
    }
}

/// Anybody who is signed in.
struct Anybody {
    admin: bool,
}

impl FromRequestParts<Desk> for Anybody {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, ApiError> {
        Who::from_request_parts(parts, &desk.people).await.map(|Who(by, _)| Self { admin: by.admin })
    }
}

pub(super) fn router() -> OpenApiRouter<Desk> {
    OpenApiRouter::new()
        .routes(routes!(status))
        .routes(routes!(now))
        .routes(routes!(connect, disconnect))
        .routes(routes!(test))
}

/// How the hub stands with its server.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"state": "pending", "pending": 3, "last_sync_at": 1_795_514_400_000_i64, "message": "3 pending", "server": "postgres://kairos@db.example.org:5432/kairos"}))]
struct Standing {
    /// `not_configured`, `synced`, `syncing`, `pending`, `offline` or `error`.
    #[schema(value_type = String, example = "pending")]
    state: Word,
    /// How many changes wait to be sent; more than a hundred thousand are not counted.
    pending: usize,
    /// When both sides were last known to have the same, in milliseconds since the epoch.
    last_sync_at: Option<i64>,
    /// The same in words for a person, or what is the matter.
    message: String,
    /// For administrators: where the server is, without its password.
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
}

impl Standing {
    fn of(status: Status, for_admin: bool) -> Self {
        let message = status.message.clone().unwrap_or_else(|| status.in_words());
        let Status { state, pending, synced_at, server, .. } = status;
        Self { state, pending, last_sync_at: synced_at, message, server: server.filter(|_| for_admin) }
    }
}

/// Where a server is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"url": "postgres://hub:secret@db.example.org/kairos"}))]
struct Where {
    /// The address of its database, with the login of this hub.
    #[schema(example = "postgres://hub:secret@db.example.org/kairos")]
    url: String,
}

/// What a test of a server found.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"result": "reachable", "message": "The server is there and lets this hub in."}))]
struct Found {
    /// `reachable`, `not_found`, `untrusted_certificate`, `wrong_service`, `too_old`, `too_new`, `refused` or `busy`.
    #[schema(example = "reachable")]
    result: &'static str,
    /// The same for a person.
    message: String,
}

/// The word for what is the matter with a server.
fn word(fault: &Fault) -> &'static str {
    match fault {
        Fault::Unreachable(_) => "not_found",
        Fault::Untrusted(_) => "untrusted_certificate",
        Fault::WrongService(_) | Fault::Broken(_) => "wrong_service",
        Fault::TooOld(_) => "too_old",
        Fault::TooNew => "too_new",
        Fault::Refused(_) | Fault::Foreign => "refused",
        Fault::Busy(_) | Fault::SetBack | Fault::Here(_) => "busy",
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Store(error) => error.into(),
            Refusal::Fixed => Self::new(StatusCode::CONFLICT, "fixed", refusal.to_string()),
            Refusal::Fault(fault) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, word(&fault), fault.to_string()),
        }
    }
}

/// How the hub stands with its server.
#[utoipa::path(get, path = "/api/sync/status", tag = "hub", responses((status = 200, body = Standing)))]
async fn status(State(desk): State<Desk>, caller: Anybody) -> Answer<Standing> {
    Answer(Standing::of(desk.upstream.status(), caller.admin))
}

/// Tries at once to bring the hub and its server to the same.
#[utoipa::path(
    post, path = "/api/sync/now", tag = "hub",
    responses((status = 202, body = Standing, description = "It is being tried; how the hub stood when it was asked"))
)]
async fn now(State(desk): State<Desk>, caller: Anybody) -> (StatusCode, Answer<Standing>) {
    desk.upstream.sync_now();
    (StatusCode::ACCEPTED, Answer(Standing::of(desk.upstream.status(), caller.admin)))
}

/// Looks whether a server can be reached and used; changes nothing here.
#[utoipa::path(
    post, path = "/api/upstream/test", tag = "hub", request_body = Where,
    responses((status = 200, body = Found, description = "What was found, reachable or not"))
)]
async fn test(State(desk): State<Desk>, _: Keeper, Json(place): Json<Where>) -> Answer<Found> {
    Answer(match desk.upstream.test(&place.url).await {
        Ok(()) => Found { result: "reachable", message: "The server is there and lets this hub in.".into() },
        Err(fault) => Found { result: word(&fault), message: fault.to_string() },
    })
}

/// Connects the hub to a server. What both have is merged; nothing of either is lost.
#[utoipa::path(
    put, path = "/api/upstream", tag = "hub", request_body = Where,
    responses(
        (status = 200, body = Standing),
        (status = 409, body = ErrorBody, description = "The server is set in the configuration"),
        (status = 422, body = ErrorBody, description = "The server cannot be used, and why; nothing is changed"),
    )
)]
async fn connect(State(desk): State<Desk>, _: Keeper, Json(place): Json<Where>) -> Result<Answer<Standing>, ApiError> {
    Ok(Answer(Standing::of(desk.upstream.connect(&place.url).await?, true)))
}

/// Lets the server go. What is here stays here, and what is there stays there.
#[utoipa::path(
    delete, path = "/api/upstream", tag = "hub",
    responses(
        (status = 200, body = Standing),
        (status = 409, body = ErrorBody, description = "The server is set in the configuration"),
    )
)]
async fn disconnect(State(desk): State<Desk>, _: Keeper) -> Result<Answer<Standing>, ApiError> {
    desk.upstream.disconnect().await?;
    Ok(Answer(Standing::of(desk.upstream.status(), true)))
}
