#![allow(clippy::unwrap_used, clippy::panic)]
use std::collections::BTreeMap;

use kairos_core::change::Origin;
use kairos_core::command::{Deed, Fields, Outcome, Receipt, Saying, When};
use kairos_core::day::parse_instant;
use kairos_core::event::Verb;
use kairos_core::ids::UserId;
use kairos_core::progress::Recovery;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETIONS, HABIT_SCHEDULES, HABITS, PAUSES, RECOVERY_SESSIONS, Table, USERS};
use kairos_core::value::Value;
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::clock::Clock;

mod family;
mod gaps;
mod measures;

/// A hub of one person with an engine, and a clock that is moved by hand.
struct House {
    store: Store,
    door: Commands,
    clock: Clock,
    board: Board,
    leases: Leases,
    ada: Principal,
    engine: Option<AbortOnDropHandle<()>>,
    _dir: tempfile::TempDir,
}

fn at(text: &str) -> Millis {
    parse_instant(text).unwrap()
}

impl House {
    async fn new(zone: &str, now: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (clock, board) = (Clock::manual(at(now)), Board::default());
        let store = Store::open(dir.path(), clock.clone(), &board).await.unwrap();
        let user = UserId::new("ada").unwrap();
        let ada = Principal { scopes: vec![Scope::Person(user.clone())], user, via: Via::Session, admin: false };
        let (scope, by, tz) = (ada.scopes[0].clone(), ada.user.clone(), zone.to_owned());
        let profile = move |tx: &mut crate::store::Tx<'_>| {
            let mut row = Row::new(&USERS, by.as_str(), scope, by.clone(), tx.now());
            row.set("tz", tz.as_str(), &tx.tick());
            tx.put(&row, Origin::Local)
        };
        store.write(profile).await.unwrap();
        let door = Commands::new(store.clone());
        let mut house = Self { store, door, clock, board, leases: Leases::default(), ada, engine: None, _dir: dir };
        house.wake();
        house
    }

    fn wake(&mut self) {
        let run = run(self.store.clone(), self.door.clone(), self.board.clone(), self.leases.clone());
        self.engine = Some(AbortOnDropHandle::new(tokio::spawn(run)));
    }

    fn sleep(&mut self) {
        self.engine = None;
    }

    async fn wish(&self, wish: Wish) -> Receipt {
        let id = CommandId::mint(self.clock.now(), crate::random::bytes());
        self.door.submit(Command { id, by: self.ada.clone(), wish }).await.unwrap()
    }

    async fn habit(&self, fields: &[(&str, Value)]) -> HabitId {
        let id = HabitId::mint(self.clock.now(), crate::random::bytes());
        let mut all: Fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        all.entry("name".into()).or_insert("Read".into());
        assert_eq!(self.wish(Wish::AddHabit { id: id.clone(), fields: all }).await.outcome, Outcome::Applied);
        id
    }

    async fn deed(&self, habit: &HabitId, verb: Verb, date: Option<&str>) -> Receipt {
        self.wish(Wish::Record(Deed {
            habit: habit.clone(),
            verb,
            value: None,
            date: date.map(|date| date.parse().unwrap()),
            when: When::Arrival,
            undo_of: None,
            skip_reason: None,
            note: None,
            press_id: None,
        }))
        .await
    }

    async fn edit(&self, habit: &HabitId, fields: &[(&str, Value)]) {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let receipt = self.wish(Wish::EditHabit { id: habit.clone(), fields }).await;
        assert_eq!(receipt.outcome, Outcome::Applied);
    }

    async fn rows(&self, table: &'static Table) -> Vec<Row> {
        let scopes = self.ada.scopes.clone();
        self.store.read(move |snapshot| snapshot.rows_in(table, &scopes, "", 10_000)).await.unwrap()
    }

    /// The days of a habit and how each stands.
    async fn days(&self, habit: &HabitId) -> BTreeMap<String, String> {
        let rows = self.rows(&COMPLETIONS).await;
        rows.iter()
            .filter(|row| row.text("habit_id") == habit.as_str())
            .map(|row| (row.text("date"), row.text("type")))
            .collect()
    }

    async fn missed(&self, habit: &HabitId) -> Vec<String> {
        let days = self.days(habit).await;
        days.into_iter().filter(|(_, status)| status == "MISSED").map(|(date, _)| date).collect()
    }

    async fn phase(&self, habit: &HabitId) -> String {
        self.rows(&HABITS).await.iter().find(|row| row.id == habit.as_str()).unwrap().text("phase")
    }

    /// The one session of a habit that stands: type, status, action.
    async fn session(&self, habit: &HabitId) -> Row {
        let rows = self.rows(&RECOVERY_SESSIONS).await;
        let mut found = rows.into_iter().filter(|row| row.text("habit_id") == habit.as_str());
        let session = found.next().unwrap();
        assert!(found.next().is_none());
        session
    }

    /// Waits until the engine has nothing more to write.
    async fn settled(&self) {
        for _ in 0..2000 {
            let now = self.clock.now();
            let open = self.store.read(move |snapshot| {
                for (habit, ..) in snapshot.habits_and_people()? {
                    if snapshot.life(&habit)?.is_some_and(|life| !upkeep::upkeep(&life, now).is_nothing()) {
                        return Ok(true);
                    }
                }
                Ok(false)
            });
            if !open.await.unwrap() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the engine does not come to rest");
    }

    async fn go_to(&self, time: &str) {
        self.clock.set(at(time));
        self.settled().await;
    }
}

