//! Who sees what: row-level security, as hubs meet it.

use kairos_core::schema::TABLES;
use kairos_tests::Postgres;
use kairos_tests::postgres::Session;

use super::{at, row};

/// Tables with a scope beside the synced ones, and a row for each.
const BESIDE: [(&str, &str); 4] =
    [("sync_clock", ""), ("hub_state", ", 'h'"), ("dirty", ", 'h', '2026-11-30', ''"), ("engine_lease", ", 'h', 0")];

/// A household of Ada and Bo, another of Cy; a row of each table for every person and household.
async fn street() -> Postgres {
    let postgres = Postgres::with_tables().await;
    let mut hub = postgres.hub("ada").await;
    for call in ["set_member('1', 'ada', true, true)", "set_member('1', 'bo', false, true)"] {
        hub.ask(&format!("SELECT kairos.{call}")).await;
    }
    hub.act_for("cy").await;
    hub.ask("SELECT kairos.set_member('2', 'cy', true, true)").await;
    for (person, scopes) in [("ada", ["u:ada", "h:1"].as_slice()), ("bo", &["u:bo"]), ("cy", &["u:cy", "h:2"])] {
        hub.act_for(person).await;
        for scope in scopes {
            fill(&mut hub, scope).await;
        }
    }
    postgres
}

async fn fill(hub: &mut Session, scope: &str) {
    for table in TABLES {
        hub.ask(&row(table.name, scope, scope, &[], &at(0))).await;
    }
    for (table, rest) in BESIDE {
        hub.ask(&format!("INSERT INTO kairos.{table} VALUES ('{scope}'{rest})")).await;
    }
}

fn tables() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|table| table.name).chain(BESIDE.iter().map(|(table, _)| *table))
}

/// The scopes that a session sees, which must be the same in every table, to read, to write and to delete.
async fn sees(session: &mut Session) -> String {
    let mut seen = None;
    for table in tables() {
        let scopes = session
            .ask(&format!("SELECT coalesce(string_agg(scope, ' ' ORDER BY scope), '') FROM kairos.{table}"))
            .await;
        let changed = if table == "sync_clock" { "gc_seq = gc_seq" } else { "scope = scope" };
        session.ask("BEGIN").await;
        let written = session
            .ask(&format!(
                "WITH w AS (UPDATE kairos.{table} SET {changed} RETURNING scope)
                 SELECT coalesce(string_agg(scope, ' ' ORDER BY scope), '') FROM w"
            ))
            .await;
        session.ask("ROLLBACK").await;
        assert_eq!(written, scopes, "{table}");
        assert_eq!(*seen.get_or_insert_with(|| scopes.clone()), scopes, "{table}");
    }
    seen.unwrap()
}

#[tokio::test]
async fn everybody_sees_what_is_theirs() {
    let postgres = street().await;
    let mut hub = postgres.session("kairos").await;
    hub.ask("SET ROLE kairos_hub").await;
    // The setting is not there at first, and empty after a transaction that had it.
    assert_eq!(sees(&mut hub).await, "");
    hub.ask("BEGIN; SELECT set_config('kairos.user_id', 'ada', true)").await;
    hub.ask("COMMIT").await;
    assert_eq!(hub.ask("SELECT current_setting('kairos.user_id') = ''").await, "t");
    assert_eq!(sees(&mut hub).await, "");
    for (person, scopes) in
        [("ada", "h:1 u:ada"), ("bo", "h:1 u:bo"), ("cy", "h:2 u:cy"), ("dee", ""), ("h:1", ""), ("%", ""), ("ADA", "")]
    {
        hub.act_for(person).await;
        assert_eq!(sees(&mut hub).await, scopes, "{person}");
    }

    hub.act_for("bo").await;
    hub.ask("SELECT kairos.set_member('1', 'bo', false, false)").await;
    assert_eq!(sees(&mut hub).await, "u:bo");
}

