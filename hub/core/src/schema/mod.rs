//! The one description of every synced table.
//!
//! From it follow the SQL the store writes, what a row's JSON holds, how rows merge, and (as they
//! arrive) the Postgres tables, the sync streams and the clients' schema. A table or column that is
//! not described here does not exist for anybody.

pub mod client;
mod plans;
pub mod postgres;
mod routines;
mod sharing;
pub mod streams;
mod tables;

pub use plans::{HABIT_SCHEDULES, PAUSES, RECOVERY_SESSIONS, USER_PREFERENCES};
pub use routines::{ROUTINE_EXECUTIONS, ROUTINE_HABITS, ROUTINE_VARIANTS, ROUTINES};
pub use sharing::{CONFLICTS, HOUSEHOLD_MEMBERS, HOUSEHOLDS, ID_ALIASES};
pub use tables::{COMPLETION_EVENTS, COMPLETIONS, DEVICE_BINDINGS, DEVICES, HABITS, USERS};

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::value::Value;

/// Every synced table.
pub const TABLES: &[&Table] = &[
    &USERS,
    &USER_PREFERENCES,
    &HABITS,
    &HABIT_SCHEDULES,
    &PAUSES,
    &COMPLETIONS,
    &COMPLETION_EVENTS,
    &RECOVERY_SESSIONS,
    &ROUTINES,
    &ROUTINE_HABITS,
    &ROUTINE_VARIANTS,
    &ROUTINE_EXECUTIONS,
    &DEVICES,
    &DEVICE_BINDINGS,
    &HOUSEHOLDS,
    &HOUSEHOLD_MEMBERS,
    &CONFLICTS,
    &ID_ALIASES,
];

const fn col(name: &'static str, kind: Kind, preset: Preset, rule: Rule, doc: &'static str) -> Column {
    Column { name, kind, preset, rule, register: name, derived: false, doc }
}

const fn together(register: &'static str, column: Column) -> Column {
    Column { register, ..column }
}

const fn derived(column: Column) -> Column {
    Column { derived: true, ..column }
}

const NULL: Preset = Preset::Null;
const NEEDED: Preset = Preset::Required;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text, or nested values as JSON text.
    Text,
    /// A whole number; booleans are 0 and 1; times are milliseconds since the epoch, UTC.
    Integer,
    /// A finite number.
    Real,
}

impl Kind {
    /// What a value of it is, to end a sentence about one that is not.
    #[must_use]
    pub fn expected(self) -> &'static str {
        match self {
            Self::Text => "must be text",
            Self::Integer => "must be a whole number",
            Self::Real => "must be a number",
        }
    }
}

/// The largest amount: far above anything a person counts, far below where sums of a year lose a unit.
pub const MAX_AMOUNT: f64 = 1e9;

/// The longest JSON text, in bytes: far above what any screen writes.
pub const MAX_JSON: usize = 16 * 1024;

/// A rule a single value must meet; `repair` brings values that break it back to the default.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// Nothing beyond the kind.
    Any,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A whole number in this range, both ends included.
    Range(i64, i64),
    /// One line of this many characters at most, without control characters: it goes into lists, logs and terminals.
    /// At least one character when the column is required.
    Length(usize),
    /// Text of this many characters at most, on as many lines as it likes.
    Prose(usize),
    /// A calendar date `YYYY-MM-DD`.
    Date,
    /// A local time `HH:MM`.
    Time,
    /// The name of a time zone.
    Zone,
    /// An amount: a finite number above zero, at most [`MAX_AMOUNT`].
    Amount,
    /// JSON text of at most [`MAX_JSON`] bytes.
    Json,
}

/// What stands in a column that was never set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Preset {
    /// NULL.
    Null,
    /// The column must be given when the row is made.
    Required,
    /// A word.
    Text(&'static str),
    /// A number.
    Integer(i64),
    /// A number.
    Real(f64),
}

