//! Rows that meet: what lost, what follows, what is one row.

use super::*;

#[tokio::test]
async fn what_lost_is_kept_and_can_be_had_back() {
    let house = House::new().await;
    let ada = person("ada");
    let (phone, tablet) = (Phone::new("phone"), Phone::new("tablet"));
    phone.send(&house, "ada", vec![tea("h")]).await;
    let seen = json!({ "name": "Tea" });
    let at = |millis: i64| json!({ "at": millis });
    let mut late = patch("habits", "h", json!({ "name": "Green tea" }), seen.clone());
    late["metadata"] = at(NOON + 2000);
    let mut early =
        patch("habits", "h", json!({ "name": "Milk", "color": "red" }), json!({ "name": "Tea", "color": null }));
    early["metadata"] = at(NOON + 1000);
    assert_eq!(fates(&phone.send(&house, "ada", vec![late]).await), ["applied"]);
    let merged = tablet.send(&house, "ada", vec![early]).await;
    assert_eq!(fates(&merged), ["merged"]);
    let habit = house.row(&HABITS, "h").await;
    assert_eq!((habit.text("name").as_str(), habit.text("color").as_str()), ("Green tea", "red"));
    let entry = house.row(&CONFLICTS, &merged[0].conflicts[0]).await;
    assert_eq!((entry.text("kind").as_str(), entry.text("lost_value").as_str()), ("lost", "{\"name\":\"Milk\"}"));
    let wish = Wish::Settle { id: entry.id.clone(), how: Settlement::Restored };
    assert_eq!(house.wish(&ada, wish).await.outcome, Became::Applied);
    assert_eq!(house.row(&HABITS, "h").await.text("name"), "Milk");
}

#[tokio::test]
async fn a_deletion_of_what_was_edited_meanwhile_can_be_taken_back() {
    let house = House::new().await;
    let (phone, tablet) = (Phone::new("phone"), Phone::new("tablet"));
    phone.send(&house, "ada", vec![tea("h")]).await;
    phone.send(&house, "ada", vec![patch("habits", "h", json!({ "name": "Green" }), json!({ "name": "Tea" }))]).await;
    let mut gone = delete("habits", "h");
    gone["previous"] = json!({ "name": "Tea" });
    let outcome = tablet.send(&house, "ada", vec![gone]).await;
    assert_eq!(fates(&outcome), ["merged"]);
    assert!(house.row(&HABITS, "h").await.deleted_at.is_some());
    let wish = Wish::Settle { id: outcome[0].conflicts[0].clone(), how: Settlement::Restored };
    house.wish(&person("ada"), wish).await;
    let back = house.row(&HABITS, "h").await;
    assert_eq!((back.deleted_at, back.text("name").as_str()), (None, "Green"));
}

#[tokio::test]
async fn a_changed_habit_has_the_consequences_it_has_everywhere() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    let start = json!({ "start_date": "2026-11-01" });
    phone.send(&house, "ada", vec![tea("h"), patch("habits", "h", start, json!({ "start_date": null }))]).await;
    let changes = vec![
        patch("habits", "h", json!({ "frequency": "WEEKDAYS" }), json!({ "frequency": "DAILY" })),
        patch("habits", "h", json!({ "status": "PAUSED", "phase": "LAPSED" }), json!({ "status": "ACTIVE" })),
    ];
    assert_eq!(fates(&phone.send(&house, "ada", changes).await), ["applied", "applied"]);
    let habit = house.row(&HABITS, "h").await;
    assert_eq!((habit.integer("paused_at").is_some(), habit.text("phase").as_str()), (true, "ONBOARD"));
    assert_eq!(house.rows(&HABIT_SCHEDULES, "ada").await.len(), 2, "the past stays as it was");
    assert_eq!(house.rows(&PAUSES, "ada").await.len(), 1);
}

#[tokio::test]
async fn rows_with_natural_keys_are_one_row_whatever_phones_call_them() {
    let house = House::new().await;
    let (phone, tablet) = (Phone::new("phone"), Phone::new("tablet"));
    phone.send(&house, "ada", vec![tea("h1"), tea("h2"), put("routines", "r", json!({ "name": "Morning" }))]).await;
    for (n, device) in [&phone, &tablet].into_iter().enumerate() {
        let step = json!({ "routine_id": "r", "habit_id": "h1", "sort_key": format!("{}", n + 1) });
        let outcomes = device
            .send(
                &house,
                "ada",
                vec![
                    put("user_preferences", &format!("prefs{n}"), json!({ "theme": "DARK" })),
                    put("routine_habits", &format!("step{n}"), step),
                ],
            )
            .await;
        assert!(outcomes.iter().all(|outcome| outcome.result != Fate::Quarantined && outcome.id.is_some()));
    }
    assert_eq!(house.rows(&USER_PREFERENCES, "ada").await.len(), 1);
    let steps = house.rows(&ROUTINE_HABITS, "ada").await;
    assert_eq!((steps.len(), steps[0].text("sort_key").as_str()), (1, "2"));
    tablet.send(&house, "ada", vec![delete("routine_habits", "step0")]).await;
    assert_eq!(house.rows(&ROUTINE_HABITS, "ada").await.len(), 0, "also under the other's name");
}

