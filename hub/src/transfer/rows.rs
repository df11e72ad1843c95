//! What a file brings, as rows of the person who imports it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use kairos_core::Millis;
use kairos_core::command::{Fields, Rejection};
use kairos_core::day::{Date, day_begins};
use kairos_core::event::{Event, Source, TimeSource, Verb};
use kairos_core::hlc::Hlc;
use kairos_core::ids::{EventId, HabitId, UserId};
use kairos_core::plan::Person;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETIONS, HABITS};
use kairos_core::scope::Scope;
use kairos_core::value::Value;
use kairos_transfer::completions::{CompletionRow, HEADS, each_completion};
use kairos_transfer::whole::{self, Whole};
use kairos_transfer::{Fault, Origin, Portable, PortableEntry, Report, limits};
use serde::Serialize;

use super::habit_id;

/// Noon, in milliseconds after the day begins: when a deed is thought to have happened that does not say.
const NOON: Millis = 12 * 3_600_000;
/// How many rows are taken in at once: as long as that takes, a press may have to wait.
const SLICE: usize = 200;
/// How many remarks a person is shown.
const REMARKS: usize = 200;

/// What a file holds: enough to make its rows of, and no row yet. A row takes many times what the file has of it.
#[derive(Debug)]
pub struct Contents {
    /// What a person is shown before anything is imported.
    pub outlook: Outlook,
    source: Held,
}

#[derive(Debug)]
enum Held {
    /// The hub's own export: its text, and where each row stands.
    Whole(Whole<Bytes>),
    /// Another app's habits with their days.
    Listed(Listed),
}

impl Contents {
    /// How many rows it has.
    #[must_use]
    pub fn total(&self) -> usize {
        match &self.source {
            Held::Whole(whole) => whole.len(),
            Held::Listed(listed) => listed.habits.iter().map(|habit| 1 + habit.entries.len()).sum(),
        }
    }

    /// Its rows, slice by slice.
    #[must_use]
    pub fn slices(self) -> Slices {
        Slices { source: self.source, habit: 0, at: 0, days: false }
    }
}

/// The rows of a file, slice by slice, in the order in which they are taken in.
#[derive(Debug)]
pub struct Slices {
    source: Held,
    /// How far it is: the next row of an export; the next habit, or the next day of a habit.
    at: usize,
    habit: usize,
    days: bool,
}

impl Slices {
    /// The next rows; none at the end.
    ///
    /// # Errors
    /// A sentence about a row that cannot be read.
    pub fn next(&mut self) -> Result<Vec<Row>, Rejection> {
        let mut rows = Vec::with_capacity(SLICE);
        // A cell and its first event are not parted: alone it would say nothing.
        while rows.len() < SLICE || rows.last().is_some_and(|row: &Row| row.table == &COMPLETIONS) {
            match self.row()? {
                Some(row) => rows.push(row),
                None => break,
            }
        }
        Ok(rows)
    }

    fn row(&mut self) -> Result<Option<Row>, Rejection> {
        match &self.source {
            Held::Whole(whole) => {
                self.at += 1;
                whole.row(self.at - 1).map_err(wrong)
            }
            Held::Listed(listed) => {
                if !self.days {
                    if let Some(habit) = listed.habits.get(self.habit) {
                        self.habit += 1;
                        return Ok(Some(habit.row.clone()));
                    }
                    (self.days, self.habit) = (true, 0);
                }
                while let Some(habit) = listed.habits.get(self.habit) {
                    if let Some((entry, source)) = habit.entries.get(self.at) {
                        self.at += 1;
                        return Ok(Some(listed.event(habit, entry, *source)));
                    }
                    (self.habit, self.at) = (self.habit + 1, 0);
                }
                Ok(None)
            }
        }
    }
}

/// Habits with their days, as an app lists them.
#[derive(Debug)]
struct Listed {
    user: UserId,
    scope: Scope,
    person: Person,
    now: Millis,
    /// The app's word in ids.
    origin: &'static str,
    habits: Vec<ListedHabit>,
}

#[derive(Debug)]
struct ListedHabit {
    id: HabitId,
    reference: String,
    row: Row,
    entries: Vec<(PortableEntry, Source)>,
}

