//! Loop Habit Tracker: its database, its zip of tables, and a zip for it.

mod archive;
mod database;
mod habit;
mod verify;
mod write;

pub(crate) use archive::read as read_zip;
pub(crate) use database::{MAGIC, read as read_database};
pub use write::{loop_zip, write_loop_zip};
