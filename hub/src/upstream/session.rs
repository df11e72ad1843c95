//! A connection to the server's database, and the transactions on it: each as one person, in the hub's own role.

use std::time::Duration;

use kairos_core::ids::UserId;
use kairos_core::scope::Scope;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres, Transaction};

use super::fault::Fault;
use super::wire::SCHEMA;

/// How long the server may take for the first thing of a step. One that says nothing for so long is not reached, whatever the
/// connection looks like from here: a proxy or a line may keep it open for hours.
const BEGIN: Duration = Duration::from_secs(15);
/// How long a whole step may take, a push of a long stretch over a thin line among them.
const STEP: Duration = Duration::from_secs(60);

/// Takes a step; one that finds no end leaves a connection behind that is good for nothing.
pub(super) async fn step<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    tokio::time::timeout(STEP, work).await.map_err(|_| Fault::silent())?
}

/// Who speaks to the server.
#[derive(Debug, Clone)]
pub(super) struct Who {
    /// This life of this hub: a restored database is another.
    pub(super) hub: String,
    /// As whom rows are read and written: the person they belong to, or a member of the household.
    pub(super) person: UserId,
}

/// Begins a transaction as a person; `snapshot`: all it reads is of one moment.
pub(super) async fn begin<'a>(
    connection: &'a mut PgConnection,
    person: &str,
    snapshot: bool,
) -> Result<Transaction<'a, Postgres>, Fault> {
    let begin = if snapshot { "BEGIN ISOLATION LEVEL REPEATABLE READ" } else { "BEGIN" };
    // One way there and back for both.
    let person = person.replace('\'', "''");
    let begin = AssertSqlSafe(format!("{begin}; SELECT set_config('kairos.user_id', '{person}', true)"));
    Ok(tokio::time::timeout(BEGIN, connection.begin_with(begin)).await.map_err(|_| Fault::silent())??)
}

/// A statement of ours, to be bound and run; `{}` in it stands for the schema.
pub(super) fn statement(sql: &str) -> Query<'static, Postgres, PgArguments> {
    sqlx::query(AssertSqlSafe(sql.replace("{}", SCHEMA)))
}

/// Compares the word that this hub presents with those the server knows, and renews it; gives the new one.
pub(super) async fn renew(
    tx: &mut PgConnection,
    hub: &str,
    scope: &Scope,
    presented: Option<&str>,
    moves: &Moves,
) -> Result<String, Fault> {
    let word = word();
    let done = statement(
        "UPDATE {}.hub_state SET fence = $4, prev_fence = $3, cursor = coalesce($5, cursor),
           high_seq = greatest(high_seq, $6), seen_at = {}.now_ms()
         WHERE scope = $1 AND hub = $2 AND $3 IN (fence, prev_fence)",
    )
    .bind(scope.to_string())
    .bind(hub)
    .bind(presented)
    .bind(&word)
    .bind(moves.cursor)
    .bind(moves.high)
    .execute(tx)
    .await?;
    if done.rows_affected() == 1 { Ok(word) } else { Err(Fault::SetBack) }
}

/// What of a hub's standing moves with a transaction.
#[derive(Debug, Default)]
pub(super) struct Moves {
    /// Up to where it has pulled.
    pub(super) cursor: Option<i64>,
    /// Up to where it has pushed.
    pub(super) high: i64,
}

/// A word that nobody can guess.
pub(super) fn word() -> String {
    crate::random::bytes::<8>().iter().map(|byte| format!("{byte:02x}")).collect()
}
