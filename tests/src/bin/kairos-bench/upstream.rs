//! G6: replication with a server, beside the same rows written to the same Postgres by nobody but this process.
//!
//! What a hub does more than the floor: it reads its rows, locks the counter, reads what is there, merges, and folds days.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use kairos_core::hlc::Hlc;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETION_EVENTS, COMPLETIONS, Kind, Table};
use kairos_tests::{Copy, House, Person, Postgres, export_of};
use reqwest::Method;
use serde_json::json;
use sqlx::postgres::PgListener;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::Plan;
use crate::figures::{Bound, Goal, Samples, Spread};
use crate::history::import;
use crate::process::{Busy, memory};
use crate::stage::{Stage, login, press, topic};
use crate::wire::{Mqtt, Screen};

/// Rows a batch, as the hub pushes them.
const BATCH: usize = 2000;
const HABITS: usize = 50;
/// What a backlog of a million changes may take of memory, in megabytes.
const MOST_MEMORY: f64 = 64.0;
/// What a hub at rest takes of a processor, in percent.
const AT_REST: f64 = 5.0;

/// Runs the goal; `long`: with a million changes that wait.
pub(crate) async fn run(plan: &Plan, dir: &Path, long: bool) -> Goal {
    let mut goal = Goal::new("G6", "Replication with a server");
    let days = if plan.rounds > 3 { 20_000 } else { 10_000 };
    carried(plan, dir, days, &mut goal).await;
    latency(plan, dir, &mut goal).await;
    backlog(dir, "five-thousand", 1, 2500, plan.rounds.min(3), &mut goal).await;
    backlog(dir, "many", 1, days, plan.rounds.min(3), &mut goal).await;
    if long {
        backlog(dir, "million", 5, 100_000, 1, &mut goal).await;
    }
    goal.note("Postgres waits for its disk (fsync on); all share this machine's processors.");
    goal
}

/// A hub of the bench, and its server.
struct Line {
    stage: Stage,
    url: String,
}

impl Line {
    async fn open(dir: &Path, name: &str, server: &Postgres) -> Self {
        Self { stage: Stage::open(dir, name).await, url: server.url("kairos") }
    }

    /// Another hub, of what a backup holds.
    async fn restored(backup: &Path, data: PathBuf, server: &Postgres) -> Self {
        let brought = House::builder().attempt(&data, &["restore", "--yes", backup.to_str().unwrap()]).await;
        assert!(brought.status.success(), "{}", String::from_utf8_lossy(&brought.stderr));
        let house = House::builder().data_dir(&data).env("KAIROS_MQTT_DEVICE_RATE", "100000").start().await;
        let person = house.sign_in("ada@example.org", "correct horse battery").await;
        Self { stage: Stage { house, person }, url: server.url("kairos") }
    }

    async fn connect(&self) {
        let (status, said) =
            self.stage.person.ask(Method::PUT, "/api/upstream", Some(json!({ "url": self.url }))).await;
        assert!(status.is_success(), "{said}");
    }

    async fn disconnect(&self) {
        let (status, said) = self.stage.person.ask(Method::DELETE, "/api/upstream", None).await;
        assert!(status.is_success(), "{said}");
    }

