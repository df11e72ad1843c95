#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::sync::Arc;

use kairos_core::command::{Outcome, Progress, Slice, Wish};
use kairos_core::ids::UserId;
use kairos_core::schema::{
    HABIT_SCHEDULES, PAUSES, RECOVERY_SESSIONS, ROUTINE_EXECUTIONS, ROUTINE_HABITS, ROUTINE_VARIANTS, ROUTINES, Table,
};

use super::super::tests::{House, person, scope};
use super::*;

const DAY: &str = "2026-11-20";

fn at() -> Hlc {
    Hlc::from_parts(1_795_000_000_000, 0, "elsewhere")
}

/// A row of a file, with clocks.
fn row(who: &str, table: &'static Table, id: &str, columns: &[(&str, Value)]) -> Row {
    let mut row = Row::new(table, id, scope(who), UserId::new(who).unwrap(), 1_795_000_000_000);
    for (name, value) in columns {
        row.set(name, value.clone(), &at());
    }
    row.stamp_all(&at());
    row
}

fn habit(who: &str, id: &str) -> Row {
    row(who, &HABITS, id, &[("name", "Read".into())])
}

fn event(who: &str, id: &str, habit: &str) -> Row {
    row(
        who,
        &COMPLETION_EVENTS,
        id,
        &[
            ("habit_id", habit.into()),
            ("date", DAY.into()),
            ("verb", "full".into()),
            ("occurred_at", Value::Integer(1_795_000_000_000)),
            ("time_source", "hub".into()),
            ("tz", "UTC".into()),
            ("tz_offset_min", Value::Integer(0)),
            ("source", "app".into()),
        ],
    )
}

fn cell(who: &str, id: &str, habit: &str) -> Row {
    row(who, &COMPLETIONS, id, &[("habit_id", habit.into()), ("date", DAY.into()), ("type", "FULL".into())])
}

fn own_cell(habit: &str) -> String {
    CellId::of(&HabitId::new(habit).unwrap(), DAY.parse().unwrap(), "").to_string()
}

async fn open(house: &House, who: &str, id: &str) {
    let wish = Wish::OpenImport { id: id.into(), source: "test".into() };
    assert_eq!(house.wish(&person(who), wish).await.outcome, Outcome::Applied);
}

async fn import(house: &House, who: &str, id: &str, rows: Vec<Row>) -> Outcome {
    open(house, who, id).await;
    let slice = |rows, last| Wish::TakeIn { slice: Arc::new(Slice { import: id.into(), rows, last }) };
    let first = house.wish(&person(who), slice(rows, false)).await.outcome;
    if first != Outcome::Applied {
        return first;
    }
    house.wish(&person(who), slice(Vec::new(), true)).await.outcome
}

async fn take_back(house: &House, who: &str, id: &str) {
    let by = person(who);
    let wish = || Wish::UndoImport { id: id.into(), why: None, done: Progress::default() };
    while house.wish(&by, wish()).await.outcome == Outcome::Applied {}
}

async fn read(house: &House, table: &'static Table, id: &str) -> Option<Row> {
    let id = id.to_owned();
    house.store.read(move |snapshot| snapshot.row(table, &id)).await.unwrap()
}

async fn is_alive(house: &House, table: &'static Table, id: &str) -> bool {
    read(house, table, id).await.is_some_and(|row| row.deleted_at.is_none())
}

