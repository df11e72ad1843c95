//! Which app wrote a file, and reading it.

use serde_json::Value;

use crate::fault::{Fault, Unknown};
use crate::model::{Origin, Portable};
use crate::{beaver, habitbull, habitica, habitkit, json, limits, loop_app, table, table_habit};

/// A kind of file that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Loop's backup, a SQLite database.
    LoopDatabase,
    /// Loop's zip of tables.
    LoopZip,
    /// `HabitKit`'s JSON.
    HabitKit,
    /// Habitica's `userdata.json`.
    HabiticaUser,
    /// Habitica's `history.csv`.
    HabiticaHistory,
    /// `HabitBull`'s table.
    HabitBull,
    /// Table Habit's JSON.
    TableHabit,
    /// beaverhabits' JSON.
    Beaver,
}

impl Format {
    /// The app that writes it.
    #[must_use]
    pub fn origin(self) -> Origin {
        match self {
            Self::LoopDatabase | Self::LoopZip => Origin::Loop,
            Self::HabitKit => Origin::HabitKit,
            Self::HabiticaUser | Self::HabiticaHistory => Origin::Habitica,
            Self::HabitBull => Origin::HabitBull,
            Self::TableHabit => Origin::TableHabit,
            Self::Beaver => Origin::Beaver,
        }
    }
}

/// Tells by its content which app wrote a file; its name only helps with a better message.
///
/// # Errors
/// A sentence, when it is none that is known.
pub fn detect(file_name: &str, bytes: &[u8]) -> Result<Format, Unknown> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.is_empty() {
        return Err(Unknown("The file is empty.".into()));
    }
    if bytes.starts_with(loop_app::MAGIC) {
        return Ok(Format::LoopDatabase);
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Ok(Format::LoopZip);
    }
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{' | b'[') => {
            let value = json::parse(bytes).map_err(|fault| Unknown(fault.to_string()))?;
            of_json(&value).ok_or_else(|| unknown(file_name))
        }
        _ => of_table(bytes).ok_or_else(|| unknown(file_name)),
    }
}

fn unknown(file_name: &str) -> Unknown {
    let ending = file_name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let hint = match ending.as_deref() {
        Some("db" | "sqlite" | "zip") => " It may be damaged.",
        Some("xlsx" | "xls" | "ods") => " Export it as CSV.",
        _ => "",
    };
    Unknown(format!(
        "This is no export of a hub, nor of Loop Habit Tracker, HabitKit, Habitica, HabitBull, Table Habit or beaverhabits.{hint}"
    ))
}

fn of_json(value: &Value) -> Option<Format> {
    if value.get("tasks").is_some_and(Value::is_object) {
        return Some(Format::HabiticaUser);
    }
    let habits = value.get("habits")?.as_array()?;
    if value.get("completions").is_some() || value.get("intervals").is_some() {
        return Some(Format::HabitKit);
    }
    let any = |keys: &[&str]| habits.iter().any(|habit| keys.iter().any(|key| habit.get(key).is_some()));
    if any(&["create_t", "freq_type", "daily_goal"]) {
        Some(Format::TableHabit)
    } else if habits.is_empty() || any(&["records"]) {
        Some(Format::Beaver)
    } else {
        None
    }
}

fn of_table(bytes: &[u8]) -> Option<Format> {
    let head = table::head(bytes)?;
    let all = |words: &[&str]| words.iter().all(|word| head.column(word).is_some());
    if all(&["Task Name", "Task ID", "Task Type", "Date", "Value"]) {
        Some(Format::HabiticaHistory)
    } else if all(&["HabitName", "CalendarDate", "Value"]) {
        Some(Format::HabitBull)
    } else {
        None
    }
}

/// Reads a file of any app that is known.
///
/// # Errors
/// A sentence for the person who chose it, with the place where there is one.
pub fn read(file_name: &str, bytes: &[u8]) -> Result<Portable, Fault> {
    bounded(bytes)?;
    read_as(detect(file_name, bytes)?, bytes)
}

/// Reads a file of one format.
///
/// # Errors
/// As [`read`].
pub fn read_as(format: Format, bytes: &[u8]) -> Result<Portable, Fault> {
    bounded(bytes)?;
    match format {
        Format::LoopDatabase => loop_app::read_database(bytes),
        Format::LoopZip => loop_app::read_zip(bytes),
        Format::HabitKit => habitkit::read(bytes),
        Format::HabiticaUser => habitica::read_user(bytes),
        Format::HabiticaHistory => habitica::read_history(bytes),
        Format::HabitBull => habitbull::read(bytes),
        Format::TableHabit => table_habit::read(bytes),
        Format::Beaver => beaver::read(bytes),
    }
}

fn bounded(bytes: &[u8]) -> Result<(), Fault> {
    if bytes.len() > limits::FILE { Err(Fault::too_much("Bytes of a file", limits::FILE)) } else { Ok(()) }
}
