//! The devices of the house: what each may do, and which are here.
//!
//! Read from the database, kept while nothing of their owner changed: a press needs no question.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kairos_core::Millis;
use kairos_core::adapter::Device;
use kairos_core::command::{Action, Binding, is_trigger_word};
use kairos_core::ids::{DeviceId, HabitId, RoutineId, UserId};
use kairos_core::principal::{Principal, Via};
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{DEVICE_BINDINGS, DEVICES};
use kairos_core::scope::Scope;
use tokio::sync::Notify;

use crate::store::{Store, StoreError};

/// How long the roster rests after it has written when devices were last here.
const REST: Duration = Duration::from_secs(1);

/// The roster. Cheap to clone.
#[derive(Clone)]
pub struct Roster {
    store: Store,
    known: Arc<Mutex<Known>>,
    /// How many connections each has: a mirror may be open in two windows.
    here: Arc<Mutex<HashMap<String, usize>>>,
    seen: Arc<Seen>,
}

/// When devices were last here, until it is written down: one entry a device, however often it comes and goes.
#[derive(Default)]
struct Seen {
    latest: Mutex<HashMap<DeviceId, Millis>>,
    news: Notify,
}

/// Devices as they were read, and how far they have followed the log since.
#[derive(Default)]
struct Known {
    as_of: i64,
    devices: HashMap<DeviceId, Arc<Device>>,
}

impl Roster {
    /// The roster of a store's devices.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, known: Arc::default(), here: Arc::default(), seen: Arc::default() }
    }

    /// A device and what its triggers do; `None` when it is unknown, revoked, or a screen.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub async fn device(&self, id: &DeviceId) -> Result<Option<Arc<Device>>, StoreError> {
        if let Some(device) = self.known(id) {
            return Ok(Some(device));
        }
        let wanted = id.clone();
        let read = self.store.read(move |snapshot| {
            let as_of = snapshot.head()?;
            let Some(row) = snapshot.row(&DEVICES, wanted.as_str())? else { return Ok(None) };
            Ok(Some((as_of, row, snapshot.rows_where(&DEVICE_BINDINGS, "device_id", wanted.as_str())?)))
        });
        let Some((as_of, row, bindings)) = read.await? else { return Ok(None) };
        let device = build(&row, &bindings).map(Arc::new);
        if let Some(device) = &device {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            // Taking a change in twice is harmless.
            known.as_of = if known.devices.is_empty() { as_of } else { known.as_of.min(as_of) };
            known.devices.insert(id.clone(), device.clone());
        }
        Ok(device)
    }

    /// A device as it was read, unless the log has told of a device or a binding since. Deeds are the common
    /// change and leave it true.
    fn known(&self, id: &DeviceId) -> Option<Arc<Device>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut touched = false;
        let reached = self
            .store
            .feed()
            .follow(known.as_of, |change| touched |= matches!(change.table, "devices" | "device_bindings"));
        match reached {
            Some(reached) if !touched => known.as_of = reached,
            _ => known.devices.clear(),
        }
        known.devices.get(id).cloned()
    }

    /// Every active device that speaks MQTT.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub async fn active(&self) -> Result<Vec<DeviceId>, StoreError> {
        let rows = self.store.read(|snapshot| snapshot.rows_where(&DEVICES, "status", "active")).await?;
        Ok(rows.into_iter().filter(has_topics).filter_map(|row| DeviceId::new(row.id).ok()).collect())
    }

    /// Notes that a credential has come or gone, once for each connection, and that its device is seen now.
    pub fn set_here(&self, credential: &str, here: bool) {
        if let Ok(device) = DeviceId::new(credential) {
            let now = self.store.clock().now();
            self.seen.latest.lock().unwrap_or_else(PoisonError::into_inner).insert(device, now);
            self.seen.news.notify_one();
        }
        let mut all = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        if here {
            *all.entry(credential.to_owned()).or_default() += 1;
        } else if let Some(count) = all.get_mut(credential) {
            *count -= 1;
            if *count == 0 {
                all.remove(credential);
            }
        }
    }

    /// Writes down when devices were last here, all that came and went together, until it is dropped. The hub runs it
    /// once.
    pub async fn keep(&self) {
        loop {
            self.seen.news.notified().await;
            self.write_seen().await;
            tokio::time::sleep(REST).await;
        }
    }

    /// Writes down when devices were last here. What the disk does not take waits for the next time.
    pub async fn write_seen(&self) {
        let seen = std::mem::take(&mut *self.seen.latest.lock().unwrap_or_else(PoisonError::into_inner));
        if seen.is_empty() || self.store.devices_seen(seen.clone()).await.is_ok() {
            return;
        }
        let mut latest = self.seen.latest.lock().unwrap_or_else(PoisonError::into_inner);
        for (device, at) in seen {
            latest.entry(device).or_insert(at);
        }
        self.seen.news.notify_one();
    }

    /// Every connected credential.
    #[must_use]
    pub fn all_here(&self) -> Vec<String> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Whether a device is connected.
    #[must_use]
    pub fn is_here(&self, credential: &str) -> bool {
        self.here.lock().unwrap_or_else(PoisonError::into_inner).contains_key(credential)
    }
}

