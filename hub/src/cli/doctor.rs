//! `doctor`: looks for what may be wrong, and says what to do about it. Changes nothing.
//!
//! Where the hub runs, it is asked how its parts are; where it does not, the doctor looks whether it could start. The server is
//! tried by a connection of the doctor's own either way.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;

use kairos_core::Millis;
use serde::Serialize;

use super::desk::plain;
use super::{Common, complain, health};
use crate::clock::Clock;
use crate::config::{Config, TlsMode};
use crate::discovery;
use crate::files::{in_words, room};
use crate::store::server_beside;
use crate::upstream::{Target, try_out};

/// How many bytes of the disk should be free: room for the largest upload, a backup and the log of a busy week.
const COMFORT: u64 = 512 << 20;
/// No machine of today stands before 2026, in milliseconds since the epoch.
const YEAR_2026: Millis = 1_767_225_600_000;

/// What was looked at, and what was found.
#[derive(Serialize)]
struct Finding {
    /// What.
    part: String,
    /// Whether it is as it should be.
    well: bool,
    /// What was seen.
    seen: String,
    /// What to do, where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Finding {
    fn well(part: &str, seen: impl Into<String>) -> Self {
        Self { part: part.into(), well: true, seen: seen.into(), advice: None }
    }

    fn ill(part: &str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { part: part.into(), well: false, seen: seen.into(), advice: Some(advice.into()) }
    }
}

