//! The life of one stream: a checkpoint, what leads up to it, and whatever follows.
//!
//! It is pulled: nothing is read from the log before the client took what was sent, and one that takes nothing is cut
//! off by its connection (`net/stream`). A checkpoint that a later change has overtaken is not completed; a diff follows.

use std::time::Duration;

use bytes::Bytes;
use kairos_core::Millis;
use kairos_core::ids::UserId;
use kairos_core::schema::HABITS;
use kairos_core::scope::Scope;
use kairos_core::sync::bucket::Source;
use kairos_core::sync::lines::{self, Data};
use kairos_core::sync::request::Request;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::gzip::Gzip;
use super::plan::Plan;
use super::streams::Place;
use super::survey::{Buckets, Survey};
use crate::auth::{Access, Auth, Client};
use crate::store::buckets::Page;
use crate::store::{Store, StoreError};

/// How often the client hears that the hub is still there, more or less.
const ALIVE: Duration = Duration::from_secs(20);
/// How long before its token runs out the client is told so.
const WARNING: Millis = 20_000;
/// What a client hears whose token does not run out: more than the thirty seconds at which it would ask for a new one.
const FOR_LONG: i64 = 900;
/// Lines that are ready together go out together, up to about so many bytes.
const TOGETHER: usize = 64 * 1024;
/// What takes longer to compress than others should wait.
const LARGE: usize = 16 * 1024;

/// One stream.
pub(super) struct Session {
    access: Access,
    place: Place,
    work: Work,
    gzip: Option<Gzip>,
    over: bool,
}

/// What a stream does.
struct Work {
    store: Store,
    user: UserId,
    client: String,
    raw: bool,
    buckets: Buckets,
    scopes: Vec<Scope>,
    /// Habits that will be more buckets once they are there.
    awaited: Vec<String>,
    /// One of them came.
    arrived: bool,
    /// Encoded and not handed out yet.
    out: String,
    stage: Stage,
    /// Up to where the log holds nothing that concerns the client but what is known.
    seen: i64,
    /// Something was read that a later change may have replaced.
    stale: bool,
    expires_at: Option<Millis>,
    warn_at: Option<Millis>,
    alive_at: Instant,
    feed: watch::Receiver<i64>,
    generations: watch::Receiver<u64>,
    told: std::sync::Arc<Notify>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// On the way to a checkpoint; of which priority was last.
    Sending(Option<u8>),
    /// The client has all there is.
    Waiting,
}

/// The stream ends.
#[derive(Debug)]
struct End;

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        tracing::debug!(%error, "A client's stream ends: the log cannot be read.");
        Self
    }
}

impl Session {
    /// Reads the first checkpoint.
    pub(super) async fn open(
        store: &Store,
        auth: &Auth,
        client: Client,
        request: Request,
        place: Place,
        gzip: bool,
    ) -> Result<Self, StoreError> {
        let store = store.clone();
        // Before anything is read, so that nothing falls between.
        let (feed, generations) = (store.feed().watch(), store.generations());
        let access = auth.watch(&client.caller);
        let principal = client.caller.principal();
        let user = principal.user.clone();
        let (scopes, of) = (principal.scopes.clone(), (user.clone(), request.client_id.clone()));
        let Request { after, client_id, raw, defaults, subscriptions } = request;
        let seen = scopes.clone();
        let (plan, survey) = store
            .read(move |snapshot| {
                let plan = Plan::of(snapshot, &scopes, defaults, &subscriptions)?;
                let sources: Vec<_> = plan.buckets.iter().map(|bucket| (bucket.source.clone(), None)).collect();
                let survey = Survey::read(snapshot, (&of.0, &of.1), &sources)?;
                Ok((plan, survey))
            })
            .await?;
        let buckets = Buckets::new(store.identity().clone(), plan.buckets, &survey, &after);
        let now = store.clock().now();
        let work = Work {
            out: buckets.checkpoint(&plan.streams),
            buckets,
            scopes: seen,
            awaited: plan.awaited,
            arrived: false,
            user,
            client: client_id,
            raw,
            stage: Stage::Sending(None),
            seen: survey.head,
            stale: false,
            expires_at: client.expires_at,
            warn_at: client.expires_at.map(|at| at - WARNING).filter(|at| *at > now),
            alive_at: Instant::now() + about(ALIVE),
            feed,
            generations,
            told: place.told(),
            store,
        };
        Ok(Self { access, place, work, gzip: gzip.then(Gzip::default), over: false })
    }

