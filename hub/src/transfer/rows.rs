//! What a file brings, as rows of the person who imports it.

use std::collections::BTreeMap;

use kairos_core::Millis;
use kairos_core::command::Rejection;
use kairos_core::day::{Date, day_begins};
use kairos_core::event::{Event, Source, TimeSource, Verb};
use kairos_core::hlc::Hlc;
use kairos_core::ids::{EventId, HabitId, UserId};
use kairos_core::plan::Person;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETION_EVENTS, HABITS};
use kairos_core::scope::Scope;
use kairos_core::value::Value;
use kairos_transfer::completions::{CompletionRow, HEADS, read_completions_csv};
use kairos_transfer::{Origin, Portable, PortableEntry, PortableHabit, Report, whole};
use serde::Serialize;

use super::habit_id;

/// Noon, in milliseconds after the day begins: when a deed is thought to have happened that does not say.
const NOON: Millis = 12 * 3_600_000;
/// How many remarks a person is shown.
const REMARKS: usize = 200;

/// What a file holds.
#[derive(Debug)]
pub struct Contents {
    /// What a person is shown before anything is imported.
    pub outlook: Outlook,
    /// The rows.
    pub rows: Vec<Row>,
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
pub fn read(name: &str, bytes: &[u8], user: &UserId, person: &Person, now: Millis) -> Result<Contents, Rejection> {
    let importer = Importer { user, scope: Scope::Person(user.clone()), person, now, today: person.today(now) };
    let wrong = |fault: kairos_transfer::Fault| Rejection::field("file", fault.to_string());
    if whole::is_whole(bytes) {
        return Ok(whole_export(whole::read(bytes, user).map_err(wrong)?));
    }
    if bytes.starts_with(HEADS.join(",").as_bytes()) {
        return importer.table(&read_completions_csv(bytes).map_err(wrong)?);
    }
    let portable = kairos_transfer::read(name, bytes).map_err(wrong)?;
    importer.portable(&portable)
}

fn whole_export(rows: Vec<Row>) -> Contents {
    let of = |table| rows.iter().filter(move |row| row.table == table);
    let dates: Vec<String> = of(&COMPLETION_EVENTS).map(|row| row.text("date")).collect();
    let outlook = Outlook {
        source: "Kairos Hub".into(),
        habits: of(&HABITS).count(),
        entries: dates.len(),
        skips: of(&COMPLETION_EVENTS).filter(|row| row.text("verb") == "skip").count(),
        first: dates.iter().min().cloned(),
        last: dates.iter().max().cloned(),
        unknowns: 0,
        remarks: Vec::new(),
        more_remarks: 0,
    };
    Contents { outlook, rows }
}

impl Importer<'_> {
    fn portable(&self, portable: &Portable) -> Result<Contents, Rejection> {
        let mut rows = Vec::new();
        let mut ahead = 0;
        for habit in &portable.habits {
            let id = portable.source.habit_id(self.user, &habit.reference);
            rows.push(self.habit(&id, habit));
            for entry in &habit.entries {
                if entry.date > self.today || entry.date.year() < 1970 {
                    ahead += 1;
                    continue;
                }
                rows.push(self.entry(portable.source, habit, &id, entry));
            }
        }
        rows.sort_by_key(|row| row.table != &HABITS);
        let mut outlook = outlook(&portable.report());
        if ahead > 0 {
            outlook.entries -= ahead;
            outlook.remarks.insert(0, format!("{ahead} days lie ahead, or before 1970, and are left out."));
        }
        Ok(Contents { outlook, rows })
    }

    fn habit(&self, id: &HabitId, habit: &PortableHabit) -> Row {
        let mut row = Row::new(&HABITS, id.as_str(), self.scope.clone(), self.user.clone(), self.now);
        for (name, value) in &habit.fields {
            if let Some(column) = HABITS.column(name) {
                row.columns.insert(column.name, value.clone());
            }
        }
        // Years that lie behind are not judged: the hub asks from today on.
        row.columns.entry("start_date").or_insert_with(|| Value::from(self.today.to_string()));
        row
    }

    fn entry(&self, source: Origin, habit: &PortableHabit, id: &HabitId, entry: &PortableEntry) -> Row {
        let event = source.event_id(self.user, &habit.reference, entry.date);
        self.event(event, id, entry, Source::Import)
    }

