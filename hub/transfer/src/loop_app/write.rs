//! A zip that Loop Habit Tracker and people with a spreadsheet can read.

use std::collections::BTreeMap;
use std::io::Write;

use jiff::ToSpan;
use jiff::civil::Date;
use kairos_core::event::Verb;
use kairos_core::plan::active_days;
use kairos_core::score::{Entry, Frequency, Measure, fill, scores};
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use crate::days::span;
use crate::fault::Fault;
use crate::limits;
use crate::model::PortableHabit;

/// The most cells of the tables that hold all habits side by side.
const CELLS: usize = 1_000_000;

/// A habit with its days from its first one on, and the scores after each.
struct Sheet<'a> {
    habit: &'a PortableHabit,
    frequency: Frequency,
    measure: Measure,
    first: Option<Date>,
    /// One a day from the first one on.
    days: Vec<(Entry, f64)>,
}

/// Writes habits with their days as Loop does, with scores up to and including a day.
///
/// Weekdays become a number of times a week, which is all that Loop knows. Something to stay away from
/// becomes an amount of which at most nothing is aimed at.
///
/// # Errors
/// A sentence, when there is more than one zip should hold.
pub fn loop_zip(habits: &[PortableHabit], until: Date) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    write_loop_zip(&mut out, habits, until)?;
    Ok(out)
}

/// As [`loop_zip`], written piece by piece.
///
/// # Errors
/// As [`loop_zip`], or it cannot be written.
pub fn write_loop_zip(out: impl Write, habits: &[PortableHabit], until: Date) -> Result<(), Fault> {
    if habits.len() > limits::HABITS {
        return Err(Fault::new(format!("Habits: at most {} are written.", limits::HABITS)));
    }
    let first = habits.iter().flat_map(|habit| &habit.entries).map(|entry| entry.date).min();
    let days = first.map_or(0, |first| span(first, until).take(CELLS).count());
    if days.saturating_mul(habits.len()) > CELLS {
        return Err(Fault::new(format!("Days times habits: at most {CELLS} fit into one zip.")));
    }
    let sheets: Vec<Sheet<'_>> = habits.iter().map(|habit| Sheet::new(habit, until)).collect();
    let mut zip = ZipWriter::new_stream(out);
    add(&mut zip, "Habits.csv", sheets.iter().enumerate().map(|(index, sheet)| sheet.description(index)), HEADS)?;
    for (index, sheet) in sheets.iter().enumerate() {
        let folder = format!("{:03} {}", index + 1, plain(sheet.habit.name()));
        let newest_first = || sheet.dated().rev();
        let notes: BTreeMap<Date, &str> = sheet
            .habit
            .entries
            .iter()
            .filter_map(|entry| entry.note.as_deref().map(|note| (entry.date, note)))
            .collect();
        let marks = newest_first().filter(|(_, (entry, _))| *entry != Entry::Unknown).map(|(date, (entry, _))| {
            vec![date.to_string(), word(*entry), notes.get(&date).copied().unwrap_or_default().to_owned()]
        });
        add(&mut zip, &format!("{folder}/Checkmarks.csv"), marks, &["Date", "Value", "Notes"])?;
        let scores = newest_first().map(|(date, (_, score))| vec![date.to_string(), format!("{score:.4}")]);
        add(&mut zip, &format!("{folder}/Scores.csv"), scores, &["Date", "Score"])?;
    }
    let side_by_side = |cell: fn(Option<&(Entry, f64)>) -> String| {
        let first = sheets.iter().filter_map(|sheet| sheet.first).min();
        let dates: Vec<Date> = first.map(|first| span(first, until).collect()).unwrap_or_default();
        let sheets = &sheets;
        dates.into_iter().rev().map(move |date| {
            let cells = sheets.iter().map(|sheet| cell(sheet.on(date)));
            std::iter::once(date.to_string()).chain(cells).chain([String::new()]).collect::<Vec<_>>()
        })
    };
    let names: Vec<&str> =
        std::iter::once("Date").chain(sheets.iter().map(|sheet| sheet.habit.name())).chain([""]).collect();
    let marks = side_by_side(|day| word(day.map_or(Entry::Unknown, |(entry, _)| *entry)));
    add(&mut zip, "Checkmarks.csv", marks, &names)?;
    let scores = side_by_side(|day| format!("{:.4}", day.map_or(0.0, |(_, score)| *score)));
    add(&mut zip, "Scores.csv", scores, &names)?;
    zip.finish().map_err(|_| unwritten())?.into_inner().flush().map_err(|_| unwritten())
}

const HEADS: &[&str] = &[
    "Position",
    "Name",
    "Type",
    "Question",
    "Description",
    "FrequencyNumerator",
    "FrequencyDenominator",
    "Color",
    "Unit",
    "Target Type",
    "Target Value",
    "Archived?",
];

fn unwritten() -> Fault {
    Fault::new("The zip could not be written.")
}

/// Adds one table. The zip's own date stays at its beginning, so that the same habits give the same bytes.
fn add<W: Write>(
    zip: &mut ZipWriter<StreamWriter<W>>,
    name: &str,
    rows: impl Iterator<Item = Vec<String>>,
    heads: &[&str],
) -> Result<(), Fault> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    zip.start_file(name, options.last_modified_time(zip::DateTime::default())).map_err(|_| unwritten())?;
    let mut table = csv::Writer::from_writer(&mut *zip);
    table.write_record(heads).map_err(|_| unwritten())?;
    for row in rows {
        table.write_record(&row).map_err(|_| unwritten())?;
    }
    table.flush().map_err(|_| unwritten())?;
    drop(table);
    zip.flush().map_err(|_| unwritten())
}

