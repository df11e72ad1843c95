//! A backup in the database's place: prepared beside a running hub, carried out while none runs.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use kairos_core::Millis;
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};

use super::copy::discard;
use super::fault::{Fault, Stop};
use super::missing::{self, Missing};
use super::name::stamp;
use super::seal;
use super::swap::{self, DRAFT, REPORT_DRAFT, Swap, beside};
use super::verify::{self, Facts};
use crate::store::checkpoints::FLOOR;
use crate::store::{error::lock_directory, meta, migrations};

/// In `meta`: the epochs of the backups this database came from, each with the head of its log.
const CAME_FROM: &str = "came_from";

/// What a restore would do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The file.
    pub file: String,
    /// What it holds.
    pub restores: Facts,
    /// What it replaces; nothing in a new data directory, or in one whose database cannot be read.
    pub replaces: Option<Facts>,
    /// What was written since the backup.
    pub missing: Missing,
}

/// What a restore did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// The file.
    pub file: String,
    /// What it holds.
    pub restored: Facts,
    /// The new life of the database.
    pub epoch: String,
    /// Where the replaced database is kept, within the data directory.
    pub replaced: Option<String>,
    /// Where all that it lacks is named, within the data directory.
    pub report: Option<String>,
    /// What was written since the backup.
    pub missing: Missing,
}

/// A backup that was checked, copied into the data directory and brought to the present version. Gone when dropped.
pub struct Prepared {
    dir: PathBuf,
    file: String,
    facts: Facts,
    draft: Draft,
}

/// The copy, taken away when it is dropped.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        discard(&self.0);
    }
}

/// Checks a file, and copies it into the data directory: what was checked is what will serve.
///
/// # Errors
/// [`Fault::Refused`] with the reason, [`Fault::Unavailable`] when it could not be copied.
pub fn prepare(dir: &Path, file: &Path, stop: &Stop) -> Result<Prepared, Fault> {
    let database = dir.join("hub.db");
    // Before anything opens it: closing a file that SQLite has open in this process would take its locks away.
    if ["", "-wal", "-shm"].iter().any(|suffix| verify::same_file(file, &beside(&database, suffix))) {
        return Err(Fault::refused(file, "it is the hub's own database"));
    }
    let outside = verify::outside(file)?;
    let draft = dir.join(DRAFT);
    crate::files::create_private_dir(dir).map_err(|error| Fault::io(dir, &error))?;
    let made = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&draft);
    let mut into = made.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Fault::Unavailable("Another restore is under way.".into()),
        _ => Fault::io(dir, &error),
    })?;
    let draft = Draft(draft);
    let mut from = File::open(file).map_err(|error| Fault::io(file, &error))?;
    let digest =
        seal::digest(&mut from, outside.length, &mut into, stop).map_err(|error| error.fault(file, &draft.0))?;
    if outside.seal.is_some_and(|seal| !seal.covers(&digest)) {
        return Err(Fault::refused(file, "it is damaged: it is not as it was when the backup was made"));
    }
    into.sync_all().map_err(|error| Fault::io(&draft.0, &error))?;
    drop(into);
    let judged = |error: rusqlite::Error| Fault::judged(file, &error);
    // A plain copy of a hub's database keeps its log apart; from here on it is one file.
    drop(open_draft(&draft.0).map_err(judged)?);
    let facts = verify::whole(&draft.0, file, stop)?;
    let mut connection = open_draft(&draft.0).map_err(judged)?;
    migrations::migrate(&mut connection, file).map_err(|error| Fault::Refused(error.to_string()))?;
    Ok(Prepared { dir: dir.to_owned(), file: file.display().to_string(), facts, draft })
}

#[allow(clippy::disallowed_methods)] // not the hub's database yet
fn open_draft(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.execute_batch(
        "PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4096;",
    )?;
    Ok(connection)
}

