//! HabitBull: one table, a line a habit and day.

use std::collections::BTreeMap;

use jiff::civil::Date;
use kairos_core::event::Verb;

use crate::days;
use crate::fault::Fault;
use crate::limits;
use crate::model::{Origin, Portable, PortableEntry, RemarkKind};
use crate::reading::{Draft, Place, Reading, Twice};
use crate::table::{self, Line};

/// A line that says something of a day. Only all lines of a habit tell whether it is one of amounts.
struct Day {
    line: u64,
    date: Date,
    value: f64,
    note: String,
}

struct Habit {
    line: u64,
    description: String,
    days: Vec<Day>,
}

/// Reads one.
pub(crate) fn read(bytes: &[u8]) -> Result<Portable, Fault> {
    let mut reading = Reading::new(Origin::HabitBull);
    let mut order: Vec<String> = Vec::new();
    let mut habits: BTreeMap<String, Habit> = BTreeMap::new();
    let mut heads: Option<Line> = None;
    let (mut lines, mut categories) = (0_usize, false);
    table::each(bytes, "", |line| {
        let Some(heads) = &heads else {
            heads = Some(line);
            return Ok(());
        };
        let cell = |word: &str| line.cell(heads.column(word));
        let (name, place) = (cell("HabitName"), Place::Line("", line.number));
        if line.len() == 1 || name.is_empty() {
            reading.left_out("", place, "The line names no habit. It was left out.");
            return Ok(());
        }
        let Some(date) = days::leading(cell("CalendarDate")) else {
            reading.left_out(name, place, days::NOT_A_DAY);
            return Ok(());
        };
        let Some(value) = cell("Value").parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0) else {
            reading.left_out(name, place, "Its value is not a number from 0 on. The line was left out.");
            return Ok(());
        };
        lines += 1;
        if lines > limits::ENTRIES {
            return Err(Fault::too_much("Days", limits::ENTRIES));
        }
        categories |= !cell("HabitCategory").is_empty();
        if !habits.contains_key(name) {
            if habits.len() >= limits::HABITS {
                return Err(Fault::too_much("Habits", limits::HABITS));
            }
            order.push(name.to_owned());
        }
        let habit = habits.entry(name.to_owned()).or_insert_with(|| Habit {
            line: line.number,
            description: cell("HabitDescription").to_owned(),
            days: Vec::new(),
        });
        let note = heads.column("CommentText").and_then(|column| line.raw(column)).unwrap_or_default().to_owned();
        habit.days.push(Day { line: line.number, date, value, note });
        Ok(())
    })?;
    if categories {
        reading.remark(RemarkKind::Note, "", Place::Whole, "Categories are not brought along.");
    }
    for name in order {
        let Some(habit) = habits.remove(&name) else { continue };
        add(&mut reading, &name, habit)?;
    }
    Ok(reading.done())
}

fn add(reading: &mut Reading, name: &str, habit: Habit) -> Result<(), Fault> {
    let place = Place::Line("", habit.line);
    let mut draft = Draft::new(None, name);
    draft.set("description", habit.description);
    let amounts = habit.days.iter().any(|day| day.value > 0.0 && day.value != 1.0);
    if amounts {
        draft.measured("at_least", 1.0, "");
        let message = "It holds amounts, and the file does not say how much is aimed at. The target is 1.";
        reading.remark(RemarkKind::Mended, name, place, message);
    }
    for day in habit.days {
        let place = Place::Line("", day.line);
        if day.value == 0.0 {
            reading.unknown(name, Some(&day.note), place);
            continue;
        }
        let entry = PortableEntry {
            value: amounts.then_some(day.value),
            note: Some(day.note),
            ..PortableEntry::new(day.date, if amounts { Verb::Set } else { Verb::Full })
        };
        reading.enter(&mut draft, entry, Twice::First, place)?;
    }
    reading.add(draft, place)
}
