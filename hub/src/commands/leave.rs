//! Emptying what is of somebody who leaves for good: every row of theirs is deleted, and nothing stands in it any more, here and
//! wherever it is synced to. What is empty is left as it is, so that it may be begun again at any time.

use kairos_core::change::Origin;
use kairos_core::hlc::Hlc;
use kairos_core::row::Row;
use kairos_core::schema::{Column, Table};
use kairos_core::scope::Scope;
use kairos_core::value::Value;
use kairos_core::{Millis, ids::UserId};

use super::Commands;
use crate::store::{Place, Store, StoreError, Tx};

/// How many rows are looked at, and emptied at most, at once: everybody else's wishes wait for them.
const SLICE: usize = if cfg!(test) { 7 } else { 200 };
/// How long the writer is left to others in between.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(5);

impl Commands {
    /// Empties everything of a person's own scope, in slices between other commands: rows, what the log says of them, and what
    /// this hub noted beside them. Gives the newest change of the scope as of which all of it is empty.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: what was emptied stays so; the rest is to be asked for again.
    pub(crate) async fn empty(&self, user: &UserId) -> Result<i64, StoreError> {
        let scope = Scope::Person(user.clone());
        loop {
            let (of, before) = (scope.clone(), scope.clone());
            let newest = self.store.read(move |snapshot| snapshot.newest_of(&before)).await?;
            if walk(&self.store, &scope).await? == 0 {
                self.empty_log(&scope).await?;
                // What the others of a household called them.
                let left = user.clone();
                for household in self.store.read(move |snapshot| snapshot.households_ever_of(&left)).await? {
                    self.empty_log(&household).await?;
                }
                while self
                    .store
                    .write({
                        let user = user.clone();
                        move |tx| tx.forget_notes_of(&user)
                    })
                    .await?
                    > 0
                {
                    tokio::time::sleep(PAUSE).await;
                }
                if self.store.read(move |snapshot| snapshot.newest_of(&of)).await? == newest {
                    return Ok(newest);
                }
            }
        }
    }

    async fn empty_log(&self, scope: &Scope) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            let of = scope.clone();
            match self.store.write(move |tx| tx.empty_log_of_deleted(&of, after)).await? {
                Some(last) => after = last,
                None => return Ok(()),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Goes through all rows of a scope once; gives how many were emptied.
async fn walk(store: &Store, scope: &Scope) -> Result<usize, StoreError> {
    let mut emptied = 0;
    let mut place: Place = (0, String::new());
    loop {
        let (of, from) = (scope.clone(), place.clone());
        // Read beside the writer: of a walk that finds nothing nobody notices anything.
        let (rows, next) = store
            .read(move |snapshot| {
                let (rows, next) = snapshot.all_rows(&of, &from, SLICE, false)?;
                let full = rows.into_iter().map(|outgoing| outgoing.row).filter(|row| !is_empty(row));
                Ok((full.map(|row| (row.table, row.id)).collect::<Vec<_>>(), next))
            })
            .await?;
        if !rows.is_empty() {
            let of = scope.clone();
            emptied += store.write(move |tx| empty_all(tx, &of, &rows)).await?;
            tokio::time::sleep(PAUSE).await;
        }
        match next {
            Some(next) => place = next,
            None => return Ok(emptied),
        }
    }
}

fn empty_all(tx: &mut Tx<'_>, scope: &Scope, rows: &[(&'static Table, String)]) -> Result<usize, StoreError> {
    let mut emptied = 0;
    for (table, id) in rows {
        let Some(row) = tx.row(table, id)?.filter(|row| row.scope == *scope && !is_empty(row)) else { continue };
        let at = tx.tick();
        tx.put(&empty(row, tx.now(), &at), Origin::Local)?;
        emptied += 1;
    }
    Ok(emptied)
}

/// Whether a column stays: by these a deletion finds the copies of the row, and the day that follows from an event.
fn stays(table: &Table, column: &Column) -> bool {
    table.keys.contains(&column.name) || (!table.keys.is_empty() && column.name == "actor")
}

fn contents(table: &'static Table) -> impl Iterator<Item = &'static Column> {
    table.columns.iter().filter(move |column| !stays(table, column))
}

/// Whether a row is deleted and nothing stands in it. What follows from events that are no more is no matter.
fn is_empty(row: &Row) -> bool {
    row.deleted_at.is_some()
        && row.extra.values().all(Value::is_null)
        && contents(row.table)
            .filter(|column| !column.derived)
            .all(|column| *row.look(column.name) == column.preset.value(column.kind))
}

fn empty(mut row: Row, now: Millis, at: &Hlc) -> Row {
    for column in contents(row.table) {
        row.set(column.name, column.preset.value(column.kind), at);
    }
    let unknown: Vec<String> = row.extra.keys().cloned().collect();
    for name in unknown {
        row.extra.insert(name.clone(), Value::Null);
        row.clocks.insert(name.into(), at.clone());
    }
    let deleted_at = row.deleted_at.unwrap_or(now);
    if row.table.is_derived() {
        row.deleted_at = Some(deleted_at);
        row.touch(at);
    } else {
        row.set_deleted(Some(deleted_at), at);
    }
    row
}

#[cfg(test)]
mod tests;
