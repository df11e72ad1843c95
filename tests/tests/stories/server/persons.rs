//! Two houses with one PocketBase and one server: everybody is the same person in both, also who had an account in one before.

use kairos_tests::postgres::Postgres;
use kairos_tests::{House, PocketBase, until};
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
