//! Files in, and files out.

use std::sync::Arc;

use axum::Json as Answer;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use kairos_core::principal::Principal;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::extract::{Idempotency, Path, Person, Query};
use super::{Api, ErrorBody};
use crate::store::{ImportNote, ImportState, StoreError};
use crate::transfer::{self, Contents, Form, Job, JobState, NotBegun, Outlook};

/// The largest file.
pub(super) const MAX_FILE: usize = 64 << 20;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, import))
        .routes(routes!(one, undo))
        .layer(DefaultBodyLimit::max(MAX_FILE))
        .routes(routes!(export))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HowToImport {
    /// The file's name: helps to tell what it is.
    file_name: Option<String>,
    /// Only say what would come in.
    #[serde(default)]
    dry_run: bool,
}

/// An import.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "0190a7b2-8b11-7d2c-9e3f-4a5b6c7d8e9f", "state": "done", "done": 1204, "total": 1204, "source": "Loop Habit Tracker", "habits": 4, "entries": 1200, "at": 1_795_514_400_000_i64}))]
struct ImportAnswer {
    /// Null for a dry run.
    id: Option<String>,
    /// `dry_run`, `running`, `done`, `unchanged` (nothing was new), `refused`, `undone`.
    state: &'static str,
    /// How many rows are taken in.
    done: usize,
    /// Of how many.
    total: usize,
    /// What the file holds; only in the answer to the file itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    outlook: Option<Outlook>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// The app it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// How many habits were new.
    #[serde(skip_serializing_if = "Option::is_none")]
    habits: Option<i64>,
    /// How many days were new.
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<i64>,
    /// When, in milliseconds since the epoch, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
}

impl ImportAnswer {
    fn empty(id: Option<String>, state: &'static str) -> Self {
        Self {
            id,
            state,
            done: 0,
            total: 0,
            outlook: None,
            message: None,
            source: None,
            habits: None,
            entries: None,
            at: None,
        }
    }

    fn of_job(job: &Job) -> Self {
        let (state, message) = match job.state() {
            JobState::Running => ("running", None),
            JobState::Done => ("done", None),
            JobState::Unchanged => ("unchanged", None),
            JobState::Refused(why) => ("refused", Some(why)),
        };
        Self { done: job.done(), total: job.total, message, ..Self::empty(Some(job.id.clone()), state) }
    }

    fn of_note(mut note: ImportNote) -> Self {
        if note.state == ImportState::Withdrawn {
            (note.habits, note.entries) = (0, 0);
        }
        let state = match note.state {
            ImportState::Running | ImportState::Undoing => "running",
            ImportState::Done => "done",
            ImportState::Undone => "undone",
            ImportState::Withdrawn => "refused",
        };
        let rows = usize::try_from(note.habits + note.entries).unwrap_or(0);
        Self {
            done: rows,
            total: rows,
            source: Some(note.source),
            habits: Some(note.habits),
            entries: Some(note.entries),
            at: Some(note.at),
            message: note.message,
            ..Self::empty(Some(note.id), state)
        }
    }
}

/// The person's imports.
#[derive(Serialize, ToSchema)]
struct Imports {
    /// Newest first, at most two hundred.
    items: Vec<ImportAnswer>,
    /// Always null: one page.
    next: Option<String>,
}

