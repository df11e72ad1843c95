//! Keeping a habit's past in step with its days: what the engine writes.

use kairos_core::change::Origin;
use kairos_core::command::{Receipt, Rejection};
use kairos_core::day::{Date, day_begins};
use kairos_core::event::{Event, Source, TimeSource, Verb};
use kairos_core::ids::{self, EventId, HabitId};
use kairos_core::row::Row;
use kairos_core::schema::{HABITS, RECOVERY_SESSIONS};

use super::{applied, record, unchanged};
use crate::engine::upkeep::{SessionState, upkeep, words};
use crate::store::{Life, StoreError, Tx};

/// How many notes the engine writes on a day, taken back or not: more than late data ever asks for.
const MOST_NOTES: usize = 200;

/// Writes down what follows from a habit's days and is not written yet.
pub(super) fn keep(tx: &mut Tx<'_>, habit: &HabitId) -> Result<Receipt, StoreError> {
    // Without the time nobody knows which days have passed.
    if tx.is_guessing() {
        return Ok(unchanged());
    }
    // Of half a file nothing follows.
    if let Some(row) = tx.known(&HABITS, habit.as_str())?
        && tx.is_importing(row.user_id.as_str())?
    {
        return Ok(unchanged());
    }
    let Some(life) = tx.life(habit)? else { return Ok(unchanged()) };
    let upkeep = upkeep(&life, tx.now());
    if upkeep.is_nothing() {
        return Ok(unchanged());
    }
    let mut seq = 0;
    for date in upkeep.passed {
        seq = note(tx, &life, habit, date, Verb::Miss)?;
    }
    for date in upkeep.withdrawn {
        seq = note(tx, &life, habit, date, Verb::Undo)?;
    }
    if let Some(phase) = upkeep.phase
        && let Some(mut row) = tx.row(&HABITS, habit.as_str())?
    {
        let at = tx.tick();
        row.set("phase", phase.as_str(), &at);
        seq = tx.put(&row, Origin::Local)?;
    }
    for (id, state) in upkeep.sessions {
        seq = put_session(tx, &life, &id, &state)?;
    }
    Ok(applied(seq))
}

/// Notes that a day passed, or takes that note back.
///
/// The event's id counts the engine's events of that day, so two hubs that note the same write the same event.
fn note(tx: &mut Tx<'_>, life: &Life, habit: &HabitId, date: Date, verb: Verb) -> Result<i64, StoreError> {
    let day = date.to_string();
    let events = tx.cell_events(habit, &day, "")?;
    let count = events.iter().filter(|event| event.source == Source::Engine).count();
    if count >= MOST_NOTES {
        return Ok(0);
    }
    let id = EventId::new(ids::derive(&format!("engine|{habit}|{date}||{count}")))
        .map_err(|_| Rejection::not_found("event"))?;
    let ended = day_begins(date.tomorrow().unwrap_or(date), &life.person.zone, life.person.day_start_min);
    let occurred_at = ended.min(tx.now());
    let event = Event {
        id,
        user_id: life.habit.user_id.clone(),
        habit_id: habit.clone(),
        date,
        actor: String::new(),
        verb,
        value: None,
        undo_of: None,
        skip_reason: None,
        occurred_at,
        time_source: TimeSource::Hub,
        tz: life.person.tz.clone(),
        tz_offset_min: life.person.zone.offset_minutes(occurred_at),
        source: Source::Engine,
        device_id: None,
        press_id: None,
        note: None,
        at: tx.tick_in_cell(habit, &day, "")?,
    };
    tx.put(&event.to_row(life.habit.scope.clone()), Origin::Local)?;
    record::refold(tx, &life.habit, date, "")
}

fn put_session(tx: &mut Tx<'_>, life: &Life, id: &str, state: &SessionState) -> Result<i64, StoreError> {
    let at = tx.tick();
    let mut row = match tx.row(&RECOVERY_SESSIONS, id)? {
        Some(row) => row,
        None => {
            let (scope, user) = (life.habit.scope.clone(), life.habit.user_id.clone());
            let mut row = Row::new(&RECOVERY_SESSIONS, id, scope, user, tx.now());
            row.stamp_all(&at);
            row.set("habit_id", life.habit.id.as_str(), &at);
            row.set("gap_start", state.gap_start.to_string(), &at);
            row.set("triggered_at", state.triggered_at, &at);
            row
        }
    };
    // The habit it went with may be back.
    row.set_deleted(None, &at);
    row.set("type", state.gap.as_str(), &at);
    row.set("gap_end", state.gap_end.map(|date| date.to_string()), &at);
    if let Some(standing) = state.standing {
        for (column, value) in words(standing) {
            row.set(column, value, &at);
        }
        let answered = row.text("status") == "COMPLETED";
        row.set("completed_at", answered.then(|| tx.now()), &at);
    }
    tx.put(&row, Origin::Local)
}
