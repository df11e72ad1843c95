#![allow(clippy::unwrap_used, clippy::panic)]
use proptest::prelude::*;

use super::*;
use crate::hlc::Hlc;
use crate::ids::UserId;
use crate::schema::ROUTINE_EXECUTIONS;
use crate::scope::Scope;

const START: Millis = 1_795_514_400_000;

fn habit(n: usize) -> HabitId {
    HabitId::new(format!("h{n}")).unwrap()
}

fn run_of(count: usize) -> Run {
    Run::start((0..count).map(|n| Step::new(habit(n), Some(60))).collect(), START)
}

fn at(seconds: i64) -> Moment {
    (START + seconds * 1000, TimeSource::Hub)
}

fn alive(_: &HabitId) -> bool {
    true
}

fn answer(result: StepResult, named: Option<usize>) -> Move {
    let value = (result == StepResult::Partial).then_some(50.0);
    Move::Step(Answer { result, value, note: None, habit: named.map(habit) })
}

#[test]
fn a_table_of_moves() {
    use Refusal::{Ended, NothingLeft};
    let step = || answer(StepResult::Done, None);
    let table: Vec<(Vec<Move>, Result<bool, Refusal>, &str)> = vec![
        (vec![step()], Ok(true), "IN_PROGRESS 1"),
        (vec![step(), step()], Ok(true), "IN_PROGRESS 2"),
        (vec![step(), step(), step()], Err(NothingLeft), "IN_PROGRESS 2"),
        (vec![Move::Pause], Ok(true), "PAUSED 0"),
        (vec![Move::Pause, Move::Pause], Ok(false), "PAUSED 0"),
        (vec![Move::Pause, step()], Ok(true), "IN_PROGRESS 1"),
        (vec![Move::Pause, Move::Resume], Ok(true), "IN_PROGRESS 0"),
        (vec![Move::Resume], Ok(false), "IN_PROGRESS 0"),
        (vec![Move::Finish], Ok(true), "COMPLETED 0"),
        (vec![Move::Pause, Move::Finish], Ok(true), "COMPLETED 0"),
        (vec![Move::Finish, Move::Finish], Ok(false), "COMPLETED 0"),
        (vec![Move::Finish, Move::Abandon], Err(Ended), "COMPLETED 0"),
        (vec![Move::Finish, step()], Err(Ended), "COMPLETED 0"),
        (vec![Move::Finish, Move::Pause], Err(Ended), "COMPLETED 0"),
        (vec![Move::Abandon], Ok(true), "ABANDONED 0"),
        (vec![step(), Move::Pause, Move::Abandon], Ok(true), "ABANDONED 1"),
        (vec![Move::Abandon, Move::Abandon], Ok(false), "ABANDONED 0"),
        (vec![Move::Abandon, Move::Finish], Err(Ended), "ABANDONED 0"),
        (vec![Move::Abandon, Move::Resume], Err(Ended), "ABANDONED 0"),
    ];
    for (moves, expected, state) in table {
        let mut run = run_of(2);
        let mut last = Ok(false);
        for (n, what) in moves.iter().enumerate() {
            last = run.apply(what, at(i64::try_from(n).unwrap()), &alive);
        }
        assert_eq!(last, expected, "{moves:?}");
        assert_eq!(format!("{} {}", run.status.as_str(), run.current), state, "{moves:?}");
    }
}

#[test]
fn a_step_that_is_named_is_answered_once() {
    let mut run = run_of(3);
    assert_eq!(run.apply(&answer(StepResult::Done, Some(0)), at(1), &alive), Ok(true));
    assert_eq!(run.apply(&answer(StepResult::Skip, Some(0)), at(2), &alive), Ok(false), "another screen was first");
    assert_eq!(run.apply(&answer(StepResult::Done, Some(2)), at(3), &alive), Err(Refusal::AnotherStep));
    assert_eq!(run.apply(&answer(StepResult::Done, Some(9)), at(3), &alive), Err(Refusal::AnotherStep));
    assert_eq!(run.steps[0].result, Some(StepResult::Done));
    assert_eq!(run.current, 1);
}

#[test]
fn habits_that_are_gone_are_stepped_over() {
    let gone = |id: &HabitId| *id != habit(1) && *id != habit(3);
    let mut run = run_of(4);
    run.apply(&Move::Step(Answer::done()), at(1), &gone).unwrap();
    assert_eq!(run.waiting(&gone), Some(2));
    assert_eq!(run.waiting(&|_| false), None, "gone after the pointer was moved");
    run.apply(&Move::Step(Answer::done()), at(2), &gone).unwrap();
    assert_eq!((run.waiting(&gone), run.current), (None, 4));
    assert_eq!(run.apply(&Move::Step(Answer::done()), at(3), &gone), Err(Refusal::NothingLeft));
    assert_eq!(run.steps.iter().filter(|step| step.deed().is_some()).count(), 2);
}

#[test]
fn pauses_are_counted_and_the_step_keeps_its_time() {
    let mut run = run_of(2);
    run.apply(&Move::Pause, at(20), &alive).unwrap();
    assert_eq!((run.paused_at, run.remaining_seconds), (Some(START + 20_000), Some(40)));
    run.apply(&Move::Resume, at(120), &alive).unwrap();
    assert_eq!((run.paused_at, run.remaining_seconds, run.paused_seconds), (None, None, 100));
    run.apply(&Move::Pause, at(130), &alive).unwrap();
    assert_eq!(run.remaining_seconds, Some(30), "30 of its 60 seconds have passed");
    run.apply(&Move::Finish, at(140), &alive).unwrap();
    assert_eq!((run.paused_seconds, run.completed_at), (110, Some(START + 140_000)));
    // A clock that was put back.
    let mut run = run_of(2);
    run.apply(&Move::Pause, at(20), &alive).unwrap();
    run.apply(&Move::Resume, at(-500), &alive).unwrap();
    assert_eq!((run.paused_seconds, run.status), (0, Status::InProgress));
}

