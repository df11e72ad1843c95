//! The wire contract of a device: topics and payloads. Pure; the tables below are its tests.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The largest payload a button accepts; what an ESP32 would reserve for it.
pub const MAX_PAYLOAD: usize = 4096;

/// The name of one press: `<boot>:<n>`.
///
/// `boot` is drawn anew at every start and `n` counts within it, so a press needs no clock and no flash write to be
/// named once and for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PressId {
    /// Random number of the boot in which the press happened.
    pub boot: u64,
    /// Number of the press within that boot, from 1.
    pub n: u64,
}

impl fmt::Display for PressId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}:{}", self.boot, self.n)
    }
}

impl FromStr for PressId {
    type Err = NotAPressId;

    fn from_str(text: &str) -> Result<Self, NotAPressId> {
        let (boot, n) = text.split_once(':').ok_or(NotAPressId)?;
        if boot.len() != 16 {
            return Err(NotAPressId);
        }
        Ok(Self {
            boot: u64::from_str_radix(boot, 16).map_err(|_| NotAPressId)?,
            n: n.parse().map_err(|_| NotAPressId)?,
        })
    }
}

impl Serialize for PressId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text is not a press id of a simulated button.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a press id of this fleet")]
pub struct NotAPressId;

/// What the hub made of a press.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AckResult {
    /// Saved now.
    Applied,
    /// Saved before; this was a repetition.
    Duplicate,
    /// Understood and refused, for example a button without a binding.
    Rejected,
}

impl AckResult {
    /// Whether the hub holds the press.
    #[must_use]
    pub fn is_saved(self) -> bool {
        matches!(self, Self::Applied | Self::Duplicate)
    }
}

impl fmt::Display for AckResult {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Applied => "applied",
            Self::Duplicate => "duplicate",
            Self::Rejected => "rejected",
        })
    }
}

/// What the light beside a button shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Light {
    /// The habit is complete for today.
    Done,
    /// Part of it is.
    Partial,
    /// Nothing yet.
    Open,
    /// The press could not be taken.
    Error,
}

impl fmt::Display for Light {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Done => "done",
            Self::Partial => "partial",
            Self::Open => "open",
            Self::Error => "error",
        })
    }
}

/// The habit behind a button, as `ack` and `state` describe it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HabitView {
    /// Its name, for a display.
    pub name: String,
    /// Whether it is complete for the day.
    pub done: bool,
    /// What has been counted so far.
    #[serde(default)]
    pub value: Option<f64>,
    /// What is aimed for.
    #[serde(default)]
    pub target: Option<f64>,
}

/// The payload of `kairos/device/<id>/event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// `press`, `double`, `long`, …
    pub event_type: String,
    /// Which button of the device.
    pub button: String,
    /// Names the press, the same in every repetition.
    pub press_id: String,
    /// How long ago the press was, by the device's own uptime, at the moment of sending.
    pub age_ms: u64,
}

/// The payload of `kairos/device/<id>/ack`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ack {
    /// The press that is answered.
    pub press_id: String,
    /// What became of it.
    pub result: AckResult,
    /// The habit it belongs to, when there is one.
    #[serde(default)]
    pub habit: Option<HabitView>,
    /// What the light should show.
    pub light: Light,
}

/// The payload of the retained `kairos/device/<id>/state`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The logical day the lights speak of.
    pub date: String,
    /// One entry per bound button.
    #[serde(default)]
    pub buttons: BTreeMap<String, ButtonState>,
}

/// One button within [`State`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ButtonState {
    /// What the light should show.
    pub light: Light,
    /// The habit behind the button.
    #[serde(default)]
    pub habit: Option<HabitView>,
}

/// The payload of the retained `kairos/device/<id>/info`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// The kind of hardware.
    pub model: String,
    /// Firmware version.
    pub fw: String,
    /// Charge of the battery.
    pub battery_pct: u8,
    /// Signal strength in dBm.
    pub rssi: i8,
    /// Names of its buttons.
    pub buttons: Vec<String>,
}

/// The topics of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    /// Presses go out here.
    pub event: String,
    /// Answers come in here.
    pub ack: String,
    /// Lights come in here, retained.
    pub state: String,
    /// `online` or `offline`, retained; also the last will.
    pub status: String,
    /// What the device is, retained.
    pub info: String,
}

