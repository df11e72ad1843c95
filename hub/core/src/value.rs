//! The values a column can hold: what SQLite, Postgres and `PowerSync` clients all know.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::schema::{Column, Kind, Rule};

/// A column's value.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Absent.
    Null,
    /// Integers, and booleans as 0 and 1.
    Integer(i64),
    /// Finite numbers.
    Real(f64),
    /// Text, and nested values as JSON text.
    Text(String),
}

impl Value {
    /// Whether this is [`Value::Null`].
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if it is one.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The number, be it integer or real.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            #[allow(clippy::cast_precision_loss)] // amounts and thresholds, far below 2^53
            Self::Integer(number) => Some(*number as f64),
            Self::Real(number) => Some(*number),
            _ => None,
        }
    }

    /// Takes a JSON value: booleans become 0 and 1, nested values JSON text.
    ///
    /// Numbers beyond 64 bits become reals; JSON has no NaN, so none can arrive.
    #[must_use]
    pub fn from_json(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(truth) => Self::Integer(i64::from(truth)),
            serde_json::Value::Number(number) => number
                .as_i64()
                .map(Self::Integer)
                .or_else(|| number.as_f64().filter(|n| n.is_finite()).map(Self::Real))
                .unwrap_or(Self::Null),
            serde_json::Value::String(text) => Self::Text(text),
            nested => Self::Text(nested.to_string()),
        }
    }

    /// Takes a JSON value for one column: as [`Value::from_json`], but nested values only where JSON belongs, and
    /// numbers as they are.
    ///
    /// # Errors
    /// What the column holds instead, to end a sentence.
    pub fn for_column(column: &Column, json: serde_json::Value) -> Result<Self, &'static str> {
        match (&json, column.kind) {
            (serde_json::Value::Array(_) | serde_json::Value::Object(_), _) if column.rule == Rule::Json => {}
            (serde_json::Value::Null, _)
            | (serde_json::Value::String(_), Kind::Text)
            | (serde_json::Value::Bool(_), Kind::Integer)
            | (serde_json::Value::Number(_), Kind::Integer | Kind::Real) => {}
            (_, kind) => return Err(kind.expected()),
        }
        Ok(Self::from_json(json))
    }

    /// The value as JSON.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Integer(number) => (*number).into(),
            Self::Real(number) => (*number).into(),
            Self::Text(text) => text.as_str().into(),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Integer(_) | Self::Real(_) => 1,
            Self::Text(_) => 2,
        }
    }
}

/// A total order, so that a merge with equal clocks still has one winner everywhere.
impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Integer(_) | Self::Real(_), Self::Integer(_) | Self::Real(_)) => {
                let (a, b) = (self.as_number().unwrap_or(0.0), other.as_number().unwrap_or(0.0));
                // 1 and 1.0 differ in kind only; the kind breaks the tie.
                a.total_cmp(&b).then_with(|| matches!(self, Self::Real(_)).cmp(&matches!(other, Self::Real(_))))
            }
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        if number.is_finite() { Self::Real(number) } else { Self::Null }
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::schema::HABITS;

    #[test]
    fn nested_values_are_for_json_columns_only() {
        let value = |name: &str, json| Value::for_column(HABITS.column(name).unwrap(), json);
        assert_eq!(value("active_days", json!([1, 3])), Ok("[1,3]".into()));
        assert_eq!(value("active_days", json!("[1,3]")), Ok("[1,3]".into()));
        assert_eq!(value("name", json!("Water")), Ok("Water".into()));
        assert_eq!(value("name", json!(null)), Ok(Value::Null));
        assert_eq!(value("target_value", json!(8)), Ok(Value::Integer(8)));
        assert_eq!(value("name", json!({ "a": 1 })), Err("must be text"));
        assert_eq!(value("name", json!([])), Err("must be text"));
        assert_eq!(value("name", json!(true)), Err("must be text"));
        assert_eq!(value("target_value", json!([8])), Err("must be a number"));
        assert_eq!(value("target_value", json!(true)), Err("must be a number"));
        assert_eq!(value("lapse_threshold_days", json!({})), Err("must be a whole number"));
    }
}
