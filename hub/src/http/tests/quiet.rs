//! What may not be seen: secrets on the disk, and people in the log.

use std::io::Write;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Mutex, PoisonError};

use super::*;
use crate::auth::people::NewPerson;

#[tokio::test]
async fn secrets_are_private_files_and_only_hashes_in_the_database() {
    let (house, ada) = House::with_ada().await;
    let next = house.refresh(&ada.refresh()).send().await;
    let token = house.post("/api/tokens").bearer(&ada.access()).json(json!({ "name": "ha" })).send().await;
    let code = house.post("/api/displays").send().await;
    let path = format!("/api/displays/{}/approve", code.text("code"));
    house.post(&path).bearer(&ada.access()).json(json!({})).send().await;
    let display = house.get("/api/displays/poll").bearer(&code.text("poll_secret")).send().await;

    let mut stored = Vec::new();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(house.dir.path()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        stored.extend(std::fs::read(entry.path()).unwrap());
        names.push(name);
    }
    for name in ["hub.db", "hub.db-wal", "keys.json"] {
        assert!(names.iter().any(|found| found == name), "{name} in {names:?}");
    }
    let on_disk = |secret: &str| stored.windows(secret.len()).any(|window| window == secret.as_bytes());
    assert!(on_disk("ada@example.org"), "the search sees");
    for secret in [
        PASSWORD.to_owned(),
        ada.refresh(),
        next.refresh(),
        ada.access(),
        token.text("token"),
        display.text("token"),
        code.text("poll_secret"),
    ] {
        // Neither whole nor without its prefix.
        assert!(!on_disk(&secret) && !on_disk(&secret[4..]), "{} is on the disk", &secret[..6]);
    }
}

/// Everything the process logs, at every level.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_name_address_or_secret_is_logged_at_any_level() {
    // For the whole process: hashes, reads and writes happen on other threads.
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(|| Log).finish();
    let _ = tracing::subscriber::set_global_default(subscriber);
    tracing::info!("the log is heard");

    let house = House::new().await;
    let code = house.auth.setup_code().unwrap();
    let mut canaries = vec!["canaryname".to_owned(), "canarymail".into(), "canarypass".into(), code.clone()];
    for n in 0..9 {
        house.set_up("CANA-RYCO").from(n).send().await;
    }
    let person = NewPerson {
        email: "canarymail@example.org".into(),
        password: "canarypass1".into(),
        display_name: "canaryname".into(),
        admin: true,
        tz: None,
    };
    house.set_up("CANA-RYCO").from(10).send().await;
    house.auth.renew_setup_code().await.unwrap();
    house.auth.add_person(person.clone()).await.unwrap();
    assert!(house.auth.add_person(person).await.is_err());
    let told = house.login("canarymail@example.org", "canarypass1").send().await;
    house.login("canarymail@example.org", "canarypass2").send().await;
    house.login("canarymail2@example.org", "canarypass2").send().await;
    let next = house.refresh(&told.refresh()).send().await;
    let token = house.post("/api/tokens").bearer(&told.access()).json(json!({ "name": "canaryname" })).send().await;
    let display = house.post("/api/displays").send().await;
    let path = format!("/api/displays/{}/approve", display.text("code"));
    house.post(&path).bearer(&told.access()).json(json!({ "name": "canaryname" })).send().await;
    let shown = house.get("/api/displays/poll").bearer(&display.text("poll_secret")).send().await;
    house.after(2 * MINUTE);
    house.refresh(&told.refresh()).send().await; // reused
    house.auth.tend().await.unwrap();
    canaries.extend([told.refresh(), told.access(), next.refresh(), token.text("token"), shown.text("token")]);
    canaries.extend([display.text("code"), display.text("poll_secret"), "CANA-RYCO".into()]);

    let log = LOG.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let log = String::from_utf8_lossy(&log);
    assert!(log.contains("the log is heard") && log.contains("used twice"), "{log}");
    for canary in canaries {
        assert!(!log.contains(&canary), "{canary} was logged");
    }
}
