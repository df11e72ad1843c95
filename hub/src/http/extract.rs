//! What handlers take out of a request.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use kairos_core::ids::CommandId;
use kairos_core::principal::Principal;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::Api;
use super::caller::{AuthApi, person};
use super::error::ApiError;
use crate::clock::Clock;

/// Wraps an extractor of axum so that its errors are ours.
macro_rules! ours {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub(super) struct $name<T>(pub T);

        impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for $name<T> {
            type Rejection = ApiError;
            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
                Ok(Self(axum::extract::$name::from_request_parts(parts, state).await?.0))
            }
        }
    };
}

ours!(
    /// A query.
    Query
);
ours!(
    /// Parts of the path.
    Path
);

/// A JSON body. What is wrong in it is told with the name of the field.
pub(super) struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            let message = "Content-Type is application/json.";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message));
        }
        Ok(Self(read(&Bytes::from_request(request, state).await?)?))
    }
}

/// A JSON body that may be absent: `curl -X POST` is a fine way to complete.
pub(super) struct Maybe<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for Maybe<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = Bytes::from_request(request, state).await?;
        let absent = matches!(body.trim_ascii(), b"" | b"null");
        Ok(Self(if absent { T::default() } else { read(&body)? }))
    }
}

/// Whether a body is said to be JSON: `application/json`, or `application/…+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let rest = kind.strip_prefix("application/");
    rest.is_some_and(|rest| rest == "json" || rest.ends_with("+json"))
}

/// How many values a body holds at most: read, each takes many times the room of its text.
const MOST_VALUES: usize = 300_000;

/// Counts the values of JSON, about: by what parts them, outside of texts.
fn values(body: &[u8]) -> usize {
    let (mut count, mut in_text, mut escaped) = (1, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b',' | b'[' | b'{' if !in_text => count += 1,
            _ => {}
        }
    }
    count
}

/// Reads JSON.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    if values(body) > MOST_VALUES {
        let message = "The body holds more values than the hub takes; please send it in parts.";
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| malformed(&error))?;
    reader.end().map_err(|error| ApiError::malformed(&error, ""))?;
    // The library also takes fields by their places in a list.
    if body.trim_ascii_start().first() != Some(&b'{') {
        let message = "The body is not as it should be: it is a JSON object.";
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_body", message));
    }
    Ok(value)
}

/// Takes what is meant out of JSON that was read already.
pub(super) fn take<T: DeserializeOwned>(said: serde_json::Value) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(said).map_err(|error| malformed(&error))
}

fn malformed(error: &serde_path_to_error::Error<serde_json::Error>) -> ApiError {
    ApiError::malformed(error.inner(), &error.path().to_string())
}

/// The token of `Authorization: Bearer …` (or `Token …`, as sync clients write it).
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token");
    known.then(|| token.trim()).filter(|token| !token.is_empty())
}

/// A person, by session or token. Displays and everybody else are refused.
pub(super) struct Person(pub Principal);

impl FromRequestParts<Api> for Person {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let token = bearer(&parts.headers).ok_or_else(ApiError::unauthorized)?;
        Ok(Self(person(api.auth.principal(token).await?)?.0))
    }
}

/// The command's id: the `Idempotency-Key` header, else one of our own.
pub(super) struct Idempotency(pub CommandId);

/// Stands among the `params` of every route that takes one.
impl IntoParams for Idempotency {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let key = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(128))
            .pattern(Some("^[!-~]+$"));
        let text = "1 to 128 printable characters without spaces, new for each deed. The same again under the same key \
                    gets the first answer and changes nothing twice; something else under it is a 422.";
        let parameter = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(text))
            .schema(Some(key));
        vec![parameter.build()]
    }
}

impl FromRequestParts<Api> for Idempotency {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        Self::of(&parts.headers, api.store.clock())
    }
}

impl FromRequestParts<AuthApi> for Idempotency {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &AuthApi) -> Result<Self, ApiError> {
        Self::of(&parts.headers, api.store.clock())
    }
}

