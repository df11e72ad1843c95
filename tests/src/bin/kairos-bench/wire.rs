//! The clients of the bench: as little as MQTT 3.1.1, HTTP/1.1 and websockets need, so that the generator,
//! which shares the processor with the hub, costs little. Errors end the run: a bench has nothing to save.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::ops::Range;
use std::time::Duration;

/// Nothing measured here takes longer, unless it never comes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes that came in and are not used up.
#[derive(Debug, Default)]
pub(crate) struct Inbox(Vec<u8>);

/// Something whole at the front of an inbox: its kind, and where its body is.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) kind: u8,
    pub(crate) body: Range<usize>,
}

impl Inbox {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.0[range]
    }

    pub(crate) fn used(&mut self, packet: &Packet) {
        self.0.drain(..packet.body.end);
    }

    /// An MQTT packet; its kind is the upper half of the first byte.
    pub(crate) fn mqtt(&self) -> Option<Packet> {
        let (mut length, mut at) = (0_usize, 1);
        loop {
            let byte = *self.0.get(at)?;
            length |= usize::from(byte & 0x7f) << (7 * (at - 1));
            at += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        (self.0.len() >= at + length).then(|| Packet { kind: self.0[0] >> 4, body: at..at + length })
    }

    /// A websocket frame from a server: never masked, and the hub does not split messages.
    pub(crate) fn frame(&self) -> Option<Packet> {
        let short = usize::from(*self.0.get(1)?);
        let (length, at) = match short {
            126 => (usize::from(u16::from_be_bytes([*self.0.get(2)?, *self.0.get(3)?])), 4),
            127 => (usize::try_from(u64::from_be_bytes(self.0.get(2..10)?.try_into().ok()?)).ok()?, 10),
            _ => (short, 2),
        };
        (self.0.len() >= at + length).then(|| Packet { kind: self.0[0] & 0x0f, body: at..at + length })
    }
}

pub(crate) const PUBLISH: u8 = 3;
pub(crate) const PUBACK: u8 = 4;

/// Who connects to a broker.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) client_id: String,
    pub(crate) username: String,
    pub(crate) password: String,
}

fn text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&u16::try_from(text.len()).unwrap().to_be_bytes());
    out.extend_from_slice(text);
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut left = body.len();
    loop {
        let byte = u8::try_from(left & 0x7f).unwrap();
        left >>= 7;
        out.push(if left > 0 { byte | 0x80 } else { byte });
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(body);
    out
}

pub(crate) fn connect(login: &Login) -> Vec<u8> {
    let mut body = b"\0\x04MQTT\x04".to_vec();
    body.push(0b1100_0010);
    body.extend_from_slice(&300_u16.to_be_bytes());
    for part in [&login.client_id, &login.username, &login.password] {
        text(&mut body, part.as_bytes());
    }
    packet(0x10, &body)
}

pub(crate) fn publish(topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(topic.len() + payload.len() + 4);
    text(&mut body, topic.as_bytes());
    body.extend_from_slice(&id.to_be_bytes());
    body.extend_from_slice(payload);
    packet(0x32, &body)
}

fn subscribe(topic: &str) -> Vec<u8> {
    let mut body = vec![0, 1];
    text(&mut body, topic.as_bytes());
    body.push(1);
    packet(0x82, &body)
}

/// A blocking connection: for one client at a time nothing is cheaper.
pub(crate) struct Link {
    stream: TcpStream,
    inbox: Inbox,
}

impl Link {
    fn open(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, inbox: Inbox::default() }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    fn fill(&mut self) {
        let mut chunk = [0; 16 * 1024];
        let read = self.stream.read(&mut chunk).expect("an answer in time");
        assert!(read > 0, "the connection was closed");
        self.inbox.push(&chunk[..read]);
    }

    /// Reads until `wanted` says yes; what comes before is dropped.
    fn until(&mut self, next: impl Fn(&Inbox) -> Option<Packet>, mut wanted: impl FnMut(u8, &[u8]) -> bool) {
        loop {
            while let Some(packet) = next(&self.inbox) {
                let found = wanted(packet.kind, self.inbox.bytes(packet.body.clone()));
                self.inbox.used(&packet);
                if found {
                    return;
                }
            }
            self.fill();
        }
    }
}

/// An MQTT client.
pub(crate) struct Mqtt(Link);

impl Mqtt {
    pub(crate) fn connect(port: u16, login: &Login) -> Self {
        let mut link = Link::open(port);
        link.send(&connect(login));
        link.until(Inbox::mqtt, |kind, body| {
            assert_eq!((kind, body), (2, &[0, 0][..]), "CONNACK");
            true
        });
        Self(link)
    }

