//! Our own table of days: one line a habit and day, for spreadsheets and for coming back.
//!
//! Reading and writing are each other's reverse: what was written, read and written again is the same
//! to the byte. A line that does not fit is a fault, as the table is ours.

use std::io::Write;

use jiff::Timestamp;
use jiff::civil::Date;
use kairos_core::Millis;
use kairos_core::repair::{is_amount, parse_date};

use crate::fault::Fault;
use crate::limits;
use crate::reading::Place;
use crate::table;

/// The heads of the columns.
pub const HEADS: [&str; 10] =
    ["habit", "date", "type", "percent", "amount", "unit", "note", "source", "completed_at", "at_most"];
/// The columns that every table has; one from before the last was added ends here.
const LEAST: usize = 9;

/// Whether a file begins as a table of days does.
#[must_use]
pub fn is_table(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.starts_with(HEADS[..LEAST].join(",").as_bytes())
}

/// The words that may stand in `type`.
const TYPES: [&str; 4] = ["FULL", "PARTIAL", "SKIPPED", "MISSED"];
const TYPE_RULE: &str = "`type` must be FULL, PARTIAL, SKIPPED or MISSED; it is empty only beside a note.";

/// Whether a line says anything: how the day stands, or a note alone.
fn fits(kind: &str, note: &str) -> bool {
    TYPES.contains(&kind) || (kind.is_empty() && !note.is_empty())
}

/// A line of it. Empty text and no text are the same.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletionRow {
    /// The habit's name.
    pub habit: String,
    /// The day.
    pub date: Date,
    /// FULL, PARTIAL, SKIPPED or MISSED; empty for a day with a note alone.
    pub kind: String,
    /// How much of it, for PARTIAL: 1 to 99.
    pub percent: Option<i64>,
    /// The amount, for habits of amounts.
    pub amount: Option<f64>,
    /// Its unit.
    pub unit: String,
    /// A note.
    pub note: String,
    /// Where the deed came from.
    pub source: String,
    /// When, to the millisecond.
    pub completed_at: Option<Millis>,
    /// For a habit of which less is better: the amount that is not to be passed.
    pub at_most: Option<f64>,
}

/// Writes the table.
///
/// # Errors
/// The number of the row, when it holds what could not be read back.
pub fn completions_csv(rows: &[CompletionRow]) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    let mut table = Writer::begin(&mut out)?;
    rows.iter().try_for_each(|row| table.row(row))?;
    table.end()?;
    Ok(out)
}

/// Writes the table line by line.
///
/// It is written however long it gets; one beyond [`limits::FILE`] has to be divided to come back.
pub struct Writer<W: Write> {
    table: csv::Writer<W>,
    rows: usize,
}

fn unwritten<E>(_: E) -> Fault {
    Fault::new("The table could not be written.")
}

impl<W: Write> Writer<W> {
    /// Begins it with its heads.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn begin(out: W) -> Result<Self, Fault> {
        let mut table = csv::Writer::from_writer(out);
        table.write_record(HEADS).map_err(unwritten)?;
        Ok(Self { table, rows: 0 })
    }

    /// Writes a line.
    ///
    /// # Errors
    /// The number of the row, when it holds what could not be read back.
    pub fn row(&mut self, row: &CompletionRow) -> Result<(), Fault> {
        let index = self.rows;
        self.rows += 1;
        let bad = |message: &str| Fault::at(Place::Item("row", index), message);
        if !fits(&row.kind, &row.note) {
            return Err(bad(TYPE_RULE));
        }
        if row.percent.is_some_and(|percent| !(1..=99).contains(&percent)) {
            return Err(bad("`percent` must be from 1 to 99."));
        }
        if row.amount.is_some_and(|amount| !amount.is_finite()) {
            return Err(bad("`amount` must be a number."));
        }
        if row.at_most.is_some_and(|most| !is_amount(most)) {
            return Err(bad("`at_most` must be a number above zero."));
        }
        if !(0..=9999).contains(&row.date.year()) {
            return Err(bad("`date` must be a date such as 2026-11-24."));
        }
        let time = match row.completed_at {
            Some(millis) => {
                Timestamp::from_millisecond(millis).map_err(|_| bad("`completed_at` must be a time."))?.to_string()
            }
            None => String::new(),
        };
        let number = row.percent.map_or_else(String::new, |percent| percent.to_string());
        let amount = row.amount.map_or_else(String::new, |amount| amount.to_string());
        let (date, most) = (row.date.to_string(), row.at_most.map_or_else(String::new, |most| most.to_string()));
        let (unit, note, source) = (&row.unit, &row.note, &row.source);
        let cells: [&str; HEADS.len()] =
            [&row.habit, &date, &row.kind, &number, &amount, unit, note, source, &time, &most];
        self.table.write_record(cells).map_err(unwritten)
    }

    /// Ends it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn end(mut self) -> Result<(), Fault> {
        self.table.flush().map_err(unwritten)
    }
}

