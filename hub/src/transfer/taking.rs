//! How a file is taken in, and taken back: slice by slice through the one door, and whole in the end.
//!
//! Each slice is a command of its own in the writer's queue, so a press waits for one slice at most. Nothing is half there
//! for long: an import that is refused or cannot be saved is taken back, and one that the hub left half-way, because it was
//! killed, is taken back when it starts again ([`settle`]).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kairos_core::command::{Command, Outcome, Progress, Receipt, Rejection, RejectionCode, Slice, Wish};
use kairos_core::ids::{CommandId, UserId};
use kairos_core::principal::{Principal, Via};
use kairos_core::scope::Scope;

use super::Contents;
use super::contents::Slices;
use crate::commands::Commands;
use crate::store::{ImportNote, ImportState, Store, StoreError};

/// How long to wait before something is taken back after all, when the disk does not answer.
const RETRY: Duration = Duration::from_secs(2);

/// What is said of an import that the hub left half-way.
const INTERRUPTED: &str =
    "The hub stopped while this was taken in, and what had come was taken back. Please import the file again.";
/// What is said of one that could not be saved.
const UNSAVED: &str = "The hub could not save; what had come was taken back. Please try again.";

/// How much room a row of a file takes in the database until it is in and taken back again, about, in bytes: the event, its
/// day, and what the log has of both (30 000 days: 93 MB, and 58 MB more when they were taken back).
const ROOM_A_ROW: u64 = 6 << 10;
/// What stays free for everything else meanwhile: presses, and the write-ahead log.
const RESERVE: u64 = 16 << 20;

/// What is said of a file that the disk may have no room for. Taking back what did not fit needs room as well: a disk that an
/// import has filled stays full.
pub(super) fn too_large(store: &Store, contents: &Contents) -> Option<String> {
    let needs = ROOM_A_ROW.saturating_mul(contents.total() as u64).saturating_add(RESERVE);
    let has = crate::files::room(store.path())?;
    (has < needs).then(|| {
        let (needs, has) = (needs.div_ceil(1 << 20), has >> 20);
        format!("This may take {needs} MB on the hub's disk, and {has} MB are free there; please make room first.")
    })
}

/// Opens an import; how it stands, where it was asked for before.
///
/// # Errors
/// [`StoreError::Rejected`]: another one runs, the command was used for another file, or the disk has no room. [`StoreError::Unavailable`]: it
/// is not known to be open.
pub(super) async fn open(
    store: &Store,
    by: &Principal,
    command: CommandId,
    id: &str,
    contents: &Contents,
) -> Result<Option<Outcome>, StoreError> {
    // One that is in is not measured anew.
    let (user, known) = (by.user.clone(), id.to_owned());
    if store.read(move |snapshot| snapshot.import(&user, &known)).await?.is_none()
        && let Some(why) = too_large(store, contents)
    {
        return Err(Rejection::new(RejectionCode::NoRoom, why).into());
    }
    let wish = Wish::OpenImport { id: id.to_owned(), source: contents.outlook.source.clone() };
    let opened = Commands::new(store.clone()).submit(Command { id: command, by: by.clone(), wish }).await?;
    match opened.outcome {
        Outcome::Rejected(rejection) => Err(rejection.into()),
        Outcome::Applied if !opened.repeated => Ok(None),
        _ => standing(store, &by.user, id).await.map(Some),
    }
}

/// Takes a file in that was opened, all of it or nothing.
///
/// # Errors
/// [`StoreError::Unavailable`]: nothing of it is there, or will be once the disk answers again.
pub(super) async fn take_in(
    store: &Store,
    by: &Principal,
    id: &str,
    contents: Contents,
    done: &Progress,
) -> Result<Outcome, StoreError> {
    let door = Commands::new(store.clone());
    let taken = slices(store, &door, by, id, contents.slices(), done).await;
    let why = match &taken {
        Ok(Outcome::Applied | Outcome::Unchanged) => {
            store.import_settled();
            return taken;
        }
        Ok(Outcome::Rejected(rejection)) => rejection.message.clone(),
        Err(_) => UNSAVED.to_owned(),
    };
    withdraw(store, by, id, Some(why), &Progress::default()).await;
    taken
}

/// How an import stands that was asked for before.
async fn standing(store: &Store, user: &UserId, id: &str) -> Result<Outcome, StoreError> {
    let (user, id) = (user.clone(), id.to_owned());
    let note = store.read(move |snapshot| snapshot.import(&user, &id)).await?;
    Ok(match note {
        None => Outcome::Unchanged,
        Some(ImportNote { state: ImportState::Withdrawn, message, .. }) => {
            let message = message.unwrap_or_else(|| INTERRUPTED.to_owned());
            Outcome::Rejected(Rejection::new(RejectionCode::Conflict, message))
        }
        Some(_) => Outcome::Applied,
    })
}

async fn slices(
    store: &Store,
    door: &Commands,
    by: &Principal,
    id: &str,
    mut slices: Slices,
    done: &Progress,
) -> Result<Outcome, StoreError> {
    loop {
        // Making rows is work: beside the threads that answer everybody.
        let made = tokio::task::spawn_blocking(move || (slices.next(), slices)).await;
        let (rows, rest) =
            made.map_err(|_| StoreError::Unavailable("an internal fault while reading a file".into()))?;
        slices = rest;
        let rows = match rows {
            Ok(rows) => rows,
            Err(rejection) => return Ok(Outcome::Rejected(rejection)),
        };
        let (count, last) = (rows.len(), rows.is_empty());
        let slice = Arc::new(Slice { import: id.to_owned(), rows, last });
        let receipt = say(store, door, by, Wish::TakeIn { slice }).await?;
        if last || matches!(receipt.outcome, Outcome::Rejected(_)) {
            return Ok(receipt.outcome);
        }
        done.fetch_add(count, Ordering::Relaxed);
    }
}

async fn say(store: &Store, door: &Commands, by: &Principal, wish: Wish) -> Result<Receipt, StoreError> {
    let id = CommandId::mint(store.clock().now(), crate::random::bytes());
    door.submit(Command { id, by: by.clone(), wish }).await
}

/// Takes an import back, all of it: also where the disk does not answer for a while. `true`: there was something to take
/// back. Only a hub that stops, or a fault of ours, leaves some of it, until it starts again.
pub(super) async fn withdraw(store: &Store, by: &Principal, id: &str, why: Option<String>, done: &Progress) -> bool {
    let door = Commands::new(store.clone());
    let mut any = false;
    loop {
        let wish = Wish::UndoImport { id: id.to_owned(), why: why.clone(), done: done.clone() };
        match say(store, &door, by, wish).await.map(|receipt| receipt.outcome) {
            Ok(Outcome::Applied) => any = true,
            Ok(Outcome::Unchanged | Outcome::Rejected(_)) => break,
            Err(error) if error.is_stopping() || error.is_fault() => break,
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
    store.import_settled();
    any
}

/// Takes back what the hub left half-way when it stopped last.
pub(super) async fn settle(store: &Store, halves: Vec<ImportNote>) {
    for half in halves {
        let Ok(user) = UserId::new(half.user) else { continue };
        let scopes = vec![Scope::Person(user.clone())];
        let by = Principal { user, via: Via::Session, admin: false, scopes };
        let why = (half.state == ImportState::Running).then(|| INTERRUPTED.to_owned());
        withdraw(store, &by, &half.id, why, &Progress::default()).await;
        tracing::info!("An import that was left half-way was taken back.");
    }
}
