//! Recording a deed: an event, and the day cell folded again from all events of that day.

use kairos_core::Millis;
use kairos_core::change::Origin;
use kairos_core::command::{Deed, Outcome, Receipt, Rejection, RejectionCode, When};
use kairos_core::day::{Date, logical_day};
use kairos_core::event::{Event, TimeSource, Verb};
use kairos_core::fold::{Measure, Standing, WORDS, fold, fold_next, has_words, standing_events, stands, write_cell};
use kairos_core::hlc::Hlc;
use kairos_core::ids::{CellId, CommandId, EventId, HabitId, UserId};
use kairos_core::plan::{Kind, Person, Schedules};
use kairos_core::principal::{Principal, Via};
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETION_EVENTS, COMPLETIONS, HABITS, USERS};
use kairos_core::scope::Scope;
use kairos_core::value::Value;

use super::bounds::MAX_AHEAD;
use super::unchanged;
use crate::store::{StoreError, Tx};

/// A button that says it waited longer than this has lost count; its press counts at arrival.
const MAX_AGE: Millis = 400 * 24 * 3_600_000;
/// How many deeds of one habit a day holds: more is a button that got stuck.
const MAX_DEEDS: usize = 5000;
/// The largest amount one deed may carry.
pub(super) const MAX_VALUE: f64 = 1e9;

pub(super) fn record(tx: &mut Tx<'_>, by: &Principal, command: &CommandId, deed: &Deed) -> Result<Receipt, StoreError> {
    record_as(tx, by, EventId::of(&by.author(), command), deed)
}

/// Records a deed as this event; one that is there already adds nothing.
pub(super) fn record_as(tx: &mut Tx<'_>, by: &Principal, id: EventId, deed: &Deed) -> Result<Receipt, StoreError> {
    let habit = match tx.known(&HABITS, deed.habit.as_str())? {
        Some(habit) if habit.deleted_at.is_none() && by.may_read(&habit.scope) => habit,
        _ => return Err(Rejection::not_found("habit").into()),
    };
    if !by.may_record(&habit.scope) {
        return Err(Rejection::new(RejectionCode::Forbidden, "This screen only shows; it may not complete.").into());
    }
    if let Some(known) = tx.row(&COMPLETION_EVENTS, id.as_str())? {
        // Its first answer is forgotten, the deed is not.
        let event_id = EventId::new(known.id).ok();
        return Ok(Receipt { seq: 0, outcome: Outcome::Applied, event_id, repeated: true });
    }
    let person = person(tx, &by.user)?;
    let (occurred_at, time_source) = moment(deed.when, tx.now(), tx.is_guessing());
    let today = person.today(tx.now());
    let date = deed.date.unwrap_or_else(|| logical_day(occurred_at, &person.zone, person.day_start_min));
    if date.year() < 1970 {
        return Err(Rejection::field("date", "date is a day since 1970.").into());
    }
    if date > today {
        return Err(Rejection::new(RejectionCode::FutureDate, format!("{date} has not come yet.")).into());
    }
    let kind = if date < today { measured(tx, &habit, date)?.1 } else { kind_of(&habit) };
    let (verb, value) = verb_and_value(deed, &habit, kind)?;
    let actor = actor(&habit, &by.user);
    let day = date.to_string();
    leave_room(tx, &deed.habit, &day)?;
    let undo_of = match (verb, &deed.undo_of) {
        (Verb::Undo, Some(wanted)) => {
            match tx.cell_events(&deed.habit, &day, &actor)?.iter().find(|event| event.id == *wanted) {
                Some(event) => Some(event.id.clone()),
                None => {
                    return Err(Rejection::new(RejectionCode::NothingToUndo, "There is nothing to take back.").into());
                }
            }
        }
        (Verb::Undo, None) => {
            let events = tx.cell_events(&deed.habit, &day, &actor)?;
            match standing_events(&events).iter().rev().find(|event| may_take_back(by, event)) {
                Some(event) => Some(event.id.clone()),
                None => return Ok(unchanged()),
            }
        }
        _ => None,
    };
    let at = tx.tick_in_cell(&deed.habit, &day, &actor)?;
    let event = Event {
        id,
        user_id: by.user.clone(),
        habit_id: deed.habit.clone(),
        date,
        actor: actor.clone(),
        verb,
        value,
        undo_of,
        skip_reason: deed.skip_reason.clone(),
        occurred_at,
        time_source,
        tz: person.tz,
        tz_offset_min: person.zone.offset_minutes(occurred_at),
        source: by.source(),
        device_id: match &by.via {
            Via::Device(id) | Via::Display { id, .. } => Some(id.clone()),
            _ => None,
        },
        press_id: deed.press_id.clone(),
        note: deed.note.clone(),
        at,
    };
    let seq = write_event(tx, &habit, &event, deed.note.as_deref())?;
    Ok(Receipt { seq, outcome: Outcome::Applied, event_id: Some(event.id), repeated: false })
}

