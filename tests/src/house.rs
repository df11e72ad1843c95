//! The hub as a process.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::people::Person;
use crate::{PATIENCE, until};

/// The ports of a running hub, from its `run.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ports {
    pub http: u16,
    pub https: u16,
    pub mqtt: u16,
    pub mqtts: u16,
}

/// A house and its hub.
pub struct House {
    dir: TempDir,
    data_dir: PathBuf,
    plan: Builder,
    child: Option<Child>,
    pub ports: Ports,
    pub setup_code: Option<String>,
    pub http: reqwest::Client,
}

/// How a hub is started.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    pub settings: Vec<(String, String)>,
    pub env: Vec<(String, String)>,
    pub args: Vec<String>,
    pub data_dir: Option<PathBuf>,
    /// Runs the hub under another program, such as `prlimit`.
    pub wrapper: Vec<String>,
    /// Runs this program in the hub's place.
    pub binary: Option<PathBuf>,
}

/// The root of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The hub's binary: `KAIROS_HUB_BIN`, or the one beside this test's own.
#[must_use]
pub fn hub_binary() -> PathBuf {
    if let Ok(path) = std::env::var("KAIROS_HUB_BIN") {
        return path.into();
    }
    let mut path = std::env::current_exe().unwrap();
    while path.pop() {
        let found = path.join("kairos-hub");
        if found.is_file() {
            return found;
        }
    }
    panic!("kairos-hub is not built: run `cargo build -p kairos-hub`, or set KAIROS_HUB_BIN")
}

impl Builder {
    /// A setting, by its environment variable: `("KAIROS_LOG", "trace")`.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Uses this directory for the data instead of one of its own.
    #[must_use]
    pub fn data_dir(mut self, dir: &Path) -> Self {
        self.data_dir = Some(dir.into());
        self
    }

    /// Starts the hub at this time: `2026-03-28T22:00:00Z`.
    #[must_use]
    pub fn clock(mut self, time: &str) -> Self {
        self.args.extend(["--clock".into(), time.into()]);
        self
    }

