//! What is due on a day, as far as a habit's own row tells.

use jiff::civil::{Date, Weekday};

use crate::repair::parse_date;
use crate::row::Row;

/// Reads `active_days`: a JSON array of weekdays, 1 is Monday. Anything else is no day.
#[must_use]
pub fn active_days(json: Option<&str>) -> Vec<i8> {
    let days: Vec<i8> = json.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    if days.iter().all(|day| (1..=7).contains(day)) { days } else { Vec::new() }
}

/// Whether a habit is asked for on a day: active, begun, and due on that weekday.
///
/// Schedules with a history, quotas and pauses come with the engine.
#[must_use]
pub fn due(habit: &Row, date: Date) -> bool {
    let begun = habit.opt_text("start_date").and_then(|start| parse_date(&start)).is_none_or(|start| start <= date);
    let weekday = date.weekday();
    let weekend = matches!(weekday, Weekday::Saturday | Weekday::Sunday);
    let on_this_day = match habit.text("frequency").as_str() {
        "WEEKDAYS" => !weekend,
        "WEEKENDS" => weekend,
        "CUSTOM" => active_days(habit.opt_text("active_days").as_deref()).contains(&weekday.to_monday_one_offset()),
        _ => true,
    };
    habit.deleted_at.is_none() && habit.text("status") == "ACTIVE" && begun && on_this_day
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::civil::date;

    use super::*;
    use crate::hlc::Hlc;
    use crate::ids::UserId;
    use crate::schema::HABITS;
    use crate::scope::Scope;

    fn habit(columns: &[(&str, &str)]) -> Row {
        let ada = UserId::new("ada").unwrap();
        let mut row = Row::new(&HABITS, "h", Scope::Person(ada.clone()), ada, 0);
        for (name, value) in columns {
            row.set(name, *value, &Hlc::from_parts(1, 0, "a"));
        }
        row
    }

    #[test]
    fn a_week_of_each_frequency() {
        // 2026-11-23 is a Monday
        let week =
            |row: &Row| -> String { (23..=29).map(|d| if due(row, date(2026, 11, d)) { 'x' } else { '.' }).collect() };
        assert_eq!(week(&habit(&[])), "xxxxxxx");
        assert_eq!(week(&habit(&[("frequency", "WEEKDAYS")])), "xxxxx..");
        assert_eq!(week(&habit(&[("frequency", "WEEKENDS")])), ".....xx");
        assert_eq!(week(&habit(&[("frequency", "CUSTOM"), ("active_days", "[1,3,7]")])), "x.x...x");
        assert_eq!(week(&habit(&[("frequency", "CUSTOM"), ("active_days", "[9]")])), ".......");
        assert_eq!(week(&habit(&[("start_date", "2026-11-26")])), "...xxxx");
        assert_eq!(week(&habit(&[("status", "PAUSED")])), ".......");
    }
}
