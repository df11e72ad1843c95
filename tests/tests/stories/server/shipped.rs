//! What `deploy/` ships beside the database: settings and secrets, a place for the PowerSync Service, a PocketBase without
//! open doors. What the containers themselves are is looked at by `tests/peers/compose`.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Output;

use kairos_tests::{House, PocketBase, Postgres, until, workspace};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

/// Runs a copy of `deploy/setup`, which writes beside itself.
async fn set_up(folder: &Path, args: &[&str]) -> Output {
    let script = folder.join("setup");
    if !script.exists() {
        std::fs::copy(workspace().join("deploy/setup"), &script).unwrap();
    }
    Command::new(script).args(args).output().await.unwrap()
}

fn contents(folder: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.file_name() != "setup") {
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        if entry.metadata().unwrap().is_dir() {
            assert_eq!(mode, 0o700, "{}", entry.path().display());
            all.extend(contents(&entry.path()));
        } else {
            assert_eq!(mode, 0o600, "{}", entry.path().display());
            let name = entry.file_name().into_string().unwrap();
            all.insert(name, std::fs::read_to_string(entry.path()).unwrap());
        }
    }
    all
}

#[tokio::test]
async fn secrets_are_made_once_and_are_nobody_elses() {
    let dir = tempfile::tempdir().unwrap();
    let done = set_up(dir.path(), &["habits.example.org"]).await;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let made = contents(dir.path());
    let passwords: Vec<&String> = made.iter().filter(|(name, _)| name.ends_with("-password")).map(|(_, p)| p).collect();
    let mut different = passwords.clone();
    different.sort();
    different.dedup();
    assert_eq!((passwords.len(), different.len()), (6, 6));
    assert!(passwords.iter().all(|p| p.len() == 48 && p.bytes().all(|b| b.is_ascii_hexdigit())), "{passwords:?}");
    assert!(made[".env"].contains("\nKAIROS_NAME=habits.example.org\n"), "{}", made[".env"]);
    assert_eq!(made["upstream-url"], format!("postgres://kairos:{}@postgres:5432/kairos", made["kairos-password"]));
    assert!(made["powersync.env"].contains(&made["powersync-storage-password"]));
    // What it says goes to terminals and logs.
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(passwords.iter().all(|password| !said.contains(password.as_str())), "{said}");

    // Again, with another name and something changed by hand: all stays.
    std::fs::write(dir.path().join("secrets/mosquitto-password"), "my own").unwrap();
    let done = set_up(dir.path(), &["other.example.org"]).await;
    assert!(done.status.success());
    let mut expected = made.clone();
    expected.insert("mosquitto-password".into(), "my own".into());
    assert_eq!(contents(dir.path()), expected);
    // Cut off half-way, it goes on from there.
    std::fs::remove_file(dir.path().join("secrets/powersync.env")).unwrap();
    assert!(set_up(dir.path(), &[]).await.status.success());
    assert_eq!(contents(dir.path()), expected);

    for odd in ["--help", "https://habits.example.org", "a b"] {
        let other = tempfile::tempdir().unwrap();
        assert_eq!(set_up(other.path(), &[odd]).await.status.code(), Some(2), "{odd}");
        assert_eq!(contents(other.path()), BTreeMap::new());
    }
}

