//! How a reader builds the model: it adds what it found, says what did not fit, and is stopped at the limits.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::civil::Date;
use kairos_core::command::Fields;
use kairos_core::event::Verb;
use kairos_core::repair::check;
use kairos_core::schema::{Column, HABITS, Rule};
use kairos_core::value::Value;

use crate::fault::Fault;
use crate::limits;
use crate::model::{Origin, Portable, PortableEntry, PortableHabit, Remark, RemarkKind};

/// Where in a file, counted from one as people do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    /// Nowhere in particular.
    Whole,
    /// A line of a table; the name is empty when the file has only one.
    Line(&'a str, u64),
    /// A member of a list, by its index.
    Item(&'a str, usize),
    /// A member of a list within one, by their indexes.
    Inner(&'a str, usize, &'a str, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Line("", line) => write!(f, "line {line}"),
            Self::Line(file, line) => write!(f, "{file}, line {line}"),
            Self::Item(what, index) => write!(f, "{what} {}", index + 1),
            Self::Inner(what, index, part, inner) => write!(f, "{what} {}, {part} {}", index + 1, inner + 1),
        }
    }
}

/// A habit as it is being read.
pub(crate) struct Draft {
    pub(crate) reference: String,
    pub(crate) name: String,
    pub(crate) fields: Fields,
    pub(crate) entries: BTreeMap<Date, PortableEntry>,
    pub(crate) scores: Option<Vec<(Date, f64)>>,
}

impl Draft {
    /// Begins one; without an id of its own it is known by its name.
    pub(crate) fn new(reference: Option<&str>, name: &str) -> Self {
        let reference = reference.map(str::trim).filter(|reference| !reference.is_empty());
        let name = name.trim().to_owned();
        Self {
            reference: reference.map_or_else(|| format!("name:{name}"), str::to_owned),
            fields: Fields::from([("name".to_owned(), Value::from(name.as_str()))]),
            name,
            entries: BTreeMap::new(),
            scores: None,
        }
    }

    /// Sets a column; empty text is no text.
    pub(crate) fn set(&mut self, column: &'static str, value: impl Into<Value>) -> &mut Self {
        let value = value.into();
        if !value.is_null() && value.as_text().is_none_or(|text| !text.trim().is_empty()) {
            self.fields.insert(column.to_owned(), value);
        }
        self
    }

    /// `num` times in `den` days.
    pub(crate) fn often(&mut self, num: i64, den: i64, window: &'static str) -> &mut Self {
        self.set("freq_num", num).set("freq_den", den);
        if num < den { self.set("freq_window", window) } else { self }
    }

    /// An amount with a target.
    pub(crate) fn measured(&mut self, target_type: &'static str, target: f64, unit: &str) -> &mut Self {
        self.set("kind", "measurable").set("target_type", target_type).set("target_value", target).set("unit", unit)
    }
}

/// What happens when a day is named twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Twice {
    /// The first stays, and a remark says so.
    First,
    /// Amounts are added up, as the app does.
    Sum,
}

/// A file as it is being read.
pub(crate) struct Reading {
    source: Origin,
    habits: Vec<PortableHabit>,
    references: BTreeSet<String>,
    entries: usize,
    remarks: Vec<Remark>,
    more_remarks: usize,
    pub(crate) unknowns: usize,
}

impl Reading {
    pub(crate) fn new(source: Origin) -> Self {
        Self {
            source,
            habits: Vec::new(),
            references: BTreeSet::new(),
            entries: 0,
            remarks: Vec::new(),
            more_remarks: 0,
            unknowns: 0,
        }
    }

    /// Says something to the person.
    pub(crate) fn remark(&mut self, kind: RemarkKind, habit: &str, place: Place<'_>, message: impl Into<String>) {
        if self.remarks.len() >= limits::REMARKS {
            self.more_remarks += 1;
            return;
        }
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        self.remarks.push(Remark {
            kind,
            habit: filled(shortened(habit, 100)),
            place: filled(shortened(&place.to_string(), 200)),
            message: message.into(),
        });
    }

    /// Says that something was left out.
    pub(crate) fn left_out(&mut self, habit: &str, place: Place<'_>, message: impl Into<String>) {
        self.remark(RemarkKind::LeftOut, habit, place, message);
    }

    /// Adds a day to a habit.
    pub(crate) fn enter(
        &mut self,
        draft: &mut Draft,
        mut entry: PortableEntry,
        twice: Twice,
        place: Place<'_>,
    ) -> Result<(), Fault> {
        if entry.value.is_some_and(|value| !(0.0..=limits::AMOUNT).contains(&value)) {
            let message = format!("The amount of {} is not from 0 to {}. It was left out.", entry.date, limits::AMOUNT);
            self.left_out(&draft.name, place, message);
            return Ok(());
        }
        if let Some(note) = entry.note.take() {
            entry.note = self.note(&draft.name, place, &note);
        }
        let Some(there) = draft.entries.get_mut(&entry.date) else {
            self.entries += 1;
            if self.entries > limits::ENTRIES {
                return Err(Fault::too_much("Days", limits::ENTRIES));
            }
            draft.entries.insert(entry.date, entry);
            return Ok(());
        };
        let addable = |verb| matches!(verb, Verb::Set | Verb::Lapse | Verb::Full);
        if twice == Twice::Sum && there.verb == entry.verb && addable(entry.verb) {
            if let (Some(sum), Some(value)) = (there.value, entry.value) {
                there.value = Some((sum + value).min(limits::AMOUNT));
            }
            there.occurred_at = there.occurred_at.max(entry.occurred_at);
            there.note = match (there.note.take(), entry.note) {
                (Some(old), Some(new)) if old != new => {
                    let joined = format!("{old}\n{new}");
                    self.note(&draft.name, place, &joined)
                }
                (old, new) => old.or(new),
            };
        } else {
            let message = format!("{} is named again. What was there first stays.", entry.date);
            self.left_out(&draft.name, place, message);
        }
        Ok(())
    }

