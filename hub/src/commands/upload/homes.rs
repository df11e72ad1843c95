//! Where a row lives: the scope of what it belongs to, and whether there is room.

use kairos_core::ids::HouseholdId;
use kairos_core::principal::Principal;
use kairos_core::row::Row;
use kairos_core::schema::Table;
use kairos_core::scope::Scope;
use kairos_core::upload::Operation;

use super::super::bounds::{MOST, MOST_PARTS};
use super::super::parents::{self, Standing};
use super::{Uploader, refuse};
use crate::store::{StoreError, Tx};

/// Where a new row lives: with what it belongs to, in the household it names, else with its writer.
pub(super) fn home(
    tx: &Tx<'_>,
    uploader: &Uploader,
    table: &Table,
    operation: &Operation,
) -> Result<Scope, StoreError> {
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
pub(super) fn require_home(tx: &Tx<'_>, by: &Principal, row: &Row) -> Result<(), StoreError> {
    match parents::standing(tx, by, row)? {
        Standing::Foreign(_) => Err(homeless()),
        Standing::Sound | Standing::Missing(_) => Ok(()),
    }
}

/// Refuses a row more than a scope may have. The living are counted once an upload: one that goes on the way counts until
/// its end.
pub(super) fn require_room(
    tx: &Tx<'_>,
    uploader: &mut Uploader,
    table: &'static Table,
    scope: &Scope,
) -> Result<(), StoreError> {
    let Some((_, most, what)) = MOST.iter().find(|(limited, ..)| *limited == table) else { return Ok(()) };
    let key = (table.name, scope.clone());
    let living = match uploader.living.get(&key) {
        Some(living) => *living,
        None => tx.count_living(table, scope)?,
    };
    uploader.living.insert(key, living);
    if living >= *most {
        return Err(refuse(format!("There are {most} {what} already; delete some first.")));
    }
    Ok(())
}

/// Refuses a part more than a whole may have: each of them is written with it when it goes and comes back.
pub(super) fn require_room_in_whole(tx: &Tx<'_>, before: Option<&Row>, row: &Row) -> Result<(), StoreError> {
    let Some((_, column, parent, most, what)) = MOST_PARTS.iter().find(|(limited, ..)| *limited == row.table) else {
        return Ok(());
    };
    let whole = row.text(column);
    let had = before.is_some_and(|before| before.deleted_at.is_none() && before.text(column) == whole);
    if row.deleted_at.is_some() || had {
        return Ok(());
    }
    // What went with it comes back with it.
    let is_gone = tx.row(parent, &whole)?.is_some_and(|whole| whole.deleted_at.is_some());
    if tx.count_parts(row.table, &row.scope, (column, &whole), is_gone)? < *most {
        return Ok(());
    }
    Err(refuse(format!("There are {most} {what} already; delete some first.")))
}

/// Counts a row that was made.
pub(super) fn count_in(uploader: &mut Uploader, table: &Table, scope: &Scope) {
    if let Some(living) = uploader.living.get_mut(&(table.name, scope.clone())) {
        *living += 1;
    }
}
