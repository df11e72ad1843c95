#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use kairos_core::change::{Cursor, Op, Origin};
use kairos_core::ids::UserId;
use kairos_core::row::Row;
use kairos_core::schema::HABITS;
use kairos_core::scope::Scope;

use super::*;
use crate::clock::Clock;
use crate::health::Board;

const NOW: i64 = 1_795_514_400_000;

async fn store() -> (tempfile::TempDir, Store, Clock) {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(NOW);
    let store = Store::open(dir.path(), clock.clone(), &Board::default()).await.unwrap();
    (dir, store, clock)
}

fn ada() -> Scope {
    Scope::Person(UserId::new("ada").unwrap())
}

/// Writes a habit so many times.
async fn write(store: &Store, id: &'static str, times: usize) {
    let work = move |tx: &mut Tx<'_>| {
        for n in 0..times {
            let at = tx.tick();
            let mut row = Row::new(&HABITS, id, ada(), UserId::new("ada").unwrap(), tx.now());
            row.stamp_all(&at);
            row.set("name", format!("name {n}"), &at);
            tx.put(&row, Origin::Local)?;
        }
        Ok(())
    };
    store.write(work).await.unwrap();
}

/// Deletes habits of these numbers, each written before.
async fn delete(store: &Store, numbers: std::ops::Range<usize>) {
    let work = move |tx: &mut Tx<'_>| {
        for n in numbers {
            let mut row = tx.row(&HABITS, &format!("n{n}"))?.unwrap();
            row.set_deleted(Some(tx.now()), &tx.tick());
            tx.put(&row, Origin::Local)?;
        }
        Ok(())
    };
    store.write(work).await.unwrap();
}

/// Writes habits of these numbers.
async fn write_many(store: &Store, numbers: std::ops::Range<usize>) {
    let work = move |tx: &mut Tx<'_>| {
        for n in numbers {
            let mut row = Row::new(&HABITS, format!("n{n}"), ada(), UserId::new("ada").unwrap(), tx.now());
            row.stamp_all(&tx.tick());
            tx.put(&row, Origin::Local)?;
        }
        Ok(())
    };
    store.write(work).await.unwrap();
}

async fn ops(store: &Store, op: &'static str) -> i64 {
    let sql = "SELECT count(*) FROM changes WHERE op = ?1";
    store.read(move |snapshot| Ok(snapshot.connection.query_row(sql, [op], |row| row.get(0))?)).await.unwrap()
}

