//! The first start: a code that lets the first administrator in, once.
//!
//! The code stands readable in the database (mode 0600): it is printed on the console and written to
//! run.json anyway, `setup-code` has to find it again, and with 40 bits and ten tries it is a lock for
//! the network and no secret from whoever can read the hub's files. It is gone with the first
//! administrator, so no backup of a hub in use holds one.
//!
//! A code that was tried ten times opens nothing any more. A new one takes somebody at the machine:
//! `setup-code --renew`, or a restart.

use std::net::IpAddr;
use std::path::Path;

use kairos_core::ids::UserId;
use tokio::sync::watch;

use super::people::{Draft, NewPerson};
use super::sessions::{Channel, Grant};
use super::throttle::Lane;
use super::{Auth, AuthError, OpenError, secret};
use crate::store::{Account, Store, StoreError, StoredCode, Tx};

/// How often a code may be tried.
const TRIES: u32 = 10;
/// How long a configured code is, dashes not counted.
const SHORTEST: usize = 6;
const LONGEST: usize = 64;
/// The file that sets it, beside the configuration.
const FILE: &str = "setup-code";

/// Whether this hub waits for its first administrator. No `Debug`: it holds the code.
#[derive(Clone, PartialEq, Eq)]
pub struct Setup {
    /// Whether nobody administers this hub yet.
    pub needed: bool,
    /// The code as it is shown, while it can still be used.
    pub code: Option<String>,
}

impl Setup {
    fn of(stored: Option<&StoredCode>, has_admin: bool) -> Self {
        let usable = stored.filter(|stored| stored.tries_left > 0 && !has_admin);
        Self { needed: !has_admin, code: usable.map(|stored| stored.code.clone()) }
    }
}

