//! What people see of a day: computed from rows once, then moved on by the log.
//!
//! Every press is answered with how the day stands, and every screen shows it; asking the database each time would
//! cost more than the press. So a person's calendar and days stay in memory, and each question first takes in what
//! the log has brought since the last one: a cell of a kept day changes its item, anything larger (a habit, the
//! profile, a stretch the feed no longer holds) makes the next question read again.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use kairos_core::Millis;
use kairos_core::change::{Change, Op};
use kairos_core::day::{Date, next_day_start};
use kairos_core::fold::Status;
use kairos_core::ids::{HabitId, UserId};
use kairos_core::plan::Person;
use kairos_core::principal::Principal;
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::USERS;
use kairos_core::scope::Scope;
use kairos_core::today::{Item, Rows, Standing, Today, items};
use serde::Deserialize;

use crate::feed::Feed;
use crate::store::{Store, StoreError};

/// How many people are kept. Beyond, all are dropped: they are quickly made again.
const PEOPLE: usize = 64;
/// How many days of a person are kept. Beyond, the earliest is dropped.
const DAYS: usize = 8;

/// Days of people. Cheap to clone.
#[derive(Clone)]
pub struct Days {
    store: Store,
    // Held for work in memory only, never across an await.
    kept: Arc<Mutex<HashMap<UserId, Kept>>>,
}

/// What is kept of a person.
struct Kept {
    /// How far this has followed the log.
    as_of: i64,
    scopes: Vec<Scope>,
    calendar: Option<Person>,
    days: BTreeMap<Date, Day>,
}

/// One day: every living habit in the person's order, due or not.
struct Day {
    items: Vec<Item>,
    /// Which habit each cell belongs to.
    cells: HashMap<String, usize>,
    /// What is due or was done anyway, made when somebody asks.
    shown: Option<Arc<Today>>,
}

/// What of a changed cell concerns its day.
#[derive(Deserialize)]
struct Cell<'a> {
    #[serde(borrow)]
    habit_id: Cow<'a, str>,
    #[serde(borrow)]
    date: Cow<'a, str>,
    #[serde(rename = "type")]
    status: Option<Status>,
    amount: Option<f64>,
    #[serde(borrow)]
    note: Option<Cow<'a, str>>,
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
    pub async fn calendar(&self, user: &UserId) -> Result<Person, StoreError> {
        if let Some(calendar) = self.kept(user, |kept| kept.calendar.clone()) {
            return Ok(calendar);
        }
        let id = user.clone();
        let (as_of, row) =
            self.store.read(move |snapshot| Ok((snapshot.head()?, snapshot.row(&USERS, id.as_str())?))).await?;
        let calendar = Person::of(row.map(repair::sound).as_ref());
        self.keep(user, None, as_of, |kept| kept.calendar = Some(calendar.clone()));
        Ok(calendar)
    }

    /// A person's day; the present one when no date is given.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub async fn day(&self, by: &Principal, date: Option<Date>) -> Result<Arc<Today>, StoreError> {
        self.ask(by, date, Day::today).await
    }

    /// One habit on a day; `None` when there is no such habit or it is not theirs to see.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub async fn item(&self, by: &Principal, habit: &HabitId, date: Option<Date>) -> Result<Option<Item>, StoreError> {
        self.ask(by, date, |day, _| day.items.iter().find(|item| item.habit_id == habit.as_str()).cloned()).await
    }

    /// A person's present date.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub async fn present(&self, user: &UserId) -> Result<Date, StoreError> {
        let calendar = self.calendar(user).await?;
        Ok(calendar.today(self.store.clock().now()))
    }

    /// When a person's next day begins.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub async fn next_day(&self, user: &UserId) -> Result<Millis, StoreError> {
        Ok(self.turn(user).await?.1)
    }

    /// A person's present date, and when the next day begins.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub async fn turn(&self, user: &UserId) -> Result<(Date, Millis), StoreError> {
        let calendar = self.calendar(user).await?;
        let now = self.store.clock().now();
        Ok((calendar.today(now), next_day_start(now, &calendar.zone, calendar.day_start_min)))
    }

    /// Asks a question of a day, from memory when it is there.
    async fn ask<T>(
        &self,
        by: &Principal,
        date: Option<Date>,
        question: impl Fn(&mut Day, Date) -> T,
    ) -> Result<T, StoreError> {
        let date = match date {
            Some(date) => date,
            None => self.present(&by.user).await?,
        };
        let known = self.kept(&by.user, |kept| {
            let day = kept.days.get_mut(&date).filter(|_| kept.scopes == by.scopes)?;
            Some(question(day, date))
        });
        if let Some(answer) = known {
            return Ok(answer);
        }
        let person = self.calendar(&by.user).await?;
        let scopes = by.scopes.clone();
        let (as_of, mut rows) =
            self.store.read(move |snapshot| Ok((snapshot.head()?, snapshot.day(&scopes, date)?))).await?;
        let mut day = Day::new(&mut rows, &person, date);
        let answer = question(&mut day, date);
        self.keep(&by.user, Some(&by.scopes), as_of, |kept| {
            // The earliest goes: the present day is asked for most.
            if kept.days.len() >= DAYS {
                kept.days.pop_first();
            }
            kept.days.insert(date, day);
        });
        Ok(answer)
    }

    /// Something kept of a person, after it has taken in what the log has brought.
    fn kept<T>(&self, user: &UserId, question: impl FnOnce(&mut Kept) -> Option<T>) -> Option<T> {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all.get_mut(user)?;
        if kept.follow(user, self.store.feed()) {
            return question(kept);
        }
        all.remove(user);
        None
    }

    /// Keeps something that was read when the log stood at `as_of`.
    fn keep(&self, user: &UserId, scopes: Option<&[Scope]>, as_of: i64, change: impl FnOnce(&mut Kept)) {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= PEOPLE && !all.contains_key(user) {
            all.clear();
        }
        let kept = all.entry(user.clone()).or_insert_with(|| Kept::new(as_of));
        if let Some(scopes) = scopes.filter(|scopes| kept.scopes != *scopes) {
            kept.days.clear();
            kept.scopes = scopes.to_vec();
        }
        // What is kept already may have followed the log further than what was just read, or less far: both at the
        // nearer of the two places, since taking a change in twice is harmless.
        kept.as_of = kept.as_of.min(as_of);
        change(kept);
    }
}

