//! Copies of the server's database, and bringing it back from one: the shipped scripts against a real Postgres, while a hub
//! goes on.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use kairos_tests::{House, Person, Postgres, workspace};

/// A server, and a hub that replicates with it by an address in a file.
struct Kept {
    server: Postgres,
    house: House,
    ada: Person,
    dir: tempfile::TempDir,
}

impl Kept {
    async fn new() -> Self {
        let server = Postgres::new().await;
        server.make_roles(&[("KAIROS_DB_PASSWORD", "one"), ("POWERSYNC_DB_PASSWORD", "two")]).await;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("url");
        std::fs::write(&file, format!("{}\n", server.url("kairos"))).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let house = House::builder().env("KAIROS_UPSTREAM_URL_FILE", file.to_str().unwrap()).start().await;
        let ada = house.set_up().await;
        Self { server, house, ada, dir }
    }

    async fn run(&self, script: &str, args: &[&str], env: &[(&str, &str)]) -> Output {
        let script = workspace().join("deploy").join(script);
        let mut command = self.server.client(script.to_str().unwrap());
        command.args(args).envs(env.iter().copied()).output().await.unwrap()
    }

    /// Runs a script that is to do well; gives what it said.
    async fn does(&self, script: &str, args: &[&str]) -> String {
        let done = self.run(script, args, &[]).await;
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
    }

    /// Runs a script that is to refuse; gives what it said.
    async fn refuses(&self, script: &str, args: &[&str]) -> String {
        let done = self.run(script, args, &[]).await;
        assert!(!done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
        String::from_utf8(done.stderr).unwrap()
    }

    /// Waits until hub and server have the same.
    async fn synced(&self) {
        let begun = Instant::now();
        loop {
            let said = self.ada.get("/api/sync/status").await;
            if said["state"] == "synced" && said["pending"] == 0 {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{said}\n{}", self.house.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the server has these habits, and no other.
    async fn has(&self, names: &str) {
        let begun = Instant::now();
        loop {
            let sql = "SELECT string_agg(name, ' ' ORDER BY name) FROM kairos.habits WHERE deleted_at IS NULL";
            let mut session = self.server.session("postgres").await;
            let found = session.run(sql).await.unwrap_or_else(|error| error);
            if found == names {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(90), "{found}\n{}", self.house.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn files(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut all: Vec<String> = std::fs::read_dir(folder).unwrap().map(name).collect();
    all.sort();
    all
}

#[tokio::test]
async fn a_server_that_is_lost_comes_back_from_its_copy_and_the_hub_goes_on() {
    let mut kept = Kept::new().await;
    kept.ada.habit("Read").await;
    kept.synced().await;
    kept.has("Read").await;
    let folder = kept.dir.path().join("copies");
    std::fs::create_dir(&folder).unwrap();
    let copy = kept.does("backup", &[folder.to_str().unwrap()]).await;
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);

    // What came after the copy, and what a PowerSync Service had read.
    kept.ada.habit("Water").await;
    kept.has("Read Water").await;
    let slot = "SELECT slot_name FROM pg_create_logical_replication_slot('phones', 'pgoutput')";
    assert_eq!(kept.server.session("powersync").await.ask(slot).await, "phones");

    let told = kept.refuses("restore", &[&copy]).await;
    assert_eq!(told, "restore: there is a database kairos; --replace puts the copy in its place\n");
    let said = kept.does("restore", &["--replace", &copy]).await;
    let aside = said.strip_prefix("The former database is ").unwrap().split(';').next().unwrap();
    // The hub was there all the time, and brings what the copy lacked.
    kept.has("Read Water").await;
    kept.synced().await;
    kept.house.is_well().await;
    let slots = "SELECT count(*) FROM pg_replication_slots";
    assert_eq!(kept.server.psql(slots).await, "0");
    let habits = "SELECT count(*) FROM kairos.habits";
    assert_eq!(kept.server.session("powersync").await.ask(habits).await, "2");
    let open = "SELECT has_database_privilege('public', 'kairos', 'CONNECT'), has_schema_privilege('kairos_hub', 'kairos', 'USAGE')";
    assert_eq!(kept.server.psql(open).await, "f|t");
    let published = "SELECT count(*) FROM pg_publication_tables WHERE pubname = 'powersync'";
    assert_ne!(kept.server.psql(published).await, "0");

    // Lost altogether.
    let drop = format!("DROP DATABASE {aside}; DROP DATABASE kairos WITH (FORCE)");
    for sql in drop.split("; ") {
        let done = kept.server.client("psql").args(["-d", "postgres", "-c", sql]).output().await.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    assert!(kept.does("restore", &[&copy]).await.starts_with("Restored kairos from"));
    kept.ada.habit("Stretch").await;
    kept.has("Read Stretch Water").await;
    kept.synced().await;
    kept.house.is_well().await;
    let databases = "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE NOT datistemplate";
    assert_eq!(kept.server.psql(databases).await, "kairos postgres");
}

#[tokio::test]
async fn old_copies_go_and_nothing_else_does() {
    let kept = Kept::new().await;
    kept.synced().await;
    let folder = kept.dir.path().join("copies");
    std::fs::create_dir(&folder).unwrap();
    let others = ["kairos-by-hand.dump", "notes", "other-20200101T000000Z.dump"];
    let older = ["kairos-20200101T000000Z.dump", "kairos-20200102T000000Z.dump", "kairos-20200103T000000Z.dump"];
    for name in others.iter().chain(&older) {
        std::fs::write(folder.join(name), "x").unwrap();
    }
    let folder_name = folder.to_str().unwrap();
    let done = kept.run("backup", &[folder_name], &[("KEEP", "2")]).await;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let new = String::from_utf8(done.stdout).unwrap();
    let new = Path::new(new.trim_end()).file_name().unwrap().to_str().unwrap();
    let mut expected = vec![older[2], new];
    expected.extend(others);
    expected.sort_unstable();
    assert_eq!(files(&folder), expected);

    // A server that is away leaves nothing that could be taken for a copy, and takes none away.
    let done = kept.run("backup", &[folder_name], &[("PGPORT", "1"), ("KEEP", "1")]).await;
    assert!(!done.status.success());
    assert_eq!(files(&folder), expected);

    // One file, by its name; what is no copy is refused before anything is touched.
    let file = kept.dir.path().join("one.dump");
    assert_eq!(kept.does("backup", &[file.to_str().unwrap()]).await, file.to_str().unwrap());
    let notes = folder.join("notes");
    let told = kept.refuses("restore", &["--replace", notes.to_str().unwrap()]).await;
    assert!(told.ends_with("notes is no copy of Kairos' database\n"), "{told}");
    // One that is cut off in the middle leaves the present database as it is.
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() * 9 / 10]).unwrap();
    kept.refuses("restore", &["--replace", file.to_str().unwrap()]).await;
    kept.ada.habit("Read").await;
    kept.has("Read").await;
    let databases = "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE NOT datistemplate";
    assert_eq!(kept.server.psql(databases).await, "kairos postgres");
}
