//! `backup` and `restore`: the database as one file, beside a running hub or without.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::desk::{absolute, plain, show};
use super::{Common, complain};
use crate::admin::{self, Refusal, Request};
use crate::backup::restore::{Outcome, Plan, prepare};
use crate::backup::{Missing, Stop, readable, verify::Facts, write_stopped};
use crate::clock::Clock;
use crate::config::Config;

#[derive(Args)]
pub(super) struct BackupArgs {
    /// The new file.
    file: PathBuf,
}

#[derive(Args)]
pub(super) struct RestoreArgs {
    /// The backup.
    file: PathBuf,
    /// Does not ask.
    #[arg(long)]
    yes: bool,
}

pub(super) fn backup(common: &Common, args: &BackupArgs) -> Result<ExitCode, ExitCode> {
    let config = common.settings()?;
    let file = absolute(common, &args.file)?;
    let request = Request::Backup { file: file.display().to_string() };
    let answer = ask(common, &config, &request, || {
        let facts = write_stopped(&config.data_dir, &file)?;
        Ok(json!({ "file": file, "holds": facts }))
    })?;
    Ok(show(common, &answer, |answer| {
        let holds = answer.get("holds").map(facts).unwrap_or_default();
        vec![format!("Wrote and checked {}: {holds}.", file.display())]
    }))
}

pub(super) fn restore(common: &Common, args: &RestoreArgs) -> Result<ExitCode, ExitCode> {
    let config = common.settings()?;
    let file = absolute(common, &args.file)?;
    if !args.yes {
        if common.json || !std::io::stdin().is_terminal() {
            complain(&"Nobody is there to be asked: add --yes to replace the hub's database.", common.json);
            return Err(ExitCode::from(2));
        }
        let request = Request::RestorePlan { file: file.display().to_string() };
        let plan =
            ask(common, &config, &request, || Ok(json!(prepare(&config.data_dir, &file, &Stop::default())?.plan())))?;
        if !agreed(&plan, &config.data_dir).map_err(|error| complain(&error, common.json))? {
            println!("Nothing was changed.");
            return Ok(ExitCode::from(1));
        }
    }
    let request = Request::Restore { file: file.display().to_string() };
    let answer = ask(common, &config, &request, || {
        let prepared = prepare(&config.data_dir, &file, &Stop::default())?;
        Ok(json!(prepared.carry_out(Clock::system().now())?.0))
    })?;
    Ok(show(common, &answer, |answer| told(answer, &config.data_dir)))
}

/// Asks the running hub, or does it here when none runs.
fn ask(
    common: &Common,
    config: &Config,
    request: &Request,
    here: impl FnOnce() -> Result<Value, crate::backup::Fault>,
) -> Result<Value, ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| complain(&error, common.json))?;
    let answer = match runtime.block_on(admin::ask(&config.data_dir, request)) {
        Some(answer) => answer,
        None => here().map_err(Refusal::from),
    };
    answer.map_err(|refusal| {
        let code = complain(&refusal.message, common.json);
        if refusal.usage { ExitCode::from(2) } else { code }
    })
}

/// Says what would be replaced, and asks.
fn agreed(plan: &Value, data_dir: &Path) -> std::io::Result<bool> {
    let plan: Plan = serde_json::from_value(plan.clone())?;
    let mut lines = vec![format!("{} holds {}.", plan.file, holds(&plan.restores))];
    match &plan.replaces {
        Some(replaces) => {
            lines.push(format!("It replaces the database in {}, which holds {}.", data_dir.display(), holds(replaces)));
            if replaces.hub_id != plan.restores.hub_id {
                lines
                    .push("It was made by another hub: this one becomes that one, with its people and devices.".into());
            }
        }
        None => lines.push(format!("It becomes the database in {}.", data_dir.display())),
    }
    lines.extend(lacks(&plan.missing));
    lines.push("The replaced database is kept. Everybody signs in anew; buttons and screens stay paired.".into());
    for line in lines {
        println!("{}", plain(&line));
    }
    print!("Restore it? Type yes: ");
    std::io::stdout().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().eq_ignore_ascii_case("yes"))
}

/// Says what was done.
fn told(answer: &Value, data_dir: &Path) -> Vec<String> {
    let Ok(outcome) = serde_json::from_value::<Outcome>(answer.clone()) else { return vec!["Restored.".into()] };
    let mut lines = vec![format!("Restored {}: {}.", outcome.file, holds(&outcome.restored))];
    if let Some(replaced) = &outcome.replaced {
        lines.push(format!("The replaced database is kept as {}.", data_dir.join(replaced).display()));
    }
    lines.extend(lacks(&outcome.missing));
    if let (Some(report), true) = (&outcome.report, outcome.missing.changes > 0) {
        lines.push(format!("All of them are named in {}.", data_dir.join(report).display()));
    }
    lines
}

fn facts(value: &Value) -> String {
    serde_json::from_value(value.clone()).map(|facts| holds(&facts)).unwrap_or_default()
}

fn holds(facts: &Facts) -> String {
    let newest = facts.newest_at.map(|at| format!(", the newest of {}", readable(at))).unwrap_or_default();
    let changes = if facts.changes == 1 { "change" } else { "changes" };
    format!("{} {changes}{newest}", facts.changes)
}

/// What was written since the backup, by table.
fn lacks(missing: &Missing) -> Vec<String> {
    if let Some(reason) = &missing.unreadable {
        return vec![format!("What was written since the backup cannot be named: {reason}.")];
    }
    if missing.changes == 0 {
        return vec!["Nothing was written since the backup.".into()];
    }
    let mut lines = vec!["Written since the backup, and not in it:".to_owned()];
    for lack in &missing.rows {
        let ids = lack.ids.join(", ");
        let more = if lack.ids.len() < lack.count { ", …" } else { "" };
        lines.push(format!(
            "  {}: {}, the newest of {}: {ids}{more}",
            lack.table,
            lack.count,
            readable(lack.newest_at)
        ));
    }
    lines
}
