//! What is measured, and how often: limits, quotas, and changes of them.

use kairos_core::plan::{Mark, stretch};
use kairos_core::statistics::{Rate, rate, streak};

use super::*;
use crate::store::Life;

impl House {
    async fn life(&self, habit: &HabitId) -> Life {
        let habit = habit.clone();
        self.store.read(move |snapshot| snapshot.life(&habit)).await.unwrap().unwrap()
    }

    async fn amount(&self, habit: &HabitId, value: f64) {
        let deed = Deed {
            habit: habit.clone(),
            verb: Verb::Set,
            value: Some(value),
            date: None,
            when: When::Arrival,
            undo_of: None,
            skip_reason: None,
            note: None,
            press_id: None,
        };
        self.wish(Wish::Record(deed)).await;
    }
}

#[tokio::test]
async fn days_over_a_limit_are_not_kept_and_three_of_them_make_an_offer() {
    let house = House::new("UTC", "2026-11-02T12:00:00Z").await;
    let limit: [(&str, Value); 3] =
        [("kind", "measurable".into()), ("target_type", "at_most".into()), ("target_value", 5.0.into())];
    let habit = house.habit(&limit).await;
    house.amount(&habit, 4.0).await;
    for day in ["2026-11-04", "2026-11-05", "2026-11-06"] {
        house.go_to(&format!("{day}T12:00:00Z")).await;
        house.amount(&habit, 100.0).await;
    }
    house.go_to("2026-11-07T12:00:00Z").await;
    let life = house.life(&habit).await;
    let day = |day: u8| -> Date { format!("2026-11-{day:02}").parse().unwrap() };
    assert_eq!(life.marks.get(&day(2)), Some(&Mark::Done));
    assert_eq!(life.marks.get(&day(5)), Some(&Mark::Lapsed));
    // The day on which nothing was said was kept.
    assert_eq!(rate(&life.plan, &life.marks, day(2), day(7), day(7)), Rate { done: 2, asked: 5 });
    assert_eq!(streak(&life.plan, &life.marks, day(7)).current, 0);
    assert!(house.missed(&habit).await.is_empty());
    assert_eq!(house.session(&habit).await.text("gap_start"), "2026-11-04");
    house.go_to("2026-11-08T12:00:00Z").await;
    let session = house.session(&habit).await;
    assert_eq!((session.text("answered_by"), session.text("gap_end")), ("deed".into(), "2026-11-07".into()));
}

#[tokio::test]
async fn half_of_a_rolling_quota_is_half_and_makes_no_offers() {
    for window in ["calendar", "rolling"] {
        let house = House::new("UTC", "2026-08-03T12:00:00Z").await; // a Monday
        let quota: [(&str, Value); 3] =
            [("freq_num", 2.into()), ("freq_den", 7.into()), ("freq_window", window.into())];
        let habit = house.habit(&quota).await;
        let monday: Date = "2026-08-03".parse().unwrap();
        for date in stretch(monday, Date::MAX).step_by(7).take(12) {
            house.go_to(&format!("{date}T12:00:00Z")).await;
            house.deed(&habit, Verb::Full, None).await;
        }
        house.go_to("2026-10-26T12:00:00Z").await;
        let (life, today) = (house.life(&habit).await, "2026-10-26".parse().unwrap());
        assert_eq!(rate(&life.plan, &life.marks, monday, today, today), Rate { done: 12, asked: 24 }, "{window}");
        assert_eq!(house.missed(&habit).await.len(), 12, "{window}");
        assert!(house.rows(&RECOVERY_SESSIONS).await.is_empty(), "{window}");
    }
}

#[tokio::test]
async fn another_unit_does_not_ask_again() {
    let house = House::new("UTC", "2026-11-02T12:00:00Z").await;
    let weekly: [(&str, Value); 4] =
        [("freq_num", 1.into()), ("freq_den", 7.into()), ("kind", "measurable".into()), ("target_value", 1.0.into())];
    let habit = house.habit(&weekly).await;
    house.go_to("2026-11-09T12:00:00Z").await;
    house.deed(&habit, Verb::Full, None).await;
    house.go_to("2026-11-11T12:00:00Z").await;
    let wednesday = "2026-11-11".parse().unwrap();
    for change in [("unit", "pages"), ("target_type", "at_most"), ("target_type", "at_least")] {
        house.edit(&habit, &[(change.0, change.1.into())]).await;
    }
    house.settled().await;
    let life = house.life(&habit).await;
    assert!(!life.plan.due(wednesday, &life.marks), "the week has its one");
    house.go_to("2026-11-16T12:00:00Z").await;
    assert_eq!(house.missed(&habit).await, ["2026-11-08"]);
}

#[tokio::test]
async fn a_journey_that_is_made_twice_is_excused_twice() {
    let (west, east) = ("Pacific/Pago_Pago", "Pacific/Kiritimati");
    // At noon it is the 24th here and the 25th there; at half past ten the 23rd and the 25th.
    for (now, from) in [("2026-11-24T12:00:00Z", "2026-11-24"), ("2026-11-24T10:30:00Z", "2026-11-23")] {
        let house = House::new(west, now).await;
        for zone in [east, west, east] {
            let fields: Fields = [("tz".to_owned(), Value::from(zone))].into();
            house.wish(Wish::EditProfile { fields }).await;
        }
        let breaks: Vec<(String, String)> =
            house.rows(&PAUSES).await.iter().map(|row| (row.text("from_date"), row.text("to_date"))).collect();
        assert_eq!(breaks, [(from.to_owned(), "2026-11-24".to_owned())]);
    }
}
