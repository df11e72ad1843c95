//! Rows as they are stored, given to clients.

use kairos_core::principal::Principal;
use kairos_core::repair::parse_date;
use kairos_core::row::Row;
use kairos_core::schema::Table;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::error::ApiError;
use crate::store::StoreError;

/// How many rows a page has at most.
pub(super) const PAGE: usize = 200;

/// A row as stored: the columns of its table.
#[derive(Serialize, ToSchema)]
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
}

/// A page of a table's living rows that somebody may see.
pub(super) async fn page(api: &Api, by: &Principal, table: &'static Table, after: After) -> Result<RowPage, ApiError> {
    let (scopes, after) = (by.scopes.clone(), after.after.unwrap_or_default());
    let rows = api.store.read(move |snapshot| snapshot.rows_in(table, &scopes, &after, PAGE)).await?;
    let next = if rows.len() == PAGE { rows.last().map(|row| row.id.clone()) } else { None };
    Ok(RowPage { items: rows.iter().map(RowJson::from).collect(), next })
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
