//! What a file holds, and its rows slice by slice.

use bytes::Bytes;
use kairos_core::Millis;
use kairos_core::command::Rejection;
use kairos_core::day::day_begins;
use kairos_core::event::{Event, Source, TimeSource};
use kairos_core::hlc::Hlc;
use kairos_core::ids::{EventId, HabitId, UserId};
use kairos_core::plan::Person;
use kairos_core::row::Row;
use kairos_core::schema::COMPLETIONS;
use kairos_core::scope::Scope;
use kairos_transfer::PortableEntry;
use kairos_transfer::whole::Whole;

use super::rows::{Outlook, wrong};

/// How many rows are taken in at once: as long as that takes, a press may have to wait.
const SLICE: usize = 200;
/// Noon, in milliseconds after the day begins: when a deed is thought to have happened that does not say.
const NOON: Millis = 12 * 3_600_000;

/// What a file holds: enough to make its rows of, and no row yet. A row takes many times what the file has of it.
#[derive(Debug)]
pub struct Contents {
    /// What a person is shown before anything is imported.
    pub outlook: Outlook,
    pub(super) source: Held,
}

#[derive(Debug)]
pub(super) enum Held {
    /// The hub's own export: its text, and where each row stands.
    Whole(Whole<Bytes>),
    /// Another app's habits with their days.
    Listed(Listed),
}

impl Contents {
    /// How many rows it has.
    #[must_use]
    pub fn total(&self) -> usize {
        match &self.source {
            Held::Whole(whole) => whole.len(),
            Held::Listed(listed) => {
                listed.habits.iter().map(|habit| 1 + habit.schedules.len() + habit.entries.len()).sum()
            }
        }
    }

    /// Its rows, slice by slice.
    #[must_use]
    pub fn slices(self) -> Slices {
        Slices { source: self.source, habit: 0, at: 0, days: false }
    }
}

/// The rows of a file, slice by slice, in the order in which they are taken in.
#[derive(Debug)]
pub struct Slices {
    source: Held,
    /// How far it is: the next row of an export; the next habit, or the next day of a habit.
    at: usize,
    habit: usize,
    days: bool,
}

impl Slices {
    /// The next rows; none at the end.
    ///
    /// # Errors
    /// A sentence about a row that cannot be read.
    pub fn next(&mut self) -> Result<Vec<Row>, Rejection> {
        let mut rows = Vec::with_capacity(SLICE);
        // A cell and its first event are not parted: alone it would say nothing.
        while rows.len() < SLICE || rows.last().is_some_and(|row: &Row| row.table == &COMPLETIONS) {
            match self.row()? {
                Some(row) => rows.push(row),
                None => break,
            }
        }
        Ok(rows)
    }

    fn row(&mut self) -> Result<Option<Row>, Rejection> {
        match &self.source {
            Held::Whole(whole) => {
                self.at += 1;
                whole.row(self.at - 1).map_err(wrong)
            }
            Held::Listed(listed) => {
                if !self.days {
                    while let Some(habit) = listed.habits.get(self.habit) {
                        let row = self.at.checked_sub(1).map_or(Some(&habit.row), |at| habit.schedules.get(at));
                        if let Some(row) = row {
                            self.at += 1;
                            return Ok(Some(row.clone()));
                        }
                        (self.habit, self.at) = (self.habit + 1, 0);
                    }
                    (self.days, self.habit) = (true, 0);
                }
                while let Some(habit) = listed.habits.get(self.habit) {
                    if let Some(told) = habit.entries.get(self.at) {
                        self.at += 1;
                        return Ok(Some(listed.event(habit, told)));
                    }
                    (self.habit, self.at) = (self.habit + 1, 0);
                }
                Ok(None)
            }
        }
    }
}

/// Habits with their days, as an app lists them.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) user: UserId,
    pub(super) scope: Scope,
    pub(super) person: Person,
    pub(super) now: Millis,
    /// The app's word in ids.
    pub(super) origin: &'static str,
    pub(super) habits: Vec<ListedHabit>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct ListedHabit {
    pub(super) id: HabitId,
    pub(super) reference: String,
    pub(super) row: Row,
    /// What it asked for at other times.
    pub(super) schedules: Vec<Row>,
    pub(super) entries: Vec<Told>,
}

/// A day of it.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) entry: PortableEntry,
    pub(super) source: Source,
    /// Whether it comes before the other one of its day.
    pub(super) first_of_two: bool,
}

impl Listed {
    /// An event without clocks: the door gives them.
    fn event(&self, habit: &ListedHabit, told: &Told) -> Row {
        let Told { entry, source, .. } = told;
        let begins = day_begins(entry.date, &self.person.zone, self.person.day_start_min);
        let occurred_at = entry.occurred_at.unwrap_or(begins.saturating_add(NOON));
        let event = Event {
            id: self.event_id(habit, told),
            user_id: self.user.clone(),
            habit_id: habit.id.clone(),
            date: entry.date,
            actor: String::new(),
            verb: entry.verb,
            value: entry.value,
            undo_of: None,
            skip_reason: None,
            occurred_at,
            time_source: TimeSource::Import,
            tz: self.person.tz.clone(),
            tz_offset_min: self.person.zone.offset_minutes(occurred_at),
            source: *source,
            device_id: None,
            press_id: None,
            note: entry.note.clone(),
            at: Hlc::from_parts(self.now, 0, "import"),
        };
        let mut row = event.to_row(self.scope.clone());
        row.clocks.clear();
        row.touched = None;
        row
    }
    /// The events of a slice get one clock, and then their ids say which came first.
    fn event_id(&self, habit: &ListedHabit, told: &Told) -> EventId {
        let derived = |origin: &str| EventId::imported(&self.user, origin, &habit.reference, told.entry.date);
        let id = derived(self.origin);
        if !told.first_of_two {
            return id;
        }
        let mut before = (0..1000).map(|n| derived(&format!("{}.{n}", self.origin)));
        before.find(|before| before.as_str() < id.as_str()).unwrap_or(id)
    }
}
