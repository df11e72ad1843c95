//! Nights: a press before the day begins counts for the day before, and everything turns over when it does begin.

use kairos_tests::mqtt::{Wire, press};
use kairos_tests::{Database, House, Person};
use reqwest::Method;
use serde_json::{Value, json};

/// One night: where, when the day begins, and what stands on the calendar before and after.
struct Night {
    zone: &'static str,
    day_start_min: u32,
    /// Before the day begins: the hub's clock at its first start.
    late: &'static str,
    /// Some seconds before the day begins: its clock at its second start.
    eve: &'static str,
    yesterday: &'static str,
    today: &'static str,
}

/// Tells a night: a press late in it, then the moment at which the day begins.
async fn tell(night: Night) {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("data");
    let mut house = House::builder().data_dir(&data_dir).clock(night.late).start().await;
    let ada = house.set_up().await;
    let me = json!({ "tz": night.zone, "day_start_min": night.day_start_min });
    assert!(ada.ask(Method::PATCH, "/api/me", Some(me)).await.0.is_success());
    let habit = ada.habit("Read").await;
    let button = ada.button("Bedside", &habit, "complete").await;
    let spare = ada.bare_button("Spare").await;
    let mut wire = Wire::open(house.ports.mqtt, &button).await;
    wire.send(&press(&button, 1, false, "night:1")).await.unwrap();
    wire.puback().await.unwrap();
    assert_eq!(Database::open(&house.database()).date_of("night:1"), night.yesterday);
    assert_eq!(ada.get("/api/today").await["date"], night.yesterday);
    let complete = |ada: &Person| {
        let path = format!("/api/habits/{habit}/complete");
        ada.request(Method::POST, &path).header("idempotency-key", "late").send()
    };
    let said: Value = complete(&ada).await.unwrap().json().await.unwrap();
    assert_eq!((&said["outcome"], &said["habit"]["date"]), (&json!("applied"), &json!(night.yesterday)));
    assert!(house.stop().await.success());

    let mut house = House::builder().data_dir(&data_dir).clock(night.eve).start().await;
    let ada = house.sign_in("ada@example.org", "correct horse battery").await;
    let mut screen = ada.screen().await;
    let shown = screen.subscribe().await["today"].clone();
    assert_eq!(shown["date"], night.yesterday);
    assert_eq!(shown["items"][0]["done"], true);
    let mut wire = Wire::open(house.ports.mqtt, &button).await;
    wire.subscribe(&format!("kairos/device/{}/state", button.device_id)).await;
    let state = wire.message().await;
    assert_eq!((&state["date"], &state["buttons"]["1"]["light"]), (&json!(night.yesterday), &json!("done")));
    let mut bare = Wire::open(house.ports.mqtt, &spare).await;
    bare.subscribe(&format!("kairos/device/{}/state", spare.device_id)).await;
    assert_eq!(bare.message().await, json!({ "date": night.yesterday, "buttons": {} }));

    // Nobody does anything; the day begins.
    let shown = loop {
        let heard = screen.hear().await;
        if heard["type"] == "today" {
            break heard["today"].clone();
        }
    };
    assert_eq!(shown["date"], night.today);
    assert_eq!(shown["items"][0]["done"], false);
    let state = wire.message().await;
    assert_eq!((&state["date"], &state["buttons"]["1"]["light"]), (&json!(night.today), &json!("open")));
    assert_eq!(bare.message().await, json!({ "date": night.today, "buttons": {} }));
    assert_eq!(ada.get("/api/today").await["date"], night.today);

    let said: Value = complete(&ada).await.unwrap().json().await.unwrap();
    assert_eq!((&said["outcome"], &said["habit"]["date"]), (&json!("duplicate"), &json!(night.yesterday)));

    wire.send(&press(&button, 2, false, "night:2")).await.unwrap();
    screen.sees(&habit, |item| item["done"] == true).await;
    assert_eq!(Database::open(&house.database()).date_of("night:2"), night.today);
    assert_eq!(Database::open(&house.database()).date_of("night:1"), night.yesterday);
    house.is_well().await;
}

#[tokio::test]
async fn an_ordinary_night_ends_when_the_day_begins_and_not_at_midnight() {
    tell(Night {
        zone: "Europe/Berlin",
        day_start_min: 240,
        late: "2026-06-10T01:30:00Z",
        eve: "2026-06-10T01:59:56Z",
        yesterday: "2026-06-09",
        today: "2026-06-10",
    })
    .await;
}

/// Clocks go back from three to two: half past three comes an hour later than on other nights.
#[tokio::test]
async fn the_night_in_which_clocks_go_back_has_an_hour_more() {
    tell(Night {
        zone: "Europe/Berlin",
        day_start_min: 240,
        late: "2026-10-25T02:30:00Z",
        eve: "2026-10-25T02:59:56Z",
        yesterday: "2026-10-24",
        today: "2026-10-25",
    })
    .await;
}

/// Clocks go from two to three: the day that would begin at half past two begins at three.
#[tokio::test]
async fn a_day_that_would_begin_in_the_hour_that_is_left_out_begins_after_it() {
    tell(Night {
        zone: "Europe/Berlin",
        day_start_min: 150,
        late: "2026-03-29T00:30:00Z",
        eve: "2026-03-29T00:59:56Z",
        yesterday: "2026-03-28",
        today: "2026-03-29",
    })
    .await;
}

#[tokio::test]
async fn a_new_year_begins_at_the_far_end_of_the_world() {
    tell(Night {
        zone: "Pacific/Kiritimati",
        day_start_min: 0,
        late: "2026-12-31T09:30:00Z",
        eve: "2026-12-31T09:59:56Z",
        yesterday: "2026-12-31",
        today: "2027-01-01",
    })
    .await;
}

#[tokio::test]
async fn a_machine_that_does_not_know_the_time_keeps_presses_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("data");
    let mut house = House::builder().data_dir(&data_dir).clock("2026-11-24T12:00:00Z").start().await;
    let ada = house.set_up().await;
    assert!(ada.ask(Method::PATCH, "/api/me", Some(json!({ "tz": "America/New_York" }))).await.0.is_success());
    let habit = ada.habit("Read").await;
    let button = ada.button("Bedside", &habit, "complete").await;
    assert!(house.stop().await.success());

    // A board without a battery for its clock wakes up in 1970, or at the time it wrote down last.
    for (n, wakes) in [(1, "1970-01-01T00:00:30Z"), (2, "2026-11-23T12:00:00Z")] {
        let mut house = House::builder().data_dir(&data_dir).clock(wakes).start().await;
        let mut wire = Wire::open(house.ports.mqtt, &button).await;
        let name = format!("boot:{n}");
        wire.send(&press(&button, n, false, &name)).await.unwrap();
        wire.puback().await.unwrap();
        assert_eq!(Database::open(&house.database()).date_of(&name), "2026-11-24");
        let clock = house.health().await["components"]["clock"].clone();
        assert_eq!(clock["status"], "degraded");
        assert!(clock["reason"].as_str().unwrap().contains("does not know the time"), "{clock}");
        house.is_well().await;
        assert!(house.stop().await.success());
    }
}
