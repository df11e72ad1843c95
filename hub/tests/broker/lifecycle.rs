//! Wills, retained messages, revocation and shutdown.

use super::house::{House, SOON, Saving, TestGate, settings};
use super::wire::{Client, Hello, Via, WAYS, hello};
use kairos_hub::broker::{Broker, Gate, Refusal, Retained, Settings};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::Notify;

const STATUS: &str = "kairos/device/a/status";

fn with_will(level: u8) -> Hello<'static> {
    Hello { will: Some((STATUS, "offline", true)), ..hello(level, "a", "board") }
}

#[tokio::test]
async fn a_will_is_delivered_kept_and_noted_when_a_device_vanishes() {
    let house = House::new().await;
    let mut tool = house.client(5, "tool", "t").await;
    assert_eq!(tool.subscribe(STATUS).await, 1);
    for (via, level) in WAYS.into_iter().flat_map(|via| [(via, 4), (via, 5)]) {
        let mut device = house.try_client(via, &with_will(level)).await.unwrap();
        assert_eq!(device.publish(STATUS, b"online", true).await, Some(0));
        assert_eq!(tool.message().await.payload, b"online");
        drop(device);
        assert_eq!(tool.message().await.payload, b"offline", "{via:?} {level}");
        house.gate.until("the will", |log| log.notes.iter().any(|note| note.payload == b"offline").then_some(())).await;
        house.gate.with(|log| {
            assert_eq!(log.retained[STATUS], b"offline");
            log.notes.clear();
        });
    }
    let mut device = house.try_client(Via::Tcp, &with_will(4)).await.unwrap();
    device.send(&[0xe0, 0]).await;
    device.ended().await;
    assert!(tool.ping().await && tool.inbox.is_empty(), "a goodbye discards the will");
}

