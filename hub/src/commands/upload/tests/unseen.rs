//! Two phones that do not know of each other write one day: what neither shows nor counts any more is under conflicts.

use super::*;

fn at(mut operation: Json, millis: i64) -> Json {
    operation["metadata"] = json!({ "at": millis });
    operation
}

fn set(amount: f64, millis: i64) -> Json {
    let mut set =
        patch("completions", &cell("h"), json!({ "amount": amount }), json!({ "type": null, "amount": null }));
    set["metadata"] = json!({ "verb": "set", "value": amount, "at": millis });
    set
}

/// The lost and the kept values of what is open.
async fn lost(house: &House) -> Vec<(Json, Json)> {
    let read = |row: &Row, name: &str| serde_json::from_str(&row.text(name)).unwrap();
    let found = house.open_conflicts("ada").await;
    found.iter().map(|entry| (read(entry, "lost_value"), read(entry, "kept_value"))).collect()
}

async fn restore_all(house: &House) {
    for entry in house.open_conflicts("ada").await {
        house.wish(&person("ada"), Wish::Settle { id: entry.id, how: Settlement::Restored }).await;
    }
}

async fn house_with(habit: Json) -> (House, Phone, Phone) {
    let house = House::new().await;
    let (phone, tablet) = (Phone::new("phone"), Phone::new("tablet"));
    phone.send(&house, "ada", vec![habit]).await;
    (house, phone, tablet)
}

#[tokio::test]
async fn of_two_set_amounts_the_earlier_is_lost_whichever_comes_first() {
    for later_first in [false, true] {
        let (house, phone, tablet) = house_with(water("h")).await;
        let (five, seven) = (day("p", "h", json!({ "amount": 5 })), day("t", "h", json!({ "amount": 7 })));
        let (one, two) = if later_first {
            (
                tablet.send(&house, "ada", vec![at(seven, NOON - 1000)]).await,
                phone.send(&house, "ada", vec![at(five, NOON - 2000)]).await,
            )
        } else {
            (
                phone.send(&house, "ada", vec![at(five, NOON - 2000)]).await,
                tablet.send(&house, "ada", vec![at(seven, NOON - 1000)]).await,
            )
        };
        assert_eq!((fates(&one), fates(&two)), (vec!["applied"], vec!["merged"]));
        assert_eq!(house.row(&COMPLETIONS, &cell("h")).await.number("amount"), Some(7.0));
        let lost = lost(&house).await;
        assert_eq!(lost.len(), 1);
        assert_eq!((&lost[0].0["amount"], &lost[0].1["amount"]), (&json!(5.0), &json!(7.0)));
        assert_eq!(two[0].conflicts, [house.open_conflicts("ada").await[0].id.clone()]);
        restore_all(&house).await;
        assert_eq!(house.row(&COMPLETIONS, &cell("h")).await.number("amount"), Some(5.0));
    }
}

#[tokio::test]
async fn the_answer_given_again_names_what_lost() {
    let (house, phone, tablet) = house_with(water("h")).await;
    phone.send(&house, "ada", vec![set(5.0, NOON - 2000)]).await;
    let envelope = tablet.envelope(vec![at(day("t", "h", json!({ "amount": 7 })), NOON - 1000)]);
    let first = send(&house, "ada", envelope.clone()).await;
    let again = send(&house, "ada", envelope).await;
    assert_eq!((fates(&again), &again[0].conflicts), (vec!["duplicate"], &first[0].conflicts));
}

#[tokio::test]
async fn what_is_added_adds_up_and_the_same_twice_is_no_conflict() {
    let (house, phone, tablet) = house_with(water("h")).await;
    let glass = |id: &str, millis: i64| {
        let mut glass = day(id, "h", json!({ "type": "PARTIAL", "amount": 1 }));
        glass["metadata"] = json!({ "verb": "add", "value": 1, "at": millis });
        glass
    };
    phone.send(&house, "ada", vec![glass("p", NOON - 2000), set(3.0, NOON - 1500)]).await;
    tablet.send(&house, "ada", vec![glass("t", NOON - 1000)]).await;
    let more = patch("completions", "t", json!({ "amount": 4 }), json!({ "amount": 1 }));
    tablet.send(&house, "ada", vec![more]).await;
    assert_eq!(house.row(&COMPLETIONS, &cell("h")).await.number("amount"), Some(7.0));
    let (other, ..) = house_with(tea("h")).await;
    phone.send(&other, "ada", vec![day("p", "h", json!({ "type": "FULL" }))]).await;
    tablet.send(&other, "ada", vec![day("t", "h", json!({ "type": "FULL" }))]).await;
    assert_eq!((lost(&house).await, lost(&other).await), (vec![], vec![]));
}

