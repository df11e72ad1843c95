//! What a merge does not keep: a value that lost to one whose author had not seen it.

use serde_json::{Map, Value as Json};

use crate::hlc::Hlc;
use crate::ids;
use crate::row::Row;
use crate::schema::{CONFLICTS, DELETED_AT, HABITS, RECOVERY_SESSIONS, Table};
use crate::value::Value;

/// A register of a row of which one version lost to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Lost {
    /// The register.
    pub register: String,
    /// Its columns as they lost.
    pub lost: Map<String, Json>,
    /// Its columns as they stand.
    pub kept: Map<String, Json>,
    /// The clock that lost.
    pub lost_at: Hlc,
    /// The clock that won.
    pub kept_at: Hlc,
}

impl Lost {
    /// What loses when two versions of a row meet in a register: that with the earlier clock. `None` where they say the same,
    /// or where one says nothing.
    #[must_use]
    pub fn between(a: &Row, b: &Row, register: &str) -> Option<Self> {
        let (a_at, b_at) = (a.clocks.get(register)?, b.clocks.get(register)?);
        if a_at == b_at || !is_of_people(a.table, register) {
            return None;
        }
        let (lost, kept) = if a_at < b_at { (a, b) } else { (b, a) };
        let (lost_at, kept_at) = if a_at < b_at { (a_at, b_at) } else { (b_at, a_at) };
        let columns = |row| columns(row, register);
        let (lost, kept) = (columns(lost), columns(kept));
        (lost != kept).then(|| Self {
            register: register.to_owned(),
            lost,
            kept,
            lost_at: lost_at.clone(),
            kept_at: kept_at.clone(),
        })
    }

    /// That a row is deleted which nobody decided to delete: what lost is that it lived, as it was at that clock.
    #[must_use]
    pub fn of_row(deleted: &Row, lived_at: &Hlc) -> Self {
        Self {
            register: DELETED_AT.to_owned(),
            lost: Map::from_iter([(DELETED_AT.to_owned(), Json::Null)]),
            kept: columns(deleted, DELETED_AT),
            lost_at: lived_at.clone(),
            kept_at: deleted.clocks.get(DELETED_AT).unwrap_or(lived_at).clone(),
        }
    }

    /// That a row is deleted in which somebody wrote what whoever deleted it had not seen: of two versions one is deleted, and
    /// the other has later registers. `merged` is what they become.
    #[must_use]
    pub fn of_unseen_edits(a: &Row, b: &Row, merged: &Row) -> Option<Self> {
        let (deleted, alive) = match (a.deleted_at, b.deleted_at) {
            (Some(_), None) => (a, b),
            (None, Some(_)) => (b, a),
            _ => return None,
        };
        if merged.deleted_at.is_none() || merged.table.is_derived() {
            return None;
        }
        let people = alive.clocks.iter().filter(|(name, _)| *name != DELETED_AT && is_of_people(alive.table, name));
        let unseen = people.filter(|(name, clock)| deleted.clocks.get(*name) < Some(*clock));
        Some(Self::of_row(merged, unseen.map(|(_, clock)| clock).max()?))
    }

    /// All that is lost where two versions of a row become `merged`: registers of theirs that whoever wrote ours had not seen, as
    /// `unseen` tells, and a deletion that met an unseen edit.
    #[must_use]
    pub fn all(ours: &Row, theirs: &Row, merged: &Row, unseen: impl Fn(&str, &Hlc) -> bool) -> Vec<Self> {
        let registers = theirs.clocks.iter().filter(|(register, clock)| unseen(register, clock));
        let values = registers.filter_map(|(register, _)| Self::between(ours, theirs, register));
        values.chain(Self::of_unseen_edits(ours, theirs, merged)).collect()
    }

