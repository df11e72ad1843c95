//! Which app wrote a file, and reading it.

use crate::fault::{Fault, Unknown};
use crate::model::{Origin, Portable};
use crate::{limits, loop_app};

/// A kind of file that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Loop's backup, a SQLite database.
    LoopDatabase,
    /// Loop's zip of tables.
    LoopZip,
}

impl Format {
    /// The app that writes it.
    #[must_use]
    pub fn origin(self) -> Origin {
        match self {
            Self::LoopDatabase | Self::LoopZip => Origin::Loop,
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
    Err(unknown(file_name))
}

fn unknown(file_name: &str) -> Unknown {
    let ending = file_name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let hint = match ending.as_deref() {
        Some("db" | "sqlite" | "zip") => " It may be damaged.",
        Some("xlsx" | "xls" | "ods") => " Export it as CSV.",
        _ => "",
    };
    Unknown(format!("This is no export of Loop Habit Tracker.{hint}"))
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
    }
}

fn bounded(bytes: &[u8]) -> Result<(), Fault> {
    if bytes.len() > limits::FILE { Err(Fault::too_much("Bytes of a file", limits::FILE)) } else { Ok(()) }
}
