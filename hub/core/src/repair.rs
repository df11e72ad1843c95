//! Valid rows: the rules, and the deterministic way back to them.
//!
//! A merge of two valid rows is always storable but may break a rule that spans registers. Rows are
//! stored as merged; [`repaired`] is applied whenever one is read, so every hub shows the same.
//! [`faults`] is what the door uses to refuse bad input from a person.

use std::borrow::Cow;

use jiff::civil::Date;

use crate::row::Row;
use crate::schema::{Column, Kind, MAX_AMOUNT, MAX_JSON, Preset, Rule};
use crate::value::Value;

/// A column that does not hold what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The column.
    pub column: &'static str,
    /// What it should hold, for a person.
    pub message: String,
}

/// A rule across columns that a row does not meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// What is wrong.
    pub fault: Fault,
    /// The other column of the rule.
    pub with: &'static str,
}

/// Checks one value against its column.
///
/// # Errors
/// A sentence that says what would be right.
pub fn check(column: &Column, value: &Value) -> Result<(), String> {
    if value.is_null() {
        return if column.nullable() { Ok(()) } else { Err("is required".into()) };
    }
    let kind_fits = matches!(
        (column.kind, value),
        (Kind::Text, Value::Text(_))
            | (Kind::Integer, Value::Integer(_))
            | (Kind::Real, Value::Real(_) | Value::Integer(_))
    );
    if !kind_fits {
        return Err(column.kind.expected().into());
    }
    if value.as_text().is_some_and(|text| text.contains('\0')) {
        return Err("must not hold a NUL character".into());
    }
    match column.rule {
        Rule::Any => Ok(()),
        Rule::OneOf(words) => {
            let word = value.as_text().unwrap_or_default();
            if words.contains(&word) { Ok(()) } else { Err(format!("must be one of {}", words.join(", "))) }
        }
        Rule::Range(low, high) => {
            if value.as_integer().is_some_and(|number| (low..=high).contains(&number)) {
                Ok(())
            } else {
                Err(format!("must be from {low} to {high}"))
            }
        }
        Rule::Length(most) => {
            let text = value.as_text().unwrap_or_default();
            if text.chars().any(char::is_control) {
                Err("must be one line, without control characters".into())
            } else if column.preset == Preset::Required && text.trim().is_empty() {
                Err("must not be empty".into())
            } else {
                no_longer_than(text, most)
            }
        }
        Rule::Prose(most) => {
            let text = value.as_text().unwrap_or_default();
            if text.chars().any(is_noise) {
                Err("must not hold control characters other than line breaks and tabs".into())
            } else {
                no_longer_than(text, most)
            }
        }
        Rule::Date => parse_date(value.as_text().unwrap_or_default())
            .map(|_| ())
            .ok_or_else(|| "must be a date such as 2026-11-24".into()),
        Rule::Time => {
            if is_time(value.as_text().unwrap_or_default()) {
                Ok(())
            } else {
                Err("must be a time such as 07:30".into())
            }
        }
        Rule::Zone => crate::day::Zone::named(value.as_text().unwrap_or_default())
            .map(|_| ())
            .map_err(|_| "must be a time zone such as Europe/Berlin".into()),
        Rule::Amount => {
            if value.as_number().is_some_and(is_amount) {
                Ok(())
            } else {
                Err(AMOUNT.into())
            }
        }
        Rule::Json if value.as_text().is_some_and(|text| text.len() > MAX_JSON) => {
            Err(format!("must have at most {MAX_JSON} bytes"))
        }
        Rule::Json => serde_json::from_str::<serde::de::IgnoredAny>(value.as_text().unwrap_or_default())
            .map(|_| ())
            .map_err(|_| "must be JSON".into()),
    }
}

fn no_longer_than(text: &str, most: usize) -> Result<(), String> {
    if text.chars().count() > most { Err(format!("must have at most {most} characters")) } else { Ok(()) }
}

/// A control character that no text of several lines needs.
fn is_noise(character: char) -> bool {
    character.is_control() && !matches!(character, '\n' | '\r' | '\t')
}

/// What an amount is, to end a sentence.
pub const AMOUNT: &str = "must be above zero, and at most a thousand million";

/// Whether a number is an amount: finite, above zero, at most [`MAX_AMOUNT`].
#[must_use]
pub fn is_amount(number: f64) -> bool {
    number > 0.0 && number <= MAX_AMOUNT
}

/// Reads `YYYY-MM-DD` and nothing else.
#[must_use]
pub fn parse_date(text: &str) -> Option<Date> {
    let shaped = text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
    if shaped { text.parse().ok() } else { None }
}

/// Whether this is `HH:MM`.
fn is_time(text: &str) -> bool {
    let number = |part: &str| if part.len() == 2 { part.parse::<u8>().ok() } else { None };
    text.split_once(':').is_some_and(|(hour, minute)| {
        number(hour).is_some_and(|hour| hour < 24) && number(minute).is_some_and(|minute| minute < 60)
    })
}

/// Lists everything that is wrong with a row, rules across columns included.
#[must_use]
pub fn faults(row: &Row) -> Vec<Fault> {
    let alone = row.table.columns.iter().filter_map(|column| {
        check(column, &row.look(column.name)).err().map(|message| Fault { column: column.name, message })
    });
    alone.chain(clashes(row).into_iter().map(|clash| clash.fault)).collect()
}

