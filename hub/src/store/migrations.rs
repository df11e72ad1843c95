//! Migrations: append-only SQL files, each run once, in order, in one transaction.

use std::path::Path;

use rusqlite::Connection;

use super::error::OpenError;

/// Every migration. A published one is never changed; a new one goes to the end.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_spine.sql"),
    include_str!("../../migrations/0002_people.sql"),
    include_str!("../../migrations/0003_over_time.sql"),
    include_str!("../../migrations/0004_imports.sql"),
    include_str!("../../migrations/0005_sync.sql"),
    include_str!("../../migrations/0006_import_undo.sql"),
    include_str!("../../migrations/0007_dated.sql"),
    include_str!("../../migrations/0008_swept.sql"),
    include_str!("../../migrations/0009_large.sql"),
    include_str!("../../migrations/0010_pages.sql"),
    include_str!("../../migrations/0011_days_by_date.sql"),
    include_str!("../../migrations/0012_upstream.sql"),
    include_str!("../../migrations/0013_identities.sql"),
    include_str!("../../migrations/0014_leaving.sql"),
];

/// `PRAGMA application_id` of our databases: "KAIR".
const APPLICATION_ID: i64 = 0x4b41_4952;

/// Says which version a database has; refuses one that is not ours or newer than this program. Only reads.
pub(crate) fn recognise(connection: &Connection, path: &Path) -> Result<usize, OpenError> {
    let sqlite = |error: rusqlite::Error| OpenError::sqlite(path, &error);
    let read = |pragma: &str| connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
    let version = read("user_version").map_err(sqlite)?;
    let application = read("application_id").map_err(sqlite)?;
    if application != APPLICATION_ID {
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(sqlite)?;
        if tables > 0 || application != 0 {
            return Err(OpenError::new(path, "it is a database of another program"));
        }
    }
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > MIGRATIONS.len() {
        return Err(OpenError::new(path, "it was written by a newer version of Kairos Hub"));
    }
    Ok(done)
}

/// Brings a database to the present version.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let sqlite = |error: rusqlite::Error| OpenError::sqlite(path, &error);
    let done = recognise(connection, path)?;
    if done == MIGRATIONS.len() {
        return Ok(());
    }
    let tx = connection.transaction().map_err(sqlite)?;
    for migration in MIGRATIONS.iter().skip(done) {
        tx.execute_batch(migration).map_err(sqlite)?;
    }
    tx.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}", MIGRATIONS.len()))
        .map_err(sqlite)?;
    tx.commit().map_err(sqlite)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use kairos_core::schema::{Kind, TABLES};

    use super::*;

    #[test]
    fn the_database_has_every_described_table_and_column_and_no_other() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, Path::new("memory")).unwrap();
        for table in TABLES {
            let mut statement = connection.prepare(&format!("PRAGMA table_info({})", table.name)).unwrap();
            let mut found: Vec<(String, String)> =
                statement.query_map([], |row| Ok((row.get(1)?, row.get(2)?))).unwrap().map(Result::unwrap).collect();
            let mut expected: Vec<(String, String)> =
                ["id", "scope", "user_id"].map(|name| (name.into(), "TEXT".into())).to_vec();
            expected.extend(table.columns.iter().map(|column| {
                let kind = match column.kind {
                    Kind::Text => "TEXT",
                    Kind::Integer => "INTEGER",
                    Kind::Real => "REAL",
                };
                (column.name.to_owned(), kind.to_owned())
            }));
            for (name, kind) in [
                ("created_at", "INTEGER"),
                ("updated_at", "INTEGER"),
                ("hlc", "TEXT"),
                ("deleted_at", "INTEGER"),
                ("extra", "TEXT"),
                ("_clk", "TEXT"),
            ] {
                expected.push((name.into(), kind.into()));
            }
            // A column that came later stands at the end.
            expected.sort();
            found.sort();
            assert_eq!(found, expected, "{}", table.name);
        }
    }

    #[test]
    fn a_foreign_or_newer_database_is_left_alone() {
        let mut foreign = Connection::open_in_memory().unwrap();
        foreign.execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(migrate(&mut foreign, Path::new("f")).unwrap_err().to_string().contains("another program"));
        let mut newer = Connection::open_in_memory().unwrap();
        migrate(&mut newer, Path::new("n")).unwrap();
        migrate(&mut newer, Path::new("n")).unwrap();
        newer.execute_batch("PRAGMA user_version = 999").unwrap();
        assert!(migrate(&mut newer, Path::new("n")).unwrap_err().to_string().contains("newer version"));
    }
}
