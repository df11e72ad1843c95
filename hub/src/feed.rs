//! The feed: the newest changes in memory, and a nudge that says "look".
//!
//! The log in the database is the truth. What stands here is the same rows, kept for the outlets that
//! are up to date, so that a thousand screens do not ask the database for one press. A nudge may be
//! lost or doubled without harm: each reader goes on from its own cursor.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use kairos_core::change::Change;
use tokio::sync::watch;

/// How many changes are kept in memory; readers further behind ask the database.
const RECENT: usize = 2048;

/// The newest part of the log.
#[derive(Debug)]
pub struct Feed {
    recent: RwLock<VecDeque<Arc<Change>>>,
    head: watch::Sender<i64>,
}

impl Feed {
    /// A feed that begins after `head`, the newest change in the database.
    #[must_use]
    pub fn new(head: i64) -> Self {
        Self { recent: RwLock::default(), head: watch::Sender::new(head) }
    }

    /// The newest change's place in the log.
    #[must_use]
    pub fn head(&self) -> i64 {
        *self.head.borrow()
    }

    /// Hears of every new head, the present one included.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<i64> {
        self.head.subscribe()
    }

    /// Takes in what was just committed. Called by the writer only, in order.
    pub(crate) fn announce(&self, changes: Vec<Arc<Change>>) {
        let Some(last) = changes.last().map(|change| change.seq) else { return };
        {
            let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
            recent.extend(changes);
            let surplus = recent.len().saturating_sub(RECENT);
            recent.drain(..surplus);
        }
        self.head.send_replace(last);
    }

    /// Shows a follower every change after `seq`, oldest first, and gives how far that reached; `None` when the
    /// changes reach back further than is kept here. The follower is called under the feed's lock: it must be quick.
    pub fn follow(&self, seq: i64, mut each: impl FnMut(&Change)) -> Option<i64> {
        let recent = self.recent.read().unwrap_or_else(PoisonError::into_inner);
        match recent.front() {
            Some(first) if first.seq <= seq.saturating_add(1) => {
                let from = recent.partition_point(|change| change.seq <= seq);
                recent.iter().skip(from).for_each(|change| each(change));
                Some(recent.back().map_or(seq, |last| last.seq.max(seq)))
            }
            _ if seq >= self.head() => Some(seq),
            _ => None,
        }
    }

    /// The changes after `seq`, oldest first, at most `limit`; `None` when they reach back further than
    /// is kept here.
    #[must_use]
    pub fn after(&self, seq: i64, limit: usize) -> Option<Vec<Arc<Change>>> {
        let recent = self.recent.read().unwrap_or_else(PoisonError::into_inner);
        match recent.front() {
            Some(first) if first.seq <= seq.saturating_add(1) => {
                let from = recent.partition_point(|change| change.seq <= seq);
                Some(recent.iter().skip(from).take(limit).cloned().collect())
            }
            _ if seq >= self.head() => Some(Vec::new()),
            _ => None,
        }
    }
}
