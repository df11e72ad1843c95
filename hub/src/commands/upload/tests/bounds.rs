//! What one person sends is bounded, stays theirs, and can be had back.

use super::*;

#[tokio::test]
async fn a_break_under_a_derived_id_catches_nobody_elses() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    phone.send(&house, "ada", vec![tea("h")]).await;
    // Bo knows the habit's id, and what the hub would call its break.
    let id = kairos_core::ids::derive(&format!("pause|h|{TODAY}"));
    let trap = put("pauses", &id, json!({ "from_date": "2030-01-01", "to_date": "2030-01-02" }));
    assert_eq!(fates(&Phone::new("bos").send(&house, "bo", vec![trap]).await), ["applied"]);
    let pause = patch("habits", "h", json!({ "status": "PAUSED" }), json!({ "status": "ACTIVE" }));
    assert_eq!(fates(&phone.send(&house, "ada", vec![pause]).await), ["applied"]);
    let hers = house.rows(&PAUSES, "ada").await;
    assert_eq!((hers.len(), hers[0].text("from_date").as_str(), hers[0].text("habit_id").as_str()), (1, TODAY, "h"));
    assert_eq!(house.rows(&PAUSES, "bo").await[0].text("from_date"), "2030-01-01", "and nothing of it came to Bo");
    // Going on ends the break that is hers.
    let resume = patch("habits", "h", json!({ "status": "ACTIVE" }), json!({ "status": "PAUSED" }));
    phone.send(&house, "ada", vec![resume]).await;
    assert!(house.row(&PAUSES, &hers[0].id).await.deleted_at.is_some());
    assert!(house.row(&PAUSES, &id).await.deleted_at.is_none());
}

#[tokio::test]
async fn a_break_that_a_phone_ended_offline_keeps_its_last_day() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    let status = |to: &str, from: &str| patch("habits", "h", json!({ "status": to }), json!({ "status": from }));
    phone.send(&house, "ada", vec![tea("h"), status("PAUSED", "ACTIVE")]).await;
    let rest = house.rows(&PAUSES, "ada").await.remove(0).id;
    // Gone on three days later, on a phone that comes home after five.
    house.clock.set(NOON + 5 * 24 * 3_600_000);
    let ended = patch("pauses", &rest, json!({ "to_date": "2026-11-26" }), json!({ "to_date": null }));
    let sent = phone.send(&house, "ada", vec![ended, status("ACTIVE", "PAUSED")]).await;
    assert_eq!(fates(&sent), ["applied", "applied"]);
    let breaks = house.rows(&PAUSES, "ada").await;
    assert_eq!((breaks.len(), breaks[0].text("to_date").as_str()), (1, "2026-11-26"));
}

#[tokio::test]
async fn columns_nobody_described_are_few_however_they_come() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    let many = |count: usize| -> Json {
        (0..count).map(|n| (format!("x{n}"), Json::from(n))).collect::<serde_json::Map<_, _>>().into()
    };
    phone.send(&house, "ada", vec![tea("h"), tea("g")]).await;
    let kept = phone.send(&house, "ada", vec![patch("habits", "h", many(64), json!({}))]).await;
    assert_eq!(fates(&kept), ["applied"]);
    assert_eq!(house.row(&HABITS, "h").await.extra.len(), 64);
    let all = phone.send(&house, "ada", vec![patch("habits", "g", many(65), json!({}))]).await;
    assert_eq!(fates(&all), ["quarantined"], "at once no more than one after the other");
    let fresh = phone.send(&house, "ada", vec![put("habits", "f", many(60_000))]).await;
    assert_eq!(fates(&fresh), ["quarantined"]);
    // The name of a group of columns is none of a column.
    let group = phone.send(&house, "ada", vec![tea("e"), patch("habits", "e", json!({ "quota": 1 }), json!({}))]).await;
    assert_eq!(fates(&group), ["applied", "quarantined"]);
    // Nor is what no database can hold.
    for name in ["", "zz\u{0}", "a\nb", "\u{9b}"] {
        let named =
            phone.send(&house, "ada", vec![patch("habits", "e", json!({ name: 1, "name": "Milk" }), json!({}))]).await;
        assert_eq!(fates(&named), ["quarantined"], "{name:?}");
        let made = phone.send(&house, "ada", vec![put("habits", "d", json!({ name: 1, "name": "Milk" }))]).await;
        assert_eq!(fates(&made), ["quarantined"], "{name:?}");
    }
}

#[tokio::test]
async fn two_losses_of_one_moment_are_two_entries() {
    let house = House::new().await;
    let (phone, plain) = (Phone::new("phone"), Phone::plain());
    phone.send(&house, "ada", vec![tea("h")]).await;
    let name = |name: &str, at: i64| {
        let mut patch = patch("habits", "h", json!({ "name": name }), json!({ "name": "unseen" }));
        patch["metadata"] = json!({ "at": at });
        patch
    };
    phone.send(&house, "ada", vec![name("Now", NOON)]).await;
    for lost in ["First", "Second"] {
        assert_eq!(fates(&plain.send(&house, "ada", vec![name(lost, NOON - 60_000)]).await), ["merged"]);
    }
    let lost: Vec<String> = house.open_conflicts("ada").await.iter().map(|row| row.text("lost_value")).collect();
    for value in ["First", "Second"] {
        assert!(lost.contains(&format!("{{\"name\":\"{value}\"}}")), "{lost:?}");
    }
}

