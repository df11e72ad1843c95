#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use kairos_core::change::{Cursor, Origin};
use kairos_core::ids::UserId;
use kairos_core::row::Row;
use kairos_core::schema::HABITS;
use kairos_core::scope::Scope;
use rusqlite::Connection;
use rusqlite::types::Value as Sql;

use super::restore::{Outcome, prepare};
use super::*;
use crate::auth::Auth;
use crate::auth::people::NewPerson;
use crate::auth::sessions::Channel;
use crate::clock::Clock;

/// 2026-11-24T10:00:00Z
const NOON: i64 = 1_795_514_400_000;
const HOUR: i64 = 3_600_000;

/// A data directory, and the store on it while it is open.
struct Home {
    dir: tempfile::TempDir,
    clock: Clock,
    board: Board,
    store: Store,
}

impl Home {
    async fn new() -> Self {
        let (dir, clock, board) = (tempfile::tempdir().unwrap(), Clock::manual(NOON), Board::default());
        let store = Store::open(dir.path(), clock.clone(), &board).await.unwrap();
        Self { dir, clock, board, store }
    }

    async fn reopen(&mut self) {
        self.store = Store::open(self.dir.path(), self.clock.clone(), &self.board).await.unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        names(self.dir.path())
    }

    /// Writes a habit; its id is its name.
    async fn habit(&self, id: &str) {
        write(&self.store, id).await;
    }

    fn backups(&self, every: Option<Duration>, keep: usize) -> Backups {
        let settings = Settings { folder: self.path("backups"), every, keep };
        Backups::new(settings, self.store.clone(), self.board.clone()).0
    }

    async fn backup(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        self.backups(None, 1).write(path.clone()).await.unwrap();
        path
    }

    /// Restores a file as a hub that was stopped.
    async fn restore(&mut self, file: &Path) -> Outcome {
        self.store.close().await;
        let outcome = prepare(self.dir.path(), file, &Stop::default()).unwrap().carry_out(self.clock.now()).unwrap().0;
        self.reopen().await;
        outcome
    }

