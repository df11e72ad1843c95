//! Real hubs, a real Postgres, and all that can happen to them at random: hubs and server are killed in the middle of
//! anything, lines are cut, somebody edits by hand, logs are compacted, the server is set back. In the end all hold the same,
//! to the last clock, and nothing that anybody was told is saved, or that a hub ever held, is gone.
//!
//! What happens is thrown by a seed (`KAIROS_TEST_SEED` for one, `KAIROS_TEST_SEEDS` for how many); where a kill falls depends
//! on the machine as well.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::ToSpan;
use kairos_core::hlc::Hlc;
use kairos_core::schema::COMPLETION_EVENTS;
use kairos_simulator::random::Rng;
use kairos_tests::mqtt::{Wire, press};
use kairos_tests::{Button, Copy, Database, House, Person};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::houses::{Home, Houses};

/// Steps of a storm: in each all write, and something happens.
const STEPS: usize = 28;
/// After so many days the log is compacted, whether the server has seen it or not.
const DAYS_AWAY: i64 = 8;

/// What was promised to be kept.
#[derive(Default)]
struct Ledger {
    /// Events that were acknowledged.
    events: BTreeSet<String>,
    /// Presses that were acknowledged.
    presses: BTreeSet<String>,
    /// The latest clock of each register that a hub has held.
    held: BTreeMap<(&'static str, String, String), Hlc>,
}

/// One wish, said over and over under one key until it is answered.
struct Wish {
    method: Method,
    path: String,
    body: Option<Value>,
    key: String,
}

/// Somebody who writes on one hub.
struct Writer {
    rng: Rng,
    name: String,
    count: usize,
    button: Button,
    /// Habits that buttons press for: a press for one that is deleted is acknowledged, and nothing is counted.
    kept: Vec<String>,
    presses: u16,
    /// What was sent, and of which nobody knows whether it was heard.
    open: Vec<Wish>,
    open_press: Option<String>,
}

struct Storm {
    rng: Rng,
    houses: Houses,
    writers: Vec<Writer>,
    ledger: Ledger,
    /// The days on which something is done.
    days: Vec<String>,
    /// How many steps a line is still shut, by hub.
    shut: Vec<usize>,
    /// How many steps the server is still away.
    away: usize,
    /// What the server was like once.
    dumped: bool,
    /// By how many days the hubs' clocks are put forward.
    later: i64,
    told: Vec<String>,
}

fn below(rng: &mut Rng, most: u64) -> u64 {
    rng.next_u64() % most
}

impl Storm {
    async fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed, 0);
        let count = 2 + usize::try_from(below(&mut rng, 2)).unwrap();
        let houses = Houses::with(count, &House::builder().env("KAIROS_STORE_COMPACT_EVERY", "1s")).await;
        let today: jiff::civil::Date =
            houses.homes[0].ada.get("/api/today").await["date"].as_str().unwrap().parse().unwrap();
        let days = (1..4).map(|n| today.checked_sub(i64::from(n).days()).unwrap().to_string()).collect();
        let first = &houses.homes[0].ada;
        for n in 0..2 {
            first.counted_habit(&format!("Water {n}"), 3.0).await;
        }
        first.habit("Walk").await;
        houses.even().await;
        let mut writers = Vec::new();
        for (n, home) in houses.homes.iter().enumerate() {
            let habit = home.ada.counted_habit(&format!("Button {n}"), 5.0).await;
            let button = home.ada.button(&format!("Button {n}"), &habit, "add").await;
            let (name, rng) = (format!("s{seed}w{n}"), Rng::new(seed, 1 + n as u64));
            let kept = Vec::new();
            writers.push(Writer { rng, name, count: 0, button, kept, presses: 0, open: Vec::new(), open_press: None });
        }
        let kept: Vec<String> = writers.iter().map(|writer| writer.button.habit_id.clone()).collect();
        for writer in &mut writers {
            writer.kept.clone_from(&kept);
        }
        let shut = vec![0; count];
        let ledger = Ledger::default();
        Self { rng, houses, writers, ledger, days, shut, away: 0, dumped: false, later: 0, told: Vec::new() }
    }

    /// All write at once, and meanwhile something happens.
    async fn step(&mut self) {
        let after = self.rng.between(Duration::ZERO, Duration::from_millis(60));
        let what = below(&mut self.rng, 100);
        let n = usize::try_from(below(&mut self.rng, self.houses.homes.len() as u64)).unwrap();
        self.told.push(format!("{what} of {n}"));
        let Self { houses, writers, ledger, days, .. } = self;
        let writing = async {
            let each = houses.homes.iter().zip(writers.iter_mut()).map(|(home, writer)| writer.some(home, days));
            futures_util::future::join_all(each).await
        };
        let fault = async {
            tokio::time::sleep(after).await;
            match what {
                0..18 => houses.homes[n].line.cut(),
                18..30 => houses.homes[n].line.cut_after(1 + (u64::from(after.subsec_micros()) * 7) % 20_000),
                // Kills are struck while others still wait for their answers.
                30..44 => strike(houses.homes[n].house.pid()),
                _ => {}
            }
        };
        let (done, ()) = tokio::join!(writing, fault);
        for (events, presses) in done {
            ledger.events.extend(events);
            ledger.presses.extend(presses);
        }
        match what {
            30..44 => self.reboot(n).await,
            44..51 => self.kill_server().await,
            51..54 if self.away == 0 => {
                self.houses.server.stop().await;
                self.away = 2;
            }
            54..62 => {
                self.houses.homes[n].line.shut();
                self.shut[n] = 3;
            }
            62..68 => self.terminate().await,
            68..76 => self.by_hand().await,
            76..79 => self.go_away(n).await,
            79..84 => self.dump().await,
            84..88 => self.set_back().await,
            _ => {}
        }
        self.pass().await;
        self.note();
    }

    async fn reboot(&mut self, n: usize) {
        let home = &mut self.houses.homes[n];
        home.house.kill().await;
        home.boot().await;
    }

    /// Postgres is killed while hubs speak with it, and recovers.
    async fn kill_server(&mut self) {
        if self.away > 0 {
            return;
        }
        tokio::time::sleep(self.rng.between(Duration::ZERO, Duration::from_millis(40))).await;
        self.houses.server.kill9().await;
        if self.rng.chance(0.5) {
            self.away = 1;
        } else {
            self.houses.server.start().await;
        }
    }

    /// What lasts for some steps comes to its end.
    async fn pass(&mut self) {
        if self.away > 0 {
            self.away -= 1;
            if self.away == 0 {
                self.houses.server.start().await;
            }
        }
        for n in 0..self.shut.len() {
            if self.shut[n] > 0 {
                self.shut[n] -= 1;
                if self.shut[n] == 0 {
                    self.houses.homes[n].reach(&self.houses.server).await;
                }
            }
        }
        // Most of the time hubs do not wait for their next try.
        if self.away == 0 {
            for home in &self.houses.homes {
                if self.rng.chance(0.7) {
                    home.ada.post("/api/sync/now", json!({})).await;
                }
            }
        }
    }

    /// Every session of the hubs is ended, as an administrator does.
    async fn terminate(&mut self) {
        if self.away == 0 {
            let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kairos-hub'";
            self.houses.server.psql(sql).await;
        }
    }

    /// Somebody edits the server's database. It may be refused, where a hub is writing.
    async fn by_hand(&mut self) {
        if self.away > 0 {
            return;
        }
        let (word, day) = (below(&mut self.rng, 1_000_000), self.days[0].clone());
        let one = "(SELECT id FROM kairos.habits WHERE deleted_at IS NULL ORDER BY md5(id || $$) LIMIT 1)";
        let one = one.replace("$$", &format!("'{word}'"));
        let sql = match below(&mut self.rng, 5) {
            0 | 1 => format!("UPDATE kairos.habits SET name = 'hand {word}' WHERE id = {one}"),
            2 => format!("UPDATE kairos.habits SET target_value = 2 WHERE id = {one}"),
            3 => format!(
                "DELETE FROM kairos.completion_events WHERE id = 'nobody' OR (source = 'hand' AND date = '{day}')"
            ),
            _ => format!(
                "INSERT INTO kairos.completion_events (scope, habit_id, date, verb, value, source)
                 SELECT h.scope, h.id, '{day}', 'add', 1, 'hand' FROM kairos.habits h WHERE h.id = {one}"
            ),
        };
        if let Err(told) = self.houses.server.session("postgres").await.run(&sql).await {
            assert!(told.starts_with("40P01") || told.starts_with("55P03"), "{told}");
        }
    }

    /// More than a week goes by, in which one of the hubs is without its server and its log is compacted. It goes by for all of
    /// them: where one hub's clock is days ahead of another's, their engines undo each other's work.
    async fn go_away(&mut self, n: usize) {
        self.later += DAYS_AWAY;
        let now = jiff::civil::DateTime::from(self.days[0].parse::<jiff::civil::Date>().unwrap());
        let later = format!("{}Z", now.checked_add((1 + self.later).days()).unwrap());
        self.houses.homes[n].line.shut();
        for home in &mut self.houses.homes {
            home.house.kill().await;
            home.house.set_clock(&later);
            home.boot().await;
        }
        let (events, presses) = self.writers[n].some(&self.houses.homes[n], &self.days).await;
        self.ledger.events.extend(events);
        self.ledger.presses.extend(presses);
        // Twice what a hub waits between two compactions.
        tokio::time::sleep(Duration::from_millis(2200)).await;
        self.shut[n] = 1;
    }

    /// The server's database is written away.
    async fn dump(&mut self) {
        if self.away > 0 {
            return;
        }
        let sql = "DROP SCHEMA IF EXISTS dump CASCADE; CREATE SCHEMA dump;
            DO $$ DECLARE t text; BEGIN
              FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'kairos' AND tablename NOT IN ('_sqlx_migrations', 'registers') LOOP
                EXECUTE format('CREATE TABLE dump.%I AS SELECT * FROM kairos.%I', t, t);
              END LOOP; END $$;";
        // One moment of all tables, as a dump is.
        self.houses.server.psql(&format!("BEGIN ISOLATION LEVEL REPEATABLE READ; {sql}; COMMIT")).await;
        self.dumped = true;
    }

    /// The server's database is what it was, while hubs speak with it.
    async fn set_back(&mut self) {
        if self.away > 0 || !self.dumped {
            return;
        }
        let sql = "BEGIN;
            SET LOCAL session_replication_role = replica;
            DO $$ DECLARE t text; BEGIN
              FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'dump' ORDER BY tablename LOOP
                EXECUTE format('LOCK TABLE kairos.%I IN ACCESS EXCLUSIVE MODE', t);
              END LOOP;
              FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'dump' LOOP
                EXECUTE format('DELETE FROM kairos.%I', t);
                EXECUTE format('INSERT INTO kairos.%I SELECT * FROM dump.%I', t, t);
              END LOOP; END $$;
            COMMIT";
        let mut told = Ok(String::new());
        for _ in 0..20 {
            told = self.houses.server.session("postgres").await.run(sql).await;
            if told.is_ok() {
                break;
            }
        }
        told.expect("the server is set back, where no hub crosses it");
    }

    /// Notes what hubs hold: they may not lose it any more.
    fn note(&mut self) {
        for (n, home) in self.houses.homes.iter().enumerate() {
            let copy = Copy::of_hub(&format!("hub {n}"), &home.house.database());
            for ((table, id), row) in &copy.rows {
                for (register, clock) in &row.clocks {
                    let key = (*table, id.clone(), register.to_string());
                    let noted = self.ledger.held.entry(key).or_insert_with(|| clock.clone());
                    if *noted < *clock {
                        *noted = clock.clone();
                    }
                }
            }
        }
    }

    async fn end(mut self) {
        if self.away > 0 {
            self.houses.server.start().await;
        }
        self.houses.reach().await;
        for (home, writer) in self.houses.homes.iter().zip(&mut self.writers) {
            let (events, presses) = writer.answer(home).await;
            assert!(writer.open.is_empty() && writer.open_press.is_none(), "everything is answered in the end");
            self.ledger.events.extend(events);
            self.ledger.presses.extend(presses);
        }
        let copy = self.houses.rest().await;
        let living: BTreeMap<&str, _> = copy.living(&COMPLETION_EVENTS).map(|row| (row.id.as_str(), row)).collect();
        let lost: Vec<_> = self.ledger.events.iter().filter(|id| !living.contains_key(id.as_str())).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}; {:?}", self.told);
        let mut presses: BTreeMap<String, u32> = BTreeMap::new();
        for press in living.values().filter_map(|row| row.opt_text("press_id")) {
            *presses.entry(press).or_default() += 1;
        }
        let once: BTreeMap<String, u32> = self.ledger.presses.iter().map(|press| (press.clone(), 1)).collect();
        assert_eq!(presses, once, "each press that was acknowledged, once, and no other; {:?}", self.told);
        let ours = living.values().filter(|row| row.text("source") == "api").count();
        assert_eq!(ours, self.ledger.events.len(), "nothing was counted twice; {:?}", self.told);
        for ((table, id, register), clock) in &self.ledger.held {
            let row =
                copy.rows.get(&(*table, id.clone())).unwrap_or_else(|| panic!("{table} {id} is gone; {:?}", self.told));
            let now = row.clocks.get(register.as_str());
            assert!(now >= Some(clock), "{table} {id} {register} of {clock} is lost to {now:?}; {:?}", self.told);
        }
        println!(
            "  {} hubs, {} rows, {} deeds, {} presses, {} conflicts",
            self.houses.homes.len(),
            copy.rows.len(),
            ours,
            presses.len(),
            copy.rows.keys().filter(|(table, _)| *table == "conflicts").count()
        );
        for home in &mut self.houses.homes {
            home.house.is_well().await;
            Database::open(&home.house.database()).is_consistent();
        }
    }
}

