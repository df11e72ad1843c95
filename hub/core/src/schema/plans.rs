//! What a person wishes for their habits over time: preferences, dated schedules, breaks, and the way back.

use super::Kind::{Integer, Real, Text};
use super::{NEEDED, NULL, Preset, Rule, Stream, Table, col, together};

const FLAG: Rule = Rule::Range(0, 1);

/// What a person likes to see.
pub static USER_PREFERENCES: Table = Table {
    name: "user_preferences",
    doc: "What a person likes to see and hear. Its id is derived from the person.",
    stream: Stream::Rows,
    keys: &[],
    columns: &[
        col("notification_enabled", Integer, Preset::Integer(1), FLAG, "Whether reminders are sent at all."),
        col("default_reminder_time", Text, NULL, Rule::Time, "Local time of reminders that name none, HH:MM."),
        col("theme", Text, Preset::Text("SYSTEM"), Rule::OneOf(&["SYSTEM", "LIGHT", "DARK"]), "Colours of the app."),
        col("energy_tracking_enabled", Integer, Preset::Integer(0), FLAG, "Whether the app asks for energy."),
        together("quiet", col("quiet_start", Text, NULL, Rule::Time, "Start of the quiet hours, HH:MM.")),
        together("quiet", col("quiet_end", Text, NULL, Rule::Time, "End of the quiet hours, HH:MM.")),
        col("notification_channels", Text, NULL, Rule::Json, "A JSON array of channels."),
        col("show_streaks", Integer, Preset::Integer(0), FLAG, "Whether runs of days are shown; off unless asked for."),
        col("show_score", Integer, Preset::Integer(0), FLAG, "Whether a score is shown; off unless asked for."),
    ],
};

/// What a habit asked for in the past.
pub static HABIT_SCHEDULES: Table = Table {
    name: "habit_schedules",
    doc: "What a habit asks for from a day on, so that a change leaves the past as it was. Its id is derived from habit and day.",
    stream: Stream::Rows,
    keys: &[],
    columns: &[
        col("habit_id", Text, NEEDED, Rule::Length(128), "The habit."),
        col("valid_from", Text, NEEDED, Rule::Date, "The first day it is valid."),
        col("valid_to", Text, NULL, Rule::Date, "The last day, when another follows; the next row's day decides."),
        together(
            "days",
            col(
                "frequency",
                Text,
                Preset::Text("DAILY"),
                Rule::OneOf(&["DAILY", "WEEKDAYS", "WEEKENDS", "CUSTOM"]),
                "On which days it is due.",
            ),
        ),
        together("days", col("active_days", Text, NULL, Rule::Json, "For CUSTOM: weekdays, 1 is Monday.")),
        together("quota", col("freq_num", Integer, Preset::Integer(1), Rule::Range(1, 366), "How many times.")),
        together("quota", col("freq_den", Integer, Preset::Integer(1), Rule::Range(1, 366), "In how many days.")),
        together(
            "quota",
            col(
                "freq_window",
                Text,
                Preset::Text("calendar"),
                Rule::OneOf(&["calendar", "rolling"]),
                "Whether the period follows the calendar.",
            ),
        ),
        together(
            "measure",
            col(
                "target_type",
                Text,
                Preset::Text("at_least"),
                Rule::OneOf(&["at_least", "at_most"]),
                "How the amount is compared with the target.",
            ),
        ),
        together("measure", col("target_value", Real, NULL, Rule::Amount, "The amount aimed at.")),
        together("measure", col("unit", Text, NULL, Rule::Length(32), "Unit of the amount.")),
        together(
            "measure",
            col(
                "kind",
                Text,
                NULL,
                Rule::OneOf(&["boolean", "measurable", "avoid"]),
                "Done or not, an amount, or something to stay away from; NULL: as the habit itself.",
            ),
        ),
        together(
            "thresholds",
            col(
                "lapse_threshold_days",
                Integer,
                NULL,
                Rule::Range(1, 365),
                "Days after which the hub offers help; NULL: as the habit itself.",
            ),
        ),
        together(
            "thresholds",
            col(
                "relapse_threshold_days",
                Integer,
                NULL,
                Rule::Range(2, 366),
                "Days after which it offers a fresh start; NULL: as the habit itself.",
            ),
        ),
    ],
};

/// Breaks.
pub static PAUSES: Table = Table {
    name: "pauses",
    doc: "A break: of one habit, or of all of a person's (a vacation). Nothing is asked for meanwhile.",
    stream: Stream::Rows,
    keys: &[],
    columns: &[
        col("habit_id", Text, NULL, Rule::Length(128), "The habit; NULL is all of the person's."),
        together("span", col("from_date", Text, NEEDED, Rule::Date, "Its first day.")),
        together("span", col("to_date", Text, NULL, Rule::Date, "Its last day; NULL until it is ended.")),
        col("reason", Text, NULL, Rule::Length(200), "Why, in the person's words."),
    ],
};

/// The way back.
pub static RECOVERY_SESSIONS: Table = Table {
    name: "recovery_sessions",
    doc: "An offer of help after some days without a deed. Its id is derived from habit, actor and the first of those days.",
    stream: Stream::Rows,
    keys: &[],
    columns: &[
        col("habit_id", Text, NEEDED, Rule::Length(128), "The habit."),
        col("actor", Text, Preset::Text(""), Rule::Length(128), "The person, where everyone does it; else empty."),
        col("type", Text, Preset::Text("LAPSE"), Rule::OneOf(&["LAPSE", "RELAPSE"]), "A short gap or a long one."),
        together(
            "answer",
            col(
                "status",
                Text,
                Preset::Text("PENDING"),
                Rule::OneOf(&["PENDING", "COMPLETED", "ABANDONED"]),
                "Whether it waits, was answered, or no longer applies.",
            ),
        ),
        together(
            "answer",
            col(
                "action",
                Text,
                NULL,
                Rule::OneOf(&["RESUME", "SIMPLIFY", "PAUSE", "ARCHIVE", "FRESH_START"]),
                "What the person chose; set exactly when COMPLETED.",
            ),
        ),
        together("answer", col("completed_at", Integer, NULL, Rule::Any, "When it was answered.")),
        together(
            "answer",
            col(
                "answered_by",
                Text,
                NULL,
                Rule::OneOf(&["person", "deed"]),
                "Whether a person chose, or simply did it again.",
            ),
        ),
        together("answer", col("answered_on", Text, NULL, Rule::Date, "The logical day of the answer.")),
        col("triggered_at", Integer, NEEDED, Rule::Any, "When the day ended that made it."),
        col("blockers", Text, NULL, Rule::Json, "A JSON array of what stood in the way, in open words."),
        col("notes", Text, NULL, Rule::Prose(2000), "The person's notes, or why it no longer applies."),
        col("gap_start", Text, NEEDED, Rule::Date, "The first day of the gap."),
        col("gap_end", Text, NULL, Rule::Date, "The day of the next deed."),
    ],
};
