//! The first packet: read within bounds, judged, and written anew for the crate behind.
//!
//! The crate never sees what a client sent here. It gets a client id that holds the credential, so that no two
//! credentials can meet in one session, and neither user name nor password.

use super::wire::{Fields, Malformed, Properties, frame, put_length};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use tokio::io::{AsyncRead, AsyncReadExt};

/// A client's introduction, borrowed from its packet.
#[derive(Debug)]
pub(super) struct Connect<'a> {
    /// 4 for MQTT 3.1.1, 5 for MQTT 5.
    pub(super) level: u8,
    pub(super) clean: bool,
    pub(super) keep_alive: u16,
    pub(super) client_id: &'a str,
    pub(super) will: Option<Will<'a>>,
    pub(super) username: Option<&'a str>,
    pub(super) password: Option<&'a [u8]>,
    /// It asks for an exchange of AUTH packets, which this hub does not have.
    pub(super) enhanced: bool,
    /// The properties as they came, without their length.
    properties: &'a [u8],
}

/// What to publish when the connection ends without a goodbye.
#[derive(Debug, Clone, Copy)]
pub(super) struct Will<'a> {
    pub(super) topic: &'a str,
    pub(super) payload: &'a [u8],
    pub(super) qos: u8,
    pub(super) retain: bool,
    /// Seconds to wait for the client to come back.
    pub(super) delay: u32,
    properties: &'a [u8],
}

/// Why a CONNECT goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("the peer left before it introduced itself")]
    Gone,
    #[error("not MQTT")]
    Malformed,
    #[error("the CONNECT is larger than allowed")]
    TooLarge,
    #[error("an MQTT version this hub does not speak")]
    Version,
}

impl From<Malformed> for Unreadable {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

/// Reads one packet of at most `max` bytes, which must be a CONNECT: the whole packet, and where its body begins.
/// What the client sent behind it stays in `buffer` from the returned end on.
pub(super) async fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
    max: usize,
) -> Result<(usize, usize), Unreadable> {
    loop {
        if buffer.first().is_some_and(|first| *first != 0x10) {
            return Err(Unreadable::Malformed);
        }
        if let Some((head, end)) = frame(buffer)? {
            if end > max {
                return Err(Unreadable::TooLarge);
            }
            if buffer.len() >= end {
                return Ok((head, end));
            }
        }
        let mut chunk = [0; 512];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return Err(Unreadable::Gone),
            Ok(n) => buffer.extend_from_slice(chunk.get(..n).unwrap_or_default()),
        }
    }
}

impl<'a> Connect<'a> {
    /// Parses the body of a CONNECT.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Unreadable> {
        let mut fields = Fields(body);
        let name = fields.data()?;
        let level = fields.byte()?;
        if name == b"MQIsdp" || (name == b"MQTT" && level != 4 && level != 5) {
            return Err(Unreadable::Version);
        }
        if name != b"MQTT" {
            return Err(Unreadable::Malformed);
        }
        let flags = fields.byte()?;
        let keep_alive = fields.short()?;
        let properties = if level == 5 { fields.properties()?.0 } else { &[] };
        let mut enhanced = false;
        for property in Properties(properties) {
            enhanced |= property?.id == 0x15;
        }
        let client_id = fields.text()?;
        let (with_will, qos) = (flags & 0x04 != 0, (flags >> 3) & 3);
        if flags & 1 != 0 || qos == 3 || (!with_will && flags & 0x38 != 0) {
            return Err(Unreadable::Malformed);
        }
        let will = if with_will {
            let properties = if level == 5 { fields.properties()?.0 } else { &[] };
            let mut delay = 0;
            for property in Properties(properties) {
                let property = property?;
                if let (0x18, &[a, b, c, d]) = (property.id, property.value) {
                    delay = u32::from_be_bytes([a, b, c, d]);
                }
            }
            let topic = fields.text()?;
            let payload = fields.data()?;
            Some(Will { topic, payload, qos, retain: flags & 0x20 != 0, delay, properties })
        } else {
            None
        };
        let username = if flags & 0x80 != 0 { Some(fields.text()?) } else { None };
        let password = if flags & 0x40 != 0 { Some(fields.data()?) } else { None };
        if !fields.0.is_empty() || (level == 4 && username.is_none() && password.is_some()) {
            return Err(Unreadable::Malformed);
        }
        Ok(Self {
            level,
            clean: flags & 0x02 != 0,
            keep_alive,
            client_id,
            will,
            username,
            password,
            enhanced,
            properties,
        })
    }

    /// The same introduction for the crate behind: under `session` instead of the client id, without user name and
    /// password, with a keep-alive that is never zero (the crate ends such connections after five minutes of
    /// silence; 65535 seconds is the longest the protocol knows), and with `transient` without anything that would
    /// outlive the connection.
    pub(super) fn rewritten(&self, session: &str, transient: bool) -> Vec<u8> {
        let mut flags = if self.clean || transient { 0x02 } else { 0 };
        if let Some(will) = &self.will {
            flags |= 0x04 | (will.qos << 3) | if will.retain { 0x20 } else { 0 };
        }
        let keep_alive = if self.keep_alive == 0 { u16::MAX } else { self.keep_alive };
        let mut body = Vec::with_capacity(128);
        put_data(&mut body, b"MQTT");
        body.extend([self.level, flags]);
        body.extend(keep_alive.to_be_bytes());
        if self.level == 5 {
            let kept: Vec<u8> = Properties(self.properties)
                .filter_map(Result::ok)
                .filter(|property| !(transient && property.id == 0x11))
                .flat_map(|property| property.whole.iter().copied())
                .collect();
            put_length(&mut body, kept.len());
            body.extend(kept);
        }
        put_data(&mut body, session.as_bytes());
        if let Some(will) = &self.will {
            if self.level == 5 {
                put_length(&mut body, will.properties.len());
                body.extend(will.properties);
            }
            put_data(&mut body, will.topic.as_bytes());
            put_data(&mut body, will.payload);
        }
        let mut packet = vec![0x10];
        put_length(&mut packet, body.len());
        packet.extend(body);
        packet
    }
}

/// Every field comes from a packet or is short, so the length always fits.
fn put_data(out: &mut Vec<u8>, data: &[u8]) {
    out.extend(u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(data);
}

/// The name of a session inside the broker: the same for the same credential and client id, and never that of
/// another credential. Hashed, so that whatever a client calls itself is harmless there and in logs.
pub(super) fn session_id(credential: &str, client_id: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(credential.len().to_be_bytes());
    hash.update(credential);
    hash.update(client_id);
    hash.finalize().iter().take(16).fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A CONNACK that refuses, in the client's own version.
pub(super) fn refusal(level: u8, code: Code) -> Vec<u8> {
    let (old, new) = match code {
        Code::Version => (1, 0x84),
        Code::ClientId => (2, 0x85),
        Code::Unavailable => (3, 0x88),
        Code::Quota => (3, 0x97),
        Code::Credentials => (4, 0x86),
        Code::NotAuthorized => (5, 0x87),
        Code::Method => (5, 0x8c),
        Code::TooOften => (3, 0x9f),
    };
    if level == 5 { vec![0x20, 3, 0, new, 0] } else { vec![0x20, 2, 0, old] }
}

/// What a refusal tells the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    Version,
    ClientId,
    Unavailable,
    Quota,
    Credentials,
    NotAuthorized,
    Method,
    TooOften,
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
