//! The command line. Results go to standard output, progress to standard error.

mod check;
mod press;
mod provision;
mod report;
mod run;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

/// A fleet of simulated buttons for Kairos Hub.
///
/// Exit codes: 0 everything was answered, 1 it was not, 2 wrong usage.
#[derive(Parser)]
#[command(version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Lets a fleet be pressed for a while and says what became of every press.
    Run(run::RunArguments),
    /// The same for hours, with outages, restarts and duplicates unless told otherwise.
    Soak(run::SoakArguments),
    /// One press; prints the hub's answer.
    Press(press::PressArguments),
    /// Makes devices, habits and bindings through the REST API and writes their credentials to a file.
    Provision(provision::ProvisionArguments),
}

/// How a command ended when nothing went wrong with the command itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As hoped.
    Good,
    /// Not all that was hoped for; it has been printed.
    Short,
}

/// Wrong usage: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// The hub's REST API and who asks it.
#[derive(Args, Clone)]
struct ApiArguments {
    /// The hub's address.
    #[arg(long, default_value = "http://127.0.0.1:8420")]
    api: String,
    /// A token of `kairos-hub token create`.
    #[arg(long, env = "KAIROS_TOKEN", hide_env_values = true)]
    token: String,
}

/// Host and port of the MQTT listener.
#[derive(Clone)]
struct HubAddress {
    host: String,
    port: u16,
}

fn hub_address(text: &str) -> Result<HubAddress, String> {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, "1883"));
    let port = port.parse().map_err(|_| "give host:port, such as 127.0.0.1:1883".to_owned())?;
    if host.is_empty() {
        return Err("give host:port, such as 127.0.0.1:1883".into());
    }
    Ok(HubAddress { host: host.to_owned(), port })
}

pub(crate) async fn run(arguments: Arguments) -> Result<Outcome> {
    match arguments.command {
        Command::Run(arguments) => run::run(arguments).await,
        Command::Soak(arguments) => run::soak(arguments).await,
        Command::Press(arguments) => press::press(arguments).await,
        Command::Provision(arguments) => provision::provision(arguments).await,
    }
}
