//! What a hub beside the server does for other houses: it hands out logins of the database for a code.
//!
//! Each house gets a login of its own, which the server's administrator can drop alone. Codes live in memory: after a restart
//! of the relay a new one is made.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kairos_core::Millis;
use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection};

use super::fault::Fault;
use super::link;
use super::service::Service;
use crate::auth::secret;
use crate::config::{Config, HostName, TlsMode};

/// How long a code is good.
const LIFETIME: Millis = 3_600_000;
/// How many codes there are at once; one more takes the place of the oldest.
const MOST: usize = 10;

/// A relay. Cheap to clone.
#[derive(Clone)]
pub struct Relay(Arc<Inner>);

struct Inner {
    service: Service,
    powersync_url: Option<String>,
    /// Where other houses reach this hub, as far as its settings tell.
    address: Option<String>,
    /// Where other houses reach the database, without a login; and the authority they check it with.
    public: Option<(String, Option<String>)>,
    codes: Mutex<Vec<Code>>,
}

/// The address of the first name that is known beyond the home: behind a proxy on the port where https is at home, else on the
/// hub's own, if it has one.
fn address<'a>(mut names: impl Iterator<Item = &'a str>, proxied: bool, https: Option<u16>) -> Option<String> {
    const HOMES: [&str; 5] = [".local", ".lan", ".home", ".internal", ".home.arpa"];
    let name = names.find(|name| name.contains('.') && !HOMES.iter().any(|home| name.ends_with(home)))?;
    match https {
        _ if proxied => Some(format!("https://{name}")),
        Some(443) => Some(format!("https://{name}")),
        port => port.map(|port| format!("https://{name}:{port}")),
    }
}

/// A code that was made. No `Debug`.
struct Code {
    hash: [u8; 32],
    until: Millis,
    /// The house that used it, which may do so again until it ends: it tests, looks, and connects.
    used_by: Option<String>,
}

/// What a house connects with. No `Debug`: the address holds a password.
pub struct Given {
    /// The address of the database, with a login of the house's own.
    pub database_url: String,
    /// The authority in PEM to check its certificate with.
    pub ca: Option<String>,
    /// Where phones sync with the PowerSync Service.
    pub powersync_url: Option<String>,
}

/// Why a house is given nothing.
#[derive(Debug, thiserror::Error)]
pub enum NotGiven {
    /// The settings do not say where other houses reach the database.
    #[error("This hub does not know where other houses reach its database: set upstream.public_url.")]
    NoAddress,
    /// The code was never made, is too old, or another house has used it.
    #[error("The code is not valid, or not any more.")]
    Code,
    /// What is the matter with the server.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Relay {
    /// The one of the settings; `None`: this hub is none.
    ///
    /// # Errors
    /// Why the file of the authority cannot be read.
    pub(crate) fn of(config: &Config, service: Service) -> io::Result<Option<Self>> {
        let settings = &config.upstream;
        if !settings.relay {
            return Ok(None);
        }
        let ca = settings.public_ca.as_deref().map(std::fs::read_to_string).transpose()?;
        let public = settings.public_url.as_ref().map(|url| (url.expose().to_owned(), ca));
        let powersync_url = settings.powersync_url.as_ref().map(|url| url.as_str().to_owned());
        let https = (config.tls.mode != TlsMode::Off).then(|| config.http.https_listen.port());
        let names = config.http.names.iter().map(HostName::as_str);
        let address = address(names, !config.http.trusted_proxies.is_empty(), https);
        Ok(Some(Self(Arc::new(Inner { service, powersync_url, address, public, codes: Mutex::default() }))))
    }

