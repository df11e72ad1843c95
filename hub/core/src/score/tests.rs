#![allow(clippy::unwrap_used, clippy::expect_used)]
use std::collections::BTreeMap;

use jiff::civil::date;
use proptest::prelude::*;

use super::Entry::{Amount, Auto, No, Skip, Unknown, Yes};
use super::*;

/// Days as letters: y, n, s, a and ? for unknown.
fn days(text: &str) -> Vec<Entry> {
    text.chars()
        .map(|c| match c {
            'y' => Yes,
            'n' => No,
            's' => Skip,
            'a' => Auto,
            _ => Unknown,
        })
        .collect()
}

fn letters(entries: &[Entry]) -> String {
    entries
        .iter()
        .map(|entry| match entry {
            Yes => 'y',
            No => 'n',
            Skip => 's',
            Auto => 'a',
            _ => '?',
        })
        .collect()
}

fn amounts(list: &[f64]) -> Vec<Entry> {
    list.iter().map(|amount| Amount(*amount)).collect()
}

#[test]
fn the_golden_figures_come_out() {
    let golden: BTreeMap<String, Vec<f64>> = serde_json::from_str(include_str!("vectors.json")).unwrap();
    let cases = [
        ("daily_30_yes", days(&"y".repeat(30)), Frequency::DAILY, Measure::Boolean),
        ("daily_10Y_5S_3N_5Y", days("yyyyyyyyyysssssnnnyyyyy"), Frequency::DAILY, Measure::Boolean),
        ("3_per_7_MWF_8w", days(&"ynynynn".repeat(8)), Frequency::new(3, 7), Measure::Boolean),
        ("1_per_7_sundays_12w", days(&"nnnnnny".repeat(12)), Frequency::new(1, 7), Measure::Boolean),
        ("num_daily_at_least_2000_half", amounts(&[1000.0; 14]), Frequency::DAILY, Measure::AtLeast(2000.0)),
        (
            "num_daily_at_most_2_over",
            amounts(&[1.0, 2.0, 3.0, 4.0, 5.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 0.0, 0.0]),
            Frequency::DAILY,
            Measure::AtMost(2.0),
        ),
    ];
    assert_eq!(cases.len(), golden.len());
    for (name, entries, frequency, measure) in cases {
        let ours = scores(&entries, frequency, measure);
        let theirs = &golden[name];
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (day, (a, b)) in ours.iter().zip(theirs).enumerate() {
            assert!((a - b).abs() <= 0.000_050_001, "{name}, day {day}: {a} is not {b}");
        }
    }
}

#[test]
fn half_of_the_way_takes_as_long_as_described() {
    for (num, den, half) in [(1, 1, 13), (3, 7, 20), (1, 7, 35), (1, 30, 72)] {
        let frequency = Frequency::new(num, den);
        // Every day done: the value is 1 as soon as the period holds enough.
        let found = scores(&days(&"y".repeat(200)), frequency, Measure::AtMost(1.0));
        assert!(found.iter().all(|score| (*score - 1.0).abs() < 1e-12));
        let kept = frequency.multiplier().powi(half);
        let before = frequency.multiplier().powi(half - 1);
        assert!(kept <= 0.500_001 && before > 0.5, "{num}/{den}: {before} {kept}");
    }
}

#[test]
fn a_skipped_day_adds_nothing_and_changes_nothing() {
    let with = [Amount(1.0), Skip, Amount(1.0)];
    let found = scores(&with, Frequency::new(1, 7), Measure::AtLeast(10.0));
    assert!((found[0] - found[1]).abs() < f64::EPSILON);
    let as_loop = scores_as_loop(&with, Frequency::new(1, 7), Measure::AtLeast(10.0));
    assert!(as_loop[2] > found[2], "Loop counts it as 0.003");
    assert_eq!(scores_as_loop(&days("ysyn"), Frequency::DAILY, Measure::Boolean), {
        scores(&days("ysyn"), Frequency::DAILY, Measure::Boolean)
    });
}

#[test]
fn a_target_of_nothing_is_met_by_anything_and_passed_by_anything() {
    for none in [0.0, -3.0, f64::NAN] {
        assert!(scores(&amounts(&[0.0]), Frequency::DAILY, Measure::AtLeast(none))[0] > 0.05);
        assert!((scores(&amounts(&[0.0]), Frequency::DAILY, Measure::AtMost(none))[0] - 1.0).abs() < 1e-12);
        assert!(scores(&amounts(&[0.1]), Frequency::DAILY, Measure::AtMost(none))[0] < 1.0);
    }
}

