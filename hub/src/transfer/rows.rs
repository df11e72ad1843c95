//! What a file brings, as rows of the person who imports it.

use std::collections::BTreeMap;

use bytes::Bytes;
use kairos_core::Millis;
use kairos_core::command::{Fields, Rejection};
use kairos_core::day::Date;
use kairos_core::event::Source;
use kairos_core::ids::{self, HabitId, UserId};
use kairos_core::plan::{DATED, Person};
use kairos_core::row::Row;
use kairos_core::schema::{HABIT_SCHEDULES, HABITS};
use kairos_core::scope::Scope;
use kairos_core::value::Value;
use kairos_transfer::completions::{each_completion, is_table};
use kairos_transfer::whole::{self, Whole};
use kairos_transfer::{Fault, Portable, Report, limits};
use serde::Serialize;

use super::contents::{Contents, Held, Listed, ListedHabit, Told};
use super::habit_id;
use super::known::Known;
use super::tabled::Tabled;
use super::target::Dated;

/// How many remarks a person is shown.
const REMARKS: usize = 200;

/// What an import would bring.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"source": "Loop Habit Tracker", "habits": 4, "entries": 1200, "skips": 30, "first": "2023-01-01", "last": "2026-11-24", "unknowns": 12, "remarks": [], "more_remarks": 0}))]
pub struct Outlook {
    /// The app, by name.
    pub source: String,
    /// How many habits the file has.
    pub habits: usize,
    /// How many days that say something.
    pub entries: usize,
    /// How many of them are skips.
    pub skips: usize,
    /// The oldest day.
    pub first: Option<String>,
    /// The newest day.
    pub last: Option<String>,
    /// Days the file names without a deed.
    pub unknowns: usize,
    /// What did not fit, what was mended, what is worth knowing.
    pub remarks: Vec<String>,
    /// Remarks beyond those.
    pub more_remarks: usize,
}

/// Who imports, and when.
struct Importer<'a> {
    user: &'a UserId,
    scope: Scope,
    person: &'a Person,
    known: &'a Known,
    now: Millis,
    today: Date,
}

/// Reads a file: the hub's own export, its table of days, or another app's.
///
/// # Errors
/// A sentence about what is wrong with the file, with the place.
pub fn read(
    name: &str,
    file: Bytes,
    user: &UserId,
    (person, known): (&Person, &Known),
    now: Millis,
) -> Result<Contents, Rejection> {
    let importer = Importer { user, scope: Scope::Person(user.clone()), person, known, now, today: person.today(now) };
    if whole::is_whole(&file) {
        return Ok(whole_export(Whole::open(file, user).map_err(wrong)?));
    }
    if is_table(&file) {
        return importer.table(&file);
    }
    let mut portable = kairos_transfer::read(name, &file).map_err(wrong)?;
    drop(file);
    known.rename(&mut portable);
    Ok(importer.portable(portable))
}

#[allow(clippy::needless_pass_by_value)] // as `map_err` wants it
pub(super) fn wrong(fault: Fault) -> Rejection {
    Rejection::field("file", fault.to_string())
}

fn whole_export(whole: Whole<Bytes>) -> Contents {
    let seen = whole.outlook().clone();
    let outlook = Outlook {
        source: "Kairos Hub".into(),
        habits: seen.habits,
        entries: seen.entries,
        skips: seen.skips,
        first: seen.first,
        last: seen.last,
        unknowns: 0,
        remarks: Vec::new(),
        more_remarks: 0,
    };
    Contents { outlook, source: Held::Whole(whole) }
}

