//! Who leaves for good is out at once, and nothing of theirs is left; everybody else notices nothing.

use std::time::{Duration, Instant};

use kairos_tests::mqtt::Wire;
use kairos_tests::sync_client::SyncStream;
use kairos_tests::{Button, Database, House, Person, until};
use reqwest::Method;
use serde_json::{Value, json};

const PASSWORD: &str = "another long password";

/// Everything of Bo's has this word in it, and nothing else has.
const WORD: &str = "quetzalcoatl";

/// Waits until nobody of this id has an account.
pub(super) async fn until_gone(admin: &Person, user: &str) {
    until("the account is gone", async || (standing(admin, user).await.is_null()).then_some(())).await;
}

/// Somebody as administrators see them; null when there is no such person.
pub(super) async fn standing(admin: &Person, user: &str) -> Value {
    let people = admin.get("/api/users").await;
    let people = people["items"].as_array().unwrap();
    people.iter().find(|person| person["user_id"] == user).cloned().unwrap_or(Value::Null)
}

/// Fills a person's account with things, in each of which the word stands.
async fn furnish(bo: &Person) -> Button {
    let (status, _) = bo.ask(Method::PATCH, "/api/me", Some(json!({ "display_name": format!("Bo {WORD}") }))).await;
    assert_eq!(status, 200);
    let body = json!({ "name": format!("Read {WORD}"), "description": WORD, "anchor_behavior": WORD });
    let habit = bo.post("/api/habits", body).await["id"].as_str().unwrap().to_owned();
    let gone = bo.habit(&format!("Given up {WORD}")).await;
    assert!(bo.ask(Method::DELETE, &format!("/api/habits/{gone}"), None).await.0.is_success());
    bo.post(&format!("/api/habits/{habit}/complete"), json!({ "note": format!("in bed, {WORD}") })).await;
    bo.ask(Method::PATCH, &format!("/api/habits/{habit}"), Some(json!({ "name": format!("Read on {WORD}") }))).await;
    bo.post("/api/pauses", json!({ "from_date": "2026-01-01", "to_date": "2026-01-02", "reason": WORD })).await;
    bo.post("/api/routines", json!({ "name": format!("Evening {WORD}") })).await;
    bo.post("/api/tokens", json!({ "name": WORD })).await;
    // What cannot be applied stands under conflicts, and what is large beside them.
    for name in [String::new(), "x".repeat(40_000)] {
        let data = json!({ "name": name, "description": WORD });
        bo.post("/api/data", json!({ "batch": [{ "op": "PUT", "table": "habits", "id": WORD, "data": data }] })).await;
    }
    let table = bo.request(Method::GET, "/api/export?format=csv").send().await.unwrap().text().await.unwrap();
    let file = bo.request(Method::POST, "/api/imports?file_name=days.csv").body(table.replace("Read", "Reread"));
    let import: Value = file.send().await.unwrap().json().await.unwrap();
    let import = import["id"].as_str().unwrap_or_else(|| panic!("{import}")).to_owned();
    until("the file is in", async || {
        (bo.get(&format!("/api/imports/{import}")).await["state"] == "done").then_some(())
    })
    .await;
    bo.button(&format!("Bedside {WORD}"), &habit, "complete").await
}

/// What of somebody's there is to see.
async fn seen(person: &Person) -> Vec<Value> {
    let mut all = Vec::new();
    for path in ["/api/today", "/api/habits", "/api/devices", "/api/tokens", "/api/me", "/api/changes"] {
        let mut page = person.get(path).await;
        // Where the log ends is everybody's.
        page.as_object_mut().unwrap().remove("next");
        all.push(page);
    }
    all
}

async fn is_refused(bo: &Person) {
    for path in ["/api/me", "/api/today", "/api/habits", "/api/auth/token"] {
        assert_eq!(bo.ask(Method::GET, path, None).await.0, 401, "{path}");
    }
}

