//! What happened: one row in one log.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::Millis;
use crate::event::words;
use crate::scope::Scope;
use crate::sync::lines::{self, Operation};

words!(
    /// What happened to a row.
    Op {
        /// It is now as `row` says.
        Put = "PUT",
        /// It is gone.
        Remove = "REMOVE",
    }
);

words!(
    /// Where a change came from.
    Origin {
        /// This hub's own door.
        Local = "local",
        /// The server, exactly as it came down: never pushed back.
        Upstream = "upstream",
        /// The server's row merged with ours: pushed.
        Merge = "merge",
    }
);

/// A position in the log. An unknown epoch means: start again from current rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Which life of the database.
    pub epoch: String,
    /// The last change seen.
    pub seq: i64,
}

/// One change, its row encoded once, at commit.
#[derive(Debug)]
pub struct Change {
    /// Its place in the log.
    pub seq: i64,
    /// When it was committed.
    pub at: Millis,
    /// Whose it is.
    pub scope: Scope,
    /// The table.
    pub table: &'static str,
    /// The row.
    pub row_id: String,
    /// What happened.
    pub op: Op,
    /// The row as clients see it, JSON text; `None` when it is gone.
    pub row: Option<Arc<str>>,
    /// Where it came from.
    pub origin: Origin,
    /// A number that clients of sync only add up.
    pub checksum: u32,
    /// The message for clients, made at most once however many there are.
    pub encoded: OnceLock<Arc<str>>,
    /// The same for clients of sync.
    pub operation: OnceLock<Arc<str>>,
}

impl Change {
    /// How much text its row is, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.row.as_ref().map_or(0, |row| row.len())
    }

    /// The operation of sync, with the row as text.
    pub fn to_operation(&self) -> Arc<str> {
        self.operation
            .get_or_init(|| {
                let operation = Operation {
                    seq: self.seq,
                    op: self.op.as_str(),
                    table: self.table,
                    id: &self.row_id,
                    checksum: self.checksum,
                    row: self.row.as_deref(),
                };
                let mut text = String::with_capacity(self.weight() + self.weight() / 4 + 160);
                lines::operation(&mut text, &operation, true);
                text.into()
            })
            .clone()
    }

    /// The event object of websocket and REST: `{"seq","table","op","row","origin","at"}`.
    pub fn to_event(&self) -> Arc<str> {
        self.encoded
            .get_or_init(|| {
                // `row` is JSON already and goes in as it is; the rest needs no escaping but the id.
                let row = self.row.as_deref().map_or_else(
                    || format!("{{\"id\":{}}}", serde_json::Value::from(self.row_id.as_str())),
                    str::to_owned,
                );
                format!(
                    "{{\"seq\":{},\"table\":\"{}\",\"op\":\"{}\",\"row\":{row},\"origin\":\"{}\",\"at\":{}}}",
                    self.seq,
                    self.table,
                    self.op.as_str(),
                    self.origin.as_str(),
                    self.at
                )
                .into()
            })
            .clone()
    }
}
