//! Counters for Prometheus: numbers only, no names, no ids.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::time::Instant;

use super::Api;
use super::error::ApiError;
use super::extract::bearer;

/// The recorder of this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Installs the recorder, once per process.
    #[must_use]
    pub fn install() -> Self {
        static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
        let make = || {
            let builder = PrometheusBuilder::new()
                .set_buckets(&[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0]);
            let recorder = builder.unwrap_or_else(|_| PrometheusBuilder::new()).build_recorder();
            let handle = recorder.handle();
            // Only a second recorder could be refused, and there is none.
            let _ = metrics::set_global_recorder(recorder);
            handle
        };
        Self(HANDLE.get_or_init(make).clone())
    }

    /// Empties what histograms have gathered; to be called now and then, or they grow.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}

/// `/metrics`: for this machine, or for a person's token.
pub(super) async fn show(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    // A proxy on this machine speaks for others.
    let local = peer.ip().is_loopback() && !headers.contains_key("x-forwarded-for");
    let known = match bearer(&headers) {
        Some(token) if !local => api.auth.principal(token).await.is_ok(),
        _ => local,
    };
    if !known {
        return ApiError::unauthorized().into_response();
    }
    #[allow(clippy::cast_precision_loss)] // counts
    {
        metrics::gauge!("kairos_mqtt_connections").set(api.broker.connections() as f64);
        metrics::gauge!("kairos_websocket_clients").set(api.sockets.open() as f64);
        metrics::gauge!("kairos_sync_streams").set(api.streams.open() as f64);
        metrics::gauge!("kairos_log_head").set(api.store.feed().head() as f64);
    }
    let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, content_type)], api.metrics.0.render()).into_response()
}

/// Counts requests by route and status.
pub(super) async fn count(State(_): State<Api>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    // The route, never the path: a path may hold an id.
    let route =
        request.extensions().get::<MatchedPath>().map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::counter!("kairos_http_requests_total", "route" => route, "status" => status).increment(1);
    let took: Duration = begun.elapsed();
    metrics::histogram!("kairos_http_seconds").record(took.as_secs_f64());
    response
}
