//! Accounts, API tokens, and what ends when somebody's access ends.

use kairos_core::change::Origin;
use kairos_core::ids::{DeviceId, HouseholdId, UserId};
use kairos_core::principal::Via;
use kairos_core::row::Row;
use kairos_core::schema::{HABITS, HOUSEHOLD_MEMBERS};
use kairos_core::scope::Scope;

use super::*;
use crate::auth::{Caller, Notice, Revoked, secret};

fn user(told: &Told) -> UserId {
    UserId::new(told.text("user_id")).unwrap()
}

#[tokio::test]
async fn administrators_manage_accounts_and_nobody_else_does() {
    let (house, ada) = House::with_ada().await;
    house.after(1000);
    let bo = house.with(&ada, "bo", "member").await;
    let token = house.post("/api/tokens").bearer(&ada.access()).json(json!({ "name": "ha" })).send().await;
    let id = bo.text("user_id");
    let (disable, enable) = (format!("/api/users/{id}/disable"), format!("/api/users/{id}/enable"));
    for (method, path) in
        [("GET", "/api/users"), ("POST", "/api/users"), ("POST", disable.as_str()), ("POST", enable.as_str())]
    {
        for (bearer, status) in [
            (bo.access(), StatusCode::FORBIDDEN),
            (token.text("token"), StatusCode::FORBIDDEN),
            ("x".into(), StatusCode::UNAUTHORIZED),
        ] {
            let ask = house.ask(method, path).bearer(&bearer).json(json!({}));
            assert_eq!(ask.send().await.status, status, "{method} {path}");
        }
        assert_eq!(house.ask(method, path).send().await.status, StatusCode::UNAUTHORIZED);
    }
    let list = house.get("/api/users").bearer(&ada.access()).send().await;
    assert_eq!(
        list.body["items"],
        json!([
            { "user_id": ada.text("user_id"), "email": "ada@example.org", "display_name": "Ada", "role": "admin",
              "disabled": false, "leaving": false, "created_at": NOON },
            { "user_id": id, "email": "bo@example.org", "display_name": "bo", "role": "member",
              "disabled": false, "leaving": false, "created_at": NOON + 1000 },
        ])
    );
    let twice = json!({ "email": "BO@example.org", "password": PASSWORD, "display_name": "b" });
    let twice = house.post("/api/users").bearer(&ada.access()).json(twice).send().await;
    assert_eq!((twice.status, twice.code().as_str()), (StatusCode::CONFLICT, "conflict"));
    let me = house.get("/api/me").bearer(&bo.access()).send().await;
    assert_eq!(me.body["tz"], "Europe/Vienna", "a new person's zone is the administrator's");

    let own = format!("/api/users/{}/disable", ada.text("user_id"));
    assert_eq!(house.post(&own).bearer(&ada.access()).send().await.status, StatusCode::CONFLICT);
    let nobody = house.post("/api/users/nobody/disable").bearer(&ada.access()).send().await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    let last = house.auth.set_disabled(&user(&ada), true).await;
    assert!(last.unwrap_err().to_string().contains("last administrator"));
}

