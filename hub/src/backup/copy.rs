//! A consistent copy of a database that may be in use.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::fault::{Fault, Stop};
use super::seal;
use super::verify::{self, Facts};
use crate::store::migrations;

/// How a file is called until it is whole.
const PART: &str = ".part";

/// Copies a database into a new file: whole, checked and on the disk, or not there at all.
///
/// `VACUUM INTO` reads one moment of the database through a connection of its own. The writer goes on meanwhile; only
/// its log grows until the copy is done.
///
/// # Errors
/// [`Fault::Refused`] when there is already a file, [`Fault::Unavailable`] when it could not be read or written.
pub fn write(database: &Path, target: &Path, stop: &Stop) -> Result<Facts, Fault> {
    let folder = folder_of(target);
    if target.symlink_metadata().is_ok() {
        return Err(taken(target));
    }
    if !folder.is_dir() {
        return Err(Fault::refused(target, "the folder for it is not there"));
    }
    if !database.is_file() {
        return Err(Fault::refused(database, "there is no database"));
    }
    let draft = Draft::create(draft_of(target)?)?;
    let path = draft.path.to_str().ok_or_else(|| Fault::refused(target, "its name is not valid UTF-8"))?;
    {
        let sqlite = |error: rusqlite::Error| Fault::sqlite(database, &error);
        let connection = verify::open(database).map_err(sqlite)?;
        migrations::recognise(&connection, database).map_err(|error| Fault::Refused(error.to_string()))?;
        stop.watch(&connection).map_err(sqlite)?;
        connection.execute("VACUUM INTO ?1", [path]).map_err(|error| Fault::sqlite(target, &error))?;
    }
    // A copy that is not whole is nobody's fault but the disk's or the database's: another time it may be.
    let facts = verify::whole(&draft.path, target, stop).map_err(|fault| Fault::Unavailable(fault.to_string()))?;
    seal::set(&draft.path, &facts.hub_id, stop)?;
    draft.publish(target)?;
    sync_folder(&folder)?;
    Ok(facts)
}

/// The folder of a file.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn taken(target: &Path) -> Fault {
    Fault::refused(target, "there is already a file of that name, and nothing is ever overwritten")
}

fn draft_of(target: &Path) -> Result<PathBuf, Fault> {
    let name = target.file_name().ok_or_else(|| Fault::refused(target, "it is not the name of a file"))?;
    Ok(target.with_file_name(format!(".{}{PART}", name.to_string_lossy())))
}

/// The file of which this is an unfinished copy; `None` for any other.
pub(super) fn unfinished(name: &str) -> Option<&str> {
    let name = name.strip_suffix("-journal").unwrap_or(name);
    name.strip_prefix('.')?.strip_suffix(PART)
}

/// Brings the names in a folder to the disk.
pub(super) fn sync_folder(folder: &Path) -> Result<(), Fault> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| Fault::io(folder, &error))
}

/// A file in the making, gone when it is not published.
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn create(path: PathBuf) -> Result<Self, Fault> {
        // Left behind by a process that was killed.
        discard(&path);
        let made = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path);
        made.map_err(|error| Fault::io(&path, &error))?;
        Ok(Self { path })
    }

    /// Gives the file its name, unless the name was taken meanwhile.
    fn publish(self, target: &Path) -> Result<(), Fault> {
        match std::fs::hard_link(&self.path, target) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(taken(target)),
            // Sticks and some network disks know no second name.
            Err(_) if target.symlink_metadata().is_ok() => Err(taken(target)),
            Err(_) => std::fs::rename(&self.path, target).map_err(|error| Fault::io(target, &error)),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        discard(&self.path);
    }
}

/// Takes a database and what SQLite keeps beside it away.
pub(super) fn discard(path: &Path) {
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let mut path = path.as_os_str().to_owned();
        path.push(suffix);
        let _ = std::fs::remove_file(PathBuf::from(path));
    }
}