    /// The entry under conflicts. It is the same row, clock by clock, wherever the loss is noticed: no two hubs make two of it.
    #[must_use]
    pub fn entry(&self, of: &Row) -> Row {
        let lost = Json::Object(self.lost.clone()).to_string();
        let id = ids::loss(of.table.name, &of.id, &self.register, &self.lost_at, &lost);
        let at = &self.kept_at;
        let mut entry = Row::new(&CONFLICTS, id, of.scope.clone(), of.user_id.clone(), self.kept_at.millis());
        let kept = Json::Object(self.kept.clone()).to_string();
        for (column, value) in [
            ("kind", Value::from("lost")),
            ("table_name", of.table.name.into()),
            ("row_id", of.id.as_str().into()),
            ("column_name", self.register.as_str().into()),
            ("lost_value", lost.into()),
            ("kept_value", kept.into()),
            ("lost_hlc", self.lost_at.to_string().into()),
            ("kept_hlc", self.kept_at.to_string().into()),
        ] {
            entry.set(column, value, at);
        }
        entry
    }
}

/// Whether people write a register: what only follows from their days is written again wherever they are known, and is no loss
/// to anybody.
fn is_of_people(table: &'static Table, register: &str) -> bool {
    if table == &RECOVERY_SESSIONS {
        return matches!(register, "blockers" | "notes");
    }
    !(table == &HABITS && register == "phase")
}

/// The columns of a register as JSON.
fn columns(row: &Row, register: &str) -> Map<String, Json> {
    if register == DELETED_AT {
        return Map::from_iter([(DELETED_AT.to_owned(), row.deleted_at.map_or(Json::Null, Json::from))]);
    }
    let own = row.table.columns.iter().filter(|column| column.register == register && !column.derived);
    let described: Map<String, Json> =
        own.map(|column| (column.name.to_owned(), row.look(column.name).to_json())).collect();
    if described.is_empty() {
        let value = row.extra.get(register).map_or(Json::Null, Value::to_json);
        return Map::from_iter([(register.to_owned(), value)]);
    }
    described
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ids::UserId;
    use crate::scope::Scope;

    fn version(name: &str, at: i64, node: &str) -> Row {
        let ada = UserId::new("ada").unwrap();
        let mut row = Row::new(&HABITS, "h", Scope::Person(ada.clone()), ada, 1);
        row.set("name", name, &Hlc::from_parts(at, 0, node));
        row
    }

    #[test]
    fn what_whoever_deleted_a_row_had_not_seen_is_noticed_on_either_side() {
        let seen = version("Tea", 5, "a");
        let mut deleted = seen.clone();
        deleted.set_deleted(Some(9), &Hlc::from_parts(9, 0, "b"));
        assert_eq!(Lost::of_unseen_edits(&seen, &deleted, &deleted), None, "what was there was seen");
        let mut edited = seen.clone();
        edited.set("phase", "FORMING", &Hlc::from_parts(10, 0, "a"));
        let both = |edited: &Row| crate::merge::merge(edited, &deleted).unwrap();
        assert_eq!(Lost::of_unseen_edits(&edited, &deleted, &both(&edited)), None, "nobody wrote that");
        // Whether before the deletion or after it.
        for at in [6, 11] {
            edited.set("color", "blue", &Hlc::from_parts(at, 0, "a"));
            let lost = Lost::of_unseen_edits(&edited, &deleted, &both(&edited)).unwrap();
            assert_eq!(lost.lost_at, Hlc::from_parts(at, 0, "a"));
            let other = Lost::of_unseen_edits(&deleted, &edited, &both(&edited)).unwrap();
            assert_eq!(other.entry(&both(&edited)), lost.entry(&both(&edited)));
        }
    }

    #[test]
    fn whoever_notices_a_loss_writes_the_same_entry() {
        let (a, b) = (version("Tea", 1, "a"), version("Coffee", 2, "b"));
        let one = Lost::between(&a, &b, "name").unwrap();
        let other = Lost::between(&b, &a, "name").unwrap();
        assert_eq!(one.entry(&a), other.entry(&b));
        assert_eq!(one.entry(&a).text("lost_value"), r#"{"name":"Tea"}"#);
        assert_eq!(one.entry(&a).text("kept_value"), r#"{"name":"Coffee"}"#);
        assert_eq!(Lost::between(&a, &version("Tea", 2, "b"), "name"), None, "nothing is lost");
        assert_eq!(Lost::between(&a, &a, "name"), None);
        assert_eq!(Lost::between(&a, &b, "color"), None, "nobody wrote it");
    }
}
