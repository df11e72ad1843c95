//! Runs: start, step, pause, resume, finish, abandon; the one that goes on, and those that were.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use kairos_core::command::{Command, Outcome, Rejection, When, Wish};
use kairos_core::ids::{CommandId, HabitId, RoutineId, RunId, VariantId};
use kairos_core::principal::Principal;
use kairos_core::routine::{self, Move, StepResult};
use kairos_core::schema::{ROUTINE_EXECUTIONS, ROUTINES};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::routine_id;
use super::run_body::{Current, RunAnswer, RunBody, Runs, StartBody, StepBody};
use crate::http::error::ApiError;
use crate::http::extract::{self, Idempotency, Json, Maybe, Path, Person, Query};
use crate::http::habits::submit;
use crate::http::rows::{After, at_most};
use crate::http::{Api, ErrorBody};
use crate::runs::View;
use crate::store::StoreError;

/// How many runs a page has at most.
const PAGE: usize = 30;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(current))
        .routes(routes!(start))
        .routes(routes!(list))
        .routes(routes!(one))
        .routes(routes!(step))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(finish))
        .routes(routes!(abandon))
}

/// The run that goes on, or the latest that waits.
#[utoipa::path(
    get, path = "/api/routines/current", tag = "routines",
    responses((status = 200, body = Current))
)]
async fn current(State(api): State<Api>, Person(by): Person) -> Result<Answer<Current>, ApiError> {
    let now = api.store.clock().now();
    let read = api.store.read(move |snapshot| {
        let (mut running, mut waiting) = (Vec::new(), Vec::new());
        for scope in &by.scopes {
            running.extend(snapshot.runs_in_progress(scope)?);
            waiting.extend(snapshot.last_paused_run(scope)?);
        }
        let place = |row: &kairos_core::row::Row| (row.integer("started_at"), row.id.clone());
        let row = running.into_iter().max_by_key(place).or_else(|| waiting.into_iter().max_by_key(place));
        row.map(|row| View::read(snapshot, &by, row, now)).transpose()
    });
    Ok(Answer(Current { run: read.await?.as_ref().map(RunBody::from) }))
}

/// Starts a routine. Whatever else the person was running waits meanwhile; one that runs already goes on.
#[utoipa::path(
    post, path = "/api/routines/{id}/start", tag = "routines", params(("id" = String, Path), Idempotency), request_body = Option<StartBody>,
    responses((status = 200, body = RunAnswer, description = "It was running already"), (status = 201, body = RunAnswer), (status = 409, body = ErrorBody, description = "It has fewer than two habits, or is archived"))
)]
async fn start(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Idempotency(command): Idempotency,
    Maybe(body): Maybe<StartBody>,
) -> Result<(StatusCode, Answer<RunAnswer>), ApiError> {
    let (status, answer) = begin(&api, &by, command, routine_id(id)?, body).await?;
    Ok((status, Answer(answer)))
}

async fn begin(
    api: &Api,
    by: &Principal,
    command: CommandId,
    routine: RoutineId,
    body: StartBody,
) -> Result<(StatusCode, RunAnswer), ApiError> {
    let unknown = |_| ApiError::field("variant_id", "There is no such variant of this routine.");
    let variant = body.variant_id.map(VariantId::new).transpose().map_err(unknown)?;
    let id = RunId::of(&by.author(), &command);
    let wish = routine::Wish::Start { routine: routine.clone(), variant, when: When::Arrival };
    let receipt = submit(api, Command { id: command, by: by.clone(), wish: Wish::Routine(wish) }).await?;
    let (now, by) = (api.store.clock().now(), by.clone());
    let read = api.store.read(move |snapshot| {
        if let Some(row) = snapshot.row(&ROUTINE_EXECUTIONS, id.as_str())? {
            return View::read(snapshot, &by, row, now).map(Some);
        }
        // It was running already.
        match snapshot.row(&ROUTINES, routine.as_str())? {
            Some(routine) => View::of_routine(snapshot, &by, &routine, now),
            None => Ok(None),
        }
    });
    let view = read.await?.ok_or_else(no_run)?;
    let status = if receipt.outcome == Outcome::Unchanged { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, RunAnswer::new(&receipt, &view)))
}

/// The runs of a routine, the latest first.
#[utoipa::path(
    get, path = "/api/routines/{id}/runs", tag = "routines", params(("id" = String, Path), After),
    responses((status = 200, body = Runs))
)]
async fn list(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Query(after): Query<After>,
) -> Result<Answer<Runs>, ApiError> {
    let id = routine_id(id)?;
    let (at, run) = match &after.after {
        Some(text) => text
            .split_once(':')
            .and_then(|(at, run)| Some((at.parse::<i64>().ok()?, run.to_owned())))
            .ok_or_else(|| ApiError::field("after", "after is the next of an earlier answer."))?,
        None => (i64::MAX, String::new()),
    };
    let (now, most) = (api.store.clock().now(), at_most(PAGE, after.limit)?);
    let read = api.store.read(move |snapshot| {
        match snapshot.row(&ROUTINES, id.as_str())? {
            Some(row) if row.deleted_at.is_none() && by.may_read(&row.scope) => {}
            _ => return Err(StoreError::Rejected(Rejection::not_found("routine"))),
        }
        let rows = snapshot.runs_before(id.as_str(), (at, &run), most)?;
        rows.into_iter().map(|row| View::read(snapshot, &by, row, now)).collect::<Result<Vec<_>, _>>()
    });
    let views = read.await?;
    let last = views.last().filter(|_| views.len() == most);
    let next = last.map(|view| format!("{}:{}", view.run.started_at, view.row.id));
    Ok(Answer(Runs { items: views.iter().map(RunBody::from).collect(), next }))
}

