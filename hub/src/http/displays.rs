//! Pairing a display: it shows a code, a person approves it.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::{AuthApi, InSession, Peer};
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, Path, bearer};
use crate::auth::displays::{Approval, LIFETIME};

pub(super) fn router() -> OpenApiRouter<AuthApi> {
    OpenApiRouter::new().routes(routes!(ask)).routes(routes!(poll)).routes(routes!(approve))
}

/// A code to show.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"code": "K7MF-2QXD", "poll_secret": "4Tn8WcZs1mVxQ2s9", "expires_in": 600}))]
struct Code {
    #[schema(example = "K7MF-2QXD")]
    code: String,
    /// What the display polls with, in `Authorization: Bearer`.
    poll_secret: String,
    /// For how many seconds the code is good.
    #[schema(example = 600)]
    expires_in: i64,
}

/// Whether somebody approved the display.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"status": "waiting"}))]
struct Poll {
    /// `waiting` or `approved`.
    #[schema(example = "waiting")]
    status: &'static str,
    /// The display's token, given once.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// What a person decided.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Bathroom mirror", "show": ["me"], "act_as": "me"}))]
struct Decision {
    /// What the display is called.
    #[schema(example = "Bathroom mirror")]
    name: Option<String>,
    /// Whose day it shows: `me`.
    #[serde(default = "me")]
    show: Vec<String>,
    /// `me` when deeds may be recorded on it.
    act_as: Option<String>,
}

fn me() -> Vec<String> {
    vec!["me".to_owned()]
}

/// The display that was approved.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"device_id": "0190a7b2-9c22-7e3d-8f40-5b6c7d8e9fa0"}))]
struct Approved {
    device_id: String,
}

/// Asks for a code to show. No sign-in; bounded and throttled.
#[utoipa::path(
    post, path = "/api/displays", tag = "displays", security(()),
    responses((status = 201, body = Code), (status = 429, body = ErrorBody))
)]
async fn ask(State(api): State<AuthApi>, peer: Peer) -> Result<(StatusCode, Answer<Code>), ApiError> {
    let pairing = api.auth.ask_pairing(peer.address)?;
    let code = Code { code: pairing.code, poll_secret: pairing.poll_secret, expires_in: LIFETIME / 1000 };
    Ok((StatusCode::CREATED, Answer(code)))
}

/// Whether somebody approved it; gives the token once, then 410.
#[utoipa::path(
    get, path = "/api/displays/poll", tag = "displays", security(("pairing" = [])),
    responses((status = 200, body = Poll), (status = 202, body = Poll), (status = 410, body = ErrorBody, description = "The pairing is over, or the token was given"))
)]
async fn poll(State(api): State<AuthApi>, headers: HeaderMap) -> Result<Response, ApiError> {
    let secret = bearer(&headers).ok_or_else(ApiError::unauthorized)?;
    Ok(match api.auth.poll_pairing(secret)? {
        None => (StatusCode::ACCEPTED, Answer(Poll { status: "waiting", token: None })).into_response(),
        token => Answer(Poll { status: "approved", token }).into_response(),
    })
}

/// Approves the display that shows a code.
#[utoipa::path(
    post, path = "/api/displays/{code}/approve", tag = "displays", params(("code" = String, Path)), request_body = Decision,
    responses((status = 200, body = Approved), (status = 409, body = ErrorBody, description = "A person has as many devices as they may"), (status = 410, body = ErrorBody, description = "The code is none, or not good any more"), (status = 429, body = ErrorBody))
)]
async fn approve(
    State(api): State<AuthApi>,
    InSession(by): InSession,
    Path(code): Path<String>,
    Json(body): Json<Decision>,
) -> Result<Answer<Approved>, ApiError> {
    let approval = Approval { name: body.name, show: body.show, act_as: body.act_as };
    let device = api.auth.approve_pairing(&by, &code, &approval).await?;
    Ok(Answer(Approved { device_id: device.to_string() }))
}