impl Listed {
    /// An event without clocks: the door gives them.
    fn event(&self, habit: &ListedHabit, entry: &PortableEntry, source: Source) -> Row {
        let begins = day_begins(entry.date, &self.person.zone, self.person.day_start_min);
        let occurred_at = entry.occurred_at.unwrap_or(begins.saturating_add(NOON));
        let event = Event {
            id: EventId::imported(&self.user, self.origin, &habit.reference, entry.date),
            user_id: self.user.clone(),
            habit_id: habit.id.clone(),
            date: entry.date,
            actor: String::new(),
            verb: entry.verb,
            value: entry.value,
            undo_of: None,
            skip_reason: None,
            occurred_at,
            time_source: TimeSource::Import,
            tz: self.person.tz.clone(),
            tz_offset_min: self.person.zone.offset_minutes(occurred_at),
            source,
            device_id: None,
            press_id: None,
            note: entry.note.clone(),
            at: Hlc::from_parts(self.now, 0, "import"),
        };
        let mut row = event.to_row(self.scope.clone());
        row.clocks.clear();
        row.touched = None;
        row
    }
}

/// What an import would bring.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
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

/// The habits that a person has from Loop: the reference of each by its name, where one name is one habit.
///
/// Loop's database knows habits by a uuid, its zip only by their names. Whichever came first, the other finds its habits
/// again by this.
#[derive(Debug, Clone, Default)]
pub struct Known(BTreeMap<String, Option<String>>);

impl Known {
    /// Of a person's living habits.
    pub(super) fn of(user: &UserId, habits: &[Row]) -> Self {
        let mut known = BTreeMap::new();
        for habit in habits {
            let reference = habit.text("import_ref");
            if Origin::Loop.habit_id(user, &reference).as_str() == habit.id {
                let several = known.contains_key(&habit.text("name"));
                known.insert(habit.text("name"), (!several).then_some(reference));
            }
        }
        Self(known)
    }

    /// Names the habits of a file as those that are there are named.
    fn rename(&self, portable: &mut Portable) {
        if portable.source != Origin::Loop {
            return;
        }
        let there: BTreeSet<&String> = self.0.values().flatten().collect();
        let mut named: BTreeMap<String, usize> = BTreeMap::new();
        for habit in &portable.habits {
            *named.entry(habit.name().to_owned()).or_default() += 1;
        }
        for habit in &mut portable.habits {
            if !there.contains(&habit.reference)
                && named.get(habit.name()) == Some(&1)
                && let Some(Some(reference)) = self.0.get(habit.name())
            {
                habit.reference.clone_from(reference);
            }
        }
    }
}

/// Who imports, and when.
struct Importer<'a> {
    user: &'a UserId,
    scope: Scope,
    person: &'a Person,
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
    let importer = Importer { user, scope: Scope::Person(user.clone()), person, now, today: person.today(now) };
    if whole::is_whole(&file) {
        return Ok(whole_export(Whole::open(file, user).map_err(wrong)?));
    }
    if file.starts_with(HEADS.join(",").as_bytes()) {
        return importer.table(&file);
    }
    let mut portable = kairos_transfer::read(name, &file).map_err(wrong)?;
    drop(file);
    known.rename(&mut portable);
    Ok(importer.portable(portable))
}

#[allow(clippy::needless_pass_by_value)] // as `map_err` wants it
fn wrong(fault: Fault) -> Rejection {
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
    fn listed(&self, origin: &'static str, outlook: Outlook, habits: Vec<ListedHabit>) -> Contents {
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
                    entries.push((entry, Source::Import));
                }
            }
            habits.push(ListedHabit { id, reference: habit.reference, row, entries });
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
            let row = self.tabled(&id, &name, &tabled);
            habits.push(ListedHabit { id, reference: name, row, entries: tabled.entries });
        }
        Ok(self.listed("table", outlook, habits))
    }

    fn tabled(&self, id: &HabitId, name: &str, tabled: &Tabled) -> Row {
        let mut row = self.habit(id, &Fields::new());
        row.columns.insert("name", name.into());
        row.columns.insert("import_ref", name.into());
        if tabled.counted {
            row.columns.insert("kind", "measurable".into());
            row.columns.insert("target_value", tabled.target().into());
            row.columns.insert("unit", tabled.unit.clone().into());
        } else if tabled.lapsed {
            row.columns.insert("kind", "avoid".into());
        }
        row
    }
}

/// A habit as the table of days tells of it.
struct Tabled {
    counted: bool,
    lapsed: bool,
    unit: Option<String>,
    /// The least amount of a day that is done.
    least: f64,
    /// What the parts of days allow: a percent is rounded down, and the next lower one would begin here.
    bound: f64,
    entries: Vec<(PortableEntry, Source)>,
}

