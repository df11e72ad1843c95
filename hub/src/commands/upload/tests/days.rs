//! Written days.

use super::*;

#[tokio::test]
async fn two_phones_make_one_cell_and_every_deed_is_there() {
    let house = House::new().await;
    let (phone, tablet) = (Phone::new("phone"), Phone::new("tablet"));
    phone.send(&house, "ada", vec![water("h")]).await;
    let glass = |id: &str| {
        let mut glass = day(id, "h", json!({ "type": "PARTIAL", "amount": 1 }));
        glass["metadata"] = json!("{\"verb\":\"add\",\"value\":1}");
        glass
    };
    let one = phone.send(&house, "ada", vec![glass("mine")]).await;
    let two = tablet.send(&house, "ada", vec![glass("other")]).await;
    assert_eq!((one[0].id.as_deref(), two[0].id.as_deref()), (Some(cell("h").as_str()), Some(cell("h").as_str())));
    assert_eq!(house.row(&COMPLETIONS, &cell("h")).await.number("amount"), Some(2.0));
    assert_eq!(house.rows(&ID_ALIASES, "ada").await.len(), 2);
    // One more by difference, under the tablet's own name of the cell.
    let more = patch("completions", "other", json!({ "amount": 2 }), json!({ "amount": 1 }));
    assert_eq!(fates(&tablet.send(&house, "ada", vec![more]).await), ["applied"]);
    let day = house.row(&COMPLETIONS, &cell("h")).await;
    assert_eq!((day.number("amount"), house.rows(&COMPLETIONS, "ada").await.len()), (Some(3.0), 1));
    // Undone under the name it was written by.
    assert_eq!(fates(&phone.send(&house, "ada", vec![delete("completions", "mine")]).await), ["applied"]);
    assert!(house.row(&COMPLETIONS, &cell("h")).await.deleted_at.is_some());
    assert_eq!(house.count(&COMPLETION_EVENTS).await, 4, "nothing is forgotten");
    assert_eq!(fates(&phone.send(&house, "ada", vec![glass("mine")]).await), ["applied"]);
    assert_eq!(house.row(&COMPLETIONS, &cell("h")).await.number("amount"), Some(1.0));
}

#[tokio::test]
async fn an_old_undo_takes_back_what_was_before_it_and_not_what_came_since() {
    let house = House::new().await;
    let (phone, tablet) = (Phone::new("phone"), Phone::new("tablet"));
    let stamped = |mut operation: Json, millis: i64| {
        operation["metadata"] = json!({ "at": millis });
        operation
    };
    phone.send(&house, "ada", vec![tea("h"), stamped(day("c", "h", json!({ "type": "FULL" })), NOON - 5000)]).await;
    house.clock.set(NOON + 60_000);
    tablet.send(&house, "ada", vec![stamped(day("d", "h", json!({ "type": "FULL" })), NOON + 50_000)]).await;
    phone.send(&house, "ada", vec![stamped(delete("completions", "c"), NOON)]).await;
    assert_eq!(house.row(&COMPLETIONS, &cell("h")).await.deleted_at, None, "the tablet's deed stands");
    // One that saw it takes it back, though its clock is slow.
    let mut seen = stamped(delete("completions", "c"), NOON + 1);
    seen["previous"] = json!({ "type": "FULL", "amount": null });
    phone.send(&house, "ada", vec![seen]).await;
    assert!(house.row(&COMPLETIONS, &cell("h")).await.deleted_at.is_some());
}

#[tokio::test]
async fn note_and_energy_are_columns_and_make_no_deed() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    phone
        .send(&house, "ada", vec![tea("h"), day("c", "h", json!({ "type": "FULL", "note": "a", "energy_level": 4 }))])
        .await;
    phone.send(&house, "ada", vec![patch("completions", "c", json!({ "note": "b" }), json!({ "note": "a" }))]).await;
    let day = house.row(&COMPLETIONS, &cell("h")).await;
    assert_eq!((day.text("note").as_str(), day.integer("energy_level")), ("b", Some(4)));
    assert_eq!(house.count(&COMPLETION_EVENTS).await, 1);
    let broken =
        phone.send(&house, "ada", vec![patch("completions", "c", json!({ "energy_level": 9 }), json!({}))]).await;
    assert_eq!(fates(&broken), ["quarantined"]);
}

