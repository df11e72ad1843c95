use kairos_core::event::Verb;
use proptest::prelude::*;
use serde_json::json;

use super::loop_written::{Day, HEADS, Written, amounts, boolean, export, zipped};
use super::*;
use crate::{Origin, loop_zip, read};

#[test]
fn the_scores_of_every_kind_of_schedule_come_out() {
    let bytes = export(&[
        boolean("Daily", 1, 1, &"yynysy?".repeat(20)),
        boolean("Three a week", 3, 7, &"yaynyaa".repeat(20)),
        boolean("Weekly", 1, 7, &"?????y?".repeat(20)),
        boolean("Monthly", 1, 30, &format!("{}y", "?".repeat(29)).repeat(12)),
        amounts("Water", 1, ("AT_LEAST", 2.0), &[500, 2000, 3000, 0, 1250].repeat(20)),
        amounts("Kilometres", 7, ("AT_LEAST", 20.0), &[0, 5000, 0, 7500, 0, 0, 12000].repeat(20)),
        amounts("Coffee", 1, ("AT_MOST", 2.0), &[0, 1000, 2000, 4000, 2500].repeat(20)),
    ]);
    let portable = read("Loop Habits CSV.zip", &bytes).unwrap();
    sound(&portable);
    assert_eq!(portable.source, Origin::Loop);
    assert_eq!(remarks(&portable, RemarkKind::ScoresEqual).len(), 7, "{:?}", portable.remarks);
    assert_eq!(portable.remarks.len(), 7, "{:?}", portable.remarks);
    let named = |name: &str| portable.habits.iter().find(|habit| habit.name() == name).unwrap();
    assert_eq!(
        columns(named("Three a week")),
        json!({"color": "#E64A19", "freq_den": 7, "freq_num": 3, "freq_window": "rolling", "question": "Did you, today?"})
    );
    assert_eq!(
        columns(named("Coffee")),
        json!({"color": "#E64A19", "freq_den": 1, "freq_num": 1, "kind": "measurable", "question": "Did you, today?",
               "target_type": "at_most", "target_value": 2.0})
    );
    assert_eq!(
        short(named("Daily"))[..4],
        ["2026-01-01 full", "2026-01-02 full", "2026-01-04 full", "2026-01-05 skip"]
    );
    // An amount of nothing says something where little is aimed at, and nothing where much is.
    assert_eq!(short(named("Coffee"))[0], "2026-01-01 set 0");
    assert_eq!(short(named("Kilometres"))[0], "2026-01-02 set 5");
    assert_eq!(named("Daily").scores.as_ref().unwrap().len(), 140);
    let report = portable.report();
    assert_eq!((report.habits, report.skips), (7, 20));
    assert_eq!((report.first, report.last), (Some(day("2026-01-01")), Some(day("2026-12-26"))));
}

#[test]
fn scores_that_do_not_come_out_are_said_with_the_day() {
    let mut files = boolean("Daily", 1, 1, "yyy").tables(1).to_vec();
    files[1].1 = files[1].1.replace("2026-01-02,0.1011", "2026-01-02,0.1012");
    files.push(("Habits.csv".into(), format!("{HEADS}001,Daily,YES_NO,,,1,1,,,,,false\n")));
    let portable = read("", &zipped(&files)).unwrap();
    let differ = remarks(&portable, RemarkKind::ScoresDiffer);
    assert_eq!(differ, ["Daily: The scores differ from 2026-01-02 on: 0.1012 in the file, 0.1011 from its days."]);
}

