//! Runs: begun, moved, and finished with all their deeds or none.

use std::collections::BTreeSet;

use kairos_core::change::Origin;
use kairos_core::command::{Deed, Outcome, Receipt, Rejection, RejectionCode, When};
use kairos_core::day::{Date, logical_day};
use kairos_core::event::TimeSource;
use kairos_core::ids::{CommandId, EventId, HabitId, RoutineId, RunId, VariantId};
use kairos_core::plan::Person;
use kairos_core::principal::{Principal, Via};
use kairos_core::repair;
use kairos_core::routine::{
    Answer, LEFT_AFTER, MIN_STEPS, Moment, Move, Refusal, Run, Status, Step, StepResult, found,
};
use kairos_core::row::Row;
use kairos_core::schema::{
    COMPLETION_EVENTS, HABITS, PAUSES, ROUTINE_EXECUTIONS, ROUTINE_HABITS, ROUTINE_VARIANTS, ROUTINES,
};
use kairos_core::scope::Scope;

use super::super::{applied, record, unchanged, visible};
use super::{parts, steps::read_variants};
use crate::runs::{Breaks, can_be_done};
use crate::store::{StoreError, Tx};

fn conflict(field: &str, message: impl Into<String>) -> StoreError {
    Rejection { field: Some(field.to_owned()), ..Rejection::new(RejectionCode::Conflict, message) }.into()
}

fn refused(refusal: Refusal) -> StoreError {
    let field = match refusal {
        Refusal::Ended => "status",
        Refusal::NothingLeft => "result",
        Refusal::AnotherStep => "habit_id",
    };
    conflict(field, refusal.to_string())
}

/// People and their buttons run routines; a mirror only shows.
fn require_run(by: &Principal, scope: &Scope) -> Result<(), StoreError> {
    if matches!(by.via, Via::Session | Via::Token | Via::Device(_)) && by.may_record(scope) {
        Ok(())
    } else {
        Err(Rejection::new(RejectionCode::Forbidden, "This screen only shows; it may not run a routine.").into())
    }
}

pub(super) fn start(
    tx: &mut Tx<'_>,
    by: &Principal,
    command: &CommandId,
    (routine, variant): (&RoutineId, Option<&VariantId>),
    when: When,
) -> Result<Receipt, StoreError> {
    let id = RunId::of(&by.author(), command);
    if tx.row(&ROUTINE_EXECUTIONS, id.as_str())?.is_some() {
        // Its first answer is forgotten, the run is not.
        return Ok(Receipt { repeated: true, ..applied(0) });
    }
    let owner = visible(tx, by, &ROUTINES, routine.as_str(), "routine")?;
    require_run(by, &owner.scope)?;
    if owner.text("status") == "ARCHIVED" {
        return Err(conflict("status", "This routine is archived; bring it back first."));
    }
    let variant = choose(tx, routine, variant)?;
    let steps = steps_of(tx, by, routine, variant.as_deref())?;
    if steps.len() < MIN_STEPS {
        let message = if parts(tx, &ROUTINE_HABITS, routine.as_str())?.len() < MIN_STEPS {
            format!("A routine needs at least {MIN_STEPS} habits before it can be started.")
        } else {
            format!(
                "A routine needs at least {MIN_STEPS} habits that can be done today; others of it are left out here, archived or on a break."
            )
        };
        return Err(conflict("steps", message));
    }
    for row in tx.runs_in_progress(&owner.scope)? {
        let same = row.text("routine_id") == routine.as_str() && row.opt_text("variant_id") == variant;
        // One who presses start twice means one run.
        if same && found(&row, &[], tx.now()).status == Status::InProgress {
            return Ok(unchanged());
        }
    }
    let (at, _) = record::moment(when, tx.now(), tx.is_guessing());
    pause_others(tx, &owner.scope, None, at)?;
    let mut row = Row::new(&ROUTINE_EXECUTIONS, id.as_str(), owner.scope, by.user.clone(), tx.now());
    let clock = tx.tick();
    row.stamp_all(&clock);
    row.set("routine_id", routine.as_str(), &clock);
    row.set("variant_id", variant, &clock);
    Run::start(steps, at).write(&mut row, &clock);
    Ok(applied(tx.put(&row, Origin::Local)?))
}

/// The way to take: the one that is named, else the default one, else all steps.
fn choose(tx: &Tx<'_>, routine: &RoutineId, named: Option<&VariantId>) -> Result<Option<String>, StoreError> {
    let mut variants = parts(tx, &ROUTINE_VARIANTS, routine.as_str())?.into_iter();
    let Some(named) = named else {
        return Ok(variants.filter(|row| row.integer("is_default") == Some(1)).map(|row| row.id).min());
    };
    match variants.find(|row| row.id == named.as_str()) {
        Some(row) => Ok(Some(row.id)),
        None => Err(Rejection::field("variant_id", "There is no such variant of this routine.").into()),
    }
}

