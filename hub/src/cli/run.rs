//! `run`: the daemon.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Args;
use tracing_subscriber::EnvFilter;

use super::{Common, complain};
use crate::backup::restart;
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
    let mut signal = std::pin::pin!(signal);
    let mut hub = Hub::start(config, clock.clone()).await.map_err(|error| complain(&error, false))?;
    print!("{}", greeting(&hub.addresses, config.discovery.enabled, hub.auth().setup_code().as_deref()));
    loop {
        let order = tokio::select! {
            biased;
            () = signal.as_mut() => break,
            order = hub.restore_ordered() => order,
        };
        hub = restart::carry_out(hub, order, config, &clock).await.map_err(|error| complain(&error, false))?;
    }
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

/// Tells whoever started it where to go. By name only when the name is announced.
fn greeting(addresses: &Addresses, announced: bool, setup_code: Option<&str>) -> String {
    let Addresses { http, https, mqtt, mqtts } = addresses;
    tracing::info!(%http, https = https.map(|a| a.to_string()), %mqtt, mqtts = mqtts.map(|a| a.to_string()), "Kairos Hub is running.");
    let (everywhere, port) = (http.ip().is_unspecified(), http.port());
    let host = if everywhere { "localhost".to_owned() } else { http.ip().to_string() };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let mut lines = vec!["Kairos Hub is running.".to_owned(), format!("  Open        http://{host}:{port}")];
    if everywhere && announced {
        lines.push(format!("  At home     http://kairos.local:{port}"));
    }
    lines.push(format!("  Buttons     mqtt://{host}:{}", mqtt.port()));
    lines.extend(setup_code.map(|code| format!("  Setup code  {code}")));
    lines.join("\n") + "\n"
}

/// Whether what is written about the hub may have colours: a person looks, and did not ask for none.
fn colours(terminal: bool, no_color: Option<&std::ffi::OsStr>) -> bool {
    terminal && no_color.is_none_or(std::ffi::OsStr::is_empty)
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
    let coloured = colours(std::io::stderr().is_terminal(), std::env::var_os("NO_COLOR").as_deref());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(coloured);
    match config.log.format {
        LogFormat::Text => builder.with_target(false).init(),
        LogFormat::Json => builder.json().init(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(http: &str) -> Addresses {
        let mqtt = "0.0.0.0:1883".parse().unwrap();
        Addresses { http: http.parse().unwrap(), https: None, mqtt, mqtts: None }
    }

    #[test]
    fn a_name_is_told_only_when_it_is_announced() {
        let told = greeting(&at("0.0.0.0:8420"), true, Some("123-456"));
        assert!(told.contains("http://kairos.local:8420\n") && told.ends_with("  Setup code  123-456\n"), "{told}");
        assert!(!greeting(&at("0.0.0.0:8420"), false, None).contains("kairos.local"));
        assert!(!greeting(&at("127.0.0.1:8420"), true, None).contains("kairos.local"));
        assert!(greeting(&at("[::1]:8420"), true, None).contains("  Open        http://[::1]:8420\n"));
    }

    #[test]
    fn colours_are_for_people_who_look() {
        assert!(colours(true, None) && colours(true, Some("".as_ref())));
        assert!(!colours(false, None) && !colours(true, Some("1".as_ref())));
    }
}
