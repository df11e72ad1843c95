//! Accounts that PocketBase keeps: the real one, and real hubs.

use std::time::{Duration, Instant};

use kairos_tests::pocketbase::ADMIN_PASSWORD;
use kairos_tests::{House, Person, PocketBase, until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::leaving::until_gone;
use super::super::peers::{node, peer};

const ADA: (&str, &str) = ("ada@example.org", "correct horse battery");
const BO: (&str, &str) = ("bo@example.org", "another long password");
const HOUR: i64 = 3600;

/// What is asked without a token, and the answer.
async fn ask(house: &House, path: &str, body: Value) -> (StatusCode, Value) {
    let answer = house.http.post(house.url(path)).json(&body).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap_or_default())
}

async fn login(house: &House, (email, password): (&str, &str)) -> (StatusCode, Value) {
    ask(house, "/api/auth/login", json!({ "email": email, "password": password })).await
}

async fn exchange(house: &House, token: &str) -> (StatusCode, Value) {
    ask(house, "/api/auth/exchange", json!({ "token": token })).await
}

fn code(answer: &(StatusCode, Value)) -> (u16, String) {
    (answer.0.as_u16(), answer.1["error"]["code"].as_str().unwrap_or_default().to_owned())
}

fn was(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// Somebody who is signed in on a device that stays so.
struct Device {
    user_id: String,
    access: String,
    refresh: String,
}

impl Device {
    fn of(answer: &(StatusCode, Value)) -> Self {
        assert_eq!(answer.0, 200, "{}", answer.1);
        let text = |name: &str| answer.1[name].as_str().unwrap().to_owned();
        Self { user_id: text("user_id"), access: text("access_token"), refresh: text("refresh_token") }
    }

    async fn refresh(&mut self, house: &House) -> StatusCode {
        let answer = ask(house, "/api/auth/refresh", json!({ "refresh_token": self.refresh })).await;
        if answer.0 == 200 {
            *self = Self::of(&answer);
        }
        answer.0
    }

    async fn me(&self, house: &House) -> (StatusCode, Value) {
        let answer = house.http.get(house.url("/api/me")).bearer_auth(&self.access).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap_or_default())
    }
}