#[tokio::test]
async fn a_silent_device_is_gone_after_its_keep_alive() {
    let house = House::new().await;
    let mut tool = house.client(5, "tool", "t").await;
    assert_eq!(tool.subscribe(STATUS).await, 1);
    let start = Instant::now();
    let _silent = house.try_client(Via::Tcp, &Hello { keep_alive: 1, ..with_will(4) }).await.unwrap();
    assert_eq!(tool.message().await.payload, b"offline");
    assert!((1400..3000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_delayed_will_waits_and_is_judged_when_it_is_due() {
    let house = House::new().await;
    let mut tool = house.client(5, "tool", "t").await;
    assert_eq!(tool.subscribe(STATUS).await, 1);
    let hello = Hello { will_delay: 1, expiry: 60, clean: false, ..with_will(5) };
    drop(house.try_client(Via::Tcp, &hello).await.unwrap());
    let back = house.try_client(Via::Tcp, &hello).await.unwrap();
    drop(back);
    let start = Instant::now();
    assert_eq!(tool.message().await.payload, b"offline");
    assert!(start.elapsed() >= Duration::from_millis(900), "{:?}", start.elapsed());
    assert!(tool.ping().await && tool.inbox.is_empty(), "coming back cancelled the first");
    house.gate.until("the will", |log| (log.notes.len() == 1).then_some(())).await;
}

#[tokio::test]
async fn retained_messages_come_back_and_are_written_when_they_change() {
    let kept = Retained { topic: "kairos/device/a/state".into(), payload: b"before".to_vec(), qos: 1 };
    let house = House::with(settings(), vec![kept]).await;
    let mut device = house.client(4, "a", "board").await;
    assert_eq!(device.subscribe("kairos/device/a/state").await, 1);
    let message = device.message().await;
    assert!(message.retain && message.payload == b"before" && message.qos == 1);
    house.broker.publish("kairos/device/a/state", "before", 1, true).await;
    assert_eq!(house.gate.with(|log| log.writes), 0, "nothing changed");
    house.broker.publish("kairos/device/a/state", "after", 1, true).await;
    assert_eq!(house.gate.with(|log| log.retained["kairos/device/a/state"].clone()), b"after");
    assert!(!device.message().await.retain);
    assert!(!device.message().await.retain);
    house.broker.publish("kairos/device/a/state", "", 1, true).await;
    assert!(house.gate.with(|log| log.retained.is_empty()));
    for _ in 0..2 {
        assert_eq!(device.publish(STATUS, b"online", true).await, Some(0));
    }
    assert_eq!(house.gate.with(|log| log.writes), 3);
}

#[tokio::test]
async fn retained_messages_are_bounded() {
    let house = House::with(Settings { retained_bytes: 10, retained_messages: 2, ..settings() }, Vec::new()).await;
    let mut bridge = house.client(5, "zigbee", "z").await;
    assert_eq!(bridge.publish("zigbee2mqtt/1", b"12345678", true).await, Some(0));
    assert_eq!(bridge.publish("zigbee2mqtt/2", b"12345678", true).await, Some(0x97));
    assert_eq!(bridge.publish("zigbee2mqtt/2", b"1", true).await, Some(0));
    assert_eq!(bridge.publish("zigbee2mqtt/3", b"1", true).await, Some(0x97));
    assert_eq!(bridge.publish("zigbee2mqtt/3", b"1", false).await, Some(0));
    assert_eq!(house.gate.with(|log| log.retained.len()), 2);
}

#[tokio::test]
async fn a_retained_message_that_cannot_be_kept_is_delivered_and_counted() {
    let house = House::new().await;
    let mut home = house.client(5, "home", "ha").await;
    assert_eq!(home.subscribe("homeassistant/#").await, 1);
    house.gate.with(|log| log.saving = Saving::Hangs);
    assert_eq!(home.publish("homeassistant/status", b"online", true).await, Some(0));
    assert_eq!(home.message().await.payload, b"online");
    house.gate.refusal(Refusal::RetainedNotSaved).await;
}

#[tokio::test]
async fn revocation_ends_connections_at_once_and_delivers_the_will() {
    let house = House::new().await;
    let mut tool = house.client(5, "tool", "t").await;
    assert_eq!(tool.subscribe(STATUS).await, 1);
    for (via, level) in WAYS.into_iter().flat_map(|via| [(via, 4), (via, 5)]) {
        let mut device = house.try_client(via, &with_will(level)).await.unwrap();
        assert!(device.ping().await);
        let mut other = house.client(4, "b", "board").await;
        house.broker.disconnect("a");
        let took = device.ended().await;
        assert!(took < Duration::from_millis(500), "{via:?} {level}: {took:?}");
        assert_eq!(tool.message().await.payload, b"offline");
        assert!(other.ping().await);
    }
}

#[tokio::test]
async fn revocation_forgets_stored_sessions() {
    let house = House::new().await;
    let lasting = Hello { clean: false, expiry: 3600, ..hello(5, "a", "board") };
    for live in [true, false] {
        let mut device = house.try_client(Via::Tcp, &lasting).await.unwrap();
        assert!(!device.session_present);
        assert_eq!(device.subscribe("kairos/device/a/#").await, 1);
        if !live {
            drop(device);
            while house.broker.connections() > 0 {
                tokio::task::yield_now().await;
            }
        }
        house.broker.disconnect("a");
        while house.broker.connections() > 0 {
            tokio::task::yield_now().await;
        }
    }
    let device = house.try_client(Via::Tcp, &lasting).await.unwrap();
    assert!(!device.session_present);
}

#[tokio::test]
async fn a_login_that_races_with_its_revocation_loses() {
    let house = House::new().await;
    let hold = Arc::new(Notify::new());
    *house.gate.hold.lock().unwrap() = Some(Arc::clone(&hold));
    let (login, racing) = (hello(5, "a", "board"), hello(5, "b", "board"));
    let connecting = house.try_client(Via::Tcp, &login);
    let revoking = async {
        // The gate has said yes by now, and the broker has not heard it yet.
        house.gate.until("the login", |log| (log.logins == 1).then_some(())).await;
        house.broker.disconnect("a");
        hold.notify_one();
    };
    let (connected, ()) = tokio::join!(connecting, revoking);
    assert_eq!(connected.err(), Some(0x87));
    house.gate.refusal(Refusal::Revoked).await;
    hold.notify_one();
    assert!(house.try_client(Via::Tcp, &racing).await.is_ok());
}

#[tokio::test]
async fn a_stalled_subscriber_holds_nobody_up_for_long() {
    let house = House::new().await;
    let mut stalled = house.client(5, "home", "stalled").await;
    assert_eq!(stalled.subscribe("kairos/hub/#").await, 1);
    let mut other = house.client(5, "home", "other").await;
    assert_eq!(other.subscribe("homeassistant/#").await, 1);
    let payload = "x".repeat(100_000);
    let mut worst = Duration::ZERO;
    for _ in 0..400 {
        let start = Instant::now();
        house.broker.publish("kairos/hub/status", payload.clone(), 1, false).await;
        worst = worst.max(start.elapsed());
    }
    assert!(worst < Duration::from_millis(1500), "{worst:?}");
    assert_eq!(other.publish("homeassistant/x", b"x", false).await, Some(0));
    assert_eq!(other.message().await.payload, b"x");
}

#[tokio::test]
async fn shutdown_says_goodbye_and_is_quick_even_with_a_stalled_client() {
    let house = House::new().await;
    let mut stalled = house.client(5, "home", "stalled").await;
    assert_eq!(stalled.subscribe("kairos/hub/#").await, 1);
    let payload = "x".repeat(100_000);
    for _ in 0..300 {
        house.broker.publish("kairos/hub/status", payload.clone(), 1, false).await;
    }
    let mut newer = house.try_client(Via::Tcp, &with_will(5)).await.unwrap();
    let mut older = house.client(4, "b", "board").await;
    // One that never finishes its handshake.
    let _silent = house.open(Via::Tcp).await;
    assert!(newer.ping().await && older.ping().await);
    let start = Instant::now();
    tokio::time::timeout(SOON, house.broker.shutdown()).await.unwrap();
    assert!(start.elapsed() < Duration::from_millis(2200), "{:?}", start.elapsed());
    let goodbye = newer.next().await.unwrap();
    assert_eq!((goodbye.kind(), goodbye.body[0]), (14, 0x8b), "server shutting down");
    assert_eq!(older.next().await, None, "3.1.1 has no goodbye");
    assert_eq!(house.gate.with(|log| log.retained[STATUS].clone()), b"offline");
    assert_eq!(house.broker.connections(), 0);
    assert!(TcpStream::connect(house.mqtt).await.is_err());
}

#[tokio::test]
async fn dropping_the_broker_ends_everything() {
    let gate = Arc::new(TestGate::default());
    let broker = Broker::start(settings(), Arc::clone(&gate) as Arc<dyn Gate>, Vec::new()).await;
    let listener = kairos_hub::net::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    broker.serve(listener, None);
    let mut device = Client::raw(Box::new(TcpStream::connect(address).await.unwrap()), 4);
    device.send(&hello(4, "a", "board").bytes()).await;
    assert_eq!(device.next().await.unwrap().body, [0, 0]);
    drop(broker);
    assert_eq!(device.next().await, None);
    gate.until("offline", |log| log.presence.contains(&("a".into(), false)).then_some(())).await;
    // The loop sees its token a moment later.
    let closed = async { while TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(SOON, closed).await.unwrap();
}
