//! The settings themselves, each with its default beside it.
//!
//! A key exists only when something obeys it. Adding one: the field, its default, its line in `fields`,
//! and its sentence in `config.yaml` (a test asks for that).

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::Config;
use super::value::{
    AuthProvider, DatabaseUrl, Every, HostName, InterfaceName, LogFormat, LogLevel, MailAddress, MqttMode, Network,
    Secret, Setting, Size, TlsMode, WebUrl,
};

/// The web pages and the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Where plain http is served; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where https is served, unless `tls.mode` is off.
    pub https_listen: SocketAddr,
    /// Names under which the hub is reached besides its own (`kairos.local`, addresses, single words).
    pub names: Vec<HostName>,
    /// Proxies whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<Network>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: everywhere(8420),
            https_listen: everywhere(8443),
            names: Vec::new(),
            trusted_proxies: Vec::new(),
        }
    }
}

/// The broker that buttons talk to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mqtt {
    /// Whose broker it is.
    pub mode: MqttMode,
    /// Where plain MQTT is served.
    pub listen: SocketAddr,
    /// Where MQTT over TLS is served, unless `tls.mode` is off.
    pub tls_listen: SocketAddr,
    /// Bounds one packet; a connection that sends a larger one is closed.
    pub max_packet: Size,
    /// Bounds connections over all MQTT listeners; one more is closed at once.
    pub max_connections: u32,
    /// Bounds packets a second from one device; beyond it the hub reads that connection more slowly.
    pub device_rate: u32,
    /// Bounds how long a press waits for the disk; then the connection is closed without an acknowledgement.
    pub commit_timeout: Duration,
}

impl Default for Mqtt {
    fn default() -> Self {
        Self {
            mode: MqttMode::Embedded,
            listen: everywhere(1883),
            tls_listen: everywhere(8883),
            max_packet: Size::kib(256),
            max_connections: 1000,
            device_rate: 100,
            commit_timeout: Duration::from_secs(10),
        }
    }
}

/// Encryption of the web pages and of MQTT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Where certificates come from.
    pub mode: TlsMode,
    /// The certificate chain in PEM, for mode `files`.
    pub cert: Option<PathBuf>,
    /// Its private key in PEM, for mode `files`.
    pub key: Option<PathBuf>,
    /// Closes plain http and plain MQTT to everything but this machine.
    pub require_tls: bool,
    /// Lets devices speak TLS 1.2 to the MQTT listener; browsers always need 1.3.
    pub devices_allow_tls12: bool,
}

/// How the hub is found in the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// Whether the hub announces itself by mDNS.
    pub enabled: bool,
    /// The interfaces it is announced on; empty: every one that leads into the home.
    pub interfaces: Vec<InterfaceName>,
}

impl Default for Discovery {
    fn default() -> Self {
        Self { enabled: true, interfaces: Vec::new() }
    }
}

/// Who may sign in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth {
    /// Who checks passwords.
    pub provider: AuthProvider,
    /// The PocketBase that does, with provider `pocketbase`.
    pub pocketbase: PocketBase,
    /// The code for the first administrator; `None`: the hub makes one at its first start.
    pub setup_code: Option<Secret>,
}

/// The PocketBase that keeps the accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PocketBase {
    /// Where it is.
    pub url: Option<WebUrl>,
    /// Certificate authorities in PEM that are trusted besides those browsers trust.
    pub ca: Option<PathBuf>,
    /// Its superuser's login, with which people are added; `None`: they are added in PocketBase only.
    pub admin_email: Option<MailAddress>,
    /// The file that holds that superuser's password and nothing else.
    pub admin_password_file: Option<PathBuf>,
}

/// The server the hub replicates with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upstream {
    /// The address of its database; `None`: the one an administrator connects, if any.
    pub url: Option<DatabaseUrl>,
    /// The file that holds that address and nothing else.
    pub url_file: Option<PathBuf>,
    /// Certificate authorities in PEM, one of which has signed the database's certificate, which is checked then.
    pub ca: Option<PathBuf>,
    /// Whether this hub stands beside the server: uploads are answered when they are there, and other houses come by a code.
    pub relay: bool,
    /// Where phones sync with the PowerSync Service, for a relay.
    pub powersync_url: Option<WebUrl>,
    /// Where other houses reach the database, without a login, for a relay; `None`: it makes no codes.
    pub public_url: Option<DatabaseUrl>,
    /// The authority in PEM that those houses check its certificate with.
    pub public_ca: Option<PathBuf>,
}

/// Where the data lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The data directory as set; `None`: chosen by the rule in `config.yaml`. [`Config::data_dir`] is the one in force.
    pub data_dir: Option<PathBuf>,
    /// How often the log of changes is compacted.
    pub compact_every: Every,
    /// Copies of the database.
    pub backup: Backup,
}

