//! What is set aside and large comes to no phone, can be had back, and is bounded.

use super::*;

/// A deed on a habit that is not there yet, with so many bytes of the client's own beside it.
fn early(id: &str, habit: &str, bytes: usize) -> Json {
    let mut deed = day(id, habit, json!({ "type": "FULL" }));
    deed["metadata"] = "x".repeat(bytes).into();
    deed
}

fn operations(entry: &Row) -> Vec<Json> {
    serde_json::from_str(&entry.text("operations")).unwrap()
}

async fn settle(house: &House, entry: &str, how: Settlement) -> Became {
    house.wish(&person("ada"), Wish::Settle { id: entry.to_owned(), how }).await.outcome
}

async fn kept(house: &House) -> i64 {
    house.store.write(|tx| tx.large_bytes(&person("ada").user)).await.unwrap()
}

#[tokio::test]
async fn of_a_large_operation_the_entry_has_a_note_and_the_whole_comes_back() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    let mut second = patch("completions", "c", json!({ "note": "good" }), json!({ "note": null }));
    second["metadata"] = "y".repeat(10_000).into();
    let broken = patch("completions", "c", json!({ "energy_level": "x".repeat(9_000) }), json!({}));
    let outcomes = phone.send(&house, "ada", vec![early("c", "h", 20_000), second, broken]).await;
    assert_eq!(fates(&outcomes), ["quarantined"; 3]);
    let id = outcomes[0].conflicts[0].clone();
    assert!(outcomes.iter().all(|outcome| outcome.conflicts == [id.clone()]), "in their order, in one entry");
    let entry = house.row(&CONFLICTS, &id).await;
    assert!(entry.text("operations").len() < 1000, "{}", entry.text("operations"));
    let notes = operations(&entry);
    let (number, bytes) = (notes[0]["large"].as_i64().unwrap(), notes[0]["bytes"].as_i64().unwrap());
    assert!(bytes > 20_000 && kept(&house).await > bytes + 19_000);
    assert_eq!(notes[0], json!({ "large": number, "bytes": bytes, "op": "PUT", "table": "completions", "id": "c" }));
    assert!(matches!(settle(&house, &id, Settlement::Restored).await, Became::Rejected(_)));
    assert!(kept(&house).await > bytes, "nothing is lost by trying");
    Phone::new("tablet").send(&house, "ada", vec![tea("h")]).await;
    assert_eq!(settle(&house, &id, Settlement::Restored).await, Became::Applied);
    let done = house.row(&COMPLETIONS, &cell("h")).await;
    assert_eq!((done.text("type").as_str(), done.text("note").as_str()), ("FULL", "good"));
    let entry = house.row(&CONFLICTS, &id).await;
    assert_eq!((entry.text("status").as_str(), operations(&entry)), ("OPEN", vec![notes[2].clone()]));
    assert!((9_000..10_000).contains(&kept(&house).await), "what was applied goes");
}

#[tokio::test]
async fn what_looks_like_a_note_is_none_and_text_nobody_can_read_is_kept_alike() {
    let house = House::new().await;
    let mut forged = early("c", "h", 10);
    forged["large"] = 1.into();
    let unreadable = format!(r#"{{"op":"PUT","data":{{"x":1e999,"y":"{}"}}}}"#, "z".repeat(9_000));
    let body = format!(r#"{{"batch":[{forged},{unreadable}]}}"#);
    let outcomes = send_text(&house, "ada", &body).await;
    let ids: Vec<String> = outcomes.iter().map(|outcome| outcome.conflicts[0].clone()).collect();
    assert!(operations(&house.row(&CONFLICTS, &ids[1]).await)[0]["bytes"].as_i64() > Some(9_000));
    Phone::new("tablet").send(&house, "ada", vec![tea("h")]).await;
    assert_eq!(settle(&house, &ids[0], Settlement::Restored).await, Became::Applied);
    assert_eq!(house.row(&COMPLETIONS, &cell("h")).await.text("type"), "FULL");
    let Became::Rejected(rejection) = settle(&house, &ids[1], Settlement::Restored).await else { panic!("restored") };
    assert!(rejection.message.starts_with("It still cannot be applied: It cannot be read"), "{rejection:?}");
}

#[tokio::test]
async fn a_person_has_a_bounded_amount_of_it_and_what_is_settled_goes_first() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    let mut ids = Vec::new();
    let mut send = async |n: usize| {
        let outcomes = phone.send(&house, "ada", vec![early(&format!("c{n}"), &format!("h{n}"), 250_000)]).await;
        ids.push(outcomes[0].conflicts[0].clone());
        ids[n].clone()
    };
    let oldest = send(0).await;
    let settled = send(1).await;
    let (third, fourth) = (send(2).await, send(3).await);
    Phone::new("bos").send(&house, "bo", vec![early("c", "h", 900_000)]).await;
    settle(&house, &settled, Settlement::Dismissed).await;
    let fifth = send(4).await;
    let again: Vec<Json> = (0..5).map(|n| tea(&format!("h{n}"))).collect();
    Phone::new("tablet").send(&house, "ada", again).await;
    let Became::Rejected(rejection) = settle(&house, &settled, Settlement::Restored).await else { panic!("restored") };
    assert!(rejection.message.contains("kept no longer"), "{rejection:?}");
    assert_eq!(house.row(&CONFLICTS, &oldest).await.text("status"), "OPEN");
    send(5).await;
    assert_eq!(house.row(&CONFLICTS, &oldest).await.text("status"), "DISMISSED");
    assert!(matches!(settle(&house, &oldest, Settlement::Restored).await, Became::Rejected(_)));
    for id in [third, fourth, fifth] {
        assert_eq!(settle(&house, &id, Settlement::Restored).await, Became::Applied);
    }
    assert!(kept(&house).await < 300_000);
}
