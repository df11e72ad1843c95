#![allow(clippy::unwrap_used)]
use super::*;
use crate::plan::tests::{MONDAY, marks, plan};
use crate::value::Value;

fn day(n: i64) -> Date {
    stretch(MONDAY, Date::MAX).nth(usize::try_from(n).unwrap()).unwrap()
}

/// Looks at a daily habit when so many days have begun and the last is the present one.
fn look(text: &str, answers: &[Answer]) -> Assessment {
    look_at(&[], text, answers)
}

fn look_at(columns: &[(&'static str, Value)], text: &str, answers: &[Answer]) -> Assessment {
    let text = text.replace(' ', "");
    let today = day(i64::try_from(text.len()).unwrap() - 1);
    assess(&plan(columns, &[]), &marks(&text), answers, today)
}

fn passed(assessment: &Assessment) -> Vec<i64> {
    assessment.passed.iter().map(|date| days_between(MONDAY, *date)).collect()
}

#[test]
fn a_habit_forms_and_is_maintained_by_age() {
    assert_eq!(look(&"x".repeat(14), &[]).phase, Phase::Onboard);
    assert_eq!(look(&"x".repeat(15), &[]).phase, Phase::Forming);
    assert_eq!(look(&"x".repeat(112), &[]).phase, Phase::Forming);
    assert_eq!(look(&"x".repeat(113), &[]).phase, Phase::Maintaining);
}

#[test]
fn days_that_passed_are_noted_and_the_present_one_is_not() {
    assert_eq!(passed(&look("x.x.s..", &[])), [1, 3, 5]);
    assert_eq!(look("x.x.s..", &[]).misses, 1);
}

#[test]
fn three_days_make_an_offer_and_a_deed_answers_it() {
    let fifteen = "x".repeat(15);
    let two = look(&format!("{fifteen}..."), &[]);
    assert_eq!((two.phase, two.sessions.len(), two.misses), (Phase::Forming, 0, 2));
    let three = look(&format!("{fifteen}...."), &[]);
    assert_eq!((three.phase, three.misses), (Phase::Lapsed, 3));
    assert_eq!(
        three.sessions,
        [Session { gap_start: day(15), gap: Gap::Lapse, triggered_on: day(17), gap_end: None, answer: None }]
    );
    let back = look(&format!("{fifteen}...x"), &[]);
    assert_eq!(back.phase, Phase::Forming);
    assert_eq!(back.sessions[0].answer, Some((day(18), Recovery::Resume, AnsweredBy::Deed)));
    assert_eq!(back.sessions[0].gap_end, Some(day(18)));
}

#[test]
fn an_old_habit_that_comes_back_forms_again_before_it_is_maintained() {
    let old = "x".repeat(120);
    assert_eq!(look(&format!("{old}...x"), &[]).phase, Phase::Forming);
    assert_eq!(look(&format!("{old}...x{}", "x".repeat(111)), &[]).phase, Phase::Forming);
    assert_eq!(look(&format!("{old}...x{}", "x".repeat(112)), &[]).phase, Phase::Maintaining);
}

#[test]
fn after_a_long_gap_the_person_says_how_to_go_on() {
    let gap = format!("{}.......", "x".repeat(15));
    let long = look(&format!("{gap}."), &[]);
    assert_eq!((long.phase, long.sessions[0].gap), (Phase::Relapsed, Gap::Relapse));
    assert_eq!(long.sessions.len(), 1, "one offer, which grew");
    let done = look(&format!("{gap}xxx"), &[]);
    assert_eq!((done.phase, done.misses), (Phase::Relapsed, 0));
    assert_eq!((done.sessions[0].answer, done.sessions[0].gap_end), (None, Some(day(22))));
    for action in [Recovery::FreshStart, Recovery::Resume, Recovery::Simplify] {
        let answer = Answer { gap_start: day(15), on: day(23), action };
        let afresh = look(&format!("{gap}x.xx"), &[answer]);
        assert_eq!(afresh.phase, Phase::Forming, "{action:?}");
        assert_eq!(afresh.sessions[0].answer, Some((day(23), action, AnsweredBy::Person)));
    }
    let pause = Answer { gap_start: day(15), on: day(23), action: Recovery::Pause };
    assert_eq!(look(&format!("{gap}...."), &[pause]).phase, Phase::Relapsed);
}

#[test]
fn after_an_answer_the_count_begins_anew() {
    let gap = format!("{}...", "x".repeat(15));
    let answer = Answer { gap_start: day(15), on: day(18), action: Recovery::Resume };
    let two_more = look(&format!("{gap}...."), &[answer]);
    assert_eq!((two_more.sessions.len(), two_more.misses), (1, 2), "the day of the answer is behind");
    let three_more = look(&format!("{gap}....."), &[answer]);
    assert_eq!((three_more.sessions.len(), three_more.misses), (2, 3));
    assert_eq!(three_more.sessions[1].gap_start, day(19));
}

#[test]
fn one_offer_waits_at_a_time_and_a_skip_ends_the_count() {
    let text = format!("{}...s.......", "x".repeat(15));
    let found = look(&text, &[]);
    assert_eq!(found.sessions.len(), 1);
    assert_eq!(found.misses, 6);
    assert_eq!(found.phase, Phase::Lapsed);
}

#[test]
fn a_late_deed_takes_the_offer_back() {
    let before = look(&format!("{}....", "x".repeat(15)), &[]);
    assert_eq!(before.sessions.len(), 1);
    let after = look(&format!("{}.x..", "x".repeat(15)), &[]);
    assert_eq!((after.phase, after.sessions.len()), (Phase::Forming, 0));
    assert_eq!(passed(&after), [15, 17]);
}

#[test]
fn staying_away_lapses_by_word_and_recovers_by_itself() {
    let avoid = [("kind", "avoid".into())];
    let found = look_at(&avoid, &format!("{}lll.", ".".repeat(15)), &[]);
    assert_eq!((found.phase, found.sessions.len()), (Phase::Lapsed, 1));
    assert!(found.passed.is_empty());
    let back = look_at(&avoid, &format!("{}lll..", ".".repeat(15)), &[]);
    assert_eq!((back.phase, back.sessions[0].gap_end), (Phase::Forming, Some(day(18))));
}

#[test]
fn a_year_of_silence_is_noted_up_to_the_horizon_and_stays_one_gap() {
    let mut marks = marks(&"x".repeat(15));
    let first = assess(&plan(&[], &[]), &marks, &[], day(600));
    assert_eq!(first.passed.len(), usize::try_from(HORIZON_DAYS).unwrap());
    assert_eq!(first.sessions.len(), 1);
    // what was noted stays when the horizon moves on
    marks.extend(first.passed.iter().map(|date| (*date, Mark::Passed)));
    let next = assess(&plan(&[], &[]), &marks, &[], day(601));
    assert_eq!(next.sessions, first.sessions);
    assert_eq!(next.misses, first.misses + 1);
}

#[test]
fn imported_years_make_an_old_habit_and_are_never_judged() {
    let habit = plan(&[("start_date", "2027-06-01".into())], &[]);
    let found = assess(&habit, &marks("x...x"), &[], jiff::civil::date(2027, 6, 1));
    assert_eq!((found.phase, found.passed.len()), (Phase::Maintaining, 0));
}

proptest::proptest! {
    /// The engine's own notes never change what it finds: it may run at any time.
    #[test]
    fn running_again_changes_nothing(text in "[x.sl]{1,80}", quota in 1_i64..8, weekly: bool) {
        let columns: Vec<(&'static str, Value)> =
            if weekly { vec![("freq_num", quota.into()), ("freq_den", 7.into())] } else { Vec::new() };
        let plan = plan(&columns, &[]);
        let today = day(i64::try_from(text.len()).unwrap());
        let mut marks = marks(&text);
        let once = assess(&plan, &marks, &[], today);
        marks.extend(once.passed.iter().map(|date| (*date, Mark::Passed)));
        proptest::prop_assert_eq!(assess(&plan, &marks, &[], today), once);
    }

    /// Running every day and running once at the end find the same.
    #[test]
    fn running_daily_and_running_once_agree(text in "[x.s]{1,60}") {
        let plan = plan(&[], &[]);
        let all = marks(&text);
        let mut noted = Marks::new();
        let end = i64::try_from(text.len()).unwrap();
        let mut last = None;
        for n in 0..=end {
            let today = day(n);
            let mut known: Marks = all.range(..=today).map(|(date, mark)| (*date, *mark)).collect();
            for (date, mark) in &noted { known.entry(*date).or_insert(*mark); }
            let found = assess(&plan, &known, &[], today);
            noted = found.passed.iter().map(|date| (*date, Mark::Passed)).collect();
            last = Some(found);
        }
        proptest::prop_assert_eq!(last.unwrap(), assess(&plan, &all, &[], day(end)));
    }
}

#[test]
fn a_rolling_quota_offers_help_as_often_as_one_by_the_calendar() {
    for (week, offers) in [("x......", 0), ("...x...", 0), ("x..x...", 0), (".......", 1)] {
        for window in ["calendar", "rolling"] {
            let columns = [("freq_num", 2.into()), ("freq_den", 7.into()), ("freq_window", window.into())];
            let found = look_at(&columns, &week.repeat(12), &[]);
            assert_eq!(found.sessions.len(), offers, "{window} {week}");
        }
    }
}

#[test]
fn days_over_a_limit_count_once_they_are_over_and_only_where_they_were_asked_for() {
    let limit = [("kind", "measurable".into()), ("target_type", "at_most".into()), ("target_value", 5.0.into())];
    assert_eq!(look_at(&limit, "..ll..", &[]).misses, 0);
    assert_eq!(look_at(&limit, "..lll", &[]).misses, 2, "the present day is not over");
    let offered = look_at(&limit, "..lll.", &[]);
    assert_eq!((offered.misses, offered.sessions.len()), (3, 1));
    assert_eq!(look_at(&limit, "..lll..", &[]).sessions[0].gap_end, Some(day(5)));
    let imported = [&limit[..], &[("start_date", "2026-11-30".into())]].concat();
    assert!(look_at(&imported, "lllllll", &[]).sessions.is_empty(), "before its first day nothing was asked for");
}

#[test]
fn an_answer_counts_also_where_late_data_moves_the_first_day() {
    let forming = "x".repeat(20);
    let answer = |start: i64| Answer { gap_start: day(start), on: day(30), action: Recovery::FreshStart };
    let before = look(&format!("{forming}............"), &[answer(20)]);
    assert_eq!((before.phase, before.sessions.len()), (Phase::Forming, 1));
    // A late deed on the first day, a late skip, one in the middle.
    for late in ["x...........", "s...........", "...x........"] {
        let after = look(&format!("{forming}{late}"), &[answer(20)]);
        assert_eq!(after.phase, Phase::Forming, "{late}");
        assert!(after.sessions.iter().all(|session| session.answer.is_some()), "{late}: {after:?}");
        assert_eq!(after.misses, 0, "{late}: days are counted anew since the answer");
    }
}

#[test]
fn what_a_day_was_judged_by_stays_with_it() {
    use crate::plan::tests::{person, row};
    use crate::schema::{HABIT_SCHEDULES, HABITS};
    let days = |lapse: i64, relapse: i64| {
        vec![("lapse_threshold_days", Value::from(lapse)), ("relapse_threshold_days", relapse.into())]
    };
    let dated = |from: Date, mut columns: Vec<(&'static str, Value)>| {
        columns.extend([("habit_id", "h".into()), ("valid_from", from.to_string().into())]);
        row(&HABIT_SCHEDULES, &from.to_string(), &columns)
    };
    // Help after three days at first, after five since the 20th day.
    let schedules = [dated(MONDAY, days(3, 7)), dated(day(20), days(5, 9))];
    let plan = Plan::of(&row(&HABITS, "h", &days(5, 9)), &schedules, &[], &person());
    let text = format!("{}...x{}....x", "x".repeat(15), "x".repeat(5));
    let found = assess(&plan, &marks(&text), &[], day(28));
    let starts: Vec<Date> = found.sessions.iter().map(|session| session.gap_start).collect();
    assert_eq!(starts, [day(15)], "the first gap still has its offer, the second had none");

    // One of staying away since the 20th day; before, days without a deed passed.
    let kinds = [dated(MONDAY, vec![("kind", "boolean".into())]), dated(day(20), vec![("kind", "avoid".into())])];
    let plan = Plan::of(&row(&HABITS, "h", &[("kind", "avoid".into())]), &kinds, &[], &person());
    let found = assess(&plan, &marks(&"x".repeat(18)), &[], day(30));
    assert_eq!(passed(&found), [18, 19]);
    assert_eq!(crate::statistics::rate(&plan, &marks(&"x".repeat(18)), MONDAY, day(29), day(30)).asked, 30);
    // A row of an older version says nothing of it: as the habit itself.
    let old = [dated(MONDAY, vec![("freq_num", 1.into())])];
    let plan = Plan::of(&row(&HABITS, "h", &[("kind", "avoid".into())]), &old, &[], &person());
    assert!(plan.kept_by_nothing(day(3)));
}

#[test]
fn a_week_in_which_a_habit_becomes_another_kind_asks_for_each_part_once() {
    use crate::plan::tests::{person, row};
    use crate::schema::{HABIT_SCHEDULES, HABITS};
    let five = |kind: &'static str| vec![("kind", Value::from(kind)), ("freq_num", 5.into()), ("freq_den", 7.into())];
    let dated = |from: Date, mut columns: Vec<(&'static str, Value)>| {
        columns.extend([("habit_id", "h".into()), ("valid_from", from.to_string().into())]);
        row(&HABIT_SCHEDULES, &from.to_string(), &columns)
    };
    // Stayed away from until Friday, then something to do: five kept days, and of five in seven one for the weekend.
    let schedules = [dated(MONDAY, five("avoid")), dated(day(5), five("boolean"))];
    let plan = Plan::of(&row(&HABITS, "h", &five("boolean")), &schedules, &[], &person());
    let week = crate::statistics::rate(&plan, &marks(""), MONDAY, day(6), day(7));
    assert_eq!((week.done, week.asked), (5, 6));
}
