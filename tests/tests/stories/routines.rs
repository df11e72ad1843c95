//! Habits done in a row: seen live on every screen, stepped by a button, and recorded wholly or not at all.

use std::time::Duration;

use kairos_simulator::random::Rng;
use kairos_tests::mqtt::{self, Wire};
use kairos_tests::{Button, Database, House, Person, Screen, scaled};
use reqwest::Method;
use serde_json::{Value, json};

/// A routine of these habits; gives its id.
async fn routine(person: &Person, name: &str, habits: &[String]) -> String {
    let made = person.post("/api/routines", json!({ "name": name })).await;
    let id = made["id"].as_str().unwrap().to_owned();
    let steps: Vec<Value> = habits.iter().map(|habit| json!({ "habit_id": habit })).collect();
    let (status, answer) =
        person.ask(Method::PUT, &format!("/api/routines/{id}/steps"), Some(json!({ "steps": steps }))).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["steps"].as_array().unwrap().len(), habits.len());
    id
}

async fn habits(person: &Person, count: usize) -> Vec<String> {
    let mut habits = Vec::new();
    for n in 0..count {
        habits.push(person.habit(&format!("Habit {n}")).await);
    }
    habits
}

/// Starts a routine; gives the run's id.
async fn start(person: &Person, routine: &str) -> String {
    let answer = person.post(&format!("/api/routines/{routine}/start"), json!({})).await;
    assert_eq!(answer["outcome"], "applied", "{answer}");
    answer["run"]["id"].as_str().unwrap().to_owned()
}

async fn go(person: &Person, run: &str, what: &str, body: Value) -> Value {
    person.post(&format!("/api/routines/runs/{run}/{what}"), body).await
}

/// Waits until a screen is told where the run stands.
async fn told(screen: &mut Screen, status: &str, step: i64) -> Value {
    let wanted = |event: &Value| {
        event["table"] == "routine_executions"
            && event["row"]["status"] == status
            && event["row"]["current_step_index"] == step
    };
    screen.event(wanted).await
}

#[tokio::test]
async fn two_screens_see_each_step_and_the_day_at_the_end() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let habits = habits(&ada, 3).await;
    let morning = routine(&ada, "Morning", &habits).await;
    let (mut phone, mut tablet) = (ada.screen().await, ada.screen().await);
    phone.subscribe().await;
    tablet.subscribe().await;

    // Begun on the phone, answered on both.
    let begun = phone.call("call", json!({ "command": "routine_start", "routine_id": morning })).await;
    assert_eq!(begun["success"], true, "{begun}");
    let run = begun["result"]["run"]["id"].as_str().unwrap().to_owned();
    told(&mut tablet, "IN_PROGRESS", 0).await;
    let step = json!({ "command": "routine_step", "run_id": run, "result": "done", "habit_id": habits[0] });
    let answer = tablet.call("call", step.clone()).await;
    assert_eq!(answer["result"]["run"]["current"]["habit_id"], json!(habits[1]), "{answer}");
    told(&mut phone, "IN_PROGRESS", 1).await;
    // The phone was a moment late with the same step.
    assert_eq!(phone.call("call", step).await["result"]["outcome"], "unchanged");
    go(&ada, &run, "pause", json!({})).await;
    told(&mut phone, "PAUSED", 1).await;
    assert_eq!(ada.get("/api/routines/current").await["run"]["status"], "PAUSED");
    go(&ada, &run, "resume", json!({})).await;
    told(&mut tablet, "IN_PROGRESS", 1).await;
    go(&ada, &run, "step", json!({ "result": "partial", "value": 50 })).await;
    told(&mut phone, "IN_PROGRESS", 2).await;
    go(&ada, &run, "step", json!({ "result": "skip", "note": "Late for the train" })).await;
    told(&mut phone, "IN_PROGRESS", 3).await;
    assert_eq!(ada.item(&habits[0]).await["done"], false, "only noted so far");

    let answer = phone.call("call", json!({ "command": "routine_finish", "run_id": run })).await;
    assert_eq!(answer["result"]["run"]["recorded"], 3, "{answer}");
    told(&mut tablet, "COMPLETED", 3).await;
    tablet.sees(&habits[0], |item| item["done"] == true).await;
    assert_eq!(ada.item(&habits[1]).await["type"], "PARTIAL");
    assert_eq!(ada.item(&habits[2]).await["type"], "SKIPPED");
    assert_eq!(ada.get("/api/routines/current").await["run"], Value::Null);
    Database::open(&house.database()).is_consistent();
    house.is_well().await;
}

