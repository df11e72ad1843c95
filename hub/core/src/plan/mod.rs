//! What a habit asks of a person on a day, and what a day without a deed means.
//!
//! A [`Plan`] is made of a habit, its dated schedules and the person's breaks; [`Plan::due`] says what is shown as open,
//! [`Plan::demanded`] what must not pass without a note. They differ for habits with a quota ("three times a week"):
//! those are due until the quota is met, but a day passes freely while enough days are left to meet it.

mod asks;
mod calendar;
mod pause;
mod schedule;

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::today::Met;

pub use asks::Asks;
pub use calendar::{Person, days_before, days_between, longest_period, stretch};
use calendar::{ahead, back};
use pause::joined;
pub use pause::{Pause, is_rest_of};
pub use schedule::{DATED, Kind, Schedule, Schedules, Thresholds, active_days};

use crate::fold::Status;
use crate::repair::parse_date;
use crate::row::Row;

/// How a day stands, for the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// Done, in full or in part.
    Done,
    /// Left out on purpose.
    Skipped,
    /// For habits of staying away: it happened. For "at most": it was more.
    Lapsed,
    /// The engine noted that the day passed.
    Passed,
}

/// A habit's days that have a mark.
pub type Marks = BTreeMap<Date, Mark>;

/// What a habit asks for, over all its days.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The first day it may ask for anything.
    pub first_day: Date,
    /// Its schedules.
    pub schedules: Schedules,
    /// Its breaks and the person's, earliest first, none touching another.
    pauses: Vec<Pause>,
    /// Whether it is asked for at present; a paused or archived habit's breaks say since when.
    pub active: bool,
    /// First day of the person's week, 1 is Monday.
    pub week_start: i8,
}

/// A stretch of days, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    from: Date,
    to: Date,
}

