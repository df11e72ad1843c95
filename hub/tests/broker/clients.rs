//! A real client library in both versions.

use super::house::{House, SOON};
use std::time::Duration;

#[tokio::test]
async fn rumqttc_speaks_3_1_1() {
    use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
    let house = House::new().await;
    let mut options = MqttOptions::new("library", "127.0.0.1", house.mqtt.port());
    options.set_credentials("a", std::str::from_utf8(super::house::PASSWORD).unwrap());
    options.set_keep_alive(Duration::from_secs(5));
    let (client, mut events) = AsyncClient::new(options, 10);
    client.subscribe("kairos/device/a/ack", QoS::AtLeastOnce).await.unwrap();
    client.publish("kairos/device/b/event", QoS::AtLeastOnce, false, "no").await.unwrap();
    client.publish("kairos/device/a/event", QoS::ExactlyOnce, false, "{}").await.unwrap();
    let talk = async {
        loop {
            match events.poll().await.unwrap() {
                Event::Incoming(Packet::PubComp(_)) => {
                    house.broker.publish("kairos/device/a/ack", "done", 1, false).await;
                }
                Event::Incoming(Packet::Publish(message)) => return message.payload,
                _ => {}
            }
        }
    };
    assert_eq!(tokio::time::timeout(SOON, talk).await.unwrap(), "done");
    assert_eq!(house.gate.with(|log| log.events.len()), 1);
}

#[tokio::test]
async fn rumqttc_speaks_5() {
    use rumqttc::v5::mqttbytes::QoS;
    use rumqttc::v5::mqttbytes::v5::{Packet, PubAckReason};
    use rumqttc::v5::{AsyncClient, Event, MqttOptions};
    let house = House::new().await;
    let mut options = MqttOptions::new("library", "127.0.0.1", house.mqtt.port());
    options.set_credentials("a", std::str::from_utf8(super::house::PASSWORD).unwrap());
    let (client, mut events) = AsyncClient::new(options, 10);
    client.subscribe("kairos/device/a/ack", QoS::AtLeastOnce).await.unwrap();
    client.publish("kairos/device/b/event", QoS::AtLeastOnce, false, "no").await.unwrap();
    client.publish("kairos/device/a/event", QoS::AtLeastOnce, false, "{}").await.unwrap();
    let mut reasons = Vec::new();
    let talk = async {
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::PubAck(ack))) => {
                    reasons.push(ack.reason);
                    if reasons.len() == 2 {
                        house.broker.publish("kairos/device/a/ack", "done", 1, false).await;
                    }
                }
                Ok(Event::Incoming(Packet::Publish(message))) => return message.payload,
                Ok(_) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    assert_eq!(tokio::time::timeout(SOON, talk).await.unwrap(), "done");
    assert_eq!(reasons, [PubAckReason::NotAuthorized, PubAckReason::Success]);
}
