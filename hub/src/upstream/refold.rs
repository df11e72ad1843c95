//! Folding days on the server: inside the transaction that pushed their events, from all of the events there.

use std::collections::{BTreeMap, BTreeSet};

use kairos_core::day::Date;
use kairos_core::event::Event;
use kairos_core::fold::{Measure, refolded};
use kairos_core::follow::{Cell, Follow};
use kairos_core::ids::{CellId, HabitId};
use kairos_core::plan::Schedules;
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETION_EVENTS, COMPLETIONS, HABIT_SCHEDULES, HABITS};
use kairos_core::scope::Scope;
use sqlx::{AssertSqlSafe, PgConnection};

use super::fault::Fault;
use super::push::{Manner, Rows};
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

    /// Folds; what is to be written is in `cells` afterwards, beside what was there.
    pub(super) async fn refold(mut self, tx: &mut PgConnection, scope: &Scope, cells: &mut Rows) -> Result<(), Fault> {
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
            return Ok(());
        }
        let world = World::read(tx, scope, &self.0.cells).await?;
        for (habit, date, actor) in &self.0.cells {
            let Some((id, cell)) = world.fold(habit, *date, actor, cells) else { continue };
            cells.insert(id, cell);
        }
        Ok(())
    }
}

/// What days follow from.
struct World {
    habits: BTreeMap<String, Row>,
    schedules: Vec<Row>,
    events: BTreeMap<Cell, Vec<Event>>,
    cells: Rows,
}

impl World {
    async fn read(tx: &mut PgConnection, scope: &Scope, wanted: &BTreeSet<Cell>) -> Result<Self, Fault> {
        let habits: Vec<String> =
            wanted.iter().map(|(habit, ..)| habit.clone()).collect::<BTreeSet<_>>().into_iter().collect();
        // A deleted habit keeps its days.
        let mut living = wire::by_ids(tx, &HABITS, &habits).await?;
        living.retain(|_, habit| habit.scope == *scope);
        let schedules = wire::in_scope(tx, &HABIT_SCHEDULES, "habit_id = ANY($2)", scope, &habits).await?;
        // What several people do of one habit on one day is read once.
        let days: BTreeSet<(&str, Date)> = wanted.iter().map(|(habit, date, _)| (habit.as_str(), *date)).collect();
        let (of, on): (Vec<String>, Vec<String>) =
            days.into_iter().map(|(habit, date)| (habit.to_owned(), date.to_string())).unzip();
        let mut events: BTreeMap<_, Vec<Event>> = BTreeMap::new();
        for row in wire::events_of(tx, scope, (&of, &on)).await? {
            let Some(event) = Event::from_row(&row) else { continue };
            events.entry((event.habit_id.to_string(), event.date, event.actor.clone())).or_default().push(event);
        }
        let ids: Vec<String> = wanted
            .iter()
            .filter_map(|(habit, date, actor)| Some(CellId::of(&HabitId::new(habit.as_str()).ok()?, *date, actor)))
            .map(|id| id.to_string())
            .collect();
        let cells = wire::by_ids(tx, &COMPLETIONS, &ids).await?;
        let habits = living.into_iter().map(|(id, habit)| (id, repair::sound(habit))).collect();
        let schedules = schedules.into_iter().map(repair::sound).collect();
        Ok(Self { habits, schedules, events, cells })
    }

    /// The day as it follows from its events; `None` where it stands so.
    fn fold(&self, habit_id: &str, date: Date, actor: &str, changed: &Rows) -> Option<(String, Row)> {
        let habit = self.habits.get(habit_id)?;
        let id = CellId::of(&HabitId::new(habit_id).ok()?, date, actor).to_string();
        let known = changed.get(&id).or_else(|| self.cells.get(&id)).filter(|cell| cell.scope == habit.scope);
        let none = Vec::new();
        let events = self.events.get(&(habit_id.to_owned(), date, actor.to_owned())).unwrap_or(&none);
        let dated: Vec<&Row> = self.schedules.iter().filter(|row| row.text("habit_id") == habit_id).collect();
        let measure = if dated.is_empty() {
            Measure::of(habit)
        } else {
            Measure::on(habit, Schedules::of(habit, dated).on(date))
        };
        // A row that was merged holds a fold of one side only, which may be the right one by chance.
        let folded = refolded(habit, known, (date, actor), events, &measure)?;
        Some((id, folded))
    }
}
