//! Uploads through the one door: what clients wrote while they were offline.
//!
//! One envelope is one transaction of the store, so that a client's transaction stays whole. Each operation is placed by
//! its table ([`rows`], [`cells`]); one that cannot be applied is set aside ([`quarantine`], [`large`]) and answered like the
//! others: no value a client can send keeps its queue from emptying.

mod cells;
mod days;
mod homes;
mod large;
mod names;
mod quarantine;
mod rows;
mod settle;
mod stamp;
mod wholes;

use std::collections::BTreeMap;
use std::sync::Arc;

use kairos_core::command::{Rejection, RejectionCode};
use kairos_core::principal::{Principal, Via};
use kairos_core::schema::Table;
use kairos_core::scope::Scope;
use kairos_core::upload::{Envelope, Fate, Kind, Operation, Written};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(crate) use large::whole;
pub(super) use settle::settle;
use stamp::{Stamp, Stamps};

use super::Commands;
use crate::store::{StoreError, Tx};

/// How many changes one upload may write to the log, about: everybody else's wishes wait for them. What comes after is set
/// aside and can be had back. A phone's operation writes two or three.
const MOST_CHANGES: i64 = if cfg!(test) { 3000 } else { 50_000 };
/// What is said then.
const TOO_MUCH: &str = "This upload changes too much at once; what came after can be applied from here.";

/// What is said of an operation whose row is not there yet.
const WAITS: &str = "An earlier change of this row is set aside; this one waits with it.";

/// What became of one operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"op_id": "12", "result": "applied"}))]
pub struct Outcome {
    /// Its number in the client's queue, if it said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub op_id: Option<String>,
    /// `applied`, `duplicate`, `merged` or `quarantined`.
    #[schema(value_type = String, example = "applied")]
    pub result: Fate,
    /// The row's true id, where the client wrote it under another.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// Entries under conflicts that it made or joined.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub conflicts: Vec<String>,
    /// For a person, when it was quarantined.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub message: Option<String>,
}

impl Outcome {
    fn of(op_id: Option<&str>, result: Fate) -> Self {
        Self { op_id: op_id.map(str::to_owned), result, id: None, conflicts: Vec::new(), message: None }
    }

    /// Says that something lost which only the end of the upload told.
    fn note_loss(&mut self, entry: String) {
        if self.result == Fate::Applied {
            self.result = Fate::Merged;
        }
        if !self.conflicts.contains(&entry) {
            self.conflicts.push(entry);
        }
    }
}

/// Who uploads, and from where; and what of it is still to be done.
pub(super) struct Uploader {
    by: Principal,
    /// What is uploaded.
    envelope: Arc<Envelope>,
    /// The client's database, or the session when it did not say.
    client: String,
    stamps: Stamps,
    /// Days that got events and are not folded yet: a thousand taps on one day are folded once.
    days: days::Days,
    /// Parts that were deleted so far, by what they belong to: by which operation, and which row.
    removed: BTreeMap<wholes::Id, Vec<(usize, wholes::Id)>>,
    /// How many conflicts are open in a scope, once that was asked.
    open: BTreeMap<Scope, usize>,
    /// How many bytes of large operations are kept for the person, once that was asked.
    beside: Option<i64>,
    /// Whether none of those is settled, as far as was seen.
    all_open: bool,
    /// How many rows of a table live in a scope, once that was asked.
    living: BTreeMap<(&'static str, Scope), usize>,
    /// The place of the present operation in the upload.
    operation: usize,
    /// Up to where in the log it may write.
    until: i64,
}

impl Uploader {
    fn new(by: Principal, envelope: Arc<Envelope>, client: String, stamps: Stamps) -> Self {
        let (days, removed) = (days::Days::default(), BTreeMap::new());
        let (open, living) = (BTreeMap::new(), BTreeMap::new());
        Self {
            by,
            envelope,
            client,
            stamps,
            days,
            removed,
            open,
            beside: None,
            all_open: false,
            living,
            operation: 0,
            until: i64::MAX,
        }
    }

    /// Whether an operation is of the same transaction of the client as the one that is being taken in.
    fn is_same_act(&self, other: usize) -> bool {
        let act = |n: usize| self.envelope.batch.get(n).and_then(|written| written.raw.get("tx_id"));
        act(other).is_some_and(|other| !other.is_null() && act(self.operation) == Some(other))
    }

    /// The database, as the client named it.
    fn client_id(&self) -> Option<&str> {
        self.envelope.client_id.as_deref()
    }

