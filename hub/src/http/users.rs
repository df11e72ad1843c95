//! People: oneself, and for administrators the others.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use kairos_core::command::{Command, Fields, Outcome, Rejection, Wish};
use kairos_core::ids::UserId;
use kairos_core::repair;
use kairos_core::schema::USERS;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::{Admin, AuthApi, InSession, Peer, Who};
use super::error::{ApiError, ErrorBody};
use super::extract::{Idempotency, Json, Path};
use crate::auth::people::{NewPerson, PersonView};

pub(super) fn router() -> OpenApiRouter<AuthApi> {
    OpenApiRouter::new()
        .routes(routes!(me, edit_me, leave))
        .routes(routes!(list, add))
        .routes(routes!(delete))
        .routes(routes!(disable))
        .routes(routes!(enable))
}

/// The person asking.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"user_id": "0190a7b2-1d20-7a3b-8c4d-5e6f7a8b9c0d", "email": "ada@example.org", "display_name": "Ada", "role": "admin", "tz": "Europe/Vienna", "day_start_min": 180, "week_start": 1}))]
struct Me {
    user_id: String,
    email: String,
    display_name: String,
    /// `admin` or `member`.
    #[schema(example = "admin")]
    role: &'static str,
    /// An IANA name.
    #[schema(example = "Europe/Vienna")]
    tz: String,
    /// Minutes after midnight at which the person's day begins.
    day_start_min: i64,
    /// The day a week begins with: 1 is Monday, 7 Sunday.
    week_start: i64,
}

/// What a person changes about themselves.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"tz": "Europe/Vienna", "day_start_min": 180, "week_start": 1}))]
struct EditMe {
    display_name: Option<String>,
    /// An IANA name.
    tz: Option<String>,
    /// 0 to 720.
    day_start_min: Option<i64>,
    /// The day a week begins with: 1 is Monday, 7 Sunday. Weeks that lie behind are divided by it too: what was noted on
    /// their days is put right, what was done stays.
    week_start: Option<i64>,
}

/// A person to make an account for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "bo@example.org", "password": "correct horse battery", "display_name": "Bo", "role": "member", "tz": "Europe/Vienna"}))]
struct NewUser {
    #[schema(example = "bo@example.org")]
    email: String,
    /// 8 to 256 characters.
    password: String,
    #[schema(example = "Bo")]
    display_name: String,
    /// `member` (when absent) or `admin`.
    role: Option<String>,
    /// An IANA name; the administrator's own when absent.
    tz: Option<String>,
}

/// The accounts of this hub.
#[derive(Serialize, ToSchema)]
struct Users {
    items: Vec<PersonView>,
    /// Always null: all of them are listed.
    next: Option<String>,
}

async fn read_me(api: &AuthApi, user: &UserId) -> Result<Me, ApiError> {
    let user = user.clone();
    let read = api.store.read(move |snapshot| {
        let account = snapshot.account(&user)?.ok_or_else(|| Rejection::not_found("person"))?;
        let row = snapshot.row(&USERS, user.as_str())?.ok_or_else(|| Rejection::not_found("person"))?;
        let row = repair::repaired(&row);
        Ok(Me {
            user_id: user.to_string(),
            email: account.email,
            display_name: row.text("display_name"),
            role: if account.admin { "admin" } else { "member" },
            tz: row.text("tz"),
            day_start_min: row.integer("day_start_min").unwrap_or(0),
            week_start: row.integer("week_start").unwrap_or(1),
        })
    });
    Ok(read.await?)
}

/// Who is asking.
#[utoipa::path(get, path = "/api/me", tag = "people", responses((status = 200, body = Me)))]
async fn me(State(api): State<AuthApi>, Who(by, _): Who) -> Result<Answer<Me>, ApiError> {
    Ok(Answer(read_me(&api, &by.user).await?))
}

/// Changes one's own profile.
#[utoipa::path(
    patch, path = "/api/me", tag = "people", request_body = EditMe,
    params(Idempotency),
    responses((status = 200, body = Me))
)]
async fn edit_me(
    State(api): State<AuthApi>,
    Who(by, _): Who,
    Idempotency(id): Idempotency,
    Json(body): Json<EditMe>,
) -> Result<Answer<Me>, ApiError> {
    let mut fields = Fields::new();
    if let Some(name) = body.display_name {
        let name = name.trim();
        if name.is_empty() {
            return Err(ApiError::field("display_name", "A name is needed."));
        }
        fields.insert("display_name".into(), name.into());
    }
    fields.extend(body.tz.map(|tz| ("tz".to_owned(), tz.into())));
    fields.extend(body.day_start_min.map(|minutes| ("day_start_min".to_owned(), minutes.into())));
    fields.extend(body.week_start.map(|day| ("week_start".to_owned(), day.into())));
    let user = by.user.clone();
    let receipt = api.commands.submit(Command { id, by, wish: Wish::EditProfile { fields } }).await?;
    if let Outcome::Rejected(rejection) = receipt.outcome {
        return Err(rejection.into());
    }
    Ok(Answer(read_me(&api, &user).await?))
}

/// Every account.
#[utoipa::path(get, path = "/api/users", tag = "people", responses((status = 200, body = Users)))]
async fn list(State(api): State<AuthApi>, _: Admin) -> Result<Answer<Users>, ApiError> {
    Ok(Answer(Users { items: api.auth.people().await?, next: None }))
}

