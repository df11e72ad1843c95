//! Somebody with an account who wants what is another's, and tries every door at random with the other's own ids.

use kairos_simulator::random::Rng;
use kairos_tests::sync_client::{Replica, SyncStream};
use reqwest::Method;

use super::*;

/// How many attempts CI makes; a seed of all of them replays with `KAIROS_TEST_SEED`.
const ATTEMPTS: usize = 1500;
/// Stands in everything that is Ada's, and in nothing that Bo says.
const SECRET: &str = "unutterable";

const TABLES: [&str; 16] = [
    "users",
    "habits",
    "completions",
    "completion_events",
    "habit_schedules",
    "pauses",
    "recovery_sessions",
    "routines",
    "routine_habits",
    "routine_variants",
    "routine_executions",
    "user_preferences",
    "devices",
    "device_bindings",
    "conflicts",
    "id_aliases",
];

/// Everything of Ada's that somebody could know the name of.
async fn a_life_to_hide(home: &Home) {
    let ada = &home.ada;
    let habit = ada.habit(&format!("{SECRET} habit")).await;
    let counted = ada.counted_habit(&format!("{SECRET} amounts"), 8.0).await;
    ada.post(&format!("/api/habits/{habit}/complete"), json!({ "note": format!("{SECRET} note") })).await;
    ada.post(&format!("/api/habits/{counted}/complete"), json!({ "value": 3 })).await;
    ada.post("/api/pauses", json!({ "from_date": "2030-01-01", "habit_id": habit, "reason": SECRET })).await;
    let routine = ada.post("/api/routines", json!({ "name": format!("{SECRET} routine") })).await;
    let routine = routine["id"].as_str().unwrap().to_owned();
    let steps = json!({ "steps": [{ "habit_id": habit }, { "habit_id": counted }] });
    let (status, told) = ada.ask(Method::PUT, &format!("/api/routines/{routine}/steps"), Some(steps)).await;
    assert!(status.is_success(), "{told}");
    ada.post(&format!("/api/routines/{routine}/start"), json!({})).await;
    ada.button(&format!("{SECRET} button"), &habit, "complete").await;
    ada.post("/api/tokens", json!({ "name": format!("{SECRET} token") })).await;
    let poison = json!({ "op": "PUT", "type": "nothing", "id": "p", "data": { "text": SECRET } });
    ada.post("/api/data", json!({ "client_id": "adas-phone", "batch": [poison] })).await;
}

/// Ada's rows, as they are now.
fn rows_of(home: &Home, scope: &str) -> Vec<String> {
    let database = Database::open(&home.house.database());
    let rows = TABLES.iter().flat_map(|table| database.rows(table).into_iter().map(move |row| (table, row)));
    rows.filter(|(_, row)| row["scope"] == scope).map(|(table, row)| format!("{table} {row}")).collect()
}

/// What is tried, and with what.
struct Stranger {
    rng: Rng,
    /// Ids, scopes, names of buckets, dates.
    words: Vec<String>,
    /// Method, path.
    routes: Vec<(Method, String)>,
}

impl Stranger {
    fn roll(&mut self, sides: usize) -> usize {
        usize::try_from(self.rng.next_u64() % sides as u64).unwrap()
    }

    fn word(&mut self) -> String {
        let at = self.roll(self.words.len());
        self.words[at].clone()
    }

    /// A word of Ada's, or something of another kind.
    fn value(&mut self) -> Value {
        match self.roll(10) {
            0 => Value::Null,
            1 => json!([self.word()]),
            2 => json!({ "id": self.word(), "scope": self.word() }),
            3 => json!(self.roll(100_000)),
            4 => json!("%"),
            5 => json!(format!("{}' OR '1'='1", self.word())),
            _ => json!(self.word()),
        }
    }

    fn fields(&mut self) -> Value {
        const NAMES: [&str; 20] = [
            "id",
            "scope",
            "user_id",
            "habit_id",
            "household_id",
            "routine_id",
            "event_id",
            "row_id",
            "table_name",
            "date",
            "name",
            "type",
            "status",
            "verb",
            "value",
            "note",
            "deleted_at",
            "cell_id",
            "actor",
            "hlc",
        ];
        let mut fields = serde_json::Map::new();
        for _ in 0..1 + self.roll(5) {
            let name = NAMES[self.roll(NAMES.len())];
            fields.insert(name.to_owned(), self.value());
        }
        Value::Object(fields)
    }

