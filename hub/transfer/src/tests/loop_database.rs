use rusqlite::Connection;
use serde_json::json;

use super::*;
use crate::{Format, Origin, detect, read};

/// The tables as the newest version of Loop has them.
const SCHEMA: &str = "
    PRAGMA user_version = 25;
    CREATE TABLE Habits (id INTEGER PRIMARY KEY AUTOINCREMENT, archived INTEGER, color INTEGER, description TEXT,
        freq_den INTEGER, freq_num INTEGER, highlight INTEGER, name TEXT, position INTEGER, reminder_hour INTEGER,
        reminder_min INTEGER, reminder_days INTEGER NOT NULL DEFAULT 127, type INTEGER NOT NULL DEFAULT 0,
        target_type INTEGER NOT NULL DEFAULT 0, target_value REAL NOT NULL DEFAULT 0, unit TEXT NOT NULL DEFAULT '',
        question TEXT, uuid TEXT);
    CREATE TABLE Repetitions (id INTEGER PRIMARY KEY AUTOINCREMENT, habit INTEGER NOT NULL REFERENCES Habits(id),
        timestamp INTEGER NOT NULL, value INTEGER NOT NULL, notes TEXT);
    CREATE UNIQUE INDEX idx_repetitions_habit_timestamp ON Repetitions (habit, timestamp);";

/// The bytes of a database that was made by these statements.
fn database(statements: &str) -> Vec<u8> {
    let database = Connection::open_in_memory().unwrap();
    database.execute_batch(statements).unwrap();
    database.serialize("main").unwrap().to_vec()
}

/// Midnight in UTC of a day, as Loop stamps it.
fn stamp(date: &str) -> i64 {
    day(date).to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_millisecond()
}

pub(super) fn backup() -> Vec<u8> {
    let mut sql = SCHEMA.to_owned();
    let columns = "id, archived, color, description, freq_num, freq_den, name, position, type, target_type, \
                   target_value, unit, question, uuid";
    for values in [
        "1, 0, 0, '', 1, 1, 'Daily', 3, 0, 0, 0, '', 'Did you?', 'uuid-1'",
        "2, 0, 8, 'Legs', 3, 7, 'Gym', 0, 0, 0, 0, '', '', 'uuid-2'",
        "3, 1, 19, NULL, 1, 30, 'Books', 1, 0, 0, 0, '', NULL, 'uuid-3'",
        "4, 0, 99, '', 1, 1, 'Water', 2, 1, 0, 2.5, 'l', '', 'uuid-4'",
        "5, 0, 4, '', 1, 7, 'Beer', 4, 1, 1, 2.0, 'glasses', '', 'uuid-5'",
        "6, 0, 4, '', 1, 1, 'Smoke', 5, 1, 1, 0.0, '', '', 'uuid-6'",
    ] {
        sql += &format!("INSERT INTO Habits ({columns}) VALUES ({values});");
    }
    for (habit, date, value, notes) in [
        (1, "2026-11-20", 2, "'good'"),
        (1, "2026-11-21", 3, "NULL"),
        (1, "2026-11-22", 0, "''"),
        (1, "2026-11-23", 1, "''"),
        (2, "2026-11-23", 2, "''"),
        (3, "2026-11-01", 2, "''"),
        (4, "2026-11-20", 1250, "''"),
        (4, "2026-11-21", 3, "''"),
        (4, "2026-11-22", 0, "''"),
        (5, "2026-11-21", 0, "''"),
        (5, "2026-11-22", 4000, "''"),
        (6, "2026-11-21", 0, "''"),
        (6, "2026-11-22", 2000, "''"),
    ] {
        let stamp = stamp(date);
        sql += &format!(
            "INSERT INTO Repetitions (habit, timestamp, value, notes) VALUES ({habit}, {stamp}, {value}, {notes});"
        );
    }
    database(&sql)
}

#[test]
fn a_backup_is_read_in_the_order_of_the_app() {
    let bytes = backup();
    assert_eq!(detect("Loop Habits Backup.db", &bytes).unwrap(), Format::LoopDatabase);
    let portable = read("Loop Habits Backup.db", &bytes).unwrap();
    sound(&portable);
    assert_eq!(portable.remarks, []);
    assert_eq!(portable.source, Origin::Loop);
    let names: Vec<&str> = portable.habits.iter().map(PortableHabit::name).collect();
    assert_eq!(names, ["Gym", "Books", "Water", "Daily", "Beer", "Smoke"]);
    let [gym, books, water, daily, beer, smoke] = portable.habits.as_slice() else { panic!() };
    assert_eq!(gym.reference, "uuid-2");
    assert_eq!(
        columns(gym),
        json!({"color": "#00838f", "description": "Legs", "freq_den": 7, "freq_num": 3, "freq_window": "rolling"})
    );
    assert_eq!(
        columns(books),
        json!({"color": "#9e9e9e", "freq_den": 30, "freq_num": 1, "freq_window": "rolling", "status": "ARCHIVED"})
    );
    assert_eq!(
        columns(water),
        json!({"freq_den": 1, "freq_num": 1, "kind": "measurable", "target_type": "at_least", "target_value": 2.5,
               "unit": "l"})
    );
    assert_eq!(columns(smoke), json!({"color": "#afb42b", "freq_den": 1, "freq_num": 1, "kind": "avoid"}));
    assert_eq!(short(daily), ["2026-11-20 full good", "2026-11-21 skip"]);
    assert_eq!(short(water), ["2026-11-20 set 1.25", "2026-11-21 skip"]);
    assert_eq!(short(beer), ["2026-11-21 set 0", "2026-11-22 set 4"]);
    assert_eq!(short(smoke), ["2026-11-22 lapse 2"]);
    assert_eq!(portable.unknowns, 4);
    let report = portable.report();
    assert_eq!((report.habits, report.archived, report.entries, report.skips), (6, 1, 9, 2));
    assert_eq!((report.first, report.last), (Some(day("2026-11-01")), Some(day("2026-11-23"))));
}

