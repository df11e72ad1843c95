#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::super::rate::Rate;
use super::*;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

struct Rig {
    client: DuplexStream,
    guard: Guard<DuplexStream>,
    token: CancellationToken,
}

fn rig(level: u8, rate: Rate, early: &[u8], pipe: usize) -> Rig {
    let (client, stream) = duplex(pipe);
    let token = CancellationToken::new();
    let guard = Guard::new(Parts {
        stream,
        peer: "127.0.0.1:1".parse().unwrap(),
        level,
        connect: b"CONNECT".to_vec(),
        early: early.to_vec(),
        assigned: None,
        after: None,
        token: token.clone(),
        bucket: Arc::new(Bucket::new(rate, Instant::now())),
        verdicts: Verdicts::default(),
        max_packet: 1000,
        stall: Duration::from_secs(30),
    });
    Rig { client, guard, token }
}

const FREE: Rate = Rate { per_second: 0, burst: 0 };

#[tokio::test]
async fn the_connect_comes_first_then_what_was_sent_early_then_the_rest() {
    let mut rig = rig(4, FREE, b"\xc0\0", 64);
    rig.client.write_all(b"\x30\x03\0\x01t").await.unwrap();
    rig.client.shutdown().await.unwrap();
    let mut all = Vec::new();
    rig.guard.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"CONNECT\xc0\0\x30\x03\0\x01t");
}

#[tokio::test(start_paused = true)]
async fn a_fast_client_is_read_slowly_and_loses_nothing() {
    let mut rig = rig(4, Rate { per_second: 10, burst: 5 }, b"\xc0\0\xc0\0\xc0\0\xc0\0", 4096);
    for _ in 0..21 {
        rig.client.write_all(b"\xc0\0").await.unwrap();
    }
    rig.client.shutdown().await.unwrap();
    let start = Instant::now();
    let mut all = Vec::new();
    rig.guard.read_to_end(&mut all).await.unwrap();
    assert_eq!(all.len(), b"CONNECT".len() + 25 * 2);
    let took = start.elapsed();
    assert!((1900..2200).contains(&took.as_millis()), "20 packets beyond the burst at 10 a second took {took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pause_ends_with_the_connection() {
    let mut rig = rig(4, Rate { per_second: 1, burst: 1 }, b"", 4096);
    rig.client.write_all(b"\xc0\0\xc0\0").await.unwrap();
    let mut seen = [0; 9];
    rig.guard.read_exact(&mut seen).await.unwrap();
    let token = rig.token.clone();
    let (read, ()) = tokio::join!(rig.guard.read_u8(), async { token.cancel() });
    assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionAborted);
}

#[tokio::test]
async fn a_packet_too_large_ends_the_connection_at_its_header() {
    let mut rig = rig(4, FREE, b"", 64);
    rig.client.write_all(b"\x30\xff\x7f").await.unwrap();
    let error = rig.guard.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
}

#[tokio::test]
async fn nothing_leaves_once_the_connection_is_cancelled() {
    let mut rig = rig(4, FREE, b"", 64);
    rig.guard.write_all(b"\x40\x02\0\x01").await.unwrap();
    rig.guard.flush().await.unwrap();
    rig.token.cancel();
    assert!(rig.guard.write_all(b"\x40\x02\0\x02").await.is_err());
    assert!(rig.guard.flush().await.is_err());
    drop(rig.guard);
    let mut all = Vec::new();
    rig.client.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"\x40\x02\0\x01");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_given_up() {
    let mut rig = rig(4, FREE, b"", 8);
    let packet = b"\x30\x40\0\x01t0123456789012345678901234567890123456789012345678901234567890";
    rig.guard.write_all(packet).await.unwrap();
    let start = Instant::now();
    let error = rig.guard.write_all(packet).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(start.elapsed(), Duration::from_secs(30));
}

#[tokio::test]
async fn packets_are_shaped_whatever_the_chunks() {
    for chunk in 1..8 {
        let mut rig = rig(4, FREE, b"", 4096);
        let stream = b"\x40\x04\0\x07\x87\0\xe0\x02\x8e\0\x90\x03\0\x07\x87\xd0\0";
        for part in stream.chunks(chunk) {
            rig.guard.write_all(part).await.unwrap();
        }
        rig.guard.shutdown().await.unwrap();
        let mut all = Vec::new();
        rig.client.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"\x40\x02\0\x07\x90\x03\0\x07\x80\xd0\0");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived_in_both_directions(
        inbound in prop::collection::vec(any::<u8>(), 0..400),
        outbound in prop::collection::vec(any::<u8>(), 0..400),
        level in 4u8..6,
        chunk in 1usize..64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut rig = rig(level, FREE, b"", 100_000);
            rig.client.write_all(&inbound).await.unwrap();
            rig.client.shutdown().await.unwrap();
            let mut seen = Vec::new();
            let mut part = vec![0; chunk];
            while let Ok(n @ 1..) = rig.guard.read(&mut part).await {
                seen.extend_from_slice(&part[..n]);
            }
            let seen = seen.strip_prefix(b"CONNECT").unwrap();
            assert!(inbound.starts_with(seen), "bytes are passed on as they are, or not at all");
            for part in outbound.chunks(chunk) {
                if rig.guard.write_all(part).await.is_err() {
                    break;
                }
            }
        });
    }
}
