//! The lease of a scope: the server lets one hub do there what time itself does, until it has not asked again for a while.

use std::time::Duration;

use kairos_core::scope::Scope;
use sqlx::{AssertSqlSafe, PgConnection};

use super::collect;
use super::fault::Fault;
use super::session::{self, Who};
use super::wire::SCHEMA;

/// Who has a scope, by the server's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    /// For how long another hub has it; `None`: it is this hub's.
    pub(super) elsewhere: Option<Duration>,
    /// Whether it is time to collect its old tombstones, for who has it.
    pub(super) is_due: bool,
}

/// Asks for a scope.
pub(super) async fn ask(
    connection: &mut PgConnection,
    who: &Who,
    scope: &Scope,
    term: Duration,
) -> Result<Lease, Fault> {
    let mut tx = session::begin(connection, who.person.as_str(), false).await?;
    // A term that ends later than any term can is of a clock that was wrong.
    session::statement(
        "INSERT INTO {}.engine_lease AS l (scope, hub, until) VALUES ($1, $2, kairos.now_ms() + $3)
         ON CONFLICT (scope) DO UPDATE SET hub = $2, until = excluded.until
         WHERE l.hub = $2 OR l.until < kairos.now_ms() OR l.until > kairos.now_ms() + $3",
    )
    .bind(scope.to_string())
    .bind(&who.hub)
    .bind(i64::try_from(term.as_millis()).unwrap_or(i64::MAX))
    .execute(&mut *tx)
    .await?;
    let sql = format!(
        "SELECT l.hub, l.until - {SCHEMA}.now_ms(), c.collected_at NOT BETWEEN {SCHEMA}.now_ms() - $2 AND {SCHEMA}.now_ms()
         FROM {SCHEMA}.engine_lease l JOIN {SCHEMA}.sync_clock c USING (scope) WHERE l.scope = $1"
    );
    let asked = sqlx::query_as(AssertSqlSafe(sql)).bind(scope.to_string()).bind(collect::EVERY);
    let (hub, rest, is_due): (String, i64, bool) = asked.fetch_one(&mut *tx).await?;
    tx.commit().await?;
    let elsewhere = (hub != who.hub).then(|| Duration::from_millis(u64::try_from(rest).unwrap_or(0)));
    Ok(Lease { elsewhere, is_due })
}
