//! What a habit asks for, and since when.

use jiff::civil::{Date, Weekday};

use crate::repair::parse_date;
use crate::row::Row;

crate::event::words!(
    /// What a habit is about.
    Kind {
        /// Done or not.
        Boolean = "boolean",
        /// An amount.
        Measurable = "measurable",
        /// Something to stay away from.
        Avoid = "avoid",
    }
);

/// Demanded days without a deed after which help is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// For a short gap.
    pub lapse: i64,
    /// For a long one; above the other.
    pub relapse: i64,
}

/// What a habit asks for while it is valid.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// What it is about.
    pub kind: Kind,
    /// On which weekdays it may be done, Monday first.
    pub weekdays: [bool; 7],
    /// How many times…
    pub times: i64,
    /// … in how many days. At least as many times as days is every day.
    pub days: i64,
    /// Whether any stretch of that many days counts, not only those of the calendar.
    pub rolling: bool,
    /// Whether less is better.
    pub at_most: bool,
    /// The amount aimed at.
    pub target: Option<f64>,
    /// Its unit.
    pub unit: Option<String>,
    /// When help is offered.
    pub thresholds: Thresholds,
}

/// The columns whose changes are dated.
pub const DATED: &[&str] = &[
    "kind",
    "frequency",
    "active_days",
    "freq_num",
    "freq_den",
    "freq_window",
    "target_type",
    "target_value",
    "unit",
    "lapse_threshold_days",
    "relapse_threshold_days",
];

/// Reads `active_days`: a JSON array of weekdays, 1 is Monday. Anything else is no day.
#[must_use]
pub fn active_days(json: Option<&str>) -> Vec<i8> {
    let days: Vec<i8> = json.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    if days.iter().all(|day| (1..=7).contains(day)) { days } else { Vec::new() }
}

impl Schedule {
    /// Reads it from a habit's row or one of its dated schedules: the columns have the same names. What a schedule of an
    /// older version does not say is as the habit itself says.
    #[must_use]
    pub fn of(row: &Row, habit: &Row) -> Self {
        let days = |name| row.integer(name).or_else(|| habit.integer(name));
        let lapse = days("lapse_threshold_days").unwrap_or(3);
        let kind = row.opt_text("kind").unwrap_or_else(|| habit.text("kind"));
        let listed = active_days(row.opt_text("active_days").as_deref());
        let frequency = row.text("frequency");
        let weekdays = std::array::from_fn(|n| match (frequency.as_str(), n) {
            ("WEEKDAYS", day) => day < 5,
            ("WEEKENDS", day) => day >= 5,
            ("CUSTOM", day) if !listed.is_empty() => {
                listed.iter().any(|listed| usize::try_from(*listed - 1) == Ok(day))
            }
            _ => true,
        });
        Self {
            weekdays,
            times: row.integer("freq_num").unwrap_or(1).max(1),
            days: row.integer("freq_den").unwrap_or(1).max(1),
            rolling: row.text("freq_window") == "rolling",
            at_most: row.text("target_type") == "at_most",
            target: row.number("target_value"),
            kind: Kind::parse(&kind).unwrap_or(Kind::Boolean),
            unit: row.opt_text("unit"),
            thresholds: Thresholds { lapse, relapse: days("relapse_threshold_days").unwrap_or(7).max(lapse + 1) },
        }
    }

    /// Whether it asks for fewer deeds than there are days.
    #[must_use]
    pub fn has_quota(&self) -> bool {
        self.times < self.days
    }

    /// Whether a day without any note is as good as done: staying away, or "at most". A quota means nothing to these.
    #[must_use]
    pub fn kept_by_nothing(&self) -> bool {
        self.kind == Kind::Avoid || self.has_limit()
    }

    /// Whether there is an amount that is not to be passed.
    pub(super) fn has_limit(&self) -> bool {
        self.kind == Kind::Measurable && self.at_most
    }

    /// Whether it asks for the same days and the same quota; what it measures may differ, unless days are kept by nothing
    /// under one of the two: then its quota means something under the other only.
    fn asks_as(&self, other: &Self) -> bool {
        let asked = |of: &Self| (of.weekdays, of.times, of.days, of.rolling, of.has_quota() && of.kept_by_nothing());
        asked(self) == asked(other)
    }

    /// Whether a weekday is one of its own.
    #[must_use]
    pub fn has_weekday(&self, weekday: Weekday) -> bool {
        usize::try_from(weekday.to_monday_zero_offset())
            .ok()
            .and_then(|n| self.weekdays.get(n))
            .copied()
            .unwrap_or(true)
    }
}

/// A habit's schedules over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedules {
    /// The habit's own columns.
    present: Schedule,
    /// Each with its first day, earliest first; the last is as good as `present`.
    dated: Vec<(Date, Schedule)>,
    /// The days from which on other days or another quota are asked for, earliest first.
    turns: Vec<Date>,
}

impl Schedules {
    /// From a (repaired) habit and the (repaired) rows of its dated schedules, in any order.
    #[must_use]
    pub fn of<'a>(habit: &Row, dated: impl IntoIterator<Item = &'a Row>) -> Self {
        let mut dated: Vec<(Date, Schedule)> = dated
            .into_iter()
            .filter(|row| row.deleted_at.is_none() && row.text("habit_id") == habit.id)
            .filter_map(|row| Some((parse_date(&row.text("valid_from"))?, Schedule::of(row, habit))))
            .collect();
        dated.sort_by_key(|(from, _)| *from);
        let mut schedules = Self { present: Schedule::of(habit, habit), dated, turns: Vec::new() };
        let turns = schedules.dated.iter().map(|(from, _)| *from).filter(|from| {
            let before = from.yesterday().unwrap_or(*from);
            !schedules.on(*from).asks_as(schedules.on(before))
        });
        schedules.turns = turns.collect();
        schedules
    }

    /// The one valid on a day. Before the first of the dated ones that one holds.
    #[must_use]
    pub fn on(&self, date: Date) -> &Schedule {
        // The habit's own columns are the newest word, also where a phone changed them and no dated row tells so.
        if self.dated.last().is_none_or(|(from, _)| *from <= date) {
            return &self.present;
        }
        let after = self.dated.partition_point(|(from, _)| *from <= date);
        self.dated.get(after.saturating_sub(1)).map_or(&self.present, |(_, schedule)| schedule)
    }

    /// Whether any of them is a rolling quota.
    pub(super) fn ever_rolling(&self) -> bool {
        let rolls = |schedule: &Schedule| schedule.rolling && schedule.has_quota();
        rolls(&self.present) || self.dated.iter().any(|(_, schedule)| rolls(schedule))
    }

    /// Since when the days and the quota are asked for that hold on a day, if they were others before. What else changes
    /// (a unit, a target) begins no period anew.
    #[must_use]
    pub fn since(&self, date: Date) -> Option<Date> {
        self.turns.iter().rev().copied().find(|from| *from <= date)
    }

    /// The next day from which on other days or another quota are asked for.
    #[must_use]
    pub fn until(&self, date: Date) -> Option<Date> {
        self.turns.iter().copied().find(|from| *from > date)
    }
}
