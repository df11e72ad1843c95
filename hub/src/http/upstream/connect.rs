//! Which server the hub replicates with.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use kairos_core::scope::Scope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Desk, Keeper, Standing};
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::Json;
use crate::upstream::{Fault, Meeting, Refusal, try_out};

pub(super) fn router() -> OpenApiRouter<Desk> {
    OpenApiRouter::new().routes(routes!(connect, disconnect)).routes(routes!(test)).routes(routes!(preview))
}

/// Where a server is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"url": "postgres://hub:secret@db.example.org/kairos"}))]
struct Where {
    /// The address of its database, with the login of this hub; or, with a code, of the hub that stands beside it.
    #[schema(example = "postgres://hub:secret@db.example.org/kairos")]
    url: String,
    /// A code that an administrator of that hub made.
    #[serde(default)]
    #[schema(example = "K7MF-2QXD-9H4T-1VBN")]
    code: Option<String>,
}

/// What a test of a server found.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"result": "reachable", "message": "The server is there and lets this hub in."}))]
struct Found {
    /// `reachable`, `not_found`, `untrusted_certificate`, `wrong_service`, `too_old`, `too_new`, `refused`, `invalid_code` or `busy`.
    #[schema(example = "reachable")]
    result: &'static str,
    /// The same for a person.
    message: String,
}

/// The word for what is the matter with a server.
fn word(fault: &Fault) -> &'static str {
    match fault {
        Fault::Unreachable(_) => "not_found",
        Fault::Untrusted(_) => "untrusted_certificate",
        Fault::WrongService(_) | Fault::Broken(_) => "wrong_service",
        Fault::TooOld(_) => "too_old",
        Fault::TooNew => "too_new",
        Fault::Refused(_) | Fault::Foreign => "refused",
        Fault::Code => "invalid_code",
        Fault::Busy(_) | Fault::SetBack | Fault::Here(_) | Fault::Fell => "busy",
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Store(error) => error.into(),
            Refusal::Fixed => Self::new(StatusCode::CONFLICT, "fixed", refusal.to_string()),
            Refusal::Fault(fault) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, word(&fault), fault.to_string()),
        }
    }
}

impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, word(&fault), fault.to_string())
    }
}

/// What a merge would bring together.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"server": "postgres://kairos@db.example.org:5432/kairos", "is_empty": false, "people": [{"user_id": "0190a7b2-1d20-7a3b-8c4d-5e6f7a8b9c0d", "display_name": "Ada", "rows_here": 1204, "rows_there": 310, "in_both": 12, "differ": 2}], "households": []}))]
struct Preview {
    /// Where the server is, without a password.
    server: String,
    /// Whether it has nothing of anybody here.
    is_empty: bool,
    /// Everybody who has an account here.
    people: Vec<PersonMeets>,
    /// Their households.
    households: Vec<HouseholdMeets>,
}

/// What of a person is here, there, and in both. Days are not counted: they follow from what was done.
#[derive(Serialize, ToSchema)]
struct PersonMeets {
    user_id: String,
    display_name: Option<String>,
    /// How many living rows are here.
    rows_here: usize,
    /// How many living rows are there.
    rows_there: usize,
    /// How many are on both sides.
    in_both: usize,
    /// How many of those say something else on one side.
    differ: usize,
}

/// What of a household is here, there, and in both.
#[derive(Serialize, ToSchema)]
struct HouseholdMeets {
    household_id: String,
    name: Option<String>,
    /// How many living rows are here.
    rows_here: usize,
    /// How many living rows are there, as far as the server lets this hub in.
    rows_there: usize,
    /// How many are on both sides.
    in_both: usize,
    /// How many of those say something else on one side.
    differ: usize,
}

impl Preview {
    fn of(server: String, met: Vec<(Scope, Meeting)>) -> Self {
        let is_empty = met.iter().all(|(_, meeting)| meeting.rows_there == 0);
        let mut preview = Self { server, is_empty, people: Vec::new(), households: Vec::new() };
        for (scope, Meeting { id, name, rows_here, rows_there, in_both, differ }) in met {
            match scope {
                Scope::Person(_) => {
                    let person =
                        PersonMeets { user_id: id, display_name: name, rows_here, rows_there, in_both, differ };
                    preview.people.push(person);
                }
                Scope::Household(_) => {
                    let household = HouseholdMeets { household_id: id, name, rows_here, rows_there, in_both, differ };
                    preview.households.push(household);
                }
            }
        }
        preview
    }
}

/// Looks whether a server can be reached and used; changes nothing here.
#[utoipa::path(
    post, path = "/api/upstream/test", tag = "hub", request_body = Where,
    responses((status = 200, body = Found, description = "What was found, reachable or not"))
)]
async fn test(State(desk): State<Desk>, _: Keeper, Json(place): Json<Where>) -> Answer<Found> {
    let found = async {
        let target = desk.upstream.find(&place.url, place.code.as_deref()).await?;
        try_out(&target).await
    };
    Answer(match found.await {
        Ok(()) => Found { result: "reachable", message: "The server is there and lets this hub in.".into() },
        Err(fault) => Found { result: word(&fault), message: fault.to_string() },
    })
}

/// Compares what is here with what a server has, before anything travels.
#[utoipa::path(
    post, path = "/api/upstream/preview", tag = "hub", request_body = Where,
    responses(
        (status = 200, body = Preview),
        (status = 409, body = ErrorBody, description = "The server is set in the configuration"),
        (status = 422, body = ErrorBody, description = "The server cannot be used, and why"),
    )
)]
async fn preview(State(desk): State<Desk>, _: Keeper, Json(place): Json<Where>) -> Result<Answer<Preview>, ApiError> {
    desk.upstream.require_free()?;
    let target = desk.upstream.find(&place.url, place.code.as_deref()).await?;
    let (server, met) = desk.upstream.preview(&target).await?;
    Ok(Answer(Preview::of(server, met)))
}

/// Connects the hub to a server. What both have is merged; nothing of either is lost.
#[utoipa::path(
    put, path = "/api/upstream", tag = "hub", request_body = Where,
    responses(
        (status = 200, body = Standing),
        (status = 409, body = ErrorBody, description = "The server is set in the configuration"),
        (status = 422, body = ErrorBody, description = "The server cannot be used, and why; nothing is changed"),
    )
)]
async fn connect(State(desk): State<Desk>, _: Keeper, Json(place): Json<Where>) -> Result<Answer<Standing>, ApiError> {
    desk.upstream.require_free()?;
    let target = desk.upstream.find(&place.url, place.code.as_deref()).await?;
    desk.upstream.connect(target).await?;
    Ok(Answer(Standing::of(&desk, true).await))
}

/// Lets the server go. What is here stays here, and what is there stays there.
#[utoipa::path(
    delete, path = "/api/upstream", tag = "hub",
    responses(
        (status = 200, body = Standing),
        (status = 409, body = ErrorBody, description = "The server is set in the configuration"),
    )
)]
async fn disconnect(State(desk): State<Desk>, _: Keeper) -> Result<Answer<Standing>, ApiError> {
    desk.upstream.disconnect().await?;
    Ok(Answer(Standing::of(&desk, true).await))
}