    /// A note as the column takes it.
    fn note(&mut self, habit: &str, place: Place<'_>, note: &str) -> Option<String> {
        let note = note.replace('\0', "");
        let cut = shortened(&note, limits::NOTE);
        if cut.len() < note.len() {
            let message = format!("The note was cut after {} characters.", limits::NOTE);
            self.remark(RemarkKind::Mended, habit, place, message);
        }
        Some(cut).filter(|note| !note.trim().is_empty())
    }

    /// A day without a deed; what stands beside it has no place and is said.
    pub(crate) fn unknown(&mut self, habit: &str, note: Option<&str>, place: Place<'_>) {
        self.unknowns += 1;
        if note.is_some_and(|note| !note.trim().is_empty()) {
            self.left_out(habit, place, "A note on a day without a deed was left out.");
        }
    }

    /// Takes a habit in, mended where its columns would not take it.
    pub(crate) fn add(&mut self, mut draft: Draft, place: Place<'_>) -> Result<(), Fault> {
        if self.habits.len() >= limits::HABITS {
            return Err(Fault::too_much("Habits", limits::HABITS));
        }
        if draft.name.is_empty() {
            draft.name = format!("Habit {}", self.habits.len() + 1);
            draft.fields.insert("name".into(), Value::from(draft.name.as_str()));
            self.remark(RemarkKind::Mended, &draft.name, place, "The habit has no name. It got this one.");
        }
        self.mend(&mut draft, place);
        let reference = self.unique(&draft, place);
        draft.fields.insert("import_ref".into(), Value::from(reference.as_str()));
        self.habits.push(PortableHabit {
            reference,
            fields: draft.fields,
            entries: draft.entries.into_values().collect(),
            scores: draft.scores,
        });
        Ok(())
    }

    /// Brings every column to a value its rule accepts, and those that belong together to agree.
    fn mend(&mut self, draft: &mut Draft, place: Place<'_>) {
        for (name, value) in std::mem::take(&mut draft.fields) {
            let Some(column) = HABITS.column(&name) else { continue };
            let Err(rule) = check(column, &value) else {
                draft.fields.insert(name, value);
                continue;
            };
            let fits = nearest(column, &value).filter(|near| check(column, near).is_ok());
            let done = if fits.is_some() { "It was brought to that" } else { "It was left out" };
            self.remark(RemarkKind::Mended, &draft.name, place, format!("{name} {rule}. {done}."));
            if let Some(near) = fits {
                draft.fields.insert(name, near);
            }
        }
        let word = |fields: &Fields, name: &str, word: &str| {
            fields.get(name).and_then(Value::as_text).is_some_and(|text| text == word)
        };
        if word(&draft.fields, "kind", "measurable") && !draft.fields.contains_key("target_value") {
            draft.fields.insert("target_value".into(), Value::Real(1.0));
            self.remark(RemarkKind::Mended, &draft.name, place, "The habit has no target. It got 1.");
        }
        if !draft.fields.contains_key("name") {
            // Nothing of the name was left, for example of one made of NUL characters.
            draft.fields.insert("name".into(), Value::from("-"));
        }
    }

    /// A reference that no habit before it has, and that fits its column.
    fn unique(&mut self, draft: &Draft, place: Place<'_>) -> String {
        let mut reference = one_line(&draft.reference);
        if reference.chars().count() > 180 {
            reference = kairos_core::ids::derive(&reference);
        }
        if self.references.contains(&reference) {
            let count = (2..).find(|n| !self.references.contains(&format!("{reference}#{n}"))).unwrap_or(2);
            reference = format!("{reference}#{count}");
            let message = "Another habit in the file has the same id or name. They are told apart by their order.";
            self.remark(RemarkKind::Note, &draft.name, place, message);
        }
        self.references.insert(reference.clone());
        reference
    }

    pub(crate) fn done(self) -> Portable {
        Portable {
            source: self.source,
            habits: self.habits,
            remarks: self.remarks,
            more_remarks: self.more_remarks,
            unknowns: self.unknowns,
        }
    }
}

/// The nearest value to one that breaks a rule, for the rules that have one.
fn nearest(column: &Column, value: &Value) -> Option<Value> {
    match (column.rule, value) {
        (Rule::Range(low, high), Value::Integer(number)) => Some(Value::Integer((*number).clamp(low, high))),
        (Rule::Length(most), Value::Text(text)) => Some(Value::Text(shortened(&one_line(text), most))),
        (Rule::Prose(most), Value::Text(text)) => {
            let kept = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t'));
            Some(Value::Text(kept.take(most).collect()))
        }
        _ => None,
    }
}

/// A text on one line, without control characters.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !c.is_control()).collect()
}

/// The first characters of a text.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// A number as a whole one, if it is.
#[allow(clippy::cast_possible_truncation)] // below 2^53, where every whole number is exact
pub(crate) fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}
