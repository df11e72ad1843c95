#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::time::Duration;

use kairos_core::command::{Outcome, Wish};
use kairos_core::ids::HabitId;
use kairos_core::schema::{COMPLETION_EVENTS, COMPLETIONS, HABITS, TABLES};

use super::super::tests::{House, scope};
use super::*;

/// More rows than a few slices hold.
const MANY: usize = 60;

fn ada() -> UserId {
    UserId::new("ada").unwrap()
}

/// What of a word stands anywhere in the database, in a file of its own without what was freed.
async fn found(house: &House, word: &str) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("copy.db");
    #[expect(clippy::disallowed_methods, reason = "a look from outside")]
    let outside = rusqlite::Connection::open(house.store.path()).unwrap();
    outside.execute("VACUUM INTO ?1", [path.to_str().unwrap()]).unwrap();
    let file = std::fs::read(path).unwrap();
    file.windows(word.len()).filter(|part| *part == word.as_bytes()).count()
}

async fn furnish(house: &House, user: &'static str, word: &'static str) {
    let write = move |tx: &mut Tx<'_>| {
        let who = UserId::new(user).unwrap();
        for n in 0..MANY {
            for table in [&HABITS, &COMPLETION_EVENTS, &COMPLETIONS] {
                let id = format!("{user}-{}-{n}", table.name);
                let mut row = Row::new(table, id, scope(user), who.clone(), 1);
                let at = tx.tick();
                row.stamp_all(&at);
                row.set("name", word, &at);
                row.set("note", word, &at);
                row.set("habit_id", format!("{user}-habits-{n}"), &at);
                row.set("date", "2026-11-24", &at);
                row.extra.insert("mood".into(), word.into());
                row.clocks.insert("mood".into(), at.clone());
                // Deleted long ago, with its words.
                if n % 3 == 0 && table == &HABITS {
                    row.set_deleted(Some(tx.now()), &at);
                }
                tx.put(&row, Origin::Local)?;
            }
        }
        Ok(())
    };
    house.store.write(write).await.unwrap();
}

async fn is_all_empty(house: &House) -> bool {
    walk_for_test(&house.store, &scope("ada")).await == 0
}

async fn walk_for_test(store: &Store, of: &Scope) -> usize {
    let of = of.clone();
    let (rows, next) =
        store.read(move |snapshot| snapshot.all_rows(&of, &(0, String::new()), 10_000, false)).await.unwrap();
    assert!(next.is_none() && !rows.is_empty());
    rows.iter().filter(|outgoing| !is_empty(&outgoing.row)).count()
}

#[tokio::test]
async fn nothing_of_a_person_is_left_and_all_of_another_is() {
    let house = House::new().await;
    furnish(&house, "ada", "adasecretword").await;
    furnish(&house, "bo", "bosecretword").await;
    assert!(found(&house, "adasecretword").await > 0);
    let of_bo = found(&house, "bosecretword").await;
    let head = house.door.empty(&ada()).await.unwrap();
    assert_eq!(found(&house, "adasecretword").await, 0, "in rows, in the log");
    assert_eq!(found(&house, "bosecretword").await, of_bo);
    assert!(is_all_empty(&house).await);
    // By these a day is found.
    let day = house.store.read(|snapshot| snapshot.row(&COMPLETIONS, "ada-completions-5")).await.unwrap().unwrap();
    assert_eq!((day.text("date"), day.text("habit_id")), ("2026-11-24".into(), "ada-habits-5".into()));
    assert_eq!(house.door.empty(&ada()).await.unwrap(), head, "said twice, done once");
}

#[tokio::test]
async fn it_goes_on_where_it_was_cut_and_others_are_heard_in_between() {
    let house = House::new().await;
    furnish(&house, "ada", "adasecretword").await;
    let door = house.door.clone();
    let working = tokio::spawn(async move { door.empty(&ada()).await });
    // In the middle of it somebody else's wish is carried out, which is then cut.
    let half = async {
        loop {
            let left = walk_for_test(&house.store, &scope("ada")).await;
            if left < 3 * MANY {
                return left;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let left = half.await;
    house.store.write(|tx| Ok(tx.tick())).await.unwrap();
    working.abort();
    let _ = working.await;
    assert!(left > 0, "cut in the middle");
    let house = house.reopened().await;
    assert!(!is_all_empty(&house).await);
    house.door.empty(&ada()).await.unwrap();
    assert!(is_all_empty(&house).await);
    assert_eq!(found(&house, "adasecretword").await, 0);
}

#[tokio::test]
async fn what_was_on_its_way_is_turned_away() {
    let house = House::new().await;
    house.store.write(|tx| tx.begin_leaving(&ada())).await.unwrap();
    let by = super::super::tests::person("ada");
    let fields = [("name".to_owned(), "Late".into())].into();
    let receipt = house.wish(&by, Wish::AddHabit { id: HabitId::new("late").unwrap(), fields }).await;
    assert!(matches!(receipt.outcome, Outcome::Rejected(_)), "{receipt:?}");
    let late = house.store.read(|snapshot| snapshot.row(&HABITS, "late")).await.unwrap();
    assert!(late.is_none());
}

#[test]
fn every_table_can_be_emptied() {
    for table in TABLES.iter().copied() {
        let mut row = Row::new(table, "x", scope("ada"), ada(), 1);
        let at = Hlc::from_parts(5, 0, "a");
        row.stamp_all(&at);
        assert!(!is_empty(&row), "{}: not deleted", table.name);
        for column in table.columns {
            row.set(column.name, "word", &at);
        }
        let gone = empty(row, 9, &Hlc::from_parts(9, 0, "a"));
        assert!(is_empty(&gone), "{}", table.name);
        let kept = table.columns.iter().filter(|column| gone.text(column.name) == "word").map(|column| column.name);
        let kept: Vec<_> = kept.collect();
        let expected: &[&str] = if table.keys.is_empty() { &[] } else { &["habit_id", "date", "actor"] };
        assert_eq!(kept, expected, "{}", table.name);
    }
}
