//! What the command line asks of the hub, beside a running one or without.
//!
//! A running hub holds the lock on its data directory and keeps things in memory, so a second process must not write
//! beside it: it is asked through a [`mod@socket`]. When nobody listens there, the command line opens the store itself and
//! does the same ([`carry_out`]).

mod socket;

use std::io;

use kairos_core::command::{Fields, Rejection};
use kairos_core::ids::DeviceId;
use kairos_core::schema::DEVICES;
use kairos_core::scope::Scope;
use kairos_core::{Millis, repair};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use socket::{ask, serve, socket};

use crate::auth::people::NewPerson;
use crate::auth::{Auth, AuthError, secret};
use crate::store::Store;
use crate::transfer;

/// How many devices of one person are listed.
const MOST: usize = 1000;

/// What may be asked. No `Debug`: it holds passwords.
#[derive(Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Make an account.
    UserAdd {
        /// The address they sign in with.
        email: String,
        /// The name others see.
        name: String,
        /// Their password.
        password: String,
        /// Whether they administer the hub.
        admin: bool,
        /// Their time zone; the first administrator's when it is not given.
        tz: Option<String>,
    },
    /// Every account.
    UserList,
    /// Disable an account.
    UserDisable {
        /// Mail address or id.
        user: String,
    },
    /// Enable it again.
    UserEnable {
        /// Mail address or id.
        user: String,
    },
    /// Delete an account with all that is its person's.
    UserDelete {
        /// Mail address or id.
        user: String,
    },
    /// Give an account a new password.
    UserResetPassword {
        /// Mail address or id.
        user: String,
        /// The new one.
        password: String,
    },
    /// Make an API token.
    TokenCreate {
        /// Mail address or id.
        user: String,
        /// What it is called.
        name: String,
    },
    /// Add a device.
    DeviceAdd {
        /// Mail address or id of its owner.
        user: String,
        /// What it is called.
        name: String,
        /// `button` or `board`.
        kind: String,
    },
    /// Every device.
    DeviceList,
    /// Take a device's access away.
    DeviceRevoke {
        /// Its id.
        device: String,
    },
    /// Copy the database into a new file.
    Backup {
        /// Its absolute path.
        file: String,
    },
    /// Say what restoring a file would do.
    RestorePlan {
        /// Its absolute path.
        file: String,
    },
    /// Restore a file; the hub starts again.
    Restore {
        /// Its absolute path.
        file: String,
    },
    /// Write a person's data into a new file.
    Export {
        /// Mail address or id.
        user: String,
        /// `json`, `csv` or `loop`.
        format: String,
        /// Its absolute path.
        file: String,
    },
    /// Take a person's data in from a file.
    Import {
        /// Mail address or id.
        user: String,
        /// Its absolute path.
        file: String,
        /// Only say what would come in.
        dry_run: bool,
    },
    /// The setup code.
    SetupCode {
        /// A new one, with ten tries.
        renew: bool,
    },
}

impl Request {
    /// Whether it may make the hub it asks: a machine can be prepared with its first account, or with a setup code,
    /// before the hub runs for the first time.
    #[must_use]
    pub fn prepares(&self) -> bool {
        matches!(self, Self::UserAdd { .. } | Self::SetupCode { .. })
    }

    /// Whether it is about a person's whole data, and takes as long as that is large.
    fn is_about_files(&self) -> bool {
        matches!(self, Self::Export { .. } | Self::Import { .. })
    }

    /// Whether it is about the database as a whole: it takes as long as that is large, and outlives the hub that was asked.
    fn is_about_backups(&self) -> bool {
        matches!(self, Self::Backup { .. } | Self::RestorePlan { .. } | Self::Restore { .. })
    }
}

/// A refusal, or why nothing is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Whether what was asked cannot be right, however often it is asked.
    pub usage: bool,
    /// A sentence.
    pub message: String,
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        use kairos_core::command::RejectionCode::Invalid;
        let usage = matches!(&error, AuthError::Rejected(Rejection { code: Invalid, .. }));
        Self { usage, message: error.to_string() }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self { usage: false, message: format!("The hub did not answer: {error}.") }
    }
}

