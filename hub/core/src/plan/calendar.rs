//! How a person counts days, and how days are counted.

use jiff::ToSpan;
use jiff::civil::Date;

use crate::day::{Zone, logical_day};
use crate::row::Row;

/// How a person counts days and weeks.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// The zone's name.
    pub tz: String,
    /// The zone.
    pub zone: Zone,
    /// Minutes after midnight at which the day begins.
    pub day_start_min: u16,
    /// First day of the week, 1 is Monday.
    pub week_start: i8,
}

impl Person {
    /// The day that is now.
    #[must_use]
    pub fn today(&self, now: crate::Millis) -> Date {
        logical_day(now, &self.zone, self.day_start_min)
    }

    /// Reads it from a (repaired) profile; UTC from midnight for one who has none.
    #[must_use]
    pub fn of(profile: Option<&Row>) -> Self {
        let tz = profile.map_or_else(|| "UTC".to_owned(), |row| row.text("tz"));
        let number = |column: &str| profile.and_then(|row| row.integer(column));
        Self {
            zone: Zone::or_utc(&tz),
            tz,
            day_start_min: number("day_start_min").and_then(|minutes| u16::try_from(minutes).ok()).unwrap_or(0),
            week_start: number("week_start").and_then(|day| i8::try_from(day).ok()).unwrap_or(1),
        }
    }
}

pub(super) fn back(date: Date, days: i64) -> Date {
    date.checked_sub(days.clamp(0, 400).days()).unwrap_or(Date::MIN)
}

pub(super) fn ahead(date: Date, days: i64) -> Date {
    date.checked_add(days.clamp(0, 400).days()).unwrap_or(Date::MAX)
}

/// The longest period there is, before and after a day: what may decide whether a habit with a quota is due.
#[must_use]
pub fn longest_period(date: Date) -> (Date, Date) {
    (back(date, 366), ahead(date, 366))
}

/// The day so many days earlier; the first of all days when there is none.
#[must_use]
pub fn days_before(date: Date, days: i64) -> Date {
    date.checked_sub(days.clamp(0, 100_000).days()).unwrap_or(Date::MIN)
}

/// Whole days from one date to another; negative when the other is earlier.
#[must_use]
pub fn days_between(from: Date, to: Date) -> i64 {
    from.duration_until(to).as_hours() / 24
}

/// Every day from one to another, both included.
pub fn stretch(from: Date, to: Date) -> impl Iterator<Item = Date> {
    let mut next = Some(from);
    std::iter::from_fn(move || {
        let date = next.filter(|date| *date <= to)?;
        next = date.tomorrow().ok();
        Some(date)
    })
}
