//! Breaks: days on which nothing is asked for.

use jiff::civil::Date;

use crate::repair::parse_date;
use crate::row::Row;

/// A break: its first and its last day, if it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Option<Date>,
}

impl Pause {
    pub(super) fn covers(&self, date: Date) -> bool {
        self.from <= date && self.to.is_none_or(|to| date <= to)
    }

    pub(super) fn of(row: &Row) -> Option<Self> {
        let to = row.opt_text("to_date").and_then(|to| parse_date(&to));
        Some(Self { from: parse_date(&row.text("from_date"))?, to })
    }
}

/// Whether a break says since when a habit rests: its own, and without an end. Its first day was written down as the
/// person counted days then; read from the moment it would move with them.
#[must_use]
pub fn is_rest_of(pause: &Row, habit: &Row) -> bool {
    let open = pause.deleted_at.is_none() && Pause::of(pause).is_some_and(|pause| pause.to.is_none());
    open && pause.opt_text("habit_id").as_deref() == Some(habit.id.as_str())
}

/// Breaks in order, those that overlap or touch as one.
pub(super) fn joined(mut pauses: Vec<Pause>) -> Vec<Pause> {
    pauses.retain(|pause| pause.to.is_none_or(|to| pause.from <= to));
    pauses.sort_by_key(|pause| pause.from);
    let mut joined: Vec<Pause> = Vec::with_capacity(pauses.len());
    for pause in pauses {
        match joined.last_mut() {
            Some(last) if last.to.is_none_or(|to| to.tomorrow().is_ok_and(|next| pause.from <= next)) => {
                last.to = last.to.zip(pause.to).map(|(a, b)| a.max(b));
            }
            _ => joined.push(pause),
        }
    }
    joined
}
