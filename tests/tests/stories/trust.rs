//! What a phone is asked to trust before anybody has signed in.

use kairos_tests::House;
use serde_json::Value;

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
