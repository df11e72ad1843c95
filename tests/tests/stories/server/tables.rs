//! What the migrations make, who may make it, and what PowerSync finds.

use std::collections::{BTreeMap, BTreeSet};

use kairos_core::schema::postgres::{lacking, wanted};
use kairos_core::schema::{COMMON, HABITS, Kind, TABLES};
use kairos_tests::{Postgres, workspace};
use sqlx::{Connection, PgConnection};

use super::{at, row};

/// What hubs keep beside the rows, and what sqlx keeps of the migrations.
const BESIDE: [&str; 9] = [
    "_sqlx_migrations",
    "dirty",
    "engine_lease",
    "hub_state",
    "identities",
    "makers",
    "memberships",
    "registers",
    "sync_clock",
];

#[tokio::test]
async fn every_synced_table_is_there_as_it_is_described_and_nothing_more() {
    let postgres = Postgres::with_tables().await;
    let found = postgres
        .psql(
            "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
             WHERE table_schema = 'kairos' ORDER BY table_name, ordinal_position",
        )
        .await;
    let mut tables: BTreeMap<&str, Vec<(&str, &str, &str)>> = BTreeMap::new();
    for line in found.lines() {
        let parts: Vec<&str> = line.split('|').collect();
        tables.entry(parts[0]).or_default().push((parts[1], parts[2], parts[3]));
    }
    for beside in BESIDE {
        assert!(tables.remove(beside).is_some(), "{beside}");
    }
    assert_eq!(tables.len(), TABLES.len(), "{:?}", tables.keys());
    for table in TABLES {
        let own = table.columns.iter().map(|column| match column.kind {
            Kind::Text => (column.name, "text", "YES"),
            Kind::Integer => (column.name, "bigint", "YES"),
            Kind::Real => (column.name, "double precision", "YES"),
        });
        let common = |name: &'static str| match name {
            "id" | "scope" | "user_id" | "hlc" => (name, "text", "NO"),
            "extra" | "_clk" => (name, "jsonb", "YES"),
            "deleted_at" => (name, "bigint", "YES"),
            _ => (name, "bigint", "NO"),
        };
        let (before, after) = COMMON.split_at(3);
        let expected: Vec<_> = before
            .iter()
            .map(|name| common(name))
            .chain(own)
            .chain(after.iter().map(|name| common(name)))
            .chain([("seq", "bigint", "NO")])
            .collect();
        assert_eq!(tables[table.name], expected, "{}", table.name);
    }

    // A merge of valid rows can always be stored: no rule but the id.
    let rules = postgres
        .psql(
            "SELECT conrelid::regclass, contype FROM pg_constraint WHERE connamespace = 'kairos'::regnamespace
             AND contype NOT IN ('p', 'n') UNION ALL
             SELECT indrelid::regclass, 'u' FROM pg_index JOIN pg_class c ON c.oid = indrelid
             WHERE relnamespace = 'kairos'::regnamespace AND indisunique AND NOT indisprimary",
        )
        .await;
    assert_eq!(rules, "");

    let known = postgres
        .psql("SELECT tbl, col, concat_ws(', ', register, derived::text, fixed::text, needed::text, folded::text) FROM kairos.registers")
        .await;
    let known: BTreeMap<(String, String), String> = known
        .lines()
        .map(|line| line.split('|').map(str::to_owned).collect::<Vec<_>>())
        .map(|parts| ((parts[0].clone(), parts[1].clone()), parts[2].clone()))
        .collect();
    assert_eq!(known, wanted().registers);
}