/// Brings habits and days in from a file: Loop (`.db`, zip), HabitKit, Habitica, HabitBull, Table Habit, beaverhabits, or
/// this hub's own export. The body is the file. With `dry_run=true` it only says what would come in. Importing the same
/// file again adds nothing.
#[utoipa::path(
    post, path = "/api/imports", tag = "transfer", params(HowToImport, Idempotency),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = ImportAnswer, description = "A dry run"), (status = 202, body = ImportAnswer, description = "It runs"), (status = 409, body = ErrorBody), (status = 507, body = ErrorBody, description = "The disk has no room for it"))
)]
async fn import(
    State(api): State<Api>,
    Person(by): Person,
    Query(how): Query<HowToImport>,
    Idempotency(command): Idempotency,
    request: Request,
) -> Result<(StatusCode, Answer<ImportAnswer>), ApiError> {
    let receiving = api.jobs.receive(&by.user).ok_or_else(occupied)?;
    let file = Bytes::from_request(request, &api).await?;
    if file.is_empty() {
        return Err(ApiError::field("file", "The body is the file; it is empty."));
    }
    // Hashing a large file takes a while: beside the threads that answer everybody.
    let (file, hash) = tokio::task::spawn_blocking(move || {
        let hash = Sha256::digest(&file);
        (file, hash)
    })
    .await
    .map_err(|_| unreadable())?;
    let id = kairos_core::ids::derive(&format!("import|{}|{command}|{hash:x}", by.author()));
    if !how.dry_run
        && let Some(job) = api.jobs.find(&by.user, &id).filter(|job| job.state() == JobState::Running)
    {
        return Ok((StatusCode::ACCEPTED, Answer(ImportAnswer::of_job(&job))));
    }
    // Taken only now that the file is here: nobody who sends slowly keeps others waiting.
    let turn = api.jobs.turn().ok_or_else(occupied)?;
    drop(receiving);
    let (contents, turn) = read(&api, &by, how.file_name.unwrap_or_default(), file, turn).await?;
    if how.dry_run {
        let (outlook, total) = (transfer::foreseen(&api.store, &contents), contents.total());
        let answer = ImportAnswer { outlook: Some(outlook), total, ..ImportAnswer::empty(None, "dry_run") };
        return Ok((StatusCode::OK, Answer(answer)));
    }
    let outlook = contents.outlook.clone();
    let job = api.jobs.import(by, command, id, contents, turn).await.map_err(|why| match why {
        NotBegun::Busy(other) => busy(&other),
        NotBegun::Store(error) => error.into(),
    })?;
    let answer = ImportAnswer { outlook: Some(outlook), ..ImportAnswer::of_job(&job) };
    Ok((StatusCode::ACCEPTED, Answer(answer)))
}

fn occupied() -> ApiError {
    let message = "Another file is being read just now; please try again in a moment.";
    ApiError::new(StatusCode::CONFLICT, "busy", message).with("retry_after", 5)
}

fn unreadable() -> ApiError {
    let message = "The file could not be read; it may be damaged.";
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message)
}

fn busy(other: &Arc<Job>) -> ApiError {
    let message = "Another import of yours is still running; please wait for it.";
    ApiError::new(StatusCode::CONFLICT, "busy", message).with("import", other.id.clone())
}

/// Reads a file beside the threads that answer everybody. The turn goes with it: it ends when the file is gone.
async fn read(
    api: &Api,
    by: &Principal,
    name: String,
    file: Bytes,
    turn: OwnedSemaphorePermit,
) -> Result<(Contents, OwnedSemaphorePermit), ApiError> {
    let person = api.days.calendar(&by.user).await?;
    let known = transfer::known(&api.store, &by.user).await?;
    let (user, now) = (by.user.clone(), api.store.clock().now());
    let read = tokio::task::spawn_blocking(move || {
        let contents = transfer::read(&name, file, &user, (&person, &known), now)?;
        Ok::<_, kairos_core::command::Rejection>((contents, turn))
    });
    Ok(read.await.map_err(|_| unreadable())??)
}

/// The person's imports.
#[utoipa::path(
    get, path = "/api/imports", tag = "transfer",
    responses((status = 200, body = Imports))
)]
async fn list(State(api): State<Api>, Person(by): Person) -> Result<Answer<Imports>, ApiError> {
    let notes = api.store.read(move |snapshot| snapshot.imports(&by.user)).await?;
    Ok(Answer(Imports { items: notes.into_iter().map(ImportAnswer::of_note).collect(), next: None }))
}