#[tokio::test]
async fn nothing_hangs_on_what_is_somebody_elses() {
    let house = House::new().await;
    assert_eq!(
        import(
            &house,
            "bo",
            "of-bo",
            vec![
                habit("bo", "bos"),
                event("bo", "bos-event", "bos"),
                row("bo", &ROUTINES, "bos-routine", &[("name", "Morning".into())]),
                row(
                    "bo",
                    &ROUTINE_VARIANTS,
                    "bos-variant",
                    &[("routine_id", "bos-routine".into()), ("name", "Short".into())]
                ),
            ]
        )
        .await,
        Outcome::Applied
    );
    let head = house.store.feed().head();
    let foreign = |habit: &str, routine: &str| -> Vec<Row> {
        let of = |table, id, more: &[(&str, Value)]| row("ada", table, id, more);
        vec![
            event("ada", "e", habit),
            cell("ada", &own_cell(habit), habit),
            cell("ada", "other", habit),
            of(&HABIT_SCHEDULES, "s", &[("habit_id", habit.into()), ("valid_from", DAY.into())]),
            of(&PAUSES, "p", &[("habit_id", habit.into()), ("from_date", DAY.into())]),
            of(&RECOVERY_SESSIONS, "r", &[("habit_id", habit.into())]),
            of(&ROUTINE_HABITS, "rh", &[("routine_id", "own-routine".into()), ("habit_id", habit.into())]),
            of(&ROUTINE_HABITS, "rr", &[("routine_id", routine.into()), ("habit_id", "own".into())]),
            of(&ROUTINE_VARIANTS, "v", &[("routine_id", routine.into()), ("name", "x".into())]),
            of(&ROUTINE_EXECUTIONS, "x", &[("routine_id", routine.into())]),
        ]
    };
    let pairs = foreign("bos", "bos-routine").into_iter().zip(foreign("nobodys", "nobodys-routine"));
    for (n, (theirs, nobodys)) in pairs.enumerate() {
        let mut said = Vec::new();
        for (kind, row) in [("theirs", theirs), ("nobodys", nobodys)] {
            let id = format!("{kind}-{n}");
            let own = vec![
                habit("ada", "own"),
                self::row("ada", &ROUTINES, "own-routine", &[("name", "Evening".into())]),
                row.clone(),
            ];
            match import(&house, "ada", &id, own).await {
                Outcome::Rejected(rejection) => said.push(rejection.message),
                other => panic!("{} {}: {other:?}", row.table.name, row.id),
            }
            let there = read(&house, row.table, &row.id).await;
            assert!(there.is_none_or(|there| there.scope == scope("bo")));
            take_back(&house, "ada", &id).await;
        }
        assert_eq!(said.first(), said.last(), "what is not theirs and what is not there look the same");
    }
    let run = row(
        "ada",
        &ROUTINE_EXECUTIONS,
        "x",
        &[("routine_id", "own-routine".into()), ("variant_id", "bos-variant".into())],
    );
    let rows = vec![row("ada", &ROUTINES, "own-routine", &[("name", "Evening".into())]), run];
    assert!(matches!(import(&house, "ada", "variant", rows).await, Outcome::Rejected(_)));
    take_back(&house, "ada", "variant").await;
    // Under the id of a day to be of somebody else, a cell of one's own would stand in their way.
    let later = CellId::of(&HabitId::new("bos").unwrap(), "2026-11-24".parse().unwrap(), "").to_string();
    let rows = vec![habit("ada", "own"), cell("ada", &later, "own")];
    assert!(matches!(import(&house, "ada", "place", rows).await, Outcome::Rejected(_)));
    take_back(&house, "ada", "place").await;
    let changes = house.store.read(move |snapshot| snapshot.changes_after(head, None, 10_000)).await.unwrap();
    assert!(changes.iter().all(|change| change.scope == scope("ada")), "nothing of theirs was touched");
}

#[tokio::test]
async fn what_hangs_on_anothers_habit_all_the_same_counts_for_nothing() {
    let house = House::new().await;
    import(&house, "bo", "of-bo", vec![habit("bo", "bos"), event("bo", "bos-event", "bos")]).await;
    // As an older version let it in.
    house
        .store
        .write(|tx| {
            tx.put(&event("ada", "planted", "bos"), Origin::Local)?;
            let measured = row(
                "ada",
                &HABIT_SCHEDULES,
                "s",
                &[
                    ("habit_id", "bos".into()),
                    ("valid_from", "2026-01-01".into()),
                    ("kind", "measurable".into()),
                    ("target_value", Value::Real(9.0)),
                ],
            );
            tx.put(&measured, Origin::Local)?;
            tx.put(&cell("ada", "planted-cell", "bos"), Origin::Local)
        })
        .await
        .unwrap();
    let id = HabitId::new("bos").unwrap();
    let wanted = id.clone();
    let (events, full, life) = house
        .store
        .write(move |tx| Ok((tx.cell_events(&wanted, DAY, "")?, tx.cell_is_full(&wanted, DAY, 2)?, tx.life(&wanted)?)))
        .await
        .unwrap();
    assert_eq!((events.len(), full), (1, false));
    let life = life.unwrap();
    assert_eq!(life.marks.len(), 1);
    let (events, cells) = house
        .store
        .read(move |snapshot| Ok((snapshot.events(&id, DAY)?, snapshot.cells(&id, "", "~", 100)?)))
        .await
        .unwrap();
    assert!(events.iter().all(|row| row.scope == scope("bo")) && cells.iter().all(|row| row.scope == scope("bo")));
    assert_eq!((events.len(), cells.len()), (1, 1));
}