    async fn habits(&self) -> Vec<String> {
        let found = self.store.read(|snapshot| snapshot.rows_in(&HABITS, &[scope()], "", 10_000)).await.unwrap();
        found.into_iter().map(|row| row.id).collect()
    }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn user() -> UserId {
    UserId::new("ada").unwrap()
}

fn scope() -> Scope {
    Scope::Person(user())
}

async fn write(store: &Store, id: &str) {
    let id = id.to_owned();
    store
        .write(move |tx| {
            let at = tx.tick();
            let mut row = Row::new(&HABITS, id.clone(), scope(), user(), tx.now());
            row.set("name", "a name that is long enough to fill a few pages of the database with it", &at);
            tx.put(&row, Origin::Local)
        })
        .await
        .unwrap();
}

/// Every row of every table.
fn content(path: &Path) -> BTreeMap<String, Vec<Vec<Sql>>> {
    let connection = verify::open(path).unwrap();
    let mut statement = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let tables: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let read = |table: String| {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let width = statement.column_count();
        let rows = statement.query_map([], |row| (0..width).map(|n| row.get(n)).collect()).unwrap();
        let mut rows: Vec<Vec<Sql>> = rows.map(Result::unwrap).collect();
        rows.sort_by_key(|row| format!("{row:?}"));
        (table, rows)
    };
    tables.into_iter().map(read).collect()
}

/// As [`content`], without what a restore makes anew.
fn lasting(path: &Path) -> BTreeMap<String, Vec<Vec<Sql>>> {
    let mut content = content(path);
    let anew = ["epoch", "node", "probe", "came_from"].map(|key| Sql::Text(key.into()));
    content.get_mut("meta").unwrap().retain(|row| !anew.contains(&row[0]));
    content
}

#[tokio::test]
async fn a_backup_is_one_moment_while_others_write() {
    let home = Home::new().await;
    for n in 0..200 {
        home.habit(&format!("before-{n}")).await;
    }
    let store = home.store.clone();
    let writing = tokio::spawn(async move {
        for n in 0..400 {
            write(&store, &format!("during-{n}")).await;
        }
    });
    let backups = home.backups(None, 1);
    let mut last = 0;
    for n in 0..3 {
        let path = home.path(&format!("copy-{n}"));
        let facts = backups.write(path.clone()).await.unwrap();
        assert!(facts.head >= last.max(200) && facts.changes == facts.head);
        last = facts.head;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(seal::holds(&path, &Stop::default()), Ok(Some(true)));
        assert_eq!(verify::whole(&path, &path, &Stop::default()).unwrap(), facts);
        assert_eq!(content(&path)["habits"].len(), usize::try_from(facts.head).unwrap());
    }
    writing.await.unwrap();
    assert!(home.names().iter().all(|name| !name.contains("part")), "{:?}", home.names());
}

#[tokio::test]
async fn nothing_is_overwritten_and_what_is_in_the_way_is_named() {
    let home = Home::new().await;
    let backups = home.backups(None, 1);
    std::fs::write(home.path("mine"), "my notes").unwrap();
    std::os::unix::fs::symlink(home.path("nowhere"), home.path("link")).unwrap();
    for (name, words) in [
        ("mine", "already a file"),
        ("link", "already a file"),
        ("backups/x/y", "folder"),
        ("hub.db", "already a file"),
        ("", "already a file"),
    ] {
        let said = backups.write(home.path(name)).await.unwrap_err();
        assert!(matches!(&said, Fault::Refused(text) if text.contains(words)), "{name}: {said}");
    }
    assert_eq!(std::fs::read(home.path("mine")).unwrap(), b"my notes");
    // What a killed process left is no hindrance.
    std::fs::write(home.path(".new.part"), "half").unwrap();
    backups.write(home.path("new")).await.unwrap();
    backups.stop();
    assert_eq!(backups.write(home.path("late")).await.unwrap_err(), Fault::stopping());
    assert!(!home.names().iter().any(|name| name.contains("part") || name == "late"), "{:?}", home.names());
}

#[tokio::test]
async fn a_database_that_rots_is_not_copied() {
    let home = Home::new().await;
    for n in 0..50 {
        home.habit(&format!("h-{n}")).await;
    }
    home.store.close().await;
    // A letter in a row of the log: every page still hangs together.
    let mut bytes = std::fs::read(home.path("hub.db")).unwrap();
    let name = b"long enough";
    let at = bytes.windows(name.len()).rposition(|window| window == name).unwrap();
    bytes[at] ^= 1;
    std::fs::write(home.path("hub.db"), &bytes).unwrap();
    let said = write_stopped(home.dir.path(), &home.path("copy")).unwrap_err();
    assert!(matches!(&said, Fault::Unavailable(text) if text.contains("not as it was written")), "{said}");
    assert!(!home.names().iter().any(|name| name.contains("copy")), "{:?}", home.names());
}

#[tokio::test]
async fn what_is_not_a_whole_backup_of_ours_is_refused_with_the_reason() {
    let mut home = Home::new().await;
    for n in 0..300 {
        home.habit(&format!("h-{n}")).await;
    }
    let good = std::fs::read(home.backup("good").await).unwrap();
    let before = lasting(&home.path("hub.db"));
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("file");
    let refuses = |words: &str| {
        let Err(said) = prepare(home.dir.path(), &file, &Stop::default()) else { panic!("taken, and not {words}") };
        let text = said.to_string();
        assert!(matches!(said, Fault::Refused(_)), "{text}");
        assert!(text.contains(words) && text.contains("/file") && text.ends_with('.'), "{words}: {text}");
        assert!(!home.path("restore.draft").exists());
    };
    refuses("there is no such file");
    std::fs::create_dir(&file).unwrap();
    refuses("it is a folder");
    std::fs::remove_dir(&file).unwrap();
    let try_bytes = |bytes: &[u8], words: &str| {
        std::fs::write(&file, bytes).unwrap();
        refuses(words);
    };
    try_bytes(b"", "it is empty");
    try_bytes(b"Dear diary, today I drank eight glasses of water.\n", "it is not a database");
    try_bytes(&vec![0; 100_000], "it is not a database");
    for length in [16, 50, 4096, good.len() / 2, good.len() - 4096, good.len() - 1, good.len() - 50] {
        try_bytes(&good[..length], "it is cut off");
    }
    try_bytes(&[&good[..], b"more"].concat(), "it is cut off");
    let mut flips = 0;
    for at in (100..good.len() - 120).step_by(good.len() / 60) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        try_bytes(&bytes, "it is damaged");
        flips += 1;
    }
    assert!(flips > 50);

