//! Who is connected, by credential: ending connections at once, bounding clients per credential, and closing the
//! gap between a login and its revocation.

use super::guard::Verdicts;
use super::rate::Bucket;
use super::settings::Settings;
use super::{Class, Grant};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A revocation is remembered this long: longer than any handshake it could race with.
const REMEMBERED: Duration = Duration::from_secs(120);

/// One live connection.
#[derive(Debug)]
pub(super) struct Link {
    number: u64,
    /// Its session's name inside the broker.
    pub(super) session: String,
    pub(super) grant: Grant,
    /// 4 for MQTT 3.1.1, 5 for MQTT 5.
    pub(super) level: u8,
    pub(super) will: Option<OwnedWill>,
    pub(super) token: CancellationToken,
    pub(super) bucket: Arc<Bucket>,
    pub(super) verdicts: Verdicts,
    /// Cancelled once the connection has ended and its will is out.
    gone: CancellationToken,
    online: AtomicBool,
    revoked: AtomicBool,
}

/// A will, kept until it is published or discarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnedWill {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    pub(super) qos: u8,
    pub(super) retain: bool,
    pub(super) delay: Duration,
}

impl Link {
    /// The hub forgot this credential while it was connected.
    pub(super) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Relaxed)
    }

    /// Waits until the connection has ended and its will is out.
    pub(super) async fn gone(&self) {
        self.gone.cancelled().await;
    }
}

/// Why a login that was granted does not become a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// Its credential was revoked since the login began.
    Revoked,
    /// All client ids of its credential are connected.
    TooMany,
    /// The pairing topic has a holder.
    Taken,
}

/// The moment a login began, as revocations see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket(u64);

/// What to register.
pub(super) struct Candidate {
    pub(super) session: String,
    pub(super) grant: Grant,
    pub(super) level: u8,
    pub(super) will: Option<OwnedWill>,
    /// Nothing outlives the connection.
    pub(super) transient: bool,
}

#[derive(Debug, Default)]
pub(super) struct Registry {
    // Held for a few map operations and never across an await.
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    /// Counts revocations.
    clock: u64,
    credentials: HashMap<String, Credential>,
    revoked: Vec<(String, u64, Instant)>,
    /// Wills that wait for their client to come back, by session.
    delayed: HashMap<String, (Arc<Link>, Instant)>,
    live: usize,
}

#[derive(Debug)]
struct Credential {
    bucket: Arc<Bucket>,
    links: Vec<Arc<Link>>,
    /// Client ids with a connection or perhaps a stored session, oldest first.
    sessions: Vec<(String, Instant)>,
    online: usize,
}

/// A link in the registry; dropping it takes the link out, also when the connection's task panics.
pub(super) struct Registered {
    registry: Arc<Registry>,
    pub(super) link: Arc<Link>,
    transient: bool,
    /// Stored sessions that had to make room.
    pub(super) forgotten: Vec<String>,
    /// Older connections of the same session, which end now.
    pub(super) elders: Vec<Arc<Link>>,
}

impl Registry {
    fn table(&self) -> MutexGuard<'_, Table> {
        // The table is whole between any two statements that could panic.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be taken before a login is judged.
    pub(super) fn ticket(&self) -> Ticket {
        Ticket(self.table().clock)
    }

    /// Connections now.
    pub(super) fn live(&self) -> usize {
        self.table().live
    }

    /// Makes a granted login a connection, unless its credential was revoked since `ticket` or has too many.
    pub(super) fn register(
        self: &Arc<Self>,
        candidate: Candidate,
        ticket: Ticket,
        settings: &Settings,
    ) -> Result<Registered, Denied> {
        let now = Instant::now();
        let Candidate { session, grant, level, will, transient } = candidate;
        let class = grant.class;
        let mut table = self.table();
        if table.revoked.iter().any(|(name, at, _)| *name == grant.credential && *at > ticket.0) {
            return Err(Denied::Revoked);
        }
        let number = table.next;
        table.next += 1;
        let entry = table.credentials.entry(grant.credential.clone()).or_insert_with(|| Credential {
            bucket: Arc::new(Bucket::new(settings.rate(class), now)),
            links: Vec::new(),
            sessions: Vec::new(),
            online: 0,
        });
        if class == Class::Pair && !entry.links.is_empty() {
            return Err(Denied::Taken);
        }
        let mut forgotten = Vec::new();
        entry.sessions.retain(|(name, _)| *name != session);
        while entry.sessions.len() >= settings.clients(class).max(1) {
            let idle = entry
                .sessions
                .iter()
                .position(|(name, _)| !entry.links.iter().any(|link| link.session == *name))
                .ok_or(Denied::TooMany)?;
            forgotten.push(entry.sessions.remove(idle).0);
        }
        entry.sessions.push((session.clone(), now));
        let link = Arc::new(Link {
            number,
            session,
            grant,
            level,
            will,
            token: CancellationToken::new(),
            bucket: Arc::clone(&entry.bucket),
            verdicts: Verdicts::default(),
            gone: CancellationToken::new(),
            online: AtomicBool::new(false),
            revoked: AtomicBool::new(false),
        });
        let elders = entry.links.iter().filter(|other| other.session == link.session).map(Arc::clone).collect();
        entry.links.push(Arc::clone(&link));
        table.live += 1;
        table.delayed.remove(&link.session);
        drop(table);
        Ok(Registered { registry: Arc::clone(self), link, transient, forgotten, elders })
    }