#[tokio::test]
async fn what_was_put_away_can_still_be_had_back() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    let early = day("d", "later", json!({ "type": "FULL" }));
    let set_aside = phone.send(&house, "ada", vec![early, tea("later")]).await;
    assert_eq!(fates(&set_aside), ["quarantined", "applied"]);
    let id = set_aside[0].conflicts[0].clone();
    let settle = async |how| house.wish(&person("ada"), Wish::Settle { id: id.clone(), how }).await.outcome;
    assert_eq!(settle(Settlement::Dismissed).await, Became::Applied);
    assert_eq!(settle(Settlement::Dismissed).await, Became::Unchanged);
    assert_eq!(settle(Settlement::Restored).await, Became::Applied);
    assert_eq!(house.row(&CONFLICTS, &id).await.text("status"), "RESTORED");
    assert_eq!(house.row(&COMPLETIONS, &cell("later")).await.text("type"), "FULL");
    assert_eq!(settle(Settlement::Restored).await, Became::Unchanged);
}

#[tokio::test]
async fn a_clock_that_is_ahead_does_not_make_what_comes_after_it_lose() {
    let house = House::new().await;
    let (fast, phone) = (Phone::new("fast"), Phone::new("phone"));
    fast.send(&house, "ada", vec![tea("h"), tea("g")]).await;
    let name = |id: &str, name: &str, at: i64| {
        let mut patch = json!({ "op": "PATCH", "table": "habits", "id": id, "data": { "name": name } });
        patch["metadata"] = json!({ "at": at });
        patch
    };
    fast.send(&house, "ada", vec![name("g", "Fast", NOON + 290_000)]).await;
    house.clock.set(NOON + 2_000);
    assert_eq!(fates(&fast.send(&house, "ada", vec![name("h", "One", NOON + 290_000)]).await), ["applied"]);
    house.clock.set(NOON + 5_000);
    assert_eq!(fates(&phone.send(&house, "ada", vec![name("h", "Two", NOON + 5_000)]).await), ["applied"]);
    assert_eq!(house.row(&HABITS, "h").await.text("name"), "Two");
}

#[tokio::test]
async fn what_was_refused_takes_no_room() {
    let house = House::new().await;
    let mut batch: Vec<Json> = (0..120).map(|n| put("routines", &format!("b{n}"), json!({ "name": "" }))).collect();
    batch.push(put("routines", "r", json!({ "name": "Morning" })));
    let outcomes = Phone::new("phone").send(&house, "ada", batch).await;
    assert_eq!((outcomes[0].result, outcomes[120].result), (Fate::Quarantined, Fate::Applied));
}

#[tokio::test]
async fn a_routine_has_no_more_parts_than_it_may_whichever_way_they_come() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    let step = |n: usize, of: &str| {
        put(
            "routine_habits",
            &format!("s{n}"),
            json!({ "routine_id": of, "habit_id": format!("h{n}"), "sort_key": format!("a{n:02}") }),
        )
    };
    let routine = |id: &str| put("routines", id, json!({ "name": "Morning" }));
    let mut batch = vec![routine("r"), routine("q")];
    batch.extend((0..51).map(|n| step(n, "r")));
    let sent = phone.send(&house, "ada", batch).await;
    assert_eq!(
        (fates(&sent[51..]), sent[52].message.as_deref()),
        (vec!["applied", "quarantined"], Some("There are 50 steps of this routine already; delete some first."))
    );
    // One that is gone makes room for another, and comes back when there is some.
    let again = vec![
        delete("routine_habits", "s0"),
        step(60, "r"),
        step(0, "r"),
        delete("routine_habits", "s60"),
        step(0, "r"),
    ];
    assert_eq!(
        fates(&phone.send(&house, "ada", again).await),
        ["applied", "applied", "quarantined", "applied", "applied"]
    );
    // Neither does one of another routine move there.
    phone.send(&house, "ada", vec![step(70, "q")]).await;
    let moved = patch("routine_habits", "s70", json!({ "routine_id": "r" }), json!({ "routine_id": "q" }));
    assert_eq!(fates(&phone.send(&house, "ada", vec![moved]).await), ["quarantined"]);
}

#[tokio::test]
async fn an_upload_that_changes_too_much_is_kept_and_can_be_had_back_in_parts() {
    let house = House::new().await;
    let phone = Phone::new("phone");
    let mut batch = vec![put("routines", "r", json!({ "name": "Morning" }))];
    batch.extend((0..50).map(|n| {
        put(
            "routine_habits",
            &format!("s{n}"),
            json!({ "routine_id": "r", "habit_id": format!("h{n}"), "sort_key": format!("a{n:02}") }),
        )
    }));
    assert!(phone.send(&house, "ada", batch).await.iter().all(|outcome| outcome.result == Fate::Applied));
    // Each takes fifty steps along.
    let again = |n: usize| {
        if n.is_multiple_of(2) { delete("routines", "r") } else { put("routines", "r", json!({ "name": "Morning" })) }
    };
    let sent = phone.send(&house, "ada", (0..80).map(again).chain([tea("h")]).collect()).await;
    let applied = sent.iter().filter(|outcome| outcome.result == Fate::Applied).count();
    assert!((50..70).contains(&applied), "{applied}");
    assert!(sent.iter().skip(applied).all(|outcome| outcome.result == Fate::Quarantined));
    let entry = sent[80].conflicts[0].clone();
    let restored = house.wish(&person("ada"), Wish::Settle { id: entry, how: Settlement::Restored }).await;
    assert_eq!((restored.outcome, house.row(&HABITS, "h").await.text("name")), (Became::Applied, "Tea".to_owned()));
}
