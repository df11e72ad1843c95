//! Pushing: rows as they stand here, merged with what the server has, inside one transaction that holds the scope's counter.
//!
//! Everybody who writes rows of a scope waits for that counter, so reading, merging and writing back is safe, and the merge is
//! the one rule of core. What is pushed twice changes nothing.

use std::borrow::Cow;
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
use crate::store::{Landed, Link, Outgoing, Pending};

/// The highest number a row may have.
const HIGHEST: i64 = 1 << 53;

/// Rows of one table by their ids.
pub(super) type Rows = BTreeMap<String, Row>;
/// Rows that are to be written, by their ids: as they stand here, or as they were merged.
pub(super) type Changed<'a> = BTreeMap<String, Cow<'a, Row>>;
/// The same of all tables, by their names.
pub(super) type AllChanged<'a> = BTreeMap<&'static str, Changed<'a>>;

/// What was done.
#[derive(Debug)]
pub(super) struct Pushed {
    /// How the scope stands with the server now.
    pub(super) link: Link,
    /// What the server has of the rows that were pushed.
    pub(super) landed: Vec<Landed>,
    /// Rows whose id belongs to somebody else there: they stay here.
    pub(super) foreign: Vec<(&'static Table, String)>,
    /// Rows that the server has otherwise than they were here.
    pub(super) otherwise: Vec<Row>,
    /// Where the cursor stands once those are taken in; `None`: somebody else wrote before, and all of it must be pulled.
    pub(super) cursor: Option<i64>,
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
    // What is being settled reads from the beginning: how far it is, the pages tell.
    let moves = Moves { cursor: link.pending.is_none().then_some(link.cursor), high: upto };
    let word = session::renew(&mut tx, &who.hub, scope, link.fence.as_deref(), &moves).await?;
    let mut pushed =
        Pushed { link: link.clone(), landed: Vec::new(), foreign: Vec::new(), otherwise: Vec::new(), cursor: None };
    let merged = merged(&mut tx, scope, rows, manner, &mut pushed).await?;
    let mut foreign = one_by_one.then(Vec::new);
    let writing = Writing { scope, manner, foreign: foreign.as_mut() };
    let last = writing.write(&mut tx, head, merged).await?;
    tx.commit().await?;
    pushed.foreign.extend(foreign.into_iter().flatten());
    // What we wrote ourselves need not be pulled; what somebody else wrote before must be.
    if link.cursor == head && matches!(link.pending, None | Some(Pending::First)) {
        pushed.cursor = Some(last);
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
    writing.write(&mut tx, head, Merged::default()).await?;
    tx.commit().await?;
    Ok(Link { fence: Some(word), ..link.clone() })
}

/// Locks a scope's counter until the end of the transaction; gives where it stands.
async fn lock(tx: &mut PgConnection, scope: &Scope) -> Result<i64, Fault> {
    let sql = format!("SELECT seq FROM {SCHEMA}.sync_clock WHERE scope = $1 FOR UPDATE");
    let head = sqlx::query_scalar(AssertSqlSafe(sql)).bind(scope.to_string()).fetch_optional(tx).await?;
    let head: i64 = head.ok_or(Fault::SetBack)?;
    // No hub counts so far in the life of a world; and what is added to it stays a number.
    if (0..=HIGHEST).contains(&head) {
        Ok(head)
    } else {
        Err(Fault::broken("a counter that no hub has counted to (sync_clock)"))
    }
}

/// Rows that are to be written, and the days that follow from them.
#[derive(Default)]
struct Merged<'a> {
    changed: AllChanged<'a>,
    touched: Touched,
    /// What the server has of the days among them.
    days: Rows,
}

async fn merged<'a>(
    tx: &mut PgConnection,
    scope: &Scope,
    rows: &'a [Outgoing],
    manner: Manner,
    pushed: &mut Pushed,
) -> Result<Merged<'a>, Fault> {
    let mut merged = Merged::default();
    let mut losses: Rows = BTreeMap::new();
    for table in TABLES.iter().copied() {
        let ours: Vec<&Outgoing> = rows.iter().filter(|outgoing| outgoing.row.table == table).collect();
        if ours.is_empty() {
            continue;
        }
        let ids: Vec<&str> = ours.iter().map(|outgoing| outgoing.row.id.as_str()).collect();
        let there = wire::by_ids(tx, table, &ids).await?;
        for outgoing in ours {
            let theirs = there.get(&outgoing.row.id);
            if theirs.is_some_and(|theirs| theirs.scope != *scope) {
                pushed.foreign.push((table, outgoing.row.id.clone()));
                continue;
            }
            let ours = typed(&outgoing.row);
            let (row, changed) = match theirs {
                Some(theirs) => {
                    let row = merge(theirs, &ours).map_err(|error| Fault::Here(error.to_string()))?;
                    let unseen = |register: &str, clock: &Hlc| outgoing.base.is_unseen(register, clock);
                    for lost in Lost::all(&ours, theirs, &row, unseen) {
                        let entry = lost.entry(&row);
                        losses.insert(entry.id.clone(), entry);
                    }
                    let changed = there.is_mended(&row.id) || !same(theirs, &row);
                    (Cow::Owned(row), changed)
                }
                None => (ours, true),
            };
            let as_read = matches!(row, Cow::Borrowed(_)) || same(&outgoing.row, &row);
            if !as_read {
                pushed.otherwise.push(row.as_ref().clone());
            }
            merged.touched.note(theirs, &row, manner);
            // Of a row of which nothing was unknown there, nothing is to be noted.
            if !(as_read && outgoing.base.is_empty()) {
                pushed.landed.push(Landed { table, id: row.id.clone(), clocks: row.clocks.clone(), as_read });
            }
            if changed {
                merged.changed.entry(table.name).or_default().insert(row.id.clone(), row);
            }
        }
        if table == &COMPLETIONS {
            merged.days = there.rows;
        }
    }
    if !losses.is_empty() {
        let changed = merged.changed.entry(CONFLICTS.name).or_default();
        pushed.otherwise.extend(keep(tx, losses, changed).await?);
    }
    Ok(merged)
}

