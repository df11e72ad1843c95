//! How much of a file is accepted. Far above what a person's life holds, far below what a Pi cannot carry.
//!
//! A file above a limit is refused whole, with the limit in the message.

/// The largest file, in bytes.
pub const FILE: usize = 64 << 20;

/// The largest JSON text, in bytes: as a tree it takes several times that.
pub const JSON: usize = 16 << 20;

/// The most values in a JSON text.
pub const JSON_VALUES: usize = 1_500_000;

/// How deep a JSON text may nest. Exports nest four or five deep.
pub const JSON_DEPTH: usize = 32;

/// The most files in a zip: two a habit, and a few.
pub const ZIP_ENTRIES: usize = 2 * HABITS + 16;

/// The largest file in a zip once unpacked, in bytes.
pub const UNPACKED: u64 = 16 << 20;

/// All that is unpacked of a zip, in bytes.
pub const UNPACKED_ALL: u64 = 64 << 20;

/// The most lines of a table beside its heads, whichever app wrote it: decades of a person's days.
pub const ROWS: u64 = 250_000;

/// The most columns of a table's line.
pub const COLUMNS: usize = 64;

/// The longest text or blob of a database, in bytes.
pub const CELL: i32 = 1 << 20;

/// The longest line of a table, in bytes.
pub const LINE: usize = 1 << 20;

/// How long a database may work, in steps of its own machine.
pub const STEPS: u64 = 100_000_000;

/// The most habits.
pub const HABITS: usize = 1000;

/// The most days of all habits together.
pub const ENTRIES: usize = 250_000;

/// The most deeds of one habit on one day: somewhat more than the hub itself records.
pub const DEEDS: usize = 6000;

/// The longest note, in characters, as in the event's column.
pub const NOTE: usize = 2000;

/// The largest amount of a day.
pub const AMOUNT: f64 = 1e9;

/// The most remarks that are kept; more are counted.
pub const REMARKS: usize = 1000;
