//! Somebody at a console of the server: what they change is changed on every hub.

use kairos_tests::{Person, until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::houses::Houses;

impl Houses {
    /// Waits until every hub answers as it should.
    async fn everywhere(&self, what: &str, is_so: impl AsyncFn(&Person) -> bool) {
        for home in &self.homes {
            until(what, async || is_so(&home.ada).await.then_some(())).await;
        }
    }
}

async fn habit(ada: &Person, id: &str) -> Option<Value> {
    let (status, row) = ada.ask(Method::GET, &format!("/api/habits/{id}"), None).await;
    assert!(status.is_success() || status == StatusCode::NOT_FOUND, "{status} {row}");
    status.is_success().then_some(row)
}

#[tokio::test]
async fn what_is_edited_by_hand_on_the_server_reaches_every_hub() {
    let houses = Houses::new(2).await;
    let (home, cottage) = (&houses.homes[0].ada, &houses.homes[1].ada);
    let id = home.counted_habit("Water", 2.0).await;
    houses.rest().await;
    let scope = format!("u:{}", home.user_id);
    let today = home.get("/api/today").await["date"].as_str().unwrap().to_owned();
    let psql = async |sql: String| houses.server.psql(&sql).await;

    psql(format!("UPDATE kairos.habits SET name = 'Tea' WHERE id = '{id}'")).await;
    houses.everywhere("the new name", async |ada| habit(ada, &id).await.unwrap()["name"] == "Tea").await;
    // Whoever has seen it writes over it, and nothing is lost by that.
    let edit = Some(json!({ "name": "Green tea" }));
    assert!(cottage.ask(Method::PATCH, &format!("/api/habits/{id}"), edit).await.0.is_success());
    houses.everywhere("the newer name", async |ada| habit(ada, &id).await.unwrap()["name"] == "Green tea").await;
    for home in &houses.homes {
        assert_eq!(home.ada.get("/api/conflicts").await["items"], json!([]));
    }

    // A day follows from its events, whoever writes them, and from the habit's target.
    let amount = async |ada: &Person| ada.item(&id).await;
    let add = format!(
        "INSERT INTO kairos.completion_events (scope, habit_id, date, verb, value) VALUES ('{scope}', '{id}', '{today}', 'add', 1) RETURNING id"
    );
    let event = psql(add).await;
    houses.everywhere("an amount", async |ada| amount(ada).await["value"] == 1.0).await;
    houses.everywhere("half of it", async |ada| amount(ada).await["done"] == false).await;
    psql(format!("UPDATE kairos.habits SET target_value = 1 WHERE id = '{id}'")).await;
    houses.everywhere("all of it", async |ada| amount(ada).await["done"] == true).await;
    psql(format!("DELETE FROM kairos.completion_events WHERE id = '{event}'")).await;
    houses.everywhere("nothing of it", async |ada| amount(ada).await["done"] == false).await;
    let refused = houses.server.session("postgres").await.run("UPDATE kairos.completions SET amount = 7").await;
    assert_eq!(refused.unwrap_err(), "23001 completions.amount follows from completion_events");

    // Away, and back.
    psql(format!("DELETE FROM kairos.habits WHERE id = '{id}'")).await;
    houses.everywhere("that it is gone", async |ada| habit(ada, &id).await.is_none()).await;
    psql(format!("UPDATE kairos.habits SET deleted_at = NULL WHERE id = '{id}'")).await;
    houses.everywhere("that it is back", async |ada| habit(ada, &id).await.is_some()).await;

    // One that was made there is one like any other.
    let made = psql(format!(
        "INSERT INTO kairos.habits (scope, name, kind, target_value) VALUES ('{scope}', 'Walk', 'boolean', NULL) RETURNING id"
    ))
    .await;
    houses.everywhere("the new habit", async |ada| habit(ada, &made).await.is_some()).await;
    home.post(&format!("/api/habits/{made}/complete"), json!({})).await;
    houses.everywhere("that it is done", async |ada| ada.item(&made).await["done"] == true).await;
    houses.rest().await;
}
