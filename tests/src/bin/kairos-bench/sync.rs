//! G5: how fast a phone is filled, what a change costs on its way to one, and what phones that wait cost.
//!
//! The floor of a first sync is the same rows read from the same database by SQLite alone and written to a socket: what
//! a server must do at least.

use std::path::Path;
use std::time::{Duration, Instant};

use kairos_tests::export_of;
use kairos_tests::sync_client::{Replica, SyncStream};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Plan;
use crate::figures::{Bound, Goal, Samples, Spread};
use crate::history::import;
use crate::process::memory;
use crate::stage::Stage;

/// Rows a second that go out of the hub in a first sync, at least.
const ROWS_A_SECOND: f64 = 300_000.0;
/// Bytes of a return to nothing new, at most.
const RETURN: f64 = 2048.0;
/// Phones that wait.
const WAITING: usize = 16;

/// Runs the goal.
pub(crate) async fn run(plan: &Plan, dir: &Path) -> Goal {
    let mut goal = Goal::new("G5", "Phones that sync");
    for days in [10_000, 100_000] {
        let stage = Stage::open(dir, &format!("sync-{days}")).await;
        import(&stage, export_of("h", 40, days / 40)).await;
        tokio::time::sleep(plan.settle * 2).await;
        let (mut rates, mut ratios, mut floors) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..=plan.rounds.min(5) {
            let (rows, took) = first_sync(&stage, days).await;
            let (read, floor) = floor(&stage).await;
            if round > 0 {
                rates.push(rows as f64 / took.as_secs_f64());
                floors.push(read as f64 / floor.as_secs_f64());
                ratios.push((rows as f64 / took.as_secs_f64()) / (read as f64 / floor.as_secs_f64()));
            }
        }
        goal.judge(format!("first sync of {days} days"), "rows/s", Spread::of(rates), Bound::AtLeast(ROWS_A_SECOND));
        goal.tell("  the same rows by SQLite and a socket alone", "rows/s", Spread::of(floors));
        goal.tell("  ÷ that floor", "×", Spread::of(ratios));
        if days == 100_000 {
            change(plan, &stage, &mut goal).await;
        }
        stage.close().await;
    }
    sdk(plan, dir, &mut goal).await;
    hundred(plan, dir, &mut goal).await;
    goal.note("Beside it: 8500 rows/s were recorded of the PowerSync Service with Postgres, on another machine.");
    goal
}

fn request(replica: &Replica) -> Value {
    replica.request(&json!([]))
}

/// A first sync, read as fast as it comes; gives the rows and how long they took.
async fn first_sync(stage: &Stage, days: usize) -> (usize, Duration) {
    let mut stream = TcpStream::connect(("127.0.0.1", stage.house.ports.http)).await.unwrap();
    let body = request(&Replica::new("bench")).to_string();
    let head = format!(
        "POST /sync/stream HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Authorization: Token {}\r\n\r\n{body}",
        body.len(),
        stage.person.token
    );
    let begun = Instant::now();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut piece = vec![0_u8; 1 << 18];
    let mut heard: Vec<u8> = Vec::with_capacity(days * 1000);
    loop {
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "the stream ended: {}", String::from_utf8_lossy(&heard[..heard.len().min(500)]));
        heard.extend_from_slice(&piece[..read]);
        let end = &heard[heard.len().saturating_sub(read + 32)..];
        if end.windows(21).any(|window| window == b"\"checkpoint_complete\"") {
            break;
        }
    }
    let took = begun.elapsed();
    let rows = heard.windows(10).filter(|window| *window == b"{\"op_id\":\"").count();
    assert!(rows >= days, "{rows} rows of {days} days");
    (rows, took)
}

