//! Before any handler: is this request for us, from where it may come, and is the hub set up?

use std::net::IpAddr;
use std::sync::{PoisonError, RwLock};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::{Api, sync};

/// The names the hub answers to, besides addresses, localhost and single words.
#[derive(Debug, Default)]
pub struct Hosts {
    /// From the settings, and the name under which it was set up.
    fixed: RwLock<Vec<String>>,
    /// Its own mDNS name, which a conflict can change.
    own: RwLock<String>,
}

impl Hosts {
    /// The names of the settings, in lower case.
    #[must_use]
    pub fn new(names: Vec<String>) -> Self {
        Self { fixed: RwLock::new(names), own: RwLock::default() }
    }

    /// Takes the present mDNS name, such as `kairos.local`.
    pub fn set_own(&self, name: &str) {
        name.trim_end_matches('.')
            .to_ascii_lowercase()
            .clone_into(&mut self.own.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Takes a name a person has proved, by setting the hub up under it.
    pub fn learn(&self, host: &str) {
        let (Some(name), false) = (name_of(host), self.allows(host)) else { return };
        self.fixed.write().unwrap_or_else(PoisonError::into_inner).push(name);
    }

    /// Whether a `Host` header names this hub. Guards against DNS rebinding: a foreign site that
    /// resolves to our address still says its own name.
    #[must_use]
    pub fn allows(&self, host: &str) -> bool {
        let Some(name) = name_of(host) else { return false };
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        bare.parse::<IpAddr>().is_ok()
            || !name.contains('.')
            || name.ends_with(".localhost")
            || *self.own.read().unwrap_or_else(PoisonError::into_inner) == name
            || self.fixed.read().unwrap_or_else(PoisonError::into_inner).contains(&name)
    }
}

/// The name in `host[:port]`, in lower case and without a final dot.
fn name_of(host: &str) -> Option<String> {
    let uri: Uri = host.parse().ok()?;
    let authority = uri.authority()?;
    if authority.as_str().contains('@') {
        return None;
    }
    Some(authority.host().trim_end_matches('.').to_ascii_lowercase()).filter(|name| !name.is_empty())
}

/// The `Host` of a request; absent or doubled, it names nobody.
pub(super) fn host(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::HOST).iter();
    let first = all.next()?.to_str().ok()?;
    if all.next().is_some() { None } else { Some(first) }
}

/// Whether an `Origin`, if there is one, is the page's own: same host, same port.
pub(super) fn same_origin(headers: &HeaderMap) -> bool {
    let mut all = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = all.next() else { return true };
    let (Ok(origin), None, Some(host)) = (origin.to_str(), all.next(), host(headers)) else { return false };
    origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
}

/// Paths that answer whatever the `Host`: they tell nothing about people, and supervisors use odd names.
pub(super) fn open_to_any_host(path: &str) -> bool {
    path == "/health" || path.starts_with("/probes/") || path.ends_with("/.well-known/jwks.json")
}

/// What answers before the hub is set up, under any name: a new Pi has no browser, the code protects it.
pub(super) fn open_before_setup(path: &str) -> bool {
    open_to_any_host(path)
        || path == "/api/setup"
        || path == "/api/trust"
        || path == "/metrics"
        || !(path.starts_with("/api/") || path == "/mqtt" || sync::is_ours(path))
}

/// The middleware. Where pages from anywhere may ask, every answer says so: also one that refuses.
pub(super) async fn check(State(api): State<Api>, request: Request, next: Next) -> Response {
    if !sync::open_to_any_origin(request.uri().path()) {
        return judge(api, request, next, same_origin).await;
    }
    if request.method() == Method::OPTIONS {
        return harden(cross_origin(StatusCode::NO_CONTENT.into_response(), true));
    }
    cross_origin(judge(api, request, next, |_| true).await, false)
}

/// Lets a page from anywhere read the answer. It has no cookie of ours: what it may ask is in the token it holds.
fn cross_origin(mut response: Response, asked_before: bool) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Content-Type"));
    if asked_before {
        let methods = HeaderValue::from_static("GET,HEAD,POST,PUT,PATCH,DELETE");
        let allowed =
            HeaderValue::from_static("Content-Type, Authorization, User-Agent, X-User-Agent, Idempotency-Key");
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    }
    response
}

async fn judge(api: Api, request: Request, next: Next, origin: fn(&HeaderMap) -> bool) -> Response {
    let path = request.uri().path();
    let setup = api.auth.setup_needed();
    if setup && !open_before_setup(path) {
        let message = "This hub is not set up yet. Open its page and enter the setup code.";
        return harden(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "setup_required", message).into_response());
    }
    let named = setup || open_to_any_host(path) || host(request.headers()).is_some_and(|host| api.hosts.allows(host));
    if !named {
        let message =
            "The hub does not know itself by this name. To allow it, add the name to http.names in config.yaml.";
        return harden(ApiError::new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", message).into_response());
    }
    // A page from elsewhere may neither read nor change anything here; scripts send no Origin.
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if !safe && !origin(request.headers()) {
        return harden(ApiError::forbidden("This page may not speak to the hub.").into_response());
    }
    let most = match request.uri().path() {
        "/api/imports" => super::imports::MAX_FILE,
        "/api/data" => super::data::MAX_UPLOAD,
        _ => super::MAX_BODY,
    };
    if announced_length(request.headers()).is_some_and(|length| length > most as u64) {
        let message = "The body is larger than the hub takes.";
        return harden(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message).into_response());
    }
    harden(next.run(request).await)
}

/// What the body's length is said to be; one that is sent in chunks is counted while it comes.
fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Headers every answer carries.
fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_hosts() {
        let hosts = Hosts::new(vec!["habits.example.org".into()]);
        hosts.set_own("Kairos.local.");
        for fine in [
            "127.0.0.1",
            "192.168.1.5:8420",
            "[::1]:8420",
            "localhost:8420",
            "kairos",
            "pi:80",
            "kairos.local",
            "KAIROS.local:8420",
            "kairos.local.",
            "habits.example.org",
            "a.localhost",
        ] {
            assert!(hosts.allows(fine), "{fine}");
        }
        for foreign in [
            "",
            "evil.example",
            "kairos.local.evil.example",
            "kairos-2.local",
            "a@127.0.0.1",
            "127.0.0.1.nip.io",
            "localhost.evil.example:8420",
            "habits.example.org.",
            "ü.example",
        ] {
            assert_eq!(hosts.allows(foreign), foreign == "habits.example.org.", "{foreign}");
        }
        hosts.set_own("kairos-2.local.");
        assert!(hosts.allows("kairos-2.local") && !hosts.allows("kairos.local"));
        hosts.learn("home.example:8420");
        assert!(hosts.allows("home.example"));
    }

    #[test]
    fn a_table_of_origins() {
        let with = |origin: &[&str]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("kairos.local:8420"));
            for origin in origin {
                headers.append(header::ORIGIN, HeaderValue::from_str(origin).unwrap_or(HeaderValue::from_static("?")));
            }
            same_origin(&headers)
        };
        assert!(with(&[]) && with(&["http://kairos.local:8420"]) && with(&["https://KAIROS.local:8420"]));
        for foreign in [
            "null",
            "http://evil.example",
            "http://kairos.local",
            "http://kairos.local:8421",
            "kairos.local:8420",
            "http://kairos.local:8420.evil.example",
        ] {
            assert!(!with(&[foreign]), "{foreign}");
        }
        assert!(!with(&["http://kairos.local:8420", "http://evil.example"]));
    }
}
