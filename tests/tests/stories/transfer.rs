//! Files in and files out: what went out comes back as it was, what came in can be taken back, and a hub that dies in the
//! middle has all of it or nothing.

use std::time::Duration;

use kairos_simulator::random::Rng;
use kairos_tests::{Database, House, Person, export_of, scaled, until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

/// A habit of three days in HabitKit's form.
const HABITKIT: &str = r##"{
  "habits": [{"id": "hk1", "name": "Read", "description": "ten pages", "icon": "book", "color": "blue",
              "archived": false, "isInverse": false, "orderIndex": 0, "createdAt": "2026-01-01T08:00:00.000Z"}],
  "completions": [
    {"id": "c1", "date": "2026-01-02T09:00:00.000Z", "habitId": "hk1", "timezoneOffsetInMinutes": 60, "amountOfCompletions": 1, "note": "good"},
    {"id": "c2", "date": "2026-01-03T09:00:00.000Z", "habitId": "hk1", "timezoneOffsetInMinutes": 60, "amountOfCompletions": 1},
    {"id": "c3", "date": "2026-01-05T23:30:00.000Z", "habitId": "hk1", "timezoneOffsetInMinutes": 60, "amountOfCompletions": 1}],
  "intervals": [{"id": "i1", "habitId": "hk1", "startDate": "2026-01-01T08:00:00.000Z", "type": "day", "requiredNumberOfCompletions": 1, "requiredNumberOfCompletionsPerDay": 1}],
  "categories": [], "categoryMappings": [], "reminders": []
}"##;

