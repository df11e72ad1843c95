//! What a file becomes, whichever app wrote it.

use std::fmt;

use jiff::civil::Date;
use kairos_core::Millis;
use kairos_core::command::Fields;
use kairos_core::event::Verb;
use kairos_core::ids::{EventId, HabitId, UserId};

/// The app a file comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Loop Habit Tracker.
    Loop,
    /// HabitKit.
    HabitKit,
    /// Habitica.
    Habitica,
    /// HabitBull.
    HabitBull,
    /// Table Habit.
    TableHabit,
    /// beaverhabits.
    Beaver,
}

impl Origin {
    /// Its word, part of every id that is derived for an import: never changed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loop => "loop",
            Self::HabitKit => "habitkit",
            Self::Habitica => "habitica",
            Self::HabitBull => "habitbull",
            Self::TableHabit => "tablehabit",
            Self::Beaver => "beaver",
        }
    }

    /// Its name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Loop => "Loop Habit Tracker",
            Self::HabitKit => "HabitKit",
            Self::Habitica => "Habitica",
            Self::HabitBull => "HabitBull",
            Self::TableHabit => "Table Habit",
            Self::Beaver => "beaverhabits",
        }
    }

    /// The id a person's imported habit gets, the same for every import.
    #[must_use]
    pub fn habit_id(self, person: &UserId, reference: &str) -> HabitId {
        HabitId::imported(person, self.as_str(), reference)
    }

    /// The id a person's imported day gets, the same for every import, so that a second one adds nothing.
    #[must_use]
    pub fn event_id(self, person: &UserId, reference: &str, date: Date) -> EventId {
        EventId::imported(person, self.as_str(), reference, date)
    }
}

/// All that was read from a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Portable {
    /// The app it comes from.
    pub source: Origin,
    /// The habits, in the app's order.
    pub habits: Vec<PortableHabit>,
    /// What did not fit, what was mended, what a person should know; [`crate::limits::REMARKS`] at most.
    pub remarks: Vec<Remark>,
    /// Remarks beyond those.
    pub more_remarks: usize,
    /// Days the file names without a deed: not done, unknown, or filled in by the app.
    pub unknowns: usize,
}

/// A habit with its days.
#[derive(Debug, Clone, PartialEq)]
pub struct PortableHabit {
    /// The app's id of it, or one made from its name; unique in the file.
    pub reference: String,
    /// Columns of the habits table. Each value meets its column's rule, and those that belong together agree.
    pub fields: Fields,
    /// Its days, oldest first, one a date.
    pub entries: Vec<PortableEntry>,
    /// The scores that the file itself holds, oldest first.
    pub scores: Option<Vec<(Date, f64)>>,
}

impl PortableHabit {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text("name").unwrap_or_default()
    }

    pub(crate) fn text(&self, column: &str) -> Option<&str> {
        self.fields.get(column).and_then(|value| value.as_text())
    }

    pub(crate) fn number(&self, column: &str) -> Option<f64> {
        self.fields.get(column).and_then(kairos_core::value::Value::as_number)
    }
}

/// A day on which something was done or left out.
#[derive(Debug, Clone, PartialEq)]
pub struct PortableEntry {
    /// The day, as the app counted it. Files are read without a clock: it may lie ahead.
    pub date: Date,
    /// Full, partial, set, skip or lapse.
    pub verb: Verb,
    /// The amount of set and lapse, the percent of partial.
    pub value: Option<f64>,
    /// A note.
    pub note: Option<String>,
    /// When exactly, where the file says so.
    pub occurred_at: Option<Millis>,
}

impl PortableEntry {
    /// A day without more than its verb.
    #[must_use]
    pub fn new(date: Date, verb: Verb) -> Self {
        Self { date, verb, value: None, note: None, occurred_at: None }
    }
}

/// Of which sort a remark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemarkKind {
    /// Something was left out.
    LeftOut,
    /// Something was changed so that it fits.
    Mended,
    /// The file's own scores come out of its days.
    ScoresEqual,
    /// The file's own scores do not come out of its days.
    ScoresDiffer,
    /// Something worth knowing.
    Note,
}

impl RemarkKind {
    /// Its word in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LeftOut => "left_out",
            Self::Mended => "mended",
            Self::ScoresEqual => "scores_equal",
            Self::ScoresDiffer => "scores_differ",
            Self::Note => "note",
        }
    }
}

/// Something to tell the person. It may hold names from the file: it is theirs, and nothing for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Its sort.
    pub kind: RemarkKind,
    /// The habit it is about, by name.
    pub habit: Option<String>,
    /// Where in the file, such as `Habits.csv, line 3`.
    pub place: Option<String>,
    /// A sentence.
    pub message: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.habit, &self.place].into_iter().flatten() {
            write!(f, "{part}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// What a dry run shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The app.
    pub source: Origin,
    /// How many habits.
    pub habits: usize,
    /// How many of them are archived.
    pub archived: usize,
    /// How many days that say something, skips included.
    pub entries: usize,
    /// How many of them are skips.
    pub skips: usize,
    /// The oldest day.
    pub first: Option<Date>,
    /// The newest day.
    pub last: Option<Date>,
    /// Days the file names without a deed.
    pub unknowns: usize,
    /// The remarks.
    pub remarks: Vec<Remark>,
    /// Remarks beyond those.
    pub more_remarks: usize,
}

impl Portable {
    /// Counts what there is, for a person to look at before anything is imported.
    #[must_use]
    pub fn report(&self) -> Report {
        let all = || self.habits.iter().flat_map(|habit| &habit.entries);
        Report {
            source: self.source,
            habits: self.habits.len(),
            archived: self.habits.iter().filter(|habit| habit.text("status") == Some("ARCHIVED")).count(),
            entries: all().count(),
            skips: all().filter(|entry| entry.verb == Verb::Skip).count(),
            first: all().map(|entry| entry.date).min(),
            last: all().map(|entry| entry.date).max(),
            unknowns: self.unknowns,
            remarks: self.remarks.clone(),
            more_remarks: self.more_remarks,
        }
    }
}
