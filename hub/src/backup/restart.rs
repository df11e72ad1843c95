//! A running hub takes a restored database: it ends its connections, stops, and starts again over the other file, in the
//! same process and on the same ports.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::blocking;
use super::fault::Fault;
use super::restore::{Outcome, Prepared, Undo};
use crate::clock::Clock;
use crate::config::Config;
use crate::hub::{Addresses, Hub};
use crate::net::BindError;

/// How long the ports may take to be free again.
const PORTS: Duration = Duration::from_secs(5);

/// A restore that is to be carried out.
pub struct Order {
    /// What takes the database's place.
    pub prepared: Prepared,
    /// Where to tell how it went.
    pub done: oneshot::Sender<Result<Outcome, Fault>>,
}

/// Carries out a restore, and gives the hub that runs then: over the restored database, or over the one that was there
/// when that does not serve.
///
/// # Errors
/// Why no hub could be started any more.
pub async fn carry_out(hub: Hub, order: Order, config: &Config, clock: &Clock) -> anyhow::Result<Hub> {
    tracing::info!("Stopping to restore a backup.");
    let config = &at(config, &hub.addresses);
    hub.stop().await;
    let (prepared, now) = (order.prepared, clock.now());
    let done = blocking(move || prepared.carry_out(now)).await;
    let (hub, told) = match done {
        Ok((outcome, undo)) => match start(config, clock).await {
            Ok(hub) => {
                tracing::info!(
                    changes = outcome.restored.changes,
                    lacks = outcome.missing.changes,
                    "A backup was restored."
                );
                (hub, Ok(outcome))
            }
            Err(error) => back(undo, &error, config, clock).await?,
        },
        Err(fault) => (start(config, clock).await?, Err(fault)),
    };
    if let Err(fault) = &told {
        tracing::warn!(reason = %fault, "The backup was not restored.");
    }
    // Whoever asked may have left; the log has it.
    let _ = order.done.send(told);
    Ok(hub)
}

/// The restored database does not serve: starts over the one it replaced.
async fn back(
    undo: Undo,
    error: &anyhow::Error,
    config: &Config,
    clock: &Clock,
) -> anyhow::Result<(Hub, Result<Outcome, Fault>)> {
    let undone = blocking(move || undo.carry_out()).await?;
    let hub = start(config, clock).await?;
    let what = if undone { "the database that was there serves again" } else { "it is tried again" };
    Ok((
        hub,
        Err(Fault::Unavailable(format!("The hub could not start with the restored database, so {what}. {error}"))),
    ))
}

/// Starts over what is there now. Another program may hold one of the ports for a moment.
async fn start(config: &Config, clock: &Clock) -> anyhow::Result<Hub> {
    let end = Instant::now() + PORTS;
    loop {
        // Boxed: it is larger than what surrounds it, and starts are few.
        match Box::pin(Hub::start(config, clock.clone())).await {
            Err(error) if error.is::<BindError>() && Instant::now() < end => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            started => return started,
        }
    }
}

/// The same settings with the ports that were in use: buttons and phones come back to where they were.
fn at(config: &Config, addresses: &Addresses) -> Config {
    let mut config = config.clone();
    config.http.listen.set_port(addresses.http.port());
    config.mqtt.listen.set_port(addresses.mqtt.port());
    if let Some(https) = addresses.https {
        config.http.https_listen.set_port(https.port());
    }
    if let Some(mqtts) = addresses.mqtts {
        config.mqtt.tls_listen.set_port(mqtts.port());
    }
    config
}
