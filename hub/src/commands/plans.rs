//! What a person wishes for their habits over time: dated schedules, breaks, preferences.

use kairos_core::change::Origin;
use kairos_core::command::{Fields, Receipt, Rejection, RejectionCode};
use kairos_core::day::Date;
use kairos_core::ids::{self, UserId};
use kairos_core::plan::{DATED, Person, Plan, is_rest_of, rests_since, stretch};
use kairos_core::principal::Principal;
use kairos_core::repair::parse_date;
use kairos_core::row::Row;
use kairos_core::schema::{HABIT_SCHEDULES, HABITS, PAUSES, USER_PREFERENCES};
use kairos_core::scope::Scope;

use super::bounds::MAX_PAUSES;
use super::{applied, require_edit, set_fields, unchanged, visible};
use crate::store::{StoreError, Tx};

/// Dates a change of what a habit asks for: it counts from today, and the days before stay as they were.
pub(super) fn date_schedule(
    tx: &mut Tx<'_>,
    before: &Row,
    after: &Row,
    person: &Person,
    today: Date,
) -> Result<(), StoreError> {
    if DATED.iter().all(|name| before.look(name) == after.look(name)) {
        return Ok(());
    }
    let mut dated = tx.rows_where(&HABIT_SCHEDULES, "habit_id", &after.id)?;
    fill(tx, before, &mut dated)?;
    let first_day = Plan::of(before, &[], &[], person).first_day;
    let yesterday = today.yesterday().unwrap_or(today);
    if dated.is_empty() {
        // A habit that begins today asked for nothing yet; but earlier days may have been told of.
        if first_day >= today && !tx.has_cells_before(&after.id, &today.to_string())? {
            return Ok(());
        }
        put_schedule(tx, before, first_day.min(yesterday), Some(yesterday))?;
    } else if let Some(mut last) = dated
        .into_iter()
        .filter(|row| row.deleted_at.is_none() && row.text("valid_from") < today.to_string())
        .max_by_key(|row| row.text("valid_from"))
    {
        let at = tx.tick();
        last.set("valid_to", today.yesterday().ok().map(|date| date.to_string()), &at);
        tx.put(&last, Origin::Local)?;
    }
    put_schedule(tx, after, today, None)
}

/// What a schedule of an older version does not say was as the habit itself says, up to now: written down before that changes.
fn fill(tx: &mut Tx<'_>, before: &Row, dated: &mut [Row]) -> Result<(), StoreError> {
    let silent = |row: &Row, name: &&&str| row.get(name).is_null() && !before.look(name).is_null();
    for row in dated.iter_mut().filter(|row| row.deleted_at.is_none()) {
        let names: Vec<&str> = ["kind", "lapse_threshold_days", "relapse_threshold_days"]
            .iter()
            .filter(|name| silent(row, name))
            .copied()
            .collect();
        if names.is_empty() {
            continue;
        }
        let at = tx.tick();
        for name in names {
            row.set(name, before.get(name), &at);
        }
        tx.put(row, Origin::Local)?;
    }
    Ok(())
}

fn put_schedule(tx: &mut Tx<'_>, habit: &Row, from: Date, to: Option<Date>) -> Result<(), StoreError> {
    let at = tx.tick();
    let id = ids::schedule(&habit.id, &from.to_string());
    let mut row = Row::new(&HABIT_SCHEDULES, id, habit.scope.clone(), habit.user_id.clone(), tx.now());
    row.stamp_all(&at);
    row.set("habit_id", habit.id.as_str(), &at);
    row.set("valid_from", from.to_string(), &at);
    row.set("valid_to", to.map(|date| date.to_string()), &at);
    for name in DATED {
        row.set(name, habit.get(name), &at);
    }
    tx.put(&row, Origin::Local).map(drop)
}

/// A habit that is paused or archived has a break without an end; one that goes on ends it with yesterday.
pub(super) fn follow_status(tx: &mut Tx<'_>, before: &Row, after: &Row, today: Date) -> Result<(), StoreError> {
    let active = |row: &Row| row.text("status") == "ACTIVE";
    match (active(before), active(after)) {
        (true, true) => return Ok(()),
        (true, false) => return open_rest(tx, after, today),
        (false, _) => {}
    }
    let mut rests = tx.rows_where(&PAUSES, "scope", &after.scope.to_string())?;
    rests.retain(|row| is_rest_of(row, after));
    if rests.is_empty() {
        return note_rest(tx, before, after, today);
    }
    for mut row in rests.into_iter().filter(|_| active(after)) {
        let at = tx.tick();
        if row.text("from_date") >= today.to_string() {
            row.set_deleted(Some(tx.now()), &at);
        } else {
            row.set("to_date", today.yesterday().ok().map(|date| date.to_string()), &at);
        }
        tx.put(&row, Origin::Local)?;
    }
    Ok(())
}

