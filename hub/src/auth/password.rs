//! Passwords: argon2id, two at a time.
//!
//! A hash costs 19 MiB and tens of milliseconds on purpose. Two permits bound what that takes from the
//! hub, a short queue bounds how long anybody waits; beyond it the answer is "try again shortly".

use std::sync::Arc;

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use kairos_core::command::Rejection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::AuthError;

/// OWASP's recommendation for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// How many hashes run at the same time.
const AT_ONCE: usize = 2;
/// How many more may wait. Further ones are refused: at two at a time they would wait for seconds.
const WAITING: usize = 16;

/// Length of a password, in characters. No rule of composition: length is what counts.
pub const LENGTH: std::ops::RangeInclusive<usize> = 8..=256;

/// Verified in place of the hash of an account that is not there: the same parameters, so the same
/// work, and no password has it.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and verifies passwords.
#[derive(Debug)]
pub struct Hasher {
    permits: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Default for Hasher {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(AT_ONCE)), places: Arc::new(Semaphore::new(AT_ONCE + WAITING)) }
    }
}

impl Hasher {
    /// Hashes a new password.
    ///
    /// # Errors
    /// [`AuthError::Busy`] when too many are at it.
    pub async fn hash(&self, password: String) -> Result<String, AuthError> {
        self.run(move || {
            let salt = SaltString::encode_b64(&crate::random::bytes::<16>()).ok()?;
            argon2().ok()?.hash_password(password.as_bytes(), &salt).ok().map(|hash| hash.to_string())
        })
        .await?
        .ok_or(AuthError::Busy)
    }

    /// Whether a password belongs to a stored hash; without one, does the same work and says no.
    ///
    /// # Errors
    /// [`AuthError::Busy`] when too many are at it.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, AuthError> {
        self.run(move || {
            let known = stored.is_some();
            let stored = stored.unwrap_or_else(|| NOBODY.to_owned());
            let Ok(hash) = PasswordHash::new(&stored) else { return false };
            let fits = Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
            known && fits
        })
        .await
    }

    /// Runs on a thread that may block. The permits go with the work, not with whoever asked: a client
    /// that hangs up does not make room for another hash beside the one still running.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AuthError> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| AuthError::Busy)?;
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| AuthError::Busy)?;
        let held: (OwnedSemaphorePermit, OwnedSemaphorePermit) = (place, permit);
        tokio::task::spawn_blocking(move || {
            let _held = held;
            work()
        })
        .await
        .map_err(|_| AuthError::Busy)
    }
}

/// Checks the length of a new password.
///
/// # Errors
/// A [`Rejection`] that names the field.
pub fn check(password: &str) -> Result<(), Rejection> {
    if LENGTH.contains(&password.chars().count()) {
        Ok(())
    } else {
        Err(Rejection::field("password", format!("A password has {} to {} characters.", LENGTH.start(), LENGTH.end())))
    }
}

fn argon2() -> Result<Argon2<'static>, argon2::Error> {
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(MEMORY_KIB, PASSES, LANES, None)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[tokio::test]
    async fn a_hash_has_our_parameters_and_only_its_password() {
        let hasher = Hasher::default();
        let stored = hasher.hash("correct horse".into()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(hasher.verify("correct horse".into(), Some(stored.clone())).await.unwrap());
        assert!(!hasher.verify("correct horse ".into(), Some(stored.clone())).await.unwrap());
        assert_ne!(stored, hasher.hash("correct horse".into()).await.unwrap());
    }

    /// What stands in for an absent account costs what a real one does: the same function, the same
    /// parameters, salt and output of the same length.
    #[tokio::test]
    async fn nobody_is_as_much_work_as_somebody() {
        let hasher = Hasher::default();
        let real = hasher.hash("correct horse".into()).await.unwrap();
        let (real, nobody) = (PasswordHash::new(&real).unwrap(), PasswordHash::new(NOBODY).unwrap());
        assert_eq!((real.algorithm, real.version), (nobody.algorithm, nobody.version));
        assert_eq!(real.params, nobody.params);
        assert_eq!(real.salt.unwrap().len(), nobody.salt.unwrap().len());
        assert_eq!(real.hash.unwrap().len(), nobody.hash.unwrap().len());
        assert!(!hasher.verify(String::new(), None).await.unwrap());
    }

    #[tokio::test]
    async fn more_than_the_queue_holds_is_refused_and_the_rest_is_served() {
        let hasher = Arc::new(Hasher::default());
        let all: Vec<_> = (0..AT_ONCE + WAITING + 20)
            .map(|_| {
                let hasher = hasher.clone();
                tokio::spawn(async move { hasher.verify("x".into(), None).await })
            })
            .collect();
        let mut served = 0;
        let mut refused = 0;
        for one in all {
            match one.await.unwrap() {
                Ok(_) => served += 1,
                Err(AuthError::Busy) => refused += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
        assert!(served >= AT_ONCE + WAITING, "{served}");
        assert!(refused > 0);
        assert!(hasher.verify("x".into(), None).await.is_ok());
    }

    #[test]
    fn only_the_length_of_a_password_is_asked_for() {
        assert!(check("aaaaaaaa").is_ok());
        assert!(check(&"ä".repeat(256)).is_ok());
        assert!(check("aaaaaaa").is_err());
        assert!(check(&"a".repeat(257)).is_err());
    }
}
