//! The hub: every part, wired. Binds every socket before serving any, and owns every task.

mod farewell;
mod run_file;
mod tasks;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::adapters::{self, Window};
use crate::admin;
use crate::auth::{Auth, Provider, setup};
use crate::backup::{self, Backups};
use crate::broker::{self, Broker};
use crate::clock::Clock;
use crate::commands::Commands;
use crate::config::{Config, TlsMode};
use crate::days::Days;
use crate::discovery::{self, Announced, Discovery};
use crate::engine;
use crate::files::in_words;
use crate::gate::HubGate;
use crate::health::{Board, State};
use crate::http::{self, Api, Door, Hosts, Metrics, Served};
use crate::leases::Leases;
use crate::net::{self, Admission, Limits, descriptors::Shares, tls::Tls};
use crate::roster::Roster;
use crate::store::Store;
use crate::transfer::Jobs;
use crate::upstream::{Relay, Service, Target};

pub use run_file::run_file;
use run_file::{is_full, keep_run_file, write_run_file};
use tasks::{compact, follow_names, keep_certificate, revocations, tell_standing, upkeep, watch_clock};

/// How long a stop may take before the process ends anyway.
const STOP: Duration = Duration::from_secs(5);
/// How many connections pages, scripts and screens may have together; three quarters of them may be screens.
const WEB: usize = 1400;

/// A running hub.
pub struct Hub {
    /// Where it can be reached.
    pub addresses: Addresses,
    data_dir: PathBuf,
    broker: Broker,
    served: Served,
    discovery: Discovery,
    auth: Auth,
    roster: Roster,
    screens: Arc<http::Sockets>,
    streams: Arc<http::Streams>,
    backups: Backups,
    orders: mpsc::Receiver<backup::Order>,
    store: Store,
    // Ended when dropped.
    tasks: Vec<AbortOnDropHandle<()>>,
}

/// The bound sockets.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// Plain http.
    pub http: SocketAddr,
    /// Https, unless TLS is off.
    pub https: Option<SocketAddr>,
    /// Plain MQTT.
    pub mqtt: SocketAddr,
    /// MQTT in TLS, unless TLS is off.
    pub mqtts: Option<SocketAddr>,
}

struct Sockets {
    http: TcpListener,
    https: Option<TcpListener>,
    mqtt: TcpListener,
    mqtts: Option<TcpListener>,
}

impl Sockets {
    /// Binds all or none: a half-started daemon is the hardest to help with.
    async fn bind(config: &Config) -> anyhow::Result<Self> {
        let plain = |address: SocketAddr| {
            if config.tls.require_tls { SocketAddr::new(loopback(address), address.port()) } else { address }
        };
        let tls = config.tls.mode != TlsMode::Off;
        let http = net::bind(plain(config.http.listen)).await?;
        let mqtt = net::bind(plain(config.mqtt.listen)).await?;
        let https = if tls { Some(net::bind(config.http.https_listen).await?) } else { None };
        let mqtts = if tls { Some(net::bind(config.mqtt.tls_listen).await?) } else { None };
        Ok(Self { http, https, mqtt, mqtts })
    }

    fn addresses(&self) -> std::io::Result<Addresses> {
        let of = |listener: &Option<TcpListener>| listener.as_ref().map(TcpListener::local_addr).transpose();
        Ok(Addresses {
            http: self.http.local_addr()?,
            https: of(&self.https)?,
            mqtt: self.mqtt.local_addr()?,
            mqtts: of(&self.mqtts)?,
        })
    }
}

/// With `require_tls`, plaintext is for this machine only.
fn loopback(address: SocketAddr) -> std::net::IpAddr {
    if address.is_ipv4() { std::net::Ipv4Addr::LOCALHOST.into() } else { std::net::Ipv6Addr::LOCALHOST.into() }
}

impl Hub {
    /// Starts everything.
    ///
    /// # Errors
    /// One sentence for whoever started it: a port in use, a data directory that cannot be written, a
    /// damaged database, a certificate that cannot be read. Nothing is served then.
    pub async fn start(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        let board = Board::default();
        let sockets = Sockets::bind(config).await?;
        let addresses = sockets.addresses().context("reading back the bound ports")?;
        let store = Store::open(&config.data_dir, clock.clone(), &board).await?;
        let started = Self::over(store.clone(), config, &clock, board, (sockets, addresses)).await;
        if started.is_err() {
            let _ = tokio::time::timeout(STOP, store.close()).await;
        }
        started
    }

