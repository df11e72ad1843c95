//! Completion events: what people did. Append-only, never superseded, the truth.

use jiff::civil::Date;

use crate::Millis;
use crate::hlc::Hlc;
use crate::ids::{DeviceId, EventId, HabitId, UserId};
use crate::repair::parse_date;
use crate::row::Row;
use crate::schema::COMPLETION_EVENTS;
use crate::scope::Scope;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// The word in rows and messages.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// Reads the word.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}
pub(crate) use words;

words!(
    /// What was done.
    Verb {
        /// Done.
        Full = "full",
        /// Done in part; the value is the percent.
        Partial = "partial",
        /// An amount on top.
        Add = "add",
        /// The amount so far.
        Set = "set",
        /// Left out on purpose.
        Skip = "skip",
        /// The day ended without a deed; only the engine says so.
        Miss = "miss",
        /// A deed taken back.
        Undo = "undo",
        /// For habits of staying away: it happened.
        Lapse = "lapse",
    }
);

words!(
    /// Who knew when it happened.
    TimeSource {
        /// The client's own clock.
        Client = "client",
        /// The device's uptime, counted back from arrival.
        Device = "device",
        /// The hub, at arrival.
        Hub = "hub",
        /// A client's clock that was too far off and was corrected.
        Estimated = "estimated",
        /// An import.
        Import = "import",
    }
);

words!(
    /// Where a deed came from.
    Source {
        /// The web app of a person.
        App = "app",
        /// A script with a token.
        Api = "api",
        /// A button.
        Device = "device",
        /// A touch on a mirror.
        Mirror = "mirror",
        /// An automation.
        Rule = "rule",
        /// An import.
        Import = "import",
        /// The hub's own engine.
        Engine = "engine",
    }
);

/// Whose word weighs more, before any clock is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthorClass {
    /// The engine's notes about time passing.
    System,
    /// Automations and imports.
    Rule,
    /// People, by whatever they touch.
    Person,
}

impl Source {
    /// The class of whoever acts through it.
    #[must_use]
    pub fn class(self) -> AuthorClass {
        match self {
            Self::App | Self::Api | Self::Device | Self::Mirror => AuthorClass::Person,
            Self::Rule | Self::Import => AuthorClass::Rule,
            Self::Engine => AuthorClass::System,
        }
    }
}

/// One completion event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Derived from author and command: [`EventId::of`].
    pub id: EventId,
    /// Whose deed it is.
    pub user_id: UserId,
    /// The habit.
    pub habit_id: HabitId,
    /// The logical day, frozen.
    pub date: Date,
    /// The actor of the cell it was written for.
    pub actor: String,
    /// What was done.
    pub verb: Verb,
    /// Amount or percent.
    pub value: Option<f64>,
    /// What an undo takes back; `None` takes back all before it.
    pub undo_of: Option<EventId>,
    /// Why the day was left out.
    pub skip_reason: Option<String>,
    /// When it happened.
    pub occurred_at: Millis,
    /// Who knew.
    pub time_source: TimeSource,
    /// The person's zone then.
    pub tz: String,
    /// Its offset then, minutes.
    pub tz_offset_min: i64,
    /// Where it came from.
    pub source: Source,
    /// The device, if one was pressed.
    pub device_id: Option<DeviceId>,
    /// The device's name for the press.
    pub press_id: Option<String>,
    /// A note that came with it.
    pub note: Option<String>,
    /// Its clock.
    pub at: Hlc,
}

impl Event {
    /// The row of this event in a scope.
    #[must_use]
    pub fn to_row(&self, scope: Scope) -> Row {
        let at = &self.at;
        let mut row = Row::new(&COMPLETION_EVENTS, self.id.as_str(), scope, self.user_id.clone(), at.millis());
        row.set("habit_id", self.habit_id.as_str(), at);
        row.set("date", self.date.to_string(), at);
        row.set("actor", self.actor.as_str(), at);
        row.set("verb", self.verb.as_str(), at);
        row.set("value", self.value, at);
        row.set("undo_of", self.undo_of.as_ref().map(EventId::as_str), at);
        row.set("skip_reason", self.skip_reason.as_deref(), at);
        row.set("occurred_at", self.occurred_at, at);
        row.set("time_source", self.time_source.as_str(), at);
        row.set("tz", self.tz.as_str(), at);
        row.set("tz_offset_min", self.tz_offset_min, at);
        row.set("source", self.source.as_str(), at);
        row.set("device_id", self.device_id.as_ref().map(DeviceId::as_str), at);
        row.set("press_id", self.press_id.as_deref(), at);
        row.set("note", self.note.as_deref(), at);
        row
    }

    /// Reads an event row; `None` for one this version does not understand, which the fold leaves out.
    #[must_use]
    pub fn from_row(row: &Row) -> Option<Self> {
        Some(Self {
            id: EventId::new(row.id.as_str()).ok()?,
            user_id: row.user_id.clone(),
            habit_id: HabitId::new(row.text("habit_id")).ok()?,
            date: parse_date(&row.text("date"))?,
            actor: row.text("actor"),
            verb: Verb::parse(&row.text("verb"))?,
            value: row.number("value"),
            undo_of: row.opt_text("undo_of").and_then(|id| EventId::new(id).ok()),
            skip_reason: row.opt_text("skip_reason"),
            occurred_at: row.integer("occurred_at")?,
            time_source: TimeSource::parse(&row.text("time_source"))?,
            tz: row.text("tz"),
            tz_offset_min: row.integer("tz_offset_min")?,
            source: Source::parse(&row.text("source"))?,
            device_id: row.opt_text("device_id").and_then(|id| DeviceId::new(id).ok()),
            press_id: row.opt_text("press_id"),
            note: row.opt_text("note"),
            at: row.hlc()?.clone(),
        })
    }
}
