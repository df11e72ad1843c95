//! The accept loop every listener shares.

use super::limits::{Admission, Permit};
use socket2::{SockRef, TcpKeepalive};
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

/// Pause after `accept` itself fails, most often because the process is out of file descriptors.
const BACKOFF: Duration = Duration::from_millis(100);
/// How long the kernel repeats what nobody acknowledges, or keeps it for a peer that has no room.
#[cfg(target_os = "linux")]
const VANISHED: Duration = Duration::from_secs(120);
/// A flood of refused connections is logged at most this often.
const QUIET: Duration = Duration::from_secs(60);

/// Accepts until `stop` is cancelled and hands every admitted connection to `handler` in a task of its own.
///
/// The loop awaits nothing but `accept`: handshakes happen in the tasks, under the [`Permit`]'s deadline. The permit
/// is the connection's slot; the handler keeps it as long as the connection lives. The listener is closed when this
/// returns; the tasks go on under `tasks`, and ending them is up to the handler's own token.
pub async fn serve<H, F>(
    listener: TcpListener,
    admission: Admission,
    stop: CancellationToken,
    tasks: TaskTracker,
    handler: H,
) where
    H: Fn(TcpStream, SocketAddr, Permit) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let mut refused = Throttle::default();
    let mut starved = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(pair) => {
                if std::mem::take(&mut starved) {
                    warn!("Accepting connections again.");
                }
                pair
            }
            Err(error) if about_one_peer(&error) => continue,
            Err(error) => {
                if !std::mem::replace(&mut starved, true) {
                    warn!(%error, "Cannot accept connections; trying again until it works.");
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(BACKOFF) => continue,
                }
            }
        };
        match admission.admit(peer) {
            Ok(permit) => {
                prepare(&stream);
                tasks.spawn(handler(stream, peer, permit));
            }
            // Dropping the stream closes it; a polite answer would cost more than the flood is worth.
            Err(reason) => refused.count(|skipped| {
                warn!(%reason, skipped, "Refused a connection.");
            }),
        }
    }
}

/// The peer went away between SYN and accept; the listener itself is well.
fn about_one_peer(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Small messages leave at once, and a peer that vanished without a word is noticed within two minutes, also by a
/// kernel that still has something for it: keep-alive alone waits for the end of all its repetitions.
fn prepare(stream: &TcpStream) {
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15)).with_retries(4);
    let socket = SockRef::from(stream);
    let done = stream.set_nodelay(true).and_then(|()| socket.set_tcp_keepalive(&keepalive));
    #[cfg(target_os = "linux")]
    let done = done.and_then(|()| socket.set_tcp_user_timeout(Some(VANISHED)));
    if let Err(error) = done {
        debug!(%error, "A socket option was not accepted.");
    }
}

/// Lets one log line through per [`QUIET`] and says how many were left out.
#[derive(Default)]
struct Throttle {
    last: Option<Instant>,
    skipped: u64,
}

impl Throttle {
    fn count(&mut self, log: impl FnOnce(u64)) {
        let now = Instant::now();
        if self.last.is_some_and(|last| now.duration_since(last) < QUIET) {
            self.skipped += 1;
            return;
        }
        self.last = Some(now);
        log(std::mem::take(&mut self.skipped));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::{Limits, bind};
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn serves_past_its_limits_and_stops_on_demand() {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let admission = Admission::new(Limits { loopback: 2, ..Limits::default() });
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let server = tokio::spawn(serve(
            listener,
            admission.clone(),
            stop.clone(),
            tasks.clone(),
            |mut stream, _, permit| async move {
                let mut byte = [0];
                if let Ok(Ok(_)) = permit.handshake(stream.read_exact(&mut byte)).await {
                    let _ = permit.established();
                    let _ = stream.write_all(&byte).await;
                    let _ = stream.read_exact(&mut byte).await;
                }
            },
        ));
        let mut open = Vec::new();
        for n in 0..2u8 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(&[n]).await.unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), n);
            open.push(stream);
        }
        let mut third = TcpStream::connect(address).await.unwrap();
        assert!(third.read_u8().await.is_err(), "the third of two is closed");
        open.pop();
        while admission.open() > 1 {
            tokio::task::yield_now().await;
        }
        let mut fourth = TcpStream::connect(address).await.unwrap();
        fourth.write_all(&[9]).await.unwrap();
        assert_eq!(fourth.read_u8().await.unwrap(), 9);
        stop.cancel();
        server.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err(), "the listener is closed");
        drop((open, fourth));
        tasks.close();
        tasks.wait().await;
        assert_eq!(admission.open(), 0);
    }
}
