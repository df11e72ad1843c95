//! Queues: what comes through, what is a repetition, what is set aside.

use super::*;

#[tokio::test]
async fn what_a_phone_wrote_is_there() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    let outcomes = phone
        .send(
            &house,
            "ada",
            vec![
                tea("h1"),
                patch("habits", "h1", json!({ "color": "red", "mood": "calm" }), json!({ "color": null })),
                put("routines", "r1", json!({ "name": "Morning" })),
                put("pauses", "p1", json!({ "habit_id": "h1", "from_date": "2026-12-01", "to_date": "2026-12-05" })),
                json!({ "op": "PATCH", "table": "habits", "id": "h1", "data": {} }),
                json!({ "op": "PATCH", "table": "habits", "id": "h1" }),
                delete("routines", "r1"),
                delete("routines", "never"),
            ],
        )
        .await;
    assert_eq!(fates(&outcomes), ["applied"; 8]);
    let habit = house.row(&HABITS, "h1").await;
    assert_eq!((habit.text("color").as_str(), habit.extra["mood"].as_text()), ("red", Some("calm")));
    assert_eq!(habit.user_id.as_str(), "ada");
    assert!(house.row(&ROUTINES, "r1").await.deleted_at.is_some());
    assert_eq!(house.rows(&PAUSES, "ada").await.len(), 1);
    assert!(house.open_conflicts("ada").await.is_empty());
}

#[tokio::test]
async fn a_repetition_changes_nothing_with_numbers_or_without() {
    let house = House::new().await;
    for phone in [Phone::new("phone"), Phone::plain()] {
        let id = phone.client.unwrap_or("plain");
        phone.send(&house, "ada", vec![water(id)]).await;
        let add = json!({ "op": "PUT", "table": "completions", "id": format!("c-{id}"),
            "data": { "habit_id": id, "date": TODAY, "amount": 1, "type": "PARTIAL" },
            "metadata": "{\"verb\":\"add\",\"value\":1}" });
        let envelope = phone.envelope(vec![add, json!({ "op": "PUT", "table": "nonsense", "id": "x", "data": {} })]);
        let first = send(&house, "ada", envelope.clone()).await;
        assert_eq!(fates(&first), ["applied", "quarantined"]);
        let head = house.store.feed().head();
        for _ in 0..3 {
            let again = send(&house, "ada", envelope.clone()).await;
            assert_eq!(fates(&again), ["duplicate", "quarantined"]);
            assert_eq!(again[1].conflicts, first[1].conflicts);
        }
        assert_eq!(house.store.feed().head(), head, "nothing was written");
        assert_eq!(house.row(&COMPLETIONS, &cell(id)).await.number("amount"), Some(1.0));
    }
}

#[tokio::test]
async fn a_repetition_is_known_after_a_restart_and_after_long() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    phone.send(&house, "ada", vec![water("h")]).await;
    let add = json!({ "op": "PUT", "table": "completions", "id": "c", "metadata": { "verb": "add" },
        "data": { "habit_id": "h", "date": TODAY, "amount": 1, "type": "PARTIAL" } });
    let envelope = phone.envelope(vec![add]);
    send(&house, "ada", envelope.clone()).await;
    let house = house.reopened().await;
    assert_eq!(fates(&send(&house, "ada", envelope.clone()).await), ["duplicate"]);
    house.store.forget_answers(i64::MAX).await.unwrap();
    send(&house, "ada", envelope).await;
    assert_eq!(house.count(&COMPLETION_EVENTS).await, 1, "its event is known by its id");
}

#[tokio::test]
async fn a_queue_that_begins_anew_is_not_taken_for_the_old_one() {
    let house = House::new().await;
    Phone::new("phone").send(&house, "ada", vec![tea("h1"), day("c", "h1", json!({ "type": "FULL" }))]).await;
    let anew = Phone::new("phone");
    let outcomes = anew.send(&house, "ada", vec![tea("h2"), day("d", "h2", json!({ "type": "FULL" }))]).await;
    assert_eq!(fates(&outcomes), ["applied", "applied"]);
    assert_eq!(house.count(&COMPLETION_EVENTS).await, 2);
}

