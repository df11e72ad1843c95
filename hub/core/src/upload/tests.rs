#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::needless_pass_by_value)]
use serde_json::json;

use super::cell::{self, Deed, Habit};
use super::place::{Loss, Placed, broken_rule, place, place_new};
use super::*;
use crate::event::Verb;
use crate::hlc::Hlc;
use crate::ids::UserId;
use crate::row::Row;
use crate::schema::{COMPLETIONS, HABITS};
use crate::scope::Scope;
use crate::value::Value;

fn at(n: i64) -> Hlc {
    Hlc::from_parts(n, 0, "hub")
}

fn phone(n: i64) -> Hlc {
    Hlc::from_parts(n, 0, "phone")
}

fn habit() -> Row {
    let ada = UserId::new("ada").unwrap();
    let mut row = Row::new(&HABITS, "h", Scope::Person(ada.clone()), ada, 1);
    row.stamp_all(&at(10));
    row.set("name", "Water", &at(10));
    row.set("anchor_behavior", "After coffee", &at(10));
    row
}

fn operation(body: Json) -> Operation {
    let mut raw = json!({ "op": "PATCH", "table": "habits", "id": "h" });
    raw.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    Written::read(raw).operation.unwrap()
}

fn placed(row: &Row, body: Json, clock: &Hlc) -> Placed {
    place(row, &operation(body), clock, &["phase"]).unwrap()
}

fn lost(placed: &Placed) -> Vec<(&str, Json, Json)> {
    let pair = |loss: &Loss| json!(loss.lost).as_object().unwrap().values().next().unwrap().clone();
    let kept = |loss: &Loss| json!(loss.kept).as_object().unwrap().values().next().unwrap().clone();
    placed.losses.iter().map(|loss| (loss.register.as_str(), pair(loss), kept(loss))).collect()
}

fn envelope(body: &Json) -> Result<Envelope, NoEnvelope> {
    Envelope::parse(&serde_json::from_str(&body.to_string()).unwrap())
}

#[test]
fn an_envelope_is_read_leniently() {
    for none in [json!({}), json!({ "batch": 1 }), json!({ "batch": null })] {
        assert!(envelope(&none).is_err(), "{none}");
    }
    let many: Vec<Json> = vec![json!({}); MAX_OPERATIONS + 1];
    assert_eq!(envelope(&json!({ "batch": many })), Err(NoEnvelope::TooMany));
    let named = |id: Json| envelope(&json!({ "batch": [], "client_id": id, "now": i64::MAX })).unwrap();
    let envelope = envelope(&json!({
        "client_id": "phone", "now": 1_795_000_000_000_i64, "more": true,
        "batch": [
            { "op_id": 3, "op": "PUT", "type": "habits", "id": "h", "opData": { "name": "x" }, "old": { "name": "y" } },
            { "op_id": "4", "op": "DELETE", "table": "habits", "id": "h", "metadata": "{\"verb\":\"add\",\"value\":2}" },
            { "op_id": 5, "op": "PATCH", "table": "habits", "id": "h", "data": null },
            { "op": "UPSERT", "table": "habits", "id": "h" },
            { "op": "PUT", "table": "habits", "id": "a b" },
            { "op": "PUT", "table": "habits", "id": "h", "data": [1] },
            7,
        ]
    }))
    .unwrap();
    assert_eq!((envelope.client_id.as_deref(), envelope.now), (Some("phone"), Some(1_795_000_000_000)));
    let read: Vec<bool> = envelope.batch.iter().map(|written| written.operation.is_ok()).collect();
    assert_eq!(read, [true, true, true, false, false, false, false]);
    let first = envelope.batch[0].operation.as_ref().unwrap();
    assert_eq!((first.kind, first.table.as_str()), (Kind::Put, "habits"));
    assert_eq!(first.previous.as_ref().unwrap()["name"], "y");
    let meant = &envelope.batch[1].operation.as_ref().unwrap().meaning;
    assert_eq!((meant.verb, meant.value), (Some(Verb::Add), Some(2.0)));
    assert!(!envelope.is_numbered());
    // Whatever a client calls itself, it is always the same.
    assert_eq!(named(json!("my phone")).client_id, named(json!("my phone")).client_id);
    assert_ne!(named(json!("my phone")).client_id, named(json!(7)).client_id);
    assert_eq!(named(json!(null)).now, None, "no time of a habit");
    assert_eq!(envelope.batch[3].target(), (Some("habits"), Some("h")));
}

