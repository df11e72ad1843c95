//! What a phone needs to trust the hub: its certificate authority, and by what to know that it is the right one.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::{Api, ErrorBody};
use crate::net::tls::Tls;

/// How the hub is reached in TLS.
#[derive(Debug, Default)]
pub struct Trust {
    /// Its certificate, unless TLS is off.
    pub tls: Option<Arc<Tls>>,
    /// Where https is served for the home, if it is.
    pub https_port: Option<u16>,
    /// Where plain MQTT is served for the home, if it is.
    pub mqtt_port: Option<u16>,
    /// Where MQTT in TLS is, if it is.
    pub mqtts_port: Option<u16>,
    /// Whether plain http is for this machine only.
    pub required: bool,
}

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(about)).routes(routes!(certificate))
}

/// How the hub is reached in TLS, and what is to be trusted for it.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"certificates": "own", "https_port": 8443, "mqtt_port": 1883, "mqtts_port": 8883, "require_tls": false, "fingerprint": "5A:0C:…:E7"}))]
struct About {
    /// `own`: issued by the hub's own authority, which a phone is asked to trust once; `files`: somebody else's; `off`: no TLS.
    #[schema(example = "own")]
    certificates: &'static str,
    /// Where https is served.
    #[schema(example = 8443)]
    https_port: Option<u16>,
    /// Where buttons speak MQTT without TLS; null where that is for this machine only.
    #[schema(example = 1883)]
    mqtt_port: Option<u16>,
    /// Where buttons speak MQTT in TLS.
    #[schema(example = 8883)]
    mqtts_port: Option<u16>,
    /// Whether plain http is closed to all but this machine.
    require_tls: bool,
    /// SHA-256 of the authority's certificate, in upper-case pairs; of the hub's own only.
    fingerprint: Option<String>,
}

/// How the hub is reached in TLS. Needs no account: a phone asks before anybody has signed in.
#[utoipa::path(get, path = "/api/trust", tag = "trust", security(()), responses((status = 200, body = About)))]
async fn about(State(api): State<Api>) -> Answer<About> {
    let Trust { tls, https_port, mqtt_port, mqtts_port, required } = &*api.trust;
    let authority = tls.as_ref().and_then(|tls| tls.authority());
    let certificates = match (tls, &authority) {
        (None, _) => "off",
        (Some(_), Some(_)) => "own",
        (Some(_), None) => "files",
    };
    let fingerprint = authority.map(|authority| authority.fingerprint);
    Answer(About {
        certificates,
        https_port: *https_port,
        mqtt_port: *mqtt_port,
        mqtts_port: *mqtts_port,
        require_tls: *required,
        fingerprint,
    })
}

/// The certificate of the hub's own authority, for a phone to trust. Needs no account.
#[utoipa::path(
    get, path = "/trust/ca.crt", tag = "trust", security(()),
    responses(
        (status = 200, content_type = "application/x-x509-ca-cert", description = "The certificate, DER", body = Vec<u8>),
        (status = 404, body = ErrorBody, description = "The hub's certificate is not issued by itself")
    )
)]
async fn certificate(State(api): State<Api>) -> Result<Response, ApiError> {
    let authority = api.trust.tls.as_ref().and_then(|tls| tls.authority());
    let authority = authority.ok_or_else(|| ApiError::not_found("The hub's certificate is not issued by itself."))?;
    let mut answer = authority.certificate.to_vec().into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-x509-ca-cert"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let name = HeaderValue::from_static("attachment; filename=\"kairos-hub.crt\"");
    headers.insert(header::CONTENT_DISPOSITION, name);
    Ok(answer)
}