    /// The next piece of the stream, when the client can take it; `None` after the last.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        if self.over {
            return None;
        }
        loop {
            let step = tokio::select! {
                biased;
                () = self.access.ended() => Err(End),
                () = self.place.ended() => Err(End),
                step = self.work.step() => step,
            };
            self.over = step.is_err();
            let work = &self.work;
            let together = work.out.len() >= TOGETHER || (work.stage == Stage::Waiting && !work.out.is_empty());
            if self.over || together {
                break;
            }
        }
        let text = std::mem::take(&mut self.work.out).into_bytes();
        let Some(gzip) = self.gzip.take() else { return (!text.is_empty()).then(|| text.into()) };
        let (gzip, mut piece) = compressed(gzip, text).await?;
        let gzip = self.gzip.insert(gzip);
        if self.over {
            piece.extend(gzip.end());
        }
        Some(piece.into())
    }
}

/// Compresses, elsewhere when it takes a while.
async fn compressed(mut gzip: Gzip, text: Vec<u8>) -> Option<(Gzip, Vec<u8>)> {
    let large = text.len() > LARGE;
    let work = move || {
        let piece = gzip.piece(&text);
        (gzip, piece)
    };
    if large { tokio::task::spawn_blocking(work).await.ok() } else { Some(work()) }
}

/// About so long: a thousand clients do not all ask at the same moment.
fn about(time: Duration) -> Duration {
    let [chance] = crate::random::bytes::<1>();
    time.mul_f64(0.9 + f64::from(chance) / 255.0 * 0.2)
}

impl Work {
    /// One step: usually a line. Ends the stream where its token runs out or the log cannot be read.
    async fn step(&mut self) -> Result<(), End> {
        self.tell_time()?;
        if self.stage == Stage::Waiting && !self.out.is_empty() {
            return Ok(());
        }
        let Stage::Sending(reached) = self.stage else { return self.wait().await };
        // Where all was sent the checkpoint is completed, however fast things change.
        let due = self.buckets.all.iter().any(|bucket| bucket.due);
        if self.stale || (due && self.is_overtaken()) { self.renew().await } else { self.send(reached).await }
    }

    /// Says how long the token is good, when that is to be said.
    fn tell_time(&mut self) -> Result<(), End> {
        let now = self.store.clock().now();
        let left = self.expires_at.map(|at| at - now);
        if left.is_some_and(|left| left <= 0) {
            self.out.push_str(&lines::expires_in(0));
            return Err(End);
        }
        let warned = self.warn_at.is_some_and(|at| at <= now);
        if warned || Instant::now() >= self.alive_at {
            // Zero would mean that it is over.
            let seconds =
                left.map_or(FOR_LONG, |left| left.unsigned_abs().div_ceil(1000).try_into().unwrap_or(FOR_LONG));
            self.out.push_str(&lines::expires_in(seconds));
            self.alive_at = Instant::now() + about(ALIVE);
            if warned {
                self.warn_at = None;
            }
        }
        Ok(())
    }

    /// Waits for something to say. Where a habit came that the client asked for, the stream ends, and the client's next one has
    /// its events.
    async fn wait(&mut self) -> Result<(), End> {
        if self.arrived {
            return Err(End);
        }
        let clock = self.store.clock().clone();
        let time = self.warn_at.or(self.expires_at).unwrap_or(Millis::MAX);
        tokio::select! {
            changed = self.feed.changed() => {
                changed.map_err(|_| End)?;
                if self.is_overtaken() { self.renew().await } else { Ok(()) }
            }
            () = self.told.notified() => self.renew().await,
            changed = self.generations.changed() => {
                changed.map_err(|_| End)?;
                self.renew().await
            }
            () = sleep_until(self.alive_at) => Ok(()),
            () = clock.sleep_until(time) => Ok(()),
        }
    }

