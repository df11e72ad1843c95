//! Breaks: of one habit, or of all of a person's.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use kairos_core::command::{Command, Fields, Wish};
use kairos_core::schema::PAUSES;
use kairos_core::value::Value;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::extract::{Idempotency, Json, Path, Person, Query};
use super::habits::submit;
use super::rows::{self, After, RowJson, RowPage};
use super::{Api, ErrorBody};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(edit, delete))
}

/// A new break.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from_date": "2026-12-24", "to_date": "2027-01-02", "reason": "Family"}))]
struct NewPause {
    /// The habit; all of them when absent.
    habit_id: Option<String>,
    /// The first day.
    from_date: String,
    /// The last day; open when absent.
    to_date: Option<String>,
    /// Why, in your own words.
    reason: Option<String>,
}

/// What of a break changes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"to_date": "2027-01-06"}))]
struct EditPause {
    /// The first day.
    from_date: Option<String>,
    /// The last day; null opens it again.
    #[serde(default, deserialize_with = "given")]
    to_date: Option<Option<String>>,
    /// Why, in your own words.
    reason: Option<String>,
}

/// Tells a field that is null from one that is absent.
fn given<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(value).map(Some)
}

/// The person's breaks, past ones too.
#[utoipa::path(
    get, path = "/api/pauses", tag = "pauses", params(After),
    responses((status = 200, body = RowPage))
)]
async fn list(
    State(api): State<Api>,
    Person(by): Person,
    Query(after): Query<After>,
) -> Result<Answer<RowPage>, ApiError> {
    rows::page(&api, &by, &PAUSES, after).await.map(Answer)
}

/// Notes a break. Nothing is asked for from its first to its last day, and what was noted of those days goes.
#[utoipa::path(
    post, path = "/api/pauses", tag = "pauses", params(Idempotency), request_body = NewPause,
    responses((status = 201, body = RowJson), (status = 404, body = ErrorBody, description = "There is no such habit; or it was made under this Idempotency-Key before, and deleted since"), (status = 409, body = ErrorBody))
)]
async fn add(
    State(api): State<Api>,
    Person(by): Person,
    Idempotency(command): Idempotency,
    Json(body): Json<NewPause>,
) -> Result<(StatusCode, Answer<RowJson>), ApiError> {
    let id = kairos_core::ids::derive(&format!("pause|{}|{command}", by.author()));
    let fields: Fields = [
        ("habit_id".to_owned(), Value::from(body.habit_id)),
        ("from_date".to_owned(), body.from_date.into()),
        ("to_date".to_owned(), body.to_date.into()),
        ("reason".to_owned(), body.reason.into()),
    ]
    .into();
    let wish = Wish::AddPause { id: id.clone(), fields };
    submit(&api, Command { id: command, by: by.clone(), wish }).await?;
    let row = rows::one(&api, &by, &PAUSES, &id, "break").await?;
    Ok((StatusCode::CREATED, Answer(RowJson::from(&row))))
}

/// Changes a break.
#[utoipa::path(
    patch, path = "/api/pauses/{id}", tag = "pauses", params(("id" = String, Path), Idempotency), request_body = EditPause,
    responses((status = 200, body = RowJson))
)]
async fn edit(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Idempotency(command): Idempotency,
    Json(body): Json<EditPause>,
) -> Result<Answer<RowJson>, ApiError> {
    let mut fields = Fields::new();
    fields.extend(body.from_date.map(|date| ("from_date".to_owned(), date.into())));
    fields.extend(body.to_date.map(|date| ("to_date".to_owned(), date.into())));
    fields.extend(body.reason.map(|reason| ("reason".to_owned(), reason.into())));
    submit(&api, Command { id: command, by: by.clone(), wish: Wish::EditPause { id: id.clone(), fields } }).await?;
    Ok(Answer(RowJson::from(&rows::one(&api, &by, &PAUSES, &id, "break").await?)))
}

/// Takes a break back: its days are asked for again.
#[utoipa::path(
    delete, path = "/api/pauses/{id}", tag = "pauses", params(("id" = String, Path), Idempotency),
    responses((status = 204))
)]
async fn delete(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Idempotency(command): Idempotency,
) -> Result<StatusCode, ApiError> {
    submit(&api, Command { id: command, by, wish: Wish::DeletePause { id } }).await?;
    Ok(StatusCode::NO_CONTENT)
}
