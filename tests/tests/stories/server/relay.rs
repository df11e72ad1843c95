//! A hub beside the server: other houses come to it by a code, and what phones upload to it is answered when the server has it.

use std::path::Path;
use std::time::{Duration, Instant};

use kairos_tests::postgres::Postgres;
use kairos_tests::{House, Person, until};
use reqwest::Method;
use serde_json::{Value, json};

/// Ada's home, and a hub beside the server that knows her, too.
struct Place {
    server: Postgres,
    home: House,
    ada: Person,
    beside: House,
    ada_beside: Person,
    _dir: tempfile::TempDir,
}

async fn copy_of(home: &House, dir: &Path, name: &str) -> std::path::PathBuf {
    let (file, data) = (dir.join(format!("{name}.sqlite")), dir.join(name));
    let file = file.to_str().unwrap();
    assert!(home.cli(&["backup", file]).await.status.success());
    let brought = House::builder().attempt(&data, &["restore", "--yes", file]).await;
    assert!(brought.status.success(), "{}", String::from_utf8_lossy(&brought.stderr));
    data
}

impl Place {
    async fn new() -> Self {
        let server = Postgres::new().await;
        let home = House::start().await;
        let ada = home.set_up().await;
        let dir = tempfile::tempdir().unwrap();
        let data = copy_of(&home, dir.path(), "beside").await;
        let public = server.url("nobody").replace("nobody@", "");
        let beside = House::builder()
            .data_dir(&data)
            .env("KAIROS_UPSTREAM_URL", &server.url("kairos"))
            .env("KAIROS_UPSTREAM_RELAY", "true")
            .env("KAIROS_UPSTREAM_PUBLIC_URL", &public)
            .env("KAIROS_UPSTREAM_POWERSYNC_URL", "https://sync.example.org")
            .start()
            .await;
        let ada_beside = beside.sign_in("ada@example.org", "correct horse battery").await;
        Self { server, home, ada, beside, ada_beside, _dir: dir }
    }

    async fn code(&self) -> String {
        let made = self.ada_beside.post("/api/upstream/codes", json!({})).await;
        made["code"].as_str().unwrap().to_owned()
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.beside.ports.http)
    }
}

async fn until_state(person: &Person, state: &str) {
    until(state, async || {
        let said = person.get("/api/sync/status").await;
        (said["state"] == state && (state != "synced" || said["pending"] == 0)).then_some(())
    })
    .await;
}

fn upload(id: &str, name: &str) -> Value {
    json!({ "client_id": "phone", "batch": [
        { "op_id": 1, "tx_id": 1, "op": "PUT", "table": "habits", "id": id, "data": { "name": name } }
    ] })
}

#[tokio::test]
async fn another_house_comes_by_a_code_sees_what_would_meet_and_then_both_have_all() {
    let place = Place::new().await;
    let (water, tea) = (place.ada.habit("Water").await, place.ada_beside.habit("Tea").await);
    until_state(&place.ada_beside, "synced").await;
    assert_eq!(place.ada_beside.get("/api/sync/status").await["relay"], true);

    let test = async |code: &str| {
        let said = place.ada.post("/api/upstream/test", json!({ "url": place.address(), "code": code })).await;
        said["result"].as_str().unwrap().to_owned()
    };
    assert_eq!(test("ABCD-EFGH-JKMN-PQRS").await, "invalid_code");
    let code = place.code().await;
    assert_eq!(test(&code.to_lowercase().replace('-', " ")).await, "reachable");

    let body = json!({ "url": place.address(), "code": code });
    let preview = place.ada.post("/api/upstream/preview", body.clone()).await;
    assert_eq!(preview["is_empty"], false);
    let ada = &preview["people"][0];
    // One habit on each side, beside a profile and what stands with it; nothing has travelled.
    assert_eq!(ada["user_id"], place.ada.user_id.as_str());
    assert_eq!(ada["rows_here"], ada["rows_there"], "{preview}");
    assert_eq!(ada["rows_here"].as_u64().unwrap(), ada["in_both"].as_u64().unwrap() + 1, "{preview}");
    let shown = preview["server"].as_str().unwrap();
    assert!(shown.starts_with("postgres://kairos_house_") && shown.matches(':').count() == 2, "no password: {shown}");
    assert_eq!(place.ada.get("/api/sync/status").await["state"], "not_configured");

    let (status, said) = place.ada.ask(Method::PUT, "/api/upstream", Some(body.clone())).await;
    assert_eq!(status, 200, "{said}");
    until_state(&place.ada, "synced").await;
    for person in [&place.ada, &place.ada_beside] {
        until("both habits", async || {
            let habits = person.get("/api/habits").await;
            let ids: Vec<&str> =
                habits["items"].as_array().unwrap().iter().filter_map(|row| row["id"].as_str()).collect();
            (ids.contains(&water.as_str()) && ids.contains(&tea.as_str())).then_some(())
        })
        .await;
    }
    // A login of its own, which may do what a hub does; the code is no good for a second house.
    let logins = place.server.psql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'kairos_house_%'").await;
    assert_eq!(logins.trim(), "1");
    let other = House::start().await;
    let bo = other.set_up().await;
    let (status, said) = bo.ask(Method::PUT, "/api/upstream", Some(body)).await;
    assert_eq!((status.as_u16(), &said["error"]["code"]), (422, &json!("invalid_code")), "{said}");
    // A hub that is none makes no codes.
    let (status, said) = bo.ask(Method::POST, "/api/upstream/codes", Some(json!({}))).await;
    assert_eq!((status.as_u16(), &said["error"]["code"]), (409, &json!("not_a_relay")), "{said}");
    // Who tries codes is slowed down.
    let mut last = 0;
    for _ in 0..30 {
        let wrong = json!({ "code": "ABCD-EFGH-JKMN-PQRS", "word": "nobody knows this word" });
        last = place.ada_beside.ask(Method::POST, "/api/upstream/redeem", Some(wrong)).await.0.as_u16();
    }
    assert_eq!(last, 429);
    drop(place.home);
}

