//! How a client's buckets stand: read from one snapshot, so that head, sums and write checkpoint belong together.

use std::collections::HashMap;

use kairos_core::ids::UserId;
use kairos_core::sync::bucket::{Name, Source};
use kairos_core::sync::lines::{self, Because, Listed, Told};

use super::plan::Planned;
use crate::store::buckets::Standing;
use crate::store::meta::Identity;
use crate::store::{Snapshot, StoreError};

/// A bucket of a client, as it was last told.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) source: Source,
    pub(super) priority: u8,
    because: Vec<Because>,
    pub(super) name: String,
    pub(super) standing: Standing,
    /// From where on its operations are in memory as they are in the log: before, they may have been compacted away.
    pub(super) whole_from: i64,
    /// How far the client has it.
    pub(super) sent: i64,
    /// Whether the client does not have all of the checkpoint yet.
    pub(super) due: bool,
}

/// What was read.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) head: i64,
    pub(super) write: i64,
    standings: Vec<Standing>,
}

impl Survey {
    /// Reads how buckets stand; what is known of them from an earlier head spares work.
    pub(super) fn read(
        snapshot: &Snapshot<'_>,
        (user, client): (&UserId, &str),
        buckets: &[(Source, Option<(i64, Standing)>)],
    ) -> Result<Self, StoreError> {
        let standings = buckets.iter().map(|(source, known)| snapshot.bucket_standing(source, *known));
        Ok(Self {
            standings: standings.collect::<Result<_, _>>()?,
            head: snapshot.head()?,
            write: snapshot.write_checkpoint(user, client)?,
        })
    }
}

/// The buckets of a client, and the checkpoint they were last told with.
#[derive(Debug)]
pub(super) struct Buckets {
    identity: Identity,
    pub(super) all: Vec<Bucket>,
    /// The place in the log of the last checkpoint.
    pub(super) head: i64,
    /// The place up to which the sums are.
    upto: i64,
    write: i64,
}

impl Buckets {
    /// From a plan and its first survey; `after` is what the client has.
    pub(super) fn new(identity: Identity, plan: Vec<Planned>, survey: &Survey, after: &HashMap<String, i64>) -> Self {
        let bucket = |(planned, standing): (Planned, &Standing)| {
            let name = name(&identity, &planned.source, standing.generation);
            Bucket {
                // Nobody has what is not there yet.
                whole_from: survey.head,
                sent: after.get(&name).map_or(0, |after| (*after).min(survey.head)),
                source: planned.source,
                priority: planned.priority,
                because: planned.because,
                name,
                standing: *standing,
                due: true,
            }
        };
        let all = plan.into_iter().zip(&survey.standings).map(bucket).collect();
        Self { all, identity, head: survey.head, upto: survey.head, write: survey.write }
    }

    /// What the next survey is to read.
    pub(super) fn known(&self) -> Vec<(Source, Option<(i64, Standing)>)> {
        self.all.iter().map(|bucket| (bucket.source.clone(), Some((self.upto, bucket.standing)))).collect()
    }

    /// The line of the first checkpoint.
    pub(super) fn checkpoint(&self, streams: &[Told]) -> String {
        let listed: Vec<Listed<'_>> = self.all.iter().map(Bucket::listed).collect();
        lines::checkpoint(self.head, self.write, &listed, streams)
    }

    /// Takes in a later survey; gives the line that tells what is different, if anything is.
    pub(super) fn renew(&mut self, survey: &Survey) -> Option<String> {
        let (mut updated, mut removed) = (Vec::new(), Vec::new());
        for (at, (bucket, standing)) in self.all.iter_mut().zip(&survey.standings).enumerate() {
            if bucket.standing == *standing {
                continue;
            }
            if bucket.standing.generation != standing.generation {
                let name = name(&self.identity, &bucket.source, standing.generation);
                removed.push(std::mem::replace(&mut bucket.name, name));
                (bucket.sent, bucket.whole_from) = (0, survey.head);
            }
            (bucket.standing, bucket.due) = (*standing, true);
            updated.push(at);
        }
        self.upto = survey.head;
        if updated.is_empty() && survey.write == self.write {
            return None;
        }
        (self.head, self.write) = (survey.head, survey.write);
        let listed: Vec<Listed<'_>> = updated.iter().filter_map(|at| self.all.get(*at)).map(Bucket::listed).collect();
        Some(lines::diff(self.head, self.write, &listed, &removed))
    }
}

impl Bucket {
    fn listed(&self) -> Listed<'_> {
        Listed {
            bucket: &self.name,
            checksum: self.standing.sum.checksum,
            count: self.standing.sum.count,
            priority: self.priority,
            subscriptions: &self.because,
        }
    }
}

fn name(identity: &Identity, source: &Source, generation: i64) -> String {
    Name { hub: &identity.hub_id, epoch: &identity.epoch, generation, source }.to_string()
}