#[test]
fn when_it_was_written_is_taken_from_what_says_so() {
    let of = |body: Json| operation(body).written_at();
    assert_eq!(of(json!({ "data": { "updated_at": 1_795_000_000_000_i64 } })), Some(1_795_000_000_000));
    assert_eq!(of(json!({ "data": { "updated_at": "2026-11-24T10:00:00Z" } })), Some(1_795_514_400_000));
    assert_eq!(of(json!({ "data": { "updated_at": 5 } })), None, "no time of a habit");
    let both = json!({ "data": { "updated_at": 1_795_000_000_000_i64 }, "metadata": { "at": 1_795_000_000_001_i64 } });
    assert_eq!(of(both), Some(1_795_000_000_001));
}

#[test]
fn a_client_that_saw_what_is_stored_writes_after_it() {
    // Its clock is behind, and it wins all the same; nothing was lost unseen.
    let done = placed(&habit(), json!({ "data": { "name": "Tea" }, "previous": { "name": "Water" } }), &phone(5));
    assert_eq!(done.row.text("name"), "Tea");
    assert!(done.losses.is_empty() && done.row.clocks["name"] > at(10));
}

#[test]
fn a_client_that_saw_something_else_and_is_later_wins_and_the_other_is_kept() {
    let done = placed(&habit(), json!({ "data": { "name": "Tea" }, "previous": { "name": "Juice" } }), &phone(20));
    assert_eq!(done.row.text("name"), "Tea");
    assert_eq!(lost(&done), [("name", json!("Water"), json!("Tea"))]);
}

#[test]
fn an_older_edit_loses_and_is_kept() {
    for previous in [json!(null), json!({ "name": "Juice" })] {
        let done = placed(&habit(), json!({ "data": { "name": "Tea" }, "previous": previous }), &phone(5));
        assert_eq!(done.row.text("name"), "Water");
        assert!(!done.changed);
        assert_eq!(lost(&done), [("name", json!("Tea"), json!("Water"))]);
    }
    // The same value on both sides is no loss.
    let done = placed(&habit(), json!({ "data": { "name": "Water" }, "previous": { "name": "Juice" } }), &phone(5));
    assert!(done.losses.is_empty());
}

#[test]
fn edits_of_different_columns_both_stand() {
    let one = placed(&habit(), json!({ "data": { "name": "Tea" }, "previous": { "name": "Water" } }), &phone(20)).row;
    let two = placed(&one, json!({ "data": { "color": "blue" }, "previous": { "color": null } }), &at(15));
    assert_eq!((two.row.text("name"), two.row.text("color")), ("Tea".into(), "blue".into()));
    assert!(two.losses.is_empty());
}

#[test]
fn a_clients_own_edits_follow_each_other_whatever_its_clock_shows() {
    let one = placed(&habit(), json!({ "data": { "name": "Tea" } }), &phone(20)).row;
    let two = placed(&one, json!({ "data": { "name": "Milk" } }), &phone(15));
    assert_eq!((two.row.text("name").as_str(), two.losses.len()), ("Milk", 0));
}

#[test]
fn a_put_sets_what_differs_and_revives_and_a_patch_does_not() {
    let mut gone = habit();
    gone.set_deleted(Some(30), &at(30));
    let put = json!({ "op": "PUT", "data": { "name": "Water", "color": "red" } });
    let back = placed(&gone, put.clone(), &phone(40));
    assert_eq!((back.row.deleted_at, back.row.text("color").as_str(), back.losses.len()), (None, "red", 0));
    assert_eq!(back.row.clocks["name"], at(10), "what did not differ keeps its clock");
    // Deleted later than it was written: stays gone, and can be had back.
    let late = placed(&gone, put, &phone(20));
    assert_eq!(late.row.deleted_at, Some(30));
    assert_eq!(lost(&late), [("deleted_at", json!(null), json!(30))]);
    let soft = placed(&habit(), json!({ "op": "PUT", "data": { "deleted_at": 5 } }), &phone(40));
    assert_eq!(soft.row.deleted_at, Some(40));
    let patched = placed(&gone, json!({ "data": { "color": "red" } }), &phone(40));
    assert_eq!((patched.row.deleted_at, patched.row.text("color").as_str()), (Some(30), "red"));
    assert_eq!(lost(&patched), [("deleted_at", json!(null), json!(30))]);
}

