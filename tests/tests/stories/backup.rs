//! The database as one file, and the way back: of a hub that runs, is killed, or has no room.

mod kills;
mod refusals;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use kairos_hub::backup::{Stop, restore::prepare};
use kairos_simulator::random::Rng;
use kairos_tests::faults::SmallDisk;
use kairos_tests::mqtt::{Wire, press};
use kairos_tests::{Builder, Button, Database, House, PATIENCE, Person, scaled, until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";
/// What a restore makes anew.
const ANEW: [&str; 4] = ["meta", "cursors", "sessions", "refresh_tokens"];

/// A house, its administrator, and buttons that count.
struct Scene {
    house: House,
    ada: Person,
    buttons: Vec<Button>,
    presses: u16,
    dir: tempfile::TempDir,
}

impl Scene {
    async fn new(builder: Builder, buttons: usize) -> Self {
        let house = builder.start().await;
        let ada = house.set_up().await;
        let mut all = Vec::new();
        for n in 0..buttons {
            let habit = ada.counted_habit(&format!("Habit {n}"), 1e6).await;
            all.push(ada.button(&format!("Button {n}"), &habit, "add").await);
        }
        Self { house, ada, buttons: all, presses: 0, dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Presses the first button; gives the presses, which were acknowledged.
    async fn press(&mut self, count: u16) -> BTreeSet<String> {
        let mut wire = Wire::open(self.house.ports.mqtt, &self.buttons[0]).await;
        let mut saved = BTreeSet::new();
        for _ in 0..count {
            self.presses += 1;
            let id = format!("p:{}", self.presses);
            wire.send(&press(&self.buttons[0], self.presses, false, &id)).await.unwrap();
            wire.puback().await.unwrap();
            saved.insert(id);
        }
        saved
    }

    fn held(&self) -> BTreeSet<String> {
        presses(&self.house.database())
    }

    async fn backup(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        done(&self.house.cli(&["backup", text(&path)]).await);
        path
    }

    /// Signs in again, as everybody has to after a restore.
    async fn sign_in(&mut self) {
        self.ada = self.house.sign_in("ada@example.org", PASSWORD).await;
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn presses(database: &Path) -> BTreeSet<String> {
    Database::open(database).presses().into_keys().collect()
}

/// What a command said that did what it should.
fn done(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// The one line of a command that did not.
fn refused(output: &Output, code: i32) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!((said.lines().count(), output.stdout.len()), (1, 0), "{said}");
    said
}

/// Databases that were replaced, and their reports.
fn replaced(data_dir: &Path) -> BTreeSet<PathBuf> {
    let paths = std::fs::read_dir(data_dir).unwrap().map(|entry| entry.unwrap().path());
    let of_ours = |path: &PathBuf| text(path).contains("/replaced-") && path.extension().is_some_and(|e| e == "sqlite");
    paths.filter(of_ours).collect()
}

/// The ids that a report names, by table.
fn named(report: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let told: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let mut named = BTreeMap::<String, BTreeSet<String>>::new();
    for row in told["rows"].as_array().unwrap() {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        named.entry(text("table")).or_default().insert(text("id"));
    }
    named
}

#[tokio::test]
async fn a_backup_while_eight_press_is_whole_and_serves_elsewhere() {
    let scene = Scene::new(House::builder(), 8).await;
    let port = scene.house.ports.mqtt;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let pressing: Vec<_> = scene
        .buttons
        .iter()
        .cloned()
        .enumerate()
        .map(|(n, button)| {
            let stopped = stopped.clone();
            tokio::spawn(async move {
                let mut wire = Wire::open(port, &button).await;
                let mut count: u16 = 0;
                while !*stopped.borrow() {
                    count += 1;
                    wire.send(&press(&button, count, false, &format!("b{n}:{count}"))).await.unwrap();
                    wire.puback().await.unwrap();
                }
                count
            })
        })
        .collect();
    let mut files = Vec::new();
    for n in 0..5 {
        // Some presses between one copy and the next.
        let head = Database::open(&scene.house.database()).head();
        until("presses", async || (Database::open(&scene.house.database()).head() > head + 50).then_some(())).await;
        let before = scene.held();
        let file = scene.backup(&format!("{n}.sqlite")).await;
        assert!(presses(&file).is_superset(&before), "what was saved before a backup is in it");
        files.push(file);
    }
    stop.send(true).unwrap();
    let mut all = BTreeSet::new();
    for (n, pressing) in pressing.into_iter().enumerate() {
        let count = pressing.await.unwrap();
        all.extend((1..=count).map(|press| format!("b{n}:{press}")));
    }
    assert_eq!(scene.held(), all, "every press was acknowledged, and is held");

    for (n, file) in files.iter().enumerate() {
        let database = Database::open(file);
        database.is_consistent();
        assert!(database.presses().values().all(|count| *count == 1));
        let fresh = scene.path(&format!("fresh-{n}/data"));
        let output = House::builder().attempt(&fresh, &["restore", "--yes", text(file)]).await;
        assert!(done(&output).contains("Nothing was written since"));
        assert_eq!(Database::open(&fresh.join("hub.db")).content(&ANEW), database.content(&ANEW));
    }
    // The last of them as a hub: the same accounts, the same buttons.
    let elsewhere = scene.path("fresh-4/data");
    let mut house = House::builder().data_dir(&elsewhere).start().await;
    let ada = house.sign_in("ada@example.org", PASSWORD).await;
    assert_eq!(ada.get("/api/habits").await["items"].as_array().unwrap().len(), 8);
    let mut wire = Wire::open(house.ports.mqtt, &scene.buttons[0]).await;
    wire.send(&press(&scene.buttons[0], 1, false, "new:1")).await.unwrap();
    wire.puback().await.unwrap();
    Database::open(&house.database()).is_consistent();
    house.is_well().await;
}

#[tokio::test]
async fn a_running_hub_restores_and_names_and_keeps_what_the_backup_lacks() {
    let mut scene = Scene::new(House::builder(), 1).await;
    scene.press(5).await;
    let file = scene.backup("backup.sqlite").await;
    let early = Database::open(&file).meta();
    let late = scene.press(30).await;
    let habit = scene.ada.habit("Written since").await;
    let old = Database::open(&scene.house.database());
    let events = old.event_of_press();
    let (pid, ports) = (scene.house.pid(), scene.house.ports);

    // Screens and buttons are told, not left hanging.
    let mut screen = scene.ada.screen().await;
    screen.subscribe().await;
    let mut idle = scene.ada.screen().await;
    let mut wire = Wire::open(ports.mqtt, &scene.buttons[0]).await;
    let answer = done(&scene.house.cli(&["restore", "--yes", "--json", text(&file)]).await);
    for screen in [&mut screen, &mut idle] {
        let code = loop {
            if let Err(code) = screen.hear_or_end().await {
                break code;
            }
        };
        assert_eq!(code, Some(1001));
    }
    assert!(wire.read().await.is_err());

    assert_eq!(scene.house.pid(), pid, "the same process");
    let run: Value = serde_json::from_slice(&std::fs::read(scene.house.data_dir().join("run.json")).unwrap()).unwrap();
    assert_eq!(run["http"], ports.http, "on the same ports");
    let (status, _) = scene.ada.ask(Method::GET, "/api/me", None).await;
    assert_eq!(status, 401, "everybody signs in anew");
    scene.sign_in().await;
    assert_eq!(scene.held().len(), 5);
    let meta = Database::open(&scene.house.database()).meta();
    assert_eq!(meta["hub_id"], early["hub_id"]);
    assert!(meta["epoch"] != early["epoch"] && meta["node"] != early["node"]);
    let path = format!("/api/changes?epoch={}&after=3", early["epoch"]);
    let (status, body) = scene.ada.ask(Method::GET, &path, None).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::GONE, &json!("resync")));

    // Named: in the answer, in words, and wholly in the report. Kept: the database itself.
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let counts: BTreeMap<_, _> = answer["missing"]["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["table"].as_str().unwrap(), row["count"].as_u64().unwrap()))
        .collect();
    assert_eq!(counts, BTreeMap::from([("completion_events", 30), ("completions", 1), ("habits", 1)]));
    let kept = scene.house.data_dir().join(answer["replaced"].as_str().unwrap());
    assert!(presses(&kept).is_superset(&late));
    Database::open(&kept).is_consistent();
    let told = named(&scene.house.data_dir().join(answer["report"].as_str().unwrap()));
    let expected: BTreeSet<String> = late.iter().map(|press| events[press].clone()).collect();
    assert_eq!((&told["completion_events"], &told["habits"]), (&expected, &BTreeSet::from([habit])));

    // And it works: old credentials, new presses.
    scene.press(3).await;
    Database::open(&scene.house.database()).is_consistent();
    let said = done(&scene.house.cli(&["restore", "--yes", text(&kept)]).await);
    assert!(said.contains("completion_events: 3,") && said.contains("is kept as"), "{said}");
    scene.sign_in().await;
    assert_eq!(scene.held().len(), 35);
    scene.house.is_well().await;
    assert!(scene.house.stop().await.success());
}

#[tokio::test]
async fn a_disk_without_room_for_a_backup_is_said_and_holds_nothing_half() {
    let disk = SmallDisk::mount("128k").await;
    let folder = disk.path().join("copies");
    let builder = House::builder().env("KAIROS_STORE_BACKUP_FOLDER", text(&folder));
    let mut scene = Scene::new(builder, 1).await;
    let (status, body) = scene.ada.ask(Method::POST, "/api/backups", None).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable")));
    assert!(body["error"]["message"].as_str().unwrap().contains("the disk is full"), "{body}");
    let part = scene.house.health().await["components"]["backup"].clone();
    assert_eq!(part["status"], "degraded");
    let reason = part["reason"].as_str().unwrap();
    assert!(reason.contains("could not be made") && reason.contains("the disk is full"), "{reason}");
    let said = refused(&scene.house.cli(&["backup", text(&disk.path().join("mine"))]).await, 1);
    assert!(said.contains("the disk is full"), "{said}");
    // Presses do not care.
    scene.press(3).await;
    assert_eq!(scene.house.health().await["components"]["store"]["status"], "ok");

    disk.grow("16m").await;
    assert_eq!(scene.ada.ask(Method::POST, "/api/backups", None).await.0, StatusCode::CREATED);
    assert_eq!(scene.house.health().await["components"]["backup"]["status"], "ok");
    let file = folder.join(scene.ada.get("/api/backups").await["items"][0]["name"].as_str().unwrap());
    assert!(prepare(scene.dir.path(), &file, &Stop::default()).is_ok());
    scene.house.stop().await;
    // Whole backups, and nothing else.
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert!(prepare(scene.dir.path(), &path, &Stop::default()).is_ok(), "{}", path.display());
    }
    assert!(!disk.path().join("mine").exists());
}
