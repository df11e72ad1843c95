//! One MQTT connection of a button, from CONNECT to its end.
//!
//! A new connection is a new [`Link`]: rumqttc's own replay of unacknowledged messages would repeat them with the age
//! they had, and what must be sent again is the flash queue's business. The task that polls the connection hangs on
//! the link; dropping the link closes the socket without a DISCONNECT, as a button that loses its radio does.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, EventLoop, LastWill, MqttOptions, NetworkOptions, Outgoing,
    Packet, QoS, SubscribeFilter, SubscribeReasonCode,
};
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use crate::wire::{Incoming, Malformed, PressId, Topics};

/// Requests and events that may wait between the button and its connection. When full, the button sends later and the
/// connection reads later; nothing is dropped.
const CHANNEL: usize = 64;

/// How to reach the hub and as whom.
pub(crate) struct LinkOptions {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) client_id: String,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) keep_alive: Duration,
    pub(crate) connect_timeout: Duration,
}

/// What a connection tells its button.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// The hub accepted the login.
    Connected,
    /// The hub answered the subscriptions; so many were refused.
    Subscribed { refused: u64 },
    /// A PUBACK for this press.
    Puback(PressId),
    /// A message from the hub.
    Message(Incoming),
    /// A message that was put aside.
    Malformed(Malformed),
    /// The connection ended, for this reason. The last event.
    Closed(String),
}

/// What a message of `QoS` 1 was, so that its PUBACK can be told apart.
enum Sent {
    Press(PressId),
    Other,
}

/// Messages handed over and not yet given a packet id, in order. A std mutex: held for a push or a pop, never over an
/// await.
type Handed = Arc<Mutex<VecDeque<Sent>>>;

pub(crate) struct Link {
    client: AsyncClient,
    topics: Arc<Topics>,
    handed: Handed,
    events: mpsc::Receiver<LinkEvent>,
    silent: watch::Sender<bool>,
    /// Ends the connection when dropped.
    _task: AbortOnDropHandle<()>,
}

impl Link {
    /// Begins to connect; what comes of it arrives through [`next`](Self::next).
    pub(crate) fn open(options: &LinkOptions, topics: Arc<Topics>) -> Self {
        let mut mqtt = MqttOptions::new(options.client_id.clone(), options.host.clone(), options.port);
        mqtt.set_credentials(options.username.clone(), options.password.clone());
        mqtt.set_keep_alive(options.keep_alive);
        // What a button must know after a sleep is its retained state; it asks for nothing else to be kept.
        mqtt.set_clean_session(true);
        mqtt.set_last_will(LastWill::new(&topics.status, "offline", QoS::AtLeastOnce, true));
        mqtt.set_inflight(u16::try_from(CHANNEL).unwrap_or(u16::MAX));
        let (client, mut connection) = AsyncClient::new(mqtt, CHANNEL);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(options.connect_timeout.as_secs().max(1));
        connection.set_network_options(network);

        let handed = Handed::default();
        let (events_tx, events) = mpsc::channel(CHANNEL);
        let (silent, silenced) = watch::channel(false);
        let task = serve(connection, Arc::clone(&topics), Arc::clone(&handed), events_tx, silenced);
        Self { client, topics, handed, events, silent, _task: AbortOnDropHandle::new(tokio::spawn(task)) }
    }

    /// The next event; `None` after [`LinkEvent::Closed`].
    pub(crate) async fn next(&mut self) -> Option<LinkEvent> {
        self.events.recv().await
    }

    /// Asks for answers and lights.
    pub(crate) fn subscribe(&self) {
        let filter = |topic: &String| SubscribeFilter::new(topic.clone(), QoS::AtLeastOnce);
        // The channel is empty at this moment; were it not, the missing answers would make the button ask again.
        let _ = self.client.try_subscribe_many([filter(&self.topics.ack), filter(&self.topics.state)]);
    }

    /// Says something about the device itself, retained.
    pub(crate) fn announce(&self, topic: &str, payload: Vec<u8>) -> bool {
        self.publish(topic, true, payload, Sent::Other)
    }

