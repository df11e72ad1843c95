//! One database in another's place, whole, whatever happens in between.
//!
//! What is to be done is written down first (`restore.journal`), as a whole and on the disk; from then on it is done,
//! now or by the next start. Every step is a rename within the data directory, and each can be told from the files that
//! are there. Without a journal nothing was begun, and drafts are taken away.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::copy::discard;
use crate::store::OpenError;

const JOURNAL: &str = "restore.journal";
/// The database that is to take its place, while it is prepared.
pub(super) const DRAFT: &str = "restore.draft";
/// What names the rows it lacks, while it is written.
pub(super) const REPORT_DRAFT: &str = "restore.report";
const DATABASE: &str = "hub.db";

/// What is to be done; names within the data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Swap {
    /// The database that takes its place.
    pub(super) put: String,
    /// The name under which the present one is kept.
    pub(super) keep: String,
    /// The name under which the report is kept, if there is one.
    pub(super) report: Option<String>,
}

/// Called before every step; only tests have something to say there.
type Pause<'a> = &'a mut dyn FnMut() -> io::Result<()>;

/// Does it. The caller holds the lock on the directory, and nobody has the database open.
pub(super) fn run(dir: &Path, swap: &Swap) -> io::Result<()> {
    begin(dir, swap, &mut || Ok(()))?;
    go_on(dir, swap, &mut || Ok(()))
}

