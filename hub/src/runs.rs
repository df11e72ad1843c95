//! What people see of a run through a routine: read whole, in one snapshot.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use kairos_core::Millis;
use kairos_core::day::Date;
use kairos_core::ids::{EventId, HabitId, RunId};
use kairos_core::plan::{Person, Plan};
use kairos_core::principal::Principal;
use kairos_core::repair;
use kairos_core::routine::{LEFT_AFTER, Run, Stage, Status, found};
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETION_EVENTS, HABITS, PAUSES, ROUTINES, USERS};
use kairos_core::scope::Scope;

use crate::store::{Snapshot, StoreError};

/// Whether a (repaired) habit can be done on a day: it is there, and neither archived nor on a break.
pub(crate) fn can_be_done(habit: &Row, breaks: &[Row], person: &Person, day: Date) -> bool {
    habit.deleted_at.is_none() && habit.text("status") == "ACTIVE" && !Plan::of(habit, &[], breaks, person).paused(day)
}

/// The breaks of scopes, each read once.
#[derive(Default)]
pub(crate) struct Breaks(BTreeMap<String, Vec<Row>>);

impl Breaks {
    /// Those of one scope.
    pub(crate) fn of(
        &mut self,
        scope: &Scope,
        read: impl FnOnce(&Scope) -> Result<Vec<Row>, StoreError>,
    ) -> Result<&[Row], StoreError> {
        Ok(match self.0.entry(scope.to_string()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let mut rows = read(scope)?;
                rows.retain(|row| row.deleted_at.is_none());
                new.insert(rows.into_iter().map(repair::sound).collect())
            }
        })
    }
}

/// A run, and the names of what it runs through.
pub struct View {
    /// Its row.
    pub row: Row,
    /// How it is found.
    pub run: Run,
    /// The routine's name; nothing when the routine was deleted meanwhile.
    pub routine: Option<String>,
    /// The habits of its steps that are there.
    habits: BTreeMap<HabitId, Row>,
    /// Those of them that can be done today.
    open: BTreeSet<HabitId>,
    /// How many deeds it has recorded.
    pub recorded: usize,
}

impl View {
    /// Reads a run.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn read(snapshot: &Snapshot<'_>, by: &Principal, row: Row, now: Millis) -> Result<Self, StoreError> {
        let row = repair::sound(row);
        let run = found(&row, &snapshot.runs_in_progress(&row.scope)?, now);
        let routine = snapshot.row(&ROUTINES, &row.text("routine_id"))?.filter(|routine| routine.deleted_at.is_none());
        let (mut habits, mut open) = (BTreeMap::new(), BTreeSet::new());
        let person = Person::of(snapshot.row(&USERS, by.user.as_str())?.map(repair::sound).as_ref());
        let today = person.today(now);
        let mut breaks = Breaks::default();
        for step in &run.steps {
            if let Some(habit) = snapshot.row(&HABITS, step.habit_id.as_str())?
                && habit.deleted_at.is_none()
                && by.may_read(&habit.scope)
            {
                let habit = repair::sound(habit);
                let read = |scope: &Scope| snapshot.rows_where(&PAUSES, "scope", &scope.to_string());
                if can_be_done(&habit, breaks.of(&habit.scope, read)?, &person, today) {
                    open.insert(step.habit_id.clone());
                }
                habits.insert(step.habit_id.clone(), habit);
            }
        }
        let mut recorded = 0;
        if let (Status::Completed, Ok(id)) = (run.status, RunId::new(row.id.as_str())) {
            for step in run.steps.iter().filter(|step| step.deed().is_some()) {
                let event = EventId::of_run(&id, &step.habit_id);
                recorded += usize::from(snapshot.row(&COMPLETION_EVENTS, event.as_str())?.is_some());
            }
        }
        Ok(Self { row, run, routine: routine.map(|routine| routine.text("name")), habits, open, recorded })
    }

    /// The run of a routine that goes on, else the one that began last.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn of_routine(
        snapshot: &Snapshot<'_>,
        by: &Principal,
        routine: &Row,
        now: Millis,
    ) -> Result<Option<Self>, StoreError> {
        let in_progress = snapshot.runs_in_progress(&routine.scope)?;
        let running = in_progress.into_iter().filter(|row| row.text("routine_id") == routine.id);
        let row = match running.max_by_key(|row| (row.integer("started_at"), row.id.clone())) {
            Some(row) => Some(row),
            None => snapshot.last_run(&routine.id)?,
        };
        row.map(|row| Self::read(snapshot, by, row, now)).transpose()
    }

    /// A habit's name, while it is there.
    #[must_use]
    pub fn name(&self, habit: &HabitId) -> Option<String> {
        self.habits.get(habit).map(|habit| habit.text("name"))
    }

    /// The step that waits for an answer: none once the run has ended.
    #[must_use]
    pub fn waiting(&self) -> Option<usize> {
        let alive = |habit: &HabitId| self.open.contains(habit);
        match self.run.status {
            Status::InProgress | Status::Paused => self.run.waiting(&alive),
            Status::Completed | Status::Abandoned => None,
        }
    }

    /// What a button shows of it: while it goes on or waits, and on the day it was finished (which began at `day`).
    #[must_use]
    pub fn stage(&self, name: String, day: Millis, now: Millis) -> Stage {
        let shown = match self.run.status {
            Status::InProgress => true,
            Status::Paused => now.saturating_sub(self.row.updated_at()) < LEFT_AFTER,
            Status::Completed => self.run.completed_at.is_some_and(|end| end >= day),
            Status::Abandoned => false,
        };
        let run = RunId::new(self.row.id.as_str()).ok().filter(|_| shown).map(|id| (id, self.run.status));
        let waiting = if shown { self.waiting() } else { None };
        Stage {
            name,
            habit: waiting.and_then(|place| self.run.steps.get(place)).map(|step| step.habit_id.clone()),
            step: if run.is_some() { self.run.steps.iter().filter(|step| step.result.is_some()).count() } else { 0 },
            total: self.run.steps.len(),
            run,
        }
    }
}
