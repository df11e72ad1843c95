//! Buckets: what a client has of a person's rows, under a name, with a checksum over all that was ever in it.

use std::fmt;

use serde_json::{Map, Value};

use crate::change::Change;
use crate::schema::{COMPLETION_EVENTS, COMPLETIONS, Stream, Table};
use crate::scope::Scope;

/// The stream of a person's own rows, which everybody gets.
pub const ME: &str = "me";
/// The stream of the rows of their households, which everybody gets who is in one.
pub const HOUSEHOLD: &str = "household";
/// On request: the events of a habit.
pub const EVENTS: &str = "events";
/// On request: a person's own days of a month, for a watch.
pub const WATCH_RECENT: &str = "watch_recent";

/// What a bucket holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// All rows of a scope but events.
    Rows(Scope),
    /// The events of a habit.
    Events(Scope, String),
    /// The days of a month, `2026-11`.
    Month(Scope, String),
}

impl Source {
    /// Whose it is.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        match self {
            Self::Rows(scope) | Self::Events(scope, _) | Self::Month(scope, _) => scope,
        }
    }

    /// The stream of the log it is part of: they begin new generations together.
    #[must_use]
    pub fn stream(&self) -> Stream {
        match self {
            Self::Rows(_) | Self::Month(..) => Stream::Rows,
            Self::Events(..) => Stream::Events,
        }
    }

    /// Its priority, unless the client wants another: one's own rows first.
    #[must_use]
    pub fn priority(&self) -> u8 {
        match self {
            Self::Rows(Scope::Person(_)) => 1,
            Self::Rows(Scope::Household(_)) => 2,
            Self::Events(..) | Self::Month(..) => 3,
        }
    }

    /// Whether a change may be in it. A change of another habit or month may seem to be.
    #[must_use]
    pub fn may_hold(&self, change: &Change) -> bool {
        change.scope == *self.scope()
            && match self {
                Self::Rows(_) => Table::named(change.table).is_some_and(|table| table.stream == Stream::Rows),
                Self::Events(..) => change.table == COMPLETION_EVENTS.name,
                Self::Month(..) => change.table == COMPLETIONS.name,
            }
    }
}

/// Names a bucket. A hub whose database began anew never meets what a client has of another life of it.
pub struct Name<'a> {
    /// The hub's id.
    pub hub: &'a str,
    /// This life of its database.
    pub epoch: &'a str,
    /// A bucket that held mostly what was compacted away begins a new one.
    pub generation: i64,
    /// What it holds.
    pub source: &'a Source,
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}:{}", self.hub, self.epoch, self.generation, self.source.scope())?;
        match self.source {
            Source::Rows(_) => Ok(()),
            Source::Events(_, habit) => write!(f, ":events:{habit}"),
            Source::Month(_, month) => write!(f, ":month:{month}"),
        }
    }
}

/// The sum of a bucket's checksums, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// The sum, modulo 2^32.
    pub checksum: u32,
    /// How many.
    pub count: i64,
}

impl Sum {
    /// Two sums together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { checksum: self.checksum.wrapping_add(other.checksum), count: self.count + other.count }
    }
}

/// The month of a `watch_recent` subscription.
#[must_use]
pub fn month(parameters: &Map<String, Value>) -> Option<&str> {
    let text = parameters.get("month")?.as_str()?;
    let (year, month) = text.split_once('-')?;
    let digits = |text: &str, len: usize| text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
    let fine = digits(year, 4) && digits(month, 2) && (1..=12).contains(&month.parse::<u8>().ok()?);
    fine.then_some(text)
}

/// The habit of an `events` subscription.
#[must_use]
pub fn habit(parameters: &Map<String, Value>) -> Option<&str> {
    let text = parameters.get("habit")?.as_str()?;
    crate::ids::HabitId::new(text).is_ok().then_some(text)
}
