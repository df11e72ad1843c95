#![allow(clippy::unwrap_used, clippy::panic)]
use kairos_core::command::{Action, Binding, When};
use kairos_core::event::Verb;
use kairos_core::fold::Status;
use kairos_core::ids::{HabitId, RoutineId, RunId};
use kairos_core::routine::{self, Stage};
use kairos_core::today::Item;

use super::*;

#[test]
fn a_table_of_presses() {
    let press = |json: &str| decode::press(json.as_bytes());
    let fine = |json: &str| {
        let press = press(json).unwrap();
        (press.id, press.button, press.trigger, press.age_ms)
    };
    let full = fine(r#"{"event_type":"double","button":"2","press_id":"b7:12","age_ms":1500}"#);
    assert_eq!(full, ("b7:12".into(), "2".into(), "double".into(), Some(1500)));
    assert_eq!(fine(r#"{"press_id":"b7:12"}"#), ("b7:12".into(), "1".into(), "press".into(), Some(0)));
    assert_eq!(
        fine(r#"{"press_id":"x","button":3,"age_ms":12.7,"new":{}}"#),
        ("x".into(), "3".into(), "press".into(), Some(12))
    );
    for (json, id) in [
        ("", None),
        ("press", None),
        ("[]", None),
        ("{}", None),
        (r#"{"press_id":7}"#, None),
        (r#"{"press_id":""}"#, None),
        (r#"{"press_id":"a b"}"#, None),
        (r#"{"press_id":"é"}"#, None),
        (r#"{"press_id":"x","button":""}"#, Some("x")),
        (r#"{"press_id":"x","button":-1}"#, Some("x")),
        (r#"{"press_id":"x","button":["1"]}"#, Some("x")),
        (r#"{"press_id":"x","button":"a b"}"#, Some("x")),
        (r#"{"press_id":"x","button":"a|b"}"#, Some("x")),
        (r#"{"press_id":"x","event_type":"b|press"}"#, Some("x")),
        (r#"{"press_id":"x","event_type":7}"#, Some("x")),
        (r#"{"press_id":"x","age_ms":"1"}"#, Some("x")),
        (r#"{"press_id":1e400}"#, None),
    ] {
        let malformed = press(json).unwrap_err();
        assert_eq!(malformed.press_id.as_deref(), id, "{json}");
    }
    assert!(decode::press(&[0xff, 0xfe]).is_err());
    assert!(decode::press(format!(r#"{{"press_id":"{}"}}"#, "x".repeat(129)).as_bytes()).is_err());
    assert!(decode::press("[".repeat(100_000).as_bytes()).is_err(), "deep nesting is refused, not followed");
}

#[test]
fn a_number_that_is_no_age_does_not_cost_the_press() {
    for age in ["-1", "-0.5", "18446744073709551615", "1e18", "9e15", "1e300", "-1e300", "1e400", "-1e400"] {
        let press = decode::press(format!(r#"{{"press_id":"q:1","age_ms":{age}}}"#).as_bytes()).unwrap();
        assert_eq!((press.id.as_str(), press.age_ms), ("q:1", None), "{age}");
        let deed = meaning::deed(&bound("1", "press", Action::Complete, None), &press).unwrap();
        assert_eq!(deed.when, When::Before(i64::MAX), "{age}: counts at its arrival");
    }
}

#[test]
fn a_device_may_say_what_it_knows_of_itself() {
    let fields = decode::info(br#"{"model":"One","fw":"1.2","battery_pct":80,"rssi":-60,"buttons":1}"#);
    assert_eq!(fields.keys().map(String::as_str).collect::<Vec<_>>(), ["battery_pct", "fw_version", "model"]);
    for nothing in ["", "[]", "{}", r#"{"battery_pct":101,"model":"","fw":7}"#, r#"{"model":"\u001b[31m","fw":"a\nb"}"#]
    {
        assert!(decode::info(nothing.as_bytes()).is_empty(), "{nothing}");
    }
}

fn bound(button: &str, trigger: &str, action: Action, value: Option<f64>) -> Binding {
    Binding {
        button: button.into(),
        trigger: trigger.into(),
        action,
        habit: Some(HabitId::new("h").unwrap()),
        routine: None,
        value,
        act_as: None,
    }
}

#[test]
fn a_press_means_what_its_binding_says() {
    let bindings = [
        bound("1", "press", Action::Add, Some(2.0)),
        bound("1", "long", Action::Undo, Some(9.0)),
        bound("2", "press", Action::Complete, Some(9.0)),
        bound("2", "double", Action::Show, None),
    ];
    let meaning = |button: &str, trigger: &str| {
        let press = decode::Press { id: "p".into(), button: button.into(), trigger: trigger.into(), age_ms: Some(5) };
        let binding = meaning::binding(&bindings, &press)?;
        Some(meaning::deed(binding, &press).map(|deed| (deed.verb, deed.value, deed.when)))
    };
    let before = When::Before(5);
    assert_eq!(meaning("1", "press"), Some(Some((Verb::Add, Some(2.0), before))));
    assert_eq!(meaning("1", "long"), Some(Some((Verb::Undo, None, before))));
    assert_eq!(meaning("2", "press"), Some(Some((Verb::Full, None, before))));
    assert_eq!(meaning("2", "double"), Some(None));
    assert_eq!(meaning("3", "press"), None);
}

fn item(status: Option<Status>, value: Option<f64>) -> Item {
    Item {
        habit_id: "h".into(),
        name: "Water".into(),
        kind: "measurable".into(),
        due: true,
        done: status == Some(Status::Full),
        status,
        value,
        target: Some(8.0),
        unit: None,
        date: "2026-11-24".into(),
        quota: None,
        noted: false,
        has_quota: false,
        kept_by_nothing: false,
    }
}

#[test]
fn the_ack_says_what_the_light_should_show() {
    let receipt = |outcome, repeated| Receipt { seq: 3, outcome, event_id: None, repeated };
    let handled = |answer| Handled { press_id: Some("b:1".into()), habit: None, routine: None, by: None, answer };
    let glass = messages::Shown::Habit(item(Some(Status::Partial), Some(3.0)));
    assert_eq!(
        messages::ack(&handled(Ok(receipt(Outcome::Applied, false))), Some(&glass)),
        r#"{"habit":{"done":false,"name":"Water","target":8.0,"value":3.0},"light":"partial","press_id":"b:1","result":"applied"}"#
    );
    let duplicate = messages::ack(
        &handled(Ok(receipt(Outcome::Applied, true))),
        Some(&messages::Shown::Habit(item(Some(Status::Full), Some(8.0)))),
    );
    assert!(duplicate.contains(r#""light":"done""#) && duplicate.contains(r#""result":"duplicate""#), "{duplicate}");
    let refused = messages::ack(&handled(Err(Rejection::new(RejectionCode::NotBound, "…"))), None);
    assert_eq!(refused, r#"{"habit":null,"light":"error","press_id":"b:1","reason":"not_bound","result":"rejected"}"#);
}

#[test]
fn the_state_shows_each_button() {
    let buttons = [("1".to_owned(), Some(messages::Shown::Habit(item(None, Some(0.0))))), ("2".to_owned(), None)];
    assert_eq!(
        messages::state("2026-11-24", &buttons),
        r#"{"buttons":{"1":{"habit":{"done":false,"name":"Water","target":8.0,"value":0.0},"light":"open"},"2":{"habit":null,"light":"error"}},"date":"2026-11-24"}"#
    );
    assert_eq!(messages::light(&item(Some(Status::Skipped), None)), "done");
}

#[test]
fn a_button_of_a_routine_wishes_and_shows_its_run() {
    let routine = RoutineId::new("r").unwrap();
    let press = decode::Press { id: "p".into(), button: "1".into(), trigger: "press".into(), age_ms: Some(0) };
    for action in [Action::RoutineStart, Action::RoutineNext] {
        let binding = Binding { habit: None, routine: Some(routine.clone()), ..bound("1", "press", action, None) };
        let wished = meaning::wish(&binding, &press);
        match (action, wished) {
            (Action::RoutineStart, Some(Wish::Routine(routine::Wish::Start { routine: named, variant: None, .. })))
            | (Action::RoutineNext, Some(Wish::Routine(routine::Wish::Next { routine: named, .. }))) => {
                assert_eq!(named, routine);
            }
            (action, wished) => panic!("{action:?}: {wished:?}"),
        }
        assert!(meaning::wish(&Binding { routine: None, ..binding }, &press).is_none());
    }

    let stage = |status: Option<routine::Status>, step| Stage {
        name: "Morning".into(),
        run: status.map(|status| (RunId::new("e").unwrap(), status)),
        habit: None,
        step,
        total: 2,
    };
    use routine::Status::{Completed, InProgress, Paused};
    for (status, light) in
        [(None, "open"), (Some(InProgress), "partial"), (Some(Paused), "partial"), (Some(Completed), "done")]
    {
        assert_eq!(messages::Shown::Routine(stage(status, 1), None).light(), light);
    }
    let shows = messages::Shown::Routine(stage(Some(InProgress), 1), Some(item(None, Some(0.0))));
    assert_eq!(
        messages::state("2026-11-24", &[("1".to_owned(), Some(shows))]),
        r#"{"buttons":{"1":{"habit":{"done":false,"name":"Water","target":8.0,"value":0.0},"light":"partial","routine":{"name":"Morning","step":1,"total":2}}},"date":"2026-11-24"}"#
    );
}
