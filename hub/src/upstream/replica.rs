//! One scope and the server: hello, what a verdict asks for, and then changes in both directions.
//!
//! Each step stores where it stands before the next begins; one that is cut anywhere is done again, and changes nothing twice.

use kairos_core::schema::{
    COMPLETION_EVENTS, COMPLETIONS, CONFLICTS, HOUSEHOLD_MEMBERS, HOUSEHOLDS, ID_ALIASES, TABLES, Table, USERS,
};
use kairos_core::scope::Scope;
use sqlx::PgConnection;

use super::fault::Fault;
use super::handshake::{self, Verdict};
use super::pull;
use super::push::{self, Manner, Pushed};
use super::session::Who;
use crate::commands::{Arrived, Commands, Stays, note_foreign};
use crate::store::{Link, Pending, Store, StoreError};

/// How many changes one push looks at.
const STRETCH: usize = if cfg!(test) { 5 } else { 2000 };

/// Carries rows of a scope between the store and the server.
pub(super) struct Replica<'a> {
    pub(super) store: &'a Store,
    pub(super) commands: &'a Commands,
    pub(super) who: &'a Who,
    pub(super) scope: Scope,
}

impl Replica<'_> {
    pub(super) async fn link(&self) -> Result<Link, StoreError> {
        let (scope, epoch) = (self.scope.clone(), self.store.identity().epoch.clone());
        let link = self.store.read(move |snapshot| snapshot.link(&scope, &epoch)).await?;
        Ok(link.unwrap_or_default())
    }

    async fn set_link(&self, link: &Link) -> Result<(), StoreError> {
        let (scope, epoch, link) = (self.scope.clone(), self.store.identity().epoch.clone(), link.clone());
        self.store.write(move |tx| tx.set_link(&scope, &epoch, &link)).await
    }

    /// Says hello; what is to be done about its verdict is stored with the new word, so that a crash cannot forget it.
    pub(super) async fn hello(&self, connection: &mut PgConnection) -> Result<Verdict, Fault> {
        let link = self.link().await?;
        let now = self.store.clock().now();
        let (verdict, link) = handshake::hello(connection, self.who, &self.scope, &link, now).await?;
        self.set_link(&link).await?;
        Ok(verdict)
    }

    /// Does what the last verdicts asked for, if anything is left of it.
    pub(super) async fn settle(&self, connection: &mut PgConnection) -> Result<(), Fault> {
        let link = self.link().await?;
        let Some(pending) = link.pending else { return Ok(()) };
        if pending != Pending::Gc {
            self.push_all(connection, pending == Pending::First).await?;
        }
        self.set_link(&Link { cursor: 0, ..self.link().await? }).await?;
        while self.pull(connection).await? {}
        if pending == Pending::Gc {
            self.put_in_trash(connection).await?;
            self.push_all(connection, false).await?;
        }
        self.set_link(&Link { pending: None, ..self.link().await? }).await?;
        Ok(())
    }

    /// What the server lacks, and was not changed here since it was pushed, was deleted there while this hub was away, or was lost
    /// there: nobody can tell. It goes to the trash, which is a deletion that stands under conflicts and can be taken back.
    async fn put_in_trash(&self, connection: &mut PgConnection) -> Result<(), Fault> {
        for table in TABLES.iter().copied().filter(|table| is_trashed(table)) {
            let there = pull::ids(connection, self.who, &self.scope, table).await?;
            let (scope, epoch) = (self.scope.clone(), self.store.identity().epoch.clone());
            let gone = self.store.write(move |tx| tx.put_in_trash(table, &scope, &epoch, &there)).await?;
            if gone > 0 {
                let table = table.name;
                tracing::warn!(
                    table,
                    rows = gone,
                    "Rows that the server does not have any more were put under conflicts."
                );
            }
        }
        Ok(())
    }

    /// Pushes every row there is, deleted ones too.
    async fn push_all(&self, connection: &mut PgConnection, first: bool) -> Result<(), Fault> {
        let head = self.store.feed().head();
        let mut after = (0, String::new());
        loop {
            let (scope, from) = (self.scope.clone(), after.clone());
            let page = self.store.read(move |snapshot| snapshot.all_rows(&scope, &from, STRETCH, first)).await?;
            let (rows, next) = page;
            let link = self.link().await?;
            let upto = if next.is_none() { head.max(link.pushed) } else { link.pushed };
            let pushed = push::push(connection, self.who, &self.scope, &link, (&rows, upto, Manner::Whole)).await?;
            self.landed(pushed, upto).await?;
            match next {
                Some(next) => after = next,
                None => return Ok(()),
            }
        }
    }

    /// Pushes the next stretch of changes; gives whether there may be more.
    pub(super) async fn push(&self, connection: &mut PgConnection) -> Result<bool, Fault> {
        let link = self.link().await?;
        let (scope, pushed) = (self.scope.clone(), link.pushed);
        let (compacted, batch) = self
            .store
            .read(move |snapshot| Ok((snapshot.compacted_to(&scope)?, snapshot.unpushed(&scope, pushed, STRETCH)?)))
            .await?;
        if link.pushed < compacted {
            // What was emptied may have held a change of ours behind one that came down.
            self.push_all(connection, false).await?;
            return Ok(true);
        }
        if batch.rows.is_empty() {
            if batch.upto > link.pushed {
                self.set_link(&Link { pushed: batch.upto, ..link }).await?;
            }
            return Ok(batch.more);
        }
        let manner = (batch.rows.as_slice(), batch.upto, Manner::Changes);
        let pushed = push::push(connection, self.who, &self.scope, &link, manner).await?;
        self.landed(pushed, batch.upto).await?;
        Ok(batch.more)
    }

    /// Stores what a push did.
    async fn landed(&self, pushed: Pushed, upto: i64) -> Result<(), StoreError> {
        for (table, id) in &pushed.foreign {
            tracing::warn!(
                table = table.name,
                id,
                "A row's id belongs to somebody else on the server; it stays on this hub only."
            );
        }
        let (scope, epoch) = (self.scope.clone(), self.store.identity().epoch.clone());
        let user = self.who.person.clone();
        self.store
            .write(move |tx| {
                for (table, id) in &pushed.foreign {
                    note_foreign(tx, (&scope, &user), (table, id), Stays::Here)?;
                }
                for landed in &pushed.landed {
                    tx.landed(landed)?;
                }
                tx.set_link(&scope, &epoch, &Link { pushed: upto, ..pushed.link })
            })
            .await
    }

    /// Pulls the next page; gives whether there may be more.
    pub(super) async fn pull(&self, connection: &mut PgConnection) -> Result<bool, Fault> {
        let link = self.link().await?;
        let page: Arrived = pull::page(connection, self.who, &self.scope, &link).await?;
        let more = !page.rows.is_empty();
        let taken = self.commands.replicate(page).await?;
        if taken.foreign > 0 {
            tracing::warn!(
                rows = taken.foreign,
                "Rows of the server have ids that belong to somebody else here; they stay there."
            );
        }
        Ok(more)
    }

    /// Does what the server has to tell; gives whether there may be more.
    pub(super) async fn listen(&self, connection: &mut PgConnection) -> Result<bool, Fault> {
        let link = self.link().await?;
        let news = pull::news(connection, self.who, &self.scope, link.cursor).await?;
        if news.is_dirty {
            self.set_link(&push::tidy(connection, self.who, &self.scope, &link).await?).await?;
        }
        Ok((news.is_ahead || news.is_dirty) && self.pull(connection).await?)
    }
}

/// Whether rows of a table may be put in the trash. Events and conflicts never leave the server, days follow from events, and
/// without a person or a household there would be nobody to take anything back.
fn is_trashed(table: &'static Table) -> bool {
    ![&COMPLETION_EVENTS, &COMPLETIONS, &CONFLICTS, &ID_ALIASES, &USERS, &HOUSEHOLDS, &HOUSEHOLD_MEMBERS]
        .contains(&table)
}
