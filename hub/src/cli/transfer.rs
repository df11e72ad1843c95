//! `export` and `import`: a person's data as a file.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::Common;
use super::desk::{absolute, ask, show, text};
use crate::admin::Request;

#[derive(Args)]
pub(super) struct ExportArgs {
    /// The new file.
    file: PathBuf,
    /// Whose data: mail address or id.
    #[arg(long)]
    user: String,
    /// `json` (everything, to come back as it was), `csv` (the days as a table) or `loop` (for Loop Habit Tracker).
    #[arg(long, default_value = "json", value_parser = ["json", "csv", "loop"])]
    format: String,
}

#[derive(Args)]
pub(super) struct ImportArgs {
    /// The file: of Loop, HabitKit, Habitica, HabitBull, Table Habit, beaverhabits, or of `export`.
    file: PathBuf,
    /// Whose data it becomes: mail address or id.
    #[arg(long)]
    user: String,
    /// Only says what would come in.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn export(common: &Common, args: &ExportArgs) -> Result<ExitCode, ExitCode> {
    let file = absolute(common, &args.file)?.display().to_string();
    let request = Request::Export { user: args.user.clone(), format: args.format.clone(), file: file.clone() };
    let answer = ask(common, request)?;
    Ok(show(common, &answer, |_| vec![format!("Wrote {file}.")]))
}

pub(super) fn import(common: &Common, args: &ImportArgs) -> Result<ExitCode, ExitCode> {
    let file = absolute(common, &args.file)?.display().to_string();
    if !common.json && !args.dry_run {
        eprintln!("Reading {}; a large file takes a moment.", args.file.display());
    }
    let answer = ask(common, Request::Import { user: args.user.clone(), file, dry_run: args.dry_run })?;
    Ok(show(common, &answer, told))
}

fn told(answer: &Value) -> Vec<String> {
    let outlook = answer.get("outlook").cloned().unwrap_or_default();
    let count = |name: &str| outlook.get(name).and_then(Value::as_u64).unwrap_or(0);
    let mut lines = vec![format!(
        "{}: {} habits, {} days ({} skips){}.",
        text(&outlook, "source"),
        count("habits"),
        count("entries"),
        count("skips"),
        match (text(&outlook, "first"), text(&outlook, "last")) {
            ("", _) => String::new(),
            (first, last) => format!(", {first} to {last}"),
        }
    )];
    let remarks = outlook.get("remarks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    lines.extend(remarks.iter().filter_map(Value::as_str).map(|remark| format!("  {remark}")));
    if count("more_remarks") > 0 {
        lines.push(format!("  … and {} more remarks.", count("more_remarks")));
    }
    lines.push(match text(answer, "state") {
        "dry_run" => "Nothing was changed; without --dry-run it comes in.".to_owned(),
        "unchanged" => "All of it was here already.".to_owned(),
        _ => format!("It is in. Its id is {}.", text(answer, "id")),
    });
    lines
}