    /// What the client wrote to a row after the operation that is being taken in, as long as it had the row.
    fn later<'a>(&'a self, operation: &'a Operation) -> impl Iterator<Item = &'a Operation> {
        let after =
            self.envelope.batch.iter().skip(self.operation + 1).filter_map(|written| written.operation.as_ref().ok());
        after.filter(|next| next.id == operation.id && next.table == operation.table).take_while(|next| !next.deletes())
    }
}

/// An operation that was applied.
#[derive(Default)]
struct Applied {
    /// The row's true id, where it is another.
    id: Option<String>,
    /// What lost.
    conflicts: Vec<String>,
}

impl Commands {
    /// Takes an upload in, and answers after its commit what became of each operation. `place` is held for as long as the
    /// upload is in memory, also when nobody waits for the answer any more.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when the caller is no person; [`StoreError::Unavailable`]: nothing of it is known to be
    /// saved, the client should send it again.
    pub async fn upload(
        &self,
        by: Principal,
        session: &str,
        envelope: Arc<Envelope>,
        place: impl Send + 'static,
    ) -> Result<Vec<Outcome>, StoreError> {
        let session = format!("session:{session}");
        let work = move |tx: &mut Tx<'_>| {
            let outcomes = take_in(tx, by, &session, &envelope);
            drop((envelope, place));
            outcomes
        };
        self.store.write(work).await
    }
}

fn take_in(
    tx: &mut Tx<'_>,
    by: Principal,
    session: &str,
    envelope: &Arc<Envelope>,
) -> Result<Vec<Outcome>, StoreError> {
    if !matches!(by.via, Via::Session | Via::Token) {
        return Err(Rejection::new(RejectionCode::Forbidden, "Only a person may upload.").into());
    }
    if tx.has_left(&by.user)? {
        return Err(super::gone().into());
    }
    let (user, author) = (by.user.to_string(), by.author());
    let stamps = Stamps::new(tx, envelope, &user, envelope.client_id.as_deref().unwrap_or(session));
    // Without numbers only an envelope as a whole can be told from another: from the last. Where its rows stand otherwise than
    // that left them it may be the same wish anew; but what adds is never added twice.
    let last = (!envelope.is_numbered()).then(|| print(&envelope.batch.iter().map(|w| &w.raw).collect::<Vec<_>>()));
    let last_name = name(session, "whole");
    let mut known: Vec<Outcome> = Vec::new();
    if let Some(last) = &last
        && let Some((print, (outcomes, stood))) = tx.answer::<(Vec<Outcome>, String)>(&author, &last_name)?
        && print == *last
        && (envelope.adds() || stood == standing(tx, envelope, &outcomes)?)
    {
        known = outcomes;
    }
    let client = envelope.client_id.clone().unwrap_or_else(|| session.to_owned());
    let mut uploader = Uploader::new(by, Arc::clone(envelope), client, stamps);
    let mut outcomes = Vec::with_capacity(envelope.batch.len());
    uploader.until = tx.head()?.saturating_add(MOST_CHANGES);
    for (n, written) in envelope.batch.iter().enumerate() {
        uploader.operation = n;
        // What was set aside is tried anew: what stood in its way may be gone.
        if let Some(outcome) = known.get(n).filter(|outcome| outcome.result != Fate::Quarantined) {
            outcomes.push(Outcome { result: Fate::Duplicate, ..outcome.clone() });
            continue;
        }
        outcomes.push(uploader.take(tx, n, written)?);
    }
    uploader.fold_days(tx)?;
    for (n, entry) in uploader.days.take_noted() {
        let (Some(outcome), Some(written)) = (outcomes.get_mut(n), envelope.batch.get(n)) else { continue };
        outcome.note_loss(entry);
        if let Some(number) = &written.op_id {
            let name = name(&uploader.client, number);
            tx.remember(&author, &name, &print(&written.raw), outcome)?;
        }
    }
    if let Some(last) = last {
        let stands = standing(tx, envelope, &outcomes)?;
        tx.remember(&author, &last_name, &last, &(&outcomes, stands))?;
    }
    Ok(outcomes)
}

