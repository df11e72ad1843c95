//! HTTP: pages, REST and websocket on one origin.
//!
//! [`server`] accepts and bounds, [`gatekeeper`] judges host, origin and whether the hub is set up,
//! then one file per resource. Handlers are thin: take out, ask one question or send one command, answer.

mod assets;
mod auth;
mod backups;
mod caller;
mod changes;
mod client;
mod columns;
mod conflicts;
mod cookies;
mod data;
mod deeds;
mod devices;
mod displays;
mod error;
mod extract;
mod gatekeeper;
mod habits;
mod health;
mod history;
mod identities;
mod imports;
mod metrics;
mod mqtt;
mod openapi;
mod patience;
mod pauses;
mod preferences;
mod recovery;
mod routines;
mod rows;
mod server;
mod setup;
mod span;
mod sync;
mod today;
mod tokens;
mod trust;
mod upstream;
mod users;
mod websocket;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use tower_http::timeout::RequestBodyTimeoutLayer;
use utoipa_axum::router::OpenApiRouter;

pub use error::{ApiError, ErrorBody};
pub use extract::bearer;
pub use gatekeeper::Hosts;
pub use metrics::Metrics;
pub use server::{Door, Served};
pub use sync::Streams;
pub use trust::Trust;
pub(crate) use upstream::told;
pub use websocket::Sockets;

use crate::auth::Auth;
use crate::backup::Backups;
use crate::broker::Broker;
use crate::commands::Commands;
use crate::days::Days;
use crate::health::Board;
use crate::roster::Roster;
use crate::store::Store;
use crate::transfer::Jobs;
use crate::upstream::{Relay, Service};

/// The largest request body.
const MAX_BODY: usize = 1 << 20;

/// How long a client may pause while it sends a body.
const BODY_PAUSE: Duration = Duration::from_secs(10);

/// What handlers need. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    /// The store, for reading.
    pub store: Store,
    /// The door.
    pub commands: Commands,
    /// Who is who.
    pub auth: Auth,
    /// The devices.
    pub roster: Roster,
    /// The days.
    pub days: Days,
    /// How the parts are doing.
    pub board: Board,
    /// The broker, for MQTT over websocket and for ending connections.
    pub broker: Broker,
    /// Imports that run.
    pub jobs: Jobs,
    /// The names the hub answers to.
    pub hosts: Arc<Hosts>,
    /// Counters.
    pub metrics: Metrics,
    /// The screens, bounded.
    pub sockets: Arc<Sockets>,
    /// Clients of sync, bounded.
    pub streams: Arc<Streams>,
    /// Copies of the database.
    pub backups: Backups,
    /// How the hub is reached in TLS.
    pub trust: Arc<Trust>,
    /// The server it replicates with.
    pub upstream: Service,
    /// What it does beside that server, if it stands there.
    pub relay: Option<Relay>,
}

/// Every route.
pub fn router(api: Api) -> Router {
    let (routes, description) = described(&api).split_for_parts();
    let document = openapi::document(&description);
    routes
        .route("/api/openapi.json", get(move || async move { document.clone() }))
        .route("/mqtt", get(mqtt::upgrade))
        .route("/metrics", get(metrics::show))
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .fallback(assets::serve)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(RequestBodyTimeoutLayer::new(BODY_PAUSE))
        .layer(axum::middleware::from_fn(patience::bound))
        .layer(axum::middleware::from_fn_with_state(api.clone(), gatekeeper::check))
        .layer(axum::middleware::from_fn_with_state(api.clone(), metrics::count))
        .with_state(api)
}

/// Accounts, tokens and displays.
fn about_people() -> OpenApiRouter<caller::AuthApi> {
    OpenApiRouter::new()
        .merge(setup::router())
        .merge(auth::router())
        .merge(users::router())
        .merge(identities::router())
        .merge(tokens::router())
        .merge(displays::router())
}

/// The routes that stand in openapi.json, by what they need.
struct Routes {
    people: OpenApiRouter<caller::AuthApi>,
    backups: OpenApiRouter<backups::Desk>,
    upstream: OpenApiRouter<upstream::Desk>,
    data: OpenApiRouter<caller::AuthApi>,
    rest: OpenApiRouter<Api>,
}

fn routes() -> Routes {
    let rest = OpenApiRouter::new()
        .merge(health::router())
        .merge(today::router())
        .merge(habits::router())
        .merge(deeds::router())
        .merge(history::router())
        .merge(pauses::router())
        .merge(recovery::router())
        .merge(routines::router())
        .merge(preferences::router())
        .merge(imports::router())
        .merge(devices::router())
        .merge(changes::router())
        .merge(conflicts::router())
        .merge(websocket::router())
        .merge(sync::router())
        .merge(trust::router());
    Routes {
        people: about_people(),
        backups: backups::router(),
        upstream: upstream::router(),
        data: data::router(),
        rest,
    }
}

/// The routes that stand in openapi.json.
fn described(api: &Api) -> OpenApiRouter<Api> {
    let Routes { people, backups, upstream, data, rest } = routes();
    OpenApiRouter::with_openapi(openapi::base())
        .merge(people.with_state(api.into()))
        .merge(backups.with_state(api.into()))
        .merge(upstream.with_state(api.into()))
        .merge(data.with_state(api.into()))
        .merge(rest)
}

/// What is said of them, for a test that has no hub.
#[cfg(test)]
fn description() -> utoipa::openapi::OpenApi {
    let Routes { people, backups, upstream, data, rest } = routes();
    let mut all = openapi::base();
    let parts = [people.into_openapi(), backups.into_openapi(), upstream.into_openapi(), data.into_openapi()];
    for part in parts.into_iter().chain([rest.into_openapi()]) {
        all.merge(part);
    }
    all
}

#[cfg(test)]
mod tests;
