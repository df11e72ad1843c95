//! A fixed address in front of somebody whose port may change: a hub at every start. What passes can be cut.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes connections on until dropped; established ones end with the hub.
pub struct Relay {
    /// Where it listens.
    pub port: u16,
    target: Arc<AtomicU16>,
    received: Arc<AtomicU64>,
    /// At how many bytes received the connection that brings them is cut; once.
    limit: Arc<AtomicU64>,
    cut: watch::Sender<()>,
    hush: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Listens on a free port and passes on to `target`.
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = Arc::new(AtomicU16::new(target));
        let to = Arc::clone(&target);
        let received = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&received);
        let limit = Arc::new(AtomicU64::new(u64::MAX));
        let most = Arc::clone(&limit);
        let (cut, cuts) = watch::channel(());
        let (hush, hushes) = watch::channel(());
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let port = to.load(Ordering::Relaxed);
                let (count, limit, mut cuts) = (Arc::clone(&count), Arc::clone(&most), cuts.clone());
                let mut hushes = hushes.clone();
                cuts.mark_unchanged();
                hushes.mark_unchanged();
                open.spawn(async move {
                    // Nobody there: the peer sees its connection closed.
                    if let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await {
                        let _ = near.set_nodelay(true).and_then(|()| far.set_nodelay(true));
                        let mut far = Counted { stream: far, received: count, limit };
                        tokio::select! {
                            _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                            _ = cuts.changed() => {}
                            _ = hushes.changed() => drop(cuts.changed().await),
                        }
                    }
                });
                while open.try_join_next().is_some() {}
            }
        });
        Self { port, target, received, limit, cut, hush, task }
    }

    /// The address to use in the hub's place.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many bytes came from the hub so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Cuts every open connection.
    pub fn cut(&self) {
        let _ = self.cut.send(());
    }

    /// Lets nothing more pass on the connections that are open, and leaves them open; new ones pass.
    pub fn hush(&self) {
        let _ = self.hush.send(());
    }

    /// Cuts a connection in the middle of what comes, so many bytes from now: the peer said it, and nobody heard.
    pub fn cut_after(&self, bytes: u64) {
        self.limit.store(self.received() + bytes, Ordering::Relaxed);
    }

    /// Lets nobody through any more until [`Relay::point_to`].
    pub fn shut(&self) {
        self.point_to(0);
        self.cut();
    }

    /// Passes new connections on to another port.
    pub fn point_to(&self, target: u16) {
        self.target.store(target, Ordering::Relaxed);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A connection to the hub that counts what comes from there.
struct Counted {
    stream: TcpStream,
    received: Arc<AtomicU64>,
    limit: Arc<AtomicU64>,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buf);
        let read = (buf.filled().len() - before) as u64;
        let limit = self.limit.load(Ordering::Relaxed);
        if self.received.fetch_add(read, Ordering::Relaxed) + read >= limit
            && self.limit.compare_exchange(limit, u64::MAX, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            return Poll::Ready(Err(std::io::ErrorKind::ConnectionReset.into()));
        }
        outcome
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
