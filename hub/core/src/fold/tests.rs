#![allow(clippy::unwrap_used)]
use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::event::TimeSource;
use crate::ids::{EventId, HabitId};

const YES_NO: Measure = Measure { counted: false, at_most: false, target: 1.0, anyone_once: false };
const EIGHT: Measure = Measure { counted: true, at_most: false, target: 8.0, anyone_once: false };

fn event(n: i64, verb: Verb, value: Option<f64>, source: Source) -> Event {
    Event {
        id: EventId::new(format!("e{n}")).unwrap(),
        user_id: UserId::new("ada").unwrap(),
        habit_id: HabitId::new("h").unwrap(),
        date: date(2026, 11, 24),
        actor: String::new(),
        verb,
        value,
        undo_of: None,
        skip_reason: None,
        occurred_at: n * 10,
        time_source: TimeSource::Hub,
        tz: "UTC".into(),
        tz_offset_min: 0,
        source,
        device_id: None,
        press_id: None,
        note: None,
        at: Hlc::from_parts(n, 0, "a"),
    }
}

fn undo(n: i64, of: Option<i64>, source: Source) -> Event {
    let mut event = event(n, Verb::Undo, None, source);
    event.undo_of = of.map(|n| EventId::new(format!("e{n}")).unwrap());
    event
}