#[tokio::test]
async fn a_clock_that_is_off_is_corrected_and_one_from_the_future_is_held() {
    let house = House::new().await;
    let hour = 3_600_000;
    let stamped = |millis: i64| {
        let mut operation = day("c", "h", json!({ "type": "FULL", "completed_at": millis }));
        operation["op_id"] = millis.into();
        operation["metadata"] = json!({ "at": millis });
        operation
    };
    Phone::new("x").send(&house, "ada", vec![tea("h")]).await;
    // Three hours ahead, written two minutes before it was sent.
    let ahead = json!({ "client_id": "a", "now": NOON + 3 * hour, "batch": [stamped(NOON + 3 * hour - 120_000)] });
    send(&house, "ada", ahead).await;
    // Says nothing of its clock, which is a year ahead.
    send(&house, "ada", json!({ "client_id": "b", "batch": [stamped(NOON + 8760 * hour)] })).await;
    let mut events = house.rows(&COMPLETION_EVENTS, "ada").await;
    events.sort_by_key(|event| event.integer("occurred_at"));
    let facts: Vec<_> =
        events.iter().map(|e| (e.integer("occurred_at").unwrap() - NOON, e.text("time_source"))).collect();
    assert_eq!(facts, [(-120_000, "client".to_owned()), (0, "estimated".to_owned())]);
}

#[tokio::test]
async fn a_thousand_taps_of_one_day_cost_what_they_should() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    phone.send(&house, "ada", vec![water("h")]).await;
    let glass = |n: usize| {
        let mut glass = day("c", "h", json!({ "type": "PARTIAL", "amount": n + 1 }));
        // Written long ago, so that none is the latest of its day.
        glass["metadata"] = json!({ "verb": "add", "value": 1, "at": NOON - 1_000_000 + i64::try_from(n).unwrap() });
        glass
    };
    let taps = 2000;
    phone.send(&house, "ada", (0..taps).map(glass).collect()).await;
    assert_eq!(house.row(&COMPLETIONS, &cell("h")).await.number("amount"), Some(2000.0));
    // Folded when it was made and at the end, not at every tap.
    let changes = house.store.read(|snapshot| snapshot.changes_after(0, None, 100_000)).await.unwrap();
    let folds = changes.iter().filter(|change| change.table == "completions").count();
    assert!(folds <= 3, "{folds}");
}

#[tokio::test]
async fn a_note_with_each_tap_folds_its_day_no_more_often() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    phone.send(&house, "ada", vec![water("h")]).await;
    let taps: Vec<Json> = (0..300)
        .map(|n| {
            let mut tap = day("c", "h", json!({ "type": "PARTIAL", "amount": n + 1, "note": format!("glass {n}") }));
            tap["metadata"] = json!({ "verb": "add", "value": 1, "at": NOON - 1_000_000 + n });
            tap
        })
        .collect();
    phone.send(&house, "ada", taps).await;
    let cell = house.row(&COMPLETIONS, &cell("h")).await;
    assert_eq!((cell.number("amount"), cell.text("note").as_str()), (Some(300.0), "glass 299"));
    // One for each note, and those of the day itself.
    let changes = house.store.read(|snapshot| snapshot.changes_after(0, None, 100_000)).await.unwrap();
    let writes = changes.iter().filter(|change| change.table == "completions").count();
    assert!(writes <= 303, "{writes}");
}

#[tokio::test]
async fn a_day_keeps_its_date_and_an_id_that_is_used_again_means_the_other_day() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    phone.send(&house, "ada", vec![tea("h"), day("cur", "h", json!({ "type": "FULL" }))]).await;
    let moved = patch("completions", "cur", json!({ "date": "2026-11-20" }), json!({ "date": TODAY }));
    let outcomes = phone.send(&house, "ada", vec![moved]).await;
    assert_eq!(fates(&outcomes), ["quarantined"]);
    let wish = Wish::Settle { id: outcomes[0].conflicts[0].clone(), how: Settlement::Dismissed };
    house.wish(&person("ada"), wish).await;
    let yesterday = put("completions", "cur", json!({ "habit_id": "h", "date": "2026-11-23", "type": "SKIPPED" }));
    assert_eq!(fates(&phone.send(&house, "ada", vec![yesterday]).await), ["applied"]);
    assert_eq!(house.row(&COMPLETIONS, &cell("h")).await.text("type"), "FULL");
    let other = CellId::of(&HabitId::new("h").unwrap(), "2026-11-23".parse().unwrap(), "").to_string();
    assert_eq!(house.row(&COMPLETIONS, &other).await.text("type"), "SKIPPED");
    phone.send(&house, "ada", vec![delete("completions", "cur")]).await;
    assert!(house.row(&COMPLETIONS, &other).await.deleted_at.is_some(), "from then on the id means that day");
    assert_eq!(house.row(&COMPLETIONS, &cell("h")).await.deleted_at, None);
}

