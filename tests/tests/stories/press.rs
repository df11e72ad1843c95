//! The main job: a press is saved, acknowledged and seen.

use kairos_simulator::{AckResult, Fleet, FleetConfig};
use kairos_tests::House;
use serde_json::json;

#[tokio::test]
async fn a_press_is_in_today_on_the_websocket_and_acknowledged() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let habit = ada.habit("Water the plants").await;
    let button = ada.button("Window", &habit, "complete").await;
    let mut screen = ada.screen().await;
    let start = screen.subscribe().await;
    assert_eq!(start["today"]["items"][0]["done"], false);

    let config = FleetConfig::new("127.0.0.1", house.ports.mqtt, vec![button.credentials()]);
    let fleet = Fleet::start(&config);
    let acked = fleet.buttons()[0].press("1").await.unwrap();
    assert_eq!(acked.result, AckResult::Applied);
    let event = screen.event(|event| event["table"] == "completion_events").await;
    assert_eq!(event["row"]["device_id"], json!(button.device_id));
    screen.sees(&habit, |item| item["done"] == true).await;
    assert_eq!(ada.item(&habit).await["done"], true);
}
