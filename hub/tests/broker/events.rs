//! An acknowledgement means saved.

use super::house::{House, Saving, settings};
use super::wire::{Via, WAYS, hello, packet};
use kairos_hub::broker::{Reason, Refusal, Settings};

const EVENT: &str = "kairos/device/a/event";

#[tokio::test]
async fn an_event_is_acknowledged_once_it_is_saved() {
    let house = House::new().await;
    for (via, level) in WAYS.into_iter().flat_map(|via| [(via, 4), (via, 5)]) {
        let mut device = house.try_client(via, &hello(level, "a", "board")).await.unwrap();
        assert_eq!(device.publish(EVENT, b"{}", false).await, Some(0), "{via:?} {level}");
        let event = house.gate.with(|log| log.events.pop()).unwrap();
        assert_eq!((event.credential.as_str(), event.topic.as_str(), event.qos), ("a", EVENT, 1));
        assert!(device.ping().await);
    }
    assert!(house.gate.with(|log| log.notes.is_empty() && log.refused.is_empty()));
}

#[tokio::test]
async fn what_is_not_saved_is_not_acknowledged_and_ends_the_connection() {
    let house = House::new().await;
    for saving in [Saving::Fails, Saving::Hangs] {
        for (via, level) in WAYS.into_iter().flat_map(|via| [(via, 4), (via, 5)]) {
            for qos in 0..3 {
                let mut device = house.try_client(via, &hello(level, "a", "board")).await.unwrap();
                house.gate.with(|log| log.saving = saving);
                let bytes = device.publish_bytes(EVENT.as_bytes(), b"{}", qos, false);
                device.send(&bytes).await;
                assert_eq!(device.next().await, None, "{saving:?} {via:?} {level} QoS {qos}");
                house.gate.with(|log| log.saving = Saving::Works);
            }
        }
    }
    house.gate.refusal(Refusal::NotSaved).await;
    assert!(house.gate.with(|log| log.events.is_empty()));
    let mut device = house.client(4, "a", "board").await;
    assert_eq!(device.publish(EVENT, b"{}", false).await, Some(0), "and then it works again");
}

#[tokio::test]
async fn a_slow_save_holds_only_its_own_connection() {
    let house =
        House::with(Settings { commit_timeout: std::time::Duration::from_secs(60), ..settings() }, Vec::new()).await;
    let mut slow = house.client(4, "a", "board").await;
    house.gate.with(|log| log.saving = Saving::Hangs);
    let bytes = slow.publish_bytes(EVENT.as_bytes(), b"{}", 1, false);
    slow.send(&bytes).await;
    let mut other = house.client(5, "home", "ha").await;
    assert_eq!(other.subscribe("homeassistant/#").await, 1);
    assert_eq!(other.publish("homeassistant/status", b"online", false).await, Some(0));
    assert_eq!(other.message().await.payload, b"online");
}

#[tokio::test]
async fn what_will_never_be_saved_is_said_where_the_version_has_a_word() {
    let house = House::new().await;
    for (reason, code) in [(Reason::Payload, 0x99), (Reason::NotAuthorized, 0x87), (Reason::NotAccepted, 0x83)] {
        for (via, level) in WAYS.into_iter().flat_map(|via| [(via, 4), (via, 5)]) {
            let mut device = house.try_client(via, &hello(level, "a", "board")).await.unwrap();
            house.gate.with(|log| log.saving = Saving::Refuses(reason));
            let told = device.publish(EVENT, b"{}", false).await;
            assert_eq!(told, Some(if level == 5 { code } else { 0 }), "{reason:?} {via:?} {level}");
            house.gate.with(|log| log.saving = Saving::Works);
            assert_eq!(device.publish(EVENT, b"{}", false).await, Some(0), "the connection goes on");
        }
    }
    // Exactly once: the exchange runs to its end, so that its number is free again.
    let mut device = house.client(5, "a", "twice").await;
    house.gate.with(|log| log.saving = Saving::Refuses(Reason::Payload));
    let bytes = device.publish_bytes(EVENT.as_bytes(), b"{}", 2, false);
    device.send(&bytes).await;
    let received = device.expect(5).await.unwrap();
    assert_eq!(received.body.get(2).copied().unwrap_or(0), 0);
    device.send(&packet(0x62, &received.body[..2])).await;
    assert!(device.expect(7).await.is_some());
}

