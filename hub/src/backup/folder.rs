//! The folder of backups: what is in it, and what is taken out again.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::SystemTime;

use kairos_core::Millis;
use serde::Serialize;
use utoipa::ToSchema;

use super::fault::Fault;
use super::name::Name;
use super::{Inner, copy, seal};

/// A backup in the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Backup {
    /// Its name, under which it is downloaded and restored.
    #[schema(example = "kairos-2026-11-24T081500Z.sqlite")]
    pub name: String,
    /// When it was made, in milliseconds since the epoch.
    #[schema(value_type = i64, example = 1_795_508_100_000_i64)]
    pub at: Millis,
    /// How large it is.
    #[schema(example = 1_048_711)]
    pub bytes: u64,
    /// Whether every byte is as it was when it was made and checked; null while the hub has not looked yet.
    #[schema(example = true)]
    pub verified: Option<bool>,
}

/// What a file was like when it was looked at: another length or time is another file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Look {
    bytes: u64,
    changed: Option<SystemTime>,
}

impl From<&Metadata> for Look {
    fn from(metadata: &Metadata) -> Self {
        Self { bytes: metadata.len(), changed: metadata.modified().ok() }
    }
}

/// Which files were looked at, and what was found. Only of files that are there.
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<Name, (Look, bool)>);

impl Known {
    /// A backup that was just made, and checked before it got its name.
    pub(super) fn made(&mut self, folder: &Path, name: &Name) -> Result<Backup, Fault> {
        let path = folder.join(name.as_str());
        let metadata = path.symlink_metadata().map_err(|error| Fault::io(&path, &error))?;
        self.0.insert(name.clone(), (Look::from(&metadata), true));
        Ok(self.told(name, &metadata))
    }

    /// Every backup, the newest first.
    pub(super) fn list(&mut self, folder: &Path) -> Result<Vec<Backup>, Fault> {
        let mut found = entries(folder)?;
        found.sort_by(|(a, _), (b, _)| b.cmp(a));
        self.0.retain(|name, _| found.iter().any(|(there, _)| there == name));
        Ok(found.into_iter().map(|(name, metadata)| self.told(&name, &metadata)).collect())
    }

    fn told(&self, name: &Name, metadata: &Metadata) -> Backup {
        let look = Look::from(metadata);
        let verified = self.0.get(name).filter(|(known, _)| *known == look).map(|(_, whole)| *whole);
        Backup { at: name.time(), name: name.to_string(), bytes: look.bytes, verified }
    }
}

impl Inner {
    pub(super) fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads every file of which nothing is known, to the last byte.
    pub(super) fn look_at_all(&self) -> Result<(), Fault> {
        let folder = &self.settings.folder;
        for (name, metadata) in entries(folder)? {
            if self.known().told(&name, &metadata).verified.is_some() {
                continue;
            }
            let path = folder.join(name.as_str());
            let whole = match seal::holds(&path, &self.stop) {
                Ok(sealed) => sealed == Some(true),
                Err(fault) if fault == Fault::stopping() => return Err(fault),
                Err(_) => false,
            };
            if !whole {
                tracing::warn!(%name, "A backup is not as it was when it was made.");
            }
            self.known().0.insert(name, (Look::from(&metadata), whole));
        }
        Ok(())
    }
}

/// The backups in a folder, in no order. A folder that is not there yet holds none.
fn entries(folder: &Path) -> Result<Vec<(Name, Metadata)>, Fault> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Fault::io(folder, &error)),
    };
    let backup = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.ok()?;
        let name = Name::parse(entry.file_name().to_str()?)?;
        // Of the entry itself: a link is not a backup.
        Some((name, entry.metadata().ok()?)).filter(|(_, metadata)| metadata.is_file())
    };
    Ok(entries.filter_map(backup).collect())
}

/// When the newest backup of this hub was made, of those that are not from the future.
pub(super) fn newest(folder: &Path, hub_id: &str, now: Millis) -> Option<Millis> {
    let ours = entries(folder).ok()?.into_iter().map(|(name, _)| name).filter(|name| name.time() <= now);
    ours.filter(|name| is_ours(&folder.join(name.as_str()), hub_id)).map(|name| name.time()).max()
}

/// A name that is not taken, and its path; makes the folder.
pub(super) fn free_name(folder: &Path, now: Millis) -> Result<(Name, PathBuf), Fault> {
    crate::files::create_private_dir(folder).map_err(|error| Fault::io(folder, &error))?;
    let names = (0..60).map(|second| Name::at(now.saturating_add(second * 1000)));
    let mut free = names.map(|name| (folder.join(name.as_str()), name));
    free.find(|(path, _)| path.symlink_metadata().is_err())
        .map(|(path, name)| (name, path))
        .ok_or_else(|| Fault::unavailable(folder, "there were too many backups within a minute"))
}

/// Whether this hub made a file: its seal says so.
fn is_ours(path: &Path, hub_id: &str) -> bool {
    let outside = File::open(path).and_then(|mut file| seal::outside(&mut file));
    outside.is_ok_and(|outside| outside.seal.is_some_and(|seal| seal.hub_id == hub_id))
}

/// Takes away the oldest backups of this hub beyond a number. Never `fresh`, which was just checked: when the clock was
/// wrong before, it may look like the oldest.
pub(super) fn retain(folder: &Path, keep: usize, fresh: &Name, hub_id: &str) {
    let Ok(found) = entries(folder) else { return };
    let path = |name: &Name| folder.join(name.as_str());
    let mut others: Vec<Name> = found.into_iter().map(|(name, _)| name).collect();
    others.retain(|name| name != fresh && is_ours(&path(name), hub_id));
    others.sort();
    let surplus = others.len().saturating_sub(keep.max(1) - 1);
    for name in others.iter().take(surplus) {
        match std::fs::remove_file(path(name)) {
            Ok(()) => tracing::info!(%name, "Took an old backup away."),
            Err(error) => tracing::warn!(%name, %error, "An old backup could not be taken away."),
        }
    }
}

/// Takes away what a backup that was interrupted left. Called while this hub makes none.
pub(super) fn clean(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let left = name.to_str().and_then(copy::unfinished).is_some_and(|whole| Name::parse(whole).is_some());
        if left {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
