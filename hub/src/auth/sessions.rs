//! Signing in, staying in, signing out.
//!
//! A session is one device a person signed in on; its refresh tokens are a family, one after another.
//! The successor of a token is derived from it with the hub's secret: a client whose answer was lost
//! asks again and gets the same one, so a family never has two living tokens, and a copy that somebody
//! else uses is always found out at the next use by the other of the two.

use std::net::IpAddr;

use kairos_core::Millis;
use kairos_core::ids::UserId;

use super::throttle::Lane;
use super::{Auth, AuthError, jwt, people, secret};
use crate::store::{Account, Session, StoreError, Tx};

/// How long a session lives unless its refresh token is used.
pub const LIFETIME: Millis = 90 * 24 * 60 * 60 * 1000;
/// How long after its use a refresh token may be shown again: an answer was lost, or two tabs asked at
/// the same moment.
const GRACE: Millis = 60 * 1000;
/// How many devices a person is signed in on. A further one ends the session unused for longest.
const MAX_SESSIONS: usize = 64;
/// How much of a device's name is kept.
const MAX_DEVICE_NAME: usize = 100;

/// By which way the refresh token travels. Each is a family of its own: a token that came by one is
/// refused on another, so that a cookie of the plain page never opens the encrypted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// In bodies: apps and scripts.
    Body,
    /// In a cookie of the page served over https.
    SecureCookie,
    /// In a cookie of the page served over plain http.
    LanCookie,
}

impl Channel {
    /// Its name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::SecureCookie => "cookie_https",
            Self::LanCookie => "cookie_http",
        }
    }
}

/// What somebody who signed in holds. No `Debug`: it holds tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct Grant {
    /// For requests, 15 minutes.
    pub access_token: String,
    /// For the next grant, 90 days.
    pub refresh_token: String,
    /// Who they are.
    pub user: UserId,
    /// The session.
    pub session: String,
}

impl Auth {
    /// Signs a person in on a device.
    ///
    /// # Errors
    /// [`AuthError::WrongLogin`] whatever is wrong, [`AuthError::Throttled`], [`AuthError::Busy`],
    /// [`AuthError::UpstreamDown`] when only the provider could tell; [`AuthError::Rejected`] when it vouches for somebody
    /// with the mail address of an account that was not linked.
    pub async fn login(
        &self,
        email: &str,
        password: String,
        from: IpAddr,
        channel: Channel,
        device_name: &str,
    ) -> Result<Grant, AuthError> {
        // What cannot be an address is nobody's, and takes the same way.
        let email = people::read_email(email).unwrap_or_default();
        let admitted = self.0.throttle.login(from, &email)?;
        if password.chars().count() > *super::password::LENGTH.end() {
            return Err(AuthError::WrongLogin);
        }
        let (named, provider) = (email.clone(), self.0.provider.name());
        let found = self.0.store.read(move |snapshot| {
            let Some(account) = snapshot.account_of_email(&named)? else { return Ok(None) };
            // Where a provider vouches for them its password counts, and no other.
            let linked = provider.map(|provider| snapshot.identity_of(provider, &account.user)).transpose()?.flatten();
            Ok(Some(account).filter(|account| linked.is_none() && !account.password_hash.is_empty()))
        });
        let account = found.await?;
        let stored = account.as_ref().map(|account| account.password_hash.clone());
        // Both ways are gone in the same order for everybody, so that their times tell nothing: first what only this hub
        // knows, which also serves while the provider is away, then what the provider knows.
        let fits = self.0.hasher.verify(password.clone(), stored).await?;
        let account = match provider {
            Some(_) if !fits => self.login_there(&email, &password).await?,
            _ => account.filter(|_| fits),
        };
        let account = account.filter(|account| account.disabled_at.is_none()).ok_or(AuthError::WrongLogin)?;
        self.0.throttle.succeeded(&admitted);
        self.begin_session(&account, channel, device_name).await
    }

