//! What one's account is linked with at the server that keeps accounts.

use axum::Json as Answer;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::{AuthApi, InSession, Peer};
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, Path};
use crate::auth::{Linked, Links, Login, Parting};

pub(super) fn router() -> OpenApiRouter<AuthApi> {
    OpenApiRouter::new().routes(routes!(list, link)).routes(routes!(unlink))
}

/// What proves who one is at the server that keeps the accounts: mail address and password there, or a token of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "ada@example.org", "password": "the password there"}))]
struct NewIdentity {
    #[schema(example = "ada@example.org")]
    email: Option<String>,
    /// The password there; the hub passes it on and keeps nothing of it.
    password: Option<String>,
    /// In place of the two, for who has it: where PocketBase asks for a second factor, for one.
    token: Option<String>,
}

/// What parting takes, where the password there is the only way in.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"password": "the password there", "new_password": "correct horse battery"}))]
struct Part {
    /// The mail address there; one's own here when absent.
    email: Option<String>,
    /// The password there.
    password: Option<String>,
    /// What opens the account from then on: 8 to 256 characters.
    new_password: Option<String>,
}

/// What one's account is linked with, and what opens it.
#[utoipa::path(get, path = "/api/me/identities", tag = "people", responses((status = 200, body = Links)))]
async fn list(State(api): State<AuthApi>, InSession(by): InSession) -> Result<Answer<Links>, ApiError> {
    Ok(Answer(api.auth.links(&by.user).await?))
}

/// Links one's account with the one PocketBase has, proved by mail address and password there, or by a token of it. The account
/// stays what it is; from now on PocketBase's password opens it, and the one it had here no more.
#[utoipa::path(
    post, path = "/api/me/identities", tag = "people", request_body = NewIdentity,
    responses(
        (status = 200, body = Linked),
        (status = 403, body = ErrorBody, description = "`forbidden`: asked with an API token; or PocketBase asks for a second factor, so that a token is needed"),
        (status = 409, body = ErrorBody, description = "`conflict`: either of the two is linked otherwise, or this hub keeps its accounts itself"),
        (status = 422, body = ErrorBody, description = "The mail address or the password, or the token, is not good"),
        (status = 429, body = ErrorBody),
        (status = 503, body = ErrorBody, description = "`auth_upstream_down`: PocketBase does not answer")
    )
)]
async fn link(
    State(api): State<AuthApi>,
    InSession(by): InSession,
    peer: Peer,
    Json(body): Json<NewIdentity>,
) -> Result<Answer<Linked>, ApiError> {
    let NewIdentity { email, password, token } = body;
    let linked = match (token, email, password) {
        (Some(token), None, None) => api.auth.link(&by.user, &token).await,
        (None, Some(email), Some(password)) => {
            api.auth.link_by_login(&by.user, &Login { email, password }, peer.address).await
        }
        _ => return Err(ApiError::field("email", "Give the mail address and the password there, or a token.")),
    };
    Ok(Answer(linked?))
}

/// Parts one's account from the one at a provider. Where the password there is the only way in, that proves who asks, and the
/// account gets a password of this hub's own. Who is signed in stays so.
#[utoipa::path(
    delete, path = "/api/me/identities/{provider}", tag = "people",
    params(("provider" = String, Path, description = "`pocketbase`")), request_body = Part,
    responses(
        (status = 200, body = Links),
        (status = 409, body = ErrorBody, description = "`conflict`: other houses know of the link by the server they share; or nothing else opens the account"),
        (status = 422, body = ErrorBody, description = "A password is missing, too short or not right"),
        (status = 429, body = ErrorBody),
        (status = 503, body = ErrorBody, description = "`auth_upstream_down`: PocketBase, or the server, does not answer")
    )
)]
async fn unlink(
    State(api): State<AuthApi>,
    InSession(by): InSession,
    peer: Peer,
    Path(provider): Path<String>,
    Json(body): Json<Part>,
) -> Result<Answer<Links>, ApiError> {
    let Part { email, password, new_password } = body;
    let parting =
        new_password.map(|new_password| Parting { email, password: password.unwrap_or_default(), new_password });
    Ok(Answer(api.auth.unlink(&by.user, &provider, parting, peer.address).await?))
}
