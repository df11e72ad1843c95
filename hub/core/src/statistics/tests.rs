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
