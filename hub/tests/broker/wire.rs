//! A client of raw bytes, for everything a library would not send.

use super::house::{House, PASSWORD, SOON};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    Tcp,
    Tls,
    WebSocket,
}

pub const WAYS: [Via; 3] = [Via::Tcp, Via::Tls, Via::WebSocket];

impl House {
    pub async fn open(&self, via: Via) -> Box<dyn Io> {
        match via {
            Via::Tcp => Box::new(TcpStream::connect(self.mqtt).await.unwrap()),
            Via::Tls => {
                let mut roots = rustls::RootCertStore::empty();
                roots.add(self.tls.authority().unwrap().certificate).unwrap();
                let config =
                    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                        .with_safe_default_protocol_versions()
                        .unwrap()
                        .with_root_certificates(roots)
                        .with_no_client_auth();
                let stream = TcpStream::connect(self.mqtts).await.unwrap();
                let name = "kairos.local".try_into().unwrap();
                Box::new(tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap())
            }
            Via::WebSocket => {
                use tokio_tungstenite::tungstenite::client::IntoClientRequest;
                let mut request = format!("ws://{}/mqtt", self.websocket).into_client_request().unwrap();
                request.headers_mut().insert("sec-websocket-protocol", "mqtt".parse().unwrap());
                let stream = TcpStream::connect(self.websocket).await.unwrap();
                let (socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
                let (near, far) = tokio::io::duplex(1 << 20);
                tokio::spawn(relay(socket, far));
                Box::new(near)
            }
        }
    }
}

async fn relay(mut socket: tokio_tungstenite::WebSocketStream<TcpStream>, mut pipe: tokio::io::DuplexStream) {
    use futures_util::{SinkExt, StreamExt};
    let mut chunk = vec![0; 65536];
    loop {
        tokio::select! {
            read = pipe.read(&mut chunk) => match read {
                Ok(n @ 1..) => {
                    if socket.send(Message::binary(chunk[..n].to_vec())).await.is_err() { return; }
                }
                _ => return,
            },
            message = socket.next() => match message {
                Some(Ok(Message::Binary(bytes))) => {
                    if pipe.write_all(&bytes).await.is_err() { return; }
                }
                Some(Ok(_)) => {}
                _ => return,
            },
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    pub first: u8,
    pub body: Vec<u8>,
}

impl Packet {
    pub fn kind(&self) -> u8 {
        self.first >> 4
    }
}

/// A message as a subscriber gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: u8,
    pub retain: bool,
    pub properties: Vec<u8>,
}

pub struct Client {
    pub stream: Box<dyn Io>,
    buffer: Vec<u8>,
    pub level: u8,
    pub session_present: bool,
    next: u16,
    /// Messages that came while something else was awaited.
    pub inbox: Vec<Received>,
}

#[derive(Clone)]
pub struct Hello<'a> {
    pub level: u8,
    pub user: &'a str,
    pub id: &'a str,
    pub clean: bool,
    pub keep_alive: u16,
    /// Topic, payload, retain.
    pub will: Option<(&'a str, &'a str, bool)>,
    pub will_delay: u32,
    pub expiry: u32,
}

pub fn hello<'a>(level: u8, user: &'a str, id: &'a str) -> Hello<'a> {
    Hello { level, user, id, clean: true, keep_alive: 60, will: None, will_delay: 0, expiry: 0 }
}

pub fn data(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
    out.extend(bytes);
}

pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut n = body.len();
    loop {
        let byte = u8::try_from(n & 0x7f).unwrap();
        n >>= 7;
        out.push(if n > 0 { byte | 0x80 } else { byte });
        if n == 0 {
            break;
        }
    }
    out.extend(body);
    out
}

impl Hello<'_> {
    pub fn bytes(&self) -> Vec<u8> {
        let mut body = b"\0\x04MQTT".to_vec();
        let mut flags = 0xc0 | if self.clean { 2 } else { 0 };
        if let Some((_, _, retain)) = self.will {
            flags |= 0x0c | if retain { 0x20 } else { 0 };
        }
        body.extend([self.level, flags]);
        body.extend(self.keep_alive.to_be_bytes());
        if self.level == 5 {
            body.extend([5, 0x11]);
            body.extend(self.expiry.to_be_bytes());
        }
        data(&mut body, self.id.as_bytes());
        if let Some((topic, payload, _)) = self.will {
            if self.level == 5 {
                body.extend([5, 0x18]);
                body.extend(self.will_delay.to_be_bytes());
            }
            data(&mut body, topic.as_bytes());
            data(&mut body, payload.as_bytes());
        }
        data(&mut body, self.user.as_bytes());
        data(&mut body, PASSWORD);
        packet(0x10, &body)
    }
}

impl House {
    /// Connects and returns the client, or the refusal's code.
    pub async fn try_client(&self, via: Via, hello: &Hello<'_>) -> Result<Client, u8> {
        let mut client = Client {
            stream: self.open(via).await,
            buffer: Vec::new(),
            level: hello.level,
            session_present: false,
            next: 1,
            inbox: Vec::new(),
        };
        client.send(&hello.bytes()).await;
        let connack = client.next().await.ok_or(0xff_u8)?;
        assert_eq!(connack.kind(), 2, "{connack:?}");
        if connack.body[1] != 0 {
            return Err(connack.body[1]);
        }
        client.session_present = connack.body[0] == 1;
        Ok(client)
    }

