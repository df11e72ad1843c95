//! The one door in: every wish to change data, whoever has it.
//!
//! A command is authorised and validated here, inside the writer's transaction, so that nothing can
//! change between the question and the deed. Its first answer is kept; repeating it gives that answer.

mod bounds;
mod devices;
mod habits;
mod keep;
mod leave;
mod once;
mod parents;
mod plans;
mod record;
mod recovery;
mod replicate;
mod routines;
mod take_in;
mod upload;

pub(crate) use self::habits::CLOSED as HABIT_CLOSED;
pub(crate) use self::once::Once;
pub(crate) use self::replicate::{Arrived, Stays, note_foreign};
pub(crate) use self::routines::{CLOSED as ROUTINE_CLOSED, VARIANT_CLOSED};
pub use self::upload::Outcome as UploadOutcome;
pub(crate) use self::upload::whole as whole_operation;

use kairos_core::command::{Command, Fields, Outcome, Receipt, Rejection, RejectionCode, Wish};
use kairos_core::plan::Person;
use kairos_core::principal::{Principal, Via};
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{Table, USERS};
use kairos_core::scope::Scope;
use kairos_core::value::Value;
use sha2::{Digest, Sha256};

use crate::store::{ImportState, Store, StoreError, Tx};

/// The door. Cheap to clone.
#[derive(Clone)]
pub struct Commands {
    store: Store,
}

impl Commands {
    /// A door to a store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Carries a command out and answers after its commit. A refusal is an answer too.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: nothing is known to be saved; the sender should say it again, under
    /// the same id.
    pub async fn submit(&self, command: Command) -> Result<Receipt, StoreError> {
        self.store.write(move |tx| apply(tx, &command)).await
    }
}

fn apply(tx: &mut Tx<'_>, command: &Command) -> Result<Receipt, StoreError> {
    if tx.has_left(&command.by.user)? {
        return Ok(rejected(gone()));
    }
    if let Wish::NoteDevice { .. } | Wish::Keep { .. } | Wish::TakeIn { .. } | Wish::UndoImport { .. } = command.wish {
        // The hub mints its id each time: nobody asks again under it, and doing the same twice changes nothing.
        return answer(tx, command);
    }
    let (author, id) = (command.by.author(), command.id.as_str());
    let print = fingerprint(command);
    if let Some((asked, receipt)) = tx.answer(&author, id)? {
        if asked != print {
            return Ok(rejected(Rejection::reused()));
        }
        if comes_anew(tx, command)? {
            return answer(tx, command);
        }
        return Ok(Receipt { repeated: true, ..receipt });
    }
    let receipt = answer(tx, command)?;
    // Whether a day has come depends on the clock, which may be put right: asked again, it is judged again.
    let passing =
        matches!(&receipt.outcome, Outcome::Rejected(rejection) if rejection.code == RejectionCode::FutureDate);
    // So it is with an import that has to wait for another.
    let waits = matches!((&command.wish, &receipt.outcome), (Wish::OpenImport { .. }, Outcome::Rejected(_)));
    if !receipt.repeated && !passing && !waits {
        tx.remember(&author, id, &print, &receipt)?;
    }
    Ok(receipt)
}

/// Whether a command that is repeated is an import of which nothing is left, since the hub stopped or could not save: it
/// was half done, and is now done.
fn comes_anew(tx: &Tx<'_>, command: &Command) -> Result<bool, StoreError> {
    let Wish::OpenImport { id, .. } = &command.wish else { return Ok(false) };
    Ok(tx.import(id)?.is_some_and(|import| import.state == ImportState::Withdrawn))
}

/// Carries out; a refusal leaves no trace and is an answer too.
fn answer(tx: &mut Tx<'_>, command: &Command) -> Result<Receipt, StoreError> {
    tx.set_command(command.id.as_str());
    match tx.attempt(|tx| carry_out(tx, command)) {
        Err(StoreError::Rejected(rejection)) => Ok(rejected(rejection)),
        other => other,
    }
}

fn carry_out(tx: &mut Tx<'_>, command: &Command) -> Result<Receipt, StoreError> {
    let by = &command.by;
    match &command.wish {
        Wish::Record(deed) => record::record(tx, by, &command.id, deed),
        Wish::AddHabit { id, fields } => habits::add(tx, by, id, fields),
        Wish::EditHabit { id, fields } => habits::edit(tx, by, id, fields),
        Wish::DeleteHabit { id } => habits::delete(tx, by, id),
        Wish::EditProfile { fields } => edit_profile(tx, by, fields),
        Wish::EditPreferences { fields } => plans::edit_preferences(tx, by, fields),
        Wish::AddPause { id, fields } => plans::add_pause(tx, by, id, fields),
        Wish::EditPause { id, fields } => plans::edit_pause(tx, by, id, fields),
        Wish::DeletePause { id } => plans::delete_pause(tx, by, id),
        Wish::Recover { session, answer } => recovery::answer(tx, by, session, answer),
        Wish::OpenImport { id, source } => take_in::open(tx, by, id, source),
        Wish::TakeIn { slice } => take_in::take_in(tx, by, slice),
        Wish::UndoImport { id, why, done } => take_in::undo(tx, by, id, why.as_deref(), done),
        Wish::Routine(wish) => routines::carry_out(tx, by, &command.id, wish),
        Wish::Settle { id, how } => upload::settle(tx, by, id, *how),
        Wish::Keep { habit } => match by.via {
            Via::Engine => keep::keep(tx, habit),
            _ => Err(Rejection::new(RejectionCode::Forbidden, "Only the hub itself keeps the days.").into()),
        },
        Wish::AddDevice { id, fields, secret_hash } => devices::add(tx, by, id, fields, secret_hash),
        Wish::RevokeDevice { id } => devices::revoke(tx, by, id),
        Wish::Bind { device, bindings } => devices::bind(tx, by, device, bindings),
        Wish::NoteDevice { id, fields } => devices::note(tx, by, id, fields),
    }
}

