//! Rows: values, and beside them the clock each register was last written at.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::Millis;
use crate::hlc::Hlc;
use crate::ids::UserId;
use crate::repair;
use crate::schema::{Column, DELETED_AT, Kind, Table};
use crate::scope::Scope;
use crate::value::Value;

/// One row of a synced table, as stored: registers as merged, unrepaired.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its table.
    pub table: &'static Table,
    /// Its id, unique in the table over all scopes.
    pub id: String,
    /// Who may see it. Immutable.
    pub scope: Scope,
    /// Who wrote it first. Says nothing about who may see it.
    pub user_id: UserId,
    /// When it was made.
    pub created_at: Millis,
    /// When it was deleted, if it was: a register with a clock of its own.
    pub deleted_at: Option<Millis>,
    /// Values of the described columns. One that is absent has its preset.
    pub columns: BTreeMap<&'static str, Value>,
    /// Columns nobody described, kept and given back.
    pub extra: BTreeMap<String, Value>,
    /// The clock of each register that was ever written; unknown columns are registers of their own.
    pub clocks: BTreeMap<Cow<'static, str>, Hlc>,
    /// When the row last changed in any way, a new fold of its derived columns included.
    pub touched: Option<Hlc>,
}

impl Row {
    /// A row with nothing set.
    #[must_use]
    pub fn new(
        table: &'static Table,
        id: impl Into<String>,
        scope: Scope,
        user_id: UserId,
        created_at: Millis,
    ) -> Self {
        Self {
            table,
            id: id.into(),
            scope,
            user_id,
            created_at,
            deleted_at: None,
            columns: BTreeMap::new(),
            extra: BTreeMap::new(),
            clocks: BTreeMap::new(),
            touched: None,
        }
    }

    /// Sets one described column at a clock. Names that are not described are ignored.
    pub fn set(&mut self, name: &str, value: impl Into<Value>, at: &Hlc) {
        let Some(column) = self.table.column(name) else { return };
        self.columns.insert(column.name, value.into());
        self.touch(at);
        if !column.derived {
            self.stamp(column.register, at);
        }
    }

    /// Gives every described register the same clock: a row written at one moment.
    pub fn stamp_all(&mut self, at: &Hlc) {
        self.touch(at);
        for column in self.table.columns.iter().filter(|column| !column.derived) {
            self.stamp(column.register, at);
        }
    }

    /// Notes a change that is no register's: derived columns were folded again.
    pub fn touch(&mut self, at: &Hlc) {
        if self.touched.as_ref() < Some(at) {
            self.touched = Some(at.clone());
        }
    }

    /// Deletes or revives the row at a clock.
    pub fn set_deleted(&mut self, deleted_at: Option<Millis>, at: &Hlc) {
        self.deleted_at = deleted_at;
        self.touch(at);
        self.stamp(DELETED_AT, at);
    }

    /// Moves clocks that are ahead of a reading back to it: a row that came with a clock set wrong.
    pub fn hold_clocks(&mut self, latest: Millis, at: &Hlc) {
        for clock in self.clocks.values_mut().chain(self.touched.as_mut()) {
            if clock.millis() > latest {
                *clock = at.clone();
            }
        }
    }

    /// Gives a register the clock of a write, which is later than what it writes over: a clock elsewhere may have run ahead, and
    /// whoever writes now means what they see now.
    fn stamp(&mut self, register: &'static str, at: &Hlc) {
        let at = match self.clocks.get(register) {
            Some(stored) if stored > at => stored.next(at.node()),
            _ => at.clone(),
        };
        self.clocks.insert(Cow::Borrowed(register), at);
    }

    /// A column's value; its preset when it was never set.
    #[must_use]
    pub fn get(&self, name: &str) -> Value {
        self.look(name).into_owned()
    }