    fn operation(&mut self) -> Value {
        let op = ["PUT", "PATCH", "DELETE"][self.roll(3)];
        let mut operation = json!({
            "op_id": self.roll(1000), "op": op, "type": TABLES[self.roll(TABLES.len())], "id": self.word(), "data": self.fields()
        });
        if self.roll(3) == 0 {
            operation["old"] = self.fields();
        }
        if self.roll(3) == 0 {
            operation["metadata"] = json!({ "verb": "add", "value": 1, "id": self.word() }).to_string().into();
        }
        operation
    }

    fn stream(&mut self) -> Value {
        let buckets: Vec<Value> =
            (0..self.roll(4)).map(|_| json!({ "name": self.word(), "after": self.roll(50).to_string() })).collect();
        let subscriptions: Vec<Value> = (0..self.roll(4))
            .map(|_| {
                let stream = ["events", "watch_recent", "me", "household", "all"][self.roll(5)];
                let params = json!({ "habit": self.value(), "month": self.value(), "user_id": self.value(), "scope": self.value() });
                json!({ "stream": stream, "parameters": params, "override_priority": null })
            })
            .collect();
        json!({
            "buckets": buckets, "raw_data": self.roll(2) == 0, "client_id": self.word(), "parameters": self.fields(),
            "streams": { "include_defaults": self.roll(4) > 0, "subscriptions": subscriptions }
        })
    }