    let made = |sql: &str| {
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, if sql.contains("theirs") { &[][..] } else { &good[..good.len() - length_of_seal()] })
            .unwrap();
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
        #[expect(clippy::disallowed_methods, reason = "somebody else's hand")]
        let connection = Connection::open_with_flags(&file, flags).unwrap();
        connection.execute_batch(sql).unwrap();
    };
    made("CREATE TABLE theirs (x); PRAGMA user_version = 1;");
    refuses("another program");
    made("PRAGMA application_id = 7; CREATE TABLE theirs (x);");
    refuses("another program");
    made("PRAGMA user_version = 999");
    refuses("newer version");
    made("UPDATE changes SET row_json = replace(row_json, 'long', 'lung') WHERE seq = 7");
    refuses("not as it was written");
    made("DELETE FROM changes WHERE seq = 7");
    refuses("does not add up");
    made("DROP TABLE changes");
    refuses("not a whole database");
    // Of an older version: it is brought to the present one.
    made(
        "DROP TABLE accounts; DROP TABLE sessions; DROP TABLE refresh_tokens; DROP TABLE api_tokens; DROP TABLE setup; PRAGMA user_version = 1",
    );
    assert_eq!(home.restore(&file).await.restored.version, 1);
    assert_eq!(home.habits().await.len(), 300);
    // Without a seal, as a plain copy is, and untouched: that is a database all the same.
    made("SELECT 1");
    assert_eq!(home.restore(&file).await.missing.changes, 0);
    assert_eq!(lasting(&home.path("hub.db")), before);

    // The database of a hub that runs, or that was killed.
    std::fs::write(elsewhere.path().join("file-wal"), "the rest").unwrap();
    let said = prepare(home.dir.path(), &file, &Stop::default()).err().unwrap().to_string();
    assert!(said.contains("in use"), "{said}");
    for own in ["hub.db", "hub.db-wal", "hub.db-shm"] {
        let said = prepare(home.dir.path(), &home.path(own), &Stop::default()).err().unwrap().to_string();
        assert!(said.contains("own database"), "{said}");
    }
}

fn length_of_seal() -> usize {
    let line = format!("\nkairos-backup 1 {} {}\n", "0".repeat(36), "0".repeat(64));
    line.len()
}

#[tokio::test]
async fn a_restore_begins_a_new_life_and_keeps_and_names_the_old_one() {
    let mut home = Home::new().await;
    home.habit("first").await;
    let cursor = Cursor { epoch: home.store.identity().epoch.clone(), seq: 1 };
    home.store.save_cursor("outlet", &cursor).await.unwrap();
    let file = home.backup("backup").await;
    let before = home.store.identity().clone();
    home.clock.set(NOON + HOUR);
    for id in ["first", "second", "third", "second"] {
        home.habit(id).await;
    }
    let old = content(&home.path("hub.db"));

    let outcome = home.restore(&file).await;
    assert_eq!(home.habits().await, ["first"]);
    let after = home.store.identity().clone();
    assert_eq!(after.hub_id, before.hub_id);
    assert!(after.epoch != before.epoch && after.node != before.node && after.epoch == outcome.epoch);
    assert_eq!(home.store.cursor("outlet").await.unwrap(), None);

    assert_eq!(outcome.missing.changes, 4);
    let lack = |ids: &[&str]| Lack {
        table: "habits".into(),
        count: ids.len(),
        newest_at: NOON + HOUR,
        ids: ids.iter().map(|id| (*id).to_owned()).collect(),
    };
    assert_eq!(outcome.missing.rows, [lack(&["first", "second", "third"])]);
    let (kept, report) = (outcome.replaced.unwrap(), outcome.report.unwrap());
    assert_eq!(
        (kept.as_str(), report.as_str()),
        ("replaced-2026-11-24T110000Z.sqlite", "replaced-2026-11-24T110000Z.json")
    );
    assert_eq!(content(&home.path(&kept)), old);
    assert!(!home.path("replaced-2026-11-24T110000Z.sqlite-wal").exists());
    let told: Value = serde_json::from_slice(&std::fs::read(home.path(&report)).unwrap()).unwrap();
    assert_eq!((&told["changes"], &told["restore"]["replaced"]), (&json!(4), &json!(kept)));
    let row = |id: &str| json!({ "table": "habits", "id": id, "at": NOON + HOUR });
    assert_eq!(told["rows"], json!([row("first"), row("second"), row("third")]));
    for name in [&kept, &report] {
        assert_eq!(std::fs::metadata(home.path(name)).unwrap().permissions().mode() & 0o777, 0o600);
    }

    // And back again: what was written in between is what is lacking now.
    home.habit("after").await;
    let outcome = home.restore(&home.path(&kept)).await;
    assert_eq!(home.habits().await, ["first", "second", "third"]);
    assert_eq!(outcome.missing.rows, [lack(&["after"])]);
    assert_eq!(outcome.replaced.as_deref(), Some("replaced-2026-11-24T110000Z-2.sqlite"));
    // The same backup once more, from yet another life of the database.
    assert_eq!(home.restore(&file).await.missing.rows, [lack(&["first", "second", "third"])]);
}

