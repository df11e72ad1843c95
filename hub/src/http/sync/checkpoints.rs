//! Tells a client that what it uploaded is in what it gets: a number now, the same number in a checkpoint that holds it.
//!
//! Uploads are in the log before they are answered, so the very next checkpoint holds them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use kairos_core::sync::request::{decimal, is_client_id};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::Syncing;
use super::error::{SyncError, SyncErrorBody};
use crate::http::Api;

/// The highest number a client may ask for; a client counts on from what it had, or from the time in milliseconds.
const HIGHEST: i64 = 1 << 53;

/// What is answered.
#[derive(Serialize, ToSchema)]
pub(super) struct Given<T> {
    data: T,
}

/// A number the hub chose.
#[derive(Serialize, ToSchema)]
pub(super) struct Next {
    /// A decimal number, as text.
    #[schema(example = "7")]
    write_checkpoint: String,
}

/// A number the client chose, or a higher one.
#[derive(Serialize, ToSchema)]
pub(super) struct Raised {
    /// A decimal number, as text.
    #[schema(example = "7")]
    checkpoint_request_id: String,
}

/// The next number of a client.
#[utoipa::path(
    get, path = "/write-checkpoint2.json", tag = "sync",
    params(("client_id" = Option<String>, Query, description = "The client's database")),
    responses((status = 200, body = Given<Next>), (status = 400, body = SyncErrorBody), (status = 401, body = SyncErrorBody), (status = 503, body = SyncErrorBody))
)]
pub(super) async fn next(
    State(api): State<Api>,
    by: Syncing,
    client: Result<Query<Client>, QueryRejection>,
) -> Result<Json<Given<Next>>, SyncError> {
    let Query(client) = client.map_err(|_| SyncError::invalid("The query is client_id=, once."))?;
    let id = raise(&api, &by, checked(client.client_id)?, None).await?;
    Ok(Json(Given { data: Next { write_checkpoint: id.to_string() } }))
}

/// What stands in the query.
#[derive(Deserialize)]
pub(super) struct Client {
    #[serde(default)]
    client_id: String,
}

fn checked(client: String) -> Result<String, SyncError> {
    if is_client_id(&client) {
        Ok(client)
    } else {
        Err(SyncError::invalid("client_id is at most 128 printable characters without spaces."))
    }
}

/// What a client asks that chooses its numbers itself.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"client_id": "6a1c1d0e-6f0f-4f0e-9f57-0a4b8f0f2a10", "checkpoint_request_id": "7"}))]
pub(super) struct Asked {
    #[serde(default)]
    client_id: String,
    /// A decimal number, as text.
    checkpoint_request_id: String,
}

/// Raises a client's number to one it chose; answers with the higher of that and the present one.
#[utoipa::path(
    post, path = "/sync/checkpoint-request", tag = "sync", request_body = Asked,
    responses((status = 200, body = Given<Raised>), (status = 400, body = SyncErrorBody), (status = 401, body = SyncErrorBody), (status = 503, body = SyncErrorBody))
)]
pub(super) async fn request(
    State(api): State<Api>,
    by: Syncing,
    body: Bytes,
) -> Result<Json<Given<Raised>>, SyncError> {
    let asked: Asked = serde_json::from_slice(&body)
        .map_err(|_| SyncError::invalid("The body is {\"client_id\", \"checkpoint_request_id\"}, both text."))?;
    let id = decimal(&asked.checkpoint_request_id).filter(|id| *id <= HIGHEST);
    let id = id.ok_or_else(|| SyncError::invalid("checkpoint_request_id is a decimal number, as text."))?;
    let id = raise(&api, &by, checked(asked.client_id)?, Some(id)).await?;
    Ok(Json(Given { data: Raised { checkpoint_request_id: id.to_string() } }))
}

async fn raise(api: &Api, by: &Syncing, client: String, asked: Option<i64>) -> Result<i64, SyncError> {
    let user = by.user();
    let id = api.store.raise_write_checkpoint(user.clone(), client.clone(), asked).await?;
    api.streams.tell(&user, &client);
    Ok(id)
}
