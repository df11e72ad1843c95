#![allow(clippy::unwrap_used)]
use super::*;
use crate::hlc::Hlc;
use crate::ids::UserId;
use crate::schema::{HABITS, Table};
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
