//! A gzip stream in pieces that arrive at once, and that costs no memory between them.
//!
//! Each piece is compressed by itself, begins and ends at a byte, and refers to nothing before it: a stream that waits
//! for the next change holds no window, only a running checksum.

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// What is not worth compressing.
const SMALL: usize = 160;

/// A stream that has begun, or is about to.
#[derive(Debug, Default)]
pub(super) struct Gzip {
    crc: Crc,
    begun: bool,
}

impl Gzip {
    /// The next piece.
    pub(super) fn piece(&mut self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(32 + text.len() / 4);
        if !self.begun {
            // Deflate, no name, no time, of an unknown system.
            out.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
            self.begun = true;
        }
        self.crc.update(text);
        if text.len() < SMALL || !deflate(text, &mut out) {
            store(text, &mut out);
        }
        out
    }

    /// The last piece: an empty block that says so, and the sums.
    pub(super) fn end(&mut self) -> Vec<u8> {
        let mut out = if self.begun { Vec::new() } else { self.piece(&[]) };
        out.extend_from_slice(&[0x03, 0x00]);
        out.extend_from_slice(&self.crc.sum().to_le_bytes());
        out.extend_from_slice(&self.crc.amount().to_le_bytes());
        out
    }
}

/// As it is, in blocks that say how long they are.
fn store(text: &[u8], out: &mut Vec<u8>) {
    for block in text.chunks(usize::from(u16::MAX)) {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(0);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
}

/// Compressed, up to a byte; false, and nothing written, when that did not work.
fn deflate(text: &[u8], out: &mut Vec<u8>) -> bool {
    let (begun, mut compress) = (out.len(), Compress::new(Compression::fast(), false));
    loop {
        if out.capacity() - out.len() < 1024 {
            out.reserve(text.len() / 4 + 4096);
        }
        let read = usize::try_from(compress.total_in()).unwrap_or(text.len());
        let room = out.len();
        match compress.compress_vec(&text[read..], out, FlushCompress::Sync) {
            Ok(Status::Ok | Status::BufError) => {}
            _ => {
                out.truncate(begun);
                return false;
            }
        }
        let all_read = usize::try_from(compress.total_in()).is_ok_and(|read| read == text.len());
        // Room that is left means that nothing waits inside.
        if all_read && out.len() < out.capacity() {
            return true;
        }
        if !all_read && out.len() == room && out.capacity() - out.len() >= 1024 {
            out.truncate(begun);
            return false;
        }
    }
}

/// Whether a client takes gzip.
pub(super) fn is_offered(accept_encoding: Option<&str>) -> bool {
    accept_encoding.unwrap_or_default().split(',').any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = |part: &str| part.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0));
        gzip && !parts.any(refused)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Read;

    use super::*;

    #[test]
    fn every_piece_arrives_by_itself_and_all_together_are_one_stream() {
        let mut noise = 1_u64;
        let mut random = |len: usize| -> Vec<u8> {
            let step = |_| {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                noise.to_le_bytes()[7]
            };
            (0..len).map(step).collect()
        };
        let pieces: Vec<Vec<u8>> = vec![
            b"{\"token_expires_in\":20}\n".to_vec(),
            "{\"a\":1}".repeat(50_000).into_bytes(),
            random(300_000),
            Vec::new(),
            b"x".repeat(SMALL),
            random(SMALL),
        ];
        let (mut gzip, mut sent, mut said) = (Gzip::default(), Vec::new(), Vec::new());
        for piece in &pieces {
            sent.extend(gzip.piece(piece));
            said.extend_from_slice(piece);
            let mut heard = vec![0; said.len()];
            flate2::read::GzDecoder::new(&*sent).read_exact(&mut heard).unwrap();
            assert!(heard == said);
        }
        sent.extend(gzip.end());
        let mut heard = Vec::new();
        flate2::read::GzDecoder::new(&*sent).read_to_end(&mut heard).unwrap();
        assert!(heard == said);
        let mut nothing = Vec::new();
        flate2::read::GzDecoder::new(&*Gzip::default().end()).read_to_end(&mut nothing).unwrap();
        assert!(nothing.is_empty());
    }

    #[test]
    fn it_is_used_where_it_is_offered() {
        for (offer, expected) in [
            (Some("gzip, deflate"), true),
            (Some("br;q=1.0, GZIP;q=0.5"), true),
            (Some("gzip;q=0"), false),
            (Some("identity"), false),
            (Some("*"), false),
            (None, false),
        ] {
            assert_eq!(is_offered(offer), expected, "{offer:?}");
        }
    }
}