impl Prepared {
    /// What it would do to the database as it stands.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let database = self.dir.join("hub.db");
        let exists = database.is_file();
        let missing = if exists { missing::between(&database, &self.draft.0) } else { Missing::default() };
        let read = || verify::facts(&verify::open(&database)?, 0);
        let replaces = if exists { read().ok() } else { None };
        Plan { file: self.file.clone(), restores: self.facts.clone(), replaces, missing }
    }

    /// Puts it in the database's place. Nobody may have the database open.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when it could not be done; then the database is as it was.
    pub fn carry_out(self, now: Millis) -> Result<(Outcome, Undo), Fault> {
        let dir = self.dir.clone();
        let _lock = lock_directory(&dir).map_err(|error| Fault::Unavailable(error.to_string()))?;
        let (draft, database) = (self.draft.0.clone(), dir.join("hub.db"));
        let exists = database.is_file();
        let readable = exists && verify::begins_well(&database);
        if readable {
            make_one_file(&database);
        }
        let epoch =
            self.new_life(readable.then_some(&*database), now).map_err(|error| Fault::sqlite(&draft, &error))?;
        let missing = match (exists, readable) {
            (true, true) => missing::between(&database, &draft),
            (true, false) => Missing { unreadable: Some("the file is not a database".into()), ..Missing::default() },
            (false, _) => Missing::default(),
        };
        let base = free_name(&dir, now);
        let keep = format!("replaced-{base}.sqlite");
        let report = exists.then(|| format!("replaced-{base}.json"));
        if exists {
            let about = serde_json::json!({
                "at": now, "file": self.file, "restored": self.facts, "epoch": epoch, "replaced": keep,
            });
            missing::report(&dir.join(REPORT_DRAFT), &about, &missing, (&database, &draft))?;
        }
        File::open(&draft).and_then(|draft| draft.sync_all()).map_err(|error| Fault::io(&draft, &error))?;
        let swap = Swap { put: DRAFT.into(), keep: keep.clone(), report: report.clone() };
        // From here on the draft belongs to the swap: what it does not end, the next start does.
        std::mem::forget(self.draft);
        swap::run(&dir, &swap).map_err(|error| Fault::io(&dir, &error))?;
        let back = exists.then(|| Swap { put: keep.clone(), keep: format!("refused-{base}.sqlite"), report: None });
        let outcome =
            Outcome { file: self.file, restored: self.facts, epoch, replaced: exists.then_some(keep), report, missing };
        Ok((outcome, Undo { dir, back }))
    }

    /// Gives the copy a new epoch and a new clock, and what must not come back from the past.
    fn new_life(&self, old: Option<&Path>, now: Millis) -> rusqlite::Result<String> {
        let mut connection = open_draft(&self.draft.0)?;
        let attached = old.is_some_and(|old| {
            let attach = || {
                connection.execute("ATTACH ?1 AS old", [old.to_string_lossy()])?;
                connection.query_row("SELECT count(*) FROM old.meta", [], |row| row.get::<_, i64>(0))
            };
            attach().is_ok()
        });
        let tx = connection.transaction()?;
        let from = meta::get(&tx, "epoch")?.unwrap_or_default();
        let line = format!("{from} {}", self.facts.head);
        let lines = meta::get(&tx, CAME_FROM)?.map_or_else(|| line.clone(), |lines| format!("{lines}\n{line}"));
        meta::set(&tx, CAME_FROM, &lines)?;
        tx.execute_batch(
            "DELETE FROM main.meta WHERE key IN ('epoch', 'node', 'probe');
             DELETE FROM main.cursors;",
        )?;
        if attached {
            // Of another hub, or of another version: then there is nothing to take over, and the file is good all the same.
            let over = tx.execute_batch("SAVEPOINT over").and_then(|()| carry_over(&tx, &from));
            tx.execute_batch(if over.is_ok() { "RELEASE over" } else { "ROLLBACK TO over; RELEASE over" })?;
        }
        raise_floor(&tx, attached, now)?;
        tx.execute("UPDATE main.sessions SET ended_at = ?1, ended_why = 'restored' WHERE ended_at IS NULL", [now])?;
        let identity = meta::identity(&tx, now)?;
        tx.commit()?;
        Ok(identity.epoch)
    }
}

/// What clients of sync were told of their uploads must never go back: each person's start beyond all that was ever said
/// to them, and nobody's before the present.
fn raise_floor(connection: &Connection, attached: bool, now: Millis) -> rusqlite::Result<()> {
    let highest = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
    let meta_of = |schema: &str| format!("SELECT max(CAST(value AS INTEGER)) FROM {schema}.meta WHERE key = '{FLOOR}'");
    let own_of = |schema: &str, table: &str| {
        format!(
            "INSERT INTO main.write_checkpoint_floors (user_id, id)
             SELECT user_id, max(id) FROM {schema}.{table} WHERE true GROUP BY user_id
             ON CONFLICT (user_id) DO UPDATE SET id = max(id, excluded.id)"
        )
    };
    let mut floor = now.max(highest(&meta_of("main"))?.unwrap_or(0));
    connection.execute(&own_of("main", "write_checkpoints"), [])?;
    if attached {
        // A database of an older version told nobody.
        floor = floor.max(highest(&meta_of("old")).ok().flatten().unwrap_or(0));
        for table in ["write_checkpoints", "write_checkpoint_floors"] {
            let _ = connection.execute(&own_of("old", table), []);
        }
    }
    if let Some(clock) = meta::get(connection, "hlc")?.and_then(|text| text.parse::<Millis>().ok()) {
        // A reading holds the milliseconds above sixteen bits of a counter.
        floor = floor.max(clock >> 16);
    }
    meta::set(connection, FLOOR, &floor.to_string())
}

