//! Several houses of one family: real hubs of the same people, each with a line to a real Postgres that can be cut.

use std::path::Path;
use std::time::{Duration, Instant};

use kairos_tests::{Builder, Copy, House, Person, Postgres, Relay};
use reqwest::Method;
use serde_json::{Value, json};

/// How long all may take to have the same.
const LONG: Duration = Duration::from_secs(90);

/// A house: its hub, Ada with a token that has no end, and its line to the server.
pub(super) struct Home {
    pub(super) house: House,
    pub(super) ada: Person,
    pub(super) line: Relay,
}

/// Houses and their server.
pub(super) struct Houses {
    pub(super) server: Postgres,
    pub(super) homes: Vec<Home>,
    _dir: tempfile::TempDir,
}

impl Houses {
    /// Hubs that know the same people, connected with a new server.
    pub(super) async fn new(count: usize) -> Self {
        Self::with(count, &House::builder()).await
    }

    /// As [`Houses::new`], with these settings.
    pub(super) async fn with(count: usize, plan: &Builder) -> Self {
        let server = Postgres::new().await;
        let dir = tempfile::tempdir().unwrap();
        let first = plan.clone().start().await;
        let ada = first.set_up().await;
        let copy = dir.path().join("copy.sqlite");
        let copy = copy.to_str().unwrap();
        assert!(first.cli(&["backup", copy]).await.status.success());
        let mut houses = vec![(first, ada)];
        for n in 1..count {
            let data = dir.path().join(format!("house-{n}"));
            // Without `--clock`, which is for running.
            let brought = House::builder().attempt(&data, &["restore", "--yes", copy]).await;
            assert!(brought.status.success(), "{}", String::from_utf8_lossy(&brought.stderr));
            let house = plan.clone().data_dir(&data).start().await;
            let ada = house.sign_in("ada@example.org", "correct horse battery").await;
            houses.push((house, ada));
        }
        let mut homes = Vec::new();
        for (house, mut ada) in houses {
            let token = ada.post("/api/tokens", json!({ "name": "Test" })).await;
            let line = Relay::start(server.port()).await;
            let url = format!("postgres://kairos@127.0.0.1:{}/kairos", line.port);
            let (status, said) = ada.ask(Method::PUT, "/api/upstream", Some(json!({ "url": url }))).await;
            assert_eq!(status, 200, "{said}");
            token["token"].as_str().unwrap_or_else(|| panic!("{token}")).clone_into(&mut ada.token);
            homes.push(Home { house, ada, line });
        }
        let houses = Self { server, homes, _dir: dir };
        houses.even().await;
        houses
    }

    /// What everybody holds: each hub, and the server at the end.
    pub(super) async fn copies(&self) -> Vec<Copy> {
        let mut copies: Vec<Copy> = self
            .homes
            .iter()
            .enumerate()
            .map(|(n, home)| Copy::of_hub(&format!("hub {n}"), &home.house.database()))
            .collect();
        copies.push(Copy::of_server(&self.server).await);
        copies
    }

    /// Waits until all have the same, to the last clock; gives what they have.
    pub(super) async fn even(&self) -> Copy {
        let begun = Instant::now();
        loop {
            for home in &self.homes {
                home.ada.post("/api/sync/now", json!({})).await;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            let mut copies = self.copies().await;
            let there = copies.pop().unwrap();
            let unlike: Vec<String> = copies.iter().flat_map(|copy| copy.unlike(&there)).collect();
            if unlike.is_empty() && !there.rows.is_empty() {
                return there;
            }
            if begun.elapsed() > LONG {
                let mut said = Vec::new();
                for home in &self.homes {
                    said.push(home.ada.get("/api/sync/status").await);
                }
                panic!("not the same: {unlike:#?}\n{said:#?}");
            }
        }
    }

    /// Waits until all have the same and say so, and have nothing more to tell each other.
    pub(super) async fn rest(&self) -> Copy {
        loop {
            let copy = self.even().await;
            let mut states = Vec::new();
            for home in &self.homes {
                let said = home.ada.get("/api/sync/status").await;
                states.push(said["state"] == "synced" && said["pending"] == 0);
            }
            if !states.iter().all(|state| *state) {
                continue;
            }
            // Whoever answers what was answered would do it now.
            let before = self.counters().await;
            for home in &self.homes {
                home.ada.post("/api/sync/now", json!({})).await;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            if self.counters().await == before {
                return copy;
            }
        }
    }

    /// Where the server's counters stand.
    pub(super) async fn counters(&self) -> String {
        self.server.psql("SELECT scope, seq FROM kairos.sync_clock ORDER BY scope").await
    }

    /// Cuts every line until [`Houses::reach`].
    pub(super) fn part(&self) {
        for home in &self.homes {
            home.line.shut();
        }
    }

    /// Opens every line, and has every hub try it.
    pub(super) async fn reach(&self) {
        for home in &self.homes {
            home.reach(&self.server).await;
        }
    }

    /// Writes the server's database away.
    pub(super) async fn dump(&self, file: &Path) {
        let dumped =
            self.server.client("pg_dump").args(["-Fc", "-d", "kairos", "-f"]).arg(file).output().await.unwrap();
        assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    }

    /// Sets the server's database back to what was written away, under whoever is connected.
    pub(super) async fn set_back(&self, file: &Path) {
        let restore = ["--clean", "--if-exists", "--exit-on-error", "--single-transaction", "-d", "kairos"];
        let done = self.server.client("pg_restore").args(restore).arg(file).output().await.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Home {
    /// Opens the line, and has the hub try it.
    pub(super) async fn reach(&self, server: &Postgres) {
        self.line.point_to(server.port());
        self.ada.post("/api/sync/now", json!({})).await;
    }

    /// Starts the hub again, after a kill or a stop.
    pub(super) async fn boot(&mut self) {
        self.house.boot().await;
        self.ada = self.ada.at(&self.house);
    }

    /// Waits until what the hub says of itself and the server is as asked.
    pub(super) async fn says(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let said = self.ada.get("/api/sync/status").await;
            if is_so(&said) {
                return said;
            }
            assert!(begun.elapsed() < LONG, "waited in vain: {what}: {said}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
