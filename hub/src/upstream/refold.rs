//! Folding days on the server: inside the transaction that pushed their events, from all of the events there.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use kairos_core::day::Date;
use kairos_core::event::Event;
use kairos_core::fold::{Measure, refolded};
use kairos_core::follow::{Cell, Follow};
use kairos_core::ids::{CellId, HabitId};
use kairos_core::plan::Schedules;
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETION_EVENTS, COMPLETIONS, HABIT_SCHEDULES, HABITS, Table};
use kairos_core::scope::Scope;
use sqlx::{AssertSqlSafe, PgConnection};

use super::fault::Fault;
use super::push::{AllChanged, Changed, Manner, Rows};
use super::wire::{self, SCHEMA};

/// Days that are to be folded.
#[derive(Debug, Default)]
pub(super) struct Touched(Follow);

impl Touched {
    /// Notes what follows from a row. Where everything is pushed, days come themselves, after all of their events.
    pub(super) fn note(&mut self, before: Option<&Row>, row: &Row, manner: Manner) {
        if row.table != &COMPLETION_EVENTS || manner == Manner::Changes {
            self.0.note(before, row);
        }
    }

    /// Takes on what was edited by hand since.
    pub(super) async fn take_dirty(&mut self, tx: &mut PgConnection, scope: &Scope) -> Result<(), Fault> {
        let sql = format!("DELETE FROM {SCHEMA}.dirty WHERE scope = $1 RETURNING habit_id, date, actor");
        let query = sqlx::query_as(AssertSqlSafe(sql)).bind(scope.to_string());
        let dirty: Vec<(String, String, String)> = query.fetch_all(tx).await?;
        for (habit, date, actor) in dirty {
            match repair::parse_date(&date) {
                Some(date) => drop(self.0.cells.insert((habit, date, actor))),
                None => drop(self.0.habits.insert(habit)),
            }
        }
        Ok(())
    }

    /// Reads what the days follow from, as it is on the server; `days`: cells that were read there already. `None`: there are no
    /// days to fold.
    pub(super) async fn read(
        mut self,
        tx: &mut PgConnection,
        scope: &Scope,
        days: Rows,
    ) -> Result<Option<World>, Fault> {
        let whole: Vec<String> = std::mem::take(&mut self.0.habits).into_iter().collect();
        if !whole.is_empty() {
            let sql = format!(
                "SELECT DISTINCT habit_id, date, actor FROM {SCHEMA}.completion_events
                 WHERE scope = $1 AND habit_id = ANY($2) AND date IS NOT NULL"
            );
            let query = sqlx::query_as(AssertSqlSafe(sql)).bind(scope.to_string()).bind(&whole);
            let days: Vec<(String, String, Option<String>)> = query.fetch_all(&mut *tx).await?;
            self.0.cells.extend(days.into_iter().filter_map(|(habit, date, actor)| {
                Some((habit, repair::parse_date(&date)?, actor.unwrap_or_default()))
            }));
        }
        if self.0.cells.is_empty() {
            return Ok(None);
        }
        World::read(tx, scope, self.0.cells, days).await.map(Some)
    }
}

/// What days follow from.
pub(super) struct World {
    wanted: BTreeSet<Cell>,
    habits: BTreeMap<String, Row>,
    schedules: Rows,
    events: BTreeMap<String, Event>,
    cells: Rows,
}

