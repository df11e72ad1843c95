//! Chance: reproducible for schedules, real for identities.

use std::time::Duration;

/// `SplitMix64`: small, well spread, and the same on every machine for the same seed.
///
/// Not for secrets or identities; see [`fresh`].
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A stream of its own for `index`, so that adding a button does not move the others' schedules.
    #[must_use]
    pub fn new(seed: u64, index: u64) -> Self {
        let mut mixed = Self(seed ^ index.wrapping_mul(0xd605_1398_9c6c_2e4b));
        mixed.next_u64();
        mixed
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        // 53 bits are what a double holds exactly.
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A duration between the two, evenly.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        low + high.saturating_sub(low).mul_f64(self.unit())
    }

    /// The wait until the next of events that happen `per_minute` times a minute on average.
    ///
    /// At most a day, so that a rate near zero is simply "not in this run".
    pub fn until_next(&mut self, per_minute: f64) -> Duration {
        const DAY: f64 = 86_400.0;
        if per_minute <= 0.0 {
            return Duration::from_secs_f64(DAY);
        }
        let seconds = -(1.0 - self.unit()).ln() * 60.0 / per_minute;
        Duration::from_secs_f64(seconds.clamp(0.0, DAY))
    }
}

/// A number that nobody has drawn before, for boot ids: the operating system's randomness, as `esp_random` on a device.
///
/// Never from the seed: two runs with one seed against one hub must not repeat each other's press ids.
#[must_use]
pub fn fresh() -> u64 {
    let mut bytes = [0; 8];
    if getrandom::fill(&mut bytes).is_ok() {
        return u64::from_le_bytes(bytes);
    }
    // Without a random source: std's per-process hasher keys, which it takes from wherever it still can.
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

/// How long to wait before the next attempt to connect: doubling, with full jitter, between two bounds.
///
/// The jitter keeps a house full of buttons from knocking at the same instant after a restart of the hub.
#[derive(Clone, Debug)]
pub struct Backoff {
    low: Duration,
    high: Duration,
    attempt: u32,
}

impl Backoff {
    /// Waits between `low` and `high`.
    #[must_use]
    pub fn new(low: Duration, high: Duration) -> Self {
        Self { low, high, attempt: 0 }
    }

    /// The next wait.
    pub fn next(&mut self, rng: &mut Rng) -> Duration {
        let ceiling = self.low.saturating_mul(1 << self.attempt.min(16)).min(self.high);
        self.attempt = self.attempt.saturating_add(1);
        rng.between(self.low.min(ceiling) / 2, ceiling)
    }

    /// A connection stands: begin small again.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_stream_and_each_button_its_own() {
        let draw = |seed, index| {
            let mut rng = Rng::new(seed, index);
            [rng.next_u64(), rng.next_u64(), rng.next_u64()]
        };
        assert_eq!(draw(1, 0), draw(1, 0));
        assert_ne!(draw(1, 0), draw(1, 1));
        assert_ne!(draw(1, 0), draw(2, 0));
        assert_ne!(draw(0, 1), draw(1, 0));
    }

    #[test]
    fn waits_have_the_mean_that_was_asked_for() {
        let mut rng = Rng::new(7, 0);
        let total: Duration = (0..20_000).map(|_| rng.until_next(60.0)).sum();
        let mean = total.as_secs_f64() / 20_000.0;
        assert!((0.97..1.03).contains(&mean), "{mean}");
        assert_eq!(rng.until_next(0.0), Duration::from_secs(86_400));
    }

    #[test]
    fn backoff_doubles_within_its_bounds_and_starts_again() {
        let (low, high) = (Duration::from_millis(100), Duration::from_secs(5));
        let mut rng = Rng::new(3, 0);
        let mut backoff = Backoff::new(low, high);
        assert!(backoff.next(&mut rng) <= low);
        for _ in 0..100 {
            let wait = backoff.next(&mut rng);
            assert!(wait >= low / 2 && wait <= high, "{wait:?}");
        }
        backoff.reset();
        assert!(backoff.next(&mut rng) <= low);
    }

    #[test]
    fn boot_numbers_do_not_repeat() {
        assert_ne!(fresh(), fresh());
    }
}
