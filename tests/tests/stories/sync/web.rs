//! Pages that sync: PowerSync's SDK for browsers in Chromium, from an origin of its own.

use super::*;

/// What a phone calls itself. There the SDK syncs in the page itself, elsewhere in a worker that all tabs share.
const ANDROID: &str = "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 Chrome/156.0 Mobile Safari/537.36";

/// A glass of water on a day the client has no row of yet, under an id of its own.
const GLASS: &str = "INSERT INTO completions (id, habit_id, date, type, amount, _metadata)
     VALUES (?, ?, date(), 'PARTIAL', 1, '{\"verb\":\"add\",\"value\":1}')";

/// A port where nobody listens.
const NOBODY: u16 = 1;

impl Home {
    async fn web() -> Self {
        Self::around(House::builder(), Sdk::start_web().await).await
    }

    /// The number of the last write checkpoint that a page asked for.
    async fn checkpoint(&self, page: &Client<'_>) -> i64 {
        let id = page.read("SELECT powersync_client_id() AS id").await[0]["id"].as_str().unwrap().to_owned();
        let sql = format!("SELECT coalesce(max(id), 0) FROM write_checkpoints WHERE client_id = '{id}'");
        Database::open(&self.house.database()).number(&sql)
    }
}

/// The two ways in which the SDK syncs, each a browser of its own.
async fn both<'a>(sdk: &'a Sdk, url: &str, token: &str) -> [Client<'a>; 2] {
    let desk = sdk.client("desk", url, token).await;
    let phone = sdk.client_as("phone", url, token, Some(ANDROID)).await;
    [desk, phone]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_have_what_the_hub_has_and_the_other_way_round() {
    let home = Home::web().await;
    let stretch = home.ada.habit("Stretch").await;
    home.ada.post(&format!("/api/habits/{stretch}/complete"), json!({})).await;
    let water = home.ada.counted_habit("Water", 8.0).await;
    let pages = both(&home.sdk, &home.relay.url(), &home.ada.token).await;
    for (page, mode) in pages.iter().zip(["legacy", "requests"]) {
        page.connect_with(json!({ "mode": mode })).await;
        // First sync: with the day as it stands.
        page.wait_for("SELECT id FROM completions WHERE type = 'FULL'", 1).await;
        same_rows(&home, page, "habits", &["id", "name", "status", "phase"]).await;
    }
    for (n, page) in pages.iter().enumerate() {
        // From the hub, while connected.
        let read = home.ada.habit("Read").await;
        for page in &pages {
            page.wait_for(&format!("SELECT id FROM habits WHERE id = '{read}'"), 1).await;
        }
        // From the page; what it wrote has come back, as a write checkpoint told it.
        let checkpoint = home.checkpoint(page).await;
        page.write("UPDATE habits SET name = ? WHERE id = ?", json!([format!("Page {n}"), read])).await;
        page.settled().await;
        assert_eq!(home.ada.get(&format!("/api/habits/{read}")).await["name"], format!("Page {n}"));
        assert!(home.checkpoint(page).await > checkpoint, "it asked for a write checkpoint");
        // A day under an id of its own comes back under the hub's.
        page.write(GLASS, args(&[&format!("glass{n}"), &water])).await;
        page.settled().await;
        let days = page.read(&format!("SELECT id, amount FROM completions WHERE habit_id = '{water}'")).await;
        assert_eq!((days.len(), days[0]["amount"].as_f64()), (1, Some(n as f64 + 1.0)), "{days:?}");
        let id = days[0]["id"].as_str().unwrap();
        assert_eq!((id.len(), &id[14..15]), (36, "8"), "the day has the id that follows from what it is");
        let status = page.status().await;
        assert_eq!((&status["connected"], &status["queue"], &status["error"]), (&json!(true), &json!(0), &json!("")));
        assert!(page.uploads().await.iter().all(|upload| upload["result"] == "applied"), "{:?}", page.uploads().await);
        // Gone on the hub is gone on the pages.
        home.ada.ask(reqwest::Method::DELETE, &format!("/api/habits/{read}"), None).await;
        for page in &pages {
            page.wait_for(&format!("SELECT id FROM habits WHERE id = '{read}'"), 0).await;
            page.wait_for(&format!("SELECT id FROM completions WHERE amount = {}", n + 1), 1).await;
        }
    }
    for page in &pages {
        same_rows(&home, page, "habits", &["id", "name", "updated_at"]).await;
        same_rows(&home, page, "completions", &["id", "type", "amount", "updated_at"]).await;
        // The page is not the hub's own: the browser lets it ask what syncing needs, and nothing else.
        assert_eq!(page.fetch("/api/auth/token").await, 200);
        assert_eq!(page.fetch("/api/habits").await, "Failed to fetch");
    }
    assert!(home.conflicts().await.is_empty());
    home.sdk.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_go_on_without_network_and_with_a_hub_that_is_killed() {
    let mut home = Home::new().await;
    let water = home.ada.counted_habit("Water", 1000.0).await;
    let (sdk, token) = (Sdk::start_web().await, home.ada.token.clone());
    let pages = both(&sdk, &home.relay.url(), &token).await;
    for page in &pages {
        page.connect().await;
        page.wait_for("SELECT id FROM habits", 1).await;
    }
    // Without network: the browser says so to pages, and what it lets through all the same (a stream that stands, a
    // worker) leads nowhere.
    for page in &pages {
        page.offline(true).await;
    }
    home.relay.point_to(NOBODY);
    home.relay.cut();
    home.ada.habit("While they are away").await;
    for (page, column) in pages.iter().zip(["icon", "color"]) {
        page.write(&format!("UPDATE habits SET {column} = 'away'"), json!([])).await;
        page.write(GLASS, args(&["before", &water])).await;
        kairos_tests::until("a page that knows it is offline", async || {
            let status = page.status().await;
            (status["connected"] == false && status["error"] != "").then_some(())
        })
        .await;
        page.reload().await;
        page.connect_with(json!({ "wait": false })).await;
        assert_eq!(page.wait_for("SELECT id FROM completions", 1).await[0]["id"], "before");
        assert_eq!(page.wait_for("SELECT name FROM habits", 1).await[0]["name"], "Water");
        page.write(GLASS, args(&["after", &water])).await;
        assert_eq!(page.status().await["queue"], 3, "what was written before the page was loaded again, and since");
    }
    assert!(home.rows("completions").is_empty());
    home.relay.point_to(home.house.ports.http);
    for page in &pages {
        page.offline(false).await;
        page.settled().await;
    }
    for page in &pages {
        page.wait_for("SELECT id FROM habits WHERE name = 'While they are away'", 1).await;
        page.wait_for("SELECT id FROM habits WHERE icon = 'away' AND color = 'away'", 1).await;
        page.wait_for("SELECT id FROM completions WHERE amount = 4", 1).await;
    }
    // Disconnected by the app, as at a sign out.
    for page in &pages {
        page.disconnect().await;
        page.write(GLASS, args(&["disconnected", &water])).await;
        page.connect().await;
    }
    // Killed in the middle of uploads and of what comes down.
    for n in 0..3 {
        for page in &pages {
            page.write(GLASS, args(&[&format!("{n}"), &water])).await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(n * 20)).await;
        home.house.strike();
        home.house.kill().await;
        home.relay.cut();
        home.boot().await;
    }
    for page in &pages {
        page.settled().await;
    }
    for page in &pages {
        page.wait_for("SELECT id FROM completions WHERE amount = 12", 1).await;
        same_rows(&home, page, "completions", &["id", "amount", "updated_at"]).await;
    }
    assert_eq!(home.rows("completion_events").len(), 12, "each glass once");
    assert!(home.conflicts().await.is_empty());
    home.house.is_well().await;
    sdk.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tabs_share_a_database_and_one_that_closes_stops_nobody() {
    let home = Home::web().await;
    let habit = home.ada.habit("Tea").await;
    let pages = both(&home.sdk, &home.relay.url(), &home.ada.token).await;
    for (first, together) in pages.into_iter().zip([true, false]) {
        let second = first.tab("second").await;
        first.connect().await;
        // Where one tab syncs for all, another one's turn comes when that one closes: nobody waits for it.
        second.connect_with(json!({ "wait": together })).await;
        for (n, tab) in [&first, &second].into_iter().enumerate() {
            tab.wait_for(&format!("SELECT id FROM habits WHERE id = '{habit}'"), 1).await;
            let name = format!("Tea {n}");
            tab.write("UPDATE habits SET name = ?", args(&[&name])).await;
            for tab in [&first, &second] {
                tab.wait_for(&format!("SELECT id FROM habits WHERE name = '{name}'"), 1).await;
                tab.settled().await;
            }
            assert_eq!(home.ada.get(&format!("/api/habits/{habit}")).await["name"], name);
        }
        assert_eq!(
            first.read("SELECT powersync_client_id() AS id").await,
            second.read("SELECT powersync_client_id() AS id").await
        );
        // The one that connected first goes, in the middle of a write.
        first.write("UPDATE habits SET icon = 'first'", json!([])).await;
        first.leave().await;
        second.write("UPDATE habits SET color = 'second'", json!([])).await;
        second.settled().await;
        let row = home.ada.get(&format!("/api/habits/{habit}")).await;
        assert_eq!((&row["icon"], &row["color"]), (&json!("first"), &json!("second")));
        let more = home.ada.habit("More").await;
        second.wait_for(&format!("SELECT id FROM habits WHERE id = '{more}'"), 1).await;
        home.ada.ask(reqwest::Method::DELETE, &format!("/api/habits/{more}"), None).await;
        second.wait_for("SELECT id FROM habits", 1).await;
        second.leave().await;
    }
    assert!(home.conflicts().await.is_empty());
    home.sdk.end().await;
}
