//! Days over REST: what is asked for, what passed, how it went; and every wrong value named.

use kairos_tests::{House, until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn days_pass_a_break_takes_them_back_and_the_way_back_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("data");
    let mut house = House::builder().data_dir(&data_dir).clock("2026-11-02T12:00:00Z").start().await;
    let ada = house.set_up().await;
    let read = ada.habit("Read").await;
    let run = ada.post("/api/habits", json!({"name": "Run", "freq_num": 3, "freq_den": 7})).await;
    let sweets = ada.post("/api/habits", json!({"name": "Sweets", "kind": "avoid"})).await;
    let (run, sweets) = (run["id"].as_str().unwrap(), sweets["id"].as_str().unwrap());
    assert!(house.stop().await.success());

    // The hub was off for a week; a Monday, noon.
    let mut house = House::builder().data_dir(&data_dir).clock("2026-11-09T12:00:00Z").start().await;
    let ada = house.sign_in("ada@example.org", "correct horse battery").await;
    let days = async |habit: &str| -> Vec<Value> {
        ada.get(&format!("/api/habits/{habit}/days")).await["items"].as_array().unwrap().clone()
    };
    until("the week has passed", async || (days(&read).await.len() == 7).then_some(())).await;
    assert_eq!(days(&read).await[0]["type"], "MISSED");
    let passed: Vec<Value> = days(run).await.iter().map(|day| day["date"].clone()).collect();
    assert_eq!(passed, ["2026-11-06", "2026-11-07", "2026-11-08"], "three a week could still be met on Thursday");
    assert!(days(sweets).await.is_empty(), "staying away needs no word");
    let statistics = ada.get(&format!("/api/habits/{sweets}/statistics?from=2026-11-02")).await;
    assert_eq!((&statistics["rate"]["done"], &statistics["rate"]["asked"]), (&json!(7), &json!(7)), "{statistics}");
    assert!(statistics.get("streak").is_none() && statistics.get("score").is_none(), "only for who asks");

    // A vacation, told afterwards.
    let vacation = json!({"from_date": "2026-11-02", "to_date": "2026-11-06"});
    let vacation = ada.post("/api/pauses", vacation).await["id"].as_str().unwrap().to_owned();
    until("what the break covers is withdrawn", async || (days(&read).await.len() == 2).then_some(())).await;
    assert_eq!(ada.ask(Method::DELETE, &format!("/api/pauses/{vacation}"), None).await.0, StatusCode::NO_CONTENT);
    until("and comes back with its end", async || (days(&read).await.len() == 7).then_some(())).await;

    let session = until("an offer waits", async || {
        let offers = ada.get("/api/recovery?status=PENDING").await;
        offers["items"].as_array().unwrap().iter().find(|offer| offer["habit_id"] == read.as_str()).cloned()
    })
    .await;
    assert_eq!((&session["type"], &session["gap_start"]), (&json!("RELAPSE"), &json!("2026-11-02")), "{session}");
    let path = format!("/api/recovery/{}/answer", session["id"].as_str().unwrap());
    let answered = ada.post(&path, json!({"action": "SIMPLIFY", "blockers": ["NO_TIME"]})).await;
    assert_eq!((&answered["status"], &answered["answered_by"]), (&json!("COMPLETED"), &json!("person")));
    let (status, _) = ada.ask(Method::POST, &path, Some(json!({"action": "RESUME"}))).await;
    assert_eq!(status, StatusCode::CONFLICT);

    let likes = json!({"show_streaks": true, "show_score": true});
    assert!(ada.ask(Method::PATCH, "/api/me/preferences", Some(likes)).await.0.is_success());
    ada.post(&format!("/api/habits/{sweets}/lapse"), json!({})).await;
    let statistics = ada.get(&format!("/api/habits/{sweets}/statistics")).await;
    assert_eq!(statistics["streak"], json!({"current": 0, "best": 7}), "{statistics}");
    assert!(statistics["score"].is_number(), "{statistics}");
    let heatmap = ada.get(&format!("/api/habits/{sweets}/heatmap?from=2026-11-01&to=2026-11-10")).await;
    let states: Vec<&Value> = heatmap["items"].as_array().unwrap().iter().map(|square| &square["state"]).collect();
    assert_eq!(states[..2], ["none", "done"]);
    assert_eq!(states[8..], ["none", "open"], "{heatmap}");
    let events = ada.get(&format!("/api/habits/{sweets}/days/2026-11-09/events")).await;
    assert_eq!(events["items"][0]["verb"], "lapse");
    house.is_well().await;
}

