//! How fast one credential may speak. Whoever is faster is read more slowly; nothing is dropped or answered early.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Packets a credential may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In the long run, per second; 0 means without a bound.
    pub per_second: u32,
    /// At once, after a pause: a device that was offline empties its queue.
    pub burst: u32,
}

/// The budget of one credential, shared by all its connections.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    // Held for a few additions and never across an await.
    state: Mutex<(f64, Instant)>,
}

impl Bucket {
    pub(super) fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, state: Mutex::new((f64::from(rate.burst.max(1)), now)) }
    }

    /// Takes one packet's worth, or says how long until there is one.
    pub(super) fn take(&self, now: Instant) -> Result<(), Duration> {
        if self.rate.per_second == 0 {
            return Ok(());
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, last) = &mut *state;
        let earned = now.saturating_duration_since(*last).as_secs_f64() * f64::from(self.rate.per_second);
        *tokens = (*tokens + earned).min(f64::from(self.rate.burst.max(1)));
        *last = now.max(*last);
        if *tokens >= 1.0 {
            *tokens -= 1.0;
            return Ok(());
        }
        let missing = (1.0 - *tokens) / f64::from(self.rate.per_second);
        Err(Duration::from_secs_f64(missing).max(Duration::from_millis(1)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_burst_then_the_sustained_rate() {
        let start = Instant::now();
        let bucket = Bucket::new(Rate { per_second: 10, burst: 3 }, start);
        for _ in 0..3 {
            assert_eq!(bucket.take(start), Ok(()));
        }
        assert_eq!(bucket.take(start), Err(Duration::from_millis(100)));
        assert_eq!(bucket.take(start + Duration::from_millis(100)), Ok(()));
        assert!(bucket.take(start + Duration::from_millis(150)).is_err());
        let later = start + Duration::from_secs(60);
        let taken = (0..10).filter(|_| bucket.take(later).is_ok()).count();
        assert_eq!(taken, 3, "a pause earns no more than the burst");
        assert!(bucket.take(start).is_err(), "a clock that steps back earns nothing");
    }

    #[test]
    fn zero_is_without_a_bound() {
        let bucket = Bucket::new(Rate { per_second: 0, burst: 0 }, Instant::now());
        assert!((0..10_000).all(|_| bucket.take(Instant::now()).is_ok()));
    }
}
