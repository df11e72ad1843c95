//! Phones that are offline and edit at random, with cuts at random: all end where the hub is, and nothing vanishes.

use std::collections::{BTreeMap, BTreeSet};

use kairos_core::ids::{CellId, HabitId};

use super::*;

/// How many random stories CI plays of two phones, and as many of five; a seed replays with `KAIROS_TEST_SEED`.
const SEEDS: usize = 100;

/// A small generator of the same numbers from the same seed (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.roll(of.len() as u64)).unwrap()]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_phones_end_where_the_hub_is() {
    stories_of(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_phones_end_where_the_hub_is() {
    stories_of(5).await;
}

async fn stories_of(phones: usize) {
    let home = Home::new().await;
    let seed = std::env::var("KAIROS_TEST_SEED").ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = seed.map_or_else(|| (1..=kairos_tests::scaled(SEEDS) as u64).collect(), |seed| vec![seed]);
    for seed in seeds {
        play(&home, seed, phones).await;
    }
}

async fn play(home: &Home, seed: u64, phones: usize) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let person = home.house.add_person(&home.ada, &format!("p{seed}@example.org")).await;
    let mut clients = Vec::new();
    for n in 0..phones {
        let client = home.sdk.client(&format!("s{seed}-{n}"), &home.relay.url(), &person.token).await;
        client.connect_with(json!({ "wait": false })).await;
        clients.push(client);
    }
    let habits: Vec<String> = (0..4).map(|n| format!("s{seed}-h{n}")).collect();
    for (n, habit) in habits.iter().enumerate() {
        let kind = if n % 2 == 0 { "boolean" } else { "measurable" };
        let sql = "INSERT INTO habits (id, name, anchor_behavior, kind, target_value) VALUES (?, ?, 'x', ?, 8)";
        clients[0].write(sql, json!([habit, habit, kind])).await;
    }
    clients[0].settled().await;
    for client in &clients {
        client.wait_for("SELECT id FROM habits", habits.len()).await;
    }
    let mut days = Vec::new();
    for day in 0..6 {
        let found = clients[0].read(&format!("SELECT date('now', '-{day} days') AS date")).await;
        days.push(found[0]["date"].as_str().unwrap().to_owned());
    }
    let date = |day: usize| days[day].clone();
    // What each phone meant, to be found again: how often it added how much to which habit's day, and what it did.
    let mut added = BTreeMap::<(String, u64), (usize, i64)>::new();
    let mut done = BTreeSet::<(String, u64)>::new();
    let (mut names, mut seen) = (BTreeSet::<(String, String)>::new(), BTreeSet::<(String, String)>::new());
    let mut words = Words::default();
    for step in 0..60 {
        let n = usize::try_from(dice.roll(clients.len() as u64)).unwrap();
        let client = &clients[n];
        let habit = dice.one(&habits).clone();
        let day = dice.roll(3);
        match dice.roll(12) {
            0 => client.disconnect().await,
            1 => client.connect_with(json!({ "wait": false })).await,
            2 => home.relay.cut(),
            3 => {
                let name = format!("{habit} {seed}.{step}");
                // In one transaction: what it replaces is what its person saw, whatever comes down at that moment.
                let found = client
                    .transaction(json!([
                        ["SELECT name FROM habits WHERE id = ?", [habit]],
                        ["UPDATE habits SET name = ? WHERE id = ?", [name, habit]]
                    ]))
                    .await;
                seen.insert((habit.clone(), found[0][0]["name"].as_str().unwrap().to_owned()));
                names.insert((habit, name));
            }
            4 => {
                let key = format!("{:04}", dice.roll(10_000));
                client.write("UPDATE habits SET sort_key = ?, color = ? WHERE id = ?", json!([key, key, habit])).await;
            }
            5 => {
                // A cell that another phone may have made under another id, undone under this phone's.
                let which = "habit_id = ?1 AND date = date('now', '-' || ?2 || ' days')";
                let which = if dice.roll(2) == 0 { which.to_owned() } else { format!("{which} AND amount IS NULL") };
                if !habit.ends_with(['1', '3']) {
                    words.write(client, &which, json!([habit, day]), "DELETE FROM completions").await;
                }
            }
            6 => {
                let note = format!("note {step}");
                let set = format!("UPDATE completions SET note = '{note}'");
                let of = words.write(client, "habit_id = ?1", json!([habit]), &set).await;
                words.wrote(of, &json!(note));
            }
            10 if dice.roll(2) == 0 => {
                // A note alone, on a day that nobody else may have touched.
                let note = format!("note {step}");
                let sql = "INSERT INTO completions (id, habit_id, date, note) VALUES (uuid(), ?1, date('now', '-5 days'), ?2)";
                client.write(sql, json!([habit, note])).await;
                words.wrote(vec![(habit, date(5))], &json!(note));
            }
            11 if habit.ends_with(['1', '3']) && dice.roll(2) == 0 => {
                // An amount that is set, not added; or taken back again.
                let which = "habit_id = ?1 AND date = date('now', '-4 days')";
                let amount = 100 + step;
                let sql = format!("SELECT id FROM completions WHERE habit_id = '{habit}' AND date = '{}'", date(4));
                let there = client.read(&sql).await;
                let metadata = json!({ "verb": "set", "value": amount }).to_string();
                if there.is_empty() {
                    let sql = "INSERT INTO completions (id, habit_id, date, type, amount, _metadata)
                               VALUES (uuid(), ?1, date('now', '-4 days'), 'FULL', ?2, ?3)";
                    client.write(sql, json!([habit, amount, metadata])).await;
                    words.wrote(vec![(habit, date(4))], &json!(amount));
                } else if dice.roll(3) == 0 {
                    words.write(client, which, json!([habit]), "DELETE FROM completions").await;
                } else {
                    let set =
                        format!("UPDATE completions SET type = 'FULL', amount = {amount}, _metadata = '{metadata}'");
                    let of = words.write(client, which, json!([habit]), &set).await;
                    words.wrote(of, &json!(amount));
                }
            }
            7 => {
                let sql = "INSERT INTO pauses (id, habit_id, from_date, to_date) VALUES (uuid(), ?, '2030-01-01', '2030-01-02')";
                client.write(sql, json!([habit])).await;
                if dice.roll(3) == 0 {
                    client.write("DELETE FROM pauses WHERE habit_id = ?", json!([habit])).await;
                }
            }
            8 => {
                // A routine of two habits, or its parts in another order, or one part less.
                let (routine, key) = (format!("s{seed}-r{}", dice.roll(2)), format!("{:04}", dice.roll(10_000)));
                let first = dice.roll(2) == 0;
                if first && dice.roll(3) > 0 {
                    let part =
                        "INSERT INTO routine_habits (id, routine_id, habit_id, sort_key) VALUES (uuid(), ?, ?, ?)";
                    // Another phone's may have come down a moment ago.
                    let sql = "INSERT INTO routines (id, name)
                               SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM routines WHERE id = ?1)";
                    client
                        .transaction(json!([
                            [sql, [routine, format!("{routine} {step}")]],
                            [part, [routine, habits[0], "1"]],
                            [part, [routine, habit, key]]
                        ]))
                        .await;
                } else if first {
                    let sql = "DELETE FROM routine_habits WHERE routine_id = ? AND habit_id = ?";
                    client.write(sql, json!([routine, habit])).await;
                } else {
                    let sql = "UPDATE routine_habits SET sort_key = ? WHERE routine_id = ? AND habit_id = ?";
                    client.write(sql, json!([key, routine, habit])).await;
                }
            }
            9 if dice.roll(4) == 0 => {
                client.write("DELETE FROM routines WHERE id = ?", json!([format!("s{seed}-r{}", dice.roll(2))])).await;
            }
            _ if habit.ends_with(['1', '3']) => {
                let more = i64::try_from(1 + dice.roll(3)).unwrap();
                let metadata = json!({ "verb": "add", "value": more }).to_string();
                let sql = "INSERT INTO completions (id, habit_id, date, type, amount, _metadata)
                           VALUES (uuid(), ?, date('now', '-' || ? || ' days'), 'PARTIAL', ?, ?)";
                client.write(sql, json!([habit, day, more, metadata])).await;
                let meant = added.entry((habit, day)).or_default();
                *meant = (meant.0 + 1, meant.1 + more);
            }
            _ => {
                let sql = "INSERT INTO completions (id, habit_id, date, type)
                           VALUES (uuid(), ?, date('now', '-' || ? || ' days'), 'FULL')";
                client.write(sql, json!([habit, day])).await;
                done.insert((habit, day));
            }
        }
    }
    for client in &clients {
        client.connect_with(json!({ "wait": false })).await;
    }
    for client in &clients {
        assert!(client.settles(60).await, "seed {seed}: a phone does not settle: {}", client.status().await);
    }
    let scope = format!("u:{}", person.user_id);
    let of_person = |table: &str| -> Vec<Value> {
        home.rows(table).into_iter().filter(|row| row["scope"] == scope.as_str()).collect()
    };
    for (table, columns) in [
        ("habits", vec!["id", "name", "sort_key", "color"]),
        ("completions", vec!["id", "habit_id", "date", "type", "amount", "note"]),
        ("pauses", vec!["id", "habit_id"]),
        ("routines", vec!["id", "name"]),
        ("routine_habits", vec!["id", "routine_id", "habit_id", "sort_key"]),
        ("conflicts", vec!["id", "kind", "status"]),
    ] {
        let pick = |rows: &[Value]| -> BTreeSet<String> {
            rows.iter()
                .map(|row| columns.iter().map(|column| plain(&row[*column]).to_string()).collect::<Vec<_>>().join(" "))
                .collect()
        };
        let expected = pick(&of_person(table));
        for client in &clients {
            let sql = format!("SELECT {} FROM {table}", columns.join(", "));
            let what = format!("seed {seed}: {table} as the hub has them");
            kairos_tests::until(&what, async || (pick(&client.read(&sql).await) == expected).then_some(())).await;
        }
    }
    // Every deed is an event, once, whoever was offline; and what was added adds up.
    let events = of_person("completion_events");
    let on = |habit: &str, day: u64, verb: &str| {
        let date = days[usize::try_from(day).unwrap()].as_str();
        events.iter().filter(|row| row["habit_id"] == habit && row["date"] == date && row["verb"] == verb).count()
    };
    for ((habit, day), (times, sum)) in &added {
        let date = &days[usize::try_from(*day).unwrap()];
        let sql = format!("SELECT amount FROM completions WHERE habit_id = '{habit}' AND date = '{date}'");
        let found = clients[0].read(&sql).await;
        let sum = f64::from(i32::try_from(*sum).unwrap());
        assert_eq!(found[0]["amount"].as_f64(), Some(sum), "seed {seed}: {habit} {day}");
        assert_eq!(on(habit, *day, "add"), *times, "seed {seed}: {habit} {day}");
    }
    for (habit, day) in &done {
        assert!(on(habit, *day, "full") > 0, "seed {seed}: {habit} {day}");
    }
    // Every name that was given stands, was seen by whoever changed it, or is kept.
    let conflicts = of_person("conflicts");
    assert!(conflicts.iter().all(|conflict| conflict["kind"] == "lost"), "seed {seed}: {conflicts:?}");
    let habits = of_person("habits");
    for (habit, name) in names {
        let stands = habits.iter().any(|row| row["id"] == habit.as_str() && row["name"] == name.as_str());
        let kept = conflicts.iter().any(|conflict| {
            let lost: Value = serde_json::from_str(conflict["lost_value"].as_str().unwrap()).unwrap();
            conflict["row_id"] == habit.as_str() && lost["name"] == name.as_str()
        });
        assert!(stands || kept || seen.contains(&(habit.clone(), name.clone())), "seed {seed}: {name} vanished");
    }
    words.are_there(&of_person("completions"), &conflicts, seed);
    for client in clients {
        client.close().await;
    }
}

