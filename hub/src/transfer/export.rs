//! Files out, piece by piece: an export reads one snapshot on a connection of its own, and no further ahead of whoever takes
//! it than a few pieces. However large it is, and however slow they are, it takes little memory and none of the readers
//! that answer people.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};
use std::time::Duration;

use bytes::Bytes;
use kairos_core::command::Rejection;
use kairos_core::day::Date;
use kairos_core::event::Verb;
use kairos_core::fold::stands;
use kairos_core::ids::UserId;
use kairos_core::plan::{Kind, Schedules};
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{HABIT_SCHEDULES, HABITS, ROUTINES, Rule, Table};
use kairos_core::scope::Scope;
use kairos_transfer::completions::{self, CompletionRow};
use kairos_transfer::{Fault, PortableEntry, PortableHabit, whole, write_loop_zip};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Form, habit_id};
use crate::store::{Snapshot, Store, StoreError, Turn};

/// How much is written at once, about, in bytes.
const PIECE: usize = 64 << 10;
/// How many pieces may wait to be taken. When there are as many the export waits, for as long as [`Patience`] says.
const AHEAD: usize = 4;
/// How many rows are read at once.
const PAGE: usize = 500;

/// How long an export waits for whoever takes it: it holds a snapshot, beyond which the write-ahead log cannot be folded back.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// For one piece.
    piece: Duration,
    /// For all of them.
    all: Duration,
}

const PATIENCE: Patience = Patience { piece: Duration::from_secs(30), all: Duration::from_secs(600) };

/// An export on its way.
#[derive(Debug)]
pub struct Pieces(mpsc::Receiver<Result<Bytes, StoreError>>);

impl Pieces {
    /// The next piece; `None` after the last.
    ///
    /// # Errors
    /// [`StoreError`]: what was taken so far is not whole, and nothing more comes.
    pub async fn next(&mut self) -> Option<Result<Bytes, StoreError>> {
        match self.0.recv().await {
            // Nothing is the mark of the end.
            Some(Ok(piece)) if piece.is_empty() => None,
            Some(piece) => Some(piece),
            None => Some(Err(StoreError::Unavailable("the export was cut".into()))),
        }
    }
}

/// Begins to write what a person has; `None` while another export of theirs runs, or two of others.
pub async fn export(store: &Store, user: &UserId, form: Form) -> Option<Pieces> {
    Some(begin(store.turn_apart(user).await?, user, form, PATIENCE))
}

fn begin(turn: Turn, user: &UserId, form: Form, patience: Patience) -> Pieces {
    let scope = Scope::Person(user.clone());
    let (sender, receiver) = mpsc::channel(AHEAD);
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let (stop, ends) = (turn.stopping(), Instant::now() + patience.all);
        let give = |piece: Result<Bytes, StoreError>| {
            let given = async {
                let until = ends.min(Instant::now() + patience.piece);
                tokio::select! {
                    biased;
                    () = stop.cancelled() => Err(StoreError::stopping()),
                    sent = tokio::time::timeout_at(until, sender.send(piece)) => match sent {
                        Ok(Ok(())) => Ok(()),
                        Ok(Err(_)) => Err(StoreError::Unavailable("nobody takes the export any more".into())),
                        Err(_) => Err(StoreError::Unavailable("the export was taken too slowly".into())),
                    },
                }
            };
            runtime.block_on(given)
        };
        let written = turn.read(|snapshot| write(snapshot, &scope, form, |piece| give(Ok(piece))));
        // The snapshot is gone; the turn goes with the thread.
        let _ = give(written.map(|()| Bytes::new()));
    });
    Pieces(receiver)
}

/// Writes what a person has, and gives it away piece by piece.
///
/// # Errors
/// [`StoreError`]: the database cannot be read, something cannot be written in this form, or what the taker said.
pub(super) fn write(
    snapshot: &Snapshot<'_>,
    scope: &Scope,
    form: Form,
    give: impl FnMut(Bytes) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut out = Out { buffer: Vec::with_capacity(PIECE), give, trouble: None };
    let habits = living_habits(snapshot, scope)?;
    let written = match form {
        Form::Json => everything(snapshot, scope, &habits, &mut out),
        Form::Csv => table(snapshot, &habits, &mut out),
        Form::Loop => zip(snapshot, &habits, &mut out),
    };
    let last = written.and_then(|()| if out.buffer.is_empty() { Ok(()) } else { out.hand_over().map_err(unwritten) });
    out.trouble.map_or(last, Err)
}

