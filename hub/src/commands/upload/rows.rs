//! Operations on rows that are what they say: habits, pauses, routines and the like.

use kairos_core::change::Origin;
use kairos_core::command::{Rejection, RejectionCode, Saying};
use kairos_core::plan::Person;
use kairos_core::principal::Principal;
use kairos_core::progress::Recovery;
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::Table;
use kairos_core::upload::place::{Refusal, broken_rule, place, place_new};
use kairos_core::upload::{Kind, Operation};

use super::super::bounds::MAX_AHEAD;
use super::super::{habits, plans, recovery, routines};
pub(super) use super::names::{alias_of, note_alias};
use super::stamp::Stamp;
use super::{Applied, Uploader, homes, names, refuse, settle, wholes};
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
    let (id, alias) = names::true_id(tx, uploader, table, operation)?;
    let known = tx.row(table, &id)?;
    if known.as_ref().is_some_and(|known| !uploader.by.may_edit(&known.scope)) {
        return Err(nothing_there());
    }
    match (table.name, &known) {
        ("recovery_sessions", Some(_)) => return answer(tx, uploader, &id, operation),
        ("conflicts", Some(_)) => {
            uploader.all_open = false;
            return dismiss(tx, uploader, &id, operation);
        }
        ("recovery_sessions" | "conflicts", None) => return Err(refuse("The hub itself writes these.")),
        ("users", _) if id != uploader.by.user.as_str() => return Err(nothing_there()),
        ("users", _) if operation.deletes() => {
            return Err(refuse("A person is removed by an administrator."));
        }
        _ => {}
    }
    let conflicts = match (known, operation.kind) {
        (Some(known), _) => change(tx, uploader, &known, operation, stamp)?,
        (None, Kind::Put) => make(tx, uploader, table, &id, operation, stamp)?,
        (None, Kind::Patch) => return Err(nothing_there()),
        (None, Kind::Delete) => return Ok(Applied { id: alias.then_some(id), conflicts: Vec::new() }),
    };
    if alias {
        note_alias(tx, uploader, table, &operation.id, &id)?;
    }
    Ok(Applied { id: alias.then_some(id), conflicts })
}

/// Writes an operation over a row that is there; gives the entries of what lost.
fn change(
    tx: &mut Tx<'_>,
    uploader: &mut Uploader,
    known: &Row,
    operation: &Operation,
    stamp: &Stamp,
) -> Result<Vec<String>, StoreError> {
    require_rules(uploader, known, operation, stamp)?;
    let placed = place(known, operation, &stamp.at, closed(known.table)).map_err(|refusal| unfit(&refusal))?;
    note_clock(tx, &placed.row);
    let conflicts = wholes::note_losses(tx, uploader, known, &placed, &stamp.at)?;
    wholes::note_removed(tx, uploader, known, &placed)?;
    if placed.changed {
        homes::require_room_in_whole(tx, Some(known), &placed.row)?;
        follow(tx, &uploader.by, known, placed.row)?;
    }
    Ok(conflicts)
}

/// Makes the row that an operation is the first to write; gives the entries of what lost.
fn make(
    tx: &mut Tx<'_>,
    uploader: &mut Uploader,
    table: &'static Table,
    id: &str,
    operation: &Operation,
    stamp: &Stamp,
) -> Result<Vec<String>, StoreError> {
    let scope = homes::home(tx, uploader, table, operation)?;
    homes::require_room(tx, uploader, table, &scope)?;
    let fresh = Row::new(table, id, scope.clone(), uploader.by.user.clone(), stamp.millis.min(tx.now()));
    require_rules(uploader, &fresh, operation, stamp)?;
    let row = place_new(fresh, operation, &stamp.at, closed(table)).map_err(|refusal| unfit(&refusal))?;
    homes::require_room_in_whole(tx, None, &row)?;
    note_clock(tx, &row);
    let conflicts = wholes::note_hidden(tx, uploader, &row, &stamp.at)?;
    begin(tx, &uploader.by, row)?;
    homes::count_in(uploader, table, &scope);
    Ok(conflicts)
}

/// Refuses values that break a rule across columns by themselves. Whose values meet others is not to blame: such a row is
/// mended where it is read.
fn require_rules(uploader: &Uploader, known: &Row, operation: &Operation, stamp: &Stamp) -> Result<(), StoreError> {
    match broken_rule(known, operation, uploader.later(operation), &stamp.at, closed(known.table)) {
        Some(refusal) => Err(unfit(&refusal)),
        None => Ok(()),
    }
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

/// Our clock goes on from theirs, so that what is written next is later.
pub(super) fn note_clock(tx: &mut Tx<'_>, row: &Row) {
    if let Some(hlc) = row.hlc().cloned() {
        tx.observe(&hlc, MAX_AHEAD);
    }
}

/// Writes a new row, and what follows from it.
fn begin(tx: &mut Tx<'_>, by: &Principal, row: Row) -> Result<(), StoreError> {
    homes::require_home(tx, by, &row)?;
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
    homes::require_home(tx, by, &row)?;
    let lives = row.deleted_at.is_none();
    let goes = before.deleted_at.is_none() && !lives;
    let comes = before.deleted_at.is_some() && lives;
    match row.table.name {
        "habits" if lives => {
            let back = comes.then(|| row.clone());
            habits::change(tx, by, before, row)?;
            back.map_or(Ok(()), |back| habits::attach(tx, before, &back))
        }
        "habits" if goes => {
            habits::detach(tx, &row)?;
            tx.put(&row, Origin::Local).map(drop)
        }
        "users" => {
            let was = Person::of(Some(&repair::shown(before)));
            plans::excuse_travel(tx, by, &was, &Person::of(Some(&repair::shown(&row))))?;
            tx.put(&row, Origin::Local).map(drop)
        }
        "routines" => {
            if goes {
                routines::take_apart(tx, &row)?;
            } else if comes {
                routines::put_together(tx, before, &row)?;
            }
            tx.put(&row, Origin::Local).map(drop)
        }
        "routine_variants" if lives => routines::put_variant(tx, &row).map(drop),
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
    if operation.deletes() || status == Some("DISMISSED") {
        settle::dismiss(tx, &uploader.by, id)?;
        return Ok(Applied::default());
    }
    Err(refuse("A conflict can be dismissed; to restore it, ask the hub."))
}
