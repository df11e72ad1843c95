//! Edits by hand: they travel and merge like any other.

use std::collections::BTreeMap;

use kairos_core::hlc::Hlc;
use kairos_core::merge::merge;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETION_EVENTS, COMPLETIONS, HABIT_SCHEDULES, HABITS, Kind, TABLES, USERS};
use kairos_core::scope::Scope;
use kairos_core::value::Value;
use kairos_tests::postgres::Session;
use kairos_tests::{PATIENCE, Postgres};
use sqlx::postgres::PgListener;

use super::{at, read, row};

/// A hub and somebody at a console, both for Ada.
async fn console() -> (Postgres, Session, Session) {
    let postgres = Postgres::with_tables().await;
    let hub = postgres.hub("ada").await;
    let mut hand = postgres.session("kairos").await;
    hand.act_for("ada").await;
    (postgres, hub, hand)
}

/// Which registers differ between two versions of a row, and that each of them has the row's own, newest clock.
fn stamped(before: &Row, after: &Row) -> Vec<String> {
    let newest = after.hlc().unwrap();
    assert!(newest.node().starts_with("pg") && newest.node().len() == 8, "{newest}");
    assert!(newest > before.hlc().unwrap());
    let changed: Vec<String> = after
        .clocks
        .iter()
        .filter(|(name, clock)| before.clocks.get(name.as_ref()) != Some(clock))
        .inspect(|(name, clock)| assert_eq!(*clock, newest, "{name}"))
        .map(|(name, _)| name.to_string())
        .collect();
    assert!(before.clocks.keys().all(|name| after.clocks.contains_key(name)));
    changed
}

async fn counter(session: &mut Session) -> i64 {
    let text = session.ask("SELECT coalesce(max(seq), 0) FROM kairos.sync_clock WHERE scope = 'u:ada'").await;
    text.parse().unwrap()
}

async fn seq(session: &mut Session, table: &str, id: &str) -> i64 {
    session.ask(&format!("SELECT seq FROM kairos.{table} WHERE id = '{id}'")).await.parse().unwrap()
}

#[tokio::test]
async fn an_edit_of_any_column_stamps_its_register_and_no_other() {
    let (_postgres, mut hub, mut hand) = console().await;
    let (mut edited, mut refused) = (0, 0);
    for table in TABLES {
        for column in table.columns {
            let id = format!("{}-{}", table.name, column.name);
            // One clock for all, which stands in no `_clk`.
            hub.ask(&row(table.name, &id, "u:ada", &[], &at(0))).await;
            let before = read(&mut hub, table, &id).await;
            let value = if column.kind == Kind::Text { "'by hand'" } else { "41" };
            let edit = format!("UPDATE kairos.{} SET {} = {value} WHERE id = '{id}'", table.name, column.name);
            let told = hand.run(&edit).await;
            let after = read(&mut hub, table, &id).await;
            let about = table.keys.contains(&column.name) || (**table == COMPLETIONS && column.name == "actor");
            if column.derived || about || **table == COMPLETION_EVENTS {
                assert!(told.unwrap_err().starts_with("23001 "), "{id}");
                assert_eq!(after, before, "{id}");
                refused += 1;
                continue;
            }
            told.unwrap();
            assert_eq!(stamped(&before, &after), [column.register], "{id}");
            let unlike: Vec<_> = table.columns.iter().filter(|c| before.get(c.name) != after.get(c.name)).collect();
            assert_eq!(unlike.iter().map(|c| c.name).collect::<Vec<_>>(), [column.name], "{id}");
            assert_eq!(seq(&mut hub, table.name, &id).await, counter(&mut hub).await, "{id}");
            // The same once more is no edit.
            hand.ask(&edit).await;
            assert_eq!(read(&mut hub, table, &id).await, after, "{id}");
            edited += 1;
        }
    }
    assert_eq!(counter(&mut hub).await, edited);
    let columns: usize = TABLES.iter().map(|table| table.columns.len()).sum();
    assert_eq!((edited, refused), (i64::try_from(columns).unwrap() - 26, 26));
}

