#![allow(clippy::unwrap_used)]
use jiff::civil::date;

use super::*;
use crate::hlc::Hlc;
use crate::ids::UserId;
use crate::schema::{HABIT_SCHEDULES, HABITS, PAUSES, Table};
use crate::scope::Scope;
use crate::value::Value;

/// 2026-11-02 is a Monday.
pub(crate) const MONDAY: Date = date(2026, 11, 2);

pub(crate) fn row(table: &'static Table, id: &str, columns: &[(&'static str, Value)]) -> Row {
    let ada = UserId::new("ada").unwrap();
    let mut row = Row::new(table, id, Scope::Person(ada.clone()), ada, 1_793_577_600_000); // 2026-11-02T00:00Z
    for (name, value) in columns {
        row.set(name, value.clone(), &Hlc::from_parts(1, 0, "a"));
    }
    row
}

pub(crate) fn person() -> Person {
    Person::of(None)
}

pub(crate) fn plan(columns: &[(&'static str, Value)], pauses: &[(&str, Option<&str>)]) -> Plan {
    let pauses: Vec<Row> = pauses
        .iter()
        .map(|(from, to)| row(&PAUSES, from, &[("from_date", (*from).into()), ("to_date", (*to).into())]))
        .collect();
    Plan::of(&row(&HABITS, "h", columns), &[], &pauses, &person())
}

/// `x` done, `s` left out, `l` lapsed, `p` passed, anything else nothing; from the Monday on.
pub(crate) fn marks(text: &str) -> Marks {
    stretch(MONDAY, Date::MAX)
        .zip(text.chars().filter(|c| *c != ' '))
        .filter_map(|(date, c)| {
            let mark = match c {
                'x' => Mark::Done,
                's' => Mark::Skipped,
                'l' => Mark::Lapsed,
                'p' => Mark::Passed,
                _ => return None,
            };
            Some((date, mark))
        })
        .collect()
}

fn shown(days: usize, judge: impl Fn(Date) -> bool) -> String {
    stretch(MONDAY, Date::MAX).take(days).map(|date| if judge(date) { 'D' } else { '.' }).collect()
}

fn quota(times: i64, days: i64) -> Vec<(&'static str, Value)> {
    vec![("freq_num", times.into()), ("freq_den", days.into())]
}

#[test]
fn weekdays_breaks_and_beginnings() {
    let due = |plan: &Plan| shown(14, |date| plan.due(date, &Marks::new()));
    assert_eq!(due(&plan(&[], &[])), "DDDDDDDDDDDDDD");
    assert_eq!(due(&plan(&[("frequency", "WEEKDAYS".into())], &[])), "DDDDD..DDDDD..");
    assert_eq!(due(&plan(&[("frequency", "WEEKENDS".into())], &[])), ".....DD.....DD");
    let custom = [("frequency", "CUSTOM".into()), ("active_days", "[1,3,7]".into())];
    assert_eq!(due(&plan(&custom, &[])), "D.D...DD.D...D");
    assert_eq!(due(&plan(&[("start_date", "2026-11-05".into())], &[])), "...DDDDDDDDDDD");
    assert_eq!(due(&plan(&[], &[("2026-11-04", Some("2026-11-06"))])), "DD...DDDDDDDDD");
    assert_eq!(due(&plan(&[], &[("2026-11-04", None)])), "DD............");
    assert_eq!(due(&plan(&[("status", "PAUSED".into())], &[])), "..............");
}

#[test]
fn a_quota_is_due_until_it_is_met_and_demanded_when_no_day_is_to_spare() {
    for (name, columns, marked, due, demanded) in [
        ("nothing done", quota(3, 7), "....... .......", "DDDDDDDDDDDDDD", "....DDD....DDD"),
        ("met early", quota(3, 7), "xxx.... .......", "DDD....DDDDDDD", "...........DDD"),
        ("one by one", quota(3, 7), "x..x... x.....x", "DDDDDDDDDDDDDD", "......D.....DD"),
        ("weekly", quota(1, 7), ".....x. .......", ".....D.DDDDDDD", ".............D"),
    ] {
        let plan = plan(&columns, &[]);
        let marks = marks(marked);
        assert_eq!(shown(14, |date| plan.due(date, &marks)), due, "{name}: due");
        assert_eq!(shown(14, |date| plan.demanded(date, &marks)), demanded, "{name}: demanded");
    }
}

#[test]
fn a_week_that_is_cut_short_wants_less() {
    // begun on a Friday, three a week: one of the three days
    let begun = plan(&[quota(3, 7), vec![("start_date", "2026-11-06".into())]].concat(), &[]);
    assert_eq!(shown(14, |date| begun.demanded(date, &Marks::new())), "......D....DDD");
    assert_eq!(shown(14, |date| begun.due(date, &Marks::new())), "....DDDDDDDDDD");
    // away from Thursday to Sunday: one of the three days before
    let away = plan(&quota(3, 7), &[("2026-11-05", Some("2026-11-08"))]);
    assert_eq!(shown(14, |date| away.demanded(date, &Marks::new())), "..D........DDD");
}

#[test]
fn the_week_begins_where_the_person_says() {
    let sunday = Person { week_start: 7, ..person() };
    let habit = row(&HABITS, "h", &quota(1, 7));
    let plan = Plan::of(&habit, &[], &[], &sunday);
    assert_eq!(shown(14, |date| plan.demanded(date, &marks(""))), "............D.");
}

#[test]
fn how_far_a_quota_is_met_is_told_with_the_day_itself() {
    let met = |columns: &[(&'static str, Value)], marked: &str, day: usize| {
        let date = stretch(MONDAY, Date::MAX).nth(day).unwrap();
        plan(columns, &[]).met(date, &marks(marked)).map(|met| (met.done, met.of, met.days, met.rolling))
    };
    assert_eq!(met(&quota(3, 7), "x.s", 0), Some((1, 3, 7, false)));
    assert_eq!(met(&quota(3, 7), "x.s..xx x", 6), Some((3, 3, 7, false)), "and nothing of the next week");
    assert_eq!(met(&[], "x", 0), None, "every day has no quota");
    let mut avoid = quota(3, 7);
    avoid.push(("kind", "avoid".into()));
    assert_eq!(met(&avoid, "x", 0), None, "it means nothing to what is kept by doing nothing");
}

#[test]
fn a_rolling_quota_looks_back_and_never_before_a_whole_period() {
    let plan = plan(&[quota(2, 4), vec![("freq_window", "rolling".into())]].concat(), &[]);
    assert_eq!(shown(10, |date| plan.demanded(date, &marks(""))), "...DD..DD.");
    assert_eq!(shown(10, |date| plan.demanded(date, &marks("xx"))), "....DD..DD");
    assert_eq!(shown(10, |date| plan.due(date, &marks("xx"))), "DD..DDDDDD");
}

#[test]
fn a_break_as_long_as_the_period_begins_a_rolling_quota_anew() {
    let columns = [quota(2, 4), vec![("freq_window", "rolling".into())]].concat();
    let week = plan(&columns, &[("2026-11-06", Some("2026-11-09"))]);
    assert_eq!(shown(14, |date| week.demanded(date, &marks("xx.x"))), "...........DD.");
    let short = plan(&columns, &[("2026-11-06", Some("2026-11-08"))]);
    assert_eq!(shown(9, |date| short.demanded(date, &marks("xx.x"))), ".......DD");
}

#[test]
fn a_rolling_quota_of_long_ago_asks_on_the_same_days_whenever_one_looks() {
    let old = [quota(2, 7), vec![("freq_window", "rolling".into()), ("start_date", "1990-01-01".into())]].concat();
    let (plan, nothing) = (plan(&old, &[]), Marks::new());
    let seen = |today: Date| {
        let asks = plan.asks(&nothing, today);
        stretch(back(MONDAY, 100), back(MONDAY, 50)).filter(|date| asks.demanded(*date)).collect::<Vec<_>>()
    };
    let first = seen(MONDAY);
    assert_eq!(first.len(), 15);
    for days in 1..10 {
        assert_eq!(seen(ahead(MONDAY, days)), first, "{days} days later");
    }
}

#[test]
fn months_and_years_are_those_of_the_calendar() {
    let monthly = plan(&quota(1, 30), &[]);
    let nothing = Marks::new();
    let demanded: Vec<String> =
        stretch(MONDAY, date(2027, 3, 1)).filter(|d| monthly.demanded(*d, &nothing)).map(|d| d.to_string()).collect();
    // November is cut short: 29 of 30 days are not a whole one
    assert_eq!(demanded, ["2026-12-31", "2027-01-31", "2027-02-28"]);
    let yearly = plan(&quota(1, 365), &[]);
    let demanded: Vec<Date> = stretch(MONDAY, date(2028, 12, 31)).filter(|d| yearly.demanded(*d, &nothing)).collect();
    assert_eq!(demanded, [date(2027, 12, 31), date(2028, 12, 31)]);
}

#[test]
fn a_change_leaves_the_past_as_it_was() {
    let habit = row(&HABITS, "h", &[("frequency", "WEEKENDS".into())]);
    let dated = [
        row(
            &HABIT_SCHEDULES,
            "1",
            &[("habit_id", "h".into()), ("valid_from", "2026-11-02".into()), ("frequency", "DAILY".into())],
        ),
        row(
            &HABIT_SCHEDULES,
            "2",
            &[("habit_id", "h".into()), ("valid_from", "2026-11-05".into()), ("frequency", "WEEKENDS".into())],
        ),
        row(
            &HABIT_SCHEDULES,
            "3",
            &[("habit_id", "other".into()), ("valid_from", "2026-11-03".into()), ("frequency", "WEEKENDS".into())],
        ),
    ];
    let plan = Plan::of(&habit, &dated, &[], &person());
    assert_eq!(shown(14, |date| plan.due(date, &Marks::new())), "DDD..DD.....DD");
}

#[test]
fn a_change_within_a_period_wants_a_part_of_it() {
    let habit = row(&HABITS, "h", &quota(3, 7));
    let dated = |id, from: &str, columns: &[(&'static str, Value)]| {
        let of = [("habit_id", "h".into()), ("valid_from", from.into())];
        row(&HABIT_SCHEDULES, id, &[of.to_vec(), columns.to_vec()].concat())
    };
    // daily until Wednesday, three a week from Thursday on: one of the four days that are left
    let rows = [dated("1", "2026-11-02", &[]), dated("2", "2026-11-05", &quota(3, 7))];
    let plan = Plan::of(&habit, &rows, &[], &person());
    assert_eq!(shown(14, |date| plan.demanded(date, &Marks::new())), "DDD...D....DDD");
}

#[test]
fn a_change_of_the_measure_begins_no_period_anew() {
    let columns = [quota(1, 7), vec![("unit", "pages".into())]].concat();
    let habit = row(&HABITS, "h", &columns);
    let dated = |id, from: &str, unit: &'static str| {
        let of = [("habit_id", "h".into()), ("valid_from", from.into()), ("unit", unit.into())];
        row(&HABIT_SCHEDULES, id, &[of.to_vec(), quota(1, 7)].concat())
    };
    let rows = [dated("1", "2026-11-02", "lines"), dated("2", "2026-11-04", "pages")];
    let plan = Plan::of(&habit, &rows, &[], &person());
    let done = marks("x");
    assert_eq!(shown(8, |date| plan.due(date, &done)), "D......D");
    assert_eq!(shown(8, |date| plan.demanded(date, &done)), "........");
    assert_eq!(shown(7, |date| plan.demanded(date, &Marks::new())), "......D");
}

#[test]
fn more_than_a_limit_is_no_deed_and_each_day_is_judged_as_it_was_measured() {
    let limit = [("kind", "measurable".into()), ("target_type", "at_most".into()), ("target_value", 5.0.into())];
    let habit = row(&HABITS, "h", &limit);
    let least = [("habit_id", "h".into()), ("valid_from", "2026-11-02".into()), ("target_type", "at_least".into())];
    let most = [("habit_id", "h".into()), ("valid_from", "2026-11-04".into()), ("target_type", "at_most".into())];
    let rows = [row(&HABIT_SCHEDULES, "1", &least), row(&HABIT_SCHEDULES, "2", &most)];
    let plan = Plan::of(&habit, &rows, &[], &person());
    let (before, after) = (date(2026, 11, 3), date(2026, 11, 4));
    assert_eq!(plan.mark(before, "PARTIAL", "app"), Some(Mark::Done));
    assert_eq!(plan.mark(after, "PARTIAL", "app"), Some(Mark::Lapsed));
    assert_eq!(plan.mark(after, "FULL", "app"), Some(Mark::Done));
    assert_eq!(plan.mark(after, "SKIPPED", "app"), Some(Mark::Skipped));
    assert!(plan.demanded(before, &Marks::new()) && !plan.kept_by_nothing(before));
    assert!(!plan.demanded(after, &Marks::new()) && plan.kept_by_nothing(after));
}

#[test]
fn breaks_that_overlap_are_one_and_an_open_one_has_no_end() {
    let some =
        [("2026-11-04", Some("2026-11-05")), ("2026-11-03", Some("2026-11-10")), ("2026-11-11", Some("2026-11-11"))];
    let paused = |pauses: &[(&str, Option<&str>)]| {
        let plan = plan(&[], pauses);
        shown(14, |date| plan.paused(date))
    };
    assert_eq!(paused(&some), ".DDDDDDDDD....");
    assert_eq!(paused(&[("2026-11-03", None), ("2026-11-05", Some("2026-11-06"))]), ".DDDDDDDDDDDDD");
    assert_eq!(paused(&[("2026-11-05", Some("2026-11-04"))]), "..............");
    assert_eq!(paused(&[]), "..............");
}

#[test]
fn a_resting_habit_s_own_break_says_since_when_wherever_its_person_goes() {
    // Paused on the 5th in Auckland, which was still the 4th in New York.
    let paused_at = crate::day::parse_instant("2026-11-04T20:00:00Z").unwrap();
    let habit = row(&HABITS, "h", &[("status", "PAUSED".into()), ("paused_at", paused_at.into())]);
    let of = |id: &'static str, to: Option<&str>| {
        row(&PAUSES, id, &[("habit_id", id.into()), ("from_date", "2026-11-05".into()), ("to_date", to.into())])
    };
    let asked = |pauses: &[Row]| {
        ["Pacific/Auckland", "America/New_York"].map(|zone| {
            let away = row(&crate::schema::USERS, "ada", &[("tz", zone.into())]);
            let plan = Plan::of(&habit, &[], pauses, &Person::of(Some(&away)));
            shown(14, |date| date >= MONDAY && plan.open(date))
        })
    };
    let ([said, said_away], implied) = (asked(&[of("h", None)]), ["DDD...........", "DD............"]);
    assert_eq!(said, "DDD...........");
    assert_eq!(said_away, said, "the day was written down when it was paused");
    assert_eq!(asked(&[]), implied, "where nothing is written down the moment says it");
    assert_eq!(asked(&[of("h", Some("2026-11-05"))]), implied, "a break that has ended does not say it");
    assert_eq!(asked(&[of("other", None)]), implied);
}

#[test]
fn staying_away_is_due_and_never_demanded() {
    let plan = plan(&[("kind", "avoid".into())], &[]);
    assert_eq!(shown(7, |date| plan.due(date, &Marks::new())), "DDDDDDD");
    assert_eq!(shown(7, |date| plan.demanded(date, &Marks::new())), ".......");
}

proptest::proptest! {
    /// What was not demanded while the day was there is not demanded afterwards, whatever comes later.
    #[test]
    fn later_deeds_never_make_an_earlier_day_demanded(
        past in "[x.s]{0,30}", later in "[x.sp]{0,30}", times in 1_i64..5, days in 1_i64..10, rolling: bool
    ) {
        let window: Value = if rolling { "rolling".into() } else { "calendar".into() };
        let plan = plan(&[quota(times, days), vec![("freq_window", window)]].concat(), &[]);
        let (before, after) = (marks(&past), marks(&format!("{past}{later}")));
        for date in stretch(MONDAY, ahead(MONDAY, i64::try_from(past.len()).unwrap_or(0))) {
            proptest::prop_assert_eq!(plan.demanded(date, &before), plan.demanded(date, &after), "{}", date);
        }
    }
}
