//! What the rules say, over the wire: nothing crosses from one credential to another.

use super::house::House;
use super::wire::{Hello, Via, WAYS, hello};
use kairos_hub::broker::{Refusal, Settings};

/// Filters device `a` tries in the hope of seeing device `b`, the hub, or everything.
const FILTERS: [&str; 24] = [
    "#",
    "+/#",
    "+/+/+/+",
    "kairos/#",
    "kairos/+/#",
    "kairos/device/#",
    "kairos/device/+/state",
    "kairos/device/b/#",
    "kairos/device/b/state",
    "kairos/device/+/#",
    "+/device/b/state",
    "kairos/hub/#",
    "kairos/pair/+/credentials",
    "homeassistant/#",
    "$SYS/#",
    "$SYS/broker/version",
    "$share/g/#",
    "$share/g/kairos/device/b/state",
    "$share/g/kairos/#",
    "$share/kairos/device/b/state",
    "$share//kairos/device/a/state",
    "$share/g/$SYS/#",
    "kairos/device/ab/state",
    "/kairos/device/b/state",
];

/// Topics device `a` tries to publish to.
const TOPICS: [&str; 20] = [
    "kairos/device/b/event",
    "kairos/device/b/status",
    "kairos/device/b/state",
    "kairos/device/a/state",
    "kairos/device/a/ack",
    "kairos/device/a",
    "kairos/device/a/x",
    "kairos/device/a/event/x",
    "kairos/device/ab/event",
    "kairos/hub/status",
    "kairos/hub/habit/1/set",
    "kairos/pair/x/hello",
    "kairos/pair/x/credentials",
    "homeassistant/status",
    "homeassistant/sensor/x/config",
    "zigbee2mqtt/x",
    "$SYS/broker/x",
    "$share/g/kairos/device/a/event",
    "éclairage/salon",
    "kairos//device/a/event",
];

#[tokio::test]
async fn no_subscription_reaches_another_device() {
    let house = House::new().await;
    for (via, level) in WAYS.into_iter().flat_map(|via| [(via, 4), (via, 5)]) {
        let mut device = house.try_client(via, &hello(level, "a", "board")).await.unwrap();
        for filter in FILTERS {
            let code = device.subscribe(filter).await;
            assert!(code >= 0x80, "{filter} was granted over {via:?} {level}");
            assert!(level == 5 || code == 0x80, "3.1.1 knows one refusal, got {code:#x}");
        }
        assert_eq!(device.subscribe("kairos/device/a/#").await, 1);
        house.broker.publish("kairos/device/b/state", "theirs", 1, false).await;
        house.broker.publish("kairos/hub/status", "theirs", 1, false).await;
        house.broker.publish("kairos/device/a/state", "ours", 1, false).await;
        assert_eq!(device.message().await.payload, b"ours");
        assert!(device.ping().await && device.inbox.is_empty());
    }
    house.gate.refusal(Refusal::Subscribe).await;
}

#[tokio::test]
async fn no_publish_reaches_another_topic() {
    // More packets than a device's burst.
    let rate = kairos_hub::broker::Rate { per_second: 0, burst: 0 };
    let settings = Settings { device_rate: rate, ..super::house::settings() };
    let house = House::with(settings, Vec::new()).await;
    let mut tool = house.client(5, "tool", "t").await;
    assert_eq!(tool.subscribe("#").await, 1);
    for (via, level) in WAYS.into_iter().flat_map(|via| [(via, 4), (via, 5)]) {
        let mut device = house.try_client(via, &hello(level, "a", "board")).await.unwrap();
        for topic in TOPICS {
            for retain in [false, true] {
                let code = device.publish(topic, b"x", retain).await;
                assert_eq!(code, Some(if level == 5 { 0x87 } else { 0 }), "{topic} over {via:?} {level}");
                let once = device.publish_bytes(topic.as_bytes(), b"x", 0, retain);
                device.send(&once).await;
                let twice = device.publish_bytes(topic.as_bytes(), b"x", 2, retain);
                device.send(&twice).await;
                assert!(device.expect(5).await.is_some());
            }
        }
        assert!(device.ping().await);
    }
    assert!(tool.ping().await);
    assert_eq!(tool.inbox, []);
    house.gate.with(|log| {
        assert!(log.events.is_empty() && log.notes.is_empty() && log.retained.is_empty());
        assert_eq!(log.refused.len(), 6 * TOPICS.len() * 2 * 3);
    });
}