#[tokio::test]
async fn of_two_runs_begun_offline_the_later_goes_on_and_the_other_waits() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    phone.send(&house, "ada", vec![put("routines", "r", json!({ "name": "Morning" }))]).await;
    let run = |id: &str, at: i64| {
        put("routine_executions", id, json!({ "routine_id": "r", "started_at": at, "status": "IN_PROGRESS" }))
    };
    phone.send(&house, "ada", vec![run("late", NOON - 1000)]).await;
    Phone::new("tablet").send(&house, "ada", vec![run("early", NOON - 9000)]).await;
    let status = |id: &'static str| async { house.row(&ROUTINE_EXECUTIONS, id).await.text("status") };
    assert_eq!((status("late").await.as_str(), status("early").await.as_str()), ("IN_PROGRESS", "PAUSED"));
}

#[tokio::test]
async fn a_row_cannot_be_made_or_moved_under_what_is_somebody_elses() {
    let house = House::new().await;
    let theirs = vec![tea("bos"), put("routines", "bos-routine", json!({ "name": "Morning" }))];
    Phone::new("bos").send(&house, "bo", theirs).await;
    let phone = Phone::new("phone");
    let own = vec![
        tea("h"),
        put("routines", "r", json!({ "name": "Evening" })),
        put("pauses", "p", json!({ "habit_id": "h", "from_date": "2026-12-01" })),
        put("pauses", "q", json!({ "from_date": "2026-12-01" })),
        put("habit_schedules", "s", json!({ "habit_id": "h", "valid_from": "2026-12-01" })),
        put("routine_habits", "rh", json!({ "routine_id": "r", "habit_id": "h", "sort_key": "V" })),
    ];
    assert_eq!(fates(&phone.send(&house, "ada", own).await), ["applied"; 6]);
    let head = house.store.feed().head();
    let moved = vec![
        patch("pauses", "p", json!({ "habit_id": "bos" }), json!({ "habit_id": "h" })),
        patch("pauses", "q", json!({ "habit_id": "bos" }), json!({ "habit_id": null })),
        patch("habit_schedules", "s", json!({ "habit_id": "bos" }), json!({ "habit_id": "h" })),
        patch("routine_habits", "rh", json!({ "habit_id": "bos" }), json!({ "habit_id": "h" })),
        patch("routine_habits", "rh", json!({ "routine_id": "bos-routine" }), json!({ "routine_id": "r" })),
        put("routine_habits", "rh2", json!({ "routine_id": "r", "habit_id": "bos", "sort_key": "V" })),
        put("routine_habits", "rh3", json!({ "routine_id": "bos-routine", "habit_id": "h", "sort_key": "V" })),
        put("pauses", "p2", json!({ "habit_id": "bos", "from_date": "2026-12-01" })),
        put("habit_schedules", "s2", json!({ "habit_id": "bos", "valid_from": "2026-12-01" })),
    ];
    assert_eq!(fates(&phone.send(&house, "ada", moved).await), ["quarantined"; 9]);
    let changes = house.store.read(move |snapshot| snapshot.changes_after(head, None, 1000)).await.unwrap();
    assert!(changes.iter().all(|change| change.table == "conflicts"), "nothing else was written");
}

#[tokio::test]
async fn a_habit_begins_as_it_does_everywhere() {
    let house = House::new().await;
    let mut paused = tea("h");
    paused["data"]["status"] = "PAUSED".into();
    Phone::new("phone").send(&house, "ada", vec![paused]).await;
    let habit = house.row(&HABITS, "h").await;
    assert_eq!((habit.text("start_date").as_str(), habit.integer("paused_at")), (TODAY, Some(NOON)));
    let breaks = house.rows(&PAUSES, "ada").await;
    assert_eq!(
        (breaks.len(), breaks[0].text("from_date").as_str()),
        (1, TODAY),
        "its own break says since when it rests"
    );
}
