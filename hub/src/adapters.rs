//! The compiled-in adapters, and what they see of the hub.

mod seat;

use std::sync::Arc;
use std::time::Duration;

use kairos_core::Millis;
use kairos_core::adapter::{Adapter, BoxFuture, Device, Hub, Page, Unavailable};
use kairos_core::change::Cursor;
use kairos_core::command::{Command, Receipt};
use kairos_core::day::{Date, day_begins};
use kairos_core::ids::{DeviceId, HabitId, RoutineId, UserId};
use kairos_core::principal::Principal;
use kairos_core::repair;
use kairos_core::routine::Stage;
use kairos_core::schema::ROUTINES;
use kairos_core::today::Item;

use self::seat::Seat;
use crate::broker::Broker;
use crate::commands::Commands;
use crate::days::Days;
use crate::health::{Board, State};
use crate::roster::Roster;
use crate::runs::View;
use crate::store::{Store, StoreError};

/// Every adapter of this hub. A new one is one line here.
#[must_use]
pub fn all() -> Vec<Arc<dyn Adapter>> {
    vec![Arc::new(kairos_esp32::Esp32)]
}

/// How many changes an adapter gets at a time.
const PAGE: usize = 512;
/// How long an adapter rests before it is started again after the hub could not answer it: longer each time, until a
/// round went well.
const REST: Duration = Duration::from_secs(2);
/// The longest rest.
const LONGEST_REST: Duration = Duration::from_secs(64);

/// The hub as adapters see it.
#[derive(Clone)]
pub struct Window {
    /// The store, for the log.
    pub store: Store,
    /// The door.
    pub commands: Commands,
    /// The devices.
    pub roster: Roster,
    /// The days.
    pub days: Days,
    /// The broker, for what devices are told.
    pub broker: Broker,
}

impl Window {
    async fn stage(&self, by: Principal, routine: RoutineId) -> Result<Option<Stage>, StoreError> {
        let calendar = self.days.calendar(&by.user).await?;
        let now = self.store.clock().now();
        let day = day_begins(calendar.today(now), &calendar.zone, calendar.day_start_min);
        let read = self.store.read(move |snapshot| {
            let routine = match snapshot.row(&ROUTINES, routine.as_str())? {
                Some(row) if row.deleted_at.is_none() && by.may_read(&row.scope) => repair::sound(row),
                _ => return Ok(None),
            };
            let name = routine.text("name");
            Ok(Some(match View::of_routine(snapshot, &by, &routine, now)? {
                Some(view) => view.stage(name, day, now),
                None => Stage { name, run: None, habit: None, step: 0, total: 0 },
            }))
        });
        read.await
    }
}

impl Hub for Window {
    fn now(&self) -> Millis {
        self.store.clock().now()
    }

    fn submit<'a>(&'a self, command: Command) -> BoxFuture<'a, Result<Receipt, Unavailable>> {
        Box::pin(async move { self.commands.submit(command).await.map_err(unavailable) })
    }

    fn device<'a>(&'a self, id: &'a DeviceId) -> BoxFuture<'a, Result<Option<Device>, Unavailable>> {
        Box::pin(async move { Ok(self.roster.device(id).await.map_err(unavailable)?.map(|device| (*device).clone())) })
    }

    fn devices(&self) -> BoxFuture<'_, Result<Vec<DeviceId>, Unavailable>> {
        Box::pin(async move { self.roster.active().await.map_err(unavailable) })
    }

    fn item<'a>(&'a self, by: &'a Principal, habit: &'a HabitId) -> BoxFuture<'a, Result<Option<Item>, Unavailable>> {
        Box::pin(async move { self.days.item(by, habit, None).await.map_err(unavailable) })
    }

    fn routine<'a>(
        &'a self,
        by: &'a Principal,
        routine: &'a RoutineId,
    ) -> BoxFuture<'a, Result<Option<Stage>, Unavailable>> {
        Box::pin(async move { self.stage(by.clone(), routine.clone()).await.map_err(unavailable) })
    }

    fn today<'a>(&'a self, user: &'a UserId) -> BoxFuture<'a, Result<(Date, Millis), Unavailable>> {
        Box::pin(async move { self.days.turn(user).await.map_err(unavailable) })
    }

    fn changes<'a>(&'a self, after: Option<Cursor>) -> BoxFuture<'a, Result<Page, Unavailable>> {
        Box::pin(async move {
            let epoch = &self.store.identity().epoch;
            let at = |seq| Cursor { epoch: epoch.clone(), seq };
            let Some(after) = after.filter(|cursor| cursor.epoch == *epoch) else {
                return Ok(Page::Resync(at(self.store.feed().head())));
            };
            let mut head = self.store.feed().watch();
            // The feed lives as long as the store, so waiting can only end with a new head.
            let _ = head.wait_for(|head| *head > after.seq).await;
            // Before it is read, so that nothing falls between.
            let newest = self.store.feed().head();
            let stretch = self.store.changes_after(after.seq, None, PAGE).await.map_err(unavailable)?;
            if stretch.gap {
                return Ok(Page::Resync(at(newest)));
            }
            Ok(Page::Changes(stretch.changes, at(stretch.upto)))
        })
    }

    fn tell<'a>(&'a self, device: &'a DeviceId, leaf: &'a str, payload: String, retain: bool) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.broker.publish(&format!("kairos/device/{device}/{leaf}"), payload, 1, retain).await;
        })
    }

    fn sleep_until(&self, at: Millis) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.store.clock().sleep_until(at).await })
    }

    fn random(&self) -> [u8; 10] {
        crate::random::bytes()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape map_err wants")]
fn unavailable(error: StoreError) -> Unavailable {
    Unavailable(error.to_string())
}

/// Runs one adapter's outlet until it is dropped; starts it again when the hub could not answer it.
///
/// It is well once it asks for what comes after its first page: until then it has shown nothing.
pub async fn run(adapter: Arc<dyn Adapter>, window: Window, board: Board) {
    run_over(&*adapter, &window, &board).await;
}

async fn run_over(adapter: &dyn Adapter, hub: &dyn Hub, board: &Board) {
    let mut rest = REST;
    loop {
        let seat = Seat::new(hub, || board.set(adapter.name(), State::Ok));
        if let Err(error) = adapter.run(&seat).await {
            board.set(adapter.name(), State::Degraded(error.to_string()));
        }
        rest = if seat.went_well() { REST } else { rest };
        tokio::time::sleep(rest).await;
        rest = (rest * 2).min(LONGEST_REST);
    }
}

#[cfg(test)]
mod tests;
