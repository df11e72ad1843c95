//! Days that an upload wrote: folded once, and what loses there unseen is noted.
//!
//! A thousand taps on one day are folded once, at the end of their upload. Two people who did not know of each other, or one
//! person with two phones, may write different things on one day: every deed stays as an event, amounts that are added add
//! up, and what neither shows nor counts any more stands under conflicts.

use std::collections::BTreeMap;

use kairos_core::day::Date;
use kairos_core::event::{AuthorClass, Event, Source, Verb};
use kairos_core::fold::{self, Status};
use kairos_core::hlc::Hlc;
use kairos_core::ids::HabitId;
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{COMPLETIONS, HABITS};
use kairos_core::upload::cell::{Deed, SHAPE, same};
use kairos_core::upload::place::Loss;
use kairos_core::upload::{Columns, Kind, Operation};
use serde_json::{Value as Json, json};

use super::super::record;
use super::{Uploader, quarantine};
use crate::store::{StoreError, Tx};

/// Days of one upload that got events and are not folded yet, by the id of the cell.
#[derive(Default)]
pub(super) struct Days {
    unfolded: BTreeMap<String, Unfolded>,
    /// The day of the present operation, as it was before it.
    kept: Option<(String, Option<Unfolded>)>,
    /// What was noted as lost, and by which operation of the upload.
    noted: Vec<(usize, String)>,
}

#[derive(Clone)]
struct Unfolded {
    habit: HabitId,
    date: Date,
    actor: String,
    /// The clock of the last event: what the same client writes next comes after it.
    last: Hlc,
    /// What stood there that the client did not know of.
    unseen: Option<Unseen>,
    /// How the client wished the day to be.
    wish: Wish,
    /// The operation that wrote it last, by its place in the upload.
    operation: usize,
}

/// How a client wishes a day to be.
#[derive(Clone, Default)]
pub(super) struct Wish {
    columns: Columns,
    /// Only adds to what is there.
    adds: bool,
}

impl Wish {
    pub(super) fn of(deed: &Deed, counted: bool) -> Self {
        let shape = match (deed.verb, deed.value) {
            (Verb::Add, _) => return Self { columns: Columns::new(), adds: true },
            (Verb::Set, Some(amount)) if counted => json!({ "amount": amount }),
            (Verb::Set, Some(amount)) if amount <= 0.0 => json!({ "type": null }),
            (Verb::Full | Verb::Set, _) => json!({ "type": Status::Full.as_str() }),
            (Verb::Partial, percent) => json!({ "type": Status::Partial.as_str(), "partial_percent": percent }),
            (Verb::Skip, _) => json!({ "type": Status::Skipped.as_str(), "skip_reason": deed.skip_reason }),
            (Verb::Lapse | Verb::Miss, _) => json!({ "type": Status::Missed.as_str() }),
            (Verb::Undo, _) => json!({ "type": null }),
        };
        let columns = shape.as_object().map(|shape| shape.clone().into_iter().collect()).unwrap_or_default();
        Self { columns, adds: false }
    }

    fn is_undo(&self) -> bool {
        self.columns.get("type").is_some_and(Json::is_null)
    }

    fn is_met(&self, stands: &Columns) -> bool {
        self.columns.iter().all(|(name, wished)| stands.get(name).is_some_and(|stands| same(stands, wished)))
    }
}

/// A day as it stood when a client wrote it that did not know.
#[derive(Clone)]
pub(super) struct Unseen {
    stood: Columns,
    /// When the last deed there was written.
    at: Hlc,
    /// The client said what it saw, and it was something else.
    contradicts: bool,
}

impl Unseen {
    /// What a client does not know of, that writes a day as this node; `None` when nothing of a person's is there but its own.
    pub(super) fn of(operation: &Operation, cell: Option<&Row>, events: &[Event], node: &str) -> Option<Self> {
        let deeds =
            events.iter().filter(|event| event.source.class() == AuthorClass::Person && event.verb != Verb::Miss);
        let last = deeds.max_by(|a, b| a.at.cmp(&b.at))?;
        if last.at.node() == node {
            return None;
        }
        let stood = shape(cell);
        let stands = cell.is_some_and(fold::stands);
        // The engine's note that a day passed is nobody's word.
        if stands
            && cell.and_then(|cell| Source::parse(&cell.text("source"))).map(Source::class) != Some(AuthorClass::Person)
        {
            return None;
        }
        // Who makes a day anew saw none; that one was taken back is nothing it contradicts.
        let contradicts = operation.previous.is_some() || (operation.kind == Kind::Put && stands);
        Some(Self { stood, at: last.at.clone(), contradicts })
    }