/// Loop counts a skip among amounts as 0.003, which a small target shows.
#[test]
fn a_skip_that_loop_counts_is_recognised() {
    let mut habit = amounts("Drops", 7, ("AT_LEAST", 0.01), &[1, 3, 1, 0, 3, 3, 3, 0, 0, 0]);
    let ours = export(std::slice::from_ref(&habit));
    assert_eq!(remarks(&read("", &ours).unwrap(), RemarkKind::ScoresEqual).len(), 1);
    // As Loop writes it: the days are skips, the scores count them.
    let [marks, _] = habit.tables(1);
    let skips = habit.days.clone();
    habit.days = habit.days.iter().map(|day| if *day == Day::Skip { Day::Amount(3) } else { *day }).collect();
    let mut score = 0.0;
    let mut scores = String::new();
    let multiplier = 0.5_f64.powf((1.0_f64 / 7.0).sqrt() / 13.0);
    for (today, written) in skips.iter().enumerate() {
        let window = &habit.days[(today + 1).saturating_sub(7)..=today];
        let sum: i64 = window.iter().map(|day| if let Day::Amount(amount) = day { *amount } else { 0 }).sum();
        if *written != Day::Skip {
            score = score * multiplier + (sum as f64 / 10.0).min(1.0) * (1.0 - multiplier);
        }
        scores = format!("{},{score:.4}\n{scores}", habit.dates().nth(today).unwrap());
    }
    let files = [
        ("Habits.csv".to_owned(), format!("{HEADS}001,Drops,NUMERICAL,,,1,7,,,AT_LEAST,0.01,false\n")),
        marks,
        ("001 Drops/Scores.csv".to_owned(), scores),
    ];
    let equal = remarks(&read("", &zipped(&files)).unwrap(), RemarkKind::ScoresEqual);
    assert!(equal.len() == 1 && equal[0].contains("0.003"), "{equal:?}");
}

#[test]
fn older_exports_have_numbers_and_no_heads() {
    let files = [
        ("Habits.csv".to_owned(), "Name,Description,NumRepetitions,Interval,Color\nRun,Far,2,7,#FF0000\n".to_owned()),
        ("001 Run/Checkmarks.csv".to_owned(), "2018-01-04,0\n2018-01-03,3\n2018-01-02,2\n2018-01-01,1\n".to_owned()),
    ];
    let portable = read("export.zip", &zipped(&files)).unwrap();
    sound(&portable);
    assert_eq!(short(&portable.habits[0]), ["2018-01-02 full", "2018-01-03 skip"]);
    assert_eq!(portable.unknowns, 2);
    assert_eq!(remarks(&portable, RemarkKind::Note), ["Run: The file holds no scores of it to compare with."]);
}

#[test]
fn what_does_not_fit_is_said_with_its_place() {
    let files = [
        (
            "top/Habits.csv".to_owned(),
            format!("{HEADS}001,,YES_NO,,,x,0,,,,,true\n002,{},NUMERICAL,,,1,1,,,AT_LEAST,0,false\n", "ä".repeat(120)),
        ),
        (
            "top/001 a/Checkmarks.csv".to_owned(),
            "Date,Value,Notes\n2026-01-02,YES_MANUAL,\"a, note\"\n2026-01-02,SKIP,\n2026-13-01,SKIP,\n\
             2026-01-03,MAYBE,\n2026-01-04,NO,why\n2500-01-01,SKIP,\n2026-01-05,7,\n"
                .to_owned(),
        ),
        ("top/009 b/Checkmarks.csv".to_owned(), String::new()),
    ];
    let portable = read("", &zipped(&files)).unwrap();
    sound(&portable);
    assert_eq!(short(&portable.habits[0]), ["2026-01-02 full a, note"]);
    let file = "top/001 a/Checkmarks.csv";
    assert_eq!(
        remarks(&portable, RemarkKind::LeftOut),
        [
            format!("{file}, line 3: 2026-01-02 is named again. What was there first stays."),
            format!("{file}, line 4: This is no day from 1970 to 2199. The line was left out."),
            format!("{file}, line 5: Its value is none that Loop writes. The line was left out."),
            format!("{file}, line 6: A note on a day without a deed was left out."),
            format!("{file}, line 7: This is no day from 1970 to 2199. The line was left out."),
            format!("{file}, line 8: Its value is none that Loop writes. The line was left out."),
            format!("{}: Habits.csv, line 3: The zip holds no folder with the days of this habit.", "ä".repeat(100)),
            "The folder top/009 b/ belongs to no habit. It was left out.".to_owned(),
        ]
    );
    let mended = remarks(&portable, RemarkKind::Mended);
    assert!(mended.iter().any(|remark| remark.ends_with("The habit has no name. It got this one.")), "{mended:?}");
    assert!(
        mended.iter().any(|remark| remark.ends_with("name must have at most 100 characters. It was brought to that."))
    );
    assert!(mended.iter().any(|remark| remark.ends_with("freq_den must be from 1 to 366. It was brought to that.")));
    assert!(mended.iter().any(|remark| remark.ends_with("The habit has no target. It got 1.")));
    assert!(read("", &zipped(&[("a.txt".to_owned(), String::new())])).unwrap_err().message.contains("no Habits.csv"));
}

