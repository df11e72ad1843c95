//! Errors as clients of sync know them: `{"error":{"code":"PSYNC_S…","status","description","name"}}`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kairos_core::sync::request::Wrong;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Refusal;
use crate::auth::jwt::Flaw;
use crate::store::StoreError;

/// An answer that is no stream. Clients drop their token at 401 and come back after a while at anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyncError {
    status: StatusCode,
    code: &'static str,
    name: &'static str,
    description: String,
}

impl SyncError {
    fn new(status: StatusCode, code: &'static str, name: &'static str, description: impl Into<String>) -> Self {
        Self { status, code, name, description: description.into() }
    }

    fn unauthorized(code: &'static str, description: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, "AuthorizationError", description)
    }

    /// There is no token.
    pub(super) fn missing() -> Self {
        Self::unauthorized("PSYNC_S2106", "Authentication required")
    }

    /// The request cannot be meant.
    pub(super) fn invalid(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "PSYNC_S2001", "ValidationError", description)
    }

    /// As many streams are open as may be.
    pub(super) fn too_many_streams(description: &str) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "PSYNC_S2304", "ServiceError", description)
    }

    /// The hub stops, or cannot read now.
    pub(super) fn unavailable(description: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "PSYNC_S2003", "ServiceError", description)
    }
}

impl From<Wrong> for SyncError {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Malformed(description) => Self::invalid(description),
            Wrong::TooMany(description) => {
                Self::new(StatusCode::BAD_REQUEST, "PSYNC_S2305", "ServiceError", description)
            }
        }
    }
}

impl From<Refusal> for SyncError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Flawed(Flaw::Malformed) => {
                Self::unauthorized("PSYNC_S2101", "The token is not well-formed, or none of this hub's.")
            }
            Refusal::Flawed(Flaw::UnknownKey) => {
                Self::unauthorized("PSYNC_S2101", "The token names no key of this hub.")
            }
            Refusal::Flawed(Flaw::Signature) => {
                Self::unauthorized("PSYNC_S2102", "The token's signature is not right.")
            }
            Refusal::Flawed(Flaw::Expired) => Self::unauthorized("PSYNC_S2103", "The token has expired."),
            Refusal::Flawed(Flaw::Audience) => Self::unauthorized("PSYNC_S2105", "The token is for somebody else."),
            Refusal::Ended => Self::unauthorized("PSYNC_S2101", "Access has ended. Please sign in again."),
            Refusal::Display => Self::unauthorized("PSYNC_S2101", "A display only shows; it has nothing to sync."),
            Refusal::Unavailable => Self::unavailable("The hub cannot read right now."),
        }
    }
}

impl From<StoreError> for SyncError {
    fn from(error: StoreError) -> Self {
        tracing::debug!(%error, "A request of a client of sync could not be answered.");
        Self::unavailable("The hub cannot save or read right now.")
    }
}

/// The body of an error.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SyncErrorBody {
    error: SyncErrorDetail,
}

/// What went wrong, as clients of sync know it.
#[derive(Debug, Serialize, ToSchema)]
struct SyncErrorDetail {
    #[schema(example = "PSYNC_S2103")]
    code: &'static str,
    #[schema(example = 401)]
    status: u16,
    /// A sentence.
    description: String,
    #[schema(example = "AuthorizationError")]
    name: &'static str,
}

impl IntoResponse for SyncError {
    fn into_response(self) -> Response {
        let Self { status, code, name, description } = self;
        let error = SyncErrorDetail { code, status: status.as_u16(), description, name };
        let mut response = (status, Json(SyncErrorBody { error })).into_response();
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}
