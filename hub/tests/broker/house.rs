//! A broker on free ports with a gate that remembers what it was asked.

use hyper_util::rt::TokioIo;
use kairos_hub::broker::{
    BoxFuture, Broker, Class, Gate, Grant, Login, NotSaved, Publish, Reason, Refusal, Refused, Retained, Settings,
    Settled, websocket,
};
use kairos_hub::net::bind;
use kairos_hub::net::tls::{Source, Tls};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

/// How long anything that must happen may take.
pub const SOON: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub credential: String,
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: u8,
    pub retain: bool,
}

impl From<Publish<'_>> for Seen {
    fn from(p: Publish<'_>) -> Self {
        Self {
            credential: p.credential.into(),
            topic: p.topic.into(),
            payload: p.payload.into(),
            qos: p.qos,
            retain: p.retain,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Saving {
    #[default]
    Works,
    Refuses(Reason),
    Fails,
    Hangs,
}

#[derive(Default)]
pub struct Log {
    pub events: Vec<Seen>,
    pub notes: Vec<Seen>,
    pub retained: BTreeMap<String, Vec<u8>>,
    pub writes: usize,
    pub refused: Vec<(Option<String>, Refusal)>,
    pub presence: Vec<(String, bool)>,
    pub saving: Saving,
    /// Events whose saving hangs.
    pub waiting: usize,
    pub revoked: HashSet<String>,
    pub logins: usize,
}

#[derive(Default)]
pub struct TestGate {
    log: Mutex<Log>,
    changed: Notify,
    /// Logins wait here while it is set.
    pub hold: Mutex<Option<Arc<Notify>>>,
}

impl TestGate {
    pub fn with<T>(&self, look: impl FnOnce(&mut Log) -> T) -> T {
        let result = look(&mut self.log.lock().unwrap());
        self.changed.notify_waiters();
        result
    }

    /// Waits until the log answers.
    pub async fn until<T>(&self, what: &str, mut look: impl FnMut(&mut Log) -> Option<T>) -> T {
        let waiting = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if let Some(found) = look(&mut self.log.lock().unwrap()) {
                    return found;
                }
                changed.await;
            }
        };
        tokio::time::timeout(SOON, waiting).await.unwrap_or_else(|_| panic!("never saw: {what}"))
    }

    pub async fn refusal(&self, what: Refusal) {
        self.until(what.name(), |log| log.refused.iter().any(|(_, seen)| *seen == what).then_some(())).await;
    }
}

/// Everybody's password.
pub const PASSWORD: &[u8] = b"pass word";

fn people(client_id: &str) -> HashMap<&'static str, Grant> {
    let grant = |class, prefixes: &[&str], credential: &str| Grant {
        credential: credential.into(),
        class,
        prefixes: prefixes.iter().map(ToString::to_string).collect(),
    };
    let hw = format!("kairos/pair/{client_id}");
    HashMap::from([
        ("a", grant(Class::Device, &["kairos/device/a"], "a")),
        ("b", grant(Class::Device, &["kairos/device/b"], "b")),
        ("esp", grant(Class::Foreign, &["esp-kitchen"], "esp")),
        ("zigbee", grant(Class::Bridge, &["zigbee2mqtt/#"], "zigbee")),
        ("home", grant(Class::HomeAssistant, &["homeassistant"], "home")),
        ("tool", grant(Class::Hub, &[], "tool")),
        ("pair", grant(Class::Pair, &[&hw], &format!("pair:{client_id}"))),
    ])
}

impl Gate for TestGate {
    fn authenticate<'a>(&'a self, login: Login<'a>) -> BoxFuture<'a, Result<Grant, Refused>> {
        Box::pin(async move {
            let user = login.username.ok_or(Refused::Credentials)?;
            let grant = people(login.client_id).remove(user).ok_or(Refused::Credentials)?;
            if user != "pair" && login.password != Some(PASSWORD) {
                return Err(Refused::Credentials);
            }
            if self.with(|log| {
                log.logins += 1;
                log.revoked.contains(user)
            }) {
                return Err(Refused::Credentials);
            }
            let hold = self.hold.lock().unwrap().clone();
            if let Some(hold) = hold {
                hold.notified().await;
            }
            Ok(grant)
        })
    }

