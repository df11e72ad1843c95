//! Written days: a cell's write becomes an event, and the cell is folded again.

use kairos_core::change::Origin;
use kairos_core::day::Date;
use kairos_core::event::{Event, TimeSource, Verb};
use kairos_core::fold::WORDS;
use kairos_core::ids::{CellId, CommandId, EventId, HabitId};
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{COMMON, COMPLETION_EVENTS, COMPLETIONS, DELETED_AT, HABITS};
use kairos_core::upload::cell::{self, Deed, Habit, SHAPE, same};
use kairos_core::upload::place::place;
use kairos_core::upload::{Kind, Operation, millis};

use super::super::bounds::MAX_AHEAD;
use super::super::record;
use super::days::{Unseen, Wish, Written};
use super::rows::{alias_of, note_alias, note_clock, unfit};
use super::stamp::Stamp;
use super::{Applied, Uploader, quarantine, refuse};
use crate::store::{StoreError, Tx};

/// What names a cell, and is never changed by writing it.
const NAMES: &[&str] = &["habit_id", "date", "actor"];

/// The cell an operation is about.
struct Place {
    habit: Row,
    habit_id: HabitId,
    date: Date,
    actor: String,
    cell: Option<Row>,
    /// Whether the client wrote the cell under this id before, or knows its own.
    known: bool,
}

pub(super) fn apply(
    tx: &mut Tx<'_>,
    uploader: &mut Uploader,
    operation: &Operation,
    stamp: &Stamp,
) -> Result<Applied, StoreError> {
    let Some(mut place) = find(tx, uploader, operation)? else { return Ok(Applied::default()) };
    let cell_id = CellId::of(&place.habit_id, place.date, &place.actor);
    let id = cell_id.to_string();
    let alias = id != operation.id;
    if is_ahead(tx, uploader, &place)? {
        return Err(refuse(format!("{} has not come yet.", place.date)));
    }
    uploader.days.keep(id.as_str());
    // A day is read as it was measured then.
    let (measure, about) = record::measured(tx, &place.habit, place.date)?;
    // What says neither what it meant nor what it saw is compared with the day as it stands, which is not folded yet.
    let said = operation.meaning.verb.is_some() || operation.previous.is_some() || operation.kind == Kind::Put;
    if let Some(cell) = place.cell.as_ref().filter(|_| !said && uploader.days.has(&id)) {
        place.cell = Some(record::preview(tx, &place.habit, cell, &measure)?);
    }
    let shown = place.cell.as_ref().map(|cell| repair::shown(cell).into_owned());
    let habit =
        Habit { counted: measure.counted, avoid: about == kairos_core::plan::Kind::Avoid, target: measure.target };
    if let Some(deed) = cell::read(operation, shown.as_ref(), habit).map_err(refuse)? {
        write_down(tx, uploader, operation, stamp, &place, (deed, habit.counted))?;
    }
    let mut applied = Applied { id: alias.then(|| id.clone()), conflicts: Vec::new() };
    // Note and energy are columns like any other.
    if let Some(words) = words(operation) {
        let cell = match tx.row(&COMPLETIONS, &id)? {
            None if has_words(&words) => {
                Some(record::empty_cell(tx, &place.habit, (place.date, &place.actor), &uploader.by.user)?)
            }
            cell => cell,
        };
        if let Some(cell) = cell {
            let words = if operation.kind == Kind::Put { unseeing(words, &cell, &place, stamp) } else { words };
            let mut placed = place_words(&cell, &words, stamp)?;
            // Whether the day is there follows from its events and words; a wish to have none that came too late is no loss.
            placed.losses.retain(|loss| loss.register != DELETED_AT && loss.lost.values().any(|lost| !lost.is_null()));
            for loss in &placed.losses {
                applied.conflicts.push(quarantine::note_loss(tx, uploader, &cell, loss)?);
            }
            if placed.changed {
                note_clock(tx, &placed.row);
                record::show_words(tx, &mut placed.row);
                tx.put(&placed.row, Origin::Local)?;
            }
        }
    }
    if alias {
        note_alias(tx, uploader, &COMPLETIONS, &operation.id, &id)?;
    }
    Ok(applied)
}

