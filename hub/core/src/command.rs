//! Wishes and their answers: what goes through the one door, and what comes back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::Millis;
use crate::event::{TimeSource, Verb};
use crate::ids::{CommandId, DeviceId, EventId, HabitId, RoutineId, UserId};
use crate::principal::Principal;
use crate::progress::Recovery;
use crate::repair::{AMOUNT, is_amount};
use crate::routine;
use crate::row::Row;
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
    /// Change one's own preferences.
    EditPreferences {
        /// The columns that change.
        fields: Fields,
    },
    /// Note a break.
    AddPause {
        /// Its id.
        id: String,
        /// Its columns.
        fields: Fields,
    },
    /// Change a break.
    EditPause {
        /// Which.
        id: String,
        /// The columns that change.
        fields: Fields,
    },
    /// Take a break back.
    DeletePause {
        /// Which.
        id: String,
    },
    /// Answer an offer of a way back.
    Recover {
        /// Which session.
        session: String,
        /// What the person says.
        answer: Saying,
    },
    /// Begin to take in what a file brought; slices follow.
    OpenImport {
        /// The import's id.
        id: String,
        /// The app it comes from.
        source: String,
    },
    /// Take in the next slice of what a file brought.
    TakeIn {
        /// What.
        slice: Arc<Slice>,
    },
    /// Take back the next slice of an import, until nothing of it is left.
    UndoImport {
        /// Which.
        id: String,
        /// Why, where it is not the person's wish.
        why: Option<String>,
        /// Counts rows as they go, for whoever waits.
        done: Progress,
    },
    /// Something about a routine or one of its runs.
    Routine(routine::Wish),
    /// Settle what lost a merge or was set aside.
    Settle {
        /// Which conflict.
        id: String,
        /// How.
        how: Settlement,
    },
    /// Write down what follows from a habit's days; the engine's alone.
    Keep {
        /// Which habit.
        habit: HabitId,
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

/// Counts what is done of something long.
pub type Progress = Arc<AtomicUsize>;

/// A part of what a file brought, as rows of the person who imports it.
///
/// A row without clocks is new: it is added where its id is unknown or was deleted, and left alone where it lives. A row
/// with clocks is a version of its row and merges. Cells are folded from their events.
#[derive(Debug)]
pub struct Slice {
    /// The import's id.
    pub import: String,
    /// The rows: habits before their events, a cell right before its events.
    pub rows: Vec<Row>,
    /// Whether this is the last one.
    pub last: bool,
}

/// What a person says to an offer of a way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saying {
    /// How they go on.
    pub action: Recovery,
    /// What stood in the way: a JSON array of words.
    pub blockers: Option<String>,
    /// Their notes.
    pub notes: Option<String>,
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
    /// To which routine.
    pub routine: Option<RoutineId>,
    /// With which amount or percent.
    pub value: Option<f64>,
    /// As whom; `None` is the device's owner.
    pub act_as: Option<UserId>,
}

/// Whether a text can name a button or a trigger: 1 to 32 printable ASCII characters, no space, and no `|`, which
/// joins the two in the ids of bindings.
///
/// What a device may send and what a person may bind are the same words, or a binding would wait for a press that
/// never comes.
#[must_use]
pub fn is_trigger_word(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'|')
}

impl Binding {
    /// What is wrong with the words and the value, as field and sentence; whether its habit exists is not asked here.
    ///
    /// # Errors
    /// The field and what it should hold.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        for (field, word) in [("button", &self.button), ("trigger", &self.trigger)] {
            if !is_trigger_word(word) {
                return Err((
                    field,
                    format!("{field} is 1 to 32 letters, digits or signs such as - or _, without spaces and |."),
                ));
            }
        }
        let Some(value) = self.value else {
            return match self.action {
                Action::Partial => Err(("value", PERCENT.into())),
                _ => Ok(()),
            };
        };
        match self.action {
            Action::Add if !is_amount(value) => Err(("value", format!("value {AMOUNT}."))),
            Action::Partial if !(1.0..=99.0).contains(&value) => Err(("value", PERCENT.into())),
            Action::Add | Action::Partial => Ok(()),
            _ => Err(("value", "value goes with add and partial; leave it out here.".into())),
        }
    }
}

const PERCENT: &str = "value is the percent, from 1 to 99.";

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

crate::event::words!(
    /// What becomes of a conflict.
    Settlement {
        /// What lost is written over what stands; what was set aside is applied.
        Restored = "RESTORED",
        /// It is put away.
        Dismissed = "DISMISSED",
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
        /// It was done under this command id, and what was shown then is not known any more.
        AlreadyDone = "already_done",
        /// The disk has no room for it.
        NoRoom = "no_room",
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

    /// This command id was used for a different wish.
    #[must_use]
    pub fn reused() -> Self {
        Self::new(RejectionCode::IdReused, "This id was already used for a different command.")
    }

    /// It was done under this command id; the secret that was shown then is stored nowhere.
    #[must_use]
    pub fn already_done() -> Self {
        Self::new(
            RejectionCode::AlreadyDone,
            "This was already done under this Idempotency-Key, and shown once then. If the answer was lost, remove what \
             was made and make another under a new key.",
        )
    }

    /// There is no such thing, or it is not theirs to see: the answers must not differ.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(RejectionCode::NotFound, format!("There is no such {what}."))
    }
}