/// Whether a device has topics of its own. Screens come by the web: nobody could read what is told them over MQTT.
fn has_topics(row: &Row) -> bool {
    !matches!(row.text("kind").as_str(), "display" | "mirror")
}

fn build(row: &Row, bindings: &[Row]) -> Option<Device> {
    if row.deleted_at.is_some() || row.text("status") != "active" || !has_topics(row) {
        return None;
    }
    let id = DeviceId::new(row.id.as_str()).ok()?;
    let user = match &row.scope {
        Scope::Person(user) => user.clone(),
        Scope::Household(_) => row.user_id.clone(),
    };
    let by = Principal { user, via: Via::Device(id.clone()), admin: false, scopes: vec![row.scope.clone()] };
    Some(Device { id, by, bindings: bindings.iter().filter_map(binding).collect() })
}

/// Reads a binding; `None` for one this version does not understand, or that no press can reach. A value its action
/// has no use for is left out, so that what is shown is what may be set again.
#[must_use]
pub fn binding(row: &Row) -> Option<Binding> {
    let row = repair::repaired(row);
    let mut binding = Binding {
        button: row.text("button"),
        trigger: row.text("trigger_key"),
        action: Action::parse(&row.text("action"))?,
        habit: row.opt_text("habit_id").and_then(|id| HabitId::new(id).ok()),
        routine: row.opt_text("routine_id").and_then(|id| RoutineId::new(id).ok()),
        value: row.number("value"),
        act_as: row.opt_text("act_as").and_then(|id| UserId::new(id).ok()),
    };
    if matches!(binding.check(), Err(("value", _))) {
        binding.value = None;
    }
    let reachable = is_trigger_word(&binding.button) && is_trigger_word(&binding.trigger);
    reachable.then_some(binding)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use kairos_core::command::{Command, Fields, Outcome, Wish};
    use kairos_core::ids::CommandId;

    use super::*;
    use crate::clock::Clock;
    use crate::commands::Commands;
    use crate::health::Board;

    #[tokio::test]
    async fn a_device_that_comes_and_goes_is_written_down_once() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(1_000);
        let store = Store::open(dir.path(), clock.clone(), &Board::default()).await.unwrap();
        let (roster, button) = (Roster::new(store.clone()), DeviceId::new("button").unwrap());
        let paired = button.clone();
        store.write(move |tx| tx.put_device_secret(&paired, &[7])).await.unwrap();
        let seen = async || store.read(|snapshot| snapshot.device_last_seen("button")).await.unwrap();
        for n in 1..=10_000 {
            clock.set(1_000 + n);
            roster.set_here("button", n % 2 == 1);
        }
        assert_eq!(roster.seen.latest.lock().unwrap().len(), 1, "what waits is bounded");
        let keeper = roster.clone();
        let keeping = tokio::spawn(async move { keeper.keep().await });
        while seen().await != Some(11_000) {
            tokio::task::yield_now().await;
        }
        keeping.abort();
        let _ = keeping.await;

        clock.set(20_000);
        roster.set_here("button", true);
        store.close().await;
        roster.write_seen().await;
        let kept = roster.seen.latest.lock().unwrap().get(&button).copied();
        assert_eq!(kept, Some(20_000), "what could not be written waits");
    }

    #[tokio::test]
    async fn screens_have_no_topics() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Clock::manual(1_795_514_400_000), &Board::default()).await.unwrap();
        let (commands, roster) = (Commands::new(store.clone()), Roster::new(store));
        let user = UserId::new("ada").unwrap();
        let by = Principal { scopes: vec![Scope::Person(user.clone())], user, via: Via::Session, admin: false };
        let id = |id: &str| DeviceId::new(id).unwrap();
        for kind in ["button", "board", "display", "mirror"] {
            let fields: Fields =
                [("name", kind), ("kind", kind)].map(|(name, value)| (name.to_owned(), value.into())).into();
            let wish = Wish::AddDevice { id: id(kind), fields, secret_hash: kind.into() };
            let command = Command { id: CommandId::new(kind).unwrap(), by: by.clone(), wish };
            assert_eq!(commands.submit(command).await.unwrap().outcome, Outcome::Applied);
        }
        let mut active = roster.active().await.unwrap();
        active.sort();
        assert_eq!(active, [id("board"), id("button")]);
        assert!(roster.device(&id("board")).await.unwrap().is_some());
        assert!(roster.device(&id("display")).await.unwrap().is_none(), "not when its row changes either");
    }
}
