//! Which days are to be folded again because of rows that changed, whoever folds them: the hub its own, or a server's.

use std::collections::BTreeSet;

use crate::day::Date;
use crate::event::Event;
use crate::plan::DATED;
use crate::repair::parse_date;
use crate::row::Row;
use crate::schema::{COMPLETION_EVENTS, COMPLETIONS, HABIT_SCHEDULES, HABITS};

/// A day of a habit: habit, day, actor.
pub type Cell = (String, Date, String);

/// Days that follow from rows.
#[derive(Debug, Default)]
pub struct Follow {
    /// Days one by one.
    pub cells: BTreeSet<Cell>,
    /// Habits of which all days are: they are measured otherwise than before, or were not known.
    pub habits: BTreeSet<String>,
}

impl Follow {
    /// Notes what follows from a row that was another before, or was not there.
    pub fn note(&mut self, before: Option<&Row>, row: &Row) {
        if row.table == &COMPLETION_EVENTS {
            self.cells.extend(Event::from_row(row).map(|event| (event.habit_id.to_string(), event.date, event.actor)));
        } else if row.table == &COMPLETIONS {
            let date = parse_date(&row.text("date"));
            self.cells.extend(date.map(|date| (row.text("habit_id"), date, row.text("actor"))));
        } else if (row.table == &HABITS || row.table == &HABIT_SCHEDULES)
            && before.is_none_or(|before| measures_otherwise(before, row))
        {
            // Days that came from elsewhere may be there already.
            self.habits.insert(if row.table == &HABITS { row.id.clone() } else { row.text("habit_id") });
        }
    }
}

fn measures_otherwise(before: &Row, after: &Row) -> bool {
    before.deleted_at.is_some() != after.deleted_at.is_some()
        || before.text("completion_mode") != after.text("completion_mode")
        || DATED.iter().chain(&["valid_from", "habit_id"]).any(|name| before.get(name) != after.get(name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::hlc::Hlc;
    use crate::ids::UserId;
    use crate::scope::Scope;

    #[test]
    fn a_habit_that_is_only_called_otherwise_folds_nothing() {
        let ada = UserId::new("ada").unwrap();
        let habit = Row::new(&HABITS, "h", Scope::Person(ada.clone()), ada, 1);
        let edited = |name: &str, value: &str| {
            let mut row = habit.clone();
            row.set(name, value, &Hlc::from_parts(2, 0, "a"));
            let mut follow = Follow::default();
            follow.note(Some(&habit), &row);
            follow.habits.into_iter().collect::<Vec<_>>()
        };
        assert!(edited("name", "Tea").is_empty());
        assert_eq!(edited("kind", "measurable"), ["h"]);
        assert_eq!(edited("completion_mode", "ANYONE_ONCE"), ["h"]);
        let mut follow = Follow::default();
        follow.note(None, &habit);
        assert_eq!(follow.habits.len(), 1, "it was not known");
    }
}