#[test]
fn who_makes_a_row_anew_saw_none_of_what_others_wrote_there() {
    let put = json!({ "op": "PUT", "data": { "name": "Tea", "color": "red" } });
    let over = placed(&habit(), put.clone(), &phone(40));
    assert_eq!((over.row.text("name").as_str(), over.row.text("color").as_str()), ("Tea", "red"));
    // There was no color.
    assert_eq!(lost(&over), [("name", json!("Water"), json!("Tea"))]);
    // Its own, or what it says it saw, it replaces.
    let milk = json!({ "op": "PUT", "data": { "name": "Milk" } });
    assert_eq!(lost(&placed(&over.row, milk.clone(), &phone(50))), []);
    let mut saw = milk;
    saw["previous"] = json!({ "name": "Water" });
    assert_eq!(lost(&placed(&habit(), saw, &phone(50))), []);
}

#[test]
fn who_brings_a_row_back_as_a_whole_keeps_what_somebody_wrote_there_meanwhile() {
    let put = json!({ "op": "PUT", "data": { "name": "Water", "color": "red" } });
    let mut gone = habit();
    gone.set_deleted(Some(30), &phone(30));
    gone.set("name", "Tea", &Hlc::from_parts(35, 0, "tablet"));
    let back = placed(&gone, put, &phone(40));
    assert_eq!((back.row.deleted_at, back.row.text("name").as_str()), (None, "Water"));
    assert_eq!(lost(&back), [("name", json!("Tea"), json!("Water"))]);
}

#[test]
fn a_deletion_of_what_was_not_seen_is_kept_as_a_loss() {
    let delete = |previous: Json| json!({ "op": "DELETE", "previous": previous });
    let seen = placed(&habit(), delete(json!({ "name": "Water", "phase": "ONBOARD" })), &phone(20));
    assert_eq!((seen.row.deleted_at, seen.losses.len()), (Some(20), 0));
    let unseen = placed(&habit(), delete(json!({ "name": "Juice" })), &phone(20));
    assert_eq!(unseen.row.deleted_at, Some(20));
    assert_eq!(lost(&unseen), [("deleted_at", json!(null), json!(20))]);
    let older = placed(&habit(), delete(json!(null)), &phone(5));
    assert_eq!((older.row.deleted_at, older.losses.len()), (Some(5), 1), "edited after it was deleted");
    let twice = placed(&seen.row, delete(json!(null)), &phone(50));
    assert!(!twice.changed && twice.losses.is_empty());
}

#[test]
fn what_nobody_described_is_kept_with_its_clock() {
    let done = placed(&habit(), json!({ "data": { "mood": "good", "phase": "LAPSED", "scope": "u:bob" } }), &phone(20));
    assert_eq!(done.row.extra["mood"], "good".into());
    assert_eq!(done.row.clocks["mood"], phone(20));
    assert_eq!((done.row.text("phase").as_str(), done.row.scope.to_string().as_str()), ("ONBOARD", "u:ada"));
    let older = placed(&done.row, json!({ "data": { "mood": "bad" } }), &at(15));
    assert_eq!(lost(&older), [("mood", json!("bad"), json!("good"))]);
    let huge = json!({ "data": { "mood": "x".repeat(20_000) } });
    assert_eq!(place(&habit(), &operation(huge), &phone(9), &[]).unwrap_err().column, "mood");
}

#[test]
fn a_value_its_column_cannot_hold_is_refused_whole() {
    for broken in [
        json!({ "name": 7 }),
        json!({ "name": null }),
        json!({ "name": "" }),
        json!({ "kind": "other", "color": "red" }),
        json!({ "freq_num": 1.5 }),
        json!({ "freq_num": 0 }),
    ] {
        assert!(place(&habit(), &operation(json!({ "data": broken })), &phone(20), &[]).is_err(), "{broken}");
    }
    let lenient =
        json!({ "data": { "freq_num": 2.0, "micro_active": true, "active_days": [1, 2], "target_value": 3 } });
    let row = placed(&habit(), lenient, &phone(20)).row;
    assert_eq!((row.integer("freq_num"), row.integer("micro_active")), (Some(2), Some(1)));
    assert_eq!((row.text("active_days").as_str(), row.number("target_value")), ("[1,2]", Some(3.0)));
}

