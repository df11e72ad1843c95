//! Operations on rows that are what they say: habits, pauses, routines and the like.

use kairos_core::change::Origin;
use kairos_core::command::{Rejection, RejectionCode, Saying};
use kairos_core::ids::{self, HouseholdId};
use kairos_core::plan::Person;
use kairos_core::principal::Principal;
use kairos_core::progress::Recovery;
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{ID_ALIASES, Table};
use kairos_core::scope::Scope;
use kairos_core::upload::place::{Refusal, place, place_new};
use kairos_core::upload::{Kind, Operation};

use super::super::bounds::{MAX_AHEAD, MOST};
use super::super::parents::{self, Standing};
use super::super::{habits, plans, recovery, routines};
use super::stamp::Stamp;
use super::{Applied, Uploader, quarantine, refuse, settle};
use crate::store::{StoreError, Tx};

/// Columns that are the hub's own to write: a client's word for them is left out.
fn closed(table: &Table) -> &'static [&'static str] {
    match table.name {
        "habits" => habits::CLOSED,
        "routines" => routines::CLOSED,
        _ => &[],
    }
}

pub(super) fn apply(
    tx: &mut Tx<'_>,
    uploader: &mut Uploader,
    operation: &Operation,
    stamp: &Stamp,
) -> Result<Applied, StoreError> {
    let table = writable(operation)?;
    let (id, alias) = true_id(tx, uploader, table, operation)?;
    let known = tx.row(table, &id)?;
    if let Some(known) = &known
        && !uploader.by.may_edit(&known.scope)
    {
        return Err(nothing_there());
    }
    match (table.name, &known) {
        ("recovery_sessions", Some(_)) => return answer(tx, uploader, &id, operation),
        ("conflicts", Some(_)) => return dismiss(tx, uploader, &id, operation),
        ("recovery_sessions" | "conflicts", None) => return Err(refuse("The hub itself writes these.")),
        ("users", _) if id != uploader.by.user.as_str() => return Err(nothing_there()),
        ("users", _) if operation.kind == Kind::Delete => {
            return Err(refuse("A person is removed by an administrator."));
        }
        _ => {}
    }
    let mut applied = Applied { id: alias.then(|| id.clone()), conflicts: Vec::new() };
    match known {
        Some(known) => {
            let placed = place(&known, operation, &stamp.at, closed(table)).map_err(|refusal| unfit(&refusal))?;
            note_clock(tx, &placed.row);
            for loss in &placed.losses {
                applied.conflicts.push(quarantine::note_loss(tx, uploader, &known, loss)?);
            }
            if placed.changed {
                follow(tx, &uploader.by, &known, placed.row)?;
            }
        }
        None if operation.kind == Kind::Delete => return Ok(applied),
        None if operation.kind == Kind::Patch => return Err(nothing_there()),
        None => {
            let scope = home(tx, uploader, table, operation)?;
            make_room(tx, uploader, table, &scope)?;
            let fresh = Row::new(table, &id, scope, uploader.by.user.clone(), stamp.millis.min(tx.now()));
            let row = place_new(fresh, operation, &stamp.at, closed(table)).map_err(|refusal| unfit(&refusal))?;
            note_clock(tx, &row);
            begin(tx, &uploader.by, row)?;
        }
    }
    if alias {
        note_alias(tx, uploader, table, &operation.id, &id)?;
    }
    Ok(applied)
}

fn nothing_there() -> StoreError {
    Rejection::new(RejectionCode::NotFound, "There is no such row.").into()
}

pub(super) fn unfit(refusal: &Refusal) -> StoreError {
    Rejection::field(refusal.column.clone(), format!("{} {}.", refusal.column, refusal.message)).into()
}

/// The table, when clients may write it.
fn writable(operation: &Operation) -> Result<&'static Table, StoreError> {
    let table = Table::named(&operation.table).ok_or_else(|| refuse("There is no such table."))?;
    match table.name {
        "completion_events" => Err(refuse("Events are made by the hub: write the day in completions.")),
        "devices" | "device_bindings" => Err(refuse("Devices are set up on the hub, under Devices.")),
        "households" | "household_members" => Err(refuse("Households are changed on the hub.")),
        "id_aliases" => Err(refuse("There is no such table.")),
        _ => Ok(table),
    }
}