/// A button with a long press that starts a routine and a short one that goes on.
async fn routine_button(person: &Person, routine: &str) -> Button {
    let device = person.post("/api/devices", json!({ "name": "Bath", "kind": "button" })).await;
    let device_id = device["device_id"].as_str().unwrap().to_owned();
    let bindings = json!({ "bindings": [
        { "trigger": "press", "button": "1", "action": "routine_next", "routine_id": routine },
        { "trigger": "long", "button": "1", "action": "routine_start", "routine_id": routine },
    ]});
    let path = format!("/api/devices/{device_id}/bindings");
    let (status, answer) = person.ask(Method::PUT, &path, Some(bindings.clone())).await;
    assert_eq!(status, 200, "{answer}");
    let listed = person.get(&path).await;
    assert_eq!(listed["bindings"].as_array().unwrap().len(), 2);
    assert!(listed["bindings"].as_array().unwrap().iter().all(|binding| binding["routine_id"] == routine), "{listed}");
    let password = device["password"].as_str().unwrap().to_owned();
    Button { device_id, password, habit_id: String::new() }
}

#[tokio::test]
async fn a_button_starts_a_routine_and_steps_through_it() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let habits = habits(&ada, 2).await;
    let morning = routine(&ada, "Morning", &habits).await;
    let button = routine_button(&ada, &morning).await;
    let mut screen = ada.screen().await;
    screen.subscribe().await;

    let topic = |leaf: &str| format!("kairos/device/{}/{leaf}", button.device_id);
    let mut wire = Wire::open(house.ports.mqtt, &button).await;
    wire.subscribe(&topic("ack")).await;
    wire.subscribe(&topic("state")).await;
    let mut lights = Vec::new();
    let mut id = 0;
    let mut press = async |kind: &str, press_id: &str| {
        id += 1;
        let payload = json!({ "event_type": kind, "button": "1", "press_id": press_id, "age_ms": 0 });
        wire.send(&mqtt::publish(&topic("event"), id, false, payload.to_string().as_bytes())).await.unwrap();
        loop {
            let ack = wire.message().await;
            if ack["press_id"] == press_id {
                return ack;
            }
            lights.push(ack);
        }
    };
    let early = press("press", "b:1").await;
    assert_eq!((&early["result"], &early["light"]), (&json!("rejected"), &json!("error")), "nothing runs: {early}");
    let begun = press("long", "b:2").await;
    assert_eq!((&begun["result"], &begun["light"]), (&json!("applied"), &json!("partial")), "{begun}");
    assert_eq!(begun["habit"]["name"], "Habit 0");
    told(&mut screen, "IN_PROGRESS", 0).await;
    let first = press("press", "b:3").await;
    assert_eq!((&first["habit"]["name"], &first["routine"]["step"]), (&json!("Habit 1"), &json!(1)), "{first}");
    told(&mut screen, "IN_PROGRESS", 1).await;
    assert_eq!(press("press", "b:3").await["result"], "duplicate");
    let last = press("press", "b:4").await;
    assert_eq!((&last["result"], &last["light"]), (&json!("applied"), &json!("done")), "{last}");
    told(&mut screen, "COMPLETED", 2).await;
    screen.sees(&habits[1], |item| item["done"] == true).await;
    assert_eq!(ada.item(&habits[0]).await["done"], true);
    // Its light has followed, and shows the end.
    while lights.last().is_none_or(|state| state["buttons"]["1"]["light"] != "done") {
        lights.push(wire.message().await);
    }
    // The first may be from before the button was bound.
    let shown: Vec<&Value> =
        lights.iter().map(|state| &state["buttons"]["1"]).skip_while(|shown| shown.is_null()).collect();
    assert_eq!(shown[shown.len() - 1]["routine"], json!({ "name": "Morning", "step": 2, "total": 2 }));
    assert!(
        shown.iter().all(|shown| ["open", "partial", "done"].contains(&shown["light"].as_str().unwrap())),
        "{shown:?}"
    );
    // A routine that goes takes what buttons do for it with it.
    let (status, _) = ada.ask(Method::DELETE, &format!("/api/routines/{morning}"), None).await;
    assert_eq!(status, 204);
    let left = ada.get(&format!("/api/devices/{}/bindings", button.device_id)).await;
    assert_eq!(left["bindings"], json!([]));
    Database::open(&house.database()).is_consistent();
    house.is_well().await;
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_run_leaves_all_completions_or_none() {
    const STEPS: usize = 12;
    let mut house = House::start().await;
    let mut ada = house.set_up().await;
    let habits = habits(&ada, STEPS).await;
    let morning = routine(&ada, "Morning", &habits).await;
    let events = |house: &House| -> u32 { Database::open(&house.database()).events_by_habit().values().sum() };
    let mut rng = Rng::new(0x526f, 3);
    let (mut before, mut all, mut none) = (0, 0, 0);
    for cycle in 0..scaled(30) {
        let run = start(&ada, &morning).await;
        for _ in 0..STEPS / 2 {
            go(&ada, &run, "step", json!({ "result": "done" })).await;
        }
        // In the middle: what was answered is noted, and nothing is recorded.
        if cycle % 5 == 0 {
            house.kill().await;
            house.boot().await;
            ada = ada.at(&house);
            assert_eq!(events(&house), before);
        }
        let kept = ada.get(&format!("/api/routines/runs/{run}")).await;
        assert_eq!(kept["current_step_index"], STEPS / 2, "{kept}");
        for _ in STEPS / 2..STEPS {
            go(&ada, &run, "step", json!({ "result": "done" })).await;
        }
        // At the end: anywhere between the request and its answer, or just after.
        let finishing = tokio::spawn({
            let (ada, path) = (ada.clone(), format!("/api/routines/runs/{run}/finish"));
            async move { ada.request(Method::POST, &path).send().await.is_ok_and(|answer| answer.status() == 200) }
        });
        tokio::time::sleep(rng.between(Duration::ZERO, Duration::from_millis(6))).await;
        house.strike();
        house.kill().await;
        let answered = finishing.await.unwrap();
        let after = events(&house) - before;
        assert!(after == 0 || after == u32::try_from(STEPS).unwrap(), "{after} of {STEPS} were recorded");
        assert!(!answered || after > 0, "what was answered is kept");
        if after == 0 {
            none += 1;
        } else {
            all += 1;
        }
        house.boot().await;
        ada = ada.at(&house);
        let ended = go(&ada, &run, "finish", json!({})).await;
        assert_eq!((&ended["run"]["status"], &ended["run"]["recorded"]), (&json!("COMPLETED"), &json!(STEPS)));
        before += u32::try_from(STEPS).unwrap();
        assert_eq!(events(&house), before, "finishing once more adds nothing");
    }
    println!("struck: {none} before the commit, {all} after it");
    Database::open(&house.database()).is_consistent();
    house.is_well().await;
}

