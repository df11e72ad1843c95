//! Some hubs of one person, and one server.

use std::collections::BTreeMap;

use kairos_core::command::{Command, Deed, Outcome, When, Wish};
use kairos_core::event::Verb;
use kairos_core::ids::{CommandId, HabitId, UserId};
use kairos_core::merge::same;
use kairos_core::principal::{Principal, Via};
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETIONS, CONFLICTS, HABITS, TABLES, Table};
use kairos_core::scope::Scope;
use kairos_core::value::Value;
use kairos_postgres::Postgres;
use sqlx::{ConnectOptions as _, PgConnection};

use super::super::fault::Fault;
use super::super::handshake::Verdict;
use super::super::pulse::Pulse;
use super::super::replica::Replica;
use super::super::session::Who;
use super::super::{link, wire};
use crate::clock::Clock;
use crate::commands::Commands;
use crate::health::Board;
use crate::store::{Account, Store};

/// 2026-11-24T10:00:00Z
pub(super) const NOON: i64 = 1_795_514_400_000;

pub(super) fn ada() -> UserId {
    UserId::new("ada").unwrap()
}

pub(super) fn scope() -> Scope {
    Scope::Person(ada())
}

pub(super) struct Hub {
    pub(super) name: String,
    pub(super) store: Store,
    pub(super) door: Commands,
    pub(super) clock: Clock,
    pub(super) dir: tempfile::TempDir,
    pub(super) connection: Option<PgConnection>,
    pulse: Pulse,
    count: std::cell::Cell<u32>,
}

pub(super) struct World {
    pub(super) server: Postgres,
    pub(super) hubs: Vec<Hub>,
    pub(super) now: i64,
}

impl Hub {
    async fn new(name: &str, now: i64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(now);
        let store = Store::open(dir.path(), clock.clone(), &Board::default()).await.unwrap();
        store
            .write(|tx| {
                tx.add_account(&Account {
                    user: ada(),
                    email: "ada@example.org".into(),
                    password_hash: String::new(),
                    admin: true,
                    created_at: 0,
                    disabled_at: None,
                })
            })
            .await
            .unwrap();
        let door = Commands::new(store.clone());
        Self { name: name.into(), store, door, clock, dir, connection: None, pulse: Pulse::default(), count: 0.into() }
    }

    pub(super) async fn wish(&self, wish: Wish) -> Outcome {
        self.count.set(self.count.get() + 1);
        let id = CommandId::new(format!("{}-{}", self.name, self.count.get())).unwrap();
        let by = Principal { user: ada(), via: Via::Session, admin: false, scopes: vec![scope()] };
        self.door.submit(Command { id, by, wish }).await.unwrap().outcome
    }

    pub(super) async fn habit(&self, id: &str, fields: &[(&str, Value)]) -> HabitId {
        let id = HabitId::new(id).unwrap();
        let mut all: BTreeMap<String, Value> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        all.entry("name".into()).or_insert("Habit".into());
        let outcome = self.wish(Wish::AddHabit { id: id.clone(), fields: all }).await;
        assert_eq!(outcome, Outcome::Applied);
        id
    }

    pub(super) async fn edit(&self, id: &HabitId, name: &str, value: impl Into<Value>) -> Outcome {
        self.wish(Wish::EditHabit { id: id.clone(), fields: [(name.to_owned(), value.into())].into() }).await
    }

    pub(super) async fn deed(&self, habit: &HabitId, verb: Verb, days_ago: i64) -> Outcome {
        let when = When::Before(days_ago * 24 * 3_600_000);
        let (value, undo_of, date, note) = (None, None, None, None);
        let deed =
            Deed { habit: habit.clone(), verb, value, date, when, undo_of, skip_reason: None, note, press_id: None };
        self.wish(Wish::Record(deed)).await
    }

    async fn rows(&self, table: &'static Table) -> Vec<Row> {
        self.store.read(move |snapshot| snapshot.rows_in(table, &[scope()], "", 100_000)).await.unwrap()
    }

    pub(super) async fn row(&self, habit: &HabitId) -> Row {
        let id = habit.to_string();
        self.store.read(move |snapshot| snapshot.row(&HABITS, &id)).await.unwrap().unwrap()
    }

    pub(super) async fn cells(&self) -> Vec<Row> {
        self.rows(&COMPLETIONS).await
    }

    pub(super) async fn events(&self) -> Vec<Row> {
        self.rows(&kairos_core::schema::COMPLETION_EVENTS).await
    }

    pub(super) async fn conflicts(&self) -> Vec<Row> {
        self.rows(&CONFLICTS).await
    }

