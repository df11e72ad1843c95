//! `token`: API tokens for scripts and Home Assistant.

use std::process::ExitCode;

use clap::Subcommand;

use super::Common;
use super::desk::{ask, show, text};
use crate::admin::Request;

#[derive(Subcommand)]
pub(super) enum TokenCommand {
    /// Makes a token and prints it, this once.
    Create {
        /// Whose: mail address or id.
        #[arg(long)]
        user: String,
        /// What it is called.
        #[arg(long, default_value = "Command line")]
        name: String,
    },
}

pub(super) fn run(common: &Common, what: TokenCommand) -> Result<ExitCode, ExitCode> {
    let TokenCommand::Create { user, name } = what;
    let answer = ask(common, Request::TokenCreate { user, name })?;
    Ok(show(common, &answer, |answer| vec![text(answer, "token").to_owned()]))
}