/// One run.
#[utoipa::path(
    get, path = "/api/routines/runs/{id}", tag = "routines", params(("id" = String, Path)),
    responses((status = 200, body = RunBody))
)]
async fn one(State(api): State<Api>, Person(by): Person, Path(id): Path<String>) -> Result<Answer<RunBody>, ApiError> {
    Ok(Answer(RunBody::from(&view(&api, &by, &run_id(id)?).await?)))
}

/// Answers the current step. It is only noted: what was noted is recorded when the run is finished. One who steps on in a
/// paused run goes on with it.
#[utoipa::path(
    post, path = "/api/routines/runs/{id}/step", tag = "routines", params(("id" = String, Path), Idempotency), request_body = StepBody,
    responses((status = 200, body = RunAnswer), (status = 409, body = ErrorBody, description = "The run has ended, has no step left, or another step is next"))
)]
async fn step(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Idempotency(command): Idempotency,
    Json(body): Json<StepBody>,
) -> Result<Answer<RunAnswer>, ApiError> {
    Ok(Answer(go(&api, &by, command, &run_id(id)?, stepping(body)?).await?))
}

macro_rules! moves {
    ($($(#[$doc:meta])* $name:ident($path:literal, $what:expr);)+) => {$(
        $(#[$doc])*
        #[utoipa::path(
            post, path = $path, tag = "routines", params(("id" = String, Path), Idempotency),
            responses((status = 200, body = RunAnswer), (status = 409, body = ErrorBody, description = "The run has ended otherwise"))
        )]
        async fn $name(
            State(api): State<Api>,
            Person(by): Person,
            Path(id): Path<String>,
            Idempotency(command): Idempotency,
        ) -> Result<Answer<RunAnswer>, ApiError> {
            Ok(Answer(go(&api, &by, command, &run_id(id)?, $what).await?))
        }
    )+};
}

moves! {
    /// Lets a run wait.
    pause("/api/routines/runs/{id}/pause", Move::Pause);
    /// Goes on with a run; whatever else the person was running waits.
    resume("/api/routines/runs/{id}/resume", Move::Resume);
    /// Finishes a run and records all that was noted, together.
    finish("/api/routines/runs/{id}/finish", Move::Finish);
    /// Leaves a run. Nothing of it is recorded.
    abandon("/api/routines/runs/{id}/abandon", Move::Abandon);
}

/// Moves a run and answers how it stands.
async fn go(api: &Api, by: &Principal, command: CommandId, run: &RunId, what: Move) -> Result<RunAnswer, ApiError> {
    let wish = routine::Wish::Move { run: run.clone(), what, when: When::Arrival };
    let receipt = submit(api, Command { id: command, by: by.clone(), wish: Wish::Routine(wish) }).await?;
    Ok(RunAnswer::new(&receipt, &view(api, by, run).await?))
}

fn stepping(body: StepBody) -> Result<Move, ApiError> {
    let result =
        StepResult::parse(&body.result).ok_or_else(|| ApiError::field("result", "result is done, partial or skip."))?;
    let habit = body
        .habit_id
        .map(HabitId::new)
        .transpose()
        .map_err(|_| ApiError::field("habit_id", "There is no such habit."))?;
    Ok(Move::Step(routine::Answer { result, value: body.value, note: body.note, habit }))
}

/// The same over the websocket's `call`; `None`: this is no command of routines.
pub(in crate::http) async fn call(
    api: &Api,
    by: &Principal,
    command: CommandId,
    word: &str,
    mut said: serde_json::Map<String, serde_json::Value>,
) -> Option<Result<RunAnswer, ApiError>> {
    let mut take = |name: &str| said.remove(name).and_then(|id| id.as_str().map(str::to_owned)).unwrap_or_default();
    if word == "routine_start" {
        let routine = take("routine_id");
        let started = async { begin(api, by, command, routine_id(routine)?, extract::take(said.into())?).await };
        return Some(started.await.map(|(_, answer)| answer));
    }
    let run = take("run_id");
    let what = match word {
        "routine_step" => extract::take(said.into()).and_then(stepping),
        "routine_pause" => Ok(Move::Pause),
        "routine_resume" => Ok(Move::Resume),
        "routine_finish" => Ok(Move::Finish),
        "routine_abandon" => Ok(Move::Abandon),
        _ => return None,
    };
    Some(async { go(api, by, command, &run_id(run)?, what?).await }.await)
}

/// Reads a run that somebody may see.
async fn view(api: &Api, by: &Principal, id: &RunId) -> Result<View, ApiError> {
    let (id, by, now) = (id.clone(), by.clone(), api.store.clock().now());
    let read = api.store.read(move |snapshot| match snapshot.row(&ROUTINE_EXECUTIONS, id.as_str())? {
        Some(row) if row.deleted_at.is_none() && by.may_read(&row.scope) => View::read(snapshot, &by, row, now),
        _ => Err(StoreError::Rejected(Rejection::not_found("run"))),
    });
    Ok(read.await?)
}

fn no_run() -> ApiError {
    ApiError::not_found("There is no such run.")
}

fn run_id(text: String) -> Result<RunId, ApiError> {
    RunId::new(text).map_err(|_| no_run())
}
