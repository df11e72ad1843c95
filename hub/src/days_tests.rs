#![allow(clippy::unwrap_used)]
use kairos_core::change::Origin;
use kairos_core::command::{Command, Deed, Fields, When, Wish};
use kairos_core::event::Verb;
use kairos_core::ids::CommandId;
use kairos_core::principal::Via;

use super::*;
use crate::clock::Clock;
use crate::commands::Commands;
use crate::health::Board;

/// 2026-11-24T10:00:00Z
const NOON: i64 = 1_795_514_400_000;

struct House {
    store: Store,
    door: Commands,
    days: Days,
    ada: Principal,
    count: u32,
    _dir: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Clock::manual(NOON), &Board::default()).await.unwrap();
        let user = UserId::new("ada").unwrap();
        let ada = Principal { scopes: vec![Scope::Person(user.clone())], user, via: Via::Session, admin: false };
        let (scope, by) = (ada.scopes[0].clone(), ada.user.clone());
        let profile = move |tx: &mut crate::store::Tx<'_>| {
            let mut row = Row::new(&USERS, by.as_str(), scope, by.clone(), NOON);
            row.set("display_name", "Ada", &tx.tick());
            tx.put(&row, Origin::Local)
        };
        store.write(profile).await.unwrap();
        let (door, days) = (Commands::new(store.clone()), Days::new(store.clone()));
        Self { store, door, days, ada, count: 0, _dir: dir }
    }

    /// Does something and compares what is kept with what the database says.
    async fn does(&mut self, wish: Wish) {
        self.count += 1;
        let id = CommandId::new(format!("c{}", self.count)).unwrap();
        let told = format!("{wish:?}");
        self.door.submit(Command { id, by: self.ada.clone(), wish }).await.unwrap();
        let fresh = Days::new(self.store.clone());
        for date in [None, Some("2026-11-23".parse().unwrap()), Some("2026-11-25".parse().unwrap())] {
            let (kept, read) =
                (self.days.day(&self.ada, date).await.unwrap(), fresh.day(&self.ada, date).await.unwrap());
            assert_eq!(kept, read, "after {told}");
        }
        let next = (self.days.next_day(&self.ada.user).await.unwrap(), fresh.next_day(&self.ada.user).await.unwrap());
        assert_eq!(next.0, next.1, "after {told}");
    }

    async fn habit(&mut self, fields: &[(&str, &str)]) -> HabitId {
        let id = HabitId::mint(NOON + i64::from(self.count), crate::random::bytes());
        self.does(Wish::AddHabit { id: id.clone(), fields: self::fields(fields) }).await;
        id
    }

    async fn deed(&mut self, habit: &HabitId, verb: Verb, value: Option<f64>, date: Option<&str>) {
        let deed = Deed {
            habit: habit.clone(),
            verb,
            value,
            date: date.map(|date| date.parse().unwrap()),
            when: When::Arrival,
            undo_of: None,
            skip_reason: None,
            note: None,
            press_id: None,
        };
        self.does(Wish::Record(deed)).await;
    }
}

fn fields(fields: &[(&str, &str)]) -> Fields {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect()
}

#[tokio::test]
async fn what_is_kept_of_a_day_is_what_the_database_says() {
    let mut house = House::new().await;
    let water = house.habit(&[("name", "Water")]).await;
    let glasses = house.habit(&[("name", "Glasses"), ("kind", "avoid")]).await;
    let weekend = house.habit(&[("name", "Bread"), ("frequency", "WEEKENDS")]).await;
    for habit in [&water, &glasses, &weekend] {
        house.deed(habit, Verb::Full, None, None).await;
        house.deed(habit, Verb::Undo, None, None).await;
        house.deed(habit, Verb::Undo, None, None).await;
        house.deed(habit, Verb::Partial, Some(40.0), None).await;
        house.deed(habit, Verb::Skip, None, Some("2026-11-23")).await;
        house.deed(habit, Verb::Full, None, Some("2026-11-23")).await;
    }
    house.does(Wish::EditHabit { id: water.clone(), fields: fields(&[("name", "Tea")]) }).await;
    house.deed(&water, Verb::Full, None, None).await;
    house.does(Wish::DeleteHabit { id: glasses.clone() }).await;
    house.deed(&glasses, Verb::Full, None, None).await;
    let midnight = house.days.next_day(&house.ada.user).await.unwrap();
    house.does(Wish::EditProfile { fields: fields(&[("tz", "Pacific/Kiritimati")]) }).await;
    assert_ne!(house.days.next_day(&house.ada.user).await.unwrap(), midnight);
    house.deed(&water, Verb::Full, None, None).await;
}
