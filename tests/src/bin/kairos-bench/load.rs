//! G3: many clients at once, each waiting for its acknowledgement before it presses again.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::Plan;
use crate::figures::{Bound, Goal, Samples, Spread};
use crate::floor::group_commit;
use crate::mosquitto::{self, Mosquitto};
use crate::process::Busy;
use crate::stage::{Presses, Stage, login, press, topic};
use crate::wire::{Inbox, Login, PUBACK, connect, publish};

/// Clients at once.
const CLIENTS: usize = 64;

/// One connected client of the fleet.
struct Client {
    stream: TcpStream,
    topic: String,
    inbox: Inbox,
}

impl Client {
    async fn open(port: u16, login: &Login, topic: String) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Self { stream, topic, inbox: Inbox::default() };
        client.stream.write_all(&connect(login)).await.unwrap();
        client.until(2).await;
        client
    }

    async fn until(&mut self, kind: u8) {
        let mut chunk = [0; 4096];
        loop {
            while let Some(packet) = self.inbox.mqtt() {
                self.inbox.used(&packet);
                if packet.kind == kind {
                    return;
                }
            }
            let read = self.stream.read(&mut chunk).await.unwrap();
            assert!(read > 0, "the connection was closed");
            self.inbox.push(&chunk[..read]);
        }
    }

    async fn press(&mut self, n: u64) {
        let message = publish(&self.topic, 1, press(n).as_bytes());
        self.stream.write_all(&message).await.unwrap();
        self.until(PUBACK).await;
    }
}

/// What a fleet did in its time.
struct Stretch {
    rate: f64,
    samples: Samples,
    server: f64,
    generator: f64,
}

/// All clients press for a while, on one thread.
async fn stretch(clients: &mut Vec<Client>, presses: &Presses, pid: u32, time: Duration) -> Stretch {
    let busy = Busy::of(pid);
    let begun = Instant::now();
    let tasks: Vec<_> = clients
        .drain(..)
        .map(|mut client| {
            let presses = presses.clone();
            tokio::task::spawn_local(async move {
                let mut samples = Samples::default();
                while begun.elapsed() < time {
                    let pressed = Instant::now();
                    client.press(presses.next()).await;
                    samples.push(pressed.elapsed());
                }
                (client, samples)
            })
        })
        .collect();
    let mut samples = Samples::default();
    for task in tasks {
        let (client, own) = task.await.unwrap();
        samples.extend(&own);
        clients.push(client);
    }
    let (server, generator) = busy.percent();
    Stretch { rate: samples.len() as f64 / begun.elapsed().as_secs_f64(), samples, server, generator }
}

async fn fleet(stage: &Stage) -> Vec<Client> {
    let mut clients = Vec::with_capacity(CLIENTS);
    for button in stage.buttons(CLIENTS).await {
        clients.push(Client::open(stage.house.ports.mqtt, &login(&button), topic(&button)).await);
    }
    clients
}

/// Runs the goal.
pub(crate) async fn run(plan: &Plan, dir: &Path, memory: Option<&Path>) -> Goal {
    LocalSet::new().run_until(measure(plan, dir, memory)).await
}

async fn measure(plan: &Plan, dir: &Path, memory: Option<&Path>) -> Goal {
    let mut goal = Goal::new("G3", "64 buttons at once, MQTT QoS 1, acknowledged after a FULL commit");
    let stage = Stage::open(dir, "load").await;
    let mosquitto = Mosquitto::start(dir);
    let mut clients = fleet(&stage).await;
    let mut others = Vec::new();
    for n in 0..if mosquitto.is_some() { CLIENTS } else { 0 } {
        let (port, name) = (mosquitto.as_ref().unwrap().port, format!("button{n}"));
        others.push(Client::open(port, &mosquitto::login(&name), format!("kairos/device/{name}/event")).await);
    }
    let free = match memory {
        Some(memory) => Some(Stage::open(memory, "load").await),
        None => None,
    };
    let mut free_clients = match &free {
        Some(stage) => fleet(stage).await,
        None => Vec::new(),
    };
    let (presses, free_presses, theirs) = (Presses::default(), Presses::default(), Presses::default());
    let (mut floor, mut hub, mut in_memory, mut mosquittos) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    stretch(&mut clients, &presses, stage.house.pid(), plan.stretch / 4).await;
    for _ in 0..plan.rounds {
        floor.push(group_commit(dir, CLIENTS, plan.stretch / 2));
        hub.push(stretch(&mut clients, &presses, stage.house.pid(), plan.stretch).await);
        if let Some(free) = &free {
            in_memory.push(stretch(&mut free_clients, &free_presses, free.house.pid(), plan.stretch / 2).await);
        }
        if let Some(mosquitto) = &mosquitto {
            mosquittos.push(stretch(&mut others, &theirs, mosquitto.pid(), plan.stretch / 2).await);
        }
    }
    let rates = |stretches: &[Stretch]| Spread::of(stretches.iter().map(|stretch| stretch.rate));
    let of = |stretches: &[Stretch], figure: fn(&Stretch) -> f64| Spread::of(stretches.iter().map(figure));
    goal.judge("commands a second", "/s", rates(&hub), Bound::AtLeast(10_000.0));
    goal.tell("floor: SQLite alone, 3 rows a command, 64 waiting", "/s", Spread::of(floor.iter().copied()));
    goal.tell("hub ÷ floor", "×", Spread::of(hub.iter().zip(&floor).map(|(hub, floor)| hub.rate / floor)));
    goal.tell("a press, p50", "µs", of(&hub, |stretch| stretch.samples.p50()));
    goal.tell("a press, p99", "µs", of(&hub, |stretch| stretch.samples.percentile(99)));
    goal.tell("the hub keeps busy", "% of a CPU", of(&hub, |stretch| stretch.server));
    goal.tell("the generator keeps busy", "% of a CPU", of(&hub, |stretch| stretch.generator));
    if !in_memory.is_empty() {
        goal.tell("disk-free (tmpfs): commands a second", "/s", rates(&in_memory));
        goal.tell("disk-free: the hub keeps busy", "% of a CPU", of(&in_memory, |stretch| stretch.server));
        goal.tell("disk-free: the generator keeps busy", "% of a CPU", of(&in_memory, |stretch| stretch.generator));
    }
    if !mosquittos.is_empty() {
        goal.tell("Mosquitto, the same presses, from memory", "/s", rates(&mosquittos));
        goal.tell("Mosquitto keeps busy", "% of a CPU", of(&mosquittos, |stretch| stretch.server));
        goal.tell("the generator beside it", "% of a CPU", of(&mosquittos, |stretch| stretch.generator));
    }
    if let Some(free) = free {
        free.close().await;
    }
    stage.close().await;
    goal
}