#[tokio::test]
async fn every_kind_of_edit_by_hand() {
    let (_postgres, mut hub, mut hand) = console().await;
    hub.ask(&row(
        "habits",
        "h",
        "u:ada",
        &[("name", "'Water'"), ("extra", "'{\"mood\": \"good\", \"x\": 1}'")],
        &at(0),
    ))
    .await;
    let before = read(&mut hub, &HABITS, "h").await;

    // Several columns, two of one register; bookkeeping that a tool writes back is not believed.
    hand.ask(
        "UPDATE kairos.habits SET name = 'Tea', target_type = 'at_most', target_value = 3, updated_at = 1, hlc = 'x',
         _clk = '{}', seq = 77 WHERE id = 'h'",
    )
    .await;
    let tea = read(&mut hub, &HABITS, "h").await;
    assert_eq!(stamped(&before, &tea), ["measure", "name"]);
    assert_eq!((seq(&mut hub, "habits", "h").await, counter(&mut hub).await), (1, 1));
    let written = hub.ask("SELECT updated_at FROM kairos.habits").await;
    assert_eq!(written, tea.hlc().unwrap().millis().to_string());

    // Bookkeeping alone is no edit.
    hand.ask("UPDATE kairos.habits SET updated_at = 1, hlc = 'x', _clk = '{}', seq = 77").await;
    assert_eq!((read(&mut hub, &HABITS, "h").await, counter(&mut hub).await), (tea.clone(), 1));

    // Columns that nobody described are registers of their own; one that is taken out is NULL from now on.
    hand.ask("UPDATE kairos.habits SET extra = '{\"mood\": \"fine\", \"new\": 2}'").await;
    let extra = read(&mut hub, &HABITS, "h").await;
    assert_eq!(stamped(&tea, &extra), ["mood", "new", "x"]);
    assert_eq!((extra.extra["mood"].clone(), extra.extra["x"].clone()), (Value::from("fine"), Value::Null));
    hand.ask("UPDATE kairos.habits SET extra = NULL").await;
    let none = read(&mut hub, &HABITS, "h").await;
    assert_eq!(stamped(&extra, &none), ["mood", "new"], "x was NULL already");

    // A deletion leaves a tombstone, and only once.
    assert_eq!(hand.ask("DELETE FROM kairos.habits WHERE id = 'h' RETURNING id").await, "");
    let gone = read(&mut hub, &HABITS, "h").await;
    assert_eq!(stamped(&none, &gone), ["deleted_at"]);
    assert!(gone.deleted_at.is_some_and(|deleted| deleted >= gone.created_at));
    assert_eq!(seq(&mut hub, "habits", "h").await, 4);
    hand.ask("DELETE FROM kairos.habits").await;
    assert_eq!((read(&mut hub, &HABITS, "h").await, counter(&mut hub).await), (gone.clone(), 4));
    hand.ask("UPDATE kairos.habits SET deleted_at = NULL").await;
    assert_eq!(stamped(&gone, &read(&mut hub, &HABITS, "h").await), ["deleted_at"]);

    // A row made by hand has all it needs, and lives where a row of that id was deleted elsewhere.
    let id = hand.ask("INSERT INTO kairos.habits (scope, name) VALUES ('u:ada', 'Walk') RETURNING id").await;
    let walk = read(&mut hub, &HABITS, &id).await;
    let mut registers: Vec<&str> = HABITS.columns.iter().map(|column| column.register).chain(["deleted_at"]).collect();
    registers.sort_unstable();
    registers.dedup();
    assert_eq!(walk.clocks.keys().map(AsRef::as_ref).collect::<Vec<_>>(), registers);
    assert!(walk.clocks.values().all(|clock| Some(clock) == walk.hlc()));
    assert_eq!((walk.user_id.as_str(), walk.text("kind"), walk.number("step")), ("ada", "boolean".into(), Some(1.0)));
    let mut elsewhere = Row::new(&HABITS, &id, walk.scope.clone(), walk.user_id.clone(), walk.created_at);
    elsewhere.set_deleted(Some(1), &at(0));
    assert_eq!(merge(&walk, &elsewhere).unwrap().deleted_at, None);

    // An event made by hand is one that a hub understands.
    let id = hand
        .ask("INSERT INTO kairos.completion_events (scope, habit_id, date, verb) VALUES ('u:ada', 'h', '2026-11-30', 'full') RETURNING id")
        .await;
    let event = read(&mut hub, &COMPLETION_EVENTS, &id).await;
    assert!(kairos_core::event::Event::from_row(&event).is_some(), "{event:?}");
    assert_eq!(hub.ask("SELECT _clk IS NULL FROM kairos.completion_events").await, "t");

    // A batch, as a program would send it.
    hand.ask(
        "INSERT INTO kairos.habits (id, scope, name) VALUES ('h', 'u:ada', 'Water'), ('i', 'u:ada', 'Sleep')
         ON CONFLICT (id) DO UPDATE SET name = excluded.name",
    )
    .await;
    assert_eq!(hub.ask("SELECT string_agg(name, ' ' ORDER BY name) FROM kairos.habits").await, "Sleep Walk Water");
    let numbers = hub.ask("SELECT count(DISTINCT seq) = count(*), max(seq) FROM kairos.habits").await;
    assert_eq!(numbers, format!("t|{}", counter(&mut hub).await));
}

