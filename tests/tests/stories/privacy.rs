//! What a person says or is stays out of logs and open pages, files are for one user only, and every door asks who
//! is there.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use kairos_tests::faults::Disk;
use kairos_tests::mqtt::{self, Wire};
use kairos_tests::raw::{connect, exchange, hear};
use kairos_tests::{Database, House, Person, until};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
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

#[tokio::test]
async fn a_foreign_name_or_page_is_turned_away() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let authorized = format!("Authorization: Bearer {}\r\n", ada.token);
    let ask = async |path: &str, host: &str, more: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n");
        exchange(house.ports.http, request.as_bytes(), Duration::from_secs(5)).await.statuses()
    };
    for host in ["evil.example", "kairos.local.evil.example", "127.0.0.1.nip.io", "a@127.0.0.1", ""] {
        for path in ["/", "/api/today", "/mirror", "/api/openapi.json", "/api/auth/login"] {
            let statuses = ask(path, host, &authorized).await;
            assert!(matches!(statuses[..], [421 | 400]), "{host} {path}: {statuses:?}");
        }
        assert_eq!(ask("/health", if host.is_empty() { "x.example" } else { host }, "").await, [200]);
    }
    for host in ["127.0.0.1", "localhost", "kairos", "[::1]:8420", "192.168.1.5"] {
        assert_eq!(ask("/api/today", host, &authorized).await, [200], "{host}");
    }
    let upgrade = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n";
    for path in ["/api/websocket", "/mqtt"] {
        for origin in ["http://evil.example", "null", "https://localhost.evil.example", "http://localhost:1", "file://"]
        {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\n{upgrade}Origin: {origin}\r\n\r\n"
            );
            let mut stream = connect(house.ports.http).await;
            stream.write_all(request.as_bytes()).await.unwrap();
            let heard = hear(&mut stream, Duration::from_millis(200)).await;
            assert_eq!(heard.statuses(), [403], "{path} {origin}");
        }
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\n{upgrade}Origin: http://localhost\r\n\r\n"
        );
        let mut stream = connect(house.ports.http).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(hear(&mut stream, Duration::from_millis(500)).await.statuses(), [101], "{path}: its own page");
    }
    house.is_well().await;
}

/// Every operation of openapi.json: method, path, and whether it says that it needs no token.
fn operations(document: &Value) -> Vec<(Method, String, bool)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
            let open = operation["security"].as_array().is_some_and(|all| all.iter().any(|one| one == &json!({})));
            found.push((method, path.clone(), open));
        }
    }
    assert!(found.len() > 25, "the document describes the API: {} operations", found.len());
    found
}

/// What may be asked without a token, and nothing else. Adding to it is a decision.
const OPEN: [&str; 13] = [
    "GET /.well-known/jwks.json",
    "GET /api/.well-known/jwks.json",
    "GET /api/auth/keys",
    "GET /api/setup",
    "GET /api/websocket",
    "GET /health",
    "GET /probes/{probe}",
    "POST /api/auth/login",
    "POST /api/auth/logout",
    "POST /api/auth/refresh",
    "POST /api/displays",
    "POST /api/setup",
    "GET /api/openapi.json",
];

#[tokio::test]
async fn every_route_asks_who_is_there() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let habit = ada.habit("Read").await;
    let device = ada.button("Bedside", &habit, "complete").await.device_id;
    let head = Database::open(&house.database()).head();
    let document = ada.get("/api/openapi.json").await;
    let mut open = BTreeSet::from(["GET /api/openapi.json".to_owned()]);
    for (method, path, says_open) in operations(&document) {
        let name = format!("{method} {path}");
        // Whoever leaves need not prove that they were there; there is nothing to be learned.
        if says_open || name == "POST /api/auth/logout" {
            open.insert(name);
            continue;
        }
        for id in [habit.as_str(), device.as_str(), ada.user_id.as_str(), "nonsense"] {
            let url = house.url(&path.replace("{id}", id).replace("{code}", "K7MF-2QXD"));
            for bearer in [None, Some("nonsense"), Some(""), Some("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.")] {
                let request = house.http.request(method.clone(), &url).json(&json!({}));
                let request = match bearer {
                    Some(token) => request.bearer_auth(token),
                    None => request,
                };
                let answer = request.send().await.unwrap();
                let status = answer.status().as_u16();
                // A display asks with the secret of its pairing; one that nobody knows is over.
                let gone = name == "GET /api/displays/poll" && status == 410;
                assert!(gone || [401, 403, 404].contains(&status), "{name} with {bearer:?}: {status}");
                let body: Value = answer.json().await.unwrap();
                assert!(body["error"]["code"].is_string(), "{name}: {body}");
            }
        }
    }
    assert_eq!(open, OPEN.iter().map(|name| (*name).to_owned()).collect(), "what needs no token");
    assert_eq!(Database::open(&house.database()).head(), head, "nothing was changed");
    house.is_well().await;
}