/// The code in a file `setup-code` beside the configuration: for flashing images.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn beside(config: &Path) -> std::io::Result<Option<String>> {
    match std::fs::read_to_string(config.with_file_name(FILE)) {
        Ok(code) => Ok(Some(code.trim().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Checks a configured code.
pub(super) fn read_configured(code: Option<&str>) -> Result<Option<String>, OpenError> {
    match code {
        Some(code) if !(SHORTEST..=LONGEST).contains(&plain(code).len()) => Err(OpenError::SetupCode(format!(
            "The configured setup code needs {SHORTEST} to {LONGEST} letters and digits."
        ))),
        code => Ok(code.map(str::to_owned)),
    }
}

/// A code as it is compared: without dashes and spaces, and with letters that are misread made alike.
fn plain(code: &str) -> String {
    code.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| match letter.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect()
}

/// What the first start leaves, and later starts find.
pub(super) async fn at_start(store: &Store, configured: Option<String>) -> Result<Setup, StoreError> {
    store
        .write(move |tx| {
            if tx.has_admin()? {
                tx.set_setup_code(None)?;
                return Ok(Setup::of(None, true));
            }
            let stored = tx.setup_code()?.filter(|stored| stored.tries_left > 0);
            let stays = match (&stored, &configured) {
                (Some(stored), Some(configured)) => stored.code == *configured,
                (stored, None) => stored.is_some(),
                (None, Some(_)) => false,
            };
            let code = match stored {
                Some(stored) if stays => stored,
                _ => StoredCode { code: configured.unwrap_or_else(fresh), tries_left: TRIES },
            };
            tx.set_setup_code(Some(&code))?;
            Ok(Setup::of(Some(&code), false))
        })
        .await
}

fn fresh() -> String {
    secret::shown(&secret::code())
}

enum Try {
    Right,
    Wrong(u32),
    Spent,
    Done,
}

fn try_code(tx: &mut Tx<'_>, typed: &str) -> Result<Try, StoreError> {
    if tx.has_admin()? {
        return Ok(Try::Done);
    }
    let Some(mut stored) = tx.setup_code()?.filter(|stored| stored.tries_left > 0) else { return Ok(Try::Spent) };
    if secret::same(plain(typed).as_bytes(), plain(&stored.code).as_bytes()) {
        return Ok(Try::Right);
    }
    stored.tries_left -= 1;
    tx.set_setup_code(Some(&stored))?;
    Ok(Try::Wrong(stored.tries_left))
}

impl Auth {
    /// Whether this hub waits for its first administrator. Cheap.
    #[must_use]
    pub fn setup_needed(&self) -> bool {
        self.0.setup.borrow().needed
    }

    /// Hears of every change, the present state included: who shows the code shows the newest.
    #[must_use]
    pub fn watch_setup(&self) -> watch::Receiver<Setup> {
        self.0.setup.subscribe()
    }

    /// Makes the first administrator and signs them in. The code then works no more.
    ///
    /// # Errors
    /// [`AuthError::WrongCode`], [`AuthError::CodeSpent`], [`AuthError::AlreadySetUp`],
    /// [`AuthError::Throttled`]; [`AuthError::Rejected`] names a field, and costs no try.
    pub async fn set_up(
        &self,
        code: &str,
        first: NewPerson,
        from: IpAddr,
        host: Option<String>,
        channel: Channel,
        device_name: &str,
    ) -> Result<Grant, AuthError> {
        if !self.setup_needed() {
            return Err(AuthError::AlreadySetUp);
        }
        self.0.throttle.address(Lane::Setup, from)?;
        let mut draft =
            Draft::check(NewPerson { admin: true, ..first }, UserId::mint(self.now(), crate::random::bytes()))?;
        // The code first, the costly hash after; and the code once more with the deed itself.
        self.try_setup_code(code.to_owned()).await?;
        let hash = if self.0.provider.name().is_some() {
            self.first_there(&mut draft).await?;
            String::new()
        } else {
            self.0.hasher.hash(draft.password.clone()).await?
        };
        let (auth, code) = (self.clone(), code.to_owned());
        let account = self
            .to_the_end(async move {
                let account: Option<Account> = auth
                    .0
                    .store
                    .write(move |tx| {
                        if !matches!(try_code(tx, &code)?, Try::Right) {
                            return Ok(None);
                        }
                        if let Some(host) = host {
                            tx.set_setup_host(&host)?;
                        }
                        draft.write(tx, &hash).map(Some)
                    })
                    .await?;
                // Somebody else was a moment quicker.
                let account = account.ok_or(AuthError::AlreadySetUp)?;
                auth.account_made(&account);
                tracing::info!("This hub is set up.");
                Ok(account)
            })
            .await?;
        self.begin_session(&account, channel, device_name).await
    }

    async fn try_setup_code(&self, code: String) -> Result<(), AuthError> {
        let auth = self.clone();
        self.to_the_end(async move {
            match auth.0.store.write(move |tx| try_code(tx, &code)).await? {
                Try::Right => Ok(()),
                Try::Done => Err(AuthError::AlreadySetUp),
                Try::Spent => Err(AuthError::CodeSpent),
                Try::Wrong(0) => {
                    tracing::warn!(
                        "The setup code was tried too often; `kairos-hub setup-code --renew` makes a new one."
                    );
                    auth.0.setup.send_modify(|setup| setup.code = None);
                    Err(AuthError::CodeSpent)
                }
                Try::Wrong(left) => Err(AuthError::WrongCode(left)),
            }
        })
        .await
    }

    /// The setup code as it is shown, while it can be used.
    #[must_use]
    pub fn setup_code(&self) -> Option<String> {
        self.0.setup.borrow().code.clone()
    }

    /// Puts a new setup code with ten tries in place of the one before.
    ///
    /// # Errors
    /// [`AuthError::AlreadySetUp`].
    pub async fn renew_setup_code(&self) -> Result<String, AuthError> {
        let auth = self.clone();
        self.to_the_end(async move {
            let setup = auth.0.store.write(|tx| {
                let has_admin = tx.has_admin()?;
                let code = StoredCode { code: fresh(), tries_left: TRIES };
                tx.set_setup_code(if has_admin { None } else { Some(&code) })?;
                Ok(Setup::of(Some(&code), has_admin))
            });
            let setup = setup.await?;
            auth.0.setup.send_replace(setup.clone());
            setup.code.ok_or(AuthError::AlreadySetUp)
        })
        .await
    }

    /// The name of this hub under which setup was completed: it stays allowed as a `Host`.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] when the database cannot be read.
    pub async fn setup_host(&self) -> Result<Option<String>, AuthError> {
        #[allow(clippy::redundant_closure_for_method_calls)] // the method alone is not general enough
        let read = self.0.store.read(|snapshot| snapshot.setup_host());
        Ok(read.await?)
    }

    pub(super) fn setup_done(&self) {
        self.0.setup.send_if_modified(|setup| {
            let done = Setup::of(None, true);
            let differs = *setup != done;
            *setup = done;
            differs
        });
    }
}
