//! Which buckets a client gets, and what it is told about what it asked.

use kairos_core::schema::HABITS;
use kairos_core::scope::Scope;
use kairos_core::sync::bucket::{EVENTS, HOUSEHOLD, ME, Source, WATCH_RECENT, habit, month};
use kairos_core::sync::lines::{Because, Fault, Told};
use kairos_core::sync::request::Subscription;

use crate::store::{Snapshot, StoreError};

/// A bucket a client gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) source: Source,
    pub(super) because: Vec<Because>,
    pub(super) priority: u8,
}

/// All of them, and the streams as the checkpoint tells them.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) buckets: Vec<Planned>,
    pub(super) streams: Vec<Told>,
    /// Habits that were asked for and are not there: a phone may ask for what it has not uploaded yet.
    pub(super) awaited: Vec<String>,
}

impl Plan {
    /// Works it out for somebody who may see these scopes.
    pub(super) fn of(
        snapshot: &Snapshot<'_>,
        scopes: &[Scope],
        defaults: bool,
        subscriptions: &[Subscription],
    ) -> Result<Self, StoreError> {
        let mut plan = Self::default();
        if defaults {
            for name in [ME, HOUSEHOLD] {
                let theirs = of_stream(name, scopes);
                // Who is in no household does not hear of it.
                if theirs.is_empty() {
                    continue;
                }
                let told = plan.stream(name);
                for source in theirs {
                    plan.add(source, Because::Default(told), None);
                }
            }
        }
        for (at, wanted) in subscriptions.iter().enumerate() {
            let told = plan.stream(&wanted.stream);
            match found(snapshot, scopes, wanted)? {
                Ok(sources) => sources.into_iter().for_each(|s| plan.add(s, Because::Sub(at), wanted.priority)),
                Err(message) => {
                    let habit = habit(&wanted.parameters).filter(|_| wanted.stream == EVENTS);
                    plan.awaited.extend(habit.map(str::to_owned));
                    if let Some(told) = plan.streams.get_mut(told) {
                        told.errors.push(Fault { subscription: at, message });
                    }
                }
            }
        }
        plan.buckets.sort_by_key(|bucket| bucket.priority);
        Ok(plan)
    }

    /// The place of a stream among those that are told.
    fn stream(&mut self, name: &str) -> usize {
        if let Some(at) = self.streams.iter().position(|stream| stream.name == name) {
            return at;
        }
        let is_default = name == ME || name == HOUSEHOLD;
        self.streams.push(Told { name: name.to_owned(), is_default, errors: Vec::new() });
        self.streams.len() - 1
    }

    /// A bucket that is wanted twice is one, as urgent as the more urgent of the two.
    fn add(&mut self, source: Source, because: Because, priority: Option<u8>) {
        let priority = priority.unwrap_or_else(|| source.priority());
        match self.buckets.iter_mut().find(|bucket| bucket.source == source) {
            Some(bucket) => {
                bucket.because.push(because);
                bucket.priority = bucket.priority.min(priority);
            }
            None => self.buckets.push(Planned { source, because: vec![because], priority }),
        }
    }
}

/// The scopes of a stream everybody gets.
fn of_stream(name: &str, scopes: &[Scope]) -> Vec<Source> {
    let fits = |scope: &&Scope| matches!(scope, Scope::Person(_)) == (name == ME);
    scopes.iter().filter(fits).cloned().map(Source::Rows).collect()
}

/// What a subscription stands for, or why for nothing. A habit of somebody else is one that does not exist.
fn found(
    snapshot: &Snapshot<'_>,
    scopes: &[Scope],
    wanted: &Subscription,
) -> Result<Result<Vec<Source>, &'static str>, StoreError> {
    Ok(match wanted.stream.as_str() {
        name @ (ME | HOUSEHOLD) => Ok(of_stream(name, scopes)),
        EVENTS => match habit(&wanted.parameters) {
            None => Err("The parameter habit is the id of a habit."),
            Some(id) => {
                let scope = snapshot.row(&HABITS, id)?.map(|row| row.scope).filter(|scope| scopes.contains(scope));
                scope.map(|scope| vec![Source::Events(scope, id.to_owned())]).ok_or("There is no such habit.")
            }
        },
        WATCH_RECENT => match month(&wanted.parameters) {
            None => Err("The parameter month is a month such as 2026-11."),
            Some(month) => {
                let own = scopes.iter().filter(|scope| matches!(scope, Scope::Person(_)));
                Ok(own.map(|scope| Source::Month(scope.clone(), month.to_owned())).collect())
            }
        },
        _ => Err("There is no such stream."),
    })
}
