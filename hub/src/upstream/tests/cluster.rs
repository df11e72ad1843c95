//! A Postgres of our own: made by `initdb`, on a free port, gone with the test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A running server.
pub(super) struct Cluster {
    dir: tempfile::TempDir,
    bin: PathBuf,
    pub(super) port: u16,
}

fn programs() -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    found.pop().expect("Postgres is installed; see tests/setup")
}

/// Runs a program as somebody who is not root: Postgres refuses to.
fn run(program: &Path, arguments: &[&str]) -> Output {
    let root = rustix::process::geteuid().is_root();
    let mut command = if root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.args(arguments).stdin(Stdio::null()).current_dir("/");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{program:?} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

impl Cluster {
    pub(super) fn start() -> Self {
        let bin = programs();
        let dir = tempfile::tempdir().unwrap();
        if rustix::process::geteuid().is_root() {
            let status = Command::new("chown").arg("postgres:postgres").arg(dir.path()).status().unwrap();
            assert!(status.success());
        }
        let data = dir.path().join("data");
        let data = data.to_str().unwrap();
        run(&bin.join("initdb"), &["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]);
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Self { dir, bin, port };
        cluster.up();
        cluster
    }

    fn data(&self) -> String {
        self.dir.path().join("data").to_str().unwrap().to_owned()
    }

    pub(super) fn up(&self) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c wal_level=logical -c synchronous_commit=off -c fsync=off",
            self.port
        );
        let log = self.dir.path().join("log");
        let arguments = ["-D", &self.data(), "-w", "-l", log.to_str().unwrap(), "-o", &options, "start"];
        run(&self.bin.join("pg_ctl"), &arguments);
    }

    pub(super) fn down(&self) {
        run(&self.bin.join("pg_ctl"), &["-D", &self.data(), "-w", "-m", "immediate", "stop"]);
    }

    /// The address of a database as somebody.
    pub(super) fn url(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.down();
    }
}
