//! Habitica: dailies and habits. To-dos and rewards are no habits and stay there.

mod history;
mod user;

pub(crate) use history::read as read_history;
pub(crate) use user::read as read_user;

use kairos_core::Millis;
use kairos_core::event::Verb;

use crate::days;
use crate::fault::Fault;
use crate::model::PortableEntry;
use crate::reading::{Draft, Place, Reading, Twice};

/// How Habitica counts a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Once on the days it is due.
    Daily,
    /// As often as one likes.
    Habit,
    /// As seldom as one can.
    Avoid,
}

/// Where a person's days begin.
#[derive(Debug, Clone, Copy, Default)]
struct Days {
    /// Minutes to add to UTC.
    offset: i64,
    /// Minutes after midnight.
    start: i64,
}

/// One point of a task's history.
struct Point {
    time: Millis,
    /// How the task stood after it.
    value: f64,
    up: Option<f64>,
    down: Option<f64>,
    completed: Option<bool>,
}

/// Adds a task's history to its draft. Where the file does not count, a value that rises says "done".
fn enter(
    reading: &mut Reading,
    draft: &mut Draft,
    kind: Kind,
    days: Days,
    points: Vec<(Point, Place<'_>)>,
) -> Result<(), Fault> {
    let mut before = 0.0;
    for (point, place) in points {
        let (rises, falls) = (point.value > before, point.value < before);
        before = point.value;
        let Some(date) = days::local(point.time, days.offset - days.start) else {
            reading.left_out(&draft.name, place, days::NOT_A_DAY);
            continue;
        };
        let counted = |count: Option<f64>, moved: bool| count.unwrap_or(f64::from(u8::from(moved)));
        let (verb, value) = match kind {
            Kind::Daily if point.completed.unwrap_or(rises) => (Verb::Full, None),
            Kind::Habit if counted(point.up, rises) > 0.0 => (Verb::Set, Some(counted(point.up, rises))),
            Kind::Avoid if counted(point.down, falls) > 0.0 => (Verb::Lapse, Some(counted(point.down, falls))),
            _ => {
                reading.unknown(&draft.name, None, place);
                continue;
            }
        };
        let entry = PortableEntry { date, verb, value, note: None, occurred_at: Some(point.time) };
        reading.enter(draft, entry, Twice::Sum, place)?;
    }
    Ok(())
}