    /// Begins a session for a person whose password (or setup code) was right.
    pub(super) async fn begin_session(
        &self,
        account: &Account,
        channel: Channel,
        device_name: &str,
    ) -> Result<Grant, AuthError> {
        let now = self.now();
        let refresh_token = secret::mint(secret::REFRESH_TOKEN);
        let hash = secret::hash(&refresh_token);
        let session = Session {
            id: self.mint_id(),
            user: account.user.clone(),
            channel: channel.as_str().to_owned(),
            device_name: device_name.chars().filter(|letter| !letter.is_control()).take(MAX_DEVICE_NAME).collect(),
            created_at: now,
            expires_at: now.saturating_add(LIFETIME),
            ended_at: None,
        };
        let (user, id, verified) = (account.user.clone(), session.id.clone(), account.password_hash.clone());
        let auth = self.clone();
        self.to_the_end(async move {
            let ended = auth.0.store.write(move |tx| {
                // The account may have been disabled, or its password replaced, while the old one was
                // being verified.
                let stands = tx
                    .account(&session.user)?
                    .is_some_and(|account| account.disabled_at.is_none() && account.password_hash == verified);
                if stands { make_room_and_add(tx, &session, &hash).map(Some) } else { Ok(None) }
            });
            let ended = ended.await?.ok_or(AuthError::WrongLogin)?;
            auth.sessions_ended(ended);
            Ok(())
        })
        .await?;
        self.grant(user, id, refresh_token)
    }

    /// Exchanges a refresh token for its successor and a new access token.
    ///
    /// # Errors
    /// [`AuthError::Refused`] when it is unknown, came by another way, ran out, or was used before
    /// (in which case its session ends), [`AuthError::Throttled`].
    pub async fn refresh(&self, refresh_token: &str, channel: Channel) -> Result<Grant, AuthError> {
        if !is_refresh_token(refresh_token) {
            return Err(AuthError::Refused);
        }
        let hash = secret::hash(refresh_token);
        let next = self.0.keys.successor(refresh_token);
        let next_hash = secret::hash(&next);
        self.ask_about(hash).await?;
        let auth = self.clone();
        let found = self
            .to_the_end(async move {
                let outcome = auth.0.store.write({
                    let auth = auth.clone();
                    move |tx| rotate(&auth, tx, &hash, &next_hash, channel)
                });
                match outcome.await? {
                    Rotation::Refused => Err(AuthError::Refused),
                    Rotation::Throttled(error) => Err(error),
                    Rotation::UsedBefore(session) => {
                        tracing::warn!("A refresh token was used twice; its session was ended.");
                        auth.sessions_ended(vec![session]);
                        Err(AuthError::Refused)
                    }
                    Rotation::Done(session) => Ok(session),
                }
            })
            .await?;
        self.grant(found.user, found.id, next)
    }

    /// Ends the session a refresh token belongs to. One that is unknown changes nothing.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] when the database cannot be written.
    pub async fn logout(&self, refresh_token: &str, channel: Channel) -> Result<(), AuthError> {
        if !is_refresh_token(refresh_token) {
            return Ok(());
        }
        let hash = secret::hash(refresh_token);
        let auth = self.clone();
        self.to_the_end(async move {
            let ended = auth.0.store.write(move |tx| {
                let Some(found) = tx.refresh_token(&hash)? else { return Ok(Vec::new()) };
                if found.session.channel != channel.as_str() {
                    return Ok(Vec::new());
                }
                tx.end_session(&found.session.id, "signed out")?;
                Ok(vec![found.session.id])
            });
            let ended = ended.await?;
            auth.sessions_ended(ended);
            Ok(())
        })
        .await
    }

    /// Ends a session by its id.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] when the database cannot be written.
    pub async fn end_session(&self, session: &str) -> Result<(), AuthError> {
        let (auth, session) = (self.clone(), session.to_owned());
        self.to_the_end(async move {
            let id = session.clone();
            if auth.0.store.write(move |tx| tx.end_session(&id, "signed out")).await? {
                auth.sessions_ended(vec![session]);
            }
            Ok(())
        })
        .await
    }