/// Lists the rules across columns that a row does not meet.
#[must_use]
pub fn clashes(row: &Row) -> Vec<Clash> {
    let mut found = Vec::new();
    let mut note = |column, with, message: &str| {
        found.push(Clash { fault: Fault { column, message: message.into() }, with });
    };
    match row.table.name {
        "habits" => {
            if let (Some(lapse), Some(relapse)) =
                (row.integer("lapse_threshold_days"), row.integer("relapse_threshold_days"))
                && relapse <= lapse
            {
                note("relapse_threshold_days", "lapse_threshold_days", "must be above lapse_threshold_days");
            }
            if row.text("kind") == "measurable" && row.number("target_value").is_none() {
                note("target_value", "kind", "is required for a measurable habit");
            }
            if row.text("frequency") == "CUSTOM"
                && crate::plan::active_days(row.opt_text("active_days").as_deref()).is_empty()
            {
                note("active_days", "frequency", "must list weekdays, such as [1,3,5]");
            }
        }
        "completions" if (row.text("type") == "PARTIAL") != row.integer("partial_percent").is_some() => {
            note("partial_percent", "type", "goes with PARTIAL, from 1 to 99");
        }
        "recovery_sessions" if (row.text("status") == "COMPLETED") == row.look("action").is_null() => {
            note("action", "status", "goes with COMPLETED");
        }
        "pauses" if row.opt_text("to_date").is_some_and(|to| !to.is_empty() && to < row.text("from_date")) => {
            note("to_date", "from_date", "must not be before from_date");
        }
        _ => {}
    }
    found
}

/// The row as it is shown: every rule met, by fixed steps that depend on nothing but the row.
#[must_use]
pub fn repaired(row: &Row) -> Row {
    shown(row).into_owned()
}

/// As [`repaired`], without a copy of a row that is sound, as nearly all are.
#[must_use]
pub fn shown(row: &Row) -> Cow<'_, Row> {
    if faults(row).is_empty() { Cow::Borrowed(row) } else { Cow::Owned(mend(row)) }
}

/// As [`repaired`], of a row nobody needs as it was.
#[must_use]
pub fn sound(row: Row) -> Row {
    if faults(&row).is_empty() { row } else { mend(&row) }
}

fn mend(row: &Row) -> Row {
    let mut shown = row.clone();
    for column in row.table.columns {
        let value = row.get(column.name);
        if check(column, &value).is_err() {
            shown.columns.insert(column.name, mended(column, &value));
        }
    }
    match row.table.name {
        "habits" => {
            let lapse = shown.integer("lapse_threshold_days").unwrap_or(3);
            if shown.integer("relapse_threshold_days").unwrap_or(7) <= lapse {
                shown.columns.insert("relapse_threshold_days", Value::Integer(lapse + 1));
            }
            if shown.text("kind") == "measurable" && shown.number("target_value").is_none() {
                shown.columns.insert("target_value", Value::Real(1.0));
            }
            if shown.text("frequency") == "CUSTOM"
                && crate::plan::active_days(shown.opt_text("active_days").as_deref()).is_empty()
            {
                shown.columns.insert("frequency", "DAILY".into());
            }
        }
        "completions" => {
            let partial = shown.text("type") == "PARTIAL";
            match (partial, shown.integer("partial_percent")) {
                (true, None) => drop(shown.columns.insert("partial_percent", Value::Integer(50))),
                (false, Some(_)) => drop(shown.columns.insert("partial_percent", Value::Null)),
                _ => {}
            }
        }
        "recovery_sessions" => match (shown.text("status") == "COMPLETED", shown.get("action").is_null()) {
            (true, true) => drop(shown.columns.insert("action", "RESUME".into())),
            (false, false) => drop(shown.columns.insert("action", Value::Null)),
            _ => {}
        },
        "pauses" => {
            let from = shown.text("from_date");
            if shown.opt_text("to_date").is_some_and(|to| to < from) {
                shown.columns.insert("to_date", from.into());
            }
        }
        _ => {}
    }
    shown
}

/// The nearest value that meets the column's rule.
fn mended(column: &Column, value: &Value) -> Value {
    match (column.rule, value) {
        (Rule::Range(low, high), Value::Integer(number)) => Value::Integer((*number).clamp(low, high)),
        (Rule::Amount, Value::Integer(_) | Value::Real(_)) if value.as_number().is_some_and(|n| n > MAX_AMOUNT) => {
            Value::Real(MAX_AMOUNT)
        }
        (Rule::Length(most), Value::Text(text)) if !text.trim().is_empty() => {
            let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
            let cut: String = spaced.filter(|c| !c.is_control()).take(most).collect();
            if cut.trim().is_empty() { fallback(column) } else { Value::Text(cut) }
        }
        (Rule::Prose(most), Value::Text(text)) => {
            Value::Text(text.chars().filter(|c| !is_noise(*c)).take(most).collect())
        }
        _ => fallback(column),
    }
}

/// What stands in a required column that holds nothing usable.
fn fallback(column: &Column) -> Value {
    match (column.preset, column.rule) {
        (Preset::Required, Rule::OneOf(words)) => words.first().copied().map_or(Value::Null, Value::from),
        (Preset::Required, Rule::Date) => "1970-01-01".into(),
        (Preset::Required, Rule::Length(_)) => "-".into(),
        (Preset::Required, Rule::Range(low, high)) => Value::Integer(0.clamp(low, high)),
        _ => column.preset.value(column.kind),
    }
}

#[cfg(test)]
mod tests;
