//! Pairing a display: it shows a code, a person approves it and chooses what it shows.
//!
//! Codes live in memory only: they last ten minutes, and after a restart the display shows a new one.
//! An approved display is a device with a secret; its token is handed out once, to the one who asked
//! for the code.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use kairos_core::Millis;
use kairos_core::command::{Command, Fields, Outcome, Rejection, Wish};
use kairos_core::ids::{CommandId, DeviceId, UserId};
use kairos_core::principal::{Principal, Via};
use kairos_core::schema::DEVICES;

use super::throttle::Lane;
use super::{Auth, AuthError, secret};
use crate::net::network;

/// How long a code is good.
pub const LIFETIME: Millis = 10 * 60 * 1000;
/// How many codes wait at the same time, in all and from one address. Further ones are refused.
const PENDING: usize = 64;
const PENDING_EACH: usize = 5;

/// Codes that wait.
#[derive(Default)]
pub(super) struct Pairings(Mutex<HashMap<String, Pairing>>);

struct Pairing {
    poll_hash: [u8; 32],
    /// The network it was asked for from, as all throttles count addresses.
    from: IpAddr,
    expires_at: Millis,
    state: State,
}

enum State {
    Waiting,
    /// Somebody approved it; the device is being written.
    Approving,
    /// The token, until the display fetches it.
    Approved(String),
}

/// A code for a display to show. No `Debug`: it holds the secret it polls with.
pub struct NewPairing {
    /// As shown: `K7MF-2QXD`.
    pub code: String,
    /// What the display asks with, and nobody else.
    pub poll_secret: String,
}

/// What a person decided about a display.
#[derive(Clone, PartialEq, Eq)]
pub struct Approval {
    /// What the display is called.
    pub name: Option<String>,
    /// Whose day it shows: `me` or ids of people.
    pub show: Vec<String>,
    /// Whether deeds may be recorded on it, and as whom.
    pub act_as: Option<String>,
}

impl Pairings {
    fn living(&self, now: Millis) -> std::sync::MutexGuard<'_, HashMap<String, Pairing>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, pairing| pairing.expires_at > now);
        all
    }

    pub(super) fn sweep(&self, now: Millis) {
        drop(self.living(now));
    }
}

impl Auth {
    /// Makes a code for a display.
    ///
    /// # Errors
    /// [`AuthError::Throttled`], and [`AuthError::Busy`] when too many codes wait already.
    pub fn ask_pairing(&self, from: IpAddr) -> Result<NewPairing, AuthError> {
        self.0.throttle.address(Lane::Display, from)?;
        let (now, from) = (self.now(), network(from));
        let mut all = self.0.pairings.living(now);
        let theirs = all.values().filter(|pairing| pairing.from == from).count();
        if all.len() >= PENDING || theirs >= PENDING_EACH {
            return Err(AuthError::Busy);
        }
        let mut code = secret::code();
        while all.contains_key(&code) {
            code = secret::code();
        }
        let poll_secret = secret::mint("");
        let pairing = Pairing {
            poll_hash: secret::hash(&poll_secret),
            from,
            expires_at: now.saturating_add(LIFETIME),
            state: State::Waiting,
        };
        let shown = secret::shown(&code);
        all.insert(code, pairing);
        Ok(NewPairing { code: shown, poll_secret })
    }

    /// The display's token once it is approved, the first time it is asked for; `None` while it waits.
    ///
    /// # Errors
    /// [`AuthError::CodeGone`] when the code ran out or its token was fetched.
    pub fn poll_pairing(&self, poll_secret: &str) -> Result<Option<String>, AuthError> {
        let hash = secret::hash(poll_secret);
        let mut all = self.0.pairings.living(self.now());
        let found = all.iter().find(|(_, pairing)| secret::same(&pairing.poll_hash, &hash));
        let Some((code, pairing)) = found else { return Err(AuthError::CodeGone) };
        if !matches!(pairing.state, State::Approved(_)) {
            return Ok(None);
        }
        let code = code.clone();
        match all.remove(&code).map(|pairing| pairing.state) {
            Some(State::Approved(token)) => Ok(Some(token)),
            _ => Err(AuthError::CodeGone),
        }
    }

