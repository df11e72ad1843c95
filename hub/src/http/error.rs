//! The one error of the API: a word for programs, a sentence for people, never an internal.

use axum::Json;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kairos_core::command::{Rejection, RejectionCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::StoreError;

/// Answered as `{"error":{"code","message","details"}}`.
#[derive(Debug, Clone)]
pub struct ApiError {
    /// The status.
    pub status: StatusCode,
    /// A word in `snake_case`.
    pub code: &'static str,
    /// A sentence.
    pub message: String,
    /// What it concerns: `{"field": …}`, `{"retry_after": seconds}`.
    pub details: serde_json::Map<String, serde_json::Value>,
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// A word for programs.
    #[schema(example = "not_found")]
    pub code: String,
    /// A sentence for people.
    #[schema(example = "There is no such habit.")]
    pub message: String,
    /// What it concerns.
    #[schema(value_type = Object, example = json!({}))]
    pub details: serde_json::Map<String, serde_json::Value>,
}

impl ApiError {
    /// Builds one.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), details: serde_json::Map::new() }
    }

    /// Adds a detail.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// There is no valid token.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Please sign in again.")
    }

    /// There is a valid token, but not for this.
    #[must_use]
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// There is no such thing.
    #[must_use]
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// There is something at this address, but not for this method.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        let message = "This address does not take this method; the Allow header says which it takes.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
    }

    /// A field does not hold what it should.
    #[must_use]
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message).with("field", field)
    }

    /// A body is no JSON, or not the JSON that is asked for. `path` is where in it the reader stood.
    #[must_use]
    pub fn malformed(error: &serde_json::Error, path: &str) -> Self {
        let told = error.to_string();
        let named = named(&told);
        // A field that stands twice makes the body itself ambiguous, whatever it asks for.
        let status = if error.is_data() && !told.starts_with("duplicate field") {
            StatusCode::UNPROCESSABLE_ENTITY
        } else {
            StatusCode::BAD_REQUEST
        };
        let path = if path == "." { "" } else { path };
        let field = match named {
            Some(name) if path.is_empty() || path == name => name.to_owned(),
            Some(name) if path.ends_with(&format!(".{name}")) => path.to_owned(),
            Some(name) => format!("{path}.{name}"),
            None => path.to_owned(),
        };
        let place = if named.is_some() || field.is_empty() { String::new() } else { format!("{field}: ") };
        let error = Self::new(status, "invalid_body", format!("The body is not as it should be: {place}{told}."));
        if field.is_empty() || error.status == StatusCode::BAD_REQUEST && named.is_none() {
            error
        } else {
            error.with("field", field)
        }
    }

    /// Too much, too often.
    #[must_use]
    pub fn too_often(retry_after: u64) -> Self {
        let message = "Too many attempts; please wait a moment.";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message).with("retry_after", retry_after)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let retry_after = self.details.get("retry_after").and_then(serde_json::Value::as_u64);
        let detail = ErrorDetail { code: self.code.to_owned(), message: self.message, details: self.details };
        let mut response = (self.status, Json(ErrorBody { error: detail })).into_response();
        if let Some(value) = retry_after.and_then(|seconds| HeaderValue::from_str(&seconds.to_string()).ok()) {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        let status = match rejection.code {
            RejectionCode::NoRoom => StatusCode::INSUFFICIENT_STORAGE,
            RejectionCode::NotFound => StatusCode::NOT_FOUND,
            RejectionCode::Forbidden => StatusCode::FORBIDDEN,
            RejectionCode::NothingToUndo | RejectionCode::Conflict | RejectionCode::AlreadyDone => StatusCode::CONFLICT,
            RejectionCode::Invalid | RejectionCode::FutureDate | RejectionCode::NotBound | RejectionCode::IdReused => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
        };
        let error = Self::new(status, rejection.code.as_str(), rejection.message);
        // A day that has not come is about the day, wherever it was found out.
        let day = (rejection.code == RejectionCode::FutureDate).then(|| "date".to_owned());
        match rejection.field.or(day) {
            Some(field) => error.with("field", field),
            None => error,
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Rejected(rejection) => rejection.into(),
            StoreError::Unavailable(reason) => {
                tracing::debug!(reason, "A request could not be answered.");
                let message = "The hub cannot save or read right now. Please try again in a moment.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message).with("retry_after", 5)
            }
        }
    }
}

impl From<BytesRejection> for ApiError {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is larger than the hub takes.")
            }
            _ => Self::new(StatusCode::BAD_REQUEST, "body_cut", "The body did not come whole. Please send it again."),
        }
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        let text = rejection.body_text();
        let error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_query", text.as_str());
        match key_of(&text) {
            Some(key) => error.with("field", key),
            None => error,
        }
    }
}

/// The field that a sentence of the library names: one that is absent, unknown or stands twice.
fn named(text: &str) -> Option<&str> {
    let (_, named) = text.split_once(" field `")?;
    named.split_once('`').map(|(name, _)| name)
}

/// Which key of a query the library's sentence is about: it names an unknown, absent or doubled one in backticks, and begins
/// with the name of one whose value is not as it should be.
fn key_of(text: &str) -> Option<&str> {
    if let Some(name) = named(text) {
        return Some(name);
    }
    let (key, _) = text.strip_prefix("Failed to deserialize query string: ")?.split_once(": ")?;
    key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then_some(key)
}

impl From<PathRejection> for ApiError {
    fn from(_: PathRejection) -> Self {
        Self::not_found("There is nothing at this address.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)] // only read
    struct Asked {
        limit: Option<u32>,
        from: String,
    }

    #[test]
    fn a_wrong_key_of_a_query_is_named() {
        let said = |query: &str| {
            let uri = format!("/x?{query}").parse().unwrap();
            let rejection = axum::extract::Query::<Asked>::try_from_uri(&uri).unwrap_err();
            ApiError::from(rejection).details.get("field").and_then(|key| key.as_str().map(str::to_owned))
        };
        assert_eq!(said("from=1&colour=red").as_deref(), Some("colour"));
        assert_eq!(said("from=1&limit=many").as_deref(), Some("limit"));
        assert_eq!(said("limit=1").as_deref(), Some("from"));
        assert_eq!(said("from=1&from=2").as_deref(), Some("from"));
    }
}
