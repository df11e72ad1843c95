//! The command line. Exit codes: 0 done, 1 it did not work, 2 wrong usage or settings.

mod backup;
mod config;
mod desk;
mod device;
mod doctor;
mod health;
mod run;
mod setup_code;
mod token;
mod transfer;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, Override, environment};

/// A home hub for habits.
#[derive(Parser)]
#[command(name = "kairos-hub", version, about, subcommand_negates_reqs = true)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    run: run::RunArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What every command takes.
#[derive(Args, Clone)]
pub(crate) struct Common {
    /// The settings; config.yaml here, or the built-in defaults, when absent.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the data lives.
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Answers in JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the hub (also without any command).
    Run(run::RunArgs),
    /// Looks at the settings.
    Config {
        #[command(subcommand)]
        what: config::ConfigCommand,
    },
    /// Asks the running hub how it is.
    Health,
    /// Looks for what may be wrong with the hub, its machine and its server, and says what to do about it.
    Doctor,
    /// Looks after accounts.
    User {
        #[command(subcommand)]
        what: user::UserCommand,
    },
    /// Makes API tokens.
    Token {
        #[command(subcommand)]
        what: token::TokenCommand,
    },
    /// Looks after devices.
    Device {
        #[command(subcommand)]
        what: device::DeviceCommand,
    },
    /// Copies the database into a new file, also while the hub runs.
    Backup(backup::BackupArgs),
    /// Puts a backup in the database's place; the replaced one is kept.
    Restore(backup::RestoreArgs),
    /// Writes a person's data into a new file.
    Export(transfer::ExportArgs),
    /// Takes a person's data in from a file, all of it or nothing.
    Import(transfer::ImportArgs),
    /// Shows the setup code of a hub that nobody has set up yet, and prepares one where there is none.
    SetupCode(setup_code::SetupCodeArgs),
}

impl Common {
    /// Reads the settings; says every mistake and which exit code follows.
    pub(crate) fn settings(&self) -> Result<Config, ExitCode> {
        let overrides: Vec<Override> = self
            .data_dir
            .iter()
            .map(|dir| Override { key: "store.data_dir", value: dir.display().to_string(), from: "--data-dir" })
            .collect();
        Config::load(self.config.as_deref(), environment(), &overrides).map_err(|mistakes| {
            config::report(&mistakes, self.json);
            ExitCode::from(2)
        })
    }
}

/// Reads the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let done = match cli.command {
        None => run::run(&cli.common, &cli.run),
        Some(Command::Run(args)) => run::run(&cli.common, &args),
        Some(Command::Config { what }) => config::run(&cli.common, &what),
        Some(Command::Health) => health::run(&cli.common),
        Some(Command::Doctor) => doctor::run(&cli.common),
        Some(Command::Export(args)) => transfer::export(&cli.common, &args),
        Some(Command::Import(args)) => transfer::import(&cli.common, &args),
        Some(Command::User { what }) => user::run(&cli.common, what),
        Some(Command::Token { what }) => token::run(&cli.common, what),
        Some(Command::Device { what }) => device::run(&cli.common, what),
        Some(Command::Backup(args)) => backup::backup(&cli.common, &args),
        Some(Command::Restore(args)) => backup::restore(&cli.common, &args),
        Some(Command::SetupCode(args)) => setup_code::run(&cli.common, &args),
    };
    done.unwrap_or_else(|code| code)
}

/// Says what did not work, in one line.
pub(crate) fn complain(error: &dyn std::fmt::Display, json: bool) -> ExitCode {
    if json {
        println!("{}", serde_json::json!({ "error": error.to_string() }));
    } else {
        eprintln!("kairos-hub: {error}");
    }
    ExitCode::from(1)
}
