//! The stream between a client and the crate behind: the one place every byte passes, on TCP, TLS and websocket.
//!
//! Inbound it replays the rewritten CONNECT, waits until an older connection of the session has had its last word,
//! keeps the credential's rate by reading less, and ends the connection at a packet that is too large. Outbound it
//! shapes whole packets. Once the connection's token is cancelled neither direction moves again, so that an
//! acknowledgement the hub withholds never leaves.

use super::BoxFuture;
use super::rate::Bucket;
use super::shape::{Shape, shape};
use super::wire::{Boundaries, frame};
use std::future::Future;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A buffer that once held more than this gives its memory back when it is empty.
const KEPT: usize = 4096;
/// Read from the socket at once.
const CHUNK: usize = 4096;

/// Acknowledgements that say no; written by the hooks, used by the guard.
pub(super) type Verdicts = Arc<Mutex<Vec<(u16, u8)>>>;

/// What a guard is made from.
pub(super) struct Parts<S> {
    pub(super) stream: S,
    pub(super) peer: SocketAddr,
    /// 4 for MQTT 3.1.1, 5 for MQTT 5.
    pub(super) level: u8,
    /// The rewritten CONNECT: read first, and free of charge.
    pub(super) connect: Vec<u8>,
    /// What the client sent behind its CONNECT.
    pub(super) early: Vec<u8>,
    /// The client id the hub chose.
    pub(super) assigned: Option<String>,
    /// Nothing is read behind the CONNECT before this is over.
    pub(super) after: Option<BoxFuture<'static, ()>>,
    pub(super) token: CancellationToken,
    pub(super) bucket: Arc<Bucket>,
    pub(super) verdicts: Verdicts,
    /// Largest packet a client may send.
    pub(super) max_packet: usize,
    /// How long a client may take no byte at all while there is something for it.
    pub(super) stall: Duration,
}

/// See the module. The lock is never taken: it makes any stream `Sync`, which the crate asks for and upgraded HTTP
/// connections are not.
pub(super) struct Guard<S>(Mutex<Inner<S>>);