/// Sum and count as a client adds them up that reads all ops after a place.
async fn add_up(store: &Store) -> (i64, i64, i64) {
    store
        .read(|snapshot| {
            let sql = "SELECT coalesce(sum(checksum), 0) & 4294967295, count(*) FROM changes WHERE scope = 'u:ada'";
            let (sum, count) = snapshot.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let sql = "SELECT checksum, count, generation FROM buckets WHERE scope = 'u:ada' AND stream = 'rows'";
            let bucket = snapshot.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            let (checksum, counted, generation): (i64, i64, i64) = bucket;
            assert_eq!((sum, count), (checksum, counted), "what stands in the log is what the bucket says");
            Ok((sum, count, generation))
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn superseded_changes_are_emptied_and_the_sums_stay() {
    let (_dir, store, _) = store().await;
    write(&store, "h1", 10).await;
    write(&store, "h2", 1).await;
    let before = add_up(&store).await;
    assert_eq!(store.compact().await.unwrap(), Compacted { emptied: 9, renewed: 0 });
    assert_eq!(add_up(&store).await, before);
    assert_eq!(store.compact().await.unwrap(), Compacted::default(), "once is enough");
    // Whoever reads the log from its beginning gets the latest state of every row.
    let changes = store.read(|snapshot| snapshot.changes_after(0, None, 100)).await.unwrap();
    let rows: Vec<_> = changes.iter().map(|change| (change.row_id.as_str(), change.op)).collect();
    assert_eq!(rows, [("h1", Op::Put), ("h2", Op::Put)]);
    write(&store, "h1", 1).await;
    assert_eq!(store.compact().await.unwrap().emptied, 1);
}

#[tokio::test]
async fn a_page_of_the_log_is_not_cut_short_by_what_was_emptied() {
    let (_dir, store, _) = store().await;
    write(&store, "h1", 50).await;
    write(&store, "h2", 1).await;
    store.compact().await.unwrap();
    for scopes in [None, Some(vec![ada()])] {
        let (mut after, mut seen, head) = (0, Vec::new(), store.feed().head());
        while after < head {
            let scopes = scopes.clone();
            let page = move |snapshot: &Snapshot<'_>| snapshot.page_after(after, scopes.as_deref(), 1, 1 << 20);
            let (changes, all) = store.read(page).await.unwrap();
            seen.extend(changes.iter().map(|change| change.row_id.clone()));
            after = if all { head } else { changes.last().unwrap().seq };
        }
        assert_eq!(seen, ["h1", "h2"]);
    }
}

#[tokio::test]
async fn what_a_living_outlet_has_not_seen_stays() {
    let (_dir, store, clock) = store().await;
    write(&store, "h1", 3).await;
    let epoch = store.identity().epoch.clone();
    store.save_cursor("upstream", &Cursor { epoch, seq: 1 }).await.unwrap();
    assert_eq!(store.compact().await.unwrap().emptied, 1);
    clock.set(NOW + LIVING + 1);
    assert_eq!(store.compact().await.unwrap().emptied, 1, "an outlet that is gone holds nobody up");
}

#[tokio::test]
async fn a_bucket_of_mostly_emptied_changes_begins_anew() {
    let (_dir, store, _) = store().await;
    let many = usize::try_from(WORTH_IT).unwrap() + 1;
    write(&store, "h1", many).await;
    write(&store, "h2", 1).await;
    let (_, _, generation) = add_up(&store).await;
    assert_eq!(store.compact().await.unwrap(), Compacted { emptied: many - 1, renewed: 1 });
    let (_, count, renewed) = add_up(&store).await;
    assert_eq!((count, renewed), (2, generation + 1));
    assert_eq!(store.compact().await.unwrap(), Compacted::default());
}

#[tokio::test]
async fn deleted_rows_leave_the_log_and_it_is_bounded_by_what_lives() {
    let (_dir, store, clock) = store().await;
    let many = usize::try_from(WORTH_IT).unwrap();
    write(&store, "h1", 1).await;
    // Neither the emptied nor the deleted alone are enough; and again and again.
    for round in 1..=2 {
        write_many(&store, 0..many).await;
        delete(&store, 0..many).await;
        clock.set(clock.now() + LAG + 1);
        assert_eq!(store.compact().await.unwrap().renewed, 1, "{round}");
        let (_, count, generation) = add_up(&store).await;
        assert_eq!((count, generation), (2, round + 1), "what lives, and where the log ends");
    }
    assert_eq!(store.compact().await.unwrap(), Compacted::default());
    // What lives is never less than a third.
    write_many(&store, 0..2 * many).await;
    delete(&store, 0..many).await;
    clock.set(clock.now() + LAG + 1);
    assert_eq!(store.compact().await.unwrap().renewed, 0);
    assert_eq!(add_up(&store).await.1, i64::try_from(3 * many + 2).unwrap());
    delete(&store, many..many + 10).await;
    clock.set(clock.now() + LAG + 1);
    assert_eq!(store.compact().await.unwrap().renewed, 1);
    assert_eq!(add_up(&store).await.1, i64::try_from(many - 10 + 2).unwrap());
}

#[tokio::test]
async fn a_living_outlet_that_is_behind_keeps_the_deletions_it_has_not_seen() {
    let (_dir, store, clock) = store().await;
    let many = usize::try_from(WORTH_IT).unwrap();
    write_many(&store, 0..many + 1).await;
    delete(&store, 0..many).await;
    let (epoch, seen) = (store.identity().epoch.clone(), store.feed().head());
    delete(&store, many..many + 1).await;
    clock.set(NOW + LAG + 1);
    store.save_cursor("upstream", &Cursor { epoch, seq: seen }).await.unwrap();
    assert_eq!(store.compact().await.unwrap().renewed, 1);
    let left = store.read(move |snapshot| snapshot.changes_after(seen, None, 10)).await.unwrap();
    assert_eq!(
        left.iter().map(|change| (change.op, change.row_id.clone())).collect::<Vec<_>>(),
        [(Op::Remove, format!("n{many}"))]
    );
    add_up(&store).await;
    assert!(store.cursor("upstream").await.unwrap().is_some(), "it goes on from there");
    // One that is gone holds nobody up, and begins anew should it come back.
    write_many(&store, 0..many).await;
    delete(&store, 0..many).await;
    clock.set(NOW + LIVING + LAG + 2);
    assert_eq!(store.compact().await.unwrap().renewed, 1);
    assert_eq!((ops(&store, "REMOVE").await, store.cursor("upstream").await.unwrap()), (1, None));
}

#[tokio::test]
async fn a_deletion_older_than_the_rows_last_change_is_one_and_undone_it_is_none() {
    let (_dir, store, clock) = store().await;
    write(&store, "h1", 1).await;
    let set = |gone: bool| {
        move |tx: &mut Tx<'_>| {
            let mut row = tx.row(&HABITS, "h1")?.unwrap();
            let at = kairos_core::hlc::Hlc::from_parts(NOW - 1000, 0, "phone");
            row.set_deleted(gone.then_some(NOW), &at);
            tx.put(&row, Origin::Local)
        }
    };
    store.write(set(true)).await.unwrap();
    assert_eq!(store.compact().await.unwrap().emptied, 1, "what it was");
    store.write(set(false)).await.unwrap();
    assert_eq!(store.compact().await.unwrap().emptied, 1, "that it was deleted");
    assert_eq!((ops(&store, "PUT").await, ops(&store, "REMOVE").await), (1, 0));
    store.write(set(true)).await.unwrap();
    clock.set(NOW + LAG + 1);
    store.write(|tx| tx.renew_bucket("u:ada", "rows", i64::MAX)).await.unwrap();
    assert_eq!(add_up(&store).await.1, 0, "nothing brings it back");
}

#[tokio::test]
async fn events_that_were_taken_back_leave_with_what_they_were() {
    let (_dir, store, clock) = store().await;
    let many = usize::try_from(WORTH_IT).unwrap() / 2 + 1;
    let set = |gone: bool| {
        move |tx: &mut Tx<'_>| {
            for n in 0..many {
                let user = UserId::new("ada").unwrap();
                let mut row = Row::new(&COMPLETION_EVENTS, format!("e{n}"), ada(), user, tx.now());
                row.set("habit_id", "h", &tx.tick());
                if gone {
                    row.set_deleted(Some(tx.now()), &tx.tick());
                }
                tx.put(&row, Origin::Local)?;
            }
            Ok(())
        }
    };
    store.write(set(false)).await.unwrap();
    clock.set(NOW + LAG + 1);
    assert_eq!(store.compact().await.unwrap(), Compacted::default());
    store.write(set(true)).await.unwrap();
    clock.set(NOW + 2 * LAG + 2);
    assert_eq!(store.compact().await.unwrap(), Compacted { emptied: 0, renewed: 1 });
    assert_eq!((ops(&store, "PUT").await, ops(&store, "REMOVE").await), (0, 1));
    let bucket = store.read(|snapshot| snapshot.bucket("u:ada", "events")).await.unwrap();
    assert_eq!(bucket.1, 1);
}

#[tokio::test]
async fn changes_older_than_the_rows_newest_column_are_superseded_all_the_same() {
    let (_dir, store, _) = store().await;
    let work = |tx: &mut Tx<'_>| {
        let mut row = Row::new(&HABITS, "h", ada(), UserId::new("ada").unwrap(), tx.now());
        row.stamp_all(&tx.tick());
        tx.put(&row, Origin::Local)?;
        // Written long ago by a phone that was away.
        for n in 0..20 {
            let early = kairos_core::hlc::Hlc::from_parts(NOW - 1000 + n, 0, "phone");
            row.set("description", format!("{n}"), &early);
            tx.put(&row, Origin::Local)?;
        }
        Ok(())
    };
    store.write(work).await.unwrap();
    write(&store, "other", 1).await;
    assert_eq!(store.compact().await.unwrap().emptied, 20);
    assert_eq!(ops(&store, "PUT").await, 2);
}
