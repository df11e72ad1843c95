//! Nobody reaches another person's things, and what is not there is not there: every route of the document that names
//! something, with things of somebody else and with names of nothing.

use kairos_tests::{Database, House, Person, until};
use reqwest::Method;
use serde_json::{Value, json};

use super::doors::operations;

/// What Ada has, one of each.
struct Things {
    habit: String,
    pause: String,
    device: String,
    display: String,
    token: String,
    routine: String,
    variant: String,
    run: String,
    recovery: String,
    conflict: String,
    import: String,
    backup: String,
    user: String,
}

impl Things {
    /// All of them.
    fn ids(&self) -> [&str; 13] {
        [
            &self.habit,
            &self.pause,
            &self.device,
            &self.display,
            &self.token,
            &self.routine,
            &self.variant,
            &self.run,
            &self.recovery,
            &self.conflict,
            &self.import,
            &self.backup,
            &self.user,
        ]
    }

    /// What a route names, by the names of its parameters; and what another person hears who names it.
    fn named(&self, path: &str) -> (Vec<(&'static str, &str)>, u16) {
        match path {
            "/api/habits/{id}"
            | "/api/habits/{id}/complete"
            | "/api/habits/{id}/skip"
            | "/api/habits/{id}/undo"
            | "/api/habits/{id}/lapse"
            | "/api/habits/{id}/days"
            | "/api/habits/{id}/statistics"
            | "/api/habits/{id}/heatmap" => (vec![("id", &self.habit)], 404),
            "/api/habits/{id}/days/{date}/events" => (vec![("id", &self.habit), ("date", "2026-01-01")], 404),
            "/api/pauses/{id}" => (vec![("id", &self.pause)], 404),
            "/api/devices/{id}" | "/api/devices/{id}/bindings" => (vec![("id", &self.device)], 404),
            "/api/tokens/{id}" => (vec![("id", &self.token)], 404),
            "/api/routines/{id}"
            | "/api/routines/{id}/steps"
            | "/api/routines/{id}/start"
            | "/api/routines/{id}/runs"
            | "/api/routines/{id}/variants" => (vec![("id", &self.routine)], 404),
            "/api/routines/{id}/variants/{variant}" => (vec![("id", &self.routine), ("variant", &self.variant)], 404),
            "/api/routines/runs/{id}"
            | "/api/routines/runs/{id}/step"
            | "/api/routines/runs/{id}/pause"
            | "/api/routines/runs/{id}/resume"
            | "/api/routines/runs/{id}/finish"
            | "/api/routines/runs/{id}/abandon" => (vec![("id", &self.run)], 404),
            "/api/recovery/{id}/answer" => (vec![("id", &self.recovery)], 404),
            "/api/conflicts/{id}" | "/api/conflicts/{id}/operations" | "/api/conflicts/{id}/restore" => {
                (vec![("id", &self.conflict)], 404)
            }
            "/api/imports/{id}" => (vec![("id", &self.import)], 404),
            // For administrators, whoever's it is.
            "/api/users/{id}" | "/api/users/{id}/disable" | "/api/users/{id}/enable" => (vec![("id", &self.user)], 403),
            "/api/backups/{name}/download" | "/api/backups/{name}/restore" => (vec![("name", &self.backup)], 403),
            // One's own only: it names no id, and here nobody is linked.
            "/api/me/identities/{provider}" => (vec![("provider", "pocketbase")], 404),
            // Nobody's.
            "/probes/{probe}" => (vec![("probe", "")], 200),
            // Whoever stands before a display that waits may have it.
            "/api/displays/{code}/approve" => (vec![("code", "")], 200),
            other => panic!("{other} names something: say here whose it is, and what another person hears"),
        }
    }
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
    if path.ends_with("/start") || path.contains("/identities/") {
        return vec![json!({})];
    }
    vec![json!({}), json!({ "name": "Mine now" })]
}

/// A house in which Ada has one of each.
async fn furnished(data_dir: &std::path::Path) -> (House, Person, Things) {
    // An offer of a way back comes with time.
    let mut house = House::builder().data_dir(data_dir).clock("2026-11-02T12:00:00Z").start().await;
    house.set_up().await.habit("Read").await;
    assert!(house.stop().await.success());
    let house = House::builder().data_dir(data_dir).clock("2026-11-09T12:00:00Z").start().await;
    let ada = house.sign_in("ada@example.org", "correct horse battery").await;
    let recovery =
        until("an offer waits", async || ada.get("/api/recovery").await["items"][0]["id"].as_str().map(str::to_owned));
    let recovery = recovery.await;
    let post = async |path: &str, body: Value, id: &str| -> String {
        let answer = ada.post(path, body).await;
        answer.pointer(id).and_then(Value::as_str).unwrap_or_else(|| panic!("{path}: {answer}")).to_owned()
    };
    let habit = ada.habit("Read on").await;
    ada.post(&format!("/api/habits/{habit}/complete"), json!({})).await;
    let routine = post("/api/routines", json!({ "name": "Read more" }), "/id").await;
    let steps = json!({ "steps": [{ "habit_id": habit }, { "habit_id": ada.habit("Read all").await }] });
    assert_eq!(ada.ask(Method::PUT, &format!("/api/routines/{routine}/steps"), Some(steps)).await.0, 200);
    let code = post("/api/displays", json!({}), "/code").await;
    let lost = json!({ "batch": [{ "op": "PUT", "table": "habits", "id": "x", "data": { "name": "" } }] });
    let table = ada.request(Method::GET, "/api/export?format=csv").send().await.unwrap().text().await.unwrap();
    // The day of today: of those that passed the engine would have its own opinion, in its own time.
    let table: Vec<&str> = table.lines().filter(|line| line.contains("Read on") || !line.contains("Read")).collect();
    let table = table.join("\n").replace("Read", "Reread");
    let file = ada.request(Method::POST, "/api/imports?file_name=days.csv").body(table);
    let import: Value = file.send().await.unwrap().json().await.unwrap();
    let import = import["id"].as_str().unwrap_or_else(|| panic!("{import}")).to_owned();
    until("the file is in", async || {
        (ada.get(&format!("/api/imports/{import}")).await["state"] == "done").then_some(())
    })
    .await;
    let things = Things {
        pause: post("/api/pauses", json!({ "from_date": "2026-01-01", "to_date": "2026-01-02" }), "/id").await,
        device: ada.button("Reader", &habit, "complete").await.device_id,
        display: post(&format!("/api/displays/{code}/approve"), json!({ "name": "Reader" }), "/device_id").await,
        token: post("/api/tokens", json!({ "name": "Reader" }), "/id").await,
        variant: post(&format!("/api/routines/{routine}/variants"), json!({ "name": "Read little" }), "/id").await,
        run: post(&format!("/api/routines/{routine}/start"), json!({}), "/run/id").await,
        conflict: post("/api/data", lost, "/results/0/conflicts/0").await,
        backup: post("/api/backups", json!({}), "/name").await,
        user: ada.user_id.clone(),
        habit,
        routine,
        recovery,
        import,
    };
    (house, ada, things)
}

/// A path with its parameters filled in.
fn filled(path: &str, names: &[(&str, &str)]) -> String {
    names.iter().fold(path.to_owned(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value))
}

/// All that can be seen of somebody's things.
async fn seen(person: &Person) -> Vec<Value> {
    let mut all = Vec::new();
    for path in [
        "/api/today",
        "/api/habits",
        "/api/pauses",
        "/api/devices",
        "/api/tokens",
        "/api/me",
        "/api/me/preferences",
        "/api/routines",
        "/api/routines/current",
        "/api/recovery",
        "/api/conflicts?all=true",
        "/api/imports",
        "/api/changes",
    ] {
        all.push(person.get(path).await);
    }
    all
}

#[tokio::test]
async fn another_persons_things_are_not_there_for_anybody_else() {
    let dir = tempfile::tempdir().unwrap();
    let (mut house, ada, things) = furnished(&dir.path().join("data")).await;
    let bob = house.add_person(&ada, "bob@example.org").await;
    let own = bob.habit("Bob's").await;
    let own_device = bob.button("Bob's", &own, "complete").await.device_id;
    let (hers, head) = (seen(&ada).await, Database::open(&house.database()).head());

    let mut walked = 0;
    for (method, path, _) in operations(&ada.get("/api/openapi.json").await) {
        if !path.contains('{') {
            continue;
        }
        let (names, expected) = things.named(&path);
        assert_eq!(path.matches('{').count(), names.len(), "{path}: each of its parameters is something");
        if expected == 200 {
            continue;
        }
        // Its own thing, and whatever else she has under the same name.
        let others = things.ids().map(|id| [&[(names[0].0, id)], &names[1..]].concat());
        for names in others.iter().chain([&names]) {
            for body in bodies(&path, &things.habit) {
                let body = (method != Method::GET).then_some(body);
                let (status, answer) = bob.ask(method.clone(), &filled(&path, names), body).await;
                assert_eq!(status.as_u16(), expected, "{method} {path} {names:?}: {answer}");
                assert!(!answer.to_string().contains("Read"), "{method} {path}: {answer}");
                walked += 1;
            }
        }
    }
    assert!(walked > 500, "{walked} requests");
    // What is one's own does not lead to another's.
    let binding = json!({ "trigger": "press", "button": "1", "action": "complete", "habit_id": things.habit });
    let (status, answer) = bob
        .ask(Method::PUT, &format!("/api/devices/{own_device}/bindings"), Some(json!({ "bindings": [binding] })))
        .await;
    assert!([404, 422].contains(&status.as_u16()), "{status} {answer}");
    let mut screen = bob.screen().await;
    for command in ["complete", "skip", "undo"] {
        let answer = screen.call("call", json!({ "command": command, "habit_id": things.habit })).await;
        assert_eq!(answer["error"]["code"], "not_found", "{answer}");
    }
    for page in seen(&bob).await {
        let page = page.to_string();
        assert!(things.ids().iter().all(|id| !page.contains(*id)), "{page}");
    }
    assert_eq!(Database::open(&house.database()).head(), head, "nothing was changed");
    assert_eq!(seen(&ada).await, hers);
    house.is_well().await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let dir = tempfile::tempdir().unwrap();
    let (mut house, ada, things) = furnished(&dir.path().join("data")).await;
    let head = Database::open(&house.database()).head();
    let long = "a".repeat(300);
    for (method, path, _) in operations(&ada.get("/api/openapi.json").await) {
        if !path.contains('{') {
            continue;
        }
        let (names, _) = things.named(&path);
        for at in 0..names.len() {
            for odd in [
                "0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d",
                "nonsense",
                "-1",
                "%20",
                "%00",
                "%FF",
                "..%2F..%2Fhub.db",
                "%F0%9F%8C%B5",
                "'%20OR%201=1--",
                long.as_str(),
            ] {
                let mut names = names.clone();
                names[at].1 = odd;
                for body in bodies(&path, &things.habit) {
                    let body = (method != Method::GET).then_some(body);
                    let (status, answer) = ada.ask(method.clone(), &filled(&path, &names), body).await;
                    let expected: &[u16] = match names[at].0 {
                        // A day is a value.
                        "date" => &[422, 404],
                        // A code that is none was perhaps one a moment ago; and nobody tries them all.
                        "code" => &[404, 410, 422, 429],
                        _ => &[404],
                    };
                    assert!(expected.contains(&status.as_u16()), "{method} {path} {names:?}: {status} {answer}");
                    let error = &answer["error"];
                    assert!(error["code"].is_string() && error["message"].is_string(), "{method} {path}: {answer}");
                }
            }
        }
    }
    assert_eq!(Database::open(&house.database()).head(), head, "nothing was changed");
    house.is_well().await;
}

#[tokio::test]
async fn an_idempotency_key_is_described_where_it_is_looked_at_and_nowhere_else() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let document = ada.get("/api/openapi.json").await;
    let mut looked_at = 0;
    for (method, path, _) in operations(&document) {
        let parameters = &document["paths"][&path][method.as_str().to_lowercase()]["parameters"];
        let described = parameters.as_array().is_some_and(|all| all.iter().any(|one| one["name"] == "Idempotency-Key"));
        let asked = path.replace(['{', '}'], "");
        let request = house.http.request(method.clone(), house.url(&asked)).header("idempotency-key", "two words");
        // Ada stays signed in.
        let request = if path == "/api/auth/logout" { request } else { request.bearer_auth(&ada.token) };
        let request = if method == Method::GET { request } else { request.json(&json!({})) };
        let answer = request.send().await.unwrap();
        let refused = answer.status() == 400
            && answer.json::<Value>().await.unwrap()["error"]["details"]["field"] == "Idempotency-Key";
        assert_eq!(refused, described, "{method} {path}");
        looked_at += usize::from(refused);
    }
    assert!(looked_at > 25, "{looked_at} routes take one");
    house.is_well().await;
}

#[tokio::test]
async fn what_an_address_does_not_take_is_told() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    for (method, path) in [
        (Method::DELETE, "/api/habits"),
        (Method::PUT, "/api/me"),
        (Method::POST, "/api/today"),
        (Method::PATCH, "/health"),
    ] {
        let answer = ada.request(method.clone(), path).send().await.unwrap();
        assert_eq!(answer.status(), 405, "{method} {path}");
        assert!(answer.headers().contains_key("allow"), "{method} {path}");
        assert_eq!(answer.json::<Value>().await.unwrap()["error"]["code"], "method_not_allowed");
    }
    house.is_well().await;
}