    fn who(&self) -> Who {
        let identity = self.store.identity();
        Who { hub: format!("{}/{}", identity.hub_id, identity.epoch), person: ada() }
    }

    /// Everything this hub and the server have to say to each other; gives whether anything moved here.
    pub(super) async fn sync(&mut self, url: &str) -> (Verdict, bool) {
        for _ in 0..10 {
            match self.try_sync(url).await {
                Ok(said) => return said,
                Err(fault) if fault.is_passing() => self.connection = None,
                Err(fault) => panic!("{fault}"),
            }
        }
        panic!("the server is busy for ever")
    }

    pub(super) async fn try_sync(&mut self, url: &str) -> Result<(Verdict, bool), Fault> {
        // What is cut leaves no connection behind.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => link::open(&link::address(url)?).await?,
        };
        let now = self.store.clock().now().to_string();
        sqlx::query("SELECT set_config('test.now', $1, false)").bind(now).execute(&mut connection).await?;
        let who = self.who();
        let replica =
            Replica { store: &self.store, commands: &self.door, who: &who, pulse: &self.pulse, scope: scope() };
        let before = self.store.feed().head();
        let verdict = replica.hello(&mut connection).await?;
        replica.settle(&mut connection).await?;
        while replica.push(&mut connection).await? {}
        while replica.listen(&mut connection).await? {}
        self.connection = Some(connection);
        Ok((verdict, self.store.feed().head() != before))
    }

    /// Writes words for a day.
    pub(super) async fn note(&self, habit: &HabitId, text: &str, days_ago: i64) -> Outcome {
        let when = When::Before(days_ago * 24 * 3_600_000);
        let deed = Deed {
            habit: habit.clone(),
            verb: Verb::Add,
            value: Some(1.0),
            date: None,
            when,
            undo_of: None,
            skip_reason: None,
            note: Some(text.to_owned()),
            press_id: None,
        };
        self.wish(Wish::Record(deed)).await
    }

    /// Copies the database, as a backup does.
    #[allow(clippy::disallowed_methods)] // stands for what `backup` does
    pub(super) async fn copy(&self) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("hub.db");
        let from = rusqlite::Connection::open_with_flags(self.store.path(), rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)
            .unwrap();
        from.execute("VACUUM INTO ?1", [to.to_str().unwrap()]).unwrap();
        dir
    }

    #[allow(clippy::disallowed_methods)] // stands for what `backup` does
    /// Goes on from a copy: another life of the database.
    pub(super) async fn restore(&mut self, copy: &tempfile::TempDir, now: i64) {
        self.connection = None;
        self.store.close().await;
        let dir = tempfile::tempdir().unwrap();
        let db = dir.path().join("hub.db");
        std::fs::copy(copy.path().join("hub.db"), &db).unwrap();
        let edit = rusqlite::Connection::open(&db).unwrap();
        edit.execute("DELETE FROM meta WHERE key IN ('epoch', 'node')", []).unwrap();
        drop(edit);
        let clock = Clock::manual(now);
        self.store = Store::open(dir.path(), clock.clone(), &Board::default()).await.unwrap();
        self.door = Commands::new(self.store.clone());
        (self.clock, self.dir) = (clock, dir);
    }
}

impl World {
    pub(super) async fn new(hubs: usize) -> Self {
        let server = Postgres::careless().await;
        tell_time(&server).await;
        let mut all = Vec::new();
        for n in 0..hubs {
            all.push(Hub::new(&format!("h{n}"), NOON).await);
        }
        Self { server, hubs: all, now: NOON }
    }

    pub(super) fn url(&self) -> String {
        self.server.url("postgres")
    }

    pub(super) fn advance(&mut self, by: i64) {
        self.now += by;
        for hub in &self.hubs {
            hub.clock.set(self.now);
        }
    }

    /// Until nobody has anything to say any more.
    pub(super) async fn settle(&mut self) {
        let url = self.url();
        for _ in 0..10 {
            self.advance(1000);
            let before = self.counter().await;
            let mut moved = false;
            for hub in &mut self.hubs {
                moved |= hub.sync(&url).await.1;
            }
            if !moved && self.counter().await == before {
                return;
            }
        }
        panic!("they answer each other for ever");
    }