/// What was asked, as a hash: tells a repetition from an id used twice.
///
/// A device sends a press again with a larger age; its press id alone names the press.
fn fingerprint(command: &Command) -> Vec<u8> {
    if matches!(command.by.via, Via::Device(_)) {
        return Vec::new();
    }
    let asked = match &command.wish {
        Wish::Record(deed) => {
            format!(
                "{:?}",
                (&deed.habit, deed.verb, deed.value, deed.date, &deed.undo_of, &deed.skip_reason, &deed.note)
            )
        }
        // Ids and secrets are minted anew at each repetition.
        Wish::AddHabit { fields, .. } => format!("add habit {fields:?}"),
        Wish::AddDevice { fields, .. } => format!("add device {fields:?}"),
        // Its id follows from the file.
        Wish::OpenImport { id, .. } => format!("import {id}"),
        Wish::AddPause { fields, .. } => format!("add pause {fields:?}"),
        other => format!("{other:?}"),
    };
    Sha256::digest(asked.as_bytes())[..16].to_vec()
}

/// What whoever left hears, should something of theirs still be on its way.
fn gone() -> Rejection {
    Rejection::new(RejectionCode::Forbidden, "This account is being deleted, or is gone.")
}

fn rejected(rejection: Rejection) -> Receipt {
    Receipt { seq: 0, outcome: Outcome::Rejected(rejection), event_id: None, repeated: false }
}

fn applied(seq: i64) -> Receipt {
    Receipt { seq, outcome: Outcome::Applied, event_id: None, repeated: false }
}

fn unchanged() -> Receipt {
    Receipt { seq: 0, outcome: Outcome::Unchanged, event_id: None, repeated: false }
}

/// A living row that this principal may see, else the answer that tells nothing.
fn visible(tx: &Tx<'_>, by: &Principal, table: &'static Table, id: &str, what: &str) -> Result<Row, StoreError> {
    match tx.row(table, id)? {
        Some(row) if row.deleted_at.is_none() && by.may_read(&row.scope) => Ok(row),
        _ => Err(Rejection::not_found(what).into()),
    }
}

fn require_edit(by: &Principal, scope: &Scope) -> Result<(), StoreError> {
    if by.may_edit(scope) {
        Ok(())
    } else {
        Err(Rejection::new(RejectionCode::Forbidden, "This may only be changed by a person.").into())
    }
}

/// Sets the given columns; says which is unknown, closed to the caller, or holds a wrong value.
///
/// Gives whether anything differs from before. What an older version let in elsewhere in the row is no reason to
/// refuse: it is mended whenever it is read.
fn set_fields(tx: &mut Tx<'_>, row: &mut Row, fields: &Fields, closed: &[&str]) -> Result<bool, StoreError> {
    let at = tx.tick();
    // Of a row that is being made, a required column that nobody gives is its own fault.
    let stands = tx.row(row.table, &row.id)?.is_some();
    let mut known = repair::faults(row);
    known.retain(|fault| stands || is_given(&row.get(fault.column)));
    let mut differs = false;
    for (name, value) in fields {
        let Some(column) = row.table.column(name) else {
            return Err(Rejection::field(name.clone(), format!("{name} is not a known field.")).into());
        };
        if closed.contains(&column.name) || column.derived {
            return Err(Rejection::field(name.clone(), format!("{name} cannot be set here.")).into());
        }
        repair::check(column, value).map_err(|message| Rejection::field(name.clone(), format!("{name} {message}.")))?;
        if row.get(name) != *value {
            differs = true;
            row.set(name, value.clone(), &at);
        }
    }
    if let Some(fault) = repair::faults(row).into_iter().find(|fault| !known.contains(fault)) {
        return Err(Rejection::field(fault.column, format!("{} {}.", fault.column, fault.message)).into());
    }
    Ok(differs)
}

/// Whether somebody gave the value: a required one that is absent is a fault of the row as it is being made.
fn is_given(value: &Value) -> bool {
    !value.is_null() && value.as_text() != Some("")
}

fn edit_profile(tx: &mut Tx<'_>, by: &Principal, fields: &Fields) -> Result<Receipt, StoreError> {
    let mut row = visible(tx, by, &USERS, by.user.as_str(), "person")?;
    require_edit(by, &row.scope)?;
    let before = Person::of(Some(&repair::shown(&row)));
    if !set_fields(tx, &mut row, fields, &[])? {
        return Ok(unchanged());
    }
    plans::excuse_travel(tx, by, &before, &Person::of(Some(&repair::shown(&row))))?;
    Ok(applied(tx.put(&row, kairos_core::change::Origin::Local)?))
}

/// Folds a personal cell anew, for tests that take rows in as they are.
#[cfg(test)]
pub(crate) fn refold(tx: &mut Tx<'_>, habit: &Row, date: kairos_core::day::Date) -> Result<i64, StoreError> {
    record::refold(tx, habit, date, "")
}

#[cfg(test)]
pub(super) mod tests;
