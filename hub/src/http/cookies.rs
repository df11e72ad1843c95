//! The refresh token as a cookie, for browsers: no script ever sees it.
//!
//! On https the cookie is `__Host-kairos_refresh`, which a plain page can neither read nor set; on plain
//! http it is `kairos_refresh_lan`. The two are families of their own.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::gatekeeper::same_origin;
use crate::auth::sessions::{self, Channel};

const SECURE: &str = "__Host-kairos_refresh";
const LAN: &str = "kairos_refresh_lan";
/// A browser that wants cookies says so. A foreign page cannot: the header is not one it may send.
const WANTED: HeaderName = HeaderName::from_static("x-kairos-cookie");

/// By which way a new refresh token goes to this client.
pub(super) fn wanted(headers: &HeaderMap, secure: bool) -> Channel {
    if headers.get(WANTED).is_some_and(|value| value == "1") { of_page(secure) } else { Channel::Body }
}

/// The family of cookies of a page.
pub(super) fn of_page(secure: bool) -> Channel {
    if secure { Channel::SecureCookie } else { Channel::LanCookie }
}

/// The refresh token the browser holds for this page.
pub(super) fn read(headers: &HeaderMap, secure: bool) -> Option<String> {
    let name = if secure { SECURE } else { LAN };
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value.to_owned())
}

/// Whether the hub's own page is asking. A browser sends cookies wherever a request comes from; it also
/// says where that is, in at least one of two headers.
pub(super) fn own_page(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    let said = site.is_some() || headers.contains_key(header::ORIGIN);
    said && site.is_none_or(|site| site == "same-origin") && same_origin(headers)
}

/// Gives the browser a refresh token.
pub(super) fn set(channel: Channel, token: &str) -> Option<HeaderValue> {
    write(channel, token, sessions::LIFETIME / 1000)
}

/// Takes it away again.
pub(super) fn clear(channel: Channel) -> Option<HeaderValue> {
    write(channel, "", 0)
}

fn write(channel: Channel, token: &str, max_age: i64) -> Option<HeaderValue> {
    let line = match channel {
        Channel::Body => return None,
        // The __Host- prefix asks for Secure, no Domain, and this path.
        Channel::SecureCookie => {
            format!("{SECURE}={token}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict; Secure")
        }
        Channel::LanCookie => format!("{LAN}={token}; Path=/api/auth; Max-Age={max_age}; HttpOnly; SameSite=Strict"),
    };
    let mut value = HeaderValue::from_str(&line).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_the_hubs_own_page_may_use_the_cookie() {
        let host = ("host", "kairos.local:8420");
        let own = ("origin", "http://kairos.local:8420");
        for (list, own_one) in [
            (vec![host], false),
            (vec![host, own], true),
            (vec![host, ("sec-fetch-site", "same-origin")], true),
            (vec![host, own, ("sec-fetch-site", "same-origin")], true),
            (vec![host, own, ("sec-fetch-site", "same-site")], false),
            (vec![host, ("sec-fetch-site", "cross-site")], false),
            (vec![host, ("sec-fetch-site", "none")], false),
            (vec![host, ("origin", "null")], false),
            (vec![host, ("origin", "http://evil.example")], false),
            (vec![host, ("origin", "http://kairos.local")], false),
            (vec![host, ("origin", "http://evil.example"), ("sec-fetch-site", "same-origin")], false),
            (vec![own], false),
        ] {
            assert_eq!(own_page(&headers(&list)), own_one, "{list:?}");
        }
    }

    #[test]
    fn each_page_has_its_own_cookie() {
        let both = headers(&[("cookie", "a=b; __Host-kairos_refresh=one; kairos_refresh_lan=two")]);
        assert_eq!(read(&both, true).as_deref(), Some("one"));
        assert_eq!(read(&both, false).as_deref(), Some("two"));
        assert_eq!(read(&headers(&[("cookie", "xkairos_refresh_lan=two")]), false), None);
        assert_eq!(
            set(Channel::SecureCookie, "t").unwrap(),
            "__Host-kairos_refresh=t; Path=/; Max-Age=7776000; HttpOnly; SameSite=Strict; Secure"
        );
        assert_eq!(
            clear(Channel::LanCookie).unwrap(),
            "kairos_refresh_lan=; Path=/api/auth; Max-Age=0; HttpOnly; SameSite=Strict"
        );
        assert_eq!(set(Channel::Body, "t"), None);
    }
}