    /// Runs the hub under another program.
    #[must_use]
    pub fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|part| (*part).to_owned()).collect();
        self
    }

    /// Runs this program in the hub's place, with the hub's own arguments.
    #[must_use]
    pub fn binary(mut self, path: &Path) -> Self {
        self.binary = Some(path.into());
        self
    }

    /// Runs a hub that is expected to end by itself, with these arguments; gives what it said.
    pub async fn attempt(&self, data_dir: &Path, args: &[&str]) -> Output {
        let ending = self.command(data_dir).args(args).output();
        tokio::time::timeout(PATIENCE, ending).await.expect("the hub ends by itself").unwrap()
    }

    /// Starts the hub and waits until it serves.
    pub async fn start(self) -> House {
        self.try_start().await.unwrap_or_else(|ended| panic!("{ended}"))
    }

    /// Starts the hub and waits until it serves, or gives what it said when it ended instead.
    pub async fn try_start(self) -> Result<House, String> {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = self.data_dir.clone().unwrap_or_else(|| dir.path().join("data"));
        // One cryptography in the process; a second call finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // The hub closes a connection that rests for ten seconds; no request is to meet it there.
        let rest = std::time::Duration::from_secs(5);
        let http = reqwest::Client::builder().timeout(PATIENCE).pool_idle_timeout(rest).no_proxy().build().unwrap();
        let mut house =
            House { dir, data_dir, plan: self, child: None, ports: Ports::default(), setup_code: None, http };
        house.try_boot().await?;
        Ok(house)
    }

    /// The command that starts the hub over a data directory.
    pub fn command(&self, data_dir: &Path) -> Command {
        let binary = self.binary.clone().unwrap_or_else(hub_binary);
        let mut command = match self.wrapper.split_first() {
            Some((program, rest)) => {
                let mut command = Command::new(program);
                command.args(rest).arg(binary);
                command
            }
            None => Command::new(binary),
        };
        let parent = data_dir.parent().unwrap();
        command
            .arg("--data-dir")
            .arg(data_dir)
            .args(&self.args)
            .current_dir(if parent.is_dir() { parent } else { Path::new("/") })
            .env("KAIROS_HTTP_LISTEN", "127.0.0.1:0")
            .env("KAIROS_HTTP_HTTPS_LISTEN", "127.0.0.1:0")
            .env("KAIROS_MQTT_LISTEN", "127.0.0.1:0")
            .env("KAIROS_MQTT_TLS_LISTEN", "127.0.0.1:0")
            .env("KAIROS_DISCOVERY_ENABLED", "false")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

impl House {
    /// A house whose hub runs on free ports, without mDNS.
    pub async fn start() -> Self {
        Builder::default().start().await
    }

    /// How a hub is started, to be changed before it is.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where its data is.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Where its database is.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.data_dir.join("hub.db")
    }

    /// Where its log of this and earlier runs is.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.dir.path().join("log")).unwrap_or_default()).into_owned()
    }

    /// The process id of the running hub.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().and_then(Child::id).expect("the hub runs")
    }

    /// How much memory the running hub holds, in KiB.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// The most memory the running hub held while something was done, in KiB.
    pub async fn most_memory<T>(&self, meanwhile: impl Future<Output = T>) -> (T, u64) {
        let process = format!("/proc/{}", self.pid());
        std::fs::write(format!("{process}/clear_refs"), "5").unwrap();
        let done = meanwhile.await;
        let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        (done, line.split_whitespace().nth(1).unwrap().parse().unwrap())
    }

    /// Starts the hub again, after a stop or a kill.
    pub async fn boot(&mut self) {
        self.try_boot().await.unwrap_or_else(|ended| panic!("{ended}"));
    }

    async fn try_boot(&mut self) -> Result<(), String> {
        assert!(self.child.is_none(), "the hub already runs");
        let run_file = self.data_dir.join("run.json");
        // A killed hub leaves its file; the new one must be told from the old one.
        let _ = std::fs::remove_file(&run_file);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.dir.path().join("log")).unwrap();
        let mut command = self.plan.command(&self.data_dir);
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let mut child = command.spawn().unwrap();
        let run = until("run.json", async || {
            if let Ok(Some(status)) = child.try_wait() {
                return Some(Err(format!("the hub ended with {status}:\n{}", self.log())));
            }
            let text = std::fs::read(&run_file).ok()?;
            serde_json::from_slice::<Value>(&text).ok().map(Ok)
        })
        .await?;
        let port = |name: &str| run[name].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
        self.ports = Ports { http: port("http"), https: port("https"), mqtt: port("mqtt"), mqtts: port("mqtts") };
        self.setup_code = run["setup_code"].as_str().map(str::to_owned);
        self.child = Some(child);
        Ok(())
    }

    /// Ends the hub as a power cut would end the process.
    pub async fn kill(&mut self) {
        let mut child = self.child.take().expect("the hub runs");
        child.kill().await.unwrap();
    }

    /// Sends SIGKILL at this very moment; [`House::kill`] then waits for the end.
    pub fn strike(&mut self) {
        self.child.as_mut().expect("the hub runs").start_kill().unwrap();
    }

    /// From the next [`House::boot`] on, runs this program in the hub's place.
    pub fn replace(&mut self, binary: Option<&Path>) {
        self.plan.binary = binary.map(Path::to_owned);
    }

    /// From the next [`House::boot`] on, the hub's clock starts at this time, whatever it was before.
    pub fn set_clock(&mut self, time: &str) {
        self.plan.args.retain(|arg| arg != "--clock" && !arg.ends_with('Z'));
        self.plan.args.extend(["--clock".into(), time.into()]);
    }

    /// From the next [`House::boot`] on, the hub has these settings too.
    pub fn set_env(&mut self, more: &Builder) {
        self.plan.env.extend(more.env.iter().cloned());
    }

    /// From the next [`House::boot`] on, the hub does not have this setting any more.
    pub fn unset_env(&mut self, name: &str) {
        self.plan.env.retain(|(set, _)| set != name);
    }

    /// Asserts that the hub lives, answers, and has not panicked since it was first started.
    pub async fn is_well(&mut self) {
        let ended = self.child.as_mut().expect("the hub runs").try_wait().unwrap();
        assert!(ended.is_none(), "the hub ended: {ended:?}\n{}", self.log());
        assert_eq!(self.http.get(self.url("/health")).send().await.unwrap().status(), 200);
        let log = self.log();
        let panicked = log.lines().skip_while(|line| !line.contains("panicked at")).take(5).collect::<Vec<_>>();
        assert!(panicked.is_empty(), "the hub panicked: {panicked:#?}");
    }

    /// Ends the hub politely and waits for it.
    pub async fn stop(&mut self) -> std::process::ExitStatus {
        let mut child = self.child.take().expect("the hub runs");
        let pid = child.id().unwrap().to_string();
        let signalled = Command::new("kill").arg("-TERM").arg(pid).status().await.unwrap();
        assert!(signalled.success());
        tokio::time::timeout(PATIENCE, child.wait()).await.expect("the hub stops in time").unwrap()
    }

    /// Runs another command of the binary beside this hub, or over its stopped data.
    pub async fn cli(&self, args: &[&str]) -> Output {
        self.plan.command(&self.data_dir).args(args).output().await.unwrap()
    }

    /// The address of a page or resource.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports.http)
    }

    /// `/health`.
    pub async fn health(&self) -> Value {
        self.http.get(self.url("/health")).send().await.unwrap().json().await.unwrap()
    }

    /// Sets the hub up: its first administrator.
    pub async fn set_up(&self) -> Person {
        let code = self.setup_code.clone().expect("a new hub has a setup code");
        let body = serde_json::json!({ "setup_code": code, "email": "ada@example.org", "password": "correct horse battery", "display_name": "Ada" });
        let answer = self.http.post(self.url("/api/setup")).json(&body).send().await.unwrap();
        let status = answer.status();
        let token: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "setup: {status} {token}");
        Person::new(self, &token)
    }

    /// Adds another person and signs them in.
    pub async fn add_person(&self, admin: &Person, email: &str) -> Person {
        let body = serde_json::json!({ "email": email, "password": "another long password", "display_name": email, "role": "member" });
        admin.post("/api/users", body).await;
        self.sign_in(email, "another long password").await
    }

    /// Signs a person in.
    pub async fn sign_in(&self, email: &str, password: &str) -> Person {
        let body = serde_json::json!({ "email": email, "password": password });
        let answer = self.http.post(self.url("/api/auth/login")).json(&body).send().await.unwrap();
        let status = answer.status();
        let token: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "login: {status} {token}");
        Person::new(self, &token)
    }
}