#[tokio::test]
async fn a_day_passes_after_its_end_and_a_grace_and_only_when_it_was_asked_for() {
    let house = House::new("Europe/Berlin", "2026-11-23T12:00:00Z").await;
    let daily = house.habit(&[]).await;
    let weekend = house.habit(&[("frequency", "WEEKENDS".into())]).await;
    house.go_to("2026-11-23T23:14:00Z").await;
    assert!(house.missed(&daily).await.is_empty(), "a quarter of an hour belongs to late phones");
    house.go_to("2026-11-23T23:16:00Z").await;
    assert_eq!(house.missed(&daily).await, ["2026-11-23"]);
    assert!(house.missed(&weekend).await.is_empty());
}

#[tokio::test]
async fn a_late_deed_outranks_the_note_and_its_undo_brings_it_back() {
    let house = House::new("UTC", "2026-11-23T12:00:00Z").await;
    let habit = house.habit(&[]).await;
    house.go_to("2026-11-24T12:00:00Z").await;
    assert_eq!(house.missed(&habit).await, ["2026-11-23"]);
    let late = house.deed(&habit, Verb::Full, Some("2026-11-23")).await;
    house.settled().await;
    assert_eq!(house.days(&habit).await["2026-11-23"], "FULL");
    assert_eq!(house.deed(&habit, Verb::Undo, Some("2026-11-23")).await.outcome, Outcome::Applied);
    house.settled().await;
    assert_eq!(house.days(&habit).await["2026-11-23"], "MISSED");
    assert!(late.event_id.is_some());
    let nothing = house.deed(&habit, Verb::Undo, Some("2026-11-23")).await;
    assert_eq!(nothing.outcome, Outcome::Unchanged, "that a day passed is no deed to take back");
}

#[tokio::test]
async fn a_break_noted_afterwards_withdraws_and_its_end_restores() {
    let house = House::new("UTC", "2026-11-20T12:00:00Z").await;
    let habit = house.habit(&[]).await;
    house.go_to("2026-11-24T12:00:00Z").await;
    assert_eq!(house.missed(&habit).await.len(), 4);
    let fields: Fields =
        [("from_date".to_owned(), Value::from("2026-11-21")), ("to_date".to_owned(), "2026-11-22".into())].into();
    house.wish(Wish::AddPause { id: "vacation".into(), fields }).await;
    house.settled().await;
    assert_eq!(house.missed(&habit).await, ["2026-11-20", "2026-11-23"]);
    house.wish(Wish::DeletePause { id: "vacation".into() }).await;
    house.settled().await;
    assert_eq!(house.missed(&habit).await.len(), 4);
}

#[tokio::test]
async fn a_year_off_is_caught_up_and_ends_in_one_offer() {
    let mut house = House::new("UTC", "2025-09-01T12:00:00Z").await;
    let habit = house.habit(&[]).await;
    house.settled().await;
    house.sleep();
    house.clock.set(at("2026-11-24T12:00:00Z"));
    house.wake();
    house.settled().await;
    assert_eq!(house.missed(&habit).await.len(), 400);
    assert_eq!(house.phase(&habit).await, "RELAPSED");
    let session = house.session(&habit).await;
    assert_eq!((session.text("type").as_str(), session.text("status").as_str()), ("RELAPSE", "PENDING"));
}

