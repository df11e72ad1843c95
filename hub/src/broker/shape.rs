//! What leaves the broker, made fit for the client: pure rewriting of whole packets.
//!
//! The crate behind speaks MQTT 5 in places where a 3.1.1 client does not expect it, and tells every subscriber of
//! MQTT 5 who published; neither leaves this house.

use super::wire::{Fields, Malformed, Properties, put_length};

/// What shaping has to know about a connection.
pub(super) struct Shape<'a> {
    /// 4 for MQTT 3.1.1, 5 for MQTT 5.
    pub(super) level: u8,
    /// The client id the hub chose, to be told in the CONNACK.
    pub(super) assigned: Option<&'a str>,
    /// Acknowledgements that say no: packet id and reason code. Taken out as they are used.
    pub(super) verdicts: &'a mut Vec<(u16, u8)>,
}

const CONNACK: u8 = 2;
const PUBLISH: u8 = 3;
const PUBACK: u8 = 4;
const PUBREC: u8 = 5;
const PUBCOMP: u8 = 7;
const SUBACK: u8 = 9;
const UNSUBACK: u8 = 11;
const DISCONNECT: u8 = 14;
const AUTH: u8 = 15;

/// Appends `packet`, whose body begins at `head`, to `out` as the client should get it. A packet that cannot be
/// understood is passed on as it is: it is the crate's own, not a peer's.
pub(super) fn shape(packet: &[u8], head: usize, shape: &mut Shape<'_>, out: &mut Vec<u8>) {
    let (Some(first), Some(body)) = (packet.first(), packet.get(head..)) else {
        return;
    };
    let kind = first >> 4;
    let done = if shape.level < 5 { older(kind, *first, body, out) } else { newer(kind, *first, body, shape, out) };
    if !done {
        out.extend_from_slice(packet);
    }
}

/// True when the packet was written, or dropped on purpose.
fn older(kind: u8, first: u8, body: &[u8], out: &mut Vec<u8>) -> bool {
    match kind {
        // Acknowledgements have no reason code in 3.1.1.
        PUBACK..=PUBCOMP | UNSUBACK if body.len() > 2 => put(out, first, &[body.get(..2).unwrap_or_default()]),
        SUBACK if body.len() > 2 => {
            let (id, codes) = body.split_at(2);
            let codes: Vec<u8> = codes.iter().map(|code| if *code > 2 { 0x80 } else { *code }).collect();
            put(out, first, &[id, &codes])
        }
        // A 3.1.1 server says neither.
        DISCONNECT | AUTH => true,
        _ => false,
    }
}

fn newer(kind: u8, first: u8, body: &[u8], shape: &mut Shape<'_>, out: &mut Vec<u8>) -> bool {
    match kind {
        CONNACK => match shape.assigned {
            Some(name) => assigned(first, body, name, out).unwrap_or(false),
            None => false,
        },
        PUBACK | PUBREC => {
            let Some(id) = body.get(..2) else {
                return false;
            };
            let number = u16::from_be_bytes([id[0], id[1]]);
            match shape.verdicts.iter().position(|(other, _)| *other == number) {
                Some(at) => put(out, first, &[id, &[shape.verdicts.swap_remove(at).1]]),
                // The code says it all; some small clients stumble over the engine's reason strings.
                None if body.len() > 4 => put(out, first, &[body.get(..3).unwrap_or_default()]),
                None => false,
            }
        }
        PUBLISH => anonymous(first, body, out).unwrap_or(false),
        _ => false,
    }
}

fn put(out: &mut Vec<u8>, first: u8, parts: &[&[u8]]) -> bool {
    out.push(first);
    put_length(out, parts.iter().map(|part| part.len()).sum());
    for part in parts {
        out.extend_from_slice(part);
    }
    true
}

/// Adds the Assigned Client Identifier to a CONNACK that accepts.
fn assigned(first: u8, body: &[u8], name: &str, out: &mut Vec<u8>) -> Result<bool, Malformed> {
    let mut fields = Fields(body);
    let verdict = fields.bytes(2)?;
    if verdict[1] != 0 {
        return Ok(false);
    }
    let properties = fields.properties()?.0;
    let mut with = properties.to_vec();
    with.push(0x12);
    with.extend(u16::try_from(name.len()).unwrap_or_default().to_be_bytes());
    with.extend_from_slice(name.as_bytes());
    let mut length = Vec::with_capacity(4);
    put_length(&mut length, with.len());
    Ok(put(out, first, &[verdict, &length, &with]))
}

