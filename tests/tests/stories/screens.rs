//! Screens that go away, come back, lag behind or talk nonsense: the others notice nothing, and no change is missed.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use kairos_simulator::random::Rng;
use kairos_tests::{Database, House, PATIENCE, Person, Screen, scaled, until};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

/// Some counted habits: a single one would have days of very many deeds, which take long to add up.
async fn habits(person: &Person) -> Vec<String> {
    let mut habits = Vec::new();
    for n in 0..20 {
        habits.push(person.counted_habit(&format!("Habit {n}"), 8.0).await);
    }
    habits
}

/// Completes `count` times, many at a time: two changes each.
async fn complete(person: &Person, habits: &[String], count: usize) {
    let one = |n: usize| async move {
        let path = format!("/api/habits/{}/complete", habits[n % habits.len()]);
        person.post(&path, json!({ "value": 1 })).await;
    };
    futures_util::stream::iter(0..count).for_each_concurrent(16, one).await;
}

/// The events that come until the one with this seq.
async fn events_until(screen: &mut Screen, last: i64) -> Vec<Value> {
    let mut events: Vec<Value> = Vec::new();
    while events.last().is_none_or(|event| event["seq"].as_i64() < Some(last)) {
        events.push(screen.event(|_| true).await);
    }
    events
}

fn seqs(events: &[Value]) -> Vec<i64> {
    events.iter().map(|event| event["seq"].as_i64().unwrap()).collect()
}

/// What a person's log holds after a place in it.
fn logged(house: &House, person: &Person, after: i64) -> Vec<i64> {
    Database::open(&house.database()).log_of(&format!("u:{}", person.user_id), after)
}

#[tokio::test]
async fn a_screen_that_comes_back_gets_exactly_what_it_has_not_seen() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_person(&ada, "bob@example.org").await;
    let (mine, others) = (habits(&ada).await, habits(&bob).await);
    let mut screen = ada.screen().await;
    let start = screen.subscribe().await;
    let (epoch, seq) = (start["epoch"].as_str().unwrap().to_owned(), start["seq"].as_i64().unwrap());
    drop(screen);

    // A little, out of what is kept in memory; a lot, out of the log; and from the very beginning.
    for (count, from) in [(20, seq), (1100, seq), (1, 0)] {
        tokio::join!(complete(&ada, &mine, count), complete(&bob, &others, count / 10 + 1));
        let expected = logged(&house, &ada, from);
        assert!(expected.len() >= count * 2);
        let mut screen = ada.screen().await;
        let result = screen.resume(&epoch, from).await;
        assert_eq!((&result["epoch"], &result["seq"]), (&json!(epoch), &json!(from)));
        assert_eq!(result.get("resync"), None);
        let events = events_until(&mut screen, *expected.last().unwrap()).await;
        assert_eq!(seqs(&events), expected, "no gap, nothing twice, nothing of somebody else's");
        assert!(
            events.iter().all(|event| event["row"].is_null() || event["row"]["scope"] == format!("u:{}", ada.user_id))
        );
    }
    house.is_well().await;
}

#[tokio::test]
async fn a_screen_that_keeps_leaving_while_much_happens_sees_all_of_it_once() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let habits = habits(&ada).await;
    let mut screen = ada.screen().await;
    let start = screen.subscribe().await;
    drop(screen);
    let (epoch, seq) = (start["epoch"].as_str().unwrap().to_owned(), start["seq"].as_i64().unwrap());
    let writing = tokio::spawn({
        let ada = ada.clone();
        async move { complete(&ada, &habits, 300).await }
    });
    let (mut seen, mut at) = (Vec::new(), seq);
    let mut rng = Rng::new(3, 3);
    while seen.len() < 600 {
        let mut screen = ada.screen().await;
        screen.resume(&epoch, at).await;
        // Leaves in the middle, wherever that is.
        let most = 1 + usize::try_from(rng.next_u64() % 60).unwrap();
        for _ in 0..most.min(600 - seen.len()) {
            at = screen.event(|_| true).await["seq"].as_i64().unwrap();
            seen.push(at);
        }
    }
    writing.await.unwrap();
    assert_eq!(seen, logged(&house, &ada, seq));
    house.is_well().await;
}

