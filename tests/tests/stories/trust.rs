//! What a phone is asked to trust before anybody has signed in.

use std::path::Path;
use std::process::Command;

use kairos_tests::House;
use serde_json::Value;

use super::peers::{node, peer};

async fn read(house: &House, path: &str) -> reqwest::Response {
    reqwest::get(format!("http://127.0.0.1:{}{path}", house.ports.http)).await.unwrap()
}

async fn about(house: &House) -> Value {
    serde_json::from_str(&read(house, "/api/trust").await.text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn the_authority_is_there_for_everybody_and_outlives_the_hub() {
    let mut house = House::start().await;
    let told = about(&house).await;
    assert_eq!((&told["certificates"], &told["require_tls"]), (&"own".into(), &false.into()), "{told}");
    assert_eq!(told["https_port"], house.ports.https);
    assert_eq!((&told["mqtt_port"], &told["mqtts_port"]), (&house.ports.mqtt.into(), &house.ports.mqtts.into()));
    let certificate = read(&house, "/trust/ca.crt").await;
    assert_eq!(
        (certificate.status().as_u16(), &certificate.headers()["content-type"]),
        (200, &"application/x-x509-ca-cert".parse().unwrap())
    );
    let certificate = certificate.bytes().await.unwrap();
    assert_eq!(certificate.first(), Some(&0x30), "DER");
    assert!(read(&house, "/trust").await.text().await.unwrap().contains("<html"));
    // The same to who has an account, and after a restart.
    house.set_up().await;
    house.kill().await;
    house.boot().await;
    assert_eq!(about(&house).await["fingerprint"], told["fingerprint"]);
    assert_eq!(read(&house, "/trust/ca.crt").await.bytes().await.unwrap(), certificate);
}

/// A home folder whose browsers trust the hub's authority.
fn trusting(house: &House) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join(".pki/nssdb");
    std::fs::create_dir_all(&store).unwrap();
    let certutil = |arguments: &[&str]| {
        let database = format!("sql:{}", store.display());
        let done = Command::new("certutil").args(["-d", &database]).args(arguments).status();
        assert!(done.expect("certutil runs; see tests/setup").success(), "{arguments:?}");
    };
    let ca = house.data_dir().join("tls/ca.pem");
    certutil(&["-N", "--empty-password"]);
    certutil(&["-A", "-t", "C,,", "-n", "Kairos Hub", "-i", ca.to_str().unwrap()]);
    home
}

/// A script in a browser that finds this hub under its own name, as a phone does.
fn browser(script: &str, house: &House, page: &str, home: &Path) -> tokio::process::Command {
    let mut browser = node(script, house);
    browser
        .env("HOME", home)
        .env("HUB_URL", page)
        .env("API_URL", format!("http://127.0.0.1:{}", house.ports.http))
        .env("HTTPS_HOST", format!("kairos.local:{}", house.ports.https))
        .env("HOST_RULES", "MAP kairos.local 127.0.0.1");
    browser
}

#[tokio::test]
async fn a_phone_that_trusts_the_hub_opens_without_it_and_one_that_does_not_is_told_how() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let (water, book) = (ada.habit("Water").await, ada.habit("Read a page").await);
    let (stranger, friend) = (tempfile::tempdir().unwrap(), trusting(&house));
    let plain = format!("http://kairos.local:{}", house.ports.http);
    let fingerprint = about(&house).await["fingerprint"].as_str().unwrap().to_owned();
    let mut told = browser("trust.mjs", &house, &plain, stranger.path());
    told.env("FINGERPRINT", &fingerprint);
    peer(told).await;
    let mut known = browser("trust.mjs", &house, &plain, friend.path());
    known.env("TRUSTED", "1");
    peer(known).await;
    // The page itself, over the line that is trusted: kept, opened again without a network, each deed once.
    let mut phone =
        browser("offline.mjs", &house, &format!("https://kairos.local:{}", house.ports.https), friend.path());
    phone.env("EMAIL", "ada@example.org").env("PASSWORD", "correct horse battery");
    phone.env("HABIT_ID", &water).env("OTHER_ID", &book);
    let said = peer(phone).await;
    assert!(said.iter().any(|line| line["step"] == "CLEAN"), "{said:?}");
}
