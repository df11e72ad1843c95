//! What is said of routines, in both directions.

use std::borrow::Cow;

use axum::Json as Answer;
use kairos_core::ids::{HabitId, RoutineId, VariantId};
use kairos_core::principal::Principal;
use kairos_core::repair;
use kairos_core::routine::{MAX_STEPS, Place};
use kairos_core::row::Row;
use kairos_core::schema::{HABITS, ROUTINE_HABITS, ROUTINE_VARIANTS, ROUTINES};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use crate::commands::{ROUTINE_CLOSED, VARIANT_CLOSED};
use crate::http::Api;
use crate::http::columns;
use crate::http::error::ApiError;
use crate::http::rows::{self, RowJson};
use crate::store::{Snapshot, StoreError};

/// What can be set of a routine.
pub(super) struct RoutineColumns;

impl utoipa::PartialSchema for RoutineColumns {
    fn schema() -> RefOr<Schema> {
        let text = "What can be set of a routine; `name` is required to make one.";
        let example = json!({"name": "Morning", "category": "MORNING", "icon": "sunrise"});
        columns::described(&ROUTINES, ROUTINE_CLOSED, text, example)
    }
}

impl ToSchema for RoutineColumns {
    fn name() -> Cow<'static, str> {
        "RoutineFields".into()
    }
}

/// What can be set of a variant.
pub(super) struct VariantColumns;

impl utoipa::PartialSchema for VariantColumns {
    fn schema() -> RefOr<Schema> {
        let text = "What can be set of a variant; `name` is required to make one.";
        let example = json!({"name": "Short", "estimated_minutes": 5, "is_default": 1});
        columns::described(&ROUTINE_VARIANTS, VARIANT_CLOSED, text, example)
    }
}

impl ToSchema for VariantColumns {
    fn name() -> Cow<'static, str> {
        "VariantFields".into()
    }
}

/// All steps of a routine, in order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RoutineSteps, example = json!({"steps": [
    {"habit_id": "0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d"},
    {"habit_id": "0190a7b2-7a10-7b1e-8c55-0d1f2a3b4c5d", "override_duration_seconds": 120}
]}))]
pub(super) struct Steps {
    /// At most 50; a habit stands once.
    #[schema(max_items = 50)]
    steps: Vec<PlannedStep>,
}

/// A step.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RoutineStep)]
struct PlannedStep {
    /// The habit.
    habit_id: String,
    /// How long it takes here; the habit's own estimate when absent.
    override_duration_seconds: Option<i64>,
    /// The variants that have this step; all of them when absent.
    variant_ids: Option<Vec<String>>,
}

impl Steps {
    pub(super) fn into_places(self) -> Result<Vec<Place>, ApiError> {
        if self.steps.len() > MAX_STEPS {
            return Err(ApiError::field("steps", format!("A routine has at most {MAX_STEPS} steps.")));
        }
        let place = |(n, step): (usize, PlannedStep)| {
            let bad = |field: &str, message: &str| ApiError::field(&format!("steps[{n}].{field}"), message);
            let habit = HabitId::new(step.habit_id).map_err(|_| bad("habit_id", "There is no such habit."))?;
            let variants = step
                .variant_ids
                .map(|ids| ids.into_iter().map(VariantId::new).collect::<Result<Vec<_>, _>>())
                .transpose()
                .map_err(|_| bad("variant_ids", "variant_ids lists variants of this routine."))?;
            Ok(Place { habit, seconds: step.override_duration_seconds, variants })
        };
        self.steps.into_iter().enumerate().map(place).collect()
    }
}

