//! Which scopes another hub keeps: where several hubs share a server, one of them does for each scope what time itself does.
//!
//! The server hands out the leases ([`crate::upstream`] asks for them), the engine stays out of what is leased to others. A
//! hub that hears of no lease, for want of a server, does everything itself: what two hubs write of the same days is the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kairos_core::scope::Scope;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long a lease holds that is not renewed.
pub(crate) const TERM: Duration = Duration::from_secs(180);

/// The leases of other hubs. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leases(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Until when; one entry a scope that is replicated.
    elsewhere: Mutex<HashMap<Scope, Instant>>,
    news: Notify,
}

impl Leases {
    /// Another hub keeps a scope, for so long.
    pub(crate) fn is_kept_elsewhere(&self, scope: &Scope, rest: Duration) {
        self.elsewhere().insert(scope.clone(), Instant::now() + rest.min(TERM));
    }

    /// This hub keeps a scope.
    pub(crate) fn is_kept_here(&self, scope: &Scope) {
        if self.elsewhere().remove(scope).is_some() {
            self.0.news.notify_one();
        }
    }

    /// Nobody else keeps anything: there is no server any more.
    pub(crate) fn forget(&self) {
        self.elsewhere().clear();
        self.0.news.notify_one();
    }

    /// Whether another hub keeps a scope now.
    pub(crate) fn leaves(&self, scope: &Scope) -> bool {
        self.elsewhere().get(scope).is_some_and(|until| *until > Instant::now())
    }

    /// Waits until a scope may have become this hub's; for ever while none is anybody else's.
    pub(crate) async fn freed(&self) {
        let heard = self.0.news.notified();
        let next = {
            let (mut elsewhere, now) = (self.elsewhere(), Instant::now());
            let before = elsewhere.len();
            elsewhere.retain(|_, until| *until > now);
            if elsewhere.len() < before {
                return;
            }
            elsewhere.values().min().copied()
        };
        match next {
            Some(until) => tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = heard => {}
            },
            None => heard.await,
        }
    }

    // Held for a look and never across an await.
    fn elsewhere(&self) -> MutexGuard<'_, HashMap<Scope, Instant>> {
        self.0.elsewhere.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_is_not_renewed_runs_out() {
        let (leases, scope) = (Leases::default(), Scope::parse("u:ada").unwrap());
        assert!(!leases.leaves(&scope));
        leases.is_kept_elsewhere(&scope, Duration::from_secs(3600));
        assert!(leases.leaves(&scope));
        let begun = Instant::now();
        leases.freed().await;
        assert_eq!(begun.elapsed().as_secs(), TERM.as_secs(), "nobody keeps it for longer than a term");
        assert!(!leases.leaves(&scope));
        leases.freed().await;
        assert!(tokio::time::timeout(Duration::from_secs(3600), leases.freed()).await.is_err());
        leases.is_kept_elsewhere(&scope, TERM);
        leases.is_kept_here(&scope);
        leases.freed().await;
        assert!(!leases.leaves(&scope));
    }
}
