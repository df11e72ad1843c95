//! A client of sync as the protocol describes it: it keeps buckets, adds up checksums, and believes nothing it was not
//! told. Used by stories and by the hub's own tests, so it needs nothing but sockets and JSON.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a line may take that should come at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a client keeps of one bucket.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// What the client names when it comes again.
    pub after: i64,
    last: i64,
    /// Of operations that are superseded, removed or moved away.
    added: u32,
    /// Of rows that are there.
    live: u32,
    ops: i64,
    rows: HashMap<(String, String), (i64, u32, Value)>,
}

impl Kept {
    fn take(&mut self, op: &Value) {
        let id = number(&op["op_id"]);
        assert!(id > self.last, "op ids rise: {id} after {}", self.last);
        self.last = id;
        self.ops += 1;
        let checksum = u32::try_from(op["checksum"].as_u64().expect("a checksum")).unwrap();
        let key = || (text(&op["object_type"]), text(&op["object_id"]));
        let supersede = |kept: &mut Self| {
            if let Some((_, old, _)) = kept.rows.remove(&key()) {
                kept.live = kept.live.wrapping_sub(old);
                kept.added = kept.added.wrapping_add(old);
            }
        };
        match op["op"].as_str().unwrap() {
            "PUT" => {
                supersede(self);
                let row: Value = serde_json::from_str(op["data"].as_str().expect("data is text")).unwrap();
                assert!(
                    row.as_object().unwrap().values().all(|value| !value.is_object() && !value.is_array()),
                    "{row}"
                );
                self.rows.insert(key(), (id, checksum, row));
                self.live = self.live.wrapping_add(checksum);
            }
            "REMOVE" => {
                supersede(self);
                assert!(op["data"].is_null());
                self.added = self.added.wrapping_add(checksum);
            }
            "MOVE" => self.added = self.added.wrapping_add(checksum),
            "CLEAR" => *self = Self { after: self.after, last: id, added: checksum, ..Self::default() },
            other => panic!("no such op: {other}"),
        }
    }

    fn sum(&self) -> u32 {
        self.added.wrapping_add(self.live)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not text: {value}")).to_owned()
}

fn number(value: &Value) -> i64 {
    text(value).parse().unwrap()
}

/// A client's database, and what it makes of the lines it hears.
#[derive(Debug, Clone, Default)]
pub struct Replica {
    pub client_id: String,
    pub buckets: BTreeMap<String, Kept>,
    /// What is shown: by table and id.
    pub rows: BTreeMap<(String, String), Value>,
    /// The last write checkpoint seen with a complete checkpoint.
    pub write_checkpoint: i64,
    /// The kinds of lines heard, in order.
    pub kinds: Vec<String>,
    /// The same lines with the names of all their fields ([`shape`]).
    pub shapes: Vec<String>,
    /// The streams as the last checkpoint told them.
    pub streams: Value,
    /// How many checkpoints were completed.
    pub completed: usize,
    /// Operations taken in.
    pub ops: usize,
    tracked: BTreeMap<String, Value>,
    tracked_write: Option<i64>,
    head: i64,
    begun: bool,
}

/// The names of all fields, in order, and of lists those of their first item: `{after bucket data[{checksum op}]}`.
#[must_use]
pub fn shape(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<String> = fields.iter().map(|(name, value)| format!("{name}{}", shape(value))).collect();
            names.sort();
            format!("{{{}}}", names.join(" "))
        }
        Value::Array(items) => format!("[{}]", items.first().map(shape).unwrap_or_default()),
        _ => String::new(),
    }
}

impl Replica {
    #[must_use]
    pub fn new(client_id: &str) -> Self {
        Self { client_id: client_id.to_owned(), ..Self::default() }
    }

    /// The body with which this client asks, with subscriptions.
    #[must_use]
    pub fn request(&self, subscriptions: &Value) -> Value {
        let buckets: Vec<Value> =
            self.buckets.iter().map(|(name, kept)| json!({ "name": name, "after": kept.after.to_string() })).collect();
        json!({
            "buckets": buckets, "include_checksum": true, "raw_data": true, "binary_data": true,
            "client_id": self.client_id, "parameters": {}, "app_metadata": {},
            "streams": { "include_defaults": true, "subscriptions": subscriptions },
        })
    }

    /// A new connection begins.
    pub fn connect(&mut self) {
        self.begun = false;
        self.kinds.clear();
        self.shapes.clear();
    }

