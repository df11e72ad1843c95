//! A hub that cannot start says why in one sentence, and leaves everything as it was.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Output;

use kairos_simulator::random::Rng;
use kairos_tests::faults::SmallDisk;
use kairos_tests::mqtt::{Wire, press};
use kairos_tests::{Builder, House};
use reqwest::Method;
use tempfile::TempDir;

/// Every file below a directory, with its content.
fn content(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        // Holds nothing; it only says who is in.
        if path.ends_with("hub.lock") {
            continue;
        }
        if path.is_dir() {
            found.extend(content(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// Asserts that a hub ended with one sentence that says these words, and gives it.
fn says(output: &Output, words: &[&str]) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert_eq!(output.stdout, b"", "nothing but the complaint");
    let mut lines = complaint.lines();
    let (sentence, rest) = (lines.next().unwrap_or_default().to_owned(), lines.next());
    assert_eq!(rest, None, "one sentence:\n{complaint}");
    for word in words {
        assert!(sentence.contains(word), "{word:?} is not in: {sentence}");
    }
    assert!(sentence.starts_with("kairos-hub: ") && sentence.ends_with('.') && sentence.len() < 400, "{sentence}");
    for noise in ["panicked", "os error", "Error {", "Err(", "unwrap"] {
        assert!(!sentence.contains(noise), "{noise}: {sentence}");
    }
    sentence
}

/// A data directory that a hub has used: people, a habit, a button, presses, all of it in `hub.db`.
struct Used {
    dir: TempDir,
}

impl Used {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut house = House::builder().data_dir(&dir.path().join("data")).start().await;
        let ada = house.set_up().await;
        let habit = ada.counted_habit("Glasses", 8.0).await;
        let button = ada.button("Kitchen", &habit, "add").await;
        let mut wire = Wire::open(house.ports.mqtt, &button).await;
        for n in 1..=50 {
            wire.send(&press(&button, n, false, &format!("used:{n}"))).await.unwrap();
            wire.puback().await.unwrap();
        }
        assert!(house.stop().await.success());
        let used = Self { dir };
        assert!(!used.path().join("hub.db-wal").exists(), "a polite stop leaves one whole file");
        used
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A copy in which something is wrong.
    fn with(&self, name: &str, change: impl FnOnce(&Path)) -> PathBuf {
        let to = self.dir.path().join(name);
        copy(&self.path(), &to);
        change(&to);
        to
    }
}

/// Starts a hub that cannot, and asserts that its data is as it was.
async fn refuses(builder: &Builder, data_dir: &Path, words: &[&str]) -> String {
    let before = content(data_dir);
    let output = builder.attempt(data_dir, &[]).await;
    let sentence = says(&output, words);
    let after = content(data_dir);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "{sentence}: files");
    for (path, content) in &before {
        assert!(after[path] == *content, "{sentence}: {} was changed", path.display());
    }
    sentence
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let used = Used::new().await;
    let occupied = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = occupied.local_addr().unwrap().to_string();
    let port = occupied.local_addr().unwrap().port().to_string();
    for variable in ["KAIROS_HTTP_LISTEN", "KAIROS_HTTP_HTTPS_LISTEN", "KAIROS_MQTT_LISTEN", "KAIROS_MQTT_TLS_LISTEN"] {
        let builder = House::builder().env(variable, &address);
        refuses(&builder, &used.path(), &[&port, "127.0.0.1", "in use"]).await;
        // Nor is a new directory begun.
        let fresh = used.dir.path().join("fresh");
        says(&builder.attempt(&fresh, &[]).await, &[&port]);
        assert!(!fresh.exists(), "{variable}: a hub that cannot serve begins nothing");
    }
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_used_is_named() {
    let builder = House::builder();
    let used = Used::new().await;

    let file = used.dir.path().join("file");
    std::fs::write(&file, "somebody's notes").unwrap();
    says(&builder.attempt(&file, &[]).await, &["file", "directory"]);
    says(&builder.attempt(&file.join("below"), &[]).await, &["below", "directory"]);
    assert_eq!(std::fs::read(&file).unwrap(), b"somebody's notes");

    let disk = SmallDisk::mount("8m").await;
    copy(&used.path(), &disk.path().join("data"));
    disk.read_only(true).await;
    refuses(&builder, &disk.path().join("data"), &["not writable", "read-only"]).await;
    says(&builder.attempt(&disk.path().join("new"), &[]).await, &["not writable", "read-only"]);
    disk.read_only(false).await;
    let mut well = builder.clone().data_dir(&disk.path().join("data")).start().await;
    assert!(well.stop().await.success());

    let full = SmallDisk::mount("256k").await;
    full.fill();
    says(&builder.attempt(&full.path().join("data"), &[]).await, &["data"]);
}

#[tokio::test]
async fn a_data_directory_in_use_is_left_to_its_hub() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    says(&House::builder().attempt(house.data_dir(), &[]).await, &["another hub is running"]);
    ada.habit("Still here").await;
    // Its run.json is its own.
    let run: serde_json::Value =
        serde_json::from_slice(&std::fs::read(house.data_dir().join("run.json")).unwrap()).unwrap();
    assert_eq!(run["pid"], house.pid());
    house.is_well().await;
}

#[tokio::test]
async fn a_database_that_cannot_be_read_is_named_and_left_alone() {
    let used = Used::new().await;
    let builder = House::builder();
    let overwrite = |dir: &Path, at: usize, bytes: &[u8]| {
        let path = dir.join("hub.db");
        let mut content = std::fs::read(&path).unwrap();
        content[at..at + bytes.len()].copy_from_slice(bytes);
        std::fs::write(path, content).unwrap();
    };
    let mut noise = Rng::new(11, 0);
    let mut garbage =
        move |count: usize| -> Vec<u8> { (0..count).map(|_| u8::try_from(noise.next_u64() % 256).unwrap()).collect() };

    let header = used.with("header", |dir| overwrite(dir, 0, &garbage(100)));
    refuses(&builder, &header, &["hub.db", "not a database", "nothing was changed"]).await;

    let text = used.with("text", |dir| std::fs::write(dir.join("hub.db"), "Dear diary,\n".repeat(1000)).unwrap());
    refuses(&builder, &text, &["hub.db", "not a database", "nothing was changed"]).await;

    let schema = used.with("schema", |dir| overwrite(dir, 100, &garbage(3996)));
    refuses(&builder, &schema, &["hub.db", "damaged", "nothing was changed"]).await;

    let truncated = used.with("truncated", |dir| {
        let file = std::fs::OpenOptions::new().write(true).open(dir.join("hub.db")).unwrap();
        file.set_len(3 * 4096).unwrap();
    });
    refuses(&builder, &truncated, &["hub.db", "damaged", "nothing was changed"]).await;

    let foreign = used.with("foreign", |dir| {
        std::fs::remove_file(dir.join("hub.db")).unwrap();
        sqlite(dir, "CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('Soup')");
    });
    refuses(&builder, &foreign, &["hub.db", "another program"]).await;

    let newer = used.with("newer", |dir| sqlite(dir, "PRAGMA user_version = 999"));
    refuses(&builder, &newer, &["hub.db", "newer version"]).await;
}

#[expect(clippy::disallowed_methods, reason = "what another program leaves behind")]
fn sqlite(dir: &Path, sql: &str) {
    rusqlite::Connection::open(dir.join("hub.db")).unwrap().execute_batch(sql).unwrap();
}

/// Whichever page is garbage: the hub refuses to start and says so, or it serves, and answers what it cannot read
/// with 503. It never panics.
#[tokio::test]
async fn garbage_in_any_page_is_survived() {
    let used = Used::new().await;
    let pages = std::fs::metadata(used.path().join("hub.db")).unwrap().len() / 4096;
    let mut noise = Rng::new(12, 0);
    let (mut refused, mut served) = (0, 0);
    for page in 1..pages {
        let dir = used.with(&format!("page-{page}"), |dir| {
            let mut content = std::fs::read(dir.join("hub.db")).unwrap();
            let at = usize::try_from(page * 4096).unwrap();
            for byte in &mut content[at..at + 4096] {
                *byte = u8::try_from(noise.next_u64() % 256).unwrap();
            }
            std::fs::write(dir.join("hub.db"), content).unwrap();
        });
        let builder = House::builder().data_dir(&dir);
        let Ok(mut house) = builder.clone().try_start().await else {
            refused += 1;
            says(&builder.attempt(&dir, &[]).await, &["damaged"]);
            continue;
        };
        served += 1;
        let login = serde_json::json!({ "email": "ada@example.org", "password": "correct horse battery" });
        let answer = house.http.post(house.url("/api/auth/login")).json(&login).send().await.unwrap();
        assert!([200, 401, 503].contains(&answer.status().as_u16()), "page {page}: login {}", answer.status());
        if let Ok(token) = answer.json::<serde_json::Value>().await
            && let Some(token) = token["access_token"].as_str()
        {
            for path in ["/api/today", "/api/habits", "/api/devices", "/api/changes", "/api/me", "/api/tokens"] {
                let answer = house.http.request(Method::GET, house.url(path)).bearer_auth(token).send().await.unwrap();
                assert!([200, 404, 503].contains(&answer.status().as_u16()), "page {page}: {path} {}", answer.status());
            }
            let body = serde_json::json!({ "name": "New" });
            let add = house.http.post(house.url("/api/habits")).bearer_auth(token).json(&body).send().await.unwrap();
            assert!([201, 503].contains(&add.status().as_u16()), "page {page}: add {}", add.status());
        }
        house.is_well().await;
        house.kill().await;
        std::fs::remove_dir_all(dir).unwrap();
    }
    assert!(refused > 0 && served > 0, "{refused} refused, {served} served");
}

#[tokio::test]
async fn a_damaged_tls_identity_is_named_and_left_alone() {
    let used = Used::new().await;
    let path = Path::new("tls").join("identity.pem");
    for (name, bytes) in
        [("noise", &b"\x00\xffnoise"[..]), ("empty", b""), ("half", b"-----BEGIN PRIVATE KEY-----\nMC4C")]
    {
        let dir = used.with(name, |dir| std::fs::write(dir.join(&path), bytes).unwrap());
        refuses(&House::builder(), &dir, &["identity.pem"]).await;
    }
}

#[tokio::test]
async fn every_mistake_in_the_settings_is_named_with_line_and_key() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.yaml");
    std::fs::write(
        &file,
        "http:\n  listen: localhost\n  listn: 1\nmqtt:\n  max_connections: many\n  commit_timeout: 10\nlogs: {}\n",
    )
    .unwrap();
    let builder = House::builder().env("KAIROS_MQTT_DEVICE_RATE", "fast");
    // The environment of the tests sets the ports; here the file is to be heard.
    let mut command = builder.command(&dir.path().join("data"));
    command.env_remove("KAIROS_HTTP_LISTEN").arg("--config").arg(&file);
    let output = command.output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let expected = [
        "the settings have 6 mistakes",
        "line 2: http.listen:",
        "line 3: http.listn:",
        "line 5: mqtt.max_connections:",
        "line 6: mqtt.commit_timeout:",
        "line 7: logs:",
        "KAIROS_MQTT_DEVICE_RATE:",
    ];
    assert_eq!(said.lines().count(), expected.len(), "{said}");
    for (line, wanted) in said.lines().zip(expected) {
        assert!(line.contains(wanted), "{wanted:?} is not in {line:?}");
    }
    assert!(!dir.path().join("data").exists(), "nothing is begun");
}