/// How the rows of an upload stand.
fn standing(tx: &Tx<'_>, envelope: &Envelope, outcomes: &[Outcome]) -> Result<String, StoreError> {
    let mut digest = Sha256::new();
    for (written, outcome) in envelope.batch.iter().zip(outcomes) {
        let Ok(operation) = &written.operation else { continue };
        let Some(table) = Table::named(&operation.table) else { continue };
        let row = tx.row(table, outcome.id.as_deref().unwrap_or(&operation.id))?;
        digest.update(row.and_then(|row| row.hlc().map(ToString::to_string)).unwrap_or_default());
        digest.update([0]);
    }
    Ok(digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

/// A first answer given again: what was set aside still is.
fn repeat(outcome: &mut Outcome) {
    if outcome.result != Fate::Quarantined {
        outcome.result = Fate::Duplicate;
    }
}

/// The name of an operation among what its author asked. No command's id holds a space.
fn name(client: &str, operation: &str) -> String {
    format!("upload {client} {operation}")
}

fn print(asked: &impl Serialize) -> Vec<u8> {
    Sha256::digest(serde_json::to_vec(asked).unwrap_or_default())[..16].to_vec()
}

impl Uploader {
    /// Takes one operation in. Only a store that does not work is an error.
    fn take(&mut self, tx: &mut Tx<'_>, n: usize, written: &Written) -> Result<Outcome, StoreError> {
        let name = written.op_id.as_deref().map(|number| name(&self.client, number));
        let (author, print) = (self.by.author(), print(&written.raw));
        // A number that stands for something else now is of a queue that began anew.
        if let Some(name) = &name
            && let Some((known, mut outcome)) = tx.answer::<Outcome>(&author, name)?
            && known == print
        {
            repeat(&mut outcome);
            return Ok(outcome);
        }
        let stamp = self.stamps.of(tx, n, written);
        let outcome = self.judge(tx, written, &stamp, &print)?;
        if let Some(name) = name {
            tx.remember(&author, &name, &print, &outcome)?;
        }
        Ok(outcome)
    }

    fn judge(
        &mut self,
        tx: &mut Tx<'_>,
        written: &Written,
        stamp: &Stamp,
        print: &[u8],
    ) -> Result<Outcome, StoreError> {
        let op_id = written.op_id.as_deref();
        let refusal = match self.try_out(tx, written, stamp)? {
            Ok(applied) => {
                let fate = if applied.conflicts.is_empty() { Fate::Applied } else { Fate::Merged };
                return Ok(Outcome { id: applied.id, conflicts: applied.conflicts, ..Outcome::of(op_id, fate) });
            }
            Err(refusal) => refusal,
        };
        let entry = self.set_aside(tx, written, &refusal, print)?;
        Ok(Outcome { conflicts: vec![entry], message: Some(refusal), ..Outcome::of(op_id, Fate::Quarantined) })
    }

    /// Applies an operation, or says in a sentence why it cannot be.
    fn try_out(
        &mut self,
        tx: &mut Tx<'_>,
        written: &Written,
        stamp: &Stamp,
    ) -> Result<Result<Applied, String>, StoreError> {
        let operation = match &written.operation {
            Ok(operation) => operation,
            Err(reason) => return Ok(Err(reason.clone())),
        };
        if tx.head()? >= self.until {
            return Ok(Err(TOO_MUCH.to_owned()));
        }
        // One broken value is no reason to keep a row as it is: what follows on something set aside is tried. Only where
        // there is no row yet, since what would have made it is set aside, changes wait for it, in order.
        let tried = match (operation.kind, self.is_unmade(tx, operation)?) {
            (Kind::Patch | Kind::Delete, true) if operation.deletes() => Ok(Applied::default()),
            (Kind::Patch, true) => Err(WAITS.to_owned()),
            _ => self.apply_alone(tx, operation, stamp)?,
        };
        if let Ok(applied) = &tried
            && operation.deletes()
        {
            self.let_go(tx, operation, applied, stamp)?;
        }
        Ok(tried)
    }

    /// Applies an operation that leaves no trace where it cannot be.
    fn apply_alone(
        &mut self,
        tx: &mut Tx<'_>,
        operation: &Operation,
        stamp: &Stamp,
    ) -> Result<Result<Applied, String>, StoreError> {
        self.days.let_go();
        match tx.attempt(|tx| self.apply(tx, operation, stamp)) {
            Ok(applied) => Ok(Ok(applied)),
            Err(StoreError::Rejected(rejection)) => {
                self.days.put_back();
                Ok(Err(rejection.message))
            }
            Err(error) => Err(error),
        }
    }

    fn apply(&mut self, tx: &mut Tx<'_>, operation: &Operation, stamp: &Stamp) -> Result<Applied, StoreError> {
        tx.set_command(&stamp.command);
        if operation.table == kairos_core::schema::COMPLETIONS.name {
            cells::apply(tx, self, operation, stamp)
        } else {
            rows::apply(tx, self, operation, stamp)
        }
    }
}

fn refuse(message: impl Into<String>) -> StoreError {
    Rejection::new(RejectionCode::Invalid, message).into()
}

#[cfg(test)]
mod tests;
