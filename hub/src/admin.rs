//! What the command line asks of the hub, beside a running one or without.
//!
//! A running hub holds the lock on its data directory and keeps things in memory, so a second process
//! must not write beside it. It listens on `admin.sock` in the data directory (mode 0600, and only for
//! its own user and root): one request and one answer a connection, each a line of JSON. When nobody
//! listens there, the command line opens the store itself and does the same ([`carry_out`]).

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kairos_core::command::{Fields, Rejection};
use kairos_core::ids::DeviceId;
use kairos_core::schema::DEVICES;
use kairos_core::scope::Scope;
use kairos_core::{Millis, repair};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::auth::people::NewPerson;
use crate::auth::{Auth, AuthError, secret};
use crate::backup::Backups;
use crate::store::Store;
use crate::transfer;

/// How many requests are served at the same time. Further ones wait in the listener's queue.
const AT_ONCE: usize = 4;
/// How large a request or answer may be. The longest answer lists a few hundred people.
const MAX: u64 = 1 << 20;
/// How long one connection may take; a password may have to wait its turn.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a copy of the database may take.
const COPY: Duration = Duration::from_secs(3600);
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

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Done(Value),
    Refused(Refusal),
}

/// Where the hub of a data directory listens.
#[must_use]
pub fn socket(data_dir: &Path) -> PathBuf {
    data_dir.join("admin.sock")
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

/// Listens for the command line until dropped. A hub that cannot (a path too long for a socket, say)
/// runs without, and says so.
#[must_use]
pub fn serve(data_dir: &Path, auth: Auth, store: Store, backups: Backups) -> Option<AbortOnDropHandle<()>> {
    match bind(&socket(data_dir)) {
        Ok((listener, owner)) => {
            Some(AbortOnDropHandle::new(tokio::spawn(accept(listener, owner, (auth, store, backups)))))
        }
        Err(error) => {
            tracing::warn!(%error, "Commands such as `user add` will not reach this hub while it runs: there is no admin socket.");
            None
        }
    }
}

fn bind(path: &Path) -> io::Result<(UnixListener, u32)> {
    // The directory's lock is ours: a socket found there is left over.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok((listener, std::fs::metadata(path)?.uid()))
}

async fn accept(listener: UnixListener, owner: u32, (auth, store, backups): (Auth, Store, Backups)) {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut served = JoinSet::new();
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file handles, most likely: others will give some back.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        while served.try_join_next().is_some() {}
        // Between the socket's making and its mode, or through a directory open to all, a stranger may
        // have come in.
        if !stream.peer_cred().is_ok_and(|peer| peer.uid() == owner || peer.uid() == 0) {
            continue;
        }
        let (auth, store, backups) = (auth.clone(), store.clone(), backups.clone());
        served.spawn(async move {
            let answering = answer(stream, &auth, &store, (backups, permit));
            let _ = tokio::time::timeout(PATIENCE, answering).await;
        });
    }
}

async fn answer(
    mut stream: UnixStream,
    auth: &Auth,
    store: &Store,
    (backups, permit): (Backups, OwnedSemaphorePermit),
) -> io::Result<()> {
    let answer = match serde_json::from_str::<Request>(&read_line(&mut stream).await?) {
        Ok(request) if request.is_about_backups() => {
            // By itself: this hub may end while it is carried out, and whoever asked still hears how it went.
            tokio::spawn(async move {
                let answer = backups.carry_out(request).await.map_or_else(Answer::Refused, Answer::Done);
                let _ = tokio::time::timeout(PATIENCE, write_line(&mut stream, &answer)).await;
                drop(permit);
            });
            return Ok(());
        }
        Ok(request) if request.is_about_files() => {
            let (auth, store) = (auth.clone(), store.clone());
            tokio::spawn(async move {
                let answer = carry_out(&auth, &store, request).await.map_err(Refusal::from);
                let answer = answer.map_or_else(Answer::Refused, Answer::Done);
                let _ = tokio::time::timeout(PATIENCE, write_line(&mut stream, &answer)).await;
                drop(permit);
            });
            return Ok(());
        }
        Ok(request) => carry_out(auth, store, request).await.map_err(Refusal::from),
        Err(_) => Err(Refusal { usage: true, message: "This hub does not know that request.".into() }),
    };
    write_line(&mut stream, &answer.map_or_else(Answer::Refused, Answer::Done)).await
}

async fn read_line(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut line = Vec::new();
    let mut chunk = [0; 4096];
    while !line.contains(&b'\n') {
        let read = stream.read(&mut chunk).await?;
        let too_long = u64::try_from(line.len() + read).unwrap_or(u64::MAX) > MAX;
        if read == 0 || too_long {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.extend_from_slice(chunk.get(..read).unwrap_or_default());
    }
    String::from_utf8(line).map_err(|_| io::ErrorKind::InvalidData.into())
}

async fn write_line(stream: &mut UnixStream, what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    stream.write_all(&line).await
}

/// Asks the hub that runs on a data directory; `None` when none does.
///
/// # Errors
/// [`Refusal`], for a person.
pub async fn ask(data_dir: &Path, request: &Request) -> Option<Result<Value, Refusal>> {
    let mut stream = match UnixStream::connect(socket(data_dir)).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return None;
        }
        Err(error) => return Some(Err(error.into())),
    };
    let talk = async {
        write_line(&mut stream, request).await?;
        read_line(&mut stream).await
    };
    let patience = if request.is_about_backups() || request.is_about_files() { COPY } else { PATIENCE };
    let said = match tokio::time::timeout(patience, talk).await {
        Ok(said) => said,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    };
    Some(match said.map(|said| serde_json::from_str(&said)) {
        Ok(Ok(Answer::Done(value))) => Ok(value),
        Ok(Ok(Answer::Refused(refusal))) => Err(refusal),
        Ok(Err(_)) => Err(io::Error::from(io::ErrorKind::InvalidData).into()),
        Err(error) => Err(error.into()),
    })
}

#[cfg(test)]
mod tests;
