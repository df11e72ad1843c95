//! What the family does: a seed tells all of it.

use kairos_core::command::{Deed, Fields, Saying, When};
use kairos_core::event::Verb;
use kairos_core::plan::days_before;
use kairos_core::progress::Recovery;
use kairos_core::row::Row;
use kairos_core::schema::{RECOVERY_SESSIONS, USERS};
use kairos_core::value::Value;

use super::*;

const ZONES: [&str; 8] = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Pacific/Auckland",
    "America/St_Johns",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Australia/Lord_Howe",
];

/// Chance that a seed replays.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides.max(1)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.roll(n) == 0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.roll(from.len() as u64)).unwrap()]
    }
}

pub(super) struct Family {
    pub(super) store: Store,
    pub(super) door: Commands,
    pub(super) clock: Clock,
    pub(super) dice: Dice,
    pub(super) people: Vec<Principal>,
    pub(super) habits: Vec<(usize, HabitId, &'static str)>,
    /// Commands that were said before: they may be said again.
    said: Vec<Command>,
    count: u64,
    _dir: tempfile::TempDir,
}

fn fields(of: &[(&str, Value)]) -> Fields {
    of.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

impl Family {
    pub(super) async fn new(seed: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(at(START));
        let store = Store::open(dir.path(), clock.clone(), &Board::default()).await.unwrap();
        let people = ["ada", "bo", "cy", "di", "ed"].map(|name| {
            let user = UserId::new(name).unwrap();
            Principal { scopes: vec![Scope::Person(user.clone())], user, via: Via::Session, admin: false }
        });
        Self {
            door: Commands::new(store.clone()),
            store,
            clock,
            dice: Dice(seed.wrapping_mul(2_654_435_761).wrapping_add(1)),
            people: people.to_vec(),
            habits: Vec::new(),
            said: Vec::new(),
            count: 0,
            _dir: dir,
        }
    }

    pub(super) async fn settle_in(&mut self) {
        for (n, person) in self.people.clone().into_iter().enumerate() {
            let (zone, start) = (*self.dice.pick(&ZONES), i64::try_from(self.dice.roll(13)).unwrap() * 60);
            let profile = move |tx: &mut Tx<'_>| {
                let user = person.user;
                let mut row = Row::new(&USERS, user.to_string(), person.scopes[0].clone(), user, tx.now());
                let tick = tx.tick();
                row.set("tz", zone, &tick);
                row.set("day_start_min", start, &tick);
                tx.put(&row, Origin::Local)
            };
            self.store.write(profile).await.unwrap();
            for kind in ["boolean", "quota", "measurable", "avoid", "limit"] {
                let extra: Vec<(&str, Value)> = match kind {
                    "quota" => vec![
                        ("freq_num", i64::try_from(1 + self.dice.roll(4)).unwrap().into()),
                        ("freq_den", (*self.dice.pick(&[7_i64, 7, 30, 5])).into()),
                        ("freq_window", (*self.dice.pick(&["calendar", "rolling"])).into()),
                    ],
                    "measurable" => vec![("kind", kind.into()), ("target_value", 3.0.into())],
                    "limit" => vec![
                        ("kind", "measurable".into()),
                        ("target_type", "at_most".into()),
                        ("target_value", 3.0.into()),
                    ],
                    "avoid" => vec![("kind", kind.into())],
                    _ => vec![("frequency", (*self.dice.pick(&["DAILY", "WEEKDAYS", "WEEKENDS"])).into())],
                };
                let id = HabitId::new(format!("{n}-{kind}")).unwrap();
                let all = fields(&[vec![("name", "x".into())], extra].concat());
                self.habits.push((n, id.clone(), kind));
                self.say(n, Wish::AddHabit { id, fields: all }).await;
            }
        }
    }

    async fn say(&mut self, person: usize, wish: Wish) {
        self.count += 1;
        let id = CommandId::new(format!("c{}", self.count)).unwrap();
        let command = Command { id, by: self.people[person].clone(), wish };
        if self.dice.one_in(20) {
            self.said.push(command.clone());
        }
        self.door.submit(command).await.unwrap();
    }

    /// One day of everybody's life.
    pub(super) async fn live(&mut self) {
        let mut deeds = Vec::new();
        for (person, habit, kind) in self.habits.clone() {
            // Everybody has good months and bad ones.
            let mood = 2 + (self.clock.now() / (40 * 24 * HOUR) + i64::try_from(person).unwrap()) % 5;
            if self.dice.roll(8) > u64::try_from(mood).unwrap() {
                continue;
            }
            let verb = match (kind, self.dice.roll(20)) {
                ("avoid", 0..=3) => Verb::Lapse,
                ("avoid", _) => continue,
                (_, 0) => Verb::Skip,
                (_, 1) => Verb::Undo,
                (_, 2) => Verb::Partial,
                // A slip of the finger, which comes to nothing.
                (_, 3) => Verb::Set,
                _ => Verb::Full,
            };
            let late = if self.dice.one_in(15) { i64::try_from(self.dice.roll(40)).unwrap() } else { 0 };
            let own = self.store.clock().now() - late * 24 * HOUR;
            let times = if matches!(kind, "measurable" | "limit") { 1 + self.dice.roll(5) } else { 1 };
            for _ in 0..times {
                self.count += 1;
                let command = Command {
                    id: CommandId::new(format!("c{}", self.count)).unwrap(),
                    by: self.people[person].clone(),
                    wish: Wish::Record(Deed {
                        habit: habit.clone(),
                        verb,
                        value: match verb {
                            Verb::Partial => Some(40.0),
                            Verb::Set => Some(0.0),
                            _ => None,
                        },
                        date: None,
                        when: When::At(own, kairos_core::event::TimeSource::Client),
                        undo_of: None,
                        skip_reason: (verb == Verb::Skip).then(|| "TRAVELING".into()),
                        note: None,
                        press_id: None,
                    }),
                };
                if self.dice.one_in(20) {
                    self.said.push(command.clone());
                }
                deeds.push(self.door.submit(command));
            }
        }
        futures_util::future::join_all(deeds).await;
        if let Some(again) = self.said.pop().filter(|_| self.dice.one_in(2)) {
            let receipt = self.door.submit(again).await.unwrap();
            assert!(receipt.repeated, "said twice, counted once");
        }
        self.change_their_minds().await;
    }

    async fn change_their_minds(&mut self) {
        let person = usize::try_from(self.dice.roll(5)).unwrap();
        let today = self.day_of(person).await;
        let (_, habit, _) = self.habits[usize::try_from(self.dice.roll(self.habits.len() as u64)).unwrap()].clone();
        let owner = self.habits.iter().find(|(_, id, _)| *id == habit).unwrap().0;
        match self.dice.roll(60) {
            0 => {
                let zone = *self.dice.pick(&ZONES);
                self.say(person, Wish::EditProfile { fields: fields(&[("tz", zone.into())]) }).await;
            }
            1 => {
                let from = days_before(today, i64::try_from(self.dice.roll(30)).unwrap());
                let to = days_before(today, i64::try_from(self.dice.roll(10)).unwrap()).max(from);
                let of = fields(&[("from_date", from.to_string().into()), ("to_date", to.to_string().into())]);
                self.say(person, Wish::AddPause { id: format!("p{}", self.count), fields: of }).await;
            }
            2 => {
                let days = ["DAILY", "WEEKDAYS", "WEEKENDS"];
                let of = fields(&[("frequency", (*self.dice.pick(&days)).into())]);
                self.say(owner, Wish::EditHabit { id: habit, fields: of }).await;
            }
            3 | 4 => {
                let of = fields(&[("status", (*self.dice.pick(&["PAUSED", "ACTIVE", "ACTIVE", "ARCHIVED"])).into())]);
                self.say(owner, Wish::EditHabit { id: habit, fields: of }).await;
            }
            5..=9 => {
                let scopes = self.people[owner].scopes.clone();
                let waiting = self.rows(&RECOVERY_SESSIONS, &scopes).await;
                let Some(session) = waiting.iter().find(|row| row.text("status") == "PENDING") else { return };
                let ways =
                    [Recovery::Resume, Recovery::FreshStart, Recovery::Simplify, Recovery::Pause, Recovery::Archive];
                let action = *self.dice.pick(&ways);
                let answer = Saying { action, blockers: None, notes: None };
                self.say(owner, Wish::Recover { session: session.id.clone(), answer }).await;
            }
            10 => {
                let start = i64::try_from(self.dice.roll(13)).unwrap() * 60;
                self.say(person, Wish::EditProfile { fields: fields(&[("day_start_min", start.into())]) }).await;
            }
            11 => {
                let of = match self.dice.roll(3) {
                    0 => fields(&[("unit", (*self.dice.pick(&["pages", "glasses"])).into())]),
                    1 => fields(&[("target_type", (*self.dice.pick(&["at_least", "at_most"])).into())]),
                    _ => fields(&[("target_value", (*self.dice.pick(&[2.0, 3.0, 4.0])).into())]),
                };
                self.say(owner, Wish::EditHabit { id: habit, fields: of }).await;
            }
            12 => {
                let of = fields(&[
                    ("freq_num", i64::try_from(1 + self.dice.roll(3)).unwrap().into()),
                    ("freq_den", (*self.dice.pick(&[1_i64, 7, 10])).into()),
                    ("freq_window", (*self.dice.pick(&["calendar", "rolling"])).into()),
                ]);
                self.say(owner, Wish::EditHabit { id: habit, fields: of }).await;
            }
            _ => {}
        }
    }

    async fn day_of(&self, person: usize) -> Date {
        let user = self.people[person].user.clone();
        let row = self.store.read(move |snapshot| snapshot.row(&USERS, user.as_str())).await.unwrap();
        Person::of(row.as_ref()).today(self.clock.now())
    }
}
