//! Everything of a person, as JSON: the hub's own export, which comes back as it went out.
//!
//! One row a line, in the order of the tables and of their ids, so that two exports can be compared line by line. A row
//! is written as it is shown, with the clocks of its registers: imported where some of it already lives, it merges. What
//! comes in is checked column by column, since a file may come from anywhere. What
//! follows from other rows (how a day stands) is left out, and so is who the person is: the file can come back to
//! another account.

mod look;
mod sound;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use kairos_core::hlc::Hlc;
use kairos_core::ids::{self, UserId};
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{
    COMPLETION_EVENTS, COMPLETIONS, HABIT_SCHEDULES, HABITS, PAUSES, RECOVERY_SESSIONS, ROUTINE_EXECUTIONS,
    ROUTINE_HABITS, ROUTINE_VARIANTS, ROUTINES, Table, USER_PREFERENCES,
};
use kairos_core::scope::Scope;
use kairos_core::value::Value;
use serde::{Deserialize, Serialize};

use self::look::{Place, Seen, find};
use self::sound::sound;
use crate::fault::Fault;
use crate::limits;

/// What the file says it is.
pub const FORMAT: &str = "kairos-hub-export";
/// The version that is written; no other is read.
pub const VERSION: u32 = 1;
/// The most rows of a file: decades of a person's days.
const ROWS: usize = limits::ENTRIES;
/// Where among the tables days are: cells, and with them their events.
const DAYS: u8 = 4;
/// The longest text of a column, in bytes.
const LONGEST: usize = 1 << 20;
/// The longest text of a column that this hub does not know, in bytes.
const EXTRA: usize = 16 << 10;
/// What stands for the id of what there is one of for each person.
const OWN: &str = "me";

/// What is exported, in this order: what others refer to comes first.
pub const TABLES: [&Table; 11] = [
    &USER_PREFERENCES,
    &HABITS,
    &HABIT_SCHEDULES,
    &PAUSES,
    &COMPLETIONS,
    &COMPLETION_EVENTS,
    &RECOVERY_SESSIONS,
    &ROUTINES,
    &ROUTINE_HABITS,
    &ROUTINE_VARIANTS,
    &ROUTINE_EXECUTIONS,
];

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    table: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    created_at: i64,
    /// The clock of all registers, when it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Hlc>,
    /// The clock of each register.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    clocks: BTreeMap<String, Hlc>,
    columns: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct File {
    format: String,
    version: u32,
    rows: Seen,
}

/// What there is to tell of an export before it is taken in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outlook {
    /// How many habits.
    pub habits: usize,
    /// How many events.
    pub entries: usize,
    /// How many of them are skips.
    pub skips: usize,
    /// The oldest day, as it is written.
    pub first: Option<String>,
    /// The newest day.
    pub last: Option<String>,
}

/// Writes a person's rows one after another, as they come: in the order of [`TABLES`], within each by their ids.
pub struct Writer<W> {
    out: W,
    first: bool,
}

impl<W: Write> Writer<W> {
    /// Begins the file.
    ///
    /// # Errors
    /// The output's.
    pub fn begin(mut out: W) -> io::Result<Self> {
        write!(out, "{{\"format\":\"{FORMAT}\",\"version\":{VERSION},\"rows\":[")?;
        Ok(Self { out, first: true })
    }

    /// Writes a living row.
    ///
    /// # Errors
    /// The output's.
    pub fn row(&mut self, row: &Row) -> io::Result<()> {
        self.out.write_all(if self.first { b"\n" } else { b",\n" })?;
        self.first = false;
        Ok(serde_json::to_writer(&mut self.out, &line(&repair::shown(row)))?)
    }

    /// Ends the file: one without its end is damaged.
    ///
    /// # Errors
    /// The output's.
    pub fn end(mut self) -> io::Result<()> {
        self.out.write_all(b"\n]}\n")?;
        self.out.flush()
    }
}

