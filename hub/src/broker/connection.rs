//! The life of one connection, on whatever stream: CONNECT, login, registration, the engine, the end.

use super::connect::{self, Code, Connect, Unreadable};
use super::guard::{Guard, Parts};
use super::handle::Core;
use super::hooks::LINK;
use super::registry::{Candidate, Denied, Link, OwnedWill, Registered};
use super::settings::small;
use super::{BoxFuture, Class, Login, Refusal, Refused, access};
use crate::net::Permit;
use mqtt5::broker::client_handler::ClientHandler;
use mqtt5::broker::transport::BrokerTransport;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tracing::debug;

/// Serves one client until its connection ends. Every step before the engine shares the permit's deadline.
pub(super) async fn serve<S>(core: Arc<Core>, mut stream: S, peer: SocketAddr, permit: Permit)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut buffer = Vec::new();
    let introduced = tokio::select! {
        () = core.stop.cancelled() => return,
        introduced = permit.handshake(introduce(&core, &mut stream, &mut buffer, peer)) => introduced,
    };
    let Ok(Some(client)) = introduced else {
        if introduced.is_err() {
            core.hooks.gate.refused(None, Refusal::Handshake);
        }
        return;
    };
    drop(buffer);
    if !permit.established() {
        return;
    }
    run(&core, client, stream, peer).await;
}

/// A client that may come in.
struct Client {
    registered: Registered,
    connect: Vec<u8>,
    early: Vec<u8>,
    assigned: Option<String>,
}

/// Reads and judges the CONNECT; refuses in the client's own version.
async fn introduce<S>(core: &Arc<Core>, stream: &mut S, buffer: &mut Vec<u8>, peer: SocketAddr) -> Option<Client>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let gate = &core.hooks.gate;
    let read = connect::read(stream, buffer, core.settings.max_connect).await;
    let parsed = read.and_then(|(head, end)| {
        let connect = Connect::parse(buffer.get(head..end).unwrap_or_default())?;
        Ok((connect, buffer.get(end..).unwrap_or_default().to_vec()))
    });
    let (connect, early) = match parsed {
        Ok(parsed) => parsed,
        Err(reason) => {
            debug!(%reason, "A client was turned away at its CONNECT.");
            if reason == Unreadable::Version {
                turn_away(stream, 4, Code::Version).await;
            }
            gate.refused(None, Refusal::Handshake);
            return None;
        }
    };
    match admit(core, &connect, peer).await {
        Ok((registered, assigned)) => {
            let connect = connect.rewritten(&registered.link.session, transient(registered.link.grant.class));
            Some(Client { registered, connect, early, assigned })
        }
        Err(code) => {
            turn_away(stream, connect.level, code).await;
            None
        }
    }
}

/// Pairing leaves nothing behind that the next holder of the topic could pick up.
fn transient(class: Class) -> bool {
    class == Class::Pair
}

async fn admit(
    core: &Arc<Core>,
    connect: &Connect<'_>,
    peer: SocketAddr,
) -> Result<(Registered, Option<String>), Code> {
    let gate = &core.hooks.gate;
    if connect.enhanced {
        return Err(Code::Method);
    }
    if connect.client_id.is_empty() && connect.level == 4 && !connect.clean {
        return Err(Code::ClientId);
    }
    // Before the login is judged, so that a revocation in between is seen.
    let ticket = core.registry.ticket();
    let login = Login { client_id: connect.client_id, username: connect.username, password: connect.password, peer };
    let grant = gate.authenticate(login).await.map_err(|refused| {
        gate.refused(None, Refusal::Login);
        match refused {
            Refused::Credentials => Code::Credentials,
            Refused::NotAllowed => Code::NotAuthorized,
            Refused::TooOften => Code::TooOften,
            Refused::Unavailable => Code::Unavailable,
        }
    })?;
    let refuse = |what, code| {
        gate.refused(Some(&grant.credential), what);
        Err(code)
    };
    if let Some(will) = &connect.will
        && !access::may_leave_will(&grant, will.topic)
    {
        return refuse(Refusal::Will, Code::NotAuthorized);
    }
    let assigned = connect.client_id.is_empty().then(random_name);
    let name = assigned.as_deref().unwrap_or(connect.client_id);
    let candidate = Candidate {
        session: connect::session_id(&grant.credential, name),
        grant: grant.clone(),
        level: connect.level,
        will: connect.will.map(|will| OwnedWill {
            topic: will.topic.to_owned(),
            payload: will.payload.to_vec(),
            qos: will.qos,
            retain: will.retain,
            delay: Duration::from_secs(u64::from(will.delay)),
        }),
        transient: transient(grant.class),
    };
    match core.registry.register(candidate, ticket, &core.settings) {
        Ok(registered) => Ok((registered, assigned.filter(|_| connect.level == 5))),
        Err(Denied::Revoked) => refuse(Refusal::Revoked, Code::NotAuthorized),
        Err(Denied::TooMany) => refuse(Refusal::TooManyClients, Code::Quota),
        Err(Denied::Taken) => refuse(Refusal::PairingTaken, Code::NotAuthorized),
    }
}

