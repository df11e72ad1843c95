//! Pushing: rows as they stand here, merged with what the server has, inside one transaction that holds the scope's counter.
//!
//! Everybody who writes rows of a scope waits for that counter, so reading, merging and writing back is safe, and the merge is
//! the one rule of core. What is pushed twice changes nothing.

use std::collections::BTreeMap;

use kairos_core::hlc::Hlc;
use kairos_core::loss::Lost;
use kairos_core::merge::{merge, same};
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETIONS, CONFLICTS, TABLES, Table};
use kairos_core::scope::Scope;
use sqlx::{AssertSqlSafe, PgConnection};

use super::fault::Fault;
use super::refold::Touched;
use super::session::{self, Moves, Who};
use super::wire::{self, SCHEMA};
use crate::store::{Landed, Link, Outgoing};

/// Rows of one table by their ids.
pub(super) type Rows = BTreeMap<String, Row>;

/// What was done.
#[derive(Debug)]
pub(super) struct Pushed {
    /// How the scope stands with the server now.
    pub(super) link: Link,
    /// What the server has of the rows that were pushed.
    pub(super) landed: Vec<Landed>,
    /// Rows whose id belongs to somebody else there: they stay here.
    pub(super) foreign: Vec<(&'static Table, String)>,
}

/// How a batch is pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// What was changed since the last time: days are folded at once.
    Changes,
    /// Everything there is: days are folded when they come themselves, which is after all of their events.
    Whole,
}

/// Pushes rows; `upto` is the place in our log up to which all is pushed then.
pub(super) async fn push(
    connection: &mut PgConnection,
    who: &Who,
    scope: &Scope,
    link: &Link,
    batch: (&[Outgoing], i64, Manner),
) -> Result<Pushed, Fault> {
    match push_so(connection, who, scope, link, batch, false).await {
        // One of them is somebody else's there. Which, only trying tells.
        Err(Fault::Foreign) => push_so(connection, who, scope, link, batch, true).await,
        other => other,
    }
}

async fn push_so(
    connection: &mut PgConnection,
    who: &Who,
    scope: &Scope,
    link: &Link,
    (rows, upto, manner): (&[Outgoing], i64, Manner),
    one_by_one: bool,
) -> Result<Pushed, Fault> {
    let mut tx = session::begin(connection, who.person.as_str(), false).await?;
    let head = lock(&mut tx, scope).await?;
    let moves = Moves { cursor: None, high: upto };
    let word = session::renew(&mut tx, &who.hub, scope, link.fence.as_deref(), &moves).await?;
    let mut pushed = Pushed { link: link.clone(), landed: Vec::new(), foreign: Vec::new() };
    let mut merged = merged(&mut tx, scope, rows, manner, &mut pushed).await?;
    let mut foreign = one_by_one.then(Vec::new);
    let writing = Writing { scope, manner, foreign: foreign.as_mut() };
    let last = writing.write(&mut tx, head, &mut merged.changed, merged.touched).await?;
    tx.commit().await?;
    pushed.foreign.extend(foreign.into_iter().flatten());
    // What we wrote ourselves need not be pulled, where it is as we have it; what somebody else wrote before must be.
    if link.cursor == head && link.pending.is_none() && merged.as_ours {
        pushed.link.cursor = last;
    }
    pushed.link.fence = Some(word);
    pushed.link.high = link.high.max(upto);
    Ok(pushed)
}

/// Folds the days that somebody's edits by hand have changed.
pub(super) async fn tidy(connection: &mut PgConnection, who: &Who, scope: &Scope, link: &Link) -> Result<Link, Fault> {
    let mut tx = session::begin(connection, who.person.as_str(), false).await?;
    let head = lock(&mut tx, scope).await?;
    let word = session::renew(&mut tx, &who.hub, scope, link.fence.as_deref(), &Moves::default()).await?;
    let writing = Writing { scope, manner: Manner::Changes, foreign: None };
    writing.write(&mut tx, head, &mut BTreeMap::new(), Touched::default()).await?;
    tx.commit().await?;
    Ok(Link { fence: Some(word), ..link.clone() })
}

/// Locks a scope's counter until the end of the transaction; gives where it stands.
async fn lock(tx: &mut PgConnection, scope: &Scope) -> Result<i64, Fault> {
    let sql = format!("SELECT seq FROM {SCHEMA}.sync_clock WHERE scope = $1 FOR UPDATE");
    let head = sqlx::query_scalar(AssertSqlSafe(sql)).bind(scope.to_string()).fetch_optional(tx).await?;
    head.ok_or(Fault::SetBack)
}

/// Rows that are to be written, and the days that follow from them.
struct Merged {
    changed: BTreeMap<&'static str, Rows>,
    touched: Touched,
    /// Whether the server has of them exactly what we have.
    as_ours: bool,
}