#[tokio::test]
async fn what_somebody_changed_or_uses_since_stays_when_the_import_goes() {
    let house = House::new().await;
    let ada = person("ada");
    let ids = ["renamed", "bound", "stepped", "done", "left"];
    let mut rows: Vec<Row> = ids.iter().map(|id| habit("ada", id)).collect();
    rows.push(row("ada", &PAUSES, "kept", &[("from_date", "2027-01-01".into())]));
    rows.push(row("ada", &PAUSES, "gone", &[("from_date", "2027-01-01".into())]));
    rows.push(row("ada", &ROUTINES, "pressed", &[("name", "Morning".into())]));
    rows.extend(ids.iter().map(|id| event("ada", &format!("e-{id}"), id)));
    assert_eq!(import(&house, "ada", "i", rows).await, Outcome::Applied);
    let fields = |name: &str, value: Value| [(name.to_owned(), value)].into();
    let id = HabitId::new("renamed").unwrap();
    house.wish(&ada, Wish::EditHabit { id, fields: fields("name", "Write".into()) }).await;
    let id = "kept".to_owned();
    house.wish(&ada, Wish::EditPause { id, fields: fields("to_date", "2027-02-01".into()) }).await;
    house
        .store
        .write(|tx| {
            // The engine's own notes are no change of a person's.
            let mut left = tx.row(&HABITS, "left")?.unwrap();
            let at = tx.tick();
            left.set("phase", "STABILIZING", &at);
            tx.put(&left, Origin::Local)?;
            let bind = |id: &str, column: &str, target: &str| {
                let columns = [("device_id", "d".into()), (column, target.into())];
                row("ada", &kairos_core::schema::DEVICE_BINDINGS, id, &columns)
            };
            tx.put(&bind("b1", "habit_id", "bound"), Origin::Local)?;
            tx.put(&bind("b2", "routine_id", "pressed"), Origin::Local)?;
            let step = [("routine_id", "pressed".into()), ("habit_id", "stepped".into()), ("sort_key", "V".into())];
            tx.put(&row("ada", &ROUTINE_HABITS, "step", &step), Origin::Local)?;
            tx.put(&event("ada", "later", "done"), Origin::Local)
        })
        .await
        .unwrap();
    take_back(&house, "ada", "i").await;
    for id in ["renamed", "bound", "stepped", "done"] {
        assert!(is_alive(&house, &HABITS, id).await, "{id}");
        assert!(!is_alive(&house, &COMPLETION_EVENTS, &format!("e-{id}")).await, "{id}");
    }
    assert_eq!(read(&house, &HABITS, "renamed").await.unwrap().text("name"), "Write");
    assert!(!is_alive(&house, &HABITS, "left").await);
    assert!(is_alive(&house, &PAUSES, "kept").await && !is_alive(&house, &PAUSES, "gone").await);
    assert!(is_alive(&house, &ROUTINES, "pressed").await);
    assert!(is_alive(&house, &kairos_core::schema::DEVICE_BINDINGS, "b1").await);
}

#[tokio::test]
async fn a_habit_that_was_brought_back_goes_again_unless_it_was_used_since() {
    let house = House::new().await;
    let ada = person("ada");
    let whole =
        || ["h", "used"].iter().flat_map(|id| [habit("ada", id), event("ada", &format!("e-{id}"), id)]).collect();
    assert_eq!(import(&house, "ada", "first", whole()).await, Outcome::Applied);
    for id in ["h", "used"] {
        house.wish(&ada, Wish::DeleteHabit { id: HabitId::new(id).unwrap() }).await;
    }
    assert_eq!(import(&house, "ada", "second", whole()).await, Outcome::Applied);
    assert!(is_alive(&house, &HABITS, "h").await && is_alive(&house, &HABITS, "used").await);
    let mut now = event("ada", "now", "used");
    now.created_at = house.clock.now();
    house.store.write(move |tx| tx.put(&now, Origin::Local)).await.unwrap();
    take_back(&house, "ada", "second").await;
    assert!(!is_alive(&house, &HABITS, "h").await);
    assert!(is_alive(&house, &HABITS, "used").await);
    assert!(is_alive(&house, &COMPLETION_EVENTS, "e-h").await, "what was done before is not the import's");
}

#[tokio::test]
async fn days_that_have_not_come_are_refused_with_the_field() {
    let house = House::new().await;
    for (n, date) in ["9999-12-31", "2026-11-27", "1969-12-31"].into_iter().enumerate() {
        let mut ahead = event("ada", "e", "h");
        ahead.set("date", date, &at());
        let id = format!("i{n}");
        match import(&house, "ada", &id, vec![habit("ada", "h"), ahead]).await {
            Outcome::Rejected(rejection) => assert_eq!(rejection.field.as_deref(), Some("date")),
            other => panic!("{date}: {other:?}"),
        }
        take_back(&house, "ada", &id).await;
    }
    let mut east = event("ada", "e", "h");
    east.set("date", "2026-11-26", &at());
    assert_eq!(import(&house, "ada", "east", vec![habit("ada", "h"), east]).await, Outcome::Applied);
}
