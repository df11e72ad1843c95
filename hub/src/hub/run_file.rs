//! `run.json`: where the running hub can be reached.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;

use super::Addresses;
use crate::auth::setup::Setup;
use crate::files::in_words;
use crate::health::{Board, State};

/// What the file is called in `/health`, where it could not be written.
const PART: &str = "run_file";
/// How long to wait before it is written after all.
const AGAIN: Duration = Duration::from_secs(10);

/// What `run.json` tells tests and scripts.
#[derive(Serialize)]
struct RunFile {
    pid: u32,
    http: u16,
    https: Option<u16>,
    mqtt: u16,
    mqtts: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    setup_code: Option<String>,
}

/// Where `run.json` is.
#[must_use]
pub fn run_file(data_dir: &Path) -> PathBuf {
    data_dir.join("run.json")
}

/// Whether the disk is full: no reason not to start, since reading and exporting work.
pub(super) fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

/// Writes where the hub can be reached, for this user's eyes only: it may hold the setup code.
pub(super) fn write_run_file(path: &Path, addresses: &Addresses, setup_code: Option<String>) -> std::io::Result<()> {
    let port = |address: &SocketAddr| address.port();
    let file = RunFile {
        pid: std::process::id(),
        http: addresses.http.port(),
        https: addresses.https.as_ref().map(port),
        mqtt: addresses.mqtt.port(),
        mqtts: addresses.mqtts.as_ref().map(port),
        setup_code,
    };
    let content = serde_json::to_vec(&file)?;
    match crate::files::write_private(path, &content) {
        Err(error) if is_full(&error) => {
            // What an earlier run left is not so any more, and in its place there is room.
            let _ = std::fs::remove_file(path.with_extension("new"));
            let _ = std::fs::remove_file(path);
            let again = crate::files::write_private(path, &content);
            if again.is_err() {
                let _ = std::fs::remove_file(path.with_extension("new"));
            }
            again
        }
        written => written,
    }
}

/// Writes `run.json` again whenever the setup code changes, and until it could be written.
pub(super) async fn keep_run_file(
    path: PathBuf,
    addresses: Addresses,
    mut written: std::io::Result<()>,
    mut setup: watch::Receiver<Setup>,
    board: Board,
) {
    loop {
        match &written {
            Ok(()) => {
                if board.get(PART).is_some() {
                    board.set(PART, State::Ok);
                }
                if setup.changed().await.is_err() {
                    return;
                }
            }
            Err(error) => {
                let reason = format!("run.json could not be written: {}", in_words(error));
                board.set(PART, State::Degraded(reason));
                if let Ok(Err(_)) = tokio::time::timeout(AGAIN, setup.changed()).await {
                    return;
                }
            }
        }
        let code = setup.borrow_and_update().code.clone();
        written = write_run_file(&path, &addresses, code);
    }
}
