#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};

use super::bucket::{Name, Source, Sum, habit, month};
use super::lines::{self, Because, Data, Fault, Listed, MAX_LINE, Operation, Told};
use super::request::{Request, Wrong, decimal};
use crate::scope::Scope;

fn parse(body: &Value) -> Result<Request, Wrong> {
    Request::parse(body.to_string().as_bytes())
}

#[test]
fn what_a_real_client_asks_is_understood() {
    let request = parse(&json!({
        "buckets": [{ "name": "b", "after": "18" }], "include_checksum": true, "raw_data": true, "binary_data": true,
        "client_id": "f1db45fa-36a6-40ce-afc2-b1d80622f664", "parameters": {}, "app_metadata": {},
        "streams": { "include_defaults": false, "subscriptions": [
            { "stream": "events", "parameters": { "habit": "h1" }, "override_priority": null },
            { "stream": "watch_recent", "parameters": null, "override_priority": 0 },
        ] },
    }))
    .unwrap();
    assert_eq!(request.after["b"], 18);
    assert!(request.raw && !request.defaults);
    assert_eq!(request.client_id, "f1db45fa-36a6-40ce-afc2-b1d80622f664");
    assert_eq!(habit(&request.subscriptions[0].parameters), Some("h1"));
    assert_eq!((request.subscriptions[1].parameters.len(), request.subscriptions[1].priority), (0, Some(0)));
    let least = parse(&json!({})).unwrap();
    assert!(least.defaults && !least.raw && least.after.is_empty() && least.client_id.is_empty());
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for body in [
        json!([]),
        json!(null),
        json!({ "buckets": {} }),
        json!({ "buckets": [{ "name": "b" }] }),
        json!({ "buckets": [{ "name": "b", "after": 5 }] }),
        json!({ "buckets": [{ "name": "b", "after": "-1" }] }),
        json!({ "buckets": [{ "name": "b", "after": "+1" }] }),
        json!({ "buckets": [{ "name": "b", "after": "" }] }),
        json!({ "buckets": [{ "name": "b", "after": "9223372036854775808" }] }),
        json!({ "client_id": "a b" }),
        json!({ "client_id": "x".repeat(129) }),
        json!({ "client_id": 5 }),
        json!({ "parameters": [] }),
        json!({ "streams": { "subscriptions": [{ "stream": "s", "override_priority": 4 }] } }),
        json!({ "streams": { "subscriptions": [{ "stream": "s".repeat(101) }] } }),
        json!({ "streams": { "subscriptions": [{ "stream": "s", "parameters": [1] }] } }),
        json!({ "streams": { "include_defaults": 1 } }),
        json!({ "app_metadata": "x".repeat(256 * 1024) }),
    ] {
        assert!(matches!(parse(&body), Err(Wrong::Malformed(_))), "{body}");
    }
    for body in [&b""[..], b"{", b"{\"buckets\":[}", b"\xff\xfe", "[".repeat(100_000).as_bytes()] {
        assert!(matches!(Request::parse(body), Err(Wrong::Malformed(_))));
    }
    let named = |count: usize| json!({ "buckets": vec![json!({ "name": "b", "after": "1" }); count] });
    assert!(parse(&named(1000)).is_ok());
    assert!(matches!(parse(&named(1001)), Err(Wrong::TooMany(_))));
    let subscribed = |count: usize| json!({ "streams": { "subscriptions": vec![json!({ "stream": "s" }); count] } });
    assert!(parse(&subscribed(100)).is_ok());
    assert!(matches!(parse(&subscribed(101)), Err(Wrong::TooMany(_))));
    assert_eq!(decimal("9223372036854775807"), Some(i64::MAX));
}

#[test]
fn parameters_are_judged() {
    for (parameters, fine) in [
        (json!({ "month": "2026-11" }), true),
        (json!({ "month": "2026-13" }), false),
        (json!({ "month": "2026-1" }), false),
        (json!({ "month": "+026-11" }), false),
        (json!({ "month": 202_611 }), false),
        (json!({}), false),
    ] {
        assert_eq!(month(parameters.as_object().unwrap()).is_some(), fine, "{parameters}");
    }
    for (parameters, fine) in [
        (json!({ "habit": "h" }), true),
        (json!({ "habit": "" }), false),
        (json!({ "habit": "a b" }), false),
        (json!({ "habit": null }), false),
    ] {
        assert_eq!(habit(parameters.as_object().unwrap()).is_some(), fine, "{parameters}");
    }
}

