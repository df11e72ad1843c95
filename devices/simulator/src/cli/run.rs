//! `kairos-simulator run` and `soak`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use kairos_simulator::api::Api;
use kairos_simulator::provision::{CredentialsFile, Device};
use kairos_simulator::schedule::Plan;
use kairos_simulator::{Fleet, FleetConfig, Ledger};

use super::check::{Day, differences};
use super::report::Report;
use super::{HubAddress, Outcome, Usage};

#[derive(Args)]
struct FleetArguments {
    /// The hub's MQTT address.
    #[arg(long, default_value = "127.0.0.1:1883", value_parser = super::hub_address)]
    hub: HubAddress,
    /// The file that `provision` wrote.
    #[arg(long, default_value = "credentials.json")]
    credentials: PathBuf,
    /// How many of its devices to run; all when not given.
    #[arg(long)]
    buttons: Option<usize>,
    /// Draws schedules, outages and duplicates. The same seed gives the same run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Presses each button keeps while the hub does not answer.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    queue: u16,
    /// Restarts lose the queue.
    #[arg(long)]
    no_flash: bool,
    /// Seconds to wait at the end for outstanding answers.
    #[arg(long, default_value_t = 30)]
    settle: u64,
    /// Write what is known of every press to this file, one JSON object a line.
    #[arg(long)]
    ledger: Option<PathBuf>,
    /// Compare with the hub's view of today through this address (needs --token, and credentials from `provision`).
    #[arg(long, requires = "token")]
    api: Option<String>,
    /// A token of `kairos-hub token create`.
    #[arg(long, env = "KAIROS_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    fleet: FleetArguments,
    /// How long buttons are pressed.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Presses a minute on each button.
    #[arg(long, default_value_t = 12.0)]
    presses_per_minute: f64,
    /// Times a minute that each button leaves the hub's reach.
    #[arg(long, default_value_t = 0.0)]
    offline: f64,
    /// How long it stays out of reach, on average.
    #[arg(long, default_value_t = 5.0)]
    offline_seconds: f64,
    /// Restarts a minute of each button.
    #[arg(long, default_value_t = 0.0)]
    reboots: f64,
    /// Share of presses that are sent twice, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    duplicates: f64,
}

#[derive(Args)]
pub(crate) struct SoakArguments {
    #[command(flatten)]
    fleet: FleetArguments,
    /// How long. Ctrl-C ends it early and still settles and reports.
    #[arg(long, default_value_t = 8.0)]
    hours: f64,
    /// Presses a minute on each button.
    #[arg(long, default_value_t = 4.0)]
    presses_per_minute: f64,
    /// Times a minute that each button leaves the hub's reach.
    #[arg(long, default_value_t = 0.1)]
    offline: f64,
    /// How long it stays out of reach, on average.
    #[arg(long, default_value_t = 60.0)]
    offline_seconds: f64,
    /// Restarts a minute of each button.
    #[arg(long, default_value_t = 0.05)]
    reboots: f64,
    /// Share of presses that are sent twice, 0 to 1.
    #[arg(long, default_value_t = 0.05)]
    duplicates: f64,
}

/// How long and how wild.
struct Weather {
    length: Duration,
    progress: Duration,
    plan: Plan,
    duplicates: f64,
}

pub(crate) async fn run(arguments: RunArguments) -> Result<Outcome> {
    let rates = [arguments.presses_per_minute, arguments.offline, arguments.reboots];
    let weather =
        weather(Duration::from_secs(arguments.seconds), rates, arguments.offline_seconds, arguments.duplicates)?;
    weather.play(arguments.fleet).await
}

pub(crate) async fn soak(arguments: SoakArguments) -> Result<Outcome> {
    let hours = within("--hours", arguments.hours, 0.0, 24.0 * 366.0)?;
    let rates = [arguments.presses_per_minute, arguments.offline, arguments.reboots];
    let length = Duration::from_secs_f64(hours * 3600.0);
    let mut weather = weather(length, rates, arguments.offline_seconds, arguments.duplicates)?;
    weather.progress = Duration::from_secs(60);
    weather.play(arguments.fleet).await
}

fn within(name: &str, value: f64, low: f64, high: f64) -> Result<f64, Usage> {
    if value.is_finite() && (low..=high).contains(&value) {
        return Ok(value);
    }
    Err(Usage(format!("{name} is between {low} and {high}.")))
}

