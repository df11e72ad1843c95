//! Hubs whose clocks are days apart: nobody answers the other for ever, and who writes last is heard.

use std::time::Duration;

use kairos_core::schema::COMPLETION_EVENTS;
use kairos_tests::House;
use serde_json::json;

use super::houses::Houses;

const HABITS: usize = 4;

/// Two houses whose second has a clock nine days ahead, after all of it has settled.
async fn nine_days_apart() -> (Houses, Vec<String>) {
    let mut houses = Houses::with(2, &House::builder().clock("2026-12-01T12:00:00Z")).await;
    let mut habits = Vec::new();
    for n in 0..HABITS {
        habits.push(houses.homes[0].ada.habit(&format!("Habit {n}")).await);
    }
    houses.rest().await;
    let ahead = &mut houses.homes[1];
    ahead.house.kill().await;
    ahead.house.set_clock("2026-12-10T12:00:00Z");
    ahead.boot().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    (houses, habits)
}

/// Where each of two hubs did what its own clock says, one wrote down days that had passed, and the other took them back since
/// they had not come, with events that came before what they took back: a hundred a second.
#[tokio::test]
async fn hubs_whose_clocks_are_days_apart_do_not_answer_each_other_for_ever() {
    let (houses, _) = nine_days_apart().await;
    let copy = houses.rest().await;
    let engine = copy.living(&COMPLETION_EVENTS).filter(|row| row.text("source") == "engine").count();
    // Each of the nine days is written down once and taken back once, at most.
    assert!(engine > 0 && engine <= 2 * 9 * HABITS, "{engine} events");
}

/// A deed that was done in the house whose clock is ahead, and taken back in the other, is taken back.
#[tokio::test]
async fn what_was_done_by_a_clock_ahead_can_be_taken_back_by_one_that_is_right() {
    let (houses, habits) = nine_days_apart().await;
    let (right, ahead) = (&houses.homes[0], &houses.homes[1]);
    let day = json!({ "date": "2026-12-01" });
    let path = |verb: &str| format!("/api/habits/{}/{verb}", habits[0]);
    ahead.ada.post(&path("complete"), day.clone()).await;
    houses.rest().await;
    right.ada.post(&path("undo"), day.clone()).await;
    houses.rest().await;
    for home in &houses.homes {
        let days = home.ada.get(&format!("/api/habits/{}/days?from=2026-12-01&to=2026-12-01", habits[0])).await;
        assert!(!days.to_string().contains("FULL"), "{days}");
    }
}