#[test]
fn periods_with_enough_deeds_are_filled() {
    let filled = |text: &str, first, num, den| letters(&fill(&days(text), first, Frequency::new(num, den)));
    let monday = date(2026, 11, 23);
    // Daily habits are never filled.
    assert_eq!(filled("y?y", monday, 1, 1), "y?y");
    assert_eq!(filled("y?y", monday, 7, 7), "y?y");
    // A week from its deed on; what a person said stays.
    assert_eq!(filled("??y?ns?????", monday, 1, 7), "??yansaaa??");
    // Three in a week, from the first of them.
    assert_eq!(filled("y?y?y??????", monday, 3, 7), "yayayaa????");
    assert_eq!(filled("y?y?????y??", monday, 3, 7), "y?y?????y??");
    // The second week is moved back over a gap it can close, and not over a wider one.
    assert_eq!(filled("y????????y???????", monday, 1, 7), "yaaaaaaaayaaaa???");
    assert_eq!(filled("y??????????????y", monday, 1, 7), "yaaaaaa????????y");
    // A month is as long as the month in which it begins.
    let in_month = |first| filled(&format!("y{}", "?".repeat(40)), first, 1, 30).matches('a').count() + 1;
    assert_eq!(in_month(date(2027, 2, 1)), 28);
    assert_eq!(in_month(date(2026, 12, 1)), 31);
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        Just(Unknown),
        Just(No),
        Just(Auto),
        Just(Yes),
        Just(Skip),
        (0.0..50.0_f64).prop_map(Amount),
        any::<f64>().prop_map(Amount),
    ]
}

fn measure() -> impl Strategy<Value = Measure> {
    prop_oneof![
        Just(Measure::Boolean),
        (0.1..50.0_f64).prop_map(Measure::AtLeast),
        (0.1..50.0_f64).prop_map(Measure::AtMost),
        any::<f64>().prop_map(Measure::AtLeast),
        any::<f64>().prop_map(Measure::AtMost),
    ]
}

proptest! {
    #[test]
    fn a_score_is_between_nothing_and_all(
        entries in prop::collection::vec(entry(), 0..200), num in any::<u16>(), den in any::<u16>(), measure in measure()
    ) {
        let found = scores(&entries, Frequency::new(num, den), measure);
        prop_assert_eq!(found.len(), entries.len());
        prop_assert!(found.iter().all(|score| (0.0..=1.0).contains(score)), "{:?}", found);
    }

    /// One deed more never lowers a score, on any day.
    #[test]
    fn a_deed_more_never_lowers_it(
        entries in prop::collection::vec(prop_oneof![Just(No), Just(Yes), Just(Unknown)], 1..120),
        at in any::<prop::sample::Index>(), num in 1..8_u16, den in 1..40_u16
    ) {
        let frequency = Frequency::new(num, den);
        let before = scores(&entries, frequency, Measure::Boolean);
        let mut more = entries.clone();
        more[at.index(entries.len())] = Yes;
        let after = scores(&more, frequency, Measure::Boolean);
        prop_assert!(before.iter().zip(&after).all(|(a, b)| *b >= *a - 1e-12));
    }

    /// Sums are exact: what has left the period leaves nothing behind.
    #[test]
    fn a_large_amount_leaves_no_trace_in_later_periods(
        large in 1.0..1e300_f64, tail in prop::collection::vec(0.0..3.0_f64, 20)
    ) {
        let frequency = Frequency::new(1, 7);
        let found = |head: f64| {
            let mut all = vec![Amount(head)];
            all.extend(tail.iter().map(|amount| Amount(*amount)));
            let run = scores(&all, frequency, Measure::AtLeast(5.0));
            // The value of the last day, from the last two scores.
            let m = frequency.multiplier();
            (run[20] - run[19] * m) / (1.0 - m)
        };
        prop_assert!((found(large) - found(0.0)).abs() < 1e-9);
    }

    #[test]
    fn filling_only_touches_unknown_days(
        entries in prop::collection::vec(entry(), 0..120), num in 1..5_u16, den in 1..40_u16
    ) {
        let filled = fill(&entries, date(2026, 1, 31), Frequency::new(num, den));
        prop_assert_eq!(filled.len(), entries.len());
        for (before, after) in entries.iter().zip(&filled) {
            let same = format!("{before:?}") == format!("{after:?}");
            prop_assert!(same || (*before == Unknown && *after == Auto));
        }
    }
}
