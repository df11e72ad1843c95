//! What lost a merge, and what could not be applied: seen, restored, put away.

use axum::Json as Answer;
use axum::extract::State;
use kairos_core::Millis;
use kairos_core::command::{Command, Settlement, Wish};
use kairos_core::principal::Principal;
use kairos_core::row::Row;
use kairos_core::schema::CONFLICTS;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::App;
use super::error::ApiError;
use super::extract::{Idempotency, Path, Query};
use super::habits::submit;
use super::rows;
use super::{Api, ErrorBody};
use crate::commands::whole_operation;
use crate::feed::Room;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(operations))
        .routes(routes!(restore))
        .routes(routes!(dismiss))
}

/// How many a page has at most; each holds some 16 KiB.
const PAGE: usize = 25;
/// How many bytes of operations a page has, about; but one at least, which may be as large as an upload.
const PAGE_BYTES: usize = 1 << 20;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Also those that were settled.
    #[serde(default)]
    all: bool,
    /// The `next` of the last page.
    after: Option<String>,
    /// How many at most, from 1 to 1000; a page may hold fewer.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Something that can be had back.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "0190a7b2-8b11-7d2c-9e3f-4a5b6c7d8e9f", "kind": "lost", "status": "OPEN", "table": "habits", "row_id": "0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d", "column": "name", "lost": {"name": "Tea"}, "kept": {"name": "Water"}, "reason": null, "stays": null, "operations": null, "at": 1_795_514_400_000_i64}))]
struct Conflict {
    /// Its id.
    id: String,
    /// `lost`, `quarantined`, `foreign` or `unreadable`.
    kind: String,
    /// `OPEN`, `RESTORED` or `DISMISSED`.
    status: String,
    /// The table of the row it is about.
    table: Option<String>,
    /// The row it is about.
    row_id: Option<String>,
    /// For `lost`: the column.
    column: Option<String>,
    /// For `lost`: what lost, by column.
    #[schema(value_type = Option<Object>)]
    lost: Value,
    /// For `lost`: what stands instead.
    #[schema(value_type = Option<Object>)]
    kept: Value,
    /// For `quarantined` and `foreign`: why it could not be applied, or does not travel.
    reason: Option<String>,
    /// For `foreign`: `here` where the row stays on this hub, `there` where it stays on the server.
    stays: Option<String>,
    /// For `quarantined`: what was uploaded, as it came, oldest first; where it could not be read, its text. Of one that is
    /// larger than 8 KiB only a note, `{"large","bytes","op"?,"table"?,"id"?}`: the whole is under `…/operations`.
    #[schema(value_type = Option<Vec<Value>>)]
    operations: Value,
    /// When it was noticed, in milliseconds since the epoch, UTC.
    at: Millis,
}

/// A page of conflicts.
#[derive(Serialize, ToSchema)]
struct Conflicts {
    /// The newest first.
    items: Vec<Conflict>,
    /// Pass it as `after` for the next page.
    next: Option<String>,
}

impl Conflict {
    fn of(row: &Row) -> Self {
        let json =
            |name: &str| row.opt_text(name).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let (kind, mut kept): (String, Value) = (row.text("kind"), json("kept_value"));
        let stays = (kind == "foreign").then(|| kept.take()["stays"].as_str().map(str::to_owned)).flatten();
        Self {
            id: row.id.clone(),
            kind,
            status: row.text("status"),
            table: row.opt_text("table_name"),
            row_id: row.opt_text("row_id"),
            column: row.opt_text("column_name"),
            lost: json("lost_value"),
            kept,
            reason: row.opt_text("reason"),
            stays,
            operations: json("operations"),
            at: row.created_at,
        }
    }
}

/// What lost a merge unseen, what was uploaded and could not be applied, and what does not travel since its id is somebody
/// else's elsewhere.
#[utoipa::path(
    get, path = "/api/conflicts", tag = "sync", params(Wanted),
    responses((status = 200, body = Conflicts))
)]
async fn list(
    State(api): State<Api>,
    App(by, _): App,
    Query(wanted): Query<Wanted>,
) -> Result<Answer<Conflicts>, ApiError> {
    let before = match &wanted.after {
        Some(next) => Some(position(next).ok_or_else(|| ApiError::field("after", "after is the next of a page."))?),
        None => None,
    };
    let (scopes, most) = (by.scopes.clone(), rows::at_most(PAGE, wanted.limit)?);
    let found = api.store.read(move |snapshot| {
        let before = before.as_ref().map(|(at, id)| (*at, id.as_str()));
        let rows = snapshot.conflicts(&scopes, !wanted.all, before, most)?;
        let last = rows.last().filter(|_| rows.len() == most);
        let next = last.map(|row| format!("{}.{}", row.created_at, row.id));
        Ok(Conflicts { items: rows.iter().map(Conflict::of).collect(), next })
    });
    Ok(Answer(found.await?))
}

