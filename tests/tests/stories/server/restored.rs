//! A server that is not what it was: restored from an older dump under running hubs, past what one of them had read, and with
//! deletions it does not remember. Nothing goes that only one side still has.

use std::cell::Cell;
use std::time::{Duration, Instant};

use kairos_core::schema::{COMPLETION_EVENTS, HABITS};
use kairos_tests::{Copy, Person};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::houses::{Home, Houses};

const SET_BACK: &str = "The server was set back to an earlier state; this hub brings back what it lacks.";
const AWAY: &str =
    "This hub was away for longer than the server remembers deletions; nothing is deleted here for being absent there.";

async fn complete(ada: &Person, habit: &str) -> String {
    let answer = ada.post(&format!("/api/habits/{habit}/complete"), json!({})).await;
    answer["event_id"].as_str().unwrap().to_owned()
}

async fn rename(ada: &Person, habit: &str, name: &str) {
    let (status, answer) = ada.ask(Method::PATCH, &format!("/api/habits/{habit}"), Some(json!({ "name": name }))).await;
    assert!(status.is_success(), "{answer}");
}

async fn delete(ada: &Person, habit: &str) {
    let (status, answer) = ada.ask(Method::DELETE, &format!("/api/habits/{habit}"), None).await;
    assert!(status.is_success(), "{answer}");
}

async fn is_there(ada: &Person, habit: &str) -> bool {
    ada.ask(Method::GET, &format!("/api/habits/{habit}"), None).await.0 != StatusCode::NOT_FOUND
}

/// The names of the living habits, in order.
fn names(copy: &Copy) -> Vec<String> {
    let mut names: Vec<String> = copy.living(&HABITS).map(|row| row.text("name")).collect();
    names.sort();
    names
}

impl Home {
    /// Whether the log of the hub has said it.
    fn logged(&self, words: &str) -> bool {
        self.house.log().lines().any(|line| line.contains("WARN") && line.contains(words))
    }

    async fn conflicts(&self) -> Vec<Value> {
        self.ada.get("/api/conflicts").await["items"].as_array().unwrap().clone()
    }
}

impl Houses {
    /// The server's time.
    async fn now(&self) -> i64 {
        self.server.psql("SELECT kairos.now_ms()").await.parse().unwrap()
    }

