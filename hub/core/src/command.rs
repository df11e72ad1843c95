//! Wishes and their answers: what goes through the one door, and what comes back.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::Millis;
use crate::event::{TimeSource, Verb};
use crate::ids::{CommandId, DeviceId, EventId, HabitId, UserId};
use crate::principal::Principal;
use crate::value::Value;

/// One wish to change data.
#[derive(Debug, Clone)]
pub struct Command {
    /// Repeating it gives the first answer again.
    pub id: CommandId,
    /// Who wishes.
    pub by: Principal,
    /// What.
    pub wish: Wish,
}

/// What may be wished.
#[derive(Debug, Clone)]
pub enum Wish {
    /// Record a deed.
    Record(Deed),
    /// Make a habit.
    AddHabit {
        /// Its id.
        id: HabitId,
        /// Its columns.
        fields: Fields,
    },
    /// Change columns of a habit.
    EditHabit {
        /// Which.
        id: HabitId,
        /// The columns that change.
        fields: Fields,
    },
    /// Delete a habit; its events and cells stay.
    DeleteHabit {
        /// Which.
        id: HabitId,
    },
    /// Change one's own profile.
    EditProfile {
        /// The columns that change.
        fields: Fields,
    },
    /// Add a device with its credential.
    AddDevice {
        /// Its id.
        id: DeviceId,
        /// Its columns.
        fields: Fields,
        /// What is stored of its secret.
        secret_hash: Vec<u8>,
    },
    /// Take a device's access away for good.
    RevokeDevice {
        /// Which.
        id: DeviceId,
    },
    /// Replace what a device's triggers do.
    Bind {
        /// Which device.
        device: DeviceId,
        /// All its bindings.
        bindings: Vec<Binding>,
    },
    /// Note what a device says of itself.
    NoteDevice {
        /// Which device.
        id: DeviceId,
        /// Columns it knows: model, firmware, battery.
        fields: Fields,
    },
}

/// Columns and their values, as they came.
pub type Fields = BTreeMap<String, Value>;

/// A deed to record.
#[derive(Debug, Clone)]
pub struct Deed {
    /// The habit.
    pub habit: HabitId,
    /// What was done.
    pub verb: Verb,
    /// Amount or percent.
    pub value: Option<f64>,
    /// The day, when it is not that of the deed's time.
    pub date: Option<Date>,
    /// When.
    pub when: When,
    /// For undo: which event; `None` takes back the latest that stands.
    pub undo_of: Option<EventId>,
    /// Why it was left out.
    pub skip_reason: Option<String>,
    /// A note for the day.
    pub note: Option<String>,
    /// The device's name for the press.
    pub press_id: Option<String>,
}

/// When a deed happened, as far as its sender knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Now.
    Arrival,
    /// So many milliseconds before it arrived: a button counts its uptime, it has no clock.
    Before(Millis),
    /// At a time the sender's own clock gave.
    At(Millis, TimeSource),
}

/// What a trigger of a device does.
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    /// Which button.
    pub button: String,
    /// `press`, `double`, `long`, …
    pub trigger: String,
    /// What it does.
    pub action: Action,
    /// To which habit.
    pub habit: Option<HabitId>,
    /// With which amount or percent.
    pub value: Option<f64>,
    /// As whom; `None` is the device's owner.
    pub act_as: Option<UserId>,
}

crate::event::words!(
    /// What a binding does.
    Action {
        /// Done.
        Complete = "complete",
        /// Add an amount: the binding's, else the habit's step.
        Add = "add",
        /// Done in part.
        Partial = "partial",
        /// Left out on purpose.
        Skip = "skip",
        /// Take the latest back.
        Undo = "undo",
        /// Begin a routine.
        RoutineStart = "routine_start",
        /// Next step of a routine.
        RoutineNext = "routine_next",
        /// Only show.
        Show = "show",
    }
);

/// The answer to a command, given after its commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// Where in the log the command's last change stands; 0 when it changed nothing.
    pub seq: i64,
    /// What became of it.
    pub outcome: Outcome,
    /// The event it made, if it recorded a deed.
    pub event_id: Option<EventId>,
    /// Whether this is the first answer given again.
    #[serde(skip)]
    pub repeated: bool,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Saved.
    Applied,
    /// Understood, and nothing had to change.
    Unchanged,
    /// Refused; nothing was changed, and asking again gives the same answer.
    Rejected(Rejection),
}

/// Why a command was refused, in a word for programs and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// The word.
    pub code: RejectionCode,
    /// The sentence.
    pub message: String,
    /// The field it concerns, if one.
    pub field: Option<String>,
}

crate::event::words!(
    /// Words for refusals.
    RejectionCode {
        /// There is no such thing, or it is not theirs to see.
        NotFound = "not_found",
        /// They may not.
        Forbidden = "forbidden",
        /// A value is not what it should be.
        Invalid = "invalid",
        /// The day has not come yet.
        FutureDate = "future_date",
        /// There is nothing to take back.
        NothingToUndo = "nothing_to_undo",
        /// The trigger does nothing.
        NotBound = "not_bound",
        /// The id already names something else.
        Conflict = "conflict",
        /// This command id was used for a different wish.
        IdReused = "idempotency_key_reused",
    }
);

impl Rejection {
    /// Builds one.
    #[must_use]
    pub fn new(code: RejectionCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None }
    }

    /// Builds one about a field.
    #[must_use]
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: RejectionCode::Invalid, message: message.into(), field: Some(field.into()) }
    }

    /// There is no such thing, or it is not theirs to see: the answers must not differ.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(RejectionCode::NotFound, format!("There is no such {what}."))
    }
}