#[tokio::test]
async fn a_screen_from_another_life_of_the_database_gets_the_rows_as_they_are() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_person(&ada, "bob@example.org").await;
    bob.habit("Not hers").await;
    for n in 0..230 {
        ada.habit(&format!("Habit {n}")).await;
    }
    let gone = ada.habit("Gone").await;
    assert_eq!(ada.ask(Method::DELETE, &format!("/api/habits/{gone}"), None).await.0.as_u16(), 204);
    let epoch = ada.screen().await.subscribe().await["epoch"].as_str().unwrap().to_owned();
    // An epoch nobody knows, and a place in the log that is yet to come.
    for (theirs, seq) in [("0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d", 3), (epoch.as_str(), 1_000_000)] {
        let head = Database::open(&house.database()).head();
        let mut screen = ada.screen().await;
        let result = screen.resume(theirs, seq).await;
        assert_eq!(result["resync"], true);
        assert_eq!((&result["epoch"], &result["seq"]), (&json!(epoch), &json!(head)));
        let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
        loop {
            let page = screen.hear().await;
            assert_eq!(page["type"], "rows");
            for row in page["rows"].as_array().unwrap() {
                let (table, id) = (row["table"].as_str().unwrap(), row["row"]["id"].as_str().unwrap());
                rows.entry(table.to_owned()).or_default().push(id.to_owned());
            }
            if page["more"] == false {
                break;
            }
        }
        let database = Database::open(&house.database());
        for table in ["users", "habits", "completions", "devices", "device_bindings"] {
            let expected = database.living(table, &format!("u:{}", ada.user_id));
            let mut got = rows.remove(table).unwrap_or_default();
            got.sort();
            assert_eq!(got, expected, "{table}");
        }
        assert!(rows.is_empty(), "{rows:?}");
        // And from there on as usual.
        let habit = ada.habit("One more").await;
        let event = screen.event(|_| true).await;
        assert_eq!((&event["row"]["id"], &event["seq"]), (&json!(habit), &json!(head + 1)));
    }
    house.is_well().await;
}

/// A reader that never reads: bounded for the hub, unnoticed by others, complete when it comes back.
#[tokio::test]
async fn a_screen_that_never_reads_costs_the_others_nothing_and_resumes() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let habit = ada.habit("Glasses").await;
    let mut lazy = Screen::open_narrow(&house.url(""), &ada.token).await;
    let start = lazy.subscribe().await;
    let (epoch, seq) = (start["epoch"].as_str().unwrap().to_owned(), start["seq"].as_i64().unwrap());
    let mut eager = ada.screen().await;
    eager.subscribe().await;
    let before = house.memory();

    // More than the sockets in between can hold.
    let count = 3000;
    let path = format!("/api/habits/{habit}");
    let writing = async {
        let edit = |n: usize| {
            let (ada, path) = (&ada, &path);
            async move {
                let body = json!({ "description": format!("{n} {}", "long ".repeat(390)) });
                let (status, answer) = ada.ask(Method::PATCH, path, Some(body)).await;
                assert!(status.is_success(), "{status} {answer}");
            }
        };
        futures_util::stream::iter(0..count).for_each_concurrent(8, edit).await;
    };
    let reading = async {
        let mut slowest = Duration::ZERO;
        for _ in 0..count {
            let asked = Instant::now();
            eager.event(|_| true).await;
            slowest = slowest.max(asked.elapsed());
        }
        slowest
    };
    let ((), slowest) = tokio::join!(writing, reading);
    assert!(slowest < Duration::from_secs(5), "the eager screen waited {slowest:?} for a change");
    assert!(house.memory() < before + 40 * 1024, "{} KiB before, {} after", before, house.memory());

    // It is closed for it, and told why if it can still hear.
    until("the lazy screen to be closed", async || {
        let metrics = house.http.get(house.url("/metrics")).send().await.unwrap().text().await.unwrap();
        metrics.contains("kairos_websocket_clients 1\n").then_some(())
    })
    .await;
    let mut last = seq;
    let code = loop {
        match lazy.hear_or_end().await {
            Ok(heard) => last = heard["event"]["seq"].as_i64().unwrap_or(last),
            Err(code) => break code,
        }
    };
    assert!(code.is_none() || code == Some(4008), "{code:?}");
    let head = Database::open(&house.database()).head();
    assert!(last < head, "everything fitted in between: the story shows nothing");

    let mut back = ada.screen().await;
    back.resume(&epoch, last).await;
    assert_eq!(seqs(&events_until(&mut back, head).await), logged(&house, &ada, last));
    house.is_well().await;
}