#[tokio::test]
async fn a_column_that_is_added_has_no_clock_in_the_rows_of_before() {
    let postgres = Postgres::with_tables().await;
    // A server of before somebody thought of units.
    postgres.psql("DROP PUBLICATION powersync; ALTER TABLE kairos.habits DROP COLUMN unit; DELETE FROM kairos.registers WHERE col = 'unit' AND tbl = 'habits'").await;
    let mut hub = postgres.hub("ada").await;
    hub.ask(&row("habits", "h", "u:ada", &[("name", "'Water'"), ("extra", "'{\"mood\": 1}'")], &at(0))).await;
    hub.ask(&row("habits", "gone", "u:ada", &[("deleted_at", "5")], &at(0))).await;
    hub.ask(&format!(
        "UPDATE kairos.habits SET seq = 3; {}",
        row("habits", "own", "u:ada", &[("_clk", "'{}'")], &at(0))
    ))
    .await;

    let mut before = wanted();
    before.columns.remove(&("habits".into(), "unit".into()));
    before.registers.remove(&("habits".into(), "unit".into()));
    let mut owner = postgres.session("kairos").await;
    owner.ask(&format!("BEGIN; {} COMMIT", lacking(&before))).await;

    let names = "SELECT id, seq, (SELECT string_agg(k, ' ' ORDER BY k COLLATE \"C\") FROM jsonb_object_keys(_clk) k) FROM kairos.habits ORDER BY id";
    let registers: BTreeSet<&str> =
        HABITS.columns.iter().map(|column| column.register).filter(|r| *r != "unit").collect();
    let with = |more: &str| {
        let mut all = registers.clone();
        all.insert(more);
        all.into_iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(hub.ask(names).await, format!("gone|3|{}\nh|3|{}\nown|0|", with("deleted_at"), with("mood")));
    assert_eq!(hub.ask("SELECT DISTINCT value FROM kairos.habits, jsonb_each_text(_clk)").await, at(0).to_string());
    // Everything stands again as it was: the fence before the owner, the trigger, the publication.
    assert_eq!(owner.ask("SELECT count(*) FROM kairos.habits").await, "0");
    owner.act_for("ada").await;
    owner.ask("UPDATE kairos.habits SET unit = 'l' WHERE id = 'h'").await;
    assert_eq!(hub.ask("SELECT _clk ? 'unit', seq FROM kairos.habits WHERE id = 'h'").await, "t|1");
    let published =
        postgres.psql("SELECT 'unit' = ANY (attnames) FROM pg_publication_tables WHERE tablename = 'habits'").await;
    assert_eq!(published, "t");
}

#[tokio::test]
async fn five_may_bring_the_tables_up_to_date_at_once_and_again_it_is_nothing() {
    let postgres = Postgres::new().await;
    let all = futures_util::future::join_all((0..5).map(|_| postgres.migrate("kairos"))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    let state = "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = 'kairos'::regnamespace),
                        (SELECT string_agg(version || ' ' || installed_on, ',' ORDER BY version) FROM kairos._sqlx_migrations)";
    let first = postgres.psql(state).await;
    let shipped = std::fs::read_dir(workspace().join("deploy/postgres/migrations")).unwrap().count();
    assert_eq!(postgres.psql("SELECT count(*) FROM kairos._sqlx_migrations").await, shipped.to_string());
    postgres.migrate("kairos").await.unwrap();
    postgres.make_roles(&[]).await;
    assert_eq!(postgres.psql(state).await, first);
    assert_eq!(postgres.psql("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace").await, "0");
}

#[tokio::test]
async fn who_may_not_make_roles_is_told_what_is_lacking() {
    let postgres = Postgres::bare().await;
    let mut superuser = PgConnection::connect(&postgres.url_of("postgres", "postgres")).await.unwrap();
    for sql in ["CREATE ROLE plain LOGIN", "CREATE ROLE maker LOGIN CREATEROLE", "CREATE DATABASE kairos OWNER plain"] {
        sqlx::query(sql).execute(&mut superuser).await.unwrap();
    }
    let told = postgres.migrate("plain").await.unwrap_err().to_string();
    assert!(told.contains("the role kairos_hub is lacking, and plain may not create it"), "{told}");

    // One who may make roles needs no superuser, but for PowerSync.
    postgres.psql("ALTER DATABASE kairos OWNER TO maker").await;
    postgres.psql("ALTER SCHEMA kairos OWNER TO maker; ALTER TABLE kairos._sqlx_migrations OWNER TO maker").await;
    postgres.migrate("maker").await.unwrap();
    let mut maker = postgres.session("maker").await;
    assert_eq!(maker.ask("SELECT kairos.publish()").await, "the role powersync");
    maker.ask("SET ROLE kairos_hub").await;
    maker.act_for("ada").await;
    maker.ask(&row("habits", "h", "u:ada", &[("name", "'Water'")], &at(0))).await;

    postgres.psql("CREATE ROLE powersync LOGIN REPLICATION BYPASSRLS").await;
    maker.ask("RESET ROLE").await;
    assert_eq!(maker.ask("SELECT kairos.publish()").await, "");
    assert_eq!(postgres.session("powersync").await.ask("SELECT name FROM kairos.habits").await, "Water");
}

#[tokio::test]
async fn powersync_reads_all_and_writes_nothing() {
    let postgres = Postgres::with_tables().await;
    postgres
        .psql("SELECT kairos.set_member('1', 'ada', true, true) FROM set_config('kairos.user_id', 'ada', false)")
        .await;
    // What the script for superusers made, and no more rights than that.
    let roles = postgres
        .psql(
            "SELECT rolname, rolcanlogin, rolreplication, rolbypassrls, rolcreaterole, rolsuper OR rolcreatedb, rolpassword LIKE 'SCRAM%'
             FROM pg_authid WHERE rolname IN ('kairos', 'kairos_hub', 'powersync') ORDER BY 1",
        )
        .await;
    // The owner makes logins, for the other houses.
    assert_eq!(roles, "kairos|t|f|f|t|f|\nkairos_hub|f|f|f|f|f|\npowersync|t|t|t|f|f|t");
    let mut powersync = postgres.session("powersync").await;
    let slot = "SELECT slot_name FROM pg_create_logical_replication_slot('phones', 'pgoutput')";
    assert_eq!(powersync.ask(slot).await, "phones");

    let mut hub = postgres.hub("ada").await;
    for table in TABLES {
        hub.ask(&row(table.name, "mine", "u:ada", &[], &at(0))).await;
        hub.ask(&row(table.name, "ours", "h:1", &[], &at(0))).await;
        hub.ask(&format!("UPDATE kairos.{} SET extra = '{{\"mood\": 1}}', _clk = '{{}}', seq = 7", table.name)).await;
    }
    for table in TABLES {
        let name = table.name;
        assert_eq!(powersync.ask(&format!("SELECT count(*) FROM kairos.{name}")).await, "2", "{name}");
        for write in [
            format!("INSERT INTO kairos.{name} (id, scope) VALUES ('x', 'u:ada')"),
            format!("UPDATE kairos.{name} SET deleted_at = 1"),
            format!("DELETE FROM kairos.{name}"),
            format!("TRUNCATE kairos.{name}"),
        ] {
            let told = powersync.run(&write).await.unwrap_err();
            assert!(told.starts_with("42501 permission denied for table"), "{write}: {told}");
        }
        let published = powersync
            .ask(&format!(
                "SELECT array_to_string(attnames, ' ') FROM pg_publication_tables WHERE tablename = '{name}'"
            ))
            .await;
        let own = table.columns.iter().map(|column| column.name);
        let expected: Vec<&str> = ["id", "scope", "user_id"]
            .into_iter()
            .chain(own)
            .chain(["created_at", "updated_at", "hlc", "deleted_at", "extra"])
            .collect();
        assert_eq!(published.split(' ').collect::<Vec<_>>(), expected, "{name}");
    }
    for table in ["memberships", "makers", "sync_clock", "hub_state", "dirty", "engine_lease"] {
        assert!(powersync.run(&format!("SELECT * FROM kairos.{table}")).await.is_err(), "{table}");
    }
    for call in [
        "set_member('1', 'bo', true, true)",
        "collect(0, 0)",
        "collect_some('u:ada', 0, 0, 1)",
        "publish()",
        "adopt('habits')",
    ] {
        let told = powersync.run(&format!("SELECT kairos.{call}")).await.unwrap_err();
        assert!(told.starts_with("42501 permission denied for function"), "{call}: {told}");
    }

    // What it does with the slot: every change of every table is told, updates and deletions with the id.
    postgres.psql("SET session_replication_role = replica; DELETE FROM kairos.habits").await;
    let told = powersync
        .ask(
            "SELECT chr(get_byte(data, 0)), count(*) FROM pg_logical_slot_get_binary_changes(
               'phones', NULL, NULL, 'proto_version', '1', 'publication_names', 'powersync')
             GROUP BY 1 ORDER BY 1",
        )
        .await;
    let told: BTreeMap<&str, usize> =
        told.lines().filter_map(|line| line.split_once('|')).map(|(kind, n)| (kind, n.parse().unwrap())).collect();
    let rows = 2 * TABLES.len();
    assert_eq!((told["I"], told["U"], told["D"], told["R"]), (rows, rows, 2, TABLES.len()), "{told:?}");
}
