//! Loop's score: how much a habit has become one, between 0 and 1.
//!
//! A score is an exponential average over days. Each day moves it towards that day's value by
//! `1 - 0.5^(√f / 13)`, where `f` is how often a day the habit is meant to be done: a daily habit has
//! a half-life of 13 days, a weekly one of 34. A day left out on purpose leaves it where it is.
//!
//! Written from a description of what Loop Habit Tracker shows, so that people who come from there
//! find their figures again; `score/vectors.json` holds what it has to give. Pure: days in, figures out.

use std::cmp::min;

use jiff::civil::Date;

/// The most times and the longest period, in days, as in the habit's columns.
const MOST: u16 = 366;

/// Amounts are counted in millionths: sums are exact, whatever is added and taken away again.
const UNIT: f64 = 1e6;

/// The largest amount of one day that is told apart from a larger one.
const LARGEST: f64 = 1e9;

/// How often: `num` times in `den` days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frequency {
    num: u16,
    den: u16,
}

impl Frequency {
    /// Every day.
    pub const DAILY: Self = Self { num: 1, den: 1 };

    /// So many times in so many days; both are brought into 1 to 366. As many times as days is every day.
    #[must_use]
    pub fn new(num: u16, den: u16) -> Self {
        let (num, den) = (num.clamp(1, MOST), den.clamp(1, MOST));
        if num == den { Self::DAILY } else { Self { num, den } }
    }

    /// How many times.
    #[must_use]
    pub fn num(self) -> u16 {
        self.num
    }

    /// In how many days.
    #[must_use]
    pub fn den(self) -> u16 {
        self.den
    }

    fn per_day(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }

    /// What a day leaves of the score before it.
    fn multiplier(self) -> f64 {
        0.5_f64.powf(self.per_day().sqrt() / 13.0)
    }

    /// The days of one period that begins on a day: 30 and 31 mean a month.
    fn length_from(self, begin: Option<Date>) -> usize {
        match (self.den, begin) {
            (30 | 31, Some(date)) => usize::try_from(date.days_in_month()).unwrap_or(30),
            _ => usize::from(self.den),
        }
    }
}

/// What a day holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Entry {
    /// Nothing is known.
    Unknown,
    /// Not done.
    No,
    /// Not asked for, as its period holds enough: [`fill`].
    Auto,
    /// Done.
    Yes,
    /// Left out on purpose.
    Skip,
    /// An amount.
    Amount(f64),
}

/// What makes a day's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure {
    /// Done or not.
    Boolean,
    /// The amount of a period, against the least that is aimed at.
    AtLeast(f64),
    /// The amount of a period, against the most that is aimed at.
    AtMost(f64),
}

impl Measure {
    /// The score before the first day: nothing taken is as little as was aimed at.
    #[must_use]
    pub fn start(self) -> f64 {
        if matches!(self, Self::AtMost(_)) { 1.0 } else { 0.0 }
    }

    fn of_entry(self, entry: Entry, skip: i64) -> i64 {
        match (self, entry) {
            (Self::Boolean, Entry::Yes) => 1,
            (Self::AtLeast(_) | Self::AtMost(_), Entry::Amount(amount)) => millionths(amount),
            (Self::AtLeast(_) | Self::AtMost(_), Entry::Skip) => skip,
            _ => 0,
        }
    }

    /// The value of a day whose period holds this much.
    fn value(self, sum: i64, wanted: u32) -> f64 {
        #[allow(clippy::cast_precision_loss)] // at most 732 days of 10^15
        let sum = sum as f64;
        match self {
            Self::Boolean => (sum / f64::from(wanted)).min(1.0),
            Self::AtLeast(target) => {
                let target = sound(target);
                if target > 0.0 { (sum / UNIT / target).min(1.0) } else { 1.0 }
            }
            Self::AtMost(target) => {
                let target = sound(target);
                let over = sum / UNIT - target;
                match (target > 0.0, over > 0.0) {
                    (_, false) => 1.0,
                    (true, true) => (1.0 - over / target).clamp(0.0, 1.0),
                    (false, true) => 0.0,
                }
            }
        }
    }
}