/// The row as every database can hold it: itself, for nearly all.
fn typed(row: &Row) -> Cow<'_, Row> {
    if row.is_typed() { Cow::Borrowed(row) } else { Cow::Owned(row.clone().typed()) }
}

/// Puts what was lost among the conflicts that are to be written, or merges it into what is there of it; gives how it stands
/// there then.
async fn keep(tx: &mut PgConnection, losses: Rows, changed: &mut Changed<'_>) -> Result<Vec<Row>, Fault> {
    let ids: Vec<&str> = losses.keys().map(String::as_str).collect();
    let there = wire::by_ids(tx, &CONFLICTS, &ids).await?;
    let mut kept = Vec::with_capacity(losses.len());
    for (id, entry) in losses {
        let known = changed.get(&id).map(AsRef::as_ref).or_else(|| there.get(&id));
        let row = known.map_or_else(|| entry.clone(), |known| merge(known, &entry).unwrap_or_else(|_| known.clone()));
        kept.push(row.clone());
        if known.is_none_or(|known| !same(known, &row)) {
            changed.insert(id, Cow::Owned(row));
        }
    }
    Ok(kept)
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
    async fn write(mut self, tx: &mut PgConnection, head: i64, merged: Merged<'_>) -> Result<i64, Fault> {
        let Merged { mut changed, mut touched, days, .. } = merged;
        let mut cells = changed.remove(COMPLETIONS.name).unwrap_or_default();
        if self.manner == Manner::Changes {
            touched.take_dirty(tx, self.scope).await?;
        }
        // Before anything is written: what is written is known here, and need not be read back.
        let world = touched.read(tx, self.scope, days).await?;
        let mut last = head;
        for table in TABLES.iter().copied().filter(|table| *table != &COMPLETIONS) {
            let Some(rows) = changed.get_mut(table.name) else { continue };
            last = self.put(tx, table, rows, last).await?;
        }
        if let Some(world) = world {
            world.over(&changed).refold(&mut cells);
        }
        last = self.put(tx, &COMPLETIONS, &mut cells, last).await?;
        if last != head {
            session::statement("UPDATE {}.sync_clock SET seq = $2 WHERE scope = $1")
                .bind(self.scope.to_string())
                .bind(last)
                .execute(tx)
                .await?;
        }
        Ok(last)
    }

    /// Writes rows of a table, numbered from the next on; what is somebody else's there leaves `rows`.
    async fn put(
        &mut self,
        tx: &mut PgConnection,
        table: &'static Table,
        rows: &mut Changed<'_>,
        last: i64,
    ) -> Result<i64, Fault> {
        let Some(foreign) = &mut self.foreign else {
            if !rows.is_empty() {
                let all: Vec<&Row> = rows.values().map(AsRef::as_ref).collect();
                wire::upsert(tx, table, self.scope, &all, last + 1).await?;
            }
            return Ok(last + i64::try_from(rows.len()).unwrap_or(0));
        };
        let mut last = last;
        let ids: Vec<String> = rows.keys().cloned().collect();
        for id in ids {
            let Some(row) = rows.get(&id) else { continue };
            session::statement("SAVEPOINT one").execute(&mut *tx).await?;
            match wire::upsert(tx, table, self.scope, &[row.as_ref()], last + 1).await {
                Ok(()) => last += 1,
                Err(Fault::Foreign) => {
                    session::statement("ROLLBACK TO SAVEPOINT one").execute(&mut *tx).await?;
                    rows.remove(&id);
                    foreign.push((table, id));
                }
                Err(fault) => return Err(fault),
            }
            session::statement("RELEASE SAVEPOINT one").execute(&mut *tx).await?;
        }
        Ok(last)
    }
}
