//! What a broken hand, a broken house or a bad one can leave on the server: it keeps nothing else back, and both sides end the same.

use std::borrow::Cow;

use kairos_core::change::Origin;
use kairos_core::command::{Outcome, Settlement, Wish};
use kairos_core::hlc::Hlc;
use kairos_core::ids::HabitId;
use kairos_core::schema::HABITS;
use kairos_core::value::Value;

use super::world::{Hub, World};

/// Changes a row as a hub does, whatever it writes: no trigger puts anything right.
fn as_hub(sets: &str, id: &str) -> String {
    format!(
        "SET ROLE kairos_hub; SELECT set_config('kairos.user_id', 'ada', false);
         UPDATE kairos.sync_clock SET seq = seq + 1 WHERE scope = 'u:ada';
         UPDATE kairos.habits SET {sets}, seq = (SELECT seq FROM kairos.sync_clock WHERE scope = 'u:ada') WHERE id = '{id}'"
    )
}

async fn told(hub: &Hub) -> Vec<(String, String, String)> {
    let conflicts = hub.conflicts().await;
    conflicts.iter().map(|row| (row.text("kind"), row.text("table_name"), row.text("row_id"))).collect()
}

/// Two hubs that have habits a and b.
async fn two() -> (World, HabitId, HabitId) {
    let mut world = World::new(2).await;
    let a = world.hubs[0].habit("a", &[("name", "Water".into())]).await;
    let b = world.hubs[0].habit("b", &[("name", "Tea".into())]).await;
    world.settle().await;
    (world, a, b)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_postgres_cannot_hold_is_cleaned_on_its_way() {
    let (mut world, a, b) = two().await;
    // As an older version let it in: as a column, and as a clock that speaks of nothing.
    world.hubs[0]
        .store
        .write(|tx| {
            let (mut row, mut other) = (tx.row(&HABITS, "a")?.unwrap(), tx.row(&HABITS, "b")?.unwrap());
            let at = tx.tick();
            row.extra.insert("zz\0".into(), "a".into());
            row.clocks.insert(Cow::Owned("zz\0".into()), at.clone());
            other.clocks.insert(Cow::Owned("only\0".into()), at);
            tx.put(&row, Origin::Local)?;
            tx.put(&other, Origin::Local)
        })
        .await
        .unwrap();
    world.settle().await;
    world.check().await;
    for hub in &world.hubs {
        assert_eq!(hub.row(&a).await.extra.get("zz\u{fffd}"), Some(&Value::from("a")));
        assert_eq!(hub.row(&a).await.extra.len(), 1);
    }
    world.hubs[0].edit(&b, "name", "Green tea").await;
    world.settle().await;
    assert_eq!(world.hubs[1].row(&b).await.text("name"), "Green tea");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_nobody_can_read_is_set_aside_and_the_rest_goes_on() {
    let (mut world, a, b) = two().await;
    for (n, sets) in [
        "name = 'Theirs', hlc = 'garbage', _clk = NULL",
        "name = 'Theirs', _clk = '{\"name\": 7}'",
        "name = 'Theirs', user_id = 'a b'",
    ]
    .into_iter()
    .enumerate()
    {
        world.run(as_hub(sets, "a")).await;
        world.run(as_hub(&format!("name = 'Tea {n}', _clk = NULL, hlc = '0000000000000000-z'"), "b")).await;
        world.run(format!("UPDATE kairos.habits SET name = 'Green tea {n}' WHERE id = 'b'")).await;
        world.settle().await;
        for hub in &world.hubs {
            assert_eq!(hub.row(&b).await.text("name"), format!("Green tea {n}"), "{sets}");
            assert_ne!(hub.row(&a).await.text("name"), "Theirs", "{sets}");
            assert_eq!(told(hub).await, [("unreadable".into(), "habits".into(), "a".into())], "{sets}");
        }
        // What is put right comes as any edit.
        if n == 2 {
            world.run(as_hub("user_id = 'ada'", "a")).await;
        }
        world.run(format!("UPDATE kairos.habits SET name = 'Mended {n}' WHERE id = 'a'")).await;
        world.settle().await;
        world.check().await;
        for hub in &world.hubs {
            assert_eq!(hub.row(&a).await.text("name"), format!("Mended {n}"), "{sets}");
        }
    }
    // So does what somebody writes here.
    world.run(as_hub("hlc = 'garbage', _clk = NULL", "a")).await;
    world.settle().await;
    assert_eq!(world.hubs[0].edit(&a, "name", "Milk").await, Outcome::Applied);
    world.settle().await;
    world.check().await;
    assert_eq!(world.hubs[1].row(&a).await.text("name"), "Milk");
    let entry = world.hubs[0].conflicts().await[0].id.clone();
    let settle = |how| Wish::Settle { id: entry.clone(), how };
    assert!(matches!(world.hubs[0].wish(settle(Settlement::Restored)).await, Outcome::Rejected(_)));
    assert_eq!(world.hubs[0].wish(settle(Settlement::Dismissed)).await, Outcome::Applied);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_json_has_no_word_for_is_nothing_on_both_sides() {
    let (mut world, a, _) = two().await;
    world.hubs[0].edit(&a, "kind", "measurable").await;
    world.settle().await;
    world
        .run(
            "UPDATE kairos.habits SET target_value = 'NaN', step = 'Infinity', lapse_threshold_days = 9223372036854775807,
               extra = '{\"x\": 1e400, \"y\": 2}' WHERE id = 'a'",
        )
        .await;
    world.settle().await;
    world.check().await;
    let there = "SELECT concat_ws('|', target_value, step, extra) FROM kairos.habits WHERE id = 'a'";
    assert_eq!(world.texts(there).await, ["{\"x\": null, \"y\": 2}"]);
    for hub in &world.hubs {
        assert_eq!(hub.row(&a).await.extra.get("y"), Some(&Value::Integer(2)));
        assert_eq!(told(hub).await, []);
    }
    // What is wrong in one column is no reason to refuse another.
    assert_eq!(world.hubs[1].edit(&a, "name", "Tea").await, Outcome::Applied);
    world.settle().await;
    world.check().await;
    assert_eq!(world.hubs[0].row(&a).await.text("name"), "Tea");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_of_the_end_of_time_is_not_believed() {
    let (mut world, a, b) = two().await;
    for (n, clock) in ["ffffffffffffffff-z", "7fffffffffffffff-z", "0fffffffffff0000-z"].into_iter().enumerate() {
        let sets = format!("name = 'Theirs', hlc = '{clock}', _clk = NULL");
        for id in ["a", "b"] {
            world.run(as_hub(&sets, id)).await;
        }
        world.settle().await;
        world.check().await;
        let name = format!("Mine again {n}");
        assert_eq!(world.hubs[n % 2].edit(&a, "name", name.as_str()).await, Outcome::Applied);
        world.run(format!("UPDATE kairos.habits SET name = 'By hand {n}' WHERE id = 'b'")).await;
        world.settle().await;
        world.check().await;
        assert_eq!(world.texts("SELECT name FROM kairos.habits WHERE id = 'a'").await, std::slice::from_ref(&name));
        for hub in &world.hubs {
            assert_eq!(hub.row(&a).await.text("name"), name, "{clock}");
            assert_eq!(hub.row(&b).await.text("name"), format!("By hand {n}"), "{clock}");
        }
    }
    let latest = world.hubs[0].row(&a).await.hlc().map(Hlc::millis);
    assert_eq!(latest.map(|at| at / 100_000_000), Some(world.now / 100_000_000), "and is in no row's latest change");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_too_large_is_set_aside_and_comes_when_it_is_not() {
    let (mut world, a, b) = two().await;
    world.run("UPDATE kairos.habits SET name = repeat('x', 20000000) WHERE id = 'a'").await;
    world.run("UPDATE kairos.habits SET name = 'Green tea' WHERE id = 'b'").await;
    world.settle().await;
    for hub in &world.hubs {
        assert_eq!(
            (hub.row(&a).await.text("name"), hub.row(&b).await.text("name")),
            ("Water".into(), "Green tea".into())
        );
        assert_eq!(told(hub).await, [("unreadable".into(), "habits".into(), "a".into())]);
    }
    world.run("UPDATE kairos.habits SET name = 'Small' WHERE id = 'a'").await;
    world.settle().await;
    world.check().await;
    assert_eq!(world.hubs[1].row(&a).await.text("name"), "Small");
}
