//! The database as one file, and the way back: of a hub that runs, is killed, or has no room.

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
async fn what_is_no_backup_is_refused_in_one_sentence_and_nothing_happens() {
    let mut scene = Scene::new(House::builder(), 1).await;
    scene.press(300).await;
    let good = std::fs::read(scene.backup("good.sqlite").await).unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = scene.path(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    // Without its seal: a database as another hub would have it.
    let bare = &good[..good.windows(7).rposition(|word| word == b"\nkairos").unwrap()];
    let sql = |name: &str, sql: &str, content: &[u8]| {
        let path = file(name, content);
        #[expect(clippy::disallowed_methods, reason = "somebody else's program")]
        rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        path
    };
    let cases = [
        (sql("foreign", "CREATE TABLE bookmarks (url); INSERT INTO bookmarks VALUES ('x')", b""), "another program"),
        (sql("newer", "PRAGMA user_version = 4711", bare), "newer version"),
        (file("half", &good[..good.len() / 2]), "cut off"),
        (file("almost", &good[..good.len() - 1]), "cut off"),
        (file("flipped", &flipped), "damaged"),
        (file("letter.txt", b"Dear hub,\nplease remember everything.\n"), "not a database"),
        (file("nothing", b""), "it is empty"),
        (scene.dir.path().to_owned(), "it is a folder"),
        (scene.path("absent"), "no such file"),
        (scene.house.database(), "own database"),
    ];
    let health = scene.house.health().await;
    let before = Database::open(&scene.house.database()).content(&[]);
    for running in [true, false] {
        for (path, words) in &cases {
            let said = refused(&scene.house.cli(&["restore", "--yes", text(path)]).await, 1);
            assert!(said.contains(words) && said.contains(text(path)), "{words}: {said}");
            let json = scene.house.cli(&["restore", "--yes", "--json", text(path)]).await;
            let told: Value = serde_json::from_slice(&json.stdout).unwrap();
            assert!(told["error"].as_str().unwrap().contains(words), "{told}");
        }
        assert!(refused(&scene.house.cli(&["restore", text(&scene.path("good.sqlite"))]).await, 2).contains("--yes"));
        let said = refused(&scene.house.cli(&["backup", text(&scene.path("flipped"))]).await, 1);
        assert!(said.contains("already a file"), "{said}");
        assert_eq!(std::fs::read(scene.path("flipped")).unwrap(), flipped);
        assert_eq!(replaced(scene.house.data_dir()).len(), 0);
        assert_eq!(Database::open(&scene.house.database()).content(&[]), before);
        if running {
            assert_eq!(scene.house.health().await, health);
            scene.house.is_well().await;
            scene.house.stop().await;
        }
    }
    let nowhere = scene.path("nowhere");
    let said = refused(&House::builder().attempt(&nowhere, &["backup", text(&scene.path("new"))]).await, 1);
    assert!(said.contains("no database") && !nowhere.exists() && !scene.path("new").exists(), "{said}");
}

#[tokio::test]
async fn administrators_make_list_fetch_and_restore_backups_and_nobody_else() {
    let mut scene = Scene::new(House::builder().env("KAIROS_STORE_BACKUP_KEEP", "2"), 1).await;
    scene.press(5).await;
    let bo = scene.house.add_person(&scene.ada, "bo@example.org").await;
    let token = scene.ada.post("/api/tokens", json!({ "name": "script" })).await;
    let holding = |token: &str| {
        let mut person = scene.ada.clone();
        token.clone_into(&mut person.token);
        person
    };
    let (token, nobody) = (holding(token["token"].as_str().unwrap()), holding("x"));
    let first = scene.ada.post("/api/backups", json!({})).await;
    let name = first["name"].as_str().unwrap().to_owned();
    assert_eq!(first["verified"], true);
    let of = |name: &str, what: &str| format!("/api/backups/{name}/{what}");
    for (person, status) in [(&bo, 403), (&token, 403), (&nobody, 401)] {
        for (method, path) in [
            (Method::GET, "/api/backups".to_owned()),
            (Method::POST, "/api/backups".to_owned()),
            (Method::GET, of(&name, "download")),
            (Method::POST, of(&name, "restore")),
        ] {
            assert_eq!(person.ask(method.clone(), &path, None).await.0, status, "{method} {path}");
        }
    }
    let list = scene.ada.get("/api/backups").await;
    assert_eq!(list, json!({ "items": [first], "next": null }));
    for trick in [
        "..%2Fhub.db",
        "..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e%2fkeys.json",
        "hub.db",
        "%2Fetc%2Fpasswd",
        "kairos-2020-01-01T000000Z.sqlite",
        &format!("{name}%00"),
        &format!("..%2Fbackups%2F{name}"),
        &format!(".{name}.part"),
        "%ff",
    ] {
        for (method, what) in [(Method::GET, "download"), (Method::POST, "restore")] {
            let (status, body) = scene.ada.ask(method, &of(trick, what), None).await;
            assert_eq!((status, &body["error"]["code"]), (StatusCode::NOT_FOUND, &json!("not_found")), "{trick}");
        }
    }

    let folder = scene.house.data_dir().join("backups");
    let answer = scene.ada.request(Method::GET, &of(&name, "download")).send().await.unwrap();
    let headers = answer.headers().clone();
    assert_eq!(headers["content-type"], "application/vnd.sqlite3");
    assert_eq!(headers["content-disposition"], format!("attachment; filename=\"{name}\""));
    let bytes = answer.bytes().await.unwrap();
    assert_eq!(headers["content-length"], bytes.len().to_string());
    assert_eq!(bytes, std::fs::read(folder.join(&name)).unwrap());

    // Two are kept.
    scene.press(5).await;
    for _ in 0..2 {
        scene.ada.post("/api/backups", json!({})).await;
    }
    let items = scene.ada.get("/api/backups").await["items"].clone();
    let names: Vec<&str> = items.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert!(names.len() == 2 && !names.contains(&name.as_str()), "{names:?}");

    // One that rots is refused; then nothing happens.
    let (newest, older) = (names[0].to_owned(), names[1].to_owned());
    let mut rotten = std::fs::read(folder.join(&newest)).unwrap();
    let middle = rotten.len() / 2;
    rotten[middle] ^= 1;
    std::fs::write(folder.join(&newest), rotten).unwrap();
    let (status, body) = scene.ada.ask(Method::POST, &of(&newest, "restore"), None).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("refused")));
    assert!(body["error"]["message"].as_str().unwrap().contains("damaged"), "{body}");

    scene.press(7).await;
    let pid = scene.house.pid();
    let (status, body) = scene.ada.ask(Method::POST, &of(&older, "restore"), None).await;
    assert_eq!((status, body), (StatusCode::ACCEPTED, json!({ "status": "restarting", "name": older })));
    until("the hub is back", async || {
        let kept = !replaced(scene.house.data_dir()).is_empty();
        (kept && scene.house.http.get(scene.house.url("/health")).send().await.is_ok()).then_some(())
    })
    .await;
    scene.sign_in().await;
    assert_eq!((scene.held().len(), scene.house.pid()), (10, pid));
    let kept = replaced(scene.house.data_dir()).pop_last().unwrap();
    assert_eq!(presses(&kept).len(), 17);
    let events = named(&kept.with_extension("json"));
    assert_eq!(events["completion_events"].len(), 7);
    scene.press(1).await;
    scene.house.is_well().await;

    let described = scene.ada.get("/api/openapi.json").await;
    for (path, method, statuses) in [
        ("/api/backups", "get", &["200", "401", "403", "503"][..]),
        ("/api/backups", "post", &["201", "401", "403", "503"]),
        ("/api/backups/{name}/download", "get", &["200", "401", "403", "404"]),
        ("/api/backups/{name}/restore", "post", &["202", "401", "403", "404", "422", "503"]),
    ] {
        let responses = described["paths"][path][method]["responses"].as_object().unwrap();
        assert_eq!(responses.keys().collect::<Vec<_>>(), statuses, "{method} {path}");
    }
}

