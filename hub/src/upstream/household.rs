//! Households: who of this hub speaks for one on the server, and telling the server who belongs to it.
//!
//! The server lets in whom its own list of members names, and that list changes by one function only. What this hub says there
//! follows from the rows, once they are merged: a hub that was away does not bring back whom others let go.

use kairos_core::ids::{HouseholdId, UserId};
use kairos_core::scope::Scope;
use sqlx::{AssertSqlSafe, PgConnection};

use super::fault::Fault;
use super::session;
use super::wire::SCHEMA;
use crate::store::Seat;

/// Finds somebody of this hub whom the server lets into a household; makes the household there when it has none of that id.
///
/// `None`: the server lets nobody of this hub in, until an administrator of the household, on whichever hub, takes them in.
pub(super) async fn speaker(
    connection: &mut PgConnection,
    household: &HouseholdId,
    seats: &[Seat],
) -> Result<Option<UserId>, Fault> {
    let mut seats: Vec<&Seat> = seats.iter().collect();
    seats.sort_by_key(|seat| (seat.left, !seat.admin));
    let scope = Scope::Household(household.clone()).to_string();
    let sql = format!("SELECT $1 = ANY({SCHEMA}.scopes())");
    for seat in &seats {
        let mut tx = session::begin(connection, seat.user.as_str(), false).await?;
        let lets_in: bool = sqlx::query_scalar(AssertSqlSafe(sql.clone())).bind(&scope).fetch_one(&mut *tx).await?;
        tx.rollback().await?;
        if lets_in {
            return Ok(Some(seat.user.clone()));
        }
    }
    for seat in seats.into_iter().filter(|seat| seat.admin && !seat.left) {
        if set(connection, &seat.user, household, seat).await? {
            return Ok(Some(seat.user.clone()));
        }
    }
    Ok(None)
}

/// Tells the server who belongs to a household, in the name of somebody it lets in.
pub(super) async fn tell(
    connection: &mut PgConnection,
    speaker: &UserId,
    household: &HouseholdId,
    seats: &[Seat],
) -> Result<(), Fault> {
    let mut seats: Vec<&Seat> = seats.iter().collect();
    // Oneself last: whoever is no administrator any more, or gone, says nothing of others.
    seats.sort_by_key(|seat| (seat.user == *speaker, seat.left));
    for seat in seats {
        if !set(connection, speaker, household, seat).await? {
            tracing::debug!(%household, member = %seat.user, "The server leaves this to an administrator of the household.");
        }
    }
    Ok(())
}

/// Says how somebody stands in a household; gives whether the server took it.
async fn set(
    connection: &mut PgConnection,
    speaker: &UserId,
    household: &HouseholdId,
    seat: &Seat,
) -> Result<bool, Fault> {
    let mut tx = session::begin(connection, speaker.as_str(), false).await?;
    let said = session::statement("SELECT {}.set_member($1, $2, $3, $4)")
        .bind(household.as_str())
        .bind(seat.user.as_str())
        .bind(seat.admin && !seat.left)
        .bind(!seat.left)
        .execute(&mut *tx)
        .await;
    match said.map_err(Fault::from) {
        Ok(_) => {
            tx.commit().await?;
            Ok(true)
        }
        Err(Fault::Refused(_)) => {
            tx.rollback().await?;
            Ok(false)
        }
        Err(fault) => Err(fault),
    }
}