#[tokio::test]
async fn a_new_directory_takes_a_backup_and_is_the_same_hub() {
    let home = Home::new().await;
    home.habit("first").await;
    let file = home.backup("backup").await;
    let fresh = tempfile::tempdir().unwrap();
    let dir = fresh.path().join("data");
    let prepared = prepare(&dir, &file, &Stop::default()).unwrap();
    let plan = prepared.plan();
    assert_eq!((plan.replaces, plan.missing.changes, plan.restores.head), (None, 0, 1));
    let (outcome, undo) = prepared.carry_out(NOON).unwrap();
    assert_eq!((outcome.replaced, outcome.report), (None, None));
    assert_eq!(names(&dir), ["hub.db", "hub.lock"]);
    let mut expected = lasting(&home.path("hub.db"));
    expected.insert("cursors".into(), Vec::new());
    assert_eq!(lasting(&dir.join("hub.db")), expected);
    assert!(!undo.carry_out().unwrap(), "there was nothing before");
    let store = Store::open(&dir, home.clock.clone(), &Board::default()).await.unwrap();
    assert_eq!(store.identity().hub_id, home.store.identity().hub_id);
}

#[tokio::test]
async fn a_database_that_cannot_be_read_is_replaced_and_kept() {
    let mut home = Home::new().await;
    home.habit("first").await;
    let file = home.backup("backup").await;
    home.store.close().await;
    std::fs::write(home.path("hub.db"), "rubbish").unwrap();
    std::fs::write(home.path("hub.db-wal"), "more of it").unwrap();
    let outcome = home.restore(&file).await;
    assert!(outcome.missing.unreadable.is_some());
    assert_eq!(home.habits().await, ["first"]);
    let kept = outcome.replaced.unwrap();
    assert_eq!(std::fs::read(home.path(&kept)).unwrap(), b"rubbish");
    assert_eq!(std::fs::read(home.path(&format!("{kept}-wal"))).unwrap(), b"more of it");
    let told: Value = serde_json::from_slice(&std::fs::read(home.path(&outcome.report.unwrap())).unwrap()).unwrap();
    assert!(told["unreadable"].is_string() && told["rows"] == json!([]), "{told}");
}

#[tokio::test]
async fn a_restored_database_that_does_not_serve_is_put_aside() {
    let home = Home::new().await;
    home.habit("first").await;
    let file = home.backup("backup").await;
    home.habit("second").await;
    home.store.close().await;
    let old = content(&home.path("hub.db"));
    let (outcome, undo) =
        prepare(home.dir.path(), &file, &Stop::default()).unwrap().carry_out(home.clock.now()).unwrap();
    assert!(undo.carry_out().unwrap());
    assert_eq!(content(&home.path("hub.db")), old);
    assert!(!home.path(&outcome.replaced.unwrap()).exists() && !home.path(&outcome.report.unwrap()).exists());
    assert_eq!(content(&home.path("refused-2026-11-24T100000Z.sqlite"))["habits"].len(), 1);
}

