//! Keeping the log short: what a later change of the same row stands for is emptied in place, and rows that were deleted go.
//!
//! A superseded change becomes a `MOVE`: its row goes, its checksum, scope and keys stay, so that a client at any point
//! of the past still adds up to the same sum. The last word of a deleted row, its `REMOVE`, cannot be emptied so: a client of
//! the past that has the row would keep it. When a bucket holds twice as many of both as of others it begins a new
//! generation: clients drop the bucket they have and fetch the new one, in which the emptied and the deleted are no more.
//! So a bucket holds about three times what lives in it, and [`WORTH_IT`] more.
//!
//! Completion events are superseded by nothing but their own deletion, and what the slowest living outlet has not seen
//! stays as it is. Readers that no generation tells of it (outlets, `/api/changes`, websockets) learn from
//! `buckets.swept` that they may have missed a deletion.

use std::collections::HashMap;
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
/// Deletions as young as this stay: whoever follows the log inside the hub, or over an open socket, is just reading them.
const LAG: Millis = 10 * 60_000;
/// A bucket with fewer worn changes than this is left as it is: fetching it anew costs more than it saves.
const WORTH_IT: i64 = 5_000;

/// What a compaction did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// How many changes were emptied.
    pub emptied: usize,
    /// How many buckets began a new generation.
    pub renewed: usize,
}

/// Up to where the log may be compacted.
#[derive(Debug, Clone, Copy)]
struct Horizon {
    /// What every living outlet has seen: what is superseded is emptied.
    seen: i64,
    /// What nobody is reading just now, either: deletions may go.
    settled: i64,
}

