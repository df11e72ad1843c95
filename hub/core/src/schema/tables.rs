//! People, habits, what was done, devices. Names are those of the Kairos family of apps, so that an existing client
//! can sync.

use super::Kind::{Integer, Real, Text};
use super::{NEEDED, NULL, Preset, Rule, Stream, Table, col, derived, together};

/// People, as other people may see them. The account (mail, password) is local to the hub.
pub static USERS: Table = Table {
    name: "users",
    doc: "A person's profile: name, time zone, start of the day. Its id is the person's.",
    stream: Stream::Rows,
    keys: &[],
    columns: &[
        col("display_name", Text, NULL, Rule::Length(100), "The name shown to others."),
        col("avatar_color", Text, NULL, Rule::Length(32), "A colour for the person's mark."),
        col("tz", Text, Preset::Text("UTC"), Rule::Zone, "The person's time zone, an IANA name."),
        col(
            "day_start_min",
            Integer,
            Preset::Integer(0),
            Rule::Range(0, 720),
            "Minutes after midnight at which the person's day begins.",
        ),
        col("week_start", Integer, Preset::Integer(1), Rule::Range(1, 7), "First day of the week, 1 is Monday."),
        col("locale", Text, NULL, Rule::Length(35), "Language of texts, a BCP 47 tag."),
    ],
};

const PHASES: Rule = Rule::OneOf(&["ONBOARD", "FORMING", "MAINTAINING", "LAPSED", "RELAPSED"]);

