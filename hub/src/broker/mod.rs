//! The embedded MQTT broker.
//!
//! The protocol engine is the `mqtt5` crate, pinned, and known to this module alone; why, and what it must not be
//! asked to do, stands in `docs/decisions/0001-mqtt-broker.md`. Around it, ours:
//!
//! - [`Broker`] owns the listeners, connections and tasks; the hub speaks through it.
//! - `connection` is the life of one connection: CONNECT, login, registration, the engine, the end.
//! - `guard` is the stream under the engine; `connect`, `wire`, `shape` and `rate` are its pure parts.
//! - [`access`] says who may use which topic; `registry` knows who is connected and ends connections at once.
//! - `hooks` answers the engine's questions; `retained` keeps retained messages within bounds and out of its memory.
//! - [`websocket`] checks an upgrade request and carries MQTT over the upgraded connection.
//!
//! What holds, whatever a client sends:
//!
//! - An event is acknowledged after [`Gate::event`] says it is settled, or never; then the connection ends.
//! - Identity is the credential. Two credentials never share a session, whatever they call themselves.
//! - A client that is silent, slow, stalled or fast costs others nothing; every queue and wait is bounded.

pub mod access;
mod connect;
mod connection;
mod guard;
mod handle;
mod hooks;
mod rate;
mod registry;
mod retained;
mod settings;
mod shape;
pub mod websocket;
mod wire;

pub use access::{Class, Direction, Grant, Kind, may};
pub use handle::Broker;
pub use rate::Rate;
pub use settings::Settings;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

/// A future as trait objects return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the broker asks of the rest of the hub.
pub trait Gate: Send + Sync + 'static {
    /// Judges a login. Called once per connection, within the handshake's time.
    fn authenticate<'a>(&'a self, login: Login<'a>) -> BoxFuture<'a, Result<Grant, Refused>>;

    /// Settles an event or a command (see [`Kind`]); resolves once it is committed, or refused for good. `Err`, or
    /// longer than [`Settings::commit_timeout`]: no acknowledgement is sent and the connection ends, so the device
    /// sends again.
    fn event<'a>(&'a self, publish: Publish<'a>) -> BoxFuture<'a, Result<Settled, NotSaved>>;

    /// Any other accepted publish or will, on its way to its subscribers. Best effort, given one second.
    fn note<'a>(&'a self, publish: Publish<'a>) -> BoxFuture<'a, ()>;

    /// Keeps a retained message, or forgets it when `payload` is `None`. Awaited before the acknowledgement.
    fn retained_set<'a>(
        &'a self,
        topic: &'a str,
        payload: Option<&'a [u8]>,
        qos: u8,
    ) -> BoxFuture<'a, Result<(), NotSaved>>;

    /// A credential has its first connection, or has lost its last one.
    fn connected(&self, credential: &str, online: bool);

    /// Something was refused; counted and logged by the hub. Called on the connection's own path: be quick.
    fn refused(&self, credential: Option<&str>, what: Refusal);
}

/// A client that wants in.
#[derive(Debug, Clone, Copy)]
pub struct Login<'a> {
    /// What it calls itself; may be empty, and proves nothing.
    pub client_id: &'a str,
    /// The user name, if it sent one.
    pub username: Option<&'a str>,
    /// The password, if it sent one.
    pub password: Option<&'a [u8]>,
    /// Where it comes from.
    pub peer: SocketAddr,
}

/// Why a login is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Unknown user or wrong password; told apart for nobody.
    Credentials,
    /// Known, but not allowed now: no pairing window, disabled.
    NotAllowed,
    /// Too many attempts.
    TooOften,
    /// The hub cannot tell at the moment.
    Unavailable,
}

/// A message a client published, handed over the moment it was read: the time is the hub's clock's.
#[derive(Debug, Clone, Copy)]
pub struct Publish<'a> {
    /// Who sent it.
    pub credential: &'a str,
    /// Where to.
    pub topic: &'a str,
    /// What.
    pub payload: &'a [u8],
    /// How it was sent.
    pub qos: u8,
    /// Its retain flag.
    pub retain: bool,
}

/// What became of an event that need not be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It is on the disk.
    Saved,
    /// It will never be. A client of MQTT 5 hears so in its acknowledgement; 3.1.1 has no word for it.
    Refused(Reason),
}

/// Why an event will never be saved, as far as MQTT 5 has words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The payload is not what it should be.
    Payload,
    /// The sender may not.
    NotAuthorized,
    /// Understood, and not accepted.
    NotAccepted,
}

/// An event or a retained message could not be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not saved")]
pub struct NotSaved;

/// A retained message, as it is handed back at the next start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retained {
    /// Its topic.
    pub topic: String,
    /// Its content; never empty.
    pub payload: Vec<u8>,
    /// The quality it was published with.
    pub qos: u8,
}

/// What was refused, for counters and throttled logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The peer said nothing sensible in time.
    Handshake,
    /// A login, by [`Gate::authenticate`].
    Login,
    /// A publish to a topic the grant does not have.
    Publish,
    /// A subscription to a filter the grant does not have.
    Subscribe,
    /// A will on a topic the grant does not have, or that needs a person's press.
    Will,
    /// An event with the retain flag: a copy, never a press.
    RetainedEvent,
    /// An event larger than [`Settings::max_event`].
    EventTooLarge,
    /// An event that was not saved in time; its sender will repeat it.
    NotSaved,
    /// A retained message that could not be kept; it was delivered and will be gone after a restart.
    RetainedNotSaved,
    /// A retained message beyond [`Settings::retained_bytes`].
    RetainedFull,
    /// More clients of one credential than it may have.
    TooManyClients,
    /// A second holder of a pairing topic.
    PairingTaken,
    /// A login that raced with its own revocation.
    Revoked,
}

impl Refusal {
    /// A short name for metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Login => "login",
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Will => "will",
            Self::RetainedEvent => "retained_event",
            Self::EventTooLarge => "event_too_large",
            Self::NotSaved => "not_saved",
            Self::RetainedNotSaved => "retained_not_saved",
            Self::RetainedFull => "retained_full",
            Self::TooManyClients => "too_many_clients",
            Self::PairingTaken => "pairing_taken",
            Self::Revoked => "revoked",
        }
    }
}
