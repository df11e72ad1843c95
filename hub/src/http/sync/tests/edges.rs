//! What nobody should send, what nobody should do, and that it harms nobody else.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn whatever_is_not_right_gets_an_answer_of_its_own() {
    let house = House::new().await;
    let token = format!("Authorization: Token {}\r\n", house.ada.token);
    let many = json!({ "buckets": vec![json!({ "name": "b", "after": "1" }); 1001] }).to_string();
    let large = json!({ "app_metadata": "x".repeat(300 * 1024) }).to_string();
    let (message, signature) = house.ada.token.rsplit_once('.').unwrap();
    let flipped: String = signature.chars().map(|c| if c.is_ascii_lowercase() { 'A' } else { c }).collect();
    let forged = format!("Authorization: Token {message}.{flipped}\r\n");
    let unsigned = "Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.\r\n".to_owned();
    let none = String::new();
    for (headers, body, status, code, name) in [
        (&none, "{}", 401, "PSYNC_S2106", "AuthorizationError"),
        (&"Authorization: Basic YTpi\r\n".to_owned(), "{}", 401, "PSYNC_S2106", "AuthorizationError"),
        (&"Authorization: Token nonsense\r\n".to_owned(), "{}", 401, "PSYNC_S2101", "AuthorizationError"),
        (&unsigned, "{}", 401, "PSYNC_S2101", "AuthorizationError"),
        (&forged, "{}", 401, "PSYNC_S2102", "AuthorizationError"),
        (&token, "", 400, "PSYNC_S2001", "ValidationError"),
        (&token, "{\"buckets\":{}}", 400, "PSYNC_S2001", "ValidationError"),
        (&token, "{\"buckets\":[{\"name\":\"b\",\"after\":\"x\"}]}", 400, "PSYNC_S2001", "ValidationError"),
        (&token, "\u{0}\u{1}", 400, "PSYNC_S2001", "ValidationError"),
        (&token, &many, 400, "PSYNC_S2305", "ServiceError"),
        (&token, &large, 400, "PSYNC_S2001", "ValidationError"),
    ] {
        let refused = SyncStream::ask(house.port, headers, body.as_bytes()).await;
        assert_eq!(refused.status, status, "{code}");
        assert_eq!(refused.headers["access-control-allow-origin"], "*");
        let error = refused.refusal().await["error"].clone();
        assert_eq!((&error["code"], &error["name"], &error["status"]), (&json!(code), &json!(name), &json!(status)));
        assert!(error["description"].as_str().unwrap().len() > 10);
    }
    for (method, path) in [
        ("GET", "/write-checkpoint2.json?client_id=a%20b"),
        ("GET", "/write-checkpoint2.json?client_id=a&client_id=b"),
        ("POST", "/sync/checkpoint-request"),
    ] {
        let answer =
            house.ada.ask(method, path, Some(&json!({ "client_id": "a", "checkpoint_request_id": "-1" }))).await;
        assert_eq!((answer.status, &answer.body["error"]["code"]), (400, &json!("PSYNC_S2001")), "{path}: {answer:?}");
    }
    assert_eq!(ask(house.port, "GET", "/write-checkpoint2.json", "", None).await.body["error"]["code"], "PSYNC_S2106");
    assert_eq!(house.ada.ask("GET", "/sync/stream", None).await.status, 405);
}

