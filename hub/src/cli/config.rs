//! `config check` and `config show`.

use std::process::ExitCode;

use clap::Subcommand;

use super::Common;
use crate::config::Mistake;

#[derive(Subcommand)]
pub(super) enum ConfigCommand {
    /// Reports every mistake with its line.
    Check,
    /// Prints the settings in force, secrets masked.
    Show,
}

pub(super) fn run(common: &Common, what: &ConfigCommand) -> Result<ExitCode, ExitCode> {
    let config = common.settings()?;
    match (what, common.json) {
        (ConfigCommand::Check, true) => println!("{}", serde_json::json!({ "ok": true, "file": config.file })),
        (ConfigCommand::Check, false) => match &config.file {
            Some(file) => println!("{} is fine.", file.display()),
            None => println!("There is no configuration file; the defaults serve."),
        },
        (ConfigCommand::Show, true) => println!("{}", config.show_json()),
        (ConfigCommand::Show, false) => print!("{}", config.show_yaml()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Says every mistake, in the order of the file.
pub(super) fn report(mistakes: &[Mistake], json: bool) {
    if json {
        let list: Vec<_> = mistakes
            .iter()
            .map(|mistake| serde_json::json!({ "line": mistake.line, "column": mistake.column, "key": mistake.key, "message": mistake.message }))
            .collect();
        println!("{}", serde_json::json!({ "ok": false, "mistakes": list }));
        return;
    }
    let count = mistakes.len();
    eprintln!("kairos-hub: the settings have {count} mistake{}:", if count == 1 { "" } else { "s" });
    for mistake in mistakes {
        eprintln!("  {mistake}");
    }
}
