#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod completions;
mod hostile;
mod loop_database;
mod loop_written;
mod loop_zip;
mod others;

use jiff::civil::Date;
use kairos_core::event::Verb;
use kairos_core::hlc::Hlc;
use kairos_core::ids::UserId;
use kairos_core::repair::faults;
use kairos_core::row::Row;
use kairos_core::schema::HABITS;
use kairos_core::scope::Scope;

use crate::model::{Portable, PortableEntry, PortableHabit, RemarkKind};

/// Makes sure that what was read could be written as it is.
fn sound(portable: &Portable) {
    let ada = UserId::new("ada").unwrap();
    let mut references = std::collections::BTreeSet::new();
    for habit in &portable.habits {
        let mut row = Row::new(&HABITS, "h", Scope::Person(ada.clone()), ada.clone(), 0);
        for (column, value) in &habit.fields {
            assert!(HABITS.column(column).is_some(), "{column} is no column");
            row.set(HABITS.column(column).unwrap().name, value.clone(), &Hlc::from_parts(1, 0, "a"));
        }
        assert_eq!(faults(&row), [], "{}", habit.name());
        assert!(!habit.fields.contains_key("start_date"), "imported years are not judged");
        assert!(references.insert(&habit.reference), "{} stands twice", habit.reference);
        assert!(habit.entries.is_sorted_by(|a, b| a.date < b.date), "one entry a day, oldest first");
        for entry in &habit.entries {
            assert!(matches!(entry.verb, Verb::Full | Verb::Skip | Verb::Set | Verb::Partial | Verb::Lapse));
            assert!(entry.value.is_none_or(|value| (0.0..=crate::limits::AMOUNT).contains(&value)));
            assert!(entry.note.as_ref().is_none_or(|note| note.chars().count() <= 2000 && !note.contains('\0')));
        }
    }
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// A habit's days in short: `2026-11-24 full`, `2026-11-24 set 2.5 a note`.
fn short(habit: &PortableHabit) -> Vec<String> {
    let entry = |entry: &PortableEntry| {
        let value = entry.value.map_or_else(String::new, |value| format!(" {value}"));
        let note = entry.note.as_ref().map_or_else(String::new, |note| format!(" {note}"));
        format!("{} {}{value}{note}", entry.date, entry.verb.as_str())
    };
    habit.entries.iter().map(entry).collect()
}

/// A habit's columns as JSON, without those that only name and sort it.
fn columns(habit: &PortableHabit) -> serde_json::Value {
    let all = habit.fields.iter().filter(|(name, _)| !matches!(name.as_str(), "name" | "import_ref" | "sort_key"));
    serde_json::Value::Object(all.map(|(name, value)| (name.clone(), value.to_json())).collect())
}

fn remarks(portable: &Portable, kind: RemarkKind) -> Vec<String> {
    portable.remarks.iter().filter(|remark| remark.kind == kind).map(ToString::to_string).collect()
}
