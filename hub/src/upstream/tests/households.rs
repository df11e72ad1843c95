//! A household on two hubs, each with its own person, and the server between them that lets in whom it was told of.

use std::time::Duration;

use kairos_core::change::Origin;
use kairos_core::command::{Command, Deed, Outcome, When, Wish};
use kairos_core::event::Verb;
use kairos_core::ids::{CommandId, HabitId, HouseholdId, UserId};
use kairos_core::principal::{Principal, Via};
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETIONS, CONFLICTS, HABITS, HOUSEHOLD_MEMBERS, HOUSEHOLDS, Table};
use kairos_core::scope::Scope;
use kairos_core::value::Value;
use kairos_postgres::Postgres;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::super::{Ground, State, Status, Target, Upstream};
use crate::clock::Clock;
use crate::commands::Commands;
use crate::health::Board;
use crate::leases::Leases;
use crate::store::{Account, Store};

const HOME: &str = "home";

fn person(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn home() -> Scope {
    Scope::Household(HouseholdId::new(HOME).unwrap())
}

/// A hub of one person, which replicates by itself.
struct Hub {
    user: UserId,
    store: Store,
    door: Commands,
    leases: Leases,
    status: watch::Receiver<Status>,
    _dir: tempfile::TempDir,
    _running: AbortOnDropHandle<()>,
}

impl Hub {
    async fn start(name: &str, server: &Postgres) -> Self {
        let (dir, user) = (tempfile::tempdir().unwrap(), person(name));
        let store = Store::open(dir.path(), Clock::manual(super::world::NOON), &Board::default()).await.unwrap();
        let account = Account {
            user: user.clone(),
            email: format!("{name}@example.org"),
            password_hash: String::new(),
            admin: true,
            created_at: 0,
            disabled_at: None,
        };
        store.write(move |tx| tx.add_account(&account)).await.unwrap();
        let door = Commands::new(store.clone());
        let leases = Leases::default();
        let ground = Ground::new(store.clone(), door.clone(), leases.clone());
        let status = ground.pulse.status.subscribe();
        let target = Target { url: server.url("postgres"), ca: None };
        let upstream = Upstream::new(ground, &target).unwrap();
        let running = AbortOnDropHandle::new(tokio::spawn(upstream.run()));
        Self { user, store, door, leases, status, _dir: dir, _running: running }
    }

    async fn put(&self, table: &'static Table, id: &str, of: &UserId, columns: &[(&'static str, Value)]) {
        let (id, of, columns) = (id.to_owned(), of.clone(), columns.to_vec());
        let put = self.store.write(move |tx| {
            let at = tx.tick();
            let mut row = Row::new(table, &id, home(), of, tx.now());
            row.stamp_all(&at);
            // It may have been deleted before.
            row.set_deleted(None, &at);
            columns.into_iter().for_each(|(name, value)| row.set(name, value, &at));
            tx.put(&row, Origin::Local)
        });
        put.await.unwrap();
    }

    /// Takes somebody into the household.
    async fn take_in(&self, who: &UserId, role: &str) {
        let columns = [("household_id", HOME.into()), ("role", role.into())];
        self.put(&HOUSEHOLD_MEMBERS, &format!("{HOME}-{who}"), who, &columns).await;
    }

    /// Lets somebody go.
    async fn let_go(&self, who: &UserId) {
        let id = format!("{HOME}-{who}");
        let gone = self.store.write(move |tx| {
            let mut row = tx.row(&HOUSEHOLD_MEMBERS, &id)?.unwrap();
            let at = tx.tick();
            row.set_deleted(Some(tx.now()), &at);
            tx.put(&row, Origin::Local)
        });
        gone.await.unwrap();
    }

    async fn rows(&self, table: &'static Table) -> Vec<Row> {
        self.store.read(move |snapshot| snapshot.rows_in(table, &[home()], "", 1000)).await.unwrap()
    }

    /// A deed of this person in the household.
    async fn deed(&self, habit: &str, verb: Verb) -> Outcome {
        let by = Principal { user: self.user.clone(), via: Via::Session, admin: false, scopes: vec![home()] };
        let deed = Deed {
            habit: HabitId::new(habit).unwrap(),
            verb,
            value: None,
            date: None,
            when: When::Before(0),
            undo_of: None,
            skip_reason: None,
            note: None,
            press_id: None,
        };
        let id = CommandId::mint(self.store.clock().now(), crate::random::bytes());
        self.door.submit(Command { id, by, wish: Wish::Record(deed) }).await.unwrap().outcome
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..300 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} did not come about");
}