#[tokio::test]
async fn poison_is_set_aside_with_its_reason_and_the_rest_goes_through() {
    let house = House::new().await;
    Phone::new("bos").send(&house, "bo", vec![tea("bos")]).await;
    let before = house.row(&HABITS, "bos").await;
    let phone = Phone::new("phone");
    let poison = vec![
        tea("h"),
        put("passwords", "x", json!({})),
        put("habits", "x", json!({ "name": 7 })),
        put("habits", "y", json!({ "color": "red" })),
        put("habits", "z", json!({ "name": "Mine", "anchor_behavior": "x", "user_id": "bo" })),
        put("habits", "w", json!({ "name": "Mine", "anchor_behavior": "x", "scope": "u:bo" })),
        put("habits", "v", json!({ "name": "Mine", "anchor_behavior": "x", "household_id": "other" })),
        patch("habits", "bos", json!({ "name": "Stolen" }), json!({ "name": "Tea" })),
        delete("habits", "bos"),
        put("habits", "bos", json!({ "name": "Stolen", "anchor_behavior": "x" })),
        patch("habits", "nowhere", json!({ "name": "x" }), json!({})),
        day("c1", "bos", json!({ "type": "FULL" })),
        day("c2", "h", json!({ "type": "DONE" })),
        put("completions", "c3", json!({ "habit_id": "h", "date": "2027-01-01", "type": "FULL" })),
        put("completions", "c4", json!({ "habit_id": "h", "date": "tomorrow", "type": "FULL" })),
        put("completion_events", "e", json!({ "habit_id": "h", "date": TODAY, "verb": "full" })),
        put("users", "bo", json!({ "display_name": "Stolen" })),
        delete("users", "ada"),
        put("household_members", "m", json!({ "household_id": "other" })),
        put("devices", "d", json!({ "name": "x", "kind": "button" })),
        json!({ "op": "PUT", "table": "habits", "id": "a b", "data": {} }),
        json!("nonsense"),
        json!({ "op": "DROP", "table": "habits", "id": "h" }),
        patch("habits", "h", json!({ "color": "blue" }), json!({ "color": null })),
    ];
    let count = poison.len();
    let outcomes = send(&house, "ada", json!({ "client_id": "phone", "batch": poison })).await;
    assert_eq!(outcomes.len(), count);
    let odd: Vec<usize> = (1..count - 1).filter(|n| outcomes[*n].result != Fate::Quarantined).collect();
    assert!(odd.is_empty(), "{odd:?} {outcomes:?}");
    // Also what follows on a row of which something that nobody understands is set aside.
    assert_eq!((outcomes[0].result, outcomes[count - 1].result), (Fate::Applied, Fate::Applied));
    assert!(outcomes[1..count - 1].iter().all(|outcome| outcome.message.is_some() && outcome.conflicts.len() == 1));
    assert_eq!(house.row(&HABITS, "bos").await, before);
    assert!(house.open_conflicts("bo").await.is_empty());
    let phone_ops = phone.send(&house, "ada", vec![tea("h9")]).await;
    assert_eq!(fates(&phone_ops), ["applied"]);
}

#[tokio::test]
async fn nobody_removes_themselves_not_as_a_column_either() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    let profile = put("users", "ada", json!({ "display_name": "Ada" }));
    let gone = patch("users", "ada", json!({ "deleted_at": NOON }), json!({}));
    assert_eq!(fates(&phone.send(&house, "ada", vec![profile, gone]).await), ["applied", "quarantined"]);
    assert_eq!(house.row(&kairos_core::schema::USERS, "ada").await.deleted_at, None);
}

