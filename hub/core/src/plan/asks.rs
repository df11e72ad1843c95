//! Which days may not pass without a note, and which deeds count.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::{LOOK_BACK_DAYS, Mark, Marks, Plan, Quota, Window, ahead, days, days_before, days_between, stretch};

/// What a habit asks for beside what was done, up to a day.
#[derive(Debug)]
pub struct Asks<'a> {
    plan: &'a Plan,
    marks: &'a Marks,
    rolling: Rolling,
}

/// The days of rolling quotas.
///
/// What they ask for is settled once: by a deed, or by a day that passes. So within any stretch as long as the period
/// there are never more days that passed and deeds that count than the quota says, as in a period of the calendar.
#[derive(Debug, Default)]
struct Rolling {
    /// Days that no later day can make up for.
    demanded: BTreeSet<Date>,
    /// Deeds beyond the quota.
    extra: BTreeSet<Date>,
}

impl Plan {
    /// What is asked for up to a day, beside what was done.
    #[must_use]
    pub fn asks<'a>(&'a self, marks: &'a Marks, to: Date) -> Asks<'a> {
        let rolling = if self.schedules.ever_rolling() { self.rolling(marks, to) } else { Rolling::default() };
        Asks { plan: self, marks, rolling }
    }

    fn rolling(&self, marks: &Marks, to: Date) -> Rolling {
        let mut found = Rolling::default();
        let mut passed: BTreeSet<Date> = BTreeSet::new();
        let mut counted: BTreeSet<Date> = BTreeSet::new();
        let (begin, mut anew) = self.rolls_from(marks, to);
        let mut away = 0;
        for date in stretch(begin, to) {
            let schedule = self.schedules.on(date);
            if self.paused(date) {
                away += 1;
            } else {
                // After a break as long as the period, nothing of what lies behind it says anything.
                anew = if away >= schedule.days { date } else { anew };
                away = 0;
            }
            if !schedule.rolling || !self.has_quota(date) {
                continue;
            }
            let window = self.window(date);
            let settled = |by: &BTreeSet<Date>| by.range(window.from..date).fold(0, |count, _| count + 1);
            let done = marks.get(&date) == Some(&Mark::Done);
            if done {
                let counts = settled(&passed) + settled(&counted) < schedule.times;
                let _ = if counts { counted.insert(date) } else { found.extra.insert(date) };
            }
            // A whole period must lie behind before one may speak of it.
            let whole = days_between(self.schedules.since(date).map_or(anew, |since| anew.max(since)), date) + 1;
            let before = self.done(window, marks) - i64::from(done) + settled(&passed);
            if before < schedule.times && whole >= schedule.days && self.open(date) {
                found.demanded.insert(date);
                let _ = !done && passed.insert(date);
            }
        }
        found
    }

    /// From which day rolling quotas are followed, and from which they may ask. Where a habit is older than one looks
    /// back, whole periods are left out, so that what follows does not move from day to day.
    fn rolls_from(&self, marks: &Marks, to: Date) -> (Date, Date) {
        let oldest = days_before(to, LOOK_BACK_DAYS);
        if self.first_day >= oldest {
            let first = marks.keys().next().map_or(self.first_day, |first| self.first_day.min(*first));
            return (first.max(oldest), self.first_day);
        }
        let into = days_between(self.first_day, oldest).rem_euclid(self.schedules.on(oldest).days);
        let begin = if into == 0 { oldest } else { ahead(oldest, self.schedules.on(oldest).days - into) };
        (begin, begin)
    }
}

impl Asks<'_> {
    /// Whether a day may not pass without a note: no later day of its period can make up for it.
    ///
    /// What later days brought is not looked at, so the answer stays the same once the day is over and only changes
    /// when an earlier day does.
    #[must_use]
    pub fn demanded(&self, date: Date) -> bool {
        let (plan, schedule) = (self.plan, self.plan.schedules.on(date));
        if !plan.open(date) || plan.kept_by_nothing(date) {
            return false;
        }
        if !schedule.has_quota() {
            return true;
        }
        if schedule.rolling {
            return self.rolling.demanded.contains(&date);
        }
        let window = plan.window(date);
        // Most days end here: more days are left than were ever wanted.
        let most = usize::try_from(schedule.times + 1).unwrap_or(usize::MAX);
        let open = days(Window { from: date, to: window.to }).filter(|date| plan.open(*date));
        let left = open.take(most).fold(0, |count, _| count + 1);
        if left > schedule.times {
            return false;
        }
        let before = Window { from: window.from, to: date.yesterday().unwrap_or(date) };
        left <= plan.wanted(window, date) - plan.done(before, self.marks)
    }

    /// How many deeds the period of a day wants, and how many it has: for rates. `None` without a quota of the calendar.
    ///
    /// Leaving a day out on purpose is free: one that no later day could make up for is a deed less that is wanted.
    #[must_use]
    pub fn quota(&self, date: Date) -> Option<Quota> {
        let plan = self.plan;
        if !plan.has_quota(date) || plan.schedules.on(date).rolling {
            return None;
        }
        let window = plan.window(date);
        let done = plan.done(window, self.marks);
        let skipped = self.marks.range(window.from..=window.to.max(window.from));
        let skipped = skipped.filter(|(date, mark)| **mark == Mark::Skipped && self.demanded(**date));
        let wanted = plan.wanted(window, date);
        let free = skipped.fold(0, |count, _| count + 1);
        Some(Quota { from: window.from, to: window.to, wanted: (wanted - free).max(wanted.min(done)), done })
    }

    /// Whether a deed of a day counts, or is more than a rolling quota wants.
    #[must_use]
    pub fn counts(&self, date: Date) -> bool {
        !self.rolling.extra.contains(&date)
    }
}
