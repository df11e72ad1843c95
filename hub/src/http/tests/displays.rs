//! Pairing a display.

use kairos_core::command::Wish;
use kairos_core::ids::DeviceId;
use kairos_core::principal::Via;
use kairos_core::scope::Scope;

use super::*;
use crate::auth::{Caller, Notice, Revoked};

async fn pair(house: &House, by: &Told, decision: Value) -> (Told, String) {
    let code = house.post("/api/displays").from(500).send().await;
    assert_eq!(code.status, StatusCode::CREATED, "{}", code.body);
    let path = format!("/api/displays/{}/approve", code.text("code"));
    let told = house.post(&path).bearer(&by.access()).json(decision).send().await;
    (told, code.text("poll_secret"))
}

#[tokio::test]
async fn a_display_shows_a_code_and_gets_its_token_once() {
    let (house, ada) = House::with_ada().await;
    let code = house.post("/api/displays").send().await;
    assert_eq!((code.status, code.body["expires_in"].clone()), (StatusCode::CREATED, 600.into()));
    let shown = code.text("code");
    assert!(shown.len() == 9 && shown.as_bytes()[4] == b'-', "{shown}");
    let poll = || house.get("/api/displays/poll").bearer(&code.text("poll_secret"));
    for _ in 0..3 {
        let told = poll().send().await;
        assert_eq!((told.status, told.body), (StatusCode::ACCEPTED, json!({ "status": "waiting" })));
    }
    let approve = |code: &str| house.post(&format!("/api/displays/{code}/approve")).bearer(&ada.access());
    let decision = json!({ "name": "Bathroom mirror", "show": ["me"], "act_as": "me" });
    let typed = shown.to_lowercase().replace('-', "");
    let approved = approve(&typed).json(decision.clone()).send().await;
    assert_eq!(approved.status, StatusCode::OK, "{}", approved.body);
    assert_eq!(approve(&shown).json(decision).send().await.status, StatusCode::GONE, "approved once");
    let told = poll().send().await;
    assert_eq!((told.status, told.text("status")), (StatusCode::OK, "approved".into()));
    let token = told.text("token");
    assert!(token.starts_with("kdt_") && token.len() == 47);
    assert_eq!(poll().send().await.status, StatusCode::GONE);

    let ada_id = kairos_core::ids::UserId::new(ada.text("user_id")).unwrap();
    let device = DeviceId::new(approved.text("device_id")).unwrap();
    let caller = house.auth.principal(&token).await.unwrap();
    let Caller::Display { principal, owner, show } = &caller else { panic!("{caller:?}") };
    assert_eq!((owner, show.as_slice()), (&ada_id, std::slice::from_ref(&ada_id)));
    assert_eq!(principal.via, Via::Display { id: device.clone(), may_act: true });
    let scope = Scope::Person(ada_id);
    assert!(principal.may_record(&scope) && !principal.may_edit(&scope) && !principal.may_administer());
    assert_eq!(house.get("/api/me").bearer(&token).send().await.status, StatusCode::FORBIDDEN);
    let as_device = house.auth.device_login(device.as_str(), token.as_bytes()).await.unwrap();
    assert!(as_device.is_none(), "a display has no business at the broker");
}

#[tokio::test]
async fn a_host_of_ipv6_holds_no_more_codes_than_another() {
    let (house, _) = House::with_ada().await;
    let ask = |address: &str| house.post("/api/displays").seen_from(address).send();
    for n in 1..=5 {
        assert_eq!(ask(&format!("2001:db8:0:1::{n}")).await.status, StatusCode::CREATED, "{n}");
    }
    assert_eq!(ask("2001:db8:0:1:ffff::6").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask("2001:db8:0:2::1").await.status, StatusCode::CREATED, "another network");
}

#[tokio::test]
async fn a_display_that_may_not_act_only_shows() {
    let (house, ada) = House::with_ada().await;
    let (_, secret) = pair(&house, &ada, json!({})).await;
    let token = house.get("/api/displays/poll").bearer(&secret).send().await.text("token");
    let caller = house.auth.principal(&token).await.unwrap();
    let scope = caller.principal().scopes[0].clone();
    assert!(caller.principal().may_read(&scope) && !caller.principal().may_record(&scope));
}

