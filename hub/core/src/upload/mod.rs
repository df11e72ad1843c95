//! Uploads: what a client wrote while nobody listened, as it comes in.
//!
//! Reading is lenient, since a queue that cannot be emptied is the worst that can happen to a phone that was offline:
//! only an envelope that is none is refused. An operation that cannot be understood stays beside the others, with the
//! reason, and is set aside. [`text`] reads each by itself, [`place`] writes an operation over a row, [`cell`] reads a deed
//! out of a written day.

pub mod cell;
mod once;
pub mod place;
mod text;

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::Millis;
use crate::event::{Verb, words};
use crate::ids::MAX_ID;
use crate::schema::{DELETED_AT, Kind as Holds, Table};

pub use once::Fields;

/// How many operations one envelope holds at most.
pub const MAX_OPERATIONS: usize = 5000;

words!(
    /// What a client did to a row.
    Kind {
        /// Inserted or replaced: sets what differs, and brings a deleted row back.
        Put = "PUT",
        /// Changed some columns.
        Patch = "PATCH",
        /// Deleted.
        Delete = "DELETE",
    }
);

words!(
    /// What became of an operation.
    Fate {
        /// Applied as it came.
        Applied = "applied",
        /// It was applied before; nothing changed now.
        Duplicate = "duplicate",
        /// It met newer or unseen changes: both are kept, what lost stands under conflicts.
        Merged = "merged",
        /// It could not be applied, and is kept under conflicts.
        Quarantined = "quarantined",
    }
);

/// One upload.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// The client's database, if it said.
    pub client_id: Option<String>,
    /// What the client's clock showed when it sent this.
    pub now: Option<Millis>,
    /// The operations, oldest first.
    pub batch: Vec<Written>,
}

/// Why a body is no upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoEnvelope {
    /// It is none; a sentence.
    None(&'static str),
    /// It has more than [`MAX_OPERATIONS`].
    TooMany,
}

/// One operation as it came, and what could be read of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// Its number in the client's queue, if it said.
    pub op_id: Option<String>,
    /// As it came; where that cannot be read, its text.
    pub raw: Json,
    /// What it says, or why that is not known, in a sentence.
    pub operation: Result<Operation, String>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// What was done.
    pub kind: Kind,
    /// To which table.
    pub table: String,
    /// To which row.
    pub id: String,
    /// The columns that were written.
    pub data: Map<String, Json>,
    /// What the client saw in them before, if it keeps that.
    pub previous: Option<Map<String, Json>>,
    /// What the client says it meant.
    pub meaning: Meaning,
}

/// What a client says about an operation, in its metadata. Anything else there is its own business.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Meaning {
    /// The deed, for a written day.
    pub verb: Option<Verb>,
    /// Its amount or percent.
    pub value: Option<f64>,
    /// When it was written, by the client's clock.
    pub at: Option<Millis>,
}

impl Envelope {
    /// Whether a repetition of each operation can be told by its number.
    #[must_use]
    pub fn is_numbered(&self) -> bool {
        self.client_id.is_some() && self.batch.iter().all(|written| written.op_id.is_some())
    }

    /// Whether any of its operations adds to an amount: told twice, it would count twice.
    #[must_use]
    pub fn adds(&self) -> bool {
        let adds = |operation: &Operation| {
            operation.meaning.verb == Some(Verb::Add)
                || (operation.data.contains_key("amount") && operation.previous.is_some())
        };
        self.batch.iter().filter_map(|written| written.operation.as_ref().ok()).any(adds)
    }
}

impl Written {
    /// Reads one operation.
    #[must_use]
    pub fn read(raw: Json) -> Self {
        let op_id = raw.get("op_id").and_then(number);
        let operation = Operation::read(&raw);
        Self { op_id, raw, operation }
    }

    /// The table and row it is about, as far as it says.
    #[must_use]
    pub fn target(&self) -> (Option<&str>, Option<&str>) {
        (word(&self.raw, &["table", "type"]), word(&self.raw, &["id"]))
    }
}

