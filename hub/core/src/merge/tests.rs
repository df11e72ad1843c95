#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;
use crate::hlc::HORIZON;
use crate::ids::UserId;
use crate::repair;
use crate::schema::{COMPLETIONS, HABITS, TABLES, Table};
use crate::scope::Scope;

fn ada() -> UserId {
    UserId::new("ada").unwrap()
}

fn habit() -> Row {
    Row::new(&HABITS, "h1", Scope::Person(ada()), ada(), 1)
}

fn at(millis: i64, node: &str) -> Hlc {
    Hlc::from_parts(millis, 0, node)
}

#[test]
fn different_columns_both_survive() {
    let mut base = habit();
    base.set("name", "Water", &at(1, "a"));
    let (mut left, mut right) = (base.clone(), base);
    left.set("name", "Drink water", &at(5, "a"));
    right.set("color", "blue", &at(3, "b"));
    let merged = merge(&left, &right).unwrap();
    assert_eq!((merged.text("name"), merged.text("color")), ("Drink water".into(), "blue".into()));
}

#[test]
fn columns_that_must_agree_travel_together() {
    let (mut left, mut right) = (habit(), habit());
    left.set("lapse_threshold_days", 5, &at(2, "a"));
    left.set("relapse_threshold_days", 9, &at(2, "a"));
    right.set("lapse_threshold_days", 10, &at(3, "b"));
    right.set("relapse_threshold_days", 20, &at(3, "b"));
    let merged = merge(&left, &right).unwrap();
    assert_eq!(
        (merged.integer("lapse_threshold_days"), merged.integer("relapse_threshold_days")),
        (Some(10), Some(20))
    );
}

#[test]
fn a_later_deletion_wins_and_a_later_revival_too() {
    let (mut left, mut right) = (habit(), habit());
    left.set_deleted(Some(4), &at(4, "a"));
    right.set("name", "still here", &at(9, "b"));
    assert_eq!(merge(&left, &right).unwrap().deleted_at, Some(4), "an edit does not revive");
    right.set_deleted(None, &at(10, "b"));
    assert_eq!(merge(&left, &right).unwrap().deleted_at, None);
}

#[test]
fn unknown_columns_are_kept_with_their_clocks() {
    let (mut left, right) = (habit(), habit());
    left.extra.insert("mood".into(), "good".into());
    left.clocks.insert("mood".into(), at(3, "a"));
    assert_eq!(merge(&right, &left).unwrap().extra.get("mood"), Some(&"good".into()));
}

#[test]
fn another_scope_is_never_merged() {
    let mut other = habit();
    other.scope = Scope::parse("h:home").unwrap();
    assert_eq!(merge(&habit(), &other), Err(CannotMerge::Scope));
    let mut other = habit();
    other.id = "h2".into();
    assert_eq!(merge(&habit(), &other), Err(CannotMerge::Different));
}

/// Any value a column might hold after years of foreign clients, valid or not.
fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        (-3_i64..400).prop_map(Value::Integer),
        (-2.0_f64..50.0).prop_map(Value::Real),
        "[A-Za-z0-9\\[\\]-]{0,12}".prop_map(Value::Text),
        "[\\x00-\\x7f\u{85}\u{9b}\u{2028}é]{0,12}".prop_map(Value::Text),
        prop::sample::select(vec![1e9, 1e10, 1e300, f64::MAX, -1e300]).prop_map(Value::Real),
        prop::sample::select(vec![
            "ACTIVE",
            "PAUSED",
            "FULL",
            "PARTIAL",
            "SKIPPED",
            "measurable",
            "boolean",
            "2026-11-24",
            "DAILY",
            "[1,3]"
        ])
        .prop_map(Value::from),
    ]
}

/// Any time of a clock, also one that is not believed.
fn any_time() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 0_i64..6, 1 => prop::sample::select(vec![HORIZON - 1, HORIZON, HORIZON + 1, (1 << 48) - 1])]
}