/// Whose cell a person's deed goes into: their own where everyone does a shared habit, else the one of all.
pub(super) fn actor(habit: &Row, user: &UserId) -> String {
    let everyone = matches!(habit.scope, Scope::Household(_)) && habit.text("completion_mode") == "EVERYONE";
    if everyone { user.to_string() } else { String::new() }
}

/// Refuses a deed of a day that holds as many as one may.
pub(super) fn leave_room(tx: &Tx<'_>, habit: &HabitId, day: &str) -> Result<(), StoreError> {
    if !tx.cell_is_full(habit, day, MAX_DEEDS)? {
        return Ok(());
    }
    let full = format!("This day already holds {MAX_DEEDS} deeds of this habit; no more are counted.");
    Err(Rejection::new(RejectionCode::Conflict, full).into())
}

/// Writes an event that is new, and folds it into its cell.
pub(super) fn write_event(tx: &mut Tx<'_>, habit: &Row, event: &Event, note: Option<&str>) -> Result<i64, StoreError> {
    put_event(tx, habit, event)?;
    fold_in(tx, habit, event, note)
}

/// Writes an event that is new; its cell is to be folded.
pub(super) fn put_event(tx: &mut Tx<'_>, habit: &Row, event: &Event) -> Result<i64, StoreError> {
    let row = event.to_row(habit.scope.clone());
    if let Some(fault) = repair::faults(&row).into_iter().next() {
        return Err(Rejection::field(fault.column, format!("{} {}.", fault.column, fault.message)).into());
    }
    tx.observe(&event.at, MAX_AHEAD);
    tx.put(&row, Origin::Local)
}

/// Folds an event that was just written into its cell.
fn fold_in(tx: &mut Tx<'_>, habit: &Row, event: &Event, note: Option<&str>) -> Result<i64, StoreError> {
    let id = CellId::of(&event.habit_id, event.date, &event.actor);
    let measure = measure(tx, habit, event.date)?;
    let known = tx.row(&COMPLETIONS, id.as_str())?;
    let standing = match known.as_ref().and_then(|cell| fold_next(cell, event, &measure)) {
        Some(standing) => Some(standing),
        None => fold(&tx.cell_events(&event.habit_id, &event.date.to_string(), &event.actor)?, &measure),
    };
    write(tx, habit, (event.date, &event.actor), known, standing.as_ref(), note)
}

/// Folds a cell anew from all its events, after what it is measured by has changed. Gives 0 when there is none.
pub(super) fn refold(tx: &mut Tx<'_>, habit: &Row, date: Date, actor: &str) -> Result<i64, StoreError> {
    let habit_id = HabitId::new(habit.id.as_str()).map_err(|_| Rejection::not_found("habit"))?;
    let events = tx.cell_events(&habit_id, &date.to_string(), actor)?;
    if events.is_empty() {
        return Ok(0);
    }
    let known = tx.row(&COMPLETIONS, CellId::of(&habit_id, date, actor).as_str())?;
    let standing = fold(&events, &measure(tx, habit, date)?);
    write(tx, habit, (date, actor), known, standing.as_ref(), None)
}

/// A cell as it would be written now, with all of its events; it is still to be folded. A day that is written again and
/// again in one upload is read once.
pub(super) fn preview(tx: &mut Tx<'_>, habit: &Row, cell: &Row, measure: &Measure) -> Result<Row, StoreError> {
    let events = tx.known_events(habit, &cell.text("date"), &cell.text("actor"))?;
    let at = tx.tick();
    let mut cell = cell.clone();
    write_cell(&mut cell, fold(&events, measure).as_ref(), &at);
    Ok(cell)
}

