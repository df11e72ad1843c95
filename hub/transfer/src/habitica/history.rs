//! `history.csv`: a line a task and time, without counts.

use std::collections::BTreeMap;

use super::{Days, Kind, Point, enter};
use crate::days;
use crate::fault::Fault;
use crate::limits;
use crate::model::{Origin, Portable, RemarkKind};
use crate::reading::{Draft, Place, Reading};
use crate::table::{self, Line};

struct Task {
    draft: Draft,
    kind: Kind,
    line: u64,
    points: Vec<(Point, Place<'static>)>,
}

/// Reads one.
pub(crate) fn read(bytes: &[u8]) -> Result<Portable, Fault> {
    let mut reading = Reading::new(Origin::Habitica);
    let mut tasks: BTreeMap<String, Task> = BTreeMap::new();
    let mut heads: Option<Line> = None;
    let (mut lines, mut others) = (0_usize, 0_usize);
    table::each(bytes, "", |line| {
        let Some(heads) = &heads else {
            heads = Some(line);
            return Ok(());
        };
        let cell = |word: &str| line.cell(heads.column(word));
        let (name, id, place) = (cell("Task Name"), cell("Task ID"), Place::Line("", line.number));
        let kind = match cell("Task Type") {
            "daily" => Kind::Daily,
            "habit" => Kind::Habit,
            "todo" | "reward" => {
                others += 1;
                return Ok(());
            }
            _ => {
                reading.left_out(name, place, "The task's type is none that is known. The line was left out.");
                return Ok(());
            }
        };
        // The time is the person's own, so it is read as it stands.
        let Some(time) = time(cell("Date")) else {
            reading.left_out(name, place, days::NOT_A_DAY);
            return Ok(());
        };
        let Some(value) = cell("Value").parse().ok().filter(|value: &f64| value.is_finite()) else {
            reading.left_out(name, place, "Its value is not a number. The line was left out.");
            return Ok(());
        };
        if tasks.len() >= limits::HABITS && !tasks.contains_key(id) {
            return Err(Fault::too_much("Habits", limits::HABITS));
        }
        lines += 1;
        if lines > limits::ENTRIES {
            return Err(Fault::too_much("Days", limits::ENTRIES));
        }
        let task = tasks.entry(id.to_owned()).or_insert_with(|| {
            let mut draft = Draft::new(Some(id), name);
            if kind == Kind::Habit {
                draft.measured("at_least", 1.0, "");
            }
            Task { draft, kind, line: line.number, points: Vec::new() }
        });
        let point = Point { time, value, up: None, down: None, completed: None };
        task.points.push((point, Place::Line("", line.number)));
        Ok(())
    })?;
    if others > 0 {
        reading.left_out("", Place::Whole, format!("{others} lines of to-dos and rewards were left out."));
    }
    if !tasks.is_empty() {
        let message = "The table does not say how often a task is due; each is asked for every day. \
                       Habitica's userdata.json does.";
        reading.remark(RemarkKind::Note, "", Place::Whole, message);
    }
    let mut tasks: Vec<Task> = tasks.into_values().collect();
    tasks.sort_by_key(|task| task.line);
    for mut task in tasks {
        task.points.sort_by_key(|(point, _)| point.time);
        enter(&mut reading, &mut task.draft, task.kind, Days::default(), task.points)?;
        reading.add(task.draft, Place::Line("", task.line))?;
    }
    Ok(reading.done())
}

/// A time such as `2026-11-24 08:00:00`, or in milliseconds.
fn time(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| days::instant(text))
}
