#![allow(clippy::unwrap_used)]
use kairos_core::change::Origin;
use kairos_core::schema::COMPLETION_EVENTS;

use super::*;
use crate::clock::Clock;
use crate::health::Board;

/// As many rows as make more pieces than may wait.
const ROWS: usize = 3000;

async fn store(dir: &std::path::Path) -> (Store, UserId) {
    let store = Store::open(dir, Clock::system(), &Board::default()).await.unwrap();
    let ada = UserId::new("ada").unwrap();
    let scope = Scope::Person(ada.clone());
    let owner = ada.clone();
    let fill = store.write(move |tx| {
        let at = tx.tick();
        let mut habit = Row::new(&HABITS, "h", scope.clone(), owner.clone(), 1);
        habit.set("name", "Read", &at);
        habit.stamp_all(&at);
        tx.put(&habit, Origin::Local)?;
        for n in 0..ROWS {
            let mut event = Row::new(&COMPLETION_EVENTS, format!("e{n:06}"), scope.clone(), owner.clone(), 1);
            event.set("habit_id", "h", &at);
            event.set("note", "n".repeat(500), &at);
            event.stamp_all(&at);
            tx.put(&event, Origin::Local)?;
        }
        Ok(())
    });
    fill.await.unwrap();
    (store, ada)
}

async fn full(pieces: &Pieces) {
    while pieces.0.len() < AHEAD {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_export_comes_in_small_pieces_and_waits_for_whoever_takes_it() {
    let dir = tempfile::tempdir().unwrap();
    let (store, ada) = store(dir.path()).await;
    let mut pieces = export(&store, &ada, Form::Json).await.unwrap();
    full(&pieces).await;
    // Every reader that answers people is free, and what is written meanwhile is not part of it.
    #[allow(clippy::redundant_closure_for_method_calls)] // the method alone is not general enough in its lifetime
    let reads = (0..8).map(|_| store.read(|snapshot| snapshot.head()));
    assert!(futures_util::future::join_all(reads).await.into_iter().all(|head| head.is_ok()));
    let scope = Scope::Person(ada.clone());
    store
        .write(move |tx| {
            let at = tx.tick();
            let mut late = Row::new(&HABITS, "late", scope, UserId::new("ada").unwrap(), 1);
            late.stamp_all(&at);
            tx.put(&late, Origin::Local)
        })
        .await
        .unwrap();
    let (mut file, mut longest) = (Vec::new(), 0);
    while let Some(piece) = pieces.next().await {
        let piece = piece.unwrap();
        longest = longest.max(piece.len());
        file.extend_from_slice(&piece);
    }
    assert_eq!(longest, PIECE);
    let back = whole::read(&file, &ada).unwrap();
    assert_eq!(back.len(), ROWS + 1);
}

#[tokio::test]
async fn a_person_has_one_export_at_a_time_and_who_leaves_or_sleeps_makes_room() {
    let dir = tempfile::tempdir().unwrap();
    let (store, ada) = store(dir.path()).await;
    let left = export(&store, &ada, Form::Csv).await.unwrap();
    drop(left);
    let first = export(&store, &ada, Form::Json).await.unwrap();
    full(&first).await;
    assert!(export(&store, &ada, Form::Json).await.is_none(), "two at a time");
    let (bo, cy) = (UserId::new("bo").unwrap(), UserId::new("cy").unwrap());
    let second = begin(store.turn_apart(&bo).await.unwrap(), &ada, Form::Json, PATIENCE);
    full(&second).await;
    assert!(export(&store, &cy, Form::Json).await.is_none(), "three on a hub");
    drop(second);
    assert!(export(&store, &cy, Form::Json).await.is_some(), "one who takes it slowly keeps nobody out");
    drop(first);
    let short = Patience { piece: Duration::from_millis(50), all: Duration::from_secs(600) };
    let mut asleep = begin(store.turn_apart(&ada).await.unwrap(), &ada, Form::Json, short);
    let next = export(&store, &ada, Form::Json).await;
    assert!(next.is_some(), "who does not take it is cut");
    let mut last = asleep.next().await;
    while matches!(last, Some(Ok(_))) {
        last = asleep.next().await;
    }
    assert!(matches!(last, Some(Err(_))), "a cut export does not end as a whole one does");
}

#[tokio::test]
async fn a_hub_that_stops_does_not_wait_for_an_export() {
    let dir = tempfile::tempdir().unwrap();
    let (store, ada) = store(dir.path()).await;
    let pieces = export(&store, &ada, Form::Json).await.unwrap();
    full(&pieces).await;
    store.close().await;
    assert!(export(&store, &ada, Form::Json).await.is_none());
    drop(pieces);
}

#[test]
fn habits_of_one_name_are_told_apart_by_numbers_that_stay() {
    let habit = |id: &str, name: &str| {
        let ada = UserId::new("ada").unwrap();
        let mut row = Row::new(&HABITS, id, Scope::Person(ada.clone()), ada, 1);
        row.columns.insert("name", name.into());
        row
    };
    let long = "n".repeat(100);
    let rows = [("a", "Read"), ("b", "Read"), ("c", "Read (2)"), ("d", "Read"), ("e", &long), ("f", &long)];
    let names = |rows: Vec<Row>| named(rows).into_iter().map(|(name, row)| (row.id, name)).collect::<BTreeMap<_, _>>();
    let first = names(rows.iter().map(|(id, name)| habit(id, name)).collect());
    let short = format!("{} (2)", "n".repeat(96));
    let expected =
        [("a", "Read"), ("b", "Read (3)"), ("c", "Read (2)"), ("d", "Read (4)"), ("e", &long), ("f", &short)];
    assert_eq!(first, expected.map(|(id, name)| (id.to_owned(), name.to_owned())).into());
    assert_eq!(names(first.iter().map(|(id, name)| habit(id, name)).collect()), first);
}