/// How a habit was measured on a day.
fn measure(tx: &mut Tx<'_>, habit: &Row, date: Date) -> Result<Measure, StoreError> {
    Ok(measured(tx, habit, date)?.0)
}

/// How a habit was measured on a day, and what it was about.
pub(super) fn measured(tx: &mut Tx<'_>, habit: &Row, date: Date) -> Result<(Measure, Kind), StoreError> {
    let dated = tx.dated_schedules(&habit.id)?;
    let mut dated = dated.iter().filter(|row| row.scope == habit.scope).peekable();
    if dated.peek().is_none() {
        return Ok((Measure::of(habit), kind_of(habit)));
    }
    let schedules = Schedules::of(habit, dated);
    let schedule = schedules.on(date);
    Ok((Measure::on(habit, schedule), schedule.kind))
}

fn kind_of(habit: &Row) -> Kind {
    Kind::parse(&habit.text("kind")).unwrap_or(Kind::Boolean)
}

/// As [`refold`], where events may have gone: a cell without any is emptied, and of its words what is gone with them.
pub(super) fn fold_what_is_left(
    tx: &mut Tx<'_>,
    habit: &Row,
    id: &HabitId,
    (date, actor): (Date, &str),
    words_gone: impl Fn(&Row) -> bool,
) -> Result<i64, StoreError> {
    let events = tx.cell_events(id, &date.to_string(), actor)?;
    let Some(mut known) = tx.row(&COMPLETIONS, CellId::of(id, date, actor).as_str())? else { return Ok(0) };
    let standing = fold(&events, &measure(tx, habit, date)?);
    if standing.is_none() && has_words(&known) && words_gone(&known) {
        let at = tx.tick();
        for name in WORDS {
            known.set(name, Value::Null, &at);
        }
    }
    write(tx, habit, (date, actor), Some(known), standing.as_ref(), None)
}

/// As [`refold`], for a day of which something came in from a file: a cell that is new takes its note from there.
pub(super) fn fold_imported(tx: &mut Tx<'_>, habit: &Row, date: Date, actor: &str) -> Result<i64, StoreError> {
    let habit_id = HabitId::new(habit.id.as_str()).map_err(|_| Rejection::not_found("habit"))?;
    let events = tx.cell_events(&habit_id, &date.to_string(), actor)?;
    let known = tx.row(&COMPLETIONS, CellId::of(&habit_id, date, actor).as_str())?;
    if events.is_empty() {
        // Words may have come to a day that is there already.
        return match known.filter(|known| !stands(known) && known.deleted_at.is_some() == has_words(known)) {
            Some(known) => write(tx, habit, (date, actor), Some(known), None, None),
            None => Ok(0),
        };
    }
    let note = events.iter().rev().find_map(|event| event.note.as_deref()).filter(|_| known.is_none());
    let standing = fold(&events, &measure(tx, habit, date)?);
    write(tx, habit, (date, actor), known, standing.as_ref(), note)
}

/// Folds a day of which something came down from the server. What follows from what came is not pushed back: the server folds
/// by itself.
pub(super) fn fold_arrived(
    tx: &mut Tx<'_>,
    habit: &Row,
    habit_id: &HabitId,
    date: Date,
    actor: &str,
) -> Result<(), StoreError> {
    let events = tx.cell_events(habit_id, &date.to_string(), actor)?;
    let id = CellId::of(habit_id, date, actor);
    let known = tx.row(&COMPLETIONS, id.as_str())?;
    let measure = measure(tx, habit, date)?;
    if let Some(cell) = kairos_core::fold::refolded(habit, known.as_ref(), (date, actor), &events, &measure) {
        tx.put(&cell, Origin::Upstream)?;
    }
    Ok(())
}

/// Writes how a cell stands.
fn write(
    tx: &mut Tx<'_>,
    habit: &Row,
    (date, actor): (Date, &str),
    known: Option<Row>,
    standing: Option<&Standing>,
    note: Option<&str>,
) -> Result<i64, StoreError> {
    let habit_id = HabitId::new(habit.id.as_str()).map_err(|_| Rejection::not_found("habit"))?;
    let id = CellId::of(&habit_id, date, actor);
    let at = tx.tick();
    let mut cell = match known {
        Some(cell) => cell,
        None => {
            let author = standing.map_or_else(|| habit.user_id.clone(), |standing| standing.by.clone());
            new_cell(habit, &id, (date, actor), author, &at, tx.now())
        }
    };
    if let Some(note) = note {
        cell.set("note", note, &at);
    }
    write_cell(&mut cell, standing, &at);
    tx.put(&cell, Origin::Local)
}