#[tokio::test]
async fn offers_wait_only_for_habits_that_are_there_and_go_on() {
    let house = House::builder().clock("2026-11-24T12:00:00Z").start().await;
    let ada = house.set_up().await;
    let mut habits = Vec::new();
    for name in ["gone", "paused", "archived", "on a break", "one", "two"] {
        let made = ada.post("/api/habits", json!({"name": name, "start_date": "2026-11-01"})).await;
        habits.push(made["id"].as_str().unwrap().to_owned());
    }
    let waiting = async |query: &str| ada.get(&format!("/api/recovery?status=PENDING{query}")).await;
    until("all are offered a way back", async || {
        (waiting("").await["items"].as_array().unwrap().len() == habits.len()).then_some(())
    })
    .await;
    // An offer that was answered is no reason for a short page.
    let answered = waiting("&limit=1").await["items"][0].clone();
    let path = format!("/api/recovery/{}/answer", answered["id"].as_str().unwrap());
    ada.post(&path, json!({"action": "RESUME"})).await;
    let path = |n: usize| format!("/api/habits/{}", habits[n]);
    assert!(ada.ask(Method::DELETE, &path(0), None).await.0.is_success());
    for (n, status) in [(1, "PAUSED"), (2, "ARCHIVED")] {
        assert!(ada.ask(Method::PATCH, &path(n), Some(json!({"status": status}))).await.0.is_success());
    }
    let rest = json!({"habit_id": habits[3], "from_date": "2026-11-23", "to_date": "2026-11-30"});
    ada.post("/api/pauses", rest).await;
    let expected: Vec<&str> = ["one", "two"].into_iter().filter(|name| answered["habit_name"] != *name).collect();
    let (mut after, mut names) = (String::new(), Vec::new());
    loop {
        let page = waiting(&format!("&limit=1{after}")).await;
        names.extend(page["items"].as_array().unwrap().iter().map(|offer| offer["habit_name"].clone()));
        assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    names.sort_by_key(ToString::to_string);
    assert_eq!(names, expected);
    let all = ada.get("/api/recovery").await;
    assert!(all["items"].as_array().unwrap().iter().all(|session| session["habit_id"] != habits[0].as_str()), "{all}");
}

/// Once a week, done on Monday the 2nd, Tuesday the 10th and Sunday the 22nd: every week that begins on a Monday has its deed;
/// of those that begin on a Sunday the one from the 15th to the 21st has none.
#[tokio::test]
async fn weeks_begin_where_their_person_says_those_that_lie_behind_too() {
    let house = House::builder().clock("2026-11-24T12:00:00Z").start().await;
    let ada = house.set_up().await;
    let call = json!({"name": "Call home", "freq_num": 1, "freq_den": 7, "start_date": "2026-11-02"});
    let call = ada.post("/api/habits", call).await["id"].as_str().unwrap().to_owned();
    for date in ["2026-11-02", "2026-11-10", "2026-11-22"] {
        ada.post(&format!("/api/habits/{call}/complete"), json!({"date": date})).await;
    }
    let missed = async |expected: &[&str]| {
        until(&format!("noted: {expected:?}"), async || {
            let days = ada.get(&format!("/api/habits/{call}/days?from=2026-11-02&to=2026-11-23")).await;
            let items = days["items"].as_array().unwrap();
            let noted = items.iter().filter(|day| day["type"] == "MISSED");
            let dates: Vec<String> = noted.map(|day| day["date"].as_str().unwrap().to_owned()).collect();
            (dates == expected).then_some(())
        })
        .await;
    };
    missed(&[]).await;
    let (status, me) = ada.ask(Method::PATCH, "/api/me", Some(json!({"week_start": 7}))).await;
    assert_eq!((status, &me["week_start"]), (StatusCode::OK, &json!(7)));
    missed(&["2026-11-21"]).await;
    let (status, _) = ada.ask(Method::PATCH, "/api/me", Some(json!({"week_start": 1}))).await;
    assert_eq!(status, StatusCode::OK);
    missed(&[]).await;
}

#[tokio::test]
async fn every_wrong_value_is_refused_by_its_name() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let read = ada.habit("Read").await;
    let (complete, skip) = (format!("/api/habits/{read}/complete"), format!("/api/habits/{read}/skip"));
    let edit = format!("/api/habits/{read}");
    for (method, path, body, field) in [
        (Method::POST, complete.as_str(), json!({"date": "2026-02-30"}), "date"),
        (Method::POST, complete.as_str(), json!({"date": "1969-12-31"}), "date"),
        (Method::POST, complete.as_str(), json!({"date": "2999-01-01"}), "date"),
        (Method::POST, complete.as_str(), json!({"value": "x"}), "value"),
        (Method::POST, complete.as_str(), json!({"set": true}), "set"),
        (Method::POST, complete.as_str(), json!({"colour": 1}), "colour"),
        (Method::POST, complete.as_str(), json!({"event_id": "e"}), "event_id"),
        (Method::POST, complete.as_str(), json!({"as": "bob"}), "as"),
        (Method::POST, complete.as_str(), json!({"percent": 100}), "percent"),
        (Method::POST, complete.as_str(), json!({"percent": 1e300}), "percent"),
        (Method::POST, complete.as_str(), json!({"set": -1}), "set"),
        (Method::POST, complete.as_str(), json!({"set": 1e10}), "set"),
        (Method::POST, complete.as_str(), json!({"value": 1e300}), "value"),
        (Method::POST, skip.as_str(), json!({"reason": "RAIN"}), "reason"),
        (Method::PATCH, edit.as_str(), json!({"start_date": null}), "start_date"),
        (Method::PATCH, edit.as_str(), json!({"freq_num": 0}), "freq_num"),
        (Method::PATCH, edit.as_str(), json!({"freq_den": 10_000}), "freq_den"),
        (Method::PATCH, edit.as_str(), json!({"freq_window": "lunar"}), "freq_window"),
        (Method::PATCH, edit.as_str(), json!({"frequency": "CUSTOM"}), "active_days"),
        (Method::PATCH, edit.as_str(), json!({"frequency": "CUSTOM", "active_days": "[8]"}), "active_days"),
        (Method::PATCH, edit.as_str(), json!({"lapse_threshold_days": 9}), "relapse_threshold_days"),
        (Method::PATCH, edit.as_str(), json!({"kind": "measurable"}), "target_value"),
        (Method::PATCH, edit.as_str(), json!({"phase": "MAINTAINING"}), "phase"),
        (Method::PATCH, edit.as_str(), json!({"start_date": "soon"}), "start_date"),
        (Method::PATCH, "/api/me", json!({"tz": "Europe/Atlantis"}), "tz"),
        (Method::PATCH, "/api/me", json!({"day_start_min": 721}), "day_start_min"),
        (Method::PATCH, "/api/me", json!({"week_start": 0}), "week_start"),
        (Method::PATCH, "/api/me/preferences", json!({"theme": "PINK"}), "theme"),
        (Method::PATCH, "/api/me/preferences", json!({"quiet_start": "25:00"}), "quiet_start"),
        (Method::POST, "/api/pauses", json!({"from_date": "2026-11-05", "to_date": "2026-11-04"}), "to_date"),
        (Method::POST, "/api/pauses", json!({"from_date": "never"}), "from_date"),
        (Method::POST, "/api/pauses", json!({}), "from_date"),
        (Method::POST, "/api/pauses", json!({"from_date": 20_261_105}), "from_date"),
        (Method::PATCH, "/api/pauses/any", json!({"to_date": 7}), "to_date"),
        (Method::POST, "/api/habits", json!({}), "name"),
        (Method::POST, "/api/habits", json!({"name": "Tea", "step": "many"}), "step"),
        (Method::POST, "/api/habits", json!({"name": "Tea", "target_value": -1, "kind": "measurable"}), "target_value"),
        (Method::POST, "/api/habits", json!({"name": "Tea", "colour": "red"}), "colour"),
        (Method::POST, "/api/routines", json!({"name": {"a": 1}}), "name"),
        (Method::POST, "/api/routines", json!({"name": "Tea", "category": "NOON"}), "category"),
        (Method::POST, "/api/recovery/any/answer", json!({}), "action"),
        (Method::POST, "/api/recovery/any/answer", json!({"action": "SLEEP"}), "action"),
        (Method::POST, "/api/routines/runs/any/step", json!({"result": "done", "value": "x"}), "value"),
        (Method::PUT, "/api/devices/any/bindings", json!({"bindings": [{"trigger": "press"}]}), "bindings[0].action"),
        (
            Method::PUT,
            "/api/devices/any/bindings",
            json!({"bindings": [{"trigger": 1, "action": "show"}]}),
            "bindings[0].trigger",
        ),
        (Method::POST, "/api/devices", json!({"name": "Tea", "kind": "kettle"}), "kind"),
        (Method::POST, "/api/tokens", json!({}), "name"),
        (Method::POST, "/api/tokens", json!({"name": ""}), "name"),
        (
            Method::POST,
            "/api/users",
            json!({"email": "bo", "password": "correct horse", "display_name": "Bo"}),
            "email",
        ),
        (
            Method::POST,
            "/api/users",
            json!({"email": "bo@example.org", "password": "x", "display_name": "Bo"}),
            "password",
        ),
        (
            Method::POST,
            "/api/users",
            json!({"email": "bo@example.org", "password": "correct horse", "display_name": "Bo", "tz": "Mars"}),
            "tz",
        ),
        (
            Method::POST,
            "/api/users",
            json!({"email": "bo@example.org", "password": "correct horse", "display_name": "Bo", "role": "king"}),
            "role",
        ),
        (Method::PATCH, "/api/me", json!({"day_start_min": "early"}), "day_start_min"),
        (Method::PATCH, "/api/me", json!({"display_name": " "}), "display_name"),
        (Method::POST, "/api/auth/login", json!({"email": "ada@example.org"}), "password"),
        (Method::POST, "/api/pauses", json!({"from_date": "2026-11-05", "habit_id": "another"}), "habit_id"),
    ] {
        let (status, said) = ada.ask(method, path, Some(body.clone())).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{path} {body}: {said}");
        assert_eq!(said["error"]["details"]["field"], field, "{path} {body}: {said}");
    }
    for (path, field) in [
        (format!("/api/habits/{read}/days?from=2026-13-01"), "from"),
        (format!("/api/habits/{read}/days?from=2026-11-05&to=2026-11-04"), "to"),
        (format!("/api/habits/{read}/heatmap?from=1000-01-01"), "from"),
        (format!("/api/habits/{read}/days/tomorrow/events"), "date"),
        ("/api/recovery?status=SAD".to_owned(), "status"),
        ("/api/today?date=2026-02-30".to_owned(), "date"),
        ("/api/today?day=2026-02-03".to_owned(), "day"),
        ("/api/habits?limit=0".to_owned(), "limit"),
        ("/api/habits?limit=many".to_owned(), "limit"),
        ("/api/conflicts?after=x".to_owned(), "after"),
        ("/api/changes?after=-1".to_owned(), "after"),
        ("/api/export?format=pdf".to_owned(), "format"),
    ] {
        let (status, said) = ada.ask(Method::GET, &path, None).await;
        assert_eq!(
            (status, &said["error"]["details"]["field"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!(field)),
            "{path}: {said}"
        );
    }
    let (status, said) = ada.ask(Method::POST, &format!("/api/habits/{read}/lapse"), Some(json!({}))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{said}");
    house.is_well().await;
}

#[tokio::test]
async fn a_list_comes_in_pages_of_the_size_that_is_wanted() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let read = ada.habit("Read").await;
    for name in ["Run", "Rest"] {
        ada.habit(name).await;
    }
    let today = ada.get("/api/today").await["date"].as_str().unwrap().to_owned();
    for date in ["2026-01-01", "2026-01-02", today.as_str()] {
        ada.post(&format!("/api/habits/{read}/complete"), json!({ "date": date })).await;
    }
    for date in ["2026-02-01", "2026-03-01", "2026-04-01"] {
        ada.post("/api/pauses", json!({ "from_date": date, "to_date": date })).await;
        let lost = json!({ "op": "PUT", "table": "habits", "id": date, "data": { "name": "" } });
        ada.post("/api/data", json!({ "batch": [lost] })).await;
        ada.post("/api/routines", json!({ "name": date })).await;
    }
    let epoch = ada.get("/api/changes").await["epoch"].as_str().unwrap().to_owned();
    for (path, key) in [
        ("/api/habits?", "after"),
        ("/api/pauses?", "after"),
        ("/api/routines?", "after"),
        ("/api/conflicts?", "after"),
        (&format!("/api/habits/{read}/days?from=2026-01-01&"), "from"),
    ] {
        let whole = ada.get(&format!("{path}limit=1000")).await;
        assert_eq!((whole["items"].as_array().unwrap().len(), &whole["next"]), (3, &Value::Null), "{path}");
        let first = ada.get(&format!("{path}limit=2")).await;
        assert_eq!(first["items"].as_array().unwrap()[..], whole["items"].as_array().unwrap()[..2], "{path}");
        let next = first["next"].as_str().unwrap_or_else(|| panic!("{path}: {first}"));
        let path = path.replace("from=2026-01-01&", "");
        let last = ada.get(&format!("{path}limit=2&{key}={next}")).await;
        assert_eq!(last["items"].as_array().unwrap()[..], whole["items"].as_array().unwrap()[2..], "{path}");
        assert_eq!(last["next"], Value::Null, "{path}");
    }
    let page = ada.get(&format!("/api/changes?epoch={epoch}&after=0&limit=2")).await;
    assert_eq!((page["items"].as_array().unwrap().len(), &page["next"]), (2, &page["items"][1]["seq"]), "{page}");
    for path in ["/api/habits", "/api/changes", "/api/recovery", &format!("/api/habits/{read}/days")] {
        for odd in ["0", "1001", "-1", "many", ""] {
            let (status, said) = ada.ask(Method::GET, &format!("{path}?limit={odd}"), None).await;
            assert_eq!((status.as_u16(), &said["error"]["details"]["field"]), (422, &json!("limit")), "{path}={odd}");
        }
    }
    house.is_well().await;
}