#[tokio::test]
async fn the_way_back_by_a_deed_and_by_an_answer() {
    let house = House::new("UTC", "2026-10-01T12:00:00Z").await;
    let habit = house.habit(&[]).await;
    for day in 1..=20 {
        house.clock.set(at(&format!("2026-10-{day:02}T12:00:00Z")));
        house.deed(&habit, Verb::Full, None).await;
    }
    house.go_to("2026-10-24T12:00:00Z").await;
    assert_eq!(house.phase(&habit).await, "LAPSED");
    let session = house.session(&habit).await;
    assert_eq!((session.text("gap_start").as_str(), session.text("status").as_str()), ("2026-10-21", "PENDING"));
    assert_eq!(session.integer("triggered_at"), Some(at("2026-10-24T00:00:00Z")));

    house.deed(&habit, Verb::Full, None).await;
    house.settled().await;
    assert_eq!(house.phase(&habit).await, "FORMING");
    let session = house.session(&habit).await;
    assert_eq!(
        ["status", "action", "answered_by", "gap_end"].map(|column| session.text(column)),
        ["COMPLETED", "RESUME", "deed", "2026-10-24"]
    );

    // taken back: the offer waits again, and a person may answer it
    house.deed(&habit, Verb::Undo, None).await;
    house.settled().await;
    assert_eq!(
        (house.phase(&habit).await.as_str(), house.session(&habit).await.text("status").as_str()),
        ("LAPSED", "PENDING")
    );
    let answer = Saying { action: Recovery::Simplify, blockers: Some("[\"NO_TIME\"]".into()), notes: None };
    let receipt = house.wish(Wish::Recover { session: session.id.clone(), answer: answer.clone() }).await;
    assert_eq!(receipt.outcome, Outcome::Applied);
    house.settled().await;
    let session = house.session(&habit).await;
    assert_eq!(
        ["status", "action", "answered_by"].map(|column| session.text(column)),
        ["COMPLETED", "SIMPLIFY", "person"]
    );
    let row = house.rows(&HABITS).await.remove(0);
    assert_eq!(row.integer("micro_active"), Some(1));
    assert!(matches!(house.wish(Wish::Recover { session: session.id, answer }).await.outcome, Outcome::Rejected(_)));
}

#[tokio::test]
async fn pausing_by_an_answer_lets_the_days_be_until_it_is_resumed() {
    let house = House::new("UTC", "2026-11-01T12:00:00Z").await;
    let habit = house.habit(&[]).await;
    house.go_to("2026-11-05T12:00:00Z").await;
    let session = house.session(&habit).await;
    let answer = Saying { action: Recovery::Pause, blockers: None, notes: Some("Too much.".into()) };
    house.wish(Wish::Recover { session: session.id, answer }).await;
    house.go_to("2026-11-10T12:00:00Z").await;
    assert_eq!(house.missed(&habit).await.last().unwrap(), "2026-11-04");
    house.edit(&habit, &[("status", "ACTIVE".into())]).await;
    house.go_to("2026-11-12T12:00:00Z").await;
    assert_eq!(house.missed(&habit).await[4..], ["2026-11-10", "2026-11-11"]);
    let pause = house.rows(&PAUSES).await.remove(0);
    assert_eq!(["from_date", "to_date"].map(|column| pause.text(column)), ["2026-11-05", "2026-11-09"]);
}

#[tokio::test]
async fn a_changed_schedule_leaves_the_past_as_it_was() {
    let house = House::new("UTC", "2026-11-16T12:00:00Z").await; // a Monday
    let habit = house.habit(&[]).await;
    house.go_to("2026-11-18T12:00:00Z").await;
    house.edit(&habit, &[("frequency", "WEEKENDS".into())]).await;
    house.go_to("2026-11-24T12:00:00Z").await;
    assert_eq!(house.missed(&habit).await, ["2026-11-16", "2026-11-17", "2026-11-21", "2026-11-22"]);
    let mut spans: Vec<(String, String)> =
        house.rows(&HABIT_SCHEDULES).await.iter().map(|row| (row.text("valid_from"), row.text("valid_to"))).collect();
    spans.sort();
    assert_eq!(spans, [("2026-11-16".into(), "2026-11-17".into()), ("2026-11-18".into(), String::new())]);
}

#[tokio::test]
async fn a_flight_east_takes_no_day_and_a_flight_west_gives_none() {
    let house = House::new("America/Los_Angeles", "2026-11-20T20:00:00Z").await; // noon of the 20th
    let habit = house.habit(&[]).await;
    let move_to = |zone: &str| {
        let fields: Fields = [("tz".to_owned(), Value::from(zone))].into();
        house.wish(Wish::EditProfile { fields })
    };
    house.clock.set(at("2026-11-21T22:00:00Z")); // two in the afternoon of the 21st
    move_to("Pacific/Auckland").await; // 11 in the morning of the 22nd
    house.settled().await;
    house.go_to("2026-11-23T12:00:00Z").await; // an hour into the 24th
    assert_eq!(house.missed(&habit).await, ["2026-11-20", "2026-11-22", "2026-11-23"]);
    move_to("America/Los_Angeles").await; // four in the morning of the 23rd
    house.settled().await;
    assert_eq!(house.missed(&habit).await, ["2026-11-20", "2026-11-22"], "the 23rd goes on");
    house.deed(&habit, Verb::Full, None).await;
    house.go_to("2026-11-24T12:00:00Z").await;
    assert_eq!(house.days(&habit).await["2026-11-23"], "FULL");
}