impl Idempotency {
    fn of(headers: &HeaderMap, clock: &Clock) -> Result<Self, ApiError> {
        let Some(key) = headers.get("idempotency-key") else {
            return Ok(Self(CommandId::mint(clock.now(), crate::random::bytes())));
        };
        let key = key.to_str().ok().and_then(|key| CommandId::new(key).ok());
        key.map(Self).ok_or_else(|| {
            ApiError::new(
                StatusCode::BAD_REQUEST,
                "invalid_idempotency_key",
                "Idempotency-Key is 1 to 128 printable characters without spaces.",
            )
            .with("field", "Idempotency-Key")
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    #[allow(dead_code)] // only read
    struct Deed {
        value: Option<f64>,
        steps: Vec<Step>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)] // only read
    struct Step {
        habit_id: String,
        seconds: Option<i64>,
    }

    /// Status and field of what is wrong with a body.
    fn told(body: &str) -> (u16, String) {
        let error = read::<Deed>(body.as_bytes()).unwrap_err();
        assert_eq!(error.code, "invalid_body");
        let field = error.details.get("field").map(|field| field.as_str().unwrap().to_owned());
        (error.status.as_u16(), field.unwrap_or_default())
    }

    #[test]
    fn what_is_wrong_with_a_body_is_told_with_the_field() {
        for (body, status, field) in [
            (r#"{"value":"x"}"#, 422, "value"),
            (r#"{"value":{"a":1}}"#, 422, "value"),
            (r#"{"steps":[{"habit_id":"a"},{"habit_id":7}]}"#, 422, "steps[1].habit_id"),
            (r#"{"steps":[{"habit_id":"a","seconds":1.5}]}"#, 422, "steps[0].seconds"),
            (r#"{"steps":[{"seconds":1}]}"#, 422, "steps[0].habit_id"),
            (r#"{"steps":[{"habit_id":"a","colour":1}]}"#, 422, "steps[0].colour"),
            (r#"{"steps":{}}"#, 422, "steps"),
            (r#"{"colour":1}"#, 422, "colour"),
            (r#"{"value":1,"value":2}"#, 400, "value"),
            (r#"{"steps":[{"habit_id":"a","habit_id":"b"}]}"#, 400, "steps[0].habit_id"),
            ("[]7", 400, ""),
            (r#"{"value":1"#, 400, ""),
            (r#"{"value":1} x"#, 400, ""),
            ("", 400, ""),
            ("7", 422, ""),
            ("[1.5,[]]", 422, ""),
        ] {
            assert_eq!(told(body), (status, field.to_owned()), "{body}");
        }
    }

    #[test]
    fn a_body_of_too_many_values_is_refused_before_it_is_read() {
        for (body, count) in [("{}", 2), (r#"{"a":[1,2,3]}"#, 5), (r#"{"a":"1,2,[{","b":"\",,"}"#, 3), ("", 1)] {
            assert_eq!(values(body.as_bytes()), count, "{body}");
        }
        let wide = format!("{{\"steps\":[{}0]}}", "0,".repeat(MOST_VALUES));
        let refused = read::<serde_json::Value>(wide.as_bytes()).unwrap_err();
        assert_eq!(refused.status.as_u16(), 413);
        let long = format!("{{\"note\":\"{}\"}}", ",".repeat(MOST_VALUES * 2));
        assert!(read::<serde_json::Value>(long.as_bytes()).is_ok(), "a text is one value");
    }

    #[tokio::test]
    async fn a_body_is_said_to_be_json_unless_it_may_be_absent() {
        let with = |kind: &str| axum::http::Request::post("/").header("content-type", kind).body("{}".into()).unwrap();
        for kind in ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/x+json"] {
            assert!(Json::<Deed>::from_request(with(kind), &()).await.is_ok(), "{kind}");
        }
        for kind in ["text/plain", "", "application/jsonp", "application/x-www-form-urlencoded"] {
            let refused = Json::<Deed>::from_request(with(kind), &()).await.err().unwrap();
            assert_eq!((refused.status.as_u16(), refused.code), (415, "unsupported_media_type"), "{kind}");
            assert!(Maybe::<Deed>::from_request(with(kind), &()).await.is_ok(), "{kind}");
        }
        for none in ["", "null", " "] {
            let request = axum::http::Request::post("/").body(none.into()).unwrap();
            assert!(Maybe::<Deed>::from_request(request, &()).await.is_ok(), "{none:?}");
        }
    }
}