/// What we write for Loop is what we read from it, with scores that come out.
#[test]
fn what_is_written_comes_back() {
    let bytes = export(
        &[
            boolean("Daily", 1, 1, "yynysyn?y"),
            boolean("Weekly, with a comma", 1, 7, "y?????????y??????s?y"),
            boolean("Monthly", 1, 30, "y???????????????????????????????y"),
            amounts("Water", 1, ("AT_LEAST", 2.5), &[500, 2000, 3, 1250]),
            amounts("Coffee", 7, ("AT_MOST", 2.0), &[0, 1000, 3, 4000]),
            amounts("Sweets", 1, ("AT_MOST", 0.0), &[0, 1000, 3, 4000]),
        ]
        .map(|habit| Written { name: if habit.name.contains(',') { "Weekly" } else { habit.name }, ..habit }),
    );
    let mut first = read("", &bytes).unwrap();
    first.habits[1].fields.insert("name".into(), "A \"Ü\", / \\ name".into());
    let note = Some("line\r\none, \"two\"".to_owned());
    first.habits[0].entries[0].note.clone_from(&note);
    assert_eq!(first.habits[5].fields["kind"].as_text(), Some("avoid"));
    assert_eq!(short(&first.habits[5]), ["2026-01-02 lapse 1", "2026-01-03 skip", "2026-01-04 lapse 4"]);
    let until = day("2026-03-01");
    let written = loop_zip(&first.habits, until).unwrap();
    assert_eq!(written, loop_zip(&first.habits, until).unwrap(), "the same habits give the same bytes");
    let second = read("", &written).unwrap();
    sound(&second);
    assert_eq!(remarks(&second, RemarkKind::ScoresEqual).len(), 6, "{:?}", second.remarks);
    assert_eq!(second.remarks.len(), 6, "{:?}", second.remarks);
    for (a, b) in first.habits.iter().zip(&second.habits) {
        assert_eq!((a.name(), columns(a), &a.entries), (b.name(), columns(b), &b.entries));
    }
    assert_eq!(second.habits[1].scores.as_ref().unwrap().last().unwrap().0, until);
    assert_eq!(loop_zip(&second.habits, until).unwrap(), {
        let mut same = first.habits.clone();
        same.iter_mut().zip(&second.habits).for_each(|(a, b)| a.scores.clone_from(&b.scores));
        loop_zip(&same, until).unwrap()
    });
}

