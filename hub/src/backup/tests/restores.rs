//! From a file to a database.

use super::*;
use crate::store::Identity;

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
    let (provider, subject) = ("pocketbase".to_owned(), "bo there".to_owned());
    let linked = Identity { provider, subject, user: id(&bo), token: None, checked_at: NOON };
    home.store.write(move |tx| tx.add_identity(&linked)).await.unwrap();
    let after = login(&auth, "another good password").await.ok().unwrap();
    assert!(auth.principal(&after.access_token).await.is_ok());
    drop(auth);

    home.clock.set(NOON + 60_000);
    home.restore(&file).await;
    let auth = Auth::open(home.store.clone(), None).await.unwrap();
    assert!(auth.principal(&kept.token).await.is_ok());
    assert!(auth.principal(&revoked.token).await.is_err());
    assert!(auth.person(&id(&bo)).await.unwrap().disabled);
    let user = id(&bo);
    let linked = home.store.read(move |snapshot| snapshot.identity_of("pocketbase", &user)).await.unwrap();
    assert!(linked.is_some(), "an account that was linked since has no other way in");
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
async fn what_clients_were_told_of_their_uploads_never_goes_back() {
    let mut home = Home::new().await;
    let told =
        async |home: &Home, asked| home.store.raise_write_checkpoint(user(), "phone".into(), asked).await.unwrap();
    assert_eq!(told(&home, None).await, 1);
    let file = home.backup("backup").await;
    assert_eq!(told(&home, None).await, 2);
    home.restore(&file).await;
    assert_eq!(told(&home, None).await, NOON + 1, "beyond all that a clock could have said");
    // Also where somebody has chosen a number far ahead since.
    let file = home.backup("second").await;
    assert_eq!(told(&home, Some(NOON * 2)).await, NOON * 2);
    home.restore(&file).await;
    assert_eq!(told(&home, Some(1)).await, NOON * 2);
    home.clock.set(NOON * 3);
    home.restore(&file).await;
    assert_eq!(told(&home, None).await, NOON * 3 + 1);
}