/// A phone writes with a write-ahead log; the copy says so and is read all the same.
#[test]
fn a_backup_that_was_written_with_a_log_is_read() {
    let mut bytes = backup();
    bytes[18] = 2;
    bytes[19] = 2;
    assert_eq!(read("", &bytes).unwrap().habits.len(), 6);
}

#[test]
fn an_old_backup_without_the_newer_columns_is_read() {
    let bytes = database(&format!(
        "CREATE TABLE Habits (Id INTEGER PRIMARY KEY, archived INTEGER, color INTEGER, description TEXT,
             freq_den INTEGER, freq_num INTEGER, name TEXT, position INTEGER, reminder_hour INTEGER);
         CREATE TABLE Repetitions (id INTEGER PRIMARY KEY, habit INTEGER, timestamp INTEGER, value INTEGER);
         INSERT INTO Habits VALUES (7, 0, 3, 'Did you?', 1, 1, 'Old', 0, 8);
         INSERT INTO Repetitions VALUES (1, 7, {}, 2);",
        stamp("2016-02-29")
    ));
    let portable = read("", &bytes).unwrap();
    sound(&portable);
    assert_eq!(portable.habits[0].reference, "name:Old");
    assert_eq!(short(&portable.habits[0]), ["2016-02-29 full"]);
    assert_eq!(remarks(&portable, RemarkKind::Note), ["Reminders are not brought along."]);
}

#[test]
fn what_does_not_fit_is_said() {
    let bytes = database(
        "CREATE TABLE Habits (id, name, freq_num, freq_den, type, target_value, uuid, position);
         CREATE TABLE Repetitions (habit, timestamp, value, notes);
         INSERT INTO Habits VALUES (1, 'A', 9000, 1e300, 1, 9e999, 'same', 0), (2, x'ff00', 'x', NULL, 0, 0, 'same', 1),
             ('x', 'B', 1, 1, 0, 0, '', 2), (1, 'C', 1, 1, 0, 0, '', 3);
         INSERT INTO Repetitions VALUES (1, 0, 9000000000000000000, ''), (1, 'x', 2000, ''), (1, -1, 2000, ''),
             (1, 0, 'x', ''), (3, 0, 2, ''), (2, 86400000, 2, x'ff'), (2, 86400000, 3, '');",
    );
    let portable = read("", &bytes).unwrap();
    sound(&portable);
    assert_eq!(
        remarks(&portable, RemarkKind::LeftOut),
        [
            "B: habit 3: The habit has no number. It was left out.",
            "C: habit 4: The habit's number stands twice. What was there first stays.",
            "A: repetition 1: The amount of 1970-01-01 is not from 0 to 1000000000. It was left out.",
            "A: repetition 2: This is no day from 1970 to 2199. The line was left out.",
            "A: repetition 3: This is no day from 1970 to 2199. The line was left out.",
            "A: repetition 4: Its value is none that Loop writes. The day was left out.",
            "repetition 5: The day belongs to no habit. It was left out.",
            "repetition 7: 1970-01-02 is named again. What was there first stays.",
        ]
    );
    assert_eq!(portable.habits[1].reference, "same#2");
    assert_eq!(short(&portable.habits[1]), ["1970-01-02 full"]);
}

/// A view that calls itself a table could compute for ever.
#[test]
fn a_query_in_place_of_a_table_is_refused() {
    let bytes = database(
        "CREATE TABLE Repetitions (habit, timestamp, value);
         CREATE VIEW Habits AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id FROM n;",
    );
    assert_eq!(
        read("", &bytes).unwrap_err().to_string(),
        "The database has no table Habits. It is not a backup of Loop Habit Tracker."
    );
    // A table that a module makes up.
    let made_up = database("CREATE TABLE Repetitions (habit); CREATE VIRTUAL TABLE Habits USING fts5(id, name);");
    assert!(read("", &made_up).unwrap_err().message.contains("no table Habits"));
    assert!(read("", &database("CREATE TABLE Other (a)")).unwrap_err().message.contains("no table Habits"));
}

#[test]
fn too_many_habits_are_refused() {
    let bytes = database(&format!(
        "{SCHEMA} WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1001)
         INSERT INTO Habits (name) SELECT 'h' FROM n;"
    ));
    assert_eq!(read("", &bytes).unwrap_err().message, "Rows of Habits: at most 1000 are read.");
}

#[test]
fn a_text_that_is_too_long_is_refused() {
    let bytes =
        database(&format!("{SCHEMA} INSERT INTO Habits (name, description) VALUES ('h', hex(zeroblob(2000000)));"));
    assert_eq!(read("", &bytes).unwrap_err().message, "The database holds a text that is too long.");
}
