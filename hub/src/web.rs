//! One question to a web server, and its answer.
//!
//! hyper's own client on a connection of its own: hyper, rustls and their roots are in the hub anyway, and a login an hour
//! needs no pool, no cookies and no proxies. Redirects are answers like any other, so a password goes where the
//! settings say and nowhere else. Every answer is bounded in time and size.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, Method, Request, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

/// How long a question may take, from the connection to the last byte of the answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// The largest answer that is read.
const MOST: usize = 256 * 1024;

/// A web server.
pub(crate) struct Web {
    /// As the `Host` header says it.
    authority: String,
    host: String,
    port: u16,
    /// What stands before every path, without a slash at its end.
    base: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// What it answered. No `Debug`: it may hold tokens.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Null when it is no JSON.
    pub(crate) body: serde_json::Value,
}

impl Web {
    /// The server at an address, with further authorities to trust.
    pub(crate) fn at(url: &str, ca: Option<&Path>) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|_| "its address cannot be read".to_owned())?;
        let authority = uri.authority().ok_or("its address has no host")?;
        let secure = uri.scheme_str() == Some("https");
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls = if secure {
            let name =
                ServerName::try_from(host.clone()).map_err(|_| "its address has no host that could be verified")?;
            Some((connector(ca)?, name))
        } else {
            None
        };
        Ok(Self {
            authority: authority.as_str().to_owned(),
            host,
            port: authority.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            base: uri.path().trim_end_matches('/').to_owned(),
            tls,
        })
    }

    /// Asks. `token` goes into `Authorization` as it is.
    ///
    /// # Errors
    /// Why there is no answer, in words that hold nothing of what was asked.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&serde_json::Value>,
    ) -> Result<Answer, String> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(header::HOST, &self.authority)
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("kairos-hub/", env!("CARGO_PKG_VERSION")))
            .header(header::CONNECTION, "close");
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(token).map_err(|_| "a token cannot be sent".to_owned())?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let body = body.map(ToString::to_string);
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .map_err(|_| "the question cannot be sent".to_owned())?;
        match tokio::time::timeout(PATIENCE, self.exchange(request)).await {
            Ok(answered) => answered,
            Err(_) => Err(format!("no answer within {} seconds", PATIENCE.as_secs())),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let unreachable = |error: std::io::Error| format!("it cannot be reached ({error})");
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(unreachable)?;
        match &self.tls {
            None => exchange(stream, request).await,
            Some((tls, name)) => exchange(tls.connect(name.clone(), stream).await.map_err(unreachable)?, request).await,
        }
    }
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |error: hyper::Error| format!("it does not speak http as expected ({error})");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let _driven = AbortOnDropHandle::new(tokio::spawn(connection));
    let answer = sender.send_request(request).await.map_err(broken)?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), MOST).collect().await;
    let body = body.map_err(|_| "its answer was cut off, or is larger than any it should give".to_owned())?;
    Ok(Answer { status, body: serde_json::from_slice(&body.to_bytes()).unwrap_or_default() })
}

/// Trusts what browsers trust, and what the operator says.
fn connector(ca: Option<&Path>) -> Result<TlsConnector, String> {
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = ca {
        let cannot = |error: String| format!("cannot use {}: {error}", path.display());
        let found = CertificateDer::pem_file_iter(path).map_err(|error| cannot(error.to_string()))?;
        let mut count = 0;
        for certificate in found {
            let certificate = certificate.map_err(|error| cannot(error.to_string()))?;
            roots.add(certificate).map_err(|error| cannot(error.to_string()))?;
            count += 1;
        }
        if count == 0 {
            return Err(cannot("there is no certificate in it".into()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that says one thing to everybody, whatever they ask; gives its address.
    async fn saying(text: Vec<u8>) -> (String, AbortOnDropHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/base/", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut heard = [0; 1024];
                let n = stream.read(&mut heard).await.unwrap();
                assert!(heard[..n].starts_with(b"GET /base/x HTTP/1.1\r\n"));
                // Whoever has had enough hangs up.
                drop(stream.write_all(&text).await);
            }
        });
        (url, AbortOnDropHandle::new(serving))
    }

    async fn ask(text: impl Into<Vec<u8>>) -> Result<Answer, String> {
        let (url, _serving) = saying(text.into()).await;
        Web::at(&url, None).unwrap().ask(Method::GET, "/x", Some("t"), None).await
    }

    #[tokio::test]
    async fn an_answer_is_its_status_and_its_json() {
        let answer = ask("HTTP/1.1 401 No\r\nContent-Length: 14\r\n\r\n{\"status\":401}").await.unwrap();
        assert_eq!((answer.status, answer.body["status"].as_u64()), (401, Some(401)));
        let answer = ask("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await.unwrap();
        assert!(answer.body.is_null());
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_not_followed() {
        let answer = ask("HTTP/1.1 302 Found\r\nLocation: /base/x\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        assert_eq!(answer.status, 302);
    }

    #[tokio::test]
    async fn what_is_too_large_cut_off_or_no_http_is_no_answer() {
        let mut large = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", MOST + 1).into_bytes();
        large.resize(large.len() + MOST + 1, b' ');
        assert!(ask(large).await.is_err());
        assert!(ask("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await.is_err());
        assert!(ask("SSH-2.0-OpenSSH\r\n").await.is_err());
        assert!(Web::at("http://127.0.0.1:1", None).unwrap().ask(Method::GET, "/x", None, None).await.is_err());
    }
}