#[tokio::test]
async fn a_disabled_person_is_out_at_once_and_by_every_way() {
    let (house, ada) = House::with_ada().await;
    let bo = house.with(&ada, "bo", "member").await;
    let bo_user = user(&bo);
    let token = house.post("/api/tokens").bearer(&bo.access()).json(json!({ "name": "ha" })).send().await;
    let token = token.text("token");
    let device = DeviceId::mint(NOON, crate::random::bytes());
    let fields = [("name", "Button"), ("kind", "button")].map(|(name, value)| (name.to_owned(), value.into())).into();
    let by = house.auth.acting_for(&bo_user);
    house.auth.add_device(&by, &device, fields, "the device's secret").await.unwrap();
    let device_in = async || house.auth.device_login(device.as_str(), b"the device's secret").await.unwrap();
    let principal = device_in().await.unwrap();
    assert_eq!((principal.user, principal.via), (bo_user.clone(), Via::Device(device.clone())));

    let session = house.auth.principal(&bo.access()).await.unwrap();
    let (mut watched, mut others) = (house.auth.watch(&session), house.auth.revocations());
    let path = format!("/api/users/{bo_user}/disable");
    let told = house.post(&path).bearer(&ada.access()).send().await;
    assert_eq!((told.status, &told.body["disabled"]), (StatusCode::OK, &true.into()));

    watched.ended().await;
    watched.ended().await;
    assert_eq!(others.next().await, Some(Notice::Revoked(Revoked::User(bo_user.clone()))));
    assert!(matches!(others.next().await, Some(Notice::Revoked(Revoked::Session(_)))));
    let house = {
        for _ in 0..2 {
            for bearer in [&bo.access(), &token] {
                assert_eq!(house.get("/api/me").bearer(bearer).send().await.status, StatusCode::UNAUTHORIZED);
            }
            assert_eq!(house.refresh(&bo.refresh()).send().await.status, StatusCode::UNAUTHORIZED);
        }
        assert!(device_in().await.is_none() && !house.auth.device_holds(device.as_str()).await);
        house.restarted().await
    };
    assert_eq!(
        house.get("/api/me").bearer(&token).send().await.status,
        StatusCode::UNAUTHORIZED,
        "after a restart too"
    );

    house.post(&path.replace("disable", "enable")).bearer(&ada.access()).send().await;
    assert_eq!(house.get("/api/me").bearer(&token).send().await.status, StatusCode::OK);
    assert!(house.auth.device_login(device.as_str(), b"the device's secret").await.unwrap().is_some());
    assert_eq!(house.refresh(&bo.refresh()).send().await.status, StatusCode::UNAUTHORIZED, "sessions do not come back");
    assert_eq!(house.login("bo@example.org", PASSWORD).send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_leaves_belongs_to_no_household_and_what_they_wrote_there_stays() {
    let (house, ada) = House::with_ada().await;
    let bo = house.with(&ada, "bo", "member").await;
    let bo_user = user(&bo);
    let home = Scope::Household(HouseholdId::new("home").unwrap());
    let (by, of) = (bo_user.clone(), home.clone());
    let write = house.store.write(move |tx| {
        for (table, id) in [(&HOUSEHOLD_MEMBERS, "member"), (&HABITS, "dishes"), (&HABITS, "own")] {
            let scope = if id == "own" { Scope::Person(by.clone()) } else { of.clone() };
            let mut row = Row::new(table, id, scope, by.clone(), tx.now());
            let at = tx.tick();
            row.stamp_all(&at);
            row.set("household_id", "home", &at);
            row.set("name", "Dishes", &at);
            row.set("display_name", "Bobby", &at);
            tx.put(&row, Origin::Local)?;
        }
        Ok(())
    });
    write.await.unwrap();
    let path = format!("/api/users/{bo_user}");
    for (bearer, path, status) in [
        (bo.access(), path.as_str(), StatusCode::FORBIDDEN),
        (ada.access(), "/api/users/nobody", StatusCode::NOT_FOUND),
        (ada.access(), &format!("/api/users/{}", user(&ada)), StatusCode::CONFLICT),
        (ada.access(), &path, StatusCode::ACCEPTED),
    ] {
        assert_eq!(house.ask("DELETE", path).bearer(&bearer).send().await.status, status, "{path}");
    }
    let listed = house.get("/api/users").bearer(&ada.access()).send().await;
    let people = listed.body["items"].as_array().unwrap();
    let leaving: Vec<_> = people.iter().filter(|person| person["leaving"] == true).collect();
    assert!(leaving.len() == 1 && leaving[0]["user_id"] == bo_user.as_str(), "{people:?}");
    assert!(house.auth.set_disabled(&bo_user, false).await.is_err(), "there is no way back");
    assert_eq!(house.auth.leaving().await.unwrap(), vec![bo_user.clone()]);
    Commands::new(house.store.clone()).empty(&bo_user).await.unwrap();
    house.auth.gone(&bo_user).await.unwrap();
    let read = house.store.read(|snapshot| {
        let row = |table, id| snapshot.row(table, id).map(Option::unwrap);
        let said = snapshot.page_after(0, None, 1000, usize::MAX)?.0;
        Ok((row(&HOUSEHOLD_MEMBERS, "member")?, row(&HABITS, "dishes")?, row(&HABITS, "own")?, said))
    });
    let (member, dishes, own, said) = read.await.unwrap();
    assert!(member.deleted_at.is_some() && member.opt_text("display_name").is_none());
    assert!(!said.iter().any(|change| change.row.as_deref().is_some_and(|row| row.contains("Bobby"))), "in no log");
    assert_eq!((dishes.deleted_at, dishes.text("name")), (None, "Dishes".into()));
    assert!(own.deleted_at.is_some() && own.text("name").is_empty());
    assert!(house.auth.leaving().await.unwrap().is_empty());
    let listed = house.get("/api/users").bearer(&ada.access()).send().await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_hub_that_keeps_its_accounts_has_nothing_to_link_them_with() {
    let (house, ada) = House::with_ada().await;
    let path = "/api/me/identities";
    let links = house.get(path).bearer(&ada.access()).send().await;
    assert_eq!(links.body, json!({ "provider": null, "has_password": true, "items": [], "next": null }));
    for (body, status) in [
        (json!({ "email": "ada@example.org", "password": PASSWORD }), StatusCode::CONFLICT),
        (json!({ "token": "x" }), StatusCode::CONFLICT),
        (json!({ "email": "ada@example.org" }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "email": "a@b", "password": "x", "token": "x" }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({}), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        assert_eq!(house.post(path).bearer(&ada.access()).json(body.clone()).send().await.status, status, "{body}");
    }
    let part = house.ask("DELETE", "/api/me/identities/pocketbase").bearer(&ada.access()).json(json!({}));
    assert_eq!(part.send().await.status, StatusCode::NOT_FOUND);
    // A script neither looks nor changes who may come in.
    let token = house.post("/api/tokens").bearer(&ada.access()).json(json!({ "name": "shell" })).send().await;
    let script = token.body["token"].as_str().unwrap();
    assert_eq!(house.get(path).bearer(script).send().await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_new_password_ends_every_session() {
    let (house, ada) = House::with_ada().await;
    house.auth.reset_password(&user(&ada), "another good one".into()).await.unwrap();
    assert_eq!(house.get("/api/me").bearer(&ada.access()).send().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.login("ada@example.org", PASSWORD).send().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.login("ada@example.org", "another good one").send().await.status, StatusCode::OK);
    assert!(house.auth.reset_password(&user(&ada), "short".into()).await.is_err());
}

#[tokio::test]
async fn api_tokens_are_listed_bounded_and_revocable_and_hand_out_nothing() {
    let (house, ada) = House::with_ada().await;
    let bo = house.with(&ada, "bo", "member").await;
    let made = house.post("/api/tokens").bearer(&ada.access()).json(json!({ "name": " Home Assistant " })).send().await;
    assert_eq!((made.status, made.text("name")), (StatusCode::CREATED, "Home Assistant".into()));
    let (id, token) = (made.text("id"), made.text("token"));
    assert!(token.starts_with("krs_") && token.len() == 47);

    house.after(5 * MINUTE);
    assert_eq!(house.get("/api/me").bearer(&token).send().await.body["email"], "ada@example.org");
    let caller = house.auth.principal(&token).await.unwrap();
    assert!(!caller.principal().may_administer(), "an administrator's token does not administer");
    let path = format!("/api/tokens/{id}");
    for (method, path) in [("GET", "/api/tokens"), ("POST", "/api/tokens"), ("DELETE", path.as_str())] {
        let ask = house.ask(method, path).bearer(&token).json(json!({ "name": "another" }));
        assert_eq!(ask.send().await.status, StatusCode::FORBIDDEN, "{method}");
    }
    let item = json!({ "id": id, "name": "Home Assistant", "created_at": NOON, "last_used_at": NOON + 5 * MINUTE });
    for _ in 0..2 {
        let list = house.get("/api/tokens").bearer(&ada.access()).send().await;
        assert_eq!(list.body, json!({ "items": [item], "next": null }));
        house.auth.tend().await.unwrap();
    }
    let mut watched = house.auth.watch(&caller);
    assert_eq!(house.ask("DELETE", &path).bearer(&bo.access()).send().await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.ask("DELETE", &path).bearer(&ada.access()).send().await.status, StatusCode::NO_CONTENT);
    watched.ended().await;
    assert_eq!(house.get("/api/me").bearer(&token).send().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.ask("DELETE", &path).bearer(&ada.access()).send().await.status, StatusCode::NOT_FOUND);

    for bad in ["", "  ", &"x".repeat(101)] {
        let told = house.post("/api/tokens").bearer(&ada.access()).json(json!({ "name": bad })).send().await;
        assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    for n in 0..50 {
        house.auth.add_token(&user(&ada), &n.to_string()).await.unwrap();
    }
    let told = house.post("/api/tokens").bearer(&ada.access()).json(json!({ "name": "x" })).send().await;
    assert_eq!(told.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn people_change_their_own_profile() {
    let (house, ada) = House::with_ada().await;
    let patch = |body: Value| house.ask("PATCH", "/api/me").bearer(&ada.access()).json(body).send();
    let told = patch(json!({ "display_name": " Ada L. ", "tz": "Asia/Tokyo", "day_start_min": 240 })).await;
    assert_eq!(
        (told.text("display_name"), told.text("tz"), told.body["day_start_min"].clone()),
        ("Ada L.".into(), "Asia/Tokyo".into(), 240.into())
    );
    for body in [
        json!({ "display_name": " " }),
        json!({ "tz": "Mars/Base" }),
        json!({ "day_start_min": 721 }),
        json!({ "email": "x@y" }),
    ] {
        assert_eq!(patch(body.clone()).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
    assert_eq!(patch(json!({})).await.text("tz"), "Asia/Tokyo");
}

#[tokio::test]
async fn nothing_but_the_three_kinds_of_token_opens_the_door() {
    let (house, ada) = House::with_ada().await;
    let device = DeviceId::mint(NOON, crate::random::bytes());
    let password = secret::device_password();
    let fields = [("name", "Button"), ("kind", "button")].map(|(name, value)| (name.to_owned(), value.into())).into();
    house.auth.add_device(&house.auth.acting_for(&user(&ada)), &device, fields, &password).await.unwrap();
    // A device whose secret looks like a display's token is still no display.
    let odd = DeviceId::mint(NOON, crate::random::bytes());
    let odd_secret = secret::mint(secret::DISPLAY_TOKEN);
    let fields = [("name", "Button"), ("kind", "button")].map(|(name, value)| (name.to_owned(), value.into())).into();
    house.auth.add_device(&house.auth.acting_for(&user(&ada)), &odd, fields, &odd_secret).await.unwrap();
    let never = secret::mint(secret::API_TOKEN);
    for bearer in [password.as_str(), &odd_secret, &never, "krs_", "kdt_", "", "null", PASSWORD, "krs_é"] {
        assert!(house.auth.principal(bearer).await.is_err(), "{bearer}");
    }
    for (id, said) in [
        (device.as_str(), b"".as_slice()),
        (device.as_str(), b"wrong"),
        (odd.as_str(), password.as_bytes()),
        ("", password.as_bytes()),
        ("no such device", password.as_bytes()),
        (device.as_str(), &[0xff; 32]),
        (device.as_str(), &secret::hash(&password)),
    ] {
        assert!(house.auth.device_login(id, said).await.unwrap().is_none(), "{id}");
    }
    assert!(house.auth.device_login(device.as_str(), password.as_bytes()).await.unwrap().is_some());
}

#[tokio::test]
async fn whoever_lagged_behind_asks_again() {
    let (house, ada) = House::with_ada().await;
    let caller = house.auth.principal(&ada.access()).await.unwrap();
    let mut watched = house.auth.watch(&caller);
    let mut other = house.auth.watch(&caller);
    // The session's end is followed by more news than a listener is kept.
    let Caller::Person { principal, .. } = &caller else { panic!("{caller:?}") };
    house.post("/api/auth/logout").bearer(&ada.access()).send().await;
    for n in 0..70 {
        let token = house.auth.add_token(&principal.user, &n.to_string()).await.unwrap();
        house.auth.revoke_token(&principal.user, &token.id).await.unwrap();
    }
    watched.ended().await;
    other.ended().await;
}

#[tokio::test]
async fn one_key_makes_one_thing_and_the_secret_is_shown_once() {
    let (house, ada) = House::with_ada().await;
    let post = |path: &'static str, key: &str, body: Value| {
        house.post(path).bearer(&ada.access()).header("idempotency-key", key).json(body).send()
    };
    let told = |told: &Told| (told.status, told.code());
    let done = (StatusCode::CONFLICT, "already_done".to_owned());
    let reused = (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused".to_owned());

    let shell = json!({ "name": "shell" });
    assert_eq!(post("/api/tokens", "k1", shell.clone()).await.status, StatusCode::CREATED);
    let again = post("/api/tokens", "k1", shell.clone()).await;
    assert_eq!(told(&again), done);
    assert!(!again.body.to_string().contains("krs_"), "nothing is shown again");
    assert_eq!(told(&post("/api/tokens", "k1", json!({ "name": "other" })).await), reused);
    assert_eq!(house.get("/api/tokens").bearer(&ada.access()).send().await.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(post("/api/tokens", "k2", shell).await.status, StatusCode::CREATED, "another key, another token");

    let bo = json!({ "email": "bo@example.org", "password": PASSWORD, "display_name": "Bo" });
    let bad = json!({ "email": "bo@example.org", "password": "short", "display_name": "Bo" });
    assert_eq!(post("/api/users", "k3", bad).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(post("/api/users", "k3", bo.clone()).await.status, StatusCode::CREATED, "a refusal uses no key up");
    assert_eq!(told(&post("/api/users", "k3", bo.clone()).await), done);
    assert_eq!(told(&post("/api/users", "k1", bo.clone()).await), reused);
    assert_eq!(told(&post("/api/users", "k4", bo).await), (StatusCode::CONFLICT, "conflict".into()));
    assert_eq!(told(&post("/api/tokens", "a b", json!({ "name": "x" })).await).0, StatusCode::BAD_REQUEST);

    let patch = |name: &str| {
        let ask = house.ask("PATCH", "/api/me").bearer(&ada.access()).header("idempotency-key", "k5");
        ask.json(json!({ "display_name": name })).send()
    };
    assert_eq!(patch("Ada L.").await.text("display_name"), "Ada L.");
    let other = house.ask("PATCH", "/api/me").bearer(&ada.access()).json(json!({ "display_name": "Countess" }));
    assert_eq!(other.send().await.text("display_name"), "Countess");
    assert_eq!(patch("Ada L.").await.text("display_name"), "Countess", "said before: nothing changes");
    assert_eq!(told(&patch("Somebody").await), reused);
}
