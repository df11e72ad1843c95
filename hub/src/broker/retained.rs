//! Retained messages: bounded in bytes, and written by the hub only when they change.

use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// What is retained now, by topic. The payloads are shared with the engine.
#[derive(Debug)]
pub(super) struct Ledger {
    max_bytes: usize,
    // Held for a map operation and never across an await.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    bytes: usize,
    topics: HashMap<String, Bytes>,
}

impl Ledger {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { max_bytes, state: Mutex::default() }
    }

    /// Whether a payload of this size may be retained on `topic`.
    pub(super) fn fits(&self, topic: &str, size: usize) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let replaced = state.topics.get(topic).map_or(0, Bytes::len);
        size == 0 || state.bytes - replaced + size <= self.max_bytes
    }

    /// Records what is retained now. False when nothing changed and nothing needs to be written.
    pub(super) fn set(&self, topic: &str, payload: Option<&Bytes>) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match payload {
            Some(payload) if state.topics.get(topic) == Some(payload) => return false,
            Some(payload) => {
                state.bytes += payload.len();
                state.topics.insert(topic.to_owned(), payload.clone())
            }
            None => match state.topics.remove(topic) {
                None => return false,
                before => before,
            },
        };
        state.bytes -= before.map_or(0, |payload| payload.len());
        true
    }

    /// Forgets a topic whose new content could not be written, so that a repetition is written again.
    pub(super) fn unset(&self, topic: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(payload) = state.topics.remove(topic) {
            state.bytes -= payload.len();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn bytes_are_bounded_and_repetitions_need_no_write() {
        let ledger = Ledger::new(10);
        let (five, seven) = (Bytes::from_static(b"12345"), Bytes::from_static(b"1234567"));
        assert!(ledger.set("a", Some(&five)));
        assert!(!ledger.set("a", Some(&five)));
        assert!(ledger.fits("b", 5) && !ledger.fits("b", 6) && ledger.fits("a", 10));
        assert!(ledger.set("a", Some(&seven)));
        assert!(!ledger.fits("b", 5));
        assert!(ledger.fits("b", 0), "clearing always fits");
        assert!(ledger.set("a", None));
        assert!(!ledger.set("a", None));
        assert!(ledger.fits("b", 10));
        assert!(ledger.set("a", Some(&five)));
        ledger.unset("a");
        ledger.unset("a");
        assert!(ledger.set("a", Some(&five)), "written again after it was not saved");
    }
}
