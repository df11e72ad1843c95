//! Who somebody is in the other houses that share a server: asked before a person is made here, told once they are linked.

use std::pin::Pin;

use kairos_core::ids::UserId;

use super::{Auth, AuthError};

/// Who a subject of a provider is in the other houses; `None`: nobody there knows.
pub(crate) type Known<'a> = Pin<Box<dyn Future<Output = Result<Option<UserId>, String>> + Send + 'a>>;

/// The other houses.
pub(crate) trait Elsewhere: Send + Sync {
    /// Who a subject of a provider is there; why nobody can tell now, in words for a log.
    fn person_of<'a>(&'a self, provider: &'a str, subject: &'a str) -> Known<'a>;

    /// Somebody here is known to a provider now.
    fn tell(&self);
}

impl Auth {
    /// Lets the other houses be asked. The hub does so once, when it begins.
    pub(crate) fn ask_elsewhere(&self, elsewhere: Box<dyn Elsewhere>) {
        // A second time changes nothing.
        let _ = self.0.elsewhere.set(elsewhere);
    }

    /// Who a subject of the provider is in the other houses.
    ///
    /// # Errors
    /// [`AuthError::ServerDown`]: they share a server, and it cannot be asked. A person who is made without asking may be two
    /// people ever after.
    pub(super) async fn person_elsewhere(&self, provider: &str, subject: &str) -> Result<Option<UserId>, AuthError> {
        let Some(elsewhere) = self.0.elsewhere.get() else { return Ok(None) };
        elsewhere.person_of(provider, subject).await.map_err(|why| {
            tracing::info!(
                why,
                "Somebody wants to sign in for the first time, and the server cannot be asked who they are."
            );
            AuthError::ServerDown
        })
    }

    pub(super) fn tell_elsewhere(&self) {
        if let Some(elsewhere) = self.0.elsewhere.get() {
            elsewhere.tell();
        }
    }
}
