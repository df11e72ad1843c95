//! Writing an operation over a row.
//!
//! Per register, the later clock wins, as in [`crate::merge`]. What the client says it saw before (`previous`) decides
//! more: a client that saw what is stored writes after it, whatever its clock shows; where it did not, whatever loses
//! lost unseen, and is handed back to be kept.

mod rules;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Columns, Kind, Operation};
use crate::Millis;
use crate::hlc::Hlc;
use crate::repair;
use crate::row::Row;
use crate::schema::{COMMON, Column, DELETED_AT, Kind as Holds, MAX_JSON};
use crate::value::Value;

pub use rules::broken_rule;

/// How many columns nobody described a row may have.
const MAX_EXTRA: usize = 64;
/// The longest name of such a column, in bytes.
const MAX_EXTRA_NAME: usize = 64;

/// Values of one register that lost without having been seen by whoever wrote the ones that stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Loss {
    /// The register.
    pub register: String,
    /// What lost.
    pub lost: Columns,
    /// What stands.
    pub kept: Columns,
    /// The clock of what lost.
    pub lost_at: Hlc,
    /// The clock of what stands.
    pub kept_at: Hlc,
}

impl Loss {
    /// What was written at a clock stands in a row that is deleted, where nobody sees it.
    #[must_use]
    pub fn of_row(row: &Row, lost_at: &Hlc) -> Self {
        let kept_at = row.clocks.get(DELETED_AT).or(row.hlc()).unwrap_or(lost_at).clone();
        let (lost, kept) = (gone(None), gone(row.deleted_at));
        Self { register: DELETED_AT.into(), lost, kept, lost_at: lost_at.clone(), kept_at }
    }

    /// Whether it is a row that is lost, and not a value in it.
    #[must_use]
    pub fn is_of_row(&self) -> bool {
        self.lost == gone(None)
    }
}

/// A row after an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// The row.
    pub row: Row,
    /// Whether it differs from before.
    pub changed: bool,
    /// What lost unseen.
    pub losses: Vec<Loss>,
}

/// A value that cannot be stored: its column, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The column.
    pub column: String,
    /// What it should hold.
    pub message: String,
}

/// What a client knew of a register when it wrote it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Knew {
    /// It saw what is stored.
    Stored,
    /// It saw something else.
    Other,
    /// It did not say.
    Unsaid,
}

/// Writes an operation of a clock over a row. `closed` are columns that are not the client's to write: they are left
/// out, as derived ones are.
///
/// # Errors
/// [`Refusal`] for a value its column cannot hold; then nothing of the operation counts.
pub fn place(known: &Row, operation: &Operation, clock: &Hlc, closed: &[&str]) -> Result<Placed, Refusal> {
    let mut placed = Placed { row: known.clone(), changed: false, losses: Vec::new() };
    let shown = repair::shown(known);
    for (register, incoming) in registers(known, &shown, operation, closed)? {
        let knew = match operation.previous {
            None if operation.kind == Kind::Put => made_anew(known, &register, &incoming, clock),
            _ => knew(known, &shown, operation, &incoming),
        };
        placed.set(known, &register, incoming, knew, clock);
    }
    let wished = match operation.kind {
        _ if operation.deletes() => Some(Some(clock.millis())),
        Kind::Patch if !operation.data.contains_key(DELETED_AT) => None,
        _ => Some(None),
    };
    match wished {
        Some(Some(at)) if known.deleted_at.is_none() => placed.delete(known, &shown, operation, at, clock),
        Some(None) if known.deleted_at.is_some() => placed.revive(known, operation, clock),
        None if known.deleted_at.is_some() && placed.changed => {
            // What was changed stands, in a row that is gone: whoever changed it would not find it again.
            placed.losses.push(Loss::of_row(known, clock));
        }
        _ => {}
    }
    Ok(placed)
}

/// Writes an operation as a new row.
///
/// # Errors
/// [`Refusal`] for a value its column cannot hold, or one that is missing.
pub fn place_new(mut row: Row, operation: &Operation, clock: &Hlc, closed: &[&str]) -> Result<Row, Refusal> {
    row.stamp_all(clock);
    let empty = row.clone();
    for (register, incoming) in registers(&empty, &empty, operation, closed)? {
        write(&mut row, &register, incoming, clock);
    }
    let missing = |column: &&Column| {
        !column.nullable()
            && column.preset.value(column.kind) == *row.look(column.name)
            && repair::check(column, &row.look(column.name)).is_err()
    };
    if let Some(column) = row.table.columns.iter().find(missing) {
        return Err(Refusal { column: column.name.into(), message: "is required".into() });
    }
    if operation.deletes() {
        row.set_deleted(Some(clock.millis()), clock);
    }
    Ok(row)
}