#[allow(clippy::disallowed_methods)] // the floor is SQLite alone
fn open(stage: &Stage) -> Connection {
    Connection::open_with_flags(stage.house.database(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// The rows of the log's default bucket, by SQLite alone, to a socket of this process.
async fn floor(stage: &Stage) -> (usize, Duration) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    let sink = tokio::spawn(async move {
        let mut piece = vec![0_u8; 1 << 18];
        while far.read(&mut piece).await.unwrap_or(0) > 0 {}
    });
    let connection = open(stage);
    let begun = Instant::now();
    let sql =
        "SELECT row_json FROM changes WHERE scope = ?1 AND tbl <> 'completion_events' AND op <> 'MOVE' ORDER BY seq";
    let mut statement = connection.prepare(sql).unwrap();
    let mut found = statement.query([format!("u:{}", stage.person.user_id)]).unwrap();
    let (mut rows, mut piece) = (0, Vec::with_capacity(1 << 17));
    while let Some(row) = found.next().unwrap() {
        rows += 1;
        piece.extend_from_slice(row.get_ref(0).unwrap().as_str_or_null().unwrap().unwrap_or_default().as_bytes());
        if piece.len() > 1 << 16 {
            near.write_all(&piece).await.unwrap();
            piece.clear();
        }
    }
    near.write_all(&piece).await.unwrap();
    drop(near);
    sink.await.unwrap();
    (rows, begun.elapsed())
}

/// Waits until the log stands still: after an import the engine looks through all that came.
async fn at_rest(stage: &Stage) {
    let head = || -> i64 { open(stage).query_row("SELECT max(seq) FROM changes", [], |row| row.get(0)).unwrap() };
    let mut before = head();
    loop {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let now = head();
        if now == before {
            return;
        }
        before = now;
    }
}

/// A change on its way to a phone, with others waiting beside it; a return to nothing new.
async fn change(plan: &Plan, stage: &Stage, goal: &mut Goal) {
    let (port, token) = (stage.house.ports.http, stage.person.token.clone());
    let habit = stage.person.habit("Now").await;
    at_rest(stage).await;
    let mut replica = Replica::new("phone");
    let mut stream = SyncStream::open(port, &token, &request(&replica), false).await;
    stream.complete(&mut replica).await;
    drop(stream);
    let mut waiting = Vec::new();
    for n in 1..WAITING {
        // Those others have all there is, as phones have that come back.
        let mut other = replica.clone();
        other.client_id = format!("phone{n}");
        let mut stream = SyncStream::open(port, &token, &request(&other), true).await;
        other.connect();
        stream.complete(&mut other).await;
        waiting.push(stream);
    }
    let again = SyncStream::open(port, &token, &request(&replica), false).await;
    replica.connect();
    let mut stream = again;
    stream.complete(&mut replica).await;
    let bytes = stream.body_bytes as f64;
    let mut samples = Samples::default();
    for _ in 0..plan.turns * plan.rounds * 4 {
        let begun = Instant::now();
        stage.person.post(&format!("/api/habits/{habit}/complete"), json!({})).await;
        // Without keeping what comes: a client of a hundred thousand rows would measure itself.
        while stream.line().await.is_some_and(|line| line.get("checkpoint_complete").is_none()) {}
        samples.push(begun.elapsed());
    }
    goal.judge("a return to nothing new", "bytes", Spread::of([bytes]), Bound::AtMost(RETURN));
    goal.tell(format!("REST complete → checkpoint complete, {WAITING} phones, p50"), "µs", Spread::of([samples.p50()]));
    goal.tell("  p95", "µs", Spread::of([samples.percentile(95)]));
    drop(waiting);
}

/// A change on its way to a screen of the SDK: from before the request until a watched query of its database answers.
async fn sdk(plan: &Plan, dir: &Path, goal: &mut Goal) {
    if !kairos_tests::sdk::is_installed() {
        goal.note("PowerSync's SDK is not installed (`just sdk-setup`); its figures are left out.");
        return;
    }
    let stage = Stage::open(dir, "sync-sdk").await;
    import(&stage, export_of("h", 40, 250)).await;
    tokio::time::sleep(plan.settle).await;
    let habit = stage.person.habit("Now").await;
    let sdk = kairos_tests::sdk::Sdk::start().await;
    let phone = sdk.client("phone", &stage.house.url(""), &stage.person.token).await;
    let begun = Instant::now();
    phone.connect().await;
    phone.wait_for("SELECT id FROM completions LIMIT 10000", 10_000).await;
    let first = begun.elapsed();
    let (mut whole, mut hub) = (Samples::default(), Samples::default());
    for n in 0..plan.turns * plan.rounds {
        let color = format!("c{n}");
        let arrival = phone.arrival("SELECT id FROM habits WHERE color = ?", json!([color]));
        let change = async {
            // So that the query is watched before anything changes.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let (at, begun) = (now_ms(), Instant::now());
            let path = format!("/api/habits/{habit}");
            stage.person.ask(reqwest::Method::PATCH, &path, Some(json!({ "color": color }))).await;
            (at, begun.elapsed())
        };
        let (arrived, (at, answered)) = tokio::join!(arrival, change);
        whole.push(Duration::from_secs_f64((arrived - at).max(0.0) / 1000.0));
        hub.push(answered);
    }
    goal.tell("SDK: first sync of 40 habits and 10000 days", "ms", Spread::of([first.as_secs_f64() * 1000.0]));
    goal.tell("SDK: REST change → watched query answers, p50", "µs", Spread::of([whole.p50()]));
    goal.tell("  p95", "µs", Spread::of([whole.percentile(95)]));
    goal.tell("  of which the hub's answer to the request, p50", "µs", Spread::of([hub.p50()]));
    phone.close().await;
    stage.close().await;
}

#[allow(clippy::disallowed_methods)] // the same clock as the SDK's process has
fn now_ms() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64() * 1000.0
}

/// What a hundred clients of ten people cost: while they wait, and after changes for each of them.
async fn hundred(plan: &Plan, dir: &Path, goal: &mut Goal) {
    let stage = Stage::open(dir, "sync-hundred").await;
    let (port, mut people) = (stage.house.ports.http, Vec::new());
    for n in 0..10 {
        let person = stage.house.add_person(&stage.person, &format!("p{n}@example.org")).await;
        let habit = person.habit("Now").await;
        people.push((person, habit));
    }
    // Passwords take a lot of memory, which the hub gives back a while later.
    let mut before = f64::MAX;
    for _ in 0..30 {
        tokio::time::sleep(plan.settle.max(Duration::from_secs(1))).await;
        let now = memory(stage.house.pid()).0;
        if now >= before {
            break;
        }
        before = now;
    }
    let mut streams = Vec::new();
    for (person, _) in &people {
        for n in 0..10 {
            let mut replica = Replica::new(&format!("phone{n}"));
            let mut stream = SyncStream::open(port, &person.token, &request(&replica), true).await;
            stream.complete(&mut replica).await;
            streams.push(stream);
        }
    }
    let waiting = memory(stage.house.pid()).0;
    for _ in 0..20 {
        for (person, habit) in &people {
            person.post(&format!("/api/habits/{habit}/complete"), json!({})).await;
        }
        for stream in &mut streams {
            while stream.line().await.is_some_and(|line| line.get("checkpoint_complete").is_none()) {}
        }
    }
    let live = memory(stage.house.pid()).0;
    goal.tell("memory of 100 clients of 10 people that wait", "MB", Spread::of([waiting - before]));
    goal.tell("  after 200 changes, each told to 10 of them", "MB", Spread::of([live - before]));
    drop(streams);
    stage.close().await;
}
