//! What a client gets, in which order, and that it adds up.

use super::*;

#[tokio::test]
async fn a_first_sync_a_change_and_a_return() {
    let house = House::new().await;
    let ada = &house.ada;
    let water = ada.habit("Water").await;
    let mut phone = Replica::new("phone");
    let mut stream = ada.sync(&mut phone).await;
    stream.complete(&mut phone).await;
    assert_eq!(phone.kinds, ["checkpoint", "data", "checkpoint_complete"]);
    assert_eq!(phone.streams, json!([{ "name": "me", "is_default": true, "errors": [] }]));
    assert_eq!(phone.row("habits", &water).unwrap()["name"], "Water");
    assert!(phone.ids("completion_events").is_empty() && phone.buckets.len() == 1);

    // A change: a diff, its data, complete. One transaction comes whole.
    phone.kinds.clear();
    ada.complete(&water).await;
    stream.until(&mut phone, "the day", |phone| !phone.ids("completions").is_empty()).await;
    assert_eq!(phone.kinds, ["checkpoint_diff", "data", "checkpoint_complete"]);
    assert!(phone.ids("completion_events").is_empty(), "events come on request");

    // A removal.
    let answer = ada.ask("DELETE", &format!("/api/habits/{water}"), None).await;
    assert!(answer.status < 300, "{answer:?}");
    stream.until(&mut phone, "the removal", |phone| phone.row("habits", &water).is_none()).await;

    // Back without a change: nothing but the checkpoint travels.
    drop(stream);
    let ops = phone.ops;
    let mut stream = ada.sync(&mut phone).await;
    stream.complete(&mut phone).await;
    assert_eq!(phone.kinds, ["checkpoint", "checkpoint_complete"]);
    assert_eq!(phone.ops, ops);
    assert!(stream.body_bytes < 2048, "{} bytes", stream.body_bytes);
    drop(stream);

    // Back after a change: only what changed, and back as one that is ahead of the log, or knows other buckets.
    let read = ada.habit("Read").await;
    let mut stream = ada.sync(&mut phone).await;
    stream.complete(&mut phone).await;
    assert_eq!(phone.ops, ops + 1);
    assert!(phone.row("habits", &read).is_some());
    let name = phone.buckets.keys().next().unwrap().clone();
    let ahead = json!({ "raw_data": true, "buckets": [{ "name": name, "after": "999999" }, { "name": "other", "after": "5" }] });
    let mut stream = SyncStream::open(house.port, &ada.token, &ahead, false).await;
    assert!(stream.line().await.unwrap()["checkpoint"].is_object());
    assert!(stream.line().await.unwrap()["checkpoint_complete"].is_object());
}

/// Each exchange that was recorded between the PowerSync Service and its SDK: the lines in their order, each with its kind and
/// the names of all its fields. But for `subkey`, which tells rows of one id apart that came by several queries: here a row
/// is in a bucket once, and no line has it.
fn recorded() -> Vec<Vec<String>> {
    let mut exchanges = Vec::new();
    for line in include_str!("recorded.txt").lines() {
        if line.starts_with('#') {
            exchanges.push(Vec::new());
        } else {
            exchanges.last_mut().unwrap().push(line.replace(" subkey}", "}"));
        }
    }
    exchanges
}

/// The recorded exchange again, with the hub in the service's place: two buckets of different priority, three changes (the
/// last with a write checkpoint), a return after a change, a return with a subscription.
#[tokio::test]
async fn lines_come_as_they_were_recorded() {
    let [live, back, mut subscribed] = recorded().try_into().unwrap();
    let house = House::new().await;
    let ada = &house.ada;
    house.member("home", ada, false).await;
    let shared = |name: &str| Written::new(&HABITS, "dishes", "h:home", &ada.user, &[("name", name.into())]);
    house.write(vec![shared("Dishes"), Written::event("e", ada, "water", "2026-11-24")]).await;
    let mut phone = Replica::new("phone");
    let mut stream = until_member(ada, &mut phone, 2).await;
    let mut heard = std::mem::take(&mut phone.shapes);
    let mut gone = shared("Dishes");
    gone.gone = true;
    for change in [shared("Pots"), gone] {
        house.write(vec![change]).await;
        stream.complete(&mut phone).await;
        heard.append(&mut phone.shapes);
    }
    // There the number waits for what was written to be replicated, and both come together. Here that has gone out before
    // the number is asked for: the same line comes first without the number, and then the number alone.
    house.write(vec![shared("Pans")]).await;
    stream.complete(&mut phone).await;
    heard.append(&mut phone.shapes);
    assert_eq!(ada.write_checkpoint("phone").await, 1);
    stream.until(&mut phone, "the number", |phone| phone.write_checkpoint == 1).await;
    let alone =
        ["checkpoint_diff {last_op_id removed_buckets[] updated_buckets[] write_checkpoint}", live.last().unwrap()];
    assert_eq!(phone.shapes, alone);
    let live: Vec<String> = live.iter().map(|line| line.replace("]}] write_checkpoint}", "]}]}")).collect();
    assert_eq!(heard, live);
    drop(stream);
    house.write(vec![shared("Plates")]).await;
    let mut stream = ada.sync(&mut phone).await;
    stream.complete(&mut phone).await;
    assert_eq!(phone.shapes, back);
    drop(stream);
    house.write(vec![Written::habit("water", ada, "Water")]).await;
    ada.sync(&mut phone).await.complete(&mut phone).await;
    let subscription = json!([{ "stream": "events", "parameters": { "habit": "water" }, "override_priority": null }]);
    let mut stream = ada.subscribe(&mut phone, &subscription).await;
    stream.complete(&mut phone).await;
    // Here there are three priorities, two of which have nothing new.
    subscribed.insert(1, subscribed[1].clone());
    assert_eq!(phone.shapes, subscribed);
}

