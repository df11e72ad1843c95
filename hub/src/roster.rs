//! The devices of the house: what each may do, and which are here.
//!
//! Read from the database, kept while nothing of their owner changed: a press needs no question.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

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
    known: Arc<RwLock<HashMap<DeviceId, Known>>>,
    /// How many connections each has: a mirror may be open in two windows.
    here: Arc<Mutex<HashMap<String, usize>>>,
}

/// A device as it was read, and the log's head at that time.
type Known = (i64, Arc<Device>);

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
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        if let Some((as_of, device)) = known
            && self.still_true(as_of, &device)
        {
            return Ok(Some(device));
        }
        let as_of = self.store.feed().head();
        let wanted = id.clone();
        let read = self.store.read(move |snapshot| {
            let Some(row) = snapshot.row(&DEVICES, wanted.as_str())? else { return Ok(None) };
            Ok(Some((row, snapshot.rows_where(&DEVICE_BINDINGS, "device_id", wanted.as_str())?)))
        });
        let device = read.await?.and_then(|(row, bindings)| build(&row, &bindings)).map(Arc::new);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        match &device {
            Some(device) => drop(known.insert(id.clone(), (as_of, device.clone()))),
            None => drop(known.remove(id)),
        }
        Ok(device)
    }

    /// Nothing of the device or its bindings has changed since. Deeds are the common change and leave it
    /// true, so the newest changes are looked at before the database is asked.
    fn still_true(&self, as_of: i64, device: &Device) -> bool {
        let feed = self.store.feed();
        feed.quiet_since(as_of, &device.by.scopes)
            || feed.after(as_of, 512).is_some_and(|changes| {
                changes.len() < 512
                    && changes.iter().all(|change| !matches!(change.table, "devices" | "device_bindings"))
            })
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
