//! What a person says or is stays out of logs and open pages, and files are for one user only.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use kairos_tests::faults::Disk;
use kairos_tests::mqtt::{self, Wire};
use kairos_tests::raw::exchange;
use kairos_tests::{House, until};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

/// Words that must not be seen again; each is planted where it belongs and where it does not.
#[derive(Default)]
struct Canaries(Vec<(String, String)>);

impl Canaries {
    /// A word that no program writes by itself.
    fn plant(&mut self, what: &str) -> String {
        let word = format!("canary{}{}", what.replace(' ', ""), 7919 * (self.0.len() + 1));
        self.watch(what, &word);
        word
    }

    /// A secret that somebody else made.
    fn watch(&mut self, what: &str, secret: &str) {
        assert!(secret.len() >= 8, "{what}: too short to be told from chance");
        self.0.push((what.to_owned(), secret.to_owned()));
    }

    /// Asserts that none of them stands in a text.
    fn are_not_in(&self, place: &str, text: &str) {
        let low = text.to_lowercase();
        for (what, word) in &self.0 {
            if let Some(at) = low.find(&word.to_lowercase()) {
                let line = text[..at].rfind('\n').map_or(0, |line| line + 1);
                let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
                panic!("{what} stands in {place}: {}", &text[line..end]);
            }
        }
    }
}

