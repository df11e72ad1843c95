#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::needless_pass_by_value)]
use kairos_core::command::{Outcome as Became, Settlement, Wish};
use kairos_core::ids::{CellId, HabitId};
use kairos_core::row::Row;
use kairos_core::schema::{
    COMPLETION_EVENTS, COMPLETIONS, CONFLICTS, HABIT_SCHEDULES, HABITS, ID_ALIASES, PAUSES, ROUTINE_EXECUTIONS,
    ROUTINE_HABITS, ROUTINES, Table, USER_PREFERENCES,
};
use serde_json::{Value as Json, json};

use super::super::tests::{House, NOON, person, scope};
use super::*;

const TODAY: &str = "2026-11-24";

/// A phone's queue.
struct Phone {
    client: Option<&'static str>,
    next: std::cell::Cell<u64>,
}

impl Phone {
    fn new(client: &'static str) -> Self {
        Self { client: Some(client), next: 1.into() }
    }

    /// A client that numbers nothing.
    fn plain() -> Self {
        Self { client: None, next: 1.into() }
    }

    fn envelope(&self, mut batch: Vec<Json>) -> Json {
        for operation in batch.iter_mut().filter(|_| self.client.is_some()) {
            operation["op_id"] = self.next.get().into();
            self.next.set(self.next.get() + 1);
        }
        json!({ "client_id": self.client, "batch": batch })
    }

    async fn send(&self, house: &House, who: &str, batch: Vec<Json>) -> Vec<Outcome> {
        send(house, who, self.envelope(batch)).await
    }
}

async fn send(house: &House, who: &str, envelope: Json) -> Vec<Outcome> {
    let envelope = Arc::new(Envelope::parse(envelope).unwrap());
    house.door.upload(person(who), who, envelope).await.unwrap()
}

fn fates(outcomes: &[Outcome]) -> Vec<&str> {
    outcomes.iter().map(|outcome| outcome.result.as_str()).collect()
}

fn put(table: &str, id: &str, data: Json) -> Json {
    json!({ "op": "PUT", "table": table, "id": id, "data": data })
}

fn patch(table: &str, id: &str, data: Json, previous: Json) -> Json {
    json!({ "op": "PATCH", "table": table, "id": id, "data": data, "previous": previous })
}

fn delete(table: &str, id: &str) -> Json {
    json!({ "op": "DELETE", "table": table, "id": id })
}

fn water(id: &str) -> Json {
    put("habits", id, json!({ "name": "Water", "anchor_behavior": "x", "kind": "measurable", "target_value": 8 }))
}

fn tea(id: &str) -> Json {
    put("habits", id, json!({ "name": "Tea", "anchor_behavior": "x" }))
}

fn day(id: &str, habit: &str, data: Json) -> Json {
    let mut whole = json!({ "habit_id": habit, "date": TODAY });
    whole.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
    put("completions", id, whole)
}

fn cell(habit: &str) -> String {
    CellId::of(&HabitId::new(habit).unwrap(), TODAY.parse().unwrap(), "").to_string()
}

impl House {
    async fn rows(&self, table: &'static Table, who: &str) -> Vec<Row> {
        let scopes = [scope(who)];
        self.store.read(move |snapshot| snapshot.rows_in(table, &scopes, "", 10_000)).await.unwrap()
    }

    async fn row(&self, table: &'static Table, id: &str) -> Row {
        let id = id.to_owned();
        self.store.read(move |snapshot| snapshot.row(table, &id)).await.unwrap().unwrap()
    }

    async fn open_conflicts(&self, who: &str) -> Vec<Row> {
        let scopes = [scope(who)];
        self.store.read(move |snapshot| snapshot.conflicts(&scopes, true, None, 1000)).await.unwrap()
    }
}

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
    assert_eq!((outcomes[0].result, outcomes[count - 1].result), (Fate::Applied, Fate::Quarantined));
    assert!(outcomes[1..].iter().all(|outcome| outcome.message.is_some() && outcome.conflicts.len() == 1));
    // The last one waits, since an operation on that row that nobody understands came before it.
    assert_eq!(outcomes[count - 1].conflicts, outcomes[count - 2].conflicts);
    assert_eq!(house.row(&HABITS, "bos").await, before);
    assert!(house.open_conflicts("bo").await.is_empty());
    let phone_ops = phone.send(&house, "ada", vec![tea("h9")]).await;
    assert_eq!(fates(&phone_ops), ["applied"]);
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
async fn only_people_upload() {
    let house = House::new().await;
    let envelope = Arc::new(Envelope::parse(json!({ "batch": [tea("h")] })).unwrap());
    let button = super::super::tests::button("ada", "d1");
    assert!(matches!(house.door.upload(button, "s", envelope).await, Err(StoreError::Rejected(_))));
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
    assert_eq!(fates(&outcomes), ["quarantined"; 3]);
    let entry = outcomes[0].conflicts[0].clone();
    let wish = Wish::Settle { id: entry.clone(), how: Settlement::Restored };
    assert_eq!(house.wish(&person("ada"), wish).await.outcome, Became::Applied);
    let habit = house.row(&HABITS, "h").await;
    assert_eq!((habit.text("name").as_str(), habit.text("color").as_str()), ("Green tea", "red"));
    let left = house.row(&CONFLICTS, &entry).await;
    let operations: Vec<Json> = serde_json::from_str(&left.text("operations")).unwrap();
    assert_eq!((left.text("status").as_str(), operations.len()), ("OPEN", 1));
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
    // Each alone: what follows on something set aside waits with it.
    for operation in moved {
        let outcomes = phone.send(&house, "ada", vec![operation.clone()]).await;
        assert_eq!(fates(&outcomes), ["quarantined"], "{operation}");
    }
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
