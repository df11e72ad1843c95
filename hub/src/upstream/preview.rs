//! What a first merge would bring together, before anything travels: how many rows are here, there, and in both.

use futures_util::TryStreamExt as _;
use kairos_core::schema::{COMPLETIONS, HOUSEHOLDS, TABLES, Table, USERS};
use kairos_core::scope::Scope;
use serde::Serialize;
use sqlx::{AssertSqlSafe, PgConnection};

use super::fault::Fault;
use super::session;
use super::wire::SCHEMA;
use crate::store::{Seat, Standing, Store};

/// How many rows of ours are held at once.
const PAGE: usize = 2000;

/// What of a person or a household is here, there, and in both. Days are not counted: they follow from what was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Meeting {
    /// The person, or the household.
    pub id: String,
    /// What they are called, here or else there.
    pub name: Option<String>,
    /// How many living rows are here.
    pub rows_here: usize,
    /// How many living rows are there.
    pub rows_there: usize,
    /// How many rows are on both sides and live on one at least.
    pub in_both: usize,
    /// How many of those were changed on one side since, or deleted.
    pub differ: usize,
}

/// Compares a scope with the server's, as somebody of it; without a connection, with a server that has nothing of ours yet.
pub(super) async fn meet(
    connection: Option<&mut PgConnection>,
    store: &Store,
    scope: &Scope,
    seats: &[Seat],
) -> Result<Meeting, Fault> {
    let (id, named): (String, &'static Table) = match scope {
        Scope::Person(user) => (user.to_string(), &USERS),
        Scope::Household(household) => (household.to_string(), &HOUSEHOLDS),
    };
    let person = seats.first().map(|seat| seat.user.to_string()).unwrap_or_default();
    let mut meeting = Meeting { name: None, rows_here: 0, rows_there: 0, in_both: 0, differ: 0, id };
    let named_here = name(store, named, &meeting.id).await?;
    let Some(connection) = connection else {
        for table in compared() {
            let mut ours = Ours::of(store, scope, table);
            while let Some((_, _, lives)) = ours.next().await? {
                meeting.rows_here += usize::from(lives);
            }
        }
        return Ok(Meeting { name: named_here, ..meeting });
    };
    let mut tx = session::begin(connection, &person, true).await?;
    for table in compared() {
        let sql = format!(
            "SELECT id, hlc, deleted_at IS NULL FROM {SCHEMA}.{} WHERE scope = $1 ORDER BY id COLLATE \"C\"",
            table.name
        );
        let mut theirs = sqlx::query_as(AssertSqlSafe(sql)).bind(scope.to_string()).fetch(&mut *tx);
        let mut ours = Ours::of(store, scope, table);
        let mut here = ours.next().await?;
        let mut there: Option<Standing> = theirs.try_next().await?;
        loop {
            match (&here, &there) {
                (None, None) => break,
                (Some(one), other) if other.as_ref().is_none_or(|other| one.0 < other.0) => {
                    meeting.rows_here += usize::from(one.2);
                    here = ours.next().await?;
                }
                (one, Some(other)) if one.as_ref().is_none_or(|one| other.0 < one.0) => {
                    meeting.rows_there += usize::from(other.2);
                    there = theirs.try_next().await?;
                }
                (Some(one), Some(other)) => {
                    meeting.rows_here += usize::from(one.2);
                    meeting.rows_there += usize::from(other.2);
                    meeting.in_both += usize::from(one.2 || other.2);
                    meeting.differ += usize::from((one.2 || other.2) && one != other);
                    here = ours.next().await?;
                    there = theirs.try_next().await?;
                }
                _ => break,
            }
        }
    }
    meeting.name = match named_here {
        Some(name) => Some(name),
        None => {
            let sql = format!("SELECT {} FROM {SCHEMA}.{} WHERE id = $1", name_column(named), named.name);
            let found = sqlx::query_scalar(AssertSqlSafe(sql)).bind(&meeting.id).fetch_optional(&mut *tx).await?;
            found.flatten()
        }
    };
    tx.rollback().await?;
    Ok(meeting)
}

/// The tables whose rows are compared: all but the days.
fn compared() -> impl Iterator<Item = &'static Table> {
    TABLES.iter().copied().filter(|table| *table != &COMPLETIONS)
}

fn name_column(table: &'static Table) -> &'static str {
    if table == &USERS { "display_name" } else { "name" }
}

/// What somebody or a household is called here.
async fn name(store: &Store, table: &'static Table, id: &str) -> Result<Option<String>, Fault> {
    let id = id.to_owned();
    let read = move |snapshot: &crate::store::Snapshot<'_>| {
        Ok(snapshot.row(table, &id)?.map(|row| row.text(name_column(table))))
    };
    Ok(store.read(read).await?.filter(|name| !name.is_empty()))
}

/// Our rows of a table, in the order of their ids, a page at a time.
struct Ours<'a> {
    store: &'a Store,
    scope: &'a Scope,
    table: &'static Table,
    page: std::vec::IntoIter<Standing>,
    /// Where the next page begins; `None`: there is none.
    after: Option<String>,
}

impl<'a> Ours<'a> {
    fn of(store: &'a Store, scope: &'a Scope, table: &'static Table) -> Self {
        Self { store, scope, table, page: Vec::new().into_iter(), after: Some(String::new()) }
    }

    async fn next(&mut self) -> Result<Option<Standing>, Fault> {
        if let Some(next) = self.page.next() {
            return Ok(Some(next));
        }
        let Some(after) = self.after.take() else { return Ok(None) };
        let (table, scope) = (self.table, self.scope.clone());
        let page = self.store.read(move |snapshot| snapshot.standings(table, &scope, &after, PAGE)).await?;
        self.after = page.last().filter(|_| page.len() == PAGE).map(|last| last.0.clone());
        self.page = page.into_iter();
        Ok(self.page.next())
    }
}