/// Gathers what is written into pieces.
struct Out<F> {
    buffer: Vec<u8>,
    give: F,
    /// Why the last piece was not taken.
    trouble: Option<StoreError>,
}

impl<F: FnMut(Bytes) -> Result<(), StoreError>> Write for Out<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A long text is no reason for a long piece.
        let fits = bytes.len().min(PIECE - self.buffer.len());
        self.buffer.extend_from_slice(bytes.get(..fits).unwrap_or_default());
        if self.buffer.len() >= PIECE {
            self.hand_over()?;
        }
        Ok(fits)
    }

    /// Pieces are handed over when they are full, and the last at the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F: FnMut(Bytes) -> Result<(), StoreError>> Out<F> {
    fn hand_over(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.buffer, Vec::with_capacity(PIECE));
        (self.give)(piece.into()).map_err(|trouble| {
            self.trouble = Some(trouble);
            io::ErrorKind::BrokenPipe.into()
        })
    }
}

#[allow(clippy::needless_pass_by_value)] // as `map_err` wants it
fn unwritten(_: io::Error) -> StoreError {
    StoreError::Unavailable("the export could not be written".into())
}

#[allow(clippy::needless_pass_by_value)] // as `map_err` wants it
fn unfit(fault: Fault) -> StoreError {
    Rejection::field("format", format!("This cannot be written so: {fault}")).into()
}

/// Shows the living rows of a table in the order of their ids.
fn each(
    snapshot: &Snapshot<'_>,
    table: &'static Table,
    scope: &Scope,
    mut row: impl FnMut(Row) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let page = snapshot.next_rows(table, scope, &after, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after.clone_from(&last.id);
        page.into_iter().try_for_each(&mut row)?;
    }
}

fn living_habits(snapshot: &Snapshot<'_>, scope: &Scope) -> Result<Vec<Row>, StoreError> {
    let mut habits = Vec::new();
    each(snapshot, &HABITS, scope, |habit| {
        habits.push(habit);
        Ok(())
    })?;
    Ok(habits)
}

fn everything(snapshot: &Snapshot<'_>, scope: &Scope, habits: &[Row], out: &mut impl Write) -> Result<(), StoreError> {
    let ids: HashSet<&str> = habits.iter().map(|habit| habit.id.as_str()).collect();
    let mut file = whole::Writer::begin(out).map_err(unwritten)?;
    let mut routines: HashSet<String> = HashSet::new();
    for table in whole::TABLES {
        each(snapshot, table, scope, |row| {
            // What belongs to a habit or routine that was deleted stays here: without it, it could not come back.
            let habit = row.look("habit_id").as_text().is_none_or(|id| ids.contains(id));
            let routine = row.look("routine_id").as_text().is_none_or(|id| routines.contains(id));
            if table == &ROUTINES {
                routines.insert(row.id.clone());
            }
            if habit && routine {
                file.row(&row).map_err(unwritten)?;
            }
            Ok(())
        })?;
    }
    file.end().map_err(unwritten)
}

/// The cells of a habit, earliest first.
fn cells(snapshot: &Snapshot<'_>, habit: &Row) -> Result<Vec<Row>, StoreError> {
    let mut cells = snapshot.cells(&habit_id(&habit.id)?, "", "~", usize::MAX)?;
    cells.retain(|cell| cell.scope == habit.scope);
    Ok(cells)
}

/// The days in the order of the habits' names, then of their dates.
fn table(snapshot: &Snapshot<'_>, habits: &[Row], out: &mut impl Write) -> Result<(), StoreError> {
    let mut file = completions::Writer::begin(out).map_err(unfit)?;
    for (name, habit) in named(habits.iter().map(repair::repaired).collect()) {
        let mut dated = snapshot.rows_where(&HABIT_SCHEDULES, "habit_id", &habit.id)?;
        dated.retain(|row| row.scope == habit.scope);
        let dated: Vec<Row> = dated.into_iter().map(repair::sound).collect();
        let schedules = Schedules::of(&habit, &dated);
        let mut lines: Vec<CompletionRow> =
            cells(snapshot, &habit)?.iter().filter_map(|cell| line(&name, &schedules, cell)).collect();
        lines.sort_by_key(|line| line.date);
        lines.iter().try_for_each(|line| file.row(line)).map_err(unfit)?;
    }
    file.end().map_err(unfit)
}

