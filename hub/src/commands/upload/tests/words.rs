//! Notes and energy on a day, with and without a deed.

use super::*;

fn note(id: &str, text: &str) -> Json {
    day(id, "h", json!({ "note": text }))
}

fn at(mut operation: Json, millis: i64) -> Json {
    operation["metadata"] = json!({ "at": millis });
    operation
}

fn seen(mut operation: Json, previous: Json) -> Json {
    operation["previous"] = previous;
    operation
}

async fn stands(house: &House) -> (Option<String>, Option<String>, bool) {
    let day = house.row(&COMPLETIONS, &cell("h")).await;
    (day.opt_text("type"), day.opt_text("note"), day.deleted_at.is_none())
}

#[tokio::test]
async fn words_come_before_any_deed_and_stay_when_it_is_taken_back() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    // Written an hour ago, on a day that nobody had touched.
    let outcomes = phone.send(&house, "ada", vec![tea("h"), at(note("c", "ill"), NOON - 3_600_000)]).await;
    assert_eq!(fates(&outcomes), ["applied", "applied"]);
    assert_eq!(stands(&house).await, (None, Some("ill".into()), true));
    assert_eq!(house.count(&COMPLETION_EVENTS).await, 0);
    // Done, and taken back by a click elsewhere: the words were not meant.
    phone
        .send(&house, "ada", vec![patch("completions", "c", json!({ "type": "FULL" }), json!({ "type": null }))])
        .await;
    assert_eq!(stands(&house).await, (Some("FULL".into()), Some("ill".into()), true));
    let undo = deed(&HabitId::new("h").unwrap(), kairos_core::event::Verb::Undo);
    house.wish(&person("ada"), Wish::Record(undo)).await;
    assert_eq!(stands(&house).await, (None, Some("ill".into()), true));
    // Wiped away, the day is nothing any more; and it comes back with the next word.
    phone.send(&house, "ada", vec![patch("completions", "c", json!({ "note": null }), json!({ "note": "ill" }))]).await;
    assert_eq!(stands(&house).await, (None, None, false));
    let rated = patch("completions", "c", json!({ "energy_level": 2 }), json!({ "energy_level": null }));
    assert_eq!(fates(&phone.send(&house, "ada", vec![rated]).await), ["applied"]);
    assert_eq!(stands(&house).await, (None, None, true));
    assert!(house.open_conflicts("ada").await.is_empty());
}

#[tokio::test]
async fn who_deletes_a_day_deletes_the_words_they_saw_and_no_others() {
    let house = House::new().await;
    let (phone, tablet) = (Phone::new("phone"), Phone::new("tablet"));
    phone.send(&house, "ada", vec![tea("h"), day("c", "h", json!({ "type": "FULL" }))]).await;
    tablet
        .send(&house, "ada", vec![patch("completions", &cell("h"), json!({ "note": "x" }), json!({ "note": null }))])
        .await;
    // The phone had not seen the note.
    let blind = seen(delete("completions", "c"), json!({ "type": "FULL", "note": null }));
    assert_eq!(fates(&phone.send(&house, "ada", vec![blind]).await), ["applied"]);
    assert_eq!(stands(&house).await, (None, Some("x".into()), true));
    // Nor does one that says nothing and is older.
    phone.send(&house, "ada", vec![at(delete("completions", "c"), NOON - 60_000)]).await;
    assert_eq!(stands(&house).await, (None, Some("x".into()), true));
    assert!(house.open_conflicts("ada").await.is_empty(), "nothing is lost");
    let all = seen(delete("completions", "c"), json!({ "type": null, "note": "x" }));
    phone.send(&house, "ada", vec![all]).await;
    assert_eq!(stands(&house).await, (None, None, false));
    // One that saw other words than those that go: they are kept under conflicts, and can be had back.
    tablet
        .send(&house, "ada", vec![patch("completions", &cell("h"), json!({ "note": "y" }), json!({ "note": null }))])
        .await;
    phone.send(&house, "ada", vec![seen(delete("completions", "c"), json!({ "note": "x" }))]).await;
    assert_eq!(stands(&house).await, (None, None, false));
    let lost = house.open_conflicts("ada").await;
    assert_eq!((lost.len(), lost[0].text("lost_value").as_str()), (1, r#"{"note":"y"}"#));
    house.wish(&person("ada"), Wish::Settle { id: lost[0].id.clone(), how: Settlement::Restored }).await;
    assert_eq!(stands(&house).await, (None, Some("y".into()), true));
}

#[tokio::test]
async fn an_app_that_keeps_deletions_as_a_column_deletes_words_as_well() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    phone.send(&house, "ada", vec![tea("h"), day("c", "h", json!({ "type": "FULL", "note": "a" }))]).await;
    let gone = patch("completions", "c", json!({ "deleted_at": NOON }), json!({ "deleted_at": null }));
    phone.send(&house, "ada", vec![gone]).await;
    assert_eq!(stands(&house).await, (None, None, false));
}

#[tokio::test]
async fn words_written_over_words_nobody_saw_are_kept_under_conflicts() {
    let house = House::new().await;
    let (phone, tablet) = (Phone::new("phone"), Phone::new("tablet"));
    phone.send(&house, "ada", vec![tea("h"), note("p", "ill"), note("p", "very ill")]).await;
    assert!(house.open_conflicts("ada").await.is_empty(), "its own");
    let other = day("t", "h", json!({ "note": "in Rome", "energy_level": 3 }));
    assert_eq!(fates(&tablet.send(&house, "ada", vec![other]).await), ["merged"]);
    assert_eq!(stands(&house).await.1.as_deref(), Some("in Rome"));
    let lost = house.open_conflicts("ada").await;
    assert_eq!((lost.len(), lost[0].text("lost_value").as_str()), (1, r#"{"note":"very ill"}"#));
}
