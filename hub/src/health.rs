//! How each part of the hub is doing, in words for a person.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// How a part is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", content = "reason", rename_all = "snake_case")]
pub enum State {
    /// It works.
    Ok,
    /// It does not do all it should, and why.
    Degraded(String),
    /// It is switched off, or not part of this hub, and why.
    Off(String),
}

/// The board every part writes its state on. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<BTreeMap<&'static str, State>>>);

impl Board {
    /// Writes a part's state. Says so in the log once when it changes, not at every repetition.
    pub fn set(&self, part: &'static str, state: State) {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if parts.get(part) == Some(&state) {
            return;
        }
        match (&state, parts.get(part)) {
            (State::Ok, Some(State::Degraded(_))) => tracing::info!(part, "Available again."),
            (State::Degraded(reason), _) => tracing::warn!(part, reason, "Degraded."),
            (State::Ok | State::Off(_), _) => {}
        }
        parts.insert(part, state);
    }

    /// How one part is doing.
    #[must_use]
    pub fn get(&self, part: &str) -> Option<State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(part).cloned()
    }

    /// Every part.
    #[must_use]
    pub fn all(&self) -> BTreeMap<&'static str, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
