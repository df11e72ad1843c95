//! `health`: asks the running hub how it is; for containers and supervisors.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;

use super::{Common, complain};
use crate::hub::run_file;

/// How long the hub may take to answer.
const PATIENCE: Duration = Duration::from_secs(4);

pub(super) fn run(common: &Common) -> Result<ExitCode, ExitCode> {
    let config = common.settings()?;
    let health = ask(&config.data_dir).map_err(|reason| complain(&reason, common.json))?;
    let fine = health["status"] == "ok";
    if common.json {
        println!("{health}");
    } else {
        for (part, state) in health["components"].as_object().into_iter().flatten() {
            let reason = state["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
            println!("{part:<12} {}{reason}", state["status"].as_str().unwrap_or("?"));
        }
    }
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

pub(super) fn ask(data_dir: &std::path::Path) -> Result<Value, String> {
    let run = std::fs::read(run_file(data_dir)).map_err(|_| format!("No hub is running in {}.", data_dir.display()))?;
    let run: Value = serde_json::from_slice(&run).map_err(|_| "run.json cannot be read.".to_owned())?;
    let port = run["http"].as_u64().and_then(|port| u16::try_from(port).ok()).ok_or("run.json names no port.")?;
    let silent = |_| "The hub does not answer.".to_owned();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(silent)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(silent)?;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").map_err(silent)?;
    let mut answer = String::new();
    stream.take(1 << 20).read_to_string(&mut answer).map_err(silent)?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    serde_json::from_str(body).map_err(|_| "The hub gave an answer that cannot be read.".to_owned())
}
