//! Days that somebody asks for, in a query.

use kairos_core::day::Date;
use serde::Deserialize;

use super::error::ApiError;
use super::rows;

/// How many days a heatmap or a statistic may cover.
pub(super) const LONGEST: i64 = 3660;

/// From one day to another.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Span {
    /// The first day, `YYYY-MM-DD`.
    from: Option<String>,
    /// The last day; the present one when absent.
    to: Option<String>,
}

impl Span {
    /// The days meant: the last so many up to the present one when none are named.
    pub(super) fn days(&self, today: Date, usual: i64) -> Result<(Date, Date), ApiError> {
        let to = self.to.as_deref().map(|text| rows::date("to", text)).transpose()?.unwrap_or(today);
        let from = match &self.from {
            Some(text) => rows::date("from", text)?,
            None => kairos_core::plan::days_before(to, usual - 1),
        };
        let length = kairos_core::plan::days_between(from, to) + 1;
        if length < 1 {
            return Err(ApiError::field("to", "to is not before from."));
        }
        if length > LONGEST {
            return Err(ApiError::field("from", "At most ten years at a time."));
        }
        Ok((from, to))
    }
}

/// The same, page by page.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// The first day, `YYYY-MM-DD`; the `next` of the last page.
    from: Option<String>,
    /// The last day; the present one when absent.
    to: Option<String>,
    /// How many at most, from 1 to 1000; a page may hold fewer.
    #[param(minimum = 1, maximum = 1000)]
    pub(super) limit: Option<u32>,
}

impl Page {
    /// The days meant.
    pub(super) fn span(self) -> Span {
        Span { from: self.from, to: self.to }
    }
}
