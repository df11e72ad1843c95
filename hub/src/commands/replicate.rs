//! Rows that come down from the server: through the same door, merged by the same rule.
//!
//! A row that stands here afterwards exactly as it came down is logged as `upstream` and never pushed back; one that does not
//! is a `merge`, which is. Days are folded here from their events: what the server has folded is not taken over. What loses
//! unseen is kept under conflicts.

use kairos_core::change::Origin;
use kairos_core::follow::Follow;
use kairos_core::ids::{self, HabitId, UserId};
use kairos_core::loss::Lost;
use kairos_core::merge::{CannotMerge, merge, same};
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETIONS, CONFLICTS, HABITS, Table};
use kairos_core::scope::Scope;
use serde_json::json;

use super::Commands;
use super::bounds::MAX_AHEAD;
use super::record;
use crate::store::{Landed, Link, StoreError, Tx};

/// Rows of one scope as the server has them.
#[derive(Debug)]
pub(crate) struct Arrived {
    /// Whose they are.
    pub(crate) scope: Scope,
    /// As whom they were read.
    pub(crate) by: UserId,
    /// The rows, in the order in which the server wrote them, and whether it has each otherwise than it can be read.
    pub(crate) rows: Vec<(Row, bool)>,
    /// Rows that cannot be read.
    pub(crate) unreadable: Vec<(&'static Table, String)>,
    /// Whether more may follow.
    pub(crate) more: bool,
    /// How the scope stands with the server once they are taken in.
    pub(crate) link: Link,
}

/// What became of them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TakenIn {
    /// How many rows are other than before.
    pub(crate) changed: usize,
    /// How many had to be left where they were, since their id belongs to somebody else here.
    pub(crate) foreign: usize,
}

impl Commands {
    /// Takes in what the server has, and notes how the scope stands with it, in one transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it could not be saved: it is to be fetched again.
    pub(crate) async fn replicate(&self, arrived: Arrived) -> Result<TakenIn, StoreError> {
        let epoch = self.store.identity().epoch.clone();
        self.store.write(move |tx| take_in(tx, &arrived, &epoch)).await
    }
}

fn take_in(tx: &mut Tx<'_>, arrived: &Arrived, epoch: &str) -> Result<TakenIn, StoreError> {
    let (mut taken, mut follow) = (TakenIn::default(), Follow::default());
    for (row, mended) in &arrived.rows {
        if row.scope != arrived.scope {
            continue;
        }
        match place(tx, row, *mended, &mut follow)? {
            Some(changed) => taken.changed += usize::from(changed),
            None => {
                taken.foreign += 1;
                let of = (&arrived.scope, &row.user_id);
                note_foreign(tx, of, (row.table, &row.id), Stays::There)?;
            }
        }
    }
    for (table, id) in &arrived.unreadable {
        note_unreadable(tx, (&arrived.scope, &arrived.by), (table, id))?;
    }
    fold(tx, follow)?;
    tx.set_link(&arrived.scope, epoch, &arrived.link)?;
    Ok(taken)
}

/// Merges a row into what stands here; gives whether that changed anything, `None` where the id is somebody else's. What the server
/// has otherwise than it can be read goes back to it.
fn place(tx: &mut Tx<'_>, theirs: &Row, mended: bool, follow: &mut Follow) -> Result<Option<bool>, StoreError> {
    for clock in theirs.clocks.values().chain(theirs.touched.as_ref()) {
        tx.observe(clock, MAX_AHEAD);
    }
    let known = tx.row(theirs.table, &theirs.id)?;
    let Some(known) = known else {
        let mut row = theirs.clone();
        forget_fold(&mut row, None);
        tx.put(&row, if mended { Origin::Merge } else { Origin::Upstream })?;
        follow.note(None, &row);
        return Ok(Some(true));
    };
    let ours = known.clone().typed();
    let mut merged = match merge(&ours, theirs) {
        Ok(merged) => merged,
        Err(CannotMerge::Scope | CannotMerge::Different) => return Ok(None),
    };
    forget_fold(&mut merged, Some(&known));
    let base = tx.base(theirs.table, &theirs.id)?;
    let losses = Lost::all(&ours, theirs, &merged, |register, clock| base.is_unseen(register, clock));
    let as_theirs = !mended && same(&merged, theirs);
    let changed = !same(&merged, &known) || folded_otherwise(&merged, &known);
    if changed || !as_theirs {
        let origin = if as_theirs { Origin::Upstream } else { Origin::Merge };
        tx.put(&merged, origin)?;
    }
    for lost in losses {
        put_entry(tx, &lost.entry(&merged))?;
    }
    let (id, clocks) = (theirs.id.clone(), theirs.clocks.clone());
    tx.landed(&Landed { table: theirs.table, id, clocks, as_read: false })?;
    follow.note(Some(&known), &merged);
    Ok(Some(changed))
}