#[tokio::test]
async fn nonsense_on_the_websocket_is_answered_or_ends_it() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let base = house.url("");

    // Before the sign-in: anything but a good token ends it.
    let bad = [
        Message::text("hello?"),
        Message::text("{}"),
        Message::text(r#"{"type":"auth"}"#),
        Message::text(r#"{"type":"auth","access_token":"nonsense"}"#),
        Message::text(r#"{"type":"subscribe","id":1}"#),
        Message::text("[".repeat(60_000)),
        Message::binary(vec![0, 159, 146, 150]),
        Message::text("x".repeat(100_000)),
    ];
    for message in bad {
        let mut screen = Screen::connect(&base).await;
        assert_eq!(screen.hear().await["type"], "auth_required");
        let _ = screen.throw(message.clone()).await;
        loop {
            match screen.hear_or_end().await {
                Ok(heard) => assert_eq!(heard["type"], "auth_invalid"),
                Err(code) => {
                    assert!(matches!(code, None | Some(4001 | 1009)), "{code:?}");
                    break;
                }
            }
        }
    }

    // After it: what cannot be understood is answered, and the conversation goes on.
    let mut screen = ada.screen().await;
    for (message, id, code) in [
        (Message::text("hello?"), 0, "invalid_message"),
        (Message::text("[]"), 0, "invalid_message"),
        (Message::text(r#"{"id":-1,"type":"ping"}"#), 0, "invalid_message"),
        (Message::text(r#"{"id":7}"#), 7, "invalid_message"),
        (Message::text(r#"{"id":8,"type":"dance"}"#), 8, "unknown_type"),
        (Message::text(r#"{"id":9,"type":"call","command":"explode","habit_id":"x"}"#), 9, "invalid"),
        (Message::text(r#"{"id":10,"type":"call","command":"complete","habit_id":"x"}"#), 10, "not_found"),
        (Message::text("[".repeat(60_000)), 0, "invalid_message"),
        (Message::binary(vec![1, 2, 3]), 0, "invalid_message"),
    ] {
        assert!(screen.throw(message.clone()).await);
        let heard = screen.hear().await;
        assert_eq!(heard["success"], false, "{message}");
        assert_eq!((&heard["id"], &heard["error"]["code"]), (&json!(id), &json!(code)), "{message}");
    }
    assert_eq!(screen.call("ping", json!({})).await["type"], "pong");

    // Too large is the end of it, before it is read.
    let _ = screen.throw(Message::text("x".repeat(70 * 1024))).await;
    assert!(screen.hear_or_end().await.is_err());
    house.is_well().await;
}

#[tokio::test]
async fn whoever_does_not_say_who_they_are_is_shown_out() {
    let mut house = House::start().await;
    let begun = Instant::now();
    house.set_up().await;
    let mut silent = Screen::connect(&house.url("")).await;
    assert_eq!(silent.hear().await["type"], "auth_required");
    assert!(silent.hear_or_end().await.is_err());
    assert!(begun.elapsed() > Duration::from_secs(8) && begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    house.is_well().await;
}

/// Words that are nearly right, by the thousand.
#[tokio::test]
async fn thousands_of_mangled_messages_leave_the_websocket_in_order() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let habit = ada.habit("Glasses").await;
    let mut rng = Rng::new(99, 0);
    let words = [
        json!({ "id": 1, "type": "subscribe", "after": { "epoch": "x", "seq": 1 }, "today": true }),
        json!({ "id": 2, "type": "call", "command": "complete", "habit_id": habit, "value": 1 }),
        json!({ "id": 3, "type": "call", "command": "undo", "habit_id": habit, "date": "2026-01-01" }),
        json!({ "id": 4, "type": "ping" }),
    ];
    let mut screen = ada.screen().await;
    for _ in 0..scaled(3000) {
        let mut bytes = words[usize::try_from(rng.next_u64() % 4).unwrap()].to_string().into_bytes();
        for _ in 0..=rng.next_u64() % 4 {
            let at = usize::try_from(rng.next_u64()).unwrap_or(0) % bytes.len();
            bytes[at] = u8::try_from(rng.next_u64() % 256).unwrap();
        }
        let message = match String::from_utf8(bytes) {
            Ok(text) => Message::text(text),
            Err(error) => Message::binary(error.into_bytes()),
        };
        assert!(screen.throw(message).await, "closed for a mangled message");
        // Something is answered, unless it asked for nothing that has an answer.
        screen.hear().await;
    }
    drop(screen);
    let mut screen = ada.screen().await;
    assert_eq!(screen.call("ping", json!({})).await["type"], "pong");
    Database::open(&house.database()).is_consistent();
    house.is_well().await;
}