#[tokio::test]
async fn what_cannot_be_edited_says_so() {
    let (_postgres, mut hub, mut hand) = console().await;
    hub.ask(&row("habits", "h", "u:ada", &[("name", "'Water'")], &at(0))).await;
    hub.ask(&row(
        "completions",
        "c",
        "u:ada",
        &[("habit_id", "'h'"), ("date", "'2026-11-30'"), ("type", "'FULL'")],
        &at(0),
    ))
    .await;
    hub.ask(&row("completion_events", "e", "u:ada", &[("habit_id", "'h'"), ("date", "'2026-11-30'")], &at(0))).await;
    for (sql, told) in [
        ("UPDATE kairos.habits SET id = 'i'", "23001 a row of habits keeps its id and its scope"),
        ("UPDATE kairos.habits SET scope = 'u:bo', name = 'x'", "23001 a row of habits keeps its id and its scope"),
        ("UPDATE kairos.habits SET scope = 'u:bo'", "23001 a row of habits keeps its id and its scope"),
        (
            "UPDATE kairos.habits SET user_id = 'bo'",
            "23001 a row of habits keeps user_id and created_at: who made it, and when",
        ),
        (
            "UPDATE kairos.habits SET created_at = 1",
            "23001 a row of habits keeps user_id and created_at: who made it, and when",
        ),
        ("UPDATE kairos.habits SET name = NULL", "23502 habits.name must not be empty"),
        ("UPDATE kairos.habits SET extra = '[]'", "22023 extra of habits must be a JSON object"),
        (
            "UPDATE kairos.habits SET extra = '{\"name\": 1}'",
            "22023 extra of habits must not hold name, which has a place of its own",
        ),
        (
            "UPDATE kairos.habits SET extra = '{\"measure\": 1}'",
            "22023 extra of habits must not hold measure, which has a place of its own",
        ),
        ("UPDATE kairos.completions SET type = 'MISSED'", "23001 completions.type follows from completion_events"),
        ("UPDATE kairos.completions SET deleted_at = 1", "23001 completions come and go with their events"),
        ("DELETE FROM kairos.completions", "23001 completions come and go with their events"),
        ("UPDATE kairos.completion_events SET value = 2", "23001 completion_events.value never changes"),
        (
            "INSERT INTO kairos.completions (id, scope, habit_id, date, amount) VALUES ('d', 'u:ada', 'h', '2026-11-30', 2)",
            "23001 completions.amount follows from completion_events",
        ),
        ("INSERT INTO kairos.habits (scope) VALUES ('u:ada')", "23502 a new row of habits needs name"),
        (
            "INSERT INTO kairos.habits (name) VALUES ('x')",
            "23502 a new row of habits needs a scope: u:<person> or h:<household>",
        ),
        (
            "INSERT INTO kairos.habits (scope, name) VALUES ('ada', 'x')",
            "23502 a new row of habits needs a scope: u:<person> or h:<household>",
        ),
        (
            "INSERT INTO kairos.habits (scope, user_id, name) VALUES ('u:ada', 'a b', 'x')",
            "23502 a new row of habits needs a user_id: who it is from",
        ),
        (
            "INSERT INTO kairos.habits (scope, name, extra) VALUES ('u:ada', 'x', '{\"hlc\": 1}')",
            "22023 extra of habits must not hold hlc, which has a place of its own",
        ),
        (
            "INSERT INTO kairos.users (scope) VALUES ('u:ada')",
            "23502 a new row of users needs an id: that of a hub would be derived from what the row is about",
        ),
        ("TRUNCATE kairos.habits", "23001 habits cannot be truncated: hubs would bring all of it back"),
    ] {
        assert!(hand.run(sql).await.unwrap_err().starts_with(told), "{sql}: {:?}", hand.run(sql).await);
    }
    assert_eq!(counter(&mut hub).await, 0);
    assert_eq!(hub.ask("SELECT count(*), sum(seq), min(_clk::text) FROM kairos.habits").await, "1|0|");
}

