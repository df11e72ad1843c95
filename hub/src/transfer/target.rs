//! Which targets a table's amounts were measured by: it tells amounts and what became of them, and not the target.
//!
//! Each line allows a stretch of targets. From the newest line back they are brought together as long as there is a target
//! that suits all of them; where there is none the target was another one before, and a time of its own begins.

use std::collections::HashMap;

use kairos_core::day::Date;
use kairos_core::fold::percent_of;
use kairos_core::schema::MAX_AMOUNT;

/// A line with an amount: its day, the amount, and its percent where it is done in part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) date: Date,
    pub(super) amount: f64,
    pub(super) percent: Option<i64>,
}

/// A target, and the first day on which it holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Dated {
    pub(super) from: Date,
    pub(super) target: f64,
}

/// What is full, in percents.
const FULL: i64 = 100;

/// What a day shows, as `kairos_core::fold` has it.
fn shown(amount: f64, target: f64, at_most: bool) -> i64 {
    match at_most {
        true if amount <= target => FULL,
        true => percent_of(1.0 - (amount - target) / target),
        false if amount >= target => FULL,
        false => percent_of(amount / target),
    }
}

/// The targets under which lines stand as they do: from the first to before the second, as the bits of a number above zero.
#[derive(Debug, Clone, Copy)]
struct Stretch(u64, u64);

impl Stretch {
    const ALL: Self = Self(1, MAX_AMOUNT.to_bits() + 1);

    fn only(target: f64) -> Self {
        Self(target.to_bits(), target.to_bits() + 1)
    }

    /// Of one line. Whatever is measured, more target is less done; where less is better, more of it is left.
    fn of(line: &Measured, at_most: bool) -> Self {
        let stands = line.percent.unwrap_or(FULL);
        let begins = |reached: &dyn Fn(i64) -> bool| {
            let Self(mut from, mut to) = Self::ALL;
            while from < to {
                let middle = from + (to - from) / 2;
                if reached(shown(line.amount, f64::from_bits(middle), at_most)) {
                    to = middle;
                } else {
                    from = middle + 1;
                }
            }
            from
        };
        if at_most {
            Self(begins(&|shows| shows >= stands), begins(&|shows| shows > stands))
        } else {
            Self(begins(&|shows| shows <= stands), begins(&|shows| shows < stands))
        }
    }

    fn with(self, other: Self) -> Option<Self> {
        Some(Self(self.0.max(other.0), self.1.min(other.1))).filter(Self::is_some)
    }

    fn is_some(&self) -> bool {
        self.0 < self.1
    }

    /// A target of it: an amount that a person set, where the stretch ends there, else the one with the fewest digits.
    fn target(self, amounts: &[f64]) -> f64 {
        let Self(least, most) = self;
        let (least, most) = (f64::from_bits(least), f64::from_bits(most.saturating_sub(1)));
        let fits = |target: &f64| (least..=most).contains(target);
        if let Some(end) = amounts.iter().copied().find(|amount| *amount == most) {
            return end;
        }
        if most >= MAX_AMOUNT {
            return Some(least.ceil()).filter(fits).unwrap_or(least);
        }
        let rounded = (0..=6).map(|digits| {
            let tens = 10_f64.powi(digits);
            (most * tens).floor() / tens
        });
        rounded.into_iter().find(fits).unwrap_or(most)
    }
}

/// The targets of a habit, newest first: there is always one. The oldest holds before its first day, too. Lines are in the
/// order of their days. `limit`: less is better, and this is the present limit.
pub(super) fn targets(lines: &[Measured], limit: Option<f64>) -> Vec<Dated> {
    let at_most = limit.is_some();
    let mut known: HashMap<(u64, Option<i64>), Stretch> = HashMap::new();
    let mut found = Vec::new();
    let mut stretch = limit.map_or(Stretch::ALL, Stretch::only);
    let mut amounts: Vec<f64> = Vec::new();
    let mut any = false;
    for line in lines.iter().rev() {
        let key = (line.amount.to_bits(), line.percent);
        let of_line = *known.entry(key).or_insert_with(|| Stretch::of(line, at_most));
        // What no target explains is no reason for another one.
        if !of_line.is_some() {
            continue;
        }
        match stretch.with(of_line) {
            Some(both) => stretch = both,
            None => {
                let from = line.date.tomorrow().unwrap_or(line.date);
                found.push(Dated { from, target: settled(stretch, &amounts, any, limit) });
                stretch = of_line;
                amounts.clear();
            }
        }
        any = true;
        if line.percent.is_none() {
            amounts.push(line.amount);
        }
    }
    let from = lines.first().map_or(Date::MIN, |line| line.date);
    found.push(Dated { from, target: settled(stretch, &amounts, any, limit) });
    found
}

fn settled(stretch: Stretch, amounts: &[f64], any: bool, limit: Option<f64>) -> f64 {
    if any { stretch.target(amounts) } else { limit.unwrap_or(1.0) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn lines(of: &[(f64, Option<i64>)]) -> Vec<Measured> {
        let first = Date::constant(2026, 1, 1);
        let days = kairos_core::plan::stretch(first, Date::MAX);
        days.zip(of).map(|(date, (amount, percent))| Measured { date, amount: *amount, percent: *percent }).collect()
    }

    #[test]
    fn a_target_is_found_that_keeps_every_line() {
        for (of, expected) in [
            (vec![], 1.0),
            (vec![(2.2, Some(88))], 2.5),
            (vec![(7.0, Some(87)), (9.0, None)], 8.0),
            (vec![(2.5, None), (3.0, None)], 2.5),
            (vec![(0.001, Some(1)), (8.0, None)], 8.0),
            (vec![(0.001, Some(1))], 1.0),
            (vec![(1.330_170_122_511_248_6e-7, None)], 1.330_170_122_511_248_6e-7),
        ] {
            let found = targets(&lines(&of), None);
            assert_eq!(found.iter().map(|dated| dated.target).collect::<Vec<_>>(), [expected], "{of:?}");
            assert!(of.iter().all(|(amount, percent)| shown(*amount, expected, false) == percent.unwrap_or(FULL)));
        }
    }

    #[test]
    fn where_no_target_suits_all_it_was_another_one_before() {
        let found = targets(&lines(&[(8.0, None), (4.0, Some(50)), (8.0, Some(80)), (10.0, None)]), None);
        let day = |day| Date::constant(2026, 1, day);
        assert_eq!(found, [Dated { from: day(3), target: 10.0 }, Dated { from: day(1), target: 8.0 }]);
        let found = targets(&lines(&[(3.0, None), (1.0, None), (3.0, Some(50))]), Some(2.0));
        assert_eq!(
            found.iter().map(|dated| (dated.from, dated.target)).collect::<Vec<_>>(),
            [(day(2), 2.0), (day(1), 3.0)]
        );
    }
}
