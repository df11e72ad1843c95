//! Rows the writer has at hand: habits and profiles are read at every press and seldom change.
//!
//! Only the writer writes, so what it knows is true until it writes the row itself. Whatever undoes a write (a
//! refused wish, a group that could not be committed, a database opened anew) makes it forget everything.

use std::collections::HashMap;
use std::sync::Arc;

use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::Table;
use rusqlite::Connection;

use super::rows;

/// How many rows are kept. Beyond, all are forgotten: they are quickly read again.
const MOST: usize = 512;

/// Sound rows by table and id.
#[derive(Default)]
pub(super) struct Known(HashMap<(&'static str, String), Arc<Row>>);

impl Known {
    /// A row as it is shown.
    pub(super) fn row(
        &mut self,
        connection: &Connection,
        table: &'static Table,
        id: &str,
    ) -> rusqlite::Result<Option<Arc<Row>>> {
        let key = (table.name, id.to_owned());
        if let Some(row) = self.0.get(&key) {
            return Ok(Some(row.clone()));
        }
        let Some(row) = rows::by_id(connection, table, id)? else { return Ok(None) };
        let row = Arc::new(repair::sound(row));
        if self.0.len() >= MOST {
            self.forget();
        }
        self.0.insert(key, row.clone());
        Ok(Some(row))
    }

    /// A row is about to be written.
    pub(super) fn changes(&mut self, row: &Row) {
        if !self.0.is_empty() {
            self.0.remove(&(row.table.name, row.id.clone()));
        }
    }

    /// Something was undone.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}