    /// Takes in a line; gives its kind.
    pub fn hear(&mut self, line: &Value) -> String {
        let line = line.as_object().expect("a line is an object");
        assert_eq!(line.len(), 1, "a line has one key: {line:?}");
        let (kind, body) = line.iter().next().unwrap();
        match kind.as_str() {
            "checkpoint" => {
                assert!(!self.begun, "one checkpoint a connection");
                self.begun = true;
                self.tracked = by_name(&body["buckets"]);
                self.streams = body["streams"].clone();
                self.buckets.retain(|name, _| self.tracked.contains_key(name));
                self.checkpoint(body);
            }
            "checkpoint_diff" => {
                assert!(self.begun, "a diff follows a checkpoint");
                self.tracked.extend(by_name(&body["updated_buckets"]));
                for name in body["removed_buckets"].as_array().unwrap() {
                    self.tracked.remove(name.as_str().unwrap());
                    self.buckets.remove(name.as_str().unwrap());
                }
                self.checkpoint(body);
            }
            "data" => {
                let name = text(&body["bucket"]);
                assert!(self.tracked.contains_key(&name), "data of a bucket that was not told: {name}");
                let ops = body["data"].as_array().unwrap();
                assert!(!ops.is_empty() && ops.len() <= 1000, "{} ops", ops.len());
                let kept = self.buckets.entry(name).or_default();
                ops.iter().for_each(|op| kept.take(op));
                self.ops += ops.len();
            }
            "partial_checkpoint_complete" => {
                assert_eq!(number(&body["last_op_id"]), self.head);
                self.validate(body["priority"].as_u64().unwrap());
            }
            "checkpoint_complete" => {
                assert_eq!(number(&body["last_op_id"]), self.head);
                self.validate(3);
                for name in self.tracked.keys() {
                    self.buckets.entry(name.clone()).or_default().after = self.head;
                }
                self.publish();
            }
            "token_expires_in" => assert!(body.is_i64(), "{body}"),
            other => panic!("no such line: {other}"),
        }
        self.shapes.push(format!("{kind} {}", shape(body)));
        self.kinds.push(kind.clone());
        kind.clone()
    }

    fn checkpoint(&mut self, body: &Value) {
        self.head = number(&body["last_op_id"]);
        self.tracked_write = body.get("write_checkpoint").map(number);
    }

    /// Asserts that every bucket up to a priority sums up to what the hub said of it.
    fn validate(&self, priority: u64) {
        for (name, told) in self.tracked.iter().filter(|(_, told)| told["priority"].as_u64().unwrap() <= priority) {
            let none = Kept::default();
            let kept = self.buckets.get(name).unwrap_or(&none);
            assert_eq!(told["checksum"].as_u64().unwrap(), u64::from(kept.sum()), "the checksum of {name}");
            assert_eq!(told["count"].as_i64().unwrap(), kept.ops, "the number of operations of {name}");
            assert!(kept.last <= self.head, "{name} goes beyond the checkpoint");
        }
    }

    fn publish(&mut self) {
        let mut shown: BTreeMap<(String, String), (i64, Value)> = BTreeMap::new();
        for kept in self.buckets.values() {
            for (key, (id, _, row)) in &kept.rows {
                match shown.get(key) {
                    Some((other, _)) if other > id => {}
                    _ => {
                        shown.insert(key.clone(), (*id, row.clone()));
                    }
                }
            }
        }
        self.rows = shown.into_iter().map(|(key, (_, row))| (key, row)).collect();
        if let Some(write) = self.tracked_write {
            self.write_checkpoint = write;
        }
        self.completed += 1;
    }

    /// The ids of the rows of a table that are shown.
    #[must_use]
    pub fn ids(&self, table: &str) -> BTreeSet<String> {
        self.rows.keys().filter(|(of, _)| of == table).map(|(_, id)| id.clone()).collect()
    }

    /// A row that is shown.
    #[must_use]
    pub fn row(&self, table: &str, id: &str) -> Option<&Value> {
        self.rows.get(&(table.to_owned(), id.to_owned()))
    }
}

fn by_name(buckets: &Value) -> BTreeMap<String, Value> {
    buckets.as_array().unwrap().iter().map(|told| (text(&told["bucket"]), told.clone())).collect()
}

/// An open stream.
pub struct SyncStream {
    stream: TcpStream,
    pub status: u16,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    /// Bytes of the body that arrived, as they travelled.
    pub body_bytes: usize,
    wire: Vec<u8>,
    text: Vec<u8>,
    gunzip: Option<flate2::write::GzDecoder<Vec<u8>>>,
    over: bool,
}

