//! Who syncs.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use kairos_core::ids::UserId;

use super::error::SyncError;
use crate::auth::Client;
use crate::http::Api;
use crate::http::extract::bearer;

/// A client that came in.
pub(super) struct Syncing(pub(super) Client);

impl Syncing {
    /// The person.
    pub(super) fn user(&self) -> UserId {
        self.0.caller.principal().user.clone()
    }
}

impl FromRequestParts<Api> for Syncing {
    type Rejection = SyncError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, SyncError> {
        let token = bearer(&parts.headers).ok_or_else(SyncError::missing)?;
        Ok(Self(api.auth.client(token).await?))
    }
}