    pub(crate) fn subscribe(&mut self, topic: &str) {
        self.0.send(&subscribe(topic));
        self.0.until(Inbox::mqtt, |kind, body| {
            assert!(kind != 9 || body.last() != Some(&0x80), "refused to subscribe");
            kind == 9
        });
    }

    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8]) {
        self.0.send(&publish(topic, 1, payload));
    }

    /// Waits for the acknowledgement of what was published.
    pub(crate) fn acknowledged(&mut self) {
        self.0.until(Inbox::mqtt, |kind, _| kind == PUBACK);
    }

    /// Waits for a message that holds `needle`, and acknowledges what came.
    pub(crate) fn message(&mut self, needle: &[u8]) {
        let mut ids = Vec::new();
        self.0.until(Inbox::mqtt, |kind, body| {
            if kind != PUBLISH {
                return false;
            }
            let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
            ids.push([body[topic + 2], body[topic + 3]]);
            holds(body, needle)
        });
        for [high, low] in ids {
            self.0.send(&[0x40, 2, high, low]);
        }
    }
}

/// An HTTP client on one connection that is kept.
pub(crate) struct Http {
    link: Link,
    token: String,
}

impl Http {
    pub(crate) fn connect(port: u16, token: &str) -> Self {
        Self { link: Link::open(port), token: token.to_owned() }
    }

    /// Sends a request, expects success, and gives the answer; null when it has none.
    pub(crate) fn send(&mut self, method: &str, path: &str, body: &str) -> serde_json::Value {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        self.link.send(request.as_bytes());
        let mut value = serde_json::Value::Null;
        self.link.until(whole_answer, |_, answer| {
            assert!(answer.starts_with(b"HTTP/1.1 2"), "{method} {path}: {}", String::from_utf8_lossy(answer));
            let head = find(answer, b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
            value = serde_json::from_slice(&answer[head..]).unwrap_or_default();
            true
        });
        value
    }
}

/// A whole HTTP answer with a content-length.
fn whole_answer(inbox: &Inbox) -> Option<Packet> {
    let bytes = &inbox.0;
    let head = find(bytes, b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).ok()?.to_ascii_lowercase();
    let length = text.split("content-length:").nth(1).and_then(|rest| rest.split("\r\n").next());
    // No length: no body, as after a DELETE.
    let length: usize = length.map_or(Some(0), |length| length.trim().parse().ok())?;
    (bytes.len() >= head + length).then(|| Packet { kind: 0, body: 0..head + length })
}

/// Whether `GET /health` at this port is answered; `None` while nobody listens.
pub(crate) fn healthy(port: u16) -> Option<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    answer.starts_with(b"HTTP/1.1 200").then_some(())
}

/// What a screen says when it connects, up to its subscription; answers come in between.
pub(crate) fn greeting(token: &str, today: bool) -> [Vec<u8>; 3] {
    let upgrade = "GET /api/websocket HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    let auth = format!(r#"{{"type":"auth","access_token":"{token}"}}"#);
    let subscribe = format!(r#"{{"id":1,"type":"subscribe","after":null,"today":{today}}}"#);
    [upgrade.into(), masked(&auth), masked(&subscribe)]
}

/// What answers each part of the greeting.
pub(crate) const ANSWERS: [&[u8]; 3] = [b"auth_required", b"auth_ok", b"\"result\""];

/// A client's text frame, under the mask of four zeros.
fn masked(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u8::try_from(text.len()) {
        Ok(length) if length < 126 => frame.push(0x80 | length),
        _ => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&u16::try_from(text.len()).unwrap().to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// A screen.
pub(crate) struct Screen(Link);

impl Screen {
    pub(crate) fn open(port: u16, token: &str) -> Self {
        let mut link = Link::open(port);
        for (say, answer) in greeting(token, false).iter().zip(ANSWERS) {
            link.send(say);
            // The answer to the upgrade and the first frame may come together: look for the words.
            while !holds(&link.inbox.0, answer) {
                link.fill();
            }
            link.inbox.0.clear();
        }
        Self(link)
    }

    /// Waits for an event that holds `needle`.
    pub(crate) fn event(&mut self, needle: &[u8]) {
        self.0.until(Inbox::frame, |_, body| holds(body, needle));
    }
}

pub(crate) fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    find(bytes, needle).is_some()
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut at = 0;
    while let Some(next) = bytes.get(at..)?.iter().position(|byte| *byte == first) {
        if bytes.get(at + next..)?.starts_with(needle) {
            return Some(at + next);
        }
        at += next + 1;
    }
    None
}
