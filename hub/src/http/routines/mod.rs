//! Routines: list, make, change, arrange, delete. [`runs`] starts them and moves their runs.

mod body;
mod run_body;
mod runs;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use kairos_core::command::{Command, Wish};
use kairos_core::ids::{CommandId, RoutineId, VariantId, derive};
use kairos_core::principal::Principal;
use kairos_core::routine;
use kairos_core::schema::{ROUTINE_VARIANTS, ROUTINES};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::body::{RoutineAnswer, RoutineColumns, Steps, VariantColumns};
use super::columns::Columns;
use super::error::ApiError;
use super::extract::{Idempotency, Json, Path, Person, Query};
use super::habits::submit;
use super::rows::{self, After, RowJson, RowPage};
use super::{Api, ErrorBody};

pub(super) use runs::call;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(one, edit, delete))
        .routes(routes!(arrange))
        .routes(routes!(add_variant))
        .routes(routes!(edit_variant, delete_variant))
        .merge(runs::router())
}

/// The person's routines, without their steps.
#[utoipa::path(
    get, path = "/api/routines", tag = "routines", params(After),
    responses((status = 200, body = RowPage))
)]
async fn list(
    State(api): State<Api>,
    Person(by): Person,
    Query(after): Query<After>,
) -> Result<Answer<RowPage>, ApiError> {
    rows::page(&api, &by, &ROUTINES, after).await.map(Answer)
}

/// Makes a routine. `name` is all it needs; its steps come with `PUT /api/routines/{id}/steps`.
#[utoipa::path(
    post, path = "/api/routines", tag = "routines", params(Idempotency), request_body = RoutineColumns,
    responses((status = 201, body = RoutineAnswer), (status = 404, body = ErrorBody, description = "Made under this Idempotency-Key before, and deleted since"), (status = 409, body = ErrorBody, description = "A person has at most 100 routines"))
)]
async fn add(
    State(api): State<Api>,
    Person(by): Person,
    Idempotency(command): Idempotency,
    Json(body): Json<Columns>,
) -> Result<(StatusCode, Answer<RoutineAnswer>), ApiError> {
    // Derived from the command, so that a repeated request names the same routine.
    let id = routine_id(derive(&format!("routine|{}|{command}", by.author())))?;
    let wish = routine::Wish::Add { id: id.clone(), fields: body.into_fields(&ROUTINES)? };
    Ok((StatusCode::CREATED, wishing(&api, &by, command, wish, &id).await?))
}

/// One routine, with its steps and variants.
#[utoipa::path(
    get, path = "/api/routines/{id}", tag = "routines", params(("id" = String, Path)),
    responses((status = 200, body = RoutineAnswer))
)]
async fn one(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
) -> Result<Answer<RoutineAnswer>, ApiError> {
    Ok(Answer(RoutineAnswer::read(&api, &by, &routine_id(id)?).await?))
}

/// Changes a routine. `status` `ARCHIVED` puts it away.
#[utoipa::path(
    patch, path = "/api/routines/{id}", tag = "routines", params(("id" = String, Path), Idempotency), request_body = RoutineColumns,
    responses((status = 200, body = RoutineAnswer))
)]
async fn edit(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Idempotency(command): Idempotency,
    Json(body): Json<Columns>,
) -> Result<Answer<RoutineAnswer>, ApiError> {
    let id = routine_id(id)?;
    let wish = routine::Wish::Edit { id: id.clone(), fields: body.into_fields(&ROUTINES)? };
    wishing(&api, &by, command, wish, &id).await
}

