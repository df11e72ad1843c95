//! MQTT over websocket: the upgrade request, and the upgraded connection as a stream of bytes.
//!
//! The http module routes `/mqtt`, checks the origin and answers the upgrade with what [`accept`] returns; then
//! [`super::Broker::serve_websocket`] takes the upgraded connection.

use futures_util::{Sink, Stream};
use hyper::header::{CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE};
use hyper::{HeaderMap, Method};
use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// The only subprotocol served, and the value of `Sec-WebSocket-Protocol` in the answer.
pub const PROTOCOL: &str = "mqtt";

/// Why an upgrade is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Not an upgrade at all: 426 with `Upgrade: websocket`.
    #[error("This address speaks MQTT over websocket.")]
    NotAnUpgrade,
    /// Not version 13: 426 with `Sec-WebSocket-Version: 13`.
    #[error("Only websocket version 13 is spoken here.")]
    Version,
    /// No usable key: 400.
    #[error("The websocket key is not usable.")]
    Key,
    /// The subprotocol is not offered: 400.
    #[error("Only the subprotocol \"mqtt\" is spoken here.")]
    Protocol,
}

/// Judges an upgrade request; returns the value for `Sec-WebSocket-Accept` in a 101 answer, which must also carry
/// `Upgrade: websocket`, `Connection: Upgrade` and `Sec-WebSocket-Protocol:` [`PROTOCOL`].
///
/// # Errors
///
/// Says what is missing.
pub fn accept(method: &Method, headers: &HeaderMap) -> Result<String, Rejection> {
    let lists = |name: &hyper::header::HeaderName, word: &str, exact: bool| {
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).any(|value| {
            value.split(',').map(str::trim).any(|one| if exact { one == word } else { one.eq_ignore_ascii_case(word) })
        })
    };
    if *method != Method::GET || !lists(&UPGRADE, "websocket", false) || !lists(&CONNECTION, "upgrade", false) {
        return Err(Rejection::NotAnUpgrade);
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(Rejection::Version);
    }
    // 16 bytes in base64; what they are does not matter.
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24).ok_or(Rejection::Key)?;
    if !lists(&SEC_WEBSOCKET_PROTOCOL, PROTOCOL, true) {
        return Err(Rejection::Protocol);
    }
    Ok(derive_accept_key(key.as_bytes()))
}

/// An upgraded connection as bytes. Packets may span messages, and messages packets.
pub(super) struct Binary<S> {
    socket: WebSocketStream<S>,
    rest: Bytes,
    ended: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Binary<S> {
    /// `max` bounds one message and what waits to be sent.
    pub(super) async fn new(stream: S, max: usize) -> Self {
        let mut config = WebSocketConfig::default();
        // The default buffers of 128 KiB a direction would be most of a connection's memory.
        config.read_buffer_size = 4096;
        config.write_buffer_size = 0;
        config.max_write_buffer_size = max + 4096;
        config.max_message_size = Some(max);
        config.max_frame_size = Some(max);
        let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
        Self { socket, rest: Bytes::new(), ended: false }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Binary<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<(), Error>> {
        let me = self.get_mut();
        while me.rest.is_empty() && !me.ended {
            match ready!(Pin::new(&mut me.socket).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => me.rest = bytes,
                Some(Ok(Message::Text(_))) => {
                    return Poll::Ready(Err(Error::new(ErrorKind::InvalidData, "MQTT comes in binary messages")));
                }
                // Pings are answered by the library.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_))) | None => me.ended = true,
                Some(Err(error)) => return Poll::Ready(Err(Error::other(error))),
            }
        }
        let count = me.rest.len().min(buf.remaining());
        buf.put_slice(&me.rest.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Binary<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Error>> {
        let me = self.get_mut();
        ready!(Pin::new(&mut me.socket).poll_ready(cx)).map_err(Error::other)?;
        let message = Message::Binary(Bytes::copy_from_slice(bytes));
        Pin::new(&mut me.socket).start_send(message).map_err(Error::other)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx).map_err(Error::other)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.get_mut().socket).poll_close(cx).map_err(Error::other)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn request(changes: &[(&'static str, Option<&'static str>)]) -> Result<String, Rejection> {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-protocol", "mqttv3.1, mqtt"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        for (name, value) in changes {
            match value {
                Some(value) => headers.insert(*name, value.parse().unwrap()),
                None => headers.remove(*name),
            };
        }
        accept(&Method::GET, &headers)
    }

    #[test]
    fn upgrades_are_judged() {
        assert_eq!(request(&[]), Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".into()));
        let check = |name, value, expected| assert_eq!(request(&[(name, value)]), Err(expected), "{name} {value:?}");
        check("upgrade", None, Rejection::NotAnUpgrade);
        check("upgrade", Some("h2c"), Rejection::NotAnUpgrade);
        check("connection", Some("close"), Rejection::NotAnUpgrade);
        check("sec-websocket-version", Some("8"), Rejection::Version);
        check("sec-websocket-version", None, Rejection::Version);
        check("sec-websocket-key", None, Rejection::Key);
        check("sec-websocket-key", Some("short"), Rejection::Key);
        check("sec-websocket-protocol", None, Rejection::Protocol);
        check("sec-websocket-protocol", Some("MQTT, mqttv3.1"), Rejection::Protocol);
        assert_eq!(accept(&Method::POST, &HeaderMap::new()), Err(Rejection::NotAnUpgrade));
    }
}
