//! Columns of a table, as a client sets them: read and described by what core says of the table.

use std::collections::BTreeMap;
use std::fmt;

use kairos_core::command::Fields;
use kairos_core::schema::{Column, Kind, MAX_AMOUNT, Preset, Rule, Table};
use kairos_core::value::Value;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Value as Json, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, KnownFormat, Object, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};

use super::error::ApiError;

/// Columns by their names, each at most once: of two values the last must not quietly win. Unknown ones are refused by
/// name, at the door.
pub(super) struct Columns(BTreeMap<String, Json>);

impl Columns {
    /// The values, as the table's columns take them.
    pub(super) fn into_fields(self, table: &Table) -> Result<Fields, ApiError> {
        let value = |(name, json): (String, Json)| match table.column(&name) {
            Some(column) => match Value::for_column(column, json) {
                Ok(value) => Ok((name, value)),
                Err(wrong) => Err(ApiError::field(&name, format!("{name} {wrong}."))),
            },
            // The door says that there is no such column.
            None => Ok((name, Value::Null)),
        };
        self.0.into_iter().map(value).collect()
    }
}

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EachOnce)
    }
}

struct EachOnce;

impl<'de> Visitor<'de> for EachOnce {
    type Value = Columns;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of columns")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Columns, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, value)) = entries.next_entry::<String, Json>()? {
            if fields.contains_key(&name) {
                let name: String = name.chars().take(64).flat_map(char::escape_debug).collect();
                return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
            }
            fields.insert(name, value);
        }
        Ok(Columns(fields))
    }
}

/// Describes the columns of a table that may be set, but those that are closed.
pub(super) fn described(table: &Table, closed: &[&str], text: &str, example: Json) -> RefOr<Schema> {
    let open = table.columns.iter().filter(|column| !column.derived && !closed.contains(&column.name));
    open.fold(ObjectBuilder::new(), |object, column| object.property(column.name, property(column)))
        .description(Some(text))
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
        .examples([example])
        .into()
}

fn property(column: &Column) -> Object {
    let mut kinds = match column.kind {
        // Flags are 0 and 1, or said as such.
        Kind::Integer => vec![Type::Integer, Type::Boolean],
        Kind::Real => vec![Type::Number],
        // Nested values may stand as they are.
        Kind::Text if column.rule == Rule::Json => vec![Type::String, Type::Array, Type::Object],
        Kind::Text => vec![Type::String],
    };
    if !matches!((column.kind, column.rule), (Kind::Integer, Rule::Range(..=1, 1..))) {
        kinds.retain(|kind| *kind != Type::Boolean);
    }
    let mut object = ObjectBuilder::new().description(Some(column.doc));
    let mut words: Option<Vec<Json>> = None;
    match column.rule {
        Rule::OneOf(all) => words = Some(all.iter().map(|word| json!(word)).collect()),
        Rule::Range(low, high) => object = object.minimum(Some(low as f64)).maximum(Some(high as f64)),
        Rule::Length(most) | Rule::Prose(most) => {
            let least = (column.preset == Preset::Required).then_some(1);
            object = object.min_length(least).max_length(Some(most));
        }
        Rule::Date => object = object.format(Some(SchemaFormat::KnownFormat(KnownFormat::Date))),
        Rule::Time => object = object.pattern(Some("^([01][0-9]|2[0-3]):[0-5][0-9]$")),
        Rule::Amount => object = object.exclusive_minimum(Some(0.0)).maximum(Some(MAX_AMOUNT)),
        Rule::Any | Rule::Zone | Rule::Json => {}
    }
    if column.nullable() {
        kinds.push(Type::Null);
        words.iter_mut().for_each(|words| words.push(Json::Null));
    }
    let kind = match kinds.as_slice() {
        [one] => SchemaType::Type(one.clone()),
        _ => SchemaType::Array(kinds),
    };
    object.schema_type(kind).enum_values(words).build()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::extract::FromRequest as _;
    use axum::http::StatusCode;
    use kairos_core::schema::{HABITS, ROUTINES};

    use super::*;
    use crate::http::extract;

    fn fields(table: &Table, json: &str) -> Result<Fields, ApiError> {
        serde_json::from_str::<Columns>(json).unwrap().into_fields(table)
    }

    #[test]
    fn a_nested_value_is_taken_only_where_json_belongs() {
        let fine = fields(&HABITS, r#"{"name":"Water","active_days":[1,3],"target_value":8,"color":null}"#).unwrap();
        assert_eq!(fine["active_days"], "[1,3]".into());
        assert_eq!((&fine["target_value"], &fine["color"]), (&Value::Integer(8), &Value::Null));
        for (table, json, field) in [
            (&HABITS, r#"{"name":{"a":1}}"#, "name"),
            (&HABITS, r#"{"name":["a"]}"#, "name"),
            (&HABITS, r#"{"name":true}"#, "name"),
            (&HABITS, r#"{"step":[1]}"#, "step"),
            (&ROUTINES, r#"{"name":{"a":1}}"#, "name"),
        ] {
            let told = fields(table, json).unwrap_err();
            assert_eq!((told.status, &told.details["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &field.into()));
        }
        assert!(fields(&HABITS, r#"{"nonsense":{"a":1}}"#).unwrap().contains_key("nonsense"), "the door says so");
    }

    #[tokio::test]
    async fn a_column_that_stands_twice_is_named() {
        let body = r#"{"name":"Water","kind":"avoid","name":"Wine"}"#;
        let request = axum::http::Request::post("/").header("content-type", "application/json").body(body.into());
        let told = extract::Json::<Columns>::from_request(request.unwrap(), &()).await.err().unwrap();
        assert_eq!((told.status, told.code), (StatusCode::BAD_REQUEST, "invalid_body"));
        assert_eq!(told.details["field"], "name");
        assert!(told.message.contains("duplicate field `name`"), "{}", told.message);
    }
}
