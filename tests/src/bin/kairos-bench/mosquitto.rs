//! Mosquitto beside the hub: the same packets by the same generator in the same run.
//!
//! It acknowledges from memory. Its persistence writes everything every half hour and at the end, never before a
//! PUBACK, and is off here.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::wire::Login;

/// A running Mosquitto, ended when dropped.
pub(crate) struct Mosquitto {
    child: Child,
    pub(crate) port: u16,
}

impl Mosquitto {
    /// Starts it over a directory; `None` when it is not installed.
    pub(crate) fn start(dir: &Path) -> Option<Self> {
        let port = free_port();
        let config = dir.join("mosquitto.conf");
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\nlog_dest none\n"
        );
        std::fs::write(&config, text).unwrap();
        let run = |program: &str| {
            Command::new(program)
                .arg("-c")
                .arg(&config)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
        };
        // Distributions put it where only root's PATH looks.
        let child = run("mosquitto").or_else(|_| run("/usr/sbin/mosquitto")).ok()?;
        let mosquitto = Self { child, port };
        let begun = Instant::now();
        while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if begun.elapsed() > Duration::from_secs(10) {
                return None;
            }
            std::thread::yield_now();
        }
        Some(mosquitto)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn login(name: &str) -> Login {
    Login { client_id: name.to_owned(), username: name.to_owned(), password: "anything".to_owned() }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