impl SyncStream {
    /// Asks, and reads the head of the answer.
    pub async fn open(port: u16, token: &str, body: &Value, gzip: bool) -> Self {
        let extra = if gzip { "Accept-Encoding: gzip, deflate\r\n" } else { "" };
        Self::ask(port, &format!("Authorization: Token {token}\r\n{extra}"), body.to_string().as_bytes()).await
    }

    /// As [`SyncStream::open`], with any headers and any body.
    pub async fn ask(port: u16, headers: &str, body: &[u8]) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let head = format!(
            "POST /sync/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        let mut wire = Vec::new();
        let end = loop {
            if let Some(end) = wire.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            let read = tokio::time::timeout(PATIENCE, stream.read_buf(&mut wire)).await.expect("an answer").unwrap();
            assert!(read > 0, "the connection ended before an answer");
        };
        let head = String::from_utf8(wire.drain(..end + 4).collect()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: HashMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let gunzip = headers.get("content-encoding").map(|encoding| {
            assert_eq!(encoding, "gzip");
            flate2::write::GzDecoder::new(Vec::new())
        });
        Self { stream, status, headers, body_bytes: 0, wire, text: Vec::new(), gunzip, over: false }
    }

    /// The body of an answer that is no stream.
    pub async fn refusal(mut self) -> Value {
        let length: usize = self.headers["content-length"].parse().unwrap();
        while self.wire.len() < length {
            assert!(self.stream.read_buf(&mut self.wire).await.unwrap() > 0);
        }
        serde_json::from_slice(&self.wire[..length]).unwrap()
    }

    /// The next line; `None` when the stream has ended as it should.
    pub async fn line(&mut self) -> Option<Value> {
        tokio::time::timeout(PATIENCE, self.next()).await.expect("a line in time")
    }

    /// As [`SyncStream::line`], as long as it takes.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                assert!(line.len() <= 300 * 1024 || line.contains(&b'\\'), "a line of {} bytes", line.len());
                return Some(serde_json::from_slice(&line).unwrap());
            }
            if self.over {
                assert!(self.text.is_empty(), "half a line at the end");
                return None;
            }
            if !self.chunk() {
                let read = self.stream.read_buf(&mut self.wire).await.unwrap_or(0);
                assert!(read > 0, "the connection was cut off");
            }
        }
    }

    /// Takes a chunk out of what has arrived; false when it is not there yet.
    fn chunk(&mut self) -> bool {
        let Some(end) = self.wire.windows(2).position(|two| two == b"\r\n") else { return false };
        let size = usize::from_str_radix(std::str::from_utf8(&self.wire[..end]).unwrap(), 16).unwrap();
        if self.wire.len() < end + 2 + size + 2 {
            return false;
        }
        let body: Vec<u8> = self.wire.drain(..end + 2 + size + 2).skip(end + 2).take(size).collect();
        self.body_bytes += size;
        self.over = size == 0;
        match &mut self.gunzip {
            Some(gunzip) if self.over => {
                gunzip.try_finish().unwrap();
                self.text.append(gunzip.get_mut());
            }
            Some(gunzip) => {
                gunzip.write_all(&body).unwrap();
                gunzip.flush().unwrap();
                self.text.append(gunzip.get_mut());
            }
            None => self.text.extend(body),
        }
        true
    }

    /// Hears lines until a checkpoint is complete.
    pub async fn complete(&mut self, replica: &mut Replica) {
        loop {
            let line = self.line().await.expect("the stream goes on");
            if replica.hear(&line) == "checkpoint_complete" {
                return;
            }
        }
    }

    /// Hears complete checkpoints until what is shown is as it should be.
    pub async fn until(&mut self, replica: &mut Replica, what: &str, fine: impl Fn(&Replica) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !fine(replica) {
            assert!(tokio::time::Instant::now() < deadline, "waited in vain: {what}");
            self.complete(replica).await;
        }
    }
}

/// An answer to a plain request.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Value,
}

/// Asks something else of the hub, on a connection of its own.
pub async fn ask(port: u16, method: &str, path: &str, headers: &str, body: Option<&Value>) -> Answer {
    ask_with(port, method, path, headers, &body.map(Value::to_string).unwrap_or_default()).await
}

/// As [`ask`], with any body.
pub async fn ask_with(port: u16, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut heard)).await.expect("an answer").unwrap();
    let heard = String::from_utf8(heard).unwrap();
    let (head, body) = heard.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_ascii_lowercase(), body: serde_json::from_str(body).unwrap_or(Value::Null) }
}