#[test]
fn a_clock_of_the_end_of_time_loses_to_any_other_and_is_written_over() {
    let (mut theirs, mut ours) = (habit(), habit());
    theirs.set("name", "Theirs", &Hlc::parse("ffffffffffffffff-z").unwrap());
    ours.set("name", "Ours", &at(2, "a"));
    for merged in [merge(&ours, &theirs).unwrap(), merge(&theirs, &ours).unwrap()] {
        assert_eq!((merged.text("name").as_str(), &merged.clocks["name"]), ("Ours", &at(2, "a")));
    }
    let mut edited = theirs.clone();
    edited.set("name", "Mine again", &at(3, "b"));
    assert_eq!(edited.clocks["name"], at(3, "b"));
    assert_eq!(merge(&theirs, &edited).unwrap().text("name"), "Mine again");
}

fn any_row(table: &'static Table) -> impl Strategy<Value = Row> {
    let edits = prop::collection::vec(
        (0..table.columns.len() + 2, any_value(), any_time(), prop::sample::select(vec!["a", "b"])),
        0..12,
    );
    (edits, 0_i64..3, prop::sample::select(vec!["ada", "bo"])).prop_map(move |(edits, born, author)| {
        let scope = Scope::parse("h:home").unwrap();
        let mut row = Row::new(table, "r", scope, UserId::new(author).unwrap(), born);
        for (index, value, millis, node) in edits {
            let clock = at(millis, node);
            if let Some(column) = table.columns.get(index) {
                row.set(column.name, value, &clock);
            } else if index == table.columns.len() {
                row.set_deleted(value.as_integer(), &clock);
            } else {
                row.extra.insert("unknown".into(), value);
                row.clocks.insert("unknown".into(), clock);
            }
        }
        row
    })
}

fn any_table() -> impl Strategy<Value = &'static Table> {
    prop::sample::select(TABLES.to_vec())
}

/// Rows are equal when every register and every shown column is: an absent column is its preset.
fn same(a: &Row, b: &Row) -> bool {
    a.clocks == b.clocks
        && a.deleted_at == b.deleted_at
        && a.to_json() == b.to_json()
        && (a.created_at, &a.user_id) == (b.created_at, &b.user_id)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn commutative((a, b) in any_table().prop_flat_map(|t| (any_row(t), any_row(t)))) {
        prop_assert!(same(&merge(&a, &b).unwrap(), &merge(&b, &a).unwrap()));
    }

    #[test]
    fn associative((a, b, c) in any_table().prop_flat_map(|t| (any_row(t), any_row(t), any_row(t)))) {
        let left = merge(&merge(&a, &b).unwrap(), &c).unwrap();
        let right = merge(&a, &merge(&b, &c).unwrap()).unwrap();
        prop_assert!(same(&left, &right));
    }

    #[test]
    fn idempotent((a, b) in any_table().prop_flat_map(|t| (any_row(t), any_row(t)))) {
        let once = merge(&a, &b).unwrap();
        prop_assert!(same(&merge(&once, &b).unwrap(), &once));
        prop_assert!(same(&merge(&once, &a).unwrap(), &once));
        prop_assert!(same(&merge(&a, &a).unwrap(), &a));
    }

    #[test]
    fn whatever_merges_is_valid_once_repaired((a, b) in any_table().prop_flat_map(|t| (any_row(t), any_row(t)))) {
        let merged = merge(&a, &b).unwrap();
        let shown = repair::repaired(&merged);
        prop_assert_eq!(repair::faults(&shown), vec![]);
        prop_assert_eq!(&repair::repaired(&shown), &shown, "repairing twice changes nothing");
    }
}

#[test]
fn derived_columns_have_no_clock() {
    let mut cell = Row::new(&COMPLETIONS, "c", Scope::Person(ada()), ada(), 1);
    cell.set("type", "FULL", &at(1, "a"));
    assert!(cell.clocks.is_empty());
    cell.set("note", "n", &at(2, "a"));
    assert_eq!(cell.clocks.keys().collect::<Vec<_>>(), vec!["note"]);
    assert!(COMPLETIONS.column("type").unwrap().derived);
}
