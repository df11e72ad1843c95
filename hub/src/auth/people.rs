//! Accounts: made, listed, disabled, given a new password.

use kairos_core::change::Origin;
use kairos_core::command::{Rejection, RejectionCode};
use kairos_core::ids::{CommandId, UserId};
use kairos_core::principal::Principal;
use kairos_core::row::Row;
use kairos_core::schema::USERS;
use kairos_core::scope::Scope;
use kairos_core::{Millis, repair};

use super::standing::Person;
use super::{Auth, AuthError, password};
use crate::commands::Once;
use crate::store::{Account, Identity, StoreError, Tx};

/// How many accounts a home can have. Bounds what stands in memory.
const MAX_ACCOUNTS: u32 = 500;
/// The longest mail address there can be.
const MAX_EMAIL: usize = 254;

/// Somebody to make an account for, as typed. No `Debug`: it holds a password.
#[derive(Clone)]
pub struct NewPerson {
    /// The address they sign in with.
    pub email: String,
    /// Their password.
    pub password: String,
    /// The name others see.
    pub display_name: String,
    /// Whether they administer the hub.
    pub admin: bool,
    /// Their time zone, an IANA name; UTC when it is not known.
    pub tz: Option<String>,
}

/// An account as administrators see it. No `Debug`: it holds a name and a mail address.
#[derive(Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(example = json!({"user_id": "0190a7b2-1d20-7a3b-8c4d-5e6f7a8b9c0d", "email": "bo@example.org", "display_name": "Bo", "role": "member", "disabled": false, "leaving": false, "created_at": 1_795_514_400_000_i64}))]
pub struct PersonView {
    /// Whose.
    pub user_id: String,
    /// The address they sign in with.
    pub email: String,
    /// The name others see.
    pub display_name: String,
    /// `admin` or `member`.
    #[schema(example = "member")]
    pub role: String,
    /// Whether the account is disabled.
    pub disabled: bool,
    /// Whether the person leaves for good: they cannot come in any more, and the account goes when nothing of theirs is left.
    pub leaving: bool,
    /// When it was made, in milliseconds since the epoch.
    pub created_at: Millis,
}

/// A checked [`NewPerson`]: what is stored of it.
pub(super) struct Draft {
    user: UserId,
    pub(super) email: String,
    pub(super) display_name: String,
    admin: bool,
    tz: Option<String>,
    pub(super) password: String,
    /// Who they are at the provider: which one, who, and its sealed token.
    there: Option<(String, String, Option<Vec<u8>>)>,
}

impl Draft {
    /// Checks what was typed.
    pub(super) fn check(new: NewPerson, user: UserId) -> Result<Self, Rejection> {
        password::check(&new.password)?;
        Self::of(new, user)
    }

    /// Checks all but the password, of which nothing is stored where a provider has it.
    pub(super) fn of(new: NewPerson, user: UserId) -> Result<Self, Rejection> {
        let email = read_email(&new.email)?;
        let display_name = new.display_name.trim().to_owned();
        if display_name.is_empty() {
            return Err(Rejection::field("display_name", "A name is needed."));
        }
        for (name, value) in [("display_name", Some(&display_name)), ("tz", new.tz.as_ref())] {
            if let (Some(column), Some(value)) = (USERS.column(name), value) {
                repair::check(column, &value.as_str().into())
                    .map_err(|message| Rejection::field(name, format!("{name} {message}.")))?;
            }
        }
        Ok(Self { user, email, display_name, admin: new.admin, tz: new.tz, password: new.password, there: None })
    }

    /// They are known to a provider, and have the id here that they have in the other houses, else the one they have there.
    pub(super) fn is_there(
        &mut self,
        (provider, subject): (&str, &str),
        elsewhere: Option<UserId>,
        token: Option<Vec<u8>>,
    ) -> Result<(), AuthError> {
        let strange = |_| AuthError::Unavailable("the provider gave an id that is none".into());
        self.user = elsewhere.map_or_else(|| UserId::new(subject).map_err(strange), Ok)?;
        self.there = Some((provider.to_owned(), subject.to_owned(), token));
        Ok(())
    }

    /// Writes the account and, in the same transaction, the profile that others see and sync.
    pub(super) fn write(&self, tx: &mut Tx<'_>, password_hash: &str) -> Result<Account, StoreError> {
        if tx.account_of_email(&self.email)?.is_some() {
            return Err(Rejection {
                code: RejectionCode::Conflict,
                message: "There is already an account with this mail address.".into(),
                field: Some("email".into()),
            }
            .into());
        }
        if tx.account_count()? >= MAX_ACCOUNTS {
            return Err(
                Rejection::new(RejectionCode::Conflict, format!("A hub has at most {MAX_ACCOUNTS} accounts.")).into()
            );
        }
        let account = Account {
            user: self.user.clone(),
            email: self.email.clone(),
            password_hash: password_hash.to_owned(),
            admin: self.admin,
            created_at: tx.now(),
            disabled_at: None,
        };
        tx.add_account(&account)?;
        if let Some((provider, subject, token)) = self.there.clone() {
            let (user, checked_at) = (self.user.clone(), tx.now());
            tx.add_identity(&Identity { provider, subject, user, token, checked_at })?;
        }
        let scope = Scope::Person(self.user.clone());
        let mut row = Row::new(&USERS, self.user.as_str(), scope, self.user.clone(), tx.now());
        let at = tx.tick();
        row.stamp_all(&at);
        row.set("display_name", self.display_name.as_str(), &at);
        if let Some(tz) = &self.tz {
            row.set("tz", tz.as_str(), &at);
        }
        tx.put(&row, Origin::Local)?;
        if self.admin {
            // However the first administrator came about, the setup code has done its work.
            tx.set_setup_code(None)?;
        }
        Ok(account)
    }
}

