//! Rows the writer has at hand: habits, their schedules and profiles are read at every press and seldom change, and a day
//! that is written again and again is read once.
//!
//! Only the writer writes, so what it knows is true until it writes the row itself. Whatever undoes a write (a
//! refused wish, a group that could not be committed, a database opened anew) makes it forget everything.

use std::collections::HashMap;
use std::sync::Arc;

use kairos_core::event::Event;
use kairos_core::ids::HabitId;
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETION_EVENTS, HABIT_SCHEDULES, HABITS, Table};
use rusqlite::Connection;

use super::rows;

/// How many rows are kept. Beyond, all are forgotten: they are quickly read again.
const MOST: usize = 512;
/// How many dated schedules and events are kept beside them, each.
const MOST_BESIDE: usize = 50_000;

/// One habit's day of one actor.
type Day = (String, String, String);

/// What is at hand.
#[derive(Default)]
pub(super) struct Known {
    /// Sound rows by table and id.
    rows: HashMap<(&'static str, String), Arc<Row>>,
    /// Sound dated schedules by habit.
    dated: HashMap<String, Arc<Vec<Row>>>,
    /// Events of days that are folded again and again within one piece of work.
    events: HashMap<Day, Arc<Vec<Event>>>,
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
        (habit, date, actor): (&HabitId, &str, &str),
        read: impl FnOnce() -> Result<Vec<Event>, E>,
    ) -> Result<Arc<Vec<Event>>, E> {
        let day = (habit.to_string(), date.to_owned(), actor.to_owned());
        if let Some(events) = self.events.get(&day) {
            return Ok(events.clone());
        }
        let events = Arc::new(read()?);
        let kept: usize = self.events.values().map(|events| events.len()).sum();
        if kept + events.len() > MOST_BESIDE {
            self.events.clear();
        }
        self.events.insert(day, events.clone());
        Ok(events)
    }

    /// A row was written.
    pub(super) fn wrote(&mut self, row: &Row) {
        if !self.rows.is_empty() {
            self.rows.remove(&(row.table.name, row.id.clone()));
        }
        match row.table.name {
            // The habit it was of before may be another.
            name if name == HABIT_SCHEDULES.name => self.dated.clear(),
            // With its scope it may have left its days behind.
            name if name == HABITS.name => self.events.retain(|(habit, ..), _| *habit != row.id),
            name if name == COMPLETION_EVENTS.name => self.note(row),
            _ => {}
        }
    }

    fn note(&mut self, row: &Row) {
        if self.events.is_empty() {
            return;
        }
        let day = (row.text("habit_id"), row.text("date"), row.text("actor"));
        let Some(events) = self.events.get_mut(&day) else { return };
        match Event::from_row(row).filter(|_| row.deleted_at.is_none()) {
            // The same event twice is one to the fold.
            Some(event) => Arc::make_mut(events).push(event),
            None => drop(self.events.remove(&day)),
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
    }
}
