//! What goes on beside: names, certificates, the clock, access that ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::unsigned;
use crate::auth::{Auth, Notice, Revoked};
use crate::broker::Broker;
use crate::clock::Clock;
use crate::discovery;
use crate::health::{Board, State};
use crate::http::{self, Hosts, Metrics};
use crate::net::tls::Tls;
use crate::roster::Roster;
use crate::store::{Compacted, Store};
use crate::upstream::Service;

/// How often certificates, answers and histograms are looked after.
const UPKEEP: Duration = Duration::from_secs(60);
/// How long first answers of commands are kept.
const ANSWERS_KEPT: kairos_core::Millis = 90 * 24 * 3_600_000;

/// Where it is said on MQTT how the hub stands with its server.
const STANDING: &str = "kairos/hub/sync";

/// What is said while the machine does not know the time.
const NO_TIME: &str = "this machine does not know the time: its clock is behind what the hub has seen. The hub goes on from \
     the last time it knew; presses are kept, their day may be wrong until the clock is set";

/// Keeps the names the hub answers to, and the board, in step with discovery.
pub(super) async fn follow_names(
    mut names: watch::Receiver<discovery::Names>,
    mut status: watch::Receiver<discovery::Status>,
    hosts: Arc<Hosts>,
    board: Board,
) {
    loop {
        hosts.set_own(&names.borrow_and_update().host());
        board.set("discovery", State::from(&*status.borrow_and_update()));
        let changed = tokio::select! {
            changed = names.changed() => changed,
            changed = status.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

/// Renews the certificate: in time, and when the home reaches the hub by another name or address than before.
pub(super) async fn keep_certificate(
    tls: Arc<Tls>,
    clock: Clock,
    settings: discovery::Settings,
    mut names: watch::Receiver<discovery::Names>,
) {
    // Where discovery is off nobody sends other names, and never will.
    let mut is_told = true;
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    loop {
        let mut present = vec![names.borrow_and_update().host()];
        present.extend(machine.split('.').next().map(|name| format!("{}.local", name.to_ascii_lowercase())));
        let addresses = discovery::lan_addresses(&settings.interfaces, settings.ipv6);
        present.extend(addresses.iter().map(ToString::to_string));
        tls.set_present(present);
        match tls.refresh(unsigned(clock.now())) {
            Ok(true) => tracing::info!("The hub has a new certificate; who trusts its authority trusts it."),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "The certificate could not be renewed; the present one stays."),
        }
        tokio::select! {
            changed = names.changed(), if is_told => is_told = changed.is_ok(),
            () = tokio::time::sleep(UPKEEP) => {}
        }
    }
}

/// Forgets old answers, empties histograms.
pub(super) async fn upkeep(store: Store, metrics: Metrics) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        metrics.upkeep();
        // A hub that cannot write now tries again in a minute.
        let _ = store.forget_answers(store.clock().now() - ANSWERS_KEPT).await;
    }
}

/// Keeps the log short.
pub(super) async fn compact(store: Store, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        match store.tidy_conflicts().await {
            Ok(0) => {}
            Ok(gone) => tracing::info!(gone, "The oldest settled conflicts were removed."),
            Err(_) => tracing::debug!("Settled conflicts could not be removed now."),
        }
        match store.compact().await {
            Ok(done) if done != Compacted::default() => {
                tracing::info!(emptied = done.emptied, renewed = done.renewed, "The log was compacted.");
            }
            Ok(_) => {}
            // The board says what is the matter with the disk; the next round goes on.
            Err(_) => tracing::debug!("The log could not be compacted now."),
        }
    }
}

/// Says on the board whether the machine knows the time.
pub(super) async fn watch_clock(clock: Clock, board: Board) {
    loop {
        board.set("clock", if clock.is_guessing() { State::Degraded(NO_TIME.into()) } else { State::Ok });
        tokio::time::sleep(UPKEEP).await;
    }
}

/// Says on MQTT how the hub stands with its server, to whoever may listen to the hub itself: no more often than each second,
/// since what is retained is saved.
pub(super) async fn tell_standing(upstream: Service, broker: Broker) {
    let mut news = upstream.watch();
    loop {
        let standing = http::told(&news.borrow_and_update(), false).to_string();
        broker.publish(STANDING, standing, 1, true).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        if news.changed().await.is_err() {
            return;
        }
    }
}

/// Ends the connections of devices whose access was taken away.
pub(super) async fn revocations(auth: Auth, broker: Broker, roster: Roster) {
    let mut news = auth.revocations();
    while let Some(notice) = news.next().await {
        match notice {
            Notice::Revoked(Revoked::Device(device)) => broker.disconnect(device.as_str()),
            Notice::Revoked(Revoked::Session(_) | Revoked::Token(_) | Revoked::Scopes(_)) => {}
            Notice::Revoked(Revoked::User(_)) | Notice::AskAgain => {
                for credential in roster.all_here() {
                    if !auth.device_holds(&credential).await {
                        broker.disconnect(&credential);
                    }
                }
            }
        }
    }
}
