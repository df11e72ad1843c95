//! Deletions, which the server keeps until everybody has read them: who is known to be there, and the end of what is old.

use std::time::Duration;

use kairos_tests::until;
use serde_json::json;

use super::houses::Houses;

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