pub(crate) async fn send(person: &Person, query: &str, file: impl Into<Vec<u8>>) -> (StatusCode, Value) {
    let request = person.request(Method::POST, &format!("/api/imports{query}"));
    let answer = request.header("content-type", "application/octet-stream").body(file.into()).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

/// Imports and waits for the end.
pub(crate) async fn import(person: &Person, file: impl Into<Vec<u8>>) -> Value {
    let (status, begun) = send(person, "", file).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{begun}");
    ends(person, begun["id"].as_str().unwrap()).await
}

pub(crate) async fn ends(person: &Person, id: &str) -> Value {
    until("the import has ended", async || {
        let job = person.get(&format!("/api/imports/{id}")).await;
        (job["state"] != "running").then_some(job)
    })
    .await
}

pub(crate) async fn export(person: &Person, form: &str) -> Vec<u8> {
    let answer = person.request(Method::GET, &format!("/api/export?format={form}")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.bytes().await.unwrap().to_vec()
}

/// Waits until no import is half there.
pub(crate) async fn settled(person: &Person) {
    until("no import is half there", async || {
        let imports = person.get("/api/imports").await;
        imports["items"].as_array().unwrap().iter().all(|import| import["state"] != "running").then_some(())
    })
    .await;
}

/// The engine writes what it makes of an import: waits until the log rests.
async fn rests(house: &House) {
    let mut last = -1;
    for _ in 0..200 {
        let head = Database::open(&house.database()).head();
        if head == last {
            return;
        }
        last = head;
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    panic!("the log does not come to rest");
}

#[tokio::test]
async fn another_apps_file_is_looked_at_taken_in_once_and_taken_back() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let (status, dry) = send(&ada, "?dry_run=true&file_name=habitkit.json", HABITKIT).await;
    assert_eq!(status, StatusCode::OK, "{dry}");
    assert_eq!((&dry["outlook"]["habits"], &dry["outlook"]["entries"]), (&json!(1), &json!(3)));
    assert_eq!((&dry["outlook"]["first"], &dry["outlook"]["last"]), (&json!("2026-01-02"), &json!("2026-01-06")));
    assert_eq!(ada.get("/api/habits").await["items"], json!([]), "a dry run changes nothing");

    let done = import(&ada, HABITKIT).await;
    assert_eq!((&done["state"], &done["habits"], &done["entries"]), (&json!("done"), &json!(1), &json!(3)));
    let habit = ada.get("/api/habits").await["items"][0].clone();
    assert_eq!(habit["name"], "Read");
    let days = ada.get(&format!("/api/habits/{}/days", habit["id"].as_str().unwrap())).await;
    let dates: Vec<&Value> = days["items"].as_array().unwrap().iter().map(|day| &day["date"]).collect();
    assert_eq!(dates, [&json!("2026-01-02"), &json!("2026-01-03"), &json!("2026-01-06")], "{days}");
    assert_eq!((&days["items"][0]["note"], &days["items"][0]["source"]), (&json!("good"), &json!("import")));

    assert_eq!(import(&ada, HABITKIT).await["state"], "unchanged", "the same file adds nothing");

    let id = done["id"].as_str().unwrap().to_owned();
    let (status, _) = ada.ask(Method::DELETE, &format!("/api/imports/{id}"), None).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    until("the import is taken back", async || {
        (ada.get(&format!("/api/imports/{id}")).await["state"] == "undone").then_some(())
    })
    .await;
    assert_eq!(ada.get("/api/habits").await["items"], json!([]));
    assert_eq!(import(&ada, HABITKIT).await["habits"], 1, "and may come again");

    let bo = house.add_person(&ada, "bo@example.org").await;
    assert_eq!(bo.ask(Method::GET, &format!("/api/imports/{id}"), None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(bo.ask(Method::DELETE, &format!("/api/imports/{id}"), None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(import(&bo, HABITKIT).await["habits"], 1, "the same file is anybody's own");
}

#[tokio::test]
async fn what_is_no_export_is_refused_in_words() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for (name, file) in [
        ("text", b"hello".to_vec()),
        ("json", b"{\"habits\": 7}".to_vec()),
        ("zip", b"PK\x03\x04nonsense".to_vec()),
        ("sqlite", b"SQLite format 3\0nonsense".to_vec()),
        ("export", br#"{"format":"kairos-hub-export","version":7,"rows":[]}"#.to_vec()),
    ] {
        let (status, said) = send(&ada, "?dry_run=true", file).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{name}: {said}");
        assert!(said["error"]["message"].as_str().unwrap().len() > 20, "{name}: {said}");
    }
    let (status, _) = send(&ada, "", Vec::new()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

/// A person with a bit of everything.
async fn a_life(ada: &Person) {
    let plain = ada.post("/api/habits", json!({"name": "Read, \"slowly\""})).await;
    let water = json!({"name": "Water", "kind": "measurable", "target_value": 8.0, "unit": "glasses"});
    let water = ada.post("/api/habits", water).await;
    let coffee = json!({"name": "Coffee", "kind": "measurable", "target_value": 2.0, "target_type": "at_most"});
    let coffee = ada.post("/api/habits", coffee).await;
    let week = json!({"name": "Run", "freq_num": 3, "freq_den": 7, "description": "two\nlines"});
    let week = ada.post("/api/habits", week).await;
    let mut rng = Rng::new(7, 0);
    for day in 1..=20 {
        let date = format!("2026-11-{day:02}");
        for habit in [&plain, &week] {
            let id = habit["id"].as_str().unwrap();
            let (path, body) = match rng.next_u64() % 5 {
                0 => ("skip", json!({"date": date, "reason": "TRAVELING"})),
                1 => ("complete", json!({"date": date, "percent": 33})),
                2 => continue,
                _ => ("complete", json!({"date": date, "note": "a, \"b\"\nc"})),
            };
            ada.post(&format!("/api/habits/{id}/{path}"), body).await;
        }
        let id = water["id"].as_str().unwrap();
        let glasses = 1 + rng.next_u64() % 9;
        ada.post(&format!("/api/habits/{id}/complete"), json!({"date": date, "set": glasses})).await;
        let id = coffee["id"].as_str().unwrap();
        ada.post(&format!("/api/habits/{id}/complete"), json!({"date": date, "set": day % 5})).await;
    }
    // A note alone: on a day before all others, and on one that was taken back.
    let id = plain["id"].as_str().unwrap();
    let note = json!({"habit_id": id, "date": "2026-10-30", "note": "only, a note"});
    let note = json!({"table": "completions", "id": "note-1", "data": note});
    let (status, answer) = ada.ask(Method::PUT, "/api/data", Some(note)).await;
    assert_eq!((status, &answer["results"][0]["result"]), (StatusCode::OK, &json!("applied")), "{answer}");
    ada.post(&format!("/api/habits/{id}/complete"), json!({"date": "2026-10-31", "note": "taken back"})).await;
    ada.post(&format!("/api/habits/{id}/undo"), json!({"date": "2026-10-31"})).await;
    // A part, and then left out; days that pass; a target that was another one; two of one name; numbers of many digits.
    let id = water["id"].as_str().unwrap();
    ada.post(&format!("/api/habits/{id}/skip"), json!({"date": "2026-11-18", "note": "=1+1"})).await;
    for (n, name) in ["Stretch", "Stretch", "Stretch (2)"].iter().enumerate() {
        let body = json!({"name": name, "kind": "measurable", "target_value": 2.5, "start_date": "2026-11-10"});
        let id = ada.post("/api/habits", body).await["id"].as_str().unwrap().to_owned();
        ada.post(&format!("/api/habits/{id}/complete"), json!({"date": "2026-11-11", "set": 2.2})).await;
        for day in [12, 13, 19 + n] {
            #[allow(clippy::cast_precision_loss)]
            let amount = [1.330_170_122_511_248_6e-7, rng.next_u64() as f64 / 1e17, 0.1 + 0.2][day % 3];
            let body = json!({"date": format!("2026-11-{day}"), "set": amount});
            ada.post(&format!("/api/habits/{id}/complete"), body).await;
        }
        let target = Some(json!({"target_value": 0.3}));
        assert!(ada.ask(Method::PATCH, &format!("/api/habits/{id}"), target).await.0.is_success());
    }
    ada.post("/api/pauses", json!({"from_date": "2026-11-05", "to_date": "2026-11-07", "reason": "trip"})).await;
    let (status, _) = ada.ask(Method::PATCH, "/api/me/preferences", Some(json!({"show_streaks": true}))).await;
    assert!(status.is_success());
    let id = week["id"].as_str().unwrap();
    assert!(ada.ask(Method::PATCH, &format!("/api/habits/{id}"), Some(json!({"color": "green"}))).await.0.is_success());
}

#[tokio::test]
async fn what_went_out_comes_back_to_the_byte_in_another_house() {
    let clock = "2026-11-24T12:00:00Z";
    let mut house = House::builder().clock("2026-11-21T12:00:00Z").start().await;
    let ada = house.set_up().await;
    a_life(&ada).await;
    rests(&house).await;
    house.stop().await;
    house.set_clock(clock);
    house.boot().await;
    let ada = house.sign_in("ada@example.org", "correct horse battery").await;
    until("days have passed", async || {
        let table = String::from_utf8(export(&ada, "csv").await).unwrap();
        table.contains("2026-11-23,MISSED").then_some(())
    })
    .await;
    rests(&house).await;
    let (whole, table) = (export(&ada, "json").await, export(&ada, "csv").await);
    assert!(String::from_utf8_lossy(&whole).lines().count() > 60);
    let text = String::from_utf8_lossy(&table).into_owned();
    for holds in [
        "Stretch (2),",
        "Stretch (3),",
        ",SKIPPED,,",
        ",0.30000000000000004,",
        ",PARTIAL,88,2.2,",
        "10-30,,,,,\"only, a note\",",
        "10-31,,,,,taken back,",
    ] {
        assert!(text.contains(holds), "{holds}: {text}");
    }

    let other = House::builder().clock(clock).start().await;
    let bo = other.set_up().await;
    assert_eq!(import(&bo, whole.clone()).await["state"], "done");
    rests(&other).await;
    let back = export(&bo, "json").await;
    assert_eq!(String::from_utf8_lossy(&back), String::from_utf8_lossy(&whole));
    assert_eq!(export(&bo, "csv").await, table, "and the days stand as they stood");
    assert_eq!(import(&bo, whole).await["state"], "unchanged");

    let mut third = House::builder().clock(clock).start().await;
    let cy = third.set_up().await;
    assert_eq!(import(&cy, table.clone()).await["state"], "done");
    rests(&third).await;
    let again = export(&cy, "csv").await;
    assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&table));
    assert_eq!(cy.get("/api/recovery").await["items"], json!([]), "nobody judges what a table tells");
    assert_eq!(import(&cy, table.clone()).await["state"], "unchanged");

    // Where it came from, it says that its habits will stand beside those that are there.
    let (status, dry) = send(&ada, "?dry_run=true", table.clone()).await;
    let remarks = dry["outlook"]["remarks"].to_string();
    assert!(status.is_success() && remarks.contains("You already have a habit called Coffee; this one"), "{dry}");
    let (_, dry) = send(&cy, "?dry_run=true", table).await;
    assert!(!dry["outlook"]["remarks"].to_string().contains("already have"), "{dry}");

    // Days that pass from here on are noted beside those that were told.
    third.stop().await;
    third.set_clock("2026-11-26T12:00:00Z");
    third.boot().await;
    let cy = third.sign_in("ada@example.org", "correct horse battery").await;
    let later = until("a day has passed here, too", async || {
        let table = String::from_utf8(export(&cy, "csv").await).unwrap();
        table.contains("2026-11-25,MISSED").then_some(table)
    })
    .await;
    assert!(text.lines().all(|line| later.contains(line)), "{later}");

    let zip = export(&bo, "loop").await;
    let fourth = House::builder().clock(clock).start().await;
    let (status, dry) = send(&fourth.set_up().await, "?dry_run=true", zip).await;
    assert_eq!((status, &dry["outlook"]["habits"]), (StatusCode::OK, &json!(7)), "{dry}");
}

#[tokio::test]
async fn an_own_export_that_was_taken_back_may_come_again() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let file = export_of("old", 2, 30);
    let count = async || ada.get("/api/habits").await["items"].as_array().unwrap().len();
    for _ in 0..2 {
        let done = import(&ada, file.clone()).await;
        assert_eq!((&done["state"], &done["habits"], &done["entries"]), (&json!("done"), &json!(2), &json!(60)));
        assert_eq!(count().await, 2);
        let days = ada.get("/api/habits/old-1/days?from=2025-01-01").await;
        assert_eq!(days["items"].as_array().unwrap().len(), 30);
        let path = format!("/api/imports/{}", done["id"].as_str().unwrap());
        assert_eq!(ada.ask(Method::DELETE, &path, None).await.0, StatusCode::ACCEPTED);
        until("it is taken back", async || (ada.get(&path).await["state"] == "undone").then_some(())).await;
        assert_eq!(count().await, 0);
        // Once more takes nothing back, and says so here as in the list.
        assert_eq!(ada.ask(Method::DELETE, &path, None).await.0, StatusCode::ACCEPTED);
        let told =
            until("it stands", async || Some(ada.get(&path).await).filter(|told| told["state"] != "running")).await;
        assert_eq!(told, ada.get("/api/imports").await["items"][0]);
    }
}

#[tokio::test]
async fn what_an_import_changed_in_rows_that_were_there_is_as_it_was_once_it_is_taken_back() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let file = export_of("old", 2, 10);
    assert_eq!(import(&ada, file.clone()).await["state"], "done");
    // Another hub's later edits of both habits, and ten more days.
    let later = export_of("old", 2, 20)
        .replace(&format!("{:016x}", 1_700_000_000_000_u64 << 16), &format!("{:016x}", 1_710_000_000_000_u64 << 16));
    let done = import(&ada, later.replace("\"name\":\"old", "\"unit\":\"pages\",\"name\":\"new")).await;
    assert_eq!((&done["state"], &done["habits"], &done["entries"]), (&json!("done"), &json!(0), &json!(20)));
    let named = async |id: &str| ada.get(&format!("/api/habits/{id}")).await;
    assert_eq!((&named("old-0").await["name"], &named("old-0").await["unit"]), (&json!("new 0"), &json!("pages")));
    let (status, said) = ada.ask(Method::PATCH, "/api/habits/old-1", Some(json!({"name": "Mine"}))).await;
    assert!(status.is_success(), "{said}");
    let path = format!("/api/imports/{}", done["id"].as_str().unwrap());
    assert_eq!(ada.ask(Method::DELETE, &path, None).await.0, StatusCode::ACCEPTED);
    until("it is taken back", async || (ada.get(&path).await["state"] == "undone").then_some(())).await;
    assert_eq!((&named("old-0").await["name"], &named("old-0").await["unit"]), (&json!("old 0"), &json!(null)));
    assert_eq!((&named("old-1").await["name"], &named("old-1").await["unit"]), (&json!("Mine"), &json!(null)));
    let days = ada.get("/api/habits/old-1/days?from=2025-01-01").await;
    assert_eq!(days["items"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn what_was_deleted_comes_back_from_an_export_as_it_was() {
    let house = House::builder().clock("2026-11-24T12:00:00Z").start().await;
    let ada = house.set_up().await;
    a_life(&ada).await;
    rests(&house).await;
    let (whole, table) = (export(&ada, "json").await, export(&ada, "csv").await);
    for habit in ada.get("/api/habits").await["items"].as_array().unwrap() {
        let path = format!("/api/habits/{}", habit["id"].as_str().unwrap());
        assert!(ada.ask(Method::DELETE, &path, None).await.0.is_success());
    }
    rests(&house).await;
    assert_eq!(String::from_utf8_lossy(&export(&ada, "csv").await).lines().count(), 1, "only the heads");
    assert_eq!(import(&ada, whole.clone()).await["state"], "done");
    rests(&house).await;
    assert_eq!(String::from_utf8_lossy(&export(&ada, "csv").await), String::from_utf8_lossy(&table));
    assert_eq!(String::from_utf8_lossy(&export(&ada, "json").await), String::from_utf8_lossy(&whole));
}

#[tokio::test]
async fn a_table_tells_each_day_as_it_was_measured_then() {
    let mut house = House::builder().clock("2026-11-23T12:00:00Z").start().await;
    let ada = house.set_up().await;
    let water = json!({"name": "Water", "kind": "measurable", "target_value": 8.0, "unit": "glasses"});
    let water = ada.post("/api/habits", water).await["id"].as_str().unwrap().to_owned();
    ada.post(&format!("/api/habits/{water}/complete"), json!({"set": 3})).await;
    // A session does not last the day; a script's token does.
    let token = ada.post("/api/tokens", json!({"name": "script"})).await["token"].as_str().unwrap().to_owned();
    house.stop().await;
    house.set_clock("2026-11-24T12:00:00Z");
    house.boot().await;
    let mut ada = ada.at(&house);
    ada.token = token;
    let change = json!({"unit": "ml", "target_value": 2000.0, "target_type": "at_most"});
    assert!(ada.ask(Method::PATCH, &format!("/api/habits/{water}"), Some(change)).await.0.is_success());
    ada.post(&format!("/api/habits/{water}/complete"), json!({"set": 1500})).await;
    let yesterday = ada.get("/api/today?date=2026-11-23").await["items"][0].clone();
    assert_eq!(
        (&yesterday["value"], &yesterday["target"], &yesterday["unit"]),
        (&json!(3.0), &json!(8.0), &json!("glasses"))
    );
    let table = String::from_utf8(export(&ada, "csv").await).unwrap();
    let days: Vec<String> = table
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            [cells[1], cells[2], cells[4], cells[5], cells[9]].join(" ")
        })
        .collect();
    assert_eq!(days, ["2026-11-23 PARTIAL 3 glasses ", "2026-11-24 FULL 1500 ml 2000"]);
}

#[tokio::test]
async fn a_file_of_somebody_else_on_this_hub_is_refused_whole() {
    let house = House::start().await;
    let ada = house.set_up().await;
    ada.habit("Hers").await;
    let file = export(&ada, "json").await;
    let bo = house.add_person(&ada, "bo@example.org").await;
    let said = import(&bo, file).await;
    assert_eq!(said["state"], "refused", "{said}");
    assert_eq!(bo.get("/api/habits").await["items"], json!([]));
    assert_eq!(ada.get("/api/habits").await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn heavy_a_hub_that_dies_while_it_imports_has_all_of_it_or_nothing() {
    let days = 5000;
    let file = export_of("big", 5, 1000);
    let mut rng = Rng::new(3, 0);
    let (mut all, mut nothing) = (0, 0);
    for _ in 0..scaled(6) {
        let mut house = House::start().await;
        let ada = house.set_up().await;
        let (status, begun) = send(&ada, "", file.clone()).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{begun}");
        tokio::time::sleep(Duration::from_millis(rng.next_u64() % 2500)).await;
        house.kill().await;
        house.boot().await;
        let ada = ada.at(&house);
        settled(&ada).await;
        let habits = ada.get("/api/habits").await["items"].as_array().unwrap().len();
        let scope = format!("u:{}", ada.user_id);
        let events = Database::open(&house.database()).living("completion_events", &scope).len();
        match (habits, events) {
            (5, events) if events >= days => all += 1,
            (0, 0) => {
                nothing += 1;
                let told = ada.get(&format!("/api/imports/{}", begun["id"].as_str().unwrap())).await;
                assert!(told["state"] == "refused" && told["message"].as_str().unwrap().contains("stopped"), "{told}");
                assert_eq!(send(&ada, "?dry_run=true", file.clone()).await.0, StatusCode::OK, "it may be tried again");
            }
            other => panic!("a part of it: {other:?}"),
        }
        Database::open(&house.database()).is_consistent();
    }
    eprintln!("all of it {all} times, nothing {nothing} times");
}

async fn send_under(person: &Person, key: &str, file: impl Into<Vec<u8>>) -> (StatusCode, Value) {
    let request = person.request(Method::POST, "/api/imports").header("idempotency-key", key);
    let answer = request.header("content-type", "application/octet-stream").body(file.into()).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_key_stands_for_one_file() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let (first, other) = (export_of("one", 1, 10), export_of("two", 1, 10));
    let (status, begun) = send_under(&ada, "k1", first.clone()).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{begun}");
    let id = begun["id"].as_str().unwrap().to_owned();
    assert_eq!(ends(&ada, &id).await["state"], "done");
    let (status, again) = send_under(&ada, "k1", first.clone()).await;
    assert_eq!((status, again["id"].as_str()), (StatusCode::ACCEPTED, Some(id.as_str())), "{again}");
    let (status, said) = send_under(&ada, "k1", other.clone()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{said}");
    assert_eq!(said["error"]["code"], "idempotency_key_reused", "{said}");
    assert_eq!(import(&ada, other).await["state"], "done", "nothing is left running");

    // A hub that dies in the middle takes the half back; the same key and file come in then.
    let big = export_of("big", 5, 1000);
    let (status, begun) = send_under(&ada, "k2", big.clone()).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{begun}");
    let id = begun["id"].as_str().unwrap().to_owned();
    until("some of it is there", async || {
        let job = ada.get(&format!("/api/imports/{id}")).await;
        (job["state"] != "running" || job["done"].as_u64() > Some(0)).then_some(())
    })
    .await;
    house.kill().await;
    house.boot().await;
    let ada = ada.at(&house);
    settled(&ada).await;
    let begun = until("the file may be sent", async || {
        let (status, begun) = send_under(&ada, "k2", big.clone()).await;
        (status == StatusCode::ACCEPTED).then_some(begun)
    })
    .await;
    assert_eq!(begun["id"].as_str(), Some(id.as_str()));
    assert_eq!(ends(&ada, &id).await["state"], "done");
    assert_eq!(ada.get("/api/habits").await["items"].as_array().unwrap().len(), 7);
}

#[tokio::test]
async fn a_file_that_comes_slowly_arrives_and_keeps_nobody_out() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bo = house.add_person(&ada, "bo@example.org").await;
    let head = format!(
        "POST /api/imports HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        ada.token,
        HABITKIT.len()
    );
    let mut slow = kairos_tests::raw::connect(house.ports.http).await;
    slow.write_all(head.as_bytes()).await.unwrap();
    let (first, rest) = HABITKIT.as_bytes().split_at(100);
    slow.write_all(first).await.unwrap();
    // Longer than any answer may take.
    for byte in rest[..4].chunks(1) {
        tokio::time::sleep(Duration::from_secs(3)).await;
        slow.write_all(byte).await.unwrap();
        let (status, said) = send(&ada, "?dry_run=true", HABITKIT).await;
        assert_eq!((status, &said["error"]["code"]), (StatusCode::CONFLICT, &json!("busy")), "one file of a person");
        let (status, said) = send(&bo, "?dry_run=true", HABITKIT).await;
        assert_eq!(status, StatusCode::OK, "{said}");
    }
    slow.write_all(&rest[4..]).await.unwrap();
    let heard = kairos_tests::raw::hear(&mut slow, Duration::from_secs(10)).await;
    assert_eq!(heard.statuses(), [202], "{}", String::from_utf8_lossy(&heard.bytes));
}
