//! `/mqtt`: MQTT over websocket, handed to the broker as soon as the upgrade is answered.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::TokioIo;

use super::Api;
use super::error::ApiError;
use super::gatekeeper::same_origin;
use crate::broker::websocket::{PROTOCOL, Rejection, accept};

/// Answers the upgrade and hands the connection over.
pub(super) async fn upgrade(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
) -> Response {
    if !same_origin(request.headers()) {
        return ApiError::forbidden("This page may not speak to the hub.").into_response();
    }
    let key = match accept(request.method(), request.headers()) {
        Ok(key) => key,
        Err(rejection) => return refuse(rejection),
    };
    let Ok(key) = HeaderValue::from_str(&key) else { return refuse(Rejection::Key) };
    let upgraded = hyper::upgrade::on(&mut request);
    let broker = api.broker.clone();
    // Ends with the upgrade, which the connection's own timeouts bound.
    tokio::spawn(async move {
        if let Ok(stream) = upgraded.await {
            broker.serve_websocket(TokioIo::new(stream), peer);
        }
    });
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, key);
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    response
}

fn refuse(rejection: Rejection) -> Response {
    let (status, name, value) = match rejection {
        Rejection::NotAnUpgrade => (StatusCode::UPGRADE_REQUIRED, header::UPGRADE, "websocket"),
        Rejection::Version => (StatusCode::UPGRADE_REQUIRED, header::SEC_WEBSOCKET_VERSION, "13"),
        Rejection::Key | Rejection::Protocol => (StatusCode::BAD_REQUEST, header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL),
    };
    let mut response = ApiError::new(status, "not_mqtt", rejection.to_string()).into_response();
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}
