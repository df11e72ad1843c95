//! `kairos-simulator provision`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use kairos_simulator::api::Api;
use kairos_simulator::fleet::MAX_DEVICES;
use kairos_simulator::provision::{self as make, Binding, CredentialsFile, Order};
use serde_json::json;

use super::{ApiArguments, Outcome, Usage};

#[derive(Args)]
pub(crate) struct ProvisionArguments {
    #[command(flatten)]
    api: ApiArguments,
    /// How many devices.
    #[arg(long, default_value_t = 50)]
    buttons: usize,
    /// How many habits the devices share in turn; one each when not given.
    #[arg(long)]
    habits: Option<usize>,
    /// What a press does.
    #[arg(long, value_enum, default_value_t = ActionArgument::Add)]
    action: ActionArgument,
    /// What the names of habits and devices begin with.
    #[arg(long, default_value = "Simulated")]
    prefix: String,
    /// Where the credentials go; the file must not exist yet and is readable by its owner only.
    #[arg(long, default_value = "credentials.json")]
    out: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum ActionArgument {
    /// Add one to the day's value.
    Add,
    /// Complete the day.
    Complete,
}

pub(crate) async fn provision(arguments: ProvisionArguments) -> Result<Outcome> {
    let habits = arguments.habits.unwrap_or(arguments.buttons);
    if !(1..=MAX_DEVICES).contains(&arguments.buttons) || !(1..=arguments.buttons).contains(&habits) {
        let sentence = format!("--buttons is 1 to {MAX_DEVICES}, and --habits 1 to the number of buttons.");
        return Err(Usage(sentence).into());
    }
    if arguments.out.exists() {
        let path = arguments.out.display();
        return Err(Usage(format!("{path} exists; its passwords are kept nowhere else. Choose another --out.")).into());
    }
    let api = Api::new(&arguments.api.api, &arguments.api.token).map_err(|error| Usage(error.to_string()))?;
    let order = Order {
        buttons: arguments.buttons,
        habits,
        binding: match arguments.action {
            ActionArgument::Add => Binding::Add,
            ActionArgument::Complete => Binding::Complete,
        },
        prefix: arguments.prefix,
    };
    let mut made = CredentialsFile::default();
    let finished = make::provision(&api, &order, &mut made, |done| {
        if done % 10 == 0 || done == order.buttons {
            eprintln!("{done} of {} buttons made", order.buttons);
        }
    })
    .await;
    // Written even when the hub stopped halfway: these devices exist, and their passwords are shown only once.
    if finished.is_ok() || !made.devices.is_empty() {
        made.write_new(&arguments.out)?;
        let (count, path) = (made.devices.len(), arguments.out.display().to_string());
        if arguments.json {
            println!("{}", json!({"devices": count, "habits": habits, "credentials": path}));
        } else {
            println!("{count} devices in {path}");
        }
    }
    finished.map(|()| Outcome::Good)
}