/// Does what was asked.
///
/// # Errors
/// [`AuthError`], for a person.
pub async fn carry_out(auth: &Auth, store: &Store, request: Request) -> Result<Value, AuthError> {
    let person = async |user: &str| auth.person(&auth.find_person(user).await?).await;
    match request {
        Request::UserAdd { email, name, password, admin, tz } => {
            let tz = if tz.is_some() { tz } else { auth.usual_zone().await? };
            let new = NewPerson { email, password, display_name: name, admin, tz };
            Ok(json!(auth.add_person(new).await?))
        }
        Request::UserList => Ok(json!({ "items": auth.people().await? })),
        Request::UserDisable { user } => {
            auth.set_disabled(&auth.find_person(&user).await?, true).await?;
            Ok(json!(person(&user).await?))
        }
        Request::UserEnable { user } => {
            auth.set_disabled(&auth.find_person(&user).await?, false).await?;
            Ok(json!(person(&user).await?))
        }
        Request::UserDelete { user } => {
            let leaving = auth.leave(&auth.find_person(&user).await?).await?;
            let mut answer = json!(leaving);
            answer["message"] = auth.stays_there().into();
            Ok(answer)
        }
        Request::UserResetPassword { user, password } => {
            auth.reset_password(&auth.find_person(&user).await?, password).await?;
            Ok(json!(person(&user).await?))
        }
        Request::TokenCreate { user, name } => Ok(json!(auth.add_token(&auth.find_person(&user).await?, &name).await?)),
        Request::DeviceAdd { user, name, kind } => add_device(auth, store, &user, &name, &kind).await,
        Request::DeviceList => list_devices(store).await,
        Request::DeviceRevoke { device } => {
            let id = DeviceId::new(device).map_err(|_| Rejection::not_found("device"))?;
            auth.revoke_device(&id).await?;
            Ok(json!({ "device_id": id, "status": "revoked" }))
        }
        Request::Backup { .. } | Request::RestorePlan { .. } | Request::Restore { .. } => {
            Err(AuthError::Forbidden("This is not asked here."))
        }
        Request::Export { user, format, file } => {
            transfer::write_file(store, &auth.find_person(&user).await?, &format, &file).await
        }
        Request::Import { user, file, dry_run } => {
            transfer::read_file(auth, store, &auth.find_person(&user).await?, &file, dry_run).await
        }
        Request::SetupCode { renew } => {
            let code = match (renew, auth.setup_code()) {
                (true, _) => auth.renew_setup_code().await?,
                (false, Some(code)) => code,
                (false, None) if auth.setup_needed() => return Err(AuthError::CodeSpent),
                (false, None) => return Err(AuthError::AlreadySetUp),
            };
            Ok(json!({ "setup_code": code }))
        }
    }
}

async fn add_device(auth: &Auth, store: &Store, user: &str, name: &str, kind: &str) -> Result<Value, AuthError> {
    if !matches!(kind, "button" | "board") {
        return Err(Rejection::field("kind", "kind is button or board; other kinds come later.").into());
    }
    let by = auth.acting_for(&auth.find_person(user).await?);
    let id = DeviceId::mint(store.clock().now(), crate::random::bytes());
    let fields: Fields = [("name", name), ("kind", kind), ("hub_id", &store.identity().hub_id)]
        .map(|(name, value)| (name.to_owned(), value.into()))
        .into();
    let password = secret::device_password();
    auth.add_device(&by, &id, fields, &password).await?;
    let topic = format!("kairos/device/{id}");
    Ok(json!({ "device_id": id, "username": id, "password": password, "topic": topic }))
}

async fn list_devices(store: &Store) -> Result<Value, AuthError> {
    let items = store.read(|snapshot| {
        let mut items = Vec::new();
        for account in snapshot.accounts()? {
            let scope = Scope::Person(account.user);
            for row in
                snapshot.rows_in(&DEVICES, std::slice::from_ref(&scope), "", MOST)?.into_iter().map(repair::sound)
            {
                let seen: Option<Millis> = snapshot.device_last_seen(&row.id)?;
                items.push(json!({
                    "device_id": row.id, "name": row.text("name"), "kind": row.text("kind"),
                    "status": row.text("status"), "user": account.email, "last_seen_at": seen,
                }));
            }
        }
        Ok(items)
    });
    Ok(json!({ "items": items.await? }))
}