    pub(super) fn sessions_ended(&self, sessions: Vec<String>) {
        let now = self.now();
        for session in sessions {
            self.0.standing.end_session(session, now);
        }
    }

    fn grant(&self, user: UserId, session: String, refresh_token: String) -> Result<Grant, AuthError> {
        let person = self.0.standing.active(&user).ok_or(AuthError::Refused)?;
        let access_token = self
            .0
            .tokens
            .issue(&self.0.keys, user.as_str(), &session, person.admin, self.now())
            .ok_or_else(|| AuthError::Unavailable("no key can sign".into()))?;
        Ok(Grant { access_token, refresh_token, user, session })
    }

    /// For how many seconds an access token is good.
    #[must_use]
    pub fn access_lifetime() -> i64 {
        jwt::LIFETIME
    }
}

fn is_refresh_token(text: &str) -> bool {
    text.len() == secret::REFRESH_TOKEN.len() + 43 && text.starts_with(secret::REFRESH_TOKEN)
}

fn make_room_and_add(tx: &mut Tx<'_>, session: &Session, hash: &[u8]) -> Result<Vec<String>, StoreError> {
    let mut ended = tx.sessions_of(&session.user)?;
    ended.truncate((ended.len() + 1).saturating_sub(MAX_SESSIONS));
    for id in &ended {
        tx.end_session(id, "too many")?;
    }
    tx.add_session(session, hash)?;
    Ok(ended)
}

enum Rotation {
    Done(Session),
    Refused,
    Throttled(AuthError),
    UsedBefore(String),
}

fn rotate(auth: &Auth, tx: &mut Tx<'_>, hash: &[u8], next: &[u8], channel: Channel) -> Result<Rotation, StoreError> {
    let now = tx.now();
    let Some(found) = tx.refresh_token(hash)? else { return Ok(Rotation::Refused) };
    let session = found.session;
    let lives = session.ended_at.is_none() && now < session.expires_at;
    let person = auth.0.standing.active(&session.user);
    if !lives || person.is_none() || session.channel != channel.as_str() {
        return Ok(Rotation::Refused);
    }
    match found.used_at {
        Some(used_at) if now > used_at.saturating_add(GRACE) => {
            tx.end_session(&session.id, "reused")?;
            Ok(Rotation::UsedBefore(session.id))
        }
        // The successor is there already: nothing to write.
        Some(_) => Ok(Rotation::Done(session)),
        None => {
            // Each use writes a row that is kept; this bounds how many.
            if let Err(error) = auth.0.throttle.named(Lane::Refresh, &session.id) {
                return Ok(Rotation::Throttled(error));
            }
            tx.rotate(&session.id, hash, next, now.saturating_add(LIFETIME))?;
            Ok(Rotation::Done(session))
        }
    }
}

/// What a device calls itself, short, from its `User-Agent`.
#[must_use]
pub fn device_name(user_agent: &str) -> String {
    let find = |table: &[(&str, &'static str)]| {
        table.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    // Order matters: Edge and Opera say Chrome too, and everybody says Safari.
    let browser = find(&[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("CriOS/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = find(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("CrOS", "ChromeOS"),
        ("Windows", "Windows"),
        ("Mac OS X", "Mac"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        _ => {
            let product = user_agent.split([' ', '(']).next().unwrap_or_default();
            let name: String = product.chars().filter(char::is_ascii_graphic).take(40).collect();
            if name.is_empty() { "Unknown device".to_owned() } else { name }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_get_a_short_name() {
        for (agent, name) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1",
                "Safari on iPhone",
            ),
            ("curl/8.5.0", "curl/8.5.0"),
            ("", "Unknown device"),
            ("\u{1b}[2J", "[2J"),
        ] {
            assert_eq!(device_name(agent), name);
        }
    }
}