#[tokio::test]
async fn an_edit_wins_over_what_it_saw_and_loses_to_what_comes_later() {
    let (_postgres, mut hub, mut hand) = console().await;
    let day = 24 * 60;
    for (id, minutes) in [("past", -day), ("ahead", 3 * 365 * day)] {
        hub.ask(&row("habits", id, "u:ada", &[("name", "'Water'"), ("color", "'red'")], &at(minutes))).await;
        // One register is later than the row's own clock says: believed as well.
        let later = at(minutes + 5);
        hub.ask(&format!(
            "UPDATE kairos.habits SET _clk = '{{\"name\": \"{}\", \"color\": \"{later}\"}}' WHERE id = '{id}'",
            at(minutes)
        ))
        .await;
        let known = read(&mut hub, &HABITS, id).await;
        hand.ask(&format!("UPDATE kairos.habits SET color = 'blue' WHERE id = '{id}'")).await;
        let edited = read(&mut hub, &HABITS, id).await;
        assert_eq!(stamped(&known, &edited), ["color"], "{id}");

        // A hub that has not seen it: its older word loses in either order, its word on another column stands.
        let mut elsewhere = known.clone();
        elsewhere.set("color", "green", &later.next("zz"));
        elsewhere.set("name", "Tea", &later.next("zz"));
        for merged in [merge(&edited, &elsewhere).unwrap(), merge(&elsewhere, &edited).unwrap()] {
            // A node's name decides between the two only where the hub's clock is ahead of everybody's.
            let color = if id == "past" { "blue" } else { "green" };
            assert_eq!((merged.text("color"), merged.text("name")), (color.into(), "Tea".into()), "{id}");
        }
        // Both know all that was before.
        assert_eq!(merge(&edited, &known).unwrap().text("color"), "blue", "{id}");

        // A hub that has seen it writes later.
        let mut answer = edited.clone();
        answer.set("color", "white", &edited.hlc().unwrap().next("aa"));
        assert_eq!(merge(&edited, &answer).unwrap().text("color"), "white", "{id}");
        // And a second edit by hand stands on the first.
        hand.ask(&format!("UPDATE kairos.habits SET color = 'black' WHERE id = '{id}'")).await;
        let again = read(&mut hub, &HABITS, id).await;
        assert!(again.hlc() > edited.hlc());
        assert_eq!(merge(&edited, &again).unwrap().text("color"), "black", "{id}");
    }
    let ahead = read(&mut hub, &HABITS, "ahead").await;
    assert_eq!(ahead.hlc().unwrap().packed(), at(3 * 365 * day + 5).packed() + 2);

    // What a clock of the end of time stamped is written over as any other.
    hub.ask(&row("habits", "end", "u:ada", &[("name", "'Water'")], &Hlc::parse("ffffffffffffffff-a").unwrap())).await;
    hand.ask("UPDATE kairos.habits SET name = 'Tea' WHERE id = 'end'").await;
    let end = read(&mut hub, &HABITS, "end").await;
    let hlc = end.hlc().unwrap();
    assert!(hlc.is_believed() && hlc.node().starts_with("pg"), "{hlc}");
}

