//! Uploads as text. Each operation is read by itself, so that one nobody can read keeps no other from being applied.
//!
//! What readers of JSON refuse although it is written as JSON should be: a number too large for any (`1e999`), objects in
//! objects without end, and half of a character (`"\ud83d"`), which JavaScript makes when it cuts a text in the middle of an
//! emoji. The half character is replaced, since the rest of the text is still what somebody wrote; the others are set aside,
//! and so is an operation that names a field twice.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::once::{Fields, Once};
use super::{Envelope, MAX_OPERATIONS, NoEnvelope, Written, is_id, millis, number};

/// How deep an operation may be nested: it is kept and shown within other JSON, and readers end at 128.
const DEEPEST: usize = 100;

impl Envelope {
    /// Reads the body of an upload.
    ///
    /// # Errors
    /// [`NoEnvelope`].
    pub fn parse(body: &Fields) -> Result<Self, NoEnvelope> {
        let batch = body.get("batch").and_then(|batch| serde_json::from_str::<Vec<Box<RawValue>>>(batch).ok());
        let batch = batch.ok_or(NoEnvelope::None("batch is the list of operations."))?;
        if batch.len() > MAX_OPERATIONS {
            return Err(NoEnvelope::TooMany);
        }
        let client_id = body.get("client_id").and_then(|id| match read(id) {
            Ok(Json::Null) => None,
            Ok(Json::String(id)) if is_id(&id) => Some(id),
            // Whatever a client calls itself, its queue goes through.
            Ok(other) => Some(crate::ids::derive(&format!("client|{other}"))),
            Err(_) => Some(crate::ids::derive(&format!("client|{id}"))),
        });
        let now = body.get("now").and_then(|now| millis(&read(now).ok()?));
        Ok(Self { client_id, now, batch: batch.iter().map(|raw| Written::parse(raw.get())).collect() })
    }

    /// One row, as simple connectors send it, as an upload of one operation.
    #[must_use]
    pub fn of_row(op: &str, body: &Fields) -> Self {
        const NULL: &str = "null";
        let text = |name: &str| body.get(name).filter(|raw| *raw != NULL);
        let data = text("data").and_then(fields).unwrap_or_default();
        let id = text("id").or_else(|| Some(data.get("id")?.get())).unwrap_or(NULL);
        let mut operation = format!("{{\"op\":\"{op}\",\"id\":{id}");
        for name in ["table", "type", "data", "previous", "metadata"] {
            if let Some(raw) = text(name) {
                operation.push_str(&format!(",\"{name}\":{raw}"));
            }
        }
        operation.push('}');
        Self { client_id: None, now: None, batch: vec![Written::parse(&operation)] }
    }
}

impl Written {
    /// Reads the text of one operation. One that cannot be read keeps its text, and its number, if that can be.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match read(text) {
            Ok(raw) => Self::read(raw),
            Err(reason) => {
                let op_id = fields(text).and_then(|fields| number(&read(fields.get("op_id")?.get()).ok()?));
                Self { op_id, raw: Json::String(text.to_owned()), operation: Err(reason) }
            }
        }
    }

    /// Reads again what was set aside: the operation, or its text.
    #[must_use]
    pub fn again(raw: Json) -> Self {
        match raw {
            Json::String(text) => Self::parse(&text),
            raw => Self::read(raw),
        }
    }
}

/// Reads JSON, with halves of characters replaced; else says in a sentence why it cannot be read.
pub(super) fn read(text: &str) -> Result<Json, String> {
    if depth(text) > DEEPEST {
        return Err("It cannot be read: it is nested too deeply.".into());
    }
    let mended = |error| mend(text).map_or(Err(error), |mended| serde_json::from_str(&mended));
    let read = serde_json::from_str::<Once>(text).or_else(mended);
    read.map(|once| once.0).map_err(|error| format!("It cannot be read: {error}."))
}

/// The values of an object by name, unread; of those that are named twice, the last.
fn fields(text: &str) -> Option<BTreeMap<String, Box<RawValue>>> {
    serde_json::from_str(text).or_else(|_| serde_json::from_str(&mend(text).unwrap_or_default())).ok()
}

/// How deep lists and objects are nested.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Replaces escapes that are half a character; `None` where there is none.
fn mend(text: &str) -> Option<String> {
    let mut mended = String::with_capacity(text.len());
    let (mut rest, mut found) = (text, false);
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        mended.push_str(before);
        let length = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                mended.push('\u{fffd}');
                (rest, found) = (escape.get(6..).unwrap_or_default(), true);
                continue;
            }
            // What is escaped may be a backslash itself.
            _ => 1 + escape.chars().nth(1).map_or(0, char::len_utf8),
        };
        let (whole, after) = escape.split_at(length);
        mended.push_str(whole);
        rest = after;
    }
    mended.push_str(rest);
    found.then_some(mended)
}