    /// As [`Row::get`], without a copy of what is there.
    #[must_use]
    pub fn look(&self, name: &str) -> Cow<'_, Value> {
        match self.columns.get(name) {
            Some(value) => Cow::Borrowed(value),
            None => Cow::Owned(self.table.column(name).map_or(Value::Null, |column| column.preset.value(column.kind))),
        }
    }

    /// A column's text, empty when it has none.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        self.opt_text(name).unwrap_or_default()
    }

    /// A column's text, if it has one.
    #[must_use]
    pub fn opt_text(&self, name: &str) -> Option<String> {
        match self.look(name) {
            Cow::Owned(Value::Text(text)) => Some(text),
            value => value.as_text().map(str::to_owned),
        }
    }

    /// A column's whole number, if it has one.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.look(name).as_integer()
    }

    /// A column's number, if it has one.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<f64> {
        self.look(name).as_number()
    }

    /// The latest clock of the row: the maximum of all, never merged itself.
    #[must_use]
    pub fn hlc(&self) -> Option<&Hlc> {
        self.clocks.values().max().max(self.touched.as_ref())
    }

    /// When the row last changed.
    #[must_use]
    pub fn updated_at(&self) -> Millis {
        self.hlc().map_or(self.created_at, Hlc::millis)
    }

    /// The row as every database can hold it: each value of its column's kind, and no text with a NUL. A value that is not so
    /// has none that would be nearer; it becomes nothing, which `repair` shows as the column's preset. So are the names of unknown
    /// columns ([`Row::clean_names`]).
    #[must_use]
    pub fn typed(mut self) -> Self {
        self.clean_names();
        let text = |text: String| if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text };
        for (name, value) in &mut self.columns {
            let Some(column) = self.table.column(name) else { continue };
            let typed = match (column.kind, std::mem::replace(value, Value::Null)) {
                (Kind::Text, Value::Text(words)) => Value::Text(text(words)),
                (Kind::Text, Value::Integer(number)) => Value::Text(number.to_string()),
                (Kind::Text, Value::Real(number)) => Value::Text(number.to_string()),
                (Kind::Integer, Value::Integer(number)) => Value::Integer(number),
                #[allow(clippy::cast_possible_truncation)] // whole, and far below 2^53
                (Kind::Integer, Value::Real(number)) if number.fract() == 0.0 && number.abs() < 9e15 => {
                    Value::Integer(number as i64)
                }
                #[allow(clippy::cast_precision_loss)] // amounts, far below 2^53
                (Kind::Real, Value::Integer(number)) => Value::Real(number as f64),
                // Zero has one sign.
                (Kind::Real, Value::Real(number)) if number.is_finite() => {
                    Value::Real(if number == 0.0 { 0.0 } else { number })
                }
                _ => Value::Null,
            };
            *value = typed;
        }
        for value in self.extra.values_mut() {
            match value {
                Value::Text(words) => *words = text(std::mem::take(words)),
                // A whole number is one however it is written: databases keep the number, not its spelling.
                #[allow(clippy::cast_possible_truncation)] // whole, and in the range of 64 bits
                Value::Real(number) if number.fract() == 0.0 && number.abs() < 9.2e18 => {
                    *value = Value::Integer(*number as i64);
                }
                _ => {}
            }
        }
        self
    }

    /// Whether it is as [`Row::typed`] makes it; most rows are, and need no copy.
    #[must_use]
    pub fn is_typed(&self) -> bool {
        let fits = |column: &Column| match (column.kind, self.columns.get(column.name)) {
            (_, None | Some(Value::Null)) | (Kind::Integer, Some(Value::Integer(_))) => true,
            (Kind::Text, Some(Value::Text(words))) => !words.contains('\0'),
            (Kind::Real, Some(Value::Real(number))) => {
                number.is_finite() && (*number != 0.0 || number.is_sign_positive())
            }
            _ => false,
        };
        let known = |name: &str| name == DELETED_AT || self.table.registers().contains(&name);
        self.extra.is_empty()
            && self.table.columns.iter().all(fits)
            && self.clocks.keys().all(|register| known(register.as_ref()))
    }

    /// Gives unknown columns names that every database can hold, and lets go of those whose name has a place of its own in the
    /// row. Where two come to have one name, the later stands: what is left follows from the row alone, whoever does it.
    pub fn clean_names(&mut self) {
        let unfit = |name: &str| name.contains('\0');
        let names = self.extra.keys().map(String::as_str).chain(self.clocks.keys().map(AsRef::as_ref));
        let unfit: BTreeSet<String> = names.filter(|name| unfit(name)).map(str::to_owned).collect();
        for name in unfit {
            let (value, clock) = (self.extra.remove(&name), self.clocks.remove(name.as_str()));
            let name = name.replace('\0', "\u{fffd}");
            let stands = (self.clocks.get(name.as_str()), self.extra.get(&name));
            if (clock.as_ref(), value.as_ref()) > stands {
                self.extra.extend(value.map(|value| (name.clone(), value)));
                self.clocks.extend(clock.map(|clock| (Cow::Owned(name), clock)));
            }
        }
        let table = self.table;
        let is_taken = |name: &str| is_own(name) || table.column(name).is_some() || table.registers().contains(&name);
        let taken: Vec<String> = self.extra.keys().filter(|name| is_taken(name)).cloned().collect();
        for name in taken {
            self.extra.remove(&name);
            if name != DELETED_AT && !table.registers().contains(&name.as_str()) {
                self.clocks.remove(name.as_str());
            }
        }
        // A clock needs something to speak of.
        let is_known = |name: &str| name == DELETED_AT || table.registers().contains(&name);
        self.clocks.retain(|name, _| is_known(name) || !is_taken(name));
        for name in self.clocks.keys().filter(|name| !is_known(name)) {
            self.extra.entry(name.to_string()).or_insert(Value::Null);
        }
    }

    /// The registers the row has: its described columns', its unknown columns, its deletion if it was ever deleted.
    pub fn registers(&self) -> impl Iterator<Item = Cow<'static, str>> {
        let deletion = (self.deleted_at.is_some() && !self.table.is_derived()).then_some(Cow::Borrowed(DELETED_AT));
        let unknown: Vec<Cow<'static, str>> = self.extra.keys().cloned().map(Cow::Owned).collect();
        self.table.registers().iter().copied().map(Cow::Borrowed).chain(unknown).chain(deletion)
    }

    /// Whether all its registers have the row's own clock: then that one is stored, and no others.
    #[must_use]
    pub fn has_one_clock(&self) -> bool {
        let Some(hlc) = self.hlc() else { return true };
        if !self.clocks.values().all(|clock| clock == hlc) {
            return false;
        }
        if self.extra.is_empty() && self.deleted_at.is_none() {
            // Both in the order of their names.
            return self.clocks.keys().map(AsRef::as_ref).eq(self.table.registers().iter().copied());
        }
        self.clocks.len() == self.registers().count()
            && self.registers().all(|register| self.clocks.contains_key(&register))
    }

    /// Gives every register the row's own clock, as [`Row::has_one_clock`] tells it was stored.
    pub fn spread_clock(&mut self, hlc: &Hlc) {
        self.clocks = self.registers().map(|register| (register, hlc.clone())).collect();
    }

    /// The row as clients see it: repaired, with every described column and the unknown ones.
    ///
    /// Clocks are not part of it.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Map<String, serde_json::Value> {
        match serde_json::to_value(Shown(&repair::shown(self))) {
            Ok(serde_json::Value::Object(json)) => json,
            // Keys are text and numbers finite: there is nothing that JSON could not hold.
            _ => serde_json::Map::new(),
        }
    }

    /// The same as text: encoded once, at commit, and served as it is.
    #[must_use]
    pub fn to_json_text(&self) -> String {
        serde_json::to_string(&Shown(&repair::shown(self))).unwrap_or_default()
    }
}

