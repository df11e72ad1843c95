//! The logical day: the date a deed belongs to, in the person's zone and with their start of day.
//!
//! Calendar arithmetic only. Days are never counted in seconds: some have 23 hours, some 25, and a
//! zone may skip a whole date.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

use crate::Millis;

pub use jiff::civil::Date;

/// The latest start of a day, in minutes after midnight.
pub const MAX_DAY_START: u16 = 720;

/// A time zone of the bundled database.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone(TimeZone);

/// Says that there is no such time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no such time zone")]
pub struct UnknownZone;

impl Zone {
    /// Finds a zone by its IANA name.
    ///
    /// # Errors
    /// [`UnknownZone`] for a name that is not in the database.
    pub fn named(name: &str) -> Result<Self, UnknownZone> {
        if name.len() > 64 || !name.is_ascii() {
            return Err(UnknownZone);
        }
        TimeZone::get(name).map(Self).map_err(|_| UnknownZone)
    }

    /// The named zone; UTC when the name is unknown, as for a row from a newer hub.
    #[must_use]
    pub fn or_utc(name: &str) -> Self {
        Self::named(name).unwrap_or(Self(TimeZone::UTC))
    }

    /// Local clock time at an instant.
    #[must_use]
    pub fn local(&self, at: Millis) -> DateTime {
        self.0.to_datetime(timestamp(at))
    }

    /// Offset from UTC at an instant, in minutes, rounded towards zero.
    #[must_use]
    pub fn offset_minutes(&self, at: Millis) -> i64 {
        i64::from(self.0.to_offset(timestamp(at)).seconds() / 60)
    }
}