/// What a day's events say is folded here, not taken over.
fn forget_fold(row: &mut Row, known: Option<&Row>) {
    if row.table != &COMPLETIONS {
        return;
    }
    for column in row.table.columns.iter().filter(|column| column.derived) {
        match known.and_then(|known| known.columns.get(column.name)) {
            Some(value) => drop(row.columns.insert(column.name, value.clone())),
            None => drop(row.columns.remove(column.name)),
        }
    }
    // Until it is folded nothing stands in it but what a person wrote.
    row.deleted_at = match known {
        Some(known) => known.deleted_at,
        None => (!kairos_core::fold::has_words(row)).then(|| row.updated_at()),
    };
}

fn folded_otherwise(a: &Row, b: &Row) -> bool {
    a.deleted_at != b.deleted_at || a.table.columns.iter().any(|column| a.look(column.name) != b.look(column.name))
}

/// Writes an entry under conflicts, or merges it into the one that is there.
fn put_entry(tx: &mut Tx<'_>, entry: &Row) -> Result<(), StoreError> {
    let known = tx.row(&CONFLICTS, &entry.id)?;
    let merged = match &known {
        Some(known) => merge(known, entry).unwrap_or_else(|_| known.clone()),
        None => entry.clone(),
    };
    if known.as_ref() != Some(&merged) {
        tx.put(&merged, Origin::Local)?;
    }
    Ok(())
}

/// Where a row is whose id is somebody else's on the other side.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stays {
    /// On this hub.
    Here,
    /// On the server.
    There,
}

/// Notes under conflicts, once, that a row does not travel.
pub(crate) fn note_foreign(
    tx: &mut Tx<'_>,
    (scope, user): (&Scope, &UserId),
    (table, row): (&'static Table, &str),
    stays: Stays,
) -> Result<(), StoreError> {
    let (side, reason) = match stays {
        Stays::Here => ("here", "On the server this row's id belongs to somebody else; the row stays on this hub."),
        Stays::There => {
            ("there", "On this hub the id of a row of the server belongs to somebody else; the row stays there.")
        }
    };
    let id = ids::derive(&format!("foreign|{side}|{scope}|{}|{row}", table.name));
    note(tx, (scope, user), (table, row), (id, "foreign", reason), Some(side))
}

/// Notes under conflicts, once, that the server has a row that cannot be read.
fn note_unreadable(
    tx: &mut Tx<'_>,
    (scope, user): (&Scope, &UserId),
    (table, row): (&'static Table, &str),
) -> Result<(), StoreError> {
    let reason = "The server has this row in a form that cannot be read, or it is too large. It stays there until somebody writes \
                  it anew, here or there.";
    let id = ids::derive(&format!("unreadable|{scope}|{}|{row}", table.name));
    // What cannot be an id is no name either.
    let row = if ids::EventId::new(row).is_ok() { row } else { "" };
    note(tx, (scope, user), (table, row), (id, "unreadable", reason), None)
}

fn note(
    tx: &mut Tx<'_>,
    (scope, user): (&Scope, &UserId),
    (table, row): (&'static Table, &str),
    (id, kind, reason): (String, &str, &str),
    side: Option<&str>,
) -> Result<(), StoreError> {
    if tx.row(&CONFLICTS, &id)?.is_some() {
        return Ok(());
    }
    let at = tx.tick();
    let mut entry = Row::new(&CONFLICTS, id, scope.clone(), user.clone(), tx.now());
    entry.stamp_all(&at);
    entry.set("kind", kind, &at);
    entry.set("table_name", table.name, &at);
    entry.set("row_id", (!row.is_empty()).then_some(row), &at);
    if let Some(side) = side {
        entry.set("kept_value", json!({ "stays": side }).to_string(), &at);
    }
    entry.set("reason", reason, &at);
    tx.put(&entry, Origin::Local).map(drop)
}

/// Folds the days that follow from what came.
fn fold(tx: &mut Tx<'_>, follow: Follow) -> Result<(), StoreError> {
    let mut cells = follow.cells;
    for habit in follow.habits {
        for (date, actor) in tx.cells_with_events(&habit)? {
            cells.insert((habit.clone(), date, actor));
        }
    }
    let mut habit: Option<Row> = None;
    for (id, date, actor) in cells {
        if habit.as_ref().is_none_or(|habit| habit.id != id) {
            habit = tx.row(&HABITS, &id)?.map(repair::sound);
        }
        // Its habit may come with a later page, which folds its days then.
        let (Some(habit), Ok(habit_id)) = (&habit, HabitId::new(id.as_str())) else { continue };
        if habit.id == id {
            record::fold_arrived(tx, habit, &habit_id, date, &actor)?;
        }
    }
    Ok(())
}
