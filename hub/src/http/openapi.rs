//! The description of the API, generated from the code.

use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

#[derive(OpenApi)]
#[openapi(
    info(title = "Kairos Hub", description = "A home hub for habits. Everything a person, a script or a screen can ask of it."),
    components(schemas(super::error::ErrorBody)),
    security(("bearer" = []))
)]
struct Base;

/// What every route shares.
pub(super) fn base() -> utoipa::openapi::OpenApi {
    let mut base = Base::openapi();
    let components = base.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    base
}

/// The document, encoded once.
#[derive(Clone)]
pub(super) struct Document(std::sync::Arc<str>);

pub(super) fn document(description: &utoipa::openapi::OpenApi) -> Document {
    Document(description.to_json().unwrap_or_default().into())
}

impl IntoResponse for Document {
    fn into_response(self) -> axum::response::Response {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], self.0.to_string()).into_response()
    }
}