/// A target as a number that can be divided by, or zero.
fn sound(target: f64) -> f64 {
    if target.is_finite() && target > 0.0 { target } else { 0.0 }
}

#[allow(clippy::cast_possible_truncation)] // clamped to what fits
fn millionths(amount: f64) -> i64 {
    if amount.is_nan() { 0 } else { (amount.clamp(0.0, LARGEST) * UNIT).round() as i64 }
}

/// The score after each day, from days oldest to newest without a gap.
#[must_use]
pub fn scores(entries: &[Entry], frequency: Frequency, measure: Measure) -> Vec<f64> {
    run(entries, frequency, measure, 0)
}

/// As [`scores`], with a slip of Loop's own: among amounts it counts each skipped day as 0.003.
///
/// Only for comparing with figures that Loop wrote.
#[must_use]
pub fn scores_as_loop(entries: &[Entry], frequency: Frequency, measure: Measure) -> Vec<f64> {
    run(entries, frequency, measure, millionths(0.003))
}

fn run(entries: &[Entry], frequency: Frequency, measure: Measure, skip: i64) -> Vec<f64> {
    let multiplier = frequency.multiplier();
    // Two periods at once, so that a week's one deed does not make the score jump.
    let twice = measure == Measure::Boolean && frequency.num < frequency.den;
    let (wanted, days) = match (u32::from(frequency.num), usize::from(frequency.den)) {
        (num, den) if twice => (num * 2, den * 2),
        plain => plain,
    };
    let mut sum = 0_i64;
    let mut score = measure.start();
    let mut found = Vec::with_capacity(entries.len());
    for (today, entry) in entries.iter().enumerate() {
        sum += measure.of_entry(*entry, skip);
        if let Some(left) = today.checked_sub(days).and_then(|day| entries.get(day)) {
            sum -= measure.of_entry(*left, skip);
        }
        if *entry != Entry::Skip {
            score = score * multiplier + measure.value(sum, wanted) * (1.0 - multiplier);
        }
        found.push(score);
    }
    found
}

/// A period that holds enough deeds.
struct Window {
    begin: usize,
    /// The day of its last deed; the window may not leave it behind.
    last: usize,
    end: usize,
}

impl Window {
    /// Moves it back to the day after an earlier window, where that closes the gap between them.
    fn slide(&mut self, free: usize) {
        let gap = self.begin.saturating_sub(free);
        if gap <= self.end - self.last {
            self.begin -= gap;
            self.end -= gap;
        }
    }
}

/// Fills the unknown days of every period that holds enough deeds with [`Entry::Auto`].
///
/// `first` is the date of the first day; a period of 30 or 31 days is a month's length. A period begins
/// with a deed, and is moved back as far as it closes a gap and still holds its deeds.
#[must_use]
pub fn fill(entries: &[Entry], first: Date, frequency: Frequency) -> Vec<Entry> {
    let mut filled = entries.to_vec();
    if frequency.num >= frequency.den {
        return filled;
    }
    let deeds: Vec<usize> =
        entries.iter().enumerate().filter(|(_, entry)| **entry == Entry::Yes).map(|(day, _)| day).collect();
    let mut free = None;
    for group in deeds.windows(usize::from(frequency.num)) {
        let (Some(&begin), Some(&last)) = (group.first(), group.last()) else { continue };
        let length = frequency.length_from(day_after(first, begin));
        if last - begin >= length {
            continue;
        }
        let mut window = Window { begin, last, end: begin + length - 1 };
        if let Some(free) = free {
            window.slide(free);
        }
        free = Some(free.unwrap_or(0).max(window.end + 1));
        for entry in filled.iter_mut().take(min(window.end + 1, entries.len())).skip(window.begin) {
            if *entry == Entry::Unknown {
                *entry = Entry::Auto;
            }
        }
    }
    filled
}

fn day_after(first: Date, days: usize) -> Option<Date> {
    first.checked_add(jiff::Span::new().try_days(i64::try_from(days).ok()?).ok()?).ok()
}

#[cfg(test)]
mod tests;