    /// Starts everything else.
    async fn over(
        store: Store,
        config: &Config,
        clock: &Clock,
        board: Board,
        (sockets, addresses): (Sockets, Addresses),
    ) -> anyhow::Result<Self> {
        let tls = certificates(config, clock)?;
        let provider = Provider::of(&config.auth).map_err(|error| anyhow::anyhow!(error))?;
        let auth = Auth::open_with(store.clone(), configured_code(config)?.as_deref(), provider).await?;
        let (commands, days, roster) =
            (Commands::new(store.clone()), Days::new(store.clone()), Roster::new(store.clone()));

        let mut tasks = Vec::new();
        let adapters = adapters::all();
        let devices = adapters.first().cloned().context("there is no adapter for devices")?;
        let gate = Arc::new(HubGate::new(auth.clone(), store.clone(), roster.clone(), devices));
        let retained = store.retained().await.map_err(|error| unusable(store.path(), &error))?;
        let retained =
            retained.into_iter().map(|m| broker::Retained { topic: m.topic, payload: m.payload, qos: m.qos }).collect();
        let shares = shares(config);
        let broker = Broker::start(broker_settings(config, shares.mqtt), gate.clone(), retained).await;
        let window = Window {
            store: store.clone(),
            commands: commands.clone(),
            roster: roster.clone(),
            days: days.clone(),
            broker: broker.clone(),
        };
        gate.open(window.clone());
        let leases = Leases::default();
        let engine = engine::run(store.clone(), commands.clone(), board.clone(), leases.clone());
        tasks.push(AbortOnDropHandle::new(tokio::spawn(engine)));
        for adapter in adapters {
            tasks.push(AbortOnDropHandle::new(tokio::spawn(adapters::run(adapter, window.clone(), board.clone()))));
        }

        let hosts = Arc::new(Hosts::new(config.http.names.iter().map(|name| name.as_str().to_owned()).collect()));
        if let Some(host) = auth.setup_host().await.map_err(|error| unusable(store.path(), &error))? {
            hosts.learn(&host);
        }
        let metrics = Metrics::install();
        // Pages and REST are served beside any number of screens.
        let screens = Arc::new(http::Sockets::new(shares.http / 4 * 3));
        let streams = Arc::<http::Streams>::default();
        let (backups, orders) = Backups::new(config.into(), store.clone(), board.clone());
        let jobs = Jobs::new(store.clone());
        jobs.settle().await.map_err(|error| unusable(store.path(), &error))?;
        let unreadable = |error| anyhow::anyhow!("Cannot read a file of upstream: {error}");
        let server = Target::configured(&config.upstream).map_err(unreadable)?;
        let upstream = Service::start(store.clone(), commands.clone(), board.clone(), leases, server).await;
        let upstream = upstream.map_err(|error| anyhow::anyhow!("Cannot replicate: {error}"))?;
        auth.ask_elsewhere(Box::new(upstream.clone()));
        tasks.push(AbortOnDropHandle::new(tokio::spawn(tell_standing(upstream.clone(), broker.clone()))));
        let farewell = farewell::Farewell {
            auth: auth.clone(),
            commands: commands.clone(),
            store: store.clone(),
            broker: broker.clone(),
            upstream: upstream.clone(),
        };
        tasks.push(AbortOnDropHandle::new(tokio::spawn(farewell.run())));
        let relay = Relay::of(config, upstream.clone()).map_err(unreadable)?;
        let api = Api {
            store: store.clone(),
            jobs,
            commands,
            auth: auth.clone(),
            roster: roster.clone(),
            days,
            board: board.clone(),
            broker: broker.clone(),
            hosts: hosts.clone(),
            metrics: metrics.clone(),
            sockets: screens.clone(),
            streams: streams.clone(),
            backups: backups.clone(),
            trust: Arc::new(http::Trust {
                tls: tls.clone(),
                https_port: addresses.https.map(|address| address.port()),
                mqtt_port: (!config.tls.require_tls).then(|| addresses.mqtt.port()),
                mqtts_port: addresses.mqtts.map(|address| address.port()),
                required: config.tls.require_tls,
            }),
            upstream,
            relay,
        };
        let doors = doors(config, sockets, tls.as_ref(), &broker)?;
        let admission = Admission::new(Limits::of(shares.http));
        let served = Served::start(doors, &http::router(api), &admission, &config.http.trusted_proxies);
        let discovery = Discovery::start(discovery::Settings::from(config), announced(config, &store, &addresses));
        let (watched, told_of) = (board.clone(), board.clone());
        board.set("broker", State::Ok);
        board.set("auth", State::Ok);
        let (watcher, shown) = (auth.clone(), board.clone());
        tasks.push(AbortOnDropHandle::new(tokio::spawn(async move { watcher.watch_provider(&shown).await })));
        tasks.push(AbortOnDropHandle::new(tokio::spawn(follow_names(
            discovery.names(),
            discovery.status(),
            hosts,
            board,
        ))));
        tasks.extend(admin::serve(&config.data_dir, auth.clone(), store.clone(), backups.clone()));
        tasks.push(AbortOnDropHandle::new(tokio::spawn(backups.clone().run())));
        if let Some(tls) = tls {
            let (settings, names) = (discovery::Settings::from(config), discovery.names());
            tasks.push(AbortOnDropHandle::new(tokio::spawn(keep_certificate(tls, clock.clone(), settings, names))));
        }
        tasks.push(AbortOnDropHandle::new(tokio::spawn(upkeep(store.clone(), metrics))));
        if let Some(every) = config.store.compact_every.period() {
            tasks.push(AbortOnDropHandle::new(tokio::spawn(compact(store.clone(), every))));
        }
        tasks.push(AbortOnDropHandle::new(tokio::spawn(watch_clock(clock.clone(), watched))));
        tasks.push(AbortOnDropHandle::new(tokio::spawn(revocations(auth.clone(), broker.clone(), roster.clone()))));
        let rolls = roster.clone();
        tasks.push(AbortOnDropHandle::new(tokio::spawn(async move { rolls.keep().await })));
        let keeper = auth.clone();
        tasks.push(AbortOnDropHandle::new(tokio::spawn(async move { keeper.run().await })));
        let path = run_file(&config.data_dir);
        let mut setup = auth.watch_setup();
        let code = setup.borrow_and_update().code.clone();
        let written = match write_run_file(&path, &addresses, code) {
            Err(error) if is_full(&error) => Err(error),
            Err(error) => return Err(unusable(&path, &in_words(&error))),
            Ok(()) => Ok(()),
        };
        let told = addresses.clone();
        tasks.push(AbortOnDropHandle::new(tokio::spawn(keep_run_file(path, told, written, setup, told_of))));
        let data_dir = config.data_dir.clone();
        Ok(Self {
            addresses,
            data_dir,
            broker,
            served,
            discovery,
            auth,
            roster,
            screens,
            streams,
            backups,
            orders,
            store,
            tasks,
        })
    }

