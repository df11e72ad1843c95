//! Who syncs now: bounded in all and for each person, told of their write checkpoints, ended with the hub.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kairos_core::ids::UserId;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How many streams there are in all; one more is told to come back.
const MOST: usize = 200;
/// How many a person has.
const MOST_OF_PERSON: usize = 16;

/// The open streams.
#[derive(Debug, Default)]
pub struct Streams {
    // Held for a few steps through a bounded list, and never across an await.
    open: Mutex<Open>,
    stop: CancellationToken,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    // The oldest first.
    all: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    user: UserId,
    client: String,
    told: Arc<Notify>,
    end: CancellationToken,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// All are taken.
    Hub,
    /// This person has as many as one may have.
    Person,
    /// The hub stops.
    Stopping,
}

impl Streams {
    /// How many are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.entries().all.len()
    }

    /// Ends all, and lets nobody in any more.
    pub fn close(&self) {
        self.stop.cancel();
    }

    /// Tells the streams of a client that its write checkpoint has risen.
    pub(super) fn tell(&self, user: &UserId, client: &str) {
        let open = self.entries();
        let theirs = open.all.iter().filter(|entry| entry.user == *user && entry.client == client);
        theirs.for_each(|entry| entry.told.notify_one());
    }

    /// Takes a place. Where there is none, an older stream of the same client makes room: a phone that left without a
    /// word comes back as the same.
    pub(super) fn enter(self: &Arc<Self>, user: &UserId, client: &str) -> Result<Place, Full> {
        if self.stop.is_cancelled() {
            return Err(Full::Stopping);
        }
        let mut open = self.entries();
        let of_person = open.all.iter().filter(|entry| entry.user == *user).count();
        let full = match (of_person >= MOST_OF_PERSON, open.all.len() >= MOST) {
            (true, _) => Some(Full::Person),
            (_, true) => Some(Full::Hub),
            _ => None,
        };
        if let Some(full) = full {
            let same = |entry: &Entry| !client.is_empty() && entry.user == *user && entry.client == client;
            let older = open.all.iter().position(same).ok_or(full)?;
            open.all.remove(older).end.cancel();
        }
        let (id, told, end) = (open.next, Arc::<Notify>::default(), CancellationToken::new());
        open.next += 1;
        let entry = Entry { id, user: user.clone(), client: client.to_owned(), told: told.clone(), end: end.clone() };
        open.all.push(entry);
        drop(open);
        Ok(Place { streams: self.clone(), id, told, end })
    }

    fn entries(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one stream; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    streams: Arc<Streams>,
    id: u64,
    told: Arc<Notify>,
    end: CancellationToken,
}

impl Place {
    /// Told when the client's write checkpoint has risen; remembers that it was while nobody waited.
    pub(super) fn told(&self) -> Arc<Notify> {
        self.told.clone()
    }

    /// Waits until the hub stops or the place goes to the same client's next stream.
    pub(super) async fn ended(&self) {
        tokio::select! {
            () = self.end.cancelled() => {}
            () = self.streams.stop.cancelled() => {}
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.streams.entries().all.retain(|entry| entry.id != self.id);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn places_are_bounded_and_a_client_that_comes_back_gets_its_own() {
        let streams = Arc::<Streams>::default();
        let user = |n: usize| UserId::new(format!("u{n}")).unwrap();
        let mut places: Vec<Place> =
            (0..MOST_OF_PERSON).map(|n| streams.enter(&user(0), &n.to_string()).unwrap()).collect();
        assert_eq!(streams.enter(&user(0), "new").unwrap_err(), Full::Person);
        assert_eq!(streams.enter(&user(0), "").unwrap_err(), Full::Person);
        let again = streams.enter(&user(0), "3").unwrap();
        places[3].ended().await;
        places.push(again);
        assert_eq!(streams.open(), MOST_OF_PERSON);
        places.extend((1..=MOST - MOST_OF_PERSON).map(|n| streams.enter(&user(n), "phone").unwrap()));
        assert_eq!(streams.enter(&user(999), "phone").unwrap_err(), Full::Hub);
        assert!(streams.enter(&user(5), "phone").is_ok());
        places.clear();
        assert_eq!(streams.open(), 0);
        let last = streams.enter(&user(0), "").unwrap();
        streams.close();
        last.ended().await;
        assert_eq!(streams.enter(&user(0), "").unwrap_err(), Full::Stopping);
    }
}
