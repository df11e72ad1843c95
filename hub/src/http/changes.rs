//! The log, for simple clients.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::extract::{Person, Query};
use super::rows::at_most;
use super::{Api, ErrorBody};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(changes))
}

/// How many changes a page has at most.
const PAGE: usize = 500;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct After {
    /// The epoch of the last answer; another one means: start again from current rows.
    epoch: Option<String>,
    /// The `next` of the last answer; from the beginning when absent.
    after: Option<i64>,
    /// How many at most, from 1 to 1000; a page may hold fewer.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// A page of the log. Its `items` are the websocket's event objects.
#[derive(Serialize, ToSchema)]
#[allow(dead_code)] // described, and written by hand from rows that are encoded already
#[schema(example = json!({"epoch": "0190a7b2-0001-7000-8000-000000000001", "items": [{"seq": 42, "table": "habits", "op": "PUT", "row": {"id": "0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d", "name": "Drink water"}, "origin": "local", "at": 1_795_514_400_000_i64}], "next": 42}))]
struct Changes {
    /// This life of the database, and when the reader began.
    epoch: String,
    /// `{"seq","table","op","row","origin","at"}`, oldest first.
    #[schema(value_type = Vec<Object>)]
    items: Vec<serde_json::Value>,
    /// Pass it as `after` next time; it moves on also when nothing was for the caller's eyes.
    next: i64,
}

/// What changed after a place in the log, in the caller's scopes.
#[utoipa::path(
    get, path = "/api/changes", tag = "changes", params(After),
    responses((status = 200, body = Changes), (status = 410, body = ErrorBody, description = "Another epoch, what was deleted since is in the log no longer, or the caller has joined or left a household since: start again from current rows"))
)]
async fn changes(State(api): State<Api>, Person(by): Person, Query(from): Query<After>) -> Result<Response, ApiError> {
    let epoch = &api.store.identity().epoch;
    let mut begun = match &from.epoch {
        Some(theirs) => begun(theirs, epoch).ok_or_else(|| resync(epoch))?,
        None => None,
    };
    let after = from.after.unwrap_or(0);
    if after < 0 || (after > 0 && from.epoch.is_none()) {
        return Err(ApiError::field("after", "after is the next of an earlier answer, and goes with its epoch."));
    }
    if after > api.store.feed().head() {
        return Err(resync(epoch));
    }
    let user = by.user.clone();
    if after == 0 {
        // Before anything is read, so that nothing falls between.
        let read =
            api.store.read(
                move |snapshot| {
                    if snapshot.leads_on(&user, 0)? { Ok(None) } else { snapshot.stamp(&user).map(Some) }
                },
            );
        begun = read.await?;
    }
    let stretch = api.store.changes_after(after, Some(&by.scopes), at_most(PAGE, from.limit)?).await?;
    if after > 0 {
        // Once all is read, for the same reason.
        let (user, begun) = (by.user.clone(), begun.clone());
        let leads_on = api.store.read(move |snapshot| {
            Ok(snapshot.leads_on(&user, after)?
                || begun.is_some_and(|begun| snapshot.stamp(&user).is_ok_and(|stamp| stamp == begun)))
        });
        if !leads_on.await? {
            return Err(resync(epoch));
        }
    }
    let told = begun.map_or_else(|| epoch.clone(), |begun| format!("{epoch}.{begun}"));
    let mut body = format!("{{\"epoch\":{},\"items\":[", serde_json::Value::from(told));
    for (n, change) in stretch.changes.iter().enumerate() {
        if n > 0 {
            body.push(',');
        }
        body.push_str(&change.to_event());
    }
    body.push_str(&format!("],\"next\":{}}}", stretch.upto));
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response())
}

/// What an epoch says of when its reader began. As long as that is so, the reader has no row that was deleted by then, and
/// nothing they see was hidden: they may be anywhere in the log. `None`: an epoch of another log.
fn begun(theirs: &str, epoch: &str) -> Option<Option<String>> {
    let rest = theirs.strip_prefix(epoch)?;
    if rest.is_empty() { Some(None) } else { Some(Some(rest.strip_prefix('.')?.to_owned())) }
}

/// The position is of another log: the client starts again from current rows.
fn resync(epoch: &str) -> ApiError {
    let message = "From here the log does not lead on to all you may see; start again from current rows.";
    ApiError::new(axum::http::StatusCode::GONE, "resync", message).with("epoch", epoch)
}