#[tokio::test]
async fn nobody_writes_where_they_do_not_belong() {
    let postgres = street().await;
    let mut hub = postgres.hub("").await;
    for (person, scope) in
        [("", "u:"), ("", "u:ada"), ("bo", "u:ada"), ("bo", "h:2"), ("bo", "h:"), ("bo", "u:"), ("bo", "x")]
    {
        hub.act_for(person).await;
        for table in TABLES {
            let told = hub.run(&row(table.name, "new", scope, &[], &at(0))).await.unwrap_err();
            assert!(told.starts_with("42501 new row violates row-level security policy"), "{person} {scope}: {told}");
        }
        for (table, rest) in BESIDE {
            let told = hub.run(&format!("INSERT INTO kairos.{table} VALUES ('{scope}'{rest})")).await.unwrap_err();
            assert!(told.starts_with("42501 new row violates row-level security policy"), "{person} {scope}: {told}");
        }
    }
    hub.act_for("bo").await;
    for table in TABLES {
        let name = table.name;
        // An id that lives where one may not see is not overwritten, and does not stop the batch.
        let (mine, theirs) = (row(name, "mine", "u:bo", &[], &at(1)), row(name, "u:ada", "u:bo", &[], &at(1)));
        let upsert = format!(
            "{mine}, {} ON CONFLICT (id) DO UPDATE SET hlc = excluded.hlc WHERE {name}.scope = excluded.scope RETURNING id",
            theirs.split_once("VALUES").unwrap().1
        );
        assert_eq!(hub.ask(&upsert).await, "mine", "{name}");
        assert_eq!(hub.ask(&upsert).await, "mine", "{name}");
        for refused in [
            format!("UPDATE kairos.{name} SET scope = 'u:ada' WHERE id = 'mine'"),
            format!("UPDATE kairos.{name} SET scope = 'h:1' WHERE id = 'mine'"),
            format!("UPDATE kairos.{name} SET id = 'other' WHERE id = 'mine'"),
        ] {
            let told = hub.run(&refused).await.unwrap_err();
            assert_eq!(told, format!("23001 a row of {name} keeps its id and its scope"), "{refused}");
        }
        for refused in [format!("DELETE FROM kairos.{name}"), format!("TRUNCATE kairos.{name}")] {
            assert_eq!(hub.run(&refused).await.unwrap_err(), format!("42501 permission denied for table {name}"));
        }
    }
    hub.act_for("ada").await;
    assert_eq!(hub.ask("SELECT DISTINCT hlc FROM kairos.habits").await, at(0).to_string());
}

