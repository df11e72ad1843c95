//! Scopes: the fence around rows and the unit of sync.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{BadId, HouseholdId, UserId};

/// Who may see a row: one person, or a household. Immutable once a row exists.
///
/// `user_id` on a row says who wrote it and is never the fence; this is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scope {
    /// Private to one person: `u:<user>`.
    Person(UserId),
    /// Shared in a household: `h:<household>`.
    Household(HouseholdId),
}

impl Scope {
    /// Reads the text form.
    ///
    /// # Errors
    /// [`BadId`] when the text is neither `u:<id>` nor `h:<id>`.
    pub fn parse(text: &str) -> Result<Self, BadId> {
        match text.split_once(':') {
            Some(("u", id)) => Ok(Self::Person(UserId::new(id)?)),
            Some(("h", id)) => Ok(Self::Household(HouseholdId::new(id)?)),
            _ => Err(BadId),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(id) => write!(f, "u:{id}"),
            Self::Household(id) => write!(f, "h:{id}"),
        }
    }
}

impl TryFrom<String> for Scope {
    type Error = BadId;
    fn try_from(text: String) -> Result<Self, BadId> {
        Self::parse(&text)
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn text_form_goes_both_ways_and_refuses_the_rest() {
        for text in ["u:ada", "h:0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d"] {
            assert_eq!(Scope::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "ada", "u:", "x:ada", "u:a b", "U:ada"] {
            assert!(Scope::parse(text).is_err(), "{text}");
        }
    }
}
