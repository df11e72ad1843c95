//! Makes the hub findable: announces it by mDNS as `kairos.local` with three services.
//!
//! One task owns one mDNS daemon at a time. When a name turns out to be taken, the daemon is replaced by one that
//! announces everything under the next free name, so that host, services and interfaces never disagree.
//! A network without multicast, or a port held by somebody else, makes discovery [`Status::Degraded`] and is tried again;
//! it never keeps the hub from serving.
//!
//! Dropping or stopping [`Discovery`] ends the task; both say goodbye to the network.

mod announcer;
mod interfaces;
mod names;

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use mdns_sd::MDNS_PORT;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use interfaces::{lan_addresses, lan_interfaces};
pub use names::Names;

use crate::config;
use crate::health::State;

/// How long a stop waits for the goodbye to leave.
const GOODBYE: Duration = Duration::from_secs(2);

/// Where and how to announce.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether to announce at all.
    pub enabled: bool,
    /// The interfaces to announce on; empty: every one that leads into the home.
    pub interfaces: Vec<String>,
    /// Whether IPv6 addresses are announced too. They are only of use when the hub listens on them.
    pub ipv6: bool,
    /// The UDP port of the protocol. Only tests use another one than 5353, which is shared by the whole machine.
    pub port: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self { enabled: true, interfaces: Vec::new(), ipv6: false, port: MDNS_PORT }
    }
}

impl From<&config::Config> for Settings {
    fn from(config: &config::Config) -> Self {
        Self {
            enabled: config.discovery.enabled,
            interfaces: config.discovery.interfaces.iter().map(|name| name.as_str().to_owned()).collect(),
            ipv6: config.http.listen.is_ipv6(),
            port: MDNS_PORT,
        }
    }
}

/// What is announced. A port that the home cannot reach (TLS is off, or plaintext is) is `None`.
#[derive(Clone, Debug, Default)]
pub struct Announced {
    /// The id by which others know this hub again, whatever it is called.
    pub hub_id: String,
    /// The version of the hub.
    pub version: String,
    /// The port of plain http.
    pub http_port: Option<u16>,
    /// The port of https.
    pub https_port: Option<u16>,
    /// The port of plain MQTT.
    pub mqtt_port: Option<u16>,
    /// The port of MQTT over TLS.
    pub mqtts_port: Option<u16>,
}

/// How discovery is doing, for `/health`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Switched off in the settings, or stopped.
    Off,
    /// Asking the network whether the names are free; takes about a second.
    Starting,
    /// Announced.
    Ok,
    /// Not announced, for this reason; tried again by itself.
    Degraded(String),
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Starting => f.write_str("starting"),
            Self::Ok => f.write_str("ok"),
            Self::Degraded(reason) => write!(f, "degraded: {reason}"),
        }
    }
}

impl From<&Status> for State {
    fn from(status: &Status) -> Self {
        match status {
            Status::Off => Self::Off("switched off by discovery.enabled".to_owned()),
            // Nothing is wrong during the second that this takes.
            Status::Starting | Status::Ok => Self::Ok,
            Status::Degraded(reason) => Self::Degraded(reason.clone()),
        }
    }
}

/// The running announcement.
pub struct Discovery {
    names: watch::Receiver<Names>,
    status: watch::Receiver<Status>,
    cancel: CancellationToken,
    /// `None` when discovery is off.
    task: Option<JoinHandle<()>>,
}

impl Discovery {
    /// Starts announcing in the background. Must be called inside a tokio runtime; does not wait for the network.
    pub fn start(settings: Settings, announced: Announced) -> Self {
        let (names_sender, names) = watch::channel(Names::default());
        let off = !settings.enabled;
        let (status_sender, status) = watch::channel(if off { Status::Off } else { Status::Starting });
        let cancel = CancellationToken::new();
        let task = (!off).then(|| {
            let announcer = announcer::Announcer::new(settings, announced, names_sender, status_sender, cancel.clone());
            tokio::spawn(announcer.run())
        });
        Self { names, status, cancel, task }
    }

    /// Returns the names in force and every later change. The `Host` check and the certificates follow them.
    pub fn names(&self) -> watch::Receiver<Names> {
        self.names.clone()
    }

    /// Returns how discovery is doing, and every later change.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Says goodbye and ends the task; waits two seconds at most.
    pub async fn stop(mut self) {
        self.cancel.cancel();
        if let Some(task) = self.task.take() {
            // The announcer bounds its own goodbye; a second more is for a machine that is very busy.
            let _ = tokio::time::timeout(GOODBYE + Duration::from_secs(1), task).await;
        }
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}
