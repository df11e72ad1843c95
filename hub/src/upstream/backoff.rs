//! How long to wait before the server is tried again: from one second to one minute, never all hubs at once.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Doubles with each failure.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It worked.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// It failed: how long to wait now, between half and all of what is due.
    pub(super) fn next(&mut self, chance: u8) -> Duration {
        let due = FIRST.saturating_mul(1 << self.failures.min(6)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        due / 2 + (due / 2).mul_f64(f64::from(chance) / 255.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_from_a_second_to_a_minute_and_not_all_the_same() {
        let mut backoff = Backoff::default();
        let waits: Vec<f64> = (0..10).map(|_| backoff.next(255).as_secs_f64()).collect();
        assert_eq!(waits, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0]);
        assert_eq!(backoff.next(0), Duration::from_secs(30));
        backoff.reset();
        assert_eq!(backoff.next(0), Duration::from_millis(500));
    }
}
