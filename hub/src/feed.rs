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
/// How much text of rows is kept in memory, in bytes. Each may be held three times: alone, and in its
/// messages for screens and for clients of sync.
const RECENT_BYTES: usize = 4 << 20;

/// The bytes a page has left. What comes first always fits: a page that holds nothing leads nowhere.
pub(crate) struct Room(pub(crate) usize);

impl Room {
    /// Whether there is room for so many bytes; takes it.
    pub(crate) fn takes(&mut self, bytes: usize) -> bool {
        let had_room = self.0 > 0;
        self.0 = self.0.saturating_sub(bytes.max(1));
        had_room
    }
}

/// The newest part of the log.
#[derive(Debug)]
pub struct Feed {
    recent: RwLock<Recent>,
    head: watch::Sender<i64>,
}

/// Without gaps up to the head, unless it is empty.
#[derive(Debug, Default)]
struct Recent {
    changes: VecDeque<Arc<Change>>,
    bytes: usize,
}

impl Recent {
    fn take_in(&mut self, changes: Vec<Arc<Change>>) {
        // A large transaction announces only its end: what was kept does not lead there.
        let follows = |first: &Arc<Change>, last: &Arc<Change>| first.seq == last.seq + 1;
        if let (Some(first), Some(last)) = (changes.first(), self.changes.back())
            && !follows(first, last)
        {
            self.changes.clear();
            self.bytes = 0;
        }
        self.bytes += changes.iter().map(|change| change.weight()).sum::<usize>();
        self.changes.extend(changes);
        while (self.changes.len() > RECENT || self.bytes > RECENT_BYTES)
            && let Some(oldest) = self.changes.pop_front()
        {
            self.bytes -= oldest.weight();
        }
    }
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
            recent.take_in(changes);
        }
        self.head.send_replace(last);
    }

    /// Shows a follower every change after `seq`, oldest first, and gives how far that reached; `None` when the
    /// changes reach back further than is kept here. The follower is called under the feed's lock: it must be quick.
    pub fn follow(&self, seq: i64, mut each: impl FnMut(&Change)) -> Option<i64> {
        let recent = &self.recent.read().unwrap_or_else(PoisonError::into_inner).changes;
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

    /// The changes after `seq` up to `upto`, oldest first, that are wanted; `None` when not all of them are kept here, or
    /// not yet. What is wanted is asked under the feed's lock: it must be quick.
    #[must_use]
    pub fn between(&self, seq: i64, upto: i64, wanted: impl Fn(&Change) -> bool) -> Option<Vec<Arc<Change>>> {
        if seq >= upto {
            return Some(Vec::new());
        }
        let recent = &self.recent.read().unwrap_or_else(PoisonError::into_inner).changes;
        let begins = recent.front().is_some_and(|first| first.seq <= seq.saturating_add(1));
        let reaches = recent.back().is_some_and(|last| last.seq >= upto);
        if !begins || !reaches {
            return None;
        }
        let from = recent.partition_point(|change| change.seq <= seq);
        let within = recent.iter().skip(from).take_while(|change| change.seq <= upto);
        Some(within.filter(|change| wanted(change)).cloned().collect())
    }

    /// The changes after `seq`, oldest first, at most `limit`; `None` when they reach back further than is kept here.
    #[must_use]
    pub fn after(&self, seq: i64, limit: usize) -> Option<Vec<Arc<Change>>> {
        self.page(seq, limit, usize::MAX)
    }

    /// As [`Feed::after`], at most `limit` of them and about `bytes` of rows, but at least one.
    #[must_use]
    pub fn page(&self, seq: i64, limit: usize, bytes: usize) -> Option<Vec<Arc<Change>>> {
        let recent = &self.recent.read().unwrap_or_else(PoisonError::into_inner).changes;
        match recent.front() {
            Some(first) if first.seq <= seq.saturating_add(1) => {
                let from = recent.partition_point(|change| change.seq <= seq);
                let mut room = Room(bytes);
                let page = recent.iter().skip(from).take(limit).take_while(|change| room.takes(change.weight()));
                Some(page.cloned().collect())
            }
            _ if seq >= self.head() => Some(Vec::new()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use kairos_core::change::{Op, Origin};
    use kairos_core::scope::Scope;

    use super::*;

    fn change(seq: i64, bytes: usize) -> Arc<Change> {
        Arc::new(Change {
            seq,
            at: 0,
            scope: Scope::parse("u:ada").unwrap(),
            table: "habits",
            row_id: "h".into(),
            op: Op::Put,
            row: Some("x".repeat(bytes).into()),
            origin: Origin::Local,
            checksum: 0,
            encoded: std::sync::OnceLock::new(),
            operation: std::sync::OnceLock::new(),
        })
    }

    fn places(page: Option<Vec<Arc<Change>>>) -> Option<Vec<i64>> {
        page.map(|page| page.iter().map(|change| change.seq).collect())
    }

    #[test]
    fn no_more_is_kept_than_the_bound_whatever_the_rows_weigh() {
        let feed = Feed::new(0);
        feed.announce((1..=3000).map(|seq| change(seq, 10)).collect());
        assert_eq!(feed.page(3000 - 2048, 9999, usize::MAX).unwrap().len(), 2048);
        assert_eq!(places(feed.page(3000 - 2049, 9999, usize::MAX)), None);
        for seq in 3001..=3100 {
            feed.announce(vec![change(seq, 100 << 10)]);
        }
        let kept = feed.recent.read().unwrap();
        assert!(kept.bytes <= RECENT_BYTES && kept.changes.len() == 40, "{} {}", kept.bytes, kept.changes.len());
        drop(kept);
        assert_eq!(feed.follow(3060, |_| {}), Some(3100));
        assert_eq!(feed.follow(3059, |_| {}), None);
        // One that is larger than all of it.
        feed.announce(vec![change(3101, RECENT_BYTES + 1)]);
        assert_eq!((feed.recent.read().unwrap().bytes, feed.head()), (0, 3101));
        assert_eq!(places(feed.page(3100, 10, usize::MAX)), None, "the database has it");
        feed.announce(vec![change(3102, 10)]);
        assert_eq!(places(feed.page(3101, 10, usize::MAX)), Some(vec![3102]));
    }

    #[test]
    fn a_stretch_is_given_whole_or_not_at_all() {
        let feed = Feed::new(10);
        feed.announce((11..=20).map(|seq| change(seq, 10)).collect());
        let between = |seq, upto| places(feed.between(seq, upto, |change| change.seq % 2 == 0));
        assert_eq!(between(10, 15), Some(vec![12, 14]));
        assert_eq!(between(20, 20), Some(vec![]));
        assert_eq!(between(9, 15), None, "reaches back further than is kept");
        assert_eq!(between(15, 21), None, "committed and not announced yet");
    }

    #[test]
    fn a_page_is_bounded_by_bytes_and_holds_at_least_one() {
        let feed = Feed::new(0);
        feed.announce((1..=5).map(|seq| change(seq, 1000)).collect());
        assert_eq!(places(feed.page(0, 10, 2500)), Some(vec![1, 2, 3]));
        assert_eq!(places(feed.page(3, 10, 1)), Some(vec![4]));
        assert_eq!(places(feed.page(0, 2, usize::MAX)), Some(vec![1, 2]));
    }
}
