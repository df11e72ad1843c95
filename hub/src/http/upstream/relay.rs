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

/// How long the word of a house is.
const WORD: std::ops::RangeInclusive<usize> = 16..=128;

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
#[schema(example = json!({"code": "K7MF-2QXD-9H4T-1VBN", "word": "Zt3mO0yXwq1jY5c2kB7nFhV9sLpR4uAe"}))]
struct Brought {
    code: String,
    /// A random word of 16 to 128 characters that only this house knows: with it the code is good again, and for no other house.
    word: String,
}

/// What the other house connects with.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"database_url": "postgres://kairos_house_0a1b2c3d4e5f:…@db.example.org:5432/kairos", "ca": null}))]
struct Login {
    /// The address of the database, with a login of this house's own.
    database_url: String,
    /// The authority in PEM that its certificate is checked with, if there is one.
    ca: Option<String>,
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
    if !WORD.contains(&body.word.len()) {
        let message = "word has 16 to 128 characters.";
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message).with("field", "word"));
    }
    let now = desk.people.store.clock().now();
    let Given { database_url, ca } = relay.redeem(&body.code, &body.word, now).await?;
    Ok(Answer(Login { database_url, ca }))
}
