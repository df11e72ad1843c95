//! Offers of a way back, and their answers.

use std::collections::HashMap;

use axum::Json as Answer;
use axum::extract::State;
use kairos_core::Millis;
use kairos_core::command::{Command, Saying, Wish};
use kairos_core::ids::UserId;
use kairos_core::plan::Person as Calendar;
use kairos_core::progress::Recovery;
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{HABITS, PAUSES, RECOVERY_SESSIONS, USERS};
use kairos_core::scope::Scope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::extract::{Idempotency, Json, Path, Person, Query};
use super::habits::submit;
use super::rows::{self, PAGE};
use super::{Api, ErrorBody};
use crate::runs::{Breaks, can_be_done};
use crate::store::{Snapshot, StoreError};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(answer))
}

/// An offer of a way back.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "0190a7b2-8b11-7d2c-9e3f-4a5b6c7d8e9f", "habit_id": "0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d", "habit_name": "Drink water", "type": "LAPSE", "status": "COMPLETED", "action": "SIMPLIFY", "answered_by": "person", "gap_start": "2026-11-20", "gap_end": "2026-11-23", "triggered_at": 1_795_514_400_000_i64, "completed_at": 1_795_514_400_000_i64, "blockers": ["NO_TIME"], "notes": null}))]
pub(super) struct Session {
    id: String,
    habit_id: String,
    /// The habit's name.
    habit_name: Option<String>,
    /// `LAPSE` for a short gap, `RELAPSE` for a long one.
    #[serde(rename = "type")]
    kind: String,
    /// `PENDING`, `COMPLETED` or `ABANDONED`.
    status: String,
    /// What was chosen: `RESUME`, `SIMPLIFY`, `PAUSE`, `ARCHIVE`, `FRESH_START`.
    action: Option<String>,
    /// `person`, or `deed` when it was simply done again.
    answered_by: Option<String>,
    gap_start: String,
    gap_end: Option<String>,
    /// Milliseconds since the epoch, UTC.
    triggered_at: Option<i64>,
    completed_at: Option<i64>,
    /// What stood in the way.
    blockers: Vec<String>,
    notes: Option<String>,
}

impl Session {
    fn of(row: &Row, habit: Option<&Row>) -> Self {
        Self {
            id: row.id.clone(),
            habit_id: row.text("habit_id"),
            habit_name: habit.map(|habit| habit.text("name")),
            kind: row.text("type"),
            status: row.text("status"),
            action: row.opt_text("action"),
            answered_by: row.opt_text("answered_by"),
            gap_start: row.text("gap_start"),
            gap_end: row.opt_text("gap_end"),
            triggered_at: row.integer("triggered_at"),
            completed_at: row.integer("completed_at"),
            blockers: row.opt_text("blockers").and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
            notes: row.opt_text("notes"),
        }
    }
}

