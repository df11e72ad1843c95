//! Files that only the hub's own user may read.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Makes a directory and its parents; the directory itself has mode 0700.
///
/// # Errors
/// Whatever the system says.
pub fn create_private_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Opens a file for writing, making it with mode 0600.
///
/// # Errors
/// Whatever the system says.
pub fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)
}

/// Writes a file of mode 0600 as a whole: whoever reads it sees the old content or the new.
///
/// # Errors
/// Whatever the system says.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("new");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
    // A draft left behind by an earlier run keeps the mode it had.
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)
}

/// Reads a secret from a file that holds nothing else; a line's end after it is not part of it.
///
/// `key` names the setting, in the log where others on this machine could read the file as well.
///
/// # Errors
/// A sentence that names the file.
pub fn read_secret(path: &Path, key: &str) -> Result<String, String> {
    let cannot = |why: &dyn std::fmt::Display| format!("Cannot use {}: {why}.", path.display());
    let secret = std::fs::read_to_string(path).map_err(|error| cannot(&error))?;
    let mode = std::fs::metadata(path).map_err(|error| cannot(&error))?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!("Others on this machine can read {key}; chmod 600 ends that.");
    }
    let secret = secret.trim_end_matches(['\r', '\n']).to_owned();
    if secret.is_empty() { Err(cannot(&"it is empty")) } else { Ok(secret) }
}

/// How much room is left on the disk that holds a file or directory, in bytes; `None` where the system does not say.
#[must_use]
pub fn room(at: &Path) -> Option<u64> {
    let told = rustix::fs::statvfs(at).ok()?;
    Some(told.f_bavail.saturating_mul(told.f_frsize))
}

/// What the system said, as part of a sentence: in lower case, without its number.
#[must_use]
pub fn in_words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}
