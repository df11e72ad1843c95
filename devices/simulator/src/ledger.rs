//! What a button knows about each of its presses, for tests to compare with the hub's database.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::wire::{AckResult, PressId};

/// Everything a button knows about one press.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PressRecord {
    /// The device it was made on.
    #[serde(serialize_with = "as_text")]
    pub device_id: Arc<str>,
    /// Its name on the wire.
    pub press_id: PressId,
    /// Which button of the device.
    pub button: String,
    /// When it was first sent, for the stop watches below.
    #[serde(skip)]
    pub(crate) sent_at: Option<Instant>,
    /// How often it was sent, over all connections, duplicates on purpose included.
    pub sends: u32,
    /// How many PUBACKs came for it. One is enough: from a hub with its own broker it means saved.
    pub pubacks: u32,
    /// How many answers came on the `ack` topic.
    pub acks: u32,
    /// What the first answer said.
    pub result: Option<AckResult>,
    /// Gone with a restart of a device without flash, before any answer.
    pub lost: bool,
    /// From its first sending to its first PUBACK.
    #[serde(rename = "puback_us", serialize_with = "as_micros")]
    pub puback_after: Option<Duration>,
    /// From its first sending to its first answer.
    #[serde(rename = "ack_us", serialize_with = "as_micros")]
    pub ack_after: Option<Duration>,
}

fn as_micros<S: serde::Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => serializer.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)),
        None => serializer.serialize_none(),
    }
}

fn as_text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

impl PressRecord {
    /// Whether the hub promised to hold it, by PUBACK or by answer.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        self.pubacks > 0 || self.result.is_some_and(AckResult::is_saved)
    }

    /// Whether nothing more is expected for it.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.result.is_some() || self.lost
    }
}

/// Counts beside the presses themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Presses that found the queue full; they have no name and were never sent.
    pub refused: u64,
    /// Settled presses dropped from the record because it reached its limit.
    pub forgotten: u64,
    /// Answers for presses that are not in the record.
    pub stray_acks: u64,
    /// Messages from the hub that were not of the contract's shape.
    pub malformed: u64,
    /// Presses sent twice on purpose.
    pub duplicated: u64,
    /// Connections made.
    pub connections: u64,
    /// Subscriptions the hub refused.
    pub refused_subscriptions: u64,
    /// Restarts.
    pub reboots: u64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.refused += other.refused;
        self.forgotten += other.forgotten;
        self.stray_acks += other.stray_acks;
        self.malformed += other.malformed;
        self.duplicated += other.duplicated;
        self.connections += other.connections;
        self.refused_subscriptions += other.refused_subscriptions;
        self.reboots += other.reboots;
    }
}

/// The record of one button. At `limit` presses the oldest settled one is forgotten, and counted.
#[derive(Debug)]
pub(crate) struct ButtonLedger {
    device_id: Arc<str>,
    limit: usize,
    next: u64,
    records: BTreeMap<u64, PressRecord>,
    index: HashMap<PressId, u64>,
    pub(crate) counts: Counts,
}

impl ButtonLedger {
    pub(crate) fn new(device_id: Arc<str>, limit: usize) -> Self {
        Self { device_id, limit, next: 0, records: BTreeMap::new(), index: HashMap::new(), counts: Counts::default() }
    }

    pub(crate) fn pressed(&mut self, press_id: PressId, button: &str) {
        if self.records.len() >= self.limit {
            // Unsettled presses are as few as the queue holds, so this looks at few records.
            let oldest = self.records.iter().find(|(_, record)| record.is_settled());
            if let Some((key, press_id)) = oldest.map(|(key, record)| (*key, record.press_id)) {
                self.records.remove(&key);
                self.index.remove(&press_id);
                self.counts.forgotten += 1;
            }
        }
        let record = PressRecord {
            device_id: Arc::clone(&self.device_id),
            press_id,
            button: button.to_owned(),
            sent_at: None,
            sends: 0,
            pubacks: 0,
            acks: 0,
            result: None,
            lost: false,
            puback_after: None,
            ack_after: None,
        };
        self.records.insert(self.next, record);
        self.index.insert(press_id, self.next);
        self.next += 1;
    }

    pub(crate) fn get_mut(&mut self, press_id: PressId) -> Option<&mut PressRecord> {
        self.records.get_mut(self.index.get(&press_id)?)
    }
}

/// The records of a fleet at one moment.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Every press, button by button, in the order they were made.
    pub presses: Vec<PressRecord>,
    /// Counts over all buttons.
    pub counts: Counts,
}

impl Ledger {
    pub(crate) fn collect(&mut self, ledger: &ButtonLedger) {
        self.presses.extend(ledger.records.values().cloned());
        self.counts.add(&ledger.counts);
    }

    /// Names of all presses, as they stand on the wire.
    #[must_use]
    pub fn press_ids(&self) -> BTreeSet<String> {
        self.presses.iter().map(|press| press.press_id.to_string()).collect()
    }

    /// Presses the hub promised to hold: these must be in its database, each once.
    pub fn acknowledged(&self) -> impl Iterator<Item = &PressRecord> {
        self.presses.iter().filter(|press| press.is_acknowledged())
    }

    /// Presses that still wait for an answer.
    pub fn unanswered(&self) -> impl Iterator<Item = &PressRecord> {
        self.presses.iter().filter(|press| !press.is_settled())
    }

    /// How many first answers said this.
    #[must_use]
    pub fn answered(&self, result: AckResult) -> usize {
        self.presses.iter().filter(|press| press.result == Some(result)).count()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn id(n: u64) -> PressId {
        PressId { boot: 1, n }
    }

    #[test]
    fn at_its_limit_it_forgets_the_oldest_settled_press_and_counts_it() {
        let mut ledger = ButtonLedger::new("d".into(), 3);
        for n in 1..=3 {
            ledger.pressed(id(n), "1");
        }
        ledger.get_mut(id(2)).unwrap().result = Some(AckResult::Applied);
        ledger.pressed(id(4), "1");
        assert!(ledger.get_mut(id(1)).is_some(), "still waits");
        assert!(ledger.get_mut(id(2)).is_none());
        assert_eq!(ledger.counts.forgotten, 1);
        let mut all = Ledger::default();
        all.collect(&ledger);
        assert_eq!(all.presses.iter().map(|press| press.press_id.n).collect::<Vec<_>>(), [1, 3, 4]);
    }

    #[test]
    fn a_puback_or_an_answer_is_an_acknowledgement_and_a_refusal_is_not() {
        let mut ledger = ButtonLedger::new("d".into(), 9);
        for n in 1..=4 {
            ledger.pressed(id(n), "1");
        }
        ledger.get_mut(id(1)).unwrap().pubacks = 1;
        ledger.get_mut(id(2)).unwrap().result = Some(AckResult::Duplicate);
        ledger.get_mut(id(3)).unwrap().result = Some(AckResult::Rejected);
        let mut all = Ledger::default();
        all.collect(&ledger);
        assert_eq!(all.acknowledged().map(|press| press.press_id.n).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(all.unanswered().map(|press| press.press_id.n).collect::<Vec<_>>(), [1, 4]);
    }
}
