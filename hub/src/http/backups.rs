//! Copies of the database, for administrators.

use std::path::PathBuf;
use std::time::Duration;

use axum::Json as Answer;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use tokio::sync::oneshot;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::{Admin, AuthApi};
use super::error::{ApiError, ErrorBody};
use super::extract::Path;
use crate::backup::{Backup, Backups, Fault};

/// Under which all of it stands.
const AT: &str = "/api/backups";
/// How long whoever asks for a restore waits to hear that the file is refused.
const JUDGED: Duration = Duration::from_secs(8);
/// How long whoever asks for a backup waits until it is whole; less than such a request may take at most.
const MADE: Duration = Duration::from_secs(240);
/// How much of a file is read at a time.
const CHUNK: usize = 64 * 1024;

/// What these routes need. Cheap to clone.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) people: AuthApi,
    pub(super) backups: Backups,
}

impl From<&super::Api> for Desk {
    fn from(api: &super::Api) -> Self {
        Self { people: api.into(), backups: api.backups.clone() }
    }
}

/// An administrator in a session: a backup holds what everybody wrote.
struct Keeper;

impl FromRequestParts<Desk> for Keeper {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, ApiError> {
        Admin::from_request_parts(parts, &desk.people).await.map(|Admin(_)| Self)
    }
}

pub(super) fn router() -> OpenApiRouter<Desk> {
    OpenApiRouter::new().routes(routes!(list, make)).routes(routes!(download)).routes(routes!(restore))
}

/// Whether a request may take as long as a copy of the database does.
pub(super) fn takes_long(request: &Request) -> bool {
    request.method() == Method::POST && request.uri().path() == AT
}

/// The backups in the hub's folder, the newest first.
#[derive(Serialize, ToSchema)]
struct List {
    items: Vec<Backup>,
    /// Always null: all of them are listed.
    next: Option<String>,
}

/// A restore that has begun.
#[derive(Serialize, ToSchema)]
struct Restarting {
    /// Always `restarting`: the hub ends every connection and is back in a moment.
    #[schema(example = "restarting")]
    status: &'static str,
    /// The backup.
    #[schema(example = "kairos-2026-11-24T081500Z.sqlite")]
    name: String,
}

impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(message) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", message),
            Fault::Unavailable(message) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message).with("retry_after", 30)
            }
        }
    }
}

fn no_such_backup() -> ApiError {
    ApiError::not_found("There is no such backup.")
}

/// The backups in the hub's folder.
#[utoipa::path(
    get, path = "/api/backups", tag = "hub",
    responses((status = 200, body = List))
)]
async fn list(State(desk): State<Desk>, _: Keeper) -> Result<Answer<List>, ApiError> {
    Ok(Answer(List { items: desk.backups.list().await?, next: None }))
}

/// Makes a backup now, checks it, and takes away the oldest beyond the number to keep.
#[utoipa::path(
    post, path = "/api/backups", tag = "hub",
    responses((status = 201, body = Backup), (status = 202, body = Making, description = "It takes long and goes on: it stands in the list once it is whole"), (status = 503, body = ErrorBody, description = "It could not be written, and why"))
)]
async fn make(State(desk): State<Desk>, _: Keeper) -> Result<Response, ApiError> {
    // Goes on when nobody waits any more: half a backup is no use to anybody.
    let made = tokio::spawn(async move { desk.backups.make().await });
    let Ok(made) = tokio::time::timeout(MADE, made).await else {
        return Ok((StatusCode::ACCEPTED, Answer(Making { status: "running" })).into_response());
    };
    let backup = made.map_err(|_| Fault::Unavailable("There was an internal fault.".into()))??;
    Ok((StatusCode::CREATED, Answer(backup)).into_response())
}

/// A backup that is being made.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"status": "running"}))]
#[schema(example = json!({"status": "running"}))]
struct Making {
    /// `running`.
    status: &'static str,
}

/// The file of a backup.
#[utoipa::path(
    get, path = "/api/backups/{name}/download", tag = "hub",
    params(("name" = String, Path, example = "kairos-2026-11-24T081500Z.sqlite")),
    responses((status = 200, body = Vec<u8>, content_type = "application/vnd.sqlite3", description = "The file"))
)]
async fn download(State(desk): State<Desk>, _: Keeper, Path(name): Path<String>) -> Result<Response, ApiError> {
    let path = desk.backups.file(&name).await.ok_or_else(no_such_backup)?;
    let file = File::open(path).await.map_err(|_| no_such_backup())?;
    let length = file.metadata().await.map_err(|_| no_such_backup())?.len();
    // The name was read as one of ours: nothing in it could end a header.
    let disposition =
        HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")).map_err(|_| no_such_backup())?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/vnd.sqlite3")),
        (header::CONTENT_LENGTH, HeaderValue::from(length)),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, Body::from_stream(chunks(file))).into_response())
}

/// A file, piece by piece, as the client takes it.
fn chunks(file: File) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    futures_util::stream::try_unfold(file, |mut file| async move {
        let mut chunk = vec![0; CHUNK];
        let read = file.read(&mut chunk).await?;
        chunk.truncate(read);
        Ok((read > 0).then(|| (chunk.into(), file)))
    })
}

/// Restores a backup: the hub checks it, ends every connection, and starts again with it. Everybody signs in anew. A file
/// that takes longer than eight seconds to check is answered with 202 first; should it be refused then, the hub goes on as it
/// was, and the log says why.
#[utoipa::path(
    post, path = "/api/backups/{name}/restore", tag = "hub",
    params(("name" = String, Path, example = "kairos-2026-11-24T081500Z.sqlite")),
    responses((status = 202, body = Restarting), (status = 422, body = ErrorBody, description = "The file is refused, and why"))
)]
async fn restore(
    State(desk): State<Desk>,
    _: Keeper,
    Path(name): Path<String>,
) -> Result<(StatusCode, Answer<Restarting>), ApiError> {
    let path = desk.backups.file(&name).await.ok_or_else(no_such_backup)?;
    let (judge, judged) = oneshot::channel();
    tokio::spawn(async move {
        let ordered = begin(&desk.backups, path).await;
        if let Err(fault) = &ordered {
            tracing::warn!(reason = %fault, "The backup was not restored.");
        }
        let _ = judge.send(ordered);
    });
    // A large file takes longer to judge than a browser waits; what becomes of it stands in the log then.
    if let Ok(Ok(ordered)) = tokio::time::timeout(JUDGED, judged).await {
        ordered?;
    }
    Ok((StatusCode::ACCEPTED, Answer(Restarting { status: "restarting", name })))
}

async fn begin(backups: &Backups, path: PathBuf) -> Result<(), Fault> {
    let prepared = backups.prepare(path).await?;
    // How it went stands in the log and beside the database: whoever asked is no longer connected.
    backups.order(prepared).map(drop)
}