#[tokio::test]
async fn no_role_opens_the_fence() {
    let postgres = street().await;
    postgres.psql("CREATE ROLE kitchen LOGIN IN ROLE kairos_hub").await;
    let mut kitchen = postgres.session("kitchen").await;
    for role in ["NONE", "kairos_hub"] {
        kitchen.ask(&format!("SET ROLE {role}")).await;
        kitchen.act_for("").await;
        assert_eq!(sees(&mut kitchen).await, "", "{role}");
        kitchen.act_for("bo").await;
        assert_eq!(sees(&mut kitchen).await, "h:1 u:bo", "{role}");
        for (sql, told) in [
            ("SET ROLE kairos", "42501 permission denied to set role \"kairos\""),
            ("SET ROLE powersync", "42501 permission denied to set role \"powersync\""),
            ("SET ROLE postgres", "42501 permission denied to set role \"postgres\""),
            ("SET SESSION AUTHORIZATION kairos", "42501 permission denied to set session authorization"),
            (
                "SET session_replication_role = replica",
                "42501 permission denied to set parameter \"session_replication_role\"",
            ),
            ("ALTER TABLE kairos.habits DISABLE ROW LEVEL SECURITY", "42501 must be owner of table habits"),
            ("ALTER TABLE kairos.habits DISABLE TRIGGER ALL", "42501 must be owner of table habits"),
            ("DROP POLICY scope ON kairos.habits", "42501 must be owner of relation habits"),
            (
                "CREATE FUNCTION kairos.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                "42501 permission denied for schema kairos",
            ),
            ("SELECT * FROM kairos.memberships", "42501 permission denied for table memberships"),
            (
                "INSERT INTO kairos.memberships VALUES ('2', 'bo', true)",
                "42501 permission denied for table memberships",
            ),
            ("SELECT * FROM kairos.makers", "42501 permission denied for table makers"),
            ("UPDATE kairos.registers SET derived = true", "42501 permission denied for table registers"),
            ("SELECT kairos.fence('habits')", "42501 permission denied for function fence"),
            ("SELECT kairos.adopt('habits')", "42501 permission denied for function adopt"),
            ("SELECT kairos.publish()", "42501 permission denied for function publish"),
            ("SET kairos.collecting = 'on'; DELETE FROM kairos.habits", "42501 permission denied for table habits"),
        ] {
            // Postgres 16 says some of these at greater length.
            let answer = kitchen.run(sql).await.unwrap_err();
            assert!(answer.starts_with(&told[..12]), "{role}: {sql}: {answer}");
        }
        // Rather no answer than a wrong one.
        kitchen.ask("SET row_security = off").await;
        let told = kitchen.run("SELECT * FROM kairos.habits").await.unwrap_err();
        assert!(told.contains("would be affected by row-level security"), "{told}");
        kitchen.ask("SET row_security = on").await;
    }

    // A search path of one's own leads no function astray.
    postgres.psql("GRANT TEMPORARY ON DATABASE kairos TO kitchen").await;
    kitchen.ask("RESET ROLE").await;
    kitchen.ask("CREATE TEMP TABLE memberships (household text, person text, admin boolean)").await;
    kitchen.ask("INSERT INTO memberships VALUES ('2', 'bo', true); SET search_path = pg_temp, kairos").await;
    assert_eq!(kitchen.ask("SELECT kairos.households()").await, "h:1");

    // The owner of the tables is no exception.
    let mut owner = postgres.session("kairos").await;
    assert_eq!(sees(&mut owner).await, "");
    owner.act_for("cy").await;
    assert_eq!(sees(&mut owner).await, "h:2 u:cy");
}

