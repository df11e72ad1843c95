//! Habits: list, make, change, delete.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use kairos_core::command::{Command, Outcome, Wish};
use kairos_core::ids::HabitId;
use kairos_core::principal::Principal;
use kairos_core::schema::HABITS;
use kairos_core::value::Value;
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::columns::{self, Columns};
use super::error::ApiError;
use super::extract::{Idempotency, Json, Path, Person, Query};
use super::rows::{self, After, RowJson, RowPage};
use super::{Api, ErrorBody};
use crate::commands::HABIT_CLOSED;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(one, edit, delete))
}

/// What can be set of a habit.
struct HabitFields;

impl utoipa::PartialSchema for HabitFields {
    fn schema() -> RefOr<Schema> {
        let example = json!({"name": "Drink water", "kind": "measurable", "target_value": 8, "unit": "glasses"});
        columns::described(
            &HABITS,
            HABIT_CLOSED,
            "What can be set of a habit; `name` is required to make one.",
            example,
        )
    }
}

impl ToSchema for HabitFields {}

/// The person's habits.
#[utoipa::path(
    get, path = "/api/habits", tag = "habits", params(After),
    responses((status = 200, body = RowPage))
)]
async fn list(
    State(api): State<Api>,
    Person(by): Person,
    Query(after): Query<After>,
) -> Result<Answer<RowPage>, ApiError> {
    rows::page(&api, &by, &HABITS, after).await.map(Answer)
}

/// Makes a habit. `name` is all it needs.
#[utoipa::path(
    post, path = "/api/habits", tag = "habits", params(Idempotency), request_body = HabitFields,
    responses((status = 201, body = RowJson), (status = 404, body = ErrorBody, description = "Made under this Idempotency-Key before, and deleted since"), (status = 409, body = ErrorBody, description = "A person has at most 500 habits"))
)]
async fn add(
    State(api): State<Api>,
    Person(by): Person,
    Idempotency(command): Idempotency,
    Json(body): Json<Columns>,
) -> Result<(StatusCode, Answer<RowJson>), ApiError> {
    // Derived from the command, so that a repeated request names the same habit.
    let id = HabitId::new(kairos_core::ids::derive(&format!("habit|{}|{command}", by.author())))
        .map_err(|_| ApiError::not_found("There is no such habit."))?;
    let wish = Wish::AddHabit { id: id.clone(), fields: body.into_fields(&HABITS)? };
    submit(&api, Command { id: command, by: by.clone(), wish }).await?;
    Ok((StatusCode::CREATED, Answer(row(&api, &by, &id).await?)))
}

/// One habit.
#[utoipa::path(
    get, path = "/api/habits/{id}", tag = "habits", params(("id" = String, Path)),
    responses((status = 200, body = RowJson))
)]
async fn one(State(api): State<Api>, Person(by): Person, Path(id): Path<String>) -> Result<Answer<RowJson>, ApiError> {
    Ok(Answer(row(&api, &by, &habit_id(id)?).await?))
}

/// Changes columns of a habit.
#[utoipa::path(
    patch, path = "/api/habits/{id}", tag = "habits", params(("id" = String, Path), Idempotency), request_body = HabitFields,
    responses((status = 200, body = RowJson))
)]
async fn edit(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Idempotency(command): Idempotency,
    Json(body): Json<Columns>,
) -> Result<Answer<RowJson>, ApiError> {
    let (id, fields) = (habit_id(id)?, body.into_fields(&HABITS)?);
    // Without one its first day would move with the person's time zone.
    if fields.get("start_date").is_some_and(Value::is_null) {
        return Err(ApiError::field("start_date", "start_date is a day such as 2026-11-24; a habit keeps one."));
    }
    let wish = Wish::EditHabit { id: id.clone(), fields };
    submit(&api, Command { id: command, by: by.clone(), wish }).await?;
    Ok(Answer(row(&api, &by, &id).await?))
}

/// Deletes a habit. What was done stays in the log of events.
#[utoipa::path(
    delete, path = "/api/habits/{id}", tag = "habits", params(("id" = String, Path), Idempotency),
    responses((status = 204))
)]
async fn delete(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Idempotency(command): Idempotency,
) -> Result<StatusCode, ApiError> {
    submit(&api, Command { id: command, by, wish: Wish::DeleteHabit { id: habit_id(id)? } }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads a habit's id from a path: what cannot be one names nothing.
pub(super) fn habit_id(text: String) -> Result<HabitId, ApiError> {
    HabitId::new(text).map_err(|_| ApiError::not_found("There is no such habit."))
}

/// Sends a command; a refusal becomes an error.
pub(super) async fn submit(api: &Api, command: Command) -> Result<kairos_core::command::Receipt, ApiError> {
    let receipt = api.commands.submit(command).await?;
    match receipt.outcome {
        Outcome::Rejected(rejection) => Err(rejection.into()),
        Outcome::Applied | Outcome::Unchanged => Ok(receipt),
    }
}

async fn row(api: &Api, by: &Principal, id: &HabitId) -> Result<RowJson, ApiError> {
    rows::one(api, by, &HABITS, id.as_str(), "habit").await.map(|row| RowJson::from(&row))
}