/// Everything that a person does in a house, with a canary in every word; and a good deal that goes wrong.
#[tokio::test]
async fn nothing_of_a_person_is_in_logs_or_on_open_pages() {
    let disk = Disk::new().await;
    let builder = House::builder().env("KAIROS_LOG", "trace").env("KAIROS_MQTT_COMMIT_TIMEOUT", "500ms");
    let mut house = disk.under(builder).start().await;
    let mut canaries = Canaries::default();

    // A person and their things.
    let (email, password) = (format!("{}@example.org", canaries.plant("mail")), canaries.plant("password"));
    let body = json!({ "setup_code": house.setup_code, "email": email, "password": password, "display_name": canaries.plant("person") });
    let answer = house.http.post(house.url("/api/setup")).json(&body).send().await.unwrap();
    assert!(answer.status().is_success());
    let token: Value = answer.json().await.unwrap();
    canaries.watch("access token", token["access_token"].as_str().unwrap());
    canaries.watch("refresh token", token["refresh_token"].as_str().unwrap());
    let ada = house.sign_in(&email, &password).await;
    canaries.watch("second access token", &ada.token);
    let name = canaries.plant("habit");
    let habit = ada.post("/api/habits", json!({ "name": name, "anchor_behavior": canaries.plant("anchor"), "description": canaries.plant("description") })).await;
    let habit = habit["id"].as_str().unwrap().to_owned();
    let button = ada.button(&canaries.plant("device"), &habit, "complete").await;
    canaries.watch("device password", &button.password);
    let api_token = ada.post("/api/tokens", json!({ "name": canaries.plant("token name") })).await;
    canaries.watch("api token", api_token["token"].as_str().unwrap());
    let display: Value = house.http.post(house.url("/api/displays")).send().await.unwrap().json().await.unwrap();
    let (code, secret) = (display["code"].as_str().unwrap(), display["poll_secret"].as_str().unwrap());
    canaries.watch("display code", code);
    canaries.watch("poll secret", secret);
    ada.post(
        &format!("/api/displays/{code}/approve"),
        json!({ "name": canaries.plant("display"), "show": ["me"], "act_as": "me" }),
    )
    .await;
    let poll = house.http.get(house.url("/api/displays/poll")).bearer_auth(secret).send().await.unwrap();
    canaries.watch("display token", poll.json::<Value>().await.unwrap()["token"].as_str().unwrap());
    let bob_mail = format!("{}@example.org", canaries.plant("second mail"));
    house.add_person(&ada, &bob_mail).await;

    // Their deeds, over every way in.
    let note = canaries.plant("note");
    ada.post(&format!("/api/habits/{habit}/complete"), json!({ "note": note })).await;
    ada.post(&format!("/api/habits/{habit}/skip"), json!({ "reason": "OTHER", "note": canaries.plant("skip note") }))
        .await;
    let mut screen = ada.screen().await;
    screen.subscribe().await;
    screen
        .call("call", json!({ "command": "complete", "habit_id": habit, "note": canaries.plant("socket note") }))
        .await;
    let mut wire = Wire::open(house.ports.mqtt, &button).await;
    let topic = format!("kairos/device/{}/event", button.device_id);
    let payload = json!({ "event_type": "press", "button": "1", "press_id": canaries.plant("press"), "wifi": canaries.plant("wifi secret") });
    wire.send(&mqtt::publish(&topic, 1, false, payload.to_string().as_bytes())).await.unwrap();
    wire.puback().await.unwrap();
    let info = json!({ "model": canaries.plant("model"), "fw": canaries.plant("firmware"), "ssid": canaries.plant("ssid"), "psk": canaries.plant("psk") });
    wire.send(&mqtt::publish(&topic.replace("event", "info"), 2, false, info.to_string().as_bytes())).await.unwrap();
    wire.puback().await.unwrap();

    // What goes wrong.
    for path in [
        format!("/api/today?date={}", canaries.plant("query")),
        format!("/api/habits/{}", canaries.plant("path")),
        format!("/{}", canaries.plant("page")),
        format!("/api/displays/{}/approve", canaries.plant("wrong code")),
    ] {
        ada.ask(Method::GET, &path, None).await;
        ada.ask(Method::POST, &path, Some(json!({ canaries.plant("field"): canaries.plant("value") }))).await;
    }
    ada.ask(
        Method::POST,
        "/api/habits",
        Some(json!({ "name": canaries.plant("refused name"), canaries.plant("unknown field"): 1 })),
    )
    .await;
    ada.ask(
        Method::POST,
        "/api/devices",
        Some(json!({ "name": canaries.plant("refused device"), "kind": canaries.plant("kind") })),
    )
    .await;
    let login = |email: String, password: String| {
        house.http.post(house.url("/api/auth/login")).json(&json!({ "email": email, "password": password })).send()
    };
    assert_eq!(login(email.clone(), canaries.plant("wrong password")).await.unwrap().status(), 401);
    assert_eq!(
        login(format!("{}@example.org", canaries.plant("nobody")), canaries.plant("their password"))
            .await
            .unwrap()
            .status(),
        401
    );
    let wrong =
        house.http.get(house.url("/api/today")).bearer_auth(canaries.plant("wrong bearer")).send().await.unwrap();
    assert_eq!(wrong.status(), 401);
    for key in ["host", "origin", "user-agent", "cookie", "x-forwarded-for", "idempotency-key", "referer"] {
        let value = canaries.plant(key);
        house.http.get(house.url("/api/today")).header(key, value).send().await.unwrap();
    }
    exchange(
        house.ports.http,
        format!("{} / HTTP/1.1\r\n{}\r\n\r\n", canaries.plant("method"), canaries.plant("header")).as_bytes(),
        Duration::from_secs(1),
    )
    .await;
    screen.throw(Message::text(canaries.plant("socket noise"))).await;
    screen.throw(Message::text(json!({ "id": 5, "type": canaries.plant("socket type") }).to_string())).await;
    let mut stranger = kairos_tests::Screen::connect(&house.url("")).await;
    stranger
        .throw(Message::text(json!({ "type": "auth", "access_token": canaries.plant("socket token") }).to_string()))
        .await;
    let nobody =
        mqtt::connect(&canaries.plant("client id"), &canaries.plant("mqtt user"), &canaries.plant("mqtt password"));
    exchange(house.ports.mqtt, &nobody, Duration::from_secs(1)).await;
    for (topic, payload) in [
        (canaries.plant("topic"), canaries.plant("payload")),
        (format!("kairos/device/{}/event", canaries.plant("other device")), canaries.plant("other payload")),
        (topic.clone(), canaries.plant("no json")),
        (
            topic.clone(),
            json!({ "press_id": "p:1", "button": canaries.plant("button"), "event_type": canaries.plant("gesture") })
                .to_string(),
        ),
        (
            topic.clone(),
            json!({ "press_id": canaries.plant("odd press"), "age_ms": canaries.plant("age") }).to_string(),
        ),
    ] {
        if let Ok(mut wire) = Wire::try_open(house.ports.mqtt, &button).await {
            let _ = wire.send(&mqtt::publish(&topic, 9, false, payload.as_bytes())).await;
            let _ = tokio::time::timeout(Duration::from_secs(1), wire.puback()).await;
        }
    }
    disk.breaks("write", "ENOSPC");
    let (status, _) = ada.ask(Method::POST, "/api/habits", Some(json!({ "name": canaries.plant("unsaved") }))).await;
    assert_eq!(status, 503);
    let mut wire = Wire::open(house.ports.mqtt, &button).await;
    let unsaved = json!({ "press_id": canaries.plant("unsaved press"), "button": "1" }).to_string();
    wire.send(&mqtt::publish(&topic, 3, false, unsaved.as_bytes())).await.unwrap();
    assert!(wire.puback().await.is_err());
    disk.heals();
    until("health ok", async || (house.health().await["status"] == "ok").then_some(())).await;

    // Nothing of it can be seen; in the database it can.
    let log = house.log();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "the log tells everything it ever tells");
    canaries.are_not_in("the log", &log);
    for path in
        ["/metrics", "/health", "/probes/readiness", "/api/setup", "/api/openapi.json", "/.well-known/jwks.json"]
    {
        let page = house.http.get(house.url(path)).send().await.unwrap().text().await.unwrap();
        canaries.are_not_in(path, &page);
    }
    let database = std::fs::read(house.database()).unwrap();
    let wal = std::fs::read(house.data_dir().join("hub.db-wal")).unwrap_or_default();
    let held = String::from_utf8_lossy(&[database, wal].concat()).into_owned();
    assert!(held.contains(&name) && held.contains(&note) && held.contains(&email), "the story was told");
    for secret in [&password, &button.password, &ada.token, api_token["token"].as_str().unwrap(), secret] {
        assert!(!held.contains(secret), "a secret stands in the database as it is");
    }
    assert!(house.stop().await.success());
    canaries.are_not_in("the log, to its end", &house.log());
}

fn is_private(dir: &Path) {
    let mode = |path: &Path| std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(dir), 0o700, "{}", dir.display());
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            is_private(&path);
        } else {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

#[tokio::test]
async fn every_file_is_for_its_user_only() {
    // The mask of a careless shell.
    let house = House::builder().under(&["sh", "-c", "umask 000; exec \"$@\"", "sh"]).start().await;
    let ada = house.set_up().await;
    let habit = ada.habit("Read").await;
    let button = ada.button("Bedside", &habit, "complete").await;
    Wire::open(house.ports.mqtt, &button).await;
    is_private(house.data_dir());
}
