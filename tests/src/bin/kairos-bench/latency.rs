//! G1 and G2: one client, one press at a time, and the disk beside it.
//!
//! Floors and products take turns, a few operations each, so that a disk that changes its mind changes it for all.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::figures::{Bound, Goal, Samples, Spread};
use crate::floor::{Commits, Raw};
use crate::mosquitto::{self, Mosquitto};
use crate::stage::{Presses, Stage, login, press, press_today, topic};
use crate::wire::{Http, Mqtt, Screen};
use crate::{Plan, process};

/// Operations in a row before the next contender's turn.
const TURN: usize = 10;

struct Contender {
    name: &'static str,
    run: Box<dyn FnMut() -> Duration>,
    rounds: Vec<Samples>,
}

/// Contenders by name, each with its rounds.
struct Race(Vec<Contender>);

impl Race {
    fn add(&mut self, name: &'static str, mut run: impl FnMut() + 'static) {
        self.add_timed(name, move || {
            let begun = Instant::now();
            run();
            begun.elapsed()
        });
    }

    /// A contender that takes its own time, because it prepares something first.
    fn add_timed(&mut self, name: &'static str, run: impl FnMut() -> Duration + 'static) {
        self.0.push(Contender { name, run: Box::new(run), rounds: Vec::new() });
    }

    fn run(&mut self, plan: &Plan) {
        for contender in &mut self.0 {
            for _ in 0..plan.warm_up {
                (contender.run)();
            }
        }
        for _ in 0..plan.rounds {
            let deadline = Instant::now() + plan.round;
            let mut round = vec![Samples::default(); self.0.len()];
            for _ in 0..plan.turns {
                for (contender, samples) in self.0.iter_mut().zip(&mut round) {
                    for _ in 0..TURN {
                        samples.push((contender.run)());
                    }
                }
                if Instant::now() > deadline {
                    break;
                }
            }
            for (contender, samples) in self.0.iter_mut().zip(round) {
                contender.rounds.push(samples);
            }
        }
    }

    fn rounds(&self, name: &str) -> &[Samples] {
        self.0.iter().find(|contender| contender.name == name).map_or(&[], |contender| &contender.rounds)
    }

    fn spread(&self, name: &str, figure: impl Fn(&Samples) -> f64) -> Spread {
        Spread::of(self.rounds(name).iter().map(figure))
    }

    /// A figure of two contenders, round by round.
    fn beside(&self, name: &str, floor: &str, figure: impl Fn(f64, f64) -> f64) -> Spread {
        let pairs = self.rounds(name).iter().zip(self.rounds(floor));
        Spread::of(pairs.map(|(product, floor)| figure(product.p50(), floor.p50())))
    }
}

const FDATASYNC: &str = "raw write + fdatasync";
const FSYNC: &str = "raw write + fsync";
const SQLITE: &str = "SQLite, one row a commit";
const MQTT: &str = "MQTT publish → PUBACK";
const LIGHT: &str = "MQTT publish → PUBACK, the light changes too";
const REST: &str = "REST complete → answer";
const SCREEN: &str = "MQTT publish → event on a websocket";
const ACK: &str = "MQTT publish → `ack` at the button";
const MOSQUITTO: &str = "Mosquitto publish → PUBACK (from memory)";
const MOSQUITTO_SUBSCRIBER: &str = "Mosquitto publish → subscriber (from memory)";

/// A counted habit that is exchanged for a new one after a few presses.
struct Habits {
    http: Http,
    /// The board whose button 1 counts it.
    board: Option<String>,
    habit: String,
    presses: usize,
}

impl Habits {
    /// About as many as a day of glasses of water has.
    const PRESSES: usize = 10;

    fn new(http: Http, board: Option<String>) -> Self {
        Self { http, board, habit: String::new(), presses: Self::PRESSES }
    }

    /// The habit of the next press.
    fn next(&mut self) -> &str {
        if self.presses == Self::PRESSES {
            self.presses = 0;
            if !self.habit.is_empty() {
                self.http.send("DELETE", &format!("/api/habits/{}", self.habit), "");
            }
            let body = r#"{"name":"Glasses","kind":"measurable","target_value":10000}"#;
            let made = self.http.send("POST", "/api/habits", body);
            made["id"].as_str().unwrap().clone_into(&mut self.habit);
            if let Some(board) = &self.board {
                let binding = json!({ "trigger": "press", "button": "1", "action": "add", "habit_id": self.habit });
                let body = json!({ "bindings": [binding] }).to_string();
                self.http.send("PUT", &format!("/api/devices/{board}/bindings"), &body);
            }
        }
        self.presses += 1;
        &self.habit
    }
}

