//! PowerSync's own SDK, unmodified, with as many clients as a story wants: for Node, or for browsers.
//!
//! The one for Node runs in one process that `tests/peers/powersync/driver.mjs` drives; the one for browsers in the pages
//! of a Chromium that `tests/peers/powersync-web/driver.mjs` drives, with the same words. `just sdk-setup` installs both,
//! and a Node that is new enough for the first.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;

use crate::house::workspace;

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Result<Value, String>>>>>;

/// A process with the SDK.
pub struct Sdk {
    child: Child,
    stdin: tokio::sync::Mutex<ChildStdin>,
    waiting: Waiting,
    next: AtomicU64,
    dir: tempfile::TempDir,
}

/// One client: a database of its own.
#[derive(Clone)]
pub struct Client<'a> {
    sdk: &'a Sdk,
    name: String,
}

fn home() -> PathBuf {
    workspace().join("tests/peers/powersync")
}

/// Lays out what the driver runs: the published schema and connector beside the SDK they import.
fn lay_out(into: &Path) {
    std::fs::create_dir_all(into.join(".app")).unwrap();
    for file in ["schema.js", "connector.js"] {
        std::fs::copy(workspace().join("docs/sync").join(file), into.join(".app").join(file)).unwrap();
    }
    for file in ["driver.mjs", "commands.mjs", "lines.mjs", "package.json"] {
        std::fs::copy(home().join(file), into.join(file)).unwrap();
    }
    std::os::unix::fs::symlink(home().join("node_modules"), into.join("node_modules")).unwrap();
}

/// Runs the example of `docs/sync` against a hub until it has said something; it runs until what is given is dropped.
pub async fn example(hub: &str, token: &str, wanted: &str) -> (Child, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    lay_out(dir.path());
    for file in ["schema.js", "connector.js", "example.mjs"] {
        std::fs::copy(workspace().join("docs/sync").join(file), dir.path().join(file)).unwrap();
    }
    let mut child = Command::new(node())
        .args(["--no-warnings", "example.mjs", hub, token])
        .current_dir(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = String::new();
    let read = async {
        while let Ok(Some(line)) = lines.next_line().await {
            said.push_str(&line);
            said.push('\n');
            if line.contains(wanted) {
                return true;
            }
        }
        false
    };
    let heard = tokio::time::timeout(crate::PATIENCE, read).await.unwrap_or(false);
    assert!(heard, "the example never said {wanted:?}, but:\n{said}");
    // Who says something to nobody ends; so somebody listens on.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, dir)
}

/// Whether `just sdk-setup` was run.
#[must_use]
pub fn is_installed() -> bool {
    home().join("node_modules/node/bin/node").is_file()
}

/// The Node that comes with the SDK.
#[must_use]
pub fn node() -> PathBuf {
    assert!(is_installed(), "the SDK is not installed: run `just sdk-setup`");
    home().join("node_modules/node/bin/node")
}

impl Sdk {
    /// Starts a Node with the SDK for Node.
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        lay_out(dir.path());
        let mut command = Command::new(node());
        command.args(["--no-warnings", "driver.mjs"]).current_dir(dir.path());
        Self::over(command, dir)
    }

    /// Starts a Chromium for the SDK for browsers: each client is a browser context of its own.
    pub async fn start_web() -> Self {
        let home = workspace().join("tests/peers/powersync-web");
        for (modules, recipe) in [(home.clone(), "sdk-setup"), (workspace().join("tests/browser"), "browser-setup")] {
            assert!(modules.join("node_modules").is_dir(), "the browser's SDK is not installed: run `just {recipe}`");
        }
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("node");
        // What the browser keeps goes with the story.
        command.arg("driver.mjs").current_dir(home).env("TMPDIR", dir.path());
        Self::over(command, dir)
    }

    fn over(mut command: Command, dir: tempfile::TempDir) -> Self {
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdin = tokio::sync::Mutex::new(child.stdin.take().unwrap());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let waiting = Waiting::default();
        let answers = waiting.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let Ok(answer) = serde_json::from_str::<Value>(&line) else { continue };
                let Some(waits) = answers.lock().unwrap().remove(&answer["id"].as_u64().unwrap_or(0)) else { continue };
                let _ = waits.send(match answer.get("error") {
                    Some(error) => Err(error.as_str().unwrap_or_default().to_owned()),
                    None => Ok(answer["result"].clone()),
                });
            }
            // Nobody answers any more: whoever waits hears so.
            answers.lock().unwrap().clear();
        });
        Self { child, stdin, waiting, next: 1.into(), dir }
    }

    /// What the SDK said to people.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    async fn ask(&self, mut command: Value) -> Result<Value, String> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        command["id"] = id.into();
        let (answer, answered) = oneshot::channel();
        self.waiting.lock().unwrap().insert(id, answer);
        self.stdin.lock().await.write_all(format!("{command}\n").as_bytes()).await.unwrap();
        answered.await.unwrap_or_else(|_| Err(format!("the SDK's process ended:\n{}", self.log())))
    }

    /// Opens a client's database, a new one or one that was closed.
    pub async fn client(&self, name: &str, hub: &str, token: &str) -> Client<'_> {
        self.client_as(name, hub, token, None).await
    }

    /// The same in a browser that says it is another: the SDK for browsers goes by that.
    pub async fn client_as(&self, name: &str, hub: &str, token: &str, agent: Option<&str>) -> Client<'_> {
        let client = Client { sdk: self, name: name.to_owned() };
        let dir = self.dir.path().join("databases");
        client.ask("open", json!({ "dir": dir, "name": name, "hub": hub, "token": token, "agent": agent })).await;
        client
    }

    /// Ends the process and waits until it has put everything away.
    pub async fn end(self) {
        let Self { mut child, stdin, dir, .. } = self;
        drop(stdin);
        let _ = tokio::time::timeout(crate::PATIENCE, child.wait()).await;
        drop(dir);
    }
}

