//! Two houses of one family and their server: real hubs, real Postgres.

use std::time::{Duration, Instant};

use kairos_tests::postgres::Postgres;
use kairos_tests::{Database, House, Person, Screen, until};
use reqwest::Method;
use serde_json::{Value, json};

/// How long anything may take to be on the other side.
const SOON: Duration = Duration::from_secs(5);

/// Two hubs of the same people, and a server that neither knows yet.
struct Family {
    server: Postgres,
    home: House,
    cottage: House,
    ada: Person,
    ada_there: Person,
    _dir: tempfile::TempDir,
}

/// The address of the server's database as a hub gets it.
fn login(server: &Postgres) -> String {
    server.url("kairos")
}

impl Family {
    async fn new() -> Self {
        let server = Postgres::new().await;
        let home = House::start().await;
        let ada = home.set_up().await;
        ada.habit("From before").await;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("copy.sqlite");
        let (file, data) = (file.to_str().unwrap().to_owned(), dir.path().join("cottage"));
        assert!(home.cli(&["backup", &file]).await.status.success());
        let brought = House::builder().attempt(&data, &["restore", "--yes", &file]).await;
        assert!(brought.status.success(), "{}", String::from_utf8_lossy(&brought.stderr));
        let cottage = House::builder().data_dir(&data).start().await;
        let ada_there = cottage.sign_in("ada@example.org", "correct horse battery").await;
        Self { server, home, cottage, ada, ada_there, _dir: dir }
    }

    async fn connect(&self) {
        for person in [&self.ada, &self.ada_there] {
            let (status, said) =
                person.ask(Method::PUT, "/api/upstream", Some(json!({ "url": login(&self.server) }))).await;
            assert_eq!(status, 200, "{said}");
        }
        for person in [&self.ada, &self.ada_there] {
            until_synced(person).await;
        }
    }
}

async fn status(person: &Person) -> Value {
    person.get("/api/sync/status").await
}

async fn until_synced(person: &Person) {
    let begun = Instant::now();
    loop {
        let said = status(person).await;
        if said["state"] == "synced" && said["pending"] == 0 {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{said}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until a habit is as it should be; gives how long that took.
async fn until_done(person: &Person, habit: &str, done: bool) -> Duration {
    let begun = Instant::now();
    loop {
        let today = person.get("/api/today").await;
        let items = today["items"].as_array().unwrap().clone();
        let item = items.iter().find(|item| item["habit_id"] == habit);
        if item.is_some_and(|item| item["done"] == done) {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{today}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_is_done_in_one_house_is_done_in_the_other() {
    let family = Family::new().await;
    assert_eq!(status(&family.ada).await["state"], "not_configured");
    family.connect().await;
    let habit = family.ada.habit("Water").await;
    until_done(&family.ada_there, &habit, false).await;
    let mut took = Vec::new();
    for n in 0..20 {
        let (one, other) = if n % 2 == 0 { (&family.ada, &family.ada_there) } else { (&family.ada_there, &family.ada) };
        let verb = if n % 2 == 0 { "complete" } else { "undo" };
        one.post(&format!("/api/habits/{habit}/{verb}"), json!({})).await;
        took.push(until_done(other, &habit, n % 2 == 0).await);
    }
    took.sort();
    println!("from house to house: median {:?}, the slowest {:?}", took[took.len() / 2], took.last().unwrap());
    assert!(took[took.len() - 2] < SOON, "{took:?}");
}

#[tokio::test]
async fn without_the_server_all_works_and_waits_and_is_told() {
    let mut family = Family::new().await;
    family.connect().await;
    let habit = family.ada.habit("Water").await;
    until_done(&family.ada_there, &habit, false).await;
    let mut screen = Screen::open(&family.home.url(""), &family.ada.token).await;
    let standing = screen.call("subscribe_sync_status", json!({})).await["result"].clone();
    assert_eq!(standing["state"], "synced", "{standing}");
    family.server.stop().await;
    screen.event(|standing| standing["state"] == "offline").await;
    // The same for whoever may listen to the hub over MQTT.
    let database = Database::open(&family.home.database());
    until("it is told over MQTT", async || {
        let told = "SELECT count(*) FROM retained WHERE topic = 'kairos/hub/sync'
                    AND payload LIKE '%\"state\":\"offline\"%' AND payload NOT LIKE '%postgres://%'";
        (database.number(told) == 1).then_some(())
    })
    .await;
    let begun = Instant::now();
    loop {
        let said = status(&family.ada).await;
        if said["state"] == "offline" {
            assert!(said["message"].as_str().unwrap().starts_with("Can't reach the server"), "{said}");
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{said}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    family.ada.post(&format!("/api/habits/{habit}/complete"), json!({})).await;
    let begun = Instant::now();
    while status(&family.ada).await["pending"] == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(family.home.health().await["components"]["upstream"]["status"], "degraded");
    family.server.start().await;
    family.ada.post("/api/sync/now", json!({})).await;
    until_done(&family.ada_there, &habit, true).await;
    until_synced(&family.ada).await;
    drop(family.cottage);
}

#[tokio::test]
async fn an_address_that_is_no_server_is_told_apart() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bare = Postgres::bare().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let try_out = async |url: String| {
        let found = ada.post("/api/upstream/test", json!({ "url": url })).await;
        (found["result"].as_str().unwrap().to_owned(), found["message"].as_str().unwrap().to_owned())
    };
    for (url, expected) in [
        ("http://127.0.0.1/".to_owned(), "wrong_service"),
        (format!("postgres://hub@127.0.0.1:{closed}/kairos"), "not_found"),
        (format!("postgres://hub@127.0.0.1:{}/kairos", house.ports.http), "wrong_service"),
        (bare.url_of("postgres", "nothing"), "wrong_service"),
    ] {
        let (result, message) = try_out(url.clone()).await;
        assert_eq!(result, expected, "{url}: {message}");
        println!("{url}: {message}");
    }
    let (code, said) = ada.ask(Method::PUT, "/api/upstream", Some(json!({ "url": "postgres://127.0.0.1:1/x" }))).await;
    assert_eq!((code.as_u16(), &said["error"]["code"]), (422, &json!("not_found")), "{said}");
    assert_eq!(status(&ada).await["state"], "not_configured");
}
