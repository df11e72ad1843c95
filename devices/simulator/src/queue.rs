//! The flash queue of a button: presses that the hub has not answered yet.
//!
//! Pure: time comes in as the device's uptime. The queue is bounded as flash is. When it is full the newest press is
//! refused and said so; the oldest are kept, because they were promised first.

use std::collections::VecDeque;
use std::time::Duration;

use crate::wire::{Event, PressId};

/// One press that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its name.
    pub press_id: PressId,
    /// Which button.
    pub button: String,
    /// What was done to it.
    pub event_type: String,
    /// Age brought over from earlier boots. Time without power is not in it: the device cannot know it.
    carried: Duration,
    /// Uptime of this boot from which the rest of the age counts.
    since: Duration,
    /// When it was last sent over the connection that stands.
    sent_at: Option<Duration>,
    /// How often it was sent over that connection.
    sends: u32,
    /// Whether that connection brought a PUBACK for it.
    pubacked: bool,
}

impl Waiting {
    /// How long ago the press was, by this device's own count.
    #[must_use]
    pub fn age(&self, uptime: Duration) -> Duration {
        self.carried + uptime.saturating_sub(self.since)
    }

    /// The message to send now.
    #[must_use]
    pub fn event(&self, uptime: Duration) -> Event {
        Event {
            event_type: self.event_type.clone(),
            button: self.button.clone(),
            press_id: self.press_id.to_string(),
            age_ms: u64::try_from(self.age(uptime).as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// The queue holds as many presses as it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue is full")]
pub struct Full;

/// Presses in the order they were made, at most `capacity` of them.
#[derive(Clone, Debug)]
pub struct FlashQueue {
    capacity: usize,
    waiting: VecDeque<Waiting>,
}

impl FlashQueue {
    /// An empty queue.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, waiting: VecDeque::with_capacity(capacity.min(1024)) }
    }

    /// Keeps a press that was made at this uptime.
    pub fn push(&mut self, press_id: PressId, button: &str, event_type: &str, uptime: Duration) -> Result<(), Full> {
        if self.waiting.len() >= self.capacity {
            return Err(Full);
        }
        self.waiting.push_back(Waiting {
            press_id,
            button: button.to_owned(),
            event_type: event_type.to_owned(),
            carried: Duration::ZERO,
            since: uptime,
            sent_at: None,
            sends: 0,
            pubacked: false,
        });
        Ok(())
    }

    /// The oldest press that should be sent now: never sent over this connection, or unanswered for `timeout`.
    ///
    /// At most `window` presses are under way at once, so that a long queue does not flood a slow hub.
    #[must_use]
    pub fn due(&self, uptime: Duration, timeout: Duration, window: usize) -> Option<&Waiting> {
        // The first `window` unanswered presses are the ones under way; order is kept because later ones wait.
        self.waiting.iter().take(window).find(|press| press.sent_at.is_none_or(|sent| uptime >= sent + timeout))
    }

    /// When [`due`](Self::due) will next have something, if nothing else happens.
    #[must_use]
    pub fn next_due(&self, timeout: Duration, window: usize) -> Option<Duration> {
        self.waiting.iter().take(window).map(|press| press.sent_at.map_or(Duration::ZERO, |sent| sent + timeout)).min()
    }

    /// Notes that a press was sent. Returns how often it went over this connection without any PUBACK.
    pub fn sent(&mut self, press_id: PressId, uptime: Duration) -> u32 {
        self.find(press_id).map_or(0, |press| {
            press.sent_at = Some(uptime);
            press.sends += 1;
            if press.pubacked { 0 } else { press.sends }
        })
    }

    /// Notes a PUBACK. The press stays until its `ack`: behind a household's own broker a PUBACK is the broker's only.
    pub fn pubacked(&mut self, press_id: PressId) {
        if let Some(press) = self.find(press_id) {
            press.pubacked = true;
        }
    }

    /// The hub answered: the press leaves the queue. False when it was not in it (a second answer).
    pub fn answered(&mut self, press_id: PressId) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|press| press.press_id != press_id);
        self.waiting.len() < before
    }

    /// The connection is gone: whatever was under way has to be sent again.
    pub fn connection_lost(&mut self) {
        for press in &mut self.waiting {
            press.sent_at = None;
            press.sends = 0;
            press.pubacked = false;
        }
    }

    /// The device restarts at this uptime. With flash the presses stay and take their age along; without it they are
    /// gone, and their names are returned.
    pub fn restart(&mut self, uptime: Duration, flash: bool) -> Vec<PressId> {
        if !flash {
            return self.waiting.drain(..).map(|press| press.press_id).collect();
        }
        for press in &mut self.waiting {
            press.carried = press.age(uptime);
            press.since = Duration::ZERO;
        }
        self.connection_lost();
        Vec::new()
    }

    /// How many presses wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn find(&mut self, press_id: PressId) -> Option<&mut Waiting> {
        self.waiting.iter_mut().find(|press| press.press_id == press_id)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn id(n: u64) -> PressId {
        PressId { boot: 1, n }
    }

    fn queue(presses: u64) -> FlashQueue {
        let mut queue = FlashQueue::new(64);
        for n in 1..=presses {
            queue.push(id(n), "1", "press", secs(10)).unwrap();
        }
        queue
    }

    #[test]
    fn a_full_queue_keeps_the_oldest_and_says_so() {
        let mut queue = queue(64);
        assert_eq!(queue.push(id(65), "1", "press", secs(11)), Err(Full));
        assert_eq!(queue.len(), 64);
        assert_eq!(queue.due(secs(11), TIMEOUT, 8).unwrap().press_id, id(1));
        assert!(queue.answered(id(1)));
        assert_eq!(queue.push(id(65), "1", "press", secs(12)), Ok(()));
    }

    #[test]
    fn a_press_is_repeated_under_the_same_name_and_older() {
        let mut queue = queue(1);
        let first = queue.due(secs(12), TIMEOUT, 8).unwrap().event(secs(12));
        queue.sent(id(1), secs(12));
        assert_eq!(queue.due(secs(13), TIMEOUT, 8), None, "under way");
        assert_eq!(queue.next_due(TIMEOUT, 8), Some(secs(17)));
        let second = queue.due(secs(17), TIMEOUT, 8).unwrap().event(secs(17));
        assert_eq!(first.press_id, second.press_id);
        assert_eq!((first.age_ms, second.age_ms), (2000, 7000));
    }

    #[test]
    fn a_restart_carries_the_age_and_counts_uptime_from_zero() {
        let mut queue = queue(1);
        queue.sent(id(1), secs(11));
        assert_eq!(queue.restart(secs(70), true), []);
        let again = queue.due(secs(1), TIMEOUT, 8).unwrap();
        assert_eq!(again.age(secs(1)), secs(61));
        queue.restart(secs(4), true);
        assert_eq!(queue.due(secs(2), TIMEOUT, 8).unwrap().age(secs(2)), secs(66));
    }

    #[test]
    fn without_flash_a_restart_names_what_is_gone() {
        let mut queue = queue(3);
        assert_eq!(queue.restart(secs(70), false), [id(1), id(2), id(3)]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_puback_alone_does_not_empty_the_queue_and_a_lost_connection_sends_again() {
        let mut queue = queue(2);
        assert_eq!(queue.sent(id(1), secs(12)), 1);
        assert_eq!(queue.sent(id(2), secs(12)), 1);
        queue.pubacked(id(1));
        assert_eq!(queue.len(), 2);
        assert_eq!(queue.sent(id(1), secs(17)), 0, "the hub is there, only its answer is late");
        assert_eq!(queue.sent(id(2), secs(17)), 2, "nothing came back at all");
        queue.connection_lost();
        assert_eq!(queue.due(secs(17), TIMEOUT, 8).unwrap().press_id, id(1));
        assert!(queue.answered(id(1)));
        assert!(!queue.answered(id(1)), "a second answer changes nothing");
    }

    #[test]
    fn only_a_window_of_presses_is_under_way_and_order_is_kept() {
        let mut queue = queue(5);
        let mut order = Vec::new();
        while let Some(press) = queue.due(secs(12), TIMEOUT, 2).map(|press| press.press_id) {
            queue.sent(press, secs(12));
            order.push(press);
        }
        assert_eq!(order, [id(1), id(2)]);
        queue.answered(id(1));
        assert_eq!(queue.due(secs(12), TIMEOUT, 2).unwrap().press_id, id(3));
    }
}
