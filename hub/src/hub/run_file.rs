//! `run.json`: where the running hub can be reached.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Addresses;

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
    crate::files::write_private(path, &serde_json::to_vec(&file)?)
}
