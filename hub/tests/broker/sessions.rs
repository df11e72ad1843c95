//! Sessions belong to credentials.

use super::house::{House, Saving, settings};
use super::wire::{Client, Hello, Via, hello};
use kairos_hub::broker::{Refusal, Settings};

fn lasting<'a>(level: u8, user: &'a str, id: &'a str) -> Hello<'a> {
    Hello { clean: false, expiry: 3600, ..hello(level, user, id) }
}

#[tokio::test]
async fn a_client_id_of_another_credential_takes_nothing_over() {
    let house = House::new().await;
    for (level, thief, id) in [(4, 4, "one"), (5, 5, "two"), (4, 5, "three"), (5, 4, "four")] {
        let mut owner = house.try_client(Via::Tcp, &lasting(level, "b", id)).await.unwrap();
        assert_eq!(owner.subscribe("kairos/device/b/#").await, 1);
        let mut other = house.try_client(Via::Tcp, &lasting(thief, "a", id)).await.unwrap();
        assert!(!other.session_present, "a session of another credential");
        assert!(owner.ping().await, "kicked by another credential");
        house.broker.publish("kairos/device/b/state", "theirs", 1, false).await;
        assert_eq!(owner.message().await.payload, b"theirs");
        assert!(other.ping().await && other.inbox.is_empty());
    }
}

#[tokio::test]
async fn a_stored_session_waits_for_its_owner_alone() {
    let house = House::new().await;
    let mut owner = house.try_client(Via::Tcp, &lasting(4, "b", "kitchen")).await.unwrap();
    assert_eq!(owner.subscribe("kairos/device/b/ack").await, 1);
    drop(owner);
    house.gate.until("offline", |log| log.presence.contains(&("b".into(), false)).then_some(())).await;
    house.broker.publish("kairos/device/b/ack", "for b", 1, false).await;
    let mut thief = house.try_client(Via::Tcp, &lasting(4, "a", "kitchen")).await.unwrap();
    assert!(!thief.session_present);
    assert!(thief.ping().await && thief.inbox.is_empty(), "stole a queued message");
    // A clean start must not destroy it either.
    drop(house.client(4, "a", "kitchen").await);
    let mut owner = house.try_client(Via::Tcp, &lasting(4, "b", "kitchen")).await.unwrap();
    assert!(owner.session_present);
    assert_eq!(owner.message().await.payload, b"for b");
}

#[tokio::test]
async fn the_owner_takes_its_own_session_over() {
    let house = House::new().await;
    let mut first = house.try_client(Via::Tcp, &lasting(5, "a", "board")).await.unwrap();
    assert_eq!(first.subscribe("kairos/device/a/state").await, 1);
    let mut second = house.try_client(Via::WebSocket, &lasting(5, "a", "board")).await.unwrap();
    assert!(second.session_present);
    let goodbye = first.next().await.unwrap();
    assert_eq!((goodbye.kind(), goodbye.body[0]), (14, 0x8e), "session taken over");
    assert_eq!(first.next().await, None);
    house.broker.publish("kairos/device/a/state", "now", 1, false).await;
    assert_eq!(second.message().await.payload, b"now");
    assert_eq!(house.gate.with(|log| log.presence.clone()), [("a".to_string(), true)], "it never was away");
}

const STATUS: &str = "kairos/device/a/status";

