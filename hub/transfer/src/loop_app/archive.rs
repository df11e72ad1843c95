//! Loop's zip of tables: `Habits.csv`, and a folder a habit with its days and scores.

use std::collections::BTreeMap;

use jiff::civil::Date;
use kairos_core::score::Entry;

use super::habit::LoopHabit;
use super::verify::verify;
use crate::days;
use crate::fault::Fault;
use crate::model::{Origin, Portable, RemarkKind};
use crate::reading::{Draft, Place, Reading};
use crate::table::{self, Line};
use crate::zipped::Zipped;

const HABITS: &str = "Habits.csv";

/// Reads one.
pub(crate) fn read(bytes: &[u8]) -> Result<Portable, Fault> {
    let mut zip = Zipped::open(bytes)?;
    let names = zip.names();
    let root = names
        .iter()
        .filter_map(|name| name.strip_suffix(HABITS))
        .filter(|root| root.is_empty() || root.ends_with('/'))
        .min_by_key(|root| root.len())
        .ok_or_else(|| Fault::new("The zip holds no Habits.csv. It is not an export of Loop Habit Tracker."))?
        .to_owned();
    let mut folders = folders(&names, &root);
    let habits = zip.unpack(&format!("{root}{HABITS}"))?.unwrap_or_default();
    let mut reading = Reading::new(Origin::Loop);
    for (line, habit) in described(&habits, &mut reading)? {
        let place = Place::Line(HABITS, line);
        let mut draft = habit.draft();
        if let Some(folder) = folders.remove(&habit.position) {
            days_of(&mut reading, &mut zip, &folder, &habit, &mut draft)?;
        } else {
            reading.left_out(&draft.name, place, "The zip holds no folder with the days of this habit.");
        }
        reading.add(draft, place)?;
    }
    for folder in folders.into_values() {
        reading.left_out("", Place::Whole, format!("The folder {folder} belongs to no habit. It was left out."));
    }
    Ok(reading.done())
}

/// The folders by the number that their name begins with.
fn folders(names: &[String], root: &str) -> BTreeMap<i64, String> {
    let mut found = BTreeMap::new();
    for name in names {
        let Some((folder, _)) = name.strip_prefix(root).and_then(|rest| rest.split_once('/')) else { continue };
        let number: String = folder.chars().take_while(char::is_ascii_digit).collect();
        if let Ok(number) = number.parse() {
            found.entry(number).or_insert_with(|| format!("{root}{folder}/"));
        }
    }
    found
}

/// The habits with the lines that describe them.
fn described(bytes: &[u8], reading: &mut Reading) -> Result<Vec<(u64, LoopHabit)>, Fault> {
    let mut heads: Option<Line> = None;
    let mut habits = Vec::new();
    table::each(bytes, HABITS, |line| {
        let Some(heads) = &heads else {
            if line.column("Name").is_none() {
                return Err(Fault::at(Place::Line(HABITS, line.number), "The heads of the columns are not there."));
            }
            heads = Some(line);
            return Ok(());
        };
        if habits.len() > crate::limits::HABITS {
            return Err(Fault::too_much("Habits", crate::limits::HABITS));
        }
        let place = Place::Line(HABITS, line.number);
        let cell = |word: &str| line.cell(heads.column(word));
        // The words of today, and those of older versions.
        let either = |new: &str, old: &str| line.cell(heads.column(new).or_else(|| heads.column(old)));
        let mut number = |text: &str, what: &str| {
            text.parse::<f64>().ok().filter(|number| number.is_finite()).unwrap_or_else(|| {
                if !text.is_empty() {
                    let message = format!("{what} is not a number. It counts as 1.");
                    reading.remark(RemarkKind::Mended, cell("Name"), place, message);
                }
                1.0
            })
        };
        let count = |number: f64| crate::reading::whole(number.round()).unwrap_or(i64::MAX);
        let index = i64::try_from(habits.len()).unwrap_or(0) + 1;
        let habit = LoopHabit {
            uuid: String::new(),
            name: cell("Name").to_owned(),
            question: cell("Question").to_owned(),
            description: cell("Description").to_owned(),
            num: count(number(either("FrequencyNumerator", "NumRepetitions"), "FrequencyNumerator")),
            den: count(number(either("FrequencyDenominator", "Interval"), "FrequencyDenominator")),
            color: cell("Color").to_owned(),
            numeric: cell("Type").eq_ignore_ascii_case("NUMERICAL"),
            at_most: cell("Target Type").eq_ignore_ascii_case("AT_MOST"),
            target: number(cell("Target Value"), "Target Value"),
            unit: cell("Unit").to_owned(),
            archived: matches!(cell("Archived?").to_ascii_lowercase().as_str(), "true" | "1"),
            position: cell("Position").parse().unwrap_or(index),
        };
        habits.push((line.number, habit));
        Ok(())
    })?;
    if heads.is_none() {
        return Err(Fault::at(HABITS, "The table is empty."));
    }
    Ok(habits)
}

/// Reads the days and scores of a habit, and compares them.
fn days_of(
    reading: &mut Reading,
    zip: &mut Zipped<'_>,
    folder: &str,
    habit: &LoopHabit,
    draft: &mut Draft,
) -> Result<(), Fault> {
    let file = format!("{folder}Checkmarks.csv");
    let mut known: BTreeMap<Date, Entry> = BTreeMap::new();
    let Some(checkmarks) = zip.unpack(&file)? else {
        reading.left_out(&draft.name, Place::Whole, format!("{file} is not in the zip."));
        return Ok(());
    };
    table::each(&checkmarks, &file, |line| {
        let place = Place::Line(&file, line.number);
        if is_head(&line) {
            return Ok(());
        }
        let Some(date) = days::leading(line.cell(Some(0))) else {
            reading.left_out(&draft.name, place, days::NOT_A_DAY);
            return Ok(());
        };
        let Some(mark) = habit.mark(line.cell(Some(1))) else {
            reading.left_out(&draft.name, place, "Its value is none that Loop writes. The line was left out.");
            return Ok(());
        };
        known.entry(date).or_insert(mark);
        habit.enter(reading, draft, date, mark, line.raw(2).unwrap_or_default(), place)
    })?;
    let scores = scores_of(reading, zip, folder, draft)?;
    let (kind, message) = verify(&known, habit.frequency(), habit.measure(), &scores);
    reading.remark(kind, &draft.name, Place::Whole, message);
    draft.scores = Some(scores).filter(|scores| !scores.is_empty());
    Ok(())
}

/// The scores that the file holds, oldest first.
fn scores_of(
    reading: &mut Reading,
    zip: &mut Zipped<'_>,
    folder: &str,
    draft: &Draft,
) -> Result<Vec<(Date, f64)>, Fault> {
    let file = format!("{folder}Scores.csv");
    let mut scores = BTreeMap::new();
    table::each(&zip.unpack(&file)?.unwrap_or_default(), &file, |line| {
        if is_head(&line) {
            return Ok(());
        }
        let score = line.cell(Some(1)).parse().ok().filter(|score| (0.0..=1.0).contains(score));
        match (days::leading(line.cell(Some(0))), score) {
            (Some(date), Some(score)) => drop(scores.insert(date, score)),
            _ => {
                let place = Place::Line(&file, line.number);
                reading.left_out(&draft.name, place, "This is no day with a score from 0 to 1.");
            }
        }
        Ok(())
    })?;
    Ok(scores.into_iter().collect())
}

/// Whether a line is the table's head, which older versions do not write.
fn is_head(line: &Line) -> bool {
    line.number == 1 && line.cell(Some(0)).eq_ignore_ascii_case("date")
}
