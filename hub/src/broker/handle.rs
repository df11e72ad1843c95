//! The broker as the rest of the hub holds it.

use super::connection;
use super::hooks::Hooks;
use super::registry::Registry;
use super::retained::Ledger;
use super::websocket::Binary;
use super::{Gate, Retained, Settings};
use crate::net::{self, Admission};
use bytes::Bytes;
use mqtt5::QoS;
use mqtt5::broker::config::BrokerConfig;
use mqtt5::broker::resource_monitor::{ResourceLimits, ResourceMonitor};
use mqtt5::broker::router::MessageRouter;
use mqtt5::broker::storage::{DynamicStorage, MemoryBackend, QueueLimits, RetainedMessage, StorageBackend};
use mqtt5::broker::sys_topics::BrokerStats;
use mqtt5::packet::publish::PublishPacket;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

/// Between two looks at what has expired.
const SWEEP: Duration = Duration::from_secs(60);
/// How much of [`Settings::drain`] is left for connections that had to be cut.
const CUT: Duration = Duration::from_millis(500);

/// The embedded broker. Cheap to clone; clones are the same broker.
///
/// Every task it starts ends with [`Broker::shutdown`], or when the last clone is dropped.
#[derive(Clone)]
pub struct Broker {
    core: Arc<Core>,
    // Not used directly; when the last clone drops it, every task of the broker ends.
    _owner: Arc<Owner>,
}

/// What connections share. Holds no `Broker`, so that connections never keep their broker alive.
pub(super) struct Core {
    pub(super) settings: Settings,
    pub(super) hooks: Arc<Hooks>,
    pub(super) registry: Arc<Registry>,
    pub(super) router: Arc<MessageRouter>,
    pub(super) storage: Arc<DynamicStorage>,
    pub(super) stats: Arc<BrokerStats>,
    pub(super) monitor: Arc<ResourceMonitor>,
    pub(super) device_config: Arc<BrokerConfig>,
    pub(super) other_config: Arc<BrokerConfig>,
    /// Tells every connection to say goodbye.
    pub(super) shutdown: broadcast::Sender<()>,
    admission: Admission,
    /// Ends listeners, handshakes and housekeeping. Always cancelled before `shutdown` is sent.
    pub(super) stop: CancellationToken,
    tasks: TaskTracker,
}

struct Owner(Arc<Core>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.stop.cancel();
        self.0.registry.cancel_all();
    }
}

