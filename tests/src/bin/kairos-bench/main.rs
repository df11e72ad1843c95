//! Measures the hub beside what it stands on, in one run: the disk, bare SQLite, and Mosquitto.
//!
//! `just bench [--quick] [--long] [--json] [--only G1,G3] [--dir DIR]`; `--long` takes what needs minutes, too. Ratios are what counts: floor and product take
//! turns, each ratio is taken within a round, and the median of the rounds is told with the smallest and the
//! largest. Nothing here is a test: a goal that is short is printed as short, and the run succeeds.
//! docs/PERFORMANCE.md explains each figure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::cast_precision_loss)]

mod fanout;
mod figures;
mod floor;
mod history;
mod latency;
mod load;
mod mosquitto;
mod process;
mod rest;
mod stage;
mod sync;
mod upstream;
mod wire;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use figures::Goal;
use serde_json::json;
use tempfile::TempDir;

/// How much is measured.
#[derive(Debug)]
struct Plan {
    rounds: usize,
    /// Operations before the first round, for each contender of a race.
    warm_up: usize,
    /// Turns of each contender in a round, and the time after which a round ends early.
    turns: usize,
    round: Duration,
    /// How long a fleet presses.
    stretch: Duration,
    fan_rounds: usize,
    fan_presses: usize,
    starts: usize,
    /// How long a hub rests before it is weighed.
    settle: Duration,
    /// How many files of a hundred thousand days come in.
    years: usize,
}

impl Plan {
    fn full() -> Self {
        Self {
            rounds: 5,
            warm_up: 200,
            turns: 30,
            round: Duration::from_secs(8),
            stretch: Duration::from_secs(4),
            fan_rounds: 3,
            fan_presses: 40,
            starts: 11,
            settle: Duration::from_secs(5),
            years: 10,
        }
    }

    fn quick() -> Self {
        Self {
            rounds: 3,
            warm_up: 50,
            turns: 6,
            round: Duration::from_secs(2),
            stretch: Duration::from_millis(1500),
            fan_rounds: 1,
            fan_presses: 15,
            starts: 3,
            settle: Duration::from_secs(1),
            years: 1,
        }
    }
}

/// What was asked for on the command line.
struct Asked {
    quick: bool,
    long: bool,
    json: bool,
    only: Option<Vec<String>>,
    dir: PathBuf,
}

impl Asked {
    fn read() -> Result<Self, String> {
        let dir = kairos_tests::workspace().join("target");
        let mut asked = Self { quick: false, long: false, json: false, only: None, dir };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} wants a value"));
            match argument.as_str() {
                "--quick" => asked.quick = true,
                "--long" => asked.long = true,
                "--json" => asked.json = true,
                "--only" => asked.only = Some(value()?.split(',').map(str::to_ascii_uppercase).collect()),
                "--dir" => asked.dir = value()?.into(),
                _ => {
                    return Err(
                        "kairos-bench [--quick] [--long] [--json] [--only G1,G2,G3,G4,G5,G6,G7,G8] [--dir DIR]"
                            .to_owned(),
                    );
                }
            }
        }
        Ok(asked)
    }

    fn wants(&self, goals: &[&str]) -> bool {
        self.only.as_ref().is_none_or(|only| goals.iter().any(|goal| only.iter().any(|wanted| wanted == goal)))
    }
}

fn main() -> ExitCode {
    let asked = match Asked::read() {
        Ok(asked) => asked,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::from(2);
        }
    };
    if let Err(reason) = build() {
        eprintln!("kairos-bench: {reason}");
        return ExitCode::FAILURE;
    }
    // reqwest, of the fixture, asks for one even where everything is plain.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let measured = runtime.block_on(async {
        tokio::select! {
            goals = measure(&asked) => Some(goals),
            // Everything is given back as the run is dropped: hubs, brokers, directories.
            _ = tokio::signal::ctrl_c() => None,
        }
    });
    if measured.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Builds the hub as it is shipped, when cargo runs the bench: nobody measures yesterday's.
fn build() -> Result<(), String> {
    let Some(cargo) = std::env::var_os("CARGO").filter(|_| std::env::var_os("KAIROS_HUB_BIN").is_none()) else {
        return Ok(());
    };
    let built = Command::new(cargo)
        .args(["build", "--release", "--quiet", "-p", "kairos-hub"])
        .current_dir(kairos_tests::workspace())
        .status();
    match built {
        Ok(status) if status.success() => Ok(()),
        _ => Err("the hub could not be built".to_owned()),
    }
}

async fn measure(asked: &Asked) {
    let begun = Instant::now();
    let plan = if asked.quick { Plan::quick() } else { Plan::full() };
    let disk = directory(&asked.dir);
    let memory = process::shared_memory().map(|dir| directory(&dir));
    let (dir, memory) = (disk.path(), memory.as_ref().map(TempDir::path));
    let load = process::load();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    if !asked.json {
        println!(
            "Kairos Hub beside its floors: {processors} processors, load {load}, {} at {}",
            process::file_system(dir),
            asked.dir.display()
        );
        println!("Median of the rounds (smallest – largest).");
        if process::busy(processors) {
            println!(
                "This machine is busy: who waits for the disk then waits for a processor too, floors most of all."
            );
        }
    }
    let mut goals: Vec<Goal> = Vec::new();
    let mut tell = |goal: Goal| {
        if !asked.json {
            goal.print();
        }
        goals.push(goal);
    };
    if asked.wants(&["G1", "G2"]) {
        latency::run(&plan, dir, memory).await.into_iter().for_each(&mut tell);
    }
    if asked.wants(&["G3"]) {
        tell(load::run(&plan, dir, memory).await);
    }
    if asked.wants(&["G4"]) {
        tell(fanout::run(&plan, dir, memory).await);
    }
    if asked.wants(&["G5"]) {
        tell(sync::run(&plan, dir).await);
    }
    if asked.wants(&["G6"]) {
        tell(upstream::run(&plan, dir, asked.long).await);
    }
    if asked.wants(&["G7"]) {
        tell(rest::run(&plan, dir).await);
    }
    if asked.wants(&["G8"]) {
        tell(history::run(&plan, dir, plan.years).await);
    }
    let took = begun.elapsed().as_secs();
    if asked.json {
        let goals: Vec<_> = goals.iter().map(Goal::json).collect();
        let report = json!({ "processors": processors, "load": load, "load_after": process::load(), "seconds": took, "quick": asked.quick, "goals": goals });
        println!("{report:#}");
    } else {
        println!("\n{took} s; load afterwards {}", process::load());
    }
}

/// A directory of the run's own, which goes when it ends.
fn directory(base: &Path) -> TempDir {
    tempfile::Builder::new().prefix("kairos-bench-").tempdir_in(base).unwrap()
}
