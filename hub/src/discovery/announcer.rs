//! The task that keeps the hub announced: one mDNS daemon after another, each under settled names.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use mdns_sd::{DaemonEvent, HostnameResolutionEvent, IfKind, Receiver, ServiceDaemon, ServiceInfo};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{Announced, GOODBYE, Names, Settings, Status, interfaces};

/// A name is asked for during about a second; a daemon that announced nothing after this long never will.
const SILENCE: Duration = Duration::from_secs(10);
/// How long to ask who else answers to our host name.
const QUESTION: Duration = Duration::from_secs(3);
/// Several records of one name are renamed one after another; this long after the first, all of them are.
const SETTLE: Duration = Duration::from_millis(1500);
/// How often to look whether a network has appeared, and whether it is still there.
const LOOK: Duration = Duration::from_secs(5);
/// The first and the longest wait before the next try; doubled in between.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));
/// Renames without any wait. Whoever takes more names than this is not another hub.
const FREE_RENAMES: u32 = 10;

/// Why one daemon's life ended.
enum End {
    /// The hub stops.
    Stopped,
    /// A name was taken; `Names` holds the next ones.
    Renamed,
    /// It could not announce, for this reason.
    Silent(String),
}

/// What a daemon tells.
struct Heard {
    events: Receiver<DaemonEvent>,
    /// Who answers to our host name.
    hosts: Receiver<HostnameResolutionEvent>,
}

pub(super) struct Announcer {
    settings: Settings,
    announced: Announced,
    names: watch::Sender<Names>,
    status: watch::Sender<Status>,
    cancel: CancellationToken,
}

impl Announcer {
    pub(super) fn new(
        settings: Settings,
        announced: Announced,
        names: watch::Sender<Names>,
        status: watch::Sender<Status>,
        cancel: CancellationToken,
    ) -> Self {
        Self { settings, announced, names, status, cancel }
    }

    pub(super) async fn run(self) {
        let cancel = self.cancel.clone();
        let mut wait = BACKOFF.0;
        let mut renames = 0;
        while !cancel.is_cancelled() {
            let pause = match self.one_life().await {
                End::Stopped => break,
                End::Renamed => {
                    renames += 1;
                    if renames > FREE_RENAMES {
                        self.degraded("every name the hub tries is taken by another device".to_owned());
                        BACKOFF.1
                    } else {
                        Duration::ZERO
                    }
                }
                End::Silent(reason) => {
                    // The wait starts again from the shortest after a life that was announced.
                    if *self.status.borrow() == Status::Ok {
                        wait = BACKOFF.0;
                    }
                    self.degraded(reason);
                    let pause = wait;
                    wait = (wait * 2).min(BACKOFF.1);
                    pause
                }
            };
            let _ = cancel.run_until_cancelled(sleep(pause)).await;
        }
        self.status.send_replace(Status::Off);
    }

    /// Runs one daemon under the current names until it has to be replaced.
    async fn one_life(&self) -> End {
        if !self.network_is_there().await {
            return End::Stopped;
        }
        let (daemon, heard) = match self.open() {
            Ok(opened) => opened,
            Err(error) => return End::Silent(format!("mDNS cannot start: {error}")),
        };
        let end = self.cancel.run_until_cancelled(self.follow(&heard)).await.unwrap_or(End::Stopped);
        close(&daemon).await;
        match end {
            // Asked only now that our own daemon has let go of the port.
            End::Silent(_) => End::Silent(self.silence()),
            end => end,
        }
    }

    /// Waits for an interface to announce on; false when the hub stops first.
    async fn network_is_there(&self) -> bool {
        while self.interfaces().is_empty() {
            let wanted = &self.settings.interfaces;
            self.degraded(if wanted.is_empty() {
                "no network interface with an address leads into the home".to_owned()
            } else {
                format!("no interface of discovery.interfaces is up: {}", wanted.join(", "))
            });
            if self.cancel.run_until_cancelled(sleep(LOOK)).await.is_none() {
                return false;
            }
        }
        true
    }

    fn interfaces(&self) -> Vec<String> {
        interfaces::lan_interfaces(&self.settings.interfaces, self.settings.ipv6)
    }

    fn open(&self) -> mdns_sd::Result<(ServiceDaemon, Heard)> {
        let daemon = ServiceDaemon::new_with_port(self.settings.port)?;
        let opened = self.register(&daemon);
        if opened.is_err() {
            // Without a goodbye: nothing was announced. Its thread ends.
            let _ = daemon.shutdown();
        }
        Ok((daemon, opened?))
    }

    fn register(&self, daemon: &ServiceDaemon) -> mdns_sd::Result<Heard> {
        // First of all, so that no event is lost.
        let events = daemon.monitor()?;
        daemon.disable_interface(IfKind::All)?;
        daemon.enable_interface(interfaces::filter(self.settings.interfaces.clone(), self.settings.ipv6))?;
        let names = self.names.borrow().clone();
        for service in services(&self.announced, &names)? {
            daemon.register(service)?;
        }
        // Not every device answers the daemon's own probe (which asks for any record of the name),
        // but all answer who wants its address.
        let host = format!("{}.", names.host());
        let milliseconds = u64::try_from(QUESTION.as_millis()).ok();
        let hosts = daemon.resolve_hostname(&host, milliseconds)?;
        Ok(Heard { events, hosts })
    }

