//! What hurried firmware, curious members and administrators in the wrong folder do, and what comes of it.

use kairos_tests::mqtt::{Wire, publish};
use kairos_tests::{House, until};
use reqwest::{Method, StatusCode};
use serde_json::json;

#[tokio::test]
async fn a_press_of_an_uptime_that_ran_over_counts_at_its_arrival() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let habit = ada.counted_habit("Glasses", 8.0).await;
    let button = ada.button("Kitchen", &habit, "add").await;
    let mut wire = Wire::open(house.ports.mqtt, &button).await;
    let topic = format!("kairos/device/{}/event", button.device_id);
    for (n, age) in (1..).zip(["18446744073709551615", "1e18", "-5000", "1e400"]) {
        let press = format!(r#"{{"press_id":"q:{n}","age_ms":{age}}}"#);
        wire.send(&publish(&topic, n, false, press.as_bytes())).await.unwrap();
        assert_eq!(wire.puback().await.unwrap(), n, "{age}");
    }
    assert_eq!(ada.item(&habit).await["value"], 4.0, "every press counts today");
}

#[tokio::test]
async fn bodies_are_taken_as_they_are_meant_or_refused_by_name() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let post = async |path: &str, body: &str| {
        let request = ada.request(Method::POST, path).header("content-type", "application/json").body(body.to_owned());
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    let (status, told) = post("/api/habits", r#"{"name":{"a":1}}"#).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && told.contains("name must be text"), "{status} {told}");
    let (status, told) = post("/api/habits", r#"{"name":"Water","name":"Wine"}"#).await;
    assert!(status == StatusCode::BAD_REQUEST && told.contains("duplicate field `name`"), "{status} {told}");
    let (status, told) = post("/api/devices", r#"{"name":"\u001b[31mX","kind":"button"}"#).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && told.contains("one line"), "{status} {told}");

    let button = || {
        let request = ada.request(Method::POST, "/api/devices").header("idempotency-key", "d1");
        request.json(&json!({ "name": "Kitchen", "kind": "button" })).send()
    };
    assert_eq!(button().await.unwrap().status(), StatusCode::CREATED);
    let again = button().await.unwrap();
    assert_eq!(again.status(), StatusCode::CONFLICT);
    assert_eq!(again.json::<serde_json::Value>().await.unwrap()["error"]["code"], "already_done");
    assert_eq!(ada.get("/api/devices").await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_question_in_the_wrong_folder_makes_no_hub() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    for args in [&["device", "list"][..], &["user", "list"], &["token", "create", "--user", "a@b", "--name", "x"]] {
        let output = House::builder().attempt(&data, args).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains("There is no hub in") && output.stdout.is_empty(), "{args:?}: {said}");
        assert!(!data.exists(), "{args:?}");
    }
    assert!(House::builder().attempt(&data, &["setup-code"]).await.status.success());
    assert!(data.join("hub.db").exists(), "a machine can be prepared");
}

#[tokio::test]
async fn damage_is_said_once_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut house = House::builder().data_dir(&data).start().await;
    let ada = house.set_up().await;
    ada.habit("Water").await;
    assert!(house.stop().await.success());
    let mut bytes = std::fs::read(data.join("hub.db")).unwrap();
    bytes[3 * 4096..13 * 4096].fill(0xff);
    std::fs::write(data.join("hub.db"), bytes).unwrap();

    let mut house = House::builder().data_dir(&data).start().await;
    let health = until("a degraded store", async || {
        let health =
            house.http.get(house.url("/health")).send().await.unwrap().json::<serde_json::Value>().await.unwrap();
        (health["components"]["store"]["status"] == "degraded").then_some(health)
    })
    .await;
    let reason = health["components"]["store"]["reason"].as_str().unwrap();
    assert!(reason.contains("damaged") && reason.contains("put a backup of hub.db in its place"), "{reason}");
    assert_eq!(health["status"], "degraded");
    house.is_well().await;
    assert!(house.stop().await.success(), "it still stops");
    let log = house.log();
    assert!(!log.contains("Available again."), "{log}");
    assert!(!log.contains('\u{1b}'), "no colours in a file");
}
