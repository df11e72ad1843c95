//! Habits done in a row.

use super::Kind::{Integer, Text};
use super::{NEEDED, NULL, Preset, Rule, Stream, Table, col, together};

/// Routines.
pub static ROUTINES: Table = Table {
    name: "routines",
    doc: "Habits that are done in a row.",
    stream: Stream::Rows,
    keys: &[],
    columns: &[
        col("household_id", Text, NULL, Rule::Length(128), "The household it belongs to; NULL when private."),
        col("name", Text, NEEDED, Rule::Length(50), "Its name, 1 to 50 characters."),
        col("description", Text, NULL, Rule::Prose(2000), "More about it."),
        col("icon", Text, NULL, Rule::Length(64), "Name of an icon."),
        col("color", Text, NULL, Rule::Length(32), "Its colour."),
        col(
            "category",
            Text,
            Preset::Text("ANYTIME"),
            Rule::OneOf(&["MORNING", "AFTERNOON", "EVENING", "ANYTIME", "DEPARTURE"]),
            "Part of the day.",
        ),
        col(
            "status",
            Text,
            Preset::Text("ACTIVE"),
            Rule::OneOf(&["ACTIVE", "PAUSED", "ARCHIVED"]),
            "Whether it is offered.",
        ),
        col("sort_key", Text, NULL, Rule::Length(128), "Its place in lists; sorts as text."),
    ],
};

/// Steps of routines.
pub static ROUTINE_HABITS: Table = Table {
    name: "routine_habits",
    doc: "A habit's place in a routine. Its id is derived from both.",
    stream: Stream::Rows,
    keys: &[],
    columns: &[
        col("routine_id", Text, NEEDED, Rule::Length(128), "The routine."),
        col("habit_id", Text, NEEDED, Rule::Length(128), "The habit."),
        col(
            "order_index",
            Integer,
            Preset::Integer(0),
            Rule::Range(0, 10_000),
            "Its place counted from 0, for old clients.",
        ),
        col("sort_key", Text, NEEDED, Rule::Length(128), "Its place; sorts as text."),
        col("override_duration_seconds", Integer, NULL, Rule::Range(1, 86_400), "How long it takes here."),
        col("variant_ids", Text, NULL, Rule::Json, "A JSON array of the variants that have this step; NULL is all."),
    ],
};

/// Shorter and longer ways.
pub static ROUTINE_VARIANTS: Table = Table {
    name: "routine_variants",
    doc: "A shorter or longer way through a routine.",
    stream: Stream::Rows,
    keys: &[],
    columns: &[
        col("routine_id", Text, NEEDED, Rule::Length(128), "The routine."),
        col("name", Text, NEEDED, Rule::Length(50), "Its name."),
        col("estimated_minutes", Integer, Preset::Integer(15), Rule::Range(1, 1440), "How long it takes."),
        col("is_default", Integer, Preset::Integer(0), Rule::Range(0, 1), "Whether it is taken when none is named."),
    ],
};

/// Runs of routines.
pub static ROUTINE_EXECUTIONS: Table = Table {
    name: "routine_executions",
    doc: "One run through a routine, step by step.",
    stream: Stream::Rows,
    keys: &[],
    columns: &[
        col("routine_id", Text, NEEDED, Rule::Length(128), "The routine."),
        col("variant_id", Text, NULL, Rule::Length(128), "The variant."),
        col("started_at", Integer, NEEDED, Rule::Any, "When it began."),
        together("run", col("completed_at", Integer, NULL, Rule::Any, "When it ended.")),
        together(
            "run",
            col(
                "status",
                Text,
                Preset::Text("IN_PROGRESS"),
                Rule::OneOf(&["IN_PROGRESS", "PAUSED", "COMPLETED", "ABANDONED"]),
                "Where it stands; a person has one in progress.",
            ),
        ),
        together(
            "run",
            col("current_step_index", Integer, Preset::Integer(0), Rule::Range(0, 10_000), "The step, from 0."),
        ),
        together(
            "run",
            col("current_step_remaining_seconds", Integer, NULL, Rule::Range(0, 86_400), "Left of it, while paused."),
        ),
        together("run", col("paused_at", Integer, NULL, Rule::Any, "When it was paused.")),
        together(
            "run",
            col("total_paused_seconds", Integer, Preset::Integer(0), Rule::Range(0, 31_536_000), "All pauses so far."),
        ),
        together(
            "run",
            col(
                "step_results",
                Text,
                NULL,
                Rule::Json,
                "A JSON array of all its steps: habit_id, and once answered result and at.",
            ),
        ),
    ],
};
