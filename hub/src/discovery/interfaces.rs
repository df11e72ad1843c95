//! Which network interfaces lead into the home.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use if_addrs::Interface;
use mdns_sd::{IfKind, IfPredicate};

/// Interfaces of containers, virtual machines and VPNs: whoever is there is not at home.
const VIRTUAL: &[&str] = &[
    "docker",
    "br-",
    "veth",
    "virbr",
    "vmnet",
    "vboxnet",
    "vnet",
    "lxc",
    "lxd",
    "cni",
    "flannel",
    "cali",
    "podman",
    "tun",
    "tap",
    "wg",
    "ppp",
    "tailscale",
    "zt",
    "utun",
];

/// How long a list of interfaces is good for. The filter is asked once for every address, every few seconds.
const FRESH: Duration = Duration::from_secs(1);

/// One address of one interface, as far as the choice depends on it.
#[derive(Clone, Debug)]
struct Address {
    interface: String,
    index: u32,
    ip: IpAddr,
    loopback: bool,
    point_to_point: bool,
}

/// Returns the names of the interfaces that lead into the home, or those of `wanted` that are there.
pub fn lan_interfaces(wanted: &[String], ipv6: bool) -> Vec<String> {
    choose(&addresses(), wanted, ipv6)
}

/// Returns the addresses under which the home reaches this machine: IPv4 first, then IPv6 if asked for.
pub fn lan_addresses(wanted: &[String], ipv6: bool) -> Vec<IpAddr> {
    let all = addresses();
    let chosen = choose(&all, wanted, ipv6);
    let usable = |address: &&Address| chosen.contains(&address.interface) && (ipv6 || address.ip.is_ipv4());
    let mut ips: Vec<IpAddr> = all.iter().filter(usable).map(|address| address.ip).collect();
    ips.sort();
    ips.dedup();
    ips
}

/// Returns every address of this machine, whatever it leads to.
pub(super) fn own_addresses() -> HashSet<IpAddr> {
    addresses().into_iter().map(|address| address.ip).collect()
}

/// Chooses interfaces, in the order of the system.
///
/// Cable and wireless of one home are both chosen: whoever asks gets both addresses, and one is left when the other goes.
/// (The kernel drops what comes back in by the other interface, so the hub does not take itself for a stranger.)
fn choose(all: &[Address], wanted: &[String], ipv6: bool) -> Vec<String> {
    let mut all: Vec<&Address> = all.iter().filter(|address| ipv6 || address.ip.is_ipv4()).collect();
    all.sort_by_key(|address| address.index);
    let mut chosen: Vec<String> = Vec::new();
    for address in all {
        let name = &address.interface;
        if chosen.contains(name) {
            continue;
        }
        let fits = if wanted.is_empty() {
            !address.loopback && !address.point_to_point && !VIRTUAL.iter().any(|prefix| name.starts_with(prefix))
        } else {
            wanted.contains(name)
        };
        if fits {
            chosen.push(name.clone());
        }
    }
    chosen
}

/// Returns the same choice as a filter for the mDNS daemon, which applies it again whenever addresses change.
pub(super) fn filter(wanted: Vec<String>, ipv6: bool) -> IfKind {
    type Cache = Option<(Instant, Vec<String>)>;
    // A std lock: held for one listing of interfaces, by the daemon's only thread.
    let cache: Arc<Mutex<Cache>> = Arc::default();
    IfKind::Predicate(IfPredicate::new(move |interface: &Interface| {
        if interface.ip().is_ipv6() && !ipv6 {
            return false;
        }
        let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = cache.as_ref().is_some_and(|(at, _)| at.elapsed() < FRESH);
        if !fresh {
            *cache = Some((Instant::now(), lan_interfaces(&wanted, ipv6)));
        }
        cache.as_ref().is_some_and(|(_, names)| names.contains(&interface.name))
    }))
}

fn addresses() -> Vec<Address> {
    // No list means no interface: reported as such, and asked for again.
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces
        .into_iter()
        .filter(Interface::is_oper_up)
        .map(|interface| Address {
            ip: interface.ip(),
            loopback: interface.is_loopback(),
            point_to_point: interface.is_p2p(),
            index: interface.index.unwrap_or(u32::MAX),
            interface: interface.name,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn address(index: u32, interface: &str, ip: &str) -> Address {
        Address {
            interface: interface.to_owned(),
            index,
            ip: ip.parse().unwrap(),
            loopback: interface == "lo",
            point_to_point: false,
        }
    }

    fn home() -> Vec<Address> {
        vec![
            address(1, "lo", "127.0.0.1"),
            address(1, "lo", "::1"),
            address(5, "wlan0", "192.168.1.7"),
            address(2, "eth0", "192.168.1.5"),
            address(2, "eth0", "fe80::5"),
            address(3, "enp4s0", "10.1.0.5"),
            address(6, "docker0", "172.17.0.1"),
            address(7, "br-6b1f", "172.18.0.1"),
            address(8, "veth12ab", "169.254.3.4"),
            address(9, "virbr0", "192.168.122.1"),
            address(10, "tun0", "10.8.0.2"),
            address(11, "six0", "fd00::5"),
            Address { point_to_point: true, ..address(12, "strange0", "10.9.0.1") },
        ]
    }

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn only_what_leads_into_the_home() {
        assert_eq!(choose(&home(), &[], false), ["eth0", "enp4s0", "wlan0"]);
    }

    #[test]
    fn ipv6_only_when_it_is_served() {
        assert_eq!(choose(&home(), &[], true), ["eth0", "enp4s0", "wlan0", "six0"]);
    }

    #[test]
    fn a_list_is_taken_at_its_word() {
        assert_eq!(choose(&home(), &names(&["docker0", "lo", "absent"]), false), ["lo", "docker0"]);
        assert!(choose(&home(), &names(&["absent"]), false).is_empty());
    }
}
