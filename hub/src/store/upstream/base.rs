//! Which clocks the server last had of what was changed here since: by them a loss is told from an edit that followed another.

use std::collections::{BTreeMap, HashSet};

use kairos_core::change::Origin;
use kairos_core::hlc::Hlc;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETION_EVENTS, CONFLICTS, ID_ALIASES, Table};
use kairos_core::scope::Scope;
use rusqlite::Connection;

use super::super::error::StoreError;
use super::super::reader::Snapshot;
use super::super::rows;
use super::super::tx::Tx;

/// The register that stands for all of a row that was made here and was never on the server.
const WHOLE: &str = "*";

/// Which clocks the server last had of what was changed here since. A register that is not named was not changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Base {
    /// Whether the row was made here, and the server had none of it.
    whole: bool,
    registers: BTreeMap<String, Option<Hlc>>,
}

impl Base {
    /// That of a row of which the server has seen nothing.
    #[must_use]
    pub fn unseen() -> Self {
        Self { whole: true, registers: BTreeMap::new() }
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.whole && self.registers.is_empty()
    }

    /// Whether a register was changed here by somebody who had not seen what the server has of it: its clock there is not the
    /// one it had then.
    #[must_use]
    pub fn is_unseen(&self, register: &str, theirs: &Hlc) -> bool {
        match self.registers.get(register) {
            Some(seen) => seen.as_ref() != Some(theirs),
            None => self.whole,
        }
    }
}

/// A version of a row that the server has now: what of ours is still unknown there?
#[derive(Debug)]
pub struct Landed {
    /// The table.
    pub table: &'static Table,
    /// The row.
    pub id: String,
    /// The clocks it has there.
    pub clocks: BTreeMap<std::borrow::Cow<'static, str>, Hlc>,
    /// Whether it is there exactly as it was here when it was read.
    pub as_read: bool,
}

/// Whether two people can write different things into a row of the table.
pub(super) fn can_differ(table: &'static Table) -> bool {
    table != &COMPLETION_EVENTS && table != &CONFLICTS && table != &ID_ALIASES
}

fn base(connection: &Connection, table: &str, id: &str) -> Result<Base, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT register, clock FROM upstream_base WHERE tbl = ?1 AND row_id = ?2")?;
    let mut found = statement.query((table, id))?;
    let mut base = Base::default();
    while let Some(row) = found.next()? {
        let (register, clock): (String, Option<String>) = (row.get(0)?, row.get(1)?);
        if register == WHOLE {
            base.whole = true;
        } else {
            base.registers.insert(register, clock.and_then(|clock| Hlc::parse(&clock).ok()));
        }
    }
    Ok(base)
}

impl Tx<'_> {
    /// Which clocks the server last had of a row.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn base(&self, table: &'static Table, id: &str) -> Result<Base, StoreError> {
        if can_differ(table) { base(self.connection, table.name, id) } else { Ok(Base::default()) }
    }

    /// Notes what the server has of a row now: of what is the same here nothing is unknown there, of the rest it is that.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn landed(&mut self, landed: &Landed) -> Result<(), StoreError> {
        let base = self.base(landed.table, &landed.id)?;
        if base.is_empty() {
            return Ok(());
        }
        let here = self.row(landed.table, &landed.id)?.map(|row| row.clocks).unwrap_or_default();
        self.forget_base(landed.table, &landed.id)?;
        for (register, clock) in &here {
            let there = landed.clocks.get(register);
            if there == Some(clock) || !(base.whole || base.registers.contains_key(register.as_ref())) {
                continue;
            }
            self.note_base(landed.table, &landed.id, register, there)?;
        }
        Ok(())
    }

    /// Notes what the server has of rows that were read when the log stood at `head`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn all_landed(&mut self, scope: &Scope, head: i64, all: &[Landed]) -> Result<(), StoreError> {
        let since = self.changed_since(scope, head)?;
        for landed in all {
            // What nobody changed since is the same on both sides: nothing of it is unknown there.
            if landed.as_read && !since.contains(&landed.id) {
                self.forget_base(landed.table, &landed.id)?;
            } else {
                self.landed(landed)?;
            }
        }
        Ok(())
    }

    /// The ids of what was changed after a place in the log, of whichever tables.
    fn changed_since(&self, scope: &Scope, head: i64) -> Result<HashSet<String>, StoreError> {
        let sql = "SELECT row_id FROM changes WHERE scope = ?1 AND seq > ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let found = statement.query_map((scope.to_string(), head), |row| row.get(0))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Notes, before a row is written here, what the server has of what changes.
    pub(in crate::store) fn note_bases(&mut self, row: &Row, origin: Origin) -> Result<(), StoreError> {
        if origin != Origin::Local || !*self.linked || !can_differ(row.table) {
            return Ok(());
        }
        let Some(before) = rows::by_id(self.connection, row.table, &row.id)? else {
            return self.note_base(row.table, &row.id, WHOLE, None);
        };
        for (register, clock) in &row.clocks {
            let earlier = before.clocks.get(register);
            if earlier != Some(clock) {
                self.note_base(row.table, &row.id, register, earlier)?;
            }
        }
        Ok(())
    }

    /// What was noted first stands: later changes are changes of the same, as the server sees it.
    fn note_base(
        &self,
        table: &'static Table,
        id: &str,
        register: &str,
        clock: Option<&Hlc>,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT OR IGNORE INTO upstream_base (tbl, row_id, register, clock) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute((table.name, id, register, clock.map(Hlc::to_string)))?;
        Ok(())
    }

    fn forget_base(&self, table: &'static Table, id: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("DELETE FROM upstream_base WHERE tbl = ?1 AND row_id = ?2")?
            .execute((table.name, id))?;
        Ok(())
    }
}

impl Snapshot<'_> {
    pub(super) fn base(&self, table: &'static Table, id: &str) -> Result<Base, StoreError> {
        if can_differ(table) { base(self.connection, table.name, id) } else { Ok(Base::default()) }
    }
}
