#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)] // a tool of tests
//! A Postgres of a test's own: a cluster in a directory, on a free port, gone when dropped.
//!
//! The server is the real one, with its disk writes on. It refuses to run as root; where the tests do, it runs as the
//! user `postgres` or `nobody`. Its roles are made by what is shipped for that: `deploy/postgres/init/roles.sh`.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// How long a server may take to begin or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// The database that hubs share.
pub const DATABASE: &str = "kairos";

/// A cluster of its own.
pub struct Postgres {
    dir: TempDir,
    bin: PathBuf,
    /// As whom it runs, where that is not who runs the tests.
    user: Option<(u32, u32)>,
    port: u16,
    child: Option<Child>,
    /// Whether it forgets what it was told when the power goes.
    careless: bool,
}

impl Postgres {
    /// A server with Kairos' roles and an empty database.
    pub async fn new() -> Self {
        let postgres = Self::bare().await;
        postgres.make_roles(&[("POWERSYNC_DB_PASSWORD", "phones")]).await;
        postgres
    }

    /// As [`Postgres::new`], but it does not wait for the disk: for tests that ask much of it, and never cut its power.
    pub async fn careless() -> Self {
        let postgres = Self::begin(true).await;
        postgres.make_roles(&[("POWERSYNC_DB_PASSWORD", "phones")]).await;
        postgres
    }

    /// A server with Kairos' roles and tables.
    pub async fn with_tables() -> Self {
        let postgres = Self::new().await;
        postgres.migrate("kairos").await.unwrap();
        postgres
    }

    /// A server that knows nothing of Kairos.
    pub async fn bare() -> Self {
        Self::begin(false).await
    }

    async fn begin(careless: bool) -> Self {
        let user = other_user();
        let dir = tempfile::tempdir().unwrap();
        if let Some((uid, gid)) = user {
            chown(dir.path(), Some(uid), Some(gid)).unwrap();
        }
        let mut postgres = Self { dir, bin: binaries(), user, port: 0, child: None, careless };
        // An order of letters that is not that of bytes: what compares clocks must say how.
        let made = postgres
            .command("initdb")
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"])
            .args(["--locale-provider=icu", "--icu-locale=en-US", "--no-sync", "--no-instructions"])
            .output()
            .await
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        postgres.start().await;
        postgres
    }

