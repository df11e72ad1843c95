//! Rows that were deleted leave the log, and no reader that was away keeps them.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::Message;

use super::*;

/// With what they were before, enough of them to wear a bucket; each alone would not.
const MANY: usize = 2600;
const LATER: Millis = 11 * 60_000;

fn cells(of: &Person, from: usize, gone: bool) -> Vec<Written> {
    let cell = |n: usize| Written { gone, ..Written::cell(&format!("c{n}"), of, "h", "2026-11-01") };
    (from..from + MANY).map(cell).collect()
}

impl House {
    /// Ada, with a token that outlives what she waits for.
    async fn patient(&self) -> Person {
        let made = self.ada.ask("POST", "/api/tokens", Some(&json!({ "name": "patient" }))).await.body;
        Person { token: made["token"].as_str().unwrap().to_owned(), ..self.ada.clone() }
    }

    /// Compacts the log once what was deleted is no longer fresh; gives how many buckets began anew.
    async fn compact_later(&self) -> usize {
        self.clock.set(self.clock.now() + LATER);
        self.hub.store().compact().await.unwrap().renewed
    }

    async fn delete(&self, id: &str) {
        self.clock.set(self.clock.now() + 1);
        let habit = Written { gone: true, ..Written::habit(id, &self.ada, "Goes") };
        // Not as the newest change, by which everybody knows where the log ends.
        self.write([vec![habit], cells(&self.ada, 0, true)].concat()).await;
    }
}

#[tokio::test]
async fn a_client_that_was_away_while_deleted_rows_left_the_log_ends_without_them() {
    let house = House::new().await;
    let ada = &house.ada;
    let month = json!([{ "stream": "watch_recent", "parameters": { "month": "2026-11" } }]);
    house.write(vec![Written::habit("stays", ada, "Stays"), Written::habit("goes", ada, "Goes")]).await;
    house.write(cells(ada, 0, false)).await;
    house.write(vec![Written::cell("kept", ada, "h", "2026-11-02")]).await;
    let (mut away, mut here) = (Replica::new("away"), Replica::new("here"));
    ada.subscribe(&mut away, &month).await.complete(&mut away).await;
    let mut stream = ada.subscribe(&mut here, &month).await;
    stream.complete(&mut here).await;
    assert_eq!(away.ids("completions").len(), MANY + 1);
    house.delete("goes").await;
    stream.complete(&mut here).await;
    assert_eq!(house.hub.store().compact().await.unwrap().renewed, 0, "somebody may be reading them just now");
    assert_eq!(house.compact_later().await, 1);
    // One that is connected is told of the new generation, one that was away hears of it, and one that is new has little to read.
    stream.complete(&mut here).await;
    ada.subscribe(&mut away, &month).await.complete(&mut away).await;
    let mut fresh = Replica::new("fresh");
    ada.subscribe(&mut fresh, &month).await.complete(&mut fresh).await;
    assert!(fresh.ops < 50, "{} operations", fresh.ops);
    for replica in [&away, &here] {
        assert_eq!(replica.rows, fresh.rows);
        assert!(replica.row("habits", "stays").is_some() && replica.row("habits", "goes").is_none());
        assert_eq!(replica.ids("completions").into_iter().collect::<Vec<_>>(), ["kept"]);
    }
    // The log goes on where it was.
    house.write(vec![Written { gone: true, ..Written::habit("stays", ada, "Stays") }]).await;
    stream.complete(&mut here).await;
    assert!(here.row("habits", "stays").is_none());
}

async fn changes(of: &Person, query: &str) -> Answer {
    of.ask("GET", &format!("/api/changes?{query}"), None).await
}

