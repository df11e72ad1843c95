//! Loop's backup: a SQLite database, opened in memory and never trusted.

use std::collections::BTreeMap;
use std::io::Read;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::habit::{LoopHabit, palette};
use crate::days;
use crate::fault::Fault;
use crate::limits;
use crate::model::{Origin, Portable, RemarkKind};
use crate::reading::{Draft, Place, Reading};

/// What a SQLite file begins with.
pub(crate) const MAGIC: &[u8] = b"SQLite format 3\0";

/// Steps between two looks at how long it has worked.
const LOOK: i32 = 10_000;

/// Reads one.
pub(crate) fn read(bytes: &[u8]) -> Result<Portable, Fault> {
    let database = open(bytes).map_err(|error| damaged(&error))?;
    tables(&database)?;
    let mut reading = Reading::new(Origin::Loop);
    let mut habits = habits(&database, &mut reading)?;
    repetitions(&database, &mut reading, &mut habits)?;
    let mut habits: Vec<(LoopHabit, Draft)> = habits.into_values().collect();
    habits.sort_by_key(|(habit, _)| habit.position);
    for (index, (_, draft)) in habits.into_iter().enumerate() {
        reading.add(draft, Place::Item("habit", index))?;
    }
    Ok(reading.done())
}

/// Opens a copy in memory: read-only, distrusting its schema, with bounds on what a query may do.
fn open(bytes: &[u8]) -> rusqlite::Result<Connection> {
    let mut database = Connection::open_in_memory()?;
    let (head, rest) = bytes.split_at(bytes.len().min(20));
    let mut head = head.to_vec();
    // A file that was last written with a write-ahead log says so, and could not be opened without a file
    // system. What is in the file is whole; the log beside it is not exported.
    if let Some(versions) = head.get_mut(18..20)
        && versions == [2, 2]
    {
        versions.copy_from_slice(&[1, 1]);
    }
    database.deserialize_read_exact("main", head.chain(rest), bytes.len(), true)?;
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    database.set_limit(Limit::SQLITE_LIMIT_LENGTH, limits::CELL)?;
    database.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    database.pragma_update(None, "cell_size_check", true)?;
    let mut steps = 0_u64;
    database.progress_handler(
        LOOK,
        Some(move || {
            steps += u64::from(LOOK.unsigned_abs());
            steps > limits::STEPS
        }),
    )?;
    Ok(database)
}

fn damaged(error: &rusqlite::Error) -> Fault {
    Fault::new(match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::OperationInterrupted) => "The database takes too long to read.",
        Some(rusqlite::ErrorCode::TooBig) => "The database holds a text that is too long.",
        _ => "The database is damaged or not whole.",
    })
}

/// Makes sure that what is read are tables, not queries that call themselves so.
fn tables(database: &Connection) -> Result<(), Fault> {
    for name in ["Habits", "Repetitions"] {
        let plain: i64 = database
            .query_row(
                "SELECT count(*) FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE AND type = 'table' AND rootpage > 0",
                [name],
                |row| row.get(0),
            )
            .map_err(|error| damaged(&error))?;
        if plain != 1 {
            let message = format!("The database has no table {name}. It is not a backup of Loop Habit Tracker.");
            return Err(Fault::new(message));
        }
    }
    Ok(())
}

/// The columns that are read; which of them there are depends on the version that wrote them.
const HABITS: &[&str] = &[
    "id",
    "archived",
    "color",
    "description",
    "freq_den",
    "freq_num",
    "name",
    "position",
    "reminder_hour",
    "type",
    "target_type",
    "target_value",
    "unit",
    "question",
    "uuid",
];
const REPETITIONS: &[&str] = &["habit", "timestamp", "value", "notes"];

/// A row's cells by the names of their columns.
struct Cells<'a> {
    names: &'a [&'static str],
    row: &'a Row<'a>,
}

impl Cells<'_> {
    fn value(&self, name: &str) -> ValueRef<'_> {
        let index = self.names.iter().position(|it| *it == name);
        index.and_then(|index| self.row.get_ref(index).ok()).unwrap_or(ValueRef::Null)
    }

    fn integer(&self, name: &str) -> Option<i64> {
        match self.value(name) {
            ValueRef::Integer(number) => Some(number),
            ValueRef::Real(number) => crate::reading::whole(number),
            _ => None,
        }
    }

    fn number(&self, name: &str) -> Option<f64> {
        match self.value(name) {
            #[allow(clippy::cast_precision_loss)] // a target
            ValueRef::Integer(number) => Some(number as f64),
            ValueRef::Real(number) => Some(number),
            _ => None,
        }
    }

    fn text(&self, name: &str) -> String {
        match self.value(name) {
            ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        }
    }
}