fn line(row: &Row) -> Line<'_> {
    let own = row.table == &USER_PREFERENCES;
    let described = row.table.columns.iter().filter(|column| !column.derived);
    let columns = described
        .map(|column| (column.name.to_owned(), row.look(column.name)))
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name, value.to_json()))
        .chain(row.extra.iter().map(|(name, value)| (name.clone(), value.to_json())))
        .collect();
    // A living row's clock of deletion says only that it was gone once: it comes back as if it never was.
    let clocks = || row.clocks.iter().filter(|(name, _)| *name != kairos_core::schema::DELETED_AT);
    let first = clocks().next().map(|(_, clock)| clock);
    let uniform = first.filter(|first| clocks().all(|(_, clock)| clock == *first));
    let all = row.table.columns.iter().filter(|column| !column.derived);
    let complete = all.into_iter().all(|column| row.clocks.contains_key(column.register)) && row.extra.is_empty();
    let at = uniform.filter(|_| complete).cloned();
    let clocks = match at {
        Some(_) => BTreeMap::new(),
        None => clocks().map(|(name, clock)| (name.to_string(), clock.clone())).collect(),
    };
    let id = if own { OWN } else { row.id.as_str() };
    Line { table: row.table.name.into(), id: id.into(), created_at: row.created_at, at, clocks, columns }
}

/// Whether a file says that it is such an export.
#[must_use]
pub fn is_whole(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(200)];
    String::from_utf8_lossy(head).contains(FORMAT)
}

/// An export that was looked through: its text, and where in it each row stands. Rows are made when they are asked for.
#[derive(Debug)]
pub struct Whole<B> {
    file: B,
    person: UserId,
    rows: Vec<Place>,
    outlook: Outlook,
}

impl<B: AsRef<[u8]>> Whole<B> {
    /// Looks through an export of a person.
    ///
    /// # Errors
    /// A sentence that names the row and what does not fit.
    pub fn open(file: B, person: &UserId) -> Result<Self, Fault> {
        let bytes = file.as_ref();
        if bytes.len() > limits::FILE {
            return Err(Fault::too_much("Bytes of a file", limits::FILE));
        }
        let seen: File = serde_json::from_slice(bytes)
            .map_err(|error| Fault::new(format!("This is no export of a hub, or it is damaged: {error}.")))?;
        if seen.format != FORMAT {
            return Err(Fault::new("This is no export of a hub."));
        }
        if seen.version != VERSION {
            return Err(Fault::new(format!("This export has version {}; this hub reads {VERSION}.", seen.version)));
        }
        let Seen { mut rows, outlook, fault, .. } = seen.rows;
        if let Some(fault) = fault {
            return Err(Fault::new(fault));
        }
        find(bytes, &mut rows).ok_or_else(|| Fault::new("This is no export of a hub: it holds something else too."))?;
        rows.sort_unstable();
        let days = rows.chunk_by(|a, b| a.day() == b.day()).filter(|day| day.iter().any(|row| row.event));
        if days.into_iter().any(|day| day.len() > limits::DEEDS) {
            return Err(Fault::too_much("Deeds of one habit on a day", limits::DEEDS));
        }
        Ok(Self { file, person: person.clone(), rows, outlook })
    }