#[test]
fn lines_are_as_recorded() {
    let subscriptions = [Because::Default(0), Because::Sub(2)];
    let bucket = Listed { bucket: "b", checksum: 1_944_535_485, count: 6, priority: 3, subscriptions: &subscriptions };
    let fault = Fault { subscription: 0, message: "There is no such stream." };
    let told = Told { name: "me".into(), is_default: true, errors: vec![fault] };
    let line = lines::checkpoint(12, 0, std::slice::from_ref(&bucket), &[told]);
    assert!(line.ends_with("}\n") && line.matches('\n').count() == 1);
    assert_eq!(
        serde_json::from_str::<Value>(&line).unwrap(),
        json!({ "checkpoint": { "last_op_id": "12",
            "buckets": [{ "bucket": "b", "checksum": 1_944_535_485_u32, "count": 6, "priority": 3,
                "subscriptions": [{ "default": 0 }, { "sub": 2 }] }],
            "streams": [{ "name": "me", "is_default": true,
                "errors": [{ "subscription": 0, "message": "There is no such stream." }] }] } })
    );
    let line = lines::diff(13, 7, &[bucket], &["old".into()]);
    let diff = &serde_json::from_str::<Value>(&line).unwrap()["checkpoint_diff"];
    assert_eq!((&diff["write_checkpoint"], &diff["removed_buckets"]), (&json!("7"), &json!(["old"])));
    assert_eq!(
        lines::partially_complete(12, 1),
        "{\"partial_checkpoint_complete\":{\"last_op_id\":\"12\",\"priority\":1}}\n"
    );
    assert_eq!(lines::complete(12), "{\"checkpoint_complete\":{\"last_op_id\":\"12\"}}\n");
    assert_eq!(lines::expires_in(20), "{\"token_expires_in\":20}\n");
}

fn op<'a>(seq: i64, op: &'a str, row: Option<&'a str>) -> Operation<'a> {
    Operation { seq, op, table: "habits", id: "h\"1", checksum: 4_294_967_295, row }
}

#[test]
fn operations_carry_the_row_as_it_stands_in_the_log() {
    let row = json!({ "id": "h", "name": "W\u{1}\"a\\ter\n💧\u{2028}\t\r" }).to_string();
    for (raw, data) in [(true, json!(row)), (false, serde_json::from_str(&row).unwrap())] {
        let mut text = String::new();
        lines::operation(&mut text, &op(13, "PUT", Some(&row)), raw);
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            json!({ "op_id": "13", "op": "PUT", "object_type": "habits", "object_id": "h\"1",
                "checksum": 4_294_967_295_u32, "data": data })
        );
    }
    let mut text = String::new();
    lines::operation(&mut text, &op(14, "REMOVE", None), true);
    assert!(text.ends_with("\"data\":null}"), "{text}");
    text.clear();
    lines::operation(&mut text, &op(15, "MOVE", None), true);
    assert_eq!(text, "{\"op_id\":\"15\",\"op\":\"MOVE\",\"checksum\":4294967295}");
}

#[test]
fn a_line_of_data_is_bounded_and_holds_at_least_one() {
    let large = "x".repeat(MAX_LINE + 1);
    let mut data = Data::new(4, true);
    assert!(data.add(&op(5, "PUT", Some(&large))) && !data.add(&op(6, "REMOVE", None)));
    let mut line = String::new();
    data.write(&mut line, "b", true);
    let line: Value = serde_json::from_str(&line).unwrap();
    let body = &line["data"];
    assert_eq!((&body["after"], &body["next_after"], &body["has_more"]), (&json!("4"), &json!("5"), &json!(true)));
    let mut data = Data::new(0, true);
    let taken = (1..).take_while(|seq| data.add(&op(*seq, "REMOVE", None))).count();
    assert_eq!((taken, data.ops(), data.last()), (1000, 1000, 1000));
    let half = "x".repeat(MAX_LINE / 2);
    let mut data = Data::new(0, true);
    assert!(data.add(&op(1, "PUT", Some(&half))) && !data.add(&op(2, "PUT", Some(&half))));
}

#[test]
fn names_tell_hub_epoch_generation_and_scope() {
    let scope = Scope::parse("u:ada").unwrap();
    for (source, end) in [
        (Source::Rows(scope.clone()), "u:ada"),
        (Source::Events(scope.clone(), "h1".into()), "u:ada:events:h1"),
        (Source::Month(scope, "2026-11".into()), "u:ada:month:2026-11"),
    ] {
        let name = Name { hub: "hub", epoch: "epoch", generation: 2, source: &source }.to_string();
        assert_eq!(name, format!("hub:epoch:2:{end}"));
    }
    let sum = Sum { checksum: u32::MAX, count: 1 }.plus(Sum { checksum: 2, count: 1 });
    assert_eq!(sum, Sum { checksum: 1, count: 2 });
}