/// A routine's steps in order, without those that cannot be done now.
fn steps_of(
    tx: &mut Tx<'_>,
    by: &Principal,
    routine: &RoutineId,
    variant: Option<&str>,
) -> Result<Vec<Step>, StoreError> {
    let mut rows = parts(tx, &ROUTINE_HABITS, routine.as_str())?;
    rows.sort_by_cached_key(|row| (row.text("sort_key"), row.id.clone()));
    let mut today = Today::of(tx, by)?;
    let mut steps = Vec::new();
    for row in rows {
        let here = match (variant, read_variants(&row)) {
            (Some(variant), Some(variants)) => variants.iter().any(|id| id == variant),
            _ => true,
        };
        let Ok(habit) = HabitId::new(row.text("habit_id")) else { continue };
        if !here || !today.is_open(tx, by, &habit)? {
            continue;
        }
        let estimate = tx.known(&HABITS, habit.as_str())?.and_then(|habit| habit.integer("estimated_seconds"));
        steps.push(Step::new(habit, row.integer("override_duration_seconds").or(estimate)));
    }
    Ok(steps)
}

/// The present day of a person, and who rests on it.
struct Today {
    person: Person,
    date: Date,
    breaks: Breaks,
}

impl Today {
    fn of(tx: &mut Tx<'_>, by: &Principal) -> Result<Self, StoreError> {
        let person = record::person(tx, &by.user)?;
        Ok(Self { date: person.today(tx.now()), person, breaks: Breaks::default() })
    }

    /// Whether a habit can be done.
    fn is_open(&mut self, tx: &mut Tx<'_>, by: &Principal, habit: &HabitId) -> Result<bool, StoreError> {
        let Some(row) = tx.known(&HABITS, habit.as_str())?.filter(|row| by.may_read(&row.scope)) else {
            return Ok(false);
        };
        let breaks = self.breaks.of(&row.scope, |scope| tx.rows_where(&PAUSES, "scope", &scope.to_string()))?;
        Ok(can_be_done(&repair::shown(&row), breaks, &self.person, self.date))
    }
}

fn alive(tx: &mut Tx<'_>, by: &Principal, run: &Run) -> Result<BTreeSet<HabitId>, StoreError> {
    let mut today = Today::of(tx, by)?;
    let mut found = BTreeSet::new();
    for step in &run.steps {
        if today.is_open(tx, by, &step.habit_id)? {
            found.insert(step.habit_id.clone());
        }
    }
    Ok(found)
}

/// A person has one run in progress: the others wait.
fn pause_others(tx: &mut Tx<'_>, scope: &Scope, keep: Option<&str>, at: i64) -> Result<(), StoreError> {
    for mut row in tx.runs_in_progress(scope)? {
        if keep == Some(row.id.as_str()) {
            continue;
        }
        let mut run = found(&row, &[], tx.now());
        // One that was left is found paused already, since it was left.
        run.apply(&Move::Pause, (at, TimeSource::Hub), &|_| true).map_err(refused)?;
        let clock = tx.tick();
        run.write(&mut row, &clock);
        tx.put(&row, Origin::Local)?;
    }
    Ok(())
}

/// A person has one run in progress, also when two began offline: the one that began last; the others wait.
pub(in crate::commands) fn settle_runs(tx: &mut Tx<'_>, written: &Row) -> Result<(), StoreError> {
    if written.deleted_at.is_some() || written.text("status") != "IN_PROGRESS" {
        return Ok(());
    }
    let running = tx.runs_in_progress(&written.scope)?;
    let last = running.iter().max_by_key(|row| (row.integer("started_at"), row.id.clone())).map(|row| row.id.clone());
    pause_others(tx, &written.scope, last.as_deref(), tx.now())
}

/// Moves a run.
pub(super) fn go(tx: &mut Tx<'_>, by: &Principal, id: &RunId, what: &Move, when: When) -> Result<Receipt, StoreError> {
    let row = visible(tx, by, &ROUTINE_EXECUTIONS, id.as_str(), "run")?;
    require_run(by, &row.scope)?;
    if let Move::Step(answer) = what {
        check(answer)?;
    }
    let mut run = found(&row, &tx.runs_in_progress(&row.scope)?, tx.now());
    let alive = alive(tx, by, &run)?;
    let at = record::moment(when, tx.now(), tx.is_guessing());
    if !run.apply(what, at, &|habit| alive.contains(habit)).map_err(refused)? {
        return Ok(unchanged());
    }
    save(tx, by, row, &run, at)
}