impl Kept {
    fn new(as_of: i64) -> Self {
        Self { as_of, scopes: Vec::new(), calendar: None, days: BTreeMap::new() }
    }

    /// Takes in what the log has brought; false when it must be read again.
    fn follow(&mut self, user: &UserId, feed: &Feed) -> bool {
        let reached = feed.follow(self.as_of, |change| self.take(user, change));
        self.as_of = reached.unwrap_or(self.as_of);
        reached.is_some()
    }

    fn take(&mut self, user: &UserId, change: &Change) {
        match change.table {
            // The week's first day decides about quotas, so the days go with the profile.
            "users" if change.row_id == user.as_str() => {
                self.calendar = None;
                self.days.clear();
            }
            "habits" | "habit_schedules" | "pauses" if self.scopes.contains(&change.scope) => self.days.clear(),
            "completions" if self.scopes.contains(&change.scope) && self.take_cell(change).is_none() => {
                self.days.clear();
            }
            _ => {}
        }
    }

    /// `None`: the days must be read again.
    fn take_cell(&mut self, change: &Change) -> Option<()> {
        if change.op == Op::Remove {
            if self.days.values().any(Day::has_quotas) {
                return None;
            }
            for day in self.days.values_mut() {
                let Some(place) = day.cells.remove(&change.row_id) else { continue };
                if day.cells.values().any(|other| *other == place) {
                    return None;
                }
                day.set(place, None);
            }
            return Some(());
        }
        let cell: Cell<'_> = serde_json::from_str(change.row.as_deref()?).ok()?;
        let of_quota = |day: &Day| day.items.iter().any(|item| item.has_quota && item.habit_id == cell.habit_id);
        if self.days.values().any(of_quota) {
            return None;
        }
        let Some((_, day)) = self.days.iter_mut().find(|(date, _)| date.to_string() == cell.date) else {
            return Some(());
        };
        let place = day.items.iter().position(|item| item.habit_id == cell.habit_id)?;
        day.cells.insert(change.row_id.clone(), place);
        // Several people's cells of one habit: the database says which is shown.
        if day.cells.values().filter(|other| **other == place).count() > 1 {
            return None;
        }
        let noted = cell.note.is_some_and(|note| !note.is_empty());
        day.set(place, Some(Standing { status: cell.status, amount: cell.amount, noted }));
        Some(())
    }
}

impl Day {
    fn new(rows: &mut Rows, person: &Person, date: Date) -> Self {
        let items = items(rows, person, date);
        let text = date.to_string();
        let place =
            |cell: &Row| items.iter().position(|item| cell.opt_text("habit_id").as_ref() == Some(&item.habit_id));
        let of_day = rows.cells.iter().filter(|cell| cell.text("date") == text);
        let cells = of_day.filter_map(|cell| Some((cell.id.clone(), place(cell)?))).collect();
        Self { items, cells, shown: None }
    }

    fn has_quotas(&self) -> bool {
        self.items.iter().any(|item| item.has_quota)
    }

    fn set(&mut self, place: usize, standing: Option<Standing>) {
        self.shown = None;
        if let Some(item) = self.items.get_mut(place) {
            item.stand(standing);
        }
    }

    fn today(&mut self, date: Date) -> Arc<Today> {
        let items = &self.items;
        let made =
            || Today { date: date.to_string(), items: items.iter().filter(|item| item.shown()).cloned().collect() };
        self.shown.get_or_insert_with(|| Arc::new(made())).clone()
    }
}

#[cfg(test)]
#[path = "days_tests.rs"]
mod tests;