impl Default for Tabled {
    fn default() -> Self {
        let (least, bound) = (f64::INFINITY, f64::INFINITY);
        Self { counted: false, lapsed: false, unit: None, least, bound, entries: Vec::new() }
    }
}

impl Tabled {
    #[allow(clippy::cast_precision_loss)] // 1 to 99
    fn add(&mut self, line: CompletionRow) {
        self.counted |= line.amount.is_some();
        self.lapsed |= line.kind == "MISSED" && line.source != "engine";
        if self.unit.is_none() && !line.unit.is_empty() {
            self.unit = Some(line.unit);
        }
        if let Some(amount) = line.amount.filter(|amount| *amount > 0.0) {
            if line.kind == "FULL" {
                self.least = self.least.min(amount);
            }
            if let Some(percent) = line.percent {
                self.bound = self.bound.min(amount * 100.0 / percent as f64);
            }
        }
        let (verb, value) = match (line.kind.as_str(), line.amount, line.percent) {
            ("SKIPPED", ..) => (Verb::Skip, None),
            ("MISSED", ..) if line.source == "engine" => (Verb::Miss, None),
            ("MISSED", ..) => (Verb::Lapse, None),
            (_, Some(amount), _) => (Verb::Set, Some(amount)),
            ("PARTIAL", _, percent) => (Verb::Partial, percent.map(percent_value)),
            _ => (Verb::Full, None),
        };
        let note = Some(line.note).filter(|note| !note.is_empty());
        let entry = PortableEntry { date: line.date, verb, value, note, occurred_at: line.completed_at };
        self.entries.push((entry, Source::parse(&line.source).unwrap_or(Source::Import)));
    }

    /// The target under which its amounts stand as the table says.
    fn target(&self) -> f64 {
        let target = self.least.min(self.bound);
        if target.is_finite() { target } else { 1.0 }
    }
}

/// A percent that folds back to itself.
#[allow(clippy::cast_precision_loss)] // 1 to 99
fn percent_value(percent: i64) -> f64 {
    percent as f64 + 0.001
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

#[cfg(test)]
mod tests {
    use kairos_transfer::PortableHabit;

    use super::*;

    fn ids(contents: Contents) -> BTreeSet<String> {
        let mut slices = contents.slices();
        let mut ids = BTreeSet::new();
        loop {
            let rows = slices.next().unwrap();
            if rows.is_empty() {
                return ids;
            }
            ids.extend(rows.into_iter().map(|row| row.id));
        }
    }

    #[test]
    fn the_zip_and_the_database_of_loop_bring_the_same_habits() {
        let ada = UserId::new("ada").unwrap();
        let date = Date::constant(2026, 1, 2);
        let habit = |reference: &str| PortableHabit {
            reference: reference.into(),
            fields: Fields::from([("name".to_owned(), "Read".into()), ("import_ref".to_owned(), reference.into())]),
            entries: vec![PortableEntry::new(date, Verb::Full)],
            scores: None,
        };
        let zip = Bytes::from(kairos_transfer::loop_zip(&[habit("any")], date).unwrap());
        let now = 1_800_000_000_000;
        let read = |known: &Known| ids(read("loop.zip", zip.clone(), &ada, (&Person::of(None), known), now).unwrap());
        let of_database: BTreeSet<String> = [
            Origin::Loop.habit_id(&ada, "uuid-1").to_string(),
            Origin::Loop.event_id(&ada, "uuid-1", date).to_string(),
        ]
        .into();
        let there = |id: &HabitId, reference: &str| {
            let mut row = Row::new(&HABITS, id.as_str(), Scope::Person(ada.clone()), ada.clone(), 1);
            row.columns.insert("name", "Read".into());
            row.columns.insert("import_ref", reference.into());
            row
        };
        let from_loop = there(&Origin::Loop.habit_id(&ada, "uuid-1"), "uuid-1");
        assert_eq!(read(&Known::of(&ada, std::slice::from_ref(&from_loop))), of_database);
        assert!(read(&Known::default()).is_disjoint(&of_database));
        let own = there(&HabitId::new("own").unwrap(), "uuid-1");
        assert!(read(&Known::of(&ada, &[own])).is_disjoint(&of_database), "a habit of one's own is not Loop's");
        let mut second = there(&Origin::Loop.habit_id(&ada, "uuid-2"), "uuid-2");
        second.columns.insert("name", "Read".into());
        assert!(read(&Known::of(&ada, &[from_loop, second])).is_disjoint(&of_database), "two of one name");
    }
}
