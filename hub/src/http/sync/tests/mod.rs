//! Sync over real sockets, with a clock that is moved by hand and a client that checks every number it is told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access;
mod edges;
mod flow;
mod gone;
mod time;
mod uploads;

#[allow(missing_docs, dead_code, unreachable_pub)]
#[path = "../../../../../tests/src/sync_client.rs"]
mod client;

use std::net::SocketAddr;

use kairos_core::Millis;
use kairos_core::change::Origin;
use kairos_core::ids::UserId;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETION_EVENTS, COMPLETIONS, HABITS, HOUSEHOLD_MEMBERS, HOUSEHOLDS, Table};
use kairos_core::scope::Scope;
use kairos_core::value::Value as Column;
use serde_json::{Value, json};

use self::client::{Answer, Replica, SyncStream, ask, ask_with};
use crate::clock::Clock;
use crate::config::Config;
use crate::hub::Hub;

/// 2026-11-24T10:00:00Z
const NOON: Millis = 1_795_514_400_000;
const PASSWORD: &str = "a long enough password";

/// A hub and its people.
struct House {
    hub: Hub,
    clock: Clock,
    port: u16,
    ada: Person,
    _dir: tempfile::TempDir,
}

#[derive(Clone)]
struct Person {
    port: u16,
    user: String,
    token: String,
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(NOON);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut config = Config { data_dir: dir.path().join("data"), ..Config::default() };
        (config.http.listen, config.mqtt.listen) = (any, any);
        config.tls.mode = crate::config::TlsMode::Off;
        config.discovery.enabled = false;
        let hub = Box::pin(Hub::start(&config, clock.clone())).await.unwrap();
        let port = hub.addresses.http.port();
        let code = hub.auth().setup_code().unwrap();
        let first =
            json!({ "setup_code": code, "email": "ada@example.org", "password": PASSWORD, "display_name": "Ada" });
        let answer = ask(port, "POST", "/api/setup", "", Some(&first)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let ada = Person::of(port, &answer.body);
        Self { hub, clock, port, ada, _dir: dir }
    }

    async fn add(&self, name: &str) -> Person {
        let email = format!("{name}@example.org");
        let new = json!({ "email": email, "password": PASSWORD, "display_name": name, "role": "member" });
        assert_eq!(self.ada.ask("POST", "/api/users", Some(&new)).await.status, 201);
        let login = json!({ "email": email, "password": PASSWORD });
        Person::of(self.port, &ask(self.port, "POST", "/api/auth/login", "", Some(&login)).await.body)
    }

    /// Writes rows in one transaction, which nobody can ask for yet.
    async fn write(&self, rows: Vec<Written>) {
        let work = move |tx: &mut crate::store::Tx<'_>| {
            for written in &rows {
                let at = tx.tick();
                let user = UserId::new(written.user.as_str()).unwrap();
                let scope = Scope::parse(&written.scope).unwrap();
                let mut row = Row::new(written.table, written.id.as_str(), scope, user, tx.now());
                for (name, value) in &written.columns {
                    row.set(name, value.clone(), &at);
                }
                if written.gone {
                    row.set_deleted(Some(tx.now()), &at);
                }
                tx.put(&row, Origin::Local)?;
            }
            Ok(())
        };
        self.hub.store().write(work).await.unwrap();
    }

    /// Writes SQL that compaction will one day.
    async fn compact(&self, sql: &'static str) {
        self.hub.store().write(move |tx| tx.execute_for_test(sql)).await.unwrap();
    }

    async fn member(&self, household: &str, person: &Person, gone: bool) {
        let scope = format!("h:{household}");
        let mut rows = vec![Written::new(&HOUSEHOLDS, household, &scope, &self.ada.user, &[("name", "Home".into())])];
        let id = format!("{household}-{}", person.user);
        let mut member =
            Written::new(&HOUSEHOLD_MEMBERS, &id, &scope, &person.user, &[("household_id", household.into())]);
        member.gone = gone;
        rows.push(member);
        self.write(rows).await;
    }
}

/// A row as tests write it.
#[derive(Clone)]
struct Written {
    table: &'static Table,
    id: String,
    scope: String,
    user: String,
    columns: Vec<(&'static str, Column)>,
    gone: bool,
}

impl Written {
    fn new(table: &'static Table, id: &str, scope: &str, user: &str, columns: &[(&'static str, Column)]) -> Self {
        let (id, scope, user) = (id.to_owned(), scope.to_owned(), user.to_owned());
        Self { table, id, scope, user, columns: columns.to_vec(), gone: false }
    }

    fn habit(id: &str, of: &Person, name: &str) -> Self {
        Self::new(&HABITS, id, &format!("u:{}", of.user), &of.user, &[("name", name.into())])
    }

    fn event(id: &str, of: &Person, habit: &str, date: &str) -> Self {
        let columns = [("habit_id", habit.into()), ("date", date.into()), ("verb", "full".into())];
        Self::new(&COMPLETION_EVENTS, id, &format!("u:{}", of.user), &of.user, &columns)
    }

    fn cell(id: &str, of: &Person, habit: &str, date: &str) -> Self {
        let columns = [("habit_id", habit.into()), ("date", date.into())];
        Self::new(&COMPLETIONS, id, &format!("u:{}", of.user), &of.user, &columns)
    }
}

impl Person {
    fn of(port: u16, told: &Value) -> Self {
        let text = |name: &str| told[name].as_str().unwrap_or_else(|| panic!("no {name} in {told}")).to_owned();
        Self { port, user: text("user_id"), token: text("access_token") }
    }

    async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        ask(self.port, method, path, &format!("Authorization: Bearer {}\r\n", self.token), body).await
    }

    async fn habit(&self, name: &str) -> String {
        let answer = self.ask("POST", "/api/habits", Some(&json!({ "name": name }))).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["id"].as_str().unwrap().to_owned()
    }

    async fn complete(&self, habit: &str) {
        let answer = self.ask("POST", &format!("/api/habits/{habit}/complete"), Some(&json!({}))).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Connects as a client that has what the replica has.
    async fn sync(&self, replica: &mut Replica) -> SyncStream {
        self.subscribe(replica, &json!([])).await
    }

    async fn subscribe(&self, replica: &mut Replica, subscriptions: &Value) -> SyncStream {
        replica.connect();
        let stream = SyncStream::open(self.port, &self.token, &replica.request(subscriptions), false).await;
        assert_eq!(stream.status, 200);
        assert_eq!(stream.headers["content-type"], "application/x-ndjson");
        assert_eq!(stream.headers["x-accel-buffering"], "no");
        stream
    }

    async fn write_checkpoint(&self, client: &str) -> i64 {
        let answer = self.ask("GET", &format!("/write-checkpoint2.json?client_id={client}"), None).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["data"]["write_checkpoint"].as_str().unwrap().parse().unwrap()
    }
}

/// Connects until the client gets so many buckets: a membership is known a moment after it is written.
async fn until_member(person: &Person, replica: &mut Replica, buckets: usize) -> SyncStream {
    let begun = tokio::time::Instant::now();
    loop {
        let mut fresh = Replica::new(&replica.client_id);
        let mut stream = person.sync(&mut fresh).await;
        stream.complete(&mut fresh).await;
        if fresh.buckets.len() == buckets {
            *replica = fresh;
            return stream;
        }
        assert!(begun.elapsed().as_secs() < 10, "the membership is known");
    }
}