    /// Approves the display that shows a code; gives the device it became.
    ///
    /// # Errors
    /// [`AuthError::CodeGone`], [`AuthError::Throttled`]; [`AuthError::Rejected`] names the field, and
    /// the code can be approved again.
    pub async fn approve_pairing(
        &self,
        by: &Principal,
        code: &str,
        approval: &Approval,
    ) -> Result<DeviceId, AuthError> {
        self.0.throttle.named(Lane::Approve, by.user.as_str())?;
        let fields = fields(&by.user, approval)?;
        let code = secret::read_code(code).ok_or(AuthError::CodeGone)?;
        match self.0.pairings.living(self.now()).get_mut(&code) {
            Some(pairing) if matches!(pairing.state, State::Waiting) => pairing.state = State::Approving,
            _ => return Err(AuthError::CodeGone),
        }
        let (auth, by) = (self.clone(), by.clone());
        self.to_the_end(async move {
            let token = secret::mint(secret::DISPLAY_TOKEN);
            let device = DeviceId::mint(auth.now(), crate::random::bytes());
            let made = auth.add_device(&by, &device, fields, &token).await;
            if let Some(pairing) = auth.0.pairings.living(auth.now()).get_mut(&code) {
                pairing.state = if made.is_ok() { State::Approved(token) } else { State::Waiting };
            }
            made.map(|()| device)
        })
        .await
    }

    /// Adds a device with a secret, through the one door.
    ///
    /// # Errors
    /// [`AuthError::Rejected`] names the field.
    pub async fn add_device(
        &self,
        by: &Principal,
        id: &DeviceId,
        fields: Fields,
        device_secret: &str,
    ) -> Result<(), AuthError> {
        let wish = Wish::AddDevice { id: id.clone(), fields, secret_hash: secret::hash(device_secret).to_vec() };
        self.command(by, wish).await
    }

    /// Takes a device's access away, in its owner's name: for whoever has the machine itself.
    ///
    /// # Errors
    /// [`AuthError::Rejected`] when there is none of that id.
    pub async fn revoke_device(&self, id: &DeviceId) -> Result<(), AuthError> {
        let wanted = id.clone();
        let row = self.0.store.read(move |snapshot| snapshot.row(&DEVICES, wanted.as_str())).await?;
        let row = row.filter(|row| row.deleted_at.is_none()).ok_or_else(|| Rejection::not_found("device"))?;
        self.command(&self.acting_for(&row.user_id), Wish::RevokeDevice { id: id.clone() }).await
    }

    /// Somebody at the machine, acting for a person.
    #[must_use]
    pub fn acting_for(&self, user: &UserId) -> Principal {
        Principal { user: user.clone(), via: Via::Session, admin: false, scopes: self.scopes(user) }
    }

    /// Submits a command that is said once: its id is minted here.
    pub(super) async fn command(&self, by: &Principal, wish: Wish) -> Result<(), AuthError> {
        let id = CommandId::mint(self.now(), crate::random::bytes());
        match self.0.commands.submit(Command { id, by: by.clone(), wish }).await?.outcome {
            Outcome::Applied | Outcome::Unchanged => Ok(()),
            Outcome::Rejected(rejection) => Err(rejection.into()),
        }
    }
}

/// The device's columns. Showing somebody else takes that person's own word, which they cannot give
/// before there are households.
fn fields(me: &UserId, approval: &Approval) -> Result<Fields, Rejection> {
    let is_me = |person: &String| person == "me" || person == me.as_str();
    if approval.show.is_empty() {
        return Err(Rejection::field("show", "Choose whose day the display shows."));
    }
    if !approval.show.iter().all(is_me) {
        return Err(Rejection::field(
            "show",
            "A display can show your own day only, for now: other people have to agree themselves, which comes with households.",
        ));
    }
    if !approval.act_as.iter().all(is_me) {
        return Err(Rejection::field(
            "act_as",
            "A display can act as you only, for now: other people have to agree themselves, which comes with households.",
        ));
    }
    let act_as = approval.act_as.as_ref().map(|_| me.as_str());
    let config = serde_json::json!({ "show": [me.as_str()], "act_as": act_as });
    let name = approval.name.as_deref().map(str::trim).filter(|name| !name.is_empty()).unwrap_or("Display");
    Ok(Fields::from([
        ("name".to_owned(), name.into()),
        ("kind".to_owned(), "display".into()),
        ("config".to_owned(), config.to_string().into()),
    ]))
}