/// Makes an account.
#[utoipa::path(
    post, path = "/api/users", tag = "people", request_body = NewUser,
    params(Idempotency),
    responses((status = 201, body = PersonView), (status = 409, body = ErrorBody, description = "`already_done`: made under this Idempotency-Key before. `conflict`: the address has an account"))
)]
async fn add(
    State(api): State<AuthApi>,
    Admin(by): Admin,
    Idempotency(command): Idempotency,
    Json(body): Json<NewUser>,
) -> Result<(StatusCode, Answer<PersonView>), ApiError> {
    let admin = match body.role.as_deref() {
        None | Some("member") => false,
        Some("admin") => true,
        Some(_) => return Err(ApiError::field("role", "role is member or admin.")),
    };
    let tz = match body.tz {
        Some(tz) => tz,
        None => read_me(&api, &by.user).await?.tz,
    };
    let new =
        NewPerson { email: body.email, password: body.password, display_name: body.display_name, admin, tz: Some(tz) };
    Ok((StatusCode::CREATED, Answer(api.auth.add_person_once(&by, command, new).await?)))
}

fn user_id(text: String) -> Result<UserId, ApiError> {
    UserId::new(text).map_err(|_| ApiError::not_found("There is no such person."))
}

/// Somebody who leaves for good.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"user_id": "0190a7b2-1d20-7a3b-8c4d-5e6f7a8b9c0d", "leaving": true, "message": null}))]
struct Leaving {
    user_id: String,
    /// Always true.
    leaving: bool,
    /// What stays, in words: the record in PocketBase, where the hub may not delete it.
    message: Option<&'static str>,
}

/// What proves that it is oneself who leaves.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"password": "correct horse battery"}))]
struct Leave {
    /// One's password, where this hub keeps it; elsewhere it is not looked at.
    password: Option<String>,
}

fn leaving(api: &AuthApi, person: PersonView) -> (StatusCode, Answer<Leaving>) {
    let PersonView { user_id, leaving, .. } = person;
    (StatusCode::ACCEPTED, Answer(Leaving { user_id, leaving, message: api.auth.stays_there() }))
}

/// Deletes one's own account, for good: every session, token and device ends at once, then everything that is one's own is
/// deleted and emptied, here, on the server and on other hubs that have it, and then the account goes. What one wrote in a
/// household stays with that. Backups that were made before have all of it still. Export first what you want to keep.
#[utoipa::path(
    delete, path = "/api/me", tag = "people", request_body = Leave,
    responses(
        (status = 202, body = Leaving),
        (status = 409, body = ErrorBody, description = "`conflict`: this is the last administrator"),
        (status = 422, body = ErrorBody, description = "The password is not right")
    )
)]
async fn leave(
    State(api): State<AuthApi>,
    InSession(by): InSession,
    peer: Peer,
    Json(body): Json<Leave>,
) -> Result<(StatusCode, Answer<Leaving>), ApiError> {
    let person = api.auth.leave_oneself(&by.user, body.password, peer.address).await?;
    Ok(leaving(&api, person))
}

/// Deletes somebody's account, for good, as `DELETE /api/me` does one's own. `GET /api/users` lists them as `leaving` until
/// nothing of theirs is left; while a server is connected and away, that waits for it.
#[utoipa::path(
    delete, path = "/api/users/{id}", tag = "people", params(("id" = String, Path)),
    responses(
        (status = 202, body = Leaving),
        (status = 409, body = ErrorBody, description = "`conflict`: it is one's own, or the last administrator's")
    )
)]
async fn delete(
    State(api): State<AuthApi>,
    Admin(by): Admin,
    Path(id): Path<String>,
) -> Result<(StatusCode, Answer<Leaving>), ApiError> {
    let user = user_id(id)?;
    if user == by.user {
        let message = "Your own account is deleted with your password (DELETE /api/me).";
        return Err(ApiError::new(StatusCode::CONFLICT, "conflict", message));
    }
    let person = api.auth.leave(&user).await?;
    Ok(leaving(&api, person))
}

/// Disables an account; its connections close within a second.
#[utoipa::path(
    post, path = "/api/users/{id}/disable", tag = "people", params(("id" = String, Path)),
    responses((status = 200, body = PersonView), (status = 409, body = ErrorBody))
)]
async fn disable(
    State(api): State<AuthApi>,
    Admin(by): Admin,
    Path(id): Path<String>,
) -> Result<Answer<PersonView>, ApiError> {
    let user = user_id(id)?;
    if user == by.user {
        return Err(ApiError::new(StatusCode::CONFLICT, "conflict", "You cannot disable your own account."));
    }
    api.auth.set_disabled(&user, true).await?;
    Ok(Answer(api.auth.person(&user).await?))
}

/// Enables an account again.
#[utoipa::path(
    post, path = "/api/users/{id}/enable", tag = "people", params(("id" = String, Path)),
    responses((status = 200, body = PersonView))
)]
async fn enable(State(api): State<AuthApi>, _: Admin, Path(id): Path<String>) -> Result<Answer<PersonView>, ApiError> {
    let user = user_id(id)?;
    api.auth.set_disabled(&user, false).await?;
    Ok(Answer(api.auth.person(&user).await?))
}
