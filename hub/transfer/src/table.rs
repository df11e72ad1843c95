//! Bounded tables of comma-separated values.

use csv::{ByteRecord, ReaderBuilder};

use crate::fault::Fault;
use crate::limits;

/// The most commas between two line ends, those within texts included: bounds what is split at once.
const COMMAS: usize = 65_536;

/// A line of a table: its number in the file, and its cells.
pub(crate) struct Line {
    pub(crate) number: u64,
    cells: Vec<String>,
}

impl Line {
    /// The cell of a column, trimmed; nothing beyond the line's end.
    pub(crate) fn cell(&self, column: Option<usize>) -> &str {
        column.and_then(|column| self.cells.get(column)).map_or("", |cell| cell.trim())
    }

    /// The cell as it stands.
    pub(crate) fn raw(&self, column: usize) -> Option<&str> {
        self.cells.get(column).map(String::as_str)
    }

    /// How many cells there are.
    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }

    /// The column whose head is this word, whatever its case.
    pub(crate) fn column(&self, word: &str) -> Option<usize> {
        self.cells.iter().position(|cell| cell.trim().eq_ignore_ascii_case(word))
    }
}

/// Reads a table line by line; the caller says what to do with each.
///
/// Text that is not UTF-8 is read with marks in place of what is unreadable.
pub(crate) fn each(bytes: &[u8], file: &str, mut line: impl FnMut(Line) -> Result<(), Fault>) -> Result<(), Fault> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let too_long = || Fault::at(file, format!("A line has more than {} bytes.", limits::LINE));
    if bytes.split(|byte| *byte == b'\n').any(|line| line.iter().filter(|byte| **byte == b',').count() > COMMAS) {
        return Err(Fault::at(file, "A line has too many commas."));
    }
    if bytes.split(|byte| *byte == b'\n').any(|line| line.len() > limits::LINE) {
        return Err(too_long());
    }
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut record = ByteRecord::new();
    let mut lines = 0_u64;
    let mut counter = Counter { bytes, at: 0, line: 1 };
    loop {
        // Reading from memory cannot go wrong, and a flexible reader of bytes takes any line.
        let more = reader.read_byte_record(&mut record).map_err(|_| Fault::at(file, "This is not a table."))?;
        if !more {
            return Ok(());
        }
        // Within quotes a line may go on over several.
        if record.as_slice().len() > limits::LINE {
            return Err(too_long());
        }
        lines += 1;
        if lines > limits::ROWS + 1 {
            return Err(Fault::at(file, format!("Lines: at most {} are read.", limits::ROWS)));
        }
        let start = record.position().map_or(0, csv::Position::byte);
        let number = counter.line_at(usize::try_from(start).unwrap_or(usize::MAX));
        if record.len() > limits::COLUMNS {
            let place = crate::reading::Place::Line(file, number);
            return Err(Fault::at(place, format!("Columns: at most {} are read.", limits::COLUMNS)));
        }
        let cells = record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
        line(Line { number, cells })?;
    }
}

/// Counts lines as an editor shows them. The csv crate's own count is one short where lines end in CR LF,
/// as its position is before the LF.
struct Counter<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl Counter<'_> {
    /// The line of the first cell at or after a position; positions only grow.
    fn line_at(&mut self, position: usize) -> u64 {
        let ends = self.bytes.iter().skip(position).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let to = position.saturating_add(ends).min(self.bytes.len());
        let passed = self.bytes.get(self.at..to).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.at = self.at.max(to);
        self.line
    }
}

/// The first line alone.
pub(crate) fn head(bytes: &[u8]) -> Option<Line> {
    let mut found = None;
    let first = bytes.get(..bytes.len().min(4096))?;
    let _ = each(first, "", |line| {
        found = Some(line);
        Err(Fault::new("")) // enough
    });
    found
}
