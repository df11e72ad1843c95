//! Uploads of sync clients.

use std::sync::Arc;
use std::time::Duration;

use axum::Json as Answer;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request, State};
use axum::http::StatusCode;
use futures_util::StreamExt as _;
use kairos_core::Millis;
use kairos_core::principal::Principal;
use kairos_core::upload::{Envelope, Fields, MAX_OPERATIONS, NoEnvelope};
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ErrorBody;
use super::caller::{App, AuthApi};
use super::error::ApiError;
use super::extract::Json;
use crate::auth::Credential;
use crate::commands::UploadOutcome;
use crate::places::Place;

/// How many bytes a second of its body an upload brings at least, after a while in which it need not.
const LEAST_PACE: usize = 16 << 10;
const GRACE: Duration = Duration::from_secs(10);
/// How long a relay waits for the server to have an upload.
const CARRIED: Duration = Duration::from_secs(10);
/// The largest upload: a transaction must come whole.
pub(super) const MAX_UPLOAD: usize = 8 << 20;

pub(super) fn router() -> OpenApiRouter<AuthApi> {
    OpenApiRouter::new().routes(routes!(upload, put, patch, delete)).layer(DefaultBodyLimit::max(MAX_UPLOAD))
}

/// An upload. What is not described here is left alone.
#[derive(ToSchema)]
#[allow(dead_code)] // described, and read leniently by core
#[schema(example = json!({
    "client_id": "6a1c1d0e-6f0f-4f0e-9f57-0a4b8f0f2a10", "now": 1_795_514_400_000_i64,
    "batch": [{
        "op_id": 12, "tx_id": 4, "op": "PATCH", "table": "habits", "id": "0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d",
        "data": { "name": "Tea" }, "previous": { "name": "Water" }, "metadata": "{\"at\":1795514399000}"
    }]
}))]
struct Upload {
    /// The client's database. With it and `op_id`, a repetition is recognised.
    client_id: Option<String>,
    /// The client's clock when it sent this, in milliseconds: a clock that is off by more than a minute is corrected.
    now: Option<Millis>,
    /// The operations, oldest first; what is in one upload is saved together. At most 5000.
    #[schema(value_type = Vec<Object>)]
    batch: Vec<Value>,
}

/// One row, as simple connectors send it.
#[derive(ToSchema)]
#[allow(dead_code)] // described, and read leniently by core
#[schema(example = json!({ "table": "habits", "data": { "id": "0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d", "name": "Tea" } }))]
struct OneRow {
    /// The table.
    table: String,
    /// The row's columns, its `id` among them.
    #[schema(value_type = Object)]
    data: Value,
}

/// What became of an upload.
#[derive(Serialize, ToSchema)]
struct Uploaded {
    /// One for each operation, in their order.
    results: Vec<UploadOutcome>,
    /// The hub's clock, in milliseconds.
    #[schema(value_type = i64, example = 1_795_514_400_000_i64)]
    now: Millis,
}

/// Reads a body, as one of few that are on their way at once.
async fn receive(api: &AuthApi, by: &Principal, request: Request) -> Result<(Fields, Place), ApiError> {
    let place = api.uploads.take(&by.user).ok_or_else(|| {
        let message = "Others are uploading just now; please try again in a moment.";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message).with("retry_after", 2)
    })?;
    let (parts, body) = request.into_parts();
    let body = in_time(body).await?;
    let Json(body) = Json::from_request(Request::from_parts(parts, body.into()), &()).await?;
    Ok((body, place))
}

/// Reads a body that comes at a pace: one that trickles holds a place others wait for.
async fn in_time(body: Body) -> Result<Vec<u8>, ApiError> {
    let (begun, mut read) = (Instant::now(), Vec::new());
    let mut pieces = body.into_data_stream();
    loop {
        let earned = Duration::from_secs(u64::try_from(read.len() / LEAST_PACE).unwrap_or(u64::MAX));
        let piece = tokio::time::timeout_at(begun + GRACE + earned, pieces.next()).await.map_err(|_| late())?;
        let Some(piece) = piece else { return Ok(read) };
        // It paused, or the line broke: nothing of it is saved.
        let piece = piece.map_err(|_| late())?;
        if read.len() + piece.len() > MAX_UPLOAD {
            return Err(ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "The body is larger than the hub takes.",
            ));
        }
        read.extend_from_slice(&piece);
    }
}