/// A routine: its columns, its steps in order, its variants.
#[derive(Serialize, ToSchema)]
#[schema(as = Routine, example = json!({
    "id": "0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3e", "name": "Morning", "category": "MORNING", "status": "ACTIVE",
    "steps": [{"habit_id": "0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d", "name": "Drink water", "order_index": 0, "sort_key": "i",
               "override_duration_seconds": null, "seconds": 60, "variant_ids": null, "active": true}],
    "variants": []
}))]
pub(super) struct RoutineAnswer {
    /// The columns of the routines table.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    columns: serde_json::Map<String, serde_json::Value>,
    /// Its steps, in order.
    steps: Vec<StepAnswer>,
    /// Its variants.
    variants: Vec<RowJson>,
}

/// A step of a routine.
#[derive(Serialize, ToSchema)]
struct StepAnswer {
    habit_id: String,
    /// The habit's name.
    name: String,
    /// Its place counted from 0.
    order_index: i64,
    /// Its place; sorts as text.
    sort_key: String,
    override_duration_seconds: Option<i64>,
    /// How long it takes: the override, else the habit's own estimate.
    seconds: Option<i64>,
    /// The variants that have it; null is all of them.
    variant_ids: Option<Vec<String>>,
    /// Whether it can be done now; a habit that is archived or on a break is stepped over.
    active: bool,
}

impl RoutineAnswer {
    /// Reads a routine that somebody may see.
    pub(super) async fn read(api: &Api, by: &Principal, id: &RoutineId) -> Result<Self, ApiError> {
        let (id, by) = (id.clone(), by.clone());
        let read = api.store.read(move |snapshot| match snapshot.row(&ROUTINES, id.as_str())? {
            Some(row) if row.deleted_at.is_none() && by.may_read(&row.scope) => Ok(Self {
                columns: row.to_json(),
                steps: steps(snapshot, &by, &row)?,
                variants: variants(snapshot, &row)?,
            }),
            _ => Err(StoreError::Rejected(kairos_core::command::Rejection::not_found("routine"))),
        });
        Ok(read.await?)
    }
}

fn steps(snapshot: &Snapshot<'_>, by: &Principal, routine: &Row) -> Result<Vec<StepAnswer>, StoreError> {
    let mut rows = snapshot.rows_where(&ROUTINE_HABITS, "routine_id", &routine.id)?;
    rows.sort_by_cached_key(|row| (row.text("sort_key"), row.id.clone()));
    let mut steps = Vec::new();
    for row in rows.into_iter().map(repair::sound) {
        let habit = snapshot.row(&HABITS, &row.text("habit_id"))?;
        let habit = habit.filter(|habit| habit.deleted_at.is_none() && by.may_read(&habit.scope));
        let Some(habit) = habit.map(repair::sound) else { continue };
        let shorter = row.integer("override_duration_seconds");
        steps.push(StepAnswer {
            name: habit.text("name"),
            // Counted anew: what is stored may be of an order that was merged since.
            order_index: i64::try_from(steps.len()).unwrap_or(i64::MAX),
            sort_key: row.text("sort_key"),
            override_duration_seconds: shorter,
            seconds: shorter.or_else(|| habit.integer("estimated_seconds")),
            variant_ids: row.opt_text("variant_ids").and_then(|ids| serde_json::from_str(&ids).ok()),
            active: habit.text("status") == "ACTIVE",
            habit_id: habit.id,
        });
    }
    Ok(steps)
}

fn variants(snapshot: &Snapshot<'_>, routine: &Row) -> Result<Vec<RowJson>, StoreError> {
    let mut rows = snapshot.rows_where(&ROUTINE_VARIANTS, "routine_id", &routine.id)?;
    rows.sort_by_cached_key(|row| (row.created_at, row.id.clone()));
    Ok(rows.iter().map(RowJson::from).collect())
}

/// A variant that somebody may see.
pub(super) async fn variant(api: &Api, by: &Principal, id: &VariantId) -> Result<Answer<RowJson>, ApiError> {
    let row = rows::one(api, by, &ROUTINE_VARIANTS, id.as_str(), "variant").await?;
    Ok(Answer(RowJson::from(&row)))
}
