#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use mdns_sd::{DaemonEvent, IfKind, ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo};
use tokio::time::timeout;

use super::*;

/// Far more than anything here takes; only a test that cannot pass waits this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Loopback only, on a UDP port of its own: nothing leaves the machine, and tests do not hear each other.
fn settings() -> Settings {
    let free = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap().local_addr().unwrap().port();
    Settings { interfaces: vec!["lo".to_owned()], port: free, ..Settings::default() }
}

fn announced() -> Announced {
    Announced {
        hub_id: "0198f0aa-0000-7000-8000-000000000001".to_owned(),
        version: "0.1.0".to_owned(),
        http_port: Some(8420),
        https_port: Some(8443),
        mqtt_port: Some(1883),
        mqtts_port: Some(8883),
    }
}

/// Another device on the same network.
fn neighbour(port: u16) -> ServiceDaemon {
    let daemon = ServiceDaemon::new_with_port(port).unwrap();
    daemon.disable_interface(IfKind::All).unwrap();
    daemon.enable_interface("lo").unwrap();
    daemon
}

async fn becomes(status: &mut watch::Receiver<Status>, wanted: impl Fn(&Status) -> bool) -> Status {
    let found = timeout(PATIENCE, status.wait_for(|status| wanted(status))).await;
    found.expect("the status should change").unwrap().clone()
}

async fn resolved(neighbour: &ServiceDaemon, kind: &str, port: u16) -> Box<ResolvedService> {
    let events = neighbour.browse(kind).unwrap();
    let found = async {
        loop {
            match events.recv_async().await.unwrap() {
                ServiceEvent::ServiceResolved(service) if service.get_port() == port => {
                    return service;
                }
                _ => {}
            }
        }
    };
    timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{kind} should be found"))
}

#[test]
fn names_follow_what_the_daemon_settles_on() {
    let mut names = Names::default();
    assert_eq!((names.host().as_str(), names.instance().as_str()), ("kairos.local", "Kairos Hub"));
    assert!(names.adopt("kairos-3.local."));
    assert!(!names.adopt("kairos-2.local."), "another interface settled on less");
    assert!(names.adopt("Kairos Hub (2)._http._tcp.local."));
    assert!(!names.adopt("somebody-9.local.") && !names.adopt("kairos-x.local.") && !names.adopt(""));
    assert_eq!((names.host().as_str(), names.instance().as_str()), ("kairos-3.local", "Kairos Hub (2)"));
}

#[tokio::test]
async fn three_services_are_announced_and_withdrawn() {
    let settings = settings();
    let neighbour = neighbour(settings.port);
    let discovery = Discovery::start(settings, announced());
    becomes(&mut discovery.status(), |status| *status == Status::Ok).await;

    let hub = resolved(&neighbour, "_kairos-hub._tcp.local.", 8420).await;
    assert_eq!(hub.get_fullname(), "Kairos Hub._kairos-hub._tcp.local.");
    assert_eq!(hub.get_hostname(), "kairos.local.");
    assert!(hub.get_addresses_v4().contains(&Ipv4Addr::LOCALHOST));
    let text: BTreeMap<&str, &str> =
        hub.get_properties().iter().map(|property| (property.key(), property.val_str())).collect();
    let expected = [
        ("api", "/api"),
        ("id", "0198f0aa-0000-7000-8000-000000000001"),
        ("mqtt", "1883"),
        ("mqtts", "8883"),
        ("tls", "8443"),
        ("version", "0.1.0"),
    ];
    assert_eq!(text, BTreeMap::from(expected));
    resolved(&neighbour, "_http._tcp.local.", 8420).await;
    resolved(&neighbour, "_mqtt._tcp.local.", 1883).await;

    let events = neighbour.browse("_kairos-hub._tcp.local.").unwrap();
    discovery.stop().await;
    let removed = async { while !matches!(events.recv_async().await.unwrap(), ServiceEvent::ServiceRemoved(..)) {} };
    timeout(PATIENCE, removed).await.expect("a goodbye should come");
    neighbour.shutdown().unwrap();
}

#[tokio::test]
async fn a_hub_whose_names_are_taken_announces_everything_under_the_next_ones() {
    let settings = settings();
    let neighbour = neighbour(settings.port);
    let events = neighbour.monitor().unwrap();
    let taken = ServiceInfo::new("_http._tcp.local.", "Kairos Hub", "kairos.local.", "127.0.0.9", 80, None).unwrap();
    neighbour.register(taken).unwrap();
    let settled = async { while !matches!(events.recv_async().await.unwrap(), DaemonEvent::Announce(..)) {} };
    timeout(PATIENCE, settled).await.expect("the neighbour should be announced");

    let discovery = Discovery::start(settings, announced());
    let mut names = discovery.names();
    let renamed = names.wait_for(|names| names.host() == "kairos-2.local" && names.instance() == "Kairos Hub (2)");
    timeout(PATIENCE, renamed).await.expect("the hub should be renamed").unwrap();
    becomes(&mut discovery.status(), |status| *status == Status::Ok).await;
    for (kind, port) in [("_kairos-hub._tcp.local.", 8420), ("_http._tcp.local.", 8420), ("_mqtt._tcp.local.", 1883)] {
        let service = resolved(&neighbour, kind, port).await;
        assert_eq!(service.get_fullname(), format!("Kairos Hub (2).{kind}"));
        assert_eq!(service.get_hostname(), "kairos-2.local.");
    }
    discovery.stop().await;
    neighbour.shutdown().unwrap();
}

#[tokio::test]
async fn plain_ports_that_are_closed_are_not_announced() {
    let settings = settings();
    let neighbour = neighbour(settings.port);
    let discovery = Discovery::start(settings, Announced { http_port: None, mqtt_port: None, ..announced() });
    let hub = resolved(&neighbour, "_kairos-hub._tcp.local.", 8443).await;
    assert_eq!(hub.get_property_val_str("mqtt"), Some("0"));
    resolved(&neighbour, "_secure-mqtt._tcp.local.", 8883).await;
    discovery.stop().await;
    neighbour.shutdown().unwrap();
}

#[tokio::test]
async fn without_a_network_it_is_degraded_with_the_reason_and_stops_at_once() {
    let settings = Settings { interfaces: vec!["nowhere0".to_owned()], ..settings() };
    let discovery = Discovery::start(settings, announced());
    let mut status = discovery.status();
    let degraded = becomes(&mut status, |status| matches!(status, Status::Degraded(_))).await;
    assert_eq!(degraded.to_string(), "degraded: no interface of discovery.interfaces is up: nowhere0");
    discovery.stop().await;
    assert_eq!(*status.borrow(), Status::Off);
}

/// Time stands still for the hub, so that its patience with the silent daemon passes at once.
#[tokio::test(start_paused = true)]
async fn a_port_held_by_another_program_is_degraded_with_the_reason() {
    let holder = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = holder.local_addr().unwrap().port();
    let discovery = Discovery::start(Settings { port, ..settings() }, announced());
    let degraded = becomes(&mut discovery.status(), |status| matches!(status, Status::Degraded(_))).await;
    let expected = format!("degraded: UDP port {port} cannot be used: Address already in use (os error 98)");
    assert_eq!(degraded.to_string(), expected);
    discovery.stop().await;
}

#[tokio::test]
async fn switched_off_it_is_off() {
    let discovery = Discovery::start(Settings { enabled: false, ..settings() }, announced());
    assert_eq!(*discovery.status().borrow(), Status::Off);
    discovery.stop().await;
}