#[tokio::test]
async fn a_disk_without_room_for_a_backup_is_said_and_holds_nothing_half() {
    let disk = SmallDisk::mount("128k").await;
    let folder = disk.path().join("copies");
    let builder =
        House::builder().env("KAIROS_STORE_BACKUP_FOLDER", text(&folder)).env("KAIROS_STORE_BACKUP_EVERY", "1s");
    let mut scene = Scene::new(builder, 1).await;
    let reason = until("a degraded backup", async || {
        let part = scene.house.health().await["components"]["backup"].clone();
        (part["status"] == "degraded").then(|| part["reason"].as_str().unwrap().to_owned())
    })
    .await;
    assert!(reason.contains("could not be made") && reason.contains("the disk is full"), "{reason}");
    let (status, body) = scene.ada.ask(Method::POST, "/api/backups", None).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable")));
    assert!(body["error"]["message"].as_str().unwrap().contains("the disk is full"), "{body}");
    let said = refused(&scene.house.cli(&["backup", text(&disk.path().join("mine"))]).await, 1);
    assert!(said.contains("the disk is full"), "{said}");
    // Presses do not care.
    scene.press(3).await;
    assert_eq!(scene.house.health().await["components"]["store"]["status"], "ok");

    disk.grow("16m").await;
    until("backups again", async || {
        (scene.house.health().await["components"]["backup"]["status"] == "ok").then_some(())
    })
    .await;
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

/// kill -9 at any moment of a backup: the file is whole or not there, and the hub has lost nothing.
#[tokio::test]
async fn a_backup_that_is_killed_leaves_nothing_half() {
    let mut scene = Scene::new(House::builder(), 1).await;
    let mut saved = scene.press(400).await;
    let begun = tokio::time::Instant::now();
    scene.backup("timed.sqlite").await;
    let takes = begun.elapsed();
    let mut rng = Rng::new(0x6261, 1);
    let (mut whole, mut absent) = (0, 0);
    for cycle in 0..scaled(30) {
        let file = scene.path(&format!("{cycle}.sqlite"));
        let command = House::builder().command(scene.house.data_dir()).args(["backup", text(&file)]).spawn();
        tokio::time::sleep(rng.between(Duration::ZERO, takes + takes / 2)).await;
        scene.house.kill().await;
        tokio::time::timeout(PATIENCE, command.unwrap().wait()).await.unwrap().unwrap();
        if file.exists() {
            let elsewhere = tempfile::tempdir().unwrap();
            assert!(prepare(elsewhere.path(), &file, &Stop::default()).is_ok(), "cycle {cycle}");
            assert_eq!(presses(&file), saved);
            whole += 1;
        } else {
            absent += 1;
        }
        scene.house.boot().await;
        assert_eq!(scene.held(), saved);
        // What was left is no hindrance.
        if !file.exists() {
            scene.backup(&format!("{cycle}.sqlite")).await;
        }
        saved.append(&mut scene.press(1).await);
    }
    assert!(whole > 0 && absent > 0, "{whole} whole, {absent} absent: the kills came at the wrong time");
    Database::open(&scene.house.database()).is_consistent();
    scene.house.is_well().await;
}

/// kill -9 at any moment of a restore, of the running hub or of the command over a stopped one: the next start has the
/// old state or the restored one, whole, and no acknowledged press is gone without being named and kept.
#[tokio::test]
async fn a_restore_that_is_killed_is_done_or_not() {
    let mut scene = Scene::new(House::builder(), 1).await;
    let in_backup = scene.press(50).await;
    let file = scene.backup("backup.sqlite").await;
    let data_dir = scene.house.data_dir().to_owned();
    let begun = tokio::time::Instant::now();
    done(&scene.house.cli(&["restore", "--yes", text(&file)]).await);
    let mut turn = [begun.elapsed(); 2];
    let mut known = replaced(&data_dir);
    let mut saved = in_backup.clone();
    let mut rng = Rng::new(0x7265, 2);
    let (mut old, mut new) = ([0, 0], [0, 0]);
    for cycle in 0..scaled(30) {
        saved.append(&mut scene.press(5).await);
        let events = Database::open(&scene.house.database()).event_of_press();
        let stopped = cycle % 2;
        if stopped == 1 {
            scene.house.stop().await;
        }
        let mut command = House::builder().command(&data_dir);
        command.args(["restore", "--yes", text(&file)]).stdout(std::process::Stdio::null());
        let mut command = command.stderr(std::process::Stdio::null()).spawn().unwrap();
        // One in three anywhere, the others about where the old state becomes the new.
        let from = if cycle % 3 == 0 { Duration::ZERO } else { turn[stopped] * 3 / 4 };
        tokio::time::sleep(rng.between(from, turn[stopped] * 5 / 4)).await;
        if stopped == 1 {
            let _ = command.start_kill();
        } else {
            scene.house.kill().await;
        }
        tokio::time::timeout(PATIENCE, command.wait()).await.unwrap().unwrap();
        // Every third start is killed as well, while it may be ending what was begun.
        if cycle % 3 == 0 {
            let mut start = House::builder().command(&data_dir).stdout(std::process::Stdio::null()).spawn().unwrap();
            tokio::time::sleep(rng.between(Duration::ZERO, Duration::from_millis(15))).await;
            start.kill().await.unwrap();
        }
        scene.house.boot().await;

        let held = scene.held();
        let now = replaced(&data_dir);
        let fresh: Vec<_> = now.difference(&known).cloned().collect();
        if held == saved && fresh.is_empty() {
            old[stopped] += 1;
            turn[stopped] = turn[stopped] * 10 / 9;
        } else {
            assert_eq!(held, in_backup, "cycle {cycle}: neither the old state nor the restored one");
            let [kept] = &fresh[..] else { panic!("cycle {cycle}: kept {fresh:?}") };
            assert_eq!(presses(kept), saved, "cycle {cycle}: kept");
            let expected: BTreeSet<String> = saved.difference(&in_backup).map(|press| events[press].clone()).collect();
            let told = named(&kept.with_extension("json"));
            assert_eq!(told["completion_events"], expected, "cycle {cycle}: named");
            saved.clone_from(&in_backup);
            new[stopped] += 1;
            turn[stopped] = turn[stopped] * 9 / 10;
        }
        known = now;
        let left = std::fs::read_dir(&data_dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let left: Vec<String> = left.filter(|name| name.starts_with("restore")).collect();
        assert!(left.is_empty(), "cycle {cycle}: {left:?}");
        Database::open(&scene.house.database()).is_consistent();
    }
    let sum = |of: [u32; 2]| of[0] + of[1];
    assert!(sum(old) > 0 && sum(new) > 0, "old {old:?}, new {new:?}: the kills came at the wrong time");
    scene.sign_in().await;
    scene.house.is_well().await;
}