#[test]
fn a_new_row_needs_what_is_required() {
    let ada = UserId::new("ada").unwrap();
    let fresh = || Row::new(&HABITS, "h", Scope::Person(ada.clone()), ada.clone(), 1);
    let put = |data: Json| operation(json!({ "op": "PUT", "data": data }));
    let missing = place_new(fresh(), &put(json!({ "color": "red" })), &phone(5), &[]).unwrap_err();
    assert_eq!((missing.column.as_str(), missing.message.as_str()), ("name", "is required"));
    let row = place_new(fresh(), &put(json!({ "name": "Tea", "anchor_behavior": "x" })), &phone(5), &[]).unwrap();
    assert_eq!((row.text("name").as_str(), row.hlc()), ("Tea", Some(&phone(5))));
}

const PLAIN: Habit = Habit { counted: false, avoid: false, target: 1.0 };
const WATER: Habit = Habit { counted: true, avoid: false, target: 8.0 };
const SWEETS: Habit = Habit { counted: false, avoid: true, target: 1.0 };

#[test]
fn a_rule_is_broken_by_who_wrote_what_breaks_it_and_not_by_two_who_meet() {
    let custom = json!({ "data": { "frequency": "CUSTOM" }, "previous": { "frequency": "DAILY" } });
    let seen = json!({ "data": { "frequency": "CUSTOM" }, "previous": { "frequency": "DAILY", "active_days": "[1]" } });
    let broken = |row: &Row, body: &Json, clock: &Hlc| {
        broken_rule(row, &operation(body.clone()), std::iter::empty(), clock, &[]).map(|refusal| refusal.column)
    };
    assert_eq!(broken(&habit(), &custom, &phone(20)).as_deref(), Some("active_days"), "there never were days");
    assert_eq!(broken(&habit(), &seen, &phone(20)), None, "the client had days: somebody took them since");
    let mut row = habit();
    row.set("active_days", Value::Null, &at(30));
    assert_eq!(broken(&row, &custom, &phone(20)), None, "written after it, so that it cannot have known");
    assert_eq!(broken(&row, &custom, &phone(40)).as_deref(), Some("active_days"));
    // A row that was in disorder before is no reason to refuse another edit.
    row.set("frequency", "CUSTOM", &at(30));
    assert_eq!(broken(&row, &json!({ "data": { "name": "Tea" } }), &phone(40)), None);
    assert_eq!(broken(&row, &json!({ "data": { "kind": "measurable" } }), &phone(40)).as_deref(), Some("target_value"));
    // What cannot be stored at all is refused for that, and what is not the client's to write counts for nothing.
    assert_eq!(broken(&habit(), &json!({ "data": { "frequency": 7, "kind": null } }), &phone(20)), None);
    let closed = operation(custom.clone());
    assert_eq!(broken_rule(&habit(), &closed, std::iter::empty(), &phone(20), &["frequency"]), None);
    // What follows may meet the rule again.
    let later = operation(json!({ "data": { "active_days": "[5]" } }));
    assert_eq!(broken_rule(&habit(), &closed, std::iter::once(&later), &phone(20), &[]), None);
    let vain = operation(json!({ "data": { "active_days": "[]" } }));
    assert!(broken_rule(&habit(), &closed, std::iter::once(&vain), &phone(20), &[]).is_some());
}

fn day(status: &str, amount: Option<f64>) -> Row {
    let ada = UserId::new("ada").unwrap();
    let mut row = Row::new(&COMPLETIONS, "c", Scope::Person(ada.clone()), ada, 1);
    row.set("type", status, &at(1));
    row.set("amount", amount, &at(1));
    row
}

