//! Examples of what is made of things that have one: a page of days is a list of one such day.

use serde_json::{Map, Value};

/// Gives an example to every named schema that has none of its own and whose parts have theirs.
pub(super) fn add(document: &mut Value) {
    let Some(schemas) = document.pointer("/components/schemas").and_then(Value::as_object).cloned() else { return };
    for (name, schema) in &schemas {
        if own(schema).is_none()
            && let Some(example) = of(schema, &schemas, 0)
            && let Some(schema) = document.pointer_mut(&format!("/components/schemas/{name}"))
        {
            schema["example"] = example;
        }
    }
}

/// How deep parts are looked into; a schema that holds itself has no example.
const DEEPEST: usize = 8;

/// The example that stands at a schema.
pub(super) fn own(schema: &Value) -> Option<&Value> {
    schema.get("example").or_else(|| schema.pointer("/examples/0"))
}

fn of(schema: &Value, schemas: &Map<String, Value>, depth: usize) -> Option<Value> {
    if depth > DEEPEST {
        return None;
    }
    if let Some(example) = own(schema) {
        return Some(example.clone());
    }
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        return of(schemas.get(name.rsplit('/').next()?)?, schemas, depth + 1);
    }
    if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
        return choices.iter().filter(|one| one["type"] != "null").find_map(|one| of(one, schemas, depth + 1));
    }
    let kind = schema.get("type")?;
    if kind == "array" {
        return Some(Value::Array(vec![of(schema.get("items")?, schemas, depth + 1)?]));
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut example = Map::new();
        for (name, property) in properties {
            match of(property, schemas, depth + 1) {
                Some(value) => drop(example.insert(name.clone(), value)),
                None if required.contains(&Value::from(name.as_str())) => return None,
                None => {}
            }
        }
        return Some(Value::Object(example));
    }
    // What may be absent is absent: the `next` of a last page.
    let absent = kind.as_array().is_some_and(|kinds| kinds.contains(&Value::from("null")));
    absent.then_some(Value::Null)
}