/// A client that takes its time over a first sync, while the log is made shorter and goes on.
#[tokio::test]
async fn a_slow_first_sync_survives_a_compaction() {
    let house = House::new().await;
    let ada = &house.ada;
    let note = "x".repeat(4000);
    let cells = |from: usize, version: &str| -> Vec<Written> {
        let cell = |n: usize| {
            let mut cell = Written::cell(&format!("c{n}"), ada, "h", "2026-11-01");
            cell.columns.push(("note", format!("{version}{note}").into()));
            cell
        };
        (from..from + 600).map(cell).collect()
    };
    for from in [0, 600, 1200, 1800] {
        house.write(cells(from, "one")).await;
    }
    let mut slow = Replica::new("slow");
    let mut stream = ada.sync(&mut slow).await;
    for from in [0, 600, 1200, 1800] {
        house.clock.set(house.clock.now() + 1);
        house.write(cells(from, "two")).await;
    }
    let compacted = house.hub.store().compact().await.unwrap();
    assert!(compacted.emptied >= 2400, "{compacted:?}");
    let all_new = |replica: &Replica| {
        let notes = replica.rows.values().filter_map(|row| row["note"].as_str());
        notes.filter(|note| note.starts_with("two")).count() == 2400
    };
    // Whatever is shown is whole: each checkpoint is one moment.
    stream.complete(&mut slow).await;
    assert_eq!(slow.ids("completions").len(), 2400);
    stream.until(&mut slow, "the present", all_new).await;
    let mut late = Replica::new("late");
    ada.sync(&mut late).await.complete(&mut late).await;
    assert_eq!(late.rows, slow.rows);
}

#[tokio::test]
async fn a_write_checkpoint_comes_without_a_change_and_stays() {
    let house = House::new().await;
    let ada = &house.ada;
    let (mut phone, mut watch) = (Replica::new("phone"), Replica::new("watch"));
    let mut stream = ada.sync(&mut phone).await;
    let mut other = ada.sync(&mut watch).await;
    stream.complete(&mut phone).await;
    other.complete(&mut watch).await;
    phone.kinds.clear();
    assert_eq!(ada.write_checkpoint("phone").await, 1);
    stream.complete(&mut phone).await;
    assert_eq!((phone.kinds.join(" "), phone.write_checkpoint), ("checkpoint_diff checkpoint_complete".into(), 1));
    assert_eq!(ada.write_checkpoint("phone").await, 2);
    stream.complete(&mut phone).await;
    // It stands in every line from then on.
    let water = ada.habit("Water").await;
    stream.until(&mut phone, "the habit", |phone| phone.row("habits", &water).is_some()).await;
    other.until(&mut watch, "the habit", |watch| watch.row("habits", &water).is_some()).await;
    assert_eq!((phone.write_checkpoint, watch.write_checkpoint), (2, 0));

    let request = |id: &str| json!({ "client_id": "phone", "checkpoint_request_id": id });
    for (asked, given) in [("5", "5"), ("3", "5"), ("9223372036854775807", "")] {
        let answer = ada.ask("POST", "/sync/checkpoint-request", Some(&request(asked))).await;
        let told = &answer.body["data"]["checkpoint_request_id"];
        assert_eq!(told.as_str().unwrap_or_default(), given, "{answer:?}");
    }
    stream.until(&mut phone, "the number", |phone| phone.write_checkpoint == 5).await;
    let mut again = ada.sync(&mut phone).await;
    again.complete(&mut phone).await;
    assert_eq!(phone.write_checkpoint, 5);
    assert_eq!(ada.write_checkpoint("").await, 1);
    let bo = house.add("bo").await;
    assert_eq!(bo.write_checkpoint("phone").await, 1, "each person counts for themselves");
}

