//! Makes devices, habits and bindings on a hub, and keeps the credentials in a file.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::Api;
use crate::button::Credentials;

/// What a press does to its habit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Binding {
    /// Adds one; every press counts, so the day's value is the number of presses.
    Add,
    /// Completes the day; presses after the first change nothing.
    Complete,
}

/// A device the simulator can be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Device {
    /// What it signs in with.
    #[serde(flatten)]
    pub credentials: Credentials,
    /// The habit behind its button, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub habit_id: Option<String>,
    /// What a press does to it, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Binding>,
}

/// The file `provision` writes and `run` reads.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CredentialsFile {
    /// Every device.
    pub devices: Vec<Device>,
}

impl CredentialsFile {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} is not a credentials file written by `provision`", path.display()))
    }

    /// Writes a new file that only its owner can read. An existing one is left alone: its passwords exist nowhere else.
    pub fn write_new(&self, path: &Path) -> Result<()> {
        use std::io::Write;
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).with_context(|| format!("{} cannot be made", path.display()))?;
        file.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
        file.sync_all().with_context(|| format!("{} cannot be written", path.display()))
    }
}

/// What to make.
#[derive(Clone, Debug)]
pub struct Order {
    /// Devices.
    pub buttons: usize,
    /// Habits; devices share them in turn.
    pub habits: usize,
    /// What a press does.
    pub binding: Binding,
    /// What their names begin with.
    pub prefix: String,
}

/// Makes what was ordered, adding each finished device to `made`, so that nothing is forgotten when the hub stops
/// halfway. `progress` hears how many are done.
pub async fn provision(
    api: &Api,
    order: &Order,
    made: &mut CredentialsFile,
    mut progress: impl FnMut(usize),
) -> Result<()> {
    if order.buttons == 0 || order.habits == 0 || order.habits > order.buttons {
        bail!("at least one button, and no more habits than buttons");
    }
    let mut habits = Vec::with_capacity(order.habits);
    for number in 1..=order.habits {
        habits.push(make_habit(api, order, number).await?);
    }
    for (number, habit_id) in (1..=order.buttons).zip(habits.iter().cycle()) {
        made.devices.push(make_device(api, order, number, habit_id).await?);
        progress(number);
    }
    Ok(())
}

async fn make_habit(api: &Api, order: &Order, number: usize) -> Result<String> {
    let name = format!("{} habit {number:02}", order.prefix);
    let body = match order.binding {
        Binding::Add => {
            json!({"name": name, "kind": "measurable", "target_value": 8, "unit": "times"})
        }
        Binding::Complete => json!({"name": name, "kind": "boolean"}),
    };
    text(&api.call("POST", "/api/habits", Some(&body)).await?, "id")
}

async fn make_device(api: &Api, order: &Order, number: usize, habit_id: &str) -> Result<Device> {
    let body = json!({"name": format!("{} button {number:02}", order.prefix), "kind": "button"});
    let device = api.call("POST", "/api/devices", Some(&body)).await?;
    let credentials = Credentials {
        device_id: text(&device, "device_id")?,
        username: text(&device, "username")?,
        password: text(&device, "password")?,
    };
    let mut binding = json!({"trigger": "press", "button": "1", "action": order.binding, "habit_id": habit_id});
    if order.binding == Binding::Add {
        binding["value"] = json!(1);
    }
    let path = format!("/api/devices/{}/bindings", credentials.device_id);
    api.call("PUT", &path, Some(&json!({"bindings": [binding]}))).await?;
    Ok(Device { credentials, habit_id: Some(habit_id.to_owned()), action: Some(order.binding) })
}

fn text(answer: &Value, field: &str) -> Result<String> {
    let text = answer.get(field).and_then(Value::as_str);
    text.map(str::to_owned).with_context(|| format!("the hub's answer has no `{field}`"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn file() -> CredentialsFile {
        let credentials = Credentials { device_id: "d".into(), username: "d".into(), password: "hush".into() };
        CredentialsFile {
            devices: vec![Device { credentials, habit_id: Some("h".into()), action: Some(Binding::Add) }],
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_and_is_never_overwritten() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials.json");
        file().write_new(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(file().write_new(&path).is_err());
        assert_eq!(CredentialsFile::read(&path).unwrap().devices[0].credentials.password, "hush");
    }

    #[test]
    fn a_password_is_not_in_debug_output() {
        assert!(!format!("{:?}", file()).contains("hush"));
    }

    #[test]
    fn a_hand_written_file_needs_only_the_credentials() {
        let text = r#"{"devices":[{"device_id":"a","username":"a","password":"p"}]}"#;
        let read: CredentialsFile = serde_json::from_str(text).unwrap();
        assert_eq!(read.devices[0].habit_id, None);
    }
}
