//! What a person said and did is not written over: not by the engine, not by late data, not by a change of the habit.

use super::*;

impl House {
    async fn say_of_day(&self, habit: &HabitId, verb: Verb, value: f64, date: &str) {
        let deed = Deed {
            habit: habit.clone(),
            verb,
            value: Some(value),
            date: Some(date.parse().unwrap()),
            when: When::Arrival,
            undo_of: None,
            skip_reason: None,
            note: None,
            press_id: None,
        };
        assert_eq!(self.wish(Wish::Record(deed)).await.outcome, Outcome::Applied);
    }

    async fn answer(&self, session: &Row, action: Recovery) {
        let answer = Saying { action, notes: None, blockers: None };
        let receipt = self.wish(Wish::Recover { session: session.id.clone(), answer }).await;
        assert_eq!(receipt.outcome, Outcome::Applied);
    }

    async fn pending(&self) -> Vec<String> {
        let rows = self.rows(&RECOVERY_SESSIONS).await;
        let waits = rows.iter().filter(|row| row.text("status") == "PENDING");
        waits.map(|row| row.text("gap_start")).collect()
    }
}

#[tokio::test]
async fn deeds_that_add_up_to_nothing_pass_once_and_the_engine_rests() {
    let house = House::new("UTC", "2026-11-20T12:00:00Z").await;
    let water = house.habit(&[("kind", "measurable".into()), ("target_value", 8.0.into())]).await;
    let read = house.habit(&[]).await;
    house.say_of_day(&water, Verb::Add, 1.0, "2026-11-20").await;
    house.say_of_day(&water, Verb::Add, -1.0, "2026-11-20").await;
    house.say_of_day(&read, Verb::Set, 0.0, "2026-11-20").await;
    house.go_to("2026-11-21T12:00:00Z").await;
    let head = house.store.feed().head();
    house.settled().await;
    tokio::time::sleep(GATHER * 3).await;
    assert_eq!(house.store.feed().head(), head, "nothing more is written");
    for habit in [&water, &read] {
        assert_eq!(house.missed(habit).await, ["2026-11-20"]);
    }
    // A late glass is a glass.
    house.say_of_day(&water, Verb::Add, 1.0, "2026-11-20").await;
    house.settled().await;
    assert_eq!(house.days(&water).await["2026-11-20"], "PARTIAL");
}

#[tokio::test]
async fn who_has_said_how_to_go_on_is_not_asked_again_because_of_late_data() {
    for late in ["2026-11-05", "2026-11-08", "2026-11-13"] {
        let house = House::new("UTC", "2026-10-10T12:00:00Z").await;
        let habit = house.habit(&[]).await;
        house.clock.set(at("2026-11-04T12:00:00Z"));
        for day in stretch_of("2026-10-10", "2026-11-04") {
            house.deed(&habit, Verb::Full, Some(&day)).await;
        }
        house.go_to("2026-11-15T12:00:00Z").await;
        assert_eq!(
            (house.phase(&habit).await, house.pending().await),
            ("RELAPSED".into(), vec!["2026-11-05".to_owned()])
        );
        // The engine may have looked while the deeds of those weeks came in, and taken back what it thought then.
        let rows = house.rows(&RECOVERY_SESSIONS).await;
        let session = rows.into_iter().find(|row| row.text("status") == "PENDING").unwrap();
        house.answer(&session, Recovery::FreshStart).await;
        house.settled().await;
        house.deed(&habit, Verb::Full, Some(late)).await;
        house.settled().await;
        assert_eq!(house.phase(&habit).await, "FORMING", "{late}");
        assert!(house.pending().await.is_empty(), "{late}: {:?}", house.pending().await);
        let rows = house.rows(&RECOVERY_SESSIONS).await;
        let said = rows.iter().find(|row| row.id == session.id).unwrap();
        assert_eq!((said.text("action"), said.text("answered_by")), ("FRESH_START".into(), "person".into()), "{late}");
    }
}

fn stretch_of(from: &str, to: &str) -> Vec<String> {
    kairos_core::plan::stretch(from.parse().unwrap(), to.parse().unwrap()).map(|day| day.to_string()).collect()
}

#[tokio::test]
async fn a_habit_that_becomes_another_kind_leaves_its_past_as_it_was() {
    let house = House::new("UTC", "2026-11-01T12:00:00Z").await;
    let habit = house.habit(&[]).await;
    house.go_to("2026-11-10T12:00:00Z").await;
    let before = (house.missed(&habit).await, house.pending().await);
    assert_eq!((before.0.len(), before.1.len()), (9, 1));
    house.edit(&habit, &[("kind", "avoid".into())]).await;
    house.settled().await;
    assert_eq!((house.missed(&habit).await, house.pending().await), before);
    // From today on a day without a word is kept.
    house.go_to("2026-11-20T12:00:00Z").await;
    assert_eq!(house.missed(&habit).await, before.0);
    house.edit(&habit, &[("kind", "measurable".into()), ("target_value", 3.0.into())]).await;
    house.go_to("2026-11-22T12:00:00Z").await;
    let missed = house.missed(&habit).await;
    assert_eq!(missed[9..], ["2026-11-20", "2026-11-21"]);
}

#[tokio::test]
async fn a_later_offer_of_help_leaves_those_that_were_made() {
    let house = House::new("UTC", "2026-11-01T12:00:00Z").await;
    let habit = house.habit(&[]).await;
    house.go_to("2026-11-05T12:00:00Z").await;
    house.deed(&habit, Verb::Full, None).await;
    house.settled().await;
    let before = house.session(&habit).await;
    assert_eq!((before.text("status"), before.text("answered_by")), ("COMPLETED".into(), "deed".into()));
    house.edit(&habit, &[("lapse_threshold_days", 5.into()), ("relapse_threshold_days", 9.into())]).await;
    house.go_to("2026-11-09T12:00:00Z").await;
    assert_eq!(house.session(&habit).await, before, "and three days make no other one");
    house.go_to("2026-11-12T12:00:00Z").await;
    assert_eq!(house.pending().await, ["2026-11-06"]);
}