#[tokio::test]
async fn what_was_set_aside_is_submitted_again_in_its_order() {
    let house = House::new().await;
    let ada = person("ada");
    let phone = Phone::new("phone");
    let outcomes = phone
        .send(
            &house,
            "ada",
            vec![
                day("c1", "h", json!({ "type": "FULL" })),
                patch("completions", "c1", json!({ "note": "good" }), json!({ "note": null })),
            ],
        )
        .await;
    assert_eq!(fates(&outcomes), ["quarantined", "quarantined"]);
    let entry = outcomes[0].conflicts[0].clone();
    assert_eq!(outcomes[1].conflicts, outcomes[0].conflicts);
    let restore = || Wish::Settle { id: entry.clone(), how: Settlement::Restored };
    let receipt = house.wish(&ada, restore()).await;
    assert!(matches!(&receipt.outcome, Became::Rejected(rejection) if rejection.message.contains("no such habit")));
    assert_eq!(house.row(&CONFLICTS, &entry).await.text("status"), "OPEN");
    // The habit comes after all, from another phone.
    Phone::new("tablet").send(&house, "ada", vec![tea("h")]).await;
    let stranger = house.wish(&person("bo"), restore()).await;
    assert!(matches!(stranger.outcome, Became::Rejected(_)));
    assert_eq!(house.wish(&ada, restore()).await.outcome, Became::Applied);
    let done = house.row(&COMPLETIONS, &cell("h")).await;
    assert_eq!((done.text("type").as_str(), done.text("note").as_str(), done.deleted_at), ("FULL", "good", None));
    assert_eq!(house.row(&CONFLICTS, &entry).await.text("status"), "RESTORED");
    assert_eq!(house.wish(&ada, restore()).await.outcome, Became::Unchanged);
    let later = phone
        .send(&house, "ada", vec![patch("completions", "c1", json!({ "note": "x" }), json!({ "note": "good" }))])
        .await;
    assert_eq!(fates(&later), ["applied"], "nothing waits any more");
}

#[tokio::test]
async fn only_people_upload() {
    let house = House::new().await;
    let body = json!({ "batch": [tea("h")] }).to_string();
    let envelope = Arc::new(Envelope::parse(&serde_json::from_str(&body).unwrap()).unwrap());
    let button = crate::commands::tests::button("ada", "d1");
    assert!(matches!(house.door.upload(button, "s", envelope, ()).await, Err(StoreError::Rejected(_))));
}

#[tokio::test]
async fn done_undone_and_done_again_is_done_also_without_numbers() {
    let house = House::new().await;
    let phone = Phone::plain();
    phone.send(&house, "ada", vec![tea("h")]).await;
    for _ in 0..2 {
        phone.send(&house, "ada", vec![day("c", "h", json!({ "type": "FULL" }))]).await;
        assert_eq!(house.row(&COMPLETIONS, &cell("h")).await.deleted_at, None);
        phone.send(&house, "ada", vec![delete("completions", "c")]).await;
        assert!(house.row(&COMPLETIONS, &cell("h")).await.deleted_at.is_some());
    }
    phone.send(&house, "ada", vec![day("c", "h", json!({ "type": "FULL" }))]).await;
    assert_eq!(house.row(&COMPLETIONS, &cell("h")).await.deleted_at, None);
}

#[tokio::test]
async fn names_of_one_persons_clients_are_nobody_elses() {
    let house = House::new().await;
    for who in ["ada", "bo"] {
        let habit = format!("h-{who}");
        let outcomes =
            Phone::new("phone").send(&house, who, vec![tea(&habit), day("1", &habit, json!({ "type": "FULL" }))]).await;
        assert_eq!(fates(&outcomes), ["applied", "applied"], "{who}");
        let prefs = put("user_preferences", "1", json!({ "theme": "DARK" }));
        assert_eq!(fates(&Phone::new("tablet").send(&house, who, vec![prefs]).await), ["applied"], "{who}");
    }
}

