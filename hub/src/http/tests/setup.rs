//! The first administrator.

#![allow(clippy::redundant_closure_for_method_calls)] // a snapshot's method alone is not general enough

use super::*;

#[tokio::test]
async fn setup_works_once_and_leaves_an_administrator_with_a_profile() {
    let house = House::new().await;
    assert_eq!(house.get("/api/setup").send().await.body, json!({ "needed": true }));
    let code = house.auth.setup_code().unwrap();
    let typed = code.to_lowercase().replace('-', " ");
    let ada = house.set_up(&typed).send().await;
    assert_eq!(ada.status, StatusCode::CREATED, "{}", ada.body);
    assert_eq!((ada.text("token_type"), ada.body["expires_in"].clone()), ("Bearer".into(), 900.into()));

    let me = house.get("/api/me").bearer(&ada.access()).send().await;
    assert_eq!(
        me.body,
        json!({ "user_id": ada.text("user_id"), "email": "ada@example.org", "display_name": "Ada", "role": "admin",
                "tz": "Europe/Vienna", "day_start_min": 0, "week_start": 1 })
    );
    assert_eq!(house.get("/api/setup").send().await.body, json!({ "needed": false }));
    let again = house.set_up(&code).send().await;
    assert_eq!((again.status, again.code().as_str()), (StatusCode::CONFLICT, "already_set_up"));
    assert_eq!(house.auth.setup_code(), None);
    assert_eq!(house.auth.setup_host().await.unwrap().as_deref(), Some(HOST));
    assert!(house.store.read(|snapshot| snapshot.setup_code()).await.unwrap().is_none(), "no trace of the code");
    let change = house.store.changes_after(0, None, 10).await.unwrap().changes.remove(0);
    assert_eq!((change.table, change.scope.to_string()), ("users", format!("u:{}", ada.text("user_id"))));

    let house = house.restarted().await;
    assert!(!house.auth.setup_needed());
    assert_eq!(house.get("/api/me").bearer(&ada.access()).send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn ten_tries_and_the_code_is_spent() {
    let house = House::new().await;
    let code = house.auth.setup_code().unwrap();
    for n in 1..10_u16 {
        let told = house.set_up("0000-0000").from(n).send().await;
        assert_eq!((told.status, told.code().as_str()), (StatusCode::FORBIDDEN, "wrong_setup_code"));
        assert_eq!(told.body["error"]["details"]["tries_left"], 10 - n);
    }
    for (n, typed) in [(10, "not a code"), (11, code.as_str()), (12, "")] {
        let told = house.set_up(typed).from(n).send().await;
        assert_eq!((told.status, told.code().as_str()), (StatusCode::FORBIDDEN, "setup_code_spent"), "{typed}");
    }
    assert_eq!(house.auth.setup_code(), None);
    assert!(house.auth.setup_needed());

    let renewed = house.auth.renew_setup_code().await.unwrap();
    assert_ne!(renewed, code);
    assert_eq!(house.set_up(&code).from(13).send().await.code(), "wrong_setup_code");
    assert_eq!(house.set_up(&renewed).from(14).send().await.status, StatusCode::CREATED);
    assert!(house.auth.renew_setup_code().await.is_err());
}

#[tokio::test]
async fn tries_survive_a_restart_and_a_spent_code_is_replaced_by_one() {
    let house = House::new().await;
    let code = house.auth.setup_code().unwrap();
    for n in 1..=9 {
        house.set_up("0000-0000").from(n).send().await;
    }
    let house = house.restarted().await;
    assert_eq!(house.auth.setup_code().as_ref(), Some(&code), "the same code with the one try it has");
    assert_eq!(house.set_up("0000-0000").from(20).send().await.code(), "setup_code_spent");
    let house = house.restarted().await;
    let next = house.auth.setup_code().unwrap();
    assert_ne!(next, code);
    assert_eq!(house.set_up(&next).from(21).send().await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn what_is_typed_wrong_elsewhere_costs_no_try() {
    let house = House::new().await;
    for (n, (field, value)) in
        [("email", "ada"), ("password", "short"), ("display_name", "  "), ("tz", "Europe/Nowhere")]
            .into_iter()
            .enumerate()
    {
        let mut body =
            json!({ "setup_code": "0000-0000", "email": "a@b.c", "password": PASSWORD, "display_name": "A" });
        body[field] = value.into();
        let told = house.post("/api/setup").json(body).from(u16::try_from(n).unwrap()).send().await;
        assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        assert_eq!(told.body["error"]["details"]["field"], field);
    }
    let stored = house.store.read(|snapshot| snapshot.setup_code()).await.unwrap().unwrap();
    assert_eq!(stored.tries_left, 10);
}

#[tokio::test]
async fn two_at_the_same_moment_make_one_administrator() {
    let house = House::new().await;
    let code = house.auth.setup_code().unwrap();
    let (one, other) = tokio::join!(house.set_up(&code).from(1).send(), house.set_up(&code).from(2).send());
    let mut statuses = [one.status, other.status];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::CREATED, StatusCode::CONFLICT]);
    assert_eq!(house.auth.people().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_code_may_be_configured_and_must_be_one() {
    let house = House::new().await;
    for bad in ["", "------", "ab-1", &"a".repeat(65)] {
        let error = Auth::open(house.store.clone(), Some(bad)).await.err().unwrap();
        assert!(error.to_string().contains("setup code"), "{error}");
    }
    let auth = Auth::open(house.store.clone(), Some("my-own-code")).await.unwrap();
    assert_eq!(auth.setup_code().as_deref(), Some("my-own-code"));
    let house = House { router: router(&house.store, &auth), auth, ..house };
    assert_eq!(house.set_up("MY OWN CODE").send().await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn one_address_tries_ten_times_at_once() {
    let house = House::new().await;
    for _ in 0..9 {
        house.set_up("0000-0000").send().await;
    }
    house.auth.renew_setup_code().await.unwrap();
    house.set_up("0000-0000").send().await;
    let told = house.set_up("0000-0000").send().await;
    assert_eq!((told.status, told.code().as_str()), (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"));
    assert_eq!(told.headers[header::RETRY_AFTER], "12");
}