fn random_name() -> String {
    format!("auto-{:032x}", u128::from_be_bytes(crate::random::bytes()))
}

async fn turn_away<S: AsyncWrite + Unpin>(stream: &mut S, level: u8, code: Code) {
    let done = async {
        stream.write_all(&connect::refusal(level, code)).await?;
        stream.shutdown().await
    };
    if let Err(error) = done.await {
        debug!(%error, "A refusal did not reach its client.");
    }
}

/// How long a connection has for its end after the next one of its session has come. A link that is alive needs
/// microseconds; one that takes no bytes any more is cut.
const GRACE: Duration = Duration::from_secs(1);

/// Waits until older connections of a session have ended and their wills are out, so that a device's `online` is
/// never followed by the `offline` of its own past.
async fn last_words(elders: Vec<Arc<Link>>, patience: Duration) {
    let all_gone = async || {
        for elder in &elders {
            elder.gone().await;
        }
    };
    if timeout(GRACE, all_gone()).await.is_ok() {
        return;
    }
    for elder in &elders {
        elder.token.cancel();
    }
    // It takes longer only while the disk hangs; then the newcomer goes on all the same.
    let _ = timeout(patience, all_gone()).await;
}

async fn run<S>(core: &Arc<Core>, client: Client, stream: S, peer: SocketAddr)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let Client { mut registered, connect, early, assigned } = client;
    // In this order: a shutdown that is not seen here will be heard.
    let goodbye = core.shutdown.subscribe();
    if core.stop.is_cancelled() {
        return;
    }
    for session in &registered.forgotten {
        core.forget(session).await;
    }
    let link = Arc::clone(&registered.link);
    let elders = std::mem::take(&mut registered.elders);
    let after: Option<BoxFuture<'static, ()>> =
        // What holds an older one up longest is an event that is being saved.
        (!elders.is_empty()).then(|| Box::pin(last_words(elders, core.settings.commit_timeout)) as _);
    let class = link.grant.class;
    let guard = Guard::new(Parts {
        stream,
        peer,
        level: link.level,
        connect,
        early,
        assigned,
        after,
        token: link.token.clone(),
        bucket: Arc::clone(&link.bucket),
        verdicts: Arc::clone(&link.verdicts),
        max_packet: core.settings.packet(class),
        stall: core.settings.write_stall,
    });
    let engine = ClientHandler::new(
        // The one variant that takes a stream of somebody else's.
        BrokerTransport::WebSocket(Box::new(guard)),
        peer,
        Arc::clone(if small(class) { &core.device_config } else { &core.other_config }),
        Arc::clone(&core.router),
        Arc::clone(&core.hooks) as Arc<_>,
        Some(Arc::clone(&core.storage)),
        Arc::clone(&core.stats),
        Arc::clone(&core.monitor),
        goodbye,
    );
    let ended = Presence { core, link: &link };
    if let Err(error) = LINK.scope(Arc::clone(&link), Box::pin(engine.run())).await {
        debug!(%error, credential = %link.grant.credential, "A connection ended.");
    }
    drop(ended);
    let revoked = link.is_revoked();
    drop(registered);
    if revoked {
        core.forget(&link.session).await;
    }
}

/// Says that a credential is offline when its connection ends, also by a panic.
struct Presence<'a> {
    core: &'a Core,
    link: &'a Link,
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        if self.core.registry.offline(self.link) {
            self.core.hooks.gate.connected(&self.link.grant.credential, false);
        }
    }
}