#[tokio::test]
async fn one_broken_value_does_not_keep_the_good_ones_after_it() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    phone.send(&house, "ada", vec![tea("h")]).await;
    let name = |name: &str| patch("habits", "h", json!({ "name": name }), json!({ "name": "Tea" }));
    let colour = patch("habits", "h", json!({ "color": "red" }), json!({ "color": null }));
    let outcomes = phone.send(&house, "ada", vec![name(""), colour, name("Green tea")]).await;
    assert_eq!(fates(&outcomes), ["quarantined", "applied", "applied"]);
    let habit = house.row(&HABITS, "h").await;
    assert_eq!((habit.text("name").as_str(), habit.text("color").as_str()), ("Green tea", "red"));
    let left = house.row(&CONFLICTS, &outcomes[0].conflicts[0]).await;
    assert_eq!((left.text("status").as_str(), operations(&left)), ("OPEN", 1));
    // A second broken one joins the first.
    let again = phone.send(&house, "ada", vec![name(" ")]).await;
    assert_eq!((fates(&again), &again[0].conflicts), (vec!["quarantined"], &outcomes[0].conflicts));
}

/// How many operations an entry holds.
fn operations(entry: &Row) -> usize {
    serde_json::from_str::<Vec<Json>>(&entry.text("operations")).unwrap().len()
}

#[tokio::test]
async fn changes_of_a_row_whose_making_is_set_aside_wait_for_it_in_order() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    let colour = |colour: &str| patch("habits", "h", json!({ "color": colour }), json!({ "color": null }));
    let broken = put("habits", "h", json!({ "name": "", "anchor_behavior": "x" }));
    let outcomes = phone.send(&house, "ada", vec![broken, colour("red"), colour("blue")]).await;
    assert_eq!(fates(&outcomes), ["quarantined"; 3]);
    assert_eq!(outcomes[2].message.as_deref(), Some(WAITS));
    let entry = outcomes[0].conflicts[0].clone();
    assert_eq!(operations(&house.row(&CONFLICTS, &entry).await), 3);
    // A whole row takes the place of the broken one, and what follows on it is tried again.
    let whole = phone.send(&house, "ada", vec![tea("h"), colour("green")]).await;
    assert_eq!(fates(&whole), ["applied", "applied"]);
    assert_eq!(house.row(&CONFLICTS, &entry).await.text("status"), "OPEN", "it is there to be seen");
    // Submitted again, what can be applied is, as if it came now.
    let wish = Wish::Settle { id: entry.clone(), how: Settlement::Restored };
    assert_eq!(house.wish(&person("ada"), wish).await.outcome, Became::Applied);
    assert_eq!(house.row(&HABITS, "h").await.text("color"), "blue");
    assert_eq!(operations(&house.row(&CONFLICTS, &entry).await), 1, "the broken one is left");
}

#[tokio::test]
async fn a_deletion_puts_away_what_is_set_aside_of_its_row() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    let broken = |id: &str| put("habits", id, json!({ "name": "", "anchor_behavior": "x" }));
    let name = patch("habits", "there", json!({ "name": "" }), json!({ "name": "Tea" }));
    let mut made = tea("there");
    made["metadata"] = json!({ "at": NOON - 60_000 });
    let set_aside = phone.send(&house, "ada", vec![made, name, broken("not"), broken("soft")]).await;
    assert_eq!(fates(&set_aside), ["applied", "quarantined", "quarantined", "quarantined"]);
    let soft = patch("habits", "soft", json!({ "deleted_at": NOON }), json!({ "deleted_at": null }));
    let mut gone = vec![delete("habits", "there"), delete("habits", "not"), soft];
    // Written by a clock that is slow: its own queue says what came first.
    gone[0]["metadata"] = json!({ "at": NOON - 30_000 });
    assert_eq!(fates(&phone.send(&house, "ada", gone).await), ["applied"; 3]);
    assert!(house.row(&HABITS, "there").await.deleted_at.is_some());
    assert!(house.open_conflicts("ada").await.is_empty());
    for outcome in &set_aside[1..] {
        let entry = house.row(&CONFLICTS, &outcome.conflicts[0]).await;
        assert_eq!((entry.text("status").as_str(), operations(&entry)), ("DISMISSED", 1), "it can still be had back");
    }
}