#[tokio::test]
async fn a_deed_of_a_private_habit_counts_whatever_its_mode_says() {
    let house = House::new("UTC", "2026-11-01T12:00:00Z").await;
    let habit = house.habit(&[]).await;
    let id = habit.clone();
    let mode = move |tx: &mut crate::store::Tx<'_>| {
        let mut row = tx.row(&HABITS, id.as_str())?.unwrap();
        row.set("completion_mode", "EVERYONE", &tx.tick());
        tx.put(&row, Origin::Local)
    };
    house.store.write(mode).await.unwrap();
    house.deed(&habit, Verb::Full, None).await;
    house.go_to("2026-11-02T12:00:00Z").await;
    assert_eq!(house.days(&habit).await, BTreeMap::from([("2026-11-01".to_owned(), "FULL".to_owned())]));
}

#[tokio::test]
async fn an_offer_goes_with_its_habit_and_comes_back_with_it() {
    let house = House::new("UTC", "2026-11-01T12:00:00Z").await;
    let habit = house.habit(&[]).await;
    house.go_to("2026-11-06T12:00:00Z").await;
    assert_eq!(house.pending().await, ["2026-11-01"]);
    assert_eq!(house.wish(Wish::DeleteHabit { id: habit.clone() }).await.outcome, Outcome::Applied);
    house.settled().await;
    assert!(house.pending().await.is_empty());
    let id = habit.clone();
    let back = move |tx: &mut crate::store::Tx<'_>| {
        let mut row = tx.row(&HABITS, id.as_str())?.unwrap();
        row.set_deleted(None, &tx.tick());
        tx.put(&row, Origin::Local)
    };
    house.store.write(back).await.unwrap();
    tokio::time::sleep(GATHER * 2).await;
    house.settled().await;
    assert_eq!(house.pending().await, ["2026-11-01"]);
    let head = house.store.feed().head();
    tokio::time::sleep(GATHER * 2).await;
    assert_eq!(house.store.feed().head(), head, "and the engine rests");
}

#[tokio::test]
async fn schedules_of_an_older_version_say_what_held_before_it_changes() {
    let house = House::new("UTC", "2026-11-01T12:00:00Z").await;
    let habit = house.habit(&[]).await;
    house.go_to("2026-11-03T12:00:00Z").await;
    house.edit(&habit, &[("frequency", "WEEKDAYS".into())]).await;
    let older = |tx: &mut crate::store::Tx<'_>| {
        for mut row in tx.rows_where(&HABIT_SCHEDULES, "scope", "u:ada")? {
            for name in ["kind", "lapse_threshold_days", "relapse_threshold_days"] {
                row.set(name, Value::Null, &tx.tick());
            }
            tx.put(&row, Origin::Local)?;
        }
        Ok(())
    };
    house.store.write(older).await.unwrap();
    house.go_to("2026-11-10T12:00:00Z").await;
    let before = (house.missed(&habit).await, house.pending().await);
    assert_eq!(before.0.len(), 7);
    house.edit(&habit, &[("kind", "avoid".into()), ("lapse_threshold_days", 6.into())]).await;
    house.settled().await;
    assert_eq!((house.missed(&habit).await, house.pending().await), before);
}

#[tokio::test]
async fn days_told_before_a_habit_began_keep_their_measure() {
    let house = House::new("UTC", "2026-11-10T12:00:00Z").await;
    let habit = house.habit(&[("kind", "measurable".into()), ("target_value", 8.0.into())]).await;
    house.say_of_day(&habit, Verb::Set, 4.0, "2026-11-08").await;
    house.edit(&habit, &[("target_value", 4.0.into())]).await;
    assert_eq!(house.days(&habit).await["2026-11-08"], "PARTIAL");
    house.say_of_day(&habit, Verb::Add, 1.0, "2026-11-08").await;
    assert_eq!(house.days(&habit).await["2026-11-08"], "PARTIAL", "five of the eight of then");
    house.edit(&habit, &[("kind", "avoid".into())]).await;
    house.deed(&habit, Verb::Full, Some("2026-11-08")).await;
    assert_eq!(house.days(&habit).await["2026-11-08"], "PARTIAL", "one more, of the eight of then");
    house.settled().await;
    let lapse = house.deed(&habit, Verb::Lapse, Some("2026-11-08")).await;
    assert!(matches!(lapse.outcome, Outcome::Rejected(_)), "nothing to stay away from then");
}

#[tokio::test]
async fn what_another_hub_keeps_is_left_to_it_until_its_lease_ends() {
    let house = House::new("UTC", "2026-11-20T12:00:00Z").await;
    let habit = house.habit(&[]).await;
    house.settled().await;
    let scope = house.ada.scopes[0].clone();
    house.leases.is_kept_elsewhere(&scope, Duration::from_secs(2));
    house.clock.set(at("2026-11-24T12:00:00Z"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(house.missed(&habit).await.is_empty());
    // It is not renewed.
    house.settled().await;
    assert_eq!(house.missed(&habit).await.len(), 4);
    // And is given back before its end.
    house.leases.is_kept_elsewhere(&scope, Duration::from_secs(3600));
    house.clock.set(at("2026-11-25T12:00:00Z"));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(house.missed(&habit).await.len(), 4);
    house.leases.is_kept_here(&scope);
    house.settled().await;
    assert_eq!(house.missed(&habit).await.len(), 5);
}
