//! Rows the writer has at hand: habits, their schedules and profiles are read at every press and seldom change, and a day
//! that is written again and again is read once.
//!
//! Only the writer writes, so what it knows is true until it writes the row itself. A refused wish makes it forget what that
//! wish wrote; whatever undoes more (a group that could not be committed, a database opened anew), everything.

use std::collections::HashMap;
use std::sync::Arc;

use kairos_core::event::Event;
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETION_EVENTS, HABIT_SCHEDULES, Table};
use kairos_core::scope::Scope;
use rusqlite::Connection;

use super::rows;

/// How many rows are kept. Beyond, all are forgotten: they are quickly read again.
const MOST: usize = 512;
/// How many dated schedules and events are kept beside them, each.
const MOST_BESIDE: usize = 50_000;

/// How many writes of one wish are noted. Beyond, all is forgotten when they are undone.
const MOST_NOTED: usize = 20_000;

/// One habit's day of one actor.
type Day = (String, String, String);

/// The events of a day, and where its habit lives: events of other scopes are none of its.
struct Events {
    scope: Scope,
    all: Arc<Vec<Event>>,
}

/// What was written, and is not at hand any more should that be undone.
enum Written {
    Row(&'static str, String),
    Schedule,
    Event(Day),
    /// Not written, but read in between: with the events that were written before.
    Read(Day),
}

/// A place among what was written.
#[derive(Clone, Copy)]
pub(super) struct Mark(Option<usize>);

/// What is at hand.
#[derive(Default)]
pub(super) struct Known {
    /// Sound rows by table and id.
    rows: HashMap<(&'static str, String), Arc<Row>>,
    /// Sound dated schedules by habit.
    dated: HashMap<String, Arc<Vec<Row>>>,
    /// Events of days that are folded again and again within one piece of work.
    events: HashMap<Day, Events>,
    /// What the present wish wrote; `None` when that is too much to be noted.
    written: Option<Vec<Written>>,
}

impl Known {
    /// A row as it is shown.
    pub(super) fn row(
        &mut self,
        connection: &Connection,
        table: &'static Table,
        id: &str,
    ) -> rusqlite::Result<Option<Arc<Row>>> {
        let key = (table.name, id.to_owned());
        if let Some(row) = self.rows.get(&key) {
            return Ok(Some(row.clone()));
        }
        let Some(row) = rows::by_id(connection, table, id)? else { return Ok(None) };
        let row = Arc::new(repair::sound(row));
        if self.rows.len() >= MOST {
            self.rows.clear();
        }
        self.rows.insert(key, row.clone());
        Ok(Some(row))
    }

    /// The dated schedules of a habit as they are shown, those of its former scopes among them.
    pub(super) fn dated(&mut self, connection: &Connection, habit: &str) -> rusqlite::Result<Arc<Vec<Row>>> {
        if let Some(dated) = self.dated.get(habit) {
            return Ok(dated.clone());
        }
        let dated = rows::select(connection, &HABIT_SCHEDULES, "WHERE habit_id = ?1", [habit])?;
        let dated = Arc::new(dated.into_iter().map(repair::sound).collect::<Vec<_>>());
        let kept: usize = self.dated.values().map(|dated| dated.len()).sum();
        if self.dated.len() >= MOST || kept + dated.len() > MOST_BESIDE {
            self.dated.clear();
        }
        self.dated.insert(habit.to_owned(), dated.clone());
        Ok(dated)
    }

    /// The events of a day, read with `read` when they are not at hand.
    pub(super) fn events<E>(
        &mut self,
        (habit, date, actor): (&Row, &str, &str),
        read: impl FnOnce() -> Result<Vec<Event>, E>,
    ) -> Result<Arc<Vec<Event>>, E> {
        let day = (habit.id.clone(), date.to_owned(), actor.to_owned());
        if let Some(events) = self.events.get(&day).filter(|events| events.scope == habit.scope) {
            return Ok(events.all.clone());
        }
        let all = Arc::new(read()?);
        let kept: usize = self.events.values().map(|events| events.all.len()).sum();
        if kept + all.len() > MOST_BESIDE {
            self.events.clear();
        }
        self.events.insert(day.clone(), Events { scope: habit.scope.clone(), all: all.clone() });
        self.note(Written::Read(day));
        Ok(all)
    }

    /// A row was written.
    pub(super) fn wrote(&mut self, row: &Row) {
        let written = match row.table.name {
            // The habit it was of before may be another.
            name if name == HABIT_SCHEDULES.name => {
                self.dated.clear();
                Written::Schedule
            }
            name if name == COMPLETION_EVENTS.name => Written::Event(self.add_event(row)),
            name => {
                self.rows.remove(&(name, row.id.clone()));
                Written::Row(name, row.id.clone())
            }
        };
        self.note(written);
    }

    fn note(&mut self, written: Written) {
        let Some(all) = &mut self.written else { return };
        all.push(written);
        if all.len() > MOST_NOTED {
            self.written = None;
        }
    }

    /// Adds an event to its day, where that is at hand.
    fn add_event(&mut self, row: &Row) -> Day {
        let day = (row.text("habit_id"), row.text("date"), row.text("actor"));
        if let Some(events) = self.events.get_mut(&day) {
            match Event::from_row(row).filter(|_| row.deleted_at.is_none() && row.scope == events.scope) {
                // The same event twice is one to the fold.
                Some(event) => Arc::make_mut(&mut events.all).push(event),
                None => drop(self.events.remove(&day)),
            }
        }
        day
    }

    /// A wish begins.
    pub(super) fn begin(&mut self) {
        self.written = Some(Vec::new());
        self.events.clear();
    }

    /// Where it stands before something that may be undone.
    pub(super) fn mark(&self) -> Mark {
        Mark(self.written.as_ref().map(Vec::len))
    }

    /// What was written since was undone: it is read anew, but for events, of which it is known which they were.
    pub(super) fn undone_since(&mut self, mark: Mark) {
        let (Some(written), Mark(Some(from))) = (&mut self.written, mark) else { return self.forget() };
        let mut of_days: HashMap<Day, usize> = HashMap::new();
        let mut mixed = Vec::new();
        for written in written.drain(from.min(written.len())..) {
            match written {
                Written::Row(table, id) => drop(self.rows.remove(&(table, id))),
                Written::Schedule => self.dated.clear(),
                Written::Event(day) => *of_days.entry(day).or_default() += 1,
                Written::Read(day) if of_days.contains_key(&day) => mixed.push(day),
                Written::Read(_) => {}
            }
        }
        for day in mixed {
            self.events.remove(&day);
        }
        for (day, count) in of_days {
            // They stand last, in the order in which they were written.
            if let Some(events) = self.events.get_mut(&day) {
                let all = Arc::make_mut(&mut events.all);
                all.truncate(all.len().saturating_sub(count));
            }
        }
    }

    /// A piece of work is done: nobody folds its days again soon.
    pub(super) fn let_days_go(&mut self) {
        self.events = HashMap::new();
    }

    /// Something was undone.
    pub(super) fn forget(&mut self) {
        self.rows.clear();
        self.dated.clear();
        self.events.clear();
        self.written = None;
    }
}
