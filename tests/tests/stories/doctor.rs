//! `kairos-hub doctor`: what may be wrong is found and said together with what to do about it.

use std::process::Output;

use kairos_tests::House;
use kairos_tests::postgres::Postgres;
use serde_json::{Value, json};

/// What was found of a part; the exit code says whether all is well.
fn of<'a>(found: &'a Value, part: &str) -> &'a Value {
    let findings = found["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["part"] == part).unwrap_or_else(|| panic!("nothing about {part}: {found}"))
}

fn read(output: &Output) -> Value {
    let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(output.status.code(), Some(i32::from(found["well"] != true)), "{found}");
    found
}

#[tokio::test]
async fn before_the_first_start_it_says_what_would_keep_the_hub_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let found = read(&House::builder().attempt(&data, &["doctor", "--json"]).await);
    assert_eq!(found["well"], true, "{found}");
    assert!(!data.exists(), "it changes nothing");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let house = House::builder().env("KAIROS_MQTT_LISTEN", &address.to_string());
    let output = house.attempt(&data, &["doctor"]).await;
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let port = address.port().to_string();
    let line = said.lines().position(|line| line.starts_with("look port") && line.contains(&port)).expect(&said);
    let advice = said.lines().nth(line + 1).unwrap();
    assert!(advice.contains("->") && advice.contains("mqtt.listen"), "{said}");

    let wrong = House::builder().env("KAIROS_MQTT_LISTEN", "nowhere");
    assert_eq!(wrong.attempt(&data, &["doctor"]).await.status.code(), Some(2));
}

#[tokio::test]
async fn beside_a_running_hub_it_tells_of_its_parts_and_tries_the_server() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let found = read(&house.cli(&["doctor", "--json"]).await);
    assert_eq!((found["well"].as_bool(), of(&found, "store")["well"].as_bool()), (Some(true), Some(true)), "{found}");

    // An empty database is looked at and left as it is; what would meet there is told.
    let mut server = Postgres::new().await;
    let url = server.url("kairos");
    let tables = "SELECT count(*) FROM pg_namespace WHERE nspname = 'kairos'";
    let tested = ada.post("/api/upstream/test", json!({ "url": url })).await;
    assert_eq!(tested["result"], "reachable", "{tested}");
    let preview = ada.post("/api/upstream/preview", json!({ "url": url })).await;
    assert_eq!(preview["is_empty"], true);
    let met = &preview["people"][0];
    assert_eq!((met["display_name"].as_str(), met["rows_there"].as_u64()), (Some("Ada"), Some(0)), "{preview}");
    assert!(met["rows_here"].as_u64().unwrap() > 0, "{preview}");
    assert_eq!(server.psql(tables).await.trim(), "0", "nothing was made there");

    let (status, said) = ada.ask(reqwest::Method::PUT, "/api/upstream", Some(json!({ "url": url }))).await;
    assert_eq!(status, 200, "{said}");
    let found = read(&house.cli(&["doctor", "--json"]).await);
    assert_eq!(of(&found, "server")["well"], true, "{found}");
    server.stop().await;
    let found = read(&house.cli(&["doctor", "--json"]).await);
    let told = of(&found, "server");
    assert!(told["seen"].as_str().unwrap().starts_with("Can't reach the server"), "{found}");
    assert!(told["advice"].as_str().unwrap().contains("Everything works here"), "{found}");
    assert!(!found.to_string().contains("postgres://"), "no address with a password is shown");
}
