//! Whatever a peer sends or leaves unsaid, the broker lives and others are served.

use super::house::{House, settings};
use super::wire::{Client, Via, WAYS, data, hello, packet};
use kairos_hub::broker::Settings;
use kairos_hub::net::Limits;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Proves that others are served.
async fn is_well(house: &House) {
    for level in [4, 5] {
        let mut device = house.client(level, "b", "witness").await;
        assert_eq!(device.publish("kairos/device/b/event", b"{}", false).await, Some(0));
    }
}

/// Sends bytes as the first ones of a connection; waits until the broker closed it.
async fn first(house: &House, via: Via, bytes: &[u8]) {
    let mut stream = house.open(via).await;
    let _ = stream.write_all(bytes).await;
    let _ = stream.flush().await;
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(8), stream.read_to_end(&mut rest))
        .await
        .unwrap_or_else(|_| panic!("{bytes:02x?} kept its connection over {via:?}"))
        .ok();
}

#[tokio::test]
async fn first_bytes_that_are_no_connect_end_the_connection() {
    let house = House::new().await;
    let mut oversized = vec![0x10];
    oversized.extend([0xff, 0xff, 0x7f]);
    let mut long = packet(0x10, &vec![0; 4094]);
    long.extend([0; 100]);
    for bytes in [
        b"\x27\x02\x72\x68\x00".as_slice(),
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00\x00\x00\x00",
        b"\xff\xff\xff\xff\xff\xff",
        b"\x10\xff\xff\xff\xff\xff",
        b"\x30\x05\0\x01tx",
        b"\xc0\x00",
        b"\xe0\x00",
        b"\x10\x00",
        b"\x10\x06\0\x04MQTT",
        b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\xff",
        b"\x10\x0c\0\x04MQTT\x05\x02\0\x3c\xff\xff",
        b"\x10\x0c\0\x06MQIsdp\x03\x02\0\x3c",
        &oversized,
        &long,
    ] {
        for via in WAYS {
            first(&house, via, bytes).await;
        }
    }
    is_well(&house).await;
}

#[tokio::test]
async fn odd_packets_of_a_known_client_hurt_nobody_else() {
    let house = House::new().await;
    let mut many = 7u16.to_be_bytes().to_vec();
    for n in 0..500 {
        data(&mut many, format!("kairos/device/a/{n}").as_bytes());
        many.push(1);
    }
    let deep = vec!["x"; 200].join("/");
    let mut deep_topic = Vec::new();
    data(&mut deep_topic, deep.as_bytes());
    let attacks: Vec<Vec<u8>> = vec![
        hello(4, "a", "board").bytes(),                        // a second CONNECT
        packet(0x30, b"\0\x02\xff\xfe"),                       // not UTF-8
        packet(0x30, b"\0\x03\xed\xa0\x80"),                   // a surrogate
        packet(0x30, b"\0\x01\0"),                             // NUL
        packet(0x30, "\0\x10\u{e9}clairage/salon".as_bytes()), // multibyte first
        packet(0x30, b"\0\x00x"),                              // no topic
        packet(0x30, b"\0\x01#"),
        packet(0x30, b"\0\xff"), // shorter than it says
        packet(0x30, &deep_topic),
        packet(0x36, b"\0\x01t\0\x01"),       // QoS 3
        packet(0x32, b"\0\x01t\0\x00"),       // packet id 0
        b"\x30\xff\xff\xff\x7f".to_vec(),     // 256 MB announced
        b"\x30\x80\x80\x80\x80\x01".to_vec(), // a length without an end
        packet(0x30, &vec![b'x'; 40_000]),    // larger than a device may send
        packet(0x82, b"\0\x01"),              // nothing to subscribe to
        packet(0x80, b"\0\x01\0\x01t\x01"),   // wrong flags
        packet(0x82, b"\0\x01\0\x01t\x07"),   // wrong options
        packet(0x82, &many),
        packet(0xa2, b"\0\x01\0\x03a#b"),
        packet(0x62, b"\xff\xff"), // PUBREL of nothing
        packet(0x40, b"\xff\xff"), // PUBACK of nothing
        packet(0x50, b"\xff\xff"),
        packet(0x70, b"\xff\xff"),
        packet(0x20, b"\0\0"), // what only a server says
        packet(0x90, b"\0\x01\0"),
        packet(0xd0, b""),
        packet(0xf0, b""),
        packet(0xf0, b"\x18\x00"),
        packet(0x00, b""),
        packet(0xc0, b"with a body"),
        packet(0xe0, b"\xff\xff\xff"),
    ];
    for level in [4, 5] {
        for via in WAYS {
            for attack in &attacks {
                let mut client = house.try_client(via, &hello(level, "a", "board")).await.unwrap();
                let _ = client.stream.write_all(attack).await;
                let _ = client.stream.write_all(&[0xe0, 0]).await;
                let _ = client.stream.flush().await;
                client.ended().await;
            }
        }
        is_well(&house).await;
    }
    assert!(house.gate.with(|log| log.retained.is_empty()));
}