    /// Ends every connection of `credential` now, and every login that is on its way. Returns the sessions that
    /// have no connection and can be forgotten at once; the others follow when their connections have ended.
    pub(super) fn revoke(&self, credential: &str) -> Vec<String> {
        let now = Instant::now();
        let mut table = self.table();
        table.clock += 1;
        let clock = table.clock;
        table.revoked.retain(|(_, _, at)| now.duration_since(*at) < REMEMBERED);
        table.revoked.push((credential.to_owned(), clock, now));
        let Some(entry) = table.credentials.get_mut(credential) else {
            return Vec::new();
        };
        for link in &entry.links {
            link.revoked.store(true, Ordering::Relaxed);
            link.token.cancel();
        }
        let links = &entry.links;
        let (live, idle): (Vec<_>, Vec<_>) = std::mem::take(&mut entry.sessions)
            .into_iter()
            .partition(|(name, _)| links.iter().any(|link| link.session == *name));
        entry.sessions = live;
        if entry.links.is_empty() {
            table.credentials.remove(credential);
        }
        idle.into_iter().map(|(name, _)| name).collect()
    }

    /// Ends every connection.
    pub(super) fn cancel_all(&self) {
        for link in self.table().credentials.values().flat_map(|entry| &entry.links) {
            link.token.cancel();
        }
    }

    /// Marks the link as connected for good. True when its credential had no other.
    pub(super) fn online(&self, link: &Link) -> bool {
        let mut table = self.table();
        let Some(entry) = table.credentials.get_mut(&link.grant.credential) else {
            return false;
        };
        if link.online.swap(true, Ordering::Relaxed) {
            return false;
        }
        entry.online += 1;
        entry.online == 1
    }

    /// Takes back [`Registry::online`]. True when its credential has no other left.
    pub(super) fn offline(&self, link: &Link) -> bool {
        let mut table = self.table();
        let Some(entry) = table.credentials.get_mut(&link.grant.credential) else {
            return false;
        };
        if !link.online.swap(false, Ordering::Relaxed) {
            return false;
        }
        entry.online -= 1;
        entry.online == 0
    }

    /// Keeps what is needed to judge a will that is published after its connection is gone.
    pub(super) fn delay_will(&self, link: &Arc<Link>) {
        let Some(will) = &link.will else { return };
        // A session's name is in the table as long as its credential may have it, so this is bounded with it.
        let until = Instant::now() + will.delay + Duration::from_secs(60);
        self.table().delayed.insert(link.session.clone(), (Arc::clone(link), until));
    }

    /// The link whose delayed will is due.
    pub(super) fn take_will(&self, session: &str) -> Option<Arc<Link>> {
        self.table().delayed.remove(session).map(|(link, _)| link)
    }

    /// Forgets what no longer matters. Called every minute.
    pub(super) fn sweep(&self, session_expiry: Duration) {
        let now = Instant::now();
        let mut table = self.table();
        table.revoked.retain(|(_, _, at)| now.duration_since(*at) < REMEMBERED);
        table.delayed.retain(|_, (_, until)| *until > now);
        table.credentials.retain(|_, entry| {
            let links = &entry.links;
            entry.sessions.retain(|(name, seen)| {
                now.duration_since(*seen) <= session_expiry || links.iter().any(|link| link.session == *name)
            });
            !entry.links.is_empty() || !entry.sessions.is_empty()
        });
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.link.gone.cancel();
        let mut table = self.registry.table();
        table.live -= 1;
        let link = &self.link;
        let Some(entry) = table.credentials.get_mut(&link.grant.credential) else {
            return;
        };
        entry.links.retain(|other| other.number != link.number);
        let taken_over = entry.links.iter().any(|other| other.session == link.session);
        if !taken_over {
            let gone = self.transient || link.is_revoked();
            entry.sessions.retain(|(name, _)| !(gone && *name == link.session));
            if let Some((_, seen)) = entry.sessions.iter_mut().find(|(name, _)| *name == link.session) {
                *seen = Instant::now();
            }
        }
        if entry.links.is_empty() && entry.sessions.is_empty() {
            table.credentials.remove(&link.grant.credential);
        }
    }
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
