//! Who may come in: bounds per address and in total, and how long a peer may take to introduce itself.
//!
//! A connection is *pending* until its handshake (TLS, CONNECT, a request's head) is done. Silence is what an
//! attacker has most of, so a newcomer is never turned away for the sake of a silent peer: where a pending bound is
//! reached the oldest pending connection of that address is closed instead, and where the total is reached, the
//! oldest pending one of all. A host of IPv6 has a whole network of addresses, so it is that network that counts.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Bounds of one listener, or of several that share an [`Admission`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all; beyond, a pending connection makes room or the newcomer is closed.
    pub connections: usize,
    /// Connections of one address; beyond, the newcomer is closed.
    pub per_address: usize,
    /// Connections of one address still in their handshake; beyond, the oldest of them is closed.
    pub pending_per_address: usize,
    /// As `per_address`, for loopback, where reverse proxies and tests live.
    pub loopback: usize,
    /// As `pending_per_address`, where many may share what counts as one address: loopback, and a network of IPv6.
    pub pending_shared: usize,
    /// Time for the whole handshake, from accept on.
    pub handshake: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self::of(1000)
    }
}

impl Limits {
    /// Bounds for this many connections, of which one address may have half at most and loopback all.
    #[must_use]
    pub fn of(connections: usize) -> Self {
        let half = (connections / 2).max(16);
        Self {
            connections,
            per_address: half.min(256),
            pending_per_address: 16,
            loopback: connections,
            pending_shared: half.min(512),
            handshake: Duration::from_secs(5),
        }
    }

    /// How many connections an address may have, and how many of them in their handshake.
    fn of_address(&self, address: IpAddr) -> (usize, usize) {
        match address {
            _ if address.is_loopback() => (self.loopback, self.pending_shared),
            IpAddr::V6(_) => (self.per_address, self.pending_shared),
            IpAddr::V4(_) => (self.per_address, self.pending_per_address),
        }
    }
}

/// What counts as one address: an IPv4 address on whichever socket, or the /64 a host of IPv6 chooses from.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        other => other,
    }
}

/// The table of open connections. Cheap to clone; clones share it.
#[derive(Debug, Clone)]
pub struct Admission {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limits: Limits,
    // Held for a few map operations and never across an await.
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    open: HashMap<u64, IpAddr>,
    addresses: HashMap<IpAddr, Address>,
    // In order of arrival, so that the oldest is first.
    pending: BTreeMap<u64, CancellationToken>,
}

#[derive(Debug, Default)]
struct Address {
    open: usize,
    pending: VecDeque<u64>,
}

/// Why a connection was not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Every slot is taken by an established connection.
    #[error("all connections are in use")]
    Total,
    /// This address has as many connections as it may have.
    #[error("this address has too many connections")]
    Address,
}

/// Why a handshake ended without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfinished {
    /// The peer took longer than [`Limits::handshake`].
    #[error("the handshake took too long")]
    TimedOut,
    /// The peer was the oldest silent one when a slot was needed.
    #[error("closed to make room for another connection")]
    Displaced,
}

