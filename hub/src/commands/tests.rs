#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod bindings;
mod texts;
mod travel;

use std::collections::BTreeMap;

use kairos_core::command::{Action, Binding, Deed, When};
use kairos_core::event::Verb;
use kairos_core::ids::{CommandId, DeviceId, HabitId, UserId};
use kairos_core::plan::Person;
use kairos_core::schema::{COMPLETION_EVENTS, COMPLETIONS, DEVICE_BINDINGS};
use kairos_core::today::{Item, items};
use kairos_core::value::Value;

use super::*;
use crate::clock::Clock;
use crate::health::Board;

/// 2026-11-24T10:00:00Z
pub(super) const NOON: i64 = 1_795_514_400_000;

pub(super) struct House {
    pub(super) store: Store,
    pub(super) door: Commands,
    pub(super) clock: Clock,
    dir: tempfile::TempDir,
    count: std::cell::Cell<u32>,
}

impl House {
    /// Writes somebody's profile.
    async fn profile(&self, user: &'static str, columns: Vec<(&'static str, Value)>) {
        let write = move |tx: &mut Tx<'_>| {
            let mut row = Row::new(&USERS, user, scope(user), UserId::new(user).unwrap(), 1);
            let at = tx.tick();
            row.stamp_all(&at);
            columns.into_iter().for_each(|(name, value)| row.set(name, value, &at));
            tx.put(&row, kairos_core::change::Origin::Local)
        };
        self.store.write(write).await.unwrap();
    }

    pub(super) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(NOON);
        let store = Store::open(dir.path(), clock.clone(), &Board::default()).await.unwrap();
        Self { door: Commands::new(store.clone()), store, clock, dir, count: 0.into() }
    }

    pub(super) async fn reopened(self) -> Self {
        let Self { store, door, clock, dir, count } = self;
        drop((store, door));
        // The writer thread lets go of the directory when its last wish is done.
        let store = loop {
            match Store::open(dir.path(), clock.clone(), &Board::default()).await {
                Ok(store) => break store,
                Err(error) if error.to_string().contains("another hub") => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        };
        Self { door: Commands::new(store.clone()), store, clock, dir, count }
    }

    pub(super) fn id(&self) -> CommandId {
        self.count.set(self.count.get() + 1);
        CommandId::new(format!("c{}", self.count.get())).unwrap()
    }

    pub(super) async fn wish(&self, by: &Principal, wish: Wish) -> Receipt {
        self.door.submit(Command { id: self.id(), by: by.clone(), wish }).await.unwrap()
    }

    pub(super) async fn habit(&self, by: &Principal, fields: &[(&str, Value)]) -> HabitId {
        let id = HabitId::mint(self.clock.now(), crate::random::bytes());
        let mut all: BTreeMap<String, Value> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        all.entry("name".into()).or_insert("Water".into());
        let receipt = self.wish(by, Wish::AddHabit { id: id.clone(), fields: all }).await;
        assert_eq!(receipt.outcome, Outcome::Applied);
        id
    }

    pub(super) async fn item(&self, by: &Principal, date: &str) -> Option<Item> {
        let (scopes, day) = (by.scopes.clone(), date.parse().unwrap());
        let mut rows = self.store.read(move |snapshot| snapshot.day(&scopes, day)).await.unwrap();
        items(&mut rows, &Person::of(None), day).into_iter().rfind(Item::shown)
    }

    pub(super) async fn count(&self, table: &'static Table) -> usize {
        self.store
            .read(move |snapshot| snapshot.rows_in(table, &[scope("ada"), scope("bo")], "", 10_000))
            .await
            .unwrap()
            .len()
    }
}

pub(super) fn scope(user: &str) -> Scope {
    Scope::parse(&format!("u:{user}")).unwrap()
}

pub(super) fn person(user: &str) -> Principal {
    Principal { user: UserId::new(user).unwrap(), via: Via::Session, admin: false, scopes: vec![scope(user)] }
}