type Shape = (&'static str, Option<i64>, Option<f64>);

fn shape(events: &[Event], measure: &Measure) -> Option<Shape> {
    fold(events, measure).map(|s| (s.status.as_str(), s.percent, s.amount))
}

#[test]
fn deeds_that_add_up_to_nothing_do_not_hide_that_the_day_passed() {
    use Source::{App, Engine, Import};
    use Verb::{Add, Full, Miss, Set};
    let missed = Some(("MISSED", None, None));
    let passed = event(9, Miss, None, Engine);
    for (name, deeds) in [
        ("set to nothing", vec![event(1, Set, Some(0.0), App)]),
        ("one more and one less", vec![event(1, Add, Some(1.0), App), event(2, Add, Some(-1.0), App)]),
        ("more than an import says", vec![event(1, Full, None, Import), event(2, Set, Some(0.0), App)]),
    ] {
        assert_eq!(shape(&deeds, &EIGHT), None, "{name}");
        assert_eq!(shape(&[&deeds[..], std::slice::from_ref(&passed)].concat(), &EIGHT), missed, "{name}");
    }
    let nothing = [event(1, Set, Some(0.0), App), passed.clone()];
    assert_eq!(shape(&nothing, &YES_NO), missed);
    let limit = Measure { at_most: true, ..EIGHT };
    assert_eq!(shape(&nothing, &limit), Some(("FULL", None, Some(0.0))), "where less is better nothing is all");
}

#[test]
fn ten_tenths_are_one_and_a_hundredth_is_one() {
    let litre = Measure { target: 1.0, ..EIGHT };
    let tenths: Vec<Event> = (0..10).map(|n| event(n, Verb::Add, Some(0.1), Source::Device)).collect();
    assert_eq!(shape(&tenths, &litre), Some(("FULL", None, Some(1.0))));
    let limit = Measure { at_most: true, target: 0.3, ..EIGHT };
    assert_eq!(shape(&tenths[..3], &limit), Some(("FULL", None, Some(0.3))));
    for percent in 1..100_i32 {
        let part = event(1, Verb::Set, Some(f64::from(percent) / 100.0), Source::App);
        assert_eq!(shape(&[part], &litre).unwrap().1, Some(i64::from(percent)));
    }
}

#[test]
fn a_table_of_days() {
    use Source::{App, Engine, Import, Rule};
    use Verb::{Add, Full, Lapse, Miss, Partial, Set, Skip};
    let done = Some(("FULL", None, None));
    let cases: Vec<(&str, Vec<Event>, &Measure, Option<Shape>)> = vec![
        ("nothing", vec![], &YES_NO, None),
        ("done", vec![event(1, Full, None, App)], &YES_NO, done),
        (
            "a late note of the engine never erases a deed",
            vec![event(1, Full, None, App), event(9, Miss, None, Engine)],
            &YES_NO,
            done,
        ),
        (
            "a deed that arrives late outranks it",
            vec![event(1, Miss, None, Engine), event(2, Full, None, App)],
            &YES_NO,
            done,
        ),
        (
            "an import does not outrank a person",
            vec![event(1, Skip, None, App), event(2, Full, None, Import)],
            &YES_NO,
            Some(("SKIPPED", None, None)),
        ),
        (
            "the later of two wishes",
            vec![event(1, Full, None, App), event(2, Skip, None, App)],
            &YES_NO,
            Some(("SKIPPED", None, None)),
        ),
        ("part of it", vec![event(1, Partial, Some(40.0), App)], &YES_NO, Some(("PARTIAL", Some(40), None))),
        (
            "percent is held to 1..99",
            vec![event(1, Partial, Some(900.0), App)],
            &YES_NO,
            Some(("PARTIAL", Some(99), None)),
        ),
        ("it happened", vec![event(1, Lapse, None, App)], &YES_NO, Some(("MISSED", None, None))),
        ("taken back", vec![event(1, Full, None, App), undo(2, Some(1), App)], &YES_NO, None),
        (
            "taken back twice is back",
            vec![event(1, Full, None, App), undo(2, Some(1), App), undo(3, Some(2), App)],
            &YES_NO,
            done,
        ),
        ("an undo from before does nothing", vec![undo(1, Some(2), App), event(2, Full, None, App)], &YES_NO, done),
        (
            "all taken back, then done again",
            vec![event(1, Skip, None, App), undo(2, None, App), event(3, Full, None, App)],
            &YES_NO,
            done,
        ),
        (
            "a rule cannot take back a person's deed",
            vec![event(1, Full, None, App), undo(2, Some(1), Rule), undo(3, None, Rule)],
            &YES_NO,
            done,
        ),
        (
            "after an undo the engine's note shows again",
            vec![event(1, Miss, None, Engine), event(2, Full, None, App), undo(3, Some(2), App)],
            &YES_NO,
            Some(("MISSED", None, None)),
        ),
        (
            "two first glasses are two",
            vec![event(1, Add, Some(1.0), App), event(2, Add, Some(1.0), App)],
            &EIGHT,
            Some(("PARTIAL", Some(25), Some(2.0))),
        ),
        (
            "one glass twice delivered is one",
            vec![event(1, Add, Some(1.0), App), event(1, Add, Some(1.0), App)],
            &EIGHT,
            Some(("PARTIAL", Some(12), Some(1.0))),
        ),
        (
            "eight are enough",
            (1..=8).map(|n| event(n, Add, None, App)).collect(),
            &EIGHT,
            Some(("FULL", None, Some(8.0))),
        ),
        (
            "set starts over",
            vec![event(1, Add, Some(5.0), App), event(2, Set, Some(3.0), App), event(3, Add, Some(1.0), App)],
            &EIGHT,
            Some(("PARTIAL", Some(50), Some(4.0))),
        ),
        (
            "an automation's glass counts on top",
            vec![event(1, Add, Some(2.0), App), event(2, Add, Some(1.0), Rule)],
            &EIGHT,
            Some(("PARTIAL", Some(37), Some(3.0))),
        ),
        (
            "but it does not set a person's amount",
            vec![event(1, Add, Some(2.0), App), event(2, Set, Some(8.0), Rule)],
            &EIGHT,
            Some(("PARTIAL", Some(25), Some(2.0))),
        ),
        ("done means the target", vec![event(1, Full, None, App)], &EIGHT, Some(("FULL", None, Some(8.0)))),
        (
            "done keeps more than the target",
            vec![event(1, Add, Some(9.0), App), event(2, Full, None, App)],
            &EIGHT,
            Some(("FULL", None, Some(9.0))),
        ),
        (
            "taking a glass back",
            vec![event(1, Add, Some(1.0), App), event(2, Add, Some(1.0), App), undo(3, Some(2), App)],
            &EIGHT,
            Some(("PARTIAL", Some(12), Some(1.0))),
        ),
        ("set to nothing is empty", vec![event(1, Add, Some(1.0), App), event(2, Set, Some(0.0), App)], &EIGHT, None),
        (
            "taking away more than there is leaves nothing, not a debt",
            vec![event(1, Add, Some(-5.0), App), event(2, Add, Some(1.0), App)],
            &EIGHT,
            Some(("PARTIAL", Some(12), Some(1.0))),
        ),
        (
            "skipped keeps what was drunk",
            vec![event(1, Add, Some(3.0), App), event(2, Skip, None, App)],
            &EIGHT,
            Some(("SKIPPED", None, Some(3.0))),
        ),
    ];
    for (what, events, measure, expected) in cases {
        assert_eq!(shape(&events, measure), expected, "{what}");
    }
}

#[test]
fn at_most_counts_the_other_way() {
    let at_most = Measure { at_most: true, target: 2.0, ..EIGHT };
    assert_eq!(shape(&[event(1, Verb::Add, Some(2.0), Source::App)], &at_most), Some(("FULL", None, Some(2.0))));
    assert_eq!(shape(&[event(1, Verb::Add, Some(3.0), Source::App)], &at_most), Some(("PARTIAL", Some(50), Some(3.0))));
}

#[test]
fn where_anyone_may_do_it_the_first_that_occurred_is_shown() {
    let once = Measure { anyone_once: true, ..YES_NO };
    let mut early = event(5, Verb::Full, None, Source::Device);
    early.user_id = UserId::new("bo").unwrap();
    early.occurred_at = 1;
    let late = event(2, Verb::Full, None, Source::App);
    assert_eq!(fold(&[late, early], &once).unwrap().by.as_str(), "bo");
}

fn any_event() -> impl Strategy<Value = Event> {
    use Source::{App, Device, Engine, Import, Rule};
    use Verb::{Add, Full, Lapse, Miss, Partial, Set, Skip, Undo};
    (
        0_i64..12,
        prop::sample::select(vec![Full, Partial, Add, Set, Skip, Miss, Undo, Lapse]),
        prop::option::of((-20_i32..120).prop_map(f64::from)),
        prop::sample::select(vec![App, Device, Rule, Import, Engine]),
        prop::option::of(0_i64..12),
    )
        .prop_map(|(n, verb, value, source, target)| {
            let mut made = event(n, verb, value, source);
            if verb == Undo {
                made.undo_of = target.map(|n| EventId::new(format!("e{n}")).unwrap());
            }
            made
        })
}

/// One event per id, as in the database.
fn any_day() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(any_event(), 0..10).prop_map(|mut events| {
        events.sort_by(|a, b| a.id.cmp(&b.id));
        events.dedup_by(|a, b| a.id == b.id);
        events
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn the_order_of_arrival_does_not_matter(day in any_day(), shuffle in any::<u64>(), counted in any::<bool>(), repeat in 0_usize..10) {
        let measure = Measure { counted, ..EIGHT };
        let expected = fold(&day, &measure);
        let mut other = day.clone();
        let mut state = shuffle | 1;
        for i in (1..other.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            other.swap(i, usize::try_from(state >> 33).unwrap() % (i + 1));
        }
        if let Some(again) = day.get(repeat) {
            other.push(again.clone());
        }
        prop_assert_eq!(fold(&other, &measure), expected);
    }

    #[test]
    fn the_engine_never_erases_what_a_person_did(day in any_day(), counted in any::<bool>()) {
        let measure = Measure { counted, ..EIGHT };
        let people: Vec<Event> = day.iter().filter(|e| e.source.class() > AuthorClass::System).cloned().collect();
        let mut more = people.clone();
        more.push(event(99, Verb::Miss, None, Source::Engine));
        if let Some(before) = fold(&people, &measure) {
            prop_assert_eq!(fold(&more, &measure), Some(before));
        }
    }

    #[test]
    fn a_partial_day_has_a_percent_and_only_that(day in any_day(), counted in any::<bool>()) {
        if let Some(standing) = fold(&day, &Measure { counted, ..EIGHT }) {
            prop_assert_eq!(standing.status == Status::Partial, standing.percent.is_some());
            prop_assert!(standing.percent.is_none_or(|p| (1..=99).contains(&p)));
            prop_assert!(standing.amount.is_none_or(f64::is_finite));
        }
    }

    /// Counting on top of the cell gives what folding everything gives, wherever it dares to.
    #[test]
    fn one_more_event_is_as_good_as_folding_all(day in any_day(), counted in any::<bool>(), at_most in any::<bool>()) {
        let measure = Measure { counted, at_most, ..EIGHT };
        let ada = UserId::new("ada").unwrap();
        let mut sorted = day;
        sorted.sort_by(|a, b| a.at.cmp(&b.at));
        sorted.dedup_by(|a, b| a.at == b.at);
        let mut cell = Row::new(&COMPLETIONS, "c", crate::scope::Scope::Person(ada.clone()), ada, 0);
        for (n, event) in sorted.iter().enumerate() {
            let all = fold(&sorted[..=n], &measure);
            if n > 0 && let Some(next) = fold_next(&cell, event, &measure) {
                prop_assert_eq!(Some(next), all.clone(), "{:?}", event);
            }
            write_cell(&mut cell, all.as_ref(), &event.at);
        }
    }

    /// The same where the habit was counted, or was not, when its cell was folded.
    #[test]
    fn one_more_event_is_as_good_after_a_change_of_kind(day in any_day(), counted in any::<bool>()) {
        let (before, now) = (Measure { counted: !counted, ..EIGHT }, Measure { counted, ..EIGHT });
        let ada = UserId::new("ada").unwrap();
        let mut sorted = day;
        sorted.sort_by(|a, b| a.at.cmp(&b.at));
        sorted.dedup_by(|a, b| a.at == b.at);
        let mut cell = Row::new(&COMPLETIONS, "c", crate::scope::Scope::Person(ada.clone()), ada, 0);
        for (n, event) in sorted.iter().enumerate() {
            if n > 0 && let Some(next) = fold_next(&cell, event, &now) {
                prop_assert_eq!(Some(next), fold(&sorted[..=n], &now), "{:?}", event);
            }
            write_cell(&mut cell, fold(&sorted[..=n], &before).as_ref(), &event.at);
        }
    }
}
