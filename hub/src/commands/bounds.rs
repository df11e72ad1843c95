//! What a person may have at most, and how far clocks may differ, whichever way it comes in.

use kairos_core::Millis;
use kairos_core::routine::{MAX_ROUTINES, MAX_STEPS, MAX_VARIANTS};
use kairos_core::schema::{
    HABIT_SCHEDULES, HABITS, PAUSES, ROUTINE_EXECUTIONS, ROUTINE_HABITS, ROUTINE_VARIANTS, ROUTINES, Table,
};

/// How many living habits a person may have.
pub(super) const MAX_HABITS: usize = 500;
/// How many breaks a person may have noted.
pub(super) const MAX_PAUSES: usize = 2000;

/// How far ahead of ours a clock from elsewhere may be before it is held at ours.
pub(super) const MAX_AHEAD: Millis = 5 * 60 * 1000;

/// How many living rows of a table a scope may have, and what people call them.
pub(super) const MOST: [(&Table, usize, &str); 7] = [
    (&HABITS, MAX_HABITS, "habits"),
    (&PAUSES, MAX_PAUSES, "breaks"),
    (&HABIT_SCHEDULES, 5000, "changes of schedules"),
    (&ROUTINES, MAX_ROUTINES, "routines"),
    (&ROUTINE_HABITS, 5000, "steps of routines"),
    (&ROUTINE_VARIANTS, 2000, "variants of routines"),
    (&ROUTINE_EXECUTIONS, 50_000, "runs of routines"),
];

/// How many living parts a whole may have: the part, the column that names the whole, the whole, how many, and what people call
/// them.
pub(super) const MOST_PARTS: [(&Table, &str, &Table, usize, &str); 3] = [
    (&ROUTINE_HABITS, "routine_id", &ROUTINES, MAX_STEPS, "steps of this routine"),
    (&ROUTINE_VARIANTS, "routine_id", &ROUTINES, MAX_VARIANTS, "variants of this routine"),
    (&HABIT_SCHEDULES, "habit_id", &HABITS, 1000, "changes of this habit's schedule"),
];
