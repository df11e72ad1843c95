//! API tokens: a person's own, and only from a session.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::{AuthApi, InSession};
use super::error::{ApiError, ErrorBody};
use super::extract::{Idempotency, Json, Path};
use crate::auth::tokens::{NewToken, TokenView};

pub(super) fn router() -> OpenApiRouter<AuthApi> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(revoke))
}

/// A person's API tokens.
#[derive(Serialize, ToSchema)]
struct ApiTokens {
    items: Vec<TokenView>,
    /// Always null: all of them are listed.
    next: Option<String>,
}

/// A token to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// 1 to 100 characters.
    #[schema(example = "Home Assistant")]
    name: String,
}

/// The person's API tokens.
#[utoipa::path(get, path = "/api/tokens", tag = "auth", responses((status = 200, body = ApiTokens)))]
async fn list(State(api): State<AuthApi>, InSession(by): InSession) -> Result<Answer<ApiTokens>, ApiError> {
    Ok(Answer(ApiTokens { items: api.auth.tokens(&by.user).await?, next: None }))
}

/// Makes an API token; it is shown this once.
#[utoipa::path(
    post, path = "/api/tokens", tag = "auth", request_body = Wanted,
    params(Idempotency),
    responses((status = 201, body = NewToken), (status = 409, body = ErrorBody, description = "`already_done`: made under this Idempotency-Key before; the secret was shown once and is not stored. `conflict`: there are too many"))
)]
async fn add(
    State(api): State<AuthApi>,
    InSession(by): InSession,
    Idempotency(command): Idempotency,
    Json(body): Json<Wanted>,
) -> Result<(StatusCode, Answer<NewToken>), ApiError> {
    Ok((StatusCode::CREATED, Answer(api.auth.add_token_once(&by, command, &body.name).await?)))
}

/// Takes an API token away.
#[utoipa::path(
    delete, path = "/api/tokens/{id}", tag = "auth", params(("id" = String, Path)),
    responses((status = 204))
)]
async fn revoke(
    State(api): State<AuthApi>,
    InSession(by): InSession,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.auth.revoke_token(&by.user, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
