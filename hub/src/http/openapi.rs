//! The description of the API, generated from the code.

use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use utoipa::OpenApi;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::Ref;
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

/// Encodes the description. Every call may also be refused for reasons that have nothing to do with it: its host, its
/// size, a body that is no JSON, a hub that is not set up. They all look the same, and are described as the default.
pub(super) fn document(description: &utoipa::openapi::OpenApi) -> Document {
    let mut description = description.clone();
    for item in description.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten();
        for operation in operations {
            operation.responses.responses.entry("default".to_owned()).or_insert_with(|| refusal().into());
        }
    }
    Document(description.to_json().unwrap_or_default().into())
}

fn refusal() -> Response {
    let body = Ref::from_schema_name("ErrorBody");
    ResponseBuilder::new()
        .description("Any other refusal")
        .content("application/json", ContentBuilder::new().schema(Some(body)).build())
        .build()
}

impl IntoResponse for Document {
    fn into_response(self) -> axum::response::Response {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], self.0.to_string()).into_response()
    }
}
