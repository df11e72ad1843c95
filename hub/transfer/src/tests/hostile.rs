use std::io::{Cursor, Write};

use proptest::prelude::*;
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use super::loop_database::backup;
use super::*;
use crate::{Format, limits, loop_zip, read, read_as};

const FORMATS: [Format; 8] = [
    Format::LoopDatabase,
    Format::LoopZip,
    Format::HabitKit,
    Format::HabiticaUser,
    Format::HabiticaHistory,
    Format::HabitBull,
    Format::TableHabit,
    Format::Beaver,
];

/// Reads bytes as every format; what can be read is sound, what cannot says why.
fn survives(bytes: &[u8]) {
    let said = |fault: crate::Fault| assert!(!fault.message.is_empty());
    read("x", bytes).map_or_else(said, |portable| sound(&portable));
    for format in FORMATS {
        match read_as(format, bytes) {
            Ok(portable) => {
                sound(&portable);
                let _ = portable.report();
                let last = portable.report().last.unwrap_or(day("2026-01-01"));
                let _ = loop_zip(&portable.habits, last);
            }
            Err(fault) => said(fault),
        }
    }
}

fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn a_zip_that_unpacks_without_end_is_cut_off() {
    let zeroes = vec![b'0'; usize::try_from(limits::UNPACKED).unwrap() + 1];
    let bomb = zip_of(&[("Habits.csv", &zeroes)]);
    assert!(bomb.len() < 100_000);
    let fault = read("x.zip", &bomb).unwrap_err().to_string();
    assert_eq!(fault, "Habits.csv: Unpacked, it has more than the 16777216 bytes that are read.");
}

#[test]
fn a_zip_of_too_many_files_is_refused() {
    let names: Vec<String> = (0..=limits::ZIP_ENTRIES).map(|n| n.to_string()).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    assert_eq!(read("x.zip", &zip_of(&files)).unwrap_err().message, "Files in the zip: at most 2016 are read.");
}

#[test]
fn what_is_too_large_is_refused_before_it_is_read() {
    let large = vec![b'{'; limits::FILE + 1];
    assert_eq!(read("x", &large).unwrap_err().message, "Bytes of a file: at most 67108864 are read.");
    let commas = [b"HabitName,CalendarDate,Value\n".to_vec(), vec![b','; 2_000_000]].concat();
    assert_eq!(read("x.csv", &commas).unwrap_err().message, "A line has too many commas.");
    let columns = [b"HabitName,CalendarDate,Value\n".to_vec(), vec![b','; 100]].concat();
    assert_eq!(read("x.csv", &columns).unwrap_err().to_string(), "line 2: Columns: at most 64 are read.");
    let habits =
        (0..1001).fold("HabitName,CalendarDate,Value\n".to_owned(), |text, n| format!("{text}{n},2026-01-01,1\n"));
    assert_eq!(read("x.csv", habits.as_bytes()).unwrap_err().message, "Habits: at most 1000 are read.");
    let habits: Vec<Value> = (0..1001).map(|n| json!({"name": n.to_string(), "records": []})).collect();
    let bytes = json!({"habits": habits}).to_string();
    assert_eq!(read("x", bytes.as_bytes()).unwrap_err().message, "Habits: at most 1000 are read.");
}

/// A column whose name is no text: asking rusqlite for its name would panic.
#[test]
fn a_column_whose_name_is_no_text_is_not_asked_for() {
    let mut bytes = backup();
    let at = bytes.windows(9).position(|window| window == b"highlight").unwrap();
    bytes[at] = 0xff;
    assert_eq!(read("x", &bytes).unwrap().habits.len(), 6);
}

/// A damaged line a day for years is said a thousand times and counted after that.
#[test]
fn remarks_are_bounded_and_the_rest_is_counted() {
    let records: Vec<Value> = (0..1500).map(|_| json!({"day": "never", "done": true})).collect();
    let bytes = json!({"habits": [{"name": "a", "records": records}]}).to_string();
    let portable = read("x", bytes.as_bytes()).unwrap();
    assert_eq!((portable.remarks.len(), portable.more_remarks), (1000, 500));
}

#[test]
fn numbers_that_are_none_or_too_large_are_left_out() {
    let table = "HabitName,CalendarDate,Value\na,2026-01-01,NaN\na,2026-01-02,inf\na,2026-01-03,-inf\na,2026-01-04,1e300\n\
                 a,2026-01-05,1e9\na,2026-01-06,0x10\n";
    let portable = read("x.csv", table.as_bytes()).unwrap();
    sound(&portable);
    assert_eq!(short(&portable.habits[0]), ["2026-01-05 set 1000000000"]);
    assert_eq!(remarks(&portable, RemarkKind::LeftOut).len(), 5);
}

