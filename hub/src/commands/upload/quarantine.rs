//! What could not be applied, and what lost: kept under conflicts, visible, and to be had back.

use kairos_core::change::Origin;
use kairos_core::command::Settlement;
use kairos_core::ids;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETIONS, CONFLICTS, Table};
use kairos_core::scope::Scope;
use kairos_core::upload::place::Loss;
use kairos_core::upload::{Operation, Written};
use kairos_core::value::Value;
use serde_json::{Value as Json, json};

use super::large::{LARGE, Parcel, put_away};
use super::names::alias_of;
use super::stamp::Stamp;
use super::{Applied, Uploader, settle};
use crate::store::{StoreError, Tx};

/// How many open conflicts a person has at most; beyond, the oldest is put away for each that comes. It stays, and is
/// seen among all; no queue waits for somebody to tidy up.
const MAX_OPEN: usize = 10_000;
/// How much one entry holds, in bytes of operations and of notes of large ones; beyond, what follows gets an entry of its own.
/// Whatever joins an entry writes it anew.
const MAX_ENTRY: usize = LARGE;

impl Uploader {
    /// Whether an operation's row is not there since what would have made it is set aside.
    pub(super) fn is_unmade(&self, tx: &Tx<'_>, operation: &Operation) -> Result<bool, StoreError> {
        if tx.set_aside(&self.home(), &operation.table, &operation.id)?.is_none() {
            return Ok(false);
        }
        let Some(table) = Table::named(&operation.table) else { return Ok(true) };
        let there = tx.row(table, &operation.id)?.is_some() || alias_of(tx, self, table, &operation.id)?.is_some();
        Ok(!there)
    }

    /// Puts away what is set aside of a row that was deleted, as far as whoever deleted it may have known of it. It is still
    /// seen among all, and can be had back.
    pub(super) fn let_go(
        &mut self,
        tx: &mut Tx<'_>,
        operation: &Operation,
        applied: &Applied,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let ids = || std::iter::once(operation.id.as_str()).chain(applied.id.as_deref());
        // Somebody may have brought the row back since. Whether a day is there follows from its events.
        if let Some(table) = Table::named(&operation.table).filter(|table| *table != &COMPLETIONS) {
            for id in ids() {
                if tx.row(table, id)?.is_some_and(|row| row.deleted_at.is_none()) {
                    return Ok(());
                }
            }
        }
        let home = self.home();
        for id in ids() {
            for entry in tx.all_set_aside(&home, &operation.table, id)? {
                let own = self.client_id().is_some() && entry.opt_text("client_id").as_deref() == self.client_id();
                if own || entry.hlc().is_none_or(|since| *since < stamp.at) {
                    settle::close(tx, &self.by, entry, Settlement::Dismissed)?;
                    self.all_open = false;
                    if let Some(open) = self.open.get_mut(&home) {
                        *open = open.saturating_sub(1);
                    }
                }
            }
        }
        Ok(())
    }

    fn home(&self) -> Scope {
        Scope::Person(self.by.user.clone())
    }

    /// Puts the oldest open conflict away when there are as many as there may be.
    fn make_room(&mut self, tx: &mut Tx<'_>, scope: &Scope) -> Result<(), StoreError> {
        let open = match self.open.get(scope) {
            Some(open) => *open,
            None => tx.count_open_conflicts(scope)?,
        };
        self.open.insert(scope.clone(), (open + 1).min(MAX_OPEN));
        if open < MAX_OPEN {
            return Ok(());
        }
        let Some(oldest) = tx.oldest_open_conflict(scope)? else { return Ok(()) };
        put_away(tx, oldest)
    }

    /// Sets an operation aside, with what is set aside of its row already; gives the entry's id.
    pub(super) fn set_aside(
        &mut self,
        tx: &mut Tx<'_>,
        written: &Written,
        reason: &str,
        print: &[u8],
    ) -> Result<String, StoreError> {
        let (table, row) = written.target();
        let (table, row) = (named(table, 64), named(row, ids::MAX_ID));
        let parcel = Parcel::of(written);
        self.make_room_beside(tx, &parcel)?;
        let at = tx.tick();
        if let (Some(table), Some(row)) = (table, row)
            && let Some(mut entry) = tx.set_aside(&self.home(), table, row)?
            && entry.text("operations").len() < MAX_ENTRY
        {
            let mut operations: Vec<Json> = serde_json::from_str(&entry.text("operations")).unwrap_or_default();
            // Sent again by a client that numbers nothing, it is there already.
            if written.op_id.is_none() && operations.contains(&written.raw) {
                return Ok(entry.id);
            }
            operations.push(parcel.put(tx, self, &entry.id)?);
            entry.set("operations", Value::from(Json::Array(operations).to_string()), &at);
            tx.put(&entry, Origin::Local)?;
            return Ok(entry.id);
        }
        let home = self.home();
        self.make_room(tx, &home)?;
        let print: String = print.iter().map(|byte| format!("{byte:02x}")).collect();
        let number = written.op_id.as_deref().unwrap_or_default();
        let id = ids::derive(&format!("quarantine|{}|{}|{number}|{print}|{at}", self.by.user, self.client));
        let kept = parcel.put(tx, self, &id)?;
        let mut entry = Row::new(&CONFLICTS, id, self.home(), self.by.user.clone(), tx.now());
        entry.stamp_all(&at);
        entry.set("kind", "quarantined", &at);
        entry.set("table_name", table, &at);
        entry.set("row_id", row, &at);
        entry.set("reason", reason.chars().take(1000).collect::<String>(), &at);
        entry.set("operations", Json::Array(vec![kept]).to_string(), &at);
        entry.set("client_id", self.client_id(), &at);
        tx.put(&entry, Origin::Local)?;
        Ok(entry.id)
    }
}

/// A name as it came, when it fits its column.
pub(super) fn named(name: Option<&str>, most: usize) -> Option<&str> {
    name.filter(|name| (1..=most).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic()))
}

/// Keeps values that lost; gives the entry's id, which is the same wherever the same loss is noticed.
pub(super) fn note_loss(
    tx: &mut Tx<'_>,
    uploader: &mut Uploader,
    row: &Row,
    loss: &Loss,
) -> Result<String, StoreError> {
    // With what lost: two edits of one moment are two losses.
    let lost = json!(loss.lost).to_string();
    let id = ids::loss(row.table.name, &row.id, &loss.register, &loss.lost_at, &lost);
    if tx.row(&CONFLICTS, &id)?.is_some() {
        return Ok(id);
    }
    // A row that stands deleted is one loss, however much was written in it.
    if loss.is_of_row()
        && let Some(open) = tx.open_loss(row, &loss.register, &lost)?
    {
        return Ok(open.id);
    }
    uploader.make_room(tx, &row.scope)?;
    let at = tx.tick();
    let mut entry = Row::new(&CONFLICTS, &id, row.scope.clone(), uploader.by.user.clone(), tx.now());
    entry.stamp_all(&at);
    entry.set("kind", "lost", &at);
    entry.set("table_name", row.table.name, &at);
    entry.set("row_id", row.id.as_str(), &at);
    entry.set("column_name", loss.register.as_str(), &at);
    entry.set("lost_value", lost, &at);
    entry.set("kept_value", json!(loss.kept).to_string(), &at);
    entry.set("lost_hlc", loss.lost_at.to_string(), &at);
    entry.set("kept_hlc", loss.kept_at.to_string(), &at);
    entry.set("client_id", uploader.client_id(), &at);
    tx.put(&entry, Origin::Local)?;
    Ok(id)
}
