use jiff::civil::date;

use super::*;
use crate::plan::tests::{MONDAY, marks, plan};

const TODAY: Date = date(2026, 11, 16);

#[test]
fn a_rate_leaves_out_skips_breaks_and_an_open_present_day() {
    let daily = plan(&[], &[("2026-11-07", Some("2026-11-08"))]);
    let two_weeks = |text: &str| rate(&daily, &marks(text), MONDAY, TODAY, TODAY);
    assert_eq!(two_weeks("xxx.s.. xxxxxxx ."), Rate { done: 10, asked: 11 });
    assert_eq!(two_weeks("xxx.s.. xxxxxxx x"), Rate { done: 11, asked: 12 });
    assert_eq!(two_weeks("").share(), Some(0.0));
    assert_eq!(Rate::default().share(), None);
}

#[test]
fn a_quota_counts_by_its_periods_and_more_is_not_better() {
    let weekly = plan(&[("freq_num", 3.into()), ("freq_den", 7.into())], &[]);
    let found = rate(&weekly, &marks("xxxxx.. x...... x"), MONDAY, TODAY, TODAY);
    // three of three, one of three, and one in an open week
    assert_eq!(found, Rate { done: 5, asked: 7 });
}

#[test]
fn leaving_days_of_a_quota_out_is_free() {
    let weekly = plan(&[("freq_num", 3.into()), ("freq_den", 7.into())], &[]);
    let told = |text: &str| {
        let marks = marks(text);
        (rate(&weekly, &marks, MONDAY, TODAY, TODAY), streak(&weekly, &marks, TODAY).current)
    };
    // A week that was left out whole asks for nothing, and ends nothing.
    assert_eq!(told("xxx.... sssssss ."), (Rate { done: 3, asked: 3 }, 1));
    // Two of three, and the day that was left for the third was left out.
    assert_eq!(told("xxx.... xx....s ."), (Rate { done: 5, asked: 5 }, 2));
    // A day left out while others were left says nothing.
    assert_eq!(told("xxx.... xxs.... ."), (Rate { done: 5, asked: 6 }, 0));
    // Of the three days that were needed two passed.
    assert_eq!(told("xxx.... ....s.. ."), (Rate { done: 3, asked: 5 }, 0));
}

fn twice_a_week(window: &'static str) -> Plan {
    plan(&[("freq_num", 2.into()), ("freq_den", 7.into()), ("freq_window", window.into())], &[])
}

/// Twelve weeks that all look the same, and how they went.
fn twelve(window: &'static str, week: &str) -> (Rate, Streak) {
    let (plan, days) = (twice_a_week(window), marks(&week.repeat(12)));
    let today = stretch(MONDAY, Date::MAX).nth(84).unwrap_or(MONDAY);
    (rate(&plan, &days, MONDAY, today, today), streak(&plan, &days, today))
}

#[test]
fn a_rolling_quota_tells_of_a_steady_life_what_one_by_the_calendar_tells() {
    for (week, done, kept) in [
        ("x......", 12, 0),
        ("...x...", 12, 0),
        ("......x", 12, 0),
        ("x..x...", 24, 12),
        (".x...x.", 24, 12),
        ("xxxxxxx", 24, 12),
        (".......", 0, 0),
    ] {
        let run = Streak { current: kept, best: kept };
        assert_eq!(twelve("calendar", week), (Rate { done, asked: 24 }, run), "{week}");
        let (rate, rolling) = twelve("rolling", week);
        // What the last days ask for may be done after them.
        assert!(rate.done == done && (23..=24).contains(&rate.asked), "{week}: {rate:?}");
        assert_eq!(rolling, run, "{week}");
    }
}

#[test]
fn more_than_a_rolling_quota_in_one_week_does_not_make_up_for_the_next() {
    let today = date(2026, 11, 30);
    for window in ["calendar", "rolling"] {
        let found = rate(&twice_a_week(window), &marks("xxxxx.. ....... xxxxx.. ......."), MONDAY, today, today);
        assert_eq!(found, Rate { done: 4, asked: 8 }, "{window}");
    }
}

