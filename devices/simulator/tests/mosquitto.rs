//! The fleet against a real broker: what a button promises, kept through every trouble the broker can make.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use kairos_simulator::schedule::Plan;
use kairos_simulator::{AckResult, Fleet, FleetConfig, Light, PressError};
use serde_json::json;
use support::{Database, FakeHub, Mosquitto, PATIENCE, fleet_config};

fn press_ids(database: &Database) -> BTreeSet<String> {
    database.presses.keys().cloned().collect()
}

async fn fleet_of(config: &FleetConfig) -> Fleet {
    let fleet = Fleet::start(config);
    assert!(fleet.online(PATIENCE).await, "{:?}", fleet.button(0).status());
    fleet
}

#[tokio::test]
async fn a_press_is_answered_and_the_light_follows() {
    let broker = Mosquitto::start(1).await;
    let mut hub = FakeHub::start(broker.port).await;
    let fleet = fleet_of(&fleet_config(&broker, 1)).await;
    let button = fleet.button(0);

    let acked = button.press("1").await.unwrap();
    assert_eq!((acked.result, acked.light), (AckResult::Applied, Light::Done));
    assert_eq!(acked.habit.unwrap().name, "Water");

    let state = json!({"date": "2026-11-24", "buttons": {"1": {"light": "open", "habit": null}}});
    hub.publish("kairos/device/device-0/state", true, state).await;
    assert!(button.wait_until(PATIENCE, |status| status.lights.get("1") == Some(&Light::Open)).await);

    hub.sees(|database| database.is_said("status", "online")).await;
    hub.sees(|database| {
        let info = database.retained.get("kairos/device/device-0/info");
        info.is_some_and(|text| text.contains(r#""buttons":["1"]"#))
    })
    .await;

    let ledger = fleet.stop().await;
    assert_eq!(ledger.presses.len(), 1);
    assert_eq!((ledger.presses[0].pubacks, ledger.presses[0].acks, ledger.presses[0].sends), (1, 1, 1));
    hub.sees(|database| database.is_said("status", "offline")).await;
}

#[tokio::test]
async fn out_of_reach_presses_wait_their_age_grows_and_the_will_tells_the_hub() {
    let broker = Mosquitto::start(1).await;
    let mut hub = FakeHub::start(broker.port).await;
    let mut config = fleet_config(&broker, 1);
    config.settings.queue_capacity = 3;
    let fleet = fleet_of(&config).await;
    let button = fleet.button(0);

    button.go_offline().await;
    hub.sees(|database| database.is_said("status", "offline")).await;
    for _ in 0..3 {
        button.push("1").await.unwrap();
    }
    assert_eq!(button.push("1").await, Err(PressError::QueueFull(3)));
    assert_eq!(button.status().lights.get("1"), Some(&Light::Error));
    assert_eq!(button.status().queued, 3);
    button.reboot().await;
    button.come_back().await;
    assert!(button.drained(PATIENCE).await);

    let database = hub.sees(|database| database.presses.len() == 3).await;
    let ledger = fleet.stop().await;
    assert_eq!(press_ids(&database), ledger.press_ids());
    assert_eq!(ledger.counts.refused, 1);
    assert_eq!(ledger.counts.reboots, 1);
}

#[tokio::test]
async fn an_unanswered_press_comes_again_under_its_name_and_older() {
    let broker = Mosquitto::start(1).await;
    let mut hub = FakeHub::start(broker.port).await;
    let fleet = fleet_of(&fleet_config(&broker, 1)).await;

    hub.leave_unanswered(2);
    let acked = fleet.button(0).press("1").await.unwrap();
    assert_eq!(acked.result, AckResult::Duplicate, "saved the first time, told the third");

    let database = hub.sees(|database| !database.presses.is_empty()).await;
    let sent = &database.presses[&acked.press_id.to_string()];
    assert_eq!(sent.len(), 3);
    assert!(sent[1].age_ms >= sent[0].age_ms + 450 && sent[2].age_ms >= sent[1].age_ms + 450, "{sent:?}");
    assert_eq!(fleet.ledger().presses[0].pubacks, 3);
}

#[tokio::test]
async fn without_flash_a_restart_loses_what_was_queued_and_says_so() {
    let broker = Mosquitto::start(1).await;
    let hub = FakeHub::start(broker.port).await;
    let mut config = fleet_config(&broker, 1);
    config.settings.flash = false;
    let fleet = fleet_of(&config).await;
    let button = fleet.button(0).clone();

    button.go_offline().await;
    let pressing = tokio::spawn({
        let button = button.clone();
        async move { button.press("1").await }
    });
    assert!(button.wait_until(PATIENCE, |status| status.queued == 1).await);
    button.reboot().await;
    assert!(matches!(pressing.await.unwrap(), Err(PressError::Lost(_))));
    button.come_back().await;
    assert_eq!(button.press("1").await.unwrap().result, AckResult::Applied);
    let ledger = fleet.ledger();
    assert_eq!(ledger.presses.iter().map(|press| press.lost).collect::<Vec<_>>(), [true, false]);
    assert_eq!(hub.database.borrow().presses.len(), 1);
}

#[tokio::test]
async fn a_silent_connection_is_replaced_and_nothing_is_lost() {
    let broker = Mosquitto::start(1).await;
    let mut hub = FakeHub::start(broker.port).await;
    let fleet = fleet_of(&fleet_config(&broker, 1)).await;
    let button = fleet.button(0);
    button.go_silent().await;
    button.push("1").await.unwrap();
    assert_eq!(hub.database.borrow().presses.len(), 0);
    button.come_back().await;
    assert!(button.drained(PATIENCE).await);
    hub.sees(|database| database.presses.len() == 1).await;
}

#[tokio::test]
async fn a_wrong_password_is_told_in_words() {
    let broker = Mosquitto::start(1).await;
    let mut config = fleet_config(&broker, 1);
    config.devices[0].password = "guess".into();
    config.settings.press_timeout = Duration::from_millis(300);
    let fleet = Fleet::start(&config);
    let press = fleet.button(0).press("1").await;
    assert!(matches!(press, Err(PressError::NotAnswered(_))));
    assert!(!fleet.button(0).status().online);
    let error = fleet.button(0).status().last_error.unwrap();
    assert_eq!(error, "the hub refused the user name and password");
}

#[tokio::test]
async fn dropping_the_fleet_ends_every_connection() {
    let broker = Mosquitto::start(2).await;
    let mut hub = FakeHub::start(broker.port).await;
    let fleet = fleet_of(&fleet_config(&broker, 2)).await;
    let button = fleet.button(0).clone();
    hub.sees(|database| database.retained.values().filter(|text| *text == "online").count() == 2).await;
    drop(fleet);
    hub.sees(|database| database.retained.values().filter(|text| *text == "offline").count() == 2).await;
    assert_eq!(button.press("1").await, Err(PressError::SwitchedOff));
}

/// The one that matters: twenty buttons in bad weather, and the broker killed under them again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_press_is_lost_or_doubled_when_the_broker_is_killed() {
    const DEVICES: usize = 20;
    let mut broker = Mosquitto::start(DEVICES).await;
    let mut hub = FakeHub::start(broker.port).await;
    let mut config = fleet_config(&broker, DEVICES);
    config.seed = 7;
    config.settings.duplicates = 0.1;
    config.plan = Plan {
        presses_per_minute: 300.0,
        outages_per_minute: 6.0,
        outage_length: Duration::from_millis(500),
        reboots_per_minute: 6.0,
        ..Plan::default()
    };
    let fleet = fleet_of(&config).await;

    let playing = fleet.play(Duration::from_secs(6));
    let killing = async {
        for _ in 0..3 {
            // Kills in the middle of traffic: after so many more presses, not after a time.
            let seen = hub.database.borrow().presses.len();
            hub.sees(|database| database.presses.len() >= seen + 100).await;
            broker.kill().await;
            broker.rise().await;
            hub.sees(|database| database.listening).await;
        }
    };
    tokio::join!(playing, killing);
    assert!(fleet.drained(PATIENCE).await, "presses without an answer");

    let ledger = fleet.stop().await;
    let database = hub.database.borrow().clone();
    assert_eq!(press_ids(&database), ledger.press_ids(), "exactly the presses that were made");
    assert_eq!(ledger.unanswered().count(), 0);
    assert!(ledger.presses.len() > 300, "{}", ledger.presses.len());
    // Once applied per press, and the repetitions were really there, or the test saw nothing.
    assert!(ledger.answered(AckResult::Applied) > 0);
    let sends: u32 = ledger.presses.iter().map(|press| press.sends).sum();
    assert!(sends as usize > ledger.presses.len(), "no press was ever repeated");
    assert!(ledger.counts.duplicated > 0 && ledger.counts.reboots > 0);
    assert!(ledger.counts.connections >= 4 * DEVICES as u64 / 2, "{}", ledger.counts.connections);
    // A repetition is the same press, older.
    for sent in database.presses.values() {
        assert!(sent.iter().all(|event| event.press_id == sent[0].press_id && event.button == sent[0].button));
    }
}
