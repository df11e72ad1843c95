//! Compares the hub's view of the day with the ledger. Made for a run within one logical day.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};
use kairos_simulator::api::Api;
use kairos_simulator::provision::{Binding, Device};
use kairos_simulator::{AckResult, Ledger};
use serde_json::Value;

/// The day's values by habit, at one moment.
pub(crate) struct Day(HashMap<String, (f64, bool)>);

impl Day {
    /// Asks the hub.
    pub(crate) async fn now(api: &Api) -> Result<Self> {
        let today = api.call("GET", "/api/today", None).await?;
        let items = today.get("items").and_then(Value::as_array).context("the hub's answer has no `items`")?;
        let entry = |item: &Value| {
            let habit_id = item.get("habit_id")?.as_str()?.to_owned();
            let value = item.get("value").and_then(Value::as_f64).unwrap_or(0.0);
            Some((habit_id, (value, item.get("done").and_then(Value::as_bool).unwrap_or(false))))
        };
        Ok(Self(items.iter().filter_map(entry).collect()))
    }
}

/// Where the day is not what the presses between the two moments should have made of it, in words.
pub(crate) fn differences(before: &Day, after: &Day, devices: &[Device], ledger: &Ledger) -> Vec<String> {
    let mut saved: HashMap<&str, u32> = HashMap::new();
    for press in ledger.presses.iter().filter(|press| press.result.is_some_and(AckResult::is_saved)) {
        *saved.entry(&*press.device_id).or_default() += 1;
    }
    let mut habits: BTreeMap<&str, (Binding, u32)> = BTreeMap::new();
    for device in devices {
        if let (Some(habit_id), Some(action)) = (&device.habit_id, device.action) {
            let presses = saved.get(device.credentials.device_id.as_str()).copied().unwrap_or(0);
            habits.entry(habit_id).or_insert((action, 0)).1 += presses;
        }
    }
    let mut differences = Vec::new();
    for (habit_id, (action, presses)) in habits {
        let (was, was_done) = before.0.get(habit_id).copied().unwrap_or_default();
        let Some((is, done)) = after.0.get(habit_id).copied() else {
            differences.push(format!("habit {habit_id} is not in today's list"));
            continue;
        };
        match action {
            Binding::Add if ((is - was) - f64::from(presses)).abs() > 1e-9 => {
                differences.push(format!("habit {habit_id}: {presses} presses saved, value went from {was} to {is}"));
            }
            Binding::Complete if done != (was_done || presses > 0) => {
                differences.push(format!("habit {habit_id}: {presses} presses saved, done is {done}"));
            }
            Binding::Add | Binding::Complete => {}
        }
    }
    differences
}