type Incoming = Vec<(Cow<'static, str>, Value)>;

/// What the operation changes, by register.
fn registers(
    known: &Row,
    shown: &Row,
    operation: &Operation,
    closed: &[&str],
) -> Result<BTreeMap<Cow<'static, str>, Incoming>, Refusal> {
    let mut found: BTreeMap<Cow<'static, str>, Incoming> = BTreeMap::new();
    if operation.kind == Kind::Delete {
        return Ok(found);
    }
    let mut extras = known.extra.len();
    for (name, json) in &operation.data {
        if COMMON.contains(&name.as_str()) || closed.contains(&name.as_str()) {
            continue;
        }
        let refusal = |message: &str| Refusal { column: name.clone(), message: message.into() };
        let before = operation.previous.as_ref().and_then(|previous| previous.get(name));
        let Some(column) = known.table.column(name) else {
            let value = Value::from_json(json.clone());
            let long = value.as_text().is_some_and(|text| text.len() > MAX_JSON);
            if !known.extra.contains_key(name) {
                extras += 1;
            }
            if name.len() > MAX_EXTRA_NAME || long || extras > MAX_EXTRA {
                return Err(refusal("is not known here, and too large to be kept"));
            }
            if known.table.columns.iter().any(|column| column.register == name) {
                return Err(refusal("is the name of a group of columns here"));
            }
            if value != before.map_or_else(|| stored_extra(known, name), |before| Value::from_json(before.clone())) {
                if name.is_empty() || name.chars().any(char::is_control) {
                    return Err(refusal("is no name of a column: it is empty or has control characters"));
                }
                found.entry(name.clone().into()).or_default().push((name.clone().into(), value));
            }
            continue;
        };
        if column.derived {
            continue;
        }
        let value = read(column, json).map_err(|message| refusal(&message))?;
        let same = match before.and_then(|before| read(column, before).ok()) {
            Some(before) => value == before,
            None => value == *known.look(name) || value == *shown.look(name),
        };
        if !same {
            repair::check(column, &value).map_err(|message| refusal(&message))?;
            found.entry(column.register.into()).or_default().push((column.name.into(), value));
        }
    }
    Ok(found)
}

fn stored_extra(row: &Row, name: &str) -> Value {
    row.extra.get(name).cloned().unwrap_or(Value::Null)
}

/// A value as its column holds it; a whole number is one however it is written.
fn read(column: &Column, json: &Json) -> Result<Value, String> {
    let value = Value::for_column(column, json.clone())?;
    #[allow(clippy::cast_possible_truncation)] // whole, and far below 2^53
    Ok(match (column.kind, value) {
        (Holds::Real, Value::Integer(_)) => Value::Real(value_of(json)),
        (Holds::Integer, Value::Real(real)) if real.fract() == 0.0 && real.abs() < 9e15 => Value::Integer(real as i64),
        (_, value) => value,
    })
}

fn value_of(json: &Json) -> f64 {
    json.as_f64().unwrap_or_default()
}

fn knew(known: &Row, shown: &Row, operation: &Operation, incoming: &Incoming) -> Knew {
    let Some(previous) = &operation.previous else { return Knew::Unsaid };
    let mut knew = Knew::Unsaid;
    for (name, _) in incoming {
        let Some(before) = previous.get(name.as_ref()) else { continue };
        let same = match known.table.column(name) {
            Some(column) => {
                read(column, before).is_ok_and(|before| before == *known.look(name) || before == *shown.look(name))
            }
            None => Value::from_json(before.clone()) == stored_extra(known, name),
        };
        if !same {
            return Knew::Other;
        }
        knew = Knew::Stored;
    }
    knew
}

/// What a client knew of a register that wrote its row as a whole, and does not say what it saw: who makes a row saw none
/// there, unless it was its own. What holds nothing is no loss, nor what went with a row that was deleted: but for what somebody
/// wrote there since, who had not seen that it is gone.
fn made_anew(known: &Row, register: &str, incoming: &Incoming, clock: &Hlc) -> Knew {
    let gone_at = known.clocks.get(DELETED_AT).filter(|_| known.deleted_at.is_some());
    let others = known
        .clocks
        .get(register)
        .is_some_and(|at| at.node() != clock.node() && gone_at.is_none_or(|gone_at| at > gone_at));
    let holds = |(name, _): &(Cow<'static, str>, Value)| match known.table.column(name) {
        Some(column) => column.preset.value(column.kind) != *known.look(name),
        None => !matches!(stored_extra(known, name), Value::Null),
    };
    if others && incoming.iter().any(holds) { Knew::Other } else { Knew::Unsaid }
}