impl Default for Store {
    fn default() -> Self {
        Self { data_dir: None, compact_every: Every::hours(6), backup: Backup::default() }
    }
}

/// Copies of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Where they go; `None`: `backups` in the data directory.
    pub folder: Option<PathBuf>,
    /// How often the hub makes one by itself.
    pub every: Every,
    /// How many of them are kept.
    pub keep: u32,
}

impl Default for Backup {
    fn default() -> Self {
        Self { folder: None, every: Every::hours(24), keep: 14 }
    }
}

/// What the hub writes about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// The least important messages that are still written.
    pub level: LogLevel,
    /// For people or for programs.
    pub format: LogFormat,
    /// A filter by module from `KAIROS_LOG` (`info,kairos_hub::broker=debug`); it replaces `level`. Not a key of the file.
    pub filter: Option<String>,
}

impl Log {
    /// Returns what to give to a `tracing` filter.
    pub fn directives(&self) -> &str {
        self.filter.as_deref().unwrap_or(self.level.as_str())
    }
}

fn everywhere(port: u16) -> SocketAddr {
    (Ipv4Addr::UNSPECIFIED, port).into()
}

/// One key: where it stands and where its value goes.
pub(super) struct Field<'a> {
    pub(super) section: &'static str,
    pub(super) key: &'static str,
    pub(super) value: &'a mut dyn Setting,
}

impl Config {
    /// Returns every key there is, in the order of `config.yaml`.
    pub(super) fn fields(&mut self) -> Vec<Field<'_>> {
        let Self { http, mqtt, tls, discovery, auth, upstream, store, log, file: _, data_dir: _ } = self;
        let mut fields = Vec::new();
        let mut add = |section, keys: Vec<(&'static str, _)>| {
            fields.extend(keys.into_iter().map(|(key, value)| Field { section, key, value }));
        };
        add(
            "http",
            vec![
                ("listen", &mut http.listen as &mut dyn Setting),
                ("https_listen", &mut http.https_listen),
                ("names", &mut http.names),
                ("trusted_proxies", &mut http.trusted_proxies),
            ],
        );
        add(
            "mqtt",
            vec![
                ("mode", &mut mqtt.mode),
                ("listen", &mut mqtt.listen),
                ("tls_listen", &mut mqtt.tls_listen),
                ("max_packet", &mut mqtt.max_packet),
                ("max_connections", &mut mqtt.max_connections),
                ("device_rate", &mut mqtt.device_rate),
                ("commit_timeout", &mut mqtt.commit_timeout),
            ],
        );
        add(
            "tls",
            vec![
                ("mode", &mut tls.mode),
                ("cert", &mut tls.cert),
                ("key", &mut tls.key),
                ("require_tls", &mut tls.require_tls),
                ("devices_allow_tls12", &mut tls.devices_allow_tls12),
            ],
        );
        add("discovery", vec![("enabled", &mut discovery.enabled), ("interfaces", &mut discovery.interfaces)]);
        add(
            "auth",
            vec![
                ("provider", &mut auth.provider),
                ("setup_code", &mut auth.setup_code),
                ("pocketbase.url", &mut auth.pocketbase.url),
                ("pocketbase.ca", &mut auth.pocketbase.ca),
                ("pocketbase.admin_email", &mut auth.pocketbase.admin_email),
                ("pocketbase.admin_password_file", &mut auth.pocketbase.admin_password_file),
            ],
        );
        add(
            "upstream",
            vec![
                ("url", &mut upstream.url as &mut dyn Setting),
                ("url_file", &mut upstream.url_file),
                ("ca", &mut upstream.ca),
                ("relay", &mut upstream.relay),
                ("powersync_url", &mut upstream.powersync_url),
                ("public_url", &mut upstream.public_url),
                ("public_ca", &mut upstream.public_ca),
            ],
        );
        add(
            "store",
            vec![
                ("data_dir", &mut store.data_dir),
                ("compact_every", &mut store.compact_every),
                // A dot: the keys stand in a group of their own.
                ("backup.folder", &mut store.backup.folder),
                ("backup.every", &mut store.backup.every),
                ("backup.keep", &mut store.backup.keep),
            ],
        );
        add("log", vec![("level", &mut log.level), ("format", &mut log.format)]);
        fields
    }
}

/// Keys of the plan that nothing obeys yet, so that a person who read about them gets a straight answer.
/// `*` stands for the whole section.
pub(super) const PLANNED: &[(&str, &str)] = &[
    ("mqtt", "url"),
    ("mqtt", "username"),
    ("mqtt", "password"),
    ("auth", "oidc"),
    ("webhooks", "*"),
    ("homeassistant", "*"),
    ("plugins", "*"),
];
