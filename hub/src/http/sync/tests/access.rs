//! Who sees what, and for how long.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::*;

/// Hears the stream to its end; asserts that it comes within a second.
async fn ends(stream: &mut SyncStream, what: &str) -> Vec<Value> {
    let begun = Instant::now();
    let mut heard = Vec::new();
    let end = timeout(Duration::from_secs(10), async {
        while let Some(line) = stream.next().await {
            heard.push(line);
        }
    });
    end.await.unwrap_or_else(|_| panic!("{what}: the stream goes on"));
    assert!(begun.elapsed() < Duration::from_secs(1), "{what}: it took {:?}", begun.elapsed());
    heard
}

#[tokio::test]
async fn nobody_sees_another_persons_rows() {
    let house = House::new().await;
    let (ada, bo) = (&house.ada, house.add("bo").await);
    let hers = ada.habit("Hers").await;
    let his = bo.habit("His").await;
    let (mut phone, mut theirs) = (Replica::new("phone"), Replica::new("phone"));
    let mut stream = bo.sync(&mut theirs).await;
    stream.complete(&mut theirs).await;
    assert!(theirs.row("habits", &his).is_some() && theirs.row("habits", &hers).is_none());
    assert!(theirs.rows.values().all(|row| row["scope"] == format!("u:{}", bo.user)));
    // Naming her bucket gives nothing.
    ada.sync(&mut phone).await.complete(&mut phone).await;
    let name = phone.buckets.keys().next().unwrap();
    let ask =
        json!({ "raw_data": true, "buckets": [{ "name": name, "after": "0" }], "parameters": { "user_id": ada.user } });
    let mut other = SyncStream::open(house.port, &bo.token, &ask, false).await;
    let mut heard = Replica::new("phone");
    other.complete(&mut heard).await;
    assert_eq!(heard.rows, theirs.rows);
    // Her change is none of his: the next thing he hears is his own.
    theirs.kinds.clear();
    for _ in 0..5 {
        ada.complete(&hers).await;
        ada.habit("More").await;
    }
    bo.complete(&his).await;
    stream.complete(&mut theirs).await;
    assert_eq!(theirs.kinds, ["checkpoint_diff", "data", "checkpoint_complete"]);
}

#[tokio::test]
async fn a_stream_ends_with_the_access_it_was_opened_with() {
    let house = House::new().await;
    let bo = house.add("bo").await;
    let mut replica = Replica::new("phone");

    // Signed out.
    let mut stream = bo.sync(&mut replica).await;
    stream.complete(&mut replica).await;
    assert_eq!(bo.ask("POST", "/api/auth/logout", None).await.status, 204);
    ends(&mut stream, "signed out").await;
    let refused = SyncStream::open(house.port, &bo.token, &json!({}), false).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.refusal().await["error"]["code"], "PSYNC_S2101");

    // An API token, and a token that was made for it.
    let made = house.ada.ask("POST", "/api/tokens", Some(&json!({ "name": "script" }))).await.body;
    let script = Person { token: made["token"].as_str().unwrap().to_owned(), ..house.ada.clone() };
    let given = script.ask("GET", "/api/auth/token", None).await;
    assert_eq!(given.body["powersync_url"], format!("http://127.0.0.1:{}", house.port));
    assert_eq!(given.body["expires_at"], NOON + 900_000);
    let app = Person { token: given.body["token"].as_str().unwrap().to_owned(), ..house.ada.clone() };
    assert_eq!(app.ask("GET", "/api/conflicts", None).await.status, 200);
    assert_eq!(app.ask("GET", "/api/users", None).await.status, 403, "it administers nothing");
    let (mut one, mut two) = (Replica::new("one"), Replica::new("two"));
    let (mut first, mut second) = (script.sync(&mut one).await, app.sync(&mut two).await);
    first.complete(&mut one).await;
    second.complete(&mut two).await;
    let id = made["id"].as_str().unwrap();
    assert_eq!(house.ada.ask("DELETE", &format!("/api/tokens/{id}"), None).await.status, 204);
    ends(&mut first, "token revoked").await;
    ends(&mut second, "token revoked, by its child").await;
    for person in [&script, &app] {
        assert_eq!(SyncStream::open(house.port, &person.token, &json!({}), false).await.status, 401);
        assert_eq!(person.ask("GET", "/api/auth/token", None).await.status, 401);
        assert_eq!(person.ask("GET", "/write-checkpoint2.json?client_id=a", None).await.status, 401);
    }

    // Disabled.
    let cy = house.add("cy").await;
    let token = cy.ask("GET", "/api/auth/token", None).await.body["token"].as_str().unwrap().to_owned();
    let cy = Person { token, ..cy };
    let mut stream = cy.sync(&mut replica).await;
    stream.complete(&mut replica).await;
    house.hub.auth().set_disabled(&UserId::new(cy.user.as_str()).unwrap(), true).await.unwrap();
    ends(&mut stream, "disabled").await;

    // The hub itself.
    let mut stream = house.ada.sync(&mut one).await;
    stream.complete(&mut one).await;
    house.hub.stop().await;
    ends(&mut stream, "the hub stops").await;
}

