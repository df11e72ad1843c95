//! The hybrid logical clock: 48 bits of milliseconds, 16 bits of counter, and the node that ticked.
//!
//! Written `%016x-<node>` it sorts as text (byte order), which is how databases compare it.
//! A hub keeps its own high-water mark across restarts, so a Pi without a clock never steps back.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Millis;

/// The longest node name, in bytes.
pub const MAX_NODE: usize = 64;

/// 2200-01-01: what a clock reads from then on is not believed. Such readings come before all others, wherever they are compared,
/// so that a row that came with one is written over as any other, and nobody waits for the end of time.
pub const HORIZON: Millis = 7_258_118_400_000;

/// One reading of a hybrid logical clock.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hlc {
    packed: u64,
    node: Arc<str>,
}

/// Says why a text is not a clock reading.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a clock reads as sixteen hexadecimal digits, a dash and a node name")]
pub struct BadHlc;

impl Hlc {
    /// Builds a reading from its parts; used by tests and by readers of stored clocks.
    #[must_use]
    pub fn from_parts(millis: Millis, counter: u16, node: &str) -> Self {
        Self { packed: pack(millis) | u64::from(counter), node: node.into() }
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// [`BadHlc`] when the text is not sixteen lower-case hexadecimal digits, a dash and a node.
    pub fn parse(text: &str) -> Result<Self, BadHlc> {
        let (head, node) = text.split_at_checked(16).ok_or(BadHlc)?;
        let node = node.strip_prefix('-').ok_or(BadHlc)?;
        let digits = head.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let named = !node.is_empty() && node.len() <= MAX_NODE && node.bytes().all(|b| b.is_ascii_graphic());
        if !digits || !named {
            return Err(BadHlc);
        }
        let packed = u64::from_str_radix(head, 16).map_err(|_| BadHlc)?;
        Ok(Self { packed, node: node.into() })
    }

    /// The reading that follows this one, of another node: what is written by who has seen this.
    #[must_use]
    pub fn next(&self, node: &str) -> Self {
        Self { packed: self.packed.saturating_add(1), node: node.into() }
    }

    /// The same reading, as one of another node: what it wrote, stamped by who received it.
    #[must_use]
    pub fn by(self, node: &str) -> Self {
        Self { node: node.into(), ..self }
    }

    /// Whether it is of a time before [`HORIZON`].
    #[must_use]
    pub fn is_believed(&self) -> bool {
        self.millis() < HORIZON
    }

    /// The wall-clock part, in milliseconds.
    #[must_use]
    pub fn millis(&self) -> Millis {
        // 48 bits always fit.
        Millis::try_from(self.packed >> 16).unwrap_or(Millis::MAX)
    }

    /// Time and counter as one number, for high-water marks.
    #[must_use]
    pub fn packed(&self) -> u64 {
        self.packed
    }

    /// Who ticked.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }
}

fn pack(millis: Millis) -> u64 {
    u64::try_from(millis).unwrap_or(0).min((1 << 48) - 1) << 16
}

/// As their texts sort, but for readings that are not believed, which come first.
impl Ord for Hlc {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |clock: &Self| (clock.is_believed(), clock.packed);
        key(self).cmp(&key(other)).then_with(|| self.node.cmp(&other.node))
    }
}

impl PartialOrd for Hlc {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.packed, self.node)
    }
}

impl fmt::Debug for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Hlc {
    type Error = BadHlc;
    fn try_from(text: String) -> Result<Self, BadHlc> {
        Self::parse(&text)
    }
}

impl From<Hlc> for String {
    fn from(hlc: Hlc) -> Self {
        hlc.to_string()
    }
}

/// The clock of one node. Every tick is later than all before it and than all it has observed.
#[derive(Debug, Clone)]
pub struct HybridClock {
    last: u64,
    node: Arc<str>,
}

impl HybridClock {
    /// Starts a clock at the high-water mark of the last run (0 for a new hub).
    #[must_use]
    pub fn new(node: &str, high_water: u64) -> Self {
        Self { last: high_water, node: node.into() }
    }