/// The number of an escape `\uXXXX` at the beginning of a text.
fn unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::Kind;
    use super::*;

    #[test]
    fn half_a_character_is_replaced_and_whole_ones_stay() {
        for (text, mended) in [
            (r#""tea \ud83d""#, Some("\"tea \u{fffd}\"")),
            (r#""\ude00 tea""#, Some("\"\u{fffd} tea\"")),
            (r#""\ud83d\ud83d\ude00""#, Some("\"\u{fffd}\\ud83d\\ude00\"")),
            (r#""\ud83d\n\ud83dx""#, Some("\"\u{fffd}\\n\u{fffd}x\"")),
            (r#""\uD83Dé""#, Some("\"\u{fffd}é\"")),
            (r#""\ud83d\u0041""#, Some("\"\u{fffd}\\u0041\"")),
            (r#""\\ud83d""#, None),
            (r#""\ud83d\ude00 \u00e9 \" \\""#, None),
            ("\"tea\"", None),
            ("\"\\", None),
        ] {
            assert_eq!(mend(text).as_deref(), mended, "{text}");
        }
    }

    #[test]
    fn an_operation_nobody_can_read_keeps_its_text_and_its_number() {
        let deep = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
        for (value, said) in
            [("1e999".to_owned(), "number out of range"), (deep(100), "nested"), (deep(9000), "nested")]
        {
            let text = format!(r#"{{"op_id":7,"op":"PATCH","table":"habits","id":"h","data":{{"x":{value}}}}}"#);
            let written = Written::parse(&text);
            assert_eq!((written.op_id.as_deref(), written.raw.as_str()), (Some("7"), Some(text.as_str())));
            let reason = written.operation.clone().unwrap_err();
            assert!(reason.starts_with("It cannot be read: ") && reason.contains(said), "{reason}");
            assert_eq!(Written::again(written.raw.clone()), written);
        }
        assert!(Written::parse(&deep(98)).operation.unwrap_err().starts_with("op is"), "is read, and is none");
        assert_eq!(Written::parse("1e999").op_id, None);
    }

    #[test]
    fn what_is_named_twice_is_not_guessed() {
        let operation = |data: &str| format!(r#"{{"op_id":7,"op":"PUT","table":"habits","id":"h","data":{data}}}"#);
        for data in [r#"{"name":"Tea","name":"Milk"}"#, r#"{"days":[{"a":1,"a":1}]}"#, r#"{"x":1,"\u0078":2}"#] {
            let written = Written::parse(&operation(data));
            assert_eq!(written.op_id.as_deref(), Some("7"));
            assert!(written.operation.clone().unwrap_err().contains("duplicate field"), "{written:?}");
            assert_eq!(written.raw, Json::from(operation(data)), "both are kept");
        }
        let twice = Written::parse(r#"{"op_id":7,"op":"PUT","op":"DELETE","table":"habits","id":"h","op_id":8}"#);
        assert_eq!((twice.op_id.as_deref(), twice.operation.is_err()), (Some("8"), true));
        let all = r#"{"a":[null,true,false,-1,1,18446744073709551615,0.5,"x",{}],"b":{"a":{"b":[]}}}"#;
        assert_eq!(read(all), Ok(serde_json::from_str(all).unwrap()));
        let envelope = serde_json::from_str::<Fields>(r#"{"batch":[{}],"batch":[]}"#);
        assert!(envelope.unwrap_err().to_string().starts_with("duplicate field `batch`"));
    }

    #[test]
    fn an_operation_is_read_by_itself() {
        let body = r#"{"client_id":1e999,"now":"\ud83d","more":1e999,"batch":[
            {"op_id":1,"op":"PUT","table":"habits","id":"h","data":{"name":"Tea \ud83d"},"old":{"name":"\udc00"},
             "metadata":"{\"verb\":\"add\",\"why\":\"\\ud83d\"}"},
            {"op_id":2,"op":"PUT","table":"habits","id":"h","data":{"target_value":1e999}},
            {"op_id":3,"op":"DELETE","table":"habits","id":"h"}]}"#;
        let envelope = Envelope::parse(&serde_json::from_str(body).unwrap()).unwrap();
        assert!(envelope.is_numbered() && envelope.now.is_none());
        let operation = envelope.batch[0].operation.as_ref().unwrap();
        assert_eq!(operation.data["name"], "Tea \u{fffd}");
        assert_eq!(operation.previous.as_ref().unwrap()["name"], "\u{fffd}");
        assert!(operation.meaning.verb.is_some());
        assert!(envelope.batch[1].operation.is_err());
        assert_eq!(envelope.batch[2].operation.as_ref().unwrap().kind, Kind::Delete);
    }

    #[test]
    fn a_row_by_itself_is_an_upload_of_one() {
        let of = |body: &str| Envelope::of_row("PUT", &serde_json::from_str(body).unwrap()).batch.remove(0);
        let told = |body: &str| of(body).operation.map(|operation| (operation.table, operation.id, operation.data));
        let (table, id, data) = told(r#"{"table":"habits","data":{"id":"h","name":"Tea \ud83d","\ud83d":1}}"#).unwrap();
        assert_eq!((table.as_str(), id.as_str(), &data["name"]), ("habits", "h", &Json::from("Tea \u{fffd}")));
        assert_eq!(told(r#"{"type":"habits","id":"g","data":null}"#).unwrap().1, "g");
        for broken in ["{}", r#"{"table":"habits","data":{"id":"h","x":1e999}}"#, r#"{"table":"habits","id":null}"#] {
            assert!(told(broken).is_err(), "{broken}");
        }
    }
}