#[tokio::test]
async fn many_rows_come_in_bounded_lines_and_in_both_forms() {
    let house = House::new().await;
    let ada = &house.ada;
    for from in [0, 1500] {
        let rows =
            (from..from + 1500).map(|n| Written::habit(&format!("h{n}"), ada, "A \"quoted\" \\ name 💧")).collect();
        house.write(rows).await;
    }
    let large = "a line\nof \"many\"\u{1}".repeat(20 * 1024);
    let mut note = Written::cell("large", ada, "h1", "2026-11-24");
    note.columns.push(("note", large.as_str().into()));
    house.write(vec![note]).await;
    let mut phone = Replica::new("phone");
    phone.connect();
    // The same in gzip, a few bytes.
    let mut stream = SyncStream::open(house.port, &ada.token, &phone.request(&json!([])), true).await;
    stream.complete(&mut phone).await;
    assert_eq!(phone.ids("habits").len(), 3000);
    assert_eq!(phone.row("habits", "h7").unwrap()["name"], "A \"quoted\" \\ name 💧");
    let lines = phone.kinds.iter().filter(|kind| *kind == "data").count();
    assert!(lines > 8, "{lines} lines");
    assert!(stream.body_bytes < 700_000, "{} bytes", stream.body_bytes);
    house.write(vec![Written::habit("water", ada, "Water")]).await;
    stream.until(&mut phone, "a change in gzip", |phone| phone.ids("habits").len() == 3001).await;
    house.hub.stop().await;
    assert!(stream.line().await.is_none(), "the last piece ends the gzip stream");
}

#[tokio::test]
async fn clients_of_old_get_rows_as_objects() {
    let house = House::new().await;
    house.ada.habit("Water").await;
    let mut stream = SyncStream::open(house.port, &house.ada.token, &json!({}), false).await;
    stream.line().await;
    let data = stream.line().await.unwrap();
    let ops = data["data"]["data"].as_array().unwrap();
    assert!(ops.iter().any(|op| op["data"]["name"] == "Water"), "{data}");
}

#[tokio::test]
async fn streams_with_parameters_come_with_sums_of_their_own() {
    let house = House::new().await;
    let (ada, bo) = (&house.ada, house.add("bo").await);
    let foreign = bo.habit("Secret").await;
    let rows = vec![
        Written::habit("water", ada, "Water"),
        Written::event("e1", ada, "water", "2026-11-01"),
        Written::cell("c1", ada, "water", "2026-11-01"),
        Written::cell("c2", ada, "water", "2026-10-31"),
        Written::event("e2", ada, "read", "2026-11-02"),
    ];
    house.write(rows).await;
    let subscriptions = json!([
        { "stream": "nonsense", "parameters": { "a": 1 }, "override_priority": null },
        { "stream": "events", "parameters": { "habit": "water" }, "override_priority": null },
        { "stream": "watch_recent", "parameters": { "month": "2026-11" }, "override_priority": 0 },
        { "stream": "events", "parameters": { "habit": foreign }, "override_priority": null },
        { "stream": "events", "parameters": { "habit": "nobody's" }, "override_priority": null },
        { "stream": "watch_recent", "parameters": null, "override_priority": null },
        { "stream": "events", "parameters": { "habit": "water" }, "override_priority": 2 },
        { "stream": "me", "parameters": {}, "override_priority": null },
    ]);
    let mut phone = Replica::new("phone");
    let mut stream = ada.subscribe(&mut phone, &subscriptions).await;
    stream.complete(&mut phone).await;
    let partial = "partial_checkpoint_complete";
    let kinds: Vec<&str> = phone.kinds.iter().map(String::as_str).collect();
    // The month at priority 0, one's own rows at 1, the events at 2.
    assert_eq!(kinds, ["checkpoint", "data", partial, "data", partial, "data", "checkpoint_complete"]);
    assert_eq!(phone.ids("completion_events").into_iter().collect::<Vec<_>>(), ["e1"]);
    assert_eq!(phone.buckets.len(), 3);
    let error = |at: usize, message: &str| json!({ "subscription": at, "message": message });
    assert_eq!(
        phone.streams,
        json!([
            { "name": "me", "is_default": true, "errors": [] },
            { "name": "nonsense", "is_default": false, "errors": [error(0, "There is no such stream.")] },
            { "name": "events", "is_default": false,
              "errors": [error(3, "There is no such habit."), error(4, "There is no such habit.")] },
            { "name": "watch_recent", "is_default": false,
              "errors": [error(5, "The parameter month is a month such as 2026-11.")] },
        ])
    );
    // What concerns another habit or month says nothing; what concerns these does.
    phone.kinds.clear();
    house.write(vec![Written::event("e3", ada, "read", "2026-11-03")]).await;
    house.write(vec![Written::event("e4", ada, "water", "2026-11-03")]).await;
    stream.until(&mut phone, "the event", |phone| phone.ids("completion_events").len() == 2).await;
    assert_eq!(phone.kinds, ["checkpoint_diff", "data", "checkpoint_complete"]);
    house.write(vec![Written::cell("c3", ada, "water", "2026-11-03")]).await;
    stream.until(&mut phone, "the cell", |phone| phone.row("completions", "c3").is_some()).await;
    drop(stream);
    // Somebody who wants only this gets only this.
    let mut watch = Replica::new("watch");
    let mut request = watch.request(&json!([{ "stream": "watch_recent", "parameters": { "month": "2026-11" } }]));
    request["streams"]["include_defaults"] = false.into();
    watch.connect();
    let mut stream = SyncStream::open(house.port, &ada.token, &request, false).await;
    stream.complete(&mut watch).await;
    assert_eq!(watch.rows.len(), 2);
    assert_eq!(watch.kinds, ["checkpoint", "data", "checkpoint_complete"]);
}