/// Deletes a routine. Its habits stay; a run that goes on can still be finished.
#[utoipa::path(
    delete, path = "/api/routines/{id}", tag = "routines", params(("id" = String, Path), Idempotency),
    responses((status = 204))
)]
async fn delete(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Idempotency(command): Idempotency,
) -> Result<StatusCode, ApiError> {
    let wish = Wish::Routine(routine::Wish::Delete { id: routine_id(id)? });
    submit(&api, Command { id: command, by, wish }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replaces a routine's steps as a whole, in this order. Those not listed go; a run that goes on keeps its own.
#[utoipa::path(
    put, path = "/api/routines/{id}/steps", tag = "routines", params(("id" = String, Path), Idempotency), request_body = Steps,
    responses((status = 200, body = RoutineAnswer))
)]
async fn arrange(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Idempotency(command): Idempotency,
    Json(body): Json<Steps>,
) -> Result<Answer<RoutineAnswer>, ApiError> {
    let id = routine_id(id)?;
    let wish = routine::Wish::Arrange { id: id.clone(), steps: body.into_places()? };
    wishing(&api, &by, command, wish, &id).await
}

/// Makes a variant: a shorter or longer way through a routine. Steps name the variants that have them.
#[utoipa::path(
    post, path = "/api/routines/{id}/variants", tag = "routines", params(("id" = String, Path), Idempotency), request_body = VariantColumns,
    responses((status = 201, body = RowJson), (status = 409, body = ErrorBody, description = "A routine has at most 10 variants"))
)]
async fn add_variant(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Idempotency(command): Idempotency,
    Json(body): Json<Columns>,
) -> Result<(StatusCode, Answer<RowJson>), ApiError> {
    let routine = routine_id(id)?;
    let id = variant_id(derive(&format!("variant|{}|{command}", by.author())))?;
    let wish = routine::Wish::AddVariant { id: id.clone(), routine, fields: body.into_fields(&ROUTINE_VARIANTS)? };
    submit(&api, Command { id: command, by: by.clone(), wish: Wish::Routine(wish) }).await?;
    Ok((StatusCode::CREATED, body::variant(&api, &by, &id).await?))
}

/// Changes a variant. A new default one takes the place of the old.
#[utoipa::path(
    patch, path = "/api/routines/{id}/variants/{variant}", tag = "routines", params(("id" = String, Path), ("variant" = String, Path), Idempotency), request_body = VariantColumns,
    responses((status = 200, body = RowJson))
)]
async fn edit_variant(
    State(api): State<Api>,
    Person(by): Person,
    Path((routine, id)): Path<(String, String)>,
    Idempotency(command): Idempotency,
    Json(body): Json<Columns>,
) -> Result<Answer<RowJson>, ApiError> {
    let (routine, id) = (routine_id(routine)?, variant_id(id)?);
    let wish = routine::Wish::EditVariant { id: id.clone(), routine, fields: body.into_fields(&ROUTINE_VARIANTS)? };
    submit(&api, Command { id: command, by: by.clone(), wish: Wish::Routine(wish) }).await?;
    body::variant(&api, &by, &id).await
}

/// Deletes a variant. Steps that only it had are left to the whole routine.
#[utoipa::path(
    delete, path = "/api/routines/{id}/variants/{variant}", tag = "routines", params(("id" = String, Path), ("variant" = String, Path), Idempotency),
    responses((status = 204))
)]
async fn delete_variant(
    State(api): State<Api>,
    Person(by): Person,
    Path((routine, id)): Path<(String, String)>,
    Idempotency(command): Idempotency,
) -> Result<StatusCode, ApiError> {
    let wish = routine::Wish::DeleteVariant { id: variant_id(id)?, routine: routine_id(routine)? };
    submit(&api, Command { id: command, by, wish: Wish::Routine(wish) }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Carries a wish out and answers the routine as it is then.
async fn wishing(
    api: &Api,
    by: &Principal,
    command: CommandId,
    wish: routine::Wish,
    id: &RoutineId,
) -> Result<Answer<RoutineAnswer>, ApiError> {
    submit(api, Command { id: command, by: by.clone(), wish: Wish::Routine(wish) }).await?;
    Ok(Answer(RoutineAnswer::read(api, by, id).await?))
}

/// Reads a routine's id: what cannot be one names nothing.
fn routine_id(text: String) -> Result<RoutineId, ApiError> {
    RoutineId::new(text).map_err(|_| ApiError::not_found("There is no such routine."))
}

fn variant_id(text: String) -> Result<VariantId, ApiError> {
    VariantId::new(text).map_err(|_| ApiError::not_found("There is no such variant."))
}