    /// Takes the next reading. A wall clock that stood still or stepped back only raises the counter.
    pub fn tick(&mut self, now: Millis) -> Hlc {
        // A counter that runs over carries into the milliseconds, which keeps the order.
        self.last = pack(now).max(self.last.saturating_add(1));
        Hlc { packed: self.last, node: self.node.clone() }
    }

    /// Takes note of a reading from elsewhere, so that our next tick is later.
    ///
    /// Readings more than `max_ahead` milliseconds in the future do not move the clock; the caller
    /// clamps such rows.
    pub fn observe(&mut self, other: &Hlc, now: Millis, max_ahead: Millis) {
        if other.millis() <= now.saturating_add(max_ahead) {
            self.last = self.last.max(other.packed);
        }
    }

    /// The wall-clock part of the highest reading so far, in milliseconds: the last known time.
    #[must_use]
    pub fn last_millis(&self) -> Millis {
        Millis::try_from(self.last >> 16).unwrap_or(Millis::MAX)
    }

    /// The highest reading so far, to be stored.
    #[must_use]
    pub fn high_water(&self) -> u64 {
        self.last
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_sorts_like_time() {
        let mut clock = HybridClock::new("b", 0);
        let readings: Vec<String> = [5, 5, 4, 6, 1_000_000].iter().map(|&t| clock.tick(t).to_string()).collect();
        let mut sorted = readings.clone();
        sorted.sort();
        assert_eq!(readings, sorted);
        assert_eq!(readings[0], "0000000000050000-b");
        assert_eq!(readings[1], "0000000000050001-b");
    }

    #[test]
    fn the_counter_carries_and_a_restart_does_not_step_back() {
        let mut clock = HybridClock::new("a", pack(7) | 0xffff);
        assert_eq!(clock.tick(3).to_string(), "0000000000080000-a");
        let before = clock.tick(3);
        let mut again = HybridClock::new("a", clock.high_water());
        assert!(again.tick(0) > before);
    }

    #[test]
    fn far_future_readings_do_not_drag_the_clock_along() {
        let mut clock = HybridClock::new("a", 0);
        clock.observe(&Hlc::from_parts(10_000_000, 0, "z"), 1000, 300_000);
        assert_eq!(clock.tick(1000).millis(), 1000);
        clock.observe(&Hlc::from_parts(200_000, 0, "z"), 1000, 300_000);
        assert!(clock.tick(1000).millis() >= 200_000);
    }

    #[test]
    fn refuses_what_does_not_sort() {
        for bad in [
            "",
            "0000000000050000",
            "0000000000050000-",
            "000000000005000G-a",
            "000000000005000A-a",
            "5-a",
            "0000000000050000-a b",
            "é000000000050000-a",
        ] {
            assert_eq!(Hlc::parse(bad), Err(BadHlc), "{bad:?}");
        }
    }

    #[test]
    fn readings_beyond_the_horizon_come_before_all_others() {
        let clock = |text: &str| Hlc::parse(text).unwrap();
        let last = Hlc { packed: pack(HORIZON) - 1, node: "z".into() };
        let sorted = [
            Hlc::from_parts(HORIZON, 0, "a"),
            clock("7fffffffffffffff-z"),
            clock("ffffffffffffffff-a"),
            clock("ffffffffffffffff-z"),
            Hlc::from_parts(0, 0, "a"),
            Hlc::from_parts(1_795_514_400_000, 0, "a"),
            last,
        ];
        assert!(
            sorted.is_sorted() && sorted.iter().all(|one| sorted.iter().filter(|other| *other == one).count() == 1)
        );
    }

    proptest! {
        #[test]
        fn order_of_text_is_order_of_values(a in 0..pack(HORIZON), b in 0..pack(HORIZON), n in "[a-z0-9]{1,8}", m in "[a-z0-9]{1,8}") {
            let x = Hlc { packed: a, node: n.as_str().into() };
            let y = Hlc { packed: b, node: m.as_str().into() };
            prop_assert_eq!(x.cmp(&y), x.to_string().cmp(&y.to_string()));
            prop_assert_eq!(Hlc::parse(&x.to_string()).unwrap(), x);
        }
    }
}
