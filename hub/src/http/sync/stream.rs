//! `POST /sync/stream`.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use kairos_core::sync::request::{MAX_BODY, Request as Wanted};

use super::caller::Syncing;
use super::error::{SyncError, SyncErrorBody};
use super::gzip;
use super::session::Session;
use super::streams::Full;
use crate::http::Api;

/// How long the body of a request may take to come.
const PATIENCE: Duration = Duration::from_secs(8);

/// What clients compare the type with, letter by letter.
const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// An endless answer, one JSON object a line: checkpoints, data, and what changes from then on.
#[utoipa::path(
    post, path = "/sync/stream", tag = "sync",
    responses((status = 200, description = "Lines of JSON; see docs/SYNC.md", content_type = "application/x-ndjson"),
        (status = 400, body = SyncErrorBody, description = "`PSYNC_S2001`, `PSYNC_S2305`"),
        (status = 401, body = SyncErrorBody, description = "`PSYNC_S2101` to `PSYNC_S2106`"),
        (status = 429, body = SyncErrorBody, description = "`PSYNC_S2304`"),
        (status = 503, body = SyncErrorBody, description = "`PSYNC_S2003`"))
)]
pub(super) async fn open(State(api): State<Api>, by: Syncing, request: Request) -> Result<Response, SyncError> {
    let (parts, body) = request.into_parts();
    // A little less than an answer may take, so that this one is in the words of the protocol.
    let body = tokio::time::timeout(PATIENCE, axum::body::to_bytes(body, MAX_BODY)).await;
    let body = body.map_err(|_| SyncError::invalid("The body came too slowly."))?;
    let body = body.map_err(|_| SyncError::invalid("The body is larger than 256 KiB, or did not come to its end."))?;
    let wanted = Wanted::parse(&body)?;
    let place = api.streams.enter(&by.user(), &wanted.client_id).map_err(|full| match full {
        Full::Hub => SyncError::too_many_streams("The hub has as many streams open as it may have."),
        Full::Person => SyncError::too_many_streams("You have as many streams open as a person may have."),
        Full::Stopping => SyncError::unavailable("The hub is stopping."),
    })?;
    let gzip = gzip::is_offered(offer(&parts.headers));
    let session = Session::open(&api.store, &api.auth, by.0, wanted, place, gzip).await?;
    let lines = futures_util::stream::unfold(session, |mut session| async move {
        let piece = session.next().await?;
        Some((Ok::<_, Infallible>(piece), session))
    });
    let mut response = Body::from_stream(lines).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, NDJSON);
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

fn offer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::ACCEPT_ENCODING)?.to_str().ok()
}
