//! What stands between people, and between several writers of one row: households, what lost a merge, other names of
//! rows.

use super::Kind::{Integer, Text};
use super::{NEEDED, NULL, Preset, Rule, Stream, Table, col, together};

/// Households.
pub static HOUSEHOLDS: Table = Table {
    name: "households",
    doc: "People who share habits. Lives in its own scope, h:<id>.",
    stream: Stream::Rows,
    keys: &[],
    columns: &[
        col("name", Text, NEEDED, Rule::Length(100), "What its members call it."),
        col("created_by", Text, NULL, Rule::Length(128), "Who began it."),
    ],
};

/// Who belongs to a household.
pub static HOUSEHOLD_MEMBERS: Table = Table {
    name: "household_members",
    doc: "A member of a household: user_id is the member. Its id is derived from household and member; a deleted row is one who left.",
    stream: Stream::Rows,
    keys: &[],
    columns: &[
        col("household_id", Text, NEEDED, Rule::Length(128), "The household."),
        col(
            "role",
            Text,
            Preset::Text("member"),
            Rule::OneOf(&["admin", "member", "child"]),
            "What they may do in it.",
        ),
        col("display_name", Text, NULL, Rule::Length(100), "What the others call them."),
        col("joined_at", Integer, NULL, Rule::Any, "When they joined."),
    ],
};

/// What lost a merge, and what could not be applied.
pub static CONFLICTS: Table = Table {
    name: "conflicts",
    doc: "A value that lost a merge unseen, an upload that could not be applied, a row whose id is somebody else's elsewhere, or one that the server has and that cannot be read. Nothing is lost: the first two can be restored, the others stay where they are.",
    stream: Stream::Rows,
    keys: &[],
    columns: &[
        col("kind", Text, NEEDED, Rule::OneOf(&["lost", "quarantined", "foreign", "unreadable"]), "Which of them."),
        col("table_name", Text, NULL, Rule::Length(64), "The table of the row it is about."),
        col("row_id", Text, NULL, Rule::Length(128), "The row it is about."),
        col("column_name", Text, NULL, Rule::Length(128), "For lost: the column, or deleted_at."),
        col("lost_value", Text, NULL, Rule::Any, "For lost: the values of its register that lost, a JSON object."),
        col(
            "kept_value",
            Text,
            NULL,
            Rule::Any,
            "For lost: the values that stood, a JSON object. For foreign: `{\"stays\": \"here\"}` where the row is on the hub that says so, `\"there\"` where it is on the server.",
        ),
        col("lost_hlc", Text, NULL, Rule::Any, "For lost: the clock that lost."),
        col("kept_hlc", Text, NULL, Rule::Any, "For lost: the clock that won."),
        col(
            "reason",
            Text,
            NULL,
            Rule::Prose(1000),
            "For quarantined, foreign and unreadable: why, in a sentence for a person.",
        ),
        col("operations", Text, NULL, Rule::Any, "For quarantined: what was uploaded, a JSON array, oldest first."),
        col("client_id", Text, NULL, Rule::Length(128), "The client it came from, if it said."),
        together(
            "status",
            col(
                "status",
                Text,
                Preset::Text("OPEN"),
                Rule::OneOf(&["OPEN", "RESTORED", "DISMISSED"]),
                "What became of it.",
            ),
        ),
        together("status", col("settled_at", Integer, NULL, Rule::Any, "When.")),
        together("status", col("settled_by", Text, NULL, Rule::Length(128), "By whom.")),
    ],
};

/// Other names of rows whose id is derived.
pub static ID_ALIASES: Table = Table {
    name: "id_aliases",
    doc: "Another id under which a person's client wrote a row whose id is derived: what is still queued under it reaches the row. Its own id is derived from person, table and that other id.",
    stream: Stream::Internal,
    keys: &[],
    columns: &[
        col("table_name", Text, NEEDED, Rule::Length(64), "The table."),
        col("row_id", Text, NEEDED, Rule::Length(128), "The row's true id."),
        col("alias", Text, NULL, Rule::Length(128), "The other id."),
    ],
};
