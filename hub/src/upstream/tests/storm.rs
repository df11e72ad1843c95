//! Three hubs and a server, and all that can happen to them, at random: deeds and edits, power cuts in the middle of anything,
//! a server that is set back, a hub that is restored, logs that are compacted, hands in the database, deletions that are
//! forgotten. In the end all have the same, and nothing that anybody was told is saved is gone.
//!
//! The generator is seeded; where the cuts fall depends on the machine as well.

use std::collections::{BTreeMap, BTreeSet};

use kairos_core::command::Outcome;
use kairos_core::event::Verb;
use kairos_core::hlc::Hlc;
use kairos_core::ids::HabitId;
use kairos_core::row::Row;
use kairos_core::schema::HABITS;
use kairos_core::value::Value;
use sqlx::{ConnectOptions as _, PgConnection};

use super::super::link;
use super::cut::Cut;
use super::world::{Hub, World};
use crate::random::Dice;

/// What was promised to be kept.
#[derive(Default)]
struct Ledger {
    /// Events that were recorded.
    events: BTreeSet<String>,
    /// The latest clock that was written to a register of a habit, and what was written.
    edits: BTreeMap<(String, &'static str), (Hlc, Value)>,
}

struct Storm {
    world: World,
    dice: Dice,
    ledger: Ledger,
    admin: PgConnection,
    /// What the server was like once.
    dump: bool,
    /// Copies of hubs.
    copies: BTreeMap<usize, tempfile::TempDir>,
    told: Vec<String>,
}

const REGISTERS: [&str; 3] = ["name", "color", "description"];

impl Storm {
    async fn new(seed: u64) -> Self {
        let mut world = World::new(3).await;
        world.settle().await;
        let admin = link::address(&world.url()).unwrap().connect().await.unwrap();
        Self {
            world,
            dice: Dice(seed),
            ledger: Ledger::default(),
            admin,
            dump: false,
            copies: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    async fn step(&mut self) {
        let by = *self.dice.of(&[1, 5, 1000, 20_000, 60_000]);
        self.world.advance(by);
        match self.dice.below(100) {
            0..30 => self.act().await,
            30..84 => self.sync().await,
            84..88 => self.compact().await,
            88..92 => self.by_hand().await,
            92..94 => self.dump().await,
            94..95 => self.set_back().await,
            95..97 => self.copy().await,
            97..98 => self.restore().await,
            98..99 => self.world.advance(8 * 24 * 3_600_000),
            _ => self.collect().await,
        }
    }

    /// Somebody does something on a hub.
    async fn act(&mut self) {
        let n = *self.dice.of(&[0, 1, 2]);
        let habit = HabitId::new(*self.dice.of(&["a", "b", "c"])).unwrap();
        let hub = &self.world.hubs[n];
        let before = hub.maybe_row(&habit).await;
        let alive = before.as_ref().is_some_and(|row| row.deleted_at.is_none());
        let word = format!("{n}-{}", self.dice.below(1_000_000));
        let register = *self.dice.of(&REGISTERS);
        let outcome = match self.dice.below(10) {
            _ if before.is_none() => {
                hub.wish(kairos_core::command::Wish::AddHabit {
                    id: habit.clone(),
                    fields: [
                        ("name".to_owned(), Value::from(word.as_str())),
                        ("kind".to_owned(), "measurable".into()),
                        ("target_value".to_owned(), Value::Real(3.0)),
                    ]
                    .into(),
                })
                .await
            }
            _ if !alive => return,
            0..4 => hub.edit(&habit, register, word.as_str()).await,
            4 if self.dice.once_in(6) => hub.wish(kairos_core::command::Wish::DeleteHabit { id: habit.clone() }).await,
            4 => {
                hub.edit(&habit, "target_value", Value::Real(f64::from(u8::try_from(1 + self.dice.below(4)).unwrap())))
                    .await
            }
            5..9 => {
                let verb = *self.dice.of(&[Verb::Add, Verb::Add, Verb::Skip, Verb::Undo]);
                let day = i64::try_from(self.dice.below(3)).unwrap();
                hub.deed(&habit, verb, day).await
            }
            _ => hub.note(&habit, &word, i64::try_from(self.dice.below(3)).unwrap()).await,
        };
        if outcome == Outcome::Applied {
            self.write_down(n, &habit).await;
        }
    }

    /// Notes what a hub has now and may not be lost any more.
    async fn write_down(&mut self, n: usize, habit: &HabitId) {
        let hub = &self.world.hubs[n];
        self.ledger.events.extend(hub.events().await.into_iter().map(|row| row.id));
        let Some(row) = hub.maybe_row(habit).await else { return };
        for register in REGISTERS {
            let Some(clock) = row.clocks.get(register) else { continue };
            let entry = self.ledger.edits.entry((row.id.clone(), register));
            let noted = entry.or_insert_with(|| (clock.clone(), row.get(register)));
            if noted.0 < *clock {
                *noted = (clock.clone(), row.get(register));
            }
        }
    }

    /// A hub and the server speak, and are cut somewhere, or not.
    async fn sync(&mut self) {
        let n = *self.dice.of(&[0, 1, 2]);
        let polls = if self.dice.once_in(3) { u32::MAX } else { u32::try_from(1 + self.dice.below(60)).unwrap() };
        let url = self.world.url();
        let hub = &mut self.world.hubs[n];
        let said = Cut::after(polls, hub.try_sync(&url)).await;
        match said {
            None => hub.connection = None,
            Some(Err(fault)) => {
                assert!(fault.is_passing(), "{fault}");
                hub.connection = None;
            }
            Some(Ok((verdict, _))) => self.told.push(format!("{} {verdict:?}", hub.name)),
        }
    }

    async fn compact(&mut self) {
        let n = *self.dice.of(&[0, 1, 2]);
        self.world.hubs[n].store.compact().await.unwrap();
    }

    /// Somebody edits the server's database.
    async fn by_hand(&mut self) {
        let ids: Vec<String> = sqlx::query_scalar("SELECT id FROM kairos.habits WHERE deleted_at IS NULL ORDER BY id")
            .fetch_all(&mut self.admin)
            .await
            .unwrap();
        if ids.is_empty() {
            return;
        }
        let id = self.dice.of(&ids).clone();
        match self.dice.below(4) {
            0..3 => {
                let name = format!("hand-{}", self.dice.below(1_000_000));
                sqlx::query("UPDATE kairos.habits SET name = $2 WHERE id = $1")
                    .bind(&id)
                    .bind(&name)
                    .execute(&mut self.admin)
                    .await
                    .unwrap();
                self.note_server(&id).await;
            }
            _ => {
                let name = format!("hand-{}", self.dice.below(1_000_000_000));
                let day = kairos_core::day::Date::new(2026, 11, 24).unwrap().to_string();
                sqlx::query(
                    "INSERT INTO kairos.completion_events (id, scope, user_id, habit_id, date, actor, verb, value, occurred_at, time_source, tz, tz_offset_min, source)
                     VALUES ($1, 'u:ada', 'ada', $2, $3, '', 'add', 1, 1795514400000, 'hub', 'UTC', 0, 'api')",
                )
                .bind(&name)
                .bind(&id)
                .bind(&day)
                .execute(&mut self.admin)
                .await
                .unwrap();
                self.ledger.events.insert(name);
            }
        }
    }

    async fn note_server(&mut self, id: &str) {
        let rows = super::super::wire::by_ids(&mut self.admin, &HABITS, &[id]).await.unwrap();
        let Some(row) = rows.get(id) else { return };
        if let Some(clock) = row.clocks.get("name") {
            let entry = self.ledger.edits.entry((id.to_owned(), "name"));
            let noted = entry.or_insert_with(|| (clock.clone(), row.get("name")));
            if noted.0 < *clock {
                *noted = (clock.clone(), row.get("name"));
            }
        }
    }

    /// The server's database is written away.
    async fn dump(&mut self) {
        let sql = "DROP SCHEMA IF EXISTS dump CASCADE; CREATE SCHEMA dump;
            DO $$ DECLARE t text; BEGIN
              FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'kairos' AND tablename NOT IN ('_sqlx_migrations', 'registers') LOOP
                EXECUTE format('CREATE TABLE dump.%I AS SELECT * FROM kairos.%I', t, t);
              END LOOP; END $$;";
        sqlx::raw_sql(sql).execute(&mut self.admin).await.unwrap();
        self.dump = true;
    }

    /// The server's database is what it was.
    async fn set_back(&mut self) {
        if !self.dump {
            return;
        }
        for hub in &mut self.world.hubs {
            hub.connection = None;
        }
        let sql = "SET session_replication_role = replica;
            DO $$ DECLARE t text; BEGIN
              FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'dump' LOOP
                EXECUTE format('DELETE FROM kairos.%I', t);
                EXECUTE format('INSERT INTO kairos.%I SELECT * FROM dump.%I', t, t);
              END LOOP; END $$;
            SET session_replication_role = origin;";
        sqlx::raw_sql(sql).execute(&mut self.admin).await.unwrap();
        self.told.push("SET BACK".into());
        self.forget_what_nobody_has().await;
    }

    async fn copy(&mut self) {
        let n = *self.dice.of(&[0, 1, 2]);
        let copy = self.world.hubs[n].copy().await;
        self.copies.insert(n, copy);
    }

    async fn restore(&mut self) {
        let n = *self.dice.of(&[0, 1, 2]);
        let Some(copy) = self.copies.get(&n) else { return };
        self.world.hubs[n].restore(copy, self.world.now).await;
        self.told.push(format!("RESTORED {}", self.world.hubs[n].name));
        self.forget_what_nobody_has().await;
    }

    /// Deletions are forgotten that every hub has read, or some of them.
    async fn collect(&mut self) {
        let sql = "SELECT set_config('kairos.user_id', 'ada', false)";
        sqlx::query(sql).execute(&mut self.admin).await.unwrap();
        sqlx::query("SELECT kairos.collect_some('u:ada', $1, $2, $3)")
            .bind(3_600_000_i64)
            .bind(self.world.now)
            .bind(*self.dice.of(&[1_i64, 2, 100]))
            .execute(&mut self.admin)
            .await
            .unwrap();
    }

    /// What was saved only on what is gone now is gone: of that nobody can have more than the backups hold.
    async fn forget_what_nobody_has(&mut self) {
        let mut events = BTreeSet::new();
        let mut clocks: BTreeMap<(String, &'static str), Hlc> = BTreeMap::new();
        let mut see = |row: &Row| {
            for register in REGISTERS {
                if let Some(clock) = row.clocks.get(register) {
                    let known = clocks.entry((row.id.clone(), register)).or_insert_with(|| clock.clone());
                    if *known < *clock {
                        *known = clock.clone();
                    }
                }
            }
        };
        for hub in &self.world.hubs {
            events.extend(hub.events().await.into_iter().map(|row| row.id));
            for id in ["a", "b", "c"] {
                if let Some(row) = hub.maybe_row(&HabitId::new(id).unwrap()).await {
                    see(&row);
                }
            }
        }
        let there: Vec<String> =
            sqlx::query_scalar("SELECT id FROM kairos.completion_events").fetch_all(&mut self.admin).await.unwrap();
        events.extend(there);
        let ids = ["a", "b", "c"];
        for row in super::super::wire::by_ids(&mut self.admin, &HABITS, &ids).await.unwrap().values() {
            see(row);
        }
        self.ledger.events.retain(|id| events.contains(id));
        self.ledger.edits.retain(|key, (clock, _)| clocks.get(key).is_some_and(|known| known >= clock));
    }

    async fn end(mut self) {
        self.world.settle().await;
        self.world.check().await;
        let events: BTreeSet<String> = self.world.hubs[0].events().await.into_iter().map(|row| row.id).collect();
        let lost: Vec<&String> = self.ledger.events.difference(&events).collect();
        assert!(lost.is_empty(), "events are lost: {lost:?}; {:?}", self.told);
        for ((id, register), (clock, value)) in &self.ledger.edits {
            let row = self.world.hubs[0].maybe_row(&HabitId::new(id.as_str()).unwrap()).await;
            let Some(row) = row else { panic!("{id} is gone; {:?}", self.told) };
            let now = row.clocks.get(*register).unwrap();
            assert!(now >= clock, "{id}.{register} of {clock} is lost to {now}; {:?}", self.told);
            if now == clock {
                assert_eq!(row.get(register), *value, "{id}.{register}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_all_have_the_same_in_the_end_and_nothing_is_lost() {
    let (first, count) = match std::env::var("KAIROS_TEST_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => (seed, 1),
        None => (1, std::env::var("KAIROS_TEST_SEEDS").ok().and_then(|n| n.parse::<u64>().ok()).unwrap_or(4)),
    };
    for seed in first..first + count {
        println!("seed {seed}");
        let mut storm = Storm::new(seed).await;
        for _ in 0..260 {
            storm.step().await;
        }
        storm.end().await;
    }
}

impl Hub {
    async fn maybe_row(&self, habit: &HabitId) -> Option<Row> {
        let id = habit.to_string();
        self.store.read(move |snapshot| snapshot.row(&HABITS, &id)).await.unwrap()
    }
}
