//! Bytes over TCP, for what no client library would send.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What came back for bytes that were sent.
#[derive(Debug, Default)]
pub struct Heard {
    /// What the hub said.
    pub bytes: Vec<u8>,
    /// Whether it closed the connection.
    pub closed: bool,
}

impl Heard {
    /// The status codes of all the answers in it, in order.
    #[must_use]
    pub fn statuses(&self) -> Vec<u16> {
        let text = String::from_utf8_lossy(&self.bytes);
        text.split("HTTP/1.1 ").skip(1).filter_map(|answer| answer.get(..3)?.parse().ok()).collect()
    }
}

/// Connects to a port of the hub.
pub async fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends bytes and hears what comes until the hub closes, or says nothing for `patience`.
pub async fn exchange(port: u16, bytes: &[u8], patience: Duration) -> Heard {
    let mut stream = connect(port).await;
    // The hub may close before it has read everything: then there is an answer to read all the same.
    let _ = tokio::time::timeout(patience, stream.write_all(bytes)).await;
    hear(&mut stream, patience).await
}

/// Hears what comes until the hub closes, or says nothing for `patience`.
pub async fn hear(stream: &mut TcpStream, patience: Duration) -> Heard {
    let mut heard = Heard::default();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match tokio::time::timeout(patience, stream.read(&mut buffer)).await {
            Err(_) => return heard,
            Ok(Ok(0) | Err(_)) => {
                heard.closed = true;
                return heard;
            }
            Ok(Ok(count)) => heard.bytes.extend_from_slice(&buffer[..count]),
        }
    }
}