    fn event<'a>(&'a self, publish: Publish<'a>) -> BoxFuture<'a, Result<Settled, NotSaved>> {
        Box::pin(async move {
            match self.with(|log| log.saving) {
                Saving::Works => {
                    self.with(|log| log.events.push(publish.into()));
                    Ok(Settled::Saved)
                }
                Saving::Refuses(reason) => Ok(Settled::Refused(reason)),
                Saving::Fails => Err(NotSaved),
                Saving::Hangs => {
                    self.with(|log| log.waiting += 1);
                    std::future::pending().await
                }
            }
        })
    }

    fn note<'a>(&'a self, publish: Publish<'a>) -> BoxFuture<'a, ()> {
        self.with(|log| log.notes.push(publish.into()));
        Box::pin(async {})
    }

    fn retained_set<'a>(
        &'a self,
        topic: &'a str,
        payload: Option<&'a [u8]>,
        _qos: u8,
    ) -> BoxFuture<'a, Result<(), NotSaved>> {
        Box::pin(async move {
            if self.with(|log| log.saving) == Saving::Hangs {
                std::future::pending::<()>().await;
            }
            self.with(|log| {
                log.writes += 1;
                match payload {
                    Some(payload) => log.retained.insert(topic.into(), payload.into()),
                    None => log.retained.remove(topic),
                };
            });
            Ok(())
        })
    }

    fn connected(&self, credential: &str, online: bool) {
        self.with(|log| log.presence.push((credential.into(), online)));
    }

    fn refused(&self, credential: Option<&str>, what: Refusal) {
        self.with(|log| log.refused.push((credential.map(Into::into), what)));
    }
}

pub struct House {
    pub gate: Arc<TestGate>,
    pub broker: Broker,
    pub mqtt: SocketAddr,
    pub mqtts: SocketAddr,
    pub websocket: SocketAddr,
    pub tls: Tls,
    _folder: tempfile::TempDir,
}

pub fn settings() -> Settings {
    Settings { commit_timeout: Duration::from_millis(300), ..Settings::default() }
}

impl House {
    pub async fn new() -> Self {
        Self::with(settings(), Vec::new()).await
    }

    pub async fn with(settings: Settings, retained: Vec<Retained>) -> Self {
        let gate = Arc::new(TestGate::default());
        let broker = Broker::start(settings, Arc::clone(&gate) as Arc<dyn Gate>, retained).await;
        let folder = tempfile::tempdir().unwrap();
        #[expect(clippy::disallowed_methods, reason = "names a certificate's term, nothing is measured")]
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let source = Source::Own { directory: folder.path().join("tls"), names: Vec::new() };
        let tls = Tls::load(source, u64::try_from(now.as_millis()).unwrap()).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let (plain, secure, web) = (bind(any).await.unwrap(), bind(any).await.unwrap(), bind(any).await.unwrap());
        let (mqtt, mqtts, websocket) =
            (plain.local_addr().unwrap(), secure.local_addr().unwrap(), web.local_addr().unwrap());
        broker.serve(plain, None);
        broker.serve(secure, Some(tls.acceptor(&[], false).unwrap()));
        tokio::spawn(serve_web(web, broker.clone()));
        Self { gate, broker, mqtt, mqtts, websocket, tls, _folder: folder }
    }
}

/// What the http module does with `/mqtt`.
async fn serve_web(listener: tokio::net::TcpListener, broker: Broker) {
    use hyper::{Request, Response, StatusCode, body::Incoming, header};
    while let Ok((stream, peer)) = listener.accept().await {
        let broker = broker.clone();
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            let broker = broker.clone();
            async move {
                let mut response = Response::new(String::new());
                match websocket::accept(request.method(), request.headers()) {
                    Ok(key) => {
                        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                        let headers = response.headers_mut();
                        headers.insert(header::UPGRADE, "websocket".parse().unwrap());
                        headers.insert(header::CONNECTION, "Upgrade".parse().unwrap());
                        headers.insert(header::SEC_WEBSOCKET_ACCEPT, key.parse().unwrap());
                        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, websocket::PROTOCOL.parse().unwrap());
                        tokio::spawn(async move {
                            if let Ok(upgraded) = hyper::upgrade::on(&mut request).await {
                                broker.serve_websocket(TokioIo::new(upgraded), peer);
                            }
                        });
                    }
                    Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
                }
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades(),
        );
    }
}
