//! Complete, skip, undo: over REST here, and for the websocket's `call`.

use axum::Json as Answer;
use axum::extract::State;
use kairos_core::command::{Command, Deed, Outcome, Receipt, When, Wish};
use kairos_core::event::Verb;
use kairos_core::ids::{CommandId, EventId, HabitId};
use kairos_core::principal::Principal;
use kairos_core::repair::{self, parse_date};
use kairos_core::schema::{COMPLETION_EVENTS, MAX_AMOUNT};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::extract::{Idempotency, Maybe, Path, Person};
use super::habits::{habit_id, submit};
use super::today::TodayItem;
use super::{Api, ErrorBody};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(complete)).routes(routes!(skip)).routes(routes!(undo)).routes(routes!(lapse))
}

/// What was done. Every field may be absent.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"date": "2026-11-24", "note": "With the window open."}))]
pub(super) struct DeedBody {
    /// The day, `YYYY-MM-DD`; the present one when absent.
    pub(super) date: Option<String>,
    /// For measurable habits: how much is added. One step when absent.
    pub(super) value: Option<f64>,
    /// For measurable habits: the amount of the day so far, instead of an addition.
    pub(super) set: Option<f64>,
    /// Done in part: 1 to 99.
    pub(super) percent: Option<f64>,
    /// Why it is left out: `TOO_TIRED`, `NO_TIME`, `NOT_FEELING_WELL`, `TRAVELING`, `TOOK_DAY_OFF`, `OTHER`.
    pub(super) reason: Option<String>,
    /// A note for the day.
    pub(super) note: Option<String>,
    /// For undo: the event to take back; the latest when absent.
    pub(super) event_id: Option<String>,
    /// As whom; only oneself for now.
    #[serde(rename = "as")]
    pub(super) act_as: Option<String>,
}

/// What became of it.
#[derive(Serialize, ToSchema)]
pub(super) struct DeedAnswer {
    /// Its place in the log; 0 when nothing changed.
    #[schema(example = 42)]
    seq: i64,
    /// `applied`, `duplicate` (the first answer again) or `unchanged`.
    #[schema(example = "applied")]
    outcome: &'static str,
    /// The event that was recorded.
    #[schema(example = "0190a7b2-8b11-7d2c-9e3f-4a5b6c7d8e9f")]
    event_id: Option<String>,
    /// How the day stands now.
    habit: TodayItem,
}

/// What a caller wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Done, in part or as an amount.
    Complete,
    /// Left out.
    Skip,
    /// Taken back.
    Undo,
    /// For habits of staying away: it happened.
    Lapse,
}

impl Action {
    pub(super) fn parse(word: &str) -> Option<Self> {
        match word {
            "complete" => Some(Self::Complete),
            "skip" => Some(Self::Skip),
            "undo" => Some(Self::Undo),
            "lapse" => Some(Self::Lapse),
            _ => None,
        }
    }
}

/// Done: in full, in part (`percent`), or by an amount (`value`, `set`).
#[utoipa::path(
    post, path = "/api/habits/{id}/complete", tag = "habits", params(("id" = String, Path), Idempotency), request_body = Option<DeedBody>,
    responses((status = 200, body = DeedAnswer), (status = 409, body = ErrorBody, description = "A day has at most 5000 deeds of a habit"))
)]
async fn complete(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Idempotency(command): Idempotency,
    Maybe(body): Maybe<DeedBody>,
) -> Result<Answer<DeedAnswer>, ApiError> {
    rest(&api, &by, command, Action::Complete, id, body).await
}

/// Left out on purpose; always free.
#[utoipa::path(
    post, path = "/api/habits/{id}/skip", tag = "habits", params(("id" = String, Path), Idempotency), request_body = Option<DeedBody>,
    responses((status = 200, body = DeedAnswer), (status = 409, body = ErrorBody, description = "A day has at most 5000 deeds of a habit"))
)]
async fn skip(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Idempotency(command): Idempotency,
    Maybe(body): Maybe<DeedBody>,
) -> Result<Answer<DeedAnswer>, ApiError> {
    rest(&api, &by, command, Action::Skip, id, body).await
}

/// Takes back the latest deed of the day, or the one named.
#[utoipa::path(
    post, path = "/api/habits/{id}/undo", tag = "habits", params(("id" = String, Path), Idempotency), request_body = Option<DeedBody>,
    responses((status = 200, body = DeedAnswer), (status = 409, body = ErrorBody, description = "`nothing_to_undo`, or the day has as many deeds as it may"))
)]
async fn undo(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Idempotency(command): Idempotency,
    Maybe(body): Maybe<DeedBody>,
) -> Result<Answer<DeedAnswer>, ApiError> {
    rest(&api, &by, command, Action::Undo, id, body).await
}