#[tokio::test]
async fn two_hubs_with_the_same_deeds_write_the_same_ids() {
    let mut ids = Vec::new();
    for _ in 0..2 {
        let house = House::new("UTC", "2026-11-01T12:00:00Z").await;
        let habit = HabitId::new("0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d").unwrap();
        house.wish(Wish::AddHabit { id: habit.clone(), fields: [("name".to_owned(), "Read".into())].into() }).await;
        house.go_to("2026-11-09T12:00:00Z").await;
        let scopes = house.ada.scopes.clone();
        let events = house
            .store
            .read(move |snapshot| snapshot.rows_in(&kairos_core::schema::COMPLETION_EVENTS, &scopes, "", 1000))
            .await
            .unwrap();
        let mut all: Vec<String> = events.into_iter().map(|row| row.id).collect();
        all.push(house.session(&habit).await.id);
        ids.push(all);
    }
    assert_eq!(ids[0].len(), 9);
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn nobody_but_the_engine_keeps_days() {
    let house = House::new("UTC", "2026-11-01T12:00:00Z").await;
    let habit = house.habit(&[]).await;
    assert!(matches!(house.wish(Wish::Keep { habit }).await.outcome, Outcome::Rejected(_)));
}

#[tokio::test]
async fn a_habit_that_rests_is_left_alone_whatever_says_so() {
    let house = House::new("UTC", "2026-10-01T12:00:00Z").await;
    let born = house.habit(&[("status", "PAUSED".into())]).await;
    let paused = house.habit(&[]).await;
    house.edit(&paused, &[("status", "ARCHIVED".into())]).await;
    let put_away = house.habit(&[("status", "PAUSED".into())]).await;
    for pause in house.rows(&PAUSES).await {
        house.wish(Wish::DeletePause { id: pause.id }).await;
    }
    house.go_to("2026-10-12T12:00:00Z").await;
    house.edit(&put_away, &[("status", "ARCHIVED".into())]).await;
    for habit in [&born, &paused] {
        assert!(house.missed(habit).await.is_empty());
        house.edit(habit, &[("status", "ACTIVE".into())]).await;
    }
    assert!(house.rows(&RECOVERY_SESSIONS).await.is_empty());
    house.go_to("2026-10-14T12:00:00Z").await;
    for habit in [&born, &paused] {
        assert_eq!(house.missed(habit).await, ["2026-10-12", "2026-10-13"], "and goes on from the day it was resumed");
    }
    assert!(house.missed(&put_away).await.is_empty(), "it rested before it was put away, too");
}

#[tokio::test]
async fn a_journey_moves_no_break() {
    let house = House::new("Pacific/Auckland", "2026-11-01T20:00:00Z").await;
    let habit = house.habit(&[]).await;
    let born = house.habit(&[("status", "PAUSED".into())]).await;
    house.go_to("2026-11-04T20:00:00Z").await; // the 5th; in New York still the 4th
    house.edit(&habit, &[("status", "PAUSED".into())]).await;
    house.go_to("2026-11-10T20:00:00Z").await;
    for zone in ["America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago"] {
        let fields: Fields = [("tz".to_owned(), Value::from(zone))].into();
        house.wish(Wish::EditProfile { fields }).await;
        house.settled().await;
        assert_eq!(house.missed(&habit).await, ["2026-11-02", "2026-11-03", "2026-11-04"], "{zone}");
        assert!(house.missed(&born).await.is_empty(), "{zone}");
    }
}

#[tokio::test]
async fn a_wrong_zone_put_right_leaves_the_day_as_it_was() {
    let house = House::new("Europe/Vienna", "2026-11-24T12:00:00Z").await;
    let habit = house.habit(&[]).await;
    for zone in ["Pacific/Kiritimati", "Europe/Vienna"] {
        let fields: Fields = [("tz".to_owned(), Value::from(zone))].into();
        house.wish(Wish::EditProfile { fields }).await;
    }
    assert!(house.rows(&PAUSES).await.is_empty());
    house.go_to("2026-11-25T12:00:00Z").await;
    assert_eq!(house.missed(&habit).await, ["2026-11-24"]);
}