/// Reads the log from a place to its end; gives the last answer's cursor, and the ids of rows that were named.
async fn follow(of: &Person, mut query: String, pages: usize) -> (String, Vec<String>) {
    let mut ids = Vec::new();
    for _ in 0..pages {
        let answer = changes(of, &format!("{query}&limit=2")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let items = answer.body["items"].as_array().unwrap();
        ids.extend(items.iter().map(|item| item["row"]["id"].as_str().unwrap().to_owned()));
        query = format!("epoch={}&after={}", answer.body["epoch"].as_str().unwrap(), answer.body["next"]);
        if items.is_empty() {
            break;
        }
    }
    (query, ids)
}

#[tokio::test]
async fn a_reader_of_the_log_that_may_have_missed_a_deletion_starts_again() {
    let house = House::new().await;
    let ada = &house.patient().await;
    let habits = (0..6).map(|n| Written::habit(&format!("h{n}"), ada, "Stays"));
    house.write(habits.chain([Written::habit("goes", ada, "Goes")]).collect()).await;
    house.write(cells(ada, 0, false)).await;
    let (before, _) = follow(ada, "after=0".into(), 2).await;
    house.delete("goes").await;
    assert_eq!(house.compact_later().await, 1);
    let refused = changes(ada, &before).await;
    assert_eq!((refused.status, &refused.body["error"]["code"]), (410, &json!("resync")));
    // From the beginning all of it is whole, page by page.
    let (begun, some) = follow(ada, "after=0".into(), 2).await;
    let (end, rest) = follow(ada, begun.clone(), 1000).await;
    let ids = [some, rest].concat();
    assert!(ids.contains(&"h5".to_owned()) && !ids.contains(&"goes".to_owned()), "{ids:?}");
    // Who has begun, and was away when more left it, has perhaps rows of the past; who had come to its end has not missed any.
    house.write(cells(ada, 0, false)).await;
    house.delete("h5").await;
    let (end, ids) = follow(ada, end, 10_000).await;
    assert!(ids.contains(&"h5".to_owned()));
    assert_eq!(house.compact_later().await, 1);
    assert_eq!(changes(ada, &begun).await.status, 410);
    assert_eq!(changes(ada, &end).await.status, 200);
    assert_eq!(changes(ada, "epoch=another.7&after=3").await.status, 410);
}

/// What a screen is told that comes back to a place.
async fn resume(of: &Person, after: &Value) -> Value {
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", of.port)).await.unwrap();
    let address = format!("ws://127.0.0.1:{}/api/websocket", of.port);
    let (mut socket, _) = tokio_tungstenite::client_async(address, stream).await.unwrap();
    for said in
        [json!({ "type": "auth", "access_token": of.token }), json!({ "id": 1, "type": "subscribe", "after": after })]
    {
        socket.send(Message::text(said.to_string())).await.unwrap();
    }
    loop {
        let heard = socket.next().await.unwrap().unwrap();
        let heard: Value = serde_json::from_str(heard.to_text().unwrap()).unwrap();
        if heard["type"] == "result" {
            return heard["result"].clone();
        }
    }
}

#[tokio::test]
async fn a_screen_that_may_have_missed_a_deletion_gets_the_rows_as_they_are() {
    let house = House::new().await;
    let ada = &house.ada;
    house.write(vec![Written::habit("stays", ada, "Stays"), Written::habit("goes", ada, "Goes")]).await;
    let before = resume(ada, &Value::Null).await;
    house.write(cells(ada, 0, false)).await;
    house.delete("goes").await;
    assert_eq!(resume(ada, &before).await.get("resync"), None, "the log still tells it");
    let after = resume(ada, &Value::Null).await;
    assert_eq!(house.compact_later().await, 1);
    assert_eq!(resume(ada, &before).await["resync"], true);
    assert_eq!(resume(ada, &after).await.get("resync"), None);
}

#[tokio::test]
async fn who_left_a_household_does_not_go_on_from_when_they_were_in_it() {
    let house = House::new().await;
    let (ada, bo) = (&house.ada, house.add("bo").await);
    house.member("home", &bo, false).await;
    let joined = async || changes(&bo, "").await.body["items"].to_string().contains("h:home");
    while !joined().await {
        tokio::task::yield_now().await;
    }
    // Page by page, also those before they came.
    let (before, ids) = follow(&bo, "after=0".into(), 1000).await;
    assert!(ids.contains(&"home".to_owned()));
    house.member("home", &bo, true).await;
    assert_eq!(changes(&bo, &before).await.status, 410);
    let shared = |gone| -> Vec<Written> {
        let cell = |n| Written::new(&COMPLETIONS, &format!("s{n}"), "h:home", &ada.user, &[]);
        (0..MANY).map(|n| Written { gone, ..cell(n) }).collect()
    };
    house.write(shared(false)).await;
    house.clock.set(house.clock.now() + 1);
    house.write(shared(true)).await;
    assert_eq!(house.compact_later().await, 1);
    assert_eq!(changes(&bo, &before).await.status, 410, "that they left is in the log no longer");
}
