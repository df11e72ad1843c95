//! How the hub stands with its server ([here](self)), which that is ([`connect`]), and what it does for other houses where it
//! stands beside a server ([`relay`]).

mod connect;
mod relay;

use axum::Json as Answer;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::{Admin, AuthApi, Who};
use super::error::ApiError;
use crate::upstream::{Relay, Service, State as Word, Status};

/// What these routes need. Cheap to clone.
#[derive(Clone)]
pub(super) struct Desk {
    people: AuthApi,
    upstream: Service,
    relay: Option<Relay>,
}

impl From<&super::Api> for Desk {
    fn from(api: &super::Api) -> Self {
        Self { people: api.into(), upstream: api.upstream.clone(), relay: api.relay.clone() }
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
    OpenApiRouter::new().routes(routes!(status)).routes(routes!(now)).merge(connect::router()).merge(relay::router())
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
    /// For administrators: whose do not get through while others do, as the ids of people (`u:`) and households (`h:`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stuck: Vec<String>,
    /// For administrators: whether this hub stands beside the server, and makes codes for other houses.
    #[serde(skip_serializing_if = "Option::is_none")]
    relay: Option<bool>,
    /// For administrators: whether the settings name the server, so that it is changed there.
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed: Option<bool>,
}

/// How the hub stands with its server, as it is told to whoever listens.
pub(crate) fn told(status: &Status, for_admin: bool) -> serde_json::Value {
    json!(Standing::told(status.clone(), for_admin))
}

impl Standing {
    /// As it stands now, what waits counted.
    async fn of(desk: &Desk, for_admin: bool) -> Self {
        let status = desk.upstream.standing().await;
        let relay = for_admin.then_some(desk.relay.is_some());
        let fixed = for_admin.then(|| desk.upstream.require_free().is_err());
        Self { relay, fixed, ..Self::told(status, for_admin) }
    }

    /// As it is told to whoever listens.
    fn told(status: Status, for_admin: bool) -> Self {
        let message = status.message.clone().unwrap_or_else(|| status.in_words());
        let Status { state, pending, synced_at, server, stuck, .. } = status;
        let stuck = if for_admin { stuck } else { Vec::new() };
        Self {
            state,
            pending,
            last_sync_at: synced_at,
            message,
            server: server.filter(|_| for_admin),
            stuck: stuck.into_iter().map(|(scope, _)| scope.to_string()).collect(),
            relay: None,
            fixed: None,
        }
    }
}

/// How the hub stands with its server.
#[utoipa::path(get, path = "/api/sync/status", tag = "hub", responses((status = 200, body = Standing)))]
async fn status(State(desk): State<Desk>, caller: Anybody) -> Answer<Standing> {
    Answer(Standing::of(&desk, caller.admin).await)
}

/// Tries at once to bring the hub and its server to the same.
#[utoipa::path(
    post, path = "/api/sync/now", tag = "hub",
    responses((status = 202, body = Standing, description = "It is being tried; how the hub stood when it was asked"))
)]
async fn now(State(desk): State<Desk>, caller: Anybody) -> (StatusCode, Answer<Standing>) {
    desk.upstream.sync_now();
    (StatusCode::ACCEPTED, Answer(Standing::of(&desk, caller.admin).await))
}