/// Habits.
pub static HABITS: Table = Table {
    name: "habits",
    doc: "What a person or a household wants to do.",
    stream: Stream::Rows,
    keys: &[],
    columns: &[
        col(
            "household_id",
            Text,
            NULL,
            Rule::Length(128),
            "The household it belongs to; NULL when private. The scope is the fence.",
        ),
        col("name", Text, NEEDED, Rule::Length(100), "Its name, 1 to 100 characters."),
        col("description", Text, NULL, Rule::Prose(2000), "More about it."),
        col("question", Text, NULL, Rule::Length(200), "What the app asks at the end of the day."),
        col("icon", Text, NULL, Rule::Length(64), "Name of an icon."),
        col("color", Text, NULL, Rule::Length(32), "Its colour."),
        col("anchor_behavior", Text, Preset::Text(""), Rule::Length(200), "What it follows: after I pour my coffee."),
        col(
            "anchor_type",
            Text,
            Preset::Text("AFTER_BEHAVIOR"),
            Rule::OneOf(&["AFTER_BEHAVIOR", "BEFORE_BEHAVIOR", "AT_LOCATION", "AT_TIME"]),
            "How it follows the anchor.",
        ),
        col("time_window_start", Text, NULL, Rule::Length(5), "Earliest local time, HH:MM."),
        col("time_window_end", Text, NULL, Rule::Length(5), "Latest local time, HH:MM."),
        col(
            "category",
            Text,
            Preset::Text("ANYTIME"),
            Rule::OneOf(&["MORNING", "AFTERNOON", "EVENING", "ANYTIME", "DEPARTURE"]),
            "Part of the day.",
        ),
        col(
            "frequency",
            Text,
            Preset::Text("DAILY"),
            Rule::OneOf(&["DAILY", "WEEKDAYS", "WEEKENDS", "CUSTOM"]),
            "On which days it is due.",
        ),
        col("active_days", Text, NULL, Rule::Json, "For CUSTOM: a JSON array of weekdays, 1 is Monday."),
        together(
            "measure",
            col(
                "kind",
                Text,
                Preset::Text("boolean"),
                Rule::OneOf(&["boolean", "measurable", "avoid"]),
                "Done or not, an amount, or something to stay away from.",
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
        col("unit", Text, NULL, Rule::Length(32), "Unit of the amount."),
        col("step", Real, Preset::Real(1.0), Rule::Amount, "What one press adds."),
        together(
            "quota",
            col("freq_num", Integer, Preset::Integer(1), Rule::Range(1, 366), "How many times in freq_den days."),
        ),
        together(
            "quota",
            col("freq_den", Integer, Preset::Integer(1), Rule::Range(1, 366), "Length of the period in days."),
        ),
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
        col("estimated_seconds", Integer, Preset::Integer(300), Rule::Range(1, 86_400), "How long it takes."),
        col("micro_version", Text, NULL, Rule::Length(200), "The smallest version that still counts."),
        col(
            "micro_active",
            Integer,
            Preset::Integer(0),
            Rule::Range(0, 1),
            "Whether the small version is the current one.",
        ),
        col("allow_partial", Integer, Preset::Integer(1), Rule::Range(1, 1), "Part of it always counts."),
        col("subtasks", Text, NULL, Rule::Json, "A JSON array of steps."),
        together(
            "thresholds",
            col(
                "lapse_threshold_days",
                Integer,
                Preset::Integer(3),
                Rule::Range(1, 365),
                "Days after which the hub offers help.",
            ),
        ),
        together(
            "thresholds",
            col(
                "relapse_threshold_days",
                Integer,
                Preset::Integer(7),
                Rule::Range(2, 366),
                "Days after which it offers a fresh start.",
            ),
        ),
        col(
            "allowed_skips_per_week",
            Integer,
            Preset::Integer(2),
            Rule::Range(0, 7),
            "Skips a week that go without a question; skipping is always free.",
        ),
        col("phase", Text, Preset::Text("ONBOARD"), PHASES, "Where the habit stands."),
        together(
            "status",
            col(
                "status",
                Text,
                Preset::Text("ACTIVE"),
                Rule::OneOf(&["ACTIVE", "PAUSED", "ARCHIVED"]),
                "Whether it is asked for.",
            ),
        ),
        together("status", col("paused_at", Integer, NULL, Rule::Any, "When it was paused.")),
        together("status", col("archived_at", Integer, NULL, Rule::Any, "When it was archived.")),
        col(
            "completion_mode",
            Text,
            NULL,
            Rule::OneOf(&["ANYONE_ONCE", "EVERYONE", "ASSIGNED", "ROTATING"]),
            "Who does a shared habit; NULL for private ones.",
        ),
        col("assigned_to", Text, NULL, Rule::Length(128), "The person it is assigned to."),
        col("rotation_config", Text, NULL, Rule::Json, "How it rotates."),
        col("start_date", Text, NULL, Rule::Date, "First day it is due."),
        col("sort_key", Text, NULL, Rule::Length(128), "Its place in lists; sorts as text."),
        col("derived_from", Text, NULL, Rule::Length(128), "The private habit a shared one came from."),
        col("import_ref", Text, NULL, Rule::Length(200), "Its id in the app it was imported from."),
    ],
};

/// The day cell.
pub static COMPLETIONS: Table = Table {
    name: "completions",
    doc: "One habit on one day for one actor: a fold of completion_events. Its id is derived from habit, date and actor.",
    stream: Stream::Rows,
    keys: &["habit_id", "date"],
    columns: &[
        col("habit_id", Text, NEEDED, Rule::Length(128), "The habit."),
        col("date", Text, NEEDED, Rule::Date, "The logical day."),
        col("actor", Text, Preset::Text(""), Rule::Length(128), "The person, where everyone does it; else empty."),
        derived(col("completed_by", Text, NULL, Rule::Length(128), "Whose deed is shown.")),
        derived(col("completed_at", Integer, NULL, Rule::Any, "When that deed occurred.")),
        derived(col(
            "type",
            Text,
            NULL,
            Rule::OneOf(&["FULL", "PARTIAL", "SKIPPED", "MISSED"]),
            "How the day stands; NULL where there are only words.",
        )),
        derived(col("partial_percent", Integer, NULL, Rule::Range(1, 99), "How much of it, for PARTIAL.")),
        derived(col("amount", Real, NULL, Rule::Any, "The amount, for measurable habits.")),
        derived(col("skip_reason", Text, NULL, SKIP_REASONS, "Why the day was left out.")),
        col("energy_level", Integer, NULL, Rule::Range(1, 5), "How the person felt, 1 to 5."),
        col("note", Text, NULL, Rule::Prose(2000), "A note for the day."),
        derived(col("source", Text, Preset::Text("app"), Rule::Length(32), "Where the deed came from.")),
        derived(col("device_id", Text, NULL, Rule::Length(128), "The device it came from.")),
    ],
};

const SKIP_REASONS: Rule =
    Rule::OneOf(&["TOO_TIRED", "NO_TIME", "NOT_FEELING_WELL", "TRAVELING", "TOOK_DAY_OFF", "OTHER"]);

/// What happened, append-only.
pub static COMPLETION_EVENTS: Table = Table {
    name: "completion_events",
    doc: "What people did, one row a deed, never changed: the truth from which day cells follow.",
    stream: Stream::Events,
    keys: &["habit_id", "date"],
    columns: &[
        col("habit_id", Text, NEEDED, Rule::Length(128), "The habit."),
        col("date", Text, NEEDED, Rule::Date, "The logical day, frozen when the event was written."),
        col("actor", Text, Preset::Text(""), Rule::Length(128), "The actor of the cell it was written for."),
        col(
            "verb",
            Text,
            NEEDED,
            Rule::OneOf(&["full", "partial", "add", "set", "skip", "miss", "undo", "lapse"]),
            "What was done.",
        ),
        col("value", Real, NULL, Rule::Any, "Amount of add and set, percent of partial."),
        col("undo_of", Text, NULL, Rule::Length(128), "For undo: the event taken back; NULL takes back all before it."),
        col("skip_reason", Text, NULL, SKIP_REASONS, "Why the day was left out."),
        col("occurred_at", Integer, NEEDED, Rule::Any, "When it happened, as well as is known."),
        col(
            "time_source",
            Text,
            NEEDED,
            Rule::OneOf(&["client", "device", "hub", "estimated", "import"]),
            "Who knew the time.",
        ),
        col("tz", Text, NEEDED, Rule::Length(64), "The person's time zone then."),
        col("tz_offset_min", Integer, NEEDED, Rule::Range(-1560, 1560), "Its offset from UTC then, in minutes."),
        col("source", Text, NEEDED, Rule::Length(32), "app, api, device, mirror, rule, import, engine."),
        col("device_id", Text, NULL, Rule::Length(128), "The device it came from."),
        col("press_id", Text, NULL, Rule::Length(128), "The device's own name for the press."),
        col("note", Text, NULL, Rule::Prose(2000), "A note that came with it."),
    ],
};

const DEVICE_KINDS: Rule = Rule::OneOf(&[
    "button",
    "board",
    "nfc",
    "light",
    "display",
    "mirror",
    "watch",
    "phone",
    "presence",
    "esphome",
    "tasmota",
    "shelly",
    "zigbee2mqtt",
    "homeassistant",
    "bridge",
    "webhook",
]);

/// Devices.
pub static DEVICES: Table = Table {
    name: "devices",
    doc: "Buttons, boards and displays. Their secrets stay on the hub that serves them.",
    stream: Stream::Rows,
    keys: &[],
    columns: &[
        col("household_id", Text, NULL, Rule::Length(128), "The household it belongs to."),
        col("name", Text, NEEDED, Rule::Length(100), "Its name."),
        col("kind", Text, NEEDED, DEVICE_KINDS, "What it is."),
        col("hub_id", Text, NULL, Rule::Length(128), "The hub that serves it."),
        col("hw_id", Text, NULL, Rule::Length(128), "Its hardware id."),
        col("model", Text, NULL, Rule::Length(100), "Its model."),
        col("fw_version", Text, NULL, Rule::Length(64), "Its firmware."),
        col(
            "status",
            Text,
            Preset::Text("active"),
            Rule::OneOf(&["pending", "active", "revoked"]),
            "Whether it may connect.",
        ),
        col("paired_at", Integer, NULL, Rule::Any, "When it was added."),
        col("battery_pct", Integer, NULL, Rule::Range(0, 100), "Its battery, in percent."),
        col("config", Text, NULL, Rule::Json, "Settings of its kind: listed topic prefixes, what a display shows."),
    ],
};

/// What a press means.
pub static DEVICE_BINDINGS: Table = Table {
    name: "device_bindings",
    doc: "What a trigger of a device does. Its id is derived from device, button and trigger.",
    stream: Stream::Rows,
    keys: &[],
    columns: &[
        col("device_id", Text, NEEDED, Rule::Length(128), "The device."),
        col("button", Text, Preset::Text("1"), Rule::Length(32), "Which of its buttons."),
        col("trigger_key", Text, NEEDED, Rule::Length(64), "press, double, long, or a tag."),
        together(
            "does",
            col(
                "action",
                Text,
                NEEDED,
                Rule::OneOf(&["complete", "partial", "add", "skip", "undo", "routine_start", "routine_next", "show"]),
                "What it does.",
            ),
        ),
        together("does", col("habit_id", Text, NULL, Rule::Length(128), "To which habit.")),
        together("does", col("routine_id", Text, NULL, Rule::Length(128), "To which routine.")),
        together("does", col("value", Real, NULL, Rule::Any, "With which amount or percent.")),
        together("does", col("act_as", Text, NULL, Rule::Length(128), "As whom, when not as the device's owner.")),
    ],
};
