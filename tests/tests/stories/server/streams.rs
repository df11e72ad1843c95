//! Phones away from home: who would get which row from a PowerSync Service with the shipped streams, as PowerSync's own
//! parser tells it over the rows of a real Postgres. The service itself is not run here.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kairos_core::schema::{COMPLETION_EVENTS, Stream, TABLES};
use kairos_tests::streams::{reader, shipped, through};
use kairos_tests::sync_client::{Replica, SyncStream};
use kairos_tests::{House, Person, Postgres};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{at, row};

/// A row of each table, living and deleted, for Ada, Bo and their household, and one of a household that is not theirs.
async fn furnished(postgres: &Postgres) {
    let mut all = Vec::new();
    for table in TABLES {
        for (scope, name) in [("u:ada", "ada"), ("u:bo", "bo"), ("h:1", "ours"), ("h:2", "theirs")] {
            for (id, deleted) in [(name.to_owned(), "NULL"), (format!("{name}-gone"), "5")] {
                let keyed: &[(&str, &str)] = match table.name {
                    "completions" | "completion_events" => &[("habit_id", "'h'"), ("date", "'2026-11-30'")],
                    _ => &[],
                };
                let columns = [keyed, &[("deleted_at", deleted)]].concat();
                all.push(row(table.name, &id, scope, &columns, &at(0)));
            }
        }
    }
    // Ada and Bo are in the first household. Cy was; Di says so in a scope of her own, which is not enough.
    let member = |id: &str, scope: &str, who: &str, deleted: &str| {
        let columns = [("household_id", "'1'"), ("deleted_at", deleted)];
        row("household_members", id, scope, &columns, &at(0)).replace("'ada', 17", &format!("'{who}', 17"))
    };
    all.push(member("m-ada", "h:1", "ada", "NULL"));
    all.push(member("m-bo", "h:1", "bo", "NULL"));
    all.push(member("m-cy", "h:1", "cy", "5"));
    all.push(member("m-di", "u:di", "di", "NULL"));
    let other = [("habit_id", "'other'"), ("date", "'2026-10-01'")];
    all.push(row("completion_events", "other", "u:ada", &other, &at(0)));
    all.push(row("completions", "october", "u:ada", &other, &at(0)));
    // As a hub writes, without the fence of one person.
    postgres.psql(&format!("SET session_replication_role = replica; {}", all.join(";\n"))).await;
}

#[tokio::test]
async fn each_phone_would_get_its_own_rows_and_those_of_its_household_and_no_other() {
    let postgres = Postgres::with_tables().await;
    furnished(&postgres).await;
    let asked = json!({ "events": [{ "habit": "h" }], "watch_recent": [{ "month": "2026-10" }] });
    let [ada, bo, cy, di] = ["ada", "bo", "cy", "di"].map(|user| reader(user, &json!({})));
    let said = through(&postgres, &shipped(), &[ada, bo, cy, di, reader("ada", &asked)]).await;
    assert_eq!(said.problems, Vec::<String>::new());
    let [ada, bo, cy, di, more] = said.seen.as_slice() else { panic!("{said:?}") };
    for table in TABLES {
        let members = if table.name == "household_members" { " m-ada m-bo" } else { "" };
        let expected = |own: &str, household: bool| match (table.stream, own, household) {
            (Stream::Rows, own, true) => {
                let mut ids: Vec<&str> = own.split(' ').chain(["ours"]).chain(members.split_whitespace()).collect();
                ids.sort_unstable();
                ids.join(" ")
            }
            (Stream::Rows, own, false) => own.to_owned(),
            _ => String::new(),
        };
        let of_ada = if table.name == "completions" { "ada october" } else { "ada" };
        assert_eq!(ada.ids(table.name), expected(of_ada, true), "{}", table.name);
        assert_eq!(bo.ids(table.name), expected("bo", true), "{}", table.name);
        assert_eq!(cy.ids(table.name), "", "{}", table.name);
        let of_di = if table.name == "household_members" { "m-di" } else { "" };
        assert_eq!(di.ids(table.name), of_di, "{}", table.name);
    }
    // One bucket for oneself, one for each household.
    assert_eq!((ada.buckets, bo.buckets, cy.buckets, di.buckets), (2, 2, 1, 1));
    // Events of one habit, of oneself and of the household, when they are asked for.
    assert_eq!(more.ids("completion_events"), "ada ours");
    assert_eq!(more.errors, Vec::<Value>::new());
    let urgency = |table: &str, id: &str| more.rows[&(table.to_owned(), id.to_owned())].0;
    assert_eq!((urgency("habits", "ada"), urgency("habits", "ours"), urgency("completion_events", "ada")), (1, 2, 3));
}