fn living(rows: &[Row]) -> usize {
    rows.iter().filter(|row| row.deleted_at.is_none()).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_household_travels_to_whom_its_administrator_took_in_and_no_longer_to_who_was_let_go() {
    let server = Postgres::careless().await;
    let (ada, bo) = (Hub::start("ada", &server).await, Hub::start("bo", &server).await);
    ada.put(&HOUSEHOLDS, HOME, &ada.user, &[("name", "Home".into()), ("created_by", "ada".into())]).await;
    ada.take_in(&ada.user, "admin").await;
    let habit = |name: &str, mode: &str| {
        [
            ("name", Value::from(name)),
            ("household_id", HOME.into()),
            ("completion_mode", mode.into()),
            ("start_date", "2026-11-01".into()),
        ]
    };
    ada.put(&HABITS, "dishes", &ada.user, &habit("Dishes", "ANYONE_ONCE")).await;
    ada.put(&HABITS, "teeth", &ada.user, &habit("Teeth", "EVERYONE")).await;
    until("the household is on the server", async || ada.status.borrow().state == State::Synced).await;

    // Bo believes to belong to it, and the server does not: nothing comes, nothing goes.
    bo.take_in(&bo.user, "member").await;
    until("it is said that it waits", async || {
        let status = bo.status.borrow().clone();
        status.state == State::Pending && status.pending == 1 && status.message.is_some()
    })
    .await;
    assert!(bo.rows(&HABITS).await.is_empty());

    ada.take_in(&bo.user, "member").await;
    until("the habits are on the other hub", async || bo.rows(&HABITS).await.len() == 2).await;
    until("and nothing waits", async || bo.status.borrow().state == State::Synced).await;

    // One of them does what time itself does, and the other leaves it.
    until("the lease is known to both", async || {
        [&ada, &bo].iter().filter(|hub| hub.leases.leaves(&home())).count() == 1
    })
    .await;

    // Both at once, before either hears of the other: a deed is an event, and both stand.
    for hub in [&ada, &bo] {
        assert_eq!(hub.deed("dishes", Verb::Full).await, Outcome::Applied);
        assert_eq!(hub.deed("teeth", Verb::Full).await, Outcome::Applied);
    }
    let cells = async |hub: &Hub| {
        let rows = hub.rows(&COMPLETIONS).await.into_iter().filter(|row| row.deleted_at.is_none());
        let mut told: Vec<_> =
            rows.map(|row| (row.text("habit_id"), row.text("actor"), row.text("type"), row.hlc().cloned())).collect();
        told.sort();
        told
    };
    until("both have the same cells", async || cells(&ada).await.len() == 3 && cells(&ada).await == cells(&bo).await)
        .await;
    let told: Vec<_> =
        cells(&bo).await.into_iter().map(|(habit, actor, kind, _)| format!("{habit} {actor} {kind}")).collect();
    assert_eq!(told, ["dishes  FULL", "teeth ada FULL", "teeth bo FULL"]);
    for hub in [&ada, &bo] {
        assert_eq!(living(&hub.rows(&kairos_core::schema::COMPLETION_EVENTS).await), 4);
        assert!(hub.rows(&CONFLICTS).await.is_empty());
    }

    // Who was let go hears nothing more of it, and says nothing more there.
    ada.let_go(&bo.user).await;
    let mut connection =
        super::super::link::open(&super::super::link::address(&server.url("postgres")).unwrap()).await.unwrap();
    until("the server knows", async || {
        let mut tx = super::super::session::begin(&mut connection, "bo", false).await.unwrap();
        let sees: bool =
            sqlx::query_scalar("SELECT 'h:home' = ANY(kairos.scopes())").fetch_one(&mut *tx).await.unwrap();
        !sees
    })
    .await;
    assert_eq!(ada.deed("dishes", Verb::Undo).await, Outcome::Applied);
    until("it is on the server", async || ada.status.borrow().state == State::Synced).await;
    assert_eq!(bo.deed("teeth", Verb::Undo).await, Outcome::Applied);
    // Bo's hub has heard of it, or has not and waits to be let in.
    until("it knows, or waits", async || {
        living(&bo.rows(&HOUSEHOLD_MEMBERS).await) == 1 || bo.status.borrow().state == State::Pending
    })
    .await;
    assert_eq!(living(&bo.rows(&kairos_core::schema::COMPLETION_EVENTS).await), 5, "its own of before, and the last");
    assert_eq!(living(&ada.rows(&kairos_core::schema::COMPLETION_EVENTS).await), 5);

    // Back again, both have everything.
    ada.take_in(&bo.user, "member").await;
    until("both have all", async || {
        let events = |rows: &[Row]| rows.iter().map(|row| row.id.clone()).collect::<std::collections::BTreeSet<_>>();
        let (one, other) = (
            events(&ada.rows(&kairos_core::schema::COMPLETION_EVENTS).await),
            events(&bo.rows(&kairos_core::schema::COMPLETION_EVENTS).await),
        );
        one.len() == 6 && one == other
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_says_so_before_the_door_closes_behind_them() {
    let server = Postgres::careless().await;
    let (ada, bo) = (Hub::start("ada", &server).await, Hub::start("bo", &server).await);
    ada.put(&HOUSEHOLDS, HOME, &ada.user, &[("name", "Home".into())]).await;
    ada.take_in(&ada.user, "admin").await;
    ada.take_in(&bo.user, "member").await;
    bo.take_in(&bo.user, "member").await;
    until("both have it", async || bo.rows(&HOUSEHOLDS).await.len() == 1).await;
    bo.let_go(&bo.user).await;
    until("the other hears of it", async || living(&ada.rows(&HOUSEHOLD_MEMBERS).await) == 1).await;
    until("and nothing waits for who left", async || {
        let status = bo.status.borrow().clone();
        status.state == State::Synced && status.pending == 0
    })
    .await;
}