/// Opens a habit's own break.
pub(super) fn open_rest(tx: &mut Tx<'_>, habit: &Row, from: Date) -> Result<(), StoreError> {
    put_rest(tx, habit, from, None)
}

/// A habit that rested without a break of its own (it came so in a file) gets one now that its status changes: else the
/// days until now would be asked for afterwards.
fn note_rest(tx: &mut Tx<'_>, before: &Row, after: &Row, today: Date) -> Result<(), StoreError> {
    let person = super::record::person(tx, &before.user_id)?;
    let from = rests_since(before, &person);
    if after.text("status") != "ACTIVE" {
        return open_rest(tx, after, from);
    }
    let Some(to) = today.yesterday().ok().filter(|to| *to >= from) else { return Ok(()) };
    // A phone that was offline ended it on the day its person said so, which may be some time ago.
    let day = from.to_string();
    let ended = |row: &Row| {
        row.deleted_at.is_none()
            && row.text("habit_id") == after.id
            && row.text("from_date") <= day
            && row.opt_text("to_date").is_some_and(|to| to >= day)
    };
    if tx.rows_where(&PAUSES, "scope", &after.scope.to_string())?.iter().any(ended) {
        return Ok(());
    }
    put_rest(tx, after, from, Some(to))
}

/// The ids that a break of the hub's own may have: the first, unless it is taken.
fn break_ids(reason: &str) -> impl Iterator<Item = String> {
    (0..16).map(move |n| ids::derive(&if n == 0 { reason.to_owned() } else { format!("{reason}|{n}") }))
}

/// The break that the hub itself makes for a reason, and whether it is new. Its id is derived, and anybody may write a break of
/// their own under any id: one in another scope is left where it is, and the next id taken.
fn own_break(tx: &mut Tx<'_>, reason: &str, scope: &Scope, user: &UserId) -> Result<(Row, bool), StoreError> {
    for id in break_ids(reason) {
        match tx.row(&PAUSES, &id)? {
            Some(row) if row.scope == *scope => return Ok((row, false)),
            Some(_) => {}
            None => {
                let mut row = Row::new(&PAUSES, id, scope.clone(), user.clone(), tx.now());
                row.stamp_all(&tx.tick());
                return Ok((row, true));
            }
        }
    }
    Err(Rejection::new(RejectionCode::Conflict, "The id of this break is already in use.").into())
}

fn put_rest(tx: &mut Tx<'_>, habit: &Row, from: Date, to: Option<Date>) -> Result<(), StoreError> {
    let at = tx.tick();
    let (mut row, _) = own_break(tx, &format!("pause|{}|{from}", habit.id), &habit.scope, &habit.user_id)?;
    row.set_deleted(None, &at);
    row.set("habit_id", habit.id.as_str(), &at);
    row.set("from_date", from.to_string(), &at);
    row.set("to_date", to.map(|date| date.to_string()), &at);
    tx.put(&row, Origin::Local).map(drop)
}

pub(super) fn add_pause(tx: &mut Tx<'_>, by: &Principal, id: &str, fields: &Fields) -> Result<Receipt, StoreError> {
    let scope = Scope::Person(by.user.clone());
    require_edit(by, &scope)?;
    if tx.row(&PAUSES, id)?.is_some() {
        return Err(Rejection::new(RejectionCode::Conflict, "This id is already in use.").into());
    }
    if tx.count_living(&PAUSES, &scope)? >= MAX_PAUSES {
        let message = format!("A person has at most {MAX_PAUSES} breaks; delete old ones first.");
        return Err(Rejection::new(RejectionCode::Conflict, message).into());
    }
    let mut row = Row::new(&PAUSES, id, scope, by.user.clone(), tx.now());
    let at = tx.tick();
    row.stamp_all(&at);
    set_fields(tx, &mut row, fields, &[])?;
    name_habit(tx, by, &row)?;
    Ok(applied(tx.put(&row, Origin::Local)?))
}

pub(super) fn edit_pause(tx: &mut Tx<'_>, by: &Principal, id: &str, fields: &Fields) -> Result<Receipt, StoreError> {
    let mut row = visible(tx, by, &PAUSES, id, "break")?;
    require_edit(by, &row.scope)?;
    if !set_fields(tx, &mut row, fields, &[])? {
        return Ok(unchanged());
    }
    name_habit(tx, by, &row)?;
    Ok(applied(tx.put(&row, Origin::Local)?))
}