#[test]
fn the_tables_of_all_habits_end_with_a_comma() {
    let portable = read("", &export(&[boolean("Daily", 1, 1, "yn"), boolean("Weekly", 1, 7, "y?")])).unwrap();
    let bytes = loop_zip(&portable.habits, day("2026-01-02")).unwrap();
    let mut zip = crate::zipped::Zipped::open(&bytes).unwrap();
    let mut text = |name| String::from_utf8(zip.unpack(name).unwrap().unwrap()).unwrap();
    assert_eq!(
        text("Checkmarks.csv"),
        "Date,Daily,Weekly,\n2026-01-02,UNKNOWN,YES_AUTO,\n2026-01-01,YES_MANUAL,YES_MANUAL,\n"
    );
    assert_eq!(text("Scores.csv"), "Date,Daily,Weekly,\n2026-01-02,0.0492,0.0198,\n2026-01-01,0.0519,0.0100,\n");
    assert_eq!(text("001 Daily/Scores.csv"), "Date,Score\n2026-01-02,0.0492\n2026-01-01,0.0519\n");
}

/// A weekday schedule becomes as many times a week; a part of it counts.
#[test]
fn our_own_kinds_are_written_as_loop_can_have_them() {
    let habit = |fields: &[(&str, kairos_core::value::Value)], verb, value| PortableHabit {
        reference: "r".into(),
        fields: fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        entries: vec![PortableEntry { value, ..PortableEntry::new(day("2026-01-01"), verb) }],
        scores: None,
    };
    let habits = [
        habit(&[("name", "W".into()), ("frequency", "WEEKDAYS".into())], Verb::Partial, Some(50.0)),
        habit(
            &[("name", "C".into()), ("frequency", "CUSTOM".into()), ("active_days", "[1,4]".into())],
            Verb::Lapse,
            None,
        ),
        habit(
            &[("name", "M".into()), ("kind", "measurable".into()), ("target_value", 8.0.into())],
            Verb::Partial,
            Some(25.0),
        ),
    ];
    let back = read("", &loop_zip(&habits, day("2026-01-01")).unwrap()).unwrap();
    assert_eq!(columns(&back.habits[0]), json!({"freq_num": 5, "freq_den": 7, "freq_window": "rolling"}));
    assert_eq!(short(&back.habits[0]), ["2026-01-01 full"]);
    assert_eq!(columns(&back.habits[1]), json!({"freq_num": 2, "freq_den": 7, "freq_window": "rolling"}));
    assert_eq!((short(&back.habits[1]).len(), back.unknowns), (0, 1));
    assert_eq!(short(&back.habits[2]), ["2026-01-01 set 2"]);
}

fn days() -> impl Strategy<Value = Vec<Day>> {
    let day = prop_oneof![Just(Day::Yes), Just(Day::No), Just(Day::Auto), Just(Day::Skip), Just(Day::Unknown)];
    prop::collection::vec(day, 1..200)
}

fn amount_days() -> impl Strategy<Value = Vec<Day>> {
    let day = prop_oneof![
        (0..20_000_i64).prop_filter("3 is a skip", |n| *n != 3).prop_map(Day::Amount),
        Just(Day::Skip),
        Just(Day::Unknown)
    ];
    prop::collection::vec(day, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Any history of any schedule: the scores of the description are the scores of the reader.
    #[test]
    fn any_history_has_the_scores_of_the_description(
        days in days(), amounts in amount_days(), num in 1..8_usize, den in 1..40_usize,
        target in 0.5..20.0_f64, at_most in any::<bool>()
    ) {
        // Loop writes scores from the first day it knows something of.
        let from = |mut days: Vec<Day>| {
            let known = days.iter().position(|day| *day != Day::Unknown).unwrap_or(0);
            days.split_off(known)
        };
        let first = day("2024-02-27");
        let kind = if at_most { "AT_MOST" } else { "AT_LEAST" };
        let bytes = export(&[
            Written { name: "A", num: num.min(den), den, target: None, first, days: from(days) },
            Written { name: "B", num: 1, den, target: Some((kind, target)), first, days: from(amounts) },
        ]);
        let portable = read("", &bytes).unwrap();
        sound(&portable);
        prop_assert_eq!(remarks(&portable, RemarkKind::ScoresEqual).len(), 2, "{:?}", portable.remarks);
    }
}