/// SIGKILL at this moment; the house notices later.
fn strike(pid: u32) {
    let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(killed.success());
}

impl Writer {
    /// Some wishes one after the other, until the hub does not answer; gives the events and presses it acknowledged.
    async fn some(&mut self, home: &Home, days: &[String]) -> (Vec<String>, Vec<String>) {
        let (mut events, mut presses) = self.answer(home).await;
        let count = 1 + below(&mut self.rng, 7);
        for _ in 0..count {
            if !self.open.is_empty() || self.open_press.is_some() {
                break;
            }
            if below(&mut self.rng, 6) == 0 {
                self.presses += 1;
                self.open_press = Some(format!("{}:{}", self.name, self.presses));
            } else if let Some(wish) = self.wish(&home.ada, days).await {
                self.open.push(wish);
            }
            let (more, pressed) = self.answer(home).await;
            events.extend(more);
            presses.extend(pressed);
        }
        (events, presses)
    }

    /// Says again what was not answered.
    async fn answer(&mut self, home: &Home) -> (Vec<String>, Vec<String>) {
        let (mut events, mut presses) = (Vec::new(), Vec::new());
        while let Some(wish) = self.open.pop() {
            let mut request = home.ada.request(wish.method.clone(), &wish.path).header("Idempotency-Key", &wish.key);
            if let Some(body) = &wish.body {
                request = request.json(body);
            }
            let answered = match request.send().await {
                Ok(answer) => {
                    let status = answer.status();
                    answer.text().await.ok().map(|text| (status, text))
                }
                Err(_) => None,
            };
            let Some((status, text)) = answered.filter(|(status, _)| *status != StatusCode::SERVICE_UNAVAILABLE) else {
                self.open.push(wish);
                break;
            };
            let answer: Value = serde_json::from_str(&text).unwrap_or_default();
            // What another hub has deleted meanwhile, and nothing to take back.
            let passing =
                [StatusCode::NOT_FOUND, StatusCode::CONFLICT].contains(&status) || text.contains("no such habit");
            assert!(status.is_success() || passing, "{} {}: {status} {text}", wish.method, wish.path);
            if status.is_success() {
                events.extend(answer["event_id"].as_str().map(str::to_owned));
            }
        }
        if let Some(press_id) = self.open_press.take() {
            match self.press(home, &press_id).await {
                Ok(()) => presses.push(press_id),
                Err(_) => self.open_press = Some(press_id),
            }
        }
        (events, presses)
    }