/// A time of the story, so many seconds after its beginning.
fn at(seconds: i64) -> String {
    let begin: jiff::Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
    (begin + jiff::SignedDuration::from_secs(seconds)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A PocketBase that knows Ada and Bo, and a house of it that Ada has set up.
async fn family() -> (PocketBase, House, Person, String) {
    let there = PocketBase::start_new().await;
    let ada_there = there.add(ADA.0, ADA.1).await;
    let bo_there = there.add(BO.0, BO.1).await;
    let house = there.house().clock(&at(0)).start().await;
    let ada = house.set_up().await;
    assert_eq!(ada.user_id, ada_there, "the first administrator is who they are there");
    (there, house, ada, bo_there)
}

async fn restart_at(house: &mut House, seconds: i64) {
    house.stop().await;
    house.set_clock(&at(seconds));
    house.boot().await;
}

#[tokio::test]
async fn pocketbase_opens_the_door_and_says_who_it_is() {
    let (there, mut house, _ada, bo_there) = family().await;
    let bo = Device::of(&login(&house, BO).await);
    assert_eq!(bo.user_id, bo_there);
    let me = bo.me(&house).await.1;
    assert_eq!((me["role"].as_str(), me["display_name"].as_str()), (Some("member"), Some("From there")), "{me}");
    assert_eq!(me["email"], BO.0);

    let wrong = login(&house, (BO.0, "a wrong password")).await;
    let unknown = login(&house, ("nobody@example.org", "a wrong password")).await;
    assert_eq!(code(&wrong), was(401, "invalid_credentials"));
    assert_eq!(wrong, unknown, "nobody learns who has an account");

    let token = there.token(BO.0, BO.1).await;
    let by_token = Device::of(&exchange(&house, &token).await);
    assert_eq!(by_token.user_id, bo_there);
    for bad in ["", "x", "a b", "krr_9m4VxQ2s", &format!("{token}x"), &"x".repeat(10_000), &bo.access] {
        assert_eq!(code(&exchange(&house, bad).await), was(401, "unauthorized"), "{bad:.40}");
    }
    house.is_well().await;
    let log = house.log();
    assert!(!log.contains(&token) && !log.contains(BO.0) && !log.contains(BO.1), "{log}");
    let database = std::fs::read(house.database()).unwrap();
    house.stop().await;
    for file in [database, std::fs::read(house.database()).unwrap()] {
        assert!(!file.windows(token.len()).any(|part| part == token.as_bytes()), "the token is sealed");
    }
}

#[tokio::test]
async fn a_hub_of_its_own_takes_no_tokens() {
    let house = House::start().await;
    let ada = house.set_up().await;
    assert_eq!(code(&exchange(&house, "anything").await), was(401, "unauthorized"));
    let answer = ada.ask(Method::POST, "/api/me/identities", Some(json!({ "token": "x" }))).await;
    assert_eq!(code(&answer), was(409, "conflict"));
}

#[tokio::test]
async fn while_pocketbase_is_away_nobody_comes_in_and_nobody_is_thrown_out() {
    let (mut there, mut house, _ada, _) = family().await;
    let mut bo = Device::of(&login(&house, BO).await);
    let token = there.token(BO.0, BO.1).await;
    there.stop().await;
    let down = was(503, "auth_upstream_down");
    assert_eq!(code(&login(&house, BO).await), down);
    assert_eq!(code(&login(&house, ("nobody@example.org", "a wrong password")).await), down);
    assert_eq!(code(&exchange(&house, &token).await), down);
    until("/health says so", async || {
        let auth = house.health().await["components"]["auth"].clone();
        (auth["status"] == "degraded" && auth["reason"].as_str().unwrap().contains("does not answer")).then_some(())
    })
    .await;
    assert_eq!(bo.refresh(&house).await, 200);
    // Long after it was due to be asked.
    restart_at(&mut house, 5 * HOUR).await;
    assert_eq!(bo.refresh(&house).await, 200);
    assert_eq!(bo.me(&house).await.0, 200);
    there.start().await;
    assert_eq!(login(&house, BO).await.0, 200);
    restart_at(&mut house, 6 * HOUR).await;
    assert_eq!(bo.refresh(&house).await, 200, "its token is still good");
}

#[tokio::test]
async fn a_changed_password_ends_access_within_the_hour() {
    let (there, mut house, ada, bo_there) = family().await;
    let mut bo = Device::of(&login(&house, BO).await);
    let mut other = Device::of(&exchange(&house, &there.token(BO.0, BO.1).await).await);
    there.set_password(&bo_there, "a new long password").await;
    // Ten seconds before an hour after they signed in, more or less: not due, when the hub looks by itself as it starts.
    restart_at(&mut house, HOUR - 20).await;
    let begun = Instant::now();
    assert_eq!(bo.refresh(&house).await, 200, "asked about once an hour");
    until("refreshing is refused", async || {
        assert!(begun.elapsed() < Duration::from_secs(50), "it is asked when the refresh token is used");
        tokio::time::sleep(Duration::from_secs(1)).await;
        (bo.refresh(&house).await == 401).then_some(())
    })
    .await;
    assert_eq!(bo.me(&house).await.0, 401, "the access token ended with its session");
    assert_eq!(
        (other.me(&house).await.0, other.refresh(&house).await),
        (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED)
    );
    assert_eq!(login(&house, BO).await.0, 401);
    let again = Device::of(&login(&house, (BO.0, "a new long password")).await);
    assert_eq!(again.user_id, bo_there);
    let still = house.http.get(house.url("/api/me")).bearer_auth(&ada.token).send().await.unwrap();
    assert_eq!(still.status(), 401, "hers ran out by itself");
    assert_eq!(login(&house, ADA).await.0, 200);
}

#[tokio::test]
async fn a_deleted_record_ends_access_also_of_who_asks_for_nothing() {
    let (there, mut house, _ada, bo_there) = family().await;
    let mut bo = Device::of(&login(&house, BO).await);
    restart_at(&mut house, 2 * HOUR).await;
    assert_eq!(bo.refresh(&house).await, 200);
    there.delete(&bo_there).await;
    house.stop().await;
    house.set_clock(&at(2 * HOUR + HOUR + 60));
    house.boot().await;
    // The hub asks by itself; nobody refreshes.
    until("the session ended", async || house.log().contains("vouches for somebody no more").then_some(())).await;
    assert_eq!(bo.refresh(&house).await, 401);
    assert_eq!(login(&house, BO).await.0, 401);
}

#[tokio::test]
async fn who_is_disabled_on_the_hub_stays_so_whatever_pocketbase_says() {
    let (there, house, ada, bo_there) = family().await;
    let bo = house.sign_in(BO.0, BO.1).await;
    let mut screen = bo.screen().await;
    screen.subscribe().await;
    let begun = Instant::now();
    ada.post(&format!("/api/users/{bo_there}/disable"), json!({})).await;
    while screen.hear_or_end().await.is_ok() {}
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(code(&login(&house, BO).await), was(401, "invalid_credentials"));
    assert_eq!(exchange(&house, &there.token(BO.0, BO.1).await).await.0, 401);
    ada.post(&format!("/api/users/{bo_there}/enable"), json!({})).await;
    assert_eq!(Device::of(&login(&house, BO).await).user_id, bo_there);
}

#[tokio::test]
async fn people_who_are_added_on_the_hub_are_added_there() {
    let there = PocketBase::start_new().await;
    let house = there.house_that_adds().start().await;
    // Nobody has added Ada there: the hub does, as she sets it up.
    let ada = house.set_up().await;
    let id_there = |email: &str| {
        let path = format!("/api/collections/users/records?filter=(email='{email}')");
        let there = &there;
        async move { there.manage(Method::GET, &path, Value::Null).await["items"][0]["id"].as_str().map(str::to_owned) }
    };
    assert_eq!(id_there(ADA.0).await.as_deref(), Some(ada.user_id.as_str()));
    let body = |email: &str, password: &str| json!({ "email": email, "password": password, "display_name": "Bo" });
    let cy = json!({ "email": "cy@example.org", "password": BO.1, "display_name": "Cy", "role": "admin" });
    let cy = ada.post("/api/users", cy).await;
    assert_eq!(cy["role"], "admin");
    let bo = house.add_person(&ada, BO.0).await;
    assert_eq!(id_there(BO.0).await.as_deref(), Some(bo.user_id.as_str()));
    assert_eq!(bo.get("/api/me").await["display_name"], BO.0);

    there.add("dee@example.org", BO.1).await;
    for (body, told) in [
        (body(BO.0, BO.1), was(409, "conflict")),
        (body("dee@example.org", BO.1), was(409, "conflict")),
        (body("eve@example.org", "short"), was(422, "invalid")),
        (body("eve@example.org", &"x".repeat(200)), was(422, "invalid")),
    ] {
        assert_eq!(code(&ada.ask(Method::POST, "/api/users", Some(body)).await), told);
    }
    let users = ada.get("/api/users").await;
    assert_eq!(users["items"].as_array().unwrap().len(), 3, "{users}");
    let reset = house.cli(&["user", "reset-password", BO.0]).await;
    assert_eq!(reset.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&reset.stderr).contains("kept by PocketBase"), "{reset:?}");
    assert!(!house.log().contains(ADMIN_PASSWORD));
}

#[tokio::test]
async fn a_hub_without_a_login_there_says_where_people_are_added() {
    let there = PocketBase::start_new().await;
    let house = there.house().start().await;
    let code_shown = house.setup_code.clone().unwrap();
    let first = json!({ "setup_code": code_shown, "email": ADA.0, "password": ADA.1, "display_name": "Ada" });
    let told = ask(&house, "/api/setup", first).await;
    assert_eq!(code(&told), was(422, "invalid"));
    assert!(told.1["error"]["message"].as_str().unwrap().contains("add the person there first"), "{}", told.1);
    there.add(ADA.0, ADA.1).await;
    let ada = house.set_up().await;
    let body = json!({ "email": BO.0, "password": BO.1, "display_name": "Bo" });
    let told = ada.ask(Method::POST, "/api/users", Some(body)).await;
    assert_eq!(code(&told), was(409, "conflict"));
    assert!(told.1["error"]["message"].as_str().unwrap().contains("Add the person in PocketBase"), "{}", told.1);
}

#[tokio::test]
async fn an_account_that_was_here_first_is_linked_by_who_has_both_and_keeps_its_id() {
    let there = PocketBase::start_new().await;
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let bo = house.add_person(&ada, BO.0).await;
    let habit = ada.habit("Read").await;
    // Somebody registers there with her address. It may be she.
    let ada_there = there.add(ADA.0, "the password there").await;
    house.stop().await;
    house.set_env(&there.house());
    house.boot().await;
    let token = there.token(ADA.0, "the password there").await;
    assert_eq!(code(&login(&house, (ADA.0, "the password there")).await), was(409, "conflict"));
    assert_eq!(code(&exchange(&house, &token).await), was(409, "conflict"));

    let ada_here = house.sign_in(ADA.0, ADA.1).await;
    assert_eq!(ada_here.user_id, ada.user_id);
    let link = async |who: &Person, token: &str| {
        who.ask(Method::POST, "/api/me/identities", Some(json!({ "token": token }))).await
    };
    assert_eq!(code(&link(&ada_here, "no token").await), was(422, "invalid"));
    let (status, linked) = link(&ada_here, &token).await;
    assert_eq!(status, 200, "{linked}");
    assert_eq!(linked, json!({ "provider": "pocketbase", "subject": ada_there, "user_id": ada.user_id }));
    assert_eq!(link(&ada_here, &token).await.0, 200, "twice is once");
    assert_eq!(code(&link(&bo.at(&house), &token).await), was(409, "conflict"), "it is Ada's");

    assert_eq!(login(&house, ADA).await.0, 401, "the password it had here is no more");
    let again = house.sign_in(ADA.0, "the password there").await;
    assert_eq!(again.user_id, ada.user_id);
    assert_eq!(again.get(&format!("/api/habits/{habit}")).await["name"], "Read");
    assert_eq!(again.get("/api/me").await["role"], "admin");
    assert_eq!(login(&house, BO).await.0, 200, "nobody has linked Bo");
}

/// A house with Ada, who had an account in it before it came to this PocketBase, where she is, too.
async fn old_house(there: &PocketBase) -> (House, Person) {
    there.add(ADA.0, "the password there").await;
    let mut house = House::start().await;
    house.set_up().await;
    house.stop().await;
    house.set_env(&there.house());
    house.boot().await;
    let ada = house.sign_in(ADA.0, ADA.1).await;
    (house, ada)
}

const IDENTITIES: &str = "/api/me/identities";

#[tokio::test]
async fn an_account_is_linked_by_the_login_there_and_parted_with_a_password_of_its_own() {
    let there = PocketBase::start_new().await;
    let (mut house, ada) = old_house(&there).await;
    let links = ada.get(IDENTITIES).await;
    assert_eq!(links, json!({ "provider": "pocketbase", "has_password": true, "items": [], "next": null }));
    let link = async |password: &str| {
        ada.ask(Method::POST, IDENTITIES, Some(json!({ "email": "Ada@Example.org", "password": password }))).await
    };
    for wrong in ["", ADA.1, &"x".repeat(10_000)] {
        let told = link(wrong).await;
        assert_eq!(code(&told), was(422, "invalid"));
        assert_eq!(told.1["error"]["message"], "The mail address or the password is not right.");
        assert_eq!(told.1["error"]["details"]["field"], "password");
    }
    assert_eq!(link("the password there").await.0, 200);
    assert_eq!(login(&house, ADA).await.0, 401, "the password it had here is no more");
    let links = ada.get(IDENTITIES).await;
    let only = &links["items"][0];
    assert_eq!(
        (&links["has_password"], &only["provider"], &only["only_way_in"]),
        (&json!(false), &json!("pocketbase"), &json!(true))
    );

    // Nobody locks themselves out, and nobody else parts them with a phone that lies about.
    let path = format!("{IDENTITIES}/pocketbase");
    let part = async |body: Value| ada.ask(Method::DELETE, &path, Some(body)).await;
    let wanted = |password: &str, new: &str| json!({ "password": password, "new_password": new });
    for (body, field) in [
        (json!({}), "new_password"),
        (wanted("the password there", "short"), "new_password"),
        (wanted("a wrong password", "an own long password"), "password"),
        (json!({ "new_password": "an own long password" }), "password"),
    ] {
        let told = part(body).await;
        assert_eq!(
            (code(&told), &told.1["error"]["details"]["field"]),
            (was(422, "invalid"), &json!(field)),
            "{}",
            told.1
        );
    }
    there.add(BO.0, BO.1).await;
    let as_bo = json!({ "email": BO.0, "password": BO.1, "new_password": "an own long password" });
    assert_eq!(code(&part(as_bo).await), was(422, "invalid"), "somebody else's password proves nothing");
    let (status, links) = part(wanted("the password there", "an own long password")).await;
    assert_eq!((status.as_u16(), &links["has_password"], &links["items"]), (200, &json!(true), &json!([])), "{links}");
    assert_eq!(code(&part(wanted("the password there", "an own long password")).await), was(404, "not_found"));

    assert_eq!(ada.get("/api/me").await["user_id"], ada.user_id.as_str(), "who is signed in stays so");
    assert_eq!(
        code(&login(&house, (ADA.0, "the password there")).await),
        was(409, "conflict"),
        "as before they were linked"
    );
    assert_eq!(Device::of(&login(&house, (ADA.0, "an own long password")).await).user_id, ada.user_id);
    assert_eq!(link("the password there").await.0, 200, "and they can be linked again");
    house.is_well().await;
    let log = house.log();
    assert!(!log.contains("the password there") && !log.contains(ADA.0), "{log}");
}

#[tokio::test]
async fn who_tries_passwords_by_linking_is_slowed_down_as_at_the_sign_in() {
    let mut there = PocketBase::start_new().await;
    let (_house, ada) = old_house(&there).await;
    let link = async |password: &str| {
        ada.ask(Method::POST, IDENTITIES, Some(json!({ "email": ADA.0, "password": password }))).await
    };
    let mut told = Vec::new();
    for n in 0..12 {
        told.push(code(&link(&format!("a wrong password {n}")).await));
    }
    assert_eq!(told[0], was(422, "invalid"));
    assert_eq!(told[11], was(429, "too_many_requests"));
    there.stop().await;
    assert_eq!(ada.get(IDENTITIES).await["items"], json!([]), "what is linked is told without PocketBase");
}

#[tokio::test]
async fn an_account_that_has_another_way_in_is_parted_without_a_password() {
    let there = PocketBase::start_new().await;
    let (mut house, ada) = old_house(&there).await;
    let body = json!({ "email": ADA.0, "password": "the password there" });
    assert_eq!(ada.ask(Method::POST, IDENTITIES, Some(body)).await.0, 200);
    // The house goes back to accounts of its own.
    house.stop().await;
    house.unset_env("KAIROS_AUTH_PROVIDER");
    house.unset_env("KAIROS_AUTH_POCKETBASE_URL");
    house.boot().await;
    let path = format!("{IDENTITIES}/pocketbase");
    let ada = ada.at(&house);
    let told = ada.ask(Method::DELETE, &path, Some(json!({}))).await;
    assert_eq!(code(&told), was(409, "conflict"), "nothing opens it yet");
    let reset = house.cli(&["--json", "user", "reset-password", ADA.0]).await;
    let made: Value = serde_json::from_slice(&reset.stdout).unwrap_or_else(|_| panic!("{reset:?}"));
    let ada = house.sign_in(ADA.0, made["password"].as_str().unwrap()).await;
    let links = ada.get(IDENTITIES).await;
    assert_eq!(
        (&links["provider"], &links["has_password"], &links["items"][0]["only_way_in"]),
        (&Value::Null, &json!(true), &json!(false))
    );
    assert_eq!(ada.ask(Method::DELETE, &path, Some(json!({}))).await.0, 200);
    assert_eq!(ada.get(IDENTITIES).await["items"], json!([]));
}

#[tokio::test]
async fn an_account_is_linked_parted_and_deleted_in_the_app() {
    let there = PocketBase::start_new().await;
    there.add(BO.0, "the password of Bo there").await;
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let bo = house.add_person(&ada, BO.0).await;
    house.stop().await;
    house.set_env(&there.house());
    house.boot().await;
    let ada = ada.at(&house);
    let mut page = node("account.mjs", &house);
    page.env("EMAIL", BO.0).env("PASSWORD", BO.1).env("PASSWORD_THERE", "the password of Bo there");
    let said = peer(page).await;
    assert!(said.iter().any(|line| line["step"] == "GONE"), "{said:?}");
    until_gone(&ada, &bo.user_id).await;
    assert_eq!(code(&login(&house, BO).await), was(401, "invalid_credentials"));
}

#[tokio::test]
async fn two_hubs_that_never_met_make_the_same_person() {
    let (there, home, _ada, bo_there) = family().await;
    let cottage = there.house().start().await;
    let ada = cottage.set_up().await;
    let at_home = Device::of(&login(&home, ADA).await);
    assert_eq!(ada.user_id, at_home.user_id);
    let bo = Device::of(&exchange(&cottage, &there.token(BO.0, BO.1).await).await);
    assert_eq!(bo.user_id, bo_there);
    assert_eq!(Device::of(&login(&home, BO).await).user_id, bo_there);
    // An address that is changed there is followed, and the person stays who they are.
    let path = format!("/api/collections/users/records/{bo_there}");
    there.manage(Method::PATCH, &path, json!({ "email": "bo@new.example" })).await;
    let renamed = Device::of(&login(&cottage, ("bo@new.example", BO.1)).await);
    assert_eq!(
        (renamed.user_id.as_str(), &renamed.me(&cottage).await.1["email"]),
        (bo_there.as_str(), &"bo@new.example".into())
    );
}

#[tokio::test]
async fn open_doors_of_pocketbase_are_pointed_out() {
    let there = PocketBase::start_new().await;
    let mut house = there.house_that_adds().start().await;
    let reason = async |house: &House| {
        let auth = house.health().await["components"]["auth"].clone();
        if auth["status"] == "ok" { String::new() } else { auth["reason"].as_str().unwrap().to_owned() }
    };
    until("/health says so", async || {
        let said = reason(&house).await;
        (said.contains("Anyone who reaches PocketBase may register") && said.contains("rate limits")).then_some(())
    })
    .await;
    there.manage(Method::PATCH, "/api/collections/users", json!({ "createRule": null })).await;
    let limits = json!({ "rateLimits": { "enabled": true, "excludedIPs": ["127.0.0.1"] } });
    there.manage(Method::PATCH, "/api/settings", limits).await;
    house.stop().await;
    house.boot().await;
    house.set_up().await;
    assert_eq!(reason(&house).await, "");
    assert!(house.log().contains("Anyone who reaches PocketBase may register"));
    house.is_well().await;
}

#[tokio::test]
async fn what_is_not_pocketbase_or_not_to_be_trusted_is_not_believed() {
    let other = House::start().await;
    other.set_up().await;
    let url = format!("https://127.0.0.1:{}", other.ports.https);
    let ca = other.data_dir().join("tls/ca.pem");
    let plan = House::builder().env("KAIROS_AUTH_PROVIDER", "pocketbase").env("KAIROS_AUTH_POCKETBASE_URL", &url);
    for (plan, told) in [
        (plan.clone(), "invalid peer certificate"),
        (plan.env("KAIROS_AUTH_POCKETBASE_CA", ca.to_str().unwrap()), "no PocketBase with a collection users"),
    ] {
        let house = plan.start().await;
        until("/health says why", async || {
            let auth = house.health().await["components"]["auth"].clone();
            auth["reason"].as_str().is_some_and(|reason| reason.contains(told)).then_some(())
        })
        .await;
        let code_shown = house.setup_code.clone().unwrap();
        let first = json!({ "setup_code": code_shown, "email": ADA.0, "password": ADA.1, "display_name": "Ada" });
        assert_eq!(code(&ask(&house, "/api/setup", first).await), was(503, "auth_upstream_down"));
    }
}
