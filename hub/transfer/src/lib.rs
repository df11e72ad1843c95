//! Habits in other apps' files.
//!
//! People bring years of days along from elsewhere, and must be able to take them away again. This
//! crate reads what other apps export and writes files that people and Loop can read. It is pure: bytes
//! in, values out; it opens no file, asks no network and no clock. A file comes from anywhere, so
//! nothing in it is trusted: every size is bounded ([`limits`]), no input makes it panic, and what does
//! not fit is said in words ([`Remark`]), never dropped in silence.
//!
//! Reading order:
//!
//! 1. [`model`]: what a file becomes, and the report a person sees before anything is imported.
//! 2. [`limits`], [`fault`]: how much is accepted, and how a file is refused.
//! 3. `reading`: how a reader builds the model and mends what the habit's columns would not take.
//! 4. `json`, `table`, `zipped`: bounded parsers.
//! 5. A module per app: `loop_app` (database, zip, and writing a zip), `habitkit`, `habitica`, `habitbull`,
//!    `table_habit`, `beaver`.
//! 6. [`completions`]: our own table of days, which round-trips byte for byte.
//! 7. [`whole`]: everything of a person, which comes back as it went out.
//! 8. `formats`: [`detect`] and [`read`] over all of them.

// Names the crate once, so that its Rust backend is the one that zip's deflate uses.
use flate2 as _;

mod beaver;
pub mod completions;
mod days;
pub mod fault;
mod formats;
mod habitbull;
mod habitica;
mod habitkit;
mod json;
pub mod limits;
mod loop_app;
pub mod model;
mod reading;
mod table;
mod table_habit;
pub mod whole;
mod zipped;

pub use fault::{Fault, Unknown};
pub use formats::{Format, detect, read, read_as};
pub use loop_app::{loop_zip, write_loop_zip};
pub use model::{Origin, Portable, PortableEntry, PortableHabit, Remark, RemarkKind, Report};

#[cfg(test)]
mod tests;