    /// Who is who, for the console.
    #[must_use]
    pub fn auth(&self) -> &Auth {
        &self.auth
    }

    /// What is stored, for tests that write what nobody can ask for yet.
    #[cfg(test)]
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Waits until somebody orders that a backup be restored; [`backup::restart::carry_out`] does it.
    pub async fn restore_ordered(&mut self) -> backup::Order {
        match self.orders.recv().await {
            Some(order) => order,
            // The senders live as long as the hub.
            None => std::future::pending().await,
        }
    }

    /// Stops everything, in an order in which nobody is told what is not so: the outside first, the store last.
    pub async fn stop(self) {
        self.backups.stop();
        self.screens.close();
        self.streams.close();
        let stopping = async {
            self.discovery.stop().await;
            tokio::join!(self.served.stop(), self.broker.shutdown());
        };
        let _ = tokio::time::timeout(STOP, stopping).await;
        // First whoever might write it again.
        drop(self.tasks);
        let closing = async {
            self.roster.write_seen().await;
            self.store.close().await;
        };
        let _ = tokio::time::timeout(STOP, closing).await;
        let _ = std::fs::remove_file(run_file(&self.data_dir));
        let _ = std::fs::remove_file(admin::socket(&self.data_dir));
    }
}

/// One sentence about a file that cannot be used.
fn unusable(path: &Path, reason: &dyn std::fmt::Display) -> anyhow::Error {
    anyhow::anyhow!("Cannot use {}: {reason}.", path.display())
}