impl Plan {
    /// From a (repaired) habit, the rows of its dated schedules, and the (repaired) rows of the person's breaks.
    /// Rows of other habits are left out.
    #[must_use]
    pub fn of<'a>(
        habit: &Row,
        schedules: impl IntoIterator<Item = &'a Row>,
        pauses: impl IntoIterator<Item = &'a Row>,
        person: &Person,
    ) -> Self {
        let schedules = Schedules::of(habit, schedules);
        let first_day = first_day(habit, person);
        let rows: Vec<&Row> = pauses
            .into_iter()
            .filter(|row| row.deleted_at.is_none())
            .filter(|row| row.opt_text("habit_id").is_none_or(|of| of == habit.id))
            .collect();
        let mut pauses: Vec<Pause> = rows.iter().filter_map(|row| Pause::of(row)).collect();
        let active = habit.deleted_at.is_none() && habit.text("status") == "ACTIVE";
        if !active && !rows.iter().any(|row| is_rest_of(row, habit)) {
            // Where no break says since when: since it was paused or archived, else from the beginning.
            pauses.push(Pause { from: rests_since(habit, person), to: None });
        }
        let pauses = joined(pauses);
        Self { first_day, schedules, pauses, active, week_start: person.week_start }
    }

    /// Whether a day without any note is as good as done: staying away, or "at most". A quota means nothing to these.
    #[must_use]
    pub fn kept_by_nothing(&self, date: Date) -> bool {
        self.schedules.on(date).kept_by_nothing()
    }

    fn has_limit(&self, date: Date) -> bool {
        self.schedules.on(date).has_limit()
    }

    /// Whether a quota says how many deeds a day's period wants.
    pub(crate) fn has_quota(&self, date: Date) -> bool {
        self.schedules.on(date).has_quota() && !self.kept_by_nothing(date)
    }

    /// How a day stands, by its cell's `type` and `source`. A part counts as done; of what has a limit a part is more
    /// than the limit.
    #[must_use]
    pub fn mark(&self, date: Date, status: &str, source: &str) -> Option<Mark> {
        Some(match Status::parse(status)? {
            Status::Partial if self.has_limit(date) => Mark::Lapsed,
            Status::Full | Status::Partial => Mark::Done,
            Status::Skipped => Mark::Skipped,
            Status::Missed if source == "engine" => Mark::Passed,
            Status::Missed => Mark::Lapsed,
        })
    }

    /// Whether a break covers a day.
    #[must_use]
    pub fn paused(&self, date: Date) -> bool {
        let begun = self.pauses.partition_point(|pause| pause.from <= date);
        begun.checked_sub(1).and_then(|last| self.pauses.get(last)).is_some_and(|pause| pause.covers(date))
    }

    /// Whether the day is one of the habit's own: begun, no break, the right weekday.
    #[must_use]
    pub fn open(&self, date: Date) -> bool {
        date >= self.first_day && !self.paused(date) && self.schedules.on(date).has_weekday(date.weekday())
    }

    /// Whether it is asked for on a day: shown as open until it is done.
    ///
    /// With a quota: until the deeds of the other days of the period have met it.
    #[must_use]
    pub fn due(&self, date: Date, marks: &Marks) -> bool {
        if !self.active || !self.open(date) {
            return false;
        }
        if !self.has_quota(date) {
            return true;
        }
        let window = self.window(date);
        let wanted = self.wanted(window, date).max(1);
        self.done(window, marks) - i64::from(marks.get(&date) == Some(&Mark::Done)) < wanted
    }

    /// How far a quota is met in the day's period, the day with it; `None` where there is none.
    #[must_use]
    pub fn met(&self, date: Date, marks: &Marks) -> Option<Met> {
        let schedule = self.schedules.on(date);
        self.has_quota(date).then(|| {
            let window = self.window(date);
            let (done, of) = (self.done(window, marks), self.wanted(window, date).max(1));
            Met { done, of, days: schedule.days, rolling: schedule.rolling }
        })
    }

    /// Whether a day may not pass without a note: no later day of its period can make up for it. For many days
    /// [`Plan::asks`] is quicker.
    #[must_use]
    pub fn demanded(&self, date: Date, marks: &Marks) -> bool {
        self.asks(marks, date).demanded(date)
    }

    /// The first and the last day of the person's week.
    #[must_use]
    pub fn week_of(&self, date: Date) -> (Date, Date) {
        let week = self.period(7, date);
        (week.from, week.to)
    }

    fn done(&self, window: Window, marks: &Marks) -> i64 {
        if window.to < window.from {
            return 0;
        }
        let done = marks.range(window.from..=window.to).filter(|(_, mark)| **mark == Mark::Done).count();
        i64::try_from(done).unwrap_or(i64::MAX)
    }

    fn open_days(&self, window: Window) -> i64 {
        days(window).filter(|date| self.open(*date)).fold(0, |count, _| count + 1)
    }

    /// What the quota of a period is where only a part of it may be used: less, in proportion.
    fn wanted(&self, window: Window, date: Date) -> i64 {
        let schedule = self.schedules.on(date);
        if schedule.rolling {
            return schedule.times;
        }
        let whole = self.period(schedule.days, date);
        let all = days(whole).filter(|date| schedule.has_weekday(date.weekday())).fold(0, |count, _| count + 1);
        let usable = self.open_days(window);
        if all == 0 {
            return 0;
        }
        if usable == all { schedule.times.min(all) } else { schedule.times * usable / all }
    }

    /// The period a day belongs to; for a rolling one, the days up to it.
    fn window(&self, date: Date) -> Window {
        let schedule = self.schedules.on(date);
        if schedule.rolling {
            return Window { from: back(date, schedule.days - 1), to: date };
        }
        let period = self.period(schedule.days, date);
        // A change of schedule begins a period of its own.
        let from = self.schedules.since(date).map_or(period.from, |since| period.from.max(since));
        let to = self
            .schedules
            .until(date)
            .and_then(|next| next.yesterday().ok())
            .map_or(period.to, |end| period.to.min(end));
        Window { from, to }
    }

    /// A week, a month, a year where the length says so; else stretches counted from the first day.
    fn period(&self, length: i64, date: Date) -> Window {
        match length {
            7 => {
                let into =
                    (i64::from(date.weekday().to_monday_one_offset()) - i64::from(self.week_start)).rem_euclid(7);
                let from = back(date, into);
                Window { from, to: ahead(from, 6) }
            }
            28..=31 => Window { from: date.first_of_month(), to: date.last_of_month() },
            365 | 366 => Window { from: date.first_of_year(), to: date.last_of_year() },
            _ => {
                let since = self.schedules.since(date).unwrap_or(self.first_day);
                let from = back(date, days_between(since, date).rem_euclid(length));
                Window { from, to: ahead(from, length - 1) }
            }
        }
    }
}

/// The first day a habit may ask for anything: the one it names, else the one it was made on.
fn first_day(habit: &Row, person: &Person) -> Date {
    let named = habit.opt_text("start_date").and_then(|start| parse_date(&start));
    named.unwrap_or_else(|| person.today(habit.created_at))
}

/// Since when a paused or archived habit rests, as far as it says so itself; else from its beginning.
#[must_use]
pub fn rests_since(habit: &Row, person: &Person) -> Date {
    let since = habit.integer("paused_at").max(habit.integer("archived_at"));
    since.map_or_else(|| first_day(habit, person), |since| person.today(since))
}

/// How far back days are looked at: ten years. What a person writes into `start_date` must not cost more.
pub const LOOK_BACK_DAYS: i64 = 3660;

/// A quota's period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Its first day.
    pub from: Date,
    /// Its last day.
    pub to: Date,
    /// How many deeds it wants.
    pub wanted: i64,
    /// How many it has.
    pub done: i64,
}

/// Every day of a stretch.
fn days(window: Window) -> impl Iterator<Item = Date> {
    stretch(window.from, window.to)
}

#[cfg(test)]
pub(crate) mod tests;
