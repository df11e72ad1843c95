//! What no well-meaning client sends, at the hub's own listeners: the hub lives, and others are served.

use std::time::Duration;

use futures_util::StreamExt;
use kairos_simulator::random::Rng;
use kairos_tests::mqtt::{self, Wire, press};
use kairos_tests::raw::{Heard, connect, exchange, hear};
use kairos_tests::{House, Person, Screen, scaled};
use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

/// How long the hub may take to answer a finished request on a busy machine.
const SOON: Duration = Duration::from_secs(5);

fn upgrade(path: &str, protocol: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}\r\n"
    )
}

const MQTT_PROTOCOL: &str = "Sec-WebSocket-Protocol: mqtt\r\n";

/// One request, and the statuses it may be answered with.
struct Shape {
    name: &'static str,
    bytes: Vec<u8>,
    allowed: &'static [u16],
    /// Whether nothing further may be taken from the connection.
    closes: bool,
}

fn shape(name: &'static str, bytes: impl Into<Vec<u8>>, allowed: &'static [u16], closes: bool) -> Shape {
    Shape { name, bytes: bytes.into(), allowed, closes }
}

/// Requests that are wrong in one way each.
fn shapes(token: &str) -> Vec<Shape> {
    let head = format!(
        "POST /api/habits HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    );
    let get = |line: &str, headers: &str| format!("{line}\r\nHost: localhost\r\n{headers}\r\n");
    let sized = |body: &str| format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    let chunked = |body: &str| format!("{head}Transfer-Encoding: chunked\r\n\r\n{body}");
    let large = "x".repeat(2 << 20);
    let nested = "[".repeat(200_000);
    vec![
        shape("noise", "\u{1}\u{2}\u{3}\r\n\r\n", &[400], true),
        shape("http 2 by force", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[400, 505], true),
        shape("no version", "GET /health\r\n\r\n", &[400], true),
        shape(
            "a huge header",
            get("GET /health HTTP/1.1", &format!("X-Large: {}\r\n", "x".repeat(100_000))),
            &[431],
            true,
        ),
        shape("a huge path", get(&format!("GET /{} HTTP/1.1", "x".repeat(100_000)), ""), &[414, 431], true),
        shape("many headers", get("GET /health HTTP/1.1", &"X: y\r\n".repeat(1000)), &[431], true),
        shape("a space before the colon", get("GET /health HTTP/1.1", "X-Odd : y\r\n"), &[400], true),
        shape("a NUL in a header", get("GET /health HTTP/1.1", "X-Odd: a\0b\r\n"), &[400], true),
        shape("a bare CR in a header", get("GET /health HTTP/1.1", "X-Odd: a\rb\r\n"), &[400], true),
        shape("a folded header", get("GET /health HTTP/1.1", "X-Odd: a\r\n b\r\n"), &[400], true),
        shape("no host", "GET /api/today HTTP/1.1\r\n\r\n", &[400, 421], false),
        shape(
            "two hosts",
            "GET /api/today HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
            &[400, 421],
            false,
        ),
        shape(
            "a foreign absolute address",
            get("GET http://evil.example/api/today HTTP/1.1", ""),
            &[400, 401, 421],
            false,
        ),
        shape("a tunnel", "CONNECT evil.example:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", &[400, 404, 405], false),
        shape("a method nobody has", get("BREW /health HTTP/1.1", ""), &[405], false),
        shape("a way out of the folder", get("GET /../../../../etc/passwd HTTP/1.1", ""), &[400, 404, 200], false),
        shape("a hidden way out", get("GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1", ""), &[400, 404, 200], false),
        shape("a huge body", sized(&large), &[413], true),
        shape("a huge body in chunks", chunked(&format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len())), &[413], true),
        shape("a body larger than any disk", format!("{head}Content-Length: 999999999999999999\r\n\r\n"), &[413], true),
        shape("brackets without end", sized(&nested), &[400, 422], false),
        shape("brackets in a field", sized(&format!("{{\"name\":{nested}")), &[400, 422], false),
        shape(
            "bytes that are no text",
            [sized("????").trim_end_matches('?').as_bytes(), &[0xff, 0xfe, 0, 1]].concat(),
            &[400, 422],
            false,
        ),
        shape("a chunk of no size", chunked("zz\r\nabc\r\n0\r\n\r\n"), &[400], true),
        shape("a chunk of too many digits", chunked("ffffffffffffffffff\r\nabc\r\n0\r\n\r\n"), &[400], true),
        shape(
            "a chunk with an endless extension",
            chunked(&format!("1;{}\r\na\r\n0\r\n\r\n", "e".repeat(100_000))),
            &[400],
            true,
        ),
        shape("a chunk without its end", chunked("3\r\nabcXX0\r\n\r\n"), &[400], true),
        shape("two lengths", format!("{head}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}x"), &[400], true),
        shape("two lengths in one", format!("{head}Content-Length: 2, 3\r\n\r\n{{}}x"), &[400], true),
        shape("a negative length", format!("{head}Content-Length: -2\r\n\r\n{{}}"), &[400], true),
        shape("a length with a sign", format!("{head}Content-Length: +2\r\n\r\n{{}}"), &[400], true),
        shape(
            "chunked, but not last",
            format!("{head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
            &[400, 501],
            true,
        ),
        shape("an unknown encoding", format!("{head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"), &[400, 501], true),
        shape("chunked in http 1.0", chunked("0\r\n\r\n").replace("HTTP/1.1", "HTTP/1.0"), &[400], true),
    ]
}

/// A request that a proxy in front may have understood differently, and a second one hidden in it.
fn smuggled(token: &str) -> Vec<(&'static str, String)> {
    let head = "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let hidden = format!(
        "POST /api/habits HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: 19\r\n\r\n{{\"name\":\"Smuggled\"}}"
    );
    let chunk = format!("0\r\n\r\n{hidden}");
    let length = chunk.len();
    vec![
        (
            "length, then chunked",
            format!("{head}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"),
        ),
        (
            "chunked, then length",
            format!("{head}Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n{chunk}"),
        ),
        (
            "chunked twice",
            format!(
                "{head}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n{chunk}"
            ),
        ),
        (
            "chunked behind a tab",
            format!("{head}Content-Length: {length}\r\nTransfer-Encoding:\tchunked\r\n\r\n{chunk}"),
        ),
        ("chunked in capitals", format!("{head}Content-Length: {length}\r\nTRANSFER-ENCODING: CHUNKED\r\n\r\n{chunk}")),
    ]
}