impl Admission {
    /// An empty table with these bounds.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { shared: Arc::new(Shared { limits, table: Mutex::default() }) }
    }

    /// The bounds in force.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.shared.limits
    }

    /// Connections that hold a slot now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.table().open.len()
    }

    /// Takes a slot for `peer`, in its handshake from now on.
    ///
    /// # Errors
    ///
    /// When the address or the whole table is full of established connections.
    pub fn admit(&self, peer: SocketAddr) -> Result<Permit, Full> {
        let address = network(peer.ip());
        let limits = self.shared.limits;
        let (most, most_pending) = limits.of_address(address);
        let mut table = self.shared.table();
        let (open, pending, oldest) = table.of(address);
        if pending >= most_pending || open >= most {
            match oldest {
                Some(id) => table.displace(id),
                None => return Err(Full::Address),
            }
        }
        if table.open.len() >= limits.connections {
            match table.pending.keys().next().copied() {
                Some(id) => table.displace(id),
                None => return Err(Full::Total),
            }
        }
        let id = table.next;
        table.next += 1;
        let displaced = CancellationToken::new();
        table.open.insert(id, address);
        table.addresses.entry(address).or_default().open += 1;
        table.unsettle(id, address, &displaced);
        drop(table);
        Ok(Permit { shared: Arc::clone(&self.shared), id, displaced, deadline: Instant::now() + limits.handshake })
    }
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        // The table is whole between any two statements that could panic.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// How many connections an address has, how many of them are pending, and the oldest of those.
    fn of(&self, address: IpAddr) -> (usize, usize, Option<u64>) {
        self.addresses.get(&address).map_or((0, 0, None), |a| (a.open, a.pending.len(), a.pending.front().copied()))
    }

    fn unsettle(&mut self, id: u64, address: IpAddr, displaced: &CancellationToken) {
        self.pending.insert(id, displaced.clone());
        self.addresses.entry(address).or_default().pending.push_back(id);
    }

    fn settle(&mut self, id: u64) {
        if self.pending.remove(&id).is_some()
            && let Some(entry) = self.open.get(&id).and_then(|address| self.addresses.get_mut(address))
        {
            entry.pending.retain(|other| *other != id);
        }
    }

    /// Gives the slot back at once; the connection's own task ends a moment later.
    fn displace(&mut self, id: u64) {
        if let Some(token) = self.pending.get(&id) {
            token.cancel();
        }
        self.release(id);
    }

    fn release(&mut self, id: u64) {
        self.settle(id);
        let Some(address) = self.open.remove(&id) else {
            return;
        };
        if let Some(entry) = self.addresses.get_mut(&address) {
            entry.open -= 1;
            if entry.open == 0 {
                self.addresses.remove(&address);
            }
        }
    }
}

/// A slot of the table; dropping it gives the slot back.
#[derive(Debug)]
pub struct Permit {
    shared: Arc<Shared>,
    id: u64,
    displaced: CancellationToken,
    deadline: Instant,
}

impl Permit {
    /// Runs one step of the handshake. All steps of a connection share one deadline.
    ///
    /// # Errors
    ///
    /// When the time is up or the slot went to a newcomer.
    pub async fn handshake<F: Future>(&self, step: F) -> Result<F::Output, Unfinished> {
        tokio::select! {
            biased;
            () = self.displaced.cancelled() => Err(Unfinished::Displaced),
            done = tokio::time::timeout_at(self.deadline, step) => done.map_err(|_| Unfinished::TimedOut),
        }
    }

    /// The peer has introduced itself: from now on nothing displaces it. False when it was displaced before.
    #[must_use]
    pub fn established(&self) -> bool {
        self.shared.table().settle(self.id);
        !self.displaced.is_cancelled()
    }

    /// The peer has to introduce itself once more, as on a websocket: it is pending again until it is
    /// [`Permit::established`] anew, and makes room as others do.
    pub fn unsettle(&self) {
        let mut table = self.shared.table();
        let Some(address) = table.open.get(&self.id).copied() else { return };
        table.settle(self.id);
        let (_, most_pending) = self.shared.limits.of_address(address);
        if let (_, pending, Some(oldest)) = table.of(address)
            && pending >= most_pending
        {
            table.displace(oldest);
        }
        table.unsettle(self.id, address, &self.displaced);
    }

