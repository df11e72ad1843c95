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

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::FromRequestParts;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kairos_core::ids::UserId;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::error::ApiError;
use super::gatekeeper::same_origin;
use crate::net::Slot;

/// The largest message a client may send.
const MAX_MESSAGE: usize = 64 * 1024;

/// How many websockets an account may have whatever the others do: a dozen screens, and some for scripts.
const FEW: usize = 16;
/// Places that are kept for accounts with fewer than [`FEW`], so that one whose script opens sockets without end takes
/// none from the rest of the house.
const KEPT: usize = 32;

/// Counts the websockets of those who have said who they are, and ends all with the hub. The others are bounded at the
/// door.
#[derive(Debug)]
pub struct Sockets {
    most: usize,
    // Held for a few map operations and never across an await.
    table: Mutex<Table>,
    stop: CancellationToken,
}

#[derive(Debug, Default)]
struct Table {
    open: usize,
    /// Accounts with an open websocket, and how many.
    accounts: HashMap<UserId, usize>,
}

/// Why there is no place for a websocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NoPlace {
    /// All are taken.
    Full,
    /// This account has many, and the rest is kept for others.
    TooMany,
}

impl Sockets {
    /// Room for so many; a household has a dozen screens.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, table: Mutex::default(), stop: CancellationToken::new() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // The table is whole between any two statements that could panic.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.table().open
    }

    /// Tells every client that the hub goes away, and lets go of what their connections hold.
    pub fn close(&self) {
        self.stop.cancel();
    }

    fn closed(&self) -> WaitForCancellationFuture<'_> {
        self.stop.cancelled()
    }

    fn enter(self: &Arc<Self>, account: &UserId) -> Result<Place, NoPlace> {
        let mut table = self.table();
        if table.open >= self.most {
            return Err(NoPlace::Full);
        }
        let theirs = table.accounts.get(account).copied().unwrap_or_default();
        // Where the system allows few open files, a quarter is kept.
        if theirs >= FEW && table.open >= self.most - KEPT.min(self.most / 4) {
            return Err(NoPlace::TooMany);
        }
        table.open += 1;
        table.accounts.insert(account.clone(), theirs + 1);
        Ok(Place { sockets: self.clone(), account: account.clone() })
    }
}

/// One open websocket.
struct Place {
    sockets: Arc<Sockets>,
    account: UserId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.sockets.table();
        table.open -= 1;
        if let Some(theirs) = table.accounts.get_mut(&self.account) {
            *theirs -= 1;
            if *theirs == 0 {
                table.accounts.remove(&self.account);
            }
        }
    }
}

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(upgrade))
}

/// Push and commands: `auth_required` → `auth` → numbered commands `subscribe`, `call`, `ping`.
#[utoipa::path(
    get, path = "/api/websocket", tag = "changes", security(()),
    responses((status = 101, description = "The websocket"), (status = 400, body = super::ErrorBody, description = "`not_a_websocket`"), (status = 403, body = super::ErrorBody, description = "The page is somebody else's"), (status = 426, body = super::ErrorBody, description = "The connection cannot be upgraded"))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn one_account_leaves_places_for_the_others() {
        let sockets = Arc::new(Sockets::new(200));
        let [ada, bob, eve] = ["a", "b", "e"].map(|name| UserId::new(name).unwrap());
        let mut hers: Vec<_> = (0..200).map_while(|_| sockets.enter(&ada).ok()).collect();
        assert_eq!(hers.len(), 200 - KEPT);
        assert_eq!(sockets.enter(&ada).err(), Some(NoPlace::TooMany));
        let his: Vec<_> = (0..200).map_while(|_| sockets.enter(&bob).ok()).collect();
        assert_eq!(his.len(), FEW);
        let rest: Vec<_> = (0..200).map_while(|_| sockets.enter(&eve).ok()).collect();
        assert_eq!(rest.len(), KEPT - FEW);
        assert_eq!(sockets.enter(&eve).err(), Some(NoPlace::Full));
        // Who leaves makes room, for others first.
        hers.truncate(10);
        assert_eq!(sockets.open(), 10 + KEPT);
        assert!(sockets.enter(&ada).is_ok() && sockets.enter(&bob).is_ok());
        drop((hers, his, rest));
        assert_eq!(sockets.open(), 0);
        assert!(sockets.table().accounts.is_empty());
    }

    #[test]
    fn a_hub_with_few_places_keeps_a_quarter() {
        let sockets = Arc::new(Sockets::new(40));
        let ada = UserId::new("a").unwrap();
        let hers: Vec<_> = (0..40).map_while(|_| sockets.enter(&ada).ok()).collect();
        assert_eq!(hers.len(), 30);
    }
}
