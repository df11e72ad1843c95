//! An admitted connection as a stream, which holds its slot wherever it is taken: also past an upgrade to a websocket.
//!
//! A displaced peer's stream ends, and so does one that takes nothing while there is something for it: what waits
//! for it is memory of ours and of the kernel.

use super::limits::Permit;
use std::future::Future;
use std::io::{Error, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Sleep, timeout};
use tokio_util::sync::WaitForCancellationFutureOwned;

/// How long a peer may take no byte at all while there is something for it.
const STALL: Duration = Duration::from_secs(30);
/// How long a peer is still heard that has been told to stop sending.
const LINGER: Duration = Duration::from_secs(2);

/// A connection's slot, shared by its stream and by whoever serves it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Slot(Arc<Held>);

#[derive(Debug)]
struct Held {
    permit: Permit,
    lingers: AtomicBool,
}

impl Slot {
    /// The slot of a connection that was admitted.
    #[must_use]
    pub fn new(permit: Permit) -> Self {
        Self(Arc::new(Held { permit, lingers: AtomicBool::new(false) }))
    }

    /// As [`Permit::established`].
    #[must_use]
    pub fn established(&self) -> bool {
        self.0.permit.established()
    }

    /// As [`Permit::unsettle`].
    pub fn unsettle(&self) {
        self.0.permit.unsettle();
    }

    /// Lets the peer read why it is shown out: what it still sends is heard for a moment when the stream is dropped.
    /// A socket that is closed over unread bytes is reset, and takes what was said last along.
    pub fn linger(&self) {
        self.0.lingers.store(true, Ordering::Relaxed);
    }
}

/// See the module.
pub struct Admitted<S: Peer> {
    // Gone only while this drops.
    stream: Option<S>,
    slot: Slot,
    displaced: Pin<Box<WaitForCancellationFutureOwned>>,
    stalled: Option<Pin<Box<Sleep>>>,
}

/// What can be a connection.
pub trait Peer: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Peer for S {}

impl<S: Peer> Admitted<S> {
    /// Puts a connection under the rules of its slot.
    pub fn new(stream: S, slot: Slot) -> Self {
        let displaced = Box::pin(slot.0.permit.displaced());
        Self { stream: Some(stream), slot, displaced, stalled: None }
    }

    /// The connection, unless its slot went to a newcomer; also wakes the task when that happens later.
    fn alive(&mut self, cx: &mut Context<'_>) -> Result<Pin<&mut S>, Error> {
        if self.displaced.as_mut().poll(cx).is_ready() {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        self.stream.as_mut().map(Pin::new).ok_or_else(|| ErrorKind::NotConnected.into())
    }

    /// Passes on what came of writing; nothing for too long ends it.
    fn moved<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<Result<T, Error>>) -> Poll<Result<T, Error>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        ready!(self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(STALL))).as_mut().poll(cx));
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl<S: Peer> AsyncRead for Admitted<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().alive(cx)?.poll_read(cx, buf)
    }
}

impl<S: Peer> AsyncWrite for Admitted<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Error>> {
        let me = self.get_mut();
        let outcome = me.alive(cx)?.poll_write(cx, bytes);
        me.moved(cx, outcome)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let me = self.get_mut();
        let outcome = me.alive(cx)?.poll_flush(cx);
        me.moved(cx, outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let me = self.get_mut();
        let outcome = me.alive(cx)?.poll_shutdown(cx);
        me.moved(cx, outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<Result<usize, Error>> {
        let me = self.get_mut();
        let outcome = me.alive(cx)?.poll_write_vectored(cx, bytes);
        me.moved(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }
}

impl<S: Peer> Drop for Admitted<S> {
    fn drop(&mut self) {
        if self.slot.0.lingers.load(Ordering::Relaxed)
            && let Some(stream) = self.stream.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // Ends by itself, and holds the slot until then.
            runtime.spawn(hear_out(stream, self.slot.clone()));
        }
    }
}

/// Says that nothing more is said, and lets what comes go by, unless somebody needs the place.
async fn hear_out<S: Peer>(mut stream: S, slot: Slot) {
    let hearing = async {
        stream.shutdown().await?;
        let mut bytes = [0; 4096];
        while stream.read(&mut bytes).await? > 0 {}
        Ok::<_, Error>(())
    };
    tokio::select! {
        () = slot.0.permit.displaced() => {}
        _ = timeout(LINGER, hearing) => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::{Admission, Limits};
    use super::*;
    use tokio::time::Instant;

    fn slots() -> (Admission, impl Fn() -> Slot) {
        let admission = Admission::new(Limits { loopback: 2, ..Limits::default() });
        let table = admission.clone();
        (admission, move || Slot::new(table.admit("127.0.0.1:1".parse().unwrap()).unwrap()))
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_takes_nothing_is_cut_off_and_whoever_is_slow_is_not() {
        let (admission, slot) = slots();
        let (mut peer, stream) = tokio::io::duplex(1024);
        let mut stream = Admitted::new(stream, slot());
        let writing = tokio::spawn(async move {
            let error = stream.write_all(&[7; 10_000]).await.unwrap_err();
            (error.kind(), Instant::now())
        });
        let mut bytes = [0; 100];
        for _ in 0..5 {
            tokio::time::sleep(STALL - Duration::from_secs(1)).await;
            peer.read_exact(&mut bytes).await.unwrap();
        }
        let last = Instant::now();
        let (kind, at) = writing.await.unwrap();
        assert_eq!((kind, at - last), (ErrorKind::TimedOut, STALL));
        assert_eq!(admission.open(), 0, "and its slot is free");
    }

    #[tokio::test]
    async fn a_displaced_peer_is_cut_off_while_it_is_waited_for() {
        let (admission, slot) = slots();
        let (_peer, stream) = tokio::io::duplex(1024);
        let mut stream = Admitted::new(stream, slot());
        let reading = tokio::spawn(async move { stream.read_u8().await.unwrap_err().kind() });
        let second = slot();
        assert!(second.established());
        let third = slot();
        assert_eq!(reading.await.unwrap(), ErrorKind::ConnectionAborted);
        assert!(third.established());
        assert_eq!(admission.open(), 2);
    }

    #[tokio::test]
    async fn whoever_is_to_introduce_itself_once_more_makes_room_again() {
        let (admission, slot) = slots();
        let (first, second) = (slot(), slot());
        assert!(first.established() && second.established());
        assert!(admission.admit("127.0.0.1:1".parse().unwrap()).is_err());
        first.unsettle();
        let third = slot();
        assert!(!first.established() && second.established() && third.established());
        first.unsettle();
        drop(first);
        assert_eq!(admission.open(), 2, "a displaced slot stays away");
    }

    #[tokio::test]
    async fn who_is_shown_out_can_read_why() {
        let (admission, slot) = slots();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let slot = slot();
        let mut stream = Admitted::new(listener.accept().await.unwrap().0, slot.clone());
        peer.write_all(&[0; 100_000]).await.unwrap();
        stream.write_all(b"too much").await.unwrap();
        slot.linger();
        drop((stream, slot));
        let mut heard = String::new();
        peer.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "too much");
        drop(peer);
        while admission.open() > 0 {
            tokio::task::yield_now().await;
        }
    }
}