    async fn press(&self, home: &Home, press_id: &str) -> std::io::Result<()> {
        let mut wire = Wire::try_open(home.house.ports.mqtt, &self.button).await?;
        wire.send(&press(&self.button, self.presses, false, press_id)).await?;
        wire.puback().await.map(drop)
    }

    /// What somebody would do, as the dice fall.
    async fn wish(&mut self, ada: &Person, days: &[String]) -> Option<Wish> {
        self.count += 1;
        let word = format!("{} {}", self.name, self.count);
        let pick = |rng: &mut Rng, rows: &Value| -> Option<String> {
            let rows = rows["items"].as_array().filter(|rows| !rows.is_empty())?;
            rows[usize::try_from(below(rng, rows.len() as u64)).unwrap()]["id"].as_str().map(str::to_owned)
        };
        let rows = |path: &'static str| async move {
            let answer = ada.request(Method::GET, path).send().await.ok()?;
            answer.json::<Value>().await.ok()
        };
        let habit = pick(&mut self.rng, &rows("/api/habits").await?)?;
        let rng = &mut self.rng;
        let day = &days[usize::try_from(below(rng, days.len() as u64)).unwrap()];
        let (method, path, body) = match below(rng, 30) {
            0..6 => (Method::POST, format!("/api/habits/{habit}/complete"), json!({ "date": day })),
            6..8 => (Method::POST, format!("/api/habits/{habit}/complete"), json!({ "date": day, "note": word })),
            8..10 => (Method::POST, format!("/api/habits/{habit}/skip"), json!({ "date": day, "reason": "NO_TIME" })),
            10..14 => (Method::POST, format!("/api/habits/{habit}/undo"), json!({ "date": day })),
            14..17 => (Method::PATCH, format!("/api/habits/{habit}"), json!({ "name": word })),
            17..19 => (Method::PATCH, format!("/api/habits/{habit}"), json!({ "description": word, "color": "blue" })),
            19..21 => {
                (Method::PATCH, format!("/api/habits/{habit}"), json!({ "freq_num": 1 + below(rng, 6), "freq_den": 7 }))
            }
            21 => (Method::PATCH, format!("/api/habits/{habit}"), json!({ "target_value": 1 + below(rng, 5) })),
            22 if below(rng, 4) == 0 && !self.kept.contains(&habit) => {
                (Method::DELETE, format!("/api/habits/{habit}"), Value::Null)
            }
            22 | 23 => {
                (Method::POST, "/api/habits".into(), json!({ "name": word, "kind": "measurable", "target_value": 2 }))
            }
            24 => {
                (Method::POST, "/api/pauses".into(), json!({ "from_date": day, "to_date": days[0], "habit_id": habit }))
            }
            25 => match pick(rng, &rows("/api/pauses").await?) {
                Some(pause) if below(rng, 3) == 0 => (Method::DELETE, format!("/api/pauses/{pause}"), Value::Null),
                Some(pause) => (Method::PATCH, format!("/api/pauses/{pause}"), json!({ "reason": word })),
                None => return None,
            },
            26 => (Method::POST, "/api/routines".into(), json!({ "name": word })),
            27 => match pick(rng, &rows("/api/routines").await?) {
                Some(routine) => {
                    (Method::PUT, format!("/api/routines/{routine}/steps"), json!({ "steps": [{ "habit_id": habit }] }))
                }
                None => return None,
            },
            28 => (Method::PATCH, "/api/me/preferences".into(), json!({ "show_score": below(rng, 2) == 0 })),
            _ => {
                let id = pick(rng, &rows("/api/conflicts").await?)?;
                let verb = if below(rng, 2) == 0 { Method::POST } else { Method::DELETE };
                let rest = if verb == Method::POST { "/restore" } else { "" };
                (verb, format!("/api/conflicts/{id}{rest}"), Value::Null)
            }
        };
        let body = (!body.is_null()).then_some(body);
        Some(Wish { method, path, body, key: word.replace(' ', "-") })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_whatever_happens_all_hold_the_same_in_the_end_and_nothing_is_lost() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (first, count) = match number("KAIROS_TEST_SEED") {
        Some(seed) => (seed, 1),
        None => (1, number("KAIROS_TEST_SEEDS").unwrap_or(2)),
    };
    for seed in first..first + count {
        let begun = Instant::now();
        println!("seed {seed}");
        let mut storm = Storm::new(seed).await;
        for _ in 0..STEPS {
            storm.step().await;
        }
        storm.end().await;
        println!("  {:.1} s", begun.elapsed().as_secs_f64());
    }
}