/// The id of the row that is meant, and whether it is another than the client's: a row with a natural key has the id
/// derived from it, whatever a client that does not know that made up.
fn true_id(
    tx: &Tx<'_>,
    uploader: &Uploader,
    table: &'static Table,
    operation: &Operation,
) -> Result<(String, bool), StoreError> {
    let id = &operation.id;
    if tx.row(table, id)?.is_some() {
        return Ok((id.clone(), false));
    }
    if let Some(alias) = alias_of(tx, uploader, table, id)? {
        return Ok((alias, true));
    }
    let text = |name: &str| operation.data.get(name).and_then(|value| value.as_str());
    let derived = match (table.name, operation.kind) {
        ("user_preferences", Kind::Put) => Some(ids::preferences(&uploader.by.user)),
        ("habit_schedules", Kind::Put) => match (text("habit_id"), text("valid_from")) {
            (Some(habit), Some(from)) => Some(ids::schedule(habit, from)),
            _ => None,
        },
        ("routine_habits", Kind::Put) => match (text("routine_id"), text("habit_id")) {
            (Some(routine), Some(habit)) => Some(ids::step(routine, habit)),
            _ => None,
        },
        _ => None,
    };
    Ok(derived.filter(|derived| derived != id).map_or_else(|| (id.clone(), false), |derived| (derived, true)))
}

/// The id under which an alias stands: one person's clients agree on their own names only.
fn alias_id(uploader: &Uploader, table: &Table, id: &str) -> String {
    ids::derive(&format!("alias|{}|{}|{id}", uploader.by.user, table.name))
}

/// The row another id stands for.
pub(super) fn alias_of(
    tx: &Tx<'_>,
    uploader: &Uploader,
    table: &'static Table,
    id: &str,
) -> Result<Option<String>, StoreError> {
    let alias = tx.row(&ID_ALIASES, &alias_id(uploader, table, id))?;
    Ok(alias.filter(|alias| uploader.by.may_read(&alias.scope)).map(|alias| alias.text("row_id")))
}

/// Remembers another id of a row, so that what is still queued under it reaches the row. An app that uses an id again for
/// another row means that one from then on.
pub(super) fn note_alias(
    tx: &mut Tx<'_>,
    uploader: &Uploader,
    table: &'static Table,
    id: &str,
    row: &str,
) -> Result<(), StoreError> {
    let name = alias_id(uploader, table, id);
    let at = tx.tick();
    let mut alias = match tx.row(&ID_ALIASES, &name)? {
        Some(alias) if alias.text("row_id") == row => return Ok(()),
        Some(alias) => alias,
        None => {
            let scope = Scope::Person(uploader.by.user.clone());
            let mut alias = Row::new(&ID_ALIASES, name, scope, uploader.by.user.clone(), tx.now());
            alias.stamp_all(&at);
            alias.set("table_name", table.name, &at);
            alias.set("alias", id, &at);
            alias
        }
    };
    alias.set("row_id", row, &at);
    tx.put(&alias, Origin::Local).map(drop)
}

/// Where a new row lives: with what it belongs to, in the household it names, else with its writer.
fn home(tx: &Tx<'_>, uploader: &Uploader, table: &Table, operation: &Operation) -> Result<Scope, StoreError> {
    let by = &uploader.by;
    let own = Scope::Person(by.user.clone());
    let text = |name: &str| operation.data.get(name).and_then(|value| value.as_str()).filter(|text| !text.is_empty());
    if text("user_id").is_some_and(|user| user != by.user.as_str()) {
        return Err(refuse("This row says that somebody else wrote it."));
    }
    let scope = match (parents::first_named(table, text), text("scope"), text("household_id")) {
        (Some((parent, id)), ..) => tx.row(parent, id)?.map_or(own, |row| row.scope),
        (None, Some(scope), _) => Scope::parse(scope).map_err(|_| refuse("scope is u: or h: and an id."))?,
        (None, None, Some(household)) => {
            Scope::Household(HouseholdId::new(household).map_err(|_| refuse("household_id is no id."))?)
        }
        (None, None, None) => own,
    };
    // The same words for what is not there and for what is not theirs.
    if by.may_edit(&scope) { Ok(scope) } else { Err(homeless()) }
}

