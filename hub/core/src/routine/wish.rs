//! What can be wished of routines.

use super::StepResult;
use crate::command::{Fields, When};
use crate::ids::{HabitId, RoutineId, RunId, VariantId};

/// A wish about a routine or one of its runs.
#[derive(Debug, Clone)]
pub enum Wish {
    /// Make a routine.
    Add {
        /// Its id.
        id: RoutineId,
        /// Its columns.
        fields: Fields,
    },
    /// Change a routine.
    Edit {
        /// Which.
        id: RoutineId,
        /// The columns that change.
        fields: Fields,
    },
    /// Delete a routine, and what buttons do for it. Its runs go on by themselves.
    Delete {
        /// Which.
        id: RoutineId,
    },
    /// Replace a routine's steps as a whole.
    Arrange {
        /// Which.
        id: RoutineId,
        /// All its steps, in order.
        steps: Vec<Place>,
    },
    /// Make a variant.
    AddVariant {
        /// Its id.
        id: VariantId,
        /// The routine.
        routine: RoutineId,
        /// Its columns.
        fields: Fields,
    },
    /// Change a variant.
    EditVariant {
        /// Which.
        id: VariantId,
        /// The routine.
        routine: RoutineId,
        /// The columns that change.
        fields: Fields,
    },
    /// Delete a variant.
    DeleteVariant {
        /// Which.
        id: VariantId,
        /// The routine.
        routine: RoutineId,
    },
    /// Begin a run; its id is derived from author and command.
    Start {
        /// Which routine.
        routine: RoutineId,
        /// Which way; the default one, else all steps.
        variant: Option<VariantId>,
        /// When.
        when: When,
    },
    /// Go on with whatever run the routine has: the current step is done, and after the last one the run is finished.
    /// For buttons, which cannot say more.
    Next {
        /// Which routine.
        routine: RoutineId,
        /// When.
        when: When,
    },
    /// Move a run.
    Move {
        /// Which.
        run: RunId,
        /// How.
        what: Move,
        /// When.
        when: When,
    },
}

/// A habit's place in a routine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The habit.
    pub habit: HabitId,
    /// How long it takes here; the habit's own estimate when absent.
    pub seconds: Option<i64>,
    /// The variants that have this step; all of them when absent.
    pub variants: Option<Vec<VariantId>>,
}

/// How a run moves.
#[derive(Debug, Clone, PartialEq)]
pub enum Move {
    /// The current step is answered.
    Step(Answer),
    /// It waits.
    Pause,
    /// It goes on.
    Resume,
    /// It is done: what was noted is recorded.
    Finish,
    /// It is left: nothing is recorded.
    Abandon,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Done, in part, or left out.
    pub result: StepResult,
    /// The amount, or the percent of a part.
    pub value: Option<f64>,
    /// A note for the day.
    pub note: Option<String>,
    /// The habit whose step is meant; the current one when absent.
    pub habit: Option<HabitId>,
}

impl Answer {
    /// Done, and nothing more to say.
    #[must_use]
    pub fn done() -> Self {
        Self { result: StepResult::Done, value: None, note: None, habit: None }
    }
}