    /// What there is to tell of it.
    #[must_use]
    pub fn outlook(&self) -> &Outlook {
        &self.outlook
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A row, in the order in which they are to be taken in: what others refer to first, the days of each habit in their
    /// order, each cell right before its events.
    ///
    /// # Errors
    /// Never for a file that was looked through.
    pub fn row(&self, n: usize) -> Result<Option<Row>, Fault> {
        let Some(place) = self.rows.get(n) else { return Ok(None) };
        let (from, length) = (place.from as usize, place.length as usize);
        let text = self.file.as_ref().get(from..from.saturating_add(length)).unwrap_or_default();
        let line: Line<'_> = serde_json::from_slice(text).map_err(|error| Fault::new(format!("{error}.")))?;
        row(line, &self.person).map(Some).map_err(Fault::new)
    }
}

/// Reads an export as rows of a person, all at once.
///
/// # Errors
/// As [`Whole::open`].
pub fn read(bytes: &[u8], person: &UserId) -> Result<Vec<Row>, Fault> {
    let whole = Whole::open(bytes, person)?;
    (0..whole.len()).filter_map(|n| whole.row(n).transpose()).collect()
}

fn row(line: Line<'_>, person: &UserId) -> Result<Row, String> {
    let table = TABLES.iter().find(|table| table.name == line.table).ok_or("there is no such table.")?;
    let id = if *table == &USER_PREFERENCES { ids::preferences(person) } else { line.id.into_owned() };
    ids::EventId::new(id.as_str()).map_err(|error| format!("{error}."))?;
    let mut row = Row::new(table, id, Scope::Person(person.clone()), person.clone(), line.created_at);
    for (name, value) in line.columns {
        match table.column(&name) {
            Some(column) if column.derived => {}
            Some(column) => {
                let value = Value::from_json(value);
                if value.as_text().is_some_and(|text| text.len() > LONGEST) {
                    return Err(format!("{name} is too long."));
                }
                row.columns.insert(column.name, value);
            }
            None => {
                let value = Value::from_json(value);
                if name.len() > 128 || row.extra.len() >= 32 || value.as_text().is_some_and(|text| text.len() > EXTRA) {
                    return Err("it has too much in columns that this hub does not know.".into());
                }
                row.extra.insert(name, value);
            }
        }
    }
    match line.at {
        Some(at) => row.stamp_all(&at),
        None if line.clocks.is_empty() => return Err("it has no clock.".into()),
        None => {
            for (register, clock) in line.clocks {
                let known = table.columns.iter().find(|column| column.register == register);
                let name = known.map_or(Cow::Owned(register), |column| Cow::Borrowed(column.register));
                row.touch(&clock);
                row.clocks.insert(name, clock);
            }
        }
    }
    row.clean_names();
    sound(&row)?;
    Ok(row)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Writes rows, whatever their order.
    fn write(rows: &[Row]) -> String {
        let mut out = Vec::new();
        let mut writer = Writer::begin(&mut out).unwrap();
        for table in TABLES {
            let mut of_table: Vec<&Row> = rows.iter().filter(|row| row.table == table).collect();
            of_table.sort_by(|a, b| a.id.cmp(&b.id));
            of_table.into_iter().for_each(|row| writer.row(row).unwrap());
        }
        writer.end().unwrap();
        String::from_utf8(out).unwrap()
    }

    fn habit(person: &UserId) -> Row {
        let mut row = Row::new(&HABITS, "h1", Scope::Person(person.clone()), person.clone(), 1000);
        row.stamp_all(&Hlc::from_parts(5, 0, "a"));
        row.set("name", "Water \"8\"\nglasses", &Hlc::from_parts(5, 0, "a"));
        row
    }

    #[test]
    fn what_went_out_comes_back_to_the_byte_also_to_another_account() {
        let (ada, bo) = (UserId::new("ada").unwrap(), UserId::new("bo").unwrap());
        let mut edited = habit(&ada);
        edited.id = "h2".into();
        edited.set("color", "blue", &Hlc::from_parts(9, 3, "b"));
        edited.extra.insert("mood".into(), "good".into());
        edited.clocks.insert("mood".into(), Hlc::from_parts(7, 0, "b"));
        let mut likes = Row::new(&USER_PREFERENCES, ids::preferences(&ada), Scope::Person(ada.clone()), ada.clone(), 7);
        likes.stamp_all(&Hlc::from_parts(6, 0, "a"));
        let out = write(&[edited, likes, habit(&ada)]);
        assert!(is_whole(out.as_bytes()));
        let back = read(out.as_bytes(), &ada).unwrap();
        assert_eq!(write(&back), out);
        let moved = read(out.as_bytes(), &bo).unwrap();
        assert!(moved.iter().all(|row| row.user_id == bo && row.scope == Scope::Person(bo.clone())));
        assert_eq!(write(&moved), out);
    }

    #[test]
    fn days_come_after_their_habits_and_each_cell_right_before_its_events() {
        let ada = UserId::new("ada").unwrap();
        let at = Hlc::from_parts(5, 0, "a");
        let day = |table: &'static Table, id: &str, habit: &str, date: &str| {
            let mut row = Row::new(table, id, Scope::Person(ada.clone()), ada.clone(), 1);
            row.set("habit_id", habit, &at);
            row.set("date", date, &at);
            row.stamp_all(&at);
            row
        };
        assert_eq!(TABLES.map(|table| table.name).iter().position(|name| *name == "completions"), Some(DAYS.into()));
        let out = write(&[
            day(&COMPLETION_EVENTS, "e1", "h1", "2026-01-02"),
            day(&COMPLETION_EVENTS, "e2", "h2", "2026-01-01"),
            day(&COMPLETION_EVENTS, "e3", "h1", "2026-01-01"),
            day(&COMPLETIONS, "c1", "h1", "2026-01-02"),
            day(&COMPLETIONS, "c2", "h1", "2026-01-01"),
            habit(&ada),
        ]);
        let whole = Whole::open(out.as_bytes(), &ada).unwrap();
        let ids: Vec<String> = (0..whole.len()).map(|n| whole.row(n).unwrap().unwrap().id).collect();
        assert_eq!(ids, ["h1", "c2", "e3", "c1", "e1", "e2"]);
        assert_eq!((whole.outlook().habits, whole.outlook().entries), (1, 3));
        assert_eq!(whole.outlook().last.as_deref(), Some("2026-01-02"));
    }