fn position(next: &str) -> Option<(Millis, String)> {
    let (at, id) = next.split_once('.')?;
    Some((at.parse().ok()?, id.to_owned()))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Part {
    /// The `next` of the last page.
    after: Option<usize>,
    /// How many at most, from 1 to 1000; a page may hold fewer.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// What was set aside, a page of it.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"items": [{"op_id": 12, "op": "PATCH", "type": "habits", "id": "0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d", "data": {"name": "Tea"}}], "next": null}))]
struct Operations {
    /// As they came, the oldest first, the large ones too; where it could not be read, its text; null where it is kept no longer.
    #[schema(value_type = Vec<Value>)]
    items: Vec<Value>,
    /// Pass it as `after` for the next page.
    next: Option<usize>,
}

/// What was uploaded and could not be applied, whole.
#[utoipa::path(
    get, path = "/api/conflicts/{id}/operations", tag = "sync", params(("id" = String, Path), Part),
    responses((status = 200, body = Operations))
)]
async fn operations(
    State(api): State<Api>,
    App(by, _): App,
    Path(id): Path<String>,
    Query(from): Query<Part>,
) -> Result<Answer<Operations>, ApiError> {
    let entry = rows::one(&api, &by, &CONFLICTS, &id, "conflict").await?;
    let most = rows::at_most(PAGE, from.limit)?;
    let kept: Vec<Value> = serde_json::from_str(&entry.text("operations")).unwrap_or_default();
    let (after, count) = (from.after.unwrap_or(0), kept.len());
    let found = api.store.read(move |snapshot| {
        let (mut items, mut room) = (Vec::new(), Room(PAGE_BYTES));
        for operation in kept.into_iter().skip(after).take(most) {
            let whole = whole_operation(snapshot, &entry.id, operation)?.unwrap_or_default();
            let bytes = whole.to_string().len();
            if !room.takes(bytes) {
                break;
            }
            items.push(whole);
        }
        let next = Some(after.saturating_add(items.len())).filter(|next| *next < count);
        Ok(Operations { items, next })
    });
    Ok(Answer(found.await?))
}

/// Has it back: what lost is written over what stands, what was set aside is applied.
#[utoipa::path(
    post, path = "/api/conflicts/{id}/restore", tag = "sync", params(("id" = String, Path), Idempotency),
    responses((status = 200, body = Conflict), (status = 409, body = ErrorBody, description = "It still cannot be applied"))
)]
async fn restore(
    State(api): State<Api>,
    App(by, _): App,
    Path(id): Path<String>,
    Idempotency(command): Idempotency,
) -> Result<Answer<Conflict>, ApiError> {
    let wish = Wish::Settle { id: id.clone(), how: Settlement::Restored };
    settle(&api, by.clone(), &id, Command { id: command, by, wish }).await
}

/// Puts it away; it can still be seen with `all=true`.
#[utoipa::path(
    delete, path = "/api/conflicts/{id}", tag = "sync", params(("id" = String, Path), Idempotency),
    responses((status = 200, body = Conflict))
)]
async fn dismiss(
    State(api): State<Api>,
    App(by, _): App,
    Path(id): Path<String>,
    Idempotency(command): Idempotency,
) -> Result<Answer<Conflict>, ApiError> {
    let wish = Wish::Settle { id: id.clone(), how: Settlement::Dismissed };
    settle(&api, by.clone(), &id, Command { id: command, by, wish }).await
}

async fn settle(api: &Api, by: Principal, id: &str, command: Command) -> Result<Answer<Conflict>, ApiError> {
    submit(api, command).await?;
    Ok(Answer(Conflict::of(&rows::one(api, &by, &CONFLICTS, id, "conflict").await?)))
}
