//! A fleet of simulated buttons that behave like the firmware of real ones.
//!
//! A button knows no wall clock, keeps its presses in a small flash queue, repeats a press under the same `press_id`
//! until the hub answers, goes out of reach, restarts, and comes back. Everything it knows is in its ledger, so that
//! a test can compare it with the hub's database press by press.
//!
//! In reading order:
//!
//! - [`wire`]: topics and payloads, pure;
//! - [`queue`]: the flash queue and the age of a press, pure;
//! - [`schedule`]: what a person and the radio do to a button, drawn from a seed, pure;
//! - [`ledger`]: what a button knows about each press;
//! - `link`: one MQTT connection;
//! - `firmware`: the device itself, one loop;
//! - [`button`]: the handle to it;
//! - [`fleet`]: many buttons, started and stopped together. **Start here.**
//! - [`provision`] and [`api`]: makes devices and bindings through the hub's REST API.
//!
//! Every task belongs to the [`fleet::Fleet`]: dropping it ends them all.

pub mod api;
pub mod button;
mod firmware;
pub mod fleet;
pub mod ledger;
mod link;
pub mod provision;
pub mod queue;
pub mod random;
pub mod schedule;
pub mod wire;

pub use button::{Acked, Button, Credentials, PressError, Settings, Status};
pub use fleet::{Fleet, FleetConfig};
pub use ledger::{Ledger, PressRecord};
pub use wire::{AckResult, Light, PressId};