/// Whether this is the name of something that every row has.
fn is_own(name: &str) -> bool {
    matches!(name, "id" | "scope" | "user_id" | "created_at" | "updated_at" | "hlc" | DELETED_AT)
}

/// A sound row on its way to clients; a described name wins over an unknown column of the same name.
struct Shown<'a>(&'a Row);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = self.0;
        let mut json = serializer.serialize_map(None)?;
        json.serialize_entry("id", &row.id)?;
        json.serialize_entry("scope", &row.scope.to_string())?;
        json.serialize_entry("user_id", row.user_id.as_str())?;
        for column in row.table.columns {
            json.serialize_entry(column.name, &*row.look(column.name))?;
        }
        json.serialize_entry("created_at", &row.created_at)?;
        json.serialize_entry("updated_at", &row.updated_at())?;
        json.serialize_entry("hlc", &row.hlc())?;
        json.serialize_entry(DELETED_AT, &row.deleted_at)?;
        for (name, value) in &row.extra {
            if !is_own(name) && row.table.column(name).is_none() {
                json.serialize_entry(name, value)?;
            }
        }
        json.end()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::schema::HABITS;

    #[test]
    fn what_is_written_over_a_clock_that_ran_ahead_stands() {
        let ada = UserId::new("ada").unwrap();
        let mut row = Row::new(&HABITS, "h", Scope::Person(ada.clone()), ada, 1);
        row.set("name", "Tea", &Hlc::from_parts(900, 0, "ahead"));
        let theirs = row.clone();
        row.set("name", "Coffee", &Hlc::from_parts(5, 0, "here"));
        assert_eq!(row.clocks["name"], Hlc::from_parts(900, 1, "here"));
        assert_eq!(crate::merge::merge(&theirs, &row).unwrap().text("name"), "Coffee");
        // Columns of one register are written at one moment.
        row.set("freq_num", 3, &Hlc::from_parts(6, 0, "here"));
        row.set("freq_den", 7, &Hlc::from_parts(6, 0, "here"));
        assert_eq!(row.clocks["quota"], Hlc::from_parts(6, 0, "here"));
    }

    #[test]
    fn a_row_every_database_can_hold_has_values_of_its_columns_kinds() {
        let ada = UserId::new("ada").unwrap();
        let mut row = Row::new(&HABITS, "h", Scope::Person(ada.clone()), ada, 1);
        row.columns.insert("name", "a\0b".into());
        row.columns.insert("freq_num", Value::Real(2.0));
        row.columns.insert("freq_den", "seven".into());
        row.columns.insert("target_value", Value::Integer(8));
        row.extra.insert("mood".into(), Value::Real(1e16));
        let typed = row.clone().typed();
        assert!(!row.is_typed() && !Row { extra: BTreeMap::new(), ..row.clone() }.is_typed());
        assert!(Row { extra: BTreeMap::new(), ..typed.clone() }.is_typed());
        assert_eq!(typed.text("name"), "a\u{fffd}b");
        assert_eq!((&typed.columns["freq_num"], &typed.columns["freq_den"]), (&Value::Integer(2), &Value::Null));
        assert_eq!(
            (&typed.columns["target_value"], &typed.extra["mood"]),
            (&Value::Real(8.0), &Value::Integer(10_000_000_000_000_000))
        );
    }

    #[test]
    fn names_that_no_database_can_hold_are_cleaned_the_same_way_everywhere() {
        let ada = UserId::new("ada").unwrap();
        let at = |millis| Hlc::from_parts(millis, 0, "a");
        let mut row = Row::new(&HABITS, "h", Scope::Person(ada.clone()), ada, 1);
        row.stamp_all(&at(9));
        for (name, value, millis) in [
            ("z\0z", "older", 1),
            ("z\u{fffd}z", "newer", 2),
            ("\0", "kept", 3),
            ("quota", "no column", 4),
            ("hlc", "", 5),
        ] {
            row.extra.insert(name.into(), value.into());
            if name != "quota" {
                row.clocks.insert(Cow::Owned(name.into()), at(millis));
            }
        }
        // A clock that speaks of nothing.
        row.clocks.insert("only\0".into(), at(6));
        let clean = row.typed();
        let extra: Vec<_> = clean.extra.iter().map(|(name, value)| (name.as_str(), value.as_text())).collect();
        assert_eq!(extra, [("only\u{fffd}", None), ("z\u{fffd}z", Some("newer")), ("\u{fffd}", Some("kept"))]);
        assert_eq!((&clean.clocks["z\u{fffd}z"], &clean.clocks["\u{fffd}"]), (&at(2), &at(3)));
        assert_eq!((&clean.clocks["quota"], clean.clocks.get("hlc")), (&at(9), None));
        assert!(clean.clocks.keys().all(|name| !name.contains('\0')));
        assert_eq!(clean.clone().typed(), clean);
    }
}
