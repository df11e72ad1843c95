//! A habit's whole life: all that says what its days mean. Read for the engine and for statistics.

use kairos_core::day::Date;
use kairos_core::ids::HabitId;
use kairos_core::plan::{Mark, Marks, Person, Plan};
use kairos_core::repair::{parse_date, sound};
use kairos_core::row::Row;
use kairos_core::schema::{HABIT_SCHEDULES, HABITS, PAUSES, RECOVERY_SESSIONS, USERS};
use kairos_core::scope::Scope;
use rusqlite::Connection;

use super::error::StoreError;
use super::{Snapshot, Tx, rows};

/// A living habit with everything that says what its days mean, repaired.
#[derive(Debug, Clone)]
pub struct Life {
    /// The habit.
    pub habit: Row,
    /// What it asks for.
    pub plan: Plan,
    /// Its days that have a mark.
    pub marks: Marks,
    /// Its recovery sessions.
    pub sessions: Vec<Row>,
    /// How its person counts days.
    pub person: Person,
}

fn read(connection: &Connection, habit: &str) -> Result<Option<Life>, StoreError> {
    let Some(habit) = rows::by_id(connection, &HABITS, habit)?.filter(|habit| habit.deleted_at.is_none()) else {
        return Ok(None);
    };
    let habit = sound(habit);
    let person = Person::of(rows::by_id(connection, &USERS, habit.user_id.as_str())?.map(sound).as_ref());
    // An id proves nothing: only what is of the same scope says what its days mean.
    let scope = habit.scope.to_string();
    let schedules = repaired(rows::select(
        connection,
        &HABIT_SCHEDULES,
        "WHERE habit_id = ?1 AND scope = ?2",
        (&habit.id, &scope),
    )?);
    let pauses = pauses(connection, &habit.scope)?;
    let plan = Plan::of(&habit, &schedules, &pauses, &person);
    let marks = marks(connection, (&habit.id, &scope), &plan)?;
    let sessions = repaired(rows::select(
        connection,
        &RECOVERY_SESSIONS,
        "WHERE habit_id = ?1 AND scope = ?2",
        (&habit.id, &scope),
    )?);
    Ok(Some(Life { habit, plan, marks, sessions, person }))
}

pub(super) fn repaired(rows: Vec<Row>) -> Vec<Row> {
    rows.into_iter().map(sound).collect()
}

/// The breaks of a scope that are not taken back.
pub(super) fn pauses(connection: &Connection, scope: &Scope) -> Result<Vec<Row>, StoreError> {
    let found = rows::select(connection, &PAUSES, "WHERE scope = ?1 AND deleted_at IS NULL", [scope.to_string()])?;
    Ok(repaired(found))
}

/// The marks of a habit's own cells. Light: a habit of ten years has thousands. The plus keeps the index of scopes out, by which
/// all days of the person would be read for each habit.
fn marks(connection: &Connection, (habit, scope): (&str, &str), plan: &Plan) -> Result<Marks, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT date, type, source FROM completions
         WHERE habit_id = ?1 AND +scope = ?2 AND actor = '' AND deleted_at IS NULL AND type IS NOT NULL",
    )?;
    let mut found = statement.query([habit, scope])?;
    let mut marks = Marks::new();
    while let Some(row) = found.next()? {
        let text = |column| row.get_ref(column).map(|value| value.as_str().unwrap_or_default().to_owned());
        let (date, status, source) = (text(0)?, text(1)?, text(2)?);
        let Some(date) = parse_date(&date) else { continue };
        marks.extend(plan.mark(date, &status, &source).map(|mark| (date, mark)));
    }
    if marks.first_key_value().is_some_and(|(first, _)| *first < plan.first_day) {
        for date in told(connection, (habit, scope), plan.first_day)? {
            if marks.get(&date) == Some(&Mark::Passed) {
                marks.remove(&date);
            }
        }
    }
    Ok(marks)
}

/// The days before a habit's first one of which a file told that they passed. Nobody judges them, and nobody takes that back:
/// they stand as they were told.
fn told(connection: &Connection, (habit, scope): (&str, &str), first_day: Date) -> Result<Vec<Date>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT date FROM completion_events
         WHERE habit_id = ?1 AND scope = ?2 AND date < ?3 AND verb = 'miss' AND time_source = 'import'
         AND deleted_at IS NULL",
    )?;
    let mut found = statement.query((habit, scope, first_day.to_string()))?;
    let mut dates = Vec::new();
    while let Some(row) = found.next()? {
        dates.extend(parse_date(row.get_ref(0)?.as_str().unwrap_or_default()));
    }
    Ok(dates)
}

impl Snapshot<'_> {
    /// A living habit's life; `None` when there is no such habit.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn life(&self, habit: &HabitId) -> Result<Option<Life>, StoreError> {
        read(self.connection, habit.as_str())
    }

    /// Every living habit with its person, and how each of them counts days.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn habits_and_people(&self) -> Result<Vec<(HabitId, String, Person)>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT h.id, h.user_id FROM habits h WHERE h.deleted_at IS NULL ORDER BY h.user_id, h.id",
        )?;
        let mut found = statement.query([])?;
        let mut all: Vec<(HabitId, String, Person)> = Vec::new();
        while let Some(row) = found.next()? {
            let (id, user): (String, String) = (row.get(0)?, row.get(1)?);
            let Ok(id) = HabitId::new(id) else { continue };
            let person = match all.last().filter(|(_, last, _)| *last == user) {
                Some((_, _, person)) => person.clone(),
                None => Person::of(rows::by_id(self.connection, &USERS, &user)?.map(sound).as_ref()),
            };
            all.push((id, user, person));
        }
        Ok(all)
    }

    /// A habit's cells from one day to another, earliest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn cells(&self, habit: &HabitId, from: &str, to: &str, limit: usize) -> Result<Vec<Row>, StoreError> {
        let found = rows::select(
            self.connection,
            &kairos_core::schema::COMPLETIONS,
            "WHERE habit_id = ?1 AND date >= ?2 AND date <= ?3 AND deleted_at IS NULL
             AND scope = (SELECT scope FROM habits WHERE id = ?1) ORDER BY date, actor LIMIT ?4",
            (habit.as_str(), from, to, i64::try_from(limit).unwrap_or(i64::MAX)),
        )?;
        Ok(repaired(found))
    }

    /// The events of a habit on a day.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn events(&self, habit: &HabitId, date: &str) -> Result<Vec<Row>, StoreError> {
        Ok(rows::select(
            self.connection,
            &kairos_core::schema::COMPLETION_EVENTS,
            "WHERE habit_id = ?1 AND date = ?2 AND deleted_at IS NULL
             AND scope = (SELECT scope FROM habits WHERE id = ?1) ORDER BY hlc",
            (habit.as_str(), date),
        )?)
    }
}

impl Tx<'_> {
    /// A living habit's life; `None` when there is no such habit.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn life(&self, habit: &HabitId) -> Result<Option<Life>, StoreError> {
        read(self.connection, habit.as_str())
    }
}