    /// Runs a statement by hand.
    pub(super) async fn run(&self, sql: impl Into<String>) {
        let mut connection = link::address(&self.url()).unwrap().connect().await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.into())).execute(&mut connection).await.unwrap();
    }

    /// What a question by hand finds.
    pub(super) async fn texts(&self, sql: &'static str) -> Vec<String> {
        let mut connection = link::address(&self.url()).unwrap().connect().await.unwrap();
        sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
    }

    /// Where the server's counter stands.
    async fn counter(&self) -> Option<i64> {
        let mut connection = link::address(&self.url()).unwrap().connect().await.unwrap();
        let found = sqlx::query_scalar("SELECT seq FROM kairos.sync_clock").fetch_optional(&mut connection).await;
        found.ok().flatten()
    }

    /// All hubs and the server have the same: every row, every cell, every clock.
    pub(super) async fn check(&self) {
        let mut connection = link::address(&self.url()).unwrap().connect().await.unwrap();
        for table in TABLES.iter().copied() {
            let sql = format!("SELECT id FROM kairos.{} WHERE deleted_at IS NULL", table.name);
            let ids: Vec<String> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let there = wire::by_ids(&mut connection, table, &ids).await.unwrap().rows;
            for hub in &self.hubs {
                let here: BTreeMap<String, Row> =
                    hub.rows(table).await.into_iter().map(|row| (row.id.clone(), row)).collect();
                for (one, other, whose) in [(&here, &there, "there"), (&there, &here, "here")] {
                    for (id, row) in one {
                        let only = other.contains_key(id);
                        if !only {
                            let deleted = wire::by_ids(&mut connection, table, &[id]).await.unwrap();
                            println!(
                                "there: {:?}",
                                deleted
                                    .values()
                                    .map(|row| (row.to_json_text(), row.hlc().cloned(), row.deleted_at))
                                    .collect::<Vec<_>>()
                            );
                            let there: Vec<String> = sqlx::query_scalar("SELECT row_to_json(e)::text FROM kairos.completion_events e WHERE habit_id = $1 AND date = $2").bind(row.text("habit_id")).bind(row.text("date")).fetch_all(&mut connection).await.unwrap();
                            println!("events there: {there:#?}");
                            let here: Vec<_> = hub
                                .events()
                                .await
                                .into_iter()
                                .filter(|event| {
                                    event.text("habit_id") == row.text("habit_id")
                                        && event.text("date") == row.text("date")
                                })
                                .map(|row| row.to_json_text())
                                .collect();
                            println!("events here: {here:#?}");
                        }
                        assert!(only, "{} {id} of {} is not {whose}: {}", table.name, hub.name, row.to_json_text());
                    }
                }
                for (id, row) in &here {
                    let theirs = &there[id];
                    if !same(row, theirs) {
                        let who = hub.who();
                        let replica = Replica {
                            store: &hub.store,
                            commands: &hub.door,
                            who: &who,
                            pulse: &hub.pulse,
                            scope: scope(),
                        };
                        println!("{:?}", replica.link().await);
                        println!("{:?}", self.texts("SELECT (SELECT seq FROM kairos.sync_clock)::text || ' ' || string_agg(h::text, '; ') FROM kairos.hub_state h").await);
                        println!("{:?}", self.texts("SELECT id || ' ' || seq FROM kairos.habits").await);
                    }
                    assert!(same(row, theirs), "{} {id} of {}: {}", table.name, hub.name, differences(row, theirs));
                    let folded = |row: &Row| -> Vec<Value> {
                        row.table.columns.iter().map(|column| row.get(column.name)).collect()
                    };
                    assert_eq!(folded(row), folded(theirs), "{} {id} of {}", table.name, hub.name);
                }
            }
        }
    }
}

/// Has the server's clock be the one of who asks, as the hubs' is the test's.
async fn tell_time(server: &Postgres) {
    let options = link::address(&server.url("postgres")).unwrap();
    link::open(&options).await.unwrap();
    let sql = "CREATE OR REPLACE FUNCTION kairos.now_ms() RETURNS bigint LANGUAGE sql VOLATILE RETURN coalesce(
        nullif(current_setting('test.now', true), '')::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)";
    sqlx::raw_sql(sql).execute(&mut options.connect().await.unwrap()).await.unwrap();
}

/// What tells two rows apart.
fn differences(a: &Row, b: &Row) -> String {
    let mut told = Vec::new();
    for column in a.table.columns {
        if a.look(column.name) != b.look(column.name) {
            told.push(format!("{}: {:?} / {:?}", column.name, a.look(column.name), b.look(column.name)));
        }
    }
    for register in a.clocks.keys().chain(b.clocks.keys()) {
        if a.clocks.get(register) != b.clocks.get(register) {
            told.push(format!("at {register}: {:?} / {:?}", a.clocks.get(register), b.clocks.get(register)));
        }
    }
    told.push(format!(
        "{:?} {:?} {:?} / {:?} {:?} {:?}",
        a.created_at, a.user_id, a.extra, b.created_at, b.user_id, b.extra
    ));
    told.push(format!("deleted {:?} / {:?}", a.deleted_at, b.deleted_at));
    told.join("\n  ")
}