#[tokio::test]
async fn only_one_restore_is_prepared_at_a_time_and_a_running_hub_keeps_its_directory() {
    let home = Home::new().await;
    let file = home.backup("backup").await;
    let first = prepare(home.dir.path(), &file, &Stop::default()).unwrap();
    let second = prepare(home.dir.path(), &file, &Stop::default()).err().unwrap();
    assert!(second.to_string().contains("under way"), "{second}");
    // The store is open: it has the lock.
    let said = first.carry_out(NOON).err().unwrap();
    assert!(said.to_string().contains("another hub is running"), "{said}");
    assert!(!home.names().iter().any(|name| name.starts_with("re")), "{:?}", home.names());
}

#[tokio::test]
async fn access_that_was_taken_away_stays_away_and_everybody_signs_in_anew() {
    let mut home = Home::new().await;
    let auth = Auth::open(home.store.clone(), None).await.unwrap();
    let new = |email: &str| NewPerson {
        email: email.into(),
        password: "a long enough password".into(),
        display_name: "A".into(),
        admin: email.starts_with("ada"),
        tz: Some("UTC".into()),
    };
    let (ada, bo) =
        (auth.add_person(new("ada@x.example")).await.unwrap(), auth.add_person(new("bo@x.example")).await.unwrap());
    let id = |view: &crate::auth::people::PersonView| UserId::new(view.user_id.clone()).unwrap();
    let kept = auth.add_token(&id(&ada), "kept").await.unwrap();
    let revoked = auth.add_token(&id(&ada), "revoked").await.unwrap();
    let login = async |auth: &Auth, password: &str| {
        auth.login("ada@x.example", password.into(), [127, 0, 0, 1].into(), Channel::Body, "phone").await
    };
    let before = login(&auth, "a long enough password").await.ok().unwrap();
    let file = home.backup("backup").await;
    auth.revoke_token(&id(&ada), &revoked.id).await.unwrap();
    auth.set_disabled(&id(&bo), true).await.unwrap();
    auth.reset_password(&id(&ada), "another good password".into()).await.unwrap();
    let after = login(&auth, "another good password").await.ok().unwrap();
    assert!(auth.principal(&after.access_token).await.is_ok());
    drop(auth);

    home.clock.set(NOON + 60_000);
    home.restore(&file).await;
    let auth = Auth::open(home.store.clone(), None).await.unwrap();
    assert!(auth.principal(&kept.token).await.is_ok());
    assert!(auth.principal(&revoked.token).await.is_err());
    assert!(auth.person(&id(&bo)).await.unwrap().disabled);
    assert!(login(&auth, "a long enough password").await.is_err(), "the password of then is not that of now");
    for session in [&before, &after] {
        assert!(auth.principal(&session.access_token).await.is_err());
        assert!(auth.refresh(&session.refresh_token, Channel::Body).await.is_err());
    }
    assert!(login(&auth, "another good password").await.is_ok());

    // The same backup again: its database knows of the new life, too.
    auth.revoke_token(&id(&ada), &kept.id).await.unwrap();
    drop(auth);
    home.restore(&file).await;
    let auth = Auth::open(home.store.clone(), None).await.unwrap();
    assert!(auth.principal(&kept.token).await.is_err());

    // A backup of later, in the place of the database of then: it knows of more tokens, and they stay.
    let late = auth.add_token(&id(&ada), "late").await.unwrap();
    let later = home.backup("later").await;
    drop(auth);
    home.restore(&file).await;
    home.restore(&later).await;
    let auth = Auth::open(home.store.clone(), None).await.unwrap();
    assert!(auth.principal(&late.token).await.is_ok());
}