impl<'a> Client<'a> {
    /// Another tab of this client's browser, with the same database.
    pub async fn tab(&self, name: &str) -> Client<'a> {
        let tab = Client { sdk: self.sdk, name: name.to_owned() };
        tab.ask("open", json!({ "beside": self.name })).await;
        tab
    }

    /// Takes the browser's network away, or gives it back.
    pub async fn offline(&self, offline: bool) {
        self.ask("network", json!({ "offline": offline })).await;
    }

    /// Loads the page again and opens its database; it is not connected then.
    pub async fn reload(&self) {
        self.ask("reload", json!({})).await;
    }

    /// Asks the hub from the page, as the person: the status, or what the browser says.
    pub async fn fetch(&self, path: &str) -> Value {
        self.ask("fetch", json!({ "path": path })).await
    }

    /// Closes the tab while all goes on in it.
    pub async fn leave(self) {
        self.ask("leave", json!({})).await;
    }

    async fn try_ask(&self, command: &str, mut with: Value) -> Result<Value, String> {
        with["command"] = command.into();
        with["client"] = self.name.as_str().into();
        self.sdk.ask(with).await
    }

    async fn ask(&self, command: &str, with: Value) -> Value {
        let asked = format!("{command} {with}");
        self.try_ask(command, with).await.unwrap_or_else(|error| {
            panic!("{}: {asked:.300}: {error}\n{}", self.name, last(&self.sdk.log(), 20));
        })
    }

    /// Connects with the SDK's own defaults.
    pub async fn connect(&self) {
        self.ask("connect", json!({})).await;
    }

    /// Connects with options: `mode`, `streams`, `defaults`, `wait`, `token`.
    pub async fn connect_with(&self, options: Value) {
        self.ask("connect", options).await;
    }

    /// Goes offline.
    pub async fn disconnect(&self) {
        self.ask("disconnect", json!({})).await;
    }

    /// Closes the database; [`Sdk::client`] opens it again.
    pub async fn close(self) {
        self.ask("close", json!({})).await;
    }

    /// One statement, a transaction of its own.
    pub async fn write(&self, sql: &str, args: Value) {
        self.transaction(json!([[sql, args]])).await;
    }

    /// Several statements, `[[sql, args], …]`, in one transaction; gives what each of them found.
    pub async fn transaction(&self, statements: Value) -> Value {
        self.ask("write", json!({ "statements": statements })).await
    }

    /// What a question answers now.
    pub async fn read(&self, sql: &str) -> Vec<Value> {
        self.ask("read", json!({ "sql": sql })).await.as_array().cloned().unwrap_or_default()
    }

    /// Waits until a question has an answer.
    pub async fn wait(&self, sql: &str) -> Vec<Value> {
        self.ask("wait", json!({ "sql": sql })).await.as_array().cloned().unwrap_or_default()
    }

    /// Waits until a question has an answer of so many rows.
    pub async fn wait_for(&self, sql: &str, rows: usize) -> Vec<Value> {
        self.ask("wait", json!({ "sql": sql, "rows": rows })).await.as_array().cloned().unwrap_or_default()
    }

    /// When a question that is watched first has an answer, in milliseconds since the epoch.
    pub async fn arrival(&self, sql: &str, args: Value) -> f64 {
        self.ask("arrival", json!({ "sql": sql, "args": args })).await.as_f64().unwrap_or(f64::NAN)
    }

    /// Waits until nothing is left to send and all of it has come back.
    pub async fn settled(&self) {
        self.ask("settled", json!({})).await;
    }

    /// Whether that is so within some seconds.
    pub async fn settles(&self, seconds: u64) -> bool {
        self.try_ask("settled", json!({ "seconds": seconds })).await.is_ok()
    }

    /// `{"connected","synced","queue","buckets","asked","error"}`; `asked` counts requests of the app by their path.
    pub async fn status(&self) -> Value {
        self.ask("status", json!({})).await
    }

    /// What the hub answered to each uploaded operation, oldest first.
    pub async fn uploads(&self) -> Vec<Value> {
        self.ask("uploads", json!({})).await.as_array().cloned().unwrap_or_default()
    }
}

fn last(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
