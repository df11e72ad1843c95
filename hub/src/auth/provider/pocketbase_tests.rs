//! Whose word counts as PocketBase's.

use super::*;

fn told(status: u16, body: Value) -> &'static str {
    match vouched(&Answer { status, body }) {
        Ok(_) => "in",
        Err(Fault::Refused) => "refused",
        Err(Fault::Down(_)) => "down",
        Err(_) => "other",
    }
}

/// Nobody is signed out by what stands between the hub and PocketBase.
#[test]
fn only_pocketbase_itself_says_no() {
    for status in [400_u16, 401, 403] {
        assert_eq!(told(status, json!({ "data": {}, "message": "…", "status": status })), "refused");
        assert_eq!(told(status, Value::Null), "down", "a proxy's {status}");
        assert_eq!(told(status, json!({ "status": 500 })), "down");
    }
    for status in [302_u16, 404, 429, 500, 502, 503] {
        assert_eq!(told(status, json!({ "status": status })), "down");
    }
    let record = json!({ "id": "sjncd1g8njb6trq", "email": "a@b.c" });
    assert_eq!(told(200, json!({ "record": record, "token": "t" })), "in");
    assert_eq!(told(200, json!({ "record": record })), "down");
    assert_eq!(told(200, Value::Null), "down");
}