#[tokio::test]
async fn who_leaves_is_out_at_once_and_nothing_of_theirs_is_left() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let tea = ada.habit("Tea").await;
    ada.post(&format!("/api/habits/{tea}/complete"), json!({ "note": "green" })).await;
    ada.button("Kitchen", &tea, "complete").await;
    let bo = house.add_person(&ada, &format!("{WORD}@example.org")).await;
    let button = furnish(&bo).await;
    let hers = seen(&ada).await;
    let token = bo.post("/api/tokens", json!({ "name": "shell" })).await["token"].as_str().unwrap().to_owned();
    let phone = bo.get("/api/auth/token").await["token"].as_str().unwrap().to_owned();
    let mut screen = bo.screen().await;
    screen.subscribe().await;
    let mut wire = Wire::open(house.ports.mqtt, &button).await;
    assert!(Database::open(&house.database()).has_word(WORD));

    // Not by a slip, not by a script, not without the password.
    let leave = async |body: Value| bo.ask(Method::DELETE, "/api/me", Some(body)).await;
    for body in [json!({}), json!({ "password": "not the password" })] {
        let (status, answer) = leave(body).await;
        assert_eq!((status.as_u16(), &answer["error"]["details"]["field"]), (422, &json!("password")), "{answer}");
    }
    let script = house.http.delete(house.url("/api/me")).bearer_auth(&token).json(&json!({ "password": PASSWORD }));
    assert_eq!(script.send().await.unwrap().status(), 403);
    let other = bo.ask(Method::DELETE, &format!("/api/users/{}", ada.user_id), None).await;
    assert_eq!(other.0, 403, "{}", other.1);
    let last = ada.ask(Method::DELETE, "/api/me", Some(json!({ "password": "correct horse battery" }))).await;
    assert_eq!((last.0.as_u16(), &last.1["error"]["code"]), (409, &json!("conflict")), "{}", last.1);

    let (status, answer) = leave(json!({ "password": PASSWORD })).await;
    assert_eq!(
        (status.as_u16(), &answer["leaving"], &answer["message"]),
        (202, &json!(true), &Value::Null),
        "{answer}"
    );
    let begun = Instant::now();
    is_refused(&bo).await;
    for bearer in [&token, &phone] {
        let answer = house.http.get(house.url("/api/today")).bearer_auth(bearer).send().await.unwrap();
        assert!([401, 403].contains(&answer.status().as_u16()), "{}", answer.status());
    }
    let stream = SyncStream::open(house.ports.http, &phone, &json!({ "buckets": [] }), false).await;
    assert_eq!(stream.status, 401, "a phone with what it had");
    while screen.hear_or_end().await.is_ok() {}
    while wire.read().await.is_ok() {}
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(Wire::try_open(house.ports.mqtt, &button).await.is_err());

    until_gone(&ada, &bo.user_id).await;
    let database = Database::open(&house.database());
    for word in [WORD, bo.token.as_str(), "another long"] {
        assert!(!database.has_word(word), "{word}");
    }
    for table in
        ["accounts", "sessions", "identities", "api_tokens", "imports", "large_operations", "write_checkpoints"]
    {
        assert!(!database.names(table, "user_id", &bo.user_id), "{table}");
    }
    assert!(!database.names("device_secrets", "device_id", &button.device_id));
    assert_eq!(seen(&ada).await, hers, "of hers nothing is otherwise");
    let login = json!({ "email": format!("{WORD}@example.org"), "password": PASSWORD });
    let login = house.http.post(house.url("/api/auth/login")).json(&login).send().await.unwrap();
    assert_eq!(login.status(), 401);
    // The same address may come again, as somebody else.
    let anew = house.add_person(&ada, &format!("{WORD}@example.org")).await;
    assert_ne!(anew.user_id, bo.user_id);
    assert_eq!(anew.get("/api/habits").await["items"], json!([]));
    house.is_well().await;
}

#[tokio::test]
async fn a_hub_that_is_cut_off_goes_on_and_the_console_asks_twice() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let bo = house.add_person(&ada, &format!("{WORD}@example.org")).await;
    furnish(&bo).await;
    // Enough for many slices.
    let first = jiff::civil::date(2020, 1, 1);
    let days: Vec<Value> = (0..3000)
        .map(|day| json!({ "day": (first + jiff::Span::new().days(day)).to_string(), "done": true }))
        .collect();
    let habits = json!({ "habits": [{ "name": "Swim", "id": "swim", "records": days }] });
    let file = bo.request(Method::POST, "/api/imports?file_name=habits.json").body(habits.to_string());
    let import: Value = file.send().await.unwrap().json().await.unwrap();
    let import = import["id"].as_str().unwrap_or_else(|| panic!("{import}")).to_owned();
    until("the file is in", async || {
        (bo.get(&format!("/api/imports/{import}")).await["state"] == "done").then_some(())
    })
    .await;
    let email = format!("{WORD}@example.org");
    let asked = house.cli(&["user", "delete", &email]).await;
    assert!(!asked.status.success() && String::from_utf8_lossy(&asked.stderr).contains("--yes"), "{asked:?}");
    assert_eq!(standing(&ada, &bo.user_id).await["leaving"], false);
    let asked = house.cli(&["user", "delete", &email, "--yes"]).await;
    assert!(asked.status.success(), "{asked:?}");
    house.kill().await;
    let left = Database::open(&house.database()).has_word(WORD);
    assert!(left, "cut off in the middle");
    house.boot().await;
    let ada = ada.at(&house);
    until_gone(&ada, &bo.user_id).await;
    assert!(!Database::open(&house.database()).has_word(WORD));
    is_refused(&bo.at(&house)).await;
    house.is_well().await;
}
