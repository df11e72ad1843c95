#![allow(clippy::unwrap_used)]
//! Whatever a table tells comes back as it was: hundreds of random lives, written, read, folded and written again.

use std::collections::BTreeMap;

use kairos_core::day::Date;
use kairos_core::event::{Event, Source, TimeSource, Verb};
use kairos_core::fold::{Measure, fold};
use kairos_core::hlc::Hlc;
use kairos_core::ids::{EventId, HabitId, UserId};
use kairos_core::plan::{Person, Schedules, stretch};
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETION_EVENTS, HABIT_SCHEDULES, HABITS};
use kairos_transfer::completions::{CompletionRow, completions_csv};

use crate::random::Dice;
use crate::transfer::{Known, read};

const NOW: i64 = 1_795_521_600_000; // noon of 2026-11-24, UTC

impl Dice {
    #[allow(clippy::cast_precision_loss)]
    fn amount(&mut self) -> f64 {
        let digits = i32::try_from(self.below(8)).unwrap();
        match digits {
            7 => f64::from_bits(self.next()).abs().clamp(1e-12, 1e9),
            _ => (1 + self.below(10_u64.pow(u32::try_from(digits).unwrap()) * 12)) as f64 / 10_f64.powi(digits),
        }
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

fn event(verb: Verb, value: Option<f64>, source: Source, n: i64) -> Event {
    Event {
        id: EventId::new(format!("e{n}")).unwrap(),
        user_id: UserId::new("ada").unwrap(),
        habit_id: HabitId::new("h").unwrap(),
        date: Date::constant(2026, 1, 1),
        actor: String::new(),
        verb,
        value,
        undo_of: None,
        skip_reason: None,
        occurred_at: NOW - 1_000_000 + n,
        time_source: TimeSource::Hub,
        tz: "UTC".into(),
        tz_offset_min: 0,
        source,
        device_id: None,
        press_id: None,
        note: None,
        at: Hlc::from_parts(NOW - 1_000_000 + n, 0, "t"),
    }
}

/// A line as the hub writes it of a day with these events.
fn line(habit: (&str, &str, Option<f64>), date: Date, note: &str, day: &[Event], measure: &Measure) -> CompletionRow {
    let (name, unit, at_most) = habit;
    let Some(stands) = fold(day, measure) else {
        let (kind, source) = (String::new(), "app".to_owned());
        let (habit, unit, note) = (name.into(), unit.into(), note.into());
        let (percent, amount, completed_at) = (None, None, None);
        return CompletionRow { habit, date, kind, percent, amount, unit, note, source, completed_at, at_most };
    };
    CompletionRow {
        habit: name.into(),
        date,
        kind: stands.status.as_str().into(),
        percent: stands.percent,
        amount: stands.amount,
        unit: unit.into(),
        note: note.into(),
        source: stands.source.as_str().into(),
        completed_at: Some(stands.occurred_at),
        at_most,
    }
}

/// A habit's days, measured by targets that change now and then.
fn life(dice: &mut Dice, name: &str) -> Vec<CompletionRow> {
    let (counted, at_most) = (dice.below(3) > 0, dice.below(3) == 0);
    let unit = dice.pick(&["", "l", "Gläser, \"groß\""]);
    let days = 1 + usize::try_from(dice.below(30)).unwrap();
    let mut target = dice.amount();
    let mut told = Vec::new();
    for date in stretch(Date::constant(2026, 10, 1), Date::MAX).take(days) {
        if dice.below(15) == 0 {
            target = dice.amount();
        }
        let source =
            [Source::App, Source::Device, Source::Import, Source::Rule][usize::try_from(dice.below(4)).unwrap()];
        let some = dice.amount();
        #[allow(clippy::cast_precision_loss)]
        let day = match dice.below(9) {
            8 => {
                // Somebody only wrote a note.
                told.push((date, dice.pick(&["alone", "a, \"b\""]), Vec::new(), target));
                continue;
            }
            0 => vec![event(Verb::Skip, None, source, 1)],
            1 => vec![event(Verb::Set, Some(some), source, 1), event(Verb::Skip, None, source, 2)],
            2 => vec![event(Verb::Miss, None, Source::Engine, 1)],
            3 => vec![event(Verb::Set, Some(some), source, 1), event(Verb::Lapse, None, source, 2)],
            4 => vec![event(Verb::Partial, Some((1 + dice.below(99)) as f64), source, 1)],
            5 => vec![event(Verb::Set, Some(target), source, 1)],
            6 => vec![event(Verb::Full, None, source, 1)],
            _ => vec![event(Verb::Set, Some(some), source, 1)],
        };
        let note = dice.pick(&["", "a, \"b\"\nc", "=SUM(A1)", " blank ", "\r\n", "ä"]);
        told.push((date, note, day, target));
    }
    let limit = Some(target).filter(|_| counted && at_most);
    let measured = |target| Measure { counted, at_most, target, anyone_once: false };
    told.into_iter()
        .map(|(date, note, day, target)| line((name, unit, limit), date, note, &day, &measured(target)))
        .collect()
}

/// What the hub writes of what it reads.
fn again(table: Vec<u8>) -> Vec<CompletionRow> {
    let ada = UserId::new("ada").unwrap();
    let contents = read("days.csv", table.into(), &ada, (&Person::of(None), &Known::default()), NOW).unwrap();
    let (mut habits, mut schedules) = (BTreeMap::new(), Vec::new());
    let mut days: BTreeMap<(String, Date), Vec<(Event, String)>> = BTreeMap::new();
    let (mut slices, mut n) = (contents.slices(), 0);
    loop {
        let rows = slices.next().unwrap();
        if rows.is_empty() {
            break;
        }
        n += 1;
        for mut row in rows {
            row.stamp_all(&Hlc::from_parts(NOW + n, 0, "door"));
            assert!(repair::faults(&row).is_empty(), "{row:?}");
            if row.table == &HABITS {
                habits.insert(row.id.clone(), row);
            } else if row.table == &HABIT_SCHEDULES {
                schedules.push(row);
            } else {
                assert_eq!(row.table, &COMPLETION_EVENTS);
                let event = Event::from_row(&row).unwrap();
                let day = days.entry((event.habit_id.to_string(), event.date)).or_default();
                day.push((event, row.text("note")));
            }
        }
    }
    let mut lines: Vec<CompletionRow> = days
        .into_iter()
        .map(|((id, date), day)| {
            let habit: &Row = &habits[&id];
            let measure = Measure::on(habit, Schedules::of(habit, &schedules).on(date));
            let limit = habit.number("target_value").filter(|_| measure.counted && measure.at_most);
            let (name, unit) = (habit.text("name"), habit.text("unit"));
            let note = day.iter().map(|(_, note)| note.as_str()).find(|note| !note.is_empty()).unwrap_or_default();
            let events: Vec<Event> = day.iter().map(|(event, _)| event.clone()).collect();
            line((&name, &unit, limit), date, note, &events, &measure)
        })
        .collect();
    lines.sort_by(|a, b| (&a.habit, a.date).cmp(&(&b.habit, b.date)));
    lines
}

#[test]
fn whatever_a_table_tells_comes_back_to_the_byte() {
    for seed in 0..400 {
        let mut dice = Dice(seed);
        let names = ["A", "A (2)", "=1+1", "Read, \"slowly\""];
        let mut lines: Vec<CompletionRow> = names.iter().flat_map(|name| life(&mut dice, name)).collect();
        lines.sort_by(|a, b| (&a.habit, a.date).cmp(&(&b.habit, b.date)));
        let table = completions_csv(&lines).unwrap();
        let back = completions_csv(&again(table.clone())).unwrap();
        let (back, table) = (String::from_utf8(back).unwrap(), String::from_utf8(table).unwrap());
        let differs = table.lines().zip(back.lines()).find(|(was, is)| was != is);
        assert_eq!((differs, table.len()), (None, back.len()), "seed {seed}");
    }
}
