//! Scopes that do not get through while others do: each waits for its own next try.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kairos_core::scope::Scope;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::fault::Fault;

/// How long what passes by itself is given.
pub(super) const MOMENT: Duration = Duration::from_millis(200);

/// What is the matter with a scope.
struct Ill {
    fault: Fault,
    backoff: Backoff,
    again: Instant,
}

/// The scopes that do not get through.
#[derive(Default)]
pub(super) struct Sickbay(Mutex<BTreeMap<Scope, Ill>>);

impl Sickbay {
    // Held for a look and never across an await.
    fn all(&self) -> MutexGuard<'_, BTreeMap<Scope, Ill>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A scope did not get through; gives whether that is news.
    pub(super) fn note(&self, scope: &Scope, fault: Fault) -> bool {
        let mut all = self.all();
        let is_news = all.get(scope).is_none_or(|ill| ill.fault != fault);
        let ill = all.entry(scope.clone()).or_insert_with(|| Ill {
            fault: fault.clone(),
            backoff: Backoff::default(),
            again: Instant::now(),
        });
        let [chance] = crate::random::bytes::<1>();
        let wait = if fault.is_passing() { MOMENT } else { ill.backoff.next(chance) };
        (ill.fault, ill.again) = (fault, Instant::now() + wait);
        is_news
    }

    /// A scope got through.
    pub(super) fn heal(&self, scope: &Scope) {
        self.all().remove(scope);
    }

    /// Whether a scope has to wait: `None`, it got through; else whether its next try is due.
    pub(super) fn is_due(&self, scope: &Scope) -> Option<bool> {
        self.all().get(scope).map(|ill| ill.again <= Instant::now())
    }

    /// When the next of them is to be tried again.
    pub(super) fn next(&self) -> Option<Instant> {
        self.all().values().map(|ill| ill.again).min()
    }

    /// All of them are to be tried at once.
    pub(super) fn hurry(&self) {
        self.all().values_mut().for_each(|ill| ill.again = Instant::now());
    }

    /// Those of other scopes are forgotten.
    pub(super) fn keep(&self, is_there: impl Fn(&Scope) -> bool) {
        self.all().retain(|scope, _| is_there(scope));
    }

    /// Where not one of so many scopes gets through, it is no matter of theirs: forgets all, and gives what is the matter.
    pub(super) fn all_of(&self, count: usize) -> Option<Fault> {
        let mut all = self.all();
        if all.is_empty() || all.len() < count {
            return None;
        }
        let fault =
            all.values().find(|ill| !ill.fault.is_passing()).or(all.values().next()).map(|ill| ill.fault.clone());
        all.clear();
        fault
    }

    /// Whether one is to be tried again in a moment.
    pub(super) fn is_passing(&self) -> bool {
        self.all().values().any(|ill| ill.fault.is_passing())
    }

    /// Whose do not get through, and why, for what does not pass by itself.
    pub(super) fn told(&self) -> Vec<(Scope, String)> {
        let all = self.all();
        let lasting = all.iter().filter(|(_, ill)| !ill.fault.is_passing());
        lasting.map(|(scope, ill)| (scope.clone(), ill.fault.to_string())).collect()
    }
}