#[tokio::test]
async fn every_wrong_shape_of_a_request_is_refused_and_nothing_hides_in_it() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let port = house.ports.http;
    for Shape { name, bytes, allowed, closes } in shapes(&ada.token) {
        // Whatever stands behind a request that cannot be trusted must not be taken for a request.
        let behind = format!("GET /health HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "Connection: close\r\n");
        let heard = exchange(port, &[bytes.as_slice(), behind.as_bytes()].concat(), SOON).await;
        let statuses = heard.statuses();
        if heard.bytes.is_empty() && closes {
            // A reset overtook the answer.
            assert!(heard.closed, "{name}: no answer, and the connection is open");
            continue;
        }
        assert!(statuses.first().is_some_and(|status| allowed.contains(status)), "{name}: {statuses:?}");
        if closes {
            assert_eq!(statuses.len(), 1, "{name}: something behind it was answered");
            assert!(heard.closed, "{name}: the connection is still open");
        }
        let text = String::from_utf8_lossy(&heard.bytes);
        assert!(!text.contains("root:") && !text.contains("panicked"), "{name}: {text}");
    }
    for (name, bytes) in smuggled(&ada.token) {
        let heard = exchange(port, bytes.as_bytes(), SOON).await;
        assert!(heard.statuses().len() <= 1, "{name}: the hidden request was answered: {:?}", heard.statuses());
        assert!(heard.closed, "{name}: the connection is still open");
    }
    assert_eq!(ada.get("/api/habits").await["items"], json!([]), "no hidden request was carried out");
    house.is_well().await;
}