/// A device that says `online` as soon as it is let in, and leaves `offline` behind.
async fn arrives(house: &House, level: u8, clean: bool) -> Client {
    let hello = Hello { clean, will: Some((STATUS, "offline", true)), ..lasting(level, "a", "board") };
    let mut device = Client::raw(house.open(Via::Tcp).await, level);
    let mut bytes = hello.bytes();
    bytes.extend(device.publish_bytes(STATUS.as_bytes(), b"online", 1, true));
    device.send(&bytes).await;
    device
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_comes_back_before_its_old_link_is_gone_stays_online() {
    let house = House::new().await;
    let mut tool = house.client(5, "tool", "t").await;
    assert_eq!(tool.subscribe(STATUS).await, 1);
    for (level, clean) in [(4, true), (5, true), (4, false), (5, false)] {
        let mut old = arrives(&house, level, clean).await;
        assert_eq!(tool.message().await.payload, b"online");
        for round in 0..25 {
            let new = arrives(&house, level, clean).await;
            assert_eq!(tool.message().await.payload, b"offline", "{level} {clean} {round}: the will is first");
            assert_eq!(tool.message().await.payload, b"online", "{level} {clean} {round}");
            old.ended().await;
            old = new;
        }
        assert_eq!(house.gate.with(|log| log.retained[STATUS].clone()), b"online");
        drop(old);
        assert_eq!(tool.message().await.payload, b"offline");
    }
}

#[tokio::test]
async fn an_old_link_that_is_busy_has_its_last_word_first() {
    let house = House::new().await;
    let mut tool = house.client(5, "tool", "t").await;
    assert_eq!(tool.subscribe(STATUS).await, 1);
    for level in [4, 5] {
        let mut old = arrives(&house, level, true).await;
        assert_eq!(tool.message().await.payload, b"online");
        house.gate.with(|log| log.saving = Saving::Hangs);
        let press = old.publish_bytes(b"kairos/device/a/event", b"{}", 1, false);
        old.send(&press).await;
        house.gate.until("the press", |log| (log.waiting == 1).then_some(())).await;
        house.gate.with(|log| (log.saving, log.waiting) = (Saving::Works, 0));
        let mut new = arrives(&house, level, true).await;
        assert_eq!(tool.message().await.payload, b"offline", "{level}");
        assert_eq!(tool.message().await.payload, b"online", "{level}");
        assert!(new.expect(2).await.is_some() && new.expect(4).await.is_some());
        drop(new);
        assert_eq!(tool.message().await.payload, b"offline");
    }
}

#[tokio::test]
async fn an_old_link_that_takes_nothing_holds_its_successor_up_for_a_second() {
    let house = House::new().await;
    let mut tool = house.client(5, "tool", "t").await;
    assert_eq!(tool.subscribe(STATUS).await, 1);
    let mut old = arrives(&house, 4, true).await;
    assert!(old.expect(2).await.is_some() && old.expect(4).await.is_some());
    assert_eq!(old.subscribe("kairos/device/a/state").await, 1);
    assert_eq!(tool.message().await.payload, b"online");
    let state = "x".repeat(1_000_000);
    for _ in 0..40 {
        house.broker.publish("kairos/device/a/state", state.clone(), 1, false).await;
    }
    let start = std::time::Instant::now();
    let _new = arrives(&house, 4, true).await;
    assert_eq!(tool.message().await.payload, b"offline");
    assert_eq!(tool.message().await.payload, b"online");
    assert!((900..2500).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn odd_client_ids_are_served_like_any_other() {
    let house = House::new().await;
    for id in ["a/b+c#$", "../../etc/passwd", "$SYS", "cert:a", "名前", &"x".repeat(300), "\u{1}\u{7f}", " ", "a\\b"]
    {
        for level in [4, 5] {
            for _ in 0..2 {
                let mut client = house.try_client(Via::Tcp, &lasting(level, "home", id)).await.unwrap();
                assert!(client.ping().await, "{id:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_client_without_a_name_gets_one_it_can_use_again() {
    let house = House::new().await;
    let mut client = Client::raw(house.open(Via::Tcp).await, 5);
    client.send(&Hello { expiry: 3600, ..hello(5, "a", "") }.bytes()).await;
    let connack = client.next().await.unwrap();
    let at = connack.body.windows(5).position(|w| w == b"auto-").expect("an assigned name");
    let name = String::from_utf8(connack.body[at..at + 37].to_vec()).unwrap();
    assert_eq!(client.subscribe("kairos/device/a/state").await, 1);
    drop(client);
    let again = house.try_client(Via::Tcp, &lasting(5, "a", &name)).await.unwrap();
    assert!(again.session_present);
    assert!(house.try_client(Via::Tcp, &hello(4, "a", "")).await.is_ok());
    let nameless = Hello { clean: false, ..hello(4, "a", "") };
    assert_eq!(house.try_client(Via::Tcp, &nameless).await.err(), Some(2), "3.1.1 forbids it");
}

#[tokio::test]
async fn one_credential_cannot_hoard_clients() {
    let house = House::with(Settings { device_clients: 2, ..settings() }, Vec::new()).await;
    let one = house.try_client(Via::Tcp, &lasting(4, "a", "1")).await.unwrap();
    let _two = house.try_client(Via::Tcp, &lasting(4, "a", "2")).await.unwrap();
    assert_eq!(house.try_client(Via::Tcp, &lasting(4, "a", "3")).await.err(), Some(3));
    assert_eq!(house.try_client(Via::Tcp, &lasting(5, "a", "3")).await.err(), Some(0x97));
    house.gate.refusal(Refusal::TooManyClients).await;
    assert!(house.try_client(Via::Tcp, &lasting(4, "b", "3")).await.is_ok(), "others are not concerned");
    drop(one);
    while house.broker.connections() > 2 {
        tokio::task::yield_now().await;
    }
    drop(house.try_client(Via::Tcp, &lasting(4, "a", "3")).await.unwrap());
    while house.broker.connections() > 1 {
        tokio::task::yield_now().await;
    }
    let first = house.try_client(Via::Tcp, &lasting(4, "a", "1")).await.unwrap();
    assert!(!first.session_present, "its stored session made room");
}
