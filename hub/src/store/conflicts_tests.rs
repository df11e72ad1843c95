#![allow(clippy::unwrap_used)]
use kairos_core::ids::UserId;

use super::*;
use crate::clock::Clock;
use crate::health::Board;

fn entry(tx: &mut Tx<'_>, id: &str, status: &str, settled: Millis) -> Row {
    let at = tx.tick();
    let user = UserId::new("ada").unwrap();
    let mut row = Row::new(&CONFLICTS, id, Scope::Person(user.clone()), user, tx.now());
    row.stamp_all(&at);
    for (name, value) in [("kind", "quarantined"), ("table_name", "habits"), ("row_id", "h"), ("operations", "[{}]")] {
        row.set(name, value, &at);
    }
    row.set("status", status, &at);
    row.set("settled_at", settled, &at);
    row
}

async fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Clock::manual(1_795_514_400_000), &Board::default()).await.unwrap();
    (dir, store)
}

#[tokio::test]
async fn the_oldest_of_too_many_settled_conflicts_go_and_none_that_is_open() {
    let (_dir, store) = store().await;
    let fill = |tx: &mut Tx<'_>| {
        for n in 0..40 {
            let status = if n % 8 == 0 { "OPEN" } else { "DISMISSED" };
            let row = entry(tx, &format!("e{n}"), status, n);
            tx.put(&row, Origin::Local)?;
        }
        tx.keep_large(&UserId::new("ada").unwrap(), "e1", "{}")
    };
    let large = store.write(fill).await.unwrap();
    assert_eq!(store.tidy_conflicts().await.unwrap(), 15);
    assert_eq!(store.tidy_conflicts().await.unwrap(), 0);
    let scope = Scope::parse("u:ada").unwrap();
    let left = store.read(move |snapshot| snapshot.conflicts(&[scope], false, None, 100)).await.unwrap();
    let mut numbers: Vec<i64> = left.iter().map(|row| row.id[1..].parse().unwrap()).collect();
    numbers.sort_unstable();
    let open = (0..18).filter(|n| n % 8 == 0);
    assert_eq!(numbers, open.chain(18..40).collect::<Vec<_>>());
    let gone = store.read(move |snapshot| Ok((snapshot.row(&CONFLICTS, "e1")?, snapshot.large("e1", large)?))).await;
    let (row, large) = gone.unwrap();
    let row = row.unwrap();
    assert!(row.deleted_at.is_some() && row.opt_text("operations").is_none() && large.is_none());
}

#[tokio::test]
async fn what_is_set_aside_of_a_row_is_found_without_looking_at_the_rest() {
    let (_dir, store) = store().await;
    let plan = |tx: &mut Tx<'_>| {
        let sql = format!(
            "EXPLAIN QUERY PLAN SELECT id FROM conflicts {SET_ASIDE} ORDER BY created_at DESC, rowid DESC LIMIT 1"
        );
        let mut statement = tx.connection.prepare(&sql)?;
        let steps = statement.query_map(("habits", "h", "u:ada"), |row| row.get::<_, String>(3))?;
        Ok(steps.collect::<rusqlite::Result<Vec<_>>>()?)
    };
    let plan = store.write(plan).await.unwrap();
    assert!(plan.len() == 1 && plan[0].contains("conflicts_row") && plan[0].contains("column_name=?"), "{plan:?}");
}