/// Habits by their names, which the table knows them by: of several of one name the others get a number. They come in the
/// order of their ids, so that each has the same one every time.
fn named(habits: Vec<Row>) -> BTreeMap<String, Row> {
    let mut taken: HashSet<String> = habits.iter().map(|habit| habit.text("name")).collect();
    let mut named = BTreeMap::new();
    for habit in habits {
        let name = habit.text("name");
        let own = if named.contains_key(&name) { numbered(&name, &taken) } else { name };
        taken.insert(own.clone());
        named.insert(own, habit);
    }
    named
}

/// A name with the first number that is free, no longer than a name may be.
fn numbered(name: &str, taken: &HashSet<String>) -> String {
    let most = match HABITS.column("name").map(|column| column.rule) {
        Some(Rule::Length(most)) => most,
        _ => usize::MAX,
    };
    let with = |n: usize| {
        let number = format!(" ({n})");
        let short: String = name.chars().take(most.saturating_sub(number.len())).collect();
        format!("{}{number}", short.trim_end())
    };
    (2..).map(with).find(|name| !taken.contains(name)).unwrap_or_else(|| name.to_owned())
}

/// A day as it was measured then.
fn line(name: &str, schedules: &Schedules, cell: &Row) -> Option<CompletionRow> {
    let date = repair::parse_date(&cell.text("date"))?;
    if !stands(cell) && cell.text("note").is_empty() {
        return None;
    }
    let schedule = schedules.on(date);
    let limited = schedule.kind == Kind::Measurable && schedule.at_most;
    Some(CompletionRow {
        habit: name.to_owned(),
        date,
        kind: cell.text("type"),
        percent: cell.integer("partial_percent"),
        amount: cell.number("amount"),
        unit: schedule.unit.clone().unwrap_or_default(),
        note: cell.text("note"),
        source: cell.text("source"),
        completed_at: cell.integer("completed_at"),
        at_most: schedule.target.filter(|_| limited),
    })
}

fn zip(snapshot: &Snapshot<'_>, habits: &[Row], out: &mut impl Write) -> Result<(), StoreError> {
    let (mut portable, mut last) = (Vec::with_capacity(habits.len()), Date::ZERO);
    for habit in habits {
        let habit = repair::repaired(habit);
        let cells = cells(snapshot, &habit)?;
        let dates = cells.iter().filter_map(|cell| repair::parse_date(&cell.text("date")));
        last = dates.max().map_or(last, |date| date.max(last));
        let fields = habit.table.columns.iter().map(|column| (column.name.to_owned(), habit.get(column.name)));
        portable.push(PortableHabit {
            reference: habit.id.clone(),
            fields: fields.filter(|(_, value)| !value.is_null()).collect(),
            entries: cells.iter().filter_map(entry).collect(),
            scores: None,
        });
    }
    write_loop_zip(out, &portable, last).map_err(unfit)
}

fn entry(cell: &Row) -> Option<PortableEntry> {
    let amount = cell.number("amount");
    let (verb, value) = match cell.text("type").as_str() {
        "SKIPPED" => (Verb::Skip, None),
        "MISSED" if cell.text("source") == "engine" => return None,
        "MISSED" => (Verb::Lapse, amount),
        "FULL" | "PARTIAL" if amount.is_some() => (Verb::Set, amount),
        "PARTIAL" => (Verb::Partial, cell.number("partial_percent")),
        "FULL" => (Verb::Full, None),
        // Loop has no days with a note alone.
        _ => return None,
    };
    let date = repair::parse_date(&cell.text("date"))?;
    Some(PortableEntry { value, note: cell.opt_text("note"), ..PortableEntry::new(date, verb) })
}

#[cfg(test)]
mod tests;