/// For habits of staying away: it happened. A day without a word is a day that was kept.
#[utoipa::path(
    post, path = "/api/habits/{id}/lapse", tag = "habits", params(("id" = String, Path), Idempotency), request_body = Option<DeedBody>,
    responses((status = 200, body = DeedAnswer), (status = 409, body = ErrorBody, description = "A day has at most 5000 deeds of a habit"))
)]
async fn lapse(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Idempotency(command): Idempotency,
    Maybe(body): Maybe<DeedBody>,
) -> Result<Answer<DeedAnswer>, ApiError> {
    rest(&api, &by, command, Action::Lapse, id, body).await
}

async fn rest(
    api: &Api,
    by: &Principal,
    command: CommandId,
    action: Action,
    id: String,
    body: DeedBody,
) -> Result<Answer<DeedAnswer>, ApiError> {
    Ok(Answer(carry_out(api, by, command, action, &habit_id(id)?, body).await?))
}

/// Records a deed and answers how the day stands.
pub(super) async fn carry_out(
    api: &Api,
    by: &Principal,
    command: CommandId,
    action: Action,
    habit: &HabitId,
    body: DeedBody,
) -> Result<DeedAnswer, ApiError> {
    let deed = deed(by, action, habit, body)?;
    let mut date = deed.date;
    let receipt = submit(api, Command { id: command, by: by.clone(), wish: Wish::Record(deed) }).await?;
    if let Some(event) = receipt.event_id.clone().filter(|_| receipt.repeated && date.is_none()) {
        // Asked again after midnight: the deed's own day is meant, not the present one.
        let row = api.store.read(move |snapshot| snapshot.row(&COMPLETION_EVENTS, event.as_str())).await?;
        date = row.and_then(|row| parse_date(&row.text("date")));
    }
    let item = api.days.item(by, habit, date).await?.ok_or_else(|| ApiError::not_found("There is no such habit."))?;
    Ok(DeedAnswer {
        seq: receipt.seq,
        outcome: outcome(&receipt),
        event_id: receipt.event_id.map(|id| id.to_string()),
        habit: TodayItem::from(&item),
    })
}

fn outcome(receipt: &Receipt) -> &'static str {
    match receipt.outcome {
        _ if receipt.repeated => "duplicate",
        Outcome::Unchanged => "unchanged",
        Outcome::Applied | Outcome::Rejected(_) => "applied",
    }
}

/// Checks what the door calls by another name than the sender does.
fn check(body: &DeedBody) -> Result<(), ApiError> {
    if body.set.is_some_and(|amount| !(0.0..=MAX_AMOUNT).contains(&amount)) {
        return Err(ApiError::field("set", "set must be zero or more, up to a thousand million."));
    }
    if body.percent.is_some_and(|percent| !(1.0..=99.0).contains(&percent)) {
        return Err(ApiError::field("percent", "percent must be from 1 to 99."));
    }
    if let (Some(reason), Some(column)) = (&body.reason, COMPLETION_EVENTS.column("skip_reason")) {
        repair::check(column, &reason.as_str().into())
            .map_err(|message| ApiError::field("reason", format!("reason {message}.")))?;
    }
    Ok(())
}

fn deed(by: &Principal, action: Action, habit: &HabitId, body: DeedBody) -> Result<Deed, ApiError> {
    if body.act_as.as_ref().is_some_and(|person| person != by.user.as_str() && person != "me") {
        return Err(ApiError::field("as", "You can act as yourself; acting for others needs their word first."));
    }
    let given = [body.value, body.set, body.percent].iter().filter(|field| field.is_some()).count();
    if given > usize::from(action == Action::Complete) {
        return Err(ApiError::field("value", "Give one of value, set and percent, and only to complete."));
    }
    check(&body)?;
    let (verb, value) = match action {
        Action::Skip => (Verb::Skip, None),
        Action::Undo => (Verb::Undo, None),
        Action::Lapse => (Verb::Lapse, None),
        Action::Complete => match (body.value, body.set, body.percent) {
            (_, Some(amount), _) => (Verb::Set, Some(amount)),
            (_, _, Some(percent)) => (Verb::Partial, Some(percent)),
            (Some(amount), ..) => (Verb::Add, Some(amount)),
            (None, None, None) => (Verb::Full, None),
        },
    };
    let date = match &body.date {
        Some(text) => {
            Some(parse_date(text).ok_or_else(|| ApiError::field("date", "date is a day such as 2026-11-24."))?)
        }
        None => None,
    };
    let undo_of = match body.event_id {
        Some(id) if action == Action::Undo => {
            Some(EventId::new(id).map_err(|_| ApiError::field("event_id", "event_id is not an id."))?)
        }
        Some(_) => return Err(ApiError::field("event_id", "event_id is only for undo.")),
        None => None,
    };
    Ok(Deed {
        habit: habit.clone(),
        verb,
        value,
        date,
        when: When::Arrival,
        undo_of,
        skip_reason: body.reason,
        note: body.note,
        press_id: None,
    })
}
