//! Many buttons in bad weather: outages, faded radios, restarts, doubled messages. In the end everything is there once.

use std::collections::BTreeMap;
use std::time::Duration;

use kairos_simulator::schedule::Plan;
use kairos_simulator::{Fleet, FleetConfig};
use kairos_tests::{Database, House, PATIENCE, scaled};

#[tokio::test]
async fn fifty_buttons_in_bad_weather_leave_exactly_their_presses() {
    const BUTTONS: usize = 50;
    // No midnight, so that the day has all of it.
    let mut house = House::builder().clock("2026-06-10T10:00:00Z").start().await;
    let ada = house.set_up().await;
    let (mut devices, mut habit_of) = (Vec::new(), BTreeMap::new());
    for n in 0..BUTTONS {
        let counted = n % 2 == 0;
        let name = format!("Habit {n}");
        let habit = if counted { ada.counted_habit(&name, 10.0).await } else { ada.habit(&name).await };
        let button = ada.button(&format!("Button {n}"), &habit, if counted { "add" } else { "complete" }).await;
        habit_of.insert(button.device_id.clone(), (habit, counted));
        devices.push(button.credentials());
    }
    let mut config = FleetConfig::new("127.0.0.1", house.ports.mqtt, devices);
    config.seed = 2026;
    config.plan = Plan {
        presses_per_minute: 40.0,
        outages_per_minute: 6.0,
        outage_length: Duration::from_secs(2),
        reboots_per_minute: 2.0,
        ..Plan::default()
    };
    config.settings.duplicates = 0.2;
    config.settings.ack_timeout = Duration::from_millis(1500);
    config.settings.backoff_min = Duration::from_millis(50);
    config.settings.backoff_max = Duration::from_millis(500);
    let fleet = Fleet::start(&config);
    assert!(fleet.online(PATIENCE).await);
    fleet.play(Duration::from_secs(u64::try_from(scaled(30)).unwrap())).await;
    assert!(fleet.drained(PATIENCE).await, "{:?}", fleet.ledger().counts);
    let ledger = fleet.stop().await;
    println!("{} presses, {:?}", ledger.presses.len(), ledger.counts);
    let counts = ledger.counts;
    assert!(
        counts.duplicated > 0 && counts.reboots > 0 && counts.connections > BUTTONS as u64,
        "bad weather: {counts:?}"
    );
    assert_eq!((counts.refused, counts.malformed, counts.refused_subscriptions), (0, 0, 0), "{counts:?}");
    assert!(ledger.presses.iter().all(|press| press.result.is_some_and(kairos_simulator::AckResult::is_saved)));

    let database = Database::open(&house.database());
    let expected: BTreeMap<String, u32> = ledger.press_ids().into_iter().map(|id| (id, 1)).collect();
    assert_eq!(database.presses(), expected);
    let events = database.events_by_habit();
    for (device, (habit, counted)) in &habit_of {
        let pressed = ledger.presses.iter().filter(|press| *press.device_id == **device).count();
        let pressed = u32::try_from(pressed).unwrap();
        assert_eq!(events.get(habit).copied().unwrap_or(0), pressed, "events of a habit");
        if *counted {
            assert_eq!(database.amount(habit).to_bits(), f64::from(pressed).to_bits(), "the habit's days add up");
        }
    }
    // The API says the same.
    let today = ada.get("/api/today").await;
    for item in today["items"].as_array().unwrap() {
        let id = item["habit_id"].as_str().unwrap();
        assert_eq!(item["done"] == true || item["type"] == "PARTIAL", events.contains_key(id), "{item}");
    }
    database.is_consistent();
    house.is_well().await;
}