    /// Sends a press. False when the connection takes no more at the moment.
    pub(crate) fn send_press(&self, press_id: PressId, payload: Vec<u8>) -> bool {
        self.publish(&self.topics.event, false, payload, Sent::Press(press_id))
    }

    fn publish(&self, topic: &str, retain: bool, payload: Vec<u8>, what: Sent) -> bool {
        // Noted before it is handed over: its packet id may be drawn at once, by the other task.
        lock(&self.handed).push_back(what);
        let taken = self.client.try_publish(topic, QoS::AtLeastOnce, retain, payload).is_ok();
        if !taken {
            lock(&self.handed).pop_back();
        }
        taken
    }

    /// Keeps the connection open and stops reading and writing it.
    pub(crate) fn fall_silent(&self) {
        self.silent.send_replace(true);
    }

    /// Takes leave: what was handed over goes out, then DISCONNECT. Returns at the end or after `patience`.
    pub(crate) async fn close(mut self, patience: Duration) {
        if self.client.try_disconnect().is_ok() {
            let drained = async { while self.events.recv().await.is_some() {} };
            let _ = tokio::time::timeout(patience, drained).await;
        }
    }
}

fn lock(handed: &Handed) -> MutexGuard<'_, VecDeque<Sent>> {
    handed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Polls the connection until it ends. Polling is never cancelled in between, except by silence or the end.
async fn serve(
    mut connection: EventLoop,
    topics: Arc<Topics>,
    handed: Handed,
    events: mpsc::Sender<LinkEvent>,
    mut silenced: watch::Receiver<bool>,
) {
    let mut under_way: HashMap<u16, Sent> = HashMap::new();
    loop {
        let polled = tokio::select! {
            polled = connection.poll() => polled,
            // The socket stays open, unread, until the link is dropped.
            () = told_to_be_silent(&mut silenced) => std::future::pending().await,
        };
        let event = match polled {
            Ok(rumqttc::Event::Outgoing(Outgoing::Publish(packet))) if packet != 0 => {
                if let Some(what) = lock(&handed).pop_front() {
                    under_way.insert(packet, what);
                }
                continue;
            }
            Ok(rumqttc::Event::Outgoing(Outgoing::Disconnect)) => return,
            Ok(rumqttc::Event::Outgoing(_)) => continue,
            Ok(rumqttc::Event::Incoming(packet)) => match understand(packet, &topics, &mut under_way) {
                Some(event) => event,
                None => continue,
            },
            Err(error) => {
                let _ = events.send(LinkEvent::Closed(reason(&error))).await;
                return;
            }
        };
        // Waits when the button is busy. The button never waits for this task, so the two cannot wait for each other.
        if events.send(event).await.is_err() {
            return;
        }
    }
}

async fn told_to_be_silent(silenced: &mut watch::Receiver<bool>) {
    let _ = silenced.wait_for(|silent| *silent).await;
}

fn understand(packet: Packet, topics: &Topics, under_way: &mut HashMap<u16, Sent>) -> Option<LinkEvent> {
    match packet {
        Packet::ConnAck(_) => Some(LinkEvent::Connected),
        Packet::SubAck(answer) => {
            let refused = answer.return_codes.iter().filter(|code| **code == SubscribeReasonCode::Failure).count();
            Some(LinkEvent::Subscribed { refused: refused as u64 })
        }
        Packet::PubAck(answer) => match under_way.remove(&answer.pkid) {
            Some(Sent::Press(press_id)) => Some(LinkEvent::Puback(press_id)),
            Some(Sent::Other) | None => None,
        },
        Packet::Publish(message) => Some(match topics.decode(&message.topic, &message.payload) {
            Ok(message) => LinkEvent::Message(message),
            Err(error) => LinkEvent::Malformed(error),
        }),
        _ => None,
    }
}

/// The end of a connection in words.
fn reason(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
        ) => "the hub refused the user name and password".into(),
        ConnectionError::ConnectionRefused(code) => {
            format!("the hub refused the connection ({code:?})")
        }
        ConnectionError::NetworkTimeout => "no answer to the connection in time".into(),
        ConnectionError::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}
