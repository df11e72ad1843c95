//! The engine's questions, answered for the connection in whose task they are asked.

use super::access::{self, Direction, Kind};
use super::registry::{Link, OwnedWill, Registry};
use super::retained::Ledger;
use super::{Gate, NotSaved, Publish, Reason, Refusal, Settled};
use mqtt5::QoS;
use mqtt5::broker::auth::{AuthProvider, AuthResult};
use mqtt5::broker::events::{
    BrokerEventHandler, ClientConnectEvent, ClientDisconnectEvent, ClientPublishEvent, PublishAction, RetainedSetEvent,
};
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::packet::publish::PublishPacket;
use mqtt5::protocol::v5::reason_codes::ReasonCode;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

tokio::task_local! {
    /// The connection this task serves. The engine asks by client id, which a takeover makes ambiguous; the task
    /// never is.
    pub(super) static LINK: Arc<Link>;
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How long a note may hold its connection.
const NOTE: Duration = Duration::from_secs(1);
/// MQTT 5: valid, but not accepted here. "Packet too large" has no place in an acknowledgement.
const NOT_ACCEPTED: u8 = 0x83;
/// MQTT 5: a quota is used up.
const QUOTA: u8 = 0x97;
/// MQTT 5: not authorised.
const NOT_AUTHORIZED: u8 = 0x87;
/// MQTT 5: the payload is not of its format.
const PAYLOAD: u8 = 0x99;

pub(super) struct Hooks {
    pub(super) gate: Arc<dyn Gate>,
    pub(super) registry: Arc<Registry>,
    pub(super) ledger: Ledger,
    pub(super) max_event: usize,
    pub(super) commit_timeout: Duration,
}

fn link() -> Option<Arc<Link>> {
    LINK.try_with(Arc::clone).ok()
}

impl Hooks {
    fn refuse(&self, link: &Link, what: Refusal) {
        self.gate.refused(Some(&link.grant.credential), what);
    }

    /// Says no in the acknowledgement to come. False when this client cannot be told: 3.1.1 knows no such answer.
    fn say_no(&self, link: &Link, id: Option<u16>, code: u8, what: Refusal) -> bool {
        self.refuse(link, what);
        Self::answer_no(link, id, code)
    }

    fn answer_no(link: &Link, id: Option<u16>, code: u8) -> bool {
        let (5, Some(id)) = (link.level, id) else {
            return false;
        };
        link.verdicts.lock().unwrap_or_else(PoisonError::into_inner).push((id, code));
        true
    }

    async fn publish(&self, link: &Link, event: ClientPublishEvent) -> PublishAction {
        let publish = Publish {
            credential: &link.grant.credential,
            topic: &event.topic,
            payload: &event.payload,
            qos: event.qos as u8,
            retain: event.retain,
        };
        let kind = access::kind(&link.grant, &event.topic);
        match kind {
            Kind::State => {
                if event.retain && !self.ledger.fits(&event.topic, event.payload.len()) {
                    let _ = self.say_no(link, event.packet_id, QUOTA, Refusal::RetainedFull);
                    return PublishAction::Handled;
                }
                self.note(publish).await;
                PublishAction::Continue
            }
            // A broker or a library repeats what is retained; nobody pressed anything.
            Kind::Event | Kind::Hello if event.retain => {
                self.refuse(link, Refusal::RetainedEvent);
                if kind == Kind::Event {
                    Self::settled_no(link, &event, NOT_ACCEPTED);
                }
                PublishAction::Handled
            }
            Kind::Hello => {
                self.note(publish).await;
                PublishAction::Handled
            }
            Kind::Event | Kind::Command => {
                if event.payload.len() > self.max_event {
                    if !self.say_no(link, event.packet_id, NOT_ACCEPTED, Refusal::EventTooLarge) {
                        link.token.cancel();
                    }
                    return PublishAction::Handled;
                }
                match self.settle(publish).await {
                    Ok(Settled::Saved) => {}
                    Ok(Settled::Refused(reason)) => {
                        Self::settled_no(link, &event, code(reason));
                        return PublishAction::Handled;
                    }
                    Err(NotSaved) => {
                        // No acknowledgement passes the guard from here on.
                        link.token.cancel();
                        self.refuse(link, Refusal::NotSaved);
                        return PublishAction::Handled;
                    }
                }
                // Only the hub reads device events; routing them would let a stalled subscriber hold the
                // acknowledgement back.
                if kind == Kind::Event { PublishAction::Handled } else { live_copy(&event) }
            }
        }
    }

    /// Says in the acknowledgement that an event will never be saved. Only where one packet ends the exchange: at
    /// `QoS` 2 the engine waits for the client's next step, which after a refusal never comes.
    fn settled_no(link: &Link, event: &ClientPublishEvent, code: u8) {
        if event.qos == QoS::AtLeastOnce {
            Self::answer_no(link, event.packet_id, code);
        }
    }

    async fn settle(&self, publish: Publish<'_>) -> Result<Settled, NotSaved> {
        timeout(self.commit_timeout, self.gate.event(publish)).await.unwrap_or(Err(NotSaved))
    }

    async fn note(&self, publish: Publish<'_>) {
        let _ = timeout(NOTE, self.gate.note(publish)).await;
    }

    async fn note_will(&self, link: &Link, will: &OwnedWill) {
        self.note(Publish {
            credential: &link.grant.credential,
            topic: &will.topic,
            payload: &will.payload,
            qos: will.qos,
            retain: will.retain,
        })
        .await;
    }
}

fn code(reason: Reason) -> u8 {
    match reason {
        Reason::Payload => PAYLOAD,
        Reason::NotAuthorized => NOT_AUTHORIZED,
        Reason::NotAccepted => NOT_ACCEPTED,
    }
}

/// A command is taken once, so what is routed on is never retained.
fn live_copy(event: &ClientPublishEvent) -> PublishAction {
    if !event.retain {
        return PublishAction::Continue;
    }
    let mut packet = PublishPacket::new(event.topic.to_string(), event.payload.clone(), event.qos);
    packet.packet_id = event.packet_id;
    PublishAction::Transform(packet)
}

impl AuthProvider for Hooks {
    /// The login was judged before the engine saw the connection. It learns no name either: it would tell every
    /// subscriber, and its sessions are told apart by their names, which hold the credential.
    fn authenticate<'a>(
        &'a self,
        _connect: &'a ConnectPacket,
        _peer: SocketAddr,
    ) -> Answer<'a, mqtt5::Result<AuthResult>> {
        let result = link().map_or_else(|| AuthResult::fail(ReasonCode::NotAuthorized), |_| AuthResult::success());
        Box::pin(std::future::ready(Ok(result)))
    }

    fn authorize_publish<'a>(&'a self, session: &str, _user: Option<&'a str>, topic: &'a str) -> Answer<'a, bool> {
        if let Some(link) = link() {
            let allowed = access::may(&link.grant, Direction::Publish, topic);
            if !allowed {
                self.refuse(&link, Refusal::Publish);
            }
            return Box::pin(std::future::ready(allowed));
        }
        // Outside a connection only a delayed will asks.
        let link = self.registry.take_will(session);
        Box::pin(async move {
            let Some(link) = link else { return false };
            let Some(will) = link.will.as_ref().filter(|will| will.topic == topic) else {
                return false;
            };
            self.note_will(&link, will).await;
            true
        })
    }

    fn authorize_subscribe<'a>(&'a self, _session: &str, _user: Option<&'a str>, filter: &'a str) -> Answer<'a, bool> {
        let allowed = link().is_some_and(|link| {
            let allowed = access::may(&link.grant, Direction::Subscribe, filter);
            if !allowed {
                self.refuse(&link, Refusal::Subscribe);
            }
            allowed
        });
        Box::pin(std::future::ready(allowed))
    }
}

