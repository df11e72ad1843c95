//! Loop's zip, written from the description of the format. It shares no code with what is tested.

use std::io::{Cursor, Write};

use jiff::Span;
use jiff::civil::Date;

use super::day;

/// A habit as the description of the format has it, and its days: a letter each, or an amount.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) name: &'static str,
    pub(super) num: usize,
    pub(super) den: usize,
    /// The kind of target and its value; none for yes or no.
    pub(super) target: Option<(&'static str, f64)>,
    pub(super) first: Date,
    pub(super) days: Vec<Day>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Day {
    Yes,
    No,
    Auto,
    Skip,
    Unknown,
    /// In thousandths.
    Amount(i64),
}

impl Day {
    fn word(self) -> String {
        match self {
            Self::Yes => "YES_MANUAL".into(),
            Self::No => "NO".into(),
            Self::Auto => "YES_AUTO".into(),
            Self::Skip => "SKIP".into(),
            Self::Unknown => "UNKNOWN".into(),
            Self::Amount(thousandths) => thousandths.to_string(),
        }
    }
}

/// The score by the description, day by day over the whole window: slow, and not the code that is tested.
fn described(habit: &Written) -> Vec<f64> {
    let f = habit.num as f64 / habit.den as f64;
    let multiplier = 0.5_f64.powf(f.sqrt() / 13.0);
    let (num, den) = match habit.target {
        None if f < 1.0 => (habit.num * 2, habit.den * 2),
        // As many times as days is every day.
        _ if habit.num == habit.den => (1, 1),
        _ => (habit.num, habit.den),
    };
    let mut score = if matches!(habit.target, Some(("AT_MOST", _))) { 1.0 } else { 0.0 };
    let mut all = Vec::new();
    for today in 0..habit.days.len() {
        let window = &habit.days[(today + 1).saturating_sub(den)..=today];
        let sum: f64 = window
            .iter()
            .map(|day| match day {
                Day::Yes => 1.0,
                Day::Amount(thousandths) => *thousandths as f64 / 1000.0,
                _ => 0.0,
            })
            .sum();
        let value = match habit.target {
            None => (sum / num as f64).min(1.0),
            Some(("AT_LEAST", target)) => (sum / target).min(1.0),
            Some((_, target)) => (1.0 - (sum - target) / target).clamp(0.0, 1.0),
        };
        if habit.days[today] != Day::Skip {
            score = score * multiplier + value * (1.0 - multiplier);
        }
        all.push(score);
    }
    all
}

impl Written {
    pub(super) fn dates(&self) -> impl Iterator<Item = Date> {
        self.first.series(Span::new().days(1)).take(self.days.len())
    }

    /// The three tables of it.
    pub(super) fn tables(&self, position: usize) -> [(String, String); 2] {
        let folder = format!("{position:03} {}", self.name);
        let mut marks = String::from("Date,Value,Notes\n");
        let mut scores = String::from("Date,Score\n");
        let mut lines: Vec<_> = self.dates().zip(self.days.iter().zip(described(self))).collect();
        lines.reverse();
        for (date, (day, score)) in lines {
            if *day != Day::Unknown {
                marks += &format!("{date},{},\n", day.word());
            }
            scores += &format!("{date},{score:.4}\n");
        }
        [(format!("{folder}/Checkmarks.csv"), marks), (format!("{folder}/Scores.csv"), scores)]
    }
}

pub(super) const HEADS: &str = "Position,Name,Type,Question,Description,FrequencyNumerator,FrequencyDenominator,Color,Unit,\
                     Target Type,Target Value,Archived?\n";

pub(super) fn zipped(files: &[(String, String)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

pub(super) fn export(habits: &[Written]) -> Vec<u8> {
    let mut table = HEADS.to_owned();
    let mut files = Vec::new();
    for (index, habit) in habits.iter().enumerate() {
        let kind = if habit.target.is_some() { "NUMERICAL" } else { "YES_NO" };
        let (target_type, target) =
            habit.target.map_or((String::new(), String::new()), |(kind, target)| (kind.to_owned(), target.to_string()));
        table += &format!(
            "{:03},{},{kind},\"Did you, today?\",,{},{},#E64A19,,{target_type},{target},false\n",
            index + 1,
            habit.name,
            habit.num,
            habit.den
        );
        files.extend(habit.tables(index + 1));
    }
    files.insert(0, ("Habits.csv".into(), table));
    files.push(("Checkmarks.csv".into(), "Date,A,\n2026-01-01,2,\n".into()));
    zipped(&files)
}

fn letters(text: &str) -> Vec<Day> {
    text.chars()
        .map(|c| match c {
            'y' => Day::Yes,
            'n' => Day::No,
            'a' => Day::Auto,
            's' => Day::Skip,
            _ => Day::Unknown,
        })
        .collect()
}

pub(super) fn boolean(name: &'static str, num: usize, den: usize, days: &str) -> Written {
    Written { name, num, den, target: None, first: day("2026-01-01"), days: letters(days) }
}

pub(super) fn amounts(name: &'static str, den: usize, target: (&'static str, f64), days: &[i64]) -> Written {
    let days = days.iter().map(|day| if *day == 3 { Day::Skip } else { Day::Amount(*day) }).collect();
    Written { name, num: 1, den, target: Some(target), first: day("2026-01-01"), days }
}
