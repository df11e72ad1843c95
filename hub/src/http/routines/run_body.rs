//! What is said of runs, in both directions.

use kairos_core::Millis;
use kairos_core::command::{Outcome, Receipt};
use kairos_core::routine::{Status, StepResult};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::runs::View;

/// Which way to take.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RunStart, example = json!({}))]
pub(super) struct StartBody {
    /// The variant; the default one when absent, else all steps.
    pub(super) variant_id: Option<String>,
}

/// What became of the current step.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RunStep, example = json!({"result": "done"}))]
pub(super) struct StepBody {
    /// `done`, `partial` or `skip`.
    pub(super) result: String,
    /// The amount for done, above zero; the percent from 1 to 99 for partial.
    pub(super) value: Option<f64>,
    /// A note for the day.
    pub(super) note: Option<String>,
    /// The habit whose step is meant: two screens that answer it at once then answer it once.
    pub(super) habit_id: Option<String>,
}

/// A run, step by step.
#[derive(Serialize, ToSchema)]
#[schema(as = Run, example = json!({
    "id": "6f1c2d3e-4a5b-8c6d-9e7f-0a1b2c3d4e5f", "routine_id": "0190a7b2-6f3e-8c4d-9a51-2b7e8f6a1c3e", "routine": "Morning",
    "variant_id": null, "status": "IN_PROGRESS", "started_at": 1_795_514_400_000_i64, "completed_at": null, "paused_at": null,
    "total_paused_seconds": 0, "current_step_index": 1, "current_step_remaining_seconds": null,
    "current": {"habit_id": "0190a7b2-7a10-7b1e-8c55-0d1f2a3b4c5d", "name": "Stretch", "seconds": 300, "began_at": 1_795_514_460_000_i64},
    "steps": [
        {"habit_id": "0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d", "name": "Drink water", "result": "done", "value": null, "note": null, "at": 1_795_514_460_000_i64, "seconds": 60},
        {"habit_id": "0190a7b2-7a10-7b1e-8c55-0d1f2a3b4c5d", "name": "Stretch", "result": null, "value": null, "note": null, "at": null, "seconds": 300}
    ],
    "recorded": 0
}))]
pub(super) struct RunBody {
    id: String,
    routine_id: String,
    /// The routine's name; null once it was deleted.
    routine: Option<String>,
    variant_id: Option<String>,
    /// `IN_PROGRESS`, `PAUSED`, `COMPLETED` or `ABANDONED`. A run that nobody touched for a day is found paused.
    status: &'static str,
    /// Times are milliseconds since 1970, UTC.
    started_at: Millis,
    completed_at: Option<Millis>,
    paused_at: Option<Millis>,
    /// All its pauses so far.
    total_paused_seconds: i64,
    /// The step that waits, from 0; the number of steps when none does.
    current_step_index: usize,
    /// What is left of it, while paused.
    current_step_remaining_seconds: Option<i64>,
    /// The step that waits for an answer; null when there is none: finish then.
    current: Option<CurrentStep>,
    /// All its steps, in order, as they were when it began.
    steps: Vec<RunStepBody>,
    /// How many deeds it has recorded: none before it is finished.
    recorded: usize,
}

/// The step that waits for an answer.
#[derive(Serialize, ToSchema)]
pub(super) struct CurrentStep {
    habit_id: String,
    name: Option<String>,
    /// How long it is meant to take.
    seconds: Option<i64>,
    /// When it began; pauses are taken out.
    began_at: Option<Millis>,
}

/// A step of a run.
#[derive(Serialize, ToSchema)]
pub(super) struct RunStepBody {
    habit_id: String,
    /// The habit's name; null once it was deleted.
    name: Option<String>,
    /// `done`, `partial`, `skip`; null while it waits, or when it was stepped over.
    result: Option<&'static str>,
    value: Option<f64>,
    note: Option<String>,
    at: Option<Millis>,
    seconds: Option<i64>,
}

impl From<&View> for RunBody {
    fn from(view: &View) -> Self {
        let (run, waiting) = (&view.run, view.waiting());
        let current = waiting.and_then(|place| run.steps.get(place)).map(|step| CurrentStep {
            habit_id: step.habit_id.to_string(),
            name: view.name(&step.habit_id),
            seconds: step.seconds,
            began_at: step.began_at,
        });
        let steps = run.steps.iter().map(|step| RunStepBody {
            habit_id: step.habit_id.to_string(),
            name: view.name(&step.habit_id),
            result: step.result.map(StepResult::as_str),
            value: step.value,
            note: step.note.clone(),
            at: step.at,
            seconds: step.seconds,
        });
        Self {
            id: view.row.id.clone(),
            routine_id: view.row.text("routine_id"),
            routine: view.routine.clone(),
            variant_id: view.row.opt_text("variant_id"),
            status: run.status.as_str(),
            started_at: run.started_at,
            completed_at: run.completed_at,
            paused_at: run.paused_at,
            total_paused_seconds: run.paused_seconds,
            current_step_index: waiting.unwrap_or(run.steps.len()),
            current_step_remaining_seconds: run.remaining_seconds,
            current,
            steps: steps.collect(),
            recorded: view.recorded,
        }
    }
}

/// What became of a move.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RunAnswer {
    /// Its place in the log; 0 when nothing changed.
    #[schema(example = 42)]
    pub(super) seq: i64,
    /// `applied`, `duplicate` (the first answer again) or `unchanged`.
    #[schema(example = "applied")]
    pub(super) outcome: &'static str,
    /// A sentence, where one helps.
    pub(super) message: Option<&'static str>,
    /// The run as it is now.
    pub(super) run: RunBody,
}

/// The run that goes on or waits.
#[derive(Serialize, ToSchema)]
pub(super) struct Current {
    /// The one in progress, else the paused one that began last; null when there is none.
    pub(super) run: Option<RunBody>,
}

/// A page of runs.
#[derive(Serialize, ToSchema)]
pub(super) struct Runs {
    /// The latest first.
    pub(super) items: Vec<RunBody>,
    /// Pass it as `after` for the next page; null on the last.
    pub(super) next: Option<String>,
}

impl RunAnswer {
    /// What became of a move, and the run as it is now.
    pub(super) fn new(receipt: &Receipt, view: &View) -> Self {
        let outcome = match receipt.outcome {
            _ if receipt.repeated => "duplicate",
            Outcome::Unchanged => "unchanged",
            Outcome::Applied | Outcome::Rejected(_) => "applied",
        };
        let left = view.run.status == Status::Abandoned;
        let message = left.then_some("You left this run; nothing of it was recorded. Start again whenever you like.");
        Self { seq: receipt.seq, outcome, message, run: RunBody::from(view) }
    }
}