/// Drops the user properties the crate adds to say who published. False when there are none.
fn anonymous(first: u8, body: &[u8], out: &mut Vec<u8>) -> Result<bool, Malformed> {
    let mut fields = Fields(body);
    fields.data()?;
    if first & 0x06 != 0 {
        fields.short()?;
    }
    let start = body.len() - fields.0.len();
    let properties = fields.properties()?.0;
    let mut kept = Vec::with_capacity(properties.len());
    for property in Properties(properties) {
        let property = property?;
        let names_sender =
            property.id == 0x26 && property.value.get(2..).is_some_and(|key| key.starts_with(b"x-mqtt-"));
        if !names_sender {
            kept.extend_from_slice(property.whole);
        }
    }
    if kept.len() == properties.len() {
        return Ok(false);
    }
    let mut length = Vec::with_capacity(4);
    put_length(&mut length, kept.len());
    Ok(put(out, first, &[body.get(..start).unwrap_or_default(), &length, &kept, fields.0]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::wire::frame;
    use super::*;
    use proptest::prelude::*;

    fn shaped(level: u8, packet: &[u8], assigned: Option<&str>, verdicts: &mut Vec<(u16, u8)>) -> Vec<u8> {
        let mut out = Vec::new();
        let (head, end) = frame(packet).unwrap().unwrap();
        assert_eq!(end, packet.len());
        shape(packet, head, &mut Shape { level, assigned, verdicts }, &mut out);
        out
    }

    fn check(level: u8, packet: &[u8], expected: &[u8]) {
        assert_eq!(shaped(level, packet, None, &mut Vec::new()), expected, "{level} {packet:02x?}");
    }

    #[test]
    fn older_clients_get_short_acknowledgements() {
        check(4, b"\x40\x04\0\x07\x87\0", b"\x40\x02\0\x07");
        check(4, b"\x50\x03\0\x07\x87", b"\x50\x02\0\x07");
        check(4, b"\x70\x03\0\x07\x92", b"\x70\x02\0\x07");
        check(4, b"\x62\x02\0\x07", b"\x62\x02\0\x07");
        check(4, b"\x90\x05\0\x07\x01\x87\x02", b"\x90\x05\0\x07\x01\x80\x02");
        check(4, b"\xb0\x03\0\x07\x11", b"\xb0\x02\0\x07");
        check(4, b"\xe0\x02\x8e\0", b"");
        check(4, b"\xf0\x00", b"");
        check(4, b"\xd0\x00", b"\xd0\x00");
        check(4, b"\x30\x04\0\x01tx", b"\x30\x04\0\x01tx");
    }

    #[test]
    fn newer_clients_keep_reasons_and_learn_no_sender() {
        check(5, b"\x40\x04\0\x07\x87\0", b"\x40\x04\0\x07\x87\0");
        check(5, b"\x40\x08\0\x07\x87\x04\x1f\0\x01x", b"\x40\x03\0\x07\x87");
        check(5, b"\xe0\x02\x8e\0", b"\xe0\x02\x8e\0");
        let sender = b"\x26\0\x0dx-mqtt-sender\0\x01a";
        let own = b"\x26\0\x01k\0\x01v";
        let mut body = b"\0\x01t\0\x09".to_vec();
        put_length(&mut body, sender.len() + own.len());
        body.extend(sender);
        body.extend(own);
        body.extend(b"hi");
        let mut packet = vec![0x32];
        put_length(&mut packet, body.len());
        packet.extend(body);
        check(5, &packet, b"\x32\x0f\0\x01t\0\x09\x07\x26\0\x01k\0\x01vhi");
        check(5, b"\x30\x06\0\x01t\0hi", b"\x30\x06\0\x01t\0hi");
    }

    #[test]
    fn an_assigned_name_is_told_once_accepted() {
        let mut none = Vec::new();
        assert_eq!(shaped(5, b"\x20\x03\0\0\0", Some("ab"), &mut none), b"\x20\x08\0\0\x05\x12\0\x02ab");
        assert_eq!(shaped(5, b"\x20\x03\0\x87\0", Some("ab"), &mut none), b"\x20\x03\0\x87\0");
    }

    #[test]
    fn a_verdict_changes_one_acknowledgement() {
        let mut verdicts = vec![(7, 0x83)];
        assert_eq!(shaped(5, b"\x40\x02\0\x08", None, &mut verdicts), b"\x40\x02\0\x08");
        assert_eq!(shaped(5, b"\x40\x02\0\x07", None, &mut verdicts), b"\x40\x03\0\x07\x83");
        assert_eq!(shaped(5, b"\x40\x02\0\x07", None, &mut verdicts), b"\x40\x02\0\x07");
    }

    proptest! {
        #[test]
        fn any_packet_is_survived_and_stays_one_packet(
            first in any::<u8>(), body in prop::collection::vec(any::<u8>(), 0..200), level in 4u8..6,
        ) {
            let mut packet = vec![first];
            put_length(&mut packet, body.len());
            packet.extend(&body);
            let out = shaped(level, &packet, Some("name"), &mut vec![(1, 0x87)]);
            if !out.is_empty() {
                let (_, end) = frame(&out).unwrap().unwrap();
                prop_assert_eq!(end, out.len());
                prop_assert_eq!(out[0], first);
            }
        }
    }
}