    /// Ends when the slot goes to a newcomer.
    pub fn displaced(&self) -> WaitForCancellationFutureOwned {
        self.displaced.clone().cancelled_owned()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.table().release(self.id);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn limits() -> Limits {
        Limits {
            connections: 6,
            per_address: 3,
            pending_per_address: 2,
            loopback: 5,
            pending_shared: 5,
            ..Limits::default()
        }
    }

    fn peer(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_silent_peer_makes_room_for_the_next_one_of_its_address() {
        let admission = Admission::new(limits());
        let first = admission.admit(peer("10.0.0.1:1")).unwrap();
        let _second = admission.admit(peer("10.0.0.1:2")).unwrap();
        let _other = admission.admit(peer("10.0.0.2:1")).unwrap();
        let _third = admission.admit(peer("10.0.0.1:3")).unwrap();
        assert_eq!(first.handshake(std::future::pending::<()>()).await, Err(Unfinished::Displaced));
        assert!(!first.established());
        assert_eq!(admission.open(), 3);
        drop(first);
        assert_eq!(admission.open(), 3, "a displaced slot is given back once");
    }

    #[tokio::test]
    async fn established_connections_are_never_displaced() {
        let admission = Admission::new(limits());
        let kept: Vec<_> = (0..3)
            .map(|n| {
                let permit = admission.admit(SocketAddr::from(([10, 0, 0, 1], n))).unwrap();
                assert!(permit.established());
                permit
            })
            .collect();
        assert_eq!(admission.admit(peer("10.0.0.1:9")).err(), Some(Full::Address));
        // The same host through a dual-stack socket.
        assert_eq!(admission.admit(peer("[::ffff:10.0.0.1]:9")).err(), Some(Full::Address));
        let more: Vec<_> = (0..3)
            .map(|n| {
                let permit = admission.admit(SocketAddr::from(([10, 0, 0, 2], n))).unwrap();
                assert!(permit.established());
                permit
            })
            .collect();
        assert_eq!(admission.admit(peer("10.0.0.3:1")).err(), Some(Full::Total));
        drop(kept);
        drop(more);
        assert_eq!(admission.open(), 0);
        assert!(admission.shared.table().addresses.is_empty());
        assert!(admission.admit(peer("10.0.0.3:1")).is_ok());
    }

    #[tokio::test]
    async fn a_host_of_ipv6_is_bounded_whichever_of_its_addresses_it_takes() {
        let admission = Admission::new(limits());
        let kept: Vec<_> = (1..4)
            .map(|n| {
                let permit = admission.admit(peer(&format!("[2001:db8:0:1::{n}]:1"))).unwrap();
                assert!(permit.established());
                permit
            })
            .collect();
        assert_eq!(admission.admit(peer("[2001:db8:0:1:ffff::9]:1")).err(), Some(Full::Address));
        assert!(admission.admit(peer("[2001:db8:0:2::1]:1")).is_ok(), "another network");
        assert!(admission.admit(peer("[::1]:1")).is_ok(), "this machine");
        drop(kept);
    }

    #[test]
    fn a_table_of_networks() {
        for (address, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "::1"),
            ("fd00:1:2:3:4:5:6:7", "fd00:1:2:3::"),
        ] {
            assert_eq!(network(address.parse().unwrap()), expected.parse::<IpAddr>().unwrap(), "{address}");
        }
    }

    #[tokio::test]
    async fn the_oldest_pending_of_all_makes_room_when_the_table_is_full() {
        let admission = Admission::new(limits());
        let oldest = admission.admit(peer("10.0.0.9:1")).unwrap();
        let kept: Vec<_> = (0..5).map(|n| admission.admit(SocketAddr::from(([127, 0, 0, 1], n))).unwrap()).collect();
        assert!(kept.iter().all(Permit::established));
        let newcomer = admission.admit(peer("10.0.0.8:1")).unwrap();
        assert!(!oldest.established());
        assert!(newcomer.established());
    }

    #[tokio::test]
    async fn a_handshake_has_one_deadline_for_all_its_steps() {
        let admission = Admission::new(Limits { handshake: Duration::from_millis(20), ..limits() });
        let permit = admission.admit(peer("10.0.0.1:1")).unwrap();
        assert_eq!(permit.handshake(async { 7 }).await, Ok(7));
        assert_eq!(permit.handshake(std::future::pending::<()>()).await, Err(Unfinished::TimedOut));
    }
}
