#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod copies;
mod folder;
mod restores;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use kairos_core::change::{Cursor, Origin};
use kairos_core::ids::UserId;
use kairos_core::row::Row;
use kairos_core::schema::HABITS;
use kairos_core::scope::Scope;
use rusqlite::Connection;
use rusqlite::types::Value as Sql;

use super::restore::{Outcome, prepare};
use super::*;
use crate::auth::Auth;
use crate::auth::people::NewPerson;
use crate::auth::sessions::Channel;
use crate::clock::Clock;

/// 2026-11-24T10:00:00Z
const NOON: i64 = 1_795_514_400_000;
const HOUR: i64 = 3_600_000;

/// A data directory, and the store on it while it is open.
struct Home {
    dir: tempfile::TempDir,
    clock: Clock,
    board: Board,
    store: Store,
}

impl Home {
    async fn new() -> Self {
        let (dir, clock, board) = (tempfile::tempdir().unwrap(), Clock::manual(NOON), Board::default());
        let store = Store::open(dir.path(), clock.clone(), &board).await.unwrap();
        Self { dir, clock, board, store }
    }

    async fn reopen(&mut self) {
        self.store = Store::open(self.dir.path(), self.clock.clone(), &self.board).await.unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        names(self.dir.path())
    }

    /// Writes a habit; its id is its name.
    async fn habit(&self, id: &str) {
        write(&self.store, id).await;
    }

    fn backups(&self, every: Option<Duration>, keep: usize) -> Backups {
        let settings = Settings { folder: self.path("backups"), every, keep };
        Backups::new(settings, self.store.clone(), self.board.clone()).0
    }

    async fn backup(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        self.backups(None, 1).write(path.clone()).await.unwrap();
        path
    }

    /// Restores a file as a hub that was stopped.
    async fn restore(&mut self, file: &Path) -> Outcome {
        self.store.close().await;
        let outcome = prepare(self.dir.path(), file, &Stop::default()).unwrap().carry_out(self.clock.now()).unwrap().0;
        self.reopen().await;
        outcome
    }

    async fn habits(&self) -> Vec<String> {
        let found = self.store.read(|snapshot| snapshot.rows_in(&HABITS, &[scope()], "", 10_000)).await.unwrap();
        found.into_iter().map(|row| row.id).collect()
    }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn user() -> UserId {
    UserId::new("ada").unwrap()
}

fn scope() -> Scope {
    Scope::Person(user())
}

async fn write(store: &Store, id: &str) {
    let id = id.to_owned();
    store
        .write(move |tx| {
            let at = tx.tick();
            let mut row = Row::new(&HABITS, id.clone(), scope(), user(), tx.now());
            row.set("name", "a name that is long enough to fill a few pages of the database with it", &at);
            tx.put(&row, Origin::Local)
        })
        .await
        .unwrap();
}

/// Every row of every table.
fn content(path: &Path) -> BTreeMap<String, Vec<Vec<Sql>>> {
    let connection = verify::open(path).unwrap();
    let mut statement = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let tables: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let read = |table: String| {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let width = statement.column_count();
        let rows = statement.query_map([], |row| (0..width).map(|n| row.get(n)).collect()).unwrap();
        let mut rows: Vec<Vec<Sql>> = rows.map(Result::unwrap).collect();
        rows.sort_by_key(|row| format!("{row:?}"));
        (table, rows)
    };
    tables.into_iter().map(read).collect()
}

/// As [`content`], without what a restore makes anew.
fn lasting(path: &Path) -> BTreeMap<String, Vec<Vec<Sql>>> {
    let mut content = content(path);
    let anew = ["epoch", "node", "probe", "came_from", "write_checkpoint_floor"].map(|key| Sql::Text(key.into()));
    content.get_mut("meta").unwrap().retain(|row| !anew.contains(&row[0]));
    content
}
