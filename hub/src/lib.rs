//! Kairos Hub: a home hub for habits.
//!
//! One door in, one log out. Every wish to change data goes through [`commands`]; every change that
//! happened is one row of the [`store`]'s log; whoever wants to know reads the [`feed`] from its own cursor.

pub mod clock;
pub mod commands;
pub mod feed;
pub mod files;
pub mod health;
pub mod random;
pub mod store;
