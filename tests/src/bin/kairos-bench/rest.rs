//! G7: what a hub at rest takes, how soon it is there, and how large its binary is.

use std::path::Path;
use std::time::{Duration, Instant};

use kairos_tests::{House, hub_binary};
use tokio::process::Command;

use crate::Plan;
use crate::figures::{Bound, Goal, Spread};
use crate::mosquitto::{self, Mosquitto, free_port};
use crate::process::memory;
use crate::stage::{Stage, login};
use crate::wire::{Mqtt, Screen, healthy};

/// Buttons and screens of the second look.
const BUTTONS: usize = 50;
const SCREENS: usize = 20;

fn one(figure: f64) -> Spread {
    Spread::of([figure])
}

/// From exec to the first answered request.
async fn start(data_dir: &Path) -> Duration {
    let port = free_port();
    let mut command = House::builder().command(data_dir);
    command.env("KAIROS_DISCOVERY_ENABLED", "true").env("KAIROS_DISCOVERY_INTERFACES", "lo");
    command.env("KAIROS_HTTP_LISTEN", format!("127.0.0.1:{port}"));
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let begun = Instant::now();
    let mut child = command.spawn().unwrap();
    while healthy(port).is_none() {
        assert!(begun.elapsed() < Duration::from_secs(30), "the hub does not start");
        // Looks often, and leaves the processor to the one it waits for.
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    let took = begun.elapsed();
    let pid = child.id().unwrap().to_string();
    Command::new("kill").arg("-TERM").arg(pid).status().await.unwrap();
    child.wait().await.unwrap();
    took
}

/// Runs the goal.
pub(crate) async fn run(plan: &Plan, dir: &Path) -> Goal {
    let mut goal = Goal::new("G7", "At rest: memory, start, size");
    let (mut empty, mut existing) = (Vec::new(), Vec::new());
    for round in 0..plan.starts {
        let data_dir = dir.join(format!("start-{round}"));
        empty.push(start(&data_dir).await.as_secs_f64() * 1000.0);
        existing.push(start(&data_dir).await.as_secs_f64() * 1000.0);
    }
    goal.judge("exec → /health answered, existing database", "ms", Spread::of(existing), Bound::AtMost(50.0));
    goal.judge("exec → /health answered, empty directory", "ms", Spread::of(empty), Bound::AtMost(50.0));

    let house = House::builder()
        .data_dir(&dir.join("rest"))
        .env("KAIROS_DISCOVERY_ENABLED", "true")
        .env("KAIROS_DISCOVERY_INTERFACES", "lo")
        .start()
        .await;
    tokio::time::sleep(plan.settle).await;
    let (rss, pss) = memory(house.pid());
    goal.judge("RSS as started: TLS, mDNS, web on", "MB", one(rss), Bound::AtMost(20.0));
    goal.tell("  its proportional share (PSS)", "MB", one(pss));
    let person = house.set_up().await;
    let stage = Stage { house, person };
    let (ports, pid) = (stage.house.ports, stage.house.pid());
    tokio::time::sleep(plan.settle).await;
    goal.judge("RSS after a person was set up (one password hash)", "MB", one(memory(pid).0), Bound::AtMost(20.0));
    let known = stage.buttons(BUTTONS).await;
    tokio::time::sleep(plan.settle).await;
    goal.tell(format!("RSS with {BUTTONS} habits and devices made over REST"), "MB", one(memory(pid).0));
    let mut buttons = Vec::with_capacity(BUTTONS);
    for button in known {
        let mut client = Mqtt::connect(ports.mqtt, &login(&button));
        for leaf in ["ack", "state"] {
            client.subscribe(&format!("kairos/device/{}/{leaf}", button.device_id));
        }
        buttons.push(client);
    }
    tokio::time::sleep(plan.settle).await;
    goal.tell(format!("RSS with {BUTTONS} buttons connected"), "MB", one(memory(pid).0));
    let screens: Vec<Screen> = (0..SCREENS).map(|_| Screen::open(ports.http, &stage.person.token)).collect();
    tokio::time::sleep(plan.settle).await;
    let (rss, pss) = memory(pid);
    goal.judge(
        format!("RSS with {BUTTONS} buttons and {SCREENS} screens connected"),
        "MB",
        one(rss),
        Bound::AtMost(20.0),
    );
    goal.tell("  its proportional share (PSS)", "MB", one(pss));
    drop((buttons, screens));
    stage.close().await;

    if let Some(mosquitto) = Mosquitto::start(dir) {
        tokio::time::sleep(plan.settle).await;
        goal.tell("Mosquitto's RSS as started", "MB", one(memory(mosquitto.pid()).0));
        let all: Vec<Mqtt> =
            (0..BUTTONS).map(|n| Mqtt::connect(mosquitto.port, &mosquitto::login(&format!("b{n}")))).collect();
        goal.tell(format!("Mosquitto's RSS with {BUTTONS} clients"), "MB", one(memory(mosquitto.pid()).0));
        drop(all);
    }
    let size = std::fs::metadata(hub_binary()).map_or(f64::NAN, |file| file.len() as f64 / 1e6);
    goal.judge("binary, with the web app in it", "MB", one(size), Bound::AtMost(15.0));
    goal
}
