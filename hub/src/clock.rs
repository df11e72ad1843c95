//! The hub's clock. Injected everywhere, so that a night or a change of clocks takes a test milliseconds.
//!
//! A machine without a battery for its clock wakes up in 1970, or at whichever time it wrote down last, until the network
//! tells it better. So the system's clock is believed only where it is not before the first hub, nor well behind the
//! hub's own count: the last time it knew at its start, and how long it has run since. Meanwhile that count is the time,
//! and everybody who asks hears that it is a guess.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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
        /// Held for a copy and never across an await.
        last: Mutex<Option<LastKnown>>,
    },
    /// A clock that stands until it is moved.
    Manual(watch::Sender<Millis>),
}

/// What the hub's own count starts from.
#[derive(Debug, Clone, Copy)]
struct LastKnown {
    time: Millis,
    /// When it was told.
    since: Instant,
}

/// How long a sleeper trusts the system's clock at a stretch: it may be set while we wait.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// 2025-01-01: no hub ran before. A machine that says so has no battery for its clock and was not told the time yet.
const PLAUSIBLE: Millis = 1_735_689_600_000;

/// How far behind the hub's own count a clock may be and still be believed: more than clocks that are set step back or
/// drift while the hub is off, less than the hour for which a Pi keeps the time it wrote down.
const BEHIND: Millis = 5 * 60_000;

/// How long the hub holds its own count against a clock that is behind it. One that nobody has put forward by then
/// is right, and it was the last known time that was wrong: it came from a clock that ran ahead.
const PATIENCE: Millis = 6 * 3_600_000;

/// The time, and whether it is a guess: as the system says, unless what the hub knows speaks against it.
fn judge(system: Millis, last: Option<(Millis, Millis)>) -> (Millis, bool) {
    let Some((last, run)) = last else { return (system, system < PLAUSIBLE) };
    let count = last.max(PLAUSIBLE).saturating_add(run);
    let behind = run < PATIENCE && system.saturating_add(BEHIND) < count;
    if system < PLAUSIBLE || behind { (count, true) } else { (system, false) }
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(Kind::System { shift: 0, last: Mutex::default() }))
    }

    /// A clock that runs like the system's but starts at the given time.
    #[must_use]
    pub fn starting_at(now: Millis) -> Self {
        let shift = now.saturating_sub(system_now());
        Self(Arc::new(Kind::System { shift, last: Mutex::default() }))
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
    pub fn resume_from(&self, time: Millis) {
        if let Kind::System { last, .. } = &*self.0 {
            let known = LastKnown { time, since: Instant::now() };
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        }
    }

    fn reading(&self) -> (Millis, bool) {
        match &*self.0 {
            Kind::System { shift, last } => {
                let last = *last.lock().unwrap_or_else(PoisonError::into_inner);
                let run = |last: LastKnown| Millis::try_from(last.since.elapsed().as_millis());
                let last = last.map(|last| (last.time, run(last).unwrap_or(Millis::MAX)));
                judge(system_now().saturating_add(*shift), last)
            }
            Kind::Manual(time) => (*time.borrow(), false),
        }
    }

    /// Whether the machine does not know the time, and this clock only goes on from the last known one.
    #[must_use]
    pub fn is_guessing(&self) -> bool {
        self.reading().1
    }

    /// Milliseconds since the epoch, UTC.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.reading().0
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
        clock.resume_from(start + BEHIND);
        assert!((start..start + 10_000).contains(&clock.now()), "a clock that is set is believed");
        assert!(!clock.is_guessing());
    }

    #[test]
    fn a_machine_that_woke_at_the_time_it_wrote_down_goes_on_from_the_last_known_one() {
        let last = 1_795_514_400_000;
        let clock = Clock::starting_at(last - 3_600_000);
        clock.resume_from(last);
        assert!(clock.is_guessing());
        assert!((last..last + 10_000).contains(&clock.now()));
    }

    #[test]
    fn a_table_of_clocks() {
        let (last, hour) = (1_795_514_400_000, 3_600_000);
        let told = |run| Some((last, run));
        for (system, last, expected) in [
            // Set, or a little behind.
            (last + 9 * hour, told(0), (last + 9 * hour, false)),
            (last, told(0), (last, false)),
            (last - BEHIND, told(0), (last - BEHIND, false)),
            // Well behind, and still so after it ran for a while: it passes the last known time by running, not by being set.
            (last - BEHIND - 1, told(0), (last, true)),
            (last - hour, told(0), (last, true)),
            (last + hour, told(2 * hour), (last + 2 * hour, true)),
            // Then it is set.
            (last + 9 * hour, told(2 * hour), (last + 9 * hour, false)),
            // A last known time that was wrong holds for some hours.
            (last - 9000 * hour, told(PATIENCE - 1), (last + PATIENCE - 1, true)),
            (last - 9000 * hour, told(PATIENCE), (last - 9000 * hour, false)),
            // No hub ran in 1970, however long it lasts.
            (30_000, told(0), (last, true)),
            (30_000, told(PATIENCE), (last + PATIENCE, true)),
            (30_000, Some((0, 5)), (PLAUSIBLE + 5, true)),
            (30_000, None, (30_000, true)),
            (last, None, (last, false)),
        ] {
            assert_eq!(judge(system, last), expected, "{system} {last:?}");
        }
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
