//! A person's day.

use axum::Json;
use axum::extract::State;
use kairos_core::repair::parse_date;
use kairos_core::today::{Item, Met};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::error::ApiError;
use super::extract::{Person, Query};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(today))
}

/// A habit on a day.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"habit_id": "0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d", "name": "Drink water", "kind": "measurable", "due": true, "done": false, "type": "PARTIAL", "value": 3.0, "target": 8.0, "unit": "glasses", "date": "2026-11-24"}))]
pub(super) struct TodayItem {
    habit_id: String,
    name: String,
    /// `boolean`, `measurable` or `avoid`.
    kind: String,
    /// Whether it is asked for on this day.
    due: bool,
    /// Whether nothing more is asked for.
    done: bool,
    /// `FULL`, `PARTIAL`, `SKIPPED`, `MISSED`, or null: nothing yet.
    #[serde(rename = "type")]
    status: Option<&'static str>,
    /// The amount so far, for measurable habits.
    value: Option<f64>,
    target: Option<f64>,
    unit: Option<String>,
    date: String,
    /// How far its quota is met in the day's period; absent where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<Quota>,
    /// True where there is a note for the day; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    noted: Option<bool>,
}

/// How far a quota is met: 1 of 3 in 7 days.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"done": 1, "of": 3, "days": 7, "rolling": false}))]
struct Quota {
    /// How many deeds the period has, the day with it.
    done: i64,
    /// How many it wants; at least one.
    of: i64,
    /// The length of the period in days, as the habit says it.
    days: i64,
    /// Whether it is any stretch of so many days, and not one of the calendar.
    rolling: bool,
}

impl From<&Item> for TodayItem {
    fn from(item: &Item) -> Self {
        Self {
            habit_id: item.habit_id.clone(),
            name: item.name.clone(),
            kind: item.kind.clone(),
            due: item.due,
            done: item.done,
            status: item.status.map(kairos_core::fold::Status::as_str),
            value: item.value,
            target: item.target,
            quota: item.quota.map(|Met { done, of, days, rolling }| Quota { done, of, days, rolling }),
            noted: item.noted.then_some(true),
            unit: item.unit.clone(),
            date: item.date.clone(),
        }
    }
}

/// A day.
#[derive(Serialize, ToSchema)]
pub(super) struct TodayAnswer {
    /// The logical day, in the person's zone and with their start of day.
    #[schema(example = "2026-11-24")]
    date: String,
    /// What is due, and what was done anyway.
    items: Vec<TodayItem>,
    /// Always null: a day is one page.
    next: Option<String>,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// The day, `YYYY-MM-DD`; today when absent.
    date: Option<String>,
}

/// The person's day: what is due, and how it stands.
#[utoipa::path(
    get, path = "/api/today", tag = "habits", params(Wanted),
    responses((status = 200, body = TodayAnswer))
)]
async fn today(
    State(api): State<Api>,
    Person(by): Person,
    Query(wanted): Query<Wanted>,
) -> Result<Json<TodayAnswer>, ApiError> {
    let date = match &wanted.date {
        Some(text) => {
            Some(parse_date(text).ok_or_else(|| ApiError::field("date", "date is a day such as 2026-11-24."))?)
        }
        None => None,
    };
    let day = api.days.day(&by, date).await?;
    Ok(Json(TodayAnswer { date: day.date.clone(), items: day.items.iter().map(TodayItem::from).collect(), next: None }))
}
