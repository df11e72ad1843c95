//! The words on the websocket.

use kairos_core::change::Cursor;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::error::ApiError;

/// What a client says first.
#[derive(Deserialize)]
pub(super) struct Hello {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) access_token: Option<String>,
}

/// What a client says afterwards.
#[derive(Deserialize)]
pub(super) struct Request {
    pub(super) id: u64,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) after: Option<Cursor>,
    #[serde(default)]
    pub(super) today: bool,
    pub(super) command: Option<String>,
    pub(super) habit_id: Option<String>,
    pub(super) command_id: Option<String>,
    /// What a deed is made of; the same names as in the body over REST.
    #[serde(flatten)]
    pub(super) rest: serde_json::Map<String, Value>,
}

pub(super) fn result(id: u64, result: &Value) -> String {
    json!({ "id": id, "type": "result", "success": true, "result": result }).to_string()
}

pub(super) fn failure(id: u64, error: &ApiError) -> String {
    let error = json!({ "code": error.code, "message": error.message, "details": error.details });
    json!({ "id": id, "type": "result", "success": false, "error": error }).to_string()
}

/// An event whose object is encoded already.
pub(super) fn event(id: u64, event: &str) -> String {
    format!("{{\"id\":{id},\"type\":\"event\",\"event\":{event}}}")
}

/// The day's view, encoded already.
pub(super) fn today(id: u64, today: &str) -> String {
    format!("{{\"id\":{id},\"type\":\"today\",\"today\":{today}}}")
}

/// A page of current rows, after `resync`.
pub(super) fn rows(id: u64, rows: &[Value], more: bool) -> String {
    json!({ "id": id, "type": "rows", "rows": rows, "more": more }).to_string()
}
