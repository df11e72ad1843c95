//! What people see of a day: computed from rows, kept while nothing changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kairos_core::Millis;
use kairos_core::day::{Date, Zone, logical_day, next_day_start};
use kairos_core::ids::{HabitId, UserId};
use kairos_core::principal::Principal;
use kairos_core::repair;
use kairos_core::schema::{HABITS, USERS};
use kairos_core::scope::Scope;
use kairos_core::today::{Item, Today, today};

use crate::store::{Store, StoreError};

/// How many days are kept. Beyond, all are dropped: they are quickly made again.
const KEPT: usize = 256;

/// Days of people. Cheap to clone.
#[derive(Clone)]
pub struct Days {
    store: Store,
    kept: Arc<Mutex<HashMap<(UserId, String), Kept>>>,
}

#[derive(Clone)]
struct Kept {
    as_of: i64,
    scopes: Vec<Scope>,
    today: Arc<Today>,
}

/// A person's way of counting days.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// The zone's name.
    pub tz: String,
    /// The zone.
    pub zone: Zone,
    /// Minutes after midnight at which the day begins.
    pub day_start_min: u16,
}

impl Days {
    /// Days of a store's people.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, kept: Arc::default() }
    }

    /// How a person counts days; UTC from midnight for one without a profile.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub async fn calendar(&self, user: &UserId) -> Result<Calendar, StoreError> {
        let id = user.clone();
        let row =
            self.store.read(move |snapshot| snapshot.row(&USERS, id.as_str())).await?.map(|row| repair::repaired(&row));
        let tz = row.as_ref().map_or_else(|| "UTC".to_owned(), |row| row.text("tz"));
        let start = row.and_then(|row| row.integer("day_start_min")).and_then(|minutes| u16::try_from(minutes).ok());
        Ok(Calendar { zone: Zone::or_utc(&tz), tz, day_start_min: start.unwrap_or(0) })
    }

    /// A person's day; the present one when no date is given.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub async fn day(&self, by: &Principal, date: Option<Date>) -> Result<Arc<Today>, StoreError> {
        let date = match date {
            Some(date) => date,
            None => self.present(&by.user).await?,
        };
        let key = (by.user.clone(), date.to_string());
        let known = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known
            && known.scopes == by.scopes
            && self.store.feed().quiet_since(known.as_of, &by.scopes)
        {
            return Ok(known.today);
        }
        // Read before the snapshot is taken: what is kept is at least as new.
        let as_of = self.store.feed().head();
        let scopes = by.scopes.clone();
        let (habits, cells) = {
            let (scopes, day) = (scopes.clone(), key.1.clone());
            self.store.read(move |snapshot| snapshot.day(&scopes, &day)).await?
        };
        let today = Arc::new(today(&habits, &cells, date));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, Kept { as_of, scopes, today: today.clone() });
        Ok(today)
    }

    /// One habit on a day; `None` when there is no such habit or it is not theirs to see.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub async fn item(&self, by: &Principal, habit: &HabitId, date: Option<Date>) -> Result<Option<Item>, StoreError> {
        let date = match date {
            Some(date) => date,
            None => self.present(&by.user).await?,
        };
        if let Some(item) = self.day(by, Some(date)).await?.items.iter().find(|item| item.habit_id == habit.as_str()) {
            return Ok(Some(item.clone()));
        }
        // Not due on this day, and nothing was done.
        let (id, scopes) = (habit.clone(), by.scopes.clone());
        let row = self.store.read(move |snapshot| snapshot.row(&HABITS, id.as_str())).await?;
        let row = row.filter(|row| row.deleted_at.is_none() && scopes.contains(&row.scope));
        Ok(row.map(|row| Item::of(&repair::repaired(&row), None, date)))
    }

    /// A person's present date.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub async fn present(&self, user: &UserId) -> Result<Date, StoreError> {
        let calendar = self.calendar(user).await?;
        Ok(logical_day(self.store.clock().now(), &calendar.zone, calendar.day_start_min))
    }

    /// When a person's next day begins.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub async fn next_day(&self, user: &UserId) -> Result<Millis, StoreError> {
        let calendar = self.calendar(user).await?;
        Ok(next_day_start(self.store.clock().now(), &calendar.zone, calendar.day_start_min))
    }
}
