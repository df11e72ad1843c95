//! `setup-code`: lets the first administrator in.

use std::process::ExitCode;

use clap::Args;

use super::Common;
use super::desk::{ask, show, text};
use crate::admin::Request;

#[derive(Args)]
pub(super) struct SetupCodeArgs {
    /// Makes a new code, with ten tries.
    #[arg(long)]
    renew: bool,
}

pub(super) fn run(common: &Common, args: &SetupCodeArgs) -> Result<ExitCode, ExitCode> {
    let answer = ask(common, Request::SetupCode { renew: args.renew })?;
    Ok(show(common, &answer, |answer| vec![text(answer, "setup_code").to_owned()]))
}
