//! The contract of compiled-in adapters: what they get of the hub, and what they give.
//!
//! An adapter holds things when made and works only between `run` and its end. It sees the [`Hub`]
//! trait and nothing behind it: it cannot name SQL, sockets or other adapters. Each runs in its own
//! task, so a slow one delays nobody.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::Millis;
use crate::change::{Change, Cursor};
use crate::command::{Binding, Command, Receipt, Rejection};
use crate::day::Date;
use crate::ids::{DeviceId, HabitId, RoutineId, UserId};
use crate::principal::Principal;
use crate::routine::Stage;
use crate::today::Item;

/// A boxed future: adapters are called through trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why the hub could not answer. Whoever waits must not treat the wish as saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the hub cannot save right now: {0}")]
pub struct Unavailable(pub String);

/// A message from a device.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The device, as its credential says; never taken from topic or payload.
    pub device: &'a DeviceId,
    /// The part of the topic after the device's own prefix: `event`, `info`, `status`.
    pub leaf: &'a str,
    /// The bytes.
    pub payload: &'a [u8],
}

/// What the hub knows of a device.
#[derive(Debug, Clone)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// The person in whose name it acts.
    pub by: Principal,
    /// Its bindings.
    pub bindings: Vec<Binding>,
}

/// Something that happened, which an adapter's outlet may want to show.
#[derive(Debug, Clone)]
pub enum Page {
    /// Changes after the cursor, in order, and where to go on.
    Changes(Vec<Arc<Change>>, Cursor),
    /// The cursor is of another life of the database: start again from current rows.
    Resync(Cursor),
}

/// What an adapter may ask of the hub.
pub trait Hub: Send + Sync {
    /// The hub's clock.
    fn now(&self) -> Millis;
    /// Sends a command through the one door; answers after the commit.
    fn submit<'a>(&'a self, command: Command) -> BoxFuture<'a, Result<Receipt, Unavailable>>;
    /// A device and what its triggers do; `None` when it is unknown or revoked.
    fn device<'a>(&'a self, id: &'a DeviceId) -> BoxFuture<'a, Result<Option<Device>, Unavailable>>;
    /// Every active device.
    fn devices(&self) -> BoxFuture<'_, Result<Vec<DeviceId>, Unavailable>>;
    /// Today's item of a habit the person may see.
    fn item<'a>(&'a self, by: &'a Principal, habit: &'a HabitId) -> BoxFuture<'a, Result<Option<Item>, Unavailable>>;
    /// How a routine the person may see stands; `None` when there is no such routine.
    fn routine<'a>(
        &'a self,
        by: &'a Principal,
        routine: &'a RoutineId,
    ) -> BoxFuture<'a, Result<Option<Stage>, Unavailable>>;
    /// The person's present day, and when the next one begins.
    fn today<'a>(&'a self, user: &'a UserId) -> BoxFuture<'a, Result<(Date, Millis), Unavailable>>;
    /// The changes after a cursor; waits until there is at least one.
    fn changes<'a>(&'a self, after: Option<Cursor>) -> BoxFuture<'a, Result<Page, Unavailable>>;
    /// Sends a message to a device: `QoS` 1, and retained when it is the present state.
    fn tell<'a>(&'a self, device: &'a DeviceId, leaf: &'a str, payload: String, retain: bool) -> BoxFuture<'a, ()>;
    /// Waits until the hub's clock reaches a time.
    fn sleep_until(&self, at: Millis) -> BoxFuture<'_, ()>;
    /// Ten random bytes, for ids.
    fn random(&self) -> [u8; 10];
}

/// What became of a message; handed back to the adapter when the device's wait is over.
#[derive(Debug, Clone)]
pub struct Handled {
    /// The device's own name for the press, if it gave one that can be read.
    pub press_id: Option<String>,
    /// The habit it concerned.
    pub habit: Option<HabitId>,
    /// The routine it concerned.
    pub routine: Option<RoutineId>,
    /// In whose name it was done.
    pub by: Option<Principal>,
    /// The answer: saved, or refused for good.
    pub answer: Result<Receipt, Rejection>,
}

/// A compiled-in adapter.
pub trait Adapter: Send + Sync {
    /// Its name in logs, health and cursors.
    fn name(&self) -> &'static str;

    /// Takes a message from a device, while the device waits for its acknowledgement: short work only.
    ///
    /// `None`: there is nothing to answer. An error means not saved; the device must send again.
    fn message<'a>(
        &'a self,
        hub: &'a dyn Hub,
        message: Message<'a>,
    ) -> BoxFuture<'a, Result<Option<Handled>, Unavailable>>;

    /// Tells the device what came of it, after it was acknowledged.
    fn answer<'a>(&'a self, hub: &'a dyn Hub, device: &'a DeviceId, handled: Handled) -> BoxFuture<'a, ()>;

    /// Works until it is dropped: reads the log from its own cursor and shows what changed.
    fn run<'a>(&'a self, hub: &'a dyn Hub) -> BoxFuture<'a, Result<(), Unavailable>>;
}