fn place_words(
    cell: &Row,
    operation: &Operation,
    stamp: &Stamp,
) -> Result<kairos_core::upload::place::Placed, StoreError> {
    place(cell, operation, &stamp.at, NAMES).map_err(|refusal| unfit(&refusal))
}

fn has_words(operation: &Operation) -> bool {
    WORDS.iter().any(|name| operation.data.get(*name).is_some_and(|value| !value.is_null()))
}

/// What of an operation is written beside the deed itself, if anything. Who deletes a day deletes the words they saw there.
fn words(operation: &Operation) -> Option<Operation> {
    let mut words = Operation { kind: Kind::Patch, ..operation.clone() };
    if operation.deletes() {
        words.data = WORDS.iter().map(|name| ((*name).to_owned(), serde_json::Value::Null)).collect();
        return Some(words);
    }
    words.data.remove(DELETED_AT);
    let deed = |name: &str| {
        NAMES.contains(&name) || COMMON.contains(&name) || COMPLETIONS.column(name).is_some_and(|column| column.derived)
    };
    words.data.keys().any(|name| !deed(name)).then_some(words)
}

/// Who makes a day anew saw no words there, unless it wrote them itself under the same id.
fn unseeing(mut words: Operation, cell: &Row, place: &Place, stamp: &Stamp) -> Operation {
    let own = |name: &str| cell.clocks.get(name).is_none_or(|at| place.known && at.node() == stamp.at.node());
    if words.previous.is_none() {
        let none = WORDS.iter().filter(|name| !own(name)).map(|name| ((*name).to_owned(), serde_json::Value::Null));
        words.previous = Some(none.collect());
    }
    words
}

/// The cell that is meant: by its own id, by one it was written under before, else by habit and day.
fn find(tx: &mut Tx<'_>, uploader: &Uploader, operation: &Operation) -> Result<Option<Place>, StoreError> {
    let known = match tx.row(&COMPLETIONS, &operation.id)? {
        Some(cell) => Some(cell),
        None => match alias_of(tx, uploader, &COMPLETIONS, &operation.id)? {
            Some(id) => tx.row(&COMPLETIONS, &id)?,
            None => None,
        },
    };
    let nothing = || refuse("There is no such day.");
    let text = |name: &str| operation.data.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    // A day is its habit and its date: an app that writes others under the same id means another day, and an edit of one
    // alone would move what was done.
    let known = match known {
        Some(cell) if ["habit_id", "date"].iter().any(|name| text(name).is_some_and(|new| new != cell.text(name))) => {
            match (operation.kind, text("habit_id"), text("date")) {
                (Kind::Put, Some(_), Some(_)) => None,
                (Kind::Delete, ..) => Some(cell),
                _ => {
                    return Err(refuse(
                        "A day keeps its habit and its date; write the other day, and take this one back.",
                    ));
                }
            }
        }
        known => known,
    };
    let (habit, date, actor) = match &known {
        Some(cell) => (cell.text("habit_id"), cell.text("date"), Some(cell.text("actor"))),
        None => match (operation.kind, text("habit_id"), text("date")) {
            (Kind::Delete, ..) => return Ok(None),
            (_, Some(habit), Some(date)) => (habit, date, None),
            (Kind::Put, ..) => return Err(refuse("A day has a habit_id and a date.")),
            (Kind::Patch, ..) => return Err(nothing()),
        },
    };
    let habit_id = HabitId::new(habit).map_err(|_| refuse("habit_id is no id."))?;
    let date = repair::parse_date(&date).filter(|date| date.year() >= 1970);
    let date = date.ok_or_else(|| refuse("date must be a day such as 2026-11-24."))?;
    let habit = match tx.row(&HABITS, habit_id.as_str())? {
        // A deleted habit keeps its days: a deed from before is not lost with it.
        Some(habit) if uploader.by.may_record(&habit.scope) => repair::sound(habit),
        _ => return Err(refuse("There is no such habit.")),
    };
    let user = &uploader.by.user;
    // Whose day it is follows from how the habit is shared, not from what the client thought.
    let own = record::actor(&habit, user);
    let named = text("actor").filter(|named| !own.is_empty() && !named.is_empty());
    let actor = actor.unwrap_or(own);
    if [Some(&actor), named.as_ref()].into_iter().flatten().any(|of| !of.is_empty() && of != user.as_str()) {
        return Err(refuse("This is somebody else's day."));
    }
    let was_known = known.is_some();
    let cell = match known {
        Some(cell) => Some(cell),
        None => tx.row(&COMPLETIONS, CellId::of(&habit_id, date, &actor).as_str())?,
    };
    Ok(Some(Place { habit, habit_id, date, actor, cell, known: was_known }))
}

