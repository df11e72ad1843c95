//! What a hub beside the server does for other houses: it hands out logins of the database for a code.
//!
//! Each code makes one login, under a name that nobody chooses, and touches no other: a house that looks with a new code goes on
//! with the login it has. Codes live in memory: after a restart of the relay a new one is made.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kairos_core::Millis;
use sqlx::{AssertSqlSafe, PgConnection};

use super::fault::Fault;
use super::link;
use super::service::Service;
use crate::auth::secret;
use crate::config::{Config, HostName, TlsMode};

/// How long a code is good.
const LIFETIME: Millis = 3_600_000;
/// How many codes there are at once; one more takes the place of the oldest.
const MOST: usize = 10;
/// How many connections a house may hold: its line, what wakes it, a sign-in or two, and those that a cut left behind.
const CONNECTIONS: usize = 16;

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
    /// Held while a login is made: one code makes one.
    making: tokio::sync::Mutex<()>,
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
    /// The house that used it, by a word that only it knows: it may do so again until the code ends, since it tests, looks, and
    /// connects.
    used_by: Option<[u8; 32]>,
    /// The login it made: name and password.
    login: Option<(String, String)>,
}

/// What a house connects with. No `Debug`: the address holds a password.
pub struct Given {
    /// The address of the database, with a login of the house's own.
    pub database_url: String,
    /// The authority in PEM to check its certificate with.
    pub ca: Option<String>,
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
        let (codes, making) = (Mutex::default(), tokio::sync::Mutex::default());
        Ok(Some(Self(Arc::new(Inner { service, powersync_url, address, public, codes, making }))))
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
        codes.push(Code { hash: secret::hash(format!("{front}{back}")), until, used_by: None, login: None });
        Ok((format!("{}-{}", secret::shown(&front), secret::shown(&back)), until))
    }

    /// Gives a house the login of a code, made when it is first brought; `word` is known to that house alone.
    ///
    /// # Errors
    /// [`NotGiven`].
    pub async fn redeem(&self, typed: &str, word: &str, now: Millis) -> Result<Given, NotGiven> {
        let Some((public, ca)) = &self.0.public else { return Err(NotGiven::NoAddress) };
        let hash = secret::hash(read(typed).ok_or(NotGiven::Code)?);
        let _making = self.0.making.lock().await;
        let made = self.take(&hash, secret::hash(word), now)?;
        let (name, password) = if let Some(login) = made {
            login
        } else {
            let target = self.0.service.target().ok_or_else(|| Fault::Unreachable("no server is connected".into()))?;
            let mut connection = link::open(&link::options(&target)?).await?;
            let login = (login(), secret::device_password());
            grant(&mut connection, &login.0, &login.1).await?;
            if let Some(code) = self.codes().iter_mut().find(|code| secret::same(&code.hash, &hash)) {
                code.login = Some(login.clone());
            }
            login
        };
        Ok(Given { database_url: with_login(public, &name, &password), ca: ca.clone() })
    }

    /// Takes a code for a house; gives the login that it made before, if it did.
    fn take(&self, hash: &[u8; 32], by: [u8; 32], now: Millis) -> Result<Option<(String, String)>, NotGiven> {
        let mut codes = self.codes();
        codes.retain(|code| code.until > now);
        let code = codes.iter_mut().find(|code| secret::same(&code.hash, hash)).ok_or(NotGiven::Code)?;
        if !secret::same(code.used_by.get_or_insert(by), &by) {
            return Err(NotGiven::Code);
        }
        Ok(code.login.clone())
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

/// The name of a login that nobody has: no house can ask for another's.
fn login() -> String {
    crate::random::bytes::<6>().iter().fold("kairos_house_".to_owned(), |name, byte| format!("{name}{byte:02x}"))
}

/// An address with a login in it; what else stands in it stays as an administrator wrote it.
fn with_login(public: &str, name: &str, password: &str) -> String {
    let (scheme, rest) = public.split_once("://").unwrap_or(("postgres", public));
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    // Both are of letters that an address holds as they are.
    format!("{scheme}://{name}:{password}@{host}{path}")
}

/// Makes a login that may do what a hub does.
async fn grant(connection: &mut PgConnection, name: &str, password: &str) -> Result<(), Fault> {
    sqlx::query("RESET ROLE").execute(&mut *connection).await?;
    // Refused where there is one of that name: no login that exists is ever changed.
    let sql = "SELECT format('CREATE ROLE %I LOGIN CONNECTION LIMIT %s PASSWORD %L IN ROLE kairos_hub', $1, $3, $2)";
    let limit = CONNECTIONS.to_string();
    let sql: String = sqlx::query_scalar(sql).bind(name).bind(password).bind(limit).fetch_one(&mut *connection).await?;
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
    }

    #[test]
    fn a_login_is_nobody_elses_and_stands_in_an_address_that_any_program_reads() {
        assert_eq!(login().len(), "kairos_house_".len() + 12);
        assert_ne!(login(), login());
        for (public, told) in [
            ("postgres://db.example.org/kairos", "postgres://n:p@db.example.org/kairos"),
            ("postgresql://x:y@db:5433/k?sslmode=require", "postgresql://n:p@db:5433/k?sslmode=require"),
            ("postgres://db?dbname=k@x", "postgres://n:p@db?dbname=k@x"),
        ] {
            assert_eq!(with_login(public, "n", "p"), told);
        }
    }
}
