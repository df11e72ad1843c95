//! `export` and `import` from the command line: the hub itself reads and writes the file.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use kairos_core::command::{Outcome, Progress, Rejection, RejectionCode};
use kairos_core::ids::{CommandId, UserId};
use kairos_core::scope::Scope;
use serde_json::{Value, json};

use super::{Form, export, foreseen, known, read, taking};
use crate::auth::{Auth, AuthError};
use crate::days::Days;
use crate::files::in_words;
use crate::store::{Store, StoreError};

/// Writes a person's data into a new file.
///
/// # Errors
/// [`AuthError`], for a person: no such account, the file is there already or cannot be written.
pub async fn write_file(store: &Store, user: &UserId, form: &str, file: &str) -> Result<Value, AuthError> {
    let form = Form::parse(form).ok_or_else(|| Rejection::field("format", "The format is json, csv or loop."))?;
    let turn = store.turn_apart(user).await.ok_or_else(|| {
        Rejection::new(
            RejectionCode::Conflict,
            "Another export is being written just now; please try again in a moment.",
        )
    })?;
    let (scope, path) = (Scope::Person(user.clone()), file.to_owned());
    let written = tokio::task::spawn_blocking(move || {
        write_new(Path::new(&path), |out| {
            let stop = turn.stopping();
            let mut size = 0;
            turn.read(|snapshot| {
                export::write(snapshot, &scope, form, |piece| {
                    if stop.is_cancelled() {
                        return Err(StoreError::stopping());
                    }
                    size += piece.len();
                    out.write_all(&piece).map_err(|error| cannot(&path, &error).into())
                })
            })?;
            Ok(size)
        })
    });
    match written.await {
        Ok(written) => Ok(json!({ "file": file, "bytes": written? })),
        Err(_) => Err(Rejection::field("file", format!("{file} could not be written.")).into()),
    }
}

fn cannot(file: &str, error: &std::io::Error) -> Rejection {
    Rejection::field("file", format!("{file} cannot be written: {}.", in_words(error)))
}

/// Never over another file, and for this user's eyes only. What could not be written whole goes.
fn write_new<T>(path: &Path, write: impl FnOnce(&mut File) -> Result<T, StoreError>) -> Result<T, StoreError> {
    let unwritten = |error: std::io::Error| cannot(&path.display().to_string(), &error);
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(unwritten)?;
    let written = write(&mut file).and_then(|done| Ok(file.sync_all().map(|()| done).map_err(unwritten)?));
    if written.is_err() {
        let _ = std::fs::remove_file(path);
    }
    written
}

/// Takes a file in, or says what would come in.
///
/// # Errors
/// [`AuthError`], for a person: no such account, a file that cannot be read, or why it is refused.
pub async fn read_file(
    auth: &Auth,
    store: &Store,
    user: &UserId,
    file: &str,
    dry_run: bool,
) -> Result<Value, AuthError> {
    let turn = store.turn_for_file().ok_or_else(|| {
        Rejection::new(
            RejectionCode::Conflict,
            "Another file is being taken in just now; please try again in a moment.",
        )
    })?;
    let person = Days::new(store.clone()).calendar(user).await?;
    let known = known(store, user).await?;
    let (path, owner, now) = (file.to_owned(), user.clone(), store.clock().now());
    let contents = tokio::task::spawn_blocking(move || {
        let size = std::fs::metadata(&path).map(|of| of.len());
        if size.as_ref().is_ok_and(|size| *size > kairos_transfer::limits::FILE as u64) {
            return Err(Rejection::field("file", format!("{path} is larger than a hub reads.")));
        }
        let bytes = std::fs::read(&path)
            .map_err(|error| Rejection::field("file", format!("{path} cannot be read: {}.", in_words(&error))))?;
        let name = Path::new(&path).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        read(&name, bytes.into(), &owner, (&person, &known), now)
    });
    let contents = contents.await.map_err(|_| Rejection::field("file", format!("{file} could not be read.")))??;
    if dry_run {
        return Ok(json!({ "state": "dry_run", "outlook": foreseen(store, &contents) }));
    }
    let outlook = contents.outlook.clone();
    let command = CommandId::mint(now, crate::random::bytes());
    let id = kairos_core::ids::derive(&format!("import|{user}|{command}"));
    let by = auth.acting_for(user);
    let taken = match taking::open(store, &by, command, &id, &contents).await? {
        Some(standing) => Ok(standing),
        None => taking::take_in(store, &by, &id, contents, &Progress::default()).await,
    };
    drop(turn);
    match taken? {
        Outcome::Applied => Ok(json!({ "state": "done", "id": id, "outlook": outlook })),
        Outcome::Unchanged => Ok(json!({ "state": "unchanged", "outlook": outlook })),
        Outcome::Rejected(rejection) => Err(rejection.into()),
    }
}