impl Importer<'_> {
    fn listed(&self, origin: &'static str, mut outlook: Outlook, habits: Vec<ListedHabit>) -> Contents {
        outlook.remarks.splice(..0, self.known.remarks(&habits));
        let (user, scope, person) = (self.user.clone(), self.scope.clone(), self.person.clone());
        Contents { outlook, source: Held::Listed(Listed { user, scope, person, now: self.now, origin, habits }) }
    }

    fn portable(&self, portable: Portable) -> Contents {
        let mut outlook = outlook(&portable.report());
        let mut habits = Vec::with_capacity(portable.habits.len());
        let mut ahead = 0;
        for habit in portable.habits {
            let id = portable.source.habit_id(self.user, &habit.reference);
            let row = self.habit(&id, &habit.fields);
            let mut entries = Vec::with_capacity(habit.entries.len());
            for entry in habit.entries {
                if entry.date > self.today || entry.date.year() < 1970 {
                    ahead += 1;
                } else {
                    entries.push(Told { entry, source: Source::Import, first_of_two: false });
                }
            }
            habits.push(ListedHabit { id, reference: habit.reference, row, schedules: Vec::new(), entries });
        }
        if ahead > 0 {
            outlook.entries -= ahead;
            outlook.remarks.insert(0, format!("{ahead} days lie ahead, or before 1970, and are left out."));
        }
        self.listed(portable.source.as_str(), outlook, habits)
    }

    fn habit(&self, id: &HabitId, fields: &Fields) -> Row {
        let mut row = Row::new(&HABITS, id.as_str(), self.scope.clone(), self.user.clone(), self.now);
        for (name, value) in fields {
            if let Some(column) = HABITS.column(name) {
                row.columns.insert(column.name, value.clone());
            }
        }
        // Years that lie behind are not judged: the hub asks from today on.
        row.columns.entry("start_date").or_insert_with(|| Value::from(self.today.to_string()));
        row
    }

    /// Days of our own table: habits by their names.
    fn table(&self, file: &[u8]) -> Result<Contents, Rejection> {
        let mut by_name: BTreeMap<String, Tabled> = BTreeMap::new();
        let mut outlook = Outlook {
            source: "A table of days".into(),
            habits: 0,
            entries: 0,
            skips: 0,
            first: None,
            last: None,
            unknowns: 0,
            remarks: vec!["A table has no schedules: its habits are daily.".into()],
            more_remarks: 0,
        };
        let mut days: Option<(Date, Date)> = None;
        each_completion(file, |line| {
            if line.date > self.today {
                return Err(Fault::new(format!("{} has not come yet.", line.date)));
            }
            outlook.entries += 1;
            outlook.skips += usize::from(line.kind == "SKIPPED");
            let (first, last) = days.unwrap_or((line.date, line.date));
            days = Some((first.min(line.date), last.max(line.date)));
            if let Some(habit) = by_name.get_mut(&line.habit) {
                habit.add(line);
            } else if by_name.len() >= limits::HABITS {
                return Err(Fault::too_much("Habits", limits::HABITS));
            } else {
                by_name.entry(line.habit.clone()).or_default().add(line);
            }
            Ok(())
        })
        .map_err(wrong)?;
        outlook.habits = by_name.len();
        (outlook.first, outlook.last) = days.map(|(first, last)| (first.to_string(), last.to_string())).unzip();
        let mut habits = Vec::with_capacity(by_name.len());
        for (name, tabled) in by_name {
            let id = habit_id(HabitId::imported(self.user, "table", &name).as_str())?;
            habits.push(self.tabled(id, name, tabled));
        }
        Ok(self.listed("table", outlook, habits))
    }

    fn tabled(&self, id: HabitId, name: String, mut tabled: Tabled) -> ListedHabit {
        let mut row = self.habit(&id, &Fields::new());
        row.columns.insert("name", name.as_str().into());
        row.columns.insert("import_ref", name.as_str().into());
        row.columns.insert("unit", tabled.unit.clone().into());
        let mut schedules = Vec::new();
        if tabled.counted {
            row.columns.insert("kind", "measurable".into());
            if tabled.at_most.is_some() {
                row.columns.insert("target_type", "at_most".into());
            }
            let targets = tabled.targets();
            if let Some(present) = targets.first() {
                row.columns.insert("target_value", present.target.into());
            }
            if targets.len() > 1 {
                let mut until = None;
                for dated in &targets {
                    schedules.push(self.schedule(&row, dated, until));
                    until = dated.from.yesterday().ok();
                }
            }
        } else if tabled.lapsed {
            row.columns.insert("kind", "avoid".into());
        }
        ListedHabit { id, reference: name, row, schedules, entries: tabled.into_entries() }
    }

    /// A habit's target while it was that.
    fn schedule(&self, habit: &Row, dated: &Dated, until: Option<Date>) -> Row {
        let from = dated.from.to_string();
        let id = ids::schedule(&habit.id, &from);
        let mut row = Row::new(&HABIT_SCHEDULES, id, self.scope.clone(), self.user.clone(), self.now);
        for name in DATED {
            row.columns.insert(name, habit.get(name));
        }
        row.columns.insert("habit_id", habit.id.as_str().into());
        row.columns.insert("valid_from", from.into());
        row.columns.insert("valid_to", until.map(|date| date.to_string()).into());
        row.columns.insert("target_value", dated.target.into());
        row
    }
}

fn outlook(report: &Report) -> Outlook {
    Outlook {
        source: report.source.name().to_owned(),
        habits: report.habits,
        entries: report.entries,
        skips: report.skips,
        first: report.first.map(|date| date.to_string()),
        last: report.last.map(|date| date.to_string()),
        unknowns: report.unknowns,
        remarks: report.remarks.iter().take(REMARKS).map(ToString::to_string).collect(),
        more_remarks: report.more_remarks + report.remarks.len().saturating_sub(REMARKS),
    }
}
