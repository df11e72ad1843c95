//! The refusals that routes share, by what they take and who may ask them.

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::Ref;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{OpenApi, RefOr, Required};

use crate::http::{gatekeeper, sync};

/// A refusal: its status, its name among the components, when it is given, and an example of it.
struct Refusal(&'static str, &'static str, &'static str, &'static str);

const UNREADABLE: Refusal = Refusal(
    "400",
    "Unreadable",
    "The body is no JSON, names a field twice or did not come whole, or the Idempotency-Key is none.",
    r#"{"code":"invalid_body","message":"The body is not as it should be: EOF while parsing an object at line 1 column 7.","details":{}}"#,
);
const UNAUTHORIZED: Refusal = Refusal(
    "401",
    "Unauthorized",
    "There is no token, or it is not good any more: sign in again.",
    r#"{"code":"unauthorized","message":"Please sign in again.","details":{}}"#,
);
const FORBIDDEN: Refusal = Refusal(
    "403",
    "Forbidden",
    "The token is good, but not for this; or the request comes from a page of somebody else's.",
    r#"{"code":"forbidden","message":"A display only shows; it may not ask for this.","details":{}}"#,
);
const NOT_FOUND: Refusal = Refusal(
    "404",
    "NotFound",
    "There is no such thing, or it is somebody else's: the two look the same.",
    r#"{"code":"not_found","message":"There is no such habit.","details":{}}"#,
);
const TOO_LARGE: Refusal = Refusal(
    "413",
    "TooLarge",
    "The body is larger than the hub takes.",
    r#"{"code":"too_large","message":"The body is larger than the hub takes.","details":{}}"#,
);
const NO_JSON: Refusal = Refusal(
    "415",
    "NoJson",
    "The body is not said to be JSON.",
    r#"{"code":"unsupported_media_type","message":"Content-Type is application/json.","details":{}}"#,
);
const UNKNOWN_HOST: Refusal = Refusal(
    "421",
    "UnknownHost",
    "The hub does not know itself by the name it was asked under.",
    r#"{"code":"unknown_host","message":"The hub does not know itself by this name. To allow it, add the name to http.names in config.yaml.","details":{}}"#,
);
const INVALID: Refusal = Refusal(
    "422",
    "Invalid",
    "A value is not what it should be; `details.field` names it. Or the Idempotency-Key was used for something else.",
    r#"{"code":"invalid","message":"to_date must not be before from_date.","details":{"field":"to_date"}}"#,
);
const UNAVAILABLE: Refusal = Refusal(
    "503",
    "Unavailable",
    "The hub cannot save or read right now, or is not set up yet. Ask again under the same Idempotency-Key.",
    r#"{"code":"unavailable","message":"The hub cannot save or read right now. Please try again in a moment.","details":{"retry_after":5}}"#,
);

const ALL: [&Refusal; 9] =
    [&UNREADABLE, &UNAUTHORIZED, &FORBIDDEN, &NOT_FOUND, &TOO_LARGE, &NO_JSON, &UNKNOWN_HOST, &INVALID, &UNAVAILABLE];

/// Adds them to every operation that can give them and does not describe them itself.
pub(super) fn add(description: &mut OpenApi) {
    let components = description.components.get_or_insert_default();
    for Refusal(_, name, text, error) in ALL {
        let example = serde_json::from_str::<serde_json::Value>(error).ok();
        let body = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("ErrorBody")))
            .example(example.map(|error| serde_json::json!({ "error": error })));
        let refusal = ResponseBuilder::new().description(*text).content("application/json", body.build());
        components.responses.insert((*name).to_owned(), refusal.build().into());
    }
    let preset = description.security.clone().unwrap_or_default();
    for (path, item) in &mut description.paths.paths {
        let safe = item.get.iter_mut().map(|operation| (true, operation));
        let unsafe_ones = [&mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for (safe, operation) in safe.chain(unsafe_ones.into_iter().flatten().map(|operation| (false, operation))) {
            for Refusal(status, name, ..) in of(path, safe, operation, &preset) {
                let refusal = RefOr::Ref(Ref::new(format!("#/components/responses/{name}")));
                operation.responses.responses.entry((*status).to_owned()).or_insert(refusal);
            }
        }
    }
}

/// What of them an operation can give.
fn of(path: &str, safe: bool, operation: &Operation, preset: &[SecurityRequirement]) -> Vec<&'static Refusal> {
    let security = operation.security.as_deref().unwrap_or(preset);
    let asks = |scheme: &str| security.iter().any(|one| one == &SecurityRequirement::new(scheme, Vec::<String>::new()));
    let open = security.iter().any(|one| one == &SecurityRequirement::default());
    let parameters = operation.parameters.as_deref().unwrap_or_default();
    let takes =
        |place: ParameterIn| parameters.iter().any(|one| matches!(one, RefOr::T(one) if one.parameter_in == place));
    let keyed = takes(ParameterIn::Header);
    let body = match &operation.request_body {
        Some(RefOr::T(body)) => Some(body),
        _ => None,
    };
    let json = body.filter(|body| body.content.contains_key("application/json"));
    let required = json.is_some_and(|body| matches!(body.required, Some(Required::True)));
    let mut found = Vec::new();
    if !gatekeeper::open_to_any_host(path) {
        found.push(&UNKNOWN_HOST);
    }
    if !(safe && gatekeeper::open_before_setup(path)) {
        found.push(&UNAVAILABLE);
    }
    if path.contains('{') {
        found.push(&NOT_FOUND);
    }
    if body.is_some() {
        found.push(&TOO_LARGE);
    }
    if sync::is_ours(path) {
        // Its own words for the rest.
        return found;
    }
    if !open {
        found.push(&UNAUTHORIZED);
    }
    if !open && asks("bearer") || !safe && !sync::open_to_any_origin(path) {
        found.push(&FORBIDDEN);
    }
    if body.is_some() || keyed {
        found.push(&UNREADABLE);
    }
    if json.is_some() || keyed || takes(ParameterIn::Query) {
        found.push(&INVALID);
    }
    if required {
        found.push(&NO_JSON);
    }
    found
}
