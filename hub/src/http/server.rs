//! Accepting HTTP connections, plain and in TLS, and bounding what each may cost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::client::client;
use crate::config::Network;
use crate::net::{self, Admission, Admitted, Permit, Slot};

/// How long a client may take for the head of a request, the first and every further one.
const HEAD: Duration = Duration::from_secs(10);
/// How large a request's head may be.
const MAX_HEAD: usize = 32 * 1024;
/// How long running requests may take to end when the hub stops.
const DRAIN: Duration = Duration::from_secs(2);

/// Where HTTP is served.
pub struct Door {
    /// The bound socket.
    pub listener: TcpListener,
    /// With TLS, or plain.
    pub tls: Option<TlsAcceptor>,
}

/// Whether a request came in TLS; stands in its extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Secure(pub(super) bool);

/// The running servers.
pub struct Served {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Served {
    /// Serves the routes at each door until [`Served::stop`].
    #[must_use]
    pub fn start(doors: Vec<Door>, router: &Router, admission: &Admission, proxies: &[Network]) -> Self {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let proxies: Arc<[Network]> = proxies.into();
        for door in doors {
            let (router, ending, proxies) = (router.clone(), stop.clone(), proxies.clone());
            let handler = move |stream: TcpStream, peer: SocketAddr, permit: Permit| {
                let (tls, ending) = (door.tls.clone(), ending.clone());
                let routes = Routes { router: router.clone(), proxies: proxies.clone() };
                async move {
                    match tls {
                        None => connection(stream, (peer, Secure(false)), permit, routes, ending).await,
                        Some(tls) => {
                            if let Ok(Ok(stream)) = permit.handshake(tls.accept(stream)).await {
                                connection(stream, (peer, Secure(true)), permit, routes, ending).await;
                            }
                        }
                    }
                }
            };
            tasks.spawn(net::serve(door.listener, admission.clone(), stop.clone(), tasks.clone(), handler));
        }
        Self { stop, tasks }
    }

    /// Accepts no more, lets running requests end, and waits two seconds at most.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        let _ = tokio::time::timeout(DRAIN, self.tasks.wait()).await;
    }
}

/// Where requests go, and whose word about their senders is taken.
struct Routes {
    router: Router,
    proxies: Arc<[Network]>,
}

async fn connection<S>(
    stream: S,
    (peer, secure): (SocketAddr, Secure),
    permit: Permit,
    routes: Routes,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let slot = Slot::new(permit);
    // It holds the slot also past an upgrade, which is the end of what is served here.
    let stream = Admitted::new(stream, slot.clone());
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        // A request's head is here: only now the peer has introduced itself. The stream of a displaced one has ended.
        let _ = slot.established();
        let mut request = request.map(axum::body::Body::new);
        let (address, secure) = client(peer, secure, request.headers(), &routes.proxies);
        request.extensions_mut().insert(ConnectInfo(address));
        request.extensions_mut().insert(secure);
        request.extensions_mut().insert(slot.clone());
        routes.router.clone().oneshot(request)
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        _ = serving.as_mut() => {}
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(DRAIN, serving).await;
        }
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
