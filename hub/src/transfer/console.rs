//! `export` and `import` from the command line: the hub itself reads and writes the file.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use kairos_core::command::{Command, Import, Outcome, Rejection, Wish};
use kairos_core::ids::{CommandId, UserId};
use serde_json::{Value, json};

use super::{Form, export, read};
use crate::auth::{Auth, AuthError};
use crate::commands::Commands;
use crate::days::Days;
use crate::files::in_words;
use crate::store::Store;

/// Writes a person's data into a new file.
///
/// # Errors
/// [`AuthError`], for a person: no such account, the file is there already or cannot be written.
pub async fn write_file(store: &Store, user: &UserId, form: &str, file: &str) -> Result<Value, AuthError> {
    let form = Form::parse(form).ok_or_else(|| Rejection::field("format", "The format is json, csv or loop."))?;
    let bytes = export(store, user, form).await?;
    let (size, path) = (bytes.len(), file.to_owned());
    let written = tokio::task::spawn_blocking(move || write_new(Path::new(&path), &bytes)).await;
    match written {
        Ok(Ok(())) => Ok(json!({ "file": file, "bytes": size })),
        Ok(Err(error)) => {
            Err(Rejection::field("file", format!("{file} cannot be written: {}.", in_words(&error))).into())
        }
        Err(_) => Err(Rejection::field("file", format!("{file} could not be written.")).into()),
    }
}

/// Never over another file, and for this user's eyes only.
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
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
    let person = Days::new(store.clone()).calendar(user).await?;
    let (path, owner, now) = (file.to_owned(), user.clone(), store.clock().now());
    let contents = tokio::task::spawn_blocking(move || {
        let size = std::fs::metadata(&path).map(|of| of.len());
        if size.as_ref().is_ok_and(|size| *size > kairos_transfer::limits::FILE as u64) {
            return Err(Rejection::field("file", format!("{path} is larger than a hub reads.")));
        }
        let bytes = std::fs::read(&path)
            .map_err(|error| Rejection::field("file", format!("{path} cannot be read: {}.", in_words(&error))))?;
        let name = Path::new(&path).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        read(&name, &bytes, &owner, &person, now)
    });
    let contents = contents.await.map_err(|_| Rejection::field("file", format!("{file} could not be read.")))??;
    let outlook = contents.outlook.clone();
    if dry_run {
        return Ok(json!({ "state": "dry_run", "outlook": outlook }));
    }
    let command = CommandId::mint(now, crate::random::bytes());
    let import = Import {
        id: kairos_core::ids::derive(&format!("import|{user}|{command}")),
        source: contents.outlook.source,
        rows: contents.rows,
        done: Arc::new(AtomicUsize::new(0)),
    };
    let id = import.id.clone();
    let wish = Wish::TakeIn { import: Arc::new(import) };
    let receipt = Commands::new(store.clone()).submit(Command { id: command, by: auth.acting_for(user), wish }).await?;
    match receipt.outcome {
        Outcome::Applied => Ok(json!({ "state": "done", "id": id, "outlook": outlook })),
        Outcome::Unchanged => Ok(json!({ "state": "unchanged", "outlook": outlook })),
        Outcome::Rejected(rejection) => Err(rejection.into()),
    }
}