    fn message(&mut self) -> Value {
        match self.roll(4) {
            0 => json!({ "type": "subscribe", "after": { "epoch": self.word(), "seq": self.roll(50) }, "today": true }),
            1 => json!({ "type": "subscribe", "after": null, "scope": self.word(), "user_id": self.word() }),
            2 => json!({ "type": (["unsubscribe", "auth", "get", "ping"][self.roll(4)]), "id": self.word() }),
            _ => {
                let command = ["complete", "skip", "undo", "lapse", "routine_start", "routine_step"][self.roll(6)];
                let mut message = self.fields();
                message["type"] = "call".into();
                message["command"] = command.into();
                message["habit_id"] = self.value();
                message
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_tries_everything_at_random_finds_nothing_of_anothers() {
    let mut home = Home::new().await;
    a_life_to_hide(&home).await;
    let bo = home.house.add_person(&home.ada, "bo@example.org").await;
    let (scope, bos) = (format!("u:{}", home.ada.user_id), format!("u:{}", bo.user_id));

    // Whoever is there can be told from what they sync: their ids, buckets and all.
    let mut adas = Replica::new("adas-phone");
    let request = adas.request(&json!([]));
    SyncStream::open(home.house.ports.http, &home.ada.token, &request, false).await.complete(&mut adas).await;
    let mut words: Vec<String> = adas.rows.keys().map(|(_, id)| id.clone()).collect();
    words.extend(adas.buckets.keys().cloned());
    words.extend(home.rows("completion_events").iter().map(|row| row["id"].as_str().unwrap().to_owned()));
    words.extend([scope.clone(), home.ada.user_id.clone(), "adas-phone".into(), "2026-11-24".into(), "2026-11".into()]);
    words.push(Database::open(&home.house.database()).meta()["epoch"].clone());
    words.extend(["x".into(), bo.user_id.clone(), bos.clone()]);
    assert!(
        adas.rows.values().filter(|row| row.to_string().contains(SECRET)).count() > 5,
        "there is something to find"
    );

    let document = home.ada.get("/api/openapi.json").await;
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        // Not what would end Bo's own account or session, waits, or slows passwords down.
        if !["/api/auth", "/api/setup", "/api/websocket", "/sync/stream", "/api/displays"]
            .iter()
            .any(|out| path.starts_with(out))
        {
            routes.extend(
                item.as_object()
                    .unwrap()
                    .keys()
                    .filter_map(|method| Some((method.to_uppercase().parse().ok()?, path.clone()))),
            );
        }
    }
    kairos_tests::until("the engine rests", async || {
        let head = Database::open(&home.house.database()).head();
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        (Database::open(&home.house.database()).head() == head).then_some(())
    })
    .await;
    let before = rows_of(&home, &scope);

    let seed = std::env::var("KAIROS_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut stranger = Stranger { rng: Rng::new(seed, 7), words, routes };
    let mut screen = bo.screen().await;
    let heard = |what: &str, answer: String| {
        assert!(!answer.contains(SECRET), "seed {seed}: {what:.600} told {answer:.600}");
    };
    let (mut granted, mut refused) = (0, 0);
    for n in 0..kairos_tests::scaled(ATTEMPTS) {
        match stranger.roll(10) {
            0 | 1 => {
                let body = stranger.stream();
                let mut stream = SyncStream::open(home.house.ports.http, &bo.token, &body, false).await;
                if stream.status != 200 {
                    refused += 1;
                    heard(&body.to_string(), stream.refusal().await.to_string());
                    continue;
                }
                while let Some(line) = stream.line().await {
                    granted += 1;
                    heard(&body.to_string(), line.to_string());
                    if line.get("checkpoint_complete").is_some() {
                        break;
                    }
                }
            }
            2 | 3 => {
                let batch: Vec<Value> = (0..1 + stranger.roll(6)).map(|_| stranger.operation()).collect();
                let body = json!({ "client_id": stranger.word(), "batch": batch });
                let (status, answer) = bo.ask(Method::POST, "/api/data", Some(body.clone())).await;
                assert!(!status.is_server_error(), "{body} {answer}");
                heard(&body.to_string(), answer.to_string());
            }
            4 => {
                let message = stranger.message();
                let mut with_id = message.clone();
                with_id["id"] = (n + 1).into();
                screen.say(&with_id).await;
                // What was said is answered, or ends the conversation.
                loop {
                    match screen.hear_or_end().await {
                        Ok(told) => {
                            heard(&message.to_string(), told.to_string());
                            if told["id"] == with_id["id"] && told["type"] != "event" || told["type"] == "pong" {
                                break;
                            }
                        }
                        Err(_) => {
                            screen = bo.screen().await;
                            break;
                        }
                    }
                }
            }
            _ => {
                let at = stranger.roll(stranger.routes.len());
                let (method, path) = stranger.routes[at].clone();
                let mut filled = String::new();
                for (n, part) in path.split(['{', '}']).enumerate() {
                    filled.push_str(&if n % 2 == 0 {
                        part.to_owned()
                    } else {
                        stranger.word().replace(['#', '"', '[', ']', '|'], "-")
                    });
                }
                if method == Method::GET && stranger.roll(2) == 0 {
                    let name = ["after", "habit_id", "user_id", "from", "client_id", "scope", "all", "epoch"]
                        [stranger.roll(8)];
                    filled = format!("{filled}?{name}={}", stranger.word().replace(['#', '"', '[', ']', '|'], "-"));
                }
                let body = (method != Method::GET).then(|| stranger.fields());
                let what = format!("{method} {filled} {body:?}");
                let answer = bo.request(method, &filled).json(&body).send().await.unwrap();
                assert!(!answer.status().is_server_error(), "{what}: {}", answer.status());
                heard(&what, answer.text().await.unwrap_or_default());
            }
        }
    }
    eprintln!("{granted} lines of streams heard, {refused} streams refused");
    assert!(granted > 100, "the streams were opened");

    // All that Bo has in the end is Bo's own, and Ada has what she had.
    let mut phone = Replica::new("bos-phone");
    let request = phone.request(&json!([]));
    SyncStream::open(home.house.ports.http, &bo.token, &request, false).await.complete(&mut phone).await;
    for ((table, id), row) in &phone.rows {
        assert!(!row.to_string().contains(SECRET), "{table} {id}: {row}");
        assert_eq!(row["scope"], bos.as_str(), "{table} {id}");
    }
    assert_eq!(rows_of(&home, &scope), before);
    let mut after = Replica::new("adas-phone");
    let request = after.request(&json!([]));
    SyncStream::open(home.house.ports.http, &home.ada.token, &request, false).await.complete(&mut after).await;
    assert_eq!(after.rows, adas.rows);
    home.house.is_well().await;
}
