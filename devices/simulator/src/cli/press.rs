//! `kairos-simulator press`: one press, for a person or a script.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use kairos_simulator::button::Credentials;
use kairos_simulator::{Fleet, FleetConfig, PressError};
use serde_json::json;

use super::{HubAddress, Outcome};

#[derive(Args)]
pub(crate) struct PressArguments {
    /// The hub's MQTT address.
    #[arg(long, default_value = "127.0.0.1:1883", value_parser = super::hub_address)]
    hub: HubAddress,
    /// The device's user name.
    #[arg(long)]
    username: String,
    /// The device's password.
    #[arg(long, env = "KAIROS_DEVICE_PASSWORD", hide_env_values = true)]
    password: String,
    /// The device's id, where it is not its user name.
    #[arg(long)]
    device_id: Option<String>,
    /// Which button of the device.
    #[arg(long, default_value = "1")]
    button: String,
    /// `press`, `double`, `long`, …
    #[arg(long, default_value = "press")]
    event_type: String,
    /// Seconds to wait for the answer.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn press(arguments: PressArguments) -> Result<Outcome> {
    let device_id = arguments.device_id.unwrap_or_else(|| arguments.username.clone());
    let device = Credentials { device_id, username: arguments.username, password: arguments.password };
    let mut config = FleetConfig::new(arguments.hub.host, arguments.hub.port, vec![device]);
    config.settings.press_timeout = Duration::from_secs(arguments.timeout);
    let fleet = Fleet::start(&config);
    let Some(button) = fleet.buttons().first().cloned() else {
        return Ok(Outcome::Short);
    };
    let answer = button.gesture(&arguments.button, &arguments.event_type).await;
    let last_error = button.status().last_error;
    let ledger = fleet.stop().await;
    let pubacked = ledger.presses.iter().any(|press| press.pubacks > 0);
    match answer {
        Ok(acked) => {
            if arguments.json {
                println!("{}", serde_json::to_string(&acked)?);
            } else {
                let habit = acked.habit.map(|habit| format!(" ({})", habit.name)).unwrap_or_default();
                println!("{} {}{habit}, light {}", acked.press_id, acked.result, acked.light);
            }
            Ok(if acked.result.is_saved() { Outcome::Good } else { Outcome::Short })
        }
        Err(error) => {
            // This process ends, and the press with it: nothing stays queued.
            let sentence = match error {
                PressError::NotAnswered(_) if pubacked => "The press was saved (PUBACK), but no answer came".into(),
                PressError::NotAnswered(_) => {
                    format!("No answer: {}", last_error.as_deref().unwrap_or("the hub did not acknowledge the press"))
                }
                other => other.to_string(),
            };
            if arguments.json {
                println!("{}", json!({"error": sentence, "puback": pubacked, "connection": last_error}));
            }
            eprintln!("{sentence}.");
            Ok(Outcome::Short)
        }
    }
}
