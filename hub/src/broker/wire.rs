//! MQTT framing: lengths, properties and packet boundaries. Pure functions over untrusted bytes; none can panic.

/// The remaining length that begins `bytes` and how many bytes encode it; `None` while it is incomplete.
///
/// # Errors
///
/// When four bytes do not end it.
pub(super) fn length(bytes: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let mut value = 0;
    for (n, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            return Ok(Some((value, n + 1)));
        }
    }
    if bytes.len() < 4 { Ok(None) } else { Err(Malformed) }
}

/// Appends `value` as a variable byte integer.
pub(super) fn put_length(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let byte = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        if value == 0 {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

/// Where the body of the packet that begins `bytes` starts and ends; `None` while the header is incomplete.
///
/// # Errors
///
/// As [`length`].
pub(super) fn frame(bytes: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let Some(rest) = bytes.get(1..) else {
        return Ok(None);
    };
    Ok(length(rest)?.map(|(body, encoded)| (1 + encoded, 1 + encoded + body)))
}

/// These bytes are not MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed packet")]
pub(super) struct Malformed;

/// Reads fields from the front of a body.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = tail;
        Ok(head)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.bytes(1).map(|b| b[0])
    }

    pub(super) fn short(&mut self) -> Result<u16, Malformed> {
        self.bytes(2).map(|b| u16::from_be_bytes([b[0], b[1]]))
    }

    /// Binary data or a string: two bytes of length, then the bytes.
    pub(super) fn data(&mut self) -> Result<&'a [u8], Malformed> {
        let count = self.short()?;
        self.bytes(usize::from(count))
    }

    /// A string as the specification wants it: UTF-8 without NUL.
    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        let text = std::str::from_utf8(self.data()?).map_err(|_| Malformed)?;
        if text.contains('\0') { Err(Malformed) } else { Ok(text) }
    }

    /// A block of properties, without its length.
    pub(super) fn properties(&mut self) -> Result<Properties<'a>, Malformed> {
        let (count, encoded) = length(self.0)?.ok_or(Malformed)?;
        self.bytes(encoded)?;
        self.bytes(count).map(Properties)
    }
}

/// The properties of an MQTT 5 packet, one after another: identifier, value, and both as they stand in the packet.
#[derive(Clone, Copy)]
pub(super) struct Properties<'a>(pub(super) &'a [u8]);

pub(super) struct Property<'a> {
    pub(super) id: u8,
    pub(super) value: &'a [u8],
    pub(super) whole: &'a [u8],
}

impl<'a> Iterator for Properties<'a> {
    type Item = Result<Property<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&id, value) = self.0.split_first()?;
        let parsed = property_length(id, value).and_then(|count| {
            let (whole, rest) = self.0.split_at_checked(1 + count).ok_or(Malformed)?;
            self.0 = rest;
            Ok(Property { id, value: &whole[1..], whole })
        });
        if parsed.is_err() {
            self.0 = &[];
        }
        Some(parsed)
    }
}

fn property_length(id: u8, value: &[u8]) -> Result<usize, Malformed> {
    let string = |from: usize| -> Result<usize, Malformed> {
        let at = value.get(from..from + 2).ok_or(Malformed)?;
        Ok(from + 2 + usize::from(u16::from_be_bytes([at[0], at[1]])))
    };
    match id {
        0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2a => Ok(1),
        0x13 | 0x21 | 0x22 | 0x23 => Ok(2),
        0x02 | 0x11 | 0x18 | 0x27 => Ok(4),
        0x0b => length(value)?.map(|(_, encoded)| encoded).ok_or(Malformed),
        0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1a | 0x1c | 0x1f => string(0),
        0x26 => string(string(0)?),
        _ => Err(Malformed),
    }
}

/// Finds packet boundaries in what a client sends, so that a rate can be kept and a size bounded without buffering.
#[derive(Debug)]
pub(super) struct Boundaries {
    max: usize,
    header: [u8; 5],
    have: usize,
    left: usize,
}

/// Why a client's bytes are not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("a packet is larger than allowed")]
    TooLarge,
    #[error("malformed packet")]
    Malformed,
}

impl Boundaries {
    pub(super) fn new(max: usize) -> Self {
        Self { max, header: [0; 5], have: 0, left: 0 }
    }

    /// How many of `bytes` may be passed on now. `start` is asked before each packet begins; when it says no, the
    /// packet and everything behind it wait.
    pub(super) fn pass(&mut self, bytes: &[u8], mut start: impl FnMut() -> bool) -> Result<usize, Unfit> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.left > 0 {
                let step = self.left.min(bytes.len() - at);
                self.left -= step;
                at += step;
                continue;
            }
            if self.have == 0 && !start() {
                return Ok(at);
            }
            self.header[self.have] = byte;
            self.have += 1;
            at += 1;
            let header = self.header.get(..self.have).unwrap_or_default();
            if let Some((head, end)) = frame(header).map_err(|_| Unfit::Malformed)? {
                if end > self.max {
                    return Err(Unfit::TooLarge);
                }
                self.left = end - head;
                self.have = 0;
            }
        }
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_have_at_most_four_bytes() {
        assert_eq!(length(&[]), Ok(None));
        assert_eq!(length(&[0x80, 0x80, 0x80]), Ok(None));
        assert_eq!(length(&[0xff, 0xff, 0xff, 0x7f]), Ok(Some((268_435_455, 4))));
        assert_eq!(length(&[0x80, 0x80, 0x80, 0x80]), Err(Malformed));
    }

    #[test]
    fn a_packet_too_large_is_seen_in_its_header() {
        assert_eq!(Boundaries::new(100).pass(&[0x30, 97], || true), Ok(2));
        assert_eq!(Boundaries::new(100).pass(&[0x30, 99], || true), Err(Unfit::TooLarge));
        assert_eq!(Boundaries::new(100).pass(&[0x30, 0xff, 0xff, 0xff, 0x7f], || true), Err(Unfit::TooLarge));
        assert_eq!(Boundaries::new(100).pass(&[0x30, 0xff, 0xff, 0xff, 0xff], || true), Err(Unfit::Malformed));
    }

    proptest! {
        #[test]
        fn every_length_comes_back(value in 0usize..268_435_456) {
            let mut out = Vec::new();
            put_length(&mut out, value);
            prop_assert_eq!(length(&out), Ok(Some((value, out.len()))));
        }

        #[test]
        fn packets_are_counted_whatever_the_chunks(
            sizes in prop::collection::vec(0usize..300, 1..20),
            chunk in 1usize..50,
            allowed in 0usize..25,
        ) {
            let mut stream = Vec::new();
            let mut ends = vec![0];
            for size in &sizes {
                stream.push(0x30);
                put_length(&mut stream, *size);
                stream.resize(stream.len() + size, 0xaa);
                ends.push(stream.len());
            }
            let mut boundaries = Boundaries::new(1000);
            let (mut passed, mut tokens) = (0, allowed);
            while passed < stream.len() {
                let end = (passed + chunk).min(stream.len());
                let n = boundaries.pass(&stream[passed..end], || { let ok = tokens > 0; tokens -= usize::from(ok); ok }).unwrap();
                passed += n;
                if n == 0 { break; }
            }
            prop_assert_eq!(passed, ends[allowed.min(sizes.len())]);
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = frame(&bytes);
            let _ = Boundaries::new(64).pass(&bytes, || true);
            let _ = Properties(&bytes).count();
            let mut fields = Fields(&bytes);
            let _ = fields.properties();
            let _ = fields.text();
        }
    }
}
