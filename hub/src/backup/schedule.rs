//! A backup every so often, by the hub's clock.

use std::time::Duration;

use kairos_core::Millis;

use super::{Backups, blocking, folder};
use crate::health::State;

/// When a hub without any backup makes its first: it has better to do at its start, and nothing to lose yet.
const FIRST: Duration = Duration::from_secs(600);
/// When one that is overdue is made after a start.
const OVERDUE: Duration = Duration::from_secs(60);
/// How soon after a try the next may come; so one that did not work is tried again.
const AGAIN: Duration = Duration::from_secs(600);
/// How long the hub trusts its plan: the clock may be set meanwhile, also back.
const LONGEST: Duration = Duration::from_secs(3600);

fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}

/// When the next backup is due.
fn due(now: Millis, started: Millis, every: Duration, newest: Option<Millis>, tried: Option<Millis>) -> Millis {
    let soon = |from: Millis, wait: Duration| from.saturating_add(millis(wait.min(every)));
    let due = match newest {
        None => soon(started, FIRST),
        Some(at) => at.saturating_add(millis(every)).max(soon(started, OVERDUE)),
    };
    // A start or a try that lies ahead is from before the clock was set back.
    let due = if started > now { due.min(soon(now, OVERDUE)) } else { due };
    match tried.filter(|tried| *tried <= now) {
        Some(tried) => due.max(soon(tried, AGAIN)),
        None => due,
    }
}

impl Backups {
    /// Makes backups until dropped.
    pub async fn run(self) {
        let inner = &self.0;
        let (started, settings) = (inner.store.clock().now(), &inner.settings);
        let place = settings.folder.clone();
        let _ = blocking(move || {
            folder::clean(&place);
            Ok(())
        })
        .await;
        let looking = async {
            loop {
                inner.look.notified().await;
                let inner = inner.clone();
                let _ = blocking(move || inner.look_at_all()).await;
            }
        };
        let Some(every) = settings.every else {
            inner
                .board
                .set("backup", State::Off("the hub makes no backups by itself (store.backup.every is off)".into()));
            return looking.await;
        };
        inner.board.set("backup", State::Ok);
        tokio::join!(looking, self.keep_making(every, started));
    }

    async fn keep_making(&self, every: Duration, started: Millis) {
        let clock = self.0.store.clock();
        let mut tried = None;
        loop {
            let newest = {
                let (folder, now) = (self.0.settings.folder.clone(), clock.now());
                let hub_id = self.0.store.identity().hub_id.clone();
                blocking(move || Ok(folder::newest(&folder, &hub_id, now))).await.unwrap_or_default()
            };
            let now = clock.now();
            let due = due(now, started, every, newest, tried);
            if due <= now {
                tried = Some(now);
                // Said on the board, and tried again.
                let _ = self.make().await;
                continue;
            }
            tokio::select! {
                () = clock.sleep_until(due) => {}
                () = tokio::time::sleep(LONGEST) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Millis = 60_000;
    const HOUR: Millis = 60 * MINUTE;
    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn a_table_of_plans() {
        let now = 1_000 * HOUR;
        let due = |started, every, newest, tried| due(now, started, every, newest, tried) - now;
        // A new hub, an hour later, and one that makes backups every second.
        assert_eq!(due(now, DAY, None, None), 10 * MINUTE);
        assert!(due(now - HOUR, DAY, None, None) < 0);
        assert_eq!(due(now, Duration::from_secs(1), None, None), 1_000);
        // Made six hours ago; made two days ago, while the hub was off.
        assert_eq!(due(now, DAY, Some(now - 6 * HOUR), None), 18 * HOUR);
        assert_eq!(due(now, DAY, Some(now - 48 * HOUR), None), MINUTE);
        // It did not work just now.
        assert_eq!(due(now - HOUR, DAY, Some(now - 48 * HOUR), Some(now)), 10 * MINUTE);
        assert_eq!(due(now - HOUR, Duration::from_secs(5), Some(now - 48 * HOUR), Some(now)), 5_000);
        // The clock was ahead by a year when the hub started, and when it tried last.
        assert_eq!(due(now + 9_000 * HOUR, DAY, None, Some(now + 9_000 * HOUR)), MINUTE);
        assert_eq!(due(now + 9_000 * HOUR, DAY, Some(now - 6 * HOUR), None), MINUTE);
    }
}
