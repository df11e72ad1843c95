//! What moves on a line, as whoever carries rows tells it: by that a line that is cut is told from one that is dead.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tokio::sync::watch;

use super::status::{State, Status};

/// How often stretches are halved at most.
const SMALLEST: u32 = 6;
/// After how many stretches that arrived the next one is longer.
const TRUST: u32 = 8;

/// The beat of replication with one server.
pub(super) struct Pulse {
    /// How it goes.
    pub(super) status: watch::Sender<Status>,
    /// Changes whenever something was carried.
    pub(super) carried: watch::Sender<u64>,
    rows: AtomicU64,
    halved: AtomicU32,
    arrived: AtomicU32,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            status: watch::Sender::new(Status::none()),
            carried: watch::Sender::new(0),
            rows: AtomicU64::new(0),
            halved: AtomicU32::new(0),
            arrived: AtomicU32::new(0),
        }
    }
}

impl Pulse {
    /// A step was done, whatever it carried.
    pub(super) fn beat(&self) {
        self.carried.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// How many steps were done so far.
    pub(super) fn beats(&self) -> u64 {
        *self.carried.borrow()
    }

    /// A stretch of rows arrived, here or there.
    pub(super) fn moved(&self, rows: usize) {
        if rows > 0 {
            self.rows.fetch_add(1, Ordering::Relaxed);
            if self.arrived.fetch_add(1, Ordering::Relaxed) >= TRUST {
                self.arrived.store(0, Ordering::Relaxed);
                let longer = |halved: u32| Some(halved.saturating_sub(1));
                let _ = self.halved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, longer);
            }
            // Who can carry rows is not away.
            self.status.send_if_modified(|status| {
                let is_news = status.state == State::Offline;
                if is_news {
                    (status.state, status.message) = (State::Syncing, None);
                }
                is_news
            });
        }
        self.beat();
    }

    /// How many stretches arrived so far.
    pub(super) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// The line was cut before one stretch arrived: the next is shorter.
    pub(super) fn shorten(&self) {
        self.arrived.store(0, Ordering::Relaxed);
        let shorter = |halved: u32| Some((halved + 1).min(SMALLEST));
        let _ = self.halved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, shorter);
    }

    /// How long a stretch is now that is so long on a good line.
    pub(super) fn stretch(&self, most: usize) -> usize {
        (most >> self.halved.load(Ordering::Relaxed)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_shorter_on_a_line_that_is_cut_and_longer_where_all_arrives() {
        let pulse = Pulse::default();
        assert_eq!(pulse.stretch(2000), 2000);
        pulse.shorten();
        assert_eq!((pulse.stretch(2000), pulse.stretch(1)), (1000, 1));
        (0..20).for_each(|_| pulse.shorten());
        assert_eq!(pulse.stretch(2000), 31);
        (0..100).for_each(|_| pulse.moved(1));
        assert_eq!((pulse.stretch(2000), pulse.rows(), pulse.beats()), (2000, 100, 100));
    }
}
