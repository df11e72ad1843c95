//! Rows as they are stored, given to clients.

use kairos_core::principal::Principal;
use kairos_core::repair::parse_date;
use kairos_core::row::Row;
use kairos_core::schema::Table;
use kairos_core::scope::Scope;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::error::ApiError;
use crate::feed::Room;
use crate::store::{Snapshot, StoreError};

/// How many rows a page has at most.
pub(super) const PAGE: usize = 200;
/// How much text a page has, about, in bytes. A row may have some 60 KiB.
const PAGE_BYTES: usize = 1 << 20;
/// How many rows are read at a time.
const FEW: usize = 20;

/// A row as stored: the columns of its table.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d", "name": "Drink water", "kind": "measurable", "target_value": 8.0}))]
pub(super) struct RowJson {
    /// The columns.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    columns: serde_json::Map<String, serde_json::Value>,
}

impl From<&Row> for RowJson {
    fn from(row: &Row) -> Self {
        Self { columns: row.to_json() }
    }
}

/// A page of rows.
#[derive(Serialize, ToSchema)]
pub(super) struct RowPage {
    /// The rows.
    pub(super) items: Vec<RowJson>,
    /// Pass it as `after` for the next page; null on the last.
    pub(super) next: Option<String>,
}

/// Where a page begins.
#[derive(serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct After {
    /// The `next` of the last page.
    pub(super) after: Option<String>,
    /// How many at most, from 1 to 1000; a page may hold fewer.
    #[param(minimum = 1, maximum = 1000)]
    pub(super) limit: Option<u32>,
}

/// How many a page has: as many as are wanted, and at most as many as it holds.
pub(super) fn at_most(holds: usize, wanted: Option<u32>) -> Result<usize, ApiError> {
    match wanted {
        None => Ok(holds),
        Some(wanted @ 1..=1000) => Ok(holds.min(usize::try_from(wanted).unwrap_or(holds))),
        Some(_) => Err(ApiError::field("limit", "limit is from 1 to 1000.")),
    }
}

/// A page of a table's living rows that somebody may see.
pub(super) async fn page(api: &Api, by: &Principal, table: &'static Table, after: After) -> Result<RowPage, ApiError> {
    let most = at_most(PAGE, after.limit)?;
    let (scopes, after) = (by.scopes.clone(), after.after.unwrap_or_default());
    let (items, next) = api.store.read(move |snapshot| page_of(snapshot, table, &scopes, after, most)).await?;
    Ok(RowPage { items, next })
}

/// At most so many rows and about [`PAGE_BYTES`], read a few at a time; and the last one's id, if there may be more.
pub(in crate::http) fn page_of(
    snapshot: &Snapshot<'_>,
    table: &'static Table,
    scopes: &[Scope],
    mut after: String,
    most: usize,
) -> Result<(Vec<RowJson>, Option<String>), StoreError> {
    let (mut items, mut room) = (Vec::new(), Room(PAGE_BYTES));
    while items.len() < most {
        let few = FEW.min(most - items.len());
        let rows = snapshot.rows_in(table, scopes, &after, few)?;
        let last = rows.len() < few;
        for row in rows {
            if !room.takes(row.to_json_text().len()) {
                return Ok((items, Some(after)));
            }
            items.push(RowJson::from(&row));
            after = crate::store::place(&row);
        }
        if last {
            return Ok((items, None));
        }
    }
    Ok((items, Some(after)))
}

/// A living row that somebody may see, repaired; else the answer that tells nothing.
pub(super) async fn one(
    api: &Api,
    by: &Principal,
    table: &'static Table,
    id: &str,
    what: &'static str,
) -> Result<Row, ApiError> {
    let (id, by) = (id.to_owned(), by.clone());
    let found = api.store.read(move |snapshot| match snapshot.row(table, &id)? {
        Some(row) if row.deleted_at.is_none() && by.may_read(&row.scope) => Ok(kairos_core::repair::sound(row)),
        _ => Err(StoreError::Rejected(kairos_core::command::Rejection::not_found(what))),
    });
    Ok(found.await?)
}

/// Reads a date of a query or body; the error names the field.
pub(super) fn date(field: &str, text: &str) -> Result<kairos_core::day::Date, ApiError> {
    parse_date(text).ok_or_else(|| ApiError::field(field, format!("{field} is a day such as 2026-11-24.")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use kairos_core::command::{Command, Outcome, Wish};
    use kairos_core::ids::HabitId;
    use kairos_core::schema::HABITS;

    use super::*;

    #[tokio::test]
    async fn a_page_is_bounded_by_bytes_and_the_next_goes_on_behind_it() {
        use crate::{clock::Clock, commands::Commands, health::Board, store::Store};
        use kairos_core::{ids::UserId, principal::Via};
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Clock::manual(1), &Board::default()).await.unwrap();
        let commands = Commands::new(store.clone());
        let user = UserId::new("ada").unwrap();
        let by = Principal { scopes: vec![Scope::Person(user.clone())], user, via: Via::Session, admin: false };
        let heavy = format!("[\"{}\"]", "x".repeat(16 * 1024 - 4));
        for n in 0..80 {
            let fields =
                [("name", "Heavy"), ("subtasks", heavy.as_str())].map(|(name, value)| (name.into(), value.into()));
            let wish = Wish::AddHabit { id: HabitId::new(format!("h{n:03}")).unwrap(), fields: fields.into() };
            let id = kairos_core::ids::CommandId::new(format!("c{n}")).unwrap();
            assert_eq!(commands.submit(Command { id, by: by.clone(), wish }).await.unwrap().outcome, Outcome::Applied);
        }
        let (mut after, mut seen, mut pages) = (String::new(), Vec::new(), 0);
        loop {
            let (scopes, from) = (by.scopes.clone(), after.clone());
            let (items, next) =
                store.read(move |snapshot| page_of(snapshot, &HABITS, &scopes, from, PAGE)).await.unwrap();
            let text = serde_json::to_string(&items).unwrap();
            assert!(text.len() < PAGE_BYTES + 64 * 1024, "{}", text.len());
            seen.extend(items.into_iter().map(|row| row.columns["id"].as_str().unwrap().to_owned()));
            pages += 1;
            match next {
                Some(next) => after = next,
                None => break,
            }
        }
        assert_eq!(seen, (0..80).map(|n| format!("h{n:03}")).collect::<Vec<_>>());
        assert_eq!(pages, 2);

        // The log alike, from memory and from the database.
        let mut places = Vec::new();
        let mut from = 0;
        while from < store.feed().head() {
            let stretch = store.changes_after(from, Some(&by.scopes), 500).await.unwrap();
            assert!(stretch.changes.iter().map(|change| change.weight()).sum::<usize>() < PAGE_BYTES + 64 * 1024);
            places.extend(stretch.changes.iter().map(|change| change.seq));
            from = stretch.upto;
        }
        assert_eq!(places, (1..=80).collect::<Vec<_>>());
        let scopes = by.scopes.clone();
        let (first, all) =
            store.read(move |snapshot| snapshot.page_after(0, Some(&scopes), 500, PAGE_BYTES)).await.unwrap();
        assert!(!all && first.len() < 80);
    }
}
