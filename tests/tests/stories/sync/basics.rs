//! First sync, changes both ways, uploads of every kind, poison, privacy, streams with parameters.

use reqwest::Method;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_has_what_the_hub_has_and_the_other_way_round() {
    let home = Home::new().await;
    let habit = home.ada.habit("Stretch").await;
    home.ada.post(&format!("/api/habits/{habit}/complete"), json!({})).await;
    let phone = home.phone("phone").await;
    // First sync: with the day as it stands.
    phone.wait_for("SELECT id FROM completions WHERE type = 'FULL'", 1).await;
    same_rows(&home, &phone, "habits", &["id", "name", "status", "phase"]).await;
    // From the hub, while connected.
    let read = home.ada.habit("Read").await;
    phone.wait_for("SELECT id FROM habits WHERE name = 'Read'", 1).await;
    // From the phone.
    phone.write("UPDATE habits SET name = ? WHERE id = ?", json!(["Read a page", read])).await;
    phone.settled().await;
    assert_eq!(home.ada.get(&format!("/api/habits/{read}")).await["name"], "Read a page");
    // Gone on the hub is gone on the phone.
    home.ada.ask(Method::DELETE, &format!("/api/habits/{read}"), None).await;
    phone.wait_for("SELECT id FROM habits WHERE name = 'Read a page'", 0).await;
    assert!(home.conflicts().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_a_phone_can_write_comes_through_in_both_checkpoint_modes() {
    let home = Home::new().await;
    for mode in ["legacy", "requests"] {
        let phone = home.offline(mode).await;
        phone.connect_with(json!({ "mode": mode })).await;
        let id = |name: &str| format!("{mode}-{name}");
        phone
            .transaction(json!([
                [TEA, [id("tea"), "Tea"]],
                ["INSERT INTO habits (id, name, anchor_behavior, kind, target_value, unit) VALUES (?, 'Water', 'x', 'measurable', 8, 'glass')", [id("water")]],
                ["INSERT INTO routines (id, name) VALUES (?, 'Morning')", [id("morning")]],
                ["INSERT INTO routine_habits (id, routine_id, habit_id, sort_key) VALUES (?, ?, ?, '1')", [id("step"), id("morning"), id("tea")]],
                ["INSERT INTO pauses (id, habit_id, from_date, to_date) VALUES (?, ?, '2030-01-01', '2030-01-05')", [id("pause"), id("tea")]],
                ["INSERT INTO completions (id, habit_id, date, type) VALUES (?, ?, date(), 'FULL')", [id("day"), id("tea")]],
                ["INSERT INTO completions (id, habit_id, date, type, amount, _metadata) VALUES (?, ?, date(), 'PARTIAL', 1, '{\"verb\":\"add\",\"value\":1}')", [id("glass"), id("water")]]
            ]))
            .await;
        phone.settled().await;
        // Under the hub's own ids by now, and only once.
        let days =
            phone.read(&format!("SELECT id, type, amount FROM completions WHERE habit_id = '{}'", id("water"))).await;
        assert_eq!(days.len(), 1, "{days:?}");
        assert_eq!((days[0]["amount"].as_f64(), days[0]["id"] != id("glass").as_str()), (Some(1.0), true));
        phone.write("UPDATE completions SET amount = 3 WHERE habit_id = ?", args(&[&id("water")])).await;
        phone.write("UPDATE completions SET note = 'good' WHERE habit_id = ?", args(&[&id("tea")])).await;
        phone.write("UPDATE routines SET name = 'Evening' WHERE id = ?", args(&[&id("morning")])).await;
        phone.write("DELETE FROM pauses WHERE id = ?", args(&[&id("pause")])).await;
        phone.settled().await;
        let day = phone.read(&format!("SELECT amount, type FROM completions WHERE habit_id = '{}'", id("water"))).await;
        assert_eq!((day[0]["amount"].as_f64(), day[0]["type"].as_str()), (Some(3.0), Some("PARTIAL")));
        phone.write("DELETE FROM completions WHERE habit_id = ?", args(&[&id("tea")])).await;
        phone.settled().await;
        for (table, columns) in [
            ("habits", vec!["id", "name", "kind"]),
            ("completions", vec!["id", "habit_id", "type", "amount", "note"]),
            ("routines", vec!["id", "name"]),
            ("routine_habits", vec!["id", "sort_key"]),
            ("pauses", vec!["id", "from_date"]),
        ] {
            same_rows(&home, &phone, table, &columns).await;
        }
        let odd: Vec<_> = phone.uploads().await.into_iter().filter(|upload| upload["result"] != "applied").collect();
        assert!(odd.is_empty(), "{odd:?}");
        phone.close().await;
    }
    assert!(home.conflicts().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_does_not_stop_a_phone_and_can_be_submitted_again() {
    let home = Home::new().await;
    let phone = home.phone("phone").await;
    phone
        .write("INSERT INTO completions (id, habit_id, date, type) VALUES ('d', 'later', date(), 'FULL')", json!([]))
        .await;
    phone.write("INSERT INTO habits (id, name, anchor_behavior) VALUES ('broken', '', 'x')", json!([])).await;
    phone.write("UPDATE habits SET color = 'red' WHERE id = 'broken'", json!([])).await;
    // What no app would write, as it stands in the queue of an app that has gone wrong.
    for poison in [
        json!({ "op": "PUT", "type": "passwords", "id": "x", "data": { "a": 1 } }),
        json!({ "op": "PUT", "type": "completion_events", "id": "x", "data": { "verb": "full" } }),
        json!({ "op": "PATCH", "type": "habits", "id": "nowhere", "data": { "name": 7 } }),
    ] {
        phone.write("INSERT INTO ps_crud (data, tx_id) VALUES (?, 900)", json!([poison.to_string()])).await;
    }
    phone.write(TEA, args(&["tea", "Tea"])).await;
    phone.settled().await;
    phone.wait_for("SELECT id FROM habits WHERE id = 'tea'", 1).await;
    let conflicts = home.conflicts().await;
    let kinds: Vec<_> = conflicts.iter().map(|conflict| conflict["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["quarantined"; 5], "{conflicts:#?}");
    assert!(conflicts.iter().all(|conflict| !conflict["reason"].as_str().unwrap().is_empty()));
    // The phone sees them, too.
    phone.wait_for("SELECT id FROM conflicts WHERE status = 'OPEN'", 5).await;
    let day = conflicts.iter().find(|conflict| conflict["row_id"] == "d").unwrap()["id"].as_str().unwrap().to_owned();
    let (status, refused) = home.ada.ask(Method::POST, &format!("/api/conflicts/{day}/restore"), None).await;
    assert_eq!(status, 409, "{refused}");
    phone.write(TEA, args(&["later", "Later"])).await;
    phone.settled().await;
    home.ada.post(&format!("/api/conflicts/{day}/restore"), json!({})).await;
    phone.wait_for("SELECT id FROM completions WHERE habit_id = 'later' AND type = 'FULL'", 1).await;
    phone.wait_for("SELECT id FROM conflicts WHERE status = 'RESTORED'", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_anothers_rows() {
    let home = Home::new().await;
    let bo = home.house.add_person(&home.ada, "bo@example.org").await;
    let secret = bo.habit("Secret").await;
    bo.post(&format!("/api/habits/{secret}/complete"), json!({ "note": "private" })).await;
    let phone = home.offline("phone").await;
    let streams = json!([
        { "name": "events", "params": { "habit": secret } },
        { "name": "watch_recent", "params": { "month": "2026-11", "user_id": bo.user_id } },
        { "name": "me", "params": { "user_id": bo.user_id } },
        { "name": "events", "params": { "habit": ["x"] } },
    ]);
    phone.connect_with(json!({ "streams": streams })).await;
    phone.wait_for("SELECT id FROM users", 1).await;
    phone.write("UPDATE habits SET name = 'x'", json!([])).await;
    for (sql, values) in [
        (TEA, vec![secret.as_str(), "Stolen"]),
        (
            "INSERT INTO completions (id, habit_id, date, type) VALUES (?, ?, date(), 'FULL')",
            vec!["d", secret.as_str()],
        ),
        (
            "INSERT INTO habits (id, name, anchor_behavior, scope) VALUES (?, 'Mine', 'x', ?)",
            vec!["h", &format!("u:{}", bo.user_id)],
        ),
        ("INSERT INTO habits (id, name, anchor_behavior, user_id) VALUES (?, 'Mine', 'x', ?)", vec!["i", &bo.user_id]),
    ] {
        phone.write(sql, args(&values)).await;
    }
    phone.settled().await;
    // A change of theirs, seen by us or not, would have come by now: ours comes after it.
    bo.post(&format!("/api/habits/{secret}/undo"), json!({})).await;
    let mine = home.ada.habit("Mine").await;
    phone.wait_for(&format!("SELECT id FROM habits WHERE id = '{mine}'"), 1).await;
    assert_eq!(phone.read("SELECT id FROM habits").await.len(), 1);
    for table in ["completions", "completion_events"] {
        assert!(phone.read(&format!("SELECT id FROM {table}")).await.is_empty(), "{table}");
    }
    let dump = phone.read("SELECT data FROM ps_oplog").await;
    let bos = dump.iter().filter(|row| row["data"].as_str().is_some_and(|data| data.contains(&bo.user_id)));
    // What was set aside for Ada holds what she sent, and nothing of Bo's.
    assert_eq!(bos.filter(|row| !row["data"].as_str().unwrap().contains("quarantined")).count(), 0);
    assert_eq!(home.conflicts().await.len(), 4);
    assert_eq!(bo.get("/api/conflicts").await["items"].as_array().unwrap().len(), 0);
    assert_eq!(bo.get(&format!("/api/habits/{secret}")).await["name"], "Secret");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_asks_for_a_month_and_a_habits_events_and_for_nothing_else() {
    let home = Home::new().await;
    let (tea, water) = (home.ada.habit("Tea").await, home.ada.habit("Water").await);
    for habit in [&tea, &water] {
        home.ada.post(&format!("/api/habits/{habit}/complete"), json!({})).await;
    }
    let today = home.ada.get("/api/today").await["date"].as_str().unwrap().to_owned();
    let watch = home.offline("watch").await;
    let streams = json!([
        { "name": "watch_recent", "params": { "month": today[..7] } },
        { "name": "events", "params": { "habit": tea } },
    ]);
    watch.connect_with(json!({ "defaults": false, "streams": streams })).await;
    watch.wait_for("SELECT id FROM completions", 2).await;
    watch.wait_for("SELECT id FROM completion_events", 1).await;
    assert!(watch.read("SELECT id FROM habits").await.is_empty());
    home.ada.post(&format!("/api/habits/{tea}/undo"), json!({})).await;
    watch.wait_for("SELECT id FROM completion_events WHERE verb = 'undo'", 1).await;
    watch.wait_for("SELECT id FROM completions", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conflict_is_seen_and_restored() {
    let home = Home::new().await;
    let (phone, tablet) = (home.phone("phone").await, home.phone("tablet").await);
    phone.write(TEA, args(&["h", "Tea"])).await;
    phone.settled().await;
    tablet.wait_for("SELECT id FROM habits WHERE id = 'h'", 1).await;
    phone.disconnect().await;
    tablet.disconnect().await;
    phone.write("UPDATE habits SET name = 'Green tea', color = 'green' WHERE id = 'h'", json!([])).await;
    tablet.write("UPDATE habits SET name = 'Milk', icon = 'cup' WHERE id = 'h'", json!([])).await;
    phone.connect().await;
    phone.settled().await;
    tablet.connect().await;
    tablet.settled().await;
    let row = phone.wait("SELECT name, color, icon FROM habits WHERE icon = 'cup'").await;
    assert_eq!(row[0], json!({ "name": "Milk", "color": "green", "icon": "cup" }), "different columns both stand");
    let conflicts = home.conflicts().await;
    assert_eq!(conflicts.len(), 1);
    assert_eq!((&conflicts[0]["lost"]["name"], &conflicts[0]["kept"]["name"]), (&json!("Green tea"), &json!("Milk")));
    home.ada.post(&format!("/api/conflicts/{}/restore", conflicts[0]["id"].as_str().unwrap()), json!({})).await;
    for client in [&phone, &tablet] {
        client.wait_for("SELECT id FROM habits WHERE name = 'Green tea' AND icon = 'cup'", 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_published_example_works() {
    let home = Home::new().await;
    let habit = home.ada.habit("Stretch").await;
    let token = home.ada.post("/api/tokens", json!({ "name": "example" })).await["token"].as_str().unwrap().to_owned();
    let _running = kairos_tests::sdk::example(&home.house.url(""), &token, "[x] Stretch").await;
    kairos_tests::until("the example's deed at the hub", async || {
        (home.ada.item(&habit).await["done"] == true).then_some(())
    })
    .await;
}