#[tokio::test]
async fn a_deletion_leaves_what_was_set_aside_since_it_was_written() {
    let house = House::new().await;
    let (phone, tablet) = (Phone::new("phone"), Phone::new("tablet"));
    let at = |mut operation: Json, millis: i64| {
        operation["metadata"] = json!({ "at": millis });
        operation
    };
    let name = || patch("habits", "h", json!({ "name": "" }), json!({ "name": "Tea" }));
    phone.send(&house, "ada", vec![at(tea("h"), NOON - 60_000), at(tea("g"), NOON - 60_000), name()]).await;
    // Another phone deleted it before, and has not seen that.
    assert_eq!(fates(&tablet.send(&house, "ada", vec![at(delete("habits", "h"), NOON - 20_000)]).await), ["applied"]);
    assert_eq!(house.open_conflicts("ada").await.len(), 1);
    // One that comes after it has.
    house.clock.set(NOON + 60_000);
    assert_eq!(fates(&tablet.send(&house, "ada", vec![delete("habits", "h")]).await), ["applied"]);
    assert_eq!(house.open_conflicts("ada").await.len(), 0);
}

#[tokio::test]
async fn a_value_nobody_can_read_keeps_no_other_operation_back() {
    let house = House::new().await;
    let body = |number: &str| {
        format!(
            r#"{{"client_id":"phone","batch":[
            {{"op_id":1,"op":"PUT","table":"habits","id":"h","data":{{"name":"Tea \ud83d","anchor_behavior":"x"}}}},
            {{"op_id":2,"op":"PATCH","table":"habits","id":"h","data":{{"target_value":{number}}}}},
            {{"op_id":3,"op":"PATCH","table":"habits","id":"h","data":{{"color":"red"}}}}]}}"#
        )
    };
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    for (n, number) in ["1e999", &deep].into_iter().enumerate() {
        let outcomes = send_text(&house, "ada", &body(number)).await;
        let first = if n == 0 { "applied" } else { "duplicate" };
        assert_eq!(fates(&outcomes), [first, "quarantined", first]);
        assert!(outcomes[1].message.as_ref().unwrap().starts_with("It cannot be read: "), "{outcomes:?}");
        assert_eq!(send_text(&house, "ada", &body(number)).await[1].conflicts, outcomes[1].conflicts);
        let entry = house.row(&CONFLICTS, &outcomes[1].conflicts[0]).await;
        let kept: Vec<String> = serde_json::from_str(&entry.text("operations")).unwrap();
        assert!(kept.len() == 1 && kept[0].contains(number), "its text is kept");
        // It stays what it is, however often somebody tries.
        let wish = Wish::Settle { id: entry.id.clone(), how: Settlement::Restored };
        let Became::Rejected(rejection) = house.wish(&person("ada"), wish).await.outcome else { panic!("restored") };
        assert!(rejection.message.starts_with("It still cannot be applied: It cannot be read"), "{rejection:?}");
        assert_eq!(house.row(&CONFLICTS, &entry.id).await.text("status"), "OPEN");
    }
    let habit = house.row(&HABITS, "h").await;
    assert_eq!((habit.text("name").as_str(), habit.text("color").as_str()), ("Tea \u{fffd}", "red"));
}