#[tokio::test]
async fn a_relay_answers_an_upload_when_the_server_has_it() {
    let mut place = Place::new().await;
    until_state(&place.ada_beside, "synced").await;
    let token = place.ada_beside.get("/api/auth/token").await;
    assert_eq!(token["powersync_url"], "https://sync.example.org");
    for n in 0..20 {
        let id = format!("habit-{n}");
        place.ada_beside.post("/api/data", upload(&id, "Water")).await;
        let there = place.server.psql(&format!("SELECT name FROM kairos.habits WHERE id = '{id}'")).await;
        assert_eq!(there.trim(), "Water", "answered before the server had it");
    }
    // Without the server it is saved here, and the phone is told to send it again.
    place.server.stop().await;
    let begun = Instant::now();
    let (status, said) = place.ada_beside.ask(Method::POST, "/api/data", Some(upload("late", "Late"))).await;
    assert_eq!((status.as_u16(), &said["error"]["code"]), (503, &json!("upstream_unavailable")), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    place.server.start().await;
    until("the server has it", async || {
        let (status, said) = place.ada_beside.ask(Method::POST, "/api/data", Some(upload("late", "Late"))).await;
        (status == 200).then(|| assert_eq!(said["results"][0]["result"], "duplicate", "{said}"))
    })
    .await;
    assert_eq!(place.server.psql("SELECT count(*) FROM kairos.habits WHERE id = 'late'").await.trim(), "1");
}

/// A code makes a login of its own, once, and looking with another changes nothing of what is connected.
#[tokio::test]
async fn a_code_touches_no_login_that_is_there() {
    let mut place = Place::new().await;
    until_state(&place.ada_beside, "synced").await;
    let logins = "SELECT string_agg(rolname || ' ' || rolconnlimit || ' ' || oid, ',' ORDER BY oid)
                  FROM pg_roles WHERE rolname LIKE 'kairos_house_%'";
    let body = json!({ "url": place.address(), "code": place.code().await });
    place.ada.post("/api/upstream/test", body.clone()).await;
    place.ada.post("/api/upstream/preview", body.clone()).await;
    let (status, said) = place.ada.ask(Method::PUT, "/api/upstream", Some(body)).await;
    assert_eq!(status, 200, "{said}");
    until_state(&place.ada, "synced").await;
    let first = place.server.psql(logins).await;
    assert!(first.contains(" 16 ") && !first.contains(','), "{first}");
    let secret =
        "SELECT md5(string_agg(rolpassword, ',' ORDER BY oid)) FROM pg_authid WHERE rolname LIKE 'kairos_house_%'";
    let before = place.server.psql(secret).await;

    // Another house brings its own code and says whatever it likes: the first has its login still, and the other its own.
    let redeem = async |code: &str, word: &str| {
        let body = json!({ "code": code, "word": word });
        place.ada_beside.ask(Method::POST, "/api/upstream/redeem", Some(body)).await
    };
    let code = place.code().await;
    let (status, given) = redeem(&code, "the word of another house").await;
    assert_eq!(status, 200, "{given}");
    let url = given["database_url"].as_str().unwrap();
    assert!(url.starts_with("postgres://kairos_house_") && url.ends_with("/kairos") && !url.contains('?'), "{url}");
    assert_eq!(redeem(&code, "the word of another house").await.1, given, "the same again");
    assert_eq!(redeem(&code, "the word of somebody else").await.0, 403);
    let names = place.server.psql(logins).await;
    assert!(names.starts_with(&format!("{first},")), "{names}");
    let name = first.split(' ').next().unwrap();
    let of_first = secret.replace("LIKE 'kairos_house_%'", &format!("= '{name}'"));
    assert_eq!(place.server.psql(&of_first).await, before);

    // It looks with a third, and connects again after a cut all the same.
    let third = json!({ "url": place.address(), "code": place.code().await });
    assert_eq!(place.ada.post("/api/upstream/test", third).await["result"], "reachable");
    place.server.stop().await;
    place.server.start().await;
    place.ada.post("/api/sync/now", json!({})).await;
    until_state(&place.ada, "synced").await;

    // Who hears how it goes does not hear by which login.
    place.server.psql(&format!("ALTER ROLE {name} NOLOGIN")).await;
    place.server.stop().await;
    place.server.start().await;
    place.ada.post("/api/sync/now", json!({})).await;
    until_state(&place.ada, "error").await;
    let health = place.home.health().await;
    assert!(!health.to_string().contains("kairos_house_"), "{health}");
}
