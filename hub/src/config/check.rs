//! What must hold between settings, once each of them alone is right.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::read::Notes;
use super::{AuthProvider, Config, Size, TlsMode};

/// Checks the configuration as a whole. A value that could not be read stands at its default here.
pub(super) fn whole(config: &Config, notes: &mut Notes) {
    tls(config, notes);
    accounts(config, notes);
    server(config, notes);
    ports(config, notes);
    limits(config, notes);
}

fn tls(config: &Config, notes: &mut Notes) {
    let tls = &config.tls;
    if notes.refused("tls.mode") {
        return;
    }
    for (key, file) in [("tls.cert", &tls.cert), ("tls.key", &tls.key)] {
        match (tls.mode, file) {
            _ if notes.refused(key) => {}
            // Nobody wrote the key; the mode that asks for it stands somewhere.
            (TlsMode::Files, None) => notes.about_beside(key, "tls.mode", "tls.mode files needs a path here"),
            (TlsMode::Files, Some(path)) => {
                if let Err(error) = super::place::open(path) {
                    notes.about(key, format!("{} cannot be opened: {error}", path.display()));
                }
            }
            (TlsMode::Auto | TlsMode::Off, Some(_)) => {
                notes.about(key, "is only used with tls.mode files; set that mode or remove this");
            }
            (TlsMode::Auto | TlsMode::Off, None) => {}
        }
    }
    if tls.require_tls && tls.mode == TlsMode::Off {
        notes.about("tls.require_tls", "needs TLS, but tls.mode is off");
    }
}

fn accounts(config: &Config, notes: &mut Notes) {
    let there = &config.auth.pocketbase;
    if notes.refused("auth.provider") {
        return;
    }
    let set = [
        ("auth.pocketbase.url", there.url.is_some()),
        ("auth.pocketbase.ca", there.ca.is_some()),
        ("auth.pocketbase.admin_email", there.admin_email.is_some()),
        ("auth.pocketbase.admin_password_file", there.admin_password_file.is_some()),
    ];
    if config.auth.provider != AuthProvider::PocketBase {
        for (key, _) in set.iter().filter(|(_, set)| *set) {
            notes.about(key, "is only used with auth.provider pocketbase; set that provider or remove this");
        }
        return;
    }
    if there.url.is_none() && !notes.refused("auth.pocketbase.url") {
        let message = "auth.provider pocketbase needs its address here, such as http://127.0.0.1:8090";
        notes.about_beside("auth.pocketbase.url", "auth.provider", message);
    }
    let (mail, file) = ("auth.pocketbase.admin_email", "auth.pocketbase.admin_password_file");
    match (&there.admin_email, &there.admin_password_file) {
        (Some(_), None) if !notes.refused(file) => notes.about_beside(file, mail, "is needed with admin_email"),
        (None, Some(_)) if !notes.refused(mail) => notes.about_beside(mail, file, "is needed with admin_password_file"),
        _ => {}
    }
    for (key, file) in [("auth.pocketbase.ca", &there.ca), (file, &there.admin_password_file)] {
        if let Some(path) = file
            && let Err(error) = super::place::open(path)
        {
            notes.about(key, format!("{} cannot be opened: {error}", path.display()));
        }
    }
}

fn server(config: &Config, notes: &mut Notes) {
    let there = &config.upstream;
    let only_relays = [
        ("upstream.powersync_url", there.powersync_url.is_some()),
        ("upstream.public_url", there.public_url.is_some()),
        ("upstream.public_ca", there.public_ca.is_some()),
    ];
    for (key, _) in only_relays.into_iter().filter(|(_, set)| *set && !there.relay) {
        notes.about(key, "is only used with upstream.relay; set that or remove this");
    }
    if there.url.is_some() && there.url_file.is_some() {
        notes.about("upstream.url_file", "is one too many beside upstream.url; remove one of the two");
    }
    let files =
        [("upstream.url_file", &there.url_file), ("upstream.ca", &there.ca), ("upstream.public_ca", &there.public_ca)];
    for (key, file) in files {
        if let Some(path) = file
            && let Err(error) = super::place::open(path)
        {
            notes.about(key, format!("{} cannot be opened: {error}", path.display()));
        }
    }
}

fn ports(config: &Config, notes: &mut Notes) {
    let mut listeners = vec![("http.listen", config.http.listen), ("mqtt.listen", config.mqtt.listen)];
    if config.tls.mode != TlsMode::Off {
        listeners.push(("http.https_listen", config.http.https_listen));
        listeners.push(("mqtt.tls_listen", config.mqtt.tls_listen));
    }
    listeners.retain(|(key, _)| !notes.refused(key));
    for (index, (key, address)) in listeners.iter().enumerate() {
        for (other_key, other) in &listeners[..index] {
            if collide(*address, *other) {
                notes.about(key, format!("{address} is already taken by {other_key} ({other})"));
            }
        }
    }
}

/// Tells whether the second of two listeners could not be bound. Port 0 is a new port each time.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() != 0 && a.port() == b.port() && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

fn limits(config: &Config, notes: &mut Notes) {
    let mqtt = &config.mqtt;
    let sizes = Size::kib(1)..=Size::kib(16 * 1024);
    range(notes, "mqtt.max_packet", &mqtt.max_packet, &sizes, ("1KiB", "16MiB"));
    range(notes, "mqtt.max_connections", &mqtt.max_connections, &(1..=100_000), ("1", "100000"));
    range(notes, "mqtt.device_rate", &mqtt.device_rate, &(1..=100_000), ("1", "100000"));
    let waits = Duration::from_millis(100)..=Duration::from_secs(300);
    range(notes, "mqtt.commit_timeout", &mqtt.commit_timeout, &waits, ("100ms", "5m"));
    let backup = &config.store.backup;
    if let Some(period) = backup.every.period() {
        // Each copies and reads the whole database; and the hub tries no sooner again after one that did not work.
        let periods = Duration::from_secs(600)..=Duration::from_secs(366 * 24 * 3600);
        range(notes, "store.backup.every", &period, &periods, ("10m", "366d"));
    }
    range(notes, "store.backup.keep", &backup.keep, &(1..=100_000), ("1", "100000"));
}

fn range<T: PartialOrd>(
    notes: &mut Notes,
    key: &str,
    value: &T,
    allowed: &RangeInclusive<T>,
    (from, to): (&str, &str),
) {
    if !allowed.contains(value) {
        notes.about(key, format!("is outside {from} to {to}"));
    }
}
