//! What rows belong to. Ids are known beyond their scope, so that a row names another is no proof that it may: rows hang
//! on rows of their own scope, and nothing of one person is counted among the days of another.

use kairos_core::principal::Principal;
use kairos_core::row::Row;
use kairos_core::schema::{HABITS, ROUTINE_HABITS, ROUTINE_VARIANTS, ROUTINES, Table};

use crate::store::{StoreError, Tx};

/// The columns that name what a row belongs to.
const PARENTS: [(&str, &Table); 3] =
    [("routine_id", &ROUTINES), ("habit_id", &HABITS), ("variant_id", &ROUTINE_VARIANTS)];

/// What a row that is being made names first as what it belongs to: where it lives follows from that.
pub(super) fn first_named<'a>(
    table: &Table,
    text: impl Fn(&str) -> Option<&'a str>,
) -> Option<(&'static Table, &'a str)> {
    let own = PARENTS.iter().filter(|(column, _)| table.column(column).is_some());
    own.filter_map(|(column, parent)| Some((*parent, text(column)?))).next()
}

/// What a row names as what it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// All of it is there, and of the row's own scope; or it names nothing.
    Sound,
    /// It is not there: a part of it may have gone, or come later.
    Missing(&'static str),
    /// It is somebody else's.
    Foreign(&'static str),
}

/// How a row stands to what it names.
pub(super) fn standing(tx: &Tx<'_>, by: &Principal, row: &Row) -> Result<Standing, StoreError> {
    let mut found = Standing::Sound;
    for (column, table) in PARENTS {
        if row.table.column(column).is_none() {
            continue;
        }
        let Some(id) = row.opt_text(column).filter(|id| !id.is_empty()) else { continue };
        match tx.row(table, &id)? {
            Some(parent) if parent.scope == row.scope => {}
            // One's own routine may lead through a habit of the household.
            Some(parent) if row.table == &ROUTINE_HABITS && table == &HABITS && by.may_read(&parent.scope) => {}
            Some(_) => return Ok(Standing::Foreign(column)),
            None if found == Standing::Sound => found = Standing::Missing(column),
            None => {}
        }
    }
    Ok(found)
}
