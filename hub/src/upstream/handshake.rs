//! Hello: whether this hub and the server still know each other, and what is to be done if not.
//!
//! The order of the questions matters: a server that was set back is recognised before an absence is.

use kairos_core::scope::Scope;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::fault::Fault;
use super::session;
use super::wire::SCHEMA;
use crate::store::{Link, Pending};

/// What the server finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Both go on from where they stood.
    Ok,
    /// The server has never heard of this hub.
    New,
    /// It stands before what this hub has pulled.
    Behind,
    /// It knows of fewer pushes than this hub made.
    Lost,
    /// It does not know the word that both had.
    Fence,
    /// This hub was away for longer than deletions are kept.
    Gc,
}

impl Verdict {
    /// What is said of it in the log and to an administrator.
    pub(super) fn in_words(self) -> Option<&'static str> {
        match self {
            Self::Ok | Self::New => None,
            Self::Behind | Self::Lost | Self::Fence => {
                Some("The server was set back to an earlier state; this hub brings back what it lacks.")
            }
            Self::Gc => Some(
                "This hub was away for longer than the server remembers deletions; nothing is deleted here for being absent there.",
            ),
        }
    }

    fn pending(self) -> Option<Pending> {
        match self {
            Self::Ok => None,
            Self::New => Some(Pending::First),
            Self::Behind | Self::Lost | Self::Fence => Some(Pending::Full),
            Self::Gc => Some(Pending::Gc),
        }
    }
}

/// Says hello for a scope; gives the verdict and how the scope stands now, which is to be stored before anything else is done.
pub(super) async fn hello(
    connection: &mut PgConnection,
    who: &session::Who,
    scope: &Scope,
    link: &Link,
) -> Result<(Verdict, Link), Fault> {
    let mut tx = session::begin(connection, who.person.as_str(), false).await?;
    let name = scope.to_string();
    session::statement("INSERT INTO {}.sync_clock (scope) VALUES ($1) ON CONFLICT DO NOTHING")
        .bind(&name)
        .execute(&mut *tx)
        .await?;
    let (head, collected) = {
        let sql = format!("SELECT seq, gc_seq FROM {SCHEMA}.sync_clock WHERE scope = $1 FOR UPDATE");
        let row = sqlx::query(AssertSqlSafe(sql)).bind(&name).fetch_one(&mut *tx).await?;
        (row.try_get::<i64, _>(0)?, row.try_get::<i64, _>(1)?)
    };
    let known = {
        let sql = format!(
            "SELECT fence, prev_fence, high_seq FROM {SCHEMA}.hub_state WHERE scope = $1 AND hub = $2 FOR UPDATE"
        );
        sqlx::query(AssertSqlSafe(sql)).bind(&name).bind(&who.hub).fetch_optional(&mut *tx).await?
    };
    let (fence, before, high): (Option<String>, Option<String>, i64) = match &known {
        Some(row) => (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?),
        None => (None, None, 0),
    };
    let verdict = judge(link, known.is_some(), fence.as_deref(), before.as_deref(), high, head, collected);
    let word = session::word();
    // On a reset the word from before the last stays: a lost answer must not look like a server that was set back.
    let kept = match verdict {
        Verdict::Ok | Verdict::New | Verdict::Gc => link.fence.clone(),
        _ => before,
    };
    session::statement(
        "INSERT INTO {}.hub_state (scope, hub, fence, prev_fence, high_seq, cursor, seen_at)
         VALUES ($1, $2, $3, $4, 0, $5, {}.now_ms())
         ON CONFLICT (scope, hub) DO UPDATE SET fence = $3, prev_fence = $4, cursor = $5, seen_at = {}.now_ms()",
    )
    .bind(&name)
    .bind(&who.hub)
    .bind(&word)
    .bind(kept)
    .bind(link.cursor)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    let pending = match (verdict.pending(), link.pending) {
        // What is not done yet stays to be done.
        (None, pending) => pending,
        (Some(Pending::Gc), Some(pending)) => Some(pending),
        (Some(pending), _) => Some(pending),
    };
    let high = if verdict.pending().is_some() { high } else { link.high };
    Ok((verdict, Link { fence: Some(word), pending, high, ..link.clone() }))
}

fn judge(
    link: &Link,
    is_known: bool,
    fence: Option<&str>,
    before: Option<&str>,
    high: i64,
    head: i64,
    collected: i64,
) -> Verdict {
    let Some(ours) = link.fence.as_deref() else {
        let fresh = link.cursor == 0 && link.pushed == 0;
        return if fresh { Verdict::New } else { Verdict::Fence };
    };
    if !is_known || (Some(ours) != fence && Some(ours) != before) {
        Verdict::Fence
    } else if link.cursor > head {
        Verdict::Behind
    } else if link.high > high {
        Verdict::Lost
    } else if link.cursor < collected && link.pending.is_none() {
        Verdict::Gc
    } else {
        Verdict::Ok
    }
}
