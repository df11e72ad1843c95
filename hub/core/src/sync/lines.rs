//! The lines of a stream, encoded. Each ends in `\n` and has exactly one key.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

/// How many operations a line of data holds at most.
pub const MAX_OPS: usize = 1000;
/// How long a line of data is at most, in bytes, but for one operation that is larger by itself.
pub const MAX_LINE: usize = 256 * 1024;

/// A bucket as a checkpoint lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed<'a> {
    /// Its name.
    pub bucket: &'a str,
    /// The sum of the checksums of all its operations.
    pub checksum: u32,
    /// How many there are.
    pub count: i64,
    /// 0 is the most urgent, 3 the least.
    pub priority: u8,
    /// Why the client gets it.
    pub subscriptions: &'a [Because],
}

/// Why a client gets a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// Everybody does: the index of the stream in the checkpoint.
    Default(usize),
    /// It asked: the index of the subscription in its request.
    Sub(usize),
}

/// A stream as a checkpoint lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Its name.
    pub name: String,
    /// Whether everybody gets it.
    pub is_default: bool,
    /// What is wrong with what was asked of it.
    pub errors: Vec<Fault>,
}

/// Why a subscription has no bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The index of the subscription in the request.
    pub subscription: usize,
    /// A sentence.
    pub message: &'static str,
}

fn line(value: &Value) -> String {
    let mut text = value.to_string();
    text.push('\n');
    text
}

/// One key around a body, and the write checkpoint where there is one.
fn with_write(mut body: Value, key: &str, write: i64) -> String {
    if let (Some(map), true) = (body.as_object_mut(), write > 0) {
        map.insert("write_checkpoint".into(), write.to_string().into());
    }
    line(&json!({ key: body }))
}

/// The first line: all buckets as they stood at one moment.
#[must_use]
pub fn checkpoint(head: i64, write: i64, buckets: &[Listed<'_>], streams: &[Told]) -> String {
    let body = json!({ "last_op_id": head.to_string(), "buckets": buckets, "streams": streams });
    with_write(body, "checkpoint", write)
}

/// What is different since the last checkpoint. The write checkpoint stands in it also when it is the same: a client
/// takes it for gone otherwise.
#[must_use]
pub fn diff(head: i64, write: i64, updated: &[Listed<'_>], removed: &[String]) -> String {
    let body = json!({ "last_op_id": head.to_string(), "updated_buckets": updated, "removed_buckets": removed });
    with_write(body, "checkpoint_diff", write)
}

/// All buckets up to a priority are complete.
#[must_use]
pub fn partially_complete(head: i64, priority: u8) -> String {
    line(&json!({ "partial_checkpoint_complete": { "last_op_id": head.to_string(), "priority": priority } }))
}

/// All buckets are complete.
#[must_use]
pub fn complete(head: i64) -> String {
    line(&json!({ "checkpoint_complete": { "last_op_id": head.to_string() } }))
}

/// How long the client's token is good, in seconds; also says that the hub is still there.
#[must_use]
pub fn expires_in(seconds: i64) -> String {
    line(&json!({ "token_expires_in": seconds }))
}

/// One operation of the log.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'a> {
    /// Its place in the log.
    pub seq: i64,
    /// `PUT`, `REMOVE` or `MOVE`.
    pub op: &'a str,
    /// The table.
    pub table: &'a str,
    /// The row.
    pub id: &'a str,
    /// Its checksum.
    pub checksum: u32,
    /// The row, JSON text.
    pub row: Option<&'a str>,
}

/// Encodes an operation; the row as text, as it stands in the log, or `raw: false` as JSON.
pub fn operation(out: &mut String, op: &Operation<'_>, raw: bool) {
    let Operation { seq, checksum, .. } = op;
    if op.op == "MOVE" {
        let _ = write!(out, "{{\"op_id\":\"{seq}\",\"op\":\"MOVE\",\"checksum\":{checksum}}}");
        return;
    }
    let _ = write!(out, "{{\"op_id\":\"{seq}\",\"op\":\"{}\",\"object_type\":\"{}\",\"object_id\":", op.op, op.table);
    quote(out, op.id);
    let _ = write!(out, ",\"checksum\":{checksum},\"data\":");
    match op.row {
        Some(row) if raw => quote(out, row),
        Some(row) => out.push_str(row),
        None => out.push_str("null"),
    }
    out.push('}');
}

/// A text as a JSON string. Rows are full of quotes and of nothing else that needs care, so runs are copied whole.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[from..at]);
        from = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.push_str(&text[from..]);
    out.push('"');
}

/// A line of data in the making.
#[derive(Debug)]
pub struct Data {
    after: i64,
    last: i64,
    ops: usize,
    text: String,
    one: String,
    raw: bool,
}

impl Data {
    /// An empty line that begins after a place in the log.
    #[must_use]
    pub fn new(after: i64, raw: bool) -> Self {
        Self { after, last: after, ops: 0, text: String::new(), one: String::new(), raw }
    }

    /// Adds an operation; false when there is no room: it goes into the next line.
    pub fn add(&mut self, op: &Operation<'_>) -> bool {
        if self.ops >= MAX_OPS {
            return false;
        }
        let mut one = std::mem::take(&mut self.one);
        one.clear();
        operation(&mut one, op, self.raw);
        let added = self.add_encoded(op.seq, &one);
        self.one = one;
        added
    }

    /// As [`Data::add`], for one that is encoded already.
    pub fn add_encoded(&mut self, seq: i64, op: &str) -> bool {
        let full = self.ops >= MAX_OPS || (self.ops > 0 && self.text.len() + op.len() + 1 > MAX_LINE);
        if full {
            return false;
        }
        if self.ops > 0 {
            self.text.push(',');
        }
        self.text.push_str(op);
        (self.last, self.ops) = (seq, self.ops + 1);
        true
    }

    /// How many operations it holds.
    #[must_use]
    pub fn ops(&self) -> usize {
        self.ops
    }

    /// The place of its last operation.
    #[must_use]
    pub fn last(&self) -> i64 {
        self.last
    }

    /// The line.
    pub fn write(&self, out: &mut String, bucket: &str, has_more: bool) {
        out.reserve(self.text.len() + bucket.len() + 128);
        out.push_str("{\"data\":{\"bucket\":");
        quote(out, bucket);
        let _ = write!(out, ",\"after\":\"{}\",\"has_more\":{has_more},\"data\":[", self.after);
        out.push_str(&self.text);
        let _ = writeln!(out, "],\"next_after\":\"{}\"}}}}", self.last);
    }
}
