//! No request waits for ever, neither for a disk that does not answer nor for a body that does not come.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;

/// How long an answer may take, as long as a press waits for its acknowledgement. An upgraded connection has its
/// own bounds.
const LONGEST: Duration = Duration::from_secs(10);

/// How long a copy of the database may take.
const COPY: Duration = Duration::from_secs(300);

/// How long a large body may take to come, and its answer, as long as it keeps coming: how long it may pause is bounded
/// by itself.
const BODY: Duration = Duration::from_secs(600);

/// Whether a request may bring a large body: a file, or what a phone wrote in weeks.
fn brings_much(request: &Request) -> bool {
    request.method() == Method::POST && matches!(request.uri().path(), "/api/imports" | "/api/data")
}

/// The middleware.
pub(super) async fn bound(request: Request, next: Next) -> Response {
    let longest = match &request {
        request if super::backups::takes_long(request) => COPY,
        request if brings_much(request) => BODY,
        _ => LONGEST,
    };
    tokio::time::timeout(longest, next.run(request)).await.unwrap_or_else(|_| late().into_response())
}

/// Waits for an answer as long as one may take.
///
/// What was asked may still happen: a wish that reached the writer is carried out once the disk answers. Whoever
/// asks again under the same `Idempotency-Key` gets the first answer.
pub(super) async fn within<T>(answer: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
    tokio::time::timeout(LONGEST, answer).await.unwrap_or_else(|_| Err(late()))
}

fn late() -> ApiError {
    let message = "There was no answer in time. Please try again in a moment.";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message).with("retry_after", 5)
}