/// Reads a mail address: trimmed, in lower case. A light check; only a letter would prove it.
///
/// # Errors
/// A [`Rejection`] that names the field.
pub fn read_email(typed: &str) -> Result<String, Rejection> {
    let email = typed.trim().to_lowercase();
    let plain = !email.chars().any(|letter| letter.is_whitespace() || letter.is_control());
    let halves = email.split_once('@').is_some_and(|(name, domain)| {
        !name.is_empty() && !domain.is_empty() && !domain.contains('@') && !domain.starts_with('.')
    });
    if plain && halves && email.len() <= MAX_EMAIL {
        Ok(email)
    } else {
        Err(Rejection::field("email", "This is not a mail address."))
    }
}

impl Auth {
    /// Makes an account with its profile.
    ///
    /// # Errors
    /// [`AuthError::Rejected`] names the field; [`AuthError::Busy`] when too many passwords wait.
    pub async fn add_person(&self, new: NewPerson) -> Result<PersonView, AuthError> {
        self.make_person(new, None).await
    }

    /// As [`Auth::add_person`], once for each id.
    ///
    /// # Errors
    /// As [`Auth::add_person`], and when it was made under this id before.
    pub(crate) async fn add_person_once(
        &self,
        by: &Principal,
        id: CommandId,
        new: NewPerson,
    ) -> Result<PersonView, AuthError> {
        // Without the password: a quick hash of one would be a gift.
        let asked = format!("add person {:?}", (read_email(&new.email)?, &new.display_name, new.admin, &new.tz));
        let once = Once::new(by, id, &asked);
        self.make_person(new, Some(once)).await
    }

    async fn make_person(&self, new: NewPerson, once: Option<Once>) -> Result<PersonView, AuthError> {
        let draft = Draft::check(new, UserId::mint(self.now(), crate::random::bytes()))?;
        let auth = self.clone();
        self.to_the_end(async move {
            let mut draft = draft;
            let (email, name) = (draft.email.clone(), draft.display_name.clone());
            // Somebody who is here already is not made there; why they cannot be made is said below.
            let taken = auth.0.store.read(move |snapshot| snapshot.account_of_email(&email)).await?.is_some();
            let there = if taken { None } else { auth.make_there(&draft).await? };
            let hash = match (&there, auth.0.provider.name()) {
                (Some(subject), Some(provider)) => {
                    draft.is_there((provider, subject), None, None).map(|()| String::new())?
                }
                _ => auth.0.hasher.hash(draft.password.clone()).await?,
            };
            let made = auth.0.store.write(move |tx| {
                if let Some(once) = once {
                    once.begin(tx)?;
                }
                draft.write(tx, &hash)
            });
            let made = made.await;
            if let (Err(_), Some(subject)) = (&made, &there) {
                auth.unmake_there(subject).await;
            }
            let account = made?;
            auth.account_made(&account);
            Ok(view(&account, name, false))
        })
        .await
    }

    pub(super) fn account_made(&self, account: &Account) {
        self.0.standing.set(&account.user, Person { admin: account.admin, disabled: false });
        if account.admin {
            self.setup_done();
        }
    }

    /// Every account, the oldest first.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] when the database cannot be read.
    pub async fn people(&self) -> Result<Vec<PersonView>, AuthError> {
        let read = self.0.store.read(|snapshot| {
            let (accounts, leaving) = (snapshot.accounts()?, snapshot.leaving()?);
            accounts
                .iter()
                .map(|account| {
                    let profile = snapshot.row(&USERS, account.user.as_str())?;
                    Ok(view(account, shown_name(profile), leaving.contains(&account.user)))
                })
                .collect()
        });
        Ok(read.await?)
    }

    /// One account.
    ///
    /// # Errors
    /// [`AuthError::Rejected`] when there is none of that id.
    pub async fn person(&self, user: &UserId) -> Result<PersonView, AuthError> {
        let user = user.clone();
        let read = self.0.store.read(move |snapshot| {
            let Some(account) = snapshot.account(&user)? else { return Err(Rejection::not_found("person").into()) };
            let profile = snapshot.row(&USERS, user.as_str())?;
            let leaving = snapshot.leaving()?.contains(&user);
            Ok(view(&account, shown_name(profile), leaving))
        });
        Ok(read.await?)
    }

