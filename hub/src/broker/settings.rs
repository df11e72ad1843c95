//! Every bound of the broker, with its default.

use super::Class;
use super::rate::Rate;
use crate::net::Limits;
use std::time::Duration;

/// Bounds and times of the broker.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Connections and handshakes; websockets count like the others.
    pub limits: Limits,
    /// Largest CONNECT; a larger one ends the connection.
    pub max_connect: usize,
    /// Largest packet of a bridge, another maker's device or Home Assistant; a larger one ends the connection.
    pub max_packet: usize,
    /// Largest packet of a device of ours or a pairing board.
    pub max_device_packet: usize,
    /// Largest payload of an event. Beyond, MQTT 5 clients are told so; the connection of a 3.1.1 client, which
    /// cannot be told, ends without an acknowledgement.
    pub max_event: usize,
    /// How fast a device may send packets, acknowledgements included; a faster one is read more slowly.
    pub device_rate: Rate,
    /// The same for everybody else.
    pub other_rate: Rate,
    /// Subscriptions of one device; further ones are refused.
    pub device_subscriptions: usize,
    /// Subscriptions of one client of any other class; Home Assistant has one per entity.
    pub other_subscriptions: usize,
    /// Client ids one device may have, connected or as a stored session. Beyond, its oldest stored session is
    /// forgotten; if all are connected, the newcomer is refused.
    pub device_clients: usize,
    /// The same for everybody else.
    pub other_clients: usize,
    /// Messages waiting for one client; beyond, the oldest is dropped. What must arrive is the hub's to repeat.
    pub queue_messages: usize,
    /// Bytes waiting for one client; beyond, the oldest is dropped.
    pub queue_bytes: usize,
    /// Retained topics; a further one is refused.
    pub retained_messages: usize,
    /// Bytes of all retained payloads; a message beyond is refused.
    pub retained_bytes: usize,
    /// How long a session without a connection is remembered.
    pub session_expiry: Duration,
    /// How long an event may take to be saved before its connection ends without an acknowledgement.
    pub commit_timeout: Duration,
    /// How long [`super::Broker::publish`] waits for slow subscribers; then the message waits in their queues.
    pub publish_wait: Duration,
    /// How long a client may take no byte while there is something for it; then its connection ends.
    pub write_stall: Duration,
    /// How long a shutdown waits for clients to take their goodbye.
    pub drain: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            max_connect: 4096,
            max_packet: 256 * 1024,
            max_device_packet: 32 * 1024,
            max_event: 16 * 1024,
            device_rate: Rate { per_second: 100, burst: 500 },
            other_rate: Rate { per_second: 2000, burst: 10_000 },
            device_subscriptions: 16,
            other_subscriptions: 4096,
            device_clients: 4,
            other_clients: 16,
            queue_messages: 200,
            queue_bytes: 512 * 1024,
            retained_messages: 5000,
            retained_bytes: 16 * 1024 * 1024,
            session_expiry: Duration::from_secs(7 * 86_400),
            commit_timeout: Duration::from_secs(10),
            publish_wait: Duration::from_millis(500),
            write_stall: Duration::from_secs(30),
            drain: Duration::from_secs(2),
        }
    }
}

impl Settings {
    pub(super) fn rate(&self, class: Class) -> Rate {
        if small(class) { self.device_rate } else { self.other_rate }
    }

    pub(super) fn clients(&self, class: Class) -> usize {
        if small(class) { self.device_clients } else { self.other_clients }
    }

    pub(super) fn packet(&self, class: Class) -> usize {
        if small(class) { self.max_device_packet } else { self.max_packet }
    }
}

/// Boards of ours: a few topics, small messages.
pub(super) fn small(class: Class) -> bool {
    matches!(class, Class::Device | Class::Pair)
}
