//! Which row an operation means: rows with a natural key have ids of their own, whatever a client calls them, and what
//! a client called them is remembered.

use kairos_core::change::Origin;
use kairos_core::ids;
use kairos_core::row::Row;
use kairos_core::schema::{ID_ALIASES, Table};
use kairos_core::scope::Scope;
use kairos_core::upload::{Kind, Operation};

use super::Uploader;
use crate::store::{StoreError, Tx};

/// The id of the row that is meant, and whether it is another than the client's: a row with a natural key has the id
/// derived from it, whatever a client that does not know that made up.
pub(super) fn true_id(
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
    Ok(match derived {
        Some(derived) if derived != *id => (derived, true),
        _ => (id.clone(), false),
    })
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
