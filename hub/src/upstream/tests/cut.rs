//! Work that is cut somewhere: as if the power went.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Polls at most so many times; `None` when that was not enough.
pub(super) struct Cut<F> {
    pub(super) work: Pin<Box<F>>,
    pub(super) polls: u32,
}

impl<F: Future> Cut<F> {
    pub(super) fn after(polls: u32, work: F) -> Self {
        Self { work: Box::pin(work), polls }
    }
}

impl<F: Future> Future for Cut<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        self.work.as_mut().poll(context).map(Some)
    }
}
