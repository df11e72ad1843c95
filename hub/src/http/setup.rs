//! The first start.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{Tokens, granted, named};
use super::caller::{AuthApi, Peer};
use super::error::{ApiError, ErrorBody};
use super::extract::Json;
use super::{cookies, gatekeeper};
use crate::auth::people::NewPerson;

pub(super) fn router() -> OpenApiRouter<AuthApi> {
    OpenApiRouter::new().routes(routes!(state, set_up))
}

/// Whether the hub waits for its first administrator.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"needed": false}))]
struct SetupState {
    needed: bool,
}

/// The first administrator.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"setup_code": "K7MF-2QXD", "email": "ada@example.org", "password": "correct horse battery", "display_name": "Ada", "tz": "Europe/Vienna"}))]
struct FirstPerson {
    /// As shown on the console, in the journal and in run.json.
    #[schema(example = "K7MF-2QXD")]
    setup_code: String,
    #[schema(example = "ada@example.org")]
    email: String,
    /// 8 to 256 characters.
    password: String,
    #[schema(example = "Ada")]
    display_name: String,
    /// An IANA name, as browsers know it; UTC when absent.
    #[schema(example = "Europe/Vienna")]
    tz: Option<String>,
}

/// Whether the hub waits for its first administrator.
#[utoipa::path(get, path = "/api/setup", tag = "auth", security(()), responses((status = 200, body = SetupState)))]
async fn state(State(api): State<AuthApi>) -> Answer<SetupState> {
    Answer(SetupState { needed: api.auth.setup_needed() })
}

/// Makes the first administrator and signs them in. The code works once and may be tried ten times.
#[utoipa::path(
    post, path = "/api/setup", tag = "auth", security(()), request_body = FirstPerson,
    responses(
        (status = 201, body = Tokens), (status = 409, body = ErrorBody), (status = 429, body = ErrorBody)
    )
)]
async fn set_up(
    State(api): State<AuthApi>,
    peer: Peer,
    headers: HeaderMap,
    Json(body): Json<FirstPerson>,
) -> Result<Response, ApiError> {
    let channel = cookies::wanted(&headers, peer.secure);
    let person = NewPerson {
        email: body.email,
        password: body.password,
        display_name: body.display_name,
        admin: true,
        tz: body.tz,
    };
    let host = gatekeeper::host(&headers).map(str::to_owned);
    let device = named(None, &headers);
    let grant = api.auth.set_up(&body.setup_code, person, peer.address, host.clone(), channel, &device).await?;
    if let Some(host) = host {
        api.hosts.learn(&host);
    }
    Ok(granted(StatusCode::CREATED, grant, channel))
}