/// Tables whose columns compute, or whose rows have no end.
#[test]
fn a_database_that_computes_is_not_followed() {
    let generated = {
        let database = rusqlite::Connection::open_in_memory().unwrap();
        database
            .execute_batch(
                "CREATE TABLE Habits (id INTEGER, name TEXT AS (hex(zeroblob(5))));
                 CREATE TABLE Repetitions (habit, timestamp, value); INSERT INTO Habits (id) VALUES (1);
                 PRAGMA writable_schema = ON;
                 UPDATE sqlite_schema SET sql = replace(sql, '(5)', '(900000)') WHERE name = 'Habits';",
            )
            .unwrap();
        database.serialize("main").unwrap().to_vec()
    };
    assert_eq!(read("x", &generated).unwrap().habits[0].name(), "Habit 1", "what computes is not read");
    // A schema that was edited by hand, with a table whose statement is a query.
    let edited = {
        let database = rusqlite::Connection::open_in_memory().unwrap();
        database
            .execute_batch(
                "CREATE TABLE Habits (id); CREATE TABLE Repetitions (habit);
                 PRAGMA writable_schema = ON;
                 UPDATE sqlite_schema SET sql = 'CREATE VIEW Habits AS SELECT load_extension(''x'')' WHERE name = 'Habits';",
            )
            .unwrap();
        database.serialize("main").unwrap().to_vec()
    };
    assert!(read("x", &edited).is_err());
}

#[test]
fn a_file_that_ends_early_is_refused_or_read_as_far_as_it_goes() {
    let database = backup();
    for end in (0..database.len()).step_by(509) {
        survives(&database[..end]);
    }
    let zip = loop_zip(&read("x", &database).unwrap().habits, day("2026-12-01")).unwrap();
    for end in (0..zip.len()).step_by(97) {
        let cut = &zip[..end];
        assert!(read("x.zip", cut).is_err(), "the directory stands at the end");
    }
}

/// Any JSON with the keys that the readers look for.
fn any_json() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "habits",
        "completions",
        "intervals",
        "tasks",
        "dailys",
        "history",
        "records",
        "name",
        "id",
        "_id",
        "text",
        "day",
        "done",
        "date",
        "habitId",
        "amountOfCompletions",
        "timezoneOffsetInMinutes",
        "value",
        "scoredUp",
        "scoredDown",
        "frequency",
        "everyX",
        "repeat",
        "up",
        "down",
        "type",
        "status",
        "daily_goal",
        "daily_goal_unit",
        "freq_type",
        "freq_custom",
        "create_t",
        "record_date",
        "record_type",
        "record_value",
        "reason",
        "isInverse",
        "preferences",
        "timezoneOffset",
        "dayStart",
        "requiredNumberOfCompletions",
        "requiredNumberOfCompletionsPerDay",
        "startDate",
        "endDate",
        "orderIndex",
        "note",
        "period",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..30_000_i64).prop_map(Value::from),
        (0..4_i64).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        prop::sample::select(vec!["2026-11-24", "2026-11-24T08:00:00.000Z", "a", "week", "[1,2]", "-", "9999-12-31"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 120, 12, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..14)
                .prop_map(|pairs| Value::Object(pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        survives(&bytes);
        survives(&[b"SQLite format 3\0".to_vec(), bytes.clone()].concat());
        survives(&[b"PK\x03\x04".to_vec(), bytes].concat());
    }

    #[test]
    fn any_json_of_the_right_words(value in any_json()) {
        survives(value.to_string().as_bytes());
        for key in ["records", "history"] {
            survives(json!({"habits": [{"name": "a", "create_t": 1, key: value.clone()}]}).to_string().as_bytes());
        }
        let parts = json!({"habits": [{"id": "a"}], "completions": value.clone(), "intervals": [value.clone()]});
        survives(parts.to_string().as_bytes());
        survives(json!({"tasks": {"dailys": [value.clone()], "habits": value}}).to_string().as_bytes());
    }

    #[test]
    fn any_table(lines in prop::collection::vec("[^\\n]{0,60}|(a|b),[0-9-]{8,10},[0-9.eENa-]{1,6}", 0..20)) {
        for heads in ["HabitName,CalendarDate,Value", "Task Name,Task ID,Task Type,Date,Value"] {
            survives(format!("{heads}\n{}", lines.join("\n")).as_bytes());
        }
        let text = lines.join("\n");
        for heads in ["Date,Value,Notes\n", "Position,Name\n1,a\n"] {
            let table = format!("{heads}{text}");
            let habits: &[u8] = if heads.starts_with('P') { table.as_bytes() } else { b"Position,Name,Type\n1,a,NUMERICAL\n" };
            survives(&zip_of(&[("Habits.csv", habits), ("001 a/Checkmarks.csv", table.as_bytes()),
                               ("001 a/Scores.csv", text.as_bytes())]));
        }
    }

    /// A backup and a zip with a few bytes changed.
    #[test]
    fn a_damaged_file(hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut database = backup();
        let mut zip = loop_zip(&read("x", &database).unwrap().habits, day("2026-12-01")).unwrap();
        for (at, byte) in hits {
            let (a, b) = (at.index(database.len()), at.index(zip.len()));
            database[a] = byte;
            zip[b] = byte;
        }
        survives(&database);
        survives(&zip);
    }
}
