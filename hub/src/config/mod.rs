//! Settings: one struct per subsystem, one file that documents them all, every mistake at once.
//!
//! The file is read into a small tree that remembers its lines (`yaml`), laid over the defaults (`read`),
//! overridden by the environment and by flags, and then checked as a whole (`check`).
//! Nothing stops at the first mistake: a person who edits a file on a headless machine should not have to
//! start the hub five times to learn about five typing errors.
//!
//! `config.yaml` in the root of the repository holds every key with its default and one sentence;
//! a test keeps it and the structs in `sections` the same.

mod check;
mod place;
mod read;
mod sections;
mod show;
mod value;
mod yaml;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

pub use sections::{Auth, Backup, Discovery, Http, Log, Mqtt, PocketBase, Store, Tls, Upstream};
pub use value::{
    AuthProvider, DatabaseUrl, Every, HostName, InterfaceName, LogFormat, LogLevel, MailAddress, MqttMode, Network,
    Secret, Size, TlsMode, WebUrl,
};

/// The shipped `config.yaml`: what serves when there is no file.
pub const DEFAULTS: &str = include_str!("../../../config.yaml");

/// Every setting of the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The web pages and the API.
    pub http: Http,
    /// The broker that buttons talk to.
    pub mqtt: Mqtt,
    /// Encryption, for both of the above.
    pub tls: Tls,
    /// How the hub is found in the network.
    pub discovery: Discovery,
    /// Who may sign in.
    pub auth: Auth,
    /// The server the hub replicates with.
    pub upstream: Upstream,
    /// Where the data lives.
    pub store: Store,
    /// What the hub writes about itself.
    pub log: Log,
    /// The file these settings came from; `None`: no file, the defaults serve.
    pub file: Option<PathBuf>,
    /// The data directory in force, absolute: `store.data_dir`, or the place chosen when that is null
    /// (the rule stands beside the key in `config.yaml`). Not created yet.
    pub data_dir: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            http: Http::default(),
            mqtt: Mqtt::default(),
            tls: Tls::default(),
            discovery: Discovery::default(),
            auth: Auth::default(),
            upstream: Upstream::default(),
            store: Store::default(),
            log: Log::default(),
            file: None,
            data_dir: PathBuf::from("kairos-data"),
        }
    }
}

/// One setting given on the command line; it wins over the file and the environment.
#[derive(Clone, Debug)]
pub struct Override {
    /// The key, as `section.key`.
    pub key: &'static str,
    /// The value, written as in an environment variable.
    pub value: String,
    /// How the person gave it, for mistakes: `--data-dir`.
    pub from: &'static str,
}

/// One thing wrong with the settings, said to the person who wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line in the file, counted from 1; `None` when the mistake is not in the file.
    pub line: Option<usize>,
    /// The column, only for text that is not YAML at all.
    pub column: Option<usize>,
    /// The key (`http.listen`), the variable (`KAIROS_HTTP_LISTEN`) or the flag (`--data-dir`).
    pub key: String,
    /// One sentence that says what is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}")?;
            if let Some(column) = self.column {
                write!(f, ", column {column}")?;
            }
            f.write_str(": ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

impl Config {
    /// Reads the settings: the file, over it the environment, over that the flags.
    ///
    /// With no `path` the variable `KAIROS_CONFIG` names the file; without that, `config.yaml` in the current
    /// directory serves if it is there, and the defaults if not. Every mistake is returned, in the order of
    /// the file and then of the variables' names.
    pub fn load(
        path: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
        overrides: &[Override],
    ) -> Result<Self, Vec<Mistake>> {
        let env = read::Environment::collect(env);
        let file = place::config_file(path, &env);
        let text = match &file {
            Some(file) => match place::read_text(file) {
                Ok(text) => text,
                // Without its text there is nothing else worth saying about the file.
                Err(mistake) => return Err(vec![mistake]),
            },
            None => String::new(),
        };
        Self::from_text(&text, file, &env, overrides)
    }

    fn from_text(
        text: &str,
        file: Option<PathBuf>,
        env: &read::Environment,
        overrides: &[Override],
    ) -> Result<Self, Vec<Mistake>> {
        let mut config = Self::default();
        let mut reading = read::Reading::new(&mut config, file.as_deref().and_then(Path::parent));
        reading.file(text);
        reading.environment(env);
        reading.overrides(overrides);
        let mut notes = reading.finish();
        check::whole(&config, &mut notes);
        let mistakes = notes.into_mistakes();
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        config.file = file;
        config.log.filter = env.get("KAIROS_LOG").filter(|filter| !filter.is_empty()).map(str::to_owned);
        config.data_dir = place::data_dir(config.store.data_dir.as_deref(), env);
        Ok(config)
    }
}

/// Returns the process's environment in the form [`Config::load`] takes.
///
/// A value that is not UTF-8 keeps a replacement character, which the reader reports; `std::env::vars` would panic.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
}