/// The last change seen of rows whose clock it still tells: another of the same clock came after it, should there be one. At
/// most [`MOST_LAST`], beyond which some that could be emptied stay until another time.
type Last = HashMap<(&'static str, String), i64>;
const MOST_LAST: usize = 20_000;

/// How many changes of deleted rows each bucket holds, by scope and stream.
type Gone = HashMap<(String, &'static str), i64>;

/// A stretch of the log, looked at.
struct Look {
    superseded: Vec<i64>,
    gone: Gone,
    last: Last,
    upto: i64,
    done: bool,
}

/// How a row stands now.
struct Stand {
    hlc: String,
    deleted: bool,
}

impl Store {
    /// Empties superseded changes, in small steps between other work, and renews buckets that hold mostly those and rows
    /// that were deleted.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer; what was done before stays done.
    pub async fn compact(&self) -> Result<Compacted, StoreError> {
        let mut compacted = Compacted::default();
        let now = self.clock().now();
        let horizon = self.read(move |snapshot| snapshot.compaction_horizon(now)).await?;
        let (mut after, mut gone, mut last) = (0, Gone::new(), Last::new());
        loop {
            let look = self.read(move |snapshot| snapshot.look(after, horizon, last)).await?;
            after = look.upto;
            last = look.last;
            for (bucket, count) in look.gone {
                *gone.entry(bucket).or_default() += count;
            }
            if !look.superseded.is_empty() {
                compacted.emptied += self.write(move |tx| tx.empty_changes(&look.superseded)).await?;
                tokio::time::sleep(PAUSE).await;
            }
            if look.done {
                break;
            }
        }
        for (scope, stream) in self.read(move |snapshot| snapshot.worn_buckets(&gone)).await? {
            self.write(move |tx| tx.renew_bucket(&scope, &stream, horizon.settled)).await?;
            compacted.renewed += 1;
            // No change of the log tells it to those who are connected.
            self.say_new_generations();
            tokio::time::sleep(PAUSE).await;
        }
        Ok(compacted)
    }
}

impl Snapshot<'_> {
    fn compaction_horizon(&self, now: Millis) -> Result<Horizon, StoreError> {
        let slowest: Option<i64> = self
            .connection
            .prepare_cached(
                "SELECT min(cursors.seq) FROM cursors WHERE coalesce(
                   (SELECT at FROM changes WHERE changes.seq > cursors.seq ORDER BY changes.seq LIMIT 1) > ?1, 1)",
            )?
            .query_row([now.saturating_sub(LIVING)], |row| row.get(0))?;
        let head = self.head()?;
        let seen = slowest.map_or(head, |slowest| slowest.min(head));
        let quiet: i64 = self
            .connection
            .prepare_cached(
                "SELECT coalesce((SELECT seq FROM changes WHERE seq <= ?1 AND at <= ?2 ORDER BY seq DESC LIMIT 1), 0)",
            )?
            .query_row((seen, now.saturating_sub(LAG)), |row| row.get(0))?;
        // But the newest change of all, by which everybody knows where the log ends.
        Ok(Horizon { seen, settled: quiet.min(head - 1) })
    }

    /// Which of the next changes are superseded: the row has moved on since, which its own clock tells. And how many are
    /// of rows that are deleted for good.
    fn look(&self, after: i64, horizon: Horizon, last: Last) -> Result<Look, StoreError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT seq, tbl, row_id, hlc, op, scope FROM changes
             WHERE seq > ?1 AND seq <= ?2 AND op <> 'MOVE' AND (tbl <> '{}' OR op = 'REMOVE') ORDER BY seq LIMIT {SLICE}",
            COMPLETION_EVENTS.name
        ))?;
        let mut found = statement.query([after, horizon.seen])?;
        let mut look = Look { superseded: Vec::new(), gone: Gone::new(), last, upto: horizon.seen, done: true };
        let mut count = 0;
        while let Some(change) = found.next()? {
            count += 1;
            let seq = change.get(0)?;
            let (table, id, hlc): (String, String, String) = (change.get(1)?, change.get(2)?, change.get(3)?);
            look.upto = seq;
            let Some(table) = Table::named(&table) else { continue };
            let Some(stand) = self.stand(table, &id)? else { continue };
            let removes = change.get_ref(4)?.as_str().map_err(rusqlite::Error::from)? == "REMOVE";
            // A deletion that is older than another column's last change leaves the row's clock as it was.
            if stand.hlc != hlc || stand.deleted != removes {
                look.superseded.push(seq);
                continue;
            }
            // What is older than another column's last change leaves the row's clock as it was: then the place tells.
            if look.last.len() >= MOST_LAST {
                look.last.clear();
            }
            if !removes && let Some(before) = look.last.insert((table.name, id), seq) {
                look.superseded.push(before);
            }
            if removes && seq <= horizon.settled {
                // Of an event, what it was before stands in the log, too, and goes with it.
                let worth = if table.name == COMPLETION_EVENTS.name { 2 } else { 1 };
                *look.gone.entry((change.get(5)?, table.stream.as_str())).or_default() += worth;
            }
        }
        look.done = count < SLICE;
        Ok(look)
    }

    fn stand(&self, table: &'static Table, id: &str) -> Result<Option<Stand>, StoreError> {
        let sql = format!("SELECT hlc, deleted_at IS NOT NULL FROM {} WHERE id = ?1", table.name);
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut found = statement.query([id])?;
        Ok(match found.next()? {
            Some(row) => Some(Stand { hlc: row.get(0)?, deleted: row.get(1)? }),
            None => None,
        })
    }

    /// Buckets in which emptied changes and those of deleted rows outnumber the others two to one.
    fn worn_buckets(&self, gone: &Gone) -> Result<Vec<(String, String)>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT scope, stream, count, moved FROM buckets")?;
        let mut found = statement.query([])?;
        let mut worn = Vec::new();
        while let Some(bucket) = found.next()? {
            let (scope, stream): (String, String) = (bucket.get(0)?, bucket.get(1)?);
            let (count, moved): (i64, i64) = (bucket.get(2)?, bucket.get(3)?);
            let bucket = (scope, stream.as_str());
            let dead = moved + gone.get(&bucket).copied().unwrap_or_default();
            if dead >= WORTH_IT && dead > 2 * (count - dead) {
                worn.push((bucket.0, stream));
            }
        }
        Ok(worn)
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
                .prepare_cached("UPDATE buckets SET moved = moved + 1, compacted = max(compacted, ?3) WHERE scope = ?1 AND stream = ?2")?
                .execute((scope, table.stream.as_str(), seq))?;
            emptied += 1;
        }
        Ok(emptied)
    }

    /// Begins a new generation of a bucket, without what was emptied, and without all that the log says up to a place of
    /// rows that are deleted now.
    fn renew_bucket(&mut self, scope: &str, stream: &str, settled: i64) -> Result<(), StoreError> {
        let of_stream = || TABLES.iter().filter(|table| table.stream.as_str() == stream).map(|table| table.name);
        let tables = of_stream().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        let deleted = of_stream()
            .map(|name| format!("SELECT '{name}', id FROM {name} WHERE scope = ?1 AND deleted_at IS NOT NULL"))
            .collect::<Vec<_>>()
            .join(" UNION ALL ");
        let condition = format!("scope = ?1 AND tbl IN ({tables})");
        let swept = {
            let mut statement = self.connection.prepare(&format!(
                "DELETE FROM changes WHERE {condition} AND (op = 'MOVE' OR (seq <= ?2 AND (tbl, row_id) IN ({deleted})))
                 RETURNING CASE op WHEN 'REMOVE' THEN seq ELSE 0 END"
            ))?;
            let mut found = statement.query((scope, settled))?;
            let mut swept: i64 = 0;
            while let Some(change) = found.next()? {
                swept = swept.max(change.get(0)?);
            }
            swept
        };
        self.connection.execute(
            &format!(
                "UPDATE buckets SET generation = generation + 1, moved = 0, swept = max(swept, ?3), compacted = max(compacted, ?3),
                   (count, checksum) = (SELECT count(*), coalesce(sum(checksum), 0) & 4294967295 FROM changes WHERE {condition})
                 WHERE scope = ?1 AND stream = ?2"
            ),
            (scope, stream, swept),
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
