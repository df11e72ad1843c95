//! Habits done in a row: how one run through a routine goes on.
//!
//! A run takes its steps with it when it begins, so a routine may be rearranged meanwhile. Steps are answered in order;
//! the answers are only noted, and become deeds together when the run is finished. A run that is left, by word or by
//! walking away, records nothing and can wait: nobody is reminded of it.
//!
//! ```text
//!            step                      step (goes on)
//!           ┌────┐          pause     ┌───────┐
//! start ──► IN_PROGRESS ◄──────────► PAUSED ──┘
//!               │          resume       │
//!               ├── finish ──► COMPLETED ◄── finish
//!               └── abandon ─► ABANDONED ◄── abandon
//! ```

mod wish;

use serde::{Deserialize, Serialize};

pub use wish::{Answer, Move, Place, Wish};

use crate::Millis;
use crate::event::{TimeSource, Verb};
use crate::hlc::Hlc;
use crate::ids::{HabitId, RunId};
use crate::row::Row;

/// How many routines a person may have.
pub const MAX_ROUTINES: usize = 100;
/// How many steps a routine may have.
pub const MAX_STEPS: usize = 50;
/// How many variants a routine may have.
pub const MAX_VARIANTS: usize = 10;
/// How many habits a routine needs before it can be started.
pub const MIN_STEPS: usize = 2;
/// A run nobody touched for so long is found paused.
pub const LEFT_AFTER: Millis = 24 * 3_600_000;
/// The most seconds a run counts as paused: a year.
const MAX_PAUSED: i64 = 31_536_000;

crate::event::words!(
    /// Where a run stands.
    Status {
        /// It goes on.
        InProgress = "IN_PROGRESS",
        /// It waits.
        Paused = "PAUSED",
        /// It was finished; what was noted is recorded.
        Completed = "COMPLETED",
        /// It was left; nothing was recorded.
        Abandoned = "ABANDONED",
    }
);

crate::event::words!(
    /// What became of a step.
    StepResult {
        /// Done.
        Done = "done",
        /// Done in part.
        Partial = "partial",
        /// Left out on purpose.
        Skip = "skip",
    }
);

/// One step of a run. What is not known is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The habit.
    pub habit_id: HabitId,
    /// How long it is meant to take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<i64>,
    /// What became of it.
    #[serde(default)]
    pub result: Option<StepResult>,
    /// Amount, or percent of a part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// A note for the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When it was answered.
    #[serde(default)]
    pub at: Option<Millis>,
    /// Who knew when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_source: Option<TimeSource>,
    /// When it became the current one; moved on by pauses, so that a clock can run from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<Millis>,
}

impl Step {
    /// A step that waits.
    #[must_use]
    pub fn new(habit_id: HabitId, seconds: Option<i64>) -> Self {
        Self { habit_id, seconds, result: None, value: None, note: None, at: None, time_source: None, began_at: None }
    }

    /// What it records when its run is finished.
    #[must_use]
    pub fn deed(&self) -> Option<(Verb, Option<f64>)> {
        Some(match self.result? {
            StepResult::Done if self.value.is_some() => (Verb::Add, self.value),
            StepResult::Done => (Verb::Full, None),
            StepResult::Partial => (Verb::Partial, self.value),
            StepResult::Skip => (Verb::Skip, None),
        })
    }
}

/// One run through a routine.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Where it stands.
    pub status: Status,
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// The current step; the number of steps when none is left.
    pub current: usize,
    /// When it began.
    pub started_at: Millis,
    /// When it ended.
    pub completed_at: Option<Millis>,
    /// Since when it waits.
    pub paused_at: Option<Millis>,
    /// All its pauses so far.
    pub paused_seconds: i64,
    /// What is left of the current step, while paused.
    pub remaining_seconds: Option<i64>,
}

