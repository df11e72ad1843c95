//! A disk that fails, hangs or is full: nothing is promised, everything is said, and it ends without a restart.

use std::time::Duration;

use kairos_tests::faults::{Disk, SmallDisk};
use kairos_tests::mqtt::{Wire, press};
use kairos_tests::{Button, Database, House, Person, until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::transfer::{ends, send};

/// A hub whose commits may take a second, one person, one counted habit, one button.
struct Scene {
    house: House,
    ada: Person,
    habit: String,
    button: Button,
    presses: u16,
}

impl Scene {
    async fn new(house: House) -> Self {
        let ada = house.set_up().await;
        let habit = ada.counted_habit("Glasses", 8.0).await;
        let button = ada.button("Kitchen", &habit, "add").await;
        Self { house, ada, habit, button, presses: 0 }
    }

    /// A new press is acknowledged.
    async fn works(&mut self) {
        self.presses += 1;
        let id = format!("well:{}", self.presses);
        self.press_is_saved(&id).await;
    }

    async fn press_is_saved(&self, id: &str) {
        let mut wire = Wire::open(self.house.ports.mqtt, &self.button).await;
        wire.send(&press(&self.button, 7, false, id)).await.unwrap();
        assert_eq!(wire.puback().await.expect("the press is acknowledged"), 7);
        assert_eq!(Database::open(&self.house.database()).presses().get(id), Some(&1));
    }

    /// A press is not acknowledged, and its connection is closed.
    async fn press_is_not_acknowledged(&self, id: &str) {
        let mut wire = Wire::open(self.house.ports.mqtt, &self.button).await;
        wire.send(&press(&self.button, 7, false, id)).await.unwrap();
        let heard = wire.puback().await;
        assert!(heard.is_err(), "acknowledged although nothing was saved");
    }

    async fn complete(&self, key: &str) -> (StatusCode, Value) {
        let request = self.ada.request(Method::POST, &format!("/api/habits/{}/complete", self.habit));
        let answer = request.header("idempotency-key", key).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// While `fault` lasts: no promise, a clear word about it, reading goes on.
    async fn is_degraded(&self, fault: &str, reason: &str) {
        let pid = self.house.pid();
        self.press_is_not_acknowledged(&format!("{fault}:1")).await;
        let (status, body) = self.complete(&format!("{fault}-rest")).await;
        assert_eq!(status, 503, "{fault}: {body}");
        assert_eq!(body["error"]["code"], "unavailable", "{fault}: {body}");
        assert!(body["error"]["message"].as_str().unwrap().contains("try again"), "{fault}: {body}");
        let health = until("health degraded", async || {
            let health = self.house.health().await;
            (health["components"]["store"]["status"] == "degraded").then_some(health)
        })
        .await;
        assert_eq!(health["status"], "degraded", "{fault}");
        let said = health["components"]["store"]["reason"].as_str().unwrap();
        assert!(said.contains(reason), "{fault}: {said}");
        let ready = self.house.http.get(self.house.url("/probes/readiness")).send().await.unwrap();
        assert_eq!(ready.status(), 503, "{fault}");
        // Reading goes on, and shows only what is saved.
        let before = self.ada.item(&self.habit).await["value"].clone();
        assert_eq!(before, json!(f64::from(self.presses) + self.rest_done()), "{fault}");
        assert_eq!(self.house.pid(), pid);
    }

    fn rest_done(&self) -> f64 {
        let database = Database::open(&self.house.database());
        let events: u32 = database.events_by_habit().values().sum();
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        let rest = f64::from(events) - database.presses().len() as f64;
        rest
    }

    /// After it: healthy by itself, what was said again is counted once, and the rest is consistent.
    async fn has_recovered(&mut self, fault: &str) {
        until("health ok", async || (self.house.health().await["components"]["store"]["status"] == "ok").then_some(()))
            .await;
        self.press_is_saved(&format!("{fault}:1")).await;
        self.presses += 1;
        let (status, body) = self.complete(&format!("{fault}-rest")).await;
        assert_eq!(status, 200, "{fault}: {body}");
        let (status, again) = self.complete(&format!("{fault}-rest")).await;
        assert_eq!((status, &again["outcome"]), (StatusCode::OK, &json!("duplicate")), "{fault}");
        self.works().await;
        let database = Database::open(&self.house.database());
        assert!(database.presses().values().all(|count| *count == 1), "{fault}: {:?}", database.presses());
        let events: u32 = database.events_by_habit().values().sum();
        assert_eq!(self.ada.item(&self.habit).await["value"], json!(f64::from(events)), "{fault}");
        database.is_consistent();
        self.house.is_well().await;
    }
}

/// The settings of every story here: one second for a commit, and no midnight.
fn impatient() -> kairos_tests::Builder {
    House::builder().env("KAIROS_MQTT_COMMIT_TIMEOUT", "1s").clock("2026-06-10T10:00:00Z")
}

#[tokio::test]
async fn a_disk_that_refuses_is_said_and_recovered_from() {
    let disk = Disk::new().await;
    let mut scene = Scene::new(disk.under(impatient()).start().await).await;
    scene.works().await;
    for (fault, what, how, reason) in [
        ("full", "write", "ENOSPC", "the disk is full"),
        ("unsynced", "sync", "EIO", "the disk reports an error"),
        ("unwritten", "write", "EIO", "the disk reports an error"),
        ("read-only", "all", "EROFS", "the disk reports an error"),
    ] {
        disk.breaks(what, how);
        scene.is_degraded(fault, reason).await;
        disk.heals();
        scene.has_recovered(fault).await;
    }
}

#[tokio::test]
async fn a_disk_that_does_not_come_back_is_said_and_recovered_from() {
    let disk = Disk::new().await;
    let mut scene = Scene::new(disk.under(impatient()).start().await).await;
    scene.works().await;
    disk.breaks("sync", "STALL");
    scene.is_degraded("stalled", "the disk does not answer").await;
    disk.heals();
    scene.has_recovered("stalled").await;
}

#[tokio::test]
async fn a_stranger_who_holds_the_database_is_said_and_recovered_from() {
    let mut scene = Scene::new(impatient().start().await).await;
    scene.works().await;
    #[expect(clippy::disallowed_methods, reason = "the stranger")]
    let stranger = rusqlite::Connection::open(scene.house.database()).unwrap();
    stranger.execute_batch("BEGIN IMMEDIATE").unwrap();
    scene.is_degraded("held", "").await;
    stranger.execute_batch("ROLLBACK").unwrap();
    drop(stranger);
    scene.has_recovered("held").await;
}

#[tokio::test]
async fn a_disk_that_is_really_full_is_said_and_recovered_from() {
    let disk = SmallDisk::mount("8m").await;
    let house = impatient().data_dir(&disk.path().join("data")).start().await;
    let mut scene = Scene::new(house).await;
    scene.works().await;
    disk.fill();
    // The write-ahead log has room of its own until it must grow.
    let mut saved = 0;
    loop {
        let mut wire = Wire::open(scene.house.ports.mqtt, &scene.button).await;
        wire.send(&press(&scene.button, 7, false, &format!("filling:{saved}"))).await.unwrap();
        if wire.puback().await.is_err() {
            break;
        }
        saved += 1;
        assert!(saved < 2000, "a full disk was never noticed");
    }
    scene.presses += saved;
    scene.is_degraded("full", "the disk is full").await;
    disk.clear();
    scene.has_recovered("full").await;
}

/// A file that would fill the disk is refused before anything of it is taken in.
#[tokio::test]
async fn a_file_that_would_fill_the_disk_is_refused_and_a_full_one_is_named() {
    let disk = SmallDisk::mount("12m").await;
    let mut house = House::builder().data_dir(&disk.path().join("data")).start().await;
    let ada = house.set_up().await;
    let kept = ada.habit("Kept").await;
    ada.post(&format!("/api/habits/{kept}/complete"), json!({})).await;
    let part = house.health().await["components"]["disk"].clone();
    assert!(part["reason"].as_str().unwrap().contains("left on the disk"), "{part}");

    let file = kairos_tests::export_of("big", 20, 1500);
    let (status, said) = send(&ada, "?dry_run=true", file.clone()).await;
    assert_eq!(status, StatusCode::OK, "{said}");
    let remark = said["outlook"]["remarks"][0].as_str().unwrap();
    assert!(remark.contains("MB are free"), "{said}");
    let (status, said) = send(&ada, "", file.clone()).await;
    assert_eq!((status, &said["error"]["code"]), (StatusCode::INSUFFICIENT_STORAGE, &json!("no_room")), "{said}");
    assert_eq!(ada.get("/api/habits").await["items"].as_array().unwrap().len(), 1);
    ada.post(&format!("/api/habits/{kept}/complete"), json!({})).await;

    disk.grow("600m").await;
    let (status, said) = send(&ada, "", file).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{said}");
    assert_eq!(ends(&ada, said["id"].as_str().unwrap()).await["state"], "done");
    until("there is room", async || (house.health().await["components"]["disk"]["status"] == "ok").then_some(())).await;

    // A disk without any room is named as such, and nothing but room is needed.
    house.stop().await;
    disk.fill();
    let refused = House::builder().attempt(house.data_dir(), &[]).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("the disk is full; make room"), "{said}");
    disk.clear();
    house.boot().await;
    let ada = ada.at(&house);
    assert_eq!(ada.get("/api/habits").await["items"].as_array().unwrap().len(), 21);
    Database::open(&house.database()).is_consistent();
}

/// Many at once while the disk hangs: all are told, none is promised, and all arrive once it is well.
#[tokio::test]
async fn a_crowd_at_a_hanging_disk_is_neither_lost_nor_doubled() {
    use kairos_simulator::{Fleet, FleetConfig};
    let disk = Disk::new().await;
    let mut house = disk.under(impatient()).start().await;
    let ada = house.set_up().await;
    let habit = ada.counted_habit("Glasses", 1e6).await;
    let mut devices = Vec::new();
    for n in 0..20 {
        devices.push(ada.button(&format!("Button {n}"), &habit, "add").await.credentials());
    }
    let mut config = FleetConfig::new("127.0.0.1", house.ports.mqtt, devices);
    config.settings.ack_timeout = Duration::from_millis(700);
    config.settings.backoff_min = Duration::from_millis(50);
    config.settings.backoff_max = Duration::from_millis(300);
    let fleet = Fleet::start(&config);
    assert!(fleet.online(kairos_tests::PATIENCE).await);
    for _ in 0..3 {
        disk.breaks("sync", "STALL");
        for button in fleet.buttons() {
            for _ in 0..5 {
                button.push("1").await.unwrap();
            }
        }
        until("a degraded store", async || {
            (house.health().await["components"]["store"]["status"] == "degraded").then_some(())
        })
        .await;
        disk.heals();
        assert!(fleet.drained(kairos_tests::PATIENCE).await);
    }
    let ledger = fleet.stop().await;
    let database = Database::open(&house.database());
    assert_eq!(database.presses(), ledger.press_ids().into_iter().map(|id| (id, 1)).collect());
    assert_eq!(database.amount(&habit).to_bits(), 300_f64.to_bits());
    database.is_consistent();
    house.is_well().await;
}