#[tokio::test]
async fn members_come_and_go_by_the_rules() {
    const NONE: &str = "42501 this household has no member yet: who makes it becomes its first admin";
    const OTHERS: &str = "42501 only an admin of a household may change who belongs to it";
    let stranger = |who: &str| format!("42501 this household has members, and {who} is none of them");

    let postgres = Postgres::with_tables().await;
    let mut hub = postgres.hub("").await;
    let mut turn = async |me: &str, person: &str, admin: &str, present: bool| {
        hub.act_for(me).await;
        let call = format!("SELECT kairos.set_member('1', '{person}', {admin}, {present})");
        hub.run(&call).await.map(drop).map_err(|told| told.lines().next().unwrap().to_owned())
    };
    let fine = Ok(());
    let refused = |told: &str| Err(told.to_owned());
    assert_eq!(turn("", "ada", "true", true).await, refused("42501 nobody is acting: kairos.user_id is not set"));
    assert_eq!(turn("ada", "bo", "true", true).await, refused(NONE));
    assert_eq!(turn("ada", "ada", "false", true).await, refused(NONE));
    assert_eq!(turn("ada", "ada", "NULL", true).await, refused(NONE));
    assert_eq!(
        turn("ada", "a b", "true", true).await,
        refused("22023 a household, a person and whether they belong to it are needed")
    );
    assert_eq!(turn("ada", "ada", "true", true).await, fine);
    assert_eq!(turn("bo", "bo", "true", true).await, refused(&stranger("bo")));
    assert_eq!(turn("bo", "bo", "false", true).await, refused(&stranger("bo")));
    assert_eq!(turn("bo", "ada", "true", false).await, refused(&stranger("bo")));
    assert_eq!(turn("bo", "ada", "true", true).await, refused(&stranger("bo")), "not even what is so");
    assert_eq!(turn("ada", "bo", "false", true).await, fine);
    assert_eq!(turn("ada", "bo", "false", true).await, fine, "said again");
    assert_eq!(turn("bo", "ada", "true", true).await, fine, "what is so may be said by any member");
    assert_eq!(turn("bo", "bo", "true", true).await, refused(OTHERS));
    assert_eq!(turn("bo", "cy", "false", true).await, refused(OTHERS));
    assert_eq!(turn("bo", "ada", "false", true).await, refused(OTHERS));
    assert_eq!(turn("bo", "ada", "true", false).await, refused(OTHERS));
    assert_eq!(turn("bo", "bo", "false", false).await, fine, "anybody may leave");
    assert_eq!(turn("bo", "bo", "false", false).await, fine);
    assert_eq!(turn("bo", "bo", "true", true).await, refused(&stranger("bo")));
    assert_eq!(turn("ada", "bo", "true", true).await, fine);
    assert_eq!(turn("bo", "ada", "false", true).await, fine, "an admin may");
    assert_eq!(turn("ada", "bo", "false", true).await, refused(OTHERS));
    assert_eq!(turn("bo", "ada", "false", false).await, fine);
    assert_eq!(turn("bo", "bo", "true", false).await, fine);
    // Everybody left. Who knows the id does not inherit what is there; who made it may come back.
    assert_eq!(turn("bo", "bo", "true", true).await, refused(&stranger("bo")));
    assert_eq!(turn("ada", "ada", "true", true).await, fine);
    assert_eq!(postgres.psql("SELECT * FROM kairos.memberships").await, "1|ada|t");

    // Two make the same household at once: one of them did.
    let mut makers = Vec::new();
    for person in ["ada", "bo", "cy", "dee"] {
        makers.push((person, postgres.hub(person).await));
    }
    let all = makers.iter_mut().map(async |(person, hub)| {
        hub.run(&format!("SELECT kairos.set_member('2', '{person}', true, true)")).await.is_ok()
    });
    let made = futures_util::future::join_all(all).await;
    assert_eq!(made.iter().filter(|made| **made).count(), 1);
    assert_eq!(postgres.psql("SELECT count(*) FROM kairos.memberships WHERE household = '2'").await, "1");
}

#[tokio::test]
async fn the_fence_uses_the_index() {
    let postgres = Postgres::with_tables().await;
    postgres
        .psql(
            "SELECT kairos.set_member('1', 'p7', true, true) FROM set_config('kairos.user_id', 'p7', false);
             SET session_replication_role = replica;
             INSERT INTO kairos.habits (id, scope, user_id, created_at, updated_at, hlc, seq)
             SELECT 'h' || n, 'u:p' || n % 400, 'p', 0, 0, '', n FROM generate_series(1, 40000) n;
             ANALYZE kairos.habits",
        )
        .await;
    let mut hub = postgres.hub("p7").await;
    assert_eq!(hub.ask("SELECT count(*) FROM kairos.habits").await, "100");
    for (asked, condition) in [
        // Even where a question names no scope, the fence itself is found by the index.
        ("SELECT * FROM kairos.habits", "Index Cond: (scope = ANY ("),
        (
            "SELECT * FROM kairos.habits WHERE scope = 'u:p7' AND seq > 20000 ORDER BY seq LIMIT 10",
            "(scope = 'u:p7'::text) AND (seq > 20000))",
        ),
        (
            "SELECT * FROM kairos.habits WHERE id = ANY (ARRAY['h7', 'h8'])",
            "Index Cond: (id = ANY ('{h7,h8}'::text[]))",
        ),
    ] {
        let plan = hub.ask(&format!("EXPLAIN {asked}")).await;
        assert!(
            plan.contains(condition) && !plan.contains("Seq Scan on habits") && !plan.contains("Sort"),
            "{asked}\n{plan}"
        );
        // Who somebody is, and where they belong, is asked once a statement and not once a row.
        assert!(plan.contains("InitPlan"), "{asked}\n{plan}");
    }
}
