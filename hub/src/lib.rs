//! Kairos Hub: a home hub for habits.
//!
//! One door in, one log out. Every wish to change data goes through [`commands`]; every change that
//! happened is one row of the [`store`]'s log; whoever wants to know reads the [`feed`] from its own cursor.

pub mod adapters;
pub mod admin;
pub mod auth;
pub mod backup;
pub mod broker;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod days;
pub mod discovery;
mod engine;
pub mod feed;
pub mod files;
pub mod gate;
pub mod health;
pub mod http;
pub mod hub;
mod leases;
pub mod net;
pub mod places;
pub mod random;
pub mod roster;
pub mod runs;
pub mod store;
pub mod transfer;
pub mod upstream;
mod web;
