//! Whether the scores in a file come out of its days.

use std::collections::BTreeMap;

use jiff::civil::Date;
use kairos_core::score::{Entry, Frequency, Measure, scores, scores_as_loop};

use crate::model::RemarkKind;

/// Half of the last of four decimals, and a little for the sum's own rounding.
const TOLERANCE: f64 = 0.000_05 + 1e-9;

/// Compares the scores of a file with those that its days give, and says how that went.
pub(crate) fn verify(
    known: &BTreeMap<Date, Entry>,
    frequency: Frequency,
    measure: Measure,
    theirs: &[(Date, f64)],
) -> (RemarkKind, String) {
    let Some((last, _)) = theirs.last() else {
        return (RemarkKind::Note, "The file holds no scores of it to compare with.".into());
    };
    let first = known.keys().next().copied().unwrap_or(*last).min(*last);
    // Days are counted from the first that something is known of; a score before it is where scores begin.
    let day = |date: Date| usize::try_from(first.until(date).map_or(-1, |span| span.get_days())).ok();
    let mut entries = vec![Entry::Unknown; day(*last).unwrap_or(0) + 1];
    for (date, entry) in known {
        if let Some(there) = day(*date).and_then(|day| entries.get_mut(day)) {
            *there = *entry;
        }
    }
    let off = |ours: &[f64]| {
        let score = |date| day(date).and_then(|day| ours.get(day)).copied().unwrap_or(measure.start());
        theirs.iter().map(|(date, it)| (*date, *it, score(*date))).find(|(_, it, ours)| (it - ours).abs() > TOLERANCE)
    };
    let count = theirs.len();
    let Some((date, it, ours)) = off(&scores(&entries, frequency, measure)) else {
        return (RemarkKind::ScoresEqual, format!("All {count} scores are equal to four decimals."));
    };
    if off(&scores_as_loop(&entries, frequency, measure)).is_none() {
        let message = format!(
            "All {count} scores are equal to four decimals when a skipped day counts as 0.003, as in Loop; \
             here it counts as nothing."
        );
        return (RemarkKind::ScoresEqual, message);
    }
    (
        RemarkKind::ScoresDiffer,
        format!("The scores differ from {date} on: {it:.4} in the file, {ours:.4} from its days."),
    )
}