    pub async fn client(&self, level: u8, user: &str, id: &str) -> Client {
        self.try_client(Via::Tcp, &hello(level, user, id)).await.unwrap()
    }
}

impl Client {
    pub fn raw(stream: Box<dyn Io>, level: u8) -> Self {
        Self { stream, buffer: Vec::new(), level, session_present: false, next: 1, inbox: Vec::new() }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The next packet, or `None` when the connection ended.
    pub async fn next(&mut self) -> Option<Packet> {
        tokio::time::timeout(SOON, self.packet()).await.expect("nothing came")
    }

    async fn packet(&mut self) -> Option<Packet> {
        loop {
            if let Some((head, end)) = whole(&self.buffer) {
                let packet = Packet { first: self.buffer[0], body: self.buffer[head..end].to_vec() };
                self.buffer.drain(..end);
                return Some(packet);
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk).await {
                Ok(n @ 1..) => self.buffer.extend(&chunk[..n]),
                _ => return None,
            }
        }
    }

    /// The next packet of this kind; messages before it go to the inbox.
    pub async fn expect(&mut self, kind: u8) -> Option<Packet> {
        loop {
            let packet = self.next().await?;
            if packet.kind() == 3 {
                let message = self.message_of(&packet).await;
                self.inbox.push(message);
            } else {
                assert_eq!(packet.kind(), kind, "{packet:?}");
                return Some(packet);
            }
        }
    }

    async fn message_of(&mut self, packet: &Packet) -> Received {
        let body = &packet.body;
        let n = usize::from(u16::from_be_bytes([body[0], body[1]]));
        let topic = String::from_utf8(body[2..2 + n].to_vec()).unwrap();
        let mut at = 2 + n;
        let qos = (packet.first >> 1) & 3;
        if qos > 0 {
            let id = [body[at], body[at + 1]];
            at += 2;
            if qos == 1 {
                self.send(&[0x40, 2, id[0], id[1]]).await;
            }
        }
        let mut properties = Vec::new();
        if self.level == 5 {
            let n = usize::from(body[at]);
            properties = body[at + 1..at + 1 + n].to_vec();
            at += 1 + n;
        }
        Received { topic, payload: body[at..].to_vec(), qos, retain: packet.first & 1 == 1, properties }
    }

    pub async fn message(&mut self) -> Received {
        while self.inbox.is_empty() {
            let packet = self.next().await.expect("the connection ended");
            match packet.kind() {
                3 => {
                    let message = self.message_of(&packet).await;
                    self.inbox.push(message);
                }
                4 => {}
                _ => panic!("{packet:?}"),
            }
        }
        self.inbox.remove(0)
    }

    pub fn publish_bytes(&mut self, topic: &[u8], payload: &[u8], qos: u8, retain: bool) -> Vec<u8> {
        let mut body = Vec::new();
        data(&mut body, topic);
        if qos > 0 {
            body.extend(self.next.to_be_bytes());
            self.next += 1;
        }
        if self.level == 5 {
            body.push(0);
        }
        body.extend(payload);
        packet(0x30 | (qos << 1) | u8::from(retain), &body)
    }

    /// Publishes at least once and returns the reason code (0 for 3.1.1), or `None` when the connection ended.
    pub async fn publish(&mut self, topic: &str, payload: &[u8], retain: bool) -> Option<u8> {
        let bytes = self.publish_bytes(topic.as_bytes(), payload, 1, retain);
        self.send(&bytes).await;
        let ack = self.expect(4).await?;
        Some(ack.body.get(2).copied().unwrap_or(0))
    }

    /// Subscribes for at least once and returns the code.
    pub async fn subscribe(&mut self, filter: &str) -> u8 {
        let mut body = self.next.to_be_bytes().to_vec();
        self.next += 1;
        if self.level == 5 {
            body.push(0);
        }
        data(&mut body, filter.as_bytes());
        body.push(1);
        self.send(&packet(0x82, &body)).await;
        *self.expect(9).await.expect("the connection ended").body.last().unwrap()
    }

    /// True when the connection answers. Everything sent to it before has been handled then.
    pub async fn ping(&mut self) -> bool {
        if self.stream.write_all(&[0xc0, 0]).await.is_err() {
            return false;
        }
        self.expect(13).await.is_some()
    }

    /// Waits for the end of the connection; returns how long it took.
    pub async fn ended(&mut self) -> Duration {
        let start = std::time::Instant::now();
        while self.next().await.is_some() {}
        start.elapsed()
    }
}

fn whole(buffer: &[u8]) -> Option<(usize, usize)> {
    let mut n = 0;
    for at in 1..5 {
        let byte = *buffer.get(at)?;
        n |= usize::from(byte & 0x7f) << (7 * (at - 1));
        if byte & 0x80 == 0 {
            let end = at + 1 + n;
            return (buffer.len() >= end).then_some((at + 1, end));
        }
    }
    None
}