fn write(row: &mut Row, register: &str, incoming: Incoming, at: &Hlc) {
    for (name, value) in incoming {
        if row.table.column(&name).is_some() {
            row.set(&name, value, at);
        } else {
            row.extra.insert(name.into_owned(), value);
            row.clocks.insert(register.to_owned().into(), at.clone());
            row.touch(at);
        }
    }
}

fn as_json<'a>(columns: impl Iterator<Item = (&'a str, Value)>) -> Columns {
    columns.map(|(name, value)| (name.to_owned(), value.to_json())).collect()
}

fn gone(at: Option<Millis>) -> Columns {
    Columns::from([(DELETED_AT.to_owned(), at.map_or(Json::Null, Json::from))])
}

/// The clock of a write: after what is stored when the client saw that, or wrote it itself.
fn after(stored: Option<&Hlc>, knew: Knew, clock: &Hlc) -> Hlc {
    match stored {
        Some(stored) if stored >= clock && (knew == Knew::Stored || stored.node() == clock.node()) => {
            stored.next(clock.node())
        }
        _ => clock.clone(),
    }
}

impl Placed {
    fn set(&mut self, known: &Row, register: &str, incoming: Incoming, knew: Knew, clock: &Hlc) {
        let stored_at = known.clocks.get(register);
        let at = after(stored_at, knew, clock);
        let stored = as_json(incoming.iter().map(|(name, _)| {
            let stored = if known.table.column(name).is_some() { known.get(name) } else { stored_extra(known, name) };
            (name.as_ref(), stored)
        }));
        let written = as_json(incoming.iter().map(|(name, value)| (name.as_ref(), value.clone())));
        match stored_at {
            Some(stored_at) if *stored_at > at => {
                let (lost_at, kept_at) = (at, stored_at.clone());
                if written != stored {
                    let register = register.to_owned();
                    self.losses.push(Loss { register, lost: written, kept: stored, lost_at, kept_at });
                }
            }
            _ => {
                if knew == Knew::Other
                    && written != stored
                    && let Some(stored_at) = stored_at
                {
                    let (lost_at, kept_at) = (stored_at.clone(), at.clone());
                    let register = register.to_owned();
                    self.losses.push(Loss { register, lost: stored, kept: written, lost_at, kept_at });
                }
                self.changed = true;
                write(&mut self.row, register, incoming, &at);
            }
        }
    }

    fn delete(&mut self, known: &Row, shown: &Row, operation: &Operation, deleted_at: Millis, clock: &Hlc) {
        let stored_at = known.clocks.get(DELETED_AT);
        let knew = saw_row(known, shown, operation, clock);
        let at = after(stored_at, knew, clock);
        if let Some(stored_at) = stored_at.filter(|stored_at| **stored_at > at) {
            // It was brought back since.
            let (lost, kept) = (gone(Some(deleted_at)), gone(None));
            let loss = Loss { register: DELETED_AT.into(), lost, kept, lost_at: at, kept_at: stored_at.clone() };
            self.losses.push(loss);
            return;
        }
        if knew == Knew::Other
            && let Some(edited_at) = known.hlc()
        {
            let (lost, kept) = (gone(None), gone(Some(deleted_at)));
            let (lost_at, kept_at) = (edited_at.clone(), at.clone());
            self.losses.push(Loss { register: DELETED_AT.into(), lost, kept, lost_at, kept_at });
        }
        self.changed = true;
        self.row.set_deleted(Some(deleted_at), &at);
    }

    fn revive(&mut self, known: &Row, operation: &Operation, clock: &Hlc) {
        let stored_at = known.clocks.get(DELETED_AT);
        // Who names no earlier values wrote the row anew; its clock decides.
        let knew = if operation.previous.is_some() { Knew::Other } else { Knew::Unsaid };
        let at = after(stored_at, knew, clock);
        if stored_at.is_some_and(|stored_at| *stored_at > at) {
            self.losses.push(Loss::of_row(known, clock));
            return;
        }
        self.changed = true;
        self.row.set_deleted(None, &at);
    }
}

/// Whether who deleted a row had seen what is in it.
fn saw_row(known: &Row, shown: &Row, operation: &Operation, clock: &Hlc) -> Knew {
    let Some(previous) = &operation.previous else {
        let later = known.hlc().is_some_and(|edited| edited > clock && edited.node() != clock.node());
        return if later { Knew::Other } else { Knew::Unsaid };
    };
    for (name, before) in previous {
        let Some(column) = known.table.column(name).filter(|column| !column.derived) else { continue };
        let same = read(column, before).is_ok_and(|before| before == *known.look(name) || before == *shown.look(name));
        if !same {
            return Knew::Other;
        }
    }
    Knew::Stored
}
