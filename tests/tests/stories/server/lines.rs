//! Lines that go silent or are cut again and again, and what is wrong with one person's rows only.

use std::time::{Duration, Instant};

use kairos_tests::{House, Person, Postgres, Relay};
use reqwest::Method;
use serde_json::{Value, json};

use super::houses::Houses;
use super::outage::many_deeds;

/// A hub of Ada and Bo, and its line to a server.
struct Home {
    server: Postgres,
    line: Relay,
    house: House,
    ada: Person,
    bo: Person,
}

impl Home {
    async fn new() -> Self {
        let server = Postgres::new().await;
        let line = Relay::start(server.port()).await;
        let house = House::start().await;
        let ada = house.set_up().await;
        let bo = house.add_person(&ada, "bo@example.org").await;
        Self { server, line, house, ada, bo }
    }

    async fn connect(&self) {
        let url = format!("postgres://kairos@127.0.0.1:{}/kairos", self.line.port);
        let (status, said) = self.ada.ask(Method::PUT, "/api/upstream", Some(json!({ "url": url }))).await;
        assert_eq!(status, 200, "{said}");
    }

    async fn synced(&self) {
        self.says(Duration::from_secs(30), |said| said["state"] == "synced" && said["pending"] == 0).await;
    }

    async fn says(&self, long: Duration, wanted: impl Fn(&Value) -> bool) -> Value {
        within(long, async || {
            let said = self.ada.get("/api/sync/status").await;
            wanted(&said).then_some(said)
        })
        .await
    }

    async fn has(&self, long: Duration, name: &str) {
        let sql = format!("SELECT count(*) FROM kairos.habits WHERE name = '{name}'");
        within(long, async || (self.server.psql(&sql).await == "1").then_some(())).await;
    }
}

async fn within<T>(long: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(begun.elapsed() < long, "not within {long:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_line_that_says_nothing_any_more_is_given_up_at_once_for_who_asks_and_soon_for_everybody() {
    let home = Home::new().await;
    home.connect().await;
    home.synced().await;
    home.line.hush();
    home.ada.habit("Tea").await;
    home.has(Duration::from_secs(40), "Tea").await;
    home.synced().await;
    home.line.hush();
    home.ada.habit("Water").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    home.ada.post("/api/sync/now", json!({})).await;
    home.has(Duration::from_secs(13), "Water").await;
}

#[tokio::test]
async fn what_is_wrong_with_one_persons_rows_keeps_nobody_else_back_and_is_said() {
    let home = Home::new().await;
    home.connect().await;
    home.synced().await;
    let (first, second) =
        if home.ada.user_id < home.bo.user_id { (&home.ada, &home.bo) } else { (&home.bo, &home.ada) };
    // The server takes nothing more of who comes first.
    let refuse = format!(
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           IF NEW.scope = 'u:{}' THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$;
         CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON kairos.habits FOR EACH ROW EXECUTE FUNCTION public.refuse();",
        first.user_id
    );
    home.server.psql(&refuse).await;
    first.habit("Stuck").await;
    second.habit("Free").await;
    home.has(Duration::from_secs(10), "Free").await;
    let said = home.says(Duration::from_secs(10), |said| said["state"] == "error").await;
    assert_eq!(said["stuck"], json!([format!("u:{}", first.user_id)]), "{said}");
    assert!(!said["message"].as_str().unwrap().contains(&first.user_id), "{said}");
    assert!(home.bo.get("/api/sync/status").await.get("stuck").is_none(), "for administrators");
    // The doctor, whom the server lets in, asks the hub as well.
    let found = home.house.cli(&["doctor", "--json"]).await;
    let told: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!((found.status.code(), &told["well"]), (Some(1), &json!(false)), "{told}");
    let findings = told["findings"].as_array().unwrap();
    let of = |part: &str| findings.iter().find(|finding| finding["part"] == part).unwrap();
    assert_eq!((&of("server")["well"], &of("replication")["well"]), (&json!(true), &json!(false)), "{told}");
    assert!(of("replication")["seen"].as_str().unwrap().contains("Since 20"), "{told}");

    second.habit("Free again").await;
    home.has(Duration::from_secs(10), "Free again").await;
    home.server.psql("DROP TRIGGER refuse ON kairos.habits").await;
    home.ada.post("/api/sync/now", json!({})).await;
    home.has(Duration::from_secs(10), "Stuck").await;
    home.synced().await;
}

#[tokio::test]
async fn a_counter_that_nobody_counted_to_is_said_and_stops_nothing_else() {
    let home = Home::new().await;
    home.connect().await;
    home.synced().await;
    let set =
        |to: &str, of: &Person| format!("UPDATE kairos.sync_clock SET seq = {to} WHERE scope = 'u:{}'", of.user_id);
    home.server.psql(&set("9223372036854775807", &home.ada)).await;
    home.ada.habit("Late").await;
    home.bo.habit("Free").await;
    home.has(Duration::from_secs(10), "Free").await;
    let said = home.says(Duration::from_secs(10), |said| said["state"] == "error").await;
    assert!(said["message"].as_str().unwrap().contains("counter"), "{said}");
    home.server.psql(&set("1000", &home.ada)).await;
    home.ada.post("/api/sync/now", json!({})).await;
    home.has(Duration::from_secs(10), "Late").await;
}

#[tokio::test]
async fn a_first_push_over_a_line_that_is_cut_every_second_comes_to_an_end() {
    let home = Home::new().await;
    // An event and a day for each.
    let events = many_deeds(&home.ada).await.len();
    home.connect().await;
    let begun = Instant::now();
    let sql = "SELECT count(*) FROM kairos.completion_events";
    loop {
        home.line.cut();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let there: usize = home.server.psql(sql).await.parse().unwrap();
        println!("{there} after {:?}: {}", begun.elapsed(), home.ada.get("/api/sync/status").await["state"]);
        if there == events {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(90), "{there} are there");
    }
    home.synced().await;
}

#[tokio::test]
async fn a_storm_of_calls_is_heeded_a_few_times_a_second() {
    let houses = Houses::new(1).await;
    houses.rest().await;
    let commits = "SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database WHERE datname = 'kairos'";
    let count = async || houses.server.psql(commits).await.parse::<u64>().unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = count().await;
    let mut caller = houses.server.session("kairos").await;
    for _ in 0..100 {
        caller.ask("NOTIFY kairos").await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let asked = count().await - before;
    println!("{asked} transactions for 100 calls");
    assert!(asked < 100 + 80, "{asked}");
}
