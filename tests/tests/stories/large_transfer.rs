//! Files of decades: whoever presses meanwhile is heard, and a hub on a small machine carries them.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::ToSpan;
use kairos_tests::mqtt::{Wire, press};
use kairos_tests::{Database, House, until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::transfer::{export, send};

/// So many habits, with so many days each: more than anybody has, in less time than a test may take.
const HABITS: usize = 8;
const DAYS: i64 = 5000;

/// A table of days.
fn table() -> String {
    let mut table = String::from("habit,date,type,percent,amount,unit,note,source,completed_at,at_most\n");
    for habit in 0..HABITS {
        for day in (0..DAYS).rev() {
            let date = jiff::civil::date(2025, 12, 31).checked_sub(day.days()).unwrap();
            let _ = writeln!(table, "Habit {habit},{date},FULL,,,,,import,{date}T08:00:00Z,");
        }
    }
    table
}

#[tokio::test]
async fn heavy_a_large_import_keeps_nobody_waiting_and_little_in_memory() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bo = house.add_person(&ada, "bo@example.org").await;
    let water = bo.counted_habit("Water", 8.0).await;
    let button = bo.button("Kitchen", &water, "add").await;
    let mut wire = Wire::open(house.ports.mqtt, &button).await;
    let state = async |path: &str| ada.get(path).await["state"].as_str().unwrap().to_owned();

    let before = house.memory();
    let taking = async {
        let (status, begun) = send(&ada, "", table()).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{begun}");
        let path = format!("/api/imports/{}", begun["id"].as_str().unwrap());
        let mut done = 0;
        for n in 1..=5_u16 {
            // Between slices, not before the first.
            done = until("some more is in", async || {
                let now = ada.get(&path).await["done"].as_u64().unwrap();
                (now > done).then_some(now)
            })
            .await;
            wire.send(&press(&button, n, false, &format!("busy:{n}"))).await.unwrap();
            wire.puback().await.unwrap();
            bo.post(&format!("/api/habits/{water}/complete"), json!({})).await;
            assert_eq!(state(&path).await, "running", "the presses were saved beside it");
        }
        let store = house.health().await["components"]["store"].clone();
        assert_eq!(store["status"], "ok", "{store}");
        let (status, said) = ada.ask(Method::DELETE, &path, None).await;
        assert_eq!(status, StatusCode::CONFLICT, "{said}");
        while state(&path).await == "running" {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(state(&path).await, "done");
        path
    };
    let (path, most) = house.most_memory(taking).await;
    let grew = most.saturating_sub(before) / 1024;
    eprintln!("importing {HABITS} times {DAYS} days took {grew} MiB");
    assert!(grew < 90, "an import took {grew} MiB");
    assert_eq!(bo.item(&water).await["value"], 10.0);

    // The engine looks at years of new days; what is measured is the export alone.
    until("the hub rests", async || {
        let first = house.memory();
        tokio::time::sleep(Duration::from_secs(1)).await;
        (house.memory() <= first).then_some(())
    })
    .await;
    let before = house.memory();
    let (file, most) = house.most_memory(export(&ada, "json")).await;
    let grew = most.saturating_sub(before) / 1024;
    eprintln!("exporting {} MiB took {grew} MiB", file.len() >> 20);
    assert!(grew < 40, "an export took {grew} MiB");
    assert_eq!(export(&ada, "csv").await, table().into_bytes());

    assert_eq!(ada.ask(Method::DELETE, &path, None).await.0, StatusCode::ACCEPTED);
    for n in 6..=8_u16 {
        wire.send(&press(&button, n, false, &format!("busy:{n}"))).await.unwrap();
        wire.puback().await.unwrap();
        assert_ne!(state(&path).await, "undone", "the presses were saved beside it");
    }
    while state(&path).await != "undone" {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let scope = format!("u:{}", ada.user_id);
    let database = Database::open(&house.database());
    for of in ["habits", "completion_events", "completions"] {
        assert_eq!(database.living(of, &scope).len(), 0, "{of}");
    }
    assert_eq!(ada.get("/api/habits").await["items"], Value::from(Vec::<Value>::new()));
}

#[tokio::test]
async fn heavy_an_import_that_is_cut_off_while_it_is_taken_back_is_taken_back_by_the_next_start() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let file = kairos_tests::export_of("big", 2, 1500);
    let (_, begun) = send(&ada, "", file).await;
    let path = format!("/api/imports/{}", begun["id"].as_str().unwrap());
    until("it is in", async || (ada.get(&path).await["state"] == "done").then_some(())).await;
    assert_eq!(ada.ask(Method::DELETE, &path, None).await.0, StatusCode::ACCEPTED);
    let scope = format!("u:{}", ada.user_id);
    until("some of it is gone", async || {
        (Database::open(&house.database()).living("completion_events", &scope).len() < 3000).then_some(())
    })
    .await;
    house.kill().await;
    house.boot().await;
    let ada = ada.at(&house);
    until("it is taken back", async || (ada.get(&path).await["state"] == "undone").then_some(())).await;
    let database = Database::open(&house.database());
    assert_eq!(database.living("completion_events", &scope).len() + database.living("habits", &scope).len(), 0);
    database.is_consistent();
}