fn row(id: &str, run: &Run, wrote: Millis) -> Row {
    let user = UserId::new("ada").unwrap();
    let mut row = Row::new(&ROUTINE_EXECUTIONS, id, Scope::Person(user.clone()), user, wrote);
    let at = Hlc::parse(&format!("{:016x}-x", wrote << 16)).unwrap();
    row.stamp_all(&at);
    row.set("routine_id", "r", &at);
    run.write(&mut row, &at);
    row
}

#[test]
fn a_run_that_was_left_is_found_paused() {
    let run = run_of(2);
    let row = row("r", &run, START);
    assert_eq!(found(&row, &[], START + LEFT_AFTER - 1), run);
    let mut left = found(&row, &[], START + 3 * LEFT_AFTER);
    assert_eq!((left.status, left.paused_at, left.remaining_seconds), (Status::Paused, Some(START), Some(60)));
    left.apply(&Move::Resume, (START + 3 * LEFT_AFTER, TimeSource::Hub), &alive).unwrap();
    assert_eq!((left.status, left.paused_seconds), (Status::InProgress, 3 * 86_400));
}

#[test]
fn of_two_runs_that_began_apart_the_later_goes_on() {
    let (earlier, mut later) = (run_of(2), run_of(2));
    later.started_at += 5000;
    let both = [row("a", &earlier, START), row("b", &later, START + 5000)];
    let now = START + 9000;
    assert_eq!(found(&both[0], &both, now).status, Status::Paused);
    assert_eq!(found(&both[0], &both, now).paused_at, Some(START + 5000));
    assert_eq!(found(&both[1], &both, now).status, Status::InProgress);
}

#[test]
fn what_cannot_be_read_does_no_harm() {
    let mut odd = row("r", &run_of(2), START);
    let at = odd.hlc().unwrap().clone();
    for (steps, count) in [
        ("", 0),
        ("{}", 0),
        ("[1,null,{}]", 0),
        (r#"[{"habit_id":"h"},{"habit_id":""},{"habit_id":"i","result":"sung"}]"#, 1),
        (r#"[{"habit_id":"h","result":"done","at":5,"mood":"good"}]"#, 1),
    ] {
        odd.set("step_results", steps, &at);
        odd.set("current_step_index", 77_i64, &at);
        let run = Run::of(&odd);
        assert_eq!((run.steps.len(), run.current), (count, count), "{steps}");
    }
}

/// Everything that must be true of a run at any time.
fn is_valid(run: &Run) {
    assert_eq!(run.status == Status::Paused, run.paused_at.is_some());
    assert!(run.status == Status::Paused || run.remaining_seconds.is_none());
    let ended = matches!(run.status, Status::Completed | Status::Abandoned);
    assert_eq!(ended, run.completed_at.is_some());
    assert!(run.completed_at.is_none_or(|end| end >= run.started_at));
    assert!(run.current <= run.steps.len());
    assert!((0..=MAX_PAUSED).contains(&run.paused_seconds));
    assert!(run.remaining_seconds.is_none_or(|left| (0..=86_400).contains(&left)));
    for (place, step) in run.steps.iter().enumerate() {
        assert_eq!(step.result.is_some(), step.at.is_some());
        assert!(step.result.is_none() || place < run.current);
        assert_eq!(step.deed().is_some(), step.result.is_some());
    }
}

fn moves() -> impl Strategy<Value = Move> {
    let result = prop::sample::select(vec![StepResult::Done, StepResult::Partial, StepResult::Skip]);
    prop_oneof![
        6 => (result, prop::option::of(0_usize..6)).prop_map(|(result, named)| answer(result, named)),
        2 => Just(Move::Pause),
        2 => Just(Move::Resume),
        1 => Just(Move::Finish),
        1 => Just(Move::Abandon),
    ]
}

proptest! {
    /// Any moves at any times, habits coming and going, end in a valid state; what has ended stays as it ended, a move
    /// made twice changes nothing, and a row holds all of it.
    #[test]
    fn any_moves_end_in_a_valid_state(
        count in 0_usize..6,
        script in prop::collection::vec((moves(), -2_000_000_i64..200_000_000, 0_u8..64), 0..40),
    ) {
        let mut run = run_of(count);
        is_valid(&run);
        for (what, seconds, mask) in script {
            let alive = |id: &HabitId| mask & (1 << id.as_str()[1..].parse::<u8>().unwrap()) != 0;
            let before = run.clone();
            let made = run.apply(&what, at(seconds), &alive);
            is_valid(&run);
            if made != Ok(true) {
                prop_assert_eq!(&run, &before);
            }
            if before.completed_at.is_some() {
                prop_assert_eq!(&run, &before);
            }
            let twice = run.clone();
            let named = matches!(&what, Move::Step(answer) if answer.habit.is_none());
            if made.is_ok() && !named {
                prop_assert_eq!(run.apply(&what, at(seconds + 5), &alive), Ok(false));
                prop_assert_eq!(&run, &twice);
            }
            let kept = row("r", &run, START);
            prop_assert!(crate::repair::faults(&kept).is_empty(), "{:?}", crate::repair::faults(&kept));
            prop_assert_eq!(&Run::of(&kept), &run);
        }
    }
}