/// Whether a day is still ahead for its person, wherever they may be: between the first and the last zone lie 25 hours,
/// and so, at times, two days.
fn is_ahead(tx: &mut Tx<'_>, uploader: &Uploader, place: &Place) -> Result<bool, StoreError> {
    let today = record::person(tx, &uploader.by.user)?.today(tx.now());
    let last = today.tomorrow().and_then(Date::tomorrow).unwrap_or(today);
    Ok(place.date > last)
}

fn write_down(
    tx: &mut Tx<'_>,
    uploader: &mut Uploader,
    operation: &Operation,
    stamp: &Stamp,
    place: &Place,
    (deed, counted): (Deed, bool),
) -> Result<(), StoreError> {
    let by = uploader.by.clone();
    let command = CommandId::new(stamp.command.as_str()).map_err(|_| refuse("op_id is no id."))?;
    let id = EventId::of(&by.author(), &command);
    if tx.row(&COMPLETION_EVENTS, id.as_str())?.is_some() {
        return Ok(());
    }
    let day = place.date.to_string();
    record::leave_room(tx, &place.habit_id, &day)?;
    let cell = CellId::of(&place.habit_id, place.date, &place.actor).to_string();
    // After what the client had seen of this day, and after its own earlier deeds, whatever its clock shows.
    let (seen, unseen) = match uploader.days.last(&cell) {
        Some(last) => (Some(last), None),
        None => {
            let events = tx.cell_events(&place.habit_id, &day, &place.actor)?;
            if deed.verb == Verb::Undo && events.is_empty() {
                return Ok(());
            }
            let saw = sees(operation, place);
            let own = |event: &&Event| saw || event.at.node() == stamp.at.node();
            let seen = events.iter().filter(own).map(|event| event.at.clone()).max();
            (seen, Unseen::of(operation, place.cell.as_ref(), &events, stamp.at.node()).filter(|_| !saw))
        }
    };
    let at = match seen {
        Some(seen) if seen >= stamp.at => seen.next(stamp.at.node()),
        _ => stamp.at.clone(),
    };
    let wish = Wish::of(&deed, counted);
    let person = record::person(tx, &by.user)?;
    let occurred_at = operation
        .data
        .get("completed_at")
        .and_then(millis)
        .or_else(|| operation.written_at())
        .map(|at| at.saturating_add(stamp.shift))
        .filter(|at| (0..=tx.now().saturating_add(MAX_AHEAD)).contains(at) && stamp.source != TimeSource::Estimated)
        .unwrap_or(stamp.millis);
    let event = Event {
        id,
        user_id: by.user.clone(),
        habit_id: place.habit_id.clone(),
        date: place.date,
        actor: place.actor.clone(),
        verb: deed.verb,
        value: deed.value,
        undo_of: None,
        skip_reason: deed.skip_reason,
        occurred_at,
        time_source: stamp.source,
        tz: person.tz,
        tz_offset_min: person.zone.offset_minutes(occurred_at),
        source: by.source(),
        device_id: None,
        press_id: None,
        note: None,
        at,
    };
    if place.cell.is_some() {
        record::put_event(tx, &place.habit, &event)?;
    } else {
        // What follows may be about the cell itself.
        record::write_event(tx, &place.habit, &event, None)?;
    }
    let (habit, date, actor) = (&place.habit_id, place.date, place.actor.as_str());
    uploader.wrote_day(&cell, Written { habit, date, actor, at: event.at, wish, unseen });
    Ok(())
}

/// Whether the client had seen the cell as it stands.
fn sees(operation: &Operation, place: &Place) -> bool {
    let (Some(previous), Some(cell)) = (&operation.previous, &place.cell) else { return false };
    let shown = repair::shown(cell).to_json();
    SHAPE.iter().all(|name| previous.get(*name).is_none_or(|before| same(before, &shown[*name])))
}