impl Topics {
    /// The topics of the device with this id.
    #[must_use]
    pub fn of(device_id: &str) -> Self {
        let topic = |leaf: &str| format!("kairos/device/{device_id}/{leaf}");
        Self {
            event: topic("event"),
            ack: topic("ack"),
            state: topic("state"),
            status: topic("status"),
            info: topic("info"),
        }
    }

    /// Decodes what arrived on `topic`.
    pub fn decode(&self, topic: &str, payload: &[u8]) -> Result<Incoming, Malformed> {
        if payload.len() > MAX_PAYLOAD {
            return Err(Malformed::TooLong);
        }
        let shape = |_| Malformed::Shape;
        if topic == self.ack {
            serde_json::from_slice(payload).map(Incoming::Ack).map_err(shape)
        } else if topic == self.state {
            serde_json::from_slice(payload).map(Incoming::State).map_err(shape)
        } else {
            Err(Malformed::Topic)
        }
    }
}

/// A message from the hub.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// An answer to a press.
    Ack(Ack),
    /// What the lights should show.
    State(State),
}

/// Why a message from the hub was put aside. Payloads are never quoted: they hold habits' names.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Malformed {
    /// Not a topic the button subscribed to.
    #[error("a topic the button did not ask for")]
    Topic,
    /// Longer than [`MAX_PAYLOAD`].
    #[error("a payload longer than the button can hold")]
    TooLong,
    /// Not the JSON of the contract.
    #[error("a payload that is not of the contract's shape")]
    Shape,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_press_id_reads_back_as_it_was_written() {
        for id in
            [PressId { boot: 0, n: 1 }, PressId { boot: u64::MAX, n: u64::MAX }, PressId { boot: 0x00ab_cdef, n: 7 }]
        {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for text in ["", ":", "7", "zz:1", "1:1", "0000000000000001:-1", "0000000000000001:1:2"] {
            assert_eq!(text.parse::<PressId>(), Err(NotAPressId), "{text}");
        }
    }

    #[test]
    fn an_event_has_exactly_the_four_fields_of_the_contract() {
        let event = Event {
            event_type: "press".into(),
            button: "1".into(),
            press_id: PressId { boot: 255, n: 3 }.to_string(),
            age_ms: 1500,
        };
        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"event_type":"press","button":"1","press_id":"00000000000000ff:3","age_ms":1500}"#
        );
    }

    #[test]
    fn what_the_hub_says_is_read_or_put_aside() {
        let topics = Topics::of("d1");
        let ack = "kairos/device/d1/ack";
        let state = "kairos/device/d1/state";
        let table: [(&str, &str, Result<&str, Malformed>); 10] = [
            (
                ack,
                r#"{"press_id":"a:1","result":"applied","habit":{"name":"Water","done":true,"value":1,"target":8},"light":"done"}"#,
                Ok("ack"),
            ),
            (ack, r#"{"press_id":"a:1","result":"rejected","habit":null,"light":"error"}"#, Ok("ack")),
            (ack, r#"{"press_id":"a:1","result":"duplicate","light":"open","later":1}"#, Ok("ack")),
            (ack, r#"{"press_id":"a:1","result":"lost","light":"open"}"#, Err(Malformed::Shape)),
            (ack, r#"{"press_id":1,"result":"applied","light":"done"}"#, Err(Malformed::Shape)),
            (ack, "", Err(Malformed::Shape)),
            (
                state,
                r#"{"date":"2026-11-24","buttons":{"1":{"light":"open","habit":{"name":"Water","done":false,"value":null,"target":null}}}}"#,
                Ok("state"),
            ),
            (state, r#"{"date":"2026-11-24","buttons":{}}"#, Ok("state")),
            (state, "\u{fffd}", Err(Malformed::Shape)),
            ("kairos/device/d2/ack", "{}", Err(Malformed::Topic)),
        ];
        for (topic, payload, expected) in table {
            let got = topics.decode(topic, payload.as_bytes()).map(|incoming| match incoming {
                Incoming::Ack(_) => "ack",
                Incoming::State(_) => "state",
            });
            assert_eq!(got, expected, "{topic} {payload}");
        }
        assert_eq!(topics.decode(ack, &[b' '; MAX_PAYLOAD + 1]), Err(Malformed::TooLong));
    }
}