/// Talks as slowly as it can: `bytes` as they are, then one more every `pause`, and nothing when there is no pause.
async fn slowly(port: u16, bytes: &[u8], pause: Option<Duration>) -> Duration {
    let mut stream = connect(port).await;
    stream.write_all(bytes).await.unwrap();
    let begun = Instant::now();
    loop {
        let heard = hear(&mut stream, pause.unwrap_or(Duration::from_secs(40))).await;
        if heard.closed {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < Duration::from_secs(40), "still open after {:?}", begun.elapsed());
        let _ = stream.write_all(b"x").await;
    }
}

#[tokio::test]
async fn whoever_is_silent_or_slow_is_shown_out() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let kairos_tests::Ports { http, https, mqtt, mqtts } = house.ports;
    let body = format!(
        "POST /api/habits HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n",
        ada.token
    );
    let after_one = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let (socket, wire) = (upgrade("/api/websocket", ""), upgrade("/mqtt", MQTT_PROTOCOL));
    let drop_by_drop = Some(Duration::from_millis(400));
    let cases: [(&str, u16, &str, Option<Duration>); 13] = [
        ("http, silent", http, "", None),
        ("http, a slow head", http, "GET / HTTP/1.1\r\nX-Slow: ", drop_by_drop),
        ("http, no body", http, &body, None),
        ("http, a slow body", http, &body, drop_by_drop),
        ("http, nothing after a request", http, after_one, None),
        ("https, silent", https, "", None),
        ("https, slow", https, "\u{16}\u{3}\u{1}\u{2}", drop_by_drop),
        ("websocket, silent", http, &socket, None),
        ("mqtt over websocket, silent", http, &wire, None),
        ("mqtt, silent", mqtt, "", None),
        ("mqtt, a slow CONNECT", mqtt, "\u{10}\u{7f}\0\u{4}MQTT", drop_by_drop),
        ("mqtts, silent", mqtts, "", None),
        ("mqtts, slow", mqtts, "\u{16}\u{3}\u{1}\u{2}", drop_by_drop),
    ];
    let all =
        cases.map(|(name, port, bytes, pause)| async move { (name, slowly(port, bytes.as_bytes(), pause).await) });
    for (name, took) in futures_util::future::join_all(all).await {
        assert!(took < Duration::from_secs(20), "{name}: {took:?}");
    }
    house.is_well().await;
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// How long requests, presses and greetings take, each the median of some.
async fn promptness(house: &House, ada: &Person, button: &kairos_tests::Button, round: u16) -> [Duration; 3] {
    let (mut requests, mut presses, mut greetings) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..15 {
        let asked = Instant::now();
        // A connection of its own: a kept one would not notice a crowd at the door.
        let fresh = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = fresh.get(house.url("/api/today")).bearer_auth(&ada.token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        requests.push(asked.elapsed());
        let pressed = Instant::now();
        let mut wire = Wire::open(house.ports.mqtt, button).await;
        wire.send(&press(button, n + 1, false, &format!("prompt:{round}:{n}"))).await.unwrap();
        wire.puback().await.unwrap();
        presses.push(pressed.elapsed());
        let greeted = Instant::now();
        drop(ada.screen().await);
        greetings.push(greeted.elapsed());
    }
    [requests, presses, greetings].map(median)
}

#[tokio::test]
async fn heavy_a_crowd_of_silent_peers_at_every_door_delays_nobody() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let habit = ada.counted_habit("Glasses", 8.0).await;
    let button = ada.button("Kitchen", &habit, "add").await;
    let alone = promptness(&house, &ada, &button, 0).await;
    let kairos_tests::Ports { http, https, mqtt, .. } = house.ports;
    let (socket, wire) = (upgrade("/api/websocket", ""), upgrade("/mqtt", MQTT_PROTOCOL));
    let mut crowd = Vec::new();
    for _ in 0..200 {
        for (port, bytes) in [(http, ""), (https, ""), (http, socket.as_str()), (http, wire.as_str()), (mqtt, "")] {
            let mut stream = connect(port).await;
            stream.write_all(bytes.as_bytes()).await.unwrap();
            crowd.push(stream);
        }
    }
    let crowded = promptness(&house, &ada, &button, 1).await;
    println!("request, press, greeting: alone {alone:?}, beside a crowd of {} {crowded:?}", crowd.len());
    for took in crowded {
        assert!(took < Duration::from_secs(2), "alone {alone:?}, beside a crowd {crowded:?}");
    }
    drop(crowd);
    house.is_well().await;
}

