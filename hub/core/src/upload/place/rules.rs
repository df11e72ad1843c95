//! Rules across columns that a client breaks by itself.
//!
//! Two valid edits may break such a rule when they meet; that is nobody's fault, and is mended where the row is read. What
//! one client wrote all by itself is told apart from that by what it had before: its `previous` over what is stored.

use serde_json::{Map, Value as Json};

use super::super::Operation;
use super::{Refusal, read};
use crate::hlc::Hlc;
use crate::repair::{self, Clash};
use crate::row::Row;

/// The rule across columns that an operation of a clock breaks by itself, if it does: what its client had before met it,
/// what it made of that does not. `later` is what the client wrote to the row after it, which may meet the rule again: a
/// form may write one column after the other.
pub fn broken_rule<'a>(
    known: &Row,
    operation: &Operation,
    later: impl Iterator<Item = &'a Operation>,
    clock: &Hlc,
    closed: &[&str],
) -> Option<Refusal> {
    let mut view = known.clone();
    if let Some(previous) = &operation.previous {
        overwrite(&mut view, previous, closed);
    }
    let before = repair::clashes(&view);
    overwrite(&mut view, &operation.data, closed);
    let is_own = |clash: &Clash| !before.contains(clash) && !is_news(known, operation, clock, clash);
    let mut broken: Vec<Clash> = repair::clashes(&view).into_iter().filter(is_own).collect();
    if !broken.is_empty() {
        for next in later {
            overwrite(&mut view, &next.data, closed);
        }
        let still = repair::clashes(&view);
        broken.retain(|clash| still.contains(clash));
    }
    let clash = broken.into_iter().next()?;
    Some(Refusal { column: clash.fault.column.into(), message: clash.fault.message })
}

/// Writes over a row what of these columns can be stored at all.
fn overwrite(view: &mut Row, columns: &Map<String, Json>, closed: &[&str]) {
    for (name, json) in columns {
        let Some(column) = view.table.column(name).filter(|column| !column.derived) else { continue };
        if closed.contains(&column.name) {
            continue;
        }
        if let Ok(value) = read(column, json)
            && repair::check(column, &value).is_ok()
        {
            view.columns.insert(column.name, value);
        }
    }
}

/// Whether a rule concerns a column that somebody else wrote after the operation: its client cannot have seen that.
fn is_news(known: &Row, operation: &Operation, clock: &Hlc, clash: &Clash) -> bool {
    [clash.fault.column, clash.with].into_iter().any(|name| {
        let said = |columns: &Map<String, Json>| columns.contains_key(name);
        let written = known.table.column(name).and_then(|column| known.clocks.get(column.register));
        !said(&operation.data)
            && !operation.previous.as_ref().is_some_and(said)
            && written.is_some_and(|at| at > clock && at.node() != clock.node())
    })
}
