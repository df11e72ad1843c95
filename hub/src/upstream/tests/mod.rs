#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cut;
mod hostile;
mod households;
mod storm;
mod world;

use kairos_core::command::Wish;
use kairos_core::event::Verb;
use kairos_core::value::Value;

use world::World;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_on_one_hub_is_on_the_other() {
    let mut world = World::new(2).await;
    let habit = world.hubs[0].habit("a", &[("name", "Water".into())]).await;
    world.hubs[0].deed(&habit, Verb::Full, 0).await;
    world.settle().await;
    world.check().await;
    assert_eq!(world.hubs[1].cells().await.len(), 1);
    assert_eq!(world.hubs[1].cells().await[0].text("type"), "FULL");

    // And back; a deed on each side of one day is two deeds.
    let water = world.hubs[1].habit("b", &[("kind", "measurable".into()), ("target_value", Value::Real(8.0))]).await;
    world.settle().await;
    for hub in &world.hubs {
        assert_eq!(hub.deed(&water, Verb::Add, 0).await, kairos_core::command::Outcome::Applied, "{}", hub.name);
    }
    world.settle().await;
    world.check().await;
    for hub in &world.hubs {
        let cells = hub.cells().await;
        let events = hub.events().await;
        println!(
            "{}: {:?} {:?}",
            hub.name,
            cells.iter().map(|c| (c.text("habit_id"), c.text("date"), c.number("amount"))).collect::<Vec<_>>(),
            events
                .iter()
                .map(|c| (c.text("habit_id"), c.text("date"), c.text("verb"), c.hlc().cloned()))
                .collect::<Vec<_>>()
        );
        let cell = cells.iter().find(|cell| cell.text("habit_id") == water.as_str()).unwrap();
        assert_eq!(cell.number("amount"), Some(2.0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn different_columns_both_survive_and_of_the_same_one_the_later_wins_and_the_other_is_kept() {
    let mut world = World::new(2).await;
    let habit = world.hubs[0].habit("a", &[("name", "Water".into())]).await;
    world.settle().await;
    world.hubs[0].edit(&habit, "name", "Tea").await;
    world.hubs[1].edit(&habit, "color", "blue").await;
    world.settle().await;
    world.check().await;
    for hub in &world.hubs {
        let row = hub.row(&habit).await;
        assert_eq!((row.text("name").as_str(), row.text("color").as_str()), ("Tea", "blue"));
        assert!(hub.conflicts().await.is_empty());
    }
    // One after the other: no conflict.
    world.hubs[0].edit(&habit, "name", "Green tea").await;
    world.settle().await;
    world.hubs[1].edit(&habit, "name", "Black tea").await;
    world.settle().await;
    assert!(world.hubs[0].conflicts().await.is_empty());
    // Unseen by each other.
    world.hubs[0].edit(&habit, "name", "Mint").await;
    world.advance(1000);
    world.hubs[1].edit(&habit, "name", "Rooibos").await;
    world.settle().await;
    world.check().await;
    for hub in &world.hubs {
        assert_eq!(hub.row(&habit).await.text("name"), "Rooibos");
        let conflicts = hub.conflicts().await;
        let told: Vec<_> = conflicts
            .iter()
            .map(|row| {
                (
                    row.id.clone(),
                    row.text("column_name"),
                    row.text("lost_value"),
                    row.text("kept_value"),
                    row.text("lost_hlc"),
                    row.text("kept_hlc"),
                )
            })
            .collect();
        assert_eq!(conflicts.len(), 1, "{told:#?}");
        assert_eq!(conflicts[0].text("lost_value"), r#"{"name":"Mint"}"#);
    }
    let lost = world.hubs[0].conflicts().await[0].id.clone();
    world.hubs[0].wish(Wish::Settle { id: lost, how: kairos_core::command::Settlement::Restored }).await;
    world.settle().await;
    world.check().await;
    for hub in &world.hubs {
        assert_eq!(hub.row(&habit).await.text("name"), "Mint");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_whose_id_is_somebody_elses_there_keeps_nothing_else_back() {
    let mut world = World::new(1).await;
    world.settle().await;
    // Somebody else has a habit of that id, which Ada may not even see.
    world.run("INSERT INTO kairos.habits (id, scope, user_id, name) VALUES ('b', 'u:bo', 'bo', 'Theirs')").await;
    for id in ["a", "b", "c"] {
        world.hubs[0].habit(id, &[]).await;
    }
    world.settle().await;
    assert_eq!(
        world.texts("SELECT id || ' ' || scope FROM kairos.habits ORDER BY id").await,
        ["a u:ada", "b u:bo", "c u:ada"]
    );
    // And what is written later goes on.
    let c = kairos_core::ids::HabitId::new("c").unwrap();
    world.hubs[0].edit(&c, "name", "Tea").await;
    world.settle().await;
    assert_eq!(world.texts("SELECT name FROM kairos.habits WHERE id = 'c'").await, ["Tea"]);
    // It is said where people look, once.
    let b = kairos_core::ids::HabitId::new("b").unwrap();
    world.hubs[0].edit(&b, "name", "Mine").await;
    world.settle().await;
    let told = world.hubs[0].conflicts().await;
    let told: Vec<_> =
        told.iter().map(|row| ["kind", "table_name", "row_id", "kept_value"].map(|name| row.text(name))).collect();
    assert_eq!(told, [["foreign", "habits", "b", r#"{"stays":"here"}"#]]);
    let entry = world.hubs[0].conflicts().await[0].id.clone();
    let restored = Wish::Settle { id: entry.clone(), how: kairos_core::command::Settlement::Restored };
    assert!(matches!(world.hubs[0].wish(restored).await, kairos_core::command::Outcome::Rejected(_)));
    let dismissed = Wish::Settle { id: entry, how: kairos_core::command::Settlement::Dismissed };
    assert_eq!(world.hubs[0].wish(dismissed).await, kairos_core::command::Outcome::Applied);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_while_a_hub_was_away_for_long_and_what_was_written_there_can_be_had_back() {
    let mut world = World::new(3).await;
    let ids = ["a", "b", "c"].map(|id| kairos_core::ids::HabitId::new(id).unwrap());
    for id in &ids {
        world.hubs[0].habit(id.as_str(), &[]).await;
    }
    world.settle().await;
    // One hub is away; elsewhere a and b are deleted, and of that nothing is remembered in the end. It edits b meanwhile.
    let away = world.hubs.pop().unwrap();
    for id in &ids[..2] {
        world.hubs[0].wish(Wish::DeleteHabit { id: id.clone() }).await;
    }
    world.settle().await;
    world.advance(500 * 24 * 3_600_000);
    world.settle().await;
    let collected =
        format!("SELECT set_config('kairos.user_id', 'ada', false); SELECT kairos.collect(34560000000, {})", world.now);
    world.run(collected).await;
    assert_eq!(world.texts("SELECT id FROM kairos.habits ORDER BY id").await, ["c"]);
    away.edit(&ids[1], "name", "Still mine").await;
    world.hubs.push(away);
    world.settle().await;
    world.check().await;
    let hub = &world.hubs[2];
    let lives = |row: kairos_core::row::Row| row.deleted_at.is_none();
    assert!(!lives(hub.row(&ids[0]).await), "in doubt");
    assert!(!lives(hub.row(&ids[1]).await), "the others know that it is gone");
    assert!(lives(hub.row(&ids[2]).await));
    let trash = hub.conflicts().await;
    let mut told: Vec<_> = trash.iter().map(|row| (row.text("row_id"), row.text("column_name"))).collect();
    told.sort();
    assert_eq!(told, [("a".to_owned(), "deleted_at".to_owned()), ("b".to_owned(), "deleted_at".to_owned())]);
    for entry in &trash {
        hub.wish(Wish::Settle { id: entry.id.clone(), how: kairos_core::command::Settlement::Restored }).await;
    }
    world.settle().await;
    world.check().await;
    for hub in &world.hubs {
        assert!(lives(hub.row(&ids[0]).await) && lives(hub.row(&ids[1]).await), "and are back everywhere");
        assert_eq!(hub.row(&ids[1]).await.text("name"), "Still mine");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hubs_that_come_at_once_to_an_empty_server_all_get_in() {
    for _ in 0..3 {
        let server = kairos_postgres::Postgres::careless().await;
        let options = super::link::address(&server.url("postgres")).unwrap();
        let coming = (0..8).map(|_| {
            let options = options.clone();
            tokio::spawn(async move { super::link::open(&options).await.map(drop) })
        });
        for hub in coming.collect::<Vec<_>>() {
            hub.await.unwrap().unwrap();
        }
    }
}
