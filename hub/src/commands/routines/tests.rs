#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod breaks;
mod making;

use std::collections::BTreeMap;

use kairos_core::command::{Command, Outcome, When, Wish as Any};
use kairos_core::fold::Status as Cell;
use kairos_core::ids::{DeviceId, HabitId, RunId};
use kairos_core::principal::Via;
use kairos_core::routine::{Answer, MAX_STEPS, Move, Place, Status, StepResult};
use kairos_core::schema::{COMPLETION_EVENTS, COMPLETIONS, ROUTINE_EXECUTIONS};
use kairos_core::today::items;
use kairos_core::value::Value;

use super::super::tests::{House, NOON, button, code, person};
use super::*;

fn fields(pairs: &[(&str, Value)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn place(habit: &HabitId) -> Place {
    Place { habit: habit.clone(), seconds: None, variants: None }
}

fn step(result: StepResult, value: Option<f64>) -> Move {
    Move::Step(Answer { result, value, note: None, habit: None })
}

fn done() -> Move {
    Move::Step(Answer::done())
}

struct Scene {
    house: House,
    ada: Principal,
    habits: Vec<HabitId>,
    routine: RoutineId,
}

impl Scene {
    /// A routine of so many habits; the first is counted.
    async fn of(count: usize) -> Self {
        let house = House::new().await;
        let ada = person("ada");
        let mut habits = Vec::new();
        for n in 0..count {
            let name = ("name", Value::from(format!("Habit {n}")));
            let counted = [name.clone(), ("kind", "measurable".into()), ("target_value", Value::Real(8.0))];
            habits.push(if n == 0 { house.habit(&ada, &counted).await } else { house.habit(&ada, &[name]).await });
        }
        let routine = RoutineId::new("morning").unwrap();
        let scene = Self { house, ada, habits, routine };
        let wish = Wish::Add { id: scene.routine.clone(), fields: fields(&[("name", "Morning".into())]) };
        assert_eq!(scene.wish(wish).await.outcome, Outcome::Applied);
        assert_eq!(scene.arrange(&(0..count).collect::<Vec<_>>()).await.outcome, Outcome::Applied);
        scene
    }

    async fn wish(&self, wish: Wish) -> Receipt {
        self.house.wish(&self.ada, Any::Routine(wish)).await
    }

    async fn arrange(&self, order: &[usize]) -> Receipt {
        let steps = order.iter().map(|n| place(&self.habits[*n])).collect();
        self.wish(Wish::Arrange { id: self.routine.clone(), steps }).await
    }

    /// Starts the routine; gives the run.
    async fn start(&self) -> RunId {
        let id = self.house.id();
        let wish = Wish::Start { routine: self.routine.clone(), variant: None, when: When::Arrival };
        let command = Command { id: id.clone(), by: self.ada.clone(), wish: Any::Routine(wish) };
        assert_eq!(self.house.door.submit(command).await.unwrap().outcome, Outcome::Applied);
        RunId::of(&self.ada.author(), &id)
    }

    async fn start_anew(&self, run: &RunId) -> RunId {
        self.go(run, Move::Abandon).await;
        self.start().await
    }

    async fn go(&self, run: &RunId, what: Move) -> Receipt {
        self.wish(Wish::Move { run: run.clone(), what, when: When::Arrival }).await
    }

    async fn row(&self, table: &'static Table, id: &str) -> Row {
        let id = id.to_owned();
        self.house.store.read(move |snapshot| snapshot.row(table, &id)).await.unwrap().unwrap()
    }

    async fn status(&self, run: &RunId) -> Status {
        Status::parse(&self.row(&ROUTINE_EXECUTIONS, run.as_str()).await.text("status")).unwrap()
    }

    /// Sort keys by habit, of the steps that are there.
    async fn keys(&self) -> BTreeMap<String, (String, i64)> {
        let id = self.routine.to_string();
        let read = self.house.store.read(move |snapshot| snapshot.rows_where(&ROUTINE_HABITS, "routine_id", &id));
        let step = |row: Row| (row.text("habit_id"), (row.text("sort_key"), row.integer("order_index").unwrap()));
        read.await.unwrap().into_iter().map(step).collect()
    }

    /// Today's status and value of each habit.
    async fn day(&self) -> Vec<(Option<Cell>, Option<f64>)> {
        let (scopes, day) = (self.ada.scopes.clone(), "2026-11-24".parse().unwrap());
        let mut rows = self.house.store.read(move |snapshot| snapshot.day(&scopes, day)).await.unwrap();
        let items = items(&mut rows, &kairos_core::plan::Person::of(None), day);
        let of = |id: &HabitId| items.iter().find(|item| item.habit_id == id.as_str());
        self.habits.iter().map(|id| of(id).map_or((None, None), |item| (item.status, item.value))).collect()
    }
}

#[tokio::test]
async fn nothing_is_recorded_before_the_end_and_everything_then() {
    let scene = Scene::of(4).await;
    let run = scene.start().await;
    for what in [step(StepResult::Done, Some(3.0)), done(), step(StepResult::Partial, Some(40.0))] {
        assert_eq!(scene.go(&run, what).await.outcome, Outcome::Applied);
    }
    scene.go(&run, step(StepResult::Skip, None)).await;
    assert_eq!(scene.house.count(&COMPLETION_EVENTS).await, 0, "steps are only noted");
    assert_eq!(code(&scene.go(&run, done()).await), RejectionCode::Conflict, "no step is left");

    let before = scene.house.store.feed().head();
    let receipt = scene.go(&run, Move::Finish).await;
    assert_eq!(receipt.outcome, Outcome::Applied);
    assert_eq!(receipt.seq, before + 9, "the run, four events and four cells in one commit");
    assert_eq!(
        scene.day().await,
        [
            (Some(Cell::Partial), Some(3.0)),
            (Some(Cell::Full), None),
            (Some(Cell::Partial), None),
            (Some(Cell::Skipped), None)
        ]
    );
    // Said again, by anybody, it adds nothing.
    assert_eq!(scene.go(&run, Move::Finish).await.outcome, Outcome::Unchanged);
    assert_eq!(code(&scene.go(&run, Move::Abandon).await), RejectionCode::Conflict);
    assert_eq!(scene.house.count(&COMPLETION_EVENTS).await, 4);
    assert_eq!(scene.house.count(&COMPLETIONS).await, 4);
}

#[tokio::test]
async fn a_run_that_is_left_records_nothing() {
    let scene = Scene::of(2).await;
    let run = scene.start().await;
    scene.go(&run, done()).await;
    assert_eq!(scene.go(&run, Move::Abandon).await.outcome, Outcome::Applied);
    assert_eq!(scene.status(&run).await, Status::Abandoned);
    assert_eq!(scene.house.count(&COMPLETION_EVENTS).await, 0);
    assert_eq!(code(&scene.go(&run, Move::Finish).await), RejectionCode::Conflict);
}

#[tokio::test]
async fn deeds_count_for_the_day_of_their_step() {
    let scene = Scene::of(2).await;
    scene.house.clock.set(NOON + 13 * 3_600_000 + 3_500_000); // 23:58:20
    let run = scene.start().await;
    scene.go(&run, done()).await;
    scene.house.clock.set(NOON + 14 * 3_600_000 + 60_000); // 00:01
    scene.go(&run, done()).await;
    scene.go(&run, Move::Finish).await;
    let dates = scene.house.store.read(|snapshot| {
        let rows = snapshot.rows_where(&COMPLETION_EVENTS, "user_id", "ada")?;
        Ok(rows.iter().map(|row| (row.text("habit_id"), row.text("date"))).collect::<BTreeMap<_, _>>())
    });
    let dates = dates.await.unwrap();
    assert_eq!(dates[scene.habits[0].as_str()], "2026-11-24");
    assert_eq!(dates[scene.habits[1].as_str()], "2026-11-25");
}

#[tokio::test]
async fn a_routine_needs_two_habits_that_can_be_done() {
    let scene = Scene::of(2).await;
    let start = || Wish::Start { routine: scene.routine.clone(), variant: None, when: When::Arrival };
    scene.house.wish(&scene.ada, Any::DeleteHabit { id: scene.habits[0].clone() }).await;
    let receipt = scene.wish(start()).await;
    match &receipt.outcome {
        Outcome::Rejected(rejection) => {
            assert_eq!((rejection.code, rejection.field.as_deref()), (RejectionCode::Conflict, Some("steps")));
        }
        other => panic!("{other:?}"),
    }
    let archived = Wish::Edit { id: scene.routine.clone(), fields: fields(&[("status", "ARCHIVED".into())]) };
    scene.wish(archived).await;
    assert_eq!(code(&scene.wish(start()).await), RejectionCode::Conflict);
}

#[tokio::test]
async fn habits_that_go_meanwhile_are_stepped_over() {
    let scene = Scene::of(4).await;
    let run = scene.start().await;
    scene.go(&run, done()).await;
    scene.house.wish(&scene.ada, Any::DeleteHabit { id: scene.habits[1].clone() }).await;
    let archive = Any::EditHabit { id: scene.habits[2].clone(), fields: fields(&[("status", "ARCHIVED".into())]) };
    scene.house.wish(&scene.ada, archive).await;
    // What was noted of the first stays noted, and its deletion afterwards takes only it away.
    scene.house.wish(&scene.ada, Any::DeleteHabit { id: scene.habits[0].clone() }).await;
    scene.go(&run, done()).await;
    assert_eq!(code(&scene.go(&run, done()).await), RejectionCode::Conflict);
    assert_eq!(scene.go(&run, Move::Finish).await.outcome, Outcome::Applied);
    assert_eq!(scene.house.count(&COMPLETION_EVENTS).await, 1);
    assert_eq!(scene.day().await[3].0, Some(Cell::Full));
}

#[tokio::test]
async fn starting_another_lets_the_running_one_wait() {
    let scene = Scene::of(3).await;
    let evening = RoutineId::new("evening").unwrap();
    scene.wish(Wish::Add { id: evening.clone(), fields: fields(&[("name", "Evening".into())]) }).await;
    let steps = scene.habits[1..].iter().map(place).collect();
    scene.wish(Wish::Arrange { id: evening.clone(), steps }).await;

    let first = scene.start().await;
    let again = Wish::Start { routine: scene.routine.clone(), variant: None, when: When::Arrival };
    assert_eq!(scene.wish(again).await.outcome, Outcome::Unchanged, "it runs already");
    scene.house.clock.set(NOON + 60_000);
    let other = Wish::Start { routine: evening, variant: None, when: When::Arrival };
    assert_eq!(scene.wish(other).await.outcome, Outcome::Applied);
    let row = scene.row(&ROUTINE_EXECUTIONS, first.as_str()).await;
    assert_eq!((row.text("status").as_str(), row.integer("paused_at")), ("PAUSED", Some(NOON + 60_000)));
    // Stepping on goes on with the first, and now the second waits.
    scene.house.clock.set(NOON + 90_000);
    assert_eq!(scene.go(&first, done()).await.outcome, Outcome::Applied);
    let row = scene.row(&ROUTINE_EXECUTIONS, first.as_str()).await;
    assert_eq!((row.text("status").as_str(), row.integer("total_paused_seconds")), ("IN_PROGRESS", Some(30)));
    let running = scene.house.store.read(|snapshot| snapshot.rows_where(&ROUTINE_EXECUTIONS, "status", "IN_PROGRESS"));
    assert_eq!(running.await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_run_left_for_a_day_waits_and_can_go_on() {
    let scene = Scene::of(2).await;
    let run = scene.start().await;
    scene.go(&run, done()).await;
    scene.house.clock.set(NOON + 50 * 3_600_000);
    assert_eq!(scene.go(&run, Move::Pause).await.outcome, Outcome::Unchanged, "it is found paused");
    let device = button("ada", "d");
    let next = Wish::Next { routine: scene.routine.clone(), when: When::Arrival };
    let late = scene.house.wish(&device, Any::Routine(next)).await;
    assert_eq!(code(&late), RejectionCode::Conflict, "a button does not wake what was left yesterday");
    assert_eq!(scene.go(&run, Move::Resume).await.outcome, Outcome::Applied);
    let row = scene.row(&ROUTINE_EXECUTIONS, run.as_str()).await;
    assert_eq!(row.integer("total_paused_seconds"), Some(50 * 3600));
}

#[tokio::test]
async fn a_button_starts_steps_and_finishes() {
    let scene = Scene::of(2).await;
    let device = button("ada", "d");
    let press = |id: &str, wish: Wish| Command {
        id: CommandId::new(id).unwrap(),
        by: device.clone(),
        wish: Any::Routine(wish),
    };
    let start = || Wish::Start { routine: scene.routine.clone(), variant: None, when: When::Before(5000) };
    let next = || Wish::Next { routine: scene.routine.clone(), when: When::Arrival };
    let door = &scene.house.door;
    assert_eq!(code(&door.submit(press("b:0", next())).await.unwrap()), RejectionCode::Conflict, "nothing runs");
    for (id, wish) in [("b:1", start()), ("b:2", next()), ("b:2", next()), ("b:3", next()), ("b:3", next())] {
        assert_eq!(door.submit(press(id, wish)).await.unwrap().outcome, Outcome::Applied, "{id}");
    }
    assert_eq!(scene.day().await, [(Some(Cell::Partial), Some(1.0)), (Some(Cell::Full), None)]);
    let run = RunId::of(&device.author(), &CommandId::new("b:1").unwrap());
    let row = scene.row(&ROUTINE_EXECUTIONS, run.as_str()).await;
    assert_eq!((row.text("status").as_str(), row.integer("started_at")), ("COMPLETED", Some(NOON - 5000)));
    let events = scene.house.store.read(|snapshot| snapshot.rows_where(&COMPLETION_EVENTS, "device_id", "d"));
    assert_eq!(events.await.unwrap().len(), 2, "the button's deeds");
}

#[tokio::test]
async fn steps_are_checked_by_name() {
    let scene = Scene::of(2).await;
    let field = |receipt: Receipt| match receipt.outcome {
        Outcome::Rejected(rejection) => rejection.field.unwrap_or_default(),
        other => panic!("{other:?}"),
    };
    let arrange = |steps: Vec<Place>| scene.wish(Wish::Arrange { id: scene.routine.clone(), steps });
    let [a, b] = [place(&scene.habits[0]), place(&scene.habits[1])];
    assert_eq!(field(arrange(vec![a.clone(), a.clone()]).await), "steps[1].habit_id");
    assert_eq!(field(arrange(vec![place(&HabitId::new("none").unwrap())]).await), "steps[0].habit_id");
    let long = Place { seconds: Some(0), ..b.clone() };
    assert_eq!(field(arrange(vec![a.clone(), long]).await), "steps[1].override_duration_seconds");
    let odd = Place { variants: Some(vec![VariantId::new("v").unwrap()]), ..b.clone() };
    assert_eq!(field(arrange(vec![odd]).await), "steps[0].variant_ids");
    assert_eq!(field(arrange(vec![a; MAX_STEPS + 1]).await), "steps");

    let run = scene.start().await;
    for (what, name) in [
        (step(StepResult::Partial, None), "value"),
        (step(StepResult::Partial, Some(100.0)), "value"),
        (step(StepResult::Skip, Some(1.0)), "value"),
        (step(StepResult::Done, Some(f64::NAN)), "value"),
        (Move::Step(Answer { note: Some("x".repeat(100_000)), ..Answer::done() }), "note"),
        (Move::Step(Answer { habit: Some(scene.habits[1].clone()), ..Answer::done() }), "habit_id"),
    ] {
        assert_eq!(field(scene.go(&run, what).await), name);
    }
}

#[tokio::test]
async fn the_longest_run_fits_its_row_and_notes_are_bounded_together() {
    let scene = Scene::of(MAX_STEPS).await;
    let run = scene.start().await;
    let note = |length: usize| {
        Move::Step(Answer { note: Some("\u{1f600}".repeat(length)), value: Some(123_456_789.25), ..Answer::done() })
    };
    scene.go(&run, note(1800)).await;
    scene.go(&run, note(1000)).await;
    let refused = scene.go(&run, note(1500)).await;
    match refused.outcome {
        Outcome::Rejected(rejection) => assert_eq!(rejection.field.as_deref(), Some("note")),
        other => panic!("{other:?}"),
    }
    let run = scene.start_anew(&run).await;
    for _ in 0..MAX_STEPS {
        assert_eq!(scene.go(&run, step(StepResult::Done, Some(123_456_789.25))).await.outcome, Outcome::Applied);
    }
    assert_eq!(scene.go(&run, Move::Finish).await.outcome, Outcome::Applied);
    assert_eq!(scene.house.count(&COMPLETION_EVENTS).await, MAX_STEPS);
}

#[tokio::test]
async fn a_variant_takes_its_own_steps() {
    let scene = Scene::of(4).await;
    let short = VariantId::new("short").unwrap();
    let named = fields(&[("name", "Short".into()), ("is_default", Value::Integer(1))]);
    let add =
        |id: &VariantId| Wish::AddVariant { id: id.clone(), routine: scene.routine.clone(), fields: named.clone() };
    assert_eq!(scene.wish(add(&short)).await.outcome, Outcome::Applied);
    let mut steps: Vec<Place> = scene.habits.iter().map(place).collect();
    steps[1].variants = Some(vec![]);
    steps[2].variants = Some(vec![short.clone()]);
    steps[3].variants = Some(vec![]);
    scene.wish(Wish::Arrange { id: scene.routine.clone(), steps }).await;
    let run = scene.start().await;
    let row = scene.row(&ROUTINE_EXECUTIONS, run.as_str()).await;
    assert_eq!(row.opt_text("variant_id").as_deref(), Some("short"), "the default one");
    let taken = kairos_core::routine::Run::of(&row).steps.into_iter().map(|step| step.habit_id).collect::<Vec<_>>();
    assert_eq!(taken, [scene.habits[0].clone(), scene.habits[2].clone()]);
    // Another default takes its place; bounds hold; one that goes leaves no trace in the steps.
    for n in 1..10 {
        let id = VariantId::new(format!("v{n}")).unwrap();
        assert_eq!(scene.wish(add(&id)).await.outcome, Outcome::Applied);
    }
    assert_eq!(scene.row(&ROUTINE_VARIANTS, "short").await.integer("is_default"), Some(0));
    assert_eq!(code(&scene.wish(add(&VariantId::new("v10").unwrap())).await), RejectionCode::Conflict);
    let delete = Wish::DeleteVariant { id: short.clone(), routine: scene.routine.clone() };
    assert_eq!(scene.wish(delete).await.outcome, Outcome::Applied);
    let id = scene.routine.to_string();
    let rows = scene.house.store.read(move |snapshot| snapshot.rows_where(&ROUTINE_HABITS, "routine_id", &id));
    assert!(rows.await.unwrap().iter().all(|row| !row.text("variant_ids").contains("short")));
}

#[tokio::test]
async fn a_deleted_routine_lets_its_run_end_well() {
    let scene = Scene::of(2).await;
    let run = scene.start().await;
    scene.go(&run, done()).await;
    assert_eq!(scene.wish(Wish::Delete { id: scene.routine.clone() }).await.outcome, Outcome::Applied);
    assert_eq!(scene.keys().await.len(), 0);
    assert_eq!(scene.go(&run, Move::Finish).await.outcome, Outcome::Applied);
    assert_eq!(scene.house.count(&COMPLETION_EVENTS).await, 1);
}
