//! The one merge rule: per register, the later clock wins.
//!
//! Commutative, associative and idempotent: any order and any repetition of the same versions ends
//! in the same row. Columns that must agree are one register and travel together. Equal clocks
//! (which only a copied database can produce) are decided by the larger canonical value.

use std::collections::{BTreeMap, BTreeSet};

use crate::hlc::Hlc;
use crate::row::Row;
use crate::schema::{Column, DELETED_AT};
use crate::value::Value;

/// Why two rows are not two versions of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotMerge {
    /// They are in different tables or have different ids.
    #[error("these are different rows")]
    Different,
    /// The id already lives in another scope; such a row is set aside, never merged.
    #[error("this id belongs to somebody else")]
    Scope,
}

/// Merges two versions of one row.
///
/// # Errors
/// [`CannotMerge`] when they are not versions of one row or live in different scopes.
pub fn merge(ours: &Row, theirs: &Row) -> Result<Row, CannotMerge> {
    if ours.table != theirs.table || ours.id != theirs.id {
        return Err(CannotMerge::Different);
    }
    if ours.scope != theirs.scope {
        return Err(CannotMerge::Scope);
    }
    let mut merged = ours.clone();
    // The writer and the birth of a row belong together and never change afterwards; copies that
    // disagree (two hubs deriving one id) agree on the earlier.
    if (theirs.created_at, &theirs.user_id) < (ours.created_at, &ours.user_id) {
        merged.created_at = theirs.created_at;
        merged.user_id = theirs.user_id.clone();
    }
    let registers: BTreeSet<&str> = ours.clocks.keys().chain(theirs.clocks.keys()).map(AsRef::as_ref).collect();
    for register in registers {
        if stands_after(theirs, ours, register) {
            take(&mut merged, theirs, register);
        }
    }
    merge_derived(&mut merged, ours, theirs);
    Ok(merged)
}

/// Whether two versions of a row are one: every register with its clock. What is folded from other rows is none.
#[must_use]
pub fn same(a: &Row, b: &Row) -> bool {
    let mut own = a.table.columns.iter().filter(|column| !column.derived);
    a.clocks == b.clocks
        && (a.created_at, &a.user_id) == (b.created_at, &b.user_id)
        && (a.table.is_derived() || a.deleted_at == b.deleted_at)
        && a.extra == b.extra
        && own.all(|column| a.look(column.name) == b.look(column.name))
}

/// Whether `a`'s register beats `b`'s: by clock, then by value. A register without a clock loses.
fn stands_after(a: &Row, b: &Row, register: &str) -> bool {
    let clocks: (Option<&Hlc>, Option<&Hlc>) = (a.clocks.get(register), b.clocks.get(register));
    match clocks.0.cmp(&clocks.1) {
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => content(a, register) > content(b, register),
    }
}

fn members(row: &Row, register: &str) -> impl Iterator<Item = &'static Column> {
    row.table.columns.iter().filter(move |column| column.register == register && !column.derived)
}

fn content(row: &Row, register: &str) -> Vec<Value> {
    if register == DELETED_AT {
        return vec![row.deleted_at.into()];
    }
    let described: Vec<Value> = members(row, register).map(|column| row.get(column.name)).collect();
    if described.is_empty() { vec![row.extra.get(register).cloned().unwrap_or(Value::Null)] } else { described }
}

fn take(into: &mut Row, from: &Row, register: &str) {
    let mut described = false;
    if register == DELETED_AT {
        into.deleted_at = from.deleted_at;
    } else {
        for column in members(from, register) {
            described = true;
            into.columns.insert(column.name, from.get(column.name));
        }
        if !described {
            into.extra.insert(register.to_owned(), from.extra.get(register).cloned().unwrap_or(Value::Null));
        }
    }
    if let Some(clock) = from.clocks.get(register) {
        into.clocks.insert(register.to_owned().into(), clock.clone());
    }
}

/// Derived columns are a cache that whoever stores the row folds again; until then the larger value
/// stands, so that the merge stays one function of its arguments.
fn merge_derived(merged: &mut Row, ours: &Row, theirs: &Row) {
    let cache: BTreeMap<&'static str, Value> = merged
        .table
        .columns
        .iter()
        .filter(|column| column.derived)
        .filter_map(|column| {
            let (a, b) = (ours.columns.get(column.name), theirs.columns.get(column.name));
            a.max(b).map(|value| (column.name, value.clone()))
        })
        .collect();
    merged.columns.extend(cache);
    merged.touched = ours.touched.clone().max(theirs.touched.clone());
    // A cell's deletion is derived too: no clock on either side.
    if !ours.clocks.contains_key(DELETED_AT) && !theirs.clocks.contains_key(DELETED_AT) {
        merged.deleted_at = ours.deleted_at.max(theirs.deleted_at);
    }
}

#[cfg(test)]
mod tests;