#[tokio::test]
async fn done_against_taken_back_is_a_conflict_both_ways() {
    let (house, phone, tablet) = house_with(tea("h")).await;
    phone.send(&house, "ada", vec![at(day("p", "h", json!({ "type": "FULL" })), NOON - 5000)]).await;
    // The phone takes it back, the tablet says that it was done in part: it saw it done.
    phone.send(&house, "ada", vec![at(delete("completions", "p"), NOON - 3000)]).await;
    let part = json!({ "type": "PARTIAL", "partial_percent": 40 });
    let part = patch("completions", &cell("h"), part, json!({ "type": "FULL", "partial_percent": null }));
    assert_eq!(fates(&tablet.send(&house, "ada", vec![at(part, NOON - 2000)]).await), ["merged"]);
    assert_eq!(house.row(&COMPLETIONS, &cell("h")).await.text("type"), "PARTIAL");
    assert_eq!(lost(&house).await[0].0, json!({ "type": null }));
    restore_all(&house).await;
    assert!(house.row(&COMPLETIONS, &cell("h")).await.deleted_at.is_some());
    // The other way: skipped in between, and then taken back by one that saw it done.
    phone.send(&house, "ada", vec![day("p", "h", json!({ "type": "SKIPPED", "skip_reason": "TOO_TIRED" }))]).await;
    let mut back = delete("completions", "t2");
    back["id"] = json!(cell("h"));
    back["previous"] = json!({ "type": "PARTIAL", "partial_percent": 40 });
    house.clock.set(NOON + 10);
    assert_eq!(fates(&tablet.send(&house, "ada", vec![back]).await), ["merged"]);
    let open = lost(&house).await;
    assert_eq!(
        (open.len(), &open[0].0["type"], &open[0].0["skip_reason"]),
        (1, &json!("SKIPPED"), &json!("TOO_TIRED"))
    );
    restore_all(&house).await;
    let day = house.row(&COMPLETIONS, &cell("h")).await;
    assert_eq!((day.text("type").as_str(), day.text("skip_reason").as_str()), ("SKIPPED", "TOO_TIRED"));
}

#[tokio::test]
async fn an_old_wish_that_changes_nothing_any_more_is_kept() {
    let (house, phone, tablet) = house_with(tea("h")).await;
    tablet.send(&house, "ada", vec![at(day("t", "h", json!({ "type": "FULL" })), NOON - 1000)]).await;
    let skip = at(day("p", "h", json!({ "type": "SKIPPED", "skip_reason": "NO_TIME" })), NOON - 9000);
    assert_eq!(fates(&phone.send(&house, "ada", vec![skip]).await), ["merged"]);
    assert_eq!(house.row(&COMPLETIONS, &cell("h")).await.text("type"), "FULL");
    assert_eq!(lost(&house).await[0].0, json!({ "type": "SKIPPED", "skip_reason": "NO_TIME" }));
}

#[tokio::test]
async fn ones_own_deeds_and_what_one_saw_are_no_conflict() {
    let (house, phone, tablet) = house_with(tea("h")).await;
    phone.send(&house, "ada", vec![day("p", "h", json!({ "type": "FULL" }))]).await;
    let part = |id: &str, percent: i64, before: Json| {
        patch("completions", id, json!({ "type": "PARTIAL", "partial_percent": percent }), before)
    };
    // Its own, in two uploads, said to have been seen otherwise.
    phone.send(&house, "ada", vec![part("p", 40, json!({ "type": null, "partial_percent": null }))]).await;
    let saw = json!({ "type": "PARTIAL", "partial_percent": 40 });
    tablet.send(&house, "ada", vec![part(&cell("h"), 60, saw)]).await;
    assert_eq!(house.row(&COMPLETIONS, &cell("h")).await.integer("partial_percent"), Some(60));
    assert_eq!(lost(&house).await, []);
}

#[tokio::test]
async fn an_operation_that_comes_to_nothing_leaves_the_day_of_those_before_it() {
    let (house, phone, _) = house_with(water("h")).await;
    let glass = |n: i64| {
        let mut glass = day("c", "h", json!({ "type": "PARTIAL", "amount": n }));
        glass["metadata"] = json!({ "verb": "add", "value": 1 });
        glass
    };
    let broken = patch("completions", "c", json!({ "energy_level": 9 }), json!({}));
    let outcomes = phone.send(&house, "ada", vec![glass(1), glass(2), broken]).await;
    assert_eq!(fates(&outcomes), ["applied", "applied", "quarantined"]);
    assert_eq!(house.row(&COMPLETIONS, &cell("h")).await.number("amount"), Some(2.0));
}