#[tokio::test]
async fn a_watch_would_get_its_month() {
    let postgres = Postgres::with_tables().await;
    furnished(&postgres).await;
    // A stream that everybody gets would hide what was asked for.
    let alone = shipped().replace("auto_subscribe: true", "auto_subscribe: false");
    let asked = json!({ "watch_recent": [{ "month": "2026-10" }], "events": [{ "habit": "nobody's" }] });
    let said = through(&postgres, &alone, &[reader("ada", &asked), reader("bo", &asked)]).await;
    assert_eq!(said.problems, Vec::<String>::new());
    let all = |n: usize| said.seen[n].rows.keys().map(|(table, id)| format!("{table} {id}")).collect::<Vec<_>>();
    assert_eq!(all(0), ["completions october"]);
    assert_eq!(all(1), Vec::<String>::new());
}

async fn until_synced(person: &Person) {
    let begun = Instant::now();
    loop {
        let said = person.get("/api/sync/status").await;
        if said["state"] == "synced" && said["pending"] == 0 {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{said}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A row as its reader compares it: 3 and 3.0 are one number, and columns nobody described stand beside the others.
fn plain(row: &Map<String, Value>) -> BTreeMap<String, Value> {
    let mut row = row.clone();
    let extra = row.remove("extra").and_then(|extra| serde_json::from_str::<Value>(extra.as_str()?).ok());
    row.extend(extra.and_then(|extra| extra.as_object().cloned()).unwrap_or_default());
    let number = |value: Value| value.as_f64().map_or(value, Value::from);
    row.into_iter().map(|(name, value)| (name, number(value))).collect()
}

#[tokio::test]
async fn a_phone_would_get_from_the_server_what_it_gets_from_the_hub() {
    let server = Postgres::new().await;
    let house = House::start().await;
    let ada = house.set_up().await;
    let bo = house.add_person(&ada, "bo@example.org").await;
    bo.habit("Bo's own").await;
    let (water, read) = (ada.counted_habit("Water", 8.0).await, ada.habit("Read").await);
    for amount in [1, 2] {
        ada.post(&format!("/api/habits/{water}/complete"), json!({ "value": amount, "note": "with \u{e9}\u{1f4a7}" }))
            .await;
    }
    ada.post(&format!("/api/habits/{read}/skip"), json!({ "reason": "TRAVELING" })).await;
    let gone = ada.habit("Gone").await;
    ada.ask(Method::DELETE, &format!("/api/habits/{gone}"), None).await;
    ada.button("Kitchen", &water, "add").await;
    // A column of a later version, and something that cannot be applied.
    let batch = json!([
        { "op": "PATCH", "type": "habits", "id": read, "data": { "mood": "good", "weight": 1.5 } },
        { "op": "PUT", "type": "routines", "id": "morning", "data": { "name": "Morning" } },
        { "op": "PUT", "type": "routine_habits", "id": "step", "data": { "routine_id": "morning", "habit_id": read, "sort_key": "1" } },
        { "op": "PUT", "type": "pauses", "id": "pause", "data": { "from_date": "2030-01-05", "to_date": "2030-01-01" } },
    ]);
    ada.post("/api/data", json!({ "batch": batch })).await;
    let (status, said) = ada.ask(Method::PUT, "/api/upstream", Some(json!({ "url": server.url("kairos") }))).await;
    assert_eq!(status, 200, "{said}");
    until_synced(&ada).await;

    let month = ada.item(&water).await["date"].as_str().unwrap()[..7].to_owned();
    let asked = [("events", json!({ "habit": water })), ("watch_recent", json!({ "month": month }))];
    let subscriptions: Vec<Value> =
        asked.iter().map(|(name, with)| json!({ "stream": name, "parameters": with })).collect();
    let of_powersync: Map<String, Value> = asked.iter().map(|(name, with)| ((*name).into(), json!([with]))).collect();

    let mut phone = Replica::new("phone");
    let body = phone.request(&subscriptions.into());
    SyncStream::open(house.ports.http, &ada.token, &body, false).await.complete(&mut phone).await;
    let said = through(&server, &shipped(), &[reader(&ada.user_id, &of_powersync.into())]).await;
    assert_eq!((said.problems.len(), said.seen[0].errors.len()), (0, 0), "{said:?}");

    let of_hub: BTreeMap<_, _> = phone.rows.iter().map(|(key, row)| (key, plain(row.as_object().unwrap()))).collect();
    let of_server: BTreeMap<_, _> = said.seen[0].rows.iter().map(|(key, (_, row))| (key, plain(row))).collect();
    assert_eq!(of_hub.keys().collect::<Vec<_>>(), of_server.keys().collect::<Vec<_>>());
    for (key, row) in &of_hub {
        assert_eq!(row, &of_server[*key], "{key:?}");
    }
    let count = |table: &str| of_hub.keys().filter(|(of, _)| of == table).count();
    println!("{} rows are the same, {} events among them", of_hub.len(), count(COMPLETION_EVENTS.name));
    assert_eq!((count("habits"), count("completion_events"), count("conflicts")), (2, 2, 1));
    assert_eq!(of_hub.values().filter(|row| row.get("mood") == Some(&json!("good"))).count(), 1);
    drop(bo);
}
