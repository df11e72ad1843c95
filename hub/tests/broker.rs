//! The broker as its clients meet it: real sockets, raw bytes and a real client library.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

#[path = "broker/house.rs"]
mod house;
#[path = "broker/wire.rs"]
mod wire;

#[path = "broker/access.rs"]
mod access;
#[path = "broker/clients.rs"]
mod clients;
#[path = "broker/events.rs"]
mod events;
#[path = "broker/hostile.rs"]
mod hostile;
#[path = "broker/lifecycle.rs"]
mod lifecycle;
#[path = "broker/sessions.rs"]
mod sessions;
