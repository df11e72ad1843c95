//! How the hub stands with its server, for a person and for programs.

use kairos_core::Millis;
use serde::Serialize;

/// The word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No server is set.
    NotConfigured,
    /// Nothing is left to be pushed, nothing to be pulled.
    Synced,
    /// Rows are on their way.
    Syncing,
    /// Changes wait here, and the server can be reached.
    Pending,
    /// The server cannot be reached; everything works here, and waits.
    Offline,
    /// The server answers, and something is wrong that does not pass by itself.
    Error,
}

/// How the hub stands with its server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Status {
    /// The word.
    pub state: State,
    /// How many changes wait to be pushed; at most a hundred thousand are counted.
    pub pending: usize,
    /// When both sides were last known to have the same, in milliseconds since the epoch.
    pub synced_at: Option<Millis>,
    /// What is the matter, or was noticed, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Since when the word is that, in milliseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Millis>,
    /// Whose do not get through while others do, and why; for administrators.
    #[serde(skip)]
    pub stuck: Vec<(kairos_core::scope::Scope, String)>,
    /// Where the server is, without a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
}

impl Status {
    /// That of a hub without a server.
    #[must_use]
    pub fn none() -> Self {
        Self {
            state: State::NotConfigured,
            pending: 0,
            synced_at: None,
            message: None,
            since: None,
            stuck: Vec::new(),
            server: None,
        }
    }

    /// The state as people read it.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self.state {
            State::NotConfigured => "No server is connected; everything stays at home.".into(),
            State::Synced => "Synced".into(),
            State::Syncing => "Syncing…".into(),
            State::Pending => format!("{} pending", self.pending),
            State::Offline => "Can't reach server. Working offline.".into(),
            State::Error => "Sync error".into(),
        }
    }
}
