//! The words of Kairos Hub.
//!
//! This crate is pure: it opens nothing, sends nothing and reads no clock; time and chance are
//! passed in. Adapters depend on it and on nothing else of the hub, so an adapter that wants SQL
//! cannot name it.
//!
//! Reading order:
//!
//! 1. [`ids`], [`scope`], [`hlc`]: names, fences and clocks.
//! 2. [`schema`]: the one description of every synced table; [`row`] and [`value`] are its content.
//! 3. [`merge`] and [`repair`]: how two versions of a row become one; [`loss`]: what that does not keep.
//! 4. [`event`], [`fold`], [`follow`]: what people did, the day cell that follows from it, and when it does anew.
//! 5. [`day`], [`plan`], [`today`]: which day it is, what is due, what a person sees.
//! 6. [`progress`], [`statistics`]: what becomes of a habit as days pass, and how it went; [`score`]: what Loop Habit
//!    Tracker makes of it, for those who come from there.
//! 7. [`order`], [`routine`]: habits done in a row, step by step.
//! 8. [`principal`], [`command`], [`change`]: who wishes what, and what happened.
//! 9. [`sync`], [`upload`]: what PowerSync's clients ask and are answered, and what they wrote while nobody listened.
//! 10. [`adapter`]: what a compiled-in adapter gets and gives.

pub mod adapter;
pub mod change;
pub mod command;
pub mod day;
pub mod event;
pub mod fold;
pub mod follow;
pub mod hlc;
pub mod ids;
pub mod loss;
pub mod merge;
pub mod order;
pub mod plan;
pub mod principal;
pub mod progress;
pub mod repair;
pub mod routine;
pub mod row;
pub mod schema;
pub mod scope;
pub mod score;
pub mod statistics;
pub mod sync;
pub mod today;
pub mod upload;
pub mod value;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;
