//! Signing in, staying in, signing out.

use super::*;

#[tokio::test]
async fn whatever_is_wrong_the_answer_is_the_same() {
    let (house, ada) = House::with_ada().await;
    let bo = house.with(&ada, "bo", "member").await;
    let path = format!("/api/users/{}/disable", bo.text("user_id"));
    assert_eq!(house.post(&path).bearer(&ada.access()).send().await.status, StatusCode::OK);
    let long = "x".repeat(300);
    let mut seen = Vec::new();
    for (n, (email, password)) in [
        ("ada@example.org", "a wrong password"),
        ("nobody@example.org", PASSWORD),
        ("bo@example.org", PASSWORD),
        ("not an address", PASSWORD),
        ("ada@example.org", ""),
        ("ada@example.org", long.as_str()),
    ]
    .into_iter()
    .enumerate()
    {
        let told = house.login(email, password).from(u16::try_from(n).unwrap()).send().await;
        assert_eq!((told.status, told.code().as_str()), (StatusCode::UNAUTHORIZED, "invalid_credentials"), "{email}");
        seen.push((told.body.to_string(), told.headers));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(house.login(" ADA@example.ORG ", PASSWORD).from(90).send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_a_minute_for_a_lost_answer() {
    let (house, first) = House::with_ada().await;
    let second = house.refresh(&first.refresh()).send().await;
    assert_eq!(second.status, StatusCode::OK);
    assert_ne!(second.refresh(), first.refresh());
    assert_eq!(house.get("/api/me").bearer(&second.access()).send().await.status, StatusCode::OK);

    house.after(59_000);
    let again = house.refresh(&first.refresh()).send().await;
    assert_eq!(again.refresh(), second.refresh(), "the same successor, so that there is one living token");

    let other = house.login("ada@example.org", PASSWORD).send().await;
    house.after(2_000);
    let reuse = house.refresh(&first.refresh()).send().await;
    assert_eq!(reuse.status, StatusCode::UNAUTHORIZED);
    for token in [first.refresh(), second.refresh()] {
        assert_eq!(house.refresh(&token).send().await.status, StatusCode::UNAUTHORIZED, "the family has ended");
    }
    for told in [&first, &second, &again] {
        let me = house.get("/api/me").bearer(&told.access()).send().await;
        assert_eq!(me.status, StatusCode::UNAUTHORIZED, "and with it its access tokens");
    }
    assert_eq!(house.refresh(&other.refresh()).send().await.status, StatusCode::OK, "another device is not concerned");
    let house = house.restarted().await;
    assert_eq!(house.get("/api/me").bearer(&second.access()).send().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.get("/api/me").bearer(&other.access()).send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn two_tabs_that_refresh_at_the_same_moment_stay_signed_in() {
    let (house, first) = House::with_ada().await;
    let token = first.refresh();
    let (one, other) = tokio::join!(house.refresh(&token).send(), house.refresh(&token).send());
    assert_eq!(one.refresh(), other.refresh());
    house.after(10 * MINUTE);
    assert_eq!(house.refresh(&one.refresh()).send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_session_lives_ninety_days_from_its_last_use() {
    let (house, first) = House::with_ada().await;
    house.after(89 * DAY);
    let second = house.refresh(&first.refresh()).send().await;
    assert_eq!(second.status, StatusCode::OK);
    house.after(89 * DAY);
    let third = house.refresh(&second.refresh()).send().await;
    assert_eq!(third.status, StatusCode::OK);
    house.auth.tend().await.unwrap();
    assert_eq!(house.get("/api/me").bearer(&third.access()).send().await.status, StatusCode::OK);
    house.after(16 * MINUTE);
    assert_eq!(house.get("/api/me").bearer(&third.access()).send().await.status, StatusCode::UNAUTHORIZED);
    house.after(90 * DAY);
    assert_eq!(house.refresh(&third.refresh()).send().await.status, StatusCode::UNAUTHORIZED);
    house.after(2 * DAY);
    house.auth.tend().await.unwrap();
    assert_eq!(house.login("ada@example.org", PASSWORD).send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn refreshing_is_bounded() {
    let (house, mut told) = House::with_ada().await;
    for _ in 0..10 {
        told = house.refresh(&told.refresh()).send().await;
    }
    assert_eq!(house.refresh(&told.refresh()).send().await.status, StatusCode::TOO_MANY_REQUESTS);
    house.after(MINUTE);
    assert_eq!(house.refresh(&told.refresh()).send().await.status, StatusCode::OK, "and the token was not lost");
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused() {
    let (house, ada) = House::with_ada().await;
    for token in ["", "krr_", &ada.access(), &format!("krr_{}", "a".repeat(43)), &format!("{}x", ada.refresh())] {
        assert_eq!(house.refresh(token).send().await.status, StatusCode::UNAUTHORIZED, "{token}");
    }
    assert_eq!(house.post("/api/auth/refresh").send().await.status, StatusCode::UNAUTHORIZED);
    let odd = house.post("/api/auth/refresh").json(json!([1])).send().await;
    assert_eq!(odd.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(house.get("/api/me").bearer(&ada.refresh()).send().await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_browser_keeps_the_refresh_token_where_no_script_sees_it() {
    let (house, _) = House::with_ada().await;
    for secure in [false, true] {
        let over = |ask: Ask| if secure { ask.secure() } else { ask };
        let told = over(house.login("ada@example.org", PASSWORD)).page("").send().await;
        assert_eq!(told.body.get("refresh_token"), None);
        let set = told.headers[header::SET_COOKIE].to_str().unwrap();
        let (name, rest) = if secure {
            ("__Host-kairos_refresh=krr_", "; Path=/; Max-Age=7776000; HttpOnly; SameSite=Strict; Secure")
        } else {
            ("kairos_refresh_lan=krr_", "; Path=/api/auth; Max-Age=7776000; HttpOnly; SameSite=Strict")
        };
        assert!(set.starts_with(name) && set.ends_with(rest), "{secure}");
        let cookie = told.cookie();

        // Nobody else's page, and no request that does not say where it comes from.
        for (name, value) in [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("x-kairos-cookie", "1"),
        ] {
            let ask = over(house.post("/api/auth/refresh")).header("cookie", &cookie).header(name, value);
            assert_eq!(ask.send().await.status, StatusCode::FORBIDDEN, "{name}: {value}");
        }
        // A family of its own: not in a body, and not on the other page.
        let token = cookie.split_once('=').unwrap().1.to_owned();
        assert_eq!(house.refresh(&token).send().await.status, StatusCode::UNAUTHORIZED);
        let other =
            if secure { format!("kairos_refresh_lan={token}") } else { format!("__Host-kairos_refresh={token}") };
        let ask = house.post("/api/auth/refresh");
        let ask = if secure { ask } else { ask.secure() };
        assert_eq!(ask.page(&other).send().await.status, StatusCode::UNAUTHORIZED);

        let next = over(house.post("/api/auth/refresh")).page(&cookie).send().await;
        assert_eq!((next.status, next.body.get("refresh_token")), (StatusCode::OK, None));
        assert_ne!(next.cookie(), cookie);
        let out = over(house.post("/api/auth/logout")).page(&next.cookie()).send().await;
        assert_eq!(out.status, StatusCode::NO_CONTENT);
        assert!(out.headers[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
        let gone = over(house.post("/api/auth/refresh")).page(&next.cookie()).send().await;
        assert_eq!(gone.status, StatusCode::UNAUTHORIZED);
        assert_eq!(house.get("/api/me").bearer(&next.access()).send().await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn signing_out_ends_this_device_and_no_other() {
    let (house, one) = House::with_ada().await;
    let other = house.login("ada@example.org", PASSWORD).send().await;
    let third = house.login("ada@example.org", PASSWORD).send().await;
    let body = json!({ "refresh_token": one.refresh() });
    for _ in 0..2 {
        let out = house.post("/api/auth/logout").json(body.clone()).send().await;
        assert_eq!(out.status, StatusCode::NO_CONTENT, "also the second time");
    }
    assert_eq!(house.get("/api/me").bearer(&one.access()).send().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.refresh(&one.refresh()).send().await.status, StatusCode::UNAUTHORIZED);
    // By access token alone.
    let out = house.post("/api/auth/logout").bearer(&other.access()).send().await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert_eq!(house.refresh(&other.refresh()).send().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.refresh(&third.refresh()).send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_sixty_fifth_device_ends_the_one_unused_for_longest() {
    let (house, first) = House::with_ada().await;
    house.after(1000);
    let second = house.login("ada@example.org", PASSWORD).send().await;
    house.after(1000);
    for _ in 0..63 {
        assert_eq!(house.login("ada@example.org", PASSWORD).send().await.status, StatusCode::OK);
    }
    assert_eq!(house.get("/api/me").bearer(&first.access()).send().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.get("/api/me").bearer(&second.access()).send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn guessing_is_slowed_and_the_owner_gets_in() {
    let (house, _) = House::with_ada().await;
    assert_eq!(house.login("ada@example.org", PASSWORD).from(1).send().await.status, StatusCode::OK);
    let mut hashed = 0;
    for _ in 0..200 {
        let told = house.login("ada@example.org", "guess guess").from(666).send().await;
        match told.status {
            StatusCode::UNAUTHORIZED => hashed += 1,
            status => assert_eq!(status, StatusCode::TOO_MANY_REQUESTS),
        }
    }
    assert_eq!(hashed, 10);
    let unknown = house.login("nobody@example.org", "guess guess").from(666).send().await;
    assert_eq!(unknown.status, StatusCode::TOO_MANY_REQUESTS, "the same for accounts that are not there");
    assert_eq!(house.login("ada@example.org", PASSWORD).from(1).send().await.status, StatusCode::OK, "a known place");
    assert_eq!(house.login("ada@example.org", PASSWORD).from(2).send().await.status, StatusCode::OK, "a new place");
}

#[tokio::test]
async fn the_keys_are_published_in_three_places() {
    let (house, _) = House::with_ada().await;
    for path in ["/.well-known/jwks.json", "/api/.well-known/jwks.json", "/api/auth/keys"] {
        let told = house.get(path).send().await;
        assert_eq!(told.body["keys"][0]["crv"], "Ed25519", "{path}");
        assert_eq!(told.body["keys"][0].as_object().unwrap().len(), 6, "nothing private");
        assert_eq!(told.headers[header::CACHE_CONTROL], "public, max-age=300");
    }
}
