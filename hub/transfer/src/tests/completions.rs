use proptest::prelude::*;

use super::*;
use crate::completions::{CompletionRow, completions_csv, read_completions_csv};

fn row() -> CompletionRow {
    CompletionRow {
        habit: "Water".into(),
        date: day("2026-11-24"),
        kind: "FULL".into(),
        percent: None,
        amount: Some(2.5),
        unit: "l".into(),
        note: "with, comma".into(),
        source: "app".into(),
        completed_at: Some(1_795_507_200_123),
        at_most: None,
    }
}

#[test]
fn the_table_looks_as_described() {
    let partial = CompletionRow {
        kind: "PARTIAL".into(),
        percent: Some(40),
        amount: None,
        unit: String::new(),
        note: "two\nlines \"quoted\"".into(),
        completed_at: None,
        ..row()
    };
    let bytes = completions_csv(&[row(), partial.clone()]).unwrap();
    assert_eq!(
        String::from_utf8(bytes.clone()).unwrap(),
        "habit,date,type,percent,amount,unit,note,source,completed_at,at_most\n\
         Water,2026-11-24,FULL,,2.5,l,\"with, comma\",app,2026-11-24T08:00:00.123Z,\n\
         Water,2026-11-24,PARTIAL,40,,,\"two\nlines \"\"quoted\"\"\",app,,\n"
    );
    assert_eq!(read_completions_csv(&bytes).unwrap(), [row(), partial]);
    assert_eq!(read_completions_csv(&completions_csv(&[]).unwrap()).unwrap(), []);
}

#[test]
fn a_line_that_does_not_fit_is_refused_with_its_place() {
    let heads = "habit,date,type,percent,amount,unit,note,source,completed_at";
    for (text, says) in [
        (String::new(), "The table is empty."),
        ("habit,date\n".into(), "line 1: The heads of the columns must be habit,date,type"),
        (format!("{heads}\na,b\n"), "line 2: The line has 2 cells instead of 9."),
        (format!("{heads}\na,2026-11-31,FULL,,,,,app,\n"), "line 2: `date` must be a date"),
        (format!("{heads}\na,2026-11-24,DONE,,,,,app,\n"), "line 2: `type` must be FULL, PARTIAL"),
        (format!("{heads}\na,2026-11-24,,,,,,app,\n"), "line 2: `type` must be FULL, PARTIAL"),
        (format!("{heads}\na,2026-11-24,FULL,100,,,,app,\n"), "line 2: `percent` must be from 1 to 99."),
        (format!("{heads}\na,2026-11-24,FULL,,NaN,,,app,\n"), "line 2: `amount` must be a number."),
        (format!("{heads}\na,2026-11-24,FULL,,1e999,,,app,\n"), "line 2: `amount` must be a number."),
        (
            format!("{heads}\na,2026-11-24,FULL,,,,\"x\ny\",app,\na,2026-11-24,FULL,,,,,app,noon\n"),
            "line 4: `completed_at`",
        ),
    ] {
        let fault = read_completions_csv(text.as_bytes()).unwrap_err().to_string();
        assert!(fault.starts_with(says), "{fault}");
    }
    let bad = [
        CompletionRow { kind: "DONE".into(), ..row() },
        CompletionRow { percent: Some(100), ..row() },
        CompletionRow { amount: Some(f64::INFINITY), ..row() },
        CompletionRow { completed_at: Some(i64::MAX), ..row() },
        CompletionRow { date: Date::MIN, ..row() },
    ];
    for row in bad {
        assert!(completions_csv(std::slice::from_ref(&row)).is_err(), "{row:?}");
    }
}

