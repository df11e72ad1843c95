//! The devices of the house: what each may do, and which are here.
//!
//! Read from the database, kept while nothing of their owner changed: a press needs no question.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kairos_core::adapter::Device;
use kairos_core::command::{Action, Binding};
use kairos_core::ids::{DeviceId, HabitId, UserId};
use kairos_core::principal::{Principal, Via};
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{DEVICE_BINDINGS, DEVICES};
use kairos_core::scope::Scope;

use crate::store::{Store, StoreError};

/// The roster. Cheap to clone.
#[derive(Clone)]
pub struct Roster {
    store: Store,
    known: Arc<Mutex<Known>>,
    /// How many connections each has: a mirror may be open in two windows.
    here: Arc<Mutex<HashMap<String, usize>>>,
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
        Self { store, known: Arc::default(), here: Arc::default() }
    }

    /// A device and what its triggers do; `None` when it is unknown or revoked.
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

    /// Every active device.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub async fn active(&self) -> Result<Vec<DeviceId>, StoreError> {
        let rows = self.store.read(|snapshot| snapshot.rows_where(&DEVICES, "status", "active")).await?;
        Ok(rows.into_iter().filter_map(|row| DeviceId::new(row.id).ok()).collect())
    }

    /// Notes that a credential has come or gone, once for each connection.
    pub fn set_here(&self, credential: &str, here: bool) {
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

fn build(row: &Row, bindings: &[Row]) -> Option<Device> {
    if row.deleted_at.is_some() || row.text("status") != "active" {
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

/// Reads a binding; `None` for one this version does not understand.
#[must_use]
pub fn binding(row: &Row) -> Option<Binding> {
    let row = repair::repaired(row);
    Some(Binding {
        button: row.text("button"),
        trigger: row.text("trigger_key"),
        action: Action::parse(&row.text("action"))?,
        habit: row.opt_text("habit_id").and_then(|id| HabitId::new(id).ok()),
        value: row.number("value"),
        act_as: row.opt_text("act_as").and_then(|id| UserId::new(id).ok()),
    })
}
