//! Settling what stands under conflicts: restored or dismissed, by a person.

use std::sync::Arc;

use kairos_core::change::Origin;
use kairos_core::command::{Receipt, Rejection, RejectionCode, Settlement};
use kairos_core::principal::Principal;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETIONS, CONFLICTS, DELETED_AT, Table};
use kairos_core::upload::{Envelope, Written};
use kairos_core::value::Value;
use serde_json::{Map, Value as Json, json};

use super::super::{applied, require_edit, unchanged, visible};
use super::stamp::Stamps;
use super::{Uploader, large, rows};
use crate::store::{StoreError, Tx};

/// Settles a conflict.
pub(in crate::commands) fn settle(
    tx: &mut Tx<'_>,
    by: &Principal,
    id: &str,
    how: Settlement,
) -> Result<Receipt, StoreError> {
    let entry = visible(tx, by, &CONFLICTS, id, "conflict")?;
    require_edit(by, &entry.scope)?;
    // What was put away, by a person or because there were too many, can still be had back.
    let put_away = entry.text("status") == "DISMISSED" && how == Settlement::Restored;
    if entry.text("status") != "OPEN" && !put_away {
        return Ok(unchanged());
    }
    if how == Settlement::Restored {
        match entry.text("kind").as_str() {
            "lost" => restore_lost(tx, by, &entry)?,
            "foreign" | "unreadable" => {
                let message = "There is nothing to bring back: the row is where it was.";
                return Err(Rejection::new(RejectionCode::Conflict, message).into());
            }
            _ => return submit_again(tx, by, entry).map(applied),
        }
    }
    close(tx, by, entry, how).map(applied)
}

/// Puts an entry away, as a client may while it is offline.
pub(super) fn dismiss(tx: &mut Tx<'_>, by: &Principal, id: &str) -> Result<(), StoreError> {
    settle(tx, by, id, Settlement::Dismissed).map(drop)
}

/// Settles an entry, whatever stood in it.
pub(super) fn close(tx: &mut Tx<'_>, by: &Principal, mut entry: Row, how: Settlement) -> Result<i64, StoreError> {
    let at = tx.tick();
    entry.set("status", how.as_str(), &at);
    entry.set("settled_at", tx.now(), &at);
    entry.set("settled_by", by.user.as_str(), &at);
    tx.put(&entry, Origin::Local)
}

/// Writes what lost over what stands, now.
fn restore_lost(tx: &mut Tx<'_>, by: &Principal, entry: &Row) -> Result<(), StoreError> {
    let gone = || Rejection::new(RejectionCode::Conflict, "The row this was about is not there any more.");
    let table = Table::named(&entry.text("table_name")).ok_or_else(gone)?;
    let before = tx.row(table, &entry.text("row_id"))?.filter(|row| by.may_edit(&row.scope)).ok_or_else(gone)?;
    let lost: Map<String, Json> = serde_json::from_str(&entry.text("lost_value")).unwrap_or_default();
    if table == &COMPLETIONS {
        return restore_day(tx, by, before.id, &lost);
    }
    let mut row = before.clone();
    let at = tx.tick();
    for (name, json) in lost {
        if name == DELETED_AT {
            row.set_deleted((!json.is_null()).then(|| tx.now()), &at);
        } else if table.column(&name).is_some() {
            row.set(&name, Value::from_json(json), &at);
        } else {
            row.clocks.insert(name.clone().into(), at.clone());
            row.extra.insert(name, Value::from_json(json));
            row.touch(&at);
        }
    }
    row.clean_names();
    rows::follow(tx, by, &before, row)
}

/// Writes what lost on a day as a deed of now, or as its words.
fn restore_day(tx: &mut Tx<'_>, by: &Principal, id: String, lost: &Map<String, Json>) -> Result<(), StoreError> {
    let written = Written::read(json!({ "op": "PATCH", "table": COMPLETIONS.name, "id": id, "data": lost }));
    let envelope = Arc::new(Envelope { client_id: None, now: None, batch: vec![written] });
    let mut uploader = Uploader::new(by.clone(), Arc::clone(&envelope), id, Stamps::now(""));
    let Some(written) = envelope.batch.first() else { return Ok(()) };
    let operation = written.operation.as_ref().map_err(|reason| still(reason))?;
    let stamp = uploader.stamps.of(tx, 0, written);
    uploader.apply_alone(tx, operation, &stamp)?.map_err(|reason| still(&reason))?;
    uploader.fold_days(tx)
}

/// Applies what was set aside, in its order, as if it came now. What still cannot be applied stays set aside, so that one
/// broken value does not keep the good ones that came after it; where nothing can, the answer says why.
fn submit_again(tx: &mut Tx<'_>, by: &Principal, mut entry: Row) -> Result<i64, StoreError> {
    let kept: Vec<Json> = serde_json::from_str(&entry.text("operations")).unwrap_or_default();
    let mut batch = Vec::with_capacity(kept.len());
    for one in &kept {
        let raw = match large::noted(one) {
            Some(number) => tx.large(&entry.id, number)?.and_then(|text| serde_json::from_str(&text).ok()),
            None => Some(one.clone()),
        };
        let gone = || Written { op_id: None, raw: one.clone(), operation: Err(GONE.to_owned()) };
        batch.push(raw.map_or_else(gone, Written::again));
    }
    let envelope = Arc::new(Envelope { client_id: entry.opt_text("client_id"), now: None, batch });
    let client = envelope.client_id.clone().unwrap_or_else(|| entry.id.clone());
    let stamps = Stamps::now(&client);
    let mut uploader = Uploader::new(by.clone(), Arc::clone(&envelope), client, stamps);
    let (mut left, mut why) = (Vec::new(), String::new());
    for (n, (written, kept)) in envelope.batch.iter().zip(kept).enumerate() {
        uploader.operation = n;
        let stamp = uploader.stamps.of(tx, n, written);
        let refusal = match &written.operation {
            Err(reason) => Some(reason.clone()),
            Ok(operation) => uploader.apply_alone(tx, operation, &stamp)?.err(),
        };
        match (refusal, large::noted(&kept)) {
            (Some(reason), _) => {
                why = if why.is_empty() { reason } else { why };
                left.push(kept);
            }
            (None, Some(number)) => drop(tx.forget_large(&entry.id, Some(number))?),
            (None, None) => {}
        }
    }
    uploader.fold_days(tx)?;
    if left.is_empty() {
        return close(tx, by, entry, Settlement::Restored);
    }
    if left.len() == envelope.batch.len() {
        return Err(still(&why));
    }
    let at = tx.tick();
    entry.set("operations", Json::Array(left).to_string(), &at);
    entry.set("reason", why.chars().take(1000).collect::<String>(), &at);
    tx.put(&entry, Origin::Local)
}

/// Said of what was too large to be kept for ever.
const GONE: &str = "What it held is kept no longer, since too much that is large came after it.";

fn still(reason: &str) -> StoreError {
    Rejection::new(RejectionCode::Conflict, format!("It still cannot be applied: {reason}")).into()
}
