//! Ids: opaque text, never minted twice.
//!
//! Rows the hub mints get a UUIDv7, rows with a natural key a UUIDv8 derived from that key, so that
//! two hubs (or a phone that was offline) make the same row. Ids of people may come from elsewhere
//! and are only required to be short printable text.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::Millis;

/// The longest id accepted, in bytes. A UUID has 36; foreign ids (`press_id`, idempotency keys) vary.
pub const MAX_ID: usize = 128;

/// Says why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id is 1 to {MAX_ID} printable characters without spaces")]
pub struct BadId;

fn check(text: &str) -> Result<(), BadId> {
    let fine = !text.is_empty() && text.len() <= MAX_ID && text.bytes().all(|b| b.is_ascii_graphic());
    if fine { Ok(()) } else { Err(BadId) }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes a text that came from outside.
            ///
            /// # Errors
            /// [`BadId`] when it is empty, too long or holds anything but printable ASCII.
            pub fn new(text: impl Into<String>) -> Result<Self, BadId> {
                let text = text.into();
                check(&text)?;
                Ok(Self(text))
            }

            /// Mints a UUIDv7 from a time and ten random bytes.
            #[must_use]
            pub fn mint(now: Millis, random: [u8; 10]) -> Self {
                Self(mint(now, random))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A person. Opaque: an account from another provider keeps the id it has there.
    UserId
);
id!(
    /// A household.
    HouseholdId
);
id!(
    /// A habit.
    HabitId
);
id!(
    /// A device: button, board or display.
    DeviceId
);
id!(
    /// A routine.
    RoutineId
);
id!(
    /// A way through a routine.
    VariantId
);
id!(
    /// One run through a routine.
    RunId
);
id!(
    /// A completion event.
    EventId
);
id!(
    /// A day cell, always derived: [`CellId::of`].
    CellId
);
id!(
    /// Names a command, so that its repetition gets the first answer again.
    ///
    /// Unique per author only: two people may use the same idempotency key.
    CommandId
);

/// Mints a UUIDv7 text.
#[must_use]
pub fn mint(now: Millis, random: [u8; 10]) -> String {
    let millis = u64::try_from(now).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
}

/// Derives a UUIDv8 from a natural key: the first 16 bytes of its SHA-256, version and variant set.
#[must_use]
pub fn derive(key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    let uuid: Uuid = Builder::from_custom_bytes(bytes).into_uuid();
    uuid.to_string()
}

/// The id of a person's preferences: there is one row of them.
#[must_use]
pub fn preferences(person: &UserId) -> String {
    derive(&format!("preferences|{person}"))
}

/// The id of what a habit asks for from a day on: two hubs that date the same change make one row.
#[must_use]
pub fn schedule(habit: &str, from: &str) -> String {
    derive(&format!("schedule|{habit}|{from}"))
}

/// The id of a habit's step in a routine: two screens that add it make one step.
#[must_use]
pub fn step(routine: &str, habit: &str) -> String {
    derive(&format!("step|{routine}|{habit}"))
}

/// The id of what lost a merge: whoever notices the same loss, on any hub, writes one entry of it.
#[must_use]
pub fn loss(table: &str, row: &str, register: &str, lost_at: &crate::hlc::Hlc, lost: &str) -> String {
    derive(&format!("conflict|{table}|{row}|{register}|{lost_at}|{lost}"))
}

impl CellId {
    /// The id of the cell of one habit on one day for one actor: UUIDv8 over `habit|date|actor`.
    ///
    /// `actor` is empty for personal habits and for those that anyone may do once.
    #[must_use]
    pub fn of(habit: &HabitId, date: jiff::civil::Date, actor: &str) -> Self {
        Self(derive(&format!("{habit}|{date}|{actor}")))
    }
}

impl EventId {
    /// The id of the event a command makes: UUIDv8 over `event|author|command`.
    ///
    /// Derived, so that a press repeated after any time, on any hub, is the same event.
    #[must_use]
    pub fn of(author: &str, command: &CommandId) -> Self {
        Self(derive(&format!("event|{author}|{command}")))
    }

    /// The id of a day that was imported: UUIDv8 over `import|person|source|reference|date`.
    ///
    /// Derived, so that the same file imported again adds nothing. The date ends the key and has one
    /// form, so a reference may hold anything.
    #[must_use]
    pub fn imported(person: &UserId, source: &str, reference: &str, date: jiff::civil::Date) -> Self {
        Self(derive(&format!("import|{person}|{source}|{reference}|{date}")))
    }

    /// The id of the event that a run of a routine makes for one of its habits: whoever finishes the run, on any hub,
    /// makes the same.
    #[must_use]
    pub fn of_run(run: &RunId, habit: &HabitId) -> Self {
        Self(derive(&format!("event|run|{run}|{habit}")))
    }
}

impl HabitId {
    /// The id of a habit that was imported: UUIDv8 over `import|person|source|reference`.
    #[must_use]
    pub fn imported(person: &UserId, source: &str, reference: &str) -> Self {
        Self(derive(&format!("import|{person}|{source}|{reference}")))
    }
}

impl RunId {
    /// The id of the run a command begins.
    #[must_use]
    pub fn of(author: &str, command: &CommandId) -> Self {
        Self(derive(&format!("run|{author}|{command}")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_minted_id_is_a_version_7_uuid_with_its_time_in_front() {
        let id = HabitId::mint(0x0190_0000_0000, [0xff; 10]);
        let uuid = Uuid::parse_str(id.as_str()).unwrap();
        assert_eq!(uuid.get_version_num(), 7);
        assert!(id.as_str().starts_with("01900000-0000-7"));
    }

    /// The vectors that documentation and clients of other languages repeat.
    #[test]
    fn cell_ids_follow_the_published_vectors() {
        let habit = HabitId::new("0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d").unwrap();
        let date = jiff::civil::date(2026, 11, 24);
        let personal = CellId::of(&habit, date, "");
        let shared = CellId::of(&habit, date, "ada");
        assert_eq!(Uuid::parse_str(personal.as_str()).unwrap().get_version_num(), 8);
        // python3: uuid.UUID(bytes=…, version=8) over hashlib.sha256(b"…|2026-11-24|").digest()[:16]
        assert_eq!(personal.as_str(), "e4c734f4-0e0f-863a-8525-719a5f174fd8");
        assert_eq!(shared.as_str(), "34281328-fc0b-8d7c-9fd2-8368c201d763");
    }

    #[test]
    fn an_imported_day_has_one_id_per_person_source_habit_and_day() {
        let (ada, bob) = (UserId::new("ada").unwrap(), UserId::new("bob").unwrap());
        let day = jiff::civil::date(2026, 11, 24);
        let id = EventId::imported(&ada, "loop", "Water | daily", day);
        assert_eq!(id, EventId::imported(&ada, "loop", "Water | daily", day));
        let others = [
            EventId::imported(&bob, "loop", "Water | daily", day),
            EventId::imported(&ada, "habitkit", "Water | daily", day),
            EventId::imported(&ada, "loop", "Water", day),
            EventId::imported(&ada, "loop", "Water | daily", day.tomorrow().unwrap()),
        ];
        assert!(others.iter().all(|other| *other != id));
        assert_ne!(HabitId::imported(&ada, "loop", "Water"), HabitId::imported(&bob, "loop", "Water"));
    }

    #[test]
    fn ids_from_outside_are_short_printable_text() {
        for bad in ["", "a b", "é", "a\n", "\u{0}", &"x".repeat(129)] {
            assert_eq!(CommandId::new(bad), Err(BadId), "{bad:?}");
        }
        assert!(CommandId::new("c0ffee:17").is_ok());
        assert!(serde_json::from_str::<UserId>("\"\"").is_err());
    }
}
