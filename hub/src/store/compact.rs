//! Keeping the log short: what a later change of the same row stands for is emptied in place.
//!
//! A superseded change becomes a `MOVE`: its row goes, its checksum, scope and keys stay, so that a client at any point
//! of the past still adds up to the same sum. When a bucket holds twice as many emptied changes as others it begins a new
//! generation: clients drop the bucket they have and fetch the new one, in which the emptied ones are no more. Completion
//! events are never superseded, and what the slowest living outlet has not seen stays as it is.

use std::time::Duration;

use kairos_core::Millis;
use kairos_core::schema::{COMPLETION_EVENTS, TABLES, Table};

use super::Store;
use super::error::StoreError;
use super::reader::Snapshot;
use super::tx::Tx;

/// How many changes are looked at, and emptied at most, in one go.
const SLICE: usize = 500;
/// How long others are left alone in between.
const PAUSE: Duration = Duration::from_millis(20);
/// An outlet that has seen nothing for so long waits for nobody any more: it starts again from current rows.
const LIVING: Millis = 7 * 24 * 3_600_000;
/// A bucket with fewer emptied changes than this is left as it is: fetching it anew costs more than it saves.
const WORTH_IT: i64 = 5_000;

/// What a compaction did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// How many changes were emptied.
    pub emptied: usize,
    /// How many buckets began a new generation.
    pub renewed: usize,
}

/// A stretch of the log, looked at.
struct Look {
    superseded: Vec<i64>,
    upto: i64,
    done: bool,
}

impl Store {
    /// Empties superseded changes, in small steps between other work, and renews buckets that hold mostly those.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer; what was done before stays done.
    pub async fn compact(&self) -> Result<Compacted, StoreError> {
        let mut compacted = Compacted::default();
        let now = self.clock().now();
        let horizon = self.read(move |snapshot| snapshot.compaction_horizon(now)).await?;
        let mut after = 0;
        loop {
            let look = self.read(move |snapshot| snapshot.superseded(after, horizon)).await?;
            after = look.upto;
            if !look.superseded.is_empty() {
                compacted.emptied += self.write(move |tx| tx.empty_changes(&look.superseded)).await?;
                tokio::time::sleep(PAUSE).await;
            }
            if look.done {
                break;
            }
        }
        for (scope, stream) in self.read(move |snapshot| snapshot.worn_buckets(WORTH_IT)).await? {
            self.write(move |tx| tx.renew_bucket(&scope, &stream)).await?;
            compacted.renewed += 1;
            // No change of the log tells it to those who are connected.
            self.say_new_generations();
            tokio::time::sleep(PAUSE).await;
        }
        Ok(compacted)
    }
}

impl Snapshot<'_> {
    /// Up to which change the log may be compacted: what every living outlet has seen.
    fn compaction_horizon(&self, now: Millis) -> Result<i64, StoreError> {
        let slowest: Option<i64> = self
            .connection
            .prepare_cached(
                "SELECT min(cursors.seq) FROM cursors WHERE coalesce(
                   (SELECT at FROM changes WHERE changes.seq > cursors.seq ORDER BY changes.seq LIMIT 1) > ?1, 1)",
            )?
            .query_row([now.saturating_sub(LIVING)], |row| row.get(0))?;
        let head = self.head()?;
        Ok(slowest.map_or(head, |slowest| slowest.min(head)))
    }

    /// Which of the next changes are superseded: the row has moved on since, which its own clock tells.
    fn superseded(&self, after: i64, horizon: i64) -> Result<Look, StoreError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT seq, tbl, row_id, hlc FROM changes
             WHERE seq > ?1 AND seq <= ?2 AND op <> 'MOVE' AND tbl <> '{}' ORDER BY seq LIMIT {SLICE}",
            COMPLETION_EVENTS.name
        ))?;
        let mut found = statement.query([after, horizon])?;
        let mut look = Look { superseded: Vec::new(), upto: horizon, done: true };
        let mut count = 0;
        while let Some(change) = found.next()? {
            count += 1;
            let seq = change.get(0)?;
            let (table, id, hlc): (String, String, String) = (change.get(1)?, change.get(2)?, change.get(3)?);
            look.upto = seq;
            let Some(table) = Table::named(&table) else { continue };
            if self.stands_at(table, &id)?.is_some_and(|stands| stands != hlc) {
                look.superseded.push(seq);
            }
        }
        look.done = count < SLICE;
        Ok(look)
    }

    /// The clock a row stands at.
    fn stands_at(&self, table: &'static Table, id: &str) -> Result<Option<String>, StoreError> {
        let mut statement = self.connection.prepare_cached(&format!("SELECT hlc FROM {} WHERE id = ?1", table.name))?;
        let mut found = statement.query([id])?;
        Ok(match found.next()? {
            Some(row) => Some(row.get(0)?),
            None => None,
        })
    }

    /// Buckets in which emptied changes outnumber the others two to one.
    fn worn_buckets(&self, worth: i64) -> Result<Vec<(String, String)>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT scope, stream FROM buckets WHERE moved >= ?1 AND moved > 2 * (count - moved)")?;
        let found = statement.query_map([worth], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }
}