/// Whether a database with this past came from a backup of an epoch that reached up to `head`, or from a later one.
fn descends(came_from: &str, epoch: &str, head: i64) -> bool {
    let mut lines = came_from.lines().filter_map(|line| line.split_once(' '));
    lines.any(|(from, upto)| from == epoch && upto.parse().is_ok_and(|upto: i64| upto >= head))
}

/// What a restore does not give back: access that was taken away since, and time that has passed.
fn carry_over(connection: &Connection, epoch: &str) -> rusqlite::Result<()> {
    connection.execute_batch(
        "UPDATE main.meta SET value = max(CAST(value AS INTEGER), (SELECT CAST(value AS INTEGER) FROM old.meta WHERE key = 'hlc'))
         WHERE key = 'hlc' AND EXISTS (SELECT 1 FROM old.meta WHERE key = 'hlc');
         INSERT OR IGNORE INTO main.sessions (id, user_id, channel, device_name, created_at, last_seen_at, expires_at)
         SELECT id, user_id, channel, device_name, created_at, last_seen_at, expires_at FROM old.sessions
         WHERE ended_at IS NULL;",
    )?;
    // Only a database that grew out of this backup knows what was taken away since.
    let facts = verify::facts(connection, 0)?;
    let of_old = |key: &str| -> rusqlite::Result<String> {
        let sql = "SELECT coalesce(max(value), '') FROM old.meta WHERE key = ?1";
        connection.query_row(sql, [key], |row| row.get(0))
    };
    let reached: i64 = connection.query_row("SELECT coalesce(max(seq), 0) FROM old.changes", [], |row| row.get(0))?;
    let same_life = of_old("epoch")? == epoch && reached >= facts.head;
    let grown = of_old("hub_id")? == facts.hub_id && (same_life || descends(&of_old(CAME_FROM)?, epoch, facts.head));
    if !grown {
        return Ok(());
    }
    connection.execute_batch(
        "UPDATE main.accounts SET disabled_at = o.disabled_at FROM old.accounts AS o
         WHERE o.user_id = main.accounts.user_id AND o.disabled_at IS NOT NULL;
         UPDATE main.accounts SET password_hash = o.password_hash, password_changed_at = o.password_changed_at
         FROM old.accounts AS o
         WHERE o.user_id = main.accounts.user_id AND o.password_changed_at >= main.accounts.password_changed_at;
         DELETE FROM main.api_tokens WHERE id NOT IN (SELECT id FROM old.api_tokens);
         DELETE FROM main.device_secrets WHERE device_id NOT IN (SELECT device_id FROM old.device_secrets);",
    )?;
    // An account that was linked since has no password here any more. A database of an older version knows of none.
    let _ = connection.execute(
        "INSERT OR IGNORE INTO main.identities SELECT * FROM old.identities
         WHERE user_id IN (SELECT user_id FROM main.accounts)",
        [],
    );
    Ok(())
}

/// The way back, for a database that turns out not to serve.
pub struct Undo {
    dir: PathBuf,
    back: Option<Swap>,
}

impl Undo {
    /// Puts the replaced database back; false when there was none.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when that could not be done.
    pub fn carry_out(self) -> Result<bool, Fault> {
        let Some(back) = &self.back else { return Ok(false) };
        let _lock = lock_directory(&self.dir).map_err(|error| Fault::Unavailable(error.to_string()))?;
        swap::run(&self.dir, back).map_err(|error| Fault::io(&self.dir, &error))?;
        // It names what would have been lost, and nothing was.
        let _ = std::fs::remove_file(self.dir.join(&back.put).with_extension("json"));
        Ok(true)
    }
}

/// Folds the log of a hub that was killed into its database, and lets it need none, so that what is kept is one file.
/// A database that cannot be opened is kept as it is, with its log.
#[allow(clippy::disallowed_methods)] // no hub has it open
fn make_one_file(database: &Path) {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if let Ok(connection) = Connection::open_with_flags(database, flags) {
        let _ = connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA journal_mode = DELETE;");
    }
}

/// A time that no file of an earlier restore has in its name.
fn free_name(dir: &Path, now: Millis) -> String {
    let time = stamp(now);
    let taken = |base: &str| {
        ["replaced", "refused"].iter().any(|kind| dir.join(format!("{kind}-{base}.sqlite")).exists())
            || dir.join(format!("replaced-{base}.json")).exists()
    };
    let mut base = time.clone();
    for n in 2..10_000 {
        if !taken(&base) {
            break;
        }
        base = format!("{time}-{n}");
    }
    base
}
