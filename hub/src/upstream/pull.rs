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

/// What is to be done because of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct News {
    /// It has something after our cursor.
    pub(super) is_ahead: bool,
    /// Somebody edited it by hand, and days are to be folded there.
    pub(super) is_dirty: bool,
}

/// Asks for news; without a word, since it moves nothing.
pub(super) async fn news(connection: &mut PgConnection, who: &Who, scope: &Scope, cursor: i64) -> Result<News, Fault> {
    let mut tx = session::begin(connection, who.person.as_str(), false).await?;
    let sql = format!(
        "SELECT (SELECT seq FROM {SCHEMA}.sync_clock WHERE scope = $1), EXISTS (SELECT FROM {SCHEMA}.dirty WHERE scope = $1)"
    );
    let found: (Option<i64>, bool) =
        sqlx::query_as(AssertSqlSafe(sql)).bind(scope.to_string()).fetch_one(&mut *tx).await?;
    tx.rollback().await?;
    Ok(News { is_ahead: found.0 != Some(cursor), is_dirty: found.1 })
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