    /// Follows what the daemon hears until it must be replaced.
    async fn follow(&self, heard: &Heard) -> End {
        let silent_at = Instant::now() + SILENCE;
        let (mut announced, mut asking) = (false, true);
        let mut look = Instant::now() + LOOK;
        loop {
            tokio::select! {
                event = heard.events.recv_async() => match event {
                    Ok(DaemonEvent::NameChange(change)) => {
                        if self.rename(&change.new_name, &heard.events).await {
                            return End::Renamed;
                        }
                    }
                    Ok(DaemonEvent::Announce(..)) => {
                        announced = true;
                        self.recovered();
                    }
                    Ok(DaemonEvent::Error(error)) => return End::Silent(error.to_string()),
                    Ok(_) => {}
                    // Its thread is gone, which it never should be.
                    Err(_) => return End::Silent(String::new()),
                },
                answer = heard.hosts.recv_async(), if asking => match answer {
                    Ok(HostnameResolutionEvent::AddressesFound(_, found)) => {
                        let mine = interfaces::own_addresses();
                        if found.iter().any(|address| !mine.contains(&address.to_ip_addr())) {
                            let next = self.names.borrow().next_host();
                            self.rename(&next, &heard.events).await;
                            return End::Renamed;
                        }
                    }
                    Ok(_) => {}
                    // The question is over.
                    Err(_) => asking = false,
                },
                () = sleep_until(look) => {
                    look = Instant::now() + LOOK;
                    // The daemon follows addresses by itself; this only tells people.
                    if self.interfaces().is_empty() {
                        self.degraded("the network is gone".to_owned());
                    } else if announced {
                        self.recovered();
                    } else if Instant::now() >= silent_at {
                        return End::Silent(String::new());
                    }
                }
            }
        }
    }

    /// Takes over the names that the daemon gave itself; returns whether everything must be announced again.
    async fn rename(&self, first: &str, events: &Receiver<DaemonEvent>) -> bool {
        let mut names = self.names.borrow().clone();
        let mut news = names.adopt(first);
        let settled = Instant::now() + SETTLE;
        while let Ok(Ok(event)) = timeout_at(settled, events.recv_async()).await {
            if let DaemonEvent::NameChange(change) = event {
                news |= names.adopt(&change.new_name);
            }
        }
        if news {
            info!(host = %names.host(), instance = %names.instance(), "Another device has this hub's name; renamed.");
            self.names.send_replace(names);
        }
        news
    }

    /// Finds words for a daemon that says nothing: it does not tell why itself.
    fn silence(&self) -> String {
        let port = self.settings.port;
        match UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)) {
            Ok(_) => format!("nothing could be announced on {}; is multicast allowed?", self.interfaces().join(", ")),
            Err(error) => format!("UDP port {port} cannot be used: {error}"),
        }
    }

    /// Says nothing to the log: the board of `/health` does, once when it begins and once when it ends.
    fn degraded(&self, reason: String) {
        let status = Status::Degraded(reason);
        self.status.send_if_modified(|now| replace(now, status));
    }

    fn recovered(&self) {
        if self.status.send_if_modified(|now| replace(now, Status::Ok)) {
            info!(host = %self.names.borrow().host(), "Announced in the network.");
        }
    }
}

fn replace(now: &mut Status, new: Status) -> bool {
    let changed = *now != new;
    *now = new;
    changed
}

/// Ends a daemon; the goodbye for everything it announced leaves before the answer comes.
async fn close(daemon: &ServiceDaemon) {
    if let Ok(ended) = daemon.shutdown() {
        let _ = timeout(GOODBYE, ended.recv_async()).await;
    }
}

/// Lists the services to announce. Each points at the port that a device in the home can really use.
fn services(announced: &Announced, names: &Names) -> mdns_sd::Result<Vec<ServiceInfo>> {
    let Announced { hub_id, version, http_port, https_port, mqtt_port, mqtts_port } = announced;
    let port = |port: &Option<u16>| port.unwrap_or(0).to_string();
    let mut hub = vec![
        ("id", hub_id.clone()),
        ("version", version.clone()),
        ("api", "/api".to_owned()),
        // The port of https, or 0: there is none.
        ("tls", port(https_port)),
        ("mqtt", port(mqtt_port)),
    ];
    if mqtts_port.is_some() {
        hub.push(("mqtts", port(mqtts_port)));
    }
    let id = vec![("id", hub_id.clone())];
    let web = vec![("id", hub_id.clone()), ("path", "/".to_owned())];
    let wanted = [
        ("_kairos-hub._tcp.local.", http_port.or(*https_port), hub),
        ("_http._tcp.local.", *http_port, web),
        ("_mqtt._tcp.local.", *mqtt_port, id.clone()),
        // Only where the plain ones are closed: most programs look for nothing else.
        ("_secure-mqtt._tcp.local.", mqtts_port.filter(|_| mqtt_port.is_none()), id),
    ];
    let host = format!("{}.", names.host());
    wanted
        .into_iter()
        .filter_map(|(kind, port, text)| port.map(|port| (kind, port, text)))
        .map(|(kind, port, text)| {
            let service = ServiceInfo::new(kind, &names.instance(), &host, "", port, text.as_slice())?;
            Ok(service.enable_addr_auto())
        })
        .collect()
}