    /// Starts the server, at first or again, and waits until it answers.
    pub async fn start(&mut self) {
        if self.port == 0 {
            // Free now; nobody else is given it soon.
            self.port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        }
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.dir.path().join("log")).unwrap();
        let child = self
            .command("postgres")
            .args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="])
            .args(["-c", "wal_level=logical", "-c", "timezone=UTC"])
            .args(["-c", if self.careless { "fsync=off" } else { "fsync=on" }])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let url = self.url_of("postgres", "postgres");
        let child = self.child.insert(child);
        let log = self.dir.path().join("log");
        let deadline = Instant::now() + PATIENCE;
        while PgConnection::connect(&url).await.is_err() {
            let told = || std::fs::read_to_string(&log).unwrap();
            assert!(child.try_wait().unwrap().is_none(), "Postgres ended: {}", told());
            assert!(Instant::now() < deadline, "Postgres does not answer: {}", told());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends it politely: whoever is connected is sent away.
    pub async fn stop(&mut self) {
        let mut child = self.child.take().expect("Postgres runs");
        let signalled = Command::new("kill").arg("-INT").arg(child.id().unwrap().to_string()).status().await.unwrap();
        assert!(signalled.success());
        tokio::time::timeout(PATIENCE, child.wait()).await.expect("Postgres stops in time").unwrap();
    }

    /// Ends all of it at once, as a power cut does to a process.
    pub async fn kill9(&mut self) {
        let mut child = self.child.take().expect("Postgres runs");
        let pid = child.id().unwrap();
        let backends = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        child.kill().await.unwrap();
        // They outlive it for a moment, in which they could write on. One that has gone already is no concern.
        drop(Command::new("kill").arg("-9").args(backends.split_whitespace()).stderr(Stdio::null()).status().await);
        // Until the last of them is gone nobody else may have their memory, and the next server would not start.
        let deadline = Instant::now() + PATIENCE;
        while backends.split_whitespace().any(lives) {
            assert!(Instant::now() < deadline, "processes of Postgres outlive a SIGKILL: {backends}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of Kairos' database, for a role.
    #[must_use]
    pub fn url(&self, role: &str) -> String {
        self.url_of(role, DATABASE)
    }

    /// The address of any database.
    #[must_use]
    pub fn url_of(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/{database}", self.port)
    }

    /// A session of a role.
    pub async fn session(&self, role: &str) -> Session {
        Session(PgConnection::connect(&self.url(role)).await.unwrap())
    }

    /// A session as hubs have them, for a person.
    pub async fn hub(&self, person: &str) -> Session {
        let mut hub = self.session("kairos").await;
        hub.run("SET ROLE kairos_hub").await.unwrap();
        hub.act_for(person).await;
        hub
    }

    /// What a superuser is answered: lines of columns with `|` between them.
    pub async fn psql(&self, sql: &str) -> String {
        self.session("postgres").await.run(sql).await.unwrap()
    }

    /// Brings the tables up to date, as a role that logs in.
    pub async fn migrate(&self, role: &str) -> Result<(), sqlx::migrate::MigrateError> {
        let mut connection = PgConnection::connect(&self.url(role)).await.unwrap();
        migrator().await.run(&mut connection).await
    }

    /// Runs the shipped script for superusers.
    pub async fn make_roles(&self, secrets: &[(&str, &str)]) {
        let script = workspace().join("deploy/postgres/init/roles.sh");
        let made = self.client(script.to_str().unwrap()).envs(secrets.iter().copied()).output().await.unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        assert!(made.stderr.is_empty(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    /// A program that talks to this server, as its superuser: `pg_dump`, `psql`.
    #[must_use]
    pub fn client(&self, program: &str) -> Command {
        let ours = self.bin.join(program);
        let mut command = Command::new(if ours.is_file() { ours } else { program.into() });
        let path = std::env::join_paths(
            [self.bin.clone()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
        );
        command
            .env("PATH", path.unwrap())
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", "postgres")
            .stdin(Stdio::null());
        command
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.arg("-D").arg(self.dir.path().join("data")).current_dir("/");
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

impl Drop for Postgres {
    /// Waits for its end: one that is only killed leaves a piece of shared memory behind.
    fn drop(&mut self) {
        if self.child.is_some() {
            let mut stop = self.command("pg_ctl");
            drop(stop.args(["stop", "-s", "-m", "immediate"]).as_std_mut().status());
        }
    }
}

/// A session of one role.
pub struct Session(pub PgConnection);

impl Session {
    /// Runs statements; gives what they answered, lines of columns with `|` between them, NULL as nothing. An error is
    /// its SQLSTATE and its sentence.
    pub async fn run(&mut self, sql: &str) -> Result<String, String> {
        let rows = self.0.fetch_all(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.map_err(|error| {
            let error = error.into_database_error().expect("an answer of the server");
            format!("{} {}", error.code().unwrap_or_default(), error.message())
        })?;
        let lines = rows.iter().map(|row| {
            let columns = (0..row.len()).map(|n| row.try_get_raw(n).unwrap().as_str().unwrap_or_default().to_owned());
            columns.collect::<Vec<_>>().join("|")
        });
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }

    /// As [`Session::run`], where no error is expected.
    pub async fn ask(&mut self, sql: &str) -> String {
        self.run(sql).await.unwrap_or_else(|error| panic!("{error}\n{sql}"))
    }

    /// From now on for this person; nobody when empty.
    pub async fn act_for(&mut self, person: &str) {
        self.ask(&format!("SELECT set_config('kairos.user_id', '{person}', false)")).await;
    }
}

/// Whether a process is there and no zombie.
fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next()).unwrap_or("Z");
    !matches!(state, "Z" | "X")
}

/// The checkout.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// What is shipped to make the tables, with its own bookkeeping beside them.
pub async fn migrator() -> Migrator {
    let folder = workspace().join("deploy/postgres/migrations");
    let mut migrator = Migrator::new(folder).await.unwrap();
    migrator.create_schema("kairos");
    migrator.dangerous_set_table_name("kairos._sqlx_migrations");
    migrator
}

/// Where the server's programs are: where `KAIROS_POSTGRES_BIN` says, the newest that Debian installed, or on the path.
fn binaries() -> PathBuf {
    if let Some(named) = std::env::var_os("KAIROS_POSTGRES_BIN") {
        return named.into();
    }
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(|entry| {
        let path = entry.ok()?.path();
        let version: u32 = path.file_name()?.to_str()?.parse().ok()?;
        Some((version, path.join("bin")))
    });
    let newest = installed.filter(|(_, bin)| bin.join("initdb").is_file()).max().map(|(_, bin)| bin);
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|folder| folder.join("initdb").is_file())
    };
    newest.or_else(on_path).expect("Postgres 15 or later: run `tests/setup/packages`")
}

/// Somebody else to run it as, where the tests run as root.
fn other_user() -> Option<(u32, u32)> {
    let ours = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(Path::new("/proc/self")).unwrap());
    if ours != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut ids = line.split(':').skip(2).map(|id| id.parse::<u32>().ok());
        Some((ids.next()??, ids.next()??))
    };
    Some(find("postgres").or_else(|| find("nobody")).expect("a user other than root"))
}