/// Goes on with the run a routine has: its step is done, and after the last one the run is finished.
pub(super) fn next(tx: &mut Tx<'_>, by: &Principal, routine: &RoutineId, when: When) -> Result<Receipt, StoreError> {
    let owner = visible(tx, by, &ROUTINES, routine.as_str(), "routine")?;
    require_run(by, &owner.scope)?;
    let not_running = || conflict("routine_id", "This routine is not running; start it first.");
    let in_progress = tx.runs_in_progress(&owner.scope)?;
    let running = in_progress.iter().filter(|row| row.text("routine_id") == routine.as_str());
    let row = match running.max_by_key(|row| (row.integer("started_at"), row.id.clone())) {
        Some(row) => row.clone(),
        None => tx.last_run(routine.as_str())?.ok_or_else(not_running)?,
    };
    let mut run = found(&row, &in_progress, tx.now());
    // A run that was left yesterday is nobody's to step on in passing.
    let left = tx.now().saturating_sub(row.updated_at()) >= LEFT_AFTER;
    if left || !matches!(run.status, Status::InProgress | Status::Paused) {
        return Err(not_running());
    }
    let alive = alive(tx, by, &run)?;
    let alive = |habit: &HabitId| alive.contains(habit);
    let at = record::moment(when, tx.now(), tx.is_guessing());
    if run.waiting(&alive).is_some() {
        run.apply(&Move::Step(Answer::done()), at, &alive).map_err(refused)?;
    }
    if run.waiting(&alive).is_none() {
        run.apply(&Move::Finish, at, &alive).map_err(refused)?;
    }
    save(tx, by, row, &run, at)
}

fn check(answer: &Answer) -> Result<(), StoreError> {
    let fits = match (answer.result, answer.value) {
        (StepResult::Done, Some(value)) => value > 0.0 && value <= record::MAX_VALUE,
        (StepResult::Partial, value) => value.is_some_and(|percent| (1.0..=99.0).contains(&percent)),
        (StepResult::Done | StepResult::Skip, value) => value.is_none(),
    };
    if !fits {
        let message =
            "value is an amount above zero for done, the percent from 1 to 99 for partial, and absent for skip.";
        return Err(Rejection::field("value", message).into());
    }
    if let (Some(note), Some(column)) = (&answer.note, COMPLETION_EVENTS.column("note")) {
        repair::check(column, &note.as_str().into())
            .map_err(|message| Rejection::field("note", format!("note {message}.")))?;
    }
    Ok(())
}

/// Writes a run that was moved. One that goes on lets the others wait; one that is finished records what was noted, all
/// of it in this transaction.
fn save(tx: &mut Tx<'_>, by: &Principal, mut row: Row, run: &Run, at: Moment) -> Result<Receipt, StoreError> {
    if run.status == Status::InProgress {
        pause_others(tx, &row.scope, Some(&row.id), at.0)?;
    }
    let clock = tx.tick();
    run.write(&mut row, &clock);
    // Fifty answered steps fit; what can grow beyond the column is what people write beside them.
    if repair::faults(&row).iter().any(|fault| fault.column == "step_results") {
        return Err(Rejection::field("note", "The notes of one run are too long together; shorten this one.").into());
    }
    let mut seq = tx.put(&row, Origin::Local)?;
    if run.status == Status::Completed {
        let id = RunId::new(row.id.as_str()).map_err(|_| Rejection::not_found("run"))?;
        for step in &run.steps {
            seq = record_step(tx, by, &id, step)?.max(seq);
        }
    }
    Ok(applied(seq))
}

fn record_step(tx: &mut Tx<'_>, by: &Principal, run: &RunId, step: &Step) -> Result<i64, StoreError> {
    let (Some((verb, value)), Some(at)) = (step.deed(), step.at) else { return Ok(0) };
    let habit = tx.known(&HABITS, step.habit_id.as_str())?;
    if !habit.is_some_and(|habit| habit.deleted_at.is_none() && by.may_read(&habit.scope)) {
        return Ok(0);
    }
    let person = record::person(tx, &by.user)?;
    // Each on its own day, when a run lasts past midnight; a clock that was put back must not stand in the way.
    let date = logical_day(at, &person.zone, person.day_start_min).min(person.today(tx.now()));
    let deed = Deed {
        habit: step.habit_id.clone(),
        verb,
        value,
        date: Some(date),
        when: When::At(at, step.time_source.unwrap_or(TimeSource::Hub)),
        undo_of: None,
        skip_reason: None,
        note: step.note.clone(),
        press_id: None,
    };
    match record::record_as(tx, by, EventId::of_run(run, &step.habit_id), &deed) {
        Ok(Receipt { seq, outcome: Outcome::Applied | Outcome::Unchanged, .. }) => Ok(seq),
        Ok(Receipt { outcome: Outcome::Rejected(rejection), .. }) => Err(rejection.into()),
        // A stuck button has filled this habit's day: one deed more or less tells nothing, and the others are kept.
        Err(StoreError::Rejected(rejection)) if rejection.code == RejectionCode::Conflict => Ok(0),
        Err(error) => Err(error),
    }
}