/// Seeded noise: the same inputs in every run.
struct Noise(Rng);

impl Noise {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.next_u64() % u64::try_from(bound).unwrap()).unwrap()
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..=self.below(most)).map(|_| u8::try_from(self.below(256)).unwrap()).collect()
    }

    /// Something right with a few bytes changed, left out, repeated or put in.
    fn mangled(&mut self, right: &[u8]) -> Vec<u8> {
        let mut bytes = right.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len().max(1));
            match self.below(5) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, u8::try_from(self.below(256)).unwrap()),
                2 => {
                    let piece = self.bytes(20);
                    bytes.splice(at..at, piece);
                }
                3 => bytes.extend_from_within(..at),
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = u8::try_from(self.below(256)).unwrap();
                    }
                }
            }
        }
        bytes
    }
}

/// Throws inputs at a port, many connections at a time, each with its own.
async fn throw(port: u16, inputs: Vec<Vec<u8>>) {
    let one = |bytes: Vec<u8>| async move {
        let mut stream = connect(port).await;
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        let _: Heard = hear(&mut stream, Duration::from_millis(300)).await;
    };
    futures_util::stream::iter(inputs).for_each_concurrent(32, one).await;
}

#[tokio::test]
async fn thousands_of_random_inputs_at_every_listener_are_survived() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let habit = ada.counted_habit("Glasses", 8.0).await;
    let button = ada.button("Kitchen", &habit, "add").await;
    let kairos_tests::Ports { http, https, mqtt, mqtts } = house.ports;
    let mut noise = Noise(Rng::new(0xbad, 0));
    let count = scaled(4000);

    let body = r#"{"name":"Glasses","kind":"measurable","target_value":8}"#;
    let request = format!(
        "POST /api/habits HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        ada.token,
        body.len()
    );
    let chunked = request.replace(
        &format!("Content-Length: {}\r\n\r\n{body}", body.len()),
        &format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len()),
    );
    let hello = mqtt::connect("wire-noise", &button.device_id, &button.password);
    let session = [
        hello.clone(),
        mqtt::packet(0x82, &[0, 9, 0, 3, b'a', b'/', b'#', 1]),
        press(&button, 1, false, "noise:1"),
        mqtt::packet(0xC0, &[]),
    ]
    .concat();
    let socket =
        [upgrade("/api/websocket", "").into_bytes(), vec![0x81, 0x85, 1, 2, 3, 4, 0x69, 0x67, 0x6f, 0x68, 0x6e]]
            .concat();
    let wire =
        [upgrade("/mqtt", MQTT_PROTOCOL).into_bytes(), vec![0x82, 0x80 | 10, 0, 0, 0, 0], session[..10].to_vec()]
            .concat();
    // A TLS greeting as far as it takes to be believed.
    let tls = [vec![0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3], vec![7; 32], vec![0, 0, 2, 0x13, 1, 1, 0], vec![0; 140]]
        .concat();

    let plans: [(u16, Vec<Vec<u8>>); 4] = [
        (http, vec![request.into_bytes(), chunked.into_bytes(), socket, wire]),
        (https, vec![tls.clone()]),
        (mqtt, vec![hello, session]),
        (mqtts, vec![tls]),
    ];
    for (port, right) in plans {
        let inputs =
            (0..count).map(|n| if n % 8 == 0 { noise.bytes(300) } else { noise.mangled(&right[n % right.len()]) });
        throw(port, inputs.collect()).await;
        house.is_well().await;
    }
    // Everybody else is served as before.
    let mut wire = Wire::open(mqtt, &button).await;
    wire.send(&press(&button, 7, false, "after:1")).await.unwrap();
    assert_eq!(wire.puback().await.unwrap(), 7);
    let (status, _) = ada.ask(Method::GET, "/api/today", None).await;
    assert_eq!(status, 200);
    let mut screen = Screen::open(&house.url(""), &ada.token).await;
    assert!(screen.throw(Message::text(r#"{"id":1,"type":"ping"}"#)).await);
    assert_eq!(screen.hear().await["type"], "pong");
    kairos_tests::Database::open(&house.database()).is_consistent();
    house.is_well().await;
}