    /// Where other houses reach this hub, as far as its settings tell.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.0.address.as_deref()
    }

    /// Where phones sync; `None`: with this hub.
    #[must_use]
    pub fn powersync_url(&self) -> Option<&str> {
        self.0.powersync_url.as_deref()
    }

    /// Replication, which says when something is on the server.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.0.service
    }

    /// Makes a code for one house; gives it as it is shown, and until when it is good.
    ///
    /// # Errors
    /// [`NotGiven::NoAddress`].
    pub fn make_code(&self, now: Millis) -> Result<(String, Millis), NotGiven> {
        if self.0.public.is_none() {
            return Err(NotGiven::NoAddress);
        }
        let (front, back) = (secret::code(), secret::code());
        let until = now + LIFETIME;
        let mut codes = self.codes();
        codes.retain(|code| code.until > now);
        if codes.len() >= MOST {
            codes.remove(0);
        }
        codes.push(Code { hash: secret::hash(format!("{front}{back}")), until, used_by: None });
        Ok((format!("{}-{}", secret::shown(&front), secret::shown(&back)), until))
    }

    /// Gives a house a login for a code.
    ///
    /// # Errors
    /// [`NotGiven`].
    pub async fn redeem(&self, typed: &str, hub: &str, now: Millis) -> Result<Given, NotGiven> {
        let Some((public, ca)) = &self.0.public else { return Err(NotGiven::NoAddress) };
        let hash = secret::hash(read(typed).ok_or(NotGiven::Code)?);
        let name = login(hub);
        {
            let mut codes = self.codes();
            codes.retain(|code| code.until > now);
            let code = codes.iter_mut().find(|code| secret::same(&code.hash, &hash)).ok_or(NotGiven::Code)?;
            match &code.used_by {
                Some(before) if *before != name => return Err(NotGiven::Code),
                _ => code.used_by = Some(name.clone()),
            }
        }
        let target = self.0.service.target().ok_or_else(|| Fault::Unreachable("no server is connected".into()))?;
        let mut connection = link::open(&link::options(&target)?).await?;
        let password = secret::device_password();
        grant(&mut connection, &name, &password).await?;
        let address = link::address(public)?.username(&name).password(&password);
        let database_url = address.to_url_lossy().to_string();
        Ok(Given { database_url, ca: ca.clone(), powersync_url: self.0.powersync_url.clone() })
    }

    // Held for a look and never across an await.
    fn codes(&self) -> MutexGuard<'_, Vec<Code>> {
        self.0.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The code as it is compared: without dashes and spaces, with letters that are misread made alike.
fn read(typed: &str) -> Option<String> {
    let plain: String = typed.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
    if plain.len() != 2 * secret::CODE || !plain.is_ascii() {
        return None;
    }
    let (front, back) = plain.split_at(secret::CODE);
    Some(format!("{}{}", secret::read_code(front)?, secret::read_code(back)?))
}

/// The name of a house's login: the same each time.
fn login(hub: &str) -> String {
    let digest = Sha256::digest(hub.as_bytes());
    digest[..6].iter().fold("kairos_house_".to_owned(), |name, byte| format!("{name}{byte:02x}"))
}

/// Makes a login that may do what a hub does, or gives it another password.
async fn grant(connection: &mut PgConnection, name: &str, password: &str) -> Result<(), Fault> {
    sqlx::query("RESET ROLE").execute(&mut *connection).await?;
    let sql = "SELECT format(CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = $1)
                 THEN 'ALTER ROLE %I LOGIN PASSWORD %L' ELSE 'CREATE ROLE %I LOGIN PASSWORD %L IN ROLE kairos_hub' END, $1, $2)";
    let sql: String = sqlx::query_scalar(sql).bind(name).bind(password).fetch_one(&mut *connection).await?;
    match sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map_err(Fault::from) {
        Err(Fault::Refused(why)) => {
            Err(Fault::Refused(format!("its login may not make logins for other houses ({why}); see deploy/postgres")))
        }
        other => other.map(drop),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_address_is_told_as_far_as_the_settings_tell_it() {
        let told = |names: &[&str], proxied, https| address(names.iter().copied(), proxied, https).unwrap_or_default();
        assert_eq!(told(&[], false, Some(8443)), "");
        assert_eq!(told(&["hub", "habits.local", "habits.home.arpa"], false, Some(8443)), "");
        assert_eq!(
            told(&["habits.local", "habits.example.org", "b.example"], false, Some(8443)),
            "https://habits.example.org:8443"
        );
        assert_eq!(told(&["habits.example.org"], false, Some(443)), "https://habits.example.org");
        assert_eq!(told(&["habits.example.org"], true, None), "https://habits.example.org");
        assert_eq!(told(&["habits.example.org"], false, None), "", "nobody answers in https, as far as is known");
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        assert_eq!(read("abcd-efgh-jkmn-pq01").unwrap(), "ABCDEFGHJKMNPQ01");
        assert_eq!(read("ABCD EFGH JKMN PQOL").unwrap(), "ABCDEFGHJKMNPQ01");
        for wrong in ["", "ABCD-EFGH", "ABCDEFGHJKMNPQ011", "ABCDEFGHJKMNPQ0!", "ÄBCDEFGHJKMNPQ0"] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
        assert_eq!(login("0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d").len(), "kairos_house_".len() + 12);
    }
}
