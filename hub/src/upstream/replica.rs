//! One scope and the server: hello, what a verdict asks for, and then changes in both directions.
//!
//! Each step stores where it stands before the next begins; one that is cut anywhere is done again, and changes nothing twice.

use std::collections::HashSet;

use futures_util::future::OptionFuture;
use kairos_core::schema::{
    COMPLETION_EVENTS, COMPLETIONS, CONFLICTS, HOUSEHOLD_MEMBERS, HOUSEHOLDS, ID_ALIASES, TABLES, Table, USERS,
};
use kairos_core::scope::Scope;
use sqlx::PgConnection;

use super::fault::Fault;
use super::handshake::{self, Verdict};
use super::pull;
use super::pulse::Pulse;
use super::push::{self, Manner, Pushed};
use super::session::{self, Who};
use crate::commands::{Arrived, Commands, Stays, note_foreign};
use crate::store::{Batch, Link, Outgoing, Pending, Place, Snapshot, Store, StoreError, Walk};

/// How many changes one push looks at.
const STRETCH: usize = if cfg!(test) { 5 } else { 1000 };

/// How many stretches are pushed before others have their turn.
const TURN: usize = if cfg!(test) { 2 } else { 8 };

/// Carries rows of a scope between the store and the server.
pub(super) struct Replica<'a> {
    pub(super) store: &'a Store,
    pub(super) commands: &'a Commands,
    pub(super) who: &'a Who,
    pub(super) pulse: &'a Pulse,
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
        let hello = handshake::hello(connection, self.who, &self.scope, &link);
        let (verdict, link) = session::step(hello).await?;
        let (scope, epoch) = (self.scope.clone(), self.store.identity().epoch.clone());
        let noted = self.store.write(move |tx| {
            if verdict != Verdict::Ok {
                // What was begun was begun with another state of it.
                tx.set_walk(&scope, None)?;
            }
            tx.set_link(&scope, &epoch, &link)
        });
        noted.await?;
        Ok(verdict)
    }

    /// Does what the last verdicts asked for, if anything is left of it.
    pub(super) async fn settle(&self, connection: &mut PgConnection) -> Result<(), Fault> {
        let link = self.link().await?;
        let Some(pending) = link.pending else { return Ok(()) };
        let begun = self.walk().await?;
        if pending != Pending::Gc && begun != Some(Walk::Pulling) {
            self.push_all(connection, pending == Pending::First).await?;
        }
        // After an absence what was pulled is judged before anything is pushed: where that has begun, this is done.
        if pending != Pending::Gc || !matches!(begun, Some(Walk::Pushing { .. })) {
            if begun != Some(Walk::Pulling) {
                let link = self.link().await?;
                // To a server that had nothing of it, the cursor went along with what was pushed.
                let cursor = if pending == Pending::First { link.cursor } else { 0 };
                self.stand(Link { cursor, ..link }, Some(Walk::Pulling)).await?;
            }
            while self.pull(connection).await? {}
        }
        if pending == Pending::Gc {
            if !matches!(begun, Some(Walk::Pushing { .. })) {
                self.put_in_trash(connection).await?;
            }
            self.push_all(connection, false).await?;
        }
        self.stand(Link { pending: None, ..self.link().await? }, None).await
    }

    /// Stores how the scope stands, and how far what was asked for has come.
    async fn stand(&self, link: Link, walk: Option<Walk>) -> Result<(), Fault> {
        let (scope, epoch) = (self.scope.clone(), self.store.identity().epoch.clone());
        let stored = self.store.write(move |tx| {
            tx.set_walk(&scope, walk.as_ref())?;
            tx.set_link(&scope, &epoch, &link)
        });
        Ok(stored.await?)
    }

    async fn walk(&self) -> Result<Option<Walk>, StoreError> {
        let scope = self.scope.clone();
        self.store.read(move |snapshot| snapshot.walk(&scope)).await
    }

    /// What the server lacks, and was not changed here since it was pushed, was deleted there while this hub was away, or was lost
    /// there: nobody can tell. It goes to the trash, which is a deletion that stands under conflicts and can be taken back.
    async fn put_in_trash(&self, connection: &mut PgConnection) -> Result<(), Fault> {
        for table in TABLES.iter().copied().filter(|table| is_trashed(table)) {
            let there = session::step(pull::ids(connection, self.who, &self.scope, table)).await?;
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

    /// Pushes every row there is, deleted ones too, from where it was cut, if it was; what comes next is read while the server
    /// works.
    async fn push_all(&self, connection: &mut PgConnection, first: bool) -> Result<(), Fault> {
        let (from, head) = match self.walk().await? {
            Some(Walk::Pushing { place, head }) => (place, head),
            _ => ((0, String::new()), self.store.feed().head()),
        };
        let mut page = self.page(from, first).await?;
        loop {
            let (at, (rows, next)) = page;
            let link = self.link().await?;
            let upto = if next.is_none() { head.max(link.pushed) } else { link.pushed };
            let batch = (rows.as_slice(), upto, Manner::Whole);
            let (pushed, ahead) = tokio::join!(
                session::step(push::push(connection, self.who, &self.scope, &link, batch)),
                OptionFuture::from(next.clone().map(|next| self.page(next, first))),
            );
            let walk = next.map(|place| Walk::Pushing { place, head });
            self.landed(pushed?, at, upto, Some(walk)).await?;
            self.pulse.moved(rows.len());
            match ahead {
                Some(ahead) => page = ahead?,
                None => return Ok(()),
            }
        }
    }

    /// The next rows of all, and where the log stood when they were read.
    async fn page(&self, after: Place, first: bool) -> Result<(i64, (Vec<Outgoing>, Option<Place>)), StoreError> {
        let (scope, most) = (self.scope.clone(), self.pulse.stretch(STRETCH));
        let read =
            move |snapshot: &Snapshot<'_>| Ok((snapshot.head()?, snapshot.all_rows(&scope, &after, most, first)?));
        self.store.read(read).await
    }

    /// Pushes the next stretches of changes; gives whether there may be more. Each is read while the server works on the one
    /// before.
    pub(super) async fn push(&self, connection: &mut PgConnection) -> Result<bool, Fault> {
        let mut link = self.link().await?;
        let (mut compacted, mut batch) = self.stretch(link.pushed).await?;
        for turn in 1.. {
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
            let goes_on = batch.more && turn < TURN;
            let changes = (batch.rows.as_slice(), batch.upto, Manner::Changes);
            let (pushed, ahead) = tokio::join!(
                session::step(push::push(connection, self.who, &self.scope, &link, changes)),
                OptionFuture::from(goes_on.then(|| self.stretch(batch.upto))),
            );
            link = self.landed(pushed?, batch.head, batch.upto, None).await?;
            self.pulse.moved(batch.rows.len());
            let Some(ahead) = ahead else { return Ok(batch.more) };
            let before = batch;
            (compacted, batch) = ahead?;
            self.read_again(&mut batch, &before).await?;
        }
        Ok(true)
    }

    /// The changes after a place, and up to where the log is emptied.
    async fn stretch(&self, pushed: i64) -> Result<(i64, Batch), StoreError> {
        let (scope, most) = (self.scope.clone(), self.pulse.stretch(STRETCH));
        let read = move |snapshot: &Snapshot<'_>| {
            Ok((snapshot.compacted_to(&scope)?, snapshot.unpushed(&scope, pushed, most)?))
        };
        self.store.read(read).await
    }

    /// Reads those rows of a batch again that were in the one before, too: what the server has of them is known only now.
    async fn read_again(&self, batch: &mut Batch, before: &Batch) -> Result<(), StoreError> {
        let earlier: HashSet<(&str, &str)> =
            before.rows.iter().map(|outgoing| (outgoing.row.table.name, outgoing.row.id.as_str())).collect();
        let is_earlier = |outgoing: &Outgoing| earlier.contains(&(outgoing.row.table.name, outgoing.row.id.as_str()));
        let (again, others): (Vec<Outgoing>, Vec<Outgoing>) =
            std::mem::take(&mut batch.rows).into_iter().partition(is_earlier);
        batch.rows = others;
        if !again.is_empty() {
            let scope = self.scope.clone();
            batch.rows.extend(self.store.read(move |snapshot| snapshot.again(&scope, again)).await?);
        }
        Ok(())
    }

    /// Stores what a push did with rows that were read when the log stood at `head`, and how far a walk has come with it.
    async fn landed(
        &self,
        pushed: Pushed,
        head: i64,
        upto: i64,
        walk: Option<Option<Walk>>,
    ) -> Result<Link, StoreError> {
        for (table, id) in &pushed.foreign {
            tracing::warn!(
                table = table.name,
                id,
                "A row's id belongs to somebody else on the server; it stays on this hub only."
            );
        }
        let (scope, epoch) = (self.scope.clone(), self.store.identity().epoch.clone());
        let user = self.who.person.clone();
        let mut link = Link { pushed: upto, ..pushed.link };
        let cursor = pushed.cursor.unwrap_or(link.cursor);
        if pushed.otherwise.is_empty() {
            link.cursor = cursor;
        }
        let stored = link.clone();
        self.store
            .write(move |tx| {
                for (table, id) in &pushed.foreign {
                    note_foreign(tx, (&scope, &user), (table, id), Stays::Here)?;
                }
                tx.all_landed(&scope, head, &pushed.landed)?;
                if let Some(walk) = &walk {
                    tx.set_walk(&scope, walk.as_ref())?;
                }
                tx.set_link(&scope, &epoch, &stored)
            })
            .await?;
        if link.cursor != cursor {
            // As if it had been pulled, without what is the same on both sides.
            link.cursor = cursor;
            let scope = self.scope.clone();
            let (by, rows) = (self.who.person.clone(), pushed.otherwise.into_iter().map(|row| (row, false)).collect());
            let (unreadable, more) = (Vec::new(), false);
            self.commands.replicate(Arrived { scope, by, rows, unreadable, more, link: link.clone() }).await?;
        }
        Ok(link)
    }

    /// Pulls the next page; gives whether there may be more.
    pub(super) async fn pull(&self, connection: &mut PgConnection) -> Result<bool, Fault> {
        let link = self.link().await?;
        let most = self.pulse.stretch(pull::PAGE);
        let page: Arrived = session::step(pull::page(connection, self.who, &self.scope, &link, most)).await?;
        let (more, count) = (page.more, page.rows.len());
        let taken = self.commands.replicate(page).await?;
        if taken.foreign > 0 {
            tracing::warn!(
                rows = taken.foreign,
                "Rows of the server have ids that belong to somebody else here; they stay there."
            );
        }
        self.pulse.moved(count);
        Ok(more)
    }

    /// Does what the server has to tell; gives whether there may be more.
    pub(super) async fn listen(&self, connection: &mut PgConnection) -> Result<bool, Fault> {
        let link = self.link().await?;
        let news = session::step(pull::news(connection, self.who, &self.scope, &link)).await?;
        if news.is_dirty {
            let tidied = session::step(push::tidy(connection, self.who, &self.scope, &link)).await?;
            self.set_link(&tidied).await?;
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
