//! Who wishes: the one place where rights are stated. They are asked for in the hub's `commands`.

use crate::event::Source;
use crate::ids::{DeviceId, UserId};
use crate::scope::Scope;

/// By which way somebody came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// A person in the app.
    Session,
    /// A script with an API token.
    Token,
    /// A button or board, acting as its owner.
    Device(DeviceId),
    /// A mirror: sees its people's day; may complete as one of them when that person agreed.
    Display {
        /// The display.
        id: DeviceId,
        /// Whether it may complete.
        may_act: bool,
    },
    /// The hub's own engine.
    Engine,
}

/// Somebody who wishes to see or change something: a person, by some way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The person in whose name it happens.
    pub user: UserId,
    /// How they came in.
    pub via: Via,
    /// Whether the person administers the hub.
    pub admin: bool,
    /// The scopes the person belongs to: their own, and their households'.
    pub scopes: Vec<Scope>,
}

impl Principal {
    /// Whether rows of a scope may be read.
    #[must_use]
    pub fn may_read(&self, scope: &Scope) -> bool {
        self.scopes.contains(scope)
    }

    /// Whether deeds may be recorded in a scope.
    #[must_use]
    pub fn may_record(&self, scope: &Scope) -> bool {
        let acts = !matches!(self.via, Via::Display { may_act: false, .. });
        acts && self.scopes.contains(scope)
    }

    /// Whether habits, devices and settings may be changed in a scope: people only, never a thing.
    #[must_use]
    pub fn may_edit(&self, scope: &Scope) -> bool {
        matches!(self.via, Via::Session | Via::Token) && self.scopes.contains(scope)
    }

    /// Whether accounts may be managed. A token in a script never may.
    #[must_use]
    pub fn may_administer(&self) -> bool {
        self.admin && self.via == Via::Session
    }

    /// Under which name commands are repeated: two authors may use the same command id.
    #[must_use]
    pub fn author(&self) -> String {
        match &self.via {
            Via::Session | Via::Token | Via::Engine => format!("u:{}", self.user),
            Via::Device(id) | Via::Display { id, .. } => format!("d:{id}"),
        }
    }

    /// The source written into events.
    #[must_use]
    pub fn source(&self) -> Source {
        match self.via {
            Via::Session => Source::App,
            Via::Token => Source::Api,
            Via::Device(_) => Source::Device,
            Via::Display { .. } => Source::Mirror,
            Via::Engine => Source::Engine,
        }
    }
}
