//! How far doing what a verdict of the server asked for has come, so that what cuts it costs a stretch and not all.

use kairos_core::scope::Scope;
use serde::{Deserialize, Serialize};

use super::super::error::StoreError;
use super::super::meta;
use super::super::reader::Snapshot;
use super::super::tx::Tx;
use super::Place;

/// Under which it stands in `meta`, before the scope; empty: nothing was begun.
pub(super) const WALK: &str = "walk ";

/// How far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Walk {
    /// Every row is pushed, and was up to here.
    Pushing {
        /// The last row that was.
        place: Place,
        /// Where our log stood when it began: what was written since is pushed afterwards.
        head: i64,
    },
    /// Everything is pulled, from the beginning up to the cursor.
    Pulling,
}

impl Tx<'_> {
    /// Notes how far it has come; `None`: it is done, or to be begun.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be written.
    pub fn set_walk(&mut self, scope: &Scope, walk: Option<&Walk>) -> Result<(), StoreError> {
        let text = walk.and_then(|walk| serde_json::to_string(walk).ok()).unwrap_or_default();
        Ok(meta::set(self.connection, &format!("{WALK}{scope}"), &text)?)
    }
}

impl Snapshot<'_> {
    /// How far it has come.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub fn walk(&self, scope: &Scope) -> Result<Option<Walk>, StoreError> {
        let text = meta::get(self.connection, &format!("{WALK}{scope}"))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }
}
