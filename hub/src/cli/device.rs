//! `device`: credentials for devices that cannot pair themselves.

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};

use super::Common;
use super::desk::{ask, show, table, text};
use crate::admin::Request;

#[derive(Subcommand)]
pub(super) enum DeviceCommand {
    /// Adds a device and prints its credential, this once.
    Add {
        /// What it is called.
        name: String,
        /// What it is.
        #[arg(long, value_enum)]
        kind: Kind,
        /// Whose: mail address or id.
        #[arg(long)]
        user: String,
    },
    /// Lists the devices.
    List,
    /// Takes a device's access away; its connection ends within a second.
    Revoke {
        /// Its id.
        device: String,
    },
}

/// Kinds that speak the hub's own topics. Others come with their adapters.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Kind {
    /// One or a few buttons.
    Button,
    /// A board with buttons and lights.
    Board,
}

pub(super) fn run(common: &Common, what: DeviceCommand) -> Result<ExitCode, ExitCode> {
    match what {
        DeviceCommand::Add { name, kind, user } => {
            let kind = match kind {
                Kind::Button => "button",
                Kind::Board => "board",
            };
            let answer = ask(common, Request::DeviceAdd { user, name, kind: kind.to_owned() })?;
            Ok(show(common, &answer, |answer| {
                [("Device", "device_id"), ("Username", "username"), ("Password", "password"), ("Topic", "topic")]
                    .map(|(label, name)| format!("{label:9} {}", text(answer, name)))
                    .to_vec()
            }))
        }
        DeviceCommand::List => {
            let answer = ask(common, Request::DeviceList)?;
            let columns = ["device_id", "name", "kind", "status", "user"];
            Ok(show(common, &answer, |answer| table(answer, &columns, "There are no devices yet.")))
        }
        DeviceCommand::Revoke { device } => {
            let answer = ask(common, Request::DeviceRevoke { device })?;
            Ok(show(common, &answer, |answer| vec![format!("Revoked {}.", text(answer, "device_id"))]))
        }
    }
}
