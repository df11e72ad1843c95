//! Who somebody is at the provider of accounts, told to the server and asked of it: all houses make the same person.

use kairos_core::ids::UserId;
use sqlx::{AssertSqlSafe, PgConnection};

use super::fault::Fault;
use super::session;
use super::wire::SCHEMA;

/// Says who a person is at a provider; `false`: the server knows that subject as somebody else.
pub(super) async fn tell(
    connection: &mut PgConnection,
    person: &UserId,
    provider: &str,
    subject: &str,
) -> Result<bool, Fault> {
    let mut tx = session::begin(connection, person.as_str(), false).await?;
    let sql = format!("SELECT {SCHEMA}.link_identity($1, $2)");
    let known: String = sqlx::query_scalar(AssertSqlSafe(sql)).bind(provider).bind(subject).fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(known == person.as_str())
}

/// Who a subject of a provider is; `None`: nobody said so yet.
pub(super) async fn ask(connection: &mut PgConnection, provider: &str, subject: &str) -> Result<Option<UserId>, Fault> {
    let sql = format!("SELECT {SCHEMA}.person_of($1, $2)");
    let known: Option<String> =
        sqlx::query_scalar(AssertSqlSafe(sql)).bind(provider).bind(subject).fetch_one(connection).await?;
    known.map(|known| UserId::new(known).map_err(|_| Fault::broken("an identity of no person"))).transpose()
}