/// Reads the table.
///
/// # Errors
/// A sentence with the line and the column that does not fit.
pub fn read_completions_csv(bytes: &[u8]) -> Result<Vec<CompletionRow>, Fault> {
    let mut rows = Vec::new();
    each_completion(bytes, |row| {
        rows.push(row);
        Ok(())
    })?;
    Ok(rows)
}

/// Reads the table line by line; the caller says what to do with each.
///
/// # Errors
/// A sentence with the line and the column that does not fit, or the caller's.
pub fn each_completion(bytes: &[u8], mut each: impl FnMut(CompletionRow) -> Result<(), Fault>) -> Result<(), Fault> {
    if bytes.len() > limits::FILE {
        return Err(Fault::too_much("Bytes of a file", limits::FILE));
    }
    let mut rows = 0;
    let mut columns = 0;
    table::each(bytes, "", |line| {
        let place = Place::Line("", line.number);
        let cell = |column: usize| line.raw(column).unwrap_or_default();
        if columns == 0 {
            columns = line.len();
            let known = columns == HEADS.len() || columns == LEAST;
            return if known && (0..columns).all(|column| cell(column) == HEADS[column]) {
                Ok(())
            } else {
                Err(Fault::at(place, format!("The heads of the columns must be {}.", HEADS.join(","))))
            };
        }
        let bad = |column: usize, rule: &str| Fault::at(place, format!("`{}` {rule}", HEADS[column]));
        if line.len() != columns {
            return Err(Fault::at(place, format!("The line has {} cells instead of {columns}.", line.len())));
        }
        let optional = |column: usize| Some(cell(column)).filter(|cell| !cell.is_empty());
        let kind = cell(2);
        if !fits(kind, cell(6)) {
            return Err(Fault::at(place, TYPE_RULE));
        }
        let percent = optional(3)
            .map(|cell| cell.parse().ok().filter(|percent| (1..=99).contains(percent)))
            .map(|percent| percent.ok_or_else(|| bad(3, "must be from 1 to 99.")))
            .transpose()?;
        let amount = optional(4)
            .map(|cell| cell.parse().ok().filter(|amount: &f64| amount.is_finite()))
            .map(|amount| amount.ok_or_else(|| bad(4, "must be a number.")))
            .transpose()?;
        let completed_at = optional(8)
            .map(|cell| cell.parse::<Timestamp>().map(Timestamp::as_millisecond))
            .map(|time| time.map_err(|_| bad(8, "must be a time such as 2026-11-24T08:00:00Z.")))
            .transpose()?;
        let at_most = optional(9)
            .map(|cell| cell.parse().ok().filter(|most| is_amount(*most)))
            .map(|most| most.ok_or_else(|| bad(9, "must be a number above zero.")))
            .transpose()?;
        rows += 1;
        if rows > limits::ENTRIES {
            return Err(Fault::too_much("Days", limits::ENTRIES));
        }
        each(CompletionRow {
            habit: cell(0).to_owned(),
            date: parse_date(cell(1)).ok_or_else(|| bad(1, "must be a date such as 2026-11-24."))?,
            kind: kind.to_owned(),
            percent,
            amount,
            unit: cell(5).to_owned(),
            note: cell(6).to_owned(),
            source: cell(7).to_owned(),
            completed_at,
            at_most,
        })
    })?;
    if columns > 0 { Ok(()) } else { Err(Fault::new("The table is empty.")) }
}
