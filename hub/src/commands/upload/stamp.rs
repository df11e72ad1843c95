//! When an operation was written: by the client's clock as far as it can be believed, else at its arrival.

use kairos_core::Millis;
use kairos_core::event::TimeSource;
use kairos_core::hlc::Hlc;
use kairos_core::upload::{Envelope, Operation, Written};
use sha2::{Digest, Sha256};

use super::super::bounds::MAX_AHEAD;
use crate::store::Tx;

/// A client's clock that is off by more than this is corrected; less is the time the upload took on its way.
const TOLERATED: Millis = 60_000;

/// What an operation is stamped with.
pub(super) struct Stamp {
    /// Its clock.
    pub(super) at: Hlc,
    /// The same as a time.
    pub(super) millis: Millis,
    /// How that is known.
    pub(super) source: TimeSource,
    /// How far the client's clock is corrected, to be added to times it wrote.
    pub(super) shift: Millis,
    /// The name under which what it makes is made, however often it is sent.
    pub(super) command: String,
}

/// Stamps the operations of one envelope.
pub(super) struct Stamps {
    /// Whether times that the client wrote count at all.
    believed: bool,
    shift: Millis,
    node: String,
    client: String,
}

impl Stamps {
    pub(super) fn new(tx: &Tx<'_>, envelope: &Envelope, user: &str, client: &str) -> Self {
        let off = envelope.now.map_or(0, |theirs| tx.now().saturating_sub(theirs));
        let shift = if off.abs() > TOLERATED && !tx.is_guessing() { off } else { 0 };
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let node = format!("c{}", hex(&Sha256::digest(format!("{user}|{client}"))[..4]));
        Self { believed: true, shift, node, client: client.to_owned() }
    }

    /// Stamps what a person submits again as if it came now.
    pub(super) fn now(client: &str) -> Self {
        Self { believed: false, shift: 0, node: String::new(), client: client.to_owned() }
    }

    /// Stamps the `n`th operation.
    pub(super) fn of(&self, tx: &mut Tx<'_>, n: usize, written: &Written) -> Stamp {
        let command = match &written.op_id {
            // With what was written: a queue that begins anew counts from one again.
            Some(number) => kairos_core::ids::derive(&format!("upload|{}|{number}|{}", self.client, written.raw)),
            // Done, undone, done again: without a number each is another deed. The envelope as a whole tells a repetition.
            None => kairos_core::ids::mint(tx.now(), crate::random::bytes()),
        };
        let said = written.operation.as_ref().ok().and_then(Operation::written_at).filter(|_| self.believed);
        let shift = self.shift;
        let (now, Some(said)) = (tx.now(), said) else { return self.arrival(tx, command) };
        let millis = said.saturating_add(shift);
        if tx.is_guessing() || millis > now.saturating_add(MAX_AHEAD) {
            return Stamp { source: TimeSource::Estimated, ..self.arrival(tx, command) };
        }
        // A clock that is a little ahead is held at ours: what others write next must come after it.
        let millis = millis.min(now);
        // Operations of one millisecond keep their order by their place in the queue.
        let place = written.op_id.as_deref().and_then(|id| id.parse::<u64>().ok()).unwrap_or(n as u64);
        let counter = u16::try_from(place % (1 << 16)).unwrap_or(u16::MAX);
        let at = Hlc::from_parts(millis, counter, &self.node);
        Stamp { at, millis, source: TimeSource::Client, shift, command }
    }

    /// The next reading of our clock, as the client's: what it wrote itself it has seen.
    fn arrival(&self, tx: &mut Tx<'_>, command: String) -> Stamp {
        let tick = tx.tick();
        let at = if self.node.is_empty() { tick } else { tick.by(&self.node) };
        Stamp { at, millis: tx.now(), source: TimeSource::Hub, shift: self.shift, command }
    }
}