/// Ends what an earlier process began: a swap that was written down is done, drafts are taken away. Called with the lock
/// on the directory, before its database is opened.
pub(crate) fn settle(dir: &Path) -> Result<(), OpenError> {
    let fault = |error: &io::Error| {
        let reason = crate::files::in_words(error);
        OpenError::new(dir, &format!("a restore that was begun there could not be completed ({reason})"))
    };
    match std::fs::read(dir.join(JOURNAL)) {
        Ok(text) => {
            let swap: Swap = serde_json::from_slice(&text).map_err(|error| fault(&error.into()))?;
            go_on(dir, &swap, &mut || Ok(())).map_err(|error| fault(&error))?;
            tracing::warn!(
                kept = swap.keep,
                report = swap.report,
                "A restore that was interrupted has been completed."
            );
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(fault(&error)),
    }
    discard(&dir.join(DRAFT));
    // The last is the journal itself, as it is while it is written.
    for draft in [REPORT_DRAFT, "restore.new"] {
        let _ = std::fs::remove_file(dir.join(draft));
    }
    Ok(())
}

fn begin(dir: &Path, swap: &Swap, pause: Pause<'_>) -> io::Result<()> {
    pause()?;
    // What the journal will promise is on the disk before it.
    sync(dir)?;
    pause()?;
    crate::files::write_private(&dir.join(JOURNAL), &serde_json::to_vec(swap)?)?;
    pause()?;
    sync(dir)
}

/// From wherever it stands to the end.
fn go_on(dir: &Path, swap: &Swap, pause: Pause<'_>) -> io::Result<()> {
    let (put, keep, database) = (dir.join(&swap.put), dir.join(&swap.keep), dir.join(DATABASE));
    if put.exists() {
        if !keep.exists() {
            // The log first: beside the new database it would be taken for its own.
            pause()?;
            rename(&beside(&database, "-wal"), &beside(&keep, "-wal"))?;
            pause()?;
            rename(&database, &keep)?;
        }
        pause()?;
        match std::fs::remove_file(beside(&database, "-shm")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        pause()?;
        // Never may the new one be there on the disk and the old one not yet elsewhere.
        sync(dir)?;
        pause()?;
        rename(&beside(&put, "-wal"), &beside(&database, "-wal"))?;
        pause()?;
        rename(&put, &database)?;
    }
    pause()?;
    if let Some(report) = &swap.report {
        rename(&dir.join(REPORT_DRAFT), &dir.join(report))?;
    }
    pause()?;
    sync(dir)?;
    pause()?;
    std::fs::remove_file(dir.join(JOURNAL))?;
    pause()?;
    sync(dir)
}

/// Renames what is there.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// A file that SQLite keeps beside a database.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn sync(dir: &Path) -> io::Result<()> {
    std::fs::File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use super::*;

    fn files(dir: &Path) -> BTreeMap<String, String> {
        let read = |entry: io::Result<std::fs::DirEntry>| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap())
        };
        std::fs::read_dir(dir).unwrap().map(read).collect()
    }

    fn lay(dir: &Path, files: &[(&str, &str)]) {
        for (name, content) in files {
            std::fs::write(dir.join(name), content).unwrap();
        }
    }

    fn told(files: &[(&str, &str)]) -> BTreeMap<String, String> {
        files.iter().map(|(name, content)| ((*name).to_owned(), (*content).to_owned())).collect()
    }

    /// Stops at every step in turn, as a kill would, and then again at every step of the start after it.
    fn at_every_step(before: &[(&str, &str)], swap: &Swap, old: &[(&str, &str)], new: &[(&str, &str)]) {
        let (mut undone, mut done) = (0, 0);
        for first in 0.. {
            let mut finished = false;
            for second in 0.. {
                let dir = tempfile::tempdir().unwrap();
                let dir = dir.path();
                lay(dir, before);
                // As a kill within a step leaves it.
                lay(dir, &[("restore.new", "{")]);
                let stop_at = |at: usize| {
                    let mut left = at;
                    move || {
                        left = left.checked_sub(1).ok_or_else(|| io::Error::other("killed"))?;
                        Ok(())
                    }
                };
                let mut pause = stop_at(first);
                finished = begin(dir, swap, &mut pause).and_then(|()| go_on(dir, swap, &mut pause)).is_ok();
                // The next start is killed as well; the one after that is not.
                let mut ended = true;
                if dir.join(JOURNAL).exists() {
                    ended = go_on(dir, swap, &mut stop_at(second)).is_ok();
                }
                settle(dir).unwrap();
                let found = files(dir);
                if found == told(new) {
                    done += 1;
                } else {
                    assert_eq!(found, told(old), "killed at {first}, then at {second}");
                    undone += 1;
                }
                if ended {
                    break;
                }
            }
            if finished {
                break;
            }
        }
        assert!(undone > 0 && done > 20, "{undone} undone, {done} done");
    }

    #[test]
    fn a_swap_is_done_or_not_wherever_it_is_killed() {
        let swap = Swap { put: DRAFT.into(), keep: "replaced-1.sqlite".into(), report: Some("replaced-1.json".into()) };
        let before =
            [("hub.db", "old"), ("hub.db-wal", "log"), ("hub.db-shm", ""), (DRAFT, "new"), (REPORT_DRAFT, "{}")];
        let old = [("hub.db", "old"), ("hub.db-wal", "log"), ("hub.db-shm", "")];
        let new = [
            ("hub.db", "new"),
            ("replaced-1.sqlite", "old"),
            ("replaced-1.sqlite-wal", "log"),
            ("replaced-1.json", "{}"),
        ];
        at_every_step(&before, &swap, &old, &new);
    }

    #[test]
    fn so_it_is_in_a_directory_without_a_database_and_on_the_way_back() {
        let swap = Swap { put: DRAFT.into(), keep: "replaced-1.sqlite".into(), report: None };
        at_every_step(&[(DRAFT, "new")], &swap, &[], &[("hub.db", "new")]);

        let swap = Swap { put: "replaced-1.sqlite".into(), keep: "refused-1.sqlite".into(), report: None };
        let before = [
            ("hub.db", "new"),
            ("hub.db-wal", "newer"),
            ("replaced-1.sqlite", "old"),
            ("replaced-1.sqlite-wal", "log"),
        ];
        let back =
            [("hub.db", "old"), ("hub.db-wal", "log"), ("refused-1.sqlite", "new"), ("refused-1.sqlite-wal", "newer")];
        at_every_step(&before, &swap, &before, &back);
    }

    #[test]
    fn a_journal_that_cannot_be_carried_out_is_said() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(JOURNAL), "nonsense").unwrap();
        let said = settle(dir.path()).unwrap_err().to_string();
        assert!(said.contains("could not be completed"), "{said}");
    }
}
