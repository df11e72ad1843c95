//! Keeps each device's retained `state` true: after every change that concerns it, and when its day begins.
//!
//! State-based: it starts from current rows and needs no stored cursor. A state is published only when
//! it differs from the last one, so a restart or a doubled nudge is silent.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use kairos_core::Millis;
use kairos_core::adapter::{Device, Hub, Page, Unavailable};
use kairos_core::change::{Change, Cursor};
use kairos_core::ids::{DeviceId, HabitId, RoutineId};
use serde::Deserialize;

use crate::messages::{self, Shown as Look};

#[derive(Default)]
struct Shown {
    device: Option<Device>,
    state: String,
    next_day: Millis,
}

/// Runs until dropped.
pub(crate) async fn run(hub: &dyn Hub) -> Result<(), Unavailable> {
    let mut cursor: Option<Cursor> = None;
    let mut shown: BTreeMap<DeviceId, Shown> = BTreeMap::new();
    loop {
        let next_day = shown.values().map(|shown| shown.next_day).min().unwrap_or(Millis::MAX);
        match first(hub.changes(cursor.clone()), hub.sleep_until(next_day)).await {
            Some(page) => match page? {
                Page::Resync(now) => {
                    cursor = Some(now);
                    for device in hub.devices().await? {
                        refresh(hub, &mut shown, device, true).await?;
                    }
                }
                Page::Changes(changes, now) => {
                    for (device, reload) in concerned(&changes, &shown) {
                        refresh(hub, &mut shown, device, reload).await?;
                    }
                    cursor = Some(now);
                }
            },
            None => {
                let now = hub.now();
                let due: Vec<DeviceId> =
                    shown.iter().filter(|(_, shown)| shown.next_day <= now).map(|(id, _)| id.clone()).collect();
                for device in due {
                    refresh(hub, &mut shown, device, false).await?;
                }
            }
        }
    }
}

/// Whichever comes first: the page, or (`None`) the time.
async fn first<T>(page: impl Future<Output = T>, time: impl Future<Output = ()>) -> Option<T> {
    let (mut page, mut time) = (pin!(page), pin!(time));
    std::future::poll_fn(|cx| {
        if let std::task::Poll::Ready(page) = page.as_mut().poll(cx) {
            return std::task::Poll::Ready(Some(page));
        }
        time.as_mut().poll(cx).map(|()| None)
    })
    .await
}

/// Which devices a page of changes concerns, and whether their bindings must be read again.
fn concerned(changes: &[std::sync::Arc<Change>], shown: &BTreeMap<DeviceId, Shown>) -> BTreeMap<DeviceId, bool> {
    let mut found = BTreeMap::new();
    let mut habits: BTreeSet<HabitId> = BTreeSet::new();
    let mut routines: BTreeSet<RoutineId> = BTreeSet::new();
    for change in changes {
        match change.table {
            "devices" => found.extend(DeviceId::new(change.row_id.as_str()).map(|id| (id, true))),
            // A removed binding does not say whose it was, a profile concerns all of a person's devices.
            "device_bindings" | "users" => match names(change).device_id.and_then(|id| DeviceId::new(id).ok()) {
                Some(id) => drop(found.insert(id, true)),
                None => found.extend(shown.keys().map(|id| (id.clone(), true))),
            },
            "habits" => habits.extend(HabitId::new(change.row_id.as_str())),
            // What a day asks for may be another thing now, and a break may be of all habits.
            "completions" | "pauses" | "habit_schedules" => {
                match names(change).habit_id.and_then(|id| HabitId::new(id).ok()) {
                    Some(id) => drop(habits.insert(id)),
                    // A row that is gone does not say whose it was.
                    None => {
                        for id in shown.keys() {
                            found.entry(id.clone()).or_insert(false);
                        }
                    }
                }
            }
            "routines" => routines.extend(RoutineId::new(change.row_id.as_str())),
            "routine_executions" => routines.extend(names(change).routine_id.and_then(|id| RoutineId::new(id).ok())),
            _ => {}
        }
    }
    for (id, shown) in shown {
        let mut bound = shown.device.iter().flat_map(|device| &device.bindings);
        // A button of a routine shows the habit of its present step, whichever that is.
        let concerns = bound.any(|binding| match (&binding.routine, &binding.habit) {
            (Some(routine), _) => routines.contains(routine) || !habits.is_empty(),
            (None, Some(habit)) => habits.contains(habit),
            (None, None) => false,
        });
        if concerns {
            found.entry(id.clone()).or_insert(false);
        }
    }
    found
}

/// Whom a changed row is about; nobody when it is gone.
#[derive(Default, Deserialize)]
struct Names {
    device_id: Option<String>,
    habit_id: Option<String>,
    routine_id: Option<String>,
}

fn names(change: &Change) -> Names {
    change.row.as_deref().and_then(|row| serde_json::from_str(row).ok()).unwrap_or_default()
}

async fn refresh(
    hub: &dyn Hub,
    shown: &mut BTreeMap<DeviceId, Shown>,
    id: DeviceId,
    reload: bool,
) -> Result<(), Unavailable> {
    let mut entry = shown.remove(&id).unwrap_or_default();
    if reload || entry.device.is_none() {
        entry.device = hub.device(&id).await?;
    }
    // Revoked: its topics were cleared with its access.
    let Some(device) = &entry.device else { return Ok(()) };
    let (today, next_day) = hub.today(&device.by.user).await?;
    entry.next_day = next_day;
    let mut buttons: Vec<(String, Option<Look>)> = Vec::new();
    let mut date = today.to_string();
    for binding in &device.bindings {
        // One light a button: the plain press decides, else the first binding that names a habit or routine.
        if binding.habit.is_none() && binding.routine.is_none() {
            continue;
        }
        let known = buttons.iter().position(|(button, _)| *button == binding.button);
        if known.is_some() && binding.trigger != "press" {
            continue;
        }
        let shows = messages::shown(hub, &device.by, binding.habit.as_ref(), binding.routine.as_ref()).await?;
        if let Some(Look::Habit(item) | Look::Routine(_, Some(item))) = &shows {
            date.clone_from(&item.date);
        }
        match known {
            Some(place) => buttons[place].1 = shows,
            None => buttons.push((binding.button.clone(), shows)),
        }
    }
    let state = messages::state(&date, &buttons);
    if state != entry.state {
        hub.tell(&id, "state", state.clone(), true).await;
        entry.state = state;
    }
    shown.insert(id, entry);
    Ok(())
}