/// A page of sessions.
#[derive(Serialize, ToSchema)]
struct Sessions {
    items: Vec<Session>,
    /// Pass it as `after` for the next page; null on the last.
    next: Option<String>,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Only those that are `PENDING`, `COMPLETED` or `ABANDONED`.
    status: Option<String>,
    /// The `next` of the last page.
    after: Option<String>,
    /// How many at most, from 1 to 1000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// How a person goes on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"action": "SIMPLIFY", "blockers": ["NO_TIME"], "notes": "Two minutes are enough for now."}))]
struct AnswerBody {
    /// `RESUME`, `SIMPLIFY`, `PAUSE`, `ARCHIVE` or `FRESH_START`.
    action: String,
    /// What stood in the way, in open words; at most 20.
    blockers: Option<Vec<String>>,
    /// Notes.
    notes: Option<String>,
}

/// The habits that were looked at for a list of sessions.
struct Seen {
    person: Calendar,
    now: Millis,
    /// Those that are there, and whether they can be done today.
    habits: HashMap<String, Option<(Row, bool)>>,
    breaks: Breaks,
}

impl Seen {
    /// The habit of a session that is shown: none is of a habit that was deleted, and while a habit rests it waits for nobody.
    fn shown(&mut self, snapshot: &Snapshot<'_>, session: &Row) -> Result<Option<&Row>, StoreError> {
        let id = session.text("habit_id");
        if !self.habits.contains_key(&id) {
            let habit =
                snapshot.row(&HABITS, &id)?.filter(|row| row.deleted_at.is_none() && row.scope == session.scope);
            let looked_at = match habit.map(repair::sound) {
                Some(habit) => {
                    let read = |scope: &Scope| snapshot.rows_where(&PAUSES, "scope", &scope.to_string());
                    let breaks = self.breaks.of(&habit.scope, read)?;
                    let open = can_be_done(&habit, breaks, &self.person, self.person.today(self.now));
                    Some((habit, open))
                }
                None => None,
            };
            self.habits.insert(id.clone(), looked_at);
        }
        let waits = session.text("status") == "PENDING";
        let found = self.habits.get(&id).and_then(Option::as_ref);
        Ok(found.filter(|(_, open)| *open || !waits).map(|(habit, _)| habit))
    }
}

fn person_of(snapshot: &Snapshot<'_>, user: &UserId) -> Result<Calendar, StoreError> {
    Ok(Calendar::of(snapshot.row(&USERS, user.as_str())?.map(repair::sound).as_ref()))
}

/// The person's sessions. Offers of habits that were deleted, or that rest, are left out.
#[utoipa::path(
    get, path = "/api/recovery", tag = "recovery", params(Wanted),
    responses((status = 200, body = Sessions))
)]
async fn list(
    State(api): State<Api>,
    Person(by): Person,
    Query(wanted): Query<Wanted>,
) -> Result<Answer<Sessions>, ApiError> {
    if wanted.status.as_deref().is_some_and(|status| !["PENDING", "COMPLETED", "ABANDONED"].contains(&status)) {
        return Err(ApiError::field("status", "status is PENDING, COMPLETED or ABANDONED."));
    }
    let most = rows::at_most(PAGE, wanted.limit)?;
    let (scopes, mut after) = (by.scopes.clone(), wanted.after.clone().unwrap_or_default());
    let now = api.store.clock().now();
    let found = api.store.read(move |snapshot| {
        let mut seen =
            Seen { person: person_of(snapshot, &by.user)?, now, habits: HashMap::new(), breaks: Breaks::default() };
        let mut items: Vec<Session> = Vec::new();
        loop {
            let rows = snapshot.rows_in(&RECOVERY_SESSIONS, &scopes, &after, PAGE)?;
            let last = rows.len() < PAGE;
            for row in rows.into_iter().map(repair::sound) {
                after.clone_from(&row.id);
                let wanted = wanted.status.as_ref().is_none_or(|status| row.text("status") == *status);
                let Some(habit) = seen.shown(snapshot, &row)?.filter(|_| wanted) else { continue };
                if items.len() == most {
                    let next = items.last().map(|session| session.id.clone());
                    return Ok(Sessions { items, next });
                }
                items.push(Session::of(&row, Some(habit)));
            }
            if last {
                return Ok(Sessions { items, next: None });
            }
        }
    });
    Ok(Answer(found.await?))
}

/// Answers a session: whatever is chosen is right.
#[utoipa::path(
    post, path = "/api/recovery/{id}/answer", tag = "recovery", params(("id" = String, Path), Idempotency), request_body = AnswerBody,
    responses((status = 200, body = Session), (status = 409, body = ErrorBody))
)]
async fn answer(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Idempotency(command): Idempotency,
    Json(body): Json<AnswerBody>,
) -> Result<Answer<Session>, ApiError> {
    let action = Recovery::parse(&body.action)
        .ok_or_else(|| ApiError::field("action", "action is RESUME, SIMPLIFY, PAUSE, ARCHIVE or FRESH_START."))?;
    let blockers = match body.blockers {
        Some(words) if words.len() > 20 || words.iter().any(|word| word.chars().count() > 100) => {
            return Err(ApiError::field("blockers", "blockers are at most 20 words of at most 100 characters."));
        }
        Some(words) => Some(serde_json::Value::from(words).to_string()),
        None => None,
    };
    let answer = Saying { action, blockers, notes: body.notes };
    let wish = Wish::Recover { session: id.clone(), answer };
    submit(&api, Command { id: command, by: by.clone(), wish }).await?;
    let row = rows::one(&api, &by, &RECOVERY_SESSIONS, &id, "recovery session").await?;
    let habit = rows::one(&api, &by, &HABITS, &row.text("habit_id"), "habit").await.ok();
    Ok(Answer(Session::of(&row, habit.as_ref())))
}
