//! Figures: what was measured, the spread over rounds, and how it stands beside a goal.

use std::time::Duration;

use serde_json::{Value, json};

/// What one round measured, in nanoseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Vec<u64>);

impl Samples {
    pub(crate) fn push(&mut self, took: Duration) {
        self.0.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The value below which this share (0 to 100) of the samples lies, in microseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let index = (sorted.len().saturating_sub(1) * percent).div_ceil(100);
        sorted.get(index).map_or(0.0, |nanos| *nanos as f64 / 1000.0)
    }

    pub(crate) fn p50(&self) -> f64 {
        self.percentile(50)
    }
}

/// One figure over several rounds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(rounds: impl IntoIterator<Item = f64>) -> Self {
        let mut rounds: Vec<f64> = rounds.into_iter().filter(|figure| figure.is_finite()).collect();
        rounds.sort_unstable_by(f64::total_cmp);
        let at = |index: usize| rounds.get(index).copied().unwrap_or(f64::NAN);
        let middle = rounds.len() / 2;
        let median =
            if rounds.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.wrapping_sub(1)), at(middle)) };
        Self { median, min: at(0), max: at(rounds.len().wrapping_sub(1)) }
    }

    fn json(self) -> Value {
        json!({ "median": self.median, "min": self.min, "max": self.max })
    }
}

/// What a goal asks of a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    fn met(self, figure: f64) -> bool {
        match self {
            Self::AtMost(most) => figure <= most,
            Self::AtLeast(least) => figure >= least,
        }
    }
}

/// A line of the report.
#[derive(Debug)]
struct Line {
    name: String,
    spread: Spread,
    unit: &'static str,
    bound: Option<Bound>,
}

/// The report of one goal.
#[derive(Debug)]
pub(crate) struct Goal {
    id: &'static str,
    title: &'static str,
    lines: Vec<Line>,
    notes: Vec<String>,
}

impl Goal {
    pub(crate) fn new(id: &'static str, title: &'static str) -> Self {
        Self { id, title, lines: Vec::new(), notes: Vec::new() }
    }

    /// A figure that is only told.
    pub(crate) fn tell(&mut self, name: impl Into<String>, unit: &'static str, spread: Spread) {
        self.lines.push(Line { name: name.into(), spread, unit, bound: None });
    }

    /// A figure the goal is about.
    pub(crate) fn judge(&mut self, name: impl Into<String>, unit: &'static str, spread: Spread, bound: Bound) {
        self.lines.push(Line { name: name.into(), spread, unit, bound: Some(bound) });
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    pub(crate) fn print(&self) {
        println!("\n{}  {}", self.id, self.title);
        for line in &self.lines {
            let Spread { median, min, max } = line.spread;
            let goal = match line.bound {
                None => String::new(),
                Some(bound) => {
                    let met = if bound.met(median) { "met" } else { "SHORT" };
                    match bound {
                        Bound::AtMost(most) => format!("  goal at most {most}: {met}"),
                        Bound::AtLeast(least) => format!("  goal at least {least}: {met}"),
                    }
                }
            };
            let span = format!("({} – {})", short(min), short(max));
            println!("  {:<58} {:>8} {:<10} {span:<20}{goal}", line.name, short(median), line.unit);
        }
        for note in &self.notes {
            println!("  · {note}");
        }
    }

    pub(crate) fn json(&self) -> Value {
        let lines: Vec<Value> = self
            .lines
            .iter()
            .map(|line| {
                let mut json = json!({ "name": line.name, "unit": line.unit, "figure": line.spread.json() });
                if let Some(bound) = line.bound {
                    json["goal"] = match bound {
                        Bound::AtMost(most) => json!({ "at_most": most }),
                        Bound::AtLeast(least) => json!({ "at_least": least }),
                    };
                    json["met"] = bound.met(line.spread.median).into();
                }
                json
            })
            .collect();
        json!({ "id": self.id, "title": self.title, "lines": lines, "notes": self.notes })
    }
}

/// Three digits are as many as such a figure means.
fn short(figure: f64) -> String {
    match figure.abs() {
        size if size >= 100.0 => format!("{figure:.0}"),
        size if size >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}
