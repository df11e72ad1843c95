//! What Loop knows of a habit and of a day, and what becomes of it.

use jiff::civil::Date;
use kairos_core::event::Verb;
use kairos_core::score::{Entry, Frequency, Measure};

use crate::fault::Fault;
use crate::model::PortableEntry;
use crate::reading::{Draft, Place, Reading, Twice};

/// A habit as Loop describes it, in its database and in its tables alike.
#[derive(Debug, Default)]
pub(crate) struct LoopHabit {
    pub(crate) uuid: String,
    pub(crate) name: String,
    pub(crate) question: String,
    pub(crate) description: String,
    pub(crate) num: i64,
    pub(crate) den: i64,
    pub(crate) color: String,
    pub(crate) numeric: bool,
    pub(crate) at_most: bool,
    pub(crate) target: f64,
    pub(crate) unit: String,
    pub(crate) archived: bool,
    pub(crate) position: i64,
}

impl LoopHabit {
    /// The habit without its days.
    pub(crate) fn draft(&self) -> Draft {
        let mut draft = Draft::new(Some(&self.uuid), &self.name);
        draft
            .set("question", self.question.as_str())
            .set("description", self.description.as_str())
            .set("color", self.color.as_str())
            .set("sort_key", format!("{:06}", self.position.clamp(0, 999_999)))
            .often(self.num, self.den, "rolling");
        if self.archived {
            draft.set("status", "ARCHIVED");
        }
        if self.avoids() {
            draft.set("kind", "avoid");
        } else if self.numeric {
            draft.measured(if self.at_most { "at_most" } else { "at_least" }, self.target, &self.unit);
        }
        draft
    }

    /// Aiming at none at all is staying away from it.
    fn avoids(&self) -> bool {
        self.numeric && self.at_most && self.target <= 0.0
    }

    pub(crate) fn frequency(&self) -> Frequency {
        let bound = |number: i64| u16::try_from(number.clamp(1, 366)).unwrap_or(1);
        Frequency::new(bound(self.num), bound(self.den))
    }

    pub(crate) fn measure(&self) -> Measure {
        match (self.numeric, self.at_most) {
            (false, _) => Measure::Boolean,
            (true, false) => Measure::AtLeast(self.target),
            (true, true) => Measure::AtMost(self.target),
        }
    }

    /// A day as its table writes it: a word, or the number that older versions and amounts have.
    pub(crate) fn mark(&self, text: &str) -> Option<Entry> {
        match text.trim() {
            "YES_MANUAL" => Some(Entry::Yes),
            "YES_AUTO" => Some(Entry::Auto),
            "NO" => Some(Entry::No),
            "SKIP" => Some(Entry::Skip),
            "UNKNOWN" => Some(Entry::Unknown),
            number => self.mark_of(number.parse().ok()?),
        }
    }

    /// A day as its database holds it. Amounts are in thousandths; 3 is a skip among them too.
    pub(crate) fn mark_of(&self, number: i64) -> Option<Entry> {
        match (number, self.numeric) {
            (-1, _) => Some(Entry::Unknown),
            (3, _) => Some(Entry::Skip),
            (0, false) => Some(Entry::No),
            (1, false) => Some(Entry::Auto),
            (2, false) => Some(Entry::Yes),
            #[allow(clippy::cast_precision_loss)] // an amount; its bound is checked where it is entered
            (0.., true) => Some(Entry::Amount(number as f64 / 1000.0)),
            _ => None,
        }
    }

    /// Adds a day to the habit, if something was done on it or it was left out on purpose.
    pub(crate) fn enter(
        &self,
        reading: &mut Reading,
        draft: &mut Draft,
        date: Date,
        mark: Entry,
        note: &str,
        place: Place<'_>,
    ) -> Result<(), Fault> {
        let (verb, value) = match mark {
            Entry::Yes => (Verb::Full, None),
            Entry::Skip => (Verb::Skip, None),
            Entry::Amount(amount) if self.avoids() && amount > 0.0 => (Verb::Lapse, Some(amount)),
            // Nothing taken is a good day where little is aimed at, and no day at all where much is.
            Entry::Amount(amount) if amount > 0.0 || (self.at_most && !self.avoids()) => (Verb::Set, Some(amount)),
            _ => {
                reading.unknown(&draft.name, Some(note), place);
                return Ok(());
            }
        };
        let note = Some(note.to_owned()).filter(|note| !note.is_empty());
        let entry = PortableEntry { value, note, ..PortableEntry::new(date, verb) };
        reading.enter(draft, entry, Twice::First, place)
    }
}

/// Colours for the twenty places of Loop's palette, once around from red.
const PALETTE: [&str; 20] = [
    "#c62828", "#d84315", "#ef6c00", "#f9a825", "#afb42b", "#7cb342", "#388e3c", "#00796b", "#00838f", "#0277bd",
    "#1565c0", "#283593", "#4527a0", "#6a1b9a", "#8e24aa", "#ad1457", "#5d4037", "#424242", "#757575", "#9e9e9e",
];

/// The colour at a place of the palette.
pub(crate) fn palette(index: i64) -> &'static str {
    usize::try_from(index).ok().and_then(|index| PALETTE.get(index)).copied().unwrap_or("")
}