    /// What is lost of it, or of what was wished, now that the day stands so.
    fn loss(&self, stands: &Columns, wish: &Wish, written: &Hlc) -> Option<Loss> {
        let register = || "type".to_owned();
        if *stands == self.stood {
            let lost = !wish.is_met(stands);
            return lost.then(|| Loss {
                register: register(),
                lost: wish.columns.clone(),
                kept: stands.clone(),
                lost_at: written.clone(),
                kept_at: self.at.clone(),
            });
        }
        let was_there = !is_nothing(&self.stood);
        // What is added comes on top; what outlives a taking back is there.
        let kept = (wish.adds && was_there) || (wish.is_undo() && !is_nothing(stands));
        (self.contradicts && !kept).then(|| Loss {
            register: register(),
            lost: if was_there { self.stood.clone() } else { Columns::from([("type".to_owned(), Json::Null)]) },
            kept: stands.clone(),
            lost_at: self.at.clone(),
            kept_at: written.clone(),
        })
    }
}

fn is_nothing(shape: &Columns) -> bool {
    shape.get("type").is_none_or(Json::is_null)
}

/// How a cell stands, as its columns say.
fn shape(cell: Option<&Row>) -> Columns {
    let Some(cell) = cell.filter(|cell| fold::stands(cell)) else {
        return SHAPE.iter().map(|name| ((*name).to_owned(), Json::Null)).collect();
    };
    let shown = repair::shown(cell);
    SHAPE.iter().map(|name| ((*name).to_owned(), shown.look(name).to_json())).collect()
}

impl Days {
    /// Keeps how a day is before the operation that follows, lest that comes to nothing.
    pub(super) fn keep(&mut self, cell: &str) {
        self.kept = Some((cell.to_owned(), self.unfolded.get(cell).cloned()));
    }

    /// An operation came to nothing: the day is as it was kept.
    pub(super) fn put_back(&mut self) {
        match self.kept.take() {
            Some((cell, Some(day))) => drop(self.unfolded.insert(cell, day)),
            Some((cell, None)) => drop(self.unfolded.remove(&cell)),
            None => {}
        }
    }

    /// An operation was applied, or is about no day.
    pub(super) fn let_go(&mut self) {
        self.kept = None;
    }

    /// Whether a day is still to be folded.
    pub(super) fn has(&self, cell: &str) -> bool {
        self.unfolded.contains_key(cell)
    }

    /// The clock of the last event of a day that is still to be folded.
    pub(super) fn last(&self, cell: &str) -> Option<Hlc> {
        self.unfolded.get(cell).map(|day| day.last.clone())
    }

    /// What was noted as lost since this was asked last, and by which operation of the upload.
    pub(super) fn take_noted(&mut self) -> Vec<(usize, String)> {
        std::mem::take(&mut self.noted)
    }
}

/// A day that got an event.
pub(super) struct Written<'a> {
    pub(super) habit: &'a HabitId,
    pub(super) date: Date,
    pub(super) actor: &'a str,
    pub(super) at: Hlc,
    pub(super) wish: Wish,
    /// What stood there that the client did not know of; asked for the first event only.
    pub(super) unseen: Option<Unseen>,
}

impl Uploader {
    /// Notes that a day got an event and is to be folded.
    pub(super) fn wrote_day(&mut self, cell: &str, written: Written<'_>) {
        let Written { habit, date, actor, at, wish, unseen } = written;
        let operation = self.operation;
        if let Some(day) = self.days.unfolded.get_mut(cell) {
            (day.last, day.operation) = (at, operation);
            day.wish = if wish.adds && !day.wish.adds { std::mem::take(&mut day.wish) } else { wish };
            return;
        }
        let (habit, actor) = (habit.clone(), actor.to_owned());
        let day = Unfolded { habit, date, actor, last: at, unseen, wish, operation };
        self.days.unfolded.insert(cell.to_owned(), day);
    }

    /// Folds the days that got events.
    pub(super) fn fold_days(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        for (cell, day) in std::mem::take(&mut self.days.unfolded) {
            self.fold(tx, &cell, &day)?;
        }
        tx.let_days_go();
        Ok(())
    }

    fn fold(&mut self, tx: &mut Tx<'_>, cell: &str, day: &Unfolded) -> Result<(), StoreError> {
        // As the habit is by now: the same upload may have changed how it is measured.
        let Some(habit) = tx.row(&HABITS, day.habit.as_str())? else { return Ok(()) };
        record::refold(tx, &repair::sound(habit), day.date, &day.actor)?;
        let Some(unseen) = &day.unseen else { return Ok(()) };
        let Some(row) = tx.row(&COMPLETIONS, cell)? else { return Ok(()) };
        if let Some(loss) = unseen.loss(&shape(Some(&row)), &day.wish, &day.last) {
            let entry = quarantine::note_loss(tx, self, &row, &loss)?;
            self.days.noted.push((day.operation, entry));
        }
        Ok(())
    }
}