/// Why a run cannot go on like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has ended.
    #[error("This run has ended; start the routine again.")]
    Ended,
    /// No step waits for an answer.
    #[error("All steps are done; finish the run.")]
    NothingLeft,
    /// The habit that was named is not the current step.
    #[error("Another step is next.")]
    AnotherStep,
}

/// When something happened, and who knew.
pub type Moment = (Millis, TimeSource);

impl Run {
    /// Begins a run.
    #[must_use]
    pub fn start(steps: Vec<Step>, at: Millis) -> Self {
        let mut run = Self {
            status: Status::InProgress,
            steps,
            current: 0,
            started_at: at,
            completed_at: None,
            paused_at: None,
            paused_seconds: 0,
            remaining_seconds: None,
        };
        run.begin_step(at);
        run
    }

    /// Makes a move; gives whether anything changed. A move that was made already changes nothing.
    ///
    /// `alive` says whether a habit can still be done: steps of others are stepped over.
    ///
    /// # Errors
    /// [`Refusal`] when the run cannot go on like this; nothing changed then.
    pub fn apply(&mut self, what: &Move, at: Moment, alive: &dyn Fn(&HabitId) -> bool) -> Result<bool, Refusal> {
        match (what, self.status) {
            (Move::Pause, Status::InProgress) => self.pause(at.0),
            (Move::Resume, Status::Paused) => self.resume(at.0),
            (Move::Finish, Status::InProgress | Status::Paused) => self.end(Status::Completed, at.0),
            (Move::Abandon, Status::InProgress | Status::Paused) => self.end(Status::Abandoned, at.0),
            (Move::Step(answer), Status::InProgress | Status::Paused) => return self.step(answer, at, alive),
            (Move::Pause, Status::Paused)
            | (Move::Resume, Status::InProgress)
            | (Move::Finish, Status::Completed)
            | (Move::Abandon, Status::Abandoned) => return Ok(false),
            (_, Status::Completed | Status::Abandoned) => return Err(Refusal::Ended),
        }
        Ok(true)
    }

    /// The step that waits for an answer, past those that can no longer be done.
    #[must_use]
    pub fn waiting(&self, alive: &dyn Fn(&HabitId) -> bool) -> Option<usize> {
        let waits = |step: &Step| step.result.is_none() && alive(&step.habit_id);
        (self.current..self.steps.len()).find(|place| waits(&self.steps[*place]))
    }

    /// Answers the current step. One who steps on in a paused run goes on with it.
    fn step(&mut self, answer: &Answer, at: Moment, alive: &dyn Fn(&HabitId) -> bool) -> Result<bool, Refusal> {
        let waiting = self.waiting(alive);
        if let Some(named) = &answer.habit
            && waiting.is_none_or(|place| self.steps[place].habit_id != *named)
        {
            let known = self.steps.iter().find(|step| step.habit_id == *named);
            // Two screens that answer the same step at once mean one answer.
            return if known.is_some_and(|step| step.result.is_some()) { Ok(false) } else { Err(Refusal::AnotherStep) };
        }
        let Some(place) = waiting else { return Err(Refusal::NothingLeft) };
        if self.status == Status::Paused {
            self.resume(at.0);
        }
        let step = &mut self.steps[place];
        step.result = Some(answer.result);
        step.value = answer.value;
        step.note.clone_from(&answer.note);
        step.at = Some(at.0.max(self.started_at));
        step.time_source = Some(at.1);
        self.current = place + 1;
        self.current = self.waiting(alive).unwrap_or(self.steps.len());
        self.begin_step(at.0);
        Ok(true)
    }

    fn begin_step(&mut self, at: Millis) {
        if let Some(step) = self.steps.get_mut(self.current) {
            step.began_at = Some(at);
        }
    }

    fn pause(&mut self, at: Millis) {
        self.status = Status::Paused;
        let at = at.max(self.started_at);
        self.paused_at = Some(at);
        self.remaining_seconds = self.steps.get(self.current).and_then(|step| {
            let passed = at.saturating_sub(step.began_at?).max(0) / 1000;
            Some(step.seconds?.saturating_sub(passed).clamp(0, 86_400))
        });
    }

