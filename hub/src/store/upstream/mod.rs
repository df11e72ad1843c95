//! How each scope stands with the server: [`base`], which clocks that last had of what was changed here since; [`outgoing`],
//! what is to be pushed; [`walk`], how far a whole push or pull has come.

mod base;
mod outgoing;
mod walk;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use kairos_core::change::Origin;
use kairos_core::ids::{HouseholdId, UserId};
use kairos_core::loss::Lost;
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{HOUSEHOLD_MEMBERS, Table};
use kairos_core::scope::Scope;
use rusqlite::{Connection, OptionalExtension};

pub use base::{Base, Landed};
pub use outgoing::{Batch, Outgoing, Place, Standing};
pub use walk::Walk;

use super::error::StoreError;
use super::reader::Snapshot;
use super::rows;
use super::tx::Tx;

/// Under which the server's address stands in `meta`; empty: there is none.
const SERVER: &str = "server";
/// Under which the authorities stand that it is checked with; empty: those of its address, if any.
const SERVER_CA: &str = "server_ca";

/// What is to be done before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// Everything is pushed, to a server that has seen nothing of this hub, and then pulled.
    First,
    /// Everything is pushed again, and then pulled: the server was set back.
    Full,
    /// Everything is pulled, and what the server lacks is judged: this hub was away for longer than deletions are kept.
    Gc,
}

impl Pending {
    fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Full => "full",
            Self::Gc => "gc",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::First, Self::Full, Self::Gc].into_iter().find(|pending| pending.as_str() == word)
    }
}

/// How a scope stands with the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Link {
    /// Up to which of the server's numbers its rows were taken in.
    pub cursor: i64,
    /// Up to which of our changes its rows were pushed.
    pub pushed: i64,
    /// The highest of our changes that this server was ever told of.
    pub high: i64,
    /// The word that the server knows, too.
    pub fence: Option<String>,
    /// What is to be done before anything else.
    pub pending: Option<Pending>,
}

/// Somebody's place in a household.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// Who.
    pub user: UserId,
    /// Whether they may say who belongs to it.
    pub admin: bool,
    /// They belong to it no more.
    pub left: bool,
}

impl Seat {
    fn of(row: Row) -> Self {
        let row = repair::sound(row);
        Self { admin: row.text("role") == "admin", left: row.deleted_at.is_some(), user: row.user_id }
    }
}

/// Whether the hub has ever been linked with a server.
pub(super) fn is_linked(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM upstream_scopes LIMIT 1")?.exists([])
}

fn link(connection: &Connection, scope: &Scope, epoch: &str) -> rusqlite::Result<Option<Link>> {
    let mut statement = connection
        .prepare_cached("SELECT epoch, cursor, pushed, high, fence, pending FROM upstream_scopes WHERE scope = ?1")?;
    let found = statement.query_row([scope.to_string()], |row| {
        let link = Link {
            cursor: row.get(1)?,
            pushed: row.get(2)?,
            high: row.get(3)?,
            fence: row.get(4)?,
            pending: row.get::<_, Option<String>>(5)?.and_then(|word| Pending::parse(&word)),
        };
        Ok((row.get::<_, String>(0)?, link))
    });
    Ok(found.optional()?.map(|(of, link)| {
        // To the server a restored database is another hub, of which it has seen nothing.
        if of == epoch { link } else { Link { high: 0, fence: None, ..link } }
    }))
}

/// The server that an administrator connected, read beside a hub that may be running: its address, its password included, and
/// the authorities it is checked with.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database cannot be read.
pub(crate) fn server_beside(database: &Path) -> Result<Option<(String, Option<String>)>, StoreError> {
    Snapshot { connection: &super::reader::connect(database)? }.server()
}

