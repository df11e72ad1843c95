//! MQTT 3.1.1 by hand: a client that sees every byte, so that a test knows at which one it struck.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::PATIENCE;
use crate::people::Button;

/// A packet from the hub: its first byte, and what follows its length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    pub first: u8,
    pub body: Vec<u8>,
}

/// An open connection.
pub struct Wire {
    stream: TcpStream,
}

/// Appends a length as MQTT writes it, before what is that long.
#[must_use]
pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut left = body.len();
    loop {
        let low = u8::try_from(left % 128).unwrap();
        left /= 128;
        bytes.push(if left > 0 { low | 0x80 } else { low });
        if left == 0 {
            break;
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u16::try_from(bytes.len()).unwrap().to_be_bytes());
    out.extend_from_slice(bytes);
}

/// A CONNECT with a clean session.
#[must_use]
pub fn connect(client_id: &str, username: &str, password: &str) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, b"MQTT");
    body.extend_from_slice(&[4, 0xC2, 0, 60]);
    for part in [client_id, username, password] {
        text(&mut body, part.as_bytes());
    }
    packet(0x10, &body)
}

/// A PUBLISH of `QoS` 1.
#[must_use]
pub fn publish(topic: &str, id: u16, again: bool, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, topic.as_bytes());
    body.extend_from_slice(&id.to_be_bytes());
    body.extend_from_slice(payload);
    packet(if again { 0x3A } else { 0x32 }, &body)
}

/// The PUBLISH of a press of button 1.
#[must_use]
pub fn press(button: &Button, id: u16, again: bool, press_id: &str) -> Vec<u8> {
    let payload = serde_json::json!({ "event_type": "press", "button": "1", "press_id": press_id, "age_ms": 0 });
    publish(&format!("kairos/device/{}/event", button.device_id), id, again, payload.to_string().as_bytes())
}

impl Wire {
    /// Connects as a button, and expects to be let in.
    pub async fn open(port: u16, button: &Button) -> Self {
        Self::try_open(port, button).await.expect("the hub lets the button in")
    }

    /// Connects as a button.
    pub async fn try_open(port: u16, button: &Button) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let mut wire = Self { stream };
        let client_id = format!("wire-{}", &button.device_id[24..]);
        wire.send(&connect(&client_id, &button.device_id, &button.password)).await?;
        match wire.read().await? {
            Packet { first: 0x20, body } if body == [0, 0] => Ok(wire),
            other => Err(io::Error::other(format!("not let in: {other:?}"))),
        }
    }

    /// Subscribes to a topic with `QoS` 0.
    pub async fn subscribe(&mut self, filter: &str) {
        let mut body = vec![0, 1];
        text(&mut body, filter.as_bytes());
        body.push(0);
        self.send(&packet(0x82, &body)).await.unwrap();
    }

    /// The payload of the next message, as JSON.
    pub async fn message(&mut self) -> serde_json::Value {
        loop {
            let Packet { first, body } = self.read().await.expect("the connection lives");
            if first & 0xF0 == 0x30 {
                let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                let payload = 2 + topic + if first & 0x06 == 0 { 0 } else { 2 };
                return serde_json::from_slice(&body[payload..]).unwrap();
            }
        }
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The next packet; an error is the end of the connection.
    pub async fn read(&mut self) -> io::Result<Packet> {
        let reading = async {
            let first = self.stream.read_u8().await?;
            let (mut length, mut shift) = (0_usize, 0);
            loop {
                let byte = self.stream.read_u8().await?;
                length |= usize::from(byte & 0x7F) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            let mut body = vec![0; length];
            self.stream.read_exact(&mut body).await?;
            Ok(Packet { first, body })
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("the hub says something, or closes")
    }

    /// The packet id of the next PUBACK; an error is the end of the connection.
    pub async fn puback(&mut self) -> io::Result<u16> {
        loop {
            let Packet { first, body } = self.read().await?;
            if first == 0x40 {
                return Ok(u16::from_be_bytes([body[0], body[1]]));
            }
        }
    }
}
