//! Who rests is stepped over: a habit on a break, or a person on vacation.

use kairos_core::schema::PAUSES;

use super::*;

impl Scene {
    /// A break from yesterday on: of one habit, or of all.
    async fn rests(&self, id: &str, habit: Option<&HabitId>, to: &str) {
        let mut all = fields(&[("from_date", "2026-11-23".into()), ("to_date", to.into())]);
        if let Some(habit) = habit {
            all.insert("habit_id".into(), habit.as_str().into());
        }
        let receipt = self.house.wish(&self.ada, Any::AddPause { id: id.into(), fields: all }).await;
        assert_eq!(receipt.outcome, Outcome::Applied);
    }

    async fn ends(&self, id: &str) {
        self.house.wish(&self.ada, Any::DeletePause { id: id.into() }).await;
    }

    async fn steps(&self, run: &RunId) -> Vec<HabitId> {
        let row = self.row(&ROUTINE_EXECUTIONS, run.as_str()).await;
        kairos_core::routine::Run::of(&row).steps.into_iter().map(|step| step.habit_id).collect()
    }

    async fn waiting(&self, run: &RunId) -> Option<usize> {
        let row = self.row(&ROUTINE_EXECUTIONS, run.as_str()).await;
        let (by, now) = (self.ada.clone(), self.house.clock.now());
        let read = self.house.store.read(move |snapshot| crate::runs::View::read(snapshot, &by, row, now));
        read.await.unwrap().waiting()
    }
}

#[tokio::test]
async fn a_habit_on_a_break_is_stepped_over_when_a_run_begins_and_while_it_goes_on() {
    let scene = Scene::of(4).await;
    scene.rests("own", Some(&scene.habits[0]), "2026-11-30").await;
    scene.rests("over", Some(&scene.habits[1]), "2026-11-23").await;
    let run = scene.start().await;
    assert_eq!(scene.steps(&run).await, scene.habits[1..]);
    scene.rests("meanwhile", Some(&scene.habits[1]), "2026-11-24").await;
    assert_eq!(scene.waiting(&run).await, Some(1));
    scene.go(&run, done()).await;
    scene.go(&run, done()).await;
    assert_eq!(scene.go(&run, Move::Finish).await.outcome, Outcome::Applied);
    let day: Vec<Option<Cell>> = scene.day().await.into_iter().map(|(cell, _)| cell).collect();
    assert_eq!(day, [None, None, Some(Cell::Full), Some(Cell::Full)]);
    assert_eq!(scene.house.count(&PAUSES).await, 3);
}

#[tokio::test]
async fn on_vacation_no_routine_begins_and_it_says_so() {
    let scene = Scene::of(3).await;
    let run = scene.start().await;
    scene.rests("all", None, "2026-11-30").await;
    assert_eq!(scene.waiting(&run).await, None);
    assert_eq!(code(&scene.go(&run, done()).await), RejectionCode::Conflict);
    scene.go(&run, Move::Abandon).await;
    let start = || Wish::Start { routine: scene.routine.clone(), variant: None, when: When::Arrival };
    match scene.wish(start()).await.outcome {
        Outcome::Rejected(rejection) => {
            assert_eq!((rejection.code, rejection.field.as_deref()), (RejectionCode::Conflict, Some("steps")));
            assert!(rejection.message.contains("on a break"), "{}", rejection.message);
        }
        other => panic!("{other:?}"),
    }
    scene.ends("all").await;
    assert_eq!(scene.wish(start()).await.outcome, Outcome::Applied);
}

#[tokio::test]
async fn a_step_takes_an_amount_above_zero() {
    let scene = Scene::of(2).await;
    let run = scene.start().await;
    for amount in [-5.0, 0.0, f64::NAN, 1e10] {
        match scene.go(&run, step(StepResult::Done, Some(amount))).await.outcome {
            Outcome::Rejected(rejection) => assert_eq!(rejection.field.as_deref(), Some("value"), "{amount}"),
            other => panic!("{amount}: {other:?}"),
        }
    }
    assert_eq!(scene.go(&run, step(StepResult::Done, Some(0.5))).await.outcome, Outcome::Applied);
}
