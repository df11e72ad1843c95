//! How it went: the completion rate and the way back first; runs of days only for who asks for them.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Serialize;

use crate::plan::{LOOK_BACK_DAYS, Mark, Marks, Plan, days_before, days_between, stretch};
use crate::score::{Entry, Frequency, Measure, scores};

/// How much of what was asked for was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Rate {
    /// How often it was done: days, or deeds of a quota as far as they count.
    pub done: i64,
    /// How often it was asked for, skips and breaks left out.
    pub asked: i64,
}

impl Rate {
    /// The share, 0 to 1; nothing when nothing was asked for.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // far below 2^53
    pub fn share(self) -> Option<f64> {
        if self.asked == 0 { None } else { Some(self.done as f64 / self.asked as f64) }
    }
}

/// The rate of some days. The present day counts once it is done.
#[must_use]
pub fn rate(plan: &Plan, marks: &Marks, from: Date, to: Date, today: Date) -> Rate {
    let mut rate = Rate::default();
    let asks = plan.asks(marks, to.min(today));
    let mut counted_to: Option<Date> = None;
    for date in stretch(from.max(plan.first_day), to.min(today)) {
        if counted_to.is_some_and(|end| date <= end) {
            continue;
        }
        if let Some(quota) = asks.quota(date) {
            let done = quota.done.min(quota.wanted);
            rate.done += done;
            rate.asked += if quota.to < today { quota.wanted } else { done };
            counted_to = Some(quota.to);
            continue;
        }
        let done = match marks.get(&date) {
            Some(Mark::Skipped) => continue,
            Some(Mark::Done) if !asks.counts(date) => continue,
            Some(Mark::Done) => true,
            Some(Mark::Lapsed | Mark::Passed) => false,
            None if plan.kept_by_nothing(date) => plan.open(date) && date < today,
            None => false,
        };
        let asked = if plan.kept_by_nothing(date) { plan.open(date) } else { asks.demanded(date) };
        if done || (asked && date < today) {
            rate.asked += 1;
            rate.done += i64::from(done);
        }
    }
    rate
}

/// The first day that is looked at.
fn begin(plan: &Plan, marks: &Marks, today: Date) -> Date {
    let first = marks.keys().next().copied().map_or(plan.first_day, |first| first.min(plan.first_day));
    first.max(days_before(today, LOOK_BACK_DAYS))
}

/// How a person comes back after days without a deed.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Comeback {
    /// How many times they came back.
    pub comebacks: usize,
    /// Median days from the first day without a deed to the next deed.
    pub median_days: Option<f64>,
    /// Share of them that took at most as long as the relapse threshold, 0 to 1.
    pub within_threshold: Option<f64>,
}

/// Looks at every stretch of demanded days without a deed that a deed ended.
#[must_use]
#[allow(clippy::cast_precision_loss)] // counts of days
pub fn comeback(plan: &Plan, marks: &Marks, relapse_threshold: i64, today: Date) -> Comeback {
    let mut away: Option<Date> = None;
    let mut took: Vec<i64> = Vec::new();
    let begin = begin(plan, marks, today);
    let asks = plan.asks(marks, today);
    for date in stretch(begin, today) {
        match marks.get(&date) {
            Some(Mark::Done) => took.extend(away.take().map(|since| days_between(since, date))),
            Some(Mark::Lapsed) if !plan.open(date) => {}
            Some(Mark::Passed | Mark::Lapsed) => drop(away.get_or_insert(date)),
            Some(Mark::Skipped) => {}
            None if date >= today || date < plan.first_day => {}
            None if plan.kept_by_nothing(date) && plan.open(date) => {
                took.extend(away.take().map(|since| days_between(since, date)));
            }
            None if asks.demanded(date) => drop(away.get_or_insert(date)),
            None => {}
        }
    }
    took.sort_unstable();
    let count = took.len();
    let median = match (count, took.get(count / 2), took.get((count / 2).saturating_sub(1))) {
        (0, _, _) | (_, None, _) | (_, _, None) => None,
        (odd, Some(middle), _) if odd % 2 == 1 => Some(*middle as f64),
        (_, Some(above), Some(below)) => Some((*above + *below) as f64 / 2.0),
    };
    let soon = took.iter().filter(|days| **days <= relapse_threshold).count();
    Comeback {
        comebacks: count,
        median_days: median,
        within_threshold: if count == 0 { None } else { Some(soon as f64 / count as f64) },
    }
}