fn name_habit(tx: &Tx<'_>, by: &Principal, pause: &Row) -> Result<(), StoreError> {
    match pause.opt_text("habit_id") {
        Some(habit) if visible(tx, by, &HABITS, &habit, "habit").is_err() => {
            Err(Rejection::field("habit_id", "There is no such habit.").into())
        }
        _ => Ok(()),
    }
}

pub(super) fn delete_pause(tx: &mut Tx<'_>, by: &Principal, id: &str) -> Result<Receipt, StoreError> {
    let mut row = visible(tx, by, &PAUSES, id, "break")?;
    require_edit(by, &row.scope)?;
    let at = tx.tick();
    row.set_deleted(Some(tx.now()), &at);
    Ok(applied(tx.put(&row, Origin::Local)?))
}

/// A person who travels far enough east leaves a day early and may never see the next: what was asked for on the days
/// that were cut short or left out is taken back by a break.
pub(super) fn excuse_travel(
    tx: &mut Tx<'_>,
    by: &Principal,
    before: &Person,
    after: &Person,
) -> Result<(), StoreError> {
    let (left, arrived) = (before.today(tx.now()), after.today(tx.now()));
    if arrived < left {
        return end_travel(tx, by, arrived);
    }
    let Some(last) = arrived.yesterday().ok().filter(|last| *last >= left) else { return Ok(()) };
    let (from, to) = (left.to_string(), last.to_string());
    let at = tx.tick();
    let (mut row, new) = own_break(tx, &journey(by, left, last), &Scope::Person(by.user.clone()), &by.user)?;
    if new {
        row.set("reason", "travel", &at);
    } else if row.deleted_at.is_none() && row.text("from_date") <= from && covers(&row, &to) {
        // The same journey again, unless its break was cut short or taken back on the way home.
        return Ok(());
    }
    row.set_deleted(None, &at);
    row.set("from_date", from, &at);
    row.set("to_date", to, &at);
    tx.put(&row, Origin::Local).map(drop)
}

/// Whether a break has not ended before a day.
fn covers(pause: &Row, day: &str) -> bool {
    pause.opt_text("to_date").is_none_or(|to| to.as_str() >= day)
}

/// What the id of the break that a journey makes is derived from.
fn journey(by: &Principal, left: Date, last: Date) -> String {
    format!("travel|{}|{left}|{last}", by.user)
}

/// The most days beyond the first that a journey leaves out.
const LEFT_OUT: usize = 3;

/// The last day of a break that a journey made, as it was made. Its id says so, and no word of it: what a person calls
/// "travel" is theirs.
fn travelled_to(by: &Principal, pause: &Row) -> Option<Date> {
    let left = parse_date(&pause.text("from_date"))?;
    stretch(left, Date::MAX)
        .take(1 + LEFT_OUT)
        .find(|last| break_ids(&journey(by, left, *last)).any(|id| id == pause.id))
}

/// Who is back on a day that a journey had left out lives it after all.
fn end_travel(tx: &mut Tx<'_>, by: &Principal, arrived: Date) -> Result<(), StoreError> {
    for mut row in tx.rows_where(&PAUSES, "scope", &Scope::Person(by.user.clone()).to_string())? {
        let Some(to) = row.opt_text("to_date").filter(|to| *to >= arrived.to_string()) else { continue };
        // One that was made longer is a vacation now.
        if row.deleted_at.is_some() || travelled_to(by, &row).is_none_or(|last| to > last.to_string()) {
            continue;
        }
        let at = tx.tick();
        match arrived.yesterday().ok().filter(|last| last.to_string() >= row.text("from_date")) {
            Some(last) => row.set("to_date", last.to_string(), &at),
            None => row.set_deleted(Some(tx.now()), &at),
        }
        tx.put(&row, Origin::Local)?;
    }
    Ok(())
}

pub(super) fn edit_preferences(tx: &mut Tx<'_>, by: &Principal, fields: &Fields) -> Result<Receipt, StoreError> {
    let scope = Scope::Person(by.user.clone());
    require_edit(by, &scope)?;
    let id = ids::preferences(&by.user);
    let known = tx.row(&USER_PREFERENCES, &id)?;
    let mut row = known.clone().unwrap_or_else(|| {
        let mut row = Row::new(&USER_PREFERENCES, id, scope, by.user.clone(), tx.now());
        let at = tx.tick();
        row.stamp_all(&at);
        row
    });
    if !set_fields(tx, &mut row, fields, &[])? && known.is_some() {
        return Ok(unchanged());
    }
    Ok(applied(tx.put(&row, Origin::Local)?))
}