impl World {
    async fn read(
        tx: &mut PgConnection,
        scope: &Scope,
        wanted: BTreeSet<Cell>,
        mut cells: Rows,
    ) -> Result<Self, Fault> {
        let habits: BTreeSet<&str> = wanted.iter().map(|(habit, ..)| habit.as_str()).collect();
        let habits: Vec<&str> = habits.into_iter().collect();
        // A deleted habit keeps its days.
        let mut living = wire::by_ids(tx, &HABITS, &habits).await?.rows;
        living.retain(|_, habit| habit.scope == *scope);
        let schedules = wire::in_scope(tx, &HABIT_SCHEDULES, "habit_id = ANY($2)", scope, &habits).await?;
        // What several people do of one habit on one day is read once.
        let days: BTreeSet<(&str, Date)> = wanted.iter().map(|(habit, date, _)| (habit.as_str(), *date)).collect();
        let (of, on): (Vec<String>, Vec<String>) =
            days.into_iter().map(|(habit, date)| (habit.to_owned(), date.to_string())).unzip();
        let events = wire::events_of(tx, scope, (&of, &on)).await?;
        let events = events.iter().filter_map(|row| Some((row.id.clone(), Event::from_row(row)?))).collect();
        let ids: Vec<String> = wanted
            .iter()
            .filter_map(|(habit, date, actor)| Some(CellId::of(&HabitId::new(habit.as_str()).ok()?, *date, actor)))
            .map(|id| id.to_string())
            .collect();
        let more: Vec<&str> = ids.iter().map(String::as_str).filter(|id| !cells.contains_key(*id)).collect();
        cells.extend(wire::by_ids(tx, &COMPLETIONS, &more).await?.rows);
        let schedules = schedules.into_iter().map(|row| (row.id.clone(), row)).collect();
        Ok(Self { wanted, habits: living, schedules, events, cells })
    }

    /// The same once rows are written over what was there.
    pub(super) fn over(mut self, changed: &AllChanged<'_>) -> Self {
        let of = |table: &Table| changed.get(table.name).into_iter().flatten();
        for (id, habit) in of(&HABITS) {
            self.habits.insert(id.clone(), habit.as_ref().clone());
        }
        for (id, schedule) in of(&HABIT_SCHEDULES) {
            self.schedules.remove(id);
            if schedule.deleted_at.is_none() {
                self.schedules.insert(id.clone(), schedule.as_ref().clone());
            }
        }
        for (id, row) in of(&COMPLETION_EVENTS) {
            self.events.remove(id);
            if let Some(event) = Event::from_row(row).filter(|_| row.deleted_at.is_none()) {
                self.events.insert(id.clone(), event);
            }
        }
        self
    }

    /// Folds; what is to be written is in `cells` afterwards, beside what was there.
    pub(super) fn refold(mut self, cells: &mut Changed<'_>) {
        let mut events: BTreeMap<Cell, Vec<Event>> = BTreeMap::new();
        for event in std::mem::take(&mut self.events).into_values() {
            let cell = (event.habit_id.to_string(), event.date, event.actor.clone());
            events.entry(cell).or_default().push(event);
        }
        let habits: BTreeMap<String, Row> =
            std::mem::take(&mut self.habits).into_iter().map(|(id, habit)| (id, repair::sound(habit))).collect();
        let schedules: Vec<Row> = std::mem::take(&mut self.schedules).into_values().map(repair::sound).collect();
        for cell in &self.wanted {
            let (habit_id, date, actor) = cell;
            let (Some(habit), Ok(of)) = (habits.get(habit_id), HabitId::new(habit_id.as_str())) else { continue };
            let id = CellId::of(&of, *date, actor).to_string();
            let known = cells.get(&id).map(AsRef::as_ref).or_else(|| self.cells.get(&id));
            let known = known.filter(|cell| cell.scope == habit.scope);
            let dated: Vec<&Row> = schedules.iter().filter(|row| row.text("habit_id") == *habit_id).collect();
            let measure = if dated.is_empty() {
                Measure::of(habit)
            } else {
                Measure::on(habit, Schedules::of(habit, dated).on(*date))
            };
            // A row that was merged holds a fold of one side only, which may be the right one by chance.
            let events = events.get(cell).map_or(&[][..], Vec::as_slice);
            if let Some(folded) = refolded(habit, known, (*date, actor), events, &measure) {
                cells.insert(id, Cow::Owned(folded));
            }
        }
    }
}