#[tokio::test]
async fn every_cut_of_a_valid_session_is_survived() {
    let house = House::new().await;
    let mut scratch = Client::raw(Box::new(tokio::io::duplex(1).0), 5);
    let mut session = hello(5, "a", "board").bytes();
    session.extend(scratch.publish_bytes(b"kairos/device/a/status", b"online", 1, true));
    session.extend(packet(0x82, b"\0\x09\0\0\x11kairos/device/a/#\x01"));
    for end in (0..session.len()).step_by(3) {
        let mut stream = house.open(Via::Tcp).await;
        stream.write_all(&session[..end]).await.unwrap();
    }
    is_well(&house).await;
}

#[tokio::test]
async fn silent_and_dripping_peers_are_let_go_in_time() {
    let limits = Limits { handshake: Duration::from_millis(400), ..Limits::default() };
    let house = House::with(Settings { limits, ..settings() }, Vec::new()).await;
    for via in WAYS {
        let mut silent = Client::raw(house.open(via).await, 4);
        let took = silent.ended().await;
        assert!((200..1500).contains(&took.as_millis()), "{via:?}: {took:?}");
    }
    let (mut dripping, start) = (house.open(Via::Tcp).await, Instant::now());
    for byte in hello(4, "a", "board").bytes() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if dripping.write_all(&[byte]).await.is_err() {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(2), "a byte at a time outlasts the handshake");
    }
    // Half a TLS handshake.
    let mut half = tokio::net::TcpStream::connect(house.mqtts).await.unwrap();
    half.write_all(b"\x16\x03\x01").await.unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(2), half.read_to_end(&mut rest)).await.unwrap().ok();
    is_well(&house).await;
}

#[tokio::test]
async fn two_hundred_silent_peers_delay_nobody() {
    let house = House::new().await;
    let mut device = house.client(4, "a", "board").await;
    let mut silent = Vec::new();
    for n in 0..200 {
        let address = if n % 2 == 0 { house.mqtt } else { house.mqtts };
        silent.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    let mut worst = Duration::ZERO;
    for _ in 0..50 {
        let start = Instant::now();
        assert_eq!(device.publish("kairos/device/a/event", b"{}", false).await, Some(0));
        worst = worst.max(start.elapsed());
    }
    let start = Instant::now();
    is_well(&house).await;
    assert!(worst < Duration::from_millis(500), "a publish took {worst:?}");
    assert!(start.elapsed() < Duration::from_secs(1), "newcomers took {:?}", start.elapsed());
}

#[tokio::test]
async fn a_crowd_of_silent_peers_makes_room_for_those_who_speak() {
    let limits = Limits { pending_shared: 8, ..Limits::default() };
    let house = House::with(Settings { limits, ..settings() }, Vec::new()).await;
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(tokio::net::TcpStream::connect(house.mqtt).await.unwrap());
    }
    is_well(&house).await;
}

#[test]
fn random_bytes_over_the_wire_are_survived() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let house = runtime.block_on(House::new());
    let noise = prop::collection::vec(any::<u8>(), 0..300);
    // Mostly well-framed packets, so that decoders are reached.
    let packets = prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..60)), 1..8);
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() });
    runner
        .run(&(noise, packets, 4u8..6, 0usize..3), |(noise, packets, level, way)| {
            runtime.block_on(async {
                let mut stream = house.open(WAYS[way]).await;
                let _ = stream.write_all(&noise).await;
                drop(stream);
                let mut client = house.try_client(WAYS[way], &hello(level, "a", "board")).await.unwrap();
                for (first, body) in packets {
                    let _ = client.stream.write_all(&packet(first, &body)).await;
                }
                let _ = client.stream.write_all(&[0xe0, 0]).await;
                let _ = client.stream.flush().await;
                client.ended().await;
            });
            Ok(())
        })
        .unwrap();
    runtime.block_on(is_well(&house));
    runtime.block_on(house.broker.shutdown());
}