/// How far an import is.
#[utoipa::path(
    get, path = "/api/imports/{id}", tag = "transfer", params(("id" = String, Path)),
    responses((status = 200, body = ImportAnswer))
)]
async fn one(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
) -> Result<Answer<ImportAnswer>, ApiError> {
    let job = api.jobs.find(&by.user, &id);
    if let Some(job) = job.as_ref().filter(|job| job.state() == JobState::Running) {
        return Ok(Answer(ImportAnswer::of_job(job)));
    }
    // What is noted outlives the job, and the list tells the same; only one that brought nothing is not noted.
    match (note(&api, &by, &id).await, job) {
        (Err(error), Some(job)) if error.status == StatusCode::NOT_FOUND => Ok(Answer(ImportAnswer::of_job(&job))),
        (noted, _) => noted.map(|note| Answer(ImportAnswer::of_note(note))),
    }
}

async fn note(api: &Api, by: &Principal, id: &str) -> Result<ImportNote, ApiError> {
    let (user, id) = (by.user.clone(), id.to_owned());
    let found = api.store.read(move |snapshot| {
        let note = snapshot.import(&user, &id)?;
        note.ok_or_else(|| StoreError::Rejected(kairos_core::command::Rejection::not_found("import")))
    });
    Ok(found.await?)
}

/// Takes an import back as a whole: what came with it goes; what was done since, and habits it was done in, stay.
#[utoipa::path(
    delete, path = "/api/imports/{id}", tag = "transfer", params(("id" = String, Path), Idempotency),
    responses((status = 202, body = ImportAnswer), (status = 409, body = ErrorBody))
)]
async fn undo(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    // Saying it twice takes nothing back twice; the key is only looked at.
    Idempotency(_): Idempotency,
) -> Result<(StatusCode, Answer<ImportAnswer>), ApiError> {
    let note = note(&api, &by, &id).await?;
    if note.state == ImportState::Running {
        let message = "This import is still running; it can be taken back once it has ended.";
        return Err(ApiError::new(StatusCode::CONFLICT, "busy", message).with("retry_after", 5));
    }
    let job = api.jobs.undo(by, note.id).map_err(|other| busy(&other))?;
    Ok((StatusCode::ACCEPTED, Answer(ImportAnswer::of_job(&job))))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HowToExport {
    /// `json` (everything, to come back as it was), `csv` (the days as a table) or `loop` (a zip for Loop Habit Tracker).
    format: Option<String>,
}

/// All that a person has, as a file: one moment of it, however long it takes to come. A person has one at a time, a hub
/// two; who does not take it for half a minute, or not all of it in ten, is cut off.
#[utoipa::path(
    get, path = "/api/export", tag = "transfer", params(HowToExport),
    responses((status = 200, content((serde_json::Value = "application/json", example = json!({"format": "kairos-hub-export", "version": 1, "rows": []})), (String = "text/csv"), (String = "application/zip"))), (status = 429, body = ErrorBody, description = "Another export runs"))
)]
async fn export(
    State(api): State<Api>,
    Person(by): Person,
    Query(how): Query<HowToExport>,
) -> Result<Response, ApiError> {
    let word = how.format.as_deref().unwrap_or("json");
    let form = Form::parse(word).ok_or_else(|| ApiError::field("format", "format is json, csv or loop."))?;
    let Some(mut pieces) = transfer::export(&api.store, &by.user, form).await else {
        let message = "Another export is being written just now; please try again in a moment.";
        return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "busy", message).with("retry_after", 5));
    };
    // What cannot be written at all is said before the file begins.
    let first = pieces.next().await.transpose()?;
    let body = Body::from_stream(stream::unfold((first.map(Ok), pieces), |(next, mut pieces)| async {
        let piece = next?;
        // After a cut nothing follows, and the connection ends so that nobody takes a part for the whole.
        let next = if piece.is_ok() { pieces.next().await } else { None };
        Some((piece, (next, pieces)))
    }));
    let (kind, name) = form.names();
    let disposition = format!("attachment; filename=\"{name}\"");
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)], body).into_response())
}