pub(super) fn run(common: &Common) -> Result<ExitCode, ExitCode> {
    // Mistakes in the settings are said line by line, and nothing else can be looked at.
    let config = common.settings()?;
    let mut found = vec![Finding::well("settings", "they can be read")];
    found.push(data(&config.data_dir));
    found.push(clock());
    match health::ask(&config.data_dir) {
        Ok(health) => found.extend(parts(&health)),
        Err(reason) => {
            found.push(Finding::well("hub", format!("{reason} Looking whether it could start")));
            found.extend(ports(&config));
            found.extend(certificates(&config));
            found.push(network(&config));
        }
    }
    found.push(server(&config).map_err(|error| complain(&error, common.json))?);
    let well = found.iter().all(|finding| finding.well);
    if common.json {
        println!("{}", serde_json::json!({ "well": well, "findings": found }));
    } else {
        for Finding { part, well, seen, advice } in &found {
            println!("{} {part:<12} {}", if *well { "ok  " } else { "look" }, plain(seen));
            if let Some(advice) = advice {
                println!("     {:<12} -> {}", "", plain(advice));
            }
        }
        println!("{}", if well { "Everything is as it should be." } else { "Something needs a look." });
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The folder with the data: there, writable, and with room.
fn data(folder: &Path) -> Finding {
    let shown = folder.display();
    let parent = folder.ancestors().find(|path| path.exists()).unwrap_or(folder);
    let may_write = rustix::fs::access(parent, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK);
    if let Err(error) = may_write {
        let advice = "Give the folder to the user who runs the hub, or name another with --data-dir or store.data_dir.";
        return Finding::ill("data", format!("{shown} cannot be written: {error}"), advice);
    }
    match room(parent) {
        Some(has) if has < COMFORT => {
            let advice =
                "Make room: old backups (store.backup.keep) and other programs' files are the first to look at.";
            Finding::ill("data", format!("{} MB are left on the disk of {shown}", has >> 20), advice)
        }
        Some(has) => Finding::well("data", format!("{shown}, {} MB free", has >> 20)),
        None => Finding::well("data", shown.to_string()),
    }
}

fn clock() -> Finding {
    if Clock::system().now() < YEAR_2026 {
        let advice = "Let the machine set its clock from the network (timedatectl set-ntp true), or add a clock that keeps time.";
        return Finding::ill("time", "this machine's clock stands in the past", advice);
    }
    Finding::well("time", "this machine's clock can be right")
}

/// What the running hub says of its parts.
fn parts(health: &serde_json::Value) -> Vec<Finding> {
    let mut found = vec![Finding::well("hub", "it is running")];
    for (part, state) in health["components"].as_object().into_iter().flatten() {
        // Where there is a server, it is tried below as well: that it lets the doctor in does not say that rows get there.
        let part = if part == "upstream" { "replication" } else { part };
        let reason = state["reason"].as_str().unwrap_or_default();
        found.push(match state["status"].as_str() {
            Some("degraded") => Finding::ill(part, reason, advice(part)),
            Some("off") => Finding::well(part, format!("off: {reason}")),
            _ => Finding::well(part, "it works"),
        });
    }
    found
}

/// What to do about a part that does not do all it should.
fn advice(part: &str) -> &'static str {
    match part {
        "store" => "Look at the disk: is it full, read-only or broken? Then `kairos-hub restore` brings a backup back.",
        "disk" => "Make room on the disk: old backups and other programs' files are the first to look at.",
        "backup" => "Look whether the folder of backups (store.backup.folder) is there, writable and has room.",
        "clock" => "Let the machine set its clock from the network (timedatectl set-ntp true).",
        "discovery" => {
            "Look whether the machine is in the home's network; name its interface with discovery.interfaces."
        }
        "replication" => {
            "An administrator sees under More, Server whose changes wait and why. Everything works here meanwhile; `Try now` there \
             tries again at once, and the hub's log says more."
        }
        "auth" => "Look whether PocketBase runs and what docs/ACCOUNTS.md says of its defaults.",
        _ => "The log of the hub says more (journalctl -u kairos-hub, or where it was started).",
    }
}

/// Whether the ports are free.
fn ports(config: &Config) -> Vec<Finding> {
    let mut wanted = vec![("http.listen", config.http.listen), ("mqtt.listen", config.mqtt.listen)];
    if config.tls.mode != TlsMode::Off {
        wanted.push(("http.https_listen", config.http.https_listen));
        wanted.push(("mqtt.tls_listen", config.mqtt.tls_listen));
    }
    let look = |(key, address): (&str, SocketAddr)| match TcpListener::bind(address) {
        Ok(_) => Finding::well("port", format!("{} is free for {key}", address.port())),
        Err(error) => {
            let advice =
                format!("End the program that has it (ss -ltnp 'sport = :{}'), or set another {key}.", address.port());
            Finding::ill("port", format!("{address} cannot be taken for {key}: {}", in_words(&error)), advice)
        }
    };
    wanted.into_iter().map(look).collect()
}

fn certificates(config: &Config) -> Option<Finding> {
    match config.tls.mode {
        // That the files can be opened is a matter of the settings.
        TlsMode::Files => Some(Finding::well("tls", "certificate and key are of files")),
        TlsMode::Auto => Some(Finding::well("tls", "the hub makes its own certificate")),
        TlsMode::Off => None,
    }
}

/// Whether there is a home network to be found in.
fn network(config: &Config) -> Finding {
    if !config.discovery.enabled {
        return Finding::well("discovery", "off: phones and buttons need the hub's address");
    }
    let interfaces: Vec<String> = config.discovery.interfaces.iter().map(|name| name.as_str().to_owned()).collect();
    let addresses = discovery::lan_addresses(&interfaces, false);
    if addresses.is_empty() {
        let advice = "Connect the machine to the home's network; name its interface with discovery.interfaces if it has another name.";
        return Finding::ill("discovery", "there is no network of a home", advice);
    }
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    Finding::well("discovery", format!("it can be announced as kairos.local at {}", addresses.join(", ")))
}

/// The server, if there is one.
fn server(config: &Config) -> std::io::Result<Finding> {
    let target = match Target::configured(&config.upstream)? {
        Some(target) => Some(target),
        None => connected(&config.data_dir)?,
    };
    let Some(target) = target else {
        return Ok(Finding::well("server", "none is connected; everything stays at home"));
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(match runtime.block_on(try_out(&target)) {
        Ok(()) => Finding::well("server", "it is there and lets this hub in"),
        Err(fault) => Finding::ill("server", fault.to_string(), fault.advice()),
    })
}

/// The one an administrator connected while the hub ran.
fn connected(folder: &Path) -> std::io::Result<Option<Target>> {
    let database = folder.join("hub.db");
    if !database.exists() {
        return Ok(None);
    }
    let found = server_beside(&database).map_err(std::io::Error::other)?;
    Ok(found.map(|(url, ca)| Target { url, ca }))
}