#[tokio::test]
async fn pages_from_anywhere_may_sync_and_nothing_else() {
    let house = House::new().await;
    let foreign = "Origin: https://app.example\r\n";
    for path in [
        "/sync/stream",
        "/sync/checkpoint-request",
        "/write-checkpoint2.json",
        "/api/data",
        "/api/auth/token",
        "/api/conflicts",
        "/api/conflicts/x/restore",
    ] {
        let answer = ask(house.port, "OPTIONS", path, foreign, None).await;
        assert_eq!(answer.status, 204, "{path}");
        for header in [
            "access-control-allow-origin: *",
            "access-control-allow-headers: content-type, authorization, user-agent, x-user-agent, idempotency-key",
            "access-control-max-age: 3600",
        ] {
            assert!(answer.head.contains(header), "{path}: {}", answer.head);
        }
        assert!(!answer.head.contains("allow-credentials"));
    }
    let with_token = format!("{foreign}Authorization: Token {}\r\n", house.ada.token);
    assert_eq!(SyncStream::ask(house.port, &with_token, b"{}").await.status, 200);
    let token = ask(house.port, "GET", "/api/auth/token", &with_token, None).await;
    assert!(token.status == 200 && token.head.contains("access-control-allow-origin: *"));
    let habit = ask(house.port, "POST", "/api/habits", &with_token, Some(&json!({ "name": "x" }))).await;
    assert_eq!(habit.status, 403);
    assert!(!habit.head.contains("access-control"));
    assert!(!ask(house.port, "GET", "/api/habits", &with_token, None).await.head.contains("access-control"));
    let probe = ask(house.port, "GET", "/probes/readiness", "", None).await;
    assert_eq!((probe.status, &probe.body["ready"], &probe.body["started"]), (200, &json!(true), &json!(true)));
    assert_eq!(probe.body["touched_at"], "2026-11-24T10:00:00Z");
}

#[tokio::test]
async fn a_person_has_sixteen_streams_and_a_phone_that_returns_finds_a_place() {
    let house = House::new().await;
    let body = |client: usize| json!({ "client_id": client.to_string(), "raw_data": true });
    let mut streams = Vec::new();
    for n in 0..16 {
        let stream = SyncStream::open(house.port, &house.ada.token, &body(n), false).await;
        assert_eq!(stream.status, 200);
        streams.push(stream);
    }
    let refused = SyncStream::open(house.port, &house.ada.token, &body(99), false).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.refusal().await["error"]["code"], "PSYNC_S2304");
    let bo = house.add("bo").await;
    assert_eq!(SyncStream::open(house.port, &bo.token, &body(1), false).await.status, 200);
    assert_eq!(SyncStream::open(house.port, &house.ada.token, &body(3), false).await.status, 200);
    while streams[3].line().await.is_some() {}
    drop(streams.pop());
    let begun = tokio::time::Instant::now();
    while SyncStream::open(house.port, &house.ada.token, &body(99), false).await.status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(10), "the place of one that left is free");
    }
}

#[tokio::test]
async fn a_client_that_never_reads_holds_up_nobody_and_little_memory() {
    let house = House::new().await;
    let ada = &house.ada;
    let note = "x".repeat(4000);
    for from in (0..3000).step_by(1000) {
        let cell = |n: usize| {
            let mut cell = Written::cell(&format!("c{n}"), ada, "h", "2026-11-01");
            cell.columns.push(("note", note.as_str().into()));
            cell
        };
        house.write((from..from + 1000).map(cell).collect()).await;
    }
    let mut deaf = Vec::new();
    for _ in 0..4 {
        let mut replica = Replica::new("deaf");
        deaf.push((ada.sync(&mut replica).await, replica));
    }
    let mut phone = Replica::new("phone");
    let mut stream = ada.sync(&mut phone).await;
    stream.complete(&mut phone).await;
    assert_eq!(phone.ids("completions").len(), 3000);
    let water = ada.habit("Water").await;
    stream.until(&mut phone, "a change", |phone| phone.row("habits", &water).is_some()).await;
    // What one of them takes late is whole: the checkpoint was overtaken meanwhile, and a diff says so.
    let (mut stream, mut late) = deaf.pop().unwrap();
    stream.complete(&mut late).await;
    assert!(late.kinds.iter().any(|kind| kind == "checkpoint_diff"), "the checkpoint was overtaken");
    assert_eq!(late.rows, phone.rows);
}

#[tokio::test]
async fn before_it_is_set_up_the_hub_syncs_with_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut config = Config { data_dir: dir.path().join("data"), ..Config::default() };
    (config.http.listen, config.mqtt.listen) = (any, any);
    config.tls.mode = crate::config::TlsMode::Off;
    config.discovery.enabled = false;
    let hub = Box::pin(Hub::start(&config, Clock::manual(NOON))).await.unwrap();
    let answer = ask(hub.addresses.http.port(), "POST", "/sync/stream", "", Some(&json!({}))).await;
    assert_eq!((answer.status, &answer.body["error"]["code"]), (503, &json!("setup_required")));
    hub.stop().await;
}
