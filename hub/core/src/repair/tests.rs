#![allow(clippy::unwrap_used)]
use super::*;
use crate::hlc::Hlc;
use crate::ids::UserId;
use crate::schema::{COMPLETIONS, DEVICES, HABITS, Table, USERS};
use crate::scope::Scope;

fn fits(table: &'static Table, column: &str, value: impl Into<Value>) -> bool {
    check(table.column(column).unwrap(), &value.into()).is_ok()
}

/// What is shown of one value.
fn shown_as(table: &'static Table, column: &str, value: impl Into<Value>) -> Value {
    let ada = UserId::new("ada").unwrap();
    let mut row = Row::new(table, "r", Scope::Person(ada.clone()), ada, 1);
    row.set(column, value, &Hlc::from_parts(1, 0, "a"));
    repaired(&row).get(column)
}

#[test]
fn amounts_are_bounded_on_both_sides() {
    for column in ["step", "target_value"] {
        for fine in [f64::MIN_POSITIVE, 0.25, 1.0, 1e9] {
            assert!(fits(&HABITS, column, fine), "{column} {fine}");
        }
        assert!(fits(&HABITS, column, 8));
        for wrong in [0.0, -0.0, -3.0, 1e9 + 1.0, 1e300, f64::MAX] {
            assert!(!fits(&HABITS, column, wrong), "{column} {wrong}");
        }
        assert!(!fits(&HABITS, column, i64::MAX));
    }
    assert_eq!(shown_as(&HABITS, "step", 1e300), Value::Real(1e9));
    assert_eq!(shown_as(&HABITS, "step", i64::MAX), Value::Real(1e9));
    assert_eq!(shown_as(&HABITS, "step", -3.0), Value::Real(1.0));
}

#[test]
fn a_name_is_one_line_and_tells_a_terminal_nothing() {
    for (table, column) in [(&HABITS, "name"), (&DEVICES, "name"), (&USERS, "display_name"), (&HABITS, "question")] {
        assert!(fits(table, column, "Wasser für Zoë 💧"), "{column}");
        for wrong in ["\u{1b}[31mX", "a\nb", "a\tb", "a\rb", "\u{7f}", "a\u{9b}31m", "\u{0}"] {
            assert!(!fits(table, column, wrong), "{column} {wrong:?}");
        }
    }
    assert_eq!(shown_as(&DEVICES, "name", "\u{1b}[31mX\u{0}"), "[31mX".into());
    assert_eq!(shown_as(&DEVICES, "name", "a\r\nb\tc"), "a  b c".into());
    assert_eq!(shown_as(&DEVICES, "name", "\u{1b}\u{7}"), "-".into());
    assert_eq!(shown_as(&USERS, "display_name", "\u{1b}\u{7}"), Value::Null);
}

#[test]
fn notes_hold_lines_and_tabs_and_nothing_stranger() {
    for (table, column) in [(&HABITS, "description"), (&COMPLETIONS, "note")] {
        assert!(fits(table, column, "one\n\ttwo\r\nthree"), "{column}");
        assert!(fits(table, column, "x".repeat(2000)) && !fits(table, column, "x".repeat(2001)), "{column}");
        assert!(!fits(table, column, "\u{1b}]0;title\u{7}"), "{column}");
    }
    assert_eq!(shown_as(&HABITS, "description", "a\n\u{1b}[31mb"), "a\n[31mb".into());
    assert_eq!(shown_as(&HABITS, "description", "é".repeat(3000)), "é".repeat(2000).into());
}

#[test]
fn json_columns_are_bounded() {
    let list = |bytes: usize| format!("[\"{}\"]", "x".repeat(bytes - 4));
    assert!(fits(&HABITS, "subtasks", list(16 * 1024)));
    assert!(!fits(&HABITS, "subtasks", list(16 * 1024 + 1)));
    assert_eq!(shown_as(&HABITS, "subtasks", list(1 << 20)), Value::Null);
}
