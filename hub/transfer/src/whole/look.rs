//! The first look at an export: each row is read once and let go; what stays is where it stands, and when its turn is.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use kairos_core::ids::UserId;
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETION_EVENTS, COMPLETIONS, HABITS};
use serde::de::{Error as _, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{DAYS, Line, Outlook, ROWS, TABLES, row};
use crate::json::signs;

/// What is known of the rows after looking at each once. No row is kept: as a tree it takes many times its text.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) rows: Vec<Place>,
    /// The habits that days are of, numbered as they come.
    habits: HashMap<String, u32>,
    pub(super) outlook: Outlook,
    /// What is wrong with the first row that is.
    pub(super) fault: Option<String>,
}

/// When a row is taken in, and where in the file it stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Its table, in the order of [`TABLES`]; cells and events count as one.
    table: u8,
    /// What it is about: days of one habit together, in their order, each cell right before its events.
    habit: u32,
    day: i32,
    actor: u32,
    pub(super) event: bool,
    pub(super) from: u32,
    pub(super) length: u32,
}

impl Place {
    pub(super) fn day(&self) -> (u8, u32, i32, u32) {
        (self.table, self.habit, self.day, self.actor)
    }
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(rows: D) -> Result<Self, D::Error> {
        rows.deserialize_seq(Looking)
    }
}

/// Looks at the rows, and at no more than there may be.
struct Looking;

impl<'de> Visitor<'de> for Looking {
    type Value = Seen;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "at most {ROWS} rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Seen, A::Error> {
        let nobody = UserId::new("nobody").map_err(A::Error::custom)?;
        let mut seen = Seen::default();
        while let Some(line) = rows.next_element::<Line<'de>>()? {
            if seen.rows.len() >= ROWS {
                return Err(A::Error::custom(format!("at most {ROWS} rows are read")));
            }
            match row(line, &nobody) {
                Ok(row) => seen.note(&row),
                Err(message) => {
                    seen.fault = Some(format!("Row {}: {message}", seen.rows.len() + 1));
                    // The rest need not be looked at; the file is refused.
                    while rows.next_element::<IgnoredAny>()?.is_some() {}
                    break;
                }
            }
        }
        Ok(seen)
    }
}

impl Seen {
    fn note(&mut self, row: &Row) {
        let table = TABLES.iter().position(|table| *table == row.table).unwrap_or(TABLES.len());
        let mut place = Place { table: u8::try_from(table).unwrap_or(u8::MAX), ..Place::default() };
        if row.table == &COMPLETIONS || row.table == &COMPLETION_EVENTS {
            place.table = DAYS;
            place.event = row.table == &COMPLETION_EVENTS;
            let next = u32::try_from(self.habits.len()).unwrap_or(u32::MAX);
            place.habit = *self.habits.entry(row.text("habit_id")).or_insert(next);
            let date = row.text("date");
            place.day = repair::parse_date(&date)
                .map_or(0, |date| i32::from(date.year()) * 512 + i32::from(date.month()) * 32 + i32::from(date.day()));
            let mut hasher = DefaultHasher::new();
            row.text("actor").hash(&mut hasher);
            #[allow(clippy::cast_possible_truncation)] // only keeps what belongs together side by side
            let actor = hasher.finish() as u32;
            place.actor = actor;
            if place.event {
                let outlook = &mut self.outlook;
                outlook.entries += 1;
                outlook.skips += usize::from(row.text("verb") == "skip");
                if outlook.first.as_ref().is_none_or(|first| date < *first) {
                    outlook.first = Some(date.clone());
                }
                if outlook.last.as_ref().is_none_or(|last| date > *last) {
                    outlook.last = Some(date);
                }
            }
        }
        self.outlook.habits += usize::from(row.table == &HABITS);
        self.rows.push(place);
    }
}

/// Where each row stands in a text that was read already: the objects in a list in the file's own object. `None` when
/// there are others, which no export has.
pub(super) fn find(bytes: &[u8], rows: &mut [Place]) -> Option<()> {
    let (mut depth, mut found, mut from) = (0_usize, 0, 0);
    for (at, sign) in signs(bytes) {
        match sign {
            b'{' | b'[' => {
                depth += 1;
                if depth == 3 {
                    from = at;
                }
            }
            b'}' | b']' => {
                if depth == 3 {
                    let row = rows.get_mut(found)?;
                    row.from = u32::try_from(from).ok()?;
                    row.length = u32::try_from(at + 1 - from).ok()?;
                    found += 1;
                }
                depth = depth.saturating_sub(1);
            }
            _ => {}
        }
    }
    (found == rows.len()).then_some(())
}