pub(super) fn button(user: &str, id: &str) -> Principal {
    Principal { via: Via::Device(DeviceId::new(id).unwrap()), ..person(user) }
}

pub(super) fn deed(habit: &HabitId, verb: Verb) -> Deed {
    Deed {
        habit: habit.clone(),
        verb,
        value: None,
        date: None,
        when: When::Arrival,
        undo_of: None,
        skip_reason: None,
        note: None,
        press_id: None,
    }
}

pub(super) fn code(receipt: &Receipt) -> RejectionCode {
    match &receipt.outcome {
        Outcome::Rejected(rejection) => rejection.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_deed_is_an_event_a_cell_and_two_changes() {
    let house = House::new().await;
    let ada = person("ada");
    let habit = house.habit(&ada, &[]).await;
    let receipt = house.wish(&ada, Wish::Record(deed(&habit, Verb::Full))).await;
    assert_eq!((receipt.outcome, receipt.seq), (Outcome::Applied, 3));
    assert!(house.item(&ada, "2026-11-24").await.unwrap().done);
    let changes = house.store.read(|snapshot| snapshot.changes_after(1, None, 10)).await.unwrap();
    assert_eq!(
        changes.iter().map(|c| (c.seq, c.table)).collect::<Vec<_>>(),
        [(2, "completion_events"), (3, "completions")]
    );
    let live = house.store.feed().after(0, 10).unwrap();
    assert_eq!(
        live.iter().map(|c| c.to_event()).collect::<Vec<_>>()[1..],
        changes.iter().map(|c| c.to_event()).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_repeated_command_gets_its_first_answer_also_after_a_restart() {
    let house = House::new().await;
    let ada = person("ada");
    let habit = house.habit(&ada, &[("kind", "measurable".into()), ("target_value", Value::Real(8.0))]).await;
    let by = button("ada", "b1");
    let press = |age| Command {
        id: CommandId::new("boot:1").unwrap(),
        by: by.clone(),
        wish: Wish::Record(Deed { when: When::Before(age), ..deed(&habit, Verb::Add) }),
    };
    let first = house.door.submit(press(0)).await.unwrap();
    let again = house.door.submit(press(9_000)).await.unwrap();
    assert_eq!((again.seq, again.event_id.clone(), again.repeated), (first.seq, first.event_id.clone(), true));
    let house = house.reopened().await;
    assert!(house.door.submit(press(20_000)).await.unwrap().repeated);
    house.store.write(|tx| tx.forget_answers(i64::MAX)).await.unwrap();
    let late = house.door.submit(press(30_000)).await.unwrap();
    assert_eq!(
        (late.repeated, late.event_id),
        (true, first.event_id),
        "the deed is known even when its answer is forgotten"
    );
    assert_eq!(house.item(&ada, "2026-11-24").await.unwrap().value, Some(1.0));
    assert_eq!(house.count(&COMPLETION_EVENTS).await, 1);
}

#[tokio::test]
async fn what_a_device_says_of_itself_leaves_no_answers_behind() {
    let house = House::new().await;
    let (ada, by, id) = (person("ada"), button("ada", "b1"), DeviceId::new("b1").unwrap());
    let fields: Fields =
        [("name".to_owned(), Value::from("Button")), ("kind".to_owned(), Value::from("button"))].into();
    house.wish(&ada, Wish::AddDevice { id: id.clone(), fields, secret_hash: vec![1] }).await;
    let mut outcomes = Vec::new();
    for model in ["one", "one", "two"] {
        let fields: Fields = [("model".to_owned(), Value::from(model))].into();
        outcomes.push(house.wish(&by, Wish::NoteDevice { id: id.clone(), fields }).await.outcome);
    }
    assert_eq!(outcomes, [Outcome::Applied, Outcome::Unchanged, Outcome::Applied]);
    assert_eq!(house.store.forget_answers(i64::MAX).await.unwrap(), 1, "of the one wish that may be asked again");
}

#[tokio::test]
async fn ids_belong_to_their_author_and_to_one_wish() {
    let house = House::new().await;
    let (ada, bo) = (person("ada"), person("bo"));
    let (hers, his) = (house.habit(&ada, &[]).await, house.habit(&bo, &[]).await);
    let key = CommandId::new("key").unwrap();
    let say = |by: &Principal, wish| house.door.submit(Command { id: key.clone(), by: by.clone(), wish });
    assert!(!say(&ada, Wish::Record(deed(&hers, Verb::Full))).await.unwrap().repeated);
    assert!(!say(&bo, Wish::Record(deed(&his, Verb::Full))).await.unwrap().repeated);
    assert_eq!(code(&say(&ada, Wish::Record(deed(&hers, Verb::Skip))).await.unwrap()), RejectionCode::IdReused);
}

#[tokio::test]
async fn nobody_touches_what_is_not_theirs() {
    let house = House::new().await;
    let (ada, bo) = (person("ada"), person("bo"));
    let habit = house.habit(&ada, &[]).await;
    let device = DeviceId::new("b1").unwrap();
    let fields: Fields =
        [("name".to_owned(), Value::from("Button")), ("kind".to_owned(), Value::from("button"))].into();
    house.wish(&ada, Wish::AddDevice { id: device.clone(), fields: fields.clone(), secret_hash: vec![1] }).await;
    let binding = Binding {
        button: "1".into(),
        trigger: "press".into(),
        action: Action::Complete,
        habit: Some(habit.clone()),
        routine: None,
        value: None,
        act_as: None,
    };
    for wish in [
        Wish::Record(deed(&habit, Verb::Full)),
        Wish::EditHabit { id: habit.clone(), fields: [("name".to_owned(), Value::from("Mine"))].into() },
        Wish::DeleteHabit { id: habit.clone() },
        Wish::RevokeDevice { id: device.clone() },
        Wish::Bind { device: device.clone(), bindings: vec![] },
        Wish::NoteDevice { id: device.clone(), fields: [("model".to_owned(), Value::from("x"))].into() },
    ] {
        for by in [bo.clone(), button("bo", "b2")] {
            let receipt = house.wish(&by, wish.clone()).await;
            assert_eq!(code(&receipt), RejectionCode::NotFound, "{wish:?} by {:?}", by.via);
        }
    }
    for wish in [
        Wish::AddHabit { id: habit.clone(), fields: [("name".to_owned(), Value::from("Mine"))].into() },
        Wish::AddDevice { id: device.clone(), fields, secret_hash: vec![2] },
    ] {
        assert_eq!(code(&house.wish(&bo, wish).await), RejectionCode::Conflict, "an id in use is not taken over");
    }
    let receipt = house.wish(&bo, Wish::Bind { device, bindings: vec![binding] }).await;
    assert_eq!(code(&receipt), RejectionCode::NotFound);
    let by_button = house.wish(&button("ada", "b1"), Wish::DeleteHabit { id: habit.clone() }).await;
    assert_eq!(code(&by_button), RejectionCode::Forbidden, "a button presses, it does not edit");
    let display = Principal { via: Via::Display { id: DeviceId::new("d").unwrap(), may_act: false }, ..ada };
    assert_eq!(code(&house.wish(&display, Wish::Record(deed(&habit, Verb::Full))).await), RejectionCode::Forbidden);
}

#[tokio::test]
async fn the_day_is_the_persons_and_the_age_counts_back() {
    let house = House::new().await;
    let ada = person("ada");
    house.profile("ada", vec![("tz", "Europe/Berlin".into()), ("day_start_min", 240.into())]).await;
    let habit = house.habit(&ada, &[]).await;
    // 03:30 in Berlin, pressed 20 minutes ago: still the day before.
    house.clock.set(1_795_487_400_000);
    house
        .wish(&button("ada", "b"), Wish::Record(Deed { when: When::Before(1_200_000), ..deed(&habit, Verb::Full) }))
        .await;
    assert!(house.item(&ada, "2026-11-23").await.unwrap().done);
    // 04:10, pressed 20 minutes ago: before the day began, though it arrives after.
    house.clock.set(1_795_489_800_000);
    let receipt = house
        .wish(&button("ada", "b"), Wish::Record(Deed { when: When::Before(1_200_000), ..deed(&habit, Verb::Skip) }))
        .await;
    assert_eq!(receipt.outcome, Outcome::Applied);
    assert!(house.item(&ada, "2026-11-24").await.unwrap().status.is_none());
    let future = house
        .wish(&ada, Wish::Record(Deed { date: Some("2026-11-25".parse().unwrap()), ..deed(&habit, Verb::Full) }))
        .await;
    assert_eq!(code(&future), RejectionCode::FutureDate);
}

#[tokio::test]
async fn undo_takes_back_the_latest_and_an_empty_day_is_no_mistake() {
    let house = House::new().await;
    let ada = person("ada");
    let habit = house.habit(&ada, &[("kind", "measurable".into()), ("target_value", Value::Real(2.0))]).await;
    for verb in [Verb::Add, Verb::Add, Verb::Undo] {
        house.wish(&ada, Wish::Record(deed(&habit, verb))).await;
    }
    assert_eq!(house.item(&ada, "2026-11-24").await.unwrap().value, Some(1.0));
    house.wish(&ada, Wish::Record(deed(&habit, Verb::Undo))).await;
    assert_eq!(house.item(&ada, "2026-11-24").await.unwrap().status, None);
    assert_eq!(house.wish(&ada, Wish::Record(deed(&habit, Verb::Undo))).await.outcome, Outcome::Unchanged);
    assert_eq!(house.count(&COMPLETIONS).await, 0);
}

#[tokio::test]
async fn bad_values_name_their_field_and_leave_nothing_behind() {
    let house = House::new().await;
    let ada = person("ada");
    let habit = house.habit(&ada, &[]).await;
    for (name, value) in [
        ("name", Value::from("")),
        ("name", "x".repeat(101).into()),
        ("nonsense", "1".into()),
        ("phase", "LAPSED".into()),
        ("frequency", "HOURLY".into()),
        ("kind", "measurable".into()),
        ("start_date", "2026-02-30".into()),
        ("lapse_threshold_days", 9.into()),
    ] {
        let receipt =
            house.wish(&ada, Wish::EditHabit { id: habit.clone(), fields: [(name.to_owned(), value)].into() }).await;
        let Outcome::Rejected(rejection) = receipt.outcome else { panic!("{name} was taken") };
        assert!(rejection.field.is_some() && rejection.message.ends_with('.'), "{name}: {rejection:?}");
    }
    for (verb, value) in [
        (Verb::Partial, Some(0.0)),
        (Verb::Partial, None),
        (Verb::Set, Some(-1.0)),
        (Verb::Add, Some(f64::NAN)),
        (Verb::Add, Some(1e300)),
        (Verb::Miss, None),
    ] {
        let receipt = house.wish(&ada, Wish::Record(Deed { value, ..deed(&habit, verb) })).await;
        assert!(matches!(receipt.outcome, Outcome::Rejected(_)), "{verb:?} {value:?}");
    }
    assert_eq!(house.count(&COMPLETION_EVENTS).await, 0);
    assert_eq!(house.store.feed().head(), 1);
}

#[tokio::test]
async fn many_wishes_at_once_share_commits_and_each_gets_its_own_answer() {
    let house = House::new().await;
    let ada = person("ada");
    let habit = house.habit(&ada, &[("kind", "measurable".into()), ("target_value", Value::Real(1000.0))]).await;
    let wishes = (0..300).map(|n| {
        // Every third asks for what cannot be; its neighbours must not suffer.
        let value = if n % 3 == 0 { Some(f64::INFINITY) } else { None };
        house.door.submit(Command {
            id: CommandId::new(format!("p{n}")).unwrap(),
            by: button("ada", "b"),
            wish: Wish::Record(Deed { value, ..deed(&habit, Verb::Add) }),
        })
    });
    let receipts = futures_util::future::join_all(wishes).await;
    let applied = receipts.iter().filter(|r| r.as_ref().unwrap().outcome == Outcome::Applied).count();
    assert_eq!((applied, house.item(&ada, "2026-11-24").await.unwrap().value), (200, Some(200.0)));
    let (sum, count): (i64, i64) = house.store.read(|snapshot| snapshot.bucket("u:ada", "events")).await.unwrap();
    assert_eq!(count, 200);
    let added: i64 = house.store.read(|snapshot| snapshot.sum_checksums("u:ada", "completion_events")).await.unwrap();
    assert_eq!(sum, added % (1 << 32), "the running checksum is that of the log");
}

#[tokio::test]
async fn a_new_target_measures_the_present_day_at_once_and_leaves_the_past() {
    let house = House::new().await;
    let ada = person("ada");
    let habit = house.habit(&ada, &[("kind", "measurable".into()), ("target_value", Value::Real(8.0))]).await;
    let three = |date: Option<&str>| Deed {
        value: Some(3.0),
        date: date.map(|date| date.parse().unwrap()),
        ..deed(&habit, Verb::Add)
    };
    house.wish(&ada, Wish::Record(three(None))).await;
    house.wish(&ada, Wish::Record(three(Some("2026-11-23")))).await;
    let fields: Fields = [("target_value".to_owned(), Value::Real(3.0))].into();
    house.wish(&ada, Wish::EditHabit { id: habit.clone(), fields }).await;
    let item = house.item(&ada, "2026-11-24").await.unwrap();
    assert_eq!((item.done, item.value, item.target), (true, Some(3.0), Some(3.0)));
    assert_eq!(house.item(&ada, "2026-11-23").await.unwrap().status, Some(kairos_core::fold::Status::Partial));
}

#[tokio::test]
async fn a_stuck_button_ends_at_a_bound_and_every_press_costs_the_same() {
    let house = House::new().await;
    let ada = person("ada");
    let habit = house.habit(&ada, &[("kind", "measurable".into()), ("target_value", Value::Real(8.0))]).await;
    let press = |n: usize| Command {
        id: CommandId::new(format!("p:{n}")).unwrap(),
        by: button("ada", "b1"),
        wish: Wish::Record(deed(&habit, Verb::Add)),
    };
    let all = futures_util::future::join_all((0..5000).map(|n| house.door.submit(press(n)))).await;
    assert!(all.into_iter().all(|receipt| receipt.unwrap().outcome == Outcome::Applied));
    assert_eq!(code(&house.door.submit(press(5000)).await.unwrap()), RejectionCode::Conflict);
    assert_eq!(house.item(&ada, "2026-11-24").await.unwrap().value, Some(5000.0));
}

#[tokio::test]
async fn whether_a_day_has_come_is_asked_of_the_clock_each_time() {
    let house = House::new().await;
    let ada = person("ada");
    let habit = house.habit(&ada, &[]).await;
    let tomorrow = Command {
        id: CommandId::new("early").unwrap(),
        by: ada.clone(),
        wish: Wish::Record(Deed { date: Some("2026-11-25".parse().unwrap()), ..deed(&habit, Verb::Full) }),
    };
    assert_eq!(code(&house.door.submit(tomorrow.clone()).await.unwrap()), RejectionCode::FutureDate);
    house.clock.set(NOON + 24 * 3_600_000);
    assert_eq!(house.door.submit(tomorrow).await.unwrap().outcome, Outcome::Applied);
}