#[tokio::test]
async fn a_forbidden_will_is_refused_at_the_door_and_never_fires() {
    let house = House::new().await;
    let mut tool = house.client(5, "tool", "t").await;
    assert_eq!(tool.subscribe("#").await, 1);
    for topic in TOPICS.into_iter().chain(["kairos/device/a/event", "kairos/device/+/status", "#", ""]) {
        for (level, code) in [(4, 5), (5, 0x87)] {
            let hello = Hello { will: Some((topic, "gone", true)), ..hello(level, "a", "board") };
            assert_eq!(house.try_client(Via::Tcp, &hello).await.err(), Some(code), "{topic} {level}");
        }
    }
    assert!(tool.ping().await);
    assert_eq!(tool.inbox, []);
    assert!(house.gate.with(|log| log.notes.is_empty() && log.retained.is_empty()));
    house.gate.refusal(Refusal::Will).await;
}

#[tokio::test]
async fn retained_messages_of_others_stay_unseen() {
    let house = House::new().await;
    house.broker.publish("kairos/device/b/state", "theirs", 1, true).await;
    house.broker.publish("kairos/device/a/state", "ours", 1, true).await;
    let mut device = house.client(4, "a", "board").await;
    for filter in ["#", "kairos/device/+/state", "kairos/device/b/state"] {
        assert_eq!(device.subscribe(filter).await, 0x80);
    }
    assert_eq!(device.subscribe("kairos/device/a/state").await, 1);
    let message = device.message().await;
    assert!(message.retain && message.payload == b"ours");
    assert!(device.ping().await && device.inbox.is_empty());
}

#[tokio::test]
async fn who_published_is_nobodys_business() {
    let house = House::new().await;
    let mut home = house.client(5, "home", "ha").await;
    assert_eq!(home.subscribe("homeassistant/#").await, 1);
    let mut body = Vec::new();
    super::wire::data(&mut body, b"homeassistant/status");
    body.extend(b"\0\x01");
    let user = b"\x26\0\x01k\0\x01v\x26\0\x0dx-mqtt-sender\0\x04fake";
    body.push(u8::try_from(user.len()).unwrap());
    body.extend(user);
    body.extend(b"online");
    home.send(&super::wire::packet(0x32, &body)).await;
    let message = home.message().await;
    assert_eq!(message.properties, b"\x26\0\x01k\0\x01v", "its own property and no sender");
    assert_eq!(message.payload, b"online");
}

#[tokio::test]
async fn wrong_logins_are_told_in_the_clients_version() {
    let house = House::new().await;
    for (user, level, code) in [("nobody", 4, 4), ("nobody", 5, 0x86), ("", 4, 4)] {
        for via in WAYS {
            assert_eq!(house.try_client(via, &hello(level, user, "x")).await.err(), Some(code), "{user} {via:?}");
        }
    }
    house.gate.with(|log| log.revoked.insert("a".into()));
    assert_eq!(house.try_client(Via::Tcp, &hello(5, "a", "x")).await.err(), Some(0x86));
    house.gate.refusal(Refusal::Login).await;
    assert_eq!(house.broker.connections(), 0);
}

#[tokio::test]
async fn a_pairing_topic_has_one_holder_and_leaves_nothing_behind() {
    let house = House::new().await;
    let keep = Hello { clean: false, expiry: 3600, ..hello(5, "pair", "hw1") };
    let mut board = house.try_client(Via::Tcp, &keep).await.unwrap();
    assert_eq!(board.subscribe("kairos/pair/hw1/credentials").await, 1);
    assert_eq!(board.subscribe("kairos/pair/hw2/credentials").await, 0x87);
    assert_eq!(house.try_client(Via::Tcp, &hello(4, "pair", "hw1")).await.err(), Some(5), "it has a holder");
    assert!(house.try_client(Via::Tcp, &hello(4, "pair", "hw2")).await.is_ok());
    assert_eq!(board.publish("kairos/pair/hw1/hello", b"{}", true).await, Some(0));
    assert_eq!(board.publish("kairos/pair/hw1/hello", b"{}", false).await, Some(0));
    assert_eq!(house.gate.with(|log| log.notes.len()), 1, "a retained hello is none");
    house.broker.publish("kairos/pair/hw1/credentials", "secret", 1, false).await;
    assert_eq!(board.message().await.payload, b"secret");
    drop(board);
    house.gate.until("offline", |log| log.presence.contains(&("pair:hw1".into(), false)).then_some(())).await;
    house.broker.publish("kairos/pair/hw1/credentials", "second", 1, false).await;
    let mut next = house.try_client(Via::Tcp, &keep).await.unwrap();
    assert!(!next.session_present);
    assert_eq!(next.subscribe("kairos/pair/hw1/#").await, 1);
    assert!(next.ping().await && next.inbox.is_empty(), "nothing was kept for whoever comes next");
}
