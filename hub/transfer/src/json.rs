//! Bounded JSON: counted before it becomes a tree.

use serde_json::Value;

use crate::fault::Fault;
use crate::limits;

/// Reads a text that is neither too long, too deep nor too full.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, Fault> {
    if bytes.len() > limits::JSON {
        return Err(Fault::too_much("Bytes of JSON", limits::JSON));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    measure(bytes)?;
    serde_json::from_slice(bytes).map_err(|error| {
        // The error's own text may quote the file; its place is enough.
        let place = format!("line {}, column {}", error.line(), error.column());
        let message = if error.is_eof() { "The JSON ends too early." } else { "This is not JSON." };
        Fault::at(place, message)
    })
}

/// The signs of a JSON text that make its structure, with their places: what stands in its texts is left out.
pub(crate) fn signs(bytes: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let (mut quoted, mut escaped) = (false, false);
    bytes.iter().copied().enumerate().filter(move |(_, byte)| {
        if quoted {
            (quoted, escaped) = match byte {
                _ if escaped => (true, false),
                b'\\' => (true, true),
                b'"' => (false, false),
                _ => (true, false),
            };
            return false;
        }
        quoted = *byte == b'"';
        matches!(byte, b'[' | b'{' | b']' | b'}' | b',')
    })
}

/// Counts values and depth without building anything.
fn measure(bytes: &[u8]) -> Result<(), Fault> {
    let (mut depth, mut values) = (0_usize, 1_usize);
    for (_, sign) in signs(bytes) {
        match sign {
            b'[' | b'{' => {
                depth += 1;
                values += 1;
            }
            b',' => values += 1,
            _ => depth = depth.saturating_sub(1),
        }
        if depth > limits::JSON_DEPTH {
            return Err(Fault::too_much("Levels of JSON", limits::JSON_DEPTH));
        }
        if values > limits::JSON_VALUES {
            return Err(Fault::too_much("Values of JSON", limits::JSON_VALUES));
        }
    }
    Ok(())
}

/// The text of a field, or nothing when it is absent or something else.
pub(crate) fn text<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str)
}

/// The finite number of a field.
pub(crate) fn number(object: &Value, key: &str) -> Option<f64> {
    object.get(key).and_then(Value::as_f64).filter(|number| number.is_finite())
}

/// The whole number of a field, also when it is written `1.0`.
pub(crate) fn integer(object: &Value, key: &str) -> Option<i64> {
    let value = object.get(key)?;
    value.as_i64().or_else(|| value.as_f64().and_then(crate::reading::whole))
}

/// Whether a field is true.
pub(crate) fn truth(object: &Value, key: &str) -> bool {
    object.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// The list of a field; an absent one is empty, anything else is a fault.
pub(crate) fn list<'a>(object: &'a Value, key: &str, place: &str) -> Result<&'a [Value], Fault> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(Fault::at(place, format!("`{key}` must be a list."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_deep_or_too_full_is_refused_before_it_is_built() {
        let deep = "[".repeat(100_000);
        assert!(parse(deep.as_bytes()).unwrap_err().message.contains("32"));
        let full = format!("[{}0]", "0,".repeat(limits::JSON_VALUES));
        assert!(parse(full.as_bytes()).unwrap_err().message.contains("1500000"));
        let quoted = format!("\"{}\"", "[,\\\"".repeat(1000));
        assert!(parse(quoted.as_bytes()).is_ok(), "what stands in a text does not count");
        let long = vec![b' '; limits::JSON + 1];
        assert!(parse(&long).is_err());
    }

    #[test]
    fn a_broken_text_is_refused_with_its_place() {
        let fault = parse(b"{\"habits\":\n [1,}").unwrap_err();
        assert_eq!(fault.to_string(), "line 2, column 5: This is not JSON.");
        assert_eq!(parse(b"{\"habits\":").unwrap_err().message, "The JSON ends too early.");
    }
}
