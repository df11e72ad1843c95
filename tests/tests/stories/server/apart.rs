//! Two houses write while neither hears of the other: what both said, what one lost, and how it is had back.

use kairos_tests::{House, Person, until};
use reqwest::Method;
use serde_json::{Value, json};

use super::houses::Houses;

async fn patch(ada: &Person, habit: &str, columns: Value) {
    let (status, answer) = ada.ask(Method::PATCH, &format!("/api/habits/{habit}"), Some(columns)).await;
    assert!(status.is_success(), "{status} {answer}");
}

async fn conflicts(ada: &Person) -> Vec<Value> {
    ada.get("/api/conflicts").await["items"].as_array().unwrap().clone()
}

impl Houses {
    /// Asserts that each hub shows the same of a habit.
    async fn show(&self, habit: &str, columns: &[(&str, &str)]) {
        for home in &self.homes {
            let row = home.ada.get(&format!("/api/habits/{habit}")).await;
            for (name, value) in columns {
                assert_eq!(row[name], *value, "{row}");
            }
        }
    }

    async fn open_conflicts(&self) -> usize {
        let mut count = 0;
        for home in &self.homes {
            count += conflicts(&home.ada).await.len();
        }
        count
    }
}

#[tokio::test]
async fn what_two_houses_write_apart_is_merged_by_column_and_what_loses_is_had_back() {
    let houses = Houses::new(2).await;
    let (home, cottage) = (&houses.homes[0].ada, &houses.homes[1].ada);
    let habit = home.habit("Water").await;
    houses.rest().await;

    // Different columns: both stand.
    houses.part();
    patch(home, &habit, json!({ "name": "Tea" })).await;
    patch(cottage, &habit, json!({ "color": "blue" })).await;
    houses.reach().await;
    houses.rest().await;
    houses.show(&habit, &[("name", "Tea"), ("color", "blue")]).await;
    assert_eq!(houses.open_conflicts().await, 0);

    // One after the other, each of them seen by the next: nothing is lost by that.
    for (ada, name) in [(home, "Green tea"), (cottage, "Black tea"), (home, "White tea")] {
        patch(ada, &habit, json!({ "name": name })).await;
        houses.rest().await;
    }
    houses.show(&habit, &[("name", "White tea")]).await;
    assert_eq!(houses.open_conflicts().await, 0);

    // The same column, unseen: the later wins, and both tell what lost.
    houses.part();
    patch(cottage, &habit, json!({ "name": "Rooibos" })).await;
    patch(home, &habit, json!({ "name": "Mint" })).await;
    houses.reach().await;
    houses.rest().await;
    houses.show(&habit, &[("name", "Mint"), ("color", "blue")]).await;
    let mut told = Vec::new();
    for home in &houses.homes {
        let listed = conflicts(&home.ada).await;
        let [one] = &listed[..] else { panic!("{listed:#?}") };
        assert_eq!((&one["table"], &one["row_id"]), (&json!("habits"), &json!(habit)));
        assert_eq!((&one["lost"], &one["kept"]), (&json!({ "name": "Rooibos" }), &json!({ "name": "Mint" })));
        told.push(one["id"].clone());
    }
    assert_eq!(told[0], told[1], "one loss, wherever it is noticed");
    home.post(&format!("/api/conflicts/{}/restore", told[0].as_str().unwrap()), json!({})).await;
    houses.rest().await;
    houses.show(&habit, &[("name", "Rooibos"), ("color", "blue")]).await;
    assert_eq!(houses.open_conflicts().await, 0, "it is settled everywhere");
}

/// How a day stands on a hub.
async fn day(ada: &Person, habit: &str, date: &str) -> Value {
    let days = ada.get(&format!("/api/habits/{habit}/days?from={date}&to={date}")).await;
    days["items"][0]["type"].clone()
}

#[tokio::test]
async fn a_day_that_passed_in_one_house_gives_way_to_a_deed_in_the_other() {
    let mut houses = Houses::with(2, &House::builder().clock("2026-12-01T12:00:00Z")).await;
    let habit = houses.homes[0].ada.habit("Water").await;
    houses.rest().await;
    houses.part();
    // At home it is the next day already, and nothing was done. In the cottage it was, before that.
    let deed = houses.homes[1].ada.post(&format!("/api/habits/{habit}/complete"), json!({})).await;
    for (n, stands) in [(0, "MISSED"), (1, "FULL")] {
        let home = &mut houses.homes[n];
        home.house.kill().await;
        home.house.set_clock("2026-12-02T12:00:00Z");
        home.boot().await;
        until("the day is over", async || (day(&home.ada, &habit, "2026-12-01").await == stands).then_some(())).await;
    }
    houses.reach().await;
    let copy = houses.rest().await;
    for home in &houses.homes {
        assert_eq!(day(&home.ada, &habit, "2026-12-01").await, "FULL");
        assert_eq!(conflicts(&home.ada).await, Vec::<Value>::new());
    }
    // The later clock is that of the day which passed: it was there, and gave way.
    let events: Vec<_> =
        copy.living(&kairos_core::schema::COMPLETION_EVENTS).filter(|row| row.text("habit_id") == habit).collect();
    let at = |verb: &str| events.iter().find(|row| row.text("verb") == verb).and_then(|row| row.hlc()).unwrap();
    assert!(at("miss") > at("full"), "{events:#?}");
    assert!(events.iter().any(|row| row.id == deed["event_id"]));
}
