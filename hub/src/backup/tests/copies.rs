//! What a backup is, and what is none.

use super::*;

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
        "DROP TABLE imports; DROP TABLE import_rows; DROP TABLE pauses; DROP TABLE user_preferences; DROP TABLE habit_schedules;
         DROP TABLE recovery_sessions; DROP TABLE routines; DROP TABLE routine_habits; DROP TABLE routine_variants;
         DROP TABLE routine_executions; DROP INDEX IF EXISTS device_bindings_routine;
         DROP TABLE households; DROP TABLE household_members; DROP TABLE conflicts; DROP TABLE id_aliases;
         DROP TABLE write_checkpoints; DROP TABLE write_checkpoint_floors; DROP INDEX changes_habit; DROP INDEX changes_month;
         ALTER TABLE buckets DROP COLUMN generation; ALTER TABLE buckets DROP COLUMN moved;
         ALTER TABLE buckets DROP COLUMN swept; ALTER TABLE buckets DROP COLUMN compacted;
         DROP TABLE large_operations; DROP TABLE upstream_scopes; DROP TABLE upstream_base; DROP TABLE identities;
         DROP TABLE leaving;
         PRAGMA user_version = 2",
    );
    assert_eq!(home.restore(&file).await.restored.version, 2);
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
