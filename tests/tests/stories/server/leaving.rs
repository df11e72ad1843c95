//! Who leaves for good leaves the server, too, and PocketBase where the hub may see to that.

use std::time::Duration;

use kairos_tests::postgres::Postgres;
use kairos_tests::{Database, House, PocketBase, until};
use reqwest::Method;
use serde_json::{Value, json};

use crate::leaving::{standing, until_gone};

const WORD: &str = "quetzalcoatl";
const BO: (&str, &str) = ("bo@example.org", "another long password");

async fn dump(server: &Postgres) -> String {
    let asked = server.client("pg_dump").args(["-d", "kairos"]).output().await.unwrap();
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    String::from_utf8(asked.stdout).unwrap()
}

#[tokio::test]
async fn the_server_has_empty_tombstones_and_while_it_is_away_the_account_waits() {
    let mut server = Postgres::new().await;
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let tea = ada.habit("Tea").await;
    let bo = house.add_person(&ada, BO.0).await;
    let habit = bo.post("/api/habits", json!({ "name": format!("Read {WORD}"), "description": WORD })).await;
    let habit = habit["id"].as_str().unwrap();
    bo.post(&format!("/api/habits/{habit}/complete"), json!({ "note": WORD })).await;
    let (status, said) = ada.ask(Method::PUT, "/api/upstream", Some(json!({ "url": server.url("kairos") }))).await;
    assert_eq!(status, 200, "{said}");
    until("it is there", async || dump(&server).await.contains(WORD).then_some(())).await;
    until("all is there", async || {
        let said = ada.get("/api/sync/status").await;
        (said["state"] == "synced" && said["pending"] == 0).then_some(())
    })
    .await;

    server.stop().await;
    let (status, answer) = ada.ask(Method::DELETE, &format!("/api/users/{}", bo.user_id), None).await;
    assert_eq!(status, 202, "{answer}");
    until("it is empty here", async || (!Database::open(&house.database()).has_word(WORD)).then_some(())).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let waits = standing(&ada, &bo.user_id).await;
    assert_eq!((&waits["leaving"], &waits["disabled"]), (&json!(true), &json!(true)), "{waits}");
    let back = ada.ask(Method::POST, &format!("/api/users/{}/enable", bo.user_id), None).await;
    assert_eq!(back.0, 409, "there is no way back: {}", back.1);
    // A restart in between changes nothing.
    house.stop().await;
    house.boot().await;
    let ada = ada.at(&house);
    assert_eq!(standing(&ada, &bo.user_id).await["leaving"], true);

    server.start().await;
    until_gone(&ada, &bo.user_id).await;
    let there = dump(&server).await;
    assert!(!there.contains(WORD), "{}", there.lines().find(|line| line.contains(WORD)).unwrap_or_default());
    let of =
        |scope: &str, rest: &str| format!("SELECT count(*) FROM kairos.habits WHERE scope = 'u:{scope}' AND {rest}");
    let empty = "deleted_at IS NOT NULL AND name = '' AND description IS NULL";
    assert_eq!(server.psql(&of(&bo.user_id, empty)).await.trim(), "1");
    for table in ["users", "completions", "completion_events"] {
        let sql =
            format!("SELECT count(*) FROM kairos.{table} WHERE scope = 'u:{}' AND deleted_at IS NULL", bo.user_id);
        assert_eq!(server.psql(&sql).await.trim(), "0", "{table}");
    }
    assert_eq!(server.psql(&of(&ada.user_id, "deleted_at IS NULL AND name = 'Tea'")).await.trim(), "1");
    assert_eq!(ada.get(&format!("/api/habits/{tea}")).await["name"], "Tea");
    house.is_well().await;
}

async fn records(there: &PocketBase) -> Vec<Value> {
    let all = there.manage(Method::GET, "/api/collections/users/records", json!({})).await;
    all["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_record_in_pocketbase_goes_where_the_hub_may_and_else_it_says_so() {
    let mut there = PocketBase::start_new().await;
    there.add("ada@example.org", "correct horse battery").await;
    let bo_there = there.add(BO.0, BO.1).await;
    let mut house = there.house().start().await;
    let ada = house.set_up().await;
    let bo = house.sign_in(BO.0, BO.1).await;
    assert_eq!(bo.user_id, bo_there);
    bo.habit(WORD).await;
    // Without a login there.
    let (status, answer) = bo.ask(Method::DELETE, "/api/me", Some(json!({}))).await;
    assert_eq!(status, 202, "the password is PocketBase's: {answer}");
    assert!(answer["message"].as_str().unwrap().contains("Delete it in PocketBase"), "{answer}");
    until_gone(&ada, &bo.user_id).await;
    assert_eq!(records(&there).await.len(), 2);
    // Whoever is still known there comes with nothing.
    let bo = house.sign_in(BO.0, BO.1).await;
    assert_eq!((bo.user_id.as_str(), &bo.get("/api/habits").await["items"]), (bo_there.as_str(), &json!([])));
    bo.habit("Anew").await;

    house.stop().await;
    house.set_env(&there.house_that_adds());
    house.boot().await;
    let ada = ada.at(&house);
    there.stop().await;
    let (status, answer) = ada.ask(Method::DELETE, &format!("/api/users/{bo_there}"), None).await;
    assert_eq!((status.as_u16(), &answer["message"]), (202, &Value::Null), "{answer}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(standing(&ada, &bo_there).await["leaving"], true, "while it is away it waits");
    there.start().await;
    until_gone(&ada, &bo_there).await;
    let left = records(&there).await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_ne!(left[0]["id"], bo_there.as_str());
}
