//! What time itself does: days that pass, phases, offers of a way back.
//!
//! The engine follows the log like any outlet and wakes when somebody's day has ended. For each habit that may be
//! concerned it works out what follows from its days ([`upkeep`]) and, where the store says something else, sends a
//! [`Wish::Keep`] through the one door. Being off for a year, running twice, or two hubs running at once makes no
//! difference to what is written: everything follows from the days themselves, with derived ids. Where hubs share a server
//! one of them does it for each scope, as long as its lease holds ([`Leases`]).

pub(crate) mod upkeep;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kairos_core::Millis;
use kairos_core::change::{Change, Op};
use kairos_core::command::{Command, Wish};
use kairos_core::day::{Date, next_day_start};
use kairos_core::ids::{CommandId, HabitId, UserId};
use kairos_core::plan::Person;
use kairos_core::principal::{Principal, Via};
use kairos_core::schema::HABITS;
use kairos_core::scope::Scope;
use serde::Deserialize;
use tokio::sync::watch;

use crate::commands::Commands;
use crate::health::{Board, State};
use crate::leases::Leases;
use crate::store::{Store, StoreError};
use upkeep::GRACE;

/// How long presses are gathered before their habits are looked at.
const GATHER: Duration = Duration::from_millis(200);
/// How long the engine rests after the store could not answer.
const REST: Duration = Duration::from_secs(5);

/// Runs until it is dropped.
pub(crate) async fn run(store: Store, commands: Commands, board: Board, leases: Leases) {
    let mut engine = Engine {
        as_of: store.feed().head(),
        settled: store.watch_imports(),
        held: BTreeSet::new(),
        left: BTreeSet::new(),
        leases,
        store,
        commands,
        people: BTreeMap::new(),
        due: BTreeSet::new(),
        all: true,
    };
    loop {
        match engine.round().await {
            Ok(()) => board.set("engine", State::Ok),
            Err(error) => {
                board.set("engine", State::Degraded(format!("days that passed cannot be noted now: {error}")));
                engine.all = true;
                tokio::time::sleep(REST).await;
            }
        }
    }
}

struct Engine {
    store: Store,
    commands: Commands,
    /// How far this has followed the log.
    as_of: i64,
    people: BTreeMap<String, Watched>,
    /// Habits to look at.
    due: BTreeSet<HabitId>,
    /// Whether every habit is to be looked at.
    all: bool,
    /// Habits of people whose import is not settled: of half a file nothing follows.
    held: BTreeSet<HabitId>,
    /// Hears of imports that are settled.
    settled: watch::Receiver<u64>,
    /// What other hubs do.
    leases: Leases,
    /// Habits that are left to other hubs.
    left: BTreeSet<HabitId>,
}

/// A person, as far as their days concern the engine.
struct Watched {
    person: Person,
    /// The day last looked at.
    looked_at: Date,
    /// Their habits, and whether a deed of the present day may change where one stands.
    habits: BTreeMap<HabitId, bool>,
}

/// What of a row tells which habit it concerns.
#[derive(Deserialize)]
struct Named {
    habit_id: Option<String>,
    date: Option<String>,
}

impl Engine {
    /// Looks at every habit that may be concerned, then waits for the next reason to.
    async fn round(&mut self) -> Result<(), StoreError> {
        self.turn().await?;
        while let Some(habit) = self.due.pop_first() {
            if let Err(error) = self.look(&habit).await {
                self.due.insert(habit);
                return Err(error);
            }
        }
        let mut news = self.store.feed().watch();
        let clock = self.store.clock().clone();
        let wake = self.next_turn(clock.now());
        tokio::select! {
            () = clock.sleep_until(wake) => {}
            () = newer(&mut news, self.as_of) => tokio::time::sleep(GATHER).await,
            () = settles(&mut self.settled) => self.due.append(&mut self.held),
            () = self.leases.freed() => self.due.append(&mut self.left),
        }
        self.follow();
        Ok(())
    }

    /// Finds whose day has ended since the last look, and what is new.
    async fn turn(&mut self) -> Result<(), StoreError> {
        let now = self.store.clock().now();
        let turned = self.people.values().any(|watched| today(&watched.person, now) != watched.looked_at);
        if !self.all && !turned {
            return Ok(());
        }
        let mut people: BTreeMap<String, Watched> = BTreeMap::new();
        #[allow(clippy::redundant_closure_for_method_calls)] // the method alone is not general enough in its lifetime
        let all = self.store.read(|snapshot| snapshot.habits_and_people()).await?;
        for (habit, user, person) in all {
            let day = today(&person, now);
            let before = self.people.get(&user);
            if self.all || before.is_none_or(|before| before.looked_at != day || !before.habits.contains_key(&habit)) {
                self.due.insert(habit.clone());
            }
            let calm = before.and_then(|before| before.habits.get(&habit)).copied().unwrap_or(true);
            people
                .entry(user)
                .or_insert_with(|| Watched { person, looked_at: day, habits: BTreeMap::new() })
                .habits
                .insert(habit, calm);
        }
        self.people = people;
        self.all = false;
        Ok(())
    }

    /// When the next person's day has ended.
    fn next_turn(&self, now: Millis) -> Millis {
        let ends = self.people.values().map(|watched| {
            let person = &watched.person;
            next_day_start(now.saturating_sub(GRACE), &person.zone, person.day_start_min).saturating_add(GRACE)
        });
        // Also where nobody's day ends: the clock may be set meanwhile.
        ends.min().unwrap_or(Millis::MAX).min(now.saturating_add(24 * 3_600_000))
    }