/// The hub's contenders, over a stage.
async fn contenders(stage: &Stage, race: &mut Race) {
    let ports = stage.house.ports;
    let presses = Presses::default();
    let buttons = stage.buttons(4).await;
    let (mut client, to, n) = (Mqtt::connect(ports.mqtt, &login(&buttons[0])), topic(&buttons[0]), presses.clone());
    race.add(MQTT, move || {
        client.publish(&to, press(n.next()).as_bytes());
        client.acknowledged();
    });

    // A day is folded from its events, and no day has hundreds: these two, which press today, change the habit
    // after every few presses.
    let board = stage.person.button("Board", &buttons[0].habit_id, "add").await;
    let (mut client, to, n) = (Mqtt::connect(ports.mqtt, &login(&board)), topic(&board), presses.clone());
    let mut habits = Habits::new(Http::connect(ports.http, &stage.person.token), Some(board.device_id));
    race.add_timed(LIGHT, move || {
        habits.next();
        let begun = Instant::now();
        client.publish(&to, press_today(n.next(), 1).as_bytes());
        client.acknowledged();
        begun.elapsed()
    });

    let mut http = Http::connect(ports.http, &stage.person.token);
    let mut habits = Habits::new(Http::connect(ports.http, &stage.person.token), None);
    race.add_timed(REST, move || {
        let path = format!("/api/habits/{}/complete", habits.next());
        let begun = Instant::now();
        http.send("POST", &path, "{}");
        begun.elapsed()
    });

    let mut screen = Screen::open(ports.http, &stage.person.token);
    let (mut client, to, n) = (Mqtt::connect(ports.mqtt, &login(&buttons[2])), topic(&buttons[2]), presses.clone());
    race.add(SCREEN, move || {
        let press = n.next();
        client.publish(&to, self::press(press).as_bytes());
        screen.event(format!("\"bench:{press}\"").as_bytes());
        client.acknowledged();
    });

    let (mut client, to, n) = (Mqtt::connect(ports.mqtt, &login(&buttons[3])), topic(&buttons[3]), presses);
    client.subscribe(&format!("kairos/device/{}/ack", buttons[3].device_id));
    race.add(ACK, move || {
        let press = n.next();
        client.publish(&to, self::press(press).as_bytes());
        client.message(format!("\"bench:{press}\"").as_bytes());
    });
}

fn peers(mosquitto: Option<&Mosquitto>, race: &mut Race) {
    let Some(mosquitto) = mosquitto else { return };
    let (mut client, n) = (Mqtt::connect(mosquitto.port, &mosquitto::login("publisher")), Presses::default());
    race.add(MOSQUITTO, move || {
        client.publish("kairos/device/publisher/event", press(n.next()).as_bytes());
        client.acknowledged();
    });
    let mut client = Mqtt::connect(mosquitto.port, &mosquitto::login("both"));
    client.subscribe("kairos/device/both/event");
    let n = Presses::default();
    race.add(MOSQUITTO_SUBSCRIBER, move || {
        let press = n.next();
        client.publish("kairos/device/both/event", self::press(press).as_bytes());
        client.message(format!("\"bench:{press}\"").as_bytes());
    });
}

/// What one command writes to the log file before it is synced, measured at the hub's own.
fn commit_size(stage: &Stage, race: &mut Race) -> usize {
    const COMMANDS: u64 = 16;
    let wal = stage.house.data_dir().join("hub.db-wal");
    let size = || std::fs::metadata(&wal).map_or(0, |file| file.len());
    let Some(contender) = race.0.iter_mut().find(|contender| contender.name == MQTT) else { return 0 };
    // The first ones touch pages that later ones do not.
    for _ in 0..4 {
        (contender.run)();
    }
    let before = size();
    for _ in 0..COMMANDS {
        (contender.run)();
    }
    let per_command = size().saturating_sub(before) / COMMANDS;
    usize::try_from(per_command).unwrap_or(0).max(4096)
}