/// An amount without what it was before, and without a verb.
fn amount(day: &str, amount: u32) -> Json {
    json!({ "op": "PATCH", "table": "completions", "id": day, "data": { "amount": amount } })
}

#[tokio::test]
async fn a_day_that_is_written_again_and_again_is_written_once() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    phone.send(&house, "ada", vec![water("h"), day("c", "h", json!({ "type": "PARTIAL", "amount": 1 }))]).await;
    let before = head_of(&house).await;
    // Each as the day stands by then: what is the same is no deed.
    let batch = (0..300).map(|n| amount("c", 2 + n / 2 % 2)).collect();
    assert!(phone.send(&house, "ada", batch).await.iter().all(|outcome| outcome.result == Fate::Applied));
    let head = head_of(&house).await;
    assert_eq!((house.count(&COMPLETION_EVENTS).await, head - before), (151, 151), "150 deeds and one day");
    assert_eq!(house.row(&COMPLETIONS, &cell("h")).await.number("amount"), Some(3.0));
}

#[tokio::test]
async fn what_came_to_nothing_is_forgotten_of_a_day_that_is_written_again_and_again() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    phone.send(&house, "ada", vec![water("h"), day("c", "h", json!({ "type": "PARTIAL", "amount": 1 }))]).await;
    let mut broken = amount("c", 7);
    broken["data"]["energy_level"] = 99.into();
    // The seven went with its broken neighbour; another seven is one.
    let sent = phone.send(&house, "ada", vec![amount("c", 3), amount("c", 4), broken, amount("c", 7)]).await;
    assert_eq!(fates(&sent), ["applied", "applied", "quarantined", "applied"]);
    assert_eq!((house.count(&COMPLETION_EVENTS).await, amount_of(&house).await), (4, Some(7.0)));
    // A habit that counts otherwise since is read so.
    let other = patch("habits", "h", json!({ "kind": "boolean" }), json!({ "kind": "measurable" }));
    let done = json!({ "op": "PATCH", "table": "completions", "id": "c", "data": { "type": "FULL" } });
    let sent = phone.send(&house, "ada", vec![amount("c", 2), other, amount("c", 5), done]).await;
    assert_eq!(fates(&sent), ["applied", "applied", "quarantined", "applied"]);
    assert_eq!(house.row(&COMPLETIONS, &cell("h")).await.text("type"), "FULL");
}

#[allow(clippy::redundant_closure_for_method_calls)] // without it the lifetimes do not come out
async fn head_of(house: &House) -> i64 {
    house.store.read(|snapshot| snapshot.head()).await.unwrap()
}

#[tokio::test]
async fn a_habit_that_is_written_in_between_keeps_its_day_at_hand() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    phone.send(&house, "ada", vec![water("h"), day("c", "h", json!({ "type": "PARTIAL", "amount": 1 }))]).await;
    let named =
        |n: u32| json!({ "op": "PATCH", "table": "habits", "id": "h", "data": { "description": format!("{n}") } });
    let broken = |n: u32| json!({ "op": "PATCH", "table": "completions", "id": "c", "data": { "amount": n, "energy_level": 99 } });
    let batch = (0..120)
        .map(|n| match n % 3 {
            0 => amount("c", 2 + n),
            1 => named(n),
            _ => broken(n),
        })
        .collect();
    let sent = phone.send(&house, "ada", batch).await;
    assert_eq!(sent.iter().filter(|outcome| outcome.result == Fate::Applied).count(), 80);
    assert_eq!((house.count(&COMPLETION_EVENTS).await, amount_of(&house).await), (41, Some(119.0)));
}

async fn amount_of(house: &House) -> Option<f64> {
    house.row(&COMPLETIONS, &cell("h")).await.number("amount")
}
