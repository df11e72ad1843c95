//! What a mirror on the wall shows: the people's open habits first, few enough to read from two metres.
//!
//! Pure: the hub's websocket computes it for a display and pushes it whenever it differs. Notes, scores
//! and whatever else a wall must not tell are not in it.

use kairos_core::today::{Item, Today};
use serde::Serialize;

/// How many habits a wall shows at most.
pub const MOST: usize = 8;

/// What the wall shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Wall {
    /// The day, of the first of its people.
    pub date: String,
    /// The zone of its clock.
    pub time_zone: String,
    /// How many are done.
    pub done: usize,
    /// Of how many that are asked for.
    pub total: usize,
    /// How many open ones did not fit.
    pub more: usize,
    /// The habits, open ones first, each group in the person's order.
    pub items: Vec<Item>,
}

/// Lays out the days of a display's people.
#[must_use]
pub fn wall(days: &[Today], time_zone: &str) -> Wall {
    let date = days.first().map(|day| day.date.clone()).unwrap_or_default();
    let all = days.iter().flat_map(|day| &day.items);
    // A day that was left out on purpose is neither open nor counted, nor is what is kept by doing nothing: nobody is asked
    // for it.
    let (open, rest): (Vec<&Item>, Vec<&Item>) = all.partition(|item| item.open());
    let done: Vec<&Item> = rest.into_iter().filter(|item| item.done && !item.kept_by_nothing).collect();
    Wall {
        date,
        time_zone: time_zone.to_owned(),
        done: done.len(),
        total: open.len() + done.len(),
        more: open.len().saturating_sub(MOST),
        items: open.into_iter().chain(done).take(MOST).cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use kairos_core::fold::Status;

    use super::*;

    fn item(name: &str, status: Option<Status>) -> Item {
        Item {
            habit_id: name.into(),
            name: name.into(),
            kind: "boolean".into(),
            due: true,
            done: status == Some(Status::Full),
            status,
            value: None,
            target: None,
            unit: None,
            date: "2026-11-24".into(),
            quota: None,
            noted: false,
            has_quota: false,
            kept_by_nothing: false,
        }
    }

    fn day(items: Vec<Item>) -> Today {
        Today { date: "2026-11-24".into(), items }
    }

    #[test]
    fn what_is_kept_by_doing_nothing_is_asked_of_nobody() {
        let kept = |status| Item { kept_by_nothing: true, ..item("no sweets", status) };
        let wall = wall(&[day(vec![kept(None), item("open", None), kept(Some(Status::Full))])], "UTC");
        assert_eq!((wall.done, wall.total, wall.items.len()), (0, 1, 1));
    }

    #[test]
    fn open_ones_come_first_and_what_was_left_out_is_not_counted() {
        let day =
            day(vec![item("done", Some(Status::Full)), item("open", None), item("skipped", Some(Status::Skipped))]);
        let wall = wall(&[day], "Europe/Berlin");
        assert_eq!(wall.items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>(), ["open", "done"]);
        assert_eq!((wall.done, wall.total, wall.more), (1, 2, 0));
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let many = day((0..11).map(|n| item(&n.to_string(), None)).collect());
        let wall = wall(&[many], "UTC");
        assert_eq!((wall.items.len(), wall.more, wall.total), (8, 3, 11));
        assert_eq!(super::wall(&[], "UTC").total, 0);
    }
}