#[tokio::test]
async fn values_that_break_a_rule_across_columns_are_set_aside_whole() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    let week = json!({ "from_date": "2026-12-01", "to_date": "2026-12-07" });
    phone.send(&house, "ada", vec![tea("h"), water("w"), put("pauses", "p", week.clone())]).await;
    let broken = vec![
        patch("habits", "h", json!({ "color": "red", "frequency": "CUSTOM" }), json!({ "frequency": "DAILY" })),
        patch("habits", "h", json!({ "frequency": "CUSTOM", "active_days": "[]" }), json!({})),
        patch("habits", "h", json!({ "lapse_threshold_days": 9 }), json!({ "lapse_threshold_days": 3 })),
        patch("habits", "h", json!({ "kind": "measurable" }), json!({ "kind": "boolean" })),
        patch("habits", "w", json!({ "target_value": null }), json!({ "target_value": 8 })),
        patch("pauses", "p", json!({ "to_date": "2026-11-30" }), json!({ "to_date": "2026-12-07" })),
        put("pauses", "q", json!({ "from_date": "2026-12-01", "to_date": "2026-11-30" })),
        put("habits", "n", json!({ "name": "x", "anchor_behavior": "x", "frequency": "CUSTOM" })),
    ];
    let outcomes = phone.send(&house, "ada", broken).await;
    assert_eq!(fates(&outcomes), ["quarantined"; 8], "{outcomes:?}");
    assert_eq!(outcomes[0].message.as_deref(), Some("active_days must list weekdays, such as [1,3,5]."));
    let habit = house.row(&HABITS, "h").await;
    assert_eq!((habit.text("color").as_str(), habit.text("frequency").as_str()), ("", "DAILY"));
    let fine = vec![
        patch("habits", "h", json!({ "frequency": "CUSTOM", "active_days": "[1,3]" }), json!({ "active_days": null })),
        put("pauses", "q", week),
    ];
    assert_eq!(fates(&phone.send(&house, "ada", fine).await), ["applied"; 2]);
}

#[tokio::test]
async fn a_form_may_write_one_column_after_the_other() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    let steps = vec![
        tea("h"),
        patch("habits", "h", json!({ "frequency": "CUSTOM" }), json!({ "frequency": "DAILY" })),
        patch("habits", "h", json!({ "active_days": "[2]" }), json!({ "active_days": null })),
        put("habits", "w", json!({ "name": "Water", "anchor_behavior": "x", "kind": "measurable" })),
        patch("habits", "w", json!({ "target_value": 8 }), json!({ "target_value": null })),
    ];
    assert_eq!(fates(&phone.send(&house, "ada", steps).await), ["applied"; 5]);
    let habit = house.row(&HABITS, "h").await;
    assert_eq!((habit.text("frequency").as_str(), habit.text("active_days").as_str()), ("CUSTOM", "[2]"));
}

#[tokio::test]
async fn a_wish_said_again_is_the_same_only_while_its_rows_stand_as_it_left_them() {
    let house = House::new().await;
    let plain = Phone::plain();
    let done = || vec![day("c", "h", json!({ "type": "FULL" }))];
    plain.send(&house, "ada", vec![tea("h")]).await;
    assert_eq!(fates(&plain.send(&house, "ada", done()).await), ["applied"]);
    assert_eq!(fates(&plain.send(&house, "ada", done()).await), ["duplicate"]);
    // Somebody takes it back elsewhere; then it is done anew.
    let habit = HabitId::new("h").unwrap();
    let undo = deed(&habit, kairos_core::event::Verb::Undo);
    assert_eq!(house.wish(&person("ada"), Wish::Record(undo)).await.outcome, Became::Applied);
    assert!(house.row(&COMPLETIONS, &cell("h")).await.deleted_at.is_some());
    assert_eq!(fates(&plain.send(&house, "ada", done()).await), ["applied"]);
    assert_eq!(house.row(&COMPLETIONS, &cell("h")).await.text("type"), "FULL");
    assert_eq!(fates(&plain.send(&house, "ada", done()).await), ["duplicate"]);
}
