//! Why a websocket ends, and what the client is told.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite;

use super::NoPlace;
use crate::auth::Access;
use crate::net::Slot;

/// Why a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The client left, or broke the protocol of the socket itself.
    Gone,
    /// It sent a larger message than is taken.
    TooLarge,
    /// It takes nothing.
    Stalled,
    /// It may not come in, or its access was taken away.
    SignedOut,
    /// As many screens as there may be are here.
    Full,
    /// As many screens as one account may have are here.
    TooMany,
    /// The hub stops, or cannot read its own log.
    Away,
}

impl From<NoPlace> for End {
    fn from(why: NoPlace) -> Self {
        match why {
            NoPlace::Full => Self::Full,
            NoPlace::TooMany => Self::TooMany,
        }
    }
}

impl End {
    /// What it means that nothing more can be read.
    pub(super) fn of(error: axum::Error) -> Self {
        match error.into_inner().downcast_ref() {
            Some(tungstenite::Error::Capacity(_)) => Self::TooLarge,
            _ => Self::Gone,
        }
    }

    /// What it means that access ended: somebody who joined or left a household comes in again, and sees what is theirs
    /// now.
    pub(super) fn of_access(access: &Access) -> Self {
        if access.sees_other_now() { Self::Away } else { Self::SignedOut }
    }

    /// The close code clients act on, and a word for people who read logs.
    fn frame(self) -> Option<(u16, &'static str)> {
        match self {
            Self::Gone => None,
            Self::Away => Some((1001, "please come back")),
            Self::TooLarge => Some((1009, "too large a message")),
            Self::Full => Some((1013, "too many screens")),
            Self::TooMany => Some((1013, "too many screens of this account")),
            Self::SignedOut => Some((4001, "signed out")),
            Self::Stalled => Some((4008, "too much unread; please resume")),
        }
    }

    /// Says goodbye, to whomever it reaches.
    pub(super) async fn tell(self, socket: &mut WebSocket, slot: Option<&Slot>) {
        let Some((code, reason)) = self.frame() else { return };
        if let (Self::TooLarge, Some(slot)) = (self, slot) {
            slot.linger();
        }
        let frame = CloseFrame { code, reason: reason.into() };
        // A stalled client will not take this either; it is worth one short try.
        let _ = timeout(Duration::from_secs(1), socket.send(Message::Close(Some(frame)))).await;
    }
}