    /// Works out one habit, and writes where the store differs.
    async fn look(&mut self, habit: &HabitId) -> Result<(), StoreError> {
        let clock = self.store.clock().clone();
        let (id, leases) = (habit.clone(), self.leases.clone());
        let read = self.store.read(move |snapshot| {
            let now = clock.now();
            if let Some(row) = snapshot.row(&HABITS, id.as_str())? {
                if leases.leaves(&row.scope) {
                    return Ok(Look::Left);
                }
                if snapshot.is_importing(row.user_id.as_str())? {
                    return Ok(Look::Held);
                }
            }
            Ok(snapshot.life(&id)?.map_or(Look::Gone, |life| {
                let phase = life.habit.text("phase");
                let waits = life.sessions.iter().any(|session| session.text("status") == "PENDING");
                let eager = waits || phase == "LAPSED" || phase == "RELAPSED";
                let nothing = upkeep::upkeep(&life, now).is_nothing();
                let (user, scope) = (life.habit.user_id.clone(), life.habit.scope.clone());
                Look::Seen(nothing, eager, user, scope, Box::new(life.person))
            }))
        });
        let (nothing, eager, user, scope, person) = match read.await? {
            Look::Seen(nothing, eager, user, scope, person) => (nothing, eager, user, scope, *person),
            Look::Held => {
                self.held.insert(habit.clone());
                return Ok(());
            }
            Look::Left => {
                self.left.insert(habit.clone());
                return Ok(());
            }
            Look::Gone => return Ok(()),
        };
        let looked_at = today(&person, self.store.clock().now());
        let watched = self.people.entry(user.to_string()).or_insert_with(|| Watched {
            person: person.clone(),
            looked_at,
            habits: BTreeMap::new(),
        });
        watched.person = person;
        watched.habits.insert(habit.clone(), eager || !nothing);
        if nothing {
            return Ok(());
        }
        let by = Principal { user, via: Via::Engine, admin: false, scopes: vec![scope] };
        let id = CommandId::mint(self.store.clock().now(), crate::random::bytes());
        self.commands.submit(Command { id, by, wish: Wish::Keep { habit: habit.clone() } }).await.map(drop)
    }

    /// Takes in what the log has brought.
    fn follow(&mut self) {
        let now = self.store.clock().now();
        let (people, due, all) = (&self.people, &mut self.due, &mut self.all);
        let reached = self.store.feed().follow(self.as_of, |change| match concerned(people, change, now) {
            Concerned::Habit(habit) => drop(due.insert(habit)),
            Concerned::Person(user) => match people.get(&user) {
                Some(watched) => due.extend(watched.habits.keys().cloned()),
                None => *all = true,
            },
            Concerned::Everyone => *all = true,
            Concerned::Nobody => {}
        });
        match reached {
            Some(reached) => self.as_of = reached,
            None => {
                self.as_of = self.store.feed().head();
                self.all = true;
            }
        }
    }
}

/// What a look at a habit found.
enum Look {
    /// Whether nothing is to be written and whether it waits for deeds; whose it is.
    Seen(bool, bool, UserId, Scope, Box<Person>),
    /// An import of its person is not settled.
    Held,
    /// Another hub sees to it.
    Left,
    /// There is no such habit.
    Gone,
}

/// Waits until an import is settled; for ever once the store is gone.
async fn settles(settled: &mut watch::Receiver<u64>) {
    if settled.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Waits until the log has gone on; for ever once the store is closed.
async fn newer(news: &mut watch::Receiver<i64>, than: i64) {
    if news.wait_for(|head| *head > than).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Whose habits a change may concern.
enum Concerned {
    Habit(HabitId),
    Person(String),
    Everyone,
    Nobody,
}

fn concerned(people: &BTreeMap<String, Watched>, change: &Change, now: Millis) -> Concerned {
    let everyone_here = || match &change.scope {
        Scope::Person(user) => Concerned::Person(user.to_string()),
        Scope::Household(_) => Concerned::Everyone,
    };
    match change.table {
        "habits" => HabitId::new(change.row_id.as_str()).map_or(Concerned::Nobody, Concerned::Habit),
        "users" => everyone_here(),
        "habit_schedules" | "pauses" | "recovery_sessions" | "completions" => {
            let named: Option<Named> = change.row.as_deref().and_then(|row| serde_json::from_str(row).ok());
            let Some(habit) = named.as_ref().and_then(|named| HabitId::new(named.habit_id.clone()?).ok()) else {
                // A row that is gone does not say whose it was.
                return everyone_here();
            };
            let known = people.values().find_map(|watched| Some((watched, *watched.habits.get(&habit)?)));
            let date = named.and_then(|named| named.date);
            match known {
                // A deed of the present day changes nothing where no offer waits: most presses end here.
                Some((watched, false))
                    if change.op == Op::Put && date == Some(today(&watched.person, now).to_string()) =>
                {
                    Concerned::Nobody
                }
                _ => Concerned::Habit(habit),
            }
        }
        _ => Concerned::Nobody,
    }
}

/// The day the engine looks at.
fn today(person: &Person, now: Millis) -> Date {
    person.today(now.saturating_sub(GRACE))
}

#[cfg(test)]
mod tests;