/// Times beyond the calendar (year 1 to 9999) are held at its ends rather than refused.
fn timestamp(at: Millis) -> Timestamp {
    let edge = 26 * 3_600_000; // room for any offset
    let (low, high) = (Timestamp::MIN.as_millisecond() + edge, Timestamp::MAX.as_millisecond() - edge);
    Timestamp::from_millisecond(at.clamp(low, high)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Writes an instant such as `2026-03-29T00:59:00Z`.
#[must_use]
pub fn instant(at: Millis) -> String {
    timestamp(at).to_string()
}

/// Reads an instant such as `2026-03-29T00:59:00Z`.
#[must_use]
pub fn parse_instant(text: &str) -> Option<Millis> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

fn minutes(day_start_min: u16) -> Span {
    i64::from(day_start_min.min(MAX_DAY_START)).minutes()
}

/// The day an instant belongs to: the local clock, minus the start of the day, its date.
#[must_use]
pub fn logical_day(at: Millis, zone: &Zone, day_start_min: u16) -> Date {
    let local = zone.local(at);
    local.checked_sub(minutes(day_start_min)).unwrap_or(local).date()
}

/// The instant at which a day begins; where clocks skip it, the first one after the gap.
#[must_use]
pub fn day_begins(date: Date, zone: &Zone, day_start_min: u16) -> Millis {
    let Ok(local) = date.at(0, 0, 0, 0).checked_add(minutes(day_start_min)) else { return Millis::MAX };
    zone.0.to_ambiguous_timestamp(local).compatible().map_or(Millis::MAX, Timestamp::as_millisecond)
}

/// The instant at which the day after the current one begins: when every day's view changes.
///
/// A start that a change of clocks skips is the first instant after the gap.
#[must_use]
pub fn next_day_start(at: Millis, zone: &Zone, day_start_min: u16) -> Millis {
    let mut date = logical_day(at, zone, day_start_min);
    for _ in 0..3 {
        let Ok(tomorrow) = date.tomorrow() else { break };
        date = tomorrow;
        let Ok(local) = date.at(0, 0, 0, 0).checked_add(minutes(day_start_min)) else { break };
        // Where clocks fall back over the start of the day it is passed twice, and begins the day each time.
        let passed = zone.0.to_ambiguous_timestamp(local);
        for start in [passed.earlier(), passed.later()].into_iter().flatten() {
            let start = start.as_millisecond();
            if start > at && logical_day(start, zone, day_start_min) >= date {
                return first_moment(date, (at, start), zone, day_start_min);
            }
        }
    }
    at.saturating_add(3_600_000)
}

/// The first moment of a day that has not begun at the one and has at the other.
///
/// The other itself, unless clocks jumped over the start of the day: then the day begins at the jump, which is found
/// by halving.
fn first_moment(date: Date, (mut before, mut begun): (Millis, Millis), zone: &Zone, day_start_min: u16) -> Millis {
    if logical_day(begun - 1, zone, day_start_min) < date {
        return begun;
    }
    while begun - before > 1 {
        let middle = before + (begun - before) / 2;
        if logical_day(middle, zone, day_start_min) < date { before = middle } else { begun = middle }
    }
    begun
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn ms(text: &str) -> Millis {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn day(at: &str, zone: &str, start: u16) -> String {
        logical_day(ms(at), &Zone::named(zone).unwrap(), start).to_string()
    }

    #[test]
    fn a_table_of_nights() {
        for (at, zone, start, expected) in [
            ("2026-11-24T22:59:59Z", "Europe/Berlin", 0, "2026-11-24"),
            ("2026-11-24T23:00:00Z", "Europe/Berlin", 0, "2026-11-25"),
            // a day that begins at 4 in the morning holds the small hours of the next date
            ("2026-11-25T02:59:59Z", "Europe/Berlin", 240, "2026-11-24"),
            ("2026-11-25T03:00:00Z", "Europe/Berlin", 240, "2026-11-25"),
            ("2026-11-25T11:59:59Z", "UTC", 720, "2026-11-24"),
            ("2026-11-25T12:00:00Z", "UTC", 720, "2026-11-25"),
            // clocks forward: 02:00 becomes 03:00; with a start at 02:30 the day begins at 03:00
            ("2026-03-29T00:59:59Z", "Europe/Berlin", 150, "2026-03-28"),
            ("2026-03-29T01:00:00Z", "Europe/Berlin", 150, "2026-03-29"),
            // clocks back: 02:30 comes twice; the first begins the day, the clock then reads 02:00 again
            ("2026-10-25T00:30:00Z", "Europe/Berlin", 150, "2026-10-25"),
            ("2026-10-25T01:00:00Z", "Europe/Berlin", 150, "2026-10-24"),
            ("2026-10-25T01:30:00Z", "Europe/Berlin", 150, "2026-10-25"),
            // leap days
            ("2028-02-29T12:00:00Z", "UTC", 0, "2028-02-29"),
            ("2027-03-01T00:00:00Z", "UTC", 60, "2027-02-28"),
            ("2028-03-01T00:00:00Z", "UTC", 60, "2028-02-29"),
            // the far ends of the earth
            ("2026-11-24T10:00:00Z", "Pacific/Kiritimati", 0, "2026-11-25"),
            ("2026-11-24T10:00:00Z", "Etc/GMT+12", 0, "2026-11-23"),
            ("2026-11-24T10:00:00Z", "Pacific/Pago_Pago", 0, "2026-11-23"),
            // Samoa had no 30 December 2011
            ("2011-12-30T09:59:59Z", "Pacific/Apia", 0, "2011-12-29"),
            ("2011-12-30T10:00:00Z", "Pacific/Apia", 0, "2011-12-31"),
        ] {
            assert_eq!(day(at, zone, start), expected, "{at} {zone} {start}");
        }
    }

    #[test]
    fn the_next_day_begins_where_the_date_changes() {
        for (at, zone, start, expected) in [
            ("2026-11-24T12:00:00Z", "Europe/Berlin", 0, "2026-11-24T23:00:00Z"),
            // half past two is left out: the day begins at three
            ("2026-03-28T12:00:00Z", "Europe/Berlin", 150, "2026-03-29T01:00:00Z"),
            // half past two comes twice, and the first is over
            ("2026-10-25T01:10:00Z", "Europe/Berlin", 150, "2026-10-25T01:30:00Z"),
            ("2026-10-25T00:10:00Z", "Europe/Berlin", 150, "2026-10-25T00:30:00Z"),
            ("2011-12-29T12:00:00Z", "Pacific/Apia", 0, "2011-12-30T10:00:00Z"),
        ] {
            let next = next_day_start(ms(at), &Zone::named(zone).unwrap(), start);
            assert_eq!(Timestamp::from_millisecond(next).unwrap().to_string(), expected, "{at} {zone}");
        }
    }

    #[test]
    fn unknown_zones_are_refused_and_absurd_times_held() {
        for bad in ["", "Europe/Atlantis", "../../etc/passwd", "é"] {
            assert!(Zone::named(bad).is_err(), "{bad}");
        }
        let zone = Zone::or_utc("Europe/Atlantis");
        assert_eq!(zone, Zone(TimeZone::UTC));
        for at in [i64::MIN, i64::MAX] {
            let _ = logical_day(at, &zone, 720);
            let _ = next_day_start(at, &zone, 720);
        }
    }

    proptest! {
        #[test]
        fn days_never_run_backwards_across_a_day_start(at in 0_i64..4_102_444_800_000, start in 0_u16..=720, pick in 0_usize..6) {
            let zone = Zone::named(["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Kiritimati", "Pacific/Apia"][pick]).unwrap();
            let today = logical_day(at, &zone, start);
            let next = next_day_start(at, &zone, start);
            prop_assert!(next > at && next - at <= 49 * 3_600_000);
            prop_assert!(logical_day(next, &zone, start) > today);
            prop_assert!(logical_day(next - 1, &zone, start) < logical_day(next, &zone, start));
            prop_assert!((date(1969, 12, 30)..=date(2100, 1, 2)).contains(&today));
        }
    }
}
