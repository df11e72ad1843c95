//! Collecting: what was deleted long ago, and every hub has read since, goes from the server for good.
//!
//! The server counts the days, and one hub asks it: the one that has the lease of the scope. Who was away for longer than
//! deletions are kept hears so at its next hello.

use kairos_core::scope::Scope;
use sqlx::{AssertSqlSafe, PgConnection};

use super::fault::Fault;
use super::session::{self, Who};
use super::wire::SCHEMA;

const DAY: i64 = 24 * 60 * 60 * 1000;
/// For how long deletions are kept, in milliseconds.
const KEPT: i64 = 400 * DAY;
/// How often a scope is looked through.
pub(super) const EVERY: i64 = DAY;
/// How many rows go at once; meanwhile nobody writes in that scope.
const MOST: i64 = if cfg!(test) { 2 } else { 2000 };

/// Takes the next of the old tombstones of a scope away; gives whether there may be more.
pub(super) async fn collect(connection: &mut PgConnection, who: &Who, scope: &Scope) -> Result<bool, Fault> {
    let mut tx = session::begin(connection, who.person.as_str(), false).await?;
    let sql = format!("SELECT {SCHEMA}.collect_some($1, $2, {SCHEMA}.now_ms(), $3)");
    let asked = sqlx::query_scalar(AssertSqlSafe(sql)).bind(scope.to_string()).bind(KEPT).bind(MOST);
    let gone: i64 = asked.fetch_one(&mut *tx).await?;
    let more = gone == MOST;
    if !more {
        session::statement("UPDATE {}.sync_clock SET collected_at = {}.now_ms() WHERE scope = $1")
            .bind(scope.to_string())
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    if gone > 0 {
        tracing::info!(rows = gone, "Old deletions that every hub has read went from the server.");
    }
    Ok(more)
}
