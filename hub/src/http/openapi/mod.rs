//! The description of the API, generated from the code.
//!
//! What a route answers stands on the route. What follows from properties it shares with others is added here, once:
//! [`refusals`] by what an operation takes and who may ask it, [`examples`] of what is made of things that have one.

mod examples;
mod refusals;

use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

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
    let scheme = |text: &str| {
        SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(text)).build())
    };
    let components = base.components.get_or_insert_default();
    components.add_security_scheme("bearer", scheme("An access token of a session, or an API token."));
    components.add_security_scheme("pairing", scheme("The `poll_secret` of a display that waits to be approved."));
    base
}

/// The document, encoded once.
#[derive(Clone)]
pub(super) struct Document(std::sync::Arc<str>);

/// Completes and encodes the description.
pub(super) fn document(description: &utoipa::openapi::OpenApi) -> Document {
    Document(complete(description).to_string().into())
}

/// The description with what its parts share.
fn complete(description: &utoipa::openapi::OpenApi) -> serde_json::Value {
    let mut description = description.clone();
    refusals::add(&mut description);
    let mut document = serde_json::to_value(&description).unwrap_or_default();
    examples::add(&mut document);
    document
}

impl IntoResponse for Document {
    fn into_response(self) -> axum::response::Response {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], self.0.to_string()).into_response()
    }
}

#[cfg(test)]
mod tests;
