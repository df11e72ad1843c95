//! What a row of a file must be: a file may come from anywhere.

use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::COMPLETION_EVENTS;

use crate::limits;

/// The latest moment, in milliseconds: the end of the year 9999.
const LATEST: i64 = 253_402_300_799_999;

/// Says which column does not hold what it should.
pub(super) fn sound(row: &Row) -> Result<(), String> {
    let moment = |at: i64| (0..=LATEST).contains(&at);
    let rule = "must be a time since 1970, in milliseconds.";
    if !moment(row.created_at) {
        return Err(format!("created_at {rule}"));
    }
    for column in row.table.columns.iter().filter(|column| !column.derived) {
        let value = row.look(column.name);
        repair::check(column, &value).map_err(|message| format!("{} {message}.", column.name))?;
        if column.name.ends_with("_at") && value.as_integer().is_some_and(|at| !moment(at)) {
            return Err(format!("{} {rule}", column.name));
        }
    }
    let amount =
        row.table == &COMPLETION_EVENTS && row.number("value").is_some_and(|value| value.abs() > limits::AMOUNT);
    if amount { Err("value must be a number up to a thousand million.".into()) } else { Ok(()) }
}
