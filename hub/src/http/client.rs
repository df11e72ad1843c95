//! Who really asks: the peer, or whom a listed proxy speaks for.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;

use super::server::Secure;
use crate::config::Network;

/// The client's address, and whether its connection is encrypted.
///
/// `X-Forwarded-*` is believed only from listed proxies, and only the last address that is not a listed
/// proxy itself: everything before it was written by whoever asked.
pub(super) fn client(
    peer: SocketAddr,
    secure: Secure,
    headers: &HeaderMap,
    proxies: &[Network],
) -> (SocketAddr, Secure) {
    let listed = |address: IpAddr| proxies.iter().any(|network| network.contains(address));
    if !listed(peer.ip()) {
        return (peer, secure);
    }
    let all = |name: &str| -> Vec<String> {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).map(|part| part.trim().to_owned()).collect()
    };
    let mut address = peer.ip();
    for part in all("x-forwarded-for").iter().rev() {
        // What cannot be read ends the chain that can be believed.
        let Ok(next) = part.trim_matches(['[', ']']).parse() else { break };
        address = next;
        if !listed(next) {
            break;
        }
    }
    let encrypted = all("x-forwarded-proto").last().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    (SocketAddr::new(address, peer.port()), Secure(secure.0 || encrypted))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_listed_proxy_is_believed_and_only_its_own_word() {
        let env = [("KAIROS_HTTP_TRUSTED_PROXIES".to_owned(), "127.0.0.1,172.16.0.0/12".to_owned())];
        let proxies = crate::config::Config::load(None, env, &[]).unwrap().http.trusted_proxies;
        let ask = |peer: &str, forwarded: &str, proto: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", HeaderValue::from_str(forwarded).unwrap());
            headers.insert("x-forwarded-proto", HeaderValue::from_str(proto).unwrap());
            let (address, secure) =
                client(SocketAddr::new(peer.parse().unwrap(), 9), Secure(false), &headers, &proxies);
            (address.ip().to_string(), secure.0)
        };
        for (peer, forwarded, proto, expected, secure) in [
            ("192.168.1.5", "10.0.0.1", "https", "192.168.1.5", false),
            ("127.0.0.1", "192.168.1.5", "https", "192.168.1.5", true),
            ("127.0.0.1", "1.2.3.4, 192.168.1.5, 172.17.0.2", "http", "192.168.1.5", false),
            ("127.0.0.1", "nonsense", "https", "127.0.0.1", true),
            ("172.17.0.2", "[2001:db8::1]", "https", "2001:db8::1", true),
        ] {
            assert_eq!(ask(peer, forwarded, proto), (expected.to_owned(), secure), "{peer} {forwarded}");
        }
    }
}
