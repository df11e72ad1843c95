//! Habits: list, make, change, delete.

use std::collections::BTreeMap;
use std::fmt;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use kairos_core::command::{Command, Fields, Outcome, Wish};
use kairos_core::ids::HabitId;
use kairos_core::principal::Principal;
use kairos_core::schema::HABITS;
use kairos_core::value::Value;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::extract::{Idempotency, Json, Path, Person, Query};
use super::rows::{self, After, RowJson, RowPage};
use super::{Api, ErrorBody};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(one, edit, delete))
}

/// The columns to set. Unknown ones are refused by name.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"name": "Drink water", "kind": "measurable", "target_value": 8, "unit": "glasses"}))]
struct HabitFields {
    #[serde(flatten)]
    #[schema(value_type = Object)]
    fields: Columns,
}

impl HabitFields {
    fn into_fields(self) -> Result<Fields, ApiError> {
        let value = |(name, json): (String, serde_json::Value)| match HABITS.column(&name) {
            Some(column) => match Value::for_column(column, json) {
                Ok(value) => Ok((name, value)),
                Err(wrong) => Err(ApiError::field(&name, format!("{name} {wrong}."))),
            },
            // The door says that there is no such column.
            None => Ok((name, Value::Null)),
        };
        self.fields.0.into_iter().map(value).collect()
    }
}

/// Columns by their names, each at most once: of two values the last must not quietly win.
struct Columns(BTreeMap<String, serde_json::Value>);

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EachOnce)
    }
}

struct EachOnce;

impl<'de> Visitor<'de> for EachOnce {
    type Value = Columns;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of columns")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Columns, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, value)) = entries.next_entry::<String, serde_json::Value>()? {
            if fields.contains_key(&name) {
                let name: String = name.chars().take(64).flat_map(char::escape_debug).collect();
                return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
            }
            fields.insert(name, value);
        }
        Ok(Columns(fields))
    }
}

/// The person's habits.
#[utoipa::path(
    get, path = "/api/habits", tag = "habits", params(After),
    responses((status = 200, body = RowPage), (status = 401, body = ErrorBody), (status = 422, body = ErrorBody))
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
    let wish = Wish::AddHabit { id: id.clone(), fields: body.into_fields()? };
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
    let wish = Wish::EditHabit { id: id.clone(), fields: body.into_fields()? };
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
    rows::one(api, by, &HABITS, id.as_str(), "habit").await.map(|row| RowJson::from(&row))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fields(json: &str) -> Result<Fields, ApiError> {
        serde_json::from_str::<HabitFields>(json).unwrap().into_fields()
    }

    #[test]
    fn a_nested_value_is_taken_only_where_json_belongs() {
        let fine = fields(r#"{"name":"Water","active_days":[1,3],"target_value":8,"color":null}"#).unwrap();
        assert_eq!(fine["active_days"], "[1,3]".into());
        assert_eq!((&fine["target_value"], &fine["color"]), (&Value::Integer(8), &Value::Null));
        for (json, field) in [
            (r#"{"name":{"a":1}}"#, "name"),
            (r#"{"name":["a"]}"#, "name"),
            (r#"{"name":true}"#, "name"),
            (r#"{"step":[1]}"#, "step"),
        ] {
            let told = fields(json).unwrap_err();
            assert_eq!((told.status, &told.details["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &field.into()));
        }
        assert!(fields(r#"{"nonsense":{"a":1}}"#).unwrap().contains_key("nonsense"), "the door says so");
    }

    #[tokio::test]
    async fn a_column_that_stands_twice_is_named() {
        use axum::extract::FromRequest as _;
        let body = r#"{"name":"Water","kind":"avoid","name":"Wine"}"#;
        let request = axum::http::Request::post("/").header("content-type", "application/json").body(body.into());
        let told = Json::<HabitFields>::from_request(request.unwrap(), &()).await.err().unwrap();
        assert_eq!((told.status, told.code), (StatusCode::BAD_REQUEST, "invalid_body"));
        assert!(told.message.contains("duplicate field `name`"), "{}", told.message);
    }
}
