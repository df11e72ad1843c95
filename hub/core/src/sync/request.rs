//! What a client asks when it opens a stream, read strictly where it matters and bounded everywhere.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

/// The largest body, in bytes.
pub const MAX_BODY: usize = 256 * 1024;
/// How many buckets a client may name.
pub const MAX_BUCKETS: usize = 1000;
/// How many subscriptions a client may have.
pub const MAX_SUBSCRIPTIONS: usize = 100;
/// How long the name of a stream may be: it is said back.
const MAX_STREAM_NAME: usize = 100;
/// How long a client's id may be; a UUID has 36.
const MAX_CLIENT_ID: usize = 128;

/// Why a request is not answered with a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// It cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// It names more than a client may.
    #[error("{0}")]
    TooMany(&'static str),
}

/// A request that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The buckets the client has, and how far it got in each.
    pub after: HashMap<String, i64>,
    /// The client's database; empty when it did not say.
    pub client_id: String,
    /// Rows as JSON text, as every client since 2024 wants them; else as JSON.
    pub raw: bool,
    /// Whether the streams everybody gets are wanted.
    pub defaults: bool,
    /// What is wanted besides.
    pub subscriptions: Vec<Subscription>,
}

/// A stream with parameters that a client asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscription {
    /// The stream.
    pub stream: String,
    /// Its parameters.
    pub parameters: Map<String, Value>,
    /// The priority the client wants it to have.
    pub priority: Option<u8>,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    buckets: Option<Vec<Named>>,
    client_id: Option<String>,
    #[serde(default)]
    raw_data: Option<bool>,
    #[serde(default)]
    streams: Option<Streams>,
    // Read for its shape, and not used.
    #[serde(default, rename = "parameters")]
    _parameters: Option<HashMap<String, IgnoredAny>>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    after: String,
}

#[derive(Deserialize)]
struct Streams {
    #[serde(default = "yes")]
    include_defaults: bool,
    #[serde(default)]
    subscriptions: Vec<Wanted>,
}

#[derive(Deserialize)]
struct Wanted {
    stream: String,
    #[serde(default)]
    parameters: Option<Map<String, Value>>,
    #[serde(default)]
    override_priority: Option<u8>,
}

fn yes() -> bool {
    true
}

/// A decimal number of 63 bits, as ids travel: digits and nothing else.
#[must_use]
pub fn decimal(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// Whether a text can be a client's id.
#[must_use]
pub fn is_client_id(text: &str) -> bool {
    text.len() <= MAX_CLIENT_ID && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl Request {
    /// Reads a body. Unknown fields are ignored, all known ones may be absent.
    ///
    /// # Errors
    /// [`Wrong`], in words for whoever writes a client.
    pub fn parse(body: &[u8]) -> Result<Self, Wrong> {
        let malformed = |text: &str| Wrong::Malformed(text.to_owned());
        if body.len() > MAX_BODY {
            return Err(malformed("The body is larger than 256 KiB."));
        }
        // The library also takes fields by their places in a list.
        if body.trim_ascii_start().first() == Some(&b'[') {
            return Err(malformed("The body is a JSON object."));
        }
        let body: Body = serde_json::from_slice(body).map_err(|error| Wrong::Malformed(told(&error)))?;
        let named = body.buckets.unwrap_or_default();
        if named.len() > MAX_BUCKETS {
            return Err(Wrong::TooMany("A client names at most 1000 buckets."));
        }
        let streams = body.streams.unwrap_or(Streams { include_defaults: true, subscriptions: Vec::new() });
        if streams.subscriptions.len() > MAX_SUBSCRIPTIONS {
            return Err(Wrong::TooMany("A client has at most 100 subscriptions."));
        }
        let mut after = HashMap::with_capacity(named.len());
        for bucket in named {
            let at = decimal(&bucket.after).ok_or_else(|| malformed("buckets: after is a decimal number, as text."))?;
            after.insert(bucket.name, at);
        }
        let client_id = body.client_id.unwrap_or_default();
        if !is_client_id(&client_id) {
            return Err(malformed("client_id is at most 128 printable characters without spaces."));
        }
        let mut subscriptions = Vec::with_capacity(streams.subscriptions.len());
        for wanted in streams.subscriptions {
            if wanted.stream.len() > MAX_STREAM_NAME {
                return Err(malformed("streams: the name of a stream has at most 100 characters."));
            }
            if wanted.override_priority.is_some_and(|priority| priority > 3) {
                return Err(malformed("streams: override_priority is 0, 1, 2 or 3."));
            }
            subscriptions.push(Subscription {
                stream: wanted.stream,
                parameters: wanted.parameters.unwrap_or_default(),
                priority: wanted.override_priority,
            });
        }
        Ok(Self {
            after,
            client_id,
            raw: body.raw_data.unwrap_or(false),
            defaults: streams.include_defaults,
            subscriptions,
        })
    }
}

/// What the library says, without what was sent: that is nobody's business in an answer that may be logged.
fn told(error: &serde_json::Error) -> String {
    let place = format!("line {}, column {}", error.line(), error.column());
    match error.classify() {
        serde_json::error::Category::Data => {
            format!("The body is not as it should be, at {place}: see docs/SYNC.md for its fields.")
        }
        _ => format!("The body is not JSON, at {place}."),
    }
}
