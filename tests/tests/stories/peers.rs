//! Other people's programs against the real hub: Mosquitto's clients, paho, Chromium.
//!
//! `tests/setup` installs them. Where one is absent the test says so and does not pass.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use kairos_simulator::{AckResult, Fleet, FleetConfig};
use kairos_tests::{Button, House, Person, Script, workspace};
use serde_json::Value;
use tokio::process::Command;

/// Longer than any peer needs, shorter than the runner's patience.
const LONG: Duration = Duration::from_secs(90);

/// Runs a peer to its end; gives what it printed, a JSON object a line.
pub(super) async fn peer(mut command: Command) -> Vec<Value> {
    let output = tokio::time::timeout(LONG, command.stdin(Stdio::null()).kill_on_drop(true).output());
    let output =
        output.await.expect("the peer ends").unwrap_or_else(|error| panic!("{command:?}: {error}; run tests/setup"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}\n{said}\n{complaint}");
    said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn python(script: &str) -> Command {
    let root = workspace();
    let mut command = Command::new(root.join(".venv/bin/python"));
    command.arg(root.join("tests/peers/paho").join(script));
    command
}

pub(super) fn node(script: &str, house: &House) -> Command {
    let mut command = Command::new("node");
    command.arg(script).current_dir(workspace().join("tests/browser")).env("HUB_URL", house.url(""));
    command
}

async fn house_with_button() -> (House, Person, Button) {
    let house = House::start().await;
    let ada = house.set_up().await;
    let habit = ada.counted_habit("Water", 8.0).await;
    let button = ada.button("Kitchen", &habit, "add").await;
    (house, ada, button)
}

fn certificate(house: &House) -> PathBuf {
    house.data_dir().join("tls/ca.pem")
}

#[tokio::test]
async fn mosquitto_clients_press_in_both_versions_and_in_tls() {
    let (house, ada, button) = house_with_button().await;
    let plain = house.ports.mqtt.to_string();
    let tls = house.ports.mqtts.to_string();
    let ca = certificate(&house);
    let ca = ca.to_str().unwrap();
    for arguments in [
        vec!["--port", &plain, "--protocol", "mqttv311"],
        vec!["--port", &plain, "--protocol", "mqttv5"],
        vec!["--port", &tls, "--protocol", "mqttv311", "--ca", ca, "--host", "localhost"],
    ] {
        let mut command = Command::new(workspace().join("tests/peers/mosquitto/press"));
        command.args(["--device", &button.device_id]).args(arguments).env("KAIROS_DEVICE_PASSWORD", &button.password);
        peer(command).await;
    }
    // Each pressed once and repeated that press once.
    assert_eq!(ada.item(&button.habit_id).await["value"], 3.0);
}

#[tokio::test]
async fn paho_presses_over_tcp_tls_and_websocket_in_both_versions() {
    let (house, ada, button) = house_with_button().await;
    let (mqtt, mqtts) = (house.ports.mqtt.to_string(), house.ports.mqtts.to_string());
    let (http, https) = (house.ports.http.to_string(), house.ports.https.to_string());
    let ca = certificate(&house);
    let ca = ca.to_str().unwrap();
    let ways: [&[&str]; 4] = [
        &["--port", &mqtt],
        &["--port", &http, "--transport", "websockets"],
        &["--port", &mqtts, "--ca", ca, "--host", "localhost"],
        &["--port", &https, "--transport", "websockets", "--ca", ca, "--host", "localhost"],
    ];
    for way in ways {
        for protocol in ["3.1.1", "5"] {
            let mut command = python("press.py");
            command.args(["--device", &button.device_id, "--protocol", protocol]).args(way);
            command.env("KAIROS_DEVICE_PASSWORD", &button.password);
            peer(command).await;
        }
    }
    assert_eq!(ada.item(&button.habit_id).await["value"], 8.0);
}

#[tokio::test]
async fn paho_is_refused_what_is_not_its_own() {
    let (house, ada, button) = house_with_button().await;
    let bo = house.add_person(&ada, "bo@example.org").await;
    let habit = bo.habit("Secret").await;
    let other = bo.button("Other", &habit, "complete").await;
    let mut command = python("denied.py");
    command.args([
        "--device",
        &button.device_id,
        "--other",
        &other.device_id,
        "--port",
        &house.ports.mqtt.to_string(),
        "--protocol",
        "5",
    ]);
    command.env("KAIROS_DEVICE_PASSWORD", &button.password);
    peer(command).await;
    assert_eq!(bo.item(&habit).await["done"], false);
}

/// What a phone calls itself. There each tab syncs by itself, elsewhere a worker does for all of them.
pub(super) const ANDROID: &str =
    "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 Chrome/156.0 Mobile Safari/537.36";

#[tokio::test]
async fn a_page_goes_on_without_the_hub_and_brings_each_deed_once() {
    goes_on_without_the_hub("").await;
}

#[tokio::test]
async fn a_phones_page_goes_on_without_the_hub_and_brings_each_deed_once() {
    goes_on_without_the_hub(ANDROID).await;
}

async fn goes_on_without_the_hub(agent: &str) {
    let house = House::start().await;
    let ada = house.set_up().await;
    let (water, book) = (ada.habit("Water").await, ada.habit("Read a page").await);
    let mut page = node("offline.mjs", &house);
    page.env("EMAIL", "ada@example.org").env("PASSWORD", "correct horse battery");
    page.env("HABIT_ID", &water).env("OTHER_ID", &book).env("AGENT", agent);
    let said = peer(page).await;
    assert!(said.iter().any(|line| line["step"] == "CLEAN"), "{said:?}");
    // The last that was done of the other, offline and before a sign-out, took it back.
    assert_eq!((&ada.item(&water).await["done"], &ada.item(&book).await["done"]), (&true.into(), &false.into()));
}

#[tokio::test]
async fn two_phones_that_differ_keep_both_words_and_a_neighbours_sees_neither() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let tea = ada.habit("Tea").await;
    house.add_person(&ada, "bo@example.org").await;
    let mut phones = node("two-phones.mjs", &house);
    phones.env("EMAIL", "ada@example.org").env("PASSWORD", "correct horse battery");
    phones.env("HABIT_ID", &tea).env("OTHER_EMAIL", "bo@example.org");
    phones.env("OTHER_PASSWORD", "another long password");
    let said = peer(phones).await;
    assert!(said.iter().any(|line| line["step"] == "PRIVATE"), "{said:?}");
    // Done by both, and taken back in the end by one.
    assert!(said.iter().any(|line| line["step"] == "TABS"), "{said:?}");
    assert_eq!(ada.item(&tea).await["done"], false);
}

#[tokio::test]
async fn no_screen_hinders_anybody_in_light_or_dark() {
    let house = House::start().await;
    let mut screens = node("screens.mjs", &house);
    screens.env("SETUP_CODE", house.setup_code.clone().unwrap());
    screens.env("HTTPS_HOST", format!("127.0.0.1:{}", house.ports.https));
    if let Ok(shots) = std::env::var("KAIROS_TEST_SHOTS") {
        screens.env("SHOTS", shots);
    }
    peer(screens).await;
}

#[tokio::test]
async fn a_browser_sets_the_hub_up_and_a_mirror_shows_the_press() {
    let house = House::start().await;
    let shots = std::env::var("KAIROS_TEST_SHOTS").unwrap_or_default();
    let mut setup = node("setup.mjs", &house);
    setup.env("SETUP_CODE", house.setup_code.clone().unwrap()).env("TAP", "1");
    if !shots.is_empty() {
        setup.env("SHOTS", &shots);
    }
    let said = peer(setup).await;
    println!("{said:?}");

    let ada = house.sign_in("ada@example.org", "correct horse battery staple").await;
    let habit = ada.habit("Read a page").await;
    let button = ada.button("Bedside", &habit, "complete").await;
    let mut mirror = node("mirror.mjs", &house);
    mirror.env("TOKEN", &ada.token).env("HABIT_ID", &habit);
    if !shots.is_empty() {
        mirror.env("SHOTS", &shots);
    }
    let mut mirror = Script::start(mirror);
    mirror.reaches("READY").await;
    let fleet = Fleet::start(&FleetConfig::new("127.0.0.1", house.ports.mqtt, vec![button.credentials()]));
    let acked = fleet.button(0).press("1").await.unwrap();
    assert_eq!(acked.result, AckResult::Applied);
    mirror.reaches("SEEN").await;
    mirror.ends().await;
}