/// A day: its habit and date.
type Day = (String, String);

/// What was written on days that is replaced and not added up: notes, and amounts that are set.
#[derive(Default)]
struct Words {
    written: Vec<(Day, Value)>,
    /// What whoever wrote over it had before their eyes.
    seen: Vec<(Day, Value)>,
}

impl Words {
    /// Writes days, in one transaction with a look at them; gives which.
    async fn write(&mut self, client: &Client<'_>, which: &str, values: Value, sql: &str) -> Vec<Day> {
        let look = format!("SELECT habit_id, date, note, amount FROM completions WHERE {which}");
        let found = client.transaction(json!([[look, values], [format!("{sql} WHERE {which}"), values]])).await;
        let days = pairs(&found[0]);
        for (day, row) in days.iter().zip(found[0].as_array().unwrap()) {
            for seen in [&row["note"], &row["amount"]].into_iter().filter(|seen| !seen.is_null()) {
                self.seen.push((day.clone(), plain(seen)));
            }
        }
        days
    }

    fn wrote(&mut self, days: Vec<Day>, what: &Value) {
        self.written.extend(days.into_iter().map(|day| (day, plain(what))));
    }

    /// Each stands, was seen by whoever wrote over it, or is kept.
    fn are_there(&self, cells: &[Value], conflicts: &[Value], seed: u64) {
        let holds =
            |row: &Value, what: &Value| [&row["note"], &row["amount"]].into_iter().any(|value| plain(value) == *what);
        for written in &self.written {
            let ((habit, date), what) = written;
            let stands = cells.iter().any(|row| row["habit_id"] == *habit && row["date"] == *date && holds(row, what));
            let cell = CellId::of(&HabitId::new(habit.as_str()).unwrap(), date.parse().unwrap(), "");
            let kept = conflicts
                .iter()
                .filter(|conflict| conflict["row_id"] == cell.as_str())
                .any(|conflict| holds(&serde_json::from_str(conflict["lost_value"].as_str().unwrap()).unwrap(), what));
            assert!(stands || kept || self.seen.contains(written), "seed {seed}: {written:?} vanished");
        }
    }
}

fn pairs(rows: &Value) -> Vec<Day> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rows.as_array().unwrap().iter().map(|row| (text(&row["habit_id"]), text(&row["date"]))).collect()
}
