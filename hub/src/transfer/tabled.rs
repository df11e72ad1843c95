//! A habit as our own table of days tells of it: lines, from which follows what kind of habit it was.

use kairos_core::event::{Source, Verb};
use kairos_transfer::PortableEntry;
use kairos_transfer::completions::CompletionRow;

use super::contents::Told;
use super::target::{Dated, Measured, targets};

/// A habit's lines.
#[derive(Debug, Default)]
pub(super) struct Tabled {
    /// Whether amounts are counted.
    pub(super) counted: bool,
    /// Whether a person said that it happened after all: one stays away from it.
    pub(super) lapsed: bool,
    pub(super) unit: Option<String>,
    /// The amount that is not to be passed, where less is better.
    pub(super) at_most: Option<f64>,
    measured: Vec<Measured>,
    entries: Vec<Told>,
}

impl Tabled {
    pub(super) fn add(&mut self, line: CompletionRow) {
        self.counted |= line.amount.is_some() || line.at_most.is_some();
        self.at_most = line.at_most.or(self.at_most);
        self.lapsed |= line.kind == "MISSED" && line.source != "engine";
        // The newest says what it is measured in now.
        if !line.unit.is_empty() {
            self.unit = Some(line.unit);
        }
        let done = line.kind == "FULL" || line.kind == "PARTIAL";
        if let Some(amount) = line.amount.filter(|_| done) {
            let percent = line.percent.filter(|_| line.kind == "PARTIAL");
            self.measured.push(Measured { date: line.date, amount, percent });
        }
        let source = Source::parse(&line.source).unwrap_or(Source::Import);
        let entry = |verb, value| PortableEntry {
            value,
            occurred_at: line.completed_at,
            ..PortableEntry::new(line.date, verb)
        };
        if let Some(amount) = line.amount.filter(|amount| !done && !line.kind.is_empty() && *amount > 0.0) {
            // Some of it was done before the day was left out.
            self.entries.push(Told { entry: entry(Verb::Set, Some(amount)), source, first_of_two: true });
        }
        let mut last = match (line.kind.as_str(), line.amount, line.percent) {
            ("SKIPPED", ..) => entry(Verb::Skip, None),
            ("MISSED", ..) if line.source == "engine" => entry(Verb::Miss, None),
            ("MISSED", ..) => entry(Verb::Lapse, None),
            // A note alone: taking back what nobody did says no more.
            ("", ..) => entry(Verb::Undo, None),
            (_, Some(amount), _) => entry(Verb::Set, Some(amount)),
            ("PARTIAL", _, percent) => entry(Verb::Partial, percent.map(percent_value)),
            _ => entry(Verb::Full, None),
        };
        last.note = Some(line.note).filter(|note| !note.is_empty());
        self.entries.push(Told { entry: last, source, first_of_two: false });
    }

    /// The targets under which its amounts stand as the table says, newest first.
    pub(super) fn targets(&mut self) -> Vec<Dated> {
        self.measured.sort_by_key(|line| line.date);
        targets(&self.measured, self.at_most)
    }

    pub(super) fn into_entries(self) -> Vec<Told> {
        self.entries
    }
}

/// A percent that folds back to itself.
#[allow(clippy::cast_precision_loss)] // 1 to 99
fn percent_value(percent: i64) -> f64 {
    percent as f64 + 0.001
}

#[cfg(test)]
mod tests;