#[tokio::test]
async fn another_house_knows_the_database_by_its_authority() {
    let dir = tempfile::tempdir().unwrap();
    assert!(set_up(dir.path(), &["habits.example.org"]).await.status.success());
    let server = Postgres::new().await;
    let data = server.psql("SHOW data_directory").await;
    let user = std::fs::metadata(&data).unwrap().uid();
    for (setting, file) in [("ssl_cert_file", "postgres.crt"), ("ssl_key_file", "postgres.key")] {
        let there = Path::new(&data).join(file);
        std::fs::copy(dir.path().join("secrets").join(file), &there).unwrap();
        std::os::unix::fs::chown(&there, Some(user), None).unwrap();
        server.psql(&format!("ALTER SYSTEM SET {setting} = '{file}'")).await;
    }
    server.psql("ALTER SYSTEM SET ssl = on").await;
    server.psql("SELECT pg_reload_conf()").await;
    until("Postgres offers TLS", async || (server.psql("SHOW ssl").await == "on").then_some(())).await;

    let of = |ca: &Path| {
        let url = server.url("kairos");
        House::builder().env("KAIROS_UPSTREAM_URL", &url).env("KAIROS_UPSTREAM_CA", ca.to_str().unwrap())
    };
    let house = of(&dir.path().join("secrets/postgres-ca.crt")).start().await;
    let ada = house.set_up().await;
    ada.habit("Read").await;
    until("the habit is there", async || {
        (server.session("postgres").await.run("SELECT name FROM kairos.habits").await.ok()? == "Read").then_some(())
    })
    .await;
    let plain = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                 WHERE application_name = 'kairos-hub' AND NOT ssl";
    assert_eq!(server.psql(plain).await, "0");

    // One of another server is none.
    let other = tempfile::tempdir().unwrap();
    assert!(set_up(other.path(), &["habits.example.org"]).await.status.success());
    let house = of(&other.path().join("secrets/postgres-ca.crt")).start().await;
    let ada = house.set_up().await;
    until("it is told", async || {
        let said = ada.get("/api/sync/status").await;
        (said["state"] == "error").then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_powersync_service_has_a_database_of_its_own() {
    let postgres = Postgres::with_tables().await;
    let script = workspace().join("deploy/powersync/storage.sh");
    for _ in 0..2 {
        let mut command = postgres.client(script.to_str().unwrap());
        let done = command.env("POWERSYNC_STORAGE_PASSWORD", "it's secret").output().await.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        assert!(done.stderr.is_empty() && done.stdout.is_empty(), "{done:?}");
    }
    let of = "SELECT rolname, rolcanlogin, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls,
                     rolpassword LIKE 'SCRAM%' FROM pg_authid WHERE rolname = 'powersync_storage'";
    assert_eq!(postgres.psql(of).await, "powersync_storage|t|f|t");
    let owned = "SELECT pg_get_userbyid(datdba), has_database_privilege('public', oid, 'CONNECT'),
                        has_database_privilege('powersync_storage', 'kairos', 'CONNECT')
                 FROM pg_database WHERE datname = 'powersync_storage'";
    assert_eq!(postgres.psql(owned).await, "powersync_storage|f|f");
    let mut there = postgres.client("psql");
    there.args(["-U", "powersync_storage", "-d", "powersync_storage", "-c", "CREATE SCHEMA powersync"]);
    assert!(there.output().await.unwrap().status.success());
}

#[tokio::test]
async fn a_pocketbase_of_ours_has_no_open_doors() {
    let mut pocketbase = PocketBase::start_shipped().await;
    let anybody =
        json!({ "email": "eve@example.org", "password": "a long password", "passwordConfirm": "a long password" });
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let register = http.post(pocketbase.url("/api/collections/users/records")).json(&anybody).send().await.unwrap();
    assert_eq!(register.status(), 403);

    // The hub adds people, finds nothing to point out, and may ask as often as it likes.
    let house = pocketbase.house_that_adds().start().await;
    let ada = house.set_up().await;
    for _ in 0..8 {
        house.sign_in("ada@example.org", "correct horse battery").await;
    }
    until("/health finds nothing to say", async || {
        let auth = house.health().await["components"]["auth"].clone();
        (auth["status"] == "ok").then_some(())
    })
    .await;
    assert_eq!(ada.get("/api/today").await["items"], json!([]));

    // Somebody whom the proxy brings is not the hub.
    let mut answers = Vec::new();
    for _ in 0..8 {
        let guess = json!({ "identity": "ada@example.org", "password": "a guess" });
        let asked = http.post(pocketbase.url("/api/collections/users/auth-with-password")).json(&guess);
        answers.push(asked.header("X-Forwarded-For", "203.0.113.9").send().await.unwrap().status().as_u16());
    }
    assert!(answers.contains(&429), "{answers:?}");

    // Started again it is as its keeper left it.
    let closer = json!({ "backups": { "cron": "", "cronMaxKeep": 3 } });
    pocketbase.manage(Method::PATCH, "/api/settings", closer).await;
    pocketbase.stop().await;
    pocketbase.start().await;
    let settings = pocketbase.manage(Method::GET, "/api/settings", Value::Null).await;
    assert_eq!((&settings["backups"]["cronMaxKeep"], &settings["rateLimits"]["enabled"]), (&json!(3), &json!(true)));
}
