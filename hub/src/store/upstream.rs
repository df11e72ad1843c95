//! How each scope stands with the server, and which clocks the server last had of what was changed here since.

use std::collections::{BTreeMap, HashSet};

use kairos_core::change::Origin;
use kairos_core::hlc::Hlc;
use kairos_core::ids::UserId;
use kairos_core::loss::Lost;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETION_EVENTS, COMPLETIONS, CONFLICTS, HOUSEHOLD_MEMBERS, ID_ALIASES, TABLES, Table};
use kairos_core::scope::Scope;
use rusqlite::{Connection, OptionalExtension};

use super::error::StoreError;
use super::reader::Snapshot;
use super::rows;
use super::tx::Tx;

/// The register that stands for all of a row that was made here and was never on the server.
const WHOLE: &str = "*";

/// Under which the server's address stands in `meta`; empty: there is none.
const SERVER: &str = "server";

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
}

/// Whether two people can write different things into a row of the table.
fn can_differ(table: &'static Table) -> bool {
    table != &COMPLETION_EVENTS && table != &CONFLICTS && table != &ID_ALIASES
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
    pub fn set_server(&mut self, url: Option<&str>) -> Result<(), StoreError> {
        let before = super::meta::get(self.connection, SERVER)?.filter(|before| !before.is_empty());
        if before.as_deref() != url {
            self.unlink()?;
        }
        Ok(super::meta::set(self.connection, SERVER, url.unwrap_or_default())?)
    }

    fn unlink(&mut self) -> Result<(), StoreError> {
        self.connection.execute("DELETE FROM upstream_scopes", [])?;
        self.connection.execute("DELETE FROM upstream_base", [])?;
        self.connection.execute("DELETE FROM cursors WHERE outlet = 'upstream'", [])?;
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

    /// Notes, before a row is written here, what the server has of what changes.
    pub(super) fn note_bases(&mut self, row: &Row, origin: Origin) -> Result<(), StoreError> {
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

/// A row on its way to the server, and what that last had of it.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The row as it stands.
    pub row: Row,
    /// What the server last had of what was changed here.
    pub base: Base,
}

/// A stretch of what is to be pushed.
#[derive(Debug, Default)]
pub struct Batch {
    /// The rows as they stand, each once.
    pub rows: Vec<Outgoing>,
    /// Up to which of our changes that is all.
    pub upto: i64,
    /// Whether more follows.
    pub more: bool,
}

/// Where a walk through all rows of a scope stands: a table, in the order of the walk, and an id in it.
pub type Place = (usize, String);

impl Snapshot<'_> {
    /// How a scope stands with the server; `None`: it was never linked.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn link(&self, scope: &Scope, epoch: &str) -> Result<Option<Link>, StoreError> {
        Ok(link(self.connection, scope, epoch)?)
    }

    /// The address of the server that an administrator connected, its password included.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn server(&self) -> Result<Option<String>, StoreError> {
        Ok(super::meta::get(self.connection, SERVER)?.filter(|url| !url.is_empty()))
    }

    /// The scopes that are replicated, each with a person of this hub who may see it: those of everybody who has an account here,
    /// and of their households.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn replicated(&self) -> Result<BTreeMap<Scope, UserId>, StoreError> {
        let mut scopes = BTreeMap::new();
        for account in self.accounts()? {
            let own = self.rows_where(&HOUSEHOLD_MEMBERS, "user_id", account.user.as_str())?;
            for member in own {
                if let Scope::Household(_) = &member.scope {
                    scopes.insert(member.scope, account.user.clone());
                }
            }
            scopes.insert(Scope::Person(account.user.clone()), account.user);
        }
        Ok(scopes)
    }

    /// Up to where changes of a scope were emptied or have left the log: from before that it does not lead on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn compacted_to(&self, scope: &Scope) -> Result<i64, StoreError> {
        let sql = "SELECT coalesce(max(compacted), 0) FROM buckets WHERE scope = ?1";
        Ok(self.connection.prepare_cached(sql)?.query_row([scope.to_string()], |row| row.get(0))?)
    }

    /// How many changes of a scope are not pushed yet, at most `most`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn count_unpushed(&self, scope: &Scope, pushed: i64, most: usize) -> Result<usize, StoreError> {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM changes WHERE scope = ?1 AND seq > ?2 AND op <> 'MOVE'
                   AND origin <> 'upstream' LIMIT ?3)";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let params = (scope.to_string(), pushed, most);
        let count: i64 = self.connection.prepare_cached(sql)?.query_row(params, |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// What of a scope was changed here after a place in the log: the rows as they stand now, of at most `most` changes.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn unpushed(&self, scope: &Scope, pushed: i64, most: usize) -> Result<Batch, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT seq, tbl, row_id, origin FROM changes WHERE scope = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        )?;
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        let mut found = statement.query((scope.to_string(), pushed, limit))?;
        let mut batch = Batch { upto: pushed, ..Batch::default() };
        let mut seen = HashSet::new();
        let mut count = 0;
        while let Some(change) = found.next()? {
            count += 1;
            batch.upto = change.get(0)?;
            let (table, id): (String, String) = (change.get(1)?, change.get(2)?);
            let theirs = change.get_ref(3)?.as_str().map_err(rusqlite::Error::from)? == Origin::Upstream.as_str();
            let Some(table) = Table::named(&table).filter(|_| !theirs) else { continue };
            if !seen.insert((table.name, id.clone())) {
                continue;
            }
            // Of another scope is what was moved by hand, or by a version that knows more.
            if let Some(row) = self.row(table, &id)?.filter(|row| row.scope == *scope) {
                let base = self.base(table, &id)?;
                batch.rows.push(Outgoing { row, base });
            }
        }
        batch.more = count == most;
        if !batch.more {
            // What other scopes wrote is none of its.
            batch.upto = self.head()?.max(batch.upto);
        }
        Ok(batch)
    }

    /// The next rows of a scope, deleted ones too, table by table in the order of their ids; after `after`, which is a table
    /// and an id. `first`: to a server that has seen nothing of them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn all_rows(
        &self,
        scope: &Scope,
        after: &Place,
        most: usize,
        first: bool,
    ) -> Result<(Vec<Outgoing>, Option<Place>), StoreError> {
        let (mut place, mut id) = after.clone();
        let mut found = Vec::new();
        // Days last: they follow from all the others.
        let others = TABLES.iter().copied().filter(|table| *table != &COMPLETIONS);
        let order: Vec<&'static Table> = others.chain([&COMPLETIONS]).collect();
        while let Some(table) = order.get(place).copied() {
            let room = most - found.len();
            let condition = "WHERE +scope = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
            let limit = i64::try_from(room).unwrap_or(i64::MAX);
            let page = rows::select(self.connection, table, condition, (scope.to_string(), &id, limit))?;
            let full = page.len() == room;
            for row in page {
                id.clone_from(&row.id);
                let base = if first && can_differ(table) { Base::unseen() } else { self.base(table, &row.id)? };
                found.push(Outgoing { row, base });
            }
            if full {
                return Ok((found, Some((place, id))));
            }
            (place, id) = (place + 1, String::new());
        }
        Ok((found, None))
    }

    fn base(&self, table: &'static Table, id: &str) -> Result<Base, StoreError> {
        if can_differ(table) { base(self.connection, table.name, id) } else { Ok(Base::default()) }
    }
}