    /// One hub deletes while the others are away, and the server forgets that it did; gives how many deletions.
    async fn forget(&self, reader: usize, gone: &[&str]) -> u32 {
        for habit in gone {
            delete(&self.homes[reader].ada, habit).await;
        }
        self.homes[reader].says("that all is pushed", |said| said["state"] == "synced" && said["pending"] == 0).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let horizon = self.now().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        // A hub is seen when it says hello.
        self.homes[reader].line.cut();
        let begun = Instant::now();
        loop {
            self.homes[reader].ada.post("/api/sync/now", json!({})).await;
            let sql = format!("SELECT count(*) FROM kairos.hub_state WHERE seen_at > {horizon}");
            if self.server.psql(&sql).await != "0" {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "the hub does not say hello");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.homes[reader].says("that all is read", |said| said["state"] == "synced").await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let ada = &self.homes[reader].ada.user_id;
        let sql = format!("SELECT set_config('kairos.user_id', '{ada}', false); SELECT kairos.collect(0, {horizon})");
        self.server.psql(&sql).await.lines().last().unwrap().parse().unwrap()
    }
}

#[tokio::test]
async fn a_server_that_is_restored_under_running_hubs_gets_back_what_it_lacks() {
    let houses = Houses::new(2).await;
    let (home, cottage) = (&houses.homes[0], &houses.homes[1]);
    let (tea, gone) = (home.ada.habit("Tea").await, home.ada.habit("Gone").await);
    // So many rows that bringing them back can be watched.
    let file = kairos_tests::export_of("old", 2, 500);
    assert!(home.ada.request(Method::POST, "/api/imports").body(file).send().await.unwrap().status().is_success());
    houses.rest().await;
    let dir = tempfile::tempdir().unwrap();
    let dump = dir.path().join("dump");
    houses.dump(&dump).await;

    let new = cottage.ada.habit("New").await;
    houses.rest().await;
    let events = [complete(&home.ada, &new).await, complete(&cottage.ada, &tea).await];
    rename(&home.ada, &tea, "Green tea").await;
    delete(&home.ada, &gone).await;
    let before = houses.rest().await;
    assert!(!home.logged(SET_BACK) && !cottage.logged(SET_BACK));

    let ends = Cell::new(false);
    let heard = async {
        let mut heard = Vec::new();
        while !ends.get() {
            heard.push(home.ada.get("/api/sync/status").await);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        heard
    };
    let restored = async {
        houses.set_back(&dump).await;
        // Edited by hand it says that it has news.
        houses.server.psql("UPDATE kairos.sync_clock SET seq = seq").await;
        let after = houses.rest().await;
        ends.set(true);
        after
    };
    let (heard, after) = tokio::join!(heard, restored);
    assert_eq!(before.unlike(&after), Vec::<String>::new());
    for home in &houses.homes {
        assert!(home.logged(SET_BACK), "{}", home.house.log());
        assert!(!is_there(&home.ada, &gone).await, "what was deleted stays deleted");
        assert!(home.conflicts().await.is_empty());
    }
    let living: Vec<&str> = after.living(&COMPLETION_EVENTS).map(|row| row.id.as_str()).collect();
    assert!(events.iter().all(|event| living.contains(&event.as_str())));
    let said = |said: &&Value| said["message"] == SET_BACK && said["state"] == "syncing";
    assert!(heard.iter().any(|status| said(&status)), "{heard:#?}");
}

#[tokio::test]
async fn a_server_that_was_set_back_and_has_passed_a_hub_since_is_found_out_by_the_word_alone() {
    let houses = Houses::new(2).await;
    let (home, cottage) = (&houses.homes[0], &houses.homes[1]);
    let tea = home.ada.habit("Tea").await;
    houses.rest().await;
    let dir = tempfile::tempdir().unwrap();
    let dump = dir.path().join("dump");
    houses.dump(&dump).await;
    // What the cottage pushed after the dump only the cottage has, and home.
    let only = cottage.ada.habit("Only in the cottage").await;
    let event = complete(&cottage.ada, &only).await;
    houses.rest().await;
    houses.part();
    houses.set_back(&dump).await;
    // Home is not to bring it back: as if it were another, who came later.
    let sql = "SELECT max(cursor) FROM kairos.hub_state";
    let read: i64 = houses.server.psql(sql).await.parse().unwrap();
    let scope = format!("u:{}", home.ada.user_id);
    for n in 0..40 {
        let made = format!("INSERT INTO kairos.habits (scope, name) VALUES ('{scope}', 'By hand {n}')");
        houses.server.psql(&made).await;
    }
    let head: i64 = houses.server.psql("SELECT seq FROM kairos.sync_clock").await.parse().unwrap();
    assert!(head > read + 30);
    assert_eq!(houses.server.psql(&format!("SELECT count(*) FROM kairos.habits WHERE id = '{only}'")).await, "0");
    cottage.reach(&houses.server).await;
    cottage.says("that all is even", |said| said["state"] == "synced" && said["pending"] == 0).await;
    assert!(cottage.logged(SET_BACK), "{}", cottage.house.log());
    assert_eq!(
        houses.server.psql(&format!("SELECT count(*) FROM kairos.completion_events WHERE id = '{event}'")).await,
        "1"
    );
    home.reach(&houses.server).await;
    let copy = houses.rest().await;
    assert_eq!(names(&copy).len(), 42);
    assert!(is_there(&home.ada, &only).await && is_there(&cottage.ada, &tea).await);
}

#[tokio::test]
async fn who_was_away_longer_than_deletions_are_remembered_deletes_nothing_for_being_absent() {
    let houses = Houses::new(2).await;
    let (home, cottage) = (&houses.homes[0], &houses.homes[1]);
    let mut ids = Vec::new();
    for name in ["Doubtful", "Edited", "Kept"] {
        ids.push(home.ada.habit(name).await);
    }
    houses.rest().await;
    cottage.line.shut();
    assert!(houses.forget(0, &[&ids[0], &ids[1]]).await >= 2);
    let there = home.ada.habit("Only at home").await;
    let here = cottage.ada.habit("Only in the cottage").await;
    rename(&cottage.ada, &ids[1], "Edited there").await;
    let event = complete(&cottage.ada, &ids[2]).await;

    cottage.reach(&houses.server).await;
    let copy = houses.rest().await;
    assert!(cottage.logged(AWAY), "{}", cottage.house.log());
    assert!(cottage.logged("Rows that the server does not have any more were put under conflicts."));
    assert!(copy.living(&COMPLETION_EVENTS).any(|row| row.id == event));
    for home in &houses.homes {
        for id in [&ids[2], &there, &here] {
            assert!(is_there(&home.ada, id).await, "{id}");
        }
        let mut listed: Vec<String> =
            home.conflicts().await.iter().map(|one| one["row_id"].as_str().unwrap().to_owned()).collect();
        listed.sort();
        let mut expected = vec![ids[0].clone(), ids[1].clone()];
        expected.sort();
        assert_eq!(listed, expected, "what is in doubt can be had back");
    }
    for one in cottage.conflicts().await {
        cottage.ada.post(&format!("/api/conflicts/{}/restore", one["id"].as_str().unwrap()), json!({})).await;
    }
    let copy = houses.rest().await;
    assert_eq!(names(&copy), ["Doubtful", "Edited there", "Kept", "Only at home", "Only in the cottage"]);
    assert!(home.conflicts().await.is_empty());
}

/// The server was set back, so that it lacks what a hub had pushed, and has forgotten deletions that the same hub has not read.
#[tokio::test]
async fn set_back_and_forgetful_at_once() {
    let houses = Houses::new(2).await;
    let (home, cottage) = (&houses.homes[0], &houses.homes[1]);
    let mut ids = Vec::new();
    for name in ["Deleted", "Edited", "Kept"] {
        ids.push(home.ada.habit(name).await);
    }
    houses.rest().await;
    let dir = tempfile::tempdir().unwrap();
    let dump = dir.path().join("dump");
    houses.dump(&dump).await;
    let pushed = cottage.ada.habit("Pushed from the cottage").await;
    houses.rest().await;
    cottage.line.shut();
    houses.set_back(&dump).await;
    home.line.cut();
    home.says("that it brought back what lacked", |said| said["state"] == "synced" && said["pending"] == 0).await;
    let there = home.ada.habit("Only at home").await;
    assert!(houses.forget(0, &[&ids[0], &ids[1]]).await >= 2);
    let here = cottage.ada.habit("Only in the cottage").await;
    rename(&cottage.ada, &ids[1], "Edited there").await;
    let events = [complete(&cottage.ada, &ids[2]).await, complete(&home.ada, &there).await];

    cottage.reach(&houses.server).await;
    let copy = houses.rest().await;
    assert!(home.logged(SET_BACK) && cottage.logged(SET_BACK), "{} {}", home.house.log(), cottage.house.log());
    assert!(!cottage.logged(AWAY), "that it was set back is judged before an absence");
    for home in &houses.homes {
        for id in [&ids[2], &there, &here, &pushed] {
            assert!(is_there(&home.ada, id).await, "{id}");
        }
        assert!(!is_there(&home.ada, &ids[0]).await, "it was deleted by somebody who knew it");
        let listed = home.conflicts().await;
        let about: Vec<&str> = listed.iter().map(|one| one["row_id"].as_str().unwrap()).collect();
        assert_eq!(about, [&ids[1]], "what was written unseen in a deleted row can be had back: {listed:#?}");
    }
    let living: Vec<&str> = copy.living(&COMPLETION_EVENTS).map(|row| row.id.as_str()).collect();
    assert!(events.iter().all(|event| living.contains(&event.as_str())));
    let lost = cottage.conflicts().await[0]["id"].as_str().unwrap().to_owned();
    home.ada.post(&format!("/api/conflicts/{lost}/restore"), json!({})).await;
    let copy = houses.rest().await;
    let expected = ["Edited there", "Kept", "Only at home", "Only in the cottage", "Pushed from the cottage"];
    assert_eq!(names(&copy), expected);
}