fn any_row() -> impl Strategy<Value = CompletionRow> {
    let text = prop_oneof![any::<String>(), "[ ,\"\r\n\\\\=+-]{0,12}"];
    let kind = prop_oneof![Just("FULL"), Just("PARTIAL"), Just("SKIPPED"), Just("MISSED"), Just("")];
    let amount = prop::option::of(any::<f64>().prop_filter("finite", |amount| amount.is_finite()));
    let most = prop::option::of(0.001..1e9);
    let time = prop::option::of(-377_705_023_201_000..253_402_207_200_000_i64);
    let date = (0..3_000_000_i64)
        .prop_map(|days| Date::constant(0, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap_or(Date::MAX));
    ((text.clone(), date), kind, prop::option::of(1..=99_i64), amount, text.clone(), text.clone(), text, time, most)
        .prop_map(|((habit, date), kind, percent, amount, unit, note, source, completed_at, at_most)| CompletionRow {
            habit,
            date,
            kind: if kind.is_empty() && note.is_empty() { "FULL" } else { kind }.into(),
            percent,
            amount,
            unit,
            note,
            source,
            completed_at,
            at_most,
        })
}

proptest! {
    #[test]
    fn any_row_comes_back_and_is_written_the_same(rows in prop::collection::vec(any_row(), 0..20)) {
        let bytes = completions_csv(&rows).unwrap();
        let back = read_completions_csv(&bytes).unwrap();
        prop_assert_eq!(&back, &rows);
        prop_assert_eq!(completions_csv(&back).unwrap(), bytes);
    }

    #[test]
    fn anything_else_is_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut all = completions_csv(&[row()]).unwrap();
        all.extend(&bytes);
        let _ = read_completions_csv(&all);
        let _ = read_completions_csv(&bytes);
    }
}

#[test]
fn a_table_of_more_days_than_are_read_is_refused_with_the_bound() {
    let table = |lines: usize| {
        let mut table = format!("{}\n", crate::completions::HEADS.join(","));
        table.push_str(&"Read,2026-01-02,FULL,,,,,import,,\n".repeat(lines));
        table
    };
    let most = crate::limits::ENTRIES;
    assert!(crate::completions::each_completion(table(most).as_bytes(), |_| Ok(())).is_ok());
    let fault = crate::completions::each_completion(table(most + 1).as_bytes(), |_| Ok(())).unwrap_err();
    assert!(fault.to_string().contains("at most 250000"), "{fault}");
    let habitbull = format!(
        "HabitName,HabitDescription,HabitCategory,CalendarDate,Value,CommentText\n{}",
        "Read,,,2026-01-02,0,\n".repeat(most + 1)
    );
    let fault = crate::read("habitbull.csv", habitbull.as_bytes()).unwrap_err();
    assert!(fault.to_string().contains("at most 250000"), "{fault}");
}

#[test]
fn the_limit_of_a_habit_of_which_less_is_better_comes_along_and_tables_from_before_are_read() {
    let limited = CompletionRow { amount: Some(0.0), at_most: Some(2.5), ..row() };
    let bytes = completions_csv(std::slice::from_ref(&limited)).unwrap();
    assert_eq!(read_completions_csv(&bytes).unwrap(), [limited]);
    let old = "habit,date,type,percent,amount,unit,note,source,completed_at\na,2026-11-24,FULL,,,,,app,\n";
    assert_eq!(read_completions_csv(old.as_bytes()).unwrap()[0].at_most, None);
    let heads = crate::completions::HEADS.join(",");
    let fault = read_completions_csv(format!("{heads}\na,2026-11-24,FULL,,1,,,app,,-1\n").as_bytes()).unwrap_err();
    assert!(fault.to_string().contains("at_most"), "{fault}");
}

#[test]
fn a_line_of_many_megabytes_is_refused_with_the_bound() {
    let heads = "habit,date,type,percent,amount,unit,note,source,completed_at";
    let long = "n".repeat(3 << 20);
    let folded = "n\n".repeat(2 << 20);
    for text in [
        format!("{heads}\n{long},2026-11-24,FULL,,,,,app,\n"),
        format!("{heads}\n\"{folded}\",2026-11-24,FULL,,,,,app,\n"),
    ] {
        let fault = read_completions_csv(text.as_bytes()).unwrap_err().to_string();
        assert!(fault.contains("more than 1048576 bytes"), "{fault}");
    }
}