impl Preset {
    /// The value that stands in for an absent one; empty text and zero where one is required.
    #[must_use]
    pub fn value(self, kind: Kind) -> Value {
        match (self, kind) {
            (Self::Null, _) => Value::Null,
            (Self::Text(text), _) => Value::from(text),
            (Self::Integer(number), _) => Value::Integer(number),
            (Self::Real(number), _) => Value::Real(number),
            (Self::Required, Kind::Text) => Value::from(""),
            (Self::Required, Kind::Integer) => Value::Integer(0),
            (Self::Required, Kind::Real) => Value::Real(0.0),
        }
    }
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name, the same in every database, stream and client.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What stands there when nothing was given.
    pub preset: Preset,
    /// What a value must meet.
    pub rule: Rule,
    /// The register it merges in: its own name, or that of the columns it must agree with.
    pub register: &'static str,
    /// A cache computed from other rows: never merged, never a conflict.
    pub derived: bool,
    /// One sentence for the documentation.
    pub doc: &'static str,
}

impl Column {
    /// Whether NULL may stand here.
    #[must_use]
    pub fn nullable(&self) -> bool {
        self.preset == Preset::Null
    }
}

/// Which sync bucket of its scope a table's rows go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// The default bucket: what every client of the scope holds.
    Rows,
    /// The event bucket: on request only.
    Events,
    /// What only hubs and servers need: no client asks for it.
    Internal,
}

impl Stream {
    /// Its name in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Events => "events",
            Self::Internal => "internal",
        }
    }
}

/// One synced table. Every one also has the [`COMMON`] columns.
#[derive(Debug)]
pub struct Table {
    /// Its name, the same everywhere.
    pub name: &'static str,
    /// One sentence for the documentation.
    pub doc: &'static str,
    /// Its own columns, in the order of the SQL table.
    pub columns: &'static [Column],
    /// Which sync bucket its rows go to.
    pub stream: Stream,
    /// Immutable columns by which streams with parameters select; they stand in the log's `keys`.
    pub keys: &'static [&'static str],
}

impl Table {
    /// The table of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name).copied()
    }

    /// The column of that name among the table's own.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The registers every row of it has, sorted.
    #[must_use]
    pub fn registers(&self) -> &'static [&'static str] {
        static ALL: OnceLock<BTreeMap<&'static str, Vec<&'static str>>> = OnceLock::new();
        let of = |table: &&'static Self| {
            let own = table.columns.iter().filter(|column| !column.derived);
            let mut registers: Vec<&str> = own.map(|column| column.register).collect();
            registers.sort_unstable();
            registers.dedup();
            (table.name, registers)
        };
        ALL.get_or_init(|| TABLES.iter().map(of).collect()).get(self.name).map_or(&[], Vec::as_slice)
    }

    /// Whether its rows are a fold of others: then their deletion is, too, and has no clock.
    #[must_use]
    pub fn is_derived(&self) -> bool {
        self.columns.iter().any(|column| column.derived)
    }
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Table {}

/// Columns every synced table has, in this order: the first three before its own, the rest after.
pub const COMMON: [&str; 9] =
    ["id", "scope", "user_id", "created_at", "updated_at", "hlc", "deleted_at", "extra", "_clk"];

/// The register of a deletion, under that one name everywhere.
pub const DELETED_AT: &str = "deleted_at";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_no_column_hides_a_common_one() {
        let mut tables = HashSet::new();
        for table in TABLES {
            assert!(tables.insert(table.name), "{} stands twice", table.name);
            assert!(!table.doc.is_empty());
            let mut columns = HashSet::new();
            for column in table.columns {
                assert!(columns.insert(column.name), "{}.{} stands twice", table.name, column.name);
                assert!(!COMMON.contains(&column.name), "{}.{} is common", table.name, column.name);
                assert!(!column.doc.is_empty(), "{}.{} is undocumented", table.name, column.name);
            }
            for key in table.keys {
                assert!(columns.contains(key), "{}: key {key} is no column", table.name);
            }
        }
    }

    #[test]
    fn presets_meet_their_own_rule() {
        for table in TABLES {
            for column in table.columns {
                if column.preset != Preset::Required {
                    let value = column.preset.value(column.kind);
                    assert!(crate::repair::check(column, &value).is_ok(), "{}.{}: {value:?}", table.name, column.name);
                }
            }
        }
    }
}
