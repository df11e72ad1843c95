//! Deletions, which the server keeps until everybody has read them: who is known to be there, and the end of what is old.

use std::time::Duration;

use kairos_tests::until;
use reqwest::Method;
use serde_json::json;

use super::houses::{Home, Houses};

/// What is old, in hours: longer than deletions are kept.
const OLD: i64 = 401 * 24;

impl Houses {
    /// A number that the server is asked for.
    async fn number(&self, sql: &str) -> i64 {
        self.server.psql(sql).await.parse().unwrap()
    }

    /// Since how many hours each hub was not seen.
    async fn unseen(&self) -> String {
        let sql = "SELECT (kairos.now_ms() - seen_at) / 3600000 FROM kairos.hub_state ORDER BY hub";
        self.server.psql(sql).await.replace('\n', " ")
    }

    /// Has it that no hub was seen for some hours.
    async fn look_away(&self, hours: i64) {
        let sql =
            format!("UPDATE kairos.hub_state SET seen_at = kairos.now_ms() - {hours}::bigint * 3600000, cursor = 0");
        self.server.psql(&sql).await;
    }

    /// Has it that habits were deleted, and last written, some hours ago.
    async fn age(&self, habits: &[&str], hours: i64) {
        let ids: Vec<String> = habits.iter().map(|id| format!("'{id}'")).collect();
        let sql = format!(
            "SET session_replication_role = replica; UPDATE kairos.habits
             SET deleted_at = deleted_at - {hours}::bigint * 3600000, updated_at = updated_at - {hours}::bigint * 3600000
             WHERE id IN ({})",
            ids.join(", ")
        );
        self.server.psql(&sql).await;
    }

    /// The habits that the server still knows, living or not.
    async fn known(&self) -> Vec<String> {
        let names = self.server.psql("SELECT name FROM kairos.habits ORDER BY name").await;
        names.lines().map(str::to_owned).collect()
    }

    /// Waits until every hub says that it has nothing more to tell. Of what went the hubs keep the tombstones.
    async fn quiet(&self) {
        for home in &self.homes {
            home.says("that all is told", |said| said["state"] == "synced" && said["pending"] == 0).await;
        }
    }

    /// When the server was last looked through.
    async fn collected(&self) -> i64 {
        self.number("SELECT max(collected_at) FROM kairos.sync_clock").await
    }

    /// As if a day had passed since; a hub that greets looks at once. Waits until it has.
    async fn next_day(&self) {
        // Whoever has the lease may be away.
        self.server.psql("UPDATE kairos.sync_clock SET collected_at = 1; DELETE FROM kairos.engine_lease").await;
        self.homes.iter().for_each(|home| home.line.cut());
        until("the server was looked through", async || {
            for home in &self.homes {
                home.ada.post("/api/sync/now", json!({})).await;
            }
            (self.collected().await > 1).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_hub_that_is_connected_is_seen_within_the_hour() {
    let houses = Houses::new(1).await;
    let home = &houses.homes[0];
    home.ada.habit("Tea").await;
    houses.rest().await;
    // Without a word to say, and only when it was an hour.
    houses.look_away(2).await;
    let seen = "SELECT seen_at FROM kairos.hub_state";
    home.ada.post("/api/sync/now", json!({})).await;
    until("it is seen", async || (houses.unseen().await == "0").then_some(())).await;
    let first = houses.number(seen).await;
    let read = "SELECT h.cursor = c.seq FROM kairos.hub_state h JOIN kairos.sync_clock c USING (scope)";
    assert_eq!(houses.server.psql(read).await, "t", "and how far it has read is known");
    for _ in 0..5 {
        home.ada.post("/api/sync/now", json!({})).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(houses.number(seen).await, first);
    // A clock that was wrong keeps nobody there for ever.
    houses.look_away(-1000).await;
    home.ada.post("/api/sync/now", json!({})).await;
    until("it is seen now", async || (houses.unseen().await == "0").then_some(())).await;

    // And with what it pushes and pulls.
    houses.look_away(0).await;
    let before = houses.number(seen).await;
    home.ada.habit("Read").await;
    until("it was seen pushing", async || (houses.number(seen).await > before).then_some(())).await;
    let before = houses.number(seen).await;
    houses.server.psql("UPDATE kairos.habits SET name = 'By hand'").await;
    until("it was seen pulling", async || (houses.number(seen).await > before).then_some(())).await;
}

#[tokio::test]
async fn what_was_deleted_long_ago_goes_once_a_day_when_every_hub_has_read_it() {
    let houses = Houses::new(3).await;
    let home = &houses.homes[0];
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        ids.push(home.ada.habit(name).await);
    }
    houses.rest().await;
    for id in &ids[..3] {
        assert!(home.ada.ask(Method::DELETE, &format!("/api/habits/{id}"), None).await.0.is_success());
    }
    houses.rest().await;
    // Young ones stay.
    houses.next_day().await;
    assert_eq!(houses.known().await, ["a", "b", "c", "d", "e"]);
    houses.age(&[&ids[0], &ids[1]], OLD).await;
    houses.next_day().await;
    assert_eq!(houses.known().await, ["c", "d", "e"]);
    let logged = |home: &&Home| home.house.log().contains("Old deletions that every hub has read");
    assert_eq!(houses.homes.iter().filter(logged).count(), 1, "one hub does it");

    // Once a day, however often they greet.
    houses.age(&[&ids[2]], OLD).await;
    let before = houses.collected().await;
    houses.part();
    houses.reach().await;
    houses.quiet().await;
    assert_eq!((houses.collected().await, houses.known().await.len()), (before, 3));

    // Not what somebody has not read who was there lately; that hub is away.
    let away = &houses.homes[2];
    away.line.shut();
    assert!(home.ada.ask(Method::DELETE, &format!("/api/habits/{}", ids[3]), None).await.0.is_success());
    home.says("that all is pushed", |said| said["state"] == "synced" && said["pending"] == 0).await;
    houses.age(&[&ids[3]], OLD).await;
    houses.next_day().await;
    assert_eq!(houses.known().await, ["d", "e"], "the one of before goes, which it has read");
    // Who was away for longer is not waited for, and hears it.
    houses.server.psql("UPDATE kairos.hub_state SET seen_at = seen_at - 401 * 86400000::bigint").await;
    houses.next_day().await;
    assert_eq!(houses.known().await, ["e"]);
    away.reach(&houses.server).await;
    houses.quiet().await;
    assert!(away.house.log().contains("This hub was away for longer than the server remembers deletions"));
    let trash = away.ada.get("/api/conflicts").await;
    assert_eq!(trash["items"][0]["row_id"], ids[3].as_str(), "{trash}");
    for home in &houses.homes {
        assert_eq!(home.ada.get("/api/habits").await["items"].as_array().unwrap().len(), 1);
    }
}