#[tokio::test]
async fn a_stream_for_a_habit_that_is_not_there_yet_begins_again_once_it_is() {
    let house = House::new().await;
    let (ada, bo) = (&house.ada, house.add("bo").await);
    let subscription = json!([{ "stream": "events", "parameters": { "habit": "later" }, "override_priority": null }]);
    let mut phone = Replica::new("phone");
    let mut stream = ada.subscribe(&mut phone, &subscription).await;
    stream.complete(&mut phone).await;
    assert_eq!(phone.streams[1]["errors"][0]["message"], "There is no such habit.");
    // Another habit does not end it.
    house.write(vec![Written::habit("other", ada, "Other")]).await;
    stream.complete(&mut phone).await;
    // As a phone's upload brings it.
    house.write(vec![Written::habit("later", ada, "Later"), Written::event("e", ada, "later", "2026-11-01")]).await;
    stream.complete(&mut phone).await;
    assert!(stream.line().await.is_none(), "it ends, for the client to come back");
    let mut stream = ada.subscribe(&mut phone, &subscription).await;
    stream.complete(&mut phone).await;
    assert_eq!(phone.ids("completion_events").len(), 1);
    let mut theirs = Replica::new("theirs");
    let mut stream = bo.subscribe(&mut theirs, &subscription).await;
    stream.complete(&mut theirs).await;
    house.write(vec![Written::habit("later", ada, "Later on"), Written::habit("bos", &bo, "Bo's")]).await;
    stream.complete(&mut theirs).await;
    assert_eq!(theirs.ids("habits").len(), 1, "a habit of somebody else does not end it");
    house.write(vec![Written::habit("bos", &bo, "Bo's own")]).await;
    stream.complete(&mut theirs).await;
}

#[tokio::test]
async fn what_is_compacted_away_keeps_its_number_and_a_new_generation_comes_under_a_new_name() {
    let house = House::new().await;
    let ada = &house.ada;
    for name in ["One", "Two", "Three"] {
        house.write(vec![Written::habit("h", ada, name), Written::cell("c", ada, "h", "2026-11-01")]).await;
    }
    let month = json!([{ "stream": "watch_recent", "parameters": { "month": "2026-11" } }]);
    let mut early = Replica::new("early");
    ada.subscribe(&mut early, &month).await.complete(&mut early).await;
    house
        .compact(
            "UPDATE changes SET op = 'MOVE', row_json = NULL WHERE tbl IN ('habits', 'completions')
         AND seq < (SELECT max(seq) FROM changes AS c WHERE c.row_id = changes.row_id AND c.tbl = changes.tbl)",
        )
        .await;
    let mut late = Replica::new("late");
    let mut stream = ada.subscribe(&mut late, &month).await;
    stream.complete(&mut late).await;
    let mut again = ada.subscribe(&mut early, &month).await;
    again.complete(&mut early).await;
    assert_eq!(late.rows, early.rows);
    assert_eq!(late.row("habits", "h").unwrap()["name"], "Three");

    let before: Vec<String> = late.buckets.keys().cloned().collect();
    house.compact(
        "DELETE FROM changes WHERE op = 'MOVE';
         UPDATE buckets SET generation = generation + 1,
           checksum = (SELECT sum(checksum) & 4294967295 FROM changes WHERE scope = buckets.scope AND tbl <> 'completion_events'),
           count = (SELECT count(*) FROM changes WHERE scope = buckets.scope AND tbl <> 'completion_events')
         WHERE stream = 'rows'",
    )
    .await;
    house.hub.store().say_new_generations();
    stream.complete(&mut late).await;
    again.complete(&mut early).await;
    assert!(late.buckets.keys().all(|name| !before.contains(name)) && late.buckets.len() == 2);
    assert_eq!(late.rows, early.rows);
    house.write(vec![Written::cell("c", ada, "h", "2026-11-01")]).await;
    stream.complete(&mut late).await;
}
