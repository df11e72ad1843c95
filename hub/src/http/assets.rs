//! The web app's files, out of the binary.

use axum::body::Body;
use axum::extract::State;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use kairos_web::Asset;

use super::Api;
use super::caller::Peer;
use super::error::ApiError;
use super::gatekeeper::host;

/// Serves a page or file of the web app; everything else is not found.
pub(super) async fn serve(
    State(api): State<Api>,
    peer: Peer,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let path = uri.path();
    let asset = match path {
        "/" | "/admin" | "/trust" | "/watch" => Some(kairos_web::index()),
        "/mirror" => Some(kairos_web::mirror()),
        _ => kairos_web::get(path),
    };
    match asset {
        Some(asset) if method == Method::GET || method == Method::HEAD => {
            let mut answer = answer(asset, &headers);
            let secure = api.trust.https_port.filter(|_| !peer.secure);
            answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy(&headers, secure));
            answer
        }
        Some(_) => ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This page can only be read.")
            .into_response(),
        None => ApiError::not_found("There is nothing at this address.").into_response(),
    }
}

fn answer(asset: &'static Asset, headers: &HeaderMap) -> Response {
    let says = |name: header::HeaderName, what: &str| {
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).any(|value| value.contains(what))
    };
    let gzip = asset.gzip.filter(|_| says(header::ACCEPT_ENCODING, "gzip"));
    // The two encodings are different bytes and need different tags.
    let etag =
        if gzip.is_some() { format!("{}-gz\"", asset.etag.trim_end_matches('"')) } else { asset.etag.to_owned() };
    let unchanged = says(header::IF_NONE_MATCH, &etag);
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(gzip.unwrap_or(asset.bytes)))
    };
    let cache = if asset.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let out = response.headers_mut();
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        out.insert(header::ETAG, etag);
    }
    if !unchanged {
        out.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
        if gzip.is_some() {
            out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    response
}

/// What a page may load. A page that came in plain http may also ask whether it would reach the hub in https.
fn policy(headers: &HeaderMap, https_port: Option<u16>) -> HeaderValue {
    let plain = HeaderValue::from_static(kairos_web::CONTENT_SECURITY_POLICY);
    let (Some(port), Some(host)) = (https_port, host(headers)) else { return plain };
    let Some(name) = host.parse::<Authority>().ok().map(|authority| authority.host().to_owned()) else { return plain };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-[]:".contains(&byte);
    if !name.bytes().all(is_name) {
        return plain;
    }
    let wider = format!("connect-src 'self' https://{name}:{port}");
    let policy = kairos_web::CONTENT_SECURITY_POLICY.replacen("connect-src 'self'", &wider, 1);
    HeaderValue::from_str(&policy).unwrap_or(plain)
}