impl Tx<'_> {
    /// Empties changes that are superseded; gives how many.
    fn empty_changes(&mut self, seqs: &[i64]) -> Result<usize, StoreError> {
        let mut emptied = 0;
        for seq in seqs {
            let moved: Option<(String, String)> = {
                let mut statement = self.connection.prepare_cached(
                    "UPDATE changes SET op = 'MOVE', row_json = NULL, command_id = NULL
                     WHERE seq = ?1 AND op <> 'MOVE' RETURNING scope, tbl",
                )?;
                let mut found = statement.query([seq])?;
                match found.next()? {
                    Some(row) => Some((row.get(0)?, row.get(1)?)),
                    None => None,
                }
            };
            let Some((scope, table)) = moved else { continue };
            let Some(table) = Table::named(&table) else { continue };
            self.connection
                .prepare_cached("UPDATE buckets SET moved = moved + 1 WHERE scope = ?1 AND stream = ?2")?
                .execute((scope, table.stream.as_str()))?;
            emptied += 1;
        }
        Ok(emptied)
    }

    /// Begins a new generation of a bucket, without what was emptied.
    fn renew_bucket(&mut self, scope: &str, stream: &str) -> Result<(), StoreError> {
        let tables: Vec<String> = TABLES
            .iter()
            .filter(|table| table.stream.as_str() == stream)
            .map(|table| format!("'{}'", table.name))
            .collect();
        let condition = format!("scope = ?1 AND tbl IN ({})", tables.join(", "));
        self.connection.execute(&format!("DELETE FROM changes WHERE {condition} AND op = 'MOVE'"), [scope])?;
        self.connection.execute(
            &format!(
                "UPDATE buckets SET generation = generation + 1, moved = 0,
                   count = (SELECT count(*) FROM changes WHERE {condition}),
                   checksum = (SELECT coalesce(sum(checksum), 0) & 4294967295 FROM changes WHERE {condition})
                 WHERE scope = ?1 AND stream = ?2"
            ),
            (scope, stream),
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use kairos_core::change::{Cursor, Op, Origin};
    use kairos_core::ids::UserId;
    use kairos_core::row::Row;
    use kairos_core::schema::HABITS;
    use kairos_core::scope::Scope;

    use super::*;
    use crate::clock::Clock;
    use crate::health::Board;

    const NOW: i64 = 1_795_514_400_000;

    async fn store() -> (tempfile::TempDir, Store, Clock) {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(NOW);
        let store = Store::open(dir.path(), clock.clone(), &Board::default()).await.unwrap();
        (dir, store, clock)
    }

    fn ada() -> Scope {
        Scope::Person(UserId::new("ada").unwrap())
    }

    /// Writes a habit so many times.
    async fn write(store: &Store, id: &'static str, times: usize) {
        let work = move |tx: &mut Tx<'_>| {
            for n in 0..times {
                let at = tx.tick();
                let mut row = Row::new(&HABITS, id, ada(), UserId::new("ada").unwrap(), tx.now());
                row.stamp_all(&at);
                row.set("name", format!("name {n}"), &at);
                tx.put(&row, Origin::Local)?;
            }
            Ok(())
        };
        store.write(work).await.unwrap();
    }

    /// Sum and count as a client adds them up that reads all ops after a place.
    async fn add_up(store: &Store) -> (i64, i64, i64) {
        store
            .read(|snapshot| {
                let sql = "SELECT coalesce(sum(checksum), 0) & 4294967295, count(*) FROM changes WHERE scope = 'u:ada'";
                let (sum, count) = snapshot.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
                let sql = "SELECT checksum, count, generation FROM buckets WHERE scope = 'u:ada' AND stream = 'rows'";
                let bucket =
                    snapshot.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
                let (checksum, counted, generation): (i64, i64, i64) = bucket;
                assert_eq!((sum, count), (checksum, counted), "what stands in the log is what the bucket says");
                Ok((sum, count, generation))
            })
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn superseded_changes_are_emptied_and_the_sums_stay() {
        let (_dir, store, _) = store().await;
        write(&store, "h1", 10).await;
        write(&store, "h2", 1).await;
        let before = add_up(&store).await;
        assert_eq!(store.compact().await.unwrap(), Compacted { emptied: 9, renewed: 0 });
        assert_eq!(add_up(&store).await, before);
        assert_eq!(store.compact().await.unwrap(), Compacted::default(), "once is enough");
        // Whoever reads the log from its beginning gets the latest state of every row.
        let changes = store.read(|snapshot| snapshot.changes_after(0, None, 100)).await.unwrap();
        let rows: Vec<_> = changes.iter().map(|change| (change.row_id.as_str(), change.op)).collect();
        assert_eq!(rows, [("h1", Op::Put), ("h2", Op::Put)]);
        write(&store, "h1", 1).await;
        assert_eq!(store.compact().await.unwrap().emptied, 1);
    }

    #[tokio::test]
    async fn a_page_of_the_log_is_not_cut_short_by_what_was_emptied() {
        let (_dir, store, _) = store().await;
        write(&store, "h1", 50).await;
        write(&store, "h2", 1).await;
        store.compact().await.unwrap();
        for scopes in [None, Some(vec![ada()])] {
            let (mut after, mut seen, head) = (0, Vec::new(), store.feed().head());
            while after < head {
                let scopes = scopes.clone();
                let page = move |snapshot: &Snapshot<'_>| snapshot.page_after(after, scopes.as_deref(), 1, 1 << 20);
                let (changes, all) = store.read(page).await.unwrap();
                seen.extend(changes.iter().map(|change| change.row_id.clone()));
                after = if all { head } else { changes.last().unwrap().seq };
            }
            assert_eq!(seen, ["h1", "h2"]);
        }
    }

    #[tokio::test]
    async fn what_a_living_outlet_has_not_seen_stays() {
        let (_dir, store, clock) = store().await;
        write(&store, "h1", 3).await;
        let epoch = store.identity().epoch.clone();
        store.save_cursor("upstream", &Cursor { epoch, seq: 1 }).await.unwrap();
        assert_eq!(store.compact().await.unwrap().emptied, 1);
        clock.set(NOW + LIVING + 1);
        assert_eq!(store.compact().await.unwrap().emptied, 1, "an outlet that is gone holds nobody up");
    }

    #[tokio::test]
    async fn a_bucket_of_mostly_emptied_changes_begins_anew() {
        let (_dir, store, _) = store().await;
        let many = usize::try_from(WORTH_IT).unwrap() + 1;
        write(&store, "h1", many).await;
        write(&store, "h2", 1).await;
        let (_, _, generation) = add_up(&store).await;
        assert_eq!(store.compact().await.unwrap(), Compacted { emptied: many - 1, renewed: 1 });
        let (_, count, renewed) = add_up(&store).await;
        assert_eq!((count, renewed), (2, generation + 1));
        assert_eq!(store.compact().await.unwrap(), Compacted::default());
    }
}