#[tokio::test]
async fn nobody_is_shown_who_did_not_agree() {
    let (house, ada) = House::with_ada().await;
    let bo = house.with(&ada, "bo", "member").await;
    for decision in [
        json!({ "show": [bo.text("user_id")] }),
        json!({ "show": ["me", bo.text("user_id")] }),
        json!({ "show": ["me"], "act_as": bo.text("user_id") }),
        json!({ "show": [] }),
        json!({ "name": "x".repeat(101) }),
    ] {
        let (told, secret) = pair(&house, &ada, decision.clone()).await;
        assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{decision}");
        let poll = house.get("/api/displays/poll").bearer(&secret).send().await;
        assert_eq!(poll.status, StatusCode::ACCEPTED, "the code still waits");
    }
}

#[tokio::test]
async fn codes_run_out_are_bounded_and_cannot_be_guessed_at_leisure() {
    let (house, ada) = House::with_ada().await;
    let code = house.post("/api/displays").send().await;
    house.after(10 * MINUTE);
    let poll = house.get("/api/displays/poll").bearer(&code.text("poll_secret")).send().await;
    assert_eq!((poll.status, poll.code().as_str()), (StatusCode::GONE, "code_gone"));
    assert_eq!(house.get("/api/displays/poll").send().await.status, StatusCode::UNAUTHORIZED);

    for n in 0..5 {
        assert_eq!(house.post("/api/displays").from(1).send().await.status, StatusCode::CREATED, "{n}");
    }
    assert_eq!(house.post("/api/displays").from(1).send().await.status, StatusCode::SERVICE_UNAVAILABLE);
    let mut made = 5;
    for n in 2..100 {
        made += usize::from(house.post("/api/displays").from(n).send().await.status == StatusCode::CREATED);
    }
    assert_eq!(made, 64);

    let mut gone = 0;
    for _ in 0..20 {
        let told = house.post("/api/displays/0000-0000/approve").bearer(&ada.access()).json(json!({})).send().await;
        gone += usize::from(told.status == StatusCode::GONE);
    }
    assert_eq!(gone, 10, "then the throttle");
    let nobody = house.post("/api/displays/0000-0000/approve").json(json!({})).send().await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    let token = house.post("/api/tokens").bearer(&ada.access()).json(json!({ "name": "x" })).send().await;
    let path = format!("/api/displays/{}/approve", code.text("code"));
    let told = house.post(&path).bearer(&token.text("token")).json(json!({})).send().await;
    assert_eq!(told.status, StatusCode::FORBIDDEN, "scripts hand out no access");
}

#[tokio::test]
async fn a_revoked_display_goes_dark_however_it_was_revoked() {
    let (house, ada) = House::with_ada().await;
    let keeper = house.auth.clone();
    let _upkeep = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(async move { keeper.run().await }));
    let (told, secret) = pair(&house, &ada, json!({})).await;
    let device = DeviceId::new(told.text("device_id")).unwrap();
    let token = house.get("/api/displays/poll").bearer(&secret).send().await.text("token");
    let caller = house.auth.principal(&token).await.unwrap();
    let (mut watched, mut news) = (house.auth.watch(&caller), house.auth.revocations());

    // Through the door, as any client would: accounts hear of it from the log.
    let by = house.auth.principal(&ada.access()).await.unwrap().principal().clone();
    let command = kairos_core::command::Command {
        id: kairos_core::ids::CommandId::new("c1").unwrap(),
        by,
        wish: Wish::RevokeDevice { id: device.clone() },
    };
    Commands::new(house.store.clone()).submit(command).await.unwrap();
    watched.ended().await;
    assert_eq!(news.next().await, Some(Notice::Revoked(Revoked::Device(device))));
    assert!(house.auth.principal(&token).await.is_err());
    assert!(!house.auth.still_holds(&caller).await.unwrap());
}

#[tokio::test]
async fn a_display_goes_dark_with_its_owner() {
    let (house, ada) = House::with_ada().await;
    let bo = house.with(&ada, "bo", "member").await;
    let (_, secret) = pair(&house, &bo, json!({})).await;
    let token = house.get("/api/displays/poll").bearer(&secret).send().await.text("token");
    let caller = house.auth.principal(&token).await.unwrap();
    let mut watched = house.auth.watch(&caller);
    let path = format!("/api/users/{}/disable", bo.text("user_id"));
    house.post(&path).bearer(&ada.access()).send().await;
    watched.ended().await;
    assert!(house.auth.principal(&token).await.is_err());
}
