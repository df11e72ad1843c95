//! Every door asks who is there: a page of somebody else's, and a stranger. Other people of the house: `fences`.

use std::collections::BTreeSet;
use std::time::Duration;

use kairos_tests::raw::{connect, exchange, hear};
use kairos_tests::{Database, House, workspace};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn a_foreign_name_or_page_is_turned_away() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let authorized = format!("Authorization: Bearer {}\r\n", ada.token);
    let ask = async |path: &str, host: &str, more: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n");
        exchange(house.ports.http, request.as_bytes(), Duration::from_secs(5)).await.statuses()
    };
    for host in ["evil.example", "kairos.local.evil.example", "127.0.0.1.nip.io", "a@127.0.0.1", ""] {
        for path in ["/", "/api/today", "/mirror", "/api/openapi.json", "/api/auth/login"] {
            let statuses = ask(path, host, &authorized).await;
            assert!(matches!(statuses[..], [421 | 400]), "{host} {path}: {statuses:?}");
        }
        assert_eq!(ask("/health", if host.is_empty() { "x.example" } else { host }, "").await, [200]);
    }
    for host in ["127.0.0.1", "localhost", "kairos", "[::1]:8420", "192.168.1.5"] {
        assert_eq!(ask("/api/today", host, &authorized).await, [200], "{host}");
    }
    let upgrade = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n";
    for path in ["/api/websocket", "/mqtt"] {
        for origin in ["http://evil.example", "null", "https://localhost.evil.example", "http://localhost:1", "file://"]
        {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\n{upgrade}Origin: {origin}\r\n\r\n"
            );
            let mut stream = connect(house.ports.http).await;
            stream.write_all(request.as_bytes()).await.unwrap();
            let heard = hear(&mut stream, Duration::from_millis(200)).await;
            assert_eq!(heard.statuses(), [403], "{path} {origin}");
        }
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\n{upgrade}Origin: http://localhost\r\n\r\n"
        );
        let mut stream = connect(house.ports.http).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(hear(&mut stream, Duration::from_millis(500)).await.statuses(), [101], "{path}: its own page");
    }
    house.is_well().await;
}

/// Every operation of openapi.json: method, path, and whether it says that it needs no token.
pub(super) fn operations(document: &Value) -> Vec<(Method, String, bool)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
            let open = operation["security"].as_array().is_some_and(|all| all.iter().any(|one| one == &json!({})));
            found.push((method, path.clone(), open));
        }
    }
    assert!(found.len() > 25, "the document describes the API: {} operations", found.len());
    found
}

/// What may be asked without a token, and nothing else. Adding to it is a decision.
const OPEN: [&str; 17] = [
    "GET /.well-known/jwks.json",
    "GET /api/.well-known/jwks.json",
    "GET /api/auth/keys",
    "GET /api/setup",
    "GET /api/trust",
    "GET /api/websocket",
    "GET /health",
    "GET /probes/{probe}",
    "GET /trust/ca.crt",
    "POST /api/auth/exchange",
    "POST /api/auth/login",
    "POST /api/auth/logout",
    "POST /api/auth/refresh",
    "POST /api/displays",
    "POST /api/setup",
    "POST /api/upstream/redeem",
    "GET /api/openapi.json",
];

#[tokio::test]
async fn every_route_asks_who_is_there() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let habit = ada.habit("Read").await;
    let device = ada.button("Bedside", &habit, "complete").await.device_id;
    let head = Database::open(&house.database()).head();
    let document = ada.get("/api/openapi.json").await;
    let mut open = BTreeSet::from(["GET /api/openapi.json".to_owned()]);
    for (method, path, says_open) in operations(&document) {
        let name = format!("{method} {path}");
        // Whoever leaves need not prove that they were there; there is nothing to be learned.
        if says_open || name == "POST /api/auth/logout" {
            open.insert(name);
            continue;
        }
        for id in [habit.as_str(), device.as_str(), ada.user_id.as_str(), "nonsense"] {
            let url = house.url(&path.replace("{id}", id).replace("{code}", "K7MF-2QXD"));
            for bearer in [None, Some("nonsense"), Some(""), Some("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.")] {
                let request = house.http.request(method.clone(), &url).json(&json!({}));
                let request = match bearer {
                    Some(token) => request.bearer_auth(token),
                    None => request,
                };
                let answer = request.send().await.unwrap();
                let status = answer.status().as_u16();
                // A display asks with the secret of its pairing; one that nobody knows is over.
                let gone = name == "GET /api/displays/poll" && status == 410;
                assert!(gone || [401, 403, 404].contains(&status), "{name} with {bearer:?}: {status}");
                let body: Value = answer.json().await.unwrap();
                assert!(body["error"]["code"].is_string(), "{name}: {body}");
            }
        }
    }
    assert_eq!(open, OPEN.iter().map(|name| (*name).to_owned()).collect(), "what needs no token");
    assert_eq!(Database::open(&house.database()).head(), head, "nothing was changed");
    house.is_well().await;
}

#[tokio::test]
async fn tokens_are_good_by_the_published_keys_and_nothing_made_of_them_is() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let sync = ada.get("/api/auth/token").await;
    let mut peer = tokio::process::Command::new("node");
    peer.arg(workspace().join("tests/peers/jose/verify.mjs")).env("HUB_URL", house.url(""));
    peer.env("ACCESS_TOKEN", &ada.token)
        .env("SYNC_TOKEN", sync["token"].as_str().unwrap())
        .env("USER_ID", &ada.user_id);
    let said = super::peers::peer(peer).await;
    let of = |step: &str| said.iter().filter(|line| line["step"] == step).count();
    assert_eq!((of("VERIFIED"), of("REFUSED"), of("DONE")), (2, 18, 1), "{said:?}");
}