impl Broker {
    /// Starts the broker with what was retained before. Nothing listens yet.
    pub async fn start(settings: Settings, gate: Arc<dyn Gate>, retained: Vec<Retained>) -> Self {
        let registry = Arc::new(Registry::default());
        let hooks = Arc::new(Hooks {
            gate,
            registry: Arc::clone(&registry),
            ledger: Ledger::new(settings.retained_bytes),
            max_event: settings.max_event,
            commit_timeout: settings.commit_timeout,
        });
        let queues = QueueLimits { max_messages: settings.queue_messages, max_bytes: settings.queue_bytes };
        let storage = Arc::new(DynamicStorage::Memory(MemoryBackend::with_queue_limits(queues)));
        restore(&storage, &hooks.ledger, retained).await;
        let router = Arc::new(
            MessageRouter::with_storage(Arc::clone(&storage))
                .with_fallback_queue_limits(queues)
                .with_event_handler(Arc::clone(&hooks) as Arc<_>)
                .with_retained_limits(settings.retained_messages, settings.max_packet),
        );
        if let Err(error) = router.initialize().await {
            warn!(%error, "Retained messages are not available.");
        }
        let config = |subscriptions, max_packet_size, inflight: u16| {
            Arc::new(BrokerConfig {
                bind_addresses: Vec::new(),
                max_packet_size,
                max_subscriptions_per_client: subscriptions,
                topic_alias_maximum: 16,
                client_channel_capacity: usize::from(inflight),
                max_outbound_inflight: inflight,
                server_receive_maximum: Some(inflight),
                session_expiry_interval: settings.session_expiry,
                sys_topics_enabled: false,
                event_handler: Some(Arc::clone(&hooks) as Arc<_>),
                ..BrokerConfig::default()
            })
        };
        let core = Arc::new(Core {
            device_config: config(settings.device_subscriptions, settings.max_device_packet, 32),
            other_config: config(settings.other_subscriptions, settings.max_packet, 128),
            admission: Admission::new(settings.limits),
            settings,
            hooks,
            registry,
            router,
            storage,
            stats: Arc::new(BrokerStats::new()),
            monitor: Arc::new(ResourceMonitor::new(unlimited())),
            shutdown: broadcast::channel(1).0,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        core.tasks.spawn(housekeeping(Arc::clone(&core)));
        Self { _owner: Arc::new(Owner(Arc::clone(&core))), core }
    }

    /// Serves MQTT on `listener`, inside TLS when an acceptor is given, until the broker stops.
    pub fn serve(&self, listener: TcpListener, tls: Option<TlsAcceptor>) {
        let core = Arc::clone(&self.core);
        let (admission, stop, tasks) = (core.admission.clone(), core.stop.clone(), core.tasks.clone());
        let accepting = net::serve(listener, admission, stop, tasks, move |stream, peer, permit| {
            let (core, tls) = (Arc::clone(&core), tls.clone());
            async move {
                match tls {
                    None => connection::serve(core, stream, peer, permit).await,
                    Some(tls) => {
                        let shaken = tokio::select! {
                            () = core.stop.cancelled() => return,
                            shaken = permit.handshake(tls.accept(stream)) => shaken,
                        };
                        if let Ok(Ok(stream)) = shaken {
                            connection::serve(core, stream, peer, permit).await;
                        }
                    }
                }
            }
        });
        self.core.tasks.spawn(accepting);
    }

    /// Serves MQTT over a websocket whose upgrade was answered (see [`super::websocket`]). Returns at once.
    pub fn serve_websocket<S>(&self, stream: S, peer: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let core = Arc::clone(&self.core);
        if core.stop.is_cancelled() {
            return;
        }
        let Ok(permit) = core.admission.admit(peer) else {
            return;
        };
        self.core.tasks.spawn(async move {
            let stream = Binary::new(stream, core.settings.max_packet + 16).await;
            connection::serve(core, stream, peer, permit).await;
        });
    }

    /// Publishes a message of the hub's own.
    ///
    /// A slow subscriber holds this for [`Settings::publish_wait`] at most; then the message waits in the
    /// subscriber's queue, where the oldest gives way. A retained message is saved first, within
    /// [`Settings::commit_timeout`]. An empty retained payload forgets the topic.
    pub async fn publish(&self, topic: &str, payload: impl Into<Bytes>, qos: u8, retain: bool) {
        let mut packet = PublishPacket::new(topic, payload, quality(qos));
        packet.retain = retain;
        let wait = self.core.settings.publish_wait;
        let deadline = if retain { self.core.settings.commit_timeout + wait } else { wait };
        self.core.router.route_message_with_deadline(&packet, None, Instant::now() + deadline).await;
    }

    /// Ends every connection of a revoked credential within milliseconds, delivers its wills, and forgets its
    /// sessions. A login of it that began before this call is refused. The gate must refuse the credential already.
    pub fn disconnect(&self, credential: &str) {
        let idle = self.core.registry.revoke(credential);
        if idle.is_empty() {
            return;
        }
        let core = Arc::clone(&self.core);
        self.core.tasks.spawn(async move {
            for session in idle {
                core.forget(&session).await;
            }
        });
    }

    /// Connections now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.core.registry.live()
    }

    /// Closes the listeners, says goodbye to every client, publishes their wills and waits, for at most
    /// [`Settings::drain`]: connections that do not take their goodbye are cut half a second before.
    pub async fn shutdown(&self) {
        let core = &self.core;
        core.stop.cancel();
        core.tasks.close();
        let _ = core.shutdown.send(());
        let end = Instant::now() + core.settings.drain;
        if timeout_at(end.checked_sub(CUT).unwrap_or(end), core.tasks.wait()).await.is_ok() {
            return;
        }
        core.registry.cancel_all();
        if timeout_at(end, core.tasks.wait()).await.is_err() {
            warn!(left = core.tasks.len(), "Some connections had not ended when the broker stopped.");
        }
    }
}

impl Core {
    /// Forgets a session without a connection: subscriptions, queue, unacknowledged messages.
    pub(super) async fn forget(&self, session: &str) {
        let slot = self.router.lock_session(session).await;
        if self.router.is_connected(session).await {
            return;
        }
        self.router.unregister_client(session).await;
        let removed = async {
            self.storage.remove_session(session).await?;
            self.storage.remove_queued_messages(session).await?;
            self.storage.remove_all_inflight_messages(session).await
        };
        if let Err(error) = removed.await {
            warn!(%error, "A session could not be forgotten.");
        }
        drop(slot);
    }
}

async fn restore(storage: &DynamicStorage, ledger: &Ledger, retained: Vec<Retained>) {
    for Retained { topic, payload, qos } in retained {
        let payload = Bytes::from(payload);
        if payload.is_empty() {
            continue;
        }
        ledger.set(&topic, Some(&payload));
        let mut packet = PublishPacket::new(topic.clone(), payload, quality(qos));
        packet.retain = true;
        if let Err(error) = storage.store_retained_message(&topic, RetainedMessage::new(packet)).await {
            warn!(%error, "A retained message could not be restored.");
        }
    }
}

fn quality(qos: u8) -> QoS {
    match qos {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}

/// The engine's own limits answer an acknowledgement before the hub has saved anything; ours are elsewhere.
fn unlimited() -> ResourceLimits {
    ResourceLimits {
        max_connections: usize::MAX,
        max_connections_per_ip: usize::MAX,
        max_message_rate_per_client: 0,
        max_bandwidth_per_client: 0,
        max_connection_rate: u32::MAX,
        rate_limit_window: Duration::from_secs(1),
    }
}

async fn housekeeping(core: Arc<Core>) {
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = core.stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        core.registry.sweep(core.settings.session_expiry);
        if timeout(SWEEP, core.storage.cleanup_expired()).await.is_ok_and(|done| done.is_err()) {
            warn!("Expired messages could not be removed.");
        }
        core.router.sweep_sessions().await;
        core.monitor.cleanup_expired_windows().await;
    }
}
