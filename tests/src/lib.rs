//! The vocabulary of whole-daemon tests: a house with a hub, its people, their buttons and screens.
//!
//! A [`House`] runs the real binary on free ports over a directory of its own. It can be stopped, killed
//! and started again. Nothing here waits for the clock where it could wait for the thing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

pub mod copies;
mod database;
mod export;
pub mod faults;
mod house;
pub mod mqtt;
mod people;
pub mod pocketbase;
pub mod raw;
mod relay;
mod screen;
mod script;
pub mod sdk;
pub mod streams;
pub mod sync_client;

pub use copies::Copy;
pub use database::Database;
pub use export::export_of;
pub use house::{Builder, House, Ports, hub_binary, workspace};
pub use kairos_postgres::{self as postgres, Postgres};
pub use people::{Button, Person};
pub use pocketbase::PocketBase;
pub use relay::Relay;
pub use screen::Screen;
pub use script::Script;

use std::time::Duration;

/// How long a test waits for something that should happen at once: long, because a shared machine stalls.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again until the answer is there; panics with `what` when it does not come.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A count scaled by `KAIROS_TEST_SCALE` (percent; 100 when absent): short in CI, long in the battery.
#[must_use]
pub fn scaled(count: usize) -> usize {
    let percent = std::env::var("KAIROS_TEST_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(100_usize);
    (count * percent / 100).max(1)
}