#[tokio::test]
async fn a_script_arranges_runs_and_pages() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let habits = habits(&ada, 3).await;
    let morning = routine(&ada, "Morning", &habits).await;
    let path = format!("/api/routines/{morning}");
    let steps = |order: &[usize]| json!({ "steps": order.iter().map(|n| json!({ "habit_id": habits[*n] })).collect::<Vec<_>>() });
    let (_, arranged) = ada.ask(Method::PUT, &format!("{path}/steps"), Some(steps(&[2, 0, 1]))).await;
    let names: Vec<&str> =
        arranged["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Habit 2", "Habit 0", "Habit 1"]);
    assert_eq!(ada.get(&path).await, arranged);

    // A key repeated gives the first answer; used for something else it is refused.
    let keyed = async |method: Method, path: &str, key: &str, body: Value| {
        let answer = ada.request(method, path).header("idempotency-key", key).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap_or_default())
    };
    let (status, first) = keyed(Method::POST, &format!("{path}/start"), "k1", json!({})).await;
    assert_eq!((status, &first["outcome"]), (201, &json!("applied")));
    let (status, again) = keyed(Method::POST, &format!("{path}/start"), "k1", json!({})).await;
    assert_eq!((status, &again["outcome"], &again["run"]), (201, &json!("duplicate"), &first["run"]));
    assert_eq!(ada.ask(Method::POST, &format!("{path}/start"), None).await.0, 200, "it runs already");
    let run = first["run"]["id"].as_str().unwrap();
    let step = format!("/api/routines/runs/{run}/step");
    for outcome in ["applied", "duplicate"] {
        let (status, answer) = keyed(Method::POST, &step, "k2", json!({ "result": "done" })).await;
        assert_eq!(
            (status, &answer["outcome"], &answer["run"]["current_step_index"]),
            (200, &json!(outcome), &json!(1))
        );
    }
    let (status, answer) = keyed(Method::POST, &step, "k2", json!({ "result": "skip" })).await;
    assert_eq!((status, &answer["error"]["code"]), (422, &json!("idempotency_key_reused")));
    let left = go(&ada, run, "abandon", json!({})).await;
    assert_eq!(left["run"]["recorded"], 0);
    assert!(left["message"].as_str().unwrap().contains("nothing"), "{left}");

    // Every refusal names its field.
    for (method, path, body, status, field) in [
        (Method::POST, "/api/routines".to_owned(), json!({}), 422, "name"),
        (Method::POST, "/api/routines".to_owned(), json!({ "name": "x".repeat(51) }), 422, "name"),
        (Method::POST, "/api/routines".to_owned(), json!({ "name": "x", "mood": 1 }), 422, "mood"),
        (Method::PATCH, path.clone(), json!({ "category": "NIGHT" }), 422, "category"),
        (Method::PATCH, path.clone(), json!({ "household_id": "h" }), 422, "household_id"),
        (Method::PUT, format!("{path}/steps"), steps(&[0, 0]), 422, "steps[1].habit_id"),
        (
            Method::PUT,
            format!("{path}/steps"),
            json!({ "steps": [{ "habit_id": "no such" }] }),
            422,
            "steps[0].habit_id",
        ),
        (Method::POST, format!("{path}/start"), json!({ "variant_id": "none" }), 422, "variant_id"),
        (
            Method::POST,
            format!("{path}/variants"),
            json!({ "name": "x", "estimated_minutes": 0 }),
            422,
            "estimated_minutes",
        ),
        (Method::POST, step.clone(), json!({ "result": "sung" }), 422, "result"),
        (Method::POST, step.clone(), json!({ "result": "partial" }), 422, "value"),
        (Method::POST, step.clone(), json!({ "result": "done" }), 409, "status"),
        (Method::GET, format!("{path}/runs?after=yesterday"), Value::Null, 422, "after"),
    ] {
        let body = (method != Method::GET).then_some(body);
        let (was, answer) = ada.ask(method.clone(), &path, body.clone()).await;
        assert_eq!(
            (was.as_u16(), &answer["error"]["details"]["field"]),
            (status, &json!(field)),
            "{method} {path} {body:?}: {answer}"
        );
    }
    let (status, answer) = ada.ask(Method::POST, &step, Some(json!({ "result": "done", "mood": 1 }))).await;
    assert_eq!((status.as_u16(), &answer["error"]["details"]["field"]), (422, &json!("mood")), "{answer}");
    assert_eq!(ada.ask(Method::PUT, &format!("{path}/steps"), Some(steps(&[0]))).await.0, 200);
    let (status, answer) = ada.ask(Method::POST, &format!("{path}/start"), None).await;
    assert_eq!(
        (status.as_u16(), &answer["error"]["details"]["field"]),
        (409, &json!("steps")),
        "one habit is no routine"
    );
    ada.ask(Method::PUT, &format!("{path}/steps"), Some(steps(&[0, 1]))).await;

    // Variants come and go.
    let short = ada.post(&format!("{path}/variants"), json!({ "name": "Short", "is_default": 1 })).await;
    let variant = format!("{path}/variants/{}", short["id"].as_str().unwrap());
    let (status, renamed) = ada.ask(Method::PATCH, &variant, Some(json!({ "name": "Quick" }))).await;
    assert_eq!((status.as_u16(), &renamed["name"]), (200, &json!("Quick")));
    assert_eq!(ada.get(&path).await["variants"][0]["name"], "Quick");
    let with = json!({ "steps": [{ "habit_id": habits[0], "variant_ids": [short["id"]] }, { "habit_id": habits[1] }] });
    let (_, stepped) = ada.ask(Method::PUT, &format!("{path}/steps"), Some(with)).await;
    assert_eq!(stepped["steps"][0]["variant_ids"], json!([short["id"]]));
    assert_eq!(ada.ask(Method::DELETE, &variant, None).await.0, 204);
    assert_eq!(ada.ask(Method::DELETE, &variant, None).await.0, 404);

    // Pages, the latest first, each run once.
    let mut runs = vec![run.to_owned()];
    for _ in 0..70 {
        let run = start(&ada, &morning).await;
        go(&ada, &run, "abandon", json!({})).await;
        runs.push(run);
    }
    let (mut found, mut next) = (Vec::new(), String::new());
    loop {
        let page = ada.get(&format!("{path}/runs{next}")).await;
        found.extend(page["items"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(after) => next = format!("?after={after}"),
            None => break,
        }
    }
    assert_eq!(found.len(), runs.len());
    found.sort();
    runs.sort();
    assert_eq!(found, runs);
    assert_eq!(ada.ask(Method::DELETE, &path, None).await.0, 204);
    assert_eq!(ada.ask(Method::GET, &path, None).await.0, 404);
    Database::open(&house.database()).is_consistent();
    house.is_well().await;
}

