//! The past of a habit: its days, what was done on one, and how it went.

use std::collections::BTreeMap;

use axum::Json as Answer;
use axum::extract::State;
use kairos_core::day::Date;
use kairos_core::plan::{Mark, stretch};
use kairos_core::principal::Principal;
use kairos_core::row::Row;
use kairos_core::statistics::{Comeback, Streak, comeback, loop_score, rate, streak};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::extract::{Path, Person, Query};
use super::habits::habit_id;
use super::span::{LONGEST, Page, Span};
use super::{Api, ErrorBody, preferences, rows};
use crate::store::{Life, StoreError};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(days))
        .routes(routes!(events))
        .routes(routes!(statistics))
        .routes(routes!(heatmap))
}

/// How many days a page of history has at most.
const PAGE: usize = 400;

/// A day of a habit.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"date": "2026-11-24", "type": "FULL", "percent": null, "value": 8.0, "skip_reason": null, "note": null, "energy_level": 4, "source": "app", "completed_by": "0190a7b2-1d20-7a3b-8c4d-5e6f7a8b9c0d", "completed_at": 1_795_514_400_000_i64}))]
struct Day {
    date: String,
    /// `FULL`, `PARTIAL`, `SKIPPED` or `MISSED`; null where somebody only wrote words.
    #[serde(rename = "type")]
    status: Option<String>,
    /// For `PARTIAL`.
    percent: Option<i64>,
    /// The amount, for measurable habits.
    value: Option<f64>,
    skip_reason: Option<String>,
    note: Option<String>,
    energy_level: Option<i64>,
    /// Where the deed came from: `app`, `api`, `device`, `mirror`, `rule`, `import`, `engine`.
    source: String,
    /// Whose deed is shown.
    completed_by: Option<String>,
    completed_at: Option<i64>,
}

impl From<&Row> for Day {
    fn from(cell: &Row) -> Self {
        Self {
            date: cell.text("date"),
            status: cell.opt_text("type"),
            percent: cell.integer("partial_percent"),
            value: cell.number("amount"),
            skip_reason: cell.opt_text("skip_reason"),
            note: cell.opt_text("note"),
            energy_level: cell.integer("energy_level"),
            source: cell.text("source"),
            completed_by: cell.opt_text("completed_by"),
            completed_at: cell.integer("completed_at"),
        }
    }
}

/// A page of days.
#[derive(Serialize, ToSchema)]
struct Days {
    items: Vec<Day>,
    /// Pass it as `from` for the next page; null on the last.
    next: Option<String>,
}

