//! Uploads on their way in: each is kept in memory until it is whole and saved, so there are never many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kairos_core::ids::UserId;

/// How many there are at once.
const AT_ONCE: usize = 8;
/// How many of one person: a client sends one at a time, and a person has a few.
const OF_PERSON: usize = 3;

/// Who is sending. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Uploading(Arc<Mutex<HashMap<UserId, usize>>>);

/// One on its way. Ends when dropped.
#[derive(Debug)]
pub(super) struct Sending {
    user: UserId,
    all: Uploading,
}

impl Uploading {
    /// Lets a person send; `None` while they, or all together, send as much as may come at once: the client tries again.
    pub(super) fn begin(&self, user: &UserId) -> Option<Sending> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.values().sum::<usize>() >= AT_ONCE || all.get(user).is_some_and(|theirs| *theirs >= OF_PERSON) {
            return None;
        }
        *all.entry(user.clone()).or_default() += 1;
        Some(Sending { user: user.clone(), all: self.clone() })
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(theirs) = all.get_mut(&self.user) {
            *theirs -= 1;
            if *theirs == 0 {
                all.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn nobody_takes_all_places() {
        let all = Uploading::default();
        let user = |name: &str| UserId::new(name).unwrap();
        let mut sending: Vec<Sending> = (0..OF_PERSON).map(|_| all.begin(&user("ada")).unwrap()).collect();
        assert!(all.begin(&user("ada")).is_none());
        sending.extend((OF_PERSON..AT_ONCE).map(|n| all.begin(&user(&format!("u{n}"))).unwrap()));
        assert!(all.begin(&user("bo")).is_none());
        sending.clear();
        assert!(all.begin(&user("ada")).is_some());
        assert!(all.0.lock().unwrap().is_empty());
    }
}