#[tokio::test]
async fn cells_to_fold_again_are_noted() {
    let (_postgres, mut hub, mut hand) = console().await;
    let day = &[("habit_id", "'h'"), ("date", "'2026-11-30'"), ("actor", "'bo'")][..];
    hub.ask(&row("habits", "h", "u:ada", &[("name", "'Water'")], &at(0))).await;
    hub.ask(&row("habit_schedules", "s", "u:ada", &[("habit_id", "'h'"), ("valid_from", "'2026-11-01'")], &at(0)))
        .await;
    hub.ask(&row("completion_events", "e", "u:ada", day, &at(0))).await;
    hub.ask(&row("completions", "c", "u:ada", day, &at(0))).await;
    assert_eq!(hub.ask("SELECT * FROM kairos.dirty").await, "", "hubs fold themselves");
    for (edit, noted) in [
        ("UPDATE kairos.habits SET name = 'Tea', color = 'blue', unit = 'l'", ""),
        ("UPDATE kairos.habits SET target_value = 3", "u:ada|h||"),
        ("UPDATE kairos.habits SET kind = 'measurable'", "u:ada|h||"),
        ("UPDATE kairos.habits SET completion_mode = 'ANYONE_ONCE'", "u:ada|h||"),
        ("DELETE FROM kairos.habits", ""),
        ("UPDATE kairos.habit_schedules SET unit = 'l', freq_num = 2", ""),
        ("UPDATE kairos.habit_schedules SET target_type = 'at_most'", "u:ada|h||"),
        ("UPDATE kairos.habit_schedules SET habit_id = 'i'", "u:ada|h||\nu:ada|i||"),
        ("DELETE FROM kairos.habit_schedules", "u:ada|i||"),
        ("DELETE FROM kairos.completion_events", "u:ada|h|2026-11-30|bo"),
        ("UPDATE kairos.completion_events SET deleted_at = NULL", "u:ada|h|2026-11-30|bo"),
        ("UPDATE kairos.completion_events SET extra = '{\"x\": 1}'", ""),
        ("UPDATE kairos.completions SET note = 'well'", "u:ada|h|2026-11-30|bo"),
        ("UPDATE kairos.completions SET energy_level = 3", "u:ada|h|2026-11-30|bo"),
        ("INSERT INTO kairos.habits (id, scope, name) VALUES ('j', 'u:ada', 'Walk')", "u:ada|j||"),
        (
            "INSERT INTO kairos.habit_schedules (id, scope, habit_id, valid_from) VALUES ('t', 'u:ada', 'h', '2026-12-01')",
            "u:ada|h||",
        ),
        (
            "INSERT INTO kairos.completion_events (scope, habit_id, date, verb) SELECT 'u:ada', 'h', '2026-12-0' || n % 2, 'full' FROM generate_series(1, 9) n",
            "u:ada|h|2026-12-00|\nu:ada|h|2026-12-01|",
        ),
        ("UPDATE kairos.users SET tz = 'Europe/Berlin'", ""),
    ] {
        hand.ask(edit).await;
        assert_eq!(hub.ask("SELECT * FROM kairos.dirty ORDER BY habit_id, date").await, noted, "{edit}");
        hub.ask("DELETE FROM kairos.dirty").await;
    }
    // Each of the lists is one that core reads by: a column that is renamed there is noticed here.
    for (table, column) in [(&HABITS, "completion_mode"), (&HABIT_SCHEDULES, "valid_from"), (&COMPLETIONS, "note")] {
        assert!(table.column(column).is_some());
    }
}