/// The days of a habit on which something stands or was noted, earliest first.
#[utoipa::path(
    get, path = "/api/habits/{id}/days", tag = "history", params(("id" = String, Path), Page),
    responses((status = 200, body = Days))
)]
async fn days(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Result<Answer<Days>, ApiError> {
    let most = rows::at_most(PAGE, page.limit)?;
    let life = life(&api, &by, id).await?;
    let today = life.person.today(api.store.clock().now());
    let (from, to) = page.span().days(today, LONGEST)?;
    let id = habit_id(life.habit.id)?;
    let cells =
        api.store.read(move |snapshot| snapshot.cells(&id, &from.to_string(), &to.to_string(), most + 1)).await?;
    let next = cells.get(most).map(|cell| cell.text("date"));
    Ok(Answer(Days { items: cells.iter().take(most).map(Day::from).collect(), next }))
}

/// Something that was done, skipped or taken back.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "0190a7b2-8b11-7d2c-9e3f-4a5b6c7d8e9f", "verb": "add", "value": 2.0, "undo_of": null, "user_id": "0190a7b2-1d20-7a3b-8c4d-5e6f7a8b9c0d", "occurred_at": 1_795_514_400_000_i64, "time_source": "client", "source": "app", "device_id": null, "skip_reason": null, "note": null}))]
struct EventItem {
    id: String,
    /// `full`, `partial`, `add`, `set`, `skip`, `miss`, `undo`, `lapse`.
    verb: String,
    value: Option<f64>,
    /// For `undo`: what it takes back.
    undo_of: Option<String>,
    /// Whose deed it is.
    user_id: String,
    /// Milliseconds since the epoch, UTC.
    occurred_at: Option<i64>,
    /// Who knew the time: `client`, `device`, `hub`, `estimated`, `import`.
    time_source: String,
    source: String,
    device_id: Option<String>,
    skip_reason: Option<String>,
    note: Option<String>,
}

/// What happened on a day.
#[derive(Serialize, ToSchema)]
struct Events {
    /// In the order in which they count.
    items: Vec<EventItem>,
    /// People whose deed stands beside the one that is shown: also done by.
    #[schema(example = json!([]))]
    also_done_by: Vec<String>,
    /// Always null: a day is one page.
    next: Option<String>,
}

/// All that happened to a habit on a day; nothing is ever lost, also what was taken back.
#[utoipa::path(
    get, path = "/api/habits/{id}/days/{date}/events", tag = "history", params(("id" = String, Path), ("date" = String, Path, format = Date, example = "2026-11-24")),
    responses((status = 200, body = Events), (status = 422, body = ErrorBody, description = "The date is no day"))
)]
async fn events(
    State(api): State<Api>,
    Person(by): Person,
    Path((id, date)): Path<(String, String)>,
) -> Result<Answer<Events>, ApiError> {
    let date = rows::date("date", &date)?;
    let life = life(&api, &by, id).await?;
    let id = habit_id(life.habit.id)?;
    let found = api.store.read(move |snapshot| {
        let day = date.to_string();
        Ok((snapshot.events(&id, &day)?, snapshot.cells(&id, &day, &day, 100)?))
    });
    let (events, cells) = found.await?;
    let shown = cells.first().and_then(|cell| cell.opt_text("completed_by"));
    let parsed: Vec<kairos_core::event::Event> =
        events.iter().filter_map(kairos_core::event::Event::from_row).collect();
    let mut others: Vec<String> = kairos_core::fold::standing_events(&parsed)
        .iter()
        .filter(|event| event.source.class() == kairos_core::event::AuthorClass::Person)
        .map(|event| event.user_id.to_string())
        .filter(|user| shown.as_ref() != Some(user))
        .collect();
    others.sort();
    others.dedup();
    let items = events
        .iter()
        .map(|row| EventItem {
            id: row.id.clone(),
            verb: row.text("verb"),
            value: row.number("value"),
            undo_of: row.opt_text("undo_of"),
            user_id: row.user_id.to_string(),
            occurred_at: row.integer("occurred_at"),
            time_source: row.text("time_source"),
            source: row.text("source"),
            device_id: row.opt_text("device_id"),
            skip_reason: row.opt_text("skip_reason"),
            note: row.opt_text("note"),
        })
        .collect();
    Ok(Answer(Events { items, also_done_by: others, next: None }))
}

/// How much of what was asked for was done.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"done": 24, "asked": 30, "share": 0.8}))]
struct RateAnswer {
    done: i64,
    asked: i64,
    /// 0 to 1; null when nothing was asked for.
    share: Option<f64>,
}

impl From<kairos_core::statistics::Rate> for RateAnswer {
    fn from(rate: kairos_core::statistics::Rate) -> Self {
        Self { done: rate.done, asked: rate.asked, share: rate.share() }
    }
}

/// How a person comes back after days without a deed.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"comebacks": 2, "median_days": 3.5, "within_threshold": 1.0}))]
struct ComebackAnswer {
    /// How many times.
    comebacks: usize,
    /// Median days from the first day without a deed to the next deed.
    median_days: Option<f64>,
    /// Share of those within the relapse threshold, 0 to 1.
    within_threshold: Option<f64>,
}

impl From<Comeback> for ComebackAnswer {
    fn from(of: Comeback) -> Self {
        Self { comebacks: of.comebacks, median_days: of.median_days, within_threshold: of.within_threshold }
    }
}

/// Runs of days or periods, where the person asked for them.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"current": 5, "best": 12}))]
struct StreakAnswer {
    current: i64,
    best: i64,
}

impl From<Streak> for StreakAnswer {
    fn from(of: Streak) -> Self {
        Self { current: of.current, best: of.best }
    }
}

/// How it went.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"habit_id": "0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d", "from": "2026-10-26", "to": "2026-11-24", "rate": {"done": 24, "asked": 30, "share": 0.8}, "this_week": {"done": 2, "asked": 2, "share": 1.0}, "comeback": {"comebacks": 2, "median_days": 3.5, "within_threshold": 1.0}, "phase": "FORMING"}))]
struct Statistics {
    habit_id: String,
    from: String,
    to: String,
    /// Of the days named.
    rate: RateAnswer,
    /// Of the present week.
    this_week: RateAnswer,
    comeback: ComebackAnswer,
    /// `ONBOARD`, `FORMING`, `MAINTAINING`, `LAPSED`, `RELAPSED`.
    phase: String,
    /// Only where the person asked for it in their preferences.
    #[serde(skip_serializing_if = "Option::is_none")]
    streak: Option<StreakAnswer>,
    /// Loop's score, 0 to 1; only where the person asked for it in their preferences.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
}