fn not_carried() -> ApiError {
    let message = "This is saved here, and the server does not have it yet; please send it again.";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "upstream_unavailable", message).with("retry_after", 5)
}

fn late() -> ApiError {
    let message = "The upload came too slowly, or not to its end; please send it again.";
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "too_slow", message)
}

async fn take(
    api: &AuthApi,
    by: Principal,
    credential: &Credential,
    envelope: Envelope,
    place: Place,
) -> Result<Answer<Uploaded>, ApiError> {
    let (Credential::Session(session) | Credential::Token(session)) = credential;
    // The body may take its time; what is saved may not.
    let saved = async { Ok(api.commands.upload(by.clone(), session, Arc::new(envelope), place).await?) };
    let results = super::patience::within(saved).await?;
    if let Some(relay) = &api.relay {
        // The Service beside it takes its write checkpoint once this is answered: the server has to have it by then.
        let carried = async { Ok(relay.service().carried(&by.scopes).await?) };
        tokio::time::timeout(CARRIED, carried).await.unwrap_or_else(|_| Err(not_carried()))?;
    }
    Ok(Answer(Uploaded { results, now: api.store.clock().now() }))
}

/// Takes in what a client wrote.
///
/// Whatever its operations say, the answer is 200 once it is saved: what cannot be applied is kept under conflicts and
/// answered `quarantined`, so that no client's queue is stuck.
#[utoipa::path(
    post, path = "/api/data", tag = "sync", request_body = Upload,
    responses((status = 200, body = Uploaded), (status = 408, body = ErrorBody, description = "The body came too slowly: send it again"), (status = 413, body = ErrorBody, description = "More than 8 MiB or 5000 operations: send it in parts"), (status = 422, body = ErrorBody, description = "No upload at all"), (status = 503, body = ErrorBody, description = "Not saved: send it again"))
)]
async fn upload(
    State(api): State<AuthApi>,
    App(by, credential): App,
    request: Request,
) -> Result<Answer<Uploaded>, ApiError> {
    let (body, place) = receive(&api, &by, request).await?;
    let envelope = Envelope::parse(&body).map_err(|refusal| match refusal {
        NoEnvelope::TooMany => {
            let message = format!("An upload has at most {MAX_OPERATIONS} operations; send the rest in another.");
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_operations", message)
        }
        NoEnvelope::None(message) => ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_upload", message),
    })?;
    drop(body);
    take(&api, by, &credential, envelope, place).await
}

/// Inserts or replaces a row.
#[utoipa::path(
    put, path = "/api/data", tag = "sync", request_body = OneRow,
    responses((status = 200, body = Uploaded))
)]
async fn put(
    State(api): State<AuthApi>,
    App(by, credential): App,
    request: Request,
) -> Result<Answer<Uploaded>, ApiError> {
    let (body, place) = receive(&api, &by, request).await?;
    take(&api, by, &credential, Envelope::of_row("PUT", &body), place).await
}

/// Changes columns of a row.
#[utoipa::path(
    patch, path = "/api/data", tag = "sync", request_body = OneRow,
    responses((status = 200, body = Uploaded))
)]
async fn patch(
    State(api): State<AuthApi>,
    App(by, credential): App,
    request: Request,
) -> Result<Answer<Uploaded>, ApiError> {
    let (body, place) = receive(&api, &by, request).await?;
    take(&api, by, &credential, Envelope::of_row("PATCH", &body), place).await
}

/// Deletes a row.
#[utoipa::path(
    delete, path = "/api/data", tag = "sync", request_body = OneRow,
    responses((status = 200, body = Uploaded))
)]
async fn delete(
    State(api): State<AuthApi>,
    App(by, credential): App,
    request: Request,
) -> Result<Answer<Uploaded>, ApiError> {
    let (body, place) = receive(&api, &by, request).await?;
    take(&api, by, &credential, Envelope::of_row("DELETE", &body), place).await
}
