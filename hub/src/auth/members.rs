//! Who belongs to which household, in memory: it says what a person may see, at every request.

use std::collections::{BTreeSet, HashMap};

use kairos_core::change::Change;
use kairos_core::ids::{HouseholdId, UserId};
use kairos_core::row::Row;
use kairos_core::schema::HOUSEHOLD_MEMBERS;
use kairos_core::scope::Scope;

/// Memberships by the id of their row. As many as there are rows, which is people times households.
#[derive(Debug, Default)]
pub(super) struct Members(HashMap<String, (UserId, HouseholdId)>);

impl Members {
    /// From the living rows.
    pub(super) fn of(rows: &[Row]) -> Self {
        let member = |row: &Row| {
            let household = HouseholdId::new(row.text("household_id")).ok()?;
            Some((row.id.clone(), belongs(&row.scope, &row.user_id, household)?))
        };
        Self(rows.iter().filter_map(member).collect())
    }

    /// The households of a person, in the order of their ids.
    pub(super) fn households(&self, user: &UserId) -> BTreeSet<HouseholdId> {
        self.0.values().filter(|(member, _)| member == user).map(|(_, household)| household.clone()).collect()
    }

    /// Takes in what became of a row; gives the people whose households are no longer the same.
    pub(super) fn change(&mut self, row_id: &str, now: Option<(UserId, HouseholdId)>) -> Vec<UserId> {
        let people: BTreeSet<UserId> =
            [self.0.get(row_id), now.as_ref()].into_iter().flatten().map(|(user, _)| user.clone()).collect();
        let before: Vec<_> = people.into_iter().map(|user| (self.households(&user), user)).collect();
        match now {
            Some(member) => self.0.insert(row_id.to_owned(), member),
            None => self.0.remove(row_id),
        };
        before.into_iter().filter(|(was, user)| *was != self.households(user)).map(|(_, user)| user).collect()
    }
}

/// A membership counts in the household's own scope only: nobody joins one by a row of their own.
fn belongs(scope: &Scope, user: &UserId, household: HouseholdId) -> Option<(UserId, HouseholdId)> {
    (*scope == Scope::Household(household.clone())).then(|| (user.clone(), household))
}

/// What a change of a member's row says: who belongs where now, if anybody. `None` when it is of another table.
pub(super) fn told_by(change: &Change) -> Option<Option<(UserId, HouseholdId)>> {
    if change.table != HOUSEHOLD_MEMBERS.name {
        return None;
    }
    let member = || {
        let row: serde_json::Value = serde_json::from_str(change.row.as_deref()?).ok()?;
        let household = HouseholdId::new(row["household_id"].as_str()?).ok()?;
        belongs(&change.scope, &UserId::new(row["user_id"].as_str()?).ok()?, household)
    };
    Some(member())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_who_is_concerned_hears_of_it() {
        let (ada, bo) = (UserId::new("ada").unwrap(), UserId::new("bo").unwrap());
        let home = HouseholdId::new("home").unwrap();
        let member = |user: &UserId| Some((user.clone(), home.clone()));
        let mut members = Members::default();
        assert_eq!(members.change("1", member(&ada)), std::slice::from_ref(&ada));
        assert!(members.change("1", member(&ada)).is_empty(), "a new name of a member");
        assert!(members.change("2", member(&ada)).is_empty(), "twice the same");
        assert!(members.change("2", None).is_empty());
        assert_eq!(members.change("1", member(&bo)), [ada.clone(), bo.clone()]);
        assert_eq!(members.households(&bo).len(), 1);
        assert_eq!(members.change("1", None), [bo]);
        assert!(members.change("1", None).is_empty() && members.households(&ada).is_empty());
    }

    #[test]
    fn a_row_outside_its_household_makes_nobody_a_member() {
        let ada = UserId::new("ada").unwrap();
        let row = |scope: &str, household: &str| {
            let mut row = Row::new(&HOUSEHOLD_MEMBERS, "m", Scope::parse(scope).unwrap(), ada.clone(), 0);
            row.columns.insert("household_id", household.into());
            Members::of(&[row]).households(&ada).len()
        };
        assert_eq!(
            [row("h:home", "home"), row("u:ada", "home"), row("h:other", "home"), row("h:home", "")],
            [1, 0, 0, 0]
        );
    }
}