    /// The first administrator's time zone: the best guess at that of a person of whom none is known.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] when the database cannot be read.
    pub async fn usual_zone(&self) -> Result<Option<String>, AuthError> {
        let read = self.0.store.read(|snapshot| {
            let Some(first) = snapshot.accounts()?.into_iter().find(|account| account.admin) else { return Ok(None) };
            Ok(snapshot.row(&USERS, first.user.as_str())?.map(|row| repair::repaired(&row).text("tz")))
        });
        Ok(read.await?)
    }

    /// The person a command line names, by mail address or id.
    ///
    /// # Errors
    /// [`AuthError::Rejected`] when there is none.
    pub async fn find_person(&self, named: &str) -> Result<UserId, AuthError> {
        let (email, id) = (named.trim().to_lowercase(), UserId::new(named));
        let read = self.0.store.read(move |snapshot| {
            if let Some(account) = snapshot.account_of_email(&email)? {
                return Ok(account.user);
            }
            if let Ok(id) = id
                && snapshot.account(&id)?.is_some()
            {
                return Ok(id);
            }
            Err(Rejection::not_found("person").into())
        });
        Ok(read.await?)
    }

    /// Disables an account: its sessions end, its tokens and devices are refused until it is enabled
    /// again, and its open connections close. Enabling does not bring sessions back.
    ///
    /// # Errors
    /// [`AuthError::Rejected`] for an unknown person and for the last administrator.
    pub async fn set_disabled(&self, user: &UserId, disabled: bool) -> Result<(), AuthError> {
        let (auth, user) = (self.clone(), user.clone());
        self.to_the_end(async move {
            let id = user.clone();
            let (admin, ended) = auth
                .0
                .store
                .write(move |tx| {
                    let Some(account) = tx.account(&id)? else { return Err(Rejection::not_found("person").into()) };
                    if disabled && account.admin && !tx.another_admin(&id)? {
                        let message = "The last administrator cannot be disabled.";
                        return Err(Rejection::new(RejectionCode::Conflict, message).into());
                    }
                    if !disabled && tx.has_left(&id)? {
                        let message = "This account is being deleted; there is no way back.";
                        return Err(Rejection::new(RejectionCode::Conflict, message).into());
                    }
                    let now = tx.now();
                    tx.set_disabled(&id, disabled.then_some(account.disabled_at.unwrap_or(now)))?;
                    let ended = if disabled { end_all(tx, &id, "disabled")? } else { Vec::new() };
                    Ok((account.admin, ended))
                })
                .await?;
            auth.0.standing.set(&user, Person { admin, disabled });
            auth.sessions_ended(ended);
            Ok(())
        })
        .await
    }

    /// Gives an account a new password and ends all its sessions.
    ///
    /// # Errors
    /// [`AuthError::Rejected`] for an unknown person or a password of the wrong length.
    pub async fn reset_password(&self, user: &UserId, new: String) -> Result<(), AuthError> {
        password::check(&new)?;
        let hash = self.0.hasher.hash(new).await?;
        let (auth, user) = (self.clone(), user.clone());
        let provider = self.0.provider.name();
        self.to_the_end(async move {
            let ended = auth
                .0
                .store
                .write(move |tx| {
                    if tx.account(&user)?.is_none() {
                        return Err(Rejection::not_found("person").into());
                    }
                    if let Some(provider) = provider
                        && tx.identity_of(provider, &user)?.is_some()
                    {
                        let message = "This account's password is kept by PocketBase. Change it there.";
                        return Err(Rejection::new(RejectionCode::Conflict, message).into());
                    }
                    tx.set_password(&user, &hash)?;
                    end_all(tx, &user, "password")
                })
                .await?;
            auth.sessions_ended(ended);
            Ok(())
        })
        .await
    }
}

pub(super) fn end_all(tx: &mut Tx<'_>, user: &UserId, why: &str) -> Result<Vec<String>, StoreError> {
    let sessions = tx.sessions_of(user)?;
    for session in &sessions {
        tx.end_session(session, why)?;
    }
    Ok(sessions)
}

fn shown_name(profile: Option<Row>) -> String {
    profile.map(|row| repair::sound(row).text("display_name")).unwrap_or_default()
}

fn view(account: &Account, display_name: String, leaving: bool) -> PersonView {
    PersonView {
        user_id: account.user.to_string(),
        email: account.email.clone(),
        display_name,
        role: if account.admin { "admin" } else { "member" }.to_owned(),
        disabled: account.disabled_at.is_some(),
        leaving,
        created_at: account.created_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_addresses_are_checked_lightly() {
        for good in [" Ada@Example.org ", "a@b", "ä@straße.example", "a+b@c.d"] {
            assert!(read_email(good).is_ok(), "{good}");
        }
        assert_eq!(read_email(" Ada@Example.ORG ").ok().as_deref(), Some("ada@example.org"));
        let long = format!("{}@b.c", "a".repeat(251));
        for bad in ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b\nc", "a@.b", "a\u{0}@b", long.as_str()] {
            assert!(read_email(bad).is_err(), "{bad:?}");
        }
    }
}