/// The setup code somebody chose: in the settings, else in a file beside them.
pub(crate) fn configured_code(config: &Config) -> anyhow::Result<Option<String>> {
    match (&config.auth.setup_code, &config.file) {
        (Some(code), _) => Ok(Some(code.expose().to_owned())),
        (None, Some(file)) => {
            setup::beside(file).map_err(|error| unusable(&file.with_file_name("setup-code"), &in_words(&error)))
        }
        (None, None) => Ok(None),
    }
}

/// How many connections there may be: as many as are wished, unless the system lets the hub open too few files.
fn shares(config: &Config) -> Shares {
    let mqtt = usize::try_from(config.mqtt.max_connections).unwrap_or(usize::MAX);
    let wished = Shares { http: WEB, mqtt };
    let files = net::descriptors::raise();
    let shares = net::descriptors::share(files, wished);
    if shares != wished {
        let Shares { http, mqtt } = shares;
        tracing::warn!(files, http, mqtt, "The system allows few open files; the hub takes fewer connections.");
    }
    shares
}

fn broker_settings(config: &Config, connections: usize) -> broker::Settings {
    let defaults = broker::Settings::default();
    let max_packet = usize::try_from(config.mqtt.max_packet.bytes()).unwrap_or(usize::MAX);
    broker::Settings {
        limits: Limits::of(connections),
        max_packet,
        max_device_packet: defaults.max_device_packet.min(max_packet),
        device_rate: broker::Rate { per_second: config.mqtt.device_rate, ..defaults.device_rate },
        commit_timeout: config.mqtt.commit_timeout,
        ..defaults
    }
}

/// The certificate, unless TLS is off.
fn certificates(config: &Config, clock: &Clock) -> anyhow::Result<Option<Arc<Tls>>> {
    let source = match (config.tls.mode, &config.tls.cert, &config.tls.key) {
        (TlsMode::Off, ..) => return Ok(None),
        (TlsMode::Files, Some(certificate), Some(key)) => {
            net::tls::Source::Files { certificate: certificate.clone(), key: key.clone() }
        }
        _ => net::tls::Source::Own {
            directory: config.data_dir.join("tls"),
            names: config.http.names.iter().map(|name| name.as_str().to_owned()).collect(),
        },
    };
    Ok(Some(Arc::new(Tls::load(source, unsigned(clock.now()))?)))
}

fn unsigned(now: kairos_core::Millis) -> u64 {
    u64::try_from(now).unwrap_or(0)
}

/// Puts the sockets behind their doors: MQTT to the broker, the rest for http.
fn doors(config: &Config, sockets: Sockets, tls: Option<&Arc<Tls>>, broker: &Broker) -> anyhow::Result<Vec<Door>> {
    let mut doors = vec![Door { listener: sockets.http, tls: None }];
    broker.serve(sockets.mqtt, None);
    if let (Some(tls), Some(https), Some(mqtts)) = (tls, sockets.https, sockets.mqtts) {
        doors.push(Door { listener: https, tls: Some(tls.acceptor(&["http/1.1"], false)?) });
        broker.serve(mqtts, Some(tls.acceptor(&[], config.tls.devices_allow_tls12)?));
    }
    Ok(doors)
}

fn announced(config: &Config, store: &Store, addresses: &Addresses) -> Announced {
    let plain = |address: SocketAddr| (!config.tls.require_tls && !address.ip().is_loopback()).then(|| address.port());
    let outside = |address: &SocketAddr| !address.ip().is_loopback();
    Announced {
        hub_id: store.identity().hub_id.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        http_port: plain(addresses.http),
        https_port: addresses.https.filter(outside).map(|address| address.port()),
        mqtt_port: plain(addresses.mqtt),
        mqtts_port: addresses.mqtts.filter(outside).map(|address| address.port()),
    }
}
