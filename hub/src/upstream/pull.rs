//! Pulling: the rows of a scope that changed on the server after our cursor, a page at a time, each page one snapshot.

use std::collections::HashSet;

use kairos_core::schema::Table;
use kairos_core::scope::Scope;
use sqlx::{AssertSqlSafe, PgConnection};

use super::fault::Fault;
use super::session::{self, Moves, Who};
use super::wire::{self, SCHEMA};
use crate::commands::Arrived;
use crate::store::Link;

/// How many rows a page has.
pub(super) const PAGE: usize = if cfg!(test) { 7 } else { 1000 };

/// For how long a hub counts as just seen, in milliseconds: so often one that has nothing to say writes that it is there.
const SEEN_FOR: i64 = 60 * 60 * 1000;

/// What is to be done because of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct News {
    /// It has something after our cursor.
    pub(super) is_ahead: bool,
    /// Somebody edited it by hand, and days are to be folded there.
    pub(super) is_dirty: bool,
}

/// Asks for news; where the server has not seen this hub for an hour, that it is there and how far it has read is noted on the
/// way, without a new word.
pub(super) async fn news(connection: &mut PgConnection, who: &Who, scope: &Scope, link: &Link) -> Result<News, Fault> {
    let mut tx = session::begin(connection, who.person.as_str(), false).await?;
    // What was seen later than now was seen by a clock that was wrong.
    let sql = format!(
        "WITH seen AS (
           UPDATE {SCHEMA}.hub_state SET seen_at = {SCHEMA}.now_ms(), cursor = $3
           WHERE scope = $1 AND hub = $2 AND $4 IN (fence, prev_fence)
             AND seen_at NOT BETWEEN {SCHEMA}.now_ms() - {SEEN_FOR} AND {SCHEMA}.now_ms()
         )
         SELECT (SELECT seq FROM {SCHEMA}.sync_clock WHERE scope = $1), EXISTS (SELECT FROM {SCHEMA}.dirty WHERE scope = $1)"
    );
    let asked = sqlx::query_as(AssertSqlSafe(sql)).bind(scope.to_string()).bind(&who.hub);
    let found: (Option<i64>, bool) = asked.bind(link.cursor).bind(&link.fence).fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(News { is_ahead: found.0 != Some(link.cursor), is_dirty: found.1 })
}

/// Fetches the next page; the link in it holds the new cursor and word, to be stored together with the rows.
pub(super) async fn page(
    connection: &mut PgConnection,
    who: &Who,
    scope: &Scope,
    link: &Link,
    most: usize,
) -> Result<Arrived, Fault> {
    let mut tx = session::begin(connection, who.person.as_str(), true).await?;
    let found = wire::page(&mut tx, scope, link.cursor, i64::try_from(most).unwrap_or(i64::MAX)).await?;
    let cursor = found.last.unwrap_or(link.cursor);
    let moves = Moves { cursor: Some(cursor), high: 0 };
    let word = session::renew(&mut tx, &who.hub, scope, link.fence.as_deref(), &moves).await?;
    tx.commit().await?;
    for (table, id) in &found.unreadable {
        tracing::warn!(
            table = table.name,
            id,
            "The server has a row that cannot be read, or is too large; it stays there."
        );
    }
    let rows = found.rows.into_iter().map(|stored| (stored.row, stored.mended)).collect();
    let link = Link { cursor, fence: Some(word), ..link.clone() };
    let by = who.person.clone();
    Ok(Arrived { scope: scope.clone(), by, rows, unreadable: found.unreadable, more: found.last.is_some(), link })
}

/// The ids of all rows of a table that the server has of a scope, deleted ones too.
pub(super) async fn ids(
    connection: &mut PgConnection,
    who: &Who,
    scope: &Scope,
    table: &'static Table,
) -> Result<HashSet<String>, Fault> {
    let mut tx = session::begin(connection, who.person.as_str(), false).await?;
    let sql = format!("SELECT id FROM {SCHEMA}.{} WHERE scope = $1", table.name);
    let found: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).bind(scope.to_string()).fetch_all(&mut *tx).await?;
    tx.rollback().await?;
    Ok(found.into_iter().collect())
}
