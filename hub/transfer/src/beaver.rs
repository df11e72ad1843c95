//! beaverhabits: a list of habits, each with its days.

use kairos_core::event::Verb;
use serde_json::Value;

use crate::days;
use crate::fault::Fault;
use crate::json;
use crate::model::{Origin, Portable, PortableEntry, RemarkKind};
use crate::reading::{Draft, Place, Reading, Twice};

/// Reads one.
pub(crate) fn read(bytes: &[u8]) -> Result<Portable, Fault> {
    let file = json::parse(bytes)?;
    let mut reading = Reading::new(Origin::Beaver);
    for (index, habit) in json::list(&file, "habits", "")?.iter().enumerate() {
        let place = Place::Item("habit", index);
        if !habit.is_object() {
            reading.left_out("", place, "This is no habit. It was left out.");
            continue;
        }
        let mut draft = Draft::new(json::text(habit, "id"), json::text(habit, "name").unwrap_or_default());
        if habit.get("period").is_some_and(Value::is_object) {
            let message = "Its rhythm is not brought along; it is asked for every day.";
            reading.remark(RemarkKind::Note, &draft.name, place, message);
        }
        if json::text(habit, "status").is_some_and(|status| status.eq_ignore_ascii_case("archive")) {
            draft.set("status", "ARCHIVED");
        }
        for (inner, record) in json::list(habit, "records", &place.to_string())?.iter().enumerate() {
            day(&mut reading, &mut draft, record, Place::Inner("habit", index, "record", inner))?;
        }
        reading.add(draft, place)?;
    }
    Ok(reading.done())
}

fn day(reading: &mut Reading, draft: &mut Draft, record: &Value, place: Place<'_>) -> Result<(), Fault> {
    let Some(date) = json::text(record, "day").and_then(days::leading) else {
        reading.left_out(&draft.name, place, days::NOT_A_DAY);
        return Ok(());
    };
    let note = json::text(record, "text");
    match record.get("done") {
        Some(Value::Bool(true)) => {
            let entry = PortableEntry { note: note.map(str::to_owned), ..PortableEntry::new(date, Verb::Full) };
            reading.enter(draft, entry, Twice::First, place)
        }
        Some(Value::Bool(false) | Value::Null) | None => {
            reading.unknown(&draft.name, note, place);
            Ok(())
        }
        Some(_) => {
            reading.left_out(&draft.name, place, "`done` must be true or false. The day was left out.");
            Ok(())
        }
    }
}