/// Loop's score of a habit on the present day, 0 to 1, for who asks for it; nothing before its first mark.
///
/// `amounts` are those of measurable habits; for others it is empty. It is counted with what the habit asks for now, as
/// Loop does.
#[must_use]
pub fn loop_score(plan: &Plan, marks: &Marks, amounts: &BTreeMap<Date, f64>, today: Date) -> Option<f64> {
    let first = *marks.keys().next()?;
    let schedule = plan.schedules.on(today);
    let weekdays = schedule.weekdays.iter().filter(|day| **day).fold(0, |count, _| count + 1);
    let small = |number: i64| u16::try_from(number).unwrap_or(u16::MAX);
    let frequency = if weekdays < 7 && !schedule.has_quota() {
        Frequency::new(weekdays, 7)
    } else {
        Frequency::new(small(schedule.times), small(schedule.days))
    };
    let measure = match schedule.target.filter(|_| !amounts.is_empty()) {
        Some(target) if schedule.at_most => Measure::AtMost(target),
        Some(target) => Measure::AtLeast(target),
        None => Measure::Boolean,
    };
    let entry = |date: Date| match (marks.get(&date), amounts.get(&date)) {
        (Some(Mark::Skipped), _) => Entry::Skip,
        (_, Some(amount)) => Entry::Amount(*amount),
        (Some(Mark::Done), None) => Entry::Yes,
        (None, None) if plan.kept_by_nothing(date) && plan.open(date) && date < today => Entry::Yes,
        (Some(Mark::Lapsed | Mark::Passed), None) => Entry::No,
        (None, None) => Entry::Unknown,
    };
    let entries: Vec<Entry> = stretch(first, today).map(entry).collect();
    scores(&entries, frequency, measure).last().copied()
}

/// A run of periods in which everything asked for was done: days, or the periods of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Streak {
    /// The one that still goes on.
    pub current: i64,
    /// The longest.
    pub best: i64,
}

/// Counts runs. Skips and breaks neither end nor lengthen one, and a period that still goes on never ends one.
#[must_use]
pub fn streak(plan: &Plan, marks: &Marks, today: Date) -> Streak {
    let mut streak = Streak::default();
    let mut counted_to: Option<Date> = None;
    let mut deeds = 0;
    let mut step = |met: Option<bool>| match met {
        Some(true) => {
            streak.current += 1;
            streak.best = streak.best.max(streak.current);
        }
        Some(false) => streak.current = 0,
        None => {}
    };
    let begin = begin(plan, marks, today);
    let asks = plan.asks(marks, today);
    for date in stretch(begin, today) {
        if counted_to.is_some_and(|end| date <= end) {
            continue;
        }
        if let Some(quota) = asks.quota(date) {
            counted_to = Some(quota.to);
            step(if quota.done >= quota.wanted.max(1) {
                Some(true)
            } else if quota.to >= today || quota.wanted == 0 {
                None
            } else {
                Some(false)
            });
            continue;
        }
        let met = match marks.get(&date) {
            Some(Mark::Done) => asks.counts(date).then_some(true),
            Some(Mark::Skipped) => None,
            Some(Mark::Lapsed) => plan.open(date).then_some(false),
            _ if date >= today || date < plan.first_day => None,
            Some(Mark::Passed) => Some(false),
            None if plan.kept_by_nothing(date) => plan.open(date).then_some(true),
            None => asks.demanded(date).then_some(false),
        };
        // A rolling quota is kept once as many deeds as it wants followed each other.
        deeds = if met == Some(true) { deeds + 1 } else { deeds };
        let wanted = if plan.has_quota(date) { plan.schedules.on(date).times } else { 1 };
        if met == Some(true) && deeds < wanted {
            continue;
        }
        deeds = if met.is_some() { 0 } else { deeds };
        step(met);
    }
    streak
}

#[cfg(test)]
mod tests;
