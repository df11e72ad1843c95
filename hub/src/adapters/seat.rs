//! The hub as one adapter's outlet sees it, and whether its first round went well.

use std::sync::atomic::{AtomicBool, Ordering};

use kairos_core::Millis;
use kairos_core::adapter::{BoxFuture, Device, Hub, Page, Unavailable};
use kairos_core::change::Cursor;
use kairos_core::command::{Command, Receipt};
use kairos_core::day::Date;
use kairos_core::ids::{DeviceId, HabitId, RoutineId, UserId};
use kairos_core::principal::Principal;
use kairos_core::routine::Stage;
use kairos_core::today::Item;

/// A hub that notices when its reader comes back for more: everything it was given before has been shown then.
pub(super) struct Seat<'h, F> {
    hub: &'h dyn Hub,
    well: AtomicBool,
    /// Called once, when the first round went well.
    tell: F,
}

impl<'h, F: Fn() + Send + Sync> Seat<'h, F> {
    pub(super) fn new(hub: &'h dyn Hub, tell: F) -> Self {
        Self { hub, well: AtomicBool::new(false), tell }
    }

    /// Whether a round went well.
    pub(super) fn went_well(&self) -> bool {
        self.well.load(Ordering::Relaxed)
    }
}

impl<F: Fn() + Send + Sync> Hub for Seat<'_, F> {
    fn now(&self) -> Millis {
        self.hub.now()
    }

    fn submit<'a>(&'a self, command: Command) -> BoxFuture<'a, Result<Receipt, Unavailable>> {
        self.hub.submit(command)
    }

    fn device<'a>(&'a self, id: &'a DeviceId) -> BoxFuture<'a, Result<Option<Device>, Unavailable>> {
        self.hub.device(id)
    }

    fn devices(&self) -> BoxFuture<'_, Result<Vec<DeviceId>, Unavailable>> {
        self.hub.devices()
    }

    fn item<'a>(&'a self, by: &'a Principal, habit: &'a HabitId) -> BoxFuture<'a, Result<Option<Item>, Unavailable>> {
        self.hub.item(by, habit)
    }

    fn routine<'a>(
        &'a self,
        by: &'a Principal,
        routine: &'a RoutineId,
    ) -> BoxFuture<'a, Result<Option<Stage>, Unavailable>> {
        self.hub.routine(by, routine)
    }

    fn today<'a>(&'a self, user: &'a UserId) -> BoxFuture<'a, Result<(Date, Millis), Unavailable>> {
        self.hub.today(user)
    }

    fn changes<'a>(&'a self, after: Option<Cursor>) -> BoxFuture<'a, Result<Page, Unavailable>> {
        if after.is_some() && !self.well.swap(true, Ordering::Relaxed) {
            (self.tell)();
        }
        self.hub.changes(after)
    }

    fn tell<'a>(&'a self, device: &'a DeviceId, leaf: &'a str, payload: String, retain: bool) -> BoxFuture<'a, ()> {
        self.hub.tell(device, leaf, payload, retain)
    }

    fn sleep_until(&self, at: Millis) -> BoxFuture<'_, ()> {
        self.hub.sleep_until(at)
    }

    fn random(&self) -> [u8; 10] {
        self.hub.random()
    }
}