    #[test]
    fn what_does_not_fit_is_said_with_its_row() {
        let ada = UserId::new("ada").unwrap();
        let said = |text: &str| read(text.as_bytes(), &ada).unwrap_err().to_string();
        assert!(said("{").contains("damaged"));
        assert!(said(r#"{"format":"other","version":1,"rows":[]}"#).contains("no export"));
        assert!(said(r#"{"format":"kairos-hub-export","version":9,"rows":[]}"#).contains("version 9"));
        let more = r#"{"more":[{}],"format":"kairos-hub-export","version":1,"rows":[]}"#;
        assert!(said(more).contains("something else"));
        let with = |row: &str| format!(r#"{{"format":"kairos-hub-export","version":1,"rows":[{row}]}}"#);
        assert!(said(&with(r#"{"table":"secrets","id":"x","created_at":1,"columns":{}}"#)).contains("Row 1"));
        assert!(said(&with(r#"{"table":"habits","id":"x","created_at":1,"columns":{}}"#)).contains("no clock"));
        let columns = |table: &str, columns: &str, at: i64| {
            said(&with(&format!(
                r#"{{"table":"{table}","id":"x","created_at":{at},"at":"{}","columns":{{{columns}}}}}"#,
                Hlc::from_parts(5, 0, "a")
            )))
        };
        for (table, given, at, named) in [
            ("habits", r#""name":"Read""#.to_owned(), -5, "created_at"),
            ("habits", r#""name":"Read","phase":"NOPE""#.into(), 1, "phase"),
            ("habits", r#""name":"Read","freq_num":-3"#.into(), 1, "freq_num"),
            ("habits", r#""color":"red""#.into(), 1, "name"),
            ("habits", format!(r#""name":"{}""#, "n".repeat(1 << 20)), 1, "name"),
            ("habits", r#""name":"Read","paused_at":-1"#.into(), 1, "paused_at"),
            ("pauses", r#""from_date":"soon""#.into(), 1, "from_date"),
        ] {
            let said = columns(table, &given, at);
            assert!(said.starts_with("Row 1") && said.contains(named) && said.len() < 300, "{named}: {said}");
        }
        assert!(said(&with(r#"{"table":"habits","id":"a b","created_at":1,"columns":{}}"#)).contains("Row 1"));
    }
}