impl<'a> Sheet<'a> {
    fn new(habit: &'a PortableHabit, until: Date) -> Self {
        let (frequency, measure) = (frequency(habit), measure(habit));
        let mut days = Vec::new();
        let marks: BTreeMap<Date, Entry> = habit
            .entries
            .iter()
            .filter(|entry| entry.date <= until)
            .map(|entry| (entry.date, mark(entry.verb, entry.value, measure)))
            .collect();
        let first = marks.keys().next().copied();
        if let Some(first) = first {
            let dates: Vec<Date> = span(first, until).collect();
            let mut entries: Vec<Entry> =
                dates.iter().map(|date| marks.get(date).copied().unwrap_or(Entry::Unknown)).collect();
            if measure == Measure::Boolean {
                entries = fill(&entries, first, frequency);
            }
            let scores = scores(&entries, frequency, measure);
            days = entries.into_iter().zip(scores).collect();
        }
        Self { habit, frequency, measure, first, days }
    }

    /// Its days by their dates, oldest first.
    fn dated(&self) -> impl DoubleEndedIterator<Item = (Date, &(Entry, f64))> {
        let date = |n: usize| self.first?.checked_add(i64::try_from(n).ok()?.days()).ok();
        self.days.iter().enumerate().filter_map(move |(n, day)| Some((date(n)?, day)))
    }

    /// A day of it.
    fn on(&self, date: Date) -> Option<&(Entry, f64)> {
        let since = date.since(self.first?).ok()?.get_days();
        self.days.get(usize::try_from(since).ok()?)
    }

    fn description(&self, index: usize) -> Vec<String> {
        let text = |column| self.habit.text(column).unwrap_or_default().to_owned();
        let (kind, target) = match self.measure {
            Measure::Boolean => ("YES_NO", ["", ""].map(str::to_owned)),
            Measure::AtLeast(target) => ("NUMERICAL", ["AT_LEAST".to_owned(), target.to_string()]),
            Measure::AtMost(target) => ("NUMERICAL", ["AT_MOST".to_owned(), target.to_string()]),
        };
        let [target_type, target] = target;
        vec![
            format!("{:03}", index + 1),
            self.habit.name().to_owned(),
            kind.to_owned(),
            text("question"),
            text("description"),
            self.frequency.num().to_string(),
            self.frequency.den().to_string(),
            text("color"),
            text("unit"),
            target_type,
            target,
            (text("status") == "ARCHIVED").to_string(),
        ]
    }
}

fn frequency(habit: &PortableHabit) -> Frequency {
    let count = |column| {
        let number = habit.fields.get(column).and_then(kairos_core::value::Value::as_integer).unwrap_or(1);
        u16::try_from(number.clamp(1, 366)).unwrap_or(1)
    };
    match habit.text("frequency") {
        Some("WEEKDAYS") => Frequency::new(5, 7),
        Some("WEEKENDS") => Frequency::new(2, 7),
        Some("CUSTOM") => {
            let days = active_days(habit.text("active_days"));
            Frequency::new(u16::try_from(days.len().clamp(1, 7)).unwrap_or(7), 7)
        }
        _ => Frequency::new(count("freq_num"), count("freq_den")),
    }
}

fn measure(habit: &PortableHabit) -> Measure {
    let target = habit.number("target_value").unwrap_or(1.0);
    match (habit.text("kind"), habit.text("target_type")) {
        (Some("measurable"), Some("at_most")) => Measure::AtMost(target),
        (Some("measurable"), _) => Measure::AtLeast(target),
        (Some("avoid"), _) => Measure::AtMost(0.0),
        _ => Measure::Boolean,
    }
}

/// What Loop would hold of a day.
fn mark(verb: Verb, value: Option<f64>, measure: Measure) -> Entry {
    let amounts = match measure {
        Measure::Boolean => None,
        Measure::AtLeast(target) | Measure::AtMost(target) => Some(target),
    };
    match (verb, amounts) {
        (Verb::Skip, _) => Entry::Skip,
        (Verb::Miss | Verb::Undo, _) => Entry::No,
        (Verb::Full | Verb::Partial | Verb::Add | Verb::Set, None) => Entry::Yes,
        (Verb::Lapse, None) => Entry::No,
        (Verb::Add | Verb::Set, Some(_)) => amount(value.unwrap_or(0.0)),
        (Verb::Lapse, Some(_)) => amount(value.unwrap_or(1.0)),
        (Verb::Full, Some(target)) => amount(value.unwrap_or(target)),
        (Verb::Partial, Some(target)) => amount(target * value.unwrap_or(100.0) / 100.0),
    }
}

/// An amount as Loop holds it: whole thousandths. Three of them would be read as a skip.
fn amount(amount: f64) -> Entry {
    let thousandths = (amount * 1000.0).round().clamp(0.0, f64::from(i32::MAX));
    Entry::Amount(if thousandths == 3.0 { 4.0 } else { thousandths } / 1000.0)
}

fn word(entry: Entry) -> String {
    match entry {
        Entry::Yes => "YES_MANUAL".into(),
        Entry::Auto => "YES_AUTO".into(),
        Entry::No => "NO".into(),
        Entry::Skip => "SKIP".into(),
        Entry::Unknown => "UNKNOWN".into(),
        Entry::Amount(amount) => format!("{:.0}", amount * 1000.0),
    }
}

/// A name as a folder can have it everywhere.
fn plain(name: &str) -> String {
    let kept: String = name.chars().filter(|c| c.is_alphanumeric() || " _-".contains(*c)).take(60).collect();
    kept.trim().to_owned()
}
