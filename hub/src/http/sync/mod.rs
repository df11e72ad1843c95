//! Sync with apps that keep a copy of their own: the protocol that PowerSync's clients speak.
//!
//! Reading order: `stream` takes a request and answers with a body that goes on; `plan` works out which buckets a client
//! gets; `session` is the life of one stream; `survey` how its buckets stand; `checkpoints` tells clients that what they
//! uploaded is in what they get; `streams` counts who is here. `kairos_core::sync` has the words.
//!
//! Written from public documentation, recorded exchanges and the clients' sources.

mod caller;
mod checkpoints;
mod error;
mod gzip;
mod plan;
mod session;
mod stream;
mod streams;
mod survey;

pub use streams::Streams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(stream::open))
        .routes(routes!(checkpoints::next))
        .routes(routes!(checkpoints::request))
}

/// Paths that pages from anywhere may ask: they take a token in a header and never a cookie.
pub(super) fn open_to_any_origin(path: &str) -> bool {
    let under = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    is_ours(path) || under("/api/data") || under("/api/conflicts") || path == "/api/auth/token"
}

/// The protocol's own paths.
pub(super) fn is_ours(path: &str) -> bool {
    path.starts_with("/sync/") || path == "/write-checkpoint2.json"
}

#[cfg(test)]
mod tests;
