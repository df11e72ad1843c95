//! The websocket: push to screens, commands from them, one connection.
//!
//! `greeting` asks who it is, `session` is the life of one connection, `messages` the words on it, `end` the last of
//! them. A screen names the last change it saw and gets what came after, in order, from the log; nobody waits for
//! anybody.

mod call;
mod end;
mod greeting;
mod messages;
mod session;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::FromRequestParts;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::gatekeeper::same_origin;
use super::{Api, ErrorBody};
use crate::net::Slot;

/// The largest message a client may send.
const MAX_MESSAGE: usize = 64 * 1024;

/// Counts the websockets of those who have said who they are, and ends all with the hub. The others are bounded at the
/// door.
#[derive(Debug)]
pub struct Sockets {
    open: AtomicUsize,
    most: usize,
    stop: CancellationToken,
}

impl Sockets {
    /// Room for so many; a household has a dozen screens.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { open: AtomicUsize::new(0), most, stop: CancellationToken::new() }
    }

    /// How many are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Tells every client that the hub goes away, and lets go of what their connections hold.
    pub fn close(&self) {
        self.stop.cancel();
    }

    fn closed(&self) -> WaitForCancellationFuture<'_> {
        self.stop.cancelled()
    }

    fn enter(self: &Arc<Self>) -> Option<Place> {
        let place = Place(self.clone());
        (self.open.fetch_add(1, Ordering::Relaxed) < self.most).then_some(place)
    }
}

/// One open websocket.
struct Place(Arc<Sockets>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(upgrade))
}

/// Push and commands: `auth_required` → `auth` → numbered commands `subscribe`, `call`, `ping`.
#[utoipa::path(
    get, path = "/api/websocket", tag = "changes", security(()),
    responses((status = 101, description = "The websocket"), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody), (status = 503, body = ErrorBody))
)]
async fn upgrade(State(api): State<Api>, request: Request) -> Response {
    if !same_origin(request.headers()) {
        return ApiError::forbidden("This page may not speak to the hub.").into_response();
    }
    if api.sockets.open() >= api.sockets.most {
        return ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too many screens are connected.")
            .with("retry_after", 30)
            .into_response();
    }
    let (mut parts, _) = request.into_parts();
    let slot = parts.extensions.get::<Slot>().cloned();
    match WebSocketUpgrade::from_request_parts(&mut parts, &api).await {
        Ok(upgrade) => {
            // Until it has said who it is, it makes room for others.
            if let Some(slot) = &slot {
                slot.unsettle();
            }
            upgrade
                .max_message_size(MAX_MESSAGE)
                .max_frame_size(MAX_MESSAGE)
                .read_buffer_size(4096)
                .write_buffer_size(16 * 1024)
                .max_write_buffer_size(4 << 20)
                .on_upgrade(move |socket| session::run(socket, api, slot))
        }
        Err(rejection) => {
            ApiError::new(rejection.status(), "not_a_websocket", "This address speaks websocket.").into_response()
        }
    }
}
