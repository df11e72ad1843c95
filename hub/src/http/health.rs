//! How the hub is doing. Needs no token, tells nothing about people.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use crate::health::State as Part;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(probe))
}

/// How the hub is doing.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"status": "degraded", "version": "0.1.0", "components": {"store": {"status": "ok"}, "discovery": {"status": "degraded", "reason": "There is no network."}}}))]
struct Health {
    /// `ok` or `degraded`.
    #[schema(example = "ok")]
    status: &'static str,
    /// The hub's version.
    version: &'static str,
    /// Each part.
    components: BTreeMap<&'static str, Component>,
}

/// How a part is doing.
#[derive(Serialize, ToSchema)]
struct Component {
    /// `ok`, `degraded` or `off`.
    status: &'static str,
    /// Why it is not ok, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// How the hub and each of its parts are doing.
#[utoipa::path(get, path = "/health", tag = "hub", security(()), responses((status = 200, body = Health)))]
async fn health(State(api): State<Api>) -> Response {
    let mut parts = api.board.all();
    for part in ["store", "broker", "discovery", "upstream", "auth"] {
        parts.entry(part).or_insert_with(|| Part::Off("not part of this version".into()));
    }
    let degraded = parts.values().any(|part| matches!(part, Part::Degraded(_)));
    let components = parts
        .into_iter()
        .map(|(name, part)| {
            let component = match part {
                Part::Ok => Component { status: "ok", reason: None },
                Part::Degraded(reason) => Component { status: "degraded", reason: Some(reason) },
                Part::Off(reason) => Component { status: "off", reason: Some(reason) },
            };
            (name, component)
        })
        .collect();
    let health =
        Health { status: if degraded { "degraded" } else { "ok" }, version: env!("CARGO_PKG_VERSION"), components };
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(health)).into_response()
}

/// What supervisors are told.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"ready": true, "started": true, "touched_at": "2026-11-24T08:15:00Z"}))]
struct Probe {
    /// Whether the hub can save.
    ready: bool,
    /// Always true: it answers.
    started: bool,
    /// When this was said.
    touched_at: String,
}

/// For supervisors: 200 while the process answers (`startup`, `liveness`), and while it can save (`readiness`).
#[utoipa::path(
    get, path = "/probes/{probe}", tag = "hub", security(()),
    params(("probe" = String, Path, description = "startup, liveness or readiness")),
    responses((status = 200, body = Probe, description = "Fine"), (status = 503, body = Probe, description = "Not ready"))
)]
async fn probe(State(api): State<Api>, super::extract::Path(probe): super::extract::Path<String>) -> Response {
    let ready = !matches!(api.board.get("store"), Some(Part::Degraded(_)));
    let told = |status: StatusCode| {
        let touched_at = kairos_core::day::instant(api.store.clock().now());
        (status, Json(Probe { ready, started: true, touched_at })).into_response()
    };
    match probe.as_str() {
        "startup" | "liveness" => told(StatusCode::OK),
        "readiness" if ready => told(StatusCode::OK),
        "readiness" => told(StatusCode::SERVICE_UNAVAILABLE),
        _ => super::ApiError::not_found("There is no such probe.").into_response(),
    }
}