fn new_cell(habit: &Row, id: &CellId, (date, actor): (Date, &str), author: UserId, at: &Hlc, now: Millis) -> Row {
    let mut cell = Row::new(&COMPLETIONS, id.as_str(), habit.scope.clone(), author, now);
    cell.set("habit_id", habit.id.as_str(), at);
    cell.set("date", date.to_string(), at);
    cell.set("actor", actor, at);
    cell
}

/// A cell for words that come before any deed.
pub(super) fn empty_cell(
    tx: &mut Tx<'_>,
    habit: &Row,
    (date, actor): (Date, &str),
    author: &UserId,
) -> Result<Row, StoreError> {
    let habit_id = HabitId::new(habit.id.as_str()).map_err(|_| Rejection::not_found("habit"))?;
    let at = tx.tick();
    let now = tx.now();
    Ok(new_cell(habit, &CellId::of(&habit_id, date, actor), (date, actor), author.clone(), &at, now))
}

/// Shows or hides a cell whose words have changed, where they alone decide that.
pub(super) fn show_words(tx: &mut Tx<'_>, cell: &mut Row) {
    if !stands(cell) {
        let at = tx.tick();
        write_cell(cell, None, &at);
    }
}

/// How a person counts days.
pub(super) fn person(tx: &mut Tx<'_>, user: &UserId) -> Result<Person, StoreError> {
    Ok(Person::of(tx.known(&USERS, user.as_str())?.as_deref()))
}

/// What an undo without a name may mean: a deed that weighs no more; that a day passed is no deed.
fn may_take_back(by: &Principal, event: &Event) -> bool {
    event.verb != Verb::Miss && event.source.class() <= by.source().class()
}

/// When a deed happened, as well as the hub can know.
pub(super) fn moment(when: When, now: Millis, guessing: bool) -> (Millis, TimeSource) {
    match when {
        // The hub was not told the time since it was switched on.
        When::Arrival | When::Before(_) if guessing => (now, TimeSource::Estimated),
        When::Arrival => (now, TimeSource::Hub),
        When::Before(age) if (0..=MAX_AGE).contains(&age) => (now - age, TimeSource::Device),
        When::Before(_) => (now, TimeSource::Estimated),
        When::At(at, source) if at <= now.saturating_add(MAX_AHEAD) => (at, source),
        When::At(..) => (now, TimeSource::Estimated),
    }
}

/// What is recorded, and with which value: from the deed, else from the habit.
///
/// "Done" on a habit that is counted is one step of it, unless an amount says otherwise.
fn verb_and_value(deed: &Deed, habit: &Row, kind: Kind) -> Result<(Verb, Option<f64>), StoreError> {
    if let Some(value) = deed.value
        && !(value.is_finite() && value.abs() <= MAX_VALUE)
    {
        return Err(Rejection::field("value", "value must be a number up to a thousand million.").into());
    }
    let counted = kind == Kind::Measurable;
    let verb = if deed.verb == Verb::Full && counted { Verb::Add } else { deed.verb };
    let value = match verb {
        Verb::Add => Some(deed.value.or_else(|| habit.number("step")).unwrap_or(1.0)),
        Verb::Set => match deed.value {
            Some(value) if value >= 0.0 => Some(value),
            _ => return Err(Rejection::field("value", "value must be zero or more.").into()),
        },
        Verb::Partial => match deed.value {
            Some(percent) if (1.0..=99.0).contains(&percent) => Some(percent),
            _ => return Err(Rejection::field("percent", "percent must be from 1 to 99.").into()),
        },
        Verb::Miss => {
            return Err(
                Rejection::new(RejectionCode::Forbidden, "Only the hub itself says that a day has passed.").into()
            );
        }
        Verb::Lapse if kind != Kind::Avoid => {
            return Err(Rejection::new(
                RejectionCode::Invalid,
                "Only a habit of staying away has lapses; skipping is free.",
            )
            .into());
        }
        Verb::Full | Verb::Skip | Verb::Undo | Verb::Lapse => None,
    };
    Ok((verb, value))
}