/// Bodies that each route would take if the id were one's own.
fn bodies(path: &str, foreign_habit: &str) -> Vec<Value> {
    if path.ends_with("/bindings") {
        let binding = json!({ "trigger": "press", "button": "1", "action": "complete", "habit_id": foreign_habit });
        return vec![json!({ "bindings": [] }), json!({ "bindings": [binding] })];
    }
    if ["/complete", "/skip", "/undo", "/lapse"].iter().any(|deed| path.ends_with(deed)) {
        return vec![json!({}), json!({ "date": "2026-01-01" })];
    }
    if path.ends_with("/steps") {
        return vec![json!({ "steps": [] }), json!({ "steps": [{ "habit_id": foreign_habit }] })];
    }
    if path.ends_with("/step") {
        return vec![json!({ "result": "done" }), json!({ "result": "skip", "habit_id": foreign_habit })];
    }
    if path.starts_with("/api/pauses/") {
        return vec![json!({}), json!({ "reason": "Mine now" })];
    }
    if path.starts_with("/api/recovery/") {
        return vec![json!({ "action": "RESUME" }), json!({ "action": "ARCHIVE", "notes": "Mine now" })];
    }
    if path.ends_with("/start") {
        return vec![json!({})];
    }
    vec![json!({}), json!({ "name": "Mine now" })]
}

#[tokio::test]
async fn another_persons_things_are_not_there_for_anybody_else() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_person(&ada, "bob@example.org").await;
    let habit = ada.habit("Read").await;
    let device = ada.button("Bedside", &habit, "complete").await.device_id;
    ada.post(&format!("/api/habits/{habit}/complete"), json!({})).await;
    let token = ada.post("/api/tokens", json!({ "name": "Script" })).await;
    let routine = ada.post("/api/routines", json!({ "name": "Read on" })).await["id"].as_str().unwrap().to_owned();
    let steps = json!({ "steps": [{ "habit_id": habit }, { "habit_id": ada.habit("Read more").await }] });
    let (status, _) = ada.ask(Method::PUT, &format!("/api/routines/{routine}/steps"), Some(steps)).await;
    assert_eq!(status, 200);
    let run = ada.post(&format!("/api/routines/{routine}/start"), json!({})).await["run"]["id"].clone();
    let own = bob.habit("Bob's").await;
    let own_device = bob.button("Bob's", &own, "complete").await.device_id;
    let head = Database::open(&house.database()).head();

    let document = ada.get("/api/openapi.json").await;
    let mut walked = 0;
    for (method, path, _) in operations(&document) {
        if !path.contains("{id}") {
            continue;
        }
        let token = token["id"].as_str().unwrap();
        for id in [&habit, &device, token, &ada.user_id, &routine, run.as_str().unwrap()] {
            for body in bodies(&path, &habit) {
                let body = (method != Method::GET).then_some(body);
                let (status, answer) =
                    bob.ask(method.clone(), &path.replace("{id}", id).replace("{date}", "2026-01-01"), body).await;
                let administrative = path.starts_with("/api/users/");
                assert_eq!(status.as_u16(), if administrative { 403 } else { 404 }, "{method} {path} {id}: {answer}");
                assert!(!answer.to_string().contains("Read"), "{method} {path}: {answer}");
                walked += 1;
            }
        }
    }
    assert!(walked > 60, "{walked} requests");
    // What is one's own does not lead to another's.
    let binding = json!({ "trigger": "press", "button": "1", "action": "complete", "habit_id": habit });
    let (status, answer) = bob
        .ask(Method::PUT, &format!("/api/devices/{own_device}/bindings"), Some(json!({ "bindings": [binding] })))
        .await;
    assert!([404, 422].contains(&status.as_u16()), "{status} {answer}");
    let mut screen = bob.screen().await;
    for command in ["complete", "skip", "undo"] {
        let answer = screen.call("call", json!({ "command": command, "habit_id": habit })).await;
        assert_eq!(answer["error"]["code"], "not_found", "{answer}");
    }
    for path in ["/api/today", "/api/habits", "/api/devices", "/api/changes", "/api/tokens", "/api/me", "/api/routines"]
    {
        let seen = bob.get(path).await.to_string();
        assert!(!seen.contains(&habit) && !seen.contains(&device), "{path}: {seen}");
    }
    assert_eq!(Database::open(&house.database()).head(), head, "nothing was changed");
    assert_eq!(item_done(&ada, &habit).await, json!(true));
    house.is_well().await;
}

async fn item_done(person: &Person, habit: &str) -> Value {
    person.item(habit).await["done"].clone()
}