impl Tx<'_> {
    /// How a scope stands with the server; `None`: it was never linked.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn link(&self, scope: &Scope, epoch: &str) -> Result<Option<Link>, StoreError> {
        Ok(link(self.connection, scope, epoch)?)
    }

    /// Notes how a scope stands with the server. From the first on, the hub notes what it changes.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn set_link(&mut self, scope: &Scope, epoch: &str, link: &Link) -> Result<(), StoreError> {
        let pending = link.pending.map(Pending::as_str);
        self.connection
            .prepare_cached(
                "INSERT INTO upstream_scopes (scope, epoch, cursor, pushed, high, fence, pending) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (scope) DO UPDATE SET epoch = ?2, cursor = ?3, pushed = ?4, high = ?5, fence = ?6, pending = ?7",
            )?
            .execute((scope.to_string(), epoch, link.cursor, link.pushed, link.high, &link.fence, pending))?;
        // The log is kept for it as for any other outlet.
        self.connection
            .prepare_cached(
                "INSERT INTO cursors (outlet, scope, epoch, seq) VALUES ('upstream', ?1, ?2, ?3)
                 ON CONFLICT (outlet, scope) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq",
            )?
            .execute((scope.to_string(), epoch, link.pushed))?;
        *self.linked = true;
        Ok(())
    }

    /// Notes the address of the server that an administrator connected, its password included; another one has seen nothing
    /// of this hub.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn set_server(&mut self, url: Option<&str>, ca: Option<&str>) -> Result<(), StoreError> {
        let before = super::meta::get(self.connection, SERVER)?.filter(|before| !before.is_empty());
        if before.as_deref() != url {
            self.unlink()?;
        }
        super::meta::set(self.connection, SERVER_CA, ca.unwrap_or_default())?;
        Ok(super::meta::set(self.connection, SERVER, url.unwrap_or_default())?)
    }

    fn unlink(&mut self) -> Result<(), StoreError> {
        self.connection.execute("DELETE FROM upstream_scopes", [])?;
        self.connection.execute("DELETE FROM upstream_base", [])?;
        self.connection.execute("DELETE FROM cursors WHERE outlet = 'upstream'", [])?;
        let walks = format!("{}%", walk::WALK);
        self.connection.execute("DELETE FROM meta WHERE key LIKE ?1", [walks])?;
        *self.linked = false;
        Ok(())
    }

    /// Deletes the living rows of a scope that are not among those and were not changed since they were pushed, and keeps each
    /// under conflicts, from where it can be had back; gives how many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not work.
    pub fn put_in_trash(
        &mut self,
        table: &'static Table,
        scope: &Scope,
        epoch: &str,
        there: &HashSet<String>,
    ) -> Result<usize, StoreError> {
        let pushed = self.link(scope, epoch)?.unwrap_or_default().pushed;
        let condition = "WHERE scope = ?1 AND deleted_at IS NULL AND id NOT IN
            (SELECT row_id FROM changes WHERE scope = ?1 AND tbl = ?2 AND seq > ?3 AND origin <> 'upstream')";
        let candidates = rows::select(self.connection, table, condition, (scope.to_string(), table.name, pushed))?;
        let mut gone = 0;
        for mut row in candidates.into_iter().filter(|row| !there.contains(&row.id)) {
            let before = row.hlc().cloned();
            let at = self.tick();
            row.set_deleted(Some(self.now()), &at);
            self.put(&row, Origin::Local)?;
            if let Some(before) = before {
                self.put(&Lost::of_row(&row, &before).entry(&row), Origin::Local)?;
            }
            gone += 1;
        }
        Ok(gone)
    }
}

impl Snapshot<'_> {
    /// How a scope stands with the server; `None`: it was never linked.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn link(&self, scope: &Scope, epoch: &str) -> Result<Option<Link>, StoreError> {
        Ok(link(self.connection, scope, epoch)?)
    }

    /// The address of the server that an administrator connected, its password included, and the authorities it is checked
    /// with.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn server(&self) -> Result<Option<(String, Option<String>)>, StoreError> {
        let read = |key| Ok::<_, StoreError>(super::meta::get(self.connection, key)?.filter(|text| !text.is_empty()));
        read(SERVER)?.map(|url| Ok((url, read(SERVER_CA)?))).transpose()
    }

    /// The scopes that are replicated, each with the people of this hub who may speak for it: those of everybody who has an
    /// account here, and of their households.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn replicated(&self) -> Result<BTreeMap<Scope, Vec<Seat>>, StoreError> {
        let mut scopes: BTreeMap<Scope, Vec<Seat>> = BTreeMap::new();
        for account in self.accounts()? {
            for row in rows::select(self.connection, &HOUSEHOLD_MEMBERS, "WHERE user_id = ?1", [account.user.as_str()])?
            {
                if let Scope::Household(_) = &row.scope {
                    scopes.entry(row.scope.clone()).or_default().push(Seat::of(row));
                }
            }
            let own = Seat { user: account.user.clone(), admin: false, left: false };
            scopes.insert(Scope::Person(account.user), vec![own]);
        }
        Ok(scopes)
    }

    /// Everybody who belongs to a household, and who left it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn seats(&self, household: &HouseholdId) -> Result<Vec<Seat>, StoreError> {
        let scope = Scope::Household(household.clone()).to_string();
        let found = rows::select(self.connection, &HOUSEHOLD_MEMBERS, "WHERE scope = ?1", [scope])?;
        Ok(found.into_iter().map(Seat::of).collect())
    }
}