proptest::proptest! {
    /// Whatever was done, a rolling quota asks for no more than its own in any stretch as long as its period.
    #[test]
    fn a_rolling_quota_asks_for_no_more_than_it_says(text in "[xs. ]{10,80}", times in 1_i64..5, more in 1_i64..10) {
        let days = times + more;
        let columns = [("freq_num", times.into()), ("freq_den", days.into()), ("freq_window", "rolling".into())];
        let (plan, marks) = (plan(&columns, &[]), marks(&text));
        let today = date(2027, 2, 1);
        for from in stretch(MONDAY, date(2027, 1, 10)) {
            let to = from.checked_add(jiff::Span::new().days(days - 1)).unwrap_or(from);
            let found = rate(&plan, &marks, from, to, today);
            proptest::prop_assert!(found.asked <= times, "{:?} from {}", found, from);
        }
    }
}

#[test]
fn a_day_over_a_limit_was_asked_for_and_not_kept_and_a_day_without_a_word_was_kept() {
    let columns = [("kind", "measurable".into()), ("target_type", "at_most".into()), ("target_value", 5.0.into())];
    let limit = plan(&columns, &[]);
    let over = marks(&"l".repeat(14));
    assert_eq!(rate(&limit, &over, MONDAY, TODAY, TODAY), Rate { done: 0, asked: 14 });
    assert_eq!(streak(&limit, &over, TODAY), Streak::default());
    let some = marks("xl..l.. xx....l");
    assert_eq!(rate(&limit, &some, MONDAY, TODAY, TODAY), Rate { done: 11, asked: 14 });
    assert_eq!(streak(&limit, &some, TODAY), Streak { current: 0, best: 8 });
    assert_eq!(comeback(&limit, &some, 7, TODAY).comebacks, 2);
    // A quota means nothing here: a day is judged by itself.
    let weekly = plan(&[&columns[..], &[("freq_num", 1.into()), ("freq_den", 7.into())]].concat(), &[]);
    assert_eq!(rate(&weekly, &some, MONDAY, TODAY, TODAY), Rate { done: 11, asked: 14 });
}

#[test]
fn a_comeback_is_measured_from_the_first_day_without() {
    let daily = plan(&[], &[]);
    let found = comeback(&daily, &marks("x.x..x....x"), 2, TODAY);
    assert_eq!((found.comebacks, found.median_days, found.within_threshold), (3, Some(2.0), Some(2.0 / 3.0)));
    assert_eq!(comeback(&daily, &marks("xxx"), 7, date(2026, 11, 4)), Comeback::default());
}

#[test]
fn a_run_is_neither_ended_nor_lengthened_by_skips_breaks_and_the_present_day() {
    let daily = plan(&[], &[("2026-11-07", Some("2026-11-08"))]);
    assert_eq!(streak(&daily, &marks("xx.xs.. xxxx"), date(2026, 11, 13)), Streak { current: 5, best: 5 });
    assert_eq!(streak(&daily, &marks("xx.xs.. xxxx"), date(2026, 11, 14)), Streak { current: 0, best: 5 });
    let weekly = plan(&[("freq_num", 2.into()), ("freq_den", 7.into())], &[]);
    assert_eq!(streak(&weekly, &marks("xx..... x.x.... x"), TODAY), Streak { current: 2, best: 2 });
    assert_eq!(streak(&weekly, &marks("xx..... x...... x"), TODAY), Streak { current: 0, best: 1 });
}

#[test]
fn the_score_is_loops_own() {
    let daily = plan(&[], &[]);
    let score = |text: &str, days: i64| {
        let today = stretch(MONDAY, Date::MAX).nth(usize::try_from(days - 1).unwrap_or(0)).unwrap_or(MONDAY);
        loop_score(&daily, &marks(text), &BTreeMap::new(), today).map(|score| (score * 1e4).round() / 1e4)
    };
    assert_eq!(score("x", 1), Some(0.0519));
    assert_eq!(score(&"x".repeat(13), 13), Some(0.5));
    assert_eq!(score("xxxxxxxxxxsssss", 15), Some(0.4133));
    assert_eq!(score("", 5), None);
    let water = plan(&[("kind", "measurable".into()), ("target_value", 2.0.into())], &[]);
    let halves: BTreeMap<Date, f64> = [(MONDAY, 1.0)].into();
    let score = loop_score(&water, &marks("x"), &halves, MONDAY);
    assert_eq!(score.map(|score| (score * 1e4).round() / 1e4), Some(0.026));
}