#[tokio::test]
async fn many_rows_are_numbered_in_one_go_and_told_once() {
    let (postgres, mut hub, mut hand) = console().await;
    hub.ask("SELECT kairos.set_member('1', 'ada', true, true)").await;
    let mut told = PgListener::connect(&postgres.url("kairos")).await.unwrap();
    told.listen("kairos").await.unwrap();
    let mut hears = async |scopes: &[&str]| {
        for scope in scopes {
            let heard = tokio::time::timeout(PATIENCE, told.recv()).await.expect("a notice").unwrap();
            assert_eq!(heard.payload(), *scope);
        }
    };
    // A transaction of no concern to the listener, told last: whatever came before it was heard.
    let mark = "INSERT INTO kairos.sync_clock VALUES ('u:ada', 0), ('h:1', 0) ON CONFLICT DO NOTHING; SELECT pg_notify('kairos', 'mark')";
    hub.ask(mark).await;
    hears(&["mark"]).await;

    hand.ask(
        "INSERT INTO kairos.habits (id, scope, name)
         SELECT 'h' || n, CASE WHEN n % 2 = 0 THEN 'u:ada' ELSE 'h:1' END, 'Water' FROM generate_series(1, 2000) n",
    )
    .await;
    let numbers = "SELECT scope, count(DISTINCT seq), min(seq), max(seq) FROM kairos.habits GROUP BY 1 ORDER BY 1";
    let counters = "SELECT scope, seq FROM kairos.sync_clock ORDER BY 1";
    assert_eq!(hub.ask(numbers).await, "h:1|1000|1|1000\nu:ada|1000|1|1000");
    assert_eq!(hub.ask(counters).await, "h:1|1000\nu:ada|1000");
    // Several statements, one of them undone, one within another.
    hand.ask(
        "BEGIN;
         UPDATE kairos.habits SET color = 'red';
         SAVEPOINT s;
         UPDATE kairos.habits SET color = 'blue';
         ROLLBACK TO s;
         WITH gone AS (DELETE FROM kairos.habits WHERE id IN ('h1', 'h2'))
         UPDATE kairos.habits SET color = 'green' WHERE id IN ('h3', 'h4');
         COMMIT",
    )
    .await;
    assert_eq!(hub.ask(numbers).await, "h:1|1000|1003|2002\nu:ada|1000|1003|2002");
    assert_eq!(hub.ask(counters).await, "h:1|2002\nu:ada|2002");
    hub.ask(mark).await;
    // Within one transaction the same is told once, and scopes in no order.
    let mut all = Vec::new();
    while all.last().map(String::as_str) != Some("mark") {
        all.push(tokio::time::timeout(PATIENCE, told.recv()).await.expect("a notice").unwrap().payload().to_owned());
    }
    let mut count = BTreeMap::new();
    for scope in &all {
        *count.entry(scope.as_str()).or_insert(0) += 1;
    }
    assert_eq!(count, BTreeMap::from([("h:1", 2), ("u:ada", 2), ("mark", 1)]), "{all:?}");

    // A hub's own way: the counter is locked, and an edit by hand waits for its turn.
    hub.ask("BEGIN; SELECT seq FROM kairos.sync_clock WHERE scope = 'u:ada' FOR UPDATE").await;
    let waiting = tokio::spawn(async move {
        hand.ask("UPDATE kairos.habits SET color = 'white' WHERE id = 'h4'").await;
    });
    kairos_tests::until("the edit waits", async || {
        let waits = postgres.psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'").await;
        (waits == "1").then_some(())
    })
    .await;
    hub.ask("UPDATE kairos.habits SET seq = 2003 WHERE id = 'h6'; UPDATE kairos.sync_clock SET seq = 2003 WHERE scope = 'u:ada'; COMMIT").await;
    tokio::time::timeout(PATIENCE, waiting).await.expect("its turn comes").unwrap();
    assert_eq!(seq(&mut hub, "habits", "h4").await, 2004);
    assert_eq!(counter(&mut hub).await, 2004);
}

