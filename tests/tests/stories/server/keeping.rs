//! What stays: through a dump and a restore, a crash, and the end of tombstones.

use std::collections::BTreeMap;
use std::process::Stdio;

use kairos_core::schema::{HABITS, TABLES};
use kairos_simulator::random::Rng;
use kairos_tests::Postgres;
use kairos_tests::postgres::Session;
use sqlx::{Connection, PgConnection};

use super::{at, read, row};

/// All that is in the synced tables and beside them, in a database.
async fn everything(postgres: &Postgres, database: &str) -> String {
    let mut all = String::new();
    let beside = ["sync_clock", "hub_state", "dirty", "engine_lease", "memberships", "makers", "registers"];
    for table in TABLES.iter().map(|table| table.name).chain(beside) {
        let sql = format!("SELECT '{table}', t FROM kairos.{table} t ORDER BY t::text COLLATE \"C\"");
        let asked = postgres.client("psql").args(["-X", "-At", "-d", database, "-c", &sql]).output().await.unwrap();
        assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
        all.push_str(&String::from_utf8(asked.stdout).unwrap());
    }
    all
}

async fn runs(postgres: &Postgres, program: &str, args: &[&str]) -> Result<(), String> {
    let done = postgres.client(program).args(args).stdout(Stdio::null()).output().await.unwrap();
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
}

#[tokio::test]
async fn a_restored_server_has_every_clock_and_number() {
    let postgres = Postgres::with_tables().await;
    let mut hub = postgres.hub("ada").await;
    hub.ask("SELECT kairos.set_member('1', 'ada', true, true)").await;
    hub.ask("INSERT INTO kairos.hub_state VALUES ('u:ada', 'h', 'fence', 'before', 7, 3, 5)").await;
    hub.ask("INSERT INTO kairos.engine_lease VALUES ('u:ada', 'h', 9)").await;
    for table in TABLES {
        for (n, scope) in ["u:ada", "h:1"].into_iter().enumerate() {
            hub.ask(&row(table.name, scope, scope, &[("seq", "41")], &at(i64::try_from(n).unwrap()))).await;
        }
    }
    let mut hand = postgres.session("kairos").await;
    hand.act_for("ada").await;
    hand.ask("UPDATE kairos.habits SET name = 'Tee \u{1f375}', extra = '{\"a\": 1.50}'; DELETE FROM kairos.routines")
        .await;
    hand.ask("INSERT INTO kairos.completion_events (id, scope, habit_id, date, verb, value) VALUES ('e', 'u:ada', 'h', '2026-11-30', 'add', 0.1)").await;
    let before = everything(&postgres, "kairos").await;
    assert_eq!(before.lines().filter(|line| line.contains("u:ada")).count(), TABLES.len() + 5);

    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (whole, data) = (file("whole"), file("data"));
    // As deploy/postgres/README.md says it, first all of it…
    runs(&postgres, "pg_dump", &["-Fc", "-d", "kairos", "-f", &whole]).await.unwrap();
    runs(&postgres, "createdb", &["-T", "template0", "-O", "kairos", "copy"]).await.unwrap();
    runs(&postgres, "pg_restore", &["--exit-on-error", "-d", "copy", &whole]).await.unwrap();
    assert_eq!(everything(&postgres, "copy").await, before);
    // …with what holds it together.
    let mut there = Session(PgConnection::connect(&postgres.url_of("kairos", "copy")).await.unwrap());
    assert_eq!(there.ask("SELECT count(*) FROM kairos.habits").await, "0");
    there.act_for("ada").await;
    there.ask("UPDATE kairos.habits SET color = 'blue' WHERE scope = 'u:ada'").await;
    assert_eq!(there.ask("SELECT seq FROM kairos.habits WHERE scope = 'u:ada'").await, "4");
    drop(there);

    // Then only the data, into tables that are there already: without --disable-triggers it would be edits by hand.
    let only_data = ["-Fc", "--data-only", "-T", "kairos.registers", "-T", "kairos._sqlx_migrations", "-d", "kairos"];
    runs(&postgres, "pg_dump", &[only_data.as_slice(), &["-f", &data]].concat()).await.unwrap();
    let empty = "DROP SCHEMA kairos CASCADE; DROP PUBLICATION powersync";
    postgres.psql(empty).await;
    postgres.migrate("kairos").await.unwrap();
    runs(&postgres, "pg_restore", &["--exit-on-error", "--data-only", "--disable-triggers", "-d", "kairos", &data])
        .await
        .unwrap();
    assert_eq!(everything(&postgres, "kairos").await, before);

    postgres.psql(empty).await;
    postgres.migrate("kairos").await.unwrap();
    let told = runs(&postgres, "pg_restore", &["--exit-on-error", "--data-only", "-d", "kairos", &data]).await;
    assert!(told.is_err() || everything(&postgres, "kairos").await != before);
}

