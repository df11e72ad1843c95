//! The document is walked: what it says of each operation is complete, and its examples are what they are examples of.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};

use super::examples::own;

/// The document as it is served.
fn document() -> Value {
    super::complete(&crate::http::description())
}

/// Follows a `$ref`.
fn resolved<'a>(document: &'a Value, mut part: &'a Value) -> &'a Value {
    while let Some(reference) = part.get("$ref").and_then(Value::as_str) {
        part =
            document.pointer(reference.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{reference} is nowhere"));
    }
    part
}

/// What is wrong with a value, as far as such schemas go.
fn wrong(document: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    let schema = resolved(document, schema);
    for part in schema["allOf"].as_array().into_iter().flatten() {
        if let Some(told) = wrong(document, part, value, at) {
            return Some(told);
        }
    }
    for name in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[name].as_array()
            && !choices.iter().any(|one| wrong(document, one, value, at).is_none())
        {
            return Some(format!("{at}: {value} is none of {name}"));
        }
    }
    let kinds = match &schema["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    let is = |kind: &str| match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{at}: what is a {other}?"),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is(kind)) {
        return Some(format!("{at}: {value} is no {kinds:?}"));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Some(format!("{at}: {value} is none of {words:?}"));
    }
    let number = |name: &str| schema[name].as_f64();
    if let Some(given) = value.as_f64()
        && (number("minimum").is_some_and(|least| given < least) || number("maximum").is_some_and(|most| given > most))
    {
        return Some(format!("{at}: {given} is out of range"));
    }
    if let Some(text) = value.as_str()
        && schema["maxLength"].as_u64().is_some_and(|most| text.chars().count() as u64 > most)
    {
        return Some(format!("{at}: {text} is too long"));
    }
    if let Some(items) = value.as_array()
        && let Some(item) = schema.get("items")
    {
        return items.iter().find_map(|one| wrong(document, item, one, &format!("{at}[]")));
    }
    let object = value.as_object()?;
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(name) {
            return Some(format!("{at}: there is no {name}"));
        }
    }
    let properties = schema["properties"].as_object();
    for (name, value) in object {
        match properties.and_then(|properties| properties.get(name)) {
            Some(property) => {
                if let Some(told) = wrong(document, property, value, &format!("{at}.{name}")) {
                    return Some(told);
                }
            }
            None if schema["additionalProperties"] == false => return Some(format!("{at}: {name} is not described")),
            None => {}
        }
    }
    None
}

/// The example of a body: its own, or that of its schema.
fn example<'a>(document: &'a Value, content: &'a Value) -> Option<&'a Value> {
    let of_schema = |schema: &'a Value| own(resolved(document, schema));
    content.get("example").or_else(|| of_schema(&content["schema"])).or_else(|| {
        // A body that may be absent.
        content["schema"]["oneOf"].as_array()?.iter().find_map(of_schema)
    })
}

#[test]
fn every_operation_is_described_as_a_whole() {
    let document = document();
    let mut faults = Vec::new();
    let mut walked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            walked += 1;
            let at = format!("{} {path}", method.to_uppercase());
            let mut fault = |told: &str| faults.push(format!("{at}: {told}"));
            if operation["summary"].as_str().is_none_or(str::is_empty) || operation["tags"][0].is_null() {
                fault("no summary or no tag");
            }
            let parameters: Vec<&Value> =
                operation["parameters"].as_array().into_iter().flatten().map(|one| resolved(&document, one)).collect();
            let takes = |name: &str| parameters.iter().any(|one| one["name"] == name);
            for part in path.split('{').skip(1) {
                let name = part.split('}').next().unwrap();
                if !takes(name) {
                    fault(&format!("{{{name}}} is not described"));
                }
            }
            let responses = operation["responses"].as_object().unwrap();
            if responses.contains_key("default") {
                fault("any answer at all is described");
            }
            let open = operation["security"].as_array().is_some_and(|all| all.contains(&json!({})));
            if open == responses.contains_key("401") && !path.starts_with("/api/auth/") {
                fault("who may ask, and 401, do not agree");
            }
            let bodies = operation.get("requestBody").map(|body| ("what is asked".to_owned(), body));
            let answers = responses.iter().map(|(status, answer)| (status.clone(), resolved(&document, answer)));
            for (what, part) in bodies.into_iter().chain(answers) {
                let Some(content) = part["content"].get("application/json") else {
                    if what.starts_with(['4', '5']) && part.get("content").is_none() {
                        fault(&format!("{what} has no body"));
                    }
                    continue;
                };
                let Some(example) = example(&document, content) else {
                    if !what.starts_with(['4', '5']) {
                        fault(&format!("{what} has no example"));
                    }
                    continue;
                };
                if let Some(told) = wrong(&document, &content["schema"], example, "") {
                    fault(&format!("{what}: its example is not so: {told}"));
                }
            }
            let listed = responses.iter().filter(|(status, _)| status.starts_with('2')).find_map(|(_, answer)| {
                let schema = resolved(&document, &answer["content"]["application/json"]["schema"]);
                let properties = schema["properties"].as_object()?;
                properties.contains_key("items").then(|| properties.get("next"))
            });
            match listed.map(|next| next.map(|next| next["description"].as_str().unwrap_or_default())) {
                None => {}
                Some(None) => fault("a list has a next"),
                // One page, always.
                Some(Some(next)) if next.starts_with("Always null") => {}
                Some(Some(next)) => {
                    let name = next.split('`').nth(1).unwrap_or_default();
                    if !takes(name) {
                        fault(&format!("the next page is asked for with {name:?}, which is not described"));
                    }
                    if !takes("limit") {
                        fault("a list of several pages has a limit");
                    }
                }
            }
        }
    }
    assert!(walked > 70, "{walked} operations");
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn every_named_example_is_what_it_is_an_example_of() {
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        if let Some(example) = own(schema) {
            assert_eq!(wrong(&document, schema, example, name), None);
        }
    }
}

#[test]
fn such_a_check_sees_what_is_wrong() {
    let schema = json!({
        "type": "object", "required": ["a"], "additionalProperties": false,
        "properties": { "a": { "type": ["integer", "null"], "maximum": 3 }, "b": { "type": "array", "items": { "enum": ["x"] } } }
    });
    for fine in [json!({ "a": 1 }), json!({ "a": null, "b": ["x", "x"] })] {
        assert_eq!(wrong(&schema, &schema, &fine, ""), None);
    }
    for odd in
        [json!({}), json!({ "a": "1" }), json!({ "a": 4 }), json!({ "a": 1, "b": ["y"] }), json!({ "a": 1, "c": 1 })]
    {
        assert!(wrong(&schema, &schema, &odd, "").is_some(), "{odd}");
    }
}