    /// Whether something that concerns the client happened since the checkpoint.
    fn is_overtaken(&mut self) -> bool {
        let (mut concerned, buckets) = (self.stale, &self.buckets.all);
        let (awaited, scopes, arrived) = (&self.awaited, &self.scopes, &mut self.arrived);
        let look = |change: &kairos_core::change::Change| {
            concerned = concerned || buckets.iter().any(|bucket| bucket.source.may_hold(change));
            *arrived |=
                change.table == HABITS.name && awaited.contains(&change.row_id) && scopes.contains(&change.scope);
        };
        match self.store.feed().follow(self.seen, look) {
            Some(upto) => self.seen = upto,
            None => concerned = true,
        }
        concerned
    }

    /// Makes the next checkpoint, if anything is different.
    async fn renew(&mut self) -> Result<(), End> {
        let (known, user, client) = (self.buckets.known(), self.user.clone(), self.client.clone());
        let survey = self.store.read(move |snapshot| Survey::read(snapshot, (&user, &client), &known)).await?;
        (self.seen, self.stale) = (survey.head, false);
        if let Some(line) = self.buckets.renew(&survey) {
            self.out.push_str(&line);
            self.stage = Stage::Sending(None);
        }
        Ok(())
    }

    /// Sends the next line towards the checkpoint: the most urgent first.
    async fn send(&mut self, reached: Option<u8>) -> Result<(), End> {
        let head = self.buckets.head;
        let Some(at) = self.buckets.all.iter().position(|bucket| bucket.due) else {
            self.out.push_str(&lines::complete(head));
            self.stage = Stage::Waiting;
            return Ok(());
        };
        let priority = self.buckets.all[at].priority;
        if let Some(reached) = reached.filter(|reached| *reached < priority) {
            self.out.push_str(&lines::partially_complete(head, reached));
        }
        self.stage = Stage::Sending(Some(priority));
        let page = match self.recent(at) {
            Some(page) => page,
            None => self.logged(at).await?,
        };
        let bucket = &mut self.buckets.all[at];
        if page.generation != bucket.standing.generation {
            // What was to be sent is there no longer, under that name.
            self.stale = true;
            return Ok(());
        }
        self.stale |= page.moved;
        if page.data.ops() > 0 {
            page.data.write(&mut self.out, &bucket.name, page.more);
        }
        (bucket.sent, bucket.due) = if page.more { (page.data.last(), true) } else { (head, false) };
        Ok(())
    }

    /// From memory, encoded once for all clients: what has just happened.
    fn recent(&self, at: usize) -> Option<Page> {
        let (bucket, head) = (&self.buckets.all[at], self.buckets.head);
        let kept = matches!(bucket.source, Source::Rows(_)) && self.raw && bucket.sent >= bucket.whole_from;
        if bucket.sent < head && !kept {
            return None;
        }
        let changes = self.store.feed().between(bucket.sent, head, |change| bucket.source.may_hold(change))?;
        let mut data = Data::new(bucket.sent, self.raw);
        let more = changes.iter().any(|change| !data.add_encoded(change.seq, &change.to_operation()));
        Some(Page { data, more, generation: bucket.standing.generation, head, moved: false })
    }

    /// From the log.
    async fn logged(&self, at: usize) -> Result<Page, End> {
        let (bucket, head, raw) = (&self.buckets.all[at], self.buckets.head, self.raw);
        let (source, sent) = (bucket.source.clone(), bucket.sent);
        Ok(self.store.read(move |snapshot| snapshot.bucket_page(&source, sent, head, raw)).await?)
    }
}
