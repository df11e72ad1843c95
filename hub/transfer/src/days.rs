//! Days and times as other apps write them.

use jiff::civil::{Date, DateTime, date};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};
use kairos_core::Millis;
use kairos_core::repair::parse_date;

/// The oldest day that is read.
const FIRST: Date = date(1970, 1, 1);
/// The newest day that is read.
const LAST: Date = date(2199, 12, 31);

/// What to say of a day that is not read.
pub(crate) const NOT_A_DAY: &str = "This is no day from 1970 to 2199. The line was left out.";

fn plausible(date: Date) -> Option<Date> {
    (FIRST..=LAST).contains(&date).then_some(date)
}

/// The day that a text begins with, `YYYY-MM-DD`, whatever follows.
pub(crate) fn leading(text: &str) -> Option<Date> {
    parse_date(text.trim().get(..10)?).and_then(plausible)
}

/// The day of a time in UTC.
pub(crate) fn of_millis(millis: Millis) -> Option<Date> {
    local(millis, 0)
}

/// The day of a time at an offset from UTC, in minutes.
pub(crate) fn local(millis: Millis, offset: i64) -> Option<Date> {
    let seconds = i32::try_from(offset.checked_mul(60)?).ok()?;
    let zone = TimeZone::fixed(Offset::from_seconds(seconds).ok()?);
    plausible(Timestamp::from_millisecond(millis).ok()?.to_zoned(zone).date())
}

/// The day so many days after 1970-01-01.
pub(crate) fn of_epoch_day(days: i64) -> Option<Date> {
    FIRST.checked_add(Span::new().try_days(days).ok()?).ok().and_then(plausible)
}

/// A time such as `2026-11-24T08:00:00.000Z`; without a zone it is UTC.
pub(crate) fn instant(text: &str) -> Option<Millis> {
    let text = text.trim();
    let time = text
        .parse::<Timestamp>()
        .ok()
        .or_else(|| text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp()));
    time.map(Timestamp::as_millisecond)
}

/// All days from one to another, both included; both are days that were read, so they are few enough.
pub(crate) fn span(first: Date, last: Date) -> impl Iterator<Item = Date> {
    first.series(Span::new().days(1)).take_while(move |day| *day <= last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_what_is_none_is_not() {
        assert_eq!(leading("2026-11-24"), Some(date(2026, 11, 24)));
        assert_eq!(leading(" 2026-11-24T08:00"), Some(date(2026, 11, 24)));
        for text in ["", "24.11.2026", "2026-02-30", "1969-12-31", "2200-01-01", "9999-99-99", "2026-1-1", "äöüäöüäöü"]
        {
            assert_eq!(leading(text), None, "{text}");
        }
        assert_eq!(of_millis(1_795_478_400_000), Some(date(2026, 11, 24)));
        assert_eq!(of_millis(-1), None);
        assert_eq!(of_millis(i64::MIN), None);
        assert_eq!(of_millis(i64::MAX), None);
        assert_eq!(of_epoch_day(20_781), Some(date(2026, 11, 24)));
        assert_eq!(of_epoch_day(i64::MAX), None);
    }

    #[test]
    fn a_time_belongs_to_the_day_where_the_person_was() {
        let late = instant("2026-05-15T23:00:00.000Z").expect("a time");
        assert_eq!(local(late, 120), Some(date(2026, 5, 16)));
        assert_eq!(local(late, -480), Some(date(2026, 5, 15)));
        assert_eq!(local(late, i64::MAX), None);
        assert_eq!(local(late, 100_000), None);
        assert_eq!(instant("2026-05-15T23:00:00.000"), Some(late));
        assert_eq!(instant("yesterday"), None);
    }
}
