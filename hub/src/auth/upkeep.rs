//! What time itself does: keys follow each other, what ran out is forgotten, what was used is written
//! down. And the log is read for devices that were revoked, by whichever way.

use std::sync::PoisonError;

use kairos_core::Millis;
use kairos_core::ids::DeviceId;
use kairos_core::schema::DEVICES;

use super::standing::Revoked;
use super::{Auth, AuthError, members, sessions};
use crate::store::StoreError;

/// How often upkeep looks.
const EVERY: Millis = 60 * 1000;
/// How long an ended session is kept before it is forgotten: long enough for its access tokens to run
/// out many times over.
const KEPT: Millis = 24 * 60 * 60 * 1000;
/// How many changes of the log are looked at in one go.
const PAGE: usize = 500;

impl Auth {
    /// Works until it is dropped. The hub runs it once.
    pub async fn run(&self) {
        tokio::join!(self.keep_house(), self.keep_asking(), self.follow());
    }

    async fn keep_house(&self) {
        let clock = self.0.store.clock().clone();
        loop {
            if let Err(error) = self.tend().await {
                tracing::warn!(%error, "Upkeep of accounts has to wait.");
            }
            clock.sleep_until(self.now().saturating_add(EVERY)).await;
        }
    }

    /// Asks the provider about people apart from the rest: nothing else waits for a server that is slow.
    async fn keep_asking(&self) {
        let clock = self.0.store.clock().clone();
        loop {
            if let Err(error) = self.ask_about_all().await {
                tracing::warn!(%error, "The provider cannot be asked about those who are signed in.");
            }
            clock.sleep_until(self.now().saturating_add(EVERY)).await;
        }
    }

    /// One round of upkeep.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] when the disk does not take it; the next round tries again.
    pub(crate) async fn tend(&self) -> Result<(), AuthError> {
        let now = self.now();
        self.0.standing.sweep(now);
        self.0.pairings.sweep(now);
        let auth = self.clone();
        tokio::task::spawn_blocking(move || auth.0.keys.advance(now))
            .await
            .map_err(|_| AuthError::Unavailable("an internal fault".into()))?
            .map_err(|error| AuthError::Unavailable(format!("the signing keys cannot be written: {error}")))?;
        let used: Vec<_> = self.0.used.lock().unwrap_or_else(PoisonError::into_inner).drain().collect();
        let due = now.saturating_sub(KEPT);
        self.0
            .store
            .write(move |tx| {
                for (id, at) in used {
                    tx.api_token_used(&id, at)?;
                }
                tx.sweep_sessions(due)
            })
            .await?;
        Ok(())
    }

    /// Announces devices that are revoked or deleted, and people who join or leave a household. The log is the truth: a
    /// nudge may be lost, and either may happen by any way there is.
    async fn follow(&self) {
        let feed = self.0.store.feed().clone();
        let mut head = feed.watch();
        let mut seen = self.0.standing.read_at;
        loop {
            while seen < feed.head() {
                match self.take_in(seen).await {
                    Ok(upto) => seen = upto,
                    Err(error) => {
                        tracing::warn!(%error, "Cannot read the log for access that ended; trying again.");
                        let clock = self.0.store.clock().clone();
                        clock.sleep_until(self.now().saturating_add(1000)).await;
                    }
                }
            }
            if head.changed().await.is_err() {
                return;
            }
        }
    }

    async fn take_in(&self, after: i64) -> Result<i64, StoreError> {
        let stretch = self.0.store.changes_after(after, None, PAGE).await?;
        for change in &stretch.changes {
            if let Some(member) = members::told_by(change) {
                self.0.standing.member_changed(&change.row_id, member);
            }
        }
        for change in stretch.changes.iter().filter(|change| change.table == DEVICES.name) {
            let active = change
                .row
                .as_deref()
                .and_then(|row| serde_json::from_str::<serde_json::Value>(row).ok())
                .is_some_and(|row| row["status"] == "active");
            if let (false, Ok(id)) = (active, DeviceId::new(change.row_id.as_str())) {
                self.0.standing.announce(Revoked::Device(id));
            }
        }
        Ok(stretch.upto)
    }
}

// A session that can still be refreshed must never be forgotten.
const _: () = assert!(KEPT < sessions::LIFETIME);
