//! How a file is refused: one sentence for the person who chose it, with the place where there is one.
//!
//! A place may hold the name of a habit, as folders are named after them: nothing for a log.

use std::fmt;

/// Why a file could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where in the file, such as `Habits.csv, line 3`.
    pub place: Option<String>,
    /// What is wrong, a sentence.
    pub message: String,
}

impl Fault {
    /// About the file as a whole.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { place: None, message: message.into() }
    }

    /// About a place in it.
    #[must_use]
    pub fn at(place: impl fmt::Display, message: impl Into<String>) -> Self {
        let place = place.to_string();
        Self { place: Some(place).filter(|place| !place.is_empty()), message: message.into() }
    }

    /// A limit was passed.
    #[must_use]
    pub fn too_much(what: &str, limit: impl fmt::Display) -> Self {
        Self::new(format!("{what}: at most {limit} are read."))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Fault {}

/// The file is none that is known here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unknown(pub String);

impl From<Unknown> for Fault {
    fn from(unknown: Unknown) -> Self {
        Self::new(unknown.0)
    }
}
