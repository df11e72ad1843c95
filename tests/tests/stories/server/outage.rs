//! The server is away, and comes back.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use kairos_core::schema::COMPLETION_EVENTS;
use kairos_tests::mqtt::{Wire, press};
use kairos_tests::{Person, until};
use serde_json::{Value, json};

use super::houses::Houses;

/// How long five thousand changes may take to the server.
const SOON: Duration = Duration::from_secs(30);
const HABITS: usize = 25;
const DAYS: usize = 100;

/// Does something on each of many days; gives the events.
pub(super) async fn many_deeds(ada: &Person) -> Vec<String> {
    let mut habits = Vec::new();
    for n in 0..HABITS {
        habits.push(ada.habit(&format!("Habit {n}")).await);
    }
    let today: jiff::civil::Date = ada.get("/api/today").await["date"].as_str().unwrap().parse().unwrap();
    let first = today.checked_sub(jiff::Span::new().days(DAYS as i64)).unwrap();
    let dates: Vec<String> = first.series(jiff::Span::new().days(1)).take(DAYS).map(|date| date.to_string()).collect();
    let deeds = habits.iter().flat_map(|habit| dates.iter().map(move |date| (habit, date)));
    let said = futures_util::stream::iter(deeds).map(async |(habit, date)| {
        let answer = ada.post(&format!("/api/habits/{habit}/complete"), json!({ "date": date })).await;
        answer["event_id"].as_str().unwrap().to_owned()
    });
    said.buffer_unordered(16).collect().await
}

#[tokio::test]
async fn heavy_five_thousand_changes_wait_for_a_server_that_was_away_and_reach_it_soon() {
    let mut houses = Houses::new(2).await;
    let ada = houses.homes[0].ada.clone();
    let pressed = ada.habit("Pressed").await;
    let button = ada.button("Button", &pressed, "complete").await;
    houses.rest().await;
    houses.server.stop().await;
    let offline = houses.homes[0].says("that the server is away", |said| said["state"] == "offline").await;
    assert!(offline["message"].as_str().unwrap().starts_with("Can't reach the server"), "{offline}");

    // Everything works as before.
    let events = many_deeds(&ada).await;
    let mut wire = Wire::open(houses.homes[0].house.ports.mqtt, &button).await;
    wire.send(&press(&button, 1, false, "away:1")).await.unwrap();
    wire.puback().await.unwrap();
    assert_eq!(ada.item(&pressed).await["done"], true);
    // An event and a day for each, at least; whoever asks is told how many wait now, not how many did at the last try.
    let changes = 2 * HABITS * DAYS;
    let begun = Instant::now();
    let waits = ada.get("/api/sync/status").await;
    assert!(waits["pending"].as_u64().unwrap() >= changes as u64, "{waits}");
    assert!(begun.elapsed() < Duration::from_secs(1), "and is told at once");
    assert_eq!(waits["state"], "offline");

    houses.server.start().await;
    let begun = Instant::now();
    ada.post("/api/sync/now", json!({})).await;
    let mut heard = Vec::new();
    until("all deeds are on the server", async || {
        let said = ada.get("/api/sync/status").await;
        heard.push((said["state"].clone(), said["pending"].as_u64().unwrap()));
        let sql = "SELECT count(*) FROM kairos.completion_events WHERE deleted_at IS NULL AND source = 'api'";
        (houses.server.psql(sql).await == events.len().to_string()).then_some(())
    })
    .await;
    houses.homes[0].says("that nothing waits", |said| said["state"] == "synced" && said["pending"] == 0).await;
    let took = begun.elapsed();
    println!("{changes} changes reached the server in {took:?}");
    assert!(took < SOON, "{took:?}");
    let wrong: Vec<&(Value, u64)> = heard.iter().filter(|(state, pending)| state == "synced" && *pending > 0).collect();
    assert!(wrong.is_empty(), "nothing is called synced that waits: {wrong:?}");
    let copy = houses.rest().await;
    let held = copy.living(&COMPLETION_EVENTS).filter(|row| events.contains(&row.id)).count();
    assert_eq!(held, events.len());
}
