//! What was set aside and is large: a note of it in the entry, which comes to every phone, and the whole beside it.

use kairos_core::change::Origin;
use kairos_core::row::Row;
use kairos_core::schema::CONFLICTS;
use kairos_core::upload::Written;
use serde_json::{Map, Value as Json};

use super::Uploader;
use super::quarantine::named;
use crate::store::{Snapshot, StoreError, Tx};

/// An operation larger than this, in bytes of JSON, is kept beside its entry.
pub(super) const LARGE: usize = 8 * 1024;
/// How much of a person's is kept so, in bytes. Beyond, what was settled goes first, the oldest first; then what is open: such
/// an entry is put away, and says what it was about. No queue waits for somebody to tidy up.
const MOST: i64 = if cfg!(test) { 1 << 20 } else { 64 << 20 };
/// Names the operation in a note. What comes with a column of this name is kept beside its entry whatever its size, so that
/// nothing is taken for a note that is none.
const NOTE: &str = "large";

/// The number of the operation a note stands for.
pub(super) fn noted(kept: &Json) -> Option<i64> {
    kept.get(NOTE)?.as_i64()
}

/// An operation of an entry as it came: what a note stands for, or what is there; `None` where it is kept no longer.
pub(crate) fn whole(snapshot: &Snapshot<'_>, entry: &str, kept: Json) -> Result<Option<Json>, StoreError> {
    match noted(&kept) {
        Some(n) => Ok(snapshot.large(entry, n)?.and_then(|text| serde_json::from_str(&text).ok())),
        None => Ok(Some(kept)),
    }
}

/// An operation on its way into an entry.
pub(super) struct Parcel<'a> {
    written: &'a Written,
    /// Its JSON, where it is to be kept beside the entry.
    text: Option<String>,
}

impl<'a> Parcel<'a> {
    pub(super) fn of(written: &'a Written) -> Self {
        let text = written.raw.to_string();
        let beside = text.len() > LARGE || written.raw.get(NOTE).is_some();
        Self { written, text: beside.then_some(text) }
    }

    /// What the entry holds of it.
    pub(super) fn put(self, tx: &mut Tx<'_>, uploader: &Uploader, entry: &str) -> Result<Json, StoreError> {
        let Some(text) = self.text else { return Ok(self.written.raw.clone()) };
        let n = tx.keep_large(&uploader.by.user, entry, &text)?;
        let mut note = Map::new();
        note.insert(NOTE.into(), n.into());
        note.insert("bytes".into(), text.len().into());
        let (table, id) = self.written.target();
        let op = self.written.raw.get("op").and_then(Json::as_str);
        for (name, word) in [("op", op), ("table", table), ("id", id)] {
            if let Some(word) = named(word, kairos_core::ids::MAX_ID) {
                note.insert(name.into(), word.into());
            }
        }
        Ok(note.into())
    }
}

impl Uploader {
    /// Makes room for a large operation, before it is known which entry it goes to.
    pub(super) fn make_room_beside(&mut self, tx: &mut Tx<'_>, parcel: &Parcel<'_>) -> Result<(), StoreError> {
        let Some(text) = &parcel.text else { return Ok(()) };
        let user = self.by.user.clone();
        let mut kept = match self.beside {
            Some(kept) => kept,
            None => tx.large_bytes(&user)?,
        };
        kept = kept.saturating_add(i64::try_from(text.len()).unwrap_or(i64::MAX));
        while kept > MOST {
            let settled = if self.all_open { None } else { tx.first_large(&user, true)? };
            // Looked for among all that is kept: once an upload, when there are none.
            self.all_open = settled.is_none();
            let Some(entry) = settled.map_or_else(|| tx.first_large(&user, false), |entry| Ok(Some(entry)))? else {
                break;
            };
            kept -= tx.forget_large(&entry, None)?;
            if let Some(row) = tx.row(&CONFLICTS, &entry)?.filter(|row| row.text("status") == "OPEN") {
                put_away(tx, row)?;
            }
        }
        self.beside = Some(kept);
        Ok(())
    }
}

/// Puts an open entry away that nobody has settled.
pub(super) fn put_away(tx: &mut Tx<'_>, mut entry: Row) -> Result<(), StoreError> {
    let at = tx.tick();
    entry.set("status", "DISMISSED", &at);
    entry.set("settled_at", tx.now(), &at);
    tx.put(&entry, Origin::Local).map(drop)
}