/// Runs both goals.
pub(crate) async fn run(plan: &Plan, dir: &Path, memory: Option<&Path>) -> Vec<Goal> {
    let mut goals = vec![
        Goal::new("G1", "One acknowledged command beside the disk"),
        Goal::new("G2", "A press on a screen: MQTT publish → event on a websocket, one at a time"),
    ];
    let stage = Stage::open(dir, "latency").await;
    let mosquitto = Mosquitto::start(dir);
    let mut race = Race(Vec::new());
    contenders(&stage, &mut race).await;
    let size = commit_size(&stage, &mut race);
    peers(mosquitto.as_ref(), &mut race);
    let (mut data, mut all, mut commits) = (Raw::new(dir, size, true), Raw::new(dir, size, false), Commits::new(dir));
    race.add(FDATASYNC, move || data.append());
    race.add(FSYNC, move || all.append());
    race.add(SQLITE, move || commits.commit());
    race.run(plan);
    on_disk(&race, size, &mut goals);
    if mosquitto.is_none() {
        goals[0].note("Mosquitto is not installed here; nothing is told beside it.");
    }
    drop(race);
    stage.close().await;
    let Some(memory) = memory else {
        goals[1].note("No tmpfs at /dev/shm: the disk-free part was left out.");
        return goals;
    };
    let stage = Stage::open(memory, "latency").await;
    let mut race = Race(Vec::new());
    contenders(&stage, &mut race).await;
    peers(mosquitto.as_ref(), &mut race);
    race.run(plan);
    in_memory(&race, &mut goals);
    drop(race);
    stage.close().await;
    goals
}

fn on_disk(race: &Race, size: usize, goals: &mut [Goal]) {
    let samples = race.rounds(MQTT).iter().map(Samples::len).sum::<usize>();
    let g1 = &mut goals[0];
    let ratio = |product: f64, floor: f64| product / floor;
    for name in [MQTT, REST] {
        g1.judge(format!("{name}, p50 ÷ {FDATASYNC}"), "×", race.beside(name, FDATASYNC, ratio), Bound::AtMost(1.3));
        g1.tell("  the same ÷ raw write + fsync", "×", race.beside(name, FSYNC, ratio));
        g1.tell("  the same ÷ SQLite, one row a commit", "×", race.beside(name, SQLITE, ratio));
    }
    g1.tell(format!("{LIGHT}, p50 ÷ {FDATASYNC}"), "×", race.beside(LIGHT, FDATASYNC, ratio));
    let more = |product: f64, floor: f64| product - floor;
    for name in [SQLITE, MQTT, REST] {
        g1.tell(format!("{name}: p50 beyond the raw one's"), "µs", race.beside(name, FDATASYNC, more));
    }
    for name in [FDATASYNC, FSYNC, SQLITE, MQTT, LIGHT, REST, ACK, MOSQUITTO, MOSQUITTO_SUBSCRIBER] {
        if !race.rounds(name).is_empty() {
            g1.tell(format!("{name}, p50"), "µs", race.spread(name, Samples::p50));
        }
    }
    for name in [FDATASYNC, MQTT, REST] {
        g1.tell(format!("{name}, p99"), "µs", race.spread(name, |samples| samples.percentile(99)));
    }
    g1.note(format!(
        "{samples} operations of each; a raw write is as large as a command's part of the log file: {size} bytes"
    ));
    g1.note("Mosquitto acknowledges before anything is on a disk; the hub after its commit");

    let g2 = &mut goals[1];
    let room = |product: f64, sync: f64| product / (2.0 * (sync + 90.0));
    g2.judge("p50 ÷ 2 × (raw fdatasync p50 + 90 µs)", "×", race.beside(SCREEN, FDATASYNC, room), Bound::AtMost(1.0));
    g2.tell("on this disk, p50", "µs", race.spread(SCREEN, Samples::p50));
    g2.tell("on this disk, p99", "µs", race.spread(SCREEN, |samples| samples.percentile(99)));
}

fn in_memory(race: &Race, goals: &mut [Goal]) {
    let g2 = &mut goals[1];
    g2.judge("disk-free (tmpfs), p50", "µs", race.spread(SCREEN, Samples::p50), Bound::AtMost(180.0));
    g2.tell("disk-free, p99", "µs", race.spread(SCREEN, |samples| samples.percentile(99)));
    for name in [MQTT, LIGHT, REST, ACK, MOSQUITTO, MOSQUITTO_SUBSCRIBER] {
        if !race.rounds(name).is_empty() {
            g2.tell(format!("disk-free: {name}, p50"), "µs", race.spread(name, Samples::p50));
        }
    }
    g2.note(format!("load while this ran: {}", process::load()));
}