/// Which of the columns a table has.
fn present(database: &Connection, table: &str, columns: &[&'static str]) -> rusqlite::Result<Vec<&'static str>> {
    let mut query = database.prepare("SELECT lower(name) FROM pragma_table_info(?1)")?;
    let mut rows = query.query([table])?;
    let mut there = Vec::new();
    // By bytes: a name need not be text that can be read, and is asked for nowhere else.
    while let Some(row) = rows.next()? {
        if let ValueRef::Text(name) = row.get_ref(0)? {
            there.extend(columns.iter().find(|column| column.as_bytes() == name));
        }
    }
    Ok(there)
}

/// Calls for each row of a table, up to a number of them.
fn each(
    database: &Connection,
    table: &str,
    columns: &[&'static str],
    most: usize,
    mut call: impl FnMut(usize, &Cells<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let wrong = |error: rusqlite::Error| damaged(&error);
    let names = present(database, table, columns).map_err(wrong)?;
    if names.is_empty() {
        return Err(Fault::new(format!("The table {table} has none of the columns that Loop Habit Tracker writes.")));
    }
    // Only words of this file stand in the query.
    let query = format!("SELECT {} FROM {table}", names.join(", "));
    let mut query = database.prepare(&query).map_err(wrong)?;
    let mut rows = query.query([]).map_err(wrong)?;
    let mut index = 0;
    while let Some(row) = rows.next().map_err(wrong)? {
        if index >= most {
            return Err(Fault::too_much(&format!("Rows of {table}"), most));
        }
        call(index, &Cells { names: &names, row })?;
        index += 1;
    }
    Ok(())
}

/// The habits by the number that their days know them by.
fn habits(database: &Connection, reading: &mut Reading) -> Result<BTreeMap<i64, (LoopHabit, Draft)>, Fault> {
    let mut found = BTreeMap::new();
    let mut reminders = false;
    each(database, "Habits", HABITS, limits::HABITS, |index, cells| {
        let place = Place::Item("habit", index);
        let name = cells.text("name");
        let Some(id) = cells.integer("id") else {
            reading.left_out(&name, place, "The habit has no number. It was left out.");
            return Ok(());
        };
        if found.contains_key(&id) {
            reading.left_out(&name, place, "The habit's number stands twice. What was there first stays.");
            return Ok(());
        }
        reminders |= cells.integer("reminder_hour").is_some();
        let habit = LoopHabit {
            uuid: cells.text("uuid"),
            name,
            question: cells.text("question"),
            description: cells.text("description"),
            num: cells.integer("freq_num").unwrap_or(1),
            den: cells.integer("freq_den").unwrap_or(1),
            color: cells.integer("color").map_or("", palette).to_owned(),
            numeric: cells.integer("type") == Some(1),
            at_most: cells.integer("target_type") == Some(1),
            target: cells.number("target_value").unwrap_or(0.0),
            unit: cells.text("unit"),
            archived: cells.integer("archived").unwrap_or(0) != 0,
            position: cells.integer("position").unwrap_or(0),
        };
        let draft = habit.draft();
        found.insert(id, (habit, draft));
        Ok(())
    })?;
    if reminders {
        reading.remark(RemarkKind::Note, "", Place::Whole, "Reminders are not brought along.");
    }
    Ok(found)
}

fn repetitions(
    database: &Connection,
    reading: &mut Reading,
    habits: &mut BTreeMap<i64, (LoopHabit, Draft)>,
) -> Result<(), Fault> {
    each(database, "Repetitions", REPETITIONS, limits::ENTRIES, |index, cells| {
        let place = Place::Item("repetition", index);
        let Some((habit, draft)) = cells.integer("habit").and_then(|id| habits.get_mut(&id)) else {
            reading.left_out("", place, "The day belongs to no habit. It was left out.");
            return Ok(());
        };
        let Some(date) = cells.integer("timestamp").and_then(days::of_millis) else {
            reading.left_out(&draft.name, place, days::NOT_A_DAY);
            return Ok(());
        };
        let Some(mark) = cells.integer("value").and_then(|value| habit.mark_of(value)) else {
            reading.left_out(&draft.name, place, "Its value is none that Loop writes. The day was left out.");
            return Ok(());
        };
        habit.enter(reading, draft, date, mark, &cells.text("notes"), place)
    })
}
