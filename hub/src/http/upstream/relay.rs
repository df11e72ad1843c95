//! What a hub beside a server does for other houses: a code, and a login for it.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use kairos_core::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Desk, Keeper};
use crate::http::caller::Peer;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::Json;
use crate::upstream::{Given, NotGiven, Relay};

/// How long the id of a hub is at most.
const LONGEST_ID: usize = 128;

pub(super) fn router() -> OpenApiRouter<Desk> {
    OpenApiRouter::new().routes(routes!(make)).routes(routes!(redeem))
}

/// A code for one house.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"code": "K7MF-2QXD-9H4T-1VBN", "expires_at": 1_795_518_000_000_i64, "address": "https://hub.example.org"}))]
struct Made {
    /// To be typed on the other house's hub, with this hub's address.
    code: String,
    /// Until when it is good, in milliseconds since the epoch.
    expires_at: Millis,
    /// This hub's address as other houses reach it, which is typed with the code; null where its settings (`http.names`) do not tell.
    #[schema(example = "https://hub.example.org")]
    address: Option<String>,
}

/// A code, and the house that brings it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "K7MF-2QXD-9H4T-1VBN", "hub_id": "0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d"}))]
struct Brought {
    code: String,
    /// The id of the other hub: its login is its own, and the code is good for no other.
    hub_id: String,
}

/// What the other house connects with.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"database_url": "postgres://kairos_house_0a1b2c3d4e5f:…@db.example.org:5432/kairos", "ca": null, "powersync_url": "https://sync.example.org"}))]
struct Login {
    /// The address of the database, with a login of this house's own.
    database_url: String,
    /// The authority in PEM that its certificate is checked with, if there is one.
    ca: Option<String>,
    /// Where phones away from home sync, if there is such a place.
    powersync_url: Option<String>,
}

impl From<NotGiven> for ApiError {
    fn from(refusal: NotGiven) -> Self {
        let message = refusal.to_string();
        match refusal {
            NotGiven::Code => Self::new(StatusCode::FORBIDDEN, "invalid_code", message),
            NotGiven::NoAddress => Self::new(StatusCode::CONFLICT, "no_public_address", message),
            NotGiven::Fault(fault) => fault.into(),
        }
    }
}

fn relay(desk: &Desk) -> Result<&Relay, ApiError> {
    let message = "This hub does not stand beside a server (upstream.relay).";
    desk.relay.as_ref().ok_or_else(|| ApiError::new(StatusCode::CONFLICT, "not_a_relay", message))
}

/// Makes a code with which one other house connects, within an hour.
#[utoipa::path(
    post, path = "/api/upstream/codes", tag = "hub",
    responses(
        (status = 201, body = Made),
        (status = 409, body = ErrorBody, description = "`not_a_relay`: this hub does not stand beside a server; `no_public_address`: it does not know where others reach it"),
    )
)]
async fn make(State(desk): State<Desk>, _: Keeper) -> Result<(StatusCode, Answer<Made>), ApiError> {
    let now = desk.people.store.clock().now();
    let relay = relay(&desk)?;
    let (code, expires_at) = relay.make_code(now)?;
    let address = relay.address().map(str::to_owned);
    Ok((StatusCode::CREATED, Answer(Made { code, expires_at, address })))
}

/// Gives another house a login of the database, for a code. No sign-in; throttled.
#[utoipa::path(
    post, path = "/api/upstream/redeem", tag = "hub", security(()), request_body = Brought,
    responses(
        (status = 200, body = Login),
        (status = 403, body = ErrorBody, description = "`invalid_code`: never made, older than an hour, or used by another house"),
        (status = 409, body = ErrorBody, description = "`not_a_relay`, `no_public_address`"),
        (status = 422, body = ErrorBody, description = "The database cannot be used, and why"),
        (status = 429, body = ErrorBody),
    )
)]
async fn redeem(State(desk): State<Desk>, peer: Peer, Json(body): Json<Brought>) -> Result<Answer<Login>, ApiError> {
    let relay = relay(&desk)?;
    desk.people.auth.admit_house(peer.address)?;
    let is_id = !body.hub_id.is_empty() && body.hub_id.len() <= LONGEST_ID;
    if !is_id {
        return Err(
            ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "hub_id is no id.").with("field", "hub_id")
        );
    }
    let now = desk.people.store.clock().now();
    let Given { database_url, ca, powersync_url } = relay.redeem(&body.code, &body.hub_id, now).await?;
    Ok(Answer(Login { database_url, ca, powersync_url }))
}
