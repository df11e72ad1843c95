//! Habits: list, make, change, delete.

use std::collections::BTreeMap;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use kairos_core::command::{Command, Fields, Outcome, Wish};
use kairos_core::ids::HabitId;
use kairos_core::principal::Principal;
use kairos_core::schema::HABITS;
use kairos_core::value::Value;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::extract::{Idempotency, Json, Path, Person, Query};
use super::{Api, ErrorBody};
use crate::store::StoreError;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(one, edit, delete))
}

/// How many rows a page has at most.
const PAGE: usize = 200;

/// A row as stored: the columns of the habits table.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d", "name": "Drink water", "kind": "measurable", "target_value": 8.0}))]
struct RowJson {
    /// The columns.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    columns: serde_json::Map<String, serde_json::Value>,
}

/// A page of rows.
#[derive(Serialize, ToSchema)]
struct Habits {
    /// The rows.
    items: Vec<RowJson>,
    /// Pass it as `after` for the next page; null on the last.
    next: Option<String>,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Page {
    /// Where the last page ended.
    after: Option<String>,
}

/// The columns to set. Unknown ones are refused by name.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"name": "Drink water", "kind": "measurable", "target_value": 8, "unit": "glasses"}))]
struct HabitFields {
    #[serde(flatten)]
    #[schema(value_type = Object)]
    fields: BTreeMap<String, serde_json::Value>,
}

impl HabitFields {
    fn into_fields(self) -> Fields {
        self.fields.into_iter().map(|(name, value)| (name, Value::from_json(value))).collect()
    }
}

/// The person's habits.
#[utoipa::path(
    get, path = "/api/habits", tag = "habits", params(Page),
    responses((status = 200, body = Habits), (status = 401, body = ErrorBody), (status = 422, body = ErrorBody))
)]
async fn list(
    State(api): State<Api>,
    Person(by): Person,
    Query(page): Query<Page>,
) -> Result<Answer<Habits>, ApiError> {
    let after = page.after.unwrap_or_default();
    let rows = api.store.read(move |snapshot| snapshot.rows_in(&HABITS, &by.scopes, &after, PAGE)).await?;
    let next = if rows.len() == PAGE { rows.last().map(|row| row.id.clone()) } else { None };
    Ok(Answer(Habits { items: rows.iter().map(|row| RowJson { columns: row.to_json() }).collect(), next }))
}

/// Makes a habit. `name` is all it needs.
#[utoipa::path(
    post, path = "/api/habits", tag = "habits", request_body = HabitFields,
    responses((status = 201, body = RowJson), (status = 401, body = ErrorBody), (status = 422, body = ErrorBody), (status = 503, body = ErrorBody))
)]
async fn add(
    State(api): State<Api>,
    Person(by): Person,
    Idempotency(command): Idempotency,
    Json(body): Json<HabitFields>,
) -> Result<(StatusCode, Answer<RowJson>), ApiError> {
    // Derived from the command, so that a repeated request names the same habit.
    let id = HabitId::new(kairos_core::ids::derive(&format!("habit|{}|{command}", by.author())))
        .map_err(|_| ApiError::not_found("There is no such habit."))?;
    let wish = Wish::AddHabit { id: id.clone(), fields: body.into_fields() };
    submit(&api, Command { id: command, by: by.clone(), wish }).await?;
    Ok((StatusCode::CREATED, Answer(row(&api, &by, &id).await?)))
}

/// One habit.
#[utoipa::path(
    get, path = "/api/habits/{id}", tag = "habits", params(("id" = String, Path)),
    responses((status = 200, body = RowJson), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody))
)]
async fn one(State(api): State<Api>, Person(by): Person, Path(id): Path<String>) -> Result<Answer<RowJson>, ApiError> {
    Ok(Answer(row(&api, &by, &habit_id(id)?).await?))
}

/// Changes columns of a habit.
#[utoipa::path(
    patch, path = "/api/habits/{id}", tag = "habits", params(("id" = String, Path)), request_body = HabitFields,
    responses((status = 200, body = RowJson), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody))
)]
async fn edit(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Idempotency(command): Idempotency,
    Json(body): Json<HabitFields>,
) -> Result<Answer<RowJson>, ApiError> {
    let id = habit_id(id)?;
    let wish = Wish::EditHabit { id: id.clone(), fields: body.into_fields() };
    submit(&api, Command { id: command, by: by.clone(), wish }).await?;
    Ok(Answer(row(&api, &by, &id).await?))
}

/// Deletes a habit. What was done stays in the log of events.
#[utoipa::path(
    delete, path = "/api/habits/{id}", tag = "habits", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody))
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
    let (id, by) = (id.clone(), by.clone());
    let found = api.store.read(move |snapshot| match snapshot.row(&HABITS, id.as_str())? {
        Some(row) if row.deleted_at.is_none() && by.may_read(&row.scope) => Ok(RowJson { columns: row.to_json() }),
        _ => Err(StoreError::Rejected(kairos_core::command::Rejection::not_found("habit"))),
    });
    Ok(found.await?)
}