#[tokio::test]
async fn exactly_once_is_saved_before_its_first_acknowledgement() {
    let house = House::new().await;
    let mut device = house.client(5, "a", "board").await;
    let bytes = device.publish_bytes(EVENT.as_bytes(), b"{}", 2, false);
    device.send(&bytes).await;
    let received = device.expect(5).await.unwrap();
    assert_eq!(house.gate.with(|log| log.events.len()), 1);
    device.send(&packet(0x62, &received.body[..2])).await;
    assert!(device.expect(7).await.is_some());
    assert_eq!(house.gate.with(|log| log.events.len()), 1);
}

#[tokio::test]
async fn at_most_once_is_saved_too() {
    let house = House::new().await;
    let mut device = house.client(4, "a", "board").await;
    let bytes = device.publish_bytes(EVENT.as_bytes(), b"{}", 0, false);
    device.send(&bytes).await;
    assert!(device.ping().await);
    assert_eq!(house.gate.with(|log| log.events.len()), 1);
}

#[tokio::test]
async fn a_retained_event_is_a_copy_and_never_a_press() {
    let house = House::new().await;
    let mut device = house.client(4, "a", "board").await;
    let mut tool = house.client(5, "tool", "t").await;
    assert_eq!(tool.subscribe("#").await, 1);
    assert_eq!(device.publish(EVENT, b"{}", true).await, Some(0));
    let mut newer = house.client(5, "a", "newer").await;
    assert_eq!(newer.publish(EVENT, b"{}", true).await, Some(0x83));
    house.gate.refusal(Refusal::RetainedEvent).await;
    assert!(tool.ping().await && tool.inbox.is_empty(), "not delivered");
    assert_eq!(tool.subscribe("kairos/device/#").await, 1);
    assert!(tool.ping().await && tool.inbox.is_empty(), "not kept");
    assert!(house.gate.with(|log| log.events.is_empty() && log.retained.is_empty()));
}

#[tokio::test]
async fn an_event_that_is_too_large_is_refused_as_clearly_as_the_version_can() {
    let house = House::new().await;
    let large = vec![b'x'; 16 * 1024 + 1];
    let mut newer = house.client(5, "a", "new").await;
    assert_eq!(newer.publish(EVENT, &large, false).await, Some(0x83));
    assert_eq!(newer.publish(EVENT, &large[..16 * 1024], false).await, Some(0));
    let mut older = house.client(4, "a", "old").await;
    assert_eq!(older.publish(EVENT, &large, false).await, None, "ended without an acknowledgement");
    house.gate.refusal(Refusal::EventTooLarge).await;
    assert_eq!(house.gate.with(|log| log.events.len()), 1);
}

#[tokio::test]
async fn a_command_is_saved_and_taken_once_whatever_its_retain_flag_says() {
    let house = House::new().await;
    let mut home = house.client(5, "home", "ha").await;
    assert_eq!(home.subscribe("kairos/hub/#").await, 1);
    assert_eq!(home.publish("kairos/hub/habit/7/set", b"{}", true).await, Some(0));
    let command = house.gate.with(|log| log.events.pop()).unwrap();
    assert!(command.retain && command.credential == "home");
    assert!(!home.message().await.retain);
    assert!(house.gate.with(|log| log.retained.is_empty()));
    house.gate.with(|log| log.saving = Saving::Fails);
    assert_eq!(home.publish("kairos/hub/habit/7/set", b"{}", false).await, None);
}

#[tokio::test]
async fn a_flood_is_read_slowly_and_served_in_full() {
    let rate = kairos_hub::broker::Rate { per_second: 200, burst: 50 };
    let house = House::with(Settings { device_rate: rate, ..settings() }, Vec::new()).await;
    let mut device = house.try_client(Via::Tcp, &hello(4, "a", "board")).await.unwrap();
    let start = std::time::Instant::now();
    let mut flood = Vec::new();
    for _ in 0..150 {
        flood.extend(device.publish_bytes(EVENT.as_bytes(), b"{}", 1, false));
    }
    device.send(&flood).await;
    // Another connection of the same credential draws on the same budget.
    let mut other = house.client(4, "a", "second").await;
    assert!(other.ping().await);
    for _ in 0..150 {
        assert!(device.expect(4).await.is_some());
    }
    assert!(start.elapsed().as_millis() >= 490, "{:?}", start.elapsed());
    assert_eq!(house.gate.with(|log| log.events.len()), 150);
}