    /// An event without clocks: the door gives them.
    fn event(&self, id: EventId, habit: &HabitId, entry: &PortableEntry, source: Source) -> Row {
        let begins = day_begins(entry.date, &self.person.zone, self.person.day_start_min);
        let occurred_at = entry.occurred_at.unwrap_or(begins.saturating_add(NOON));
        let event = Event {
            id,
            user_id: self.user.clone(),
            habit_id: habit.clone(),
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

    /// Days of our own table: habits by their names.
    fn table(&self, lines: &[CompletionRow]) -> Result<Contents, Rejection> {
        let mut by_name: BTreeMap<&str, Vec<&CompletionRow>> = BTreeMap::new();
        for line in lines {
            by_name.entry(&line.habit).or_default().push(line);
        }
        let (mut rows, mut skips) = (Vec::new(), 0);
        for (name, lines) in &by_name {
            let id = habit_id(HabitId::imported(self.user, "table", name).as_str())?;
            rows.push(self.table_habit(&id, name, lines));
            for line in lines {
                if line.date > self.today {
                    return Err(Rejection::field("file", format!("{} has not come yet.", line.date)));
                }
                skips += usize::from(line.kind == "SKIPPED");
                rows.push(self.table_line(&id, name, line));
            }
        }
        rows.sort_by_key(|row| row.table != &HABITS);
        let dates = || lines.iter().map(|line| line.date);
        let outlook = Outlook {
            source: "A table of days".into(),
            habits: by_name.len(),
            entries: lines.len(),
            skips,
            first: dates().min().map(|date| date.to_string()),
            last: dates().max().map(|date| date.to_string()),
            unknowns: 0,
            remarks: vec!["A table has no schedules: its habits are daily.".into()],
            more_remarks: 0,
        };
        Ok(Contents { outlook, rows })
    }

    fn table_habit(&self, id: &HabitId, name: &str, lines: &[&CompletionRow]) -> Row {
        let mut row = Row::new(&HABITS, id.as_str(), self.scope.clone(), self.user.clone(), self.now);
        row.columns.insert("name", name.into());
        row.columns.insert("import_ref", name.into());
        row.columns.insert("start_date", self.today.to_string().into());
        if lines.iter().any(|line| line.amount.is_some()) {
            row.columns.insert("kind", "measurable".into());
            row.columns.insert("target_value", target(lines).into());
            let unit = lines.iter().map(|line| line.unit.as_str()).find(|unit| !unit.is_empty());
            row.columns.insert("unit", unit.into());
        } else if lines.iter().any(|line| line.kind == "MISSED" && line.source != "engine") {
            row.columns.insert("kind", "avoid".into());
        }
        row
    }

    fn table_line(&self, id: &HabitId, name: &str, line: &CompletionRow) -> Row {
        let (verb, value) = match (line.kind.as_str(), line.amount, line.percent) {
            ("SKIPPED", ..) => (Verb::Skip, None),
            ("MISSED", ..) if line.source == "engine" => (Verb::Miss, None),
            ("MISSED", ..) => (Verb::Lapse, None),
            (_, Some(amount), _) => (Verb::Set, Some(amount)),
            ("PARTIAL", _, percent) => (Verb::Partial, percent.map(percent_value)),
            _ => (Verb::Full, None),
        };
        let entry = PortableEntry {
            date: line.date,
            verb,
            value,
            note: Some(line.note.clone()).filter(|note| !note.is_empty()),
            occurred_at: line.completed_at,
        };
        let event = EventId::imported(self.user, "table", name, line.date);
        self.event(event, id, &entry, Source::parse(&line.source).unwrap_or(Source::Import))
    }
}

/// A percent that folds back to itself.
#[allow(clippy::cast_precision_loss)] // 1 to 99
fn percent_value(percent: i64) -> f64 {
    percent as f64 + 0.001
}

/// The target under which a table's amounts stand as the table says.
#[allow(clippy::cast_precision_loss)] // 1 to 99
fn target(lines: &[&CompletionRow]) -> f64 {
    let full = lines.iter().filter(|line| line.kind == "FULL").filter_map(|line| line.amount);
    let least = full.filter(|amount| *amount > 0.0).fold(f64::INFINITY, f64::min);
    // A percent is rounded down: the largest target of each part is where the next lower percent would begin.
    let parts = lines.iter().filter_map(|line| Some((line.amount?, line.percent? as f64)));
    let most = parts.filter(|(amount, _)| *amount > 0.0).map(|(amount, percent)| amount * 100.0 / percent);
    let bound = most.fold(f64::INFINITY, f64::min);
    let target = least.min(bound);
    if target.is_finite() { target } else { 1.0 }
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