impl BrokerEventHandler for Hooks {
    fn on_client_connect<'a>(&'a self, _event: ClientConnectEvent) -> Answer<'a, ()> {
        if let Some(link) = link()
            && self.registry.online(&link)
        {
            self.gate.connected(&link.grant.credential, true);
        }
        Box::pin(std::future::ready(()))
    }

    fn on_client_publish<'a>(&'a self, event: ClientPublishEvent) -> Answer<'a, PublishAction> {
        Box::pin(async move {
            match link() {
                Some(link) => self.publish(&link, event).await,
                None => PublishAction::Handled,
            }
        })
    }

    fn on_client_disconnect<'a>(&'a self, event: ClientDisconnectEvent) -> Answer<'a, ()> {
        Box::pin(async move {
            let Some(link) = link().filter(|_| event.unexpected) else {
                return;
            };
            match &link.will {
                Some(will) if will.delay.is_zero() => self.note_will(&link, will).await,
                Some(_) => self.registry.delay_will(&link),
                None => {}
            }
        })
    }

    fn on_retained_set<'a>(&'a self, event: RetainedSetEvent) -> Answer<'a, ()> {
        Box::pin(async move {
            let payload = (!event.cleared).then_some(&event.payload);
            if !self.ledger.set(&event.topic, payload) {
                return;
            }
            let kept = self.gate.retained_set(&event.topic, payload.map(AsRef::as_ref), event.qos as u8);
            let kept = timeout(self.commit_timeout, kept).await.unwrap_or(Err(NotSaved));
            if kept.is_err() {
                self.ledger.unset(&event.topic);
                let link = link();
                self.gate.refused(link.as_ref().map(|link| link.grant.credential.as_str()), Refusal::RetainedNotSaved);
            }
        })
    }
}