#[tokio::test]
async fn routines_are_for_their_own_person_and_a_mirror_sees_no_rows_of_them() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_person(&ada, "bob@example.org").await;
    let habits = habits(&ada, 2).await;
    let morning = routine(&ada, "Secret morning", &habits).await;
    let button = routine_button(&ada, &morning).await;
    let run = start(&ada, &morning).await;

    // A mirror that may act as Ada.
    let display: Value = house.http.post(house.url("/api/displays")).send().await.unwrap().json().await.unwrap();
    let (code, secret) = (display["code"].as_str().unwrap(), display["poll_secret"].as_str().unwrap());
    let approval = json!({ "name": "Hall", "show": ["me"], "act_as": "me" });
    ada.post(&format!("/api/displays/{code}/approve"), approval).await;
    let poll = house.http.get(house.url("/api/displays/poll")).bearer_auth(secret).send().await.unwrap();
    let token = poll.json::<Value>().await.unwrap()["token"].as_str().unwrap().to_owned();
    let mut mirror = Screen::open(&house.url(""), &token).await;
    mirror.subscribe().await;
    for (command, name, id) in [("routine_start", "routine_id", &morning), ("routine_finish", "run_id", &run)] {
        let answer = mirror.call("call", json!({ "command": command, name: id })).await;
        assert_eq!(answer["error"]["code"], "forbidden", "{answer}");
    }
    for path in ["/api/routines", "/api/routines/current"] {
        let asked = house.http.get(house.url(path)).bearer_auth(&token).send().await.unwrap();
        assert_eq!(asked.status(), 403);
    }

    // Bob.
    let head = Database::open(&house.database()).head();
    let mut screen = bob.screen().await;
    screen.subscribe().await;
    for command in ["start", "step", "pause", "resume", "finish", "abandon"] {
        let said = json!({ "command": format!("routine_{command}"), "routine_id": morning, "run_id": run });
        let mut said = said.as_object().unwrap().clone();
        said.remove(if command == "start" { "run_id" } else { "routine_id" });
        if command == "step" {
            said.insert("result".into(), "done".into());
        }
        let answer = screen.call("call", said.into()).await;
        assert_eq!(answer["error"]["code"], "not_found", "{command}: {answer}");
    }
    assert_eq!(bob.get("/api/routines").await["items"], json!([]));
    assert_eq!(bob.get("/api/routines/current").await["run"], Value::Null);
    let own = bob.habit("Bob's").await;
    let foreign = json!({ "steps": [{ "habit_id": own }, { "habit_id": habits[0] }] });
    let his = bob.post("/api/routines", json!({ "name": "His" })).await["id"].as_str().unwrap().to_owned();
    let (status, answer) = bob.ask(Method::PUT, &format!("/api/routines/{his}/steps"), Some(foreign)).await;
    assert_eq!((status.as_u16(), &answer["error"]["details"]["field"]), (422, &json!("steps[1].habit_id")));
    let device = bob.button("Bob's", &own, "complete").await.device_id;
    let binding = json!({ "trigger": "long", "action": "routine_start", "routine_id": morning });
    let (status, answer) =
        bob.ask(Method::PUT, &format!("/api/devices/{device}/bindings"), Some(json!({ "bindings": [binding] }))).await;
    assert_eq!((status.as_u16(), &answer["error"]["details"]["field"]), (422, &json!("bindings[0].routine_id")));
    assert!(Database::open(&house.database()).log_of(&format!("u:{}", ada.user_id), head).is_empty());

    // What the mirror hears of a whole run is the day, and nothing else.
    for _ in 0..2 {
        go(&ada, &run, "step", json!({ "result": "done", "note": "private" })).await;
    }
    go(&ada, &run, "finish", json!({})).await;
    loop {
        let heard = mirror.hear().await;
        assert_eq!(heard["type"], "today", "{heard}");
        assert!(!heard.to_string().contains("Secret morning") && !heard.to_string().contains("private"));
        if heard["today"]["done"] == 2 {
            break;
        }
    }
    drop(button);
    house.is_well().await;
}