    fn resume(&mut self, at: Millis) {
        let waited = self.end_pause(at);
        self.status = Status::InProgress;
        if let Some(began_at) = self.steps.get_mut(self.current).and_then(|step| step.began_at.as_mut()) {
            *began_at = began_at.saturating_add(waited);
        }
    }

    fn end(&mut self, status: Status, at: Millis) {
        self.end_pause(at);
        self.status = status;
        self.completed_at = Some(at.max(self.started_at));
    }

    /// Counts the pause that ends; gives its length. A clock that was put back counts nothing.
    fn end_pause(&mut self, at: Millis) -> Millis {
        let waited = self.paused_at.take().map_or(0, |since| at.saturating_sub(since).max(0));
        self.paused_seconds = self.paused_seconds.saturating_add(waited / 1000).clamp(0, MAX_PAUSED);
        self.remaining_seconds = None;
        waited
    }

    /// Reads the run of a (repaired) row, as it stands in the database.
    #[must_use]
    pub fn of(row: &Row) -> Self {
        let steps = row.opt_text("step_results").unwrap_or_default();
        let steps: Vec<serde_json::Value> = serde_json::from_str(&steps).unwrap_or_default();
        // What another version wrote and this one does not understand is left out.
        let steps: Vec<Step> = steps.into_iter().filter_map(|step| serde_json::from_value(step).ok()).collect();
        let index = row.integer("current_step_index").unwrap_or(0);
        let mut run = Self {
            status: Status::parse(&row.text("status")).unwrap_or(Status::InProgress),
            current: usize::try_from(index).unwrap_or(0).min(steps.len()),
            steps,
            started_at: row.integer("started_at").unwrap_or(row.created_at),
            completed_at: row.integer("completed_at"),
            paused_at: row.integer("paused_at"),
            paused_seconds: row.integer("total_paused_seconds").unwrap_or(0),
            remaining_seconds: row.integer("current_step_remaining_seconds"),
        };
        if run.status == Status::Paused && run.paused_at.is_none() {
            run.paused_at = Some(row.updated_at());
        }
        run
    }

    /// Writes it to its row.
    pub fn write(&self, row: &mut Row, at: &Hlc) {
        let index = i64::try_from(self.current).unwrap_or(i64::MAX);
        row.set("started_at", self.started_at, at);
        row.set("status", self.status.as_str(), at);
        row.set("completed_at", self.completed_at, at);
        row.set("current_step_index", index, at);
        row.set("current_step_remaining_seconds", self.remaining_seconds, at);
        row.set("paused_at", self.paused_at, at);
        row.set("total_paused_seconds", self.paused_seconds, at);
        row.set("step_results", serde_json::to_string(&self.steps).unwrap_or_default(), at);
    }
}

/// A run as it is found: one that was left for a day waits, and so does one whose person began another meanwhile (two
/// screens that did not know of each other).
#[must_use]
pub fn found(row: &Row, in_progress: &[Row], now: Millis) -> Run {
    let mut run = Run::of(row);
    let place = |row: &Row| (row.integer("started_at"), row.id.clone());
    let another = || in_progress.iter().filter(|other| place(other) > place(row)).min_by_key(|other| place(other));
    if run.status == Status::InProgress {
        if now.saturating_sub(row.updated_at()) >= LEFT_AFTER {
            run.pause(row.updated_at());
        } else if let Some(other) = another() {
            run.pause(other.integer("started_at").unwrap_or(now));
        }
    }
    run
}

/// How a routine stands at the moment: what a button or a board shows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The routine's name.
    pub name: String,
    /// The run that goes on or waits, or was finished today.
    pub run: Option<(RunId, Status)>,
    /// The habit of the step that waits.
    pub habit: Option<HabitId>,
    /// How many steps are answered.
    pub step: usize,
    /// How many there are.
    pub total: usize,
}

#[cfg(test)]
mod tests;
