//! `run`: the daemon.

use std::process::ExitCode;

use clap::Args;
use tracing_subscriber::EnvFilter;

use super::{Common, complain};
use crate::clock::Clock;
use crate::config::{Config, LogFormat};
use crate::hub::{Addresses, Hub};

/// What only `run` takes.
#[derive(Args, Clone)]
pub(super) struct RunArgs {
    /// Starts the hub's clock at this time (2026-03-29T00:59:00Z), for tests.
    #[arg(long, value_name = "TIME", hide = true)]
    clock: Option<String>,
}

pub(super) fn run(common: &Common, args: &RunArgs) -> Result<ExitCode, ExitCode> {
    let config = common.settings()?;
    let clock = match &args.clock {
        None => Clock::system(),
        Some(text) => match kairos_core::day::parse_instant(text) {
            Some(now) => Clock::starting_at(now),
            None => {
                eprintln!("kairos-hub: --clock is a time such as 2026-03-29T00:59:00Z.");
                return Err(ExitCode::from(2));
            }
        },
    };
    start_logging(&config);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| complain(&error, false))?;
    runtime.block_on(serve(&config, clock))
}

async fn serve(config: &Config, clock: Clock) -> Result<ExitCode, ExitCode> {
    let signal = stop_signal().map_err(|error| complain(&error, false))?;
    let hub = Hub::start(config, clock).await.map_err(|error| complain(&error, false))?;
    greet(&hub);
    signal.await;
    tracing::info!("Stopping.");
    hub.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Listens for SIGTERM and SIGINT from now on: one that comes while the hub starts is not lost.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}

/// Tells whoever started it where to go.
fn greet(hub: &Hub) {
    let Addresses { http, https, mqtt, mqtts } = &hub.addresses;
    tracing::info!(%http, https = https.map(|a| a.to_string()), %mqtt, mqtts = mqtts.map(|a| a.to_string()), "Kairos Hub is running.");
    println!("Kairos Hub is running.");
    let host = if http.ip().is_unspecified() { "localhost".to_owned() } else { http.ip().to_string() };
    println!("  Open        http://{host}:{}", http.port());
    if http.ip().is_unspecified() {
        println!("  At home     http://kairos.local:{}", http.port());
    }
    println!("  Buttons     mqtt://{host}:{}", mqtt.port());
    if let Some(code) = hub.auth().setup_code() {
        println!("  Setup code  {code}");
    }
}

fn start_logging(config: &Config) {
    let mut filter = EnvFilter::try_new(config.log.directives()).unwrap_or_else(|_| EnvFilter::new("info"));
    // Libraries that would write out what passes through them: topics, headers, tokens. At no level.
    for library in [
        "mqtt5",
        "mqtt5_protocol",
        "hyper",
        "hyper_util",
        "tungstenite",
        "tokio_tungstenite",
        "rustls",
        "mdns_sd",
        "axum",
        "tower_http",
    ] {
        if let Ok(directive) = format!("{library}=error").parse() {
            filter = filter.add_directive(directive);
        }
    }
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.log.format {
        LogFormat::Text => builder.with_target(false).init(),
        LogFormat::Json => builder.json().init(),
    }
}
