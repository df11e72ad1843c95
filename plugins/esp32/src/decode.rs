//! From bytes to a press: pure, and forgiving only where nothing can be mistaken.

use kairos_core::command::{Fields, is_trigger_word};
use kairos_core::ids::MAX_ID;
use kairos_core::value::Value;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// A press as a device reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    /// Never repeats: `<boot>:<n>`.
    pub id: String,
    /// Which button; `1` when the device has only one and does not say.
    pub button: String,
    /// `press`, `double`, `long`, or another word the firmware uses.
    pub trigger: String,
    /// How long ago it was pressed, in milliseconds of the device's uptime; `None` when the device said a number
    /// that is no age.
    pub age_ms: Option<i64>,
}

/// Why a message is no press.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// The press id, when that much could be read.
    pub press_id: Option<String>,
    /// What is wrong, for whoever writes the firmware.
    pub message: String,
}

#[derive(Deserialize)]
struct Wire<Age> {
    press_id: Option<serde_json::Value>,
    event_type: Option<serde_json::Value>,
    button: Option<serde_json::Value>,
    age_ms: Option<Age>,
}

impl Wire<serde_json::Value> {
    fn read(payload: &[u8]) -> Option<Self> {
        if let Ok(wire) = serde_json::from_slice(payload) {
            return Some(wire);
        }
        // An age beyond every number (1e400) must not cost the press: read again without looking at it.
        let wire: Wire<IgnoredAny> = serde_json::from_slice(payload).ok()?;
        let age_ms = wire.age_ms.map(|_| NO_AGE.into());
        Some(Self { press_id: wire.press_id, event_type: wire.event_type, button: wire.button, age_ms })
    }
}

/// A number that is no age.
const NO_AGE: i64 = -1;

/// Decodes `{"event_type","button","press_id","age_ms"}`. Unknown fields are ignored.
///
/// # Errors
/// [`Malformed`] when it is no such object, has no `press_id`, or a field holds something else.
pub fn press(payload: &[u8]) -> Result<Press, Malformed> {
    let wire = Wire::read(payload).ok_or_else(|| Malformed {
        press_id: None,
        message: "A press is a JSON object with press_id, event_type, button and age_ms.".into(),
    })?;
    let id = match wire.press_id {
        Some(serde_json::Value::String(id)) if plain(&id) => id,
        _ => {
            return Err(Malformed {
                press_id: None,
                message: format!("press_id must be 1 to {MAX_ID} printable characters."),
            });
        }
    };
    let bad = |message: &str| Malformed { press_id: Some(id.clone()), message: message.into() };
    let button = match wire.button {
        None | Some(serde_json::Value::Null) => "1".to_owned(),
        Some(serde_json::Value::String(name)) if is_trigger_word(&name) => name,
        Some(serde_json::Value::Number(number)) if number.is_u64() => number.to_string(),
        Some(_) => return Err(bad("button must be a short name or a number.")),
    };
    let trigger = match wire.event_type {
        None | Some(serde_json::Value::Null) => "press".to_owned(),
        Some(serde_json::Value::String(word)) if is_trigger_word(&word) => word,
        Some(_) => return Err(bad("event_type must be a short word such as press.")),
    };
    let age_ms = match wire.age_ms {
        None | Some(serde_json::Value::Null) => Some(0),
        Some(serde_json::Value::Number(number)) => whole(&number),
        Some(_) => return Err(bad("age_ms must be a number of milliseconds.")),
    };
    Ok(Press { id, button, trigger, age_ms })
}

/// The age, if the number is one. Firmware that computes in floating point is understood; an uptime that ran
/// backwards or over is not an age.
#[allow(clippy::cast_possible_truncation)] // bounded first
fn whole(number: &serde_json::Number) -> Option<i64> {
    let wide = number.as_f64().filter(|n| (0.0..9e15).contains(n))?;
    number.as_i64().or(Some(wide as i64))
}

fn plain(text: &str) -> bool {
    (1..=MAX_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Decodes `{"model","fw","battery_pct",…}` into columns of the device's row.
#[must_use]
pub fn info(payload: &[u8]) -> Fields {
    let Ok(serde_json::Value::Object(wire)) = serde_json::from_slice(payload) else { return Fields::new() };
    let mut fields = Fields::new();
    for (name, column, most) in [("model", "model", 100), ("fw", "fw_version", 64)] {
        if let Some(text) = wire.get(name).and_then(serde_json::Value::as_str)
            && (1..=most).contains(&text.chars().count())
            && !text.chars().any(char::is_control)
        {
            fields.insert(column.into(), text.into());
        }
    }
    if let Some(percent) = wire.get("battery_pct").and_then(serde_json::Value::as_i64)
        && (0..=100).contains(&percent)
    {
        fields.insert("battery_pct".into(), Value::Integer(percent));
    }
    fields
}