#[tokio::test]
async fn retention_takes_the_oldest_of_our_own_and_never_the_last_good_one() {
    let home = Home::new().await;
    let backups = home.backups(None, 3);
    let folder = home.path("backups");
    let mut made = Vec::new();
    for n in 0..3 {
        home.clock.set(NOON + n * HOUR);
        made.push(backups.make().await.unwrap().name);
    }
    // Others' files: by another hub under our names, by nobody, and a stray note.
    let other = Home::new().await;
    let foreign = other.backup("foreign").await;
    let strange = ["kairos-2020-01-01T000000Z.sqlite", "kairos-2020-01-02T000000Z.sqlite", "notes.txt"];
    std::fs::copy(&foreign, folder.join(strange[0])).unwrap();
    std::fs::write(folder.join(strange[1]), "mine").unwrap();
    std::fs::write(folder.join(strange[2]), "mine").unwrap();
    home.clock.set(NOON + 3 * HOUR);
    made.push(backups.make().await.unwrap().name);
    let mut expected: Vec<String> = strange[..2].iter().map(|name| (*name).to_owned()).collect();
    expected.extend(made[1..].iter().cloned());
    expected.push(strange[2].into());
    assert_eq!(names(&folder), expected);

    // The clock was in the future; now it is right again, and the newest backup looks like the oldest.
    home.clock.set(NOON - 1000 * HOUR);
    let fresh = backups.make().await.unwrap().name;
    let left = names(&folder);
    assert!(left.contains(&fresh) && !left.contains(&made[1]), "{left:?}");

    // Two within a second are two files; one is kept when only one may be.
    let only = home.backups(None, 1);
    let (a, b) = (only.make().await.unwrap(), only.make().await.unwrap());
    assert_ne!(a.name, b.name);
    assert_eq!(
        only.list().await.unwrap().into_iter().filter(|item| item.verified == Some(true)).collect::<Vec<_>>(),
        [b]
    );
}

/// Waits for what another task does.
async fn until<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..4000 {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain");
}

#[tokio::test]
async fn what_is_listed_is_looked_at() {
    let home = Home::new().await;
    home.habit("first").await;
    let (good, bad) = (home.backups(None, 5).make().await.unwrap(), home.backups(None, 5).make().await.unwrap());
    let path = home.path("backups").join(&bad.name);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[5000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    std::os::unix::fs::symlink(&path, home.path("backups/kairos-2026-01-01T000000Z.sqlite")).unwrap();
    // As after a restart: nothing is known yet.
    let backups = home.backups(None, 5);
    let _running = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(backups.clone().run()));
    let first = backups.list().await.unwrap();
    assert_eq!(first.iter().map(|item| &item.name).collect::<Vec<_>>(), [&bad.name, &good.name]);
    let found = until(async || {
        let found: Vec<_> = backups.list().await.unwrap().into_iter().map(|item| item.verified).collect();
        (!found.contains(&None)).then_some(found)
    })
    .await;
    assert_eq!(found, [Some(false), Some(true)]);
    assert!(backups.file(&good.name).await.is_some());
    for trick in ["", "..", "../hub.db", "kairos-2026-01-01T000000Z.sqlite", "kairos-2025-01-01T000000Z.sqlite"] {
        assert!(backups.file(trick).await.is_none(), "{trick}");
    }
}

#[tokio::test]
async fn backups_come_by_the_hubs_clock_and_one_that_does_not_work_is_said_and_tried_again() {
    let home = Home::new().await;
    home.habit("first").await;
    let folder = home.path("backups");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join(".kairos-2026-11-24T090000Z.sqlite.part"), "half").unwrap();
    std::fs::write(folder.join(".other.part"), "not ours").unwrap();
    let backups = home.backups(Some(Duration::from_secs(24 * 3600)), 14);
    let _running = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(backups.clone().run()));
    until(async || (home.board.get("backup") == Some(State::Ok)).then_some(())).await;
    assert_eq!(names(&folder), [".other.part"]);

    let count = async |n: usize| until(async || (backups.list().await.ok()?.len() == n).then_some(())).await;
    home.clock.set(NOON + HOUR / 6);
    count(1).await;
    home.clock.set(NOON + 25 * HOUR);
    count(2).await;

    // Somebody's file stands where the folder was.
    std::fs::rename(&folder, home.path("moved")).unwrap();
    std::fs::write(&folder, "in the way").unwrap();
    home.clock.set(NOON + 50 * HOUR);
    let reason = until(async || match home.board.get("backup") {
        Some(State::Degraded(reason)) => Some(reason),
        _ => None,
    })
    .await;
    assert!(reason.contains("could not be made") && reason.contains("backups"), "{reason}");
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(home.path("moved"), &folder).unwrap();
    home.clock.set(NOON + 50 * HOUR + HOUR / 6);
    count(3).await;
    until(async || (home.board.get("backup") == Some(State::Ok)).then_some(())).await;
}

#[tokio::test]
async fn a_hub_that_makes_none_by_itself_says_so() {
    let home = Home::new().await;
    let backups = home.backups(None, 1);
    let _running = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(backups.run()));
    until(async || matches!(home.board.get("backup"), Some(State::Off(_))).then_some(())).await;
}
