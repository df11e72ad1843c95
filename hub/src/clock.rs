//! The hub's clock. Injected everywhere, so that a night or a change of clocks takes a test milliseconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kairos_core::Millis;
use tokio::sync::watch;

/// Tells the time; cheap to clone.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Kind>);

#[derive(Debug)]
enum Kind {
    /// The system's clock, shifted (by `--clock`).
    System {
        shift: Millis,
        /// What is added while the machine has no idea of the time.
        resumed: AtomicI64,
    },
    /// A clock that stands until it is moved.
    Manual(watch::Sender<Millis>),
}

/// How long a sleeper trusts the system's clock at a stretch: it may be set while we wait.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// 2025-01-01: no hub ran before. A machine that says so has no battery for its clock and was not told the time yet.
const PLAUSIBLE: Millis = 1_735_689_600_000;

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(Kind::System { shift: 0, resumed: AtomicI64::new(0) }))
    }

    /// A clock that runs like the system's but starts at the given time.
    #[must_use]
    pub fn starting_at(now: Millis) -> Self {
        let shift = now.saturating_sub(system_now());
        Self(Arc::new(Kind::System { shift, resumed: AtomicI64::new(0) }))
    }

    /// A clock that stands at the given time until [`Clock::set`] moves it.
    #[must_use]
    pub fn manual(now: Millis) -> Self {
        Self(Arc::new(Kind::Manual(watch::Sender::new(now))))
    }

    /// Moves a manual clock; does nothing to one that runs.
    pub fn set(&self, now: Millis) {
        if let Kind::Manual(time) = &*self.0 {
            time.send_replace(now);
        }
    }

    /// Tells the last time that was known. A machine that does not know the time goes on from there until it is told.
    pub fn resume_from(&self, last: Millis) {
        if let Kind::System { shift, resumed } = &*self.0 {
            let raw = system_now().saturating_add(*shift);
            if raw < PLAUSIBLE {
                resumed.store(last.max(PLAUSIBLE).saturating_sub(raw), Ordering::Relaxed);
            }
        }
    }

    /// Whether the machine does not know the time, and this clock only goes on from the last known one.
    #[must_use]
    pub fn is_guessing(&self) -> bool {
        match &*self.0 {
            Kind::System { shift, .. } => system_now().saturating_add(*shift) < PLAUSIBLE,
            Kind::Manual(_) => false,
        }
    }

    /// Milliseconds since the epoch, UTC.
    #[must_use]
    pub fn now(&self) -> Millis {
        match &*self.0 {
            Kind::System { shift, resumed } => {
                let raw = system_now().saturating_add(*shift);
                if raw < PLAUSIBLE { raw.saturating_add(resumed.load(Ordering::Relaxed)) } else { raw }
            }
            Kind::Manual(time) => *time.borrow(),
        }
    }

    /// Waits until the clock reaches a time, also when it is set meanwhile.
    pub async fn sleep_until(&self, at: Millis) {
        match &*self.0 {
            Kind::System { .. } => loop {
                let left = at.saturating_sub(self.now());
                let Some(left) = u64::try_from(left).ok().filter(|left| *left > 0) else { return };
                tokio::time::sleep(Duration::from_millis(left).min(LONGEST_NAP)).await;
            },
            Kind::Manual(time) => {
                // The sender lives in `self`, so waiting cannot end for any other reason.
                let _ = time.subscribe().wait_for(|now| *now >= at).await;
            }
        }
    }
}

#[allow(clippy::disallowed_methods)] // the one place that reads the system's clock
fn system_now() -> Millis {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| Millis::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_clock_is_moved() {
        let clock = Clock::manual(1_000);
        let waiter = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(5_000).await }
        });
        clock.set(4_999);
        assert!(!waiter.is_finished());
        clock.set(5_000);
        assert!(waiter.await.is_ok());
    }

    #[test]
    fn a_shifted_clock_runs_on_from_where_it_was_put() {
        let start = PLAUSIBLE + 1_000_000;
        let clock = Clock::starting_at(start);
        assert!((start..start + 10_000).contains(&clock.now()));
        clock.resume_from(start + 9_000_000);
        assert!((start..start + 10_000).contains(&clock.now()), "a clock that is set is believed");
    }

    #[test]
    fn a_machine_that_does_not_know_the_time_goes_on_from_the_last_known_one() {
        let last = 1_795_514_400_000;
        let clock = Clock::starting_at(30_000);
        assert!(clock.is_guessing());
        clock.resume_from(last);
        assert!((last..last + 10_000).contains(&clock.now()));
        assert!(!Clock::starting_at(last).is_guessing());
    }
}