    /// Waits until nothing waits on either side.
    async fn even(&self) {
        loop {
            let said = self.stage.person.get("/api/sync/status").await;
            assert_ne!(said["state"], "error", "{said}");
            if said["state"] == "synced" && said["pending"] == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until the server has so many events and days.
    async fn hold(&self, admin: &mut PgConnection, rows: usize) {
        let sql = "SELECT coalesce(sum(n), 0)::bigint FROM (SELECT count(*) AS n FROM kairos.completion_events
                   UNION ALL SELECT count(*) FROM kairos.completions) AS held";
        loop {
            // There are no tables at first.
            let held: i64 = sqlx::query_scalar(sql).fetch_one(&mut *admin).await.unwrap_or(0);
            if held >= i64::try_from(rows).unwrap() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn says(&self, state: &str) {
        while self.stage.person.get("/api/sync/status").await["state"] != state {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Signs a person in for as long as a bench may take.
async fn lasting(person: &mut Person) {
    let token = person.post("/api/tokens", json!({ "name": "Bench" })).await;
    token["token"].as_str().unwrap().clone_into(&mut person.token);
}

/// All rows up, beside two floors; all rows down, beside another.
async fn carried(plan: &Plan, dir: &Path, days: usize, goal: &mut Goal) {
    let server = Postgres::new().await;
    let line = Line::open(dir, "push", &server).await;
    let backup = dir.join("before.sqlite");
    assert!(line.stage.house.cli(&["backup", backup.to_str().unwrap()]).await.status.success());
    import(&line.stage, export_of("many", HABITS, days / HABITS)).await;
    tokio::time::sleep(plan.settle * 2).await;
    let mut admin = PgConnection::connect(&server.url("postgres")).await.unwrap();
    let (mut pushes, mut upserts, mut copies) = (Vec::new(), Vec::new(), Vec::new());
    let (mut pulls, mut reads) = (Vec::new(), Vec::new());
    for round in 0..plan.rounds.min(3) {
        line.disconnect().await;
        run_sql(&mut admin, "DROP SCHEMA IF EXISTS kairos CASCADE; DROP PUBLICATION IF EXISTS powersync").await;
        let begun = Instant::now();
        line.connect().await;
        line.hold(&mut admin, 2 * days).await;
        let took = begun.elapsed();
        line.even().await;
        let rows: Vec<Row> = Copy::of_server(&server).await.rows.into_values().collect();
        pushes.push(rows.len() as f64 / took.as_secs_f64());
        upserts.push(rows.len() as f64 / upsert(&mut admin, &rows).await.as_secs_f64());
        let (written, read) = copy(&mut admin).await;
        copies.push(rows.len() as f64 / written.as_secs_f64());
        reads.push(rows.len() as f64 / read.as_secs_f64());

        let other = Line::restored(&backup, dir.join(format!("pull-{round}")), &server).await;
        let begun = Instant::now();
        other.connect().await;
        other.even().await;
        pulls.push(rows.len() as f64 / begun.elapsed().as_secs_f64());
        other.stage.close().await;
    }
    let ratio = |a: &[f64], b: &[f64]| Spread::of(a.iter().zip(b).map(|(a, b)| a / b).collect::<Vec<_>>());
    goal.tell("first push of all rows ÷ UNNEST upserts of the same", "×", ratio(&pushes, &upserts));
    goal.tell("first push of all rows ÷ COPY of the same", "×", ratio(&pushes, &copies));
    goal.tell("pull of all rows ÷ COPY to this process", "×", ratio(&pulls, &reads));
    goal.tell(format!("first push of {days} days, the tables are made first"), "rows/s", Spread::of(pushes));
    goal.tell("  UNNEST upserts, 2000 a transaction", "rows/s", Spread::of(upserts));
    goal.tell("  COPY, one transaction", "rows/s", Spread::of(copies));
    goal.tell("pull of the same, to an empty hub", "rows/s", Spread::of(pulls));
    goal.tell("  COPY to this process", "rows/s", Spread::of(reads));
    line.stage.close().await;
}

async fn run_sql(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap();
}

/// Tables as the hub's own, with their indexes, without fences and triggers, and empty.
async fn floor_tables(connection: &mut PgConnection) {
    let tables = [&COMPLETION_EVENTS, &COMPLETIONS].map(|table| {
        format!("CREATE TABLE floor.{0} (LIKE kairos.{0} INCLUDING DEFAULTS INCLUDING INDEXES);", table.name)
    });
    let sql = format!("DROP SCHEMA IF EXISTS floor CASCADE; CREATE SCHEMA floor; {}", tables.concat());
    run_sql(connection, &sql).await;
}

/// Bare upserts of days and events, a transaction a batch; gives how long the statements took.
async fn upsert(connection: &mut PgConnection, rows: &[Row]) -> Duration {
    floor_tables(connection).await;
    let mut took = Duration::ZERO;
    for table in [&COMPLETION_EVENTS, &COMPLETIONS] {
        let (sql, rows): (String, Vec<&Row>) =
            (upsert_sql(table), rows.iter().filter(|row| row.table == table).collect());
        for batch in rows.chunks(BATCH) {
            let text = |each: &dyn Fn(&Row) -> String| batch.iter().map(|row| each(row)).collect::<Vec<String>>();
            let mut query = sqlx::query(AssertSqlSafe(sql.clone()))
                .bind(text(&|row| row.id.clone()))
                .bind(text(&|row| row.scope.to_string()))
                .bind(text(&|row| row.user_id.to_string()))
                .bind(text(&|row| row.hlc().map(Hlc::to_string).unwrap_or_default()))
                .bind(batch.iter().map(|row| row.created_at).collect::<Vec<_>>())
                .bind(batch.iter().map(|row| row.updated_at()).collect::<Vec<_>>())
                .bind(batch.iter().map(|row| row.deleted_at).collect::<Vec<_>>());
            for column in table.columns {
                let values = batch.iter().map(|row| row.get(column.name));
                query = match column.kind {
                    Kind::Text => query.bind(values.map(|v| v.as_text().map(str::to_owned)).collect::<Vec<_>>()),
                    Kind::Integer => query.bind(values.map(|v| v.as_integer()).collect::<Vec<_>>()),
                    Kind::Real => query.bind(values.map(|v| v.as_number()).collect::<Vec<_>>()),
                };
            }
            let begun = Instant::now();
            query.execute(&mut *connection).await.unwrap();
            took += begun.elapsed();
        }
    }
    took
}

fn upsert_sql(table: &Table) -> String {
    let mut columns = vec![("id", "text"), ("scope", "text"), ("user_id", "text"), ("hlc", "text")];
    columns.extend([("created_at", "bigint"), ("updated_at", "bigint"), ("deleted_at", "bigint")]);
    columns.extend(table.columns.iter().map(|column| match column.kind {
        Kind::Text => (column.name, "text"),
        Kind::Integer => (column.name, "bigint"),
        Kind::Real => (column.name, "double precision"),
    }));
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let arrays: Vec<String> =
        columns.iter().enumerate().map(|(n, (_, kind))| format!("${}::{kind}[]", n + 1)).collect();
    let sets: Vec<String> = names.iter().skip(1).map(|name| format!("{name} = excluded.{name}")).collect();
    format!(
        "INSERT INTO floor.{} ({}) SELECT * FROM UNNEST({}) ON CONFLICT (id) DO UPDATE SET {}",
        table.name,
        names.join(", "),
        arrays.join(", "),
        sets.join(", ")
    )
}

/// The same rows by COPY: into empty tables, and out of full ones; how long each took.
async fn copy(connection: &mut PgConnection) -> (Duration, Duration) {
    floor_tables(connection).await;
    let (mut written, mut read) = (Duration::ZERO, Duration::ZERO);
    for table in [COMPLETION_EVENTS.name, COMPLETIONS.name] {
        let begun = Instant::now();
        let out = format!("COPY kairos.{table} TO STDOUT (FORMAT binary)");
        let pieces: Vec<_> = connection.copy_out_raw(&out).await.unwrap().try_collect().await.unwrap();
        read += begun.elapsed();
        let begun = Instant::now();
        let mut sink = connection.copy_in_raw(&format!("COPY floor.{table} FROM STDIN (FORMAT binary)")).await.unwrap();
        for piece in pieces.chunks(512) {
            sink.send(piece.concat()).await.unwrap();
        }
        sink.finish().await.unwrap();
        written += begun.elapsed();
    }
    (written, read)
}

/// From a commit on one hub to a screen of another.
async fn latency(plan: &Plan, dir: &Path, goal: &mut Goal) {
    let count = if plan.rounds > 3 { 600 } else { 100 };
    let server = Postgres::new().await;
    let here = Line::open(dir, "latency-here", &server).await;
    let buttons = here.stage.buttons(1).await;
    let backup = dir.join("latency.sqlite");
    assert!(here.stage.house.cli(&["backup", backup.to_str().unwrap()]).await.status.success());
    let there = Line::restored(&backup, dir.join("latency-there"), &server).await;
    for line in [&here, &there] {
        line.connect().await;
        line.even().await;
    }
    let mut listener = PgListener::connect(&server.url("postgres")).await.unwrap();
    listener.listen("floor").await.unwrap();
    let mut writer = PgConnection::connect(&server.url("postgres")).await.unwrap();
    run_sql(&mut writer, "CREATE SCHEMA floor; CREATE TABLE floor.one (id serial PRIMARY KEY, at bigint)").await;
    let mut screen = Screen::open(there.stage.house.ports.http, &there.stage.person.token);
    let mut client = Mqtt::connect(here.stage.house.ports.mqtt, &login(&buttons[0]));
    let to = topic(&buttons[0]);
    let (mut hubs, mut whole, mut floors) = (Samples::default(), Samples::default(), Samples::default());
    for n in 0..count {
        let begun = Instant::now();
        client.publish(&to, press(n).as_bytes());
        client.acknowledged();
        let committed = Instant::now();
        screen.event(format!("\"bench:{n}\"").as_bytes());
        hubs.push(committed.elapsed());
        whole.push(begun.elapsed());
        let begun = Instant::now();
        let sql = "INSERT INTO floor.one (at) VALUES (1); SELECT pg_notify('floor', 'x')";
        let (_, heard) = tokio::join!(run_sql(&mut writer, sql), listener.recv());
        heard.unwrap();
        floors.push(begun.elapsed());
        // Nobody presses without a pause; replication rests in between, as it does in a house.
        tokio::time::sleep(Duration::from_millis(20 + n % 7 * 5)).await;
    }
    let ms = |samples: &Samples, percent| Spread::of([samples.percentile(percent) / 1000.0]);
    goal.tell(format!("commit on one hub → screen of another, {count} presses, p50"), "ms", ms(&hubs, 50));
    goal.judge("  p95", "ms", ms(&hubs, 95), Bound::AtMost(1000.0));
    goal.tell("  p99", "ms", ms(&hubs, 99));
    goal.tell("  from the press itself, p95", "ms", ms(&whole, 95));
    goal.tell("floor: insert and NOTIFY → heard, p50", "ms", ms(&floors, 50));
    goal.tell("  p95", "ms", ms(&floors, 95));
    goal.tell("  p99", "ms", ms(&floors, 99));
    here.stage.close().await;
    there.stage.close().await;
}

/// What waited while the server was away.
async fn backlog(dir: &Path, name: &str, files: usize, days: usize, rounds: usize, goal: &mut Goal) {
    let mut server = Postgres::new().await;
    let mut line = Line::open(dir, name, &server).await;
    line.connect().await;
    lasting(&mut line.stage.person).await;
    line.even().await;
    let (mut times, mut rates, mut grown, mut peaks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut ratios, mut copied, mut busy) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        server.stop().await;
        line.says("offline").await;
        for file in 0..files {
            import(&line.stage, export_of(&format!("{name}-{round}-{file}"), HABITS, days / HABITS)).await;
        }
        // What the import took of memory is not what is asked about, nor what the engine makes of it.
        line.stage.house.stop().await;
        line.stage.house.boot().await;
        line.stage.person = line.stage.person.at(&line.stage.house);
        line.says("offline").await;
        let mut before = line.waiting();
        loop {
            let working = Busy::of(line.stage.house.pid());
            tokio::time::sleep(Duration::from_secs(2)).await;
            let now = line.waiting();
            // After a start the engine looks at every habit once, with nothing to show for it.
            if now == before && working.percent().0 < AT_REST {
                break;
            }
            before = now;
        }
        server.start().await;
        let resident = memory(line.stage.house.pid()).0;
        let working = Busy::of(line.stage.house.pid());
        let begun = Instant::now();
        let drained = line.stage.house.most_memory(async {
            line.stage.person.post("/api/sync/now", json!({})).await;
            line.even().await;
        });
        let ((), peak) = drained.await;
        let (took, peak) = (begun.elapsed().as_secs_f64(), peak as f64 / 1024.0);
        busy.push(working.percent().0);
        if files == 1 {
            // Of what came now: its days and events, without the few rows of the habits.
            let prefix = format!("{name}-{round}-");
            let held = Copy::of_server(&server).await.rows.into_values();
            let rows: Vec<Row> = held.filter(|row| row.text("habit_id").starts_with(&prefix)).collect();
            let mut admin = PgConnection::connect(&server.url("postgres")).await.unwrap();
            let floor = upsert(&mut admin, &rows).await.as_secs_f64() / rows.len() as f64;
            ratios.push(floor / (took / before as f64));
            let (written, _) = copy(&mut admin).await;
            let all = admin_count(&mut admin).await as f64;
            copied.push(written.as_secs_f64() / all / (took / before as f64));
        }
        times.push(took);
        rates.push(before as f64 / took);
        grown.push(peak - resident);
        peaks.push(peak);
    }
    let changes = files * days * 2;
    let what = format!("{changes} changes that waited");
    if files == 1 {
        goal.judge(format!("{what} reach the server in"), "s", Spread::of(times), Bound::AtMost(30.0));
    } else {
        goal.tell(format!("{what} reach the server in"), "s", Spread::of(times));
    }
    goal.tell("  a second", "changes", Spread::of(rates));
    if files == 1 {
        goal.judge("  ÷ UNNEST upserts of the same rows", "×", Spread::of(ratios), Bound::AtLeast(0.7));
        goal.tell("  ÷ COPY of the like", "×", Spread::of(copied));
    }
    goal.tell("  the hub keeps busy", "% of a CPU", Spread::of(busy));
    goal.judge(
        "  memory meanwhile: most resident beyond that before (VmHWM)",
        "MB",
        Spread::of(grown),
        Bound::AtMost(MOST_MEMORY),
    );
    goal.tell("  most resident in all", "MB", Spread::of(peaks));
    line.stage.close().await;
}

async fn admin_count(connection: &mut PgConnection) -> i64 {
    let sql = "SELECT (SELECT count(*) FROM floor.completion_events) + (SELECT count(*) FROM floor.completions)";
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

impl Line {
    /// How many changes of the log are not pushed.
    fn waiting(&self) -> i64 {
        let database = kairos_tests::Database::open(&self.stage.house.database());
        database.number(
            "SELECT count(*) FROM changes WHERE op <> 'MOVE' AND origin <> 'upstream'
             AND seq > (SELECT min(pushed) FROM upstream_scopes)",
        )
    }
}