#[tokio::test]
async fn a_power_cut_takes_nothing_that_was_committed() {
    let mut postgres = Postgres::with_tables().await;
    let mut hand = postgres.session("kairos").await;
    hand.act_for("ada").await;
    hand.ask("INSERT INTO kairos.habits (id, scope, name) VALUES ('h', 'u:ada', 'Water')").await;
    hand.ask("BEGIN; UPDATE kairos.habits SET name = 'Tea'").await;
    postgres.kill9().await;
    postgres.start().await;
    let mut hub = postgres.hub("ada").await;
    let water = read(&mut hub, &HABITS, "h").await;
    assert_eq!(water.text("name"), "Water");
    assert_eq!(hub.ask("SELECT h.seq, c.seq FROM kairos.habits h, kairos.sync_clock c").await, "1|1");
    postgres.stop().await;
    postgres.start().await;
    assert_eq!(read(&mut postgres.hub("ada").await, &HABITS, "h").await, water);
}

/// A day, and the days that tombstones live.
const DAY: i64 = 86_400_000;
const LIFE: i64 = 400 * DAY;

#[tokio::test]
async fn a_tombstone_goes_when_it_is_old_and_everybody_has_read_it() {
    let postgres = Postgres::with_tables().await;
    let mut hub = postgres.hub("ada").await;
    let now = 2_000 * DAY;
    let old = now - LIFE - DAY;
    let mut seq = 0;
    let tombstone = |table: &str, id: &str, seq: i64, at: i64| {
        format!(
            "INSERT INTO kairos.{table} (id, scope, user_id, created_at, updated_at, hlc, deleted_at, seq)
             VALUES ('{id}', 'u:ada', 'ada', 1, {at}, '0-a', {at}, {seq})"
        )
    };
    for table in TABLES {
        for (id, at) in [("old", old), ("young", now - DAY)] {
            seq += 1;
            hub.ask(&tombstone(table.name, id, seq, at)).await;
        }
        hub.ask(&row(table.name, "alive", "u:ada", &[("seq", "1")], &at(-10_000_000))).await;
    }
    hub.ask(&format!("INSERT INTO kairos.sync_clock VALUES ('u:ada', {seq})")).await;
    let left = "SELECT count(*) FILTER (WHERE id = 'old'), count(*) FILTER (WHERE id = 'young'), count(*) FILTER (WHERE id = 'alive') FROM (";
    let each: Vec<String> = TABLES.iter().map(|table| format!("SELECT id FROM kairos.{}", table.name)).collect();
    let left = format!("{left}{}) t", each.join(" UNION ALL "));
    let collect = format!("SELECT kairos.collect({LIFE}, {now})");

    // Nobody was ever seen, or only long ago.
    assert_eq!(hub.ask(&collect).await, "0");
    hub.ask(&format!("INSERT INTO kairos.hub_state VALUES ('u:ada', 'away', '', '', 0, 99, {old})")).await;
    assert_eq!(hub.ask(&collect).await, "0");
    // One has read half of it, one all; a third is new, and has read nothing.
    hub.ask(&format!("INSERT INTO kairos.hub_state VALUES ('u:ada', 'all', '', '', 0, 99, {now}), ('u:ada', 'half', '', '', 0, 5, {now})")).await;
    hub.ask("INSERT INTO kairos.hub_state (scope, hub) VALUES ('u:ada', 'new')").await;
    assert_eq!(hub.ask(&collect).await, "0");
    hub.ask("DELETE FROM kairos.dirty").await;
    hub.ask("UPDATE kairos.hub_state SET cursor = 99 WHERE hub = 'new'").await;
    assert_eq!(hub.ask(&collect).await, "3");
    assert_eq!(hub.ask(&left).await, "15|18|18");
    assert_eq!(hub.ask("SELECT seq, gc_seq FROM kairos.sync_clock").await, format!("{seq}|5"));
    // Nobody else's, whoever asks.
    let mut other = postgres.hub("bo").await;
    hub.ask("UPDATE kairos.hub_state SET cursor = 99").await;
    assert_eq!(other.ask(&collect).await, "0");
    let some = |most: i64| format!("SELECT kairos.collect_some('u:ada', {LIFE}, {now}, {most})");
    assert_eq!(other.ask(&some(9)).await, "0");
    // Some at a time, and for each the mark is moved.
    assert_eq!(hub.ask(&some(2)).await, "2");
    let mark = "SELECT gc_seq > 5 FROM kairos.sync_clock";
    assert_eq!((hub.ask(&left).await, hub.ask(mark).await), ("13|18|18".to_owned(), "t".to_owned()));
    assert!(hub.run(&some(0)).await.is_err());
    // All but deeds and what lost a merge: whoever was away brings these back whatever happened, and must find that they
    // are deleted.
    assert_eq!(hub.ask(&collect).await, "11");
    assert_eq!(hub.ask(&left).await, "2|18|18");
    let kept = hub
        .ask("SELECT (SELECT count(*) FROM kairos.completion_events), (SELECT count(*) FROM kairos.conflicts)")
        .await;
    assert_eq!(kept, "3|3");
    assert_eq!(hub.ask(&collect).await, "0");
    assert!(
        hub.run("SELECT kairos.collect(NULL, 1)").await.is_err()
            && hub.run("SELECT kairos.collect(-1, 1)").await.is_err()
    );
    // By hand nobody removes more than that, nor afterwards.
    let mut hand = postgres.session("kairos").await;
    hand.act_for("ada").await;
    hand.ask(&format!("BEGIN; {collect}; DELETE FROM kairos.routines; COMMIT; DELETE FROM kairos.routines")).await;
    assert_eq!(hand.ask("SELECT string_agg(id, ' ' ORDER BY id) FROM kairos.routines").await, "alive young");
}

