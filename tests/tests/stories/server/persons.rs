//! Two houses with one PocketBase and one server: everybody is the same person in both, also who had an account in one before.

use kairos_tests::postgres::Postgres;
use kairos_tests::{House, Person, PocketBase, until};
use reqwest::Method;
use serde_json::json;

const ADA: (&str, &str) = ("ada@example.org", "the password there");
const BO: (&str, &str) = ("bo@example.org", "another long password");

#[tokio::test]
async fn who_had_an_account_in_one_house_is_the_same_person_in_the_other() {
    let mut server = Postgres::new().await;
    let there = PocketBase::start_new().await;
    let ada_there = there.add(ADA.0, ADA.1).await;
    for (email, password) in [BO, ("cy@example.org", BO.1)] {
        there.add(email, password).await;
    }

    // Years before there was a PocketBase.
    let mut home = House::start().await;
    let ada = home.set_up().await;
    let habit = ada.habit("Read").await;
    home.stop().await;
    home.set_env(&there.house().env("KAIROS_UPSTREAM_URL", &server.url("kairos")));
    home.boot().await;
    let ada = home.sign_in(ADA.0, "correct horse battery").await;
    let token = there.token(ADA.0, ADA.1).await;
    let (status, linked) = ada.ask(Method::POST, "/api/me/identities", Some(json!({ "token": token }))).await;
    assert_eq!(status, 200, "{linked}\n{}", home.log());
    let told = "SELECT person FROM kairos.identities WHERE provider = 'pocketbase'";
    until("the server knows", async || server.psql(told).await.contains(&ada.user_id).then_some(())).await;

    // The other house is Bo's, and has never heard of her.
    let cottage = there.house().env("KAIROS_UPSTREAM_URL", &server.url("kairos")).start().await;
    let code = cottage.setup_code.clone().unwrap();
    let bo = json!({ "setup_code": code, "email": BO.0, "password": BO.1, "display_name": "Bo" });
    let answer = cottage.http.post(cottage.url("/api/setup")).json(&bo).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    let ada_there_too = cottage.sign_in(ADA.0, ADA.1).await;
    assert_eq!(ada_there_too.user_id, ada.user_id);
    assert_ne!(ada_there_too.user_id, ada_there);
    until("what is hers has come", async || {
        let habits = ada_there_too.get("/api/habits").await;
        habits["items"].as_array().unwrap().iter().any(|row| row["id"] == habit.as_str()).then_some(())
    })
    .await;

    // The link is known beyond the house: it cannot be taken back in one.
    let part = json!({ "password": ADA.1, "new_password": "an own long password" });
    let (status, told) = ada.ask(Method::DELETE, "/api/me/identities/pocketbase", Some(part)).await;
    assert_eq!((status.as_u16(), &told["error"]["code"]), (409, &json!("conflict")), "{told}");

    // Without the server nobody can say who somebody is who was never here; who was here comes in.
    server.stop().await;
    let login = json!({ "email": "cy@example.org", "password": BO.1 });
    let answer = cottage.http.post(cottage.url("/api/auth/login")).json(&login).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.json::<serde_json::Value>().await.unwrap()["error"]["code"], "auth_upstream_down");
    cottage.sign_in(ADA.0, ADA.1).await;
    server.start().await;
    cottage.sign_in("cy@example.org", BO.1).await;
}

/// Signs in; gives what was answered.
async fn login(house: &House, (email, password): (&str, &str)) -> (u16, serde_json::Value) {
    let body = json!({ "email": email, "password": password });
    let answer = house.http.post(house.url("/api/auth/login")).json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

async fn link(who: &Person, token: &str) -> (u16, serde_json::Value) {
    let (status, said) = who.ask(Method::POST, "/api/me/identities", Some(json!({ "token": token }))).await;
    (status.as_u16(), said)
}

/// A home of Ada's that comes to PocketBase and a server with the accounts it has.
async fn home_that_was_first(there: &PocketBase, server: &Postgres) -> (House, Person) {
    let mut home = House::start().await;
    home.set_up().await;
    home.stop().await;
    home.set_env(&there.house().env("KAIROS_UPSTREAM_URL", &server.url("kairos")));
    home.boot().await;
    let ada = home.sign_in(ADA.0, "correct horse battery").await;
    until("it is connected", async || (ada.get("/api/sync/status").await["state"] == "synced").then_some(())).await;
    (home, ada)
}

/// Whatever a house with a login tells the server: nobody comes by it into an account that is here.
#[tokio::test]
async fn another_house_gives_nobody_the_account_of_an_administrator() {
    let server = Postgres::new().await;
    let there = PocketBase::start_new().await;
    let bo_there = there.add(BO.0, BO.1).await;
    let (home, ada) = home_that_was_first(&there, &server).await;

    let claim = format!("SELECT kairos.link_identity('pocketbase', '{bo_there}')");
    assert_eq!(server.hub(&ada.user_id).await.ask(&claim).await, ada.user_id);
    let (status, said) = login(&home, BO).await;
    assert_eq!((status, &said["error"]["code"]), (409, &json!("conflict")), "{said}");
    assert!(said["error"]["message"].as_str().unwrap().contains("link the two"), "{said}");
    let exchanged =
        home.http.post(home.url("/api/auth/exchange")).json(&json!({ "token": there.token(BO.0, BO.1).await }));
    assert_eq!(exchanged.send().await.unwrap().status(), 409);

    let ada = home.sign_in(ADA.0, "correct horse battery").await;
    assert_eq!(ada.get("/api/me").await["email"], ADA.0);
    assert_eq!(ada.get("/api/users").await["items"].as_array().unwrap().len(), 1);
}

/// Ada has an account in both houses under the same id, as a hub has that was made from a copy of the other.
#[tokio::test]
async fn who_is_known_elsewhere_and_has_an_account_here_links_it_here() {
    let server = Postgres::new().await;
    let there = PocketBase::start_new().await;
    there.add(ADA.0, ADA.1).await;
    let (home, ada) = home_that_was_first(&there, &server).await;
    let dir = tempfile::tempdir().unwrap();
    let (file, data) = (dir.path().join("copy.sqlite"), dir.path().join("cottage"));
    assert!(home.cli(&["backup", file.to_str().unwrap()]).await.status.success());
    let brought = House::builder().attempt(&data, &["restore", "--yes", file.to_str().unwrap()]).await;
    assert!(brought.status.success(), "{}", String::from_utf8_lossy(&brought.stderr));

    let token = there.token(ADA.0, ADA.1).await;
    assert_eq!(link(&ada, &token).await.0, 200);
    let told = "SELECT person FROM kairos.identities WHERE provider = 'pocketbase'";
    until("the server knows", async || server.psql(told).await.contains(&ada.user_id).then_some(())).await;

    let cottage = there.house().data_dir(&data).env("KAIROS_UPSTREAM_URL", &server.url("kairos")).start().await;
    let (status, said) = login(&cottage, ADA).await;
    assert_eq!((status, &said["error"]["code"]), (409, &json!("conflict")), "{said}");
    let at_the_cottage = cottage.sign_in(ADA.0, "correct horse battery").await;
    let (status, linked) = link(&at_the_cottage, &token).await;
    assert_eq!((status, &linked["user_id"]), (200, &json!(ada.user_id)), "{linked}");
    assert_eq!(cottage.sign_in(ADA.0, ADA.1).await.user_id, ada.user_id);
    assert_eq!(login(&cottage, (ADA.0, "correct horse battery")).await.0, 401);
}