/// How a habit went: completion rate and comeback; a streak only for who asked for it.
#[utoipa::path(
    get, path = "/api/habits/{id}/statistics", tag = "history", params(("id" = String, Path), Span),
    responses((status = 200, body = Statistics))
)]
async fn statistics(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Query(span): Query<Span>,
) -> Result<Answer<Statistics>, ApiError> {
    let likes = preferences::of(&api, &by).await?;
    let life = life(&api, &by, id).await?;
    let today = life.person.today(api.store.clock().now());
    let (from, to) = span.days(today, 30)?;
    let score = if likes.show_score { score(&api, &life, today).await? } else { None };
    let answer = aside(move || {
        let (plan, marks) = (&life.plan, &life.marks);
        let week = plan.week_of(today);
        Statistics {
            habit_id: life.habit.id.clone(),
            from: from.to_string(),
            to: to.to_string(),
            rate: rate(plan, marks, from, to, today).into(),
            this_week: rate(plan, marks, week.0, week.1, today).into(),
            comeback: comeback(plan, marks, life.habit.integer("relapse_threshold_days").unwrap_or(7), today).into(),
            phase: life.habit.text("phase"),
            streak: likes.show_streaks.then(|| streak(plan, marks, today).into()),
            score,
        }
    });
    Ok(Answer(answer.await?))
}

/// Works something out beside the threads that answer everybody: ten years of days are looked at.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    let unavailable = |_| StoreError::Unavailable("an internal fault while counting days".into());
    Ok(tokio::task::spawn_blocking(work).await.map_err(unavailable)?)
}

async fn score(api: &Api, life: &Life, today: Date) -> Result<Option<f64>, ApiError> {
    let mut amounts = BTreeMap::new();
    if life.habit.text("kind") == "measurable" {
        let id = habit_id(life.habit.id.clone())?;
        let read = move |snapshot: &crate::store::Snapshot<'_>| snapshot.cells(&id, "", &today.to_string(), usize::MAX);
        for cell in api.store.read(read).await? {
            if let (Some(date), Some(amount)) =
                (kairos_core::repair::parse_date(&cell.text("date")), cell.number("amount"))
            {
                amounts.insert(date, amount);
            }
        }
    }
    Ok(loop_score(&life.plan, &life.marks, &amounts, today))
}

/// A square of the heatmap.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"date": "2026-11-24", "due": true, "state": "done"}))]
struct Square {
    date: String,
    /// Whether it was one of its days; from the present day on, whether it is still asked for.
    due: bool,
    /// `done`, `skipped`, `paused`, `open`, or `none`: nothing was asked for, or nothing was done.
    state: &'static str,
}

/// Squares, one a day.
#[derive(Serialize, ToSchema)]
struct Heatmap {
    items: Vec<Square>,
    /// Always null: the days named are one page.
    next: Option<String>,
}

/// A habit's days for a heatmap, a year when none are named.
#[utoipa::path(
    get, path = "/api/habits/{id}/heatmap", tag = "history", params(("id" = String, Path), Span),
    responses((status = 200, body = Heatmap))
)]
async fn heatmap(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Query(span): Query<Span>,
) -> Result<Answer<Heatmap>, ApiError> {
    let life = life(&api, &by, id).await?;
    let today = life.person.today(api.store.clock().now());
    let (from, to) = span.days(today, 365)?;
    let square = move |date: Date| {
        let state = match life.marks.get(&date) {
            Some(Mark::Done) => "done",
            Some(Mark::Skipped) => "skipped",
            _ if life.plan.paused(date) => "paused",
            Some(Mark::Lapsed | Mark::Passed) => "none",
            None if life.plan.kept_by_nothing(date) && life.plan.open(date) && date < today => "done",
            None if date >= today && life.plan.due(date, &life.marks) => "open",
            None => "none",
        };
        let due = if date < today { life.plan.open(date) } else { life.plan.due(date, &life.marks) };
        Square { date: date.to_string(), due, state }
    };
    let items = aside(move || stretch(from, to).map(square).collect());
    Ok(Answer(Heatmap { items: items.await?, next: None }))
}

/// A habit's life, if the person may see it.
async fn life(api: &Api, by: &Principal, id: String) -> Result<Life, ApiError> {
    let (id, by) = (habit_id(id)?, by.clone());
    let found = api.store.read(move |snapshot| match snapshot.life(&id)? {
        Some(life) if by.may_read(&life.habit.scope) => Ok(life),
        _ => Err(StoreError::Rejected(kairos_core::command::Rejection::not_found("habit"))),
    });
    Ok(found.await?)
}