struct Inner<S> {
    parts: Parts<S>,
    boundaries: Boundaries,
    /// Read but not yet within the rate; then what the client sent early.
    held: Vec<u8>,
    pause: Option<Pin<Box<Sleep>>>,
    /// From the crate, not yet a whole packet.
    partial: Vec<u8>,
    out: Vec<u8>,
    sent: usize,
    stalled: Option<Pin<Box<Sleep>>>,
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<S> Guard<S> {
    pub(super) fn new(mut parts: Parts<S>) -> Self {
        Self(Mutex::new(Inner {
            boundaries: Boundaries::new(parts.max_packet),
            held: std::mem::take(&mut parts.early),
            pause: None,
            partial: Vec::new(),
            out: Vec::new(),
            sent: 0,
            stalled: None,
            cancelled: Box::pin(parts.token.clone().cancelled_owned()),
            parts,
        }))
    }

    fn inner(&mut self) -> &mut Inner<S> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Inner<S> {
    /// Also wakes the task when the token is cancelled later.
    fn alive(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.cancelled.as_mut().poll(cx).is_ready() { Err(ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }

    fn read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<(), Error>> {
        self.alive(cx)?;
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if !self.parts.connect.is_empty() {
            give(&mut self.parts.connect, buf);
            return Poll::Ready(Ok(()));
        }
        if let Some(after) = self.parts.after.as_mut() {
            ready!(after.as_mut().poll(cx));
            self.parts.after = None;
        }
        loop {
            if let Some(pause) = self.pause.as_mut() {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            if self.held.is_empty() {
                let mut chunk = [0; CHUNK];
                let room = buf.remaining().min(CHUNK);
                let mut chunk = ReadBuf::new(chunk.get_mut(..room).unwrap_or_default());
                ready!(Pin::new(&mut self.parts.stream).poll_read(cx, &mut chunk))?;
                if chunk.filled().is_empty() {
                    return Poll::Ready(Ok(()));
                }
                let passed = self.within_rate(chunk.filled())?;
                let (now, later) = chunk.filled().split_at(passed);
                buf.put_slice(now);
                self.held.extend_from_slice(later);
                if passed > 0 {
                    return Poll::Ready(Ok(()));
                }
            } else {
                let held = std::mem::take(&mut self.held);
                let room = held.len().min(buf.remaining());
                let passed = self.within_rate(held.get(..room).unwrap_or_default());
                self.held = held;
                let passed = passed?;
                if passed > 0 {
                    buf.put_slice(self.held.get(..passed).unwrap_or_default());
                    self.held.drain(..passed);
                    if self.held.is_empty() {
                        self.held = Vec::new();
                    }
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }

    /// How many of `bytes` the credential's budget covers; when none, a pause is set.
    fn within_rate(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let now = Instant::now();
        let mut wait = None;
        let bucket = &self.parts.bucket;
        let passed = self
            .boundaries
            .pass(bytes, || bucket.take(now).map_err(|time| wait = Some(time)).is_ok())
            .map_err(|unfit| Error::new(ErrorKind::InvalidData, unfit))?;
        if let (0, Some(time)) = (passed, wait) {
            self.pause = Some(Box::pin(tokio::time::sleep(time)));
        }
        Ok(passed)
    }

    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Error>> {
        // The crate writes one packet at a time; a client that does not take them holds it here.
        ready!(self.drain(cx))?;
        if self.partial.is_empty() {
            let rest = self.shape_all(bytes)?;
            self.partial.extend_from_slice(bytes.get(rest..).unwrap_or_default());
        } else {
            let mut partial = std::mem::take(&mut self.partial);
            partial.extend_from_slice(bytes);
            let rest = self.shape_all(&partial)?;
            partial.drain(..rest);
            self.partial = partial;
        }
        if let Poll::Ready(Err(error)) = self.drain(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(bytes.len()))
    }

    /// Shapes the whole packets at the front of `bytes`; returns where the rest begins.
    fn shape_all(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..) {
            match frame(rest).map_err(|error| Error::new(ErrorKind::InvalidData, error))? {
                Some((head, end)) if end <= rest.len() => {
                    let mut verdicts = self.parts.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
                    let mut rules = Shape {
                        level: self.parts.level,
                        assigned: self.parts.assigned.as_deref(),
                        verdicts: &mut verdicts,
                    };
                    shape(rest.get(..end).unwrap_or_default(), head, &mut rules, &mut self.out);
                    at += end;
                }
                _ => break,
            }
        }
        Ok(at)
    }

    fn drain(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.alive(cx)?;
        while let Some(rest) = self.out.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match Pin::new(&mut self.parts.stream).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(n)) => {
                    self.sent += n;
                    self.stalled = None;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.stall(cx),
            }
        }
        self.sent = 0;
        self.out.clear();
        if self.out.capacity() > KEPT {
            self.out = Vec::new();
        }
        Poll::Ready(Ok(()))
    }

    /// Pending, unless nothing has moved for too long.
    fn stall(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let limit = self.parts.stall;
        let timer = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.drain(cx))?;
        match Pin::new(&mut self.parts.stream).poll_flush(cx) {
            Poll::Pending => self.stall(cx),
            done => {
                self.stalled = None;
                done
            }
        }
    }
}

/// Moves as much as fits from the front of `from`, which is freed once empty.
fn give(from: &mut Vec<u8>, buf: &mut ReadBuf<'_>) {
    let count = from.len().min(buf.remaining());
    buf.put_slice(from.get(..count).unwrap_or_default());
    from.drain(..count);
    if from.is_empty() {
        *from = Vec::new();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guard<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().inner().read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Error>> {
        self.get_mut().inner().write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().inner().flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let inner = self.get_mut().inner();
        ready!(inner.flush(cx))?;
        Pin::new(&mut inner.parts.stream).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> mqtt5::broker::transport::WebSocketTransport for Guard<S> {
    fn peer_addr(&self) -> mqtt5::Result<SocketAddr> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).parts.peer)
    }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
