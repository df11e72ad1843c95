//! Places for what is kept in memory until it is whole, however slowly it comes: few in all, and fewer for each person, so that
//! nobody takes them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kairos_core::ids::UserId;

/// Places, and who has them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Places {
    in_all: usize,
    of_person: usize,
    // Held for a few steps and never across an await.
    taken: Arc<Mutex<HashMap<UserId, usize>>>,
}

/// A place. Free again when dropped.
#[derive(Debug)]
pub struct Place {
    user: UserId,
    taken: Arc<Mutex<HashMap<UserId, usize>>>,
}

impl Places {
    /// So many in all, and so many of one person.
    #[must_use]
    pub fn new(in_all: usize, of_person: usize) -> Self {
        Self { in_all, of_person, taken: Arc::default() }
    }

    /// A place for a person; `None` while they, or all together, have as many as there are.
    #[must_use]
    pub fn take(&self, user: &UserId) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.values().sum::<usize>() >= self.in_all
            || taken.get(user).is_some_and(|theirs| *theirs >= self.of_person)
        {
            return None;
        }
        *taken.entry(user.clone()).or_default() += 1;
        Some(Place { user: user.clone(), taken: self.taken.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(theirs) = taken.get_mut(&self.user) {
            *theirs -= 1;
            if *theirs == 0 {
                taken.remove(&self.user);
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
        let places = Places::new(8, 3);
        let user = |name: &str| UserId::new(name).unwrap();
        let mut taken: Vec<Place> = (0..3).map(|_| places.take(&user("ada")).unwrap()).collect();
        assert!(places.take(&user("ada")).is_none());
        taken.extend((3..8).map(|n| places.take(&user(&format!("u{n}"))).unwrap()));
        assert!(places.take(&user("bo")).is_none());
        taken.clear();
        assert!(places.take(&user("ada")).is_some());
        assert!(places.taken.lock().unwrap().is_empty());
    }
}