impl Operation {
    fn read(raw: &Json) -> Result<Self, String> {
        let kind = word(raw, &["op"]).and_then(Kind::parse).ok_or("op is PUT, PATCH or DELETE.")?;
        let table = word(raw, &["table", "type"]).ok_or("table names the table.")?;
        let id = word(raw, &["id"]).filter(|id| is_id(id));
        let id = id.ok_or_else(|| format!("id is 1 to {MAX_ID} printable characters without spaces."))?;
        let described = Table::named(table);
        let data = match object(raw, &["data", "opData"]) {
            Some(Ok(data)) => numbers(data, described),
            Some(Err(())) => return Err("data is an object of columns and values.".into()),
            // A change that changed nothing comes without data.
            None => Map::new(),
        };
        let previous = object(raw, &["previous", "old", "previousValues"]).and_then(Result::ok);
        let previous = previous.map(|previous| numbers(previous, described));
        let meaning = Meaning::read(raw.get("metadata"));
        Ok(Self { kind, table: table.to_owned(), id: id.to_owned(), data, previous, meaning })
    }

    /// Whether it deletes its row. An app may keep deletions as a column of its own.
    #[must_use]
    pub fn deletes(&self) -> bool {
        self.kind == Kind::Delete || self.data.get(DELETED_AT).is_some_and(|at| !at.is_null())
    }

    /// When it was written, by the client's clock: what its metadata says, else the row's own `updated_at`.
    #[must_use]
    pub fn written_at(&self) -> Option<Millis> {
        self.meaning.at.or_else(|| self.data.get("updated_at").and_then(millis))
    }
}

impl Meaning {
    /// Metadata is a text of the client's own; ours is JSON.
    fn read(metadata: Option<&Json>) -> Self {
        let parsed = match metadata {
            Some(Json::String(text)) => text::read(text).unwrap_or(Json::Null),
            Some(other) => other.clone(),
            None => Json::Null,
        };
        Self {
            verb: word(&parsed, &["verb"]).and_then(Verb::parse),
            value: parsed.get("value").and_then(as_number),
            at: parsed.get("at").and_then(millis),
        }
    }
}

/// The number of an operation.
fn number(json: &Json) -> Option<String> {
    match json {
        Json::Number(number) => Some(number.to_string()),
        Json::String(text) if is_id(text) => Some(text.clone()),
        _ => None,
    }
}

fn is_id(text: &str) -> bool {
    crate::ids::CommandId::new(text).is_ok()
}

fn word<'a>(json: &'a Json, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| json.get(name)?.as_str())
}

fn object<'a>(json: &'a Json, names: &[&str]) -> Option<Result<&'a Map<String, Json>, ()>> {
    names.iter().find_map(|name| match json.get(name)? {
        Json::Null => None,
        Json::Object(object) => Some(Ok(object)),
        _ => Some(Err(())),
    })
}

/// Values as columns hold them: some clients' databases hand out every number as text.
fn numbers(data: &Map<String, Json>, table: Option<&'static Table>) -> Map<String, Json> {
    let number = |(name, value): (&String, &Json)| {
        let counts = table.and_then(|table| table.column(name)).is_some_and(|column| column.kind != Holds::Text);
        let read =
            value.as_str().filter(|_| counts).and_then(|text| serde_json::from_str::<serde_json::Number>(text).ok());
        (name.clone(), read.map_or_else(|| value.clone(), Json::Number))
    };
    data.iter().map(number).collect()
}

/// A finite number, also one that comes as text.
fn as_number(json: &Json) -> Option<f64> {
    let number = json.as_f64().or_else(|| json.as_str()?.parse().ok())?;
    number.is_finite().then_some(number)
}

/// A time: milliseconds since the epoch, or a text such as `2026-11-24T10:00:00Z`.
#[must_use]
pub fn millis(json: &Json) -> Option<Millis> {
    /// 2000-01-01 and 2100-01-01: what is beyond is no time of a habit.
    const FIRST: Millis = 946_684_800_000;
    const LAST: Millis = 4_102_444_800_000;
    let millis = match json {
        #[allow(clippy::cast_possible_truncation)] // saturates, and is judged below
        Json::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|real| real as i64))?,
        Json::String(text) => match text.parse::<i64>() {
            Ok(millis) => millis,
            Err(_) => text.parse::<jiff::Timestamp>().ok()?.as_millisecond(),
        },
        _ => return None,
    };
    (FIRST..LAST).contains(&millis).then_some(millis)
}

/// The columns of a row as JSON, by name.
pub type Columns = BTreeMap<String, Json>;

#[cfg(test)]
mod tests;
