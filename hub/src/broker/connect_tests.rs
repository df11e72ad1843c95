#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use proptest::prelude::*;

/// A CONNECT body by parts.
fn body(level: u8, flags: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = b"\0\x04MQTT".to_vec();
    out.extend([level, flags, 0, 0]);
    for part in parts {
        out.extend(*part);
    }
    out
}

#[test]
fn both_versions_are_read() {
    let old = body(4, 0b1110_1110, &[b"\0\x02id", b"\0\x01t", b"\0\x03off", b"\0\x01u", b"\0\x01p"]);
    let connect = Connect::parse(&old).unwrap();
    assert_eq!((connect.level, connect.clean, connect.client_id), (4, true, "id"));
    assert_eq!((connect.username, connect.password), (Some("u"), Some(&b"p"[..])));
    let will = connect.will.unwrap();
    assert_eq!((will.topic, will.payload, will.qos, will.retain), ("t", &b"off"[..], 1, true));

    let new = body(5, 0b0000_0110, &[b"\x05\x11\0\0\0\x09", b"\0\x02id", b"\x05\x18\0\0\0\x07", b"\0\x01t", b"\0\0"]);
    let connect = Connect::parse(&new).unwrap();
    assert_eq!((connect.level, connect.username), (5, None));
    assert_eq!(connect.will.unwrap().delay, 7);
}

#[test]
fn rewriting_keeps_the_meaning_and_drops_the_secrets() {
    let new = body(
        5,
        0b1100_1100,
        &[
            b"\x08\x11\0\0\0\x09\x21\0\x05",
            b"\0\x02id",
            b"\x05\x18\0\0\0\x07",
            b"\0\x01t",
            b"\0\x01w",
            b"\0\x04user",
            b"\0\x06secret",
        ],
    );
    let connect = Connect::parse(&new).unwrap();
    let packet = connect.rewritten("s", false);
    assert!(!packet.windows(6).any(|w| w == b"secret") && !packet.windows(4).any(|w| w == b"user"));
    let (head, end) = frame(&packet).unwrap().unwrap();
    assert_eq!(end, packet.len());
    let again = Connect::parse(&packet[head..]).unwrap();
    assert_eq!((again.client_id, again.clean, again.keep_alive), ("s", false, 65535));
    assert_eq!(again.properties, connect.properties);
    let (a, b) = (again.will.unwrap(), connect.will.unwrap());
    assert_eq!((a.topic, a.payload, a.qos, a.delay), (b.topic, b.payload, b.qos, b.delay));

    let packet = connect.rewritten("s", true);
    let again = Connect::parse(&packet[head..]).unwrap();
    assert!(again.clean);
    assert_eq!(again.properties, b"\x21\0\x05", "nothing outlives a transient connection");
}

#[test]
fn what_is_wrong_is_told_apart() {
    let check = |body: &[u8], expected| assert_eq!(Connect::parse(body).err(), Some(expected), "{body:?}");
    check(b"\0\x06MQIsdp\x03\0\0\0\0\0", Unreadable::Version);
    check(&body(3, 2, &[b"\0\0"]), Unreadable::Version);
    check(&body(6, 2, &[b"\0\0"]), Unreadable::Version);
    check(b"\0\x04HTTP\x04\0\0\0\0\0", Unreadable::Malformed);
    check(&body(4, 3, &[b"\0\0"]), Unreadable::Malformed); // the reserved flag
    check(&body(4, 0b0001_1110, &[b"\0\0", b"\0\x01t", b"\0\0"]), Unreadable::Malformed); // will QoS 3
    check(&body(4, 0b0010_0010, &[b"\0\0"]), Unreadable::Malformed); // will retain without a will
    check(&body(4, 0b0100_0010, &[b"\0\0", b"\0\x01p"]), Unreadable::Malformed); // a password without a user
    check(&body(4, 2, &[b"\0\x02\xff\xfe"]), Unreadable::Malformed); // not UTF-8
    check(&body(4, 2, &[b"\0\x01\0"]), Unreadable::Malformed); // NUL
    check(&body(4, 2, &[b"\0\x05id"]), Unreadable::Malformed);
    check(&body(4, 2, &[b"\0\x02id", b"more"]), Unreadable::Malformed);
    check(&body(5, 2, &[b"\x02\x77\0", b"\0\0"]), Unreadable::Malformed); // an unknown property
    check(&[], Unreadable::Malformed);
}

#[test]
fn sessions_of_two_credentials_never_meet() {
    assert_eq!(session_id("a", "x"), session_id("a", "x"));
    assert_ne!(session_id("a", "x"), session_id("b", "x"));
    assert_ne!(session_id("ab", "c"), session_id("a", "bc"));
    assert_eq!(session_id("a", "../../x/+#$\u{1}").len(), 32);
}

#[tokio::test]
async fn reading_is_bounded_and_keeps_what_follows() {
    let mut packet = Connect::parse(&body(4, 2, &[b"\0\x02id"])).unwrap().rewritten("id", false);
    packet.extend(b"\xc0\0");
    let mut buffer = Vec::new();
    let (head, end) = read(&mut &packet[..], &mut buffer, 4096).await.unwrap();
    assert_eq!(Connect::parse(&buffer[head..end]).unwrap().client_id, "id");
    assert_eq!(&buffer[end..], b"\xc0\0");
    for (bytes, expected) in [
        (&b"\x10\xff\x7f"[..], Unreadable::TooLarge),
        (b"\x10\xff\xff\xff\xff\x01", Unreadable::Malformed),
        (b"\x30\x00", Unreadable::Malformed),
        (b"GET / HTTP/1.1\r\n", Unreadable::Malformed),
        (b"\x10\x0c\0\x04MQ", Unreadable::Gone),
        (b"", Unreadable::Gone),
    ] {
        assert_eq!(read(&mut &bytes[..], &mut Vec::new(), 4096).await, Err(expected));
    }
}

proptest! {
    #[test]
    fn any_body_is_survived_and_what_is_read_can_be_rewritten(
        noise in prop::collection::vec(any::<u8>(), 0..300),
        level in 3u8..7,
        flags in any::<u8>(),
        at in 0usize..300,
    ) {
        for bytes in [noise.clone(), body(level, flags, &[&noise]), {
            let mut valid = body(5, 0xce, &[b"\x05\x11\0\0\0\x09", b"\0\x02id", b"\0", b"\0\x01t", b"\0\0", b"\0\x01u", b"\0\x01p"]);
            let n = at % valid.len();
            valid[n] = flags;
            valid
        }] {
            if let Ok(connect) = Connect::parse(&bytes) {
                let packet = connect.rewritten("0123", false);
                let (head, end) = frame(&packet).unwrap().unwrap();
                prop_assert_eq!(end, packet.len());
                prop_assert_eq!(Connect::parse(&packet[head..]).unwrap().client_id, "0123");
            }
        }
    }
}