#[tokio::test]
async fn a_token_for_syncing_makes_no_others() {
    let house = House::new().await;
    let ada = &house.ada;
    let made = ada.ask("POST", "/api/tokens", Some(&json!({ "name": "script" }))).await.body;
    let script = Person { token: made["token"].as_str().unwrap().to_owned(), ..ada.clone() };
    for parent in [ada, &script] {
        for _ in 0..2 {
            let given = parent.ask("GET", "/api/auth/token", None).await;
            assert_eq!(given.status, 200, "the parent goes on asking");
            let child = Person { token: given.body["token"].as_str().unwrap().to_owned(), ..ada.clone() };
            let again = child.ask("GET", "/api/auth/token", None).await;
            assert_eq!((again.status, &again.body["error"]["code"]), (403, &json!("sign_in_again")));
            let fields = json!({ "name": "for ever", "verb": "full" });
            for (method, path) in [
                ("POST", "/api/tokens"),
                ("GET", "/api/today"),
                ("GET", "/api/changes"),
                ("GET", "/api/export"),
                ("GET", "/api/me"),
                ("POST", "/api/habits"),
                ("GET", "/api/devices"),
            ] {
                let more = child.ask(method, path, Some(&fields).filter(|_| method == "POST")).await;
                assert_eq!((more.status, &more.body["error"]["code"]), (403, &json!("sign_in_again")), "{path}");
            }
            // What an app does with it goes on.
            let mut replica = Replica::new("app");
            child.sync(&mut replica).await.complete(&mut replica).await;
            assert_eq!(child.ask("POST", "/api/data", Some(&json!({ "batch": [] }))).await.status, 200);
            assert_eq!(child.ask("GET", "/api/conflicts", None).await.status, 200);
            assert_eq!(child.write_checkpoint("app").await, child.write_checkpoint("app").await - 1);
        }
    }
}

#[tokio::test]
async fn who_joins_a_household_sees_it_and_who_leaves_sees_it_no_more() {
    let house = House::new().await;
    let bo = house.add("bo").await;
    house.member("home", &house.ada, false).await;
    let shared = Written::new(&HABITS, "dishes", "h:home", &house.ada.user, &[("name", "Dishes".into())]);
    house.write(vec![shared]).await;
    let mut replica = Replica::new("phone");
    let mut stream = bo.sync(&mut replica).await;
    stream.complete(&mut replica).await;
    assert!(replica.row("habits", "dishes").is_none() && replica.buckets.len() == 1);
    let before = bo.ask("GET", "/api/changes", None).await.body;
    let since = async |told: &Value| {
        let path = format!("/api/changes?epoch={}&after={}", told["epoch"].as_str().unwrap(), told["next"]);
        bo.ask("GET", &path, None).await.status
    };
    assert_eq!(since(&before).await, 200);

    house.member("home", &bo, false).await;
    ends(&mut stream, "joined").await;
    assert_eq!(since(&before).await, 410, "what was there before is new to them, and not after their place in the log");
    let joined = bo.ask("GET", "/api/changes", None).await.body;
    assert!(joined["items"].as_array().unwrap().iter().any(|change| change["row"]["name"] == "Dishes"));
    assert_eq!(since(&joined).await, 200);
    let mut stream = bo.sync(&mut replica).await;
    stream.complete(&mut replica).await;
    let kinds: Vec<&str> = replica.kinds.iter().map(String::as_str).collect();
    assert_eq!(kinds, ["checkpoint", "partial_checkpoint_complete", "data", "checkpoint_complete"]);
    assert_eq!(replica.row("habits", "dishes").unwrap()["name"], "Dishes");
    assert_eq!(replica.streams[1], json!({ "name": "household", "is_default": true, "errors": [] }));
    assert_eq!(bo.ask("GET", "/api/habits", None).await.body["items"].as_array().unwrap().len(), 1);
    house.write(vec![Written::new(&HABITS, "plants", "h:home", &bo.user, &[("name", "Plants".into())])]).await;
    stream.until(&mut replica, "a shared change", |replica| replica.row("habits", "plants").is_some()).await;

    house.member("home", &bo, true).await;
    ends(&mut stream, "left").await;
    assert_eq!(since(&joined).await, 410, "not all they have is theirs to see");
    let mut stream = bo.sync(&mut replica).await;
    stream.complete(&mut replica).await;
    assert!(replica.ids("habits").is_empty() && replica.buckets.len() == 1);
    // A row in a scope of one's own makes nobody a member.
    let scope = format!("u:{}", bo.user);
    let sly = Written::new(&HOUSEHOLD_MEMBERS, "sly", &scope, &bo.user, &[("household_id", "home".into())]);
    house.write(vec![sly]).await;
    stream.complete(&mut replica).await;
    assert!(replica.ids("habits").is_empty());
}

#[tokio::test]
async fn a_token_that_runs_out_is_told_in_time_and_ends_the_stream() {
    let house = House::new().await;
    let mut replica = Replica::new("phone");
    let mut stream = house.ada.sync(&mut replica).await;
    stream.complete(&mut replica).await;
    house.clock.set(NOON + 879_000);
    assert!(timeout(Duration::from_millis(200), stream.next()).await.is_err(), "21 seconds are left");
    house.clock.set(NOON + 880_000);
    assert_eq!(stream.line().await.unwrap(), json!({ "token_expires_in": 20 }));
    house.clock.set(NOON + 900_000);
    assert_eq!(ends(&mut stream, "expired").await, [json!({ "token_expires_in": 0 })]);
    let refused = SyncStream::open(house.port, &house.ada.token, &json!({}), false).await;
    assert_eq!(refused.refusal().await["error"]["code"], "PSYNC_S2103");
}