#[test]
fn a_table_of_written_days() {
    let deed = |verb, value| Ok(Some(Deed { verb, value, skip_reason: None }));
    let skip = Ok(Some(Deed { verb: Verb::Skip, value: None, skip_reason: Some("TRAVELING".into()) }));
    let put = |data: Json| json!({ "op": "PUT", "data": data });
    let full = day("FULL", None);
    let three = day("PARTIAL", Some(3.0));
    let verb = |verb: &str, value: Json| json!({ "op": "PUT", "data": { "type": "FULL" }, "metadata": { "verb": verb, "value": value } });
    for (body, cell, habit, expected) in [
        (put(json!({ "type": "FULL" })), None, PLAIN, deed(Verb::Full, None)),
        // Another person, or another phone, did the same: its own deed.
        (put(json!({ "type": "FULL" })), Some(&full), PLAIN, deed(Verb::Full, None)),
        (put(json!({ "type": "PARTIAL", "partial_percent": 30 })), None, PLAIN, deed(Verb::Partial, Some(30.0))),
        (put(json!({ "type": "PARTIAL" })), None, PLAIN, deed(Verb::Partial, Some(50.0))),
        (put(json!({ "type": "SKIPPED", "skip_reason": "TRAVELING" })), None, PLAIN, skip),
        (put(json!({ "type": "MISSED" })), None, PLAIN, Ok(None)),
        (put(json!({ "type": "MISSED" })), None, SWEETS, deed(Verb::Lapse, None)),
        (json!({ "op": "DELETE" }), Some(&full), PLAIN, deed(Verb::Undo, None)),
        (json!({ "data": { "deleted_at": 5 } }), Some(&full), PLAIN, deed(Verb::Undo, None)),
        (json!({ "data": { "type": null } }), Some(&full), PLAIN, deed(Verb::Undo, None)),
        (json!({ "data": { "note": "x" } }), Some(&full), PLAIN, Ok(None)),
        (json!({ "data": { "type": "FULL" } }), Some(&full), PLAIN, Ok(None)),
        (
            json!({ "data": { "type": "FULL" }, "previous": { "type": "SKIPPED" } }),
            Some(&full),
            PLAIN,
            deed(Verb::Full, None),
        ),
        (
            json!({ "data": { "type": "SKIPPED" }, "previous": { "type": "FULL" } }),
            Some(&full),
            PLAIN,
            deed(Verb::Skip, None),
        ),
        // Increments: the difference when the client says what it saw, else what it wrote.
        (put(json!({ "type": "PARTIAL", "amount": 2 })), None, WATER, deed(Verb::Set, Some(2.0))),
        (
            json!({ "data": { "amount": 4 }, "previous": { "amount": 3.0 } }),
            Some(&three),
            WATER,
            deed(Verb::Add, Some(1.0)),
        ),
        (
            json!({ "data": { "amount": 1 }, "previous": { "amount": null } }),
            Some(&three),
            WATER,
            deed(Verb::Add, Some(1.0)),
        ),
        (
            json!({ "data": { "amount": 2 }, "previous": { "amount": 3 } }),
            Some(&three),
            WATER,
            deed(Verb::Add, Some(-1.0)),
        ),
        (json!({ "data": { "amount": 5 } }), Some(&three), WATER, deed(Verb::Set, Some(5.0))),
        (put(json!({ "type": "FULL" })), None, WATER, deed(Verb::Set, Some(8.0))),
        // What was meant goes before what was written.
        (verb("add", json!(1)), Some(&full), WATER, deed(Verb::Add, Some(1.0))),
        (verb("add", json!(null)), None, WATER, deed(Verb::Add, Some(1.0))),
        (verb("undo", json!(null)), Some(&full), PLAIN, deed(Verb::Undo, None)),
        (verb("lapse", json!(null)), None, SWEETS, deed(Verb::Lapse, None)),
    ] {
        assert_eq!(cell::read(&operation(body.clone()), cell, habit), expected, "{body}");
    }
    let texts = json!({ "data": { "amount": "4" }, "previous": { "amount": "3" } });
    assert_eq!(
        cell::read(
            &operation(json!({ "table": "completions", "data": texts["data"], "previous": texts["previous"] })),
            Some(&three),
            WATER
        ),
        deed(Verb::Add, Some(1.0)),
        "some clients hand out numbers as text"
    );
    assert_eq!(cell::read(&operation(verb("add", json!("2"))), None, WATER), deed(Verb::Add, Some(2.0)));
    for broken in [
        verb("add", json!(1e10)),
        put(json!({ "type": "DONE" })),
        put(json!({ "type": "PARTIAL", "partial_percent": 0 })),
        put(json!({ "amount": -1, "type": "PARTIAL" })),
        verb("miss", json!(null)),
        verb("lapse", json!(null)),
        verb("partial", json!(100)),
    ] {
        assert!(cell::read(&operation(broken.clone()), None, WATER).is_err(), "{broken}");
    }
    // An amount alone says nothing of a habit that is not counted; beside a deed it does no harm.
    let amount = |previous: Json| operation(json!({ "data": { "amount": 3 }, "previous": previous }));
    assert!(cell::read(&amount(json!({ "amount": null })), Some(&full), PLAIN).is_err());
    assert!(cell::read(&operation(put(json!({ "amount": 3 }))), None, PLAIN).is_err());
    assert_eq!(
        cell::read(&operation(put(json!({ "type": "FULL", "amount": 1 }))), None, PLAIN),
        deed(Verb::Full, None)
    );
}