/// One hub in the schedule below.
#[derive(Default, Clone, Copy)]
struct Reader {
    cursor: i64,
    seen: i64,
}

#[tokio::test]
async fn no_schedule_takes_what_somebody_has_not_read() {
    let postgres = Postgres::with_tables().await;
    let mut hub = postgres.hub("ada").await;
    hub.ask("INSERT INTO kairos.sync_clock VALUES ('u:ada')").await;
    for seed in 0..12 {
        let mut rng = Rng::new(seed, 0);
        let mut pick = |most: i64| i64::try_from(rng.next_u64() >> 1).unwrap() % most;
        let (mut now, mut seq) = (LIFE * 2, hub.ask("SELECT seq FROM kairos.sync_clock").await.parse::<i64>().unwrap());
        hub.ask("UPDATE kairos.hub_state SET seen_at = 0, cursor = 0").await;
        let mut readers = [Reader::default(); 3];
        let mut tombstones: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        let (mut went, mut floor) = (0, 0);
        for step in 0..80 {
            now += pick(60) * DAY;
            match pick(4) {
                0 | 1 => {
                    seq += 1;
                    let id = format!("{seed}-{step}");
                    hub.ask(&format!(
                        "INSERT INTO kairos.habits (id, scope, user_id, created_at, updated_at, hlc, deleted_at, seq)
                         VALUES ('{id}', 'u:ada', 'ada', 1, {now}, '0-a', {now}, {seq});
                         UPDATE kairos.sync_clock SET seq = {seq}"
                    ))
                    .await;
                    tombstones.insert(id, (seq, now));
                }
                2 => {
                    let n = pick(3);
                    let reader = &mut readers[usize::try_from(n).unwrap()];
                    reader.cursor += pick(seq - reader.cursor + 1);
                    reader.seen = now;
                    hub.ask(&format!(
                        "INSERT INTO kairos.hub_state (scope, hub, cursor, seen_at) VALUES ('u:ada', 'r{n}', {0}, {now})
                         ON CONFLICT (scope, hub) DO UPDATE SET cursor = {0}, seen_at = {now}",
                        reader.cursor
                    ))
                    .await;
                }
                _ => {
                    let horizon = now - LIFE;
                    let present = || readers.iter().filter(|reader| reader.seen >= horizon);
                    let read = present().map(|reader| reader.cursor).min().unwrap_or(0);
                    let gone: Vec<String> = tombstones
                        .iter()
                        .filter(|(_, (seq, at))| *at < horizon && *seq <= read)
                        .map(|(id, _)| id.clone())
                        .collect();
                    let count = hub.ask(&format!("SELECT kairos.collect({LIFE}, {now})")).await;
                    assert_eq!(count, gone.len().to_string(), "seed {seed}, step {step}");
                    for id in gone {
                        let (seq, _) = tombstones.remove(&id).unwrap();
                        floor = seq.max(floor);
                        went += 1;
                    }
                    let left = hub
                        .ask(&format!(
                            "SELECT string_agg(id, ' ' ORDER BY seq) FROM kairos.habits WHERE id LIKE '{seed}-%'"
                        ))
                        .await;
                    let mut expected: Vec<_> = tombstones.iter().map(|(id, (seq, _))| (*seq, id.as_str())).collect();
                    expected.sort_unstable();
                    assert_eq!(left, expected.iter().map(|(_, id)| *id).collect::<Vec<_>>().join(" "));
                    // Whoever has not read one that went is below the mark, and starts again.
                    let mark: i64 = hub.ask("SELECT gc_seq FROM kairos.sync_clock").await.parse().unwrap();
                    assert!(mark >= floor && mark <= seq, "seed {seed}, step {step}");
                }
            }
        }
        assert!(went > 0 || seed > 0, "the schedule removes some");
        hub.ask("UPDATE kairos.habits SET deleted_at = NULL").await;
    }
}