#[tokio::test]
async fn a_household_is_edited_like_a_person() {
    let (postgres, mut hub, mut hand) = console().await;
    hub.ask("SELECT kairos.set_member('1', 'ada', true, true)").await;
    hand.ask("INSERT INTO kairos.habits (id, scope, name) VALUES ('ours', 'h:1', 'Bins')").await;
    let row = read(&mut hub, &HABITS, "ours").await;
    assert_eq!((row.scope, row.user_id.as_str()), (Scope::parse("h:1").unwrap(), "ada"));

    // A superuser stands outside of every fence, and travels no less.
    postgres.psql("UPDATE kairos.habits SET color = 'blue'").await;
    postgres.psql("INSERT INTO kairos.users (id, scope, display_name) VALUES ('bo', 'u:bo', 'Bo')").await;
    assert_eq!(postgres.psql("SELECT scope, seq FROM kairos.sync_clock ORDER BY 1").await, "h:1|2\nu:bo|1");
    let mut bo = postgres.hub("bo").await;
    assert_eq!(read(&mut bo, &USERS, "bo").await.user_id.as_str(), "bo");
    let told =
        postgres.session("postgres").await.run("INSERT INTO kairos.habits (scope, name) VALUES ('h:1', 'Post')").await;
    assert_eq!(told.unwrap_err(), "23502 a new row of habits needs a user_id: who it is from");
}

#[tokio::test]
async fn anybody_with_the_rights_may_edit() {
    let (postgres, mut hub, _) = console().await;
    postgres
        .psql(
            "CREATE ROLE editor LOGIN; GRANT CONNECT ON DATABASE kairos TO editor; GRANT USAGE ON SCHEMA kairos TO editor;
             GRANT SELECT, INSERT, UPDATE, DELETE ON kairos.habits, kairos.completion_events TO editor;
             GRANT SELECT, INSERT, UPDATE ON kairos.sync_clock TO editor; GRANT SELECT, INSERT ON kairos.dirty TO editor",
        )
        .await;
    let mut editor = postgres.session("editor").await;
    editor.act_for("ada").await;
    editor.ask("INSERT INTO kairos.habits (id, scope, name) VALUES ('h', 'u:ada', 'Water')").await;
    editor.ask("UPDATE kairos.habits SET target_value = 3").await;
    editor.ask("INSERT INTO kairos.completion_events (scope, habit_id, date, verb) VALUES ('u:ada', 'h', '2026-11-30', 'full')").await;
    editor.ask("DELETE FROM kairos.completion_events").await;
    assert_eq!(
        hub.ask("SELECT (SELECT seq FROM kairos.habits), (SELECT seq FROM kairos.completion_events)").await,
        "2|4"
    );
    assert_eq!((counter(&mut hub).await, hub.ask("SELECT count(*) FROM kairos.dirty").await), (4, "2".into()));
}

#[tokio::test]
async fn an_edit_that_crosses_a_hub_is_undone_as_a_whole_or_wins() {
    let (postgres, mut hub, mut hand) = console().await;
    hub.ask(&row("habits", "h", "u:ada", &[("name", "'Water'")], &at(0))).await;
    hub.ask("INSERT INTO kairos.sync_clock VALUES ('u:ada')").await;
    let before = read(&mut hub, &HABITS, "h").await;
    // The hub has the counter and wants the row, the edit has the row and wants the counter.
    hub.ask("BEGIN; SELECT seq FROM kairos.sync_clock WHERE scope = 'u:ada' FOR UPDATE").await;
    let edit = tokio::spawn(async move { hand.run("UPDATE kairos.habits SET color = 'blue'").await });
    kairos_tests::until("the edit waits", async || {
        let waits = postgres.psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'").await;
        (waits == "1").then_some(())
    })
    .await;
    let push = "UPDATE kairos.habits SET name = 'Tea', seq = 1; UPDATE kairos.sync_clock SET seq = 1; COMMIT";
    let pushed = tokio::time::timeout(PATIENCE, hub.run(push)).await.expect("Postgres notices");
    let edited = tokio::time::timeout(PATIENCE, edit).await.expect("Postgres notices").unwrap();
    let undone = [&pushed, &edited].into_iter().filter_map(|done| done.as_ref().err()).collect::<Vec<_>>();
    assert_eq!(undone, ["40P01 deadlock detected"]);
    drop(hub.run("ROLLBACK").await);
    let after = read(&mut hub, &HABITS, "h").await;
    if edited.is_ok() {
        assert_eq!((stamped(&before, &after), after.text("name")), (vec!["color".into()], "Water".into()));
    } else {
        assert_eq!((after.text("name"), after.text("color")), ("Tea".into(), String::new()));
    }
    assert_eq!((seq(&mut hub, "habits", "h").await, counter(&mut hub).await), (1, 1));
}
