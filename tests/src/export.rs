//! Large exports, made by hand: years of days for a hub to take in.

use std::fmt::Write as _;

use jiff::ToSpan;
use jiff::civil::Date;

/// The hub's own export with `habits` habits of `days` days each, up to the end of 2025. Ids begin with `name`.
#[must_use]
pub fn export_of(name: &str, habits: usize, days: usize) -> String {
    let last = jiff::civil::date(2025, 12, 31);
    let at = format!("{:016x}-other", 1_700_000_000_000_u64 << 16);
    let mut out = String::from("{\"format\":\"kairos-hub-export\",\"version\":1,\"rows\":[");
    let mut line = |table: &str, id: String, columns: String| {
        let comma = if out.ends_with('[') { "" } else { "," };
        let _ = write!(
            out,
            "{comma}\n{{\"table\":\"{table}\",\"id\":\"{id}\",\"created_at\":1700000000000,\"at\":\"{at}\",\"columns\":{{{columns}}}}}"
        );
    };
    for habit in 0..habits {
        let columns = format!(r#""name":"{name} {habit}","start_date":"2026-11-24""#);
        line("habits", format!("{name}-{habit}"), columns);
    }
    for habit in 0..habits {
        for day in 0..days {
            let date: Date = last.checked_sub(i64::try_from(day).unwrap().days()).unwrap();
            let columns = format!(
                r#""habit_id":"{name}-{habit}","date":"{date}","actor":"","verb":"full","occurred_at":1700000000000,"time_source":"import","tz":"UTC","tz_offset_min":0,"source":"import""#
            );
            line("completion_events", format!("{name}-{habit}-{day}"), columns);
        }
    }
    out.push_str("\n]}\n");
    out
}