fn weather(length: Duration, rates: [f64; 3], offline_seconds: f64, duplicates: f64) -> Result<Weather> {
    let [presses_per_minute, outages_per_minute, reboots_per_minute] = rates;
    let plan = Plan {
        presses_per_minute: within("--presses-per-minute", presses_per_minute, 0.0, 6000.0)?,
        outages_per_minute: within("--offline", outages_per_minute, 0.0, 60.0)?,
        outage_length: Duration::from_secs_f64(within("--offline-seconds", offline_seconds, 0.0, 1e6)?),
        reboots_per_minute: within("--reboots", reboots_per_minute, 0.0, 60.0)?,
        ..Plan::default()
    };
    let duplicates = within("--duplicates", duplicates, 0.0, 1.0)?;
    Ok(Weather { length, progress: Duration::from_secs(5), plan, duplicates })
}

impl Weather {
    async fn play(self, arguments: FleetArguments) -> Result<Outcome> {
        let devices = devices(&arguments)?;
        let api = match (&arguments.api, &arguments.token) {
            (Some(base), Some(token)) => Some(Api::new(base, token).map_err(|error| Usage(error.to_string()))?),
            _ => None,
        };
        let before = match &api {
            Some(api) => Some(Day::now(api).await?),
            None => None,
        };

        let credentials = devices.iter().map(|device| device.credentials.clone()).collect();
        let mut config = FleetConfig::new(arguments.hub.host.clone(), arguments.hub.port, credentials);
        config.seed = arguments.seed;
        config.plan = self.plan.clone();
        config.settings.queue_capacity = usize::from(arguments.queue);
        config.settings.flash = !arguments.no_flash;
        config.settings.duplicates = self.duplicates;
        let fleet = Fleet::start(&config);
        self.press(&fleet).await;
        // After an early end some may still be out of reach.
        for button in fleet.buttons() {
            button.come_back().await;
        }
        eprintln!("settling");
        fleet.drained(Duration::from_secs(arguments.settle)).await;
        let last_error = fleet.buttons().iter().find(|button| button.status().queued > 0);
        let last_error = last_error.and_then(|button| button.status().last_error);
        let ledger = fleet.stop().await;

        let mut report = Report::new(&ledger, devices.len(), self.length, arguments.seed);
        report.last_error = last_error;
        if let (Some(api), Some(before)) = (&api, before) {
            report.differences = Some(differences(&before, &Day::now(api).await?, &devices, &ledger));
        }
        if let Some(path) = &arguments.ledger {
            write_ledger(path, &ledger)?;
        }
        if arguments.json {
            println!("{}", serde_json::to_string(&report)?);
        } else {
            report.print();
        }
        Ok(if report.is_good() { Outcome::Good } else { Outcome::Short })
    }

    /// Lets it happen, saying how it stands now and then, until the end or Ctrl-C.
    async fn press(&self, fleet: &Fleet) {
        let playing = fleet.play(self.length);
        tokio::pin!(playing);
        let mut ticks = tokio::time::interval(self.progress);
        ticks.tick().await;
        loop {
            tokio::select! {
                () = &mut playing => return,
                _ = tokio::signal::ctrl_c() => return,
                _ = ticks.tick() => {
                    let ledger = fleet.ledger();
                    let online = fleet.buttons().iter().filter(|button| button.status().online).count();
                    eprintln!(
                        "{} of {} buttons online, {} presses, {} acknowledged, {} waiting",
                        online,
                        fleet.buttons().len(),
                        ledger.presses.len(),
                        ledger.acknowledged().count(),
                        ledger.unanswered().count()
                    );
                }
            }
        }
    }
}

fn devices(arguments: &FleetArguments) -> Result<Vec<Device>> {
    let mut devices =
        CredentialsFile::read(&arguments.credentials).map_err(|error| Usage(format!("{error:#}")))?.devices;
    let wanted = arguments.buttons.unwrap_or(devices.len());
    if wanted == 0 || wanted > devices.len() {
        let (path, n) = (arguments.credentials.display(), devices.len());
        return Err(Usage(format!("--buttons {wanted}: {path} holds {n} devices.")).into());
    }
    devices.truncate(wanted);
    Ok(devices)
}

fn write_ledger(path: &Path, ledger: &Ledger) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
        for press in &ledger.presses {
            serde_json::to_writer(&mut file, press)?;
            file.write_all(b"\n")?;
        }
        file.flush()
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}
