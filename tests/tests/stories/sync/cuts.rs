//! The hub killed, the link cut, a backup restored, the log compacted: no client freezes, fetches everything again, or
//! loses anything.

use std::time::Duration;

use super::*;

/// How often the hub is killed.
const KILLS: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_is_killed_loses_and_doubles_nothing() {
    let mut home = Home::new().await;
    let water = home.ada.counted_habit("Water", 1000.0).await;
    let token = home.ada.token.clone();
    let sdk = Sdk::start().await;
    let phone = sdk.client("phone", &home.relay.url(), &token).await;
    phone.connect().await;
    phone.wait_for("SELECT id FROM habits", 1).await;
    let mut glasses = 0;
    for n in 0..kairos_tests::scaled(KILLS) {
        for _ in 0..5 {
            // Each glass is one more, however often its upload is sent.
            phone
                .write(
                    "INSERT INTO completions (id, habit_id, date, type, amount, _metadata)
                     VALUES (uuid(), ?, date(), 'PARTIAL', 1, '{\"verb\":\"add\",\"value\":1}')",
                    args(&[&water]),
                )
                .await;
            glasses += 1;
        }
        // Somewhere in the middle of the upload and of what comes down.
        tokio::time::sleep(Duration::from_millis((n as u64 * 7) % 60)).await;
        home.house.strike();
        home.house.kill().await;
        home.relay.cut();
        home.boot().await;
    }
    phone.settled().await;
    let day = phone.read("SELECT amount FROM completions").await;
    assert_eq!((day.len(), day[0]["amount"].as_f64()), (1, Some(f64::from(glasses))));
    assert_eq!(home.rows("completion_events").len(), usize::try_from(glasses).unwrap());
    assert!(home.conflicts().await.is_empty());
    home.house.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_comes_back_to_nothing_new_fetches_nothing_again() {
    let mut home = Home::new().await;
    for n in 0..200 {
        home.ada.habit(&format!("Habit {n}")).await;
    }
    let token = home.ada.token.clone();
    let sdk = Sdk::start().await;
    let phone = sdk.client("phone", &home.relay.url(), &token).await;
    phone.connect().await;
    phone.wait_for("SELECT id FROM habits", 200).await;
    phone.disconnect().await;
    let first = home.relay.received();
    for again in 0..3 {
        if again == 1 {
            home.house.kill().await;
            home.boot().await;
        }
        let before = home.relay.received();
        phone.connect().await;
        let mut bytes = 0;
        // Until nothing comes any more.
        while home.relay.received() - before > bytes {
            bytes = home.relay.received() - before;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        assert!(bytes < 2_000 && bytes * 5 < first, "{bytes} bytes for nothing new, the {again}th time; first {first}");
        phone.write("UPDATE users SET locale = ?", json!([format!("l{again}")])).await;
        phone.settled().await;
        phone.disconnect().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_backup_is_a_new_beginning_that_no_phone_freezes_at() {
    let mut home = Home::new().await;
    // A restore ends sessions; the phone has a token of its own, which is in the backup.
    let token = home.ada.post("/api/tokens", json!({ "name": "phone" })).await["token"].as_str().unwrap().to_owned();
    let sdk = Sdk::start().await;
    let phone = sdk.client("phone", &home.relay.url(), &token).await;
    phone.connect().await;
    for n in 0..3 {
        phone.write(TEA, args(&[&format!("before{n}"), "Before"])).await;
        phone.settled().await;
    }
    let backup = home.house.data_dir().parent().unwrap().join("backup.db");
    let done = home.house.cli(&["backup", backup.to_str().unwrap()]).await;
    assert!(done.status.success(), "{done:?}");
    for n in 0..3 {
        phone.write(TEA, args(&[&format!("after{n}"), "After"])).await;
        phone.settled().await;
    }
    home.house.stop().await;
    let restored = home.house.cli(&["restore", "--yes", backup.to_str().unwrap()]).await;
    assert!(restored.status.success(), "{restored:?}");
    home.relay.cut();
    home.boot().await;
    // What is not in the backup is gone from the hub, and so from the phone: the database that was replaced has it.
    phone.wait_for("SELECT id FROM habits", 3).await;
    phone.write(TEA, args(&["new", "New"])).await;
    phone.settled().await;
    same_rows(&home, &phone, "habits", &["id", "name"]).await;
    let said = format!("{}{}", String::from_utf8_lossy(&restored.stdout), String::from_utf8_lossy(&restored.stderr));
    assert!(said.contains("habits: 3"), "what was written since the backup is named: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_was_away_while_the_log_was_compacted_still_adds_up() {
    let home = Home::with(House::builder().env("KAIROS_STORE_COMPACT_EVERY", "1s")).await;
    let phone = home.phone("phone").await;
    let habit = home.ada.habit("Tea").await;
    phone.wait_for("SELECT id FROM habits", 1).await;
    phone.disconnect().await;
    for n in 0..50 {
        home.ada
            .ask(reqwest::Method::PATCH, &format!("/api/habits/{habit}"), Some(json!({ "color": format!("c{n}") })))
            .await;
    }
    let moved = || Database::open(&home.house.database()).number("SELECT count(*) FROM changes WHERE op = 'MOVE'");
    kairos_tests::until("a compacted log", async || (moved() >= 49).then_some(())).await;
    phone.connect().await;
    phone.wait_for("SELECT id FROM habits WHERE color = 'c49'", 1).await;
    let fresh = home.phone("fresh").await;
    fresh.wait_for("SELECT id FROM habits WHERE color = 'c49'", 1).await;
    for client in [&phone, &fresh] {
        same_rows(&home, client, "habits", &["id", "name", "color"]).await;
    }
    assert!(!home.sdk.log().contains("hecksum"), "{}", home.sdk.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_whose_token_runs_out_goes_on_with_another() {
    let mut home = Home::with(House::builder().clock("2026-11-24T08:00:00Z")).await;
    let token = home.ada.post("/api/tokens", json!({ "name": "phone" })).await["token"].as_str().unwrap().to_owned();
    let sdk = Sdk::start().await;
    let phone = sdk.client("phone", &home.relay.url(), &token).await;
    phone.connect().await;
    phone.write(TEA, args(&["first", "First"])).await;
    phone.settled().await;
    let asked = async || phone.status().await["asked"]["/api/auth/token"].as_u64().unwrap();
    assert_eq!(asked().await, 1);
    // A client's token is good for a quarter of an hour. Told in time that it is about to run out, the client has the next one
    // before the stream ends, and syncs on.
    home.house.kill().await;
    home.house.set_clock("2026-11-24T08:14:30Z");
    home.boot().await;
    kairos_tests::until("the next token", async || (asked().await == 2).then_some(())).await;
    phone.write(TEA, args(&["second", "Second"])).await;
    phone.settled().await;
    let now = || Database::open(&home.house.database()).number("SELECT max(at) FROM changes") / 1000;
    assert!(now() < 1_795_508_100, "all of this before it ran out, at 08:15");
    // The SDK lets go of the token with the stream it closes, and who needs one then asks for it alone: the next stream, and
    // at times the upload beside it.
    let rest = asked().await;
    assert!((3..=4).contains(&rest), "asked for {rest} tokens");
    // Then it is at rest, also where the first one runs out.
    tokio::time::sleep(Duration::from_secs(32)).await;
    home.ada.habit("Third").await;
    phone.wait_for("SELECT id FROM habits", 3).await;
    assert_eq!(asked().await, rest);
    // One that ran out while the hub was off is refused, and the client comes back with another.
    home.house.kill().await;
    home.house.set_clock("2026-11-24T09:00:00Z");
    home.boot().await;
    phone.write(TEA, args(&["fourth", "Fourth"])).await;
    phone.settled().await;
    assert_eq!(asked().await, rest + 1);
    assert_eq!(home.rows("habits").len(), 4);
    home.house.is_well().await;
}