async fn merged(
    tx: &mut PgConnection,
    scope: &Scope,
    rows: &[Outgoing],
    manner: Manner,
    pushed: &mut Pushed,
) -> Result<Merged, Fault> {
    let mut merged = Merged { changed: BTreeMap::new(), touched: Touched::default(), as_ours: true };
    let mut losses: Rows = BTreeMap::new();
    for table in TABLES.iter().copied() {
        let ours: Vec<&Outgoing> = rows.iter().filter(|outgoing| outgoing.row.table == table).collect();
        if ours.is_empty() {
            continue;
        }
        let ids: Vec<String> = ours.iter().map(|outgoing| outgoing.row.id.clone()).collect();
        let there = wire::by_ids(tx, table, &ids).await?;
        for outgoing in ours {
            let theirs = there.get(&outgoing.row.id);
            if theirs.is_some_and(|theirs| theirs.scope != *scope) {
                pushed.foreign.push((table, outgoing.row.id.clone()));
                continue;
            }
            let ours = outgoing.row.clone().typed();
            let row = match theirs {
                Some(theirs) => merge(theirs, &ours).map_err(|error| Fault::Here(error.to_string()))?,
                None => ours.clone(),
            };
            let changed = theirs.is_none_or(|theirs| !same(theirs, &row));
            let unseen = |register: &str, clock: &Hlc| outgoing.base.is_unseen(register, clock);
            for lost in theirs.into_iter().flat_map(|theirs| Lost::all(&ours, theirs, &row, unseen)) {
                let entry = lost.entry(&row);
                losses.insert(entry.id.clone(), entry);
            }
            merged.as_ours &= same(&outgoing.row, &row);
            merged.touched.note(theirs, &row, manner);
            pushed.landed.push(Landed { table, id: row.id.clone(), clocks: row.clocks.clone() });
            if changed {
                merged.changed.entry(table.name).or_default().insert(row.id.clone(), row);
            }
        }
    }
    if !losses.is_empty() {
        merged.as_ours = false;
        let ids: Vec<String> = losses.keys().cloned().collect();
        let there = wire::by_ids(tx, &CONFLICTS, &ids).await?;
        let changed = merged.changed.entry(CONFLICTS.name).or_default();
        for (id, entry) in losses {
            let known = changed.get(&id).or_else(|| there.get(&id));
            let row =
                known.map_or_else(|| entry.clone(), |known| merge(known, &entry).unwrap_or_else(|_| known.clone()));
            if known.is_none_or(|known| !same(known, &row)) {
                changed.insert(id, row);
            }
        }
    }
    Ok(merged)
}

/// How rows are written.
struct Writing<'a> {
    scope: &'a Scope,
    manner: Manner,
    /// Where to note rows that are somebody else's there, when they are written one by one to find those.
    foreign: Option<&'a mut Vec<(&'static Table, String)>>,
}

impl Writing<'_> {
    /// Writes what changed and folds the days that follow; gives where the counter stands then. Each row gets a number of its
    /// own.
    async fn write(
        mut self,
        tx: &mut PgConnection,
        head: i64,
        changed: &mut BTreeMap<&'static str, Rows>,
        mut touched: Touched,
    ) -> Result<i64, Fault> {
        let mut cells = changed.remove(COMPLETIONS.name).unwrap_or_default();
        let mut last = head;
        for table in TABLES.iter().copied().filter(|table| *table != &COMPLETIONS) {
            let Some(rows) = changed.remove(table.name) else { continue };
            last = self.put(tx, table, rows, last).await?;
        }
        if self.manner == Manner::Changes {
            touched.take_dirty(tx, self.scope).await?;
        }
        touched.refold(tx, self.scope, &mut cells).await?;
        last = self.put(tx, &COMPLETIONS, cells, last).await?;
        if last != head {
            session::statement("UPDATE {}.sync_clock SET seq = $2 WHERE scope = $1")
                .bind(self.scope.to_string())
                .bind(last)
                .execute(tx)
                .await?;
        }
        Ok(last)
    }

    async fn put(&mut self, tx: &mut PgConnection, table: &'static Table, rows: Rows, last: i64) -> Result<i64, Fault> {
        let rows: Vec<Row> = rows.into_values().collect();
        let Some(foreign) = &mut self.foreign else {
            if !rows.is_empty() {
                wire::upsert(tx, table, self.scope, &rows, last + 1).await?;
            }
            return Ok(last + i64::try_from(rows.len()).unwrap_or(0));
        };
        let mut last = last;
        for row in rows {
            session::statement("SAVEPOINT one").execute(&mut *tx).await?;
            match wire::upsert(tx, table, self.scope, std::slice::from_ref(&row), last + 1).await {
                Ok(()) => last += 1,
                Err(Fault::Foreign) => {
                    session::statement("ROLLBACK TO SAVEPOINT one").execute(&mut *tx).await?;
                    foreign.push((table, row.id));
                }
                Err(fault) => return Err(fault),
            }
            session::statement("RELEASE SAVEPOINT one").execute(&mut *tx).await?;
        }
        Ok(last)
    }
}