fn homeless() -> StoreError {
    refuse("What this row belongs to is not there.")
}

/// Refuses a row that names something of another scope as what it belongs to. What is not there at all may still come.
fn require_home(tx: &Tx<'_>, by: &Principal, row: &Row) -> Result<(), StoreError> {
    match parents::standing(tx, by, row)? {
        Standing::Foreign(_) => Err(homeless()),
        Standing::Sound | Standing::Missing(_) => Ok(()),
    }
}

/// Refuses a row more than a scope may have. They are counted once an upload: one that goes on the way counts until its end.
fn make_room(tx: &Tx<'_>, uploader: &mut Uploader, table: &'static Table, scope: &Scope) -> Result<(), StoreError> {
    let Some((_, most, what)) = MOST.iter().find(|(limited, ..)| *limited == table) else { return Ok(()) };
    let key = (table.name, scope.clone());
    let living = match uploader.living.get(&key) {
        Some(living) => *living,
        None => tx.count_living(table, scope)?,
    };
    if living >= *most {
        return Err(refuse(format!("There are {most} {what} already; delete some first.")));
    }
    uploader.living.insert(key, living + 1);
    Ok(())
}

/// Our clock goes on from theirs, so that what is written next is later.
pub(super) fn note_clock(tx: &mut Tx<'_>, row: &Row) {
    if let Some(hlc) = row.hlc().cloned() {
        tx.observe(&hlc, MAX_AHEAD);
    }
}

/// Writes a new row, and what follows from it.
fn begin(tx: &mut Tx<'_>, by: &Principal, row: Row) -> Result<(), StoreError> {
    require_home(tx, by, &row)?;
    match row.table.name {
        "habits" => habits::begin(tx, row).map(drop),
        "routine_variants" => routines::put_variant(tx, &row).map(drop),
        "routine_executions" => {
            tx.put(&row, Origin::Local)?;
            routines::settle_runs(tx, &row)
        }
        _ => tx.put(&row, Origin::Local).map(drop),
    }
}

/// Writes a changed row, and what follows from the change.
pub(super) fn follow(tx: &mut Tx<'_>, by: &Principal, before: &Row, row: Row) -> Result<(), StoreError> {
    require_home(tx, by, &row)?;
    let goes = before.deleted_at.is_none() && row.deleted_at.is_some();
    match row.table.name {
        "habits" if goes => {
            habits::detach(tx, &row.id)?;
            tx.put(&row, Origin::Local).map(drop)
        }
        "habits" if row.deleted_at.is_none() => habits::change(tx, by, before, row).map(drop),
        "users" => {
            let was = Person::of(Some(&repair::shown(before)));
            plans::excuse_travel(tx, by, &was, &Person::of(Some(&repair::shown(&row))))?;
            tx.put(&row, Origin::Local).map(drop)
        }
        "routines" if goes => {
            routines::take_apart(tx, &row.id)?;
            tx.put(&row, Origin::Local).map(drop)
        }
        "routine_variants" if row.deleted_at.is_none() => routines::put_variant(tx, &row).map(drop),
        "routine_executions" => {
            tx.put(&row, Origin::Local)?;
            routines::settle_runs(tx, &row)
        }
        _ => tx.put(&row, Origin::Local).map(drop),
    }
}

/// An answer to an offer of a way back, written as columns.
fn answer(tx: &mut Tx<'_>, uploader: &Uploader, id: &str, operation: &Operation) -> Result<Applied, StoreError> {
    let text = |name: &str| operation.data.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    let Some(action) = text("action").and_then(|action| Recovery::parse(&action)) else {
        return Err(refuse("A session is answered with one of the actions."));
    };
    let saying = Saying { action, blockers: text("blockers"), notes: text("notes") };
    recovery::answer(tx, &uploader.by, id, &saying)?;
    Ok(Applied::default())
}

fn dismiss(tx: &mut Tx<'_>, uploader: &Uploader, id: &str, operation: &Operation) -> Result<Applied, StoreError> {
    let status = operation.data.get("status").and_then(|status| status.as_str());
    if operation.kind == Kind::Delete || status == Some("DISMISSED") {
        settle::dismiss(tx, &uploader.by, id)?;
        return Ok(Applied::default());
    }
    Err(refuse("A conflict can be dismissed; to restore it, ask the hub."))
}
